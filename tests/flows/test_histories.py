"""Random histories of edits: the engine with all its shortcuts against one that knows none.

Both look at the same files before each run and must decide the same for every job, for the same
reason; then each makes a run of its own, and both must build the same jobs and the right bytes. All
thresholds are lowered, so that small projects go the ways of large ones.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fileflow import fast
from fileflow.engine import events, facts, since
from fileflow.engine.knowing import plan_known
from fileflow.engine.loop import Settings
from fileflow.engine.run import run
from fileflow.engine.session import Overrides, Session
from fileflow.planning import staleness
from fileflow.planning.plan import Wishes

from .warm import LOW

WORKFLOW = """\
config: {{level: {level}}}
wildcards:
  x: data/{{x}}.txt
rules:
  all:
    input: ["build/total.txt", "build/pair/{{x}}.txt"]
  total:
    input: build/b/{{x}}.txt
    output: build/total.txt
    shell: cat {{input}} > {{output}}
  up:
    input: data/{{x}}.txt
    output: build/up/{{x}}.txt
    params: {{level: "{{config.level}}"}}
    shell: "sed 's/^/{{params.level}} /' {{input}} > {{output}}"
  split:
    input: build/up/{{x}}.txt
    output: {{a: "build/a/{{x}}.txt", b: "build/b/{{x}}.txt"}}
    shell: "head -n 1 {{input}} > {{output.a}}; {count} {{input}} > {{output.b}}"
  pair:
    input:
      - build/a/{{x}}.txt
      - {{path: "notes/{{x}}.txt", optional: true}}
      - {{path: extra.txt, order_only: true}}
      - common.txt
    output: build/pair/{{x}}.txt
    shell: cat {{input}} > {{output}}
"""
STEPS = 48
COUNTS = ("wc -l <", "wc -c <")
WORDS = ("ab", "cd", "ef", "gh")


class Project:
    """A folder with the workflow, edits of it, and what a run has to make of it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.draw = random.Random(seed)
        self.level = 1
        self.count = 0
        for name in ("data", "notes"):
            (folder / name).mkdir()
        for k in range(7):
            (folder / f"data/{k}.txt").write_text(f"{k}\nab\n")
        (folder / "extra.txt").write_text("extra\n")
        (folder / "common.txt").write_text("common\n")
        self.write()

    def write(self) -> None:
        text = WORKFLOW.format(level=self.level, count=COUNTS[self.count])
        (self.folder / "Workflowfile").write_text(text)

    @property
    def chunks(self) -> list[str]:
        return sorted((p.stem for p in (self.folder / "data").iterdir()), key=int)

    def some_source(self) -> Path:
        names = [f"data/{x}.txt" for x in self.chunks] + ["extra.txt", "common.txt"]
        names += [str(p.relative_to(self.folder)) for p in (self.folder / "notes").iterdir()]
        return self.folder / self.draw.choice(sorted(names))

    def some_output(self) -> Path | None:
        made = sorted(p for p in (self.folder / "build").rglob("*") if p.is_file())
        return self.draw.choice(made) if made else None

    # -- edits --------------------------------------------------------------------------------

    def nothing(self) -> None:
        pass

    def touch(self) -> None:
        os.utime(self.draw.choice([self.some_source(), self.some_output() or self.some_source()]))

    def edit(self) -> None:
        self.some_source().write_text(f"{self.draw.random()}\n{self.draw.choice(WORDS)}\n")

    def edit_to_something_like_before(self) -> None:
        self.some_source().write_text(f"{self.draw.choice(WORDS)}\n")

    def edit_in_secret(self) -> None:
        """Other bytes of the same size, with the old times put back."""
        path = self.draw.choice([self.some_source(), self.some_output() or self.some_source()])
        before = path.stat()
        text = path.read_text()
        path.write_text("".join(self.draw.choice("mnop") if c.isalnum() else c for c in text))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def delete_output(self) -> None:
        path = self.some_output()
        if path is not None:
            path.unlink()

    def overwrite_output(self) -> None:
        path = self.some_output()
        if path is not None:
            path.write_text("by hand\n")

    def replace_output_by_itself(self) -> None:
        path = self.some_output()
        if path is not None:
            path.write_bytes(path.read_bytes())

    def add_chunk(self) -> None:
        x = self.draw.randrange(30)
        (self.folder / f"data/{x}.txt").write_text(f"{self.draw.choice(WORDS)}\n")

    def remove_chunk(self) -> None:
        if len(self.chunks) > 3:
            (self.folder / f"data/{self.draw.choice(self.chunks)}.txt").unlink()

    def note(self) -> None:
        path = self.folder / f"notes/{self.draw.choice(self.chunks)}.txt"
        if path.exists():
            path.unlink()
        else:
            path.write_text(f"{self.draw.choice(WORDS)}\n")

    def change_param(self) -> None:
        self.level = self.draw.randrange(1, 4)
        self.write()

    def change_command(self) -> None:
        self.count = 1 - self.count
        self.write()

    def forget_conclusion(self) -> None:
        (self.folder / fast.FILE).unlink(missing_ok=True)

    # -- what must be made --------------------------------------------------------------------

    def right(self) -> Iterator[tuple[str, str]]:
        """Each output with what must be in it."""
        total = ""
        for x in self.chunks:
            text = (self.folder / f"data/{x}.txt").read_text()
            up = "".join(f"{self.level} {line}\n" for line in text.splitlines())
            a = up.splitlines()[0] + "\n"
            b = f"{len(up) if self.count else len(up.splitlines())}\n"
            note = self.folder / f"notes/{x}.txt"
            common = (self.folder / "common.txt").read_text()
            total += b
            yield f"build/up/{x}.txt", up
            yield f"build/a/{x}.txt", a
            yield f"build/b/{x}.txt", b
            yield (
                f"build/pair/{x}.txt",
                a + (note.read_text() if note.exists() else "") + common,
            )
        yield "build/total.txt", total

    def check(self) -> None:
        """All that was asked for is there, and nothing that is there is stale."""
        for name, text in self.right():
            path = self.folder / name
            if path.exists() or name.startswith(("build/pair", "build/total")):
                assert path.read_text() == text, name


