"""Flags of inputs and outputs, folders, and what an action finds where it runs."""

import os
import shutil
import stat

import pytest

from .space import Space


def test_an_order_only_input_must_exist_and_its_content_is_no_reason(space):
    space.write("main.txt", "main\n")
    space.write("extra.txt", "1\n")
    space.workflow("""
        rules:
          make:
            input:
              main: main.txt
              extra: {path: extra.txt, order_only: true}
            output: out.txt
            shell: echo make >> "$RAN_LOG"; echo {input} + {input.extra} > {output}
        """)
    space.good()
    assert space.read("out.txt") == "main.txt + extra.txt\n"
    space.write("extra.txt", "2\n")
    space.good()
    assert space.ran == []
    space.delete("extra.txt")
    assert space.flow().status == 2


def test_the_order_of_unnamed_order_only_inputs_is_no_reason_but_their_set_is(quick_space):
    def built(*inputs: str) -> set[str]:
        text = f"rules: {{m: {{input: [{', '.join(inputs)}], output: x, "
        quick_space.write("Workflowfile", text + "shell: 'echo > {output}'}}")
        dry = quick_space.good("-n").planned
        found = quick_space.good().built
        assert dry == found
        return found

    for name in "abc":
        quick_space.write(name, name)
    a, b, c = (f"{{path: {name}, order_only: true}}" for name in "abc")
    assert built(a, b, "c") == {"m"}
    assert built(b, a, "c") == set()
    quick_space.write("a", "other")
    assert built(b, a, "c") == set()
    assert built(a, c, "c") == {"m"}
    assert built(c, a, "c") == set()
    assert built(c, "c") == {"m"}
    assert built("a", "b") == {"m"}
    assert built("b", "a") == {"m"}
    assert built(a, "{path: b, order_only: true, optional: true}") == {"m"}
    assert built("{path: b, order_only: true, optional: true}", a) == set()
    quick_space.delete("b")
    assert built("{path: b, order_only: true, optional: true}", a) == {"m"}
    assert built(a, "{path: b, order_only: true, optional: true}") == set()


def test_the_names_of_order_only_inputs_are_a_reason(quick_space):
    text = "rules: {m: {input: {%s: {path: %s, order_only: true}, %s: {path: %s, order_only: true}}"
    text += ", output: x, shell: 'echo > {output}'}}"
    quick_space.write("a", "")
    quick_space.write("b", "")
    quick_space.write("Workflowfile", text % ("p", "a", "q", "b"))
    assert quick_space.good().built == {"m"}
    quick_space.write("Workflowfile", text % ("p", "b", "q", "a"))
    assert quick_space.good().built == {"m"}


def test_a_functions_input_is_without_order_only_paths_and_none_where_one_is_missing(space):
    space.write("main.txt", "")
    space.write("extra.txt", "")
    space.write("steps.py", "def told(input, output):\n    output.write_text(repr(input))\n")
    space.workflow("""
        rules:
          all: {input: [a, b, c, d]}
          first:
            input: [{path: extra.txt, order_only: true}, main.txt]
            output: a
            run: steps:told
          list:
            input: [{path: extra.txt, order_only: true}, main.txt, extra.txt]
            output: b
            run: steps:told
          missing: {input: {path: gone.txt, optional: true}, output: c, run: "steps:told"}
          listed: {input: [{path: gone.txt, optional: true}], output: d, run: "steps:told"}
        """)
    space.good()
    assert [space.read(name) for name in "abcd"] == [
        "[PosixPath('main.txt')]",
        "[PosixPath('main.txt'), PosixPath('extra.txt')]",
        "None",
        "[]",
    ]


def test_the_set_of_order_only_inputs_is_a_reason(space):
    space.write("in/a.txt", "")
    space.workflow("""
        wildcards:
          n: in/{n}.txt
        rules:
          make:
            input:
              extra: {path: "in/{n}.txt", order_only: true}
            output: out.txt
            shell: echo make >> "$RAN_LOG"; echo {input.extra} > {output}
        """)
    space.good()
    space.write("in/b.txt", "")
    space.good()
    assert space.ran == ["make"]


