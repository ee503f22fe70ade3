"""Looks at many files once more, in two processes: whether they are as they were before a job.

Knows paths and signatures, and the process that it is in; nothing of jobs.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections.abc import Sequence

from fileflow.world.commands import die_with_parent
from fileflow.world.files import signatures

# From so many files on a second process looks at half of them.
WORTH_FORKING = 20_000


def all_as_before(paths: Sequence[str], signs: Sequence[bytes | None]) -> bool:
    """Whether all these files surely have these signatures; False where one process must look.

    Of many files a child of this process looks at the second half, and is gone when this returns.
    Only for a process of our own: in a fork no other thread lives on.
    """
    middle = len(paths) // 2
    if len(paths) < WORTH_FORKING or not _may_fork():
        return False
    try:
        child = os.fork()
    except OSError:
        return False
    if not child:
        differ = True
        try:
            gc.disable()  # what is garbage here is the parent's to end
            die_with_parent(signal.SIGKILL)
            differ = signatures(paths[middle:]) != signs[middle:]
        finally:
            os._exit(differ)
    status = -1
    try:
        same = signatures(paths[:middle]) == signs[:middle]
    finally:
        with contextlib.suppress(ChildProcessError):
            _, status = os.waitpid(child, 0)
    return same and status == 0


def _may_fork() -> bool:
    """Whether this process has no other thread, and another CPU to use (Linux)."""
    try:
        return len(os.listdir("/proc/self/task")) == 1 and len(os.sched_getaffinity(0)) > 1
    except (OSError, AttributeError):
        return False
