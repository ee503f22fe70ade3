"""What is urgent starts before short jobs that were ready first, and keep all cores at work."""

import time

import pytest

from .space import Space

SHORT = """\
  short:
    output: short/{n}
    shell: sleep 0.02; echo short >> order; touch {output}
"""
TOLD = """\
wildcards:
  n: {range: 150}
rules:
  all:
    input: ["short/{n}", "late/{part}"]
  split:
    scatter: part
    output: parts/{part}
    priority: 1
    shell: sleep 0.2; touch {output}/1 {output}/2
  late:
    input: parts/{part}
    output: late/{part}
    priority: 10
    shell: echo late >> order; cp {input} {output}
"""
PLANNED = """\
wildcards:
  n: {range: 150}
rules:
  all:
    input: late/{n}
  late:
    input: short/{n}
    output: late/{n}
    priority: 10
    shell: echo late >> order; cp {input} {output}
"""
CHAIN = """\
wildcards:
  n: {range: 150}
rules:
  all:
    input: ["short/{n}", late]
  late:
    input: short/0
    output: late
    shell: touch began; sleep 2; cp {input} {output}
"""


def shorts_after(space: Space) -> int:
    """How many short jobs ended after the first late one."""
    order = space.read("order").split()
    space.delete("order")
    return order[order.index("late") :].count("short")


@pytest.mark.parametrize("cores", ["1", "2"])
@pytest.mark.parametrize("text", [PLANNED, TOLD])
def test_a_larger_priority_starts_earlier_also_while_short_jobs_run(
    space: Space, text: str, cores: str
) -> None:
    space.write("Workflowfile", text + SHORT)
    space.good("-j", cores)
    assert shorts_after(space) >= 40
    assert not space.good().built


def test_a_long_chain_that_becomes_ready_later_starts_before_the_rest_of_short_jobs(
    space: Space,
) -> None:
    space.write("Workflowfile", CHAIN + SHORT)
    space.good("-j", "2")  # now it is known how long each takes
    space.good("-j", "2", "--rerun")
    began = space.path("began").stat().st_mtime_ns
    ended = [path.stat().st_mtime_ns for path in space.path("short").iterdir()]
    assert sum(time > began for time in ended) >= 40


def test_jobs_go_on_beside_a_function_that_is_asked_what_a_more_urgent_one_takes(
    space: Space,
) -> None:
    space.source(
        "need.py",
        """
        import pathlib, time

        def cores():
            end = time.monotonic() + 20
            while not pathlib.Path("o/3").exists() and time.monotonic() < end:
                time.sleep(0.02)
            return 1
        """,
    )
    space.workflow("""
        wildcards: {n: {range: 4}}
        rules:
          all: {input: [o/asked, "o/{n}"]}
          asked:
            output: o/asked
            priority: 1
            cores: {call: "need:cores"}
            shell: "touch {output}"
          plain: {output: "o/{n}", shell: "touch {output}"}
        """)
    began = time.monotonic()
    assert space.good("-j", "1").counts() == (5, 0, 0, 0)
    assert time.monotonic() - began < 15