def test_an_optional_input_may_be_missing(space):
    space.write(
        "steps.py", "def make(output, extra):\n    output.write_text(repr(extra and extra.name))\n"
    )
    space.workflow("""
        rules:
          all:
            input: [out.txt, shell.txt]
          make:
            input:
              extra: {path: extra.txt, optional: true}
            output: out.txt
            run: steps:make
          shell:
            input: {path: extra.txt, optional: true}
            output: shell.txt
            shell: echo [{input}] > {output}
        """)
    space.good()
    assert (space.read("out.txt"), space.read("shell.txt")) == ("None", "[]\n")
    space.write("extra.txt", "")
    assert space.good().summary["built"] == 2
    assert (space.read("out.txt"), space.read("shell.txt")) == ("'extra.txt'", "[extra.txt]\n")


def test_an_input_that_another_rule_may_do_without_is_missing_all_the_same(space):
    space.workflow("""
        rules:
          all:
            input: [a.txt, b.txt]
          a:
            input: {path: x.txt, optional: true}
            output: a.txt
            shell: echo [{input}] > {output}
          b:
            input: x.txt
            output: b.txt
            shell: cp {input} {output}
        """)
    missing = space.run()
    assert missing.status == 2
    assert "x.txt" in missing.text
    space.write("x.txt", "")
    assert space.good().summary["built"] == 2
    space.delete("x.txt")
    missing = space.run()
    assert missing.status == 2
    assert "x.txt" in missing.text
    assert space.good("a.txt").summary["built"] == 1
    assert space.read("a.txt") == "[]\n"


@pytest.mark.parametrize(
    "entry",
    ['{path: "o/{n}", optional: true}', "{path: o/1, optional: true}", "{rule: o, optional: true}"],
)
def test_a_rule_without_action_does_without_what_cannot_be_had_too(space, entry):
    space.workflow(f"""
        wildcards: {{n: [1, 2]}}
        rules:
          all: {{input: [{entry}, base]}}
          o: {{input: "i/{{n}}", output: "o/{{n}}", shell: "cp {{input}} {{output}}"}}
        """)
    space.write("i/2", "")
    assert "base is not there" in space.run().text
    space.write("base", "")
    others = set() if "o/1" in entry else {"o 2"}
    assert space.good().built == others
    assert space.good().counts() == (0, len(others), 0, 0)
    assert space.run("o/1").status == space.run("o").status == 2
    space.write("i/1", "")
    assert space.good().built == {"o 1"}


def test_a_failing_producer_of_an_optional_input_still_stops_it(space):
    space.workflow("""
        rules:
          all:
            input: {path: a.txt, optional: true}
            output: out.txt
            shell: echo {input} > {output}
          a:
            output: a.txt
            shell: exit 3
        """)
    assert space.run().counts() == (0, 0, 1, 1)
    assert not space.exists("out.txt")


@pytest.mark.parametrize(
    "action",
    [
        "run: steps:make",
        "argv: [sh, -c, 'out=$1; shift; echo \"$@\" > $out', sh, '{output}', '{day}={input.days}']",
        "shell: for day in {day}; do echo $day=in/$day.txt; done | xargs echo > {output}",
    ],
)
def test_values_of_a_gather_go_with_the_files_that_are_there(space, action):
    """`day` has one value for each file of an optional gather, also once a late file is there."""
    space.write(
        "steps.py",
        """\
def make(days, output, day):
    pairs = [f"{one}={path}" for one, path in zip(day, days, strict=True)]
    output.write_text(" ".join(pairs) + "\\n")
""",
    )
    space.workflow(f"""
        wildcards:
          day: [1, 2, 3]
        rules:
          make:
            input:
              days: {{path: "in/{{day}}.txt", optional: true}}
            output: out.txt
            {action}
        """)
    space.write("in/1.txt", "")
    space.write("in/3.txt", "")
    space.good()
    assert space.read("out.txt") == "1=in/1.txt 3=in/3.txt\n"
    assert space.good().summary["built"] == 0
    space.write("in/2.txt", "")
    assert space.good("-n").planned == {"make"}
    space.good()
    assert space.read("out.txt") == "1=in/1.txt 2=in/2.txt 3=in/3.txt\n"
    space.delete("in/1.txt")
    space.good()
    assert space.read("out.txt") == "2=in/2.txt 3=in/3.txt\n"


