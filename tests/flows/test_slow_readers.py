"""A run goes on though nobody reads what it says; who reads late gets all of it."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from .space import PATIENCE, Space, wait_for

SHORT = """
    wildcards: {n: {range: 10}}
    rules:
      all: {input: ["o/{n}"]}
      r: {output: "o/{n}", shell: "sleep 0.05; : PAD; echo {n} > {output}"}
    """.replace("PAD", "x" * 20_000)  # more than any pipe or terminal takes
LONG = (
    SHORT.replace("[", "[long, ")
    + """
      long: {output: long, priority: 5, shell: "sleep 60 & sleep 60; touch {output}"}
    """
)
LATE = LONG.replace("priority: 5", "priority: 5, timeout: 2")


class Unread:
    """A command line with its streams in a pipe or a terminal that nobody reads as yet."""

    def __init__(self, space: Space, where: str) -> None:
        self._space = space
        self.reader, self._writer = os.pipe() if where == "pipe" else pty.openpty()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *args: str) -> "subprocess.Popen[bytes]":
        words = [sys.executable, "-m", "fileflow", "-j", "2", "-v", "-p", *args]
        self.process = subprocess.Popen(
            words,
            cwd=self._space.root,
            env={**self._space.environment(), "TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=self._writer,
            stderr=self._writer,
            start_new_session=True,
            # Where the tests run in the background of a shell, Ctrl-C is ignored from the start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        os.close(self._writer)
        return self.process

    def read(self) -> str:
        """All that comes until the end."""
        found = b""
        while True:
            try:
                block = os.read(self.reader, 1000)
            except OSError:
                break
            if not block:
                break
            found += block
        return found.decode()

    def close(self) -> None:
        os.close(self.reader)
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture(params=["pipe", "terminal"])
def unread(space: Space, request: pytest.FixtureRequest) -> Iterator[Unread]:
    found = Unread(space, request.param)
    yield found
    found.close()


@pytest.fixture
def piped(space: Space) -> Iterator[Unread]:
    found = Unread(space, "pipe")
    yield found
    found.close()


def all_built(space: Space) -> bool:
    return space.exists("o") and len(space.files("o")) == 10


def state_of_the_run(space: Space) -> str:
    return str(json.loads(space.flow("status", "--json").stdout)["run"]["state"])


@pytest.mark.parametrize("progress", ["json", "plain", "bar"])
def test_jobs_go_on_and_end_in_time_while_nobody_reads(space, unread, progress):
    space.workflow(LATE)
    process = unread.start("--progress", progress, "-k")
    wait_for(lambda: all_built(space), "the jobs")
    wait_for(lambda: state_of_the_run(space) == "ended", "the end", 15)
    assert process.poll() is None  # what is left to say is waited for
    assert "timed out after 2 s" in unread.read()
    assert process.wait(PATIENCE) == 1


@pytest.mark.parametrize(("progress", "number"), [("json", signal.SIGINT), ("bar", signal.SIGTERM)])
def test_a_signal_ends_a_run_that_nobody_reads(space, unread, progress, number):
    space.workflow(LONG)
    process = unread.start("--progress", progress, "--json")
    wait_for(lambda: all_built(space), "the short jobs")
    process.send_signal(number)
    assert process.wait(8) == 128 + number


def test_a_signal_ends_the_waiting_for_a_reader(space, unread):
    space.workflow(SHORT)
    process = unread.start("--progress", "json")
    wait_for(lambda: all_built(space), "the jobs")
    wait_for(lambda: state_of_the_run(space) == "ended", "the end", 15)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 130


def test_a_reader_that_begins_late_gets_every_line_whole_and_in_order(space, piped):
    space.workflow(SHORT)
    process = piped.start("--progress", "json", "--json")
    time.sleep(2)
    events = [json.loads(line) for line in piped.read().splitlines()]
    assert process.wait(PATIENCE) == 0
    names = [event["event"] for event in events]
    assert names[0] == "run_started" and names[-2:] == ["run_finished"] * 2
    finished = [event["outputs"][0] for event in events if event["event"] == "job_finished"]
    assert sorted(finished) == sorted(f"o/{number}" for number in range(10))
    begun: set[str] = set()
    for event in events:
        if event["event"] == "job_started":
            begun.add(event["outputs"][0])
        elif event["event"] == "job_finished":
            assert event["outputs"][0] in begun
