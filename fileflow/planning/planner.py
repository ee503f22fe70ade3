"""From targets to a plan: the one door through which planning is entered.

Pure: whether a source is there is asked of `Looks`; what is stale is decided elsewhere.
"""

from __future__ import annotations

from contextlib import suppress

from fileflow.errors import FileflowError
from fileflow.model.rules import Workflow
from fileflow.planning.closure import Closure
from fileflow.planning.growing import same_wanted, staying
from fileflow.planning.jobs import Jobs
from fileflow.planning.joined import Joins
from fileflow.planning.known import Known
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.ordering import all_behind, check_waiting, in_order
from fileflow.planning.overlaps import check_overlaps
from fileflow.planning.plan import Looks, Plan, Wishes
from fileflow.planning.questions import Answers
from fileflow.planning.targets import Targets


def make_plan(
    workflow: Workflow,
    looks: Looks,
    wishes: Wishes,
    known: Known | None = None,
    before: Joins | None = None,
    answers: Answers | None = None,
    grows: Plan | None = None,
) -> Plan:
    """The plan for these wishes.

    Args:
        known: what is known of values that are found while running.
        before: what the run's plan before this one joined: its jobs keep their numbers.
        answers: who asks the functions of calls.
        grows: a plan of the same wishes that was made when less was known: rules that cannot differ
            are taken from it. The plan is the same as without.

    Raises:
        FileflowError: for an unknown target, a cycle, two makers of one path, a missing source.
    """
    if grows is not None and known is not None:
        closure = Closure(workflow, looks, known, before, answers)
        closure.stay = staying(grows, workflow, known)
        closure.before = grows
        closure.lacking |= grows.absent
        # What is open, or wrong, is seen to by a plan that is made as a whole.
        with suppress(FileflowError):
            grown = _plan(closure, wishes)
            if grown is not None:
                return grown
    plan = _plan(Closure(workflow, looks, known, before, answers), wishes)
    assert plan is not None
    return plan


def _plan(closure: Closure, wishes: Wishes) -> Plan | None:
    """The plan that a closure comes to; None if it began with a plan and must not."""
    targets = Targets(closure, wishes)
    targets.read()
    # Each round decides paths that several rules could make, or that turn out to be sources;
    # then the closure is taken anew, so that nothing asked for on trial stays wanted.
    asked: Jobs | list[int]
    while True:
        closure.reset()
        asked = targets.asked()
        closure.close()
        # What is left out may lack a source: that is seen after it was left out.
        trouble = closure.settle(asked, tolerant=wishes.keep_going or targets.narrows)
        if closure.before is not None and (trouble is None or not closure.is_plain):
            return None
        if trouble is not None and not closure.loosen():
            break
    if targets.narrows:
        asked, wanted = targets.narrow(asked)
        while True:
            closure.reset()
            closure.want([*wanted, *targets.producers])
            closure.close()
            trouble = closure.settle(wanted, tolerant=wishes.keep_going)
            if trouble is not None and not closure.loosen():
                break
    blocked, missing = trouble
    is_plain = closure.is_plain and not (targets.narrows or targets.wrong or missing or blocked)
    if closure.before is not None and not is_plain:
        return None
    failed = closure.failed | closure.calls.failed
    lacking = {*failed, *closure.refused_jobs()}
    blocked = blocked.union(lacking, all_behind(closure.tables, lacking))
    unknowns = closure.unknowns if closure.unknowns.any else None
    waiting = closure.waiting() if unknowns else {}
    # A job that lacks something waits for nothing, but what it needs beside that may be built.
    beside = {job: waiting.pop(job) for job in blocked.intersection(waiting)}
    targets.producers += sorted(set().union(*beside.values()).difference(targets.producers))
    deferred = closure.deferred(waiting)
    waits = {**targets.waits, **(closure.waits(deferred) if unknowns else {})}
    # Many wait for the same ones: each set of producers is taken once.
    producers: set[int] = set().union(*{id(jobs): jobs for jobs in deferred.values()}.values())
    if closure.calls.awaited:
        check_waiting(closure.tables, deferred)
    for job in deferred:
        closure.tables[job >> SHIFT].wanted[job & ROW] = 0
    # What waits may lack something too: that counts when all that it needs is known.
    blocked = blocked.difference(deferred)
    failed = {job: error for job, error in failed.items() if job not in deferred}
    tables = {n: t for n, t in closure.tables.items() if 1 in t.wanted}
    plan = Plan(
        workflow=closure.workflow,
        tables=tables,
        by_rule=closure.by_rule,
        all_tables=closure.tables,
        joins=closure.joins,
        finder=closure.finder,
        asked=(asked if isinstance(asked, Jobs) else Jobs(asked)).without(deferred),
        in_part=targets.in_part(),
        forced=targets.forced(),
        missing=missing,
        blocked=blocked,
        left_out=targets.left_out,
        named_paths=targets.paths,
        source_targets=[p for p in targets.sources if p not in closure.lacking],
        below=targets.below,
        deferred=set(deferred),
        producers=producers.union(targets.producers),
        incomplete=bool(deferred or targets.producers),
        waits=waits,
        unknowns=unknowns,
        loose={job: loose for job, loose in closure.loose.items() if job not in deferred},
        late={name: jobs.intersection(targets.producers) for name, jobs in targets.late.items()},
        awaited=closure.calls.awaited,
        is_plain=is_plain,
        absent=closure.lacking,
        same=same_wanted(closure.before, tables) if closure.before is not None else set(),
        failed=failed,
        wrong=[*targets.wrong.values(), *closure.wrong.values(), *closure.unknowns.wrong()],
    )
    plan.order = in_order(plan)
    check_overlaps(plan, closure.table)
    return plan
