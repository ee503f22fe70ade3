"""All rules of a workflow before they are read: what one may ask of another, and of config.

Gives entries with their paths filled in, so that `{rules.NAME.output.x}` can stand in a path of any
rule. Knows no relation and no disk, and nothing of the other keys of a rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from collections.abc import Mapping as Table
from functools import cached_property, partial

from fileflow.errors import Collector, FileflowError, Place, did_you_mean
from fileflow.language import scalars
from fileflow.language.config import STEPS, Config, below, steps_of, text_of
from fileflow.language.entries import EntryReader, Section, is_call
from fileflow.language.scalars import not_a
from fileflow.language.yaml_nodes import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    scalar_value,
)
from fileflow.lean import dataclass, field, lazy_regex
from fileflow.model.rules import Absent, Entry, Executor

BUILTIN_EXECUTORS = tuple(executor.value for executor in Executor)
PLUG_INS = "fileflow.executors"
"""The group of entry points by which other distributions bring executors."""

_PATH_HOLE = lazy_regex(rf"\{{\{{[^{{}}]*\}}\}}|\{{(?P<root>params|rules)(?P<steps>{STEPS})\}}")


@dataclass(slots=True, eq=False)
class Draft:
    """A rule before it is read: its name and its mapping, in which defaults are merged.

    `own_keys` and `own_constraints` are what the rule says itself. `entries`, `params` and
    `reader` are kept when they are first asked for, and so is the first `mistake` in the entries.
    """

    name: str
    key: Scalar
    node: Mapping
    own_keys: Set[str]
    own_constraints: Set[str]
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    params: Mapping | None = None
    reader: EntryReader | None = None
    busy: bool = False
    mistake: FileflowError | None = None


class RuleBook:
    """All drafts of a workflow, each read when it, or its outputs, are asked for."""

    def __init__(
        self,
        drafts: Table[str, Draft],
        absent: Table[str, Absent],
        config: Config,
        errors: Collector,
    ) -> None:
        """`absent` are the rules that are not there."""
        self.drafts = drafts
        self.absent = absent
        self.config = config
        self.errors = errors
        self.warnings: list[str] = []

    def entries(self, draft: Draft, section: Section) -> list[Entry]:
        """The entries of one key of a rule, read once.

        Raises:
            FileflowError: if they name each other in a ring.
        """
        found = draft.entries.get(section.key)
        if found is not None:
            return found
        node = draft.node.items.get(section.key)
        if node is None:
            return []
        if draft.busy and section is Section.OUTPUT:
            raise FileflowError(
                f"the outputs of rules name each other in a ring, back to {draft.name!r}",
                place=node.place,
                hint="write one of the paths out",
            )
        mistakes, busy, draft.busy = len(self.errors.errors), draft.busy, True
        try:
            made = self.reader(draft).section(node, section)
        finally:
            draft.busy = busy
        if len(self.errors.errors) > mistakes:
            draft.mistake = draft.mistake or self.errors.errors[mistakes]
        draft.entries[section.key] = made
        return made

    def reader(self, draft: Draft) -> EntryReader:
        """What reads the entries and calls of a rule."""
        if draft.reader is None:
            draft.reader = EntryReader(
                self.config, partial(self._path_texts, draft), self.unmet, self.errors
            )
        return draft.reader

    def unmet(self, when: Mapping) -> str | None:
        """What `when` asks for and config does not have, for "only when …"; None if it is met."""
        for name, wanted in when.items.items():
            steps = steps_of("." + name.removeprefix("config."))
            value = self.config.find(steps)
            choices = self.config.filled(wanted)
            options = choices.items if isinstance(choices, Sequence) else [choices]
            if any(isinstance(option, Mapping) for option in options):
                raise not_a(choices, f"when: {name}", "a value or a list of values")
            if not any(_same(value, option) for option in options):
                said = " or ".join(o.text for o in options if isinstance(o, Scalar)) or "(nothing)"
                path = f"config.{name.removeprefix('config.')}"
                return f"{path} is {said} ({self._said(when.keys[name].place, path, value)})"
        return None

    def _said(self, place: Place, path: str, value: Node | None) -> str:
        if isinstance(value, Scalar):
            return f"it is {value.text or 'null'}"
        if value is not None:
            return f"it is a {'list' if isinstance(value, Sequence) else 'mapping'}"
        # The command line may give what only a `when` names: it is no mistake, but maybe a slip.
        hint = did_you_mean(path.removeprefix("config."), self.config.ways())
        if hint is None or not hint.startswith("did"):
            return "config has none"
        self.warnings.append(f"{place}: `when` asks for {path}, and config has none: {hint}")
        return f"config has none; {hint}"

    def no_rule(self, name: str, place: Place) -> FileflowError:
        """The mistake of a name that no rule has, or none under this config."""
        hint = did_you_mean(name, self.drafts)
        if name in self.absent:
            hint = f"it is there only when {self.absent[name].why}"
        return FileflowError(f"there is no rule {name!r}", place=place, hint=hint)

    def params(self, draft: Draft) -> Mapping | None:
        """The params of a rule with config filled in; None if it has none or one call for all."""
        node = draft.node.items.get("params")
        if draft.params is None and node is not None:
            filled = self.config.filled(node, lists_stay=True)
            if is_call(filled):
                return None
            draft.params = scalars.mapping(filled, "params", "a mapping of names to values")
        return draft.params

    # ---- paths ----

    def _path_texts(self, draft: Draft, scalar: Scalar) -> tuple[list[str], bool]:
        text = scalar.text
        if "{params" not in text and "{rules" not in text:
            return [text.replace("[wildcards.", "[") if "[wildcards." in text else text], False
        pieces: list[str] = []
        end = 0
        for hole in _PATH_HOLE.finditer(text):
            if hole["root"] is None:
                continue
            place = scalar.place_at(hole.start())
            texts, several = self._static_texts(draft, hole, place)
            if hole.start() == 0 and hole.end() == len(text):
                return texts, several
            if several or len(texts) != 1:
                raise FileflowError(
                    f"{hole[0]} is a list, which cannot stand within a path",
                    place=place,
                    hint="name one of its items",
                )
            pieces += [text[end : hole.start()], texts[0]]
            end = hole.end()
        return ["".join([*pieces, text[end:]])], False

    def _static_texts(
        self, draft: Draft, hole: re.Match[str], place: Place
    ) -> tuple[list[str], bool]:
        steps = steps_of(hole["steps"])
        if hole["root"] == "params":
            return self._param_texts(draft, hole[0], steps, place)
        if len(steps) < 2 or steps[1] != "output" or len(steps) > 4:
            raise FileflowError(
                f"{hole[0]} is no output of a rule",
                place=place,
                hint="write {rules.NAME.output}, or {rules.NAME.output.x} for the one called x",
            )
        other = self.drafts.get(str(steps[0]))
        if other is None:
            raise self.no_rule(str(steps[0]), place)
        entries = self.entries(other, Section.OUTPUT)
        if other.mistake is not None:
            raise other.mistake
        several = len(entries) != 1
        for step in steps[2:]:
            named = [e for e in entries if e.name == step] if isinstance(step, str) else []
            if isinstance(step, int) and -len(entries) <= step < len(entries):
                named = [entries[step]]
            if not named:
                names = {entry.name for entry in entries if entry.name is not None}
                raise FileflowError(
                    f"{hole[0]}: the rule {other.name!r} has no output {step}",
                    place=place,
                    hint=did_you_mean(str(step), names),
                )
            entries = named
            several = isinstance(step, str) and any(entry.listed for entry in named)
        return [entry.pattern.text for entry in entries if entry.pattern is not None], several

    def _param_texts(
        self, draft: Draft, shown: str, steps: tuple[str | int, ...], place: Place
    ) -> tuple[list[str], bool]:
        node: Node | None = self.params(draft)
        for step in steps:
            above, node = node, below(node, step)
            if node is None:
                raise FileflowError(
                    f"{shown}: the rule {draft.name!r} has no such param",
                    place=place,
                    hint=did_you_mean(str(step), above.items)
                    if isinstance(above, Mapping)
                    else None,
                )
        if isinstance(node, Scalar):
            return [text_of(node)], False
        if isinstance(node, Sequence) and all(isinstance(item, Scalar) for item in node.items):
            return [text_of(item) for item in node.items if isinstance(item, Scalar)], True
        raise FileflowError(
            f"{shown} is no text", place=place, hint="name a param whose value is a text"
        )

    @cached_property
    def executors(self) -> list[str]:
        """The names of all executors, looked for once."""
        return executor_names()


def executor_names() -> list[str]:
    """The names of all executors: built-in ones, and those that plug-ins bring."""
    from importlib import metadata  # slow to import, and seldom needed

    found = {point.name for point in metadata.entry_points(group=PLUG_INS)}
    return [*BUILTIN_EXECUTORS, *sorted(found)]


def check_executor(
    name: str, names: Callable[[], list[str]] = executor_names, place: Place | None = None
) -> None:
    """Whether there is an executor of this name.

    Raises:
        FileflowError: if there is none; names the nearest.
    """
    if name not in BUILTIN_EXECUTORS and name not in (known := names()):
        raise FileflowError(
            f"there is no executor {name!r}",
            place=place,
            hint=did_you_mean(name, known) or f"there are {', '.join(known)}",
        )


def _same(value: Node | None, wanted: Node) -> bool:
    if not isinstance(wanted, Scalar):
        return False
    if value is None:
        return scalar_value(wanted) is None
    if not isinstance(value, Scalar):
        return False
    if value.text == wanted.text:
        return True
    ours, theirs = scalar_value(value), scalar_value(wanted)
    return ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool)
