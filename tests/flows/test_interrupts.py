"""Two runs at once, signals, and the death of the engine: the next run just goes on."""

import json
import os
import signal
import time

import pytest

from .space import Running, Space, is_alive, wait_for

WORKFLOW = """
    rules:
      all:
        input: [slow.txt, long.txt]
      quick:
        output: quick.txt
        shell: echo quick >> "$RAN_LOG"; echo quick > {output}
      slow:
        input: quick.txt
        output: slow.txt
        shell: |
          echo slow >> "$RAN_LOG"
          echo begin > {output}
          echo $$ > "$FLAGS/pid.part"; mv "$FLAGS/pid.part" "$FLAGS/pid"
          while [ ! -e "$FLAGS/go" ]; do sleep 0.02; done
          echo end >> {output}
      long:
        input: slow.txt
        output: long.txt
        shell: echo long >> "$RAN_LOG"; cat {input} > {output}
    """


@pytest.fixture
def held(space: Space) -> Running:
    """A run whose second job waits for a flag; the first one is done."""
    space.workflow(WORKFLOW)
    space.forget()
    running = space.start("-j", "2")
    wait_for(lambda: space.flagged("pid"), "the second job")
    return running


def pid_of_the_job(space: Space) -> int:
    return int((space.flags / "pid").read_text())


def goes_on(space: Space) -> None:
    """The next run builds what was not finished, without a word or an option more."""
    assert not space.exists("slow.txt")
    space.flag("go")
    flow = space.good()
    assert space.ran == ["long", "slow"]
    assert flow.counts() == (2, 1, 0, 0)
    assert space.read("slow.txt") == "begin\nend\n"
    assert space.read("long.txt") == "begin\nend\n"
    assert space.good().counts() == (0, 3, 0, 0)


def test_a_second_run_at_once_is_refused_and_told_who_holds_the_folder(space, held):
    flow = space.start().end()
    assert flow.status == 5
    assert str(held.process.pid) in flow.stderr
    assert "Traceback" not in flow.text
    space.flag("go")
    assert held.end().status == 0
    assert space.ran == ["long", "quick", "slow"]


@pytest.mark.parametrize("which", ["--all", "--orphans", "slow"])
def test_what_a_run_has_not_recorded_yet_is_not_told_to_be_nothing(space, which):
    space.workflow("""
        rules:
          slow:
            output: slow.txt
            shell: touch "$FLAGS/begun"; until [ -e "$FLAGS/go" ]; do sleep 0.02; done; > {output}
        """)
    running = space.start()
    wait_for(lambda: space.flagged("begun"), "the job")
    assert "nothing to remove" in space.flow("clean", which, "-n").stdout
    flow = space.flow("clean", which)
    assert (flow.status, flow.stdout) == (5, "")
    assert f"another run holds this folder: pid {running.process.pid}" in flow.stderr
    waits = space.start("clean", which, "--wait")
    with pytest.raises(AssertionError):
        wait_for(lambda: waits.process.poll() is not None, "the end of clean", 0.5)
    space.flag("go")
    assert running.end().status == 0
    assert waits.end().status == 0
    assert space.exists("slow.txt") == (which == "--orphans")


def test_a_second_run_may_wait_for_the_first(space, held):
    second = space.start("--wait")
    with pytest.raises(AssertionError):
        wait_for(lambda: second.process.poll() is not None, "the second run", 0.5)
    space.flag("go")
    assert held.end().status == 0
    assert second.end().status == 0
    assert space.ran == ["long", "quick", "slow"]


def test_questions_are_answered_while_a_run_holds_the_folder(space, held):
    for command in [["status"], ["-n"], ["list"], ["why", "slow.txt"]]:
        assert space.start(*command).end().status == 0
    space.flag("go")
    assert held.end().status == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_and_the_next_goes_on(space, held, number):
    job = pid_of_the_job(space)
    held.send(number)
    flow = held.end(20)
    assert flow.status == 128 + number
    assert "Traceback" not in flow.text
    assert not is_alive(job)
    goes_on(space)


def test_two_signals_end_a_job_that_does_not_listen(space):
    space.workflow("""
        rules:
          deaf:
            output: a.txt
            shell: |
              trap '' TERM INT HUP
              echo $$ > "$FLAGS/pid.part"; mv "$FLAGS/pid.part" "$FLAGS/pid"
              while true; do sleep 0.05; done
        """)
    running = space.start()
    wait_for(lambda: space.flagged("pid"), "the job")
    running.send(signal.SIGINT)
    with pytest.raises(AssertionError):
        wait_for(lambda: running.process.poll() is not None, "the grace", 0.5)
    running.send(signal.SIGINT)
    assert running.end(3).status == 130
    assert not is_alive(pid_of_the_job(space))


