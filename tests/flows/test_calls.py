"""Calls: functions that give inputs, params and amounts; what they get, and when they are asked."""

import json
import re
import signal
import sys
import textwrap

import pytest

from fileflow.world.records import Records

from .space import Flow, Space, wait_for

NOTE = """\
import os


def note(text):
    with open(os.environ["FLAGS"] + "/asked", "a") as file:
        file.write(text + "\\n")


note("import")
"""

ACTION = 'echo {rule} {s} >> "$RAN_LOG"; cat /dev/null {input} > {output}'


def calls(space: Space, text: str) -> None:
    """The module in which the functions are; it tells when it is imported, and what is asked."""
    space.write("pick.py", NOTE + "\n\n" + textwrap.dedent(text))


def asked(space: Space) -> list[str]:
    """What was asked since the last look, sorted, and once that the module was imported."""
    path = space.flags / "asked"
    found = sorted(path.read_text().splitlines()) if path.exists() else []
    path.unlink(missing_ok=True)
    return [line for line in found if line != "import"] + ["import"] * ("import" in found)


def workflow(space: Space, text: str) -> None:
    space.write("Workflowfile", textwrap.dedent(text))


def edit(space: Space, old: str, new: str) -> None:
    """Writes the workflow with something else in it."""
    text = space.read("Workflowfile")
    assert text.count(old) == 1
    space.write("Workflowfile", text.replace(old, new))


def quiet(space: Space, *args: str) -> None:
    """There is nothing to do, and it is found out without importing anything of the user's."""
    asked(space)
    before = space.snapshot()
    assert space.flow("-n").status == 0
    assert space.snapshot() == before
    flow = space.good(*args)
    assert space.ran == [], flow.text
    assert flow.summary["built"] == 0
    plain = space.flow(*args)
    assert "nothing to do" in plain.text, plain.text
    assert space.flow(*args).text == plain.text
    assert asked(space) == []


def refused(space: Space, *words: str, args: tuple[str, ...] = (), status: int = 2) -> Flow:
    """It ends with this status, the message has these words, and nothing of ours in it."""
    flow = space.flow(*args)
    assert flow.status == status, flow.text
    for word in words:
        assert word in flow.stderr, flow.stderr
    assert "Traceback" not in flow.stderr
    assert "fileflow/executors" not in flow.stderr and "fileflow/world" not in flow.stderr
    return flow


# -- inputs -----------------------------------------------------------------------------------

PICK = f"""\
config: {{low: 1}}
wildcards:
  s: [a, b]
rules:
  all:
    input: out/{{s}}.txt
  take:
    input: {{call: pick:files}}
    output: out/{{s}}.txt
    shell: {ACTION}
"""


def data(space: Space) -> None:
    for name in "abc":
        space.write(f"data/{name}.txt", f"{name}\n")


def test_a_call_gives_all_inputs_as_one_path(space: Space) -> None:
    workflow(space, PICK)
    data(space)
    calls(space, 'def files(s):\n    note(f"ask {s}")\n    return f"./data//{s}.txt"\n')
    dry = space.good("-n")
    assert dry.planned == {"take a", "take b"}
    assert not space.exists(".fileflow")
    assert asked(space) == ["ask a", "ask b", "import"]
    space.good()
    assert space.ran == ["take a", "take b"]
    assert asked(space) == ["ask a", "ask b", "import"]
    assert space.read("out/b.txt") == "b\n"
    quiet(space)
    space.write("data/a.txt", "A\n")
    assert space.good("-n").planned == {"take a"}
    space.good()
    assert space.ran == ["take a"]
    assert asked(space) == []


@pytest.mark.parametrize(
    "answer",
    [
        "[f'data/{s}.txt', Path('data/c.txt')]",
        "(p for p in [f'data/{s}.txt', 'data/c.txt'])",
        "{'one': f'data/{s}.txt', 'more': ['data/c.txt']}",
        "{'one': Path('data').resolve() / f'{s}.txt', 'more': 'data/c.txt'}",
    ],
)
def test_a_call_gives_lists_and_names(space: Space, answer: str) -> None:
    workflow(space, PICK)
    data(space)
    calls(space, f"from pathlib import Path\n\n\ndef files(s):\n    return {answer}\n")
    space.good()
    assert space.read("out/a.txt") == "a\nc\n"
    quiet(space)


@pytest.mark.parametrize("answer", ["[]", "{}", "()"])
def test_a_call_may_give_nothing(space: Space, answer: str) -> None:
    workflow(space, PICK)
    calls(space, f"def files(s):\n    return {answer}\n")
    space.good()
    assert space.read("out/a.txt") == ""
    quiet(space)


def test_what_a_call_gives_is_built_first(space: Space) -> None:
    workflow(
        space,
        PICK
        + f"""\
  make:
    input: data/{{s}}.txt
    output: build/{{s}}.txt
    shell: {ACTION}
  spare:
    output: build/spare.txt
    shell: echo spare >> "$RAN_LOG"; echo spare > {{output}}
""",
    )
    data(space)
    calls(space, 'def files(s):\n    return [f"build/{s}.txt", "build/spare.txt"]\n')
    space.good()
    assert space.ran == ["make a", "make b", "spare", "take a", "take b"]
    space.write("data/b.txt", "new\n")
    space.good()
    assert space.ran == ["make b", "take b"]


def test_a_path_with_braces_is_that_path(space: Space) -> None:
    workflow(space, PICK)
    space.write("data/{s}.txt", "braces\n")
    calls(space, 'def files(s):\n    return "data/{s}.txt"\n')
    space.good()
    assert space.read("out/a.txt") == "braces\n"
    quiet(space)


def test_a_call_gives_a_folder_and_an_absolute_path(space: Space) -> None:
    workflow(space, PICK.replace(ACTION, "cat {input.folder}/* {input.far} > {output}"))
    space.write("data/raw/x", "x\n")
    far = space.outside / "far.txt"
    far.write_text("far\n")
    calls(space, f'def files(s):\n    return {{"folder": "data/raw/", "far": {str(far)!r}}}\n')
    space.good()
    assert space.read("out/a.txt") == "x\nfar\n"
    quiet(space)
    space.write("data/raw/y", "y\n")
    space.good()
    assert space.read("out/a.txt") == "x\ny\nfar\n"
    far.write_text("farther\n")
    space.good()
    assert space.read("out/b.txt") == "x\ny\nfarther\n"


