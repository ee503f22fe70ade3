"""Where what jobs print stands: each prints into an empty file, from which it is moved to be kept.

Knows files and how slots name their logs; nothing of what runs, or of records.

A job may empty the file into which it prints: `> {log}`, and `> /dev/stderr` in a script. If what
others have printed stood in it too, that would be lost, and places told of it would be wrong.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from itertools import count

from fileflow.world.secrets import hide_in, hide_in_file

_ENDING = ".log"
_BLOCK = 1 << 20


class KeptOutput:
    """The file in which stands what the jobs of one slot have printed."""

    def __init__(self, log: str) -> None:
        """`log` is the file into which the slot's jobs print; it is there already."""
        self.path = f"{log.removesuffix(_ENDING)}.kept{_ENDING}"
        # Held open: a job may remove its log, or put another file in its place.
        self._printed = os.open(log, os.O_RDWR | os.O_CLOEXEC)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._kept = os.open(self.path, flags, 0o666)

    def take(self, length: int, secrets: Sequence[str] = ()) -> tuple[int, int]:
        """Moves what a job has printed, without these values; its offset and length there.

        Raises:
            OSError: if it cannot be kept; what could be is there.
        """
        try:
            if secrets:
                hide_in(self._printed, secrets, length)
            start = os.lseek(self._kept, 0, os.SEEK_END)
            at = 0
            while at < length:
                data = os.pread(self._printed, min(_BLOCK, length - at), at)
                if not data:
                    break
                at += os.write(self._kept, data)
            return start, at
        finally:
            os.ftruncate(self._printed, 0)

    def close(self) -> None:
        """Closes the files."""
        os.close(self._printed)
        os.close(self._kept)


def set_aside(root: str, log: str, secrets: Sequence[str] = ()) -> tuple[str, int, int]:
    """Keeps what a job has printed whose slot has died; (file, offset, length) of it.

    The slot's next process prints into a new file.
    """
    with contextlib.suppress(OSError):
        length = os.stat(os.path.join(root, log)).st_size
        if length:
            stem = log.removesuffix(_ENDING)
            names = (f"{stem}.died-{number}{_ENDING}" for number in count(1))
            aside = next(name for name in names if not os.path.lexists(os.path.join(root, name)))
            os.rename(os.path.join(root, log), os.path.join(root, aside))
            hide_in_file(os.path.join(root, aside), secrets)
            return aside, 0, length
    return log, 0, 0
