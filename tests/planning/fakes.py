"""Fakes for the pure parts: a disk with a hand-turned clock, plain records, a run by hand.

`Project` holds a Workflowfile and files in memory; `look` plans and says what is fresh, `start`
gives a run in which the test itself decides when each job starts, ends or fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import dedent

import pytest

from fileflow.errors import FileflowError
from fileflow.language.loader import load_workflow
from fileflow.model.ports import Listing
from fileflow.model.rules import Workflow
from fileflow.model.tokens import listed
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.plan import Plan, Wishes, target_from
from fileflow.planning.planner import make_plan
from fileflow.planning.reasons import Reason, State, Why
from fileflow.planning.recipes import Recipe, recipe_of
from fileflow.planning.schedule import JobState, Schedule
from fileflow.planning.staleness import Staleness, input_names, output_names
from fileflow.planning.tables import RuleTable


def hashed(data: bytes, size: int = 16) -> bytes:
    return hashlib.blake2b(data, digest_size=size).digest()


@dataclass(slots=True)
class FakeHead:
    output_names: tuple[str, ...]
    input_names: tuple[str, ...]
    facts: dict[str, object]


@dataclass(slots=True)
class FakeRecord:
    head: FakeHead
    recipe: bytes
    inputs: tuple[str, ...]
    digests: bytes
    outputs: tuple[str, ...]
    made: bytes
    started: float


@dataclass(slots=True)
class FakeCode:
    """What is known of the code of a function, by the names of its parts."""

    parts: tuple[tuple[str, bytes], ...]

    @property
    def digest(self) -> bytes:
        return hashed(repr(self.parts).encode())


class FakeWorld:
    """Files and records in memory; a body of `Disk`, of `Looks` and of `Facts`.

    A file that is written gets the time as its stamp, and the clock goes on by a second.
    """

    def __init__(self) -> None:
        self.time = 1000.0
        self.files: dict[str, bytes] = {}
        self.records: dict[str, FakeRecord] = {}
        self.lists: dict[str, list[str]] = {}
        self.contents: dict[bytes, bytes] = {}
        self._stamps: dict[str, float] = {}
        self._known: dict[str, bytes] = {}
        self._assumed: dict[str, bytes] = {}

    # -- what tests do ------------------------------------------------------------------------

    def write(self, path: str, text: str = "") -> None:
        self.files[path] = text.encode()
        self.touch(path)

    def touch(self, path: str) -> None:
        self._stamps[path] = self.time
        self.time += 1

    def remove(self, *paths: str) -> None:
        for path in paths:
            for name in [n for n in self.files if n == path or n.startswith(f"{path}/")]:
                del self.files[name]

    def text(self, path: str) -> str | None:
        below = self._below(path)
        if below:
            return "".join(f"{name}={self.files[name].decode()};" for name in below)
        return self.files[path].decode() if path in self.files else None

    def _below(self, path: str) -> list[str]:
        return sorted(name for name in self.files if name.startswith(f"{path}/"))

    # -- Disk ---------------------------------------------------------------------------------

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def listing(self, folder: str) -> Listing:
        head = f"{folder}/" if folder else ""
        found: dict[str, bool] = {}
        for path in self.files:
            if path.startswith(head):
                name, slash, _ = path.removeprefix(head).partition("/")
                found[name] = bool(slash)
        kinds = ([name for name in found if found[name] is kind] for kind in (False, True))
        return Listing(*kinds, [])

    def exists(self, path: str) -> bool:
        return path in self.files or bool(self._below(path))

    # -- Looks --------------------------------------------------------------------------------

    def signatures(self, paths: Sequence[str]) -> list[bytes | None]:
        return [self._signature(path) for path in paths]

    def _signature(self, path: str) -> bytes | None:
        if not self.exists(path):
            return None
        seen = [(name, self._stamps[name]) for name in (self._below(path) or [path])]
        return hashed(repr((seen, self.text(path))).encode(), 32)

    def lacking(self, paths: Sequence[str]) -> Sequence[str]:
        return [path for path in paths if self.signatures([path])[0] is None]

    def no_folders(self, paths: Sequence[str]) -> Sequence[str]:
        return [path for path in paths if path in self.files]

    def unfit_at(self, path: str) -> str:
        return "a file and no folder" if path in self.files else ""

    def has_record(self, path: str) -> bool:
        return any(path in record.outputs for record in self.records.values())

    def named_by(self, first_output: str) -> tuple[str, Sequence[str]] | None:
        return None

    # -- Facts --------------------------------------------------------------------------------

    def record(self, first_output: str) -> FakeRecord | None:
        return self.records.get(first_output)

    def stored_list(self, token: str) -> Sequence[str]:
        return self.lists.get(token, ())

    def stored_contents(self, ident: bytes) -> bytes:
        return self.contents.get(ident, b"")

    def contents_id(self, digests: bytes) -> bytes:
        return hashed(digests)

    def content(self, path: str) -> bytes | None:
        if path in self._assumed:
            return self._assumed[path]
        return self._digest(path) if self.exists(path) else self._known.get(path)

    def assume(self, path: str, digest: bytes) -> None:
        self._assumed[path] = digest

    def held(self, path: str) -> bytes | None:
        return self._digest(path)

    def _digest(self, path: str) -> bytes:
        return hashed((self.text(path) or "").encode())

    def written(self, log: str) -> bytes | None:
        return None

    def ensured(self, path: str, non_empty: bool, sha256: str | None) -> bool:
        text = (self.text(path) or "").encode()
        if non_empty and not text:
            return False
        return sha256 is None or hashlib.sha256(text).hexdigest() == sha256

    def now(self) -> float:
        return self.time

    # -- what a run remembers -----------------------------------------------------------------

    def keep_record(
        self, table: RuleTable, row: int, recipe: Recipe, staleness: Staleness
    ) -> FakeRecord:
        """Records a job as made from what is there now."""
        outputs = table.outputs_of(row)
        tokens = staleness.tokens(table, row)
        for link, token in zip(table.links, tokens, strict=True):
            paths = link.paths_of(row)
            for path in paths:
                if self.exists(path):
                    self._known[path] = self._digest(path)
            if listed(token) is not None:
                self.lists[token] = list(paths)
                digests = b"".join([self.content(path) or bytes(16) for path in paths])
                self.contents[self.contents_id(digests)] = digests
        made = b""
        for path in outputs:
            sign = self._signature(path)
            assert sign is not None
            self._assumed.pop(path, None)
            self._known[path] = self._digest(path)
            made += sign + self._digest(path)
        head = FakeHead(output_names(table), input_names(table), {"recipe": recipe.parts})
        record = FakeRecord(
            head,
            recipe.digest(row),
            tokens,
            staleness.digests(table, row),
            outputs,
            made,
            self.time,
        )
        self.records[outputs[0]] = record
        return record

    def forget_assumptions(self) -> None:
        self._assumed.clear()


class Look:
    """A plan and what is fresh in it, asked for by the labels of jobs: `tidy month=01`."""

    def __init__(self, plan: Plan, staleness: Staleness, recipes: Mapping[str, Recipe]) -> None:
        self.plan = plan
        self.staleness = staleness
        self.recipes = recipes
        self._ids = {
            plan.label(job): job for job in plan.jobs() if not plan.table_of(job).rule.asks_only
        }

    @property
    def jobs(self) -> list[str]:
        return list(self._ids)

    def job(self, label: str) -> int:
        return self._ids[label]

    def table(self, label: str) -> tuple[RuleTable, int]:
        job = self._ids[label]
        return self.plan.tables[job >> SHIFT], job & ROW

    def inputs(self, label: str) -> list[str]:
        table, row = self.table(label)
        return [path for link in table.links for path in link.paths_of(row)]

    def outputs(self, label: str) -> tuple[str, ...]:
        table, row = self.table(label)
        return table.outputs_of(row)

    def makers(self, label: str) -> list[str]:
        """Who makes each input: a job's label, or `source`, or `absent`."""
        table, row = self.table(label)
        ids = [maker for link in table.links for maker in link.makers_of(row)]
        return [self.plan.label(m) if m >= 0 else {-1: "source", -2: "absent"}[m] for m in ids]

    def state(self, label: str) -> State:
        return self.staleness.state(self._ids[label])

    @property
    def states(self) -> dict[str, str]:
        return {label: self.state(label).name.lower() for label in self._ids}

    @property
    def stale(self) -> list[str]:
        return [label for label in self._ids if self.state(label) is State.STALE]

    def why(self, label: str) -> Why | None:
        reason = self.staleness.reason(self._ids[label])
        return reason.why if reason is not None else None

    def reason(self, label: str) -> str:
        return str(self.staleness.reason(self._ids[label]) or "")

    def all_reasons(self, label: str) -> list[Reason]:
        return self.staleness.all_reasons(*self.table(label))


