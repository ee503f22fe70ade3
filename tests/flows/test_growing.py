"""The plan grows while jobs run: what one producer has told does not wait for the others."""

import json
import textwrap

import pytest

from .space import Space

# `split n=2` ends only when a chunk of `split n=1` was worked on: whoever waits for all producers
# before the first chunk never gets there.
WAITS = """\
wildcards:
  n: [1, 2]
rules:
  all:
    input: build/total/{n}.txt
  split:
    output: build/chunks/{n}/{chunk}.txt
    scatter: chunk
    timeout: 60
    shell: |
      echo split {n} >> "$RAN_LOG"
      if [ {n} = 2 ]; then until [ -e "$FLAGS/proc" ]; do sleep 0.02; done; fi
      for chunk in a b c; do echo {n} $chunk > {output}/$chunk.txt; done
  proc:
    input: build/chunks/{n}/{chunk}.txt
    output: build/proc/{n}/{chunk}.txt
    shell: |
      echo proc {n} {chunk} >> "$RAN_LOG"
      touch "$FLAGS/proc"
      tr a-z A-Z < {input} > {output}
  total:
    input: build/proc/{n}/{chunk}.txt
    output: build/total/{n}.txt
    shell: |
      echo total {n} >> "$RAN_LOG"
      cat {input} > {output}
"""
ALL = {f"{rule} {n}{c}" for n in "12" for rule, c in [("split", ""), ("total", "")]} | {
    f"proc {n} {c}" for n in "12" for c in "abc"
}


def test_chunks_are_worked_on_while_another_producer_runs(space: Space) -> None:
    space.workflow(WAITS)
    found = space.good("-j", "2")
    assert sorted(space.ran) == sorted(ALL)
    assert found.counts() == (10, 0, 0, 0)
    assert space.read("build/total/1.txt") == "1 A\n1 B\n1 C\n"
    again = space.good("-j", "2")
    assert again.counts() == (0, 10, 0, 0)


def test_everything_is_built_once_by_a_rerun_too(space: Space) -> None:
    space.workflow(WAITS)
    space.good("-j", "2")
    (space.flags / "proc").unlink()
    space.forget()
    found = space.good("-j", "2", "--rerun")
    assert sorted(space.ran) == sorted(ALL)
    assert found.counts() == (10, 0, 0, 0)


def test_a_failure_beside_a_running_producer_keeps_what_it_needs_back(space: Space) -> None:
    space.workflow(WAITS.replace('touch "$FLAGS/proc"', '[ {chunk} != b ]; touch "$FLAGS/proc"'))
    found = space.run("-j", "2", "-k")
    assert found.status == 1
    assert found.counts() == (6, 0, 2, 2)
    assert sorted(set(space.ran)) == sorted(ALL - {"total 1", "total 2"})


def test_two_producers_of_one_name_are_joined_when_both_have_told(space: Space) -> None:
    space.workflow(
        """\
wildcards: {side: [left, right]}
rules:
  all: {input: build/out.txt}
  left:
    output: build/left/{x}.txt
    scatter: x
    shell: 'echo left >> "$RAN_LOG"; for x in a b; do echo l$x > {output}/$x.txt; done'
  right:
    output: build/right/{x}.txt
    scatter: x
    shell: 'echo right >> "$RAN_LOG"; for x in b c; do echo r$x > {output}/$x.txt; done'
  look:
    input: build/left/{x}.txt
    output: build/look/{x}.txt
    shell: 'echo look {x} >> "$RAN_LOG"; cat {input} > {output}'
  both:
    input: ["build/left/{x}.txt", "build/right/{x}.txt"]
    output: build/both/{x}.txt
    shell: 'echo both {x} >> "$RAN_LOG"; cat {input} > {output}'
  out:
    input: ["build/both/{x}.txt", "build/look/{x}.txt"]
    output: build/out.txt
    shell: 'echo out >> "$RAN_LOG"; cat {input} > {output}'
"""
    )
    space.good("-j", "2")
    assert space.read("build/out.txt") == "lb\nrb\nlb\n"
    assert space.good("-j", "2").counts()[0] == 0


SPLIT = "for i in $(cat {input}); do echo $i > {output}/$i; done"


def test_a_rule_that_comes_into_the_plan_late_waits_for_what_it_gathers(space):
    space.workflow(f"""
        wildcards: {{p: {{lines: l}}}}
        rules:
          f: {{input: "o/{{p}}", output: f, shell: "cat {{input}} > {{output}}"}}
          o: {{input: n, output: "o/{{p}}", shell: "cp {{input}} {{output}}"}}
          n: {{input: "d/{{y}}", output: n, shell: "echo {{input}} > {{output}}"}}
          r: {{input: src, output: "d/{{y}}", scatter: y, shell: "{SPLIT}"}}
          l: {{input: src, output: l, shell: "cp {{input}} {{output}}"}}
        """)
    space.write("src", "a\n")
    assert space.good("-j", "1").summary["built"] == 5
    assert space.read("f") == "d/a\n"
    assert space.good("-B", "-j", "1").summary["differ"] == {}
    assert space.read("f") == "d/a\n"


