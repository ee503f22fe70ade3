"""Functions are asked, and what they answer becomes plain data."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fileflow.world.asking import NotPlainError, ask, plain


class Odd:
    def tolist(self) -> list[int]:
        return [1, 2]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.5, 0.5),
        ("text", "text"),
        (Path("a/b"), "a/b"),
        ((1, "b"), [1, "b"]),
        (iter(()), None),
        ({"b": Path("x"), "a": (1,)}, {"b": "x", "a": [1]}),
        ({1: 2, Path("p"): 3}, {"1": 2, "p": 3}),
        (range(3), [0, 1, 2]),
        ({"x": 1}.keys(), ["x"]),
        ((path for path in ["a"]), ["a"]),
        (Odd(), [1, 2]),
    ],
)
def test_answers_become_plain_data(value: Any, expected: object) -> None:
    if expected is None and value is not None:
        with pytest.raises(NotPlainError):
            plain(value)
    else:
        found = plain(value)
        assert found == expected and type(found) is type(expected)
        if isinstance(found, dict):
            assert list(found) == list(expected)  # type: ignore[call-overload]


@pytest.mark.parametrize("value", [{1, 2}, frozenset("a"), b"x", object(), {(1, 2): 3}, [b"x"]])
def test_what_is_no_plain_data_is_refused(value: object) -> None:
    with pytest.raises(NotPlainError):
        plain(value)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "asked_here.py"
    sys.modules.pop("asked_here", None)


def test_a_function_is_given_paths_and_attributes(module: Path) -> None:
    module.write_text(
        "def f(after, config, n=1):\n    return [one.name for one in after] + [config.deep.x, n]\n"
    )
    arguments = {"after": ["a/b", "c"], "config": {"deep": {"x": 5}}}
    assert ask("asked_here", "f", arguments, paths=True).answer == ["b", "c", 5, 1]


def test_a_failure_names_the_users_line_and_leaves_the_folder(module: Path) -> None:
    module.write_text("import os\n\n\ndef f():\n    os.chdir('/')\n    return {}['no']\n")
    told = ask("asked_here", "f", {}, paths=False)
    assert told.error == "failed: KeyError: 'no'"
    assert told.where == "asked_here.py:6: return {}['no']"
    assert Path.cwd() == module.parent


def test_what_cannot_be_had_says_why(module: Path) -> None:
    module.write_text("def f():\n    raise SystemExit(2)\n")
    assert "there" not in ask("asked_here", "f", {}, paths=False).where
    assert "sys.exit(2)" in ask("asked_here", "f", {}, paths=False).error
    assert "has no 'g'" in ask("asked_here", "g", {}, paths=False).error
    assert "cannot import" in ask("asked_nowhere", "f", {}, paths=False).error
