"""Private actions: a folder of their own, inputs that cannot be harmed, outputs as always."""

import os

import pytest

from .space import Space

ACTIONS = {
    "shell": """
            shell: |
              pwd > "$FLAGS/pwd"; ls -A > "$FLAGS/ls"
              touch rest.tmp
              tr a-z A-Z < data/{x}.txt > out/{x}.txt
""",
    "argv": """
            argv:
              - bash
              - -c
              - pwd > $FLAGS/pwd; ls -A > $FLAGS/ls; touch rest.tmp; tr a-z A-Z < $0 > $1
              - "{input}"
              - "{output}"
""",
    "script": """
            script: scripts/act.py
""",
    "prefixed": """
            prefix: [env]
            script: scripts/act.py
""",
    "run": """
            run: steps.act:act
""",
}
CODE = """\
import os, sys
from pathlib import Path

def act(input, output):
    input, output = Path(input), Path(output)
    assert (str(input), str(output)) == ("data/a.txt", "out/a.txt"), (input, output)
    flags = Path(os.environ["FLAGS"])
    (flags / "pwd").write_text(os.getcwd() + "\\n")
    (flags / "ls").write_text("\\n".join(os.listdir()))
    root = os.environ["FILEFLOW_ROOT"]
    assert os.path.exists(root + "/Workflowfile")
    import helper
    text = input.read_text()
    try:
        input.write_text("harm")
    except PermissionError:
        pass
    Path("rest.tmp").write_text("")
    output.write_text(text.upper())
"""


@pytest.mark.parametrize("kind", ACTIONS)
def test_the_action_sees_its_inputs_alone_and_cannot_harm_them(space: Space, kind: str):
    space.write("data/a.txt", "abc\n")
    space.write("data/b.txt", "other\n")
    space.write("helper.py", "")
    space.write("steps/act.py", CODE)
    space.write("scripts/act.py", CODE + "\nact(*sys.argv[1:])\n")
    space.workflow(
        """
        rules:
          make:
            input: data/{x}.txt
            output: out/{x}.txt
            private: true
"""
        + ACTIONS[kind]
    )
    flow = space.good("out/a.txt", "--executor", "thread")
    assert flow.built == {"make a"}
    assert space.read("out/a.txt") == "ABC\n"
    assert space.read("data/a.txt") == "abc\n"
    where = (space.flags / "pwd").read_text().strip()
    assert where != str(space.root) and not os.path.exists(where)
    assert set((space.flags / "ls").read_text().split()) - {".files"} == {"data", "out"}
    assert [name for name in space.files() if "rest.tmp" in name] == []
    assert space.good("out/a.txt").built == set()


def test_writing_to_an_input_leaves_the_original(space: Space):
    space.write("a.txt", "abc\n")
    space.write("d/x.txt", "x\n")
    space.workflow("""
        rules:
          make:
            input: {one: a.txt, folder: d/}
            output: b.txt
            private: true
            shell: |
              chmod u+w a.txt d d/x.txt
              echo harm >> a.txt; echo harm >> d/x.txt; touch d/new; rm d/x.txt
              cat {input.one} > {output}
        """)
    assert space.good().built == {"make"}
    assert (space.read("a.txt"), space.read("b.txt")) == ("abc\n", "abc\nharm\n")
    assert space.files("d") == ["d/x.txt"] and space.read("d/x.txt") == "x\n"


def test_inputs_cannot_be_written_without_more_ado(space: Space):
    space.write("a.txt", "abc\n").chmod(0o755)
    space.workflow("""
        rules:
          make:
            input: a.txt
            output: b.txt
            private: true
            shell: stat -c %a a.txt > b.txt
        """)
    space.good()
    assert space.read("b.txt") == "555\n"
    assert space.path("a.txt").stat().st_mode & 0o777 == 0o755


def test_paths_above_and_absolute_ones_mean_the_same(space: Space):
    (space.outside / "abs.txt").write_text("abs\n")
    (space.root.parent / "up.txt").write_text("up\n")
    space.write("here.txt", "here\n")
    space.workflow(f"""
        rules:
          make:
            input: [here.txt, ../up.txt, ../project/here.txt, {space.outside}/abs.txt]
            output: [out/x.txt, ../made.txt, {space.outside}/made.txt]
            private: true
            shell: |
              cat {{input}} > {{output[0]}}
              cat ../up.txt > ../made.txt
              echo abs > {{output[2]}}
              test {{output[0]:abs}} = "$PWD/out/x.txt"
              test {{input[0]:abs}} = "$PWD/here.txt"
              test "$(cat {{input:file}})" = "$(printf '%s\\n' {{input}})"
              test "$(basename "$PWD")" = project
        """)
    space.replace("Workflowfile", ", ../project/here.txt", "")
    space.good()
    assert space.read("out/x.txt") == "here\nup\nabs\n"
    assert (space.root.parent / "made.txt").read_text() == "up\n"
    assert (space.outside / "made.txt").read_text() == "abs\n"
    assert not list((space.root / ".fileflow" / "stage").glob("*/*.own"))