def test_one_entry_is_a_call_with_flags(space: Space) -> None:
    workflow(
        space,
        """\
        wildcards:
          s: [a, b]
        rules:
          all:
            input: out/{s}.txt
          take:
            input:
              main: data/{s}.txt
              only: {call: pick:only, one: true}
              may: {call: pick:may, optional: true}
              tool: {call: pick:tool, order_only: true}
              list: [data/c.txt, {call: pick:only}]
            output: out/{s}.txt
            shell: |
              echo take {s} >> "$RAN_LOG"
              echo {input} , {input.only} , {input.may} , {input.tool} , {input.list} > {output}
        """,
    )
    data(space)
    space.write("tool", "1")
    calls(
        space,
        """\
        def only(s):
            return ["data/c.txt"]

        def may(s):
            return f"data/may-{s}.txt"

        def tool():
            return "tool"
        """,
    )
    space.good()
    start = "data/a.txt data/c.txt data/c.txt data/c.txt"
    assert space.read("out/a.txt") == f"{start} , data/c.txt , , tool , data/c.txt data/c.txt\n"
    quiet(space)
    space.write("tool", "2")
    quiet(space)
    space.write("data/may-b.txt", "b")
    assert space.good("-n").planned == {"take b"}
    space.good()
    assert space.ran == ["take b"]
    assert ", data/may-b.txt ," in space.read("out/b.txt")


def test_a_call_in_a_plain_list_and_in_a_rule_that_only_asks(space: Space) -> None:
    workflow(
        space,
        f"""\
        rules:
          all:
            input: [{{call: pick:wanted}}, out/c.txt]
          take:
            input: [{{call: pick:files}}, data/c.txt]
            output: out/{{s}}.txt
            shell: {ACTION}
        """,
    )
    data(space)
    calls(
        space,
        """\
        def wanted():
            return ["out/a.txt"]

        def files(s):
            return {"first": f"data/{s}.txt"}
        """,
    )
    space.good()
    assert space.ran == ["take a", "take c"]
    assert space.read("out/a.txt") == "a\nc\n"
    quiet(space)


def test_a_rule_that_stands_for_what_a_call_asks(space: Space) -> None:
    workflow(
        space,
        f"""\
        rules:
          sum:
            input: {{rule: wanted}}
            output: sum.txt
            shell: cat {{input}} > {{output}}
          wanted:
            input: {{call: pick:wanted, after: build/list.txt}}
          list:
            output: build/list.txt
            shell: echo out/a.txt out/b.txt > {{output}}
          take:
            input: data/{{s}}.txt
            output: out/{{s}}.txt
            shell: {ACTION}
        """,
    )
    data(space)
    calls(space, "def wanted(after):\n    return after.read_text().split()\n")
    space.good()
    assert space.read("sum.txt") == "a\nb\n"
    quiet(space)


# -- what a function gets ---------------------------------------------------------------------


def test_a_function_gets_by_name_what_it_asks_for(space: Space) -> None:
    workflow(
        space,
        """\
        config:
          low: 1
          rate: {a: 0.5, b: [1, 2]}
        wildcards:
          s, lane: {table: lanes.csv}
          rep: {range: 2}
        rules:
          all:
            input: out/{s}.txt
          take:
            input:
              reps: data/{s}-{rep}.txt
            output: out/{s}.txt
            params:
              got:
                call: pick:got
                with:
                  n: "{config.low}"
                  rate: "{config.rate[s]}"
                  text: "{s}-{config.low}"
                  lanes: "{lane:each}"
                  deep: {x: [1, "{s}"]}
            shell: |
              echo take {s} >> "$RAN_LOG"
              printf %s {params.got} > {output}
        """,
    )
    space.write("lanes.csv", "s,lane\na,1\na,2\nb,3\n")
    for name in ("a-0", "a-1", "b-0", "b-1"):
        space.write(f"data/{name}.txt", name)
    calls(
        space,
        """\
        import json

        def got(s, rep: int, config, n, rate, text, lanes, deep, *, spare=7):
            note(f"ask {s}")
            return json.dumps([s, rep, config.low, n, rate, text, lanes, deep.x, spare])
        """,
    )
    space.good()
    a = json.loads(space.read("out/a.txt"))
    assert a == ["a", [0, 1], 1, 1, 0.5, "a-1", ["1", "2"], [1, "a"], 7]
    b = json.loads(space.read("out/b.txt"))
    assert b == ["b", [0, 1], 1, 1, [1, 2], "b-1", ["3"], [1, "b"], 7]
    quiet(space)
    edit(space, "low: 1", "low: 2")
    space.good()
    assert asked(space) == ["ask a", "ask b", "import"]
    assert space.ran == ["take a", "take b"]


def test_a_column_of_the_job_and_wildcards_as_a_whole(space: Space) -> None:
    workflow(
        space,
        """\
        wildcards:
          s, file: {table: sheet.csv}
        rules:
          all:
            input: out/{s}.txt
          take:
            input: {call: pick:files}
            output: out/{s}.txt
            shell: cat {input} > {output}
        """,
    )
    data(space)
    space.write("sheet.csv", "s,file\nx,data/a.txt\ny,data/b.txt\n")
    calls(space, "def files(file, wildcards):\n    return file if wildcards.s else None\n")
    space.good()
    assert space.read("out/y.txt") == "b\n"


@pytest.mark.parametrize(
    ("function", "beside", "words"),
    [
        ("def files(sample):", "", ["'sample'", "nothing provides", "'take'", "with: {sample: …}"]),
        ("def files(S):", "", ["'S'", "did you mean 's'?"]),
        ("def files(s):", "with: {x: 1}", ["no parameter 'x'", "`with`"]),
        ("def files(s, after):", "", ["'after'", "after: PATTERN"]),
        ("def files(s, attempt):", "", ["'attempt'", "cores and resources"]),
        ("def files(s, input):", "", ["'input'", "before its job has"]),
        ("def other(s):", "", ["no function 'files'"]),
    ],
)
def test_parameters_are_checked_before_anything_runs(
    space: Space, function: str, beside: str, words: list[str]
) -> None:
    call = "{call: pick:files" + (f", {beside}" if beside else "") + "}"
    workflow(space, PICK.replace("{call: pick:files}", call))
    data(space)
    calls(space, f"{function}\n    return []\n")
    for args in ((), ("-n",), ("check",)):
        refused(space, "Workflowfile:", *words, args=args)
    assert asked(space) == []


def test_a_module_that_is_not_there_is_named(space: Space) -> None:
    workflow(space, PICK.replace("pick:files", "pic:files"))
    calls(space, "def files(s):\n    return []\n")
    refused(space, "there is no module 'pic'", "did you mean 'pick'?", "Workflowfile:8")


def test_a_function_whose_source_does_not_tell_what_it_takes(space: Space) -> None:
    workflow(space, PICK)
    data(space)
    calls(
        space,
        """\
        from functools import partial

        def _files(folder, s):
            return f"{folder}/{s}.txt"

        files = partial(_files, "data")
        """,
    )
    space.good()
    assert space.read("out/a.txt") == "a\n"
    quiet(space)


