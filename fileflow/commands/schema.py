"""`fileflow schema`: the JSON Schema of the Workflowfile, for editors.

Says which keys there are, what each is for and which values it takes. What only the loader can see
(names that stand for nothing, files that are missing) is left to it. Stricter in one thing, for the
sake of slips: where a text is wanted, `null` is none, and where a path is wanted, `true` is none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from fileflow.language.rule_book import BUILTIN_EXECUTORS
from fileflow.language.rule_reader import ACTIONS, NOT_FOR_ALL
from fileflow.model.patterns import NAME

Schema = dict[str, object]

_ONE_NAME = rf"^\s*{NAME}\s*$"
_SEVERAL_NAMES = rf"^\s*{NAME}\s*(,\s*{NAME}\s*)+$"
_RULE_NAME = r"^[^\s/{}-]([^/{}]*[^\s/{}])?$"


def schema(say: Callable[[str], object]) -> int:
    """Prints the schema; gives the exit status."""
    say(json.dumps(workflow_schema(), indent=2))
    return 0


def workflow_schema() -> Schema:
    """The schema of a Workflowfile, and of the files that it includes (JSON Schema 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": (
            "Save this as workflowfile.schema.json, and begin the Workflowfile with the line "
            "# yaml-language-server: $schema=workflowfile.schema.json"
        ),
        "title": "Workflowfile of fileflow",
        "description": "Rules that map input files to output files through path patterns.",
        "type": "object",
        "properties": _top_keys(),
        "additionalProperties": False,
        "$defs": {
            **_values(),
            **_calls(),
            **_entries(),
            **_wildcards(),
            "rule": _rule(),
        },
    }


# -- making schemas ------------------------------------------------------------------------------


def _is(name: str, description: str = "") -> Schema:
    """What is defined under a name, with words of its own."""
    made: Schema = {"description": description} if description else {}
    return {**made, "$ref": f"#/$defs/{name}"}


def _one_of(description: str, *ways: Schema) -> Schema:
    return {"description": description, "anyOf": list(ways)}


def _or_config(description: str, value: Schema) -> Schema:
    """A value, or the text `{config.…}` that stands for one."""
    return _one_of(description, value, _is("configured"))


def _mapping(values: Schema, **more: object) -> Schema:
    return {"type": "object", "additionalProperties": values, **more}


def _list(items: Schema, **more: object) -> Schema:
    return {"type": "array", "items": items, **more}


def _object(keys: Schema, **more: object) -> Schema:
    return {"type": "object", "properties": keys, "additionalProperties": False, **more}


def _has(*keys: str) -> list[Schema]:
    """For each key that it is there."""
    return [{"required": [key]} for key in keys]


def _at_most_one(keys: Iterable[str]) -> Schema:
    some = _has(*keys)
    return {"oneOf": [*some, {"not": {"anyOf": some}}]}


def _is_true(key: str) -> Schema:
    return {"properties": {key: {"const": True}}, "required": [key]}


# -- the file ------------------------------------------------------------------------------------


