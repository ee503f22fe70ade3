"""Why a job must run, or that it need not: the one place that decides what is fresh.

Pure: sees a plan, records and digests, never the disk, the clock or a process. `run`, `--dry-run`,
`why` and `status` all ask here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import compress
from typing import Protocol

from fileflow.errors import FileflowError, shortened, some_of
from fileflow.model.digests import NO_DIGEST, differences
from fileflow.model.tokens import listed
from fileflow.planning.knowledge import Facts, Record, Shortcuts
from fileflow.planning.links import ABSENT as NO_PATH
from fileflow.planning.links import ROW, SHIFT, Group, Link
from fileflow.planning.named import NAME, learns
from fileflow.planning.plan import Plan
from fileflow.planning.proofs import Proofs, proofs_of
from fileflow.planning.reasons import ABSENT, CODE, FILE, NOTHING, UNREAD, Reason, State, Why
from fileflow.planning.recipes import Recipe
from fileflow.planning.tables import RuleTable, wanted_rows
from fileflow.planning.taken_logs import taken_logs

UNREADABLE = b"\xff" * 16
# From so many jobs of a rule on it is worth asking about all of them at once.
WORTH_SHORTCUTS = 32


class Before(Protocol):
    """What became of the jobs of the plan from which one grew."""

    @property
    def staleness(self) -> Staleness:
        """What was decided of that plan."""

    def is_built(self, table: RuleTable, row: int) -> bool:
        """Whether a job of a table that stayed was built by this run."""

    def outlook(self, number: int) -> bytes:
        """For each row of a table its state as it is now, `OPEN` for one that is not settled."""


OPEN = 255


class Staleness:
    """Decides for the jobs of one plan."""

    def __init__(
        self,
        plan: Plan,
        recipes: Mapping[str, Recipe],
        facts: Facts,
        *,
        rerun: bool = False,
        built: Collection[tuple[str, ...]] = (),
        shortcuts: Shortcuts | None = None,
        before: Before | None = None,
        as_recorded: bool = False,
    ) -> None:
        """`built`: the identities of jobs that this run has built already: wishes are fulfilled;
        `shortcuts`: spare a look at each job; what is decided is the same without them; `before`:
        the plan from which this one grew: what is the same in it is not decided again;
        `as_recorded`: what is to be built anew though nothing has changed counts as fresh."""
        self.built = built
        self.as_recorded = as_recorded
        self.plan = plan
        self.recipes = recipes
        self.facts = facts
        self.rerun = rerun
        self.states: dict[int, bytearray] = {
            number: bytearray(table.count) for number, table in plan.tables.items()
        }
        self.reasons: dict[int, Reason] = {}
        self._group_ids: dict[int, bytes] = {}
        self._group_movers: dict[int, str | None] = {}
        self._own_values: dict[int, Reason] = {}
        self._proofs: dict[int, Proofs | None] = {}
        self._taken_logs: dict[int, Mapping[int, Sequence[str]]] = {}
        # The digests of a list's files when a run last ended: but for what changed since.
        self._lists: dict[int, bytes] = {}
        self.shortcuts = shortcuts
        # By table, a byte for each row: whether the job may make something else this time.
        self._moving: dict[int, bytearray] = {}
        self._movers: set[int] = set()
        # Jobs taken to make their folders again: what the files below were, no record tells.
        self._remaking: set[int] = set()
        self._by_name = {job >> SHIFT for job in (*plan.forced, *plan.blocked)}
        self._any_absent = False
        self._before = before

    # -- before the run -----------------------------------------------------------------------

    def decide(self) -> None:
        """Settles the state of every wanted job, each after what it needs."""
        for table, rows in self.plan.order:
            if table.rule.asks_only:
                continue
            if self._before is None or table.number not in self.plan.same:
                self._decide_rows(table, wanted_rows(table) if rows is None else rows)
            elif table.number not in self._moving:
                self._take_over(table, self._before)
        if self._any_absent:
            self._call_absent()

    def _take_over(self, table: RuleTable, before: Before) -> None:
        """Of jobs that are as they were all is known: those that are not settled stay as decided.

        What they wait for may have come out the same: then they are asked when it is their turn.
        """
        number, then = table.number, before.staleness
        now = before.outlook(number)
        states, moving = bytearray(now), bytearray(table.count)
        for row in _places_of(now, OPEN):
            job = table.base | row
            states[row], moving[row] = then.states[number][row], then._moving[number][row]
            reason = then.reasons.get(job)
            if reason is not None:
                self.reasons[job] = reason
                if reason.why is Why.OVERWRITTEN and not moving[row]:
                    self._take_to_come_back(table, row)
        self.states[number], self._moving[number] = states, moving
        if 1 in moving:
            self._movers.add(number)
        self._any_absent = self._any_absent or State.ABSENT in states

    def state(self, job: int) -> State:
        """The state of a job before the run."""
        return State(self.states[job >> SHIFT][job & ROW])

    def reason(self, job: int) -> Reason | None:
        """Why a job must run, or may have to; None for one that need not."""
        found = self.reasons.get(job)
        if found is None and self.states[job >> SHIFT][job & ROW] == State.STALE:
            table = self.plan.tables[job >> SHIFT]
            return Reason(Why.MISSING, table.output_paths(0)[job & ROW])
        return found

    def _decide_rows(self, table: RuleTable, rows: Sequence[int]) -> None:
        states = self.states[table.number]
        base = table.base
        links = table.links
        if table.number not in self._moving:
            self._moving[table.number] = bytearray(table.count)
        if self.shortcuts is not None and _are_many(table, rows):
            rows = self._decide_at_once(table, rows, self.shortcuts)
        for row in rows:
            job = base | row
            if job in self.plan.blocked:
                states[row] = State.STALE
                self.reasons[job] = Reason(Why.MISSING, "a source")
                continue
            cause = self._moved_by(links, row)
            reason = self.reason_now(table, row, upstream=cause)
            if cause is None and reason is not None and reason.why is Why.CONTENT:
                cause = self._remade_by(links, row)
                if cause is not None:
                    reason = self.reason_now(table, row, upstream=cause)
            rests = reason is not None and self.may_rest(job, reason)
            if reason is None or rests:
                if cause is not None:
                    states[row] = State.MAYBE
                    self.reasons[job] = Reason(Why.UPSTREAM, cause)
                    self._set_moving(table.number, row)
                elif rests:
                    states[row] = State.ABSENT
                    self._any_absent = True
                continue
            states[row] = State.STALE
            if reason is not _NEVER:
                self.reasons[job] = reason
            if not reason.comes_back or cause is not None:
                self._set_moving(table.number, row)
            elif reason.why is Why.OVERWRITTEN:
                self._take_to_come_back(table, row)

    def _decide_at_once(
        self, table: RuleTable, rows: Sequence[int], shortcuts: Shortcuts
    ) -> Sequence[int]:
        """Decides what can be told of many rows at once; gives the rows that are left."""
        if self.rerun or not table.shape.outputs or table.number in self._by_name:
            return rows
        rows = self._without_proven(table, rows, shortcuts)
        return self._without_missing(table, rows, shortcuts) if rows else rows

    def _without_missing(
        self, table: RuleTable, rows: Sequence[int], shortcuts: Shortcuts
    ) -> Sequence[int]:
        """Decides on jobs that were never made; gives the others."""
        column = table.output_paths(0)
        whole = len(rows) == table.count
        paths = column if whole else [column[row] for row in rows]
        lacking = shortcuts.unrecorded(paths)
        if not lacking or not shortcuts.nothing_at(
            paths if len(lacking) == len(paths) else [paths[i] for i in lacking]
        ):
            return rows
        if len(lacking) == len(rows):
            self._never_made(table, rows)
            return ()
        here = set(lacking)
        self._never_made(table, [rows[i] for i in lacking])
        return [row for i, row in enumerate(rows) if i not in here]

    def _without_proven(
        self, table: RuleTable, rows: Sequence[int], shortcuts: Shortcuts
    ) -> Sequence[int]:
        """Gives the jobs that are not proven to be fresh, which is what a state begins as."""
        proofs = self.proofs(table)
        if proofs is None:
            return rows
        if shortcuts.proven((proofs.whole,))[0]:
            ask = bytearray(table.count)
        else:
            held = shortcuts.proven([piece.proof for piece in proofs.pieces])
            if not any(held):
                return rows
            ask = bytearray(b"\1") * table.count
            for piece, holds in zip(proofs.pieces, held, strict=True):
                if holds:
                    ask[piece.start : piece.end] = bytes(piece.end - piece.start)
        touched = dict.fromkeys(self._touched(table, shortcuts.changed()))
        for row in touched:
            if not ask[row]:
                self._remember_lists(table, row)
                ask[row] = 1
        if isinstance(rows, range):
            return list(_places_of(ask, 1))
        return [row for row in rows if ask[row]]

    def _remember_lists(self, table: RuleTable, row: int) -> None:
        """Notes what a job's lists held when it was last found fresh, which is all but proven."""
        record = None
        for k, link in enumerate(table.links):
            if link.group_of is None or link.single or link.entry.order_only:
                continue
            key = _list_key(link, row)
            if key not in self._lists:
                record = record or self.facts.record(table.output_paths(0)[row])
                if record is None:
                    return
                stored = self.facts.stored_contents(record.digests[16 * k : 16 * k + 16])
                if len(stored) == 16 * len(link.paths_of(row)):
                    self._lists[key] = stored

    def _touched(self, table: RuleTable, changed: AbstractSet[str]) -> Iterator[int]:
        """The rows that make or take one of these files, or take from a job that may move."""
        for k in range(len(table.shape.outputs)):
            yield from places_among(table.output_paths(k), changed)
        for link in table.links:
            moves = self._any_moves(link)
            if link.group_of is not None:
                hit = {
                    number
                    for number, group in enumerate(link.groups)
                    if (changed and any(True for _ in places_among(group.paths, changed)))
                    or (moves and self._group_mover(group) is not None)
                }
                if hit:
                    yield from (r for r in range(table.count) if link.group_of[r] in hit)
                continue
            yield from places_among(link.paths, changed)
            if moves and isinstance(link.makers, range) and len(link.makers):
                moving = self._moving[link.makers[0] >> SHIFT]
                yield from (row for row, one in enumerate(moving) if one)
            elif moves:
                makers = link.makers or ()
                yield from (row for row, maker in enumerate(makers) if self._moves(maker))

    def proofs(self, table: RuleTable) -> Proofs | None:
        """What proves that the rows of a table are as they were; None where each is asked."""
        if table.number not in self._proofs:
            found = proofs_of(table, self.recipes[table.rule.name])
            if self.logs_of(table):
                found = None  # it tells of outputs and inputs only
            self._proofs[table.number] = found
        return self._proofs[table.number]

    def logs_of(self, table: RuleTable) -> Mapping[int, Sequence[str]]:
        """The logs of a rule that others take, by row."""
        found = self._taken_logs.get(table.number)
        if found is None:
            found = self._taken_logs[table.number] = taken_logs(self.plan, table)
        return found

    def _never_made(self, table: RuleTable, rows: Sequence[int]) -> None:
        """Jobs without record of whose first output there is nothing: it is missing."""
        states, moving = self.states[table.number], self._moving[table.number]
        self._movers.add(table.number)
        if len(rows) == table.count:
            states[:] = bytes((State.STALE,)) * table.count
            moving[:] = b"\1" * table.count
            return
        for row in rows:
            states[row] = State.STALE
            moving[row] = 1

    def _set_moving(self, number: int, row: int) -> None:
        self._moving[number][row] = 1
        self._movers.add(number)

    def comes_back(self, job: int) -> bool:
        """Whether a job that must run is taken to make again what it made before."""
        return not self._moves(job)

    def _moves(self, job: int) -> bool:
        moving = self._moving.get(job >> SHIFT)
        return moving is not None and moving[job & ROW] == 1

    def _take_to_come_back(self, table: RuleTable, row: int) -> None:
        if any(entry.pattern and entry.pattern.directory for entry in table.shape.outputs):
            self._remaking.add(table.base | row)
        record = self.facts.record(table.outputs_of(row)[0])
        for k, path in enumerate(record.outputs if record is not None else ()):
            if record is not None and k not in table.scattered:
                self.facts.assume(path, record.made[48 * k + 32 : 48 * k + 48])
        for path in self.logs_of(table).get(row, ()):
            written = self.facts.written(path)
            if written is not None:
                self.facts.assume(path, written)

    def _remade_by(self, links: Sequence[Link], row: int) -> str | None:
        """The rule that makes a folder again in which an input of this job lies."""
        for link in links if self._remaking else ():
            for maker, path in link.made_paths(row):
                if self._is_remade(maker, path):
                    return self.plan.tables[maker >> SHIFT].rule.name
        return None

    def _is_remade(self, job: int, path: str) -> bool:
        """Whether a path lies in a folder that the job is taken to make again."""
        if job not in self._remaking:
            return False
        return path not in self.plan.tables[job >> SHIFT].outputs_of(job & ROW)

    def _may_differ(self, job: int, path: str) -> bool:
        """Whether what a job makes at this path, or below it, may be something else this time."""
        return self._moves(job) or self._is_remade(job, path)

    def _moved_by(self, links: Sequence[Link], row: int) -> str | None:
        """The rule of a job that this one needs and that may make something else this time."""
        for link in links:
            if link.entry.order_only or not (link.named or self._any_moves(link)):
                continue
            if link.group_of is None:
                maker = link.makers[row] if link.makers is not None else -1
                if self._moves(maker):
                    return self.plan.tables[maker >> SHIFT].rule.name
                continue
            mover = self._group_mover(link.groups[link.group_of[row]])
            if mover is not None:
                return mover
        return None

    def _any_moves(self, link: Link) -> bool:
        """Whether any job of the rules that make what a link names may make something else."""
        return not self._movers.isdisjoint(link.tables)

    def _group_mover(self, group: Group) -> str | None:
        """The same for a list: looked for once, when all who make it are decided."""
        if group.number not in self._group_movers:
            found = self._first_moving(group.makers or ())
            name = None if found is None else self.plan.tables[found >> SHIFT].rule.name
            self._group_movers[group.number] = name
        return self._group_movers[group.number]

    def _first_moving(self, makers: Sequence[int]) -> int | None:
        if isinstance(makers, range) and len(makers):
            first = makers[0] & ROW
            moving = self._moving.get(makers[0] >> SHIFT, bytearray())
            at = moving.find(1, first, first + len(makers))
            return None if at < 0 else makers[at - first]
        return next((maker for maker in makers if self._moves(maker)), None)

    def _call_absent(self) -> None:
        """Jobs whose outputs are gone run after all if one that must run takes from them."""
        for table, rows in reversed(self.plan.order):
            if table.rule.asks_only:
                continue
            states = self.states[table.number]
            if not any(state in states for state in (State.STALE, State.MAYBE, State.LATENT)):
                continue
            for row in wanted_rows(table) if rows is None else rows:
                state = states[row]
                if state == State.STALE:
                    called = State.STALE
                elif state in (State.MAYBE, State.LATENT):
                    called = State.LATENT
                else:
                    continue
                for maker, path in _taken(table, row):
                    theirs = self.states[maker >> SHIFT]
                    resting = theirs[maker & ROW] in (State.ABSENT, State.LATENT)
                    if resting and self.is_gone(maker, path):
                        theirs[maker & ROW] = max(called, theirs[maker & ROW])
                        why = Reason(Why.NEEDED, table.label(row))
                        if called == State.LATENT:
                            why = Reason(Why.UPSTREAM, table.rule.name)
                        self.reasons[maker] = why

    def makers_taken(self, table: RuleTable, row: int) -> Iterator[int]:
        """The jobs that make what a job takes."""
        return (maker for maker, _ in _taken(table, row))

    def is_gone(self, maker: int, path: str) -> bool:
        """Whether of a job at rest, whose outputs are gone or some of them, this path is."""
        table = self.plan.tables[maker >> SHIFT]
        if len(table.shape.outputs) == 1 and not table.scattered and not self.logs_of(table):
            return True
        return self.facts.signatures((path,))[0] is None

    # -- the decision -------------------------------------------------------------------------

    def reason_now(
        self, table: RuleTable, row: int, *, upstream: str | None = None
    ) -> Reason | None:
        """The first reason for which a job must run by what is known now, or None.

        With `upstream`, inputs that may yet change are not looked at.
        """
        rule = table.rule
        job = table.base | row
        built = bool(self.built) and table.identity(row) in self.built
        built = built or (self._before is not None and self._before.is_built(table, row))
        if not built:
            if self.rerun:
                return _RERUN
            if job in self.plan.forced:
                return _FORCED
        if not table.shape.outputs:
            return None if built else _NO_OUTPUT
        outputs = table.outputs_of(row)
        record = self.facts.record(outputs[0])
        if record is None:
            return self._unknown(outputs)
        if rule.always and not built and not self.as_recorded:
            return _ALWAYS
        # Of what was built while its code changed, no recipe is on record. This run goes on with
        # it, as it would make the same again; the next one knows the code.
        by_unknown_code = built and record.recipe == NO_DIGEST
        if not by_unknown_code and record.recipe != self._recipe(table, row, record.recipe):
            return self._recipe_reason(table, row, record)
        changed = self._changed_outputs(table, row, record)
        if changed is not None:
            return changed
        tokens = self.tokens(table, row)
        if not _same_inputs(record, table, tokens) or record.head.input_names != input_names(table):
            return self._inputs_reason(record, table, row, tokens)
        if upstream is None:
            if self.digests(table, row) != record.digests:
                return self._content_reason(record, table, row) or Reason(Why.CONTENT, "an input")
        else:
            changed = self._content_reason(record, table, row, settled_only=True)
            if changed is not None:
                return changed
        if self._is_expired(table, record):
            return _EXPIRED
        return self._gravest(job, self._outputs_reasons(table, row, record))

    def may_rest(self, job: int, reason: Reason) -> bool:
        """Whether nothing is the matter but that an output is gone that nobody asks for, and that
        comes back as it was if it is made again."""
        gone = reason.why is Why.MISSING and reason.comes_back
        return gone and not self.plan.asks_for(job, reason.about)

    def _gravest(self, job: int, reasons: Iterator[Reason]) -> Reason | None:
        """The first reason but, if there is any, none for which a job may rest: an output that is
        gone; of these, one that was asked for."""
        missing = []
        for reason in reasons:
            if reason.why is not Why.MISSING:
                return reason
            missing.append(reason)
        asked = (reason for reason in missing if self.plan.asks_for(job, reason.about))
        return next(asked, missing[0] if missing else None)

    def _recipe(self, table: RuleTable, row: int, before: bytes) -> bytes | None:
        """The digest of a job's recipe; None, like no record's, if a value of it is not there."""
        try:
            return self.recipes[table.rule.name].digest(row, before)
        except FileflowError:
            return None

    def _changed_outputs(self, table: RuleTable, row: int, record: Record) -> Reason | None:
        outputs = table.outputs_of(row)
        same = record.head.output_names == output_names(table)
        if same and _same_outputs(table, row, record, outputs):
            return None
        if same and table.scattered and record.outputs[: len(outputs)] == outputs:
            found = table.declared_difference(row, record.outputs[len(outputs) :])
            return Reason(Why.OUTPUTS, _difference(*found))
        return Reason(Why.OUTPUTS, _difference(record.outputs, outputs))

    def _is_expired(self, table: RuleTable, record: Record) -> bool:
        expires = table.rule.expires
        if expires is None or self.as_recorded:
            return False
        return self.facts.now() - record.started > expires

    def settled(self, job: int) -> bool:
        """Whether what a job tells is known: all but its outputs is as it was recorded."""
        if job in self.plan.blocked:
            return False
        state = self.state(job)
        if state is State.STALE:
            reason = self.reasons.get(job)
            back = reason is not None and (reason.comes_back or reason.why is Why.NEEDED)
            return back and self.comes_back(job)
        return state is not State.MAYBE

    def all_reasons(self, table: RuleTable, row: int) -> list[Reason]:
        """Every reason for which a job must run, for `why`."""
        first = self.reason_now(table, row)
        if first is _NEVER:
            return [Reason(Why.MISSING, table.outputs_of(row)[0])]
        if first is None or not table.shape.outputs:
            return [first] if first else []
        outputs = table.outputs_of(row)
        record = self.facts.record(outputs[0])
        if record is None:
            return [first]
        found = [first]
        if record.recipe != self._recipe(table, row, record.recipe):
            found += self._recipe_reasons(table, row, record)
        changed = self._changed_outputs(table, row, record)
        if changed is not None:
            found.append(changed)
        tokens = self.tokens(table, row)
        if not _same_inputs(record, table, tokens):
            found.append(self._inputs_reason(record, table, row, tokens))
        else:
            found += self._content_reasons(record, table, row)
        if self._is_expired(table, record):
            found.append(_EXPIRED)
        if changed is None:
            found += self._outputs_reasons(table, row, record)
        return list(dict.fromkeys(found))

    def _unknown(self, outputs: Sequence[str]) -> Reason:
        signs = self.facts.signatures(outputs)
        missing = next((p for p, s in zip(outputs, signs, strict=True) if s is None), None)
        if missing is None:
            return Reason(Why.NO_RECORD, outputs[0])
        return _NEVER if missing == outputs[0] else Reason(Why.MISSING, missing)

    def _outputs_reasons(self, table: RuleTable, row: int, record: Record) -> Iterator[Reason]:
        made = record.made
        entries = table.shape.outputs
        paths: Sequence[str] = record.outputs
        spots: Sequence[int] = range(len(paths))
        ensures = [entry.ensure for entry in entries]
        if table.scattered:
            spots = [k for k in spots if k not in table.scattered]
            paths = [paths[k] for k in spots]
            found = table.found_in(row, record.outputs[len(entries) :])
            for k, files in found.paths if found is not None else ():
                ensures += [entries[k].ensure] * len(files)
        for k, path, sign in zip(spots, paths, self.facts.signatures(paths), strict=True):
            if sign is None:
                yield Reason(Why.MISSING, path, after=ABSENT)
                continue
            spot = 48 * k
            if sign != made[spot : spot + 32]:
                then, now = made[spot + 32 : spot + 48], self._held(path)
                if now != then:
                    yield Reason(Why.OVERWRITTEN, path, _hex(then), _hex(now))
            ensure = ensures[k]
            if ensure is not None and not self.facts.ensured(path, ensure.non_empty, ensure.sha256):
                yield Reason(Why.ENSURE, path)
        logs = self.logs_of(table).get(row, ())
        for path, sign in zip(logs, self.facts.signatures(logs), strict=True):
            written = self.facts.written(path)
            if sign is None:
                yield Reason(Why.MISSING, path, after=ABSENT)
            elif written is not None and (now := self._held(path)) != written:
                yield Reason(Why.OVERWRITTEN, path, _hex(written), _hex(now))

    def tokens(self, table: RuleTable, row: int) -> tuple[str, ...]:
        """What stands for each input entry in a record: a path, a list's id, nothing if absent."""
        out = []
        for link in table.links:
            if link.group_of is None:
                maker = link.makers[row] if link.makers is not None else NO_PATH
                out.append("" if maker == NO_PATH else link.paths[row])
                continue
            out.append(link.token(link.groups[link.group_of[row]]))
        return tuple(out)

    def digests(self, table: RuleTable, row: int) -> bytes:
        """16 bytes for each input entry: of its content, of a list the id of its contents."""
        out = []
        for link in table.links:
            if link.entry.order_only:
                out.append(NO_DIGEST)
            elif link.group_of is None or link.is_one(row):
                paths = link.paths_of(row)
                out.append(self._content(paths[0]) if paths else NO_DIGEST)
            else:
                out.append(self.list_contents(link, row))
        return b"".join(out)

    def list_contents(self, link: Link, row: int) -> bytes:
        """The id of the contents of a list of inputs; worked out once for all that share it."""
        assert link.group_of is not None
        key = _list_key(link, row)
        if key in self._group_ids:
            return self._group_ids[key]
        found = self.facts.contents_id(self.contents(link, row))
        self._group_ids[key] = found
        return found

    def contents(self, link: Link, row: int) -> bytes:
        """16 bytes for each file of a list of inputs, of its content; zeros for an absent one."""
        paths = link.paths_of(row)
        if link.named:
            makers = link.makers_of(row)
            return b"".join([self._read(p, m) for p, m in zip(paths, makers, strict=True)])
        content = self._content
        if self.shortcuts is None or len(paths) < WORTH_SHORTCUTS:
            return b"".join([content(path) for path in paths])
        before = self.last_contents(link, row)
        if not before:
            try:
                return b"".join([digest or NO_DIGEST for digest in self.shortcuts.contents(paths)])
            except FileflowError:
                return b"".join([content(path) for path in paths])
        now = bytearray(before)
        for place in places_among(paths, self.shortcuts.changed()):
            now[16 * place : 16 * place + 16] = content(paths[place])
        return bytes(now)

    def last_contents(self, link: Link, row: int) -> bytes:
        """The same as when a run last ended, where that is known: but for what changed since."""
        return self._lists.get(_list_key(link, row), b"")

    def _read(self, path: str, maker: int) -> bytes:
        """The content of a file that a job was found to read; if nobody makes it, as it is now."""
        if maker < 0 and self.facts.signatures((path,))[0] is None:
            return NO_DIGEST
        return self._content(path)

    def _content(self, path: str) -> bytes:
        """The content of a file as it is now; of one that is there and cannot be read what no job
        has taken: who takes it runs, and fails where it reads it."""
        try:
            return self.facts.content(path) or NO_DIGEST
        except FileflowError:
            return UNREADABLE

    def _held(self, path: str) -> bytes | None:
        """The same of an output, which its job replaces, whatever is assumed of it."""
        try:
            return self.facts.held(path)
        except FileflowError:
            return UNREADABLE

    def forget_groups(self) -> None:
        """Drops what was worked out for lists, after a file of one has changed."""
        self._group_ids.clear()

    # -- reasons in detail --------------------------------------------------------------------

    def _recipe_reason(self, table: RuleTable, row: int, record: Record) -> Reason:
        return next(self._recipe_reasons(table, row, record))

    def _recipe_reasons(self, table: RuleTable, row: int, record: Record) -> Iterator[Reason]:
        """What the jobs of the rule share, and then what this one has of its own."""
        if record.recipe == NO_DIGEST:
            yield Reason(Why.ACTION, "its code, while the run went on that made it,")
            return
        recipe = self.recipes[table.rule.name]
        before, after = record.head.facts.get("recipe"), recipe.parts
        shared = False
        if isinstance(before, Mapping):
            for key in dict.fromkeys([*after, *before]):
                for reason in _part_reasons(str(key), before.get(key), after.get(key)):
                    shared = True
                    yield reason
            if shared and not recipe.differs_beside(row, before, record.recipe):
                return
        # Of these a record has no more than a digest.
        if table.number not in self._own_values:
            names = " or ".join(recipe.own_values()) or "a value that the action names"
            self._own_values[table.number] = Reason(Why.ACTION, names)
        yield self._own_values[table.number]

    def _inputs_reason(
        self, record: Record, table: RuleTable, row: int, tokens: Sequence[str]
    ) -> Reason:
        if learns(table) and NAME not in record.head.input_names:
            deps = next(k for k, entry in enumerate(table.shape.outputs) if entry.deps)
            path = table.output_paths(deps)[row]
            return Reason(Why.INPUTS, f"what {path} names is not known yet")
        before = [path for token in record.inputs for path in self._paths(token)]
        after = [path for link in table.links for path in link.paths_of(row)]
        return Reason(Why.INPUTS, _difference(before, after))

    def _paths(self, token: str) -> Sequence[str]:
        if listed(token) is not None:
            return self.facts.stored_list(token)
        return [token] if token else []

    def _content_reason(
        self, record: Record, table: RuleTable, row: int, *, settled_only: bool = False
    ) -> Reason | None:
        return next(iter(self._content_reasons(record, table, row, settled_only)), None)

    def _content_reasons(
        self, record: Record, table: RuleTable, row: int, settled_only: bool = False
    ) -> Iterator[Reason]:
        for k, link in enumerate(table.links):
            if link.entry.order_only:
                continue
            before = record.digests[16 * k : 16 * k + 16]
            if link.group_of is None or link.is_one(row):
                paths = link.paths_of(row)
                makers = link.makers_of(row)
                if settled_only and any(map(self._may_differ, makers, paths)):
                    continue
                content = self._content(paths[0]) if paths else before
                if content != before:
                    yield Reason(Why.CONTENT, paths[0], _hex(before), _hex(content))
                continue
            if not settled_only and self.list_contents(link, row) == before:
                continue
            stored = self.facts.stored_contents(before)
            paths = link.paths_of(row)
            group = link.groups[link.group_of[row]]
            makers = group.makers or ()
            if len(stored) != 16 * len(paths):
                if not settled_only:
                    yield Reason(Why.CONTENT, "the content of its inputs")
                continue
            moving = settled_only and len(makers) == len(paths)
            if moving and link.named:
                # A file in a folder that is made anew must not be looked at before that.
                now = b"".join(
                    stored[16 * i : 16 * i + 16]
                    if self._may_differ(m, path)
                    else self._read(path, m)
                    for i, (path, m) in enumerate(zip(paths, makers, strict=True))
                )
            else:
                now = self.contents(link, row)
            for i, is_now, then in differences(now, stored):
                path = paths[i]
                if moving and self._may_differ(makers[i], path):
                    continue
                why = Why.CONTENT
                if link.named and NO_DIGEST in (is_now, then):
                    why = Why.GONE if is_now == NO_DIGEST else Why.APPEARED
                yield Reason(why, path, _hex(then), _hex(is_now))


