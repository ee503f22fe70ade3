"""What the slots of a run have in hand, in shared memory; and the end of those that outlive it.

Knows process ids, sessions and the folder of stages; nothing of rules or outputs.

The table of a run is a file, `.fileflow/stage/RUN/slots`, with one entry per slot: its process, the
index of the job that it does and since when, where that job's output starts in the log, and the
command that it runs. So a crash has a name, a timeout a beginning, and a later run knows whom to
end. Each slot also holds a shared lock on `.fileflow/slots.lock` as long as it lives.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import signal
import struct
import time
from collections.abc import Callable, Iterable
from functools import partial

from fileflow.errors import Exit, FileflowError
from fileflow.lean import dataclass
from fileflow.world.commands import Born, all_processes, process_facts
from fileflow.world.open_files import open_in
from fileflow.world.staging import remove_run

LOCK = "slots.lock"
SLOT_VARIABLE = "FILEFLOW_SLOT"
TABLE = "slots"
_WHO = struct.Struct("=QQ16s")
_JOB = struct.Struct("=qd")
_COMMAND = struct.Struct("=QQQ")
_DROP = struct.Struct("=q")
_SIZE = 128
_JOB_AT = _WHO.size
_COMMAND_AT = _JOB_AT + _JOB.size
_DROP_AT = _COMMAND_AT + _COMMAND.size
_PATIENCE = 10.0
_NO_JOB = -1
_STARTING = -2


@dataclass(frozen=True, slots=True)
class Entry:
    """One slot as its table tells: 0 is no process, a negative index no job."""

    pid: int
    ticks: int
    boot: bytes
    index: int
    started: float
    command: int
    command_first: int
    command_last: int

    @property
    def ready(self) -> bool:
        """Whether it has come so far that it could do jobs."""
        return self.pid != 0 and self.index != _STARTING

    def sessions(self) -> dict[int, Born]:
        """The sessions of the slot and of its command, with what tells them from later ones."""
        first = self.command_first
        return {
            self.pid: (self.ticks, self.ticks),
            self.command: (first, max(first, self.command_last)),
        }


class SlotTable:
    """The table of a run; the engine reads what each slot writes in its own entry."""

    def __init__(self, path: str, slots: int) -> None:
        """Opens the table at `path`; makes it if it is not there."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Written, not only made long: for a page that the disk has no room for, whoever
            # writes into it in memory would be killed.
            while (size := os.fstat(descriptor).st_size) < slots * _SIZE:
                os.pwrite(descriptor, bytes(slots * _SIZE - size), size)
            self._map = mmap.mmap(descriptor, slots * _SIZE)
        finally:
            os.close(descriptor)

    def enter(self, slot: int) -> None:
        """Writes down that this process is the slot, which is not `ready` yet."""
        facts = process_facts(os.getpid())
        entry = _WHO.pack(os.getpid(), facts[3] if facts else 0, boot_id())
        entry += _JOB.pack(_STARTING, 0.0) + _COMMAND.pack(0, 0, 0)
        self._map[slot * _SIZE : slot * _SIZE + len(entry)] = entry

    def ready(self, slot: int) -> None:
        """Writes down that the slot can do jobs from now on."""
        self.job(slot, _NO_JOB, 0.0)

    def vacate(self, slot: int) -> None:
        """Writes down that the slot has no process and no job."""
        self._map[slot * _SIZE : (slot + 1) * _SIZE] = bytes(_SIZE)
        self.job(slot, _NO_JOB, 0.0)

    def job(self, slot: int, index: int, started: float) -> None:
        """Writes down which job the slot does, and since when."""
        at = slot * _SIZE + _JOB_AT
        self._map[at : at + _JOB.size] = _JOB.pack(index, started)

    def job_writer(self, slot: int) -> Callable[[int, float], None]:
        """The same for one slot: (index, since when); the table cannot be closed any more.

        Each word is put in as a whole: `pack_into` clears the place first, and who reads then would
        find a job that began at the start of time.
        """
        at = slot * _SIZE + _JOB_AT
        words = memoryview(self._map)
        job, since = words[at : at + 8].cast("q"), words[at + 8 : at + 16].cast("d")

        def write(index: int, started: float) -> None:
            since[0] = started
            job[0] = index

        return write

    def command(self, slot: int, pid: int, born: Born) -> None:
        """Writes down which command the slot runs, and when it started; 0 for none."""
        at = slot * _SIZE + _COMMAND_AT
        self._map[at : at + _COMMAND.size] = _COMMAND.pack(pid, *born)

    def drop(self, slot: int, batches: int) -> None:
        """Tells the slot to begin nothing more of its first so many batches."""
        at = slot * _SIZE + _DROP_AT
        self._map[at : at + _DROP.size] = _DROP.pack(batches)

    def drop_reader(self, slot: int) -> Callable[[], int]:
        """Tells the slot, again and again, of how many batches it is to begin nothing more; the
        table cannot be closed any more."""
        at = slot * _SIZE + _DROP_AT
        return partial(memoryview(self._map)[at : at + _DROP.size].cast("q").__getitem__, 0)

    def read(self, slot: int) -> Entry:
        """What the slot's entry says."""
        at = slot * _SIZE
        return Entry(
            *_WHO.unpack_from(self._map, at),
            *_JOB.unpack_from(self._map, at + _JOB_AT),
            *_COMMAND.unpack_from(self._map, at + _COMMAND_AT),
        )

    def close(self) -> None:
        """Lets go of the shared memory."""
        self._map.close()


