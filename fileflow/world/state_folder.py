"""Puts the state folder in order: what is there in place of a part of it gives way.

Knows the names of its parts, and not what they hold. The journal sees to itself.
"""

from __future__ import annotations

import os

_FILES = ("fresh", "holder", "holder.new", "journal.new", "slots.lock")
_FOLDERS = ("stage", "logs")


def put_in_order(folder: str) -> None:
    """Gives another name to each part that is no file, or no folder, where it has to be one.

    To be called by who holds the lock, before anything else is done in the folder.

    Raises:
        OSError: if the folder cannot be read or written.
    """
    with os.scandir(folder) as entries:
        wrong = [
            entry.path
            for entry in entries
            if (entry.name in _FILES and not entry.is_file(follow_symlinks=False))
            or (entry.name in _FOLDERS and not os.path.isdir(entry.path))
        ]
    for path in wrong:
        set_apart(path)


def set_apart(path: str) -> None:
    """Gives it another name beside its own: nobody knows whether somebody misses it."""
    count = 1
    while os.path.lexists(f"{path}.bad-{count}"):
        count += 1
    os.rename(path, f"{path}.bad-{count}")
