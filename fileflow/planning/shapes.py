"""What the text of a rule says of its wildcards and of what its action gets.

Pure: the same whatever the values are, and how many.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fileflow.lean import dataclass
from fileflow.model.patterns import partly
from fileflow.model.rules import Entry, Relation, Rule, shown_name
from fileflow.planning.filling import Item


@dataclass(frozen=True, slots=True)
class Shape:
    """What the text of a rule says of its wildcards, before any value is known.

    `written` tells for each input which entry of the rule it comes from: one with wildcards of its
    own stands for several. `idle` are the wildcards that only inputs hold which `when` leaves out:
    an action has them as gathered ones without values.
    """

    mapped: tuple[str, ...]
    path_wildcards: tuple[str, ...]
    free: tuple[str, ...]
    gathered: tuple[str, ...]
    idle: tuple[str, ...]
    inputs: tuple[Entry, ...]
    outputs: tuple[Entry, ...]
    written: tuple[int, ...]


def shape_of(rule: Rule, relations: Iterable[Relation]) -> Shape:
    """The mapped, gathered and free wildcards of a rule, with entry-own wildcards expanded."""
    each = [(k, one) for k, entry in enumerate(rule.inputs) for one in _expanded(entry)]
    inputs = tuple(one for _, one in each)
    outputs = tuple(one for entry in rule.outputs if not entry.absent for one in _expanded(entry))
    known = {
        name for relation in relations for name in relation.names if name not in relation.path_names
    }
    scattered = set(rule.scatter)
    mapped = dict.fromkeys(
        name
        for entry in outputs
        if entry.pattern is not None
        for name in entry.pattern.wildcards
        if name not in scattered
    )
    everywhere = dict.fromkeys(mapped)
    left_out: dict[str, None] = {}
    for entry in inputs:
        if entry.pattern is not None:
            into = left_out if entry.absent else everywhere
            into.update(dict.fromkeys(entry.pattern.wildcards))
    return Shape(
        mapped=tuple(mapped),
        path_wildcards=tuple(everywhere),
        free=tuple(name for name in mapped if name not in known),
        gathered=tuple(name for name in everywhere if name not in mapped),
        idle=tuple(name for name in left_out if name not in everywhere),
        inputs=inputs,
        outputs=outputs,
        written=tuple(k for k, _ in each),
    )


def _expanded(entry: Entry) -> list[Entry]:
    """An entry with a wildcard of its own stands for a list of entries, an absent one for none."""
    if entry.own is None or entry.pattern is None:
        return [entry._replace(rule=None) if entry.absent else entry]
    own = entry.own
    if own.made is not None:  # not known yet: the job waits
        holes = {name: f"{{{shown_name(name)}}}" for name in own.names}
        return [entry._replace(pattern=partly(entry.pattern, holes))]
    listed = entry.listed or not entry.one
    rows = [dict(zip(own.names, row, strict=True)) for row in zip(*own.columns, strict=True)]
    patterns = dict.fromkeys(partly(entry.pattern, values) for values in rows)
    return [entry._replace(pattern=one, own=None, listed=listed) for one in patterns]


def items_of(entries: Sequence[Entry], single: Sequence[bool]) -> tuple[Item, ...]:
    """Groups entries into what an action gets: one item a name, one for each unnamed entry."""
    named: dict[object, list[int]] = {}
    for k, entry in enumerate(entries):
        named.setdefault(entry.name if entry.name is not None else k, []).append(k)
    out = []
    for key, numbers in named.items():
        first = numbers[0]
        alone = len(numbers) == 1 and not entries[first].listed and single[first]
        out.append(Item(key if isinstance(key, str) else None, tuple(numbers), alone))
    return tuple(out)
