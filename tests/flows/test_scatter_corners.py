"""Where what a scatter found meets options and other keys: nothing of it may be passed over."""

import pytest

from .space import Space

CHAIN = """
    rules:
      all: {input: build/total.txt}
      split:
        input: in.txt
        output: "parts/{key}.txt"
        scatter: key
        shell: 'while read k v; do echo $v > {output}/$k.txt; done < {input}'
      sum: {input: "parts/{key}.txt", output: "build/sum/{key}.txt", shell: "cp {input} {output}"}
      total: {input: "build/sum/{key}.txt", output: build/total.txt, shell: "cat {input} >{output}"}
    """


@pytest.fixture
def chain(space: Space) -> Space:
    space.workflow(CHAIN)
    space.write("in.txt", "a 1\nb 2\n")
    return space


def test_a_run_ends_at_a_path_that_is_yet_to_be_found(chain: Space):
    assert chain.good("--until", "build/sum/a.txt").built == {"split", "sum a"}
    chain.good()
    chain.write("in.txt", "a 5\nb 2\n")
    planned = chain.good("-n", "--until", "build/sum/a.txt")
    assert planned.certain == {"split"}
    assert chain.good("--until", "build/sum/a.txt").built == {"split", "sum a"}
    assert chain.read("build/sum/a.txt") == "5\n"
    chain.write("in.txt", "a 6\nb 2\n")
    assert chain.good("--until", "build/sum/{key}.txt").built == {"split", "sum a"}


def test_a_value_that_is_known_not_to_be_there_is_a_mistake(chain: Space):
    flow = chain.run("--where", "key=zz")  # nobody can know before the scatter ran
    assert flow.built == {"split"}
    assert flow.status == 1 and "key has no such value" in flow.text
    flow = chain.flow("--where", "key=zz")
    assert flow.status == 2 and "known here: a, b" in flow.text


def test_a_scatter_is_stale_rather_than_missing_while_its_files_are_there(chain: Space):
    chain.good()
    chain.write("in.txt", "a 5\nb 2\n")
    assert "split  1 stale" in chain.good("status").stdout
    chain.delete("parts/a.txt")
    assert "split  1 missing" in chain.good("status").stdout


def test_a_file_overwritten_beside_one_that_is_gone_comes_back(chain: Space):
    chain.good()
    chain.delete("parts/a.txt")
    chain.delete("build/sum/b.txt")
    chain.write("parts/b.txt", "9\n")
    assert chain.good("-n").planned == {"split"}
    assert chain.good().built == {"split"}
    assert chain.read("parts/b.txt") == "2\n"


def test_what_a_scatter_made_is_removed_by_its_pattern(chain: Space):
    chain.good()
    chain.good("clean", "parts/{key}.txt")
    assert chain.files("parts") == []


def test_a_scatter_replaces_no_protected_file(space: Space):
    space.workflow("""
        rules:
          split:
            input: in.txt
            output: {path: "parts/{key}.txt", protected: true}
            scatter: key
            shell: cp {input} {output}/a.txt
        """)
    space.write("in.txt", "1\n")
    space.good()
    space.write("in.txt", "2\n")
    flow = space.flow()
    assert flow.status == 1 and "--force parts/a.txt" in flow.text
    assert space.read("parts/a.txt") == "1\n"
    assert space.good("--force", "split").built == {"split"}
    assert space.read("parts/a.txt") == "2\n"


def test_values_select_jobs_of_a_scatter_below_another_value(space: Space):
    space.workflow("""
        wildcards: {s: [a, b]}
        rules:
          all: {input: "total/{s}.txt"}
          split:
            output: "parts/{s}/{k}.txt"
            scatter: k
            shell: for k in 1 2; do echo {s}$k > {output}/$k.txt; done
          sum: {input: "parts/{s}/{k}.txt", output: "sum/{s}/{k}.txt", shell: "cp {input} {output}"}
          total: {input: "sum/{s}/{k}.txt", output: "total/{s}.txt", shell: "cat {input} >{output}"}
        """)
    assert space.good("--where", "k=2", "sum").built == {"split a", "split b", "sum a 2", "sum b 2"}
    assert space.good("--where", "k=1", "--where", "s=a", "sum").built == {"sum a 1"}
    assert space.good().built == {"sum b 1", "total a", "total b"}