def test_a_rule_that_comes_into_the_plan_late_has_its_inputs(space):
    space.workflow(f"""
        rules:
          f: {{input: "m/{{x}}", output: f, shell: "cat {{input}} > {{output}}"}}
          m:
            input: ["one/{{x}}", "two/{{y}}"]
            output: "m/{{x}}"
            shell: "cat {{input}} > {{output}}"
          fold: {{input: main, output: "two/{{y}}", scatter: y, run: "steps:fold"}}
          one: {{input: aux, output: "one/{{x}}", scatter: x, shell: "{SPLIT}"}}
        """)
    space.write(
        "steps.py",
        "def fold(input, output):\n"
        "    for word in input.read_text().split():\n"
        "        (output / word).write_text(word)\n",
    )
    space.write("aux", "a\n")
    space.write("main", "p q\n")
    space.good()
    space.delete("two/p")
    space.write("aux", "b\n")
    space.good("-j", "1")
    assert space.read("f") == "b\npq"
    assert space.good().summary["built"] == 0


CONFIG_BEFORE_ITS_JOBS = {
    "a table of lines": """
        config: {ev: e1}
        wildcards: {s: {lines: items}}
        rules:
          all:
            input: {path: "c/{s}", optional: true}
            output: all.txt
            shell: "echo {input} > {output}"
          one: {output: "c/{s}", shell: "echo {config.ev} > {output}"}
          plan: {input: data, output: items, shell: "cp {input} {output}"}
        """,
    "a scatter": f"""
        config: {{ev: e1}}
        rules:
          all:
            input: {{path: "c/{{s}}", optional: true}}
            output: all.txt
            shell: "echo {{input}} > {{output}}"
          one:
            input: "o/{{s}}"
            output: "c/{{s}}"
            prefix: [env, "X={{config.ev}}"]
            shell: "cp {{input}} {{output}}"
          split: {{input: data, output: "o/{{s}}", scatter: s, shell: "{SPLIT}"}}
        """,
}


@pytest.mark.parametrize("kind", CONFIG_BEFORE_ITS_JOBS)
def test_a_rule_whose_jobs_are_not_known_yet_may_name_config(space, kind):
    space.workflow(CONFIG_BEFORE_ITS_JOBS[kind])
    space.write("data", "a\nb\n")
    assert space.run("-n").status == 0
    space.good()
    assert space.read("all.txt") == "c/a c/b\n"
    space.write("data", "")
    space.good()
    assert space.read("all.txt") == "\n"
    assert space.good("-n").counts()[0] == 0
    space.write("data", "c\n")
    space.good()
    assert space.read("all.txt") == "c/c\n"


LATE_ENTRIES = {
    "a call": "ca: {call: 'pick:listed', after: index.txt}",
    "a scatter": "ca: 'p/{k}'",
}


@pytest.mark.parametrize("wait", LATE_ENTRIES)
def test_what_is_gathered_in_parts_by_those_that_wait_shares_an_input(space, wait):
    space.workflow(
        """
        wildcards: {o: [x, y], s: [a, b]}
        rules:
          all: {input: "fin.{o}"}
          extra: {output: extra, shell: "echo > {output}"}
          src: {input: extra, output: "src.{o}.{s}", shell: "echo {o}{s} > {output}"}
          index: {input: index.src, output: index.txt, shell: "cp {input} {output}"}
          cut:
            input: index.src
            output: "p/{k}"
            scatter: k
            shell: "for i in $(cat {input}); do echo $i > {output}/$i; done"
          fin:
            input: {main: "src.{o}.{s}", WAIT}
            output: "fin.{o}"
            shell: "cat {input} > {output}"
        """.replace("WAIT", LATE_ENTRIES[wait])
    )
    space.write("pick.py", "def listed(after): return after.read_text().split()\n")
    space.write("index.src", "one\n")
    space.write("one", "one\n")
    for jobs in ("1", "2"):
        space.good("-B", "-j", jobs)
        assert space.read("fin.x") == "xa\nxb\none\n"
    space.write("index.src", "one \n")
    space.delete("fin.y")
    space.good()
    assert space.read("fin.y") == "ya\nyb\none\n"


def test_an_optional_source_of_a_rule_that_comes_into_the_plan_late_may_be_missing(space):
    space.workflow("""
        wildcards: {k: {lines: z}}
        rules:
          all: {input: "r3/{k}"}
          r3: {input: [r1, r0], output: "r3/{k}", shell: "cat {input} > {output}"}
          r1:
            input: {a: r0, s: {path: extra, optional: true}}
            output: r1
            shell: "cat {input} > {output}"
          r0: {input: r0.src, output: r0, shell: "cp {input} {output}"}
          plan: {input: z.src, output: z, shell: "cp {input} {output}"}
        """)
    for text in ("1\n2\n", "2\n3\n"):
        space.write("z.src", text)
        space.write("r0.src", text)
        space.good("-j", "1")
        assert space.read("r3/2") == 2 * text
    assert space.good().counts()[0] == 0


NESTED = """
    wildcards: {site: [s, t]}
    rules:
      all: {input: [f, g]}
      f: {input: "m/{x}", output: f, shell: "echo {input} > {output}"}
      g: {input: {rule: m}, output: g, shell: "echo {input} > {output}"}
      m: {input: "e/{site}/{z}/{x}", output: "m/{x}", shell: "cat {input} > {output}"}
      second: {input: "d/{site}/{z}", output: "e/{site}/{z}/{x}", scatter: x, shell: "SPLIT"}
      first:
        input: "src.{site}"
        output: "d/{site}/{z}"
        scatter: z
        shell: |
          [ {site} = t ] || sleep 0.3
          grep -v '#' {input} | while read k v; do echo $v > {output}/$k; done
    """.replace("SPLIT", SPLIT)


