"""Targets, and which rule makes a path."""

import pytest

from .space import Space


def test_a_free_wildcard_takes_its_value_from_the_path(space):
    space.workflow("""
        rules:
          make:
            output: out/{n}.txt
            shell: echo {n} > {output}
        """)
    assert space.good("out/7.txt", "./out/x/../8.txt").built == {"make 7", "make 8"}
    assert space.read("out/8.txt") == "8\n"


def test_a_constraint_decides_which_rule_makes_a_path(space):
    space.workflow("""
        rules:
          number:
            output: out/{n}.txt
            constraints: {n: '\\d+'}
            shell: echo number > {output}
          word:
            output: out/{n}.txt
            constraints: {n: "[a-z]+"}
            shell: echo word > {output}
        """)
    space.good("out/12.txt", "out/ab.txt")
    assert (space.read("out/12.txt"), space.read("out/ab.txt")) == ("number\n", "word\n")
    assert space.flow("out/a1.txt").status == 2


def test_a_constraint_filters_the_jobs_of_a_rule(space):
    space.workflow("""
        wildcards:
          n: [1, 2, a]
        rules:
          make:
            output: out/{n}.txt
            constraints: {n: "[0-9]+"}
            shell: echo {n} > {output}
        """)
    assert space.good().built == {"make 1", "make 2"}


def test_a_pattern_that_rules_make_stands_for_what_their_constraints_allow(space: Space):
    space.workflow("""
        wildcards:
          n: [1, 2, a, b, Z]
        rules:
          number:
            output: out/{n}.txt
            log: log/{n}.txt
            constraints: {n: "[0-9]+"}
            shell: echo {n} | tee {log} > {output}
          word:
            output: out/{n}.txt
            constraints: {n: "[a-z]+"}
            shell: echo {n} > {output}
          folder:
            output: "in/{n}/"
            constraints: {n: Z}
            shell: echo {n} > {output}/x.txt
          find:
            output: found/{k}.txt
            scatter: k
            shell: for k in 1 a; do echo $k > {output}/$k.txt; done
          use:
            input: found/{k}.txt
            output: used/{k}.txt
            constraints: {k: "[a-z]+"}
            shell: cp {input} {output}
        """)
    four = {"number 1", "number 2", "word a", "word b"}
    assert space.good("-n", "out/{n}.txt").planned == four
    assert space.good("log/{n}.txt").built == {"number 1", "number 2"}
    assert space.good("in/{n}/").built == {"folder Z"}
    assert space.good("used/{k}.txt").built == {"find", "use a"}
    assert space.good("out/{n}.txt").built == {"word a", "word b"}
    assert space.good("-n", "word", "--force", "out/{n}.txt").planned == four
    assert space.good("-n", "-B", "number", "word", "--omit", "out/{n}.txt").planned == set()
    space.good("clean", "./out/{n}.txt")
    assert space.files("out") == []
    # One that no rule makes stands for all values.
    assert "other/1.txt" in space.flow("-n", "other/{n}.txt").stderr


def test_prefer_decides_between_two_rules(space):
    space.workflow("""
        rules:
          low:
            output: out/{n}.txt
            shell: echo low > {output}
          high:
            output: out/{n}.txt
            prefer: 2
            shell: echo high > {output}
          exact:
            output: out/exact.txt
            shell: echo exact > {output}
        """)
    space.good("out/a.txt", "out/exact.txt")
    assert (space.read("out/a.txt"), space.read("out/exact.txt")) == ("high\n", "exact\n")


def test_a_rule_whose_inputs_cannot_be_had_drops_out(space):
    space.write("b.src", "b\n")
    space.workflow("""
        rules:
          one:
            input: "{n}.missing"
            output: out/{n}.txt
            prefer: 9
            shell: echo one > {output}
          two:
            input: "{n}.src"
            output: out/{n}.txt
            shell: echo two > {output}
        """)
    space.good("out/b.txt")
    assert space.read("out/b.txt") == "two\n"


def test_what_is_needed_no_more_need_not_be_chosen(space):
    space.workflow("""
        rules:
          all: {input: x.a}
          best:
            input: ["{p}.gone", "{p}.b"]
            output: "{p}.a"
            prefer: 1
            shell: "cat {input} > {output}"
          next: {input: "{p}.d", output: "{p}.a", shell: "cat {input} > {output}"}
          one: {input: "{p}.e", output: "{p}.b", shell: "cat {input} > {output}"}
          two: {input: "{p}.e", output: "{p}.b", shell: "cat {input} > {output}"}
        """)
    for name in ("x.d", "x.e"):
        space.write(name, "")
    assert space.good().built == {"next x"}
    space.write("x.gone", "")
    assert "x.b is made by more than one job" in space.run().text


