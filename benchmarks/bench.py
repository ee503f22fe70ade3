"""What all workloads share: the size asked for, the tools at hand, the scratch folder."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.scratch import Scratch
from benchmarks.tools import Tools


@dataclass(frozen=True)
class Bench:
    """The surroundings that a workload is made in."""

    scratch: Scratch
    tools: Tools
    quick: bool = False
    at_most: int | None = None

    def count(self, full: int, quick: int) -> int:
        """How many chunks a workload has this time."""
        wanted = quick if self.quick else full
        return wanted if self.at_most is None else min(wanted, self.at_most)

    def share(self, count: int, full: int, quick: int) -> int:
        """How many of the chunks a slow tool is given."""
        return min(count, quick if self.quick else full)
