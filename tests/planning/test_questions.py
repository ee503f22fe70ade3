"""Calls in planning: what a function is given, when it is asked, and what its answer may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from fileflow.errors import FileflowError
from fileflow.language.loader import load_workflow
from fileflow.model.ports import Parameter
from fileflow.model.rules import Call, Kind
from fileflow.planning.calling import asking_of
from fileflow.planning.joined import Joins
from fileflow.planning.known import Known
from fileflow.planning.links import ABSENT
from fileflow.planning.plan import Plan, Wishes
from fileflow.planning.planner import make_plan
from fileflow.planning.questions import UNKNOWN, Question, checked, form_of, paths_of, sites_of
from fileflow.planning.tables import RuleTable

from .fakes import FakeWorld


def taken(
    name: str, kind: str = "positional_or_keyword", annotation: str | None = None
) -> Parameter:
    return Parameter(name, kind, has_default=False, annotation=annotation)


@dataclass
class FakeAnswers:
    """Functions as they are in the test; `asked` has the questions of each time."""

    functions: Mapping[str, Callable[..., object]]
    takes: Mapping[str, Sequence[str]]
    asked: list[list[Question]] = field(default_factory=list)
    keep_going: bool = False

    def parameters(self, call: Call) -> Sequence[Parameter]:
        return [taken(name) for name in self.takes[call.function]]

    def of(self, questions: Sequence[Question]) -> Sequence[object]:
        self.asked.append(list(questions))
        out: list[object] = []
        for question in questions:
            answer = self.functions[question.site.call.function](**question.arguments)
            out.append(answer if answer is UNKNOWN else checked(question, answer, "/root/of/it"))
        return out


TEXT = """\
wildcards:
  s: [a, b]
  rep: {range: 2}
rules:
  all:
    input: out/{s}.txt
  index:
    output: build/{s}.idx
    shell: echo > {output}
  take:
    input:
      call: pick:files
      after: build/{s}.idx
      with: {n: 3, both: "{s}!", lone: "{s}"}
    params: {x: {call: "pick:x"}}
    cores: {call: "pick:cores"}
    output: out/{s}.txt
    shell: cat {input} > {output}
