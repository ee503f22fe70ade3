"""The same jobs again over existing files, all of them by `--rerun`."""

from __future__ import annotations

from benchmarks.workload import Command, Goal, ratio
from benchmarks.workloads.a1_short_jobs import ShortJobs


class Again(ShortJobs):
    name = "S4b"
    title = "{count} Python jobs of about 0.1 ms + gather again, over existing files"
    lines = 140
    peers = ("fileflow", "loop", "joblib")

    def command(self, tool: str) -> Command:
        command = super().command(tool)
        command.before = None
        if tool == "fileflow":
            command.argv.append("--rerun")
        return command

    def goals(self) -> list[Goal]:
        return [ratio("fileflow", "loop", 1.0)]
