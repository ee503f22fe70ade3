"""What becomes of a fork: a child that a function forked ends where it would go on as what had
called the function, and one of ours begins without a warning.

Knows processes and standard streams; nothing of jobs, slots or of who calls.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Generator, Iterator

_forks = [0]
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _forks.append(0))


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


def die_as_by_default(number: int) -> None:
    """Ends this process by a signal that it was sent, for the handler of a process that it was
    forked from."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


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
