"""Removes outputs that are as they were made; what somebody has changed or protected stays.

Knows files and what was recorded of them; nothing of rules, and not who asks.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence

from fileflow.world import files
from fileflow.world.staging import remove


def must_stay(path: str, made: bytes, *, is_protected: bool = False, force: bool = False) -> str:
    """Why an output that is there may not be removed; empty if it may.

    Args:
        path: of the output.
        made: 48 bytes: its signature and digest as recorded.
        is_protected: its rule protects it, be it read-only yet or not.
        force: what is protected may go too.
    """
    sign, content = made[:32], made[32:48]
    if os.path.islink(path):
        return "it is a link now"
    try:
        if files.signature(path) != sign:
            found = files.steady_digest(path)
            if found is None or found[1] != content:
                return "it was changed since it was made"
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    if not force and (is_protected or is_read_only(path)):
        return "it is protected: --force removes it too"
    return ""


def is_read_only(path: str) -> bool:
    """Whether nobody may write to what is there: so a protected output is left."""
    return not os.stat(path).st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)


def remove_outputs(paths: Sequence[str]) -> dict[str, str]:
    """Removes outputs, and the folders of the project that this leaves empty; gives what stays.

    That is what cannot be removed, with the reason; a folder is left whole where that can be told.
    """
    stays = {}
    for path in paths:
        try:
            _may_remove(path)
            remove(path)
        except OSError as error:
            stays[path] = f"it cannot be removed: {error.strerror or error}"
    for path in paths:
        if path not in stays:
            _remove_empty_folders(os.path.dirname(path))
    return stays


def _may_remove(path: str) -> None:
    """Looks, of a folder, whether all of it may be removed; a file is removed or not.

    Raises:
        OSError: if not.
    """
    if os.path.islink(path) or not os.path.isdir(path):
        return
    above = os.path.dirname(path.rstrip("/")) or "."
    may = os.access(above, os.W_OK | os.X_OK)
    for folder, _, _ in os.walk(path):
        # Its owner may let himself write.
        own = os.access(folder, os.W_OK | os.X_OK) or os.stat(folder).st_uid == os.geteuid()
        may = may and own
    if not may:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


def _remove_empty_folders(folder: str) -> None:
    while folder and not folder.startswith(("/", "..")):
        try:
            os.rmdir(folder)
        except OSError:
            return
        folder = os.path.dirname(folder)
