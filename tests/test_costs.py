"""What deciding costs, counted and not timed: calls of Python for each job, system calls a file."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from fileflow.commands.dry_run import planned_rules
from fileflow.engine import run
from fileflow.engine.batches import Batches
from fileflow.engine.knowing import plan_known
from fileflow.engine.loop import Loop, Settings
from fileflow.engine.run import count_states
from fileflow.engine.session import Overrides, Session
from fileflow.planning.plan import Wishes
from fileflow.planning.planner import make_plan
from fileflow.planning.reasons import State
from tests.planning.fakes import Project

SMALL, LARGE = 1500, 3000
WORKFLOW = """\
wildcards:
  x: data/{x}.txt
rules:
  all:
    input: build/all.txt
  one:
    input: data/{x}.txt
    output: build/one/{x}.txt
    run: steps:copy
  two:
    input: build/one/{x}.txt
    output: build/two/{x}.txt
    params: {level: 3}
    shell: cp {input} {output}
  all_of_them:
    input: build/two/{x}.txt
    output: build/all.txt
    shell: cat {input} > {output}
"""


def project(folder: Path, count: int) -> Path:
    (folder / "data").mkdir(parents=True)
    (folder / "Workflowfile").write_text(WORKFLOW)
    (folder / "steps.py").write_text("def copy(input, output):\n    pass\n")
    for number in range(count):
        (folder / f"data/{number:05}.txt").write_text(f"{number}\n")
    return folder


def finished(folder: Path, count: int) -> Path:
    """A project of which all is made and recorded, and a run has found nothing to do."""
    project(folder, count)
    for name in ("one", "two"):
        shutil.copytree(folder / "data", folder / f"build/{name}")
    (folder / "build/all.txt").write_text("".join(f"{number}\n" for number in range(count)))
    flow(folder, "adopt")
    assert "nothing to do" in flow(folder)
    return folder


def flow(folder: Path, *words: str) -> str:
    found = subprocess.run(
        [sys.executable, "-m", "fileflow", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stderr


def calls(folder: Path, state: State, stale: int) -> int:
    """How many Python functions are called to plan, and to decide on all jobs."""
    os.chdir(folder)
    session = Session(str(folder / "Workflowfile"))
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        decided = plan_known(session, Wishes())
        planned_rules(decided)
        counts = count_states(decided)
    finally:
        sys.setprofile(None)
    assert sum(counts.values()) - counts[state] == stale
    return count


CHAIN = """\
wildcards:
  x: data/{x}.txt
rules:
  all:
    input: [build/all.txt]
  one:
    input: data/{x}.txt
    output: build/one/{x}.txt
    shell: cp {input} {output}
  all_of_them:
    input: build/one/{x}.txt
    output: build/all.txt
    shell: cat {input} > {output}
"""
STEP = """\
  split{k}:
    input: {before}
    output: chunks{k}/{{c{k}}}
    scatter: c{k}
    shell: for c in a b; do echo 1 > {{output}}/$c; done
  work{k}:
    input: chunks{k}/{{c{k}}}
    output: work{k}/{{c{k}}}
    shell: cp {{input}} {{output}}
  sum{k}:
    input: work{k}/{{c{k}}}
    output: sum{k}
    shell: cat {{input}} > {{output}}
"""
STEPS = 4


def chained(folder: Path, count: int) -> Path:
    """Many finished jobs, and beside them a chain of scatters, each of which needs the last."""
    project(folder, count)
    (folder / "Workflowfile").write_text(CHAIN)
    shutil.copytree(folder / "data", folder / "build/one")
    (folder / "build/all.txt").write_text("".join(f"{number}\n" for number in range(count)))
    flow(folder, "adopt")
    assert "nothing to do" in flow(folder)
    (folder / "seed").write_text("1")
    (folder / "Workflowfile").write_text(CHAIN.replace("all.txt]", "all.txt, end.txt]"))
    before = "seed"
    with (folder / "Workflowfile").open("a") as file:
        for k in range(STEPS):
            file.write(STEP.format(k=k, before=before))
            before = f"sum{k}"
        file.write(
            f"  end: {{input: {before}, output: end.txt, shell: 'cp {{input}} {{output}}'}}\n"
        )
    return folder


def calls_to_grow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many Python functions are called to plan and schedule what scatters have found."""
    os.chdir(folder)
    count = steps = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    def counted(function: Callable[..., Any], number: int) -> Callable[..., Any]:
        def wrapped(*args: Any, **rest: Any) -> Any:
            nonlocal steps
            if rest.get("growth") is None and len(args) <= number:
                return function(*args, **rest)
            steps += 1
            sys.setprofile(note)
            try:
                return function(*args, **rest)
            finally:
                sys.setprofile(None)

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(run, "plan_known", counted(run.plan_known, 99))
        patch.setattr(Loop, "take_plan", counted(Loop.take_plan, 3))
        finished = run.run(
            str(folder / "Workflowfile"),
            Overrides(),
            Wishes(),
            Settings(jobs=1),
            lambda event: None,
            command="a test",
        )
    assert (finished.status, finished.built) == (0, 4 * STEPS + 1)
    assert steps == 2 * STEPS, steps
    return count


