"""Which rule makes a file: the paragraph of the specification, sentence by sentence."""

from __future__ import annotations

import re

import pytest

from fileflow.planning.derivation import Derivation
from fileflow.planning.finding import Output
from tests.planning.fakes import Project, labels

COPY = 'shell: "cp {input} {output}"'
MAKE = 'shell: "touch {output}"'


def rules(*lines: str, wildcards: str = "{}") -> str:
    """A Workflowfile of these rules, one a line."""
    return "\n".join([f"wildcards: {wildcards}", "rules:", *(f"  {line}" for line in lines)])


# --- values that fill an output to exactly that path ---------------------------------------------


def test_a_rule_makes_a_path_only_for_its_declared_rows() -> None:
    project = Project(rules(f'a: {{output: "out/{{s}}", {MAKE}}}', wildcards="{s: [x]}"))
    assert labels(project.plan("out/x")) == ["a s=x"]
    assert "no rule makes such a path" in project.refused("out/y")


def test_a_name_that_stands_twice_must_have_the_same_text() -> None:
    project = Project(rules(f'a: {{output: "{{s}}/{{s}}.txt", {MAKE}}}'))
    assert labels(project.plan("k/k.txt")) == ["a s=k"]
    assert "no rule makes such a path" in project.refused("k/l.txt")


def test_a_constraint_keeps_a_rule_from_making_a_path() -> None:
    project = Project(rules(f'a: {{output: "{{s}}.txt", constraints: {{s: "[0-9]+"}}, {MAKE}}}'))
    assert labels(project.plan("12.txt")) == ["a s=12"]
    assert "no rule makes such a path" in project.refused("x12.txt")


@pytest.mark.parametrize("regex", [r"^[0-9]+$", r"\A[0-9]+\Z", r"([0-9])\1"])
def test_any_regular_expression_that_matches_the_whole_value_is_a_constraint(regex: str) -> None:
    project = Project(rules(f"a: {{output: '{{s}}.txt', constraints: {{s: '{regex}'}}, {MAKE}}}"))
    assert labels(project.plan("11.txt")) == ["a s=11"]


def test_a_path_that_fits_in_two_ways_is_an_error_with_a_constraint_that_decides() -> None:
    text = rules(f'a: {{output: "{{s}}_{{t}}.txt", {MAKE}}}')
    error = Project(text).refused("x_y_z.txt")
    assert "x_y_z.txt is made by more than one job: a s=x_y t=z, a s=x t=y_z" in error
    decided = re.search(r"constraints: (\{.*\})", error)
    assert decided is not None
    project = Project(text.replace("output:", f"constraints: {decided[1]}, output:"))
    assert labels(project.plan("x_y_z.txt")) == ["a s=x t=y_z"]


def test_of_several_ways_those_count_that_agree_with_the_job_that_asks() -> None:
    project = Project(
        rules(
            'all: {input: ["y_z.done", "z.done"]}',
            f'use: {{input: "x_{{t}}.txt", output: "{{t}}.done", {COPY}}}',
            f'a: {{output: "{{s}}_{{t}}.txt", {MAKE}}}',
        )
    )
    plan = project.plan("y_z.done")
    assert labels(plan) == ["a s=x t=y_z", "use t=y_z"]


def test_of_several_ways_those_count_that_agree_with_the_row_that_asks() -> None:
    project = Project(
        rules(
            f'use: {{input: "in/{{s}}_{{t}}.txt", output: used, {COPY}}}',
            f'a: {{output: "in/{{s}}_{{t}}.txt", {MAKE}}}',
            wildcards='{"s, t": {rows: [[x, y_z]], open: true}}',
        )
    )
    assert project.look().makers("use") == ["a s=x t=y_z"]
    assert "made by more than one job" in project.refused("in/x_y_z.txt")


