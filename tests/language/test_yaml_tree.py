"""YAML with places: what is read, what is refused, and in which words."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fileflow.errors import FileflowError, Mistakes, Place, Source
from fileflow.language import yaml_tree
from fileflow.language.yaml_nodes import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    looks_like_placeholder,
    merged,
    node_of,
    python_value,
)
from fileflow.language.yaml_slips import quotes_hint
from fileflow.language.yaml_tree import read_tree


@pytest.fixture(params=["the fast parser", "the parser in Python"])
def any_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.param == "the parser in Python":
        monkeypatch.setattr(yaml_tree, "_parser", yaml_tree._PureParser)
    yield


def tree(text: str | bytes) -> Node:
    node = read_tree(text if isinstance(text, bytes) else text.encode(), "Workflowfile")
    assert node is not None
    return node


def value(text: str) -> object:
    return python_value(tree(text))


def at(node: Node, *path: str | int) -> Node:
    for step in path:
        if isinstance(step, str):
            assert isinstance(node, Mapping)
            node = node.items[step]
        else:
            assert isinstance(node, Sequence)
            node = node.items[step]
    return node


def scalar(node: Node, *path: str | int) -> Scalar:
    found = at(node, *path)
    assert isinstance(found, Scalar)
    return found


def spot(place: Place) -> tuple[int, int]:
    return place.line, place.column


def refused(text: str | bytes) -> FileflowError:
    with pytest.raises(FileflowError) as caught:
        read_tree(text if isinstance(text, bytes) else text.encode(), "Workflowfile")
    return caught.value


def check(error: FileflowError, line: int, column: int, what: str, hint: str) -> None:
    assert error.place is not None
    assert spot(error.place) == (line, column), str(error)
    assert what in error.what
    assert hint in (error.hint or "")
    assert str(error).startswith(f"Workflowfile:{line}:{column}: ")


# ── the tree ──────────────────────────────────────────────────────────────────────────────────────


def test_every_node_keeps_its_place(any_parser: None) -> None:
    node = tree("rules:\n  all:\n    input: [a, 'b']\n")
    assert isinstance(node, Mapping)
    assert spot(node.keys["rules"].place) == (1, 1)
    assert spot(at(node, "rules", "all").place) == (3, 5)
    assert spot(at(node, "rules", "all", "input").place) == (3, 12)
    assert spot(at(node, "rules", "all", "input", 1).place) == (3, 16)
    assert not scalar(node, "rules", "all", "input", 1).plain
    assert scalar(node, "rules", "all", "input", 0).plain


def test_columns_count_characters_not_bytes() -> None:
    assert spot(at(tree("[ä, 'é😀', x]"), 2).place) == (1, 11)


def test_an_anchored_scalar_begins_behind_its_anchor() -> None:
    node = tree("a: &x 1\nb: &y\n  two\nc: &z !!str 3\n")
    assert spot(at(node, "a").place) == (1, 7)
    assert spot(at(node, "b").place) == (3, 3)
    assert spot(at(node, "c").place) == (4, 13)


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "\ufeff"])
def test_an_empty_document_is_no_tree(any_parser: None, text: str) -> None:
    assert read_tree(text.encode(), "Workflowfile") is None


def test_a_byte_order_mark_and_foreign_line_ends_change_nothing(any_parser: None) -> None:
    for text in ("\ufeffa: 1\r\nb: |\r\n  x\r\n  y\r\n", "a: 1\rb: |\r  x\r  y\r"):
        node = tree(text)
        assert python_value(node) == {"a": 1, "b": "x\ny\n"}
        assert spot(at(node, "b").place) == (2, 4)


@pytest.mark.parametrize("word", ["no", "on", "yes", "off", "1:30", "2024-13-45", "2020-01-01"])
def test_words_of_older_yaml_stay_text(word: str) -> None:
    assert value(f"a: {word}") == {"a": word}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("12", 12),
        ("-7", -7),
        ("+3", 3),
        ("0o17", 15),
        ("0xff", 255),
        ("010", 10),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", -math.inf),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("-", "-"),
        (".", "."),
        ("1e", "1e"),
        ("\u0661", "\u0661"),
    ],
)
def test_scalars_follow_the_core_schema(text: str, meant: object) -> None:
    if text == "-":
        text = "'-'"
    found = value(f"a: {text}")
    assert found == {"a": meant}
    assert isinstance(found, dict) and type(found["a"]) is type(meant)


def test_nan_is_a_number_and_an_empty_value_is_none() -> None:
    found = value("a: .nan\nb:\n")
    assert isinstance(found, dict)
    assert math.isnan(found["a"]) and found["b"] is None


def test_a_number_with_a_leading_zero_keeps_its_text() -> None:
    node = tree("a: 01")
    assert python_value(node) == {"a": 1}
    assert scalar(node, "a").text == "01"


@pytest.mark.parametrize("prefix", ["", "-", "0x", "0o"])
def test_numbers_of_ten_thousand_digits_stay_text(prefix: str) -> None:
    digits = prefix + "7" * 10_000
    assert value(f"a: {digits}") == {"a": digits}
    assert value(f"a: {digits}.5e9") is not None


def test_keys_are_always_text() -> None:
    assert value("1: a\ntrue: b\nnull: c\n01: d\n") == {
        "1": "a",
        "true": "b",
        "null": "c",
        "01": "d",
    }


# ── anchors and merge keys ────────────────────────────────────────────────────────────────────────


def test_aliases_stand_for_what_they_name(any_parser: None) -> None:
    assert value("a: &x [1, {b: &y k}]\nc: *x\nd: *y\n*y : e\n") == {
        "a": [1, {"b": "k"}],
        "c": [1, {"b": "k"}],
        "d": "k",
        "k": "e",
    }


def test_a_merge_key_fills_in_and_own_keys_win(any_parser: None) -> None:
    text = "base: &b {x: 1, y: 2}\na:\n  z: 0\n  <<: *b\n  y: 3\n"
    node = tree(text)
    inner = at(node, "a")
    assert isinstance(inner, Mapping)
    assert python_value(inner) == {"z": 0, "x": 1, "y": 3}
    assert list(inner.items) == list(inner.keys) == ["z", "x", "y"]
    assert spot(inner.keys["x"].place) == (1, 11)
    assert spot(inner.keys["y"].place) == (5, 3)


def test_of_several_merged_mappings_the_earlier_wins() -> None:
    assert value("- &a {x: 1}\n- &b {x: 2, y: 2}\n- {<<: [*a, *b], z: 3}\n") == [
        {"x": 1},
        {"x": 2, "y": 2},
        {"x": 1, "y": 2, "z": 3},
    ]


def test_a_quoted_merge_key_is_a_key() -> None:
    assert value('"<<": 1') == {"<<": 1}


def test_a_merge_key_without_a_mapping_is_refused() -> None:
    check(refused("a: 1\n<<: 3\n"), 2, 1, "<< takes a mapping", "&name")


def test_an_unknown_alias_suggests_the_nearest_anchor(any_parser: None) -> None:
    error = refused("base: &base 1\na: *bse\n")
    check(
        error, 2, 4, "named &bse", 'did you mean *base? Or put it in quotes if it is text: "*bse"'
    )


def test_an_anchor_that_holds_itself_is_refused(any_parser: None) -> None:
    check(refused("&a [1, *a]"), 1, 8, "no end", "write it out")
    check(refused("x: &a\n  y: *a\n"), 2, 6, "no end", "write it out")
    check(refused("x: &a\n  <<: *a\n"), 2, 7, "no end", "write it out")


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for i in range(1, 10):
        lines.append(f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 9) + "]")
    began = time.process_time()
    error = refused("\n".join(lines))
    assert time.process_time() - began < 1 * 5
    assert "too many nodes" in error.what and "alias" in error.what
    assert error.place is not None and error.place.line == 7


def test_aliases_do_not_nest_deeper_than_brackets_may() -> None:
    lines = ["a0: &a0 [x]"]
    for i in range(1, 60):
        lines.append(f"a{i}: &a{i} [*a{i - 1}]")
    error = refused("\n".join(lines))
    check(error, 50, 12, "nested deeper than 50", "")


def test_more_than_a_million_nodes_are_refused() -> None:
    error = refused(b"[" + b"1," * 1_000_001 + b"1]")
    assert "too many nodes: more than 1,000,000" in error.what
    assert error.place is not None and error.place.line == 1


# ── places inside a text ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "word", "line", "column"),
    [
        ("a: foo {x} y\n", "{x}", 1, 8),
        ("a: 'foo {x} y'\n", "{x}", 1, 9),
        ('a: "foo {x} y"\n', "{x}", 1, 9),
        ("a: 'it''s {x}'\n", "{x}", 1, 11),
        ("a: |\n  foo\n\n    {x}\n", "{x}", 4, 5),
        ("a: |-  # c\n    foo {x}\n", "{x}", 2, 9),
        ("a: |2\n    foo {x}\n", "{x}", 2, 9),
        ("a: >\n  foo\n  bar {x}\n", "{x}", 3, 7),
        ("a: foo\n   bar\n   {x}\n", "{x}", 3, 4),
        ('a: "foo\n   bar {x}"\n', "{x}", 2, 8),
        ("a: &n foo {x}\n", "{x}", 1, 11),
        ("a: &n |\n  foo {x}\n", "{x}", 2, 7),
        ('a: "foo\\t {x}"\n', "{x}", 1, 4),
    ],
)
def test_a_character_in_a_text_has_a_place(text: str, word: str, line: int, column: int) -> None:
    found = scalar(tree(text), "a")
    assert spot(found.place_at(found.text.index(word))) == (line, column)


def test_a_place_beyond_the_source_falls_back_to_the_start() -> None:
    made = node_of("a\nb", Source("--config", "x=1"))
    assert isinstance(made, Scalar)
    assert spot(made.place_at(2)) == (1, 1)
    assert spot(made.place_at(99)) == (1, 1)


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("a: echo 1 # 2\n", "# 2"),
        ("a: echo 1 #2\nb: 1\n", "#2"),
        ("a: echo\n  more # 2\n", "# 2"),
        ("a: # make\n", "# make"),
        ("a: echo 1\n", None),
        ("a: echo#1\n", None),
        ("a: 'echo' # 2\n", None),
        ("a: |\n  echo # 2\n", None),
    ],
)
def test_a_comment_that_cuts_plain_text_is_found(text: str, comment: str | None) -> None:
    assert scalar(tree(text), "a").cut_comment() == comment


# ── mistakes ──────────────────────────────────────────────────────────────────────────────────────


def test_all_doubled_keys_are_named_with_both_places(any_parser: None) -> None:
    error = refused("a: 1\nb:\n  c: 1\n  'c': 2\na: 2\n")
    assert isinstance(error, Mistakes)
    check(error.errors[0], 4, 3, "the key 'c' is there already, at Workflowfile:3:3", "rename")
    check(error.errors[1], 5, 1, "the key 'a' is there already, at Workflowfile:1:1", "rename")


def test_thousands_of_doubled_keys_end_soon() -> None:
    began = time.process_time()
    error = refused("a: 1\n" * 100_000)
    assert isinstance(error, Mistakes) and len(error.errors) == 100
    assert time.process_time() - began < 1 * 5


def test_a_syntax_error_comes_with_the_mistakes_before_it() -> None:
    error = refused("a: 1\na: 2\nb: {x}.txt\n")
    assert isinstance(error, Mistakes)
    assert [one.place.line for one in error.errors if one.place] == [2, 3]


SLIPS = [
    ("output: {sample}.txt\n", 1, 9, "begins with { must be in quotes", '"{sample}.txt"'),
    ("a: {x}/{y}.csv # c\n", 1, 4, "begins with { must be in quotes", ': "{x}/{y}.csv"'),
    ("a: {input[0]}.txt\n", 1, 4, "begins with {", '"{input[0]}.txt"'),
    ("a:\n- x\n- {y}.txt\n", 3, 3, "begins with {", '"{y}.txt"'),
    ("a: [{x}.txt, b]\n", 1, 5, "begins with {", '"{x}.txt"'),
    ("a: {{x}}\n", 1, 4, "begins with {", '"{{x}}"'),
    ("{x}: 1\n", 1, 1, "begins with {", '"{x}"'),
    ("shell: {tool} -x {y}: z\n", 1, 8, "begins with {", '"{tool} -x {y}: z"'),
    ("doc: a: b\n", 1, 7, "': ' in plain text", '"a: b"; or put it on the next line, below |'),
    ("a: [o/{x}.txt, b]\n", 1, 5, "with { between brackets must", '"o/{x}.txt"'),
    ("a: {p: o/{x}.txt, b: 1}\n", 1, 8, "with { between brackets must", '"o/{x}.txt"'),
    ("a: {x} > {y} # c\n", 1, 4, "begins with { must be in quotes", ': "{x} > {y}"'),
    ("a: {x} | b > {y}\n", 1, 4, "begins with { must be in quotes", ': "{x} | b > {y}"'),
    ("- {x} && b {y}\n", 1, 3, "begins with { must be in quotes", ': "{x} && b {y}"'),
    ("a: {x} & b *.c\n", 1, 4, "begins with { must be in quotes", ': "{x} & b *.c"'),
    ("a: { b {x}; } > {y}\n", 1, 4, "begins with { must be in quotes", ': "{ b {x}; } > {y}"'),
    ("a: { b {x}; }\n", 1, 4, "begins with { must be in quotes", ': "{ b {x}; }"'),
    ('a: {x: "}", y: [}\n', 1, 17, "a } that nothing opened", "take it out"),
    ("a: {p: {x}.t, b: 1}\n", 1, 8, "begins with { must be in quotes", '"{x}.t"'),
    ("a: [a: b: c]\n", 1, 9, "': ' in plain text", "quotes"),
    ('a: "x\\d+"\n', 1, 6, r"\d is no escape", r"single quotes, which leave \ alone: 'x\d+'"),
    ('a: "b \\"\\d\\" c"\n', 1, 9, r"\d is no escape", r"""leave \ alone: 'b "\d" c'"""),
    ('a: "b\\n\\d"\n', 1, 8, r"\d is no escape", r"leave \ alone"),
    ("[a, b]: [[1, 2]]\n", 1, 1, "a key must be text, not a list", "need no brackets: a, b:"),
    ("[a]: [[1, 2]]\n", 1, 1, "begins with [ must be in quotes", '"[a]"'),
    ('- [e("r/{n}.t", n=[1,2])]\n', 1, 4, "must be in quotes", """'e("r/{n}.t", n=[1,2])'"""),
    ("a: 1\n<<: *base\n", 2, 5, "no value before this is named &base", "write &base before a"),
    ("<<: [*base]\n", 1, 6, "no value before this is named &base", "put it in quotes"),
    ("x: &base {a: 1}\n<<: *bose\n", 2, 5, "is named &bose", "did you mean *base?"),
    ("[x]\na = 1\n", 2, 1, "sections such as [x] are no YAML", "write x: and below it"),
    ("[x, y]\na = 1\n", 2, 1, "the file goes on after what is whole", "write key: value"),
    ('a: "\\xzz"\n', 1, 5, r"the escape \x is not complete", "single quotes"),
    ("\ta: 1\n", 1, 1, "a tab in the indentation", "spaces"),
    ("a:\n  b: 1\n\tc: 2\n", 3, 1, "a tab in the indentation", "spaces"),
    ("a:\n \tb: 1\n", 2, 2, "a tab in the indentation", "spaces"),
    ("a: |\n  foo\n\tbar\n", 3, 1, "a tab in the indentation", "spaces"),
    ("a: 1\n---\nb: 2\n", 2, 1, "more than one document", "---"),
    ("a: b\n...\nfoo: c\n", 3, 1, "more than one document", "..."),
    ("a: !!int 3\n", 1, 4, "the tag !!int", "take it out"),
    ("a: !!python/object:os.system x\n", 1, 4, "the tag !!python/object:os.system", "take it out"),
    ("a: !foo [1]\n", 1, 4, "the tag !foo", "quotes"),
    ("a: !foo!bar x\n", 1, 4, "a tag to YAML", '"!foo!bar x"'),
    ("a: *.txt\n", 1, 4, "begins with * is an alias", '"*.txt"'),
    ("a: [b, *.txt]\n", 1, 8, "begins with * is an alias", ': "*.txt"'),
    ("a: @x\n", 1, 4, "begins with @ must be in quotes", '"@x"'),
    ("a: `x`\n", 1, 4, "begins with ` must be in quotes", '"`x`"'),
    ("a: 'x\nb: 2\n", 1, 4, "this ' is not closed", "closing '"),
    ('a: "x\nb: 2\n', 1, 4, 'this " is not closed', 'closing "'),
    ("a: [1, 2\nb: 3\n", 1, 4, "this [ is not closed", "]"),
    ("a: {b: 1\n", 1, 4, "this { is not closed", "}"),
    ("a: 'it's'\n", 1, 8, "text after a closing '", "double it"),
    ("a: [1]]\n", 1, 7, "a ] that nothing opened", "take it out"),
    ("a: 1\n b: 2\n", 2, 3, "'b' is indented below line 1", "line it up"),
    ("a:\n  b: 1\n c: 2\n", 3, 2, "the indentation fits no line", "line it up"),
    ("- a\nb: 1\n", 2, 1, "the list above", "- "),
    ("a: 1\n- b\n", 2, 1, "a list item where a key is due", "key of its own"),
    ("a: - b\n", 1, 4, "a list item cannot stand here", "next line"),
    ("key:value\nb: c\n", 1, 4, "line 1 has no space after its colon", "write key: value"),
    ("a: 1\nkey:value\n", 2, 1, "no key with a value", "write a space after the colon: key: value"),
    ("a: 1\nzz\n", 2, 1, "no key with a value", "key: value"),
    ("a: |x\n  b\n", 1, 5, "text in the same line as |", "the line after |"),
    (": x\n", 1, 1, "a key is missing", "before the colon"),
    ("[a]: c\n", 1, 1, "begins with [ must be in quotes", '"[a]"'),
    ("? - a\n: b\n", 1, 3, "a key must be text", "key: value"),
    ("a: x\u2028y\n", 1, 5, "U+2028", r"\u2028"),
    ("a\x00b", 1, 2, "NUL", "UTF-8"),
    ("a: 1\nb: \x1b[0m\n", 2, 4, "U+001B", r"\x1B"),
]


@pytest.mark.parametrize(("text", "line", "column", "what", "hint"), SLIPS)
def test_slips_are_named_with_their_cure(
    any_parser: None, text: str, line: int, column: int, what: str, hint: str
) -> None:
    error = refused(text)
    check(error, line, column, what, hint)


def test_tabs_that_the_parser_lets_pass_are_refused_too() -> None:
    error = refused("a: [\n\tx,\n\ty]\n")
    assert isinstance(error, Mistakes)
    assert [spot(one.place) for one in error.errors if one.place] == [(2, 1), (3, 1)]


def test_tabs_inside_a_text_are_text() -> None:
    assert value("a: |\n  if x; then\n  \techo\n  fi\nb: 'x\ty'\n") == {
        "a": "if x; then\n\techo\nfi\n",
        "b": "x\ty",
    }


def test_the_first_byte_that_is_not_utf8_is_named() -> None:
    check(refused(b"a: 1\nb: \xc3\xa4\xe9x\n"), 2, 5, "byte 0xe9 is not UTF-8", "save")
    assert "b: ä" in str(refused(b"a: 1\nb: \xc3\xa4\xe9x\n"))


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_refused(codec: str) -> None:
    error = refused("a: 1\n".encode(codec))
    assert str(error).startswith("Workflowfile:1:")
    assert "UTF-8" in (error.hint or "")


def test_a_file_of_more_than_64_megabytes_is_refused() -> None:
    error = refused(b"#" * (64 * 1024 * 1024 + 1))
    assert error.what == "Workflowfile has 67 MB; more than 64 MB are not read"


@pytest.mark.parametrize("opening", ["[", "[\n", "- ", "{a: ", "[{a: "])
def test_bottomless_nesting_is_refused_at_once(any_parser: None, opening: str) -> None:
    began = time.process_time()
    error = refused(opening * 100_000)
    assert time.process_time() - began < 1 * 5
    assert error.place is not None
    assert error.what == f"nested deeper than 50, line {error.place.line}"


@pytest.mark.parametrize("opening", ["{", "[{", "? ", "[? ", "- - ? "])
def test_bottomless_keys_are_refused_at_once(any_parser: None, opening: str) -> None:
    began = time.process_time()
    assert refused(opening * 100_000).place is not None
    assert time.process_time() - began < 1 * 5


def test_fifty_levels_are_read_and_one_more_is_not() -> None:
    assert tree("[" * 50 + "]" * 50)
    check(refused("[" * 51 + "]" * 51), 1, 51, "nested deeper than 50, line 1", "brackets")


def test_the_garbage_collector_is_as_before() -> None:
    assert gc.isenabled()
    tree("a: 1")
    refused("a: [")
    assert gc.isenabled()
    gc.disable()
    try:
        tree("a: 1")
        assert not gc.isenabled()
    finally:
        gc.enable()


# ── helpers ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["{sample}", "{x:abs}", "{x, y}", "{config.a.b}"])
def test_an_unquoted_placeholder_is_recognised(text: str) -> None:
    node = at(tree(f"a: {text} # c\n"), "a")
    assert looks_like_placeholder(node)
    if "," not in text:
        assert quotes_hint(node) == f'put it in quotes: "{text}"'


@pytest.mark.parametrize("text", ["{}", "{x: 1}", "{x: ''}", "[x]", "x", "\n  x:\n"])
def test_other_mappings_are_no_placeholders(text: str) -> None:
    assert not looks_like_placeholder(at(tree(f"a: {text}\n"), "a"))


def test_plain_python_becomes_a_tree_and_comes_back() -> None:
    plain = {"a": [1, -2.5, 1e300, True, None, "01", math.inf], "b": {"1": {}}, "c": ()}
    node = node_of(plain, Source("x.json", ""), 3, 4)
    assert python_value(node) == {**plain, "c": []}
    assert spot(at(node, "a", 0).place) == (3, 4)


def test_python_that_yaml_cannot_say_is_refused() -> None:
    with pytest.raises(FileflowError, match="type set"):
        node_of({"a": {1}}, Source("x", ""))
    deep: list[object] = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(FileflowError, match="nested deeper"):
        node_of(deep, Source("x", ""))


def test_mappings_are_merged_key_by_key_and_lists_replaced() -> None:
    base, over = tree("a: {x: 1, y: [1, 2]}\nb: 1\n"), tree("a: {y: [3]}\nc: {d: 1}\nb: {e: 1}\n")
    assert isinstance(base, Mapping) and isinstance(over, Mapping)
    both = merged(base, over)
    assert python_value(both) == {"a": {"x": 1, "y": [3]}, "b": {"e": 1}, "c": {"d": 1}}
    assert list(both.items) == list(both.keys) == ["a", "b", "c"]
    assert python_value(base) == {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    assert both.keys["b"] is over.keys["b"]


# ── anything at all ───────────────────────────────────────────────────────────────────────────────

MARKS = ["a", "1", "'x'", '"y"', ":", ",", "-", "?", "{", "}", "[", "]", "&a", "*a", "<<", "!t"]
MARKS += ["!!str", "|", "|2", ">-", "#", "\\", "\\d", "%", "@", "'", '"', "é", "\0", "\u2028", "\r"]
GAPS = [" ", ": ", "\n", "\n  ", "- ", "? ", " #", "\t", "\n- ", "a: ", "\n---\n", "..."]
PIECES = st.sampled_from([*MARKS, "~", "{x}", "{x}.txt", "<<: *a"]) | st.sampled_from(GAPS)


def read_and_use(data: bytes) -> None:
    try:
        node = read_tree(data, "Workflowfile")
    except FileflowError as error:
        assert str(error)
        return
    if node is None:
        return
    python_value(node)
    todo = [node]
    while todo:
        found = todo.pop()
        if isinstance(found, Scalar):
            found.cut_comment()
            for offset in range(0, len(found.text) + 1, 3):
                place = found.place_at(offset)
                assert place.line >= found.line
        else:
            looks_like_placeholder(found)
            quotes_hint(found)
            todo += found.items.values() if isinstance(found, Mapping) else found.items


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_give_a_tree_or_an_error(data: bytes) -> None:
    read_and_use(data)


@settings(max_examples=1000, deadline=None)
@given(st.lists(PIECES, max_size=30))
def test_random_yaml_gives_a_tree_or_an_error(pieces: list[str]) -> None:
    read_and_use("".join(pieces).encode())


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=20))
def test_the_parser_in_python_lets_nothing_else_escape(pieces: list[str]) -> None:
    fast = yaml_tree._parser
    yaml_tree._parser = yaml_tree._PureParser
    try:
        read_and_use("".join(pieces).encode())
    finally:
        yaml_tree._parser = fast


def test_a_large_workflow_is_read_within_a_second() -> None:
    rule = "  r{0}:\n    doc: Rule {0}\n    output: a/{0}.txt\n    input: x/{0}.txt\n    run: m:f\n"
    text = "rules:\n" + "".join(rule.format(i) for i in range(2000))
    began = time.process_time()
    node = tree(text)
    assert time.process_time() - began < 1 * 5
    assert len(node.items["rules"].items) == 2000  # type: ignore[union-attr,call-overload,index]


@pytest.mark.parametrize(
    "text",
    [
        "{" + "a" * 1_000_000,
        "{" + "a." * 500_000 + " b",
        "a: " + "{" * 40 + "{x" * 300_000,
        "a: " + " " * 1_000_000 + "b: c",
        "a: {x}" + " " * 1_000_000 + "}",
        "a" + " " * 1_000_000 + "\n: b: c",
        "[a, b" + "}" * 1_000_000,
        "- &a x\n" * 20_000 + "- *b\n" * 1_000,
        "".join(f"- &a{i} x\n" for i in range(20_000)) + "- *ab\n" * 1_000,
    ],
)
def test_hostile_texts_are_refused_without_long_thought(text: str) -> None:
    began = time.process_time()
    refused(text)
    assert time.process_time() - began < 2 * 5
