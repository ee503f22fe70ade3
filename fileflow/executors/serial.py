"""The executor that does each batch in the calling thread, inside `wait`.

Knows functions only: commands need processes. Knows nothing of graphs, records, retries or modes.
Jobs in threads of this process may run beside it: if a global generator moves meanwhile, a job is
to run again in a process.
"""

from __future__ import annotations

import os
from collections import deque
from time import monotonic

from fileflow.errors import Stopped
from fileflow.model.work import Batch, End, Event, Order, Outcome, SharedList
from fileflow.world.actions import Doer
from fileflow.world.modules import borrow, give_back
from fileflow.world.seeding import SharedGenerators
from fileflow.world.staging import STATE, Stage
from fileflow.world.surroundings import Borrowed, StartedProcesses

_TURN = 0.1
_GRACE = 5.0


class Serial:
    """Runs batches one job after the other; a `Runner`.

    While a job runs, this process is as a slot's: its environment, prints and global generators
    are the job's, and are given back after `wait`.
    """

    def __init__(
        self,
        root: str,
        run: str,
        *,
        slot: int = 0,
        generators: SharedGenerators | None = None,
        import_cores: int = 1,
    ) -> None:
        """Makes the folders of a run; `root` becomes the working folder until `close`.

        Args:
            root: the Workflowfile's folder, absolute.
            run: id of the run.
            slot: names the stage and the log, so that other executors of the run have theirs.
            generators: those that it shares with the threads of the run, if there may be some.
            import_cores: how many cores libraries are told of that ask while they are imported.
        """
        self._started = StartedProcesses()
        self._grace: float | None = None
        self._before = os.getcwd()
        os.chdir(root)
        self._root = root
        borrow(root)
        os.makedirs(f"{STATE}/logs/{run}", exist_ok=True)
        self._log = f"{STATE}/logs/{run}/{slot}.log"
        self._stage = Stage(run, slot)
        self._generators = generators or SharedGenerators()
        self._import_cores = import_cores
        self._waiting: deque[tuple[Batch, deque[Order]]] = deque()
        self._lists: dict[int, SharedList] = {}
        self._doer: Doer | None = None
        self._dropped: list[Event] = []
        self._now: tuple[int, float] | None = None

    def submit(self, slot: int, batch: Batch) -> None:
        """Takes a batch; it is done in the next calls of `wait`."""
        self._waiting.append((batch, deque(batch.orders)))

    def wait(self, seconds: float | None) -> list[Event]:
        """Does jobs for about a tenth of a second, at least one; what became of them."""
        events, self._dropped = self._dropped, []
        if not self._waiting:
            return events
        around = Borrowed(self._log, self._generators, self._import_cores)
        self._doer = doer = Doer(self._stage, around, self._log, on_job=self._on_job)
        until = monotonic() + min(_TURN, seconds if seconds is not None else _TURN)
        try:
            while self._waiting:
                batch, orders = self._waiting[0]
                doer.learn(batch.work)
                self._lists.update(batch.lists)
                doer.share(self._lists)
                while orders:
                    outcome = doer.do(batch.work.key, orders.popleft())
                    events.append(outcome)
                    if batch.halts and outcome.end is not End.DONE:
                        until = 0.0  # what else is to begin is asked first
                    if doer.stopping or monotonic() > until:
                        break
                if doer.stopping:
                    break
                if not orders:
                    self._waiting.popleft()
                if monotonic() > until:
                    break
        finally:
            around.close()
            doer.close()
            self._doer = None
        return events

    def _on_job(self, index: int, started: float) -> None:
        self._now = (index, started) if index >= 0 else None

    def running(self, slot: int) -> tuple[int, float] | None:
        """The job that runs, and when it began on the monotonic clock."""
        return self._now

    def drop(self, slot: int) -> None:
        """Begins nothing more: what has not begun comes back as `LEFT`."""
        self._give_back(End.LEFT)

    def _give_back(self, end: End) -> None:
        for _, orders in self._waiting:
            self._dropped += [Outcome(order.index, end) for order in orders]
        self._waiting.clear()

    def stop(self, slot: int, *, kill: bool) -> None:
        """Ends the job that runs, and drops the rest; for a signal handler of this thread.

        Raises:
            Stopped: inside the running function, as if it had raised it.
        """
        self._give_back(End.STOPPED)
        self._end_job()

    def interrupt(self, kill: bool) -> None:
        """Ends the job that runs and the processes that it has started; for a signal handler of
        this thread, as `stop` is.

        Raises:
            Stopped: inside the running function, as if it had raised it.
        """
        self._grace = 0.0 if kill else _GRACE
        if self._doer is not None:
            self._started.signal(kill=kill)
        self._end_job()

    def _end_job(self) -> None:
        doer = self._doer
        if doer is not None:
            doer.stopping = True
            if doer.acting:
                raise Stopped

    def close(self) -> None:
        """Gives the working folder back; after a signal nothing that jobs started is left."""
        if self._grace is not None:
            self._started.end(self._grace)
        self._generators.close()
        os.chdir(self._before)
        give_back(self._root)
