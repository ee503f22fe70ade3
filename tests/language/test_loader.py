"""The loader: a workflow that says everything, and what is said of every wrong use."""

from __future__ import annotations

import os
import time
from importlib import metadata
from pathlib import Path
from textwrap import dedent

import pytest

from fileflow.errors import FileflowError
from fileflow.language.loader import load_workflow
from fileflow.language.yaml_nodes import Scalar, Sequence, python_value
from fileflow.model.rules import (
    Argv,
    Call,
    Ensure,
    Entry,
    Pool,
    Rule,
    Run,
    Script,
    SeedBy,
    Shell,
    Workflow,
)
from fileflow.world.files import RealDisk
from tests.language.loader_mistakes import MISTAKES, Said

EVERYTHING = r"""
seed: "{config.seed}"
include: "flow/{config.mode}.yaml"
config:
  - {seed: 2013, mode: fast, out: build, n: 3, names: [a, b]}
  - {path: settings.json}
  - {path: local.yaml, optional: true}
  - rate: {a: {low: 1}, b: {low: 2}}
    tool: [sort, -n]
    bam: "data/{sample}.txt"
    nested: "{config.out}/nested"
    title: "{title} of {sample}"
wildcards:
  sample: {files: "data/{sample}.txt", match: {sample: "[a-z]+"}}
  sample, lane, unit: {table: samples.tsv}
  rep: {range: "{config.n}"}
  item: {lines: build/items.txt}
resources: {api: 2, gpu: [0, 1]}
defaults:
  params: {k: 1, deep: {x: 1}}
  env: {LC_ALL: C}
  shell_prefix: "set -x;"
  tags: [base]
  resources: {api: 1}
  constraints: {sample: "[a-z]+"}
rules:
  all:
    doc: Everything.
    input:
      - {rule: gather}
      - {path: build/extra.txt, when: {mode: exact}}
      - build/own/{rep}.txt
  copy:
    input:
      bam: "{config.bam}"
      more: "{config.names}"
      none: []
      old: {path: data/ref.txt, order_only: true}
    output:
      txt: "{config.nested}/{sample}.txt"
      idx: {path: "{params.dir}/{sample}.idx", temp: true}
    log: build/logs/{sample}.log
    params:
      dir: "{config.out}/idx"
      n: "{config.n}"
      names: "{config.names}"
      rate: "{config.rate[sample].low}"
      text: "n={config.n} of {sample}, {unit:each}"
      title: "{config.title}"
      opts: {call: "lib.calls:opts", with: {depth: 3, who: "{sample}"}}
      number: 01
      deep: {y: 2}
    env: {OUT: "{config.out}", WHO: "{sample}"}
    shell: |
      {config.tool} "{input.bam}" {input.more} {params.deep.x} > {output.txt}
      awk '{print $1}' {input[0]} {resources.api} {config.rate[sample].low} > {output.idx}
      echo {seed} {cores} {rule} {attempt} {lane:each} > {log}
    retries: 2
    timeout: 5m
    priority: 3
    prefer: 1.5
    seed: {by: [sample, lane], key: word}
    cores: {call: "lib.calls:cores"}
    resources: {mem_mb: 2000}
    envvars: [TOKEN]
    prefix: nice -n {config.n}
    shell_words: [bash, -c]
    private: true
    always: true
    expires: 1d
    executor: process
    tags: heavy
  gather:
    input:
      files: build/nested/{sample}.txt
      index: ["{rules.copy.output.idx}"]
      one: {path: "data/{sample}.txt", one: true}
      dyn:
        call: lib.calls:inputs
        after: build/nested/{sample}.txt
        with: {x: 1}
        optional: true
    output:
      out: {path: build/gathered.txt, protected: true, ensure: {non_empty: true}}
      tree: {path: build/tree/, in_place: true, keep: true}
      deps: {path: build/gathered.d, deps: true}
    argv: [tool, "{sample}={input.files}", "{input.one}"]
  split:
    input: data/big.csv
    output: build/chunks/{rep}/{chunk}.csv
    scatter: chunk
    script: scripts/split.py
    args: [--n, "{config.n}", "{input}", "{output}"]
  merge:
    input: build/chunks/{rep}/{chunk}.csv
    output: build/merged/{rep}.csv
    params: {call: lib.calls:params}
    run: lib.merge:merge
    seed: false
    cores: 4
  items:
    input: build/gathered.txt
    output: build/items.txt
    shell: ls > {output}
  own:
    input: {path: "raw/{n}.txt", n: [1, 2]}
    output: build/own/{rep}.txt
    shell: cat {input} > {output}
"""

