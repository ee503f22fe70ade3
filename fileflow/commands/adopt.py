"""`fileflow adopt`: takes outputs that exist, and changes that do not matter, as fresh.

Runs nothing and changes no output: only what is recorded.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from fileflow.engine.knowing import known_plan, plan_known
from fileflow.engine.named import NamedFiles
from fileflow.engine.project import Project
from fileflow.engine.recording import Recording
from fileflow.engine.session import Decided, Describe, Session
from fileflow.planning.filling import JobValues
from fileflow.planning.named import learns
from fileflow.planning.plan import Target, Wishes
from fileflow.planning.staleness import Why
from fileflow.planning.tables import ROW, SHIFT, RuleTable
from fileflow.world.deps import Place, named_paths
from fileflow.world.deps_text import UnfitDepsError
from fileflow.world.records import Record

PATHS_SHOWN = 8


@dataclass(slots=True)
class Adopted:
    """What became of the jobs of one rule; `left` says of each that was left why."""

    rule: str
    jobs: int = 0
    left: list[str] = field(default_factory=list)


def adopt(
    project: Project,
    targets: Sequence[Target],
    say: Callable[[str], None],
    *,
    describe: Describe | None = None,
    as_json: bool = False,
) -> int:
    """Records the outputs of the targets, and of all that they need, as they are.

    Jobs whose outputs are not there are named and left: they are built when they are asked for.

    Raises:
        FileflowError: for an unknown target, a missing source, a state that cannot be written, or
            if another run holds the folder.
    """
    wishes = Wishes(targets=tuple(targets))
    known_plan(
        project.look(), wishes
    )  # a wrong word is found without the lock: then no byte changes
    with project.hold() as session:
        decided = plan_known(session, wishes, describe=describe)
        found = list(_Adoption(session, decided).go())
    if as_json:
        facts = [{"rule": one.rule, "adopted": one.jobs, "left": one.left} for one in found]
        say(json.dumps({"rules": facts}, indent=2))
        return 0
    for one in found:
        if one.jobs:
            say(f"{one.rule}: {_jobs(one.jobs)} recorded as fresh")
        for line in one.left[:PATHS_SHOWN]:
            say(f"{one.rule}: left: {line}")
        if len(one.left) > PATHS_SHOWN:
            say(f"{one.rule}: … and {_jobs(len(one.left) - PATHS_SHOWN)} more are left")
    if not found:
        say("nothing to adopt: all is fresh")
    return 0


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


class _Adoption:
    """Goes through a plan, each job after those that it needs."""

    def __init__(self, session: Session, decided: Decided) -> None:
        self.session = session
        self.decided = decided
        assert session.clock is not None, "bug: records are added only under the lock"
        self.clock = session.clock
        self.recording = Recording(
            session.records,
            session.world,
            decided,
            run=time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + f"-{os.getpid()}",
            workflowfile=session.workflow.file,
            adopted=True,
        )

        self.named = NamedFiles(session.world, self.clock)
        self.named.take_plan(decided.plan, decided.staleness)

    def go(self) -> Iterator[Adopted]:
        """Records what can be; gives each rule of which something was recorded or left."""
        by_table: dict[int, list[int]] = {}
        for job in self.decided.plan.jobs():
            by_table.setdefault(job >> SHIFT, []).append(job & ROW)
        # Nobody builds anything here: what was changed by hand is what it is.
        self.session.world.assume_nothing()
        self.decided.staleness.forget_groups()
        for number, rows in by_table.items():
            table = self.decided.plan.tables[number]
            if table.rule.asks_only or not table.shape.outputs or table.rule.always:
                continue
            found = self._rows(table, rows)
            if found.jobs or found.left:
                yield found
        refreshed = self.session.world.refreshed
        self.session.records.add_files(
            [
                (path, self.clock.proven(path, sign, self.clock.start), content)
                for path, (sign, content) in refreshed.items()
            ]
        )

    def _rows(self, table: RuleTable, rows: Sequence[int]) -> Adopted:
        found = Adopted(table.rule.name)
        records: list[Record] = []
        for row in rows:
            if not self._is_open(table, row):
                continue
            lack = self._lack(table, row) or self._take_named(table, row)
            if lack:
                found.left.append(lack)
            else:
                records.append(self._record(table, row))
        self.session.records.add_jobs(self.recording.head(table), records)
        found.jobs = len(records)
        return found

    def _is_open(self, table: RuleTable, row: int) -> bool:
        """Whether a job is stale by itself, rather than gone and not asked for."""
        reason = self.decided.staleness.reason_now(table, row)
        if reason is None:
            return False
        gone = reason.why is Why.MISSING and reason.after == "absent"
        return not gone or table.base | row in self.decided.plan.asked

    def _lack(self, table: RuleTable, row: int) -> str:
        """Why the outputs of a job cannot be taken as they are; empty if they can."""
        for entry, path in zip(table.shape.outputs, table.outputs_of(row), strict=True):
            if not os.path.lexists(path):
                return f"{path} is not there"
            wanted = "a folder" if entry.pattern and entry.pattern.directory else "a file"
            if os.path.isdir(path) != (wanted == "a folder") or not os.path.exists(path):
                return f"{path} is not {wanted}"
            ensure = entry.ensure
            world = self.session.world
            if ensure is not None and not world.ensured(path, ensure.non_empty, ensure.sha256):
                return f"{path} does not meet its `ensure`"
        for link in table.links:
            for path in () if link.entry.order_only or link.named else link.paths_of(row):
                if self.session.world.content(path) is None:
                    return f"{table.outputs_of(row)[0]}: its input {path} is not there"
        return ""

    def _take_named(self, table: RuleTable, row: int) -> str:
        """Takes in what the job's deps files name; why that cannot be done, if so."""
        if not learns(table):
            return ""
        world = self.session.world
        texts = {}
        for entry, path in zip(table.shape.outputs, table.outputs_of(row), strict=True):
            if entry.deps:
                with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                    texts[path] = file.read()
        inputs = JobValues(table, row).input_paths()
        made = [path for _, path in table.files_of(row)]
        try:
            paths = named_paths(texts, Place(self.session.root), inputs=inputs, outputs=made)
        except UnfitDepsError as error:
            return str(error)
        read = []
        for path in paths:
            sign = world.signatures((path,))[0]
            read.append((path, sign, world.content(path) if sign is not None else None))
        new = self.named.take(table, row, read, self.clock.start)
        self.session.records.add_files(list(new))
        return ""

    def _record(self, table: RuleTable, row: int) -> Record:
        made = []
        for path in table.outputs_of(row):
            content = self.session.world.content(path)
            sign = self.session.world.signatures((path,))[0]
            assert content is not None and sign is not None, "bug: an output that was looked at"
            made.append(self.clock.proven(path, sign, self.clock.start) + content)
        return self.recording.record(table, row, b"".join(made), started=time.time())
