"""One step for each chunk and one that gathers, written down for every tool.

data/{chunk}.txt → build/{chunk}.txt → build/all.txt. Tools that can call a Python function do so;
the others run a command for each chunk: one given here, else `python steps.py FUNCTION`.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.ninja_log import write_log
from benchmarks.scratch import call
from benchmarks.tools import PYTHON
from benchmarks.workload import BenchError, Command

HERE = Path(__file__).parent
COMMANDS_ONLY = {"ninja", "make", "snakemake"}


def names(count: int) -> Iterator[str]:
    """One by one: what this process holds is a floor under the peaks that it measures."""
    return (f"{number:07d}" for number in range(count))


def write_numbers(folder: Path, count: int, lines: int) -> None:
    """Chunks of so many numbers, the same each time."""
    draw = random.Random(2013)
    folder.mkdir(parents=True)
    rows = [f"{draw.gauss(10, 3):.4f}" for _ in range(1000 + lines)]
    for number in range(count):
        start = number % 1000
        text = f"{number}.5\n" + "\n".join(rows[start : start + lines - 1]) + "\n"
        with open(folder / f"{number:07d}.txt", "w") as file:
            file.write(text)


def write_short(folder: Path, count: int) -> None:
    """Chunks of a few bytes; of none where there are so many that memory would run out."""
    folder.mkdir(parents=True)
    for number in range(count):
        with open(folder / f"{number:07d}.txt", "w") as file:
            if count <= 200_000:
                file.write(f"{number}\n")


@dataclass
class ChunkFlow:
    """The graph in one folder, for any tool."""

    folder: Path
    count: int
    function: str = "summarise"
    gather: str = "total"
    command: str = ""  # for the tools that run commands; {input} and {output} are filled in
    gather_command: str = ""  # the same, {list} is a file that lists the inputs
    shell: str = ""  # for fileflow: a command instead of the function
    gather_shell: str = ""
    rule_extra: str = ""  # further lines of fileflow's rule
    shares: dict[str, int] = field(default_factory=dict)  # how many chunks a slow tool is given

    def __post_init__(self) -> None:
        self.command = self.command or f"{PYTHON} steps.py {self.function} {{input}} {{output}}"
        self.gather_command = (
            self.gather_command or f"{PYTHON} steps.py {self.gather} @{{list}} {{output}}"
        )

    def chunks(self, tool: str) -> int:
        return min(self.count, self.shares.get(tool, self.count))

    def names(self, tool: str) -> Iterator[str]:
        return names(self.chunks(tool))

    def write(self, tool: str) -> None:
        """What this tool reads; the data must be there already, or come later."""
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "steps.py", self.folder / "steps.py")
        getattr(self, f"write_{tool}")()

    def write_fileflow(self) -> None:
        action = f'shell: "{self.shell}"' if self.shell else f"run: steps:{self.function}"
        gather = f'shell: "{self.gather_shell}"' if self.gather_shell else ""
        extra = f"\n    {self.rule_extra}" if self.rule_extra else ""
        (self.folder / "Workflowfile").write_text(
            f"""\
wildcards:
  chunk: data/{{chunk}}.txt

rules:
  all:
    input: build/all.txt

  step:
    input: data/{{chunk}}.txt
    output: build/{{chunk}}.txt
    {action}{extra}

  gather:
    input: build/{{chunk}}.txt
    output: build/all.txt
    {gather or f"run: steps:{self.gather}"}
"""
        )

    def write_loop(self) -> None:
        (self.folder / "loop.py").write_text(
            f"""\
import os
from pathlib import Path

import steps

os.makedirs("build", exist_ok=True)
made = []
for name in sorted(os.listdir("data")):
    output = Path("build", name)
    steps.{self.function}(Path("data", name), output)
    made.append(output)
steps.{self.gather}(made, Path("build/all.txt"))
"""
        )

    def write_joblib(self) -> None:
        (self.folder / "pool.py").write_text(
            f"""\
import os
from pathlib import Path

import steps
from joblib import Parallel, delayed

os.makedirs("build", exist_ok=True)
pairs = [(Path("data", name), Path("build", name)) for name in sorted(os.listdir("data"))]
Parallel(n_jobs=2)(delayed(steps.{self.function})(*pair) for pair in pairs)
steps.{self.gather}([output for _, output in pairs], Path("build/all.txt"))
"""
        )

    def write_ninja(self) -> None:
        step = self.command.format(input="$in", output="$out")
        gather = self.gather_command.format(list="$out.rsp", output="$out")
        with (self.folder / "build.ninja").open("w") as file:
            file.write(
                f"rule step\n  command = {step}\n\nrule gather\n  command = {gather}\n"
                "  rspfile = $out.rsp\n  rspfile_content = $in_newline\n\n"
            )
            for name in self.names("ninja"):
                file.write(f"build build/{name}.txt: step data/{name}.txt\n")
            inputs = " ".join(f"build/{name}.txt" for name in self.names("ninja"))
            file.write(f"build build/all.txt: gather {inputs}\ndefault build/all.txt\n")

    def write_make(self) -> None:
        step = self.command.format(input="$<", output="$@")
        gather = self.gather_command.format(list="make.rsp", output="$@")
        chunks = " ".join(f"build/{name}.txt" for name in self.names("make"))
        (self.folder / "Makefile").write_text(
            "define newline\n\n\nendef\nspace := $(subst ,, )\n"
            f"CHUNKS := {chunks}\n$(shell mkdir -p build)\n\n"
            "build/all.txt: $(CHUNKS)\n"
            f"\t$(file >make.rsp,$(subst $(space),$(newline),$^))\n\t{gather}\n\n"
            f"$(CHUNKS): build/%.txt: data/%.txt\n\t{step}\n"
        )

    def write_doit(self) -> None:
        (self.folder / "dodo.py").write_text(
            f"""\