def per_job(small: int, large: int) -> float:
    return (large - small) / (2 * (LARGE - SMALL))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    # What other tests left in this process must not be looked through again and again.
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_jobs_that_were_never_made_cost_no_call_each(tmp_path: Path) -> None:
    found = [
        calls(project(tmp_path / str(count), count), State.STALE, 0) for count in (SMALL, LARGE)
    ]
    assert per_job(*found) <= 0.05


def literal_paths(count: int) -> list[str]:
    return [f"o/{n}" if n % 2 else f"o/{n}/x" for n in range(1000, 1000 + count)]


def many_rules(count: int) -> str:
    paths = literal_paths(count)
    lines = [f"r{n}: {{output: {path}, shell: 'x'}}" for n, path in enumerate(paths)]
    return "\n  ".join(["rules:", f"all: {{input: [{', '.join(paths)}]}}", *lines])


def many_outputs(count: int) -> str:
    paths = f"[{', '.join(literal_paths(count))}]"
    lines = [f"r: {{output: {paths}, shell: 'x'}}", f"z: {{input: {paths}, output: z, shell: 'x'}}"]
    return "\n  ".join(["rules:", *lines])


def steps_to_plan(text: str) -> int:
    """How many functions, of Python and of C, are called to plan."""
    project = Project(text)
    workflow = project.workflow()
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        make_plan(workflow, project.world, Wishes())
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("written", [many_rules, many_outputs])
def test_a_rule_or_an_output_costs_the_same_however_many_there_are(
    written: Callable[[int], str],
) -> None:
    few, more, many = [steps_to_plan(written(count)) for count in (100, 200, 400)]
    assert many - more <= 2.1 * (more - few)


def test_fresh_jobs_cost_no_call_each(tmp_path: Path) -> None:
    found = [
        calls(finished(tmp_path / str(count), count), State.FRESH, 0) for count in (SMALL, LARGE)
    ]
    assert per_job(*found) <= 0.05


def test_jobs_beside_one_that_changed_cost_no_call_each(tmp_path: Path) -> None:
    found = []
    for count in (SMALL, LARGE):
        folder = finished(tmp_path / str(count), count)
        (folder / "data/00100.txt").write_text("changed\n")
        found.append(calls(folder, State.FRESH, 3))
    assert per_job(*found) <= 0.05


def test_jobs_beside_one_that_changed_keep_no_signatures_each(tmp_path: Path) -> None:
    found = []
    for count in (SMALL, LARGE):
        folder = finished(tmp_path / str(count), count)
        (folder / "data/00100.txt").write_text("changed\n")
        os.chdir(folder)
        session = Session(str(folder / "Workflowfile"))
        tracemalloc.start()
        decided = plan_known(session, Wishes())
        found.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert count_states(decided)[State.STALE] == 1
    # The paths of three files; a table of their signatures took 150 bytes more.
    assert per_job(*found) <= 420


def test_a_plan_that_grows_costs_nothing_for_what_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        calls_to_grow(chained(tmp_path / str(count), count), monkeypatch)
        for count in (SMALL, LARGE)
    ]
    assert abs(per_job(*found)) <= 0.01


@pytest.mark.parametrize("more", ["", "resources: {disk: 1}", "priority: {n}"])
def test_rules_that_wait_for_a_core_are_not_asked_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    count = 300
    made = range(1000, 1000 + count)
    lines = ["resources: {disk: 9}", "rules:", f"  all: {{input: [{', '.join(map(str, made))}]}}"]
    for n in made:
        lines.append(f"  r{n}: {{output: '{n}', shell: 'echo > {{output}}'")
        lines[-1] += f", {more.replace('{n}', str(n % 7))}}}" if more else "}"
    (tmp_path / "Workflowfile").write_text("\n".join(lines))
    asked = 0
    lane = Batches.lane

    def counted(*args: Any) -> Any:
        nonlocal asked
        asked += 1
        return lane(*args)

    monkeypatch.setattr(Batches, "lane", counted)
    finished = run.run(
        str(tmp_path / "Workflowfile"),
        Overrides(),
        Wishes(),
        Settings(jobs=2),
        lambda event: None,
        command="a test",
    )
    assert (finished.status, finished.built) == (0, count)
    assert asked <= 8 * count


@pytest.mark.skipif(shutil.which("strace") is None, reason="counts with strace")
def test_nothing_to_do_costs_one_system_call_for_each_file(tmp_path: Path) -> None:
    found = []
    for count in (SMALL, LARGE):
        folder = finished(tmp_path / str(count), count)
        log = tmp_path / f"{count}.strace"
        command = [sys.executable, "-m", "fileflow"]
        traced = subprocess.run(
            ["strace", "-f", "-o", str(log), *command], cwd=folder, capture_output=True, text=True
        )
        if "nothing to do" not in traced.stderr:
            pytest.skip(f"strace cannot trace here: {traced.stderr[-200:]}")
        with log.open() as file:
            found.append(sum(1 for _ in file))
    files = 3 * (LARGE - SMALL)
    assert (found[1] - found[0]) / files <= 1.05
