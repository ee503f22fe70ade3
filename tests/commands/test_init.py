from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fileflow.commands.init import init, project
from fileflow.errors import Exit, FileflowError
from tests.flows.space import Space

JOBS = 7


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    """A folder in which `init` was run."""
    made = Space(tmp_path)
    assert made.flow("init").status == 0
    yield made
    made.close()


def test_the_project_runs_at_once_and_then_has_nothing_to_do(space: Space) -> None:
    assert space.good().counts() == (JOBS, 0, 0, 0)
    rows = space.lines("build/heights.csv")
    assert rows[0] == "bed,plants,mean,low,high"
    assert [row.split(",")[0] for row in rows[1:]] == ["pond", "fence", "path"]
    assert space.good().counts() == (0, JOBS, 0, 0)


def test_check_finds_nothing_wrong_in_it(space: Space) -> None:
    found = space.flow("check")
    assert found.status == 0
    assert "nothing wrong" in found.stdout and "note" not in found.text


def test_it_shows_a_map_a_gather_params_a_shell_rule_and_a_seed(space: Space) -> None:
    rules = {one["rule"]: one for one in json.loads(space.flow("list", "--json").stdout)["rules"]}
    assert rules["estimate"]["maps"] == {"bed": 3}
    assert rules["table"]["gathers"] == {"bed": 3}
    text = space.read("Workflowfile")
    for word in ("seed: 7", "shell: ", 'params: {draws: "{config.draws}"'):
        assert word in text


def test_a_config_value_a_seed_and_a_new_file_build_what_depends_on_them(space: Space) -> None:
    space.good()
    assert space.good("--config", "level=0.5").built == {
        "estimate fence",
        "estimate path",
        "estimate pond",
        "table",
    }
    before = space.read("build/heights.csv")
    space.good("--config", "level=0.5", "--seed", "8")
    assert space.read("build/heights.csv") != before
    space.write("data/lawn.csv", "plant,height_cm\n1,90\n2,NA\n3,110\n")
    flow = space.good("--config", "level=0.5", "--seed", "8")
    assert flow.built == {"measured lawn", "estimate lawn", "table"}


def test_it_says_what_was_written_and_what_to_do_next(tmp_path: Path) -> None:
    said: list[str] = []
    assert init(str(tmp_path), said.append) == 0
    text = "\n".join(said)
    assert all(name in text for name in project())
    assert "Next:\n  fileflow  " in text


def test_what_it_says_to_do_next_works(space: Space) -> None:
    for words in ((), ("list",), ("-n", "--config", "level=0.5"), ("why", "build/heights.csv")):
        assert space.flow(*words).status == 0


def test_a_folder_that_is_not_empty_is_left_as_it_is(space: Space) -> None:
    before = space.snapshot()
    flow = space.flow("init")
    assert flow.status == Exit.WRONG
    assert "here is Workflowfile, data, rules: nothing was written" in flow.stderr
    assert space.snapshot() == before


def test_of_many_files_in_the_way_some_are_named(tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / name).touch()
    with pytest.raises(FileflowError, match="here is a, b, c and 2 more: nothing was written"):
        init(str(tmp_path), print)
    assert sorted(os.listdir(tmp_path)) == list("abcde")


def test_hidden_files_are_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert init(str(tmp_path), lambda line: None) == 0
    assert sorted(os.listdir(tmp_path)) == [".git", "Workflowfile", "data", "rules"]


def test_a_file_that_appears_meanwhile_is_kept_and_all_else_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Workflowfile").write_text("mine")
    monkeypatch.setattr(os, "listdir", lambda folder: [])
    with pytest.raises(FileflowError, match="Workflowfile cannot be written") as caught:
        init(str(tmp_path), print)
    monkeypatch.undo()
    assert caught.value.status == Exit.STATE
    assert os.listdir(tmp_path) == ["Workflowfile"]
    assert (tmp_path / "Workflowfile").read_text() == "mine"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileflowError, match="gone cannot be read"):
        init(str(tmp_path / "gone"), print)
