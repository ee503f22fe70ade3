"""What is stale: each reason of the specification, and all that is none."""

from __future__ import annotations

import hashlib

import pytest

from fileflow.planning.reasons import State, Why
from tests.planning.fakes import FakeCode, Project

TWO = """
config: {rate: 1, other: 2}
wildcards: {s: [a, b]}
rules:
  all: {input: sum}
  one:
    input: "{s}.in"
    output: "{s}.mid"
    params: {k: 1, l: 2}
    env: {X: x, Y: y}
    shell: |
      # a comment
      one {params.k} {input} > {output}
  sum:
    input: "{s}.mid"
    output: sum
    shell: cat {input} {config.rate} > {output}
"""
FRESH = {"one s=a": "fresh", "one s=b": "fresh", "sum": "fresh"}


def built(text: str = TWO, *paths: str) -> Project:
    """A project of which all has been built."""
    project = Project(text, *(paths or ("a.in", "b.in")))
    project.run()
    assert set(project.look().states.values()) == {"fresh"}
    return project


# --- nothing changed -----------------------------------------------------------------------------


def test_what_was_just_built_is_fresh() -> None:
    assert built().look().states == FRESH


def test_a_touched_input_and_a_touched_output_are_no_reason() -> None:
    project = built()
    for path in ("a.in", "b.mid", "sum"):
        project.world.touch(path)
    assert project.look().states == FRESH


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment", "# another one"),
        ("      # a comment\n", ""),
        ("> {output}\n  sum", "> {output}  \n  sum"),
        ("{k: 1, l: 2}", "{l: 2, k: 1}"),
        ("{X: x, Y: y}", "{Y: y, X: x}"),
        ("{rate: 1, other: 2}", "{other: 2, rate: 1}"),
        ("other: 2", "other: 3"),
        ("  one:\n", "  renamed:\n"),
        ("    params:", "    doc: Words.\n    params:"),
        ("    params:", "    tags: [x]\n    params:"),
        ("    params:", "    priority: 3\n    params:"),
        ("    params:", "    prefer: 3\n    params:"),
        ("    params:", "    cores: 3\n    params:"),
        ("    params:", "    resources: {mem_mb: 3}\n    params:"),
        ("    params:", "    retries: 3\n    params:"),
        ("    params:", "    timeout: 3m\n    params:"),
        ("    params:", "    when: {rate: 1}\n    params:"),
        ('output: "{s}.mid"', 'output: {path: "{s}.mid", temp: true}'),
        ('output: "{s}.mid"', 'output: {path: "{s}.mid", protected: true}'),
        ("{s: [a, b]}", "{q: [1], s: [a, b]}"),
        ("config:", "seed: 5\nconfig:"),
        ('input: "{s}.in"', 'input: "./{s}.in"'),
    ],
)
def test_these_changes_are_no_reason(old: str, new: str) -> None:
    project = built()
    project.replace(old, new)
    assert set(project.look().states.values()) == {"fresh"}


def test_another_name_for_a_wildcard_is_no_reason() -> None:
    project = built()
    project.replace("{s", "{t")
    assert project.look().states == {"one t=a": "fresh", "one t=b": "fresh", "sum": "fresh"}


# --- the action ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("one {params.k}", "two {params.k}", "the shell text changed"),
        ("k: 1", "k: 3", "param k changed"),
        ("l: 2", "l: 3", "param l changed"),
        (", l: 2", "", "param l changed"),
        ("X: x", "X: z", "env X changed"),
        ("    env:", "    prefix: [nice]\n    env:", "prefix changed"),
        ("    env:", "    shell_words: [sh, -c]\n    env:", "shell_words changed"),
        ("    env:", '    shell_prefix: "module load x;"\n    env:', "shell_prefix changed"),
    ],
)
def test_a_change_of_the_action_is_a_reason_for_all_its_jobs(
    old: str, new: str, words: str
) -> None:
    project = built()
    project.replace(old, new)
    look = project.look()
    assert look.states == {"one s=a": "stale", "one s=b": "stale", "sum": "maybe"}
    assert look.reason("one s=a") == words


