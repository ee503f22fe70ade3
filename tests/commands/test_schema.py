from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from fileflow.cli import main
from fileflow.commands.init import project
from fileflow.commands.schema import workflow_schema
from fileflow.errors import FileflowError
from fileflow.language import entries, relations, value_forms
from fileflow.language.loader import load_workflow
from fileflow.language.rule_book import BUILTIN_EXECUTORS
from fileflow.language.rule_reader import NOT_FOR_ALL, RULE_KEYS
from fileflow.language.workflow_files import INCLUDED_KEYS, TOP_KEYS
from fileflow.language.yaml_nodes import python_value
from fileflow.language.yaml_tree import read_tree
from fileflow.world.files import RealDisk
from tests.language.test_loader import EVERYTHING

SCHEMA: dict[str, Any] = workflow_schema()
TOP: dict[str, Any] = SCHEMA["properties"]
DEFS: dict[str, Any] = SCHEMA["$defs"]
MAIN = Path(__file__).parents[2] / "Workflowfile"

# ---- in step with the loader ----


def test_a_file_has_the_keys_that_the_loader_knows() -> None:
    assert set(TOP) == {*TOP_KEYS, *INCLUDED_KEYS}


def test_a_rule_has_the_keys_that_the_loader_knows() -> None:
    assert set(DEFS["rule"]["properties"]) == RULE_KEYS


def test_defaults_have_the_keys_that_make_sense_for_all_rules() -> None:
    assert set(TOP["defaults"]["properties"]) == RULE_KEYS - NOT_FOR_ALL


@pytest.mark.parametrize("section", entries.Section)
def test_an_entry_has_the_flags_that_the_loader_knows(section: entries.Section) -> None:
    assert set(DEFS[f"{section.key}Entry"]["properties"]) == set(entries._KEYS[section])


def test_a_call_has_the_keys_that_the_loader_knows() -> None:
    assert set(DEFS["call"]["properties"]) == entries._CALL_KEYS


def test_a_long_form_has_the_forms_and_options_that_the_loader_knows() -> None:
    form = DEFS["longForm"]
    forms = {*value_forms.FORMS, *relations.DERIVED}
    options = {(option, of) for of, some in relations.OPTIONS.items() for option in some}
    assert {key for one in form["oneOf"] for key in one["required"]} == forms
    assert set(form["properties"]) == {*forms, *relations.COMMON, *(key for key, _ in options)}
    assert {(key, of) for key, (of,) in form["dependentRequired"].items()} == options


def test_the_executors_are_those_that_are_built_in() -> None:
    assert DEFS["rule"]["properties"]["executor"]["anyOf"][0]["enum"] == list(BUILTIN_EXECUTORS)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("rules: {a: {output: x, shell: touch x, seed: {zzzz: 1}}}", "seed"),
        ("rules: {a: {output: {path: x, ensure: {zzzz: 1}}, shell: touch x}}", "ensure"),
    ],
)
def test_small_mappings_have_the_keys_that_the_loader_names(
    text: str, keys: str, tmp_path: Path
) -> None:
    rule = DEFS["rule"]["properties"]
    ours = {
        "seed": lambda: rule["seed"]["anyOf"][0]["anyOf"][1]["properties"],
        "ensure": lambda: DEFS["outputEntry"]["properties"]["ensure"]["anyOf"][0]["properties"],
    }[keys]()
    with pytest.raises(FileflowError) as caught:
        load(text, tmp_path)
    assert caught.value.hint == f"known here: {', '.join(sorted(ours))}"


# ---- for people in editors ----


