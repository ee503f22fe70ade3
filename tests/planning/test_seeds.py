"""A job's seed: from the workflow's seed, a key and the values of its wildcards alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fileflow.model.rules import Rule
from fileflow.planning.seeds import Seeds, masked, seed_counts, seed_key, small
from tests.planning.fakes import Project


def rule(text: str) -> Rule:
    """The only rule of a Workflowfile, given its keys."""
    return Project(f"rules: {{a: {{{text}}}}}").workflow().rules["a"]


def key(text: str) -> tuple[str, list[str]]:
    return seed_key(rule(text))


# --- the key -------------------------------------------------------------------------------------


def test_wildcards_are_masked_and_nothing_else_is_filled_in() -> None:
    assert masked("{config.out}/{s}/{r}.txt") == "{config.out}/{}/{}.txt"
    assert masked("{{s}}/{s}") == "{{s}}/{}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("./{s}/{r}.txt", "{}/{}.txt"),
        (".//out//{s}", "out/{}"),
        ("out/./x/../{s}", "out/{}"),
        ("./{config.out}//{s}/", "{config.out}/{}/"),
        ("./{{s}}", "{{s}}"),
        ("{config.out}/../{s}", "{config.out}/../{}"),
        ("/{s}/.x..y/", "/{}/.x..y/"),
        ("{s}", "{}"),
    ],
)
def test_two_spellings_of_a_path_are_one_key(text: str, said: str) -> None:
    assert masked(text) == said


def test_the_key_is_the_first_output_pattern_in_text_order() -> None:
    found = key('output: ["z/{s}/{r}.txt", "b/{r}-{s}.txt"], shell: "x {output}"')
    assert found == ("b/{}-{}.txt", ["r", "s"])


def test_the_text_order_is_that_of_the_masked_patterns() -> None:
    found = key('output: ["{z}/b-{a}", "{a}/c-{z}"], shell: "x {output}"')
    assert found == ("{}/b-{}", ["z", "a"])


def test_config_in_a_pattern_stays_as_it_is_written() -> None:
    project = Project("""
    config: {out: build}
    rules: {a: {output: "{config.out}/{s}", shell: "x {output}"}}
    """)
    one = project.workflow().rules["a"]
    assert one.outputs[0].written == "{config.out}/{s}"


def test_without_outputs_the_key_is_the_rules_name() -> None:
    assert key('shell: "echo {seed}"') == ("a", [])


def test_a_key_of_its_own_is_shared_by_rules_that_say_it() -> None:
    first = key('output: "x/{s}", seed: {key: word}, shell: "x {output}"')
    second = key('output: "y/{s}", seed: {key: word}, shell: "x {output}"')
    assert first == second == ("word", ["s"])


def test_by_says_which_names_enter_and_in_which_order() -> None:
    assert key('output: "x/{s}/{r}", seed: {by: [r]}, shell: "x {output}"') == ("x/{}/{}", ["r"])
    assert key('output: "x/{s}/{r}", seed: {by: [r, s]}, shell: "x {output}"')[1] == ["r", "s"]


# --- whether it counts ---------------------------------------------------------------------------


def test_the_seed_counts_for_functions_and_scripts() -> None:
    assert seed_counts(rule("output: x, run: 'm:f'"))
    assert seed_counts(rule("output: x, script: s.py"))
    assert not seed_counts(rule("output: x, run: 'm:f', seed: false"))


def test_for_commands_it_counts_only_if_the_text_mentions_it() -> None:
    assert not seed_counts(rule("output: x, shell: 'touch {output}'"))
    assert seed_counts(rule("output: x, shell: 'echo {seed} > {output}'"))
    assert seed_counts(rule("output: x, shell: 'echo {seed:q} > {output}'"))
    assert seed_counts(rule("output: x, shell: 'echo $FILEFLOW_SEED > {output}'"))
    assert seed_counts(rule("output: x, argv: [fit, '--seed={seed}', '{output}']"))
    assert not seed_counts(rule("output: x, argv: [fit, '{output}']"))


def test_a_command_that_says_so_counts() -> None:
    assert seed_counts(rule("output: x, seed: true, shell: 'touch {output}'"))
    assert seed_counts(rule("output: x, seed: {key: word}, shell: 'touch {output}'"))
    assert seed_counts(rule("output: 'x/{s}', seed: {by: [s]}, shell: 'touch {output}'"))


def test_a_seed_in_doubled_braces_is_text() -> None:
    assert not seed_counts(rule("output: x, shell: 'echo {{seed}} > {output}'"))


# --- the number ----------------------------------------------------------------------------------


def test_a_seed_is_the_same_wherever_and_whenever_it_is_asked_for() -> None:
    assert Seeds(2013, "build/{}.json").of(["a", "1"]) == Seeds(2013, "build/{}.json").of(
        ["a", "1"]
    )
    assert Seeds(0, "x").of([]) == Seeds(0, "x").of(())


def test_each_of_its_parts_makes_another_seed() -> None:
    made = [
        Seeds(0, "x").of(["a", "b"]),
        Seeds(1, "x").of(["a", "b"]),
        Seeds(0, "y").of(["a", "b"]),
        Seeds(0, "x").of(["b", "a"]),
        Seeds(0, "x").of(["ab"]),
        Seeds(0, "x").of(["a", "b", ""]),
        Seeds(0, "xa").of(["b"]),
    ]
    assert len(set(made)) == len(made)


@given(st.integers(), st.text(), st.lists(st.text()))
def test_a_seed_has_128_bits_and_its_small_form_is_below_two_to_the_31(
    root: int, word: str, values: list[str]
) -> None:
    made = Seeds(root, word).of(values)
    assert 0 <= made < 1 << 128
    assert 0 <= small(made) < 1 << 31
