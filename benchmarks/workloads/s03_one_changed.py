"""One chunk of many has changed: two jobs to run, all others to be found fresh."""

from __future__ import annotations

import itertools
from pathlib import Path

from benchmarks.chunks import ChunkFlow, fileflow_builds, link_data, write_short
from benchmarks.workload import Command, Goal, Workload, ratio


class OneChanged(Workload):
    name = "S3"
    title = "one chunk of {count} changed"
    full = 100_000
    quick = 10_000
    files_each = 6

    def make(self, folder: Path) -> None:
        self.folder = folder
        write_short(folder / "data", self.count)

    def commands(self) -> list[Command]:
        names = ("fileflow", "ninja", "make")
        limit = {"make": 10_000}
        return [
            self.command(name)
            for name in names
            if name in self.bench.tools and self.count <= limit.get(name, self.count)
        ]

    def command(self, tool: str) -> Command:
        flow = ChunkFlow(self.folder / tool, self.count, function="copy", gather="count")
        flow.command = "cp {input} {output}"
        flow.gather_command = "grep -c . {list} > {output}"
        flow.gather_shell = "grep -c . {input:file} > {output}"
        link_data(self.folder / "data", flow.folder)
        flow.write(tool)
        middle = flow.folder / "data" / f"{self.count // 2:07d}.txt"
        versions = itertools.count(1)

        def change() -> None:
            draft = middle.with_name("draft")
            draft.write_text(f"version {next(versions)}\n")
            draft.replace(middle)  # a file of its own: the other tools' chunk stays as it is

        def check() -> str:
            # Tools have made different numbers of runs, so of changes: each for itself.
            built = flow.folder / "build" / middle.name
            return "" if built.read_bytes() == middle.read_bytes() else f"{middle.name} is stale"

        def build() -> None:
            if tool == "fileflow":
                fileflow_builds(self.bench, flow)
                return
            flow.loop_builds(self.bench)
            if tool == "ninja":
                flow.ninja_is_done(self.bench)

        return Command(
            tool=tool,
            argv=flow.argv(self.bench, tool),
            folder=flow.folder,
            prepare=build,
            before=change,
            check=check,
        )

    def goals(self) -> list[Goal]:
        return [ratio("fileflow", "ninja", 1.0)]
