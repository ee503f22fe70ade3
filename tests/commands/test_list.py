from __future__ import annotations

import pytest

from fileflow.commands.list import list_rules
from fileflow.errors import FileflowError

from .conftest import Folder


def test_each_rule_says_what_it_maps_and_gathers_and_how_many_jobs_it_has(months: Folder) -> None:
    assert list_rules(months.session.workflow, months.say) == 0
    assert months.said.splitlines() == [
        "all    asks for its inputs",
        "copy   2 jobs: maps month (2)",
        "       Copy one month.",
        "       tags: early",
        "total  1 job: gathers month (2)",
    ]


def test_a_missing_source_is_no_reason_not_to_list(folder: Folder) -> None:
    folder.workflow("""
        rules:
          make: {input: gone.txt, output: a.txt, shell: "cp {input} {output}"}
    """)
    list_rules(folder.session.workflow, folder.say)
    assert folder.said == "make  1 job"


def test_a_free_wildcard_is_any(folder: Folder) -> None:
    folder.workflow("""
        wildcards: {r: [1, 2, 3]}
        rules:
          free: {input: "{name}.in", output: "{r}/{name}.out", shell: "cp {input} {output}"}
    """)
    list_rules(folder.session.workflow, folder.say)
    assert folder.said == "free  a job for each path asked for: maps r (3), any {name}"


def test_a_gather_that_differs_from_job_to_job_has_a_least_and_a_most(folder: Folder) -> None:
    folder.workflow("""
        wildcards:
          site, day: [[a, 1], [a, 2], [b, 1]]
        rules:
          sum:
            input: "in/{site}/{day}"
            output: "{site}.txt"
            shell: cat {input} > {output}
    """)
    list_rules(folder.session.workflow, folder.say)
    assert folder.said == "sum  2 jobs: maps site (2), gathers day (1 to 2)"


def test_a_scatter_leaves_the_numbers_of_declared_values(folder: Folder) -> None:
    folder.workflow("""
        wildcards: {n: [1, 2]}
        rules:
          cut: {output: "parts/{n}/{part}", scatter: part, shell: "echo > {output}/a"}
          use: {input: "parts/{n}/{part}", output: "use/{n}/{part}", shell: "cp {input} {output}"}
          sum: {input: "use/{n}/{part}", output: "{n}.txt", shell: "cat {input} > {output}"}
    """)
    list_rules(folder.session.workflow, folder.say)
    assert [" ".join(line.split()) for line in folder.said.splitlines()] == [
        "cut 2 jobs: maps n (2), scatters part",
        "use jobs found while running: maps n (2), part (found while running)",
        "sum 2 jobs: maps n (2), gathers part (found while running)",
    ]


def test_a_program_gets_the_numbers(months: Folder) -> None:
    list_rules(months.session.workflow, months.say, as_json=True)
    rules = {rule["rule"]: rule for rule in months.data["rules"]}
    assert rules["all"]["jobs"] == 0
    assert rules["copy"]["maps"] == {"month": 2}
    assert rules["copy"]["outputs"] == ["build/{month}.txt"]
    assert rules["total"]["gathers"] == {"month": 2}


def test_a_gather_without_values_is_an_error(folder: Folder) -> None:
    folder.workflow("""
        rules:
          sum: {input: "{day}.txt", output: sum.txt, shell: "cat {input} > {output}"}
    """)
    with pytest.raises(FileflowError, match="day"):
        list_rules(folder.session.workflow, folder.say)
