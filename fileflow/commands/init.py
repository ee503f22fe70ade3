"""`fileflow init`: a small project in an empty folder, which runs at once and is there to be read.

Writes and prints; loads no workflow and runs nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping

from fileflow.errors import Exit, FileflowError, some_of

_SHOWN = 3

_WORKFLOWFILE = """\
# How tall did the sunflowers of three beds grow? The measurements of each bed become one row of a
# table, build/heights.csv. `fileflow` builds it; a second `fileflow` finds nothing left to do.
seed: 7                              # each job draws from a seed of its own, derived from this one

config:                              # for one run: fileflow --config draws=1000
  draws: 400
  level: 0.9                         # of the interval in which the mean lies

wildcards:
  bed: data/{bed}.csv                # the values are the files that exist: fence, path, pond

rules:
  all:                               # the first rule is what a bare `fileflow` builds
    input: build/heights.csv

  measured:                          # {bed} is in the output: mapped, one job for each bed
    doc: Leave out the plants that nobody measured.
    input: data/{bed}.csv
    output: build/measured/{bed}.csv
    shell: grep -v ',NA$' {input} > {output}

  estimate:                          # a plain Python function; its parameters are bound by name
    doc: The mean height of a bed, and how far it may be off.
    input: build/measured/{bed}.csv
    output: build/estimate/{bed}.json
    params: {draws: "{config.draws}", level: "{config.level}"}
    run: rules.heights:estimate

  table:                             # {bed} is in the input only: gathered, one job for all beds
    doc: All beds in one table, the tallest first.
    input: build/estimate/{bed}.json
    output: build/heights.csv
    run: rules.heights:table
"""

_HEIGHTS = '''\
"""What the jobs of the Workflowfile do: plain functions, which import nothing from fileflow."""

import csv
import json
import random
from pathlib import Path


def estimate(
    input: Path, output: Path, bed: str, draws: int, level: float, rng: random.Random
) -> None:
    """The mean height of a bed's plants, and its interval by drawing them again and again.

    `rng` is seeded by fileflow for this job alone: the same numbers in any order, with any -j.
    """
    with input.open(encoding="utf-8", newline="") as file:
        heights = [float(row["height_cm"]) for row in csv.DictReader(file)]
    means = sorted(_mean(rng.choices(heights, k=len(heights))) for _ in range(draws))
    outside = round(draws * (1 - level) / 2)
    found = {
        "bed": bed,
        "plants": len(heights),
        "mean": round(_mean(heights), 1),
        "low": round(means[outside], 1),
        "high": round(means[-1 - outside], 1),
    }
    output.write_text(json.dumps(found) + "\\n", encoding="utf-8")


def table(input: list[Path], output: Path) -> None:
    """One row for each estimate; `input` is a list, as the rule gathers."""
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in input]
    rows.sort(key=lambda row: row["mean"], reverse=True)
    with output.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.DictWriter(file, list(rows[0]), lineterminator="\\n")
        sheet.writeheader()
        sheet.writerows(rows)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
'''

_BEDS = {
    "fence": "181 174 NA 192 168 187 179 185 176 190",
    "path": "142 151 138 NA 147 155 140 149 NA 144",
    "pond": "203 188 196 211 199 NA 207 194 201 190",
}

_NEXT = """\

Next:
  fileflow                         builds build/heights.csv; again: nothing is left to do
  fileflow list                    what the rules are for, map and gather
  fileflow -n --config level=0.5   what another value would build, and why
  fileflow why build/heights.csv   what a file was made from
Then change a number in data/pond.csv, or add data/lawn.csv, and run fileflow again.\
"""


def init(folder: str, say: Callable[[str], object]) -> int:
    """Writes the project into an empty folder and says what to do next; gives the exit status.

    Raises:
        FileflowError: something is there already (then nothing is written), or the folder cannot
            be written to (then what was written is removed).
    """
    try:
        there = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise FileflowError(f"{folder} cannot be read: {error.strerror}") from None
    if there:
        raise FileflowError(
            f"`fileflow init` needs an empty folder, and here is {some_of(there, _SHOWN)}: "
            "nothing was written",
            hint="try: mkdir flow && cd flow && fileflow init",
        )
    files = project()
    _write(folder, files)
    say(f"Written: {', '.join(files)}")
    say(_NEXT)
    return int(Exit.OK)


def project() -> dict[str, str]:
    """The files of the project by their paths, the Workflowfile last: with it the project is there.

    Hidden files are none of them, as they may be there already.
    """
    beds = {f"data/{bed}.csv": _sheet(heights.split()) for bed, heights in _BEDS.items()}
    return {**beds, "rules/heights.py": _HEIGHTS, "Workflowfile": _WORKFLOWFILE}


def _sheet(heights: Iterable[str]) -> str:
    rows = [f"{number},{height}" for number, height in enumerate(heights, start=1)]
    return "\n".join(["plant,height_cm", *rows, ""])


def _write(folder: str, files: Mapping[str, str]) -> None:
    made: list[str] = []
    try:
        for name, text in files.items():
            path = os.path.join(folder, name)
            above = os.path.dirname(path)
            if not os.path.isdir(above):
                os.mkdir(above)
                made.append(above)
            # "x": a file that appeared since we looked is not ours to replace
            with open(path, "x", encoding="utf-8", newline="\n") as file:
                made.append(path)
                file.write(text)
    except OSError as error:
        _remove(made)
        raise FileflowError(
            f"{name} cannot be written: {error.strerror}", status=Exit.STATE
        ) from None
    except BaseException:
        _remove(made)
        raise


def _remove(made: list[str]) -> None:
    """What we made, the last first; a folder stays if someone else put something into it."""
    for path in reversed(made):
        with contextlib.suppress(OSError):
            if os.path.isdir(path):
                os.rmdir(path)
            else:
                os.unlink(path)