FAST = """
config: {mode: never, extra: 7}
rules:
  inc:
    input: data/{sample}.txt
    output: build/inc/{sample}.txt
    shell: cp {input} {output}
  exact_only:
    when: {mode: [exact, slow]}
    output: build/extra.txt
    shell: touch {output}
"""


def load(folder: Path, text: str, *config_args: str, **files: str) -> Workflow:
    (folder / "Workflowfile").write_text(dedent(text).lstrip("\n"))
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(dedent(content).lstrip("\n"))
    return load_workflow(
        RealDisk(str(folder)), "Workflowfile", str(folder), config_args=config_args
    )


def mistakes(folder: Path, text: str, *config_args: str, **files: str) -> list[FileflowError]:
    with pytest.raises(FileflowError) as caught:
        load(folder, text, *config_args, **files)
    return list(caught.value.errors)


def mistake(folder: Path, text: str, *config_args: str, **files: str) -> FileflowError:
    (error,) = mistakes(folder, text, *config_args, **files)
    return error


def paths(entries: tuple[Entry, ...]) -> list[str]:
    return [str(entry.pattern) for entry in entries]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    folder = tmp_path_factory.mktemp("everything")
    (folder / "data").mkdir()
    (folder / "flow").mkdir()
    for name in ("x", "y"):
        (folder / "data" / f"{name}.txt").touch()
    (folder / "samples.tsv").write_text("sample\tlane\tunit\nx\t1\tu1\nx\t2\tu2\ny\t1\tu3\n")
    (folder / "settings.json").write_text('{"json": 1.10}')
    (folder / "flow" / "fast.yaml").write_text(FAST)
    return load(folder, EVERYTHING)


# ---- a workflow that says everything ---------------------------------------------------------


def test_rules_stand_in_file_order_and_those_of_the_top_file_come_first(
    everything: Workflow,
) -> None:
    names = ["all", "copy", "gather", "split", "merge", "items", "own", "inc"]
    assert list(everything.rules) == names


def test_a_rule_whose_condition_is_not_met_is_absent_with_its_reason(everything: Workflow) -> None:
    assert [(name, rule.why) for name, rule in everything.absent.items()] == [
        ("exact_only", "config.mode is exact or slow (it is fast)")
    ]


def test_seed_config_and_pools_are_read_with_config_filled_in(everything: Workflow) -> None:
    assert everything.seed == 2013
    config = python_value(everything.config)
    assert isinstance(config, dict)
    assert config["nested"] == "build/nested"
    assert config["mode"] == "fast"
    assert config["extra"] == 7
    assert config["json"] == 1.1
    assert everything.resources == {"api": Pool(2), "gpu": Pool(2, ("0", "1"))}


def test_relations_hold_rows_and_a_scattered_wildcard_is_one_without_rows(
    everything: Workflow,
) -> None:
    relations = {relation.names: relation for relation in everything.relations}
    assert len(relations["sample", "lane", "unit"]) == 3
    assert relations["item",].made is not None
    scattered = relations["chunk", "rep"]
    assert scattered.scattered_by == "split"
    assert scattered.path_names == {"rep"}
    assert scattered.columns == ([], [])
    assert everything.constraints == {"sample": ("[a-z]+",)}


