"""Which job may start next: the only owner of the states of jobs during a run.

Pure: knows the plan and what has ended, not who runs jobs, what they cost, or what is fresh.

Jobs are *open* when they must, or may have to, run. An open job waits for the open jobs that it
needs; then it is ready, and whoever asks decides whether it runs or is kept.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from enum import IntEnum
from heapq import heapify, heappop, heappush
from itertools import compress
from operator import mul

from fileflow.planning.links import ROW, SHIFT, Group, Link
from fileflow.planning.plan import Plan
from fileflow.planning.reasons import State
from fileflow.planning.staleness import OPEN, Staleness
from fileflow.planning.tables import RuleTable, wanted_rows


class JobState(IntEnum):
    """Where a job stands in this run."""

    UNWANTED = 0
    WAITING = 1
    READY = 2
    RUNNING = 3
    BUILT = 4
    KEPT = 5
    RESTING = 6
    FAILED = 7
    SKIPPED = 8


# By so many seconds a chain of jobs must be longer than another to be more urgent by far.
BY_FAR = 1.0

_MOVES = {
    JobState.UNWANTED: {JobState.WAITING, JobState.KEPT, JobState.RESTING, JobState.SKIPPED},
    JobState.WAITING: {JobState.READY, JobState.SKIPPED},
    JobState.READY: {JobState.RUNNING, JobState.BUILT, JobState.KEPT, JobState.RESTING,
                     JobState.WAITING, JobState.FAILED, JobState.SKIPPED, JobState.READY},
    JobState.RUNNING: {JobState.BUILT, JobState.FAILED, JobState.READY},
    JobState.BUILT: {JobState.READY},
    JobState.KEPT: {JobState.READY},
    JobState.RESTING: {JobState.WAITING, JobState.READY, JobState.SKIPPED},
    JobState.FAILED: {JobState.READY},
    JobState.SKIPPED: set(),
}  # fmt: skip
_ALLOWED = [sum(1 << new for new in _MOVES[old]) for old in JobState]
_FIRST = bytes.maketrans(
    bytes([State.FRESH, State.ABSENT, State.LATENT, State.MAYBE, State.STALE]),
    bytes([JobState.KEPT, JobState.RESTING, JobState.RESTING, JobState.WAITING, JobState.WAITING]),
)
_TOLD = (JobState.BUILT, JobState.KEPT, JobState.RESTING)
_OPEN = frozenset({JobState.WAITING, JobState.READY, JobState.RUNNING})
_IS_WAITING = bytes(state == JobState.WAITING for state in range(256))
_IS_OPEN = bytes(state in _OPEN for state in range(256))
# Of a job in a plan that has grown: what is ready or runs is counted anew.
_AGAIN = bytes.maketrans(bytes([JobState.READY, JobState.RUNNING]), bytes([JobState.WAITING] * 2))
_OUTLOOK = bytes.maketrans(
    bytes(JobState),
    bytes(
        {JobState.RESTING: State.ABSENT}.get(state, OPEN if state in _OPEN else State.FRESH)
        for state in JobState
    ),
)


_Rank = tuple[float, float, int]


class Schedule:
    """The states of all wanted jobs of a plan.

    Args:
        plan, staleness: what is wanted, and what is known of it.
        chain: for each rule how long (in seconds, at a guess) the longest chain of jobs is that
            starts with one of its jobs; longer ones start first.
        running: jobs that run already, started from an earlier plan of the run.
        before: that of the plan from which this one grew: what is the same stands as it stood.
    """

    def __init__(
        self,
        plan: Plan,
        staleness: Staleness,
        chain: dict[str, float],
        running: Collection[int] = (),
        before: Schedule | None = None,
    ) -> None:
        self.plan = plan
        self.staleness = staleness
        self.states = {n: bytearray(t.count) for n, t in plan.tables.items()}
        self.counts: dict[int, int] = dict.fromkeys(JobState, 0)
        self.certain: set[int] = set()
        self.reopened: set[int] = set()
        self._waits: dict[int, int] = {}
        self._consumers: dict[int, list[int]] = {}
        self._group_waits: dict[int, int] = {}
        self._group_consumers: dict[int, list[int]] = {}
        self._waiters: dict[int, list[int]] = {}
        self._all_consumers: dict[int, list[int]] | None = None
        self._takers: dict[int, list[int]] = {}
        self._ready: dict[int, list[tuple[float, int]]] = {n: [] for n in plan.tables}
        self._disturbed = False
        # Jobs that run while what they took is made again, or is to be; and which of it is open.
        self._overtaken: set[int] = set()
        self._ahead: dict[int, set[int]] = {}
        # Jobs that were built and are asked again: kept as they are, they are built still.
        self._built: set[int] = set()
        # By their priority, then by the first of their ready jobs, then by their own chains.
        self._ranked: list[_Rank] = []
        self._ranks: dict[int, _Rank] = {}
        self._order = sorted(plan.tables, key=lambda n: -chain.get(plan.tables[n].rule.name, 0))
        self._places = {number: place for place, number in enumerate(self._order)}
        self._weights: Mapping[int, Sequence[float]] = {}
        self._open_all(running, before)

    @property
    def is_calm(self) -> bool:
        """Whether no job failed, and none was called back or opened again after it was settled."""
        return not (
            self._disturbed
            or self.reopened
            or self.counts[JobState.FAILED]
            or self.counts[JobState.SKIPPED]
        )

    def is_settled(self, job: int) -> bool:
        """Whether a job was built or kept, or rests."""
        states = self.states.get(job >> SHIFT)
        return states is not None and states[job & ROW] in _TOLD

    def outlook(self, number: int) -> bytes:
        """For each row of a table its state as staleness has it, `OPEN` if it is not settled."""
        return bytes(self.states[number].translate(_OUTLOOK))

    # -- states -------------------------------------------------------------------------------

    def state(self, job: int) -> JobState:
        """Where a job stands."""
        return JobState(self.states[job >> SHIFT][job & ROW])

    def _set(self, job: int, new: JobState) -> None:
        states = self.states[job >> SHIFT]
        row = job & ROW
        old = states[row]
        assert _ALLOWED[old] >> new & 1, (
            f"bug: {self.plan.label(job)} from {JobState(old).name} to {new.name}"
        )
        states[row] = new
        counts = self.counts
        counts[old] -= 1
        counts[new] += 1

    @property
    def finished(self) -> bool:
        """Whether nothing waits, is ready or runs."""
        counts = self.counts
        return not (counts[JobState.WAITING] + counts[JobState.READY] + counts[JobState.RUNNING])

    # -- opening ------------------------------------------------------------------------------

    def _open_all(self, running: Collection[int], before: Schedule | None) -> None:
        waiting: dict[int, list[int]] = {}
        for number, table in self.plan.tables.items():
            if table.rule.asks_only:
                continue
            known = self.staleness.states[number]
            # States are bytes, so that a rule is opened by a few operations on all of its rows.
            states = self.states[number]
            if before is not None and number in self.plan.same:
                states[:] = before.states[number].translate(_AGAIN)
                if JobState.RESTING in states and State.STALE in known:  # some may be called now
                    for row, state in enumerate(states):
                        if state == JobState.RESTING and known[row] == State.STALE:
                            states[row] = JobState.WAITING
            else:
                states[:] = known.translate(_FIRST)
            if not all(table.wanted):
                states[:] = bytes(map(mul, states, table.wanted))
            for job in self.plan.blocked:
                if job >> SHIFT == number:
                    states[job & ROW] = JobState.SKIPPED
            for job in self.plan.failed:
                if job >> SHIFT == number:
                    states[job & ROW] = JobState.FAILED
            for job in running:
                if job >> SHIFT == number:
                    states[job & ROW] = JobState.RUNNING
            for state in JobState:
                self.counts[state] += states.count(state)
            if JobState.WAITING in states:
                rows = _rows_in(states, _IS_WAITING)
                waiting[number] = rows
                base = table.base
                self.certain.update([base | row for row in rows if known[row] == State.STALE])
        # A table may have no other open job than those that run already.
        opened = {n for n, states in self.states.items() if any(map(states.__contains__, _OPEN))}
        for number, rows in waiting.items():
            self._count_needs(self.plan.tables[number], rows, opened)
        for number, rows in waiting.items():
            base, waits = number << SHIFT, self._waits
            for row in rows:
                if not waits.get(base | row):
                    self._make_ready(base | row)
        for job in running:
            self._count_ahead(job)

    def _count_ahead(self, job: int) -> None:
        """What a job took that runs already may be open in this plan: it may have to run again."""
        table = self.plan.tables.get(job >> SHIFT)
        for link in table.links if table is not None else ():
            for maker in set(self._unsettled(link, job & ROW, demand=False)):
                self._disturbed = True
                self._ahead.setdefault(maker, set()).add(job)

    def _count_needs(self, table: RuleTable, rows: list[int], opened: Container[int]) -> None:
        """Counts, for these jobs of a rule, the open jobs and lists that each waits for."""
        base = table.base
        waits = self._waits
        consumers = self._consumers
        for link in table.links:
            if not any(number in opened for number in link.tables):
                continue
            if link.group_of is not None:
                for row in rows:
                    group = link.groups[link.group_of[row]]
                    if group.number not in self._group_waits:
                        self._count_group(group)
                    if self._group_waits[group.number]:
                        job = base | row
                        waits[job] = waits.get(job, 0) + 1
                        self._group_consumers[group.number].append(job)
                continue
            makers = link.makers
            if makers is None:
                continue
            for row in rows:
                maker = makers[row]
                if maker >= 0 and self.is_open(maker):
                    job = base | row
                    waits[job] = waits.get(job, 0) + 1
                    consumers.setdefault(maker, []).append(job)

    def _count_group(self, group: Group) -> None:
        makers = group.makers or ()
        if isinstance(makers, range) and len(makers):  # rows of one rule
            first = makers[0] & ROW
            states = self.states[makers[0] >> SHIFT][first : first + len(makers)]
            open_makers = [makers[0] + row for row in _rows_in(states, _IS_OPEN)]
        else:
            open_makers = [maker for maker in makers if maker >= 0 and self.is_open(maker)]
        for maker in open_makers:
            self._consumers.setdefault(maker, []).append(-1 - group.number)
        self._group_waits[group.number] = len(open_makers)
        self._group_consumers[group.number] = []

    def is_open(self, job: int) -> bool:
        """Whether a job waits, is ready or runs."""
        return self.states[job >> SHIFT][job & ROW] in _OPEN

    def open_rows(self, table: RuleTable) -> list[int]:
        """The rows of a table whose jobs must, or may have to, run."""
        return _rows_in(self.states[table.number], _IS_OPEN)

    def weigh(self, weights: Mapping[int, Sequence[float]]) -> None:
        """Sets for single jobs how long the chain is that they start; before the first batch.

        Args:
            weights: seconds by row, by number of the table, for each table with open jobs.
        """
        self._weights = weights
        for number, heap in self._ready.items():
            own = weights.get(number)
            if own is not None:
                heap[:] = [(-own[row], row) for _, row in heap]
                heapify(heap)
                self._rank(number)

    def _make_ready(self, job: int) -> None:
        self._set(job, JobState.READY)
        number, row = job >> SHIFT, job & ROW
        weights = self._weights.get(number)
        heap = self._ready[number]
        heappush(heap, (-weights[row] if weights is not None else 0.0, row))
        if heap[0][1] == row:
            self._rank(number)

    def _rank(self, number: int) -> None:
        """Puts a table in its place among the ready ones: its first ready job is another."""
        heap = self._ready[number]
        old = self._ranks.pop(number, None)
        if old is not None:
            del self._ranked[bisect_left(self._ranked, old)]
        if heap:
            priority = self.plan.tables[number].rule.priority
            self._ranks[number] = rank = (-priority, heap[0][0], self._places[number])
            insort(self._ranked, rank)

    # -- what may start -----------------------------------------------------------------------

    def tables_ready(self, among: Collection[int] | None = None) -> Iterator[RuleTable]:
        """The tables with ready jobs, of all or of these numbers, the most urgent first."""
        if among is None:
            ranked = self._ranked[:]
        else:
            ranked = sorted(self._ranks[number] for number in among if number in self._ranks)
        for _, _, place in ranked:
            yield self.plan.tables[self._order[place]]

    def goes_before(self, table: RuleTable, other: RuleTable) -> bool:
        """Whether the first ready job of one table is more urgent than that of another by far.

        By far: else who alternates between them would never have jobs at hand.
        """
        if table.rule.priority != other.rule.priority:
            return table.rule.priority > other.rule.priority
        one, two = self._ready[table.number], self._ready[other.number]
        return bool(one and two) and one[0][0] < two[0][0] - BY_FAR

    def first(self, table: RuleTable) -> int | None:
        """The most urgent ready job of a table."""
        heap = self._ready[table.number]
        return table.base | heap[0][1] if heap else None

    def ready_count(self, table: RuleTable) -> int:
        """How many jobs of a table are ready."""
        return len(self._ready[table.number])

    def take(self, table: RuleTable, most: int) -> list[int]:
        """Up to `most` ready jobs of a table, the most urgent first; each is to be settled next."""
        heap = self._ready[table.number]
        base = table.base
        states = self.states[table.number]
        out: list[int] = []
        while heap and len(out) < most:
            _, row = heappop(heap)
            job = base | row
            if states[row] != JobState.READY:
                continue
            if job not in self.reopened or not self.must_wait(job, demand=False):
                out.append(job)
        self._rank(table.number)
        return out

    def put_back(self, job: int) -> None:
        """Makes a job that was taken or ran ready again."""
        if self.is_overtaken(job):
            self._overtaken.discard(job)
            for jobs in self._ahead.values():
                jobs.discard(job)
            self.reopened.add(job)
        self._make_ready(job)

    def is_overtaken(self, job: int) -> bool:
        """Whether what a job took that runs is made again, or was since it started."""
        return job in self._overtaken or any(job in jobs for jobs in self._ahead.values())

    def started(self, job: int) -> None:
        """A ready job runs."""
        self._set(job, JobState.RUNNING)

    # -- what has ended -----------------------------------------------------------------------

    def kept(self, job: int, *, resting: bool = False) -> None:
        """A ready job need not run; `resting`: its outputs are gone, and nobody needs them yet."""
        kept = JobState.BUILT if job in self._built else JobState.KEPT
        self._set(job, JobState.RESTING if resting else kept)
        self._settled(job, changed=False)

    def built(self, job: int, *, changed: bool) -> None:
        """A running job is done; `changed`: an output differs from what was recorded before."""
        if self.is_overtaken(job):
            self._built.add(job)
            self.put_back(job)
            return
        self._set(job, JobState.BUILT)
        self._settled(job, changed=changed)

    def _settled(self, job: int, *, changed: bool) -> None:
        waiters = self._waiters.pop(job, None)
        called = waiters is not None or job in self.reopened
        ahead = self._ahead.pop(job, ())
        if changed:
            self._overtaken.update(ahead)
        self._release(job)
        for waiter in waiters or ():
            self._less(waiter)
        if changed and (called or self.staleness.comes_back(job)):
            self._reopen_consumers(job)

    def _release(self, job: int) -> None:
        for consumer in self._consumers.pop(job, ()):
            if consumer >= 0:
                self._less(consumer)
                continue
            group = -1 - consumer
            self._group_waits[group] -= 1
            if not self._group_waits[group]:
                for one in self._group_consumers[group]:
                    self._less(one)

    def _less(self, job: int) -> None:
        self._waits[job] -= 1
        states = self.states[job >> SHIFT]
        if not self._waits[job] and states[job & ROW] == JobState.WAITING:
            self._make_ready(job)

    def failed(self, job: int) -> None:
        """A job has failed for good: what needs it is skipped."""
        self._set(job, JobState.FAILED)
        self._skip_consumers([job])

    def skip_blocked(self) -> None:
        """Skips what needs jobs that were blocked from the start."""
        blocked = [job for job in self.plan.blocked if job >> SHIFT in self.states]
        if blocked:
            self._skip_consumers(blocked)

    def _skip_consumers(self, todo: list[int]) -> None:
        while todo:
            job = todo.pop()
            for consumer in self.consumers_of(job):
                if self.state(consumer) in (JobState.WAITING, JobState.READY):
                    self._set(consumer, JobState.SKIPPED)
                    todo.append(consumer)

    def skip_rest(self) -> None:
        """Skips all that has not started: the run ends early."""
        for number, states in self.states.items():
            base = self.plan.tables[number].base
            for row, state in enumerate(states):
                if state in (JobState.WAITING, JobState.READY):
                    self._set(base | row, JobState.SKIPPED)

    # -- jobs that were at rest ---------------------------------------------------------------

    def must_wait(self, job: int, *, demand: bool) -> bool:
        """Whether a ready job needs others to settle first; then it waits for them again.

        That is so where what it needs was at rest (with `demand`, it must run: they run first), or
        was called or opened again after this job was counted.
        """
        if not self._disturbed and not (demand and self.counts[JobState.RESTING]):
            return False
        table = self.plan.tables[job >> SHIFT]
        needs: set[int] = set()
        for link in table.links:
            needs.update(self._unsettled(link, job & ROW, demand=demand))
        if not needs:
            return False
        self._disturbed = True
        self._set(job, JobState.WAITING)
        self._waits[job] = len(needs)
        for maker in needs:
            self._waiters.setdefault(maker, []).append(job)
            if self.states[maker >> SHIFT][maker & ROW] == JobState.RESTING:
                self.certain.add(maker)
                self._make_ready(maker)
        return True

    def _unsettled(self, link: Link, row: int, *, demand: bool) -> Iterator[int]:
        """The makers of a job's inputs that have to settle first; with `demand` those at rest too
        of whose outputs what the job takes is gone."""
        makers = link.makers_of(row)
        if isinstance(makers, range) and len(makers):
            # Rows of one rule: a look at their bytes tells of most lists that all is settled.
            first = makers[0] & ROW
            states = self.states[makers[0] >> SHIFT][first : first + len(makers)]
            resting = demand and JobState.RESTING in states
            if not resting and not any(state in states for state in _OPEN):
                return
        for maker, path in link.made_paths(row):
            if maker >= 0:
                state = self.states[maker >> SHIFT][maker & ROW]
                if state in _OPEN or (
                    demand and state == JobState.RESTING and self.staleness.is_gone(maker, path)
                ):
                    yield maker

    def consumers_of(self, job: int) -> list[int]:
        """All wanted jobs that take from a job."""
        return list(dict.fromkeys(self.each_consumer(job)))

    def each_consumer(self, job: int) -> Iterator[int]:
        """The same one by one, for who may stop early; what takes in several ways comes again."""
        if self._all_consumers is None:
            self._all_consumers = self._find_consumers()
        for one in self._all_consumers.get(job, ()):
            yield from (one,) if one >= 0 else self._takers[-1 - one]

    def _find_consumers(self) -> dict[int, list[int]]:
        """Who takes from each job; a list that jobs share stands for them, as -1 - its number."""
        found: dict[int, list[int]] = {}
        for table in self.plan.tables.values():
            if table.rule.asks_only:
                continue
            for link in table.links:
                for row in wanted_rows(table):
                    group = link.group(row)
                    if group is None:
                        for maker in link.makers_of(row):
                            if maker >= 0:
                                found.setdefault(maker, []).append(table.base | row)
                        continue
                    takers = self._takers.setdefault(group.number, [])
                    if not takers:
                        for maker in dict.fromkeys(group.makers or ()):
                            if maker >= 0:
                                found.setdefault(maker, []).append(-1 - group.number)
                    takers.append(table.base | row)
        return found

    def _reopen_consumers(self, job: int) -> None:
        """What was settled by what this job made before must be asked again."""
        self._disturbed = True
        self.staleness.forget_groups()
        for consumer in self.consumers_of(job):
            state = self.state(consumer)
            if state is JobState.RUNNING:
                self._overtaken.add(consumer)
            elif state in (JobState.KEPT, JobState.BUILT, JobState.RESTING):
                if state is JobState.BUILT:
                    self._built.add(consumer)
                self.reopened.add(consumer)
                self.certain.discard(consumer)
                self._waits[consumer] = 0
                self._make_ready(consumer)


def _rows_in(states: bytearray, marks: bytes) -> list[int]:
    """The rows whose state is marked; most are of no concern, and cost no step of Python."""
    return list(compress(range(len(states)), states.translate(marks)))
