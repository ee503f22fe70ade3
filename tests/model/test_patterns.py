"""Path patterns: one spelling, filling, matching, and what is no pattern."""

from __future__ import annotations

from itertools import product
from re import fullmatch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fileflow.errors import FileflowError
from fileflow.model.patterns import Matcher, natural_key, normal, parse_pattern, value_allowed

# --- one spelling --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("x", "x"),
        ("./x", "x"),
        ("a//b/../c", "a/c"),
        ("a/./b/", "a/b"),
        ("../x", "../x"),
        ("/abs/x", "/abs/x"),
        ("//abs/x", "/abs/x"),
        ("a/.hidden", "a/.hidden"),
        (".hidden", ".hidden"),
    ],
)
def test_a_path_has_one_spelling(path: str, made: str) -> None:
    assert normal(path) == made


def test_the_paths_of_a_pattern_are_normalised_behind_a_wildcard_too() -> None:
    pattern = parse_pattern("a/{x}/../{y}.txt")
    assert pattern.fill({"x": "1", "y": "2"}) == "a/2.txt"
    assert pattern.fill_rows({"x": ["1", "3"], "y": ["2", "4"]}, 2) == ["a/2.txt", "a/4.txt"]
    assert parse_pattern("a/{x}/..").fill_rows({"x": ["1"]}, 1) == ["a"]


def test_a_pattern_is_normalised_as_a_path() -> None:
    assert parse_pattern("./a//{x}.txt").text == "a/{x}.txt"
    assert parse_pattern("a/../{x}.txt").text == "{x}.txt"


def test_a_slash_at_the_end_makes_a_directory() -> None:
    made = parse_pattern("tree/{x}/")
    assert (made.directory, made.fill({"x": "k"}), made.text) == (True, "tree/k", "tree/{x}/")
    assert not parse_pattern("tree/{x}").directory


@pytest.mark.parametrize(
    "values", [["10", "2", "1"], ["b", "a"], ["x10", "x9", "x1"], ["01", "1", "001"]]
)
def test_natural_order_puts_numbers_by_size_and_equal_ones_by_text(values: list[str]) -> None:
    made = sorted(values, key=natural_key)
    expected = {
        "10": ["1", "2", "10"],
        "b": ["a", "b"],
        "x10": ["x1", "x9", "x10"],
        "01": ["001", "01", "1"],
    }
    assert made == expected[values[0]]


# --- what a pattern says -------------------------------------------------------------------------


def test_names_come_in_order_with_repeats_and_wildcards_once() -> None:
    made = parse_pattern("{a}/{b}_{a}.txt")
    assert made.names == ("a", "b", "a")
    assert made.wildcards == ("a", "b")
    assert made.parts == ("", "/", "_", ".txt")


def test_doubled_braces_are_the_text_itself() -> None:
    made = parse_pattern("{{x}}/{y}")
    assert made.fill({"y": "k"}) == "{x}/k"
    assert made.wildcards == ("y",)
    assert made.text == "{{x}}/{y}"


def test_a_look_up_in_config_depends_on_the_wildcard_that_picks() -> None:
    made = parse_pattern("data/{config.file[s].path}/{r}")
    assert made.wildcards == ("s", "r")
    assert made.lookups == (("config.file[s].path", ("s",)),)


def test_nothing_but_one_placeholder_is_told_apart() -> None:
    assert parse_pattern("{file}").is_placeholder
    assert not parse_pattern("in/{file}").is_placeholder
    assert not parse_pattern("{file}{file}").is_placeholder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a path is empty"),
        ("  ", "a path is empty"),
        ("a\nb", "line break"),
        ("{x,[0-9]+}", "constraints: {x: '[0-9]+'}"),
        ("a{x,[0-9]{2}}b{y}", "constraints: {x: '[0-9]{2}'}"),
        ("{wildcards.x}", "write {x}"),
        ("{x-y}", "no wildcard name"),
        ("{}", "no wildcard name"),
    ],
)
def test_what_is_no_pattern_is_said_with_its_cure(text: str, words: str) -> None:
    with pytest.raises(FileflowError) as caught:
        parse_pattern(text)
    assert words in str(caught.value)


# --- filling -------------------------------------------------------------------------------------

PARTS = st.sampled_from(["", "/", "_", ".", "a/", "x", "-b"])
VALUES = st.sampled_from(["a", "ab", "b_a", "1", "a.b", "x", "-", "é"])


@st.composite
def patterns(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from("pqr"), min_size=1, max_size=3))
    parts = [draw(PARTS) for _ in names]
    return (
        "f"
        + "".join(f"{part}{{{name}}}" for part, name in zip(parts, names, strict=True))
        + (draw(st.sampled_from(["", ".txt", "_"])))
    )


@settings(max_examples=300, deadline=None)
@given(patterns(), st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=4))
def test_many_rows_are_filled_as_each_by_itself(
    text: str, rows: list[tuple[str, str, str]]
) -> None:
    made = parse_pattern(text)
    columns = {name: [row[i] for row in rows] for i, name in enumerate("pqr")}
    each = [made.fill(dict(zip("pqr", row, strict=True))) for row in rows]
    assert made.fill_rows(columns, len(rows)) == each


def test_a_value_of_a_lone_placeholder_is_taken_as_a_path() -> None:
    assert parse_pattern("{f}").fill({"f": "./a//b"}) == "a/b"
    assert parse_pattern("{f}").fill_rows({"f": ["/x/../y"]}, 1) == ["/y"]


def test_a_pattern_without_wildcards_fills_as_often_as_asked() -> None:
    assert parse_pattern("x").fill_rows({}, 3) == ["x"] * 3