def test_paths_are_filled_with_config_params_and_outputs_of_rules(everything: Workflow) -> None:
    copy, gather = everything.rules["copy"], everything.rules["gather"]
    assert paths(copy.outputs) == ["build/nested/{sample}.txt", "build/idx/{sample}.idx"]
    assert [entry.written for entry in copy.outputs] == [
        "{config.nested}/{sample}.txt",
        "{params.dir}/{sample}.idx",
    ]
    assert paths(gather.inputs)[1] == "build/idx/{sample}.idx"


def test_entries_keep_their_names_and_whether_they_stood_in_a_list(everything: Workflow) -> None:
    shown = [
        (entry.name, entry.listed, entry.absent, str(entry.pattern))
        for entry in everything.rules["copy"].inputs
    ]
    assert shown == [
        ("bam", False, False, "data/{sample}.txt"),
        ("more", True, False, "a"),
        ("more", True, False, "b"),
        ("none", True, True, "None"),
        ("old", False, False, "data/ref.txt"),
    ]
    assert [entry.listed for entry in everything.rules["all"].inputs] == [True, True, True]


def test_flags_of_entries_are_read(everything: Workflow) -> None:
    ask, extra, _ = everything.rules["all"].inputs
    assert ask.rule == "gather"
    assert (extra.optional, extra.absent) == (True, True)
    _, _, _, _, old = everything.rules["copy"].inputs
    assert old.order_only
    assert everything.rules["copy"].outputs[1].temp
    _, _, one, dyn = everything.rules["gather"].inputs
    assert one.one
    assert dyn.optional
    assert dyn.call is not None
    assert (dyn.call.module, dyn.call.function) == ("lib.calls", "inputs")
    assert [str(path) for path in dyn.call.after] == ["build/nested/{sample}.txt"]
    out, tree, deps = everything.rules["gather"].outputs
    assert out.protected
    assert out.ensure == Ensure(non_empty=True)
    assert (tree.in_place, tree.keep, deps.deps) == (True, True, True)
    assert tree.pattern is not None
    assert tree.pattern.directory


def test_an_entry_has_wildcards_of_its_own(everything: Workflow) -> None:
    (entry,) = everything.rules["own"].inputs
    assert entry.own is not None
    assert entry.own.names == ("n",)
    assert entry.own.column("n") == ["1", "2"]


def test_params_keep_types_and_what_only_a_job_can_fill_in(everything: Workflow) -> None:
    params = everything.rules["copy"].params
    texts = {name: node.text for name, node in params.items() if isinstance(node, Scalar)}
    assert texts == {
        "k": "1",
        "dir": "build/idx",
        "n": "3",
        "rate": "{config.rate[sample].low}",
        "text": "n=3 of {sample}, {unit:each}",
        "title": "{{title}} of {sample}",
        "number": "01",
    }
    assert isinstance(params["names"], Sequence)
    assert python_value(params["deep"]) == {"x": 1, "y": 2}  # type: ignore[arg-type]
    opts = params["opts"]
    assert isinstance(opts, Call)
    assert opts.extra is not None
    assert python_value(opts.extra) == {"depth": 3, "who": "{sample}"}
    assert everything.rules["merge"].params_call is not None
    assert everything.rules["merge"].params == {}


def test_defaults_are_merged_and_the_keys_of_the_rule_win(everything: Workflow) -> None:
    copy, gather = everything.rules["copy"], everything.rules["gather"]
    assert set(copy.env) == {"LC_ALL", "OUT", "WHO"}
    assert (copy.tags, gather.tags) == (("heavy",), ("base",))
    assert {name: pool.number for name, pool in copy.resources.items()} == {
        "api": 1,
        "mem_mb": 2000,
    }
    assert copy.shell_prefix is not None
    assert everything.rules["inc"].tags == ()


def test_actions_of_all_kinds_are_read(everything: Workflow) -> None:
    kinds = {name: type(rule.action) for name, rule in everything.rules.items()}
    assert kinds == {
        "all": type(None),
        "copy": Shell,
        "gather": Argv,
        "split": Script,
        "merge": Run,
        "items": Shell,
        "own": Shell,
        "inc": Shell,
    }
    assert everything.rules["all"].asks_only
    script = everything.rules["split"].action
    assert isinstance(script, Script)
    assert script.args is not None
    assert [word.text for word in script.args] == ["--n", "{config.n}", "{input}", "{output}"]


