"""What commands are shown as, and what is said of rules and jobs besides."""

import json
import subprocess

import pytest

from .space import Space

SCATTER = """
    wildcards: {s: [u, v]}
    rules:
      all: {input: h}
      cut:
        output: c/{s}/{k}.t
        scatter: k
        shell: touch {output}/1.t; test -z "$FAILS"
      h:
        input: c/{s}/{k}.t
        output: h
        shell: echo {input} > {output}
    """


def test_a_scatter_is_shown_with_the_folder_that_its_action_gets(space):
    space.workflow(SCATTER)
    for args in (["-n", "-p"], ["why", "cut"]):
        assert "touch c/u/1.t; test" in space.flow(*args).stdout
    flow = space.flow("--progress", "json", env={"FAILS": "yes"})
    failed = [event for event in flow.events if event.get("status") == "failed"]
    assert failed[0]["action"].startswith("touch c/")
    assert "{k}" not in failed[0]["action"]


def test_a_dry_run_names_sources_that_are_not_there_and_ends_with_its_counts(space):
    space.workflow("""
        rules:
          all: {input: [a, b]}
          make: {output: a, shell: "touch {output}"}
          copy: {input: gone.txt, output: b, shell: "cp {input} {output}"}
        """)
    flow = space.flow("-n", "-k", "--json", "--progress", "plain")
    assert "gone.txt is not there: what needs it is skipped" in flow.stderr
    lines = [json.loads(line) for line in flow.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["job_planned", "run_finished"]
    assert (lines[1]["would_build"], lines[1]["skipped"], lines[1]["status"]) == (1, 1, 0)
    finished = json.loads(space.flow("-k", "--json", "--progress", "none").stdout)
    assert (finished["event"], finished["built"], finished["status"]) == ("run_finished", 1, 1)


def test_a_rule_that_its_when_leaves_out_is_named_where_what_it_would_make_is_skipped(space):
    space.workflow("""
        config: {mode: fast}
        rules:
          all: {input: a}
          make: {when: {mode: slow}, output: a, shell: "touch {output}"}
        """)
    said = "a is not there: what needs it is skipped (rule make would make it, but is there only"
    assert said in space.flow("-k").stderr


@pytest.mark.parametrize("words", [[], ["-n"], ["-n", "--progress", "json"], ["-k"]])
@pytest.mark.parametrize("wrong", ["nosuch", "--bad", "--config=x=1", "--strict"])
def test_a_run_that_is_an_error_before_it_begins_has_its_last_line_too(space, words, wrong):
    space.workflow("rules: {make: {output: a, shell: 'touch {output}'}}\n")
    flow = space.flow(*words, "--json", wrong)
    assert flow.status == 2
    finished = json.loads(flow.stdout)
    assert (finished["event"], finished["status"], finished["built"]) == ("run_finished", 2, 0)
    if "json" in words:
        assert flow.summary == finished
    else:
        assert flow.stderr == f"fileflow: {finished['error']}\n"


def test_a_command_that_is_an_error_has_no_last_line_of_a_run(space):
    space.workflow("rules: {make: {output: a, shell: 'touch {output}'}}\n")
    for words in (["status", "nosuch"], ["list", "--bad"]):
        flow = space.flow(*words, "--json")
        assert (flow.status, flow.stdout) == (2, "")


def test_declared_values_are_counted_beside_those_found_while_running(space):
    space.workflow(SCATTER)
    assert "gathers s (2), k (found while running)" in space.flow("list").stdout
    rules = json.loads(space.flow("list", "--json").stdout)["rules"]
    assert rules[2]["gathers"] == {"s": 2, "k": None}


def test_an_amount_that_is_cut_to_what_there_is_stays_whole(space):
    space.workflow("""
        resources: {api: 4}
        rules:
          make:
            output: out
            resources: {mem_mb: 900000000, api: 5}
            shell: echo {resources.mem_mb} {resources.api} > {output}
        """)
    shown = space.flow("-n", "-p").stdout
    space.good()
    memory, api = space.read("out").split()
    assert memory.isdigit()
    assert api == "4"
    assert f"echo {memory} 4 > out" in shown
    assert f"echo {memory} 4 > out" in space.flow("why", "out").stdout


def test_amounts_that_only_a_run_knows_are_shown_by_their_names(space):
    space.write("act.py", "def much(attempt):\n    return attempt\n")
    space.workflow("""
        resources: {gpu: [x, y]}
        rules:
          make:
            output: out
            resources: {gpu: 1, mem_mb: {call: act:much}, api: 2}
            shell: echo {resources.gpu} {resources.mem_mb} {resources.api} > {output}
        """)
    shown = space.flow("-n", "-p").stdout
    assert "echo '{resources.gpu}' '{resources.mem_mb}' 2 > out" in shown
    space.good()
    assert space.read("out") == "x 1 2\n"


def test_nothing_is_said_of_processes_that_a_timeout_ended(space: Space):
    space.source(
        "act.py",
        """
        import subprocess, time
        def act(output):
            subprocess.Popen(["sleep", "30"])
            time.sleep(30)
        """,
    )
    space.workflow("""
        rules:
          make:
            output: out
            timeout: 0.3
            run: act:act
        """)
    flow = space.flow()
    assert flow.status == 1
    assert "timed out after" in flow.text
    assert "running; ended" not in flow.text


@pytest.mark.parametrize(
    ("action", "shown"),
    [
        (
            "{prefix: [env, 'A=a b'], shell: 'echo $A > {output}'}",
            "env 'A=a b' bash -euo pipefail -c 'echo $A > out'",
        ),
        (
            "{shell_prefix: 'A=one;', shell: 'echo $A > {output}'}",
            "A=one; echo $A > out",
        ),
        (
            "{prefix: [env], argv: [cp, 'a b.txt', '{output}']}",
            "env cp 'a b.txt' out",
        ),
        ("{script: 'my script.sh', args: ['x y', '{output}']}", "bash 'my script.sh' 'x y' out"),
    ],
)
def test_what_is_printed_can_be_run_as_it_is(space: Space, action, shown):
    space.write("a b.txt", "a\n")
    space.write("my script.sh", 'echo "$1" > "$2"\n')
    space.workflow(f"rules: {{make: {{output: out, {action[1:]}}}")
    assert shown in space.flow("-n", "-p").stdout
    assert shown in space.flow("-p").stderr
    assert space.exists("out")
    before = space.read("out")
    subprocess.run(["bash", "-c", shown], cwd=space.root, check=True)
    assert space.read("out") == before
