"""Changes inside an action: what of a command or a function is a reason, and what is none."""

import pytest

from .space import Space
from .table import EVERY, UPPERS, expect

COMMANDS = pytest.mark.parametrize("kind", ["shell", "argv"])
FUNCTIONS = pytest.mark.parametrize("kind", ["run"])


@COMMANDS
def test_the_text_of_a_command_is_a_reason(project):
    project.replace("Workflowfile", "tr a-z A-Z", 'tr "[:lower:]" "[:upper:]"')
    expect(project, ran=UPPERS, spared={"total"})


@COMMANDS
def test_a_command_that_gives_something_else_builds_what_follows(project):
    project.replace("Workflowfile", "tr a-z A-Z", "tr a-y A-Y")
    project.write("in/a.txt", "z\n")
    expect(project, ran=EVERY, certain=UPPERS, spared=())


@pytest.mark.parametrize("kind", ["shell"])
def test_a_comment_line_of_a_shell_text_is_no_reason(project):
    project.replace("Workflowfile", "# put it into capitals", "# another remark")
    expect(project)
    project.replace("Workflowfile", "      # another remark\n", "")
    expect(project)


@pytest.mark.parametrize("kind", ["shell"])
def test_trailing_blanks_of_a_shell_text_are_no_reason(project):
    project.replace("Workflowfile", "> {output}\n      echo", "> {output}  \n      echo")
    expect(project)


@pytest.mark.parametrize("kind", ["shell"])
def test_a_comment_line_in_a_here_document_is_text(project):
    project.replace(
        "Workflowfile",
        "      cat {input} > {output}\n",
        "      cat {input} - > {output} <<'END'\n      # one\n      END\n",
    )
    expect(project, ran={"total"})
    assert project.lines("out/total.txt")[-1] == "# one"
    project.replace("Workflowfile", "# one", "# two")
    expect(project, ran={"total"})
    assert project.lines("out/total.txt")[-1] == "# two"


@pytest.mark.parametrize("kind", ["argv"])
def test_a_word_more_is_another_command(project):
    project.replace(
        "Workflowfile", '      - "{params.first}"\n', '      - "{params.first}"\n      - more\n'
    )
    expect(project, ran=UPPERS, spared={"total"})


@COMMANDS
def test_a_renamed_rule_is_another_action_if_the_command_names_it(project, kind):
    if kind == "shell":
        project.replace("Workflowfile", "echo {params.first} >>", "echo {rule} >>")
    else:
        project.replace("Workflowfile", '"{params.first}"', '"{rule}"')
    expect(project, ran=EVERY, certain=UPPERS)
    assert project.lines("build/a.txt")[-1] == "upper"
    project.replace("Workflowfile", "  upper:\n", "  capitals:\n")
    flow = project.good()
    assert project.ran == ["total", "upper a", "upper b"]
    assert flow.built == {"capitals a", "capitals b", "total"}


@COMMANDS
def test_a_project_file_named_in_a_command_counts_with_its_bytes(project, kind):
    project.write("tools/caps.sh", "tr a-z A-Z\n")
    if kind == "shell":
        project.replace("Workflowfile", "tr a-z A-Z <", "bash tools/caps.sh <")
    else:
        word = '      - "{params.first}"\n'
        project.replace("Workflowfile", word, word + "      - tools/caps.sh\n")
    expect(project, ran=UPPERS, spared={"total"})
    project.write("tools/caps.sh", "# a remark\ntr a-z A-Z\n")
    expect(project, ran=UPPERS, spared={"total"})


@pytest.mark.parametrize(
    ("around", "text"),
    [
        ("prefix: [sh, tools/around.sh]", 'exec "$@"\n'),
        ('shell_prefix: "source tools/around.sh;"', "A=1\n"),
        ("shell_words: [sh, tools/around.sh]", 'exec bash -c "$1"\n'),
    ],
)
def test_a_project_file_named_around_a_command_counts_with_its_bytes(space, around, text):
    space.write("tools/around.sh", text)
    space.workflow(f"""
        rules:
          make:
            output: out.txt
            {around}
            shell: echo x > {{output}}
        """)
    space.good()
    assert space.good("-n").planned == set()
    space.write("tools/around.sh", "# a remark\n" + text)
    assert space.good("-n").planned == {"make"}


