"""Runs the commands of a workload in turn and takes their times, CPU and peak memory."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scratch import last_words
from benchmarks.workload import BenchError, Command, Figures

Say = Callable[[str], None]


@dataclass(frozen=True)
class Effort:
    """How often to run, and when to stop doing so."""

    runs: int = 5
    budget: float = 150.0  # seconds for all runs of one command; one run is always made
    timeout: float = 3600.0


@dataclass(frozen=True)
class Run:
    """What one run took. The peak is that of the largest process, as the kernel counts it."""

    seconds: float
    cpu: float
    peak_mb: float


def run_once(command: Command, log: Path, timeout: float) -> Run:
    """Runs a command to its end; a BenchError if it fails."""
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=command.folder,
            env={**os.environ, **command.env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        killer = threading.Timer(timeout, os.killpg, (process.pid, signal.SIGKILL))
        killer.daemon = True
        killer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # Ctrl-C reaches only this process: the other has its own session
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            killer.cancel()
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    text = end_of(log)
    if process.returncode:
        raise BenchError(last_words(text) or f"exit status {process.returncode}")
    if command.own_clock:
        seconds = float(text.split()[-1])
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def end_of(log: Path, size: int = 4000) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - size))
        return file.read().decode(errors="replace")


class Turn:
    """One command with its figures so far, and whether it wants another run."""

    def __init__(self, command: Command, effort: Effort, log: Path, say: Say) -> None:
        self.command = command
        self.effort = effort
        self.log = log
        self.say = say
        self.spent = 0.0
        self.prepared = False
        self.warm = False
        self.figures = Figures(command.tool, command.label, command.jobs, command.share)

    @property
    def finished(self) -> bool:
        made = len(self.figures.seconds)
        return bool(
            self.figures.error
            or made >= self.effort.runs
            or (made and self.spent + self.spent / made > self.effort.budget)
        )

    def take(self) -> None:
        """One run more. The first warms up, unless it is so long that it may as well count."""
        try:
            self.ready()
            run = run_once(self.command, self.log, self.effort.timeout)
        except (BenchError, OSError, ValueError) as error:
            self.figures.error = str(error)
            self.say(f"{self.command.key}: failed: {error}")
            return
        counts = self.warm or run.seconds * 3 > self.effort.budget
        self.warm = True
        if counts:
            self.spent += run.seconds
            self.figures.seconds.append(run.seconds)
            self.figures.cpu.append(run.cpu)
        self.figures.peak_mb = max(self.figures.peak_mb, run.peak_mb)
        self.say(f"{self.command.key}: {run.seconds:.3f} s{'' if counts else ' (warm-up)'}")

    def ready(self) -> None:
        if not self.prepared and self.command.prepare:
            self.say(f"{self.command.key}: preparing")
            self.command.prepare()
        if not self.prepared and self.command.start_up:
            self.figures.fixed = self.command.start_up()
        self.prepared = True
        if self.command.before:
            self.command.before()


def take_turns(commands: list[Command], effort: Effort, log: Path, say: Say) -> list[Turn]:
    """A B C, A B C, …: what disturbs the machine for a while disturbs all alike."""
    turns = [Turn(command, effort, log, say) for command in commands]
    while any(not turn.finished for turn in turns):
        for turn in turns:
            if not turn.finished:
                turn.take()
    return turns
