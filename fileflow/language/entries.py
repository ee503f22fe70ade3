"""Reads `input`, `output` and `log` of a rule: paths, lists, names, and entries with flags.

Knows one entry at a time: what other rules, relations and the action have to do with it is checked
elsewhere.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from enum import Enum

from fileflow.errors import Collector, FileflowError, Place, did_you_mean, nearest
from fileflow.language import scalars
from fileflow.language.config import Config
from fileflow.language.scalars import BUILTIN_NAMES, check_keys, not_a, where_written
from fileflow.language.templates import Template, parse_plain
from fileflow.language.yaml_nodes import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    looks_like_placeholder,
    scalar_value,
)
from fileflow.lean import NamedTuple, TypedDict, dataclass, field, lazy_regex
from fileflow.model.patterns import Pattern
from fileflow.model.rules import Call, Ensure, Entry

PathTexts = Callable[[Scalar], "tuple[list[str], bool]"]
"""The texts of a path with everything static filled in, and whether they stand for a list."""

Condition = Callable[[Mapping], "str | None"]
"""Why `when` is not met, or None if it is."""


class Section(Enum):
    """Which key of a rule an entry belongs to, and what one of its entries is called."""

    INPUT = "input", "an input"
    OUTPUT = "output", "an output"
    LOG = "log", "a log"

    def __init__(self, key: str, one: str) -> None:
        self.key = key
        self.one = one


_STATE = ".fileflow"
_CALL = lazy_regex(
    r"(temp|temporary|protected|directory|touch|pipe|ancient|expand|report|unpack|multiext|local"
    r"|ensure|update)\(\s*[\"']([^\"']*)[\"'](.*)\)"
    r"|(temp|temporary|protected|directory|touch|pipe|ancient|ensure)\(\s*([^\"'()\s,]+)\s*\)$"
)
_QUOTED = lazy_regex(r"[\"']([^\"']*)[\"']")
_ENSURED = lazy_regex(r"sha256\s*=\s*[\"']([^\"']*)[\"']")
_INSTEAD = {
    "temp": "write {{path: {path}, temp: true}}",
    "temporary": "write {{path: {path}, temp: true}}",
    "protected": "write {{path: {path}, protected: true}}",
    "directory": "write {path}/",
    "ancient": "write {{path: {path}, order_only: true}}",
    "update": "write {{path: {path}, in_place: true, keep: true}}",
    "pipe": "there are no pipes between jobs: write a file, or both commands into one shell",
    "expand": "write {path}: a wildcard that is in no output is gathered",
}
_PLAINLY = "write {path}"
_SOURCES = ("path", "call", "rule")
_BOOLEANS = {
    "order_only": Section.INPUT,
    "optional": Section.INPUT,
    "one": Section.INPUT,
    "temp": Section.OUTPUT,
    "protected": Section.OUTPUT,
    "deps": Section.OUTPUT,
    "in_place": Section.OUTPUT,
    "keep": Section.OUTPUT,
}
_FLAGS = frozenset({*_BOOLEANS, "ensure", "when"})
_CALL_KEYS = frozenset({"call", "after", "with"})
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_KEYS = {
    Section.INPUT: (
        "path",
        "call",
        "rule",
        "after",
        "with",
        "order_only",
        "optional",
        "one",
        "when",
    ),
    Section.OUTPUT: ("path", "temp", "protected", "ensure", "deps", "in_place", "keep", "when"),
    Section.LOG: ("path",),
}


class _Flags(TypedDict, total=False):
    order_only: bool
    optional: bool
    one: bool
    temp: bool
    protected: bool
    deps: bool
    in_place: bool
    keep: bool
    ensure: Ensure


class _Under(NamedTuple):
    """What an entry stands under: a name, a list, a text that config was filled into."""

    name: str | None = None
    listed: bool = False
    written: str | None = None


@dataclass(slots=True)
class Own:
    """The values for wildcards of its own that an entry was given: keys and their nodes."""

    names: frozenset[str]
    keys: list[tuple[Scalar, Node]] = field(default_factory=list)


class EntryReader:
    """Reads the entries of one rule.

    `owns` holds by the place of an entry what it said of its own wildcards, `texts` the templates
    of what stands beside calls, `awaited` the wildcards of what they wait for, `errors` the
    mistakes.
    """

    __slots__ = ("_config", "_fill", "_paths", "_unmet", "awaited", "errors", "owns", "texts")

    def __init__(
        self,
        config: Config,
        paths: PathTexts,
        unmet: Condition,
        errors: Collector,
    ) -> None:
        self._config = config
        self._fill = config.filled
        self._paths = paths
        self._unmet = unmet
        self.errors = errors
        self.owns: dict[int, Own] = {}
        self.texts: list[Template] = []
        self.awaited: list[str] = []

    def section(self, node: Node, section: Section) -> list[Entry]:
        """The entries of all of `input`, `output` or `log`."""
        written = node.text if isinstance(node, Scalar) else None
        if written is not None:
            node = self._fill(node)
        if (
            not isinstance(node, Mapping)
            or looks_like_placeholder(node)
            or any(source in node.items for source in _SOURCES)
        ):
            return self._entries(node, section, _Under(None, False, written))
        entries: list[Entry] = []
        for name, item in node.items.items():
            if name in _FLAGS and _is_flag_value(item):
                self.errors.add(_lone_flag(node.keys[name], section))
                continue
            if not name.strip():
                self.errors.add(FileflowError("a name is empty", place=node.keys[name].place))
            entries += self._entries(item, section, _Under(name, written=written))
        return entries

    def _entries(self, node: Node, section: Section, under: _Under) -> list[Entry]:
        try:
            if isinstance(node, Scalar):
                return self._path(node, section, under, {})
            if isinstance(node, Mapping):
                return self._mapping(node, section, under)
        except FileflowError as error:
            self.errors.add(error)
            return []
        inside = _Under(under.name, True, under.written)
        entries: list[Entry] = []
        for item in node.items:
            entries += self._entries(item, section, inside)
        if not node.items and under.name is not None:
            return [_empty_list(node, under.name)]
        return entries

    def _path(self, node: Scalar, section: Section, under: _Under, flags: _Flags) -> list[Entry]:
        place = scalars.written(node, section.one, "a path", "write [] for none").place
        filled = self._fill(node)
        if not isinstance(filled, Scalar):
            inside = _Under(under.name, under.listed, under.written or node.text)
            if flags:
                raise FileflowError("path is a text here, and no list", place=place)
            return self._entries(filled, section, inside)
        if filled is not node and filled.text:
            with where_written(node, filled):
                scalars.written(filled, section.one, "a path", "write [] for none")
        whole = filled.text
        texts, several = self._paths(filled) if "{" in whole else ([whole], False)
        name, written = under.name, under.written or node.text
        listed = under.listed or (several and not flags.get("one"))
        entries: list[Entry] = []
        for text in texts:
            pattern = self.pattern(text, place, section)
            entries.append(Entry(place, name, listed, pattern, written, **flags))
        return entries

    def pattern(self, text: str, place: Place, section: Section) -> Pattern:
        """The pattern of a path, its wildcards' names checked."""
        if ")" in text:
            _check_no_call(text, place)
        pattern = self._config.pattern(text, place)
        if (
            pattern.root and section is Section.OUTPUT
        ):  # no value says that it is elsewhere, so none leads back
            pattern = pattern._replace(root="")
        if section is not Section.INPUT:
            if _STATE in text:
                _check_not_ours(text, pattern)
            undoubled = text.replace("{{", "").replace("}}", "")
            if undoubled.count("{") != undoubled.count("}"):
                what = f"{text}: a brace stands alone"
                hint = "a wildcard is written {name}, with both"
                raise FileflowError(what, place=place, hint=hint)
        for wildcard in pattern.wildcards:
            if wildcard in BUILTIN_NAMES:
                raise FileflowError(
                    f"{{{wildcard}}} in a path: {wildcard!r} is a built-in name, no wildcard",
                    place=place,
                    hint="a path names no other path of its rule: write it out"
                    if wildcard in ("input", "output", "log")
                    else "give the wildcard another name",
                )
        if pattern.lookups and section is Section.OUTPUT:
            raise FileflowError(
                f"{{{pattern.lookups[0][0]}}}: an output cannot look up config by a wildcard",
                place=place,
                hint="name the wildcard itself in the output",
            )
        return pattern

    def _mapping(self, node: Mapping, section: Section, under: _Under) -> list[Entry]:
        sources = [source for source in _SOURCES if source in node.items]
        if looks_like_placeholder(node):
            raise not_a(node, section.one, "a path")
        if len(sources) != 1:
            raise _no_single_source(node, sources, section)
        source = sources[0]
        if source not in _KEYS[section]:
            raise FileflowError(
                f"{source} stands in inputs only", place=node.keys[source].place, hint="write path"
            )
        flags = self._flags(node, section, source)
        absent = self._is_absent(node)
        if source == "path":
            entries = self._paths_with_flags(node, section, under, flags)
        elif source == "call":
            call = self.call(node, flags_too=True)
            entries = [
                Entry(place=call.place, name=under.name, listed=under.listed, call=call, **flags)
            ]
        else:
            rule = scalars.scalar(self._fill(node.items["rule"]), "rule", "the name of a rule")
            place = node.items["rule"].place
            entries = [
                Entry(place=place, name=under.name, listed=under.listed, rule=rule.text, **flags)
            ]
        return [self._made_absent(entry) for entry in entries] if absent else entries

    def _made_absent(self, entry: Entry) -> Entry:
        made = entry._replace(optional=True, absent=True)
        own = self.owns.pop(id(entry), None)
        if own is not None:
            self.owns[id(made)] = own
        return made

    def _is_absent(self, node: Mapping) -> bool:
        when = node.items.get("when")
        return when is not None and self._unmet(scalars.mapping(when, "when")) is not None

    def _paths_with_flags(
        self, node: Mapping, section: Section, under: _Under, flags: _Flags
    ) -> list[Entry]:
        path = node.items["path"]
        if isinstance(path, Scalar):
            filled = self._fill(path)
            if not isinstance(filled, Scalar):
                under = _Under(under.name, under.listed, under.written or path.text)
                path = filled
        one = flags.get("one", False)
        if isinstance(path, Sequence) and not one:
            under = _Under(under.name, True, under.written)
        entries: list[Entry] = []
        for item in path.items if isinstance(path, Sequence) else [path]:
            found = scalars.scalar(item, "path", "a path or a list of paths")
            entries += self._path(found, section, under, flags)
        if one and len(entries) > 1:
            raise FileflowError(
                f"`one: true` says one file, and these are {len(entries)} paths",
                place=node.items["path"].place,
                hint="give each of them an entry of its own, or leave `one` out",
            )
        known = _KEYS[section]
        given = {key: value for key, value in node.items.items() if key not in known}
        own = Own(frozenset(key.strip() for keys in given for key in keys.split(",")))
        holes = {hole for entry in entries if entry.pattern for hole in entry.pattern.wildcards}
        for key, value in given.items():
            if section is Section.LOG:
                raise FileflowError(
                    f"{key}: a log has no flags and no wildcards of its own",
                    place=node.keys[key].place,
                    hint="write a path for each log, under names: {a: logs/a.txt, b: logs/b.txt}",
                )
            if {word.strip() for word in key.split(",")} <= holes:
                own.keys.append((node.keys[key], self._fill(value)))
            else:
                self.errors.add(_neither_flag_nor_wildcard(node.keys[key], section, holes))
        if own.keys:
            for entry in entries:
                self.owns[id(entry)] = own
        return entries

    def _flags(self, node: Mapping, section: Section, source: str) -> _Flags:
        flags = _Flags()
        for key, value in node.items.items():
            belongs = Section.OUTPUT if key == "ensure" else _BOOLEANS.get(key)
            if belongs is not None and belongs is not section:
                raise FileflowError(
                    f"{key} is a flag of {belongs.one}, not of {section.one}",
                    place=node.keys[key].place,
                )
            if key == "ensure":
                filled = self._fill(value)
                with where_written(value, filled):
                    flags["ensure"] = self._ensure(filled)
            elif belongs is not None:
                filled = self._fill(value)
                with where_written(value, filled):
                    flags[key] = scalars.boolean(filled, key)  # type: ignore[literal-required]
            elif source != "path" and key not in _KEYS[section]:
                raise _neither_flag_nor_wildcard(node.keys[key], section, ())
            elif key in ("after", "with") and source != "call":
                raise FileflowError(f"{key} stands beside call only", place=node.keys[key].place)
        _check_together(node, flags)
        return flags

    def _ensure(self, node: Node) -> Ensure:
        table = scalars.mapping(node, "ensure", "a mapping such as {non_empty: true}")
        check_keys(table, frozenset({"non_empty", "sha256"}), "ensure", self.errors)
        non_empty, sha256 = table.items.get("non_empty"), table.items.get("sha256")
        digest = None
        if sha256 is not None:
            digest = scalars.text(sha256, "sha256").lower()
            if not _SHA256.fullmatch(digest):
                raise not_a(sha256, "sha256", "64 hexadecimal digits")
        return Ensure(non_empty is not None and scalars.boolean(non_empty, "non_empty"), digest)

    def call(self, node: Mapping, *, flags_too: bool = False) -> Call:
        """`{call: module:function, after: PATTERN, with: {…}}`, beside which flags may stand."""
        if not flags_too:
            check_keys(node, _CALL_KEYS, "a call", self.errors)
        node = scalars.mapping(self._fill(node), "call")
        module, function = scalars.function(node.items["call"], "call")
        after = node.items.get("after")
        extra = node.items.get("with")
        patterns: list[Pattern] = []
        if after is not None:
            for item in scalars.scalars(after, "after"):
                texts, _ = self._paths(item)
                patterns += [self.pattern(text, item.place, Section.INPUT) for text in texts]
            self.awaited += [name for pattern in patterns for name in pattern.wildcards]
        table = None
        if extra is not None:
            table = scalars.mapping(extra, "with", "a mapping of names to values")
            self.texts += templates_in(table)
        return Call(
            module=module,
            function=function,
            after=tuple(patterns),
            extra=table,
            place=node.items["call"].place,
        )