def _taken(table: RuleTable, row: int) -> Iterator[tuple[int, str]]:
    """Who makes what a job takes, and each path."""
    for link in table.links:
        for maker, path in link.made_paths(row):
            if maker >= 0:
                yield maker, path


def _places_of(states: bytes | bytearray, state: int) -> Iterator[int]:
    """The rows with this state."""
    at = states.find(state)
    while at >= 0:
        yield at
        at = states.find(state, at + 1)


def _are_many(table: RuleTable, rows: Sequence[int]) -> bool:
    """Whether there are many jobs, or a few that take many files."""
    if len(rows) >= WORTH_SHORTCUTS or not isinstance(rows, range):
        return len(rows) >= WORTH_SHORTCUTS
    lists = (group for link in table.links for group in link.groups)
    return any(len(group.paths) >= WORTH_SHORTCUTS for group in lists)


def _list_key(link: Link, row: int) -> int:
    """What tells a list apart, as what it holds depends on whether all of it must be there."""
    assert link.group_of is not None
    number = link.groups[link.group_of[row]].number
    return -1 - number if link.entry.optional else number


def places_among(paths: Sequence[str], wanted: AbstractSet[str]) -> Sequence[int]:
    """Where these are among the paths; mostly none is, which takes a third of the time to tell."""
    if not wanted or wanted.isdisjoint(paths):
        return ()
    return list(compress(range(len(paths)), map(wanted.__contains__, paths)))


