"""Columns: names of a relation that stand in params and actions, and config looked up by them."""

import pytest

from .space import Space

SHEET = "sample,lane,batch,path\na,1,x,raw/one.txt\na,2,x,raw/two.txt\nb,1,y,raw/three.txt\n"


TAKES_ALL = 'act:all\n    params: {l_all: "{l:each}"}'


def write_sheet(space: Space, rule: str) -> None:
    space.write("s.csv", SHEET)
    for name in ["one", "two", "three"]:
        space.write(f"raw/{name}.txt", f"{name}\n")
    space.source(
        "Workflowfile",
        f"""
        wildcards:
          sample, lane, batch, path: {{table: s.csv}}
        rules:
          all:
            input: out/{{sample}}.txt
          make:
            output: out/{{sample}}.txt
            {rule}
        """,
    )


def test_a_column_is_the_one_value_of_the_rows_of_a_job(space):
    write_sheet(space, "shell: echo {sample} {batch} > {output}")
    space.good()
    assert space.read("out/a.txt") == "a x\n"
    assert space.read("out/b.txt") == "b y\n"


def test_a_column_with_each_is_the_list_of_the_rows(space):
    write_sheet(space, "shell: echo {lane:each} {batch:each} > {output}")
    space.good()
    assert space.read("out/a.txt") == "1 2 x x\n"
    assert space.read("out/b.txt") == "1 y\n"


def test_a_column_that_differs_is_an_error_that_says_each(space):
    write_sheet(space, "shell: echo {lane} > {output}")
    flow = space.flow()
    assert flow.status == 2
    assert "{lane:each}" in flow.stderr
    assert space.files("out") == []


def test_a_change_in_a_column_builds_the_jobs_that_name_it(space):
    write_sheet(space, 'shell: echo make {sample} >> "$RAN_LOG"; echo {batch} > {output}')
    space.good()
    space.write("s.csv", SHEET.replace("b,1,y", "b,1,z"))
    space.good()
    assert space.ran == ["make b"]
    assert space.read("out/b.txt") == "z\n"


def test_a_change_in_a_column_that_nothing_names_builds_nothing(space):
    write_sheet(space, 'shell: echo make {sample} >> "$RAN_LOG"; echo {sample} > {output}')
    space.good()
    space.write("s.csv", SHEET.replace("b,1,y", "b,1,z"))
    space.good()
    assert space.ran == []


def test_an_input_that_is_one_placeholder_takes_its_value_as_a_path(space):
    space.write("elsewhere/x.txt", "x\n")
    space.write("raw/y.txt", "y\n")
    absolute = space.path("elsewhere/x.txt")
    space.write("s.csv", f"sample,file\na,{absolute}\nb,raw/y.txt\n")
    space.workflow("""
        wildcards:
          sample, file: {table: s.csv}
        rules:
          all:
            input: out/{sample}.txt
          copy:
            input: "{file}"
            output: out/{sample}.txt
            shell: cat {input} > {output}
        """)
    space.good()
    assert space.read("out/a.txt") == "x\n"
    assert space.read("out/b.txt") == "y\n"


def test_one_makes_a_gather_of_one_path_a_single_file(space):
    space.write("raw/a_7.txt", "a\n")
    space.write("steps.py", "def copy(reads, output):\n    output.write_text(reads.read_text())\n")
    space.workflow("""
        wildcards:
          sample, lane: [[a, 7]]
        rules:
          all:
            input: out/{sample}.txt
          copy:
            input:
              reads: {path: "raw/{sample}_{lane}.txt", one: true}
            output: out/{sample}.txt
            run: steps:copy
        """)
    space.good()
    assert space.read("out/a.txt") == "a\n"


def test_what_a_wildcard_in_brackets_picks_may_bring_folders(space):
    space.workflow("""
        config:
          dir: {a: runs/r1, b: runs/x/../r2}
        wildcards: {s: [a, b]}
        rules:
          all: {input: ["o/{s}", total]}
          each: {input: "{config.dir[s]}/x.t", output: "o/{s}", shell: "cp {input} {output}"}
          total: {input: "{config.dir[s]}/x.t", output: total, shell: "cat {input} > {output}"}
          run: {output: "runs/{r}/x.t", shell: "echo {r} > {output}"}
        """)
    assert space.good("all").built == {"run r1", "run r2", "each a", "each b", "total"}
    assert space.read("total") == space.read("o/a") + space.read("o/b") == "r1\nr2\n"