def _top_keys() -> Schema:
    config = (
        "Values for `{config.…}`: a mapping, a YAML or JSON file, or a list of these, merged key "
        "by key, later ones over earlier ones; `--config` wins over all."
    )
    wildcards = (
        "Where the values of wildcards come from: a name, or several that go together as rows "
        "(`site, day`), and the files, list, range or sheet that has their values."
    )
    resources = (
        "How much there is of named pools, such as `{api: 2}`, or their items, such as "
        "`{gpu: [0, 1]}`; `--resources` wins. Only in the top Workflowfile."
    )
    rules = "The rules by name; the first one is what a bare `fileflow` builds."
    return {
        "seed": _or_config(
            "From this whole number each job's own seed is derived; 0 if it is not said. Only in "
            "the top Workflowfile.",
            {"type": "integer", "default": 0},
        ),
        "config": _one_of(config, _is("configLayer"), _list(_is("configLayer")), {"type": "null"}),
        "wildcards": {
            "description": wildcards,
            "type": ["object", "null"],
            "patternProperties": {
                _ONE_NAME: _is("values"),
                _SEVERAL_NAMES: _is("rows"),
            },
            "additionalProperties": False,
        },
        "resources": _one_of(
            resources,
            _mapping(_is("pool"), propertyNames={"not": {"const": "cores"}}),
            _is("configured"),
            {"type": "null"},
        ),
        "include": _one_of(
            "Other files with config, wildcards, defaults, rules and include; paths in them stay "
            "relative to the top Workflowfile.",
            _is("texts"),
            {"type": "null"},
        ),
        "defaults": {
            "description": "Keys for all rules of this file; a rule's own win, mappings are "
            "merged.",
            "type": ["object", "null"],
            "properties": {k: v for k, v in _rule_keys().items() if k not in NOT_FOR_ALL},
            "additionalProperties": False,
        },
        "rules": {
            "description": rules,
            "type": ["object", "null"],
            "propertyNames": {"pattern": _RULE_NAME},
            "additionalProperties": _is("rule"),
        },
    }


def _values() -> Schema:
    """Single values."""
    file: Schema = {
        "properties": {"path": {"type": "string"}},
        "required": ["path"],
        "propertyNames": {"enum": ["path", "optional"]},
    }
    return {
        "configured": {
            "description": "A value of config, whose kind it has: `{config.model.rate}`.",
            "type": "string",
            "pattern": r"^\{config.*\}$",
        },
        "text": {"type": ["string", "number", "boolean"]},
        "cell": {"type": ["string", "number", "boolean", "null"]},
        "texts": {"anyOf": [_is("text"), _list(_is("text"))]},
        "path": {"type": ["string", "number"], "minLength": 1},
        "boolean": {"anyOf": [{"type": "boolean"}, _is("configured")]},
        "number": {"anyOf": [{"type": "number"}, _is("configured")]},
        "duration": {
            "description": "Seconds, or a number with s, m, h or d: 30, 10s, 5m, 1h, 2d.",
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)[smhd]?$"},
                _is("configured"),
            ],
        },
        "function": {
            "description": "module:function, such as rules.flights:tidy for the function tidy in "
            "rules/flights.py.",
            "type": "string",
            "pattern": r"^[^\s:/]+:[^\s:/]+$|\{config",
        },
        "pool": {
            "anyOf": [
                {"type": "number", "minimum": 0},
                _list(_is("text"), uniqueItems=True),
                _is("configured"),
            ]
        },
        "configLayer": {
            "anyOf": [
                {"description": "A YAML or JSON file with config.", "type": "string"},
                {
                    "type": "object",
                    "properties": {
                        "path": {"description": "A YAML or JSON file with config."},
                        "optional": {"description": "Whether that file may be missing."},
                    },
                    "if": file,
                    "then": {"properties": {"optional": {"type": "boolean"}}},
                },
            ]
        },
    }


def _calls() -> Schema:
    """Functions that are asked while planning."""
    names = "the wildcards and columns of the job, `config`, `after`, and what `with` gives"
    return {
        "call": _object(_call_keys(names), required=["call"]),
        "callOrValue": {
            "if": {"type": "object", "required": ["call"]},
            "then": _is("call"),
        },
        "amount": {
            "anyOf": [{"type": "number", "minimum": 0}, _is("call"), _is("configured")],
        },
    }


def _call_keys(names: str) -> Schema:
    return {
        "call": _is(
            "function",
            f"A function, module:function, that gives the value; by the names of its parameters "
            f"it gets {names}.",
        ),
        "after": _is(
            "texts",
            "A pattern, or several: the function is called once these files are made. They are no "
            "inputs: if the answer stays, the job stays fresh.",
        ),
        "with": _or_config("Further arguments for the function, by name.", _mapping({})),
    }


