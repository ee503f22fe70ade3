"""The relations of a workflow and what was joined of them, shared by the tables of all rules.

Pure. Knows which rows there are, for which rule, and in which order; not what jobs become of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fileflow.errors import FileflowError
from fileflow.lean import replace
from fileflow.model.patterns import Matcher, Pattern
from fileflow.model.rules import OWN_MARK, Entry, Relation, Workflow
from fileflow.planning.joins import (
    Limit,
    Table,
    gather_rows,
    job_rows,
    limits_of,
    project,
    relations_of,
)
from fileflow.planning.known import Known, is_found, own_names
from fileflow.planning.links import Group
from fileflow.planning.questions import sites_of

if TYPE_CHECKING:
    from fileflow.planning.tables import RuleTable

_RowsKey = tuple[tuple[str, ...], tuple[int, ...], str]
_FilledKey = tuple[Pattern, tuple[int, ...]]
# From so many paths on it is worth keeping them for others who take the same.
_WORTH_SHARING = 1000


class Joins:
    """The relations of a workflow, and what was joined of them: shared by all tables."""

    def __init__(
        self,
        workflow: Workflow,
        known: Known | None = None,
        before: Joins | None = None,
    ) -> None:
        """`before`: those of the run's plan before this one: rows that stay keep their places, and
        no list has a number that was given already."""
        self.workflow = workflow
        self.known = known or Known()
        self._first_group: int = before.next_group if before is not None else 0
        self._before = before._placed if before is not None else {}
        self._placed: dict[tuple[object, ...], Table] = {}
        self._kept: dict[_RowsKey, Table] = {}
        # Relations without the names of theirs that do not reach a rule, and what these are of.
        self._cut: dict[tuple[int, tuple[str, ...]], Relation] = {}
        self._whole: dict[int, Relation] = {}
        if before is not None:
            same = set(map(id, before.workflow.relations)).intersection(map(id, workflow.relations))
            self._cut = {key: one for key, one in before._cut.items() if key[0] in same}
            self._whole = {id(one): before._whole[id(one)] for one in self._cut.values()}
            same.update(self._whole)
            self._kept = {k: t for k, t in before._rows.items() if same.issuperset(k[1])}
        self._targets: list[tuple[str, Pattern]] = []
        self._beyond_reach = beyond_reach(workflow)
        self.names = sorted({n for relation in workflow.relations for n in relation.names})
        self.shown_names = [name for name in self.names if OWN_MARK not in name]
        self.found_names = {
            name for one in workflow.relations if is_found(one) for name in own_names(one)
        }
        self._rows: dict[_RowsKey, Table] = {}
        self._sets: dict[tuple[int, tuple[str, ...]], set[tuple[str, ...]]] = {}
        self._odd: dict[int, tuple[Sequence[str], list[str]]] = {}
        self._filtered: dict[tuple[object, ...], Relation] = {}
        self._groups: dict[tuple[str, bool], Group] = {}
        self._filled: dict[_FilledKey, tuple[Sequence[Sequence[str]], list[str]]] = {}
        self.groups: list[Group] = []

    def relations_of(self, names: Iterable[str], rule: str = "") -> list[Relation]:
        """The relations that give values to one of these names, in the order of the file.

        What a scatter finds reaches a rule through inputs: where several scatters find values for
        one name, those count that reach `rule`, and of the others what else they find.
        """
        wanted = set(names)
        found = relations_of(self.workflow.relations, wanted)
        lost = self._beyond_reach.get(rule)
        if not lost:
            return found
        cut = [self._without(one, lost.get(one.scattered_by or "", ())) for one in found]
        return relations_of(cut, wanted)

    def _without(self, relation: Relation, lost: Collection[str]) -> Relation:
        """A relation cut down to the other names."""
        names = tuple(name for name in relation.names if name not in lost)
        if len(names) == len(relation.names):
            return relation
        key = (id(relation), names)
        if key not in self._cut:
            made = replace(relation, names=names, columns=project(relation, names).columns)
            self._cut[key] = made
            self._whole[id(made)] = relation
        return self._cut[key]

    def whole(self, relation: Relation) -> Relation:
        """The relation of the workflow that this one is, or is a part of."""
        return self._whole.get(id(relation), relation)

    def ask_for(self, target: str, pattern: Pattern) -> None:
        """The user asks for a pattern: what scatters find reaches it as it does a rule's."""
        self._targets.append((alone(target, pattern), pattern))
        self._beyond_reach = beyond_reach(self.workflow, self._targets)

    def is_found(self, name: str, pattern: Pattern | None) -> bool:
        """Whether what a name stands for in a pattern rests on values found while running."""
        if name in self.found_names or pattern is None:
            return name in self.found_names
        keys = next((keys for text, keys in pattern.lookups if text == name), ())
        return not self.found_names.isdisjoint(keys)

    def group(self, entry: Entry, paths: list[str]) -> Group:
        """A group for these paths; a single path has the same one for all entries that may do
        without it, and another for all that may not."""
        if len(paths) != 1:
            return self.new_group(paths, None)
        key = (paths[0], entry.optional)
        if key not in self._groups:
            self._groups[key] = self.new_group(paths, None)
        return self._groups[key]

    def filled(
        self, pattern: Pattern, columns: Mapping[str, Sequence[str]], count: int
    ) -> list[str]:
        """The paths of `count` rows: of many one list for all who take the same columns; neither
        may change any more."""
        if count < _WORTH_SHARING:
            return pattern.fill_rows(columns, count)
        taken = [columns[name] for name in pattern.names]
        key = (pattern._replace(place=None), tuple(map(id, taken)))
        found = self._filled.get(key)
        if found is None or len(found[1]) != count:
            found = self._filled[key] = taken, pattern.fill_rows(columns, count)
        return found[1]

    @property
    def next_group(self) -> int:
        """The number of the next group: no other group of the run has it."""
        return self._first_group + len(self.groups)

    def new_group(self, paths: list[str], rows: Table | None) -> Group:
        """A group that nobody else has."""
        made = Group(self.next_group, paths, rows)
        self.groups.append(made)
        return made

    def rows(self, table: RuleTable, names: tuple[str, ...]) -> Table:
        """The rows of the natural join over the mapped names, shared by tables that agree."""
        checks = {name: regexes for name, regexes in table.checks.items() if name in names}
        key = (names, tuple(id(one) for one in table.relations), repr(sorted(checks.items())))
        found = self._rows.get(key)
        if found is None and key in self._kept:
            found = self._rows[key] = self._kept[key]
            self._remember(found, table.relations, key[2])
        if found is None:
            found = self.unplaced(table, names)
            if any(map(is_found, table.relations)):
                found = self._placed_as_before(found, table.relations, key[2])
            self._rows[key] = found
        return found

    def unplaced(self, table: RuleTable, names: tuple[str, ...]) -> Table:
        """The same rows in the order of the relations."""
        checks = {name: regexes for name, regexes in table.checks.items() if name in names}
        relations = [self.only(one, checks) for one in table.relations]
        return job_rows(relations, table.shape.path_wildcards, names)

    def keep(self, table: RuleTable) -> None:
        """The jobs of a rule stay as the plan before had them."""
        declared = tuple(name for name in table.names if name not in table.shape.free)
        if declared:
            self.rows(table, declared)

    def _remember(self, rows: Table, relations: Sequence[Relation], checks: object) -> None:
        if any(map(is_found, relations)):
            self._placed[rows.names, self._numbers(relations), checks] = rows

    def _numbers(self, relations: Iterable[Relation]) -> tuple[object, ...]:
        """What these relations are called in all plans of a run."""
        ids = [id(relation) for relation in self.workflow.relations]
        return tuple((ids.index(id(self.whole(one))), one.names) for one in relations)

    def _placed_as_before(
        self, rows: Table, relations: Sequence[Relation], checks: object
    ) -> Table:
        """Rows that the plan before had come first, in its order, so that jobs keep their numbers.

        Only if it had none that is gone.
        """
        key = (rows.names, self._numbers(relations), checks)
        earlier = self._before.get(key)
        if earlier is not None and 0 < earlier.count <= rows.count:
            old = earlier.rows()
            if old != rows.rows()[: earlier.count]:
                left = dict.fromkeys(rows.rows())
                for row in old:
                    left.pop(row, None)
                if len(left) == rows.count - earlier.count:
                    columns = zip(*old, *left, strict=True)
                    rows = Table(rows.names, tuple(map(list, columns)), rows.count)
        self._placed[key] = rows
        return rows

    def gathered(
        self, table: RuleTable, entry: Entry, jobs: Table
    ) -> tuple[Sequence[int], list[Group], dict[int, FileflowError]]:
        """For each job the number of its group, and the groups of paths that this entry gathers.

        Values that were found while running and give no path are left out of their group; last
        comes, by the number of such a group, what is wrong.
        """
        pattern = entry.pattern
        assert pattern is not None
        wildcards = pattern.wildcards
        checks = table.checks
        if not table.shape.outputs:  # each pattern by itself
            checks = {name: checks[name] for name in wildcards if name in checks}
        else:  # what a call waits for may have wildcards that stand in no input
            wildcards = tuple(dict.fromkeys((*table.shape.path_wildcards, *wildcards)))
        relations = self.relations_of(wildcards, taker_of(table, pattern))
        relations = [self.only(one, checks) for one in relations]
        mapped = jobs.names
        lacking = table.lacking(jobs)
        found = gather_rows(relations, wildcards, pattern.wildcards, mapped, jobs, lacking)
        groups: list[Group] = []
        errors: dict[int, FileflowError] = {}
        for rows in found.groups:
            columns = dict(zip(rows.names, rows.columns, strict=True))
            wrong: dict[int, FileflowError] = {}
            full = table.with_lookups(pattern, columns, rows.count, wrong)
            wrong = {**table.unfit_rows(full, (entry,)), **wrong}
            if wrong:
                errors[len(groups)] = wrong[min(wrong)]
                fit = [row for row in range(rows.count) if row not in wrong]
                kept = tuple([column[row] for row in fit] for column in rows.columns)
                rows = Table(rows.names, kept, len(fit))
                full = {n: [column[row] for row in fit] for n, column in full.items()}
            paths = self.filled(pattern, full, rows.count)
            unique = dict.fromkeys(paths)
            if len(unique) != len(paths):
                paths = list(unique)
            groups.append(self.new_group(paths, rows))
        return found.group_of, groups, errors

    def allowed(self, table: RuleTable) -> list[Relation]:
        """The relations of a table without the rows that its constraints exclude."""
        return [self.only(one, table.checks) for one in table.relations]

    def limits(self, table: RuleTable) -> list[Limit]:
        """What may leave a job of the table without any row that agrees with it."""
        relations = self.allowed(table)
        filtered = {
            number
            for number, (one, whole) in enumerate(zip(relations, table.relations, strict=True))
            if one is not whole
            and any(n in table.checks and n not in table.names for n in one.names)
        }
        return limits_of(relations, table.shape.path_wildcards, table.names, filtered)

    def only(self, relation: Relation, checks: Mapping[str, Sequence[str]]) -> Relation:
        """A relation without the rows that constraints exclude."""
        mine = {name: checks[name] for name in relation.names if name in checks}
        if not mine or not len(relation):
            return relation
        key = (id(relation), repr(sorted(mine.items())))
        if key not in self._filtered:
            keep = bytearray(b"\1") * len(relation)
            for name, regexes in mine.items():
                compiled = [re.compile(regex) for regex in regexes]
                for row, value in enumerate(relation.column(name)):
                    if not all(one.fullmatch(value) for one in compiled):
                        keep[row] = 0
            made = relation
            if not all(keep):
                columns = tuple(
                    [value for value, kept in zip(column, keep, strict=True) if kept]
                    for column in relation.columns
                )
                made = replace(relation, columns=columns)
            self._filtered[key] = made
        return self._filtered[key]

    def value_set(self, relation: Relation, names: tuple[str, ...]) -> set[tuple[str, ...]]:
        """The distinct rows of a relation over some of its names."""
        key = (id(relation), names)
        if key not in self._sets:
            self._sets[key] = set(zip(*(relation.column(name) for name in names), strict=True))
        return self._sets[key]

    def odd_values(self, column: Sequence[str]) -> list[str]:
        """The values of a column that may be unfit for a path; looked for once a column."""
        known = self._odd.get(id(column))
        if known is None or known[0] is not column:
            joined = "\n".join(column)
            odd: list[str] = []
            # Most columns are fit as a whole: one look at the joined text tells.
            if (
                "/" in joined
                or "\0" in joined
                or "\n\n" in f"\n{joined}\n"
                or "\n.\n" in f"\n{joined}\n"
                or "\n..\n" in f"\n{joined}\n"
                or joined.count("\n") >= max(1, len(column))
            ):
                odd = [v for v in column if not v or v in {".", ".."} or set(v) & set("/\0\n")]
            known = (column, odd)
            self._odd[id(column)] = known
        return known[1]