def boot_id() -> bytes:
    """16 bytes that differ between two starts of this machine; zeros where none are known."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return bytes.fromhex(file.read().strip().replace("-", ""))
    except (OSError, ValueError):
        return bytes(16)


def hold_lock(state_folder: str) -> int:
    """Takes the shared lock of a living slot; the descriptor that holds it."""
    descriptor = _opened(os.path.join(state_folder, LOCK))
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def end_sessions(sessions: dict[int, Born]) -> int:
    """Kills all processes of these sessions (id → when its leader was born); how many.

    A session whose number went to another process since then is left alone.
    """
    wanted = {}
    for session, (first, last) in sessions.items():
        leader = process_facts(session) if session else None
        if session and (leader is None or first <= leader[3] <= last):
            wanted[session] = first

    def is_of_them(pid: int) -> bool:
        facts = process_facts(pid)
        if facts is None or facts[0] in "ZX" or facts[2] not in wanted:
            return False
        return facts[3] >= wanted[facts[2]]

    return _end_all(is_of_them) if wanted else 0


def slot_mark(run: str, slot: int) -> str:
    """What stands in the environment of a slot and of all that it starts, as `SLOT_VARIABLE`."""
    return f"{run}.{slot}"


def end_marked(marks: Iterable[str]) -> int:
    """Kills all processes that carry one of these marks; how many.

    Finds what a slot had started but not yet written down when it was killed.
    """
    wanted = {f"{SLOT_VARIABLE}={mark}".encode() for mark in marks}

    def is_marked(pid: int) -> bool:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                return not wanted.isdisjoint(file.read().split(b"\0"))
        except OSError:
            return False

    return _end_all(is_marked)


def _end_all(is_one: Callable[[int], bool]) -> int:
    ended: set[int] = set()
    for _ in range(5):  # what forks while we look is found by the next look
        before = len(ended)
        for pid in all_processes():
            if pid != os.getpid() and is_one(pid) and _kill(pid):
                ended.add(pid)
        if len(ended) == before:
            break
    return len(ended)


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end_survivors(state_folder: str) -> int:
    """Ends what earlier runs in this folder left running, and removes their stages.

    To be called before a run, by whoever holds the folder. Gives how many processes were ended.

    Raises:
        FileflowError: if a slot of an earlier run cannot be ended, or more of them come.
    """
    stages = os.path.join(state_folder, "stage")
    os.makedirs(stages, exist_ok=True)
    path = os.path.join(state_folder, LOCK)
    descriptor = _opened(path)
    try:
        ended = end_sessions(_listed(stages))
        deadline = time.monotonic() + _PATIENCE
        while not _locked(descriptor):
            ended += sum(_kill(pid) for pid in _holders(descriptor))
            if time.monotonic() > deadline:
                raise FileflowError(
                    "a process of an earlier run is still there and cannot be ended",
                    hint=f"it has {path} open: end it, then run again",
                    status=Exit.STATE,
                )
            time.sleep(0.002)
        for run in os.listdir(stages):
            folder = os.path.join(stages, run)
            if not remove_run(folder):
                # Its slots are dead: only an engine that goes on without its lock makes new ones.
                raise FileflowError(
                    f"another run still works in {folder}, though {state_folder}/lock was removed",
                    hint="run again when it has ended",
                    status=Exit.STATE,
                )
    finally:
        os.close(descriptor)
    return ended


def _opened(path: str) -> int:
    # It stays: the next run may be somebody else's, as the umask has it.
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _listed(stages: str) -> dict[int, Born]:
    """The sessions of all slots and commands in the tables of earlier runs."""
    sessions: dict[int, Born] = {}
    boot = boot_id()
    for run in os.listdir(stages):
        path = os.path.join(stages, run, TABLE)
        try:
            slots = os.path.getsize(path) // _SIZE
            table = SlotTable(path, slots)
        except (OSError, ValueError):
            continue
        for slot in range(slots):
            entry = table.read(slot)
            if entry.boot == boot:
                sessions |= entry.sessions()
        table.close()
    return sessions


def _holders(descriptor: int) -> list[int]:
    """Who else has the locked file open: slots, and what they forked."""
    own, wanted = os.getpid(), os.fstat(descriptor)
    return [
        pid
        for pid in all_processes()
        if pid != own and any(os.path.samestat(facts, wanted) for _, facts in open_in(pid))
    ]
