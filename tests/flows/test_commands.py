"""The commands that show and tidy: list, status, why, log, adopt, clean, check."""

import json
import os
import subprocess
import sys

import pytest

from .space import Space


@pytest.fixture
def kind() -> str:
    return "shell"


def silent(space: Space, *args: str) -> str:
    """A command that only looks: it ends well, changes no byte and runs nothing."""
    before = space.snapshot()
    flow = space.flow(*args)
    assert flow.status == 0, flow.text
    assert space.snapshot() == before
    assert space.ran == []
    return flow.stdout


def test_list_shows_what_each_rule_maps_and_gathers(project):
    text = silent(project, "list")
    for word in ["all", "upper", "Put one file into capitals.", "total"]:
        assert word in text
    assert "maps name (2)" in text
    assert "gathers name (2)" in text


def test_a_dry_run_shows_it_too_and_marks_what_may_be_spared(project):
    project.write("in/a.txt", "new\n")
    before = project.snapshot()
    flow = project.flow("-n")
    assert flow.status == 0
    assert "maps name (2)" in flow.stdout and "gathers name (2)" in flow.stdout
    assert "if upper changes" in flow.stdout
    assert "in/a.txt" in project.flow("-n", "-v").stdout
    assert project.snapshot() == before


@pytest.mark.parametrize(
    "command", [["list"], ["status"], ["why", "build/a.txt"], ["why", "total"]], ids=" ".join
)
def test_commands_speak_json(project, command):
    assert json.loads(silent(project, *command, "--json"))


def test_status_tells_fresh_stale_missing_and_failed(project):
    assert "fresh" in silent(project, "status")
    project.write("in/a.txt", "bad\n")
    assert "stale" in silent(project, "status")
    assert project.flow().status == 1
    assert "failed" in silent(project, "status")
    project.delete("out/total.txt")
    assert "missing" in silent(project, "status", "total")


def test_status_before_the_first_run_makes_no_state(space):
    space.workflow("""
        rules:
          make:
            output: a.txt
            shell: echo > {output}
        """)
    assert "missing" in silent(space, "status")
    assert not space.exists(".fileflow")


def test_why_tells_each_reason_with_before_and_after(project):
    project.write("in/a.txt", "new\n")
    project.replace("Workflowfile", "used: 1\n", "used: 2\n")
    text = silent(project, "why", "build/a.txt")
    assert "in/a.txt" in text
    assert "first" in text and "1" in text and "2" in text


def test_why_tells_what_makes_a_target_fresh(project):
    text = silent(project, "why", "out/total.txt")
    assert "fresh" in text
    assert "build/a.txt" in text


def test_log_shows_the_kept_output_of_the_last_run(space):
    space.write("steps.py", "def make(output):\n    print('from python')\n    output.touch()\n")
    space.workflow("""
        rules:
          all:
            input: [a.txt, b.txt]
          a:
            output: a.txt
            shell: echo on stdout; echo on stderr >&2; cat {log} > {output}; exit 2
          b:
            output: b.txt
            run: steps:make
        """)
    assert space.flow("-k").status == 1
    text = silent(space, "log", "a.txt")
    assert "on stdout" in text and "on stderr" in text
    assert "from python" in silent(space, "log", "b")


def test_adopt_takes_outputs_as_they_are(space):
    space.write("a.txt", "by hand\n")
    space.workflow("""
        rules:
          make:
            output: a.txt
            shell: echo make >> "$RAN_LOG"; echo made > {output}
        """)
    assert space.flow("adopt").status == 0
    assert space.good().counts() == (0, 1, 0, 0)
    assert space.read("a.txt") == "by hand\n"


def test_adopt_takes_changes_that_do_not_matter(project):
    project.replace("Workflowfile", "tr a-z A-Z", "tr '[a-z]' '[A-Z]'")
    assert project.good("-n").summary["would_build"] == 3
    assert project.flow("adopt", "upper").status == 0
    assert project.ran == []
    assert project.good().counts() == (0, 3, 0, 0)


def test_clean_removes_what_was_made_for_a_target(project):
    before = project.files()
    assert "out/total.txt" in silent(project, "clean", "total", "-n")
    assert project.flow("clean", "total").status == 0
    assert project.files() == [name for name in before if name != "out/total.txt"]
    assert project.good().built == {"total"}


