"""What a slot spends on a job beside the job, counted rather than timed.

A figure may be lowered at any time. Who must raise one should know what the new calls are for: a
job may be as short as a tenth of a millisecond.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# One slot in one process, as `executors.slot` makes it, without the engine's end of the socket.
SLOT = """
import os, sys
import fileflow
from fileflow.executors.slot import plain
from fileflow.model.work import STAGE, Order, Work
from fileflow.world.actions import Doer
from fileflow.world.staging import STATE, Stage
from fileflow.world.surroundings import OwnProcess
from fileflow.world.survivors import SlotTable

kind, count, told = sys.argv[1], int(sys.argv[2]), os.dup(1)
os.makedirs("data")
os.makedirs("build")
for k in range(250):
    with open(f"data/{k}", "w") as file:
        file.write(str(k))
with open("costs_job.py", "w") as file:
    file.write("def nothing(input, output): output.touch()")
os.makedirs(f"{STATE}/stage/run")
sys.path.insert(0, ".")
table = SlotTable(f"{STATE}/stage/run/slots", 1)
log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
doer = Doer(
    Stage("run", 0),
    OwnProcess(log),
    "log",
    on_job=table.job_writer(0),
    on_command=lambda pid, born: table.command(0, pid, born),
)
parameters = (("input", "input", 0), ("output", "output", 0))
if kind == "function":
    work = Work(key=1, rule="r", kind="run", module="costs_job", function="nothing",
                parameters=parameters)
else:
    work = Work(key=1, rule="r", kind="shell", seeded=False)
doer.learn(work)

def do(k):
    words = ["cp", f"data/{k}", f"{STAGE}/build/{k}"] if kind == "command" else []
    order = Order(k, 1, [f"data/{k}"], [(f"data/{k}", None, None)], [f"build/{k}"], [0], words,
                  seed=k << 100)
    outcome = plain(doer.do(1, order))
    assert outcome[1] == "done", outcome

do(0)
calls, ours = 0, os.path.dirname(fileflow.__file__)

def count_call(frame, event, argument):
    # By our own code alone: what is inside the standard library differs from version to version.
    global calls
    calls += event in ("call", "c_call") and frame.f_code.co_filename.startswith(ours)

if "calls" in sys.argv:
    sys.setprofile(count_call)
for k in range(1, count):
    do(k)
sys.setprofile(None)
os.write(told, b"%d" % calls)
"""


def slot(folder: Path, kind: str, count: int, *more: str, before: tuple[str, ...] = ()) -> str:
    """What a slot prints that does so many jobs; with `before`, words that watch it."""
    folder.mkdir()
    (folder / "slot.py").write_text(SLOT)
    words = [*before, sys.executable, "slot.py", kind, str(count), *more]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def system_calls(folder: Path, kind: str, count: int) -> int:
    """How many system calls the slot makes; those of the commands that it starts do not count."""
    slot(folder, kind, count, before=("strace", "-c", "-o", "calls"))
    rows = [line.split() for line in (folder / "calls").read_text().splitlines()]
    (total,) = (int(row[3]) for row in rows if row[-1:] == ["total"])
    return total


def may_trace() -> bool:
    """Whether there is a strace that may watch a process."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-c", "-o", "/dev/null", "true"], check=False).returncode == 0


@pytest.mark.parametrize(("kind", "most"), [("function", 31), ("command", 28)])
def test_a_job_costs_few_system_calls(tmp_path: Path, kind: str, most: int) -> None:
    if not may_trace():
        pytest.skip("there is no strace, or it may watch nothing")
    few, many = (system_calls(tmp_path / f"{count}", kind, count) for count in (50, 250))
    assert round((many - few) / 200) <= most


@pytest.mark.parametrize(("kind", "most"), [("function", 100), ("command", 89)])
def test_a_job_costs_few_calls_in_python(tmp_path: Path, kind: str, most: int) -> None:
    # With the standard library's hash: that of the extra `fast` takes two calls less.
    few, many = (int(slot(tmp_path / f"{count}", kind, count, "calls")) for count in (50, 250))
    assert round((many - few) / 200) <= most
