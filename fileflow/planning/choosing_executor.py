"""Chooses the executor of a rule that leaves the choice: `executor: auto`.

Pure: from how long its jobs take, how much of that is CPU time, and how many there are. The choice
changes how fast a rule's jobs are done and never what they make.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from fileflow.errors import counted
from fileflow.lean import dataclass

# Seconds: what a job costs over its own work, and what it takes until the first one starts.
_EACH = {"serial": 0.00005, "thread": 0.0002, "process": 0.00005}
_START = {"serial": 0.0, "thread": 0.001, "process": 0.02}
# From the simplest to the one that asks most of a function.
SIMPLEST_FIRST = ("serial", "thread", "process")
WORTH = 1.2
# So many jobs are measured before a choice is made for a rule of which nothing is recorded.
PROBES = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """What a rule's jobs took on average: seconds by the clock, and of CPU time."""

    seconds: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Choice:
    """An executor, and why in the user's words."""

    executor: str
    why: str


def predicted(executor: str, measured: Measured, count: int, cores: int) -> float:
    """Seconds in which `count` jobs are done at a guess.

    In threads only one job at a time has the interpreter: its CPU time is taken to hold it.
    """
    seconds = max(measured.seconds, measured.cpu)
    each = _EACH[executor]
    if executor == "serial":
        return count * (seconds + each)
    rounds = ceil(count / cores)
    if executor == "thread":
        held = count * (measured.cpu + each)
        return _START[executor] + max(held, rounds * (seconds + each))
    return _START[executor] + rounds * (seconds + each)


def choose_executor(
    measured: Measured,
    count: int,
    cores: int,
    among: Sequence[str] = SIMPLEST_FIRST,
) -> Choice:
    """The simplest executor that no other beats by at least `WORTH`.

    Args:
        measured: what the rule's jobs take.
        count: how many there are to do.
        cores: how many may run at once.
        among: the executors that can do them, the simplest first.
    """
    chosen = among[0]
    times = {name: predicted(name, measured, count, cores) for name in among}
    for name in among[1:]:
        if times[chosen] >= WORTH * times[name]:
            chosen = name
    return Choice(chosen, _why(chosen, times, measured, count, cores))


def _why(chosen: str, times: dict[str, float], measured: Measured, count: int, cores: int) -> str:
    facts = (
        f"{counted(count, 'job')} of {_time(measured.seconds)}, "
        f"{_time(measured.cpu)} of it CPU, on {counted(cores, 'core')}"
    )
    others = [name for name in times if name != chosen]
    if not others:
        return f"{facts}; nothing else can do them"
    least = max(times[chosen], 1e-9)
    compared = ", ".join(f"{name} {times[name] / least:.2g} × as long" for name in others)
    return f"{facts}: about {_time(times[chosen])} in all; {compared}"


def _time(seconds: float) -> str:
    if seconds < 0.0995:
        return f"{seconds * 1000:.2g} ms"
    return f"{seconds:.3g} s"