def test_a_list_that_is_only_wanted_for_its_values_goes_when_it_is_temporary(space: Space):
    space.workflow("""
        wildcards: {s: {table: plan.csv}}
        rules:
          all: {input: "out/{s}.txt"}
          plan:
            input: in.txt
            output: {path: plan.csv, temp: true}
            shell: "(echo s; cat {input}) > {output}"
          out: {output: "out/{s}.txt", shell: "touch {output}"}
        """)
    space.write("in.txt", "a\n")
    assert space.good().built == {"plan", "out a"}
    assert not space.exists("plan.csv")
    assert space.good().built == set()
    space.write("in.txt", "a\nb\n")
    assert space.good().built == {"plan", "out b"}
    assert not space.exists("plan.csv")
    assert space.good("plan").built == {"plan"}
    assert space.exists("plan.csv")


def test_columns_select_jobs_by_what_another_found(space: Space):
    space.workflow("""
        wildcards:
          s, kind: [[a, k1], [b, k2]]
        rules:
          all: {input: "m/{k}.txt"}
          split:
            output: "parts/{s}/{k}.txt"
            scatter: k
            shell: for i in 1 2; do echo > {output}/{s}$i.txt; done
          m: {input: "parts/{s}/{k}.txt", output: "m/{k}.txt", shell: "echo {kind} >{output}"}
        """)
    assert space.good("--where", "kind=k2", "m").built == {"split b"}  # who knows what a finds
    space.good()
    for name in ("m/a1.txt", "m/b1.txt", "m/b2.txt"):
        space.delete(name)
    assert space.good("-n", "--where", "kind=k2", "m").planned == {"m b1", "m b2"}
    assert space.good("--where", "kind=k2", "m").built == {"m b1", "m b2"}
    assert space.good("--where", "s=a", "m").built == {"m a1"}


LACKING = """
    wildcards: {i: {lines: build/l.txt}}
    rules:
      all: {input: [t, u]}
      l: {input: src, output: build/l.txt, shell: "cp {input} {output}"}
      t: {input: "o/{i}", output: t, shell: "touch {output}"}
      o: {output: "o/{i}", shell: "touch {output}"}
      u: {input: in, output: u, shell: "cp {input} {output}"}
    """


@pytest.mark.parametrize("flow", ["lines", "scatter"])
def test_a_producer_that_lacks_its_source_is_said_to(space: Space, flow: str):
    space.workflow(LACKING if flow == "lines" else CHAIN)
    source = "src" if flow == "lines" else "in.txt"
    space.write("in", "1\n")
    lines = "1\n" if flow == "lines" else "a 1\n"
    for _ in range(2):  # never built, then built before
        flow_of = space.run()
        assert flow_of.status == 2 and f"{source} is not there" in flow_of.text
        for options in (("-k", "-n"), ("-k",)):
            flow_of = space.run(*options)
            assert flow_of.status == (1 if len(options) == 1 else 0), flow_of.text
            assert flow_of.summary["failed"] == 0
        space.write(source, lines)
        space.good()
        space.delete(source)


def test_what_is_scattered_may_not_be_what_another_rule_makes(space: Space):
    space.workflow("""
        rules:
          all: {input: [t, parts/special.txt]}
          split:
            input: in.txt
            output: "parts/{k}.txt"
            scatter: k
            shell: 'for k in $(cat {input}); do echo $k > {output}/$k.txt; done'
          special: {output: parts/special.txt, shell: "echo special >{output}"}
          t: {input: "parts/{k}.txt", output: t, shell: "cat {input} >{output}"}
        """)
    space.write("in.txt", "1 special\n")
    flow = space.run()
    assert flow.status == 1 and "parts/special.txt is made by two jobs" in flow.text
    assert space.flow().status == 2
    space.write("in.txt", "1\n")
    assert "t" in space.good().built