class Project:
    """A Workflowfile with files, all in memory.

    Args:
        makes: what jobs write, by path; by default a text that tells what it was made from.
        drifts: rules whose jobs write something else each time.
        code: facts on the code of a rule's function.
        named_files: project files that a rule's command names.
    """

    def __init__(self, text: str, *paths: str) -> None:
        self.world = FakeWorld()
        self.makes: dict[str, str] = {}
        self.drifts: set[str] = set()
        self.code: dict[str, FakeCode] = {}
        self.named_files: dict[str, dict[str, bytes]] = {}
        self._times = 0
        for path in paths:
            self.world.write(path, f"the first {path}")
        self.rewrite(text)

    def rewrite(self, text: str) -> None:
        self.world.write("Workflowfile", dedent(text))

    def replace(self, old: str, new: str) -> None:
        text = self.world.files["Workflowfile"].decode()
        assert old in text
        self.rewrite(text.replace(old, new))

    def workflow(self) -> Workflow:
        return load_workflow(self.world, "Workflowfile", "/project")

    def plan(
        self,
        *targets: str,
        tags: Sequence[str] = (),
        force: Sequence[str] = (),
        until: Sequence[str] = (),
        omit: Sequence[str] = (),
        where: Mapping[str, Sequence[str]] | None = None,
        keep_going: bool = False,
    ) -> Plan:
        wishes = Wishes(
            targets=tuple(map(target_from, targets)),
            tags=tuple(tags),
            force=tuple(map(target_from, force)),
            until=tuple(map(target_from, until)),
            omit=tuple(map(target_from, omit)),
            where=tuple((name, tuple(values)) for name, values in (where or {}).items()),
            keep_going=keep_going,
        )
        return make_plan(self.workflow(), self.world, wishes)

    def look(self, *targets: str, rerun: bool = False, **wishes: object) -> Look:
        """Plans, and decides what is fresh."""
        plan = self.plan(*targets, **wishes)  # type: ignore[arg-type]
        self.world.forget_assumptions()
        recipes = {
            table.rule.name: self._recipe(table, plan.workflow.seed)
            for table in plan.tables.values()
            if not table.rule.asks_only
        }
        staleness = Staleness(plan, recipes, self.world, rerun=rerun)
        staleness.decide()
        return Look(plan, staleness, recipes)

    def _recipe(self, table: RuleTable, seed: int) -> Recipe:
        table.make_links()
        rule = table.rule.name
        return recipe_of(
            table,
            root_seed=seed,
            code=self.code.get(rule),
            takes=None,
            named_files=self.named_files.get(rule, {}),
        )

    def refused(self, *targets: str, **wishes: object) -> str:
        """The error with which planning ends, in the user's words."""
        with pytest.raises(FileflowError) as caught:
            self.plan(*targets, **wishes)  # type: ignore[arg-type]
        return str(caught.value)

    def start(
        self,
        *targets: str,
        chain: dict[str, float] | None = None,
        weights: dict[str, float] | None = None,
        **wishes: object,
    ) -> ByHand:
        look = self.look(*targets, **wishes)  # type: ignore[arg-type]
        return ByHand(self, look, chain or {}, weights)

    def run(self, *targets: str, **wishes: object) -> list[str]:
        """The jobs that a run does one after the other, in order."""
        return self.start(*targets, **wishes).go()  # type: ignore[arg-type]

    def written(self, path: str, table: RuleTable, row: int, recipe: Recipe) -> str:
        """What a job writes to a path."""
        if path in self.makes:
            return self.makes[path]
        taken = []
        for link in table.links:
            for one in link.paths_of(row):
                assert self.world.exists(one), f"{table.label(row)} starts without {one}"
                if not link.entry.order_only:
                    taken.append((one, self.world.text(one)))
        seen = [path, recipe.digest(row).hex(), taken]
        if table.rule.name in self.drifts:
            self._times += 1
            seen.append(self._times)
        return hashed(repr(seen).encode()).hex()


