"""One chain is ten times longer than the others: who starts it last waits for it."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.chunks import HERE
from benchmarks.tools import PYTHON
from benchmarks.workload import Command, Goal, Results, Workload, divided, median_of

WORKFLOW = """\
wildcards:
  chain: data/{chain}.txt

rules:
  all:
    input: build/three/{chain}.txt

  one:
    input: data/{chain}.txt
    output: build/one/{chain}.txt
    run: steps:nap

  two:
    input: build/one/{chain}.txt
    output: build/two/{chain}.txt
    run: steps:nap

  three:
    input: build/two/{chain}.txt
    output: build/three/{chain}.txt
    run: steps:nap
"""
STEPS = (("data", "build/one"), ("build/one", "build/two"), ("build/two", "build/three"))


class Unequal(Workload):
    """The long chain is as long as all the others together: two cores can be just full.

    The time is that of the whole command. Jobs are long enough for its start, which other workloads
    measure, not to hide the order that is measured here.
    """

    name = "S12"
    title = "{count} chains of three 0.4 s jobs and one of 4 s jobs, -j 2, second run on"
    full = 10
    quick = 10

    def make(self, folder: Path) -> None:
        self.folder = folder
        self.nap = 0.4 if self.bench.at_most is None else 0.01
        for tool in ("fileflow", "ninja"):
            data = folder / tool / "data"
            data.mkdir(parents=True)
            shutil.copy(HERE / "steps.py", folder / tool)
            for number in range(self.count):
                (data / f"{number:03d}.txt").write_text(f"{self.nap}")
            (data / "999.txt").write_text(f"{self.nap * 10}")
        (folder / "fileflow" / "Workflowfile").write_text(WORKFLOW)
        self.write_ninja(folder / "ninja")

    def write_ninja(self, folder: Path) -> None:
        with (folder / "build.ninja").open("w") as file:
            file.write(f"rule nap\n  command = {PYTHON} steps.py nap $in $out\n")
            for path in sorted((folder / "data").iterdir()):
                for source, result in STEPS:
                    file.write(f"build {result}/{path.name}: nap {source}/{path.name}\n")

    def commands(self) -> list[Command]:
        made = []
        if "fileflow" in self.bench.tools:
            words = ("-j", "2", "--rerun")
            folder = self.folder / "fileflow"
            made.append(self.command("fileflow", self.bench.tools.call("fileflow", *words), folder))
        if "ninja" in self.bench.tools:
            folder = self.folder / "ninja"
            ninja = self.command("ninja", self.bench.tools.call("ninja", "-j", "2"), folder)
            ninja.before = lambda: self.bench.scratch.aside(folder / "build")
            made.append(ninja)
        return made

    def command(self, tool: str, argv: list[str], folder: Path) -> Command:
        return Command(tool=tool, argv=argv, folder=folder, outputs=folder / "build")

    def best(self) -> float:
        """The best schedule: the long chain on one core, or both cores full."""
        long = 3 * 10 * self.nap
        return max(long, (long + 3 * self.nap * self.count) / 2)

    def goals(self) -> list[Goal]:
        return [Goal("fileflow at most 1.05 × the best schedule", 1.05, self.makespan)]

    def makespan(self, results: Results, _: object) -> float | None:
        return divided(median_of(results, "fileflow"), self.best())