def test_single_values_are_read(everything: Workflow) -> None:
    copy, merge = everything.rules["copy"], everything.rules["merge"]
    assert (copy.retries, copy.timeout, copy.priority, copy.prefer) == (2, 300, 3, 1.5)
    assert (copy.private, copy.always, copy.expires) == (True, True, 86400)
    assert copy.seed == SeedBy(counts=True, by=("sample", "lane"), key="word")
    assert merge.seed == SeedBy(counts=False)
    assert copy.cores.call is not None
    assert (merge.cores.number, merge.cores_said) == (4, True)
    assert (copy.envvars, copy.executor, copy.doc) == (("TOKEN",), "process", "")
    assert everything.rules["all"].doc == "Everything."
    assert [word.text for word in copy.prefix] == ["nice", "-n", "{config.n}"]
    assert copy.shell_words is not None
    assert [word.text for word in copy.shell_words] == ["bash", "-c"]
    assert everything.rules["split"].scatter == ("chunk",)


def test_a_rule_knows_the_config_that_it_names(everything: Workflow) -> None:
    copy = everything.rules["copy"]
    assert set(copy.config_named) == {"tool", "out", "n", "names", "title"}
    assert not copy.names_whole_config


# ---- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_its_place_and_its_cure(
    tmp_path: Path, text: str, said: Said
) -> None:
    error = mistake(tmp_path, text, rules="rules: {}")
    place, what, hint = said
    assert error.place is not None
    assert f"{error.place.line}:{error.place.column}" == place
    assert error.what.startswith(what)
    assert (error.hint or "").startswith(hint)
    assert bool(error.hint) == bool(hint)


def test_several_mistakes_are_named_in_one_go(tmp_path: Path) -> None:
    text = """
        sed: 3
        rules:
          a:
            inptu: x
            cores: many
          b:
            output: y
            shell: cp {inptu} {output}
    """
    found = [str(error.place) for error in mistakes(tmp_path, text)]
    assert found == [
        "Workflowfile:1:1",
        "Workflowfile:4:5",
        "Workflowfile:5:12",
        "Workflowfile:8:15",
    ]


def test_a_mistake_shows_its_line_with_a_caret(tmp_path: Path) -> None:
    error = mistake(tmp_path, "rules:\n  a:\n    inptu: x\n")
    assert str(error).splitlines() == [
        "Workflowfile:3:5: the rule 'a' has no key 'inptu'",
        "      inptu: x",
        "      ^",
        "  did you mean 'input'?",
    ]


def test_two_rules_of_one_name_are_named_with_both_places(tmp_path: Path) -> None:
    text = "include: more.yaml\nrules:\n  a: {input: x}\n"
    error = mistake(tmp_path, text, more="rules:\n  a: {input: y}\n")
    assert "more.yaml:2:3" in str(error.place)
    assert error.what == "there is a rule 'a' already, at Workflowfile:3:3"


def test_one_wildcard_key_in_two_files_is_named_with_both_places(tmp_path: Path) -> None:
    text = "include: more.yaml\nwildcards:\n  a,b: [[1, 2]]\nrules:\n  r: {input: x}\n"
    error = mistake(tmp_path, text, more="wildcards:\n  a, b: [[1, 2]]\n")
    assert str(error.place) == "more.yaml:2:3"
    assert error.what == "a, b has values already, at Workflowfile:3:3"


def test_files_that_include_each_other_are_named_as_a_ring(tmp_path: Path) -> None:
    text = "include: more.yaml\nrules:\n  r: {input: x}\n"
    error = mistake(tmp_path, text, more="include: ./Workflowfile\n")
    assert str(error.place) == "more.yaml:1:10"
    assert error.what.endswith("in a ring: Workflowfile → more.yaml → Workflowfile")


