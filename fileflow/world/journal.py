"""An append-only file of checksummed frames: what is damaged is skipped, never believed.

Knows bytes, frames and the disk's faults; nothing of what a frame means.

The file begins with one line for people, `fileflow journal, format 1 (…)`, in brackets a checksum
of the line. Then frames follow, each a mark to find it by, its kind (one byte), its length, a crc32
of these two and of the payload, and the payload: the length of its head, the head (a JSON text) and
its body (bytes). All numbers are little-endian. A frame holds less than 4 GiB.

The whole file is kept in memory as `Journal.data`, and grows there as it grows on the disk: a
position in the file is a position in it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import time
from collections.abc import Iterable
from itertools import chain, starmap
from zlib import crc32

from fileflow.errors import Exit, FileflowError
from fileflow.lean import NamedTuple, dataclass
from fileflow.world.state_folder import set_apart

FORMAT = 1
SYNC = b"\n\xff\x00\n"
_TITLE = b"fileflow journal, format "
_START = struct.Struct("<4sBII")  # mark, kind, length of the payload, crc32
_CHECKED = struct.Struct("<BI")  # what the checksum covers beside the payload
_LENGTH = struct.Struct("<I")
_LOOK_EVERY = 0.2


def header(version: int) -> bytes:
    """The first line of a journal of this format version."""
    text = b"%s%d" % (_TITLE, version)
    return b"%s (%08x)\n" % (text, crc32(text))


HEADER = header(FORMAT)


class Frame(NamedTuple):
    """Where a whole frame lies: its head is `data[head:body]`, its body `data[body:end]`."""

    kind: int
    start: int
    head: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in a journal's bytes.

    Args:
        frames: those that are whole and unchanged, in order.
        damaged: in how many places something lies that is no whole frame.
        torn: whether the last append was cut off (or still goes on).
        end: where the last whole frame ends.
    """

    frames: list[Frame]
    damaged: int
    torn: bool
    end: int


def encode(kind: int, head: bytes, body: bytes = b"") -> bytes:
    """One frame as bytes."""
    length = _LENGTH.size + len(head) + len(body)
    size = _LENGTH.pack(len(head))
    check = crc32(body, crc32(head, crc32(size, crc32(_CHECKED.pack(kind, length)))))
    return b"".join((_START.pack(SYNC, kind, length, check), size, head, body))


def read_frames(data: bytes | bytearray) -> Reading:
    """All whole frames in the bytes of a journal, the header left out; never fails."""
    frames: list[Frame] = []
    damaged = 0
    torn = False
    at = end = len(HEADER)
    with memoryview(data) as view:
        while at < len(data):
            frame = _whole(view, at)
            if frame is None:
                after = data.find(SYNC, at + 1)
                while after >= 0 and (frame := _whole(view, after)) is None:
                    after = data.find(SYNC, after + 1)
                torn = frame is None and _is_torn(view, at)
                damaged += not torn
                if frame is None:
                    break
            frames.append(frame)
            at = end = frame.end
    return Reading(frames, damaged, torn, end)


def _whole(view: memoryview, at: int) -> Frame | None:
    """The frame that begins here, or None if none does, or not whole, or not unchanged."""
    payload = at + _START.size
    head = payload + _LENGTH.size
    if head > len(view):
        return None
    mark, kind, length, check = _START.unpack_from(view, at)
    end = payload + length
    if mark != SYNC or length < _LENGTH.size or end > len(view):
        return None
    body = head + _LENGTH.unpack_from(view, payload)[0]
    if body > end or crc32(view[payload:end], crc32(_CHECKED.pack(kind, length))) != check:
        return None
    return Frame(kind, at, head, body, end)


def _is_torn(view: memoryview, at: int) -> bool:
    """Whether the bytes from here to the end are the beginning of one frame that goes on."""
    if len(view) - at < _START.size:
        mark = bytes(view[at : at + len(SYNC)])
        return SYNC.startswith(mark)
    mark, _, length, _ = _START.unpack_from(view, at)
    return bool(mark == SYNC and at + _START.size + length > len(view))


