"""The executor for `async def` functions: many slots, all tasks of one process's event loop.

Knows the process and what it reports (see `processes`); nothing of graphs, records, retries or
modes. A slot does one job at a time. If the process dies, all its jobs are told of; the one that
is to blame is named where that can be known.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from time import monotonic

from fileflow.executors import async_slot
from fileflow.executors.processes import Processes, _Process, adopted_ends
from fileflow.executors.slot import Post
from fileflow.model.work import Batch, Died
from fileflow.world.staging import STATE, remove_run

# A job that was there so often when the process died, with others, is to blame.
_DEATHS = 3


class AsyncLoop(Processes):
    """Runs functions as tasks of one event loop; a `Runner`."""

    def __init__(
        self,
        root: str,
        run: str,
        count: int,
        *,
        wakeup: int | None = None,
        private: Sequence[int] = (),
        fork: bool | None = None,
    ) -> None:
        """Makes the folders of a run, beside those of other runners.

        Args:
            root: the Workflowfile's folder, absolute.
            run: id of the run.
            count: how many slots there may be: how many jobs at once.
            wakeup: a descriptor that ends `wait` when it can be read.
            private: descriptors that the process may not inherit.
            fork: whether it is forked, as for `Processes`.
        """
        super().__init__(root, f"{run}-async", 1 + count, wakeup=wakeup, private=private, fork=fork)
        self._slot_of: dict[int, int] = {}
        self._killed: set[int] = set()
        self._deaths: dict[int, int] = {}

    @property
    def _task(self) -> Callable[..., None]:
        return _serve

    def submit(self, slot: int, batch: Batch) -> None:
        """Hands a batch to a slot; its jobs run one after the other, beside those of others."""
        process = self._slot(0)
        for order in batch.orders:
            self._slot_of[order.index] = slot
        _, *rest = self._message(process, batch)
        self._send(process, ("batch", slot, *rest))

    def stop(self, slot: int, *, kill: bool) -> None:
        """Cancels the task of a slot; `kill` ends the process, and so the jobs of all slots."""
        process = self._slots.get(0)
        if process is None:
            return
        if kill:
            self._killed.add(slot)
            self._kill(process)
        else:
            self._send(process, ("cancel", slot))

    def running(self, slot: int) -> tuple[int, float] | None:
        """The job that the slot runs, and when it began on the monotonic clock."""
        return self._entry(slot) if self._slots else None

    def _entry(self, slot: int) -> tuple[int, float] | None:
        entry = self._table.read(slot + 1)
        return (entry.index, entry.started) if entry.index >= 0 else None

    def close(self) -> None:
        """Ends the process; nothing of it is left running."""
        super().close()
        remove_run(os.path.join(self._root, STATE, "stage", self._run))

    def _bury(self, process: _Process, *, told: bool) -> None:
        """Tells of the process's death once for each slot that had a job."""
        super()._bury(process, told=told)
        died = next(one for one in reversed(self._events) if isinstance(one, Died))
        self._events.remove(died)
        unfinished: dict[int, list[int]] = {}
        for index in died.unfinished:
            unfinished.setdefault(self._slot_of[index], []).append(index)
        running = {
            slot: found
            for slot in unfinished
            if (found := self._entry(slot)) is not None and found[0] in unfinished[slot]
        }
        guilty = self._guilty(died.index, {slot: found[0] for slot, found in running.items()})
        for slot, jobs in unfinished.items():
            job, began = running.get(slot, (None, 0.0))
            self._events.append(
                Died(
                    slot=slot,
                    index=job if job in guilty else None,
                    code=died.code,
                    memory=died.memory,
                    log=self._log_of(process, slot + 1),
                    unfinished=jobs,
                    out_of_memory=died.out_of_memory,
                    seconds=monotonic() - began if job in guilty else 0.0,
                )
            )
        for slot in range(self._count - 1):
            self._table.vacate(slot + 1)
        self._killed.clear()

    def _guilty(self, stepping: int | None, running: dict[int, int]) -> set[int]:
        """The jobs to blame: those that we killed for, the one in a step, the only one there."""
        if self._killed:
            return {job for slot, job in running.items() if slot in self._killed}
        if stepping is not None:
            return {stepping}
        if len(running) == 1:
            return set(running.values())
        guilty = set()
        for job in running.values():
            self._deaths[job] = self._deaths.get(job, 0) + 1
            if self._deaths[job] >= _DEATHS:
                guilty.add(job)
        return guilty


def _serve(post: Post) -> None:
    """The one task of the process, which takes all the files that it can get: its jobs are many."""
    line, _ = adopted_ends()
    async_slot.serve(line, post)