CHAIN = """
rules:
  all: {input: main.exe}
  ld: {input: "{p}.o", output: "{p}.exe", shell: "cat {input} > {output}"}
  as: {input: "{p}.c", output: "{p}.o", shell: "cat {input} > {output}"}
  yacc: {input: "{p}.y", output: "{p}.c", shell: "cat {input} > {output}"}
  other: {input: "{p}.z", output: "{p}.c", shell: "cat {input} > {output}"}
"""


@pytest.mark.parametrize("there", [["main.exe"], ["main.exe", "main.o"], ["main.o"]])
@pytest.mark.parametrize("target", [[], ["main.exe"], ["main.exe", "main.o"]])
def test_what_is_made_from_a_source_that_a_free_rule_fits_is_no_source(space, there, target):
    space.workflow(CHAIN)
    for name in there:
        space.write(name, "old\n")
    space.write("main.c", "new\n")
    assert space.good(*target).built == {"as main", "ld main"}
    assert space.read("main.exe") == space.read("main.o") == "new\n"
    space.delete("main.c")
    assert "main.y is not there" in space.run().text


@pytest.mark.parametrize("target", ["lit.up", "lit.txt", "lit", "use"])
def test_a_file_is_no_source_if_one_of_the_rules_that_it_fits_has_no_free_wildcard(space, target):
    space.workflow("""
        wildcards: {n: [lit]}
        rules:
          use: {input: "{n}.txt", output: "{n}.up", shell: "cp {input} {output}"}
          gen: {input: "{m}.src", output: "{m}.txt", shell: "cp {input} {output}"}
          lit: {input: nope, output: lit.txt, shell: "cp {input} {output}"}
        """)
    space.write("lit.txt", "there\n")
    refused = space.run(target)
    assert refused.status == 2
    assert "nope is not there" in refused.text
    assert "needed by lit" in refused.text
    space.write("nope", "made\n")
    space.good(target)
    assert space.read("lit.txt") == "made\n"


@pytest.mark.parametrize(("mode", "word"), [("fast", "quick"), ("exact", "slow")])
def test_a_rule_is_there_only_when_the_config_says_so(space, mode, word):
    space.workflow("""
        config: {mode: fast, deep: {on: true}}
        rules:
          all:
            input:
              - out.txt
              - {path: extra.txt, when: {mode: [exact]}}
          quick:
            output: out.txt
            when: {mode: [fast], deep.on: true}
            shell: echo quick > {output}
          slow:
            output: out.txt
            when: {mode: exact}
            shell: echo slow > {output}
          extra:
            output: extra.txt
            shell: echo extra > {output}
        """)
    space.good("--config", f"mode={mode}")
    assert space.read("out.txt") == f"{word}\n"
    assert space.exists("extra.txt") == (mode == "exact")


@pytest.mark.parametrize(
    "action",
    ['shell: "echo a{a}. {input.x} > {output}"', 'run: "steps:tells"', 'run: "steps:takes"'],
)
def test_wildcards_of_an_input_that_is_left_out_have_no_values(space, action):
    space.source(
        "steps.py",
        "def tells(x, a, output): output.write_text(f'a{*a,}. {x}')\n"
        "def takes(x, output): output.write_text(f'{x}')\n",
    )
    space.workflow(f"""
        config: {{mode: slow}}
        wildcards: {{a: [1, 2]}}
        rules:
          use:
            input: {{x: {{path: "in/{{a}}.txt", when: {{mode: fast}}}}}}
            output: out.txt
            {action}
        """)
    assert space.flow("check").status == 0
    space.good()
    left_out = space.read("out.txt")
    space.replace("Workflowfile", "when: {mode: fast}", "optional: true")
    space.good("-B")
    assert space.read("out.txt") == left_out
    space.write("in/1.txt", "")
    space.write("in/2.txt", "")
    space.good()
    assert space.read("out.txt") != left_out


@pytest.mark.parametrize("words", ["", "-n", "status", "check", "adopt", "{x}", "--tag t"])
def test_that_no_rule_is_there_is_one_error(quick_space: Space, words: str):
    quick_space.workflow("""
        config: {t: false}
        rules:
          a: {when: {t: true}, output: a, shell: 'echo > {output}'}
          b: {when: {t: [x, y]}, output: b, shell: 'echo > {output}'}
        """)
    flow = quick_space.flow(*words.split())
    assert flow.status == 2
    assert "no rule is there: 'a' is only when config.t is true (it is false); 'b' is" in flow.text
    assert quick_space.flow("--config", "t=true").status == 0


