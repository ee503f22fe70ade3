"""From targets to jobs: who is wanted, who makes what, what is refused and in which words."""

from __future__ import annotations

import pytest

from tests.planning.fakes import Project, labels

MONTHS = """
wildcards:
  month: data/{month}.csv
  rep: {range: 2}
rules:
  all:
    input: sum.txt
  tidy:
    input: data/{month}.csv
    output: tidy/{month}.csv
    shell: tidy {input} {output}
    tags: early
  boot:
    input: tidy/{month}.csv
    output: boot/{month}/{rep}.json
    shell: boot {input} {output}
  sum:
    input: {boots: "boot/{month}/{rep}.json", ports: ports.csv}
    output: sum.txt
    shell: cat {input} > {output}
"""


def months() -> Project:
    return Project(MONTHS, "data/01.csv", "data/02.csv", "ports.csv")


# --- targets -------------------------------------------------------------------------------------


def test_without_a_target_the_first_rule_is_built_and_is_no_job_itself() -> None:
    plan = months().plan()
    assert sorted(labels(plan)) == [
        "boot month=01 rep=0",
        "boot month=01 rep=1",
        "boot month=02 rep=0",
        "boot month=02 rep=1",
        "sum",
        "tidy month=01",
        "tidy month=02",
    ]
    assert plan.count() == 7


def test_each_job_comes_after_those_that_it_needs() -> None:
    order = labels(months().plan())
    assert order[-1] == "sum"
    assert order.index("boot month=02 rep=0") > order.index("tidy month=02")


def test_a_rule_as_target_is_all_its_jobs_and_what_they_need() -> None:
    assert labels(months().plan("tidy")) == ["tidy month=01", "tidy month=02"]


def test_a_path_as_target_is_the_one_job_that_makes_it() -> None:
    look = months().look("boot/01/1.json")
    assert look.jobs == ["tidy month=01", "boot month=01 rep=1"]


def test_a_path_as_target_may_be_written_in_any_way() -> None:
    assert labels(months().plan("tidy/../tidy//01.csv")) == ["tidy month=01"]


def test_a_pattern_as_target_is_all_of_its_instances() -> None:
    plan = months().plan("boot/{month}/1.json")
    assert [one for one in labels(plan) if one.startswith("boot")] == [
        "boot month=01 rep=1",
        "boot month=02 rep=1",
    ]


def test_a_pattern_with_an_unknown_wildcard_names_the_near_one() -> None:
    assert "did you mean 'month'?" in months().refused("boot/{mnth}/1.json")


def test_a_tag_stands_for_the_rules_that_have_it() -> None:
    assert labels(months().plan(tags=["early"])) == ["tidy month=01", "tidy month=02"]
    assert "did you mean 'early'?" in months().refused(tags=["erly"])


def test_a_word_with_a_dot_before_it_is_never_a_rule() -> None:
    project = months()
    assert "no file './all'" in project.refused("./all") or "'all'" in project.refused("./all")
    project.world.write("all", "a file of that name")
    plan = project.plan("./all")
    assert (labels(plan), plan.source_targets) == ([], ["all"])


def test_a_target_that_is_a_source_needs_no_job() -> None:
    plan = months().plan("data/01.csv")
    assert (labels(plan), plan.source_targets) == ([], ["data/01.csv"])


def test_an_unknown_target_names_the_near_rule() -> None:
    assert "did you mean 'tidy'?" in months().refused("tody")


def test_jobs_that_were_asked_for_themselves_are_known() -> None:
    plan = months().plan()
    assert [plan.label(job) for job in plan.asked] == ["sum"]
    assert [plan.label(job) for job in months().plan("tidy/01.csv").asked] == ["tidy month=01"]


def test_a_rule_that_is_not_there_says_when_it_would_be() -> None:
    project = months()
    project.replace("  tidy:\n", "  extra:\n    when: {fast: true}\n    output: x\n"
                    "    shell: touch {output}\n  tidy:\n")  # fmt: skip
    project.replace("rules:", "config: {fast: false}\nrules:")
    assert "rule 'extra' is not there: it is only when config.fast" in project.refused("extra")


