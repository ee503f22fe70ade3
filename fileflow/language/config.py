"""What `config` says: its layers merged, and values that name config filled in.

Takes YAML trees and gives YAML trees; knows nothing of rules, wildcards' values or actions.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

from fileflow.errors import Collector, FileflowError, Place, Source, did_you_mean, nearest
from fileflow.language.yaml_nodes import (
    Mapping,
    Node,
    Scalar,
    key_without_value,
    looks_like_placeholder,
    merged,
    node_of,
    scalar_value,
    too_deep,
)
from fileflow.language.yaml_nodes import Sequence as Items
from fileflow.language.yaml_slips import unquoted
from fileflow.language.yaml_tree import read_tree
from fileflow.lean import dataclass, lazy_regex
from fileflow.model.patterns import Pattern, inside, parse_pattern

if TYPE_CHECKING:
    from fileflow.model.ports import Disk

Steps = tuple[str | int, ...]
"""A way into config: keys of mappings and numbers of items."""

_STEP = r"\.[\w-]+|\[-?\d+\]"
STEPS = rf"(?:{_STEP})*"
_BY_WILDCARD = r"\[(?:wildcards\.)?[^\W\d]\w*\]"
_HOLE = lazy_regex(
    rf"\{{\{{[^{{}}]*\}}\}}|\{{config(?P<steps>{STEPS})(?P<rest>(?:{_STEP}|{_BY_WILDCARD})*)\}}"
)
_ONE_STEP = lazy_regex(r"\.([\w-]+)|\[(-?\d+)\]")
ASSIGNMENT = lazy_regex(r"([\w-]+(?:\.[\w-]+)*)=(.*)", re.DOTALL)
_DEEPEST = 50
_LARGEST = 1_000_000
_MOST_WAYS = 10_000


def steps_of(text: str) -> Steps:
    """The steps that a text such as `.model.layers[0]` names."""
    return tuple(key or int(number) for key, number in _ONE_STEP.findall(text))


def dotted(steps: Sequence[str | int]) -> str:
    """Steps as a user writes them: `model.layers[0]`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")


@dataclass(frozen=True, slots=True)
class Named:
    """One `{config.…}` of a text: where it stands, and the way that it names."""

    start: int
    end: int
    steps: Steps
    by_wildcard: bool
    """Whether a wildcard picks the key after these steps, so that only a job has the value."""

    @property
    def path(self) -> str:
        """The way as it was written, without `config.`."""
        return dotted(self.steps)


def config_names(text: str) -> Iterator[Named]:
    """The config values that a text names, `{{config.x}}` left out."""
    if "{config" in text:
        for hole in _HOLE.finditer(text):
            if hole["steps"] is not None:
                yield Named(hole.start(), hole.end(), steps_of(hole["steps"]), bool(hole["rest"]))


