"""Loads a workflow: its files, config, rules and relations, read and checked against each other.

Every mistake that can be found without running anything is gathered, and all are raised together.
What jobs there are, and which files they need, is for planning to say.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

from fileflow.errors import Collector, FileflowError, did_you_mean
from fileflow.garbage import no_collection
from fileflow.language import scalars
from fileflow.language.config import Config, check_given
from fileflow.language.entries import is_call
from fileflow.language.name_checks import Columns, check_made, check_rule
from fileflow.language.outputs import OutputIndex
from fileflow.language.own_wildcards import OwnWildcards, allowed_rows
from fileflow.language.relations import OwnRead, read_own, read_relations
from fileflow.language.rule_book import Draft, RuleBook
from fileflow.language.rule_reader import (
    ACTIONS,
    MEANT,
    NOT_FOR_ALL,
    RULE_KEYS,
    Reading,
    looks_like_rule,
    read_rules,
)
from fileflow.language.scalars import not_a, unknown_key
from fileflow.language.value_forms import Surroundings
from fileflow.language.workflow_files import FlowFile, FlowFiles, read_files
from fileflow.language.yaml_nodes import Mapping as Tree
from fileflow.language.yaml_nodes import Node, Scalar, looks_like_placeholder
from fileflow.language.yaml_nodes import Sequence as Items
from fileflow.language.yaml_tree import read_tree
from fileflow.lean import lazy_regex
from fileflow.model.patterns import Pattern, partly
from fileflow.model.ports import Disk
from fileflow.model.rules import Absent, Pool, Relation, Rule, Workflow, absent_maker

_MAKING = frozenset({*ACTIONS, "output"})
_OF_ASKING = frozenset({"input", "constraints", "when", "tags"})
_MERGED = frozenset({"params", "env", "resources", "constraints", "when", "seed"})
_JOINED = frozenset({"input", "log"})
_RULE_NAME = lazy_regex(r"[^\s/{}\0-\x1f-](?:[^/{}\0-\x1f]*[^\s/{}\0-\x1f])?")


def load_workflow(
    disk: Disk,
    file: str,
    root: str,
    *,
    config_args: Sequence[str] = (),
    seed: int | None = None,
    resources_args: Sequence[str] = (),
    retries: int | None = None,
) -> Workflow:
    """Reads a Workflowfile, all that it includes, and what the values of its wildcards come from.

    Args:
        disk: the disk below the Workflowfile's folder.
        file: the Workflowfile, relative to that folder.
        root: the folder's own path, which goes into the result as it is.
        config_args: what `--config` was given, `K=V` or the path of a file, relative to that folder
            or absolute.
        seed: wins over `seed` in the file.
        resources_args: what `--resources` was given, `K=N`.
        retries: wins over `retries` of every rule.

    Raises:
        FileflowError: one mistake, or all that were found (`Mistakes`).
    """
    with no_collection():
        return _Loader(disk, file, root, config_args).load(seed, resources_args, retries)


class _Loader:
    """One loading of a workflow, step by step; mistakes are gathered on the way."""

    def __init__(self, disk: Disk, file: str, root: str, config_args: Sequence[str]) -> None:
        self._disk = disk
        self._file = file
        self._root = root
        self._errors = Collector()
        self._found: FlowFiles = read_files(disk, file, config_args, self._errors)
        self._config = Config(self._found.config, root)
        self._drafts: dict[str, Draft] = {}
        self._absent: dict[str, Absent] = {}
        self._warnings: list[str] = []

    def load(
        self, seed: int | None, resources_args: Sequence[str], retries: int | None
    ) -> Workflow:
        """All steps: rules by themselves, relations, then what each has to do with the other."""
        errors = self._errors
        tree = self._filled_config()
        book = RuleBook(self._drafts, self._absent, self._config, errors)
        for file in self._found.files:
            self._draft_rules(file, book)
        readings = read_rules(book)
        top = self._found.files[0].tree
        self._check_outputs(readings)
        number = self._seed(top.items.get("seed")) if seed is None else seed
        pools = self._pools(top.items.get("resources"), resources_args, readings)

        outputs = OutputIndex(self._output_patterns(readings))
        owning = [said for said in readings if said.shape.owns]
        if any(id(one) in said.shape.owns for said in owning for one in said.rule.outputs):
            outputs = OutputIndex(self._output_patterns(readings, self._around(outputs)))
        mistakes = len(errors.errors)
        around = self._around(outputs)
        relations = read_relations(self._sections(errors), around, errors)
        if len(errors.errors) == mistakes:
            found = [*relations.relations, *_scattered(readings, relations.relations, errors)]
            check_made(found, readings, self._absent.values(), errors)
            columns = Columns(found)
            own = OwnWildcards(
                lambda said: read_own(said.keys, around, errors, others=relations), errors
            )
            rules = [self._finished(reading, columns, own) for reading in readings]
            found += own.relations
        check_given(self._found.given, Config(self._found.without), self._config, errors)
        if not self._drafts and not self._absent and not errors.errors:
            errors.add(FileflowError(f"there are no rules in {self._file}", place=top.place))
        errors.raise_if_any()
        if retries is not None:
            rules = [rule._replace(retries=retries) for rule in rules]
        return Workflow(
            root=self._root,
            file=self._file,
            files=tuple(self._found.names),
            seed=number,
            config=tree,
            relations=tuple(found),
            rules={rule.name: rule for rule in rules},
            resources=pools,
            constraints={**relations.constraints, **own.constraints},
            warnings=(*relations.warnings, *own.warnings, *self._warnings, *book.warnings),
            absent=self._absent,
            passed_over={**relations.passed_over, **own.passed_over},
        )

    def _filled_config(self) -> Tree:
        try:
            return self._config.tree
        except FileflowError as error:
            self._errors.add(error)
            self._config.add_mistakes(self._errors)
            self._errors.raise_if_any()
            raise

    # ---- rules ----

    def _draft_rules(self, file: FlowFile, book: RuleBook) -> None:
        try:
            defaults = self._defaults(file)
            rules = file.section("rules")
        except FileflowError as error:
            self._errors.add(error)
            return
        outdented = self._outdented(rules)
        for name, node in rules.items.items():
            if name in outdented:
                continue
            try:
                self._draft_rule(rules.keys[name], node, defaults, book)
            except FileflowError as error:
                self._errors.add(error)

    def _outdented(self, rules: Tree) -> set[str]:
        """The rules without anything whose keys stand below them in their own column, and these."""
        groups: dict[str, list[str]] = {}
        open_rule = ""
        for name, node in rules.items.items():
            if scalars.is_nothing(node) and name not in RULE_KEYS:
                open_rule = name
            elif open_rule and name in RULE_KEYS and not looks_like_rule(node):
                groups.setdefault(open_rule, []).append(name)
            else:
                open_rule = ""
        for name, keys in groups.items():
            self._errors.add(
                FileflowError(
                    f"the keys of the rule {name!r} stand beside it, not below it",
                    place=rules.keys[keys[0]].place,
                    hint=f"indent {', '.join(keys)} below {name}:",
                )
            )
        return {name for rule, keys in groups.items() for name in (rule, *keys)}

    def _draft_rule(self, key: Scalar, node: Node, defaults: Tree | None, book: RuleBook) -> None:
        name = key.text
        if not _RULE_NAME.fullmatch(name):
            raise FileflowError(
                f"{name!r} cannot be the name of a rule",
                place=key.place,
                hint="a name has no / and no braces, and does not begin with -",
            )
        if not isinstance(node, Tree) or looks_like_placeholder(node):
            raise not_a(node, f"the rule {name!r}", "a mapping with keys such as input and output")
        constraints = node.items.get("constraints")
        own = constraints.items.keys() if isinstance(constraints, Tree) else frozenset()
        whole = self._with_defaults(node, defaults) if defaults is not None else node
        when = whole.items.get("when")
        unmet = None
        if when is not None:
            filled = self._config.filled(when)
            unmet = book.unmet(scalars.mapping(filled, "when", "a mapping such as {mode: fast}"))
        other = self._drafts.get(name)
        if unmet is not None:
            if other is None:
                found = whole.items.get("scatter")
                scatters = scalars.names(self._config.filled(found), "scatter") if found else ()
                self._absent[name] = Absent(
                    unmet,
                    tuple(self._patterns(whole.items.get("output"))),
                    tuple(one.text for one in scatters),
                )
            return
        if other is not None:
            raise FileflowError(
                f"there is a rule {name!r} already, at {other.key.place}",
                place=key.place,
                hint="give one of them another name",
            )
        self._absent.pop(name, None)
        self._drafts[name] = Draft(name, key, whole, node.items.keys(), own)

    def _patterns(self, node: Node | None) -> Iterator[Pattern]:
        """The patterns in `output` of a rule that is not there: those that can be read."""
        if isinstance(node, Scalar):
            with suppress(FileflowError):
                filled = self._config.filled(node)
                if isinstance(filled, Scalar):
                    yield self._config.pattern(filled.text)
        elif isinstance(node, Tree) and "path" in node.items:
            yield from self._patterns(node.items["path"])
        elif node is not None:
            for item in node.items.values() if isinstance(node, Tree) else node.items:
                yield from self._patterns(item)

    def _defaults(self, file: FlowFile) -> Tree | None:
        defaults = file.section("defaults")
        if not defaults.items:
            return None
        known = RULE_KEYS - NOT_FOR_ALL
        for name, key in defaults.keys.items():
            if name in NOT_FOR_ALL:
                self._errors.add(
                    FileflowError(
                        f"{name} makes no sense for all rules, so it is no default",
                        place=key.place,
                    )
                )
            elif name not in known:
                self._errors.add(unknown_key(key, known, "defaults", MEANT))
        items = {name: node for name, node in defaults.items.items() if name in known}
        return Tree(items, defaults.keys, defaults.flow, *defaults.place)

    def _with_defaults(self, node: Tree, defaults: Tree) -> Tree:
        items, keys = dict(defaults.items), dict(defaults.keys)
        if _MAKING.isdisjoint(node.items):  # no job: it only asks for its inputs
            items = {name: items[name] for name in items if name in _OF_ASKING}
        for name, value in node.items.items():
            base = items.get(name)
            keys[name] = node.keys[name]
            items[name] = value
            if base is not None and (name in _MERGED or name in _JOINED):
                base, value = self._collection(base), self._collection(value)
                if _can_merge(base, value, name):
                    items[name] = _over(base, value, deep=name in _MERGED)
        return Tree(items, {name: keys[name] for name in items}, node.flow, *node.place)

    def _collection(self, node: Node) -> Node:
        """A mapping that stands behind a lone `{config.…}`; what is in it is filled in later."""
        return self._config.filled(node) if isinstance(node, Scalar) else node

    def _check_outputs(self, readings: Iterable[Reading]) -> None:
        """No rule makes a file that the workflow is read from, or a folder that one lies in."""
        base = posixpath.join("/", self._root, "")
        taken: dict[str, str] = {}
        for name in self._found.names:
            path = posixpath.normpath(base + name if name[:1] != "/" else name)
            taken[path] = "the workflow is read from it"
            while (path := posixpath.dirname(path)) not in taken:
                taken[path] = f"{name} lies in it, from which the workflow is read"
        for reading in readings:
            for entry in (*reading.rule.outputs, *reading.rule.logs):
                pattern = entry.pattern
                if pattern is None or pattern.names or entry.absent:
                    continue
                path = pattern.parts[0]
                if path[:1] in "/.":  # all others are spelt in one way already
                    path = posixpath.normpath(posixpath.join(base, path))
                else:
                    path = base + path
                if path in taken:
                    said = f"{pattern} is no output: {taken[path]}"
                    hint = "write another path"
                    self._errors.add(FileflowError(said, place=entry.place, hint=hint))

    def _finished(self, reading: Reading, columns: Columns, own: OwnWildcards) -> Rule:
        rule = check_rule(reading, columns, self._errors)
        owns = reading.shape.owns
        return own.given_to(rule, owns) if owns else rule

    # ---- relations ----

    def _output_patterns(
        self, readings: Iterable[Reading], roughly: Surroundings | None = None
    ) -> Iterator[tuple[Pattern, Mapping[str, Sequence[str]]]]:
        """All output patterns with the constraints that hold for them.

        Of a pattern with wildcards of its own the paths for which it stands, if their values can be
        read before those of `wildcards`. That takes an index in which they are open (of `roughly`).
        """
        everywhere: dict[str, tuple[str, ...]] = {}
        for _, _, node in self._sections(Collector()):
            match = node.items.get("match") if isinstance(node, Tree) else None
            for name, said in match.items.items() if isinstance(match, Tree) else ():
                try:
                    regex = scalars.regex(said, name)
                except FileflowError:
                    continue  # said again, and heard, when the relations are read
                everywhere[name] = (*everywhere.get(name, ()), regex)
        for reading in readings:
            rule = reading.rule
            constraints: Mapping[str, Sequence[str]] = everywhere
            if rule.constraints:
                constraints = {
                    name: (
                        *((rule.constraints[name],) if name in rule.constraints else ()),
                        *everywhere.get(name, ()),
                    )
                    for name in {*everywhere, *rule.constraints}
                }
            for entry in rule.outputs:
                if entry.pattern is None or entry.absent:
                    continue
                own = reading.shape.owns.get(id(entry))
                read = OwnRead()
                if own is not None and roughly is not None:
                    read = read_own(own.keys, roughly, Collector())
                if not read.relations or read.is_made:
                    yield entry.pattern, constraints
                    continue
                for values in allowed_rows(read.joined(entry.pattern), rule.constraints):
                    yield partly(entry.pattern, values), constraints

    def _sections(self, errors: Collector) -> list[tuple[str, Scalar, Node]]:
        found: dict[str, tuple[str, Scalar, Node]] = {}
        for file in self._found.files:
            try:
                section = file.section("wildcards")
            except FileflowError as error:
                errors.add(error)
                continue
            for name, node in section.items.items():
                key = section.keys[name]
                text = ", ".join(word.strip() for word in name.split(","))
                if text in found:
                    errors.add(
                        FileflowError(
                            f"{text} has values already, at {found[text][1].place}",
                            place=key.place,
                            hint="take one of them out",
                        )
                    )
                    continue
                try:
                    found[text] = (text, key, self._config.filled(node))
                except FileflowError as error:
                    errors.add(error)
        return list(found.values())

    def _around(self, outputs: OutputIndex) -> Surroundings:
        return Surroundings(
            self._disk,
            self._config,
            outputs.among,
            lambda pattern: outputs.fits(pattern.text),
            partial(absent_maker, self._absent),
        )

    # ---- seed and pools ----

    def _seed(self, node: Node | None) -> int:
        if node is None:
            return 0
        try:
            return scalars.whole_number(self._config.filled(node), "seed")
        except FileflowError as error:
            self._errors.add(error)
            return 0

    def _pools(
        self, node: Node | None, arguments: Sequence[str], readings: Iterable[Reading]
    ) -> dict[str, Pool]:
        pools: dict[str, Pool] = {}
        try:
            if node is not None and not scalars.is_nothing(node):
                pools = _pools_in(self._config.filled(node))
        except FileflowError as error:
            self._errors.add(error)
        known = {name for reading in readings for name in reading.rule.resources}
        known.update(pools, ("mem_mb",))
        for argument in arguments:
            name, pool = _given_pool(argument)
            pools[name] = pool
            if name not in known:
                hint = did_you_mean(name, known)
                self._warnings.append(
                    f"--resources {argument}: no rule takes {name}" + (f": {hint}" if hint else "")
                )
        return pools


def _can_merge(base: Node, over: Node, name: str) -> bool:
    return not any(
        not isinstance(node, Tree)
        or is_call(node)
        or (name in _JOINED and ("path" in node.items or "rule" in node.items))
        for node in (base, over)
    )


def _over(base: Node, over: Node, *, deep: bool) -> Node:
    """Both mappings, the keys of `over` winning; calls are replaced as a whole."""
    if not isinstance(base, Tree) or not isinstance(over, Tree) or is_call(base) or is_call(over):
        return over
    items, keys = dict(base.items), dict(base.keys)
    keys.update(over.keys)
    for name, value in over.items.items():
        old = items.get(name)
        items[name] = _over(old, value, deep=True) if deep and old is not None else value
    return Tree(items, keys, over.flow, *over.place)


def _scattered(
    readings: Sequence[Reading], declared: Iterable[Relation], errors: Collector
) -> list[Relation]:
    """A relation for what each scatter finds, if no key of `wildcards` has all its values."""
    finders = Counter(name for reading in readings for name in reading.rule.scatter)
    # The wildcards in the path of a made list get no values from it.
    names = {n for relation in declared for n in relation.names if n not in relation.path_names}
    found = []
    for reading in readings:
        rule = reading.rule
        new = tuple(name for name in rule.scatter if name not in names)
        for entry in rule.inputs if new else ():
            for name in reading.shape.wildcards_of(entry):
                if name in new and finders[name] == 1:
                    errors.add(
                        FileflowError(
                            f"the input {entry.pattern} holds {{{name}}}, whose values this job "
                            "is to find itself",
                            place=entry.place,
                            hint="give the wildcard of the input another name, or declare the "
                            f"values of {name} in `wildcards`",
                        )
                    )
        if new:
            # Those that have values are not found: they only say for which of them the others are.
            given = tuple(name for name in rule.scatter if name in names)
            mapped = reading.shape.mapped
            found.append(
                Relation(
                    names=(*new, *given, *mapped),
                    columns=tuple([] for _ in (*new, *given, *mapped)),
                    place=rule.place_of("scatter"),
                    origin=f"what the rule {rule.name!r} scatters",
                    scattered_by=rule.name,
                    path_names=frozenset((*given, *mapped)),
                    told_names=(*new, *given),
                )
            )
    return found


def _pools_in(node: Node) -> dict[str, Pool]:
    table = scalars.mapping(node, "resources", "a mapping such as {api: 2}")
    pools = {}
    for name, item in table.items.items():
        if name == "cores":
            raise FileflowError(
                "cores is no resource", place=table.keys[name].place, hint="how many there are: -j"
            )
        pools[name] = _pool(name, item)
    return pools


def _pool(name: str, node: Node) -> Pool:
    if isinstance(node, Items):
        items = tuple(item.text for item in scalars.scalars(node, name))
        if len(set(items)) < len(items):
            raise FileflowError(f"{name}: an item stands there twice", place=node.place)
        return Pool(len(items), items)
    return Pool(scalars.number(node, name, least=0))


def _given_pool(argument: str) -> tuple[str, Pool]:
    name, equals, text = argument.partition("=")
    shown = f"--resources {name}"
    node = read_tree(text.encode("utf-8", "surrogateescape"), shown) if equals else None
    if node is None or not name:
        raise FileflowError(f"--resources {argument}: write K=N, such as api=2")
    return name, _pool(name, node)
