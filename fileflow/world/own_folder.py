"""A working folder and a umask for one thread alone: who changes them disturbs no other.

Where the system has no such thing, a thread may not change its folder: all that runs beside it, and
the engine, would be somewhere else. Knows nothing of jobs.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading

_CLONE_FS = 0x200

_bound: set[int] = set()
_hooks: list[str] = []


class OwnFolder:
    """The folder and umask of the thread that makes it."""

    def __init__(self) -> None:
        self._folder: int | None = None
        if _unshared():
            self._folder = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
            self._umask = os.umask(0o022)
            os.umask(self._umask)
            return
        _bound.add(threading.get_ident())
        if not _hooks:
            _hooks.append("set")  # it can never be taken back
            sys.addaudithook(_refuse)

    def restore(self) -> None:
        """Puts back what was there when this was made."""
        if self._folder is not None:
            os.fchdir(self._folder)
            os.umask(self._umask)

    def close(self) -> None:
        """Called when the thread ends."""
        _bound.discard(threading.get_ident())
        if self._folder is not None:
            os.close(self._folder)


def _unshared() -> bool:
    """Whether this thread has a folder of its own from now on; some containers forbid it."""
    unshare = getattr(ctypes.CDLL(None), "unshare", None)
    return unshare is not None and unshare(_CLONE_FS) == 0


def _refuse(event: str, _: object) -> None:
    if event == "os.chdir" and threading.get_ident() in _bound:
        raise RuntimeError(
            "a function in a thread cannot change the working folder here: all jobs share it; "
            "write `executor: process` for its rule"
        )
