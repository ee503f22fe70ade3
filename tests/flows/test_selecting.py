"""Options that choose what is built, and rerun, which builds all and compares."""

import pytest

from .space import Space


def test_until_stops_after_a_rule(project):
    project.write("in/a.txt", "new\n")
    project.write("in/b.txt", "new\n")
    assert project.good("--until", "upper").built == {"upper a", "upper b"}
    assert project.ran == ["upper a", "upper b"]
    assert project.good().built == {"total"}


def test_omit_leaves_out_a_rule_and_what_needs_it(project):
    project.write("in/a.txt", "new\n")
    project.good("--omit", "upper")
    assert project.ran == []
    project.good("--omit", "total")
    assert project.ran == ["upper a"]


def test_where_chooses_jobs_and_names_what_is_left_out(project):
    project.write("in/a.txt", "new\n")
    project.write("in/b.txt", "new\n")
    flow = project.flow("--where", "name=a")
    assert flow.status == 0
    assert project.ran == ["upper a"]
    assert "total" in flow.text
    project.write("in/a.txt", "newer\n")
    assert project.good("upper", "--where", "name=a,b").built == {"upper a", "upper b"}


def test_where_takes_columns_too(space):
    space.workflow("""
        wildcards:
          sample, group: [[p, x], [q, y], [r, x]]
        rules:
          make:
            output: out/{sample}.txt
            params: {group: "{group}"}
            shell: echo {params.group} > {output}
        """)
    assert space.good("--where", "group=x").built == {"make p", "make r"}


def test_where_takes_a_text_that_is_a_value_as_a_whole_before_it_is_cut_at_commas(space):
    space.workflow("""
        wildcards: {"kind, n": [["x,y", 1], [x, 2], [z, 3]]}
        rules:
          all: {input: ["{kind}.txt", "n/{n}", "free.a,b", free.a]}
          make: {output: "{kind}.txt", shell: "touch {output}"}
          column: {output: "n/{n}", shell: "echo {kind} > {output}"}
          free: {output: "free.{f}", shell: "touch {output}"}
        """)
    assert space.good("--where", "kind=x,y", "make").built == {"make x,y"}
    assert space.good("--where", "kind=x,y", "column").built == {"column 1"}
    assert space.good("--where", "kind=x,z", "make").built == {"make x", "make z"}
    assert space.good("--where", "kind=z,x", "column").built == {"column 2", "column 3"}
    assert space.good("--where", "f=a,b", "free.a,b", "free.a").built == {"free a,b"}
    flow = space.flow("--where", "kind=x,y,z", "make")
    assert flow.status == 2 and "kind=y: kind has no such value" in flow.stderr


@pytest.mark.parametrize(
    ("target", "jobs"),
    [
        ("upper", ["upper a", "upper b"]),
        ("build/a.txt", ["upper a"]),
        ("total", ["total"]),
        ("out/total.txt", ["total"]),
    ],
)
def test_force_treats_rules_and_paths_as_stale(project, target, jobs):
    project.good("-f", target)
    assert project.ran == jobs
    assert project.good().summary["built"] == 0


def test_force_of_a_source_is_an_error(project):
    for args in (["--force", "in/a.txt"], ["-n", "-f", "in/a.txt", "total"]):
        flow = project.run(*args)
        assert flow.status == 2
        assert "in/a.txt: no rule makes it, it is a source" in flow.text
    assert project.ran == []


def test_force_asks_for_what_is_not_asked_for_otherwise(project):
    project.delete("build/a.txt")
    project.good("--force", "build/a.txt", "total")
    assert project.ran == ["upper a"]
    assert project.exists("build/a.txt")


def test_a_tag_chooses_rules(project):
    project.replace("Workflowfile", "  upper:\n", "  upper:\n    tags: [first, early]\n")
    project.write("in/a.txt", "new\n")
    project.good("--tag", "early")
    assert project.ran == ["upper a"]


