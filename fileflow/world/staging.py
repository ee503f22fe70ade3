"""Where outputs are made before they are published: the staging folder of one slot.

Knows paths and files; nothing of rules, graphs or records, and not what makes the files. All paths
are relative to the working folder, which is the Workflowfile's, or absolute.

An output keeps its relative path below the staging folder: `build/x.csv` is made as
`.fileflow/stage/RUN/SLOT/build/x.csv`. A leading `..` becomes `.up`, an absolute path lies below
`.root`. Where the final folder is on another file system, the staged folder is a link to a hidden
folder beside the final one, so that the last step is a rename everywhere. Nothing is made and
deleted for each job: the folders stay, are emptied by the renames, and proven empty.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import time
from collections.abc import Iterable, Sequence
from itertools import count

from fileflow.errors import some_of
from fileflow.lean import dataclass
from fileflow.model.work import Work
from fileflow.world.files import (
    Clock,
    digest,
    file_digest,
    folder_digest,
    kind_of,
    lack_of,
    signature,
    signature_of,
)

STATE = ".fileflow"
FOREIGN = "foreign"
_READ_ONLY = ~0o222
# Why something cannot be removed that others have made, or use as a mount.
_NOT_OURS = (errno.EACCES, errno.EPERM, errno.EBUSY)
# File systems tell times that lag behind the clock by up to a tick.
_LAG_NS = 20_000_000


def staged_name(path: str) -> str:
    """Where an output with this final path lies below the staging folder."""
    if path.startswith("/"):
        return f".root/{path.strip('/')}"
    up = ""
    while path.startswith("../"):
        up += ".up/"
        path = path[3:]
    return up + path.rstrip("/")


def _file_above(path: str) -> str | None:
    """What is no folder among the folders that a path lies in."""
    while path := os.path.dirname(path):
        if os.path.lexists(path):
            return None if os.path.isdir(path) else path
    return None


def _make_folder_of(path: str) -> None:
    """Makes the folder that a path lies in.

    Raises:
        OSError: if that cannot be; says what is in its place.
    """
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    except OSError as error:
        raise _no_folder(error, path) from None


def _no_folder(error: OSError, path: str) -> OSError:
    """What to tell where something is in the place of a folder that a path lies in."""
    above = _file_above(path)
    if above is None:
        return error
    kind, cure = "a file", f"move it away or, if it was made here, `fileflow clean {above}`"
    if not os.path.exists(above):
        kind = f"a link to {os.readlink(above)}, which is not there"
        cure = "make that folder, or remove the link"
    return OSError(error.errno, f"{above} is {kind}, where {path} needs a folder: {cure}")


def stage_folder(run: str, slot: int) -> str:
    """The staging folder of a slot; plain letters, so that it needs no quoting in a command."""
    return f"{STATE}/stage/{run}/{slot}"


def remove(path: str) -> None:
    """Removes whatever is at this path, a folder with all it holds; read-only or not."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        os.unlink(path)
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        _open_up(path)
        shutil.rmtree(path)


def _open_up(path: str) -> None:
    """Lets this user change all folders below a path, as far as they are his."""
    folders = [path]
    for folder in folders:  # grows as it goes
        with contextlib.suppress(PermissionError):
            os.chmod(folder, 0o700)
            with os.scandir(folder) as entries:
                folders += [one.path for one in entries if one.is_dir(follow_symlinks=False)]


def _rename(path: str, to: str) -> None:
    """Renames a file or a folder, also one that is read-only: that cannot get another parent."""
    try:
        os.replace(path, to)
    except PermissionError:
        mode = os.lstat(path).st_mode
        if not stat.S_ISDIR(mode) or mode & stat.S_IWUSR:
            raise
        os.chmod(path, stat.S_IMODE(mode) | stat.S_IRWXU)
        try:
            os.replace(path, to)
        except OSError:
            os.chmod(path, stat.S_IMODE(mode))
            raise
        os.chmod(to, stat.S_IMODE(mode))


def _beside(path: str) -> str:
    """Where that is kept, beside a staged output, which lies in the place of it."""
    return os.path.join(os.path.dirname(path), f".old.{os.path.basename(path)}")


def remove_run(folder: str) -> bool:
    """Removes the stages of a run, and what it has beside outputs on other file systems.

    Gives False if somebody still writes there: then the list of it stays too, for the next run.
    What this user may not remove, as a container's root may have left it, just stays.
    """
    elsewhere: list[bytes] = []
    with contextlib.suppress(OSError), open(os.path.join(folder, FOREIGN), "rb") as file:
        *elsewhere, _ = file.read().split(b"\0")  # the last is empty, or torn
    try:
        for name in elsewhere:
            try:
                remove(os.fsdecode(name))
            except OSError as error:
                if error.errno == errno.ENOTEMPTY:
                    raise
                # That file system is gone or cannot be written: the run is not to fail for it.
        remove(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, *_NOT_OURS):
            raise
        return error.errno != errno.ENOTEMPTY
    return True


