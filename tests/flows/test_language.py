"""Rules: inputs, outputs, targets, params, config, include and defaults."""

import json

import pytest


def test_the_first_rule_is_the_default_target(space):
    space.workflow("""
        rules:
          first:
            output: a.txt
            shell: echo a > {output}
          second:
            output: b.txt
            shell: echo b > {output}
        """)
    assert space.good().built == {"first"}
    assert space.files() == ["Workflowfile", "a.txt"]


def test_a_map_a_gather_and_a_named_input_shared_by_all(space):
    for name in ["1", "2"]:
        space.write(f"data/{name}.csv", f"{name}\n")
    space.write("key.txt", "key\n")
    space.workflow("""
        wildcards:
          month: data/{month}.csv
          rep: {range: 2}
        rules:
          summary:
            input:
              boots: build/{month}/{rep}.txt
              key: key.txt
            output: out.txt
            shell: echo {input.key} {input.boots} > {output}; cat {input} >> {output}
          boot:
            input: data/{month}.csv
            output: build/{month}/{rep}.txt
            shell: echo {month} {rep} {wildcards.rep} > {output}
        """)
    flow = space.good()
    assert flow.built == {"summary", "boot 1 0", "boot 1 1", "boot 2 0", "boot 2 1"}
    assert space.lines("out.txt") == [
        "key.txt build/1/0.txt build/1/1.txt build/2/0.txt build/2/1.txt",
        *["1 0 0", "1 1 1", "2 0 0", "2 1 1", "key"],
    ]


def test_inputs_are_counted_by_paths_and_lists_are_flat(space):
    for name in "abcd":
        space.write(f"{name}.txt", "")
    space.workflow("""
        rules:
          make:
            input: [a.txt, [b.txt, c.txt], d.txt]
            output: [x.txt, y.txt]
            shell: |
              echo {input[1]} {input[3]} > {output[0]}
              echo {input} > {output[1]}
        """)
    space.good()
    assert space.read("x.txt") == "b.txt d.txt\n"
    assert space.read("y.txt") == "a.txt b.txt c.txt d.txt\n"


def test_named_outputs_are_made_by_one_job(space):
    space.workflow("""
        rules:
          make:
            output: {one: d/1.txt, two: d/2.txt}
            shell: echo 1 > {output.one}; echo 2 > {output.two}
        """)
    assert space.good("d/2.txt").built == {"make"}
    assert space.read("d/1.txt") == "1\n"


def test_a_function_gets_paths_lists_and_named_things(space):
    space.write("a.txt", "")
    space.write(
        "steps.py",
        """\
from pathlib import Path


def make(one, many, out, log_, size, wildcards=None):
    assert isinstance(one, Path) and isinstance(many, list)
    out.write_text(f"{one} {[str(path) for path in many]} {size}")
    log_.write_text("done")


def whole(input, output, params):
    output.write_text(f"{input.one} {input.many[0]} {params.size}")
""",
    )
    space.workflow("""
        rules:
          make:
            input: {one: a.txt, many: ["{n}.txt"]}
            output: {out: out.txt, log_: log.txt}
            params: {size: 3}
            run: steps:make
          whole:
            input: {one: a.txt, many: ["{n}.txt"]}
            output: whole.txt
            params: {size: 3}
            run: steps:whole
        wildcards:
          n: [a]
        """)
    space.good("make", "whole")
    assert space.read("out.txt") == "a.txt ['a.txt'] 3"
    assert space.read("whole.txt") == "a.txt a.txt 3"


def test_params_keep_their_types_by_the_core_schema(space):
    space.write(
        "steps.py",
        """\
import json


def make(output, i, f, t, n, s, no, time, many, deep, lone, text, far):
    output.write_text(json.dumps([i, f, t, n, s, no, time, many, deep, lone, text, far]))
""",
    )
    space.workflow("""
        config: {n: 5, deep: {far: [1, 2.5]}}
        rules:
          make:
            output: out.json
            params:
              i: 12
              f: 0.5
              t: true
              n: null
              s: "01"
              no: no
              time: 1:30
              many: [1, a]
              deep: {k: {j: 1}}
              lone: "{config.n}"
              text: "n is {config.n}"
              far: "{config.deep.far[1]}"
            run: steps:make
        """)
    space.good()
    assert json.loads(space.read("out.json")) == [
        *[12, 0.5, True, None, "01", "no", "1:30", [1, "a"], {"k": {"j": 1}}],
        *[5, "n is 5", 2.5],
    ]


def test_defaults_are_merged_with_a_rule_whose_keys_win(space):
    space.workflow("""
        defaults:
          params: {x: 1, y: 2}
          env: {WORD: default}
        rules:
          all:
            input: [a.txt, b.txt]
          a:
            output: a.txt
            shell: echo {params.x} {params.y} $WORD > {output}
          b:
            output: b.txt
            params: {y: 3}
            env: {WORD: mine}
            shell: echo {params.x} {params.y} $WORD > {output}
        """)
    space.good()
    assert (space.read("a.txt"), space.read("b.txt")) == ("1 2 default\n", "1 3 mine\n")


