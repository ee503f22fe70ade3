"""What an action made is published once nobody writes to it any more."""

import signal
import sys
import time

import pytest

from .space import Space, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks for leases of files")

EXECUTORS = ["process", "thread", "serial"]
WHOLE = "".join(f"line {n}\n" for n in range(3000))
# Each writes 3,000 lines to `out`, and nobody closes it.
WRITES = "for n in range(3000): out.write(f'line {n}\\n')"


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(
    "reached",
    [
        "global out\n    out = open(output, 'w')",
        "import builtins\n    out = builtins.out = open(output, 'w')",
        "import os\n    out = os.fdopen(os.dup(os.open(output, os.O_WRONLY | os.O_CREAT)), 'w')",
    ],
)
def test_a_file_that_a_function_leaves_open_fails_its_job(space: Space, reached: str, executor):
    space.workflow("""
        rules:
          all: {input: [a.txt, b.txt]}
          a: {output: a.txt, run: "steps:f"}
          b: {output: b.txt, shell: "echo b > {output}"}
        """)
    space.source("steps.py", f"def f(output):\n    {reached}\n    {WRITES}\n")
    flow = space.flow("-k", "--executor", executor)
    assert flow.status == 1
    assert "a.txt is still open for writing, though the function has ended" in flow.text
    assert not space.exists("a.txt") and space.read("b.txt") == "b\n"
    space.source("steps.py", f"def f(output):\n    {reached}\n    {WRITES}\n    out.close()\n")
    if "dup" not in reached:
        space.good("--executor", executor)
        assert space.read("a.txt") == WHOLE


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_file_in_a_folder_that_is_left_open_fails_its_job(space: Space, executor: str):
    space.workflow('rules: {a: {output: a/, run: "steps:f"}}')
    space.source(
        "steps.py",
        """
        kept = []
        def f(output):
            output.mkdir(exist_ok=True)
            kept.append(open(output / "z.txt", "w"))
        """,
    )
    flow = space.flow("--executor", executor)
    assert flow.status == 1 and "a/z.txt is still open for writing" in flow.text


@pytest.mark.parametrize("executor", EXECUTORS)
def test_files_that_nobody_can_reach_any_more_are_whole(space: Space, executor: str):
    space.workflow('rules: {a: {output: a.txt, run: "steps:f"}}')
    ring = "ring = []\n    out = open(output, 'w')\n    ring += [ring, out]"
    space.source("steps.py", f"def f(output):\n    {ring}\n    {WRITES}\n")
    space.good("--executor", executor)
    assert space.read("a.txt") == WHOLE


@pytest.mark.parametrize(
    "script",
    [
        f"out = open(sys.argv[1], 'w')\ndef f(): return out\n{WRITES}",
        "class Tee:\n"
        "    def __init__(self, file): self.write = file.write\n"
        "    def flush(self): pass\n"
        "sys.stdout = Tee(open(sys.argv[1], 'w'))\n"
        "for n in range(3000): print('line', n)",
    ],
)
def test_what_a_script_leaves_open_is_whole_as_at_the_end_of_a_process(space: Space, script: str):
    space.workflow("rules: {a: {output: a.txt, script: make.py}}")
    space.write("make.py", f"import sys\n{script}\n")
    space.good()
    assert space.read("a.txt") == WHOLE


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_program_that_still_writes_an_output_is_waited_for(space: Space, executor: str):
    space.workflow('rules: {a: {output: a.txt, run: "steps:f"}}')
    space.source(
        "steps.py",
        """
        import subprocess
        def f(output):
            command = "echo head; sleep 0.5; echo tail"
            subprocess.Popen(command, shell=True, stdout=open(output, "w"))
        """,
    )
    space.good("--executor", executor)
    assert space.read("a.txt") == "head\ntail\n"


def test_workers_that_hold_what_was_open_when_they_were_forked_are_not_waited_for(space: Space):
    space.workflow('rules: {a: {output: a.txt, run: "steps:f"}}')
    space.source(
        "steps.py",
        """
        import multiprocessing
        pools = []
        def f(output):
            with open(output, "w") as out:
                pools.append(multiprocessing.get_context("fork").Pool(1))
                out.write(str(pools[0].map(abs, [-1])))
        """,
    )
    space.good()
    assert space.read("a.txt") == "[1]"


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(
    "start",
    [
        "fork = multiprocessing.get_context('fork')\n"
        "    kept.append(fork.Pool(1))\n"
        "    kept[0].apply_async(write, (output,))",
        "multiprocessing.get_context('fork').Process(target=write, args=(output,)).start()",
        "if not os.fork():\n"
        "        os.setsid()\n"
        "        if not os.fork():\n"
        "            write(output)\n"
        "        os._exit(0)\n"
        "    os.wait()",
        "from loky import get_reusable_executor\n"
        "    get_reusable_executor(1).submit(write, output)",
    ],
)
@pytest.mark.parametrize("leases", [True, False])
def test_what_was_forked_and_writes_an_output_is_waited_for(
    space: Space, executor: str, start: str, leases: bool
):
    space.workflow('rules: {a: {output: a.txt, run: "steps:f"}}')
    space.source(
        "steps.py",
        f"""
import fcntl, multiprocessing, os, time
def refuse(descriptor, command, argument=0, before=fcntl.fcntl):
    if command == fcntl.F_SETLEASE:  # as on a network file system
        raise BlockingIOError(11, "no lease")
    return before(descriptor, command, argument)
if not {leases}:
    fcntl.fcntl = refuse
kept = []
def write(output):
    with open(output, "w") as out:
        out.write("head\\n")
        out.flush()
        time.sleep(0.5)
        out.write("tail\\n")
def f(output):
    {start}
    while not output.exists():
        time.sleep(0.01)
""",
    )
    space.good("--executor", executor)
    assert space.read("a.txt") == "head\ntail\n"
    assert "nothing to do" in space.flow().text