def test_directories_lists_and_gathers_appear(space: Space):
    for k in range(12):
        space.write(f"in/{k}.txt", f"{k}\n")
    space.workflow("""
        wildcards:
          k: in/{k}.txt
        rules:
          make:
            input: {many: "in/{k}.txt"}
            output: {tree: out/tree/, all: out/all.txt}
            private: true
            shell: |
              cat {input.many} > {output.all}
              test -d out/tree; cp in/*.txt out/tree/
        """)
    space.good()
    assert len(space.files("out/tree")) == 12
    assert space.lines("out/all.txt") == [str(k) for k in range(12)]
    assert space.good().built == set()


def test_a_failure_leaves_nothing_and_a_second_attempt_starts_afresh(space: Space):
    space.workflow("""
        rules:
          make:
            output: x.txt
            private: true
            retries: 1
            shell: |
              test ! -e left
              touch left; echo half > {output}
              if [ ! -e "$FLAGS/once" ]; then touch "$FLAGS/once"; exit 1; fi
        """)
    space.good()
    assert space.read("x.txt") == "half\n"
    assert space.files() == ["Workflowfile", "x.txt"]


def test_bytes_do_not_depend_on_where_they_are_made(space: Space):
    space.write("data/a.txt", "abc\n")
    space.workflow("""
        wildcards:
          k: {range: 4}
        rules:
          all:
            input: out/{k}.txt
          make:
            input: data/a.txt
            output: out/{k}.txt
            private: true
            shell: echo {input} {output:dir} > {output}
        """)
    space.good("-j", "2")
    assert {space.read(f"out/{k}.txt") for k in range(4)} == {"data/a.txt out\n"}


def test_logs_of_a_private_action_appear_whatever_happens(space: Space):
    space.workflow("""
        rules:
          make:
            output: x.txt
            log: {one: logs/one.txt, two: logs/two.txt}
            private: true
            shell: |
              echo 1 > {log.one}; echo 2 > new; mv new {log.two}; echo {log}; exit 3
        """)
    assert space.flow().status == 1
    assert (space.read("logs/one.txt"), space.read("logs/two.txt")) == ("1\n", "2\n")
    assert not space.path("logs/one.txt").is_symlink()


def test_in_place_and_private_do_not_go_together(space: Space):
    space.workflow("""
        rules:
          make:
            output: {path: env/, in_place: true}
            private: true
            shell: "true"
        """)
    flow = space.flow()
    assert flow.status == 2
    assert "in_place" in flow.stderr and "private" in flow.stderr


@pytest.mark.parametrize(
    "word", ["$FILEFLOW_ROOT/tool.sh", '"${FILEFLOW_ROOT}/tool.sh"', "../PROJECT/tool.sh"]
)
def test_a_tool_of_the_project_counts_by_the_way_to_its_folder(space: Space, word: str) -> None:
    private = "false" if ".." in word else "true"
    word = word.replace("PROJECT", space.root.name)
    space.write("tool.sh", "echo 1\n")
    space.workflow(f"""
        rules:
          make:
            output: out.txt
            private: {private}
            shell: |
              bash {word} > {{output}}
        """)
    assert space.good().built == {"make"}
    space.write("tool.sh", "echo 2\n")
    assert space.good().built == {"make"}
    assert space.read("out.txt") == "2\n"
    assert space.good().built == set()


def test_whether_an_action_is_private_counts(space: Space) -> None:
    space.workflow("""
        rules:
          make: {private: false, output: out.txt, shell: "pwd > {output}"}
        """)
    assert space.good().built == {"make"}
    for before, after in (("false", "true"), ("true", "false")):
        space.replace("Workflowfile", before, after)
        assert space.good("-n").planned == {"make"}
        assert space.good().built == {"make"}
        assert space.good().built == set()
    assert space.read("out.txt").strip() == os.path.realpath(space.root)
