"""What runs is the code that the files hold now, whatever Python has kept of what they held."""

import json
import subprocess
import sys

import pytest

from .space import Space

TEXT = """\
rules:
  make:
    output: out.txt
    {action}
"""
MODULES = {
    "its own": ("run: steps:make", "steps.py", "def make(output):\n    output.write_text('1')\n"),
    "a helper": ("run: steps:make", "helper.py", "def word():\n    return '1'\n"),
    "in a package": ("run: parts.steps:make", "parts/words.py", "def word():\n    return '1'\n"),
    "of a script": ("script: make.py", "helper.py", "def word():\n    return '1'\n"),
}


def compiled(space: Space, name: str) -> None:
    """Python keeps the module as it is now, believed while size and time of the file agree."""
    words = [sys.executable, "-m", "compileall", "-q", name]
    subprocess.run(words, cwd=space.root, env=space.environment(), check=True)


def project(space: Space, where: str) -> str:
    action, module, text = MODULES[where]
    take = "    output.write_text(helper.word())\n"
    space.write("steps.py", f"import helper\n\n\ndef make(output):\n{take}")
    space.write("parts/__init__.py", "")
    space.write("parts/steps.py", f"from . import words as helper\n\n\ndef make(output):\n{take}")
    space.write("make.py", "import helper\nopen('out.txt', 'w').write(helper.word())\n")
    space.write("make.py", "import sys, helper\nopen(sys.argv[1], 'w').write(helper.word())\n")
    space.write(module, text)
    if where == "of a script":
        action += '\n    args: ["{output}"]'
    space.workflow(TEXT.format(action=action))
    return module


@pytest.mark.parametrize("executor", ["process", "thread", "serial"])
@pytest.mark.parametrize("where", MODULES)
def test_a_cache_of_the_same_size_and_time_is_not_believed(
    space: Space, where: str, executor: str
) -> None:
    module = project(space, where)
    space.good("--executor", executor)
    assert space.read("out.txt") == "1"
    compiled(space, module)
    space.edit_same_size(module, space.read(module).replace("'1'", "'2'"))
    space.good("--executor", executor)
    assert space.read("out.txt") == "2"
    assert space.good().summary["built"] == 0


def test_a_cache_is_not_believed_for_what_a_function_takes(space: Space) -> None:
    space.workflow("""
        rules:
          make:
            output: out.txt
            params: {a: 1, b: 2}
            run: steps:make
        """)
    lines = ["from made import make\n", "def f(output, {}):\n    output.write_text(str({}))\n"]
    made = "exec('''{}''')\nmake = f\n"
    space.write("steps.py", lines[0])
    space.write("made.py", made.format(lines[1].format("a, **_", "a")))
    space.good()
    compiled(space, "made.py")
    space.edit_same_size("made.py", made.format(lines[1].format("b, **_", "b")))
    space.good()
    assert space.read("out.txt") == "2"


RUN_TWICE = """\
import json
import sys
from pathlib import Path

sys.path.insert(0, "")
import steps
from fileflow import Workflow

kept = steps
texts = []
for word in "12":
    Path("steps.py").write_text(Path("steps.py").read_text().replace("'0'", f"'{word}'"))
    Workflow.load("Workflowfile").run([], jobs=1, executor=sys.argv[1])
    texts.append(Path("out.txt").read_text())
    Path("steps.py").write_text(Path("steps.py").read_text().replace(f"'{word}'", "'0'"))
print(json.dumps([texts, sys.modules["steps"] is kept, sys.path[0]]))
"""


