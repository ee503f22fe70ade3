"""A project folder in which commands are called as functions, and jobs are really run."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fileflow.engine.events import Event, RunFinished
from fileflow.engine.loop import Settings
from fileflow.engine.project import Project
from fileflow.engine.run import run
from fileflow.engine.session import Overrides, Session
from fileflow.planning.plan import Target, Wishes, target_from


class Folder:
    """Files, a Workflowfile, and what commands say."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = str(root / "Workflowfile")
        self.lines: list[str] = []
        self.events: list[Event] = []

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def workflow(self, text: str) -> None:
        self.write("Workflowfile", text)

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))

    def there(self, name: str) -> bool:
        return os.path.lexists(self.root / name)

    def delete(self, *names: str) -> None:
        for name in names:
            (self.root / name).unlink()

    @property
    def session(self) -> Session:
        return Session(self.file)

    def project(self, **overrides: Any) -> Project:
        return Project(file=self.file, overrides=Overrides(**overrides), command="a test")

    def build(self, *targets: str, status: int = 0) -> RunFinished:
        finished = run(
            self.file,
            Overrides(),
            Wishes(targets=words(*targets), keep_going=True),
            Settings(jobs=2, max_failures=0),
            lambda event: self.events.append(event),
            command="a test",
        )
        assert finished.status == status, self.events
        return finished

    def say(self, line: str) -> None:
        self.lines.append(line)

    @property
    def said(self) -> str:
        """All that was said since the last look."""
        text, self.lines = "\n".join(self.lines), []
        return text

    @property
    def data(self) -> Any:
        return json.loads(self.said)

    def bytes(self) -> dict[str, tuple[int, bytes]]:
        """Every file with its time of change and content."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def words(*targets: str) -> tuple[Target, ...]:
    return tuple(map(target_from, targets))


def wish(*targets: str, **others: Any) -> Wishes:
    return Wishes(targets=words(*targets), **others)


TWO_MONTHS = """
    wildcards:
      month: data/{month}.txt
    rules:
      all:
        input: build/total.txt
      copy:
        doc: |
          Copy one month.
          Nothing else.
        input: data/{month}.txt
        output: build/{month}.txt
        tags: early
        shell: |
          echo copying {month}
          cat {input} > {output}
      total:
        input: build/{month}.txt
        output: build/total.txt
        shell: cat {input} > {output}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    before = os.getcwd()
    yield Folder(tmp_path)
    os.chdir(before)


@pytest.fixture
def months(folder: Folder) -> Folder:
    """Two months copied, and added up."""
    folder.workflow(TWO_MONTHS)
    folder.write("data/01.txt", "one\n")
    folder.write("data/02.txt", "two\n")
    return folder