@pytest.mark.parametrize(
    "default",
    ['log: "lg/{s}.log"', 'params: {p: "{s}"}', 'env: {E: "{s}"}', "seed: {by: [s]}"],
)
def test_a_rule_that_only_asks_takes_no_defaults_of_actions(space, default):
    space.workflow(f"""
        wildcards: {{s: [a, b]}}
        defaults: {{{default}}}
        rules:
          all: {{input: [o/a, o/b]}}
          make: {{output: "o/{{s}}", shell: "echo {{log}} > {{output}}"}}
        """)
    assert space.good().built == {"make a", "make b"}
    assert space.good().counts() == (0, 2, 0, 0)


def test_include_brings_rules_wildcards_config_and_defaults_of_its_own(space):
    space.source(
        "parts/more.yaml",
        """
        config: {x: included, y: included}
        wildcards:
          n: [1, 2]
        defaults:
          env: {WORD: part}
        rules:
          part:
            input: in.txt
            output: out/{n}.txt
            shell: echo {n} {config.x} {config.y} $WORD > {output}
        """,
    )
    space.write("in.txt", "")
    space.workflow(
        """
        include: "parts/{config.file}.yaml"
        config: {x: own, file: more}
        rules:
          all:
            input: ["out/{n}.txt", own.txt]
          own:
            output: own.txt
            shell: echo ${WORD-none} > {output}
        """
    )
    space.good()
    assert space.read("out/1.txt") == "1 own included part\n"
    assert space.read("own.txt") == "none\n"


def test_config_files_are_merged_key_by_key_and_later_ones_win(space):
    space.write("base.yaml", "a: {x: 1, y: 1}\nlist: [1, 2]\n")
    space.write("more.json", '{"a": {"y": 2}, "list": [3]}')
    space.workflow("""
        config:
          - base.yaml
          - more.json
          - {path: local.yaml, optional: true}
          - z: 1
        rules:
          make:
            output: out.txt
            shell: echo {config.a.x} {config.a.y} {config.list} {config.z} > {output}
        """)
    space.good()
    assert space.read("out.txt") == "1 2 3 1\n"
    space.write("local.yaml", "a: {x: 9}\n")
    space.good()
    assert space.read("out.txt") == "9 2 3 1\n"
    space.write("cli.yaml", "a: {y: 8}\nz: 8\n")
    space.good("--config", "a.x=7", "--config", "cli.yaml", "--config", "z=5", "--config", "z=6")
    assert space.read("out.txt") == "7 8 3 6\n"


def test_config_stands_in_patterns_and_in_config_itself(space):
    space.write("data/a.txt", "a\n")
    space.workflow("""
        config: {top: data, where: "{config.top}/{n}.txt"}
        wildcards:
          n: "{config.where}"
        rules:
          all:
            input: out/{n}.txt
          make:
            input: "{config.where}"
            output: out/{n}.txt
            shell: cp {input} {output}
        """)
    space.good()
    assert space.read("out/a.txt") == "a\n"


def test_the_pattern_of_another_rules_output(space):
    space.workflow("""
        wildcards:
          n: [1, 2]
        rules:
          all:
            input: "{rules.make.output.main}"
            output: all.txt
            shell: echo {input} > {output}
          make:
            output: {main: "out/{n}.txt", side: "out/{n}.side"}
            shell: echo {n} > {output.main}; echo {n} > {output.side}
        """)
    space.good()
    assert space.read("all.txt") == "out/1.txt out/2.txt\n"


def test_all_that_a_rule_makes_is_an_input(space):
    space.workflow("""
        wildcards:
          n: [1, 2]
        rules:
          all:
            input: {rule: make}
          make:
            output: out/{n}.txt
            shell: echo {n} > {output}
        """)
    space.good()
    assert space.files("out") == ["out/1.txt", "out/2.txt"]


def test_anchors_aliases_and_merge_keys_work(space):
    space.workflow("""
        rules:
          a: &a
            output: a.txt
            params: &p {x: 1}
            shell: echo {params.x} > {output}
          b:
            <<: *a
            output: b.txt
            params:
              <<: *p
              y: 2
        """)
    space.good("a", "b")
    assert (space.read("a.txt"), space.read("b.txt")) == ("1\n", "1\n")


def test_a_config_file_with_an_equals_sign_is_looked_for_where_it_is_typed(space):
    space.write("sub/d/x=1.yaml", "a: 7\n")
    space.workflow("""
        config: {a: 1}
        rules: {r: {output: out, shell: "echo {config.a} > {output}"}}
        """)
    space.good("--config", "d/x=1.yaml", cwd="sub")
    assert space.read("out") == "7\n"


def test_params_that_config_gives_may_be_a_call(space):
    space.source("steps.py", "def ask(w):\n    return {'big': w.upper()}\n")
    space.workflow("""
        config: {asked: {call: "steps:ask"}}
        wildcards: {w: [a]}
        rules:
          all: {input: "{w}.txt"}
          r: {output: "{w}.txt", params: "{config.asked}", shell: "echo {params.big} > {output}"}
        """)
    space.good()
    assert space.read("a.txt") == "A\n"


def test_what_a_wildcard_picks_is_no_list_because_another_key_is(space):
    space.workflow("""
        config: {a: {b: [1, 2], k: {b: z}}}
        wildcards: {w: [k]}
        rules:
          all: {input: "{w}.txt"}
          r: {output: "{w}.txt", shell: "echo '{config.a[w].b}' {config.a.b} > {output}"}
        """)
    space.good()
    assert space.read("k.txt") == "z 1 2\n"
