"""Workflows from Python: what a run gives back, where its plan is made in several steps."""

import json
import subprocess
import sys

from .space import Space

RUN = """\
import json
from fileflow import Workflow

result = Workflow.load("Workflowfile").run([], jobs=2)
print(json.dumps({
    "status": result.status,
    **{
        name: [[one.rule, *one.wildcards.values(), one.status] for one in getattr(result, name)]
        for name in ("built", "kept", "failed", "skipped")
    },
}))
"""
TEXT = """\
rules:
  total:
    input: build/upper/{part}.txt
    output: build/total.txt
    shell: cat {input} > {output}
  split:
    input: data.txt
    output: build/parts/{part}.txt
    scatter: part
    shell: split -l 1 -d --additional-suffix=.txt {input} {output}/
  upper:
    input: build/parts/{part}.txt
    output: build/upper/{part}.txt
    shell: tr a-z A-Z < {input} > {output}
"""
ALL = ["split", "total", "upper 00", "upper 01"]


def run(space: Space) -> dict[str, list[str]]:
    space.write("go.py", RUN)
    done = subprocess.run(
        [sys.executable, "go.py"],
        cwd=space.root,
        env=space.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return {
        name: sorted(" ".join(job[:-1]) for job in jobs)
        for name, jobs in found.items()
        if name != "status" and jobs
    }


def test_each_job_is_listed_once_where_values_are_found_while_running(space: Space) -> None:
    space.write("Workflowfile", TEXT)
    space.write("data.txt", "a\nb\n")
    assert run(space) == {"built": ALL}
    assert run(space) == {"kept": ALL}
    space.write("data.txt", "a\nc\n")
    assert run(space) == {"built": ["split", "total", "upper 01"], "kept": ["upper 00"]}


def test_what_was_not_found_is_listed_as_skipped(space: Space) -> None:
    space.write("Workflowfile", TEXT.replace("split -l", "false; split -l"))
    space.write("data.txt", "a\nb\n")
    assert run(space) == {"failed": ["split"], "skipped": ["total"]}


def test_the_keys_of_mappings_are_handed_over_sorted(space: Space) -> None:
    """Their order is no reason to build again, so it must not be seen."""
    space.write(
        "steps.py",
        """
def whole(output, params, config):
    output.write_text(f"{list(params)} {list(params['p'])} {list(params['l'][0])} {list(config)}")

def some(output, p, z):
    output.write_text(f"{list(p)} {list(z)} {list(z['n'])}")

def rest(output, **more):
    output.write_text(str([name for name in more if name != "output"]))
""",
    )
    text = """
        config: {z: {n: {d: 1, c: 2}, m: 1}, y: 2}
        rules:
          all: {input: [w, s, r]}
          w: {output: w, params: {p: {b: 1, a: 2}, l: [{f: 1, e: 2}]}, run: "steps:whole"}
          s: {output: s, params: {z: "{config.z}", p: {b: 1, a: 2}}, run: "steps:some"}
          r: {output: r, params: {q: 1, p: 2}, run: "steps:rest"}
        """
    space.workflow(text)
    space.good()
    made = [space.read(name) for name in "wsr"]
    assert made == [
        "['l', 'p'] ['a', 'b'] ['e', 'f'] ['y', 'z']",
        "['a', 'b'] ['m', 'n'] ['c', 'd']",
        "['p', 'q']",
    ]
    for before, after in (
        ("{d: 1, c: 2}, m: 1", "{c: 2, d: 1}, m: 1"),
        ("p: {b: 1, a: 2}", "p: {a: 2, b: 1}"),
        ("{q: 1, p: 2}", "{p: 2, q: 1}"),
    ):
        text = text.replace(before, after)
    space.workflow(text)
    assert space.good().built == set()
    space.good("--rerun")
    assert [space.read(name) for name in "wsr"] == made
