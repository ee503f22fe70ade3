"""What placeholders stand for: the values of one job, ready to be filled into its texts.

Pure. Quoting is not done here; where outputs are staged is the caller's to say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from fileflow.errors import FileflowError, did_you_mean
from fileflow.language.config import below
from fileflow.language.templates import (
    FillOptions,
    Lookup,
    PathText,
    Placeholder,
    Value,
    fill_plain,
    modified,
    parse_plain,
    path_values,
)
from fileflow.language.yaml_nodes import Mapping as Tree
from fileflow.language.yaml_nodes import Node, Scalar, python_value, scalar_value
from fileflow.language.yaml_nodes import Sequence as List
from fileflow.lean import dataclass, field, lazy_regex
from fileflow.model.rules import Call, Kind

if TYPE_CHECKING:
    from fileflow.planning.tables import RuleTable

_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
Step = str | int | Lookup
PLAIN_OPTIONS = FillOptions(".", lambda _: "")


Paths = str | list[str] | None


@dataclass(frozen=True, slots=True)
class Part:
    """One input as an action gets it: its name, and its path or paths; None for an absent one."""

    name: str | None
    paths: Paths
    order_only: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """What an action gets under one name (or one position): a path or a list of paths."""

    name: str | None
    entries: tuple[int, ...]
    single: bool


def node_value(node: Node, resolve: Callable[[Placeholder], Value] | None = None) -> Value:
    """A YAML node as a value: scalars as written, null as None, `{x}` in text filled in."""
    if isinstance(node, Scalar):
        if node.plain and scalar_value(node) is None:
            return None
        if resolve is not None and "{" in node.text:
            template = parse_plain(node.text, node.place_at)
            if template.only is not None:
                return modified(template, template.only, resolve, PLAIN_OPTIONS)
            return fill_plain(template, resolve, PLAIN_OPTIONS)
        return node.text
    if isinstance(node, List):
        return [node_value(item, resolve) for item in node.items]
    return {key: typed_value(item, resolve) for key, item in node.items.items()}


def word_value(node: Node, resolve: Callable[[Placeholder], Value] | None = None) -> Value:
    """A YAML node as words of a command: as `node_value`, but a list in a list is plain Python."""
    value = node_value(node, resolve)
    if not has_lists(node):
        return value
    assert isinstance(node, List) and isinstance(value, list), "bug: only a list has lists"
    return [
        typed_value(item, resolve) if isinstance(item, List) else one  # type: ignore[misc]
        for item, one in zip(node.items, value, strict=True)
    ]


def has_lists(node: Node | Call) -> bool:
    """Whether it is a list that has lists in it."""
    return isinstance(node, List) and any(isinstance(item, List) for item in node.items)


def typed_value(node: Node, resolve: Callable[[Placeholder], Value] | None = None) -> object:
    """A YAML node as plain Python: numbers as numbers; text with `{x}` filled in.

    Text that is nothing but one placeholder keeps the type of what it names, where that is config
    and no modifier changes it.
    """
    if isinstance(node, Scalar):
        if resolve is not None and "{" in node.text:
            template = parse_plain(node.text, node.place_at)
            if template.only is not None:
                return plain(modified(template, template.only, resolve, PLAIN_OPTIONS))
            return fill_plain(template, resolve, PLAIN_OPTIONS)
        return scalar_value(node)
    if isinstance(node, List):
        return [typed_value(item, resolve) for item in node.items]
    return {key: typed_value(item, resolve) for key, item in node.items.items()}


def plain(value: Value) -> object:
    """A value as plain Python data: paths as text."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return [plain(one) for one in value]
    return value


