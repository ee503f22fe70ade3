"""What a job does to its process, the next one does not find: standard streams, signals, alarms."""

import subprocess
import sys

import pytest

from .space import Space

WORKFLOW = """
    rules:
      all: {{input: [a.txt, b.txt, c.txt]}}
      a: {{output: a.txt, run: "steps:spoil", executor: {executor}}}
      b: {{input: a.txt, output: b.txt, run: "steps:look", executor: {executor}}}
      c: {{input: b.txt, output: c.txt, shell: "cat; readlink /proc/self/fd/0 > {{output}}"}}
    """


def prepared(space: Space, executor: str, spoil: str, look: str) -> None:
    space.workflow(WORKFLOW.format(executor=executor))
    space.write(
        "steps.py",
        "import os, signal, sys, time\n"
        f"def spoil(output):\n    output.write_text('a')\n    {spoil}\n"
        f"def look(input, output):\n    output.write_text(repr({look}))\n",
    )


@pytest.mark.parametrize(
    "spoil",
    [
        "os.close(0)",
        "sys.stdin.close()",
        "os.closerange(0, 3)",
        "os.dup2(os.open('steps.py', os.O_RDONLY), 0)",
        "sys.stdin = None",
    ],
)
def test_the_next_job_has_an_empty_standard_input(space: Space, spoil):
    prepared(space, "process", spoil, "(os.read(0, 9), sys.stdin.read())")
    flow = space.good("-j", "1")
    assert space.read("b.txt") == "(b'', '')", flow.text
    assert space.read("c.txt") == "/dev/null\n"


@pytest.mark.parametrize("executor", ["process", "serial"])
def test_another_mapping_in_the_place_of_the_environment_ends_with_its_job(space: Space, executor):
    prepared(space, executor, "os.environ = {'HOME': 'x'}", "'PATH' in os.environ")
    space.good("-j", "1")
    assert space.read("b.txt") == "True"


