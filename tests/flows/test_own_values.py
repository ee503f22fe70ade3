"""An entry's own wildcards, `{path: …, n: …}`: in any form, also from lists that rules make."""

import json

import pytest

from .space import Space

LISTED = """\
rules:
  all:
    input: out/total.txt
  list:
    input: data/list.txt
    output: build/list.txt
    shell: |
      echo list >> "$RAN_LOG"
      grep -v '^#' {input} > {output}
  work:
    input: in/{name}.txt
    output: work/{name}.txt
    shell: |
      echo work {name} >> "$RAN_LOG"
      tr a-z A-Z < {input} > {output}
"""
TOTAL = """\
  total:
    input: {path: "work/{n}.txt", n: {lines: build/list.txt}}
    output: out/total.txt
"""
ACTIONS = {
    "shell": """\
    shell: |
      echo total >> "$RAN_LOG"
      cat {input} > {output}
""",
    "argv": "    argv: [bash, total.sh, '{output}', '{input}']\n",
    "script": "    script: total.sh\n    args: ['{output}', '{input}']\n",
    "run": "    run: steps:total\n",
}
SCRIPT = 'echo total >> "$RAN_LOG"; to=$1; shift; cat "$@" > "$to"\n'
STEPS = """\
import os


def total(input: list, output):
    with open(os.environ["RAN_LOG"], "a") as log:
        log.write("total\\n")
    assert isinstance(input, list)
    output.write_text("".join(path.read_text() for path in input))
"""


def ran(space: Space, *jobs: str, args: tuple[str, ...] = ()) -> None:
    """Exactly these jobs run, and then nothing is left to do."""
    flow = space.good(*args)
    assert space.ran == sorted(jobs), flow.text
    assert flow.summary["built"] == len(jobs)
    assert space.good(*args).summary["built"] == 0
    assert space.ran == []


@pytest.mark.parametrize("way", ACTIONS)
def test_an_input_takes_what_a_list_says_that_a_rule_makes(space: Space, way: str) -> None:
    space.write("Workflowfile", LISTED + TOTAL + ACTIONS[way])
    space.write("total.sh", SCRIPT)
    space.write("steps.py", STEPS)
    space.write("data/list.txt", "b\na\n")
    for name in "abc":
        space.write(f"in/{name}.txt", f"{name}\n")
    before = space.snapshot()
    dry = space.good("-n")
    assert (dry.planned, dry.deferred) == ({"list"}, {"total"})
    assert "total  not known yet, before list ran" in space.flow("status", "total").stdout
    assert "gathers n (found while running)" in space.flow("list").stdout
    assert space.snapshot() == before
    ran(space, "list", "work a", "work b", "total")
    assert space.read("out/total.txt") == "B\nA\n"
    rules = {
        rule["rule"]: rule for rule in json.loads(space.flow("list", "--json").stdout)["rules"]
    }
    assert [*rules["total"]["gathers"]] == ["n"]
    space.write("data/list.txt", "b\na\n#c\n")
    ran(space, "list")
    space.write("data/list.txt", "b\na\nc\n")
    ran(space, "list", "work c", "total")
    space.write("data/list.txt", "c\nb\n")
    ran(space, "list", "total")
    assert space.read("out/total.txt") == "C\nB\n"
    space.write("in/b.txt", "x\n")
    ran(space, "work b", "total")
    # What the list said is known while it is gone.
    space.delete("build/list.txt")
    ran(space)
    space.write("data/list.txt", "c\nz\n")
    flow = space.run()
    assert flow.status == 1 and "in/z.txt" in flow.text and space.ran == ["list"]
    space.write("data/list.txt", "c\n")
    ran(space, "list", "total")