def test_of_two_gathers_the_one_that_is_whole_has_the_values(space):
    space.workflow("""
        wildcards:
          day: [1, 2]
        rules:
          make:
            input:
              more: {path: "more/{day}.txt", optional: true}
              days: in/{day}.txt
            output: out.txt
            shell: echo {day} {input} > {output}
        """)
    for name in ["in/1.txt", "in/2.txt", "more/2.txt"]:
        space.write(name, "")
    space.good()
    assert space.read("out.txt") == "1 2 more/2.txt in/1.txt in/2.txt\n"


TEMP = """
    rules:
      last:
        input: mid.txt
        output: out.txt
        shell: |
          echo last >> "$RAN_LOG"
          if grep -q bad {input}; then exit 3; fi
          cat {input} > {output}
      mid:
        input: in.txt
        output: {path: mid.txt, temp: true}
        shell: echo mid >> "$RAN_LOG"; cp {input} {output}
    """


def test_a_temp_output_is_deleted_and_not_missed(space):
    space.write("in.txt", "1\n")
    space.workflow(TEMP)
    assert space.good().counts() == (2, 0, 0, 0)
    assert not space.exists("mid.txt")
    space.good()
    assert space.ran == []
    space.write("in.txt", "2\n")
    space.good()
    assert space.ran == ["last", "mid"]
    assert space.read("out.txt") == "2\n"
    assert not space.exists("mid.txt")


def test_a_temp_output_is_made_again_when_its_consumer_must_run(space):
    space.write("in.txt", "1\n")
    space.workflow(TEMP)
    space.good()
    space.delete("out.txt")
    space.good()
    assert space.ran == ["last", "mid"]


def test_a_temp_output_waits_for_those_that_may_yet_be_called_back(space):
    """`work b` is gone and not missed, until `total` must run: then it takes what `pre` made."""
    space.workflow("""
        wildcards: {name: [a, b]}
        rules:
          total:
            input: work/{name}.txt
            output: total.txt
            shell: cat {input} > {output}
          work:
            input: ["in/{name}.txt", pre.txt]
            output: {path: "work/{name}.txt", temp: true}
            shell: cat {input} > {output}
          pre:
            input: data.txt
            output: {path: pre.txt, temp: true}
            shell: grep -v '#' {input} > {output}
        """)
    for name in ["in/a.txt", "in/b.txt", "data.txt"]:
        space.write(name, "one\n")
    space.good()
    space.write("in/a.txt", "two\n")
    space.write("data.txt", "one\n# the same\n")
    assert space.good("-j", "1").built == {"pre", "work a", "work b", "total"}
    assert space.read("total.txt") == "two\none\none\none\n"
    assert not space.exists("pre.txt") and space.files("work") == []
    space.write("data.txt", "one\n")
    assert space.good().built == {"pre"}
    assert not space.exists("pre.txt")


@pytest.mark.parametrize("args", [("--keep-temp",), ("mid.txt", "last"), ("mid",)])
def test_a_temp_output_that_is_asked_for_is_kept(space, args):
    space.write("in.txt", "1\n")
    space.workflow(TEMP)
    space.good(*args)
    assert space.read("mid.txt") == "1\n"


def test_a_temp_output_whose_consumer_failed_is_kept(space):
    space.write("in.txt", "bad\n")
    space.workflow(TEMP)
    assert space.run().status == 1
    assert space.read("mid.txt") == "bad\n"


def test_what_is_asked_for_behind_a_missing_optional_path_is_built(space):
    space.workflow("""
        wildcards: {n: [1, 2, 3]}
        rules:
          all: {input: {path: "o/{n}", optional: true}}
          two:
            input: "i/{m}"
            output: ["o/{m}", "x/{m}"]
            shell: cp {input} {output[0]}; cp {input} {output[1]}
        """)
    for n in "23":
        space.write(f"i/{n}", "")
    assert space.good().built == {"two 2", "two 3"}
    space.delete("o/2")
    space.delete("o/3")
    assert space.good().built == {"two 2", "two 3"}