def test_a_call_that_fails_stops_only_what_needs_it_with_k(space: Space):
    space.workflow("""
        wildcards: {s: [a, b]}
        rules:
          all: {input: "u/{s}"}
          u: {input: {call: "c:f"}, output: "u/{s}", shell: "cat {input} > {output}"}
        """)
    space.write("c.py", "def f(s):\n    return {'a': 'in.a'}[s]\n")
    space.write("in.a", "1\n")
    assert space.run("-k").built == {"u a"}
    space.write("in.a", "2\n")
    assert space.run("-k", "-n").planned == {"u a"}
    flow = space.run("-k")
    assert flow.built == {"u a"} and flow.status == 1
    assert "u  1 fresh, 1 failed" in space.flow("status").stdout
    assert space.flow().status == 2


def test_a_list_that_no_rule_makes_is_read_before_its_rule_is_asked_for(space: Space):
    space.workflow("""
        wildcards: {g: [a], i: {lines: "lists/{g}.txt"}}
        rules:
          o: {output: "o/{g}/{i}", shell: "touch {output}"}
        """)
    flow = space.flow("o")
    assert flow.status == 2 and "Workflowfile:1" in flow.text
    assert "lists/a.txt is not there, and no rule makes it" in flow.text
    space.write("lists/a.txt", "1\n")
    assert space.good("o").built == {"o a 1"}
    space.write("lists/a.txt", "1\n2\n")
    assert space.good("o").built == {"o a 2"}


def test_a_list_that_only_gave_values_is_not_missed_when_it_is_gone(space: Space):
    space.workflow("""
        wildcards: {s: {lines: plan.txt}}
        rules:
          all: {input: "out/{s}.txt"}
          plan: {input: in.txt, output: {path: plan.txt, temp: true}, shell: "cp {input} {output}"}
          out: {output: "out/{s}.txt", shell: "touch {output}"}
        """)
    space.write("in.txt", "a\n")
    space.good()
    assert "plan  1 absent, not needed" in space.good("status").stdout


def test_all_rules_that_cannot_be_known_yet_are_named(space: Space):
    space.workflow("""
        wildcards:
          k: {lines: k.txt}
          w: {lines: "lists/{k}.txt"}
        rules:
          all: {input: out.txt}
          plan: {input: in.txt, output: k.txt, shell: "cp {input} {output}"}
          lists: {input: in.txt, output: "lists/{k}.txt", shell: "cp {input} {output}"}
          use: {output: "use/{k}/{w}", shell: "touch {output}"}
          out: {input: "use/{k}/{w}", output: out.txt, shell: "touch {output}"}
        """)
    space.write("in.txt", "a\n")
    assert space.good("-n").deferred == {"lists", "use", "out"}
    assert space.good().built == {"plan", "lists a", "use a a", "out"}


def test_a_failure_beside_what_is_yet_to_be_found(space: Space):
    space.workflow("""
        wildcards:
          s: [one, two]
          k: {lines: "lists/{s}.txt"}
        rules:
          all: {input: [out.txt, other.txt]}
          lists: {input: "in/{s}.txt", output: "lists/{s}.txt", shell: "cp {input} {output}"}
          use: {output: "use/{s}/{k}.txt", shell: "echo {k} >{output}"}
          gather: {input: "use/{s}/{k}.txt", output: "g/{s}.txt", shell: "echo {input} >{output}"}
          out: {input: "g/{s}.txt", output: out.txt, shell: "cat {input} >{output}"}
          other: {output: other.txt, shell: "echo 1 >{output}"}
        """)
    space.write("in/one.txt", "a\nb\n")
    space.write("in/two.txt", "")
    flow = space.run("-k")
    assert flow.status == 1 and flow.summary["failed"] == 1
    assert {"use one a", "use one b", "gather one", "other"} <= flow.built
    space.write("in/one.txt", "a\nb\nc\n")
    assert space.run("-k", "-n").planned == {"lists one"}
    assert space.run("-k").built == {"lists one", "use one c", "gather one"}
    space.write("in/two.txt", "d\n")
    assert space.good().built == {"lists two", "use two d", "gather two", "out"}


