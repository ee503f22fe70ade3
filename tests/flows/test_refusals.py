"""What is wrong with a plan or a command line: exit status 2, and nothing is started."""

import re

import pytest

from .space import Space
from .test_errors import refused


@pytest.fixture
def simple(space: Space) -> Space:
    """Two files, each copied; a gather over both; a rule with a free wildcard."""
    space.write("in/a.txt", "a\n")
    space.write("in/b.txt", "b\n")
    space.workflow("""
        config: {size: 1}
        wildcards:
          name: in/{name}.txt
        rules:
          all:
            input: total.txt
          total:
            input: build/{name}.txt
            output: total.txt
            params: {size: "{config.size}"}
            shell: echo total >> "$RAN_LOG"; cat {input} > {output}
          copy:
            input: in/{name}.txt
            output: build/{name}.txt
            tags: [early]
            shell: echo copy {name} >> "$RAN_LOG"; cp {input} {output}
          free:
            output: free/{x}.txt
            shell: echo free {x} >> "$RAN_LOG"; echo {x} > {output}
        """)
    return space


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["totl"], ["totl", "total"]),
        (["build/c.txt"], ["build/c.txt"]),
        (["nowhere/a.txt"], ["nowhere/a.txt"]),
        (["./all"], ["all"]),
        (["free"], ["free", "x"]),
        (["--until", "totl"], ["totl", "total"]),
        (["--omit", "copi"], ["copi", "copy"]),
        (["-f", "copi"], ["copi", "copy"]),
        (["--where", "nam=a"], ["nam", "name"]),
        (["--where", "name=c"], ["c"]),
        (["--tag", "erly"], ["erly", "early"]),
        (["--config", "sise=2"], ["sise", "size"]),
        (["--config", "none.yaml"], ["none.yaml"]),
        (["--jobs", "none"], ["none"]),
        (["--executor", "proces"], ["proces", "process"]),
        (["--mode", "again"], ["again"]),
        (["--seed", "x"], ["x"]),
        (["--no-such-option"], ["--no-such-option"]),
        (["-C", "nowhere"], ["nowhere"]),
        (["-W", "Nofile"], ["Nofile"]),
        (["why", "totl"], ["totl", "total"]),
        (["status", "totl"], ["totl", "total"]),
        (["log", "totl"], ["totl", "total"]),
        (["clean", "totl"], ["totl", "total"]),
    ],
    ids=" ".join,
)
def test_a_word_that_does_not_exist_is_named_with_its_neighbour(simple, args, words):
    before = simple.files()
    flow = simple.flow(*args)
    refused(simple, flow, *words)
    assert simple.files() == before


def test_a_run_that_is_refused_ends_with_a_summary_too(simple):
    flow = simple.run("totl")
    assert flow.status == 2
    assert flow.summary["built"] == 0


def test_no_workflowfile_is_an_error(space):
    refused(space, space.flow(), "Workflowfile")
    refused(space, space.flow("list"), "Workflowfile")


def needs_what_is_gone(simple: Space) -> None:
    simple.replace("Workflowfile", "    input: total.txt\n", "    input: [total.txt, more.txt]\n")
    rule = "  more:\n    input: gone.txt\n    output: more.txt\n    shell: cp {input} {output}\n"
    simple.replace("Workflowfile", "  free:\n", f"{rule}  free:\n")


def test_a_missing_source_is_an_error_with_the_chain_up_to_the_target(simple):
    needs_what_is_gone(simple)
    flow = simple.flow()
    refused(simple, flow, "gone.txt", "more", "all")


def test_with_keep_going_a_missing_source_costs_only_what_needs_it(simple):
    needs_what_is_gone(simple)
    flow = simple.flow("-k")
    assert flow.status == 1
    assert simple.ran == ["copy a", "copy b", "total"]
    assert "gone.txt" in flow.stderr


def rules(space: Space, *parts: str) -> None:
    text = "wildcards:\n  n: [1, 2]\nrules:\n"
    for part in parts:
        name, output, given = [*part.split(" "), ""][:3]
        text += f'  {name}:\n    output: "{output}"\n'
        text += f'    input: "{given}"\n' if given else ""
        text += f'    shell: echo {name} >> "$RAN_LOG"; echo {name} > {{output}}\n'
    space.write("Workflowfile", text)