"""


def table_of(text: str, rule: str) -> RuleTable:
    world = FakeWorld()
    world.write("Workflowfile", text)
    workflow = load_workflow(world, "Workflowfile", "/root/of/it")
    table = RuleTable(0, workflow.rules[rule], workflow, Joins(workflow))
    table.make_links()
    return table


def plan_of(text: str, answers: FakeAnswers, known: Known | None = None, *files: str) -> Plan:
    world = FakeWorld()
    world.write("Workflowfile", text)
    for path in files:
        world.write(path, path)
    workflow = load_workflow(world, "Workflowfile", "/root/of/it")
    return make_plan(workflow, world, Wishes(), known, answers=answers)


def question(text: str = TEXT, kind: Kind = Kind.INPUT) -> Question:
    table = table_of(text, "take")
    site = next(one for one in table.sites if one.kind is kind)
    return Question(site, table, 0, {})


# -- sites and arguments ------------------------------------------------------------------------


def test_the_sites_of_a_rule_are_its_calls() -> None:
    table = table_of(TEXT, "take")
    assert [str(site) for site in table.sites] == ["input", "params x", "cores"]
    assert [site.is_amount for site in table.sites] == [False, False, True]
    assert sites_of(table.rule, table.shape.inputs) == table.sites


def test_arguments_are_bound_by_name() -> None:
    table = table_of(TEXT, "take")
    names = ("s", "after", "n", "both", "lone", "config", "wildcards")
    asking = asking_of(table, table.sites[0], [taken(name) for name in names])
    asked = asking.question(table, 1, ["build/b.idx"], [("index", "b")])
    assert asked.arguments == {
        "s": "b",
        "after": "build/b.idx",
        "n": 3,
        "both": "b!",
        "lone": "b",
        "config": {},
        "wildcards": {"s": "b"},
    }
    assert asked.with_paths and asked.after == ("build/b.idx",)


def test_rest_parameters_take_what_is_written_beside_the_call() -> None:
    table = table_of(TEXT, "take")
    asking = asking_of(table, table.sites[0], [taken("some", "var_keyword")])
    assert asking.question(table, 0).arguments == {"n": 3, "both": "a!", "lone": "a"}


def test_only_amounts_get_what_is_measured() -> None:
    table = table_of(TEXT, "take")
    cores = asking_of(table, table.sites[2], [taken("input_mb"), taken("attempt")])
    assert cores.measured == ("input_mb", "attempt")
    asked = cores.question(table, 0, measured={"input_mb": 1.5, "attempt": 2})
    assert asked.arguments == {"input_mb": 1.5, "attempt": 2}
    with pytest.raises(FileflowError, match="'attempt', which nothing provides"):
        asking_of(table, table.sites[1], [taken("attempt")])


def test_a_value_is_converted_as_its_parameter_is_annotated() -> None:
    table = table_of(TEXT.replace("[a, b]", "[1, 2]"), "take")
    asking = asking_of(table, table.sites[1], [taken("s", annotation="int")])
    assert asking.question(table, 1).arguments == {"s": 2}
    table = table_of(TEXT, "take")
    asking = asking_of(table, table.sites[1], [taken("s", annotation="int")])
    with pytest.raises(FileflowError, match="no int"):
        asking.question(table, 1)


def test_equal_questions_have_equal_keys() -> None:
    table = table_of(TEXT, "take")
    site = table.sites[0]
    one = Question(site, table, 0, {"a": 1, "b": [2]}, ("x",))
    assert one.key == Question(site, table, 1, {"b": [2], "a": 1}, ("x",)).key
    for other in (
        Question(site, table, 0, {"a": 1}, ("x",)),
        Question(site, table, 0, {"a": 1, "b": [2]}, ("y",)),
        Question(table.sites[1], table, 0, {"a": 1, "b": [2]}, ("x",)),
    ):
        assert one.key != other.key


# -- answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "given", "paths"),
    [
        ("./a//b.txt", "a/b.txt", ["a/b.txt"]),
        ("folder/", "folder", ["folder"]),
        ("/root/of/it/x", "x", ["x"]),
        ("/root/of/its/x", "/root/of/its/x", ["/root/of/its/x"]),
        ("../x", "../x", ["../x"]),
        ("{s}.txt", "{s}.txt", ["{s}.txt"]),
        (["a", "b", "./a"], ["a", "b"], ["a", "b"]),
        ([], [], []),
        ({}, {}, []),
        ({"x": "a", "y": ["b", "c"]}, {"x": "a", "y": ["b", "c"]}, ["a", "b", "c"]),
    ],
)
def test_paths_are_taken_as_they_are_meant(
    answer: object, given: str | list[str] | dict[str, str | list[str]], paths: list[str]
) -> None:
    assert checked(question(), answer, "/root/of/it") == given
    assert paths_of(given) == paths


@pytest.mark.parametrize(
    "answer", [None, 3, True, "", " ", ".", "a\0b", [None], [["a"]], {"x": None}, {"x": {"y": "a"}}]
)
def test_what_is_no_path_is_refused(answer: object) -> None:
    with pytest.raises(FileflowError) as caught:
        checked(question(), answer, "/root/of/it")
    assert "rule 'take'" in caught.value.what and "job take s=a" in caught.value.what
    assert caught.value.place is not None and caught.value.place.line == 12


def test_one_path_may_come_as_a_list_of_one() -> None:
    one = question(TEXT.replace("call: pick:files", "call: pick:files\n      one: true"))
    assert checked(one, ["a"], "/") == "a"
    for answer in ([], ["a", "b"]):
        with pytest.raises(FileflowError, match="one: true"):
            checked(one, answer, "/")


@pytest.mark.parametrize("answer", [-1, float("nan"), float("inf"), True, "1", None, [1]])
def test_an_amount_is_a_number_from_0_up(answer: object) -> None:
    with pytest.raises(FileflowError):
        checked(question(kind=Kind.CORES), answer, "/")
    assert checked(question(kind=Kind.CORES), 1.5, "/") == 1.5


def test_the_form_is_what_paths_do_not_tell() -> None:
    forms = ["a", ["a"], {"x": "a"}, {"y": "a"}, {"x": ["a"]}, {}, {"x": ["a"], "y": []}]
    found = [repr(form_of(one)) for one in forms]  # type: ignore[arg-type]
    assert len(set(found)) == len(found)
    assert form_of(None) is None


# -- planning -----------------------------------------------------------------------------------


def answers(**functions: Callable[..., object]) -> FakeAnswers:
    takes = {"files": ("s", "after", "n", "both", "lone"), "x": ("s",), "cores": ()}
    return FakeAnswers(functions, takes)


def test_a_call_is_asked_once_what_it_waits_for_is_settled() -> None:
    asked = answers(files=lambda s, **_: f"data/{s}.txt", x=lambda s: s * 2)
    plan = plan_of(TEXT, asked, None, "data/a.txt", "data/b.txt")
    labels = [plan.label(job) for job in plan.jobs()]
    assert labels == ["index s=a", "index s=b"]
    assert plan.waits == {"take": ["index"]} and plan.incomplete
    assert {plan.label(job) for job in plan.awaited} == set(labels)
    assert asked.asked == []
    known = Known(settled={("index", "b")})
    plan = plan_of(TEXT, asked, known, "data/a.txt", "data/b.txt")
    assert [plan.label(job) for job in plan.jobs()] == ["index s=a", "index s=b", "take s=b"]
    assert [[one.arguments["s"] for one in times] for times in asked.asked] == [["b"], ["b"]]
    table = plan.by_rule["take"]
    assert table.links[0].paths_of(1) == ["data/b.txt"]
    assert table.answer(Kind.PARAMS, "x", 1) == "bb"
    with pytest.raises(FileflowError, match="not known yet"):
        table.answer(Kind.PARAMS, "x", 0)


def test_all_jobs_of_a_rule_are_asked_in_one_go() -> None:
    text = TEXT.replace("      after: build/{s}.idx\n", "").replace("[a, b]", "{range: 50}")
    asked = FakeAnswers(
        {"files": lambda **_: [], "x": lambda s: s},
        {"files": ("n", "both", "lone"), "x": ("s",), "cores": ()},
    )
    plan = plan_of(text, asked)
    assert [len(times) for times in asked.asked] == [50, 50]
    assert not plan.incomplete and plan.count() == 50


def test_what_an_answer_names_is_wanted_and_found() -> None:
    text = TEXT.replace("      after: build/{s}.idx\n", "")
    asked = FakeAnswers(
        {"files": lambda lone, **_: ["build/a.idx", f"data/{lone}.txt"], "x": lambda s: s},
        {"files": ("n", "both", "lone"), "x": ("s",), "cores": ()},
    )
    plan = plan_of(text, asked, None, "data/a.txt", "data/b.txt")
    labels = [plan.label(job) for job in plan.jobs()]
    assert labels == ["index s=a", "take s=a", "take s=b", "all"]
    with pytest.raises(FileflowError, match=r"data/b\.txt is not there, and no rule makes it"):
        plan_of(text, asked, None, "data/a.txt")


def test_an_optional_answer_may_name_what_is_not_there() -> None:
    text = TEXT.replace("      after: build/{s}.idx\n", "      optional: true\n")
    asked = FakeAnswers(
        {"files": lambda lone, **_: f"data/{lone}.txt", "x": lambda s: s},
        {"files": ("n", "both", "lone"), "x": ("s",), "cores": ()},
    )
    plan = plan_of(text, asked, None, "data/a.txt")
    link = plan.by_rule["take"].links[0]
    assert [link.paths_of(row) for row in range(2)] == [["data/a.txt"], []]
    assert list(link.makers_of(1)) == [ABSENT]


def test_what_cannot_be_asked_yet_waits_for_its_makers() -> None:
    asked = answers(files=lambda **_: UNKNOWN, x=lambda s: s)
    known = Known(settled={("index", "a"), ("index", "b")})
    plan = plan_of(TEXT, asked, known)
    assert plan.waits == {"take": ["index"]}
    assert [plan.label(job) for job in plan.jobs()] == ["index s=a", "index s=b"]
    assert asked.asked[0][0].makers == (("index", "a"),)


def test_jobs_that_wait_for_what_needs_them_are_a_ring() -> None:
    text = TEXT.replace(
        "    output: build/{s}.idx\n", "    input: out/{s}.txt\n    output: build/{s}.idx\n"
    )
    with pytest.raises(FileflowError, match="ring"):
        plan_of(text, answers())