# -- entries of input, output and log --------------------------------------------------------------


def _entries() -> Schema:
    when = _is("when", "The entry is as if optional and missing unless config has these values.")
    path = _one_of("A path pattern, or a list of them.", _is("path"), _list(_is("path")))
    call_keys = _call_keys("what it asks for: wildcards, columns, `config`, `after`")
    input_keys: Schema = {
        "path": path,
        **call_keys,
        "rule": _is("text", "The name of a rule: all that this rule makes or asks for."),
        "order_only": _is("boolean", "It must be there, but its content is no reason to rebuild."),
        "optional": _is(
            "boolean", "No error if there is no file and no rule that can make it: None."
        ),
        "one": _is("boolean", "The rows give exactly one path: a single file, no list."),
        "when": when,
    }
    output_keys: Schema = {
        "path": path,
        "temp": _is("boolean", "Deleted when no job of this run needs it any more."),
        "protected": _is("boolean", "Made read-only; stale, its job fails unless forced."),
        "ensure": _or_config(
            "What must hold of it, else the job fails.",
            _object(
                {
                    "non_empty": _is("boolean", "It holds something."),
                    "sha256": _or_config(
                        "Its SHA-256, 64 hexadecimal digits.",
                        {"type": ["string", "number"], "pattern": "^[0-9a-fA-F]{64}$"},
                    ),
                }
            ),
        ),
        "deps": _is(
            "boolean", "What this file names (a makefile rule, or a path per line) are inputs."
        ),
        "in_place": _is("boolean", "Made under its own name, not in a staging folder."),
        "keep": _is("boolean", "With in_place: another attempt goes on with what is there."),
        "when": when,
    }
    sources = ("path", "call", "rule")
    without_path = [key for key in input_keys if key != "path"]
    kinds: dict[str, tuple[Schema, Schema]] = {
        "input": (
            input_keys,
            {
                "oneOf": _has(*sources),
                "dependentRequired": {"after": ["call"], "with": ["call"]},
                "if": {"required": ["path"]},
                "else": {"propertyNames": {"enum": without_path}},
            },
        ),
        "output": (
            output_keys,
            {
                "required": ["path"],
                "allOf": [
                    {"if": _is_true("keep"), "then": _is_true_or_config("in_place")},
                    {"not": {"allOf": [_is_true("temp"), _is_true("protected")]}},
                ],
            },
        ),
        "log": ({"path": path}, {"required": ["path"]}),
    }
    made: Schema = {"when": _when()}
    for kind, (keys, more) in kinds.items():
        entry, item = f"{kind}Entry", f"{kind}Item"
        own = _is("valuesOrRows", "Values for a wildcard of its own, {path: 'raw/{n}', n: [1, 2]}.")
        made[entry] = {
            "type": "object",
            "properties": keys,
            "additionalProperties": False if kind == "log" else own,
            **more,
        }
        made[item] = {"anyOf": [_is("path"), _list(_is(item)), _is(entry)]}
        named = _mapping(
            _is(item),
            propertyNames={"pattern": r"\S"},
            description="Names, by which the action has the files, and their paths.",
        )
        made[f"{kind}s"] = {
            "anyOf": [
                _is("path"),
                _list(_is(item)),
                _is(entry),
                {**named, "not": {"anyOf": _has(*sources)}},
            ]
        }
    return made


def _is_true_or_config(key: str) -> Schema:
    return {"properties": {key: {"not": {"const": False}}}, "required": [key]}


def _when() -> Schema:
    value: Schema = {"anyOf": [_is("cell"), _list(_is("cell"))]}
    return {"anyOf": [_mapping(value), _is("configured")]}


# -- wildcards -------------------------------------------------------------------------------------


