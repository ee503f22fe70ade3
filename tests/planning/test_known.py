"""What is known of values that are found while running, and what follows from it for a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from fileflow.errors import Exit, FileflowError
from fileflow.planning.known import Found, Known, own_names, producer_names, with_known
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.plan import Plan, Wishes, target_from
from fileflow.planning.planner import make_plan
from tests.planning.fakes import Project, labels

SPLIT = """
wildcards: {s: [a, b]}
rules:
  all: {input: sum.txt}
  split: {input: "in/{s}", output: "parts/{s}/{c}", scatter: c, shell: "cut {input} {output}"}
  proc: {input: "parts/{s}/{c}", output: "proc/{s}/{c}", shell: "p {input} > {output}"}
  one: {input: "proc/{s}/{c}", output: "one/{s}", shell: "cat {input} > {output}"}
  sum: {input: "one/{s}", output: sum.txt, shell: "cat {input} > {output}"}
"""
LIST = """
wildcards: {s: [a, b], i: {lines: "lists/{s}.txt"}}
rules:
  list: {input: "in/{s}", output: "lists/{s}.txt", shell: "l {input} > {output}"}
  each: {output: "each/{s}/{i}", shell: "touch {output}"}
  sum: {input: "each/{s}/{i}", output: "sum/{s}", shell: "cat {input} > {output}"}
