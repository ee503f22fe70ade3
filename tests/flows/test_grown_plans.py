"""A plan that grows is the plan that is made as a whole: random workflows with random histories.

Each growth of each run is held against a plan from scratch, and each run against one in another
folder in which nothing grows.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fileflow.engine.events import Event, JobEnded, RunFinished
from fileflow.engine.loop import Loop, Settings
from fileflow.engine.run import run
from fileflow.engine.session import Decided, Growth, Overrides, Session
from fileflow.planning.links import ROW
from fileflow.planning.plan import Plan, Wishes
from fileflow.planning.planner import make_plan
from fileflow.planning.reasons import State

ACTIONS = '''\
import pathlib

def text(paths):
    paths = paths if isinstance(paths, list) else [paths]
    return "".join(p.read_text() for p in paths)

def take(input, output):
    """Often the same, whatever changed: early cut-off."""
    paths = [p for one in input.values() for p in (one if isinstance(one, list) else [one])]
    output.write_text("".join(c for c in sorted(set(text(paths))) if c in "abcdef"))

def split(input, output):
    letters = set(text(input)) & set("abcd") or {"a"}
    for letter in letters:
        (output / letter).write_text(letter * 2)

def listed(input, output):
    output.write_text("\\n".join(sorted(set(text(input)) & set("abcde"))) or "z")
'''


def rule(name: str, function: str, inputs: list[str], output: str, rest: str = "") -> list[str]:
    named = ", ".join(f"i{k}: {path!r}" for k, path in enumerate(inputs))
    given = repr(inputs[0]) if function != "take" else f"{{{named}}}"
    return [
        f"  {name}:",
        f"    input: {given}",
        f"    output: {output}",
        f"    run: acts:{function}",
        *([f"    {rest}"] if rest else []),
    ]


def workflow(dice: random.Random) -> str:
    """Static maps, scatters inside scatters, a made list, and rules that mix them."""
    temp = "{path: 'st/{n}', temp: true}" if dice.random() < 0.3 else "'st/{n}'"
    out = [
        "wildcards:",
        "  s: [p, q]",
        "  n: {range: 3}",
        "  item: {lines: 'list/{s}'}",
        "rules:",
    ]
    ends = ["stsum"]
    lines: list[str] = []
    lines += rule("st", "take", ["src/{n}"], temp)
    # Of a rule that stays as it is more jobs may come to be wanted.
    lines += rule("stsum", "take", [dice.choice(["st/{n}", "st/0"]), "in/p"], "stsum")
    lines += rule("pre", "take", ["in/{s}"], "'pre/{s}'")
    lines += rule("split", "split", ["pre/{s}"], "'parts/{s}/{c}'", "scatter: c")
    more = ["st/{n}"] if dice.random() < 0.5 else ["st/1"] if dice.random() < 0.5 else []
    lines += rule("work", "take", ["parts/{s}/{c}", *more], "'work/{s}/{c}'")
    lines += rule("gather", "take", ["work/{s}/{c}"], "'g/{s}'")
    ends.append("g/{s}")
    if dice.random() < 0.7:
        lines += rule("deep", "split", ["work/{s}/{c}"], "'deep/{s}/{c}/{d}'", "scatter: d")
        lines += rule("dwork", "take", ["deep/{s}/{c}/{d}", "pre/{s}"], "'dw/{s}/{c}/{d}'")
        lines += rule("dsum", "take", ["dw/{s}/{c}/{d}"], "'ds/{s}'")
        ends.append("ds/{s}")
    if dice.random() < 0.7:
        source = "ds/{s}" if "ds/{s}" in ends and dice.random() < 0.5 else "g/{s}"
        lines += rule("list", "listed", [source], "'list/{s}'")
        lines += rule("each", "take", ["st/{n}", "list/{s}"], "'each/{s}/{item}'")
        lines += rule("esum", "take", ["each/{s}/{item}", "stsum"], "'es/{s}'")
        ends.append("es/{s}")
    else:
        out.remove("  item: {lines: 'list/{s}'}")
    if dice.random() < 0.4:
        ends.append("st/{n}")
    asked = ", ".join(repr(end) for end in ends)
    return "\n".join([*out, "  all:", f"    input: [{asked}]", *lines]) + "\n"


def change(dice: random.Random, root: Path) -> None:
    """Sources change, and files that rules made are deleted or overwritten."""
    for _ in range(dice.randrange(1, 5)):
        made = sorted(
            path
            for path in root.rglob("*")
            if path.is_file() and path.relative_to(root).parts[0] in MADE
        )
        kind = dice.random()
        if kind < 0.5 or not made:
            path = dice.choice(["in/p", "in/q", "src/0", "src/1", "src/2"])
            (root / path).write_text("".join(dice.choices("abcdefg", k=dice.randrange(1, 4))))
        elif kind < 0.85:
            dice.choice(made).unlink()
        else:
            dice.choice(made).write_text("by hand")


MADE = ("st", "stsum", "pre", "parts", "work", "g", "deep", "dw", "ds", "list", "each", "es")


# -- what is compared -----------------------------------------------------------------------------


def facts(plan: Plan) -> dict[str, Any]:
    """All that a plan says, whatever numbers jobs and lists have."""

    def identity(job: int) -> object:
        return plan.table_of(job).identity(job & ROW) if job >= 0 else job

    jobs: dict[object, object] = {}
    place: dict[int, int] = {}
    for job in plan.jobs():
        table, row = plan.table_of(job), job & ROW
        place[job] = len(place)
        takes = []
        for link in table.links:
            paths = (
                [link.paths[row]]
                if link.group_of is None
                else link.groups[link.group_of[row]].paths
            )
            makers = list(link.makers_of(row))
            takes.append(list(zip(paths, map(identity, makers), strict=True)))
            assert all(place.get(one, -1) >= 0 for one in makers if one >= 0), "order"
        jobs[table.identity(row)] = (table.outputs_of(row), table.files_of(row), takes)
    return {
        "jobs": jobs,
        "asked": {identity(job) for job in plan.asked},
        "deferred": {identity(job) for job in plan.deferred},
        "producers": {identity(job) for job in plan.producers},
        "incomplete": plan.incomplete,
        "waits": plan.waits,
        "missing": [one.path for one in plan.missing],
        "blocked": plan.blocked,
        "sources": plan.source_targets,
        "awaited": plan.awaited,
        "mistakes": list(map(str, plan.mistakes())),
    }


def states(decided: Decided) -> dict[object, State]:
    found = {}
    for job in decided.plan.jobs():
        table = decided.plan.table_of(job)
        if not table.rule.asks_only:
            found[table.identity(job & ROW)] = decided.staleness.state(job)
    return found


class Watching:
    """Holds each plan that has grown against one from scratch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.grown = 0
        self._plan, self._decide = Session.plan, Session.decide
        self._scratch: Plan | None = None
        watching = self

        def plan(self: Session, wishes: Wishes, grows: Plan | None = None) -> Plan:
            return watching.plan(self, wishes, grows)

        def decide(self: Session, plan: Plan, **rest: Any) -> Decided:
            return watching.decide(self, plan, rest)

        monkeypatch.setattr(Session, "plan", plan)
        monkeypatch.setattr(Session, "decide", decide)

    def plan(self, session: Session, wishes: Wishes, grows: Plan | None) -> Plan:
        joins = session._joins
        grown = self._plan(session, wishes, grows)
        self._scratch = None
        if grows is not None and grown.same:
            self.grown += 1
            scratch = make_plan(
                session.workflow, session.world, wishes, session.known, joins, session.answers
            )
            assert facts(grown) == facts(scratch)
            self._scratch = scratch
        return grown

    def decide(self, session: Session, plan: Plan, rest: dict[str, Any]) -> Decided:
        before: Growth | None = rest.get("before")
        scratch, self._scratch = self._scratch, None
        if before is None or scratch is None:
            return self._decide(session, plan, **rest)
        built = {*rest["built"], *before.built()}
        whole = states(self._decide(session, scratch, **{**rest, "built": built, "before": None}))
        decided = self._decide(session, plan, **rest)
        for job, now in states(decided).items():
            self._compare(decided, before, job, now, whole[job])
        return decided

    def _compare(
        self, decided: Decided, before: Growth, job: object, now: State, whole: State
    ) -> None:
        if now is whole:
            return
        # A plan from scratch may know of a job that waits that it need not run: it will be asked.
        assert now is State.MAYBE or (now, whole) == (State.LATENT, State.ABSENT), (job, now, whole)