def test_values_found_at_two_levels_come_in_the_order_of_the_jobs_not_of_their_end(space):
    space.workflow(NESTED)
    space.write("src.s", "p c\n")
    space.write("src.t", "p a b c\n")
    space.good("-j", "4")
    assert space.read("f") == space.read("g") == "m/c m/a m/b\n"
    space.write("src.s", "p c\n# again\n")
    assert space.good("-j", "4").built == {"first s"}
    assert space.good("-n").planned == set()
    space.write("src.s", "p c\nq d\n")
    space.good("-j", "4")
    assert space.read("f") == space.read("g") == "m/c m/d m/a m/b\n"


def test_the_path_of_a_made_list_may_hold_a_scattered_name(space):
    space.workflow("""
        wildcards: {p: {lines: "l/{x}"}}
        rules:
          f: {input: "m/{x}/{p}", output: f, shell: "echo {input} > {output}"}
          m: {input: "d/{x}", output: "m/{x}/{p}", shell: "cat {input} > {output}"}
          cut:
            input: src
            output: "d/{x}"
            scatter: x
            shell: 'while read k v; do echo $v | tr " " "\\n" > {output}/$k; done < {input}'
          l: {input: "d/{x}", output: "l/{x}", shell: "cp {input} {output}"}
        """)
    space.write("src", "a 1 2\nb 3\n")
    assert "nothing wrong" in space.flow("check").text
    space.good("-j", "4")
    assert space.read("f") == "m/a/1 m/a/2 m/b/3\n"
    space.write("src", "b 3 4\na 1\n")
    space.good("-j", "4")
    assert space.read("f") == "m/a/1 m/b/3 m/b/4\n"
    assert space.good().summary["built"] == 0


# `slow` keeps `late`, whose file is there, from its turn while the values of `split` are found.
BESIDE = """\
rules:
  all:
    input: [late.txt, all.txt]
  slow:
    output: slow.txt
    shell: until [ -e "$FLAGS/all" ]; do sleep 0.02; done; echo 1 > {output}
    timeout: 60
  late:
    input: slow.txt
    output: late.txt
    shell: cp {input} {output}
  split:
    output: chunks/{chunk}.txt
    scatter: chunk
    shell: for chunk in a b; do echo $chunk > {output}/$chunk.txt; done
  proc:
    input: chunks/{chunk}.txt
    output: proc/{chunk}.txt
    shell: cp {input} {output}
  total:
    input: proc/{chunk}.txt
    output: all.txt
    shell: touch "$FLAGS/all"; cat {input} > {output}
"""


def test_each_job_is_counted_and_each_file_that_is_replaced_told_once(space: Space) -> None:
    space.workflow(BESIDE)
    space.write("late.txt", "by hand\n")
    found = space.good("-j", "2")
    assert found.counts() == (6, 0, 0, 0)
    assert found.stderr.count("rule late: 1 file that is there is replaced") == 1
    counts = [(e["certain"], e["possible"]) for e in found.events if "possible" in e]
    assert counts == [(3, 0), (3, 0)]


def test_nobody_complains_of_no_values_where_all_that_gather_them_are_optional(space):
    space.workflow(f"""
        rules:
          all:
            input: {{path: "c/{{s}}", optional: true}}
            output: x
            shell: "cat /dev/null {{input}} > {{output}}"
          one: {{input: "o/{{s}}", output: "c/{{s}}", shell: "cp {{input}} {{output}}"}}
          split: {{input: data, output: "o/{{s}}", scatter: s, shell: "{SPLIT}"}}
        """)
    space.write("data", "")
    assert space.good().counts()[0] == 2
    for words in (["check"], ["status"], ["-n", "one"], ["one"]):
        flow = space.flow(*words)
        assert (flow.status, "has no job" in flow.text) == (0, False), flow.text
    space.replace("Workflowfile", ", optional: true", "")
    assert "'one' has no job" in space.flow("check").text
    assert space.flow("one").status == 1


def test_a_check_asks_nothing_of_jobs_that_wait_for_the_answer_of_a_call(space):
    space.workflow("""
        rules:
          all:
            output: fin
            params: {cnt: {call: "pick:count", after: index}}
            shell: "echo {params.cnt} > {output}"
          index: {output: index, shell: "echo 1 > {output}"}
        """)
    space.write("pick.py", "def count(after): return len(after.read_text().split())\n")
    assert space.flow("check").status == 0
    space.good()
    assert space.flow("check").status == 0
    space.delete("index")
    space.replace("Workflowfile", "{params.cnt}", "{params.cnx}")
    flow = space.flow("check")
    assert (flow.status, "cnx" in flow.text) == (2, True), flow.text


