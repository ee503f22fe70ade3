from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fileflow.executors.processes import Processes
from fileflow.lean import replace
from fileflow.model.work import End
from fileflow.world.unshelled import shell_starts_plainly, without_shell
from tests.executors.runs import RUN, command, log_of, order, outcomes_of, project, shell

# With this before it a text does the same and needs bash.
SHELLED = ": ; "


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(project(tmp_path), RUN, 1)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize(
    "text",
    [
        "cat in > '@/x'",
        "cat in >'@/x'",
        "cat < in > '@/x'",
        "< in cat > '@/x'",
        "> '@/x' cat in",
        "cat in no-such-file > '@/x' 2>&1",
        "cat in no-such-file 2>&1 > '@/x'",
        "cat in no-such-file > '@/x' 2> two",
        "cat in > '@/x' > two",
        "cat in 1> '@/x' 2>> two",
        "cat in no-such-file 2>> two > '@/x'",
        "sort in - < two > '@/x'",
        "cat no-such-file > '@/x'",
        "cat < no-such-file > '@/x'",
        "cat in > '@/no-such-folder/x'",
        "no-such-program > '@/x'",
        "./no-program > '@/x'",
        "./no-first-line > '@/x'",
        "cp in '@/x' > /dev/null 2> /dev/null",
        "cat in '-' < /dev/null > '@/x'",
        "cat 'a b' > '@/x'",
        "cat in > ''",
        "cat in 2 > '@/x'",
        "cat in2> '@/x'",
        "env kill -9 0 > '@/x'",
    ],
)
def test_streams_go_where_bash_would_send_them(
    runner: Processes, tmp_path: Path, text: str
) -> None:
    (tmp_path / "in").write_text("b\na\n")
    (tmp_path / "in2").write_text("two\n")
    (tmp_path / "a b").write_text("blank\n")
    (tmp_path / "no-program").write_text("text")
    (tmp_path / "no-first-line").write_text("echo shell")
    (tmp_path / "no-first-line").chmod(0o755)
    told = []
    for number, before in enumerate(["", SHELLED]):
        (tmp_path / "two").write_text("earlier\n")
        (tmp_path / "x").unlink(missing_ok=True)
        one = order(number, "x", words=shell(before + text))
        (outcome,) = outcomes_of(runner, command(), [one])
        made = {
            name: (tmp_path / name).read_text() if (tmp_path / name).exists() else None
            for name in ("x", "two")
        }
        told.append((outcome.end, outcome.message, made, log_of(tmp_path, outcome)))
    assert told[0] == told[1]


def test_bash_is_spared_where_it_would_only_open_files(runner: Processes, tmp_path: Path) -> None:
    texts = [before + "grep PPid /proc/self/status > '@/x'" for before in ("", SHELLED)]
    parents = []
    for number, text in enumerate(texts):
        (outcome,) = outcomes_of(runner, command(), [order(number, "x", words=shell(text))])
        assert outcome.end is End.DONE
        parents.append(int((tmp_path / "x").read_text().split()[1]))
    assert parents[0] == runner.process_id(0) != parents[1]


def test_what_bash_reads_at_its_start_is_read(runner: Processes, tmp_path: Path) -> None:
    (tmp_path / "start").write_text("cat() { echo mine; }")
    (tmp_path / "in").write_text("theirs")
    work = replace(command(), environ=(("BASH_ENV", "start"),))
    outcomes_of(runner, work, [order(0, "x", words=shell("cat in > '@/x'"))])
    assert (tmp_path / "x").read_text() == "mine\n"


@pytest.mark.parametrize(
    "name", [b"BASH_ENV", b"SHELLOPTS", b"BASHOPTS", b"BASH_FUNC_cat%%", b"POSIXLY_CORRECT"]
)
def test_an_environment_that_changes_what_bash_does_is_left_to_it(name: bytes) -> None:
    assert shell_starts_plainly([b"PATH", b"HOME", b"BASH"])
    assert not shell_starts_plainly([b"PATH", name])


def test_what_may_block_or_has_a_meaning_of_its_own_is_left_to_bash(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert without_shell(f"cat < {tmp_path}/fifo") is None
    assert without_shell(f"cat a > {tmp_path}/fifo") is None
    assert without_shell(f"cat a > {tmp_path}") is None
    assert without_shell("cat < /dev/tcp/localhost/80") is None
    assert without_shell("cat a > /dev/stderr") is None
    assert without_shell("cat a > /dev/null") is not None
    assert without_shell(f"cat a > {tmp_path}/new") is not None
