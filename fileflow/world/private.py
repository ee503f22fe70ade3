"""A folder of its own for one attempt of a job: inputs appear in it, outputs are made in it.

Knows paths and files; nothing of rules or of what the action does. All paths are relative to the
working folder, which is the Workflowfile's, or absolute.

Inputs are copies without the right to write (clones where the file system can): whatever the action
does to them, even as root, the originals stay. Absolute inputs stay where they are. As many folders
lie above the action's as the longest `../` needs, with the names that they have in truth, so that
every relative path means what it means elsewhere.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterable, Sequence

from fileflow.world.staging import Shape, remove

_CLONE = 0x40049409  # FICLONE of Linux: both files share their blocks until one is changed
_READABLE = 0o555


def own_name(path: str) -> str:
    """The path under which an action in such a folder makes an output."""
    return f".root/{path.strip('/')}" if path.startswith("/") else path.rstrip("/")


class PrivateFolder:
    """The folder of one attempt of a job.

    `folder` is where the action runs.
    """

    def __init__(
        self, stage: str, inputs: Iterable[str], outputs: Sequence[str], logs: Sequence[str]
    ) -> None:
        """`stage` is the slot's staging folder: this one lies beside it."""
        self._base = f"{stage}.own"
        self._inputs = sorted({path for path in inputs if not path.startswith("/")})
        self._outputs = outputs
        self._logs = logs
        self._links: list[tuple[str, str]] = []
        up = max((_ups(path) for path in (*self._inputs, *outputs, *logs)), default=0)
        above = os.getcwd().strip("/").split("/")
        names = [*["up"] * (up - len(above)), *above[-up:]] if up else []
        self.folder = os.path.join(self._base, *names)

    def prepare(self, shape: Shape, files: Sequence[tuple[str, str]]) -> list[str]:
        """Makes the folder with its inputs and `files`; the paths at which outputs will lie.

        Raises:
            OSError: if something cannot be made.
        """
        remove(self._base)
        os.makedirs(self.folder)
        folders = []
        for path in self._inputs:
            folders += _appear(path, self._at(path))
        staged = []
        for path, directory in zip(self._outputs, shape.directories, strict=True):
            there = self._at(own_name(path))
            staged.append(there)
            os.makedirs(there if directory else os.path.dirname(there), exist_ok=True)
        for name, text in files:
            there = self._at(name)
            os.makedirs(os.path.dirname(there), exist_ok=True)
            with open(there, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
        for path in self._logs:
            if not path.startswith("/") and not os.path.isdir(path):
                there = self._at(path)
                os.makedirs(os.path.dirname(there), exist_ok=True)
                os.symlink(os.path.abspath(path), there)
                self._links.append((there, path))
        for made in reversed(folders):
            os.chmod(made, _READABLE)
        return staged

    def _at(self, path: str) -> str:
        return os.path.normpath(os.path.join(self.folder, path))

    def clear(self) -> None:
        """Takes out the logs that the action put in place of the links to them; removes the rest.

        Raises:
            OSError: if something cannot be moved or removed.
        """
        for there, path in self._links:
            if os.path.isfile(there) and not os.path.islink(there):
                shutil.move(there, path)
        self._links = []
        remove(self._base)


def _ups(path: str) -> int:
    count = 0
    while path.startswith("../", 3 * count) or path[3 * count :] == "..":
        count += 1
    return count


def _appear(source: str, target: str) -> list[str]:
    """Puts a copy at `target`; the folders that it made for an input folder, outer ones first."""
    source = source.rstrip("/")
    if not os.path.isdir(source):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _copy(source, target)
        return []
    made = []
    for folder, below, names in os.walk(source):
        there = os.path.normpath(os.path.join(target, os.path.relpath(folder, source)))
        os.makedirs(there, exist_ok=True)
        made.append(there)
        for name in names:
            _copy(os.path.join(folder, name), os.path.join(there, name))
        for name in below:
            inner = os.path.join(folder, name)
            if os.path.islink(inner):
                os.symlink(os.path.realpath(inner), os.path.join(there, name))
    return made


def _copy(source: str, target: str) -> None:
    if os.path.lexists(target):  # also part of an input folder
        return
    try:
        found = os.stat(source)
    except OSError:
        if os.path.islink(source) and not os.path.exists(source):
            os.symlink(os.readlink(source), target)
            return
        raise
    if not stat.S_ISREG(found.st_mode):
        return
    with open(source, "rb") as read, open(target, "wb") as write:
        try:
            fcntl.ioctl(write.fileno(), _CLONE, read.fileno())
        except OSError:
            write.close()
            shutil.copyfile(source, target)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    with contextlib.suppress(PermissionError):
        os.chmod(target, stat.S_IMODE(found.st_mode) & _READABLE)
