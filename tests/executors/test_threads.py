from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fileflow.executors.serial import Serial
from fileflow.executors.threads import Threads
from fileflow.model.work import Batch, Died, End, Outcome
from fileflow.world import own_folder
from fileflow.world.seeding import SharedGenerators
from tests.executors.runs import (
    COPY,
    OUTPUT,
    RUN,
    SLEEP,
    events_of,
    function,
    log_of,
    order,
    outcomes_of,
    project,
)

OWN = function("own", (*OUTPUT, ("rng", "rng", "random"), ("seed", "seed", None)))


@pytest.fixture(autouse=True)
def fresh_modules() -> Iterator[None]:
    path = sys.path[:]
    yield
    sys.modules.pop("jobs", None)
    sys.path[:] = path


@pytest.fixture
def threads(tmp_path: Path) -> Iterator[Threads]:
    made = Threads(project(tmp_path), RUN)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def serial(tmp_path: Path) -> Iterator[Serial]:
    made = Serial(project(tmp_path), RUN)
    try:
        yield made
    finally:
        made.close()


def test_jobs_in_threads_run_beside_each_other(threads: Threads, tmp_path: Path) -> None:
    for slot in range(4):
        one = order(slot, f"x{slot}", values=[0.3, str(tmp_path / f"mark{slot}")])
        threads.submit(slot, Batch(SLEEP, [one]))
    events = events_of(threads, lambda found: len(found) == 4)
    ended = [one for one in events if isinstance(one, Outcome)]
    assert [one.end for one in ended] == [End.DONE] * 4
    assert max(one.started for one in ended) < min(one.started + one.seconds for one in ended)


def test_what_a_thread_prints_is_in_the_log_of_its_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "system", lambda words: 0)
    threads = Threads(project(tmp_path), RUN)
    try:
        (outcome,) = outcomes_of(threads, function("say"), [order(0, "x")])
    finally:
        threads.close()
    assert log_of(tmp_path, outcome) == "to stdout\nto stderr\n"


def test_a_job_that_draws_from_a_global_generator_is_found_and_publishes_nothing(
    threads: Threads, tmp_path: Path
) -> None:
    pytest.importorskip("numpy")
    for name in ("draw", "draw_late"):
        (outcome,) = outcomes_of(threads, function(name), [order(0, name, seed=1)])
        assert outcome.end is End.DRAWS, outcome
        assert not (tmp_path / name).exists()


def test_rng_and_seed_are_the_same_in_threads_and_serially(tmp_path: Path) -> None:
    root = project(tmp_path)
    texts = []
    for make in (Threads, Serial):
        runner = make(root, make.__name__)
        try:
            (outcome,) = outcomes_of(runner, OWN, [order(0, "x", seed=9 << 97)])
            assert outcome.end is End.DONE
        finally:
            runner.close()
        texts.append((tmp_path / "x").read_text())
    assert texts[0] == texts[1]


def test_a_failure_in_a_thread_is_an_outcome(threads: Threads) -> None:
    outcomes = outcomes_of(threads, function("fail"), [order(0, "x"), order(1, "y")])
    assert [outcome.message for outcome in outcomes] == [
        "ValueError: the third row has no month"
    ] * 2


def test_a_stopped_thread_ends_at_its_next_step_and_drops_the_rest(
    threads: Threads, tmp_path: Path
) -> None:
    orders = [order(k, f"x{k}", values=[0.3, str(tmp_path / "mark")]) for k in range(3)]
    threads.submit(0, Batch(SLEEP, orders))
    while threads.running(0) is None or not (tmp_path / "mark").exists():
        time.sleep(0.005)
    threads.stop(0, kill=False)
    events = events_of(threads, lambda found: len(found) == 3)
    assert [one.end for one in events if isinstance(one, Outcome)] == [End.STOPPED] * 3
    assert not (tmp_path / "x0").exists()
    (tmp_path / "in").write_text("")
    one = order(5, "y", items=["in"], checks=[("in", None, None)])
    (outcome,) = outcomes_of(threads, function("copy", COPY), [one])
    assert outcome.end is End.DONE


PROFILED = """
import sys
import time
from pathlib import Path

from fileflow.executors.threads import Threads
from fileflow.model.work import Batch
from tests.executors.runs import RUN, SLEEP, function, order, outcomes_of, project

root = Path(sys.argv[1])
threads = Threads(project(root), RUN)
outcomes_of(threads, function("say"), [order(0, "x")])
if sys.argv[2] == "stopped":
    threads.submit(0, Batch(SLEEP, [order(1, "y", values=[0.2, str(root / "mark")])]))
    while not (root / "mark").exists():
        time.sleep(0.005)
    threads.stop(0, kill=False)
threads.close()


class Made:
    def __init__(self):
        pass


def note(*_):
    pass


sys.setprofile(note)
Made()
sys.setprofile(None)
"""


