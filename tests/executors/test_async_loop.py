"""The event loop's process: many slots, and whom its death is blamed on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fileflow.executors.async_loop import AsyncLoop
from fileflow.model.work import Batch, Died, End, Event, Outcome, Work

from .runs import OUTPUT, RUN, events_of, function, log_of, order, outcomes_of, project

JOBS = """
import asyncio, os, signal, threading, time

async def nap(output, seconds):
    await asyncio.sleep(seconds)
    output.write_text("slept")

async def hold(output, how):
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        if how == "deny":
            await asyncio.sleep(30)
        print("cancelled")
        raise

async def end(output, how):
    await asyncio.sleep(0.2)
    if how == "step":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "thread":
        await asyncio.to_thread(lambda: (time.sleep(0.1), os._exit(9)))
    if how == "exit":
        raise SystemExit(3)
    if how == "task":
        async def leave():
            raise SystemExit(4)
        await asyncio.create_task(leave())
    await asyncio.sleep(0.5)
    output.write_text("whole")

async def spend(output, seconds):
    for _ in range(10):
        until = time.thread_time() + seconds / 10
        while time.thread_time() < until:
            pass
        await asyncio.sleep(0)
    output.write_text("spent")

async def elsewhere(output):
    os.chdir("/")
    await asyncio.sleep(0)

async def yields(output):
    yield output
