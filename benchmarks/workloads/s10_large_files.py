"""Large files, copied by a function: what digests cost."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.chunks import ChunkFlow, fresh_command, names
from benchmarks.tools import module_found
from benchmarks.workload import Command, Goal, Results, Workload, divided, median_of, ratio

SLOW_COPY = 0.060  # seconds for 64 MB; where it takes that long, sha256 has less of a share


class LargeFiles(Workload):
    name = "S10"
    title = "{count} chunks of 64 MB copied by a function, -j 2"
    full = 64
    quick = 8
    files_each = 30
    megabytes_each = 200.0
    size = 64 << 20

    def make(self, folder: Path) -> None:
        self.folder = folder
        if self.bench.at_most is not None:
            self.size = 1 << 20
        (folder / "data").mkdir()
        block = random.Random(2013).randbytes(1 << 20)
        for number, name in enumerate(names(self.count)):
            with open(folder / "data" / f"{name}.txt", "wb") as file:
                for part in range(self.size >> 20):
                    file.write(f"{number} {part}".encode().ljust(16))
                    file.write(block[16:])
        # What makes fileflow do without the extra `fast`, even where it is installed.
        (folder / "without").mkdir()
        (folder / "without" / "blake3.py").write_text('raise ImportError("left out")\n')

    def commands(self) -> list[Command]:
        made = []
        if "fileflow" in self.bench.tools:
            if module_found("blake3"):
                made.append(self.command("fileflow", "blake3", {}))
            without = {"PYTHONPATH": str(self.folder / "without")}
            made.append(self.command("fileflow", "sha256", without))
        made.append(self.command("loop", "", {}))
        return made

    def command(self, tool: str, label: str, env: dict[str, str]) -> Command:
        folder = self.folder / (label or tool)
        flow = ChunkFlow(folder, self.count, function="copy_large", gather="count")
        folder.mkdir()
        # The chunks are too large for more than one copy, and few enough to be linked.
        (folder / "data").mkdir()
        for name in names(self.count):
            (folder / "data" / f"{name}.txt").hardlink_to(self.folder / "data" / f"{name}.txt")
        command = fresh_command(self.bench, flow, tool, label)
        command.env = env
        aside = command.before

        def clear() -> None:
            # A few files: these may be deleted, and must be, or they would fill the disk.
            for path in (folder / "build").glob("*.txt"):
                path.unlink()
            if aside:
                aside()

        command.before = clear
        return command

    def goals(self) -> list[Goal]:
        sha256 = Goal("fileflow: sha256 at most 2.1 × loop (fast copy)", 2.1, self.fast_copy)
        slow = Goal("fileflow: sha256 at most 1.15 × loop (slow copy)", 1.15, self.slow_copy)
        return [ratio("fileflow: blake3", "loop", 1.15), sha256, slow]

    def is_slow(self, results: Results) -> bool:
        loop = median_of(results, "loop")
        return loop is not None and loop / self.count >= SLOW_COPY * self.size / (64 << 20)

    def sha256_ratio(self, results: Results) -> float | None:
        return divided(median_of(results, "fileflow: sha256"), median_of(results, "loop"))

    def fast_copy(self, results: Results, _: object) -> float | None:
        return None if self.is_slow(results) else self.sha256_ratio(results)

    def slow_copy(self, results: Results, _: object) -> float | None:
        return self.sha256_ratio(results) if self.is_slow(results) else None