def test_a_wildcard_or_a_column_in_brackets_picks_how_much_a_job_takes(space):
    space.workflow("""
        config:
          need: {a: {cores: 2, api: 1}, b: {cores: 1, api: 3}}
          by_kind: {big: 4, small: 2}
          odd: {a: 1, b: x}
        resources: {api: 5}
        wildcards: {s: [a, b], "s, kind": [[a, big], [b, small]]}
        rules:
          all: {input: ["o/{s}", "k/{s}"]}
          make:
            output: o/{s}
            cores: "{config.need[s].cores}"
            resources: {api: "{config.need[s].api}"}
            shell: echo {cores} {resources.api} > {output}
          kind:
            output: k/{s}
            resources: {api: "{config.by_kind[kind]}"}
            shell: echo {resources.api} > {output}
          odd: {output: "p/{s}", cores: "{config.odd[s]}", shell: "touch {output}"}
        """)
    space.good("-j", "2")
    assert [space.read(path) for path in ("o/a", "o/b")] == ["2 1\n", "1 3\n"]
    assert [space.read(path) for path in ("k/a", "k/b")] == ["4\n", "2\n"]
    space.replace("Workflowfile", "cores: 2, api: 1", "cores: 1, api: 2")
    assert space.good().counts() == (0, 4, 0, 0)
    space.good("p/a")
    for args in (["p/a", "p/b"], ["check"]):
        flow = space.flow(*args)
        assert flow.status == 2
        assert "cores is a number from 0 on, and {config.odd[s]} is 'x' (job odd s=b)" in flow.text
    assert not space.exists("p/b")
    space.replace("Workflowfile", "b: {cores: 1, ", "b: {")
    flow = space.run("-B")
    assert flow.status == 2 and "{config.need[s].cores}: there is no 'cores' there" in flow.text


@pytest.mark.parametrize("executor", ["process", "thread", "serial"])
def test_a_wildcard_in_brackets_picks_timeout_and_retries(space, executor):
    space.workflow(f"""
        config:
          limit: {{a: 0.3, b: 1m}}
          tries: {{a: 0, b: 2}}
        wildcards: {{s: [a, b]}}
        defaults: {{executor: {executor}}}
        rules:
          all: {{input: "o/{{s}}"}}
          make:
            output: o/{{s}}
            timeout: "{{config.limit[s]}}"
            retries: "{{config.tries[s]}}"
            run: steps:make
        """)
    space.source(
        "steps.py",
        """
        import time

        def make(output, s):
            for _ in range(12):
                time.sleep(0.05)
            with open("tries", "a+") as tries:
                tries.write(s)
                tries.seek(0)
                assert tries.read() == "bbb"
            output.write_text(s)
        """,
    )
    flow = space.flow("-k", "-j", "2", "all")
    assert flow.status == 1
    assert "timed out after 0.3 s" in flow.text and flow.text.count("retry: make s=b") == 2
    assert not space.exists("o/a") and space.read("o/b") == "b"
    space.replace("Workflowfile", "b: 1m", "b: 1h")
    space.replace("Workflowfile", "b: 2", "b: 0")
    assert "nothing to do" in space.flow("o/b").text  # neither is a reason
    space.replace("Workflowfile", "b: 0", "b: x")
    flow = space.flow("o/b")
    assert flow.status == 2
    assert "retries is a whole number from 0 on, not 'x' (job make s=b)" in flow.text
    space.replace("Workflowfile", "b: 1h", "c: 1h")
    assert "{config.limit[s]}: there is no 'b' there" in space.flow("o/b").text


def test_a_wildcard_in_brackets_picks_the_key_of_its_value(space):
    space.workflow("""
        config:
          rate:
            a: {low: 1, high: 2}
            b: {low: 3}
        wildcards:
          sample: [a, b]
        rules:
          all:
            input: out/{sample}.txt
          make:
            output: out/{sample}.txt
            params:
              low: "{config.rate[sample].low}"
            shell: |
              echo make {sample} >> "$RAN_LOG"
              echo {params.low} {config.rate[sample].low} > {output}
        """)
    space.good()
    assert space.read("out/a.txt") == "1 1\n"
    assert space.read("out/b.txt") == "3 3\n"
    space.replace("Workflowfile", "low: 3", "low: 4")
    space.good()
    assert space.ran == ["make b"]
    space.replace("Workflowfile", "b: {low: 4}", "c: {low: 4}")
    flow = space.flow()
    assert flow.status == 2
    assert space.ran == []