def test_a_list_may_be_another_for_each_job_and_stand_beside_other_names(space: Space) -> None:
    space.workflow("""
        wildcards:
          s: [p, q]
        rules:
          all:
            input: out/{s}.txt
          plan:
            input: data/{s}.csv
            output: build/{s}.csv
            shell: cp {input} {output}
          join:
            input:
              first: {path: "in/{n}-{r}.txt", n: {table: "build/{s}.csv"}, r: [1, 2]}
              second: {path: "in/{n}-1.txt", n: {table: "build/{s}.csv", where: {n: [b, c]}},
                       optional: true}
            output: out/{s}.txt
            shell: |
              echo join {s} >> "$RAN_LOG"
              echo {input.first} : {input.second} > {output}
        """)
    for name in ("a-1", "a-2", "b-1", "b-2", "c-1", "c-2"):
        space.write(f"in/{name}.txt", name)
    space.write("data/p.csv", "n,kind\na,x\nb,x\n")
    space.write("data/q.csv", "n,kind\na,y\n")
    space.good()
    assert space.ran == ["join p", "join q"]
    assert space.read("out/p.txt") == "in/a-1.txt in/a-2.txt in/b-1.txt in/b-2.txt : in/b-1.txt\n"
    assert space.read("out/q.txt") == "in/a-1.txt in/a-2.txt :\n"
    assert space.good().summary["built"] == 0
    space.write("data/q.csv", "n,kind\nc,y\n")
    space.good()
    assert space.ran == ["join q"]
    assert space.read("out/q.txt") == "in/c-1.txt in/c-2.txt : in/c-1.txt\n"


def test_one_file_that_a_list_says_arrives_as_one(space: Space) -> None:
    space.workflow("""
        rules:
          best:
            input: scores.txt
            output: build/best.txt
            shell: sort -n {input} | head -n 1 | cut -d ' ' -f 2 > {output}
          take:
            input: {path: "in/{n}.txt", n: {lines: build/best.txt}, one: true}
            output: out.txt
            run: steps:take
        """)
    space.write(
        "steps.py",
        "from pathlib import Path\n"
        "def take(input: Path, output):\n"
        "    output.write_bytes(input.read_bytes())\n",
    )
    space.write("scores.txt", "2 a\n1 b\n")
    space.write("in/a.txt", "A")
    space.write("in/b.txt", "B")
    space.good("take")
    assert space.read("out.txt") == "B"
    space.write("scores.txt", "1 a\n2 b\n")
    space.good("take")
    assert space.read("out.txt") == "A"
    space.replace("Workflowfile", "head -n 1", "head -n 2")
    flow = space.run("take")
    assert flow.status == 1 and "is said to be one file" in flow.text and "there are 2" in flow.text


MADE = """\
rules:
  all:
    input: [out/a.txt, out/total.txt]
  list:
    input: data/list.txt
    output: build/list.txt
    shell: cp {input} {output}
  make:
    input: data/text.txt
    output:
      parts: {path: "made/{n}.txt", n: {lines: build/list.txt}}
      index: made/index.md
"""
MAKE = {
    "shell": """\
    shell: |
      echo make >> "$RAN_LOG"
      for part in {output.parts}; do cp {input} $part; done; echo {output.parts} > {output.index}
""",
    "run": "    run: steps:make\n",
}
TAKE = """\
  take:
    input: made/a.txt
    output: out/a.txt
    shell: |
      echo take >> "$RAN_LOG"
      cp {input} {output}
  total:
    input: {path: "made/{n}.txt", n: {lines: build/list.txt}}
    output: out/total.txt
    shell: |
      echo total >> "$RAN_LOG"
      cat {input} > {output}
"""


