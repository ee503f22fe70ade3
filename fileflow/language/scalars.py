"""Reads single values of a Workflowfile: texts, names, numbers, durations, words, calls.

Every function takes a node and what it is for, in the user's words, and raises a mistake that says
what is wanted. Knows no rules: which key takes which value is said elsewhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as Table
from typing import TypeGuard

from fileflow.errors import Collector, FileflowError, did_you_mean, shortened
from fileflow.language.yaml_nodes import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    looks_like_placeholder,
    scalar_value,
)
from fileflow.language.yaml_slips import unquoted
from fileflow.lean import lazy_regex
from fileflow.model.patterns import NAME

BUILTIN_NAMES = frozenset(
    {
        "input",
        "output",
        "params",
        "config",
        "wildcards",
        "seed",
        "rng",
        "cores",
        "resources",
        "rule",
        "rules",
        "log",
        "after",
        "attempt",
    }
)
"""Names that mean something everywhere, so that no wildcard can have them."""

_NAME = lazy_regex(NAME)
_FUNCTION = lazy_regex(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<function>[^\W\d]\w*)")
_FILE_FUNCTION = lazy_regex(r"(?:\./)?(?P<path>[\w./-]+)\.py:(?P<function>\w+)")
_DURATION = lazy_regex(r"(\d+(?:\.\d*)?|\.\d+)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


NO_BREAK = "\xa0"
"""The blank that some editors and web pages put in the place of a plain one."""

# What to write where a list stands and is none.
_UNLISTED = {
    "a mapping": "write each name as a key, without the dash before it",
    "a command": "write several lines as one text: | after the colon, the lines below it",
}


def not_a(
    node: Node, what: str, wanted: str, fits: Callable[[object], bool] | None = None
) -> FileflowError:
    """The mistake of a value that is of the wrong kind: `what` is `wanted`, and this is not.

    `fits` says of a value whether it would do without its quotes.
    """
    if isinstance(node, Mapping) and looks_like_placeholder(node):
        return unquoted(node)
    if isinstance(node, Scalar):
        given = repr(shortened(node.text)) if node.text or node.style else "nothing"
        hint = None
        if node.style in ("'", '"') and node.text and fits is not None:
            plain = Scalar(node.text, "", *node.place)
            if fits(scalar_value(plain)):
                hint = f"drop the quotes: {node.text}"
    else:
        given = "a mapping" if isinstance(node, Mapping) else "a list"
        hint = _UNLISTED.get(wanted) if isinstance(node, Sequence) else None
    return FileflowError(f"{what} is {wanted}, not {given}", place=node.place, hint=hint)


class where_written:  # noqa: N801
    """A mistake in what config put in the place of a text is told where that text stands."""

    __slots__ = ("_filled", "_node")

    def __init__(self, node: Node, filled: Node) -> None:
        self._node = node
        self._filled = filled

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        node = self._node
        if self._filled is node or not isinstance(node, Scalar):
            return
        if isinstance(error, FileflowError) and error.place != node.place:
            hint = error.hint or (f"{node.text} is from {error.place}" if error.place else None)
            raise FileflowError(error.what, place=node.place, hint=hint) from None


def is_nothing(node: Node) -> bool:
    """Whether nothing is written there: a key without a value."""
    return isinstance(node, Scalar) and not node.text and node.plain


def scalar(node: Node, what: str, wanted: str = "a text") -> Scalar:
    """A text as it was written: `01`, `1.10` and `true` stay what they are."""
    if isinstance(node, Scalar) and (node.text or node.style):
        return node
    raise not_a(node, what, wanted)


def written(node: Node, what: str, wanted: str, none: str = "leave it out") -> Scalar:
    """As `scalar`, and no null either, which was meant as `none`: no file has that name."""
    found = scalar(node, what, wanted)
    if found.plain and found.text in ("null", "Null", "NULL", "~"):
        hint = f'{none}; a text is written in quotes: "{found.text}"'
        raise FileflowError(f"{what} is {wanted}, not {found.text}", place=found.place, hint=hint)
    return found


def text(node: Node, what: str, wanted: str = "a text") -> str:
    """As `scalar`, without its place."""
    return scalar(node, what, wanted).text


def mapping(node: Node, what: str, wanted: str = "a mapping") -> Mapping:
    """A mapping that is no placeholder that lacks its quotes."""
    if isinstance(node, Mapping) and not looks_like_placeholder(node):
        return node
    raise not_a(node, what, wanted)


def is_boolean(value: object) -> bool:
    """Whether a value is `true` or `false`."""
    return isinstance(value, bool)


def boolean(node: Node, what: str) -> bool:
    """`true` or `false`."""
    value = scalar_value(node) if isinstance(node, Scalar) else None
    if isinstance(value, bool):
        return value
    raise not_a(node, what, "true or false", is_boolean)


def number(node: Node, what: str, *, least: float | None = None, whole: bool = False) -> float:
    """A finite number, at least `least`, with nothing behind the point if `whole`."""
    value = scalar_value(node) if isinstance(node, Scalar) else None
    wanted = "a whole number" if whole else "a number"
    if least is not None:
        wanted += f" from {least:g} on"

    def fits(value: object) -> TypeGuard[int | float]:
        return (
            not isinstance(value, bool)
            and isinstance(value, (int, float))
            and (not whole or isinstance(value, int))
            and (isinstance(value, int) or math.isfinite(value))
            and (least is None or value >= least)
        )

    if not fits(value):
        raise not_a(node, what, wanted, fits)
    return value


def whole_number(node: Node, what: str, *, least: int | None = None) -> int:
    """A whole number."""
    return int(number(node, what, least=least, whole=True))


def duration(node: Node, what: str) -> float:
    """Seconds: a number, or one with `s`, `m`, `h` or `d`."""
    wanted = "a time such as 30, 10s, 5m, 1h or 2d"
    found = _DURATION.fullmatch(text(node, what, wanted))
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not found or not 0 < seconds < math.inf:
        raise not_a(node, what, wanted)
    return seconds


def scalars(node: Node, what: str) -> list[Scalar]:
    """One text, or a list of them."""
    wanted = "a text or a list of texts"
    if isinstance(node, Sequence):
        return [scalar(item, what, wanted) for item in node.items]
    return [scalar(node, what, wanted)]


def names(node: Node, what: str) -> list[Scalar]:
    """Names of wildcards, each once: one text, with commas if it holds several, or a list."""
    found: dict[str, Scalar] = {}
    for item in scalars(node, what):
        for word in item.text.split(","):
            name = word.strip()
            if not _NAME.fullmatch(name):
                raise FileflowError(f"{what}: {name!r} is no name", place=item.place)
            if name in found:
                raise FileflowError(f"{what}: {name} stands there twice", place=item.place)
            found[name] = Scalar(name, item.style, *item.place)
    return list(found.values())


def function(node: Node, what: str) -> tuple[str, str]:
    """`module:function`."""
    written = text(node, what, "a function, module:function")
    found = _FUNCTION.fullmatch(written)
    if found is not None:
        return found["module"], found["function"]
    error = not_a(node, what, "a function, module:function")
    by_file = _FILE_FUNCTION.fullmatch(written)
    if by_file is not None:
        module = by_file["path"].strip("/").replace("/", ".")
        error.hint = f"write {module}:{by_file['function']}"
    elif " " in written.strip():
        error.hint = "a command is written as shell, a file that is run as script"
    else:
        error.hint = "such as rules.flights:tidy for the function tidy in rules/flights.py"
    raise error


def regex(node: Node, what: str) -> str:
    """A regular expression that Python can compile."""
    found = scalar(node, what, "a regular expression")
    try:
        re.compile(found.text)
    except (re.error, OverflowError, RecursionError) as error:
        at = getattr(error, "pos", None)
        place = found.place_at(at) if at is not None and at < len(found.text) else found.place
        said = getattr(error, "msg", str(error))
        raise FileflowError(f"{what} is no regular expression: {said}", place=place) from None
    return found.text


def check_keys(
    node: Mapping,
    known: frozenset[str],
    what: str,
    errors: Collector,
    meant: Table[str, str] | None = None,
) -> None:
    """An error for each key that is none of these; `meant` has cures for words from elsewhere."""
    if not node.items.keys() <= known:
        for name, key in node.keys.items():
            if name not in known:
                errors.add(unknown_key(key, known, what, meant or {}))


def unknown_key(
    key: Scalar, known: Iterable[str], what: str, meant: Table[str, str]
) -> FileflowError:
    """The mistake of a key that is none of these."""
    hint = meant.get(key.text) or did_you_mean(key.text, known)
    if key.text[:1] == NO_BREAK:
        hint = "the line is indented with no-break spaces (U+00A0): YAML wants plain ones"
    return FileflowError(f"{what} has no key {key.text!r}", place=key.place, hint=hint)