HERE = """
import os, subprocess, time

def flag(pid):
    with open(os.environ["FLAGS"] + "/part", "w") as file:
        file.write(f"{pid}\\n")
    os.rename(os.environ["FLAGS"] + "/part", os.environ["FLAGS"] + "/pid")

def starts(output):
    child = subprocess.Popen(["sh", "-c", "trap '' TERM; while true; do sleep 0.05; done"])
    flag(child.pid)
    child.wait()
    output.write_text("")

def waits(output):
    flag(os.getpid())
    time.sleep(60)
    output.write_text("")
"""


@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT]])
@pytest.mark.parametrize("function", ["starts", "waits"])
@pytest.mark.parametrize("executor", ["thread", "serial"])
def test_a_signal_ends_jobs_in_this_process_and_what_they_started(
    space, executor, function, numbers
):
    space.source("steps.py", HERE.replace("\\\\", "\\"))
    space.workflow(f"rules: {{a: {{output: o, run: 'steps:{function}', executor: {executor}}}}}")
    running = space.start()
    wait_for(lambda: space.flagged("pid"), "the job")
    for number in numbers:
        running.send(number)
        time.sleep(0.2)  # two that come at once are one
    flow = running.end(20)
    assert flow.status == 128 + numbers[0]
    assert "Traceback" not in flow.text
    assert not is_alive(pid_of_the_job(space))
    assert not space.exists("o")
    space.source("steps.py", "def waits(output): output.write_text('')\nstarts = waits\n")
    assert space.good().counts() == (1, 0, 0, 0)


def test_a_signal_ends_a_long_import(space):
    space.source("steps.py", HERE.replace("\\\\", "\\") + "\nflag(os.getpid())\ntime.sleep(50)\n")
    space.workflow("rules: {a: {output: o, run: 'steps:waits'}}")
    running = space.start()
    wait_for(lambda: space.flagged("pid"), "the import")
    running.send(signal.SIGTERM)
    flow = running.end(10)
    assert (flow.status, "Traceback" in flow.text) == (143, False)
    wait_for(lambda: not is_alive(pid_of_the_job(space)), "the end of the slot")


def test_after_the_death_of_the_engine_the_next_run_goes_on(space, held):
    held.send(signal.SIGKILL)
    held.process.wait()
    goes_on(space)


def test_what_outlives_a_killed_engine_cannot_touch_what_is_made_later(space):
    space.workflow("""
        rules:
          make:
            output: a.txt
            shell: |
              if mkdir "$FLAGS/once" 2> /dev/null
              then
                (
                  trap '' TERM HUP INT
                  echo $BASHPID > "$FLAGS/pid.part"; mv "$FLAGS/pid.part" "$FLAGS/pid"
                  for i in $(seq 40); do sleep 0.05; echo late >> {output} || true; done
                )
              fi
              echo good > {output}
        """)
    running = space.start()
    wait_for(lambda: space.flagged("pid"), "the job")
    running.send(signal.SIGKILL)
    running.process.wait()
    assert space.good().built == {"make"}
    assert space.read("a.txt") == "good\n"
    wait_for(lambda: not is_alive(pid_of_the_job(space)), "the end of the orphan", 10)
    assert space.read("a.txt") == "good\n"
    assert space.good().counts() == (0, 1, 0, 0)


def test_a_function_job_dies_with_the_engine(space):
    space.write(
        "steps.py",
        """\
import os
import time


def make(output):
    flags = os.environ["FLAGS"]
    if not os.path.exists(flags + "/pid"):
        with open(flags + "/part", "w") as file:
            file.write(str(os.getpid()))
        os.rename(flags + "/part", flags + "/pid")
        time.sleep(60)
    output.write_text("good")
""",
    )
    space.workflow("""
        rules:
          make:
            output: a.txt
            run: steps:make
        """)
    running = space.start("--executor", "process")
    wait_for(lambda: space.flagged("pid"), "the job")
    worker = pid_of_the_job(space)
    assert worker != running.process.pid
    running.send(signal.SIGKILL)
    running.process.wait()
    wait_for(lambda: not is_alive(worker), "the end of the worker", 10)
    assert space.good().built == {"make"}


def test_a_worker_killed_from_outside_costs_only_its_job(space):
    space.write(
        "steps.py",
        """\
import os
import time


def waits(output):
    flags = os.environ["FLAGS"]
    with open(flags + "/part", "w") as file:
        file.write(str(os.getpid()))
    os.rename(flags + "/part", flags + "/pid")
    time.sleep(30)


def fine(output, n):
    time.sleep(0.05)
    output.write_text(n)
""",
    )
    space.workflow("""
        wildcards:
          n: {range: 6}
        rules:
          all:
            input: [waits.txt, "out/{n}.txt"]
          waits:
            output: waits.txt
            priority: 1
            run: steps:waits
          fine:
            output: out/{n}.txt
            run: steps:fine
        """)
    running = space.start("-k", "-j", "2")
    wait_for(lambda: space.flagged("pid"), "the job")
    os.kill(pid_of_the_job(space), signal.SIGKILL)
    flow = running.end()
    assert flow.status == 1
    assert "waits" in flow.stderr and "SIGKILL" in flow.stderr
    assert space.good("out/{n}.txt").counts() == (0, 6, 0, 0)


