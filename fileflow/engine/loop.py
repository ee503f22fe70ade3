"""The loop: takes what is ready, asks whether it must run, hands it over, records what came back.

Owns order; which lane gets how many jobs stands in `batches`, when one is tried again in `tries`,
what is told of a failure in `failures`; what slots were handed is the lanes', what files hold the
ledger's. Knows nothing of how a slot does a job.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from fileflow.engine import events
from fileflow.engine.aliases import Aliases
from fileflow.engine.amounts import Amounts, Needs
from fileflow.engine.batches import Batches
from fileflow.engine.durations import Durations
from fileflow.engine.facts import World
from fileflow.engine.failures import Failures, by_death, unstarted
from fileflow.engine.lanes import LONG_SECONDS, Lane, Lanes, Watched
from fileflow.engine.ledger import Ledger
from fileflow.engine.named import NamedFiles
from fileflow.engine.orders import Orders
from fileflow.engine.pools import Pools
from fileflow.engine.runners import SERIAL, Chooser
from fileflow.engine.session import Decided, Growth, Session
from fileflow.engine.stop import Stop
from fileflow.engine.temps import Temps
from fileflow.engine.tries import Tries
from fileflow.engine.words import over_time
from fileflow.errors import FileflowError, NotYet
from fileflow.lean import dataclass, replace
from fileflow.model.work import Batch, Died, End, Order, Outcome, SharedList
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.reasons import Why
from fileflow.planning.schedule import JobState, Schedule
from fileflow.planning.tables import RuleTable
from fileflow.planning.taken_logs import may_be_taken
from fileflow.world.removal import is_read_only

# How often it is looked for an answer while other jobs run, in seconds.
_LOOK_EVERY = 0.05
# While all cores are at work a plan grows this often at most, in seconds, and takes no larger share
# of the time than one in so many.
_GROW_EVERY = 0.05
_GROW_SHARE = 20
# Ends that may be due to what a job was given.
_BY_INPUTS = (End.FAILED, End.MISSING, End.CHANGED, End.UNREAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a run goes; none of it can change what is made.

    Args:
        jobs: at most so many cores at once.
        max_failures: no new job starts after so many have failed; 0: as many as there are.
        retries: over those that the rules say.
        keep_temp: delete no `temp` output.
        executor: for rules that name none; empty: by the kind of function.
        print_commands: tell each job's filled command.
        verbose: tell each job's start.
        rerun: build everything, and compare with what was there.
    """

    jobs: int = 1
    max_failures: int = 1
    retries: int | None = None
    keep_temp: bool = False
    executor: str = ""
    print_commands: bool = False
    verbose: bool = False
    rerun: bool = False


class Grow(Protocol):
    """Plans again with what has become known while jobs run."""

    def __call__(self, loop: Loop) -> tuple[Decided, Mapping[str, Watched], Growth | None] | None:
        """What is decided now, the runners for it and the plan from which it grew, if from any.

        None if that must wait for what runs.
        """


