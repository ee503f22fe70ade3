"""Files that change under a run: what was made from the bytes before is stale, and stays so."""

import os

import pytest

from .space import Space


def told_twice(space: Space, *jobs: str) -> None:
    """The next run builds these rules, whoever answers, and then nothing is left to do."""
    assert space.good("-n").planned == set(jobs)
    assert "nothing to do" not in space.flow("-q", "-n").text
    flow = space.flow()
    assert flow.status == 0 and "nothing to do" not in flow.text, flow.text
    for _ in range(2):
        assert "nothing to do" in space.flow().text


@pytest.mark.parametrize("executor", ["process", "serial"])
def test_a_source_that_changes_between_two_jobs(space: Space, executor: str) -> None:
    space.write("src.txt", "old\n")
    space.write("steps.py", "def copy(src, output):\n    output.write_text(src.read_text())\n")
    space.workflow("""
        defaults: {executor: EXECUTOR}
        rules:
          all: {input: [a.txt, c.txt]}
          a: {input: {src: src.txt}, output: a.txt, priority: 9, run: "steps:copy"}
          b: {output: b.txt, priority: 5, shell: "echo new > src.txt; touch {output}"}
          c: {input: [src.txt, b.txt], output: c.txt, shell: "cat {input} > {output}"}
        """)
    space.replace("Workflowfile", "EXECUTOR", executor)
    flow = space.flow("-j1")
    assert flow.status == 0, flow.text
    assert (space.read("a.txt"), space.read("c.txt")) == ("old\n", "new\n")
    told_twice(space, "a")
    assert space.read("a.txt") == "new\n"


def test_an_output_that_is_overwritten_before_it_is_taken(space: Space) -> None:
    space.workflow("""
        rules:
          all: {input: c.txt}
          a: {output: a.txt, priority: 9, shell: "echo good > {output}"}
          b:
            output: b.txt
            shell: |
              if [ ! -e done ]; then touch done; echo evil > a.txt; fi
              touch {output}
          c: {input: [a.txt, b.txt], output: c.txt, shell: "cat {input} > {output}"}
        """)
    assert space.flow("-j1").status == 0
    assert space.read("c.txt") == "evil\n"
    told_twice(space, "a", "c")
    assert space.read("c.txt") == "good\n"


def test_what_was_read_before_the_change_is_told_after_it(space: Space) -> None:
    """One slot has done jobs that it has not told of yet when another finds the change."""
    space.write("src.txt", "old\n")
    space.write(
        "steps.py",
        """\
import os
import time

count = 0


def copy(src, output, again):
    global count
    text = src.read_text()
    count += 1
    if again and count == 4:
        try:
            os.close(os.open("first", os.O_CREAT | os.O_EXCL))
        except FileExistsError:  # the other slot: goes on first, with another text
            time.sleep(0.3)
            with open("src.txt", "w") as file:
                file.write("new, and longer\\n")
        else:
            time.sleep(2)
    output.write_text(text)
""",
    )
    space.workflow("""
        config: {again: false}
        wildcards: {n: {range: 40}}
        rules:
          all: {input: "out/{n}.txt"}
          copy:
            input: {src: src.txt}
            output: out/{n}.txt
            params: {again: "{config.again}"}
            run: steps:copy
        """)
    assert space.flow("-j2").status == 0
    again = ("-j2", "--config", "again=true")
    assert space.flow("-k", *again).status == 1  # of those two that read while it changed
    built = {n for n in range(40) if space.read(f"out/{n}.txt") == "new, and longer\n"}
    dry = space.good("-n", *again)
    planned = {int(e["wildcards"]["n"]) for e in dry.events if e["event"] == "job_planned"}
    assert 0 < len(built) < 38 and planned == set(range(40)) - built


SECOND_PLAN = """\
rules:
  all: {input: [sum.txt, use.txt]}
  gen: {input: gen.src, output: gen.h, shell: "sleep GEN; cp {input} {output}"}
  page:
    input: main.txt
    output: {page: page.txt, found: {path: page.d, deps: true}}
    shell: |
      cat {input} > {output.page}
      [ ! -e gen.h ] || cat gen.h >> {output.page}
      echo gen.h > {output.found}
  sum: {input: page.txt, output: sum.txt, shell: "cat {input} > {output}; SUM"}
  split: {input: main.txt, output: "ch/{c}", scatter: c, shell: "sleep 0.4; cp {input} {output}/a"}
  use: {input: "ch/{c}", output: use.txt, shell: "cat {input} > {output}"}
"""


