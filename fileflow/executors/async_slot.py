"""What runs in the process of the event loop: many jobs at once, a task each.

Knows the socket to the engine and that there is something that does jobs. Knows nothing of
schedules, records, or of how many jobs may run at once. Each job has a lane: a staging folder and
a log, which serve one job after the other.

Working folder, environment and generators are shared by all jobs. What a task does between two of
its waits is a step; around each step it is looked whether a global generator moved, and the CPU
time is taken, so that both are known for each job.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import faulthandler
import gc
import inspect
import os
import resource
import socket
import sys
import traceback
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from time import monotonic, thread_time
from typing import Any, TextIO
from weakref import WeakSet

from fileflow.cpus import CORES_VARIABLE, cores_of_job
from fileflow.errors import counted
from fileflow.executors.slot import (
    Post,
    become_slot,
    faults_sent,
    framed,
    let_go,
    lists_from,
    messages_in,
    plain,
    work_from,
)
from fileflow.model.work import End, Order, Outcome, SharedList, Work
from fileflow.world import survivors
from fileflow.world.actions import Doer
from fileflow.world.commands import THREADS
from fileflow.world.forks import end_if_forked, this_process
from fileflow.world.functions import finish
from fileflow.world.open_files import make_room
from fileflow.world.seeding import GlobalGenerators
from fileflow.world.staging import STATE, Stage
from fileflow.world.surroundings import Log, Notes, SharedStream, Variables, text_stream

_BROKEN = 70
_MOST_FILES = 65536
# How long tasks that a job left running may take to end once they are cancelled.
_GRACE = 1.0
_MEMORY_UNIT = 1024 if sys.platform == "linux" else 1

_lane: contextvars.ContextVar[Lane | None] = contextvars.ContextVar("fileflow_lane", default=None)


class _PerJob(SharedStream):
    """Leads what a job prints to its log, all else to the process's."""

    def __init__(self, other: TextIO) -> None:
        self._other = other

    def _here(self) -> TextIO:
        lane = _lane.get()
        return self._other if lane is None else lane.around.log.stream


class _Watch:
    """Which jobs draw from the global generators."""

    def __init__(self) -> None:
        self._generators = GlobalGenerators()
        self._states = self._generators.states()

    def moved(self) -> list[str]:
        """The generators that moved since the last call."""
        found = self._generators.moved_since(self._states)
        if found:
            self._states = self._generators.states()
        return found


class _OnLoop:
    """What is around the actions of one lane; a body of `Surroundings`.

    `drew` names the global generators that the job drew from, `cpu` is the time of all its steps.
    """

    def __init__(self, log: str, watch: _Watch, folder: int) -> None:
        self.log = Log(log)
        self.drew: set[str] = set()
        self.cpu = 0.0
        self.step_began = 0.0
        self._watch = watch
        self._folder = folder

    def loading(self, work: Work | None) -> contextlib.AbstractContextManager[None]:
        """Nothing is put back: what modules set stays anyway."""
        return contextlib.nullcontext()

    def enter(self, work: Work, seed: int, extra: Variables = ()) -> None:
        """From here on draws count."""
        self._watch.moved()
        self.drew.clear()
        cores_of_job.set(max(1, work.cores))

    def leave(self, notes: Notes, unfinished: Callable[[], None]) -> list[str]:
        """The global generators that it drew from."""
        self.drew.update(self._watch.moved())
        os.fchdir(self._folder)
        return sorted(self.drew)

    def mark(self) -> int:
        """The length of the log after all that was printed."""
        return self.log.mark()

    def used(self) -> tuple[float, int]:
        """CPU seconds of this lane so far, and the process's peak of memory in bytes."""
        cpu = self.cpu + (thread_time() - self.step_began if self.step_began else 0.0)
        return cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MEMORY_UNIT

    def close(self) -> None:
        """Closes the log."""
        self.log.close()


class _AsyncDoer(Doer):
    """Does the jobs of one lane."""

    lane: Lane

    async def _end_of(self, answer: object) -> None:
        """Awaits what the function returned, then ends the tasks that it left running."""
        if not inspect.isawaitable(answer):
            finish(answer)
            return
        try:
            await answer
        finally:
            await self.lane.end_tasks()