@pytest.mark.parametrize(
    ("parts", "targets", "words"),
    [
        (["one x.txt", "two x.txt"], ["x.txt"], ["one", "two", "x.txt"]),
        (["one x.txt", "two ./x.txt"], ["one", "two"], ["one", "two", "x.txt"]),
        (["one {f}.txt", "two x{g}.txt"], ["xy.txt"], ["one", "two", "constraint"]),
        (["one a.txt b.txt", "two b.txt a.txt"], ["one"], ["one", "two"]),
        (
            ["one a.txt b.txt", "two b.txt c.txt", "three c.txt a.txt"],
            ["two"],
            ["one", "two", "three"],
        ),
        (["one d/", "two d/x.txt"], ["one", "two"], ["one", "d/x.txt"]),
        (["one {n}.txt d/", "two d/{n}.md"], ["one"], ["d"]),
        (["one a", "two a/b"], ["one", "two"], ["a"]),
    ],
)
def test_a_plan_that_cannot_be_is_refused_and_names_the_rules(space, parts, targets, words):
    rules(space, *parts)
    refused(space, space.flow(*targets), *words)


@pytest.mark.parametrize(
    ("key", "path", "words"),
    [
        ("output", ".", ". is no output: Workflowfile lies in it"),
        ("output", "./", "./ is no output: Workflowfile lies in it"),
        ("output", "../", "../ is no output: Workflowfile lies in it"),
        ("output", "HERE/", "Workflowfile lies in it, from which the workflow is read"),
        ("output", "./Workflowfile", "Workflowfile is no output: the workflow is read from it"),
        ("output", "inc/more.yaml", "inc/more.yaml is no output"),
        ("output", "inc/", "inc/ is no output: inc/more.yaml lies in it"),
        ("output", "conf.yaml", "conf.yaml is no output"),
        ("output", "local.yaml", "local.yaml is no output"),
        ("log", "conf.yaml", "conf.yaml is no output"),
    ],
)
def test_what_the_workflow_is_read_from_is_no_output(space, key, path, words):
    path = path.replace("HERE", str(space.root))
    space.workflow(f"""
        config: [conf.yaml, {{path: local.yaml, optional: true}}]
        include: inc/more.yaml
        rules:
          a:
            {key}: {path}
            shell: touch x
        """)
    space.write("conf.yaml", "x: 1\n")
    space.write("inc/more.yaml", "rules: {}\n")
    before = space.snapshot()
    refused = space.flow("a")
    assert refused.status == 2
    assert words in refused.text
    assert f"Workflowfile:5:{8 + len(key) - 1}: " in refused.text
    assert "write another path" in refused.text
    assert {n: f for n, f in space.snapshot().items() if ".fileflow" not in n} == before


@pytest.mark.parametrize("args", [["check"], ["-n"], []])
def test_an_index_that_the_text_rules_out_is_refused_before_anything_runs(space, args):
    space.workflow("""
        rules:
          all: {input: [o, q]}
          r: {input: {x: [a, b]}, output: o, shell: "cat {input.x[2]} > {output}"}
          q: {output: q, shell: "touch {output}"}
        """)
    space.write("a", "")
    space.write("b", "")
    refused = space.flow(*args)
    assert refused.status == 2
    assert "Workflowfile:3:50: {input.x[2]}: input.x has 2 paths" in refused.text
    assert not space.exists("q")


def test_a_path_that_fits_in_two_ways_asks_for_a_constraint(space):
    space.write("x/a_b_c.fq", "")
    space.workflow("""
        wildcards:
          sample, r: x/{sample}_{r}.fq
        rules:
          make:
            output: out/{sample}-{r}.txt
            shell: echo x > {output}
        """)
    refused(space, space.flow(), "a_b_c.fq", "sample")


@pytest.mark.parametrize(
    ("sheet", "columns", "words"),
    [
        ("sample,lane\na,1\n", "sample, lnae", ["lnae", "lane"]),
        ("sample,lane\na,1\nb,\n", "sample, lane", ["lane"]),
        ("", "sample", ["s.csv is empty: it has no header"]),
        ("\n \n", "sample", ["s.csv is empty: it has no header"]),
    ],
)
def test_a_sheet_without_a_column_or_with_an_empty_cell_is_refused(space, sheet, columns, words):
    space.write("s.csv", sheet)
    pattern = "-".join(f"{{{name}}}" for name in columns.split(", "))
    space.write(
        "Workflowfile",
        f"wildcards:\n  {columns}: {{table: s.csv}}\nrules:\n  make:\n"
        f"    output: out/{pattern}.txt\n    shell: echo x > {{output}}\n",
    )
    refused(space, space.flow(), *words)


def test_an_empty_cell_that_fills_no_path_is_a_value(space):
    space.write("s.csv", "sample,note\na,\n")
    space.workflow("""
        wildcards:
          sample, note: {table: s.csv}
        rules:
          all:
            input: out/{sample}.txt
          make:
            output: out/{sample}.txt
            shell: echo [{note}] {note} > {output}
        """)
    space.good()
    assert space.read("out/a.txt") == "[] \n"


