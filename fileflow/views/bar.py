"""A run as a progress bar on a terminal, with failures and warnings above it.

Knows of tqdm, which is loaded only when there is something to show.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, TextIO, cast

from fileflow.engine import events
from fileflow.views.plain import Manner, Plain
from fileflow.views.style import Writer

if TYPE_CHECKING:
    from tqdm.std import tqdm

REDRAWN = 0.1
FORMAT = "{percentage:3.0f} %|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"


class Bar(Plain):
    """Shows how far a run is in one line that is drawn again and again."""

    def __init__(
        self, writer: Writer, manner: Manner, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(writer, manner, clock)
        self._bar: tqdm[NoReturn] | None = None
        self._drawn_at = 0.0
        self._rule = ""
        self._is_hidden = False

    def __call__(self, event: events.Event) -> None:
        """Shows one event, then the bar again if something was written over it."""
        super().__call__(event)
        if self._bar is not None and (self._is_hidden or self._is_due_again()):
            self._draw(self._bar)

    def say(self, line: str) -> None:
        """Writes a line above the bar."""
        if self._bar is not None and not self._is_hidden:
            self._bar.clear()
            self._is_hidden = True
        super().say(line)

    def tick(self) -> None:
        """Redraws the times; to be called about once a second when nothing happens."""
        super().tick()
        if self._bar is not None and self._is_due_again():
            self._draw(self._bar)

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _run_started(self, event: events.RunStarted) -> None:
        if self.pace.total:
            self._bar = _made(self._writer, self.pace.total)

    def _run_grew(self, event: events.RunGrew) -> None:
        if self._bar is None and self.pace.total:
            self._bar = _made(self._writer, self.pace.total)

    def _job_started(self, event: events.JobStarted) -> None:
        super()._job_started(event)
        self._rule = event.job.rule

    def _job_ended(self, event: events.JobEnded) -> None:
        self._rule = event.job.rule
        super()._job_ended(event)

    def _is_due(self) -> bool:
        return False  # the bar itself says how far the run is

    def _run_finished(self, event: events.RunFinished) -> None:
        self.close()
        super()._run_finished(event)

    def _is_due_again(self) -> bool:
        return self._clock() - self._drawn_at >= REDRAWN

    def _draw(self, bar: tqdm[NoReturn]) -> None:
        if self._writer.behind:
            return  # nobody reads: one picture after the other would pile up
        self._is_hidden = False
        self._drawn_at = self._clock()
        pace = self.pace
        bar.n, bar.total = pace.done, pace.total
        bar.ncols = self._writer.width()
        bar.set_postfix_str(", ".join(self._facts()), refresh=False)
        bar.refresh()

    def _facts(self) -> list[str]:
        facts = []
        left = self.pace.left_in_words()
        if left:
            facts.append(left)
        if self.pace.failed:
            facts.append(f"{self.pace.failed} failed")
        if self._rule:
            facts.append(self._rule)
        return facts


def _made(writer: Writer, total: int) -> tqdm[NoReturn]:
    from tqdm.std import tqdm

    class Meter(tqdm):  # type: ignore[type-arg]
        """A bar without a thread and without a lock between processes: slots are forked."""

        monitor_interval = 0

    Meter.set_lock(threading.RLock())
    return Meter(
        total=total,
        file=cast(TextIO, writer),
        leave=False,
        ncols=writer.width(),
        bar_format=FORMAT,
    )