PAIR = """
    rules:
      all: {input: [c.txt, d.txt]}
      pair:
        input: in.txt
        output: [a.txt, B]
        shell: cp {input} {output[0]}; cp {input} {output[1]}
      c: {input: [a.txt, c.in], output: c.txt, shell: "cat {input} > {output}"}
      d: {input: b.txt, output: d.txt, shell: "cat {input} d.in > {output}"}
    """


@pytest.mark.parametrize("entry", ["b.txt", "{path: b.txt, temp: true}"])
def test_who_takes_what_is_there_does_not_call_for_what_is_gone_beside_it(space, entry):
    for name in ("in.txt", "c.in", "d.in"):
        space.write(name, "1\n")
    space.workflow(PAIR.replace("B", entry))
    space.good()
    space.path("b.txt").unlink(missing_ok=True)
    space.write("c.in", "2\n")
    assert space.good("-n").summary["would_build"] == 1
    assert space.good().built == {"c"}
    assert "pair  1 absent, not needed" in space.good("status").stdout
    space.replace("Workflowfile", "cat {input} d.in", "cat  {input} d.in")
    assert space.good("-n").summary["would_build"] == 2
    assert space.good().built == {"pair", "d"}
    assert space.read("d.txt") == "1\n1\n"


FOLDER = """
    rules:
      count:
        input: site/
        output: count.txt
        shell: echo count >> "$RAN_LOG"; ls {input} > {output}
      one:
        input: site/a.txt
        output: one.txt
        shell: echo one >> "$RAN_LOG"; cat {input} > {output}
      site:
        input: names.txt
        output: site/
        shell: |
          echo site >> "$RAN_LOG"
          ls {output} | wc -l > "$FLAGS/found"
          for name in $(cat {input}); do echo $name > {output}/$name.txt; done
    """


def test_a_directory_output_is_empty_at_first_and_replaced_whole(space):
    space.write("names.txt", "a b\n")
    space.workflow(FOLDER)
    space.good()
    assert space.read("count.txt") == "a.txt\nb.txt\n"
    space.write("names.txt", "a c\n")
    space.good()
    assert space.ran == ["count", "site"]
    assert space.files("site") == ["site/a.txt", "site/c.txt"]
    assert (space.flags / "found").read_text().strip() == "0"


def test_of_a_directory_that_a_rule_makes_only_the_named_file_counts(space):
    space.write("names.txt", "a b\n")
    space.workflow(FOLDER)
    space.good("one", "count")
    space.write("names.txt", "a c\n")
    space.good("one", "count")
    assert space.ran == ["count", "site"]


@pytest.mark.parametrize("path", ["d1/x", '"d{n}/x"', "d1/sub/"])
@pytest.mark.parametrize("args", [["d1"], ["e"], ["d1/x"], ["-n", "use"], ["check"]])
def test_an_output_below_another_rules_directory_is_refused_whatever_is_asked_for(
    space, path, args
):
    space.workflow(f"""
        wildcards: {{n: [1, 2]}}
        rules:
          d: {{output: "d{{n}}/", shell: "touch {{output}}/a"}}
          e: {{output: {path}, shell: "touch {{output}}"}}
          use: {{input: d1/a, output: use, shell: "cp {{input}} {{output}}"}}
        """)
    refused = space.flow(*args)
    assert refused.status == 2
    assert "lies in d1/, which d n=1 makes as a whole" in refused.text
    assert "Workflowfile:4:" in refused.text
    assert space.files() == ["Workflowfile"]


@pytest.mark.parametrize(("path", "target"), [("d/{any}", "d"), ("{any}/x", "d/x")])
def test_an_output_with_a_free_wildcard_below_another_rules_directory_is_refused(
    space, path, target
):
    space.workflow(f"""
        rules:
          d: {{output: d/, shell: "touch {{output}}/a"}}
          e: {{output: "{path}", shell: "touch {{output}}"}}
        """)
    assert "lies in d/, which d makes as a whole" in space.flow(target).text
    if target == "d/x":
        space.good("d", "e/x")


