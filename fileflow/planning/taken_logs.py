"""Which log files jobs take as inputs, or targets name: these are missed when they are gone, or
hold something else than their job wrote.

Pure. All other logs are there to be read by people; what becomes of them is no reason for anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fileflow.model.patterns import Pattern
from fileflow.model.rules import Rule
from fileflow.planning.finding import Finder, Log
from fileflow.planning.plan import Plan
from fileflow.planning.questions import sites_of
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


def may_be_taken(finder: Finder, rule: Rule) -> bool:
    """Whether some rule may take a log of this one, whatever is asked for this time: by the texts
    of inputs and of what calls wait for, and by any call that gives inputs."""
    logs = [one for one in finder.outputs if isinstance(one, Log) and one.rule is rule]
    return bool(logs) and any(
        pattern is None or any(log.may_make(pattern.parts[0], pattern.parts[-1]) for log in logs)
        for other in finder.workflow.rules.values()
        for pattern in _taken_by(other)
    )


def _taken_by(rule: Rule) -> Iterator[Pattern | None]:
    """The patterns of what a rule takes; None for what a call will name."""
    for entry in rule.inputs:
        if entry.call is not None:
            yield None
        elif entry.pattern is not None:
            yield entry.pattern
    for site in sites_of(rule, rule.inputs):
        yield from site.call.after
