"""The loop: takes what is ready, asks whether it must run, hands it over, records what came back.

Owns order, retries, timeouts and the records; knows nothing of how a slot does a job.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from heapq import heappop, heappush
from typing import Protocol, runtime_checkable

from fileflow.engine import events
from fileflow.engine.alarm import ringing
from fileflow.engine.amounts import Amounts, Needs
from fileflow.engine.durations import Durations
from fileflow.engine.facts import World
from fileflow.engine.named import NamedFiles
from fileflow.engine.orders import Orders, shared_list
from fileflow.engine.pools import pools_of, told
from fileflow.engine.recording import BEGUN, Recording
from fileflow.engine.runners import ASYNC, SERIAL, Chooser, lanes_of
from fileflow.engine.session import Decided, Growth, Session
from fileflow.engine.temps import Temps
from fileflow.engine.words import ending, said_seconds, tail_of
from fileflow.errors import FileflowError
from fileflow.language.templates import Value
from fileflow.lean import dataclass, field, replace
from fileflow.model.ports import Runner
from fileflow.model.work import Batch, Died, End, Order, Outcome, SharedList
from fileflow.planning.links import ROW, SHIFT, Group
from fileflow.planning.plan import Plan
from fileflow.planning.schedule import JobState, Schedule
from fileflow.planning.staleness import Why
from fileflow.planning.tables import RuleTable
from fileflow.signature import SIGNATURE
from fileflow.world.files import DIGEST_SIZE, NO_DIGEST, cut
from fileflow.world.records import Record

BATCH_SECONDS = 0.1
FIRST_BATCH = 16
WAITING_BATCHES = 2
KILL_AFTER = 5.0
TICK = 1.0
LONG_BATCH = 4096
# Ends that may be due to what a job was given.
_BY_INPUTS = (End.FAILED, End.MISSING, End.CHANGED)


class Watched(Runner, Protocol):
    """A runner that tells which job a slot runs, and since when."""

    def running(self, slot: int) -> tuple[int, float] | None:
        """The job's index and its start on the monotonic clock."""


@runtime_checkable
class Belled(Protocol):
    """A runner that can be waited for together with others."""

    def bells(self) -> list[int]:
        """Descriptors of which one can be read when `wait` has something to take in; none if it has
        already."""


@runtime_checkable
class Dropping(Protocol):
    """A runner that can be told to begin nothing more."""

    def drop(self, slot: int) -> None:
        """What the slot has not begun comes back as `LEFT`."""


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


@dataclass(slots=True)
class Lane:
    """One slot of a runner, as the loop sees it: the jobs that it was handed."""

    runner: str
    number: int
    orders: dict[int, Order] = field(default_factory=dict)
    table: RuleTable | None = None
    cores: int = 0
    resources: dict[str, float] = field(default_factory=dict)
    items: dict[str, list[str]] = field(default_factory=dict)
    batches: list[set[int]] = field(default_factory=list)
    stopping: float | None = None
    since: int = 0
    is_long: bool = False
    unwell: int = 0
    dropped: bool = False
    timed_out: set[int] = field(default_factory=set)


