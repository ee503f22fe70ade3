"""Reads YAML into a tree in which every node knows where it was written.

Built on the parser's events, so that what YAML lets pass is refused with its place: doubled keys,
tags, bombs of aliases, bottomless nesting; and so that the slips it invites get their cure named.
Knows nothing of rules, patterns or config: it says what was written, never what it should mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NoReturn, TypeAlias

from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from fileflow.errors import Collector, FileflowError, Place, Source, nearest
from fileflow.garbage import no_collection
from fileflow.lean import lazy_regex

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 50
MAX_NODES = 1_000_000  # in the parser's events: a list or mapping counts at its start and its end
MAX_MISTAKES = 100  # nobody reads more; and gathering them is not free


# ── the tree ──────────────────────────────────────────────────────────────────────────────────────


class Scalar:
    """A text as it was written, escapes resolved; `style`: its quote, `|`, `>`, or '' if plain."""

    __slots__ = ("column", "line", "source", "style", "text")

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

    @property
    def place(self) -> Place:
        """Where it begins."""
        return Place(self.source, self.line, self.column)

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


class Sequence:
    """A list of nodes; `flow` if it is written as `[a, b]`."""

    __slots__ = ("column", "flow", "items", "line", "source")

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

    @property
    def place(self) -> Place:
        """Where it begins."""
        return Place(self.source, self.line, self.column)


class Mapping:
    """Nodes by the text of their keys, in file order, and the keys' own nodes for their places."""

    __slots__ = ("column", "flow", "items", "keys", "line", "source")

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

    @property
    def place(self) -> Place:
        """Where it begins."""
        return Place(self.source, self.line, self.column)


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
    """Plain Python (from JSON or the command line) as a tree that stands at one place."""
    return _node_of(value, source, line, column, 1)


def _node_of(value: object, source: Source, line: int, column: int, depth: int) -> Node:
    if depth > MAX_DEPTH and isinstance(value, dict | list | tuple):
        raise _too_deep(Place(source, line, column))
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
    return Mapping(items, keys, over.flow, over.source, over.line, over.column)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────