"""


@dataclass
class Told:
    """A project in memory, and what its scatters and lists have told: `told["a"] = "x y"`."""

    project: Project
    told: Mapping[str, str]

    def plan(self, *targets: str) -> Plan:
        workflow = self.project.workflow()
        (number,) = (n for n, one in enumerate(workflow.relations) if one.scattered_by or one.made)
        known = Known()
        for s, values in self.told.items():
            paths = tuple(f"parts/{s}/{value}" for value in values.split())
            rows = tuple((value,) for value in values.split())
            known.of(number)[(s,)] = Found(rows, ((0, paths),))
        wishes = Wishes(targets=tuple(map(target_from, targets)))
        return make_plan(workflow, self.project.world, wishes, known)


def split(**told: str) -> Told:
    return Told(Project(SPLIT, "in/a", "in/b"), told)


def lists(**told: str) -> Told:
    return Told(Project(LIST, "in/a", "in/b"), told)


def deferred(plan: Plan) -> list[str]:
    tables = [(plan.table_of(job), job & ROW) for job in plan.deferred]
    return sorted(table.label(row) for table, row in tables if not table.rule.asks_only)


def producers(plan: Plan) -> list[str]:
    return sorted(plan.table_of(job).label(job & ROW) for job in plan.producers)


# --- known ---------------------------------------------------------------------------------------


def test_a_scatter_gives_values_to_its_own_names_for_the_values_of_its_jobs() -> None:
    relation = Project(SPLIT, "in/a").workflow().relations[-1]
    assert (own_names(relation), producer_names(relation)) == (("c",), ("s",))


def test_a_list_gives_values_for_the_wildcards_of_its_path() -> None:
    relation = Project(LIST, "in/a").workflow().relations[-1]
    assert (own_names(relation), producer_names(relation)) == (("i",), ("s",))


def test_rows_come_in_the_order_of_the_producers_and_then_as_found() -> None:
    workflow = Project(SPLIT, "in/a", "in/b").workflow()
    found = {("b",): Found((("2",), ("1",))), ("a",): Found((("1",), ("1",)))}
    relation = with_known(workflow, Known({1: found})).relations[1]
    assert list(zip(relation.column("s"), relation.column("c"), strict=True)) == [
        ("b", "2"),
        ("b", "1"),
        ("a", "1"),
    ]


def test_where_nothing_has_told_there_are_no_rows() -> None:
    workflow = Project(SPLIT, "in/a").workflow()
    assert len(with_known(workflow, Known()).relations[1]) == 0
    assert with_known(workflow, Known()).relations[0] is workflow.relations[0]


def test_a_workflow_without_such_values_stays_the_very_same() -> None:
    workflow = Project("rules: {a: {output: x, shell: 'touch {output}'}}").workflow()
    assert with_known(workflow, Known()) is workflow


def test_all_files_of_a_producer_come_in_order_of_its_outputs() -> None:
    assert Found((), ((0, ("x", "y")), (2, ("z",)))).files == ["x", "y", "z"]


# --- what is not known yet -----------------------------------------------------------------------


@pytest.mark.parametrize("make", [split, lists])
def test_what_has_to_tell_is_wanted_and_what_needs_it_is_deferred(make: type[Told]) -> None:
    plan = make().plan("sum")
    first = {"split", "list"} & set(plan.by_rule)
    assert {label.split()[0] for label in labels(plan)} == first
    assert plan.incomplete
    assert producers(plan) == [f"{next(iter(first))} s={s}" for s in "ab"]


def test_what_waits_is_said_of_each_rule() -> None:
    assert split().plan().waits == {"proc": ["split"], "one": ["split"], "sum": ["split"]}
    assert lists().plan("sum").waits == {"each": ["list"], "sum": ["list"]}


def test_of_two_producers_the_one_that_has_told_lets_its_jobs_go() -> None:
    plan = split(b="x y").plan()
    assert labels(plan) == [
        "split s=a",
        "split s=b",
        "proc s=b c=x",
        "proc s=b c=y",
        "one s=b",
    ]
    assert deferred(plan) == ["one s=a", "sum"]
    assert producers(plan) == ["split s=a"]


def test_when_all_have_told_nothing_waits() -> None:
    plan = split(a="x", b="x y").plan()
    assert (plan.deferred, plan.incomplete, plan.waits) == (set(), False, {})
    assert labels(plan).count("proc s=a c=y") == 0
    assert "sum" in labels(plan)


def test_those_that_have_told_stay_wanted() -> None:
    assert "split s=a" in labels(split(a="x", b="x").plan("one/a"))
    assert "split s=b" not in labels(split(a="x", b="x").plan("one/a"))
    assert "list s=a" in labels(lists(a="x", b="x").plan("each/a/x"))


def test_a_path_that_a_value_may_bring_waits_for_its_producer_alone() -> None:
    plan = split().plan("proc/b/x")
    assert (labels(plan), producers(plan)) == (["split s=b"], ["split s=b"])


def test_a_path_that_no_value_has_brought_is_no_target() -> None:
    with pytest.raises(FileflowError, match="no rule makes such a path"):
        split(a="x", b="x").plan("proc/b/y")


def test_a_scattered_file_is_a_target_and_an_input_of_its_own_job() -> None:
    plan = split(a="x", b="x").plan("parts/a/x")
    assert labels(plan) == ["split s=a"]
    plan = split(a="x", b="x").plan("proc/a/x")
    table = plan.by_rule["proc"]
    (job,) = [job for job in plan.jobs() if job >> SHIFT == table.number]
    assert [table.links[0].makers_of(job & ROW)[0]] == [next(iter(plan.jobs()))]


def test_a_gather_of_a_producer_that_found_nothing_fails_its_job_alone() -> None:
    plan = split(a="", b="x").plan()
    (failed,) = plan.failed
    assert plan.label(failed) == "one s=a"
    assert {plan.label(job) for job in plan.blocked} == {"one s=a", "sum", "all"}
    (error,) = plan.mistakes()
    assert "gives no path for the job one s=a" in str(error)
    assert error.status is Exit.FAILED


def test_nothing_found_is_fine_where_the_gather_is_optional() -> None:
    told = split(a="", b="x")
    told.project.replace(
        'one: {input: "proc/{s}/{c}"', 'one: {input: {path: "proc/{s}/{c}", optional: true}'
    )
    plan = told.plan()
    assert "one s=a" in labels(plan)
    assert plan.by_rule["one"].links[0].paths_of(0) == []


def test_what_was_found_limits_only_the_names_that_it_found() -> None:
    project = Project(
        """
        wildcards: {s: [a, b], r: [1, 2]}
        rules:
          split: {input: "in/{s}", output: "parts/{s}/{c}", scatter: c, shell: "c {output}"}
          use:
            input:
              - {path: "parts/{s}/{c}", optional: true}
              - "raw/{s}/{r}"
              - "raw/{s}"
            output: "use/{s}"
            shell: "u {output}"
        """,
        "in/a", "in/b", "raw/a", "raw/b", "raw/a/1", "raw/a/2", "raw/b/1", "raw/b/2",
    )  # fmt: skip
    plan = Told(project, {"a": "", "b": "x"}).plan("use")
    links = plan.by_rule["use"].links
    assert [link.paths_of(0) for link in links] == [[], ["raw/a/1", "raw/a/2"], ["raw/a"]]
    assert links[0].paths_of(1) == ["parts/b/x"]


def test_a_scatter_inside_a_scatter_waits_for_the_outer_one_first() -> None:
    project = Project(
        """
        rules:
          sum: {input: "inner/{c}/{d}", output: sum, shell: "cat {input} > {output}"}
          outer: {input: in, output: "outer/{c}", scatter: c, shell: "o {output}"}
          inner: {input: "outer/{c}", output: "inner/{c}/{d}", scatter: d, shell: "i {output}"}
        """,
        "in",
    )
    workflow = project.workflow()
    numbers = {one.scattered_by: n for n, one in enumerate(workflow.relations)}
    known = Known()
    plan = make_plan(workflow, project.world, Wishes(), known)
    assert (labels(plan), plan.waits) == (["outer"], {"sum": ["outer"], "inner": ["outer"]})
    known.of(numbers["outer"])[()] = Found((("1",), ("2",)), ((0, ("outer/1", "outer/2")),))
    plan = make_plan(workflow, project.world, Wishes(), known)
    assert (labels(plan), plan.waits) == (
        ["outer", "inner c=1", "inner c=2"],
        {"sum": ["inner"]},
    )
    for c in "12":
        known.of(numbers["inner"])[(c,)] = Found((("x",),), ((0, (f"inner/{c}/x",)),))
    plan = make_plan(workflow, project.world, Wishes(), known)
    assert plan.by_rule["sum"].links[0].paths_of(0) == ["inner/1/x", "inner/2/x"]
    assert not plan.incomplete


def test_of_two_scatters_of_one_name_those_values_count_that_both_found() -> None:
    project = Project(
        """
        rules:
          use: {input: ["l/{c}", "r/{c}"], output: "u/{c}", shell: "cat {input} > {output}"}
          left: {output: "l/{c}", scatter: c, shell: "l {output}"}
          right: {output: "r/{c}", scatter: c, shell: "r {output}"}
        """
    )
    workflow = project.workflow()
    known = Known()
    for number, one in enumerate(workflow.relations):
        values = "xy" if one.scattered_by == "left" else "yz"
        folder = str(one.scattered_by)[0]
        paths = tuple(f"{folder}/{value}" for value in values)
        known.of(number)[()] = Found(tuple((value,) for value in values), ((0, paths),))
    plan = make_plan(workflow, project.world, Wishes(), known)
    assert [label for label in labels(plan) if label.startswith("use")] == ["use c=y"]