def test_seed_and_resources_stand_only_on_top(tmp_path: Path) -> None:
    text = "include: more.yaml\nrules:\n  r: {input: x}\n"
    found = mistakes(tmp_path, text, more="seed: 1\nresources: {a: 1}\n")
    assert [str(error.place) for error in found] == ["more.yaml:1:1", "more.yaml:2:1"]
    assert found[0].what == "seed stands only in the top Workflowfile"


def test_a_file_that_is_not_there_or_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileflowError, match="there is no file Workflowfile"):
        load_workflow(RealDisk(str(tmp_path)), "Workflowfile", str(tmp_path))
    assert "Workflowfile is empty" in mistake(tmp_path, "# nothing\n").what


def test_a_key_of_the_command_line_that_nothing_has_is_an_error(tmp_path: Path) -> None:
    text = "config: {model: {lr: 1}}\nrules:\n  r: {input: x}\n"
    error = mistake(tmp_path, text, "model.rl=2")
    assert error.what == "--config model.rl=…: no config has model.rl, and no rule names it"
    assert error.hint == "did you mean 'model.lr'?"


# ---- what is let pass --------------------------------------------------------------------------


def only(workflow: Workflow) -> Rule:
    (rule,) = workflow.rules.values()
    return rule


def test_texts_stay_as_they_are_written(tmp_path: Path) -> None:
    rule = only(load(tmp_path, "rules:\n  r: {input: [01, 1.10, true], doc: yes}\n"))
    assert paths(rule.inputs) == ["01", "1.10", "true"]
    assert rule.doc == "yes"


def test_names_of_inputs_may_be_words_that_flags_have_too(tmp_path: Path) -> None:
    rule = only(load(tmp_path, "rules:\n  r: {input: {one: a.txt, temp: [b.txt]}}\n"))
    assert [entry.name for entry in rule.inputs] == ["one", "temp"]


def test_config_of_the_command_line_may_give_what_only_a_condition_names(tmp_path: Path) -> None:
    text = """
        rules:
          all: {input: x}
          a:
            when: {trim.active: true}
            output: y
            shell: touch y
    """
    absent = load(tmp_path, text).absent
    assert absent["a"].why == "config.trim.active is true (config has none)"
    assert "a" in load(tmp_path, text, "trim.active=true").rules


def test_a_condition_on_what_is_nearly_in_config_is_warned_of(tmp_path: Path) -> None:
    text = """
        config: {mode: fast}
        rules:
          all: {input: [x, {path: z, when: {mide: fast}}]}
          a:
            when: {moed: fast}
            output: y
            shell: touch y
    """
    workflow = load(tmp_path, text)
    assert "a" in workflow.absent
    assert sorted(warning.partition(": ")[2] for warning in workflow.warnings) == [
        "`when` asks for config.mide, and config has none: did you mean 'mode'?",
        "`when` asks for config.moed, and config has none: did you mean 'mode'?",
    ]
    assert workflow.warnings[0].startswith("Workflowfile:5:12: ")


def test_two_versions_of_one_rule_may_have_one_name_if_one_is_there(tmp_path: Path) -> None:
    text = "config: {mode: a}\ninclude: [one.yaml, two.yaml]\nrules:\n  all: {input: x}\n"
    one = "rules:\n  r: {when: {mode: a}, output: y, shell: touch y}\n"
    two = "rules:\n  r: {when: {mode: b}, output: y, shell: touch z}\n"
    workflow = load(tmp_path, text, one=one, two=two)
    assert list(workflow.rules) == ["all", "r"]
    assert workflow.absent == {}


def test_a_comment_after_a_whole_command_is_a_comment(tmp_path: Path) -> None:
    text = "rules:\n  r:\n    output: y\n    shell: sort x > {output}  # by name\n"
    action = only(load(tmp_path, text)).action
    assert isinstance(action, Shell)
    assert action.template.text == "sort x > {output}"


