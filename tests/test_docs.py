"""Runs every example of README.md and docs/, so that the pages say what is true.

How examples are written, in any of these pages:

- Each heading begins an empty folder; the examples below it share that folder, in order.
- A fenced block with a title, ```yaml title="Workflowfile"```, is a file of that folder.
- `<!-- files: in/1.txt in/2.txt -->` makes files that hold their own path as a line, and
  `<!-- copy: data rules -->` copies files or folders of the project; readers see neither.
- `<!-- path: tests/stand_ins -->` puts this folder of the project on the PATH, before all others.
- `<!-- needs: make python:joblib -->` skips the section where a program is not on the PATH, or a
  module cannot be imported.
- A `console` block is typed and compared: `$ …` is a command, the lines below it are what it says
  on stdout and stderr together. `…` matches any text in a line and, alone on a line, any number of
  lines. The last line may be `[exit status 2]`; without it the status is 0.
- A `bash` block is one of the two commands of the README. A block of another language without a
  title is there to be read only; `yaml`, `python` and `console` are always tested.
"""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PAGES = (
    "README.md",
    *sorted(path.relative_to(PROJECT).as_posix() for path in (PROJECT / "docs").rglob("*.md")),
)
PATIENCE = 60
TESTED = {"yaml", "python", "console"}

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)(?: title=\"(?P<title>[^\"]+)\")?$")
HEADING = re.compile(r"^#+ (?P<words>.+)$")
DIRECTIVE = re.compile(r"^<!-- (?P<what>files|copy|path|needs): (?P<words>.+) -->$")
STATUS = re.compile(r"^\[exit status (\d+)\]$")


@dataclass(frozen=True)
class Block:
    """A fenced block, or a comment; `kind` is its language or the comment's word."""

    kind: str
    text: str
    line: int
    title: str = ""


@dataclass
class Section:
    """What stands below one heading."""

    page: str
    heading: str
    line: int
    blocks: list[Block] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {self.heading}"


@dataclass(frozen=True)
class Command:
    """A command of a console block, with what it is to say."""

    text: str
    line: int
    expected: tuple[str, ...]
    status: int


def sections_of(page: str) -> Iterator[Section]:
    section = Section(page, "top", 1)
    open_block: tuple[re.Match[str], int, list[str]] | None = None
    for number, line in enumerate((PROJECT / page).read_text("utf-8").splitlines(), start=1):
        if open_block is not None:
            match, began, lines = open_block
            if line.strip() == "```":
                text = "".join(f"{one}\n" for one in lines)
                section.blocks.append(Block(match["language"], text, began, match["title"] or ""))
                open_block = None
            else:
                lines.append(line.removeprefix(match["indent"]))
        elif line.lstrip().startswith("```"):
            fence = FENCE.match(line)
            assert fence, f"{page}:{number}: this fence says nothing that is known: {line}"
            open_block = (fence, number, [])
        elif heading := HEADING.match(line):
            yield section
            section = Section(page, heading["words"], number)
        elif directive := DIRECTIVE.match(line):
            section.blocks.append(Block(directive["what"], directive["words"], number))
    assert open_block is None, f"{page}: a block is never closed"
    yield section


@cache
def all_sections() -> tuple[Section, ...]:
    return tuple(section for page in PAGES for section in sections_of(page))


def commands_of(block: Block) -> list[Command]:
    commands: list[Command] = []
    pieces: list[tuple[int, list[str]]] = []
    for number, line in enumerate(block.text.splitlines(), start=block.line + 1):
        if line.startswith("$ "):
            pieces.append((number, [line[2:]]))
        else:
            assert pieces, f"line {number}: a console block begins with a command"
            pieces[-1][1].append(line)
    for number, (text, *expected) in pieces:
        match = STATUS.match(expected[-1]) if expected else None
        if match:
            expected.pop()
        commands.append(Command(text, number, tuple(expected), int(match[1]) if match else 0))
    return commands


