"""The plan of many jobs in three chained rules of which nothing is built."""

from __future__ import annotations

from pathlib import Path

from benchmarks.chunks import names
from benchmarks.workload import Command, Goal, Workload, megabytes, seconds

WORKFLOW = """\
wildcards:
  chunk: data/{chunk}.txt

rules:
  all:
    input: build/three/{chunk}.txt

  one:
    input: data/{chunk}.txt
    output: build/one/{chunk}.txt
    shell: cp {input} {output}

  two:
    input: build/one/{chunk}.txt
    output: build/two/{chunk}.txt
    shell: cp {input} {output}

  three:
    input: build/two/{chunk}.txt
    output: build/three/{chunk}.txt
    shell: cp {input} {output}
"""


class Plan(Workload):
    name = "S7"
    title = "plan (-n) of {count} jobs in three chained rules, nothing built"
    full = 1_000_000
    quick = 99_999
    files_each = 0.4

    def make(self, folder: Path) -> None:
        self.folder = folder
        data = folder / "data"
        data.mkdir()
        for name in names((self.count + 2) // 3):
            with open(data / f"{name}.txt", "w"):
                pass
        (folder / "Workflowfile").write_text(WORKFLOW)
        if "ninja" in self.bench.tools:
            self.write_ninja()

    def write_ninja(self) -> None:
        with (self.folder / "build.ninja").open("w") as file:
            file.write("rule copy\n  command = cp $in $out\n")
            for name in names((self.count + 2) // 3):
                for source, result in (
                    ("data", "build/one"),
                    ("build/one", "build/two"),
                    ("build/two", "build/three"),
                ):
                    file.write(f"build {result}/{name}.txt: copy {source}/{name}.txt\n")

    def commands(self) -> list[Command]:
        words = {"fileflow": ["-n"], "ninja": ["-n", "--quiet"]}
        return [
            Command(
                tool=name,
                argv=self.bench.tools.call(name, *words[name]),
                folder=self.folder,
                jobs=self.count,
            )
            for name in words
            if name in self.bench.tools
        ]

    def goals(self) -> list[Goal]:
        part = self.count / self.full
        # What Python itself takes, 0.2 s and 30 MB, does not shrink with the number of jobs.
        return [seconds("fileflow", 0.2 + 3.8 * part), megabytes("fileflow", 30 + 370 * part)]