def test_braces_that_hold_no_name_stay_in_commands_and_params(tmp_path: Path) -> None:
    text = """
        rules:
          r:
            output: y
            params: {json: '{"a": 1}', twice: '{{input}}', awk: '{print $1}'}
            shell: awk '{print $1}' ${HOME}/x {{input}} > {output}
    """
    assert set(only(load(tmp_path, text)).params) == {"json", "twice", "awk"}


def test_a_file_that_a_rule_makes_is_no_value(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "made.txt"):
        (tmp_path / name).touch()
    text = """
        wildcards: {x: "{x}.txt"}
        rules:
          r: {output: made.txt, shell: touch made.txt}
    """
    workflow = load(tmp_path, text)
    assert workflow.relations[0].columns == (["a", "b"],)
    assert workflow.passed_over == {"x": 1}


def test_constraints_count_for_which_files_a_rule_makes(tmp_path: Path) -> None:
    for name in ("raw1.txt", "raw2.txt"):
        (tmp_path / name).touch()
    text = """
        wildcards: {x: "raw{x}.txt"}
        rules:
          r: {output: "{y}.txt", constraints: {y: "raw2"}, shell: "touch {output}"}
    """
    assert load(tmp_path, text).relations[0].columns == (["1"],)


def test_absolute_paths_and_those_above_the_folder_are_allowed(tmp_path: Path) -> None:
    text = "config: {ref: /ref/}\nrules:\n  r: {input: ['{config.ref}/hg.fa', ../x/./y, ~/z]}\n"
    assert paths(only(load(tmp_path, text)).inputs) == ["/ref/hg.fa", "../x/y", "~/z"]


def test_a_list_of_outputs_or_params_may_stand_where_it_is_all_of_a_path(tmp_path: Path) -> None:
    text = """
        rules:
          all:
            params: {more: [u, v]}
            input: ["{rules.r.output}", "{params.more}"]
          r: {output: [x, y], shell: touch x y}
    """
    assert paths(load(tmp_path, text).rules["all"].inputs) == ["x", "y", "u", "v"]


def test_an_executor_of_a_plug_in_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = metadata.EntryPoint("slurm", "plug:In", "fileflow.executors")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point])
    text = "rules:\n  r: {output: y, run: m:f, executor: slurm}\n"
    assert only(load(tmp_path, text)).executor == "slurm"


def test_a_call_may_name_what_it_waits_for(tmp_path: Path) -> None:
    text = """
        rules:
          r:
            output: y
            cores: {call: m:f, after: "x/{s}.txt", with: {of: "{s}"}}
            shell: touch y
    """
    assert only(load(tmp_path, text)).cores.call is not None


def test_an_ask_for_an_absent_rule_may_be_optional(tmp_path: Path) -> None:
    text = """
        config: {mode: a}
        rules:
          all: {input: {rule: r, optional: true}}
          r: {when: {mode: b}, output: y, shell: touch y}
    """
    (entry,) = only(load(tmp_path, text)).inputs
    assert entry.absent


def test_a_column_of_a_joined_relation_may_stand_in_a_command(tmp_path: Path) -> None:
    text = """
        wildcards:
          sample: [a, b]
          sample, unit: [[a, 1], [b, 2]]
        rules:
          r: {output: "{sample}.txt", shell: "echo {unit} {unit:each} > {output}"}
    """
    assert len(load(tmp_path, text).relations) == 2


def test_a_scattered_wildcard_with_declared_values_brings_no_relation(tmp_path: Path) -> None:
    text = """
        wildcards: {chunk: [a, b]}
        rules:
          r: {output: "{chunk}.txt", scatter: chunk, shell: "split x {output}"}
    """
    (relation,) = load(tmp_path, text).relations
    assert relation.scattered_by is None


def test_a_mapping_in_braces_may_take_a_config_value_that_is_nothing(tmp_path: Path) -> None:
    text = """
        config:
          n:
        rules:
          one:
            {output: x, params: {a: "{config.n}"}, env: {A: "{config.n}"}, shell: "touch {output}"}
    """
    rule = load(tmp_path, text).rules["one"]
    assert python_value(rule.params["a"]) is None  # type: ignore[arg-type]
    assert python_value(rule.env["A"]) is None


