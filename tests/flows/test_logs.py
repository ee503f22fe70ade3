"""Log files that actions write themselves: they appear always, and are no reason to build."""

import signal

import pytest

from .space import Space, wait_for


def test_logs_appear_also_when_the_job_fails(space: Space):
    space.workflow("""
        rules:
          make:
            output: "{x}.txt"
            log: logs/deep/{x}.log
            shell: echo working on {x} > {log}; test ! -e "$FLAGS/bad"; echo x > {output}
        """)
    space.flag("bad")
    assert space.run("a.txt").status == 1
    assert space.read("logs/deep/a.log") == "working on a\n"
    (space.flags / "bad").unlink()
    space.good("a.txt")
    space.delete("logs/deep/a.log")
    assert space.good("a.txt").built == set()


def test_named_and_listed_logs_are_filled_in(space: Space):
    space.workflow("""
        rules:
          all:
            input: [a.txt, b.txt, c.txt]
          a:
            output: a.txt
            log: {out: l/a.out, err: l/a.err}
            shell: |
              echo {log.out} {log.err} {log.err:name} {log} > {output}
              touch {log}
          b:
            output: b.txt
            log: [l/b.1, l/b.2]
            argv: [bash, -c, "echo $0 $1 > $2; touch $1", "{log}", "{output}"]
          c:
            output: c.txt
            shell: echo {log} > {output}
        """)
    space.good()
    assert space.read("a.txt") == "l/a.out l/a.err a.err l/a.out l/a.err\n"
    assert space.read("b.txt") == "l/b.1 l/b.2\n"
    assert space.read("c.txt").startswith(".fileflow/logs/")
    assert space.exists("l/a.out") and space.exists("l/b.2")


def test_a_log_holds_the_last_attempt_alone(space: Space):
    space.workflow("""
        rules:
          make:
            output: a.txt
            log: a.log
            retries: 1
            shell: |
              echo attempt {attempt} >> {log}
              test {attempt} = 2; touch {output}
        """)
    space.good()
    assert space.read("a.log") == "attempt 2\n"


def test_functions_take_their_logs(space: Space):
    space.write(
        "steps.py",
        "from pathlib import Path\n\n"
        "def one(output, log: Path):\n    log.write_text('one')\n    output.write_text('')\n\n"
        "def two(output, log):\n    log.a.write_text('a')\n    log.b.write_text('b')\n"
        "    output.write_text('')\n\n"
        "def own(output, log):\n    output.write_text(str(log))\n",
    )
    space.workflow("""
        rules:
          all:
            input: [one.txt, two.txt, own.txt]
          one:
            output: one.txt
            log: logs/one.log
            run: steps:one
          two:
            output: two.txt
            log: {a: logs/a.log, b: logs/b.log}
            run: steps:two
          own:
            output: own.txt
            run: steps:own
        """)
    space.good()
    assert space.read("logs/one.log") == "one"
    assert (space.read("logs/a.log"), space.read("logs/b.log")) == ("a", "b")
    assert space.read("own.txt").startswith(".fileflow/logs/")


def test_scripts_are_told_of_their_logs(space: Space):
    space.write(
        "s.py",
        "from fileflow import job\n"
        "job.log.a.write_text('a')\nprint(job.log[1])\njob.output[0].write_text('')\n",
    )
    space.workflow("""
        rules:
          make:
            output: x.txt
            log: {a: logs/a.log, b: logs/b.log}
            script: s.py
        """)
    space.good()
    assert space.read("logs/a.log") == "a"
    assert space.flow("log", "x.txt").stdout == "logs/b.log\n"


def test_the_text_of_a_log_path_is_no_reason_to_build(space: Space):
    space.workflow("""
        rules:
          make:
            output: a.txt
            log: a.log
            shell: date > {log}; touch {output}
        """)
    space.good()
    space.replace("Workflowfile", "log: a.log", "log: logs/b.log")
    assert space.good().built == set()