@pytest.mark.parametrize("way", MAKE)
def test_an_output_is_what_a_list_says_that_a_rule_makes(space: Space, way: str) -> None:
    space.write("Workflowfile", MADE + MAKE[way] + TAKE)
    space.write(
        "steps.py",
        "import os\n"
        "def make(input, parts: list, index):\n"
        "    open(os.environ['RAN_LOG'], 'a').write('make\\n')\n"
        "    for part in parts:\n"
        "        part.write_bytes(input.read_bytes())\n"
        "    index.write_text(' '.join(part.name for part in parts))\n",
    )
    space.write("data/list.txt", "b\na\n")
    space.write("data/text.txt", "text\n")
    before = space.snapshot()
    assert "nothing wrong" in space.flow("check").stdout
    dry = space.good("-n")
    assert dry.planned == {"list"} and {"take", "total"} <= dry.deferred
    for target in ("make", "made/a.txt", "made/index.md"):
        assert space.good("-n", target).planned == {"list"}
    assert space.snapshot() == before
    flow = space.good()
    assert space.ran == ["make", "take", "total"], flow.text
    assert space.read("out/total.txt") == "text\ntext\n"
    assert space.good().counts() == (0, 4, 0, 0)
    space.write("data/list.txt", "b\na\nc\n")
    dry = space.good("-n")
    assert dry.planned == {"list"} and {"take", "total"} <= dry.deferred
    space.good()
    assert space.ran == ["make", "total"]
    assert space.files("made") == ["made/a.txt", "made/b.txt", "made/c.txt", "made/index.md"]
    space.write("made/c.txt", "mine\n")
    space.good()
    assert space.ran == ["make"]
    # What the list does not say any more is an orphan.
    space.write("data/list.txt", "b\na\n")
    flow = space.good()
    assert space.ran == ["make", "total"]
    assert "made/c.txt" in flow.text
    assert "made/c.txt" in space.flow("clean", "--orphans").stdout
    assert space.files("made") == ["made/a.txt", "made/b.txt", "made/index.md"]
    # Before the list is settled nothing is said to be an orphan.
    space.write("data/list.txt", "b\na\nd\n")
    assert "made/" not in space.flow("clean", "--orphans", "-n").stdout
    space.write("data/list.txt", "b\n")
    space.delete("made/a.txt")
    flow = space.run()
    assert flow.status == 1 and "made/a.txt" in flow.text


@pytest.mark.parametrize(
    ("said", "wrong"),
    [("", "the lines of build/list.txt gives no values"), ("../x\n", "holds '../x', which cannot")],
)
def test_a_list_that_gives_no_output_is_an_error_of_the_run(
    space: Space, said: str, wrong: str
) -> None:
    space.write("Workflowfile", MADE + MAKE["shell"])
    space.replace("Workflowfile", "[out/a.txt, out/total.txt]", "made/index.md")
    space.write("data/list.txt", said)
    space.write("data/text.txt", "text\n")
    flow = space.run()
    assert flow.status == 1, flow.text
    assert "the output made/{n}.txt of rule 'make' gives no path" in flow.text
    assert wrong in flow.text and space.ran == []
    assert not space.exists("made")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("n: {same: s}", "a b c"),
        ("n: {same: t}", "b a"),
        ("n: {range: 2}", "0 1"),
        ("n: {values: [b], match: {n: '[a-z]'}}", "b"),
        ("n: {lines: data/list.txt, except: {n: a}}", "b"),
        ("n: {keys: config.names}", "x y"),
        ("n: 'data/{n}.txt'", "list"),
    ],
)
def test_each_form_of_values_may_stand_in_an_entry(space: Space, form: str, said: str) -> None:
    space.write("data/list.txt", "b\na\n")
    for name in [*"abcxy01", "list"]:
        space.write(f"in/{name}.txt", "")
    space.workflow(f"""
        config: {{names: {{x: 1, y: 2}}}}
        wildcards: {{s: [a, b, c], t: {{lines: build/t.txt}}}}
        rules:
          t: {{input: data/list.txt, output: build/t.txt, shell: "cp {{input}} {{output}}"}}
          join:
            input: {{path: "in/{{n}}.txt", {form}}}
            output: out.txt
            shell: echo {{input:name}} > {{output}}
        """)
    space.good("join")
    assert space.read("out.txt").replace(".txt", "") == f"{said}\n"