# --- joins to jobs, shape, inputs ----------------------------------------------------------------


def test_a_name_in_two_keys_joins_them() -> None:
    project = Project("""
    wildcards:
      s, lane: [[a, 1], [a, 2], [b, 1]]
      s, kind: [[b, x], [a, y]]
    rules:
      one: {output: "out/{lane}-{kind}-{s}.txt", shell: "touch {output}"}
    """)
    assert labels(project.plan()) == [
        "one lane=1 kind=y s=a",
        "one lane=2 kind=y s=a",
        "one lane=1 kind=x s=b",
    ]


def test_relations_are_cut_to_the_mapped_names_before_they_are_joined() -> None:
    project = Project(
        """
        wildcards:
          s, lane: [[a, 1], [a, 2], [b, 1]]
        rules:
          one: {input: "raw/{s}_{lane}.fq", output: "out/{s}.bam", shell: "x {input} {output}"}
        """,
        "raw/a_1.fq",
        "raw/a_2.fq",
        "raw/b_1.fq",
    )
    look = project.look()
    assert look.jobs == ["one s=a", "one s=b"]
    assert look.inputs("one s=a") == ["raw/a_1.fq", "raw/a_2.fq"]
    assert look.inputs("one s=b") == ["raw/b_1.fq"]


def test_an_unrelated_gathered_wildcard_is_the_same_for_all_jobs() -> None:
    look = months().look()
    assert look.inputs("sum") == [
        "boot/01/0.json",
        "boot/01/1.json",
        "boot/02/0.json",
        "boot/02/1.json",
        "ports.csv",
    ]


def test_constraints_filter_jobs_and_inputs() -> None:
    project = months()
    project.replace("    shell: cat", "    constraints: {rep: '1'}\n    shell: cat")
    project.replace(
        "    shell: boot", "    constraints: {month: '0[12]', rep: '[1-9]'}\n    shell: boot"
    )
    look = project.look()
    assert look.inputs("sum") == ["boot/01/1.json", "boot/02/1.json", "ports.csv"]
    assert [one for one in look.jobs if one.startswith("boot")] == [
        "boot month=01 rep=1",
        "boot month=02 rep=1",
    ]


def test_the_text_decides_the_shape_not_the_number_of_values() -> None:
    project = months()
    project.replace("{range: 2}", "{range: 1}")
    plan = project.plan()
    plan.by_rule["sum"].make_links()
    assert [link.single for link in plan.by_rule["sum"].links] == [False, True]
    assert [item.single for item in plan.by_rule["sum"].input_items] == [False, True]


def test_a_single_path_in_a_named_list_is_a_list() -> None:
    text = "rules: {a: {input: {x: [in.txt]}, output: a, shell: 'c {input.x} {output}'}}"
    project = Project(text, "in.txt")
    assert [item.single for item in project.plan().by_rule["a"].input_items] == [False]


def test_each_path_is_taken_once() -> None:
    project = Project(
        """
        wildcards: {k: ["1", "11"], l: ["1", "11"]}
        rules: {a: {input: "in/{k}{l}", output: a, shell: "c {input} {output}"}}
        """,
        "in/11",
        "in/111",
        "in/1111",
    )
    assert project.look().inputs("a") == ["in/11", "in/111", "in/1111"]


def test_an_input_that_is_one_placeholder_takes_its_value_as_a_path() -> None:
    project = Project(
        """
        wildcards: {"s, file": [[a, /far/a.txt], [b, ./near/../b.txt]]}
        rules: {one: {input: "{file}", output: "out/{s}", shell: "c {input} {output}"}}
        """,
        "/far/a.txt",
        "b.txt",
    )
    look = project.look()
    assert (look.inputs("one s=a"), look.inputs("one s=b")) == (["/far/a.txt"], ["b.txt"])


def test_a_gather_without_any_value_is_an_error_that_names_the_job() -> None:
    project = months()
    project.replace("    shell: cat", "    constraints: {rep: '9'}\n    shell: cat")
    error = project.refused()
    assert "gives no path for the job sum" in error
    assert "optional: true" in error