@pytest.mark.parametrize("executor", ["process", "thread", "serial"])
def test_a_program_that_runs_twice_runs_what_the_files_hold(space: Space, executor: str) -> None:
    project(space, "its own")
    space.write("steps.py", MODULES["its own"][2].replace("'1'", "'0'"))
    space.write("go.py", RUN_TWICE)
    done = subprocess.run(
        [sys.executable, "go.py", executor],
        cwd=space.root,
        env=space.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [["1", "2"], True, ""]


STEPS = "def f(output):\n    output.write_text('x')\n"
RUNS = """\
rules:
  make: {{output: out.txt, run: "{}:f"}}
"""


def installed(space: Space, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command line as it is installed: `python -m` has the project's folder on its path."""
    start = "import sys; del sys.path[0]; from fileflow.__main__ import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", start, *arguments],
        cwd=space.root,
        env=space.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_stray_modules_with_the_names_of_others_are_in_nobodys_way(space: Space) -> None:
    space.write("Workflowfile", RUNS.format("steps"))
    space.write("steps.py", STEPS)
    for name in ("json", "token", "select", "copy", "subprocess", "fileflow", "filelock"):
        space.write(f"{name}.py", "raise ValueError('not meant')\n")
    for command in ("check", "run"):
        ran = installed(space, command)
        assert ran.returncode == 0, ran.stderr
    assert space.read("out.txt") == "x"


@pytest.mark.parametrize("where", ["{}.py", "{}/__init__.py"])
@pytest.mark.parametrize("name", ["copy", "queue", "yaml", "time", "filelock"])
def test_a_function_in_a_file_with_the_name_of_another_module_is_refused(
    space: Space, name: str, where: str
) -> None:
    file = where.format(name)
    # Also where the other module has a function of this name.
    function = {"copy": "copy"}.get(name, "f")
    space.write("Workflowfile", RUNS.format(name).replace(":f", f":{function}"))
    space.write(file, STEPS.replace("f(", f"{function}("))
    said = []
    for arguments in (["check"], ["run"], ["run", "--executor", "thread"]):
        ran = installed(space, *arguments)
        assert ran.returncode == 2, ran.stderr
        said.append(ran.stderr.partition("fileflow: ")[2])
    assert f"{name} is the name of another module, " in said[0]
    assert f": {file} must have another name" in said[0]
    assert said[1:] == said[:1] * 2


@pytest.mark.parametrize("name", ["copy", "queue", "yaml", "filelock"])
@pytest.mark.parametrize("action", ["run: steps:f", "script: tools/s.py"])
def test_a_module_that_an_action_imports_is_not_taken_for_another_of_its_name(
    space: Space, name: str, action: str
) -> None:
    space.write("Workflowfile", f"rules:\n  make: {{output: out.txt, {action}}}\n")
    folder = "tools/" if action.startswith("script") else ""
    space.write(f"{folder}{name}.py", "def copy(): return 'mine'\n")
    space.write("steps.py", f"import {name}\ndef f(output): output.write_text({name}.copy())\n")
    space.write(
        "tools/s.py",
        f"import sys\nfrom {name} import copy\nopen(sys.argv[1], 'w').write(copy())\n",
    )
    for arguments in (["check"], ["-n"], ["run"], ["run", "--executor", "thread"]):
        ran = installed(space, *arguments)
        assert ran.returncode == 2, ran.stderr
        assert f"{name} is the name of another module, " in ran.stderr
        assert f": {folder}{name}.py must have another name" in ran.stderr
        assert ("prefix: [env]" in ran.stderr) == bool(folder)
    if folder:
        space.replace("Workflowfile", action, f"{action}, prefix: [env]")
        assert installed(space, "run").returncode == 0
        assert space.read("out.txt") == "mine"


def test_a_module_of_which_only_the_library_has_the_name_is_the_projects(space: Space) -> None:
    space.write("Workflowfile", RUNS.format("steps"))
    space.write("colorsys.py", "def f(): return 'mine'\n")
    space.write("steps.py", "import colorsys\ndef f(output): output.write_text(colorsys.f())\n")
    for arguments in (["check"], ["run"]):
        ran = installed(space, *arguments)
        assert ran.returncode == 0, ran.stderr
    assert space.read("out.txt") == "mine"


def test_what_is_asked_by_calls_may_bear_a_name_that_only_slots_know(space: Space) -> None:
    space.write("queue.py", "def number():\n    return 3\n")
    space.workflow("""
        rules:
          make:
            output: out.txt
            params: {n: {call: "queue:number"}}
            shell: "echo {params.n} > {output}"
        """)
    for command in ("check", "run"):
        ran = installed(space, command)
        assert ran.returncode == 0, ran.stderr
    assert space.read("out.txt") == "3\n"


@pytest.mark.parametrize(
    ("relation", "output", "body"),
    [
        ("", 'output: "o/{c}/{d}", scatter: d', "yield 'x' + K, K"),
        ('d: {lines: "o/{c}.list"}', 'output: "o/{c}.list"', "output.write_text('x' + K)"),
    ],
)
def test_code_that_changes_under_a_run_is_for_the_next_one(
    space: Space, relation: str, output: str, body: str
) -> None:
    """Also where what it has made tells values, and all is planned once more."""
    space.source("helper.py", "K = '1'\n")
    space.source(
        "steps.py",
        f"""
        import os
        from helper import K

        def finds(input, output):
            with open(os.environ["RAN_LOG"], "a") as file:
                file.write("finds\\n")
            if os.path.exists(os.environ["FLAGS"] + "/edit"):
                os.remove(os.environ["FLAGS"] + "/edit")
                with open("helper.py", "w") as file:
                    file.write("K = '2'\\n")
            {body}
        """,
    )
    space.workflow(f"""
        wildcards: {{{relation}}}
        rules:
          all: {{input: "e/{{c}}/{{d}}"}}
          one: {{output: "p/{{c}}", scatter: c, shell: "touch {{output}}/a"}}
          two: {{input: "p/{{c}}", {output}, run: "steps:finds"}}
          end:
            input: {"o/{c}.list" if relation else "o/{c}/{d}"}
            output: e/{{c}}/{{d}}
            shell: echo {{d}} > {{output}}
        """)
    space.flag("edit")
    flow = space.flow("-j", "1")
    assert flow.status == 1 and "rule two: helper.py changed after the plan" in flow.text
    assert (space.ran, space.read("e/a/x1")) == (["finds"], "x1\n")
    space.good("-j", "1")
    assert (space.log, space.read("e/a/x2")) == (["finds"], "x2\n")
    assert space.good().built == set()