def test_a_log_may_be_an_input_of_another_rule(space: Space) -> None:
    space.workflow("""
        wildcards: {n: [1, 2]}
        rules:
          all: {input: sum.txt}
          fit:
            output: "m/{n}"
            log: "logs/{n}.txt"
            shell: "echo model > {output}; echo log {n} > {log}"
          sum:
            input: "logs/{n}.txt"
            output: sum.txt
            shell: "cat {input} > {output}"
        """)
    space.good()
    assert space.read("sum.txt") == "log 1\nlog 2\n"
    assert space.good().summary["built"] == 0
    space.write("Workflowfile", space.read("Workflowfile").replace("echo log", "echo said"))
    assert space.good().summary["built"] == 3
    assert space.read("sum.txt") == "said 1\nsaid 2\n"


@pytest.mark.parametrize("count", [1, 40])
def test_a_log_that_is_taken_and_gone_is_written_again_when_it_is_needed(
    space: Space, count: int
) -> None:
    space.workflow(f"""
        wildcards: {{n: {{range: {count}}}}}
        rules:
          all: {{input: "c/{{n}}"}}
          a: {{output: "a/{{n}}", log: "log/{{n}}", shell: "echo {{n}} | tee {{log}} > {{output}}"}}
          c: {{input: "log/{{n}}", output: "c/{{n}}", shell: "cat {{input}} > {{output}}"}}
        """)
    space.good()
    space.delete("log/0")
    flow = space.run("-n")  # what was made from it is there: it is not needed
    assert flow.planned == set()
    assert space.good().built == set()
    space.delete("c/0")
    assert space.run("-n").planned == {"a 0", "c 0"}
    assert space.good().built == {"a 0", "c 0"}
    assert space.read("c/0") == "0\n"
    space.delete("log/0")
    assert space.good("log/0").built == {"a 0"}  # asked for
    assert space.read("log/0") == "0\n"
    assert space.good("log/0").built == set()
    space.delete("log/0")
    assert space.good("a").built == set()  # outputs of a rule are, its logs are not


REWRITTEN = """
    rules:
      all: {input: [a.txt, b.txt]}
      a:
        input: in.txt
        output: a.txt
        log: a.log
        shell: |
          cat {input} > {log}
          if [ -e "$FLAGS/hold" ]; then touch "$FLAGS/held"; sleep 60; fi
          grep good {input} > {output}
      b: {input: a.log, output: b.txt, shell: "cp {input} {output}"}
    """


@pytest.mark.parametrize("how", ["a failure", "a kill", "somebody else"])
def test_who_takes_a_log_takes_what_was_written_beside_the_outputs(space: Space, how: str) -> None:
    space.workflow(REWRITTEN)
    space.write("in.txt", "good\n")
    space.good()
    space.write("in.txt", "bad\n")
    if how == "a failure":
        assert space.run().status == 1
    elif how == "a kill":
        space.flag("hold")
        running = space.start()
        wait_for(lambda: space.flagged("held"), "the job")
        running.send(signal.SIGKILL)
        running.end()
        (space.flags / "hold").unlink()
    else:
        space.write("a.log", "mine\n")
    space.write("in.txt", "good\n")
    assert space.run("-n").planned == {"a"}
    assert space.good().built == {"a"}
    assert (space.read("a.log"), space.read("b.txt")) == ("good\n", "good\n")
    assert space.good().built == set()


def test_a_log_that_others_take_may_be_adopted(space: Space) -> None:
    space.workflow(REWRITTEN)
    space.write("in.txt", "good\n")
    space.good()
    space.write("a.log", "mine\n")
    assert space.flow("adopt").text.startswith("a: 1 job recorded as fresh\nb: 1 job")
    assert space.good().built == set()
    space.write("a.log", "another\n")
    assert space.good().built == {"a", "b"}
    assert space.read("b.txt") == "good\n"


def test_what_others_take_as_it_is_found_is_minded_too(space: Space) -> None:
    space.workflow("""
        rules:
          all: {input: "o/{c}"}
          list: {output: list.txt, shell: "echo a > {output}"}
          a: {output: "a/{c}", log: "log/{c}", shell: "echo good | tee {log} > {output}"}
          b: {input: ["log/{c}", "a/{c}"], output: "o/{c}", shell: "cp {input[0]} {output}"}
        wildcards: {c: {lines: list.txt}}
        """)
    space.good()
    space.write("log/a", "mine\n")
    assert space.good().built == {"a a"}
    assert space.read("o/a") == "good\n"