def as_written(value: object) -> Value:
    """Plain data as it is filled into texts: scalars as YAML would write them."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    assert isinstance(value, Sequence), "bug: an answer is no plain data"
    return [list(one) if isinstance(one, (list, tuple)) else as_written(one) for one in value]


def canonical(value: object) -> str:
    """One text for equal data: JSON with sorted keys."""
    return _CANONICAL.encode(value)


def walk(node: Node, steps: Sequence[Step], said: str, values: Mapping[str, str]) -> Node:
    """The node at the end of these steps.

    Raises:
        FileflowError: if a key or an index is not there; suggests the nearest one.
    """
    for step in steps:
        key = values.get(step.word) if isinstance(step, Lookup) else step
        if key is None:
            raise FileflowError(f"{said} looks up by a name of which its job has no single value")
        if isinstance(node, Tree):
            found = node.items.get(str(key))
            if found is None:
                raise FileflowError(
                    f"{said}: there is no {str(key)!r} there",
                    hint=did_you_mean(str(key), node.items),
                )
            node = found
        elif isinstance(node, List) and str(key).lstrip("-").isdigit():
            index = int(key)
            if not -len(node.items) <= index < len(node.items):
                raise FileflowError(f"{said}: the list has {len(node.items)} items")
            node = node.items[index]
        else:
            raise FileflowError(f"{said}: what is there has no parts to choose {str(key)!r} from")
    return node


_LOOKUP_STEP = lazy_regex(r"\.([A-Za-z0-9_-]+)|\[(-?\d+)\]|\[([^\[\]]+)\]")


def config_lookup(config: Tree, text: str, values: Mapping[str, str]) -> str:
    """The text behind `config.rate[sample].low` for these values of wildcards."""
    steps: list[Step] = []
    for name, index, word in _LOOKUP_STEP.findall(text.removeprefix("config")):
        if name:
            steps.append(name)
        elif index:
            steps.append(int(index))
        else:
            steps.append(Lookup(word))
    node = walk(config, steps, f"{{{text}}}", values)
    if not isinstance(node, Scalar):
        raise FileflowError(f"{{{text}}} is no text but has parts of its own")
    return node.text


@dataclass(slots=True)
class JobValues:
    """The values of one job.

    `staged` turns an output's final path into the text under which the action makes it; `extras`
    has what is known only when a job starts (`seed`, `cores`, `resources`, `log`, `attempt`).
    """

    table: RuleTable
    row: int
    staged: Callable[[str], str] = str
    extras: Mapping[str, Value] = field(default_factory=dict)

    def wildcards(self) -> dict[str, str]:
        """The mapped wildcards."""
        return self.table.values_of(self.row)

    def input_paths(self) -> list[str]:
        """All inputs in order, without those reached only by name (order-only), or found."""
        return [
            path
            for link in self.table.links
            if not link.entry.order_only and not link.named
            for path in link.paths_of(self.row)
        ]

    def input_item(self, item: Item) -> str | list[str] | None:
        """The path or paths of one input item; None for an absent single one."""
        paths = [p for k in item.entries for p in self.table.links[k].paths_of(self.row)]
        if self.is_single(item):
            return paths[0] if paths else None
        return paths

    def is_single(self, item: Item) -> bool:
        """Whether the job gets one path, and no list, as this input item."""
        if len(item.entries) == 1:
            link = self.table.links[item.entries[0]]
            if link.given is not None:
                alone = not link.entry.listed or link.entry.one
                return alone and isinstance(link.given.get(self.row), str)
        return item.single

    def parts(self) -> list[Part]:
        """All inputs as the action gets them: what a call gives under names has these."""
        found: list[Part] = []
        for item in self.table.input_items:
            link = self.table.links[item.entries[0]]
            given = link.given.get(self.row) if link.given is not None else None
            order_only = self.table.is_order_only(item)
            if not isinstance(given, dict):
                found.append(Part(item.name, self.input_item(item), order_only))
                continue
            there = set(link.paths_of(self.row))
            for name, paths in given.items():
                value = [path for path in paths if path in there]
                if isinstance(paths, str):
                    found.append(Part(name, paths if paths in there else None, order_only))
                else:
                    found.append(Part(name, value, order_only))
        return found

    def named_input(self, name: str) -> Part | None:
        """The input of this name, None where a call gives this job none."""
        return next((part for part in self.parts() if part.name == name), None)

    def whole_input(self) -> Paths | dict[str, Paths]:
        """What `input` is to the job: named inputs by their names, else a path or a list."""
        parts = [part for part in self.parts() if part.name or not part.order_only]
        named = {part.name: part.paths for part in parts if part.name is not None}
        if named:
            return named
        if len(parts) == 1 and isinstance(parts[0].paths, str):
            return parts[0].paths
        return [path for part in parts for path in _as_list(part.paths)]

    def output_item(self, item: Item) -> str | list[str]:
        """The staged path or paths of one output item."""
        paths = [self.staged(self.table.output_paths(k)[self.row]) for k in item.entries]
        return paths[0] if item.single else paths

    def resolve(self, hole: Placeholder) -> Value:
        """What a placeholder stands for.

        Raises:
            FileflowError: if it names something that this job does not have.
        """
        root, steps = hole.root, hole.steps
        if root == "wildcards" and steps:
            root, steps = str(steps[0]), steps[1:]
        if root == "input":
            if self.table.gives_inputs:
                return self._of_parts(steps, hole)
            return self._of_items(self.table.input_items, self._inputs, steps, hole)
        if root == "output":
            return self._of_items(self.table.output_items, self._outputs, steps, hole)
        if root == "params":
            return self._param(steps, hole)
        if root == "config":
            return word_value(self._in_config(hole))
        if root == "rule":
            return self.table.rule.name
        if root in self.table.columns and "each" not in hole.modifiers:
            return self.table.columns[root][self.row]
        if root in self.extras:
            return _stepped(self.extras[root], steps, hole)
        return self.column(root, each="each" in hole.modifiers)

    def _in_config(self, hole: Placeholder) -> Node:
        """The node that `{config.…}` names; a wildcard or a column in brackets picks a key."""
        words = [step.word for step in hole.steps if isinstance(step, Lookup)]
        # What picks nothing by a job is asked for a rule too, which may have no job yet.
        values = self.wildcards() if words else {}
        for word in words:
            if self.table.has_column(word):
                value = self.column(word)
                if isinstance(value, str):
                    values.setdefault(word, value)
        return walk(self.table.config, hole.steps, hole.text, values)

    def column(self, name: str, *, each: bool = False) -> Value:
        """A gathered wildcard's values, or those of another column of the rule's relations."""
        if name in self.table.gathered_names:
            return self.gathered(name)
        return self.table.column_value(name, self.row, each=each)

    def gathered(self, name: str) -> list[Value]:
        """The values of a gathered wildcard, one for each file of the input that gathers it.

        Of several such inputs one that must be whole decides, if there is one; what a call waits
        for comes last.
        """
        written = self.table.shape.written
        found: dict[int, tuple[bool, list[Value]]] = {}
        for number, link in enumerate(self.table.all_links()):
            values = link.values_of(self.row, name)
            if values is not None:
                entry = written[number] if number < len(written) else ~number
                found.setdefault(entry, (link.entry.optional, []))[1].extend(values)
        return min(found.values(), key=lambda one: one[0])[1] if found else []

    def _inputs(self) -> list[Value]:
        return path_values(self.input_paths())

    def _outputs(self) -> list[Value]:
        return path_values(list(map(self.staged, self.table.outputs_of(self.row))))

    def _of_items(
        self,
        items: Sequence[Item],
        everything: Callable[[], list[Value]],
        steps: Sequence[Step],
        hole: Placeholder,
    ) -> Value:
        inputs = items is self.table.input_items
        if steps and isinstance(steps[0], str):
            named = next((item for item in items if item.name == steps[0]), None)
            if named is None and steps[0] in self.table.absent_outputs:
                return None
            if named is None:
                names = [item.name for item in items if item.name]
                raise FileflowError(
                    f"{hole.text} names no {hole.root} of rule {self.table.rule.name!r}",
                    hint=did_you_mean(steps[0], names),
                )
            found = self.input_item(named) if inputs else self.output_item(named)
            value = _as_paths(found)
            return _stepped(value, steps[1:], hole)
        if not steps:
            plain_items = [i for i in items if not inputs or not self.table.is_order_only(i)]
            if len(plain_items) == 1 and plain_items[0].single:
                item = plain_items[0]
                return _as_paths(self.input_item(item) if inputs else self.output_item(item))
        return _stepped(everything(), steps, hole)

    def _of_parts(self, steps: Sequence[Step], hole: Placeholder) -> Value:
        """What `{input…}` stands for where calls give inputs, which may have names."""
        parts = self.parts()
        if steps and isinstance(steps[0], str):
            part = self.named_input(steps[0])
            if part is None:
                raise FileflowError(
                    f"{hole.text} names no input of the job {self.table.label(self.row)}: the "
                    "call gives it none of that name",
                    place=self.table.rule.place_of("input"),
                    hint=did_you_mean(steps[0], [one.name for one in parts if one.name]),
                )
            return _stepped(_as_paths(part.paths), steps[1:], hole)
        plain_parts = [part for part in parts if not part.order_only]
        if not steps and len(plain_parts) == 1 and not isinstance(plain_parts[0].paths, list):
            return _as_paths(plain_parts[0].paths)
        return _stepped(self._inputs(), steps, hole)

    def param_names(self) -> Sequence[str]:
        """The names of the job's params."""
        if self.table.rule.params_call is None:
            return list(self.table.rule.params)
        return list(self.answered_params())

    def answered_params(self) -> dict[str, object]:
        """All params of a job whose params a call gives."""
        answer = self.table.answer(Kind.PARAMS, None, self.row)
        assert isinstance(answer, dict), "bug: an answer for params was not checked"
        return answer

    def _is_asked(self, name: str) -> bool:
        """Whether a param is the answer of a call."""
        rule = self.table.rule
        return rule.params_call is not None or isinstance(rule.params.get(name), Call)

    def _asked_param(self, name: str) -> object:
        if self.table.rule.params_call is None:
            return self.table.answer(Kind.PARAMS, name, self.row)
        answered = self.answered_params()
        if name not in answered:
            raise FileflowError(
                f"the call for params gives the job {self.table.label(self.row)} no {name!r}",
                place=self.table.rule.params_call.place,
                hint=did_you_mean(name, answered),
            )
        return answered[name]

    def _param(self, steps: Sequence[Step], hole: Placeholder) -> Value:
        if not steps:
            return self.typed_params()
        name, steps = str(steps[0]), steps[1:]
        if self._is_asked(name):
            return _stepped(as_written(self._asked_param(name)), steps, hole)
        node = self.table.rule.params.get(name)
        if node is None or not isinstance(node, (Scalar, List, Tree)):
            raise FileflowError(
                f"rule {self.table.rule.name!r} has no param {name!r}",
                hint=did_you_mean(name, self.table.rule.params),
            )
        while steps and isinstance(node, List) and isinstance(steps[0], int):
            item = below(node, steps[0])
            if item is None:
                break
            node, steps = item, steps[1:]
        return _stepped(word_value(node, self.resolve), steps, hole)

    def typed_param(self, name: str) -> object:
        """One param as plain Python."""
        if self._is_asked(name):
            return self._asked_param(name)
        node = self.table.rule.params[name]
        assert isinstance(node, (Scalar, List, Tree)), "bug: a call was taken for a value"
        return typed_value(node, self.typed)

    def typed_params(self) -> dict[str, object]:
        """All params as plain Python."""
        return {name: self.typed_param(name) for name in self.param_names()}

    def typed(self, hole: Placeholder) -> Value:
        if hole.root == "config":
            return python_value(self._in_config(hole))  # type: ignore[return-value]
        return self.resolve(hole)


