"""`async def` functions: many at once on one event loop, each with its own draws, log and end."""

import signal
from pathlib import Path

import pytest

from .space import Space, wait_for

STEPS = """\
import asyncio
import os
import random
import sys
import time

now = peak = 0


async def count(output, want):
    global now, peak
    now += 1
    for _ in range(500):
        peak = max(peak, now)
        if peak >= want:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    peak = max(peak, now)
    now -= 1
    output.write_text(f"{peak} {os.getpid()}")


async def own(output, rng, seed):
    first = rng.random()
    await asyncio.sleep(0.01)
    output.write_text(f"{first} {rng.random()} {seed}")


async def common(output):
    await asyncio.sleep(0.01)
    first = random.random()
    await asyncio.sleep(0.01)
    output.write_text(f"{first} {random.random()}")


async def common_elsewhere(output):
    async def draw():
        return random.random()

    output.write_text(str(await asyncio.gather(draw(), draw())))


async def say(output, n):
    for word in ["one", "two", "three"]:
        print(word, n)
        print(word, n, "again", file=sys.stderr)
        await asyncio.sleep(0.02)
    await asyncio.gather(tell(n), asyncio.to_thread(print, "thread", n))
    output.write_text(n)


async def tell(n):
    print("task", n)


async def wait(output, n):
    print("waits")
    flags = os.environ["FLAGS"]
    open(f"{flags}/started-{n}", "w").close()
    try:
        while not os.path.exists(f"{flags}/go") and n != "short":
            await asyncio.sleep(0.01)
    finally:
        open(f"{flags}/left-{n}", "w").close()
    output.write_text(n)


async def end(output, n):
    await asyncio.sleep(0.1)
    if n == "1":
        os._exit(3)
    await asyncio.sleep(0.3)
    output.write_text(n)


async def block(output, n):
    if n == "1":
        time.sleep(60)
    await asyncio.sleep(0.1)
    output.write_text(n)


async def fail(output, n):
    await asyncio.sleep(0.1)
    if n == "1":
        raise ValueError("the third row has no month")
    output.write_text(n)


async def leave(output):
    task = asyncio.create_task(late(output))
    await asyncio.sleep(0.01)
    output.write_text("whole")


async def late(output):
    await asyncio.sleep(0.2)
    output.write_text("late")


async def show(output):
    output.write_text(os.environ["MINE"])


def plain(output):
    output.write_text("plain")


def decorated(function):
    return function


@decorated
async def hidden(output):
    await asyncio.sleep(0)
    output.write_text(str(len(asyncio.all_tasks())))
"""


@pytest.fixture
def steps(space: Space) -> Space:
    space.write("steps.py", STEPS)
    return space


def rule(function: str, *lines: str, values: str = "{range: 12}") -> str:
    more = "".join(f"        {line}\n" for line in lines)
    return (
        "wildcards:\n"
        f"  n: {values}\n"
        "rules:\n"
        "  all: {input: 'out/{n}.txt'}\n"
        "  make:\n"
        "    output: out/{n}.txt\n"
        f"    run: steps:{function}\n"
    ) + more.replace("        ", "    ")


def peaks(space: Space) -> list[int]:
    return [int(space.read(name).split()[0]) for name in space.files("out")]


def test_many_run_at_once_on_one_event_loop(steps: Space) -> None:
    steps.write("Workflowfile", rule("count", "params: {want: 12}"))
    steps.good("-j", "2")
    assert max(peaks(steps)) == 12
    assert len({steps.read(name).split()[1] for name in steps.files("out")}) == 1


def test_one_job_at_a_time_is_one_of_these_too(steps: Space) -> None:
    steps.write("Workflowfile", rule("count", "params: {want: 1}", values="{range: 3}"))
    steps.good("-j", "1")
    assert peaks(steps) == [1, 1, 1]