@pytest.mark.parametrize("annotation", ["", None])
def test_what_a_function_was_found_to_take_is_kept(space: Space, annotation: str | None) -> None:
    workflow(space, PICK)
    data(space)
    calls(space, "files = (lambda f: f)(lambda s: f'data/{s}.txt')\n")
    space.good()
    records = Records.load(str(space.root / ".fileflow"), writable=True)
    key = ("described", "pick:files")
    note = records.notes[key]
    assert isinstance(note, list)
    digest, found = note
    assert found == [["s", "positional_or_keyword", False, None]]
    # An empty text stood where there is no annotation.
    records.note(*key, [digest, [["s", "positional_or_keyword", False, annotation]]])
    records.close()
    asked(space)
    edit(space, "cat /dev/null {input}", "cat {input}")
    assert space.good().summary["built"] == 2
    assert asked(space) == []


def test_an_async_function_is_asked_to_its_end(space: Space) -> None:
    workflow(space, PICK)
    data(space)
    calls(space, 'async def files(s):\n    return f"data/{s}.txt"\n')
    space.good()
    assert space.read("out/a.txt") == "a\n"


# -- answers that do not fit --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("None", ["None", "no path", "return [] where there is nothing to take"]),
        ("7", ["7", "no path"]),
        ("True", ["True", "no path"]),
        ("['data/a.txt', 3]", ["3", "among the paths"]),
        ("[['data/a.txt']]", ["['data/a.txt']", "flat list"]),
        ("{'x': None}", ["None", "input 'x'"]),
        ("{'x': {'y': 'data/a.txt'}}", ["no path"]),
        ("{1.5j: 'data/a.txt'}", ["whose keys are text"]),
        ("''", ["''", "no path"]),
        ("'.'", ["folder of the Workflowfile"]),
        ("{'data/a.txt', 'data/b.txt'}", ["no order", "sorted"]),
        ("object()", ["type object"]),
        ("b'data/a.txt'", ["type bytes"]),
    ],
)
def test_an_answer_that_is_no_path_is_explained(
    space: Space, answer: str, words: list[str]
) -> None:
    workflow(space, PICK)
    data(space)
    calls(space, f"def files(s):\n    return {answer}\n")
    refused(space, "'take'", "s=a", "pick:files", "Workflowfile:8", *words, args=("-n",))
    refused(space, *words)
    # It is not kept: the function may have looked at something that was wrong.
    calls(space, f"def files(s):\n    return {answer}\n")
    asked(space)
    refused(space, *words)
    assert asked(space) == ["import"]


def test_names_for_a_named_input_and_several_for_one(space: Space) -> None:
    data(space)
    calls(space, "def files(s):\n    return {'x': 'data/a.txt'}\n")
    workflow(space, PICK.replace("input: {call: pick:files}", "input: {y: {call: pick:files}}"))
    refused(space, "a mapping for the input 'y'", "input: {call: …}")
    calls(space, "def files(s):\n    return ['data/a.txt', 'data/b.txt']\n")
    workflow(space, PICK.replace("{call: pick:files}", "{call: pick:files, one: true}"))
    refused(space, "gives 2 paths", "one: true")
    calls(space, "def files(s):\n    return {'x': 'data/a.txt'}\n")
    workflow(
        space, PICK.replace("input: {call: pick:files}", "input: [{call: pick:files}, {rule: x}]")
    )


def test_a_source_that_a_call_names_must_be_there(space: Space) -> None:
    workflow(space, PICK)
    data(space)
    calls(space, "def files(s):\n    return f'data/no-{s}.txt'\n")
    refused(space, "data/no-a.txt is not there, and no rule makes it", "take s=a")
    flow = space.run("-k")
    assert flow.status == 1
    space.write("data/no-a.txt", "1")
    space.write("data/no-b.txt", "2")
    asked(space)
    space.good()
    assert asked(space) == []  # the answers were kept
    assert space.ran == ["take a", "take b"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise KeyError(s)", ["KeyError: 'a'", "pick.py:", "raise KeyError(s)"]),
        ("return open('nowhere').read()", ["FileNotFoundError", "nowhere", "pick.py:"]),
        ("return helper(s)", ["ZeroDivisionError", "return 1 / 0"]),
        ("import sys; sys.exit(3)", ["sys.exit(3)"]),
        ("print('about to fail'); os._exit(4)", ["ended its process: exit status 4"]),
        ("os.kill(os.getpid(), 11)", ["ended its process: ended by SIGSEGV"]),
    ],
)
def test_an_exception_names_rule_job_function_and_line(
    space: Space, body: str, words: list[str]
) -> None:
    workflow(space, PICK)
    calls(space, f"def helper(s):\n    return 1 / 0\n\n\ndef files(s):\n    {body}\n")
    refused(space, "'take'", "take s=a", "pick:files", "Workflowfile:8", *words, args=("-n",))
    refused(space, *words)
    assert space.ran == []


def test_an_exception_at_import_names_the_line(space: Space) -> None:
    workflow(space, PICK)
    calls(space, "import nowhere_to_be_found\n\n\ndef files(s):\n    return []\n")
    refused(space, "cannot import pick", "nowhere_to_be_found", "pick.py")


def test_what_a_function_prints_is_not_among_ours(space: Space) -> None:
    workflow(space, PICK)
    data(space)
    calls(
        space,
        """\
        import subprocess
        import sys

        def files(s):
            print("said aloud")
            print("complained", file=sys.stderr)
            subprocess.run(["echo", "from below"], check=True)
            assert sys.stdin.read() == ""
            return f"data/{s}.txt"
        """,
    )
    for args in (("-n",), (), ("-v",), ("why", "take")):
        flow = space.flow(*args)
        assert flow.status == 0
        for words in ("said aloud", "complained", "from below"):
            assert words not in flow.text
    calls(space, "def files(s):\n    print('said aloud')\n    raise ValueError('no')\n")
    refused(space, "it printed: said aloud")


# -- after ------------------------------------------------------------------------------------

AFTER = f"""\
wildcards:
  s: [a, b]
rules:
  all:
    input: out/{{s}}.txt
  index:
    input: data/{{s}}.txt
    output: build/{{s}}.idx
    shell: |
      echo index {{s}} >> "$RAN_LOG"
      sed /^#/d {{input}} > {{output}}
      test -s {{output}}
  take:
    input: {{call: pick:files, after: "build/{{s}}.idx"}}
    output: out/{{s}}.txt
    shell: {ACTION}
  part:
    output: parts/{{p}}.txt
    shell: echo part {{p}} >> "$RAN_LOG"; echo {{p}} > {{output}}
"""

READ = """\
from pathlib import Path


def files(s, after: Path):
    note(f"ask {s}")
    return [f"parts/{p}.txt" for p in after.read_text().split()]
"""