def test_a_config_value_that_the_action_names_is_a_reason() -> None:
    project = built()
    project.replace("rate: 1", "rate: 7")
    look = project.look()
    assert look.stale == ["sum"]
    assert "config.rate" in look.reason("sum")
    (reason,) = look.all_reasons("sum")
    assert (reason.why, reason.before, reason.after) == (Why.ACTION, "1", "7")


def test_renaming_a_rule_whose_action_names_it_is_a_reason() -> None:
    project = built("rules: {a: {output: x, shell: 'echo {rule} > {output}'}}")
    project.replace("a:", "b:")
    assert project.look().states == {"b": "stale"}


def test_the_seed_of_the_workflow_counts_where_the_action_draws() -> None:
    text = "seed: 1\nrules: {a: {output: x, shell: 'echo WORDS > {output}'}}"
    for words, state in (("{seed}", "stale"), ("$FILEFLOW_SEED", "stale"), ("none", "fresh")):
        project = built(text.replace("WORDS", words))
        project.replace("seed: 1", "seed: 2")
        assert project.look().states == {"a": state}


def test_the_code_of_a_function_is_a_reason_that_names_the_part() -> None:
    project = Project("rules: {a: {output: x, run: 'mod:f'}}")
    project.code["a"] = FakeCode((("mod.f", b"1"), ("mod.g", b"1")))
    project.run()
    assert project.look().states == {"a": "fresh"}
    project.code["a"] = FakeCode((("mod.f", b"1"), ("mod.g", b"2")))
    look = project.look()
    assert [str(one) for one in look.all_reasons("a")] == ["the code of mod.g changed"]
    project.code["a"] = FakeCode((("mod.f", b"1"), ("mod.h", b"1")))
    assert [str(one) for one in project.look().all_reasons("a")] == [
        "mod.g is no longer used",
        "mod.h is used now, and was not",
    ]


def test_a_file_that_the_command_names_is_a_reason() -> None:
    project = Project("rules: {a: {output: x, shell: 'python tools/fit.py > {output}'}}")
    project.named_files["a"] = {"tools/fit.py": b"1" * 16}
    project.run()
    project.named_files["a"] = {"tools/fit.py": b"2" * 16}
    assert project.look().reason("a") == "the file tools/fit.py changed"


def test_only_the_job_whose_column_changed_is_stale() -> None:
    text = """
    wildcards: {"s, kind": [[a, x], [b, y]]}
    rules: {one: {output: "{s}", shell: "echo {kind} > {output}"}}
    """
    project = built(text)
    project.replace("[b, y]", "[b, z]")
    assert project.look().states == {"one s=a": "fresh", "one s=b": "stale"}


def test_a_column_that_nothing_names_is_no_reason() -> None:
    project = built("""
    wildcards: {"s, kind": [[a, x], [b, y]]}
    rules: {one: {output: "{s}", shell: "echo {s} > {output}"}}
    """)
    project.replace("[b, y]", "[b, z]")
    assert project.look().states == {"one s=a": "fresh", "one s=b": "fresh"}


def test_a_config_value_that_a_wildcard_picks_counts_for_its_job_alone() -> None:
    project = built("""
    config: {rate: {a: 1, b: 2}}
    wildcards: {s: [a, b]}
    rules: {one: {output: "{s}", shell: "echo {config.rate[s]} > {output}"}}
    """)
    project.replace("b: 2", "b: 3")
    assert project.look().states == {"one s=a": "fresh", "one s=b": "stale"}


OWN = """
config: {depth: {a: 1, b: 2}, n: 3}
wildcards: {"s, kind": [[a, x], [b, y]]}
rules:
  one:
    output: "{s}"
    params: {n: "{config.n}", d: "{config.depth[s]}", e: "x-{kind}"}
    env: {V: "{config.depth[s]}"}
    shell: echo {s} {params.n} {params.e} {kind} > {output}
"""
OWN_CHANGED = (
    "param d ({config.depth[s]}) or param e ({kind}) or env V ({config.depth[s]}) or {kind} changed"
)


