"""Says that the disk failed, or the state folder is gone: nobody's mistake, and no bug of ours.

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


def fault_of(error: OSError) -> FileflowError | None:
    """What to tell of an error that the disk or the state folder is to blame for, else None."""
    name = _name_of(error)
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
    return None


@contextlib.contextmanager
def faults_told() -> Iterator[None]:
    """Turns such an error into one that says so.

    Raises:
        FileflowError: in place of it.
    """
    try:
        yield
    except OSError as error:
        fault = fault_of(error)
        if fault is None:
            raise
        raise fault from error


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
