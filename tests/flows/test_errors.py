"""What is wrong in a Workflowfile: a message with place, line and cure, and nothing is started."""

import re
from typing import NamedTuple

import pytest

from .space import Flow, Space

GOOD = 'shell: echo make >> "$RAN_LOG"; echo x > {output}'


class Slip(NamedTuple):
    """A wrong Workflowfile: the part of a line that is wrong is marked by what stands in it."""

    text: str
    line: str | None
    words: tuple[str, ...]


def refused(space: Space, flow: Flow, *words: str) -> None:
    """It was refused before anything was started, with a message and without a traceback."""
    assert flow.status == 2, flow.text
    assert "Traceback" not in flow.text
    assert space.ran == []
    for word in words:
        assert word in flow.text, flow.text


RULE = "rules:\n  make:\n    output: a.txt\n"
OWN = f"rules:\n  own:\n    output: own.txt\n    {GOOD}\n"
SLIPS = {
    "an unknown key of the file": Slip(
        f"wildcard:\n  n: [1]\n{RULE}    {GOOD}\n", "wildcard:", ("wildcards",)
    ),
    "an unknown key of a rule": Slip(
        f"{RULE}    inptu: b.txt\n    {GOOD}\n", "inptu: b.txt", ("input",)
    ),
    "an unknown key of an entry": Slip(
        f"rules:\n  make:\n    output:\n      path: a.txt\n      tmp: true\n    {GOOD}\n",
        "tmp: true",
        ("temp",),
    ),
    "a doubled rule": Slip(
        f"{RULE}    {GOOD}\n  make: # again\n    output: b.txt\n    {GOOD}\n",
        "make: # again",
        ("make",),
    ),
    "a doubled key of a rule": Slip(
        f"{RULE}    {GOOD}\n    output: b.txt\n", "output: b.txt", ("output",)
    ),
    "a tab in the indentation": Slip(f"{RULE}\tshell: x\n", "shell: x", ("tab",)),
    "a wrong type": Slip(f"{RULE}    {GOOD}\n    retries: often\n", "retries: often", ("retries",)),
    "outputs without an action": Slip(RULE, None, ("make",)),
    "an unquoted brace that begins a value": Slip(
        f"rules:\n  make:\n    input: {{n}}.txt\n    output: a.txt\n    {GOOD}\n",
        "input: {n}.txt",
        ("quot",),
    ),
    "a colon in plain text": Slip(
        f"{RULE}    doc: Note: this\n    {GOOD}\n", "doc: Note: this", ("quot",)
    ),
    "a command cut by a comment": Slip(
        f"{RULE}    shell: echo x > {{output}}; grep ' # ' a\n",
        "shell: echo x > {output}; grep ' # ' a",
        ("#",),
    ),
    "a backslash in double quotes": Slip(
        f'{RULE}    {GOOD}\n    constraints:\n      n: "\\d+"\n', 'n: "\\d+"', ("\\d",)
    ),
    "an unknown name in a command": Slip(
        f"{RULE}    input: b.txt\n    shell: cat {{inptu}} > {{output}}\n",
        "shell: cat {inptu} > {output}",
        ("inptu", "input"),
    ),
    "a name from elsewhere in a command": Slip(
        f"{RULE}    shell: echo {{threads}} > {{output}}\n",
        "shell: echo {threads} > {output}",
        ("threads", "cores"),
    ),
    "an unknown param": Slip(
        f"{RULE}    params: {{size: 1}}\n    shell: echo {{params.szie}} > {{output}}\n",
        "shell: echo {params.szie} > {output}",
        ("szie", "size"),
    ),
    "an unknown config value": Slip(
        f"config: {{minimum: 1}}\n{RULE}    shell: echo {{config.minimun}} > {{output}}\n",
        "shell: echo {config.minimun} > {output}",
        ("minimun", "minimum"),
    ),
    "a list alone between quotes": Slip(
        f'{RULE}    input: [b.txt, c.txt]\n    shell: cat "{{input}}" > {{output}}\n',
        'shell: cat "{input}" > {output}',
        ("quote",),
    ),
    "a gathered wildcard that has no values": Slip(
        "wildcards:\n  month: [1, 2]\nrules:\n  make:\n    input: in/{mnth}.txt\n"
        f"    output: a.txt\n    {GOOD}\n",
        "input: in/{mnth}.txt",
        ("mnth", "month"),
    ),
    "outputs with different wildcards": Slip(
        "wildcards:\n  n: [1]\nrules:\n  make:\n    output:\n      - a/{n}.txt\n      - b.txt\n"
        f"    {GOOD}\n",
        None,
        ("b.txt", "n"),
    ),
    "a built-in name as a wildcard": Slip(
        f"wildcards:\n  seed: [1]\n{RULE}    {GOOD}\n", "seed: [1]", ("seed",)
    ),
    "one pattern as input and output": Slip(
        f"{RULE}    input: ./a.txt\n    {GOOD}\n", None, ("input and an output", "a.txt")
    ),
    "a ring in the config": Slip(
        f'config:\n  a: "{{config.b}}"\n  b: "{{config.a}}"\n{RULE}    {GOOD}\n', None, ("a", "b")
    ),
    "an entry with a flag alone": Slip(
        f"rules:\n  make:\n    input:\n      - optional: true\n    output: a.txt\n    {GOOD}\n",
        "- optional: true",
        ("path",),
    ),
    "a regular expression that is none": Slip(
        "wildcards:\n  n: [1]\nrules:\n  make:\n    output: out/{n}.txt\n"
        f'    {GOOD}\n    constraints:\n      n: "[a"\n',
        'n: "[a"',
        ("[a",),
    ),
    "a pattern that matches no file": Slip(
        f"wildcards:\n  n: data/{{n}}.csv\n{RULE}    input: data/{{n}}.csv\n    {GOOD}\n",
        "n: data/{n}.csv",
        ("data/{n}.csv",),
    ),
    "a table that is missing": Slip(
        "wildcards:\n  n: {table: none.csv}\nrules:\n  make:\n    output: out/{n}\n    "
        + GOOD
        + "\n",
        "n: {table: none.csv}",
        ("none.csv",),
    ),
    "a value that only one of two keys has": Slip(
        "wildcards:\n  s, a: [[p, 1], [q, 2]]\n  s, b: [[p, 1]]\nrules:\n  make:\n"
        f"    output: out/{{s}}-{{a}}-{{b}}\n    {GOOD}\n",
        None,
        ("q",),
    ),
    "an include that is missing": Slip(
        f"include: parts/none.yaml\n{RULE}    {GOOD}\n",
        "include: parts/none.yaml",
        ("parts/none.yaml",),
    ),
    "a scatter over a name in no output": Slip(
        f"{RULE}    scatter: chunk\n    {GOOD}\n", None, ("chunk",)
    ),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_named_with_its_place_and_its_line(space, name):
    slip = SLIPS[name]
    space.write("Workflowfile", slip.text)
    for file in ["b.txt", "c.txt"]:
        space.write(file, "")
    for flow in [space.flow(), space.flow("-n"), space.flow("check")]:
        refused(space, flow, *slip.words)
        if slip.line is not None:
            number = 1 + [line.strip() for line in slip.text.splitlines()].index(slip.line)
            assert re.search(rf"Workflowfile:{number}:\d+", flow.text), flow.text
            assert slip.line in flow.text
        else:
            assert re.search(r"Workflowfile:\d+:\d+", flow.text), flow.text


def test_several_slips_are_named_at_once(space):
    space.write(
        "Workflowfile",
        f"{RULE}    {GOOD}\n    retires: 2\n  other:\n    output: b.txt\n    prams: {{}}\n"
        f"    {GOOD}\n",
    )
    refused(space, space.flow(), "Workflowfile:5:", "retries", "Workflowfile:8:", "params")


def test_two_rules_of_one_name_name_both_places(space):
    space.write("parts/more.yaml", f"{RULE}    {GOOD}\n")
    space.write("Workflowfile", f"include: parts/more.yaml\n{RULE}    {GOOD}\n")
    refused(space, space.flow(), "Workflowfile:3", "parts/more.yaml:2")


def test_a_slip_in_an_included_file_is_named_there(space):
    space.write("parts/more.yaml", f"{RULE}    {GOOD}\n    retires: 2\n")
    space.write("Workflowfile", f"include: parts/more.yaml\n{OWN}")
    refused(space, space.flow("make"), "parts/more.yaml:5:", "retires: 2", "retries")


@pytest.mark.parametrize("key", ["seed: 1", "resources: {api: 1}"])
def test_seed_and_resources_stand_only_on_top(space, key):
    space.write("more.yaml", f"{key}\n{RULE}    {GOOD}\n")
    space.write("Workflowfile", f"include: more.yaml\n{OWN}")
    refused(space, space.flow("make"), "more.yaml:1:", key)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"- a\n- b\n",
        b"rules: [\n",
        b"rules: {}\n---\nrules: {}\n",
        b"rules:\n  a\xff: x\n",
        b"rules:\n  a: \x00\n",
        b"rules: &a [*a]\n",
        b"rules: *nothing\n",
        b"seed: !!timestamp x\nrules: {}\n",
        b"seed: !!python/object:os.system x\nrules: {}\n",
        b"rules: " + b"[" * 100_000,
        b"a: &a [x, x, x, x, x, x, x, x, x]\n"
        + b"".join(
            f"{n}: &{n} [{', '.join(['*' + m] * 9)}]\n".encode()
            for m, n in zip("abcdefghi", "bcdefghij", strict=True)
        ),
    ],
    ids=lambda data: repr(data[:16]),
)
def test_no_bytes_bring_a_traceback_or_a_crash(space, data):
    space.write("Workflowfile", data)
    refused(space, space.flow(), "Workflowfile")


