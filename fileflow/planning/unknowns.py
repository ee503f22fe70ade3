"""What a plan cannot know yet: which producers have to tell their values before a job is complete.

Pure. The one notion behind scatters and lists that rules make: values are known when the job that
finds them is settled. Until then what depends on them is deferred, and wants those jobs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from fileflow.errors import Exit, FileflowError
from fileflow.lean import dataclass
from fileflow.model.patterns import Matcher, Pattern
from fileflow.model.rules import Entry, Relation, Rule, Run, Workflow
from fileflow.planning.finding import Finder, Scatter
from fileflow.planning.joined import Joins, list_rule, taker_of
from fileflow.planning.joins import relations_reaching
from fileflow.planning.known import (
    Found,
    Known,
    Values,
    is_found,
    own_names,
    producer_names,
    told_names,
    unfit_values,
)
from fileflow.planning.links import SHIFT, Link
from fileflow.planning.questions import sites_of
from fileflow.planning.recipes import names_in_texts
from fileflow.planning.tables import RuleTable

NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Source:
    """A file that holds values: its path, and the job that makes it, if any."""

    path: str
    maker: int | None


class Unknowns:
    """Asks of a plan's tables which producers have not told yet."""

    def __init__(
        self,
        workflow: Workflow,
        joins: Joins,
        finder: Finder,
        tables: Mapping[int, RuleTable],
    ) -> None:
        self.workflow = workflow
        self.known: Known = joins.known
        self.joins = joins
        self.finder = finder
        self.tables = tables
        self._calls_wait = calls_wait(workflow)
        self.numbers = {
            id(relation): number
            for number, relation in enumerate(workflow.relations)
            if is_found(relation)
        }
        # Outputs of which it is not known yet which paths they stand for.
        self._unlisted = [
            (rule, Matcher(entry.pattern, {}))
            for rule in workflow.rules.values()
            for entry in rule.outputs
            if entry.pattern is not None and entry.own is not None and entry.own.made is not None
        ]
        self.sources: dict[tuple[int, Values], Source] = {}
        self.found_sources: set[str] = set()
        self._lists: dict[int, RuleTable] = {}
        self._indexes: dict[tuple[int, tuple[str, ...]], tuple[int, dict[Values, list[int]]]] = {}
        self._all: dict[int, frozenset[int]] = {}
        self._wrong: dict[tuple[int, Values], None] = {}

    @property
    def any(self) -> bool:
        """Whether anything in the workflow is found while running."""
        return self._calls_wait or bool(self.numbers)

    def _number(self, relation: Relation) -> int:
        return self.numbers[id(self.joins.whole(relation))]

    # -- producers ----------------------------------------------------------------------------

    def lacking(
        self, relation: Relation, values: Mapping[str, str], seen: frozenset[int] = NOTHING
    ) -> frozenset[int]:
        """The jobs that have to tell before all rows that agree with these values are known."""
        number = self._number(relation)
        if number in seen:
            return NOTHING
        table = self._producers(number, relation)
        if not values and number in self._all and not table.shape.free:
            return self._all[number]
        known = self.known.of(number)
        found: set[int] = set()
        for row in self._agreeing(table, values):
            key = table.key_of(row)
            if key in known:
                continue
            if relation.made is None:
                found.add(table.base | row)
                continue
            if (number, key) in self.known.wrong:
                self._wrong[number, key] = None
            source = self._source(number, key, table.output_paths(0)[row])
            if source.maker is not None:
                found.add(source.maker)
        mine = {name: value for name, value in values.items() if name in table.columns}
        found |= self.of_rule(table, mine, seen | {number})
        made = frozenset(found)
        if not values:
            self._all[number] = made
        return made

    def of_rule(
        self, table: RuleTable, values: Mapping[str, str], seen: frozenset[int] = NOTHING
    ) -> frozenset[int]:
        """The jobs that may yet bring jobs of a rule which agree with these values."""
        out: frozenset[int] = NOTHING
        for relation in table.relations:
            if not is_found(relation):
                continue
            if not set(own_names(relation)) & set(table.names):
                continue
            mine = {n: v for n, v in values.items() if n in relation.path_names}
            out |= self.lacking(relation, mine, seen)
        return out

    def of_link(
        self, table: RuleTable, link: Link, rows: Sequence[int]
    ) -> dict[int, frozenset[int]]:
        """For each of these jobs whose list of inputs is not known yet: who has to tell."""
        pattern = link.pattern
        if pattern is None or link.group_of is None or not pattern.wildcards:
            return {}
        wildcards = pattern.wildcards
        if table.shape.outputs:
            wildcards = tuple(dict.fromkeys((*table.shape.path_wildcards, *wildcards)))
        reaching = relations_reaching(
            self.joins.relations_of(wildcards, taker_of(table, pattern)),
            wildcards,
            pattern.wildcards,
            table.names,
        )
        return self._late(table, reaching, rows)

    def of_outputs(self, table: RuleTable, rows: Sequence[int]) -> dict[int, frozenset[int]]:
        """For each of these jobs of which it is not known yet what they have to make, as a list
        that a rule makes says so: who has to tell."""
        return self._late(table, table.declaring, rows)

    def of_columns(self, table: RuleTable, rows: Sequence[int]) -> dict[int, frozenset[int]]:
        """For each of these jobs that is told a column of which not all rows are known yet: who has
        to tell."""
        wildcards = set(table.shape.path_wildcards)
        late = [
            relation
            for relation in table.relations
            if is_found(relation)
            and wildcards.intersection(own_names(relation))
            and not wildcards.issuperset(relation.names)
        ]
        found = self._late(table, late, rows) if late else {}
        return found if found and _names_columns(table) else {}

    def _late(
        self, table: RuleTable, relations: Iterable[Relation], rows: Sequence[int]
    ) -> dict[int, frozenset[int]]:
        """For each of these jobs that not all rows of these relations are known for: who has to
        tell."""
        out: dict[int, frozenset[int]] = {}
        for relation in relations:
            if not is_found(relation):
                continue
            shared = [name for name in producer_names(relation) if name in table.columns]
            free = bool(self._producers(self._number(relation), relation).shape.free)
            if not free and not self.lacking(relation, {}):
                continue
            cache: dict[Values, frozenset[int]] = {}
            for row in rows:
                key = tuple(table.columns[name][row] for name in shared)
                if key not in cache:
                    cache[key] = self.lacking(relation, dict(zip(shared, key, strict=True)))
                if cache[key]:
                    out[row] = out.get(row, NOTHING) | cache[key]
        return out

    def behind(self, table: RuleTable, rows: Sequence[int], *, own: bool = False) -> set[int]:
        """The jobs that have told values on which these jobs rest: they stay wanted.

        `own`: only those that told the values of these jobs, not those that had others to tell.
        """
        out: set[int] = set()
        used = [
            relation
            for relation in table.relations
            if is_found(relation) and set(own_names(relation)) & set(table.shape.path_wildcards)
        ]
        declaring = [one for one in table.declaring if one not in used]
        for relation in (*used, *declaring):
            number = self._number(relation)
            # Those in which it is cut down tell nothing of these jobs.
            names = [name if name in relation.names else "" for name in told_names(relation)]
            shared = [name for name in producer_names(relation) if name in table.columns]
            producers = self._producers(number, relation)
            known = self.known.of(number)
            keys = {tuple(table.columns[name][row] for name in shared) for row in rows}
            for key in keys:
                for row in self._agreeing(producers, dict(zip(shared, key, strict=True))):
                    values = producers.key_of(row)
                    if values not in known:
                        continue
                    if own and not self._told(known[values], names, table, rows):
                        continue
                    if relation.made is None:
                        out.add(producers.base | row)
                        continue
                    source = self._source(number, values, producers.output_paths(0)[row])
                    if source.maker is not None:
                        out.add(source.maker)
        return out

    def of_path(self, path: str, *, named: bool) -> frozenset[int]:
        """Who has to tell before it is known whether a rule makes this path.

        `named`: a target names the path, so that a scattered output counts too.
        """
        out: frozenset[int] = NOTHING
        for output in self.finder.outputs:
            if not output.starts(path):
                continue
            table = output.table
            if self.of_rule(table, {}) and (values := output.matcher().match(path)) is not None:
                out |= self.of_rule(table, values)
        for scatter, mine in self._scatters_of(path) if named else ():
            table = scatter.table
            row = table.row_for(mine)
            if row is not None:
                out |= self.of_outputs(table, [row]).get(row, NOTHING)
            if table.is_declared(scatter.k):
                continue
            if row is not None and table.found(row) is None:
                out |= {table.base | row}
            out |= self.of_rule(table, mine)
        for rule, matcher in self._unlisted:
            if matcher.match(path) is not None:
                table = self.finder.table(rule.name)
                out |= self.of_outputs(table, [0]).get(0, NOTHING) if table.count else NOTHING
        return out

    def scattering(self, path: str) -> set[int]:
        """The jobs that may scatter this path, be it known or not whether they do."""
        found = set()
        for scatter, mine in self._scatters_of(path):
            row = scatter.table.row_for(mine)
            if row is not None:
                found.add(scatter.table.base | row)
        return found

    def scattering_all(self, pattern: Pattern) -> set[int]:
        """The jobs that may scatter files of this pattern, whatever they will be."""
        found: set[int] = set()
        marked = {name: f"={name}=" for name in pattern.names}
        path = pattern.fill(marked)
        for scatter in self.finder.scatters:
            values = Matcher(scatter.pattern, {}).match(path) if scatter.starts(path) else None
            if values is not None:
                table = scatter.table
                said = {n: values[n] for n in table.names if values[n] not in marked.values()}
                found.update(table.base | row for row in self._agreeing(table, said))
        return found

    def _scatters_of(self, path: str) -> Iterator[tuple[Scatter, dict[str, str]]]:
        """The scattered outputs that fit a path, each with the values of the job that it is of."""
        for scatter in self.finder.scatters:
            values = scatter.matcher().match(path) if scatter.starts(path) else None
            if values is not None:
                yield scatter, {name: values[name] for name in scatter.table.names}

    @staticmethod
    def _told(found: Found, names: Sequence[str], table: RuleTable, rows: Sequence[int]) -> bool:
        """Whether what a job has found holds the values of one of these jobs."""
        places = [(k, table.columns[name]) for k, name in enumerate(names) if name in table.columns]
        wanted = {tuple(column[row] for _, column in places) for row in rows}
        return any(tuple(values[k] for k, _ in places) in wanted for values in found.rows)

    def outputs_mistake(self, table: RuleTable) -> FileflowError | None:
        """What is wrong with a list that is known, says what a rule makes, and gives no path."""
        for entry in table.rule.outputs:
            if entry.own is None or entry.own.made is None:
                continue
            relation = next(r for r in self.workflow.relations if r.names == entry.own.names)
            if self.known.of(self._number(relation)):
                wrong = unfit_values(table.rule, relation, self.workflow)
                return FileflowError(
                    f"the output {entry.pattern} of rule {table.rule.name!r} gives no path: "
                    f"{wrong}",
                    place=entry.place,
                    status=Exit.FAILED,
                )
        return None

    def _producers(self, number: int, relation: Relation) -> RuleTable:
        if relation.scattered_by is not None:
            return self.finder.table(relation.scattered_by)
        if number not in self._lists:
            assert relation.made is not None
            # The files that hold a list are the outputs of a rule, as far as its rows go.
            entry = Entry(place=relation.place, pattern=relation.made.pattern)
            rule = Rule(name=list_rule(relation), place=relation.place, outputs=(entry,))
            at = len(self.workflow.rules) + 1 + number
            self._lists[number] = RuleTable(at, rule, self.workflow, self.joins)
        return self._lists[number]

    def _agreeing(self, table: RuleTable, values: Mapping[str, str]) -> Iterable[int]:
        shared = tuple(name for name in table.names if name in values)
        if len(shared) == len(table.names):
            row = table.row_for(values)
            return () if row is None else (row,)
        if not shared:
            return range(table.count)
        count, index = self._indexes.get((table.number, shared), (-1, {}))
        if count != table.count:
            index = {}
            columns = [table.columns[name] for name in shared]
            for row, key in enumerate(zip(*columns, strict=True)):
                index.setdefault(key, []).append(row)
            self._indexes[table.number, shared] = table.count, index
        return index.get(tuple(values[name] for name in shared), ())

    def _source(self, number: int, key: Values, path: str) -> Source:
        found = self.sources.get((number, key))
        if found is None:
            found = Source(path, self.maker_of(path))
            self.sources[number, key] = found
        return found

    def maker_of(self, path: str) -> int | None:
        """The job that makes a list; None for a source."""
        makers = () if path in self.found_sources else self.finder.makers(path, first=True)
        return makers[0] if makers else None

    def take_as_source(self, path: str) -> None:
        """A list that is there is a source: the job that could make it cannot be had."""
        self.found_sources.add(path)
        self.sources = {key: one for key, one in self.sources.items() if one.path != path}
        self._all = {}

    # -- what is to be said, and what is to be learnt -----------------------------------------

    def wrong(self) -> list[FileflowError]:
        """What is wrong with lists of which somebody has asked what they hold."""
        return [self.known.wrong[key] for key in self._wrong]

    def producers(self) -> Iterator[tuple[int, Relation, RuleTable]]:
        """Each relation that is found while running, with the table of its producers."""
        for number, relation in enumerate(self.workflow.relations):
            if is_found(relation):
                yield number, relation, self._producers(number, relation)

    def rules_behind(self, tables: Iterable[RuleTable]) -> Iterator[RuleTable]:
        """The rules that make what jobs of these take and whose jobs are not all known yet."""
        todo = list(tables)
        seen: set[str] = set()
        while todo:
            new = self.rules_near(todo.pop()) - seen
            seen |= new
            for rule in self.workflow.rules.keys() & new:
                table = self.finder.table(rule)
                if self.of_rule(table, {}):
                    yield table
                elif not table.rule.asks_only:
                    continue
                todo.append(table)

    def may_need(self, rules: Iterable[str], ends: Collection[str]) -> bool:
        """Whether jobs of some rules may come to need one of others, by what their patterns say:
        what a call will give may be anything."""
        todo = [*rules]
        seen = set(todo)
        while todo:
            name = todo.pop()
            table = self.finder.table(name)
            if name in ends or table.gives_inputs:
                return True
            new = self.rules_near(table) - seen
            seen |= new
            todo += new
        return False

    def rules_near(self, table: RuleTable) -> set[str]:
        """The rules that may make what the jobs of a rule take."""
        found = {entry.rule for entry in table.shape.inputs if entry.rule is not None}
        found &= self.workflow.rules.keys()
        for pattern in patterns_of(table):
            found |= self.may_make(pattern.parts[0], pattern.parts[-1])
        return found

    def may_make(self, head: str, tail: str) -> set[str]:
        """The rules that may make some path with this beginning and end."""
        scatters = [one for one in self.finder.scatters if one.may_make(head, tail)]
        return {one.rule.name for one in (*self.finder.candidates(head, tail), *scatters)}

    def names_of(self, jobs: Iterable[int]) -> list[str]:
        """The rules of these jobs, each once."""
        return list(dict.fromkeys(self.tables[job >> SHIFT].rule.name for job in jobs))


def calls_wait(workflow: Workflow) -> bool:
    """Whether any call is asked after files that are made."""
    return any(
        site.call.after for rule in workflow.rules.values() for site in sites_of(rule, rule.inputs)
    )


def patterns_of(table: RuleTable) -> list[Pattern]:
    """What the jobs of a rule take, what their values are read from, and what calls wait for."""
    found = [entry.pattern for entry in table.shape.inputs if entry.pattern is not None]
    found += [one.made.pattern for one in table.relations if one.made is not None]
    return found + [pattern for site in table.sites for pattern in site.call.after]


def _names_columns(table: RuleTable) -> bool:
    """Whether the jobs of a rule may be told columns: values that are in none of their paths.

    A function takes them by its parameters, of which nothing is known here.
    """
    rule = table.rule
    if isinstance(rule.action, Run) or table.sites:
        return True
    names = {name for relation in table.relations for name in relation.names}
    names.difference_update(table.shape.path_wildcards)
    return bool(names.intersection({*names_in_texts(rule), *(rule.seed.by or ())}))