@pytest.mark.parametrize("form", ["[0, 1]", "{lines: y.txt}"])
def test_the_order_of_the_keys_changes_nothing(space: Space, form: str) -> None:
    text = """\
rules:
  r:
    input: {path: "{p}-{y}", %s}
    output: {path: "out/{p}-{y}", %s}
    shell: for file in {output}; do echo {input} > $file; done
  list: {output: y.txt, shell: 'printf "0\\n1\\n" > {output}'}
"""
    for name in ("b-0", "b-1", "a-0", "a-1"):
        space.write(name, name)
    y = f"y: {form}"
    space.write("Workflowfile", text % (f"p: [b, a], {y}", "p: [b, a], y: [0, 1]"))
    space.good("r")
    assert space.read("out/a-1") == "b-0 b-1 a-0 a-1\n"
    space.write("Workflowfile", text % (f"{y}, p: [b, a]", "y: [0, 1], p: [b, a]"))
    assert space.good("r").summary["built"] == 0


def test_pairs_of_a_key_may_stand_in_an_entry(space: Space) -> None:
    for name in ("ab", "ac", "bc"):
        space.write(f"in/{name}", name)
    space.workflow("""
        wildcards: {s: [a, b, c]}
        rules:
          join:
            input: {path: "in/{n}{m}", "n, m": {pairs: s}}
            output: out.txt
            shell: cat {input} > {output}
        """)
    space.good("join")
    assert space.read("out.txt") == "abacbc"


@pytest.mark.parametrize(
    "make",
    [
        'output: {path: "made/{n}", n: {lines: build/list.txt}}\n    shell: touch {output}',
        "output: made/{m}\n    scatter: m\n    shell: touch {output}/a {output}/b",
    ],
)
def test_all_that_a_rule_makes_is_known_with_its_list(space: Space, make: str) -> None:
    space.write(
        "Workflowfile",
        f"""\
wildcards: {{m: {{lines: build/list.txt}}}}
rules:
  all:
    input: {{rule: make}}
  list:
    input: list.txt
    output: build/list.txt
    shell: cp {{input}} {{output}}
  make:
    {make}
  total:
    input: {{rule: make}}
    output: total.txt
    shell: echo {{input:name}} > {{output}}
""",
    )
    space.write("list.txt", "b\na\n")
    for target in ("all", "total"):
        dry = space.good("-n", target)
        assert dry.planned == {"list"} and dry.deferred <= {"make", "total"}, dry.text
    space.good("total")
    assert space.read("total.txt") == "b a\n"
    assert space.good().summary["built"] == 0


def test_lists_that_tell_more_while_other_jobs_run(space: Space) -> None:
    """Outputs and values of a scatter by lists, known one after the other in one run."""
    space.workflow("""
        wildcards:
          k: {range: 20}
          part: {lines: build/parts.txt}
        rules:
          all: {input: [slow.txt, out/a.txt, first.txt, uses.txt, total.txt]}
          slow:
            output: slow.txt
            shell: until [ -e uses.txt ]; do sleep 0.05; done; touch {output}
          k: {output: "k/{k}.txt", shell: "echo {k} > {output}"}
          names: {input: names.txt, output: build/names.txt, shell: "cp {input} {output}"}
          make:
            input: names.txt
            output: {path: "made/{n}.txt", n: {lines: build/names.txt}}
            shell: for f in {output}; do basename $f .txt > $f; done
          take: {input: made/a.txt, output: out/a.txt, shell: "cp {input} {output}"}
          parts:
            input: {path: "made/{n}.txt", n: {lines: build/names.txt}}
            output: build/parts.txt
            shell: cat {input} > {output}
          cut:
            input: build/parts.txt
            output: cut/{part}-{x}
            scatter: [part, x]
            shell: for p in $(cat {input}); do touch {output}/$p-1 {output}/$p-2; done
          use: {input: "cut/{part}-{x}", output: "use/{part}-{x}", shell: "cp {input} {output}"}
          first:
            input: {path: "use/{q}-1", q: {lines: build/parts.txt}}
            output: first.txt
            shell: echo {input} > {output}
          uses: {input: "use/{part}-{x}", output: uses.txt, shell: "echo {input} > {output}"}
          total:
            input: ["use/{part}-{x}", "k/{k}.txt"]
            output: total.txt
            shell: echo {input:name} > {output}
        """)

    def run(names: str) -> str:
        space.write("names.txt", names)
        for name in ("slow.txt", "uses.txt"):
            if space.exists(name):
                space.delete(name)
        space.good("-j", "3")
        assert space.good().summary["built"] == 0
        return space.read("uses.txt")

    assert run("a\nb\n") == "use/a-1 use/a-2 use/b-1 use/b-2\n"
    assert run("a\nb\nc\n") == "use/a-1 use/a-2 use/b-1 use/b-2 use/c-1 use/c-2\n"
    assert run("c\na\n") == "use/c-1 use/c-2 use/a-1 use/a-2\n"
    assert space.read("first.txt") == "use/c-1 use/a-1\n"
    assert space.read("total.txt").startswith("c-1 c-2 a-1 a-2 0.txt 1.txt 2.txt")
    assert space.good("-B").summary["differ"] == {}


