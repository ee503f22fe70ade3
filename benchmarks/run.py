"""The benchmarks: makes each workload, runs the tools on it in turn, compares and reports.

    python -m benchmarks [NAME …] [--quick] [--runs N] [--json FILE] [--picture FILE.svg]

Tables go to stdout, progress to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

if not __package__:  # called by its path: what lies beside this folder can be imported too
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.bench import Bench
from benchmarks.measure import Effort, Turn, take_turns
from benchmarks.picture import drawn
from benchmarks.results import merged, plain, with_figures
from benchmarks.scratch import Scratch
from benchmarks.table import goal_table, workload_table
from benchmarks.tools import ALL, PYTHON, Tools
from benchmarks.workload import BenchError, Outcome, Workload
from benchmarks.workloads import all_workloads

HERE = Path(__file__).resolve().parent


def options(argv: Sequence[str], names: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {' '.join(names)}; default all"
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes, some minutes in all")
    parser.add_argument("--runs", type=int, default=5, help="measured runs of each command (5)")
    parser.add_argument("--tools", type=lambda text: text.split(","), help=f"of {','.join(ALL)}")
    parser.add_argument("--at-most", type=int, metavar="N", help="no workload has more chunks")
    parser.add_argument("--budget", type=float, help="seconds for all runs of one command")
    parser.add_argument(
        "--folder", type=Path, help="scratch folder (default: memory, if it can be)"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="keep the figures there, beside those of others"
    )
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw nothing to do")
    parser.add_argument("--page", type=Path, metavar="FILE.md", help="show all tables in it")
    parser.add_argument("--list", action="store_true", help="show the workloads and stop")
    given = parser.parse_args(argv)
    by_name = {name.lower(): name for name in names}
    if unknown := [name for name in given.names if name.lower() not in by_name]:
        parser.error(f"no workload {', '.join(unknown)}; there are {', '.join(names)}")
    if unknown := [name for name in given.tools or [] if name not in ALL]:
        parser.error(f"no tool {', '.join(unknown)}; there are {', '.join(ALL)}")
    given.names = [by_name[name.lower()] for name in given.names] or list(names)
    return given


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def make_importable(tools: Tools) -> None:
    """Runs from a checkout that is not installed: the workloads lie elsewhere."""
    argv = [PYTHON, "-c", "import fileflow"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if "fileflow" in tools and subprocess.run(argv, cwd="/", check=False, **quiet).returncode:
        known = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), *([known] if known else [])])


def keep_bytecode(scratch: Scratch) -> None:
    """Where Python is told to write no bytecode each start would compile all modules anew."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        os.environ["PYTHONPYCACHEPREFIX"] = str(scratch.place("bytecode"))


def run_workload(workload: Workload, bench: Bench, effort: Effort) -> Outcome:
    """Everything about one workload but its goals."""
    title = workload.title.format(count=f"{workload.count:,}")
    say(f"— {workload.name}: {title}{f' ({workload.note})' if workload.note else ''}")
    files = int(workload.count * workload.files_each) + 1000
    folder = bench.scratch.place(workload.name, files, workload.count * workload.megabytes_each)
    workload.make(folder)
    commands = workload.commands()
    log = folder / ".output"
    turns = take_turns(commands, replace(effort, runs=effort.runs * workload.repeat), log, say)
    compare(turns)
    for turn in turns:
        if turn.command.report and turn.figures.seconds:
            turn.figures.extra = turn.command.report()
    results = {turn.command.key: turn.figures for turn in turns}
    note = workload.note
    if folder.parent.parent != bench.scratch.roots[0]:
        note = f"{note}; on disk" if note else "on disk"
    return Outcome(workload.name, title, workload.count, note, workload.axis, results)


def compare(turns: list[Turn]) -> None:
    """Every command's outputs against those of one that did all of the work, or its own check."""
    for turn in turns:
        if turn.command.check and turn.figures.seconds:
            turn.figures.agrees = turn.command.check() or "yes"
    made = [turn for turn in turns if turn.command.outputs and turn.figures.seconds]
    whole = [turn for turn in made if turn.command.share == 1]
    if not whole or len(made) < 2:
        return
    first = next((turn for turn in whole if turn.command.tool == "loop"), whole[0])
    for turn in made:
        if turn is not first:
            found = difference(first, turn)
            turn.figures.agrees = found or "yes"
            if found:
                say(f"{turn.command.key}: outputs differ from {first.command.key}: {found}")


def difference(first: Turn, other: Turn) -> str:
    """In a process of its own, which keeps this one small: children inherit its peak of memory."""
    shared = [] if other.command.share == 1 else ["--shared"]
    folders = [str(turn.command.outputs) for turn in (first, other)]
    argv = [PYTHON, str(HERE / "agree.py"), *folders, *shared]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def machine(tools: Tools) -> dict[str, Any]:
    """What a reader must know to compare; not which machine it was."""
    return {
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "processor": platform.machine(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "versions": tools.versions(),
        "date": time.strftime("%Y-%m-%d"),
    }


def measure_all(given: argparse.Namespace, bench: Bench) -> dict[str, Outcome]:
    """Runs the workloads one after another; each is shown as soon as it is done."""
    known = all_workloads()
    effort = Effort(runs=given.runs, budget=given.budget or (40.0 if given.quick else 150.0))
    outcomes: dict[str, Outcome] = {}
    for name in given.names:
        workload = known[name](bench)
        try:
            outcome = run_workload(workload, bench, effort)
        except BenchError as error:
            say(f"{name}: left out: {error}")
            continue
        goals = workload.goals()
        outcome.goals = [(goal, goal.value(outcome.results, outcomes)) for goal in goals]
        outcomes[name] = outcome
        print(workload_table(outcome), flush=True)
    return outcomes


def write_results(given: argparse.Namespace, bench: Bench, outcomes: dict[str, Outcome]) -> None:
    shown = list(outcomes.values())
    if given.json:
        shown = merged(given.json, shown, all_workloads())
        result = {
            "machine": machine(bench.tools),
            "quick": bench.quick,
            "runs": given.runs,
            "workloads": [plain(outcome) for outcome in shown],
        }
        given.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    if given.picture:
        given.picture.write_text(drawn(shown))
    if given.page:
        given.page.write_text(with_figures(given.page.read_text(), shown))


def main(argv: Sequence[str]) -> int:
    known = all_workloads()
    given = options(argv, list(known))
    if given.list:
        for name, workload in known.items():
            print(f"{name:4} {workload.title.format(count=f'{workload.full:,}')}")
        return 0
    tools = Tools.look(given.tools)
    make_importable(tools)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the scratch folder goes all the same
    bench = Bench(Scratch(given.folder), tools, given.quick, given.at_most)
    try:
        keep_bytecode(bench.scratch)
        outcomes = measure_all(given, bench)
        print(f"### Goals\n\n{goal_table(outcomes.values())}")
        if any(outcome.note for outcome in outcomes.values()):
            print("`*` a smaller size than the goal names, or on disk")
        write_results(given, bench, outcomes)
    finally:
        say("removing the scratch folder")
        bench.scratch.close()
    return 1 if any(failed(outcome) for outcome in outcomes.values()) else 0


def failed(outcome: Outcome) -> bool:
    """A command that failed or made other bytes: a fault, where a missed goal is a finding."""
    return any(
        figures.error or figures.agrees not in ("", "yes") for figures in outcome.results.values()
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