class _PureParser(Reader, Scanner, Parser):
    """PyYAML's parser in Python, for where its C library is missing."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


_parser: Any = _PureParser
try:
    from yaml._yaml import CParser

    _parser = CParser
except ImportError:  # pragma: no cover
    pass


def read_tree(data: bytes, name: str) -> Node | None:
    """The tree of a YAML file, or None for an empty one; `name` is how messages call the file.

    Raises:
        FileflowError: it is no single YAML document of sane size; with the place and the cure.
    """
    source = _source_of(data, name)
    found = Collector()
    try:
        with no_collection():
            root = _build(source, found)
    except FileflowError as error:
        found.add(error)
        root = None
    except MarkedYAMLError as error:
        found.add(_syntax_error(error, source))
        root = None
    except (YAMLError, ValueError, ArithmeticError, LookupError) as error:
        found.add(FileflowError(f"{name}: this is no YAML that can be read: {error}"))
        root = None
    if root is not None and _TAB_INDENT.search(source.text):
        _refuse_tabs(root, source, found)
    found.raise_if_any()
    return root


class _Anchor:
    """A named node; `size` is None while the node is still being read."""

    __slots__ = ("began", "node", "size")

    def __init__(self, node: Node, began: int, size: int | None) -> None:
        self.node = node
        self.began = began
        self.size = size


def _build(source: Source, found: Collector) -> Node | None:
    """The tree from the parser's events: a loop and a stack, as files may be large or hostile."""
    roots: list[Node] = []
    stack: list[tuple[Mapping | None, dict[str, Node], dict[str, Scalar] | None, Any]] = []
    anchors: dict[str, _Anchor] = {}
    open_anchors: list[tuple[int, _Anchor]] = []
    documents = extra = 0  # extra: the events that aliases stand for
    # The collection being filled: a list through `append`, a mapping through `keys` and `items`.
    mapping: Mapping | None = None
    items: dict[str, Node] = {}
    keys: dict[str, Scalar] | None = None
    append = roots.append
    key: str | None = None  # read, and waiting for its value
    node: Node
    event: Any = None
    events: Iterator[Any] = iter(_parser(source.text).get_event, None)
    new = Scalar.__new__  # filled in below, as `__init__` does it: a call less for each scalar
    for number, event in enumerate(islice(events, MAX_NODES)):
        kind = type(event)
        if kind is ScalarEvent:
            mark = event.start_mark
            text = event.value
            node = new(Scalar)
            node.text, node.style, node.source = text, event.style or "", source
            node.line, node.column = mark.line + 1, mark.column + 1
            if event.anchor is not None or event.tag is not None:
                _settle(node, event.tag, found)
                if event.anchor is not None:
                    anchors[event.anchor] = _Anchor(node, number, 1)
            elif node.style == '"' and not text.isascii():
                _refuse_surrogates(node)
            if keys is None:
                append(node)
            elif key is None:
                if text in keys:
                    _doubled(node, keys[text], items, found)
                keys[text] = node
                key = text
            else:
                items[key] = node
                key = None
            continue
        if kind is MappingEndEvent or kind is SequenceEndEvent:
            if open_anchors and open_anchors[-1][0] == len(stack):
                anchor = open_anchors.pop()[1]
                anchor.size = number + extra - anchor.began + 1
            if mapping is not None and ("<<" in items or "" in items):
                _finish(mapping, found)
            mapping, items, keys, append = stack.pop()
            continue
        if kind is MappingStartEvent or kind is SequenceStartEvent:
            mark = event.start_mark
            line, column = mark.line + 1, mark.column + 1
            if len(stack) >= MAX_DEPTH:
                raise _too_deep(Place(source, line, column))
            if event.tag is not None:
                found.add(_tagged(event.tag, Place(source, line, column)))
            if kind is MappingStartEvent:
                node = Mapping({}, {}, event.flow_style, source, line, column)
            else:
                node = Sequence([], event.flow_style, source, line, column)
        elif kind is AliasEvent:
            place = Place(source, event.start_mark.line + 1, event.start_mark.column + 1)
            node, size = _aliased(event.anchor, anchors, place, len(stack), found)
            extra += size
            if number + extra > MAX_NODES:
                raise _too_many(place, aliases=True)
        else:
            if kind is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise _second_document(source, event.start_mark)
            continue
        if keys is None:
            append(node)
        elif key is not None:
            items[key] = node
            key = None
        elif type(node) is Scalar:
            key = node.text
            if key in keys:
                _doubled(node, keys[key], items, found)
            keys[key] = node
        else:
            _refuse_key(node)
        if kind is not AliasEvent:
            if event.anchor is not None:
                anchor = anchors[event.anchor] = _Anchor(node, number + extra, None)
                open_anchors.append((len(stack) + 1, anchor))
            stack.append((mapping, items, keys, append))
            if type(node) is Mapping:
                mapping, items, keys = node, node.items, node.keys
            elif type(node) is Sequence:
                mapping, keys, append = None, None, node.items.append
    if type(event) is not StreamEndEvent:
        mark = event.start_mark
        raise _too_many(Place(source, mark.line + 1, mark.column + 1), aliases=extra > 0)
    root = roots[0] if roots else None
    return None if type(root) is Scalar and not root.text and root.plain else root


def _settle(scalar: Scalar, tag: str | None, found: Collector) -> None:
    """Moves a scalar behind its anchor and tag, to where its text begins; only `!!str` passes."""
    if tag == "tag:yaml.org,2002:str":
        scalar.style = scalar.style or "'"
    elif tag is not None:
        found.add(_tagged(tag, scalar.place))
    if not scalar.text:
        return
    number, at = scalar.line, scalar.column - 1
    raw = scalar.source.line(number)
    while raw is not None:
        match = _PROPERTIES.match(raw, at)
        assert match is not None
        at = match.end()
        if at < len(raw):
            scalar.line, scalar.column = number, at + 1
            return
        number, at = number + 1, 0
        raw = scalar.source.line(number)


