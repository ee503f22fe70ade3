"""Looks at files: signatures, digests, and a disk that remembers what it was asked.

Knows paths and bytes only; nothing of rules, jobs or records.

A *signature* is 32 bytes, size, mtime_ns, ctime_ns and inode of a file: equal signatures mean
unchanged bytes, unless the file was young when it was taken (see `Clock`). A directory's signature
is a digest of the names and signatures of all files below it. A *digest* is 16 bytes of a hash of
the content; for a directory, of the names and digests of all files below it (empty folders and
rights do not count). A link below a directory is what it leads to; one that leads to nothing counts
by its name and by what it says.

What cannot be looked at is not what is not there: only `nothing_there` tells of the latter, and
whoever takes the one for the other builds, or removes, for the wrong reason.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence

from fileflow.errors import FileflowError
from fileflow.model.digests import DIGEST_SIZE
from fileflow.model.paths import common_folder
from fileflow.model.ports import Listing
from fileflow.signature import NOTHING, SIGNATURE

_BLOCK = 256 * 1024
_FIRST = 64 * 1024
_pack = SIGNATURE.pack
_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


def nothing_there(error: OSError) -> bool:
    """Whether an error says that a path leads to nothing, not that nobody can tell."""
    return error.errno in _NOWHERE


def unreadable(path: str, error: OSError) -> FileflowError:
    """What to tell of a source that cannot be looked at, or read."""
    name = path if error.filename is None else os.fsdecode(error.filename)
    return FileflowError(f"{name} cannot be read: {error.strerror or error}")


def is_anything(path: str) -> bool:
    """Whether there is anything at a path, a link not followed.

    Raises:
        FileflowError: nobody can tell.
    """
    try:
        os.lstat(path)
    except OSError as error:
        if nothing_there(error):
            return False
        raise unreadable(path, error) from None
    except ValueError:
        return False
    return True


def kind_of(mode: int) -> str:
    """What a path leads to, in words."""
    for test, name in (
        (stat.S_ISLNK, "a link"),
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISREG, "a regular file"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
    ):
        if test(mode):
            return name
    return "a device"


def signature_of(found: os.stat_result) -> bytes:
    """The signature of a file from its stat."""
    return _pack(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def signature(path: str) -> bytes | None:
    """The signature of a file or directory (links followed), or None if there is neither.

    A FIFO, socket or device is no file: None.

    Raises:
        OSError: it, or something in it, cannot be looked at.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        if nothing_there(error):
            return None
        raise
    if stat.S_ISREG(found.st_mode):
        return _pack(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    if stat.S_ISDIR(found.st_mode):
        return _directory_signature(path)
    return None


def signatures(paths: Iterable[str]) -> list[bytes | None]:
    """The signature of each path: the hot loop of deciding what is fresh.

    Raises:
        OSError: one cannot be looked at.
    """
    out: list[bytes | None] = []
    add = out.append
    look = os.stat
    pack = _pack
    for path in paths:
        try:
            found = look(path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            add(None)
            continue
        except OSError as error:
            if not nothing_there(error):
                raise
            add(None)
            continue
        if found.st_mode & 0o170000 == 0o100000:
            add(pack(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino))
        else:
            add(signature(path))
    return out


def column(signs: Iterable[bytes | None]) -> bytes:
    """Signatures one after the other, zeros for what is not there or not known."""
    return b"".join([sign or NOTHING for sign in signs])


def cut(column: bytes, size: int) -> list[bytes]:
    """The signatures or digests of a column, `size` bytes each."""
    return [column[at : at + size] for at in range(0, len(column), size)]


def files_below(folder: str) -> list[str]:
    """All files below a folder, relative to it, in the order of their text; links followed.

    A link that leads to nothing, or in a ring, is one of them.
    """
    return _below(folder)[0]


def folder_has_links(folder: str) -> bool:
    """Whether anything below a folder is a link, or no plain file."""
    try:
        return _below(folder)[1]
    except OSError:  # whoever looks at what is in it will tell
        return True


def _below(folder: str) -> tuple[list[str], bool]:
    """The files below a folder, and whether any of what lies there is a link or no plain file."""
    out: list[str] = []
    odd = False
    stack = [""]
    seen: set[tuple[int, int]] = set()
    while stack:
        below = stack.pop()
        here = os.path.join(folder, below) if below else folder
        found = os.stat(here)
        if (found.st_dev, found.st_ino) in seen:  # a link that leads back up
            continue
        seen.add((found.st_dev, found.st_ino))
        with os.scandir(here) as entries:
            for entry in entries:
                name = f"{below}/{entry.name}" if below else entry.name
                if entry.is_file(follow_symlinks=False):
                    out.append(name)
                elif entry.is_dir(follow_symlinks=False):
                    stack.append(name)
                else:
                    odd = True
                    (stack if os.path.isdir(entry.path) else out).append(name)
    out.sort()
    return out, odd


def _lost_link(path: str, size: int) -> bytes | None:
    """What stands for a link that leads to nothing, in `size` bytes; None if it is not one."""
    try:
        os.stat(path)
    except OSError as error:
        if nothing_there(error) and os.path.islink(path):
            said = os.fsencode(os.readlink(path))
            return hashlib.blake2b(said, digest_size=size, person=b"link").digest()
    return None


def _directory_signature(path: str) -> bytes | None:
    made = hashlib.blake2b(digest_size=SIGNATURE.size)
    try:
        for name in files_below(path):
            one = os.path.join(path, name)
            sign = signature(one) or _lost_link(one, SIGNATURE.size) or b""
            made.update(os.fsencode(name) + b"\0" + sign)
    except (FileNotFoundError, NotADirectoryError):  # a folder of it went while we looked
        return None
    return made.digest()


def lack_of(path: str, non_empty: bool, sha256: str | None) -> str | None:
    """What an output lacks of what its `ensure` says, or None."""
    if non_empty:
        found = os.stat(path)
        if not (files_below(path) if stat.S_ISDIR(found.st_mode) else found.st_size):
            return "is empty"
    if sha256 is not None:
        made = hashlib.sha256()
        with open(path, "rb") as file:
            while data := file.read(1 << 20):
                made.update(data)
        if made.hexdigest() != sha256:
            return f"has the sha256 {made.hexdigest()}, not {sha256}"
    return None


class Folders:
    """What folders hold, each listed once: tells of many paths with one look at their folder.

    Only what a listing proves is told: a name that is not in it is nothing, one that is a regular
    file is there; all else (links, folders, names of another spelling) is for a look of its own.
    """

    MOST = 20  # a folder with more names than so many times those asked for is not listed

    def __init__(self) -> None:
        self._listed: dict[str, tuple[set[str], set[str]] | None] = {}

    def clear(self) -> None:
        """Lists anew from now on."""
        self._listed.clear()

    def not_plain(self, paths: Sequence[str]) -> list[str]:
        """Those of these paths of which no listing says that they are regular files."""
        unsure: list[str] = []
        for folder, names in by_folder(paths):
            listed = self._names(folder, len(names))
            if listed is None:
                unsure += [folder + name for name in names]
            else:
                plain = listed[0]
                unsure += [folder + name for name in names if name not in plain]
        return unsure

    def nothing_at(self, paths: Sequence[str]) -> bool:
        """Whether listings say that there is nothing at any of these paths."""
        for folder, names in by_folder(paths):
            listed = self._names(folder, len(names))
            if listed is None or not all(found.isdisjoint(names) for found in listed):
                return False
        return True

    def _names(self, folder: str, count: int) -> tuple[set[str], set[str]] | None:
        """The names of regular files in a folder, and all others; None if it was not listed."""
        if folder not in self._listed:
            self._listed[folder] = self._list(folder or ".", self.MOST * (count + 50))
        return self._listed[folder]

    @staticmethod
    def _list(folder: str, most: int) -> tuple[set[str], set[str]] | None:
        plain: set[str] = set()
        others: set[str] = set()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    (plain if entry.is_file(follow_symlinks=False) else others).add(entry.name)
                    if len(plain) > most:
                        return None
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError:
            return None
        return plain, others


def by_folder(paths: Sequence[str]) -> Iterable[tuple[str, Sequence[str]]]:
    """Paths as (folder with its last `/`, names in it)."""
    if not paths:
        return []
    # Most often all lie in one folder: then one join and one split in C tell the names.
    text = "\n".join(paths)
    folder = common_folder(text, len(paths))
    if folder is not None:
        return [(folder, text[len(folder) :].replace("\n" + folder, "\n").split("\n"))]
    found: dict[str, list[str]] = {}
    for path in paths:
        cut = path.rfind("/") + 1
        found.setdefault(path[:cut], []).append(path[cut:])
    return found.items()


_buffer: bytearray | None = None


class Hashing:
    """The algorithm by which contents are digested in this process: one for a project.

    A new project takes blake3 where it is installed (the extra `fast`), else sha256; one that has
    digests goes on with what they were made with, as far as that can be had.
    """

    def __init__(self) -> None:
        self.algorithm = "sha256"
        self.new: Callable[[bytes], hashlib._Hash] = hashlib.sha256
        self.use("blake3")

    def use(self, algorithm: str) -> None:
        """Digests by this algorithm from now on, if it is there."""
        if algorithm == "sha256":
            self.algorithm, self.new = "sha256", hashlib.sha256
        elif algorithm == "blake3":
            try:
                import blake3
            except ImportError:
                return
            # Typed as nothing: what its types say is close to `hashlib`'s, not the same.
            self.algorithm, self.new = "blake3", vars(blake3)["blake3"]


hashing = Hashing()


class StillOpenError(Exception):
    """Somebody has this file open for writing."""


_SET_LEASE = getattr(fcntl, "F_SETLEASE", None)


def file_digest(path: str, *, closed: bool = False) -> bytes:
    """The digest of a regular file's bytes.

    Raises:
        OSError: if it cannot be read.
        StillOpenError: if it is to be `closed`, and somebody can still write to it (Linux).
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if closed and _SET_LEASE is not None:
            try:  # a lease for reading is given while nobody has it open for writing: fcntl(2)
                fcntl.fcntl(descriptor, _SET_LEASE, fcntl.F_RDLCK)
                fcntl.fcntl(descriptor, _SET_LEASE, fcntl.F_UNLCK)
            except OSError as error:  # others: none is to be had of this file, or here
                if error.errno == errno.EAGAIN:
                    raise StillOpenError(path) from None
        data = os.read(descriptor, _FIRST)
        made = hashing.new(data)
        if len(data) == _FIRST:
            global _buffer
            buffer = _buffer if _buffer is not None else bytearray(_BLOCK)
            _buffer = None  # taken: another thread makes its own
            view = memoryview(buffer)
            while count := os.readv(descriptor, [buffer]):
                made.update(view[:count])
            _buffer = buffer
    finally:
        os.close(descriptor)
    return made.digest()[:DIGEST_SIZE]


def digest(path: str, *, closed: bool = False) -> bytes:
    """The digest of a file or, by its names and bytes, of a directory.

    Raises:
        OSError: if something of it cannot be read, or it is neither.
        StillOpenError: as `file_digest`.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISREG(mode):
        return file_digest(path, closed=closed)
    if not stat.S_ISDIR(mode):
        raise OSError(f"{path} is neither a file nor a folder")
    return folder_digest(path, closed=closed)[0]


def folder_digest(path: str, *, closed: bool = False) -> tuple[bytes, bool]:
    """The digest of a folder, and whether a link lies in it, say: then it may differ elsewhere.

    Raises:
        OSError: if something of it cannot be read.
        StillOpenError: as `file_digest`.
    """
    made = hashlib.blake2b(digest_size=DIGEST_SIZE)
    names, odd = _below(path)
    for name in names:
        one = os.path.join(path, name)
        content = _odd_digest(one) if odd else None
        content = content or file_digest(one, closed=closed)
        made.update(os.fsencode(name) + b"\0" + content)
    return made.digest(), odd


def _odd_digest(path: str) -> bytes | None:
    """What stands for a link that leads to nothing, or for a FIFO, socket or device, which are not
    to be opened; None of a file."""
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except OSError:
        return _lost_link(path, DIGEST_SIZE)
    if kind == stat.S_IFREG:
        return None
    return hashlib.blake2b(b"%o" % kind, digest_size=DIGEST_SIZE, person=b"kind").digest()


def steady_digest(path: str) -> tuple[bytes, bytes] | None:
    """(signature, digest) of what is there, taken so that the two belong together; None if nothing.

    Raises:
        OSError: if it cannot be read.
    """
    before = signature(path)
    for _ in range(3):
        if before is None:
            return None
        content = digest(path)
        after = signature(path)
        if after == before:
            return before, content
        before = after
    return (NOTHING, content) if before is not None else None


class Clock:
    """Tells whether a signature proves anything: the time of the file system, and its granularity.

    A file that was changed within the clock's granularity before it was looked at may change again
    without a trace in its times. Kernels since 6.13 give a new time to every change that follows a
    look; elsewhere times move in steps. Which of the two holds is found by trying, once.
    """

    COARSE_NS = 20_000_000
    FOREIGN_NS = 2_100_000_000

    def __init__(self, folder: str) -> None:
        """`folder` is one that may be written; the probe file in it is removed at once.

        `start` is the file system's time now, `now` that of the last `tick`.
        """
        self._probe = os.path.join(folder, f"clock.{os.getpid()}")
        descriptor = os.open(self._probe, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            self.device = os.fstat(descriptor).st_dev
            times = []
            for _ in range(4):
                os.pwrite(descriptor, b".", 0)
                found = os.fstat(descriptor)
                times.append((found.st_mtime_ns, found.st_ctime_ns))
            self.fine = len(set(times)) == len(times)
        finally:
            os.close(descriptor)
            os.unlink(self._probe)
        self.now = self.start = times[-1][1]
        self._devices: dict[str, int] = {}

    def tick(self) -> int:
        """Reads the file system's time anew, in ns; call before signatures that it shall judge."""
        if not self.fine:
            descriptor = os.open(self._probe, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(descriptor, b".", 0)
                self.now = os.fstat(descriptor).st_ctime_ns
            finally:
                os.close(descriptor)
                os.unlink(self._probe)
        return self.now

    def proven(self, path: str, sign: bytes, since: int) -> bytes:
        """The signature if it proves that nothing changed since it was taken, else `NOTHING`.

        Args:
            path: what the signature is of.
            sign: the signature.
            since: the file system's time before it was taken, from `tick` or `now`.
        """
        device = self._device_of(path)
        if self.fine and device == self.device:
            return sign
        if os.path.isdir(path):  # its signature tells no times
            return NOTHING
        _, changed, turned, _ = SIGNATURE.unpack(sign)
        granule = self.COARSE_NS if device == self.device else self.FOREIGN_NS
        return NOTHING if max(changed, turned) > since - granule else sign

    def unproven(self, paths: Sequence[str], signs: Mapping[str, bytes | None]) -> Iterable[str]:
        """Those of these paths whose signature proves nothing since the start."""
        folders = {path[: path.rfind("/") + 1] for path in paths}
        if self.fine and all(self._device_of(folder) == self.device for folder in folders):
            return ()
        return [
            path
            for path in paths
            if (sign := signs[path]) is not None and self.proven(path, sign, self.start) == NOTHING
        ]

    def _device_of(self, path: str) -> int:
        """The file system of a path: that of its folder, which is looked at once."""
        folder = path.rpartition("/")[0] or ("/" if path[:1] == "/" else ".")
        device = self._devices.get(folder)
        if device is None:
            try:
                device = os.stat(folder).st_dev
            except OSError:
                device = -1
            self._devices[folder] = device
        return device


class RealDisk:
    """The disk below a folder, as the language reads it; remembers what was asked of it.

    `seen` holds the signature of every path that was read, listed or looked for, taken before
    that; None where nothing was.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.seen: dict[str, bytes | None] = {}
        self._read: dict[str, bytes | None] = {}
        self._listed: dict[str, Listing] = {}

    def _full(self, path: str) -> str:
        return os.path.join(self.root, path)

    def see(self, path: str) -> None:
        """Takes the signature of a path, if it was not looked at before."""
        if path not in self.seen:
            try:
                self.seen[path] = signature_of(os.stat(self._full(path)))
            except (OSError, ValueError):
                self.seen[path] = None

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or None if there is none.

        Raises:
            OSError: it cannot be read, or is no file: a FIFO would block whoever opens it, unless a
                shell names it (`/dev/fd/63`).
        """
        if path not in self._read:
            self.see(path)
            try:
                full = self._full(path)
                mode = os.stat(full).st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or path.startswith("/dev/")):
                    raise OSError(errno.EINVAL, f"it is {kind_of(mode)}, and no file")
                with open(full, "rb") as file:
                    self._read[path] = file.read()
            except (FileNotFoundError, NotADirectoryError):
                self._read[path] = None
        return self._read[path]

    def was_read(self, path: str) -> bytes | None:
        """The bytes of a file as they were read, or None if they were not."""
        return self._read.get(path)

    def listing(self, folder: str) -> Listing:
        """The names in a folder, links followed.

        One that leads where nobody may look is told as both: who goes on there is told so.

        Raises:
            FileflowError: it cannot be read.
        """
        if folder not in self._listed:
            self.see(folder or ".")
            found = Listing([], [], [])
            try:
                with os.scandir(self._full(folder) or ".") as entries:
                    for entry in entries:
                        if entry.is_file(follow_symlinks=False):
                            found.files.append(entry.name)
                        elif entry.is_symlink():
                            kinds = _led_to(entry.path)
                            for is_folder in kinds:
                                found[is_folder].append(entry.name)
                            if kinds == (False,):
                                found.links.append(entry.name)
                            else:
                                self.see(os.path.join(folder, entry.name))
                        else:
                            found[entry.is_dir()].append(entry.name)
            except OSError as error:
                if not nothing_there(error):
                    error.filename = folder or "."
                    raise unreadable(folder, error) from None
            self._listed[folder] = found
        return self._listed[folder]

    def exists(self, path: str) -> bool:
        """Whether there is anything at this path, a broken link not counted.

        Raises:
            FileflowError: nobody can tell.
        """
        self.see(path)
        try:
            os.stat(self._full(path))
        except OSError as error:
            if not nothing_there(error):
                error.filename = path
                raise unreadable(path, error) from None
            return False
        except ValueError:
            return False
        return True


def _led_to(link: str) -> tuple[bool, ...]:
    """Whether a link leads to a folder: no answer if it leads nowhere, both if nobody can tell."""
    try:
        return (stat.S_ISDIR(os.stat(link).st_mode),)
    except OSError as error:
        return () if nothing_there(error) else (False, True)