@dataclass(frozen=True, slots=True)
class Shape:
    """What the outputs of a rule must be; the same for all of its jobs.

    `plain`: nothing but regular files that are staged, each of them welcome as it is.
    """

    directories: tuple[bool, ...]
    protected: tuple[bool, ...]
    ensure: tuple[tuple[bool, str | None], ...]
    in_place: tuple[bool, ...]
    keep: tuple[bool, ...]
    plain: bool

    @staticmethod
    def of(work: Work, count: int) -> Shape:
        """The shape of the `count` outputs of a rule; what its work does not say is no."""
        no = (False,) * count
        directories = work.directories or no
        protected = work.protected or no
        ensure = work.ensure or ((False, None),) * count
        in_place = work.in_place or no
        special = (
            any(directories) or any(protected) or any(in_place) or any(a or b for a, b in ensure)
        )
        return Shape(directories, protected, ensure, in_place, work.keep or no, not special)


class Stage:
    """The staging folder of one slot, used by one job after the other.

    For each job: `prepare`, then the action, then `inspect` and `publish`, and at the end `settle`
    (of a job that was published) or `clear` (of one that was not).
    """

    def __init__(self, run: str, slot: int) -> None:
        self.folder = stage_folder(run, slot)
        self._prefix = self.folder + "/"
        self._run_folder = os.path.dirname(self.folder)
        self._beside = f".fileflow-{run}-{slot}"
        os.makedirs(self.folder, exist_ok=True)
        self._fine = Clock(self.folder).fine
        # Folders that stay between jobs, parents first, each with what it may hold.
        self._kept: dict[str, set[str]] = {}
        self._foreign: dict[str, str] = {}
        self._emptied: list[tuple[str, list[str]]] = []
        self._watched: list[tuple[str, int]] = []
        self._single: str | None = None
        self._files: list[str] = []
        # Folders in which links lie: these may lead elsewhere, or to nothing, in the final place.
        self._linked: set[str] = set()
        # The outputs as they were before they were digested, and the signatures of folders.
        self._looked: list[os.stat_result] = []
        self._folders: dict[str, bytes | None] = {}
        # Of a job with several outputs, one by one: where it was staged and belongs, what it was,
        # and whether what was in its place is kept.
        self._placed: list[tuple[str, str, os.stat_result, bool]] | None = None
        self.clear()

    # Before the job ---------------------------------------------------------------------------

    def prepare(
        self, shape: Shape, outputs: Sequence[str], files: Sequence[tuple[str, str]] = ()
    ) -> list[str]:
        """Makes the folders (and `files`, below the stage) that a job needs; its staged paths.

        Raises:
            OSError: if something cannot be made.
        """
        if shape.plain and len(outputs) == 1 and not files:
            path = outputs[0]
            if path[: path.rfind("/") + 1] == self._single:
                return [self._prefix + path]
        self._single = None
        finals: dict[str, str] = {}
        staged = []
        for path, here in zip(outputs, shape.in_place, strict=True):
            if here:
                staged.append(path.rstrip("/") or "/")
                continue
            name = staged_name(path)
            staged.append(self._prefix + name)
            finals[os.path.dirname(name)] = os.path.dirname(path.rstrip("/"))
        for name, _ in files:
            finals.setdefault(os.path.dirname(name), "")
        self._arrange(finals)
        for position, path in enumerate(staged):
            if shape.in_place[position]:
                _make_folder_of(path)
                if not shape.keep[position]:
                    remove(path)
            if shape.directories[position]:
                os.makedirs(path, exist_ok=True)
        for name, text in files:
            with open(self._prefix + name, "w", encoding="utf-8", errors="surrogateescape") as to:
                to.write(text)
            self._files.append(self._prefix + name)
        if shape.plain and len(outputs) == 1 and not files and outputs[0][0] not in "./":
            path = outputs[0]
            self._single = path[: path.rfind("/") + 1]
        return staged

    def _arrange(self, finals: dict[str, str]) -> None:
        """Keeps exactly the folders `finals` (staged → final) and those above them."""
        wanted: dict[str, set[str]] = {"": set()}
        for folder in finals:
            while folder and folder not in wanted:
                wanted[folder] = set()
                folder = os.path.dirname(folder)
        for folder in wanted:
            if folder:
                wanted[os.path.dirname(folder)].add(os.path.basename(folder))
        if wanted.keys() != self._kept.keys():
            for folder in sorted(self._kept.keys() - wanted.keys(), reverse=True):
                self._drop(folder)
            for folder in sorted(wanted.keys() - self._kept.keys()):
                self._make(folder, finals.get(folder))
        self._kept = wanted
        self._take_stock()

    def _drop(self, folder: str) -> None:
        if folder in self._foreign:
            os.unlink(self._prefix + folder)
            remove(self._foreign.pop(folder))
        else:
            os.rmdir(self._prefix + folder)

    def _make(self, folder: str, final: str | None) -> None:
        path = self._prefix + folder if folder else self.folder
        if final is None or not folder:
            os.mkdir(path)
            return
        near = final
        while near and not os.path.isdir(near):
            near = os.path.dirname(near)
        device = os.stat(near or ".").st_dev
        if device == os.stat(os.path.dirname(path)).st_dev:
            os.mkdir(path)
            return
        start = os.path.abspath(os.path.join(near, self._beside))
        taken = self._foreign.values()
        beside = next(name for n in count() if (name := f"{start}-{n}") not in taken)
        self._note_foreign(beside)
        remove(beside)  # a process that did this slot's jobs before may have been killed
        os.mkdir(beside)
        os.symlink(beside, path)
        self._foreign[folder] = beside

    def _note_foreign(self, path: str) -> None:
        """Writes down, for the next run to clean, that something will lie at this path."""
        where = os.path.join(self._run_folder, FOREIGN)
        descriptor = os.open(where, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, os.fsencode(path) + b"\0")
        finally:
            os.close(descriptor)

    def _take_stock(self) -> None:
        """Remembers how the kept folders look while they hold nothing of a job.

        A folder in which outputs are made is listed after each job. Of one that only holds other
        folders the time tells, where the file system gives each change a time of its own.
        """
        self._emptied = []
        self._watched = []
        for folder, children in self._kept.items():
            path = self._prefix + folder if folder else self.folder
            if children and self._fine and not self._foreign:
                self._watched.append((path, os.stat(path).st_mtime_ns))
            else:
                self._emptied.append((path, sorted(children)))

    # After the job ----------------------------------------------------------------------------

    def inspect(
        self,
        shape: Shape,
        outputs: Sequence[str],
        staged: Sequence[str],
        since_ns: int,
        *,
        closed: bool = False,
    ) -> list[bytes] | str:
        """The digests of the outputs if all are there and as they must be, else what is wrong.

        `since_ns` is when the job began: a missing file that was written under its final name
        since then is said to be.

        Raises:
            StillOpenError: if they are to be `closed`, and somebody can still write to one.
        """
        if shape.plain:
            try:
                digests: list[bytes] = []
                self._looked = []
                for path in staged:
                    found = os.lstat(path)
                    if found.st_mode & 0o170000 != 0o100000:
                        break
                    self._looked += (found,)  # it takes no call, as `append` does
                    digests += (file_digest(path, closed=closed),)
                else:
                    return digests
            except OSError:
                pass
        return self._inspect_each(shape, outputs, staged, since_ns, closed=closed)

    def _inspect_each(
        self,
        shape: Shape,
        outputs: Sequence[str],
        staged: Sequence[str],
        since_ns: int,
        *,
        closed: bool,
    ) -> list[bytes] | str:
        missing: list[str] = []
        wrong: list[str] = []
        digests: list[bytes] = []
        self._linked = set()
        self._looked = []
        self._folders = {}
        for position, (path, final) in enumerate(zip(staged, outputs, strict=True)):
            try:
                found = os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                missing.append(final)
                continue
            mode = found.st_mode
            self._looked.append(found)
            wanted = stat.S_ISDIR if shape.directories[position] else stat.S_ISREG
            if not wanted(mode):
                kind = "a directory" if shape.directories[position] else "a regular file"
                cure = ""
                if stat.S_ISLNK(mode):
                    way = "cp -r" if shape.directories[position] else "cp, or `ln` without -s"
                    cure = f": copy what it leads to ({way})"
                elif stat.S_ISDIR(mode):
                    cure = f": for a folder write {final}/ in the rule"
                wrong.append(f"{final} should be {kind} and is {kind_of(mode)}{cure}")
                continue
            try:
                if shape.directories[position]:
                    self._folders[final] = signature(path)
                    content, linked = folder_digest(path, closed=closed)
                    if linked:
                        self._linked.add(final)
                else:
                    content = digest(path, closed=closed)
                digests.append(content)
                lack = lack_of(path, *shape.ensure[position])
            except OSError as error:
                wrong.append(f"{final} cannot be read: {error.strerror or error}")
                continue
            if lack:
                wrong.append(f"{final} {lack}")
        if not missing and not wrong:
            return digests
        lines = []
        if missing:
            lines.append(f"the action did not make {some_of(missing, 12)}")
            for final in missing:
                if _written_since(final, since_ns):
                    lines.append(
                        f"{final} was written under its final name: "
                        "write to the path that {output} gives"
                    )
        return "\n".join(lines + wrong)

    def publish(
        self, shape: Shape, outputs: Sequence[str], staged: Sequence[str], digests: Sequence[bytes]
    ) -> list[tuple[bytes, bytes]]:
        """Moves the outputs into place, all or none; (signature, digest) of each, as it is then.

        Raises:
            OSError: if one cannot be moved, or read where it is then, or is not what was digested.
        """
        if outputs[1:] and self._placed is None:
            return self._publish_all(shape, outputs, staged, digests)
        if shape.plain:
            published = []
            for path, final, content, before in zip(
                staged, outputs, digests, self._looked, strict=True
            ):
                if self._placed is not None:
                    self._keep(path, final, before, folder=False)
                try:
                    os.replace(path, final)
                except OSError:
                    self._put(path, final)
                published.append((_moved(final, before, content), content))
            return published
        published = []
        for position, content in enumerate(digests):
            path, final = staged[position], outputs[position].rstrip("/")
            folder = shape.directories[position]
            protect = shape.protected[position]
            if protect and not folder:
                os.chmod(path, os.stat(path).st_mode & 0o7777 & _READ_ONLY)
            if not shape.in_place[position]:
                self._keep(path, final, self._looked[position], folder=folder)
                self._put(path, final)
            if protect and folder:
                _protect_tree(final)
            if folder:
                sign = signature(final) or b""
                if outputs[position] in self._linked:
                    content = digest(final)
                elif sign != self._folders[outputs[position]]:
                    _prove(final, content)
            else:
                sign = _moved(final, self._looked[position], content)
            published.append((sign, content))
        return published

    def _publish_all(
        self, shape: Shape, outputs: Sequence[str], staged: Sequence[str], digests: Sequence[bytes]
    ) -> list[tuple[bytes, bytes]]:
        """The same for several outputs, of which each is kept until all others are in place."""
        self._placed = []
        try:
            published = self.publish(shape, outputs, staged, digests)
        except OSError:
            self._take_back(self._placed)
            raise
        finally:
            placed, self._placed = self._placed, None
        for path, _, _, kept in placed:
            if kept:
                _remove_old(_beside(path))
        return published

    @staticmethod
    def _take_back(placed: Sequence[tuple[str, str, os.stat_result, bool]]) -> None:
        """Puts back what was in the places of these outputs, but where somebody else has put
        something by now."""
        for path, final, before, kept in reversed(placed):
            with contextlib.suppress(OSError):
                if not os.path.lexists(path):  # it was put into its place
                    if os.lstat(final).st_ino != before.st_ino:
                        continue
                    if not kept or stat.S_ISDIR(before.st_mode):
                        remove(final)
                if kept:
                    _rename(_beside(path), final)

    def _keep(self, path: str, final: str, before: os.stat_result, *, folder: bool) -> None:
        """Keeps what is in the place of an output, until all outputs of the job are in theirs."""
        if self._placed is None:
            return
        old = _beside(path)
        kept = True
        try:
            try:
                if folder:
                    raise IsADirectoryError
                os.link(final, old, follow_symlinks=False)
            except (IsADirectoryError, PermissionError):  # a folder, or somebody else's file
                _rename(final, old)  # has to give way already
        except (FileNotFoundError, NotADirectoryError):
            kept = False
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return  # it will be copied, and cannot be put back
        self._placed.append((path, final, before, kept))

    def _put(self, path: str, final: str) -> None:
        """Moves one output; what lies in its place, be it a link or a folder, gives way."""
        try:
            _rename(path, final)
            return
        except FileNotFoundError:
            _make_folder_of(final)
        except OSError as error:
            if error.errno == errno.EXDEV:
                self._carry(path, final)
                return
            if error.errno not in (errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST):
                raise
            if _file_above(final) is not None:
                raise _no_folder(error, final) from None
        self._swap(path, final)

    def _swap(self, path: str, final: str) -> None:
        old = _beside(path)
        gives_way = os.path.lexists(final)
        if gives_way:
            _rename(final, old)
        try:
            _rename(path, final)
        except OSError:
            if gives_way:
                _rename(old, final)
            raise
        _remove_old(old)

    def _carry(self, path: str, final: str) -> None:
        """Copies beside the final path, for two mounts that claim to be one file system."""
        folder, name = os.path.split(os.path.abspath(final))
        beside = os.path.join(folder, self._beside)
        self._note_foreign(beside)
        remove(beside)
        os.mkdir(beside)
        copy = os.path.join(beside, name)
        if os.path.isdir(path):
            shutil.copytree(path, copy, symlinks=True)
        else:
            shutil.copyfile(path, copy)
            shutil.copymode(path, copy)
        remove(path)
        self._put(copy, final)
        remove(beside)

    def settle(self) -> list[str]:
        """Proves the stage empty; throws away what was left and names it."""
        if self._files:
            for path in self._files:
                remove(path)
            self._files = []
        try:
            for path, children in self._emptied:
                found = os.listdir(path)
                if found and sorted(found) != children:
                    return self._throw_away()
            for path, changed in self._watched:
                if os.stat(path).st_mtime_ns != changed:
                    return self._throw_away()
        except OSError:
            self.clear()
        return []

    def clear_all(self) -> list[str]:
        """Makes the stage anew after a job that made folders in it; names the files left there."""
        kept = set(self._files)
        names = []
        for folder, _, files in os.walk(self.folder):
            for name in sorted(files):
                path = os.path.join(folder, name)
                if path not in kept:
                    names.append(os.path.relpath(path, self.folder))
        self.clear()
        return names

    def _throw_away(self) -> list[str]:
        names = []
        for folder, children in self._kept.items():
            path = self._prefix + folder if folder else self.folder
            for name in sorted(set(os.listdir(path)) - children):
                below = os.path.join(path, name)
                is_folder = os.path.isdir(below) and not os.path.islink(below)
                names.append(os.path.join(folder, name) + "/" * is_folder)
        self.clear()
        return names

    def clear(self) -> None:
        """Makes the stage anew, whatever lies in it."""
        for beside in self._foreign.values():
            remove(beside)
        self._foreign = {}
        try:
            remove(self.folder)
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise
            aside = (f"{self.folder}.{n}" for n in count(1))
            os.rename(self.folder, next(path for path in aside if not os.path.lexists(path)))
        os.makedirs(self.folder)
        self._kept = {"": set()}
        self._single = None
        self._files = []
        self._take_stock()


