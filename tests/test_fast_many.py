"""The same where files are many: a child helps to look, the engine begins before the look has
ended, and signatures are taken by columns."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from select import select
from struct import Struct

import pytest

from fileflow import fast
from fileflow.engine import since
from fileflow.engine.since import Since
from fileflow.fast import Look
from tests.test_fast import CHANGES, STEPS, WORKFLOW, replace

COUNT = 9
pack = Struct("<H").pack  # how a block stands in the pipe
# What is many is few here; said anew in each interpreter that takes the place of the one before.
CODE = """\
import sys
from fileflow import fast
fast.WORTH_FORKING, fast.BLOCK = 1, 2
from fileflow.engine import facts
facts.MANY = 2
from fileflow.planning import staleness
staleness.WORTH_SHORTCUTS = 2
from fileflow.__main__ import main
sys.exit(main())
"""


def flow(folder: Path, *words: str, **environ: str) -> str:
    """What a run says; it must end well."""
    env = {name: text for name, text in os.environ.items() if name != "PYTHONHASHSEED"}
    found = subprocess.run(
        [sys.executable, "-c", CODE, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**env, **environ},
    )
    assert found.returncode == 0, found.stderr
    return found.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for number in range(COUNT):
        (tmp_path / "data" / f"{'abcdefghi'[number]}.txt").write_text(f"{number}\n")
    (tmp_path / "Workflowfile").write_text(WORKFLOW)
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "tools.py").write_text("def said(text):\n    return text.upper()\n")
    assert f"{COUNT + 1} built" in flow(tmp_path)
    assert "nothing to do" in flow(tmp_path)
    return tmp_path


@pytest.mark.parametrize("seed", ["0", ""])
@pytest.mark.parametrize("change", [c for c in CHANGES if c != "a source gone"])
def test_a_change_is_found_by_whoever_looks_and_then_all_is_fresh_again(
    project: Path, change: str, seed: str
) -> None:
    environ = {"PYTHONHASHSEED": seed} if seed else {}
    CHANGES[change](project)
    said = flow(project, **environ)
    assert "nothing to do" in said or "built" in said
    assert "nothing to do" in flow(project, **environ)
    made = (project / "total.txt").read_bytes()
    flow(project, "-B")
    assert (project / "total.txt").read_bytes() == made


@pytest.mark.parametrize("by_rename", [False, True])
@pytest.mark.parametrize("number", range(COUNT))
def test_one_changed_source_is_made_anew_and_nothing_else(
    project: Path, number: int, by_rename: bool
) -> None:
    path = project / "data" / f"{'abcdefghi'[number]}.txt"
    if by_rename:
        (project / "draft").write_text("x\n")
        (project / "draft").rename(path)
    else:
        replace(path, "x\n")
    assert f"2 built, {COUNT - 1} kept" in flow(project)
    lines = (project / "total.txt").read_text().split()
    assert lines == [*map(str, range(number)), "X", *map(str, range(number + 1, COUNT))]
    assert "nothing to do" in flow(project)


def test_several_changes_at_once(project: Path) -> None:
    for name in "aei":
        replace(project / f"data/{name}.txt", "x\n")
    (project / "build/c.txt").write_text("by hand\n")
    (project / "build/d.txt").unlink()
    assert f"6 built, {COUNT - 5} kept" in flow(project)
    assert (project / "total.txt").read_text().split() == list("X123X567X")
    assert "nothing to do" in flow(project)


def test_a_source_that_is_gone_takes_its_job_along(project: Path) -> None:
    (project / "data/e.txt").unlink()
    assert f"1 built, {COUNT - 1} kept" in flow(project)
    assert (project / "total.txt").read_text().split() == list("01235678")


# -- the look ----------------------------------------------------------------------------------


@pytest.fixture
def sections(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[memoryview]:
    monkeypatch.chdir(project)
    monkeypatch.setattr(fast, "WORTH_FORKING", 1)
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # other tests may have left some
    found = fast.read()
    assert found is not None
    return found


def paths_of(sections: list[memoryview], numbers: list[int]) -> list[str]:
    blocks = [fast.block(block)[0] for block in fast.blocks_of(sections)]
    return [blocks[number >> 32][number & 0xFFFFFFFF] for number in numbers]


def is_gone(child: int) -> bool:
    try:
        os.waitpid(child, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def handed_over(sections: list[memoryview]) -> int:
    """A look that is begun and handed over to this interpreter; its child."""
    look = Look.begin(sections)
    assert look.child
    fast.looked.keep(look)
    fast.looked.hand_over(here=True)
    return look.child


def test_what_differs_is_found_whoever_looks(sections: list[memoryview]) -> None:
    changed = ["build/a.txt", "build/i.txt", "data/e.txt", "total.txt"]
    for path in changed:
        Path(path).write_text("other")
    Path("build/f.txt").unlink()
    look = Look.begin(sections)
    child = look.child
    assert look.goes_on(sections)
    assert sorted(paths_of(sections, look.result(sections))) == sorted([*changed, "build/f.txt"])
    assert child and is_gone(child)


def test_what_the_child_finds_is_told_at_once_and_once(sections: list[memoryview]) -> None:
    changed = ["build/a.txt", "data/e.txt", "data/i.txt"]
    for path in changed:
        Path(path).write_text("other")
    look = Look.begin(sections)
    assert select([look.theirs], [], [], 10)[0]  # the child has looked at all by itself
    os.waitid(os.P_PID, look.child, os.WEXITED | os.WNOWAIT)
    assert not look.goes_on(sections, until_it_differs=True)
    assert len(look.found) == 1 and look.goes_on(sections)
    assert sorted(paths_of(sections, look.result(sections))) == changed


def test_the_look_is_left_when_the_child_has_found_something(sections: list[memoryview]) -> None:
    look = Look.begin(sections)
    assert not look.result(sections)
    reader, theirs = os.pipe()
    left, writer = os.pipe()
    numbers = [0, *range(2, len(fast.blocks_of(sections)))]
    os.write(writer, b"".join(map(pack, numbers)))
    os.write(theirs, fast.NUMBER.pack(7))
    child = os.fork()
    if not child:
        os._exit(0)
    look = Look(look.head, [], left, reader, child)
    assert not look.goes_on(sections, until_it_differs=True)
    assert look.found == [7] and os.read(left, 2) == pack(0)  # no block was looked at here
    os.write(theirs, fast.NUMBER.pack(8))
    os.close(theirs)
    os.close(writer)
    assert look.result(sections) == [7, 8]


def test_a_child_that_has_found_nothing_ends_no_look(sections: list[memoryview]) -> None:
    Path("data/i.txt").write_text("other")
    blocks = len(fast.blocks_of(sections))
    reader, theirs = os.pipe()
    os.close(theirs)  # as if it had ended
    left, writer = os.pipe()
    os.write(writer, b"".join(map(pack, range(2, blocks))))
    os.close(writer)
    child = os.fork()
    if not child:
        os._exit(0)
    look = Look(bytes(sections[-1]), [], left, reader, child)
    look.goes_on(sections, until_it_differs=True)
    assert paths_of(sections, look.found) == ["data/i.txt"]
    look.drop()


def test_if_the_child_dies_all_is_looked_at_here(sections: list[memoryview]) -> None:
    Path("data/e.txt").write_text("other")
    look = Look.begin(sections)
    os.kill(look.child, 9)
    look.goes_on(sections)
    assert paths_of(sections, look.result(sections)) == ["data/e.txt"]


def test_a_look_that_nobody_takes_is_ended(sections: list[memoryview]) -> None:
    child = handed_over(sections)
    fast.looked.forget()
    assert is_gone(child) and fast.looked.take(sections) is None


def test_a_look_at_another_conclusion_is_not_taken(sections: list[memoryview]) -> None:
    child = handed_over(sections)
    assert fast.looked.take([*sections[:-1], memoryview(b"another")]) is None
    assert is_gone(child)


# -- columns -----------------------------------------------------------------------------------


def test_columns_are_those_of_the_files_in_this_order(
    sections: list[memoryview], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Since(sections, [])
    outputs = [f"build/{name}.txt" for name in "abcdefghi"]
    for start in range(COUNT):
        for end in range(start + 1, COUNT + 1):
            paths = outputs[start:end]
            signs = found.column(paths)
            assert signs == b"".join(found.get(path) or b"" for path in paths)
            assert since.signatures_in(signs) == [found.signs[path] for path in paths]
    assert found.column([*outputs[1:], outputs[0]]) is None
    assert found.column([outputs[0], outputs[2]]) is None
    assert found.column(["\0".join(outputs[:2])]) is None
    assert found.column(["build/a"]) is None and found.column([]) is None
    assert found.get("build/a") is None and found.get("uild/a.txt") is None
    assert found.holds({*outputs, "Workflowfile"}) and not found.holds({"build/a"})
    monkeypatch.setattr(since, "FEW", 0)
    few = Since(sections, [])
    assert few.get("build/a.txt") == found.get("build/a.txt") and few.get("build/a") is None
    assert few.holds({*outputs, "Workflowfile"}) and not few.holds({"build/a"})
    new = {"build/b.txt": bytes(range(32)), "data/i.txt": None}
    assert found.with_signatures(new) == few.with_signatures(new)
    assert (
        found.with_signatures({"build/a": None}) is few.with_signatures({"build/a": None}) is None
    )


def test_of_a_changed_file_nothing_is_known(sections: list[memoryview]) -> None:
    found = Since(sections, [])
    assert found.get("data/c.txt") is not None
    found.lose("data/c.txt")
    assert found.get("data/c.txt") is None
    assert "data/c.txt" in found.changed and "data/c.txt" not in found.signs
