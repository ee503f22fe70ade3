"""The executor whose slots are threads of this process, for functions that wait or release the GIL.

Knows functions only: commands need processes. Knows nothing of graphs, records, retries or modes.
Environment and generators are shared by all jobs: nothing of it is set for one of them, and a job
that is found to draw from a global generator is to run again in a process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import select
import signal
import sys
import threading
import traceback
from time import monotonic
from typing import TextIO

from fileflow.errors import FileflowError, Stopped
from fileflow.model.work import Batch, Died, End, Event, Outcome
from fileflow.world.actions import Doer
from fileflow.world.faults import fault_of
from fileflow.world.modules import borrow, give_back
from fileflow.world.seeding import SharedGenerators
from fileflow.world.staging import STATE, Stage
from fileflow.world.surroundings import InThread, SharedStream, StartedProcesses

_GRACE = 5.0
_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in.argtypes = [ctypes.c_ulong, ctypes.py_object]


class _PerThread(SharedStream):
    """Leads what a slot's thread prints to its log, all else where it went."""

    def __init__(self, other: TextIO) -> None:
        self.other = other
        self.around: dict[int, InThread] = {}

    def _here(self) -> TextIO:
        around = self.around.get(threading.get_ident())
        return self.other if around is None else around.log.stream


class _Thread:
    """One slot: a thread with its queue."""

    def __init__(self, owner: Threads, slot: int, number: int, stage: Stage) -> None:
        self.slot = slot
        self.batches: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.stopping = False
        self.dropped = False
        self.abandoned = False
        self.sent = False
        self.now: tuple[int, float] | None = None
        self.doer: Doer | None = None
        self._owner = owner
        self._number = number
        self._stage = stage
        self._unfinished: list[int] = []
        self._unwell = 0
        self.thread = threading.Thread(
            target=self._serve, name=f"fileflow-slot-{number}", daemon=True
        )
        self.thread.start()

    def _serve(self) -> None:
        owner = self._owner
        log = f"{STATE}/logs/{owner.run}/{self._number}.log"
        around: InThread | None = None
        ident = threading.get_ident()
        try:
            around = InThread(log, owner.generators, self._leave_action)
            for stream in owner.streams:
                stream.around[ident] = around
            self.doer = doer = Doer(self._stage, around, log, on_job=self._on_job)
            while (batch := self.batches.get()) is not None:
                self._unfinished += [order.index for order in batch.orders]
                with owner.generators.thread():
                    self._do(doer, batch)
        except Exception as error:  # nobody must wait for this slot
            if self.abandoned:
                return
            fault = fault_of(error)
            if fault is not None:
                owner.tell(fault)
                return
            with contextlib.suppress(OSError, ValueError):
                traceback.print_exc()
            if not self._unfinished and (batch := self.batches.get()) is not None:
                self._unfinished += [order.index for order in batch.orders]
            # Who comes first is to blame: if all went on, they might begin in vain for ever.
            index = self.now[0] if self.now else next(iter(self._unfinished), None)
            printed = (log, 0, self._printed(around))
            owner.tell(
                Died(self.slot, index, 1, 0, printed, self._unfinished, seconds=self._took())
            )
        finally:
            for stream in owner.streams:
                stream.around.pop(ident, None)
            if around is not None:
                with contextlib.suppress(OSError):
                    around.close()
            if self.doer is not None:
                self.doer.close()

    def _took(self) -> float:
        return monotonic() - self.now[1] if self.now else 0.0

    def abandon(self) -> Died:
        """Waits for it no more, whatever it does: nothing of it is told or published from now on.

        A thread cannot be killed; it ends with the process, if not before.
        """
        self.abandoned = True
        unfinished = [*self._unfinished, *self.left()]
        index = self.now[0] if self.now else None
        log = (f"{STATE}/logs/{self._owner.run}/{self._number}.log", 0, 0)
        code = -signal.SIGKILL
        return Died(self.slot, index, code, 0, log, unfinished, seconds=self._took())

    def _printed(self, around: InThread | None) -> int:
        with contextlib.suppress(OSError, ValueError):
            return around.mark() if around is not None else 0
        return 0

    def _do(self, doer: Doer, batch: Batch) -> None:
        doer.learn(batch.work)
        doer.share(batch.lists)
        for order in batch.orders:
            outcome = Outcome(order.index, End.STOPPED, message="stopped")
            if self.dropped or (batch.halts and batch.seen < self._unwell):
                outcome.end = End.LEFT
            elif not self.stopping:
                # It may arrive between the end of the function and `_leave_action`.
                with contextlib.suppress(Stopped):
                    outcome = doer.do(batch.work.key, order)
                self._unwell += outcome.end is not End.DONE
            if self.abandoned:
                return
            self._unfinished.remove(order.index)
            self._owner.tell(outcome)

    def _on_job(self, index: int, started: float) -> None:
        self.now = (index, started) if index >= 0 else None

    def _leave_action(self) -> None:
        """Lets a `Stopped` that was sent arrive here, where it does no harm.

        From here on it may not. It is not taken back: CPython would go on to look for one at each
        step, and 3.11 would hang for ever once a profiler is set.
        """
        try:
            with self.lock:
                if not self.sent:
                    return
                self.sent = False  # it may have arrived already: then another comes in its place
                _raise_in(threading.get_ident(), ctypes.py_object(Stopped))
            while True:
                pass
        except Stopped:
            return

    def left(self) -> list[int]:
        """The jobs of batches that it did not begin with; for a thread that has ended."""
        found = []
        while not self.batches.empty():
            if (batch := self.batches.get()) is not None:
                found += [order.index for order in batch.orders]
        return found

    def stop(self) -> None:
        """Ends the job that runs at its next step in Python, and drops the rest."""
        self.stopping = True
        doer = self.doer
        if doer is None:
            return
        with self.lock:
            doer.stopping = True
            if doer.acting and self.thread.ident is not None:
                self.sent = True
                _raise_in(self.thread.ident, ctypes.py_object(Stopped))


