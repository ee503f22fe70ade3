"""A command line ends at once when all is done; what was to be called at its end is called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent


def ended(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Workflowfile").write_text("""
rules:
  all:
    output: out.txt
    run: steps:write
    executor: serial
""")
    (tmp_path / "steps.py").write_text("""
import atexit, threading, time

@atexit.register
def last():
    print("exit handler")

def slow():
    time.sleep(0.3)
    print("thread")

def write(output):
    threading.Thread(target=slow).start()
    output.write_text("x")
""")
    return tmp_path


def test_threads_are_waited_for_and_exit_handlers_are_called(folder: Path) -> None:
    found = ended(folder, "-m", "fileflow", "-q")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.split("\n") == ["thread", "exit handler", ""]


def test_the_status_is_that_of_the_command(folder: Path) -> None:
    assert ended(folder, "-m", "fileflow", "nothing").returncode == 2
    (folder / "steps.py").write_text("def write(output):\n    raise ValueError\n")
    assert ended(folder, "-m", "fileflow").returncode == 1


def test_a_profiler_sees_the_usual_end(folder: Path) -> None:
    found = ended(folder, "-m", "cProfile", "-m", "fileflow", "list")
    assert found.returncode == 0
    assert "function calls" in found.stdout


def test_ctrl_c_while_it_starts_is_no_traceback(tmp_path: Path) -> None:
    start = """
import sys
from fileflow import fast

def interrupted(words):
    raise KeyboardInterrupt

fast.answer = interrupted
from fileflow.__main__ import main
sys.exit(main())
"""
    found = ended(tmp_path, "-c", start)
    assert (found.returncode, found.stdout, found.stderr) == (130, "", "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("action", ["run: steps:write", "shell: cat > {output}; echo x >&2"])
def test_a_run_without_some_of_its_streams_goes_well(
    tmp_path: Path, closed: str, action: str
) -> None:
    (tmp_path / "Workflowfile").write_text(f"rules: {{a: {{output: a.txt, {quoted(action)}}}}}\n")
    (tmp_path / "steps.py").write_text(
        "def write(output):\n    print('said')\n    output.write_text('x')\n"
    )
    command = f'"$0" -m fileflow -j 2 {closed}'
    for _ in range(2):
        found = subprocess.run(
            ["bash", "-c", command, sys.executable],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert found.returncode == 0, found.stderr
        assert "Traceback" not in found.stderr
    assert (tmp_path / "a.txt").exists()


def quoted(action: str) -> str:
    key, _, text = action.partition(": ")
    return f"{key}: '{text}'"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("words", ["-n", "list", "status", "--version"])
def test_a_result_that_cannot_be_written_is_no_success(folder: Path, words: str) -> None:
    found = subprocess.run(
        ["bash", "-c", f'"$0" -m fileflow {words} > /dev/full', sys.executable],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 1
    assert "fileflow: stdout cannot be written: No space left on device" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_nothing_to_do_is_a_success_where_nobody_can_be_told(folder: Path) -> None:
    for where in ("/dev/null", "/dev/full"):
        found = subprocess.run(
            ["bash", "-c", f'"$0" -m fileflow 2> {where}', sys.executable],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            timeout=60,
            check=False,
        )
        assert found.returncode == 0