@pytest.mark.parametrize("target", ["d/nope", "all"])
def test_what_is_asked_for_below_a_directory_and_is_not_in_it_is_a_failure_each_time(space, target):
    space.workflow("""
        rules:
          all: {input: [d/a, d/nope]}
          d: {output: d/, shell: "touch {output}/a; test ! -e more || touch {output}/nope"}
        """)
    assert space.run("-n", target).status == 0
    for built in (1, 0):
        run = space.run(target)
        assert (run.status, run.summary["built"], run.summary["failed"]) == (1, built, 0)
        assert "d/nope is not there: d has made the folder without it" in run.text
    space.good("d/a", "d")
    space.write("more", "")
    space.good("--force", "d", target)
    space.good(target)


def test_a_directory_that_lost_a_file_is_built_again(space):
    space.write("names.txt", "a b\n")
    space.workflow(FOLDER)
    space.good()
    space.delete("site/b.txt")
    space.good()
    assert space.ran == ["site"]
    assert space.files("site") == ["site/a.txt", "site/b.txt"]


def test_a_source_directory_counts_with_the_names_and_bytes_below_it(space):
    space.write("data/x/1.txt", "1\n")
    space.workflow("""
        rules:
          make:
            input: data/
            output: out.txt
            shell: echo make >> "$RAN_LOG"; echo {input} > {output}
        """)
    space.good()
    assert space.read("out.txt") == "data\n"
    space.path("data/empty").mkdir()
    space.good()
    assert space.ran == []
    space.write("data/x/1.txt", "2\n")
    space.good()
    assert space.ran == ["make"]
    space.write("data/x/2.txt", "")
    space.good()
    assert space.ran == ["make"]


@pytest.mark.parametrize("entry", ["d/", "{x}/"])
def test_a_file_is_no_directory(space: Space, entry: str):
    text = """\
        wildcards: {x: [d]}
        rules:
          all: {input: "o/{x}"}
          take: {input: %s, output: "o/{x}", shell: "ls {input} > {output}"}
        """
    space.workflow(text % f'"{entry}"')
    space.write("d/a", "a\n")
    space.good()
    space.delete("d")
    space.write("d", "d\n")
    flow = space.flow()
    assert flow.status == 2
    assert "d is a file and no folder" in flow.text
    assert space.flow("-k").status == 1
    assert "missing source: d/, needed by take x=d" in space.flow("status").stdout
    space.workflow(text % f'{{path: "{entry}", optional: true}}')
    space.good()


def test_what_is_there_and_no_file_is_told_as_what_it_is(space: Space):
    space.workflow("""
        rules:
          take: {input: x, output: y, shell: "cat {input} > {output}"}
        """)
    space.path("x").symlink_to("/dev/null")
    flow = space.flow()
    assert flow.status == 2
    assert "x is a device, and an input is a file or a folder" in flow.stderr
    space.delete("x")
    os.mkfifo(space.path("x"))
    flow = space.flow("-k")
    assert flow.status == 1
    assert "x is a FIFO, and an input is a file or a folder: what needs it is" in flow.stderr
    space.delete("x")
    assert "x is not there, and no rule makes it" in space.flow().stderr


def test_a_function_makes_a_directory(space):
    space.write("steps.py", "def make(output):\n    (output / 'a.txt').write_text('a')\n")
    space.workflow("""
        rules:
          make:
            output: d/e/
            run: steps:make
        """)
    space.good()
    assert space.read("d/e/a.txt") == "a"


def test_a_log_appears_also_when_the_job_fails(space):
    space.workflow("""
        rules:
          make:
            output: out.txt
            log: logs/make.txt
            shell: echo said > {log}; exit 4
        """)
    assert space.flow().status == 1
    assert space.read("logs/make.txt") == "said\n"
    assert not space.exists("out.txt")


def test_an_output_that_is_empty_fails_what_it_must_meet(space):
    space.workflow("""
        rules:
          make:
            output: {path: out.txt, ensure: {non_empty: true}}
            shell: "true > {output}"
        """)
    assert space.flow().status == 1
    assert not space.exists("out.txt")


def test_actions_run_in_the_workflowfiles_folder(space: Space):
    space.write("steps.py", "import os\n\ndef where(output):\n    output.write_text(os.getcwd())\n")
    space.workflow("""
        rules:
          all:
            input: [d/a.txt, d/b.txt]
          a:
            output: d/a.txt
            shell: pwd > {output}
          b:
            output: d/b.txt
            run: steps:where
        """)
    space.path("sub").mkdir()
    space.good("all", cwd="sub")
    assert space.read("d/a.txt") == f"{space.root}\n"
    assert space.read("d/b.txt") == str(space.root)


