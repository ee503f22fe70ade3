"""The executor whose slots are processes, one worker of loky each.

Knows sockets, processes and what a slot reports; nothing of graphs, records, retries or modes.

Each slot is a single-worker executor of loky with one long task, to serve its socket. So a slot
that dies takes no other with it, is known by name, and is made anew for its next batch. Each job
that ends is told through a pipe at once, for us to read when we like: a word on the socket wakes
us, now and then, and while many are in hand we look by ourselves.
"""

from __future__ import annotations

import contextlib
import errno
import math
import multiprocessing
import os
import resource
import selectors
import signal
import socket
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from time import monotonic, sleep
from typing import Any

from loky import process_executor
from loky.backend import get_context
from loky.process_executor import ProcessPoolExecutor

from fileflow.errors import Exit, FileflowError
from fileflow.executors import slot as slots
from fileflow.lean import replace
from fileflow.model.endings import ended_text, exit_text
from fileflow.model.work import Batch, Died, End, Event, Outcome
from fileflow.streams import refuse_daemonic
from fileflow.world.commands import Born
from fileflow.world.forks import without_warning
from fileflow.world.functions import Description
from fileflow.world.kept_output import set_aside
from fileflow.world.secrets import secrets_of
from fileflow.world.staging import STATE
from fileflow.world.survivors import TABLE, SlotTable, end_marked, end_sessions, slot_mark

_CHUNK = 1 << 20
_GRACE = 1.0
_LOOK_EVERY = 0.2
_HEAR_EVERY = 0.2
_SEEN = 0.001
# So many slots in a row may end before they are ready; then something is wrong with all of them.
_STILLBORN = 5
_KILLED = (-signal.SIGKILL, -signal.SIGTERM, slots.TERMINATED)
_LOKYS_THREADS = ("ExecutorManagerThread", "QueueFeederThread")
# Why there can be no lock between processes: it lies in shared memory, which may be missing.
_UNSHARED = (
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.ENOSYS,
)


@contextlib.contextmanager
def _unshared_told() -> Iterator[None]:
    """Says so if the machine has no shared memory for the locks of a process.

    Raises:
        FileflowError: in place of an `OSError` that names nothing.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _UNSHARED:
            raise
        raise FileflowError(
            "no process can be started for jobs: shared memory (on Linux /dev/shm) cannot be "
            f"used: {error.strerror}",
            hint="mount it so that all may write there (a container: `--tmpfs /dev/shm`)",
            status=Exit.STATE,
        ) from None


class _OneProcess(ProcessPoolExecutor):  # type: ignore[misc]  # loky has no types
    """An executor of loky that gives its process away before any thread of loky's knows of it.

    We watch it: loky would look for its children with `pgrep`, for its exit status again and again,
    and take that status from us if it saw the end first.
    """

    process: Any = None
    _executor_manager_thread: Any

    def _adjust_process_count(self) -> None:
        if self.process is None:
            super()._adjust_process_count()
            (self.process,) = self._processes.values()
            self._processes.clear()

    def _start_executor_manager_thread(self) -> None:
        """Starts loky's threads, both: nobody would hear if one failed to start the other."""
        if self._executor_manager_thread is not None:
            return
        try:
            self._call_queue._start_thread()
            super()._start_executor_manager_thread()
        except RuntimeError:
            self._executor_manager_thread = None  # it cannot be waited for
            self._call_queue.close()
            raise


class _Process:
    """One slot while its process lives."""

    def __init__(self, number: int) -> None:
        self.number = number
        # The jobs that it has in hand, in the order in which they were sent.
        self.unfinished: dict[int, None] = {}
        # How often each job was taken back that it has not said yet that it leaves.
        self.taken_back: Counter[int] = Counter()
        self.batches = 0
        self.known_works: set[int] = set()
        self.known_lists: set[int] = set()
        self.hidden: set[str] = set()
        self.arrived = bytearray()
        self.to_send: deque[memoryview] = deque()
        self.executor: Any = None
        self.process: Any = None
        self.line: socket.socket
        self.reports = -1
        self.reported = bytearray()
        self.death = -1
        # Whether it was told to end, and whether it was ready for work when it ended.
        self.ending = False
        self.began = False

    def let_go(self) -> None:
        """Closes what is open for it beside its line."""
        for descriptor in (self.death, self.reports):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self.death = self.reports = -1