EDITS: list[Callable[[Project], None]] = [
    Project.nothing,
    Project.touch,
    Project.edit,
    Project.edit,
    Project.edit_to_something_like_before,
    Project.edit_in_secret,
    Project.edit_in_secret,
    Project.delete_output,
    Project.delete_output,
    Project.overwrite_output,
    Project.replace_output_by_itself,
    Project.add_chunk,
    Project.remove_chunk,
    Project.note,
    Project.change_param,
    Project.change_command,
    Project.forget_conclusion,
]


@pytest.fixture(autouse=True)
def low_thresholds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, values in LOW.items():
        for constant, value in values.items():
            monkeypatch.setattr(f"{name}.{constant}", value)


Verdicts = dict[str, tuple[str, str]]


def decided(folder: Path) -> Verdicts:
    """For each job its state and the reason."""
    found = plan_known(Session(str(folder / "Workflowfile")), Wishes())
    return {
        found.plan.label(job): (
            found.staleness.state(job).name,
            str(found.staleness.reason(job) or ""),
        )
        for job in found.plan.jobs()
        if not found.plan.table_of(job).rule.asks_only
    }


def built(folder: Path) -> list[str]:
    """Runs all; gives the jobs that were built."""
    labels: list[str] = []

    def tell(event: events.Event) -> None:
        if isinstance(event, events.JobEnded) and event.status == "built":
            labels.append(event.job.label)

    finished = run(
        str(folder / "Workflowfile"),
        Overrides(),
        Wishes(),
        Settings(jobs=2),
        tell,
        command="test",
        remember=([], "."),
    )
    assert finished.status == 0
    return sorted(labels)


@pytest.mark.parametrize("seed", range(4))
def test_shortcuts_change_nothing_of_what_is_decided_and_built(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "fast"
    folder.mkdir()
    if seed % 2:  # few files are taken for many
        monkeypatch.setattr(facts, "MANY", 2)
        monkeypatch.setattr(staleness, "WORTH_SHORTCUTS", 2)
        monkeypatch.setattr(since, "FEW", 3)
        monkeypatch.setattr(fast, "BLOCK", 3)
        monkeypatch.setattr(fast, "WORTH_FORKING", 1)
    project = Project(folder, seed)
    history: list[str] = []
    used = 0
    for step in range(STEPS):
        for edit in project.draw.choices(EDITS, k=project.draw.choice((1, 1, 2, 3))):
            edit(project)
            history.append(edit.__name__)
        history.append("look")
        quick = decided(folder)
        os.chdir(folder)
        answer = fast.answer([])
        with monkeypatch.context() as slowly:
            slowly.setattr(Session, "shortcuts", False)
            slowly.setattr(facts, "MANY", 1 << 30)
            slow = decided(folder)
            assert quick == slow, history
            states = {state for state, _ in slow.values()}
            assert answer is None or states <= {"FRESH", "ABSENT"}, history
            used += "FRESH" in states
            if step % 3 == 2:
                other = tmp_path / "slow"
                shutil.rmtree(other, ignore_errors=True)
                shutil.copytree(folder, other, symlinks=True)
                (other / fast.FILE).unlink(missing_ok=True)
                expected = built(other)
        if step % 3 == 2:
            history.append("run")
            # What the look before the run found goes on to it, as from the command line.
            os.chdir(folder)
            assert fast.answer([]) == answer
            fast.looked.hand_over(here=True)
            assert built(folder) == expected, history
            project.check()
            os.chdir(folder)
            assert fast.answer([]) is not None, history
    assert used > 10