def test_wildcards_arrive_as_text_or_as_annotated(space):
    space.write(
        "steps.py",
        """\
def make(output, n: int, f: float, t, batch):
    output.write_text(repr((n, f, t, batch)))


def gather(input, output, n):
    output.write_text(repr((n, [path.name for path in input])))
""",
    )
    space.workflow("""
        wildcards:
          n, batch: [[01, x], [2, y]]
          f: [0.5]
          t: [10]
        rules:
          gather:
            input: out/{n}_{f}_{t}
            output: all.txt
            run: steps:gather
          make:
            output: out/{n}_{f}_{t}
            run: steps:make
        """)
    space.good()
    assert space.read("out/01_0.5_10") == "(1, 0.5, '10', 'x')"
    assert space.read("all.txt") == "(['01', '2'], ['01_0.5_10', '2_0.5_10'])"


READS = "sample\tlane\tread\nA\t1\tx.fq\nA\t2\ty.fq\nB\t1\tz.fq\n"


@pytest.mark.parametrize(
    "uses",
    [
        "shell: echo {read} > {output}",
        'params: {read: "{read}"}\n    shell: echo {params.read} > {output}',
        "run: steps:write",
        "seed: {by: [read]}\n    run: steps:plain",
    ],
)
def test_a_column_with_several_values_is_refused_before_anything_runs(
    space: Space, uses: str
) -> None:
    space.write("sheet.tsv", READS)
    space.write(
        "steps.py",
        "def write(output, read):\n    output.write_text(read)\n\n\n"
        "def plain(output):\n    output.write_text('')\n",
    )
    space.write(
        "Workflowfile",
        "wildcards: {'sample, lane, read': {table: sheet.tsv}}\n"
        "rules:\n"
        "  all: {input: 'out/{sample}'}\n"
        "  first: {output: first, shell: 'touch {output}'}\n"
        "  one:\n"
        "    input: {f: {path: first, order_only: true}}\n"
        "    output: out/{sample}\n"
        f"    {uses}\n",
    )
    for args in (("-n",), ()):
        flow = space.flow(*args)
        assert flow.status == 2, flow.text
        assert "{read} has 2 values for the job one sample=A" in flow.text
        assert "{read:each}" in flow.text
    assert not space.exists("first")
    assert space.flow("out/B").status == 0


@pytest.mark.parametrize("output", ["out/{sample}", "all"])
def test_an_empty_cell_is_no_path(space: Space, output: str) -> None:
    space.write("sheet.tsv", "sample\tread\nA\tx.fq\nB\t\n")
    space.write("x.fq", "x")
    space.write(
        "Workflowfile",
        "wildcards: {'sample, read': {table: sheet.tsv}}\n"
        "rules:\n"
        f"  one: {{input: '{{read}}', output: '{output}', shell: 'cat {{input}} > {{output}}'}}\n",
    )
    flow = space.flow()
    assert flow.status == 2, flow.text
    assert "an empty value of {read} is no path" in flow.text
    space.replace("Workflowfile", "sheet.tsv", "sheet.tsv, except: {sample: B}")
    assert space.flow().status == 0