@pytest.mark.parametrize("damage", ["cut", "flip", "delete"])
def test_a_damaged_state_is_never_believed(space, damage):
    space.write("in.txt", "1\n")
    space.workflow("""
        rules:
          make:
            input: in.txt
            output: a.txt
            shell: echo make >> "$RAN_LOG"; cp {input} {output}
        """)
    space.good()
    space.write("in.txt", "2\n")
    for path in space.path(".fileflow").rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        if not data:
            continue
        if damage == "cut":
            path.write_bytes(data[: len(data) // 2])
        elif damage == "flip":
            path.write_bytes(bytes(byte ^ 1 for byte in data))
        else:
            path.unlink()
    flow = space.good()
    assert "Traceback" not in flow.text
    assert space.ran == ["make"]
    assert space.read("a.txt") == "2\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_status_tells_of_an_interrupted_run(space, held, number):
    assert "a run goes on" in space.flow("status").stdout
    held.send(number)
    held.process.wait()
    assert "was interrupted" in space.flow("status").stdout
    assert json.loads(space.flow("status", "--json").stdout)["run"]["state"] == "interrupted"
    space.flag("go")
    space.good()
    assert "interrupted" not in space.flow("status").stdout


def test_a_record_that_was_cut_off_is_told_by_who_may_write(space):
    space.workflow("rules: {make: {output: out, shell: 'touch {output}'}}")
    space.good()
    journal = space.path(".fileflow/journal")
    os.truncate(journal, journal.stat().st_size - 3)
    assert "ends within a record" not in space.flow("status").text  # a run may be writing it
    assert "ends within a record" in space.flow().stderr
    assert "ends within a record" not in space.flow().stderr


@pytest.mark.parametrize(
    "action",
    [
        "run: steps:one",
        'shell: "echo x >> $RAN_LOG; kill -TERM $PPID; sleep 30; touch {output}"',
    ],
)
def test_a_job_that_ends_its_own_worker_has_failed(space, action):
    space.write(
        "steps.py",
        "import os, signal, time\n\ndef one(output):\n"
        "    with open(os.environ['RAN_LOG'], 'a') as file:\n        file.write('x\\n')\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n    time.sleep(30)\n",
    )
    space.workflow(f"""
        rules:
          all: {{input: [a.txt, b.txt]}}
          one: {{output: a.txt, retries: 1, executor: process, {action}}}
          other: {{output: b.txt, shell: "touch {{output}}"}}
        """)
    running = space.start("-k", "-j", "1", "--progress", "json")
    flow = running.end(20)
    assert (flow.status, flow.counts()[0], flow.counts()[2]) == (1, 1, 1), flow.text
    assert space.ran == ["x", "x"]
    (failed,) = [one for one in flow.events if one.get("status") == "failed"]
    assert "SIGTERM" in failed["message"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_waiting_for_another_run_ends_as_the_signal_says(space, held, number):
    second = space.start("--wait", "--progress", "json")
    with pytest.raises(AssertionError):
        wait_for(lambda: second.process.poll() is not None, "the second run", 1)
    second.send(number)
    flow = second.end()
    assert flow.status == 128 + number
    assert flow.summary["signal"] == number and flow.summary["status"] == flow.status
    third = space.start("--wait")
    with pytest.raises(AssertionError):
        wait_for(lambda: third.process.poll() is not None, "the third run", 1)
    third.send(number)
    assert number.name in third.end().stderr


def test_a_command_that_is_killed_after_its_timeout_is_told_how_long_it_took(space):
    space.workflow("""
        rules:
          one:
            output: a.txt
            timeout: 0.5
            shell: "trap '' TERM; while true; do sleep 0.1 || true; done"
        """)
    flow = space.run()
    assert flow.status == 1
    (failed,) = [one for one in flow.events if one.get("status") == "failed"]
    assert "timed out" in failed["message"]
    assert failed["seconds"] >= 0.5


STUBBORN = """
import os

def writes(output):
    number = 0
    while True:
        try:
            number += 1
            os.makedirs(output.parent, exist_ok=True)
            (output.parent / str(number % 100)).write_text("")
            with open(os.environ["FLAGS"] + "/busy", "w"):
                pass
        except BaseException:
            pass
"""


def test_a_thread_that_cannot_be_ended_writes_on_while_its_stage_is_removed(space):
    space.source("steps.py", STUBBORN)
    space.workflow("rules: {a: {output: o, run: 'steps:writes', executor: thread}}")
    running = space.start()
    wait_for(lambda: space.flagged("busy"), "the job")
    running.send(signal.SIGINT)
    time.sleep(0.2)
    running.send(signal.SIGINT)
    flow = running.end(20)
    assert flow.status == 130
    assert "Traceback" not in flow.text
    space.source("steps.py", "def writes(output): output.write_text('')\n")
    assert space.good().counts() == (1, 0, 0, 0)
    assert space.exists("o")