@pytest.mark.parametrize(
    ("action", "tool"),
    [
        ("shell: bash 'tools/my sum.sh' {n} > {output}", "tools/my sum.sh"),
        ("shell: bash tools/my\\ sum.sh {n} > {output}", "tools/my sum.sh"),
        ('shell: bash tools/"sum".sh {n} > {output}', "tools/sum.sh"),
        ("shell: bash {config.tool} {n} > {output}", "tools/my sum.sh"),
        ("shell: bash {config.all} {n} > {output}", "tools/two.sh"),
        ("argv: [cp, tools/my sum.sh, '{output}']", "tools/my sum.sh"),
        ("shell: cat {config.raw:raw} > {output}", "tools/two.sh"),
        ("shell: cat x{config.raw:raw} > {output}", "tools/my sum.sh"),
        ("shell: cat ROOT/tools/two.sh > {output}", "tools/two.sh"),
        ("shell: cat LINK/tools/{n}.sh LINK/tools/two.sh > {output}", "tools/two.sh"),
        ("argv: [cp, ROOT/tools/my sum.sh, '{output}']", "tools/my sum.sh"),
    ],
)
def test_a_project_file_is_named_however_it_is_quoted(space, action, tool):
    for name in ("my sum", "sum", "one", "two", "a", "b"):
        space.write(f"tools/{name}.sh", "echo $1\n")
    space.write("xtools/one.sh", "echo $1\n")
    (space.outside / "link").symlink_to(space.root)
    action = action.replace("ROOT", str(space.root)).replace("LINK", str(space.outside / "link"))
    space.workflow(f"""
        config:
          tool: tools/my sum.sh
          all: [tools/one.sh, tools/two.sh]
          raw: tools/one.sh 'tools/my sum.sh' tools/two.sh
        wildcards: {{n: [a, b]}}
        rules:
          all:
            input: "{{n}}.txt"
          make:
            output: "{{n}}.txt"
            {action}
        """)
    space.good()
    assert space.good().built == set()
    space.write(tool, "echo $1 again\n")
    assert space.good("-n").planned == {"make a", "make b"}
    assert space.good().built == {"make a", "make b"}
    assert space.good("-n").planned == set()


OWN_WORDS = pytest.mark.parametrize(
    "action",
    [
        "shell: bash tools/{n}.sh > {output}",
        "shell: bash -c 'bash tools/{wildcards.n}.sh' > {output}",
        "{params: {tool: 'tools/{n}.sh'}, shell: 'bash {params.tool} > {output}'}",
        "argv: [cp, 'tools/{n}.sh', '{output}']",
    ],
)


def own_words(space: Space, action: str) -> None:
    lines = action.strip("{}") if action.startswith("{") else action
    if action.startswith("{"):
        params, shell = lines.split(", shell: ")
        lines = f"{params}\n            shell: {shell}"
    space.write("in.txt", "x\n")
    space.workflow(f"""
        wildcards: {{n: [a, b]}}
        rules:
          all:
            input: "{{n}}.txt"
          make:
            input: in.txt
            output: "{{n}}.txt"
            {lines}
        """)


@OWN_WORDS
def test_a_project_file_that_one_job_names_is_a_reason_for_that_job(space, action):
    for name in "ab":
        space.write(f"tools/{name}.sh", f"echo {name}\n")
    own_words(space, action)
    space.good()
    assert space.good().built == set()
    space.write("tools/b.sh", "echo c\n")
    assert space.good("-n").planned == {"make b"}
    assert space.good().built == {"make b"}
    assert space.good().built == set()
    space.delete("tools/a.sh")
    assert space.good("-n").planned == {"make a"}


