"""Runners that are waited for together: a descriptor tells that there is something to take in."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from fileflow.executors.async_loop import AsyncLoop
from fileflow.executors.processes import Processes
from fileflow.executors.threads import Threads
from fileflow.model.work import Batch
from tests.executors.runs import RUN, SLEEP, order, project

Runner = Processes | Threads


@pytest.fixture(params=["process", "thread", "async"])
def runner(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runner]:
    path = sys.path[:]
    root = project(tmp_path)
    made: Runner
    if request.param == "process":
        made = Processes(root, RUN, 1)
    else:
        made = Threads(root, RUN) if request.param == "thread" else AsyncLoop(root, RUN, 1)
    try:
        yield made
    finally:
        made.close()
        sys.modules.pop("jobs", None)
        sys.path[:] = path


def rings(runner: Runner, seconds: float) -> bool:
    bells = runner.bells()
    return not bells or bool(select.select(bells, [], [], seconds)[0])


def test_a_bell_rings_when_a_job_has_ended_and_not_before(runner: Runner, tmp_path: Path) -> None:
    job = order(0, "x", values=[0.5, str(tmp_path / "mark")])
    runner.submit(0, Batch(SLEEP, [job], {}))
    outcomes = []
    for _ in range(100):
        assert rings(runner, 20)
        outcomes = runner.wait(0)
        if outcomes:
            break
    assert len(outcomes) == 1
    assert not rings(runner, 0)


@pytest.mark.parametrize("make", [partial(Processes, count=1), Threads])
def test_what_wakes_up_a_runner_does_so_once(tmp_path: Path, make: Callable[..., Runner]) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    runner = make(project(tmp_path), RUN, wakeup=reader)
    try:
        os.write(writer, b"..")
        began = time.monotonic()
        assert runner.wait(10) == []
        assert time.monotonic() - began < 10
        assert not rings(runner, 0)
    finally:
        runner.close()
        os.close(reader)
        os.close(writer)
