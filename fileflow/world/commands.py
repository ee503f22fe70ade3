"""Runs one command in a session of its own, and leaves none of its processes behind.

Knows processes, signals and words; nothing of rules, outputs or slots.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from fileflow.language.bash import Redirection
from fileflow.lean import dataclass
from fileflow.world.forks import was_written
from fileflow.world.functions import UnfitError
from fileflow.world.open_files import written_by

LONGEST_TEXT = 100_000
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_SHELLS = {"bash", "sh", "dash", "zsh", "ksh", "mksh", "ash"}
_LINUX = sys.platform == "linux"
_MEMORY_UNIT = 1024 if _LINUX else 1
_MOMENT = 0.2
_LONGEST_PAUSE = 0.02
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# What a slot or Python itself ignores and a command must not inherit as ignored.
_NEVER_IGNORED = {
    getattr(signal, name)
    for name in ("SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM", "SIGPIPE", "SIGXFSZ", "SIGCHLD")
    if hasattr(signal, name)
}
# What is not ignored starts as the default anyway; glibc asks twice about each that is not named.
_DEFAULTED = [
    number
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    if number in _NEVER_IGNORED or signal.getsignal(number) is not signal.SIG_IGN
]
_prctl = ctypes.CDLL(None).prctl if _LINUX else None
_OPENED = {
    "<": os.O_RDONLY,
    ">": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    ">>": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
}


def die_with_parent(by: int) -> None:
    """Asks the kernel to send this process the signal `by` when its parent ends (Linux)."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, int(by), 0, 0, 0)