_PROPERTIES = lazy_regex(r"(?:[&!]\S*|#.*|\s+)*")


def _aliased(
    name: str, anchors: dict[str, _Anchor], place: Place, depth: int, found: Collector
) -> tuple[Node, int]:
    """The node that `*name` stands for, and how many events that saves."""
    anchor = anchors.get(name)
    if anchor is not None and anchor.size is not None:
        if depth + _height(anchor.node) > MAX_DEPTH:
            raise _too_deep(place)
        return anchor.node, anchor.size
    if anchor is not None:
        what = f"*{name} stands inside the value that &{name} names, which would have no end"
        _note(found, FileflowError(what, place=place, hint="name an inner value, or write it out"))
    else:
        near = nearest(name, list(anchors)[-500:])  # each comparison costs
        hint = f'put it in quotes if it is text: "*{name}"'
        if near is not None:
            hint = f"did you mean *{near}? Or {hint}"
        what = f"no value before this is named &{name}"
        _note(found, FileflowError(what, place=place, hint=hint))
    return Scalar(f"*{name}", "", place.source, place.line, place.column), 1


def _height(node: Node) -> int:
    """How many collections lie within each other; costs no more than what the alias counts for."""
    if isinstance(node, Scalar):
        return 0
    inner = node.items.values() if isinstance(node, Mapping) else node.items
    return 1 + max(map(_height, inner), default=0)


def _finish(mapping: Mapping, found: Collector) -> None:
    """Fills in what `<<` names, at its place and behind the mapping's own keys; refuses no key."""
    empty = mapping.keys.get("")
    if empty is not None and empty.plain:
        hint = 'write the key before the colon, or "" for an empty one'
        _note(found, FileflowError("a key is missing", place=empty.place, hint=hint))
    merge = mapping.keys.get("<<")
    if merge is None or not merge.plain:
        return
    value = mapping.items["<<"]
    bases = value.items if type(value) is Sequence else [value]
    items: dict[str, Node] = {}
    keys: dict[str, Scalar] = {}
    for name, own in mapping.items.items():
        if name != "<<":
            items[name], keys[name] = own, mapping.keys[name]
            continue
        for base in bases:
            if type(base) is not Mapping:
                what = "<< takes a mapping or a list of mappings"
                hint = "write <<: *name, where &name stands before a mapping"
                _note(found, FileflowError(what, place=merge.place, hint=hint))
                continue
            for other, node in base.items.items():
                if other not in mapping.items and other not in items:
                    items[other], keys[other] = node, base.keys[other]
    mapping.items, mapping.keys = items, keys


# ── the text ──────────────────────────────────────────────────────────────────────────────────────