@pytest.mark.parametrize(
    ("rule", "place", "hint", "cure"),
    [
        (["shell: 'echo {l} > {output}'"], "6:18", "write {l:each}", ("{l}", "{l:each}")),
        (
            ["params: {x: 'is {l}'}", "shell: echo {params.x} > {output}"],
            "6:21",
            "write {l:each}",
            ("{l}", "{l:each}"),
        ),
        (["run: act:act"], "6:10", 'params: {l_all: "{l:each}"}', ("act:act", TAKES_ALL)),
        (
            ["params: {x: {call: act:call}}", "shell: echo {params.x} > {output}"],
            "6:24",
            'write with: {l: "{l:each}"}',
            ("act:call", 'act:call, with: {l: "{l:each}"}'),
        ),
    ],
    ids=["command", "param", "function", "call"],
)
def test_a_column_with_several_values_is_told_where_it_is_used(space, rule, place, hint, cure):
    space.write(
        "act.py",
        "def act(output, l): output.write_text(repr(l))\n"
        "def all(output, l_all): output.write_text(repr(l_all))\n"
        "def call(l): return l\n",
    )
    lines = ['wildcards: {"s, l": [[a, 1], [a, 2], [b, 3]]}', "rules:", "  all: {input: 'o/{s}'}"]
    lines += ["  o:", "    output: 'o/{s}'", *(f"    {line}" for line in rule)]
    space.write("Workflowfile", "\n".join([*lines, ""]))
    flow = space.flow("-n")
    assert flow.status == 2, flow.text
    assert f"Workflowfile:{place}: {{l}} has 2 values for the job o s=a\n" in flow.text
    assert hint in flow.text
    space.replace("Workflowfile", *cure)
    space.good()
    assert all(value in space.read("o/a") for value in "12")


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("", ""),
        ("", 'cut: {output: "s/{d}/{a}", scatter: a, shell: "echo > {output}/1"}'),
        ('a: {lines: "s/{d}.txt"}', 'list: {output: "s/{d}.txt", shell: "echo 1 > {output}"}'),
    ],
    ids=["alone", "scatter", "list"],
)
def test_values_found_elsewhere_put_off_no_mistake_of_a_declared_column(space, key, rule):
    space.workflow(f"""
        wildcards:
          d, b: [[y, 1], [z, 2]]
          c: [k]
          {key}
        rules:
          all: {{input: "o/{{c}}"}}
          pre: {{output: "p/{{d}}/{{c}}.txt", shell: "echo > {{output}}"}}
          fin: {{input: "p/{{d}}/{{c}}.txt", output: "o/{{c}}", shell: "echo {{b}} > {{output}}"}}
          {rule}
        """)
    for args in (("-n",), ("check",), ()):
        flow = space.flow(*args)
        assert flow.status == 2, flow.text
        assert "Workflowfile:8:63: {b} has 2 values for the job fin c=k\n" in flow.text
        assert flow.text.count("has 2 values") == 1, flow.text
    assert space.files("p") == []


def test_values_found_for_a_rule_put_off_what_its_columns_are(space):
    """A row counts only if it agrees with what was found: `{b}` may come to have one value."""
    space.workflow("""
        wildcards:
          d, b: [[y, 1], [z, 2]]
          c: [k]
        rules:
          all: {input: "o/{c}.txt"}
          fin: {input: "s/{d}/{a}", output: "o/{c}.txt", shell: "echo {b} > {output}"}
          cut: {output: "s/{d}/{a}", scatter: a, shell: "echo > {output}/1"}
        """)
    assert space.flow("-n").status == 0
    flow = space.flow()
    assert flow.status == 1, flow.text
    assert "{b} has 2 values for the job fin c=k\n" in flow.text
    assert space.files("s") == ["s/y/1", "s/z/1"]


def test_a_column_without_a_row_that_agrees_says_so(space):
    space.workflow("""
        wildcards: {"s, l": [[a, 1], [b, 2]], "u, l": [[c, 1], [d, 2]]}
        rules:
          all: {input: "o/{s}.{u}"}
          o:
            output: "o/{s}.{u}"
            shell: echo {l} > {output}
        """)
    flow = space.flow("-n")
    assert flow.status == 2
    said = "{l} has no value for the job o s=a u=d: no row with it agrees with the job"
    assert f"Workflowfile:6:17: {said}" in flow.text


ONE = """
rules:
  r: {input: {a: ENTRY}, output: out, run: "act:show"}
  z: {output: "z/{x}", shell: "echo > {output}"}
  cut: {output: "cut/{k}", scatter: k, shell: "touch {output}/1 {output}/$MORE"}
"""


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ('{path: "q/{n}", n: [1], one: true}', "q/1"),
        ("{path: [q/1], one: true}", "q/1"),
        ("{rule: z, one: true}", "z/1"),
        ("{rule: cut, one: true}", "cut/1"),
        ("{rule: z, one: true, when: {mode: x}}", "None"),
        ("{rule: z, when: {mode: x}}", "[]"),
    ],
)
def test_one_file_arrives_as_one_whatever_it_is_written_as(
    space: Space, entry: str, shown: str
) -> None:
    space.source(
        "act.py",
        """
        from pathlib import Path

        def show(a: Path, output):
            output.write_text(str(a))
        """,
    )
    if "one" not in entry:
        space.replace("act.py", "a: Path", "a")
    space.write("q/1", "")
    space.write(
        "Workflowfile", "config: {mode: y}\nwildcards: {x: [1]}" + ONE.replace("ENTRY", entry)
    )
    space.replace("Workflowfile", "$MORE", "1")
    space.good()
    assert space.read("out") == shown
    assert space.good().summary["built"] == 0