@pytest.mark.parametrize("change", [("[a, x]", "[a, z]"), ("{a: 1", "{a: 7")])
def test_values_that_differ_from_job_to_job_are_named(change: tuple[str, str]) -> None:
    project = built(OWN)
    project.replace(*change)
    look = project.look()
    assert look.reason("one s=a") == OWN_CHANGED
    assert look.states["one s=b"] == "fresh"


@pytest.mark.parametrize(
    ("old", "new"), [("n: 3", "n: 4"), ("echo {s}", "echo -n {s}"), ("env: {", "env: {W: 1, ")]
)
def test_values_that_differ_from_job_to_job_are_named_beside_others(old: str, new: str) -> None:
    project = built(OWN)
    project.replace("[a, x]", "[a, z]")
    project.replace(old, new)
    look = project.look()
    shared, own = map(str, look.all_reasons("one s=a"))
    assert look.reason("one s=a") == shared != own
    assert own == OWN_CHANGED
    assert [str(reason) for reason in look.all_reasons("one s=b")] == [shared]


def test_a_value_that_was_not_asked_for_before_did_not_change() -> None:
    project = built(OWN)
    project.replace("x-{kind}", "x")
    assert [str(reason) for reason in project.look().all_reasons("one s=a")] == ["param e changed"]


def test_a_value_that_is_not_there_any_more_is_named_beside_others() -> None:
    project = built(OWN)
    project.replace("{a: 1, b: 2}", "{b: 2}")
    project.replace("n: 3", "n: 4")
    assert str(project.look().all_reasons("one s=a")[-1]) == OWN_CHANGED


# --- inputs --------------------------------------------------------------------------------------


def test_a_changed_input_is_a_reason_that_names_it() -> None:
    project = built()
    project.world.write("a.in", "other bytes")
    look = project.look()
    assert look.states == {"one s=a": "stale", "one s=b": "fresh", "sum": "maybe"}
    assert look.reason("one s=a") == "a.in changed"
    assert look.reason("sum") == "if one changes"


def test_a_changed_file_of_a_list_is_a_reason_that_names_it() -> None:
    project = built("rules: {a: {input: {x: [p, q]}, output: o, shell: 'c {input.x} {output}'}}",
                    "p", "q")  # fmt: skip
    project.world.write("q", "other")
    assert project.look().reason("a") == "q changed"


def test_a_new_input_in_a_gather_is_a_reason_that_names_it() -> None:
    project = built()
    project.replace("[a, b]", "[a, b, c]")
    project.world.write("c.in", "more")
    look = project.look()
    assert look.states["sum"] == "stale"
    assert look.reason("sum") == "inputs: c.mid new"


def test_an_input_that_is_gone_from_a_gather_is_a_reason_that_names_it() -> None:
    project = built()
    project.replace("[a, b]", "[a]")
    look = project.look()
    assert (look.states, look.reason("sum")) == (
        {"one s=a": "fresh", "sum": "stale"},
        "inputs: b.mid gone",
    )


def test_another_order_of_the_inputs_is_a_reason() -> None:
    project = built()
    project.replace("[a, b]", "[b, a]")
    look = project.look()
    assert look.reason("sum") == "inputs: another order or other names"


def test_another_name_of_an_input_is_a_reason() -> None:
    project = built("rules: {a: {input: {x: p}, output: o, shell: 'c {input} > {output}'}}", "p")
    project.replace("{x: p}", "{y: p}")
    assert project.look().why("a") is Why.INPUTS


def test_an_optional_input_that_appears_is_a_reason_and_so_is_one_that_goes() -> None:
    project = built(
        "rules: {a: {input: [p, {path: q, optional: true}], output: o, shell: 'c {input}'}}",
        "p",
    )
    project.world.write("q", "now")
    assert project.look().reason("a") == "inputs: q new"
    project.run()
    project.world.remove("q")
    assert project.look().reason("a") == "inputs: q gone"


