"""Config: layers merged, values filled in from one another, what the command line adds."""

from __future__ import annotations

from pathlib import Path

import pytest

from fileflow.errors import Collector, FileflowError
from fileflow.language.config import (
    Config,
    check_given,
    config_names,
    dotted,
    given_config,
    json_tree,
    read_config,
    stacked,
    steps_of,
)
from fileflow.language.yaml_nodes import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    python_value,
)
from fileflow.language.yaml_tree import read_tree
from fileflow.world.files import RealDisk


def tree(text: str) -> Mapping:
    node = read_tree(text.encode(), "Workflowfile")
    assert isinstance(node, Mapping)
    return node


def config(text: str) -> Config:
    return Config(tree(text))


def value(node: Node | None) -> object:
    assert node is not None
    return python_value(node)


def said(node: Node, folder: Path) -> object:
    return python_value(read_config(node, RealDisk(str(folder)), None, None))


# ---- looking up ------------------------------------------------------------------------------


def test_ways_into_config_are_read_and_written_alike() -> None:
    assert steps_of(".model.layers[-1].0") == ("model", "layers", -1, "0")
    assert dotted(("model", "layers", -1, "x")) == "model.layers[-1].x"


def test_a_value_is_found_by_keys_and_numbers() -> None:
    made = config("a: {b: [x, {c: 1}]}\n'0': zero\n")
    assert value(made.find(("a", "b", 1, "c"))) == 1
    assert value(made.find(("a", "b", "0"))) == "x"
    assert value(made.find(("a", "b", -1))) == {"c": 1}
    assert value(made.find((0,))) == "zero"
    assert made.find(("a", "b", 2)) is None
    assert made.find(("a", "x")) is None
    assert made.find(("a", "b", 0, "c")) is None


def test_a_way_leads_through_values_that_are_filled_in() -> None:
    made = config("a: '{config.b}'\nb: {c: '{config.d}'}\nd: [1, 2]\n")
    assert value(made.find(("a", "c", 1))) == 2


def test_what_was_looked_up_is_remembered() -> None:
    made = config("a: {b: 1, c: 2}\n")
    made.find(("a", "b"))
    assert made.is_asked(("a", "b"))
    assert made.is_asked(("a",))
    assert not made.is_asked(("a", "c"))
    made.opened.add(("a",))
    assert made.is_asked(("a", "new"))


# ---- filling in ------------------------------------------------------------------------------


def test_a_text_that_is_one_placeholder_keeps_type_and_structure() -> None:
    made = config("n: 3\nlist: [1, 2]\nwhole: {x: '{config.n}', y: '{config.list}'}\n")
    assert value(made.tree) == {"n": 3, "list": [1, 2], "whole": {"x": 3, "y": [1, 2]}}


def test_a_text_with_more_stays_text() -> None:
    made = config("n: 3\nnull_one:\na: 0{config.n}\nb: 'x{config.n}{config.null_one}y'\n")
    assert value(made.tree) == {"n": 3, "null_one": None, "a": "03", "b": "x3y"}


def test_texts_stay_as_written_within_a_text() -> None:
    assert value(config("n: 01\na: 'x{config.n}'\n").find(("a",))) == "x01"


def test_doubled_braces_and_look_ups_by_a_wildcard_stay() -> None:
    text = "n: 3\na: '{{config.n}}'\nb: '{config.rate[s].low}-{config.n}'\nrate: {}\n"
    made = config(text).tree
    assert value(made.items["a"]) == "{{config.n}}"
    assert value(made.items["b"]) == "{config.rate[s].low}-3"


def test_what_needs_no_filling_is_the_same_node() -> None:
    made = config("n: 3\na: {b: [x]}\n")
    node = tree("x: [1, {y: z}]\n")
    assert made.filled(node) is node
    assert made.tree.items["a"] is made.find(("a",))


def test_a_list_within_a_text_stays_where_it_may() -> None:
    made = config("l: [1]\nn: 2\n")
    node = tree("x: 'a {config.l} {config.n}'\n")
    assert value(made.filled(node, lists_stay=True)) == {"x": "a {config.l} 2"}
    with pytest.raises(FileflowError) as caught:
        made.filled(node)
    assert str(caught.value.place) == "Workflowfile:1:7"
    assert caught.value.what == "config.l is a list, which cannot stand within a text"


def test_the_names_in_a_text_are_found_with_their_offsets() -> None:
    names = list(config_names("{config.a}{{config.b}}{config.c[0].d[s].e} {config}"))
    assert [(name.start, name.path, name.by_wildcard) for name in names] == [
        (0, "a", False),
        (22, "c[0].d", True),
        (43, "", False),
    ]