class Processes:
    """Runs batches in processes of their own; a `Runner`.

    Slots are made by the thread that submits to them, and die with it: it must live as long as the
    run. To be closed in any case, else the interpreter waits for loky at its exit.
    """

    def __init__(
        self,
        root: str,
        run: str,
        count: int,
        *,
        wakeup: int | None = None,
        private: Sequence[int] = (),
        fork: bool | None = None,
        open_files: int | None = None,
        import_cores: int = 1,
    ) -> None:
        """Makes the folders of a run; slots start when they get their first batch.

        Args:
            root: the Workflowfile's folder, absolute.
            run: id of the run: letters, digits, `.`, `_` and `-`.
            count: how many slots there may be.
            wakeup: a descriptor that ends `wait` when it can be read.
            private: descriptors that no slot may inherit, such as that of a lock.
            fork: whether slots are forked; by default where that is safe, on Linux while this
                process has no thread but loky's.
            open_files: how many files a slot may have open, if not as many as this process.
            import_cores: how many cores libraries are told of that ask while they are imported.
        """
        self._open_files = open_files
        self._import_cores = import_cores
        self._root = os.path.abspath(root)
        self._run = run
        self._count = count
        self._private = list(private)
        self._wakeup = wakeup
        self._fork = fork
        self._slots: dict[int, _Process] = {}
        self._descriptions: dict[tuple[str, str], Description] = {}
        self._events: list[Event] = []
        stage = os.path.join(self._root, STATE, "stage", run)
        os.makedirs(stage, exist_ok=True)
        os.makedirs(os.path.join(self._root, STATE, "logs", run), exist_ok=True)
        self._table = SlotTable(os.path.join(stage, TABLE), count)
        for number in range(count):
            self._table.vacate(number)
        self._selector = selectors.DefaultSelector()
        if wakeup is not None:
            self._private.append(wakeup)
            self._selector.register(wakeup, selectors.EVENT_READ, None)
        self._oom_kills = _oom_kills()
        self._stillborn = 0

    # Slots ------------------------------------------------------------------------------------

    def _slot(self, number: int) -> _Process:
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = self._start(number)
        return slot

    @property
    def _task(self) -> Callable[..., None]:
        """What a slot's process does: a function that can be imported."""
        return _serve

    def _start(self, number: int) -> _Process:
        refuse_daemonic("let functions run with the executor thread or serial")
        slot = _Process(number)
        mine, its = socket.socketpair()
        try:
            self._launch(slot, mine, its)
        except BaseException:
            mine.close()
            its.close()
            self._undo(slot)
            raise
        return slot

    def _launch(self, slot: _Process, mine: socket.socket, its: socket.socket) -> None:
        """Starts the process of a slot, with these two ends of its line."""
        fork = self._may_fork() if self._fork is None else self._fork
        number = slot.number
        for end in (mine, its):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK)
        # Pickled while the process is spawned, which hands the descriptors over; or inherited.
        line = Connection(its.detach())
        slot.reports, told = os.pipe()
        reports = Connection(told, readable=False)
        for end_of_pipe in (slot.reports, told):
            os.set_blocking(end_of_pipe, False)
        strangers = [mine.fileno(), slot.reports, self._selector_descriptor(), *self._private]
        for other in self._slots.values():
            strangers += [other.line.fileno(), other.reports, other.death]
            strangers += _descriptors_of(other.executor)
        with _unshared_told():
            slot.executor = _OneProcess(
                max_workers=1,
                context=multiprocessing.get_context("fork") if fork else get_context("loky"),
                initializer=_adopt,
                initargs=(line, reports, os.getpid()),
                env=None if fork else {"PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "0")},
            )
        with without_warning():
            slot.executor.submit(
                self._task,
                slots.Post(
                    self._root,
                    self._run,
                    number,
                    self._count,
                    os.getpid(),
                    strangers if fork else (),
                    self._open_files,
                    self._import_cores,
                ),
            )
        slot.process = slot.executor.process
        line.close()
        reports.close()
        mine.setblocking(False)
        slot.line = mine
        slot.death = _death_of(slot.process)
        self._selector.register(mine, selectors.EVENT_READ, slot)
        self._selector.register(slot.death, selectors.EVENT_READ, slot)

    def _undo(self, slot: _Process) -> None:
        """Ends what there is of a slot that could not be started whole: nobody else would."""
        if slot.executor is None:
            slot.let_go()
            return
        slot.process = slot.executor.process
        if slot.process is not None:
            self._kill(slot)
            slot.process.join()
        if slot.death >= 0:
            self._release(slot)
        else:
            slot.let_go()
            slot.executor.shutdown(wait=True, kill_workers=True)

    def _selector_descriptor(self) -> int:
        fileno = getattr(self._selector, "fileno", None)
        return fileno() if fileno is not None else -1

    @staticmethod
    def _may_fork() -> bool:
        # In a job of another run loky forks nothing.
        if getattr(process_executor, "_CURRENT_DEPTH", 0):
            return False
        others = [
            thread
            for thread in threading.enumerate()
            if thread is not threading.current_thread()
            and not any(name in thread.name for name in _LOKYS_THREADS)
        ]
        return sys.platform == "linux" and not others

    # The protocol -----------------------------------------------------------------------------

    def submit(self, slot: int, batch: Batch) -> None:
        """Hands a batch to a slot, which is started if it is not there; never blocks."""
        process = self._slot(slot)
        self._send(process, self._message(process, batch))

    def _message(self, process: _Process, batch: Batch) -> tuple[Any, ...]:
        """A batch as the slot is sent it; it is the slot's from here on."""
        key = batch.work.key
        message = slots.batch_message(
            replace(batch, lists=self._new_lists(process, batch)),
            with_work=key not in process.known_works,
        )
        process.batches += 1
        process.known_works.add(key)
        process.hidden.update(batch.work.envvars)
        for order in batch.orders:
            process.unfinished[order.index] = None
        return message

    @staticmethod
    def _new_lists(process: _Process, batch: Batch) -> dict[int, Any]:
        new = {
            number: shared
            for number, shared in batch.lists.items()
            if number not in process.known_lists
        }
        process.known_lists.update(new)
        return new

    def wait(self, seconds: float | None) -> list[Event]:
        """What has happened since the last call; waits at most `seconds` for the first of it."""
        left = 0.0 if self._events else math.inf if seconds is None else seconds
        while True:
            many = any(len(process.unfinished) > 1 for process in self._slots.values())
            turn = min(left, _HEAR_EVERY) if many else left
            woken = self._turn(None if turn == math.inf else turn)
            for process in self._slots.values():
                self._hear(process)
            left -= turn
            if woken or self._events or left <= 0:
                break
        events, self._events = self._events, []
        return events

    def bells(self) -> list[int]:
        """Descriptors of which one can be read when `wait` has something to take in; none if it has
        already."""
        return [] if self._events else [self._selector.fileno()]

    def stop(self, slot: int, *, kill: bool) -> None:
        """Ends the job that the slot runs, with its whole process tree: TERM, or KILL at once.

        After TERM the job's outcome is `STOPPED`, unless it ends by itself first, and the slot
        ends: a `Died` without an index names what else it had. After KILL there is only `Died`.
        """
        process = self._slots.get(slot)
        if process is None:
            return
        if kill:
            self._kill(process)
            return
        process.ending = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.process.pid, signal.SIGTERM)

    def drop(self, slot: int) -> None:
        """Lets the slot begin nothing more: what it has not begun comes back as `LEFT`."""
        if slot in self._slots:
            self._table.drop(slot, self._slots[slot].batches)

    def take_back(self, slot: int) -> list[int]:
        """What the slot has in hand behind the job that it runs, and will not begin any more.

        Nothing if it is just between two jobs: then what it has not begun comes back as `LEFT`.
        """
        self.drop(slot)
        process = self._slots.get(slot)
        if process is None:
            return []
        # By now it has seen that, or what it had named before it could see is seen here.
        sleep(_SEEN)
        running = self._table.read(slot).index
        if running not in process.unfinished:
            return []
        in_hand = list(process.unfinished)
        taken = in_hand[in_hand.index(running) + 1 :]
        for index in taken:
            del process.unfinished[index]
        process.taken_back.update(taken)
        return taken

    def running(self, slot: int) -> tuple[int, float] | None:
        """The job that the slot runs, and when it began on the monotonic clock."""
        if slot not in self._slots:
            return None
        entry = self._table.read(slot)
        return (entry.index, entry.started) if entry.index >= 0 and entry.started else None

    def process_id(self, slot: int) -> int | None:
        """The process of a slot, if it has one."""
        process = self._slots.get(slot)
        return process.process.pid if process else None

    def describe(
        self,
        module: str,
        function: str,
        seconds: float = 60.0,
        beside: int = 0,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> Description:
        """What a function takes and is, as found once by a slot without jobs, which imports its
        module.

        What goes wrong is in the answer's `error`: also an import that takes more than `seconds`,
        or ends the process. Until the answer is there up to `beside` other slots are started, which
        import it too: they will need it.

        Raises:
            FileflowError: if the slot was killed, and killed again in its next process.
            KeyboardInterrupt: if a signal came meanwhile, as `interrupted` tells, which is asked
                again and again.
        """
        known = self._descriptions.get((module, function))
        if known is not None:
            return known
        killed = 0
        while True:
            found = self._described(module, function, seconds, beside, interrupted)
            if isinstance(found, Description):
                return found
            code, began = found
            if began and code not in _KILLED:
                said = f"importing {module} ended the process: {_ending(code)}"
                return Description(error=said)
            # Nothing of that is the module's own doing, but for one that is out of memory.
            killed += code in _KILLED
            if killed > 1:
                raise FileflowError(
                    f"a worker was killed while it imported {module}, and another one in its "
                    f"place: {_ending(code)}",
                    hint="if nobody did that, memory may have been short",
                    status=Exit.FAILED,
                )

    def _described(
        self,
        module: str,
        function: str,
        seconds: float,
        beside: int,
        interrupted: Callable[[], bool],
    ) -> Description | tuple[int, bool]:
        """The same, or how the slot has ended, and whether it had begun with what it is told."""
        first = self._without_jobs()
        process = self._slot(first)
        self._send(process, ("describe", module, function))
        key = (module, function)
        deadline = monotonic() + seconds
        for number in range(min(1 + beside, self._count)):
            self._turn(0)
            if key in self._descriptions or self._slots.get(first) is not process:
                break
            if number not in self._slots:
                self._send(self._slot(number), ("describe", module, function))
        while key not in self._descriptions and self._slots.get(first) is process:
            left = deadline - monotonic()
            if left <= 0:
                self._kill(process)
                self._bury(process, told=False)
                return Description(error=f"importing {module} took more than {seconds:g} s")
            self._turn(min(left, _LOOK_EVERY))
            if interrupted():
                self._kill(process)
                raise KeyboardInterrupt
        if key in self._descriptions:
            return self._descriptions[key]
        died = next(
            event
            for event in reversed(self._events)
            if isinstance(event, Died) and event.slot == first
        )
        if not died.unfinished:
            self._events.remove(died)
        return died.code, process.began

    def _without_jobs(self) -> int:
        """The first slot that has nothing to do, be it started or not."""
        for number in range(self._count):
            process = self._slots.get(number)
            if process is None or not (process.unfinished or process.ending):
                return number
        return 0

    def close(self) -> None:
        """Ends all slots; nothing of theirs is left running."""
        for process in self._slots.values():
            self._watch_no_line(process)
            # A slot of another runner may have inherited our end: closing would not be heard.
            with contextlib.suppress(OSError):
                process.line.shutdown(socket.SHUT_RDWR)
            process.line.close()
            if process.unfinished:
                self._kill(process)
        deadline = monotonic() + _GRACE
        for process in self._slots.values():
            process.process.join(max(0.0, deadline - monotonic()))
            if process.process.exitcode is None:
                self._kill(process)
                process.process.join()
        self._end_sessions(*self._slots.values())
        for process in self._slots.values():
            self._release(process)
        self._slots.clear()
        self._selector.close()
        self._table.close()

    # Turns of the loop ------------------------------------------------------------------------

    def _turn(self, seconds: float | None) -> bool:
        """Waits for something to happen, and takes it in; whether something did."""
        found = self._selector.select(seconds)
        for key, mask in found:
            process: _Process | None = key.data
            if key.fd == self._wakeup:
                with contextlib.suppress(BlockingIOError):  # another runner has heard it, too
                    os.read(key.fd, _CHUNK)
            if process is None or self._slots.get(process.number) is not process:
                continue
            if key.fd == process.death:
                self._bury(process, told=True)
            else:
                if mask & selectors.EVENT_WRITE:
                    self._send_on(process)
                if mask & selectors.EVENT_READ:
                    self._receive(process)
        return bool(found)

    def _send(self, process: _Process, message: tuple[Any, ...]) -> None:
        idle = not process.to_send
        process.to_send.append(memoryview(slots.framed(message)))
        if idle:
            self._send_on(process)

    def _send_on(self, process: _Process) -> None:
        """Sends as much as goes; the rest when the slot has read."""
        waiting = process.to_send
        try:
            while waiting:
                sent = process.line.send(waiting[0])
                if sent == len(waiting[0]):
                    waiting.popleft()
                else:
                    waiting[0] = waiting[0][sent:]
        except BlockingIOError:
            pass
        except OSError:  # it is dying: `_bury` will tell
            waiting.clear()
        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if waiting else 0)
        with contextlib.suppress(KeyError):  # it hung up: `_bury` will tell
            self._selector.modify(process.line, mask, process)

    def _hear(self, process: _Process) -> None:
        """Takes in the jobs that a slot has told to have ended."""
        while True:
            try:
                data = os.read(process.reports, _CHUNK)
            except BlockingIOError:
                break
            if not data:
                break
            process.reported += data
        for message in slots.messages_in(process.reported):
            self._take_outcomes(process, message)

    def _receive(self, process: _Process) -> bool:
        """Takes in what a slot has sent; whether there may be more."""
        self._hear(process)  # it was told before
        try:
            data = process.line.recv(_CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._watch_no_line(process)
            return False
        process.arrived += data
        for message in slots.messages_in(process.arrived):
            if message[0] == "described":
                self._descriptions[message[1], message[2]] = slots.description_from(message)
            elif message[0] == "fault":
                _, what, hint = message
                raise FileflowError(what, hint=hint, status=Exit.STATE)
            else:
                self._take_outcomes(process, message)
        return True

    def _take_outcomes(self, process: _Process, message: slots.Message) -> None:
        outcomes = slots.outcomes_from(message)
        if process.taken_back:
            outcomes = self._still_in_hand(process, outcomes)
        for outcome in outcomes:
            process.unfinished.pop(outcome.index, None)
        self._events += outcomes

    @staticmethod
    def _still_in_hand(process: _Process, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Without what the slot leaves that was taken back before."""
        found = []
        for outcome in outcomes:
            if outcome.end is End.LEFT and process.taken_back[outcome.index]:
                process.taken_back[outcome.index] -= 1
            else:
                found.append(outcome)
        return found

    def _watch_no_line(self, process: _Process) -> None:
        """Hears no more of a slot, which may have hung up already."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(process.line)

    # Ends -------------------------------------------------------------------------------------

    def _kill(self, process: _Process) -> None:
        """Kills a slot with all that runs in its sessions."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.process.pid, signal.SIGKILL)

    def _end_sessions(self, *dead: _Process) -> None:
        """Ends what dead slots have left: their commands, and what their functions had started."""
        sessions: dict[int, Born] = {}
        for process in dead:
            entry = self._table.read(process.number)
            sessions |= entry.sessions()
            sessions[process.process.pid] = (entry.ticks, entry.ticks)
        if dead:
            end_sessions(sessions)
            end_marked([slot_mark(self._run, process.number) for process in dead])

    def _bury(self, process: _Process, *, told: bool) -> None:
        """Takes in the last words of a slot that died, ends what it left, and tells of it."""
        number = process.number
        before_it = _peak_of_children()
        process.process.join()
        peak = _peak_of_children()
        while self._receive(process):
            pass
        code = process.process.exitcode
        entry = self._table.read(number)
        self._end_sessions(process)
        index = entry.index if entry.index in process.unfinished else None
        log = self._log_of(process, number)
        process.began = entry.ready
        self._stillborn = 0 if process.began else self._stillborn + 1
        if self._stillborn > _STILLBORN:
            raise FileflowError(
                "processes for jobs cannot be started: each "
                f"{ended_text(code)} before its first job",
                hint="what they said is on stderr",
                status=Exit.STATE,
            )
        before, self._oom_kills = self._oom_kills, _oom_kills()
        if told:
            self._events.append(
                Died(
                    slot=number,
                    index=index,
                    code=code,
                    # Known if it was larger than every process that ended before it.
                    memory=peak if peak > before_it else 0,
                    log=log,
                    unfinished=list(process.unfinished),
                    out_of_memory=code == -signal.SIGKILL and self._oom_kills > before,
                    seconds=0.0 if index is None else monotonic() - entry.started,
                )
            )
        self._watch_no_line(process)
        process.line.close()
        self._release(process)
        del self._slots[number]

    def _log_of(self, process: _Process, number: int) -> tuple[str, int, int]:
        """What the job printed last that a dead process ran under this number, where it is kept."""
        log = f"{STATE}/logs/{self._run}/{number}.log"
        return set_aside(self._root, log, secrets_of(process.hidden, os.environ))

    def _release(self, process: _Process) -> None:
        """Lets go of a slot that has ended, and what it left with it."""
        self._table.vacate(process.number)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(process.death)
        process.let_go()
        process.executor.shutdown(wait=True, kill_workers=True)


_ends: tuple[Connection, Connection] | None = None


def _adopt(line: Connection, reports: Connection, engine: int) -> None:
    """In the new process: keeps its ends of socket and pipe for the task that will serve them.

    It dies with the engine from now on: one that was killed would never hand it that task.
    """
    global _ends
    slots.tie_to_engine(engine, signal.SIGKILL)
    _ends = line, reports


def adopted_ends() -> tuple[int, int]:
    """In the new process: descriptors of its end of the socket, and of the pipe."""
    assert _ends is not None, "bug: the slot has no socket"
    line, reports = _ends
    return os.dup(line.fileno()), os.dup(reports.fileno())


def _serve(post: slots.Post) -> None:
    """The one task of a slot's process."""
    slots.serve(*adopted_ends(), post)


def _descriptors_of(executor: Any) -> Iterator[int]:
    """The descriptors that loky has open for one process; forked ones inherit them."""
    for pipe in (executor._call_queue, executor._result_queue):
        for end in (pipe._reader, pipe._writer):
            with contextlib.suppress(OSError):  # it is closed
                yield end.fileno()


def _death_of(process: Any) -> int:
    """A descriptor that can be read once the process has ended, whoever else it forked."""
    if hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):
            return os.pidfd_open(process.pid)
    return os.dup(process.sentinel)


def _peak_of_children() -> int:
    """The peak memory of the largest process that has ended, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _oom_kills() -> int:
    """How many processes the kernel has killed for lack of memory, as far as can be seen."""
    for path in ("/proc/vmstat", "/sys/fs/cgroup/memory.events"):
        with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
            for line in file:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0


def _ending(code: int) -> str:
    return exit_text(-signal.SIGTERM if code == slots.TERMINATED else code)
