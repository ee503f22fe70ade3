"""Nothing to do on 1,000,000 chunks: still linear, still faster than ninja, in little memory."""

from __future__ import annotations

from benchmarks.nothing import NothingToDo
from benchmarks.workload import AllResults, Goal, Results, divided, median_of, megabytes, ratio


class NothingMillion(NothingToDo):
    name = "S2"
    full = 1_000_000
    quick = 100_000

    def goals(self) -> list[Goal]:
        return [
            Goal("fileflow at most 1.1 × linear in S1", 1.1, self.against_smaller),
            ratio("fileflow", "ninja", 0.6),
            megabytes("fileflow", 30 + 270 * self.count / self.full),
        ]

    def against_smaller(self, results: Results, others: AllResults) -> float | None:
        smaller = others.get("S1")
        if smaller is None:
            return None
        found = divided(median_of(results, "fileflow"), median_of(smaller.results, "fileflow"))
        return None if found is None else found * smaller.count / self.count