def as_pattern(expected: tuple[str, ...]) -> str:
    """A regular expression for the whole output; `…` alone on a line stands for any lines."""
    parts = []
    for line in expected:
        if line.strip() == "…":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            pieces = (re.escape(piece) for piece in line.rstrip().split("…"))
            parts.append("[^\n]*?".join(pieces) + r"[ ]*\n")
    return "".join(parts)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with `fileflow` and `python`, for the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    python = shlex.quote(sys.executable)
    for name, words in (("fileflow", f"{python} -m fileflow"), ("python", python)):
        (folder / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def environment(path: str) -> dict[str, str]:
    dropped = ("FILEFLOW_", "PYTHON", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "PATH": path, "PYTHONPATH": str(PROJECT), "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}


def search_path(section: Section, programs: Path) -> str:
    """The PATH of a section's commands."""
    own = [PROJECT / b.text for b in section.blocks if b.kind == "path"]
    return os.pathsep.join([*map(str, own), str(programs), os.environ["PATH"]])


def make(block: Block, folder: Path) -> None:
    """Makes the files that a block or a comment stands for."""
    if block.title:
        path = folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, "utf-8")
        if block.text.startswith("#!"):
            path.chmod(0o755)
    elif block.kind == "files":
        for name in block.text.split():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name}\n", "utf-8")
    elif block.kind == "copy":
        for name in block.text.split():
            source = PROJECT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)


def lacks(section: Section) -> list[str]:
    """The programs and modules that a section needs and that are not here."""
    found = []
    for block in section.blocks:
        for word in block.text.split() if block.kind == "needs" else ():
            module = word.removeprefix("python:")
            there = shutil.which(word) if module == word else importlib.util.find_spec(module)
            if not there:
                found.append(word)
    return found


def with_examples() -> list[Section]:
    return [
        section
        for section in all_sections()
        if any(block.kind in TESTED for block in section.blocks)
    ]


@pytest.mark.parametrize("section", with_examples(), ids=str)
def test_examples_do_what_the_page_says(section: Section, tmp_path: Path, programs: Path) -> None:
    if lacking := lacks(section):
        pytest.skip(f"not installed here: {', '.join(lacking)}")
    folder = tmp_path / "project"
    folder.mkdir()
    for block in section.blocks:
        make(block, folder)
        for command in commands_of(block) if block.kind == "console" else ():
            done = subprocess.run(
                ["bash", "-c", command.text],
                cwd=folder,
                env=environment(search_path(section, programs)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE,
            )
            said = done.stdout.decode("utf-8", "replace")
            where = f"{section.page}:{command.line}: $ {command.text}"
            assert done.returncode == command.status, f"{where}\n{said}"
            if said and not said.endswith("\n"):
                said += "\n"
            assert re.fullmatch(as_pattern(command.expected), said), f"{where}\n{said}"


@pytest.mark.parametrize("section", with_examples(), ids=str)
def test_no_example_is_left_untested(section: Section) -> None:
    last_file = max((b.line for b in section.blocks if b.kind != "console" and b.title), default=0)
    last_command = max((b.line for b in section.blocks if b.kind == "console"), default=0)
    for block in section.blocks:
        if block.kind in TESTED - {"console"}:
            assert block.title, f"{section.page}:{block.line}: a block without a title"
        if block.kind == "console":
            assert commands_of(block), f"{section.page}:{block.line}: no command"
    assert last_file < last_command, f"{section}: no command comes after the last file"


def test_the_readme_holds_all_its_bash_blocks_as_commands() -> None:
    found = [(s.page, b.line) for s in all_sections() for b in s.blocks if b.kind == "bash"]
    assert [page for page, _ in found] == ["README.md", "README.md"]


def extractions() -> list[str]:
    """The pieces of .ci/run that take a command out of the README."""
    text = (PROJECT / ".ci/run").read_text("utf-8")
    found = re.findall(r"sed -n '/<!-- [^\n]+?README\.md \| sed '[^']+'", text)
    assert len(found) == 2, text
    return found


@pytest.mark.parametrize("name", ["main job", "test command"])
def test_continuous_integration_finds_a_command_of_the_readme(name: str) -> None:
    (script,) = (one for one in extractions() if f"<!-- {name} -->" in one)
    found = subprocess.run(
        ["bash", "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    lines = (PROJECT / "README.md").read_text("utf-8").splitlines()
    at = lines.index(f"<!-- {name} -->")
    assert lines[at + 1] == "```bash", "the block stands directly below its comment"
    end = lines.index("```", at + 2)
    assert found.splitlines() == lines[at + 2 : end]
    assert found.strip()
    subprocess.run(["bash", "-n", "-c", found], check=True)
    assert "-m venv" in found, "the system's Python may refuse installs"
    words = {"main job": "fileflow -j 4 all", "test command": "./check"}
    assert words[name] in found


def test_every_link_to_a_file_leads_somewhere() -> None:
    lost = []
    for page in (*PAGES, "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        text = (PROJECT / page).read_text("utf-8")
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if "://" not in target and not (PROJECT / page).parent.joinpath(target).exists():
                lost.append(f"{page}: {target}")
    assert not lost