class Threads:
    """Runs batches in threads; a `Runner`."""

    def __init__(
        self,
        root: str,
        run: str,
        *,
        first_slot: int = 0,
        wakeup: int | None = None,
        generators: SharedGenerators | None = None,
    ) -> None:
        """Makes the folders of a run; `root` becomes the working folder until `close`.

        Args:
            root: the Workflowfile's folder, absolute.
            run: id of the run.
            first_slot: from where stages and logs are numbered, one for each thread that is
                made, so that other executors of the run have theirs.
            wakeup: a descriptor that ends `wait` when it can be read.
            generators: those that it shares with other runners of this process, if there are some.
        """
        self.run = run
        self._before = os.getcwd()
        os.chdir(root)
        self._root = root
        borrow(root)
        os.makedirs(f"{STATE}/logs/{run}", exist_ok=True)
        self.generators = generators or SharedGenerators()
        self.generators.expects_threads = True
        self.streams = (_PerThread(sys.stdout), _PerThread(sys.stderr))
        vars(sys).update(zip(("stdout", "stderr"), self.streams, strict=True))
        self._next = first_slot
        self._wakeup = wakeup
        self._slots: dict[int, _Thread] = {}
        self._ending: dict[int, _Thread] = {}
        self._abandoned: list[_Thread] = []
        self._interrupted = False
        self._started = StartedProcesses()
        self._told: queue.SimpleQueue[Event | FileflowError] = queue.SimpleQueue()
        self._bell, self._ring = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._ring, False)

    def tell(self, event: Event | FileflowError) -> None:
        """Called by the slots: something has happened."""
        self._told.put(event)
        with contextlib.suppress(OSError):  # it rings already, or nobody listens any more
            os.write(self._ring, b".")

    def submit(self, slot: int, batch: Batch) -> None:
        """Hands a batch to a slot, which is started if it is not there."""
        if slot not in self._slots:
            self._slots[slot] = _Thread(self, slot, self._next, Stage(self.run, self._next))
            self._next += 1
        self._slots[slot].batches.put(batch)

    def wait(self, seconds: float | None) -> list[Event]:
        """What has happened since the last call; waits at most `seconds` for the first of it."""
        bells = self.bells()
        for bell in select.select(bells, [], [], seconds)[0] if bells else [self._bell]:
            with contextlib.suppress(BlockingIOError):
                os.read(bell, 65536)
        events: list[Event] = []
        while not self._told.empty():
            event = self._told.get()
            if isinstance(event, FileflowError):
                raise event
            if isinstance(event, Died) and event.slot in self._slots:
                event.unfinished.extend(self._slots.pop(event.slot).left())
            events.append(event)
        return events

    def bells(self) -> list[int]:
        """Descriptors of which one can be read when `wait` has something to take in; none if it has
        already."""
        if not self._told.empty():
            return []
        return [self._bell] + ([self._wakeup] if self._wakeup is not None else [])

    def running(self, slot: int) -> tuple[int, float] | None:
        """The job that the slot runs, and when it began on the monotonic clock."""
        thread = self._slots.get(slot)
        return thread.now if thread else None

    def drop(self, slot: int) -> None:
        """Lets the slot begin nothing more: what it has not begun comes back as `LEFT`."""
        if slot in self._slots:
            self._slots[slot].dropped = True

    def stop(self, slot: int, *, kill: bool) -> None:
        """Ends the job that the slot runs as soon as it is in Python code; drops the rest.

        A thread cannot be killed: with `kill` it is waited for no more.
        """
        thread = self._slots.pop(slot, None)
        if thread is not None:
            thread.stop()
            thread.batches.put(None)
            self._ending[slot] = thread
        if kill and slot in self._ending:
            if self._interrupted:
                self.interrupt(True)
            thread = self._ending.pop(slot)
            self._abandoned.append(thread)
            self.tell(thread.abandon())

    def interrupt(self, kill: bool) -> None:
        """Ends the processes that jobs have started; for a signal that ends the run."""
        self._interrupted = True
        for thread in self._slots.values():  # what they write is not whole, though it has ended
            if thread.doer is not None:
                thread.doer.stopping = True
        self._started.signal(kill=kill)

    def close(self) -> None:
        """Ends all slots, and gives streams and working folder back."""
        for thread in self._slots.values():
            thread.stop()
            thread.batches.put(None)
        deadline = monotonic() + _GRACE
        threads = [*self._slots.values(), *self._ending.values()]
        for thread in threads:
            thread.thread.join(max(0.0, deadline - monotonic()))
        for name, stream in zip(("stdout", "stderr"), self.streams, strict=True):
            if getattr(sys, name) is stream:
                setattr(sys, name, stream.other)
        self.generators.close()
        os.chdir(self._before)
        give_back(self._root)
        if not any(thread.thread.is_alive() for thread in [*threads, *self._abandoned]):
            os.close(self._bell)
            os.close(self._ring)
