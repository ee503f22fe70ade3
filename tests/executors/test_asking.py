"""The process in which functions are asked: one for many questions, and for the next ones too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fileflow.errors import FileflowError
from fileflow.executors.asking import Asker, Query
from fileflow.world.asking import Told

MODULE = """\
import os
import sys
import time

print("imported", file=sys.stderr)
SEEN = []


def number(n):
    SEEN.append(n)
    print("asked", n)
    return [os.getpid(), len(SEEN)]


def fail(n):
    print("about to")
    raise ValueError(n)


def die():
    os._exit(3)


def wait():
    time.sleep(600)


def hash_of(text):
    return hash(text)
"""


@pytest.fixture
def asker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asker]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numbers_here.py").write_text(MODULE)
    made = Asker()
    yield made
    made.close()


def asked(asker: Asker, queries: list[Query], *, anew: bool) -> list[Told]:
    asker.begin(queries, anew=anew)
    return asker.answers()


def query(function: str, **arguments: object) -> Query:
    return ("numbers_here", function, arguments, False)


def test_many_questions_are_put_to_one_process(
    asker: Asker, capfd: pytest.CaptureFixture[str]
) -> None:
    told = asked(asker, [query("number", n=n) for n in range(2000)], anew=True)
    pids = {one.answer[0] for one in told}  # type: ignore[index]
    assert len(pids) == 1 and os.getpid() not in pids
    assert [one.answer[1] for one in told] == list(range(1, 2001))  # type: ignore[index]
    again = asked(asker, [query("number", n=1)], anew=False)[0].answer
    assert again == [*pids, 2001]
    anew = asked(asker, [query("number", n=1)], anew=True)[0].answer
    assert anew == [*pids, 1]
    assert capfd.readouterr() == ("", "")


def test_it_ends_with_the_first_failure_and_shows_what_was_printed(asker: Asker) -> None:
    told = asked(asker, [query("number", n=1), query("fail", n=2), query("number", n=3)], anew=True)
    assert len(told) == 2
    assert told[1].error == "failed: ValueError: 2"
    assert "numbers_here.py:17: raise ValueError(n)" in told[1].where
    assert "about to" in told[1].where
    assert asked(asker, [query("number", n=3)], anew=False)[0].error == ""


def test_a_process_that_ends_is_told_of_and_started_again(asker: Asker) -> None:
    told = asked(asker, [query("die")], anew=True)
    assert told[0].error == "ended its process: exit status 3"
    assert asked(asker, [query("number", n=1)], anew=True)[0].answer[1] == 1  # type: ignore[index]


def test_an_interrupt_ends_the_function(asker: Asker) -> None:
    asker.interrupted = lambda: True
    with pytest.raises(KeyboardInterrupt):
        asked(asker, [query("wait")], anew=True)


def test_hashes_are_the_same_each_time(asker: Asker) -> None:
    first = asked(asker, [query("hash_of", text="a")], anew=True)[0].answer
    asker.close()
    assert asked(asker, [query("hash_of", text="a")], anew=True)[0].answer == first


def test_what_a_function_takes_is_described(asker: Asker) -> None:
    assert [one.name for one in asker.describe("numbers_here", "number")] == ["n"]
    with pytest.raises(FileflowError, match="has no 'numbr'"):
        asker.describe("numbers_here", "numbr")