_BOM = b"\xef\xbb\xbf"
_GOOD_BYTES = bytes([9, 10, 13, *range(32, 127), *range(128, 256)])
_BAD_CHARACTERS = lazy_regex("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_TAB_INDENT = lazy_regex(r"^ *\t", re.MULTILINE)


def _source_of(data: bytes, name: str) -> Source:
    """The text of a file, with `\\n` for every line end, or what keeps it from being read."""
    if len(data) > MAX_BYTES:
        what = f"{name} has {len(data) / 1e6:.0f} MB; more than {MAX_BYTES >> 20} MB are not read"
        raise FileflowError(what, hint="keep large tables in files of their own, as TSV or lines")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileflowError(f"{name}:1:1: this file is UTF-16", hint="save it as UTF-8")
    data = data.removeprefix(_BOM)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        begin = data.rfind(b"\n", 0, error.start) + 1
        line = data.count(b"\n", 0, error.start) + 1
        column = len(data[begin : error.start].decode("utf-8")) + 1
        source = Source(name, data.decode("utf-8", "replace"))
        raise FileflowError(
            f"the byte 0x{data[error.start]:02x} is not UTF-8",
            place=Place(source, line, column),
            hint="save the file as UTF-8",
        ) from None
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    source = Source(name, text)
    if not text.isascii() or data.translate(None, _GOOD_BYTES):
        bad = _BAD_CHARACTERS.search(text)
        if bad is not None:
            _refuse_character(bad[0], bad.start(), source)
    return source


def _refuse_character(character: str, offset: int, source: Source) -> NoReturn:
    line = source.text.count("\n", 0, offset) + 1
    column = offset - source.text.rfind("\n", 0, offset)
    code = ord(character)
    if not code:
        what, hint = "a NUL byte", "save the file as UTF-8 text"
    else:
        what = f"the invisible character U+{code:04X}"
        escape = f"\\x{code:02X}" if code < 256 else f"\\u{code:04X}"
        hint = f'delete it, or write "{escape}" in double quotes'
    raise FileflowError(what, place=Place(source, line, column), hint=hint)


def _refuse_surrogates(scalar: Scalar) -> None:
    """Half a character, which no file can hold; the parser written in C refuses it itself."""
    if any("\ud800" <= character <= "\udfff" for character in scalar.text):
        raise FileflowError(
            "an escape in this text stands for no character",
            place=scalar.place,
            hint=r'write the character itself, or "\U" with its eight digits',
        )


def _refuse_tabs(root: Node, source: Source, found: Collector) -> None:
    """Finds tabs that the parser lets pass, between brackets."""
    seen: set[int] = set()
    lines: set[int] = set()
    todo: list[Node] = [root]
    while todo:
        node = todo.pop()
        begins: list[Node] = [node]
        if not isinstance(node, Scalar):
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, Mapping):
                begins += node.keys.values()
                todo += node.items.values()
            else:
                todo += node.items
        for begin in begins:
            indent = (source.line(begin.line) or "")[: begin.column - 1]
            if "\t" in indent and indent.isspace():
                lines.add(begin.line)
    for line in sorted(lines)[:MAX_MISTAKES]:
        found.add(_tab(source, line))


# ── mistakes ──────────────────────────────────────────────────────────────────────────────────────


def looks_like_placeholder(node: Node | None) -> bool:
    """Whether YAML made this of an unquoted `{name}`: a mapping in braces without values."""
    return (
        type(node) is Mapping
        and node.flow
        and len(node.items) > 0
        and all(
            type(value) is Scalar and value.plain and not value.text
            for value in node.items.values()
        )
    )


def quotes_hint(node: Node) -> str:
    """The cure for a value that `looks_like_placeholder`: the same text in quotes."""
    raw = (node.source.line(node.line) or "")[node.column - 1 :]
    match = _BRACED.match(raw)
    return _quotes(match[0] if match else raw)


# The numbers bound the work on hostile lines; no name is that long.
_BRACED = lazy_regex(r"(?:\{\{[^{}\s,]{0,200}\}\}|\{[^{}\s,]{0,200}\})")
_PLAIN_END = lazy_regex(r"(?:[^\s,\[\]{}:]|:(?!\s))(?:[^,\[\]{}:]|:(?!\s))*$")
_BRACED_END = lazy_regex(_BRACED.pattern + "$")


def _note(found: Collector, error: FileflowError) -> None:
    """Keeps a mistake after which reading can go on, up to a number that anyone would read."""
    found.add(error)
    if len(found.errors) >= MAX_MISTAKES:
        found.raise_if_any()


def _doubled(again: Scalar, first: Scalar, before: dict[str, Node], found: Collector) -> None:
    """`before`: what stands in the mapping so far."""
    hint = "rename one of them, or take one out"
    name, value = next(reversed(before.items()))
    if isinstance(value, Scalar) and value.plain and not value.text:
        hint = f"indent it if it belongs to {_short(name)!r}; else {hint}"
    if again.text == "<<":
        hint = "write one with a list: <<: [*first, *second]"
    what = f"the key {_short(again.text)!r} is there already, at {first.place}"
    _note(found, FileflowError(what, place=again.place, hint=hint))