def alone(taker: str, pattern: Pattern) -> str:
    """The name of who takes a pattern by itself; no rule has it."""
    return f"\0{taker}\0{pattern.text}"


def taker_of(table: RuleTable, pattern: Pattern) -> str:
    """Who takes an input's pattern: a rule or, if it has no outputs, that pattern by itself."""
    return table.rule.name if table.shape.outputs else alone(table.rule.name, pattern)


def list_rule(relation: Relation) -> str:
    """The name of what takes the files that hold the values of a key; no rule has it."""
    return f"\0{relation.origin}"


def _takers(workflow: Workflow) -> Iterator[tuple[str, Pattern]]:
    """Who takes which patterns: rules, those patterns that are taken by themselves, and lists."""
    for rule in workflow.rules.values():
        for entry in rule.inputs:
            if entry.pattern is not None:
                yield rule.name, entry.pattern
                if not rule.outputs:
                    yield alone(rule.name, entry.pattern), entry.pattern
        for site in sites_of(rule, rule.inputs):
            for pattern in site.call.after:
                yield rule.name, pattern
    for relation in workflow.relations:
        if relation.made is not None:
            yield list_rule(relation), relation.made.pattern


def _matched(matcher: Matcher, made: Pattern, path: str) -> Mapping[str, str] | None:
    """The values with which a pattern makes a path, or a folder that the path lies in."""
    values = matcher.match(path)
    while values is None and made.directory and "/" in path:
        path = path.rpartition("/")[0]
        values = matcher.match(path)
    return values


