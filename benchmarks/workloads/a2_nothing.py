"""Nothing to do on 10,000 chunks: the second figure that was asked of the engine."""

from __future__ import annotations

from benchmarks.nothing import NothingToDo
from benchmarks.workload import Goal, seconds


class NothingSmall(NothingToDo):
    name = "A2"
    full = 10_000
    quick = 10_000

    def goals(self) -> list[Goal]:
        return [seconds("fileflow", 0.4)]