def _too_deep(place: Place) -> FileflowError:
    what = f"nested deeper than {MAX_DEPTH}, line {place.line}"
    return FileflowError(what, place=place, hint="flatten it, or close brackets that are left open")


def _too_many(place: Place, *, aliases: bool) -> FileflowError:
    what = f"too many nodes: more than {MAX_NODES:,} keys and values"
    if aliases:
        what += ", counting what each alias stands for"
    hint = "keep large tables in files of their own, as TSV or lines"
    return FileflowError(what, place=place, hint=hint)


def _tagged(tag: str, place: Place) -> FileflowError:
    shown = tag.replace("tag:yaml.org,2002:", "!!")
    return FileflowError(
        f"the tag {_short(shown)} is not understood: values have no explicit types here",
        place=place,
        hint="take it out; text that begins with ! goes in quotes",
    )


def _second_document(source: Source, mark: Any) -> FileflowError:
    return FileflowError(
        "more than one document in the file",
        place=Place(source, mark.line + 1, mark.column + 1),
        hint="take out the line '---' (or move what follows into a file of its own)",
    )


def _refuse_key(node: Node) -> NoReturn:
    line = node.source.line(node.line) or ""
    at = node.column - 1
    while at and line[at : at + 1] == "{" and line[at - 1] == "{":
        at -= 1
    raw = line[at:]
    if raw.startswith(("{", "[")):
        closing = raw.rfind("}" if raw[0] == "{" else "]") + 1
        what = f"text that begins with {raw[0]} must be in quotes"
        place = Place(node.source, node.line, at + 1)
        raise FileflowError(what, place=place, hint=_quotes(raw[:closing] or raw))
    what = "a key must be text, not a list or a mapping"
    raise FileflowError(what, place=node.place, hint="write it as key: value")


def _tab(source: Source, line: int) -> FileflowError:
    column = (source.line(line) or "").find("\t") + 1
    place = Place(source, line, column)
    return FileflowError("a tab in the indentation", place=place, hint="indent with spaces")


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"


def _quotes(text: str) -> str:
    """The hint to quote a piece of a line (without its comment), shown as it should be written."""
    text = re.sub(r"\s+#.*", "", text[:200]).rstrip()
    if len(text) > 60 or not text:
        return "put it in quotes"
    if '"' in text or "\\" in text:
        doubled = text.replace("'", "''")
        return f"put it in quotes: '{doubled}'"
    return f'put it in quotes: "{text}"'


# The start of a line up to its value: dashes, then a key.
_BEFORE_VALUE = lazy_regex(
    r"""\s*(?:[-?]\s+)*(?:(?:"[^"]*"|'[^']*'|[^\s"'\[{\#][^\#]{0,200}?):\s+)?"""
)


_QUOTED = lazy_regex(r"""(?<=[\s,:\[{])(?:"[^"]*"|'[^']*')""")


class _Slip:
    """What the parser stumbled over: its words, the places, and the line with its value."""

    def __init__(self, error: MarkedYAMLError, source: Source) -> None:
        self.source = source
        self.problem: str = error.problem or ""
        self.context: str = error.context or ""
        mark: Any = error.problem_mark or error.context_mark
        begin: Any = error.context_mark or mark
        self.place = Place(source, mark.line + 1, mark.column + 1)
        self.begin = Place(source, begin.line + 1, begin.column + 1)
        self.line = source.line(self.place.line) or ""
        self.at: int = mark.column
        match = _BEFORE_VALUE.match(self.line)
        self.value_at = match.end() if match else 0
        self.value = self.line[self.value_at :]

    def error(self, what: str, hint: str, place: Place | None = None) -> FileflowError:
        return FileflowError(what, place=place or self.place, hint=hint)

    def in_brackets(self) -> bool:
        return self.value[:1] in ("[", "{") and self.at > self.value_at

    def goes_on_after_braces(self) -> bool:
        """Whether the value is text: it begins with `{…}` after which more comes, or is a group of
        commands, `{ …; }`."""
        if not self.in_brackets() or self.value[0] != "{":
            return False
        depth = 0
        text = _QUOTED.sub(lambda quoted: "-" * len(quoted[0]), self.value)
        for at, character in enumerate(text):
            depth += (character == "{") - (character == "}")
            if not depth:
                rest = text[at + 1 :].strip()
                ends_command = text[:at].rstrip().endswith(";")
                return ends_command or rest[:1] not in ("", "#", ",", "]", "}")
        return False

    def begin_line(self) -> str:
        return (self.source.line(self.begin.line) or "")[self.begin.column - 1 :]