def adopt_orphans() -> None:
    """Makes this process the parent of descendants whose own parent has ended (Linux)."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


Born = tuple[int, int]
"""The first and the last clock tick in which a process may have started, as `process_facts` has it.
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: exit status (negative: signal), CPU seconds, peak bytes, left behind."""

    code: int
    cpu: float
    memory: int
    left: int


def run(
    words: Sequence[str],
    environ: Mapping[bytes, bytes],
    started: Callable[[int, Born], None],
    made: Callable[[], Sequence[str]] = tuple,
    redirections: Sequence[Redirection] = (),
) -> Ran:
    """Runs a command to its end; whatever it leaves running is killed.

    Its streams are this process's but for the redirections. `started` is told its process id, which
    is its session too, and when it was born; the same again if what it left is waited for. `made`
    says where its outputs lie: what still writes there is part of the command.

    Raises:
        UnfitError: if it cannot be started.
    """
    program = _program(words[0], environ)
    before = _ticks()
    try:
        pid = os.posix_spawn(
            program,
            list(words),
            environ,
            file_actions=[_file_action(*one) for one in redirections],
            setsid=True,
            setsigmask=(),
            setsigdef=_DEFAULTED,
        )
    except OSError as error:
        raise UnfitError(_cannot_start(words, error)) from None
    except ValueError as error:
        raise UnfitError(f"cannot start {words[0]}: {error}") from None
    born = _born(pid, before)
    alone = False
    try:
        started(pid, born)
        _, status, used = os.wait4(pid, 0)
        if not status:
            alone = _let_end(pid, made, lambda: started(pid, born))
    finally:
        left = 0 if alone else end_children(pid)
        started(0, (0, 0))
    return Ran(
        os.waitstatus_to_exitcode(status),
        used.ru_utime + used.ru_stime,
        used.ru_maxrss * _MEMORY_UNIT,
        left,
    )


def _file_action(descriptor: int, sign: str, where: str) -> tuple[Any, ...]:
    if sign == ">&":
        return (os.POSIX_SPAWN_DUP2, int(where), descriptor)
    return (os.POSIX_SPAWN_OPEN, descriptor, where, _OPENED[sign], 0o666)


def _program(word: str, environ: Mapping[bytes, bytes]) -> str:
    if "/" in word:
        return word
    path = environ.get(b"PATH", b"")
    key = (word, path)
    found = _found.get(key)
    if found is None:
        found = shutil.which(word, path=os.fsdecode(path) if b"PATH" in environ else os.defpath)
        if found is None:
            raise UnfitError(f"the command {word!r} was not found on the PATH")
        _found[key] = found
    return found


_found: dict[tuple[str, bytes], str] = {}


def _cannot_start(words: Sequence[str], error: OSError) -> str:
    if error.errno == errno.E2BIG:
        size = sum(len(os.fsencode(word)) + 1 for word in words)
        return (
            f"the words of the command are too long for the operating system ({size:,} bytes in "
            f"{len(words):,} words): hand over a file that lists them, {{input:file}}"
        )
    if error.errno == errno.ENOEXEC:
        return f"cannot start {words[0]}: it is no program, and has no first line '#!…'"
    if error.errno == errno.ENOENT and os.path.exists(words[0]):
        return f"cannot start {words[0]}: the program that its first line names is not there"
    return f"cannot start {words[0]}: {error.strerror}"


def text_in_file(words: Sequence[str], path: str) -> list[str]:
    """The words of a shell whose text is too long for one word, once the text is in a file.

    A shell reads it with `.`, so that `$0` and all else is as with `-c`; any other program gets
    the file in place of `-c TEXT`.
    """
    *before, flag, text = words
    if flag != "-c":
        return [*before, flag, text]
    if any(os.path.basename(word) in _SHELLS for word in before):
        return [*before, "-c", f". ./{path}"]
    return [*before, path]


# Processes left behind -------------------------------------------------------------------------


def end_children(session: int = 0, spared: Sequence[int] = ()) -> int:
    """Kills and reaps all children of this process but `spared`; how many were still running.

    None of them sees another one end, on which a shell would go on with its next line: all are
    stopped first. `session` is a process group, which is reached even where its members have left
    their parents. Needs `adopt_orphans` to reach others that have.
    """
    ended: set[int] = set()
    out_of_reach = set(spared)
    _signal_group(session, signal.SIGSTOP)
    for _ in range(1000):
        if not out_of_reach:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid:
                continue
        living = [pid for pid in children_of(os.getpid()) if pid not in out_of_reach]
        if not living:
            break
        found = [pid for child in living for pid in (child, *descendants_of(child))]
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGSTOP)
        for pid in found:
            try:
                if _end(pid):
                    ended.add(pid)
            except PermissionError:
                out_of_reach.add(pid)
        for child in living:
            if child not in out_of_reach:
                _reap(child)
    _signal_group(session, signal.SIGKILL)
    return len(ended)


def signal_children(number: int, spared: Collection[int]) -> bool:
    """Sends a signal to the children of this process, and to theirs, but for `spared`; whether
    there are any.

    Who leads a session of its own is not meant: slots do, and die with the engine.
    """
    found = False
    for child in children_of(os.getpid()):
        facts = process_facts(child)
        if child in spared or facts is None or facts[0] in "ZX" or facts[2] == child:
            continue
        found = True
        for pid in (*descendants_of(child), child):
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                continue
    return found


def end_signalled(spared: Collection[int], seconds: float) -> None:
    """Waits for children that were sent a signal, so long at most; kills those that are left."""
    deadline = time.monotonic() + seconds
    while signal_children(0, spared) and time.monotonic() < deadline:
        time.sleep(0.02)
    signal_children(signal.SIGKILL, spared)


def _let_end(session: int, made: Callable[[], Sequence[str]], waits: Callable[[], None]) -> bool:
    """Waits for what a command that ended well has left in its session; whether none are left.

    `waits` is called if there is something to wait for.

    A shell does not wait for `>(…)` and `<(…)`. They get a moment, and all the time they need while
    they have a file open for writing among what the command makes: killed, they would leave a part
    of an output that looks like all of it.
    """
    until = time.monotonic() + _MOMENT
    pause = 0.0
    places: list[str] = []
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        running = [pid for pid in descendants_of(os.getpid()) if _runs_in(pid, session)]
        if not running:
            return False
        if not pause:
            waits()
        if time.monotonic() > until:
            places = places or [os.path.realpath(path) for path in made()]
            if not any(True for pid in running for _ in _writes(pid, places)):
                return False
        time.sleep(pause)
        pause = min(pause + 0.001, _LONGEST_PAUSE)


Processes = Callable[[], Iterable[int]]
"""Gives the ids of processes, as they are now."""


def own_processes() -> list[int]:
    """Those that this process has started, and theirs."""
    return descendants_of(os.getpid())


def wait_for_writers(
    made: Sequence[str], until: Callable[[], bool], among: Processes = own_processes
) -> bool:
    """Waits while a process has one of these files open for writing, or one below these folders;
    no longer than `until` something is so. Whether none has any more.

    What was forked holds what was open then, and may wait for ever for something to do: only what
    it opened itself counts.
    """
    places = [os.path.realpath(path) for path in made]
    own = os.getpid()
    words = _words_of(own)
    pause = 0.0
    while any(
        not (was_written(facts) and _words_of(pid) == words)
        for pid in among()
        if pid != own
        for _, facts in _writes(pid, places)
    ):
        if until():
            return False
        time.sleep(pause)
        pause = min(pause + 0.001, _LONGEST_PAUSE)
    if pause:  # it may have been ended by the signal of which this process is still to hear
        time.sleep(_LONGEST_PAUSE)
    return not pause or not until()


def _words_of(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def written(made: Sequence[str], among: Iterable[int]) -> str:
    """Which of these files a process has open for writing, or which below these folders; empty if
    none."""
    places = [os.path.realpath(path) for path in made]
    return next((path for pid in among for path, _ in _writes(pid, places)), "")


def _runs_in(pid: int, session: int) -> bool:
    facts = process_facts(pid)
    return facts is not None and facts[0] not in "ZX" and facts[2] == session


def _writes(pid: int, places: Sequence[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Which of these files, or below these folders, a process has open for writing."""
    for path, facts in written_by(pid):
        if any(path == place or path.startswith(f"{place}/") for place in places):
            yield path, facts