FUNCTIONS = """\
from pathlib import Path


def needs(output, missing):
    pass


def takes_no_input(output):
    pass


def single(output: Path, boots: Path):
    pass


def many(output: Path, one: list[Path]):
    pass


def twice(same):
    pass
"""


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["run: steps:needs"], ["needs", "missing"]),
        (["input: {named: b.txt}", "run: steps:takes_no_input"], ["takes_no_input", "named"]),
        (["params: {named: 1}", "run: steps:takes_no_input"], ["takes_no_input", "named"]),
        (['input: {boots: "in/{rep}.txt"}', "run: steps:single"], ["boots", "gathers {rep}"]),
        (["input: {one: b.txt}", "run: steps:many"], ["one"]),
        (["input: {same: b.txt}", "params: {same: 1}", "run: steps:twice"], ["same"]),
        (["run: steps:singel"], ["singel", "single"]),
        (["run: stesp:single"], ["stesp"]),
        (["run: broken:make"], ["broken.py"]),
        (["run: raises:make"], ["raises.py"]),
    ],
)
def test_a_function_that_does_not_fit_is_an_error_before_anything_runs(space, lines, words):
    space.write("steps.py", FUNCTIONS)
    space.write("broken.py", "def make(output:\n")
    space.write("raises.py", "raise ValueError('not now')\n\n\ndef make(output):\n    pass\n")
    space.write("b.txt", "")
    space.write(
        "Workflowfile",
        "wildcards:\n  rep: [1, 2]\nrules:\n"
        "  all:\n    input: [first.txt, a.txt]\n"
        f"  first:\n    output: first.txt\n    priority: 9\n    {GOOD}\n"
        f"  rep:\n    output: in/{{rep}}.txt\n    {GOOD}\n"
        "  make:\n    output: a.txt\n" + "".join(f"    {line}\n" for line in lines),
    )
    refused(space, space.flow(), *words)
    refused(space, space.flow("check"), *words)