TWO_SCATTERS = f"""
    wildcards: KEYS
    rules:
      all: {{input: ASKED}}
      r0: {{input: base, output: "d0/{{k}}", scatter: k, shell: "{SPLIT}"}}
      r2: {{input: other, output: "d2/{{k}}", scatter: k, shell: "{SPLIT}"}}
      MORE
"""
APART = {
    "a call that waits": (
        """
        one:
          input: base
          output: o/one
          params: {p: {call: 'pick:names', after: 'd0/{k}'}}
          shell: 'echo {params.p} > {output}'
        """,
        "o/one",
        {"o/one": "a b\n"},
    ),
    "a call that waits, before the other scatter": (
        """
        one:
          input: base
          output: other
          params: {p: {call: 'pick:names', after: 'd0/{k}'}}
          shell: 'echo {params.p} > {output}'
        """,
        "d2/{k}",
        {"d2/a": "a\n", "d2/b": "b\n"},
    ),
    "the files of a list": (
        """
        list: {input: 'd0/{k}', output: 'l/{k}', shell: 'cp {input} {output}'}
        one: {output: 'o/{p}', shell: 'echo {p} > {output}'}
        """,
        ["o/{p}", "d2/{k}"],
        {"o/a": "a\n", "o/b": "b\n", "d2/b": "b\n", "d2/c": "c\n"},
    ),
    "a log": (
        """
        m:
          input: 'd0/{k}'
          output: 'm/{k}'
          log: 'log/{k}.log'
          shell: 'echo > {output}; echo {k} > {log}'
        one: {input: 'log/{k}.log', output: o/one, shell: 'cat {input} > {output}'}
        """,
        ["o/one", "d2/{k}"],
        {"o/one": "a\nb\n"},
    ),
    "a rule without outputs": (
        """
        one: {input: 'd0/{k}', output: 'o/{k}', shell: 'cp {input} {output}'}
        two: {input: 'd2/{k}', output: 'p/{k}', shell: 'cp {input} {output}'}
        """,
        ["o/{k}", "p/{k}"],
        {"o/a": "a\n", "o/b": "b\n", "p/b": "b\n", "p/c": "c\n"},
    ),
}


@pytest.mark.parametrize("case", APART)
def test_what_one_of_two_scatters_finds_reaches_only_who_takes_it(space, case):
    more, asked, made = APART[case]
    text = textwrap.dedent(TWO_SCATTERS)
    text = text.replace("MORE", textwrap.indent(textwrap.dedent(more), "  ").strip())
    text = text.replace("ASKED", json.dumps(asked))
    space.workflow(text.replace("KEYS", '{p: {lines: "l/{k}"}}' if "list:" in more else "{}"))
    space.write("pick.py", "def names(after): return [path.name for path in after]\n")
    space.write("base", "a b\n")
    if "output: other" not in more:
        space.write("other", "b c\n")
    flow = space.good()
    assert "partner" not in flow.text
    assert {path: space.read(path) for path in made} == made
    assert space.good().counts()[0] == 0


def test_a_pattern_as_a_target_is_reached_by_what_one_of_two_scatters_finds(space):
    more = "one: {input: 'd0/{k}', output: 'o/{k}', shell: 'cp {input} {output}'}"
    text = textwrap.dedent(TWO_SCATTERS).replace("MORE", more).replace("KEYS", "{}")
    space.workflow(text.replace("ASKED", '"d2/{k}"'))
    space.write("base", "a b\n")
    space.write("other", "b c\n")
    for _ in range(2):
        space.good("o/{k}")
        assert [space.read(f"o/{k}") for k in "ab"] == ["a\n", "b\n"]
        space.delete("o")


def test_what_lies_in_a_scattered_folder_is_reached_by_it_alone(space):
    space.workflow("""
        rules:
          all: {input: [one, "d2/{k}"]}
          r0:
            input: base
            output: "d0/{k}/"
            scatter: k
            shell: "for i in $(cat {input}); do mkdir {output}/$i; echo $i > {output}/$i/f; done"
          r2:
            input: other
            output: "d2/{k}"
            scatter: k
            shell: "for i in $(cat {input}); do echo $i > {output}/$i; done"
          one: {input: "d0/{k}/f", output: one, shell: "cat {input} > {output}"}
        """)
    space.write("base", "a b\n")
    space.write("other", "b c\n")
    space.good()
    assert space.read("one") == "a\nb\n"
    assert space.read("d2/c") == "c\n"


def test_names_that_a_second_scatter_was_given_reach_who_takes_what_it_found(space):
    """The first scatter finds {x} and {y}, the second {x} for each {y}: of both only what the
    second one found goes on, and with it the {y} for which it did."""
    space.workflow(
        """
        rules:
          all: {input: "found/{y}/{x}", output: all.txt, shell: "cat {input} > {output}"}
          per: {input: "found/{y}/{x}", output: "per/{y}", shell: "cat {input} > {output}"}
          first:
            input: in.txt
            output: "parts/{x}/{y}"
            scatter: [x, y]
            shell: |
              while read x y; do mkdir -p {output}/$x; echo $x > {output}/$x/$y; done < {input}
          each: {input: "parts/{x}/{y}", output: "each/{y}", shell: "cat {input} > {output}"}
          second:
            input: "each/{y}"
            output: "found/{y}/{x}"
            scatter: x
            shell: "for x in p q; do (echo {y} $x; cat {input}) > {output}/$x; done"
        """
    )
    space.write("in.txt", "a 1\nb 1\nb 2\n")
    said = space.good("list").stdout
    assert "all     1 job: gathers y (found while running), x (found while running)" in said
    assert space.good().built == {"first", "each 1", "each 2", "second 1", "second 2", "all"}
    assert space.read("all.txt") == "1 p\na\nb\n1 q\na\nb\n2 p\nb\n2 q\nb\n"
    assert not space.good().built
    assert space.good("per").built == {"per 1", "per 2"}
    assert space.read("per/2") == "2 p\nb\n2 q\nb\n"
    space.write("in.txt", "a 1\nb 1\nb 3\n")
    assert space.good().built == {"first", "each 3", "second 3", "all"}
    assert space.read("all.txt") == "1 p\na\nb\n1 q\na\nb\n3 p\nb\n3 q\nb\n"
    assert space.good("per").built == {"per 3"}