class Config:
    """Merged config that fills itself and other values in.

    `asked` holds every way that was looked up, and `opened` those below which a wildcard picks a
    key, so that a caller can tell which names are used.
    """

    def __init__(self, tree: Mapping, root: str = "") -> None:
        """`root` is the path of the Workflowfile's folder."""
        self._raw = tree
        self._root = root
        self._filled: dict[int, Node] = {}
        self._busy: dict[int, str] = {}
        self._wrong: set[int] = set()
        self._weights: dict[int, int] = {}
        self._depth = 0
        self._tree: Mapping | None = None
        self.asked: set[Steps] = set()
        self.opened: set[Steps] = set()

    @property
    def tree(self) -> Mapping:
        """All of it, filled in.

        Raises:
            FileflowError: for a name that config does not have, or a ring.
        """
        if self._tree is None:
            made = self._inner(self._raw)
            assert isinstance(made, Mapping), "bug: a mapping stays one"
            self._tree = made
        return self._tree

    def add_mistakes(self, errors: Collector) -> None:
        """An error for each value that cannot be filled in, where `tree` tells the first."""
        for _, node in self._ways_down():
            if isinstance(node, Scalar) and id(node) not in self._wrong:
                try:
                    self._inner(node)
                except FileflowError as error:
                    errors.add(error)

    def pattern(self, text: str, place: Place | None = None) -> Pattern:
        """A pattern, whose paths have one spelling: what is written as an absolute path, or over
        `..`, is relative to the Workflowfile's folder if it lies in it.

        Raises:
            FileflowError: it is none.
        """
        pattern = parse_pattern(text, place)
        if text[:1] not in "/.{" and "[" not in text and "/.." not in text:
            return pattern  # as most are: this is asked for each path of a Workflowfile
        if pattern.text[:1] in ("/", ".") and self._root:
            known = inside(pattern.text, self._root)
            if known != pattern.text:
                pattern = parse_pattern(known, place)
        return pattern._replace(root=self._root) if pattern.is_spelt_late else pattern

    def find(self, steps: Steps) -> Node | None:
        """The value at the end of this way, filled in, or None if there is none."""
        found = self._walk(steps)
        node = None if isinstance(found, _Lost) else self._inner(found)
        if node is not None:
            self.asked.add(steps)
        return node

    def is_asked(self, steps: Steps) -> bool:
        """Whether this way, or one that goes on from it, was looked up."""
        return any(way[: len(steps)] == steps for way in self.asked) or any(
            way == steps[: len(way)] for way in self.opened
        )

    def ways(self) -> list[str]:
        """Every dotted way into config, up to a number that anyone would search."""
        found: list[str] = []
        stack = [("", self._raw)]
        while stack and len(found) < _MOST_WAYS:
            before, mapping = stack.pop()
            for key, item in mapping.items.items():
                found.append(before + key)
                if isinstance(item, Mapping):
                    stack.append((f"{before}{key}.", item))
        return found

    def value(self, steps: Steps, place: Place) -> Node:
        """The value at the end of this way, filled in.

        Raises:
            FileflowError: at `place`, if there is none; it names the nearest that there is.
        """
        found = self._walk(steps)
        if isinstance(found, _Lost):
            raise found.error(steps, place)
        node = self._inner(found)
        self.asked.add(steps)
        return node

    def filled(self, node: Node, *, lists_stay: bool = False) -> Node:
        """The value with every `{config.…}` in it filled in.

        A text that is nothing but one of them becomes what it names. One that a wildcard picks a
        key of stays. A list or mapping within a text stays too if `lists_stay`, else it is an
        error.
        """
        if isinstance(node, Scalar):
            return self._scalar(node, lists_stay=lists_stay) if "{config" in node.text else node
        if isinstance(node, Items):
            return with_items(node, [self.filled(i, lists_stay=lists_stay) for i in node.items])
        return with_values(
            node, {k: self.filled(item, lists_stay=lists_stay) for k, item in node.items.items()}
        )

    def text(self, node: Scalar) -> Scalar:
        """A text with every `{config.…}` in it filled in; what it names must be no collection."""
        made = self.filled(node)
        if isinstance(made, Scalar):
            return made
        raise _no_text(node, next(config_names(node.text)), made)

    # Everything below works on config's own values: each is filled in once, by the node's id; the
    # nodes live as long as this object, so that an id stays what it is.

    def _inner(self, node: Node) -> Node:
        if isinstance(node, Scalar) and "{config" not in node.text:
            return node
        key = id(node)
        made = self._filled.get(key)
        if made is None:
            if self._depth > 2 * _DEEPEST:
                raise FileflowError(
                    "config values are nested too deep once they are filled in", place=node.place
                )
            self._depth += 1
            try:
                made = self._inner_scalar(node) if isinstance(node, Scalar) else self._items(node)
            finally:
                self._depth -= 1
            self._filled[key] = made
        return made

    def _items(self, node: Items | Mapping) -> Node:
        made: Node
        inner = self._inner
        if isinstance(node, Items):
            made = with_items(node, [inner(item) for item in node.items])
        else:
            if node.flow and len(node.items) == 1:
                _refuse_unquoted(node)
            # Most values name nothing: in a large config a call for each would be half of the time.
            values = {
                key: item if type(item) is Scalar and "{config" not in item.text else inner(item)
                for key, item in node.items.items()
            }
            made = with_values(node, values)
        if made is not node:
            self._weigh(made, node.place)
        return made

    def _inner_scalar(self, node: Scalar) -> Node:
        key = id(node)
        if key in self._busy:
            ways = list(self._busy.values())[list(self._busy).index(key) :]
            raise FileflowError(
                f"config values name each other in a ring: {' → '.join([*ways, ways[0]])}",
                place=node.place,
                hint="give one of them a value of its own",
            )
        if len(self._busy) >= _DEEPEST:
            raise FileflowError(
                f"more than {_DEEPEST} config values name each other in a row", place=node.place
            )
        self._busy[key] = self._way_to(node)
        try:
            return self._scalar(node, lists_stay=False)
        except FileflowError:
            self._wrong.add(key)
            raise
        finally:
            del self._busy[key]

    def _way_to(self, scalar: Scalar) -> str:
        steps = next((steps for steps, node in self._ways_down() if node is scalar), None)
        return scalar.text if steps is None else f"config.{dotted(steps)}"

    def _ways_down(self) -> Iterator[tuple[Steps, Node]]:
        """Every node as it was written, with the way to it, in the order of the file."""
        stack: list[tuple[Steps, Node]] = [((), self._raw)]
        while stack:
            steps, node = stack.pop()
            yield steps, node
            more: list[tuple[Steps, Node]] = []
            if isinstance(node, Mapping):
                more = [((*steps, key), item) for key, item in node.items.items()]
            elif isinstance(node, Items):
                more = [((*steps, index), item) for index, item in enumerate(node.items)]
            stack += reversed(more)

    def _walk(self, steps: Steps) -> Node | _Lost:
        node: Node = self._raw
        for index, step in enumerate(steps):
            if isinstance(node, Scalar):
                node = self._inner(node)
            found = below(node, step)
            if found is None:
                return _Lost(node, index)
            node = found
        return node

    def _scalar(self, node: Scalar, *, lists_stay: bool) -> Node:
        names = list(config_names(node.text))
        if len(names) == 1 and not names[0].by_wildcard:
            only = names[0]
            if only.start == 0 and only.end == len(node.text):
                return self._named(node, only)
        pieces: list[str] = []
        end = 0
        for name in names:
            value = None if name.by_wildcard else self._named(node, name)
            if isinstance(value, Scalar):
                pieces += [node.text[end : name.start], text_of(value)]
                end = name.end
            elif value is not None and not lists_stay:
                raise _no_text(node, name, value)
        if not pieces:
            return node
        text = "".join([*pieces, node.text[end:]])
        if len(text) > _LARGEST:
            raise FileflowError("a text is too long once it is filled in", place=node.place)
        return Scalar(text, node.style or "'", *node.place)

    def _named(self, node: Scalar, name: Named) -> Node:
        found = self.find(name.steps)
        return found if found is not None else self.value(name.steps, node.place_at(name.start))

    def _weigh(self, node: Node, place: Place) -> int:
        """How many values are in it, shared ones counted each time; guards against a bomb."""
        if isinstance(node, Scalar):
            return 1
        weight = self._weights.get(id(node))
        if weight is None:
            items = node.items.values() if isinstance(node, Mapping) else node.items
            weight = 1 + sum(self._weigh(item, place) for item in items)
            if weight > _LARGEST:
                raise FileflowError(
                    f"config grows beyond {_LARGEST:,} values once it is filled in", place=place
                )
            self._weights[id(node)] = weight
        return weight