def _remove_old(path: str) -> None:
    """Removes what an output has replaced; what this user may not remove stays in the stage."""
    try:
        remove(path)
    except OSError as error:
        if error.errno not in _NOT_OURS:
            raise


def make_parents(paths: Iterable[str], known: set[str]) -> None:
    """Makes the folders of these paths; `known` remembers those that are there."""
    for path in paths:
        folder = os.path.dirname(path)
        if folder and folder not in known:
            _make_folder_of(path)
            known.add(folder)


def make_logs(paths: Iterable[str]) -> None:
    """Makes those of a job's own logs to which it had nothing to write."""
    for path in paths:
        if not os.path.lexists(path):
            if path.endswith("/"):
                os.mkdir(path)
            else:
                open(path, "w", encoding="utf-8").close()


def now_ns() -> int:
    """The time to hand to `inspect`: no file that is written from now on has an earlier one."""
    return time.time_ns() - _LAG_NS


def _moved(final: str, before: os.stat_result, content: bytes) -> bytes:
    """The signature of a file in its place: the one that it was before, which nobody has written.

    Raises:
        OSError: if it is not.
    """
    now = os.stat(final)
    if (
        now.st_ino != before.st_ino
        or now.st_mtime_ns != before.st_mtime_ns
        or now.st_size != before.st_size
    ):
        _prove(final, content)
    return signature_of(now)


def _prove(final: str, content: bytes) -> None:
    """Proves that an output holds what was digested, though it does not look like that.

    Its signature was taken before, so that what changes from now on is seen.

    Raises:
        OSError: if it does not: then nobody knows who has made what is there.
    """
    if digest(final) != content:
        raise OSError(
            errno.EBUSY,
            f"{final} was written by something else while it was put into its place",
        )


def _written_since(path: str, since_ns: int) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    return max(found.st_mtime_ns, found.st_ctime_ns) >= since_ns


def _protect_tree(folder: str) -> None:
    for below, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = os.path.join(below, name)
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode & 0o7777 & _READ_ONLY)
        os.chmod(below, os.stat(below).st_mode & 0o7777 & _READ_ONLY)
