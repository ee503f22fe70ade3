"""Deletes `temp` outputs as soon as nothing can need them.

Knows the plan and what has become of its jobs; decides nothing about them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from fileflow.engine.facts import World
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.plan import Plan
from fileflow.planning.schedule import JobState, Schedule
from fileflow.planning.staleness import Staleness
from fileflow.planning.tables import wanted_rows
from fileflow.world.staging import remove

_OVER: Iterator[bool] = iter(())


class Temps:
    """Deletes `temp` outputs when no job of this run needs them, or may come to need them."""

    def __init__(self, staleness: Staleness, schedule: Schedule, world: World, keep: bool) -> None:
        """`keep`: whether all of them stay."""
        self.plan: Plan = schedule.plan
        self.staleness = staleness
        self.schedule = schedule
        self.world = world
        self.kept_for: set[int] = set()
        self._looks: dict[int, Iterator[bool]] = {}
        self.tables = {
            number
            for number, table in self.plan.tables.items()
            if any(entry.temp for entry in table.shape.outputs)
        }
        # What waits for values that are not known yet may need any of them.
        self.active = bool(self.tables) and not keep and not self.plan.incomplete

    def settled(self, job: int) -> None:
        """A job is settled: what it took may go, and what jobs at rest took that it might have
        called back."""
        if not self.active:
            return
        if job >> SHIFT in self.tables:
            self._try(job)
        seen: set[int] = set()
        todo = [job]
        while todo:
            one = todo.pop()
            for maker in self.staleness.makers_taken(self.plan.tables[one >> SHIFT], one & ROW):
                if maker in seen:
                    continue
                seen.add(maker)
                if maker >> SHIFT in self.tables:
                    self._try(maker)
                if self.schedule.state(maker) is JobState.RESTING:
                    todo.append(maker)

    def consumer_failed(self, job: int) -> None:
        """What a failed job took stays, for a look and for the next try."""
        if self.active:
            table = self.plan.tables[job >> SHIFT]
            self.kept_for.update(self.staleness.makers_taken(table, job & ROW))

    def _try(self, job: int) -> None:
        if job in self.kept_for:
            return
        table = self.plan.tables[job >> SHIFT]
        if not self.schedule.is_settled(job):
            return
        if self.schedule.state(job) is JobState.RESTING and len(table.shape.outputs) == 1:
            return
        if self._may_be_taken(job):
            return
        for entry, path in table.files_of(job & ROW):
            if entry.temp and not self.plan.keeps(job, path) and os.path.lexists(path):
                remove(path)
                self.world.gone(path)

    def _may_be_taken(self, job: int) -> bool:
        """Whether what takes from a job has not ended, or may be called back by what has not.

        A look goes on from what the last one found, so that a job costs one look at each that
        takes from it. What was passed may be called back: that none is left, only a look at all
        tells.
        """
        if next(self._looks.get(job, _OVER), False):
            return True
        self._looks[job] = self._look(job)
        return next(self._looks[job], False)

    def _look(self, job: int) -> Iterator[bool]:
        """Gives True, each time that it is asked, as long as there is what may take from a job."""
        state, each_consumer = self.schedule.state, self.schedule.each_consumer
        by: dict[int, int] = {}  # the jobs at rest, and what each takes from
        # A job that nobody asked for and from which none takes has told values: those are recorded.
        for one in each_consumer(job):
            while not self.schedule.is_settled(one):
                yield True
            if state(one) is JobState.RESTING:
                by[one] = job
        todo = list(by)
        while todo:
            taken = todo.pop()
            for one in each_consumer(taken):
                while self.schedule.is_open(one) and self._all_rest(taken, job, by):
                    yield True
                if state(one) is JobState.RESTING and one not in by:
                    by[one] = taken
                    todo.append(one)

    def _all_rest(self, one: int, job: int, by: Mapping[int, int]) -> bool:
        """Whether `one` rests, and all through which it may call `job` back."""
        while one != job:
            if self.schedule.state(one) is not JobState.RESTING:
                return False
            one = by[one]
        return True

    def finish(self) -> None:
        """A last look: what became free at the very end, or was left by an earlier run."""
        if self.active:
            for number in self.tables:
                table = self.plan.tables[number]
                for row in wanted_rows(table):
                    self._try(table.base | row)