def test_a_rule_with_an_action_and_no_output_runs_whenever_it_is_asked_for(space):
    space.workflow("""
        rules:
          tell:
            shell: echo tell >> "$RAN_LOG"
        """)
    for _ in range(2):
        assert space.good().counts() == (1, 0, 0, 0)
        assert space.ran == ["tell"]


def test_targets_are_rules_paths_and_patterns_from_the_current_folder(space):
    space.workflow("""
        wildcards:
          n: [1, 2]
        rules:
          make:
            output: sub/{n}.txt
            shell: echo {n} > {output}
          other:
            output: sub/other.md
            shell: echo x > {output}
        """)
    space.path("sub").mkdir()
    assert space.good("2.txt", cwd="sub").built == {"make 2"}
    assert space.good("sub/{n}.txt").built == {"make 1"}
    assert space.good("other", cwd="sub").built == {"other"}


def test_a_gather_of_what_an_absent_rule_scatters_names_the_rule_or_is_empty(space):
    workflow = """
        config: {mode: fast}
        rules:
          all:
            input: {path: "c/{k}", optional: OPTIONAL}
            output: out
            shell: "echo {input} of {k} > {output}"
          cut:
            when: {mode: exact}
            output: "c/{k}"
            scatter: k
            shell: touch {output}/1
        """
    space.workflow(workflow.replace("OPTIONAL", "false"))
    flow = space.run()
    assert flow.status == 2
    assert "rule cut scatters it, but is there only when config.mode is exact" in flow.text
    space.good("--config", "mode=exact")
    assert space.read("out") == "c/1 of 1\n"
    space.workflow(workflow.replace("OPTIONAL", "true"))
    space.good()
    assert space.read("out") == "of\n"
    space.good("--config", "mode=exact")
    assert space.read("out") == "c/1 of 1\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["statsu"], "did you mean the command `fileflow status`?"),
        (["chek", "-q"], "did you mean the command `fileflow check`?"),
        (["dryrun"], "did you mean `fileflow -n`?"),
        (["dry-run"], "did you mean `fileflow -n`?"),
        (["rerun"], "did you mean `fileflow --rerun`?"),
        (["b=2"], "each config value has an option of its own: --config b=2"),
        (["help"], "did you mean `fileflow --help`?"),
        (["-n", "lasst"], "did you mean 'last'?"),
        (["last", "statsu"], "known here: last"),
        (["why", "statsu"], "known here: last"),
        (["./last"], "the rule is asked for by its name alone: fileflow last"),
    ],
)
def test_a_word_that_is_nearly_a_command_is_told(space, words, hint):
    space.workflow("rules: {last: {output: o, shell: touch o}}")
    flow = space.flow(*words)
    assert (flow.status, hint in flow.stderr) == (2, True), flow.text


def test_many_sources_that_are_not_there_are_counted(space):
    space.workflow("""
        wildcards: {n: {range: 40}}
        rules:
          all: {input: "out/{n}"}
          a: {input: "in/{n}", output: "out/{n}", shell: "cp {input} {output}"}
        """)
    flow = space.flow()
    assert flow.status == 2
    assert "in/2 is not there, and no rule makes it (and so 37 more)" in flow.stderr
    assert len(flow.stderr.splitlines()) == 12


def test_no_message_moves_the_cursor(space):
    space.workflow("rules: {last: {output: o, shell: touch o}}")
    flow = space.flow("--config", "x\x1b[31m")
    assert "\x1b" not in flow.stderr and "x\\x1b[31m: there is no config file" in flow.stderr


def test_a_word_that_is_nearly_a_rule_with_the_name_of_a_command_is_told(space):
    space.workflow("rules: {clean: {output: o, shell: touch o}}")
    flow = space.flow("cleen")
    assert flow.status == 2
    assert "did you mean `fileflow run clean`, which builds the rule?" in flow.stderr


def test_a_rule_that_takes_a_made_file_twice_can_be_preferred(space):
    space.workflow("""
        rules:
          use: {input: c, output: d, shell: "cp {input} {output}"}
          a: {output: a, shell: "echo a > {output}"}
          best:
            input: {x: a, y: {path: a, order_only: true}, z: [a]}
            output: c
            prefer: 2
            shell: "echo best > {output}"
          other: {output: c, shell: "echo other > {output}"}
        """)
    space.good()
    assert space.read("d") == "best\n"


