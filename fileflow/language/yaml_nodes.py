"""What a YAML file says, as a tree in which every node knows where it was written.

Knows nothing of how YAML is read, or of rules, patterns or config: it says what was written, never
what it should mean.
"""

from __future__ import annotations

from typing import TypeAlias

from fileflow.errors import FileflowError, Place, Source
from fileflow.lean import lazy_regex

MAX_DEPTH = 50


# ── the tree ──────────────────────────────────────────────────────────────────────────────────────


class _Placed:
    """What all nodes have: where they begin."""

    __slots__ = ("column", "line", "source")
    source: Source
    line: int
    column: int

    @property
    def place(self) -> Place:
        """Where it begins."""
        return Place(self.source, self.line, self.column)


class Scalar(_Placed):
    """A text as it was written, escapes resolved; `style`: its quote, `|`, `>`, or '' if plain."""

    __slots__ = ("style", "text")

    def __init__(self, text: str, style: str, source: Source, line: int, column: int) -> None:
        self.text = text
        self.style = style
        self.source = source
        self.line = line
        self.column = column

    def __repr__(self) -> str:
        return f"Scalar({self.text!r}, {self.style!r}, {self.line}:{self.column})"

    @property
    def plain(self) -> bool:
        """Whether it stands without quotes, so that `1` is a number."""
        return not self.style

    def place_at(self, offset: int) -> Place:
        """Where the character `text[offset]` was written; where the text begins if that is unclear.

        Exact for all styles but double quotes with escapes before that character.
        """
        found = self._in_block(offset) if self.style == "|" else self._in_flow(offset)
        return Place(self.source, *found) if found else self.place

    def cut_comment(self) -> str | None:
        """The comment that follows a plain text, so that the user may have meant it as text."""
        if self.style:
            return None
        first = self.source.line(self.line) or ""
        if first.startswith(self.text, self.column - 1):
            after = first[self.column - 1 + len(self.text) :]
        else:
            last = self._in_flow(max(0, len(self.text) - 1))
            if last is None:
                return None
            line, column = last
            after = (self.source.line(line) or "")[column if self.text else column - 1 :]
        if "#" not in after:
            return None
        rest = after.lstrip()
        return rest if rest.startswith("#") and len(rest) < len(after) else None

    def _in_block(self, offset: int) -> tuple[int, int] | None:
        """Line and column of a character below `|`, whose lines stand as they are but indented."""
        row = self.text.count("\n", 0, offset)
        begin = self.text.rfind("\n", 0, offset) + 1
        end = self.text.find("\n", begin)
        content = self.text[begin : end if end >= 0 else None]
        number = self.line + 1 + row
        raw = self.source.line(number)
        if raw is None or not raw.endswith(content):
            return None
        return number, len(raw) - len(content) + offset - begin + 1

    def _in_flow(self, offset: int) -> tuple[int, int] | None:
        """Line and column of a character in the other styles, which only fold white space."""
        text, style, source = self.text, self.style, self.source
        number, at = (self.line + 1, 0) if style == ">" else (self.line, self.column - 1)
        raw = source.line(number)
        if raw is None:
            return None
        if style and raw.startswith(style, at):
            at += 1
        if raw.startswith(text, at) and "\n" not in text:
            return number, at + offset + 1
        for index, wanted in enumerate(text[: offset + 1]):
            if wanted.isspace():
                if index == offset:
                    break
                continue
            while at >= len(raw) or raw[at].isspace():
                if at < len(raw):
                    at += 1
                    continue
                number, at = number + 1, 0
                raw = source.line(number)
                if raw is None:
                    return None
            if raw[at] != wanted or (wanted == "\\" and style == '"'):
                return None
            if index == offset:
                break
            at += 2 if style == "'" and wanted == "'" else 1
        return number, at + 1


class Sequence(_Placed):
    """A list of nodes; `flow` if it is written as `[a, b]`."""

    __slots__ = ("flow", "items")

    def __init__(
        self, items: list[Node], flow: bool, source: Source, line: int, column: int
    ) -> None:
        self.items = items
        self.flow = flow
        self.source = source
        self.line = line
        self.column = column

    def __repr__(self) -> str:
        return f"Sequence({self.items!r}, {self.line}:{self.column})"


class Mapping(_Placed):
    """Nodes by the text of their keys, in file order, and the keys' own nodes for their places."""

    __slots__ = ("flow", "items", "keys")

    def __init__(
        self,
        items: dict[str, Node],
        keys: dict[str, Scalar],
        flow: bool,
        source: Source,
        line: int,
        column: int,
    ) -> None:
        self.items = items
        self.keys = keys
        self.flow = flow
        self.source = source
        self.line = line
        self.column = column

    def __repr__(self) -> str:
        return f"Mapping({self.items!r}, {self.line}:{self.column})"


Node: TypeAlias = Scalar | Sequence | Mapping


# ── values ────────────────────────────────────────────────────────────────────────────────────────

