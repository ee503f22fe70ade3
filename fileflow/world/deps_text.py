r"""Reads the text of a deps file: makefile rules as compilers write them, or a path per line.

Pure: knows text only, not which of these files are there or what they are to a job.

In a rule all prerequisites count, targets do not (a compiler names the staged output there, and
`-MP` adds a rule without prerequisites for each header). A backslash before the end of a line goes
on with the next one; `\ `, `\#` and `\:` are these characters, `$$` is `$`; of backslashes before
a blank each two are one. What stands after `|` is order-only in make, and does not count.
"""

from __future__ import annotations

from collections.abc import Iterator

from fileflow.errors import shortened
from fileflow.lean import dataclass, lazy_regex

LONGEST = 4096
_SHOWN = 60
_CONTROL = lazy_regex(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ESCAPES = lazy_regex(r"[\\$#]")
_CURE = (
    "write a makefile rule (`x.o: x.c x.h`, as `gcc -MMD` does, with a blank after the colon) or "
    "a path per line"
)


class UnfitDepsError(ValueError):
    """A text that is neither; says which line, and what to write."""


@dataclass(frozen=True, slots=True)
class Named:
    """The paths that a text names, in its order, each once; `lines`: it is a path per line."""

    paths: tuple[str, ...]
    lines: bool


def read_deps(text: str) -> Named:
    """What a deps file names.

    Raises:
        UnfitDepsError: if the text is neither rules nor paths.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    _check_characters(text)
    rules = list(_logical_lines(text))
    if not rules:
        return Named((), False)
    if _split(rules[0][1]) is None:
        return Named(tuple(dict.fromkeys(_listed(text))), True)
    return Named(tuple(dict.fromkeys(_prerequisites(rules))), False)


def _check_characters(text: str) -> None:
    found = _CONTROL.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise UnfitDepsError(
            f"line {line} holds the character {found[0]!r}, which no path does: {_CURE}"
        )
    bare = text.strip()
    if bare[:1] + bare[-1:] in ("{}", "[]"):
        raise UnfitDepsError(f"it looks like JSON: {_CURE}")


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something, each with its number; those that go on are one."""
    start, so_far = 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        if not so_far:
            start = number
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2:
            so_far += line[:-1] + " "
            continue
        whole = so_far + line
        so_far = ""
        if whole.strip() and not whole.lstrip().startswith("#"):
            yield start, whole
    if so_far.strip():
        yield start, so_far


def _prerequisites(lines: list[tuple[int, str]]) -> Iterator[str]:
    for number, line in lines:
        found = None if line.startswith("\t") else _split(line)
        if found is None:
            what = "is a recipe" if line.startswith("\t") else "is no rule, as the first one is"
            raise UnfitDepsError(f"line {number} ({_short(line)}) {what}: {_CURE}")
        for word in found:
            if word == "|":
                break
            _check_length(word, number)
            yield word


def _split(line: str) -> list[str] | None:
    """The prerequisites of a rule, `|` among them; None if the line has no target and colon."""
    if not _ESCAPES.search(line):
        return _split_plain(line)
    words: list[str] = []
    word = ""
    is_rule = False
    at, end = 0, len(line)
    while at < end:
        letter = line[at]
        if letter == "\\":
            after = at
            while after < end and line[after] == "\\":
                after += 1
            count = after - at
            follows = line[after : after + 1]
            at = after
            if follows and follows in " \t#:":
                word += "\\" * (count // 2)
                if count % 2:
                    word += follows
                    at += 1
            else:
                word += "\\" * count
            continue
        if letter == "$" and line[at : at + 2] == "$$":
            word += "$"
            at += 2
            continue
        if letter in " \t":
            if word:
                words.append(word)
            word = ""
        elif letter == "#" and not word:
            break
        elif letter == ":" and _ends_targets(line, at):
            if is_rule:
                raise _two_colons(line)
            if not (word or words):
                return None
            is_rule, word, words = True, "", []
            at += line[at : at + 2] == "::"
        else:
            word += letter
        at += 1
    if word:
        words.append(word)
    return words if is_rule else None


def _split_plain(line: str) -> list[str] | None:
    """The same for a line in which each letter stands for itself, as nearly all do."""
    words = [word for word in line.replace("\t", " ").split(" ") if word]
    ends = [k for k, word in enumerate(words) if word.endswith(":")]
    if not ends or (ends[0] == 0 and not words[0].strip(":")):
        return None
    if len(ends) > 1:
        raise _two_colons(line)
    return words[ends[0] + 1 :]


def _two_colons(line: str) -> UnfitDepsError:
    return UnfitDepsError(f"{_short(line)} has two colons that end targets: {_CURE}")


def _ends_targets(line: str, at: int) -> bool:
    after = at + (2 if line[at : at + 2] == "::" else 1)
    return after >= len(line) or line[after] in " \t"


def _listed(text: str) -> Iterator[str]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if _split(line) is not None:
            raise UnfitDepsError(
                f"line {number} ({_short(line)}) is a rule, but the lines before it are not: "
                f"{_CURE}"
            )
        _check_length(line, number)
        yield line


def _check_length(path: str, number: int) -> None:
    if len(path.encode("utf-8", "surrogateescape")) > LONGEST:
        raise UnfitDepsError(f"line {number} ({_short(path)}) is longer than any path: {_CURE}")


def _short(text: str) -> str:
    return repr(shortened(text.strip(), _SHOWN))
