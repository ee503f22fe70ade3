"""A run from its lock to its summary: takes the folder, makes the runners, minds the signals.

Knows nothing of the command line or of how progress is shown.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from time import monotonic

from fileflow.engine import conclusion, events
from fileflow.engine.events import nothing_to_do
from fileflow.engine.knowing import forget_unused, learn_from, plan_known
from fileflow.engine.lanes import Watched
from fileflow.engine.loop import Loop, Settings
from fileflow.engine.lost import lost_chunks, lost_files, lost_lines, remove_lost
from fileflow.engine.namesakes import refuse_imported
from fileflow.engine.one_thread import only_thread
from fileflow.engine.orphans import orphan_lines
from fileflow.engine.project import Project
from fileflow.engine.runners import HERE, PROCESS, check, wished
from fileflow.engine.runners import needed as runners_needed
from fileflow.engine.session import Decided, Growth, Overrides, Session
from fileflow.engine.starting import Runners
from fileflow.engine.stop import Stop, told_by_signals
from fileflow.engine.waves import (
    Tally,
    partner_lines,
    ring_lines,
    unmade_lines,
    unneeded_lines,
)
from fileflow.errors import Collector, Exit, FileflowError
from fileflow.fast import looked
from fileflow.lean import replace
from fileflow.model.rules import Run
from fileflow.planning.binding import bind
from fileflow.planning.derivation import why_unmade
from fileflow.planning.growing import staying
from fileflow.planning.links import SHIFT
from fileflow.planning.plan import Plan, Wishes
from fileflow.planning.reasons import State, Why
from fileflow.planning.tables import RuleTable
from fileflow.streams import is_daemonic
from fileflow.world.faults import faults_told


def run(
    file: str,
    overrides: Overrides,
    wishes: Wishes,
    settings: Settings,
    tell: events.Listener,
    *,
    command: str,
    wait: bool = False,
    settled: Callable[[Loop], None] | None = None,
    tick: Callable[[], None] | None = None,
    remember: tuple[Sequence[str], str] | None = None,
) -> events.RunFinished:
    """Builds what the wishes need and is stale.

    Args:
        file: the Workflowfile, absolute.
        overrides, wishes, settings: what is asked for, and how.
        tell: is told every event, the last one (`RunFinished`) too.
        command: the command line, for whoever finds the folder taken.
        wait: whether to wait for another run in this folder.
        settled: is given the loop when it is done with a plan: once, but where values are found
            while running.
        tick: is called about once a second while nothing happens.
        remember: the words of the command line and the folder in which it was typed, relative to
            the Workflowfile's, under which a run that leaves all fresh is remembered.

    Raises:
        FileflowError: for whatever is wrong before or beside the jobs; failures of jobs are counted
            in the summary.
    """
    stop = Stop()
    project = Project(file=file, overrides=overrides, command=command)

    def waiting(text: str) -> None:
        looked.forget()  # whoever holds the folder may change what was looked at
        tell(events.Note(text))

    with (
        only_thread(os.path.dirname(file)),
        faults_told(),
        told_by_signals(stop) as wakeup,
        project.locked() as lock,
    ):
        try:
            lock.acquire(
                command,
                wait=wait,
                interrupted=lambda: bool(stop.signal),
                waiting=waiting,
            )
        except FileflowError as error:
            if stop.signal and error.status == Exit.LOCKED:
                tell(events.Note(f"waits no longer: {signal.Signals(stop.signal).name}"))
                finished = events.RunFinished(signal=stop.signal, status=128 + stop.signal)
                tell(finished)
                return finished
            if error.status != Exit.STATE:
                raise
            as_it_is = _as_it_is(project, wishes, settings, tell)
            if as_it_is is None:
                raise
            return as_it_is
        session = project.take()
        for line in (*session.workflow.warnings, *session.records.warnings):
            tell(events.Note(line))
        runners = Runners(session, settings, stop, wakeup, lock.fileno())
        try:
            building = _Building(session, wishes, settings, runners, tell, tick, settled)
            finished = building.go()
        except KeyboardInterrupt:
            if not stop.signal:
                raise
            finished = events.RunFinished(signal=stop.signal, status=128 + stop.signal)
            remember = None
        finally:
            try:
                runners.close()
            finally:
                session.close()
        if stop.count > 1 and not finished.signal:  # a plug-in had not ended its slots
            finished = replace(finished, signal=stop.signal, status=128 + stop.signal)
        session.records.check()
        session.records.compact_if_worth()
        if not finished.status:
            loop = building.loop
            fresh = [*loop.lasting, nothing_to_do(finished.kept + finished.built)]
            conclusion.store(loop, remember if not finished.left_out else None, "\n".join(fresh))
        session.records.close()
    tell(finished)
    return finished


def _as_it_is(
    project: Project, wishes: Wishes, settings: Settings, tell: events.Listener
) -> events.RunFinished | None:
    """The end of a run in a project that cannot be written, and need not be: all is fresh."""
    if settings.rerun:
        return None
    try:
        session = project.look()
        try:
            decided = plan_known(session, wishes)
        finally:
            session.close()
    except (FileflowError, OSError):
        return None
    counts = count_states(decided)
    plan = decided.plan
    if plan.incomplete or plan.missing or plan.failed or plan.wrong:
        return None
    if any(counts[one] for one in (State.STALE, State.MAYBE, State.LATENT)):
        return None
    for line in (*session.workflow.warnings, *session.records.warnings):
        tell(events.Note(line))
    wanted = plan.count()
    tell(
        events.RunStarted(
            run="", wanted=wanted, certain=0, possible=0, slots=1, seconds_expected=None
        )
    )
    finished = events.RunFinished(kept=wanted)
    tell(finished)
    return finished


class _Building:
    """The part of a run that builds: a first plan, and each that it grows into by what was found.

    Args:
        session: what is known of the world.
        wishes, settings: what is asked for, and how.
        runners: where the runners come from.
        tell, tick, settled: as for `run`.
    """

    def __init__(
        self,
        session: Session,
        wishes: Wishes,
        settings: Settings,
        runners: Runners,
        tell: events.Listener,
        tick: Callable[[], None] | None,
        settled: Callable[[Loop], None] | None,
    ) -> None:
        self._session = session
        self._wishes = wishes
        self._settings = settings
        self._runners = runners
        self._stop = runners.stop
        self._tell = tell
        self._settled = settled or (lambda loop: None)
        self._tally = Tally()
        # The first outputs of jobs that replace what is there: said once, over all plans.
        self._replaced: set[str] = set()
        self.loop = Loop(
            session, settings, runners.name, tell, runners.stop, tick, self._while_it_runs
        )
        session.answers.interrupted = runners.interrupted = self._interrupted
        session.answers.has_other_work = self._has_other_work

    def _has_other_work(self) -> bool:
        """Whether there is something to do while a function is asked."""
        return bool(self.loop.lanes.in_flight) or self.loop.others_ready

    def go(self) -> events.RunFinished:
        """Builds all; what it comes to is on record, and said but for the event itself."""
        session = self._session
        session.answers.keep_going = self._wishes.keep_going
        self._runners.foresee()
        decided = plan_known(
            session, self._wishes, rerun=self._settings.rerun, ready=True, keep=True
        )
        counts = count_states(decided)
        self._tell(
            events.RunStarted(
                run=self._runners.name,
                wanted=decided.plan.count(),
                certain=counts[State.STALE],
                possible=counts[State.MAYBE] + counts[State.LATENT],
                slots=self._settings.jobs,
                seconds_expected=_expected(session, decided, self._settings.jobs),
            )
        )
        # From now on a call that fails, or a text that cannot be filled in, is the failure of its
        # job, and all else may go on.
        session.started = session.answers.keep_going = True
        first = self._ready(decided)
        running = {"run": self._runners.name, "state": "running", "pid": os.getpid()}
        session.records.note("run", "last", running)
        for line in missing_lines(decided.plan):
            self._tell(events.Note(line))
        self.loop.take_plan(*first)
        return self._ended(self._in_waves())

    def _interrupted(self) -> bool:
        """Whether to wait no longer for an answer. Meanwhile the time of what runs is looked at."""
        self.loop.lanes.stop_what_is_late()
        return bool(self._stop.signal)

    def _in_waves(self) -> events.RunFinished:
        """Goes on from plan to plan as long as there is something new to plan with."""
        loop, tally = self.loop, self._tally
        began = monotonic()
        while True:
            try:
                finished = loop.go()
            finally:
                loop.durations.store()
            self._settled(loop)
            if not tally.add(loop, finished):
                break
            try:
                grown, before = self._replanned()
                loop.take_plan(*self._ready(grown), before)
            except FileflowError as error:
                if error.status not in (Exit.FAILED, Exit.WRONG):
                    raise
                tally.take(loop)
                tally.error = str(error)
                break
            except KeyboardInterrupt:
                if not self._stop.signal:
                    raise
                tally.take(loop)
                finished = replace(finished, signal=self._stop.signal)
                break
        return tally.summary(finished, monotonic() - began)

    def _while_it_runs(
        self, loop: Loop
    ) -> tuple[Decided, Mapping[str, Watched], Growth | None] | None:
        """A plan to go on with while jobs of the last one still run, if there can be one."""
        self._settled(loop)
        try:
            grown, before = self._replanned()
            return (*self._ready(grown), before) if _goes_on(loop, grown) else None
        except FileflowError as error:
            if error.status not in (Exit.FAILED, Exit.WRONG):
                raise
            return None  # it will be said when nothing runs any more
        except KeyboardInterrupt:
            if not self._stop.signal:
                raise
            return None  # the loop ends what runs

    def _replanned(self) -> tuple[Decided, Growth | None]:
        """The plan with all that is known, and that from which it has grown, if from any."""
        session, loop, tally = self._session, self.loop, self._tally
        growth = loop.growth()
        if growth is not None and not learn_from(session, growth):
            growth = None
        stay: Collection[str] = ()
        if growth is not None:
            stay = staying(loop.plan, session.workflow, session.known)
        tally.take(loop, stay)
        grown = plan_known(
            session,
            self._wishes,
            rerun=self._settings.rerun,
            ready=True,
            built=tally.built,
            failed=tally.failed,
            keep=True,
            growth=growth,
        )
        same = {grown.plan.tables[number].rule.name for number in grown.plan.same}
        if not same.issuperset(stay):
            tally.take(loop, same)
        return grown, growth

    def _ready(self, decided: Decided) -> tuple[Decided, Mapping[str, Watched]]:
        """The plan with the runners that it needs; says what it brings."""
        counts = count_states(decided)
        needed: set[str] = set()
        if counts[State.STALE] or counts[State.MAYBE]:
            conclusion.forget()
            _describe(self._session, decided, self._runners)
            needed = runners_needed(
                decided.plan.tables.values(), decided.asyncs, self._settings.executor
            )
        if self._tally.last is not None:
            certain, possible = self._tally.grown(self.loop.decided, decided)
            wanted = decided.plan.count()
            self._tell(events.RunGrew(wanted=wanted, certain=certain, possible=possible))
        _say_replaced(decided, self._tell, self._replaced, self.loop.under_way())
        return decided, self._runners.named(needed)

    def _ended(self, finished: events.RunFinished) -> events.RunFinished:
        """Says what is left to say at the end, and puts on record how it went."""
        session, loop, tell = self._session, self.loop, self._tell
        plan = loop.plan
        if unmade := [*unmade_lines(loop), *ring_lines(loop, finished)]:
            said = "\n".join(filter(None, (finished.error, *unmade)))
            finished = replace(finished, error=said, status=finished.status or 1)
        if not finished.status:
            forget_unused(session, plan)
        for line in (*partner_lines(plan), *unneeded_lines(plan, self._wishes)):
            tell(events.Note(line, warning=False))
        lost = lost_chunks(session, plan)
        files = lost_files(session, plan, lost)
        gone = remove_lost(session, files, lost)
        for line in lost_lines(session.workflow.file, files, gone):
            tell(events.Note(line))
        for line in orphan_lines(session, plan, files, recorded=loop.on_record):
            loop.lasting.append(line)
            tell(events.Note(line, warning=False))
        session.records.note(
            "run",
            "last",
            {
                "run": self._runners.name,
                "state": "ended",
                "status": finished.status,
                "built": finished.built,
                "kept": finished.kept,
                "failed": finished.failed,
                "skipped": finished.skipped,
                "seconds": round(finished.seconds, 3),
            },
        )
        return finished


def _goes_on(loop: Loop, grown: Decided) -> bool:
    """Whether jobs that run have the same numbers in a plan that has grown."""
    tables = grown.plan.tables
    for number in {job >> SHIFT for job in loop.under_way()}:
        old, new = loop.plan.tables[number], tables.get(number)
        if new is None or old.names != new.names:
            return False
        for name in old.names:
            values, before = new.columns[name], old.columns[name]
            if values is not before and values[: old.count] != before:
                return False
    return True


def _expected(session: Session, decided: Decided, slots: int) -> float | None:
    """Seconds that the jobs that must run take, by recorded averages; None if one is not known."""
    total = 0.0
    for table in decided.plan.tables.values():
        if table.rule.asks_only:
            continue
        count = decided.staleness.states[table.number].count(State.STALE)
        seconds = session.records.notes.get(("seconds", table.rule.name))
        if count and not isinstance(seconds, (int, float)):
            return None
        total += count * float(seconds) if isinstance(seconds, (int, float)) else 0.0
    return total / slots if total else None


def _say_replaced(
    decided: Decided, tell: events.Listener, told: set[str], under_way: AbstractSet[int]
) -> None:
    """Files that are there without a record are built anew, or gone on with: a line for each rule.

    `told`: the first outputs of jobs of which that was said, by a plan before this one too;
    `under_way`: jobs that run, which may have made theirs just now.
    """
    replaced: dict[str, int] = {}
    kept: dict[str, int] = {}
    for job, reason in decided.staleness.reasons.items():
        if reason.why is Why.NO_RECORD and reason.about not in told and job not in under_way:
            told.add(reason.about)
            table = decided.plan.table_of(job)
            for entry in table.shape.outputs:
                counts = kept if entry.keep else replaced
                counts[table.rule.name] = counts.get(table.rule.name, 0) + 1
    for rule, count in kept.items():
        outputs = "an output that is there is" if count == 1 else f"{count} outputs are"
        tell(
            events.Note(
                f"rule {rule}: {outputs} kept, and the action goes on with what is there "
                "(`keep: true`): no record says that this rule has finished"
            )
        )
    for rule, count in replaced.items():
        files = "1 file that is there is" if count == 1 else f"{count} files that are there are"
        tell(
            events.Note(
                f"rule {rule}: {files} replaced: no record says that this rule made "
                f"{'it' if count == 1 else 'them'} (`fileflow adopt` takes such files as they are)"
            )
        )


def _describe(session: Session, decided: Decided, runners: Runners) -> None:
    """Lets a slot import the functions that may run: what cannot be imported stops all, now.

    Where the source does not say what a function takes, the answer does.
    """
    errors = Collector()
    for table in decided.plan.tables.values():
        action = table.rule.action
        if not isinstance(action, Run):
            continue
        states = decided.staleness.states[table.number]
        if not any(states):
            continue
        try:
            asked = runners.settings.executor
            name = wished(table.rule, table.rule.name in decided.asyncs, asked)
            if name in HERE or is_daemonic():  # where it is looked at, if not run
                code = session.code.function(action.module, action.function)
                refuse_imported(code, action.place)
            found = runners.describe(action, _at_once(decided, table, runners.settings))
            if table.rule.name in decided.bindings:
                continue
            check(table.rule, found.is_async, found.is_generator)
            if found.is_async:
                decided.asyncs.add(table.rule.name)
            decided.bindings[table.rule.name] = bind(table, found.parameters)
        except FileflowError as error:
            if error.status != Exit.WRONG:  # no mistake of the Workflowfile's
                raise
            errors.add(error)
    errors.raise_if_any()


def _at_once(decided: Decided, table: RuleTable, settings: Settings) -> int:
    """How many jobs of a rule will surely run at once, each in a process."""
    rule = table.rule
    name = wished(rule, rule.name in decided.asyncs, settings.executor)
    if name != PROCESS or rule.cores_said or rule.resources:
        return 1
    return min(settings.jobs, decided.staleness.states[table.number].count(State.STALE))


def missing_lines(plan: Plan) -> Iterator[str]:
    """What to say of sources that are not there, where all else goes on."""
    for missing in plan.missing:
        cause = why_unmade(plan.finder, missing.path)
        said = f"{missing.what}: what needs it is skipped"
        yield f"{said} ({cause})" if cause else said


def count_states(decided: Decided) -> dict[State, int]:
    """How many jobs are fresh, absent, stale, or may become so, but those that lack a source."""
    counts = dict.fromkeys(State, 0)
    for job in decided.plan.blocked:
        if not decided.plan.table_of(job).rule.asks_only:
            counts[decided.staleness.state(job)] -= 1
    for table in decided.plan.tables.values():
        if table.rule.asks_only:
            continue
        states = decided.staleness.states[table.number]
        found = {state: states.count(state) for state in State if state}
        for state, count in found.items():
            counts[state] += count
        # What is not wanted is not decided, and stands as fresh.
        counts[State.FRESH] += table.wanted.count(1) - sum(found.values())
    return counts


def failure(error: FileflowError) -> events.RunFinished:
    """The summary of a run that ended with an error before or beside its jobs."""
    return events.RunFinished(status=int(error.status), error=str(error))
