"""`fileflow list`: the rules, what each maps and gathers, and how many jobs it has.

Looks at rules and relations only: not at sources, records or what is fresh.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Set

from fileflow.errors import counted
from fileflow.lean import dataclass
from fileflow.model.rules import Rule, Workflow, shown_name
from fileflow.planning.joined import Joins
from fileflow.planning.tables import RuleTable

Count = int | tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Extent:
    """What a rule does with its wildcards.

    `maps` and `gathers` give for each name the number of its values, as (least, most) where it
    differs from job to job, None where it is not known before a run; `jobs` is None for a rule
    that makes whatever fits and is asked for, or is known only while running.
    """

    maps: dict[str, Count]
    gathers: dict[str, Count]
    free: tuple[str, ...]
    scatters: tuple[str, ...]
    jobs: int | None

    def __str__(self) -> str:
        words = []
        if self.maps:
            words.append(f"maps {_names(self.maps)}")
        if self.free:
            words.append(f"any {', '.join(f'{{{name}}}' for name in self.free)}")
        if self.gathers:
            words.append(f"gathers {_names(self.gathers)}")
        if self.scatters:
            words.append(f"scatters {', '.join(self.scatters)}")
        return ", ".join(words)


def extent_of(table: RuleTable) -> Extent:
    """What a rule maps and gathers, and how many jobs it has.

    Raises:
        FileflowError: if a wildcard that it gathers has no values.
    """
    table.make_links()
    shape = table.shape
    unknown = table.joins.found_names
    deferred = bool(unknown & set(shape.mapped))  # then the table has no rows yet
    maps: dict[str, Count] = {
        name: None
        if name in unknown
        else len(_values(table, name) if deferred else set(table.columns[name]))
        for name in shape.mapped
        if name not in shape.free
    }
    gathers = {
        name: None if name in unknown else _gathered(table, name, unknown)
        for name in shape.gathered
        if name not in table.rule.scatter
    }
    gathers = {shown_name(name): count for name, count in gathers.items()}
    known = not shape.free and not deferred
    return Extent(
        maps=_declared(table, maps) if shape.free else maps,
        gathers=gathers,
        free=shape.free,
        scatters=table.rule.scatter,
        jobs=table.count if known else None,
    )


def _declared(table: RuleTable, names: Iterable[str]) -> dict[str, Count]:
    """The number of values of names in a rule whose rows come from paths that are asked for."""
    return {name: len(_values(table, name)) for name in names}


def _values(table: RuleTable, name: str) -> set[str]:
    columns = [
        set(one.column(name))
        for one in table.relations
        if name in one.names and name not in one.path_names
    ]
    return set.intersection(*columns) if columns else set()


def _gathered(table: RuleTable, name: str, unknown: Set[str]) -> Count:
    counts = {
        len(set(group.rows.column(name)))
        for link in table.links
        for group in link.groups
        if group.rows is not None
        and name in group.rows.names
        # Without the values that are found while running there is no row of the others either.
        and (group.rows.count or unknown.isdisjoint(group.rows.names))
    }
    if not counts:
        return len(_values(table, name))
    least, most = min(counts), max(counts)
    return most if least == most else (least, most)


def _names(counts: dict[str, Count]) -> str:
    return ", ".join(f"{name} ({_number(count)})" for name, count in counts.items())


def _number(count: Count) -> str:
    if count is None:
        return "found while running"
    return str(count) if isinstance(count, int) else f"{count[0]} to {count[1]}"


def list_rules(workflow: Workflow, say: Callable[[str], None], *, as_json: bool = False) -> int:
    """Prints the rules with their docs, what each maps and gathers, and its number of jobs.

    Raises:
        FileflowError: if values cannot fill the paths of a rule, or it gathers none.
    """
    joins = Joins(workflow)
    tables = [
        RuleTable(number, rule, workflow, joins)
        for number, rule in enumerate(workflow.rules.values())
    ]
    extents = [(table.rule, extent_of(table)) for table in tables]
    if as_json:
        say(json.dumps({"rules": [_facts(*one) for one in extents]}, indent=2))
        return 0
    width = max((len(rule.name) for rule, _ in extents), default=0)
    for rule, extent in extents:
        lines = list(_lines(rule, extent))
        say(f"{rule.name:<{width}}  {lines[0]}")
        for line in lines[1:]:
            say(f"{'':<{width}}  {line}")
    return 0


def _lines(rule: Rule, extent: Extent) -> Iterator[str]:
    words = str(extent)
    if rule.asks_only:
        yield f"asks for its inputs; {words}" if words else "asks for its inputs"
    else:
        count = "a job for each path asked for" if extent.free else "jobs found while running"
        if extent.jobs is not None:
            count = counted(extent.jobs, "job")
        yield f"{count}: {words}" if words else count
    if rule.doc.strip():
        yield rule.doc.strip().splitlines()[0]
    if rule.tags:
        yield f"tags: {', '.join(rule.tags)}"


def _facts(rule: Rule, extent: Extent) -> dict[str, object]:
    return {
        "rule": rule.name,
        "doc": rule.doc.strip(),
        "tags": list(rule.tags),
        "maps": extent.maps,
        "gathers": extent.gathers,
        "any": list(extent.free),
        "scatters": list(extent.scatters),
        "jobs": 0 if rule.asks_only else extent.jobs,
        "asks_only": rule.asks_only,
        "inputs": [str(entry.pattern) for entry in rule.inputs if entry.pattern is not None],
        "outputs": [str(entry.pattern) for entry in rule.outputs if entry.pattern is not None],
    }
