"""What a deps file names is an input: a header that was found to be read is as good as declared."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from .space import Flow, Space, wait_for

# A stand-in for a compiler: writes all that a unit includes, directly or not, and names it.
COMPILER = r'''
import os
import re
import time
from pathlib import Path


def read(path, seen):
    """The text of a file with what it includes."""
    seen.append(str(path))
    text = ""
    for line in Path(path).read_text().splitlines():
        found = re.match(r'#include "(.*)"', line)
        if not found:
            text += line + "\n"
        elif (below := os.path.join(os.path.dirname(path), found[1])) not in seen:
            text += read(below, seen)
    return text


def compile(source, obj, found, form="rule"):
    name = Path(source).stem
    with open(os.environ["RAN_LOG"], "a") as log:
        log.write(f"compile {name}\n")
    seen = []
    text = read(str(source), seen)
    Path(obj).write_text(text)
    while (Path(os.environ["FLAGS"]) / "wait").exists():
        time.sleep(0.01)
    if form == "lines":
        Path(found).write_text("".join(f"{one}\n" for one in seen))
    else:
        rest = " \\\n ".join(seen)
        phony = "".join(f"{one}:\n" for one in seen[1:])
        Path(found).write_text(f"{obj}: {rest}\n{phony}")
'''

SCRIPT = """
import sys
sys.path.insert(0, "tools")
from compiler import compile
compile(*sys.argv[1:])
"""

ACTIONS = {
    "shell": 'shell: "python3 tools/cc.py {input} {output.obj} {output.found}"',
    "lines": "shell: python3 tools/cc.py {input} {output.obj} {output.found} lines",
    "absolute": 'shell: "python3 tools/cc.py {input:abs} {output.obj:abs} {output.found:abs}"',
    "argv": 'argv: [python3, tools/cc.py, "{input}", "{output.obj}", "{output.found}"]',
    "script": "script: tools/cc.py",
    "run": "run: tools.compiler:compiled",
    "thread": "run: tools.compiler:compiled\n    executor: thread",
    "async": "run: tools.compiler:compiled_later",
}

FUNCTION = """

def compiled(source, obj, found):
    compile(source, obj, found)


async def compiled_later(source, obj, found):
    compile(source, obj, found)
"""

WORKFLOW = """
wildcards:
  unit: src/{{unit}}.c
rules:
  link:
    input: build/{{unit}}.o
    output: build/app
    shell: echo link >> "$RAN_LOG"; cat {{input}} > {{output}}
  compile:
    input: {{source: "src/{{unit}}.c"}}
    output:
      obj: build/{{unit}}.o
      found: {{path: "build/{{unit}}.d", deps: true}}
    {action}