def beyond_reach(
    workflow: Workflow, targets: Iterable[tuple[str, Pattern]] = ()
) -> dict[str, dict[str, set[str]]]:
    """For each taker, by scatter, the names of which its values do not reach it though it uses
    them.

    Only where several scatters find values for one name: they reach a rule through the inputs that
    carry the name, and what its calls wait for, over any number of rules.
    """
    finders: dict[str, list[str]] = {}
    for relation in workflow.relations:
        if relation.scattered_by is not None:
            for name in own_names(relation):
                finders.setdefault(name, []).append(relation.scattered_by)
    shared = {name: rules for name, rules in finders.items() if len(rules) > 1}
    if not shared:
        return {}
    taken = [*_takers(workflow), *targets]
    takers = dict.fromkeys([*workflow.rules, *(taker for taker, _ in taken)])
    left_out: dict[str, dict[str, set[str]]] = {taker: {} for taker in takers}
    for name, scatters in shared.items():
        reached: dict[str, set[str]] = {taker: set() for taker in takers}
        carriers = [
            (taker, pattern.fill({one: f"={one}=" for one in pattern.names}))
            for taker, pattern in taken
            if name in pattern.wildcards and not pattern.lookups
        ]
        makers = [
            (rule.name, entry.pattern, Matcher(entry.pattern, {}), name in rule.scatter)
            for rule in workflow.rules.values()
            for entry in (*rule.outputs, *rule.logs)
            if entry.pattern is not None and name in entry.pattern.wildcards
        ]
        changed = True
        while changed:
            changed = False
            for taker, path in carriers:
                for maker, made, matcher, scatters_it in makers:
                    values = _matched(matcher, made, path)
                    if values is None or values[name] != f"={name}=":
                        continue
                    new = {maker} if scatters_it else reached[maker]
                    if not new <= reached[taker]:
                        reached[taker] |= new
                        changed = True
        for taker, found in reached.items():
            for scatter in set(scatters) - found if found else ():
                left_out[taker].setdefault(scatter, set()).add(name)
    return left_out