_NEVER = Reason(Why.MISSING)
_RERUN = Reason(Why.RERUN)
_FORCED = Reason(Why.FORCED)
_NO_OUTPUT = Reason(Why.NO_OUTPUT)
_ALWAYS = Reason(Why.ALWAYS)
_EXPIRED = Reason(Why.EXPIRED)


def input_names(table: RuleTable) -> tuple[str, ...]:
    """The name of each input entry, empty for none."""
    return tuple(link.entry.name or "" for link in table.links)


def output_names(table: RuleTable) -> tuple[str, ...]:
    """The name of each output entry, empty for none."""
    return tuple(entry.name or "" for entry in table.shape.outputs)


def _same_inputs(record: Record, table: RuleTable, tokens: tuple[str, ...]) -> bool:
    """Whether a record is of these inputs; the action sees no order of `order_only` ones without a
    name."""
    if record.inputs == tokens:
        return True
    before, after = list(record.inputs), list(tokens)
    if len(before) != len(after):
        return False
    spots = [
        k
        for k, link in enumerate(table.links)
        if link.entry.order_only
        and not link.entry.name
        # And it was one then: of others the content is recorded.
        and record.digests[16 * k : 16 * k + 16] == NO_DIGEST
    ]
    for column in (before, after):
        ordered = sorted([column[k] for k in spots])
        for k, token in zip(spots, ordered, strict=True):
            column[k] = token
    return before == after


