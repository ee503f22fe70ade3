"""What jobs were found to read, by the deps files of their last runs.

Inputs like any, but no part of `{input}`; one that is gone is no error, and where one is made from
what its own job makes, that job does not wait for it. Pure: what was found is asked of `Looks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fileflow.model.rules import Entry
from fileflow.planning.joined import Joins
from fileflow.planning.links import ABSENT, ROW, SHIFT, Group, Link
from fileflow.planning.ordering import components
from fileflow.planning.tables import RuleTable, makers_of, wanted_rows

NAME = "(deps)"


class _Rows(Sequence[int]):
    """A number for each row, 0 for those of which nothing is known."""

    __slots__ = ("numbers",)

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}

    def __getitem__(self, row: int) -> int:  # type: ignore[override]
        return self.numbers.get(row, 0)

    def __len__(self) -> int:
        return 0


class NamedLink(Link):
    """The last link of a rule with a `deps` output: for each job a list that equal ones share."""

    __slots__ = ("_by_list", "_rows", "loose")

    named = True

    def __init__(self, entry: Entry, nothing: Group) -> None:
        flags = Entry(place=entry.place, name=NAME, optional=True, deps=True)
        super().__init__(flags, None, single=False)
        self.groups = [nothing]
        self._rows = _Rows()
        self.group_of = self._rows
        self._by_list: dict[object, int] = {}
        self.loose: dict[int, frozenset[str]] = {}

    def taken(self, group: Group) -> list[str]:
        """The files that jobs were found to read, absent ones too."""
        return group.paths

    def knows(self, row: int) -> bool:
        """Whether it was asked what the job reads."""
        return row in self._rows.numbers

    def nothing(self, row: int) -> None:
        """Nothing is known of this job."""
        self._rows.numbers[row] = 0

    def has(self, row: int, key: object) -> bool:
        """Gives the row the list with this key, if there is one."""
        number = self._by_list.get(key)
        if number is None:
            return False
        self._rows.numbers[row] = number
        return True

    def put(self, row: int, group: Group, key: object = None) -> int:
        """Gives the row this list; rows with the same key share it. Its number in this link."""
        number = len(self.groups)
        self.groups.append(group)
        self._rows.numbers[row] = number
        if key is not None:
            self._by_list[key] = number
        return number


def learns(table: RuleTable) -> bool:
    """Whether jobs of this rule tell what they read."""
    return any(entry.deps for entry in table.shape.outputs)


def named_link(table: RuleTable) -> NamedLink | None:
    """The link of what the jobs of a rule were found to read, if it was asked for."""
    link = table.links[-1] if table.links else None
    return link if isinstance(link, NamedLink) else None


def new_link(table: RuleTable, joins: Joins) -> NamedLink:
    """Adds such a link to a rule's table."""
    entry = next(entry for entry in table.shape.outputs if entry.deps)
    link = NamedLink(entry, joins.new_group([], None))
    table.links.append(link)
    return link


def rings(tables: Mapping[int, RuleTable]) -> Iterator[tuple[int, frozenset[str]]]:
    """Jobs with files that they were found to read and whose makers need them."""
    links = {
        number: link
        for number, table in tables.items()
        if (link := named_link(table)) is not None and link.tables and any(table.wanted)
    }
    if not links:
        return
    needs = {
        number: {other for link in table.links for other in link.tables if other in tables}
        for number, table in tables.items()
        if any(table.wanted)
    }
    needs = {number: others & needs.keys() for number, others in needs.items()}
    for component in components(needs):
        inside = set(component)
        if any(number in links and links[number].tables & inside for number in component):
            yield from _job_rings(tables, component, links)


def _job_rings(
    tables: Mapping[int, RuleTable], component: Sequence[int], links: Mapping[int, NamedLink]
) -> Iterator[tuple[int, frozenset[str]]]:
    jobs = [
        tables[number].base | row for number in component for row in wanted_rows(tables[number])
    ]
    needs = {job: set(makers_of(tables, job)) for job in jobs}
    needs = {job: others & needs.keys() for job, others in needs.items()}
    for ring in components(needs):
        inside = set(ring)
        if len(ring) == 1 and ring[0] not in needs[ring[0]]:
            continue
        for job in sorted(inside):
            link = links.get(job >> SHIFT)
            if link is None:
                continue
            row = job & ROW
            makers = link.makers_of(row)
            paths = frozenset(
                path
                for path, maker in zip(link.paths_of(row), makers, strict=True)
                if maker in inside
            )
            if paths:
                yield job, paths


def loosened(makers: Sequence[int], paths: Sequence[str], loose: frozenset[str]) -> list[int]:
    """The makers of a list, without those of files for which nobody waits."""
    return [ABSENT if path in loose else maker for path, maker in zip(paths, makers, strict=True)]
