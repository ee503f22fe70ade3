"""The slots of all runners as the loop sees them: what each was handed, and how long it may take.

Knows runners, orders, cores and timeouts; not which job is next, or what an outcome means.
"""

from __future__ import annotations

import contextlib
import math
import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from fileflow.engine.alarm import ringing
from fileflow.engine.amounts import Needs
from fileflow.engine.pools import Pools, Share
from fileflow.engine.runners import SERIAL, lanes_of
from fileflow.engine.stop import Stop
from fileflow.lean import dataclass, field
from fileflow.model.ports import Runner
from fileflow.model.work import Batch, Died, Order, Outcome
from fileflow.planning.tables import RuleTable

KILL_AFTER = 5.0
TICK = 1.0
# From so many seconds on, others may do what waits behind a job.
LONG_SECONDS = 0.2


class Watched(Runner, Protocol):
    """A runner that tells which job a slot runs, and since when."""

    def running(self, slot: int) -> tuple[int, float] | None:
        """The job's index and its start on the monotonic clock."""


@runtime_checkable
class Belled(Protocol):
    """A runner that can be waited for together with others."""

    def bells(self) -> list[int]:
        """Descriptors of which one can be read when `wait` has something to take in; none if it has
        already."""


@runtime_checkable
class Dropping(Protocol):
    """A runner that can be told to begin nothing more."""

    def drop(self, slot: int) -> None:
        """What the slot has not begun comes back as `LEFT`."""


@runtime_checkable
class TakingBack(Protocol):
    """A runner that gives back what has not begun while a job runs."""

    def take_back(self, slot: int) -> list[int]:
        """The jobs behind the one that the slot runs, which are not the slot's any more."""


@dataclass(slots=True)
class Lane:
    """One slot of a runner: the jobs that it was handed, and what they take.

    Attributes:
        orders: by job, as long as nothing is known of its end.
        batches: the jobs that were handed over together, and have not ended.
        table: the rule of all these jobs.
        timeout: how many seconds one of them may take.
        since: the clock of the file system when the first of them was handed over.
        is_long: whether one job may take longer than a batch is to.
        stopping: when it was told to end its job, on the monotonic clock.
        timed_out: the jobs that were ended for the time that they took.
        unwell: how many jobs ended in it, in all, that did not end well.
        dropped: whether it was told to begin nothing more.
    """

    runner: str
    number: int
    orders: dict[int, Order] = field(default_factory=dict)
    batches: list[set[int]] = field(default_factory=list)
    table: RuleTable | None = None
    cores: int = 0
    share: Share | None = None
    timeout: float | None = None
    since: int = 0
    is_long: bool = False
    stopping: float | None = None
    timed_out: set[int] = field(default_factory=set)
    unwell: int = 0
    dropped: bool = False


