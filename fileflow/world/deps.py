"""What a job was found to read, by the deps files that it wrote: which files these are, and their
bytes, proven to be those that it read.

Knows paths, files and the text of deps files; nothing of rules, records or what runs. All paths are
relative to the working folder, which is the Workflowfile's, or absolute.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import time_ns

from fileflow.lean import dataclass
from fileflow.model.patterns import inside
from fileflow.world.deps_text import UnfitDepsError, read_deps
from fileflow.world.files import Clock, digest, files_below, signature
from fileflow.world.staging import STATE

# Files that the kernel makes up when they are read: nobody can keep track of them.
_KERNEL = ("/dev/", "/proc/", "/sys/")

Read = tuple[str, bytes | None, bytes | None]


class DoubtError(Exception):
    """A named file is too young to prove that the job read what it holds now.

    `files` are those that are in doubt, as they are now.
    """

    def __init__(self, message: str, files: list[Read]) -> None:
        super().__init__(message)
        self.files = files


@dataclass(frozen=True, slots=True)
class JobPlace:
    """Where a job ran: `stage` is the folder of its outputs, `own` its private folder, if any.

    `staged` leads from where outputs were made to their final paths.
    """

    root: str
    stage: str = ""
    own: str = ""
    staged: Mapping[str, str] | None = None


def without_stage(text: str, place: JobPlace) -> str:
    """A text with final paths in place of staged ones: its bytes must not tell who made it."""
    for folder in (place.own, place.stage):
        if not folder or folder not in text:
            continue
        root = re.escape(place.root)
        pattern = rf"({root}/)?{re.escape(folder)}/(\.root/|(?:\.up/)*)"
        text = re.sub(pattern, _final, text)
    return text


def _final(found: re.Match[str]) -> str:
    if found[2] == ".root/":
        return "/"
    return (found[1] or "") + found[2].replace(".up/", "../")


def named_paths(
    texts: Mapping[str, str], place: JobPlace, *, inputs: Iterable[str], outputs: Sequence[str]
) -> list[str]:
    """The files that deps files name, as the project knows them.

    Args:
        texts: of each deps file, by its final path.
        place: where the job ran.
        inputs: what is an input anyway.
        outputs: what the job makes itself, its logs too.

    Raises:
        UnfitDepsError: if a text is neither rules nor paths, or names a folder that cannot be an
            input.
    """
    own = {path.rstrip("/") for path in outputs}
    left_out = own.union(path.rstrip("/") for path in inputs)
    found: dict[str, None] = {}
    for deps, text in texts.items():
        try:
            named = read_deps(text)
        except UnfitDepsError as error:
            raise UnfitDepsError(f"{deps} does not say what was read: {error}") from None
        for written in named.paths:
            path = _known_as(written, place)
            if path is not None and named.lines and not os.path.lexists(path):
                path = _known_as(written.strip(), place)
            if path is None or path in left_out or path in found or _is_below(path, own):
                continue
            if named.lines and ":" in path and not os.path.lexists(path):
                raise UnfitDepsError(
                    f"{deps} does not say what was read: {written!r} is no file; if that is a "
                    "rule, write a blank after the colon"
                )
            if os.path.isdir(path):
                _check_folder(path, deps, place, own)
            found[path] = None
    return list(found)


def _is_below(path: str, folders: set[str]) -> bool:
    above = path
    while (slash := above.rfind("/")) > 0:
        above = above[:slash]
        if above in folders:
            return True
    return False


def _check_folder(path: str, deps: str, place: JobPlace, outputs: set[str]) -> None:
    """A folder in which the job writes, or the whole project, changes with every run."""
    whole = os.path.abspath(os.path.join(place.root, path))
    state = os.path.join(place.root, STATE)
    inside = [state, *(os.path.abspath(os.path.join(place.root, one)) for one in outputs)]
    for one in inside:
        if one == whole or one.startswith(whole.rstrip("/") + "/"):
            raise UnfitDepsError(
                f"{deps} names the folder {path}, in which outputs lie: it would change with every "
                "run; let it name the files that are read"
            )


def _known_as(written: str, place: JobPlace) -> str | None:
    """A path as the project knows it; None for what is no input: our own, or the kernel's."""
    path = _normal(written)
    if path.startswith("/"):
        if place.own and path.startswith(f"{place.root}/{_base_of(place.own)}"):
            path = os.path.relpath(path, f"{place.root}/{place.own}")
        elif path == place.root:
            path = "."
    if path[:1] in ("/", "."):
        path = inside(path, place.root)
    if path.startswith(_KERNEL):
        return None
    if path.startswith(STATE + "/"):
        return (place.staged or {}).get(path)
    return path


