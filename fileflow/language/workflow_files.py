"""Reads a Workflowfile and what it includes: top-level keys, and config merged over all files.

Knows which keys a file has, and not what is below `rules` and `wildcards`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from fileflow.errors import Collector, FileflowError, Place, did_you_mean
from fileflow.language import scalars
from fileflow.language.config import (
    Config,
    Given,
    config_names,
    empty_mapping,
    given_config,
    read_bytes,
    read_config,
    stacked,
)
from fileflow.language.rule_reader import looks_like_rule
from fileflow.language.scalars import unknown_key
from fileflow.language.yaml_nodes import Mapping, Node, Scalar
from fileflow.language.yaml_nodes import Sequence as Items
from fileflow.language.yaml_tree import read_tree
from fileflow.lean import dataclass
from fileflow.model.patterns import normal
from fileflow.model.ports import Disk

TOP_KEYS = ("seed", "config", "wildcards", "resources", "include", "defaults", "rules")
INCLUDED_KEYS = ("config", "wildcards", "include", "defaults", "rules")


@dataclass(frozen=True, slots=True)
class FlowFile:
    """One file: its name, and the mapping in it."""

    name: str
    tree: Mapping

    def section(self, key: str) -> Mapping:
        """What one key says; an empty mapping if there is nothing.

        Raises:
            FileflowError: it is no mapping.
        """
        node = self.tree.items.get(key)
        if node is None or scalars.is_nothing(node):
            return empty_mapping(self.tree.source)
        return scalars.mapping(node, key)


@dataclass(frozen=True, slots=True)
class FlowFiles:
    """All files, the top one first, and the config that they give together.

    `given` is what the command line said of config, `without` the config without its `K=V`; `names`
    are these files and those of config, be they there or not.
    """

    files: Sequence[FlowFile]
    config: Mapping
    without: Mapping
    given: Given
    names: Sequence[str]


class _Noting:
    """A disk that notes what is read of it."""

    def __init__(self, disk: Disk) -> None:
        self.names: list[str] = []
        self.listing = disk.listing
        self.exists = disk.exists
        self._disk = disk

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or None if there is none."""
        self.names.append(path)
        return self._disk.read(path)