def test_a_rule_as_input_is_all_that_it_makes_or_asks_for() -> None:
    project = months()
    project.replace("input: sum.txt", "input: [{rule: tidy}, {rule: more}]")
    project.rewrite(project.world.files["Workflowfile"].decode() + "  more: {input: [ports.csv]}\n")
    assert labels(project.plan()) == ["tidy month=01", "tidy month=02"]


def test_rules_that_only_ask_and_name_each_other_are_a_ring() -> None:
    project = Project("rules: {a: {input: {rule: b}}, b: {input: {rule: a}}}")
    assert "ring" in project.refused("a")


def test_a_rule_without_output_is_a_job_that_runs_when_it_is_asked_for() -> None:
    project = Project("rules: {show: {input: x.txt, shell: 'cat {input}'}}", "x.txt")
    assert project.look().states == {"show": "stale"}
    assert project.run() == ["show"]
    assert project.run() == ["show"]


# --- free wildcards ------------------------------------------------------------------------------

FREE = """
rules:
  gz: {input: "{name}.txt", output: "{name}.gz", shell: "gzip < {input} > {output}"}
"""


def test_a_free_wildcard_takes_its_value_from_the_path_that_is_asked_for() -> None:
    project = Project(FREE, "k.txt")
    look = project.look("k.gz")
    assert (look.jobs, look.inputs("gz name=k")) == (["gz name=k"], ["k.txt"])


def test_a_free_rule_cannot_be_asked_for_by_name() -> None:
    error = Project("wildcards: {names: [a]}\n" + FREE, "k.txt").refused("gz")
    assert "{name} has no values" in error
    assert "did you mean 'names'?" in error


def test_a_free_wildcard_cannot_be_gathered() -> None:
    text = "rules: {a: {input: 'in/{sample}', output: a, shell: 'c {input} {output}'}}"
    project = Project(f"wildcards: {{smaple: [a]}}\n{text}")
    error = project.refused()
    assert "{sample}" in error
    assert "did you mean 'smaple'?" in error


def test_a_free_wildcard_beside_a_declared_one_takes_only_its_rows() -> None:
    project = Project("""
    wildcards: {s: [a, b]}
    rules: {one: {output: "{s}.{free}", shell: "touch {output}"}}
    """)
    assert labels(project.plan("a.x", "b.y")) == ["one s=a free=x", "one s=b free=y"]
    assert "no rule makes such a path" in project.refused("c.x")


def test_an_open_wildcard_may_get_other_values_from_a_path() -> None:
    project = Project("""
    wildcards: {s: {values: [a, b], open: true}}
    rules: {one: {output: "out/{s}", shell: "touch {output}"}}
    """)
    assert labels(project.plan()) == ["one s=a", "one s=b"]
    assert labels(project.plan("out/c")) == ["one s=c"]


# --- optional, one, order_only -------------------------------------------------------------------