@pytest.mark.parametrize("what", ["done", "stopped"])
def test_a_process_that_had_threads_can_be_profiled_afterwards(tmp_path: Path, what: str) -> None:
    words = [sys.executable, "-c", PROFILED, str(tmp_path), what]
    subprocess.run(words, cwd=Path(__file__).parents[2], check=True, timeout=60)


def test_threads_give_streams_and_folder_back(tmp_path: Path) -> None:
    before = os.getcwd(), sys.stdout, sys.stderr
    Threads(project(tmp_path), RUN).close()
    assert before == (os.getcwd(), sys.stdout, sys.stderr)


def test_serial_jobs_draw_from_seeded_generators_and_give_them_back(
    serial: Serial, tmp_path: Path
) -> None:
    random.seed(1)
    state = random.getstate()
    outcomes_of(serial, function("draw"), [order(k, f"x{k}", seed=5) for k in range(2)])
    assert (tmp_path / "x0").read_text() == (tmp_path / "x1").read_text()
    assert random.getstate() == state
    assert "FILEFLOW_SEED" not in os.environ


def test_serial_prints_are_logged_and_streams_given_back(
    serial: Serial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "system", lambda words: 0)
    before = sys.stdout
    (outcome,) = outcomes_of(serial, function("say"), [order(0, "x")])
    assert sys.stdout is before
    assert log_of(tmp_path, outcome) == "to stdout\nto stderr\n"


def test_a_stop_inside_a_serial_job_stops_it_and_drops_the_rest(
    serial: Serial, tmp_path: Path
) -> None:
    before = signal.signal(signal.SIGALRM, lambda number, frame: serial.stop(0, kill=False))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        orders = [order(k, f"x{k}", values=[60, str(tmp_path / "mark")]) for k in range(2)]
        outcomes = outcomes_of(serial, SLEEP, orders)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert [outcome.end for outcome in outcomes] == [End.STOPPED] * 2
    assert (tmp_path / "mark.finally").exists()


def test_where_threads_share_a_folder_one_may_not_change_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_folder, "_unshared", lambda: False)
    root = project(tmp_path)
    (tmp_path / "jobs.py").write_text("import os\n\ndef moves(output):\n    os.chdir('/tmp')\n")
    threads = Threads(root, RUN)
    try:
        (outcome,) = outcomes_of(threads, function("moves"), [order(0, "x")])
        assert os.getcwd() == root
    finally:
        threads.close()
    assert outcome.end is End.FAILED
    assert "write `executor: process`" in log_of(tmp_path, outcome) + outcome.message


def test_a_thread_that_cannot_begin_tells_of_all_its_jobs(threads: Threads, tmp_path: Path) -> None:
    log = tmp_path / ".fileflow" / "logs" / RUN / "0.log"
    log.mkdir()
    threads.submit(0, Batch(function("copy"), [order(0, "x"), order(1, "y")]))
    (died,) = events_of(threads, bool)
    assert isinstance(died, Died)
    assert (died.index, died.unfinished) == (0, [0, 1])
    log.rmdir()
    outcomes = outcomes_of(threads, function("say"), [order(0, "x"), order(1, "y")])
    assert [outcome.end for outcome in outcomes] == [End.DONE] * 2


def test_a_serial_job_beside_threads_seeds_nothing_and_is_found_to_draw(tmp_path: Path) -> None:
    root = project(tmp_path)
    generators = SharedGenerators()
    threads = Threads(root, RUN, generators=generators)
    serial = Serial(root, RUN, slot=5, generators=generators)
    state = random.getstate()
    try:
        threads.submit(0, Batch(SLEEP, [order(0, "x", values=[0.5, str(tmp_path / "mark")])]))
        while not (tmp_path / "mark").exists():
            time.sleep(0.01)
        (still,) = outcomes_of(serial, OWN, [order(1, "y", seed=1)])
        assert still.end is End.DONE
        assert random.getstate() == state
        (asleep,) = events_of(threads, bool)
        assert isinstance(asleep, Outcome) and asleep.end is End.DONE

        threads.submit(0, Batch(SLEEP, [order(2, "x", values=[0.5, str(tmp_path / "more")])]))
        while not (tmp_path / "more").exists():
            time.sleep(0.01)
        (drew,) = outcomes_of(serial, function("draw"), [order(3, "z", seed=1)])
        assert drew.end is End.DRAWS
        (beside,) = events_of(threads, bool)
        assert isinstance(beside, Outcome) and beside.end is End.DRAWS
        ends = []  # the thread tells of its job shortly before it is done with it
        while End.DONE not in ends and len(ends) < 100:
            time.sleep(0.01)
            (alone,) = outcomes_of(serial, function("draw"), [order(4, "z", seed=1)])
            ends.append(alone.end)
        assert ends[-1] is End.DONE
    finally:
        serial.close()
        threads.close()
    assert random.getstate() == state