def test_a_log_that_nobody_takes_may_go(space: Space) -> None:
    space.workflow('rules: {a: {output: a, log: l, shell: "echo x > {log}; touch {output}"}}')
    space.good()
    space.delete("l")
    assert "nothing to do" in space.flow().text
    assert space.good().built == set()


@pytest.mark.parametrize("where", ["{log}", "/dev/stderr", "/dev/stdout"])
def test_a_command_that_empties_what_it_prints_to_loses_nothing_of_others(
    space: Space, where: str
) -> None:
    space.workflow(f"""
        wildcards: {{n: {{range: [0, 5]}}}}
        rules:
          all: {{input: "o/{{n}}"}}
          one:
            output: "o/{{n}}"
            shell: |
              echo working on {{n}}
              test {{n}} != 2 || {{ echo bad > {where}; exit 3; }}
              touch {{output}}
        """)
    flow = space.run("-k", "-j", "1")
    assert (flow.status, flow.counts()[0], flow.counts()[2]) == (1, 4, 1), flow.text
    assert "Traceback" not in flow.text
    for n in (0, 1, 3, 4):
        assert space.flow("log", f"o/{n}").stdout == f"working on {n}\n"
    assert space.flow("log", "o/2").stdout == "bad\n"


def test_a_script_that_empties_its_stderr_may_print_more_than_all_before_it(space: Space) -> None:
    space.write("s.sh", 'echo bad > /dev/stderr; printf "%0200d\\n" 7; touch "$1"\n')
    space.workflow("""
        wildcards: {n: {range: [0, 4]}}
        rules:
          all: {input: ["o/{n}", last]}
          one: {output: "o/{n}", shell: "echo working on {n}; touch {output}"}
          last: {input: "o/{n}", output: last, shell: "bash s.sh {output}"}
        """)
    space.good("-j", "1")
    for n in range(4):
        assert space.flow("log", f"o/{n}").stdout == f"working on {n}\n"
    assert space.flow("log", "last").stdout == f"bad\n{7:0200}\n"


def test_a_function_may_write_its_log_anew(space: Space) -> None:
    space.write(
        "steps.py",
        "def one(output, log, n):\n    print('working on', n, flush=True)\n"
        "    if n == '2': log.write_text('anew')\n    output.write_text('')\n",
    )
    space.workflow("""
        wildcards: {n: ["1", "2", "3"]}
        rules:
          all: {input: "o/{n}"}
          one: {output: "o/{n}", run: steps:one}
        """)
    space.good("-j", "1")
    assert space.flow("log", "o/1").stdout == "working on 1\n"
    assert space.flow("log", "o/2").stdout == "anew"
    assert space.flow("log", "o/3").stdout == "working on 3\n"


TAKEN = """
    rules:
      all: {input: [sum.txt, o]}
      p: {output: o, log: p.log, shell: "echo x > {log}; echo 1 > {output}"}
      sum: {input: p.log, output: sum.txt, shell: "cat {input} > {output}"}
    """


@pytest.mark.parametrize(
    ("targets", "built"),
    [
        ([], set()),
        (["sum.txt", "o"], set()),
        (["p", "sum"], set()),
        (["p.log"], {"p"}),
        (["p", "p.log"], {"p"}),
        (["all", "p.log"], {"p"}),
    ],
)
def test_a_log_that_is_gone_is_missed_only_by_who_takes_it_or_asks_for_it(
    space: Space, targets: list[str], built: set[str]
):
    space.workflow(TAKEN)
    space.good()
    space.delete("p.log")
    assert space.good(*targets).built == built
    space.replace("Workflowfile", "cat {input}", "cat  {input}")
    space.good()
    assert space.read("sum.txt") == "x\n"


TWO = """
    rules:
      all: {input: [a, c]}
      a: {output: a, log: %s, shell: 'echo 1 > {output}; echo 1 > {log}'}
      c: {output: c, log: %s, shell: 'echo 2 > {output}; echo 2 > {log}'}
    """


def test_two_rules_cannot_write_one_log(space: Space):
    space.workflow(TWO % ("x", "./x"))
    for words in ((), ("-n",), ("check",), ("check", "--json")):
        flow = space.flow(*words)
        assert flow.status == 2, words
        assert "x is made by two jobs: a and c" in flow.text
        assert "Workflowfile:4:23" in flow.text or "--json" in words
    assert space.flow("a").status == 0  # one of them alone is no mistake
    space.workflow(TWO % ("logs/a", "logs/c"))
    assert space.good().built == {"c"}  # another log is no reason


