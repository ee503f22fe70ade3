"""Nothing to do on 100,000 chunks, against ninja and Snakemake."""

from __future__ import annotations

from benchmarks.nothing import NothingToDo
from benchmarks.workload import Goal, ratio


class Nothing(NothingToDo):
    name = "S1"
    full = 100_000
    quick = 10_000

    def goals(self) -> list[Goal]:
        return [ratio("fileflow", "ninja", 0.8), ratio("fileflow", "snakemake", 0.01)]
