"""Checks that the names in a rule's action, params and calls stand for something.

Knows a rule as it was read and the relations; looks at no disk and fills nothing in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fileflow.errors import Collector, FileflowError, did_you_mean
from fileflow.language.config import below, dotted, with_items, with_values
from fileflow.language.rule_reader import Reading
from fileflow.language.scalars import BUILTIN_NAMES
from fileflow.language.templates import (
    Lookup,
    Placeholder,
    Template,
    check_list_in_quotes,
    check_names,
    parse_plain,
)
from fileflow.language.yaml_nodes import Mapping as Tree
from fileflow.language.yaml_nodes import Node, Scalar
from fileflow.language.yaml_nodes import Sequence as Items
from fileflow.model.rules import Absent, Call, Entry, Relation, Rule, unnamed_column

_IN_ACTIONS = BUILTIN_NAMES - {"rng", "rules", "after"}
_IN_VALUES = frozenset({"config", "wildcards"})
_TEXTS = frozenset({"seed", "cores", "rule", "attempt"})


class Columns:
    """The names that relations give to rules: those that share a row with a wildcard of theirs."""

    def __init__(self, relations: Iterable[Relation]) -> None:
        self._by_name: dict[str, list[Relation]] = {}
        self._cache: dict[frozenset[str], frozenset[str]] = {}
        self._relations = tuple(relations)
        for relation in self._relations:
            for name in relation.names:
                if name not in relation.path_names:
                    self._by_name.setdefault(name, []).append(relation)

    def holds(self, name: str) -> bool:
        """Whether a relation has values for this name."""
        return name in self._by_name

    def unnamed(self, name: str) -> str | None:
        """What to write where a sheet has a column of this name that its key leaves out."""
        return unnamed_column(self._relations, name)

    def of(self, wildcards: Sequence[str]) -> frozenset[str]:
        """All names of the relations that hold one of these wildcards."""
        key = frozenset(wildcards)
        found = self._cache.get(key)
        if found is None:
            found = frozenset(
                name
                for wildcard in key
                for relation in self._by_name.get(wildcard, ())
                for name in relation.names
            )
            self._cache[key] = found
        return found


def check_made(
    relations: Sequence[Relation],
    readings: Iterable[Reading],
    absent: Iterable[Absent],
    errors: Collector,
) -> None:
    """An error for a wildcard in the path of a made list that has no values and is in no path.

    A rule that is `absent` may have scattered it; and what no rule uses is nobody's mistake.
    """
    valued = {n for relation in relations for n in relation.names if n not in relation.path_names}
    used = {name for reading in readings for name in reading.shape.wildcards}
    known = valued | used | {name for rule in absent for name in rule.scatters}
    for relation in relations:
        if used.isdisjoint(relation.names):
            continue
        for name in relation.names:
            if name in relation.path_names and name not in known and relation.made is not None:
                pattern = relation.made.pattern
                errors.add(
                    FileflowError(
                        f"{pattern}: {{{name}}} has no values, so that no path is known",
                        place=pattern.place or relation.place,
                        hint=did_you_mean(name, valued.difference(relation.names)),
                    )
                )


def check_rule(reading: Reading, columns: Columns, errors: Collector) -> Rule:
    """The rule, after everything that it names was found or became a mistake.

    Braces that config brought into params and env stand for themselves unless they hold a name.
    """
    checks = _RuleChecks(reading, columns)
    for error in checks.mistakes():
        errors.add(error)
    return checks.with_literal_braces() if reading.foreign_braces else reading.rule


class _RuleChecks:
    """The names of one rule, and what each of them is."""

    def __init__(self, reading: Reading, columns: Columns) -> None:
        self._reading = reading
        self._rule = reading.rule
        self._columns = columns
        shape = reading.shape
        self._shape = shape
        wildcards = [*shape.wildcards, *shape.awaited]
        self._names = columns.of(wildcards).union(wildcards)

    def mistakes(self) -> Iterator[FileflowError]:
        """What the rule names and is not there, and lists where only one value can stand."""
        reading = self._reading
        for template in reading.action_texts:
            yield from self._scattered(template)
            yield from check_names(template, self._names, _IN_ACTIONS, self._cure)
            yield from self._steps(template)
            yield from check_list_in_quotes(template, self._is_list)
        for template in reading.value_texts:
            yield from self._names_in_value(template)
        if self._rule.seed.by:
            yield from self._seed_names(self._rule.seed.by)
        if self._shape.owns:
            yield from self._own_names()

    def _cure(self, name: str) -> str | None:
        """What to write for a name that means nothing by itself."""
        rule = self._rule
        known: tuple[tuple[str, Iterable[str | None]], ...] = (
            ("input", (entry.name for entry in rule.inputs)),
            ("output", (entry.name for entry in rule.outputs)),
            ("params", rule.params),
            ("resources", rule.resources),
        )
        for root, names in known:
            if name in names:
                return f"write {{{root}.{name}}}"
        return self._columns.unnamed(name)

    def _scattered(self, template: Template) -> Iterator[FileflowError]:
        for placeholder in template.placeholders if self._shape.scatter else ():
            first = placeholder.steps[0] if placeholder.steps else None
            name = first if placeholder.root == "wildcards" else placeholder.root
            if name in self._shape.scatter:
                yield FileflowError(
                    f"{placeholder.text} is scattered: this job decides on its values as it runs",
                    place=template.place_at(placeholder.offset),
                    hint="{output} is the folder in which it leaves the files",
                )

    # ---- names and what follows them ----

    def _names_in_value(self, template: Template) -> Iterator[FileflowError]:
        known = self._names | _IN_VALUES
        others = _IN_ACTIONS - _IN_VALUES
        for placeholder in template.placeholders:
            if placeholder.root in others and placeholder.root not in known:
                yield FileflowError(
                    f"{placeholder.text} cannot stand here: only wildcards, columns and config can",
                    place=template.place_at(placeholder.offset),
                    hint=f"it can stand in the action; for the text itself {{{placeholder.text}}}",
                )
                return
            if "file" in placeholder.modifiers:
                yield FileflowError(
                    f"{placeholder.text} cannot stand here: only an action gets files with lists",
                    place=template.place_at(placeholder.offset),
                    hint="write it in the action, or take :file out",
                )
                return
        yield from self._scattered(template)
        yield from check_names(template, self._names, _IN_VALUES, self._columns.unnamed)
        yield from self._steps(template)

    def _steps(self, template: Template) -> Iterator[FileflowError]:
        for placeholder in template.placeholders:
            if placeholder.steps and placeholder.root != "config":
                error = self._step(template, placeholder)
                if error is not None:
                    yield error

    def _step(self, template: Template, placeholder: Placeholder) -> FileflowError | None:
        root, first = placeholder.root, placeholder.steps[0]
        entries = self._entries(root)
        if entries is not None:
            return self._entry_step(template, placeholder, entries)
        if root == "params":
            return self._param_step(template, placeholder)
        what = hint = None
        if root == "resources" and first not in self._rule.resources:
            what = f"the rule takes no resource {first!r}"
            hint = did_you_mean(str(first), self._rule.resources)
            hint = hint or f"write resources: {{{first}: …}} in the rule"
        elif (
            root in self._names
            or root in _TEXTS
            or (root in ("resources", "wildcards") and len(placeholder.steps) > 1)
        ):
            what = f"{placeholder.text[1:-1].partition(':')[0]} goes one step too far"
            hint = "this is a single value, which has no parts"
        if what is None:
            return None
        place = template.place_at(placeholder.offset)
        return FileflowError(f"{placeholder.text}: {what}", place=place, hint=hint)

    def _entries(self, root: str) -> Sequence[Entry] | None:
        if root == "input":
            return self._rule.inputs
        if root == "output":
            return self._rule.outputs
        if root == "log":
            return self._rule.logs
        return None

    def _entry_step(
        self, template: Template, placeholder: Placeholder, entries: Sequence[Entry]
    ) -> FileflowError | None:
        root, step = placeholder.root, placeholder.steps[0]
        if any(entry.call is not None and entry.name is None for entry in entries):
            return None  # the answer of a call may have any names
        names = {entry.name for entry in entries if entry.name is not None}
        what = hint = None
        if isinstance(step, int):
            counted = [entry for entry in entries if not entry.order_only]
            if self._is_beyond(counted, step):
                what = f"the rule has {_count(len(counted), root)}"
                hint = "they are counted from 0"
        elif isinstance(step, str) and step not in names:
            what = f"there is no {root} called {step!r}"
            hint = did_you_mean(step, names) or f"the {root}s of this rule have no names"
        elif isinstance(step, str) and len(placeholder.steps) > 1:
            named = [entry for entry in entries if entry.name == step]
            second = placeholder.steps[1]
            lists = [self._gives_list(entry) for entry in named]
            if not isinstance(second, int) or (len(named) == 1 and lists == [False]):
                what = f"{root}.{step} has no parts"
                hint = f"write {{{root}.{step}}}"
            elif self._is_beyond(named, second):
                what = f"{root}.{step} has {_count(len(named), 'path')}"
                hint = "they are counted from 0"
        if what is None:
            return None
        place = template.place_at(placeholder.offset)
        return FileflowError(f"{placeholder.text}: {what}", place=place, hint=hint)

    def _is_beyond(self, counted: Sequence[Entry], index: int) -> bool:
        """Whether these entries surely give fewer paths than an index asks for."""
        if any(entry.optional or self._gathers(entry) is not False for entry in counted):
            return False
        return not -len(counted) <= index < len(counted)

    def _param_step(self, template: Template, placeholder: Placeholder) -> FileflowError | None:
        if self._rule.params_call is not None:
            return None
        steps = placeholder.steps
        found: Node | Call | None = self._rule.params.get(str(steps[0]))
        known: Iterable[str] = self._rule.params
        for index in range(len(steps)):
            if index > 0:
                if isinstance(found, Call) or (isinstance(found, Scalar) and "{" in found.text):
                    return None
                known = found.items if isinstance(found, Tree) else ()
                step = steps[index]
                found = None if isinstance(step, Lookup) else below(found, step)
            if found is None:
                way = placeholder.text[1:-1].partition(":")[0]
                return FileflowError(
                    f"{placeholder.text}: there is no {way}",
                    place=template.place_at(placeholder.offset),
                    hint=did_you_mean(str(steps[index]), known)
                    or (None if known else "the rule has no such params"),
                )
        return None

    # ---- lists ----

    def _gives_list(self, entry: Entry) -> bool | None:
        """Whether the name of an entry means a list; None if only a job can tell."""
        return True if entry.listed and not entry.one else self._gathers(entry)

    def _gathers(self, entry: Entry) -> bool | None:
        """Whether an entry by itself may give several paths; None if only a job can tell."""
        if entry.one:
            return False
        if entry.call is not None:
            return None
        if entry.rule is not None or id(entry) in self._shape.owns:
            return True
        single = (*self._shape.mapped, *self._shape.scatter)
        return any(name not in single for name in self._shape.wildcards_of(entry))

    def _is_gathered(self, name: str) -> bool:
        shape = self._shape
        return name in shape.wildcards and name not in (*shape.mapped, *shape.scatter)

    def _is_list(self, placeholder: Placeholder) -> bool:
        root, steps = placeholder.root, placeholder.steps
        if "each" in placeholder.modifiers:
            return True
        if root == "wildcards" and steps and isinstance(steps[0], str):
            return self._is_gathered(steps[0])
        entries = self._entries(root)
        if entries is not None:
            return self._entries_are_list(root, steps, entries)
        node: Node | Call | None = None
        if root == "params" and steps:
            node = self._rule.params.get(str(steps[0]))
            for step in steps[1:]:
                if isinstance(node, Call) or isinstance(step, Lookup):
                    return False
                node = below(node, step)
        elif root == "config":
            return False if not steps else self._config_is_list(placeholder)
        if isinstance(node, Scalar) and "{" in node.text:
            only = parse_plain(node.text, node.place_at).only
            return only is not None and self._is_list(only)
        return isinstance(node, Items) or self._is_gathered(root)

    def _config_is_list(self, placeholder: Placeholder) -> bool:
        steps = [step for step in placeholder.steps if not isinstance(step, Lookup)]
        if len(steps) < len(placeholder.steps):
            return False
        return isinstance(self._rule.config_named.get(dotted(steps)), Items)

    def _entries_are_list(
        self, root: str, steps: Sequence[object], entries: Sequence[Entry]
    ) -> bool:
        if root == "log" and not entries:
            return False
        if steps and isinstance(steps[0], str):
            if len(steps) > 1:
                return False
            named = [entry for entry in entries if entry.name == steps[0]]
        elif steps:
            return False
        else:
            named = [entry for entry in entries if not entry.order_only]
        if len(named) == 1:
            return self._gives_list(named[0]) is True
        return len(named) > 1

    # ---- the rest ----

    def _seed_names(self, by: Sequence[str]) -> Iterator[FileflowError]:
        known = self._names.difference(self._shape.scatter)
        node = self._shape.node.items["seed"]
        place = (
            node.items["by"].place if isinstance(node, Tree) and "by" in node.items else node.place
        )
        for name in by:
            if name not in known:
                yield FileflowError(
                    f"seed: by names {name!r}, which is no wildcard and no column of this rule",
                    place=place,
                    hint=did_you_mean(name, known),
                )

    def _own_names(self) -> Iterator[FileflowError]:
        for own in {id(own): own for own in self._shape.owns.values()}.values():
            for key, _ in own.keys:
                for word in key.text.split(","):
                    if self._columns.holds(word.strip()):
                        yield FileflowError(
                            f"{word.strip()} has values in `wildcards` already",
                            place=key.place,
                            hint="give the entry's own wildcard another name",
                        )

    def with_literal_braces(self) -> Rule:
        """The rule, with braces in params and env doubled where they hold no name of the rule."""
        known = self._names | _IN_VALUES
        rule = self._rule
        return rule._replace(
            params={
                name: value if isinstance(value, Call) else _literal(value, known)
                for name, value in rule.params.items()
            },
            env={name: _literal(value, known) for name, value in rule.env.items()},
        )


def _count(number: int, what: str) -> str:
    return f"one {what}" if number == 1 else f"{number or 'no'} {what}s"


def _literal(node: Node, known: frozenset[str]) -> Node:
    if isinstance(node, Tree):
        return with_values(node, {key: _literal(item, known) for key, item in node.items.items()})
    if isinstance(node, Items):
        return with_items(node, [_literal(item, known) for item in node.items])
    if "{" not in node.text:
        return node
    pieces, end = [], 0
    for placeholder in parse_plain(node.text, node.place_at).placeholders:
        if placeholder.root not in known:
            pieces += [node.text[end : placeholder.offset], "{", placeholder.text, "}"]
            end = placeholder.offset + len(placeholder.text)
    if not pieces:
        return node
    text = "".join([*pieces, node.text[end:]])
    return Scalar(text, node.style, *node.place)
