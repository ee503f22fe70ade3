"""Files that a command names and a rule makes are no part of the action, on record or not."""

import sys

import pytest

from .space import Space

MAKERS = {
    "plain": """
          h: {input: inc.txt, output: h.txt, shell: "cat {input} > {output}"}""",
    "free": """
          h:
            input: inc.txt
            output: "{x}.txt"
            constraints: {x: h}
            shell: cat {input} > {output}""",
    "declared": """
          h: {input: inc.txt, output: "{c}.txt", shell: "cat {input} > {output}"}""",
    "log": """
          h:
            input: inc.txt
            output: made
            log: h.txt
            shell: cat {input} > {log}; touch {output}""",
}
TAKERS = {
    "shared": """
          a:
            input: {h: {path: h.txt, order_only: true}}
            output: {o: "{n}.o", d: {path: "{n}.d", deps: true}}
            shell: echo h.txt > {output.d}; cat h.txt > {output.o}""",
    "own": """
          a:
            input: {h: {path: h.txt, order_only: true}}
            output: {o: "{n}.o", d: {path: "{n}.d", deps: true}}
            shell: echo h.txt > {output.d}; cat {n}.txt > {output.o}""",
}


@pytest.mark.parametrize("taker", TAKERS.values(), ids=TAKERS)
@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_a_file_that_a_rule_makes_is_none_of_the_action_also_without_its_record(
    space: Space, maker: str, taker: str
):
    space.workflow(
        f"""
        wildcards: {{n: [h], c: [h, i]}}
        rules:
          all: {{input: "{{n}}.o"}}{maker}{taker}
        """
    )
    space.write("inc.txt", "1\n")
    space.good()
    space.delete(".fileflow")
    assert space.good().counts() == (2, 0, 0, 0)
    assert space.good().counts() == (0, 2, 0, 0)
    space.write("inc.txt", "2\n")
    space.good()
    assert space.read("h.o") == "2\n"
    assert space.good().counts() == (0, 2, 0, 0)


def test_a_file_that_fits_a_rule_with_a_free_wildcard_but_is_a_source_counts(space: Space):
    space.workflow("""
        rules:
          a: {output: a.o, shell: "bash t.sh > {output}"}
          h: {input: "{x}.in", output: "{x}.sh", shell: "cp {input} {output}"}
        """)
    space.write("t.sh", "echo one\n")
    space.good("a.o")
    space.write("t.sh", "echo two\n")
    assert space.good("a.o").counts() == (1, 0, 0, 0)
    assert space.read("a.o") == "two\n"


def test_a_file_below_a_folder_that_a_rule_makes_is_none_of_the_action(space: Space):
    space.workflow("""
        rules:
          all: {input: [tools/, a.o]}
          t: {output: tools/, shell: "echo echo one > {output}/t.sh"}
          a:
            input: {t: {path: tools/, order_only: true}}
            output: a.o
            shell: bash tools/t.sh > {output}
        """)
    space.good()
    space.delete(".fileflow")
    assert space.good().counts() == (2, 0, 0, 0)
    assert space.good().counts() == (0, 2, 0, 0)


def test_a_named_file_is_a_reason_in_the_users_words(space: Space):
    space.workflow("""
        rules:
          a: {output: a.o, shell: "bash t.sh > {output}"}
        """)
    space.write("t.sh", "echo one\n")
    space.good()
    space.delete("t.sh")
    for command in (["-n", "-v"], ["why", "a.o"]):
        text = space.flow(*command).stdout
        assert "the file t.sh" in text
        assert "{'" not in text


MODULE = """\
rules:
  a: {output: a.txt, COMMAND}
"""
MODULES = {
    "shell": 'shell: "{config.python} -m pkg.tool > {output}"',
    "package": 'shell: "cd . && exec {config.python} -B -m pkg > {output}"',
    "argv": 'argv: ["{config.python}", "-m", pkg.tool, "{output}"]',
    "prefix": 'prefix: ["{config.python}", "-m"], argv: [pkg.tool, "{output}"]',
}


@pytest.mark.parametrize("command", MODULES.values(), ids=MODULES)
def test_a_module_that_a_command_runs_counts_with_what_it_imports(
    space: Space, command: str
) -> None:
    text = f"config: {{python: {sys.executable}}}\n" + MODULE.replace("COMMAND", command)
    space.write("Workflowfile", text)
    tool = "import sys\nfrom . import near\nimport far\nfor path in sys.argv[1:]: open(path, 'w')"
    space.write("pkg/__init__.py", "")
    space.write("pkg/__main__.py", "from . import tool\n")
    space.write("pkg/tool.py", tool + "\n")
    space.write("pkg/near.py", "from other import one\n")
    space.write("far.py", "")
    space.write("other/__init__.py", "")
    space.write("other/one.py", "")
    space.write("pkg/unused.py", "")
    assert space.good().counts() == (1, 0, 0, 0)
    counted = {"pkg/__init__.py", "pkg/tool.py", "pkg/near.py", "far.py"}
    counted |= {"other/__init__.py", "other/one.py"}
    if "pkg.tool" not in command:
        counted.add("pkg/__main__.py")
    for path in [one for one in space.files() if one.endswith(".py")]:
        space.write(path, space.read(path) + "x = 1\n")
        flow = space.flow("-n")
        assert (f"the file {path}" in flow.text) == (path in counted), flow.text
        assert space.good().counts() == ((1, 0, 0, 0) if path in counted else (0, 1, 0, 0))
        assert "nothing to do" in space.flow().text


def test_modules_that_are_not_of_the_project_or_made_by_rules_count_not(space: Space) -> None:
    space.workflow(f"""
        rules:
          all: {{input: [a.txt, b.txt]}}
          gen: {{input: src.txt, output: made.py, shell: "cat {{input}} > {{output}}"}}
          a: {{output: a.txt, shell: "echo 1 | {sys.executable} -m json.tool > {{output}}"}}
          b:
            input: {{path: made.py, order_only: true}}
            output: b.txt
            shell: "{sys.executable} -m made > {{output}}"
        """)
    space.write("src.txt", "")
    space.write("tool.py", "")
    assert space.good().counts() == (3, 0, 0, 0)
    space.write("src.txt", "x = 1\n")
    space.write("tool.py", "x = 1\n")
    assert space.good().counts() == (1, 2, 0, 0)
    assert "nothing to do" in space.flow().text
