"""Ends the child that a function forked where it would go on as what had called the function.

Knows processes and standard streams; nothing of jobs, slots or of who calls.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator, Iterator


def end_if_forked(caller: int, error: BaseException | None = None) -> None:
    """Ends this process, if it is not the caller's, as a script would that ends here.

    `error` is what the function has raised. Nothing is said: whoever forked may ask for the status.
    """
    if os.getpid() == caller:
        return
    try:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BaseException):
                stream.flush()
    finally:
        os._exit(_status_of(error))


def of_this_process(answer: Generator[object, None, None]) -> Iterator[object]:
    """What a generator yields; a child that it forked ends where it yields."""
    caller = os.getpid()
    for one in answer:
        end_if_forked(caller)
        yield one


def _status_of(error: BaseException | None) -> int:
    if not isinstance(error, SystemExit):
        return 0 if error is None else 1
    code = error.code or 0
    return code & 0xFF if isinstance(code, int) else 1
