"""Large files to read before anything starts: a Workflowfile, a config, a sheet.

The time is taken inside the process, around the loading alone.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.tools import PYTHON
from benchmarks.workload import Command, Goal, Workload, seconds

LOAD = """\
import time
from fileflow import Workflow
start = time.perf_counter()
workflow = Workflow.load("Workflowfile")
{then}
print(time.perf_counter() - start)
"""
SHEET = """\
wildcards:
  sample, site: {table: samples.csv}

rules:
  sites:
    input: data/{site}.txt
    output: build/sites.txt
    shell: cat {input} > {output}
"""
ONE_RULE = """\
config: {path: config.yaml}

rules:
  one:
    output: build/one.txt
    shell: "echo {config.group0.key0} > {output}"
"""


class Loading(Workload):
    name = "S13"
    title = "a Workflowfile of {count} lines, a config of 5 ×, a sheet of 20 × as many"
    full = 10_000
    quick = 10_000
    files_each = 0.1

    def make(self, folder: Path) -> None:
        self.folder = folder
        for name in ("workflow", "config", "sheet"):
            (folder / name).mkdir()
        self.write_workflow(folder / "workflow")
        self.write_config(folder / "config")
        self.write_sheet(folder / "sheet")

    def write_workflow(self, folder: Path) -> None:
        lines = ["rules:"]
        for number in range(self.count // 5):
            source = f"build/{number - 1}.txt" if number else "data/source.txt"
            lines += [
                f"  rule{number}:",
                f"    doc: Step number {number}.",
                f"    input: {source}",
                f"    output: build/{number}.txt",
                "    shell: cp {input} {output}",
            ]
        (folder / "Workflowfile").write_text("\n".join(lines) + "\n")

    def write_config(self, folder: Path) -> None:
        lines = []
        for group in range(self.count * 5 // 50):
            lines.append(f"group{group}:")
            lines += [f"  key{number}: {group * number / 7:.4f}" for number in range(49)]
        (folder / "config.yaml").write_text("\n".join(lines) + "\n")
        (folder / "Workflowfile").write_text(ONE_RULE)

    def write_sheet(self, folder: Path) -> None:
        (folder / "data").mkdir()
        for site in range(10):
            (folder / "data" / f"site{site}.txt").write_text("x\n")
        with (folder / "samples.csv").open("w") as sheet:
            sheet.write("sample,site,note\n")
            for number in range(self.count * 20):
                sheet.write(f"sample{number},site{number % 10},of no interest\n")
        (folder / "Workflowfile").write_text(SHEET)

    def commands(self) -> list[Command]:
        if "fileflow" not in self.bench.tools:
            return []
        plan = 'workflow.plan(["sites"])'
        parts = {"workflow": "", "config": "", "sheet": plan}
        return [
            Command(
                tool="fileflow",
                label=name,
                argv=[PYTHON, "-c", LOAD.format(then=then)],
                folder=self.folder / name,
                own_clock=True,
            )
            for name, then in parts.items()
        ]

    def goals(self) -> list[Goal]:
        part = self.count / self.full
        limits = {"workflow": 0.1, "config": 0.2, "sheet": 0.5}
        return [seconds(f"fileflow: {name}", limit * part) for name, limit in limits.items()]