def test_a_missing_source_beside_what_is_yet_to_be_found(space: Space):
    space.workflow("""
        wildcards: {s: [one, two]}
        rules:
          all: {input: [out.txt, "side/{s}.txt"]}
          split:
            input: "in/{s}.txt"
            output: "parts/{s}/{k}.txt"
            scatter: k
            shell: for k in $(cat {input}); do echo > {output}/$k.txt; done
          gather: {input: "parts/{s}/{k}.txt", output: "g/{s}.txt", shell: "echo {input} >{output}"}
          out: {input: "g/{s}.txt", output: out.txt, shell: "cat {input} >{output}"}
          side: {input: "in/{s}.txt", output: "side/{s}.txt", shell: "cp {input} {output}"}
        """)
    space.write("in/one.txt", "a\n")
    space.write("in/two.txt", "b\n")
    space.good()
    space.delete("in/two.txt")
    space.write("in/one.txt", "a c\n")
    assert space.run("-n", "-k").planned == {"split one", "side one"}
    assert "in/two.txt is not there" in space.flow("check").text
    flow = space.run("-k")
    assert flow.status == 1 and flow.built == {"split one", "side one", "gather one"}


@pytest.mark.parametrize("row", ["zz,2", "a,2"])
def test_a_found_value_that_cannot_be_used_fails_its_job_each_time(space: Space, row: str):
    space.workflow("""
        wildcards:
          k, v: {table: build/t.csv}
        config: {rate: {a: 1, b: 2}}
        rules:
          all: {input: [out.txt, other.txt]}
          tab: {input: t.csv, output: build/t.csv, shell: "cp {input} {output}"}
          use:
            output: "u/{k}.txt"
            params: {r: "{config.rate[k]}"}
            shell: "echo {k} {v} {params.r} >{output}"
          out: {input: "u/{k}.txt", output: out.txt, shell: "cat {input} >{output}"}
          other: {input: o.in, output: other.txt, shell: "cp {input} {output}"}
        """)
    space.write("t.csv", f"k,v\na,1\nb,1\n{row}\n")
    space.write("o.in", "1")
    assert space.run("-k").status == 1
    space.write("o.in", "2")
    assert "other" in space.run("-n").planned
    flow = space.run("-k")
    assert flow.status == 1 and flow.built == {"other"} and flow.summary["failed"] == 1
    assert "1 failed" in space.good("status").stdout
    space.write("t.csv", "k,v\na,1\nb,1\n")
    assert {"tab", "out"} <= space.good().built


TWO_LEVELS = """
    wildcards: {s: [one, two]}
    rules:
      all: {input: out.txt}
      split:
        input: "in/{s}.txt"
        output: "p/{s}/{x}.txt"
        scatter: x
        shell: for w in $(cat {input}); do echo $w > {output}/$w.txt; done
      sub:
        input: "p/{s}/{x}.txt"
        output: "q/{s}/{x}/{y}"
        scatter: y
        shell: for y in 1 2; do cp {input} {output}/$y; done
      use: {input: "q/{s}/{x}/{y}", output: "u/{s}/{x}.{y}", shell: "cp {input} {output}"}
      g: {input: "u/{s}/{x}.{y}", output: "g/{s}.txt", shell: "cat {input} >{output}"}
      out: {input: "g/{s}.txt", output: out.txt, shell: "cat {input} >{output}"}
    """


@pytest.fixture
def levels(space: Space) -> Space:
    space.workflow(TWO_LEVELS)
    space.write("in/one.txt", "a b\n")
    space.write("in/two.txt", "c\n")
    return space


def test_what_a_scatter_made_can_be_forced_by_its_path(levels: Space):
    levels.good()
    assert levels.good("-n", "-f", "q/one/a/1").certain == {"sub one a"}
    assert levels.good("-f", "q/one/a/1").built == {"sub one a"}
    assert levels.good("-f", "p/two/c.txt").built == {"split two"}
    assert levels.good("-f", "u/one/b.2").built == {"use one b 2"}