TAKING_NO_PART = """
    wildcards: {w: {lines: made/words.txt}}
    rules:
      all: {input: ["o/{k}", p.txt]}
      cut: {input: in.txt, output: "c/{k}", scatter: k, shell: "SPLIT"}
      make: {input: "c/{k}", output: "o/{k}", shell: "cat {input} > {output}"}
      other: {output: p.txt, shell: "echo p > {output}"}
      lacking: {input: ["o/{k}", missing.txt], output: out.txt, shell: "cat {input} > {output}"}
      words: {input: words.txt, output: made/words.txt, shell: "cp {input} {output}"}
      each: {output: "w/{w}", shell: "echo {w} > {output}"}
      none: {input: ["o/{k}", "w/{w}"]}
    """.replace("SPLIT", "while read k v; do echo $v > {output}/$k; done < {input}")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--omit", "other", "all"), 0),
        (("--where", "k=a,b", "all"), 0),
        (("-k", "lacking"), 1),
        (("-k", "none"), 1),
    ],
)
def test_what_is_found_is_worked_on_also_for_what_takes_no_part_itself(space, words, status):
    """The target is left out, or lacks something: what else it asks for is built all the same, in
    the run that finds it, as it is where all values are known before."""
    space.workflow(TAKING_NO_PART)
    space.write("words.txt", "")
    space.write("in.txt", "a 1\nb 2\n")
    flow = space.run(*words)
    assert (flow.status, flow.built & {"cut", "make a", "make b"}) == (
        status,
        {"cut", "make a", "make b"},
    )
    space.write("in.txt", "a 3\nb 2\n")
    flow = space.run(*words)
    assert (flow.status, flow.built) == (status, {"cut", "make a"})
    assert space.read("o/a") == "3\n"
    space.write("in.txt", "a 3\nb 2\nc 5\n")
    flow = space.run(*words)
    assert flow.built == {"cut", "make c"} - ({"make c"} if "--where" in words else set())
    assert not space.run(*words).built


LISTED = """
    wildcards: {k: {lines: made.txt}, g: [u, v]}
    rules:
      all: {input: ["o/{k}", other.txt]}
      find: {input: k.txt, output: made.txt, shell: "cp {input} {output}"}
      first: {output: first.txt, shell: "echo 1 > {output}"}
      use: {input: first.txt, output: "o/{k}", shell: "echo {k} > {output}"}
      other: {output: other.txt, shell: "echo 1 > {output}"}
      third: {output: "t/{g}", shell: "echo 1 > {output}"}
    """


@pytest.mark.parametrize("target", ["all", "use", "o/a", "o/{k}"])
def test_a_run_ends_with_a_rule_that_only_what_is_found_needs(space, target):
    space.workflow(LISTED)
    space.write("k.txt", "a\nb\n")
    planned = space.good("-n", "--until", "first", target)
    assert planned.certain == {"find"} and "first" in planned.text
    for _ in range(2):
        assert space.good("--until", "first", target).built == {"find", "first"}
        assert not space.good("--until", "first", target).built
        space.write("k.txt", "a\nb\nc\n")
        space.delete("first.txt")
    assert not space.good("--until", "third", target).built


def test_a_list_is_made_only_for_ends_that_may_need_it(space):
    space.workflow(LISTED)
    space.write("k.txt", "a\n")
    assert space.good("--until", "other").built == {"other"}


def test_a_rule_whose_constraints_leave_no_job_is_no_mistake_of_what_is_found(space):
    space.workflow("""
        wildcards: {k: [a, b], m: {lines: "made.{k}"}}
        rules:
          all: {input: "o/{k}"}
          find: {input: "in.{k}", output: "made.{k}", shell: "cp {input} {output}"}
          none: {output: "o/{k}", constraints: {k: c}, shell: "echo 1 > {output}"}
          some: {output: "o/{k}", constraints: {k: "[ab]"}, shell: "echo 2 > {output}"}
        """)
    space.write("in.a", "x\n")
    space.write("in.b", "x\n")
    assert not space.good("none").built
    assert space.good("check").status == 0
    assert space.good("all", "none", "find").built == {"some a", "some b", "find a", "find b"}


SCATTERED = """
    rules:
      all: {input: ["o/{k}", other]}
      find:
        input: in.txt
        output: "found/{k}"
        scatter: k
        shell: "for k in $(cat {input}); do echo $k > {output}/$k; done"
      use: {input: "found/{k}", output: "o/{k}", shell: "cp {input} {output}"}
      other: {output: other, shell: "echo > {output}"}
    """


