"""What runs in a slot process, and how batches come to it and outcomes leave it.

Knows the socket to the engine, the process it is, and that there is something that does jobs.
Knows nothing of schedules, records, or of other slots. Messages are plain tuples, marshalled, each
after its length in four bytes; a first word says what it is.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import marshal
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Collection, Iterator, Sequence
from time import monotonic
from typing import Any

from fileflow.errors import FileflowError, Stopped
from fileflow.lean import dataclass, names_of, values_of
from fileflow.model.ports import Parameter
from fileflow.model.work import Batch, End, Order, Outcome, SharedList, Work
from fileflow.world import commands, survivors
from fileflow.world.actions import Doer
from fileflow.world.faults import faults_told
from fileflow.world.forks import Handler, handle
from fileflow.world.functions import Description, describe
from fileflow.world.modules import load_from_sources
from fileflow.world.open_files import limit_to
from fileflow.world.staging import STATE, Stage
from fileflow.world.surroundings import OwnProcess

_LENGTH = 4
_FLUSH_AFTER = 0.05
_BROKEN = 70
# How a slot ends that got a SIGTERM, from the engine or anybody else, and had time to put away all.
TERMINATED = 128 + signal.SIGTERM
_HEAP_BLOCK = 4 << 20

Message = tuple[Any, ...]


# Messages --------------------------------------------------------------------------------------


def framed(message: Message) -> bytes:
    """A message as it goes over the socket."""
    data = marshal.dumps(message)
    return len(data).to_bytes(_LENGTH, "big") + data


def messages_in(buffer: bytearray) -> list[Message]:
    """Takes the whole messages out of what has arrived."""
    found = []
    at = 0
    while len(buffer) - at >= _LENGTH:
        length = int.from_bytes(buffer[at : at + _LENGTH], "big")
        if len(buffer) - at - _LENGTH < length:
            break
        found.append(marshal.loads(memoryview(buffer)[at + _LENGTH : at + _LENGTH + length]))
        at += _LENGTH + length
    del buffer[:at]
    return found


def batch_message(batch: Batch, *, with_work: bool) -> Message:
    """A batch as plain tuples; the rule's work goes along unless the slot has it."""
    orders = [
        (
            order.index,
            order.attempt,
            order.items,
            order.checks,
            order.outputs,
            order.output_items,
            order.words,
            order.values,
            order.seed,
            order.extra_env,
            order.logs,
            order.files,
            order.scatter,
            order.looks,
        )
        for order in batch.orders
    ]
    work = values_of(batch.work) if with_work else None
    lists = {number: (_packed(paths), *known) for number, (paths, *known) in batch.lists.items()}
    return ("batch", batch.work.key, work, orders, lists, batch.halts, batch.seen)


def _packed(paths: list[str]) -> str | list[str]:
    """Paths as one text with NUL between them: a text crosses in a tenth of the time of many."""
    text = "\0".join(paths)
    return text if paths and text.count("\0") == len(paths) - 1 else paths


def lists_from(message: dict[int, Any]) -> dict[int, SharedList]:
    """The lists of inputs in a `batch` message."""
    return {
        number: (paths.split("\0") if isinstance(paths, str) else paths, signs, digests)
        for number, (paths, signs, digests) in message.items()
    }


def work_from(fields: Sequence[Any]) -> Work:
    """A rule's work, from the fields that came."""
    return Work(**dict(zip(names_of(Work), fields, strict=True)))


def plain(outcome: Outcome) -> Message:
    """An outcome as a plain tuple."""
    return (
        outcome.index,
        outcome.end._value_,  # a tenth of the time of `value`
        outcome.started,
        outcome.seconds,
        outcome.cpu,
        outcome.memory,
        outcome.log,
        outcome.outputs,
        outcome.learned,
        outcome.lists,
        outcome.message,
        outcome.traceback,
        outcome.notes,
        outcome.found,
        outcome.named,
    )


def outcomes_from(message: Message) -> list[Outcome]:
    """The outcomes in a `done` message."""
    return [Outcome(fields[0], _ENDS[fields[1]], *fields[2:]) for fields in message[1]]


_ENDS = {end.value: end for end in End}


def _told(found: Description) -> Message:
    parameters = tuple(map(values_of, found.parameters))
    return (parameters, found.is_async, found.is_generator, found.error)