def _as_list(paths: Paths) -> list[str]:
    if isinstance(paths, list):
        return paths
    return [] if paths is None else [paths]


def _as_paths(found: str | list[str] | None) -> Value:
    if found is None:
        return None
    if isinstance(found, str):
        return PathText(found)
    return path_values(found)


def _stepped(value: Value, steps: Sequence[Step], hole: Placeholder) -> Value:
    for step in steps:
        if isinstance(value, Mapping) and str(step) in value:
            value = value[str(step)]  # type: ignore[assignment]
        elif isinstance(step, int) and isinstance(value, str):
            if step not in (0, -1):
                raise FileflowError(f"{hole.text}: there is one path only")
        elif isinstance(step, int) and isinstance(value, Sequence):
            if not -len(value) <= step < len(value):
                raise FileflowError(f"{hole.text}: the list has {len(value)} items")
            value = value[step]
        else:
            raise FileflowError(f"{hole.text}: there is no part {step!r}")
    return value


def sorted_keys(value: object) -> object:
    """A value as a function gets it: the order of keys is no reason to build again, so that of its
    mappings is always the same."""
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value, key=str)}
    return [sorted_keys(one) for one in value] if isinstance(value, list) else value


def python_config(config: Tree) -> object:
    """The whole config as plain Python."""
    return python_value(config)