def test_a_rule_that_gathers_asks_with_the_values_of_its_own_job_too() -> None:
    project = Project(
        rules(
            f'use: {{input: "x_{{r}}.txt", output: "{{s}}.done", {COPY}}}',
            f'a: {{output: "{{q}}_{{r}}.txt", {MAKE}}}',
            f'b: {{output: "x_{{s}}.txt", constraints: {{s: "[0-9]"}}, prefer: 1, {MAKE}}}',
            wildcards="{r: [1], s: [2, 1]}",
        )
    )
    # For the job s=2 rule b would have to be s=1, which disagrees: only rule a is left.
    assert "a q=x r=1" in labels(project.plan("2.done"))


def parts(first: int, last: int) -> str:
    return "_".join(map(str, range(first, last + 1)))


@pytest.mark.parametrize("last", [6, 20, 60])
def test_ways_with_values_of_no_row_do_not_count_however_many_there_are(last: int) -> None:
    project = Project(
        rules(
            f'a: {{output: "o/{{s}}_{{t}}", {MAKE}}}',
            f'b: {{output: "p/{{t}}_{{u}}_{{s}}", {MAKE}}}',
            f'c: {{output: "q/{{s}}{{t}}", {MAKE}}}',
            wildcards="{s: [k, k_1_2_3]}",
        )
    )
    error = project.refused(f"o/k_{parts(1, last)}")
    assert f"a s=k_1_2_3 t={parts(4, last)}, a s=k t={parts(1, last)}" in error
    assert labels(project.plan(f"o/k_{parts(2, last)}")) == [f"a s=k t={parts(2, last)}"]
    assert labels(project.plan(f"q/k{parts(2, last)}")) == [f"c s=k t={parts(2, last)}"]
    assert "no rule makes such a path" in project.refused(f"o/x_{parts(2, last)}")
    assert "no rule makes such a path" in project.refused(f"p/x_{parts(2, last)}")


@pytest.mark.parametrize("last", [3, 20, 60])
def test_the_way_that_agrees_with_who_asks_is_found_however_many_there_are(last: int) -> None:
    project = Project(
        rules(
            f'mid: {{output: "mid/{{x}}_{{y}}", {MAKE}}}',
            f'out: {{input: "mid/{{x}}_{{y}}", output: "out/{{x}}/{{y}}", {COPY}}}',
            f'far: {{output: "far/{{n}}_{{m}}_{{l}}", {MAKE}}}',
            f'all: {{input: "far/{{n}}_{{m}}_{{l}}", output: "all/{{l}}/{{m}}", {COPY}}}',
            wildcards="{n: [a, a_1]}",
        )
    )
    assert f"mid x=a y={parts(1, last)}" in labels(project.plan(f"out/a/{parts(1, last)}"))
    assert f"mid x=a_1 y={parts(2, last)}" in labels(project.plan(f"out/a_1/{parts(2, last)}"))
    look = project.look(f"all/{parts(2, last)}/1_1")
    assert look.makers(f"all l={parts(2, last)} m=1_1") == [
        f"far n={n} m=1_1 l={parts(2, last)}" for n in ("a", "a_1")
    ]


def test_jobs_that_share_a_list_may_each_have_a_maker_that_agrees_with_them() -> None:
    project = Project(
        rules(
            f'low: {{output: "low/{{r}}_{{k}}_{{m}}", {MAKE}}}',
            f'use: {{input: "low/{{r}}_1_2_3", output: "use/{{k}}", {COPY}}}',
            wildcards="{r: [a, a_1]}",
        )
    )
    look = project.look("use/1")
    assert look.makers("use k=1") == ["low r=a k=1 m=2_3", "low r=a_1 k=1 m=2_3"]
    look = project.look("use/1_2")
    assert look.makers("use k=1_2") == ["low r=a k=1_2 m=3", "low r=a_1 k=1_2 m=3"]


def test_values_that_fit_each_relation_and_no_row_make_nothing() -> None:
    project = Project(
        rules(
            f'a: {{output: "{{s}}_{{f}}_{{t}}_{{u}}", {MAKE}}}',
            wildcards='{"s, t": [[1, 2], [3, 4]], "t, u": [[2, 5], [4, 6]]}',
        )
    )
    assert labels(project.plan("1_x_y_2_5")) == ["a s=1 f=x_y t=2 u=5"]
    assert "no rule makes such a path" in project.refused("1_x_y_4_6")


