"""A child that a function forks never goes on as what had called the function."""

import subprocess
import sys
import textwrap

import pytest

from .space import Space

ENDS = {
    "returns": "return",
    "raises": "raise ValueError('in the child')",
    "exits": "sys.exit(3)",
}
WORKFLOW = """
    wildcards: {{n: {{range: 3}}}}
    rules:
      all: {{input: ["{{n}}.txt", after.txt]}}
      f: {{output: "{{n}}.txt", {action}}}
      g: {{input: "{{n}}.txt", output: after.txt, shell: "cat {{input}} > {{output}}"}}
    """


def judged_by_itself(space: Space) -> None:
    flow = space.good("-j", "2")
    assert flow.counts() == (4, 0, 0, 0), flow.text
    assert space.read("after.txt") == "012"
    assert "in the child" not in flow.text and "Traceback" not in flow.text
    assert space.good("-j", "2").counts() == (0, 4, 0, 0)


@pytest.mark.parametrize("executor", ["process", "thread", "serial"])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_child_of_a_function_ends_where_the_function_does(space: Space, end, executor):
    space.workflow(WORKFLOW.format(action=f'run: "steps:f", executor: {executor}'))
    space.source(
        "steps.py",
        f"""
        import os, sys, time
        def f(output, n):
            output.write_text(n)
            if n == "1" and os.fork() == 0:
                {end}
            time.sleep(0.2)
        """,
    )
    judged_by_itself(space)


@pytest.mark.parametrize("end", [*ENDS.values(), "await asyncio.sleep(0.01)"])
def test_the_child_of_a_job_on_an_event_loop_is_no_loop(space: Space, end):
    space.workflow(WORKFLOW.format(action='run: "steps:f"'))
    space.source(
        "steps.py",
        f"""
        import asyncio, os, sys
        async def f(output, n):
            output.write_text(n)
            if n == "1" and os.fork() == 0:
                {end}
            await asyncio.sleep(0.2)
        """,
    )
    judged_by_itself(space)


@pytest.mark.parametrize("end", ["pass", *ENDS.values()])
def test_the_child_of_a_script_ends_with_it(space: Space, end):
    end = "pass" if end == "return" else end
    space.workflow(WORKFLOW.format(action="script: make.py"))
    space.source(
        "make.py",
        f"""
        import os, sys, time
        open(sys.argv[1], "w").write(sys.argv[1][-5])
        if "1.txt" in sys.argv[1] and os.fork() == 0:
            {end}
        else:
            time.sleep(0.2)
        """,
    )
    judged_by_itself(space)


@pytest.mark.parametrize("end", ["pass", *ENDS.values()])
def test_the_child_of_a_generator_yields_nothing(space: Space, end):
    space.workflow("""
        rules:
          all: {input: all.txt}
          f: {output: "d/{n}.txt", scatter: n, run: "steps:f"}
          g: {input: "d/{n}.txt", output: all.txt, shell: "cat {input} > {output}"}
        """)
    space.source(
        "steps.py",
        f"""
        import os, sys, time
        def f():
            yield "0", "0"
            child = os.fork()
            if child == 0:
                {end}
                yield "0", "wrong"
                yield "7", "7"
            time.sleep(0.2)
            yield "1", "1"
        """,
    )
    space.good()
    assert space.read("all.txt") == "01"


def test_the_parent_can_ask_how_its_child_has_ended(space: Space):
    space.workflow(WORKFLOW.format(action='run: "steps:f"'))
    space.source(
        "steps.py",
        """
        import os, sys
        def f(output, n):
            child = os.fork()
            if child == 0:
                print("said", flush=False, end="")
                if n == "0":
                    return
                if n == "1":
                    raise ValueError("in the child")
                sys.exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == [0, 1, 7][int(n)]
            output.write_text(n)
        """,
    )
    judged_by_itself(space)
    assert "said" in space.flow("log", "2.txt").stdout


@pytest.mark.parametrize("end", ["pass", "raise ValueError('in the child')"])
def test_the_child_of_an_import_goes_no_further(space: Space, end):
    space.workflow(WORKFLOW.format(action='run: "steps:f"'))
    space.source(
        "steps.py",
        f"""
        import os, time
        if os.fork() == 0:
            {end}
        else:
            time.sleep(0.1)
        def f(output, n):
            output.write_text(n)
        """,
    )
    judged_by_itself(space)


def test_the_child_of_a_call_gives_no_answer(space: Space):
    space.workflow("""
        rules:
          a:
            output: a.txt
            params: {x: {call: "steps:f"}}
            shell: echo {params.x} > {output}
        """)
    space.source(
        "steps.py",
        """
        import os, time
        def f():
            if os.fork() == 0:
                return "child"
            time.sleep(0.2)
            return "parent"
        """,
    )
    space.good()
    assert space.read("a.txt") == "parent\n"


@pytest.mark.parametrize("executor", ["process", "thread", "serial", "async"])
def test_the_child_of_a_function_ends_by_the_signal_that_it_is_sent(space: Space, executor: str):
    space.workflow(f"""
        rules:
          f: {{output: a.txt, run: "steps:f", executor: {executor}}}
        """)
    space.source(
        "steps.py",
        f"""
        import multiprocessing, time
        {"async " * (executor == "async")}def f(output):
            fork = multiprocessing.get_context("fork")
            one = fork.Process(target=time.sleep, args=(60,))
            one.start()
            time.sleep(0.1)
            one.terminate()
            one.join(20)
            with fork.Pool(2) as pool:  # which ends its processes by signals, too
                output.write_text(f"{{one.exitcode}} {{pool.map(abs, [-1, 2])}}")
        """,
    )
    flow = space.good()
    assert space.read("a.txt") == "-15 [1, 2]"
    assert "Traceback" not in flow.text + space.flow("log", "a.txt").stdout


@pytest.mark.parametrize("executor", ["process", "thread", "serial"])
def test_the_child_of_a_function_has_no_handlers_of_signals_but_those_of_the_job(
    space: Space, executor: str
):
    own = executor != "thread"  # a thread may set none
    space.workflow(f"""
        rules:
          f: {{output: a.txt, run: "steps:f", executor: {executor}}}
        """)
    space.source(
        "steps.py",
        f"""
        import os, signal
        def heard(number, frame):
            os._exit(7)
        def status_of_child(number):
            child = os.fork()
            if child == 0:
                os.kill(os.getpid(), number)
                os._exit(0)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        def f(output):
            child = os.fork()
            if child == 0:
                is_alone = signal.set_wakeup_fd(-1) == -1
                is_open = not signal.pthread_sigmask(signal.SIG_BLOCK, [])
                default = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
                os._exit(is_alone + 2 * is_open + 4 * default)
            found = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]
            found.append(status_of_child(signal.SIGTERM))
            if {own}:
                signal.signal(signal.SIGTERM, heard)
                found.append(status_of_child(signal.SIGTERM))
            output.write_text(str(found))
        """,
    )
    space.good()
    assert space.read("a.txt") == ("[7, -15, 7]" if own else "[7, -15]")


def test_a_signal_that_comes_while_a_process_forks_is_heard_after_it():
    code = """
        import os, signal, time
        os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGTERM))  # runs after ours
        from fileflow.world.forks import handle
        def on_term(number, frame):
            raise InterruptedError
        handle(signal.SIGTERM, on_term)
        try:
            child = os.fork()
            if child == 0:
                os._exit(0)
            time.sleep(20)
            print("not heard")
        except InterruptedError:
            print("heard")
        """
    words = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(code)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("heard\n", "")
