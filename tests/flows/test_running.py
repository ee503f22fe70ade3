"""How jobs are run: at once or one by one, failures, retries, time limits."""

import os
import re
import subprocess
import sys
import textwrap

import pytest

from .space import is_alive, wait_for

PAIR = """
    rules:
      all:
        input: [a.txt, b.txt]
      a:
        output: a.txt
        shell: touch "$FLAGS/a"; {wait} echo a > {output}
      b:
        output: b.txt
        shell: touch "$FLAGS/b"; {wait} echo b > {output}
    """


def test_two_jobs_run_at_once(space):
    wait = 'for i in $(seq 500); do if [ -e "$FLAGS/{}" ]; then break; fi; sleep 0.02; done;'
    both = wait.format("a") + wait.format("b") + ' [ -e "$FLAGS/a" ]; [ -e "$FLAGS/b" ];'
    space.workflow(PAIR.replace("{wait}", both))
    assert space.good("-j", "2").summary["built"] == 2


WAITS_FOR_THE_NEXT = """\
import os
import time


def step(output, n):
    if n == "50":
        until = time.monotonic() + 20
        while not all(os.path.exists(f"build/{k}.txt") for k in (51, 52, 53)):
            assert time.monotonic() < until, "what is behind waits for this"
            time.sleep(0.01)
    with open(os.environ["RAN_LOG"], "a") as log:
        log.write(n + "\\n")
    output.write_text(n)
"""


@pytest.mark.parametrize("kind", ["run", "shell"])
def test_what_waits_behind_a_long_job_goes_to_others(space, kind):
    """One of many short jobs ends only when the next ones, of the same batch, are done."""
    space.write("steps.py", WAITS_FOR_THE_NEXT)
    shell = (
        "shell: if [ {n} = 50 ]; then for k in 1 2 3; do "
        "for i in $(seq 1000); do [ -e build/$(({n} + k)).txt ] && continue 2; sleep 0.02; done; "
        'exit 3; done; fi; echo {n} >> "$RAN_LOG"; touch {output}'
    )
    space.workflow(f"""
        wildcards:
          n: {{range: 240}}
        rules:
          all:
            input: build/{{n}}.txt
          step:
            output: build/{{n}}.txt
            {"run: steps:step" if kind == "run" else "shell: |"}
            {"" if kind == "run" else "  " + shell[7:]}
    """)
    assert space.good("-j", "2").counts() == (240, 0, 0, 0)
    assert sorted(map(int, space.ran)) == list(range(240))


def test_one_job_at_a_time(space):
    alone = 'mkdir "$FLAGS/alone"; sleep 0.1; rmdir "$FLAGS/alone";'
    space.workflow(PAIR.replace("{wait}", alone))
    assert space.good("-j", "1").summary["built"] == 2


def test_a_pool_holds_jobs_back(space):
    alone = 'mkdir "$FLAGS/alone"; sleep 0.1; rmdir "$FLAGS/alone";'
    text = PAIR.replace("{wait}", alone).replace("shell:", "resources: {api: 1}\n        shell:")
    space.workflow("    resources: {api: 1}\n" + text.lstrip("\n"))
    assert space.good("-j", "2").summary["built"] == 2


def test_priority_starts_earlier(space):
    space.workflow("""
        rules:
          all:
            input: [a.txt, b.txt, c.txt]
          a:
            output: a.txt
            shell: echo a >> "$RAN_LOG"; echo a > {output}
          b:
            output: b.txt
            priority: 2
            shell: echo b >> "$RAN_LOG"; echo b > {output}
          c:
            output: c.txt
            priority: 1
            shell: echo c >> "$RAN_LOG"; echo c > {output}
        """)
    space.good("-j", "1")
    assert space.log == ["b", "c", "a"]