def test_more_ways_than_can_be_tried_are_an_error_with_a_constraint_that_decides() -> None:
    text = rules(f'a: {{output: "{{p}}_{{q}}_{{r}}_{{s}}_{{t}}", {MAKE}}}')
    path = parts(1, 40)
    error = Project(text, path).refused(path)
    assert f"{path} fits {{p}}_{{q}}_{{r}}_{{s}}_{{t}} of rule 'a' in too many ways" in error
    decided = re.search(r"constraints: (\{.*\})", error)
    assert decided is not None
    project = Project(text.replace("output:", f"constraints: {decided[1]}, output:"))
    assert len(labels(project.plan(path))) == 1


def test_only_some_of_many_jobs_that_could_make_a_path_are_named() -> None:
    project = Project(rules(f'a: {{output: "{{s}}_{{t}}", {MAKE}}}'))
    error = project.refused(parts(1, 21))
    assert error.count("a s=") == 4
    assert f"a s={parts(1, 17)} t={parts(18, 21)} and 16 more\n" in error


# --- of several rules ----------------------------------------------------------------------------


def test_a_rule_without_wildcards_is_preferred_to_one_with() -> None:
    project = Project(
        rules(f'a: {{output: "{{s}}.txt", prefer: 9, {MAKE}}}', f"b: {{output: k.txt, {MAKE}}}")
    )
    assert labels(project.plan("k.txt")) == ["b"]
    assert labels(project.plan("l.txt")) == ["a s=l"]


def test_of_two_rules_the_one_with_the_larger_prefer_makes_the_file() -> None:
    project = Project(
        rules(
            "all: {input: [k.txt]}",
            f'a: {{output: "{{s}}.txt", {MAKE}}}',
            f'b: {{output: "{{t}}.txt", prefer: 0.5, {MAKE}}}',
        )
    )
    assert labels(project.plan()) == ["b t=k"]


def test_that_jobs_do_not_need_what_they_could_make_is_seen_for_all_paths_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Derivation, "without", lambda had, path: asked.append(path) or had)
    project = Project(
        rules(
            'all: {input: "p/{a}"}',
            f'q: {{output: "p/{{a}}", prefer: 2, {MAKE}}}',
            f'p: {{output: "p/{{a}}", {MAKE}}}',
            wildcards="{a: [1, 2, 3]}",
        )
    )
    assert labels(project.plan()) == ["q a=1", "q a=2", "q a=3"]
    assert not asked


def test_a_preferred_rule_that_needs_by_another_what_it_makes_drops_out() -> None:
    project = Project(
        rules(
            "all: {input: k.b}",
            f'ab: {{input: "{{n}}.a", output: "{{n}}.b", prefer: 2, {COPY}}}',
            f'ba: {{input: "{{n}}.b", output: "{{n}}.a", {COPY}}}',
            f'sb: {{input: "{{n}}.src", output: "{{n}}.b", {COPY}}}',
        ),
        "k.src",
    )
    assert labels(project.plan()) == ["sb n=k"]


def test_two_rules_that_are_left_are_an_error_that_names_both() -> None:
    error = Project(
        rules(f'a: {{output: "{{s}}.txt", {MAKE}}}', f'b: {{output: "{{t}}.txt", {MAKE}}}')
    ).refused("k.txt")
    assert "k.txt is made by more than one job: a s=k, b t=k" in error
    assert "larger `prefer`" in error


@pytest.mark.parametrize(
    ("first", "second", "wildcards", "targets"),
    [
        ("o/{s}", "o/{t}_b", "{}", ["o/k_b"]),
        ("o/{t}.b", "o/{s}", "{}", ["o/k.b"]),
        ("o/{s}", "o/{t}_b", "{s: [k, k_b], t: [k]}", ["o/k", "o/k_b"]),
        ("o/{s}", "o/{t}", "{s: [1, k], t: [1]}", ["o/1", "o/k"]),
        ("o/{s}_{t}", "o/{t}", "{s: [a], t: [b, c, a_b]}", ["o/a_b", "o/c"]),
    ],
)
def test_a_constraint_that_is_told_separates_the_rules(
    first: str, second: str, wildcards: str, targets: list[str]
) -> None:
    written = [f'a: {{output: "{first}", {MAKE}}}', f'b: {{output: "{second}", {MAKE}}}']
    error = Project(rules(*written, wildcards=wildcards)).refused(*targets)
    assert "made by more than one job" in error
    decided = re.search(r"in rule ([ab]):  constraints: (\{.*\})", error)
    assert decided is not None, error
    cured = [rule.replace("{", f"{{constraints: {decided[2]}, ", 1) for rule in written]
    cured = [new if new[0] == decided[1] else old for old, new in zip(written, cured, strict=True)]
    plan = Project(rules(*cured, wildcards=wildcards)).plan(*targets)
    assert plan.count() == len(targets)