def after_project(space: Space) -> None:
    workflow(space, AFTER)
    space.write("data/a.txt", "x\ny\n")
    space.write("data/b.txt", "y\n")
    calls(space, READ)


def test_a_call_waits_until_its_files_are_made(space: Space) -> None:
    after_project(space)
    before = space.snapshot()
    dry = space.flow("-n")
    assert "take: cannot be known before index ran" in dry.text
    assert space.good("-n").planned == {"index a", "index b"}
    assert space.snapshot() == before
    assert asked(space) == []
    space.good()
    assert space.ran == ["index a", "index b", "part x", "part y", "take a", "take b"]
    assert asked(space) == ["ask a", "ask b", "import"]
    assert space.read("out/a.txt") == "x\ny\n"
    quiet(space)


def test_only_what_gets_another_answer_is_built_again(space: Space) -> None:
    after_project(space)
    space.good()
    asked(space)
    # The same bytes: not asked again.
    space.write("data/a.txt", "x\ny\n#comment\n")
    assert space.good("-n").planned == {"index a"}
    space.good()
    assert space.ran == ["index a"]
    assert asked(space) == []
    # Other bytes, the same answer: asked, and fresh, for what a call waits for is no input.
    space.write("data/a.txt", "x y\n")
    space.good()
    assert space.ran == ["index a"]
    assert asked(space) == ["ask a", "import"]
    quiet(space)
    # Another answer: exactly its job.
    space.write("data/a.txt", "x\nz\n")
    space.good()
    assert space.ran == ["index a", "part z", "take a"]
    quiet(space)


def test_a_file_that_is_gone_comes_back_only_to_be_asked(space: Space) -> None:
    after_project(space)
    space.good()
    space.delete("build/a.idx")
    quiet(space)
    asked(space)
    calls(space, READ.replace("note(", "assert s\n    note("))
    space.good()
    assert space.ran == ["index a"]
    assert asked(space) == ["ask a", "ask b", "import"]
    quiet(space)


def test_a_call_waits_for_sources_and_for_several_patterns(space: Space) -> None:
    workflow(
        space,
        f"""\
        wildcards:
          s: [a, b]
          rep: {{range: 2}}
        rules:
          all:
            input: out/{{s}}.txt
          index:
            output: build/{{s}}-{{rep}}.idx
            shell: echo index {{s}} {{rep}} >> "$RAN_LOG"; echo {{s}}{{rep}} > {{output}}
          take:
            input:
              call: pick:files
              after: ["build/{{s}}-{{rep}}.idx", sheet.txt]
            output: out/{{s}}.txt
            shell: {ACTION}
        """,
    )
    data(space)
    space.write("sheet.txt", "c\n")
    calls(
        space,
        """\
        def files(s, rep, after):
            note(f"ask {s} {rep}")
            assert [str(one) for one in after[:-1]] == [f"build/{s}-{r}.idx" for r in rep]
            return [f"data/{after[-1].read_text().strip()}.txt" for one in after[:1]]
        """,
    )
    space.good()
    assert asked(space) == ["ask a ['0', '1']", "ask b ['0', '1']", "import"]
    assert space.read("out/a.txt") == "c\n"
    quiet(space)
    space.write("sheet.txt", "c \n")
    space.good()
    assert space.ran == []
    assert len(asked(space)) == 3
    space.write("sheet.txt", "b\n")
    space.good()
    assert space.ran == ["take a", "take b"]
    quiet(space)
    space.delete("sheet.txt")
    refused(space, "sheet.txt is not there, and no rule makes it", "take s=a")


def test_a_call_that_fails_after_its_file_was_made(space: Space) -> None:
    after_project(space)
    calls(space, "def files(s, after):\n    raise RuntimeError('bad ' + after.read_text())\n")
    flow = refused(space, "'take'", "take s=", "RuntimeError: bad ", "pick.py:", status=1)
    # Where both files are found done at once, both calls are asked.
    assert re.search("^2 built, (1 failed, 1 skipped|2 failed)", flow.text, re.MULTILINE)
    assert space.ran == ["index a", "index b"]
    space.forget()
    refused(space, "RuntimeError: bad x")  # nothing was started
    assert space.ran == []


def test_a_missing_file_stops_only_what_waits_for_it(space: Space) -> None:
    workflow(space, AFTER.replace('"build/{s}.idx"', '"made/{s}.idx"'))
    space.write("made/a.idx", "x\n")
    calls(space, READ)
    refused(space, "made/b.idx is not there, and no rule makes it", "take s=b")
    flow = space.run("-k")
    assert flow.status == 1
    assert space.ran == ["part x", "take a"]
    assert flow.counts() == (2, 0, 0, 1)


def test_a_job_whose_index_failed_is_left(space: Space) -> None:
    after_project(space)
    space.write("data/b.txt", "#none\n")
    flow = space.run("-k")
    assert flow.status == 1
    assert space.ran == ["index a", "index b", "part x", "part y", "take a"]
    assert flow.counts() == (4, 0, 1, 1)


def test_rules_that_wait_for_each_other_are_a_ring(space: Space) -> None:
    workflow(
        space,
        """\
        rules:
          one:
            input: {call: pick:files, after: two.txt}
            output: one.txt
            shell: cat {input} > {output}
          two:
            input: one.txt
            output: two.txt
            shell: cp {input} {output}
        """,
    )
    calls(space, "def files():\n    return []\n")
    refused(space, "ring", "one", "two", args=("-n",))
    refused(space, "ring", "one", "two")


def test_after_a_scatter_and_before_one(space: Space) -> None:
    workflow(
        space,
        """\
        rules:
          all:
            input: done/{chunk}.txt
          split:
            input: {call: pick:sources, after: names.txt}
            output: chunks/{chunk}.txt
            scatter: chunk
            shell: |
              echo split >> "$RAN_LOG"
              for f in {input}; do cp $f {output}/; done
          names:
            input: data/names.txt
            output: names.txt
            shell: echo names >> "$RAN_LOG"; cp {input} {output}
          work:
            input: {call: pick:chunk, after: "chunks/{chunk}.txt"}
            output: done/{chunk}.txt
            shell: echo work {chunk} >> "$RAN_LOG"; cp {input} {output}
        """,
    )
    data(space)
    space.write("data/names.txt", "a b")
    calls(
        space,
        """\
        def sources(after):
            return [f"data/{name}.txt" for name in after.read_text().split()]

        def chunk(chunk, after):
            return after
        """,
    )
    space.good()
    assert space.ran == ["names", "split", "work a", "work b"]
    quiet(space)
    space.write("data/names.txt", "a b c")
    space.good()
    assert space.ran == ["names", "split", "work c"]
    assert space.read("done/c.txt") == "c\n"
    quiet(space)