_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **{
        sign + word: float(sign + "inf")
        for sign in ("", "+", "-")
        for word in (".inf", ".Inf", ".INF")
    },
}
_NUMBER = lazy_regex(
    r"(?P<int>[-+]?[0-9]+)|0o(?P<oct>[0-7]+)|0x(?P<hex>[0-9a-fA-F]+)"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
)
# Python converts no longer ones; a number of 3,500 hexadecimal digits has 4,215 decimal ones.
_MAX_DIGITS = 4300
_MAX_HEX_DIGITS = 3500


def scalar_value(scalar: Scalar) -> bool | int | float | str | None:
    """What a scalar means in YAML 1.2's core schema: what is no such word or number is text."""
    text = scalar.text
    if scalar.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-+.0123456789":
        return text
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    try:
        if match["int"]:
            return int(text) if len(text) <= _MAX_DIGITS else text
        digits = match["oct"] or match["hex"]
        if digits:
            return (
                int(digits, 8 if match["oct"] else 16) if len(digits) <= _MAX_HEX_DIGITS else text
            )
        return float(text)
    except ValueError:  # the interpreter was told to convert fewer digits
        return text


def python_value(node: Node) -> object:
    """The tree as plain Python: dicts by the text of their keys, lists, and scalars' values."""
    if type(node) is Scalar:
        return scalar_value(node)
    if type(node) is Mapping:
        return {key: python_value(value) for key, value in node.items.items()}
    assert type(node) is Sequence
    return [python_value(item) for item in node.items]


def node_of(value: object, source: Source, line: int = 1, column: int = 1) -> Node:
    """Plain Python (from JSON or the command line) as a tree that stands at one place.

    Scalars in it, such as numbers as they were written, are taken as they are.
    """
    return _node_of(value, source, line, column, 1)


def _node_of(value: object, source: Source, line: int, column: int, depth: int) -> Node:
    if depth > MAX_DEPTH and isinstance(value, dict | list | tuple):
        raise too_deep(Place(source, line, column))
    if isinstance(value, dict):
        mapping = Mapping({}, {}, True, source, line, column)
        for name, item in value.items():
            text = name if isinstance(name, str) else _written(name, Place(source, line, column))
            mapping.keys[text] = Scalar(text, '"', source, line, column)
            mapping.items[text] = _node_of(item, source, line, column, depth + 1)
        return mapping
    if isinstance(value, list | tuple):
        items = [_node_of(item, source, line, column, depth + 1) for item in value]
        return Sequence(items, True, source, line, column)
    if isinstance(value, str):
        return Scalar(value, '"', source, line, column)
    if isinstance(value, Scalar):
        return value
    return Scalar(_written(value, Place(source, line, column)), "", source, line, column)


def _written(value: object, place: Place) -> str:
    """A value that is no text, as YAML writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        try:
            text = repr(value)
        except ValueError:
            raise FileflowError("a number with too many digits", place=place) from None
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(text, text)
    raise FileflowError(
        f"a value of type {type(value).__name__} cannot be written as YAML", place=place
    )


def merged(base: Mapping, over: Mapping) -> Mapping:
    """Both mappings, key by key at every depth: `over` wins, its lists replace those of `base`."""
    items, keys = dict(base.items), dict(base.keys)
    keys.update(over.keys)
    for name, value in over.items.items():
        old = items.get(name)
        if type(old) is Mapping and type(value) is Mapping:
            value = merged(old, value)
        items[name] = value
    return Mapping(items, keys, over.flow, *over.place)


def looks_like_placeholder(node: Node | None) -> bool:
    """Whether YAML made this of an unquoted `{name}`: a mapping in braces without values.

    What config filled in is a value, also if it is nothing.
    """
    return (
        type(node) is Mapping
        and node.flow
        and len(node.items) > 0
        and all(
            _colon_before_nothing(node.keys[name], value) is not None
            for name, value in node.items.items()
        )
    )


def key_without_value(node: Mapping) -> Scalar | None:
    """The first key with a colon and nothing behind it: `{A: }` is no `{A}`."""
    for name, value in node.items.items():
        if _colon_before_nothing(node.keys[name], value):
            return node.keys[name]
    return None


def key_without_blank(node: Mapping) -> Scalar | None:
    """The first key with a value that no blank divides from it: `{a:1}` is a key `a:1`."""
    for name, value in node.items.items():
        if ":" in name[1:-1] and _colon_before_nothing(node.keys[name], value) == "":
            return node.keys[name]
    return None


def _colon_before_nothing(key: Scalar, value: Node) -> str | None:
    """The colon, or no colon, behind a key that nothing was written for; None if something was."""
    if type(value) is not Scalar or value.style or value.text or value.source is not key.source:
        return None
    if not 0 <= value.line - key.line < 2:
        return None
    raw = key.source.line(key.line) or ""
    written = raw[key.column - 1 : value.column - 1 if value.line == key.line else None].strip()
    name = written.removesuffix(":")
    if name.rstrip().strip("'\"") != key.text:
        return None
    return written[len(name) :]


def too_deep(place: Place) -> FileflowError:
    """The mistake of too many collections within each other."""
    what = f"nested deeper than {MAX_DEPTH}, line {place.line}"
    return FileflowError(what, place=place, hint="flatten it, or close brackets that are left open")