@pytest.mark.parametrize(
    ("first", "second", "wildcards", "targets"),
    [
        ("o/{s}", "o/{s}", "{s: [1, 2]}", ["o/1"]),
        ("o/{s}", "o/{s}", "{}", ["o/1"]),
        # Rule a could not make the other path under a constraint that keeps it from the first.
        ("o/{s}", "o/{t}_b", "{}", ["o/k_b", "o/m_c"]),
        ("o/{s}", "o/{t}_b", "{s: [k_b, m_c], t: [k]}", ["o/k_b", "o/m_c"]),
        ("o/1", "o/1", "{}", ["o/1"]),
    ],
)
def test_where_no_constraint_separates_them_none_is_told(
    first: str, second: str, wildcards: str, targets: list[str]
) -> None:
    a, b = f'a: {{output: "{first}", {MAKE}}}', f'b: {{output: "{second}", {MAKE}}}'
    error = Project(rules(a, b, wildcards=wildcards)).refused(*targets)
    assert "constraints" not in error and "give one of them a larger `prefer`" in error
    plan = Project(rules(a, b.replace("{", "{prefer: 1, ", 1), wildcards=wildcards)).plan(*targets)
    assert plan.count() == len(targets)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a", "z"),
        pytest.param(
            "z",
            "a",
        ),
    ],
)
def test_the_constraint_that_would_separate_two_rules_does_so(first: str, second: str) -> None:
    lines = {
        first: f'{first}: {{output: "{{s}}.txt", {MAKE}}}',
        second: f'{second}: {{output: "{{t}}_x.txt", {MAKE}}}',
    }
    error = Project(rules(*lines.values())).refused("k_x.txt")
    found = re.search(r"in rule (\w+): +constraints: (\{.*\})", error)
    assert found is not None
    lines[found[1]] = lines[found[1]].replace("output:", f"constraints: {found[2]}, output:")
    assert len(labels(Project(rules(*lines.values())).plan("k_x.txt"))) == 1


def test_a_rule_whose_inputs_cannot_be_had_drops_out() -> None:
    project = Project(
        rules(
            "all: {input: k.png}",
            f'jpg: {{input: "{{n}}.jpg", output: "{{n}}.png", {COPY}}}',
            f'svg: {{input: "{{n}}.svg", output: "{{n}}.png", {COPY}}}',
        ),
        "k.svg",
    )
    assert labels(project.plan()) == ["svg n=k"]
    assert labels(project.plan("k.png")) == ["svg n=k"]


def test_inputs_that_a_chain_of_rules_makes_can_be_had() -> None:
    project = Project(
        rules(
            "all: {input: k.png}",
            f'jpg: {{input: "{{n}}.jpg", output: "{{n}}.png", {COPY}}}',
            f'svg: {{input: "{{n}}.svg", output: "{{n}}.png", {COPY}}}',
            f'raw: {{input: "{{n}}.raw", output: "{{n}}.svg", {COPY}}}',
        ),
        "k.raw",
    )
    assert labels(project.plan()) == ["raw n=k", "svg n=k"]


def test_a_rule_that_needs_what_it_makes_drops_out() -> None:
    project = Project(
        rules(
            "all: {input: k.b}",
            f'ab: {{input: "{{n}}.a", output: "{{n}}.b", {COPY}}}',
            f'ba: {{input: "{{n}}.b", output: "{{n}}.a", {COPY}}}',
            f'sa: {{input: "{{n}}.src", output: "{{n}}.a", {COPY}}}',
        ),
        "k.src",
    )
    assert labels(project.plan()) == ["sa n=k", "ab n=k"]


