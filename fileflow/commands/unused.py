"""What a Workflowfile declares and nothing uses: keys of `wildcards`, and config.

Reads the files' text for who names whom: what is filled in while loading leaves no trace in rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fileflow.engine.session import Session
from fileflow.errors import FileflowError, Place
from fileflow.language.config import config_names, steps_of
from fileflow.language.relations import DERIVED
from fileflow.language.yaml_nodes import Mapping as Tree
from fileflow.language.yaml_nodes import Node, Scalar
from fileflow.language.yaml_tree import read_tree
from fileflow.lean import dataclass, lazy_regex
from fileflow.model.rules import Run
from fileflow.planning.binding import Binding
from fileflow.planning.questions import Site, sites_of
from fileflow.planning.shapes import shape_of

_MODIFIERS = lazy_regex(r":[^\s{}]*\}")
Way = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unused:
    """A name that nothing uses, and where it was written."""

    name: str
    place: Place


def unused_wildcards(session: Session) -> list[Unused]:
    """Keys of `wildcards` of which no rule's paths, and no other key, use a name."""
    workflow = session.workflow
    used = {
        name
        for rule in workflow.rules.values()
        for name in (
            *shape_of(rule, workflow.relations).path_wildcards,
            *(name for site in sites_of(rule, rule.inputs) for name in _awaited(site)),
            *rule.scatter,
            *(name for entry in rule.outputs if entry.own is not None for name in entry.own.names),
        )
    }
    for tree in _trees(session):
        for node in _below(tree):
            if isinstance(node, Tree):
                for form in DERIVED:
                    source = node.items.get(form)
                    used.update(_words(source) if source is not None else ())
    return [
        Unused(", ".join(one.names), one.place)
        for one in workflow.relations
        if one.scattered_by is None and not used.intersection(one.names)
    ]


def _awaited(site: Site) -> Iterator[str]:
    """The wildcards of the files that a call waits for."""
    for pattern in site.call.after:
        yield from pattern.wildcards


def unused_config(session: Session, bindings: Mapping[str, Binding]) -> list[Unused]:
    """The topmost keys of config of which nothing below is named anywhere.

    Args:
        session: the project.
        bindings: how functions are called: one that takes `config` uses all of it, and so does one
            that is not known.
    """
    workflow = session.workflow
    for rule in workflow.rules.values():
        binding = bindings.get(rule.name)
        unknown = isinstance(rule.action, Run) and binding is None
        if rule.names_whole_config or unknown or (binding is not None and binding.whole_config):
            return []
    used = {way for tree in _trees(session) for way in _named(tree)}
    if () in used:
        return []
    return list(_unused_below(workflow.config, (), used))


def _unused_below(node: Tree, way: Way, used: set[Way]) -> Iterator[Unused]:
    for key, child in node.items.items():
        here = (*way, key)
        if here in used:
            continue
        if not any(one[: len(here)] == here for one in used):
            yield Unused("config." + ".".join(here), node.keys[key].place)
        elif isinstance(child, Tree):
            yield from _unused_below(child, here, used)


def _trees(session: Session) -> Iterator[Tree]:
    """The files that say what the workflow is; of config one that is no YAML is passed over."""
    for path in session.workflow.files:
        data = session.disk.read(path)
        if data is None:
            continue
        try:
            tree = read_tree(data, path)
        except FileflowError:
            continue
        if isinstance(tree, Tree):
            yield tree


def _below(node: Node) -> Iterator[Node]:
    todo = [node]
    while todo:
        one = todo.pop()
        yield one
        if isinstance(one, Tree):
            todo += one.items.values()
        elif not isinstance(one, Scalar):
            todo += one.items


def _words(node: Node) -> Iterator[str]:
    for one in _below(node):
        if isinstance(one, Scalar):
            yield from (word.strip() for word in one.text.split(","))


def _named(tree: Tree) -> Iterator[Way]:
    """The ways into config that a file names: in braces, as `keys: config.x`, and in `when`."""
    for node in _below(tree):
        if isinstance(node, Scalar):
            for named in config_names(_MODIFIERS.sub("}", node.text)):
                yield _way(named.steps)
        elif isinstance(node, Tree):
            keys = node.items.get("keys")
            if isinstance(keys, Scalar) and keys.text.startswith("config"):
                yield _way(steps_of(keys.text.removeprefix("config")))
            when = node.items.get("when")
            if isinstance(when, Tree):
                for name in when.items:
                    yield _way(steps_of("." + name.removeprefix("config.")))


def _way(steps: tuple[str | int, ...]) -> Way:
    """The steps through mappings: what is chosen from a list counts as all of the list."""
    out: list[str] = []
    for step in steps:
        if isinstance(step, int):
            break
        out.append(step)
    return tuple(out)
