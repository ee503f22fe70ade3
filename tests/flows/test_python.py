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
