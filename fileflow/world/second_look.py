"""Looks at many files once more, in two processes: whether they are as they were before a job.

Knows paths and signatures, and the process that it is in; nothing of jobs.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections.abc import Sequence

from fileflow.signature import SIGNATURE, all_have
from fileflow.world.commands import die_with_parent

# From so many files on a second process looks at half of them.
WORTH_FORKING = 20_000


def all_as_before(paths: Sequence[str], signs: bytes, *, alone: bool) -> bool:
    """Whether all these files surely have these signatures, 32 bytes each.

    Of many files a child of this process looks at the second half, and is gone when this returns:
    but only where we are `alone` in a process of our own, since in a fork no other thread lives on.
    """
    if len(paths) < WORTH_FORKING or not alone or not _may_fork():
        return all_have(paths, signs)
    middle = len(paths) // 2
    cut = SIGNATURE.size * middle
    try:
        child = os.fork()
    except OSError:
        return all_have(paths, signs)
    if not child:
        same = False
        try:
            gc.disable()  # what is garbage here is the parent's to end
            die_with_parent(signal.SIGKILL)
            same = all_have(paths[middle:], memoryview(signs)[cut:])
        finally:
            os._exit(not same)
    status = -1
    try:
        same = all_have(paths[:middle], memoryview(signs)[:cut])
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