class Journal:
    """The journal of a state folder, read when made; only a writable one ever changes a byte.

    A writable one expects that nobody else writes (see `Lock`).

    Attributes:
        path, name: where the file is, and how messages call it.
        writable: whether it may be appended to.
        data: the bytes of the file; what is appended is appended here too.
        reading: what was found in them.
        unknown: why nothing of the file could be read, in words; or empty.
    """

    def __init__(self, folder: str, *, writable: bool) -> None:
        """Reads `folder/journal`; one that is not there is empty.

        Raises:
            FileflowError: if it cannot be read (or written, if it shall be), or was made by a
                newer fileflow.
        """
        self.path = os.path.join(folder, "journal")
        self.name = f"{os.path.basename(os.path.abspath(folder))}/journal"
        self.data = bytearray()
        self.reading = Reading([], 0, False, 0)
        self.unknown = ""
        self.writable = writable
        self._folder = folder
        self._descriptor: int | None = None
        self._place: tuple[int, int] | None = None
        self._looked = 0.0
        self._ready = False
        self._open()

    def append(self, kind: int, head: bytes, body: bytes = b"") -> Frame:
        """Appends one frame with one write, and says where it lies.

        Raises:
            FileflowError: if it could not be written whole (then nothing of it stays), or if the
                file was removed or replaced since it was read.
        """
        if not self._ready:
            self._prepare()
        if time.monotonic() - self._looked > _LOOK_EVERY:
            self.check()
        start = len(self.data)
        self._write(encode(kind, head, body))
        head_at = start + _START.size + _LENGTH.size
        return Frame(kind, start, head_at, head_at + len(head), len(self.data))

    def check(self) -> None:
        """Makes sure that the file is still the one that is written to.

        Raises:
            FileflowError: if it was removed or replaced.
        """
        if self._place is None:
            return
        try:
            found = os.stat(self.path)
        except OSError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != self._place:
            raise FileflowError(
                f"{self.name} was removed or replaced while it was in use",
                hint="run again: what is not on record is built again",
                status=Exit.STATE,
            )
        self._looked = time.monotonic()

    def close(self) -> None:
        """Lets go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = self._place = None

    def rewrite(self, frames: Iterable[tuple[int, bytes, bytes]]) -> None:
        """Replaces the file as a whole by these frames (kind, head, body), and reads it anew.

        Raises:
            FileflowError: if that fails; what lies at the file's name is whole, old or new.
        """
        if not self._ready:
            self._prepare()
        self.check()
        draft = self.path + ".new"
        try:
            descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
            try:
                end = 0
                for block in chain((HEADER,), starmap(encode, frames)):
                    _write_all(descriptor, block, end)
                    end += len(block)
                os.fsync(descriptor)
                os.replace(draft, self.path)
                _sync_folder(self._folder)
            finally:
                os.close(descriptor)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            if isinstance(error, OSError):
                raise self._fault("write", error) from error
            raise
        self.close()
        self._open()

    def _open(self) -> None:
        # Not blocking, since a FIFO in its place would.
        access = os.O_RDWR if self.writable else os.O_RDONLY
        try:
            self._descriptor = os.open(self.path, access | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if os.path.lexists(self.path) and not os.path.isfile(self.path):
                self.unknown = "it is no file"
            elif not isinstance(error, FileNotFoundError):
                raise self._fault("write" if self.writable else "read", error) from error
            return
        try:
            found = os.fstat(self._descriptor)
            if not stat.S_ISREG(found.st_mode):
                self.unknown = "it is no file"
                self.close()
                return
            self._place = found.st_dev, found.st_ino
            self.data = _read_all(self._descriptor, found.st_size)
        except OSError as error:
            self.close()
            raise self._fault("read", error) from error
        self._understand()

    def _understand(self) -> None:
        if self.data.startswith(HEADER):
            self.reading = read_frames(self.data)
        elif HEADER.startswith(self.data):  # the very first write was cut off
            self.reading = Reading([], 0, bool(self.data), 0)
        else:
            version = _version_of(self.data)
            if version is not None and version > FORMAT:
                self.close()
                raise FileflowError(
                    f"{self.name} was made by a newer fileflow: it has format {version}, this"
                    f" fileflow knows {FORMAT}",
                    hint=f"use the newer one, or move {self.name} away and build everything again",
                    status=Exit.STATE,
                )
            self.unknown = "it is no journal" if version is None else f"it has format {version}"
            self.data = bytearray()

    def _prepare(self) -> None:
        """Before the first append: a file to append to, that ends with a whole frame."""
        if not self.writable:
            raise RuntimeError("this journal was opened for reading only")
        try:
            if self.unknown:
                self.check()
                set_apart(self.path)
                self.close()
            if self._descriptor is None:
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._descriptor = os.open(self.path, flags, 0o666)
                found = os.fstat(self._descriptor)
                self._place = found.st_dev, found.st_ino
            if self.reading.end < len(self.data):
                os.ftruncate(self._descriptor, self.reading.end)
                del self.data[self.reading.end :]
        except OSError as error:
            raise self._fault("write", error) from error
        if not self.data:
            self._write(HEADER)
        self._ready = True

    def _write(self, block: bytes) -> None:
        assert self._descriptor is not None, "bug: nothing is open"
        end = len(self.data)
        try:
            _write_all(self._descriptor, block, end)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, end)
            if isinstance(error, OSError):
                raise self._fault("write", error) from error
            raise
        self.data += block

    def _fault(self, verb: str, error: OSError) -> FileflowError:
        return FileflowError(
            f"cannot {verb} {self.name}: {error.strerror or error}", status=Exit.STATE
        )


def _version_of(data: bytearray) -> int | None:
    """The format version that the first line names, or None if it is no such line, unchanged."""
    line, newline, _ = bytes(data[:64]).partition(b"\n")
    number = line[len(_TITLE) :].partition(b" ")[0]
    if number.isdigit() and line + newline == header(int(number)):
        return int(number)
    return None


def _read_all(descriptor: int, size: int) -> bytearray:
    data = bytearray(size)
    done = 0
    with memoryview(data) as view:
        while done < size and (count := os.preadv(descriptor, [view[done:]], done)):
            done += count
    del data[done:]
    return data


def _write_all(descriptor: int, block: bytes, at: int) -> None:
    """Writes all at this position: one system call, more only if the first one fell short."""
    rest = memoryview(block)
    while rest:
        count = os.pwrite(descriptor, rest, at)
        if count <= 0:
            raise OSError(errno.EIO, "nothing was written")
        at += count
        rest = rest[count:]


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (
            errno.EINVAL,
            errno.ENOTSUP,
        ):  # some file systems cannot, or need not
            raise
    finally:
        os.close(descriptor)