def test_the_content_of_an_order_only_input_is_no_reason_but_the_set_of_them_is() -> None:
    project = built(
        "rules: {a: {input: [p, {path: q, order_only: true}], output: o, shell: 'c {input}'}}",
        "p",
        "q",
    )
    project.world.write("q", "other bytes")
    assert project.look().states == {"a": "fresh"}
    project.world.write("r", "more")
    project.replace("path: q", "path: r")
    assert project.look().reason("a") == "inputs: r new, q gone"


def test_a_producer_of_an_order_only_input_that_must_run_moves_nothing() -> None:
    project = built("""
    rules:
      a: {input: {q: {path: q, order_only: true}}, output: o, shell: "touch {output}"}
      b: {output: q, shell: "one > {output}"}
    """)
    project.replace("one >", "two >")
    assert project.look().states == {"b": "stale", "a": "fresh"}


def test_of_a_folder_that_a_rule_makes_only_the_file_that_is_named_counts() -> None:
    project = built("""
    rules:
      a: {input: tree/part.txt, output: o, shell: "c {input} {output}"}
      tree: {output: tree/, shell: "touch {output}/part.txt"}
    """)
    project.world.write("tree/more.txt", "by hand")
    look = project.look()
    assert look.states == {"tree": "stale", "a": "fresh"}
    assert look.reason("tree") == "tree was changed by someone else since it was made"


# --- outputs -------------------------------------------------------------------------------------


def test_a_job_that_was_never_built_is_missing_its_output() -> None:
    look = Project(TWO, "a.in", "b.in").look()
    assert look.states == {"one s=a": "stale", "one s=b": "stale", "sum": "stale"}
    assert look.reason("sum") == "sum is missing"


def test_an_output_without_a_record_is_built() -> None:
    look = Project(TWO, "a.in", "b.in", "sum", "a.mid").look()
    assert look.why("sum") is Why.NO_RECORD
    assert look.reason("one s=a") == "a.mid is there, but not known to be made by this rule"


def test_an_output_that_was_overwritten_by_hand_is_built_again() -> None:
    project = built()
    project.world.write("sum", "by hand")
    look = project.look()
    assert look.states["sum"] == "stale"
    assert look.reason("sum") == "sum was changed by someone else since it was made"


def test_an_overwritten_intermediate_spares_what_follows_if_it_comes_back() -> None:
    project = built()
    project.world.write("a.mid", "by hand")
    assert project.look().states == {"one s=a": "stale", "one s=b": "fresh", "sum": "fresh"}
    assert project.run() == ["one s=a"]


def test_an_output_that_is_asked_for_and_gone_is_built() -> None:
    project = built()
    project.world.remove("sum", "a.mid")
    look = project.look()
    assert look.states == {"one s=a": "stale", "one s=b": "fresh", "sum": "stale"}
    assert look.reason("one s=a") == "gone, and needed by sum"


def test_another_output_is_a_reason() -> None:
    project = built("rules: {a: {output: [x, y], shell: 'touch {output}'}}")
    project.replace("[x, y]", "[x, y, z]")
    look = project.look()
    assert (look.why("a"), "z new" in look.reason("a")) == (Why.OUTPUTS, True)


def test_other_names_of_the_outputs_are_a_reason() -> None:
    project = built("rules: {a: {output: {p: x, q: y}, shell: 'touch {output}'}}")
    project.replace("{p: x, q: y}", "{r: x, q: y}")
    assert project.look().why("a") is Why.OUTPUTS


def test_another_order_of_the_outputs_is_a_reason() -> None:
    project = built("rules: {a: {output: [x, y, z], shell: 'touch {output}'}}")
    project.replace("[x, y, z]", "[x, z, y]")
    assert project.look().states == {"a": "stale"}
    project.replace("[x, z, y]", "[y, x, z]")
    assert project.look().states == {"a": "stale"}


