"""Small workflows, one for a feature of the language, written down in several kinds of action.

A `Feature` has a Workflowfile in which `@OP RULE NAMES…` stands where a rule has its action; what
the action does is said once here for commands and once for Python. All actions write themselves
into the log of what ran, fail where an input has the word `bad`, and put text into capitals, so
that a change of case in a source is undone by the first step. One rule, the subject, has what can
be changed without a change of what it makes: a remark, a docstring, a word, a helper, params.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .space import Space

COMMANDS = ("shell", "argv")
KINDS = (*COMMANDS, "run")


@dataclass(frozen=True)
class Look:
    """How the subject is written: each field can be changed alone."""

    name: str = ""
    remark: str = "a remark"
    docstring: str = "What it does."
    word: str = "one"
    helper: str = "one"
    param: int = 1
    turned: bool = False
    results: int = 0


@dataclass(frozen=True)
class Feature:
    """A workflow, its sources, and what is built after each change.

    What is built is told as in `test_feature_changes.py`.

    Args:
        workflow: the Workflowfile.
        sources: files that are there from the start.
        first: what the first run builds.
        edited: what is built when the subject's action has changed.
        rows: the changes of files, by name, in their order.
        subject: the rule whose action is changed.
        kinds: the kinds of action in which there is this feature; only the subject is a notebook.
        without: changes that have no meaning for it, and why.
        params: more params of the subject, as in a Workflowfile.
        words: more words of the subject's command.
    """

    workflow: str
    sources: Mapping[str, str]
    first: str
    edited: str
    rows: Mapping[str, Row]
    subject: str = "work"
    kinds: Sequence[str] = KINDS
    without: Mapping[str, str] = field(default_factory=dict)
    params: str = ""
    words: str = ""


@dataclass(frozen=True)
class Row:
    """A change of a feature's project and the jobs that are built after it.

    Args:
        told: what is built and foretold.
        files: files that are written, or removed where there is no text.
        edits: parts of the Workflowfile with what stands there from then on.
    """

    told: str
    files: Mapping[str, str | None] = field(default_factory=dict)
    edits: Mapping[str, str] = field(default_factory=dict)


# What an action does: for bash, with the outputs in `$out` and `$more`, the inputs in `"$@"` and
# all that is in them in `$text`; for Python, where `through(read(input))` is that text.
BAD = "if [[ $text = *bad* ]]; then exit 7; fi"
SPLIT = (
    f'{BAD}; printf %s "$text" |\n'
    'while read -r name rest; do echo "${rest^^}" >> "$out/$name.txt"; done'
)
OPERATIONS = {
    "join": (
        f'{BAD}; printf %s "${{text^^}}" > "$out"',
        "output.write_text(through(read(input)).upper())",
    ),
    "list": (
        f'{BAD}; printf %s "$text" | grep -v \'^#\' > "$out"',
        "lines = through(read(input)).splitlines(keepends=True)\n"
        "    output.write_text(''.join(line for line in lines if line[0] != '#'))",
    ),
    "say": (
        f'{BAD}; echo "$@" > "$out"',
        "read(input)\n    output.write_text(names(input) + f\" {params.get('lanes', '')}\\n\")",
    ),
    "draw": (
        f'{BAD}; echo "$FILEFLOW_SEED" > "$out"',
        "read(input)\n    output.write_text(f'{seed}')",
    ),
    # Few lines go to threads, many to processes.
    "map": (
        "",
        "lines = text_of(input).splitlines()\n"
        "    executor = 'process' if len(lines) > 3 else None\n"
        "    found = parallel_map(lambda line: through(good(line)), lines, executor=executor)\n"
        "    output.write_text(''.join(f'{line.upper()}\\n' for line in found))",
    ),
    # Lines of a name and text: a file for each name.
    "split": (
        SPLIT,
        "for name, text in through_lines(through, input):\n"
        "        (output / f'{name}.txt').write_text(text)",
    ),
    "yield": (
        SPLIT,
        "yield from through_lines(through, input)",
    ),
    "tree": (
        f'mkdir "$out/deep"; echo half > "$out/half.txt"; {BAD}\n'
        'for name in half.txt deep/a.txt; do printf %s "${text^^}" > "$out/$name"; done',
        "(output / 'deep').mkdir()\n"
        "    (output / 'half.txt').write_text('half\\n')\n"
        "    text = through(read(input)).upper()\n"
        "    for name in ['half.txt', 'deep/a.txt']:\n"
        "        (output / name).write_text(text)",
    ),
    # What a source includes counts as input from then on.
    "compile": (
        f"include=$(sed -n 's/^include //p' \"$1\"); text+=$(cat $include /dev/null); {BAD}\n"
        'printf %s "${text^^}" > "$out"; echo "$out: $1 $include" > "$more"',
        "include = re.findall('^include (.*)', input.source.read_text(), re.M)\n"
        "    text = read([input.source, *map(Path, include)])\n"
        "    output.obj.write_text(through(text).upper())\n"
        "    output.found.write_text(' '.join([f'{output.obj}:', str(input.source), *include]))",
    ),
}
# A private action has the project elsewhere.
READ = """\
if [ "$helper" != - ]; then . "${FILEFLOW_ROOT:-.}/$helper"; fi
text=; shopt -s globstar
for path; do for file in "$path" "$path"/**/*.txt; do
  if [ -f "$file" ]; then text+=$(<"$file")$'\\n'; fi
