"""Says that the disk failed, the state folder is gone or not ours to write, or no more processes,
files or memory are to be had: nobody's mistake, and no bug of ours.

Knows errors of the operating system and the name of the state folder; nothing of jobs or records.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from fileflow.errors import Exit, FileflowError

# As in `staging`, which costs too much for who only looks.
_STATE = ".fileflow"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_BROKEN = (*_FULL, errno.EIO, errno.EROFS, errno.ESTALE)
_GONE = (errno.ENOENT, errno.ENOTDIR)
_REFUSED = (errno.EACCES, errno.EPERM)
_NO_THREAD = "can't start new thread"  # as Python has it in each version


def fault_of(error: Exception) -> FileflowError | None:
    """What to tell of an error that the disk, the state folder or a limit is to blame for."""
    lack = _lack(error)
    if lack is not None:
        return FileflowError(
            lack, hint="fewer jobs at once, -j, or a higher limit", status=Exit.STATE
        )
    if not isinstance(error, OSError):
        return None
    name = _name_of(error)
    if error.errno == errno.EFBIG:
        return FileflowError(
            f"{name or f'a file in {_STATE}'}: {error.strerror}",
            hint="the size of files is limited: `ulimit -f` shows to how much",
            status=Exit.STATE,
        )
    if error.errno in _BROKEN:
        return FileflowError(
            f"{name or f'the state in {_STATE}'}: {error.strerror}",
            hint="make room, then run again: it goes on from here"
            if error.errno in _FULL
            else "once the disk is well again, the next run goes on from here",
            status=Exit.STATE,
        )
    if error.errno in _GONE and f"{_STATE}/" in name:
        return FileflowError(
            f"{name} was removed while it was in use",
            hint="run again: what is not on record is built again",
            status=Exit.STATE,
        )
    if error.errno in _REFUSED and f"{_STATE}/" in f"{name}/":
        return FileflowError(
            f"cannot write {_there(name)}: {error.strerror}",
            hint=f"who runs this project needs the right to read and write all of {_STATE}",
            status=Exit.STATE,
        )
    return None


@contextlib.contextmanager
def faults_told() -> Iterator[None]:
    """Turns such an error into one that says so.

    Raises:
        FileflowError: in place of it.
    """
    try:
        yield
    except (OSError, MemoryError, RuntimeError) as error:
        fault = fault_of(error)
        if fault is None:
            raise
        raise fault from error


def _lack(error: Exception) -> str | None:
    """What has run out, if that is the error."""
    if isinstance(error, MemoryError):
        return "memory has run out"
    if isinstance(error, RuntimeError):
        return _no_more(_NO_THREAD) if _NO_THREAD in str(error) else None
    if not isinstance(error, OSError):
        return None
    if error.errno == errno.EMFILE:
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return f"too many files are open at once: the limit is {most} (`ulimit -n`)"
    if error.errno == errno.ENFILE:
        return "too many files are open at once on this machine"
    if error.filename is None and error.errno in (errno.EAGAIN, errno.ENOMEM):
        return _no_more(error.strerror or str(error))
    return None


def _no_more(why: str) -> str:
    return f"no more processes or threads can be started ({why})"


def _name_of(error: OSError) -> str:
    """The file, below the working folder as a user would type it; or nothing."""
    name = error.filename2 if error.filename is None else error.filename
    if not isinstance(name, (str, bytes)):
        return ""
    text = os.fsdecode(name)
    with contextlib.suppress(OSError):
        here = os.getcwd() + os.sep
        text = text.removeprefix(here)
    return text


def _there(name: str) -> str:
    """The path itself, or what is seen of it: that is what refuses the rest."""
    while not os.path.lexists(name) and (above := os.path.dirname(name)):
        name = above
    return name