def _syntax_error(error: MarkedYAMLError, source: Source) -> FileflowError:
    """Says in the user's words what the parser could not read, and what to write instead."""
    slip = _Slip(error, source)
    indent = slip.line[: len(slip.line) - len(slip.line.lstrip())]
    if "\t" in indent and not slip.context.endswith("quoted scalar"):
        return _tab(source, slip.place.line)
    if slip.goes_on_after_braces():
        place = Place(source, slip.place.line, slip.value_at + 1)
        what = "a value that begins with { must be in quotes"
        return slip.error(what, _quotes(slip.value), place)
    for words, explain in _EXPLANATIONS:
        if words in slip.problem or words in slip.context:
            explained = explain(slip)
            if explained is not None:
                return explained
    what = f"this is no YAML: {slip.problem}"
    if slip.context:
        what += f" {slip.context}"
    return slip.error(what, "put text with special characters in quotes")


def _item(text: str) -> str:
    """The first item of a piece between brackets."""
    match = re.match(r"(?:\{[^{}]*\}|[^,\]}])*", text[:200])
    return match[0] if match and match[0] else text


def _explain_escape(slip: _Slip) -> FileflowError:
    at = slip.line.rfind("\\", 0, slip.at + 1)
    raw = slip.begin_line()
    end = raw.find('"', 1)
    text = raw[1:end] if end > 0 else ""
    hint = "use single quotes, which leave \\ alone"
    if text and len(text) <= 60:
        single = text.replace("'", "''")
        hint += f": '{single}'"
    what = f"{slip.line[at : at + 2]} is no escape that double quotes know"
    if "unknown" not in slip.problem:
        what = f"the escape {slip.line[at : at + 2]} is not complete, or stands for no character"
    return slip.error(what, hint, Place(slip.source, slip.place.line, at + 1))


def _explain_colon(slip: _Slip) -> FileflowError:
    key, value = slip.line[slip.value_at : slip.at], slip.value
    if 0 < slip.value_at <= slip.at and not slip.line[: slip.value_at].isspace():
        before = slip.line[: slip.value_at].strip()
        if before.endswith(":"):
            hint = f"{_quotes(value)}; or put it on the next line, below |"
            return slip.error("': ' in plain text: YAML takes it for another key", hint)
    indent = len(slip.line) - len(slip.line.lstrip())
    number = slip.place.line - 1
    above = slip.source.line(number)
    while number > 1 and above is not None and not above.split("#")[0].strip():
        number -= 1
        above = slip.source.line(number)
    above = above or ""
    key = slip.line[: slip.at].strip()
    if ": " in above or above.rstrip().endswith(":"):
        if indent > len(above) - len(above.lstrip()):
            return slip.error(
                f"{_short(key)!r} is indented below line {number}, which has a value already",
                "line it up with the keys above; text of several lines goes below |",
            )
    elif match := re.match(r"(\s*[\w.-]+):(\S.*)", above):
        return slip.error(
            f"line {number} has no space after its colon, so it is no key",
            f"write {match[1].strip()}: {_short(match[2])}",
            Place(slip.source, number, match.end(1) + 1),
        )
    return slip.error(
        f"line {number} is plain text that goes on here, and plain text holds no ': '",
        "write key: value in each line, or put the text in quotes",
    )