# --- matching ------------------------------------------------------------------------------------


def brute_ways(text: str, path: str, constraints: dict[str, list[str]]) -> list[dict[str, str]]:
    """All values, cut from the path itself, that give exactly this path."""
    made = parse_pattern(text)
    pieces = sorted({path[i:j] for i in range(len(path) + 1) for j in range(i, len(path) + 1)})
    found = []
    for values in product(pieces, repeat=len(made.wildcards)):
        row = dict(zip(made.wildcards, values, strict=True))
        if made.fill(row) != path:
            continue
        fits = all(
            all(fullmatch(one, value) for one in constraints[name])
            if name in constraints
            else value and "/" not in value
            for name, value in row.items()
        )
        if fits and not {".", ".."} & {p for v in row.values() for p in [v, *v.split("/")]}:
            found.append(row)
    return found


CONSTRAINTS = st.dictionaries(
    st.sampled_from("pqr"),
    st.lists(
        st.sampled_from(["[a-z]+", "a|ab", ".*", "[^_]+", "a.*", "1?"]), min_size=1, max_size=2
    ),
    max_size=2,
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(patterns(), st.text("ab_/.", max_size=6), CONSTRAINTS, st.booleans())
def test_a_path_matches_in_just_the_ways_that_trying_all_values_finds(
    text: str, inner: str, constraints: dict[str, list[str]], filled: bool
) -> None:
    made = parse_pattern(text)
    path = f"f{inner}"
    if filled:
        path = made.fill({"p": inner[:2] or "a", "q": inner[2:4] or "b", "r": inner[4:] or "ab"})
    matcher = Matcher(made, constraints)
    expected = brute_ways(text, path, constraints)
    ways = list(matcher.ways(path))
    assert sorted(map(repr, map(sorted, (way.items() for way in ways)))) == sorted(
        map(repr, map(sorted, (way.items() for way in expected)))
    )
    found = matcher.match(path)
    assert (found is None) == (not expected)
    if found is not None:
        assert found in expected
        if all(len(regexes) == 1 for regexes in constraints.values()):  # else: see below
            assert matcher.is_ambiguous(path, found) == (len(expected) > 1)


def test_a_wildcard_is_one_or_more_characters_other_than_a_slash() -> None:
    matcher = Matcher(parse_pattern("a/{x}.txt"), {})
    assert matcher.match("a/k.l.txt") == {"x": "k.l"}
    assert matcher.match("a/.txt") is None
    assert matcher.match("a/k/l.txt") is None


def test_the_same_name_twice_matches_the_same_text() -> None:
    matcher = Matcher(parse_pattern("{x}/{x}_{y}"), {})
    assert matcher.match("k/k_l") == {"x": "k", "y": "l"}
    assert matcher.match("k/l_l") is None


@pytest.mark.parametrize("value", [".", "..", "a\nb", "a\0b"])
def test_what_never_fills_a_path(value: str) -> None:
    assert not value_allowed(value, None)
    assert Matcher(parse_pattern("d/{x}"), {"x": [".*"]}).match(f"d/{value}") is None


def test_a_constraint_may_allow_an_empty_value_or_a_slash() -> None:
    matcher = Matcher(parse_pattern("d/{x}.txt"), {"x": [".*"]})
    assert matcher.match("d/.txt") == {"x": ""}
    assert matcher.match("d/a/b.txt") == {"x": "a/b"}
    assert matcher.match("d/a/../b.txt") is None


def test_all_constraints_of_a_name_hold() -> None:
    matcher = Matcher(parse_pattern("{x}{y}"), {"x": ["[a-z]*", "..?"]})
    assert matcher.match("abc1") == {"x": "ab", "y": "c1"}


@pytest.mark.parametrize(
    "regex",
    ["^[a-z]+$", r"\A[a-z]+\Z", r"([a-z])\1", "(?i)AA", "(?P<y>a)a", "aa(?!.)", "(?=..$)aa"],
)
def test_a_constraint_is_matched_with_the_value_alone(regex: str) -> None:
    assert fullmatch(regex, "aa")
    assert Matcher(parse_pattern("{x}.txt"), {"x": [regex]}).match("aa.txt") == {"x": "aa"}


def test_a_path_that_fits_in_two_ways_is_ambiguous() -> None:
    matcher = Matcher(parse_pattern("{x}_{y}"), {})
    found = matcher.match("a_b_c")
    assert found is not None
    assert matcher.is_ambiguous("a_b_c", found)
    assert list(matcher.ways("a_b_c")) == [{"x": "a_b", "y": "c"}, {"x": "a", "y": "b_c"}]
    decided = Matcher(parse_pattern("{x}_{y}"), {"x": ["[^_]+"]})
    assert not decided.is_ambiguous("a_b_c", {"x": "a", "y": "b_c"})


def test_a_path_in_which_a_second_constraint_leaves_one_way_is_not_ambiguous() -> None:
    matcher = Matcher(parse_pattern("{x}_{y}"), {"x": [".*", "[^_]+"]})
    assert matcher.match("a_b_c") == {"x": "a", "y": "b_c"}
    assert not matcher.is_ambiguous("a_b_c", {"x": "a", "y": "b_c"})


def test_a_second_way_counts_where_the_shortest_first_value_fills_no_path() -> None:
    matcher = Matcher(parse_pattern("{x}_{y}"), {})
    assert matcher.is_ambiguous("._a_b_c", {"x": "._a_b", "y": "c"})
    assert not matcher.is_ambiguous("._a_b", {"x": "._a", "y": "b"})