def build(
    root: Path, jobs: int, *, rerun: bool = False
) -> tuple[RunFinished, list[str], list[str]]:
    told: list[Event] = []
    finished = run(
        str(root / "Workflowfile"),
        Overrides(),
        Wishes(),
        Settings(jobs=jobs, executor="serial" if jobs == 1 else "thread", rerun=rerun),
        told.append,
        command="a test",
    )
    ended = [e for e in told if isinstance(e, JobEnded)]
    ran = [f"{e.job.label}" for e in ended if e.status == "built"]
    wrong = [e.message for e in ended if e.status == "failed"] + [finished.error]
    return finished, ran, [one for one in wrong if one]


@pytest.fixture
def here() -> Iterator[None]:
    before = os.getcwd()
    yield
    os.chdir(before)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("seed", range(24))
def test_what_grows_is_as_what_is_planned_anew(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    root, other = tmp_path / "grows", tmp_path / "anew"
    root.mkdir()
    (root / "Workflowfile").write_text(workflow(dice))
    (root / "acts.py").write_text(ACTIONS)
    for folder in ("in", "src"):
        (root / folder).mkdir()
    for path in ("in/p", "in/q", "src/0", "src/1", "src/2"):
        (root / path).write_text("".join(dice.choices("abcdefg", k=3)))
    watching = Watching(monkeypatch)
    growth = Loop.growth
    for _ in range(4):
        if other.exists():
            shutil.rmtree(other)
        shutil.copytree(root, other)
        jobs = dice.choice([1, 1, 2, 3])
        rerun = dice.random() < 0.2
        finished, ran, wrong = build(root, jobs, rerun=rerun)
        assert not wrong and not finished.status, wrong
        assert len(ran) == len(set(ran)) == finished.built
        again, ran_again, _ = build(root, jobs)
        assert (again.built, ran_again) == (0, [])
        monkeypatch.setattr(Loop, "growth", lambda self: None)
        slow, slowly_ran, _ = build(other, jobs, rerun=rerun)
        monkeypatch.setattr(Loop, "growth", growth)
        assert sorted(ran) == sorted(slowly_ran)
        assert (finished.built, finished.kept) == (slow.built, slow.kept)
        assert made(root) == made(other)
        change(dice, root)
    assert watching.grown


def made(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        str(path.relative_to(root)): path.read_text()
        for path in files
        if path.relative_to(root).parts[0] in MADE
    }