# ---- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("a: '{config.modle}'\nmodel: 1\n", "there is no config.modle", "{config.model}"),
        ("a: '{config.m.x}'\nm: {y: 1}\n", "there is no config.m.x", "known here: y"),
        ("a: '{config.m[3]}'\nm: [1]\n", "config.m is a list of 1", "counted from 0"),
        ("a: '{config.m.x}'\nm: 5\n", "there is no config.m.x: config.m is '5'", ""),
        ("a: 'x{config.m}'\nm: {y: 1}\n", "config.m is a mapping, which cannot", "one of its"),
        ("a: '{config.a}'\n", "in a ring: config.a → config.a", "a value of its own"),
        ("a: {b: ['{config.a}']}\n", "in a ring: config.a.b[0] → config.a.b[0]", ""),
        ("a: '{config}'\n", "in a ring: config.a → config.a", ""),
        ("a: '{config.b}'\nb: 'x{config.a}'\n", "config.a → config.b → config.a", ""),
    ],
)
def test_a_wrong_name_in_config_is_named(text: str, what: str, hint: str) -> None:
    with pytest.raises(FileflowError) as caught:
        _ = config(text).tree
    assert what in caught.value.what
    assert hint in (caught.value.hint or "")
    assert caught.value.place is not None


def test_a_bomb_of_texts_is_refused() -> None:
    lines = ["a0: " + "x" * 1000] + [f"a{i}: '{{config.a{i - 1}}}' " for i in range(1, 2)]
    lines += [f"a{i}: '{('{config.a' + str(i - 1) + '}') * 10}'" for i in range(2, 12)]
    with pytest.raises(FileflowError, match="too long"):
        _ = config("\n".join(lines)).tree


def test_a_bomb_of_lists_is_refused() -> None:
    lines = ["a0: [1, 1]"]
    lines += [f"a{i}: ['{{config.a{i - 1}}}', '{{config.a{i - 1}}}']" for i in range(1, 40)]
    with pytest.raises(FileflowError, match="grows beyond"):
        _ = config("\n".join(lines)).tree


def test_a_long_chain_of_names_is_refused() -> None:
    lines = [f"a{i}: '{{config.a{i + 1}}}'" for i in range(5000)] + ["a5000: 1"]
    with pytest.raises(FileflowError, match="in a row"):
        _ = config("\n".join(lines)).tree


def test_nesting_by_names_is_refused_where_it_gets_too_deep() -> None:
    deep = "{x: " * 40 + "'{config.a%d}'" + "}" * 40
    lines = [f"a{i}: {deep % (i + 1)}" for i in range(40)] + ["a40: 1"]
    with pytest.raises(FileflowError, match="too deep"):
        _ = config("\n".join(lines)).tree


# ---- layers ----------------------------------------------------------------------------------


def test_layers_are_merged_at_every_depth_and_lists_are_replaced(tmp_path: Path) -> None:
    text = "config: [{a: {b: 1, c: [1, 2]}}, {a: {c: [3], d: 4}}]\n"
    assert said(tree(text).items["config"], tmp_path) == {"a": {"b": 1, "c": [3], "d": 4}}


def test_config_is_read_from_yaml_and_json_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1\nb: {c: 2}\n")
    (tmp_path / "b.json").write_text('{"b": {"d": 1.10, "e": "\\ud83d\\ude00", "f": null}}')
    text = "config: [a.yaml, {path: b.json}, {path: none.yaml, optional: true}]\n"
    assert said(tree(text).items["config"], tmp_path) == {
        "a": 1,
        "b": {"c": 2, "d": 1.1, "e": "\U0001f600", "f": None},
    }


def test_the_name_of_a_config_file_may_hold_config(tmp_path: Path) -> None:
    (tmp_path / "fast.yaml").write_text("n: 1\n")
    text = "config: [{mode: fast}, '{config.mode}.yaml']\n"
    assert said(tree(text).items["config"], tmp_path) == {"mode": "fast", "n": 1}