def test_an_unquoted_placeholder_is_a_mistake_wherever_config_is_said(tmp_path: Path) -> None:
    text = "config: [b.yaml]\nrules: {a: {input: x}}\n"
    wanted = "a value that begins with { must be in quotes"
    assert mistake(tmp_path, text, b="a: {config.c}\nc: 1\n").what == wanted
    assert mistake(tmp_path, text, "a={config.c}", b="a: 1\nc: 1\n").what == wanted
    load(tmp_path, text, b="a: {c: }\nd: {e: , f: }\n")


@pytest.mark.parametrize(
    "text",
    [
        "wildcards: {n: {lines: pipe}}\nrules: {a: {input: 'x{n}'}}",
        "wildcards: {n: {table: pipe}}\nrules: {a: {input: 'x{n}'}}",
        "config: pipe\nrules: {a: {input: x}}",
        "include: pipe\nrules: {a: {input: x}}",
    ],
)
def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path, text: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert mistake(tmp_path, text).what == "pipe cannot be read: it is a FIFO, and no file"


def test_a_name_in_the_path_of_a_list_may_be_of_a_rule_that_is_not_there(tmp_path: Path) -> None:
    text = """
        config: {mode: fast}
        wildcards: {id: {lines: "ids/{part}.txt"}}
        rules:
          cut: {when: {mode: all}, output: "p/{part}", scatter: part, shell: "touch {output}/1"}
          use: {input: {path: "c/{id}", optional: true}, output: o, shell: "touch {output}"}
    """
    assert list(load(tmp_path, text).rules) == ["use"]


def test_the_whole_config_may_be_named(tmp_path: Path) -> None:
    text = "config: {a: 1}\nrules:\n  r: {output: y, shell: 'echo {config} > y'}\n"
    assert only(load(tmp_path, text)).names_whole_config


def test_a_look_up_by_a_wildcard_stays_in_an_input(tmp_path: Path) -> None:
    text = """
        config: {path: {a: x.txt}}
        rules:
          r: {input: "{config.path[s]}", output: "{s}.out", shell: "cp {input} {output}"}
    """
    (entry,) = only(load(tmp_path, text)).inputs
    assert entry.pattern is not None
    assert entry.pattern.wildcards == ("s",)


def test_options_win_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "Workflowfile").write_text(
        "seed: 1\nresources: {api: 1}\nrules:\n  r: {retries: 1, resources: {api: 1}, input: x}\n"
    )
    workflow = load_workflow(
        RealDisk(str(tmp_path)),
        "Workflowfile",
        str(tmp_path),
        seed=7,
        resources_args=["api=3", "gpu=[0, 1]"],
        retries=5,
    )
    assert workflow.seed == 7
    assert workflow.resources == {"api": Pool(3), "gpu": Pool(2, ("0", "1"))}
    assert only(workflow).retries == 5
    assert workflow.warnings == (
        "--resources gpu=[0, 1]: no rule takes gpu: known here: api, mem_mb",
    )


@pytest.mark.parametrize("argument", ["api", "api=", "=2", "api=many"])
def test_a_resource_of_the_command_line_is_a_name_and_a_number(
    tmp_path: Path, argument: str
) -> None:
    (tmp_path / "Workflowfile").write_text("rules:\n  r: {input: x}\n")
    with pytest.raises(FileflowError):
        load_workflow(
            RealDisk(str(tmp_path)), "Workflowfile", str(tmp_path), resources_args=[argument]
        )


def test_loading_grows_with_the_number_of_rules_and_no_faster(tmp_path: Path) -> None:
    def seconds(count: int) -> float:
        text = "rules:\n" + "".join(
            f"  r{i}:\n    input: b/{i}/{{s}}\n    output: b/{i + 1}/{{s}}\n"
            "    shell: cp {input} {output}\n"
            for i in range(count)
        )
        start = time.process_time()
        load(tmp_path, text)
        return time.process_time() - start

    few = min(seconds(200) for _ in range(3))
    assert seconds(2000) < 40 * few
