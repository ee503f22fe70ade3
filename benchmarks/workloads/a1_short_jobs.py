"""10,000 Python jobs of about 0.15 ms and a gather: the first figure asked of the engine."""

from __future__ import annotations

from pathlib import Path

from benchmarks.chunks import ChunkFlow, fresh_command, link_data, write_numbers
from benchmarks.workload import Command, Goal, Workload, ratio


class ShortJobs(Workload):
    name = "A1"
    title = "{count} Python jobs of about 0.15 ms + gather, -j 2"
    full = 10_000
    quick = 10_000
    lines = 330
    peers = ("fileflow", "loop")

    def make(self, folder: Path) -> None:
        self.folder = folder
        write_numbers(folder / "data", self.count, self.lines)

    def commands(self) -> list[Command]:
        return [self.command(name) for name in self.peers if name in self.bench.tools]

    def shares(self) -> dict[str, int]:
        """A tool that starts an interpreter for each chunk is given fewer."""
        processes = self.bench.share(self.count, 2_000, 100)
        snakes = self.bench.share(self.count, 500, 50)
        return {"ninja": processes, "make": processes, "snakemake": snakes}

    def command(self, tool: str) -> Command:
        flow = ChunkFlow(self.folder / tool, self.count, shares=self.shares())
        link_data(self.folder / "data", flow.folder)
        return fresh_command(self.bench, flow, tool)

    def goals(self) -> list[Goal]:
        return [ratio("fileflow", "loop", 2.0)]