FAILING = """
    wildcards:
      n: [1, 2, 3]
    rules:
      all:
        input: [good.txt, "after/{n}.txt"]
      bad:
        output: bad/{n}.txt
        priority: 9
        shell: |
          echo bad {n} >> "$RAN_LOG"
          for i in $(seq 100 130); do echo "line $i"; done
          echo half > {output}
          exit 3
      after:
        input: bad/{n}.txt
        output: after/{n}.txt
        shell: echo after {n} >> "$RAN_LOG"; cp {input} {output}
      good:
        output: good.txt
        shell: echo good >> "$RAN_LOG"; echo good > {output}
    """


def test_a_failure_starts_nothing_new(space):
    space.workflow(FAILING)
    flow = space.run("-j", "1")
    assert flow.status == 1
    assert len(space.ran) == 1 and space.ran[0].startswith("bad ")
    assert flow.counts() == (0, 0, 1, 6)


def test_keep_going_does_all_that_does_not_depend_on_a_failure(space):
    space.workflow(FAILING)
    flow = space.run("-k", "-j", "2")
    assert flow.status == 1
    assert space.ran == ["bad 1", "bad 2", "bad 3", "good"]
    assert flow.counts() == (1, 0, 3, 3)
    assert space.files() == ["Workflowfile", "good.txt"]


def test_keep_going_until_so_many_have_failed(space):
    space.workflow(FAILING)
    flow = space.run("--max-failures", "2", "-j", "1")
    assert flow.status == 1
    assert len(space.ran) == 2
    assert flow.counts() == (0, 0, 2, 5)


SHORT = """
    wildcards: {{n: {{range: 40}}}}
    rules:
      all: {{input: "o/{{n}}"}}
      make: {{output: "o/{{n}}", {action}}}
    """
SHORT_PYTHON = """
import os

def make(output, n: int):
    with open(os.environ["RAN_LOG"], "a") as log:
        log.write(f"{n}\\n")
    if n % 10 == 3 and os.path.exists("fails"):
        raise ValueError("it fails")
    output.write_text("")
"""
SHORT_SHELL = (
    'shell: "echo {n} >> $RAN_LOG; [ ! -e fails ] || [ $(({n} % 10)) != 3 ]; touch {output}"'
)


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize(
    "action",
    [
        SHORT_SHELL,
        'run: "steps:make"',
        'run: "steps:make", executor: thread',
        'run: "steps:make", executor: serial',
    ],
)
def test_jobs_that_wait_in_a_slot_do_not_begin_after_a_failure(space, action, most):
    """Once it is known how short they are, many are handed over at once."""
    space.source("steps.py", SHORT_PYTHON.replace("\\\\", "\\"))
    space.workflow(SHORT.format(action=action))
    space.good("-j", "1")
    space.write("fails", "")
    flow = space.run("-B", "-j", "1", "--max-failures", str(most))
    began = space.log
    assert (flow.status, flow.counts()[2]) == (1, most)
    assert sum(int(n) % 10 == 3 for n in began) == most
    assert int(began[-1]) % 10 == 3
    assert flow.counts()[0] == len(began) - most


def test_jobs_that_wait_in_other_slots_do_not_begin_after_a_failure(space):
    space.workflow("""
        wildcards: {n: {range: 30}}
        rules:
          all: {input: "o/{n}"}
          make: {output: "o/{n}", shell: "sleep $WAIT; [ {n} != $BAD ]; touch {output}"}
        """)
    json = ("--progress", "json", "-j", "2")
    assert space.flow(*json, env={"WAIT": "0", "BAD": "none"}).status == 0
    flow = space.flow("-B", *json, env={"WAIT": "0.1", "BAD": "0"})
    assert flow.status == 1
    # Those that were running when it failed, one in each slot, are the last.
    ended = [event for event in flow.events if "status" in event and "rule" in event]
    failed = next(k for k, event in enumerate(ended) if event["status"] == "failed")
    assert len(ended) - failed <= 3


def test_a_failure_shows_the_rule_its_wildcards_and_the_last_lines(space):
    space.workflow(FAILING)
    flow = space.flow("-j", "1", "bad/2.txt")
    assert flow.status == 1
    assert "line 130" in flow.stderr and "line 111" in flow.stderr
    assert "line 110" not in flow.stderr
    assert "bad" in flow.stderr and re.search(r"\bn\b\W{0,3}2\b", flow.stderr)
    assert "Traceback" not in flow.text


