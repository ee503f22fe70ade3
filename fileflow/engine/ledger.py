"""What files hold, on its way to jobs and back.

Inputs go out with what is known of them; what a job found and made is known from its end on, and on
record.

Knows tables, orders, outcomes and records; not when a job runs, or what follows from its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

from fileflow.engine.lost import LOST
from fileflow.engine.named import NamedFiles
from fileflow.engine.orders import Orders, shared_list
from fileflow.engine.recording import BEGUN, Recording
from fileflow.engine.session import Decided, Session
from fileflow.model.digests import DIGEST_SIZE, NO_DIGEST
from fileflow.model.work import Order, Outcome, SharedList
from fileflow.planning.links import ROW, SHIFT, Group
from fileflow.planning.plan import Plan
from fileflow.planning.schedule import Schedule
from fileflow.planning.tables import RuleTable
from fileflow.signature import SIGNATURE
from fileflow.world.files import Clock, cut
from fileflow.world.records import Record

Check = tuple[str, bytes | None, bytes | None] | int


class Ledger:
    """The files of one run, over one plan after the other.

    Attributes:
        differ: of a rerun, by rule, the outputs that came out other than they were.
        identical: how many came out the same.
        outdated: whether files of a scatter are not those that the plan takes it to make.
        changed_code: by rule, a file of its action that has changed since the plan was made.
    """

    def __init__(
        self,
        session: Session,
        clock: Clock,
        named: NamedFiles,
        orders_of: Callable[[RuleTable], Orders],
        in_hand: Callable[[], Iterable[int]],
        *,
        run: str,
        compares: bool,
    ) -> None:
        """`in_hand` gives the jobs that have been handed over and are not taken from their lanes;
        `compares`: whether everything is built, and compared with what was there."""
        self.differ: dict[str, list[str]] = {}
        self.identical = 0
        self.outdated = False
        self.changed_code: dict[str, str] = {}
        self._session = session
        self._world = session.world
        self._records = session.records
        self._clock = clock
        self._named = named
        self._orders_of = orders_of
        self._in_hand = in_hand
        self._run = run
        self._compares = compares
        self._lists: dict[int, Group] = {}
        # The jobs that were in hand when one of the files that moved was found to have.
        self._doubted: set[int] = set()
        self._moves = 0
        self._withdrawn: dict[int, Record] = {}
        # What `take` has gathered for `store`.
        self._sources: list[tuple[str, bytes, bytes]] = []
        self._log_notes: list[tuple[str, str, str | None]] = []
        self._made: dict[tuple[int, str], list[Record]] = {}
        # The rules whose actions were looked at since these jobs had ended.
        self._looked_at: set[str] = set()

    def take_plan(self, decided: Decided, schedule: Schedule) -> None:
        """From now on jobs are those of this plan."""
        self._plan = decided.plan
        self._staleness = decided.staleness
        self._schedule = schedule
        self._recording = Recording(
            self._records,
            self._world,
            decided,
            run=self._run,
            workflowfile=self._session.workflow.file,
        )
        self._makers_of_folders = _makers_of_folders(decided.plan)
        self._looks_inside = _looks_inside(decided.plan, self._makers_of_folders)
        self.outdated = False

    # -- before a job -------------------------------------------------------------------------

    def checks(self, table: RuleTable, row: int, lists: dict[int, SharedList]) -> list[Check]:
        """The inputs of a job, with the signature and digest of those that are known.

        Lists that jobs share stand in it by their numbers, and are added to `lists`.
        """
        out: list[Check] = []
        for link in table.links:
            if link.named:
                continue
            counts = not link.entry.order_only
            group = link.group(row)
            if group is not None and shared_list(group) is not None:
                if group.number not in lists:  # a job may take it by name though it does not count
                    self._lists[group.number] = group
                    before = self._staleness.last_contents(link, row) if counts else b""
                    lists[group.number] = (group.paths, *self._world.proofs(group.paths, before))
                if counts:
                    out.append(group.number)
            elif counts:
                for path in link.paths_of(row):
                    out.append((path, *self._world.proof(path)))
        return out

    def replaces(self, table: RuleTable, row: int) -> None:
        """Minds what a job is to replace: other names of it will be something else then."""
        outputs = table.outputs_of(row)
        recorded = bool(outputs) and outputs[0] in self._records.jobs
        if table.scattered and recorded:
            outputs = self._records.jobs[outputs[0]].outputs
        self._world.will_replace(outputs, recorded=recorded)

    def withdraw(self, table: RuleTable, job: int) -> None:
        """What is made under its own name is not what was recorded, from now until it is done."""
        first = table.outputs_of(job & ROW)[0]
        record = self._records.jobs.get(first)
        if record is not None:
            self._withdrawn[job] = record
            self._records.forget([first])
        self._records.note(BEGUN, first, self._run)

    # -- after a job that ended well ----------------------------------------------------------

    def take(self, table: RuleTable, order: Order, outcome: Outcome, since: int) -> bool:
        """What a job found and made is known from now on; whether an output has changed.

        It is on record when `store` is called.

        Args:
            table: the job's rule.
            order: what the job was handed; it is still in hand.
            outcome: what came of it.
            since: the clock of the file system before it began.
        """
        row = outcome.index & ROW
        if outcome.learned or outcome.lists:
            self._learn(outcome, since)
        if self._world.moves > self._moves:
            # A file has changed under the run: these were told what was known before.
            self._moves = self._world.moves
            self._doubted.update(self._in_hand())
        doubted = self._doubted_inputs(order, outcome)
        outputs = (*table.outputs_of(row), *outcome.found)
        if not outputs:
            self._note_run(table, row, outcome)
            return True
        first = outputs[0]
        withdrawn = self._withdrawn.pop(outcome.index, None)
        if (BEGUN, first) in self._records.notes:
            self._records.note(BEGUN, first, None)
        before = (withdrawn.outputs, withdrawn.made) if withdrawn else self._records.made(first)
        made = self._take_outputs(table, outputs, outcome, since)
        if table.number in self._makers_of_folders:
            self._world.made_folders.update(outputs)
            if self._looks_inside:
                self._take_folders(outcome.index, outputs)
        if outcome.named is not None:
            self._sources += self._named.take(table, row, outcome.named, since)
        if table.scattered:
            earlier = withdrawn or self._records.jobs.get(first)
            self._take_scattered(table, row, outcome, earlier)
        elif before is not None and before[0] != outputs:
            self._take_dropped(withdrawn or self._records.jobs[first], outputs)
        changed = self._compare(table, outputs, outcome, before)
        if table.rule.logs and self._take_logs(table, row):
            changed = True
        self._made.setdefault((table.number, outcome.log[0]), []).append(
            self._recording.record(
                table,
                row,
                made,
                started=outcome.started,
                seconds=outcome.seconds,
                cpu=outcome.cpu,
                memory=outcome.memory,
                log=outcome.log,
                outputs=outputs,
                doubted=doubted,
                action_doubted=self._has_changed(table),
            )
        )
        return changed

    def _take_logs(self, table: RuleTable, row: int) -> bool:
        """What a job wrote to its logs is known from now on; whether to others that take them it
        is something else than before."""
        for path in self._orders_of(table).logs(row):
            self._world.forget(path)
        notes = self._recording.log_notes(table, row)
        self._log_notes += notes
        return any(self._records.notes.get((kind, path)) != now for kind, path, now in notes)

    def store(self) -> None:
        """Puts on record what was taken, a frame for each rule and log."""
        if self._log_notes:
            self._records.note_all(self._log_notes)
            self._log_notes = []
        if self._sources:
            self._records.add_files(self._sources)
            self._sources = []
        for records in self._made.values():
            self._records.add_jobs(records[0].head, records)
        self._made = {}
        self._looked_at = set()

    def _has_changed(self, table: RuleTable) -> bool:
        """Whether the action of jobs that have just ended may be another than was planned."""
        name = table.rule.name
        if name not in self._looked_at and name not in self.changed_code:
            self._looked_at.add(name)
            path = self._session.changed_code(table)
            if path is not None:
                self.changed_code[name] = path
                self._world.has_moved(path)
        return name in self.changed_code

    def store_refreshed(self) -> None:
        """Files whose bytes were read anew are known by their signature from now on.

        Not what somebody wrote over outputs that this run leaves as they are: what their jobs made
        stays known, as they may go again.
        """
        if self._world.refreshed:
            known = self._records.files
            self._records.add_files(
                [
                    (path, self._clock.proven(path, sign, self._clock.start), digest)
                    for path, (sign, digest) in self._world.refreshed.items()
                    if not self._plan.left_out
                    or not self._world.has_record(path)
                    or (known.get(path) or (b"", digest))[1] == digest
                ]
            )
            self._world.refreshed = {}

    # -- its inputs ---------------------------------------------------------------------------

    def _learn(self, outcome: Outcome, since: int) -> None:
        learned = self._world.learned
        for path, sign, digest in outcome.learned:
            if learned(path, sign, digest):
                self._staleness.forget_groups()
            self._sources.append((path, self._clock.proven(path, sign, since), digest))
        for number, signs, digests in outcome.lists:
            group = self._lists[number]
            pairs = zip(cut(signs, SIGNATURE.size), cut(digests, DIGEST_SIZE), strict=True)
            for path, (sign, digest) in zip(group.paths, pairs, strict=True):
                if self._world.known_content(path) != digest:
                    learned(path, sign, digest)
                    self._sources.append((path, self._clock.proven(path, sign, since), digest))
            self._staleness.forget_groups()

    def _doubted_inputs(self, order: Order, outcome: Outcome) -> AbstractSet[str]:
        """The inputs of a job that it may have taken with other bytes than they are known to hold.

        It took what it was told, unless it says what it found in that place.
        """
        if order.index not in self._doubted:
            return frozenset()
        self._doubted.discard(order.index)
        found = {path for path, _, _ in outcome.learned}
        lists = {number for number, _, _ in outcome.lists}
        moved, doubted = self._world.moved, set()
        for check in order.checks:
            if isinstance(check, int):
                paths = self._lists[check].paths
                if check not in lists and ("" in moved or not moved.isdisjoint(paths)):
                    doubted.update(paths)
            elif check[0] not in found and check[2] not in (None, self._world.content(check[0])):
                doubted.add(check[0])
        return doubted

    # -- its outputs --------------------------------------------------------------------------

    def _note_run(self, table: RuleTable, row: int, outcome: Outcome) -> None:
        """A job without outputs has no record; where its kept output stands is noted."""
        self._records.note(
            "ran", table.key(row), {"log": list(outcome.log), "when": outcome.started}
        )

    def _take_outputs(
        self, table: RuleTable, outputs: Sequence[str], outcome: Outcome, since: int
    ) -> bytes:
        """What a job made is known from now on; gives 48 bytes for each output, as recorded."""
        world, proven, scattered = self._world, self._clock.proven, table.scattered
        made = b""
        for k, (path, (sign, digest)) in enumerate(zip(outputs, outcome.outputs, strict=True)):
            if k not in scattered:
                world.made(path, sign, digest)
            made += proven(path, sign, since) + digest
        return made

    def _take_folders(self, job: int, outputs: Sequence[str]) -> None:
        """What lies below folders was made with them: whoever takes it must look anew."""
        taken: dict[str, None] = {}
        seen: set[int] = set()
        for consumer in self._schedule.consumers_of(job):
            for link in self._plan.tables[consumer >> SHIFT].links:
                group = link.group(consumer & ROW)
                if group is None:
                    taken.update(dict.fromkeys(link.paths_of(consumer & ROW)))
                elif group.number not in seen:
                    seen.add(group.number)
                    taken.update(dict.fromkeys(group.paths))
        for path in outputs:
            self._world.made_folder(path, taken)
        self._staleness.forget_groups()

    def _take_dropped(self, before: Record, outputs: Sequence[str]) -> None:
        """Minds outputs that the job had and has no more, and has again."""
        finder = self._plan.finder
        dropped = [
            k
            for k, path in enumerate(before.outputs)
            if path not in outputs and path not in self._records.jobs and not finder.makes(path)
        ]
        orphans = self._recording.orphans(before, dropped)
        if orphans:
            self._records.add_jobs(orphans[0].head, orphans)
        self._records.forget([path for path in outputs[1:] if path in self._records.jobs])

    def _take_scattered(
        self, table: RuleTable, row: int, outcome: Outcome, before: Record | None
    ) -> None:
        """Minds files that are not found any more, and that what was known may be outdated."""
        now = set(outcome.found)
        count = len(table.shape.outputs)
        earlier = before.outputs[count:] if before is not None else ()
        if before is not None:
            # A file on record as another job's has been taken over by it.
            lost = [
                k
                for k, path in enumerate(before.outputs)
                if k >= count and path not in now and path not in self._records.jobs
            ]
            orphans = self._recording.orphans(before, lost)
            if orphans:
                # Noted first: a run that is killed leaves them for the next one to remove.
                file = self._session.workflow.file
                self._records.note_all([(LOST, before.outputs[k], file) for k in lost])
                self._records.add_jobs(orphans[0].head, orphans)
        again = [path for path in outcome.found if path in self._records.jobs]
        self._records.forget(again)
        known = table.found(row)
        if known is not None and set(known.files) != now and not table.has_declared_scatter:
            self.outdated = True
        if set(earlier) != now:
            self._staleness.forget_groups()

    def _compare(
        self,
        table: RuleTable,
        outputs: Sequence[str],
        outcome: Outcome,
        before: tuple[Sequence[str], bytes] | None,
    ) -> bool:
        """Whether an output differs from what was recorded; counts for the summary of a rerun.

        `before` is what was recorded: the outputs, and 48 bytes of each.
        """
        if before is None:
            return True
        recorded = [one[32:] for one in cut(before[1], 48)]
        if not self._compares:
            return before[0] != outputs or recorded != [made for _, made in outcome.outputs]
        # Zeros stand for the pattern of what is scattered, which is no file.
        was = zip(before[0], recorded, strict=True)
        earlier = {path: digest for path, digest in was if digest != NO_DIGEST}
        differ: list[str] = []
        for path, (_, digest) in zip(outputs, outcome.outputs, strict=True):
            if digest == NO_DIGEST:
                continue
            if earlier.pop(path, None) == digest:
                self.identical += 1
            else:
                differ.append(path)
        differ += earlier  # what is gone
        if differ:
            self.differ.setdefault(table.rule.name, []).extend(differ)
        return before[0] != outputs or bool(differ)


def _makers_of_folders(plan: Plan) -> AbstractSet[int]:
    """The numbers of the rules that have folders among their outputs."""
    return {
        number
        for number, table in plan.tables.items()
        if any(e.pattern is not None and e.pattern.directory for e in table.shape.outputs)
    }


def _looks_inside(plan: Plan, folders: AbstractSet[int]) -> bool:
    """Whether jobs may take single files of what these rules make."""
    return bool(folders) and any(
        link.named or link.pattern is None or not link.pattern.directory
        for table in plan.tables.values()
        for link in table.links
        if link.named or link.tables & folders
    )