def templates_in(node: Node) -> list[Template]:
    """The templates of all texts in a value that have a placeholder, or what looks like one.

    Raises:
        FileflowError: where a placeholder lacks its quotes, so that YAML made a mapping of it.
    """
    found: list[Template] = []
    stack = [node]
    while stack:
        node = stack.pop()
        if looks_like_placeholder(node):
            raise not_a(node, "a value", "a text")
        if isinstance(node, Scalar):
            if "{" in node.text:
                found.append(parse_plain(node.text, node.place_at))
        else:
            below = node.items.values() if isinstance(node, Mapping) else node.items
            stack += reversed(list(below))
    return found


def is_call(node: Node) -> bool:
    """Whether a value is a call: a mapping with `call`."""
    return isinstance(node, Mapping) and "call" in node.items


def _empty_list(node: Sequence, name: str) -> Entry:
    return Entry(place=node.place, name=name, listed=True, optional=True, absent=True)


def _is_flag_value(node: Node) -> bool:
    if isinstance(node, Scalar):
        return isinstance(scalar_value(node), bool)
    return isinstance(node, Mapping) and not any(source in node.items for source in _SOURCES)


def _lone_flag(key: Scalar, section: Section) -> FileflowError:
    return FileflowError(
        f"the flag {key.text} needs the entry that it belongs to: {_sources(section)}",
        place=key.place,
        hint=f"write {{path: …, {key.text}: …}}",
    )


