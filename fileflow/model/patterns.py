"""Path patterns with `{wildcards}`: parsing, matching a path, filling with values.

Pure text work: knows no disk, no rules, and not where values come from.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat

from fileflow.errors import FileflowError, Place
from fileflow.lean import NamedTuple, lazy_regex

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_HOLE = lazy_regex(
    r"\{\{(?P<literal>[^{}]*)\}\}"
    rf"|\{{(?P<name>{NAME})\}}"
    r"|\{(?P<lookup>config(?:\.[A-Za-z0-9_-]+|\[[^\[\]{}]+\])+)\}"
    rf"|\{{(?P<other>\s*{NAME}\s*,(?:[^{{}}]|\{{[\d,]*\}})+|[^{{}}]*)\}}"
)
_DEFAULT = "[^/]+"
LONGEST_NAME = 255
LONGEST_PATH = 4096
MOST_STEPS = 10_000


def normal(path: str) -> str:
    """The one spelling of a path: `./a//b/../c` is `a/c`; a final `/` is dropped."""
    if path and path[0] != "." and "//" not in path and "/." not in path and path[-1] != "/":
        return path
    made = posixpath.normpath(path)
    return made[1:] if made.startswith("//") else made


def inside(path: str, root: str) -> str:
    """A path as rules know it: relative where it lies in the folder `root`, which is absolute.

    It begins as a normal path does: with `/`, or with all of its `..`.
    """
    whole = path
    if path[:3] == "../":
        above = root
        while whole[:3] == "../":
            above, whole = posixpath.dirname(above), whole[3:]
        whole = posixpath.join(above, whole)
    below = root.rstrip("/") + "/"
    return whole[len(below) :].lstrip("/") or path if whole.startswith(below) else path


def natural_key(text: str) -> tuple[list[int | str], str]:
    """A sort key for natural order: `2` before `10`, equal ones by their text."""
    pieces: list[int | str] = list(re.split(r"(\d+)", text))
    for i in range(1, len(pieces), 2):
        piece = str(pieces[i])
        pieces[i] = int(piece) if piece.isascii() and len(piece) < 4000 else 0
    return pieces, text


class Pattern(NamedTuple):
    """A path with holes.

    `parts` are the literal pieces, one more than `names`; `names` are the holes in order, with
    repeats. A hole that looks up config by a wildcard (`config.rate[sample].low`) stands in `names`
    by that whole text and in `lookups` with the wildcards that it depends on. `root`, if set, is
    the folder in which paths are relative, whatever a value says.
    """

    text: str
    parts: tuple[str, ...]
    names: tuple[str, ...]
    wildcards: tuple[str, ...]
    directory: bool
    lookups: tuple[tuple[str, tuple[str, ...]], ...]
    place: Place | None
    root: str = ""

    def __str__(self) -> str:
        return self.text

    @property
    def is_placeholder(self) -> bool:
        """Whether it is nothing but one hole, so that an input takes its value as a path."""
        return len(self.names) == 1 and self.parts == ("", "")

    def fill(self, values: Mapping[str, str]) -> str:
        """The path for these values (one for each name)."""
        out = [self.parts[0]]
        for name, part in zip(self.names, self.parts[1:], strict=True):
            out.append(values[name])
            out.append(part)
        path = "".join(out)
        return self._spelt(path) if self.is_spelt_late else path

    @property
    def is_spelt_late(self) -> bool:
        """Whether a path has its one spelling only once the values are known: a value that is a
        path, or one before a `..`."""
        return self.is_placeholder or bool(self.lookups) or "/.." in self.text

    def _spelt(self, path: str) -> str:
        path = normal(path)
        return inside(path, self.root) if self.root and path[:1] in ("/", ".") else path

    def fill_rows(self, columns: Mapping[str, Sequence[str]], count: int) -> list[str]:
        """The paths of `count` rows, given a column of values for each name."""
        parts = self.parts
        if not self.names:
            return [parts[0]] * count
        if len(self.names) == 1:
            column = columns[self.names[0]]
            if self.is_placeholder:
                return [self._spelt(value) for value in column]
            head, tail = parts
            # One join and one split build all paths in C; a value never holds a NUL.
            paths = (tail + "\0" + head).join(column).split("\0") if count else []
            if paths:
                paths[0] = head + paths[0]
                paths[-1] = paths[-1] + tail
        else:
            pieces: list[Sequence[str] | Iterator[str]] = []
            for name, part in zip(self.names, parts, strict=False):
                if part:
                    pieces.append(repeat(part, count))
                pieces.append(columns[name])
            if parts[-1]:
                pieces.append(repeat(parts[-1], count))
            paths = list(map("".join, zip(*pieces, strict=False)))
        return [self._spelt(path) for path in paths] if self.is_spelt_late else paths


def partly(pattern: Pattern, values: Mapping[str, str]) -> Pattern:
    """A pattern with some of its wildcards filled in."""
    parts = [pattern.parts[0]]
    names: list[str] = []
    for name, part in zip(pattern.names, pattern.parts[1:], strict=True):
        if name in values:
            parts[-1] += values[name] + part
        else:
            names.append(name)
            parts.append(part)
    wildcards = tuple(name for name in pattern.wildcards if name not in values)
    if not names:  # nothing is left that could tell that it is to be normalised
        parts = [pattern.fill(values)]
    return pattern._replace(parts=tuple(parts), names=tuple(names), wildcards=wildcards)


def parse_pattern(text: str, place: Place | None = None) -> Pattern:
    """Reads a pattern, in which everything but wildcards and config look-ups is filled in already.

    Raises:
        FileflowError: for an empty pattern, or braces that hold no wildcard name.
    """
    if not text or not text.strip():
        raise FileflowError("a path is empty", place=place, hint="write a path, such as out/a.txt")
    if "\0" in text or "\n" in text:
        raise FileflowError("a path holds a line break or NUL", place=place)
    directory = text.endswith("/")
    if "{" not in text:
        path = normal(text)
        shown = path + "/" if directory else path
        return Pattern(shown, (path,), (), (), directory, (), place)
    parts: list[str] = [""]
    names: list[str] = []
    lookups: dict[str, tuple[str, ...]] = {}
    end = 0
    for hole in _HOLE.finditer(text):
        parts[-1] += text[end : hole.start()]
        end = hole.end()
        if hole["literal"] is not None:
            parts[-1] += "{" + hole["literal"] + "}"
        elif hole["name"] is not None:
            names.append(hole["name"])
            parts.append("")
        elif hole["lookup"] is not None:
            keys = re.findall(rf"\[({NAME})\]", hole["lookup"])
            lookups[hole["lookup"]] = tuple(keys)
            names.append(hole["lookup"])
            parts.append("")
        else:
            raise _bad_hole(hole["other"], place)
    parts[-1] += text[end:]
    parts = normal_parts(parts)
    wildcards: list[str] = []
    for name in names:
        wildcards += lookups.get(name, (name,))
    return Pattern(
        text=_text_of(parts, names) + ("/" if directory else ""),
        parts=tuple(parts),
        names=tuple(names),
        wildcards=tuple(dict.fromkeys(wildcards)),
        directory=directory,
        lookups=tuple(lookups.items()),
        place=place,
    )


def _text_of(parts: Sequence[str], names: Sequence[str]) -> str:
    shown = [re.sub(r"\{([^{}]*)\}", r"{{\1}}", part) if "{" in part else part for part in parts]
    return shown[0] + "".join(
        "{" + name + "}" + part for name, part in zip(names, shown[1:], strict=True)
    )


def _bad_hole(inside: str, place: Place | None) -> FileflowError:
    word = inside.strip()
    name, comma, regex = word.partition(",")
    if comma and re.fullmatch(NAME, name.strip()):
        word = name.strip()
        hint = f"write {{{word}}} and, in the rule, constraints: {{{word}: '{regex.strip()}'}}"
        return FileflowError(
            f"a constraint does not stand inside the braces: {{{inside}}}", place=place, hint=hint
        )
    if word.startswith("wildcards."):
        return FileflowError(
            f"in a path a wildcard is written by its name alone: {{{inside}}}",
            place=place,
            hint=f"write {{{word[10:]}}}",
        )
    return FileflowError(
        f"the braces hold no wildcard name: {{{inside}}}",
        place=place,
        hint="a name is letters, digits and _; braces of the file name itself are doubled: {{x}}",
    )


def normal_parts(parts: list[str]) -> list[str]:
    """Normalises the literal pieces as one path, with what is between them as opaque words."""
    if len(parts) == 1:
        return [normal(parts[0])]
    joined = "\x01".join(parts)
    made = normal(joined) if joined != "\x01" else joined
    if made.count("\x01") != len(parts) - 1:  # `{a}/..`: leave it to the file system's own rules
        return parts
    return made.split("\x01")


class TooManyWays(Exception):
    """A path fits a pattern in more ways than are followed."""


class Matcher:
    """Matches paths to one pattern under constraints, and tells values apart from ambiguity."""

    __slots__ = ("_checks", "_exact", "_greedy", "_lazy", "pattern")

    def __init__(self, pattern: Pattern, constraints: Mapping[str, Sequence[str]]) -> None:
        """`constraints` gives for a name the regular expressions that its value matches whole."""
        self.pattern = pattern
        self._checks = {
            name: [re.compile(regex) for regex in constraints[name]]
            for name in pattern.wildcards
            if constraints.get(name)
        }
        self._greedy = None  # a path fits one wildcard in one way at most: its ends tell
        if len(pattern.names) != 1:
            self._greedy = re.compile(self._regex(constraints, lazy=False), re.DOTALL)
        ambiguous = any(
            (part and "/" not in part) or not part for part in pattern.parts[1:-1]
        ) or any("/" in r or "." in r for n in pattern.wildcards for r in constraints.get(n, ()))
        self._lazy = None
        self._exact = False
        if len(set(pattern.names)) > 1 and ambiguous:
            self._lazy = re.compile(self._regex(constraints, lazy=True), re.DOTALL)
            self._exact = bool(self._checks)

    def _regex(self, constraints: Mapping[str, Sequence[str]], *, lazy: bool) -> str:
        out = [re.escape(self.pattern.parts[0])]
        seen: set[str] = set()
        for name, part in zip(self.pattern.names, self.pattern.parts[1:], strict=True):
            if name in seen:
                out.append(f"(?P={name})")
            else:
                seen.add(name)
                rules = constraints.get(name)
                if rules and not all(map(_embeds, rules)):
                    inner = ".*?" if lazy else ".*"
                elif rules:
                    inner = f"(?:{rules[0]})"
                else:
                    inner = _DEFAULT + ("?" if lazy else "")
                out.append(f"(?P<{name}>{inner})")
            out.append(re.escape(part))
        return "".join(out)

    def allowed(self, name: str, value: str) -> bool:
        """Whether `value` may fill the hole `name` of a path."""
        return value_allowed(value, self._checks.get(name))

    def match(self, path: str) -> dict[str, str] | None:
        """The values with which the pattern gives exactly this path, or None."""
        if self._greedy is None:
            head, tail = self.pattern.parts
            value = path[len(head) : len(path) - len(tail)]
            fits = path == head + value + tail and self.allowed(self.pattern.names[0], value)
            return {self.pattern.names[0]: value} if fits else None
        found = self._greedy.fullmatch(path)
        if found is None:
            return None
        values = found.groupdict()
        for name, value in values.items():
            if not value_allowed(value, self._checks.get(name)):
                return next(self.ways(path), None)
        return values

    def is_ambiguous(self, path: str, values: Mapping[str, str]) -> bool:
        """Whether a path that matched with `values` fits in a second way too."""
        if self._lazy is None:
            return False
        other = self._lazy.fullmatch(path)
        theirs = other.groupdict() if other is not None else values
        is_fit = all(self.allowed(name, value) for name, value in theirs.items())
        if is_fit and (theirs != values or not self._exact):
            return theirs != values
        return sum(1 for _ in zip(self.ways(path), range(2), strict=False)) > 1

    def ways(
        self,
        path: str,
        given: Mapping[str, str] | None = None,
        fits: Callable[[Mapping[str, str]], bool] | None = None,
        most: int | None = None,
    ) -> Iterator[dict[str, str]]:
        """Every set of values that gives this path, the longest first value first.

        Args:
            given: the only values that count of some names.
            fits: whether any set may hold these values of the first names; else none of them is
                followed further.
            most: how many steps are followed.

        Raises:
            TooManyWays: if there are more steps.
        """
        names, parts = self.pattern.names, self.pattern.parts
        known = {name: value for name, value in (given or {}).items() if name in names}
        if not path.startswith(parts[0]):
            return
        if not all(self.allowed(name, value) for name, value in known.items()):
            return
        stack: list[tuple[int, int, dict[str, str]]] = [(0, len(parts[0]), known)]
        steps = 0
        while stack:
            i, start, values = stack.pop()
            steps += 1
            if most is not None and steps > most:
                raise TooManyWays
            if fits is not None and not fits(values):
                continue
            if i == len(names):
                if start == len(path):
                    yield values
                continue
            name, part = names[i], parts[i + 1]
            if name in values:
                text = values[name] + part
                if path.startswith(text, start):
                    stack.append((i + 1, start + len(text), values))
                continue
            last = i == len(names) - 1
            ends = [len(path) - len(part)] if last else range(start, len(path) - len(part) + 1)
            for end in ends:
                if end >= start and path.startswith(part, end):
                    value = path[start:end]
                    if self.allowed(name, value):
                        stack.append((i + 1, end + len(part), {**values, name: value}))


_CLASS = lazy_regex(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")
_UNBOUND = lazy_regex(r"[\^$]|\(\?(?!:)")


def _embeds(regex: str) -> bool:
    """Whether an expression means the same inside a larger one.

    Anchors, look-around, flags, names and back references look beyond the value.
    """
    escapes = re.findall(r"\\(.)", regex)
    if any(one in "AZzbB123456789" for one in escapes):
        return False
    return _UNBOUND.search(_CLASS.sub("", regex)) is None


def value_allowed(value: str, checks: Sequence[re.Pattern[str]] | None) -> bool:
    """Whether a value may fill a path: never `.` or `..`; empty or with `/` if `checks` say so."""
    if value in {".", ".."} or "\0" in value or "\n" in value:
        return False
    if not checks:
        return value != "" and "/" not in value
    if "/" in value and any(piece in {".", ".."} for piece in value.split("/")):
        return False
    return all(check.fullmatch(value) for check in checks)