@pytest.mark.parametrize("executor", ["thread", "serial"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_descriptors_that_a_job_of_this_process_closes_come_back(space: Space, executor, number):
    look = "[os.readlink(f'/proc/self/fd/{n}') for n in range(3)]"
    prepared(space, executor, "pass", look)
    space.good("-j", "1")
    before = space.read("b.txt")
    prepared(space, executor, f"os.close({number})", look)
    space.good("-j", "1", "-f", "a", "-f", "b")
    assert space.read("b.txt").replace("2.err", "1.err").replace("2.out", "1.out") == before


@pytest.mark.parametrize("executor", ["process", "serial"])
def test_handlers_of_signals_and_an_alarm_end_with_their_job(space: Space, executor):
    names = ["SIGUSR1", "SIGUSR2", "SIGALRM", "SIGINT", "SIGTERM", "SIGHUP"]
    sets = "; ".join(f"signal.signal(signal.{name}, signal.SIG_IGN)" for name in names)
    look = f"[signal.getsignal(getattr(signal, n)) == signal.SIG_IGN for n in {names[:3]}]"
    handled = f"[callable(signal.getsignal(getattr(signal, n))) for n in {names[3:]}]"
    late = "time.sleep(0.2), signal.getitimer(signal.ITIMER_REAL)"
    spoil = f"{sets}; signal.setitimer(signal.ITIMER_REAL, 0.1)"
    prepared(space, executor, spoil, f"({look}, {handled}, {late})")
    space.good("-j", "1")
    # A slot leaves Ctrl-C to the engine, which ends it.
    own = [True, True, True] if executor == "serial" else [False, True, False]
    assert space.read("b.txt") == repr(([False] * 3, own, None, (0.0, 0.0)))


KEEPS = """
    import logging, sys

    def note(output, n):
        logging.warning("note %s", n)
        print("said", n)
        output.write_text(n)
        {spoil}
    """
NOTES = """
    wildcards: {n: {range: 3}}
    rules: {all: {input: "{n}.txt"}, note: {output: "{n}.txt", run: "steps:note"}}
    """


@pytest.mark.parametrize("executor", ["process", "thread", "serial"])
@pytest.mark.parametrize("spoil", ["", "sys.stderr = None"])
def test_a_handler_that_keeps_the_stream_of_a_job_has_that_of_the_next(space, executor, spoil):
    space.workflow(NOTES)
    space.source("steps.py", KEEPS.format(spoil=spoil))
    space.good("-j", "1", "--executor", executor)
    for n in range(3):
        assert space.flow("log", f"{n}.txt").stdout == f"WARNING:root:note {n}\nsaid {n}\n"


def test_a_handler_that_keeps_the_stream_of_a_job_has_the_callers_after_the_run(space):
    space.workflow(NOTES)
    space.source("steps.py", KEEPS.format(spoil=""))
    space.source(
        "go.py",
        """
        import logging, sys
        from fileflow import Workflow

        before = sys.stdout, sys.stderr
        for n in range(2):
            assert Workflow.load().run(mode="rerun", executor="serial").ok
            logging.warning("after run %s", n)
        assert (sys.stdout, sys.stderr) == before
        """,
    )
    done = subprocess.run(
        [sys.executable, "go.py"],
        cwd=space.root,
        env=space.environment(),
        capture_output=True,
        timeout=30,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "WARNING:root:after run 0\nWARNING:root:after run 1\n"
    assert space.flow("log", "2.txt").stdout == "WARNING:root:note 2\nsaid 2\n"


def test_what_threads_print_beside_a_serial_job_is_not_in_its_log(space):
    space.workflow("""
        rules:
          all: {input: [s.txt, t.txt]}
          s: {output: s.txt, run: "steps:serial", executor: serial}
          t: {output: t.txt, run: "steps:thread", executor: thread}
        """)
    space.source(
        "steps.py",
        """
        import threading
        begun, printed = threading.Event(), threading.Event()

        def serial(output):
            print("first")
            begun.set()
            assert printed.wait(20)
            print("last")
            output.write_text("")

        def thread(output):
            assert begun.wait(20)
            print("beside it")
            printed.set()
            output.write_text("")
        """,
    )
    space.good("-j", "2")
    assert space.flow("log", "s").stdout == "first\nlast\n"
    assert space.flow("log", "t").stdout == "beside it\n"


@pytest.mark.parametrize("executor", ["process", "serial"])
def test_what_a_function_sets_for_its_process_is_not_there_for_the_next(
    space: Space, executor: str
) -> None:
    space.source(
        "steps.py",
        """
        import decimal, gc, locale, resource, socket, sys, warnings
        try:
            import numpy
        except ImportError:
            numpy = None

        sys.setrecursionlimit(2345)  # a module's own is for all of its jobs
        decimal.getcontext().prec = 9

        def state():
            return [
                decimal.getcontext().prec,
                gc.isenabled(),
                sys.getrecursionlimit(),
                socket.getdefaulttimeout(),
                locale.setlocale(locale.LC_ALL),
                resource.getrlimit(resource.RLIMIT_NOFILE)[0],
                numpy and [numpy.geterr(), numpy.get_printoptions()],
                sys.get_int_max_str_digits(),
                list(warnings.filters),
            ]

        def sets(output):
            before = state()
            decimal.getcontext().prec = 5
            gc.disable()
            sys.setrecursionlimit(3456)
            sys.set_int_max_str_digits(0)
            warnings.simplefilter("error")
            socket.setdefaulttimeout(1)
            locale.setlocale(locale.LC_ALL, "C")
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (99, hard))
            if numpy:
                numpy.seterr(all="raise")
                numpy.set_printoptions(precision=2)
            output.write_text(str(before))

        def looks(output):
            output.write_text(str(state()))
        """,
    )
    space.workflow(f"""
        wildcards: {{n: [1, 2]}}
        defaults: {{executor: {executor}}}
        rules:
          all: {{input: ["sets{{n}}.txt", "looks{{n}}.txt"]}}
          sets: {{output: "sets{{n}}.txt", run: "steps:sets", priority: 1}}
          looks: {{output: "looks{{n}}.txt", run: "steps:looks"}}
        """)
    space.good("-j", "1")
    first = space.read("sets1.txt")
    assert first.startswith("[9, True, 2345, None, ")
    assert first == space.read("sets2.txt") == space.read("looks1.txt") == space.read("looks2.txt")


@pytest.mark.parametrize("executor", ["process", "serial"])
def test_each_function_may_choose_how_its_processes_start(space: Space, executor: str) -> None:
    space.source(
        "steps.py",
        """
        import multiprocessing

        def chooses(output):
            before = multiprocessing.get_start_method(allow_none=True)
            multiprocessing.set_start_method("spawn")
            with multiprocessing.Pool(2) as pool:
                output.write_text(f"{before} {pool.map(abs, [-1, 2])}")
        """,
    )
    space.workflow(f"""
        wildcards: {{n: {{range: 3}}}}
        rules:
          all: {{input: "{{n}}.txt"}}
          chooses: {{output: "{{n}}.txt", run: "steps:chooses", executor: {executor}}}
        """)
    space.good("-j", "1")
    assert {space.read(f"{n}.txt") for n in range(3)} == {"None [1, 2]"}


def test_each_script_may_choose_how_its_processes_start(space: Space) -> None:
    space.source(
        "s.py",
        """
        import multiprocessing, sys

        def square(x):
            return x * x

        if __name__ == "__main__":
            multiprocessing.set_start_method(sys.argv[2])
            with multiprocessing.Pool(2) as pool:
                open(sys.argv[1], "w").write(f"{pool.map(square, range(3))}")
        """,
    )
    space.workflow("""
        wildcards: {how: [spawn, fork, forkserver]}
        rules:
          all: {input: "{how}.txt"}
          s: {output: "{how}.txt", script: s.py, args: "{output} {how}", timeout: 30}
        """)
    space.good("-j", "1")
    assert {space.read(f"{how}.txt") for how in ("spawn", "fork", "forkserver")} == {"[0, 1, 4]"}


def test_a_worker_whose_limits_are_lowered_for_good_is_replaced(refused: Space) -> None:
    refused.source(
        "steps.py",
        """
        import os, resource

        def lowers(output):
            output.write_text(str(os.getpid()))
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

        def writes(output):
            output.write_text(str(os.getpid()) + 100 * " ")
        """,
    )
    refused.workflow("""
        wildcards: {n: {range: 3}}
        rules:
          all: {input: ["lowers{n}.txt", "writes{n}.txt"]}
          lowers: {output: "lowers{n}.txt", run: "steps:lowers", priority: 1}
          writes: {output: "writes{n}.txt", run: "steps:writes"}
        """)
    flow = refused.good("-j", "1")
    assert "warning" not in flow.text and flow.counts() == (6, 0, 0, 0)
    workers = [refused.read(f"lowers{n}.txt") for n in range(3)]
    workers += [refused.read(f"writes{n}.txt").strip() for n in range(3)]
    assert len(set(workers)) == 4


@pytest.mark.parametrize("executor", ["process", "thread", "serial"])
def test_what_a_module_sets_in_the_environment_stays_for_its_functions(space: Space, executor):
    space.workflow("""
        wildcards: {n: {range: 3}}
        defaults: {envvars: [GONE]}
        rules:
          all: {input: ["a{n}.txt", "b{n}.txt", c.txt]}
          a: {output: "a{n}.txt", run: "steps:look"}
          b: {output: "b{n}.txt", run: "others:look"}
          c: {output: c.txt, run: "others:look"}
        """)
    space.source(
        "settings.py",
        """
        import os
        os.environ["MODE"] = "fast"
        os.environ.setdefault("LEVEL", "1")
        os.environ.pop("GONE", None)
        """,
    )
    look = """
        import os, settings, subprocess
        def look(output):
            child = subprocess.run("echo $MODE", shell=True, capture_output=True, text=True)
            found = [os.environ.get(name) for name in ("MODE", "LEVEL", "GONE")]
            output.write_text(" ".join([child.stdout.strip(), *map(str, found)]))
        """
    space.source("steps.py", look)
    space.source("others.py", look)
    flow = space.run("-j2", "--executor", executor, env={"GONE": "there"})
    assert flow.status == 0, flow.text
    texts = [space.read(name) for name in ("a0.txt", "a1.txt", "a2.txt", "b0.txt", "c.txt")]
    assert texts == ["fast fast 1 None"] * 5


@pytest.mark.parametrize("executor", ["process", "serial"])
def test_what_a_rule_says_of_the_environment_goes_before_what_its_module_sets(
    space: Space, executor: str
):
    space.workflow(f"""
        defaults: {{executor: {executor}}}
        rules:
          all: {{input: [a.txt, b.txt]}}
          a: {{output: a.txt, run: "steps:look", env: {{LEVEL: "7", MODE: slow}}}}
          b: {{output: b.txt, run: "steps:look"}}
        """)
    space.source(
        "steps.py",
        """
        import os
        os.environ["MODE"] = "fast"
        def look(output):
            output.write_text(f"{os.environ.get('MODE')} {os.environ.get('LEVEL')}")
        """,
    )
    space.good("-j1")
    assert (space.read("a.txt"), space.read("b.txt")) == ("slow 7", "fast None")


def test_the_mask_of_modes_that_a_module_sets_stays_for_its_functions(space: Space):
    space.workflow("""
        wildcards: {n: {range: 3}}
        rules:
          all: {input: "{n}.txt"}
          f: {output: "{n}.txt", run: "steps:f"}
        """)
    space.source(
        "steps.py", "import os\nos.umask(0o007)\ndef f(output):\n    output.write_text('x')\n"
    )
    space.good("-j1")
    assert {space.path(f"{n}.txt").stat().st_mode & 0o777 for n in range(3)} == {0o660}


THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.mark.parametrize("executor", ["process", "serial"])
@pytest.mark.parametrize(("cores", "told"), [("2", "2"), ("9", "3"), ('"{config.n[b]}"', "3")])
def test_libraries_that_ask_while_they_are_imported_are_told_the_most_cores_of_a_job(
    space: Space, monkeypatch, executor, cores, told
):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    space.workflow(
        f"""
        config: {{n: {{x: 1}}}}
        wildcards:
          b: [x]
        defaults: {{executor: {executor}}}
        rules:
          all: {{input: [a.txt, "x.txt"]}}
          a: {{output: a.txt, run: "steps:threads"}}
          b: {{input: a.txt, output: "{{b}}.txt", cores: {cores}, run: "steps:threads"}}
        """
    )
    space.source(
        "steps.py",
        f"""
        import os
        FOUND = {{os.environ.get(name) for name in {THREADS}}}
        def threads(output, cores):
            now = {{os.environ.get(name) for name in {THREADS}}}
            output.write_text(f"{{FOUND}} {{now == {{str(cores)}}}}")
        """,
    )
    space.good("-j", "3")
    for name in ("a.txt", "x.txt"):
        assert space.read(name) == f"{{{told!r}}} True"
    for name in THREADS:
        monkeypatch.setenv(name, "7")
    space.good("-j", "3", "--rerun")
    assert space.read("x.txt") == "{'7'} False"