def _base_of(own: str) -> str:
    """The folder beside the stage in which a private folder lies, maybe some floors down."""
    head, mark, _ = own.partition(".own")
    return head + mark + "/"


def _normal(path: str) -> str:
    """The path without `.` and `..`; through a link, `..` leads to where the link does."""
    made = os.path.normpath(path)
    if made.startswith("//"):
        made = made[1:]
    if "/.." in path and made != path:
        try:
            same = os.path.samestat(os.stat(path), os.stat(made))
        except OSError:
            same = not os.path.exists(path)
        if not same:
            return os.path.realpath(path)
    return made


class Reader:
    """Takes what jobs of one slot have read, and proves that it did not change meanwhile.

    A file that was changed before the job began holds what the job read. Of a younger one it must
    have been known before what it holds: it is in doubt otherwise.
    """

    def __init__(self, stage: str) -> None:
        """`stage` is the slot's staging folder: the file system there tells the time."""
        self._probe = f"{stage}.time"
        self._known: dict[str, tuple[bytes, bytes]] = {}

    def begin(self, looks: Iterable[Read]) -> Began:
        """To be called right before the action starts.

        `looks` are files that it may read, each with what is known of it.
        """
        descriptor = os.open(self._probe, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, b".", 0)
            found = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        before = {}
        for path, sign, content in looks:
            if (now := signature(path)) is not None:
                before[path] = content if now == sign else None
        return Began(found.st_ctime_ns, found.st_dev, time_ns(), before)

    def look(self, paths: Sequence[str], began: Began) -> list[Read]:
        """Each file with signature and digest; without both if nothing is there.

        Raises:
            DoubtError: if it cannot be told whether a file is as the job read it.
            OSError: if one cannot be read.
        """
        read: list[Read] = []
        doubts: list[Read] = []
        for path in paths:
            one, sure = self._take(path, began)
            read.append(one)
            if not sure:
                doubts.append(one)
        if doubts:
            path, sign, _ = doubts[0]
            what = "changed" if sign is not None else "was removed"
            raise DoubtError(f"the input {path} {what} while the job ran", doubts)
        return read

    def _take(self, path: str, began: Began) -> tuple[Read, bool]:
        sign = signature(path)
        if sign is None:
            return (path, None, None), path not in began.before
        known = self._known.get(path)
        if known is not None and known[0] == sign and not began.may_be_later(path):
            return (path, *known), True
        content = digest(path)
        after = signature(path)
        if after != sign:
            return (path, after, None), False
        if began.may_be_later(path):
            return (path, sign, content), began.before.get(path) == content
        self._known[path] = sign, content
        return (path, sign, content), True


@dataclass(frozen=True, slots=True)
class Began:
    """When a job began, by the file system of its stage and by the clock.

    `before` holds the files that were there, with their digests if those were known.
    """

    time: int
    device: int
    clock: int
    before: dict[str, bytes | None]

    def may_be_later(self, path: str) -> bool:
        """Whether a file, or one in a folder, may have changed since."""
        try:
            return any(self._is_later(found) for found in _all_of(path))
        except OSError:
            return True

    def _is_later(self, found: os.stat_result) -> bool:
        if found.st_dev == self.device:
            return found.st_ctime_ns >= self.time
        return (
            max(found.st_ctime_ns, found.st_mtime_ns)
            >= min(self.time, self.clock) - Clock.FOREIGN_NS
        )


def _all_of(path: str) -> Iterator[os.stat_result]:
    """A file; or a folder, what lies in it, and the folders in it."""
    found = os.stat(path)
    yield found
    if stat.S_ISDIR(found.st_mode):
        folders = {path}
        for name in files_below(path):
            one = os.path.join(path, name)
            yield os.stat(one) if os.path.exists(one) else os.lstat(one)
            folders.add(os.path.dirname(one))
        yield from map(os.stat, folders)
