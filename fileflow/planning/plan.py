"""From targets to the jobs that they need: who makes what, for all rows of a rule at once.

Pure: whether a source is there is asked of `Looks`; what is stale is decided elsewhere.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fileflow.errors import Collector, Exit, FileflowError, did_you_mean
from fileflow.model.patterns import normal, parse_pattern
from fileflow.model.rules import Entry, Rule, Workflow
from fileflow.planning.finding import Finder
from fileflow.planning.known import Known, is_found, with_known
from fileflow.planning.tables import (
    ABSENT,
    ROW,
    SHIFT,
    SOURCE,
    Group,
    Joins,
    Link,
    RuleTable,
)
from fileflow.planning.unknowns import Unknowns

PENDING = -3
LATER = -4


class Looks(Protocol):
    """What planning asks of the world."""

    def signatures(self, paths: Sequence[str]) -> list[bytes | None]:
        """The signature of each path, None where there is no file or folder."""

    def has_record(self, path: str) -> bool:
        """Whether a job is known to have made this path."""


@dataclass(frozen=True, slots=True)
class Target:
    """A word that names jobs: a rule, a path or a pattern.

    `name` is the word if it can be a rule or a pattern, else empty (`./all` is never a rule);
    `path` what it is as a path, relative to the Workflowfile's folder.
    """

    name: str
    path: str

    def __str__(self) -> str:
        return self.name or self.path


def target_from(word: str) -> Target:
    """The target that a word is for someone who stands in the Workflowfile's folder."""
    return Target("" if word.startswith("./") else word, word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user asks for."""

    targets: tuple[Target, ...] = ()
    tags: tuple[str, ...] = ()
    force: tuple[Target, ...] = ()
    until: tuple[Target, ...] = ()
    omit: tuple[Target, ...] = ()
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    keep_going: bool = False


@dataclass(slots=True)
class Missing:
    """A source that is not there: its path, who needs it first, and the chain up to the target."""

    path: str
    chain: list[str]
    entry: Entry | None


@dataclass(slots=True)
class Plan:
    """The jobs that the targets need, in an order in which each comes after what it needs.

    Args:
        tables: of each rule that takes part, its table; wanted rows are marked in it.
        order: (table, rows) steps; rows None: all wanted rows of the table.
        asked: jobs that were asked for themselves: absent outputs of theirs are built.
        forced: jobs to be treated as stale.
        sources: each source that a wanted job takes and its signature (None: missing).
        missing: with `keep_going`, the sources that are not there.
        blocked: with `keep_going`, the jobs that lack a source.
        left_out: how many jobs of each rule were left out on wish.
        source_targets: targets that are files no rule makes.
        deferred: the jobs that are wanted but wait for values that are found while running; they
            are in no step of `order`.
        incomplete: whether more will be wanted when what waits is known.
        waits: for each rule of which something cannot be known yet, the rules that have to tell.
        unknowns: tells which producers have told.
    """

    workflow: Workflow
    tables: dict[int, RuleTable]
    by_rule: dict[str, RuleTable]
    joins: Joins
    order: list[tuple[RuleTable, Sequence[int] | None]] = field(default_factory=list)
    asked: set[int] = field(default_factory=set)
    forced: set[int] = field(default_factory=set)
    sources: dict[str, bytes | None] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    blocked: set[int] = field(default_factory=set)
    left_out: dict[str, int] = field(default_factory=dict)
    source_targets: list[str] = field(default_factory=list)
    deferred: set[int] = field(default_factory=set)
    incomplete: bool = False
    waits: dict[str, list[str]] = field(default_factory=dict)
    unknowns: Unknowns | None = None

    def table_of(self, job: int) -> RuleTable:
        """The table that a job is in."""
        return self.tables[job >> SHIFT]

    def by_number(self, job: int) -> RuleTable:
        """The table that a job is in, be it wanted or deferred."""
        return next(table for table in self.by_rule.values() if table.number == job >> SHIFT)

    def label(self, job: int) -> str:
        """A job in the user's words."""
        return self.table_of(job).label(job & ROW)

    def jobs(self) -> Iterator[int]:
        """All wanted jobs, in the plan's order."""
        for table, rows in self.order:
            base = table.base
            for row in wanted_rows(table) if rows is None else rows:
                yield base | row

    def count(self) -> int:
        """How many jobs are wanted; rules that only ask are none."""
        return sum(sum(t.wanted) for t in self.tables.values() if not t.rule.asks_only)


def wanted_rows(table: RuleTable) -> Sequence[int]:
    """The rows of a table that are wanted."""
    if all(table.wanted):
        return range(table.count)
    return [row for row, wanted in enumerate(table.wanted) if wanted]


class Planner:
    """Works out a plan; used once."""

    def __init__(
        self,
        workflow: Workflow,
        looks: Looks,
        known: Known | None = None,
        first_group: int = 0,
    ) -> None:
        """`known`: what is known of values that are found while running; `first_group`: the number
        of the first list of inputs, which no other plan of the run may use."""
        known = known or Known()
        workflow = with_known(workflow, known)
        self.workflow = workflow
        self.looks = looks
        self.joins = Joins(workflow, known, first_group)
        self.by_rule: dict[str, RuleTable] = {}
        self.tables: dict[int, RuleTable] = {}
        self.finder = Finder(workflow, self.table)
        self.unknowns = Unknowns(workflow, self.joins, self.finder, self.tables)
        self.defers: dict[int, frozenset[int]] = {}
        self.defer_rules: dict[str, frozenset[int]] = {}
        self.later: dict[str, frozenset[int]] = {}
        self.numbers = {name: number for number, name in enumerate(workflow.rules)}
        self.decided: dict[str, int] = {}
        self.choices: dict[str, tuple[int, ...]] = {}
        self.choosers: dict[str, tuple[int, Entry | None]] = {}
        self.asked_by: dict[int, str] = {}
        self.dropped: set[str] = set()
        self.todo: list[tuple[RuleTable, Sequence[int]]] = []
        self.sources: dict[str, bytes | None] = {}

    def table(self, rule: str) -> RuleTable:
        """The table of a rule's jobs, made when first needed."""
        found = self.by_rule.get(rule)
        if found is None:
            number = self.numbers[rule]
            found = RuleTable(number, self.workflow.rules[rule], self.workflow, self.joins)
            self.by_rule[rule] = found
            self.tables[number] = found
        return found

    # -- the whole story ----------------------------------------------------------------------

    def plan(self, wishes: Wishes) -> Plan:
        """The plan for these wishes.

        Raises:
            FileflowError: for an unknown target, a cycle, two makers of one path, a missing source.
        """
        targets = Targets(self, wishes)
        targets.read()
        # Each round decides paths that several rules could make, or that turn out to be sources;
        # then the closure is taken anew, so that nothing asked for on trial stays wanted.
        while True:
            self._reset()
            asked = targets.asked()
            self._close()
            # What is left out may lack a source: that is seen after it was left out.
            trouble = self._settle(asked, tolerant=wishes.keep_going or targets.narrows)
            if trouble is not None:
                break
        if targets.narrows:
            asked, wanted = targets.narrow(asked)
            while True:
                self._reset()
                self._want([*wanted, *targets.producers])
                self._close()
                trouble = self._settle(wanted, tolerant=wishes.keep_going)
                if trouble is not None:
                    break
        blocked, missing = trouble
        deferred = self._deferred(blocked) if self.unknowns.any else {}
        waits = self._waits(deferred) if self.unknowns.any else {}
        asked = [job for job in asked if job not in deferred]
        for job in deferred:
            self.tables[job >> SHIFT].wanted[job & ROW] = 0
        plan = Plan(
            workflow=self.workflow,
            tables={n: t for n, t in self.tables.items() if any(t.wanted)},
            by_rule=self.by_rule,
            joins=self.joins,
            asked=set(asked),
            forced=targets.forced(),
            sources=self.sources,
            missing=missing,
            blocked=blocked,
            left_out=targets.left_out,
            source_targets=[p for p in targets.sources if self.sources.get(p, b"") is not None],
            deferred=set(deferred),
            incomplete=bool(deferred or targets.producers),
            waits=waits,
            unknowns=self.unknowns if self.unknowns.any else None,
        )
        plan.order = self._order(plan)
        self._check_overlaps(plan)
        return plan

    # -- what is not known yet ----------------------------------------------------------------

    def _defer(self, job: int, producers: frozenset[int]) -> None:
        """A job waits for what these jobs tell, which are wanted."""
        before = self.defers.get(job)
        if before is None or not producers <= before:
            self.defers[job] = producers | (before or frozenset())
            self._want(producers)

    def _wait_for_path(self, path: str, *, named: bool) -> bool:
        """Whether it is not known yet if a rule makes this path; then who has to tell is wanted."""
        if path not in self.later:
            self.later[path] = self.unknowns.of_path(path, named=named)
        self._want(self.later[path])
        return bool(self.later[path])

    def _deferred(self, blocked: set[int]) -> dict[int, frozenset[int]]:
        """The wanted jobs that wait, or need one that does, with the jobs that have to tell."""
        found = {
            job: producers
            for job, producers in self.defers.items()
            if self.tables[job >> SHIFT].wanted[job & ROW] and job not in blocked
        }
        if any(self.later.values()):
            for table in self.tables.values():
                for row in wanted_rows(table) if any(table.wanted) else ():
                    for link in table.links:
                        if LATER in link.makers_of(row):
                            group = link.group(row)
                            paths = [link.paths[row]] if group is None else group.paths
                            makers = zip(paths, link.makers_of(row), strict=False)
                            job = table.base | row
                            for path, maker in makers:
                                if maker == LATER:
                                    new = found.get(job, frozenset()) | self.later[path]
                                    found[job] = new
        if not found:
            return found
        needed_by: dict[int, list[int]] = {}
        for table in self.tables.values():
            for row in wanted_rows(table) if any(table.wanted) else ():
                for maker in dict.fromkeys(self.makers_of(table.base | row)):
                    needed_by.setdefault(maker, []).append(table.base | row)
        todo = list(found)
        while todo:
            job = todo.pop()
            for consumer in needed_by.get(job, ()):
                before = found.get(consumer)
                if before is None or not found[job] <= before:
                    found[consumer] = found[job] | (before or frozenset())
                    todo.append(consumer)
        return found

    def _waits(self, deferred: dict[int, frozenset[int]]) -> dict[str, list[str]]:
        """For each rule of which something is not known yet, the rules that have to tell."""
        producers: dict[str, frozenset[int]] = {}
        patterns = []
        for name, jobs in self.defer_rules.items():
            table = self.by_rule.get(name)
            if table is not None and jobs:
                producers[name] = jobs
                patterns += [e.pattern for e in table.shape.inputs if e.pattern is not None]
        for job, jobs in deferred.items():
            table = self.tables[job >> SHIFT]
            name = table.rule.name
            if job in self.defers and name not in producers:
                patterns += [e.pattern for e in table.shape.inputs if e.pattern is not None]
            if not table.rule.asks_only:
                producers[name] = producers.get(name, frozenset()) | jobs
        for table in self.unknowns.rules_behind(patterns):
            jobs = self.unknowns.of_rule(table, {})
            producers[table.rule.name] = producers.get(table.rule.name, frozenset()) | jobs
        order = [name for name in self.workflow.rules if name in producers]
        return {name: self.unknowns.names_of(sorted(producers[name])) for name in order}

    # -- closure ------------------------------------------------------------------------------

    def _reset(self) -> None:
        for table in self.tables.values():
            table.wanted = bytearray(table.count)
            if self.decided or self.choices or self.dropped:
                table.linked = bytearray(table.count)
                table.links = []
        for group in self.joins.groups:
            if self.decided or self.choices or self.dropped:
                group.makers = None
        self.choices = {}
        self.todo = []
        self.defers = {}

    def _want(self, jobs: Iterable[int]) -> None:
        by_table: dict[int, list[int]] = {}
        for job in jobs:
            by_table.setdefault(job >> SHIFT, []).append(job & ROW)
        for number, rows in by_table.items():
            self._want_rows(self.tables[number], rows)

    def _want_rows(self, table: RuleTable, rows: Sequence[int]) -> None:
        wanted = table.wanted
        if isinstance(rows, range) and len(rows) == table.count and not any(wanted):
            if table.count:
                table.wanted = bytearray(b"\1") * table.count
                self.todo.append((table, rows))
            return
        new = []
        for row in rows:
            if not wanted[row]:
                wanted[row] = 1
                new.append(row)
        if new:
            self.todo.append((table, new))

    def _close(self) -> None:
        while self.todo:
            table, rows = self.todo.pop()
            table.make_links()
            for number in range(len(table.links)):
                self._follow(table, table.links[number], rows)
            if self.unknowns.any:
                self._want(self.unknowns.behind(table, rows))

    def _follow(self, table: RuleTable, link: Link, rows: Sequence[int]) -> None:
        if link.pattern is None:
            if link.entry.rule is not None and self.unknowns.any:
                late_rule = self._late_rule(link.entry.rule)
                for row in rows if late_rule else ():
                    self._defer(table.base | row, late_rule)
            if link.entry.rule is not None and not link.groups:
                link.groups = [self.joins.group(self._all_of(link.entry), None)]
                link.group_of = [0] * table.count
            elif link.group_of is None:
                link.groups = [self.joins.group([], None)]
                link.group_of = [0] * table.count
        if link.group_of is not None:
            late = self.unknowns.of_link(table, link, rows) if self.unknowns.any else {}
            for row, producers in late.items():
                self._defer(table.base | row, producers)
            waiting = {link.group_of[row] for row in late}
            for number in dict.fromkeys([link.group_of[row] for row in rows]):
                group = link.groups[number]
                if number not in waiting:
                    self._check_group(table, link, group, number)
                if group.makers is None:
                    group.makers = self._makers_of(group.paths, link, table, None)
                self._demand(link, group.makers)
                self._demand_later(group.paths, group.makers)
            return
        assert link.makers is not None
        whole = isinstance(rows, range) and len(rows) == table.count
        if whole and not self.decided and not self.dropped:
            maker = self.finder.same_rows(table, link.pattern) if link.pattern else None
            if maker is not None:
                link.makers = range(maker.base, maker.base + maker.count)
                link.tables.add(maker.number)
                self._want_rows(maker, range(maker.count))
                return
        if isinstance(link.makers, range):
            self._demand(link, [link.makers[row] for row in rows])
            return
        makers = link.makers
        assert isinstance(makers, array)
        if whole:
            found = self._makers_of(link.paths, link, table, rows)
            link.makers = found
        else:
            found = self._makers_of([link.paths[row] for row in rows], link, table, rows)
            for row, maker_id in zip(rows, found, strict=True):
                makers[row] = maker_id
        self._demand(link, found)
        self._demand_later([link.paths[row] for row in rows], found)

    def _demand_later(self, paths: Sequence[str], makers: Sequence[int]) -> None:
        """Wants the jobs that have to tell who makes these paths."""
        if LATER in makers:
            for path, maker in zip(paths, makers, strict=True):
                if maker == LATER:
                    self._want(self.later[path])

    def _late_rule(self, name: str) -> frozenset[int]:
        """Who has to tell before all that a rule makes, or asks for, is known."""
        if name not in self.workflow.rules:
            return frozenset()
        table = self.table(name)
        late = self.unknowns.of_rule(table, {})
        if table.scattered and not table.has_declared_scatter:
            late |= {table.base | r for r in range(table.count) if table.found(r) is None}
        if table.rule.asks_only:
            table.make_links()
            for link in table.links:
                if link.entry.rule is not None:
                    late |= self._late_rule(link.entry.rule)
                late |= self.unknowns.of_link(table, link, [0]).get(0, frozenset())
        return late

    def _all_of(self, entry: Entry, above: tuple[str, ...] = ()) -> list[str]:
        """The paths that `{rule: NAME}` stands for; `above` are rules that led here."""
        name = entry.rule
        if name in above:
            raise FileflowError(
                f"these rules ask for each other in a ring: {' → '.join([*above, str(name)])}",
                place=entry.place,
            )
        if name not in self.workflow.rules:
            raise FileflowError(
                f"there is no rule {name!r}",
                place=entry.place,
                hint=did_you_mean(str(name), self.workflow.rules),
            )
        table = self.table(str(name))
        if table.shape.free:
            raise _free_rule(table)
        if not table.rule.asks_only:
            return [path for row in range(table.count) for _, path in table.files_of(row)]
        table.make_links()
        out: list[str] = []
        for link in table.links:
            if link.entry.rule is not None:
                out += self._all_of(link.entry, (*above, str(name)))
            for group in link.groups:
                out += group.paths
        return list(dict.fromkeys(out))

    def _check_group(self, table: RuleTable, link: Link, group: Group, number: int) -> None:
        entry = link.entry
        if not group.paths and not entry.optional and link.pattern is not None:
            row = next(
                r for r in range(table.count) if link.group_of and link.group_of[r] == number
            )
            raise FileflowError(
                f"{link.pattern} gives no path for the job {table.label(row)}: no values agree "
                "with it",
                place=entry.place,
                hint="if that is meant, write {path: …, optional: true}",
                status=Exit.FAILED if self._found_nothing(table, link) else Exit.WRONG,
            )
        if entry.one and len(group.paths) > 1:
            raise FileflowError(
                f"{link.pattern} is said to be one file (`one: true`), but there are "
                f"{len(group.paths)}: {', '.join(group.paths[:3])}…",
                place=entry.place,
            )

    def _found_nothing(self, table: RuleTable, link: Link) -> bool:
        """Whether what a link gathers is found while running."""
        names = set(link.pattern.wildcards if link.pattern else ())
        return any(is_found(one) and names & set(one.names) for one in table.relations)

    def _makers_of(
        self, paths: Sequence[str], link: Link, table: RuleTable, rows: Sequence[int] | None
    ) -> array[int]:
        out = array("q", [SOURCE]) * len(paths)
        decided = self.decided
        for i, found in enumerate(self.finder.many(paths, link.pattern)):
            if found is None:
                if self.unknowns.any and self._wait_for_path(paths[i], named=False):
                    out[i] = LATER
                continue
            path = paths[i]
            if link.entry.optional and path in self.dropped:
                out[i] = ABSENT
            elif decided and path in decided:
                out[i] = decided[path]
            elif isinstance(found, int):
                out[i] = found
            else:
                row = None if rows is None else rows[i]
                agreeing = self._agreeing(found, path, link, table, row)
                if len(agreeing) == 1:
                    out[i] = agreeing[0]
                else:
                    self.choices[path] = agreeing
                    self.choosers[path] = (table.base | (row or 0), link.entry)
                    out[i] = PENDING
                    self._want(agreeing)
        link.tables.update({maker >> SHIFT for maker in set(out) if maker >= 0})
        return out

    def _agreeing(
        self,
        makers: tuple[int, ...],
        path: str,
        link: Link,
        table: RuleTable,
        row: int | None,
    ) -> tuple[int, ...]:
        """Of several makers those that agree on all names they share with the job that asks."""
        values = table.values_of(row) if row is not None else {}
        if row is None:
            for group in link.groups:
                if group.rows is not None and path in group.paths:
                    names, at = group.rows.names, group.paths.index(path)
                    if group.rows.count == len(group.paths):
                        columns = group.rows.columns
                        values |= {n: c[at] for n, c in zip(names, columns, strict=True)}
        kept = []
        for maker in makers:
            theirs = self.tables[maker >> SHIFT].values_of(maker & ROW)
            if all(values.get(name, value) == value for name, value in theirs.items()):
                kept.append(maker)
        return tuple(kept) or makers

    def _demand(self, link: Link, makers: Sequence[int]) -> None:
        by_table: dict[int, list[int]] = {}
        for maker in makers:
            if maker >= 0:
                by_table.setdefault(maker >> SHIFT, []).append(maker & ROW)
        for number, rows in by_table.items():
            link.tables.add(number)
            table = self.tables[number]
            if len(rows) == table.count and not any(table.wanted):
                self._want_rows(table, range(table.count))
            else:
                self._want_rows(table, rows)

    # -- sources and choices ------------------------------------------------------------------

    def _look_for_sources(self) -> bool:
        """Looks for every source once; whether one that is not optional is missing."""
        new: dict[str, None] = {}
        lacking = False
        for _, _, paths, makers in self._wanted_links():
            if SOURCE not in makers:
                continue
            for path, maker in zip(paths, makers, strict=True):
                if maker == SOURCE and path not in self.sources:
                    new[path] = None
        paths = list(new)
        self.sources.update(zip(paths, self.looks.signatures(paths), strict=True))
        for link, _, paths, makers in self._wanted_links():
            if SOURCE not in makers:
                continue
            for i, maker in enumerate(makers):
                if maker == SOURCE and self.sources[paths[i]] is None:
                    if link.entry.optional:
                        assert isinstance(makers, array)
                        makers[i] = ABSENT
                    else:
                        lacking = True
        return lacking

    def _wanted_links(self) -> Iterator[tuple[Link, RuleTable, Sequence[str], Sequence[int]]]:
        """The paths and makers of all wanted links: by job, or by group."""
        seen: set[int] = set()
        for table in list(self.tables.values()):
            if not any(table.wanted):
                continue
            for link in table.links:
                if link.group_of is None:
                    if link.makers is not None and not isinstance(link.makers, range):
                        yield link, table, link.paths, link.makers
                    continue
                for group in link.groups:
                    if group.makers is not None and (group.number not in seen):
                        if not link.entry.optional:
                            seen.add(group.number)
                        yield link, table, group.paths, group.makers

    def _settle(
        self, asked: Sequence[int], *, tolerant: bool
    ) -> tuple[set[int], list[Missing]] | None:
        """Decides what is open; None if the closure must be taken anew for what was decided.

        Gives the jobs that lack a source, and these sources; with `tolerant` they are no error.
        """
        lacking = self._look_for_sources()
        if not lacking and not self.choices and not self._may_ring():
            return set(), []
        had = Derivation(self)
        decided = False
        errors = Collector()
        for path, makers in self.choices.items():
            able = [maker for maker in makers if had.can(maker)]
            if len(able) > 1:
                able = [maker for maker in able if had.without(path, maker)] or able
            maker = self._preferred(path, able, errors) if able else None
            if maker is None and not able:
                maker = SOURCE if self._may_be_source(path, makers) else makers[0]
            if maker is not None:
                self.decided[path] = maker
                decided = True
        errors.raise_if_any()
        for path, maker in had.hopeless():
            if path not in self.decided and self._may_be_source(path, (maker,)):
                self.decided[path] = SOURCE
                decided = True
        if decided:
            return None
        asking = [
            table.base | row
            for table in self.tables.values()
            if table.rule.asks_only
            for row in wanted_rows(table)
        ]
        missing = had.missing([*asked, *asking])
        if not missing:
            dropped = had.hopeless_optional()
            self.dropped |= dropped
            return None if dropped else (set(), [])
        if tolerant:
            return had.blocked(), missing
        errors = Collector()
        for one in missing[:20]:
            errors.add(_missing_error(self, one))
        errors.raise_if_any()
        raise AssertionError

    def _may_ring(self) -> bool:
        """Whether rules with free wildcards need each other by turns."""
        needs = {
            number: {other for link in table.links for other in link.tables}
            for number, table in self.tables.items()
            if table.shape.free and any(table.wanted)
        }
        inside = {number: found & needs.keys() for number, found in needs.items()}
        return any(len(one) > 1 or one[0] in inside[one[0]] for one in _components(inside))

    def _may_be_source(self, path: str, makers: Iterable[int]) -> bool:
        """A file that is there is a source if only rules with a free wildcard could make it."""
        for maker in makers:
            if not self.tables[maker >> SHIFT].shape.free:
                return False
        if self.looks.has_record(path):
            return False
        found = self.looks.signatures([path])[0]
        if found is not None:
            self.sources[path] = found
        return found is not None

    def _preferred(self, path: str, able: list[int], errors: Collector) -> int | None:
        if len(able) == 1:
            return able[0]
        tables = {maker: self.tables[maker >> SHIFT] for maker in able}
        plain = [maker for maker in able if not tables[maker].names]
        left = plain or able
        best = max(tables[maker].rule.prefer for maker in left)
        left = [maker for maker in left if tables[maker].rule.prefer == best]
        if len(left) == 1:
            return left[0]
        _, entry = self.choosers.get(path, (None, None))
        labels = [tables[maker].label(maker & ROW) for maker in left]
        names = [tables[maker].rule.name for maker in left]
        wildcard = next((name for maker in left for name in tables[maker].names), None)
        regex = "[^_.]+"
        if wildcard is not None:
            value = tables[left[0]].values_of(left[0] & ROW).get(wildcard, "")
            regex = r"\d+" if value.isdigit() else "[A-Za-z0-9]+"
        hint = (
            f"separate them, e.g. in rule {names[0]}:  constraints: {{{wildcard}: '{regex}'}}"
            if wildcard
            else "give one of them a larger `prefer`, or another output"
        )
        what = f"{path} is made by more than one job: {', '.join(labels)}"
        errors.add(FileflowError(what, place=entry.place if entry else None, hint=hint))
        return None

    # -- order and checks ---------------------------------------------------------------------

    def _order(self, plan: Plan) -> list[tuple[RuleTable, Sequence[int] | None]]:
        needs = {
            number: {other for link in table.links for other in link.tables if other in plan.tables}
            for number, table in plan.tables.items()
        }
        order: list[tuple[RuleTable, Sequence[int] | None]] = []
        for component in _components(needs):
            if len(component) == 1 and component[0] not in needs[component[0]]:
                order.append((plan.tables[component[0]], None))
            else:
                order += self._order_jobs(component, plan)
        return order

    def _order_jobs(
        self, component: Sequence[int], plan: Plan
    ) -> list[tuple[RuleTable, Sequence[int] | None]]:
        """Rules that need each other by turns: their jobs one by one."""
        jobs = [
            plan.tables[number].base | row
            for number in component
            for row in wanted_rows(plan.tables[number])
        ]
        inside = set(jobs)
        waits: dict[int, int] = {}
        needed_by: dict[int, list[int]] = {}
        for job in jobs:
            makers = {m for m in self.makers_of(job) if m in inside}
            waits[job] = len(makers)
            for maker in makers:
                needed_by.setdefault(maker, []).append(job)
        ready = [job for job in jobs if not waits[job]]
        order: list[tuple[RuleTable, Sequence[int] | None]] = []
        for job in ready:
            order.append((plan.tables[job >> SHIFT], [job & ROW]))
            for other in needed_by.get(job, ()):
                waits[other] -= 1
                if not waits[other]:
                    ready.append(other)
        if len(ready) < len(jobs):
            stuck = [job for job in jobs if waits[job] and job not in plan.blocked]
            if stuck:
                raise _cycle_error(self, stuck)
        return order

    def makers_of(self, job: int) -> Iterator[int]:
        """The jobs that make what a job takes."""
        table = self.tables[job >> SHIFT]
        for link in table.links:
            for maker in link.makers_of(job & ROW):
                if maker >= 0:
                    yield maker

    def _check_overlaps(self, plan: Plan) -> None:
        """No path has two makers, and none lies below a folder that another job makes."""
        errors = Collector()
        folders: dict[str, int] = {}
        spots: dict[str, list[tuple[RuleTable, int]]] = {}
        for table in plan.tables.values():
            for k, entry in enumerate(table.shape.outputs):
                if entry.pattern is None:
                    continue
                first = entry.pattern.parts[0].partition("/")
                spots.setdefault(first[0] if first[1] else "", []).append((table, k))
                if entry.pattern.directory:
                    paths = table.output_paths(k)
                    folders.update({paths[row]: table.base | row for row in wanted_rows(table)})
        loose = spots.pop("", [])
        for group in [*spots.values(), loose] if not loose else [sum(spots.values(), loose)]:
            _check_doubles(plan, group, errors)
        for table in plan.tables.values():
            _check_below(plan, table, {**folders, **_files_above(plan, table)}, errors)
        self._check_input_folders(plan, errors)
        errors.raise_if_any()

    def _check_input_folders(self, plan: Plan, errors: Collector) -> None:
        inputs = [
            (path, link.entry)
            for link, _, paths, makers in self._wanted_links()
            if link.pattern is not None and link.pattern.directory
            for path, maker in zip(paths, makers, strict=True)
            if maker == SOURCE
        ]
        for path, entry in inputs:
            for table in plan.tables.values():
                for k, output in enumerate(table.shape.outputs):
                    head = output.pattern.parts[0] if output.pattern else ""
                    if not (head.startswith(path + "/") or (path + "/").startswith(head)):
                        continue
                    paths = table.output_paths(k)
                    if any(paths[row].startswith(path + "/") for row in wanted_rows(table)):
                        errors.add(
                            FileflowError(
                                f"the folder {path}/ is an input, but rule {table.rule.name!r} "
                                "writes in it",
                                place=entry.place,
                                hint="name the files that are needed, or let one rule make the "
                                "whole folder",
                            )
                        )


def _check_doubles(plan: Plan, spots: list[tuple[RuleTable, int]], errors: Collector) -> None:
    if len(spots) == 1:
        table, k = spots[0]
        paths = table.output_paths(k)
        if len(set(paths)) == len(paths):
            return
    made: dict[str, int] = {}
    for table, k in spots:
        paths = table.output_paths(k)
        for row in wanted_rows(table):
            other = made.setdefault(paths[row], table.base | row)
            if other != table.base | row:
                errors.add(
                    FileflowError(
                        f"{paths[row]} is made by two jobs: {plan.label(other)} and "
                        f"{table.label(row)}",
                        place=table.shape.outputs[k].place,
                        hint="let their outputs differ in every value that tells them apart",
                    )
                )
                return


def _check_below(plan: Plan, table: RuleTable, folders: dict[str, int], errors: Collector) -> None:
    for k, entry in enumerate(table.shape.outputs):
        paths = table.output_paths(k)
        for row in wanted_rows(table):
            above = paths[row]
            while (slash := above.rfind("/")) > 0:
                above = above[:slash]
                other = folders.get(above)
                if other is not None:
                    errors.add(
                        FileflowError(
                            f"{paths[row]} lies in {above}/, which {plan.label(other)} makes as a "
                            "whole",
                            place=entry.place,
                            hint="write it into a folder of its own",
                        )
                    )
                    return


def _files_above(plan: Plan, table: RuleTable) -> dict[str, int]:
    """Output files of jobs whose pattern says that a path of this table could lie below them."""
    found: dict[str, int] = {}
    heads = [e.pattern.parts[0] for e in table.shape.outputs if e.pattern is not None]
    depth = max((h.pattern.text.count("/") for h in table.shape.outputs if h.pattern), default=0)
    for other in plan.tables.values():
        for k, entry in enumerate(other.shape.outputs):
            pattern = entry.pattern
            if pattern is None or pattern.directory or pattern.text.count("/") >= depth:
                continue
            head = pattern.parts[0]
            if any(head.startswith(mine) or mine.startswith(head) for mine in heads):
                paths = other.output_paths(k)
                found.update({paths[row]: other.base | row for row in wanted_rows(other)})
    return found


def _components(needs: dict[int, set[int]]) -> list[list[int]]:
    """Strongly connected components, each after those that it needs (Tarjan 1972, iterative)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    out: list[list[int]] = []
    for start in needs:
        if start in index:
            continue
        work = [(start, iter(sorted(needs[start])))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, others = work[-1]
            for other in others:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(sorted(needs[other]))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component = []
                    while True:
                        other = stack.pop()
                        on_stack.discard(other)
                        component.append(other)
                        if other == node:
                            break
                    out.append(component)
    return out


class Derivation:
    """Which jobs can be had from the sources that are there: the least fixed point.

    A job that needs what it makes, or lacks a source, is not in it. Slow and exact; only asked
    where something is open or missing.
    """

    def __init__(self, planner: Planner, denied: str | None = None) -> None:
        self.planner = planner
        self.able: set[int] = set()
        self._needs: dict[int, list[tuple[str, tuple[int, ...], Link]]] = {}
        self._derive(denied)

    def can(self, job: int) -> bool:
        """Whether all that the job needs can be had."""
        return job in self.able

    def without(self, path: str, job: int) -> bool:
        """Whether the job can be had without this path, which it makes."""
        return Derivation(self.planner, denied=path).can(job)

    def needs(self, job: int) -> list[tuple[str, tuple[int, ...], Link]]:
        """What a job needs: (path, the jobs that could make it or () for a source, entry)."""
        found = self._needs.get(job)
        if found is None:
            planner = self.planner
            table = planner.tables[job >> SHIFT]
            row = job & ROW
            found = []
            for link in table.links:
                group = link.group(row)
                paths = [link.paths[row]] if group is None else group.paths
                for path, maker in zip(paths, link.makers_of(row), strict=False):
                    if maker == PENDING:
                        found.append((path, planner.choices.get(path, ()), link))
                    elif maker == SOURCE:
                        found.append((path, (), link))
                    elif maker >= 0:
                        found.append((path, (maker,), link))
            self._needs[job] = found
        return found

    def _jobs(self) -> Iterator[int]:
        for table in self.planner.tables.values():
            if any(table.wanted):
                for row in wanted_rows(table):
                    yield table.base | row

    def _derive(self, denied: str | None) -> None:
        sources = self.planner.sources
        waits: dict[int, int] = {}
        waiting: dict[int, list[tuple[int, str]]] = {}
        met: set[tuple[int, str]] = set()
        ready: list[int] = []
        for job in self._jobs():
            count = 0
            for path, makers, link in self.needs(job):
                if link.entry.optional:
                    continue
                if path == denied:
                    count += 1
                elif makers:
                    count += 1
                    for maker in makers:
                        waiting.setdefault(maker, []).append((job, path))
                elif sources.get(path) is None:
                    count += 1
            waits[job] = count
            if not count:
                ready.append(job)
        while ready:
            job = ready.pop()
            self.able.add(job)
            for other, path in waiting.get(job, ()):
                if (other, path) not in met:
                    met.add((other, path))
                    waits[other] -= 1
                    if not waits[other]:
                        ready.append(other)

    def hopeless(self) -> Iterator[tuple[str, int]]:
        """Paths whose only maker cannot be had, with that maker."""
        for job in list(self._needs):
            for path, makers, _ in self.needs(job):
                if len(makers) == 1 and makers[0] not in self.able:
                    yield path, makers[0]

    def hopeless_optional(self) -> set[str]:
        """The paths of optional inputs whose makers cannot be had: they are absent."""
        found: set[str] = set()
        for job in self._jobs():
            for path, makers, link in self.needs(job):
                if link.entry.optional and makers and not self.able.intersection(makers):
                    found.add(path)
        return found

    def blocked(self) -> set[int]:
        """The wanted jobs that cannot be had."""
        return {job for job in self._jobs() if job not in self.able}

    def missing(self, asked: Iterable[int]) -> list[Missing]:
        """What the asked jobs lack in the end, each with the chain of requests; cycles raise."""
        out: dict[str, Missing] = {}
        seen: set[int] = set()
        for target in asked:
            if target in self.able or target in seen:
                continue
            stack: list[tuple[int, list[int]]] = [(target, [target])]
            while stack:
                job, chain = stack.pop()
                if job in seen:
                    continue
                seen.add(job)
                for path, makers, link in self.needs(job):
                    if link.entry.optional:
                        continue
                    if not makers:
                        if self.planner.sources.get(path) is None and path not in out:
                            labels = [self.planner.tables[j >> SHIFT].label(j & ROW) for j in chain]
                            if target in self.planner.asked_by:
                                labels.insert(0, self.planner.asked_by[target])
                            out[path] = Missing(path, labels, link.entry)
                    elif not any(maker in self.able for maker in makers):
                        stack += [(maker, [*chain, maker]) for maker in makers]
        if not out and seen:
            raise _cycle_error(self.planner, sorted(seen))
        return list(out.values())


def _missing_error(planner: Planner, missing: Missing) -> FileflowError:
    chain = missing.chain
    shown = chain if len(chain) <= 6 else [*chain[:2], "…", *chain[-3:]]
    hint = f"needed by {' ← '.join(reversed(shown))}"
    near = None
    if missing.entry is not None and missing.entry.pattern is not None:
        near = _near_output(planner, missing.path)
    if near:
        hint += f"; did you mean {near}?"
    return FileflowError(
        f"{missing.path} is not there, and no rule makes it",
        place=missing.entry.place if missing.entry else None,
        hint=hint,
    )


def _near_output(planner: Planner, path: str) -> str | None:
    from difflib import get_close_matches

    texts = [output.pattern.text for output in planner.finder.outputs]
    found = get_close_matches(path, texts, n=1, cutoff=0.75)
    return found[0] if found else None


def _cycle_error(planner: Planner, stuck: Sequence[int]) -> FileflowError:
    """Names the jobs of a cycle in order: a -> b -> c -> a."""
    inside = set(stuck)
    job = stuck[0]
    walked: list[int] = []
    position: dict[int, int] = {}
    while job not in position:
        position[job] = len(walked)
        walked.append(job)
        following = next((m for m in planner.makers_of(job) if m in inside), None)
        if following is None:
            break
        job = following
    ring = [*walked[position.get(job, 0) :], job]
    labels = [planner.tables[j >> SHIFT].label(j & ROW) for j in ring]
    shown = labels if len(labels) <= 8 else [*labels[:4], "…", *labels[-3:]]
    table = planner.tables[ring[0] >> SHIFT]
    return FileflowError(
        f"these jobs need each other in a ring: {' → '.join(shown)}",
        place=table.rule.place,
        hint="each arrow reads `needs`; take one of these inputs away",
    )


def _free_rule(table: RuleTable) -> FileflowError:
    name = table.shape.free[0]
    near = did_you_mean(name, table.joins.names)
    output = table.shape.outputs[0].pattern
    hint = f"ask for a path such as {output}" + (f", or: {near}" if near else "")
    return FileflowError(
        f"rule {table.rule.name!r} cannot be asked for by name: {{{name}}} has no values",
        place=table.rule.place,
        hint=hint,
    )


class Targets:
    """Turns what the user asked for into jobs."""

    def __init__(self, planner: Planner, wishes: Wishes) -> None:
        self.planner = planner
        self.wishes = wishes
        self.sources: list[str] = []
        self.left_out: dict[str, int] = {}
        self.producers: list[int] = []
        self._late_patterns: list[tuple[str, frozenset[int]]] = []
        self._rules: list[Rule] = []
        self._paths: list[str] = []
        self._forced_rules: list[Rule] = []
        self._forced_paths: list[str] = []

    @property
    def narrows(self) -> bool:
        """Whether some of what is needed is to be left out."""
        return bool(self.wishes.until or self.wishes.omit or self.wishes.where)

    def read(self) -> None:
        """Tells rules, paths and patterns apart; an unknown one is an error."""
        rules = self.planner.workflow.rules
        targets = list(self.wishes.targets)
        for tag in self.wishes.tags:
            tagged = [rule for rule in rules.values() if tag in rule.tags]
            if not tagged:
                known = {tag for rule in rules.values() for tag in rule.tags}
                raise FileflowError(f"no rule has the tag {tag!r}", hint=did_you_mean(tag, known))
            self._rules += tagged
        if not targets and not self.wishes.tags and not self.wishes.force:
            self._rules.append(next(iter(rules.values())))
        for target in targets:
            self._read(target, self._rules, self._paths)
        for target in self.wishes.force:
            self._read(target, self._forced_rules, self._forced_paths)
        self._rules += [rule for rule in self._forced_rules if rule not in self._rules]
        self._paths += self._forced_paths

    def _read(self, target: Target, rules: list[Rule], paths: list[str]) -> None:
        workflow = self.planner.workflow
        name = target.name
        if name in workflow.rules:
            rules.append(workflow.rules[name])
            return
        if name in workflow.absent_rules:
            raise FileflowError(f"rule {name!r} is not there: {workflow.absent_rules[name]}")
        if "{" in name:
            pattern = parse_pattern(name)
            rule = Rule(
                name=name,
                place=next(iter(workflow.rules.values())).place,
                inputs=(Entry(place=next(iter(workflow.rules.values())).place, pattern=pattern),),
            )
            for wildcard in pattern.wildcards:
                if wildcard not in self.planner.joins.names:
                    raise FileflowError(
                        f"the target {name!r} names {{{wildcard}}}, which has no values",
                        hint=did_you_mean(wildcard, self.planner.joins.names),
                    )
            table = RuleTable(len(workflow.rules), rule, workflow, self.planner.joins)
            table.make_links()
            for link in table.links:
                late = self.planner.unknowns.of_link(table, link, [0]).get(0, frozenset())
                if late:
                    self._late_patterns.append((name, late))
                for group in link.groups:
                    paths += group.paths
            return
        paths.append(normal(target.path))

    def asked(self) -> list[int]:
        """The jobs asked for; marks them, and what the rules without action ask for, as wanted."""
        planner = self.planner
        jobs: dict[int, None] = {}
        self.sources = []
        self.producers = []
        for rule in self._rules:
            self._ask_rule(rule, jobs, set())
        for path in self._paths:
            maker = self._maker(path)
            if maker is not None:
                jobs[maker] = None
        for name, late in self._late_patterns:
            self._late(name, late)
        planner._want(jobs)
        return list(jobs)

    def _ask_rule(self, rule: Rule, jobs: dict[int, None], ring: set[str]) -> None:
        table = self.planner.table(rule.name)
        if table.shape.free:
            raise _free_rule(table)
        if not rule.asks_only:
            jobs.update(dict.fromkeys(range(table.base, table.base + table.count)))
            if self.planner.unknowns.any:
                late = self.planner.unknowns.of_rule(table, {})
                self._late(rule.name, late)
                if not late and not table.count:
                    self._complain_of_none(table)
            return
        # A rule that only asks is no job: what it names is asked for in its stead.
        planner = self.planner
        planner._want_rows(table, range(table.count))
        planner._close()
        for link in table.links:
            for row in range(table.count):
                group = link.group(row)
                paths = [link.paths[row]] if group is None else group.paths
                for path, maker in zip(paths, link.makers_of(row), strict=False):
                    if maker >= 0:
                        jobs[maker] = None
                        planner.asked_by.setdefault(maker, rule.name)
                    elif maker == SOURCE:
                        self.sources.append(path)

    def _late(self, name: str, producers: frozenset[int]) -> None:
        """What is asked for is not all known before these jobs have told."""
        if producers:
            self.planner._want(producers)
            self.planner.defer_rules[name] = producers
            self.producers += [job for job in producers if job not in self.producers]

    def _complain_of_none(self, table: RuleTable) -> None:
        for relation in table.relations:
            if is_found(relation) and not len(relation):
                raise FileflowError(
                    f"rule {table.rule.name!r} has no job: {relation.origin} gives no values",
                    place=table.rule.place,
                    status=Exit.FAILED,
                )

    def _maker(self, path: str) -> int | None:
        planner = self.planner
        if path in planner.decided:
            maker = planner.decided[path]
            if maker == SOURCE:
                self.sources.append(path)
            return maker if maker >= 0 else None
        makers = planner.finder.makers(path)
        if not makers and planner.unknowns.any:
            late = planner.unknowns.of_path(path, named=True)
            if late:
                self._late(path, late)
                return None
        if not makers:
            sign = planner.looks.signatures([path])[0]
            if sign is None:
                raise _unknown_target(planner, path)
            self.sources.append(path)
            return None
        if len(makers) > 1:
            planner.choices[path] = tuple(makers)
            planner._want(makers)
            return None
        job = makers[0]
        planner.choosers[path] = (job, None)
        if planner.tables[job >> SHIFT].shape.free:
            # On trial: if its inputs cannot be had, a file that is there is a source.
            planner.choices.setdefault(path, (job,))
        return job

    def forced(self) -> set[int]:
        """The jobs that are to be treated as stale."""
        out: set[int] = set()
        for rule in self._forced_rules:
            table = self.planner.table(rule.name)
            out.update(table.base | row for row in range(table.count))
        for path in self._forced_paths:
            out.update(self.planner.finder.makers(path))
        return out

    # -- leaving out --------------------------------------------------------------------------

    def narrow(self, asked: list[int]) -> tuple[list[int], list[int]]:
        """What is asked for, and what is wanted, after --until, --omit and --where."""
        planner = self.planner
        wanted = [
            table.base | row
            for table in planner.tables.values()
            if any(table.wanted) and not table.rule.asks_only
            for row in wanted_rows(table)
        ]
        if self.wishes.until:
            ends = self._matching(self.wishes.until, "--until", wanted)
            asked = [job for job in wanted if job in ends]
            self.producers = self._late_ends(wanted)
            wanted = self._closure_down(asked)
        out = self._matching(self.wishes.omit, "--omit", wanted) if self.wishes.omit else set()
        for name, values in self.wishes.where:
            out |= self._elsewhere(name, values, wanted)
        if not out:
            return asked, wanted
        order = self._closure_up(out, wanted)
        self.producers = [job for job in self.producers if job not in order]
        for job in order:
            name = planner.tables[job >> SHIFT].rule.name
            self.left_out[name] = self.left_out.get(name, 0) + 1
        asked = [job for job in asked if job not in order]
        return asked, [job for job in wanted if job not in order]

    def _late_ends(self, wanted: Sequence[int]) -> list[int]:
        """The wanted jobs that may bring further jobs of the rules at which the run is to end."""
        unknowns = self.planner.unknowns
        names = {word.name for word in self.wishes.until}
        late: set[int] = set()
        for name, rule in self.planner.workflow.rules.items():
            if name in names and not rule.asks_only and unknowns.any:
                producers = unknowns.of_rule(self.planner.table(name), {})
                self.planner.defer_rules[name] = producers
                late |= producers
        return [job for job in wanted if job in late]

    def _matching(self, words: Iterable[Target], option: str, wanted: Sequence[int]) -> set[int]:
        rules: list[Rule] = []
        paths: list[str] = []
        for word in words:
            self._read(word, rules, paths)
        names = {rule.name for rule in rules}
        found = {job for job in wanted if self.planner.tables[job >> SHIFT].rule.name in names}
        for rule in rules:
            if rule.asks_only:
                table = self.planner.table(rule.name)
                planner = self.planner
                planner._want_rows(table, range(table.count))
                planner._close()
                found |= {
                    m for row in range(table.count) for m in planner.makers_of(table.base | row)
                }
        for path in paths:
            makers = self.planner.finder.makers(path)
            if not makers and self.planner.unknowns.of_path(path, named=True):
                continue
            if not makers:
                raise FileflowError(
                    f"{option} {path}: no rule makes it",
                    hint=did_you_mean(path, self.planner.workflow.rules),
                )
            found.update(makers)
        return found

    def _elsewhere(self, name: str, values: Sequence[str], wanted: Sequence[int]) -> set[int]:
        """The jobs that map this wildcard, or have it as a column, with another value."""
        planner = self.planner
        known = [relation for relation in planner.workflow.relations if name in relation.names]
        free = any(name in planner.tables[j >> SHIFT].columns for j in wanted)
        if not known and not free:
            raise FileflowError(
                f"--where {name}=…: there is no wildcard {name!r}",
                hint=did_you_mean(name, planner.joins.names),
            )
        there = {value for relation in known for value in relation.column(name)}
        for value in values:
            if known and value not in there and not any(is_found(r) or r.open for r in known):
                raise FileflowError(
                    f"--where {name}={value}: {name} has no such value",
                    hint=did_you_mean(value, list(there)[:1000]),
                )
        keep = set(values)
        out = set()
        for job in wanted:
            table = planner.tables[job >> SHIFT]
            row = job & ROW
            if name in table.columns:
                if table.columns[name][row] not in keep:
                    out.add(job)
            elif name not in table.shape.gathered and table.names and table.has_column(name):
                mine = table.column_value(name, row, each=True)
                if not keep & set(mine):
                    out.add(job)
        return out

    def _closure_down(self, jobs: Sequence[int]) -> list[int]:
        """These jobs and all that they need."""
        found = dict.fromkeys(jobs)
        todo = list(jobs)
        while todo:
            for maker in self.planner.makers_of(todo.pop()):
                if maker not in found:
                    found[maker] = None
                    todo.append(maker)
        return list(found)

    def _closure_up(self, out: set[int], wanted: Sequence[int]) -> set[int]:
        """These jobs and all that need them."""
        planner = self.planner
        needed_by: dict[int, list[int]] = {}
        for job in wanted:
            for maker in planner.makers_of(job):
                needed_by.setdefault(maker, []).append(job)
            for producer in planner.defers.get(job, ()):
                needed_by.setdefault(producer, []).append(job)
            if planner.unknowns.any:
                table = planner.tables[job >> SHIFT]
                for producer in planner.unknowns.behind(table, [job & ROW]):
                    needed_by.setdefault(producer, []).append(job)
        todo = list(out)
        found = set(out)
        while todo:
            for job in needed_by.get(todo.pop(), ()):
                if job not in found:
                    found.add(job)
                    todo.append(job)
        return found & set(wanted)


def _unknown_target(planner: Planner, path: str) -> FileflowError:
    rules = planner.workflow.rules
    near = did_you_mean(path, rules)
    hint = near
    if near is None or not near.startswith("did you mean"):
        output = _near_output(planner, path)
        if output:
            hint = f"rules make {output}; `fileflow list` shows the rules"
    return FileflowError(
        f"there is no rule and no file {path!r}, and no rule makes such a path",
        hint=hint,
        status=Exit.WRONG,
    )