def _explain_block(slip: _Slip) -> FileflowError:
    """A block mapping or list that goes on with something else."""
    value = slip.value
    character = slip.line[slip.at : slip.at + 1]
    if slip.in_brackets() and character in ("]", "}"):
        hint = f"take it out, or {_quotes(value)}"
        return slip.error(f"a {character} that nothing opened", hint)
    if slip.in_brackets():
        place = Place(slip.source, slip.place.line, slip.value_at + 1)
        return slip.error(
            f"a value that begins with {value[0]} must be in quotes", _quotes(value), place
        )
    before = slip.line[: slip.at].rstrip()
    if before.endswith(("'", '"')):
        other = "double it ('') inside single quotes" if before[-1] == "'" else 'write \\" inside'
        hint = (
            f"{other}, or put the whole value in the other kind of quotes; is one above left open?"
        )
        return slip.error(f"text after a closing {before[-1]}", hint)
    if character == ":":
        hint = 'write the key before the colon, or "" for an empty one'
        return slip.error("a key is missing", hint)
    if not before and re.match(r"-(\s|$)", slip.line[slip.at :]):
        hint = "put the list below a key of its own, indented deeper than it"
        return slip.error("a list item where a key is due", hint)
    if not before and "'-'" in slip.problem + slip.context + _dash_of(slip):
        hint = "begin it with '- ', or indent it as a part of the item above"
        return slip.error("the list above goes on with a line that is no item", hint)
    if not before:
        hint = "line it up with the line that it belongs to"
        return slip.error("the indentation fits no line above", hint)
    if before.endswith(("}", "]")):
        return slip.error("text after a closing bracket", _quotes(value))
    return slip.error("this fits neither as a key nor as a value", _quotes(value))


def _dash_of(slip: _Slip) -> str:
    return "'-'" if "block collection" in slip.context or "sequence" in slip.context else ""


def _explain_flow(slip: _Slip) -> FileflowError:
    """A `[` or `{` that goes on with something else than a comma or its end."""
    opening = slip.begin_line()[:1]
    closing = "]" if opening == "[" else "}"
    begins = slip.begin_line()
    braced = _BRACED_END.search(slip.line[max(0, slip.at - 500) : slip.at])
    if braced:
        begin = slip.at - len(braced[0])
        place = Place(slip.source, slip.place.line, begin + 1)
        hint = _quotes(_item(slip.line[begin:]))
        return slip.error("text that begins with { must be in quotes", hint, place)
    if re.match(r"\{{1,2}[A-Za-z_][^\s,{}]{0,200}\}", begins):
        return slip.error(
            "a value that begins with { must be in quotes", _quotes(begins), slip.begin
        )
    if slip.place.line > slip.begin.line and not slip.line[slip.at :].strip().startswith(","):
        return slip.error(f"this {opening} is not closed", f"write the {closing}", slip.begin)
    if slip.line.startswith(":", slip.at):
        hint = "put the text in quotes"
        return slip.error("': ' in plain text: YAML takes it for another key", hint)
    if slip.at >= len(slip.line.rstrip()):
        return slip.error(f"this {opening} is not closed", f"write the {closing}", slip.begin)
    if slip.line.startswith("{", slip.at) and slip.line[: slip.at].strip():
        before = _PLAIN_END.search(slip.line[max(0, slip.at - 200) : slip.at])
        begin = slip.at - len(before[0]) if before else slip.at
        place = Place(slip.source, slip.place.line, begin + 1)
        hint = _quotes(_item(slip.line[begin:]))
        return slip.error("text with { between brackets must be in quotes", hint, place)
    hint = f"write the comma or the {closing}; text with brackets or commas goes in quotes"
    return slip.error(f"a comma or the closing {closing} is missing", hint)