def test_an_optional_input_that_nobody_can_make_and_that_is_not_there_gives_no_path() -> None:
    text = """
    rules: {a: {input: [must, {path: may, optional: true}], output: a, shell: "c {input} {output}"}}
    """
    assert Project(text, "must").look().inputs("a") == ["must"]
    assert Project(text, "must", "may").look().inputs("a") == ["must", "may"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_what_one_rule_may_do_without_another_still_must_have(order: tuple[str, str]) -> None:
    rules = {
        "a": "a: {input: {path: x, optional: true}, output: a, shell: 'c {input} {output}'}",
        "b": "b: {input: x, output: b, shell: 'c {input} {output}'}",
    }
    text = "rules:\n" + "\n".join(f"  {rules[name]}" for name in order)
    assert Project(text, "x").look("a", "b").jobs == ["a", "b"]
    assert "x is not there" in Project(text).refused("a", "b")


def test_of_an_optional_gather_only_what_is_there_counts() -> None:
    project = Project(
        """
        wildcards: {s: [a, b, c]}
        rules:
          a: {input: {path: "in/{s}", optional: true}, output: a, shell: "c {input} {output}"}
        """,
        "in/b",
    )
    assert project.look().inputs("a") == ["in/b"]


def test_an_optional_input_whose_maker_lacks_a_source_is_absent_and_its_maker_no_job() -> None:
    project = Project(
        """
        rules:
          a: {input: [must, {path: may, optional: true}], output: a, shell: "c {input} {output}"}
          b: {input: gone, output: may, shell: "c {input} {output}"}
        """,
        "must",
    )
    look = project.look()
    assert look.inputs("a") == ["must"]
    assert look.jobs == ["a"]


def test_one_path_that_is_gathered_is_a_single_file() -> None:
    text = """
    wildcards: {"s, ref": [[a, hg], [b, hg]]}
    rules:
      one: {input: {path: "{ref}.fa", one: true}, output: "{s}.bam", shell: "c {input} {output}"}
    """
    plan = Project(text, "hg.fa").plan()
    assert [link.single for link in plan.by_rule["one"].links] == [True]
    project = Project(text.replace("[a, hg]", "[a, hg], [a, mm]"), "hg.fa", "mm.fa")
    assert "`one: true`" in project.refused()


def test_an_order_only_input_is_built_first_and_no_part_of_the_inputs_by_position() -> None:
    project = Project("""
    rules:
      a: {input: {x: {path: b, order_only: true}}, output: a, shell: "touch {output}"}
      b: {output: b, shell: "touch {output}"}
    """)
    look = project.look()
    assert (look.jobs, look.inputs("a")) == (["b", "a"], ["b"])
    table, _ = look.table("a")
    assert table.is_order_only(table.input_items[0])


# --- cycles, two makers, folders -----------------------------------------------------------------


def test_a_ring_of_jobs_is_printed_whole() -> None:
    error = Project("""
    rules:
      a: {input: c.txt, output: a.txt, shell: "c {input} {output}"}
      b: {input: a.txt, output: b.txt, shell: "c {input} {output}"}
      c: {input: b.txt, output: c.txt, shell: "c {input} {output}"}
    """).refused()
    assert any(ring in error for ring in ("a → c → b → a", "b → a → c → b", "c → b → a → c"))


def test_jobs_of_two_rules_that_need_each_other_by_turns_are_no_ring() -> None:
    project = Project(
        """
        wildcards: {"now, before": [[s2, s1], [s1, s0]]}
        rules:
          all: {input: s2.state}
          step: {input: "{before}.mid", output: "{now}.state", shell: "c {input} {output}"}
          mid: {input: "{x}.state", output: "{x}.mid", constraints: {x: "s[1-9]"},
                shell: "c {input} {output}"}
        """,
        "s0.mid",
    )
    assert labels(project.plan()) == ["step now=s1", "mid x=s1", "step now=s2"]


def test_a_step_that_needs_the_one_before_it_is_no_ring() -> None:
    project = Project(
        """
        wildcards: {"n, p": [["3", "2"], ["2", "1"], ["1", "0"]]}
        rules:
          all: {input: "s3"}
          step: {input: "s{p}", output: "s{n}", shell: "c {input} {output}"}
        """,
        "s0",
    )
    assert labels(project.plan()) == ["step n=1", "step n=2", "step n=3"]


def test_two_jobs_that_make_one_path_are_an_error_that_names_both() -> None:
    error = Project("""
    wildcards: {k: ["1", "11"], l: ["1", "11"]}
    rules: {a: {output: "out/{k}{l}", shell: "touch {output}"}}
    """).refused()
    assert "out/111 is made by" in error
    assert "a k=1 l=11" in error
    assert "a k=11 l=1" in error


def test_two_rules_of_one_plan_that_make_one_path_are_an_error() -> None:
    project = Project("""
    rules:
      all: {input: [{rule: a}, {rule: b}]}
      a: {output: [x, a.log], shell: "touch {output}"}
      b: {output: [x, b.log], shell: "touch {output}"}
    """)
    error = project.refused("a", "b")
    assert "x is made by two jobs: a and b" in error


def test_a_path_below_a_directory_output_is_made_by_that_rule() -> None:
    project = Project("""
    rules:
      use: {input: tree/part.txt, output: used, shell: "c {input} {output}"}
      tree: {output: tree/, shell: "touch {output}/part.txt"}
    """)
    look = project.look()
    assert (look.jobs, look.makers("use")) == (["tree", "use"], ["tree"])
    assert project.run() == ["tree", "use"]


def test_an_output_below_another_rules_directory_output_is_an_error() -> None:
    error = Project("""
    rules:
      all: {input: [tree, tree/x]}
      tree: {output: tree/, shell: "touch {output}/a"}
      x: {output: tree/x, shell: "touch {output}"}
    """).refused()
    assert "tree/x lies in tree/, which tree makes as a whole" in error


FOLDER = """
rules:
  use: {input: [INPUT], output: used, shell: "c {input} {output}"}
  a: {output: build/a, shell: "touch {output}"}
"""


def test_an_input_folder_in_which_a_job_of_the_plan_writes_is_an_error() -> None:
    project = Project(FOLDER.replace("INPUT", "build/, build/a"), "build/old")
    assert "the folder build/ is an input, but rule 'a' writes in it" in project.refused()


def test_an_input_folder_in_which_a_rule_writes_is_an_error_whether_it_is_asked_for_or_not() -> (
    None
):
    project = Project(FOLDER.replace("INPUT", "build/"), "build/old")
    assert "the folder build/ is an input, but rule 'a' writes in it" in project.refused()


def test_an_input_folder_that_one_rule_makes_is_an_input_as_any() -> None:
    project = Project("""
    rules:
      use: {input: tree/, output: used, shell: "c {input} {output}"}
      tree: {output: tree/, shell: "touch {output}/a"}
    """)
    assert project.run() == ["tree", "use"]


# --- missing sources -----------------------------------------------------------------------------

CHAIN = """
rules:
  all: {input: [c, d]}
  a: {input: src, output: a, shell: "c {input} {output}"}
  b: {input: a, output: b, shell: "c {input} {output}"}
  c: {input: b, output: c, shell: "c {input} {output}"}
  d: {input: other, output: d, shell: "c {input} {output}"}
"""


def test_a_rule_that_stands_as_a_path_is_told() -> None:
    error = Project(CHAIN.replace("input: b,", "input: all,"), "src", "other").refused()
    assert "all is a rule: write {rule: all} for what it makes" in error


def test_a_missing_source_is_named_with_the_chain_of_requests() -> None:
    error = Project(CHAIN, "other").refused()
    assert "src is not there, and no rule makes it" in error
    assert "needed by a ← b ← c" in error


def test_all_missing_sources_are_named_at_once() -> None:
    error = Project(CHAIN).refused()
    assert "src is not there" in error
    assert "other is not there" in error


def test_a_source_that_is_nearly_an_output_is_told_so() -> None:
    error = Project("""
    rules:
      a: {input: build/tidy/x.csv, output: a, shell: "c {input} {output}"}
      b: {output: build/tidyed/x.csv, shell: "touch {output}"}
    """).refused()
    assert "did you mean build/tidyed/x.csv?" in error


def test_what_a_rule_makes_is_no_other_name_for_what_it_lacks_itself() -> None:
    error = Project("""
    rules:
      y: {input: t.txt, output: y.txt, shell: "c {input} {output}"}
    """).refused()
    assert "needed by y" in error
    assert "did you mean" not in error


def test_with_keep_going_what_lacks_a_source_is_blocked_and_the_rest_is_planned() -> None:
    plan = Project(CHAIN, "other").plan(keep_going=True)
    assert {plan.label(job) for job in plan.blocked} & set(labels(plan)) == {"a", "b", "c"}
    assert [(one.path, one.needed_by()) for one in plan.missing] == [("src", "a ← b ← c ← all")]
    assert "d" in labels(plan)


def test_a_missing_source_that_a_rule_only_asks_for_is_missing_too() -> None:
    project = Project("rules: {all: {input: [a, gone]}, a: {output: a, shell: 'touch {output}'}}")
    assert "gone is not there, and no rule makes it" in project.refused()


def test_an_optional_path_that_is_not_there_is_no_source_that_was_asked_for() -> None:
    project = Project("rules: {all: {input: [a, {path: may, optional: true}]}, "
                      "a: {output: a, shell: 'touch {output}'}}")  # fmt: skip
    assert project.plan().source_targets == []


# --- until, omit, where --------------------------------------------------------------------------


def test_until_stops_after_the_rule() -> None:
    plan = months().plan(until=["tidy"])
    assert labels(plan) == ["tidy month=01", "tidy month=02"]


def test_until_takes_paths_too() -> None:
    assert labels(months().plan(until=["tidy/01.csv"])) == ["tidy month=01"]


def test_omit_leaves_out_the_rule_and_what_needs_it() -> None:
    plan = months().plan("boot", "sum", omit=["boot"])
    assert labels(plan) == ["tidy month=01", "tidy month=02"]
    assert plan.left_out == {"boot": 4, "sum": 1}


def test_omit_keeps_what_does_not_need_it() -> None:
    plan = months().plan("boot", "sum", omit=["sum"])
    assert len(labels(plan)) == 6
    assert plan.left_out == {"sum": 1}


def test_where_keeps_the_jobs_with_these_values_and_counts_what_it_leaves_out() -> None:
    plan = months().plan("boot", where={"month": ["02"], "rep": ["1"]})
    assert labels(plan) == ["tidy month=02", "boot month=02 rep=1"]
    assert plan.left_out == {"tidy": 1, "boot": 3}


def test_what_needs_a_job_that_where_left_out_is_left_out_too() -> None:
    plan = months().plan(where={"month": ["02"]})
    assert labels(plan) == ["tidy month=02", "boot month=02 rep=0", "boot month=02 rep=1"]
    assert plan.left_out["sum"] == 1


def test_what_is_omitted_stays_out_before_the_rule_at_which_the_run_stops() -> None:
    plan = months().plan(until=["boot"], omit=["tidy"])
    assert labels(plan) == []


def test_where_holds_for_all_jobs_before_the_rule_at_which_the_run_stops() -> None:
    plan = months().plan(until=["sum"], where={"month": ["02"]})
    assert "sum" not in labels(plan)
    assert "tidy month=01" not in labels(plan)


def test_where_takes_columns() -> None:
    project = Project("""
    wildcards: {"s, kind": [[a, x], [b, y], [c, x]]}
    rules: {one: {output: "{s}.out", shell: "echo {kind} > {output}"}}
    """)
    assert labels(project.plan(where={"kind": ["x"]})) == ["one s=a", "one s=c"]


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"where": {"mnth": ["01"]}}, "did you mean 'month'?"),
        ({"where": {"month": ["1"]}}, "month has no such value"),
        ({"omit": ["tdy"]}, "did you mean 'tidy'?"),
        ({"until": ["tdy"]}, "did you mean 'tidy'?"),
    ],
)
def test_a_wish_that_names_nothing_is_an_error(wishes: dict[str, object], words: str) -> None:
    assert words in months().refused(**wishes)