def test_a_failing_function_shows_the_users_part_of_the_traceback(space):
    space.write(
        "steps.py", "def make(output):\n    print('so far')\n    raise ValueError('no luck')\n"
    )
    space.workflow("""
        rules:
          make:
            output: a.txt
            run: steps:make
        """)
    flow = space.flow()
    assert flow.status == 1
    assert "steps.py" in flow.stderr and "ValueError: no luck" in flow.stderr
    assert "so far" in flow.stderr
    assert f"{os.sep}fileflow{os.sep}" not in flow.stderr


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")
def test_the_headline_of_a_failure_is_the_exceptions_own_line(space):
    space.write(
        "steps.py",
        "def make(output):\n"
        "    error = ValueError('the real reason')\n"
        "    error.add_note('see the manual')\n"
        "    raise error\n",
    )
    space.workflow("rules: {make: {output: a.txt, run: 'steps:make'}}")
    flow = space.run()
    (ended,) = (one for one in flow.events if one["event"] == "job_finished")
    assert ended["message"] == "ValueError: the real reason"
    assert "see the manual" in ended["traceback"]


@pytest.mark.parametrize("executor", ["process", "serial"])
def test_the_local_time_of_a_job_is_its_own(space, executor):
    space.write(
        "steps.py",
        "import os, time\n\n\n"
        "def move(output):\n"
        "    os.environ['TZ'] = 'XYZ-5'\n"
        "    time.tzset()\n"
        "    output.write_text(time.tzname[0])\n\n\n"
        "def look(output):\n"
        "    output.write_text(time.strftime('%Z', time.localtime(0)))\n",
    )
    space.workflow(f"""
        defaults: {{executor: {executor}}}
        rules:
          all: {{input: [a, b, c]}}
          a: {{output: a, priority: 3, run: "steps:move"}}
          b: {{output: b, priority: 2, run: "steps:look"}}
          c: {{output: c, priority: 1, env: {{TZ: "ABC-3"}}, run: "steps:look"}}
        """)
    assert space.run("-j", "1", env={"TZ": "UTC"}).status == 0
    assert [space.read(name) for name in "abc"] == ["XYZ", "UTC", "ABC"]


@pytest.mark.parametrize("executor", ["process", "thread", "serial"])
def test_a_warning_that_is_asked_for_is_in_the_log(space, executor):
    space.write(
        "steps.py",
        "import warnings\n\n\n"
        "def warn(output):\n"
        "    warnings.warn('it is going', DeprecationWarning)\n"
        "    output.touch()\n",
    )
    space.workflow(f"rules: {{r: {{output: a, run: 'steps:warn', executor: {executor}}}}}")
    assert space.run(env={"PYTHONWARNINGS": "default"}).status == 0
    assert "DeprecationWarning: it is going" in space.flow("log", "a").stdout


@pytest.mark.parametrize("executor", ["process", "serial"])
def test_temporary_files_of_a_job_lie_where_its_environment_says(space, executor):
    space.write(
        "steps.py",
        "import tempfile\n\n\ndef look(output):\n    output.write_text(tempfile.gettempdir())\n\n\n"
        "def sets(output):\n    tempfile.tempdir = 'nowhere'\n    output.touch()\n",
    )
    space.write("own.py", "import tempfile\nfrom steps import look\ntempfile.tempdir = 'own'\n")
    for name in "abc":
        (space.root / name).mkdir()
    space.workflow(f"""
        defaults: {{executor: {executor}}}
        rules:
          all: {{input: [a.txt, b.txt, c.txt, s]}}
          s: {{output: s, priority: 4, run: "steps:sets"}}
          a: {{output: a.txt, priority: 3, env: {{TMPDIR: a}}, run: "steps:look"}}
          b: {{output: b.txt, priority: 2, env: {{TMPDIR: b}}, run: "steps:look"}}
          c: {{output: c.txt, priority: 1, run: "steps:look"}}
        """)
    assert space.run("-j", "1", env={"TMPDIR": str(space.root / "c")}).status == 0
    assert [space.read(f"{name}.txt") for name in "abc"] == [
        str(space.root / name) for name in "abc"
    ]
    space.workflow(f"""
        defaults: {{executor: {executor}}}
        rules:
          all: {{input: [d.txt, e.txt]}}
          d: {{output: d.txt, priority: 1, env: {{TMPDIR: a}}, run: "own:look"}}
          e: {{output: e.txt, run: "own:look"}}
        """)
    space.good("-j", "1")
    assert space.read("d.txt") == space.read("e.txt") == "own"


