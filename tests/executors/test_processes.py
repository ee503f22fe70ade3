from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import fileflow
from fileflow.errors import Exit, FileflowError
from fileflow.executors.processes import Processes
from fileflow.model.work import Batch, Died, End, Outcome
from fileflow.world import staging
from fileflow.world.survivors import end_survivors
from tests.executors.runs import (
    COPY,
    OUTPUT,
    RUN,
    SLEEP,
    command,
    death_of,
    events_of,
    function,
    is_running,
    log_of,
    order,
    outcomes_of,
    project,
    shell,
)

LEAVE = function("leave", (*OUTPUT, ("how", "value", 0)))


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(project(tmp_path), RUN, 2)
    try:
        yield made
    finally:
        made.close()


def wait_for(path: Path, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.005)


def test_slots_that_will_be_needed_start_while_the_first_describes(tmp_path: Path) -> None:
    root = project(tmp_path)
    Path(root, "slow.py").write_text(
        "import os, time\n"
        "open(f'imported{os.getpid()}', 'w').close()\n"
        "time.sleep(0.3)\n"
        "def f(a): ...\n"
    )
    runner = Processes(root, RUN, 4)
    try:
        found = runner.describe("slow", "f", beside=1)
        assert [one.name for one in found.parameters] == ["a"]
        pids = [runner.process_id(number) for number in range(4)]
        assert pids[2:] == [None, None]
        for pid in pids[:2]:
            wait_for(Path(root, f"imported{pid}"))
        assert runner.describe("slow", "f", beside=1) == found
        assert [runner.process_id(number) for number in range(4)] == pids
    finally:
        runner.close()


def test_an_import_that_ends_every_process_is_told_once(tmp_path: Path) -> None:
    root = project(tmp_path)
    Path(root, "deadly.py").write_text("import os, time\ntime.sleep(0.1)\nos._exit(3)\n")
    runner = Processes(root, RUN, 2)
    try:
        found = runner.describe("deadly", "f", beside=1)
        assert found.error == "importing deadly ended the process: exit status 3"
    finally:
        runner.close()


def run_until(runner: Processes, path: Path) -> None:
    until = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        assert runner.wait(0.01) == []


def gone(pid: int, seconds: float = 3) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.005)
    return False


