"""Python jobs of 20 ms of CPU: two cores must do them almost twice as fast as one."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks import steps
from benchmarks.chunks import ChunkFlow, fresh_command, link_data, names
from benchmarks.workload import Command, Goal, Workload, speed


def rounds_of(folder: Path, seconds: float) -> int:
    """How many rounds of `burn` take so long on this machine."""
    source, result = folder / "rounds", folder / "result"
    rounds = 20_000
    source.write_text(str(rounds))
    taken = []
    for _ in range(5):
        start = time.process_time()
        steps.burn(source, result)
        taken.append(time.process_time() - start)
    source.unlink()
    result.unlink()
    return max(1, round(rounds * seconds / min(taken)))


class LongJobs(Workload):
    name = "S5"
    title = "{count} Python jobs of 20 ms CPU + gather, -j 2"
    full = 1_000
    quick = 200

    def make(self, folder: Path) -> None:
        self.folder = folder
        rounds = rounds_of(folder, 0.020)
        (folder / "data").mkdir()
        for number, name in enumerate(names(self.count)):
            (folder / "data" / f"{name}.txt").write_text(f"{rounds + number % 7}\n")

    def commands(self) -> list[Command]:
        peers = ("fileflow", "loop", "joblib")
        return [self.command(name) for name in peers if name in self.bench.tools]

    def command(self, tool: str) -> Command:
        flow = ChunkFlow(self.folder / tool, self.count, function="burn", gather="count")
        link_data(self.folder / "data", flow.folder)
        return fresh_command(self.bench, flow, tool)

    def goals(self) -> list[Goal]:
        return [speed("fileflow", "loop", 1.9)]