def _refuse_unquoted(node: Mapping) -> None:
    if looks_like_placeholder(node) and key_without_value(node) is None:
        raise unquoted(node)


def with_items(node: Items, items: list[Node]) -> Items:
    """The list with other items; the same one if they are the same."""
    if items == node.items:  # a node is equal to itself only
        return node
    return Items(items, node.flow, *node.place)


def with_values(node: Mapping, values: dict[str, Node]) -> Mapping:
    """The mapping with other values for its keys; the same one if they are the same."""
    if values == node.items:  # a node is equal to itself only
        return node
    return Mapping(values, node.keys, node.flow, *node.place)


def text_of(node: Scalar) -> str:
    """A scalar as it stands within a text: as it was written, null as nothing."""
    return "" if scalar_value(node) is None else node.text


def below(node: Node | None, step: str | int) -> Node | None:
    """The value one step further: of a key, or of an item's number; None if there is none."""
    if isinstance(node, Mapping):
        return node.items.get(str(step))
    if isinstance(node, Items):
        if isinstance(step, str):
            if not step.isdecimal():
                return None
            step = int(step)
        return node.items[step] if -len(node.items) <= step < len(node.items) else None
    return None


@dataclass(frozen=True, slots=True)
class _Lost:
    """A way that ends too early: at this value, before this step."""

    node: Node
    index: int

    def error(self, steps: Steps, place: Place) -> FileflowError:
        before, step = steps[: self.index], steps[self.index]
        whole = f"config.{dotted(steps[: self.index + 1])}"
        above = f"config.{dotted(before)}" if before else "config"
        hint = None
        if isinstance(self.node, Mapping):
            what = f"there is no {whole}"
            near = nearest(str(step), self.node.items)
            if near is not None:
                hint = f"did you mean {{config.{dotted((*before, near))}}}?"
            else:
                hint = did_you_mean(str(step), self.node.items)
                hint = hint or f"{above} has {len(self.node.items) or 'no'} keys"
        elif isinstance(self.node, Items):
            what = f"there is no {whole}: {above} is a list of {len(self.node.items)}"
            hint = "items are counted from 0"
        else:
            what = f"there is no {whole}: {above} is {self.node.text!r}"
        return FileflowError(what, place=place, hint=hint)