FLAKY = """
    rules:
      make:
        output: a.txt
        {retries}
        shell: |
          echo make >> "$RAN_LOG"
          if mkdir "$FLAGS/once" 2> /dev/null; then exit 1; fi
          echo {attempt} > {output}
    """


def test_a_failed_job_is_tried_again_as_often_as_it_says(space):
    space.workflow(FLAKY.replace("{retries}", "retries: 2"))
    assert space.good().counts() == (1, 0, 0, 0)
    assert space.ran == ["make", "make"]
    assert space.read("a.txt") == "2\n"


def test_a_command_is_shown_as_it_was_filled_in_for_its_attempt(space):
    space.workflow("""
        rules:
          make:
            output: a.txt
            retries: 1
            shell: "test {attempt} = 3; touch {output}"
        """)
    flow = space.run("-p")
    assert re.findall("test ([0-9]) = 3", flow.stderr) == ["1", "1", "2", "2"]


def test_retries_on_the_command_line_win(space):
    space.workflow(FLAKY.replace("{retries}", "retries: 0"))
    assert space.run().status == 1
    assert space.ran == ["make"]
    (space.flags / "once").rmdir()
    assert space.good("--retries", "1").counts() == (1, 0, 0, 0)


def test_a_time_limit_ends_the_whole_process_tree(space):
    space.workflow("""
        rules:
          make:
            output: a.txt
            timeout: 1
            shell: |
              echo $$ >> "$FLAGS/pids"
              (sleep 61 & echo $! >> "$FLAGS/pids"; wait) &
              setsid sleep 62 &
              echo $! >> "$FLAGS/pids"
              echo half > {output}
              wait
        """)
    flow = space.flow()
    assert flow.status == 1
    assert "make" in flow.stderr
    pids = [int(line) for line in (space.flags / "pids").read_text().split()]
    assert len(pids) == 3
    for pid in pids:
        wait_for(lambda pid=pid: not is_alive(pid), f"the end of {pid}", 10)
    assert not space.exists("a.txt")


def test_a_thread_that_cannot_be_ended_is_waited_for_no_longer(space):
    """What it still does is not published."""
    space.source(
        "steps.py",
        """
        import time
        def make(output):
            time.sleep(3)
            output.write_text("late")
        """,
    )
    space.workflow("""
        rules:
          all: {input: [a, b]}
          make: {output: a, run: "steps:make", executor: thread, timeout: 0.2}
          after: {output: b, shell: "sleep 4; touch {output}"}
        """)
    flow = space.run("-k", "-j", "2")
    failed = next(event for event in flow.events if event.get("status") == "failed")
    assert "timed out after 0.2" in failed["message"] and failed["seconds"] < 2.5
    assert (flow.counts(), space.exists("a")) == ((1, 0, 1, 0), False)


