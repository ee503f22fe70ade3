"""What is found while running and is wrong: it fails what needs it, and nothing else."""

import pytest

from .space import Space

LOOKUP = """\
config:
  sheet: {a: data/a.csv, c: data/c.csv}
rules:
  all:
    input: [total.txt, other.txt]
  split:
    output: chunks/{x}.txt
    scatter: x
    shell: 'echo split >> "$RAN_LOG"; for x in a b c; do echo $x > {output}/$x.txt; done'
  proc:
    input: {chunk: "chunks/{x}.txt", sheet: "{config.sheet[x]}"}
    output: proc/{x}.txt
    shell: 'echo proc {x} >> "$RAN_LOG"; cat {input} > {output}'
  total:
    input: proc/{x}.txt
    output: total.txt
    shell: 'echo total >> "$RAN_LOG"; cat {input} > {output}'
  other:
    output: other.txt
    shell: 'echo other >> "$RAN_LOG"; echo 1 > {output}'
"""
LACKS = "{config.sheet[x]}: there is no 'b' there"


def look_up(space: Space) -> None:
    space.write("Workflowfile", LOOKUP)
    space.write("data/a.csv", "1\n")
    space.write("data/c.csv", "3\n")


def test_a_found_value_that_config_lacks_fails_its_job_alone(space: Space) -> None:
    look_up(space)
    flow = space.run("-k")
    assert flow.status == 1
    assert space.ran == ["other", "proc a", "proc c", "split"]
    assert flow.counts() == (4, 0, 1, 1)
    assert flow.jobs("job_finished", status="failed") == {"proc b"}
    assert LACKS in flow.text and "Workflowfile:11:" in flow.text
    again = space.run("-k")
    assert again.status == 1
    assert (space.ran, again.counts()) == ([], (0, 4, 1, 1))
    space.replace("Workflowfile", "c: data/c.csv}", "c: data/c.csv, b: data/a.csv}")
    good = space.good()
    assert space.ran == ["proc b", "total"]
    assert good.counts() == (2, 4, 0, 0)


def test_without_keep_going_it_starts_nothing_new_and_what_is_done_is_recorded(
    space: Space,
) -> None:
    look_up(space)
    flow = space.run("-j", "1")
    assert flow.status == 1
    assert flow.summary["failed"] == 1
    assert LACKS in flow.text
    assert not any(one.startswith("proc") for one in space.ran)
    before = set(space.ran)
    space.replace("Workflowfile", "c: data/c.csv}", "c: data/c.csv, b: data/a.csv}")
    space.good()
    assert before.isdisjoint(space.ran)


def test_other_commands_show_the_rest_and_what_is_wrong(space: Space) -> None:
    look_up(space)
    space.run("-k")
    for args, status in (
        (("status",), 0),
        (("why", "total"), 0),
        (("-n",), 1),
        (("check",), 1),
    ):
        before = space.snapshot()
        flow = space.flow(*args)
        assert (flow.status, LACKS in flow.text) == (status, True), flow.text
        assert "Workflowfile:11:" in flow.text
        assert space.snapshot() == before
    assert "proc   2 fresh, 1 failed" in space.flow("status").stdout
    assert "other  1 fresh" in space.flow("status").stdout


def test_a_found_value_is_no_excuse_for_a_declared_one(space: Space) -> None:
    look_up(space)
    space.replace("Workflowfile", "rules:", "wildcards: {d: [a, b]}\nrules:")
    rule = ["  wrong:", "input: '{config.sheet[d]}'", "output: w/{d}", "shell: 'touch {output}'"]
    space.write("Workflowfile", space.read("Workflowfile") + "\n    ".join(rule) + "\n")
    flow = space.run("wrong", "-k")
    assert flow.status == 2
    assert space.ran == []


