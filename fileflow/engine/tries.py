"""How often each job was tried, and when one that has failed is tried again.

Knows jobs by number and by name, and what rules say of retries; not what runs, or why it failed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from fileflow.planning.fillable import picked_retries
from fileflow.planning.links import ROW
from fileflow.planning.tables import RuleTable

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 60.0


class Tries:
    """The tries of a run's jobs, over one plan after the other.

    Args:
        retries: how often a job is tried again, over what the rules say.

    Attributes:
        begun: which try of a job of this plan the last one was; who begins it sets this to `next`.
    """

    def __init__(self, retries: int | None) -> None:
        self._retries = retries
        self.begun: dict[int, int] = {}
        # Of jobs that have failed and are to be tried again, by what stays in each plan.
        self._failed: dict[tuple[str, ...], int] = {}
        self._later: list[tuple[float, int]] = []

    def take_plan(self, under_way: Iterable[int]) -> None:
        """Of another plan only the jobs that are under way have the numbers that they had."""
        self.begun = {job: self.begun[job] for job in under_way}

    def next(self, table: RuleTable, job: int) -> int:
        """Which try the next one is, from 1; those while an earlier plan was run are counted."""
        tries = self.begun.get(job)
        if tries is None and self._failed:
            tries = self._failed.get(table.identity(job & ROW))
        return (tries or 0) + 1

    def forgive(self, job: int) -> None:
        """The last try of a job does not count."""
        self.begun[job] -= 1

    def last(self, job: int) -> int:
        """Which try the last one was; of a job that has not been tried the first."""
        return self.begun.get(job, 1)

    # -- after a failure ----------------------------------------------------------------------

    def are_left(self, table: RuleTable, job: int) -> bool:
        """Whether a job that has failed may be tried again."""
        retries = self._retries
        if retries is None:
            retries = picked_retries(table, job & ROW)  # it can be had: planning has tried it
        if retries is None:
            retries = table.rule.retries or 0
        return self.begun[job] <= retries

    def put_off(self, table: RuleTable, job: int) -> None:
        """A job is to be tried again, the later the more often it has failed."""
        attempt = self._failed[table.identity(job & ROW)] = self.begun[job]
        delay = min(_FIRST_DELAY * 2 ** (attempt - 1), _LONGEST_DELAY)
        heappush(self._later, (time.monotonic() + delay, job))

    @property
    def waiting(self) -> list[int]:
        """The jobs that wait for another try."""
        return [job for _, job in self._later]

    def due(self) -> Iterator[int]:
        """Takes those for which it is time."""
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            yield heappop(self._later)[1]

    def give_up(self) -> list[int]:
        """Takes all of them, in no order of time."""
        jobs = self.waiting
        self._later = []
        return jobs

    def seconds_left(self) -> float | None:
        """Seconds until the next is due; None if none waits."""
        return max(0.0, self._later[0][0] - time.monotonic()) if self._later else None