# -- what is kept -----------------------------------------------------------------------------


def test_code_config_and_arguments_decide_whether_it_is_asked_again(space: Space) -> None:
    workflow(space, PICK)
    data(space)
    text = """\
    LOW = 0


    def files(s):
        note(f"ask {s}")
        return f"data/{s}.txt"


    def unused():
        return 1
    """
    calls(space, text)
    space.good()
    quiet(space)
    for old, new in (
        ("def files", "# a comment\ndef files"),
        ("return 1", "return 2"),
        ('note(f"ask', '"""A docstring."""\n    note(f"ask'),
    ):
        calls(space, textwrap.dedent(text).replace(old, new))
        quiet(space)
    # Other code, the same answer.
    calls(space, text.replace('f"data/{s}.txt"', '"data/" + s + ".txt"'))
    space.good()
    assert space.ran == []
    assert asked(space) == ["ask a", "ask b", "import"]
    quiet(space)
    # Another answer for one job.
    calls(space, text.replace('f"data/{s}.txt"', '"data/" + s.replace("b", "c") + ".txt"'))
    assert space.good("-n").planned == {"take b"}
    space.good()
    assert space.ran == ["take b"]
    quiet(space)


def test_config_counts_only_if_the_function_takes_it(space: Space) -> None:
    workflow(space, PICK)
    data(space)
    calls(space, 'def files(s):\n    return f"data/{s}.txt"\n')
    space.good()
    asked(space)
    edit(space, "low: 1", "low: 2")
    space.good()
    assert asked(space) == []
    calls(space, 'def files(s, config):\n    return f"data/{s}.txt" if config.low else []\n')
    space.good()
    assert asked(space) == ["import"]
    edit(space, "low: 2", "low: 3")
    space.good()
    assert asked(space) == ["import"]
    assert space.ran == []
    space.good("--config", "low=0")
    assert space.ran == ["take a", "take b"]


def test_a_new_job_asks_only_for_itself(space: Space) -> None:
    workflow(space, PICK)
    data(space)
    calls(space, 'def files(s):\n    note(f"ask {s}")\n    return {s: f"data/{s}.txt"}\n')
    space.good()
    asked(space)
    edit(space, "[a, b]", "[c, a, b]")
    space.good()
    assert asked(space) == ["ask c", "import"]
    assert space.ran == ["take c"]
    edit(space, "echo {rule} {s}", "echo take {s}")
    space.good()
    edit(space, "take:", "fetch:")
    quiet(space)


def test_equal_questions_are_asked_once(space: Space) -> None:
    workflow(space, PICK)
    data(space)
    calls(space, 'def files():\n    note("ask")\n    return "data/a.txt"\n')
    space.good()
    assert asked(space) == ["ask", "import"]


def test_to_force_a_rule_is_to_ask_it_again(space: Space) -> None:
    workflow(space, PICK)
    data(space)
    calls(
        space,
        """\
        from pathlib import Path

        def files(s):
            note("ask")
            return sorted(Path("data").glob("*.txt"))
        """,
    )
    space.good()
    space.write("data/d.txt", "d\n")
    quiet(space)
    space.good("-f", "take")
    assert space.ran == ["take a", "take b"]
    assert space.read("out/a.txt") == "a\nb\nc\nd\n"
    assert len(asked(space)) == 3
    space.good("--rerun")
    assert len(asked(space)) == 3


def test_names_and_shape_count_beside_the_paths(space: Space) -> None:
    workflow(space, PICK)
    data(space)
    answers = [
        '"data/a.txt"',
        '["data/a.txt"]',
        '{"x": "data/a.txt"}',
        '{"y": "data/a.txt"}',
        '{"y": ["data/a.txt"]}',
    ]
    for answer in answers:
        calls(space, f"def files(s):\n    return {answer} if s == 'a' else 'data/b.txt'\n")
        before = space.exists("out/a.txt")
        space.good()
        assert space.ran == (["take a"] if before else ["take a", "take b"])
        quiet(space)


def test_order_of_a_mapping_is_the_order_of_the_inputs(space: Space) -> None:
    workflow(space, PICK)
    data(space)
    calls(space, "def files(s):\n    return {'z': 'data/c.txt', 'a': 'data/a.txt'}\n")
    space.good()
    assert space.read("out/a.txt") == "c\na\n"
    quiet(space)


# -- functions as actions -----------------------------------------------------------------------

RUN = """\
wildcards:
  s: [a, b]
rules:
  all:
    input: out/{s}.txt
  take:
    input: {call: pick:files}
    output: out/{s}.txt
    run: work:take
"""


def work(space: Space, text: str) -> None:
    space.write("work.py", "import os\nfrom pathlib import Path\n\n\n" + textwrap.dedent(text))


def test_a_function_gets_the_names_that_a_call_gives(space: Space) -> None:
    workflow(space, RUN)
    data(space)
    calls(
        space,
        """\
        def files(s):
            given = {"main": f"data/{s}.txt", "rest": ["data/c.txt"]}
            return given | ({"extra": "data/c.txt"} if s == "b" else {})
        """,
    )
    work(
        space,
        """\
        def take(main: Path, rest: list[Path], output, extra=Path("none")):
            output.write_text(f"{main} {[str(one) for one in rest]} {extra}")
        """,
    )
    space.good()
    assert space.read("out/a.txt") == "data/a.txt ['data/c.txt'] none"
    assert space.read("out/b.txt") == "data/b.txt ['data/c.txt'] data/c.txt"
    quiet(space)


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("f'data/{s}.txt'", "data/a.txt"),
        ("[f'data/{s}.txt']", "['data/a.txt']"),
        ("{'x': f'data/{s}.txt'}", "data/a.txt as x"),
        ("[]", "[]"),
    ],
)
def test_a_function_takes_all_inputs_whole(space: Space, answer: str, shown: str) -> None:
    workflow(space, RUN)
    data(space)
    calls(space, f"def files(s):\n    return {answer}\n")
    work(
        space,
        """\
        def take(input, output):
            if isinstance(input, list):
                text = str([str(one) for one in input])
            else:
                text = str(input) if isinstance(input, Path) else f"{input.x} as x"
            output.write_text(text)
        """,
    )
    space.good()
    assert space.read("out/a.txt") == shown


