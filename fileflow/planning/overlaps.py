"""No path of a plan has two makers, and none lies inside what another job makes as a whole.

Pure: it looks at the texts of paths, never at a disk. Logs are made too: two jobs that write one
would lose what one of them said.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from fileflow.errors import Collector, FileflowError
from fileflow.lean import dataclass
from fileflow.model.patterns import Pattern
from fileflow.model.rules import Entry
from fileflow.planning.links import ROW, SOURCE
from fileflow.planning.plan import Plan
from fileflow.planning.tables import RuleTable, wanted_links, wanted_rows


@dataclass(frozen=True, slots=True)
class Spot:
    """An output (the k-th) or a log of a rule, which its wanted jobs make."""

    table: RuleTable
    k: int
    entry: Entry
    pattern: Pattern
    is_log: bool

    @property
    def is_scattered(self) -> bool:
        """Whether a job of it makes paths that are found as it runs."""
        return not self.is_log and self.k in self.table.scattered

    def paths(self) -> Sequence[str]:
        """The paths of the wanted rows; empty for a log whose path cannot be told."""
        table = self.table
        rows = wanted_rows(table)
        paths = table.log_paths(self.entry) if self.is_log else table.output_paths(self.k)
        return paths if isinstance(rows, range) else [paths[row] for row in rows]


def _spots(table: RuleTable) -> Iterator[Spot]:
    for is_log, entries in ((False, table.shape.outputs), (True, table.rule.logs)):
        for k, entry in enumerate(entries):
            if entry.pattern is not None:
                yield Spot(table, k, entry, entry.pattern, is_log)


class _Files:
    """Files that jobs make, by how deep they lie and how they begin."""

    def __init__(self, spots: Sequence[Spot]) -> None:
        self._spots = [spot for spot in spots if not (spot.is_log or spot.pattern.directory)]
        patterns = [spot.pattern for spot in self._spots]
        self._at: dict[int, dict[str, list[int]]] = {}
        for n in sorted(range(len(patterns)), key=lambda n: patterns[n].parts[0]):
            by_head = self._at.setdefault(patterns[n].text.count("/"), {})
            by_head.setdefault(patterns[n].parts[0], []).append(n)
        self._heads = {depth: list(by_head) for depth, by_head in self._at.items()}

    def above(self, table: RuleTable) -> Iterator[Spot]:
        """Those below which a path of this table could lie, as the patterns say."""
        patterns = [entry.pattern for entry in table.shape.outputs if entry.pattern is not None]
        deepest = max([pattern.text.count("/") for pattern in patterns], default=0)
        found: set[int] = set()
        for depth in [depth for depth in self._at if depth < deepest]:
            by_head, heads = self._at[depth], self._heads[depth]
            for mine in {pattern.parts[0] for pattern in patterns}:
                for head in by_head.keys() & {mine[:n] for n in range(len(mine))}:
                    found.update(by_head[head])
                for at in range(bisect_left(heads, mine), len(heads)):
                    if not heads[at].startswith(mine):
                        break
                    found.update(by_head[heads[at]])
        return (self._spots[n] for n in sorted(found))


def check_overlaps(plan: Plan, table_of: Callable[[str], RuleTable]) -> None:
    """No path has two makers, and none lies below a folder that another job makes.

    `table_of` gives the jobs of any rule, be it in the plan or not. Jobs that are as they were in
    the plan from which this one grew are not compared with each other again.
    """
    errors = Collector()
    made: dict[str, int] = {}
    folders = _folders_elsewhere(plan, table_of)
    new_folders = dict(folders)
    spots: list[Spot] = []
    for table in plan.tables.values():
        for spot in _spots(table):
            spots.append(spot)
            if spot.pattern.directory and not spot.is_log:
                paths = table.output_paths(spot.k)
                mine = {paths[row]: table.base | row for row in wanted_rows(table)}
                made.update(mine)
                folders.update(mine)
                if table.number not in plan.same:
                    new_folders.update(mine)
    for group in _near(spots):
        # What a scatter finds is new also where its own jobs are as they were.
        if any(spot.table.scattered or spot.table.number not in plan.same for spot in group):
            _check_doubles(plan, group, errors)
    files = _Files(spots)
    for table in plan.tables.values():
        same = table.number in plan.same
        above = new_folders if same else folders
        found: dict[str, int] = {}
        for spot in files.above(table):
            if not (same and spot.table.number in plan.same):
                jobs = [spot.table.base | row for row in wanted_rows(spot.table)]
                found.update(zip(spot.paths(), jobs, strict=True))
        _check_below(plan, table, {**above, **found} if found else above, errors)
    _check_writers(plan, table_of, made, errors)
    errors.raise_if_any()


def _folders_elsewhere(plan: Plan, table_of: Callable[[str], RuleTable]) -> dict[str, int]:
    """What jobs that have no part in the plan make as a whole, where its jobs may write below."""
    outputs = [entry for table in plan.tables.values() for entry in table.shape.outputs]
    heads = {entry.pattern.parts[0] for entry in outputs if entry.pattern is not None}
    found: dict[str, int] = {}
    for rule in plan.workflow.rules.values():
        if not any(_may_lie_above(entry, heads) for entry in rule.outputs):
            continue
        table = table_of(rule.name)
        jobs = range(table.base, table.base + table.count) if not table.shape.free else ()
        for k, entry in enumerate(table.shape.outputs):
            if entry.pattern is not None and entry.pattern.directory:
                found.update(zip(table.output_paths(k), jobs, strict=False))
    return found


def _may_lie_above(entry: Entry, heads: Collection[str]) -> bool:
    """Whether paths that begin like this could lie below a folder that an output makes."""
    if entry.pattern is None or entry.absent or not entry.pattern.directory:
        return False
    mine = entry.pattern.parts[0] if entry.pattern.names else f"{entry.pattern.parts[0]}/"
    return any(head.startswith(mine) or mine.startswith(head) for head in heads)


def _check_writers(
    plan: Plan, table_of: Callable[[str], RuleTable], made: Mapping[str, int], errors: Collector
) -> None:
    """No rule writes in a folder that another job makes as a whole, or that is an input and that no
    rule makes as a whole.

    All rules are asked, whether this plan needs them or not: what one of them writes there would be
    gone when the folder is made again, or change the input of another run.
    """
    inputs = {
        path: link.entry
        for link, _, paths, makers in wanted_links(plan.tables.values())
        if link.pattern is not None and link.pattern.directory
        for path, maker in zip(paths, makers, strict=True)
        if maker == SOURCE
    }
    if not inputs and not made:
        return
    planned = {table.rule.name for table in plan.tables.values() if 0 not in table.wanted}
    makers = [entry for table in plan.tables.values() for entry in table.shape.outputs]
    both = {*made, *inputs}
    for rule in plan.workflow.rules.values():
        checked = rule.name in planned  # what it writes below what others make is seen already
        folders = inputs if checked else both
        for entry in rule.outputs:
            if entry.pattern is None or entry.absent:
                continue
            inside = _folder_above(entry, folders)
            near = any(_may_lie_in(entry, path) for path in inputs) or (
                not checked
                and bool(entry.pattern.names)
                and any(_may_lie_above(one, entry.pattern.parts[:1]) for one in makers)
            )
            if inside is None and near:
                inside = next(_folders_written_in(table_of(rule.name), folders), None)
            if inside in inputs:
                errors.add(
                    FileflowError(
                        f"the folder {inside}/ is an input, but rule {rule.name!r} writes in it",
                        place=inputs[inside].place,
                        hint="name the files that are needed, or let one rule make the "
                        "whole folder",
                    )
                )
                break
            if inside is not None:
                errors.add(_written_in(plan, str(entry.pattern), inside, made[inside], entry))
                break


def _folder_above(entry: Entry, folders: Collection[str]) -> str | None:
    """The folder below which all paths of an output lie, as its text says."""
    assert entry.pattern is not None
    above = entry.pattern.parts[0]
    while (slash := above.rfind("/")) > 0:
        above = above[:slash]
        if above in folders:
            return above
    return None


def _may_lie_in(entry: Entry, folder: str) -> bool:
    """Whether values could bring a path of an output below this folder."""
    assert entry.pattern is not None
    return bool(entry.pattern.names) and f"{folder}/".startswith(entry.pattern.parts[0])


def _folders_written_in(table: RuleTable, folders: Collection[str]) -> Iterator[str]:
    """The folders below which the jobs of a rule write; of free ones the jobs that are wanted."""
    rows = wanted_rows(table) if table.shape.free else range(table.count)
    for k, entry in enumerate(table.shape.outputs):
        if entry.pattern is not None:
            paths = table.output_paths(k)
            for above in dict.fromkeys([paths[row].rpartition("/")[0] for row in rows]):
                while above:
                    if above in folders:
                        yield above
                    above = above.rpartition("/")[0]


def _near(spots: list[Spot]) -> list[list[Spot]]:
    """What is made in groups: what is in different ones begins so that no path can be of both."""
    groups: list[list[Spot]] = []
    head = ""
    for spot in sorted(spots, key=lambda spot: spot.pattern.parts[0]):
        if not groups or not spot.pattern.parts[0].startswith(head):
            groups.append([])
            head = spot.pattern.parts[0]
        groups[-1].append(spot)
    return groups


def _all_differ(spots: list[Spot]) -> bool:
    """Whether all paths of these outputs and logs are different."""
    spots = sorted(spots, key=lambda spot: spot.table.count)
    last = spots.pop()
    seen: set[str] = set()
    count = 0
    for other in spots:
        paths = other.paths()
        count += len(paths)
        seen.update(paths)
    if len(seen) < count:
        return False
    if seen and not seen.isdisjoint(last.paths()):
        return False
    # Rows differ: so do paths that are made of one value and stand for the whole row.
    if len(last.pattern.names) == 1 and set(last.table.names) <= {*last.pattern.names}:
        return True
    paths = last.paths()
    return len(set(paths)) == len(paths)


def _check_doubles(plan: Plan, spots: list[Spot], errors: Collector) -> None:
    # What one scatter finds it cannot find twice: that is minded beside other outputs only.
    minds_found = len(spots) > 1 and any(spot.is_scattered for spot in spots)
    if not minds_found and _all_differ(spots):
        return
    made: dict[str, int] = {}
    numbered = {id(table): n for n, table in enumerate(plan.tables.values())}
    for spot in sorted(spots, key=lambda spot: (spot.is_log, numbered[id(spot.table)], spot.k)):
        table = spot.table
        finds = minds_found and spot.is_scattered
        for row, path in zip(wanted_rows(table), spot.paths(), strict=True):
            for one in (path, *(table.known_files(row).get(spot.k, ()) if finds else ())):
                other = made.setdefault(one, table.base | row)
                if other != table.base | row and one:
                    errors.add(_doubled(plan, one, other, spot, row))
                    return


def _doubled(plan: Plan, path: str, other: int, spot: Spot, row: int) -> FileflowError:
    table = spot.table
    hint = "let their outputs differ in every value that tells them apart"
    if table.scattered or plan.table_of(other).scattered:
        hint = "let what is scattered lie where no other rule writes"
    if spot.is_log:
        hint = "give each a log of its own: what one of them wrote would be lost"
    return FileflowError(
        f"{path} is made by two jobs: {plan.label(other)} and {table.label(row)}",
        place=spot.entry.place,
        hint=hint,
    )


def _check_below(plan: Plan, table: RuleTable, folders: dict[str, int], errors: Collector) -> None:
    if not folders:
        return
    for k, entry in enumerate(table.shape.outputs):
        paths = table.output_paths(k)
        parents = {path[: path.rfind("/")] for path in paths if "/" in path}
        if not any(_is_below(parent, folders) for parent in parents):
            continue
        for row in wanted_rows(table):
            above = paths[row]
            while (slash := above.rfind("/")) > 0:
                above = above[:slash]
                other = folders.get(above)
                if other is not None:
                    errors.add(_written_in(plan, paths[row], above, other, entry))
                    return


def _written_in(plan: Plan, path: str, folder: str, maker: int, entry: Entry) -> FileflowError:
    label = plan.table_of(maker).label(maker & ROW)
    return FileflowError(
        f"{path} lies in {folder}/, which {label} makes as a whole",
        place=entry.place,
        hint="write it into a folder of its own",
    )


def _is_below(path: str, folders: dict[str, int]) -> bool:
    """Whether a path, or one above it, is one of these."""
    while path not in folders:
        slash = path.rfind("/")
        if slash <= 0:
            return False
        path = path[:slash]
    return True
