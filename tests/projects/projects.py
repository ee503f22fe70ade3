"""What is done with each project: begin it, compare it with its golden list, change it.

A golden list is a text file beside the Workflowfile: each job with what it makes, then the
results. What a change builds is said as `fit mean|median s1 4|5`: four jobs.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from pathlib import Path

from tests.flows.space import Flow, Space, job_name

HERE = Path(__file__).parent
GOLDEN = "golden.txt"
SHORT = 1500


def jobs(text: str) -> set[str]:
    """The jobs in lines like `fit mean|median s1 4|5`."""
    found = set()
    for line in text.strip().splitlines():
        found.update(map(" ".join, product(*(word.split("|") for word in line.split()))))
    return found


@dataclass(frozen=True)
class Change:
    """An edit, and what it builds.

    `certain` is what `-n` announces without a reservation; `maybe` what it announces with one, and
    that is then built; `spared` what it announces with one, and that is then not built.
    """

    name: str
    edit: Callable[[Space], object]
    certain: str = ""
    maybe: str = ""
    spared: str = ""
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Project:
    """A folder beside this file, what is made there, and its changes, one after the other."""

    name: str
    results: tuple[str, ...]
    changes: tuple[Change, ...]
    made: tuple[str, ...] = ("build", "results")


def begin(space: Space, name: str) -> None:
    """Copy a project into the folder, without its golden list."""
    shutil.copytree(
        HERE / name,
        space.root,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns(GOLDEN, "__pycache__"),
    )


def golden(name: str) -> str:
    return (HERE / name / GOLDEN).read_text("utf-8")


def described(space: Space, flow: Flow, results: tuple[str, ...]) -> str:
    """The jobs that a run has built and the results that are there now, as a golden list."""
    lines = []
    for event in flow.events:
        if event["event"] == "job_finished" and event["status"] == "built":
            values = [f"{name}={value}" for name, value in event["wildcards"].items()]
            lines.append(" ".join([event["rule"], *values, "->", *event["outputs"]]) + "\n")
    text = "".join(sorted(lines))
    for name in results:
        data = space.path(name).read_bytes()
        content = data.decode() if len(data) <= SHORT else f"sha256 {sha256(data).hexdigest()}\n"
        text += f"\n== {name}\n{content}"
    return text


def change(space: Space, one: Change) -> None:
    """`-n` foretells what the edit builds, and changes no byte; it is built, and nothing more."""
    one.edit(space)
    certain, maybe, spared = jobs(one.certain), jobs(one.maybe), jobs(one.spared)
    before = space.snapshot()
    dry = space.good("-n", *one.args)
    assert space.snapshot() == before
    assert (one.name, dry.certain) == (one.name, certain)
    assert (one.name, dry.planned) == (one.name, certain | maybe | spared)
    flow = space.good(*one.args)
    assert (one.name, flow.built) == (one.name, certain | maybe)
    assert flow.counts()[2:] == (0, 0)
    again = space.good(*one.args)
    assert (one.name, again.summary["built"]) == (one.name, 0)


def same_as_anew(space: Space, project: Project, *args: str) -> None:
    """What was made step by step is, byte for byte, what a copy makes in one go."""
    base = space.root.parent / "anew"
    base.mkdir()
    other = Space(base)
    try:
        shutil.copytree(
            space.root,
            other.root,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns(".fileflow", "__pycache__", *project.made),
        )
        flow = other.good(*args)
        assert flow.counts()[1:] == (0, 0, 0)
        assert {job_name(event) for event in flow.events if event["event"] == "job_finished"}
        for name in project.made:
            for path in [name] if other.path(name).is_file() else other.files(name):
                assert other.path(path).read_bytes() == space.path(path).read_bytes(), path
    finally:
        other.close()