@pytest.mark.parametrize(
    ("entry", "words", "status"),
    [
        ('{path: "q/{n}", n: [1, 2], one: true}', "its own n gives 2", 2),
        ("{path: [q/1, q/2], one: true}", "these are 2 paths", 2),
        ("{rule: z, one: true}", "{rule: z} is said to be one file (`one: true`), but there", 2),
        ("{rule: cut, one: true}", "there are 2: cut/1, cut/2", 1),
        ("{rule: none, one: true}", "there are none", 2),
    ],
)
def test_one_file_is_refused_where_it_is_another_number(
    space: Space, entry: str, words: str, status: int
) -> None:
    space.write("q/1", "")
    space.write("q/2", "")
    space.write("Workflowfile", "wildcards: {x: [1, 2]}" + ONE.replace("ENTRY", entry))
    space.replace("Workflowfile", "$MORE", "2")
    space.replace("Workflowfile", 'run: "act:show"', 'shell: "cp {input} {output}"')
    space.replace("Workflowfile", "  z:", '  none: {shell: "true"}\n  z:')
    flow = space.run()
    assert flow.status == status and words in flow.text


@pytest.mark.parametrize(
    "rule",
    [
        'a: {output: "o/{sample}", shell: "echo {batch} > {output}"}',
        'a: {output: "o/{sample}", params: {b: "{batch}"}, shell: "echo {params.b} > {output}"}',
        'a: {output: "o/{sample}", run: "f:f"}',
        'a: {input: "i/{batch}", output: "o/{sample}", shell: "cp {input} {output}"}',
        'a: {output: "o/{sample}/{batch}", shell: "touch {output}"}',
    ],
)
def test_a_column_that_the_key_does_not_name_is_told(space: Space, rule: str) -> None:
    space.write("s.csv", "# a sheet\n" + SHEET)
    space.write("f.py", "def f(output, batch): ...\n")
    key = 'wildcards: {"sample, lane": {table: s.csv, comment: "#"}}'
    space.write("Workflowfile", f"{key}\nrules:\n  {rule}\n")
    flow = space.run()
    assert flow.status == 2
    assert "the sheet s.csv has such a column, and its key has to name it" in flow.text
    assert "'sample, lane, batch'" in flow.text


LOOKED_UP = """
config: {rate: {x: 1, y: [2, 3]}}
wildcards:
  site: [a, b]
  site, kind: KINDS
rules:
  all: {input: "out/{site}"}
  plan: {output: plan.csv, shell: "cp in.txt {output}"}
  use:
    output: out/{site}
    params: {r: "{config.rate[kind]}"}
    shell: echo {site} >> $RAN_LOG; echo {params.r} + {config.rate[kind]} > {output}
"""


@pytest.mark.parametrize("kinds", ["[[a, x], [b, y]]", "{table: plan.csv}"])
def test_a_column_picks_a_key_of_config(space: Space, kinds: str) -> None:
    space.write("in.txt", "site,kind\na,x\nb,y\n")
    space.write("Workflowfile", LOOKED_UP.replace("KINDS", kinds))
    space.good()
    assert (space.read("out/a"), space.read("out/b")) == ("1 + 1\n", "2 3 + 2 3\n")
    _ = space.ran
    space.good("--config", "rate.x=7")
    assert space.ran == ["a"]
    assert space.read("out/a") == "7 + 7\n"


def test_a_column_that_picks_no_key_is_told(space: Space) -> None:
    space.write("Workflowfile", LOOKED_UP.replace("KINDS", "[[a, x], [b, z]]"))
    flow = space.run()
    assert (flow.status, "there is no 'z' there" in flow.text) == (2, True), flow.text
    space.write("Workflowfile", LOOKED_UP.replace("KINDS", "[[a, x], [b, y], [b, x]]"))
    flow = space.run()
    assert (flow.status, "{kind} has 2 values" in flow.text) == (2, True), flow.text
