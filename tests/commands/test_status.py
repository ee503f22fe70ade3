from __future__ import annotations

import os

import pytest

from fileflow.commands.status import status
from fileflow.engine.session import STATE
from fileflow.errors import FileflowError
from fileflow.world.lock import Lock
from fileflow.world.records import Records

from .conftest import Folder, wish, words


def lines(folder: Folder, *targets: str) -> list[str]:
    assert status(folder.session, wish(*targets), folder.say) == 0
    return folder.said.splitlines()


def test_nothing_built_is_missing_and_all_built_is_fresh(months: Folder) -> None:
    assert lines(months) == ["copy   2 missing", "total  1 missing"]
    months.build()
    assert lines(months) == ["copy   2 fresh", "total  1 fresh"]


def test_of_jobs_that_are_not_chosen_nothing_is_told(months: Folder) -> None:
    status(months.session, wish("copy", where=(("month", ("02",)),)), months.say)
    assert months.said.splitlines() == ["copy  1 missing"]
    status(months.session, wish(until=words("copy")), months.say)
    assert months.said.splitlines() == ["copy  2 missing"]
    status(months.session, wish(tags=("early",)), months.say)
    assert months.said.splitlines() == ["copy  2 missing"]


def test_what_follows_a_stale_job_may_become_stale(months: Folder) -> None:
    months.build()
    months.write("data/01.txt", "other\n")
    assert lines(months) == ["copy   1 fresh, 1 stale", "total  1 may become stale"]


def test_an_intermediate_that_is_gone_is_not_missed(months: Folder) -> None:
    months.build()
    months.delete("build/01.txt")
    assert lines(months) == ["copy   1 fresh, 1 absent, not needed", "total  1 fresh"]
    assert lines(months, "copy") == ["copy  1 fresh, 1 missing"]


def test_a_temp_output_beside_one_that_is_asked_for_is_not_missed(months: Folder) -> None:
    months.write(
        "Workflowfile",
        """\
rules:
  all: {input: [x.txt, side.txt]}
  early: {output: early.txt, shell: "echo > {output}"}
  both:
    input: early.txt
    output: {main: {path: t.txt, temp: true}, side: side.txt}
    shell: "touch {output}"
  x: {input: t.txt, output: x.txt, shell: "cp {input} {output}"}
""",
    )
    months.build()
    months.delete("early.txt")
    absent = ["early  1 absent, not needed", "both   1 absent, not needed", "x      1 fresh"]
    assert lines(months) == absent
    assert lines(months, "all") == absent
    months.delete("side.txt")
    missing = ["early  1 missing", "both   1 missing", "x      1 fresh"]
    assert lines(months) == missing
    assert lines(months, "all") == missing


def test_a_job_is_failed_until_it_is_recorded_anew(months: Folder) -> None:
    months.build()
    months.replace("Workflowfile", "cat {input} > {output}", "cat {input} > {output}; false")
    months.build(status=1)
    assert lines(months, "copy") == ["copy  2 failed"]
    months.replace("Workflowfile", "cat {input} > {output}; false", "cat {input} > {output}; true")
    months.build()
    assert lines(months, "copy") == ["copy  2 fresh"]


def test_a_missing_source_is_named(months: Folder) -> None:
    months.replace(
        "Workflowfile", "input: build/total.txt", "input: [build/total.txt, build/more.txt]"
    )
    text = "  more: {input: gone.txt, output: build/more.txt, shell: 'cp {input} {output}'}\n"
    months.write("Workflowfile", (months.root / "Workflowfile").read_text() + text)
    found = lines(months)
    assert "more   1 lacking a source" in found
    assert any("gone.txt" in line for line in found)


def test_status_changes_no_byte(months: Folder) -> None:
    assert lines(months)
    assert not months.there(".fileflow")
    months.build()
    months.write("data/01.txt", "other\n")
    before = months.bytes()
    assert lines(months)
    assert months.bytes() == before


def test_an_unknown_target_is_an_error(months: Folder) -> None:
    with pytest.raises(FileflowError, match="totl"):
        lines(months, "totl")


def test_a_run_goes_on_or_was_interrupted(months: Folder) -> None:
    months.build()
    records = Records.load(STATE, writable=True)
    records.note("run", "last", {"run": "r1", "state": "running", "pid": os.getpid()})
    records.close()
    assert "interrupted" in lines(months)[-1]
    with Lock(STATE) as lock:
        lock.acquire("fileflow all")
        assert f"a run goes on: pid {os.getpid()}" in lines(months)[-1]
        status(months.session, wish(), months.say, as_json=True)
        assert months.data["run"]["state"] == "running"


def test_a_program_gets_counts_by_rule(months: Folder) -> None:
    months.build()
    status(months.session, wish(), months.say, as_json=True)
    found = months.data
    assert found["rules"][0]["rule"] == "copy"
    assert found["rules"][0]["fresh"] == found["rules"][0]["jobs"] == 2
    assert found["run"]["state"] == "ended"


def test_what_waits_for_values_that_are_found_while_running_is_shown(folder: Folder) -> None:
    folder.workflow("""
        rules:
          total:
            input: build/upper/{part}.txt
            output: build/total.txt
            shell: cat {input} > {output}
          split:
            input: data.txt
            output: build/parts/{part}.txt
            scatter: part
            shell: split -l 1 -d --additional-suffix=.txt {input} {output}/
          upper:
            input: build/parts/{part}.txt
            output: build/upper/{part}.txt
            shell: tr a-z A-Z < {input} > {output}
    """)
    folder.write("data.txt", "a\nb\n")
    assert lines(folder) == [
        "total  not known yet, before split ran",
        "split  1 missing",
        "upper  not known yet, before split ran",
    ]
    assert status(folder.session, wish(), folder.say, as_json=True) == 0
    rules = {one["rule"]: one for one in folder.data["rules"]}
    assert rules["upper"]["waits_for"] == ["split"]
    assert "waits_for" not in rules["split"]
    folder.build()
    assert lines(folder) == ["total  1 fresh", "split  1 fresh", "upper  2 fresh"]
