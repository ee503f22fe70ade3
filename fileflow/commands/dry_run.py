"""`--dry-run`: what a run would build, and why.

Changes no byte, the state folder included; the same decisions as a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fileflow.commands.list import extent_of
from fileflow.engine import events
from fileflow.engine.knowing import plan_known
from fileflow.engine.orphans import orphan_lines
from fileflow.engine.run import count_states, missing_lines
from fileflow.engine.session import Decided, Overrides, Session
from fileflow.engine.waves import unneeded_lines
from fileflow.errors import Exit, first_dozen
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.plan import Wishes
from fileflow.planning.reasons import State, Why
from fileflow.views.dry_run import (
    PlannedJob,
    PlannedRule,
    deferred_json,
    deferred_lines,
    dry_run_json,
    dry_run_lines,
    rule_lines,
)
from fileflow.views.style import Paint

_KINDS = {
    Why.MISSING: "missing",
    Why.NO_RECORD: "not known to be made by this rule",
    Why.CONTENT: "input changed",
    Why.GONE: "file that it read is gone",
    Why.APPEARED: "file appeared",
    Why.INPUTS: "list of inputs changed",
    Why.OVERWRITTEN: "output changed",
    Why.RERUN: "rerun",
    Why.NO_OUTPUT: "no output",
    Why.NEEDED: "gone and needed",
    Why.ALWAYS: "always",
}


def dry_run(
    file: str,
    overrides: Overrides,
    wishes: Wishes,
    *,
    rerun: bool,
    as_json: bool,
    verbose: bool,
    commands: bool,
    paint: Paint,
    say: Callable[[str], None],
    tell: events.Listener,
) -> events.RunFinished:
    """Shows what would be built.

    Args:
        file, overrides, wishes: as for a run.
        rerun: whether everything would be built again.
        as_json: JSON lines through `tell` and `say`, instead of text.
        verbose: each job.
        commands: each job with its filled command.
        paint: colours.
        say: takes lines of results.
        tell: is told the warnings.

    Raises:
        FileflowError: for whatever a run would refuse before it starts.
    """
    session = Session(file, overrides)
    for line in (*session.workflow.warnings, *session.records.warnings):
        tell(events.Note(line))
    session.answers.keep_going = wishes.keep_going
    decided = plan_known(session, wishes, rerun=rerun, ready=True)
    plan = decided.plan
    counts = count_states(decided)
    action = None
    if commands:
        from fileflow.commands.answers import AnswerMaker  # seldom needed

        action = AnswerMaker(session, decided).action
    planned = planned_jobs(decided, action)
    if as_json:
        for line in (*dry_run_json(planned), *deferred_json(plan.waits, plan.late_targets())):
            say(line)
    else:
        wanted = {t.rule.name: t.wanted.count(1) for t in plan.tables.values()}
        shapes = {t.rule.name: str(extent_of(t)) for t in plan.tables.values()}
        if verbose or commands:
            lines = dry_run_lines(planned, wanted, shapes=shapes, verbose=verbose, paint=paint)
        else:
            lines = rule_lines(planned_rules(decided), wanted, shapes=shapes, paint=paint)
        for line in lines:
            say(line)
        for line in deferred_lines({**plan.waits, **plan.late_targets()}, paint=paint):
            say(line)
    for line in missing_lines(plan):
        tell(events.Note(line))
    for line in (*orphan_lines(session, plan), *unneeded_lines(plan, wishes)):
        tell(events.Note(line, warning=False))
    would = counts[State.STALE] + counts[State.MAYBE] + counts[State.LATENT]
    blocked = sum(1 for job in plan.blocked if not plan.table_of(job).rule.asks_only)
    failed = sum(1 for job in plan.failed if not plan.table_of(job).rule.asks_only)
    mistakes = plan.mistakes()
    return events.RunFinished(
        kept=counts[State.FRESH] + counts[State.ABSENT],
        would_build=would,
        certain=counts[State.STALE],
        failed=failed,
        skipped=blocked - failed,
        left_out=plan.left_out,
        error="\n".join(first_dozen(mistakes)),
        status=int(Exit.FAILED if mistakes else Exit.OK),
    )


def planned_rules(decided: Decided) -> dict[str, PlannedRule]:
    """The jobs that would be built, or may be, counted by rule in the plan's order."""
    plan, staleness = decided.plan, decided.staleness
    given: dict[int, list[int]] = {}
    for job in staleness.reasons:
        given.setdefault(job >> SHIFT, []).append(job & ROW)
    found: dict[str, PlannedRule] = {}
    for table in dict.fromkeys(table for table, _ in plan.order):
        if table.rule.asks_only:
            continue
        states = staleness.states[table.number]
        rows = given.get(table.number, [])
        # What must run without a reason of its own is missing.
        missing = states.count(State.STALE) - sum(states[row] == State.STALE for row in rows)
        first = 0
        if missing:
            with_reason = set(rows)
            is_missing = (r for r, s in enumerate(states) if s == State.STALE)
            first = next(row for row in is_missing if row not in with_reason)
        rule = PlannedRule()
        for row in sorted(rows):
            if missing and row > first:
                rule.certain[_KINDS[Why.MISSING]] += missing
                missing = 0
            job = table.base | row
            if states[row] in (State.FRESH, State.ABSENT) or job in plan.blocked:
                continue
            reason = staleness.reasons[job]
            kinds = rule.certain if states[row] == State.STALE else rule.possible
            kinds[_KINDS.get(reason.why, str(reason))] += 1
        if missing:
            rule.certain[_KINDS[Why.MISSING]] += missing
        if rule.certain or rule.possible:
            found[table.rule.name] = rule
    return found


def planned_jobs(
    decided: Decided, action: Callable[[int], str] | None = None
) -> Iterator[PlannedJob]:
    """The jobs that would be built, or may be, in the plan's order; with `action` its text too."""
    plan, staleness = decided.plan, decided.staleness
    for job in plan.jobs():
        table = plan.table_of(job)
        if table.rule.asks_only or job in plan.blocked:
            continue
        state = staleness.state(job)
        if state in (State.FRESH, State.ABSENT):
            continue
        row = job & ROW
        reason = staleness.reason(job)
        assert reason is not None
        facts = events.JobFacts(
            table.rule.name, table.values_of(row), table.outputs_of(row), table.label(row)
        )
        kind = _KINDS.get(reason.why, str(reason))
        command = action(job) if action is not None else None
        yield PlannedJob(facts, str(reason), kind, state is State.STALE, command)
