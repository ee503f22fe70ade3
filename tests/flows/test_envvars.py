"""Variables that must be set outside: asked for before anything runs, passed on, shown nowhere."""

import json

import pytest

from .space import Space

SECRET = "s3cr3t-value-0815"


def everything(space: Space) -> bytes:
    state = (path for path in (space.root / ".fileflow").rglob("*") if path.is_file())
    told = (path for path in space.outside.glob("*.*") if path.is_file())
    return b"".join(path.read_bytes() for path in (*state, *told))


def test_one_that_is_not_set_is_an_error_before_anything_runs(space: Space):
    space.workflow("""
        rules:
          all:
            input: [a.txt, b.txt]
          a:
            output: a.txt
            shell: touch {output}
          b:
            output: b.txt
            envvars: [API_KEY, OTHER]
            shell: touch {output}
        """)
    for options in ([], ["-n"]):
        flow = space.flow(*options)
        assert flow.status == 2
        assert (
            "API_KEY" in flow.stderr and "OTHER" in flow.stderr and "Workflowfile:9:5" in flow.text
        )
    assert space.files() == ["Workflowfile"]
    assert space.flow("a.txt").status == 0
    flow = space.flow(env={"API_KEY": "x1y2", "OTHER": ""})
    assert flow.status == 0, flow.text
    assert space.flow("status").status == 0
    assert space.good().built == set()


STEPS = """\
import os, sys

def tell(output):
    print("key", os.environ["API_KEY"])
    print("key", os.environ["API_KEY"], file=sys.stderr)
    output.write_text(os.environ["API_KEY"][::-1])
    if os.path.exists(os.environ["FLAGS"] + "/bad"):
        raise ValueError("refused: " + os.environ["API_KEY"])
    if os.path.exists(os.environ["FLAGS"] + "/dies"):
        sys.stdout.flush()
        os._exit(3)
"""


@pytest.mark.parametrize(
    "action",
    [
        "run: steps:tell",
        "script: s.py",
        'shell: echo "key $API_KEY" | tee logs/x.log | rev > {output}; echo "key $API_KEY"; '
        'test ! -e "$FLAGS/bad"; test ! -e "$FLAGS/dies"',
    ],
)
@pytest.mark.parametrize("fate", ["good", "bad", "dies"])
@pytest.mark.parametrize("progress", ["plain", "json"])
def test_a_value_is_passed_on_and_shown_nowhere(
    space: Space, action: str, fate: str, progress: str
):
    space.write("steps.py", STEPS)
    space.write("s.py", "from steps import tell\nfrom fileflow import job\ntell(job.output[0])\n")
    space.workflow(
        f"""
        rules:
          make:
            output: x.txt
            log: logs/x.log
            envvars: [API_KEY]
            {action}
        """
    )
    space.flag(fate)
    flow = space.flow("-v", "-p", "--progress", progress, env={"API_KEY": SECRET})
    assert flow.status == (0 if fate == "good" else 1), flow.text
    if fate == "good":
        assert SECRET[::-1] in space.read("x.txt")
    assert "key *" in space.flow("log", "x.txt").text or fate != "good"
    space.flow("why", "x.txt")
    space.flow("status", "--json")
    assert SECRET.encode() not in everything(space)
    assert not space.exists("logs/x.log") or SECRET not in space.read("logs/x.log")


def test_another_value_is_no_reason_to_build(space: Space):
    space.workflow("""
        rules:
          make:
            output: x.txt
            envvars: [API_KEY]
            shell: touch {output}
        """)
    assert space.flow(env={"API_KEY": "one"}).status == 0
    flow = space.flow("--progress", "json", env={"API_KEY": "two"})
    assert flow.counts() == (0, 1, 0, 0)
    assert json.dumps("two") not in flow.text


def test_those_who_only_look_need_no_variable(space: Space):
    space.workflow("""
        rules:
          make:
            output: x.txt
            envvars: [API_KEY]
            shell: touch {output}
        """)
    for words in [(), ("-n",)]:
        flow = space.flow(*words)
        assert flow.status == 2 and "the variable API_KEY is not set" in flow.text
    for words in [("status",), ("why", "x.txt"), ("list",), ("check",)]:
        flow = space.flow(*words)
        assert flow.status == 0, flow.text


def test_a_value_of_several_lines_is_hidden_line_by_line(space: Space):
    space.workflow("""
        rules:
          make:
            output: x.txt
            envvars: [KEY]
            shell: echo "$KEY" | tac; exit 1
        """)
    flow = space.flow(env={"KEY": "first-line\nsecond-line"})
    assert flow.status == 1
    assert "first-line" not in flow.text and "second-line" not in flow.text


def test_a_job_that_empties_what_it_prints_to_shows_no_value_of_another(space: Space):
    space.workflow("""
        rules:
          all: {input: [a.txt, b.txt, c.txt]}
          a: {output: a.txt, shell: 'echo said much before; touch {output}'}
          b:
            input: a.txt
            output: b.txt
            envvars: [API_KEY]
            shell: 'echo x > {log}; echo "$API_KEY"; touch {output}'
          c: {input: b.txt, output: c.txt, shell: 'echo c; touch {output}'}
        """)
    assert space.flow("-j", "1", env={"API_KEY": SECRET}).status == 0
    assert SECRET.encode() not in everything(space)
    stars = "*" * len(SECRET)
    told = [space.flow("log", f"{name}.txt").stdout for name in "abc"]
    assert told == ["said much before\n", f"x\n{stars}\n", "c\n"]


def test_what_a_killed_job_has_printed_is_kept_without_values(space: Space):
    space.workflow("""
        rules:
          a:
            output: a.txt
            envvars: [API_KEY]
            shell: 'echo "$API_KEY"; kill -KILL $PPID; sleep 60'
        """)
    assert space.flow("-j", "1", env={"API_KEY": SECRET}).status == 1
    assert SECRET.encode() not in everything(space)
    assert space.flow("log", "a.txt").stdout == "*" * len(SECRET) + "\n"
