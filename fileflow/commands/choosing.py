"""Which jobs a command is about: all that can be asked for, or those of a target.

Knows workflows and plans; nothing of what is fresh, or of what is done with the jobs.
"""

from __future__ import annotations

from collections.abc import Sequence

from fileflow.engine.knowing import plan_known
from fileflow.engine.session import Session
from fileflow.errors import FileflowError
from fileflow.lean import replace
from fileflow.model.rules import Workflow
from fileflow.planning.plan import Plan, Target, Wishes
from fileflow.planning.shapes import shape_of
from fileflow.planning.tables import RuleTable, makers_of, wanted_rows


def askable_rules(workflow: Workflow) -> list[Target]:
    """The rules that can be asked for by name: those without a free wildcard."""
    relations = workflow.relations
    return [
        Target(name, name)
        for name, rule in workflow.rules.items()
        if not shape_of(rule, relations).free
    ]


def plan_of_targets(session: Session, targets: Sequence[Target]) -> Plan:
    """The plan of these targets; see `plan_of`."""
    return plan_of(session, Wishes(targets=tuple(targets)))


def plan_of(session: Session, wishes: Wishes) -> Plan:
    """The plan of what is wished for, also where sources are missing.

    Raises:
        FileflowError: for an unknown target, or a workflow that gives no plan.
    """
    session.answers.keep_going = True
    return plan_known(session, replace(wishes, keep_going=True)).plan


def plan_of_everything(session: Session) -> Plan:
    """The plan of all rules that can be asked for by name, or else of the default target.

    Asked for are, as in a run, only what the default target names and what no other job needs: an
    intermediate that is gone is not missed.
    """
    try:
        plan = plan_of_targets(session, askable_rules(session.workflow))
    except FileflowError:
        return plan_of_targets(session, ())
    needed: set[int] = set()
    for job in plan.jobs():
        if not plan.table_of(job).rule.asks_only:
            needed.update(makers_of(plan.tables, job))
    if plan.unknowns is not None:  # who has told values is asked for by nobody either
        for table in plan.tables.values():
            needed |= plan.unknowns.behind(table, wanted_rows(table))
    plan.asked = plan.asked.without(needed)
    default = plan.by_rule.get(next(iter(session.workflow.rules)))
    if default is not None:
        _ask_by(default, plan)
    return plan


def _ask_by(table: RuleTable, plan: Plan) -> None:
    """Asks for what a target stands for; of jobs for those of their outputs that it names."""
    if not table.rule.asks_only:
        plan.asked.update(range(table.base, table.base + table.count))
        return
    for link in table.all_links():
        for row in range(table.count):
            group = link.group(row)
            paths = link.paths[row : row + 1] if group is None else group.paths
            for path, maker in zip(paths, link.makers_of(row), strict=False):
                if maker >= 0:
                    plan.asked.add(maker)
                    plan.in_part.setdefault(maker, set()).add(path)


def asked_jobs(plan: Plan) -> list[int]:
    """The jobs that the targets of a plan name, in the plan's order."""
    return [job for job in plan.jobs() if job in plan.asked]


def upstream_of(plan: Plan, job: int) -> set[int]:
    """All jobs that a job needs, directly or not."""
    found: set[int] = set()
    todo = [job]
    while todo:
        one = todo.pop()
        for maker in makers_of(plan.tables, one):
            if maker not in found:
                found.add(maker)
                todo.append(maker)
    return found