@pytest.mark.parametrize(
    ("answer", "function", "words"),
    [
        ("{'x': 'data/a.txt'}", "take(y, output)", ["'y'", "does not provide"]),
        ("{'x': 'data/a.txt'}", "take(output)", ["no parameter 'x'"]),
        ("{'x': 'data/a.txt'}", "take(x: list[Path], output)", ["'x'", "one path"]),
        ("{'x': ['data/a.txt']}", "take(x: Path, output)", ["'x'", "a list"]),
        ("['data/a.txt']", "take(input: Path, output)", ["'input'", "a list", "take s=a"]),
        (
            "{'x': 'data/a.txt'} if s == 'a' else {}",
            "take(x, output)",
            ["'x'", "take s=b", "default"],
        ),
    ],
)
def test_names_are_checked_against_parameters_before_anything_runs(
    space: Space, answer: str, function: str, words: list[str]
) -> None:
    workflow(space, RUN)
    data(space)
    calls(space, f"def files(s):\n    return {answer}\n")
    work(space, f"def {function}:\n    raise AssertionError\n")
    refused(space, "work:take", *words, args=("-n",))
    refused(space, "work:take", *words)


def test_names_that_come_later_are_checked_then(space: Space) -> None:
    workflow(
        space,
        RUN.replace("pick:files", "pick:files, after: index.txt")
        + """\
  index:
    output: index.txt
    shell: echo index >> "$RAN_LOG"; echo x > {output}
""",
    )
    data(space)
    calls(space, "def files(s, after):\n    return {after.read_text().strip(): 'data/a.txt'}\n")
    work(space, "def take(y, output):\n    raise AssertionError\n")
    assert space.flow("-n").status == 0
    refused(space, "'y'", "does not provide", status=1)
    work(space, "def take(x, output):\n    output.write_text(x.name)\n")
    space.good()
    assert space.read("out/b.txt") == "a.txt"


def test_a_script_is_told_of_them(space: Space) -> None:
    workflow(space, RUN.replace("run: work:take", "script: take.py"))
    data(space)
    space.write(
        "take.py",
        "from fileflow import job\nopen(job.output[0], 'w').write(str(job.input.x))\n",
    )
    calls(space, "def files(s):\n    return {'x': f'data/{s}.txt'}\n")
    space.good()
    assert space.read("out/b.txt") == "data/b.txt"


# -- params -----------------------------------------------------------------------------------

PARAMS = """\
wildcards:
  s: [a, b]
rules:
  all:
    input: out/{s}.txt
  take:
    output: out/{s}.txt
    params: PARAMS
    shell: echo take {s} >> "$RAN_LOG"; echo {params.x} {params.y} > {output}
"""


@pytest.mark.parametrize("whole", [True, False])
def test_the_answer_of_params_decides_not_its_code(space: Space, whole: bool) -> None:
    params = "{call: pick:all}" if whole else "{x: {call: pick:x}, y: fixed}"
    workflow(space, PARAMS.replace("PARAMS", params))
    text = """\
    def x(s):
        note(f"ask {s}")
        return {"a": 0.5, "b": [1, True, None, "two words"]}[s]


    def all(s):
        return {"y": "fixed", "x": x(s)}
    """
    calls(space, text)
    space.good()
    assert space.read("out/a.txt") == "0.5 fixed\n"
    assert space.read("out/b.txt") == "1 true two words fixed\n"
    quiet(space)
    calls(space, text.replace("0.5", "1 / 2"))
    space.good()
    assert space.ran == []
    assert asked(space) == ["ask a", "ask b", "import"]
    quiet(space)
    calls(space, text.replace("0.5", "0.25"))
    assert space.good("-n").planned == {"take a"}
    why = space.flow("why", "out/a.txt")
    assert "what a call gives" in why.text
    space.good()
    assert space.ran == ["take a"]
    quiet(space)


def test_params_after_a_file(space: Space) -> None:
    workflow(
        space,
        PARAMS.replace(
            "PARAMS", '{x: {call: pick:x, after: "n/{s}.txt"}, y: {call: pick:y, after: n/a.txt}}'
        )
        + """\
  count:
    input: data/{s}.txt
    output: n/{s}.txt
    shell: echo count {s} >> "$RAN_LOG"; wc -l < {input} > {output}
""",
    )
    data(space)
    calls(
        space,
        """\
        def x(after):
            return int(after.read_text())

        def y(after):
            return "few" if int(after.read_text()) < 3 else "many"
        """,
    )
    assert "take: cannot be known before count ran" in space.flow("-n").text
    space.good()
    assert space.read("out/a.txt") == "1 few\n"
    quiet(space)
    space.write("data/b.txt", "B\n")
    space.good()
    assert space.ran == ["count b"]
    space.write("data/b.txt", "1\n2\n")
    space.good()
    assert space.ran == ["count b", "take b"]
    space.write("data/a.txt", "1\n2\n3\n")
    space.good()
    assert space.ran == ["count a", "take a", "take b"]
    assert space.read("out/b.txt") == "2 many\n"


def test_params_of_a_function_keep_their_types(space: Space) -> None:
    workflow(
        space,
        """\
        wildcards:
          s: [a, b]
        rules:
          all:
            input: out/{s}.txt
          take:
            output: out/{s}.txt
            params: {call: pick:all}
            run: work:take
        """,
    )
    calls(
        space,
        """\
        def all(s):
            return {"rate": 0.5, "deep": {"x": (1, 2)}} | ({"more": s} if s == "b" else {})
        """,
    )
    work(
        space,
        """\
        def take(output, rate: float, deep, more="default"):
            output.write_text(f"{rate / 2} {deep.x} {more}")
        """,
    )
    space.good()
    assert space.read("out/a.txt") == "0.25 [1, 2] default"
    assert space.read("out/b.txt") == "0.25 [1, 2] b"
    quiet(space)
    work(space, "def take(output, rate):\n    raise AssertionError\n")
    refused(space, "no parameter 'deep'")
    work(space, "def take(output, params):\n    output.write_text(str(sorted(params)))\n")
    space.good()
    assert space.read("out/b.txt") == "['deep', 'more', 'rate']"
    calls(space, "def all(s):\n    return 3\n")
    refused(space, "gives 3 for `params`", "a mapping of names to values")


# -- cores and resources ------------------------------------------------------------------------

AMOUNTS = """\
resources: {mem_mb: 100, api: 3}
wildcards:
  s: [a, b]
rules:
  all:
    input: out/{s}.txt
  take:
    input: data/{s}.txt
    output: out/{s}.txt
    retries: 2
    cores: {call: pick:cores}
    resources:
      mem_mb: {call: pick:mem, with: {least: 10}}
      api: 1
    shell: |
      echo take {s} {attempt} {cores} {resources.mem_mb} >> "$RAN_LOG"
      test {resources.mem_mb} -ge 30
      echo {resources.mem_mb} > {output}
"""


