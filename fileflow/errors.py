"""What a user can get wrong, said once and well: where, the line, the cause, what to write instead.

Knows nothing of rules, jobs or files: callers hand in facts and words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import IntEnum

from fileflow.lean import NamedTuple


class Exit(IntEnum):
    """The exit statuses of the command line; each prints as its number, in Python 3.10 too."""

    OK = 0
    FAILED = 1
    WRONG = 2
    STATE = 3
    LOCKED = 5

    def __str__(self) -> str:
        return int.__repr__(self)

    def __format__(self, form: str) -> str:
        return int.__format__(self, form)


class Source:
    """A text that places point into: a file's name, as the user would type it, and its lines."""

    __slots__ = ("_lines", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._lines: list[str] | None = None

    def line(self, number: int) -> str | None:
        """The line with this number (from 1), or None if there is none."""
        if self._lines is None:
            self._lines = self.text.split("\n")
        if 1 <= number <= len(self._lines):
            return self._lines[number - 1].rstrip("\r")
        return None


class Place(NamedTuple):
    """Where something was written: a source, a line and a column, both from 1."""

    source: Source
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    def shown(self) -> list[str]:
        """The line itself with a caret below the column; nothing for a line that is not there."""
        text = self.source.line(self.line)
        if text is None or not text.strip():
            return []
        start = max(0, self.column - 81)
        piece = text[start : start + 160].replace("\t", " ")
        return [f"  {piece}", f"  {' ' * (self.column - 1 - start)}^"]


_SHOWN = 12


def _escape(control: re.Match[str]) -> str:
    return f"\\x{ord(control[0]):02x}"


class FileflowError(Exception):
    """One mistake: what is wrong, where, and what to do instead.

    Args:
        what: the cause in the user's words, without a final full stop.
        place: where it was written, if it was written anywhere.
        hint: what to write or do instead.
        status: the exit status that the command line ends with.
    """

    def __init__(
        self,
        what: str,
        *,
        place: Place | None = None,
        hint: str | None = None,
        status: Exit = Exit.WRONG,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.place = place
        self.hint = hint
        self.status = status

    @property
    def errors(self) -> Sequence[FileflowError]:
        """The mistakes one by one: this one."""
        return (self,)

    def at(self, place: Place) -> FileflowError:
        """The mistake itself, which was made here if it does not say where."""
        self.place = self.place or place
        return self

    def __str__(self) -> str:
        head = f"{self.place}: {self.what}" if self.place else self.what
        lines = [head]
        if self.place:
            lines += self.place.shown()
        if self.hint:
            lines.append(f"  {self.hint}" if self.place else self.hint)
        # What moves the cursor or turns colours on in a terminal is shown, not done.
        return re.sub(r"[\0-\x08\x0b-\x1f\x7f-\x9f]", _escape, "\n".join(lines))


class Mistakes(FileflowError):
    """Several mistakes found in one go; shown one after the other, the first dozen of them."""

    def __init__(self, errors: Sequence[FileflowError]) -> None:
        first = errors[0]
        super().__init__(first.what, place=first.place, hint=first.hint, status=first.status)
        self._errors = tuple(errors)

    @property
    def errors(self) -> Sequence[FileflowError]:
        """The mistakes one by one."""
        return self._errors

    def __str__(self) -> str:
        return "\n".join(first_dozen(self.errors))


def first_dozen(errors: Sequence[FileflowError]) -> list[str]:
    """What is said of mistakes, one by one, and how many more there are."""
    more = [f"… and {len(errors) - _SHOWN} more"] if len(errors) > _SHOWN else []
    return [*map(str, errors[:_SHOWN]), *more]


class Collector:
    """Gathers mistakes so that one reading of a file can name them all."""

    def __init__(self) -> None:
        self.errors: list[FileflowError] = []
        self._known: set[tuple[str, Place | None]] = set()

    def add(self, error: FileflowError) -> None:
        """Keeps a mistake; one that is said already (the same words and place) only once."""
        for one in error.errors:
            if (one.what, one.place) not in self._known:
                self._known.add((one.what, one.place))
                self.errors.append(one)

    def raise_if_any(self) -> None:
        """Raises what was gathered: one error as itself, several as `Mistakes`."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise Mistakes(self.errors)


def shortened(text: str, most: int = 60) -> str:
    """A text for a message, cut if it is long."""
    return text if len(text) <= most else f"{text[: most - 3]}…"


def counted(number: int, what: str) -> str:
    """How many there are of something: `1 job`, `3 jobs`."""
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def some_of(names: Sequence[object], most: int) -> str:
    """Names, no more of them than `most`: `a, b and 3 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like `word`, or None if none is close."""
    import difflib  # costs 1 ms at each start, for the few that make a mistake

    words = list(known)
    found = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if not found:
        lowered = {other.lower(): other for other in words}
        found = [lowered[k] for k in difflib.get_close_matches(word.lower(), lowered, 1, 0.6)]
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint: the nearest known word if there is one, else the few that are known."""
    words = sorted(set(known))
    near = nearest(word, words)
    if near is not None:
        return f"did you mean {near!r}?"
    if 0 < len(words) <= 12:
        return f"known here: {', '.join(words)}"
    return None


class NotYet(Exception):
    """What is asked for takes time, and who asks has other things to do: he is to ask again."""


class Stopped(BaseException):
    """Raised inside an action that is ended from outside, so that its `finally` clauses run."""
