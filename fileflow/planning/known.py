"""What is known of values that are found while running: by scatters, and by files that rules make.

Pure: who looks, and when something counts as known, is decided elsewhere. A *producer* is the job
of a scatter, or the file that holds a list; it is told apart by the values of its own wildcards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fileflow.errors import FileflowError
from fileflow.lean import dataclass, field, replace
from fileflow.model.patterns import value_allowed
from fileflow.model.rules import OWN_MARK, Relation, Rule, Workflow

Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What one producer found: rows over the names of which it tells, in order.

    `paths` are, of a scatter, the files of each scattered output, by its position; `whole` are, of
    a list, its rows before `where` and `except`, if these left some out.
    """

    rows: tuple[Values, ...]
    paths: tuple[tuple[int, tuple[str, ...]], ...] = ()
    whole: tuple[Values, ...] | None = None

    @property
    def files(self) -> list[str]:
        """All files, in order."""
        return [path for _, paths in self.paths for path in paths]


@dataclass(slots=True)
class Known:
    """For each relation whose values are found while running, by its number in the workflow, what
    each producer found; a producer that is not there has not told yet. `settled` are the jobs, by
    rule and values, whose files calls wait for and that are as they will be.

    `wrong` are the lists, by relation and producer, that cannot be read as they are; `refused` are
    the rules whose keys do not agree on values that were found. Both with the mistake.
    """

    found: dict[int, dict[Values, Found]] = field(default_factory=dict)
    settled: set[Values] = field(default_factory=set)
    wrong: dict[tuple[int, Values], FileflowError] = field(default_factory=dict)
    refused: dict[str, FileflowError] = field(default_factory=dict)
    _filled: dict[int, tuple[dict[Values, Found], Relation]] = field(default_factory=dict)

    def of(self, number: int) -> dict[Values, Found]:
        """What is known of one relation."""
        return self.found.setdefault(number, {})

    def filled(self, number: int, relation: Relation) -> Relation:
        """A relation with the rows that are known; the same object until something new is."""
        found = self.of(number)
        before = self._filled.get(number)
        # The order of producers is that of the rows.
        if before is None or list(before[0].items()) != list(found.items()):
            before = self._filled[number] = dict(found), _filled(relation, found)
        return before[1]


def is_found(relation: Relation) -> bool:
    """Whether the values of a relation are found while running."""
    return relation.made is not None or relation.scattered_by is not None


def own_names(relation: Relation) -> tuple[str, ...]:
    """The names to which a relation that is found gives values."""
    return tuple(name for name in relation.names if name not in relation.path_names)


def told_names(relation: Relation) -> tuple[str, ...]:
    """The names over which a producer tells rows: beside its own, those that a scatter has in
    common with a key of `wildcards`."""
    return relation.told_names or own_names(relation)


def producer_names(relation: Relation) -> tuple[str, ...]:
    """The names by whose values the producers of a relation are told apart."""
    told = told_names(relation)
    return tuple(name for name in relation.names if name not in told)


def with_known(workflow: Workflow, known: Known) -> Workflow:
    """The workflow with the rows that are known."""
    if not any(map(is_found, workflow.relations)):
        return workflow
    relations = [
        known.filled(number, relation) if is_found(relation) else relation
        for number, relation in enumerate(workflow.relations)
    ]
    rules = workflow.rules
    if any(OWN_MARK in relation.names[0] for relation in relations):
        found = {
            relation.names: relation
            for number, relation in enumerate(relations)
            if known.of(number)
        }
        rules = {name: _with_outputs(rule, found, workflow) for name, rule in rules.items()}
    return replace(workflow, relations=tuple(relations), rules=rules)


def _with_outputs(
    rule: Rule, found: Mapping[tuple[str, ...], Relation], workflow: Workflow
) -> Rule:
    """A rule with the values of outputs' own wildcards that are known, if they fill paths."""
    if not any(entry.own is not None and entry.own.made is not None for entry in rule.outputs):
        return rule
    outputs = []
    for entry in rule.outputs:
        own = found.get(entry.own.names) if entry.own is not None else None
        if own is not None and own.made is not None and not unfit_values(rule, own, workflow):
            own = replace(own, columns=_allowed(rule, own, workflow), made=None)
            outputs.append(entry._replace(own=own))
        else:
            outputs.append(entry)
    return rule._replace(outputs=tuple(outputs))


def unfit_values(rule: Rule, own: Relation, workflow: Workflow) -> str:
    """Why known values of an output's own wildcards give no paths; empty if they do."""
    for name, column in zip(own.names, _allowed(rule, own, workflow), strict=True):
        if not column:
            return f"{own.origin} gives no values"
        checks = [re.compile(regex) for regex in regexes_of(rule, name, workflow)]
        for value in column:
            if not value_allowed(value, checks):
                return f"{own.origin} holds {value!r}, which cannot fill a path"
    return ""


def _allowed(rule: Rule, own: Relation, workflow: Workflow) -> tuple[list[str], ...]:
    """The columns without the rows that constraints exclude."""
    regexes = [regexes_of(rule, name, workflow) for name in own.names]
    rows = [
        row
        for row in zip(*own.columns, strict=True)
        if all(
            re.fullmatch(regex, value)
            for value, mine in zip(row, regexes, strict=True)
            for regex in mine
        )
    ]
    return tuple(map(list, zip(*rows, strict=True))) or tuple([] for _ in own.names)


def regexes_of(rule: Rule, name: str, workflow: Workflow) -> list[str]:
    """What the values of a wildcard must match in a rule, its own constraint last."""
    own = [rule.constraints[name]] if name in rule.constraints else []
    return [*workflow.constraints.get(name, ()), *own]


def _filled(relation: Relation, found: dict[Values, Found]) -> Relation:
    columns = _columns(relation, {values: one.rows for values, one in found.items()})
    if all(one.whole is None for one in found.values()):
        return replace(relation, columns=columns)
    whole = {v: one.rows if one.whole is None else one.whole for v, one in found.items()}
    return replace(relation, columns=columns, whole=_columns(relation, whole))


def _columns(
    relation: Relation, found: Mapping[Values, tuple[Values, ...]]
) -> tuple[list[str], ...]:
    told, path = told_names(relation), producer_names(relation)
    rows = dict.fromkeys((*row, *values) for values, one in found.items() for row in one)
    columns = list(zip(*rows, strict=True)) or [()] * (len(told) + len(path))
    by_name = dict(zip((*told, *path), map(list, columns), strict=True))
    return tuple(by_name[name] for name in relation.names)