def test_outputs_that_share_a_folder_share_one_while_they_are_made(space):
    space.workflow("""
        rules:
          make:
            output: [d/a.txt, d/sub/b.txt]
            shell: cd {output[0]:dir}; echo a > a.txt; echo b > sub/b.txt
        """)
    space.good()
    assert (space.read("d/a.txt"), space.read("d/sub/b.txt")) == ("a\n", "b\n")


def test_a_protected_output_is_read_only_and_stays_until_forced(space: Space):
    space.write("in.txt", "1\n")
    space.workflow("""
        rules:
          make:
            input: in.txt
            output: {path: out.txt, protected: true}
            shell: cp {input} {output}
        """)
    space.good()
    assert not stat.S_IMODE(os.stat(space.path("out.txt")).st_mode) & 0o222
    space.write("in.txt", "2\n")
    flow = space.flow()
    assert flow.status == 1
    assert "--force" in flow.stderr
    assert space.read("out.txt") == "1\n"
    space.good("--force", "out.txt")
    assert space.read("out.txt") == "2\n"


@pytest.mark.parametrize("output", ["out.txt", "out/"])
def test_a_protected_output_stays_though_its_record_is_lost(space: Space, output):
    space.workflow(f"""
        rules:
          make:
            output: {{path: {output}, protected: true}}
            shell: echo "$RUN" > {{output}}{"/x" if output == "out/" else ""}
        """)
    made = "out/x" if output == "out/" else "out.txt"
    assert space.flow(env={"RUN": "1"}).status == 0
    shutil.rmtree(space.path(".fileflow"))
    flow = space.flow(env={"RUN": "2"})
    assert (flow.status, "--force" in flow.stderr) == (1, True)
    assert space.read(made) == "1\n"
    assert space.flow("--force", output, env={"RUN": "3"}).status == 0
    assert space.read(made) == "3\n"
    shutil.rmtree(space.path(".fileflow"))
    space.good("adopt")
    assert space.good().built == set()
    assert space.read(made) == "3\n"


def test_a_protected_output_may_be_made_again_in_the_run_that_made_it(space: Space):
    """What was found to be read is known late, and who takes from it has run with it."""
    space.workflow("""
        wildcards: {k: {lines: l.txt}}
        rules:
          all: {input: [sum.txt, copy.txt, "o/{k}.txt"]}
          l: {input: words.txt, output: l.txt, shell: "cp {input} {output}"}
          make: {input: in.txt, output: "o/{k}.txt", shell: "cp {input} {output}"}
          sum:
            priority: 5
            output: {o: {path: sum.txt, protected: true}, d: {path: sum.d, deps: true}}
            shell: echo o/a.txt > {output.d}; cat o/a.txt > {output.o} 2>/dev/null || echo none
          copy:
            priority: 4
            input: sum.txt
            output: {path: copy.txt, protected: true}
            shell: cp {input} {output}
        """)
    space.write("words.txt", "a\n")
    space.write("in.txt", "1\n")
    assert space.good("-j1").built == {"l", "make a", "sum", "copy"}
    assert space.read("sum.txt") == space.read("copy.txt") == "1\n"
    assert space.good().built == set()
    # The next run may not.
    space.write("in.txt", "2\n")
    flow = space.flow("-j1")
    assert flow.status == 1 and "--force sum.txt" in flow.stderr
    assert space.read("sum.txt") == space.read("copy.txt") == "1\n"
    space.good("-j1", "--force", "sum", "--force", "copy")
    assert space.read("sum.txt") == space.read("copy.txt") == "2\n"