"""


def build(space: Space, kind: str = "shell") -> None:
    space.source("tools/compiler.py", COMPILER + FUNCTION)
    space.source("tools/cc.py", SCRIPT)
    space.workflow(WORKFLOW.format(action=ACTIONS[kind]))
    space.write("src/a.c", '#include "x.h"\nint a;\n')
    space.write("src/b.c", '#include "y.h"\nint b;\n')
    space.write("src/x.h", "int x;\n")
    space.write("src/y.h", "int y;\n")
    settled(space, {"compile a", "compile b", "link"})


def settled(space: Space, jobs: Iterable[str], *args: str) -> Flow:
    """The dry run foretells exactly these jobs and changes no byte; they run; then all is fresh."""
    before = space.snapshot()
    planned = space.good("-n", *args)
    assert space.snapshot() == before
    assert planned.planned == set(jobs), planned.text
    flow = space.good(*args)
    assert flow.built == set(jobs), flow.text
    assert space.ran == sorted(jobs)
    fresh(space, *args)
    return flow


def fresh(space: Space, *args: str) -> None:
    """Nothing is to be done: the whole engine says so, and then what answers before it."""
    for words in (("-n",), (), ()):
        flow = space.flow(*words, *args)
        assert flow.status == 0
        assert "nothing to do" in flow.text, flow.text
        assert space.ran == []


@pytest.fixture(params=ACTIONS)
def project(request: pytest.FixtureRequest, space: Space) -> Space:
    build(space, request.param)
    return space


# -- with each kind of action -----------------------------------------------------------------


def test_an_edited_header_builds_what_read_it(project: Space) -> None:
    project.write("src/x.h", "int other;\n")
    settled(project, {"compile a", "link"})
    assert "int other" in project.read("build/app")


def test_a_header_may_gain_and_lose_what_it_includes(project: Space) -> None:
    project.write("src/deep/z.h", "int z;\n")
    project.write("src/x.h", '#include "deep/z.h"\nint x;\n')
    settled(project, {"compile a", "link"})
    project.write("src/deep/z.h", "int zz;\n")
    settled(project, {"compile a", "link"})
    assert "int zz" in project.read("build/app")
    project.write("src/x.h", "int x;\n")
    project.delete("src/deep/z.h")
    settled(project, {"compile a", "link"})
    assert "deep" not in project.read("build/a.d")


def test_a_deps_file_has_the_same_bytes_whoever_made_it(project: Space) -> None:
    before = project.read("build/a.d")
    assert ".fileflow" not in before
    flow = project.good("--rerun", "-j1")
    assert flow.summary["built"] == 3
    assert flow.summary["identical"] == 5
    assert project.read("build/a.d") == before


# -- what counts ------------------------------------------------------------------------------


def test_a_touched_header_builds_nothing(space: Space) -> None:
    build(space)
    os.utime(space.path("src/x.h"))
    fresh(space)
    space.write("src/x.h", space.read("src/x.h"))
    fresh(space)


def test_an_edit_of_the_same_size_with_the_old_time_is_noticed(space: Space) -> None:
    build(space)
    space.edit_same_size("src/x.h", "int q;\n")
    settled(space, {"compile a", "link"})


def test_a_remark_in_a_header_stops_the_ripple(space: Space) -> None:
    build(space)
    space.write("src/x.h", '#include "x.h"\nint x;\n')
    flow = space.good("-n")
    assert (flow.planned, flow.certain) == ({"compile a", "link"}, {"compile a"})
    assert space.good().built == {"compile a"}
    fresh(space)


def test_a_header_that_is_gone_and_read_is_a_reason_and_the_job_fails_itself(space: Space) -> None:
    build(space)
    space.delete("src/x.h")
    before = space.snapshot()
    flow = space.flow("-n", "-v")
    assert flow.status == 0
    assert "src/x.h is gone, which it read" in flow.text
    assert space.snapshot() == before
    flow = space.run("-k")
    assert (flow.status, space.ran) == (1, ["compile a"])
    assert flow.counts() == (0, 1, 1, 1)
    assert "No such file" in flow.text
    assert "src/x.h is gone, which it read" in space.flow("why", "build/a.o").text
    space.write("src/x.h", "int x;\n")
    fresh(space)


def test_a_header_that_is_gone_and_not_read_any_more_is_no_error(space: Space) -> None:
    build(space)
    space.write("src/a.c", "int a;\n")
    space.delete("src/x.h")
    settled(space, {"compile a", "link"})
    space.write("src/x.h", "int later;\n")
    fresh(space)


def test_a_named_file_that_is_not_there_is_a_reason_when_it_appears(space: Space) -> None:
    space.workflow("""
        rules:
          out:
            output: [out.txt, {path: out.d, deps: true}]
            shell: |
              echo out >> "$RAN_LOG"; cat local.txt > {output[0]} || true
              printf 'out: local.txt /nowhere/at/all\\n' > {output[1]}
        """)
    settled(space, {"out"})
    space.write("local.txt", "here\n")
    assert "local.txt is there now, and was not" in space.flow("-n", "-v").text
    settled(space, {"out"})
    assert space.read("out.txt") == "here\n"


def test_a_file_outside_of_the_project_counts_by_its_content(space: Space) -> None:
    outside = space.outside / "system.h"
    outside.write_text("int s;\n")
    build(space)
    space.write("src/x.h", f'#include "{outside}"\nint x;\n')
    settled(space, {"compile a", "link"})
    os.utime(outside)
    fresh(space)
    outside.write_text("int t;\n")
    settled(space, {"compile a", "link"})


def test_inputs_outputs_and_the_kernels_files_are_left_out(space: Space) -> None:
    space.write("in.txt", "in\n")
    space.workflow("""
        rules:
          out:
            input: in.txt
            output: {main: out.txt, tree: tree/, deps: {path: out.d, deps: true}}
            shell: |
              echo out >> "$RAN_LOG"; cp {input} {output.main}; echo 1 > {output.tree}/1
              echo 2 > rest.txt; echo 3 > $(dirname {output.main})/lost.txt
              printf '%s\\n' in.txt ./in.txt out.txt {output.main} {output.tree}/1 out.d tree \\
                ' in.txt ' $PWD/{output.main} $(dirname {output.main})/lost.txt /dev/null \\
                /proc/self/stat .fileflow/journal $PWD/other.txt sub/../other.txt > {output.deps}
        """)
    space.write("other.txt", "other\n")
    flow = space.good()
    assert flow.built == {"out"}, flow.text
    assert "found to read (1): other.txt" in space.flow("why", "out.txt").text


def test_a_link_is_followed_before_dots(space: Space) -> None:
    """`include/../x.h` is not `x.h` if `include` is a link."""
    space.write("deep/x.h", "one\n")
    space.write("deep/inner/y.h", "")
    space.path("include").symlink_to("deep/inner")
    space.workflow("""
        rules:
          out:
            output: [out.txt, {path: out.d, deps: true}]
            shell: |
              echo out >> "$RAN_LOG"; cat include/../x.h > {output[0]}
              echo 'out.txt: include/../x.h' > {output[1]}
        """)
    settled(space, {"out"})
    assert "found to read (1): deep/x.h" in space.flow("why", "out.txt").text
    space.write("deep/x.h", "two\n")
    settled(space, {"out"})


def test_a_named_folder_counts_with_all_below_it(space: Space) -> None:
    space.write("parts/one.txt", "1")
    space.workflow("""
        rules:
          out:
            output: [out.txt, {path: out.d, deps: true}]
            shell: |
              echo out >> "$RAN_LOG"; cat parts/* > {output[0]}; echo 'out: parts' > {output[1]}
        """)
    settled(space, {"out"})
    os.utime(space.path("parts/one.txt"))
    fresh(space)
    space.write("parts/two.txt", "2")
    settled(space, {"out"})
    space.delete("parts/one.txt")
    settled(space, {"out"})
    assert space.read("out.txt") == "2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}', "JSON"),
        ("a.txt\nb: a.txt", "line 2 ('b: a.txt') is a rule"),
        ("out.txt:in.txt", "'out.txt:in.txt' is no file"),
        ("out.txt: .", "names the folder ., in which outputs lie"),
        ("out.txt: ..", "names the folder .., in which outputs lie"),
    ],
)
def test_a_file_that_is_neither_fails_the_job(space: Space, text: str, said: str) -> None:
    space.write("text", text)
    space.workflow("""
        rules:
          out:
            output: [out.txt, {path: out.d, deps: true}]
            shell: touch {output[0]}; cp text {output[1]}
        """)
    flow = space.flow()
    assert flow.status == 1
    assert "out.d" in flow.text
    assert said in flow.text
    assert not space.exists("out.txt")


def test_the_answer_that_comes_before_the_engine_knows_what_was_found(space: Space) -> None:
    """Edited, deleted, appeared, outside of the project, below a folder: each is seen at once."""
    outside = space.outside / "outside.h"
    outside.write_text("1")
    space.write("x.h", "1")
    space.write("folder/below/1.h", "1")
    space.workflow(f"""
        rules:
          out:
            output: [out.txt, {{path: out.d, deps: true}}]
            shell: |
              echo out >> "$RAN_LOG"; touch {{output[0]}}
              printf 'out: x.h absent.h {outside} folder\\n' > {{output[1]}}
        """)
    settled(space, {"out"})
    for change in (
        lambda: space.write("x.h", "2"),
        lambda: space.edit_same_size("x.h", "3"),
        lambda: space.delete("x.h"),
        lambda: space.write("x.h", "3"),
        lambda: space.write("absent.h", ""),
        lambda: outside.write_text("2"),
        lambda: space.write("folder/below/1.h", "2"),
        lambda: space.write("folder/2.h", ""),
    ):
        change()
        flow = space.flow()
        assert (flow.status, space.ran) == (0, ["out"]), flow.text
        fresh(space)


# -- what rules make --------------------------------------------------------------------------

GENERATED = """
    wildcards:
      unit: src/{unit}.c
    rules:
      link:
        input: build/{unit}.o
        output: build/app
        shell: echo link >> "$RAN_LOG"; cat {input} > {output}
      compile:
        input: ["src/{unit}.c", {path: gen/version.h, order_only: true}]
        output:
          obj: build/{unit}.o
          found: {path: "build/{unit}.d", deps: true}
        shell: python3 tools/cc.py {input} {output.obj} {output.found}
      header:
        input: version.txt
        output: gen/version.h
        shell: echo header >> "$RAN_LOG"; head -n 1 {input} > {output}
    """


WITH_HEADER = '["src/{unit}.c", {path: gen/version.h, order_only: true}]'
WITHOUT_HEADER = "src/{unit}.c"
TEMP_HEADER = GENERATED.replace(
    "output: gen/version.h", "output: {path: gen/version.h, temp: true}"
)


def build_generated(space: Space, workflow: str = GENERATED) -> None:
    space.source("tools/compiler.py", COMPILER)
    space.source("tools/cc.py", SCRIPT)
    space.write("src/a.c", '#include "../gen/version.h"\nint a;\n')
    space.write("src/b.c", "int b;\n")
    space.write("version.txt", "int version_1;\n")
    space.workflow(workflow)


def test_a_generated_header_is_made_first_and_stops_the_ripple(space: Space) -> None:
    build_generated(space)
    settled(space, {"compile a", "compile b", "link", "header"})
    space.write("version.txt", "int version_2;\n")
    flow = space.good("-n")
    assert flow.certain == {"header"}
    assert flow.planned == {"header", "compile a", "link"}
    flow = space.good()
    assert flow.built == {"header", "compile a", "link"}
    assert space.log.index("header") < space.log.index("compile a")
    assert "version_2" in space.read("build/app")
    fresh(space)
    space.write("version.txt", "int version_2;\nthe rest does not matter\n")
    assert space.good("-n").planned == {"header", "compile a", "link"}
    assert space.good().built == {"header"}
    fresh(space)


def test_a_generated_header_that_nobody_declared_is_found_to_be_old_in_the_same_run(
    space: Space,
) -> None:
    """A file of an earlier build lies there: the job reads it before anybody knows."""
    undeclared = GENERATED.replace(WITH_HEADER, WITHOUT_HEADER)
    build_generated(space, undeclared)
    space.write("gen/version.h", "int of_old;\n")
    flow = space.good("-j1")
    assert flow.counts() == (4, 0, 0, 0)
    assert "version_1" in space.read("build/app")
    fresh(space)
    space.write("version.txt", "int version_2;\n")
    settled_after(space, {"header", "compile a", "link"})


def settled_after(space: Space, jobs: set[str]) -> None:
    """The same as `settled` where early cut-off does not spare any."""
    assert space.good("-n").planned == jobs
    assert space.good().built == jobs
    fresh(space)


def test_a_rule_that_appears_for_a_header_makes_it_first(space: Space) -> None:
    build(space)
    space.replace(
        "Workflowfile",
        "rules:\n",
        "rules:\n  all:\n    input: build/app\n  header:\n    output: src/x.h\n"
        '    shell: echo header >> "$RAN_LOG"; echo "int made;" > {output}\n',
    )
    flow = space.good("-n")
    assert flow.planned == {"header", "compile a", "link"}
    flow = space.good()
    assert flow.built == {"header", "compile a", "link"}
    assert space.log == ["header", "compile a", "link"]
    fresh(space)


def test_a_rule_that_makes_the_header_as_it_is_spares_the_rest(space: Space) -> None:
    build(space)
    space.replace(
        "Workflowfile",
        "rules:\n",
        "rules:\n  all:\n    input: build/app\n  header:\n    output: src/x.h\n"
        '    shell: echo header >> "$RAN_LOG"; echo "int x;" > {output}\n',
    )
    assert space.good().built == {"header"}
    fresh(space)


def test_a_header_whose_rule_cannot_be_had_any_more_is_a_plain_file(space: Space) -> None:
    """No dead end: the source of a generated header went, with its last use or without."""
    build_generated(space)
    settled(space, {"compile a", "compile b", "link", "header"})
    space.replace("Workflowfile", WITH_HEADER, WITHOUT_HEADER)
    space.delete("version.txt")
    flow = space.good()
    assert flow.built <= {"compile a", "compile b", "link"}
    space.delete("gen/version.h")
    assert space.run().status == 1
    space.write("src/a.c", "int a;\n")
    settled(space, {"compile a", "link"})


def test_a_temp_header_is_deleted_and_made_again_when_it_is_needed(space: Space) -> None:
    build_generated(space, TEMP_HEADER)
    assert space.good().built == {"compile a", "compile b", "link", "header"}
    assert not space.exists("gen/version.h")
    fresh(space)
    space.write("src/b.c", "int bb;\n")
    assert space.good().built == {"header", "compile b", "link"}
    assert not space.exists("gen/version.h")
    fresh(space)
    space.write("version.txt", "int version_2;\n")
    assert space.good().built == {"header", "compile a", "link"}
    assert not space.exists("gen/version.h")
    fresh(space)


def test_the_deps_file_may_be_temp(space: Space) -> None:
    build(space)
    space.replace("Workflowfile", "deps: true", "deps: true, temp: true")
    space.good("--rerun")
    fresh(space)
    assert not space.exists("build/a.d")
    space.write("src/x.h", "int other;\n")
    assert space.good().built >= {"compile a", "link"}
    assert "int other" in space.read("build/app")
    fresh(space)


def test_a_file_in_a_folder_that_a_rule_makes(space: Space) -> None:
    space.write("version.txt", "one\n")
    space.workflow("""
        rules:
          out:
            input: {path: gen/, order_only: true}
            output: [out.txt, {path: out.d, deps: true}]
            shell: |
              echo out >> "$RAN_LOG"; cat gen/1.txt > {output[0]}; echo gen/1.txt > {output[1]}
          tree:
            input: version.txt
            output: gen/
            shell: |
              echo tree >> "$RAN_LOG"; head -n 1 {input} > {output}/1.txt
              cp {input} {output}/2.txt
        """)
    settled(space, {"out", "tree"})
    space.write("version.txt", "one\nmore\n")
    assert space.good().built == {"tree"}
    fresh(space)
    space.write("version.txt", "two\nmore\n")
    settled(space, {"out", "tree"})


def test_a_compiled_generator_makes_a_header_for_its_own_rule(space: Space) -> None:
    """The rules need each other by turns, the jobs do not."""
    space.source("tools/compiler.py", COMPILER)
    space.source("tools/cc.py", SCRIPT)
    space.write("src/main.c", '#include "../gen/table.h"\n')
    space.write("src/tool.c", "int tool;\n")
    space.workflow("""
        wildcards:
          unit: [main, tool]
        rules:
          all:
            input: [build/main.o, gen/table.h]
          compile:
            input: src/{unit}.c
            output:
              obj: build/{unit}.o
              found: {path: "build/{unit}.d", deps: true}
            shell: python3 tools/cc.py {input} {output.obj} {output.found}
          table:
            input: build/tool.o
            output: gen/table.h
            shell: echo table >> "$RAN_LOG"; head -n 1 {input} > {output}
        """)
    space.write("gen/table.h", "int of_old;\n")
    assert space.good("-j1").built == {"compile main", "compile tool", "table"}
    assert "int tool" in space.read("build/main.o")
    fresh(space)
    space.write("src/tool.c", "int other;\n")
    assert space.good("-n").planned == {"compile main", "compile tool", "table"}
    assert space.good().built == {"compile main", "compile tool", "table"}
    assert space.log == ["compile tool", "table", "compile main"]
    fresh(space)


# -- rings ------------------------------------------------------------------------------------

RING = """
    rules:
      all:
        input: [out.txt, back.txt]
      out:
        input: in.txt
        output: [out.txt, {path: out.d, deps: true}]
        shell: |
          echo out >> "$RAN_LOG"
          cat {input} $(test ! -e use || cat use) > {output[0]}
          if [ -e use ]; then cat use > {output[1]}; else : > {output[1]}; fi
      back:
        input: out.txt
        output: back.txt
        shell: echo back >> "$RAN_LOG"; head -c 20 {input} > {output}
    """


def test_a_ring_that_was_is_no_dead_end(space: Space) -> None:
    """The job read what is made from its own output; then it does so no more."""
    space.workflow(RING)
    space.write("in.txt", "in\n")
    settled(space, {"out", "back"})
    space.write("use", "back.txt\n")
    space.write("in.txt", "other\n")
    flow = space.flow()
    assert flow.status == 1
    assert "out reads back.txt, which is made from what it makes itself" in flow.text
    assert space.flow("-n").status == 0
    assert space.flow("why", "out.txt").status == 0
    space.delete("use")
    space.write("in.txt", "once more\n")
    assert space.good().built == {"out", "back"}
    fresh(space)


def test_a_ring_that_comes_to_rest_is_fresh(space: Space) -> None:
    space.workflow(RING.replace("head -c 20 {input}", "head -c 3 {input}"))
    space.write("in.txt", "in\n")
    settled(space, {"out", "back"})
    space.write("use", "back.txt\n")
    space.write("in.txt", "in\n\n")
    space.good()
    fresh(space)


# -- changed while the job ran ----------------------------------------------------------------


def test_a_header_that_changes_while_it_is_read_for_the_first_time_is_read_again(
    space: Space,
) -> None:
    space.source("tools/compiler.py", COMPILER)
    space.source("tools/cc.py", SCRIPT)
    space.workflow(WORKFLOW.format(action=ACTIONS["shell"]))
    space.write("src/a.c", '#include "x.h"\n')
    space.write("src/x.h", "int before;\n")
    space.flag("wait")
    running = space.start()
    wait_for(lambda: space.log == ["compile a"], "the job")
    wait_for(lambda: any(space.path(".fileflow/stage").rglob("a.o")), "its output")
    space.write("src/x.h", "int after;\n")
    (space.flags / "wait").unlink()
    assert running.end().status == 0
    assert space.ran == ["compile a", "compile a", "link"]
    assert space.read("build/a.o") == "int after;\n"
    fresh(space)


@pytest.mark.parametrize("what", ["edited", "deleted"])
def test_a_header_that_changes_each_time_it_is_read_fails_the_run(space: Space, what: str) -> None:
    space.write("x.h", "one\n")
    change = {"edited": "date +%N >> x.h", "deleted": "mv x.h y.h; mv old y.h || true"}[what]
    space.workflow(f"""
        rules:
          out:
            output: [out.txt, {{path: out.d, deps: true}}]
            shell: |
              echo out >> "$RAN_LOG"; cat x.h > {{output[0]}}; echo x.h > {{output[1]}}
              if [ -e "$FLAGS/change" ]; then {change}; fi
        """)
    settled(space, {"out"})
    space.flag("change")
    space.write("x.h", "two\n")
    flow = space.flow()
    assert flow.status == 1
    if what == "edited":
        assert "the input x.h changed while the job ran" in flow.text
    assert space.read("out.txt") == "one\n"
    space.write("x.h", "three\n")
    (space.flags / "change").unlink()
    settled(space, {"out"})


# -- with the rest ----------------------------------------------------------------------------


def test_what_is_found_is_no_part_of_the_declared_inputs(space: Space) -> None:
    space.source("tools/compiler.py", COMPILER)
    space.source(
        "tools/cc.py",
        """
        import json, os, sys
        sys.path.insert(0, "tools")
        from compiler import compile
        from fileflow import job
        assert list(map(str, job.input)) == ["src/a.c"], job.input
        assert json.load(open(os.environ["FILEFLOW_JOB"]))["input"] == {"source": "src/a.c"}
        compile(*job.input, job.output.obj, job.output.found)
        """,
    )
    space.workflow(WORKFLOW.format(action="script: tools/cc.py\n    args: ['{input}']"))
    space.write("src/a.c", '#include "x.h"\n')
    space.write("src/x.h", "int x;\n")
    settled(space, {"compile a", "link"})
    space.write("src/x.h", "int other;\n")
    settled(space, {"compile a", "link"})
    text = space.flow("why", "build/a.o").text
    assert "inputs (1): src/a.c" in text
    assert "found to read (1): src/x.h" in text


def test_the_seed_does_not_depend_on_what_is_found(space: Space) -> None:
    space.write("x.h", "x\n")
    space.workflow("""
        rules:
          out:
            output: [out.txt, {path: out.d, deps: true}]
            shell: echo {seed} > {output[0]}; cat list > {output[1]}
        """)
    space.write("list", "")
    space.good()
    seed = space.read("out.txt")
    space.write("list", "x.h\n")
    assert space.good("--rerun").summary["differ"] == {"out": ["out.d"]}
    assert space.read("out.txt") == seed


def test_many_jobs_in_batches_share_their_headers(space: Space) -> None:
    build(space, "run")
    for k in range(60):
        space.write(f"src/u{k}.c", f'#include "{"xy"[k % 2]}.h"\nint u{k};\n')
    settled(space, {"link", *(f"compile u{k}" for k in range(60))})
    space.write("src/y.h", "int other;\n")
    settled(space, {"link", "compile b", *(f"compile u{k}" for k in range(1, 60, 2))})


def test_the_flag_may_be_added_and_taken_away(space: Space) -> None:
    build(space)
    space.replace("Workflowfile", ", deps: true", "")
    assert space.good().built == {"compile a", "compile b"}
    fresh(space)
    space.write("src/x.h", "int unseen;\n")
    fresh(space)
    space.replace("Workflowfile", '.d"}', '.d", deps: true}')
    assert "what build/a.d names is not known yet" in space.flow("-n", "-v").text
    assert space.good().built == {"compile a", "compile b", "link"}
    fresh(space)


def test_adopt_reads_deps_files_too(space: Space) -> None:
    build(space)
    space.delete(".fileflow")
    assert space.flow("adopt").status == 0
    fresh(space)
    space.write("src/x.h", "int other;\n")
    settled(space, {"compile a", "link"})
    space.write("src/y.h", "int remark;\n")
    assert space.flow("adopt").status == 0
    fresh(space)
    space.write("build/a.d", "{}")
    assert "build/a.d does not say what was read" in space.flow("adopt").text


def test_a_resumed_run_knows_what_was_found(space: Space) -> None:
    build(space)
    space.write("src/x.h", "int other;\n")
    space.write("src/y.h", "no include\n")
    space.write("src/link.c", '#include "missing.h"\n')
    flow = space.run("-k")
    assert flow.status == 1
    assert flow.built == {"compile a", "compile b"}
    space.write("src/missing.h", "")
    settled(space, {"compile link", "link"})


def test_the_folder_may_move(space: Space) -> None:
    build(space, "absolute")
    space.move("elsewhere")
    fresh(space)
    space.write("src/x.h", "int other;\n")
    settled(space, {"compile a", "link"})


def test_what_is_left_out_takes_with_it_what_reads_it(space: Space) -> None:
    build_generated(space)
    settled(space, {"compile a", "compile b", "link", "header"})
    space.replace("Workflowfile", WITH_HEADER, WITHOUT_HEADER)
    space.good()
    space.write("version.txt", "int version_3;\n")
    space.write("src/b.c", "int b2;\n")
    flow = space.good("--omit", "header")
    assert flow.built == {"compile b"}
    flow = space.good("--until", "header")
    assert flow.built == {"header"}
    space.write("src/a.c", '#include "../gen/version.h"\nint a2;\n')
    flow = space.good("--where", "unit=a", "compile")
    assert flow.built == {"compile a"}
    assert space.good().built == {"link"}
    fresh(space)


def test_what_was_found_is_known_after_clean_but_for_clean_all(space: Space) -> None:
    build(space)
    space.flow("clean", "compile")
    assert not space.exists("build/a.d")
    fresh(space)
    space.flow("clean", "--all")
    assert space.good().built >= {"compile a", "compile b", "link"}
    fresh(space)
    assert space.flow("check").status == 0


def test_a_private_job_names_its_inputs_by_its_own_paths(space: Space) -> None:
    space.source("tools/compiler.py", COMPILER)
    space.source(
        "cc.py",
        """
        import os, sys
        sys.path.insert(0, os.environ["FILEFLOW_ROOT"] + "/tools")
        from compiler import compile
        compile(*sys.argv[1:])
        with open(sys.argv[3], "a") as found:
            found.write("x: $ROOT/plain.txt $PWD/src/x.h\\n".replace(
                "$ROOT", os.environ["FILEFLOW_ROOT"]).replace("$PWD", os.getcwd()))
        """,
    )
    space.workflow("""
        wildcards:
          unit: src/{unit}.c
        rules:
          compile:
            private: true
            input: ["src/{unit}.c", {path: src/x.h, order_only: true}]
            output:
              obj: build/{unit}.o
              found: {path: "build/{unit}.d", deps: true}
            script: cc.py
            args: ["{input}", "{output.obj}", "{output.found}"]
        """)
    space.write("src/a.c", '#include "x.h"\n')
    space.write("src/x.h", "int x;\n")
    space.write("plain.txt", "1")
    settled(space, {"compile a"})
    text = space.flow("why", "build/a.o").text
    assert "found to read (2): src/x.h, plain.txt" in text
    assert ".own" not in space.read("build/a.d")
    space.write("plain.txt", "2")
    settled(space, {"compile a"})
    space.write("src/x.h", "int y;\n")
    settled(space, {"compile a"})


def test_python_sees_declared_inputs_only(space: Space) -> None:
    build(space)
    space.write(
        "look.py",
        "from fileflow import Workflow\n"
        "for job in Workflow.load('Workflowfile').plan([]).jobs:\n"
        "    print(job.rule, job.inputs)\n",
    )
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "look.py"],
        cwd=space.root,
        env=space.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "x.h" not in done.stdout


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("{path: found/, deps: true}", "found/ is a folder"),
        ('{path: "d/{n}.d", deps: true}', "d/{n}.d is scattered"),
    ],
)
def test_a_deps_output_is_one_file(space: Space, output: str, said: str) -> None:
    space.workflow(f"""
        rules:
          out:
            output: ["x/{{n}}.txt", {output}]
            scatter: n
            shell: "true"
        """)
    flow = space.flow("check")
    assert flow.status == 2
    assert said in flow.text


# -- a true compiler --------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not here")
@pytest.mark.parametrize("flags", ["-MMD -MP", "-MD", "-MMD"])
def test_a_c_program(space: Space, flags: str) -> None:
    space.workflow(f"""
        wildcards:
          unit: src/{{unit}}.c
        rules:
          app:
            input: build/{{unit}}.o
            output: build/app
            shell: echo app >> "$RAN_LOG"; gcc {{input}} -o {{output}}
          compile:
            input: ["src/{{unit}}.c", {{path: gen/version.h, order_only: true}}]
            output:
              object: build/{{unit}}.o
              found: {{path: "build/{{unit}}.d", deps: true}}
            shell: |
              echo compile {{unit}} >> "$RAN_LOG"
              gcc -Igen {flags} -MF {{output.found}} -c {{input}} -o {{output.object}}
          version:
            input: version.txt
            output: gen/version.h
            shell: |
              echo version >> "$RAN_LOG"
              echo "#define VERSION \\"$(head -n 1 {{input}})\\"" > {{output}}
        """)
    space.write("version.txt", "1.0\n")
    space.write(
        "src/main.c",
        '#include <stdio.h>\n#include "version.h"\n#include "util file.h"\n'
        'int main(void) { printf("%s %d\\n", VERSION, number()); return 0; }\n',
    )
    space.write("src/util.c", '#include "util file.h"\nint number(void) { return NUMBER; }\n')
    space.write("src/util file.h", "#define NUMBER 1\nint number(void);\n")
    everything = {"app", "compile main", "compile util", "version"}
    settled(space, everything)
    assert said_by(space.path("build/app")) == "1.0 1\n"
    space.write("src/util file.h", "#define NUMBER 2\nint number(void);\n")
    assert space.good("-n").planned == everything - {"version"}
    assert space.good().built == {"compile util", "app", "compile main"}
    assert said_by(space.path("build/app")) == "1.0 2\n"
    space.write("src/number.h", "#define NUMBER 3\n")
    space.write("src/util file.h", '#include "number.h"\nint number(void);\n')
    space.good()
    space.write("src/number.h", "#define NUMBER 4\n")
    assert space.good().built >= {"compile util", "app"}
    assert said_by(space.path("build/app")) == "1.0 4\n"
    space.write("version.txt", "2.0\n")
    assert space.good("-n").planned == {"version", "compile main", "app"}
    assert space.good().built == {"version", "compile main", "app"}
    assert said_by(space.path("build/app")) == "2.0 4\n"
    space.write("src/util file.h", "#define NUMBER 5\nint number(void);\n")
    space.delete("src/number.h")
    assert space.good().built >= {"compile util", "app"}
    assert said_by(space.path("build/app")) == "2.0 5\n"
    fresh(space)


def said_by(program: Path) -> str:
    import subprocess

    return subprocess.run([program], capture_output=True, text=True, check=True).stdout


def test_a_named_file_that_a_free_rule_makes_is_made_in_the_same_run(space):
    space.workflow("""
        rules:
          o:
            input: c
            output: {o: o, d: {path: o.d, deps: true}}
            shell: "cp {input} {output.d}; cat h/a > {output.o} || echo none > {output.o}"
          h: {input: "hs/{n}", output: "h/{n}", shell: "cp {input} {output}"}
        """)
    space.write("c", "h/a\n")
    space.write("hs/a", "1\n")
    space.good()
    assert space.read("o") == "1\n"
    assert space.good().summary["built"] == 0
    space.write("hs/a", "2\n")
    space.good()
    assert space.read("o") == "2\n"
    space.delete("hs/a")
    space.delete("h/a")
    space.good()
    assert space.read("o") == "none\n"
    assert space.good().summary["built"] == 0


@pytest.mark.parametrize("made", [False, True])
def test_a_named_file_of_which_a_scatter_has_to_tell_who_makes_it(space, made):
    """Whether a rule makes it is known when the values are: until then nothing is called fresh."""
    space.workflow("""
        rules:
          sum:
            input: list.txt
            output: {out: out.txt, named: {path: out.d, deps: true}}
            shell: "cp {input} {output.named}; cat $(cat {input}) > {output.out} 2>&1 || true"
          cut:
            input: words.txt
            output: "c/{k}"
            scatter: k
            shell: "for k in $(cat {input}); do echo $k > {output}/$k; done"
          make: {input: "c/{k}", output: "o/{k}", shell: "cat {input} > {output}"}
        """)
    space.write("words.txt", "a b\n" if made else "b\n")
    space.write("list.txt", "o/a\n")
    assert space.good().built == ({"sum", "cut", "make a"} if made else {"sum", "cut"})
    assert (space.read("out.txt") == "a\n") is made
    assert not space.good().built
    assert "not known" not in space.good("status").stdout