def test_a_retry_asks_for_more(space: Space) -> None:
    workflow(space, AMOUNTS)
    space.write("data/a.txt", b"a" * 2_500_000)
    space.write("data/b.txt", b"b" * 1_000_000)
    text = """\
    def cores(s):
        return 2 if s == "a" else 1.0


    def mem(s, input_mb, attempt, least):
        note(f"mem {s} {input_mb} {attempt}")
        return least * attempt * (2 if s == "a" else 1)
    """
    calls(space, text)
    dry = space.good("-n", "-j", "2")
    assert dry.planned == {"take a", "take b"}
    assert asked(space) == []
    space.good("-j", "2")
    assert space.ran == [
        "take a 1 2 20",
        "take a 2 2 40",
        "take b 1 1 10",
        "take b 2 1 20",
        "take b 3 1 30",
    ]
    assert asked(space) == [
        "mem a 2.5 1",
        "mem a 2.5 2",
        "mem b 1.0 1",
        "mem b 1.0 2",
        "mem b 1.0 3",
        "import",
    ]
    quiet(space, "-j", "2")
    calls(space, text.replace("least *", "3 * least *"))
    quiet(space, "-j", "2")
    space.delete("out/a.txt")
    space.good("-j", "2")
    assert space.ran == ["take a 1 2 60"]
    space.delete("out/a.txt")
    calls(space, text.replace("least *", "1000 * least *"))
    space.good("-j", "1")  # all there is, of memory and of cores
    assert space.ran == ["take a 1 1 100"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("-1", ["-1", "from 0 up"]),
        ("'many'", ["'many'", "no number"]),
        ("None", ["None", "no number"]),
        ("True", ["True", "no number"]),
        ("1 / 0", ["ZeroDivisionError", "pick.py"]),
        ("float('nan')", ["nan"]),
    ],
)
def test_an_amount_that_is_no_number_fails_its_job(
    space: Space, answer: str, words: list[str]
) -> None:
    workflow(space, AMOUNTS)
    space.write("data/a.txt", "a")
    space.write("data/b.txt", "b")
    calls(
        space,
        f"""\
        def cores():
            return 1

        def mem(s, least):
            return {answer} if s == "a" else 50
        """,
    )
    flow = space.flow("-k")
    assert flow.status == 1
    for word in ["take s=a", "resources mem_mb", *words]:
        assert word in flow.text
    assert "Traceback" not in flow.text
    assert space.ran == ["take b 1 1 50"]


def test_the_parameters_of_amounts_are_checked_first(space: Space) -> None:
    workflow(space, AMOUNTS)
    space.write("data/a.txt", "a")
    space.write("data/b.txt", "b")
    calls(space, "def cores(x):\n    return 1\n\n\ndef mem(s, other):\n    return 1\n")
    refused(space, "'x'", "'other'", "cores of rule 'take'", "no parameter 'least'")
    assert space.ran == []


# -- other commands and ends ----------------------------------------------------------------------


def test_other_commands_ask_too_and_change_nothing(space: Space) -> None:
    after_project(space)
    space.good()
    calls(space, READ.replace("note(", "assert s\n    note("))
    before = space.snapshot()
    for args in (
        ("status",),
        ("why", "take"),
        ("list",),
        ("check",),
        ("log", "out/a.txt"),
        ("-n",),
    ):
        flow = space.flow(*args)
        assert flow.status == 0, flow.text
    assert space.snapshot() == before
    assert "2 fresh" in space.flow("status").text
    assert "parts/x.txt" in space.flow("why", "out/a.txt").text


def test_why_says_what_cannot_be_known_yet(space: Space) -> None:
    after_project(space)
    flow = space.flow("why", "out/a.txt")
    assert flow.status == 0
    assert "cannot be known before index ran" in flow.text