@pytest.mark.parametrize("option", [("--rerun",), ("-B",), ("--mode", "rerun")])
def test_rerun_builds_all_and_says_what_came_out_the_same(project, option):
    flow = project.flow(*option)
    assert flow.status == 0
    assert project.ran == ["total", "upper a", "upper b"]
    assert "3 outputs identical" in flow.text
    assert "0 differ" in flow.text


def test_rerun_names_what_differs(space: Space):
    space.workflow("""
        rules:
          all:
            input: [same.txt, differs.txt]
          same:
            output: same.txt
            shell: echo same > {output}
          differs:
            output: differs.txt
            shell: head -c 8 /dev/urandom | od > {output}
        """)
    space.good()
    flow = space.flow("--rerun")
    assert flow.status == 0
    assert "identical" in flow.text and "1 differ" in flow.text
    assert "differs.txt" in flow.text
    assert "same.txt" not in flow.text.partition("identical")[2]


def test_rerun_names_what_a_scatter_makes_otherwise(space: Space):
    space.workflow("""
        rules:
          all: {input: ["d/{x}", note]}
          d:
            output: ["d/{x}", note]
            scatter: x
            shell: |
              for x in $(cat "$FLAGS/values"); do echo 1 > {output[0]}/$x; done
              cat "$FLAGS/b" >> {output[0]}/b; echo > {output[1]}
        """)
    (space.flags / "b").write_text("")
    (space.flags / "values").write_text("a b c")
    space.good()
    flow = space.run("--rerun")
    assert (flow.summary["identical"], flow.summary["differ"]) == (4, {})
    (space.flags / "values").write_text("b c e")
    (space.flags / "b").write_text("2")
    flow = space.flow("--rerun")
    assert flow.status == 0
    assert "2 outputs identical, 3 differ\n  d: d/b, d/e, d/a\n" in flow.text
    flow = space.run("--rerun")
    assert (flow.summary["identical"], flow.summary["differ"]) == (4, {})


def test_rerun_names_an_output_that_the_rule_has_no_more(space: Space):
    space.workflow("rules: {a: {output: [x, y], shell: 'echo 1 | tee {output}'}}")
    space.good()
    space.workflow("rules: {a: {output: [x, z], shell: 'echo 1 | tee {output}'}}")
    flow = space.flow("--rerun", "x", "z")
    assert "1 output identical" in flow.text and "a: z, y" in flow.text, flow.text


def test_print_shows_the_filled_commands(space):
    space.write("in put.txt", "x\n")
    space.workflow("""
        rules:
          make:
            input: in put.txt
            output: a.txt
            shell: sort {input} > {output}
        """)
    dry = space.flow("-n", "-p")
    assert "sort 'in put.txt' >" in dry.text and not space.ran
    assert "sort 'in put.txt' >" in space.flow("-p").text


def test_another_file_and_another_folder(project):
    project.write(
        "other/Flow.yaml", "rules:\n  x:\n    output: x.txt\n    shell: echo > {output}\n"
    )
    project.good("-C", "other", "-W", "Flow.yaml")
    assert project.exists("other/x.txt")
    assert project.good("-C", "in", "total").summary["kept"] == 3


@pytest.mark.parametrize("options", [[], ["-n"]])
def test_until_what_nothing_needs_is_said(space: Space, options: list[str]) -> None:
    space.workflow("""
        rules:
          all: {input: a}
          a: {output: a, shell: "touch {output}"}
          b: {output: b, shell: "touch {output}"}
        """)
    for _ in range(2):
        flow = space.flow(*options, "--until", "b")
        assert flow.status == 0
        assert "--until b: nothing that is asked for needs it (fileflow b builds it)" in flow.text
    assert not space.exists("a") and not space.exists("b")
    assert "needs it" not in space.good("--until", "a", "all").text
    assert "needs it" not in space.good("--until", "b", "b").text
    assert "needs it" not in space.good("--until", "a", "--omit", "a").text
    assert space.exists("b")
