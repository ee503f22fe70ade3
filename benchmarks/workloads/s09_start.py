"""How long fileflow takes to start, measured by what `import yaml` alone costs."""

from __future__ import annotations

from pathlib import Path

from benchmarks.chunks import ChunkFlow, fileflow_builds, write_short
from benchmarks.tools import PYTHON
from benchmarks.workload import Command, Goal, Workload, ratio


class Start(Workload):
    name = "S9"
    title = "fileflow --version, and nothing to do on {count} chunks"
    full = 10
    quick = 10
    repeat = 4

    def make(self, folder: Path) -> None:
        write_short(folder / "data", self.count)
        self.flow = ChunkFlow(folder, self.count, function="copy", gather="count")

    def commands(self) -> list[Command]:
        flow = self.flow
        flow.write("fileflow")
        yaml = Command(
            tool="python",
            label="import yaml",
            argv=[PYTHON, "-c", "import yaml"],
            folder=flow.folder,
        )
        if "fileflow" not in self.bench.tools:
            return [yaml]
        version = Command(
            tool="fileflow",
            label="--version",
            argv=self.bench.tools.call("fileflow", "--version"),
            folder=flow.folder,
        )
        nothing = Command(
            tool="fileflow",
            label="nothing to do",
            argv=self.bench.tools.call("fileflow"),
            folder=flow.folder,
            prepare=lambda: fileflow_builds(self.bench, flow),
        )
        return [version, nothing, yaml]

    def goals(self) -> list[Goal]:
        return [
            ratio("fileflow: --version", "python: import yaml", 0.8),
            ratio("fileflow: nothing to do", "python: import yaml", 1.0),
        ]