def _wildcards() -> Schema:
    files: Schema = {
        "description": "A pattern: the values are those of the files that match.",
        "type": "string",
    }
    values = _list(_is("cell"), minItems=1, description="The values, as they are written.")
    rows = _list(_list(_is("cell"), minItems=1), minItems=1, description="The rows.")
    return {
        "values": _long_or(files, values),
        "rows": _long_or(files, rows),
        "valuesOrRows": _long_or(files, values, rows),
        "longForm": _long_form(),
    }


def _long_or(*short: Schema) -> Schema:
    """A long form, if it is a mapping: so that what is said of a wrong one is said of its keys."""
    return {"if": {"type": "object"}, "then": _is("longForm"), "else": {"anyOf": list(short)}}


def _long_form() -> Schema:
    names: Schema = {"anyOf": [_is("text"), _list(_is("text"), minItems=1)]}
    whole: list[Schema] = [{"type": "integer"}, _is("configured")]
    filter_values: Schema = {"anyOf": [_is("cell"), _list(_is("cell"))]}
    forms: Schema = {
        "files": _is("text", "A pattern: the values are those of the files that match."),
        "values": _or_config("A list of values.", _list(_is("cell"), minItems=1)),
        "rows": _or_config(
            "A list of rows, each a list with a value for each name.",
            _list(_list(_is("cell"), minItems=1), minItems=1),
        ),
        "range": _one_of(
            "Whole numbers: their number, [start, end] or [start, end, step]; the end is excluded.",
            *whole,
            _list({"anyOf": whole}, minItems=2, maxItems=3),
        ),
        "table": _is("text", "A sheet with a header, whose columns have the values (.tsv, .csv)."),
        "lines": _is("text", "A text file, each line of which is a value."),
        "keys": {
            "description": "The keys of nested mappings of config, level by level: config.samples.",
            "type": ["string", "object", "array"],
        },
        "pairs": {
            "description": "Names of another key, each two of whose values make a row.",
            **names,
        },
        "same": {"description": "Names of another key, whose values these are too.", **names},
    }
    options: Schema = {
        "width": _or_config(
            "Of range: digits, padded with zeros.", {"type": "integer", "minimum": 1}
        ),
        "columns": _or_config(
            "Of table: for a name the header of its column, or in a sheet without header its "
            "number, from 1.",
            _mapping(_is("text")),
        ),
        "comment": _is("text", "Of table: how lines to skip begin."),
        "both": _is("boolean", "Of pairs: in both orders."),
        "self": _is("boolean", "Of pairs: each value with itself too."),
        "match": _or_config(
            "For a name the regular expression that its values match whole, here and everywhere.",
            _mapping(_is("text")),
        ),
        "where": _or_config("Only the rows with these values.", _mapping(filter_values)),
        "except": _or_config("Without the rows with these values.", _mapping(filter_values)),
        "open": _is("boolean", "A path that is asked for may bring other values."),
    }
    return {
        "description": "Where the values come from, and which of them count.",
        **_object({**forms, **options}),
        "oneOf": _has(*forms),
        "dependentRequired": {
            "width": ["range"],
            "columns": ["table"],
            "comment": ["table"],
            "both": ["pairs"],
            "self": ["pairs"],
        },
    }


# -- rules -----------------------------------------------------------------------------------------


def _rule() -> Schema:
    return {
        "description": "How files are made: input, output and one action; without the last two it "
        "only asks for its inputs.",
        **_object(_rule_keys()),
        "allOf": [
            _at_most_one(ACTIONS),
            {"if": {"required": ["output"]}, "then": {"anyOf": _has(*ACTIONS)}},
        ],
        "dependentRequired": {"args": ["script"]},
    }


def _rule_keys() -> Schema:
    return {**_file_keys(), **_action_keys(), **_running_keys(), **_choosing_keys()}


