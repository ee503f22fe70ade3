"""The answer "nothing to do" without a plan: right after every change that matters."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fileflow import fast

WORKFLOW = """\
config: {level: 1}
wildcards:
  x: data/{x}.txt
rules:
  total:
    input: build/{x}.txt
    output: total.txt
    shell: cat {input} > {output}
  step:
    input: data/{x}.txt
    output: build/{x}.txt
    params: {level: "{config.level}"}
    run: steps:step
"""
STEPS = """\
from tools import said

def step(input, output, level):
    output.write_text(said(input.read_text()) * level)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for name in "abc":
        (tmp_path / "data" / f"{name}.txt").write_text(f"{name}\n")
    (tmp_path / "Workflowfile").write_text(WORKFLOW)
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "tools.py").write_text("def said(text):\n    return text.upper()\n")
    assert flow(tmp_path).returncode == 0
    assert answered(tmp_path) is not None
    return tmp_path


def flow(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fileflow", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def answered(folder: Path, *words: str) -> str | None:
    """What is answered before anything is imported, as a new process finds it."""
    code = "import sys; from fileflow.fast import answer; print(answer(sys.argv[1:]))"
    found = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    line = found.stdout.strip()
    return None if line == "None" else line


def test_a_fresh_project_is_answered_at_once(project: Path) -> None:
    assert answered(project) == "nothing to do: all 4 are fresh"
    assert answered(project, "-j", "4") == "nothing to do: all 4 are fresh"
    assert answered(project / "data") is None  # typed elsewhere: another key


def test_another_target_or_an_option_is_not_answered(project: Path) -> None:
    assert answered(project, "step") is None
    assert answered(project, "-n") is None
    assert answered(project, "-B") is None


def replace(path: Path, text: str) -> None:
    """Other bytes of the same length, with the old times put back."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "a source": lambda p: (p / "data/a.txt").write_text("other\n"),
    "a source, same size and time": lambda p: replace(p / "data/a.txt", "z\n"),
    "a new source": lambda p: (p / "data/d.txt").write_text("d\n"),
    "a source gone": lambda p: (p / "data/c.txt").unlink(),
    "an output": lambda p: (p / "build/a.txt").write_text("by hand\n"),
    "an output gone": lambda p: (p / "total.txt").unlink(),
    "the Workflowfile": lambda p: (p / "Workflowfile").write_text(WORKFLOW.replace("1}", "2}")),
    "the function": lambda p: (p / "steps.py").write_text(STEPS + "\nX = 1\n"),
    "a helper module": lambda p: replace(
        p / "tools.py", "def said(text):\n    return text.lower()\n"
    ),
    "a module that comes before": lambda p: (
        (p / "tools").mkdir()
        or (p / "tools/__init__.py").write_text("def said(text):\n    return 'new'\n")
    ),
    "the journal": lambda p: (p / ".fileflow/journal").write_bytes(b"damaged"),
    "the conclusion itself": lambda p: (p / fast.FILE).write_bytes(
        (p / fast.FILE).read_bytes()[:-1] + b"\xff"
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_answered_after_a_change(project: Path, change: str) -> None:
    CHANGES[change](project)
    assert answered(project) is None


@pytest.mark.parametrize("change", [c for c in CHANGES if c != "a source gone"])
def test_the_next_run_makes_what_a_run_from_nothing_makes(project: Path, change: str) -> None:
    CHANGES[change](project)
    assert flow(project).returncode == 0
    made = (project / "total.txt").read_bytes()
    for path in (project / "build").iterdir():
        path.unlink()
    (project / "total.txt").unlink()
    assert flow(project, "-B").returncode == 0
    assert (project / "total.txt").read_bytes() == made


def test_a_workflow_that_changes_while_it_runs_is_not_called_fresh(project: Path) -> None:
    text = WORKFLOW.replace("shell: cat", "shell: sleep 0.4; cat")
    (project / "Workflowfile").write_text(text)
    running = subprocess.Popen([sys.executable, "-m", "fileflow", "-q"], cwd=project)
    while not (project / ".fileflow/stage").is_dir() or not os.listdir(project / ".fileflow/stage"):
        assert running.poll() is None
    (project / "Workflowfile").write_text(text.replace("level: 1", "level: 3"))
    assert running.wait(timeout=60) == 0
    assert answered(project) is None
    assert flow(project).returncode == 0
    assert (project / "total.txt").read_text() == "A\nA\nA\nB\nB\nB\nC\nC\nC\n"


def test_a_touch_is_looked_at_once_and_then_answered_again(project: Path) -> None:
    os.utime(project / "data/a.txt")
    assert answered(project) is None
    assert "nothing to do" in flow(project).stderr
    assert answered(project) == "nothing to do: all 4 are fresh"


def test_a_rule_without_output_is_never_answered(tmp_path: Path) -> None:
    (tmp_path / "Workflowfile").write_text("rules:\n  say: {shell: echo hello}\n")
    assert flow(tmp_path).returncode == 0
    assert answered(tmp_path) is None


@pytest.mark.parametrize(
    "words",
    [
        ("-v",),
        ("--progress", "plain"),
        ("--progress=none",),
        ("--color=never",),
        ("--jobs=3", "-k"),
        ("-p", "--wait"),
    ],
)
def test_options_that_change_nothing_are_answered_as_a_run_would(
    project: Path, words: tuple[str, ...]
) -> None:
    assert answered(project, *words) == "nothing to do: all 4 are fresh"
    (project / fast.FILE).unlink()
    assert flow(project, *words).stderr == "nothing to do: all 4 are fresh\n"


def test_quiet_is_answered_by_saying_nothing(project: Path) -> None:
    assert answered(project, "-q") == ""
    assert flow(project, "-q").stderr == ""
    (project / fast.FILE).unlink()
    assert flow(project, "-q").stderr == ""
    assert answered(project) == "nothing to do: all 4 are fresh"


@pytest.mark.parametrize("words", [("--progress", "json"), ("--color", "always"), ("-j", "0")])
def test_options_that_show_it_otherwise_are_not_answered(
    project: Path, words: tuple[str, ...]
) -> None:
    assert answered(project, *words) is None


def test_a_run_after_a_failure_goes_on_from_what_was_fresh(tmp_path: Path) -> None:
    (tmp_path / "Workflowfile").write_text(
        "rules:\n  all: {input: [a, b]}\n  a: {output: a, shell: 'touch {output}'}\n"
        "  b: {output: b, shell: 'test -e ready; touch {output}'}\n"
    )
    assert flow(tmp_path, "-k").returncode == 1
    assert answered(tmp_path) is None
    (tmp_path / "ready").touch()
    assert "1 built, 1 kept" in flow(tmp_path).stderr
    assert answered(tmp_path) is not None
