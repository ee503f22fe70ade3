"""Nothing to do: all is made and fresh, and a tool has to find that out.

fileflow, ninja, make and Snakemake look at the very same files. doit believes only its own runs,
so it has a folder of its own.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.chunks import ChunkFlow, fileflow_builds, link_data, write_short
from benchmarks.scratch import call
from benchmarks.workload import Command, Workload

# More chunks than this would take these tools longer than anyone waits.
FULL_LIMITS = {"make": 100_000, "doit": 10_000, "snakemake": 10_000}
QUICK_LIMITS = {"make": 10_000, "doit": 10_000, "snakemake": 10_000}


class NothingToDo(Workload):
    """For subclasses, which say how many chunks."""

    title = "nothing to do, {count} chunks + gather"
    axis = "nothing to do"
    files_each = 2.2

    def make(self, folder: Path) -> None:
        write_short(folder / "data", self.count)
        self.limits = QUICK_LIMITS if self.bench.quick else FULL_LIMITS
        self.flow = ChunkFlow(folder / "same", self.count, function="copy", gather="count")
        self.flow.command = "cp {input} {output}"
        self.flow.gather_command = "grep -c . {list} > {output}"
        self.flow.folder.mkdir()
        (folder / "data").rename(self.flow.folder / "data")

    def commands(self) -> list[Command]:
        names = ("fileflow", "ninja", "make", "doit", "snakemake")
        return [self.command(name) for name in names if self.takes_part(name)]

    def takes_part(self, tool: str) -> bool:
        # Scaling a figure up by more than ten would say little.
        return tool in self.bench.tools and self.count <= 10 * self.limits.get(tool, self.count)

    def command(self, tool: str) -> Command:
        flow = self.flow if tool != "doit" else self.apart(tool)
        flow.shares = self.limits
        flow.write(tool)
        share = flow.chunks(tool) / flow.count
        start_up = None if share == 1 else lambda: flow.start_up(self.bench, tool, again=True)
        return Command(
            tool=tool,
            argv=flow.argv(self.bench, tool),
            folder=flow.folder,
            jobs=flow.count + 1,
            share=share,
            start_up=start_up,
            prepare=lambda: self.build(flow, tool),
        )

    def apart(self, tool: str) -> ChunkFlow:
        folder = self.flow.folder.parent / tool
        return ChunkFlow(folder, self.count, function="copy", gather="count")

    def build(self, flow: ChunkFlow, tool: str) -> None:
        if tool == "fileflow":
            fileflow_builds(self.bench, flow)
            return
        if flow is not self.flow:
            link_data(self.flow.folder / "data", flow.folder)
        elif not (flow.folder / "build" / "all.txt").exists():
            flow.loop_builds(self.bench)
        if tool == "ninja":
            flow.ninja_is_done(self.bench)
        elif tool != "make":
            call(flow.argv(self.bench, tool), flow.folder)