def description_from(message: Message) -> Description:
    """The description in a `described` message."""
    parameters, is_async, is_generator, error = message[3]
    return Description(
        tuple(Parameter(*fields) for fields in parameters), is_async, is_generator, error
    )


# The process -----------------------------------------------------------------------------------


def become_slot(root: str, engine: int, on_term: Handler | None = None) -> None:
    """Makes this process a slot: a session of its own that dies with the engine, in the folder."""
    with contextlib.suppress(PermissionError):  # it leads a session already
        os.setsid()
    os.chdir(root)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("HUP", "QUIT", "TSTP", "CHLD", "USR1", "USR2", "ALRM", "TERM"):
        signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_DFL)
    if on_term is not None:
        handle(signal.SIGTERM, on_term)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    commands.adopt_orphans()
    tie_to_engine(engine, signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    load_from_sources(root)


def tie_to_engine(engine: int, by: int) -> None:
    """Dies with the engine from now on; at once if it is dead already."""
    commands.die_with_parent(by)
    if os.getppid() != engine:
        os._exit(1)


class _Leave(BaseException):
    """Ends a slot that waits for work."""


@dataclass(frozen=True)
class Post:
    """What the process of a slot is told at its start."""

    root: str
    """The Workflowfile's folder."""
    run: str
    """Id of the run."""
    slot: int
    """Its number."""
    slots: int
    """How many entries the table of slots has."""
    engine: int
    """Process id of the engine; the slot dies with it."""
    strangers: Sequence[int]
    """Descriptors that it inherited and that are not its own."""
    open_files: int | None
    """The limit on open files that jobs are to see; None if it is the engine's."""
    import_cores: int
    """How many cores libraries are told of that ask while they are imported."""


class _Slot:
    """One slot: reads messages, does jobs, answers."""

    def __init__(self, line: socket.socket, reports: int, post: Post) -> None:
        run, slot, engine = post.run, post.slot, post.engine
        self._line = line
        self._engine = engine
        self._starting = True
        self._waiting = False
        self._command = 0
        self._reports = reports
        self._block: list[Message] = []
        self._unheard = False
        self._flushed = monotonic()
        become_slot(post.root, engine, self._on_term)
        os.environ[survivors.SLOT_VARIABLE] = survivors.slot_mark(run, slot)
        self._number = slot
        self._table = survivors.SlotTable(f"{STATE}/stage/{run}/{survivors.TABLE}", post.slots)
        self._table.enter(slot)
        self._dropped = self._table.drop_reader(slot)
        self._names = self._table.job_writer(slot)
        self._batches = 0
        self._unwell = 0
        log = f"{STATE}/logs/{run}/{slot}.log"
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        faulthandler.enable(file=descriptor)
        self._lock = survivors.hold_lock(STATE)
        self._around = OwnProcess(descriptor, post.import_cores)
        self._doer = Doer(
            Stage(run, slot),
            self._around,
            log,
            on_job=self._names,
            on_command=self._on_command,
        )
        # glibc takes what is at least as large as this from its heap from now on; else each buffer
        # for reading a file would be mapped, and unmapped again.
        bytes(_HEAP_BLOCK)
        gc.freeze()
        self._starting = False
        self._table.ready(slot)

    def _on_command(self, pid: int, born: commands.Born) -> None:
        self._command = pid
        self._table.command(self._number, pid, born)
        if pid and self._doer.stopping:
            self._end_command()
        # What is done need not wait for a command that takes its time.
        if pid and self._unheard:
            left = _FLUSH_AFTER - (monotonic() - self._flushed)
            if left <= 0 or not commands.ended_within(pid, left):
                self._flush()

    def _end_command(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._command, signal.SIGTERM)
            os.killpg(self._command, signal.SIGCONT)

    def _on_term(self, number: int, frame: object) -> None:
        """The engine is gone, or wants the job ended."""
        if os.getppid() != self._engine:
            commands.end_children(self._command)
            os._exit(128 + number)
        if self._starting:
            os._exit(0)  # it has nothing in hand, and nothing that could be put away
        if self._waiting:
            raise _Leave
        doer = self._doer
        first = not doer.stopping
        doer.stopping = True
        if self._command:
            self._end_command()
        elif doer.acting and first:
            raise Stopped

    def serve(self) -> int:
        """Does what it is told until the engine hangs up, or asks for the end of a job.

        Gives the exit status.
        """
        buffer = bytearray()
        try:
            while not self._doer.stopping and not self._around.is_spoiled:
                self._waiting = True
                data = self._line.recv(1 << 20)
                self._waiting = False
                if not data:
                    return 0
                buffer += data
                for message in messages_in(buffer):
                    self._answer(message)
        except ConnectionError:
            return 0
        except _Leave:
            return TERMINATED
        return TERMINATED if self._doer.stopping else 0

    def _answer(self, message: Message) -> None:
        if self._doer.stopping or self._around.is_spoiled:
            return
        if message[0] == "describe":
            self._describe(message[1], message[2])
        else:
            self._do_batch(*message[1:])

    def _describe(self, module: str, function: str) -> None:
        with self._around.loading(None):
            found = describe(module, function)
        self._line.sendall(framed(("described", module, function, _told(found))))

    def _do_batch(
        self,
        key: int,
        work: Sequence[Any] | None,
        orders: list[Message],
        lists: dict[int, Any],
        halts: bool,
        seen: int,
    ) -> None:
        doer, names, dropped = self._doer, self._names, self._dropped
        self._batches = number = self._batches + 1
        if work is not None:
            doer.learn(work_from(work))
        if lists:
            doer.share(lists_from(lists))
        by = signal.SIGTERM if doer.is_command(key) else signal.SIGKILL
        tie_to_engine(self._engine, by)
        for fields in orders:
            # Named before it asks whether it may: who takes back what has not begun
            # (`Processes.take_back`) asks the other way round, so that one of the two sees.
            names(fields[0], 0.0)
            if (halts and seen < self._unwell) or dropped() >= number:
                names(-1, 0.0)
                self._report(Outcome(fields[0], End.LEFT))
                continue
            outcome = doer.do(key, Order(*fields))  # may flush the block before it ends
            if outcome.end is not End.DONE:
                self._unwell += 1
            self._report(outcome)
            if doer.stopping or self._around.is_spoiled:
                break
            if monotonic() - self._flushed > _FLUSH_AFTER:
                self._flush()
        self._flush()

    def _report(self, outcome: Outcome) -> None:
        """Tells the engine that a job has ended, for it to hear when it likes; what cannot be put
        into the pipe as a whole waits for `_flush`, and all that follows it."""
        self._unheard = True
        fields = plain(outcome)
        if not self._block:
            message = framed(("done", (fields,)))
            try:  # in a form that costs no call where all goes well
                if len(message) <= select.PIPE_BUF:
                    os.write(self._reports, message)
                    return
            except BlockingIOError:
                pass
        self._block.append(fields)

    def _flush(self) -> None:
        """Lets the engine hear what was told."""
        if self._unheard:
            self._line.sendall(framed(("done", self._block)))
            self._block = []
            self._unheard = False
        self._flushed = monotonic()


@contextlib.contextmanager
def faults_sent(line: socket.socket) -> Iterator[None]:
    """Tells the engine if the disk or the state folder is why the slot cannot go on."""
    try:
        with faults_told():
            yield
    except FileflowError as fault:
        with contextlib.suppress(OSError):  # another slot has said it
            line.setblocking(True)
            line.sendall(framed(("fault", fault.what, fault.hint)))


def let_go(own: Collection[int], strangers: Sequence[int]) -> None:
    """Closes what only the engine is to have open.

    Args:
        own: descriptors of the slot's ends of socket and pipe.
        strangers: descriptors that it inherited and that are not its own.
    """
    # One that was closed at the fork, as a lock is, may have left its number to one of its own.
    for descriptor in {*strangers}.difference(own):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def serve(line: int, reports: int, post: Post) -> None:
    """What a slot process does from its start to its end.

    Args:
        line: descriptor of its end of the socket.
        reports: descriptor of its end of the pipe.
        post: what it is told.
    """
    let_go((line, reports), post.strangers)
    if post.open_files is not None:
        limit_to(post.open_files)
    code = _BROKEN
    try:
        with socket.socket(fileno=line) as end, faults_sent(end):
            code = _Slot(end, reports, post).serve()
    except BaseException:
        traceback.print_exc()
    finally:
        # No clean-up of the interpreter: what a job left in it (threads, exit handlers) ends here.
        os._exit(code)