def test_clean_all_removes_only_what_was_made_here(project):
    project.write("build/mine.txt", "mine\n")
    text = silent(project, "clean", "--all", "-n")
    for name in ["build/a.txt", "build/b.txt", "out/total.txt"]:
        assert name in text
    assert "mine.txt" not in text
    assert project.flow("clean", "--all").status == 0
    assert project.files() == ["Workflowfile", "build/mine.txt", "in/a.txt", "in/b.txt"]


def test_clean_orphans_removes_what_no_rule_makes_any_more(project):
    project.delete("in/b.txt")
    project.good()
    assert "build/b.txt" in silent(project, "clean", "--orphans", "-n")
    assert project.flow("clean", "--orphans").status == 0
    assert project.files() == ["Workflowfile", "build/a.txt", "in/a.txt", "out/total.txt"]
    assert project.good().counts() == (0, 2, 0, 0)


def test_clean_orphans_leaves_what_was_changed_by_hand_and_names_it(project):
    project.delete("in/b.txt")
    project.good()
    project.write("build/b.txt", "by hand\n")
    flow = project.flow("clean", "--orphans")
    assert "build/b.txt" in flow.text
    assert project.read("build/b.txt") == "by hand\n"


def test_check_finds_nothing_in_what_is_right(project):
    silent(project, "check")


def test_check_says_how_many_files_were_passed_over(space):
    space.write("d/a.txt", "")
    space.workflow("""
        wildcards:
          name: d/{name}.txt
        rules:
          all:
            input: d/{name}.sorted.txt
          sort:
            input: d/{name}.txt
            output: d/{name}.sorted.txt
            shell: sort {input} > {output}
        """)
    space.good()
    flow = space.flow("check")
    assert flow.status == 0
    assert "1" in flow.text


def test_a_rule_with_the_name_of_a_command_is_built_by_run(space):
    space.workflow("""
        rules:
          list:
            doc: A rule like a command.
            output: a.txt
            shell: echo list >> "$RAN_LOG"; echo > {output}
        """)
    assert "A rule like a command." in silent(space, "list")
    flow = space.flow("run", "list")
    assert flow.status == 0
    assert space.ran == ["list"]


def test_a_path_is_never_a_rule(space):
    space.workflow("""
        rules:
          all:
            output: a.txt
            shell: echo rule >> "$RAN_LOG"; echo > {output}
          other:
            output: all
            shell: echo path >> "$RAN_LOG"; echo > {output}
        """)
    assert space.flow("./all").status == 0
    assert space.ran == ["path"]
    assert space.flow("all").status == 0
    assert space.ran == ["rule"]


def test_results_go_to_stdout_and_progress_to_stderr(project):
    project.write("in/a.txt", "new\n")
    flow = project.flow()
    assert flow.stdout == ""
    assert flow.stderr != ""


def test_quiet_and_no_progress_and_no_colours(project):
    for option in [["-q"], ["--progress", "none"], ["--color", "never"], ["--progress", "plain"]]:
        project.write("in/a.txt", f"{option}\n")
        flow = project.flow(*option)
        assert flow.status == 0
        assert "\x1b" not in flow.text
    project.write("in/a.txt", "bad\n")
    assert "upper" in project.flow("-q").stderr


def piped(space: Space, command: str) -> "subprocess.CompletedProcess[str]":
    text = command.replace("fileflow", f"{sys.executable} -m fileflow")
    return subprocess.run(
        ["bash", "-c", f"{text}; echo status ${{PIPESTATUS[0]}}"],
        cwd=space.root,
        env=space.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_reader_that_stops_reading_does_not_break_a_run(space):
    rules = "".join(
        f"  rule{n}:\n    doc: {'long ' * 20}\n    output: out/{n}.txt\n"
        f"    shell: echo {n} > {{output}}\n"
        for n in range(60)
    )
    space.write(
        "Workflowfile",
        f'rules:\n  all:\n    input: {{path: "out/{{n}}.txt", n: {{range: 60}}}}\n{rules}',
    )
    for command in ["fileflow list", "fileflow -n -v", "fileflow status"]:
        done = piped(space, f"{command} 2>/dev/null | head -1")
        assert "Traceback" not in done.stdout + done.stderr
    done = piped(space, "fileflow -v 2>&1 | head -1")
    assert "Traceback" not in done.stdout + done.stderr
    assert "status 0" in done.stdout
    assert len(space.files("out")) == 60


@pytest.mark.parametrize("command", [["--help"], ["run", "--help"], ["list", "-h"], ["--version"]])
def test_help_needs_no_workflowfile(space, command):
    flow = space.flow(*command)
    assert flow.status == 0
    assert "fileflow" in flow.stdout


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("rules: {a: {outputt: x, shell: 'echo > x'}}", {1}),
        ("rules: {a: {output: x, shell: 'echo {q}'}}", {1}),
        ("seeds: 1\nrules:\n  a: {output: x, shel: 'echo'}\n", {1, 3}),
        ("rules: {a: [", {1}),
    ],
)
def test_check_gives_mistakes_of_the_text_as_json_too(quick_space: Space, text: str, lines: set):
    quick_space.write("Workflowfile", text)
    flow = quick_space.flow("check", "--json")
    assert flow.status == 2
    facts = json.loads(flow.stdout)
    assert {error["line"] for error in facts["errors"]} == lines
    assert all(error["what"] and error["file"] == "Workflowfile" for error in facts["errors"])
    assert not flow.stderr