def test_a_gathered_name_has_a_value_for_each_file_of_an_entry_with_own_values(
    space: Space,
) -> None:
    space.workflow("""
        wildcards: {n: [x, y]}
        rules:
          all: {input: [o, s]}
          o:
            input: {e: {path: "in/{n}_{w}", w: [1, 2]}}
            output: o
            params: {p: "{n}"}
            run: steps:pairs
          s:
            input: {e: {path: "in/{n}_{w}", w: [1, 2]}, g: "in/{n}_1"}
            output: s
            shell: "echo {n} = {input.e:name} > {output}"
        """)
    space.write(
        "steps.py",
        "def pairs(e, n, p, output):\n"
        "    assert n == p\n"
        "    output.write_text(' '.join(a + b.name for a, b in zip(n, e)))\n",
    )
    for path in ("in/x_1", "in/x_2", "in/y_1", "in/y_2"):
        space.write(path, "")
    space.good()
    assert space.read("o") == "xx_1 yy_1 xx_2 yy_2"
    assert space.read("s") == "x y x y = x_1 y_1 x_2 y_2\n"


@pytest.mark.parametrize(
    "values", ["[./mid.txt]", "{lines: list.txt}", "[mid.txt, ./mid.txt, d/../mid.txt]"]
)
def test_an_own_value_that_is_a_path_is_taken_by_its_one_spelling(
    space: Space, values: str
) -> None:
    space.workflow(f"""
        rules:
          a:
            input: {{path: "{{n}}", n: {values}}}
            output: o
            shell: echo {{input}} > {{output}}; cat {{input}} >> {{output}}
          m: {{input: src, output: mid.txt, shell: "cp {{input}} {{output}}"}}
        """)
    space.write("list.txt", "./mid.txt\n.//mid.txt\n")
    for text in ("v1\n", "v2\n"):
        space.write("src", text)
        space.good("a")
        assert space.read("o") == f"mid.txt\n{text}"


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        (
            'input: {path: "d/{n}", n: [a, ../z]}',
            "the value '../z' of {n} cannot fill a path: '..'",
        ),
        ('input: {path: "d/{n}", n: [a, .]}', "the value '.' of {n} cannot fill a path: '.' never"),
        ('input: {path: "d/{n}", n: [a, ""]}', "an empty value of {n} cannot fill a path"),
        ('input: {path: "d/{n}", n: [a/b]}', "constraints: {n: '.*'}"),
        ('input: {path: "{n}", n: [a, ""]}', "an empty value of {n} is no path"),
        ('output: {path: "{n}", n: [../escaped]}', "'..' never fills a part of one"),
        ('output: {path: "e/{n}", n: [../w]}', "'..' never fills a part of one"),
        (
            'output: {path: "e/{n}", n: [b, ""]}\n    constraints: {n: ".*"}',
            "an empty value of {n} leaves a part of a path empty: e/",
        ),
        (
            'output: {path: "{n}", n: ["ROOT/x"]}\n    constraints: {n: ".*"}',
            "leaves a part of a path empty: /",
        ),
        (
            'output: {path: "e/{n}", n: [b]}\n    constraints: {n: "a"}',
            "the constraints of rule 'rule' leave no value of n for e/{n}",
        ),
    ],
)
def test_own_values_that_cannot_fill_a_path_are_refused(
    space: Space, entry: str, wrong: str
) -> None:
    entry = entry.replace("ROOT", str(space.root))
    output = "" if entry.startswith("output") else "\n    output: o"
    shell = "shell: touch {output}"
    space.write("Workflowfile", f"rules:\n  rule:\n    {entry}{output}\n    {shell}\n")
    space.write("z", "")
    for args in (["check"], ["rule"]):
        flow = space.flow(*args)
        assert flow.status == 2 and wrong in flow.text, flow.text
    assert space.files("e") == [] and not space.exists("../escaped")


