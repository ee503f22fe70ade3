"""Gathers over two dimensions, an all-to-all, and a join of two sheets: each linear in its size.

Each is planned (-n) in full and at a quarter of its size. The all-to-all is also run: what it
leaves in the state must not hold a list for each job.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from benchmarks.chunks import HERE
from benchmarks.workload import (
    Command,
    Goal,
    Results,
    Workload,
    divided,
    linear,
    median_of,
)

GRID = """\
wildcards:
  row: {{range: {rows}}}
  column: {{range: {columns}}}

rules:
  all:
    input: ["build/row/{{row}}.txt", "build/column/{{column}}.txt"]

  cell:
    output: build/cell/{{row}}/{{column}}.txt
    shell: "true > {{output}}"

  by_row:
    input: build/cell/{{row}}/{{column}}.txt
    output: build/row/{{row}}.txt
    run: steps:count

  by_column:
    input: build/cell/{{row}}/{{column}}.txt
    output: build/column/{{column}}.txt
    run: steps:count
"""
ALL_TO_ALL = """\
wildcards:
  left: data/{left}.txt
  right: {same: left}

rules:
  all:
    input: build/right/{right}.txt

  make_left:
    input: data/{left}.txt
    output: build/left/{left}.txt
    run: steps:copy

  make_right:
    input: build/left/{left}.txt
    output: build/right/{right}.txt
    run: steps:count
"""
JOIN = """\
wildcards:
  sample, lane: {table: lanes.csv}
  sample, site: {table: sites.csv}

rules:
  all:
    input: build/{sample}/{lane}/{site}.txt

  each:
    output: build/{sample}/{lane}/{site}.txt
    shell: "true > {output}"
"""


class Gathers(Workload):
    name = "S8"
    title = (
        "gathers and joins, sides of {count}: grid, all-to-all of 3 ×, join of 100 × as many rows"
    )
    full = 1_000
    quick = 300
    files_each = 30

    def make(self, folder: Path) -> None:
        self.folder = folder
        for part, scale in (("whole", 1.0), ("quarter", 0.5)):
            side = max(2, int(self.count * scale))
            self.place(folder / f"grid-{part}", GRID.format(rows=side, columns=side))
        for part, scale in (("whole", 1.0), ("quarter", 0.25)):
            self.place_all_to_all(
                folder / f"all-to-all-{part}", max(2, int(self.count * 3 * scale))
            )
            self.place_join(folder / f"join-{part}", max(2, int(self.count * 100 * scale)))

    def place(self, folder: Path, text: str) -> None:
        folder.mkdir()
        (folder / "Workflowfile").write_text(text)
        shutil.copy(HERE / "steps.py", folder / "steps.py")

    def place_all_to_all(self, folder: Path, side: int) -> None:
        self.place(folder, ALL_TO_ALL)
        (folder / "data").mkdir()
        for number in range(side):
            (folder / "data" / f"{number}.txt").write_text(f"{number}\n")

    def place_join(self, folder: Path, rows: int) -> None:
        self.place(folder, JOIN)
        for name, column in (("lanes", "lane"), ("sites", "site")):
            with (folder / f"{name}.csv").open("w") as sheet:
                sheet.write(f"sample,{column}\n")
                for number in range(rows):
                    sheet.write(f"s{number:07d},{column[0]}{number % 8}\n")

    def commands(self) -> list[Command]:
        if "fileflow" not in self.bench.tools:
            return []
        plans = [
            self.plan(kind, part)
            for kind in ("grid", "all-to-all", "join")
            for part in ("whole", "quarter")
        ]
        return [*plans, self.built()]

    def plan(self, kind: str, part: str) -> Command:
        return Command(
            tool="fileflow",
            label=kind if part == "whole" else f"{kind}, a quarter",
            argv=self.bench.tools.call("fileflow", "-n"),
            folder=self.folder / f"{kind}-{part}",
        )

    def built(self) -> Command:
        source = self.folder / "all-to-all-whole"
        folder = self.folder / "all-to-all-built"
        shutil.copytree(source, folder)
        state = folder / ".fileflow"

        def state_mb() -> dict[str, float]:
            files = [path for path in state.rglob("*") if path.is_file()]
            return {"state_mb": sum(path.stat().st_size for path in files) / 1e6}

        return Command(
            tool="fileflow",
            label="all-to-all, built",
            argv=self.bench.tools.call("fileflow", "-j", "2", "--rerun"),
            folder=folder,
            jobs=6 * self.count,
            before=partial(shutil.rmtree, state, ignore_errors=True),  # each run adds to it
            report=state_mb,
        )

    def goals(self) -> list[Goal]:
        # Far less than a list of inputs for each job would take.
        limit = 6 * self.count / 1000
        state = Goal(f"state of the all-to-all at most {limit:.2g} MB", limit, self.state_mb)
        quarters = [
            linear(f"fileflow: {kind}", f"fileflow: {kind}, a quarter", 4, 1.2)
            for kind in ("grid", "join")
        ]
        all_to_all = Goal("plan of the all-to-all at most 2 × linear in its jobs", 2, self.growth)
        return [*quarters, all_to_all, state]

    def state_mb(self, results: Results, _: object) -> float | None:
        figures = results.get("fileflow: all-to-all, built")
        return figures.extra.get("state_mb") if figures else None

    def growth(self, results: Results, _: object) -> float | None:
        whole = median_of(results, "fileflow: all-to-all")
        quarter = median_of(results, "fileflow: all-to-all, a quarter")
        found = divided(whole, quarter)
        return found / 4 if found is not None else None