done; done
"""
COMMON = '''\
"""What the actions share: it is never changed."""
import os
from pathlib import Path


def say(*words):
    """Into the log of what ran."""
    with open(os.environ["RAN_LOG"], "a") as log:
        log.write(" ".join(words) + "\\n")


def paths(input):
    """All paths of an input, however they are handed over."""
    if isinstance(input, dict):
        input = list(input.values())
    if isinstance(input, list):
        return [path for each in input for path in paths(each)]
    return [] if input is None else [input]


def names(input):
    return " ".join(map(str, paths(input)))


def read(input):
    """The text of all files of an input, if it is good."""
    return good(text_of(input))


def text_of(input):
    """The text of all files of an input, and of all in its folders."""
    files = []
    for path in paths(input):
        files += sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    return "".join(file.read_text() for file in files)


def good(text):
    if "bad" in text:
        raise ValueError("bad text")
    return text


def same(text):
    return text


def through_lines(through, input):
    """By name the text of a file, from lines of a name and text."""
    found = {}
    for line in through(read(input)).splitlines(keepends=True):
        name, _, text = line.partition(" ")
        found[name] = found.get(name, "") + text.upper()
    return found.items()
'''
PYTHON = '''\
"""{docstring}"""
import asyncio
import re
from pathlib import Path

from common import *
{imports}


{head}:
    """{docstring}"""
    # {remark}
    word = "{word}"
    say("{rule}"{values})
    {body}
'''
SHELL_HELPER = "helped={helper}\n"
PYTHON_HELPER = 'def same(text):\n    return text + "{helper}"[:0]\n'


def write_feature(space: Space, feature: Feature, kind: str, look: Look, text: str) -> None:
    """Writes the Workflowfile and all that its actions need; a file that is as it was stays."""
    files = {"common.py": COMMON} if kind not in (*COMMANDS, "sh") else {}

    def action(found: re.Match[str]) -> str:
        operation, rule, *names = found[1].split()
        lines = []
        own = kind if kind != "ipynb" or rule == feature.subject else "run"
        if rule == feature.subject:
            pairs = [f"p: {look.param}", "q: {x: 1, y: 2}", *filter(None, [feature.params])]
            if look.turned:
                pairs = [*reversed(pairs)]
                pairs = [pair.replace("x: 1, y: 2", "y: 2, x: 1") for pair in pairs]
            lines.append(f"params: {{{', '.join(pairs)}}}")
        seen = look if rule == feature.subject else None
        if kind in (*COMMANDS, "sh"):
            given, made = _command(feature, kind, operation, rule, names, seen)
        else:
            given, made = _python(own, operation, rule, names, seen)
        files.update(made)
        return "".join(f"    {line}\n" for line in [*lines, *given])

    text = re.sub(r"    @(.*)\n", action, text)
    if look.name:
        text = text.replace(f"\n  {feature.subject}:\n", f"\n  {look.name}:\n")
    files["Workflowfile"] = text
    for name, content in files.items():
        if not space.exists(name) or space.read(name) != content:
            space.write(name, content)


def _command(
    feature: Feature, kind: str, operation: str, rule: str, names: Sequence[str], look: Look | None
) -> tuple[list[str], dict[str, str]]:
    """The lines of a rule whose action is a command, and the files that it needs."""
    files = {}
    helper, more = "-", ""
    outputs = ["{output.obj}", "{output.found}"] if operation == "compile" else ["{output}"]
    variables = "out=$2 more=$3; shift 3" if len(outputs) == 2 else "out=$2; shift 2"
    if look is not None:
        helper, more = "tools/helper.sh", feature.words
        files[helper] = SHELL_HELPER.format(helper=look.helper)
    look = look or Look()
    words = [helper, *outputs, "{input}", *filter(None, [more])]
    values = " ".join(f"{{{name}}}" for name in names)
    script = (
        f'echo {rule} {values} >> "$RAN_LOG"\n: {look.word}\nhelper=$1 {variables}\n'
        f"{READ}{OPERATIONS[operation][0]}\n"
    )
    remark = f"# {look.remark}"
    if kind == "shell":
        lines = [remark, f"set -- {' '.join(words)}", *script.splitlines()]
        return ["shell: |", *(f"  {line}" for line in lines)], files
    quoted = [f'"{word}"' for word in words]
    if kind == "argv":
        flags = ["  - bash", "  - -euo", "  - pipefail", "  - -c", "  - |"]
        inner = [f"    {line}" for line in script.splitlines()]
        rest = [f"  - {word}" for word in [rule, *quoted]]
        return [remark, "argv:", *flags, *inner, *rest], files
    assert kind == "sh"
    name = f"{rule}.sh"
    for place, value in enumerate(names):
        script = script.replace(f"{{{value}}}", f"$V{place}")
    settings = "".join(f"V{place}=$1; shift\n" for place in range(len(names)))
    files[name] = f"{remark}\nset -euo pipefail\n{settings}{script}"
    words = [*(f'"{{{name}}}"' for name in names), *quoted]
    return [f"script: {name}", f"args: [{', '.join(words)}]"], files


def _python(
    kind: str, operation: str, rule: str, names: Sequence[str], look: Look | None
) -> tuple[list[str], dict[str, str]]:
    """The lines of a rule whose action is Python, and the files that it needs."""
    files = {}
    imports = "through = same"
    if look is not None:
        imports = "from helper import same as through"
        files["helper.py"] = PYTHON_HELPER.format(helper=look.helper)
    look = look or Look()
    takes = ["input", "output", "params", *(["seed"] if operation == "draw" else []), *names]
    head = f"{'async ' if kind == 'async' else ''}def {rule}({', '.join(takes)})"
    does = OPERATIONS[operation][1]
    text = PYTHON.format(
        docstring=look.docstring,
        imports=imports,
        head=head,
        remark=look.remark,
        word=look.word,
        rule=rule,
        values="".join(f", {name}" for name in names),
        body=f"await asyncio.sleep(0)\n    {does}" if kind == "async" else does,
    )
    if operation == "map":
        text = text.replace("\nfrom common", "\nfrom fileflow import parallel_map\nfrom common")
    module = f"{rule}_step"
    if kind == "run" or kind == "async":
        files[f"{module}.py"] = text
        return [f"run: {module}:{rule}"], files
    text = text.replace("\nfrom common", "\nfrom fileflow import job\nfrom common")
    values = "".join(f", job.wildcards.{name}" for name in names)
    call = f"{rule}([*job.input], job.output[0], job.params{values})\n"
    if kind == "ipynb":
        files[f"{module}.ipynb"] = _notebook(look, text, call)
    else:
        assert kind == "py"
        files[f"{module}.py"] = f"{text}\n\n{call}"
    return [f"script: {module}.{kind}"], files


def _notebook(look: Look, *cells: str) -> str:
    """Cells of code below one of prose, with the results of so many runs."""
    prose = {"cell_type": "markdown", "id": "prose", "metadata": {}, "source": [look.remark]}
    code = [
        {
            "cell_type": "code",
            "execution_count": look.results or None,
            "id": f"cell{number}",
            "metadata": {},
            "outputs": [{"name": "stdout", "output_type": "stream", "text": ["said\n"]}]
            * look.results,
            "source": cell.splitlines(keepends=True),
        }
        for number, cell in enumerate(cells)
    ]
    book = {"cells": [prose, *code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1)


def changed(look: Look, change: str) -> Look:
    """How the subject is written after a change; as it is, after one that is none of its text."""
    changes: dict[str, Look] = {
        "word of the action": replace(look, word="two"),
        "remark": replace(look, remark="another remark"),
        "docstring": replace(look, docstring="What it does, said anew."),
        "helper": replace(look, helper="two"),
        "param": replace(look, param=2),
        "order of the keys of params": replace(look, turned=True),
        "results in the notebook": replace(look, results=look.results + 1),
        "rule renamed": replace(look, name="renamed"),
        "folder moved, rule named as before": replace(look, name=""),
    }
    return changes.get(change, look)