def test_what_a_scatter_made_can_be_forced_by_its_pattern(levels: Space):
    levels.good()
    for _ in range(2):
        assert levels.good("-f", "q/{s}/{x}/{y}").built == {"sub one a", "sub one b", "sub two c"}
    assert levels.good("-f", "p/{s}/{x}.txt").built == {"split one", "split two"}


def test_a_protected_scatter_is_forced_by_its_pattern(space: Space):
    space.workflow("""
        rules:
          split:
            input: in.txt
            output: {path: "p/{k}", protected: true}
            scatter: k
            shell: "for k in $(cat {input}); do echo $k > {output}/$k; done"
        """)
    space.write("in.txt", "a b\n")
    space.good()
    space.write("in.txt", "a c\n")
    assert "--force" in space.run("split").text
    assert space.good("-f", "p/{k}", "split").built == {"split"}
    assert space.read("p/c") == "c\n"


def test_values_select_jobs_through_two_scatters(levels: Space):
    splits = {"split one", "split two"}
    built = levels.good("--where", "x=a").built
    assert built == splits | {"sub one a", "use one a 1", "use one a 2"}
    assert levels.good("--where", "x=a").built == set()
    built = levels.good("--where", "y=2").built
    assert built == {"sub one b", "sub two c", "use one b 2", "use two c 2"}
    assert levels.good().built == {"use one b 1", "use two c 1", "g one", "g two", "out"}
    flow = levels.run("--where", "x=nope")
    assert flow.status == 2 and "x has no such value" in flow.text
    assert levels.good("--omit", "g").built == set()


def test_what_waits_for_a_failed_job_is_skipped_also_when_the_plan_grows(space: Space):
    space.workflow("""
        rules:
          all: {input: [found.txt, out.txt]}
          split:
            input: in.txt
            output: "parts/{x}"
            scatter: x
            shell: sleep 0.3; for w in $(cat {input}); do echo > {output}/$w; done
          use: {input: "parts/{x}", output: "use/{x}", shell: "cp {input} {output}"}
          found: {input: "use/{x}", output: found.txt, shell: "cat {input} >{output}"}
          first: {input: in.txt, output: first.txt, shell: "touch {output}"}
          second: {input: first.txt, output: second.txt, shell: "cp {input} {output}"}
          out: {input: second.txt, output: out.txt, shell: "echo one >{output}"}
        """)
    space.write("in.txt", "a\n")
    space.good()
    space.replace("Workflowfile", "touch {output}", "false; touch {output}")
    space.replace("Workflowfile", "echo one", "echo two")
    space.write("in.txt", "a b\n")
    for _ in range(2):
        flow = space.run("-k", "-j", "2")
        assert (flow.summary["failed"], flow.summary["skipped"]) == (1, 2), flow.text
    assert space.read("out.txt") == "one\n"


def test_two_jobs_with_one_path_are_told_as_such_beside_a_scatter(space: Space):
    space.workflow("""
        wildcards: {a: ["1", 1-1], b: ["1", 1-1]}
        rules:
          split: {output: "parts/{k}.txt", scatter: k, shell: "touch {output}/1.txt"}
          t: {input: "parts/{k}.txt", output: t, shell: "touch {output}"}
          one: {output: "parts/x/{a}-{b}.txt", shell: "touch {output}"}
        """)
    flow = space.flow("one", "t")
    assert flow.status == 2 and "parts/x/1-1-1.txt is made by two jobs" in flow.text
    assert "differ in every value" in flow.text


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ('input: "c/{k}.txt", output: "o/{k}.txt", run: "steps:odd"', "takes 'levle'"),
        ('input: "c/{k}.txt", output: "o/{k}.txt", run: "steps:none"', "no function 'none'"),
        ('input: {c: "c/{k}.txt"}, output: "o/{k}.txt", run: "steps:fit"', "has no parameter 'c'"),
        ('input: "c/{k}.txt", output: "o/{k}.txt", run: "steps:many"', "input is one file"),
    ],
)
def test_a_function_that_does_not_fit_is_told_before_anything_runs(
    space: Space, rest: str, said: str
) -> None:
    space.write(
        "steps.py",
        "def odd(input, output, levle): ...\n"
        "def fit(output): ...\n"
        "def many(input: list, output): ...\n",
    )
    space.write(
        "Workflowfile",
        'rules:\n  all: {input: "o/{k}.txt"}\n'
        '  split: {output: "c/{k}.txt", scatter: k, shell: "touch {output}/1.txt"}\n'
        f"  each: {{{rest}}}\n",
    )
    for args in (("-n",), ()):
        flow = space.flow(*args)
        assert flow.status == 2 and said in flow.text, flow.text
    assert not space.exists("c")


