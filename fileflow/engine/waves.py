"""A run in waves: what was built tells values, with which the plan is made again.

Counts each job once over all waves. Knows loops and plans, not how the next plan is made.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from fileflow.engine import events
from fileflow.engine.loop import Loop
from fileflow.engine.session import Decided
from fileflow.lean import replace
from fileflow.planning.known import own_names
from fileflow.planning.links import ROW
from fileflow.planning.plan import Plan, Wishes
from fileflow.planning.reasons import State
from fileflow.planning.schedule import JobState

Identity = tuple[str, ...]
_RANK = {
    JobState.SKIPPED: 0,
    JobState.RESTING: 1,
    JobState.KEPT: 1,
    JobState.BUILT: 2,
    JobState.FAILED: 3,
}


class Tally:
    """What became of each job so far, and what one wave hands to the next."""

    def __init__(self) -> None:
        self.built: set[Identity] = set()
        self.failed: set[Identity] = set()
        self.error = ""
        self.named: set[Identity] = set()
        # The jobs that were said to run, or perhaps to run, but those of the plan that is run.
        self._counted: set[Identity] = set()
        # Of each job that ended in a way that stays, and of others as the last wave left them.
        self._ends: dict[Identity, JobState] = {}
        self._for_now: dict[Identity, JobState] = {}
        self._busy = 0.0
        self._progress: tuple[int, ...] = ()
        self.last: Loop | None = None

    def add(self, loop: Loop, finished: events.RunFinished) -> bool:
        """Takes in a wave that has ended; whether another may follow, for which `take` is asked."""
        self._busy += finished.busy_seconds
        if not loop.again and self.last is None and not loop.plan.deferred:
            return False
        self.named |= loop.named.news
        limit = loop.settings.max_failures
        is_over = loop.stop.signal or not loop.again or (limit and loop.failures.count >= limit)
        if not is_over and self._moved(loop):
            return True
        self.take(loop)
        return False

    def take(self, loop: Loop, but: Collection[str] = ()) -> None:
        """Takes in what became of the jobs of a loop so far; those of some rules the next plan
        goes on with."""
        plan = loop.plan
        self.last = loop
        # What a wave skips because the next one follows is none of the run's.
        self._for_now = {}
        for number, states in loop.schedule.states.items():
            table = plan.tables[number]
            if table.rule.name in but:
                continue
            for row, state in enumerate(states):
                end = JobState(state)
                if end in _RANK:
                    self._put(table.identity(row), end)
        for job in plan.deferred:
            table = plan.table_of(job)
            if not table.rule.asks_only:
                self._put(table.identity(job & ROW), JobState.SKIPPED)

    def grown(self, before: Decided, after: Decided) -> tuple[int, int]:
        """How many more jobs must run, and how many may have to, by a plan that follows another."""
        same = after.plan.same
        self._counted.update(job for job, _ in _counted(before, same))
        states = [state for job, state in _counted(after, same) if job not in self._counted]
        certain = states.count(State.STALE)
        return certain, len(states) - certain

    def _moved(self, loop: Loop) -> bool:
        """Whether the last wave did anything: else the next one would be the same."""
        known = sum(map(len, loop.session.known.found.values()))
        called = len(loop.session.called)
        progress = (loop.built, loop.failures.count, known, called, len(self.named))
        before, self._progress = self._progress, progress
        if progress == before and not loop.failures.count:
            rules = ", ".join(loop.plan.waits)
            self.error = f"{rules}: waits for values that it would help to find itself"
            if not rules:
                self.error = "deps files name other files that rules make each time they are made"
        return progress != before

    def _put(self, job: Identity, end: JobState) -> None:
        ends = self._ends if _RANK[end] > 1 else self._for_now
        before = ends.get(job)
        if before is None or _RANK[end] > _RANK[before]:
            ends[job] = end
        if end is JobState.BUILT:
            self.built.add(job)
        elif end is JobState.FAILED:
            self.failed.add(job)

    def summary(self, last: events.RunFinished, seconds: float) -> events.RunFinished:
        """The end of the whole run, which took so long with what lies between its waves."""
        if self.last is None:
            return last
        counts = dict.fromkeys(JobState, 0)
        for end in {**self._for_now, **self._ends}.values():
            counts[end] += 1
        error = "\n".join(filter(None, (last.error, self.error)))
        unwell = counts[JobState.FAILED] + counts[JobState.SKIPPED]
        wrong = bool(unwell or self.last.is_outdated or self.last.plan.missing or error)
        return replace(
            last,
            built=counts[JobState.BUILT],
            kept=counts[JobState.KEPT] + counts[JobState.RESTING],
            failed=counts[JobState.FAILED],
            skipped=counts[JobState.SKIPPED],
            seconds=seconds,
            busy_seconds=self._busy,
            error=error,
            status=events.exit_status(wrong, last.signal),
        )


def _counted(decided: Decided, but: Collection[int]) -> Iterator[tuple[Identity, int]]:
    """The jobs that must run or may have to, but those of some tables; of each its state."""
    for number, table in decided.plan.tables.items():
        if number in but or table.rule.asks_only:
            continue
        for row, state in enumerate(decided.staleness.states[number]):
            if state >= State.MAYBE and table.base | row not in decided.plan.blocked:
                yield table.identity(row), state


def unneeded_lines(plan: Plan, wishes: Wishes) -> Iterator[str]:
    """What to say where nothing that is asked for needs what the run is to stop after."""
    if wishes.until and not plan.count() and not plan.incomplete and not plan.left_out:
        words = " ".join(word.name or word.path for word in wishes.until)
        yield (f"--until {words}: nothing that is asked for needs it (fileflow {words} builds it)")


def partner_lines(plan: Plan) -> Iterator[str]:
    """For each two scatters whose values of one name are joined: how many had no partner."""
    said: set[frozenset[str]] = set()
    for table in plan.tables.values():
        if not table.shape.outputs:  # it takes each pattern by itself
            continue
        found = [one for one in table.relations if one.scattered_by is not None]
        for i, left in enumerate(found):
            for right in found[i + 1 :]:
                shared = [name for name in own_names(left) if name in own_names(right)]
                pair = frozenset((str(left.scattered_by), str(right.scattered_by)))
                if not set(shared) & set(table.shape.path_wildcards) or pair in said:
                    continue
                said.add(pair)
                names = [name for name in left.names if name in right.names]
                rows = [set(zip(*map(one.column, names), strict=True)) for one in (left, right)]
                if rows[0] ^ rows[1]:
                    yield (
                        f"{', '.join(names)}: {len(rows[0] - rows[1])} of {left.scattered_by} and "
                        f"{len(rows[1] - rows[0])} of {right.scattered_by} have no partner in the "
                        "other"
                    )


def unmade_lines(loop: Loop) -> Iterator[str]:
    """What was asked for below folders that jobs have made as a whole, and is not in them."""
    for path, job in loop.plan.below.items():
        if loop.schedule.is_settled(job) and not os.path.lexists(path):
            yield f"{path} is not there: {loop.plan.label(job)} has made the folder without it"


def ring_lines(loop: Loop, finished: events.RunFinished) -> Iterator[str]:
    """What to say where jobs that are to find something wait for what they, or others of them,
    find."""
    plan = loop.plan
    if finished.failed or finished.error or finished.signal or plan.missing:
        return
    if plan.producers and plan.producers <= plan.deferred:
        rules = [plan.table_of(job).rule for job in sorted(plan.deferred)]
        names = " and ".join(dict.fromkeys(rule.name for rule in rules if not rule.asks_only))
        yield f"{names} cannot begin: they wait, in a ring, for what one of them finds as it runs"
