from __future__ import annotations

import shutil

import pytest

from fileflow.commands.log import log
from fileflow.errors import FileflowError

from .conftest import Folder, words


def kept(folder: Folder, *targets: str) -> str:
    pieces: list[bytes] = []
    assert log(folder.session, words(*targets), pieces.append) == 0
    return b"".join(pieces).decode()


def test_one_job_gives_the_bytes_that_it_printed(months: Folder) -> None:
    months.build()
    assert kept(months, "build/01.txt") == "copying 01\n"
    assert kept(months, "./build/02.txt") == "copying 02\n"
    assert kept(months, "total") == ""


def test_several_jobs_each_have_a_headline(months: Folder) -> None:
    months.build()
    assert kept(months, "copy") == (
        "==> copy month=01 <==\ncopying 01\n==> copy month=02 <==\ncopying 02\n"
    )


def test_a_failure_is_newer_than_what_was_recorded(months: Folder) -> None:
    months.build()
    months.replace("Workflowfile", "cat {input} > {output}", "echo no; exit 1")
    months.build(status=1)
    assert kept(months, "build/01.txt") == "copying 01\nno\n"


def test_a_rule_without_output_keeps_what_it_printed_when_it_failed(folder: Folder) -> None:
    folder.workflow("""
        rules:
          test: {shell: "echo tested; false"}
    """)
    folder.build(status=1)
    assert kept(folder, "test") == "tested\n"


def test_a_job_that_never_ran_has_none(months: Folder) -> None:
    with pytest.raises(FileflowError, match="no run has made it yet"):
        kept(months, "build/01.txt")
    with pytest.raises(FileflowError, match="no rule"):
        kept(months, "data/01.txt")
    with pytest.raises(FileflowError, match="totl"):
        kept(months, "totl")


def test_a_log_file_that_is_gone_is_said_to_be(months: Folder) -> None:
    months.build()
    shutil.rmtree(months.root / ".fileflow/logs")
    with pytest.raises(FileflowError, match="is gone or cut short"):
        kept(months, "build/01.txt")


def test_what_an_orphan_printed_is_kept_too(months: Folder) -> None:
    months.build()
    months.delete("data/01.txt")
    assert kept(months, "build/01.txt") == "copying 01\n"
