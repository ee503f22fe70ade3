from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from fileflow.executors.processes import Processes
from fileflow.model.work import Batch, End, Outcome
from fileflow.world import second_look
from fileflow.world.files import column, digest, signature
from fileflow.world.second_look import all_as_before
from tests.executors.runs import RUN, command, events_of, order, project, shell

COUNT = 5


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(second_look, "WORTH_FORKING", COUNT)
    made = [f"in{k}" for k in range(COUNT)]
    for path in made:
        Path(path).write_text(path)
    return made


def signs_of(paths: list[str]) -> bytes:
    return column(signature(path) for path in paths)


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The children that are made from now on; this process is taken for one that may fork."""
    made: list[int] = []
    fork = os.fork

    def counted() -> int:
        child = fork()
        if child:
            made.append(child)
        return child

    monkeypatch.setattr(os, "fork", counted)
    monkeypatch.setattr(second_look, "_may_fork", lambda: True)
    return made


def test_files_that_are_as_they_were_are_seen_so_by_two_processes(
    paths: list[str], forks: list[int]
) -> None:
    assert all_as_before(paths, signs_of(paths), alone=True)
    (child,) = forks
    with pytest.raises(ChildProcessError):  # it is gone
        os.waitpid(child, os.WNOHANG)


@pytest.mark.parametrize("place", range(COUNT))
@pytest.mark.parametrize("how", ["changed", "removed", "another", "a folder"])
def test_one_that_is_not_as_it_was_is_seen_in_either_half(
    paths: list[str], forks: list[int], place: int, how: str
) -> None:
    signs = signs_of(paths)
    path = Path(paths[place])
    if how == "changed":
        path.write_text("longer than before")
    elif how == "another":
        Path("draft").write_text(paths[place])
        os.replace("draft", path)
    else:
        path.unlink()
        if how == "a folder":
            path.mkdir()
    assert not all_as_before(paths, signs, alone=True)
    assert len(forks) == 1


def test_nothing_is_certain_if_the_child_cannot_tell(
    paths: list[str], forks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise MemoryError

    signs = signs_of(paths)
    monkeypatch.setattr(second_look, "die_with_parent", fail)
    assert not all_as_before(paths, signs, alone=True)


def test_a_process_with_threads_is_not_forked(
    paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fork", None)
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert all_as_before(paths, signs_of(paths), alone=True)  # this process looks at all
    finally:
        end.set()
        thread.join()


@pytest.mark.parametrize("place", range(COUNT))
def test_an_input_of_a_list_that_changes_while_its_job_runs_is_named(
    paths: list[str], tmp_path: Path, place: int
) -> None:
    runner = Processes(project(tmp_path), RUN, 1, fork=True)
    try:
        known = signs_of(paths), b"".join(map(digest, paths))
        changes = f"cat in* > @/x; echo > in{place}"
        for index, (text, end) in enumerate([("cat in* > @/x", End.DONE), (changes, End.CHANGED)]):
            one = order(index, "x", checks=[4], words=shell(text))
            runner.submit(0, Batch(command(), [one], {4: (paths, *known)}))
            (outcome,) = events_of(runner, lambda found: len(found) == 1)
            assert isinstance(outcome, Outcome) and outcome.end is end, outcome
        assert outcome.message == f"the input in{place} changed while the job ran"
    finally:
        runner.close()