class Loop:
    """One run, over one plan after the other as values become known."""

    def __init__(
        self,
        session: Session,
        settings: Settings,
        run: str,
        tell: events.Listener,
        stop: Stop,
        tick: Callable[[], None] | None = None,
        grow: Grow | None = None,
    ) -> None:
        """`tick` is called about once a second while nothing happens; `grow` when a job has told
        values that others waited for, and cores are idle or these are more urgent."""
        self.session = session
        self.world: World = session.world
        self.records = session.records
        self.settings = settings
        self.run = run
        self.tell = tell
        self.stop = stop
        self.grow = grow
        assert session.clock is not None, "bug: a run needs a session that may write"
        self.clock = session.clock
        self.durations = Durations(session)
        self.pools = Pools(session.workflow.resources)
        self.lanes = Lanes(self.pools, settings.jobs, stop, tick)
        self.tries = Tries(settings.retries)
        self.failures = Failures(self.records, run, tell, self._shown)
        self.others_ready = False  # beside those of a rule about which a function is being asked
        self.built = 0
        self.busy = 0.0
        self.said: set[tuple[str, str]] = set()
        self.lasting: list[str] = []  # said by each run as long as nothing changes
        self.input_changed = False
        self.aliases = Aliases(session)
        self.named = NamedFiles(self.world, self.clock)
        self.ledger = Ledger(
            session,
            self.clock,
            self.named,
            self._orders,
            self._in_hand,
            run=run,
            compares=settings.rerun,
        )
        self.asyncs: set[str] = set()
        self.wants_answer = False  # before the plan can grow by what was told
        self.grow_again = 0.0  # not before, unless cores are idle
        self.chooser = Chooser(
            runners=self.lanes.runners,
            asyncs=self.asyncs,
            asked=settings.executor,
            jobs=settings.jobs,
            took=self.durations,
            note=self._chose,
        )

    def growth(self) -> Growth | None:
        """The plan as it is being run, if another may grow from it; else all is planned anew.

        It may not if anything happened that makes what was settled doubtful, or if files may have
        been deleted that were in nobody's way.
        """
        plan = self.plan
        calm = plan.is_plain and plan.incomplete and self.schedule.is_calm
        # What has grown may take a log that nobody took before: its job is asked once more.
        calm = calm and not any(
            may_be_taken(plan.finder, rule)
            for rule in self.session.workflow.rules.values()
            if rule.logs
        )
        news = self.ledger.outdated or self.input_changed or self.named.news or self.stop.signal
        news = news or self.aliases.again
        return Growth(self.decided, self.schedule) if calm and not news else None

    def take_plan(
        self, decided: Decided, runners: Mapping[str, Watched], before: Growth | None = None
    ) -> None:
        """From now on this plan is run; jobs that run already go on under their numbers.

        `runners` by name: `process` always, others as rules and settings ask for them. `before` is
        the plan from which it has grown.
        """
        running = self.under_way()
        self.decided = decided
        self.tries.take_plan(running)
        self.plan = decided.plan
        self.staleness = decided.staleness
        self.recipes = decided.recipes
        self.bindings = decided.bindings
        self.asyncs.update(decided.asyncs)
        self.lanes.add(runners)
        for lane in self.lanes.busy():
            if lane.table is not None:
                lane.table = self.plan.tables[lane.table.number]
        chains = self.durations.rule_chains(self.plan)
        self.schedule = Schedule(
            self.plan,
            self.staleness,
            chains,
            running,
            before.schedule if before is not None else None,
        )
        weights = self.durations.job_chains(self.plan, self.schedule)
        if weights:
            self.schedule.weigh(weights)
        self.batches = Batches(self.schedule, self.lanes, self.durations, self.settings.jobs)
        self.amounts = Amounts(self.session.answers, decided, self.pools.totals, self.settings.jobs)
        self.orders: dict[tuple[int, int, bool], Orders] = {}
        self.suspected: set[int] = set()
        self.cores: dict[int, int] = {}
        self.coreless = {n for n, t in self.plan.tables.items() if self.amounts.may_be_coreless(t)}
        self.reasons: dict[int, str] = {}
        self.ledger.take_plan(decided, self.schedule)
        self.temps = Temps(self.staleness, self.schedule, self.world, self.settings.keep_temp)
        self.named.take_plan(self.plan, self.staleness)
        self.told = self.wants_answer = self.aliases.again = False
        rules = self.session.workflow.rules
        waiting = [rules[name].priority for name in self.plan.rules_waiting()]
        self.told_priority = max(waiting, default=None)
        self.schedule.skip_blocked()
        self.failures.take_plan(self.plan)
        self._warn_pools()

    def under_way(self) -> set[int]:
        """The jobs that run, or wait for another try."""
        return {*self._in_hand(), *self.tries.waiting}

    def _in_hand(self) -> Iterator[int]:
        return (job for lane in self.lanes.busy() for job in lane.orders)

    # -- the loop -----------------------------------------------------------------------------

    def go(self) -> events.RunFinished:
        """Runs all that must run; gives the summary.

        Raises:
            FileflowError: if the state cannot be written; what runs is ended first by the caller.
        """
        began = time.monotonic()
        self.busy = 0.0
        while True:
            if self.stop.signal:
                self.lanes.stop()
            elif not self._ending():
                self._start_ready()
            elif not self.ledger.outdated:
                self.lanes.drop_unbegun()
            if self._may_grow():
                self._take_grown()
                continue
            helping = self.lanes.may_help and not self._ending() and not self.stop.signal
            if helping and self._take_back():
                continue
            schedule = self.schedule
            if not self.lanes.in_flight:
                if self.stop.signal or self._ending():
                    for job in self.tries.give_up():
                        schedule.put_back(job)
                    schedule.skip_rest()
                    break
                waiting = self.tries.waiting
                if schedule.finished and not waiting:
                    break
                if not waiting and not any(True for _ in schedule.tables_ready()):
                    raise AssertionError("bug: jobs wait for nothing")
            seconds = None if self.stop.signal else self.tries.seconds_left()
            if helping:
                seconds = LONG_SECONDS if seconds is None else min(seconds, LONG_SECONDS)
            if self.session.answers.is_asking:
                seconds = _LOOK_EVERY if seconds is None else min(seconds, _LOOK_EVERY)
            self._take_in(self.lanes.wait(seconds))
        self.ledger.store_refreshed()
        if not self.stop.signal:
            self.temps.finish()
            self.named.finish()
            for text in (*self.named.rings(self._is_done), *self.aliases.look(self.plan)):
                self.input_changed = True
                self.tell(events.Note(text))
        return self._summary(time.monotonic() - began)

    @property
    def again(self) -> bool:
        """Whether it is to be planned again: what is wanted was not known whole."""
        plan = self.plan
        more = plan.incomplete and not plan.producers - plan.deferred <= plan.blocked
        return more or self.ledger.outdated or self.aliases.again or bool(self.named.news)

    @property
    def is_outdated(self) -> bool:
        """Whether an input, or code, has changed under the run: what came of it is stale."""
        return self.input_changed or bool(self.ledger.changed_code)

    @property
    def on_record(self) -> int:
        """How many jobs of the plan are on record: those with outputs that are fresh."""
        return sum(
            states.count(JobState.BUILT) + states.count(JobState.KEPT)
            for number, states in self.schedule.states.items()
            if self.plan.tables[number].shape.outputs
        )

    def _is_done(self, job: int) -> bool:
        return self.schedule.state(job) in (JobState.BUILT, JobState.KEPT)

    def _ending(self) -> bool:
        limit = self.settings.max_failures
        return self.ledger.outdated or 0 < limit <= self.failures.count

    def _may_grow(self) -> bool:
        """Whether a job has told what others waited for, and these could start at once.

        Where cores are idle they could: what is ready by now has not begun for want of cores, or of
        a share of a pool. What is more urgent gets the next core.
        """
        answers = self.session.answers
        if self.wants_answer and (answers.has_news or not answers.is_asking):
            self.wants_answer, self.told = False, True
        if not self.told or self.wants_answer or self.grow is None:
            return False
        if self.stop.signal or self._ending():
            return False
        if not self.lanes.in_flight:
            return False
        return self.lanes.cores < self.settings.jobs or self._is_urgent()

    def _is_urgent(self) -> bool:
        """Whether what waits to be told of goes before some of what is ready, by its priority."""
        if self.told_priority is None or time.monotonic() < self.grow_again:
            return False
        priority = self.told_priority
        return any(table.rule.priority < priority for table in self.schedule.tables_ready())

    def _take_grown(self) -> None:
        self.told = False
        assert self.grow is not None
        began = time.monotonic()
        try:
            grown = self.grow(self)
        except NotYet:
            self.wants_answer = True
        else:
            if grown is not None:
                self.take_plan(*grown)
        finally:
            now = time.monotonic()
            self.grow_again = now + max(_GROW_EVERY, _GROW_SHARE * (now - began))

    def _take_back(self) -> bool:
        """Puts back what waits behind long jobs, for lanes that are idle; whether there was any."""
        taken = False
        for lane, jobs in self.lanes.behind_long_ones():
            for job in jobs:
                self.lanes.leave(lane, job)
                self._again(job)
                taken = True
        return taken

    # -- starting -----------------------------------------------------------------------------

    def _start_ready(self) -> None:
        for job in self.tries.due():
            self.schedule.put_back(job)
        again = True
        while again and not self._ending():
            self.batches.start_over()
            again = any(self._start_some(table) for table in self._to_ask())

    def _to_ask(self) -> Iterator[RuleTable]:
        """The rules of which a job might start, the most urgent first.

        Once all cores are taken, and one waits for them, these are only those that need none or
        that queue behind their own jobs: there may be thousands.
        """
        asked: set[int] = set()
        for table in self.schedule.tables_ready():
            asked.add(table.number)
            yield table
            if self.batches.is_full:
                break
        else:
            return
        others = {lane.table.number for lane in self.lanes.busy() if lane.table is not None}
        yield from self.schedule.tables_ready(others.union(self.coreless) - asked)

    def _start_some(self, table: RuleTable) -> bool:
        """Hands one batch of a rule's ready jobs to a slot; whether anything was settled."""
        runner = self._runner(table)
        needs = self.amounts.of_rule(table)
        if needs is None:
            return self._start_asked(table, runner)
        lane = self.batches.lane(table, needs, runner)
        if lane is None:
            return False
        jobs = self._must_run(table, self.batches.size(table, runner))
        if not jobs:
            return True
        self._hand_over(lane, table, needs, jobs)
        return True

    def _start_asked(self, table: RuleTable, runner: str) -> bool:
        """The same for one job of a rule whose jobs do not all take as much."""
        if not self.batches.may_start(table, runner):
            return False
        jobs = self._must_run(table, 1)
        if not jobs:
            return True
        job = jobs[0]
        try:
            self.others_ready = any(other is not table for other in self.schedule.tables_ready())
            needs = self.amounts.of_job(table, job & ROW, self.tries.next(table, job))
        except NotYet:
            self.schedule.put_back(job)
            return False
        except (FileflowError, OSError) as error:
            self._failed_unstarted(job, str(error))
            return True
        finally:
            self.others_ready = False
        lane = self.batches.free_lane(table, needs, runner)
        if lane is None:
            self.schedule.put_back(job)
            return False
        self._hand_over(lane, table, needs, jobs)
        return True

    def _must_run(self, table: RuleTable, most: int) -> list[int]:
        """Takes ready jobs, settles those that need not run, gives those that must."""
        schedule = self.schedule
        out: list[int] = []
        while len(out) < most:
            jobs = schedule.take(table, most - len(out))
            if not jobs:
                break
            for job in jobs:
                if job not in schedule.certain and not self._is_stale_now(table, job):
                    continue
                if schedule.must_wait(job, demand=True) or self._is_protected(table, job):
                    continue
                out.append(job)
        return out

    def _is_protected(self, table: RuleTable, job: int) -> bool:
        """Whether a stale job may not replace what it made before this run; then it has failed."""
        if not table.protects or job in self.plan.forced:
            return False
        outputs = table.outputs_of(job & ROW)
        record = self.records.jobs.get(outputs[0]) if table.scattered else None
        before = record.outputs[len(outputs) :] if record is not None else ()
        for entry, path in table.files_of(job & ROW, before):
            if entry.protected and self._is_of_another_run(path):
                message = (
                    f"{path} is protected and stale ({self._reason(job) or 'rerun'}): "
                    f"--force {path} builds it anew"
                )
                self._failed_unstarted(job, message)
                return True
        return False

    def _is_of_another_run(self, path: str) -> bool:
        """Whether what is at a path was made earlier: on record or, as nobody may write it, at a
        time of which the record is lost."""
        if not os.path.lexists(path):
            return False
        if self.world.has_record(path):
            return self.world.is_earlier(path, self.run)
        return os.path.exists(path) and is_read_only(path)

    def _is_stale_now(self, table: RuleTable, job: int) -> bool:
        reason = self.staleness.reason_now(table, job & ROW)
        if reason is None:
            self.schedule.kept(job)
            self._settled(job)
            return False
        if self.staleness.may_rest(job, reason):
            self.schedule.kept(job, resting=True)
            self._settled(job)
            return False
        if reason.why is Why.MISSING and not reason.about:  # never made: its first output is meant
            reason = replace(reason, about=table.output_paths(0)[job & ROW])
        self.reasons[job] = str(reason)
        return True

    def _settled(self, job: int) -> None:
        self.temps.settled(job)
        if job in self.plan.producers:
            self.told = True

    def _hand_over(self, lane: Lane, table: RuleTable, needs: Needs, jobs: Sequence[int]) -> None:
        orders = self._orders(table, needs.cores)
        lists: dict[int, SharedList] = {}
        if not lane.orders:
            self.lanes.claim(lane, table, needs)
            lane.since = self.clock.tick()
            lane.is_long = self.batches.is_long(table, jobs[0])
        resources = lane.share.values() if lane.share is not None else {}
        log = f".fileflow/logs/{self.run}/{lane.number}.log"
        batch: list[Order] = []
        for job in jobs:
            if self._ending():
                self.schedule.put_back(job)
                continue
            attempt = self.tries.begun[job] = self.tries.next(table, job)
            checks = self.ledger.checks(table, job & ROW, lists)
            try:
                order = orders.order(job, job & ROW, attempt, log, resources, checks)
            except FileflowError as error:
                self._failed_unstarted(job, str(error.at(table.rule.place)))
                continue
            if orders.work.deps:
                order.looks = self.named.looks(table, job)
            self.ledger.replaces(table, job & ROW)
            if True in orders.work.in_place:
                self.ledger.withdraw(table, job)
            lane.orders[job] = order
            batch.append(order)
            self.schedule.started(job)
        if not batch:
            if not lane.orders:
                self.lanes.release(lane)
            return
        if self.settings.print_commands or self.settings.verbose:
            for order in batch:
                job = order.index
                shown = None
                if self.settings.print_commands:
                    shown = orders.shown(job & ROW, order.attempt)
                self.tell(events.JobStarted(self.facts(job), self._reason(job), shown))
        halts = bool(self.settings.max_failures)
        self.lanes.submit(lane, Batch(orders.work, batch, lists, halts=halts, seen=lane.unwell))

    def _runner(self, table: RuleTable) -> str:
        return self.chooser.runner(table, self.schedule.ready_count(table))

    def _chose(self, rule: str, executor: str, why: str) -> None:
        """`executor: auto` chose; `why` shows the note, which is part of the journal."""
        self.records.note("auto", rule, {"executor": executor, "why": why, "run": self.run})
        if self.settings.verbose:
            text = f"rule {rule}: executor auto chose {executor}: {why}"
            self.tell(events.Note(text, warning=False))

    def _orders(self, table: RuleTable, cores: int | None = None) -> Orders:
        """What makes the orders of a rule's jobs that have so many cores; as last time if None."""
        if cores is None:
            cores = self.cores.get(table.number, 1)
        self.cores[table.number] = cores
        suspected = table.number in self.suspected
        key = (table.number, cores, suspected)
        found = self.orders.get(key)
        if found is None:
            found = Orders(
                table,
                self.bindings.get(table.rule.name),
                root=self.session.root,
                root_seed=self.session.workflow.seed,
                cores=cores,
            )
            found.work = self.session.numbered(replace(found.work, suspected=suspected))
            self.orders[key] = found
        return found

    def _warn_pools(self) -> None:
        for table in self.plan.tables.values():
            for name in table.rule.resources:
                if name not in self.pools.totals:
                    self._note(
                        "pool",
                        name,
                        f"{name} has no total: no limit is kept (write `resources: "
                        f"{{{name}: N}}` at the top, or --resources {name}=N)",
                    )

    # -- taking in ----------------------------------------------------------------------------

    def _take_in(self, found: Iterable[tuple[str, Outcome | Died]]) -> None:
        done: list[tuple[Lane, Outcome]] = []
        learning = self.named.learning
        for runner, event in found:
            if isinstance(event, Died):
                self._record(done)
                done = []
                self._slot_died(self.lanes.of(runner)[event.slot], event)
                continue
            lane = self.lanes.with_job(runner, event.index)
            if lane is None:
                continue
            if event.end is End.DONE and event.named is None and event.index >> SHIFT in learning:
                event.end = End.FAILED
                event.message = "its executor does not tell which files it read (`deps: true`)"
            if event.end is End.DONE:
                done.append((lane, event))
            else:
                self._record(done)
                done = []
                self._not_done(lane, event)
        self._record(done)

    def _record(self, done: Sequence[tuple[Lane, Outcome]]) -> None:
        """Records finished jobs, and then lets others start."""
        if not done:
            return
        changed: list[bool] = []
        for lane, outcome in done:
            table = self.plan.tables[outcome.index >> SHIFT]
            self.busy += outcome.seconds
            self.durations.add(table, outcome.seconds, outcome.cpu)
            if outcome.notes:
                self._say_notes(table, outcome)
            order = lane.orders[outcome.index]
            changed.append(self.ledger.take(table, order, outcome, lane.since))
            self.lanes.leave(lane, outcome.index)
        self.ledger.store()
        for rule, path in self.ledger.changed_code.items():
            text = f"rule {rule}: {path} changed after the plan: what was made since is made again"
            self._note("code", rule, f"{text} by the next run")
        for (_, outcome), moved in zip(done, changed, strict=True):
            job = outcome.index
            self.tell(events.JobEnded(self.facts(job), "built", outcome.seconds))
            self.built += 1
            self.schedule.built(job, changed=moved)
            self._settled(job)

    # -- what went wrong ----------------------------------------------------------------------

    def _not_done(self, lane: Lane, outcome: Outcome) -> None:
        job = outcome.index
        if outcome.end is End.LEFT:
            self.lanes.leave(lane, job)
            self._again(job)
            return
        lane.unwell += 1
        limit = lane.timeout if job in lane.timed_out else None
        self.lanes.leave(lane, job)
        self.busy += outcome.seconds
        table = self.plan.tables[job >> SHIFT]
        if limit is None:  # else what it left was ended with it
            self._say_notes(table, outcome)
        if outcome.end is End.DRAWS:
            self._to_process(table, lane.runner, job)
            return
        if limit is not None:
            outcome.message = over_time(limit)
        elif outcome.end is End.STOPPED:
            if self.stop.signal:
                self.schedule.put_back(job)
                return
            if lane.stopping is not None:
                self._again(job)
                return
            # Nobody asked for it here: run again for nothing, it might do the same for ever.
            outcome.message = "its process was ended by SIGTERM, which this run has not sent"
        elif outcome.end in _BY_INPUTS and self.schedule.is_overtaken(job):
            self._again(job)
            return
        if outcome.end is End.CHANGED and (
            self.named.looks_first(table, outcome) or self.aliases.may_go_again(table, job & ROW)
        ):
            self._again(job)
            return
        if outcome.end is End.CHANGED:
            self.input_changed = True
            self.world.forget_looks()
        if outcome.end is End.UNREAD:
            outcome.message = str(FileflowError(outcome.message, place=table.rule.place))
        self._failed(outcome)

    def _to_process(self, table: RuleTable, runner: str, job: int) -> None:
        """It drew from a generator that others share, or one beside it did: the process tells.

        A serial job may draw; it is only not alone there.
        """
        if runner != SERIAL:
            self.suspected.add(table.number)
        self.chooser.to_process(table)
        self._again(job)

    def _again(self, job: int) -> None:
        """An innocent job goes back; it loses no try."""
        self.tries.forgive(job)
        self.schedule.put_back(job)

    def _failed_unstarted(self, job: int, message: str) -> None:
        """A job that cannot even be started has failed; another try would be the same."""
        self._failed_for_good(unstarted(job, message))

    def _shown(self, job: int) -> str:
        """The action of a job; nothing where it cannot be filled in, which is why it failed."""
        try:
            orders = self._orders(self.plan.tables[job >> SHIFT])
            return orders.shown(job & ROW, self.tries.last(job))
        except FileflowError:
            return ""

    def _failed(self, outcome: Outcome) -> None:
        """A job has failed that may be tried again."""
        job = outcome.index
        table = self.plan.tables[job >> SHIFT]
        is_final = outcome.end is End.CHANGED or self.stop.signal
        if not is_final and self.tries.are_left(table, job):
            self.failures.tell("retried", outcome)
            self.tries.put_off(table, job)
        else:
            self._failed_for_good(outcome)

    def _failed_for_good(self, outcome: Outcome) -> None:
        self.failures.add(outcome)
        self.temps.consumer_failed(outcome.index)
        self.schedule.failed(outcome.index)

    def _slot_died(self, lane: Lane, died: Died) -> None:
        """The job that the slot ran has failed; the others of its batches go on."""
        for job in died.unfinished:
            if job not in lane.orders:
                continue
            limit = lane.timeout if job in lane.timed_out else None
            self.lanes.leave(lane, job)
            if job != died.index:
                self._again(job)
            elif self.stop.signal:
                self.schedule.put_back(job)
            else:
                self._failed(by_death(job, died, limit))

    # -- words --------------------------------------------------------------------------------

    def facts(self, job: int) -> events.RowFacts:
        """A job in the user's words."""
        return events.RowFacts(self.plan.tables[job >> SHIFT], job & ROW)

    def _reason(self, job: int) -> str:
        if job in self.reasons:
            return self.reasons[job]
        reason = self.staleness.reason(job)
        return str(reason) if reason is not None else ""

    def _note(self, kind: str, about: str, text: str) -> None:
        if (kind, about) not in self.said:
            self.said.add((kind, about))
            self.tell(events.Note(text))

    def _say_notes(self, table: RuleTable, outcome: Outcome) -> None:
        """What a slot noticed; not of jobs that are being ended, whose processes end with them."""
        if self.stop.signal:
            return
        stray = [text for kind, text in outcome.notes if kind == "thrown away"]
        if stray:
            shown = ", ".join(stray[:3]) + (" …" if len(stray) > 3 else "")
            self._note(
                "thrown away",
                table.rule.name,
                f"rule {table.rule.name}: {shown} lay beside its outputs while they were made and "
                "was thrown away: declare it as an output if it is one",
            )
        for kind, text in outcome.notes:
            if kind != "thrown away":
                self._note(kind, table.rule.name, f"rule {table.rule.name}: {text}")

    def _summary(self, seconds: float) -> events.RunFinished:
        counts = self.schedule.counts
        unwell = counts[JobState.FAILED] + counts[JobState.SKIPPED]
        wrong = bool(unwell or self.is_outdated or self.plan.missing or self.failures.mistakes)
        return events.RunFinished(
            built=counts[JobState.BUILT],
            kept=counts[JobState.KEPT] + counts[JobState.RESTING],
            failed=counts[JobState.FAILED],
            skipped=counts[JobState.SKIPPED],
            seconds=seconds,
            busy_seconds=self.busy,
            slots=self.settings.jobs,
            signal=self.stop.signal,
            identical=self.ledger.identical if self.settings.rerun else None,
            differ=self.ledger.differ,
            left_out=self.plan.left_out,
            error="\n".join(self.failures.mistakes),
            status=events.exit_status(wrong, self.stop.signal),
        )
