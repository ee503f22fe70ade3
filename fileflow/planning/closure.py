"""From wanted jobs to all that they need: who makes what, for all rows of a rule at once.

Paths that several rules could make, or that may be sources, are decided here. Whether a source is
there is asked of `Looks`; which jobs a user asks for, and their order, is not known here.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from itertools import islice

from fileflow.errors import Collector, FileflowError, did_you_mean, some_of
from fileflow.lean import replace
from fileflow.model.patterns import Pattern
from fileflow.model.rules import Entry, Workflow
from fileflow.planning.calling import Calls
from fileflow.planning.derivation import Derivation, free_rule, missing_error
from fileflow.planning.finding import Finder, Given
from fileflow.planning.growing import is_late, same_wanted
from fileflow.planning.jobs import AskedBy, Jobs
from fileflow.planning.joined import Joins
from fileflow.planning.known import Known, Values, is_found, with_known
from fileflow.planning.links import ABSENT, LATER, PENDING, ROW, SHIFT, SOURCE, Group, Link, Takers
from fileflow.planning.named import NamedLink, learns, loosened, named_link, new_link, rings
from fileflow.planning.ordering import components, needed_by
from fileflow.planning.plan import Looks, Missing, Plan
from fileflow.planning.questions import Answers
from fileflow.planning.separating import separating
from fileflow.planning.tables import RuleTable, wanted_links, wanted_rows
from fileflow.planning.unknowns import Unknowns

_NAMED = 4

Choice = tuple[str, tuple[int, ...]]
"""A path and the jobs that could make it for the one who asks: others may ask with other values."""


class Closure:
    """What has been asked for so far and all that it needs; asks go on until nothing is open."""

    def __init__(
        self,
        workflow: Workflow,
        looks: Looks,
        known: Known | None = None,
        before: Joins | None = None,
        answers: Answers | None = None,
    ) -> None:
        """`known`: what is known of values that are found while running; `before`: what the run's
        plan before this one joined; `answers`: who asks the functions of calls (nobody: what they
        give is not known)."""
        # The plan that is to grow, and its rules whose jobs stay, with who makes what they take.
        self.before: Plan | None = None
        self.stay: Mapping[str, RuleTable] = {}
        known = known or Known()
        workflow = with_known(workflow, known)
        self.workflow = workflow
        self.looks = looks
        self.joins = Joins(workflow, known, before)
        self.by_rule: dict[str, RuleTable] = {}
        self.tables: dict[int, RuleTable] = {}
        self.finder = Finder(workflow, self.table)
        self.unknowns = Unknowns(workflow, self.joins, self.finder, self.tables)
        self.calls = Calls(self, known, answers)
        self.defers: dict[int, frozenset[int]] = {}
        self.tellers: set[int] = set()
        self.defer_rules: dict[str, frozenset[int]] = {}
        self.later: dict[str, frozenset[int]] = {}
        self._names = list(workflow.rules)
        self.numbers = {name: number for number, name in enumerate(self._names)}
        self.decided: dict[str, int] = {}
        self.picked: dict[Choice, int] = {}
        self.choices: dict[str, tuple[int, ...]] = {}
        self.open: dict[Choice, Entry | None] = {}
        self.asked_by = AskedBy()
        self.dropped: set[str] = set()
        self.todo: list[tuple[RuleTable, Sequence[int]]] = []
        self.lacking: set[str] = set()
        self.failed: dict[int, FileflowError] = {}
        self.wrong: dict[str, FileflowError] = {}
        self.loose: dict[int, frozenset[str]] = {}
        self._named_makers: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._cures: dict[tuple[str, ...], str] = {}

    def table(self, rule: str) -> RuleTable:
        """The table of a rule's jobs, made when first needed."""
        found = self.by_rule.get(rule)
        if found is None:
            number = self.numbers[rule]
            if rule in self.stay:
                found = self.stay[rule].again()
                self.joins.keep(found)
            else:
                found = RuleTable(number, self.workflow.rules[rule], self.workflow, self.joins)
            self.by_rule[rule] = found
            self.tables[number] = found
        return found

    def _numbered(self, number: int) -> RuleTable:
        """The table with this number: of a rule that stays nobody may have spoken yet."""
        found = self.tables.get(number)
        return found if found is not None else self.table(self._names[number])

    # -- what is not known yet ----------------------------------------------------------------

    def defer(self, job: int, producers: frozenset[int]) -> None:
        """A job waits for what these jobs tell, which are wanted."""
        before = self.defers.get(job)
        if before is None or not producers <= before:
            self.defers[job] = producers | (before or frozenset())
            self.want_told(producers)

    def want_told(self, producers: Iterable[int]) -> None:
        """Wants these jobs for what they tell, also where nobody takes what they make."""
        self.tellers.update(producers)
        self.want(producers)

    def _wait_for_path(self, path: str, *, named: bool) -> bool:
        """Whether it is not known yet if a rule makes this path; then who has to tell is wanted."""
        if path not in self.later:
            self.later[path] = self.unknowns.of_path(path, named=named)
        self.want_told(self.later[path])
        return bool(self.later[path])

    def waiting(self) -> dict[int, frozenset[int]]:
        """The wanted jobs that wait themselves, with the jobs that have to tell."""
        found = {
            job: producers
            for job, producers in self.defers.items()
            if self.tables[job >> SHIFT].wanted[job & ROW]
        }
        if any(self.later.values()):
            for table in self.tables.values():
                links = [link for link in table.links if is_late(link)]
                for row in wanted_rows(table) if links else ():
                    for link in links:
                        if LATER in link.makers_of(row):
                            job = table.base | row
                            for maker, path in link.made_paths(row):
                                if maker == LATER:
                                    new = found.get(job, frozenset()) | self.later[path]
                                    found[job] = new
        return found

    def deferred(self, waiting: Mapping[int, AbstractSet[int]]) -> dict[int, AbstractSet[int]]:
        """These jobs, which wait, and all that need one of them, with those that have to tell.

        Jobs that wait for the same ones share a set.
        """
        found = dict(waiting)
        if not found:
            return found
        consumers = needed_by(self.tables, found)
        line = deque(found)
        growing: dict[int, set[int]] = {}  # sets of jobs that stand in line: shared by nobody yet
        standing = set(line)
        while line:
            job = line.popleft()
            standing.discard(job)
            growing.pop(job, None)
            new = found[job]
            for consumer in consumers.get(job, ()):
                before = found.get(consumer)
                if before is None:
                    found[consumer] = new
                elif new is before or new <= before:
                    continue
                elif consumer in growing:
                    growing[consumer] |= new
                else:
                    found[consumer] = growing[consumer] = {*before, *new}
                if consumer not in standing:
                    standing.add(consumer)
                    line.append(consumer)
        return found

    def waits(self, deferred: Mapping[int, AbstractSet[int]]) -> dict[str, list[str]]:
        """For each rule of which something is not known yet, the rules that have to tell."""
        sets: dict[str, dict[int, AbstractSet[int]]] = {}  # each set of a rule's jobs once
        tables = []
        for name, jobs in self.defer_rules.items():
            table = self.by_rule.get(name)
            if table is not None and jobs:
                sets[name] = {id(jobs): jobs}
                tables.append(table)
        for job, theirs in deferred.items():
            table = self.tables[job >> SHIFT]
            name = table.rule.name
            if job in self.defers and name not in sets:
                tables.append(table)
            if not table.rule.asks_only:
                sets.setdefault(name, {})[id(theirs)] = theirs
        producers = {name: set[int]().union(*those.values()) for name, those in sets.items()}
        for table in self.unknowns.rules_behind(tables):
            jobs = self.unknowns.of_rule(table, {})
            producers.setdefault(table.rule.name, set()).update(jobs)
        order = [name for name in self.workflow.rules if name in producers]
        return {name: self.unknowns.names_of(sorted(producers[name])) for name in order}

    def rows_asking(self) -> list[int]:
        """The wanted rows of rules without action: they are no jobs, and ask for their inputs."""
        return [
            table.base | row
            for table in self.tables.values()
            if table.rule.asks_only
            for row in wanted_rows(table)
        ]

    def refused_jobs(self) -> set[int]:
        """The wanted jobs of rules whose keys do not agree on values that were found."""
        return {
            table.base | row
            for name in self.wrong
            for table in (self.by_rule[name],)
            for row in wanted_rows(table)
        }

    # -- closure ------------------------------------------------------------------------------

    @property
    def _anew(self) -> bool:
        """Whether links are to be made anew: something was decided, or was open."""
        decided = self.decided or self.picked or self.choices or self.unknowns.found_sources
        return bool(decided or self.dropped or self.loose)

    @property
    def is_plain(self) -> bool:
        """Whether nothing had to be decided, so that what stands in links holds for ever."""
        return not (self._anew or self.open or self.failed or self.wrong or self.calls.failed)

    def choose(self, path: str, makers: tuple[int, ...], entry: Entry | None) -> int | None:
        """The one of these jobs that was picked to make a path; if none was, it is left open."""
        if (path, makers) in self.picked:
            return self.picked[path, makers]
        before = self.choices.get(path, ())
        self.choices[path] = tuple(dict.fromkeys((*before, *makers)))
        self.open[path, makers] = entry
        self.want(makers)
        return None

    def reset(self) -> None:
        for table in self.tables.values():
            table.wanted = bytearray(table.count)
            if self._anew:
                table.linked = bytearray(table.count)
                table.links = []
                table.afters = {}
        for group in self.joins.groups:
            if self._anew:
                group.makers = None
        self.choices = {}
        self.open = {}
        self._named_makers = {}
        self.todo = []
        self.defers = {}
        self.tellers = set()
        self.failed = {}
        self.wrong = {}

    def want(self, jobs: Iterable[int]) -> None:
        if isinstance(jobs, Jobs):
            for piece in jobs.ranges():
                self.want(piece)
            return
        if isinstance(jobs, range) and len(jobs):
            table = self._numbered(jobs[0] >> SHIFT)
            self.want_rows(table, range(jobs[0] & ROW, (jobs[-1] & ROW) + 1))
            return
        by_table: dict[int, list[int]] = {}
        for job in jobs:
            by_table.setdefault(job >> SHIFT, []).append(job & ROW)
        for number, rows in by_table.items():
            self.want_rows(self._numbered(number), rows)

    def want_rows(self, table: RuleTable, rows: Sequence[int]) -> None:
        wanted = table.wanted
        if isinstance(rows, range) and len(rows) == table.count:
            if 0 not in wanted:
                return
            if 1 not in wanted:
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

    def close(self) -> None:
        while self.todo:
            table, rows = self.todo.pop()
            table.make_links()
            if table.unfit:
                self.failed |= {table.base | r: table.unfit[r] for r in rows if r in table.unfit}
            if table.rule.name in self.unknowns.known.refused:
                self.wrong[table.rule.name] = self.unknowns.known.refused[table.rule.name]
            if learns(table):
                self._learn(table, rows)
            stays = table.rule.name in self.stay and len(rows) == table.count
            for link in list(table.links):
                if link.given is None and not (stays and self._follow_again(link)):
                    self.follow(table, link, rows)
            if self.unknowns.any:  # before calls, which are told columns too
                for row, producers in self.unknowns.of_columns(table, rows).items():
                    self.defer(table.base | row, producers)
            if table.sites:
                self._follow_calls(table, rows)
            if self.unknowns.any:
                late = self.unknowns.of_outputs(table, rows)
                for row, producers in late.items():
                    self.defer(table.base | row, producers)
                wrong = None if late else self.unknowns.outputs_mistake(table)
                if wrong is not None:
                    self.failed |= {table.base | row: wrong for row in rows}
            if self.unknowns.any and not (stays and table.rests is not None):
                behind = frozenset(self.unknowns.behind(table, rows))
                if len(rows) == table.count:
                    table.rests = behind
                self.want_told(behind)
            elif table.rests:
                self.want(table.rests)

    def _follow_again(self, link: Link) -> bool:
        """Wants what all jobs of a rule that stays take through a link; whether that is known."""
        if link.group_of is None:
            if link.makers is None:
                return False
        elif any(group.makers is None for group in link.groups):
            return False  # nobody has wanted it before
        if link.needs is None:
            needs: dict[int, dict[int, None]] = {}
            link.needs = {}
            for makers in link.all_makers():
                if isinstance(makers, range):
                    if len(makers):
                        link.needs[makers[0] >> SHIFT] = makers
                    continue
                for maker in makers:
                    if maker >= 0:
                        needs.setdefault(maker >> SHIFT, {})[maker & ROW] = None
                    elif maker not in (SOURCE, ABSENT):
                        link.needs = None
                        return False
            for number, rows in needs.items():
                both = [*rows, *(job & ROW for job in link.needs.get(number, ()))]
                link.needs[number] = _as_range([number << SHIFT | row for row in sorted({*both})])
        for jobs in link.needs.values():
            self.want(jobs)
        return True

    def _learn(self, table: RuleTable, rows: Sequence[int]) -> None:
        """Asks for what these jobs were found to read when they were recorded."""
        link = named_link(table) or new_link(table, self.joins)
        first = table.output_paths(0)
        texts = self._texts
        for row in rows:
            if link.knows(row):
                continue
            found = self.looks.named_by(first[row])
            if found is None:
                link.nothing(row)
                continue
            token, paths = found
            loose = self.loose.get(table.base | row)
            if loose is None and link.has(row, token):
                continue
            # Most jobs name the same files: each text is kept once.
            group = self.joins.new_group([texts.setdefault(path, path) for path in paths], None)
            number = link.put(row, group, token if loose is None else None)
            if loose is not None:
                link.loose[number] = loose

    def _follow_named(self, table: RuleTable, link: NamedLink, rows: Sequence[int]) -> None:
        known = self._named_makers
        assert link.group_of is not None
        takers = Takers(link, rows)
        for number in dict.fromkeys([link.group_of[row] for row in rows]):
            group = link.groups[number]
            if group.makers is None:
                new = [path for path in group.paths if path not in known]
                if new:
                    could = self.finder.many(new, None)
                    found = self._makers_of(new, could, link, table, takers.of(number)[0])
                    known.update(zip(new, found, strict=True))
                makers: Sequence[int] = [known[path] for path in group.paths]
                if number in link.loose:
                    makers = loosened(makers, group.paths, link.loose[number])
                group.makers = array("q", makers)
            self._demand(link, list(dict.fromkeys(group.makers)))
            self._demand_later(group.paths, group.makers)

    def loosen(self) -> bool:
        """Lets go of files that jobs were found to read and that are made from what they make.

        Whether there were any: then the closure must be taken anew.
        """
        found = dict(rings(self.tables))
        for job, paths in found.items():
            self.loose[job] = paths | self.loose.get(job, frozenset())
        return bool(found)

    def _follow_calls(self, table: RuleTable, rows: Sequence[int]) -> None:
        """Asks what calls give; last, as their arguments may be what other inputs gather."""
        self.calls.ask(table, rows)
        for link in table.links:
            if link.given is not None:
                self.follow(table, link, rows)

    def follow(self, table: RuleTable, link: Link, rows: Sequence[int]) -> None:
        """Finds who makes what these jobs take through a link, and wants it."""
        if isinstance(link, NamedLink):
            self._follow_named(table, link, rows)
            return
        late_rule: frozenset[int] = frozenset()
        if link.pattern is None and (link.given is None or link.group_of is None):
            if link.entry.rule is not None and self.unknowns.any:
                late_rule = self._late_rule(link.entry.rule)
                for row in rows if late_rule else ():
                    self.defer(table.base | row, late_rule)
            if link.entry.rule is not None and not link.groups:
                asked = self._all_of(link.entry)
                link.spare = frozenset(path for path, spare in asked.items() if spare)
                link.groups = [self.joins.group(link.entry, list(asked))]
                link.group_of = [0] * table.count
            elif link.group_of is None:
                link.groups = [self.joins.new_group([], None)]
                link.group_of = [0] * table.count
        if link.group_of is not None:
            late = self.unknowns.of_link(table, link, rows) if self.unknowns.any else {}
            for row, producers in late.items():
                self.defer(table.base | row, producers)
            waiting = {link.group_of[row] for row in late}
            takers = Takers(link, rows)
            for number in dict.fromkeys([link.group_of[row] for row in rows]):
                group = link.groups[number]
                error = link.errors.get(number)
                if error is None and number not in waiting and not late_rule:
                    error = self._check_group(table, link, group, number, takers)
                if error is not None:
                    self.failed |= {table.base | row: error for row in takers.of(number)}
                for one in self._with_makers(group, number, table, link, takers):
                    assert one.makers is not None
                    self._demand(link, one.makers)
                    self._demand_later(one.paths, one.makers)
            return
        assert link.makers is not None
        if link.errors:
            errors = link.errors
            self.failed |= {table.base | row: errors[row] for row in rows if row in errors}
            rows = [row for row in rows if row not in errors]
        whole = isinstance(rows, range) and len(rows) == table.count
        if whole and link.pattern and not self.decided and not self.dropped:
            output = self.finder.same_rows(link.pattern, table.columns, table.count)
            if output is not None:
                maker = output.table
                link.makers = range(maker.base, maker.base + maker.count)
                link.fill_by(output.paths)
                link.tables.add(maker.number)
                self.want_rows(maker, range(maker.count))
                return
        if isinstance(link.makers, range):
            self._demand(link, [link.makers[row] for row in rows])
            return
        makers = link.makers
        assert isinstance(makers, array)
        paths = link.paths
        if not whole:
            paths = [paths[row] for row in rows]
        could = self.finder.many(paths, link.pattern, lambda i: table.values_of(rows[i]))
        found = self._makers_of(paths, could, link, table, rows)
        if whole:
            link.makers = found
        else:
            for row, maker_id in zip(rows, found, strict=True):
                makers[row] = maker_id
        self._demand(link, found)
        self._demand_later(paths, found)

    def _with_makers(
        self, group: Group, number: int, table: RuleTable, link: Link, takers: Takers
    ) -> list[Group]:
        """The group with its makers; several in its stead if jobs that ask differ in who makes it.

        They may where several jobs could make a path: those count that agree with the values of the
        job that asks.
        """
        if group.makers is not None:
            return [group]
        group.makers = self._same_rows(link, group)
        if group.makers is not None:
            return [group]
        found = self.finder.many(group.paths, link.pattern, self._shared_values(table, link, group))
        several = {job for one in found if isinstance(one, tuple) for job in one}
        if not several:
            group.makers = self._makers_of(group.paths, found, link, table, -1)
            return [group]
        theirs = {name for job in several for name in self.tables[job >> SHIFT].names}
        names = [name for name in table.names if name in theirs]
        group_of = link.group_of
        assert group_of is not None
        if not isinstance(group_of, list):
            group_of = link.group_of = [group_of[row] for row in range(table.count)]
        parts: dict[Values, int] = {}
        for row in takers.of(number):
            key = tuple([table.columns[name][row] for name in names])
            if key not in parts:
                part = self.joins.new_group(group.paths, group.rows)
                part.makers = self._makers_of(group.paths, found, link, table, row)
                parts[key] = len(link.groups)
                link.groups.append(part)
            group_of[row] = parts[key]
        return [link.groups[part] for part in parts.values()]

    def _shared_values(self, table: RuleTable, link: Link, group: Group) -> Given | None:
        """What all jobs that share a list say of each of its paths; None if a maker may have other
        values of theirs to agree with."""
        rows = group.rows
        if rows is None or link.pattern is None or rows.count != len(group.paths):
            return None
        own = set(table.names).difference(rows.names)
        near = self.finder.candidates(link.pattern.parts[0], link.pattern.parts[-1]) if own else ()
        if any(output.free and not own.isdisjoint(output.shape.mapped) for output in near):
            return None
        return lambda i: {n: c[i] for n, c in zip(rows.names, rows.columns, strict=True)}

    def _same_rows(self, link: Link, group: Group) -> range | None:
        """The jobs that make a list, where it is plain that they are all of one rule, in order."""
        rows = group.rows
        if rows is None or link.pattern is None or rows.count != len(group.paths):
            return None
        if self.decided or self.dropped:
            return None
        columns = dict(zip(rows.names, rows.columns, strict=True))
        output = self.finder.same_rows(link.pattern, columns, rows.count)
        if output is None:
            return None
        maker = output.table
        link.tables.add(maker.number)
        return range(maker.base, maker.base + maker.count)

    def _demand_later(self, paths: Sequence[str], makers: Sequence[int]) -> None:
        """Wants the jobs that have to tell who makes these paths."""
        if LATER in makers:
            for path, maker in zip(paths, makers, strict=True):
                if maker == LATER:
                    self.want_told(self.later[path])

    def _late_rule(self, name: str) -> frozenset[int]:
        """Who has to tell before all that a rule makes, or asks for, is known."""
        if name not in self.workflow.rules:
            return frozenset()
        table = self.table(name)
        late = self.unknowns.of_rule(table, {})
        late = late.union(*self.unknowns.of_outputs(table, range(table.count)).values())
        if table.scattered and not table.has_declared_scatter:
            late |= {table.base | r for r in range(table.count) if table.found(r) is None}
        if table.rule.asks_only:
            table.make_links()
            if table.sites:
                self._follow_calls(table, range(table.count))
                late |= self.defers.get(table.base, frozenset())
            for link in table.links:
                if link.entry.rule is not None:
                    late |= self._late_rule(link.entry.rule)
                late |= self.unknowns.of_link(table, link, [0]).get(0, frozenset())
        return late

    def _all_of(self, entry: Entry, above: tuple[str, ...] = ()) -> dict[str, bool]:
        """The paths that `{rule: NAME}` stands for, and whether the plan may do without each.

        `above` are rules that led here.
        """
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
            raise free_rule(table)
        if not table.rule.asks_only:
            return {path: False for row in table.in_order() for _, path in table.files_of(row)}
        table.make_links()
        if table.sites:
            self._follow_calls(table, range(table.count))
        out: dict[str, bool] = {}
        for link in table.links:
            optional = link.entry.optional
            if link.entry.rule is not None:
                for path, spare in self._all_of(link.entry, (*above, str(name))).items():
                    out[path] = (optional or spare) and out.get(path, True)
            for group in link.groups:
                for path in self._to_be_had(group, link) if optional else group.paths:
                    out[path] = optional and out.get(path, True)
        return out

    def _to_be_had(self, group: Group, link: Link) -> list[str]:
        """Of optional inputs those that a rule may make or that are there."""
        makers = self.finder.many(group.paths, link.pattern)
        sources = [path for path, job in zip(group.paths, makers, strict=True) if job is None]
        gone = self.dropped.union(self.looks.lacking(sources))
        return [path for path in group.paths if path not in gone]

    def _check_group(
        self, table: RuleTable, link: Link, group: Group, number: int, takers: Takers
    ) -> FileflowError | None:
        """What is wrong with the paths that a list of inputs has, if they were found while running.

        Raises:
            FileflowError: if they rest on what the Workflowfile says.
        """
        entry = link.entry
        error = None
        if not group.paths and not entry.optional and link.pattern is not None:
            rows = takers.of(number)
            one = len(rows) == 1
            jobs = "the job" if one else f"{len(rows)} jobs, such as"
            error = FileflowError(
                f"{link.pattern} gives no path for {jobs} {table.label(rows[0])}: no values agree "
                f"with {'it' if one else 'them'}",
                place=entry.place,
                hint="if that is meant, write {path: …, optional: true}",
            )
        count = len(group.paths)
        if entry.one and (count > 1 or (not count and entry.rule and not entry.optional)):
            what = f"{{rule: {entry.rule}}}" if entry.rule else str(link.pattern)
            more = f": {', '.join(group.paths[:3])}{'…' * (count > 3)}"
            error = error or FileflowError(
                f"{what} is said to be one file (`one: true`), but there are {count or 'none'}"
                f"{more if count else ''}",
                place=entry.place,
            )
        if error is not None and not self._is_found(table, link):
            raise error
        return error

    def _is_found(self, table: RuleTable, link: Link) -> bool:
        """Whether what a link gathers is found while running."""
        if link.entry.rule is not None:
            made_by = self.table(link.entry.rule)
            return bool(made_by.scattered) or any(map(is_found, made_by.relations))
        names = set(link.pattern.wildcards if link.pattern else ())
        return any(is_found(one) and names & set(one.names) for one in table.relations)

    def _makers_of(
        self,
        paths: Sequence[str],
        could: Sequence[int | tuple[int, ...] | None],
        link: Link,
        table: RuleTable,
        asking: Sequence[int] | int,
    ) -> array[int]:
        """Of the jobs that could make each path the one that does; `asking` is the row that asks
        for all of them, or the rows that ask for one each."""
        out = array("q", [SOURCE]) * len(paths)
        decided = self.decided
        sources = could.count(None)
        if not decided and not self.dropped and not (sources and self.unknowns.any):
            if sources == len(could):
                return out
            with suppress(TypeError):  # some path has several makers: each path by itself
                out = array("q", [SOURCE if one is None else one for one in could])  # type: ignore[misc]
                link.tables.update({maker >> SHIFT for maker in out if maker >= 0})
                return out
        for i, found in enumerate(could):
            if found is None:
                named = link.given is not None
                if self.unknowns.any and self._wait_for_path(paths[i], named=named):
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
                row = asking if isinstance(asking, int) else asking[i]
                agreeing = self._agreeing(found, i, link, table, row)
                if len(agreeing) == 1:
                    out[i] = agreeing[0]
                else:
                    picked = self.choose(path, agreeing, link.entry)
                    out[i] = PENDING if picked is None else picked
        link.tables.update({maker >> SHIFT for maker in set(out) if maker >= 0})
        return out

    def _agreeing(
        self, makers: tuple[int, ...], at: int, link: Link, table: RuleTable, row: int
    ) -> tuple[int, ...]:
        """Of several makers those that agree on all names they share with the job and the row that
        ask; `at` is the place of the path in the list that the job shares, if it shares one."""
        values = table.values_of(row)
        group = link.group(row)
        if group is not None and group.rows is not None:
            rows = group.rows
            if rows.count == len(group.paths):
                values |= {n: c[at] for n, c in zip(rows.names, rows.columns, strict=True)}
        kept = []
        for maker in makers:
            theirs = self.tables[maker >> SHIFT].values_of(maker & ROW)
            if all(values.get(name, value) == value for name, value in theirs.items()):
                kept.append(maker)
        return tuple(kept) or makers

    def _demand(self, link: Link, makers: Sequence[int]) -> None:
        if isinstance(makers, range):
            self.want(makers)
            return
        by_table: dict[int, list[int]] = {}
        for maker in makers:
            if maker >= 0:
                by_table.setdefault(maker >> SHIFT, []).append(maker & ROW)
        for number, rows in by_table.items():
            link.tables.add(number)
            table = self._numbered(number)
            if len(rows) >= table.count and len(set(rows)) == table.count:
                self.want_rows(table, range(table.count))
            else:
                self.want_rows(table, rows)

    # -- sources and choices ------------------------------------------------------------------

    def _look_for_sources(self) -> bool:
        """Looks for every source once; whether one that is not optional is missing."""
        lacking = False
        tables: Iterable[RuleTable] = self.tables.values()
        if self.before is not None:  # of what stays all sources were looked for
            same = same_wanted(self.before, {t.number: t for t in tables if 1 in t.wanted})
            tables = [table for table in tables if table.number not in same]
        for link, _, paths, makers in wanted_links(tables):
            count = 0 if isinstance(makers, range) else makers.count(SOURCE)
            if link.named or not count:  # what is named may be gone
                continue
            sources: Sequence[str] = paths
            if count < len(paths):
                sources = [p for p, m in zip(paths, makers, strict=True) if m == SOURCE]
            gone = set(self.looks.lacking(sources))
            if link.pattern is not None and link.pattern.directory:
                gone.update(self.looks.no_folders(sources))
            self.lacking |= gone
            for i, maker in enumerate(makers if gone else ()):
                if maker == SOURCE and paths[i] in gone:
                    if link.entry.optional:
                        assert isinstance(makers, array)
                        makers[i] = ABSENT
                    else:
                        lacking = True
        return lacking

    def settle(
        self, asked: Iterable[int], *, tolerant: bool
    ) -> tuple[set[int], list[Missing]] | None:
        """Decides what is open; None if the closure must be taken anew for what was decided.

        Gives the jobs that lack a source, and these sources; with `tolerant` they are no error.
        """
        lacking = self._look_for_sources()
        if not lacking and not self.choices and not self._may_ring():
            return set(), []
        had = Derivation(self)
        if self._find_sources(had) or self._choose(had):
            return None
        asking = self.rows_asking()
        dropped = had.hopeless_optional() - self.dropped
        if dropped:  # before what is missing: a rule without action asks for it as the user does
            self.dropped |= dropped
            return None
        missing = [
            replace(one, there=self.looks.unfit_at(one.path))
            for one in had.missing([*asked, *asking, *sorted(self.tellers)])
        ]
        if not missing:
            return set(), []
        if tolerant:
            return had.blocked(), missing
        errors = Collector()
        # What the user wrote comes first: by that the exit status is told.
        alike: dict[object, list[Missing]] = {}
        for one in sorted(missing, key=lambda one: one.found):
            alike.setdefault(one.entry and (one.entry.place, one.found), []).append(one)
        for group in islice(alike.values(), 20):
            for number, one in enumerate(group[:3], 1):
                error = missing_error(self.finder, one)
                if number == 3 and len(group) > 3:
                    error.what += f" (and so {len(group) - 3} more)"
                errors.add(error)
        errors.raise_if_any()
        raise AssertionError

    def _find_sources(self, had: Derivation) -> bool:
        """Takes files that are there, and whose makers cannot be had, as sources; whether any is.

        Before anything is chosen, and what others need first: with it their makers may be had.
        """
        found: dict[str, Sequence[int]] = {}
        for path, makers in self.open:
            if not any(map(had.can, makers)) and self._may_be_source(path):
                found[path] = makers
        for path, maker, link in had.hopeless():
            is_new = path not in found and self._is_free(maker)
            if is_new and self._may_be_source(path, link.pattern):
                found[path] = (maker,)
        lists = [
            path
            for path, maker in self._lists_made()
            if not had.can(maker) and self._is_free(maker) and self._may_be_source(path)
        ]
        self.decided.update(dict.fromkeys(had.innermost(found), SOURCE))
        for path, makers in self.open:
            if path in self.decided:
                self.picked[path, makers] = SOURCE
        for path in lists:
            self.unknowns.take_as_source(path)
            self.later = {}
        return bool(found or lists)

    def _choose(self, had: Derivation) -> bool:
        """Chooses a maker of each path that several could make; whether there is any.

        Raises:
            FileflowError: if nothing decides.
        """
        errors = Collector()
        chosen = False
        rings = had.in_rings() if self.open else set()
        for (path, makers), entry in self.open.items():
            able = [maker for maker in makers if had.can(maker)]
            if len(able) > 1 and not rings.isdisjoint(able):  # else none needs the path
                without = had.without(path)
                able = [maker for maker in able if without.can(maker)] or able
            maker = self._preferred(path, able, entry, errors) if able else None
            if maker is None and not able:
                maker = self._first_asked(makers)
            if maker is not None:
                self.picked[path, makers] = maker
                chosen = True
        if not chosen:  # else who asks for what is open may be needed no more
            errors.raise_if_any()
        return bool(self.open)

    def _lists_made(self) -> list[tuple[str, int]]:
        """The lists of values that wanted jobs are to make, each with its job."""
        return [
            (one.path, one.maker)
            for one in self.unknowns.sources.values()
            if one.maker is not None and self.tables[one.maker >> SHIFT].wanted[one.maker & ROW]
        ]

    def _may_ring(self) -> bool:
        """Whether rules with free wildcards need each other by turns."""
        needs = {
            number: {other for link in table.links for other in link.tables}
            for number, table in self.tables.items()
            if table.shape.free and any(table.wanted)
        }
        inside = {number: found & needs.keys() for number, found in needs.items()}
        return any(len(one) > 1 or one[0] in inside[one[0]] for one in components(inside))

    def _is_free(self, job: int) -> bool:
        """Whether its rule has a wildcard without values."""
        return bool(self.tables[job >> SHIFT].shape.free)

    def _may_be_source(self, path: str, pattern: Pattern | None = None) -> bool:
        """A file that is there is a source if only rules with a free wildcard could make it.

        All that could make it count, also those that do not for the one who asks, by `pattern`.
        """
        makers = self.finder.makers(path, pattern, first=True)
        if not all(map(self._is_free, makers)) or self.looks.has_record(path):
            return False
        return self.looks.signatures([path])[0] is not None

    def _first_asked(self, makers: Sequence[int]) -> int:
        """Of several jobs that cannot be had the one that tells what is lacking."""
        return min(makers, key=self._is_free)

    def _preferred(
        self, path: str, able: list[int], entry: Entry | None, errors: Collector
    ) -> int | None:
        if len(able) == 1:
            return able[0]
        tables = {maker: self.tables[maker >> SHIFT] for maker in able}
        plain = [maker for maker in able if not tables[maker].names]
        left = plain or able
        best = max(tables[maker].rule.prefer for maker in left)
        left = [maker for maker in left if tables[maker].rule.prefer == best]
        if len(left) == 1:
            return left[0]
        labels = [tables[maker].label(maker & ROW) for maker in left]
        what = f"{path} is made by more than one job: {some_of(labels, _NAMED)}"
        hint = self._cure({maker: tables[maker] for maker in left})
        errors.add(FileflowError(what, place=entry.place if entry else None, hint=hint))
        return None

    def _cure(self, makers: dict[int, RuleTable]) -> str:
        """What keeps these jobs from making the same path; found once for each set of rules."""
        rules = tuple(dict.fromkeys(table.rule.name for table in makers.values()))
        if rules not in self._cures:
            found = separating(self.finder, makers)
            if found is not None:
                self._cures[rules] = (
                    f"separate them, e.g. in rule {found.table.rule.name}:  "
                    f"constraints: {{{found.name}: '{found.regex}'}}"
                )
            elif len(rules) > 1:
                self._cures[rules] = "give one of them a larger `prefer`, or another output"
            else:
                self._cures[rules] = "let the output differ in every value that tells them apart"
        return self._cures[rules]


def _as_range(jobs: list[int]) -> Sequence[int]:
    """The same numbers, as a range if they follow each other."""
    whole = range(jobs[0], jobs[-1] + 1)
    return whole if len(whole) == len(jobs) else jobs
