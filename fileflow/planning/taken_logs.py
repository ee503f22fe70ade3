"""Which log files jobs take as inputs, or targets name: these are missed when they are gone.

Pure. All other logs are there to be read by people; that one of them is gone is no reason for
anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fileflow.planning.finding import Log
from fileflow.planning.plan import Plan
from fileflow.planning.tables import RuleTable


def taken_logs(plan: Plan, table: RuleTable) -> Mapping[int, Sequence[str]]:
    """The logs of a rule that are taken, by the row of the job that writes them."""
    if not table.rule.logs:
        return {}
    logs = [
        dict(zip(output.paths(), range(table.count), strict=True))
        for output in plan.finder.outputs
        if isinstance(output, Log) and output.rule is table.rule
    ]
    taken = set(plan.named_paths)
    for other in plan.tables.values():
        for link in other.all_links():
            if table.number in link.tables:
                taken.update(link.paths, *(group.paths for group in link.groups))
    found: dict[int, list[str]] = {}
    for rows in logs:
        for path in rows.keys() & taken:
            found.setdefault(rows[path], []).append(path)
    return found