def test_an_output_that_no_longer_meets_its_ensure_is_stale() -> None:
    project = Project("rules: {a: {output: {path: x}, shell: 'touch {output}'}}")
    project.makes["x"] = ""
    project.run()
    project.replace("path: x", "path: x, ensure: {non_empty: true}")
    assert project.look().reason("a") == "x does not meet its `ensure`"
    project.replace("non_empty: true", f"sha256: {hashlib.sha256(b'').hexdigest()}")
    assert project.look().states == {"a": "fresh"}


def test_a_record_of_long_ago_is_stale_where_the_rule_expires() -> None:
    project = built("rules: {a: {output: x, expires: 1h, shell: 'touch {output}'}}")
    project.world.time += 3000
    assert project.look().states == {"a": "fresh"}
    project.world.time += 3000
    assert project.look().why("a") is Why.EXPIRED


def test_a_rule_that_says_always_is_built_in_each_run_and_cut_off_early() -> None:
    text = """
    rules:
      use: {input: x, output: used, shell: "c {input} {output}"}
      a: {output: x, always: true, shell: "date > {output}"}
    """
    project = Project(text)
    project.run()
    look = project.look()
    assert (look.states, look.why("a")) == ({"a": "stale", "use": "maybe"}, Why.ALWAYS)
    assert project.run() == ["a"]


def test_rerun_builds_every_job() -> None:
    project = built()
    look = project.look(rerun=True)
    assert set(look.states.values()) == {"stale"}
    assert look.why("sum") is Why.RERUN


def test_force_makes_a_job_stale() -> None:
    look = built().look("sum", force=["a.mid"])
    assert look.states == {"one s=a": "stale", "one s=b": "fresh", "sum": "maybe"}
    assert look.why("one s=a") is Why.FORCED


# --- absent, latent, maybe -----------------------------------------------------------------------

LINE = """
rules:
  all: {input: d}
  a: {input: src, output: a, shell: "c {input} {output}"}
  b: {input: a, output: b, shell: "c {input} {output}"}
  c: {input: [b, more], output: c, shell: "c {input} {output}"}
  d: {input: c, output: d, shell: "c {input} {output}"}
"""


def line() -> Project:
    return built(LINE, "src", "more")


def test_intermediates_that_are_gone_are_absent_while_what_was_made_of_them_is_fresh() -> None:
    project = line()
    project.world.remove("a", "b", "c")
    look = project.look()
    assert look.states == {"a": "absent", "b": "absent", "c": "absent", "d": "fresh"}
    assert project.run() == []


def test_what_is_gone_and_needed_by_a_stale_job_is_made_again_up_the_chain() -> None:
    project = line()
    project.world.remove("a", "b", "c")
    project.world.write("more", "other bytes")
    look = project.look()
    assert look.states == {"a": "stale", "b": "stale", "c": "stale", "d": "maybe"}
    assert look.reason("b") == "gone, and needed by c"
    assert look.reason("a") == "gone, and needed by b"


def test_what_a_job_that_may_run_would_need_is_latent() -> None:
    project = line()
    project.world.remove("c", "a")
    project.replace("input: c,", "input: [c, side],")
    text = project.world.files["Workflowfile"].decode()
    project.rewrite(text + '  side: {input: wind, output: side, shell: "c {input} {output}"}\n')
    project.world.write("wind", "1")
    project.run()
    project.world.remove("c", "a")
    project.world.write("wind", "2")
    look = project.look()
    assert look.states == {
        "a": "absent",
        "b": "fresh",
        "c": "latent",
        "side": "stale",
        "d": "maybe",
    }
    assert look.reason("c") == "if d changes"


def test_an_absent_job_that_is_asked_for_is_built_but_moves_nothing() -> None:
    project = line()
    project.world.remove("a")
    look = project.look("a", "d")
    assert look.states == {"a": "stale", "b": "fresh", "c": "fresh", "d": "fresh"}
    assert look.reason("a") == "a is missing"


def test_an_absent_job_whose_own_input_changed_is_stale() -> None:
    project = line()
    project.world.remove("a", "b", "c")
    project.world.write("src", "other bytes")
    assert project.look().states == {"a": "stale", "b": "maybe", "c": "maybe", "d": "maybe"}


