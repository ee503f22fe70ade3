"""`fileflow status`: how the jobs of each rule stand, and whether a run goes on.

Reads only: no byte changes and no lock is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from enum import Enum

from fileflow.commands.choosing import plan_of, plan_of_everything
from fileflow.commands.last_run import LastRun, failure_of, last_run
from fileflow.engine.session import Decided, Session
from fileflow.errors import first_dozen
from fileflow.lean import dataclass, field
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.plan import Wishes
from fileflow.planning.reasons import State
from fileflow.planning.tables import RuleTable, wanted_rows


class Standing(str, Enum):
    """How one job stands, as a word of the answer."""

    FRESH = "fresh"
    STALE = "stale"
    MAYBE = "may become stale"
    MISSING = "missing"
    ABSENT = "absent, not needed"
    FAILED = "failed"
    BLOCKED = "lacking a source"
    BEHIND = "needing what failed"


@dataclass(slots=True)
class Counts:
    """How many jobs of one rule stand how.

    `waits_for`: the rules that have to run before all jobs of this one, or their inputs, are known.
    """

    rule: str
    jobs: int = 0
    by_standing: dict[Standing, int] = field(default_factory=lambda: dict.fromkeys(Standing, 0))
    waits_for: Sequence[str] = ()

    def __str__(self) -> str:
        said = [
            f"{count} {standing.value}" for standing, count in self.by_standing.items() if count
        ]
        if self.waits_for:
            rest = "the rest " if said else ""
            said.append(f"{rest}not known yet, before {' and '.join(self.waits_for)} ran")
        return ", ".join(said)


def standing_of(session: Session, decided: Decided, job: int) -> Standing:
    """How a job stands."""
    if job in decided.plan.failed:
        return Standing.FAILED
    if job in decided.plan.blocked:
        return Standing.BLOCKED if decided.plan.missing else Standing.BEHIND
    state = decided.staleness.state(job)
    if state is State.FRESH:
        return Standing.FRESH
    if state is State.ABSENT:
        return Standing.ABSENT
    table, row = decided.plan.tables[job >> SHIFT], job & ROW
    if failure_of(session.records, table.key(row)) is not None:
        return Standing.FAILED
    if state is not State.STALE:
        return Standing.MAYBE
    outputs = _files_of(session, table, row)
    missing = outputs is None or None in session.world.signatures(outputs)
    return Standing.MISSING if missing else Standing.STALE


def _files_of(session: Session, table: RuleTable, row: int) -> list[str] | None:
    """The files that a job is known to make; None if it is not known which it scatters."""
    outputs = table.outputs_of(row)
    files = [path for k, path in enumerate(outputs) if k not in table.scattered]
    if table.scattered:
        record = session.records.jobs.get(outputs[0])
        if record is None:
            return None
        files += record.outputs[len(outputs) :]
    return files


def status(
    session: Session,
    wishes: Wishes,
    say: Callable[[str], None],
    *,
    as_json: bool = False,
) -> int:
    """Prints how the jobs of each rule stand; without wishes, of all that can be asked for.

    Raises:
        FileflowError: for an unknown target, or a workflow that gives no plan.
    """
    plan = plan_of_everything(session) if wishes == Wishes() else plan_of(session, wishes)
    decided = session.decide(plan)
    found = list(_counted(session, decided))
    run = last_run(session.records)
    if as_json:
        facts = _facts(found, run, [one.path for one in plan.missing])
        facts["mistakes"] = list(map(str, plan.mistakes()))
        say(json.dumps(facts, indent=2))
        return 0
    width = max((len(one.rule) for one in found), default=0)
    for one in found:
        say(f"{one.rule:<{width}}  {one}")
    for missing in plan.missing:
        say(f"missing source: {missing}, needed by {missing.needed_by()}")
    for text in first_dozen(plan.mistakes()):
        say(text)
    for line in _run_lines(run):
        say(line)
    return 0


def _counted(session: Session, decided: Decided) -> Iterator[Counts]:
    plan = decided.plan
    for name in session.workflow.rules:
        table = plan.by_rule.get(name)
        waits_for = plan.waits.get(name, ())
        there = table is not None and table.number in plan.tables
        if table is None or table.rule.asks_only or not (there or waits_for):
            continue
        counts = Counts(name, waits_for=waits_for)
        for row in wanted_rows(table) if there else ():
            counts.jobs += 1
            counts.by_standing[standing_of(session, decided, table.base | row)] += 1
        yield counts


def _run_lines(run: LastRun | None) -> Iterator[str]:
    if run is None:
        return
    if run.state == "running":
        yield f"a run goes on: {run.holder}"
    elif run.state == "interrupted":
        yield f"the last run ({run.name}) was interrupted: the next one goes on where it stopped"


def _facts(
    found: Sequence[Counts], run: LastRun | None, missing: Sequence[str]
) -> dict[str, object]:
    rules = [
        {"rule": one.rule, "jobs": one.jobs}
        | {standing.name.lower(): count for standing, count in one.by_standing.items()}
        | ({"waits_for": list(one.waits_for)} if one.waits_for else {})
        for one in found
    ]
    facts: dict[str, object] = {"rules": rules, "missing_sources": list(missing), "run": None}
    if run is not None:
        facts["run"] = {**run.facts, "run": run.name, "state": run.state}
    return facts