def properties(node: object, way: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that some mapping can have, with what the schema says of it."""
    if isinstance(node, list):
        for item in node:
            yield from properties(item, way)
    elif isinstance(node, dict):
        for key, below in node.items():
            if key in ("if", "then", "else", "not", "allOf", "oneOf"):
                continue
            if key == "properties":
                for name, said in below.items():
                    yield f"{way}/{name}", said
            yield from properties(below, f"{way}/{key}")


def test_every_key_is_described() -> None:
    found = dict(properties(SCHEMA))
    assert len(found) > 100
    bare = [way for way, said in found.items() if len(said.get("description", "")) < 10]
    assert not bare


def test_every_reference_leads_somewhere() -> None:
    def references(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for below in node.values():
                yield from references(below)
        elif isinstance(node, list):
            for item in node:
                yield from references(item)

    used = set(references(SCHEMA))
    assert used == {f"#/$defs/{name}" for name in DEFS}


def test_it_is_printed_where_there_is_no_workflowfile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["schema"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == SCHEMA
    assert shown.out.isascii() and not shown.err


# ---- what it accepts and refuses ----


def load(text: str, folder: Path) -> None:
    """Loads a Workflowfile in a folder with a few files."""
    (folder / "data").mkdir(exist_ok=True)
    for name in ("a", "b"):
        (folder / "data" / f"{name}.txt").touch()
    (folder / "sheet.csv").write_text("sample,lane\na,1\nb,2\n")
    (folder / "names.txt").write_text("n1\nn2\n")
    (folder / "local.yaml").write_text("q: 1\n")
    (folder / "more.yaml").write_text("rules: {more: {input: data/a.txt}}\n")
    (folder / "Workflowfile").write_text(text)
    load_workflow(RealDisk(str(folder)), "Workflowfile", str(folder))


def mistakes(text: str) -> list[str]:
    """What the schema finds wrong in a Workflowfile."""
    jsonschema = pytest.importorskip("jsonschema")
    tree = read_tree(dedent(text).encode(), "Workflowfile")
    assert tree is not None
    checker = jsonschema.Draft202012Validator(SCHEMA)
    return [error.message for error in checker.iter_errors(python_value(tree))]


def test_it_is_a_schema() -> None:
    pytest.importorskip("jsonschema").Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "text",
    [MAIN.read_text(encoding="utf-8"), project()["Workflowfile"], EVERYTHING],
    ids=["the main one", "that of init", "one that says everything"],
)
def test_whole_workflowfiles_are_accepted(text: str) -> None:
    assert mistakes(text) == []


ALL = "rules: {all: {input: data/a.txt}}"
RIGHT = {
    "values in every form": """
        config: {samples: {a: [1, 2], b: [3]}, n: 3, only: {f: a}, sites: [x, y]}
        wildcards:
          f: data/{f}.txt
          g: {files: "data/{g}.txt", match: {g: "[a-z]"}, where: {g: a}}
          alpha: [0.1, 1, 01, true, null, text]
          beta: {values: [a, b], except: {beta: [b]}}
          site: "{config.sites}"
          p, q: [[a, 1], [b, 2]]
          r, s: {rows: [[a, 1], [b, 2]]}
          t: {range: 16}
          u: {range: [1, 13]}
          v: {range: [0, 100, 10], width: 3}
          w: {range: ["{config.n}", 7]}
          sample, lane: {table: sheet.csv, comment: "#", open: true}
          one: {table: sheet.csv, columns: {one: lane}}
          two: {table: sheet.csv, columns: {two: 1}}
          item: {lines: names.txt}
          k, l: {keys: config.samples}
          m: {keys: "{config.samples}"}
          f1, f2: {pairs: f, both: true, self: true}
          p1, q1, p2, q2: {pairs: [p, q]}
          same: {same: f}
          filtered: {files: "data/{filtered}.txt", where: {filtered: "{config.only.f}"}}
        rules: {all: {input: data/a.txt}}
        """,
    "entries in every form": """
        wildcards: {f: "data/{f}.txt"}
        rules:
          source: {output: made.txt, shell: touch made.txt}
          a:
            input:
              one: data/{f}.txt
              list: [data/a.txt, [data/b.txt]]
              none: []
              flags: {path: [x, y], order_only: true, optional: true}
              single: {path: data/a.txt, one: true, when: {}}
              own: {path: "raw/{n}-{k}.txt", "n, k": [[1, 2], [3, 4]]}
              range: {path: "raw/{i}.txt", i: {range: 3}, optional: true}
              made: {rule: source}
              asked: {call: "m:f", after: [made.txt], with: {x: "{f}", y: [1]}, optional: true}
              mixed: [data/a.txt, {path: data/b.txt, optional: true}]
            output:
              - {path: "o/{f}.txt", temp: true, ensure: {non_empty: true}}
              - {path: "p/{f}.txt", protected: true}
              - {path: "d/{f}.d", deps: true}
              - {path: "e/{f}/", in_place: true, keep: true}
              - 'q/{f}.txt'
            log: {out: "log/{f}.out", err: {path: "log/{f}.err"}}
            run: m:g
          lone: {input: {path: data/a.txt, optional: true}}
          whole: {input: {call: m:h}}
        """,
    "every key of a rule": """
        config: {mode: fast, m: [1], cores: 2, t: 5, tool: [sort, -n], env: {A: 1}, p: {x: 1}}
        rules:
          a:
            doc: What it does.
            input: data/{f}.txt
            output: x/{f}.txt
            shell: cp {input} {output}
            params: {a: 1, b: [x, {c: null}], c: {call: m:f}}
            env: {LC_ALL: C, N: 1, E: }
            envvars: [HOME]
            constraints: {f: "[a-z]"}
            when: {mode: [fast, exact], "m[0]": 1}
            executor: thread
            cores: "{config.cores}"
            resources: {mem_mb: 2000.5, gpu: {call: m:g, with: {k: 1}}}
            retries: 2
            timeout: 1.5h
            priority: -1
            prefer: 1.5
            seed: {by: [f], key: word}
            prefix: [conda, run, -p, env]
            shell_prefix: module load x;
            shell_words: bash -c
            private: false
            always: true
            expires: 1d
            tags: early
          b: {output: o, argv: "{config.tool}", timeout: 30, seed: false, params: {call: m:f}}
          c: {output: p, script: s.py, args: [x, 1], seed: {key: w}, env: "{config.env}"}
          d: {scatter: [c], output: "c/{c}.txt", argv: [split, "{output}"], timeout: "{config.t}"}
          e: {output: q, run: m:f, params: "{config.p}", cores: {call: m:f}}
          f: {output: r, argv: [touch, r], prefix: nice -n 5}
        """,
    "sections with nothing in them": f"config:\nwildcards:\nresources:\ninclude:\ndefaults:\n{ALL}",
    "config of files": f"config: [local.yaml, {{path: no.yaml, optional: true}}, {{a: 1}}]\n{ALL}",
    "one config file": f"config: local.yaml\n{ALL}",
    "config that has a path": f"config: {{path: [1], optional: perhaps}}\n{ALL}",
    "includes": f"include: [more.yaml]\nseed: -3\n{ALL}",
    "pools": f"resources: {{api: 2, gpu: [0, 1], mem_mb: 1.5}}\n{ALL}",
    "defaults": f"defaults: {{cores: 2, params: {{a: 1}}, when: {{}}, input: {{x: y}}}}\n{ALL}",
    "anchors": "rules: {a: &a {output: x, shell: touch x}, b: {<<: *a, output: y}}",
}

A = "rules: {a: {output: x, shell: touch x, %s}}"
WRONG = {
    "no mapping": "- a",
    "an unknown top key": f"rulez: {{}}\n{ALL}",
    "an unknown rule key": "rules: {a: {inptu: x}}",
    "an unknown key of defaults": f"defaults: {{corse: 1}}\n{ALL}",
    "an action for all": f"defaults: {{shell: x}}\n{ALL}",
    "a rule that is a text": "rules: {a: x}",
    "a rule that is nothing": "rules: {a: }",
    "a list of rules": "rules: [a]",
    "a rule's name with a slash": "rules: {a/b: {input: x}}",
    "a seed that is a text": f"seed: many\n{ALL}",
    "outputs without an action": "rules: {a: {output: x}}",
    "two actions": A % "run: m:f",
    "args without a script": A % "args: [x]",
    "a function with a path": "rules: {a: {output: x, run: a/b.py:f}}",
    "a command in argv": "rules: {a: {output: x, argv: cp a b}}",
    "no words": "rules: {a: {output: x, argv: []}}",
    "no command": "rules: {a: {output: x, shell: }}",
    "a flag without its entry": "rules: {a: {input: {optional: true}}}",
    "a flag without its entry, in a list": "rules: {a: {input: [{one: true}]}}",
    "ensure without its entry": A.replace("x,", "{ensure: {non_empty: true}},", 1) % "doc: x",
    "a flag of outputs": "rules: {a: {input: {path: x, temp: true}}}",
    "a flag of inputs": A.replace("x,", "{path: x, one: true},", 1) % "doc: x",
    "a flag in a log": A % "log: {path: x, optional: true}",
    "a flag that is no flag": "rules: {a: {input: {path: x, optinal: true}}}",
    "a flag that is a word": "rules: {a: {input: {path: x, optional: maybe}}}",
    "two sources": "rules: {a: {input: {path: x, rule: b}}}",
    "after without a call": "rules: {a: {input: {path: x, after: y}}}",
    "a wildcard beside a call": 'rules: {a: {input: {call: "m:f", n: [1]}}}',
    "keep alone": A.replace("x,", "{path: x, keep: true},", 1) % "doc: x",
    "temp and protected": A.replace("x,", "{path: x, temp: true, protected: true},", 1) % "doc: x",
    "an unknown assertion": A.replace("x,", "{path: x, ensure: {size: 1}},", 1) % "doc: x",
    "a digest that is too short": A.replace("x,", "{path: x, ensure: {sha256: ab}},", 1) % "doc: x",
    "a path that lacks its quotes": "rules: {a: {input: {sample}}}",
    "an empty path": "rules: {a: {input: ''}}",
    "quoted cores": A % "cores: '4'",
    "negative cores": A % "cores: -1",
    "cores as a resource": A % "resources: {cores: 1}",
    "memory with a unit": A % "resources: {mem_mb: 4G}",
    "half a retry": A % "retries: 0.5",
    "a time in words": A % "timeout: 5min",
    "a yes": A % "always: yes",
    "a number as seed": A % "seed: 5",
    "an unknown key of seed": A % "seed: {bye: [x]}",
    "params as a list": A % "params: [1]",
    "a list in env": A % "env: {X: [1]}",
    "an unknown key of a call": A % 'params: {a: {call: "m:f", witth: {}}}',
    "when as a word": A % "when: fast",
    "a variable with its value": A % "envvars: [A=1]",
    "a pool that is a word": f"resources: {{api: many}}\n{ALL}",
    "an item twice": f"resources: {{gpu: [0, 0]}}\n{ALL}",
    "a config file that is perhaps optional": f"config: {{path: local.yaml, optional: 1}}\n{ALL}",
    "config that is a list in a list": f"config: [[a]]\n{ALL}",
    "a wildcard without values": f"wildcards: {{x: }}\n{ALL}",
    "an empty list of values": f"wildcards: {{x: []}}\n{ALL}",
    "rows for one name": f"wildcards: {{x: [[1], [2]]}}\n{ALL}",
    "values for two names": f"wildcards: {{'x, y': [1, 2]}}\n{ALL}",
    "two forms": f"wildcards: {{x: {{range: 3, values: [1]}}}}\n{ALL}",
    "no form": f"wildcards: {{x: {{open: true}}}}\n{ALL}",
    "a form that is none": f"wildcards: {{x: {{rnage: 3}}}}\n{ALL}",
    "an option of another form": f"wildcards: {{x: {{lines: names.txt, width: 3}}}}\n{ALL}",
    "a range of one in a list": f"wildcards: {{x: {{range: [3]}}}}\n{ALL}",
    "a range of words": f"wildcards: {{x: {{range: many}}}}\n{ALL}",
    "a wildcard with a dash": f"wildcards: {{a-b: [1]}}\n{ALL}",
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_the_loader_accepts_is_accepted(name: str, tmp_path: Path) -> None:
    text = dedent(RIGHT[name])
    load(text, tmp_path)
    assert mistakes(text) == []


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused_is_refused_by_the_loader_too(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileflowError):
        load(WRONG[name], tmp_path)
    assert mistakes(WRONG[name])