def test_a_log_cannot_be_what_another_rule_makes(space: Space):
    space.workflow("""
        rules:
          all: {input: [a, c]}
          a: {output: a, log: x, shell: 'echo 1 > {output}; echo 1 > {log}'}
          c: {output: [c, x], shell: 'echo 2 | tee {output}'}
        """)
    flow = space.flow()
    assert flow.status == 2 and "x is made by two jobs: c and a" in flow.text
    assert "a log of its own" in flow.stderr


def test_rules_with_values_cannot_write_one_log(space: Space):
    space.workflow("""
        wildcards: {s: [x, y], t: [z, y]}
        rules:
          all: {input: ["{s}.1", "{t}.2"]}
          a: {output: "{s}.1", log: "logs/{s}.log", shell: 'echo > {output}; echo > {log}'}
          b: {output: "{t}.2", log: "logs/{t}.log", shell: 'echo > {output}; echo > {log}'}
        """)
    flow = space.flow()
    assert flow.status == 2 and "logs/y.log is made by two jobs: a s=y and b t=y" in flow.text
    assert space.good("x.1", "z.2").built == {"a x", "b z"}


def test_logs_by_a_key_of_config_are_told_apart(space: Space):
    space.workflow("""
        config: {where: {x: one, y: two}}
        wildcards: {s: [x, y]}
        rules:
          all: {input: "{s}.1"}
          a:
            output: "{s}.1"
            log: "logs/{config.where[s]}/{s}.log"
            shell: 'echo > {output}; echo > {log}'
          two: {output: two.txt, log: logs/two/y.log, shell: 'echo > {output}; echo > {log}'}
        """)
    assert space.good().built == {"a x", "a y"}
    assert space.files("logs") == ["logs/one/x.log", "logs/two/y.log"]
    assert space.good("x.1", "two").status == 0
    flow = space.flow("y.1", "two")
    assert flow.status == 2 and "logs/two/y.log is made by two jobs" in flow.text
    space.replace("Workflowfile", ", y: two", "")
    flow = space.flow("y.1", "two")
    assert flow.status == 2 and "config.where" in flow.text and "'y'" in flow.text


def test_a_log_is_minded_also_while_who_takes_it_is_not_asked_for(space: Space) -> None:
    space.workflow(REWRITTEN)
    space.write("in.txt", "good\n")
    space.good("a.txt")
    space.write("in.txt", "bad\n")
    assert space.run("a.txt").status == 1
    space.write("in.txt", "good\n")
    space.good()
    assert space.read("b.txt") == "good\n"
    space.write("in.txt", "good 2\n")
    assert space.good("a.txt").built == {"a"}
    assert space.good().built == {"b"}
    assert space.read("b.txt") == "good 2\n"


def test_what_grows_and_takes_a_log_does_not_take_what_somebody_wrote_over_it(space: Space) -> None:
    space.workflow("""
        wildcards: {c: {lines: list.txt}}
        rules:
          all: {input: ["o/{c}", a.txt]}
          l: {input: n.txt, output: list.txt, shell: "cp {input} {output}"}
          a: {output: a.txt, log: a.log, shell: "echo good | tee {log} > {output}"}
          b: {input: a.log, output: "o/{c}", shell: "cp {input} {output}"}
        """)
    space.write("n.txt", "x\n")
    space.good()
    space.write("a.log", "mine\n")
    space.write("n.txt", "x\ny\n")
    space.good()
    assert (space.read("o/x"), space.read("o/y")) == ("good\n", "good\n")
    assert space.good().built == set()


def test_a_log_that_cannot_be_read_ends_nothing(refused: Space) -> None:
    refused.workflow("""
        rules:
          all: {input: [a.txt, b.txt]}
          a: {output: a.txt, log: a.log, shell: "echo > {log}; chmod 0 {log}; touch {output}"}
          b: {input: {path: a.log, order_only: true}, output: b.txt, shell: "touch {output}"}
        """)
    assert refused.flow().status == 0