def _no_text(node: Scalar, name: Named, value: Node) -> FileflowError:
    kind = "mapping" if isinstance(value, Mapping) else "list"
    return FileflowError(
        f"config.{name.path} is a {kind}, which cannot stand within a text",
        place=node.place_at(name.start),
        hint="name one of its values",
    )


# ---- layers -----------------------------------------------------------------------------------


def read_config(node: Node, disk: Disk, above: Mapping | None, below: Mapping | None) -> Mapping:
    """What one `config:` key says: a mapping, a file, or a list of these, merged.

    Names of files may hold `{config.…}`: of what comes before, between `below` and `above`.
    """
    made = empty_mapping(node.source)
    for item in node.items if isinstance(node, Items) else (node,):
        if isinstance(item, Mapping) and not _names_file(item):
            layer: Mapping | None = item
        elif isinstance(item, Items):
            raise FileflowError(
                "config is a mapping, the path of a file, or one list of these", place=item.place
            )
        else:
            layer = _read_named(item, disk, Config(stacked(below, made, above)))
        if layer is not None:
            made = stacked(made, layer)
    return made


def empty_mapping(source: Source) -> Mapping:
    """A mapping without a key."""
    return Mapping({}, {}, False, source, 1, 1)


def stacked(*layers: Mapping | None) -> Mapping:
    """Layers merged key by key at every depth, later ones over earlier ones."""
    there = [layer for layer in layers if layer is not None and layer.items]
    if not there:
        return next(layer for layer in layers if layer is not None)
    made = there[0]
    for layer in there[1:]:
        made = merged(made, layer)
    return made


def _names_file(node: Mapping) -> bool:
    return isinstance(node.items.get("path"), Scalar) and node.items.keys() <= {"path", "optional"}


def _read_named(node: Node, disk: Disk, config: Config) -> Mapping | None:
    optional = False
    if isinstance(node, Mapping):
        said = node.items.get("optional")
        if said is not None:
            value = scalar_value(said) if isinstance(said, Scalar) else None
            if not isinstance(value, bool):
                raise FileflowError("optional is true or false", place=said.place)
            optional = value
        node = node.items["path"]
    if not isinstance(node, Scalar):
        raise FileflowError("the path of a config file is a text", place=node.place)
    scalar = config.text(node)
    return read_config_file(scalar.text, disk, node.place, optional=optional)


def read_config_file(
    path: str, disk: Disk, place: Place | None, *, optional: bool = False
) -> Mapping | None:
    """The mapping in a YAML or JSON file; None if it is empty, or missing and `optional`."""
    if not path:
        hint = "write the path of a file, or leave it out"
        raise FileflowError("the path of a config file is empty", place=place, hint=hint)
    data = read_bytes(disk, path, place)
    if data is None:
        if optional:
            return None
        hint = "write {path: …, optional: true} if it may be missing"
        raise FileflowError(f"there is no config file {path}", place=place, hint=hint)
    try:
        tree = json_tree(data, path) if path.endswith(".json") else read_tree(data, path)
    except FileflowError:
        if path.endswith(".toml"):
            raise _toml(path, place) from None
        raise
    if tree is None or (isinstance(tree, Scalar) and scalar_value(tree) is None):
        return None
    if not isinstance(tree, Mapping):
        if path.endswith(".toml"):
            raise _toml(path, place)
        raise FileflowError("a config file holds a mapping", place=tree.place)
    return tree


def _toml(path: str, place: Place | None) -> FileflowError:
    return FileflowError(
        f"{path} is TOML, which is no config here", place=place, hint="write it as YAML or JSON"
    )


def read_bytes(disk: Disk, path: str, place: Place | None) -> bytes | None:
    """The bytes of a file, or None if there is none.

    Raises:
        FileflowError: at `place`, if it cannot be read.
    """
    try:
        return disk.read(path)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise FileflowError(f"{path} cannot be read: {said}", place=place) from None