def test_an_interrupt_ends_a_function_that_is_asked(space: Space) -> None:
    workflow(space, PICK)
    calls(
        space,
        """\
        import time

        def files(s):
            note("ask")
            time.sleep(600)
        """,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        running = space.start()
        wait_for(lambda: (space.flags / "asked").exists(), "the question")
        running.send(number)
        flow = running.end()
        assert flow.status == 128 + number
        assert "Traceback" not in flow.text
        asked(space)


def test_modules_named_as_ours(space: Space) -> None:
    workflow(space, PICK.replace("pick:files", "executors.asking:files"))
    data(space)
    space.write("executors/asking.py", 'def files(s):\n    return f"data/{s}.txt"\n')
    space.good()
    assert space.read("out/a.txt") == "a\n"


def test_the_interpreter_is_ours(space: Space) -> None:
    workflow(space, PARAMS.replace("PARAMS", "{x: {call: pick:x}, y: 1}"))
    calls(space, "import sys\n\n\ndef x(s):\n    return sys.executable\n")
    space.good()
    assert space.read("out/a.txt") == f"{sys.executable} 1\n"


# -- nothing to do, told before anything is imported ----------------------------------------------

LOOKED = """\
config: {low: 1}
rules:
  all:
    input:
      call: pick:files
      after: sheet.txt
  take:
    input: {call: pick:folder}
    params: {x: {call: pick:x}}
    cores: {call: pick:cores}
    output: out/{s}.txt
    shell: echo take {s} >> "$RAN_LOG"; cat {input}/* > {output}
"""

LOOKING = """\
import helper


def files(after):
    return after.read_text().split()


def folder():
    return "raw/"


def x(config):
    return helper.double(config.low)


def cores():
    return 1
"""


@pytest.mark.parametrize(
    "change",
    ["sheet", "folder", "config", "helper", "shadow", "pick", "source gone"],
)
def test_what_calls_rest_on_is_looked_at(space: Space, change: str) -> None:
    workflow(space, LOOKED)
    calls(space, LOOKING)
    space.write("helper/__init__.py", "from .half import double\n")
    space.write("helper/half.py", "def double(n):\n    return 2 * n\n")
    space.write("sheet.txt", "out/a.txt")
    space.write("raw/1", "1\n")
    space.flow()
    assert space.ran == ["take a"]

    def is_known() -> bool:
        assert space.flow().status == 0
        return space.exists(".fileflow/fresh")

    wait_for(is_known, "the conclusion that there is nothing to do")
    asked(space)
    assert "nothing to do" in space.flow().text
    assert asked(space) == []
    if change == "sheet":
        space.write("sheet.txt", "out/a.txt out/b.txt")
    elif change == "folder":
        space.write("raw/2", "2\n")
    elif change == "config":
        edit(space, "low: 1", "low: 2")
    elif change == "helper":
        space.write("helper/half.py", "def double(n):\n    return 3 * n\n")
    elif change == "shadow":
        space.write("helper/half/__init__.py", "def double(n):\n    return 3 * n\n")
    elif change == "pick":
        space.write("pick.py", space.read("pick.py").replace("helper.double(", "4 + ("))
    else:
        space.delete("sheet.txt")
        refused(space, "sheet.txt is not there")
        return
    flow = space.flow()
    assert flow.status == 0, flow.text
    assert space.ran == (["take b"] if change == "sheet" else ["take a"])


def test_check_looks_at_calls(space: Space) -> None:
    workflow(
        space,
        """\
        config: {low: 1}
        wildcards:
          s: [a, b]
          p: [x, y]
        rules:
          all:
            input: out/{s}.txt
          take:
            input: {call: pick:files, after: "raw/{p}.txt"}
            params: {n: {call: pick:n}}
            output: out/{s}.txt
            shell: echo {input} {params.n} > {output}
          other:
            params: {call: pick:params}
            output: other/{free}.txt
            shell: echo {params.n} > {output}
        """,
    )
    space.write("raw/x.txt", "x")
    space.write("raw/y.txt", "y")
    text = """\
    def files(after):
        return []


    def n(config):
        return config.low


    def params(free):
        return {"n": free}
    """
    calls(space, text)
    before = space.snapshot()
    flow = space.flow("check")
    assert "nothing wrong" in flow.stdout, flow.text
    assert "nothing names" not in flow.text and "no rule uses" not in flow.text
    assert space.snapshot() == before
    calls(space, text.replace("def params(free)", "def params(fre)"))
    refused(space, "'fre'", "did you mean 'free'?", args=("check",))
    calls(space, text.replace("return config.low", "return {1: 2}"))
    flow = space.flow("check")
    assert flow.status == 0, flow.text
    calls(space, "import nowhere\n" + textwrap.dedent(text))
    refused(space, "cannot import pick", args=("check",))


def test_a_call_that_fails_while_running_leaves_the_rest_to_go_on(space: Space) -> None:
    after_project(space)
    calls(space, READ.replace("    return", "    assert s != 'a', 'not that one'\n    return"))
    flow = space.run("-k")
    assert flow.status == 1
    assert space.ran == ["index a", "index b", "part y", "take b"]
    assert flow.counts() == (4, 0, 1, 0)
    assert "not that one" in flow.text and "take s=a" in flow.text
    refused(space, "not that one")
    again = space.run("-k")
    assert again.status == 1 and "not that one" in again.text
    assert space.ran == [] and again.counts() == (0, 4, 1, 0)


def test_a_mapping_beside_a_call_is_handed_over_with_sorted_keys(space: Space) -> None:
    space.workflow("""
        rules:
          x:
            output: o
            params: {v: {call: "pick:keys", with: {w: {b: 1, a: {d: 1, c: 2}}}}}
            shell: "echo {params.v} > {output}"
        """)
    space.write("pick.py", "def keys(w):\n    return [*w, *w['a']]\n")
    space.good()
    assert space.read("o") == "a b c d\n"


@pytest.mark.parametrize("also", ["", ", also: t.txt"])
def test_a_temp_file_that_is_made_only_to_ask_a_call_again_goes(space: Space, also: str):
    space.write("pick.py", "def f(after, w): return [f's{int(w) % 2}.txt']\n")
    space.write("s0.txt", "0\n")
    space.write("s1.txt", "1\n")
    space.workflow(f"""
        config: {{k: 1}}
        rules:
          all: {{input: b.txt}}
          a: {{output: {{path: t.txt, temp: true}}, shell: "echo t > {{output}}"}}
          b:
            input: {{pk: {{call: "pick:f", after: t.txt, with: {{w: "{{config.k}}"}}}}{also}}}
            output: b.txt
            shell: cat {{input.pk}} > {{output}}
        """)
    for k in (1, 2, 3):
        assert space.good("--config", f"k={k}").built == {"a", "b"}
        assert space.read("b.txt") == f"{k % 2}\n"
        assert not space.exists("t.txt")
    space.good("--config", "k=4", "t.txt", "all")
    assert space.exists("t.txt")
    space.good("--config", "k=5", "--keep-temp")
    assert space.exists("t.txt")


def test_columns_of_what_only_the_files_of_a_call_use(space: Space) -> None:
    space.write(
        "steps.py",
        "def ask(x, day, site, who):\n    return '-'.join([*x, *day, site, who]) + '.src'\n",
    )
    space.workflow("""
        wildcards:
          site: [n, m]
          day, kind: [[1, wet], [2, dry]]
          site, who: [[n, N], [m, M]]
        rules:
          all: {input: "o/{site}"}
          day: {output: "d/{site}/{day}", shell: "touch {output}"}
          src: {output: "{f}.src", shell: "touch {output}"}
          use:
            input: {call: "steps:ask", after: "d/{site}/{day}", with: {x: "{kind:each}"}}
            params: {kinds: "{kind:each}"}
            output: o/{site}
            shell: echo {input} {params.kinds} {kind:each} {day} {who} > {output}
        """)
    assert space.flow("check").status == 0
    space.good()
    assert space.read("o/n") == "wet-dry-1-2-n-N.src wet dry wet dry 1 2 N\n"
    space.replace("Workflowfile", "dry", "hot")
    space.good()
    assert space.read("o/m") == "wet-hot-1-2-m-M.src wet hot wet hot 1 2 M\n"
    assert space.good().counts() == (0, 8, 0, 0)
    space.replace("Workflowfile", "{kind:each} {day}", "{kind} {day}")
    flow = space.run()
    assert flow.status == 2 and "{kind} has 2 values for the job use site=n" in flow.text


def test_the_time_of_a_run_counts_that_of_its_calls(space: Space) -> None:
    space.source(
        "pick.py", "import time\n\ndef go(after):\n    time.sleep(0.5)\n    return after\n"
    )
    space.write(
        "Workflowfile",
        """\
rules:
  all: {input: out.txt}
  index: {output: index.txt, shell: "echo a > {output}"}
  make:
    input: {call: "pick:go", after: index.txt}
    output: out.txt
    shell: cat {input} > {output}
""",
    )
    assert space.good().summary["seconds"] >= 0.5


def test_constraints_of_a_rule_hold_for_what_its_calls_wait_for(space: Space):
    for name in ("1", "2", "b"):
        space.write(f"raw/{name}.txt", name)
    space.source(
        "steps.py",
        """
        def pick(after):
            return [str(path) for path in after]

        def count(after):
            return len(after)
        """,
    )
    space.workflow("""
        wildcards: {n: "raw/{n}.txt"}
        defaults: {constraints: {n: "[0-9]"}}
        rules:
          all: {input: [picked, counted]}
          pick: {input: {call: "steps:pick", after: "raw/{n}.txt"}, output: picked,
                 shell: "cat {input} > {output}"}
          count: {output: counted, params: {k: {call: "steps:count", after: "raw/{n}.txt"}},
                  constraints: {n: "[0-9b]"}, shell: "echo {params.k} > {output}"}
        """)
    space.good()
    assert (space.read("picked"), space.read("counted")) == ("12", "3\n")
