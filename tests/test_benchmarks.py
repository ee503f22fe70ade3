"""The benchmarks on a few chunks: nothing is timed here, only that they run, agree and report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.bench import Bench
from benchmarks.chunks import ChunkFlow, write_short
from benchmarks.ninja_log import murmur, rapid
from benchmarks.picture import curves, decades
from benchmarks.results import BEGIN, END, merged, plain, with_figures
from benchmarks.scratch import Scratch
from benchmarks.table import goal_table, workload_table
from benchmarks.tools import Tools
from benchmarks.workload import Figures, Outcome, ratio, speed
from benchmarks.workloads import all_workloads

ROOT = Path(__file__).resolve().parents[1]
WANTED = ["A1", "A2", "A3", *(f"S{number}" for number in range(1, 14)), "S4b"]


def outcome(**medians: float) -> Outcome:
    results = {tool: Figures(tool, seconds=[seconds]) for tool, seconds in medians.items()}
    return Outcome("S4", "some jobs", 100, "", "nothing to do", results)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Two workloads with a handful of chunks, by fileflow and the plain loop: stdout, and where
    the JSON file and the picture lie."""
    folder = tmp_path_factory.mktemp("benchmarks")
    words = ["A1", "A3", "--at-most", "6", "--runs", "1", "--tools", "fileflow,loop"]
    files = ["--json", folder / "out.json", "--picture", folder / "out.svg"]
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "run.py", *words, *files, "--folder", folder / "s"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, folder


def test_the_table_shows_each_command_and_each_goal(measured: tuple[str, Path]) -> None:
    text, _ = measured
    assert "### A1: 6 Python jobs" in text
    assert "scaled down from 10,000" in text
    assert "| fileflow " in text and "| loop " in text
    assert "fileflow at most 2 × loop" in text


def test_the_json_file_holds_times_memory_and_goals(measured: tuple[str, Path]) -> None:
    found = json.loads((measured[1] / "out.json").read_text())
    jobs, nothing = found["workloads"]
    assert len(jobs["commands"]["fileflow"]["seconds"]) == 1
    assert jobs["commands"]["fileflow"]["peak_mb"] > 1
    assert jobs["goals"][0]["found"] > 0
    assert nothing["commands"].keys() == {"fileflow"}


def test_outputs_of_fileflow_and_the_loop_are_compared(measured: tuple[str, Path]) -> None:
    found = json.loads((measured[1] / "out.json").read_text())
    assert found["workloads"][0]["commands"]["fileflow"]["agrees"] == "yes"


def test_what_others_look_at_is_made_whether_or_not_the_loop_takes_part(tmp_path: Path) -> None:
    flow = ChunkFlow(tmp_path, 3, function="copy", gather="count")
    write_short(tmp_path / "data", 3)
    flow.loop_builds(Bench(Scratch(tmp_path), Tools({}), quick=True))
    assert (tmp_path / "build" / "all.txt").read_text() == "3\n"


def test_what_is_kept_is_shown_again_and_replaced_by_what_is_newer(tmp_path: Path) -> None:
    path, page = tmp_path / "out.json", f"Before.\n{BEGIN}old\n{END}After.\n"
    first, other = outcome(fileflow=1.0, loop=2.0), outcome(fileflow=5.0)
    first.goals = [(goal, goal.value(first.results, {})) for goal in [ratio("fileflow", "loop", 1)]]
    other.name = "S5"
    path.write_text(json.dumps({"workloads": [plain(first), plain(other)]}))
    newer = outcome(fileflow=7.0)
    newer.name = "S5"
    found = merged(path, [newer], ["S4", "S5", "S6"])
    assert [one.results["fileflow"].median for one in found] == [1.0, 7.0]
    shown = with_figures(page, found)
    assert shown.startswith("Before.\n") and shown.endswith("After.\n") and "old" not in shown
    assert goal_table(found) in shown and "| reached" in shown
    assert with_figures(shown, found) == shown


def test_the_page_of_figures_shows_those_that_are_kept() -> None:
    page, kept = ROOT / "docs" / "performance.md", ROOT / "docs" / "performance.json"
    found = merged(kept, [], all_workloads())
    assert {one.name for one in found} >= {"S1", "S3", "S4", "S6", "S7"}
    assert with_figures(page.read_text(), found) == page.read_text()


def test_the_picture_is_well_formed(measured: tuple[str, Path]) -> None:
    root = ElementTree.parse(measured[1] / "out.svg").getroot()
    assert "fileflow" in "".join(root.itertext())


def test_the_scratch_folder_is_gone_afterwards(measured: tuple[str, Path]) -> None:
    assert list((measured[1] / "s").iterdir()) == []


def test_every_workload_is_found() -> None:
    assert sorted(all_workloads()) == sorted(WANTED)


def test_a_goal_is_reached_at_its_limit_and_missed_beyond() -> None:
    made = outcome(fileflow=1.1, loop=1.0, ninja=1.0)
    made.goals = [
        (goal, goal.value(made.results, {}))
        for goal in (ratio("fileflow", "loop", 1.1), ratio("fileflow", "ninja", 1.0))
    ]
    rows = goal_table([made]).splitlines()
    assert "reached" in rows[2] and "MISSED" in rows[3]


def test_a_goal_against_a_tool_that_is_not_installed_is_not_measured() -> None:
    made = outcome(fileflow=1.0)
    made.goals = [(ratio("fileflow", "ninja", 1.0), None)]
    assert ratio("fileflow", "ninja", 1.0).value(made.results, {}) is None
    assert "not measured" in goal_table([made])


def test_speed_is_the_peers_time_over_ours() -> None:
    goal = speed("fileflow", "loop", 1.9)
    value = goal.value(outcome(fileflow=1.0, loop=1.95).results, {})
    assert value == 1.95 and goal.reached(value)


def test_a_failed_command_is_shown_with_its_error() -> None:
    made = outcome(loop=1.0)
    made.results["fileflow"] = Figures("fileflow", error="error: no such rule")
    assert "fileflow failed: error: no such rule" in workload_table(made)


def test_a_share_of_the_work_is_scaled_up() -> None:
    assert Figures("ninja", share=0.1, seconds=[1.0, 3.0, 2.0]).median == pytest.approx(20)


def test_curves_are_sorted_and_decades_hold_them() -> None:
    assert curves([outcome(fileflow=0.5)]) == {"fileflow": [(100, 0.5)]}
    assert decades([0.5, 20]) == (-1, 2)
    assert decades([10, 10]) == (1, 2)


def test_a_hash_of_ninjas_log_fills_64_bits_for_every_length() -> None:
    texts = [b"cp data/0.txt build/0.txt"[:size] for size in range(26)] + [b"x" * 200]
    for digest in (murmur, rapid):
        values = [digest(text) for text in texts]
        assert len(set(values)) == len(texts)
        assert all(0 <= value < 2**64 for value in values)