def test_a_source_that_only_what_is_omitted_needs_is_not_missed() -> None:
    project = Project("""
    rules:
      all: {input: [a, b]}
      a: {input: gone, output: a, shell: "c {input} {output}"}
      b: {output: b, shell: "touch {output}"}
    """)
    assert labels(project.plan(omit=["a"])) == ["b"]


def test_an_optional_input_that_is_not_there_stays_absent_when_something_is_left_out() -> None:
    project = Project(
        """
        wildcards: {s: [a, b]}
        rules:
          one: {input: ["{s}.in", {path: "{s}.may", optional: true}], output: "{s}.out",
                shell: "c {input} {output}"}
        """,
        "a.in",
        "b.in",
    )
    assert project.look().inputs("one s=a") == ["a.in"]
    assert project.look(where={"s": ["a"]}).inputs("one s=a") == ["a.in"]


# --- force ---------------------------------------------------------------------------------------


def test_what_is_forced_is_asked_for_and_treated_as_stale() -> None:
    project = months()
    project.run()
    look = project.look(force=["tidy/01.csv"])
    assert look.states == {"tidy month=01": "stale"}


def test_a_rule_is_forced_as_a_whole() -> None:
    project = months()
    project.run()
    assert project.look("sum", force=["tidy"]).stale == ["tidy month=01", "tidy month=02"]
