"""How text reaches a person: streams that may break, colours, and numbers in words.

Knows nothing of jobs and events.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from fileflow.lean import dataclass, lazy_regex


class Writer:
    """An output stream that goes quiet when its reader is gone or its device is full; never raises.

    It waits for a slow reader, but not between `hurry` and `settle`: a run goes on unread.

    Args:
        stream: stdout or stderr; None if the process was started without it.
        lost: is told once why text was lost, unless the reader just went away.
    """

    def __init__(self, stream: TextIO | None, lost: Callable[[str], None] | None = None) -> None:
        self._stream = stream
        self._lost = lost
        self._pipe: _Pipe | None = None

    @property
    def encoding(self) -> str:
        """The encoding that the stream writes."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        try:
            return self._stream is not None and self._stream.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """The stream's descriptor.

        Raises:
            OSError: if it has none.
        """
        if self._stream is None:
            raise OSError(errno.EBADF, "the stream is closed")
        return self._stream.fileno()

    def width(self) -> int:
        """The columns of the terminal; 80 where there is none, or one that does not know."""
        try:
            return os.get_terminal_size(self.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    def write(self, text: str) -> int:
        """Writes the text as it is; what the stream cannot encode is shown as escapes."""
        stream = self._stream
        if stream is not None:
            try:
                if self._pipe is None:
                    _write(stream, text)
                else:
                    self._pipe.kept += _encoded(stream, text)
                    self._pipe.push()
            except BlockingIOError:
                pass  # not read quickly enough: what is lost is this text, not the stream
            except (OSError, ValueError) as error:
                self._break(stream, error)
        return len(text)

    def write_bytes(self, data: bytes) -> None:
        """Writes bytes as they are, past the encoding."""
        stream = self._stream
        if stream is None:
            return
        try:
            stream.flush()
            stream.buffer.write(data)
            stream.buffer.flush()
        except (OSError, ValueError) as error:
            self._break(stream, error)

    def line(self, text: str) -> None:
        """Writes the text and a newline."""
        self.write(f"{text}\n")

    def flush(self) -> None:
        """Writes as much of what is kept back as is taken at once; all else is out already."""
        if self._pipe is not None and self._pipe.kept and self._stream is not None:
            try:
                self._pipe.push()
            except OSError as error:
                self._break(self._stream, error)

    @property
    def behind(self) -> bool:
        """Whether text is kept back for a reader that does not read."""
        return self._pipe is not None and bool(self._pipe.kept)

    def hurry(self) -> None:
        """From now on text that cannot be written at once is kept, in order, until it can be."""
        # Whoever stands in for a stream may tell a descriptor that is not where its text goes.
        if self._pipe is None and isinstance(self._stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):
                self._stream.flush()
                self._pipe = _pipe(self._stream.fileno())

    def settle(self, seconds: float | None = None) -> None:
        """Waits for the reader of what is kept, so long at most; the rest is lost.

        From now on all text is waited for.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        try:
            while self.behind:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    break
                assert self._pipe is not None
                self._pipe.wait(left)
                self.flush()
        finally:  # also if a signal ends the waiting
            if self._pipe is not None:
                self._pipe.close()
                self._pipe = None

    def _break(self, stream: TextIO, error: Exception) -> None:
        self._stream = None
        if self._pipe is not None:
            self._pipe.kept.clear()
        # What is left in the stream's buffer is written when the interpreter ends: to nowhere.
        with contextlib.suppress(OSError, ValueError):
            number = stream.fileno()
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), number)
        if self._lost is not None and not isinstance(error, BrokenPipeError):
            self._lost(getattr(error, "strerror", None) or str(error))


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:
        stream.write(_encoded(stream, text).decode(stream.encoding or "ascii"))
    stream.flush()


def _encoded(stream: TextIO, text: str) -> bytes:
    name = stream.encoding or "ascii"
    try:
        return text.encode(name, getattr(stream, "errors", None) or "strict")
    except UnicodeEncodeError:
        return text.encode(name, "backslashreplace")


class _Pipe:
    """A descriptor whose reader may not read, and the text that waits for that.

    Args:
        number: the descriptor.
        own: whether it is ours: it is closed at the end.
    """

    def __init__(self, number: int, *, own: bool = False) -> None:
        from select import PIPE_BUF, POLLOUT, poll  # commands that only answer do without

        self.kept = bytearray()
        self._number = number
        self._own = own
        self._most = PIPE_BUF  # a pipe that is ready takes so much without letting its writer wait
        self._poll = poll()
        self._poll.register(number, POLLOUT)

    def push(self) -> None:
        """Writes as much as is taken at once.

        Raises:
            OSError: if the reader is gone.
        """
        with contextlib.suppress(BlockingIOError):
            while self.kept and self._poll.poll(0):
                del self.kept[: os.write(self._number, self.kept[: self._most])]

    def wait(self, seconds: float | None) -> None:
        """Waits until something is taken, so long at most."""
        self._poll.poll(None if seconds is None else 1000 * seconds)

    def close(self) -> None:
        """Leaves the descriptor as it was."""
        if self._own:
            os.close(self._number)


def _pipe(number: int) -> _Pipe | None:
    """The descriptor, if its reader may not read: of a pipe, a socket or a terminal."""
    if os.isatty(number):
        # A terminal that is ready may take less than is written, and lets its writer wait. Opened
        # anew it can be told not to: that changes nothing for others, who share the descriptor.
        with contextlib.suppress(OSError):
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
            return _Pipe(os.open(os.ttyname(number), flags), own=True)
        return _Pipe(number)
    mode = os.fstat(number).st_mode
    return _Pipe(number) if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else None


def wants_color(choice: str, writer: Writer, environ: Mapping[str, str]) -> bool:
    """Whether to use colours: `always`, `never`, or `auto`, on terminals without `NO_COLOR`."""
    if choice == "auto":
        return writer.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return choice == "always"


@dataclass(frozen=True, slots=True)
class Paint:
    """Colours for text, or none."""

    wanted: bool = False

    def red(self, text: str) -> str:
        """For what went wrong."""
        return self._in(31, text)

    def green(self, text: str) -> str:
        """For what went well."""
        return self._in(32, text)

    def yellow(self, text: str) -> str:
        """For warnings."""
        return self._in(33, text)

    def dim(self, text: str) -> str:
        """For what is beside the point."""
        return self._in(2, text)

    def bold(self, text: str) -> str:
        """For names."""
        return self._in(1, text)

    def _in(self, number: int, text: str) -> str:
        return f"\x1b[{number}m{text}\x1b[0m" if self.wanted else text


NO_COLORS = Paint()


def duration(seconds: float) -> str:
    """A time in words: `0.04 s`, `3.2 s`, `2 min 5 s`, `1 h 4 min`, `2 d 3 h`."""
    if seconds < 0.095:
        return f"{seconds:.2f} s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, smaller, name in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {name}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def time_left(seconds: float) -> str:
    """A time that is only known about: never parts of a second."""
    return duration(seconds) if seconds >= 9.95 else f"{max(1, round(seconds))} s"


# Escape sequences (CSI, OSC, two-character ones), then whatever else moves the cursor.
_ESCAPES = lazy_regex(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
_CONTROLS = lazy_regex(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONG = 1000


def tamed(line: str) -> str:
    """A line of a job's output as a terminal would leave it: no escapes, the last after a CR."""
    if not line.isprintable():
        line = _ESCAPES.sub("", line.rstrip("\r\n")).rpartition("\r")[2]
        line = _CONTROLS.sub("", line)
    return line if len(line) <= _LONG else f"{line[:_LONG]} …"