@pytest.mark.parametrize("word", ["find", "found/a", "found/{k}"])
def test_a_scatter_is_left_out_also_by_what_it_is_yet_to_find(space, word):
    space.workflow(SCATTERED)
    space.write("in.txt", "a\nb\n")
    assert space.good("--omit", word).built == {"other"}
    space.good()
    space.write("in.txt", "a\nb\nc\n")
    assert not space.good("--omit", word).built


def test_what_was_written_over_an_output_that_is_left_out_is_not_what_its_job_made(space):
    space.workflow(SCATTERED)
    space.write("in.txt", "a\n")
    space.good()
    space.write("found/a", "mine\n")
    assert not space.good("--omit", "find").built
    space.delete("found/a")
    assert not space.good().built
    space.write("found/a", "mine\n")
    assert not space.good("--omit", "find").built
    assert space.good().built == {"find"}


@pytest.mark.parametrize("words", [("--omit", "other"), ("--omit", "third"), ("--where", "g=u")])
def test_what_cannot_be_known_yet_is_said_whatever_is_left_out(space, words):
    space.workflow(LISTED)
    space.write("k.txt", "a\n")
    assert "use: cannot be known before find ran" in space.flow("-n", *words).stdout
    assert "use" not in space.flow("-n", "--omit", "use").stdout


def test_what_a_call_waits_for_may_be_needed_only_until_it_has_told(space):
    space.workflow("""
        rules:
          all: {input: [e.txt, f.txt]}
          e:
            input: {call: "pick:names", after: list.txt}
            output: e.txt
            shell: "cat {input} > {output}"
          a: {output: a.txt, shell: "echo a > {output}"}
          find: {output: list.txt, shell: "echo a.txt > {output}"}
          f: {output: f.txt, shell: "echo f > {output}"}
        """)
    space.write("pick.py", "def names(after): return after.read_text().split()\n")
    assert space.good("--until", "a").built == {"find", "a"}
    assert not space.good("--until", "a").built
    assert space.good("--until", "f", "--until", "a").built == {"f"}
    assert space.good().built == {"e"}
    assert not space.good("--until", "a", "e").built


@pytest.mark.parametrize("end", ["use", "first", "o/a"])
def test_what_is_left_out_tells_nothing_to_a_run_that_ends_early(space, end):
    space.workflow(LISTED)
    space.write("k.txt", "a\n")
    for _ in range(2):
        assert not space.good("--omit", "find", "--until", end).built
    assert space.good("--until", end).built >= {"find", "first"}


def test_what_waits_behind_rules_without_action_and_what_is_left_out_is_said(space):
    space.workflow(LISTED)
    more = """
      top: {input: {rule: all}}
      sum: {input: {rule: use}, output: sum.txt, shell: "cat {input} > {output}"}
      e: {input: "o/{k}", output: e.txt, shell: "cat {input} > {output}"}
    """
    space.workflow(LISTED.rstrip() + more)
    space.write("k.txt", "a\n")
    said = "use: cannot be known before find ran"
    for words in (("top",), ("sum",), ("--omit", "e.txt", "e")):
        assert said in space.flow("-n", *words).stdout
    assert not space.good("--until", "top", "third").built


# That `one` is needed is known when `items` has told; which jobs it has, when its own finder has.
BEHIND = """\
wildcards:
  i: {lines: build/items.txt}
rules:
  all: {input: "build/f/{i}"}
  items:
    input: items
    output: build/items.txt
    shell: echo items >> "$RAN_LOG"; cp {input} {output}
  fin:
    input: build/one/{j}
    output: build/f/{i}
    shell: echo fin {i} >> "$RAN_LOG"; cat {input} > {output}
"""
ONE_OF_A_LIST = """\
  one:
    output: build/one/{j}
    shell: echo one {j} >> "$RAN_LOG"; echo {j} > {output}
  jt:
    input: jt
    output: build/jt.txt
    shell: echo jt >> "$RAN_LOG"; cp {input} {output}
"""
ONE_OF_A_SCATTER = """\
  jt:
    input: jt
    output: build/p/{j}
    scatter: j
    shell: echo jt >> "$RAN_LOG"; for j in $(cat {input}); do touch {output}/$j; done
  one:
    input: build/p/{j}
    output: build/one/{j}
    shell: echo one {j} >> "$RAN_LOG"; echo {j} > {output}
"""


@pytest.mark.parametrize("until", ["one", "build/one/x", "build/one/{j}"])
@pytest.mark.parametrize("finder", ["list", "scatter"])
def test_an_end_is_reached_whose_own_values_are_found_behind_others(space, finder, until):
    space.workflow(
        BEHIND.replace("rules:", "  j: {lines: build/jt.txt}\nrules:") + ONE_OF_A_LIST
        if finder == "list"
        else BEHIND + ONE_OF_A_SCATTER
    )
    space.write("items", "a\n")
    space.write("jt", "x\n")
    words = ("--until", until)
    dry = space.good("-n", *words)
    assert dry.planned == {"items"}
    found = space.good(*words)
    assert sorted(space.ran) == ["items", "jt", "one x"]
    assert found.counts()[0] == 3
    assert space.good(*words).counts()[0] == 0
    space.delete("build/one/x")
    space.good(*words)
    assert space.ran == ["one x"]
    space.write("jt", "x\ny\n")
    space.good(*words)
    assert sorted(space.ran) == (["jt"] if until == "build/one/x" else ["jt", "one y"])
    assert space.run("--until", "build/one/z").status == 2
    space.good()
    assert space.read("build/f/a") == "x\ny\n"


