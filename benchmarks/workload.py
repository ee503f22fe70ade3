"""The nouns: a workload, the commands that do its work, what a run took, and the goals.

Nothing here runs anything.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.bench import Bench


class BenchError(Exception):
    """Something that keeps one command from being measured."""


@dataclass(kw_only=True)
class Command:
    """One tool doing the work of a workload, and what must happen around each run."""

    tool: str
    argv: list[str]
    folder: Path
    label: str = ""  # a variant: commands of one label are compared with each other
    jobs: int = 0  # how many jobs it runs, where a figure per job is of interest
    share: float = 1.0  # the part of the chunks that a slow tool is given; its time is scaled up
    start_up: Callable[[], float] | None = None  # its time for one chunk: this is not scaled up
    env: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] | None = None  # once, before its first run
    before: Callable[[], None] | None = None  # before each run
    outputs: Path | None = None  # the folder whose bytes must agree with the other commands'
    check: Callable[[], str] | None = None  # after the last run: what is wrong with the outputs
    own_clock: bool = (
        False  # the last word of its output is the time in seconds, it measured itself
    )
    report: Callable[[], dict[str, float]] | None = None  # further figures, after the last run

    @property
    def key(self) -> str:
        return f"{self.tool}: {self.label}" if self.label else self.tool


@dataclass
class Figures:
    """What the runs of one command took."""

    tool: str
    label: str = ""
    jobs: int = 0
    share: float = 1.0
    fixed: float = 0.0  # seconds that do not grow with the chunks, of a tool given a share
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    agrees: str = ""  # "yes", or where its outputs differ
    error: str = ""
    extra: dict[str, float] = field(default_factory=dict)

    @property
    def median(self) -> float | None:
        """Seconds for the whole of the work, scaled up if only a share was done."""
        return self.scaled(statistics.median(self.seconds)) if self.seconds else None

    def scaled(self, seconds: float) -> float:
        if seconds <= self.fixed:
            return seconds
        return self.fixed + (seconds - self.fixed) / self.share

    @property
    def median_cpu(self) -> float | None:
        return self.scaled(statistics.median(self.cpu)) if self.cpu else None


Results = Mapping[str, Figures]  # of one workload, by the key of the command
AllResults = Mapping[str, "Outcome"]  # by the name of the workload


@dataclass(frozen=True)
class Goal:
    """A limit that a figure must not pass; `value` is None where a peer is missing."""

    text: str
    limit: float
    value: Callable[[Results, AllResults], float | None]
    at_least: bool = False

    def reached(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass
class Outcome:
    """All that is known of one workload after it was run."""

    name: str
    title: str
    count: int
    note: str
    axis: str
    results: dict[str, Figures]
    goals: list[tuple[Goal, float | None]] = field(default_factory=list)


def divided(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def median_of(results: Results, key: str) -> float | None:
    figures = results.get(key)
    return figures.median if figures else None


def ratio(key: str, peer: str, limit: float) -> Goal:
    """The time of one command is at most `limit` times that of another."""
    shown = f"1/{1 / limit:.0f}" if limit <= 0.05 else f"{limit:g}"
    return Goal(
        text=f"{key} at most {shown} × {peer}",
        limit=limit,
        value=lambda results, _: divided(median_of(results, key), median_of(results, peer)),
    )


def speed(key: str, peer: str, limit: float) -> Goal:
    """One command is at least `limit` times as fast as another."""
    return Goal(
        text=f"{key} at least {limit:g} × as fast as {peer}",
        limit=limit,
        value=lambda results, _: divided(median_of(results, peer), median_of(results, key)),
        at_least=True,
    )


def seconds(key: str, limit: float) -> Goal:
    return Goal(
        text=f"{key} at most {limit:g} s",
        limit=limit,
        value=lambda results, _: median_of(results, key),
    )


def megabytes(key: str, limit: float) -> Goal:
    def value(results: Results, _: AllResults) -> float | None:
        figures = results.get(key)
        return figures.peak_mb if figures and figures.seconds else None

    return Goal(text=f"{key} at most {limit:g} MB", limit=limit, value=value)


def linear(key: str, smaller: str, times: float, slack: float) -> Goal:
    """What is `times` as large takes at most `slack × times` as long."""

    def value(results: Results, _: AllResults) -> float | None:
        found = divided(median_of(results, key), median_of(results, smaller))
        return found / times if found is not None else None

    text = f"{key} at most {slack:g} × {times:g} × {smaller} (linear)"
    return Goal(text=text, limit=slack, value=value)


class Workload:
    """One row of the table of goals. A subclass says what to make and what to run.

    `full` and `quick` are numbers of chunks (or jobs, rows, lines: what the title counts).
    """

    name = ""
    title = ""  # may hold {count}
    full = 0
    quick = 0
    axis = ""  # workloads of one axis share a line of the picture
    repeat = 1  # that many times the runs asked for, where one is very short
    files_each = 40.0  # how many files a chunk comes to, those moved aside counted
    megabytes_each = 0.0

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.count = bench.count(self.full, self.quick)

    @property
    def note(self) -> str:
        return f"scaled down from {self.full:,}" if self.count < self.full else ""

    def make(self, folder: Path) -> None:
        """Writes the inputs and what each tool needs to read, below `folder`."""
        raise NotImplementedError

    def commands(self) -> list[Command]:
        """What is measured, fileflow's own first."""
        raise NotImplementedError

    def goals(self) -> list[Goal]:
        return []
