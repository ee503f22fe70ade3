"""Reads YAML into a tree in which every node knows where it was written.

Built on the parser's events, so that what YAML lets pass is refused with its place: doubled keys,
tags, bombs of aliases, bottomless nesting; and so that the slips it invites get their cure named
(see `yaml_slips`). Knows nothing of rules, patterns or config.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NoReturn

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

from fileflow.errors import Collector, FileflowError, Place, Source, nearest, shortened
from fileflow.garbage import no_collection
from fileflow.language.yaml_nodes import MAX_DEPTH, Mapping, Node, Scalar, Sequence, too_deep
from fileflow.language.yaml_slips import in_quotes, missing_key, syntax_error, tab
from fileflow.lean import lazy_regex

MAX_BYTES = 64 * 1024 * 1024
MAX_NODES = 1_000_000  # in the parser's events: a list or mapping counts at its start and its end
MAX_MISTAKES = 100  # nobody reads more; and gathering them is not free


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
        found.add(syntax_error(error, source))
        root = None
    except (YAMLError, ValueError, ArithmeticError, LookupError) as error:
        found.add(FileflowError(f"{name}: this is no YAML that can be read: {error}"))
        root = None
    if root is not None and "\t" in source.text and _TAB_INDENT.search(source.text):
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
                raise too_deep(Place(source, line, column))
            if event.tag is not None:
                found.add(_tagged(event.tag, Place(source, line, column)))
            if kind is MappingStartEvent:
                node = Mapping({}, {}, event.flow_style, source, line, column)
            else:
                node = Sequence([], event.flow_style, source, line, column)
        elif kind is AliasEvent:
            place = Place(source, event.start_mark.line + 1, event.start_mark.column + 1)
            node, size = _aliased(event.anchor, anchors, place, len(stack), found, key == "<<")
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
    name: str,
    anchors: dict[str, _Anchor],
    place: Place,
    depth: int,
    found: Collector,
    merges: bool,
) -> tuple[Node, int]:
    """The node that `*name` stands for, and how many events that saves."""
    anchor = anchors.get(name)
    if anchor is not None and anchor.size is not None:
        if depth + _height(anchor.node) > MAX_DEPTH:
            raise too_deep(place)
        return anchor.node, anchor.size
    if anchor is not None:
        what = f"*{name} stands inside the value that &{name} names, which would have no end"
        _note(found, FileflowError(what, place=place, hint="name an inner value, or write it out"))
    else:
        near = nearest(name, list(anchors)[-500:])  # each comparison costs
        hint = f'put it in quotes if it is text: "*{name}"'
        if merges:
            hint = f"did you mean *{near}?" if near else f"write &{name} before a mapping above it"
        elif near is not None:
            hint = f"did you mean *{near}? Or {hint}"
        what = f"no value before this is named &{name}"
        _note(found, FileflowError(what, place=place, hint=hint))
    return Scalar(f"*{name}", "", *place), 1


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
        _note(found, missing_key(empty.place))
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
                if type(base) is Scalar and base.plain and base.text[:1] == "*":
                    continue  # nothing has this name, which is said already
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
        found.add(tab(source, line))


# ── mistakes ──────────────────────────────────────────────────────────────────────────────────────


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
        hint = f"indent it if it belongs to {shortened(name)!r}; else {hint}"
    if again.text == "<<":
        hint = "write one with a list: <<: [*first, *second]"
    what = f"the key {shortened(again.text)!r} is there already, at {first.place}"
    _note(found, FileflowError(what, place=again.place, hint=hint))


def _too_many(place: Place, *, aliases: bool) -> FileflowError:
    what = f"too many nodes: more than {MAX_NODES:,} keys and values"
    if aliases:
        what += ", counting what each alias stands for"
    hint = "keep large tables in files of their own, as TSV or lines"
    return FileflowError(what, place=place, hint=hint)


def _tagged(tag: str, place: Place) -> FileflowError:
    shown = tag.replace("tag:yaml.org,2002:", "!!")
    return FileflowError(
        f"the tag {shortened(shown)} is not understood: values have no explicit types here",
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
    names = re.match(r"\[\s*(\w+(?:\s*,\s*\w+)+)\s*\]\s*:(?:\s|$)", raw)
    if names is not None:
        what, hint = (
            "a key must be text, not a list",
            f"several names need no brackets: {names[1]}:",
        )
        raise FileflowError(what, place=node.place, hint=hint)
    if raw.startswith(("{", "[")):
        raw = raw.partition(": ")[0]
        closing = raw.rfind("}" if raw[0] == "{" else "]") + 1
        what = f"text that begins with {raw[0]} must be in quotes"
        place = Place(node.source, node.line, at + 1)
        raise FileflowError(what, place=place, hint=in_quotes(raw[:closing] or raw))
    what = "a key must be text, not a list or a mapping"
    raise FileflowError(what, place=node.place, hint="write it as key: value")