def test_check_says_that_nothing_matches_only_where_no_file_of_an_entry_is_there(space: Space):
    space.workflow("""
        rules:
          m:
            input: {path: "raw/{g}", g: [x, y], optional: true}
            output: out
            shell: echo {input} > {output}
        """)
    assert "no file matches raw/{g}" in space.flow("check").stdout
    space.write("raw/y", "")
    assert space.flow("check").stdout == "1 rule, 1 job: nothing wrong\n"


def test_clean_goes_on_where_an_output_cannot_be_removed(refused):
    refused.workflow("""
        rules:
          all: {input: [a.txt, fixed/b.txt, fixed/tree/, z/c.txt]}
          a: {output: a.txt, shell: "touch {output}"}
          b: {output: fixed/b.txt, shell: "touch {output}"}
          tree: {output: fixed/tree/, shell: "mkdir {output}/sub; touch {output}/sub/x"}
          z: {output: z/c.txt, shell: "touch {output}"}
        """)
    refused.good()
    refused.path("fixed").chmod(0o555)
    before = {path.name: path.stat().st_mode for path in refused.path("fixed").rglob("*")}
    flow = refused.flow("clean", "--all")
    assert (flow.status, flow.stderr) == (3, "")
    assert flow.stdout.splitlines() == [
        "a: removed 1 output: a.txt",
        "z: removed 1 output: z/c.txt",
        "fixed/b.txt stays: it cannot be removed: Permission denied",
        "fixed/tree stays: it cannot be removed: Permission denied",
    ]
    assert not refused.exists("z")
    after = {path.name: path.stat().st_mode for path in refused.path("fixed").rglob("*")}
    assert after == before and len(after) == 4
    told = refused.flow("clean", "b", "--json")
    reason = "it cannot be removed: Permission denied"
    assert json.loads(told.stdout)["stays"] == {"fixed/b.txt": reason}
    assert (told.status, json.loads(told.stdout)["removed"]) == (3, [])
    assert refused.good().built == {"a", "z"}
    refused.path("fixed").chmod(0o755)
    assert refused.flow("clean", "--all").status == 0
    assert refused.files() == ["Workflowfile"]


def test_clean_leaves_a_folder_whole_in_which_some_is_another_users(refused):
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    refused.workflow("""
        rules:
          tree: {output: tree/, shell: "cd {output}; mkdir a b; touch a/x b/x"}
        """)
    refused.good()
    os.chown(refused.path("tree/b"), 12345, -1)
    refused.path("tree").chmod(0o555)
    flow = refused.flow("clean", "--all", "--force")
    assert flow.status == 3
    assert flow.stdout == "tree stays: it cannot be removed: Permission denied\n"
    assert refused.files() == ["Workflowfile", "tree/a/x", "tree/b/x"]
    assert refused.path("tree").stat().st_mode & 0o777 == 0o555


def test_a_rule_with_the_name_of_a_command_gets_a_line(space):
    space.workflow("""
        wildcards: {n: [1, 1]}
        rules:
          list: {output: "{n}.txt", shell: "touch {output}"}
          tidy: {output: t, shell: "touch {output}"}
        """)
    said = "list is a command and a rule: `fileflow run list` builds the rule\n"
    doubled = "Workflowfile:1:16: '1' stands twice in n and counts once\n"
    assert space.flow("list").stderr == f"{said}note: {doubled}"
    assert space.flow("check").stderr == "" and doubled in space.flow("check").stdout
    assert space.flow("clean", "tidy").stderr == f"note: {doubled}"
    assert space.good("run", "list").built == {"list 1"}
