"""Executors that others bring: what is wrong with one is said with its name, and no lie is kept."""

import signal

import pytest

from .space import Space, wait_for

PLUG_INS = """\
import os
import time

from fileflow.executors.processes import Processes
from fileflow.model.work import Died, End, Outcome


class Sound:
    def __init__(self, root, run, slots):
        self.inner = Processes(root, run, slots)

    def submit(self, slot, batch):
        self.inner.submit(slot, batch)

    def wait(self, seconds):
        return self.inner.wait(seconds)

    def stop(self, slot, *, kill):
        self.inner.stop(slot, kill=kill)

    def close(self):
        self.inner.close()


class SubmitRaises(Sound):
    def submit(self, slot, batch):
        raise OSError("queue is full")


class WaitRaises(Sound):
    def wait(self, seconds):
        raise ConnectionError("lost the cluster")


class WaitExits(Sound):
    def wait(self, seconds):
        raise SystemExit(7)


class CloseRaises(Sound):
    def close(self):
        super().close()
        raise OSError("no close")


class AllRaise(SubmitRaises, CloseRaises):
    pass


class GivesNone(Sound):
    def wait(self, seconds):
        return None


class GivesRubbish(Sound):
    def wait(self, seconds):
        return ["what"]


class Twice(Sound):
    def wait(self, seconds):
        return [event for event in self.inner.wait(seconds) for _ in range(2)]


class Saying(Sound):
    said = []

    def submit(self, slot, batch):
        self.said = self.said + [self.of(slot, order) for order in batch.orders]

    def wait(self, seconds):
        said, self.said = self.said, []
        return said


class OfAnother(Saying):
    def of(self, slot, order):
        return Outcome(-1, End.FAILED)


class OfAnotherSlot(Saying):
    def of(self, slot, order):
        return Died(slot + 9, None, 1, 0, ("", 0, 0), [])


class WrongEnd(Saying):
    def of(self, slot, order):
        return Outcome(order.index, "done")


class WrongLog(Saying):
    def of(self, slot, order):
        return Outcome(order.index, End.FAILED, log=("",))


class NoOutputs(Saying):
    def of(self, slot, order):
        return Outcome(order.index, End.DONE)


class ShortDigests(Saying):
    def of(self, slot, order):
        return Outcome(order.index, End.DONE, outputs=[(b"x", b"y") for _ in order.outputs])


class Invents(Saying):
    def of(self, slot, order):
        made = [(b"x" * 32, b"y" * 16) for _ in order.outputs]
        return Outcome(order.index, End.DONE, outputs=made)


class Loses(Sound):
    def wait(self, seconds):
        self.inner.wait(seconds)
        open(os.environ["FLAGS"] + "/lost", "w").close()
        return []


class Hangs(Loses):
    def wait(self, seconds):
        while True:
            super().wait(0.1)


class CloseHangs(Sound):
    def close(self):
        open(os.environ["FLAGS"] + "/lost", "w").close()
        time.sleep(3600)


def exits(root, run, slots):
    raise SystemExit(7)
"""
CLASSES = [
    line.removeprefix("class ").rstrip(":").split("(")[0]
    for line in PLUG_INS.splitlines()
    if line.startswith("class ")
]


@pytest.fixture
def installed(space: Space) -> Space:
    """A space with two jobs, for which a distribution with executors is installed."""
    points = [f"{name} = plug_ins:{name}" for name in [*CLASSES, "exits"]]
    gone = "import sys\nsys.exit('no licence')\n"
    space.install([*points, "gone = gone:make"], plug_ins=PLUG_INS, gone=gone)
    space.workflow("""
        wildcards: {n: [1, 2]}
        rules:
          all: {input: "{n}.txt"}
          make: {output: "{n}.txt", shell: "echo {n} > {output}"}
        """)
    return space


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SubmitRaises", "submit raised OSError: queue is full"),
        ("WaitRaises", "wait raised ConnectionError: lost the cluster"),
        ("WaitExits", "wait raised SystemExit: 7"),
        ("CloseRaises", "close raised OSError: no close"),
        ("AllRaise", "submit raised OSError: queue is full"),
        ("GivesNone", "wait gave what is no list: None"),
        ("GivesRubbish", "wait gave what is neither an Outcome nor a Died: 'what'"),
        ("Twice", "wait gave what tells of a slot or a job that it was not handed, or has told of"),
        (
            "OfAnother",
            "wait gave what tells of a slot or a job that it was not handed, or has told",
        ),
        ("OfAnotherSlot", "wait gave what tells of a slot or a job that it was not handed, or has"),
        ("WrongEnd", "wait gave what has a wrong end: Outcome("),
        ("WrongLog", "wait gave what has a wrong log: Outcome("),
        ("NoOutputs", "wait gave what has not (32, 16) bytes of signature and digest for each of"),
        ("ShortDigests", "wait gave what has not (32, 16) bytes of signature and digest for each"),
    ],
)
def test_a_fault_of_an_executor_is_told_as_its_own(installed: Space, name: str, said: str) -> None:
    flow = installed.flow("--executor", name)
    assert flow.status == 3
    assert f"fileflow: executor {name!r}: {said}" in flow.stderr
    assert f"it comes from plug_ins:{name}, an entry point of" in flow.stderr
    assert "Traceback" not in flow.text and "bug" not in flow.text
    assert installed.good("--executor", "Sound").counts()[2:] == (0, 0)


def test_an_executor_that_exits_when_it_is_made_says_so(installed: Space) -> None:
    flow = installed.flow("--executor", "exits")
    assert flow.status == 2 and "'exits' cannot be made: SystemExit: 7\n" in flow.stderr
    flow = installed.flow("--executor", "gone")
    assert flow.status == 2 and "'gone' cannot be made: SystemExit: no licence\n" in flow.stderr


def test_a_job_that_is_said_to_be_done_and_left_no_file_has_failed(installed: Space) -> None:
    flow = installed.run("--executor", "Invents")
    assert flow.status == 1 and flow.counts()[0] == 0
    assert "its executor 'Invents' says that it made 1.txt, which is not there" in flow.text
    assert installed.good().counts() == (2, 0, 0, 0)


@pytest.mark.parametrize("name", ["Loses", "Hangs", "CloseHangs"])
def test_a_second_signal_waits_for_no_executor(installed: Space, name: str) -> None:
    running = installed.start("--executor", name)
    wait_for(lambda: installed.flagged("lost"), "the executor")
    running.send(signal.SIGINT)
    with pytest.raises(AssertionError):
        wait_for(lambda: running.process.poll() is not None, "the end", 0.5)
    running.send(signal.SIGINT)
    flow = running.end(10)
    assert flow.status == 130
    assert "Traceback" not in flow.text
    assert installed.good().counts()[2:] == (0, 0)