import os
from pathlib import Path

import steps

DOIT_CONFIG = {{"default_tasks": ["gather"]}}
NAMES = [f"{{number:07d}}.txt" for number in range({self.chunks("doit")})]
os.makedirs("build", exist_ok=True)


def task_step():
    for name in NAMES:
        pair = (Path("data", name), Path("build", name))
        yield {{
            "name": name,
            "file_dep": ["data/" + name],
            "targets": ["build/" + name],
            "actions": [(steps.{self.function}, pair)],
        }}


def task_gather():
    made = [Path("build", name) for name in NAMES]
    return {{
        "file_dep": ["build/" + name for name in NAMES],
        "targets": ["build/all.txt"],
        "actions": [(steps.{self.gather}, (made, Path("build/all.txt")))],
    }}
"""
        )

    def write_snakemake(self) -> None:
        (self.folder / "Snakefile").write_text(
            f"""\
from pathlib import Path

NAMES = [f"{{number:07d}}" for number in range({self.chunks("snakemake")})]

rule gather:
    input: expand("build/{{chunk}}.txt", chunk=NAMES)
    output: "build/all.txt"
    run:
        import sys
        sys.path.insert(0, ".")
        import steps
        steps.{self.gather}([Path(path) for path in input], Path(output[0]))

rule step:
    input: "data/{{chunk}}.txt"
    output: "build/{{chunk}}.txt"
    shell: "{self.command.format(input="{input}", output="{output}")}"
"""
        )

    def argv(self, bench: Bench, tool: str) -> list[str]:
        words = {
            "fileflow": ["-j", "2"],
            "loop": ["loop.py"],
            "joblib": ["pool.py"],
            "ninja": ["-j", "2", "--quiet"],
            "make": ["-s", "-j", "2"],
            "doit": ["-n", "2", "-v", "0"],
            "snakemake": ["-c2", "--quiet", "all", "--rerun-triggers", "mtime"],
        }[tool]
        return bench.tools.call(tool, *words)

    def made(self) -> set[str]:
        """What lies in the folder before any run."""
        return {entry.name for entry in self.folder.iterdir()}

    def loop_builds(self, bench: Bench) -> None:
        """Makes the outputs without any tool, for those that look only at times."""
        self.write("loop")
        call([PYTHON, "loop.py"], self.folder)  # whether or not it takes part

    def start_up(self, bench: Bench, tool: str, *, again: bool = False) -> float:
        """How long the tool takes for one chunk; `again` for that with nothing to do."""
        folder = self.folder.parent / f"one-{self.folder.name}-{tool}"
        one = replace(self, folder=folder, count=1, shares={})
        write_numbers(folder / "data", 1, 2)
        one.write(tool)
        keep = one.made()
        times = []
        for _ in range(4 if again else 3):
            if not again:
                bench.scratch.refresh(folder, keep)
            start = time.perf_counter()
            call(one.argv(bench, tool), folder)
            times.append(time.perf_counter() - start)
        return min(times)

    def ninja_is_done(self, bench: Bench) -> None:
        """Brings ninja to where it has made what is there."""
        write_log(self.folder, bench.tools.versions()["ninja"], self.ninja_commands())
        if "no work to do" not in call(bench.tools.call("ninja", "-n"), self.folder):
            call(self.argv(bench, "ninja"), self.folder)

    def ninja_commands(self) -> Iterator[tuple[str, str]]:
        for name in self.names("ninja"):
            path = f"build/{name}.txt"
            yield path, self.command.format(input=f"data/{name}.txt", output=path)
        inputs = "\n".join(f"build/{name}.txt" for name in self.names("ninja"))
        gather = self.gather_command.format(list="build/all.txt.rsp", output="build/all.txt")
        yield "build/all.txt", f"{gather};rspfile={inputs}"


def fresh_command(bench: Bench, flow: ChunkFlow, tool: str, label: str = "") -> Command:
    """Building all from nothing: what the run before has made is moved aside first."""
    flow.write(tool)
    keep = flow.made() | {"data"}
    share = flow.chunks(tool) / flow.count
    return Command(
        tool=tool,
        label=label,
        argv=flow.argv(bench, tool),
        folder=flow.folder,
        jobs=flow.count + 1,
        share=share,
        start_up=None if share == 1 else lambda: flow.start_up(bench, tool),
        before=lambda: bench.scratch.refresh(flow.folder, keep),
        outputs=flow.folder / "build",
    )


def link_data(source: Path, folder: Path) -> None:
    """The same chunks for a tool of its own: hard links cost neither room nor time."""
    data = folder / "data"
    data.mkdir(parents=True)
    for entry in os.scandir(source):
        os.link(entry.path, data / entry.name)


def fileflow_builds(bench: Bench, flow: ChunkFlow) -> None:
    """The run before those that are measured."""
    call(flow.argv(bench, "fileflow"), flow.folder)
    if not (flow.folder / "build" / "all.txt").is_file():
        raise BenchError("the first run has not made build/all.txt")