@pytest.mark.parametrize("key", ["executor: process", "executor: thread", "executor: serial"])
def test_a_generator_may_be_in_another_folder_when_it_yields(space: Space, key: str):
    """What it yields is written where it belongs, and its paths mean what they always mean."""
    space.workflow(f"""
        rules:
          split: {{output: "o/{{k}}.txt", scatter: k, run: "steps:split", {key}}}
        """)
    space.write(
        "steps.py",
        "import os\nfrom pathlib import Path\n\n\n"
        "def split():\n"
        "    yield 'a', 'first\\n'\n"
        "    os.chdir('work')\n"
        "    yield 'b', 'second\\n'\n"
        "    yield 'c', Path('third.txt')\n"
        "    os.chdir('..')\n"
        "    yield 'd', b'fourth\\n'\n",
    )
    space.write("third.txt", "third\n")
    space.write("work/third.txt", "another\n")
    space.good()
    made = [space.read(f"o/{name}.txt") for name in "abcd"]
    assert made == ["first\n", "second\n", "third\n", "fourth\n"]
    assert sorted(path.name for path in space.path("work").iterdir()) == ["third.txt"]


def test_the_log_of_a_failed_scatter_is_shown_as_its_failure_says(space: Space) -> None:
    space.workflow("""
        rules:
          all: {input: "u/{d}/{c}.txt"}
          cut: {input: "{d}.in", output: "o/{d}/{c}.txt", scatter: c, run: "steps:cut"}
          use: {input: "o/{d}/{c}.txt", output: "u/{d}/{c}.txt", shell: "cp {input} {output}"}
        wildcards: {d: [1, 2]}
        """)
    space.write("1.in", "")
    space.write("2.in", "")
    space.write("below/x", "")
    space.write(
        "steps.py",
        "def cut(output, d):\n    print('at', d)\n    yield 'x', '1'\n    raise ValueError('no')\n",
    )
    for folder in (".", "below"):
        said = space.flow("-k", cwd=folder).stderr
        for d in "12":
            assert f"  its whole output: fileflow log 'o/{d}/{{c}}.txt'\n" in said
            shown = space.flow("log", f"o/{d}/{{c}}.txt", cwd=folder)
            assert (shown.status, shown.stdout) == (0, f"at {d}\n"), shown.text
    assert space.flow("log", "o/3/{c}.txt").status == 2


def test_a_scatter_that_returns_its_files_is_told_to_yield_them(space: Space) -> None:
    space.workflow("""
        rules:
          all: {input: {path: "o/{c}.txt", optional: true}}
          cut: {output: "o/{c}.txt", scatter: c, run: "steps:cut"}
        """)
    space.write("steps.py", "def cut(output):\n    return [('x', '1')]\n")
    flow = space.flow()
    assert (
        "warning: rule cut: it made no file, and it returned a value (list), which nobody takes: a "
        "function writes its outputs itself, or yields them\n"
    ) in flow.stderr
    space.write(
        "steps.py", "def cut(output):\n    (output / 'x.txt').write_text('')\n    return 1\n"
    )
    assert "returned" not in space.flow().stderr and space.exists("o/x.txt")