class Stop:
    """Whether the run is to end early, and how; set from a signal handler.

    `hooks` are called from there too, with whether jobs are to be killed: by runners whose jobs run
    in this process, where nobody else can reach them.
    """

    def __init__(self) -> None:
        self.signal = 0
        self.count = 0
        self.hooks: list[Callable[[bool], None]] = []

    def __call__(self, number: int) -> None:
        """A signal came: the first one ends running jobs, the second kills them."""
        self.signal = self.signal or number
        self.count += 1
        for hook in self.hooks:
            hook(self.count > 1)


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
        """`tick` is called about once a second while nothing happens; `grow` when cores are idle
        and a job has told values that others waited for."""
        self.session = session
        self.world: World = session.world
        self.records = session.records
        self.settings = settings
        self.run = run
        self.tell = tell
        self.stop = stop
        self.tick = tick
        self.grow = grow
        assert session.clock is not None, "bug: a run needs a session that may write"
        self.clock = session.clock
        self.durations = Durations(session)
        self.runners: dict[str, Watched] = {}
        self.lanes: dict[str, list[Lane]] = {}
        self.pools = pools_of(session.workflow.resources)
        self.free_items = {
            name: list(pool.items) for name, pool in self.pools.items() if pool.items is not None
        }
        self.lists: dict[int, Group] = {}
        # The jobs that were in hand when one of the files that moved was found to have.
        self.doubted: set[int] = set()
        self.moves = 0
        self.attempts: dict[int, int] = {}
        self.withdrawn: dict[int, Record] = {}
        self.later: list[tuple[float, int]] = []
        self.failures = 0
        self.built = 0
        self.differ: dict[str, list[str]] = {}
        self.identical = 0
        self.busy = 0.0
        self.said: set[tuple[str, str]] = set()
        self.lasting: list[str] = []  # said by each run as long as nothing changes
        self.input_changed = False
        self.named = NamedFiles(self.world, self.clock)
        self.lost: list[str] = []
        self.refused: set[tuple[str, ...]] = set()
        self.mistakes: dict[str, None] = {}
        self.asyncs: set[str] = set()
        self.chooser = Chooser(
            runners=self.runners,
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
        news = self.outdated or self.input_changed or self.named.news or self.stop.signal
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
        self.attempts = {job: self.attempts[job] for job in running}
        self.plan = decided.plan
        self.staleness = decided.staleness
        self.recipes = decided.recipes
        self.bindings = decided.bindings
        self.asyncs.update(decided.asyncs)
        self.runners.update(runners)
        for name in runners:
            if name not in self.lanes:
                count = lanes_of(name, self.settings.jobs)
                self.lanes[name] = [Lane(name, k) for k in range(count)]
        for lane in self._busy():
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
        self.amounts = Amounts(self.session.answers, decided, self.pools, self.settings.jobs)
        self.orders: dict[tuple[int, int, bool], Orders] = {}
        self.suspected: set[int] = set()
        self.cores: dict[int, int] = {}
        self.reasons: dict[int, str] = {}
        self.recording = Recording(
            self.records,
            self.world,
            decided,
            run=self.run,
            workflowfile=self.session.workflow.file,
        )
        self.temps = Temps(self.staleness, self.schedule, self.world, self.settings.keep_temp)
        self.named.take_plan(self.plan, self.staleness)
        self.looks_inside = _looks_inside(self.plan)
        self.outdated = False
        self.told = False
        self.schedule.skip_blocked()
        self._take_mistakes()
        self._warn_pools()

    def _take_mistakes(self) -> None:
        """What planning found to be wrong fails jobs, each once, or counts as a failure."""
        for job, error in self.plan.failed.items():
            table = self.plan.by_number(job)
            identity = table.identity(job & ROW)
            if table.rule.asks_only:
                self._take_mistake(error)
            elif identity not in self.refused:
                self.refused.add(identity)
                self._note_failed(job, str(error), Outcome(job, 1, End.FAILED, started=time.time()))
        for error in self.plan.wrong:
            self._take_mistake(error)

    def _take_mistake(self, error: FileflowError) -> None:
        """A mistake that is no job's alone; the summary says it."""
        if str(error) not in self.mistakes:
            self.mistakes[str(error)] = None
            self.failures += 1

    def under_way(self) -> set[int]:
        """The jobs that run, or wait for another try."""
        running = {job for lane in self._busy() for job in lane.orders}
        return running.union(job for _, job in self.later)

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
                self._stop_lanes()
            elif not self._ending():
                self._start_ready()
            elif not self.outdated:
                self._drop_unbegun()
            if self._may_grow():
                self._take_grown()
                continue
            schedule = self.schedule
            if not self._in_flight():
                if self.stop.signal or self._ending():
                    for _, job in self.later:
                        schedule.put_back(job)
                    self.later = []
                    schedule.skip_rest()
                    break
                if schedule.finished and not self.later:
                    break
                if not self.later and not any(True for _ in schedule.tables_ready()):
                    raise AssertionError("bug: jobs wait for nothing")
            self._take_in(self._wait())
        self._store_refreshed()
        if not self.stop.signal:
            self.temps.finish()
            self.named.finish()
            for text in self.named.rings(self._is_done):
                self.input_changed = True
                self.tell(events.Note(text))
        return self._summary(time.monotonic() - began)

    @property
    def again(self) -> bool:
        """Whether it is to be planned again: what is wanted was not known whole."""
        plan = self.plan
        more = plan.incomplete and not plan.producers - plan.deferred <= plan.blocked
        return more or self.outdated or bool(self.named.news)

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
        if self.outdated:
            return True
        return bool(self.settings.max_failures) and self.failures >= self.settings.max_failures

    def _may_grow(self) -> bool:
        """Whether cores are idle while a job has told what others waited for."""
        if not self.told or self.grow is None or self.stop.signal or self._ending():
            return False
        used = sum(lane.cores for lane in self._busy())
        idle = self._in_flight() and used < self.settings.jobs
        return idle and not any(True for _ in self.schedule.tables_ready())

    def _take_grown(self) -> None:
        self.told = False
        assert self.grow is not None
        grown = self.grow(self)
        if grown is not None:
            self.take_plan(*grown)

    def _in_flight(self) -> bool:
        return any(True for _ in self._busy())

    def _busy(self) -> Iterator[Lane]:
        return (lane for lanes in self.lanes.values() for lane in lanes if lane.orders)

    def _wait(self) -> list[tuple[str, Outcome | Died]]:
        seconds: float | None = None
        now = time.monotonic()
        if self.later and not self.stop.signal:
            seconds = max(0.0, self.later[0][0] - now)
        deadline = self._next_deadline(now)
        if deadline is not None:
            seconds = deadline if seconds is None else min(seconds, deadline)
        found: list[tuple[str, Outcome | Died]] = []
        busy = [name for name in self.runners if any(lane.orders for lane in self.lanes[name])]
        if not busy:
            if seconds:
                time.sleep(min(seconds, 0.2))
            return found
        if self.tick is not None:
            seconds = TICK if seconds is None else min(seconds, TICK)
        if len(busy) > 1:
            seconds = self._wait_for_any(busy, seconds)
        for name in busy:
            late: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
            if name == SERIAL and deadline is not None:  # its jobs run while it is waited for
                late = ringing(deadline, lambda: self._next_deadline(time.monotonic()))
            with late:
                found += [(name, event) for event in self.runners[name].wait(seconds)]
        if not found and self.tick is not None:
            self.tick()
        return found

    def _wait_for_any(self, busy: Sequence[str], seconds: float | None) -> float:
        """Waits until one of several runners has something to tell; how long each may wait then.

        A plug-in has no bell, and jobs in this thread run while it is waited for them: then the
        runners are asked in turn.
        """
        bells: list[int] = []
        for name in busy:
            runner = self.runners[name]
            if not isinstance(runner, Belled):
                return 0.02 if seconds is None else min(seconds, 0.02)
            found = runner.bells()
            if not found:
                return 0.0
            bells += found
        poll = select.poll()
        for bell in bells:
            poll.register(bell, select.POLLIN)
        poll.poll(None if seconds is None else math.ceil(1000 * seconds))
        return 0.0

    # -- starting -----------------------------------------------------------------------------

    def _start_ready(self) -> None:
        now = time.monotonic()
        while self.later and self.later[0][0] <= now:
            _, job = heappop(self.later)
            self.schedule.put_back(job)
        again = True
        while again and not self._ending():
            again = False
            for table in list(self.schedule.tables_ready()):
                if self._start_some(table):
                    again = True
                    break

    def _start_some(self, table: RuleTable) -> bool:
        """Hands one batch of a rule's ready jobs to a slot; whether anything was settled."""
        runner = self._runner(table)
        needs = self.amounts.of_rule(table)
        if needs is None:
            return self._start_asked(table, runner)
        lane = self._free_lane(table, needs, runner)
        if lane is None:
            return False
        jobs = self._must_run(table, self._batch_size(table, runner))
        if not jobs:
            return True
        self._hand_over(lane, table, needs, jobs)
        return True

    def _start_asked(self, table: RuleTable, runner: str) -> bool:
        """The same for one job of a rule whose jobs do not all take as much."""
        if all(lane.orders for lane in self.lanes[runner]):
            return False
        jobs = self._must_run(table, 1)
        if not jobs:
            return True
        job = jobs[0]
        try:
            needs = self.amounts.of_job(table, job & ROW, self.attempts.get(job, 0) + 1)
        except (FileflowError, OSError) as error:
            self._failed_unstarted(table, job, str(error))
            return True
        lane = self._free_lane(table, needs, runner)
        if lane is None or lane.orders:
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
        """Whether a stale job may not replace what it made; then it has failed."""
        if not table.protects or job in self.plan.forced:
            return False
        outputs = table.outputs_of(job & ROW)
        record = self.records.jobs.get(outputs[0]) if table.scattered else None
        before = record.outputs[len(outputs) :] if record is not None else ()
        for entry, path in table.files_of(job & ROW, before):
            if entry.protected and os.path.lexists(path) and self.world.has_record(path):
                message = (
                    f"{path} is protected and stale ({self._reason(job) or 'rerun'}): "
                    f"--force {path} builds it anew"
                )
                self._failed_unstarted(table, job, message)
                return True
        return False

    def _retries(self, table: RuleTable) -> int:
        if self.settings.retries is not None:
            return self.settings.retries
        return table.rule.retries or 0

    def _is_stale_now(self, table: RuleTable, job: int) -> bool:
        reason = self.staleness.reason_now(table, job & ROW)
        if reason is None:
            self.schedule.kept(job)
            self._settled(job)
            return False
        gone = reason.why is Why.MISSING and reason.comes_back
        if gone and not self.plan.asks_for(job, reason.about):
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

    def _free_lane(self, table: RuleTable, needs: Needs, runner: str) -> Lane | None:
        lanes = self.lanes[runner]
        rule = table.rule
        if self.settings.jobs == 1 and any(lane.table is not table for lane in self._busy()):
            return None
        used = sum(lane.cores for every in self.lanes.values() for lane in every if lane.orders)
        if used + needs.cores <= self.settings.jobs and self._pools_allow(needs):
            lane = next((lane for lane in lanes if not lane.orders), None)
            if lane is not None:
                return lane
        if rule.timeout is not None or runner == ASYNC:
            return None
        waiting = [
            lane
            for lane in lanes
            if lane.table is table
            and lane.orders
            and len(lane.batches) < WAITING_BATCHES
            # Behind a long job others would wait while another lane is idle.
            and not lane.is_long
        ]
        if waiting and self.durations.expected(table) is not None:
            seconds = self.durations.expected(table) or 0.0
            if seconds < BATCH_SECONDS:
                return min(waiting, key=lambda lane: len(lane.orders))
        return None

    def _batch_size(self, table: RuleTable, runner: str) -> int:
        if table.rule.timeout is not None or table.rule.resources or runner == ASYNC:
            return 1
        ready = self.schedule.ready_count(table)
        share = math.ceil(ready / (2 * self.settings.jobs))
        seconds = self.durations.expected(table)
        if seconds is None:
            return max(1, min(1 if ready < 64 else FIRST_BATCH, share))
        first = self.schedule.first(table)
        if first is not None:  # of all that are ready the one with the longest chain
            seconds = max(seconds, self.durations.of_job(table, first & ROW))
        size = int(BATCH_SECONDS / max(seconds, 1e-5))
        return max(1, min(size, share, LONG_BATCH))

    def _hand_over(self, lane: Lane, table: RuleTable, needs: Needs, jobs: Sequence[int]) -> None:
        orders = self._orders(table, needs.cores)
        lists: dict[int, SharedList] = {}
        if not lane.orders:
            lane.table = table
            lane.cores = needs.cores
            lane.resources, lane.items = self._take_pools(needs)
            lane.stopping = None
            lane.timed_out = set()
            lane.since = self.clock.tick()
            lane.is_long = self.durations.of_job(table, jobs[0] & ROW) > BATCH_SECONDS
        resources = self._resource_values(lane)
        log = f".fileflow/logs/{self.run}/{lane.number}.log"
        batch: list[Order] = []
        for job in jobs:
            if self._ending():
                self.schedule.put_back(job)
                continue
            attempt = self.attempts[job] = self.attempts.get(job, 0) + 1
            checks = self._checks(table, job & ROW, lists)
            try:
                order = orders.order(job, job & ROW, attempt, log, resources, checks)
            except FileflowError as error:
                self._failed_unstarted(table, job, str(error.at(table.rule.place)))
                continue
            if orders.work.deps:
                order.looks = self.named.looks(table, job)
            if True in orders.work.in_place:
                self._withdraw(table, job)
            lane.orders[job] = order
            batch.append(order)
            self.schedule.started(job)
        if not batch:
            if not lane.orders:
                self._give_back(lane)
            return
        started = [order.index for order in batch]
        lane.batches.append(set(started))
        if self.settings.print_commands or self.settings.verbose:
            for job in started:
                shown = orders.shown(job & ROW) if self.settings.print_commands else None
                self.tell(events.JobStarted(self.facts(job), self._reason(job), shown))
        halts = bool(self.settings.max_failures)
        made = Batch(orders.work, batch, lists, halts=halts, seen=lane.unwell)
        self.runners[lane.runner].submit(lane.number, made)

    def _withdraw(self, table: RuleTable, job: int) -> None:
        """What is made under its own name is not what was recorded, from now until it is done."""
        first = table.outputs_of(job & ROW)[0]
        record = self.records.jobs.get(first)
        if record is not None:
            self.withdrawn[job] = record
            self.records.forget([first])
        self.records.note(BEGUN, first, self.run)

    def _checks(
        self,
        table: RuleTable,
        row: int,
        lists: dict[int, SharedList],
    ) -> list[tuple[str, bytes | None, bytes | None] | int]:
        """The inputs of a job, with the signature and digest of those that are known."""
        out: list[tuple[str, bytes | None, bytes | None] | int] = []
        for link in table.links:
            if link.named:
                continue
            counts = not link.entry.order_only
            group = link.group(row)
            if group is not None and shared_list(group) is not None:
                if group.number not in lists:  # a job may take it by name though it does not count
                    self.lists[group.number] = group
                    before = self.staleness.last_contents(link, row) if counts else b""
                    lists[group.number] = (group.paths, *self.world.proofs(group.paths, before))
                if counts:
                    out.append(group.number)
            elif counts:
                for path in link.paths_of(row):
                    out.append((path, *self.world.proof(path)))
        return out

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

    # -- pools --------------------------------------------------------------------------------

    def _pools_allow(self, needs: Needs) -> bool:
        for name, amount in needs.amounts.items():
            pool = self.pools.get(name)
            if pool is None:
                continue
            if pool.items is not None:
                if len(self.free_items[name]) < amount:
                    return False
                continue
            used = sum(
                lane.resources.get(name, 0.0)
                for lanes in self.lanes.values()
                for lane in lanes
                if lane.orders
            )
            if used + amount > pool.total + 1e-9:
                return False
        return True

    def _take_pools(self, needs: Needs) -> tuple[dict[str, float], dict[str, list[str]]]:
        amounts = dict(needs.amounts)
        items = {}
        for name, amount in amounts.items():
            if name in self.free_items:
                items[name] = [self.free_items[name].pop(0) for _ in range(int(amount))]
        return amounts, items

    def _give_back(self, lane: Lane) -> None:
        for name, items in lane.items.items():
            order = self.pools[name].items or ()
            self.free_items[name] = sorted([*self.free_items[name], *items], key=order.index)
        lane.resources, lane.items, lane.table = {}, {}, None
        lane.cores = 0

    def _resource_values(self, lane: Lane) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name, amount in lane.resources.items():
            if name in lane.items:
                items = lane.items[name]
                values[name] = items[0] if len(items) == 1 else list(items)
            else:
                values[name] = told(amount)
        return values

    def _warn_pools(self) -> None:
        for table in self.plan.tables.values():
            for name in table.rule.resources:
                if name not in self.pools:
                    self._note(
                        "pool",
                        name,
                        f"{name} has no total: no limit is kept (write `resources: "
                        f"{{{name}: N}}` at the top, or --resources {name}=N)",
                    )

    # -- taking in ----------------------------------------------------------------------------

    def _take_in(self, found: Iterable[tuple[str, Outcome | Died]]) -> None:
        done: list[tuple[Lane, Outcome]] = []
        for runner, event in found:
            if isinstance(event, Died):
                self._record(done)
                done = []
                self._slot_died(self.lanes[runner][event.slot], event)
                continue
            lane = self._lane_of(runner, event.index)
            if lane is None:
                continue
            if event.end is End.DONE and event.named is None and self._must_tell(event.index):
                event.end = End.FAILED
                event.message = "its executor does not tell which files it read (`deps: true`)"
            if event.end is End.DONE:
                done.append((lane, event))
            else:
                self._record(done)
                done = []
                self._not_done(lane, event)
        self._record(done)

    def _must_tell(self, job: int) -> bool:
        """Whether a job has to tell which files it read."""
        return bool(self._orders(self.plan.tables[job >> SHIFT]).work.deps)

    def _lane_of(self, runner: str, job: int) -> Lane | None:
        for lane in self.lanes[runner]:
            if job in lane.orders:
                return lane
        return None

    def _leave(self, lane: Lane, job: int) -> Order:
        order = lane.orders.pop(job)
        for k, batch in enumerate(lane.batches):
            if job in batch:
                batch.discard(job)
                if not batch:
                    del lane.batches[k]
                break
        if not lane.orders:
            self._give_back(lane)
        return order

    def _record(self, done: Sequence[tuple[Lane, Outcome]]) -> None:
        """Records finished jobs, a frame for each rule and log, and then lets others start."""
        if not done:
            return
        rows: dict[tuple[int, str], list[Record]] = {}
        changed: list[bool] = []
        sources: list[tuple[str, bytes, bytes]] = []
        for lane, outcome in done:
            table = self.plan.tables[outcome.index >> SHIFT]
            row = outcome.index & ROW
            if outcome.learned or outcome.lists:
                self._learn(outcome, sources, lane.since)
            if self.world.moves > self.moves:
                self._doubt_all()
            order = self._leave(lane, outcome.index)
            doubted = self._doubted_inputs(order, outcome)
            self.busy += outcome.seconds
            self.durations.add(table, outcome.seconds, outcome.cpu)
            if outcome.notes:
                self._say_notes(table, outcome)
            outputs = (*table.outputs_of(row), *outcome.found)
            if not outputs:
                self._note_run(table, outcome)
                changed.append(True)
                continue
            first = outputs[0]
            withdrawn = self.withdrawn.pop(outcome.index, None)
            if (BEGUN, first) in self.records.notes:
                self.records.note(BEGUN, first, None)
            before = (withdrawn.outputs, withdrawn.made) if withdrawn else self.records.made(first)
            made = self._take_outputs(table, outputs, outcome, lane.since)
            if self.looks_inside and True in self._orders(table).work.directories:
                self._take_folders(outcome.index, outputs)
            if outcome.named is not None:
                sources += self.named.take(table, row, outcome.named, lane.since)
            if table.scattered:
                earlier = withdrawn or self.records.jobs.get(first)
                self._take_scattered(table, row, outcome, earlier)
            elif before is not None and before[0] != outputs:
                self._take_dropped(withdrawn or self.records.jobs[first], outputs)
            if table.rule.logs:
                for path in self._orders(table).logs(row):
                    self.world.forget(path)
            changed.append(self._compare(table, outputs, outcome, before))
            rows.setdefault((table.number, outcome.log[0]), []).append(
                self.recording.record(
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
                )
            )
        if sources:
            self.records.add_files(sources)
        for records in rows.values():
            self.records.add_jobs(records[0].head, records)
        for (_, outcome), moved in zip(done, changed, strict=True):
            job = outcome.index
            self.tell(events.JobEnded(self.facts(job), "built", outcome.seconds))
            self.built += 1
            self.schedule.built(job, changed=moved)
            self._settled(job)

    def _doubt_all(self) -> None:
        """A file has changed under the run: the jobs in hand were told what was known before."""
        self.moves = self.world.moves
        self.doubted.update(job for lane in self._busy() for job in lane.orders)

    def _doubted_inputs(self, order: Order, outcome: Outcome) -> AbstractSet[str]:
        """The inputs of a job that it may have taken with other bytes than they are known to hold.

        It took what it was told, unless it says what it found in that place.
        """
        if order.index not in self.doubted:
            return frozenset()
        self.doubted.discard(order.index)
        found = {path for path, _, _ in outcome.learned}
        lists = {number for number, _, _ in outcome.lists}
        moved, doubted = self.world.moved, set()
        for check in order.checks:
            if isinstance(check, int):
                paths = self.lists[check].paths
                if check not in lists and ("" in moved or not moved.isdisjoint(paths)):
                    doubted.update(paths)
            elif check[0] not in found and check[2] not in (None, self.world.content(check[0])):
                doubted.add(check[0])
        return doubted

    def _take_outputs(
        self, table: RuleTable, outputs: Sequence[str], outcome: Outcome, since: int
    ) -> bytes:
        """What a job made is known from now on; gives 48 bytes for each output, as recorded."""
        world, proven, scattered = self.world, self.clock.proven, table.scattered
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
        for consumer in self.schedule.consumers_of(job):
            for link in self.plan.tables[consumer >> SHIFT].links:
                group = link.group(consumer & ROW)
                if group is None:
                    taken.update(dict.fromkeys(link.paths_of(consumer & ROW)))
                elif group.number not in seen:
                    seen.add(group.number)
                    taken.update(dict.fromkeys(group.paths))
        for path in outputs:
            self.world.made_folder(path, taken)
        self.staleness.forget_groups()

    def _take_dropped(self, before: Record, outputs: Sequence[str]) -> None:
        """Minds outputs that the job had and has no more, and has again."""
        finder = self.plan.finder
        assert finder is not None, "bug: a plan that was not made by the planner"
        dropped = [
            k
            for k, path in enumerate(before.outputs)
            if path not in outputs and path not in self.records.jobs and not finder.makers(path)
        ]
        orphans = self.recording.orphans(before, dropped)
        if orphans:
            self.records.add_jobs(orphans[0].head, orphans)
        self.records.forget([path for path in outputs[1:] if path in self.records.jobs])

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
                if k >= count and path not in now and path not in self.records.jobs
            ]
            orphans = self.recording.orphans(before, lost)
            if orphans:
                self.records.add_jobs(orphans[0].head, orphans)
                self.lost += [before.outputs[k] for k in lost]
        again = [path for path in outcome.found if path in self.records.jobs]
        self.records.forget(again)
        known = table.found(row)
        if known is not None and set(known.files) != now and not table.has_declared_scatter:
            self.outdated = True
        if set(earlier) != now:
            self.staleness.forget_groups()

    def _learn(self, outcome: Outcome, sources: list[tuple[str, bytes, bytes]], since: int) -> None:
        learned = self.world.learned
        for path, sign, digest in outcome.learned:
            if learned(path, sign, digest):
                self.staleness.forget_groups()
            sources.append((path, self.clock.proven(path, sign, since), digest))
        for number, signs, digests in outcome.lists:
            group = self.lists[number]
            pairs = zip(cut(signs, SIGNATURE.size), cut(digests, DIGEST_SIZE), strict=True)
            for path, (sign, digest) in zip(group.paths, pairs, strict=True):
                if self.world.known_content(path) != digest:
                    learned(path, sign, digest)
                    sources.append((path, self.clock.proven(path, sign, since), digest))
            self.staleness.forget_groups()

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
        if not self.settings.rerun:
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

    # -- what went wrong ----------------------------------------------------------------------

    def _not_done(self, lane: Lane, outcome: Outcome) -> None:
        job = outcome.index
        if outcome.end is End.LEFT:
            self._leave(lane, job)
            self._again(job)
            return
        lane.unwell += 1
        timed_out = job in lane.timed_out
        self._leave(lane, job)
        self.busy += outcome.seconds
        table = self.plan.tables[job >> SHIFT]
        if not timed_out:  # what it left was ended with it
            self._say_notes(table, outcome)
        if outcome.end is End.DRAWS:
            self._to_process(table, lane.runner, job)
            return
        message = outcome.message
        if outcome.end is End.STOPPED and not timed_out:
            if self.stop.signal:
                self._end_stopped(job, outcome)
                return
            if lane.stopping is not None:
                self._again(job)
                return
            # Nobody asked for it here: run again for nothing, it might do the same for ever.
            message = "its process was ended by SIGTERM, which this run has not sent"
        if timed_out:
            message = f"timed out after {said_seconds(table.rule.timeout or 0)}"
        if not timed_out and outcome.end in _BY_INPUTS and self.schedule.is_overtaken(job):
            self._again(job)
            return
        if outcome.end is End.CHANGED and self.named.looks_first(table, outcome):
            self._again(job)
            return
        if outcome.end is End.CHANGED:
            self.input_changed = True
            self.world.forget_looks()
        self._failed(job, message, outcome)

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
        self.attempts[job] -= 1
        self.schedule.put_back(job)

    def _end_stopped(self, job: int, outcome: Outcome) -> None:
        self.schedule.put_back(job)

    def _failed_unstarted(self, table: RuleTable, job: int, message: str) -> None:
        """A job that cannot even be started has failed; another try would be the same."""
        self.attempts[job] = 1 + self._retries(table)
        self._failed(job, message, Outcome(job, 1, End.FAILED, started=time.time()))

    def _shown(self, job: int) -> str:
        """The action of a job; nothing where it cannot be filled in, which is why it failed."""
        try:
            return self._orders(self.plan.tables[job >> SHIFT]).shown(job & ROW)
        except FileflowError:
            return ""

    def _failed(self, job: int, message: str, outcome: Outcome) -> None:
        table = self.plan.tables[job >> SHIFT]
        retries = self._retries(table)
        attempt = self.attempts[job]
        if attempt <= retries and outcome.end is not End.CHANGED and not self.stop.signal:
            self._tell_failed(job, "retried", message, outcome)
            delay = min(0.5 * 2 ** (attempt - 1), 60.0)
            heappush(self.later, (time.monotonic() + delay, job))
            return
        self._note_failed(job, message, outcome)
        self.temps.consumer_failed(job)
        self.schedule.failed(job)

    def _tell_failed(self, job: int, status: str, message: str, outcome: Outcome) -> None:
        self.tell(
            events.JobEnded(
                self.facts(job),
                status,
                outcome.seconds,
                message=message,
                traceback=outcome.traceback,
                action="" if job in self.plan.failed else self._shown(job),
                log_tail=tail_of(outcome.log),
                log=outcome.log,
                memory=outcome.memory,
            )
        )

    def _note_failed(self, job: int, message: str, outcome: Outcome) -> None:
        """A job has failed for good: that is told, counted and noted."""
        table = self.plan.tables[job >> SHIFT]
        self._tell_failed(job, "failed", message, outcome)
        self.failures += 1
        outputs = table.outputs_of(job & ROW)
        key = outputs[0] if outputs else f"rule {table.rule.name}"
        self.records.note(
            "failed",
            key,
            {
                "rule": table.rule.name,
                "run": self.run,
                "message": message,
                "log": list(outcome.log),
                "when": outcome.started,
                "seconds": outcome.seconds,
            },
        )

    def _slot_died(self, lane: Lane, died: Died) -> None:
        """The job that the slot ran has failed; the others of its batches go on."""
        culprit = died.index
        for job in died.unfinished:
            if job not in lane.orders:
                continue
            timed_out = job in lane.timed_out
            self._leave(lane, job)
            if job != culprit:
                self._again(job)
                continue
            if self.stop.signal:
                self.schedule.put_back(job)
                continue
            table = self.plan.tables[job >> SHIFT]
            message = f"its process {ending(died.code)} and left no result"
            if timed_out:
                message = f"timed out after {said_seconds(table.rule.timeout or 0)}"
            elif died.out_of_memory:
                message += "; the kernel ended a process for lack of memory"
            if died.memory and not timed_out:
                message += f" (peak memory {died.memory / 1e6:.0f} MB)"
            outcome = Outcome(
                job,
                self.attempts[job],
                End.FAILED,
                started=time.time() - died.seconds,
                seconds=died.seconds,
                log=died.log,
                memory=died.memory,
                code=died.code,
            )
            self._failed(job, message, outcome)

    # -- time and stopping --------------------------------------------------------------------

    def _next_deadline(self, now: float) -> float | None:
        """Stops what is over its time; seconds until the next look, None without timeouts."""
        soonest: float | None = None
        for name, lanes in self.lanes.items():
            for lane in lanes:
                if not lane.orders or lane.table is None:
                    continue
                if lane.stopping is not None:
                    left = lane.stopping + KILL_AFTER - now
                    if left <= 0:
                        self.runners[name].stop(lane.number, kill=True)
                        lane.stopping = now
                        left = KILL_AFTER
                    soonest = left if soonest is None else min(soonest, left)
                    continue
                limit = lane.table.rule.timeout
                if limit is None:
                    continue
                running = self.runners[name].running(lane.number)
                left = limit if running is None else running[1] + limit - now
                if left <= 0 and running is not None:
                    lane.timed_out.add(running[0])
                    self.runners[name].stop(lane.number, kill=False)
                    lane.stopping = now - KILL_AFTER + 0.5
                    left = 0.5
                left = min(left, 0.5) if running is None else left
                soonest = left if soonest is None else min(soonest, left)
        return soonest

    def _drop_unbegun(self) -> None:
        """Enough has failed: what no slot has begun comes back."""
        for lane in self._busy():
            runner = self.runners[lane.runner]
            if not lane.dropped and isinstance(runner, Dropping):
                lane.dropped = True
                runner.drop(lane.number)

    def _stop_lanes(self) -> None:
        now = time.monotonic()
        for name, lanes in self.lanes.items():
            for lane in lanes:
                if not lane.orders:
                    continue
                if self.stop.count > 1:
                    self.runners[name].stop(lane.number, kill=True)
                elif lane.stopping is None:
                    lane.stopping = now
                    self.runners[name].stop(lane.number, kill=False)

    # -- words --------------------------------------------------------------------------------

    def facts(self, job: int) -> RowFacts:
        """A job in the user's words."""
        return RowFacts(self.plan.tables[job >> SHIFT], job & ROW)

    def _reason(self, job: int) -> str:
        if job in self.reasons:
            return self.reasons[job]
        reason = self.staleness.reason(job)
        return str(reason) if reason is not None else ""

    def _note(self, kind: str, about: str, text: str) -> None:
        if (kind, about) not in self.said:
            self.said.add((kind, about))
            self.tell(events.Note(text))

    def _note_run(self, table: RuleTable, outcome: Outcome) -> None:
        """A job without outputs has no record; where its kept output stands is noted."""
        self.records.note(
            "ran", f"rule {table.rule.name}", {"log": list(outcome.log), "when": outcome.started}
        )

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

    def _store_refreshed(self) -> None:
        """Files whose bytes were read anew are known by their signature from now on."""
        if self.world.refreshed:
            self.records.add_files(
                [
                    (path, self.clock.proven(path, sign, self.clock.start), digest)
                    for path, (sign, digest) in self.world.refreshed.items()
                ]
            )
            self.world.refreshed = {}

    def _summary(self, seconds: float) -> events.RunFinished:
        counts = self.schedule.counts
        status = 0
        if counts[JobState.FAILED] or self.input_changed or self.plan.missing or self.mistakes:
            status = 1
        if self.stop.signal:
            status = 128 + self.stop.signal
        elif not status and counts[JobState.SKIPPED]:
            status = 1
        return events.RunFinished(
            built=counts[JobState.BUILT],
            kept=counts[JobState.KEPT] + counts[JobState.RESTING],
            failed=counts[JobState.FAILED],
            skipped=counts[JobState.SKIPPED],
            seconds=seconds,
            busy_seconds=self.busy,
            slots=self.settings.jobs,
            signal=self.stop.signal,
            identical=self.identical if self.settings.rerun else None,
            differ=self.differ,
            left_out=self.plan.left_out,
            error="\n".join(self.mistakes),
            status=status,
        )


def _looks_inside(plan: Plan) -> bool:
    """Whether jobs may take single files of folders that other jobs make."""
    folders = {
        number
        for number, table in plan.tables.items()
        if any(e.pattern is not None and e.pattern.directory for e in table.shape.outputs)
    }
    return bool(folders) and any(
        link.named or link.pattern is None or not link.pattern.directory
        for table in plan.tables.values()
        for link in table.links
        if link.named or link.tables & folders
    )


class RowFacts:
    """A job in the user's words, worked out if somebody asks: most jobs end unseen."""

    __slots__ = ("_row", "_table")

    def __init__(self, table: RuleTable, row: int) -> None:
        self._table = table
        self._row = row

    @property
    def rule(self) -> str:
        """Its rule's name."""
        return self._table.rule.name

    @property
    def wildcards(self) -> Mapping[str, str]:
        """Its values, by name."""
        return self._table.values_of(self._row)

    @property
    def outputs(self) -> Sequence[str]:
        """The paths that it makes."""
        return self._table.outputs_of(self._row)

    @property
    def label(self) -> str:
        """Rule and values in one text."""
        return self._table.label(self._row)