@dataclass(slots=True)
class ByHand:
    """A run in which the test says what starts, ends and fails: the loop's questions, no slots."""

    project: Project
    look: Look
    chain: dict[str, float]
    weights: dict[str, float] | None = None
    schedule: Schedule = field(init=False)
    running: dict[str, dict[str, str]] = field(default_factory=dict)
    read: dict[str, dict[str, str | None]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.look.plan, self.look.staleness, self.chain)
        if self.weights is not None:
            weights = {n: [0.0] * t.count for n, t in self.look.plan.tables.items()}
            for label, seconds in self.weights.items():
                job = self.look.job(label)
                weights[job >> SHIFT][job & ROW] = seconds
            self.schedule.weigh(weights)
        self.schedule.skip_blocked()

    def plan_anew(self) -> None:
        """The plan is made anew while jobs run, which go on."""
        self.look = self.project.look()
        running = [self.look.job(label) for label in self.running]
        self.schedule = Schedule(self.look.plan, self.look.staleness, self.chain, running)

    def begin(self, rule: str | None = None) -> str | None:
        """Starts the next job that must run (of a rule), or gives None; settles what need not."""
        schedule, plan, staleness = self.schedule, self.look.plan, self.look.staleness
        again = True
        while again:
            again = False
            for table in list(schedule.tables_ready()):
                if rule is not None and table.rule.name != rule:
                    continue
                for job in schedule.take(table, 1):
                    again = True
                    if job not in schedule.certain:
                        reason = staleness.reason_now(table, job & ROW)
                        if reason is None:
                            schedule.kept(job)
                            continue
                        gone = reason.why is Why.MISSING and reason.comes_back
                        if gone and job not in plan.asked:
                            schedule.kept(job, resting=True)
                            continue
                    if schedule.must_wait(job, demand=True):
                        continue
                    return self._started(table, job)
                if again:
                    break
        return None

    def _started(self, table: RuleTable, job: int) -> str:
        label, row = table.label(job & ROW), job & ROW
        self.schedule.started(job)
        recipe = self.look.recipes[table.rule.name]
        written = {}
        for entry, path in zip(table.shape.outputs, table.outputs_of(row), strict=True):
            assert entry.pattern is not None
            name = f"{path}/part.txt" if entry.pattern.directory else path
            written[name] = self.project.written(path, table, row, recipe)
        self.running[label] = written
        self.read[label] = self._inputs(table, row)
        self.ran.append(label)
        return label

    def end(self, label: str) -> None:
        """A running job is done: its outputs appear, and are recorded."""
        world, staleness = self.project.world, self.look.staleness
        table, row = self.look.table(label)
        assert self._inputs(table, row) == self.read.pop(label), f"inputs of {label} changed"
        outputs = table.outputs_of(row)
        before = world.record(outputs[0]) if outputs else None
        for path, text in self.running.pop(label).items():
            world.write(path, text)
        changed = True
        if outputs:
            record = world.keep_record(table, row, self.look.recipes[table.rule.name], staleness)
            if before is not None and before.outputs == outputs:
                changed = _digests(record) != _digests(before)
        self.schedule.built(self.look.job(label), changed=changed)

    def _inputs(self, table: RuleTable, row: int) -> dict[str, str | None]:
        text = self.project.world.text
        links = [link for link in table.links if not link.entry.order_only]
        return {path: text(path) for link in links for path in link.paths_of(row)}

    def fail(self, label: str) -> None:
        del self.running[label]
        self.schedule.failed(self.look.job(label))

    def go(
        self,
        choose: Callable[[Sequence[str]], str] | None = None,
        slots: int = 1,
        anew: Callable[[], bool] = lambda: False,
    ) -> list[str]:
        """Does all that is left, `slots` jobs at once.

        `choose` says which one ends next, and `anew` whether the plan is made anew after that.
        """
        for _ in range(10_000):
            while len(self.running) < slots and self.begin() is not None:
                pass
            if not self.running:
                break
            names = list(self.running)
            self.end(choose(names) if choose is not None else names[0])
            if anew():
                self.plan_anew()
        assert self.schedule.finished, self.states()
        return self.ran

    def states(self) -> dict[str, str]:
        return {
            label: self.schedule.state(self.look.job(label)).name.lower()
            for label in self.look.jobs
        }

    @property
    def skipped(self) -> list[str]:
        return [label for label, state in self.states().items() if state == "skipped"]

    def count(self, state: JobState) -> int:
        return self.schedule.counts[state]


def _digests(record: FakeRecord) -> list[bytes]:
    return [record.made[i + 32 : i + 48] for i in range(0, len(record.made), 48)]


def labels(plan: Plan) -> list[str]:
    """The jobs of a plan, in its order."""
    return [plan.label(job) for job in plan.jobs() if not plan.table_of(job).rule.asks_only]