LIST = """\
wildcards:
  x, y: {table: build/list.csv}
  n: {range: 2}
rules:
  all:
    input: [total.txt, "other/{n}.txt"]
  make:
    input: src.csv
    output: build/list.csv
    shell: 'echo make >> "$RAN_LOG"; cp {input} {output}'
  work:
    output: work/{x}.txt
    params: {y: "{y}"}
    shell: 'echo work {x} >> "$RAN_LOG"; echo {params.y} > {output}'
  total:
    input: work/{x}.txt
    output: total.txt
    shell: 'echo total >> "$RAN_LOG"; cat {input} > {output}'
  other:
    output: other/{n}.txt
    shell: 'echo other {n} >> "$RAN_LOG"; echo 1 > {output}'
"""
OTHERS = ["other 0", "other 1"]
WRONG = {
    "column": ("x,z\na,1\n", "build/list.csv has no column 'y'"),
    "row": ("x,y\na,1,5\n", "build/list.csv:2:1: this row has 3 cells, the first one 2"),
    "bytes": (b"\xff\xfe\x00x,y\na,1\n", "build/list.csv:1: this is no UTF-8 text"),
    "value": ("x,y\na,1\nb/c,2\n", "the value 'b/c' of {x} cannot fill a path"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_made_list_that_is_wrong_stops_only_what_needs_it(space: Space, kind: str) -> None:
    content, said = WRONG[kind]
    space.write("Workflowfile", LIST)
    space.write("src.csv", content)
    flow = space.run("-k")
    assert flow.status == 1
    assert said in flow.text
    assert set(space.ran) == {*OTHERS, "make"} | ({"work a"} if kind == "value" else set())
    assert flow.summary["failed"] + flow.summary["skipped"] >= 1
    for args, status in (
        (("status",), 0),
        (("why", "total"), 0),
        (("clean", "--orphans", "-n"), 0),
        (("-n",), 1),
        (("check",), 1),
    ):
        shown = space.flow(*args)
        assert (shown.status, said in shown.text) == (status, True), shown.text
    assert "other  2 fresh" in space.flow("status").stdout
    other = space.flow("other")
    assert (other.status, said in other.text) == (0, False)
    # Its rule is stale now: what it held does not matter any more.
    space.write("src.csv", "x,y\na,1\nb,2\n")
    for args in (("status",), ("-n",), ("check",)):
        shown = space.flow(*args)
        assert (shown.status, said in shown.text) == (0, False), shown.text
    space.good()
    assert {"make", "work b", "total"} <= set(space.ran)
    assert set(space.ran).isdisjoint(OTHERS)


def test_an_empty_gather_fails_its_job_and_the_rest_goes_on(space: Space) -> None:
    space.write("Workflowfile", LIST)
    space.write("src.csv", "x,y\n")
    flow = space.run("-k")
    assert flow.status == 1
    assert "work/{x}.txt gives no path for the job total" in flow.text
    assert sorted(space.ran) == ["make", *OTHERS]
    assert flow.counts() == (3, 0, 1, 0)


def test_a_found_value_that_no_rule_can_use_ends_each_run_with_1(space):
    space.workflow("""
        rules:
          f: {input: "m/{x}", output: f, shell: "cat {input} > {output}"}
          m:
            input: "s/{x}"
            output: "m/{x}"
            constraints: {x: "[ab]"}
            shell: cp {input} {output}
          cut:
            input: src
            output: "s/{x}"
            scatter: x
            shell: for i in $(cat {input}); do echo $i > {output}/$i; done
        """)
    space.write("src", "a c\n")
    for args in ((), (), ("-n",), ("-k",)):
        flow = space.run(*args)
        assert (flow.status, "m/c is not there" in flow.text) == (1, True), flow.text
    space.write("src", "a\n")
    space.good()
    assert space.read("f") == "a\n"
    space.delete("src")
    assert space.run("-B").status == 2


@pytest.mark.parametrize("found", ["scatter: c", "lines"])
def test_a_ring_through_what_is_found_is_told(space: Space, found: str) -> None:
    if found == "lines":
        head = "wildcards: {c: {lines: sc/l.txt}}"
        split = 'output: sc/l.txt, shell: "echo p > {output}"'
    else:
        head, split = "", 'output: "sc/{c}.txt", scatter: c, shell: "touch {output}/p.txt"'
    space.workflow(f"""
        {head}
        rules:
          all: {{input: [w.txt, e.txt]}}
          split: {{input: w.txt, {split}}}
          back: {{input: "sc/{{c}}.txt", output: w.txt, shell: "cat {{input}} > {{output}}"}}
          e: {{output: e.txt, shell: "touch {{output}}"}}
        """)
    for _ in range(2):
        flow = space.flow("all")
        assert flow.status == 1
        assert "split and back cannot begin: they wait, in a ring" in flow.text
    assert space.exists("e.txt")


def test_what_several_jobs_lack_is_said_of_all_of_them(space: Space) -> None:
    for name, text in {"a": "m1", "b": "m2", "d": "m1\nm3"}.items():
        space.write(f"data/{name}.txt", f"{text}\n")
    space.workflow("""
        wildcards: {g: "data/{g}.txt", m: {lines: "l/{g}/list.txt"}}
        rules:
          all: {input: "o/{m}/{c}.txt"}
          one: {input: "data/{g}.txt", output: "l/{g}/list.txt", shell: "cp {input} {output}"}
          two:
            input: data/{g}.txt
            output: q/{g}/{c}.txt
            scatter: c
            shell: for x in $(cat {input}); do cp {input} {output}/c$x.txt; done
          use:
            input: ["q/{g}/{c}.txt", "l/{g}/list.txt"]
            output: o/{m}/{c}.txt
            shell: cat {input} > {output}
        """)
    flow = space.flow("-k", "-j", "1")
    said = "l/{g}/list.txt gives no path for 4 jobs, such as use m=m1 c=cm2: no values agree with"
    assert flow.text.count(said) == 4 and "fileflow log" not in flow.text