@pytest.mark.parametrize(
    ("gen", "total"),
    [("0.5", "sleep 0.6"), ("0", "sleep 1"), ("0.5", "sleep 0.6; grep -q G {output}")],
)
def test_what_a_running_job_took_is_made_again_by_the_next_plan(
    space: Space, gen: str, total: str
) -> None:
    """A plan that follows what a scatter found knows a file that `page` read meanwhile."""
    space.write("gen.src", "G\n")
    space.write("main.txt", "M\n")
    space.write("Workflowfile", SECOND_PLAN.replace("GEN", gen).replace("SUM", total))
    summary = space.good("-j2").summary
    assert (summary["built"], summary["kept"], summary["failed"]) == (5, 0, 0)
    assert space.read("sum.txt") == "M\nG\n"
    assert space.good("-n").planned == set()
    for _ in range(2):
        assert "nothing to do" in space.flow().text


def test_an_orphan_whose_name_is_no_text_is_no_trouble(space: Space) -> None:
    space.workflow("""
        wildcards: {x: "in/{x}"}
        rules:
          all: {input: "out/{x}"}
          copy: {input: "in/{x}", output: "out/{x}", shell: "cp {input} {output}"}
        """)
    space.write("in/a", "a\n")
    name = os.fsencode(space.path("in")) + b"/\xff"
    with open(name, "wb") as file:
        file.write(b"1\n")
    assert space.flow().status == 0
    os.unlink(name)
    for _ in range(3):
        flow = space.flow()
        assert flow.status == 0 and "nothing to do" in flow.text, flow.text


WRITER = "def write(output):\n    output.write_text('{}\\n')\n"
ACTIONS = {
    "a shell script": ("script: x.sh", "x.sh", 'echo {} > "$2"\n'),
    "a Python script": (
        "script: x.py",
        "x.py",
        "import sys; open(sys.argv[2], 'w').write('{}\\n')",
    ),
    "a word of a command": ('shell: "bash x.sh {input} {output}"', "x.sh", 'echo {} > "$2"\n'),
    "a module that a script imports": (
        'script: y.py\n            args: ["{output}"]',
        "x.py",
        "word = '{}\\n'",
    ),
    "a serial function": ('run: "x:write"\n            executor: serial', "x.py", WRITER),
    "a function in a thread": ('run: "x:write"\n            executor: thread', "x.py", WRITER),
    "a call": (
        'params: {k: {call: "x:k", after: b.txt}}\n            shell: "echo {params.k} > {output}"',
        "x.py",
        "def k(after): return '{}'\n",
    ),
}


@pytest.mark.parametrize("undone", [True, False])
@pytest.mark.parametrize(("action", "path", "code"), ACTIONS.values(), ids=ACTIONS)
def test_code_that_changes_after_the_plan(
    space: Space, action: str, path: str, code: str, undone: bool
) -> None:
    space.write(path, code.replace("{}", "old"))
    space.write("new", code.replace("{}", "new"))
    copy = f"open({path!r}, 'w').write(open('new').read())"
    space.write("mover.py", f"def move(output):\n    {copy}\n    output.touch()\n")
    if path == "x.py" and "y.py" in action:
        space.write("y.py", "import sys\nfrom x import word\nopen(sys.argv[1], 'w').write(word)\n")
    space.workflow(f"""
        rules:
          all: {{input: c.txt}}
          b: {{output: b.txt, run: "mover:move"}}
          c:
            input: b.txt
            output: c.txt
            {action}
        """)
    flow = space.flow("-j1")
    assert flow.status == (0 if "call" in action else 1), flow.text
    assert space.read("c.txt") == "new\n"
    if undone:
        space.write(path, code.replace("{}", "old"))
    if "call" not in action:
        assert (
            "its code, while the run went on that made it, changed"
            in space.flow("why", "c.txt").text
        )
    if "call" in action and not undone:  # what it answers now is what was taken
        assert space.good("-n").planned == set()
    else:
        told_twice(space, "c")
    assert space.read("c.txt") == ("old\n" if undone else "new\n")
