"""What the tests of executors share: a folder with a module of jobs, and short ways to run them."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Protocol

from fileflow.model.work import STAGE, Batch, Died, Event, Order, Outcome, Work

# Of this process alone: a slot that dies takes all with it that carries the name of its run.
RUN = f"testrun-{os.getpid()}"

JOBS = """
import ctypes, os, random, signal, subprocess, sys, threading, time

def copy(input, output):
    output.write_bytes(input.read_bytes())

def say(output):
    print("to stdout")
    print("to stderr", file=sys.stderr)
    os.system("echo from a child")
    output.write_text("said")

def draw(output):
    output.write_text(repr(random.random()))

def draw_late(output):
    import numpy.random
    output.write_text(repr(float(numpy.random.random())))

def own(output, rng, seed):
    output.write_text(f"{rng.random()} {seed}")

def fail(output):
    output.write_text("half")
    raise ValueError("the third row has no month")

def leave(output, how):
    output.write_text("half")
    if how == "exit":
        sys.exit(0)
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "generator":
        raise GeneratorExit
    if how == "segfault":
        ctypes.string_at(0)
    if how == "_exit":
        os._exit(0)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "recursion":
        leave_again(output)

def leave_again(output):
    leave_again(output)

def sleep(output, seconds, mark):
    try:
        open(mark, "w").close()
        time.sleep(seconds)
    finally:
        open(mark + ".finally", "w").close()
    output.write_text("slept")

def pollute(output):
    os.chdir("/")
    os.umask(0)
    os.environ["LEFT"] = "behind"
    os.environ.pop("HOME", None)
    os.close(1)
    os.close(2)
    sys.stdout = None
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.alarm(1)
    sys.path.insert(0, "/nowhere")
    threading.Thread(target=time.sleep, args=(0.2,), name="stray").start()
    subprocess.Popen(["sleep", "60"])
    open(os.path.join(os.environ["PWD_WAS"], str(output)), "w").close()

def look(output):
    time.sleep(1.1)
    print("still here")
    mask = os.umask(0)
    os.umask(mask)
    output.write_text("|".join([
        os.getcwd(), oct(mask), os.environ.get("LEFT", "-"), str("HOME" in os.environ),
        str("/nowhere" in sys.path), str(signal.getsignal(signal.SIGTERM) != signal.SIG_IGN),
    ]))

def show(output, name):
    output.write_text(os.environ.get(name, "-"))

def overwrite(input, output):
    input.write_text("changed")
    output.write_text("x")

def shapes(input, output, n, *, whole=None):
    output.write_text(repr((input, n)))

async def later(output):
    import asyncio
    await asyncio.sleep(0)
    output.write_text("awaited")

def yields(output):
    yield output
"""


class Runs(Protocol):
    def submit(self, slot: int, batch: Batch) -> None: ...

    def wait(self, seconds: float | None) -> list[Event]: ...


OUTPUT = (("output", "output", 0),)
COPY = (("input", "input", 0), *OUTPUT)


def project(folder: Path) -> str:
    (folder / "jobs.py").write_text(JOBS)
    return str(folder)


def function(name: str, parameters: tuple[tuple[str, str, object], ...] = OUTPUT) -> Work:
    return Work(
        key=abs(hash((name, parameters))),
        rule=name,
        kind="run",
        module="jobs",
        function=name,
        parameters=parameters,
    )


SLEEP = function("sleep", (*OUTPUT, ("seconds", "value", 0), ("mark", "value", 1)))


def command(kind: str = "shell", **said: object) -> Work:
    return Work(key=7, rule="command", kind=kind, **said)  # type: ignore[arg-type]


def shell(text: str) -> list[str]:
    """The words for a text in which `@` stands for the stage."""
    return ["bash", "-euo", "pipefail", "-c", text.replace("@", STAGE)]


def order(index: int, output: str | None = None, **said: object) -> Order:
    made = Order(index, 1, [], [], [output] if output else [], [0] if output else [])
    for name, value in said.items():
        setattr(made, name, value)
    return made


def events_of(
    runner: Runs, done: Callable[[list[Event]], bool], seconds: float = 20
) -> list[Event]:
    events: list[Event] = []
    until = monotonic() + seconds
    while not done(events):
        assert monotonic() < until, f"nothing more came after {events}"
        events += runner.wait(0.5)
    return events


def outcomes_of(runner: Runs, work: Work, orders: list[Order], slot: int = 0) -> list[Outcome]:
    runner.submit(slot, Batch(work, orders))
    events = events_of(runner, lambda found: len(found) >= len(orders))
    outcomes = []
    for event in events:
        assert isinstance(event, Outcome), event
        outcomes.append(event)
    return outcomes


def death_of(runner: Runs, work: Work, orders: list[Order]) -> tuple[list[Outcome], Died]:
    runner.submit(0, Batch(work, orders))
    events = events_of(runner, lambda found: any(isinstance(one, Died) for one in found))
    (died,) = [one for one in events if isinstance(one, Died)]
    return [one for one in events if isinstance(one, Outcome)], died


def log_of(root: Path, outcome: Outcome | Died) -> str:
    name, offset, length = outcome.log
    data = (root / name).read_bytes()[offset : offset + length]
    return data.decode()


def seed() -> int:
    return random.getrandbits(128)


def is_running(marker: str) -> bool:
    """Whether a living process has this word in its command line."""
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes()
            state = Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if marker.encode() in words and state not in "ZX":
            return True
    return False
