"""Outputs of earlier runs that no rule makes any more: what is said of them.

Knows plans and records; removes nothing (`fileflow clean --orphans` does).
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterable, Iterator

from fileflow.engine.session import Session
from fileflow.fast import NAME
from fileflow.model.patterns import Matcher
from fileflow.model.rules import Workflow
from fileflow.planning.finding import Finder
from fileflow.planning.plan import Plan
from fileflow.planning.unknowns import Unknowns
from fileflow.world.records import Record
from fileflow.world.removal import is_read_only


def orphan_lines(
    session: Session, plan: Plan, besides: Collection[str] = (), *, recorded: int = 0
) -> Iterator[str]:
    """One line, if there are outputs that rules of this plan made once and no rule makes now.

    Args:
        session, plan: what is known, and what was planned.
        besides: paths of which something was said already.
        recorded: so many jobs of the plan are on record for sure.
    """
    # Mostly each record is one of a job of this plan: then nothing is left to look at.
    if recorded >= len(session.records.jobs):
        return
    found = [path for path in dict.fromkeys(_orphans(session, plan)) if path not in besides]
    if found:
        for path in found:
            session.disk.see(path)  # if one goes, this is to be said anew
        outputs = "1 earlier output is" if len(found) == 1 else f"{len(found)} earlier outputs are"
        stay = "it stays" if len(found) == 1 else "they stay"
        yield (
            f"{outputs} made by no rule any more, as {found[0]}: {stay} "
            f"({cleaning(session.workflow.file, found)} removes what no rule makes)"
        )


def _orphans(session: Session, plan: Plan) -> Iterator[str]:
    """The outputs that are there, of jobs that these rules had once and have no more."""
    records = session.records
    tables = [table for table in plan.tables.values() if table.shape.outputs]
    firsts = [table.output_paths(0) for table in tables]
    known = sum(sum(map(records.jobs.places.__contains__, paths)) for paths in firsts)
    if known >= len(records.jobs):
        return
    mine = {path for paths in firsts for path in paths}
    for key in records.keys_of({table.rule.name for table in tables}):
        record = None if key in mine else records.jobs[key]
        if record is None or record.head.facts.get("workflowfile") != session.workflow.file:
            continue
        for path in record.outputs:
            if os.path.lexists(path) and is_orphan(
                session.workflow, plan.finder, plan.unknowns, record, path
            ):
                yield path


def is_orphan(
    workflow: Workflow, finder: Finder, unknowns: Unknowns | None, record: Record, path: str
) -> bool:
    """Whether no rule of the Workflowfile that made an output makes it any more."""
    if finder.makes(path) or _is_left_out(workflow, record.head.rule, path):
        return False
    # What is yet to be found may need it again.
    return unknowns is None or not unknowns.of_path(path, named=True)


def _is_left_out(workflow: Workflow, name: str, path: str) -> bool:
    """Whether a rule, or its output of this path, is not there only as its `when` is not met.

    It may come back: what it made is no orphan.
    """
    rule = workflow.rules.get(name)
    if rule is None:
        return name in workflow.absent
    patterns = [entry.pattern for entry in rule.outputs if entry.absent and entry.pattern]
    return any(Matcher(pattern, {}).match(path) is not None for pattern in patterns)


def cleaning(file: str, paths: Iterable[str]) -> str:
    """The command that removes such outputs as no rule of this Workflowfile makes any more."""
    force = any(os.path.exists(path) and is_read_only(path) for path in paths)
    named = "" if file == NAME else f" -W {shlex.quote(file)}"
    return f"`fileflow{named} clean --orphans{' --force' if force else ''}`"
