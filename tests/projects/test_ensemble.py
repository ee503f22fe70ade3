"""Training runs that go on with their own checkpoints after the whole run was killed."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.flows.space import Running, Space, is_alive, wait_for

from .projects import begin, jobs

FINAL = ["results/ensemble.json", *(f"build/runs/{n}/weights.json" for n in range(3))]


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, str]:
    """The results of a run that nothing has disturbed."""
    base = tmp_path / "undisturbed"
    base.mkdir()
    other = Space(base)
    begin(other, "ensemble")
    other.good()
    other.close()
    return {name: other.read(name) for name in FINAL}


def _epochs(space: Space, member: int) -> list[int]:
    """The epochs of a member since the log was forgotten, in the order of their ends."""
    return [int(line.split()[1]) for line in space.log if line.startswith(f"{member} ")]


def _started_and_held(space: Space, member: int, epoch: int, *args: str) -> tuple[Running, int]:
    """Start a run; give it and the process that waits after this epoch of this member."""
    space.flag(f"hold-{member}-{epoch}")
    running = space.start(*args, "--progress", "json")
    held = space.flags / f"held-{member}-{epoch}"
    wait_for(held.exists, f"epoch {epoch} of member {member}", 60)
    return running, int(held.read_text())


def _release(space: Space, member: int, epoch: int) -> None:
    (space.flags / f"hold-{member}-{epoch}").unlink()
    (space.flags / f"held-{member}-{epoch}").unlink()


def _kill(running: Running, trainer: int) -> None:
    """Kill a run, and its trainer if that has outlived it."""
    os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait()
    with suppress(ProcessLookupError):
        os.kill(trainer, signal.SIGKILL)
    wait_for(lambda: not is_alive(trainer), "the end of the trainer")


def _results(space: Space) -> dict[str, str]:
    return {name: space.read(name) for name in FINAL}


def test_a_killed_run_goes_on_with_the_checkpoint(space: Space, wanted: dict[str, str]) -> None:
    begin(space, "ensemble")
    running, trainer = _started_and_held(space, 1, 2, "-j1")
    os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait()
    assert _epochs(space, 0) == [1, 2, 3, 4]
    assert _epochs(space, 1) == [1, 2]
    assert space.exists("build/runs/1/checkpoint.json")

    # What is there and not recorded is not believed; what is recorded is.
    assert space.good("-n").planned == jobs("train 1|2\nensemble")

    # The flag stays: a first trainer that is still alive goes on waiting, the next one is past it.
    assert space.flagged("hold-1-2")
    flow = space.good()
    assert flow.built == jobs("train 1|2\nensemble")
    assert _epochs(space, 0) == []
    assert _epochs(space, 1) == [3, 4]
    assert _results(space) == wanted

    wait_for(lambda: not is_alive(trainer), "the end of the first trainer")
    assert space.good().summary["built"] == 0
    assert _results(space) == wanted


def test_what_ended_before_it_was_recorded_is_not_believed(
    space: Space, wanted: dict[str, str]
) -> None:
    """A folder that looks complete, with a wrong result in it, but that no record speaks of."""
    begin(space, "ensemble")
    running, trainer = _started_and_held(space, 0, 4, "-j1")
    _kill(running, trainer)
    _release(space, 0, 4)
    space.write("build/runs/0/weights.json", '{"slope": 9, "offset": 9}')

    assert space.good("-n").planned == jobs("train 0|1|2\nensemble")
    assert space.good().built == jobs("train 0|1|2\nensemble")
    assert _epochs(space, 0) == []
    assert _results(space) == wanted


def test_a_killed_rebuild_leaves_no_record_of_the_former_result(
    space: Space, wanted: dict[str, str]
) -> None:
    """The former folder was good; once it is being trained again, it is nothing until that ends.

    Without another edit, but with the data as it was at first, it must not be taken as fresh.
    """
    begin(space, "ensemble")
    space.good()
    points = space.read("data/points.csv")
    space.write("data/points.csv", points + "4,9.1\n")
    space.forget()
    running, trainer = _started_and_held(space, 0, 2, "-j1")
    _kill(running, trainer)
    _release(space, 0, 2)

    space.write("data/points.csv", points)
    assert "train 0" in space.good("-n").planned
    assert "train 0" in space.good().built
    assert _epochs(space, 0) == [1, 2, 3, 4]
    assert _results(space) == wanted
    assert space.good().summary["built"] == 0


def test_interrupted_and_with_more_epochs_it_goes_on(space: Space) -> None:
    begin(space, "ensemble")
    running, _ = _started_and_held(space, 2, 3, "-j1")
    running.send(signal.SIGINT)
    assert running.end().status == 130
    _release(space, 2, 3)
    before = {member: _epochs(space, member) for member in range(3)}
    assert before[2] == [1, 2, 3]

    space.replace("Workflowfile", "epochs: 4", "epochs: 6")
    assert space.good().built == jobs("train 0|1|2\nensemble")
    for member in range(3):
        assert before[member] + _epochs(space, member) == [1, 2, 3, 4, 5, 6]