def test_a_time_limit_ends_a_function_in_the_engines_process(space):
    space.source(
        "steps.py",
        """
        import signal, time
        def sleeps(output):
            time.sleep(30)
        def spins(output):
            while True:
                pass
        def goes_on(output):
            for _ in range(12):
                try:
                    time.sleep(0.1)
                except BaseException:
                    print("no")
            output.write_text("late")
        def quick(output):
            output.write_text("")
        """,
    )
    space.workflow("""
        defaults: {executor: serial, timeout: 0.4}
        rules:
          all: {input: [sleeps, spins, goes_on, quick, beside]}
          sleeps: {output: sleeps, run: "steps:sleeps", retries: 1}
          spins: {output: spins, run: "steps:spins"}
          goes_on: {output: goes_on, run: "steps:goes_on"}
          quick: {output: quick, run: "steps:quick"}
          beside: {output: beside, timeout: 20, shell: "sleep 1; touch {output}"}
        """)
    flow = space.run("-k", "-j", "2")
    failed = [event for event in flow.events if event.get("status") == "failed"]
    assert [event["message"] for event in failed] == ["timed out after 0.4 s"] * 3
    assert all(0.3 < event["seconds"] < 3 for event in failed)
    assert len([event for event in flow.events if event.get("status") == "retried"]) == 1
    assert flow.counts() == (2, 0, 3, 0)
    assert space.files() == ["Workflowfile", "beside", "quick", "steps.py"]


def test_an_alarm_of_ones_own_is_as_before_after_a_run(space):
    space.write("steps.py", "import time\n\n\ndef make(output):\n    time.sleep(30)\n")
    space.workflow("""
        rules: {make: {output: a, run: "steps:make", executor: serial, timeout: 0.3}}
        """)
    script = """
        import signal, sys
        from fileflow import Workflow
        rung = []
        own = lambda *_: rung.append(1)
        signal.signal(signal.SIGALRM, own)
        signal.setitimer(signal.ITIMER_REAL, 60)
        result = Workflow.load("Workflowfile").run()
        assert "timed out" in result.failed[0].message, result.failed
        assert signal.getsignal(signal.SIGALRM) is own and not rung
        assert 50 < signal.getitimer(signal.ITIMER_REAL)[0] < 60
        """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=space.root,
        env=space.environment(),
        check=True,
        timeout=60,
    )


def test_a_time_limit_ends_a_function(space):
    space.write("steps.py", "def make(output):\n    while True:\n        pass\n")
    space.workflow("""
        rules:
          all:
            input: [a.txt, b.txt]
          make:
            output: a.txt
            timeout: 1s
            run: steps:make
          other:
            output: b.txt
            shell: echo b > {output}
        """)
    assert space.run("-k").counts() == (1, 0, 1, 0)


def folders(space):
    """Four rules whose functions change the folder, and four beside them, all in threads."""
    space.source(
        "s.py",
        """
        import os, time

        def moves(output, n):
            path = output.absolute()
            os.chdir("/tmp")
            os.umask(0o077)
            time.sleep(0.1)
            path.write_text(n)

        def stays(output, n):
            output.write_text(n)
        """,
    )
    space.workflow(
        """
        wildcards: {n: {range: 8}}
        defaults: {executor: thread}
        rules:
          all:
            input: ["g{n}.txt", "h{n}.txt"]
          g:
            output: "g{n}.txt"
            run: s:moves
          h:
            output: "h{n}.txt"
            run: s:stays
        """
    )


@pytest.mark.parametrize("executor", ["process", "thread", "serial"])
def test_a_function_may_change_the_config_that_it_is_given(space, executor):
    space.workflow(f"""
    config: {{b: 1, a: {{d: [1], c: 2}}}}
    wildcards: {{n: {{range: 4}}}}
    defaults: {{executor: {executor}}}
    rules:
      all: {{input: "o/{{n}}"}}
      o: {{output: "o/{{n}}", run: "jobs:f"}}
    """)
    space.source(
        "jobs.py",
        """
        def f(output, config):
            output.write_text(f"{config} {config.a.c}")
            config.a.d.append(2)
            config.a.c = config["a"]["c"] = 3
            config.clear()
        """,
    )
    space.good("-j", "1")
    assert {space.read(f"o/{n}") for n in range(4)} == {"{'a': {'c': 2, 'd': [1]}, 'b': 1} 2"}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_function_in_a_thread_may_change_its_folder(space, jobs):
    folders(space)
    flow = space.good("-k", "-j", jobs)
    assert flow.counts() == (16, 0, 0, 0)
    assert [space.read(f"{rule}{n}.txt") for rule in "gh" for n in range(8)] == list("01234567" * 2)
    assert space.path("h7.txt").stat().st_mode & 0o044 == 0o044
    assert space.good().counts() == (0, 16, 0, 0)


