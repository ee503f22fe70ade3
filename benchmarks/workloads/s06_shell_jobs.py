"""Trivial shell jobs: plain words, a redirection, and a pipe, which needs a shell."""

from __future__ import annotations

from pathlib import Path

from benchmarks.chunks import ChunkFlow, fresh_command, link_data, write_short
from benchmarks.workload import Command, Goal, Workload, ratio

COPY = "cp {input} {output}"
REDIRECTION = "cat {input} > {output}"
PIPE = "cat {input} | cat > {output}"


class ShellJobs(Workload):
    name = "S6"
    title = "{count} trivial shell jobs, -j 2"
    full = 10_000
    quick = 1_000

    def make(self, folder: Path) -> None:
        self.folder = folder
        write_short(folder / "data", self.count)

    def commands(self) -> list[Command]:
        variants = [
            ("fileflow", "cp", COPY, ""),
            ("ninja", "cp", COPY, ""),
            ("make", "cp", COPY, ""),
            ("fileflow", "redirection", REDIRECTION, ""),
            ("ninja", "redirection", REDIRECTION, ""),
            ("fileflow", "redirection by sh", REDIRECTION, "shell_words: [sh, -c]"),
            ("fileflow", "pipe", PIPE, ""),
            ("ninja", "pipe", PIPE, ""),
        ]
        if not self.bench.quick:
            variants.append(("make", "redirection", REDIRECTION, ""))
            variants.append(("snakemake", "cp", COPY, ""))
        return [self.command(*variant) for variant in variants if variant[0] in self.bench.tools]

    def command(self, tool: str, label: str, text: str, extra: str) -> Command:
        folder = self.folder / f"{tool}-{label.replace(' ', '-')}"
        flow = ChunkFlow(folder, self.count, function="copy", gather="count")
        flow.command = flow.shell = text
        flow.rule_extra = extra
        flow.gather_command = "grep -c . {list} > {output}"
        flow.shares = {"snakemake": self.bench.share(self.count, 500, 50)}
        link_data(self.folder / "data", flow.folder)
        return fresh_command(self.bench, flow, tool, label)

    def goals(self) -> list[Goal]:
        return [
            ratio("fileflow: cp", "ninja: cp", 0.8),
            ratio("fileflow: redirection", "ninja: redirection", 1.35),
            ratio("fileflow: redirection by sh", "ninja: redirection", 1.1),
        ]