def test_a_job_that_was_never_built_calls_what_is_gone() -> None:
    project = line()
    project.world.remove("c", "d")
    del project.world.records["d"]
    look = project.look()
    assert look.states == {"a": "fresh", "b": "fresh", "c": "stale", "d": "stale"}
    assert look.reason("c") == "gone, and needed by d"


def test_a_folder_that_lost_a_file_counts_as_overwritten() -> None:
    project = built("""
    rules:
      use: {input: tree/, output: used, shell: "c {input} {output}"}
      tree: {output: tree/, shell: "touch {output}/part.txt"}
    """)
    project.world.write("tree/other.txt", "x")
    project.world.remove("tree/part.txt")
    look = project.look()
    assert look.why("tree") is Why.OVERWRITTEN
    assert look.states["use"] == "fresh"


# --- reasons in detail ---------------------------------------------------------------------------


def test_a_fresh_job_has_no_reason() -> None:
    look = built().look()
    assert (look.state("sum"), look.reason("sum"), look.all_reasons("sum")) == (State.FRESH, "", [])


def test_every_reason_is_told_with_before_and_after() -> None:
    project = built()
    project.replace("k: 1, l: 2", "k: 5, l: 2, m: 3")
    project.replace("X: x", "X: z")
    project.world.write("a.in", "other bytes")
    project.world.write("a.mid", "by hand")
    found = project.look().all_reasons("one s=a")
    assert [(one.about, one.before, one.after) for one in found if one.why is Why.ACTION] == [
        ("param k", "1", "5"),
        ("param m", "nothing", "3"),
        ("env X", "x", "z"),
    ]
    assert {one.why for one in found} == {Why.ACTION, Why.CONTENT, Why.OVERWRITTEN}


def test_every_changed_input_of_a_list_is_told() -> None:
    project = built("rules: {a: {input: {x: [p, q, r]}, output: o, shell: 'c {input.x} {output}'}}",
                    "p", "q", "r")  # fmt: skip
    project.world.write("p", "other")
    project.world.write("r", "other")
    found = project.look().all_reasons("a")
    assert [one.about for one in found] == ["p", "r"]


TWO_OUTPUTS = "rules: {a: {input: p, output: [x, y], expires: 1h, shell: 'one {input} {output}'}}"


def test_changed_outputs_are_told_beside_a_changed_action() -> None:
    project = built(TWO_OUTPUTS, "p")
    project.replace("[x, y]", "[x, y, z]")
    project.replace("one ", "two ")
    found = {one.why for one in project.look().all_reasons("a")}
    assert {Why.ACTION, Why.OUTPUTS} <= found


def test_a_record_of_long_ago_is_told_beside_a_changed_input() -> None:
    project = built(TWO_OUTPUTS, "p")
    project.world.time += 9999
    project.world.write("p", "other")
    assert {one.why for one in project.look().all_reasons("a")} == {Why.CONTENT, Why.EXPIRED}


def test_every_output_that_is_not_as_it_was_is_told() -> None:
    project = built(TWO_OUTPUTS, "p")
    project.world.write("x", "by hand")
    project.world.write("y", "by hand")
    assert [one.about for one in project.look().all_reasons("a")] == ["x", "y"]


def test_a_long_list_of_new_inputs_is_shortened() -> None:
    text = "rules: {o: {input: '{s}', output: o, shell: 'c {input} {output}'}}"
    project = built(f"wildcards: {{s: [a]}}\n{text}", "a")
    for name in "bcdef":
        project.world.write(name, name)
    project.replace("[a]", "[a, b, c, d, e, f]")
    assert project.look().reason("o") == "inputs: b, c, d and 2 more new"


def test_a_blocked_job_says_that_it_lacks_a_source() -> None:
    project = built()
    project.world.remove("a.in")
    look = project.look(keep_going=True)
    assert look.reason("one s=a") == "a source is missing"
