"""What becomes of a fork: a child that a function forked ends where it would go on as what had
called the function, has no handlers of ours, and one of ours begins without a warning. A child has
open what was open when it was forked: which files that were is remembered where it matters.

Knows processes and standard streams; nothing of jobs, slots or of who calls.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Generator, Iterator
from types import FrameType

from fileflow.world.open_files import written_by

Handler = Callable[[int, FrameType | None], object]

_forks = [0]

# Signals that a process of ours may have a handler for, and these handlers while they are set.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_handlers: weakref.WeakSet[Handler] = weakref.WeakSet()
_ONCE_MORE_AFTER = 0.01


# The files that were open for writing when this process forked, by device and inode; None where
# nobody will ask.
_written: set[tuple[int, int]] | None = None
_MOST_WRITTEN = 10_000


class _Fork(threading.local):
    """What a thread that forks remembers meanwhile."""

    goes_on = False
    mask: set[int | signal.Signals] | None = None


_fork = _Fork()


def this_process() -> int:
    """What tells this process from its children; of a process id each look is a system call."""
    return len(_forks)


def end_if_forked(caller: int, error: BaseException | None = None) -> None:
    """Ends this process, if it is not `caller` (see `this_process`), as a script would end here.

    `error` is what the function has raised. Nothing is said: whoever forked may ask for the status.
    """
    if len(_forks) == caller:
        return
    try:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BaseException):
                stream.flush()
    finally:
        os._exit(_status_of(error))


@contextlib.contextmanager
def without_warning() -> Iterator[None]:
    """Lets this process fork though it has threads, which Python warns of.

    The child goes on inside: so its filters must be as they were for all other warnings.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"This process \(pid=", DeprecationWarning)
        yield


def handle(number: int, handler: Handler) -> None:
    """Sets the handler of a signal for this process alone: a child that is forked ends by it.

    There it would be called too late, or never where the child waits for a lock, and the byte that
    wakes up who waits for signals would wake up the parent.
    """

    def on_signal(number: int, frame: FrameType | None) -> None:
        if _fork.goes_on:  # what is raised here would be lost
            threading.Timer(_ONCE_MORE_AFTER, os.kill, (os.getpid(), number)).start()
        else:
            handler(number, frame)

    _handlers.add(on_signal)
    signal.signal(number, on_signal)


def remember_files() -> None:
    """From now on `was_written` can tell of what was open when this process forked."""
    global _written
    if _written is None:
        _written = set()


def was_written(facts: os.stat_result) -> bool:
    """Whether a child may have a file open only because this process wrote it as it forked."""
    return _written is not None and (facts.st_dev, facts.st_ino) in _written


def _is_childless() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _before_fork() -> None:
    """A signal that reaches the child before its handlers are its own waits for these."""
    if _written is not None:
        if _written and (len(_written) > _MOST_WRITTEN or _is_childless()):
            _written.clear()
        _written.update((facts.st_dev, facts.st_ino) for _, facts in written_by(os.getpid()))
    _fork.goes_on = True
    _fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS) if _handlers else None


def _after_fork() -> None:
    if _fork.mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, _fork.mask)
    _fork.goes_on = False


def _after_fork_in_child() -> None:
    _forks.append(0)
    if _fork.mask is not None:
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            if signal.getsignal(number) in _handlers:
                signal.signal(number, signal.SIG_DFL)
    _after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
    )


def of_this_process(answer: Generator[object, None, None]) -> Iterator[object]:
    """What a generator yields; a child that it forked ends where it yields."""
    caller = this_process()
    for one in answer:
        end_if_forked(caller)
        yield one


def _status_of(error: BaseException | None) -> int:
    if not isinstance(error, SystemExit):
        return 0 if error is None else 1
    code = error.code or 0
    return code & 0xFF if isinstance(code, int) else 1