def _file_keys() -> Schema:
    return {
        "doc": _is("text", "What the rule is for: the first line is shown by `fileflow list`."),
        "input": _is(
            "inputs",
            "A path pattern, a list of them, a mapping of names to these, or an entry with flags; "
            "paths are relative to the Workflowfile. A wildcard that is in no output is gathered: "
            "the job takes all its values.",
        ),
        "output": _is(
            "outputs",
            "A path pattern, a list of them, a mapping of names to these, or an entry with flags; "
            "a final / makes a folder. A wildcard here is mapped: one job per value.",
        ),
        "log": _is(
            "logs",
            "Files that the action writes as `{log}`; there also when the job fails, and no reason "
            "to rebuild.",
        ),
        "constraints": _or_config(
            "For a wildcard the regular expression (Python's) that its value matches whole.",
            _mapping(_is("text")),
        ),
        "scatter": _is(
            "texts", "Wildcards of the outputs whose values the job decides as it runs."
        ),
    }


def _action_keys() -> Schema:
    words = "words, or a list of them, before the command of shell, argv and script"
    variable: Schema = {"type": "string", "pattern": "^[^=]+$"}
    return {
        "run": _is(
            "function",
            "A Python function, module:function; its parameters are bound by name to inputs, "
            "outputs, params, wildcards, rng, …",
        ),
        "shell": _is(
            "text",
            "A command for bash; `{input}`, `{output}`, `{params.x}`, … are filled in, quoted.",
        ),
        "argv": _or_config("A list of words, run without a shell.", _list(_is("text"), minItems=1)),
        "script": _is("text", "A file that is run as a command: .py, .R, .jl, .sh or .ipynb."),
        "args": _is("texts", "The words after a script; if not said, its inputs and outputs."),
        "params": _or_config(
            "Values for the action, by name; `{call: module:function}` asks a function.",
            {
                "if": {"required": ["call"]},
                "then": _is("call"),
                "else": _mapping(_is("callOrValue")),
                "type": "object",
            },
        ),
        "env": _or_config("Environment variables for the action.", _mapping(_is("cell"))),
        "envvars": _one_of(
            "Names of environment variables that must be set outside and are passed on; their "
            "values are shown nowhere.",
            variable,
            _list(variable),
        ),
        "prefix": _is("texts", f"What runs the command: {words}, as [conda, run, -p, env]."),
        "shell_prefix": _is("text", "Text before that of shell, such as `module load x;`."),
        "shell_words": _is("texts", "The shell itself, if it is not bash -euo pipefail -c."),
        "private": _is("boolean", "The action runs in a folder of its own, with its inputs in it."),
        "seed": _or_config(
            "Whether the action draws random numbers, or what its seed is made of.",
            {
                "anyOf": [
                    {"type": "boolean"},
                    _object(
                        {
                            "by": _is("texts", "The wildcards and columns that count."),
                            "key": _is("text", "A word that rules may have in common."),
                        }
                    ),
                ]
            },
        ),
    }


def _running_keys() -> Schema:
    executors: Schema = {"enum": list(BUILTIN_EXECUTORS)}
    return {
        "executor": _one_of(
            "Where functions run: process if not said; or an installed plug-in.",
            executors,
            {"type": "string"},
        ),
        "cores": _is("amount", "How many cores of -j a job takes: 1 if not said."),
        "resources": _or_config(
            "How much of named pools a job takes, such as {mem_mb: 2000, gpu: 1}.",
            _mapping(_is("amount"), propertyNames={"not": {"const": "cores"}}),
        ),
        "retries": _or_config("Tries after a failure.", {"type": "integer", "minimum": 0}),
        "timeout": _is("duration", "Longer than this, and a try has failed: 30, 10s, 5m, 1h, 2d."),
        "priority": _is("number", "Larger starts earlier."),
    }


def _choosing_keys() -> Schema:
    return {
        "when": _is("when", "The rule is there only if config has these values: {mode: [a, b]}."),
        "prefer": _is("number", "Larger is preferred where two rules make one path."),
        "always": _is("boolean", "Built in each run that needs it."),
        "expires": _is("duration", "Outputs that were recorded longer ago are stale."),
        "tags": _is("texts", "Words to select by, with --tag."),
    }