def _explain_open_quote(slip: _Slip) -> FileflowError:
    quote = slip.begin_line()[:1]
    return slip.error(f"this {quote} is not closed", f"write the closing {quote}", slip.begin)


def _explain_lone_line(slip: _Slip) -> FileflowError:
    line = slip.begin_line()
    if len(line) > 1024:
        hint = "write it as a value, below |"
        return slip.error("a key of more than 1024 characters", hint, slip.begin)
    match = re.match(r"([\w.-]+):(\S.*)", line)
    if match:
        hint = f"write a space after the colon: {match[1]}: {_short(match[2])}"
    else:
        hint = "write key: value, or indent it if the text above goes on"
    return slip.error("this line is no key with a value", hint, slip.begin)


def _explain_dash(slip: _Slip) -> FileflowError:
    hint = "begin the list on the next line, or write [a, b]; text goes in quotes"
    return slip.error("a list item cannot stand here", hint)


def _explain_start(slip: _Slip) -> FileflowError:
    """A character that begins no plain text."""
    character = slip.line[slip.at : slip.at + 1]
    if character == "\t":
        return slip.error("a tab where a value begins", "use spaces")
    if not character:
        number = slip.source.text.rstrip().count("\n") + 1
        end = Place(slip.source, number, max(1, len(slip.source.line(number) or "")))
        hint = "write the value, or close the bracket"
        return slip.error("the file ends where a value is due", hint, end)
    if character in "]}" or (character == "," and slip.at > slip.value_at):
        hint = "take it out, or put text that holds it in quotes"
        return slip.error(f"a {character} that nothing opened or that follows nothing", hint)
    raw = slip.line[slip.at :]
    hint = _quotes(_item(raw) if slip.in_brackets() else raw)
    return slip.error(f"text that begins with {character} must be in quotes", hint)


def _explain_mark(slip: _Slip) -> FileflowError:
    """A `*`, `&` or `!` that was meant as text."""
    raw = slip.begin_line()
    hint = _quotes(_item(raw) if slip.in_brackets() else raw)
    names = {"*": "an alias", "&": "an anchor", "!": "a tag"}
    what = f"text that begins with {raw[:1]} is {names.get(raw[:1], 'a name')} to YAML"
    return slip.error(what, hint, slip.begin)


def _explain_header(slip: _Slip) -> FileflowError:
    sign = slip.begin_line()[:1]
    hint = (
        f"begin the text on the line after {sign}; a value that begins with {sign} goes in quotes"
    )
    return slip.error(f"text in the same line as {sign}", hint)


def _explain_document(slip: _Slip) -> FileflowError:
    hint = "take out the line '---' or '...' above it"
    return slip.error("more than one document in the file", hint)


def _explain_directive(slip: _Slip) -> FileflowError:
    hint = "take it out; text that begins with % goes in quotes"
    return slip.error("a line that begins with % is a directive to YAML", hint, slip.begin)


# Words of the parsers (in C and in Python), the telling ones first.
_EXPLANATIONS = (
    ("unknown escape", _explain_escape),
    ("hexdecimal", _explain_escape),
    ("hexadecimal", _explain_escape),
    ("Unicode character escape", _explain_escape),
    ("quoted scalar", _explain_open_quote),
    ("scalar", lambda slip: _explain_open_quote(slip) if "quoted" in slip.context else None),
    ("alias", _explain_mark),
    ("anchor", _explain_mark),
    ("tag", _explain_mark),
    ("directive", _explain_directive),
    ("incompatible YAML", _explain_directive),
    ("block scalar", _explain_header),
    ("mapping values are not allowed", _explain_colon),
    ("sequence entries are not allowed", _explain_dash),
    ("mapping keys are not allowed", _explain_start),
    ("could not find expected ':'", _explain_lone_line),
    ("cannot start any token", _explain_start),
    ("node content", _explain_start),
    ("<document start>", _explain_document),
    ("flow", _explain_flow),
    ("block", _explain_block),
)