def test_many_jobs_on_two_slots_are_all_done(runner: Processes, tmp_path: Path) -> None:
    for k in range(400):
        (tmp_path / f"in{k}").write_text(str(k))
    work = function("copy", COPY)
    for k in range(0, 400, 50):
        orders = [
            order(n, f"out/{n}", items=[f"in{n}"], checks=[(f"in{n}", None, None)])
            for n in range(k, k + 50)
        ]
        runner.submit(k // 50 % 2, Batch(work, orders))
    events = events_of(runner, lambda found: len(found) == 400)
    assert all(isinstance(one, Outcome) and one.end is End.DONE for one in events)
    assert {(tmp_path / f"out/{k}").read_text() for k in range(400)} == set(map(str, range(400)))


def test_a_batch_larger_than_the_sockets_buffer_does_not_block(
    runner: Processes, tmp_path: Path
) -> None:
    (tmp_path / "in").write_text("")
    work = function("shapes", (("input", "input", 0), *OUTPUT, ("n", "value", 0)))
    orders = [order(k, f"x{k}", items=["in"], values=["y" * 100_000]) for k in range(50)]
    for slot in (0, 0, 1):
        runner.submit(slot, Batch(work, orders))
    events = events_of(runner, lambda found: len(found) == 150)
    assert all(isinstance(one, Outcome) and one.end is End.DONE for one in events)


@pytest.mark.parametrize(
    ("how", "code"), [("segfault", -signal.SIGSEGV), ("kill", -signal.SIGKILL), ("_exit", 0)]
)
def test_a_crash_has_a_name_and_what_was_not_done_is_told(
    runner: Processes, tmp_path: Path, how: str, code: int
) -> None:
    orders = [order(0, "a", values=["stay"]), order(1, "b", values=[how])]
    orders.append(order(2, "c", values=["stay"]))
    outcomes, died = death_of(runner, LEAVE, orders)
    assert (died.slot, died.index, died.code) == (0, 1, code)
    done = {outcome.index for outcome in outcomes}
    assert set(died.unfinished) == {0, 1, 2} - done
    assert not (tmp_path / "b").exists() and not (tmp_path / "c").exists()
    if how == "segfault":
        assert "Segmentation fault" in log_of(tmp_path, died)
    outcomes_of(runner, LEAVE, [order(2, "c", values=["stay"])])
    assert (tmp_path / "c").read_text() == "half"


def test_the_neighbour_of_a_crashed_slot_goes_on(runner: Processes, tmp_path: Path) -> None:
    runner.submit(1, Batch(SLEEP, [order(9, "slept", values=[0.4, str(tmp_path / "mark")])]))
    runner.submit(0, Batch(LEAVE, [order(1, "b", values=["kill"])]))
    events = events_of(runner, lambda found: len(found) == 2)
    ends = [one.end for one in events if isinstance(one, Outcome)]
    assert ends == [End.DONE] and (tmp_path / "slept").exists()


def test_a_dead_slot_is_made_anew_in_a_moment(runner: Processes) -> None:
    death_of(runner, LEAVE, [order(0, "a", values=["kill"])])
    began = time.monotonic()
    outcomes_of(runner, LEAVE, [order(1, "b", values=["stay"])])
    assert time.monotonic() - began < 10


def test_a_stop_lets_the_finally_clauses_of_a_function_run(
    runner: Processes, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    orders = [order(k, f"x{k}", values=[60, str(mark)]) for k in range(3)]
    runner.submit(0, Batch(SLEEP, orders))
    run_until(runner, mark)
    running = runner.running(0)
    assert running is not None and running[0] == 0
    assert 0 <= time.monotonic() - running[1] < 5
    runner.stop(0, kill=False)
    outcome, died = events_of(runner, lambda found: len(found) == 2)
    assert isinstance(outcome, Outcome) and outcome.end is End.STOPPED and outcome.index == 0
    assert isinstance(died, Died) and died.index is None and died.unfinished == [1, 2]
    assert (tmp_path / "mark.finally").exists()
    assert runner.running(0) is None
    outcomes_of(runner, LEAVE, [order(5, "y", values=["stay"])])


def test_a_kill_ends_a_function_at_once_even_if_the_slot_is_suspended(
    runner: Processes, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    runner.submit(0, Batch(SLEEP, [order(0, "x", values=[60, str(mark)])]))
    run_until(runner, mark)
    pid = runner.process_id(0)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    runner.stop(0, kill=True)
    (died,) = events_of(runner, lambda found: len(found) == 1)
    assert isinstance(died, Died) and (died.index, died.code) == (0, -signal.SIGKILL)
    assert time.monotonic() - began < 10


def test_a_stopped_command_gets_a_term_and_its_slot_an_outcome(
    runner: Processes, tmp_path: Path
) -> None:
    text = f"trap 'touch {tmp_path}/trapped; exit 1' TERM; touch {tmp_path}/mark; sleep 60 & wait"
    runner.submit(0, Batch(command(), [order(0, "x", words=shell(text))]))
    run_until(runner, tmp_path / "mark")
    runner.stop(0, kill=False)
    events = events_of(runner, lambda found: any(isinstance(one, Died) for one in found))
    assert isinstance(events[0], Outcome) and events[0].end is End.STOPPED
    assert (tmp_path / "trapped").exists()


def test_a_killed_command_leaves_nothing_of_its_session(runner: Processes, tmp_path: Path) -> None:
    text = f"trap '' TERM; (exec -a killed-by-test sleep 60) & touch {tmp_path}/mark; wait; wait"
    runner.submit(0, Batch(command(), [order(0, "x", words=shell(text))]))
    run_until(runner, tmp_path / "mark")
    runner.stop(0, kill=True)
    (died,) = events_of(runner, lambda found: len(found) == 1)
    assert isinstance(died, Died) and died.index == 0
    assert not is_running("killed-by-test")


def test_slots_are_spawned_where_forking_is_not_safe(tmp_path: Path) -> None:
    runner = Processes(project(tmp_path), RUN, 1, fork=False)
    try:
        (outcome,) = outcomes_of(runner, LEAVE, [order(0, "x", values=["stay"])])
        assert outcome.end is End.DONE
        _, died = death_of(runner, LEAVE, [order(1, "y", values=["kill"])])
        assert died.index == 1
    finally:
        runner.close()


def test_closing_leaves_no_process_behind(tmp_path: Path) -> None:
    runner = Processes(project(tmp_path), RUN, 2)
    mark = tmp_path / "mark"
    runner.submit(0, Batch(LEAVE, [order(0, "x", values=["stay"])]))
    runner.submit(1, Batch(command(), [order(1, "y", words=shell(f"touch {mark}; sleep 61"))]))
    wait_for(mark)
    pids = [runner.process_id(0), runner.process_id(1)]
    began = time.monotonic()
    runner.close()
    assert time.monotonic() - began < 10
    for pid in pids:
        assert pid is not None and gone(pid)
    assert not is_running("sleep\x0061")


ENGINE = """
import os, sys, time
sys.path[:0] = {path!r}
from fileflow.executors.processes import Processes
from fileflow.model.work import Batch
from tests.executors.runs import *
runner = Processes({root!r}, {run!r}, 2)
runner.submit(0, Batch(command(), [order(0, "x", words=shell(
    "(exec -a orphan-of-test sleep 62) & touch command; wait"))]))
work = function("sleep", (*OUTPUT, ("seconds", "value", 0), ("mark", "value", 1)))
runner.submit(1, Batch(work, [order(1, "y", values=[60, "function"])]))
while not (os.path.exists("command") and os.path.exists("function")):
    runner.wait(0.01)
print(runner.process_id(0), runner.process_id(1), flush=True)
time.sleep(60)
"""


def start_engine(tmp_path: Path) -> tuple[subprocess.Popen[str], list[int]]:
    root = project(tmp_path)
    source = os.path.dirname(os.path.dirname(os.path.abspath(fileflow.__file__)))
    script = ENGINE.format(path=[source], root=root, run=RUN)
    engine = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert engine.stdout is not None
    return engine, [int(word) for word in engine.stdout.readline().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="needs parent-death signals")
def test_no_slot_and_no_command_outlives_a_killed_engine(tmp_path: Path) -> None:
    engine, pids = start_engine(tmp_path)
    with engine:
        engine.kill()
        engine.wait()
        assert len(pids) == 2 and all(gone(pid) for pid in pids)
        until = time.monotonic() + 3
        while is_running("orphan-of-test"):
            assert time.monotonic() < until
            time.sleep(0.01)
    assert not (tmp_path / "x").exists() and not (tmp_path / "y").exists()
    end_survivors(str(tmp_path / ".fileflow"))
    assert os.listdir(tmp_path / ".fileflow/stage") == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs to read the processes' table")
def test_the_next_run_ends_what_outlived_the_engine_and_its_slots(tmp_path: Path) -> None:
    engine, pids = start_engine(tmp_path)
    with engine:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)  # a stopped slot hears no signal but KILL
        engine.kill()
        engine.wait()
        assert is_running("orphan-of-test")
        assert end_survivors(str(tmp_path / ".fileflow")) >= 2
        assert not is_running("orphan-of-test")
        assert all(gone(pid) for pid in pids)
    assert os.listdir(tmp_path / ".fileflow/stage") == []


@pytest.mark.parametrize(
    "text",
    [
        "until [ -e go ]; do sleep 0.02; done; : > @/y",
        "exec 3> @/y; (until [ -e go ]; do sleep 0.02; done; echo late >&3) &",
    ],
)
def test_what_is_done_is_told_while_the_next_command_takes_its_time(
    runner: Processes, tmp_path: Path, text: str
) -> None:
    orders = [order(0, "x", words=shell(": > @/x")), order(1, "y", words=shell(text))]
    runner.submit(0, Batch(command(), orders))
    (first,) = events_of(runner, lambda found: len(found) >= 1)
    assert isinstance(first, Outcome) and (first.index, first.end) == (0, End.DONE)
    (tmp_path / "go").write_text("")
    (second,) = events_of(runner, lambda found: len(found) >= 1)
    assert isinstance(second, Outcome) and (second.index, second.end) == (1, End.DONE)


KILLED_AT_THE_START = """
import os, signal, sys
from loky.process_executor import ProcessPoolExecutor
from fileflow.executors.processes import Processes

started = ProcessPoolExecutor._start_executor_manager_thread


def killed(pool):
    started(pool)
    print(pool.process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


ProcessPoolExecutor._start_executor_manager_thread = killed
Processes(".", "run", 1, fork=sys.argv[1] == "fork").describe("jobs", "copy")
"""


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_a_slot_whose_engine_is_killed_before_it_has_a_task_dies(tmp_path: Path, how: str) -> None:
    where = {**os.environ, "PYTHONPATH": str(Path(fileflow.__file__).parents[1])}
    ended = subprocess.run(
        [sys.executable, "-c", KILLED_AT_THE_START, how],
        cwd=project(tmp_path),
        env=where,
        capture_output=True,  # ends only when no process has these streams any more
        timeout=30,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert gone(int(ended.stdout))


ENDED_AT_THE_START = """
import os, signal
from fileflow.errors import FileflowError
from fileflow.executors import slot
from fileflow.executors.processes import Processes


class Stage(slot.Stage):
    def __init__(self, run, number):
        os.kill(os.getpid(), signal.SIGTERM)
        super().__init__(run, number)


slot.Stage = Stage
runner = Processes(".", "run", 1, fork=True)
try:
    runner.describe("jobs", "copy")
except FileflowError as error:
    print(error.what)
finally:
    runner.close()
"""


def test_a_slot_that_is_ended_while_it_starts_says_nothing(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ENDED_AT_THE_START],
        cwd=project(tmp_path),
        env={**os.environ, "PYTHONPATH": str(Path(fileflow.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "cannot be started: each ended with status 0" in ended.stdout


def test_a_run_without_its_lock_that_goes_on_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(project(tmp_path), ".fileflow", "stage", "first").mkdir(parents=True)

    def comes_again(path: str) -> None:
        raise OSError(errno.ENOTEMPTY, "Directory not empty", path)

    monkeypatch.setattr(staging, "remove", comes_again)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileflowError, match="another run still works in") as found:
        end_survivors(".fileflow")
    assert found.value.status == Exit.STATE


def test_what_waits_behind_a_job_can_be_taken_back_again_and_again(
    runner: Processes, tmp_path: Path
) -> None:
    go, ran = tmp_path / "go", tmp_path / "ran"
    text = f"until [ -e {go} ]; do sleep 0.01; done"
    waits = order(0, "a", words=shell(text))
    behind = [order(k, f"b{k}", words=shell(f"echo {k} >> {ran}")) for k in (1, 2, 3)]
    runner.submit(0, Batch(command(), [waits, *behind[:2]]))
    runner.submit(0, Batch(command(), behind[2:]))
    until = time.monotonic() + 10
    while runner.running(0) is None:
        assert time.monotonic() < until
        runner.wait(0.01)
    assert runner.take_back(0) == [1, 2, 3]
    runner.submit(0, Batch(command(), behind))
    assert runner.take_back(0) == [1, 2, 3]
    assert runner.take_back(0) == []
    runner.submit(0, Batch(command(), behind[:1]))
    runner.submit(1, Batch(command(), behind[1:]))
    go.touch()
    found = events_of(runner, lambda events: len(events) >= 4)
    assert sorted(one.index for one in found if isinstance(one, Outcome)) == [0, 1, 2, 3]
    assert End.LEFT not in [one.end for one in found if isinstance(one, Outcome)]
    assert runner.wait(0.1) == []
    assert sorted(ran.read_text().split()) == ["1", "2", "3"]
