"""`executor: auto`: chooses by what jobs took, says so, and never changes what they make."""

import json

import pytest

from .space import Space

STEPS = """\
import random
import time


def quick(output):
    output.write_text(f"{random.random()}")


def waits(output, rng):
    time.sleep(0.05)
    output.write_text(f"{rng.random()}")


def draws(output):
    time.sleep(0.05)
    output.write_text(f"{random.random()}")


def works(output):
    end = time.thread_time() + 0.06
    while time.thread_time() < end:
        pass
    output.write_text("worked")


async def later(output):
    output.write_text("later")
"""


def workflow(space: Space, function: str, *lines: str, count: int = 24) -> None:
    space.write("steps.py", STEPS)
    more = "".join(f"    {line}\n" for line in lines)
    space.write(
        "Workflowfile",
        f"wildcards: {{n: {{range: {count}}}}}\n"
        "rules:\n"
        "  all: {input: 'out/{n}.txt'}\n"
        "  make:\n"
        "    output: out/{n}.txt\n"
        f"    run: steps:{function}\n" + more,
    )


def chosen(text: str) -> str:
    """The executor that a run says it chose, or nothing."""
    said = [line for line in text.splitlines() if "executor auto chose" in line]
    assert len(said) <= 1, said
    return said[0].partition("auto chose ")[2].partition(":")[0] if said else ""


def again(space: Space, *args: str) -> str:
    """Build all anew from what is recorded; what was chosen."""
    flow = space.flow("-v", "-B", *args)
    assert flow.status == 0, flow.text
    return chosen(flow.text)


def test_the_first_jobs_are_the_probe(space: Space) -> None:
    workflow(space, "waits", "executor: auto")
    flow = space.flow("-v", "-j", "4")
    assert flow.status == 0, flow.text
    assert chosen(flow.text) == "thread"
    assert "on 4 cores" in flow.text and "× as long" in flow.text


@pytest.mark.parametrize(
    ("function", "executors"),
    # On a busy machine a job that works waits for the CPU, too.
    [("quick", {"serial"}), ("waits", {"thread"}), ("works", {"process", "thread"})],
)
def test_what_is_recorded_decides_at_once(space: Space, function: str, executors: set[str]) -> None:
    workflow(space, function)
    space.good("-j", "2")
    # A quick job that the machine lets wait once is measured anew by the run after it.
    assert any(again(space, "--executor", "auto", "-j", "2") in executors for _ in range(3))


def test_one_core_needs_no_other_process(space: Space) -> None:
    workflow(space, "works", count=6)
    space.good("-j", "1")
    assert again(space, "--executor", "auto", "-j", "1") == "serial"


@pytest.mark.parametrize("function", ["quick", "waits", "draws"])
def test_the_choice_never_changes_results(space: Space, function: str) -> None:
    workflow(space, function)
    space.good()
    first = [space.read(name) for name in space.files("out")]
    for jobs in ["1", "4"]:
        flow = space.run("-B", "--executor", "auto", "-j", jobs)
        assert flow.status == 0, flow.text
        assert [space.read(name) for name in space.files("out")] == first
        assert not flow.summary["differ"], flow.summary


def test_a_rule_that_names_its_executor_is_pinned(space: Space) -> None:
    workflow(space, "waits", "executor: process")
    space.good()
    assert again(space, "--executor", "auto", "-j", "4") == ""


def test_a_rule_that_must_end_in_time_stays_in_processes(space: Space) -> None:
    workflow(space, "waits", "timeout: 30")
    space.good()
    assert again(space, "--executor", "auto", "-j", "4") == "process"


def test_commands_and_async_functions_need_no_choice(space: Space) -> None:
    workflow(space, "later", "executor: auto")
    space.write(
        "Workflowfile",
        space.read("Workflowfile").replace("'out/{n}.txt'}", "['out/{n}.txt', c.txt]}")
        + "  command: {output: c.txt, executor: auto, shell: 'echo > {output}'}\n",
    )
    flow = space.flow("-v")
    assert flow.status == 0, flow.text
    assert chosen(flow.text) == ""