def test_only_modules_of_wanted_rules_are_imported(space):
    space.write("raises.py", "raise ValueError('not now')\n")
    space.write(
        "Workflowfile",
        f"{RULE}    {GOOD}\n  other:\n    output: other.txt\n    run: raises:make\n",
    )
    space.good()
    assert space.ran == ["make"]
    assert space.flow("check").status == 2


def test_a_function_that_takes_no_names_is_refused_before_anything_runs(space):
    space.write("act.py", "def f(output, /): ...\ndef g(**kw): kw['output'].write_text(str(kw))\n")
    space.workflow("rules: {make: {output: out, run: 'act:f'}}")
    flow = space.flow()
    assert flow.status == 2 and "take the `/` out" in flow.stderr, flow.text
    space.replace("Workflowfile", "act:f", "act:g")
    space.replace("Workflowfile", "output: out", "input: act.py, output: out")
    assert space.good().built == {"make"}
    assert "'input': PosixPath('act.py')" in space.read("out")


def test_a_ring_of_jobs_tells_who_asks_for_it(space):
    space.workflow("""
        rules:
          all: {input: t}
          t: {input: a, output: t, shell: "cp {input} {output}"}
          a: {input: b, output: a, shell: "cp {input} {output}"}
          b: {input: a, output: b, shell: "cp {input} {output}"}
        """)
    flow = space.flow()
    assert flow.status == 2
    assert "in a ring: a → b → a" in flow.stderr
    assert "needed by t ← all" in flow.stderr
    assert "needed by" not in space.flow("b").stderr