def _reap(child: int) -> None:
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        return


def _signal_group(group: int, number: int) -> None:
    """Sends a signal to a process group, if there is one."""
    if group:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def _end(pid: int) -> bool:
    """Kills a process; whether there was one to kill."""
    facts = process_facts(pid)
    if facts is None or facts[0] in "ZX":
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def process_facts(pid: int) -> tuple[str, int, int, int] | None:
    """(state, parent, session, start in clock ticks) of a process, or None if it is not there."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return fields[0].decode(), int(fields[1]), int(fields[3]), int(fields[19])


def _ticks() -> int:
    """Now, on the clock and in the unit in which `process_facts` tells starts (Linux, else 0)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // _TICK_NS if _TICK_NS else 0


_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK") if _LINUX else 0
_clock_tells_starts: bool | None = None


def _born(pid: int, before: int) -> Born:
    """Between which ticks a child started that was not there at `before`; zeros if unknown.

    As long as it is not reaped no other process can have its id, so the clock tells enough, and a
    look at the process is spared, which costs as much as a short job. Whether the clock tells
    what a look tells is found by trying, once.
    """
    global _clock_tells_starts
    now = _ticks()
    if _clock_tells_starts:
        return before, now
    facts = process_facts(pid)
    start = facts[3] if facts else 0
    if _clock_tells_starts is None:
        _clock_tells_starts = 0 < before <= start <= now
    return start, start


def ended_within(pid: int, seconds: float) -> bool:
    """Waits until a child has ended, at most so long; whether it has. False if it cannot be told.

    The child is not reaped.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return False
    try:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        return bool(waiting.poll(seconds * 1000))
    finally:
        os.close(descriptor)


def all_processes() -> Iterator[int]:
    """The ids of all processes that can be seen (Linux)."""
    try:
        names = os.listdir("/proc")
    except OSError:
        return
    for name in names:
        if name.isdigit():
            yield int(name)


def children_of(pid: int) -> list[int]:
    """The children of a process, those of all its threads."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        found: list[int] = []
        for task in tasks:
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                found += map(int, file.read().split())
        return found
    except OSError:
        parents = ((one, process_facts(one)) for one in all_processes())
        return [one for one, facts in parents if facts and facts[1] == pid]


def descendants_of(pid: int) -> list[int]:
    """All processes below one, each before its own children."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = [one for one in children_of(waiting.pop()) if one not in found]
        found += below
        waiting += below
    return found