def test_why_tells_what_was_chosen(space: Space) -> None:
    workflow(space, "waits", "executor: auto")
    space.good("-j", "4")
    assert "executor: auto chose thread" in space.flow("why", "out/3.txt").stdout
    (fact, *_) = json.loads(space.flow("why", "out/3.txt", "--json").stdout)["jobs"]
    assert fact["executor"]["executor"] == "thread"


def test_only_verbose_runs_say_so(space: Space) -> None:
    workflow(space, "waits", "executor: auto")
    assert chosen(space.flow("-j", "4").text) == ""


# -- plug-ins --------------------------------------------------------------------------------

PLUG_IN = """\
import os

from fileflow.executors.processes import Processes


def make(root, run, slots):
    open(os.path.join(root, "plugged"), "a").write(f"{slots}\\n")
    return Processes(root, run + "-plug", slots)


def broken(root, run, slots):
    raise OSError("no queue")


def nothing(root, run, slots):
    return object()
"""


@pytest.fixture
def plugged(space: Space) -> Space:
    """A space for which a distribution with executors is installed."""
    points = ["plug = plug_in:make", "sick = plug_in:broken", "empty = plug_in:nothing"]
    space.install(points, plug_in=PLUG_IN)
    return space


MIXED = """
    wildcards: {n: {range: 4}}
    rules:
      all: {input: ['out/{n}.txt', 'more/{n}.txt']}
      make:
        output: out/{n}.txt
        run: steps:quick
      command:
        output: more/{n}.txt
        shell: echo {n} > {output}
    """


def test_a_plug_in_does_the_jobs_of_rules_that_name_it(plugged: Space) -> None:
    workflow(plugged, "quick", "executor: plug", count=5)
    plugged.good("-j", "3")
    assert plugged.lines("plugged") == ["3"]
    first = [plugged.read(name) for name in plugged.files("out")]
    plugged.replace("Workflowfile", "    executor: plug\n", "")
    assert plugged.good().counts() == (0, 5, 0, 0)
    flow = plugged.good("-B")
    assert [plugged.read(name) for name in plugged.files("out")] == first
    assert not flow.summary["differ"]
    assert plugged.lines("plugged") == ["3"]


def test_the_option_hands_it_functions_and_commands(plugged: Space) -> None:
    plugged.write("steps.py", STEPS)
    plugged.workflow(MIXED)
    plugged.good("--executor", "plug")
    assert plugged.exists("plugged") and plugged.read("more/2.txt") == "2\n"


def test_a_timeout_holds_for_a_plug_in(plugged: Space) -> None:
    plugged.workflow("""
        rules:
          make: {output: a.txt, timeout: 0.5, executor: plug, shell: 'sleep 60; touch {output}'}
        """)
    flow = plugged.run()
    assert flow.counts() == (0, 0, 1, 0)
    assert "timed out after 0.5 s" in flow.text


@pytest.mark.parametrize("where", ["option", "rule", "dry"])
def test_an_unknown_name_is_an_error_that_names_the_nearest(plugged: Space, where: str) -> None:
    workflow(plugged, "quick", *["executor: plgu"] * (where == "rule"))
    args = [] if where == "rule" else ["--executor", "plgu"]
    flow = plugged.flow(*args, *["-n"] * (where == "dry"))
    assert flow.status == 2
    assert "there is no executor 'plgu'" in flow.stderr and "plug" in flow.stderr
    assert not plugged.exists("out")


def test_a_plug_in_that_gives_no_runner_is_an_error(plugged: Space) -> None:
    workflow(plugged, "quick")
    flow = plugged.flow("--executor", "sick")
    assert flow.status == 2 and "OSError: no queue" in flow.stderr
    flow = plugged.flow("--executor", "empty")
    assert flow.status == 2 and "it lacks submit, wait, stop, close" in flow.stderr
    assert not plugged.exists("out")
