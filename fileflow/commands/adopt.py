"""`fileflow adopt`: takes outputs that exist, and changes that do not matter, as fresh.

Runs nothing and changes no output: only what is recorded. Of a scattered output it takes the files
that fit its pattern.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from fileflow.commands.last_run import last_output
from fileflow.engine.knowing import plan_known
from fileflow.engine.named import NamedFiles
from fileflow.engine.project import Project
from fileflow.engine.recording import BEGUN, Recording
from fileflow.engine.session import Decided, Describe, Session
from fileflow.errors import Collector, FileflowError, counted
from fileflow.lean import dataclass, field, replace
from fileflow.model.patterns import Matcher
from fileflow.model.rules import Entry
from fileflow.planning.filling import JobValues
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.named import learns
from fileflow.planning.plan import Plan, Wishes
from fileflow.planning.tables import RuleTable, makers_of
from fileflow.signature import NOTHING
from fileflow.world.deps import JobPlace, named_paths
from fileflow.world.deps_text import UnfitDepsError
from fileflow.world.files import is_anything
from fileflow.world.records import Record
from fileflow.world.scattering import files_there

PATHS_SHOWN = 8


@dataclass(slots=True)
class Adopted:
    """What became of the jobs of one rule.

    `taken` holds the first output of each that was recorded; `left` says of each other one why.
    """

    rule: str
    taken: set[str] = field(default_factory=set)
    left: list[str] = field(default_factory=list)


def adopt(
    project: Project,
    wishes: Wishes,
    say: Callable[[str], None],
    *,
    describe: Describe | None = None,
    as_json: bool = False,
) -> int:
    """Records the outputs of what is wished for, and of all that it needs, as they are.

    Jobs that lack outputs or a source are named and left: they are built when they are asked for.

    Raises:
        FileflowError: for an unknown target, a state that cannot be written, or if another run
            holds the folder.
    """
    wishes = replace(wishes, keep_going=True)
    # A wrong word is found without the lock: then no byte changes.
    _check(plan_known(project.look(), wishes).plan)
    with project.hold() as session:
        found = _adopted(session, wishes, describe)
    if as_json:
        facts = [{"rule": one.rule, "adopted": len(one.taken), "left": one.left} for one in found]
        say(json.dumps({"rules": facts}, indent=2))
        return 0
    for one in found:
        if one.taken:
            say(f"{one.rule}: {counted(len(one.taken), 'job')} recorded as fresh")
        for line in one.left[:PATHS_SHOWN]:
            say(f"{one.rule}: left: {line}")
        if len(one.left) > PATHS_SHOWN:
            say(f"{one.rule}: … and {counted(len(one.left) - PATHS_SHOWN, 'job')} more are left")
    if not found:
        say("nothing to adopt: all is fresh")
    return 0


def _adopted(session: Session, wishes: Wishes, describe: Describe | None) -> list[Adopted]:
    """Records what can be; each rule of which something was recorded or left.

    What is taken may tell values that others wait for: then these are looked at, too.
    """
    found: dict[str, Adopted] = {}

    def take(adopted: Iterable[Adopted]) -> bool:
        any_taken = False
        for one in adopted:
            before = found.setdefault(one.rule, Adopted(one.rule))
            any_taken = any_taken or not one.taken <= before.taken
            before.taken |= one.taken
            before.left = one.left
        return any_taken

    while True:
        decided = plan_known(session, wishes, describe=describe)
        _check(decided.plan)
        if not take(_Adoption(session, decided).go()) or not decided.plan.incomplete:
            return list(found.values())


def _check(plan: Plan) -> None:
    """Nothing is recorded where what was found while running is wrong."""
    errors = Collector()
    for error in plan.mistakes():
        errors.add(error)
    errors.raise_if_any()


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
        self.left: set[int] = set()
        self.missing = {one.path for one in decided.plan.missing}
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
            if found.taken or found.left:
                yield found
        refreshed = self.session.world.refreshed
        self.session.records.add_files(
            [
                (path, self.clock.proven(path, sign, self.clock.start), content)
                for path, (sign, content) in refreshed.items()
            ]
        )

    def _rows(self, table: RuleTable, rows: Sequence[int]) -> Adopted:
        left: list[str] = []
        taken: list[int] = []
        for row in rows:
            if not self._is_open(table, row):
                continue
            job = table.base | row
            lack = self._lack(table, row) or self._take_named(table, row)
            if lack:
                left.append(lack)
                self.left.add(job)
            elif any(maker in self.left for maker in makers_of(self.decided.plan.tables, job)):
                self.left.add(job)  # what it was made from will be built anew
            else:
                taken.append(row)
        found = self._recorded(table, taken)
        found.left = left
        return found

    def _recorded(self, table: RuleTable, rows: Sequence[int]) -> Adopted:
        records = [self._record(table, row) for row in rows]
        self.session.records.note_all(
            [note for row in rows for note in self.recording.log_notes(table, row)]
        )
        for log in dict.fromkeys(record.head.log for record in records):
            head = self.recording.head(table, log)
            self.session.records.add_jobs(head, [one for one in records if one.head.log == log])
        return Adopted(table.rule.name, {table.outputs_of(row)[0] for row in rows})

    def _is_open(self, table: RuleTable, row: int) -> bool:
        """Whether a job is stale by itself, rather than gone and not asked for."""
        staleness = self.decided.staleness
        reason = staleness.reason_now(table, row)
        return reason is not None and not staleness.may_rest(table.base | row, reason)

    def _lack(self, table: RuleTable, row: int) -> str:
        """Why the outputs of a job cannot be taken as they are; empty if they can."""
        for k, files in self._scattered(table, row):
            if not files:
                return f"no file is there as {table.scatter_pattern(k, row)}"
            if not table.is_declared(k):
                there, needed = table.declared_difference(row, files, k)
                lacks = [path for path in needed if path not in there]
                if lacks:
                    return f"no file is there as {lacks[0]}"
        for entry, path in self._outputs(table, row):
            if not is_anything(path):
                return f"{path} is not there"
            wanted = "a folder" if entry.pattern and entry.pattern.directory else "a file"
            if os.path.isdir(path) != (wanted == "a folder") or not os.path.exists(path):
                return f"{path} is not {wanted}"
            if entry.in_place and (BEGUN, table.key(row)) in self.session.records.notes:
                return f"{path} may be half made: its job was begun, and has not ended well"
            ensure = entry.ensure
            world = self.session.world
            if unread := self._unread(path):
                return unread
            if ensure is not None and not world.ensured(path, ensure.non_empty, ensure.sha256):
                return f"{path} does not meet its `ensure`"
        for link in table.links:
            for path in () if link.entry.order_only or link.named else link.paths_of(row):
                if unread := self._unread(path):
                    return f"{table.outputs_of(row)[0]}: its input {unread}"
                if path in self.missing or self.session.world.content(path) is None:
                    return f"{table.outputs_of(row)[0]}: its input {path} is not there"
        return ""

    def _unread(self, path: str) -> str:
        """That what is at a path cannot be read, if so."""
        try:
            self.session.world.content(path)
        except FileflowError as error:
            return str(error)
        return ""

    def _scattered(self, table: RuleTable, row: int) -> Iterator[tuple[int, list[str]]]:
        """The files of each scattered output: those of its declared values, or all that fit."""
        for k in table.scattered:
            if table.is_declared(k):
                yield k, [*table.declared_files(k, row)]
                continue
            pattern = table.scatter_pattern(k, row)
            matcher = Matcher(pattern, table.scatter_checks())
            names, rows = table.declared_rows(k, row)
            yield (
                k,
                [
                    path
                    for path in files_there(pattern, matcher)
                    if (values := matcher.match(path))
                    and (not names or tuple([values[name] for name in names]) in rows)
                ],
            )

    def _outputs(self, table: RuleTable, row: int) -> Iterator[tuple[Entry, str]]:
        """All outputs of a job with their entries, of scattered ones the files, last."""
        entries = table.shape.outputs
        for k, path in enumerate(table.outputs_of(row)):
            if k not in table.scattered:
                yield entries[k], path
        for k, paths in self._scattered(table, row):
            for path in paths:
                yield entries[k], path

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
            paths = named_paths(texts, JobPlace(self.session.root), inputs=inputs, outputs=made)
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
        found = tuple([path for _, paths in self._scattered(table, row) for path in paths])
        self.session.records.forget([path for path in found if path in self.session.records.jobs])
        outputs = (*table.outputs_of(row), *found)
        for k, path in enumerate(outputs):
            if k in table.scattered:
                made.append(NOTHING + bytes(16))
                continue
            content = self.session.world.content(path)
            sign = self.session.world.signatures((path,))[0]
            assert content is not None and sign is not None, "bug: an output that was looked at"
            made.append(self.clock.proven(path, sign, self.clock.start) + content)
        key = table.key(row)
        return self.recording.record(
            table,
            row,
            b"".join(made),
            started=time.time(),
            log=last_output(self.session.records, key) or ("", 0, 0),
            outputs=outputs,
        )