# --- sources -------------------------------------------------------------------------------------

BOTH_WAYS = rules(
    "all: {input: k.b}",
    f'ab: {{input: "{{n}}.a", output: "{{n}}.b", {COPY}}}',
    f'ba: {{input: "{{n}}.b", output: "{{n}}.a", {COPY}}}',
)


def test_a_file_is_a_source_if_the_free_rule_that_fits_it_needs_what_it_makes() -> None:
    assert labels(Project(BOTH_WAYS, "k.a").plan("k.b")) == ["ab n=k"]


def test_so_too_if_a_rule_asks_for_it() -> None:
    assert labels(Project(BOTH_WAYS, "k.a").plan()) == ["ab n=k"]


def test_a_file_that_fits_a_rule_without_free_wildcards_is_no_source() -> None:
    project = Project(
        rules(
            f"use: {{input: data.csv, output: used, {COPY}}}",
            f"get: {{input: gone, output: data.csv, {COPY}}}",
        ),
        "data.csv",
    )
    assert "gone is not there, and no rule makes it" in project.refused()


def test_a_file_that_only_free_rules_fit_is_a_source_if_they_cannot_make_it() -> None:
    project = Project(
        rules(
            f"use: {{input: data.csv, output: used, {COPY}}}",
            f'get: {{input: "{{n}}.xlsx", output: "{{n}}.csv", {COPY}}}',
        ),
        "data.csv",
    )
    look = project.look()
    assert (look.jobs, look.makers("use")) == (["use"], ["source"])


def test_what_a_free_rule_is_known_to_have_made_is_no_source() -> None:
    project = Project(
        rules(
            f"use: {{input: data.csv, output: used, {COPY}}}",
            f'get: {{input: "{{n}}.xlsx", output: "{{n}}.csv", {COPY}}}',
        ),
        "data.xlsx",
    )
    project.run()
    project.world.remove("data.xlsx")
    assert "data.xlsx is not there" in project.refused()


def test_a_free_rule_that_can_make_a_file_that_is_there_makes_it() -> None:
    project = Project(
        rules(
            f"use: {{input: data.csv, output: used, {COPY}}}",
            f'get: {{input: "{{n}}.xlsx", output: "{{n}}.csv", {COPY}}}',
        ),
        "data.csv",
        "data.xlsx",
    )
    assert labels(project.plan()) == ["get n=data", "use"]


def test_a_target_that_is_there_and_cannot_be_made_by_its_free_rule_is_a_source() -> None:
    project = Project(rules(f'get: {{input: "{{n}}.xlsx", output: "{{n}}.csv", {COPY}}}'), "k.csv")
    plan = project.plan("k.csv")
    assert (labels(plan), plan.source_targets) == ([], ["k.csv"])


def test_without_a_file_the_error_is_what_the_rule_lacked() -> None:
    project = Project(rules(f'get: {{input: "{{n}}.xlsx", output: "{{n}}.csv", {COPY}}}'))
    error = project.refused("k.csv")
    assert "k.xlsx is not there, and no rule makes it" in error
    assert "needed by get n=k" in error


def test_without_a_file_the_error_is_the_ring_of_jobs() -> None:
    assert "ab n=k" in Project(BOTH_WAYS).refused()
    assert "ring" in Project(BOTH_WAYS).refused("k.b")


def test_a_rule_with_one_pattern_as_input_and_output_is_an_error() -> None:
    error = Project(rules(f'a: {{input: "{{n}}.txt", output: "{{n}}.txt", {COPY}}}')).refused(
        "k.txt"
    )
    assert "{n}.txt" in error


# --- below folders -------------------------------------------------------------------------------


def test_a_file_below_a_free_directory_output_is_made_by_its_rule() -> None:
    project = Project(rules(f'tree: {{output: "trees/{{n}}/", {MAKE}}}'))
    assert labels(project.plan("trees/k/deep/x.txt")) == ["tree n=k"]


