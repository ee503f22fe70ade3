"""Slots that somebody kills, at any moment of their lives: the run goes on, or says so."""

import os
import signal
from pathlib import Path

import pytest

from .space import Space, wait_for

WORKFLOW = """
    wildcards: {n: {range: 6}}
    rules:
      all: {input: o.txt}
      f: {output: "{n}.txt", run: "steps:f"}
      g: {input: "{n}.txt", output: o.txt, run: "steps:g"}
    """
STEPS = """
    from helper import wait

    def f(output, n):
        wait()
        output.write_text(n)

    def g(input, output):
        output.write_text("".join(path.read_text() for path in input))
    """


def children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def prepared(space: Space, helper: str = "def wait(): ...") -> None:
    space.workflow(WORKFLOW)
    space.source("steps.py", STEPS)
    space.source("helper.py", helper)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("turn", range(4))
def test_a_slot_that_is_killed_as_it_starts_is_made_anew(space: Space, number, turn):
    prepared(space)
    running = space.start("-j", "2")
    found: list[int] = []

    def started() -> bool:
        found[:] = children(running.process.pid)
        return bool(found)

    wait_for(started, "the first slot")
    for pid in found:
        os.kill(pid, number)
    flow = running.end(20)
    assert flow.status == 0, flow.text
    assert space.read("o.txt") == "012345"


IMPORTED = """
    import os, time
    from pathlib import Path
    flags = Path(os.environ["FLAGS"])
    (flags / f"here{os.getpid()}").touch()
    while not (flags / "go").exists():
        time.sleep(0.01)
    def wait(): ...
    """


def importing(space: Space, but: set[int]) -> int:
    found: set[int] = set()

    def there() -> bool:
        found.update(int(path.name[4:]) for path in space.flags.glob("here*"))
        return bool(found - but)

    wait_for(there, "the import")
    return (found - but).pop()


def test_a_slot_that_is_killed_while_it_imports_is_no_mistake_of_the_workflowfile(space: Space):
    prepared(space, IMPORTED)
    running = space.start("-j", "1")
    first = importing(space, set())
    os.kill(first, signal.SIGKILL)
    importing(space, {first})
    space.flag("go")
    flow = running.end(20)
    assert flow.status == 0, flow.text


def test_two_slots_that_are_killed_while_they_import_end_the_run_with_1(space: Space):
    prepared(space, IMPORTED)
    running = space.start("-j", "1")
    first = importing(space, set())
    os.kill(first, signal.SIGKILL)
    os.kill(importing(space, {first}), signal.SIGKILL)
    flow = running.end(20)
    assert flow.status == 1
    assert "a worker was killed while it imported steps" in flow.stderr
    assert "Workflowfile:" not in flow.stderr
    space.flag("go")
    assert space.good().counts() == (7, 0, 0, 0)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("os._exit(0)", "exit status 0"),
        ("sys.exit(4)", "sys.exit(4)"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "ended by SIGSEGV"),
    ],
)
def test_an_import_that_ends_its_process_is_a_mistake(space: Space, end, said):
    prepared(space, f"import os, signal, sys\n{end}\n")
    flow = space.start().end()
    assert flow.status == 2
    assert "Workflowfile:4:" in flow.stderr and said in flow.stderr