def test_an_absolute_path_in_the_folder_and_a_relative_one_are_one_file(space: Space) -> None:
    space.workflow(f"""
        config: {{here: "{space.root}"}}
        wildcards: {{n: "{{config.here}}/src/{{n}}.txt"}}
        rules:
          all: {{input: [y, x]}}
          a:
            input: src/{{n}}.txt
            output: "{{config.here}}/d/{{n}}"
            shell: cp {{input}} {{output}}
          x: {{input: "d/{{n}}", output: x, shell: "cat {{input}} > {{output}}"}}
          y: {{input: "{{config.here}}/d/{{n}}", output: y, shell: "cat {{input}} > {{output}}"}}
        """)
    space.write("src/1.txt", "one\n")
    assert space.good().built == {"a 1", "x", "y"}
    assert space.good(f"{space.root}/d/1").built == space.good("d/1").built == set()
    space.write("src/1.txt", "two\n")
    assert space.good().built == {"a 1", "x", "y"}
    assert space.good().built == set()


@pytest.mark.parametrize("start", ["{root}", "../{name}", "./sub/../../{name}"])
@pytest.mark.parametrize(
    "taken",
    [
        'input: "{f}"',
        'input: {path: "{n}", n: ["START/mid.txt"]}',
        'input: "START/mid.txt"',
        'input: "{config.at[s]}/mid.txt"',
        'input: "START/m{i}d.txt"',
        "input: {call: 'steps:give'}",
    ],
)
def test_a_path_that_leads_back_into_the_folder_is_the_file_there(
    space: Space, taken: str, start: str
) -> None:
    start = start.format(root=space.root, name=space.root.name)
    space.write("s.csv", f"s,f\na,{start}/mid.txt\n")
    space.write("steps.py", f"def give():\n    return '{start}/mid.txt'\n")
    space.workflow(f"""
        config: {{at: {{a: "{start}"}}}}
        wildcards: {{"s, f": {{table: s.csv}}, i: [i]}}
        rules:
          a:
            {taken.replace("START", start)}
            output: out/{{s}}
            shell: echo {{input}} > {{output}}; cat {{input}} >> {{output}}
          m: {{input: src, output: mid.txt, shell: "cp {{input}} {{output}}"}}
        """)
    for text in ("v1\n", "v2\n"):
        space.write("src", text)
        assert space.good("a").built == {"m", "a a"}
        assert space.read("out/a") == f"mid.txt\n{text}"
        assert space.good("a").built == set()


def test_a_target_outside_of_the_folder_is_found_in_either_spelling(space: Space) -> None:
    outside = space.root.parent / f"{space.root.name}-outside"
    space.workflow(f"""
        rules:
          a: {{input: s, output: "{outside}/x", shell: "cp {{input}} {{output}}"}}
          b: {{input: s, output: "../{outside.name}/y", shell: "cp {{input}} {{output}}"}}
        """)
    for text, name, rule in (("1", "x", "a"), ("2", "y", "b")):
        for target in (f"{outside}/{name}", f"../{outside.name}/{name}"):
            space.write("s", f"{text} {target}\n")
            assert space.good(target).built == {rule}
            assert (outside / name).read_text() == f"{text} {target}\n"


def test_asked_for_are_the_paths_and_not_all_that_their_jobs_make(space: Space) -> None:
    space.workflow("""
        rules:
          all: {input: [r, v]}
          a:
            input: s
            output: {big: {path: u, temp: true}, stats: v, more: w}
            shell: for f in {output.big} {output.stats} {output.more}; do cat {input} > $f; done
          b: {input: u, output: r, shell: "cp {input} {output}"}
        """)
    space.write("s", "1\n")
    assert space.good().built == {"a", "b"}
    assert space.files() == ["Workflowfile", "r", "s", "v", "w"]  # u is nobody's any more
    assert space.good().built == space.good("v").built == set()
    space.delete("w")
    assert space.good().built == space.good("v").built == set()
    assert space.good("w").built == {"a"}
    assert space.files() == ["Workflowfile", "r", "s", "v", "w"]
    assert space.good("u").built == {"a"}  # asked for: it stays
    assert space.exists("u") and space.good("u").built == set()
    space.delete("w")
    assert space.good("a").built == {"a"}  # a rule as a target asks for all of its outputs
    assert space.exists("u") and space.good("a").built == set()
    space.delete("v")
    assert space.good().built == {"a"}
    assert not space.exists("u")
    space.delete("r")
    assert space.good().built == {"a", "b"}
    space.write("s", "2\n")
    assert space.good("v").built == {"a"}
    assert space.good().built == {"a", "b"}
    assert space.read("r") == "2\n" and not space.exists("u")