class _FileReader:
    """Follows `include`, depth first; what wins over a file's own config is handed down to it."""

    def __init__(self, disk: Disk, errors: Collector) -> None:
        """`errors` takes wrong keys; `lost` is what keeps files or config from being read."""
        self._disk = disk
        self._errors = errors
        self.lost = Collector()
        self._open: list[str] = []
        self._done: set[str] = set()
        self.files: list[FlowFile] = []

    def read(
        self, name: str, place: Place | None, above: Mapping, below: Mapping | None
    ) -> Mapping | None:
        """The config of a file over that of its includes, or None if the file cannot be read."""
        self._done.add(name)
        try:
            tree = self._tree(name, place)
        except FileflowError as error:
            self.lost.add(error)
            return None
        self.files.append(FlowFile(name, tree))
        self._check_keys(tree, top=place is None)
        self._open.append(name)
        try:
            return self._layers(tree, above, below)
        finally:
            self._open.pop()

    def _tree(self, name: str, place: Place | None) -> Mapping:
        data = read_bytes(self._disk, name, place)
        if data is None:
            hint = None if place is None else did_you_mean(name, self._beside(name))
            if "*" in name:
                hint = "write each file: include: [a.yaml, b.yaml]"
            raise FileflowError(f"there is no file {name}", place=place, hint=hint)
        tree = read_tree(data, name)
        if tree is None:
            raise FileflowError(f"{name} is empty", place=place, hint="write rules: into it")
        return scalars.mapping(
            tree, name, f"a mapping with keys such as {', '.join(TOP_KEYS[-2:])}"
        )

    def _beside(self, name: str) -> list[str]:
        folder = posixpath.dirname(name)
        return [posixpath.join(folder, other) for other in self._disk.listing(folder).files]

    def _check_keys(self, tree: Mapping, *, top: bool) -> None:
        known = TOP_KEYS if top else INCLUDED_KEYS
        rules = [
            name
            for name, node in tree.items.items()
            if name not in TOP_KEYS
            and name not in _MEANT
            and name[:1] != scalars.NO_BREAK
            and looks_like_rule(node)
        ]
        if rules:
            self._errors.add(
                FileflowError(
                    f"the rule {rules[0]!r} stands at the left edge, not below `rules`",
                    place=tree.keys[rules[0]].place,
                    hint=f"indent {', '.join(rules[:3])}{' …' * (len(rules) > 3)} below rules:",
                )
            )
        for name, key in tree.keys.items():
            if name in known or name in rules:
                continue
            if name in TOP_KEYS:
                self._errors.add(
                    FileflowError(f"{name} stands only in the top Workflowfile", place=key.place)
                )
            else:
                self._errors.add(unknown_key(key, known, "a Workflowfile", _MEANT))

    def _layers(self, tree: Mapping, above: Mapping, below: Mapping | None) -> Mapping:
        own = empty_mapping(tree.source)
        said = tree.items.get("config")
        if said is not None and not scalars.is_nothing(said):
            try:
                own = read_config(said, self._disk, above, below)
            except FileflowError as error:
                self.lost.add(error)
        wins = stacked(own, above)
        under = empty_mapping(tree.source)
        for scalar in self._includes(tree, Config(stacked(below, wins))):
            try:
                name = self._included(scalar, Config(stacked(below, under, wins)))
            except FileflowError as error:
                self.lost.add(error)
                continue
            if name not in self._done:
                included = self.read(name, scalar.place, wins, stacked(below, under))
                under = stacked(under, included)
        return stacked(under, own)

    def _includes(self, tree: Mapping, config: Config) -> Sequence[Scalar]:
        node: Node | None = tree.items.get("include")
        if node is None or scalars.is_nothing(node):
            return ()
        try:
            if isinstance(node, Scalar) and any(config_names(node.text)):
                filled = config.filled(node)
                node = filled if isinstance(filled, Items) else node
            return scalars.scalars(node, "include")
        except FileflowError as error:
            self.lost.add(error)
            return ()

    def _included(self, scalar: Scalar, config: Config) -> str:
        path = config.text(scalar).text
        if not path:
            hint = "write the path of a file, or leave it out"
            raise FileflowError("the path of an include is empty", place=scalar.place, hint=hint)
        name = normal(path)
        if name in self._open:
            ring = " → ".join([*self._open[self._open.index(name) :], name])
            raise FileflowError(
                f"files include each other in a ring: {ring}",
                place=scalar.place,
                hint="take one include out",
            )
        return name


_MEANT = {
    "configfile": "write config: FILE",
    "rule": "rules stand below one key: rules",
    "vars": "write config",
    "variables": "write config",
    "params": "write config; params is a key of a rule",
    "includes": "write include",
    "stages": "write rules",
    "jobs": "write rules",
    "tasks": "write rules",
    "wildcard_constraints": "write defaults: {constraints: …}, or match beside the values",
    "workdir": "actions run in the Workflowfile's folder; -C DIR works in another one",
    **{
        key: f"it is a key of a rule; for all of them write defaults: {{{key}: …}}"
        for key in ("envvars", "retries", "cores", "env", "timeout", "prefix", "tags")
    },
}


def read_files(disk: Disk, file: str, config_args: Sequence[str], errors: Collector) -> FlowFiles:
    """Reads all files; wrong top-level keys go to `errors`.

    Raises:
        FileflowError: a file, its config or an argument of `--config` cannot be read; with all that
            is in `errors`.
    """
    noting = _Noting(disk)
    given = given_config(config_args, noting)
    reader = _FileReader(noting, errors)
    own = reader.read(file, None, given.tree, None)
    if own is None or reader.lost.errors:
        for error in reader.lost.errors:
            errors.add(error)
        errors.raise_if_any()
    assert own is not None, "bug: a file that was not read is a mistake"
    whole, without = stacked(own, given.tree), stacked(own, given.files)
    return FlowFiles(reader.files, whole, without, given, noting.names)
