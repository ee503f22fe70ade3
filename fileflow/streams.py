"""What processes that are started from here need: open streams, a folder, and leave to start any.

Knows nothing of what they are started for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fileflow.errors import FileflowError


class _WithFlush:
    """A stream that cannot be flushed, as one that can."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def flush(self) -> None:
        """There is nothing to do."""


@contextmanager
def open_streams() -> Iterator[None]:
    """Opens to nowhere what this process lacks of its streams; those that are open stay.

    Else the next file or socket would have the number of a stream, and who starts a process would
    fail to flush. The descriptors stay open: others may have them by now.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(opened, True)
    put: dict[str, tuple[Any, Any]] = {}
    nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    try:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            try:
                stream.flush()
            except (AttributeError, ValueError):
                is_there = hasattr(stream, "write") and not getattr(stream, "closed", False)
                made: Any = _WithFlush(stream) if is_there else nowhere
                put[name] = stream, made
                setattr(sys, name, made)
        yield
    finally:
        for name, (stream, made) in put.items():
            if getattr(sys, name) is made:
                setattr(sys, name, stream)
        nowhere.close()


def current_folder() -> str:
    """The working folder.

    Raises:
        FileflowError: if it was deleted.
    """
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise FileflowError("the current folder is not there any more") from None


def is_daemonic() -> bool:
    """Whether Python lets this process start no others."""
    import multiprocessing

    return multiprocessing.current_process().daemon


def refuse_daemonic(cure: str) -> None:
    """Called before processes are started.

    Raises:
        FileflowError: if this one may start none; `cure` is what to write instead.
    """
    if is_daemonic():
        raise FileflowError(
            "this process is daemonic, as a worker of multiprocessing.Pool is: Python lets it "
            "start no processes",
            hint=f"{cure}, or call it from a process that is not, as those of "
            "concurrent.futures.ProcessPoolExecutor are",
        )
