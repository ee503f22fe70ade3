"""What went wrong in a run: each failure is told, counted and noted, each mistake of a plan once.

Knows plans, outcomes and records; not lanes, nor whether a job is tried again or what waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from fileflow.engine import events
from fileflow.engine.words import over_time, tail_of
from fileflow.errors import FileflowError
from fileflow.model.endings import ended_text
from fileflow.model.work import Died, End, Outcome
from fileflow.planning.links import ROW
from fileflow.planning.plan import Plan
from fileflow.world.records import Records


class Failures:
    """The failures of a run, over one plan after the other.

    Args:
        records: where they are noted.
        run: its name.
        tell: hears of them.
        shown: the action of a job, in the user's words.

    Attributes:
        count: how many there are, but those after which a job is tried again.
        mistakes: those of plans that are no job's alone; the summary says them.
    """

    def __init__(
        self, records: Records, run: str, tell: events.Listener, shown: Callable[[int], str]
    ) -> None:
        self.count = 0
        self.mistakes: dict[str, None] = {}
        self._records = records
        self._run = run
        self._tell = tell
        self._shown = shown
        self._refused: set[tuple[str, ...]] = set()

    def take_plan(self, plan: Plan) -> None:
        """What planning found to be wrong fails jobs, each once, or counts as a failure."""
        self._plan = plan
        for job, error in plan.failed.items():
            table = plan.table_of(job)
            identity = table.identity(job & ROW)
            if table.rule.asks_only:
                self._take_mistake(error)
            elif identity not in self._refused:
                self._refused.add(identity)
                self.add(unstarted(job, str(error)))
        for error in plan.wrong:
            self._take_mistake(error)

    def _take_mistake(self, error: FileflowError) -> None:
        if str(error) not in self.mistakes:
            self.mistakes[str(error)] = None
            self.count += 1

    def add(self, outcome: Outcome) -> None:
        """A job has failed for good."""
        self.tell("failed", outcome)
        self.count += 1
        table = self._plan.table_of(outcome.index)
        self._records.note(
            "failed",
            table.key(outcome.index & ROW),
            {
                "rule": table.rule.name,
                "run": self._run,
                "message": outcome.message,
                "log": list(outcome.log),
                "when": outcome.started,
                "seconds": outcome.seconds,
            },
        )

    def tell(self, status: str, outcome: Outcome) -> None:
        """Tells of a job that has failed, for good or not: failed, retried."""
        job = outcome.index
        self._tell(
            events.JobEnded(
                events.RowFacts(self._plan.table_of(job), job & ROW),
                status,
                outcome.seconds,
                message=outcome.message,
                traceback=outcome.traceback,
                action="" if job in self._plan.failed else self._shown(job),
                log_tail=tail_of(outcome.log),
                log=outcome.log,
                memory=outcome.memory,
            )
        )


def unstarted(job: int, message: str) -> Outcome:
    """The failure of a job that cannot even be started."""
    return Outcome(job, End.FAILED, started=time.time(), message=message)


def by_death(job: int, died: Died, limit: float | None) -> Outcome:
    """The failure of the job that a slot ran when it died; `limit`: the time that it was over."""
    if limit is not None:
        message = over_time(limit)
    else:
        message = f"its process {ended_text(died.code)} and left no result"
        if died.out_of_memory:
            message += "; the kernel ended a process for lack of memory"
        if died.memory:
            message += f" (peak memory {died.memory / 1e6:.0f} MB)"
    return Outcome(
        job,
        End.FAILED,
        started=time.time() - died.seconds,
        seconds=died.seconds,
        log=died.log,
        memory=died.memory,
        message=message,
    )