def test_an_end_is_reached_that_a_call_gives_and_whose_values_are_found(space: Space) -> None:
    space.write("f.py", "def ins(after):\n    return ['build/one/x']\n")
    text = BEHIND.replace("rules:", "  j: {lines: build/jt.txt}\nrules:") + ONE_OF_A_LIST
    text = text.replace('{input: "build/f/{i}"}', "{input: build/total.txt}")
    space.workflow(
        text
        + """\
  total:
    input: {call: "f:ins", after: build/items.txt}
    output: build/total.txt
    shell: cat {input} > {output}
"""
    )
    space.write("items", "a\n")
    space.write("jt", "x\n")
    space.good("--until", "one")
    assert sorted(space.ran) == ["items", "jt", "one x"]


# `slow` holds the first slot, and ends only when what was found beside it is worked on.
HELD_UP = """\
rules:
  all:
    input: [build/slow.txt, "build/quick/{n}.txt"]
  slow:
    output: build/slow.txt
    run: steps:slow
  parts:
    output: build/parts/{n}.txt
    scatter: n
    shell: |
      until [ -e "$FLAGS/slow" ]; do sleep 0.02; done
      touch {output}/1.txt {output}/2.txt
  quick:
    input: build/parts/{n}.txt
    output: build/quick/{n}.txt
"""
SLOW = """\
import os
import time


def slow(output):
    open(os.environ["FLAGS"] + "/slow", "w").close()
    until = time.monotonic() + 20
    while not os.path.exists(os.environ["FLAGS"] + "/quick"):
        assert time.monotonic() < until, "nobody has begun with what was found"
        time.sleep(0.02)
    output.write_text("x")
"""
QUICK = """\
import os


def quick(input, output):
    output.write_text("")
    open(os.environ["FLAGS"] + "/quick", "w").close()
"""


@pytest.mark.parametrize(
    "action",
    ['shell: touch {output} "$FLAGS/quick"', "run: late:quick", "{run: late:quick, private: true}"],
)
def test_a_function_that_runs_holds_up_nothing_of_what_is_found(space: Space, action: str) -> None:
    space.write("steps.py", SLOW)
    space.write("late.py", QUICK)
    lines = action.strip("{}") if action.startswith("{run") else action
    space.workflow(HELD_UP + "".join(f"    {line}\n" for line in lines.split(", ")))
    assert space.good("-j", "2").counts() == (4, 0, 0, 0)
    assert space.good("-j", "2").counts() == (0, 4, 0, 0)


def test_time_runs_out_also_while_a_plan_grows(space: Space) -> None:
    space.write("steps.py", SLOW)
    text = HELD_UP.replace("run: steps:slow", "timeout: 1\n    run: steps:slow")
    space.workflow(text + "    shell: touch {output}\n")
    flow = space.run("-j", "2")
    assert flow.status == 1
    assert flow.counts() == (3, 0, 1, 0)
    assert "timed out after 1 s" in flow.text


WAITS_FOR_AN_END = """
import os
import time

until = time.monotonic() + 20
while not os.path.exists(os.environ["FLAGS"] + "/ended"):
    if time.monotonic() > until:
        open(os.environ["FLAGS"] + "/in_vain", "w").close()
        break
    time.sleep(0.02)
"""


@pytest.mark.parametrize("how", ["import", "call"])
def test_time_runs_out_also_while_something_is_asked(space: Space, how: str) -> None:
    ended = '    finally:\n        open(os.environ["FLAGS"] + "/ended", "w").close()\n'
    endless = "    try:\n        time.sleep(60)\n" + ended
    space.write("steps.py", SLOW[: SLOW.index("    until =")] + endless)
    text = HELD_UP.replace("run: steps:slow", "timeout: 1\n    run: steps:slow")
    if how == "import":
        space.write("late.py", QUICK + WAITS_FOR_AN_END)
        text += "    run: late:quick\n"
    else:
        waits = "".join(f"    {line}\n" for line in WAITS_FOR_AN_END.splitlines())
        space.write("late.py", f"def more(after):\n{waits}    return []\n")
        text = text.replace("    input: build/parts/{n}.txt\n", '    input: "build/list/{n}"\n')
        text += """\
    shell: touch {output}
  list:
    input:
      part: build/parts/{n}.txt
      more: {call: "late:more", after: "build/parts/{n}.txt", optional: true}
    output: build/list/{n}
    shell: touch {output}
"""
    space.workflow(text)
    flow = space.run("-j", "2")
    assert flow.status == 1
    assert "timed out after 1 s" in flow.text
    assert not space.flagged("in_vain")
    assert flow.counts()[2] == 1


# Each job of the chain begins once the one before is on record; the last one ends what is asked.
CHAIN = """\
rules:
  all:
    input: [build/chain3, "build/use/{n}"]
  chain1:
    output: build/chain1
    shell: until [ -e "$FLAGS/asked" ]; do sleep 0.02; done; touch {output}
  chain2:
    input: build/chain1
    output: build/chain2
    shell: touch {output}
  chain3:
    input: build/chain2
    output: build/chain3
    shell: touch {output} "$FLAGS/ended"
"""
ASKED = 'open(os.environ["FLAGS"] + "/asked", "w").close()\n'


