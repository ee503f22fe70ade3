"""Executors that other distributions bring, by the entry-point group `fileflow.executors`.

An entry point names a factory, `make(root, run, slots)`, which gives a `Runner` for the project in
the folder `root`, the run with the id `run` and slots 0 … `slots` - 1. It gets the jobs of rules
that name it, functions and commands alike, and with `--executor` those of rules that name none.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

from fileflow.errors import FileflowError, did_you_mean
from fileflow.model.ports import Runner
from fileflow.model.rules import Executor
from fileflow.model.work import Batch, Died, Event

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "fileflow.executors"
BUILT_IN = tuple(executor.value for executor in Executor)


def _points() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # slow to import, and seldom needed

    return entry_points(group=GROUP)


def check_name(name: str) -> None:
    """Whether there is an executor of this name.

    Raises:
        FileflowError: if there is none; names the nearest.
    """
    if name in BUILT_IN:
        return
    known = [*BUILT_IN, *sorted(point.name for point in _points())]
    if name not in known:
        raise FileflowError(
            f"there is no executor {name!r}",
            hint=did_you_mean(name, known) or f"there are {', '.join(known)}",
        )


def load(name: str, root: str, run: str, slots: int) -> PlugIn:
    """The runner that a plug-in makes.

    Raises:
        FileflowError: if there is no such plug-in, or it does not make a runner.
    """
    check_name(name)
    point = next(point for point in _points() if point.name == name)
    try:
        runner = point.load()(root, run, slots)
    except Exception as error:
        raise FileflowError(
            f"executor {name!r} cannot be made: {type(error).__name__}: {error}",
            hint=f"it comes from {point.value}, an entry point of the group {GROUP}",
        ) from error
    lacking = [
        verb for verb in ("submit", "wait", "stop", "close") if not callable(_verb(runner, verb))
    ]
    if lacking:
        raise FileflowError(
            f"executor {name!r} is no runner: it lacks {', '.join(lacking)}",
            hint=f"it comes from {point.value}, an entry point of the group {GROUP}",
        )
    return PlugIn(runner)


def _verb(runner: object, verb: str) -> object:
    return getattr(runner, verb, None)


class PlugIn:
    """A runner that tells which job a slot runs and since when, by what it was handed."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._handed: dict[int, dict[int, None]] = {}
        self._began: dict[int, float] = {}

    def submit(self, slot: int, batch: Batch) -> None:
        """Hands a batch to a slot."""
        handed = self._handed.setdefault(slot, {})
        if not handed:
            self._began[slot] = monotonic()
        handed.update(dict.fromkeys(order.index for order in batch.orders))
        self._runner.submit(slot, batch)

    def wait(self, seconds: float | None) -> list[Event]:
        """What has happened since the last call."""
        events = self._runner.wait(seconds)
        for event in events:
            ended = event.unfinished if isinstance(event, Died) else [event.index]
            for slot, handed in self._handed.items():
                for index in ended:
                    if index in handed:
                        del handed[index]
                        self._began[slot] = monotonic()
        return events

    def running(self, slot: int) -> tuple[int, float] | None:
        """The job that the slot runs, and when it began on the monotonic clock."""
        told = getattr(self._runner, "running", None)
        if callable(told):
            found: tuple[int, float] | None = told(slot)
            return found
        index = next(iter(self._handed.get(slot, ())), None)
        return None if index is None else (index, self._began[slot])

    def stop(self, slot: int, *, kill: bool) -> None:
        """Ends the job that the slot runs."""
        self._runner.stop(slot, kill=kill)

    def close(self) -> None:
        """Ends all slots."""
        self._runner.close()