def test_a_file_that_one_job_names_and_that_comes_later_is_no_reason(space):
    own_words(space, "shell: echo {n}.state > {output}")
    space.good()
    space.write("a.state", "of something else\n")
    assert space.good().built == set()
    space.write("in.txt", "y\n")  # built anew for another reason: what came later stays none
    assert space.good().built == {"make a", "make b"}
    space.write("a.state", "once more\n")
    assert space.good().built == set()
    space.replace("Workflowfile", "echo {n}.state", "cat {n}.state; echo {n}.state")
    space.write("b.state", "")
    assert space.good().built == {"make a", "make b"}
    space.write("a.state", "now it counts\n")
    assert space.good().built == {"make a"}


@pytest.mark.parametrize("write", [">> run.log", "2>run.log >&2", "| tee run.log"])
def test_a_file_that_a_command_writes_beside_its_outputs_is_no_reason(space, write):
    space.write("run.log", "before\n")
    space.workflow(f"""
        rules:
          make:
            output: out.txt
            shell: date +%N {write}; touch {{output}}
        """)
    space.good()
    assert space.good("-n").planned == set()
    assert space.good().built == set()


def test_the_other_rule_is_not_touched_by_a_change_of_one_action(project, kind):
    if kind == "run":
        project.replace("total_step.py", '"".join', '"-".join')
    else:
        project.replace("Workflowfile", "cat ", "cat -n ")
    expect(project, ran={"total"})


@FUNCTIONS
def test_the_body_of_a_function_is_a_reason(project):
    project.replace("upper_step.py", "input.read_text()", "input.read_text() + ''")
    expect(project, ran=UPPERS, spared={"total"})


@FUNCTIONS
def test_a_comment_in_a_function_is_no_reason(project):
    project.replace("upper_step.py", "    # it says so first\n", "    # something else\n\n")
    expect(project)
    project.replace("upper_step.py", "    # something else\n", "")
    expect(project)


@FUNCTIONS
def test_a_docstring_is_no_reason(project):
    project.replace("upper_step.py", '"""Put one file into capitals."""', '"""Else."""')
    project.replace("upper_step.py", '"""The first step."""', '"""Another."""')
    expect(project)


@FUNCTIONS
def test_a_docstring_that_is_read_is_a_reason(project):
    project.replace("upper_step.py", 'f"{first}\\n"', 'f"{first} {upper.__doc__}\\n"')
    expect(project, ran=EVERY, certain=UPPERS)
    project.replace("upper_step.py", '"""Put one file into capitals."""', '"""Else."""')
    expect(project, ran=EVERY, certain=UPPERS)
    assert project.lines("build/a.txt")[-1] == "1 Else."


@FUNCTIONS
def test_a_function_that_is_not_reached_is_no_reason(project):
    project.replace("upper_step.py", "return 1", "return 2")
    expect(project)


@FUNCTIONS
def test_a_helper_module_is_a_reason_for_those_that_reach_it(project):
    project.replace("helper.py", "text.upper()", "text.upper().lower().upper()")
    expect(project, ran=UPPERS, spared={"total"})


@FUNCTIONS
def test_a_comment_in_a_helper_module_is_no_reason(project):
    project.write("helper.py", "# a remark\n\n" + project.read("helper.py"))
    expect(project)


@FUNCTIONS
def test_a_helper_imported_inside_a_function_counts_too(project):
    project.replace("upper_step.py", "import helper\n\n", "")
    project.replace("upper_step.py", "    text = input", "    import helper\n    text = input")
    expect(project, ran=UPPERS, spared={"total"})
    project.replace("helper.py", "text.upper()", "text.upper() + ''")
    expect(project, ran=UPPERS, spared={"total"})


@FUNCTIONS
def test_a_helper_of_a_helper_counts_too(project):
    project.write("deeper.py", "def same(text):\n    return text\n")
    project.replace("helper.py", "def capitals", "from deeper import same\n\n\ndef capitals")
    project.replace("helper.py", "text.upper()", "same(text.upper())")
    expect(project, ran=UPPERS, spared={"total"})
    project.replace("deeper.py", "return text", "return text + '.'")
    expect(project, ran=EVERY, certain=UPPERS)