def _no_single_source(node: Mapping, sources: list[str], section: Section) -> FileflowError:
    if sources:
        return FileflowError(
            f"an entry has one of path, call and rule, not {' and '.join(sources)}",
            place=node.keys[sources[1]].place,
        )
    for name, key in node.keys.items():
        if name in _FLAGS:
            return _lone_flag(key, section)
        if name in _CALL_KEYS:
            return FileflowError(f"{name} stands beside call only", place=key.place)
    first = next(iter(node.keys.values()), None)
    near = nearest(first.text, _KEYS[section]) if first is not None else None
    return FileflowError(
        f"{section.one} is a path, a list, or a mapping with {_sources(section)}",
        place=node.place if first is None else first.place,
        hint=f"did you mean {near!r}?" if near else "a path goes in one text: a/b.txt",
    )


def _sources(section: Section) -> str:
    return "path, call or rule" if section is Section.INPUT else "path"


def _neither_flag_nor_wildcard(
    key: Scalar, section: Section, holes: set[str] | tuple[()]
) -> FileflowError:
    return FileflowError(
        f"{key.text!r} is neither a flag nor a wildcard of this path",
        place=key.place,
        hint=did_you_mean(key.text, [*_KEYS[section], *holes]),
    )


def _check_together(node: Mapping, flags: _Flags) -> None:
    if flags.get("keep") and not flags.get("in_place"):
        raise FileflowError(
            "keep: true needs in_place: true",
            place=node.keys["keep"].place,
            hint="write {path: …, in_place: true, keep: true}",
        )
    if flags.get("temp") and flags.get("protected"):
        raise FileflowError(
            "an output is temp or protected, not both", place=node.keys["protected"].place
        )


def _check_no_call(text: str, place: Place) -> None:
    called = _CALL.match(text)
    if called is not None:
        name, path, more = called[1] or called[4], called[2] or called[5], called[3] or ""
        hint = _INSTEAD.get(name, _PLAINLY).format(path=path)
        if name == "multiext":
            hint = f"write [{', '.join(path + ending for ending in _QUOTED.findall(more))}]"
        elif name == "ensure":
            digest = _ENSURED.search(more)
            what = ["non_empty: true"] * ("non_empty" in more or digest is None)
            what += [f"sha256: {digest[1]}"] if digest else []
            hint = f"write {{path: {path}, ensure: {{{', '.join(what)}}}}}"
        raise FileflowError(
            f"{text}: a path stands as it is; {name}(…) is of another language",
            place=place,
            hint=hint,
        )


def _check_not_ours(text: str, pattern: Pattern) -> None:
    if posixpath.normpath(pattern.parts[0]).split("/")[0] == _STATE:
        raise FileflowError(
            f"{text}: {_STATE} is the folder of fileflow itself",
            place=pattern.place,
            hint="write another folder",
        )