@pytest.mark.parametrize("executor", EXECUTORS)
def test_programs_that_still_write_scattered_outputs_are_waited_for(space: Space, executor: str):
    space.workflow('rules: {a: {output: "o/{k}.txt", scatter: k, run: "steps:f"}}')
    space.source(
        "steps.py",
        """
        import subprocess
        def f(output):
            for name in "12":
                command = "echo head; sleep 0.4; echo tail"
                subprocess.Popen(command, shell=True, stdout=open(output / f"{name}.txt", "w"))
        """,
    )
    space.good("--executor", executor)
    assert [space.read(f"o/{k}.txt") for k in "12"] == ["head\ntail\n"] * 2
    assert "nothing to do" in space.flow().text


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_a_signal_ends_while_it_is_waited_for_is_not_published(space: Space, executor: str):
    space.workflow('rules: {a: {output: a.txt, run: "steps:f"}}')
    space.source(
        "steps.py",
        """
        import os, subprocess
        def f(output):
            command = 'echo head; echo > "$FLAGS/begun"; sleep 60; echo tail'
            subprocess.Popen(command, shell=True, stdout=open(output, "w"))
        """,
    )
    running = space.start("--executor", executor)
    wait_for(lambda: space.flagged("begun"), "the program that writes")
    time.sleep(0.3)
    running.send(signal.SIGINT)
    assert running.end().status == 130
    assert not space.exists("a.txt")


@pytest.mark.parametrize("kept", ["if True", "if not pools"])
@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver", "futures"])
def test_a_pool_that_is_kept_is_no_harm_to_the_next_job(space: Space, start: str, kept: str):
    space.workflow("""
        wildcards: {n: {range: 3}}
        rules:
          all: {input: "{n}.txt"}
          a: {output: "{n}.txt", run: "steps:f"}
        """)
    pool = f"multiprocessing.get_context('{start}').Pool(1)"
    space.source(
        "steps.py",
        f"""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        pools = {{}}
        def f(output):
            {kept}:
                pools[0] = {"ProcessPoolExecutor(1)" if start == "futures" else pool}
            output.write_text(str(list(pools[0].map(abs, [-1]))))
        """,
    )
    space.good("-j", "1")
    assert [space.read(f"{n}.txt") for n in range(3)] == ["[1]"] * 3


def test_a_run_that_is_to_end_waits_for_no_writer(space: Space):
    space.workflow('rules: {a: {output: a.txt, timeout: 1, run: "steps:f"}}')
    space.source(
        "steps.py",
        """
        import subprocess
        def f(output):
            subprocess.Popen(["sleep", "600"], stdout=open(output, "w"))
        """,
    )
    flow = space.flow()
    assert flow.status == 1 and "timed out after 1 s" in flow.text
    assert not space.exists("a.txt")


@pytest.mark.parametrize("closed", [True, False])
def test_where_no_lease_is_to_be_had_the_process_itself_is_looked_at(space: Space, closed: bool):
    space.workflow("""
        wildcards: {n: {range: 3}}
        rules:
          all: {input: "{n}.txt"}
          f: {output: "{n}.txt", run: "steps:f"}
        """)
    space.source(
        "steps.py",
        f"""
        import fcntl
        def refuse(descriptor, command, argument=0, before=fcntl.fcntl):
            if command == fcntl.F_SETLEASE:  # as on a network file system
                raise BlockingIOError(11, "no lease")
            return before(descriptor, command, argument)
        fcntl.fcntl = refuse
        kept = []
        def f(output, n):
            kept.append(open(output, "w"))
            kept[-1].write(n)
            if n != "2" or {closed}:
                kept[-1].close()
        """,
    )
    flow = space.flow("-j1", "-k")
    assert (flow.status == 0) == closed, flow.text
    assert space.read("0.txt") + space.read("1.txt") == "01"
    assert closed or "2.txt is still open for writing" in flow.text