@pytest.mark.parametrize("how", ["close", "detach", "__enter__().__exit__", "buffer.close"])
@pytest.mark.parametrize("executor", ["serial", "thread", "process", "async"])
def test_a_function_may_close_its_stdout(space, executor, how):
    space.source(
        "s.py",
        f"""
        import sys

        {"async " * (executor == "async")}def quiet(output, n):
            print("said", n, file=sys.stderr)
            sys.stdout.{how}()
            output.write_text(n)
        """,
    )
    space.workflow(
        f"""
        wildcards: {{n: {{range: 3}}}}
        rules:
          all:
            input: "{{n}}.txt"
          quiet:
            output: "{{n}}.txt"
            executor: {executor}
            run: s:quiet
        """
    )
    assert space.good("-j1").counts() == (3, 0, 0, 0)
    assert space.good("-j1").counts() == (0, 3, 0, 0)
    assert "said 2" in space.flow("log", "2.txt").stdout


@pytest.mark.parametrize("kind", ["process", "thread", "serial", "async", "auto"])
def test_a_long_list_of_what_only_must_be_there_is_reached_by_its_name(space, kind):
    space.workflow("""
        wildcards: {e: {range: 9}}
        rules:
          all: {input: [o, p, q, r]}
          t: {output: "t/{e}", shell: "echo {e} > {output}"}
          o: {input: {x: {path: "t/{e}", order_only: true}}, output: o, run: "steps:last"}
          p:
            input: {x: {path: "t/{e}", order_only: true}, y: "t/{e}"}
            output: p
            run: steps:two
          q:
            input: {x: {path: "t/{e}", order_only: true}}
            output: q
            private: true
            shell: "ls t | wc -l > {output}"
          r: {input: {x: {path: "t/{e}", order_only: true}}, output: r, run: "steps:later"}
        """)
    space.write(
        "steps.py",
        "def last(x, output):\n    output.write_text(f'{len(x)} {x[8].read_text()}')\n"
        "def two(x, y, output):\n    output.write_text(f'{len(x)} {len(y)}')\n"
        "async def later(x, output):\n    output.write_text(f'{len(x)}')\n",
    )
    space.good("--executor", kind)
    assert [space.read(name).strip() for name in "opqr"] == ["9 8", "9 9", "9", "9"]
    assert space.good().summary["built"] == 0


WAITS_FOR_THE_USE = """\
import os
import time


def one(n, output):
    until = time.monotonic() + 20
    while str(n) == "6" and not os.path.exists(os.environ["FLAGS"] + "/used"):
        assert time.monotonic() < until, "nobody has used the first"
        time.sleep(0.02)
    with open(output, "w") as file:
        file.write("x")
"""
SCRIPT = """\
from fileflow import job
from steps import one

one(job.wildcards.n, job.output[0])
"""


@pytest.mark.parametrize("action", ["run: steps:one", "script: one.py"])
def test_what_needs_a_job_does_not_wait_for_a_long_one_behind_it(space, action):
    """Two jobs of one batch: the second ends only when what needs the first has run."""
    space.write("steps.py", WAITS_FOR_THE_USE)
    space.write("one.py", SCRIPT)
    space.workflow(f"""
        wildcards: {{n: {{range: 40}}}}
        rules:
          all:
            input: ["build/{{n}}", build/used]
          one:
            output: build/{{n}}
            {action}
          use:
            input: build/5
            output: build/used
            shell: touch {{output}} "$FLAGS/used"
    """)
    assert space.good("-j", "2").counts() == (41, 0, 0, 0)
