"""A run from its lock to its summary: takes the folder, makes the runners, minds the signals.

Knows nothing of the command line or of how progress is shown.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fileflow.engine import conclusion, events
from fileflow.engine.events import nothing_to_do
from fileflow.engine.knowing import forget_unused, learn_from, plan_known
from fileflow.engine.lanes import Watched
from fileflow.engine.loop import Loop, Settings
from fileflow.engine.orphans import orphan_lines
from fileflow.engine.project import Project
from fileflow.engine.runners import ASYNC, PROCESS, SERIAL, THREAD, check, lanes_of, wished
from fileflow.engine.runners import needed as runners_needed
from fileflow.engine.session import Decided, Growth, Overrides, Session
from fileflow.engine.stop import Stop
from fileflow.engine.waves import (
    Tally,
    lost_chunks,
    lost_files,
    lost_lines,
    partner_lines,
    remove_lost,
    ring_lines,
    unmade_lines,
)
from fileflow.errors import Collector, Exit, FileflowError
from fileflow.fast import STATE, looked
from fileflow.garbage import no_collection
from fileflow.lean import replace
from fileflow.model.rules import Run
from fileflow.planning.binding import bind
from fileflow.planning.derivation import why_unmade
from fileflow.planning.growing import staying
from fileflow.planning.links import SHIFT
from fileflow.planning.plan import Plan, Wishes
from fileflow.planning.reasons import State, Why
from fileflow.planning.tables import RuleTable
from fileflow.world.faults import faults_told
from fileflow.world.open_files import limit_to, make_room, most_open_files

if TYPE_CHECKING:
    from fileflow.world.functions import Description
    from fileflow.world.seeding import SharedGenerators

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# How many files the engine has open at most, for a slot (in a process, and in a thread) and beside.
_FILES_OF_SLOT = 24
_FILES = 128


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

    with faults_told(), _signals(stop) as wakeup, project.locked() as lock:
        try:
            lock.acquire(
                command,
                wait=wait,
                interrupted=lambda: bool(stop.signal),
                waiting=waiting,
            )
        except FileflowError as error:
            if not stop.signal or error.status != Exit.LOCKED:
                raise
            tell(events.Note(f"waits no longer: {signal.Signals(stop.signal).name}"))
            finished = events.RunFinished(signal=stop.signal, status=128 + stop.signal)
            tell(finished)
            return finished
        session = project.take()
        for line in (*session.workflow.warnings, *session.records.warnings):
            tell(events.Note(line))
        session.answers.interrupted = lambda: bool(stop.signal)
        runners = _Runners(session, settings, stop, wakeup, lock.fileno())
        try:
            loop, finished = _run(session, wishes, settings, tell, stop, runners, tick, settled)
        except KeyboardInterrupt:
            if not stop.signal:
                raise
            finished = events.RunFinished(signal=stop.signal, status=128 + stop.signal)
            remember = None
        finally:
            runners.close()
            session.close()
        session.records.check()
        session.records.compact_if_worth()
        if not finished.status:
            fresh = [*loop.lasting, nothing_to_do(finished.kept + finished.built)]
            conclusion.store(loop, remember if not finished.left_out else None, "\n".join(fresh))
        session.records.close()
    tell(finished)
    return finished


def _run(
    session: Session,
    wishes: Wishes,
    settings: Settings,
    tell: events.Listener,
    stop: Stop,
    runners: _Runners,
    tick: Callable[[], None] | None,
    settled: Callable[[Loop], None] | None,
) -> tuple[Loop, events.RunFinished]:
    session.answers.keep_going = wishes.keep_going
    decided = plan_known(session, wishes, rerun=settings.rerun, ready=True, keep=True)
    plan = decided.plan
    counts = count_states(decided)
    name = runners.name
    tell(
        events.RunStarted(
            run=name,
            wanted=plan.count(),
            certain=counts[State.STALE],
            possible=counts[State.MAYBE] + counts[State.LATENT],
            slots=settings.jobs,
            seconds_expected=_expected(session, decided, settings.jobs),
        )
    )
    tally = Tally()
    replaced: set[str] = set()
    # From now on a call that fails, or a text that cannot be filled in, is the failure of its job,
    # and all else may go on.
    session.started = session.answers.keep_going = True

    def grow(loop: Loop) -> tuple[Decided, Mapping[str, Watched], Growth | None] | None:
        if settled is not None:
            settled(loop)
        try:
            grown, before = replan(loop)
        except FileflowError:
            return None  # it will be said when nothing runs any more
        except KeyboardInterrupt:
            if not stop.signal:
                raise
            return None  # the loop ends what runs
        if not _goes_on(loop, grown):
            return None
        return (*ready(grown), before)

    def replan(loop: Loop) -> tuple[Decided, Growth | None]:
        """The plan with all that is known, and that from which it has grown, if from any."""
        growth = loop.growth()
        if growth is not None and not learn_from(session, growth):
            growth = None
        stay: Collection[str] = ()
        if growth is not None:
            stay = staying(loop.plan, session.workflow, session.known)
        tally.take(loop, stay)
        grown = plan_known(
            session,
            wishes,
            rerun=settings.rerun,
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

    def ready(decided: Decided) -> tuple[Decided, Mapping[str, Watched]]:
        """The plan with the runners that it needs; says what it brings."""
        counts = count_states(decided)
        needed: set[str] = set()
        if counts[State.STALE] or counts[State.MAYBE]:
            conclusion.forget()
            _describe(session, decided, runners)
            needed = runners_needed(decided.plan.tables.values(), decided.asyncs, settings.executor)
        if tally.last is not None:
            certain, possible = tally.grown(loop.decided, decided)
            wanted = decided.plan.count()
            tell(events.RunGrew(wanted=wanted, certain=certain, possible=possible))
        _say_replaced(decided, tell, replaced)
        return decided, runners.named(needed)

    loop = Loop(session, settings, name, tell, stop, tick, grow)
    first = ready(decided)
    session.records.note("run", "last", {"run": name, "state": "running", "pid": os.getpid()})
    for line in missing_lines(plan):
        tell(events.Note(line))
    loop.take_plan(*first)
    while True:
        try:
            finished = loop.go()
        finally:
            loop.durations.store()
        if settled is not None:
            settled(loop)
        if not tally.add(loop, finished):
            break
        try:
            grown, before = replan(loop)
            loop.take_plan(*ready(grown), before)
        except FileflowError as error:
            if error.status not in (Exit.FAILED, Exit.WRONG):
                raise
            tally.take(loop)
            tally.error = str(error)
            break
        except KeyboardInterrupt:
            if not stop.signal:
                raise
            tally.take(loop)
            finished = replace(finished, signal=stop.signal)
            break
    finished = tally.summary(finished)
    if unmade := [*unmade_lines(loop), *ring_lines(loop, finished)]:
        said = "\n".join(filter(None, (finished.error, *unmade)))
        finished = replace(finished, error=said, status=finished.status or 1)
    if not finished.status:
        forget_unused(session, loop.plan)
    for line in partner_lines(loop.plan):
        tell(events.Note(line, warning=False))
    lost = lost_chunks(session, loop)
    files = lost_files(session, loop, lost)
    for line in lost_lines(files, remove_lost(session, files, lost)):
        tell(events.Note(line))
    for line in orphan_lines(session, loop.plan, files, recorded=loop.on_record):
        loop.lasting.append(line)
        tell(events.Note(line, warning=False))
    session.records.note(
        "run",
        "last",
        {
            "run": name,
            "state": "ended",
            "status": finished.status,
            "built": finished.built,
            "kept": finished.kept,
            "failed": finished.failed,
            "skipped": finished.skipped,
            "seconds": round(finished.seconds, 3),
        },
    )
    return loop, finished


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


def _say_replaced(decided: Decided, tell: events.Listener, told: set[str]) -> None:
    """Files that are there without a record are built anew, or gone on with: a line for each rule.

    `told`: the first outputs of jobs of which that was said, by a plan before this one too.
    """
    replaced: dict[str, int] = {}
    kept: dict[str, int] = {}
    for job, reason in decided.staleness.reasons.items():
        if reason.why is Why.NO_RECORD and reason.about not in told:
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


def _describe(session: Session, decided: Decided, runners: _Runners) -> None:
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
        cause = why_unmade(plan.finder, missing.path) if plan.finder is not None else None
        said = f"{missing} is not there: what needs it is skipped"
        yield f"{said} ({cause})" if cause else said


def count_states(decided: Decided) -> dict[State, int]:
    """How many jobs are fresh, absent, stale, or may become so, but those that lack a source."""
    counts = dict.fromkeys(State, 0)
    for job in decided.plan.blocked:
        if not decided.plan.by_number(job).rule.asks_only:
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


class _Runners:
    """The runners of one run, made when they are first needed."""

    def __init__(
        self, session: Session, settings: Settings, stop: Stop, wakeup: int, lock: int | None
    ) -> None:
        self.session = session
        self.settings = settings
        self.stop = stop
        self.wakeup = wakeup
        self.lock = lock
        self.name = time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + f"-{os.getpid()}"
        # Pipes and sockets of its slots are the engine's; what jobs may have open is the user's.
        self._open_files = most_open_files()
        make_room(_FILES + _FILES_OF_SLOT * settings.jobs)
        self._made: dict[str, Watched] = {}
        self._generators: SharedGenerators | None = None

    def get(self, name: str) -> Watched:
        """The runner of this name."""
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._make(name)
        return found

    def named(self, names: set[str]) -> dict[str, Watched]:
        """The runners of these names."""
        return {name: self.get(name) for name in sorted(names)}

    def _make(self, name: str) -> Watched:
        root, count = self.session.root, self.settings.jobs
        private = [self.lock] if self.lock is not None else []
        if name == PROCESS:
            with no_collection():
                from fileflow.executors.processes import Processes

            # A forked process has the hash seed of this one; only one that is fixed will do.
            fork = None if not sys.flags.hash_randomization else False
            return Processes(
                root,
                self.name,
                count,
                wakeup=self.wakeup,
                private=private,
                fork=fork,
                open_files=self._open_files,
            )
        if name == ASYNC:
            from fileflow.executors.async_loop import AsyncLoop

            lanes = lanes_of(name, count)
            return AsyncLoop(root, self.name, lanes, wakeup=self.wakeup, private=private)
        if name == THREAD:
            from fileflow.executors.threads import Threads

            generators = self._shared_generators()
            threads = Threads(
                root, self.name, first_slot=count, wakeup=self.wakeup, generators=generators
            )
            self.stop.hooks.append(threads.interrupt)
            return threads
        if name == SERIAL:
            from fileflow.executors.serial import Serial

            generators = self._shared_generators()
            serial = Serial(root, self.name, slot=2 * count, generators=generators)
            self.stop.hooks.append(serial.interrupt)
            return serial
        from fileflow.executors.plug_ins import load

        return load(name, root, self.name, count)

    def _shared_generators(self) -> SharedGenerators:
        """What the runners whose jobs run in this process know of its generators, both of them."""
        from fileflow.world.seeding import SharedGenerators

        if self._generators is None:
            self._generators = SharedGenerators()
        return self._generators

    def describe(self, action: Run, slots: int) -> Description:
        """What a function takes, asked of a slot that imports it; so many `slots` will need it."""
        from fileflow.executors.processes import Processes
        from fileflow.world.functions import undescribed

        runner = self.get(PROCESS)
        assert isinstance(runner, Processes)
        found = runner.describe(
            action.module,
            action.function,
            beside=slots - 1,
            interrupted=lambda: bool(self.stop.signal),
        )
        if found.error:
            raise undescribed(found.error, action.place)
        return found

    def close(self) -> None:
        """Ends all slots."""
        for runner in self._made.values():
            runner.close()
        limit_to(self._open_files)
        if self._made:
            from fileflow.world.staging import remove_run

            # A thread that was waited for no longer may write there yet: the next run clears it.
            remove_run(os.path.join(STATE, "stage", self.name))


@contextlib.contextmanager
def _signals(stop: Stop) -> Iterator[int]:
    """INT, TERM and HUP end the run in order; gives a descriptor that they make readable.

    Whoever had a handler of its own hears of such a signal when the run has ended.
    """
    if threading.current_thread() is not threading.main_thread():
        reader, writer = os.pipe()
        try:
            yield reader
        finally:
            os.close(reader)
            os.close(writer)
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def on_signal(number: int, _frame: object) -> None:
        if stop.count >= 2:
            os._exit(128 + number)
        stop(number)

    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    for number in _SIGNALS:
        if not (number == signal.SIGHUP and ignored):
            signal.signal(number, on_signal)
    old = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
        handler = before[signal.Signals(stop.signal)] if stop.signal else None
        if callable(handler) and handler is not signal.default_int_handler:
            handler(stop.signal, None)  # this run is a job of another one, which is to end too


def failure(error: FileflowError) -> events.RunFinished:
    """The summary of a run that ended with an error before or beside its jobs."""
    return events.RunFinished(status=int(error.status), error=str(error))