def test_a_constraint_lets_own_values_pass_and_limits_them(space: Space) -> None:
    space.workflow("""
        rules:
          make:
            output: {path: "e/{n}", n: {values: [a/b, c, d/e], match: {n: ".*/.*"}}}
            constraints: {n: "a.*"}
            shell: touch {output}
        """)
    space.good("make")
    assert space.files("e") == ["e/a/b"]


@pytest.mark.parametrize(
    ("form", "sources"),
    [
        ("n: [p, q]", "a b_sum c_d_sum"),
        ("n: {lines: list.txt}", "a b_sum c_d_sum"),
        ("n: {values: [p, c_d], match: {n: 'p'}}", "a b_sum c_d_sum q_sum"),
        ("n: {lines: made.txt}", "a"),
    ],
)
def test_only_the_files_for_which_an_output_stands_are_no_sources(
    space: Space, form: str, sources: str
) -> None:
    space.workflow(f"""
        wildcards: {{s: "x/{{s}}.txt"}}
        rules:
          all: {{input: "x/{{s}}.txt", output: all.txt, shell: "echo {{s}} > {{output}}"}}
          list: {{input: list.txt, output: made.txt, shell: "cp {{input}} {{output}}"}}
          n: {{output: {{path: "x/{{n}}_sum.txt", {form}}}, shell: "touch {{output}}"}}
        """)
    space.write("list.txt", "p\nq\n")
    for name in ("a", "b_sum", "c_d_sum", "p_sum", "q_sum"):
        space.write(f"x/{name}.txt", "")
    space.good("all")
    assert space.read("all.txt") == f"{sources}\n"


def test_values_that_go_together_stand_for_their_own_files_only(space: Space) -> None:
    space.workflow("""
        wildcards: {s: "x/{s}"}
        rules:
          all: {input: "x/{s}", output: all.txt, shell: "echo {s} > {output}"}
          n:
            output: {path: "x/{d}{n}{m}", "n, m": [[1, 2], [3, 4]]}
            constraints: {d: "[a-z]"}
            shell: touch {output}
        """)
    for name in ("a12", "b34", "a14", "12"):
        space.write(f"x/{name}", "")
    space.good("all")
    assert space.read("all.txt") == "12 a14\n"


def test_what_is_odd_in_own_values_is_said_as_of_those_of_wildcards(space: Space) -> None:
    for name in ("raw/1", "raw/made"):
        space.write(name, "")
    space.workflow("""
        rules:
          all: {input: [g, {path: "out/{n}", n: [1, 1, 2]}, {path: "out/{m}", m: [3]}]}
          made: {output: raw/made, shell: "touch {output}"}
          out: {output: "out/{k}", shell: "touch {output}"}
          g:
            input: {path: "raw/{f}", f: "raw/{f}"}
            output: g
            shell: echo {input} > {output}
        """)
    said = [
        "Workflowfile:2:41: '1' stands twice in n and counts once",
        "1 file passed over as values of f in rule g: rules make them",
    ]
    assert json.loads(space.flow("check", "--json").stdout)["notes"] == said
    assert f"warning: {said[0]}\n" in space.flow("-q", "g").stderr
    assert space.read("g") == "raw/1\n"