def test_an_empty_config_file_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("# nothing\n")
    assert said(tree("config: a.yaml\n").items["config"], tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("config: none.yaml\n", "Workflowfile:1:9", "there is no config file none.yaml"),
        ("config: ''\n", "Workflowfile:1:9", "the path of a config file is empty"),
        ("config: folder\n", "Workflowfile:1:9", "folder cannot be read: Is a directory"),
        ("config: list.yaml\n", "list.yaml:1:1", "a config file holds a mapping"),
        ("config: a.toml\n", "Workflowfile:1:9", "a.toml is TOML"),
        ("config: b.toml\n", "Workflowfile:1:9", "b.toml is TOML"),
        ("config: [[a]]\n", "Workflowfile:1:10", "config is a mapping, the path of a file"),
        ("config: {path: a, optional: 1}\n", "Workflowfile:1:29", "optional is true or false"),
        ("config: ['{config.x}.yaml']\n", "Workflowfile:1:11", "there is no config.x"),
    ],
)
def test_config_that_cannot_be_read_is_named(
    tmp_path: Path, text: str, place: str, what: str
) -> None:
    (tmp_path / "list.yaml").write_text("[a]")
    (tmp_path / "a.toml").write_text("n = 1\nm = 2\n")
    (tmp_path / "b.toml").write_text('[section]\nn = "x"\n')
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileflowError) as caught:
        said(tree(text).items["config"], tmp_path)
    assert str(caught.value.place) == place
    assert caught.value.what.startswith(what)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b'{"a": 1, "a": 2}', "the key 'a' stands twice"),
        (b'{"a": NaN}', "JSON has no NaN"),
        (b'{"a": }', "this is no JSON"),
        (b"[" * 60 + b"]" * 60, "nested deeper than"),
        (b"[" * 100_000, "nested deeper than"),
        (b"\xff", "is not UTF-8"),
    ],
)
def test_json_that_cannot_be_read_is_named(data: bytes, what: str) -> None:
    with pytest.raises(FileflowError, match=what):
        json_tree(data, "a.json")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b'{"x": {"a": "NaN"},\n "a": 1,\n "b": [{"a": ": {"}],\n  "a": 2}', "4:3"),
        (b'{"x": "NaN",\n "y": [1, -Infinity]}', "2:11"),
    ],
)
def test_what_is_wrong_in_json_has_its_place(data: bytes, place: str) -> None:
    with pytest.raises(FileflowError) as caught:
        json_tree(data, "a.json")
    assert str(caught.value.place) == f"a.json:{place}"


def test_numbers_of_json_stay_as_written() -> None:
    made = json_tree(b'{"a": 1.10, "b": [1e5, true, "1"]}', "a.json")
    assert isinstance(made, Mapping)
    number = made.items["a"]
    assert isinstance(number, Scalar)
    assert number.text == "1.10"
    assert isinstance(made.items["b"], Sequence)
    assert python_value(made) == {"a": 1.1, "b": [1e5, True, "1"]}


# ---- the command line ------------------------------------------------------------------------


def test_values_win_over_files_and_later_ones_over_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("a: 1\nb: {c: 1, d: 1}\n")
    disk = RealDisk(str(tmp_path))
    given = given_config(["b.c=2", "f.yaml", "b.c=[3, x]", "e=", "f=01", "g={h: true}"], disk)
    assert python_value(given.tree) == {
        "b": {"c": [3, "x"], "d": 1},
        "a": 1,
        "e": None,
        "f": 1,
        "g": {"h": True},
    }
    assert given.keys == ("b.c", "b.c", "e", "f", "g")
    assert python_value(given.files) == {"a": 1, "b": {"c": 1, "d": 1}}


@pytest.mark.parametrize(
    ("argument", "what"),
    [
        ("none.yaml", "--config none.yaml: there is no config file none.yaml"),
        ("a b=1", "--config a b=1: 'a b' is no key"),
        ("a=[1", "not closed"),
    ],
)
def test_an_argument_that_cannot_be_read_is_named(tmp_path: Path, argument: str, what: str) -> None:
    with pytest.raises(FileflowError) as caught:
        given_config([argument], RealDisk(str(tmp_path)))
    assert what in caught.value.what


def test_a_key_that_neither_config_nor_a_rule_has_is_an_error(tmp_path: Path) -> None:
    given = given_config(["model.lr=1", "model.rl=2", "named=3"], RealDisk(str(tmp_path)))
    without = config("model: {lr: 0.1}\n")
    used = Config(stacked(without.tree, given.tree))
    used.find(("named",))
    errors = Collector()
    check_given(given, without, used, errors)
    (error,) = errors.errors
    assert error.what == "--config model.rl=…: no config has model.rl, and no rule names it"
    assert error.hint == "did you mean 'model.lr'?"


def test_a_key_below_a_list_is_an_error(tmp_path: Path) -> None:
    given = given_config(["a.0=1"], RealDisk(str(tmp_path)))
    without = config("a: [2]\n")
    errors = Collector()
    check_given(given, without, without, errors)
    assert [error.what for error in errors.errors] == ["--config a.0=…: config.a is a list"]


def test_each_value_that_cannot_be_filled_in_is_named_once() -> None:
    made = config(
        "a: '{config.x}'\nb: ['{config.y}', '{config.a}']\nc: '{config.d}'\nd: '{config.c}'\ne: 1\n"
    )
    errors = Collector()
    made.add_mistakes(errors)
    assert [(error.what, error.place.line) for error in errors.errors if error.place] == [
        ("there is no config.x", 1),
        ("there is no config.y", 2),
        ("config values name each other in a ring: config.c → config.d → config.c", 3),
    ]