def test_as_many_requests_as_a_rule_has_jobs_are_not_all_its_jobs(space):
    space.workflow("""
        wildcards:
          sample, genome: [[s1, hg38], [s2, hg38], [s3, hg19]]
        rules:
          index: {input: "fa/{genome}", output: "ix/{genome}", shell: "cp {input} {output}"}
          map:
            input: "ix/{genome}"
            output: "map/{genome}/{sample}"
            shell: "cp {input} {output}"
          sum:
            input: "map/{genome}/{sample}"
            output: "sum/{genome}"
            shell: "cat {input} > {output}"
        """)
    space.write("fa/hg38", "x\n")
    planned = space.good("-n", "sum/hg38").planned
    assert planned == {"index hg38", "map hg38 s1", "map hg38 s2", "sum hg38"}
    assert space.good("sum/hg38").built == planned


def test_what_a_rule_asks_for_may_be_optional_for_who_asks_for_the_rule(space):
    space.workflow("""
        rules:
          out: {input: {rule: want}, output: o, shell: "echo {input} > {output}"}
          want: {input: [a, {path: b, optional: true}, {path: c, optional: true}]}
          c: {input: source, output: c, shell: "cp {input} {output}"}
        """)
    space.write("a", "")
    for change, expected in (
        (lambda: None, "a\n"),
        (lambda: space.write("b", ""), "a b\n"),
        (lambda: space.write("source", ""), "a b c\n"),
        (lambda: space.delete("b"), "a c\n"),
    ):
        change()
        space.good("out")
        assert space.read("o") == expected
        assert space.good("out").summary["built"] == 0
    space.delete("a")
    assert space.run("out").status == 2


def test_values_that_constraints_leave_out_cannot_be_asked_for_beside_a_free_one(space):
    space.workflow("""
        wildcards: {"g, a": [[k, 8], [m, 8]]}
        rules:
          one: {output: "one/{u}/{a}/{g}", constraints: {g: n}, shell: "touch {output}"}
        """)
    for path in ("one/x/7/n", "one/x/8/m"):
        flow = space.run(path)
        assert (flow.status, "no rule makes such a path" in flow.text) == (2, True), flow.text


def test_a_target_may_be_named_through_a_link_to_the_folder(space):
    space.workflow("rules: {a: {input: i, output: sub/o, shell: 'cp {input} {output}'}}")
    space.write("i", "1\n")
    link = space.outside / "link"
    link.symlink_to(space.root)
    assert space.good(f"{link}/sub/o").built == {"a"}
    space.write("i", "2\n")
    assert space.good(f"{link}/sub/o").built == {"a"}
    assert space.flow("clean", f"{link}/sub/o").status == 0
    assert not space.exists("sub/o")


@pytest.mark.parametrize("target", ["parts", "parts/", "./parts"])
def test_a_folder_in_which_rules_write_is_no_target(space, target):
    space.workflow("""
        wildcards: {n: {range: 3}}
        rules:
          part: {output: "parts/{n}.txt", shell: "echo {n} > {output}"}
        """)
    assert space.flow("part").status == 0
    space.delete("parts/1.txt")
    flow = space.flow(target)
    assert flow.status == 2 and "rule 'part' writes in it" in flow.text
    assert space.flow("parts/{n}.txt").status == 0 and space.exists("parts/1.txt")


def test_what_a_target_names_before_the_end_that_until_sets_stays_asked_for(space):
    space.workflow("""
        rules:
          all: {input: b.txt}
          a: {output: {path: a.txt, temp: true}, shell: "echo 1 > {output}"}
          b: {input: a.txt, output: b.txt, shell: "cp {input} {output}"}
        """)
    space.good("a", "b", "--until", "b")
    assert space.exists("a.txt")
    space.delete("a.txt")
    space.delete("b.txt")
    space.good("a.txt", "b.txt", "--until", "b")
    assert space.exists("a.txt")
    space.delete("a.txt")
    space.delete("b.txt")
    space.good("--until", "b")
    assert not space.exists("a.txt")


def test_status_counts_no_output_as_missing_that_nobody_needs(space):
    space.workflow("""
        rules:
          all: {input: a.txt}
          one: {output: [a.txt, {path: b.txt, temp: true}], shell: "touch {output}"}
        """)
    space.good()
    for words, said in (
        ([], "1 absent, not needed"),
        (["all"], "1 absent, not needed"),
        (["one"], "1 missing"),
    ):
        assert said in space.flow("status", *words).stdout
    space.delete("a.txt")
    assert "1 missing" in space.flow("status").stdout
