"""Which lane gets the next jobs of a rule, and how many of them.

Knows what is ready, what it takes and how long; not whether it must run, or what orders say.
"""

from __future__ import annotations

import math

from fileflow.engine.amounts import Needs
from fileflow.engine.durations import Durations
from fileflow.engine.lanes import Lane, Lanes
from fileflow.engine.runners import ASYNC
from fileflow.planning.links import ROW
from fileflow.planning.schedule import Schedule
from fileflow.planning.tables import RuleTable

BATCH_SECONDS = 0.1
FIRST_BATCH = 16
WAITING_BATCHES = 2
LONG_BATCH = 4096


class Batches:
    """Shares out the ready jobs of one plan.

    Args:
        schedule: what is ready, and how urgent it is.
        lanes: what runs, and what is free.
        durations: how long jobs take.
        jobs: at most so many cores at once.
    """

    def __init__(self, schedule: Schedule, lanes: Lanes, durations: Durations, jobs: int) -> None:
        self._schedule = schedule
        self._lanes = lanes
        self._durations = durations
        self._jobs = jobs
        self._first_waiting: RuleTable | None = None  # the most urgent that lacks only cores

    def start_over(self) -> None:
        """The rules are asked about anew, the most urgent first."""
        self._first_waiting = None

    @property
    def is_full(self) -> bool:
        """Whether all cores are taken, and a rule that was asked about lacks only them."""
        return self._first_waiting is not None and self._lanes.cores >= self._jobs

    def may_start(self, table: RuleTable, runner: str) -> bool:
        """Whether any lane is free, for a job of which it is not known yet what it takes."""
        if not all(lane.orders for lane in self._lanes.of(runner)):
            return True
        if self._lanes.cores >= self._jobs:
            self._first_waiting = self._first_waiting or table
        return False

    def lane(self, table: RuleTable, needs: Needs, runner: str) -> Lane | None:
        """The lane that gets the next jobs of a rule; None if they have to wait."""
        return self.free_lane(table, needs, runner) or self._lane_to_queue_at(table, needs, runner)

    def free_lane(self, table: RuleTable, needs: Needs, runner: str) -> Lane | None:
        """A lane that has nothing to do, if there are cores and shares for a job of this rule."""
        lane = None
        alone = self._jobs == 1
        if not (alone and any(lane.table is not table for lane in self._lanes.busy())):
            lane = self._lanes.free(runner, needs)
        if lane is None and self._lanes.lacks_only_cores(needs):
            self._first_waiting = self._first_waiting or table
        return lane

    def _lane_to_queue_at(self, table: RuleTable, needs: Needs, runner: str) -> Lane | None:
        """A lane that runs short jobs of this rule, and takes more of them before these have ended;
        none if it is to become free for what is more urgent."""
        if needs.timeout is not None or runner == ASYNC:
            return None
        first = self._first_waiting
        if first is not None and self._schedule.goes_before(first, table):
            return None
        waiting = [
            lane
            for lane in self._lanes.of(runner)
            if lane.table is table
            and lane.orders
            and len(lane.batches) < WAITING_BATCHES
            # Behind a long job others would wait while another lane is idle.
            and not lane.is_long
        ]
        seconds = self._durations.expected(table) if waiting else None
        if seconds is None or seconds >= BATCH_SECONDS:
            return None
        return min(waiting, key=lambda lane: len(lane.orders))

    def size(self, table: RuleTable, runner: str) -> int:
        """How many jobs of a rule go to a lane at once, at most."""
        if table.rule.ends_in_time or table.rule.resources or runner == ASYNC:
            return 1
        ready = self._schedule.ready_count(table)
        share = math.ceil(ready / (2 * self._jobs))
        seconds = self._durations.expected(table)
        if seconds is None:
            return max(1, min(1 if ready < 64 else FIRST_BATCH, share))
        first = self._schedule.first(table)
        if first is not None:  # of all that are ready the one with the longest chain
            seconds = max(seconds, self._durations.of_job(table, first & ROW))
        size = int(BATCH_SECONDS / max(seconds, 1e-5))
        return max(1, min(size, share, LONG_BATCH))

    def is_long(self, table: RuleTable, job: int) -> bool:
        """Whether a job may take longer than a batch is to."""
        return self._durations.of_job(table, job & ROW) > BATCH_SECONDS
