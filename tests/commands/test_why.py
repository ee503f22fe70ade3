from __future__ import annotations

from fileflow.commands.why import why

from .conftest import Folder, words


def told(folder: Folder, target: str) -> str:
    assert why(folder.session, words(target), folder.say) == 0
    return folder.said


def test_a_fresh_job_says_when_it_was_recorded_and_from_what(months: Folder) -> None:
    months.build()
    text = told(months, "build/total.txt")
    assert text.startswith("total: fresh: recorded 20")
    assert "2 inputs, recipe " in text
    assert "inputs (2): build/01.txt, build/02.txt" in text
    assert "action: cat build/01.txt build/02.txt > build/total.txt" in text
    assert "python 3." in text and "host " in text and "cpu " in text


def test_a_changed_shell_text_is_shown_as_a_small_difference(months: Folder) -> None:
    months.build()
    months.replace("Workflowfile", "echo copying {month}", "echo copy {month}")
    text = told(months, "build/01.txt")
    assert "copy month=01: stale\n  the shell text changed" in text
    assert "-echo copying {month}\n" in text and "+echo copy {month}\n" in text
    assert "  Nothing else." in text


def test_a_changed_param_has_a_before_and_an_after(folder: Folder) -> None:
    flow = """
        rules:
          make:
            output: a.txt
            params: {size: 50}
            shell: echo {params.size} > {output}
    """
    folder.workflow(flow)
    folder.build()
    folder.workflow(flow.replace("50", "60"))
    text = told(folder, "make")
    assert "param size changed\n    50 → 60" in text


def test_values_that_one_job_has_for_itself_are_named_beside_the_others(folder: Folder) -> None:
    folder.workflow("""
        config: {depth: {a: 1, b: 2}, n: 3}
        wildcards: {"s, kind": [[a, x], [b, y]]}
        rules:
          all: {input: ["{s}.2", "{s}.6"]}
          two:
            output: "{s}.2"
            env: {D: "{config.depth[s]}"}
            shell: echo $D > {output}
          six:
            output: "{s}.6"
            params: {d: "{config.n}", e: "x-{kind}"}
            shell: echo {params.d} {params.e} > {output}
    """)
    folder.build()
    for old, new in (("[a, x]", "[a, z]"), ("n: 3", "n: 4"), ("a: 1,", "a: 7,")):
        folder.replace("Workflowfile", old, new)
    assert "two s=a: stale\n  env D ({config.depth[s]}) changed\n" in told(folder, "a.2")
    shared = "stale\n  param d changed\n    3 → 4\n  "
    assert f"six s=a: {shared}param e ({{kind}}) changed\n  action" in told(folder, "a.6")
    assert f"six s=b: {shared}action" in told(folder, "b.6")


def test_what_a_call_gave_is_named_beside_others_but_not_as_another_value(folder: Folder) -> None:
    folder.workflow("""
        wildcards: {"s, kind": [[a, x], [b, y]]}
        rules:
          make:
            output: "{s}.txt"
            params: {n: 3, d: {call: "given_to_make:kind_of"}, e: "{kind}"}
            shell: echo {params.n} {params.d} {params.e} > {output}
    """)
    folder.write("given_to_make.py", "def kind_of(kind): return kind\n")
    folder.build()
    folder.replace("Workflowfile", "n: 3", "n: 4")
    folder.replace("Workflowfile", "[a, x]", "[a, z]")
    both = "    3 → 4\n  param e ({kind}) or what a call gives for params d changed\n"
    assert both in told(folder, "a.txt")
    assert "3 → 4\n  action" in told(folder, "b.txt")
    folder.replace("Workflowfile", '{call: "given_to_make:kind_of"}', "5")
    text = told(folder, "b.txt")
    assert "param d changed" in text and "param e" not in text


def test_every_reason_is_named(months: Folder) -> None:
    months.build()
    months.write("data/01.txt", "other\n")
    months.write("build/01.txt", "by hand\n")
    text = told(months, "build/01.txt")
    assert "data/01.txt changed" in text
    assert "build/01.txt was changed by someone else" in text


ENSURED = """
    rules:
      make:
        output: [{path: s.txt, ensure: {non_empty: true}}, t.txt]
        shell: echo one | tee {output}
"""


def test_what_else_is_wrong_with_an_output_that_was_changed_is_named(folder: Folder) -> None:
    folder.workflow(ENSURED)
    folder.build()
    folder.write("s.txt", "")
    folder.write("t.txt", "two")
    lines = [
        "  s.txt was changed by someone else since it was made",
        "  s.txt does not meet its `ensure`",
        "  t.txt was changed by someone else since it was made",
    ]
    assert told(folder, "make").splitlines()[1:4] == lines
    folder.replace("Workflowfile", "echo one", "echo two")
    text = told(folder, "make").splitlines()
    assert text[1] == "  the shell text changed" and text[3:6] == lines


def test_before_and_after_of_a_file_are_what_it_holds(folder: Folder) -> None:
    folder.workflow("rules: {make: {input: a.txt, output: b.txt, shell: 'cp {input} {output}'}}")
    folder.write("a.txt", "one")
    folder.build()
    folder.write("a.txt", "two")
    folder.write("b.txt", "two")
    why(folder.session, words("make"), folder.say, as_json=True)
    taken, made = folder.data["jobs"][0]["reasons"]
    assert (taken["kind"], made["kind"]) == ("content", "overwritten")
    assert len(made["before"]) == 32 and made["before"] != made["after"]
    assert (made["before"], made["after"]) == (taken["before"], taken["after"])


def test_what_runs_first_is_named(months: Folder) -> None:
    months.build()
    months.write("data/01.txt", "other\n")
    text = told(months, "total")
    assert text.startswith("total: may become stale\n  if copy changes\n")
    assert "1 job runs first: copy month=01" in text


def test_jobs_of_a_rule_with_equal_answers_are_told_once(months: Folder) -> None:
    text = told(months, "copy")
    assert text.count("is missing") == 1
    assert "likewise 1 more: copy month=02" in text


def test_the_last_failure_is_told(months: Folder) -> None:
    months.replace("Workflowfile", "cat {input} > {output}", "exit 3")
    months.build(status=1)
    text = told(months, "build/01.txt")
    assert text.startswith("copy month=01: failed\n")
    assert "  failed 20" in text


def test_a_seed_is_told_where_it_counts(folder: Folder) -> None:
    folder.workflow("""
        rules:
          draw: {output: a.txt, shell: "echo {seed} > {output}"}
    """)
    folder.build()
    drawn = (folder.root / "a.txt").read_text().strip()
    assert f"seed: {drawn}" in told(folder, "draw")


def test_a_source_is_a_source(months: Folder) -> None:
    assert told(months, "data/01.txt") == "data/01.txt is a source: no rule makes it"


def test_a_source_that_is_missing_is_a_reason(folder: Folder) -> None:
    folder.workflow("""
        rules:
          make: {input: gone.txt, output: a.txt, shell: "cp {input} {output}"}
    """)
    assert "gone.txt is missing" in told(folder, "make")


def test_a_program_gets_all_jobs(months: Folder) -> None:
    months.build()
    months.write("data/01.txt", "other\n")
    why(months.session, words("copy"), months.say, as_json=True)
    first, second = months.data["jobs"]
    assert first["state"] == "stale" and second["state"] == "fresh"
    assert first["reasons"][0]["kind"] == "content"
    assert first["outputs"] == ["build/01.txt"]
    assert first["last_run"]["seconds"] > 0