class Lanes:
    """All lanes of a run.

    Args:
        pools: from which jobs take their shares.
        jobs: at most so many cores at once.
        stop: whether, and how, all is to end.
        tick: is called about once a second while nothing happens.
    """

    def __init__(
        self, pools: Pools, jobs: int, stop: Stop, tick: Callable[[], None] | None = None
    ) -> None:
        self.runners: dict[str, Watched] = {}
        self._pools = pools
        self._jobs = jobs
        self._stop = stop
        self._tick = tick
        self._lanes: dict[str, list[Lane]] = {}

    def add(self, runners: Mapping[str, Watched]) -> None:
        """Takes the runners, by name, and makes lanes of those that are new."""
        self.runners.update(runners)
        for name in runners:
            if name not in self._lanes:
                count = lanes_of(name, self._jobs)
                self._lanes[name] = [Lane(name, k) for k in range(count)]

    def of(self, runner: str) -> Sequence[Lane]:
        """The lanes of one runner."""
        return self._lanes[runner]

    def busy(self) -> Iterator[Lane]:
        """The lanes that have something to do."""
        return (lane for lanes in self._lanes.values() for lane in lanes if lane.orders)

    @property
    def in_flight(self) -> bool:
        """Whether any has."""
        return any(True for _ in self.busy())

    @property
    def cores(self) -> int:
        """The cores that are taken."""
        return sum(lane.cores for lane in self.busy())

    def free(self, runner: str, needs: Needs) -> Lane | None:
        """A lane of a runner that has nothing to do, if there are cores and shares for a job."""
        if self.cores + needs.cores > self._jobs or not self._pools.allow(needs.amounts):
            return None
        return next((lane for lane in self._lanes[runner] if not lane.orders), None)

    def lacks_only_cores(self, needs: Needs) -> bool:
        """Whether a job could run if others gave back their cores."""
        return self.cores + needs.cores > self._jobs and self._pools.allow(needs.amounts)

    # -- handing over and taking back ---------------------------------------------------------

    def claim(self, lane: Lane, table: RuleTable, needs: Needs) -> None:
        """Takes a free lane for jobs of this rule, with the cores and shares of one of them."""
        lane.table = table
        lane.cores = needs.cores
        lane.share = self._pools.take(needs.amounts)
        lane.timeout = needs.timeout
        lane.stopping = None
        lane.timed_out = set()

    def release(self, lane: Lane) -> None:
        """Gives back what a lane without orders had taken."""
        if lane.share is not None:
            self._pools.give_back(lane.share)
        lane.share = lane.table = None
        lane.cores = 0

    def submit(self, lane: Lane, batch: Batch) -> None:
        """Hands over a batch, whose orders are the lane's already."""
        lane.batches.append({order.index for order in batch.orders})
        self.runners[lane.runner].submit(lane.number, batch)

    def with_job(self, runner: str, job: int) -> Lane | None:
        """The lane of a runner that was handed a job."""
        return next((lane for lane in self._lanes[runner] if job in lane.orders), None)

    def leave(self, lane: Lane, job: int) -> Order:
        """A job has ended: takes it from its lane."""
        order = lane.orders.pop(job)
        for k, batch in enumerate(lane.batches):
            if job in batch:
                batch.discard(job)
                if not batch:
                    del lane.batches[k]
                break
        if not lane.orders:
            self.release(lane)
        return order

    # -- time ---------------------------------------------------------------------------------

    def wait(self, seconds: float | None) -> list[tuple[str, Outcome | Died]]:
        """What the runners have to tell, each with its name; waits so long at most for it.

        What is over its time meanwhile is stopped.
        """
        deadline = self._next_deadline(time.monotonic())
        if deadline is not None:
            seconds = deadline if seconds is None else min(seconds, deadline)
        found: list[tuple[str, Outcome | Died]] = []
        busy = [name for name in self.runners if any(lane.orders for lane in self._lanes[name])]
        if not busy:
            if seconds:
                time.sleep(min(seconds, 0.2))
            return found
        if self._tick is not None:
            seconds = TICK if seconds is None else min(seconds, TICK)
        if len(busy) > 1:
            seconds = self._wait_for_any(busy, seconds)
        for name in busy:
            late: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
            if name == SERIAL and deadline is not None:  # its jobs run while it is waited for
                late = ringing(deadline, lambda: self._next_deadline(time.monotonic()))
            with late:
                found += [(name, event) for event in self.runners[name].wait(seconds)]
        if not found and self._tick is not None:
            self._tick()
        return found

    def stop_what_is_late(self) -> None:
        """Stops what is over its time: for who waits for something else meanwhile."""
        self._next_deadline(time.monotonic())

    def _wait_for_any(self, busy: Sequence[str], seconds: float | None) -> float:
        """Waits until one of several runners has something to tell; how long each may wait then.

        A plug-in has no bell, and jobs in this thread run while it is waited for them: then the
        runners are asked in turn.
        """
        bells: list[int] = []
        for name in busy:
            runner = self.runners[name]
            if not isinstance(runner, Belled):
                return 0.02 if seconds is None else min(seconds, 0.02)
            found = runner.bells()
            if not found:
                return 0.0
            bells += found
        poll = select.poll()
        for bell in bells:
            poll.register(bell, select.POLLIN)
        seconds = LONG_SECONDS if seconds is None else min(seconds, LONG_SECONDS)
        poll.poll(math.ceil(1000 * seconds))
        return 0.0

    def _next_deadline(self, now: float) -> float | None:
        """Stops what is over its time; seconds until the next look, None without timeouts."""
        soonest: float | None = None
        for lane in self.busy():
            runner = self.runners[lane.runner]
            if lane.stopping is not None:
                left = lane.stopping + KILL_AFTER - now
                if left <= 0:
                    runner.stop(lane.number, kill=True)
                    lane.stopping = now
                    left = KILL_AFTER
                soonest = left if soonest is None else min(soonest, left)
                continue
            limit = lane.timeout
            if limit is None:
                continue
            running = runner.running(lane.number)
            left = limit if running is None else running[1] + limit - now
            if left <= 0 and running is not None:
                lane.timed_out.add(running[0])
                runner.stop(lane.number, kill=False)
                lane.stopping = now - KILL_AFTER + 0.5
                left = 0.5
            left = min(left, 0.5) if running is None else left
            soonest = left if soonest is None else min(soonest, left)
        return soonest

    @property
    def may_help(self) -> bool:
        """Whether cores are idle while jobs wait behind others that run."""
        return self.cores < self._jobs and any(True for _ in self._with_others_behind())

    def behind_long_ones(self) -> list[tuple[Lane, list[int]]]:
        """Takes the jobs that wait behind a long one from their lanes, which get no others then."""
        found = []
        for lane, runner in self._with_others_behind():
            running = self.runners[lane.runner].running(lane.number)
            if running is not None and time.monotonic() - running[1] >= LONG_SECONDS:
                lane.is_long = True
                found.append((lane, runner.take_back(lane.number)))
        return found

    def _with_others_behind(self) -> Iterator[tuple[Lane, TakingBack]]:
        """The lanes in which jobs wait that can be taken back."""
        for lane in self.busy():
            runner = self.runners[lane.runner]
            if len(lane.orders) > 1 and isinstance(runner, TakingBack):
                yield lane, runner

    # -- ending -------------------------------------------------------------------------------

    def drop_unbegun(self) -> None:
        """Lets what no slot has begun come back."""
        for lane in self.busy():
            runner = self.runners[lane.runner]
            if not lane.dropped and isinstance(runner, Dropping):
                lane.dropped = True
                runner.drop(lane.number)

    def stop(self) -> None:
        """Ends what runs, as `Stop` says: in order, or at once."""
        now = time.monotonic()
        for lane in self.busy():
            runner = self.runners[lane.runner]
            if self._stop.count > 1:
                runner.stop(lane.number, kill=True)
            elif lane.stopping is None:
                lane.stopping = now
                runner.stop(lane.number, kill=False)