class Lane:
    """One place for a job: its folder, its log, its task."""

    def __init__(self, owner: _Loop, number: int, around: _OnLoop, doer: _AsyncDoer) -> None:
        self.number = number
        self.around = around
        self.doer = doer
        self.waiting: deque[tuple[int, Order]] = deque()
        self.order: Order | None = None
        self.task: asyncio.Task[Outcome] | None = None
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        self.left = 0
        self._owner = owner

    def start(self, key: int, order: Order) -> None:
        """Starts a job in a context of its own."""
        self.order = order
        self.doer.stopping = False
        self.left = 0
        self.tasks.clear()
        context = contextvars.copy_context()
        context.run(_lane.set, self)
        self.task = context.run(asyncio.ensure_future, self.doer.doing(key, order))
        self.tasks.discard(self.task)
        self.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Outcome]) -> None:
        order = self.order
        assert order is not None, "bug: a task without a job has ended"
        if task.cancelled():  # before its first step
            outcome = Outcome(order.index, End.STOPPED, message="stopped")
        elif error := task.exception():
            text = "".join(traceback.format_exception(error))
            outcome = Outcome(order.index, End.FAILED, message=text)
        else:
            outcome = task.result()
        if self.left:
            many = f"left {counted(self.left, 'task')} running; cancelled"
            outcome.notes = [*outcome.notes, ("tasks", many)]
        self.order = self.task = None
        self._owner.told(self, outcome)

    async def end_tasks(self) -> None:
        """Cancels the tasks that the function started and did not wait for."""
        here = asyncio.current_task()
        left = [task for task in self.tasks if not task.done() and task is not here]
        if not left:
            return
        self.left = len(left)
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_GRACE)

    def cancel(self) -> list[Outcome]:
        """Ends the job at its next wait; the outcomes of those that had not begun."""
        dropped = [
            Outcome(order.index, End.STOPPED, message="stopped") for _, order in self.waiting
        ]
        self.waiting.clear()
        if self.task is not None:
            self.doer.stopping = True
            self.task.cancel()
        return dropped


class _Steps(Coroutine[Any, Any, Any]):
    """A coroutine of a job's task that tells its lane of each step."""

    def __init__(self, owner: _Loop, lane: Lane, inner: Coroutine[Any, Any, Any]) -> None:
        self._owner = owner
        self._lane = lane
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def send(self, value: Any) -> Any:
        """One step."""
        self._owner.before_step(self._lane)
        try:
            return self._inner.send(value)
        except SystemExit as error:  # else it would end the loop
            raise RuntimeError(f"a task called sys.exit({error.code!r})") from error
        finally:
            self._owner.after_step(self._lane)

    def throw(self, *error: Any) -> Any:
        """One step, which begins with an error."""
        self._owner.before_step(self._lane)
        try:
            return self._inner.throw(*error)
        finally:
            self._owner.after_step(self._lane)

    def close(self) -> None:
        """Ends the coroutine."""
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()