"""

NAP = function("nap", (*OUTPUT, ("seconds", "value", 0)))
END = function("end", (*OUTPUT, ("how", "value", 0)))


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[AsyncLoop]:
    root = project(tmp_path)
    with (tmp_path / "jobs.py").open("a") as file:
        file.write(JOBS)
    made = AsyncLoop(root, RUN, 8)
    yield made
    made.close()


def submit(runner: AsyncLoop, slot: int, work: Work, value: object) -> None:
    runner.submit(slot, Batch(work, [order(slot, f"out/{slot}", values=[value])]))


def begun(runner: AsyncLoop, slot: int) -> tuple[int, float]:
    """Waits until a slot runs a job; which, and since when."""
    until = time.monotonic() + 10
    while (found := runner.running(slot)) is None:
        assert time.monotonic() < until, "the job did not begin"
        time.sleep(0.01)
    return found


def ends(events: list[Event]) -> dict[int, End]:
    return {one.index: one.end for one in events if isinstance(one, Outcome)}


def test_slots_run_beside_each_other_and_each_one_job_at_a_time(
    runner: AsyncLoop, tmp_path: Path
) -> None:
    for slot in range(6):
        submit(runner, slot, NAP, 0.3)
    events = events_of(runner, lambda found: len(found) == 6)
    ended = [one for one in events if isinstance(one, Outcome)]
    assert max(one.started for one in ended) < min(one.started + one.seconds for one in ended)
    assert set(ends(events).values()) == {End.DONE}
    began = time.monotonic()
    two = [order(10 + k, f"more/{k}", values=[0.2]) for k in range(2)]
    assert [one.index for one in outcomes_of(runner, NAP, two)] == [10, 11]
    assert time.monotonic() - began > 0.4
    assert sorted(os.listdir(tmp_path / "out")) == [str(slot) for slot in range(6)]


def test_it_tells_what_a_slot_runs_and_since_when(runner: AsyncLoop) -> None:
    assert runner.running(3) is None
    submit(runner, 3, NAP, 0.3)
    index, since = begun(runner, 3)
    assert index == 3
    assert 0 <= time.monotonic() - since < 5
    assert runner.running(2) is None
    events_of(runner, lambda found: len(found) == 1)
    assert runner.running(3) is None


def test_a_slot_that_is_stopped_serves_again(runner: AsyncLoop, tmp_path: Path) -> None:
    hold = function("hold", (*OUTPUT, ("how", "value", 0)))
    submit(runner, 0, hold, "leave")
    submit(runner, 1, NAP, 0.4)
    runner.submit(0, Batch(NAP, [order(7, "never", values=[0])]))
    begun(runner, 0)
    time.sleep(0.1)
    runner.stop(0, kill=False)
    events = events_of(runner, lambda found: len(found) == 3)
    assert ends(events) == {0: End.STOPPED, 7: End.STOPPED, 1: End.DONE}
    (stopped,) = [one for one in events if isinstance(one, Outcome) and one.index == 0]
    assert log_of(tmp_path, stopped) == "cancelled\n"
    (outcome,) = outcomes_of(runner, NAP, [order(8, "x", values=[0])])
    assert outcome.end is End.DONE


def test_one_that_is_stopped_before_it_began_is_told_too(runner: AsyncLoop) -> None:
    submit(runner, 0, NAP, 30)
    runner.stop(0, kill=False)
    events = events_of(runner, lambda found: len(found) == 1)
    assert ends(events) == {0: End.STOPPED}


def deaths(events: list[Event]) -> dict[int, int | None]:
    """For each slot that died the job that is to blame."""
    return {one.slot: one.index for one in events if isinstance(one, Died)}


def test_a_kill_is_the_end_of_the_job_that_it_is_for(runner: AsyncLoop) -> None:
    hold = function("hold", (*OUTPUT, ("how", "value", 0)))
    submit(runner, 0, hold, "deny")
    submit(runner, 1, NAP, 30)
    begun(runner, 1)
    time.sleep(0.1)
    runner.stop(0, kill=False)
    time.sleep(0.1)
    runner.stop(0, kill=True)
    events = events_of(runner, lambda found: len(found) == 2)
    assert deaths(events) == {0: 0, 1: None}
    (outcome,) = outcomes_of(runner, NAP, [order(2, "x", values=[0])])
    assert outcome.end is End.DONE


def test_a_death_in_a_step_is_that_jobs(runner: AsyncLoop) -> None:
    submit(runner, 0, NAP, 30)
    submit(runner, 1, END, "step")
    events = events_of(runner, lambda found: len(found) == 2)
    assert deaths(events) == {0: None, 1: 1}


def test_a_death_of_nobody_is_blamed_on_who_is_there_each_time(runner: AsyncLoop) -> None:
    for blamed in [None, None, 1]:
        submit(runner, 0, NAP, 30)
        submit(runner, 1, END, "thread")
        events = events_of(runner, lambda found: len(found) == 2)
        assert deaths(events)[1] == blamed
    submit(runner, 1, END, "thread")
    events = events_of(runner, lambda found: len(found) == 1)
    assert deaths(events) == {1: 1}


@pytest.mark.parametrize("how", ["exit", "task"])
def test_leaving_ends_the_job_and_not_the_process(runner: AsyncLoop, how: str) -> None:
    submit(runner, 0, END, "no")
    submit(runner, 1, END, how)
    events = events_of(runner, lambda found: len(found) == 2)
    assert ends(events) == {0: End.DONE, 1: End.FAILED}
    (failed,) = [one for one in events if isinstance(one, Outcome) and one.index == 1]
    assert "sys.exit" in failed.message


def test_each_job_has_its_own_cpu_time(runner: AsyncLoop) -> None:
    submit(runner, 0, NAP, 0.5)
    submit(runner, 1, function("spend", (*OUTPUT, ("seconds", "value", 0))), 0.3)
    events = events_of(runner, lambda found: len(found) == 2)
    cpu = {one.index: one.cpu for one in events if isinstance(one, Outcome)}
    assert cpu[0] < 0.1 and 0.25 < cpu[1] < 0.9


def test_the_working_folder_is_given_back(runner: AsyncLoop) -> None:
    (outcome,) = outcomes_of(runner, function("elsewhere"), [order(0, "x")])
    assert outcome.end is not End.DONE
    (outcome,) = outcomes_of(runner, NAP, [order(1, "y", values=[0])])
    assert outcome.end is End.DONE


def test_closing_leaves_no_process_and_no_stage(tmp_path: Path) -> None:
    made = AsyncLoop(project(tmp_path), RUN, 2)
    outcomes_of(made, function("later"), [order(0, "x")])
    pid = made.process_id(0)
    began = time.monotonic()
    made.close()
    assert time.monotonic() - began < 5
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)
    assert not os.listdir(tmp_path / ".fileflow" / "stage")
