"""Lets one thread of a process at a time work in a project: they share the working folder.

Knows nothing of what is done there.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from fileflow.errors import FileflowError

_looking = threading.Lock()
# Whose turn it is, as process and thread (a forked process is another one), and where it works:
# a run may be a job of another one in the same thread.
_turn: list[tuple[tuple[int, int], str]] = []


@contextlib.contextmanager
def only_thread(root: str) -> Iterator[None]:
    """While this is open only this thread works in projects; `root` is the folder of its own.

    Raises:
        FileflowError: if another thread does.
    """
    me = os.getpid(), threading.get_ident()
    with _looking:
        if _turn and _turn[-1][0] != me:
            (process, _), folder = _turn[-1]
            if process == me[0]:
                raise FileflowError(
                    f"another thread of this process works in {folder}, and all threads share one "
                    f"working folder: {root} cannot be worked in beside it",
                    hint="do one after the other, or each in a process of its own (a job that runs "
                    "a workflow: executor: process)",
                )
            _turn.clear()
        _turn.append((me, root))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # in a process that was forked meanwhile
            _turn.remove((me, root))
