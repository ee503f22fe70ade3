"""Whether a run is to end early: what signals set, and all who work for the run look at."""

from __future__ import annotations

from collections.abc import Callable


class Stop:
    """Whether the run is to end early, and how; set from a signal handler.

    `hooks` are called from there too, with whether jobs are to be killed: by runners whose jobs run
    in this process, where nobody else can reach them.
    """

    def __init__(self) -> None:
        self.signal = 0
        self.count = 0
        self.hooks: list[Callable[[bool], None]] = []

    def __call__(self, number: int) -> None:
        """A signal came: the first one ends running jobs, the second kills them."""
        self.signal = self.signal or number
        self.count += 1
        for hook in self.hooks:
            hook(self.count > 1)