def test_a_pool_limits_them(steps: Space) -> None:
    steps.write(
        "Workflowfile",
        "resources: {api: 3}\n" + rule("count", "params: {want: 3}", "resources: {api: 1}"),
    )
    steps.good("-j", "2")
    assert max(peaks(steps)) == 3


def test_cores_that_are_said_count(steps: Space) -> None:
    steps.write("Workflowfile", rule("count", "params: {want: 2}", "cores: 1", values="{range: 6}"))
    steps.good("-j", "2")
    assert max(peaks(steps)) == 2


@pytest.mark.parametrize("function", ["own", "common", "common_elsewhere"])
def test_the_bytes_do_not_depend_on_the_event_loop(steps: Space, function: str) -> None:
    steps.write("Workflowfile", rule(function))
    found = []
    for args in [("-j", "1"), ("-j", "4"), ("--executor", "process"), ("--executor", "thread")]:
        for folder in ["out", ".fileflow"]:
            if steps.exists(folder):
                steps.delete(folder)
        steps.good(*args)
        found.append([steps.read(name) for name in steps.files("out")])
    assert all(one == found[0] for one in found)
    assert len(set(found[0])) == 12


def test_a_rule_that_draws_from_a_global_generator_is_named_once(steps: Space) -> None:
    text = rule("common").replace(
        "  make:", "  other: {output: 'x.txt', run: 'steps:own'}\n  make:"
    )
    steps.write("Workflowfile", text.replace("'out/{n}.txt'}", "['out/{n}.txt', x.txt]}"))
    flow = steps.flow("-j", "4")
    assert flow.status == 0, flow.text
    named = [line for line in flow.stderr.splitlines() if "draws from a global" in line]
    assert len(named) == 1
    assert "rule make" in named[0] and "rng" in named[0]


def test_each_keeps_what_it_printed(steps: Space) -> None:
    steps.write("Workflowfile", rule("say"))
    steps.good()
    for n in ["0", "7"]:
        lines = steps.flow("log", f"out/{n}.txt").stdout.splitlines()
        words = ["one", "two", "three"]
        pairs = [line for word in words for line in (f"{word} {n}", f"{word} {n} again")]
        assert lines[:6] == pairs
        assert set(lines[6:]) == {f"task {n}", f"thread {n}"}


def test_a_timeout_cancels_the_one_that_is_late(steps: Space) -> None:
    steps.write("Workflowfile", rule("wait", "timeout: 0.5", values="[long, short]"))
    flow = steps.run("-k")
    assert flow.status == 1
    assert flow.counts()[:3] == (1, 0, 1)
    assert "timed out after 0.5 s" in flow.text
    assert steps.flagged("left-long") and not steps.exists("out/long.txt")
    assert "waits" in steps.flow("log", "out/long.txt").stdout


def test_an_interrupt_cancels_all_and_the_next_run_goes_on(steps: Space) -> None:
    steps.write("Workflowfile", rule("wait", values="[a, b, short]"))
    running = steps.start("--progress", "json")
    wait_for(lambda: steps.exists("out/short.txt") and steps.flagged("started-b"), "the jobs")
    running.send(signal.SIGINT)
    flow = running.end()
    assert flow.status == 130
    assert steps.flagged("left-a") and steps.flagged("left-b")
    assert steps.files("out") == ["out/short.txt"]
    steps.flag("go")
    assert steps.good().built == {"make a", "make b"}


def test_one_that_fails_is_alone(steps: Space) -> None:
    steps.write("Workflowfile", rule("fail", values="{range: 5}"))
    flow = steps.run("-k")
    assert flow.counts() == (4, 0, 1, 0)
    assert "the third row has no month" in flow.text


def test_one_that_ends_the_process_is_named_and_the_others_are_run_again(steps: Space) -> None:
    steps.write("Workflowfile", rule("end", values="{range: 5}"))
    flow = steps.run("-k")
    assert flow.counts() == (4, 0, 1, 0), flow.text
    assert flow.jobs("job_finished", status="failed") == {"make 1"}


