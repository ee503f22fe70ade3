"""What placeholders stand for: the values of one job, ready to be filled into its texts.

Pure. Quoting is not done here; where outputs are staged is the caller's to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fileflow.errors import FileflowError, did_you_mean
from fileflow.language.templates import (
    FillOptions,
    Lookup,
    PathText,
    Placeholder,
    Value,
    fill_plain,
    parse_plain,
)
from fileflow.language.yaml_tree import Mapping as Tree
from fileflow.language.yaml_tree import Node, Scalar, python_value, scalar_value
from fileflow.language.yaml_tree import Sequence as List

if TYPE_CHECKING:
    from fileflow.planning.tables import RuleTable

Step = str | int | Lookup
PLAIN_OPTIONS = FillOptions(".", lambda _: "")


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
                return resolve(template.only)
            return fill_plain(template, resolve, PLAIN_OPTIONS)
        return node.text
    if isinstance(node, List):
        return [node_value(item, resolve) for item in node.items]
    return {key: typed_value(item, resolve) for key, item in node.items.items()}


def typed_value(node: Node, resolve: Callable[[Placeholder], Value] | None = None) -> object:
    """A YAML node as plain Python: numbers as numbers; text with `{x}` filled in.

    Text that is nothing but one placeholder keeps the type of what it names, where that is config.
    """
    if isinstance(node, Scalar):
        if resolve is not None and "{" in node.text:
            template = parse_plain(node.text, node.place_at)
            if template.only is not None:
                return plain(resolve(template.only))
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


def canonical(value: object) -> str:
    """One text for equal data: JSON with sorted keys."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def walk(node: Node, steps: Sequence[Step], said: str, values: Mapping[str, str]) -> Node:
    """The node at the end of these steps.

    Raises:
        FileflowError: if a key or an index is not there; suggests the nearest one.
    """
    for step in steps:
        key = values.get(step.word) if isinstance(step, Lookup) else step
        if key is None:
            raise FileflowError(f"{said} looks up by a wildcard that this rule does not have")
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


_LOOKUP_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(-?\d+)\]|\[([^\[\]]+)\]")


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
        if item.single:
            return paths[0] if paths else None
        return paths

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
            return self._of_items(self.table.input_items, self._inputs, steps, hole)
        if root == "output":
            return self._of_items(self.table.output_items, self._outputs, steps, hole)
        if root == "params":
            return self._param(steps, hole)
        if root == "config":
            node = walk(self.table.config, steps, hole.text, self.wildcards())
            return node_value(node)
        if root == "rule":
            return self.table.rule.name
        if root in self.table.columns and "each" not in hole.modifiers:
            return self.table.columns[root][self.row]
        if root in self.extras:
            return _stepped(self.extras[root], steps, hole)
        return self.column(root, each="each" in hole.modifiers)

    def column(self, name: str, *, each: bool = False) -> Value:
        """A gathered wildcard's values, or those of another column of the rule's relations."""
        if name in self.table.shape.gathered:
            return self.gathered(name)
        return self.table.column_value(name, self.row, each=each)

    def gathered(self, name: str) -> list[Value]:
        """The values of a gathered wildcard, one for each file of the input that gathers it.

        Of several such inputs one that must be whole decides, if there is one.
        """
        found = [
            (link.entry.optional, values)
            for link in self.table.links
            if (values := link.values_of(self.row, name)) is not None
        ]
        return list(min(found, key=lambda one: one[0])[1]) if found else []

    def _inputs(self) -> list[Value]:
        return [PathText(path) for path in self.input_paths()]

    def _outputs(self) -> list[Value]:
        return [PathText(self.staged(path)) for path in self.table.outputs_of(self.row)]

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

    def _param(self, steps: Sequence[Step], hole: Placeholder) -> Value:
        if not steps:
            return {name: self.param(name) for name in self.table.rule.params}
        value = self.param(str(steps[0]))
        return _stepped(value, steps[1:], hole)

    def param(self, name: str) -> Value:
        """One param, as it is written, with placeholders filled in."""
        node = self.table.rule.params.get(name)
        if node is None or not isinstance(node, (Scalar, List, Tree)):
            raise FileflowError(
                f"rule {self.table.rule.name!r} has no param {name!r}",
                hint=did_you_mean(name, self.table.rule.params),
            )
        return node_value(node, self.resolve)

    def typed_param(self, name: str) -> object:
        """One param as plain Python."""
        node = self.table.rule.params[name]
        if not isinstance(node, (Scalar, List, Tree)):
            raise FileflowError(f"param {name!r} is the answer of a call")
        return typed_value(node, self._typed)

    def _typed(self, hole: Placeholder) -> Value:
        if hole.root == "config":
            node = walk(self.table.config, hole.steps, hole.text, self.wildcards())
            return python_value(node)  # type: ignore[return-value]
        return self.resolve(hole)


def _as_paths(found: str | list[str] | None) -> Value:
    if found is None:
        return None
    if isinstance(found, str):
        return PathText(found)
    return [PathText(path) for path in found]


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


def python_config(config: Tree) -> object:
    """The whole config as plain Python."""
    return python_value(config)