@pytest.mark.parametrize("value", ["..", ".", "a/b", ""])
def test_a_value_cannot_lead_out_of_its_place_in_a_path(space, value):
    space.write(
        "Workflowfile",
        f"wildcards:\n  n: {{values: ['{value}']}}\nrules:\n  make:\n    output: out/{{n}}/x.txt\n"
        '    shell: echo make >> "$RAN_LOG"; echo x > {output}\n',
    )
    refused(space, space.flow())
    assert not space.exists("x.txt")


@pytest.mark.parametrize(
    ("value", "pattern", "words"),
    [
        ("x/../../y", "o/{n}", "cannot fill a path: '..' never fills"),
        ("", "o/{n}", "an empty value of {n} leaves a part of a path empty: o/"),
        ("", "o/{n}/", "an empty value of {n} leaves a part of a path empty: o/"),
        ("s/", "o/{n}", "the value 's/' of {n} leaves a part of a path empty: o/s/"),
        ("", "{n}", "an empty value of {n} leaves a part of a path empty"),
        ("", "{n}/x", "an empty value of {n} leaves a part of a path empty: /x"),
        ("", "o/{n}/x", "an empty value of {n} leaves a part of a path empty: o//x"),
    ],
)
def test_a_value_that_no_constraint_can_save_is_refused(space, value, pattern, words):
    space.write(
        "Workflowfile",
        f"wildcards:\n  n: ['{value}', z]\nrules:\n  make:\n    output: '{pattern}'\n"
        "    constraints: {n: '.*'}\n    shell: echo make >> \"$RAN_LOG\"\n",
    )
    for command in ((), ("-n",), ("check",)):
        flow = space.flow(*command)
        refused(space, flow, words, "leave the row out with `except`")
        assert "constraints:" not in flow.text.rpartition("^")[2]


def test_an_empty_value_may_be_the_beginning_of_a_name(space):
    space.workflow("""
        wildcards: {n: ["", k/, y]}
        rules:
          make: {output: "o/{n}x", constraints: {n: '.*'}, shell: 'echo > {output}'}
        """)
    space.good()
    assert space.files("o") == ["o/k/x", "o/x", "o/yx"]


def test_an_empty_last_value_that_is_found_while_running_fails_its_job_alone(space):
    space.workflow("""
        wildcards: {"n, k": {table: t.csv}}
        rules:
          all: {input: "o/{k}/{n}", constraints: {n: '.*'}}
          list: {output: t.csv, shell: 'printf "n,k\\nx,1\\n,2\\n" > {output}'}
          make: {output: "o/{k}/{n}", constraints: {n: '.*'}, shell: 'echo > {output}'}
        """)
    flow = space.flow("-k")
    assert flow.status == 1 and "leaves a part of a path empty: o/2/" in flow.text, flow.text
    assert space.exists("o/1/x")


def test_a_name_that_stands_for_an_own_wildcard_inside_is_not_told(space):
    space.workflow("""
        wildcards: {s: [a]}
        rules:
          m: {input: {path: "raw/{o}", o: [1, 2]}, output: "x/{q}", shell: 'echo > {output}'}
          n: {input: {path: "raw/{o}", o: [1, 2]}, output: {path: "y/{o}", o: [1, 2]},
              shell: 'echo > {output}'}
        """)
    for words in (["m"], ["--where", "zz=1", "n"], ["x/{r}"]):
        flow = space.flow(*words)
        refused(space, flow, "known here: s")
        assert "·" not in flow.text


@pytest.mark.parametrize("path", ["free/../../x.txt", "free//x.md", "/etc/x.txt"])
def test_a_path_that_no_pattern_allows_is_refused(simple, path):
    refused(simple, simple.flow(path))


def test_the_message_shows_the_place_in_the_form_that_editors_know(simple):
    simple.replace("Workflowfile", "tags: [early]", "tgas: [early]")
    flow = simple.flow()
    refused(simple, flow, "tags")
    found = re.search(r"Workflowfile:(\d+):(\d+)", flow.stderr)
    assert found
    line = simple.lines("Workflowfile")[int(found[1]) - 1]
    assert line.index("tgas") <= int(found[2]) <= line.index("tgas") + len("tgas") + 1


@pytest.mark.parametrize("how", ["def split(output):\n", "def made(output):\n"])
def test_a_function_that_yields_for_a_rule_that_scatters_nothing(space: Space, how: str):
    text = how + "    yield 1, 'x'\n"
    if "made" in how:  # the source does not say what it is: a slot that imports it does
        text += "\n\nglobals()['split'] = made\n"
    space.write("steps.py", text)
    space.workflow("""
        rules:
          first: {input: second, output: first, shell: "touch {output}"}
          second: {output: second, run: "steps:split"}
        """)
    flow = space.flow()
    assert flow.status == 2
    assert "yields: only outputs that its rule scatters" in flow.stderr
    assert "scatter:" in flow.stderr