def test_one_that_blocks_the_loop_is_ended_by_its_timeout(steps: Space) -> None:
    steps.write("Workflowfile", rule("block", "timeout: 1", "retries: 0", values="[1]"))
    flow = steps.run("-k")
    assert flow.counts() == (0, 0, 1, 0), flow.text
    assert "timed out after 1 s" in flow.text


def test_tasks_that_are_left_running_write_into_no_output(steps: Space) -> None:
    steps.write("Workflowfile", rule("leave", values="{range: 3}"))
    flow = steps.flow()
    assert flow.status == 0 and "left 1 task running; cancelled" in flow.text
    assert {steps.read(name) for name in steps.files("out")} == {"whole"}


def test_an_environment_of_its_own_needs_a_process(steps: Space) -> None:
    steps.write("Workflowfile", rule("show", "env: {MINE: 'for {n}'}", values="{range: 3}"))
    steps.good()
    assert steps.read("out/2.txt") == "for 2"


def test_a_function_whose_source_does_not_tell_is_asked(steps: Space) -> None:
    steps.write("Workflowfile", rule("hidden", "executor: async", values="{range: 2}"))
    steps.good()
    assert int(steps.read("out/1.txt")) >= 2


def test_a_plain_function_cannot_be_async(steps: Space) -> None:
    text = rule("plain", "executor: async") + "  first: {output: y.txt, shell: 'touch {output}'}\n"
    steps.write("Workflowfile", text)
    flow = steps.flow("all", "first")
    assert flow.status == 2
    assert "Workflowfile:8" in flow.stderr
    assert "steps:plain is a plain one" in flow.stderr and "executor: thread" in flow.stderr
    assert not steps.exists("y.txt")
    assert steps.flow("check").status == 2


def test_the_option_is_no_error_for_plain_functions(steps: Space) -> None:
    steps.write("Workflowfile", rule("plain", values="{range: 3}"))
    steps.good("--executor", "async")


def test_they_take_no_core_from_others(steps: Space) -> None:
    text = rule("wait", values="[a, b]").replace(
        "all: {input: 'out/{n}.txt'}", "all: {input: ['out/{n}.txt', c.txt]}"
    )
    text += '  command: {output: c.txt, shell: "touch $FLAGS/go; echo > {output}"}\n'
    steps.write("Workflowfile", text)
    steps.good("-j", "2")


def test_nothing_of_them_is_left_in_the_state(steps: Space) -> None:
    steps.write("Workflowfile", rule("own"))
    steps.good()
    assert not list(Path(steps.path(".fileflow/stage")).iterdir())
    steps.run()
    assert steps.good().counts() == (0, 12, 0, 0)


@pytest.mark.parametrize("how", ["async def split(output):\n", "async def made(output):\n"])
def test_an_async_function_that_yields_is_refused_before_anything_runs(
    space: Space, how: str
) -> None:
    text = how + "    yield 1, 'x'\n"
    if "made" in how:  # the source does not say what it is: a slot that imports it does
        text += "\n\nglobals()['split'] = made\n"
    space.write("steps.py", text)
    space.workflow("""
        rules:
          first:
            input: second
            output: first
            shell: touch {output}
          second:
            output: second/{n}
            scatter: n
            run: steps:split
    """)
    space.replace("Workflowfile", "input: second", "input: second/{n}")
    flow = space.flow()
    assert flow.status == 2, flow.text
    assert "`async def` that yields" in flow.text
    assert not space.exists("second")


def test_on_the_loop_the_variable_of_the_seed_is_not_set(space: Space) -> None:
    space.write(
        "steps.py",
        "import os\n\n\nasync def write(output, seed):\n"
        "    output.write_text(str(os.environ.get('FILEFLOW_SEED')))\n",
    )
    space.workflow("""
        rules:
          one:
            output: one
            run: steps:write
    """)
    space.good()
    assert space.read("one") == "None"