def _same_outputs(table: RuleTable, row: int, record: Record, outputs: tuple[str, ...]) -> bool:
    """Whether a record is of these outputs; of scattered ones, whether its files fit them."""
    if not table.scattered:
        return record.outputs == outputs
    count = len(outputs)
    if record.outputs[:count] != outputs:
        return False
    if table.has_declared_scatter:
        found = table.found(row)
        return found is not None and sorted(record.outputs[count:]) == sorted(found.files)
    return table.found_in(row, record.outputs[count:]) is not None


def _part_reasons(key: str, before: object, after: object) -> list[Reason]:
    if before == after or key == "code digest":
        return []
    # Of a part that is empty nothing is written down.
    if before is None and isinstance(after, Mapping):
        before = {}
    elif after is None and isinstance(before, Mapping):
        after = {}
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        out = []
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                shown = (_shown(before.get(name)), _shown(after.get(name)))
                out.append(Reason(Why.ACTION, f"{_singular(key)} {name}", *shown))
        return out
    return [Reason(Why.ACTION, _WORDS.get(key, key), _shown(before), _shown(after))]


_WORDS = {
    "shell": "the shell text",
    "argv": "the words of `argv`",
    "run": "the function",
    "seed": "the seed",
    "whole config": "the config",
    "lists": "which inputs and outputs are lists",
    "logs": "the names of the logs",
    "names of config": "which config values it names",
}


def _singular(key: str) -> str:
    return {"files": FILE, "code": CODE}.get(key, "param" if key.startswith("params") else key)


def _shown(value: object) -> str:
    if value is None:
        return NOTHING
    return shortened(value if isinstance(value, str) else repr(value), 300)


def _hex(digest: bytes | None) -> str:
    if digest == UNREADABLE:
        return UNREAD
    return digest.hex() if digest and digest != NO_DIGEST else NOTHING


def _difference(before: Sequence[str], after: Sequence[str]) -> str:
    earlier, now = set(before), set(after)
    gone = [path for path in before if path not in now]
    new = [path for path in after if path not in earlier]
    if not gone and not new:
        return "another order or other names"
    words = [f"{some_of(new, 3)} new"] if new else []
    words += [f"{some_of(gone, 3)} gone"] if gone else []
    return ", ".join(words)