class _Loop:
    """The event loop's process: reads messages, starts tasks, answers."""

    def __init__(self, line: socket.socket, post: Post) -> None:
        self._line = line
        self._run = post.run
        self._process = this_process()
        become_slot(post.root, post.engine)
        table = f"{STATE}/stage/{post.run}/{survivors.TABLE}"
        self._table = survivors.SlotTable(table, post.slots)
        self._table.enter(0)
        self._slots = post.slots
        self._lock = survivors.hold_lock(STATE)
        self._folder = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
        self._prepare_process()
        self._watch = _Watch()
        self._works: dict[int, Work] = {}
        self._known: dict[int, set[int]] = {}
        self._lists: dict[int, SharedList] = {}
        self._lanes: dict[int, Lane] = {}
        self._buffer = bytearray()
        self._block: list[tuple[Any, ...]] = []
        self._loop: asyncio.AbstractEventLoop
        self._done: asyncio.Event
        self._fault: OSError | None = None
        gc.freeze()
        self._table.ready(0)

    def _prepare_process(self) -> None:
        log = f"{STATE}/logs/{self._run}/0.log"
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        faulthandler.enable(file=descriptor)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        vars(sys).update(stdout=_PerJob(text_stream(1)), stderr=_PerJob(text_stream(2)))
        os.environ.setdefault("PYTHONHASHSEED", "0")
        os.environ[CORES_VARIABLE] = "1"
        for name in THREADS:
            os.environ.setdefault(name, "1")
        with contextlib.suppress(OSError, ValueError):
            make_room(_MOST_FILES)

    async def serve(self) -> None:
        """Does what it is told until the engine hangs up.

        Raises:
            OSError: if there is no place for a job.
        """
        self._loop = loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        loop.set_task_factory(self._new_task)
        loop.add_reader(self._line, self._read)
        await self._done.wait()
        if self._fault is not None:
            raise self._fault

    def _new_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **said: Any
    ) -> asyncio.Task[Any]:
        lane = _lane.get()
        if lane is None:
            return asyncio.Task(coroutine, loop=loop, **said)
        task = asyncio.Task(_Steps(self, lane, coroutine), loop=loop, **said)
        lane.tasks.add(task)
        return task

    # Messages ---------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            self._take_in()
        except OSError as error:  # a full disk: an event loop would only write it down
            self._fault = error
            self._done.set()

    def _take_in(self) -> None:
        try:
            data = self._line.recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._line)
            self._done.set()
            return
        self._buffer += data
        for message in messages_in(self._buffer):
            if message[0] == "cancel":
                lane = self._lanes.get(message[1])
                for outcome in lane.cancel() if lane is not None else ():
                    self._tell(outcome)
            else:
                self._take(*message[1:])

    def _take(
        self,
        number: int,
        key: int,
        work: Sequence[Any] | None,
        orders: list[tuple[Any, ...]],
        lists: dict[int, Any],
        *_halts: object,  # a batch is one job here
    ) -> None:
        if work is not None:
            self._works[key] = work_from(work)
        self._lists.update(lists_from(lists))
        lane = self._lanes.get(number) or self._new_lane(number)
        known = self._known[number]
        if key not in known:
            lane.doer.learn(self._works[key])
            known.add(key)
        for fields in orders:
            order = Order(*fields)
            named = {n for n in (*order.checks, *order.items) if type(n) is int}
            lane.doer.share({number: self._lists[number] for number in named})
            lane.waiting.append((key, order))
        self._start_next(lane)

    def _new_lane(self, number: int) -> Lane:
        slot = number + 1
        log = f"{STATE}/logs/{self._run}/{slot}.log"
        around = _OnLoop(log, self._watch, self._folder)

        def on_job(index: int, started: float) -> None:
            self._table.job(slot, index, started)

        doer = _AsyncDoer(Stage(self._run, slot), around, log, on_job=on_job)
        lane = doer.lane = self._lanes[number] = Lane(self, number, around, doer)
        self._known[number] = set()
        return lane

    def _start_next(self, lane: Lane) -> None:
        if lane.task is None and lane.waiting:
            lane.start(*lane.waiting.popleft())

    def told(self, lane: Lane, outcome: Outcome) -> None:
        """A lane's job has ended."""
        self._tell(outcome)
        self._start_next(lane)

    def _tell(self, outcome: Outcome) -> None:
        if not self._block:
            self._loop.call_soon(self._flush)
        self._block.append(plain(outcome))

    def _flush(self) -> None:
        block, self._block = self._block, []
        try:
            self._line.sendall(framed(("done", block)))
        except OSError:
            self._done.set()

    # Steps ------------------------------------------------------------------------------------

    def before_step(self, lane: Lane) -> None:
        """A task of a job goes on; what moved meanwhile was moved by nobody knows whom."""
        for name in self._watch.moved():
            for other in self._lanes.values():
                if other.task is not None:
                    other.around.drew.add(name)
        index = lane.order.index if lane.order is not None else -1
        self._table.job(0, index, monotonic())
        lane.around.step_began = thread_time()

    def after_step(self, lane: Lane) -> None:
        """A task of a job waits, or has ended; not one that a job forked: it is nobody's loop."""
        end_if_forked(self._process)
        around = lane.around
        around.cpu += thread_time() - around.step_began
        around.step_began = 0.0
        around.drew.update(self._watch.moved())
        self._table.job(0, -1, 0.0)


def serve(line: int, post: Post) -> None:
    """What the process of the event loop does from its start to its end.

    Args:
        line: descriptor of its end of the socket.
        post: what it is told; in the table of slots the first entry is the process, then the lanes.
    """
    let_go((line,), post.strangers)
    code = _BROKEN
    try:
        with socket.socket(fileno=line) as end, faults_sent(end):
            end.setblocking(True)
            asyncio.run(_Loop(end, post).serve())
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        # No clean-up of the interpreter: what a job left in it (threads, exit handlers) ends here.
        os._exit(code)
