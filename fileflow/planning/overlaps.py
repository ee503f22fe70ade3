"""No path of a plan has two makers, and none lies inside what another job makes as a whole.

Pure: it looks at the texts of paths, never at a disk.
"""

from __future__ import annotations

from fileflow.errors import Collector, FileflowError
from fileflow.planning.plan import Plan
from fileflow.planning.tables import SOURCE, RuleTable, wanted_links, wanted_rows


def check_overlaps(plan: Plan) -> None:
    """No path has two makers, and none lies below a folder that another job makes."""
    errors = Collector()
    folders: dict[str, int] = {}
    spots: dict[str, list[tuple[RuleTable, int]]] = {}
    for table in plan.tables.values():
        for k, entry in enumerate(table.shape.outputs):
            if entry.pattern is None:
                continue
            first = entry.pattern.parts[0].partition("/")
            spots.setdefault(first[0] if first[1] else "", []).append((table, k))
            if entry.pattern.directory:
                paths = table.output_paths(k)
                folders.update({paths[row]: table.base | row for row in wanted_rows(table)})
    loose = spots.pop("", [])
    for group in [*spots.values(), loose] if not loose else [sum(spots.values(), loose)]:
        _check_doubles(plan, group, errors)
    for table in plan.tables.values():
        _check_below(plan, table, {**folders, **_files_above(plan, table)}, errors)
    _check_input_folders(plan, errors)
    errors.raise_if_any()


def _check_input_folders(plan: Plan, errors: Collector) -> None:
    inputs = [
        (path, link.entry)
        for link, _, paths, makers in wanted_links(plan.tables.values())
        if link.pattern is not None and link.pattern.directory
        for path, maker in zip(paths, makers, strict=True)
        if maker == SOURCE
    ]
    for path, entry in inputs:
        for table in plan.tables.values():
            for k, output in enumerate(table.shape.outputs):
                head = output.pattern.parts[0] if output.pattern else ""
                if not (head.startswith(path + "/") or (path + "/").startswith(head)):
                    continue
                paths = table.output_paths(k)
                if any(paths[row].startswith(path + "/") for row in wanted_rows(table)):
                    errors.add(
                        FileflowError(
                            f"the folder {path}/ is an input, but rule {table.rule.name!r} "
                            "writes in it",
                            place=entry.place,
                            hint="name the files that are needed, or let one rule make the "
                            "whole folder",
                        )
                    )


def _check_doubles(plan: Plan, spots: list[tuple[RuleTable, int]], errors: Collector) -> None:
    if len(spots) == 1:
        table, k = spots[0]
        paths = table.output_paths(k)
        if len(set(paths)) == len(paths):
            return
    made: dict[str, int] = {}
    for table, k in spots:
        paths = table.output_paths(k)
        for row in wanted_rows(table):
            other = made.setdefault(paths[row], table.base | row)
            if other != table.base | row:
                errors.add(
                    FileflowError(
                        f"{paths[row]} is made by two jobs: {plan.label(other)} and "
                        f"{table.label(row)}",
                        place=table.shape.outputs[k].place,
                        hint="let their outputs differ in every value that tells them apart",
                    )
                )
                return


def _check_below(plan: Plan, table: RuleTable, folders: dict[str, int], errors: Collector) -> None:
    for k, entry in enumerate(table.shape.outputs):
        paths = table.output_paths(k)
        for row in wanted_rows(table):
            above = paths[row]
            while (slash := above.rfind("/")) > 0:
                above = above[:slash]
                other = folders.get(above)
                if other is not None:
                    errors.add(
                        FileflowError(
                            f"{paths[row]} lies in {above}/, which {plan.label(other)} makes as a "
                            "whole",
                            place=entry.place,
                            hint="write it into a folder of its own",
                        )
                    )
                    return


def _files_above(plan: Plan, table: RuleTable) -> dict[str, int]:
    """Output files of jobs whose pattern says that a path of this table could lie below them."""
    found: dict[str, int] = {}
    heads = [e.pattern.parts[0] for e in table.shape.outputs if e.pattern is not None]
    depth = max((h.pattern.text.count("/") for h in table.shape.outputs if h.pattern), default=0)
    for other in plan.tables.values():
        for k, entry in enumerate(other.shape.outputs):
            pattern = entry.pattern
            if pattern is None or pattern.directory or pattern.text.count("/") >= depth:
                continue
            head = pattern.parts[0]
            if any(head.startswith(mine) or mine.startswith(head) for mine in heads):
                paths = other.output_paths(k)
                found.update({paths[row]: other.base | row for row in wanted_rows(other)})
    return found