def test_a_rule_that_fits_the_path_itself_comes_before_the_folder_above() -> None:
    project = Project(
        rules(f'tree: {{output: "trees/k/", {MAKE}}}', f'x: {{output: "trees/l/x", {MAKE}}}')
    )
    assert labels(project.plan("trees/l/x")) == ["x"]


def test_a_rule_that_another_feeds_row_by_row_is_found_without_a_look_at_each_path() -> None:
    project = Project(
        rules(
            f'b: {{input: "a/{{s}}.txt", output: "b/{{s}}.txt", {COPY}}}',
            f'a: {{output: "a/{{t}}.txt", {MAKE}}}',
            wildcards="{s: [x, y, z], t: {same: s}}",
        )
    )
    look = project.look()
    assert [look.makers(f"b s={s}") for s in "xyz"] == [["a t=x"], ["a t=y"], ["a t=z"]]


def test_outputs_are_not_looked_through_anew_for_each_path_of_a_column(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = 0
    paths = Output.paths

    def counted(output: Output) -> list[str]:
        nonlocal looks
        looks += 1
        return paths(output)

    monkeypatch.setattr(Output, "paths", counted)

    def looks_for(count: int) -> int:
        nonlocal looks
        rows = ", ".join(f"[{n}, raw/{n}]" for n in range(count))
        text = rules(
            'all: {input: "o/{a}"}',
            f'r: {{input: "{{f}}", output: "o/{{a}}", {COPY}}}',
            wildcards=f'{{"a, f": {{rows: [{rows}]}}}}',
        )
        looks = 0
        assert Project(text, *(f"raw/{n}" for n in range(count))).plan().count() == count
        return looks

    assert looks_for(40) == looks_for(20)


def test_a_very_long_path_is_no_output_of_a_free_rule() -> None:
    project = Project(rules(f'a: {{output: "{{n}}.txt", {MAKE}}}'))
    assert "no rule makes such a path" in project.refused("x" * 300 + ".txt")


# --- why no rule makes a path ---------------------------------------------------------------------


@pytest.mark.parametrize("target", ["all", "a/k.txt"])
def test_a_rule_that_is_left_out_by_its_when_is_named(target: str) -> None:
    project = Project(
        "config: {mode: fast}\n"
        + rules(
            'all: {input: "a/k.txt"}',
            f'a: {{when: {{mode: slow}}, output: [x, {{path: "a/{{n}}.txt"}}], {MAKE}}}',
        )
    )
    said = "rule a would make it, but is there only when config.mode is slow (it is fast)"
    assert said in project.refused(target)


@pytest.mark.parametrize("target", ["all", "a/k.txt"])
def test_a_constraint_that_keeps_a_rule_from_making_a_path_is_named(target: str) -> None:
    project = Project(
        rules(
            'all: {input: "a/k.txt"}',
            f'a: {{output: "a/{{n}}.txt", constraints: {{n: "[0-9]+"}}, {MAKE}}}',
        )
    )
    said = "rule a makes a/{n}.txt, but the constraint '[0-9]+' of n does not match 'k'"
    assert said in project.refused(target)


@pytest.mark.parametrize(
    ("path", "cure"),
    [
        ("data/*.txt", "* is no wildcard: write {name}"),
        ("data/{n.txt", "a brace stands alone in it: a wildcard is written {name}"),
        ("~/a.txt", "~ is not expanded in a path: write the whole path"),
        ("a.txt, b.txt", "if these are several paths, write a list: [a.txt, b.txt]"),
        ("a.txt b.txt", "if these are several paths, write a list: [a.txt, b.txt]"),
    ],
)
def test_a_path_that_is_written_as_elsewhere_is_told_only_where_it_is_not_there(
    path: str, cure: str
) -> None:
    text = rules(f'use: {{input: "{path}", output: used, shell: "cp {{input:q}} {{output}}"}}')
    assert cure in Project(text).refused()
    assert labels(Project(text, path).plan()) == ["use"]


def test_a_path_with_a_blank_is_one_path() -> None:
    assert "list" not in Project(rules(f'a: {{input: "my data.txt", output: o, {COPY}}}')).refused()