@pytest.mark.parametrize("how", ["an input that was found", "cores"])
def test_jobs_begin_end_and_are_recorded_while_a_call_is_asked(space: Space, how: str) -> None:
    waits = WAITS_FOR_AN_END.replace("until =", f"{ASKED}until =", 1)
    lines = "".join(f"    {line}\n" for line in waits.splitlines())
    space.write(
        "late.py",
        f"def more(after):\n{lines}    return []\n\n\ndef cores(n):\n{lines}    return 1\n",
    )
    if how == "cores":
        text = f"wildcards: {{n: [1, 2]}}\n{CHAIN}"
        text += """\
  use:
    output: build/use/{n}
    cores: {call: "late:cores"}
    shell: touch {output}
"""
    else:
        text = (
            CHAIN
            + """\
  parts:
    output: build/parts/{n}.txt
    scatter: n
    shell: touch {output}/1.txt {output}/2.txt
  use:
    input:
      part: build/parts/{n}.txt
      more: {call: "late:more", after: "build/parts/{n}.txt", optional: true}
    output: build/use/{n}
    shell: touch {output}
"""
        )
    space.workflow(text)
    flow = space.good("-j", "2")
    assert not space.flagged("in_vain")
    assert flow.counts() == (5 + (how != "cores"), 0, 0, 0)
    assert space.good("-j", "2").counts() == (0, 5 + (how != "cores"), 0, 0)


def test_what_cannot_be_imported_late_ends_nothing_that_runs(space: Space) -> None:
    space.write("steps.py", SLOW.replace('os.environ["FLAGS"] + "/quick"', '"late.log"'))
    space.write("late.py", QUICK + "\n\nopen('late.log', 'w').close()\nimport nowhere\n")
    space.workflow(HELD_UP + "    run: late:quick\n")
    flow = space.run("-j", "2")
    assert flow.status == 1
    assert space.read("build/slow.txt") == "x"
    assert "No module named 'nowhere'" in flow.text
    space.write("late.py", QUICK)
    assert space.good("-j", "2").counts() == (2, 2, 0, 0)


@pytest.mark.parametrize("held", ["resources: {api: 1}", "cores: 2"])
def test_what_is_found_does_not_wait_for_ready_jobs_that_cannot_begin(space: Space, held) -> None:
    space.workflow(f"""
        resources: {{api: 1}}
        wildcards:
          n: [1, 2]
          item: {{lines: build/items.txt}}
        rules:
          all:
            input: ["build/ask/{{n}}", "build/use/{{item}}", build/first]
          first:
            output: build/first
            resources: {{api: 1}}
            priority: 1
            timeout: 20
            shell: until [ -e "$FLAGS/use" ]; do sleep 0.02; done; touch {{output}}
          ask:
            output: build/ask/{{n}}
            {held}
            shell: touch {{output}}
          list:
            output: build/items.txt
            priority: 1
            shell: sleep 0.2; echo x > {{output}}
          use:
            output: build/use/{{item}}
            shell: touch {{output}} "$FLAGS/use"
    """)
    assert space.good("-j", "2").counts() == (5, 0, 0, 0)


def test_what_a_job_in_hand_has_made_is_not_said_to_be_replaced(space: Space) -> None:
    """It was written by the run itself, when the plan grew."""
    space.workflow("""
        wildcards:
          x: {range: 80}
          item: {lines: build/items.txt}
        rules:
          all: {input: ["build/cp/{x}.txt", "build/{item}.txt"]}
          up: {output: "build/up/{x}.txt", shell: "touch {output}"}
          cp:
            input: build/up/{x}.txt
            output: {path: "build/cp/{x}.txt", in_place: true}
            shell: |
              touch {output}
              if [ {x} = 0 ]; then
                touch "$FLAGS/cp"
                until [ -e "$FLAGS/it" ]; do sleep 0.02; done
              fi
            timeout: 20
          items:
            output: build/items.txt
            priority: 1
            shell: until [ -e "$FLAGS/cp" ]; do sleep 0.02; done; echo a > {output}
          it: {output: "build/{item}.txt", shell: 'touch {output} "$FLAGS/it"'}
    """)
    flow = space.flow("-j", "2", "--progress", "plain")
    assert (flow.status, "replaced" in flow.stderr) == (0, False), flow.stderr


def test_tries_are_counted_through_all_plans(space: Space) -> None:
    """Of a job that is to be tried again, and waits for a core while the plan grows."""
    space.workflow("""
        wildcards: {n: {range: 4}}
        rules:
          all: {input: [o/flaky, "o/y{n}.{y}"]}
          flaky:
            output: o/flaky
            priority: -1
            retries: 1
            shell: echo attempt {attempt} >> said; exit 1
          gate: {output: o/gate, shell: "sleep 0.3; echo > {output}"}
          two:
            input: o/gate
            output: "two/{n}/{y}"
            scatter: y
            shell: sleep 1; touch {output}/1
          y: {input: "two/{n}/{y}", output: "o/y{n}.{y}", shell: "sleep 0.6; echo > {output}"}
        """)
    flow = space.flow("-k", "-j", "2")
    assert flow.status == 1 and "1 failed" in flow.text
    assert space.read("said") == "attempt 1\nattempt 2\n"