@FUNCTIONS
def test_a_default_of_a_parameter_is_part_of_the_function(project):
    project.replace("upper_step.py", "first, more)", "first, more, end='')")
    project.replace("upper_step.py", 'f"{first}\\n"', 'f"{first}{end}\\n"')
    expect(project, ran=UPPERS, spared={"total"})
    project.replace("upper_step.py", "end=''", "end='!'")
    expect(project, ran=EVERY, certain=UPPERS)


@FUNCTIONS
def test_another_function_with_the_same_work_is_another_action(project):
    project.replace("upper_step.py", "def upper(", "def capitals(")
    project.replace("Workflowfile", "upper_step:upper", "upper_step:capitals")
    dry = project.good("-n")
    assert dry.planned <= EVERY
    assert project.good().status == 0
    assert project.good().summary["built"] == 0


def test_a_project_file_that_config_names_counts_as_a_word_of_the_command(space: Space) -> None:
    space.write("tool.sh", "echo one > $1\n")
    space.workflow(
        "config: {tool: tool.sh}\n"
        "rules: {a: {output: a.txt, shell: 'bash {config.tool} {output}'}}\n"
    )
    assert space.good().built == {"a"}
    space.write("tool.sh", "echo two > $1\n")
    assert space.good("-n").planned == {"a"}
    assert space.good().built == {"a"}
    assert space.read("a.txt") == "two\n"
    assert space.good().counts() == (0, 1, 0, 0)


SHAPES = """\
config: {v: 1, w: 2}
rules:
  all: {input: [f.txt, s.txt, c.txt]}
  f: {input: {x: a.txt}, output: f.txt, run: "steps:tell"}
  s:
    input: {x: a.txt}
    output: s.txt
    log: s.log
    env: {V: "{config.v}"}
    script: tell.py
  c: {input: a.txt, output: c.txt, shell: "cp {input} {output}"}
"""
TELL = """\
def tell(x, output):
    (output[0] if isinstance(output, list) else output).write_text(repr((x, output)))
"""
SCRIPT = """\
from fileflow import job
output = job.output[0]
open(output, "w").write(repr((job.input.x, job.log, sorted(vars(job.config)))))
"""


@pytest.mark.parametrize(
    ("before", "after", "ran"),
    [
        ("x: a.txt}, output: f.txt", "x: [a.txt]}, output: f.txt", "f"),
        ("output: f.txt", "output: [f.txt]", "f"),
        ("output: f.txt", "output: {output: [f.txt]}", "f"),
        ("x: a.txt}\n    output: s", "x: [a.txt]}\n    output: s", "s"),
        ("log: s.log", "log: {of: s.log}", "s"),
        ("{config.v}", "{config.w}", "s"),
        ("output: s.txt", "output: [s.txt]", ""),
        ("input: a.txt, output: c.txt", "input: [a.txt], output: [c.txt]", ""),
    ],
)
def test_whether_an_action_gets_a_path_or_a_list_is_a_reason(space, before, after, ran):
    space.write("Workflowfile", SHAPES)
    space.write("steps.py", TELL)
    space.write("tell.py", SCRIPT)
    space.write("a.txt", "a\n")
    space.good()
    assert before in SHAPES
    space.write("Workflowfile", SHAPES.replace(before, after))
    assert space.good().built == ({ran} if ran else set())
    assert space.good().summary["built"] == 0


def test_a_file_that_a_command_names_and_that_is_gone_is_named(space: Space):
    space.write("tools/a.sh", "echo 1")
    space.workflow("""
        rules:
          a: {output: a, shell: 'bash tools/a.sh > {output} || echo 2 > {output}'}
        """)
    space.good()
    space.delete("tools/a.sh")
    for words in (["-n"], ["-n", "-v"], ["why", "a"]):
        assert "the file tools/a.sh is gone" in space.flow(*words).text
    assert space.good().built == {"a"}
    assert space.good().built == set()
