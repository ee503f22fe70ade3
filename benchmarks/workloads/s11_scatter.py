"""Many producers that each decide on ten chunks as they run, mapped and gathered."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.chunks import HERE, names
from benchmarks.workload import Command, Goal, Results, Workload, divided, median_of

SCATTERED = """\
wildcards:
  source: data/{source}.txt

rules:
  all:
    input: build/all.txt

  split:
    input: data/{source}.txt
    output: build/split/{source}/{chunk}.txt
    scatter: chunk
    run: steps:scatter

  step:
    input: build/split/{source}/{chunk}.txt
    output: build/step/{source}/{chunk}.txt
    run: steps:summarise

  gather:
    input: build/step/{source}/{chunk}.txt
    output: build/all.txt
    run: steps:total
"""
FLAT = """\
wildcards:
  source: chunks/{source}.txt

rules:
  all:
    input: build/all.txt

  step:
    input: chunks/{source}.txt
    output: build/{source}.txt
    run: steps:summarise

  gather:
    input: build/{source}.txt
    output: build/all.txt
    run: steps:total
"""
LOOP = """\
import os
from pathlib import Path

import steps

made = []
for source in sorted(os.listdir("data")):
    name = source.removesuffix(".txt")
    split = Path("build", "split", name)
    os.makedirs(split)
    os.makedirs(f"build/step/{name}")
    steps.scatter(Path("data", source), split)
    for chunk in sorted(os.listdir(split)):
        output = Path("build", "step", name, chunk)
        steps.summarise(split / chunk, output)
        made.append(output)
steps.total(made, Path("build/all.txt"))
"""
CHUNKS = 10


class Scatter(Workload):
    name = "S11"
    title = "{count} scatter producers of 10 chunks each, mapped and gathered, -j 2"
    full = 2_000
    quick = 400
    files_each = 400

    def make(self, folder: Path) -> None:
        self.folder = folder
        for tool in ("fileflow", "loop"):
            (folder / tool / "data").mkdir(parents=True)
            shutil.copy(HERE / "steps.py", folder / tool)
            for number, name in enumerate(names(self.count)):
                lines = [self.line(number * CHUNKS + chunk) for chunk in range(CHUNKS)]
                (folder / tool / "data" / f"{name}.txt").write_text("\n".join(lines) + "\n")
        flat = folder / "flat"
        (flat / "chunks").mkdir(parents=True)
        shutil.copy(HERE / "steps.py", flat)
        for number, name in enumerate(names(self.count * CHUNKS)):
            (flat / "chunks" / f"{name}.txt").write_text(self.line(number).replace(" ", "\n"))
        (folder / "fileflow" / "Workflowfile").write_text(SCATTERED)
        (flat / "Workflowfile").write_text(FLAT)
        (folder / "loop" / "loop.py").write_text(LOOP)

    def line(self, number: int) -> str:
        return " ".join(f"{number + part / 8}" for part in range(140))

    def commands(self) -> list[Command]:
        jobs = self.count * (CHUNKS + 1) + 1
        made = []
        if "fileflow" in self.bench.tools:
            words = self.bench.tools.call("fileflow", "-j", "2")
            made.append(self.command("fileflow", "scatter", words, "fileflow", jobs))
            flat = self.command("fileflow", "plain map", words, "flat", self.count * CHUNKS + 1)
            flat.outputs = None
            made.append(flat)
        loop = self.bench.tools.call("loop", "loop.py")
        return [*made, self.command("loop", "", loop, "loop", jobs)]

    def command(self, tool: str, label: str, argv: list[str], part: str, jobs: int) -> Command:
        folder = self.folder / part
        keep = {entry.name for entry in folder.iterdir()}
        return Command(
            tool=tool,
            label=label,
            argv=argv,
            folder=folder,
            jobs=jobs,
            before=lambda: self.bench.scratch.refresh(folder, keep),
            outputs=folder / "build",
        )

    def goals(self) -> list[Goal]:
        return [Goal("scatter at most 2 × plain map, per job", 2.0, self.per_job)]

    def per_job(self, results: Results, _: object) -> float | None:
        scatter = median_of(results, "fileflow: scatter")
        flat = median_of(results, "fileflow: plain map")
        if scatter is None or flat is None:
            return None
        ours = scatter / results["fileflow: scatter"].jobs
        return divided(ours, flat / results["fileflow: plain map"].jobs)