def json_tree(data: bytes, name: str) -> Node:
    """The values of a JSON file as a tree, numbers as written; all have the place 1:1.

    Raises:
        FileflowError: it is no JSON in UTF-8, has a doubled key, or is nested too deep.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileflowError(f"{name} is not UTF-8", hint="save the file as UTF-8") from None
    source = Source(name, text)

    def refused(word: str) -> NoReturn:
        raise FileflowError(f"JSON has no {word}", place=_json_place(source, None))

    def written(number: str) -> Scalar:
        return Scalar(number, "", source, 1, 1)

    def told(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            what = f"the key {twice!r} stands twice in one mapping"
            raise FileflowError(what, place=_json_place(source, twice))
        return found

    try:
        value = json.loads(
            text,
            parse_int=written,
            parse_float=written,
            parse_constant=refused,
            object_pairs_hook=told,
        )
        return node_of(value, source)
    except json.JSONDecodeError as error:
        there = Place(source, error.lineno, error.colno)
        raise FileflowError(f"this is no JSON: {error.msg}", place=there) from None
    except RecursionError:
        raise too_deep(Place(source, 1, 1)) from None


_JSON_PARTS = lazy_regex(r'"(?:[^"\\]|\\.)*"(\s*:)?|[{}]|-?Infinity|NaN', re.DOTALL)


def _json_place(source: Source, doubled: str | None) -> Place:
    """Where a key stands for the second time in one object, or the first word that is no JSON."""
    objects: list[set[str]] = []
    for part in _JSON_PARTS.finditer(source.text):
        text = part[0]
        if text == "{":
            objects.append(set())
        elif text == "}":
            objects.pop()
        elif part[1] is not None:
            key = json.loads(text[: -len(part[1])], strict=False)
            if key == doubled and key in objects[-1]:
                break
            objects[-1].add(key)
        elif text[0] != '"' and doubled is None:
            break
    else:
        return Place(source, 1, 1)
    line = source.text.count("\n", 0, part.start()) + 1
    return Place(source, line, part.start() - source.text.rfind("\n", 0, part.start()))


# ---- the command line ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Given:
    """What `--config` said: its layers as one, its files alone, and the keys of its `K=V`."""

    tree: Mapping
    files: Mapping
    keys: tuple[str, ...]


def given_config(arguments: Iterable[str], disk: Disk) -> Given:
    """Reads `--config` arguments: `K=V` over files, later over earlier."""
    files: list[Mapping | None] = [empty_mapping(Source("--config", ""))]
    values: list[Mapping] = []
    keys: list[str] = []
    for argument in arguments:
        if names_file(argument):
            files.append(_given_file(argument, disk))
            continue
        head, _, _ = argument.partition("=")
        found = ASSIGNMENT.fullmatch(argument)
        if found is None:
            raise FileflowError(
                f"--config {argument}: {head!r} is no key",
                hint="write K=V, where K may be dotted: model.lr=0.1",
            )
        keys.append(found[1])
        values.append(_assigned(found[1], found[2]))
    return Given(stacked(*files, *values), stacked(*files), tuple(keys))


def names_file(argument: str) -> bool:
    """Whether what `--config` is given is the path of a file, and not `K=V`."""
    head, equals, _ = argument.partition("=")
    return not equals or "/" in head


def _given_file(path: str, disk: Disk) -> Mapping | None:
    try:
        return read_config_file(path, disk, None)
    except FileflowError as error:
        if error.place is not None:
            raise
        hint = "write K=V, or the path of a YAML or JSON file"
        raise FileflowError(f"--config {path}: {error.what}", hint=hint) from None


def _assigned(key: str, text: str) -> Mapping:
    name = f"--config {key}"
    source = Source(name, text)
    node = read_tree(text.encode("utf-8", "surrogateescape"), name) or node_of(None, source)
    for step in reversed(key.split(".")):
        node = Mapping({step: node}, {step: Scalar(step, "", source, 1, 1)}, True, source, 1, 1)
    assert isinstance(node, Mapping), "bug: a key has a step"
    return node


def check_given(given: Given, without: Config, used: Config, errors: Collector) -> None:
    """An error for each key of `--config K=V` that no config has and nothing names.

    `without` is the config without these, `used` the one that rules and wildcards have looked into.
    """
    for key in given.keys:
        steps: Steps = tuple(key.split("."))
        above = next((way for way in _above(steps) if isinstance(without.find(way), Items)), None)
        if above is not None:
            what = f"--config {key}=…: config.{dotted(above)} is a list"
            errors.add(FileflowError(what, hint=f"give it as a whole: {dotted(above)}=[…]"))
            continue
        if without.find(steps) is not None or used.is_asked(steps):
            continue
        near = nearest(key, without.ways())
        errors.add(
            FileflowError(
                f"--config {key}=…: no config has {key}, and no rule names it",
                hint=f"did you mean {near!r}?" if near else did_you_mean(key, without.tree.items),
            )
        )


def _above(steps: Steps) -> Iterator[Steps]:
    return (steps[:end] for end in range(1, len(steps)))
