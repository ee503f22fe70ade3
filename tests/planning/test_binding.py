"""Parameters of functions, bound by name: what each gets, and what cannot be bound."""

from __future__ import annotations

import pytest

from fileflow.errors import FileflowError
from fileflow.model.ports import Parameter
from fileflow.planning.binding import Binding, bind
from fileflow.planning.filling import JobValues
from fileflow.planning.tables import RuleTable
from tests.planning.fakes import Project


def parameters(text: str) -> list[Parameter]:
    """`a/, b: Path, c=1, *rest, **more` as parameters; `/` after each that has no name."""
    found = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        name, _, default = word.partition("=")
        bare, _, annotation = name.partition(":")
        kind = {2: "var_keyword", 1: "var_positional"}.get(
            len(bare) - len(bare.lstrip("*")), "positional_or_keyword"
        )
        if bare.endswith("/"):
            bare, kind = bare[:-1], "positional_only"
        found.append(
            Parameter(bare.lstrip("*").strip(), kind, bool(default), annotation.strip() or None)
        )
    return found


def table(rule: str, top: str = "") -> RuleTable:
    project = Project(f"{top}\nrules: {{a: {{{rule}, run: 'm:f'}}}}")
    for path in ("in", "x.in", "y.in", "p", "q", "1.in", "2.in"):
        project.world.write(path, path)
    plan = project.plan("a")
    made = plan.by_rule["a"]
    made.make_links()
    return made


def bound(rule: str, function: str, top: str = "") -> Binding:
    return bind(table(rule, top), parameters(function))


def sources(rule: str, function: str, top: str = "") -> dict[str, str]:
    """For each parameter where its value comes from."""
    return {name: source for name, source, _ in bound(rule, function, top).parameters}


def value(rule: str, function: str, top: str = "", row: int = 0) -> object:
    """The plain value of the only parameter."""
    made = table(rule, top)
    binding = bind(made, parameters(function))
    return binding.values[0](JobValues(made, row))


def refused(rule: str, function: str, top: str = "") -> str:
    with pytest.raises(FileflowError) as caught:
        bound(rule, function, top)
    return str(caught.value)


ONE = "input: in, output: o"
NAMED = "input: {x: p, y: [q]}, output: {z: o}, params: {k: 1}"
ROWS = 'wildcards: {"s, n": [[x, "1"], [y, "2"]]}'
MAPS = 'input: "{s}.in", output: "{s}.out"'
GATHERS = 'input: "{s}.in", output: o'


# --- what each gets ------------------------------------------------------------------------------


def test_an_unnamed_input_and_output_bind_to_input_and_output() -> None:
    assert bound(ONE, "input, output").parameters == [
        ("input", "input", 0),
        ("output", "output", 0),
    ]


def test_named_inputs_outputs_and_params_bind_by_their_names() -> None:
    made = bound(NAMED, "z, x, y, k")
    assert made.parameters == [
        ("z", "output", 0),
        ("x", "input", 0),
        ("y", "input", 1),
        ("k", "value", 0),
    ]


def test_wildcards_and_columns_bind_by_their_names_as_text() -> None:
    assert value(MAPS, "s, input=1, output=1", ROWS) == "x"
    assert value(MAPS, "n, input=1, output=1", ROWS, row=1) == "2"


def test_a_wildcard_is_a_number_where_the_parameter_is_annotated_so() -> None:
    assert value(MAPS, "n: int", ROWS) == 1
    assert value(MAPS, "n: float", ROWS) == 1.0
    assert value(MAPS, "n: str", ROWS) == "1"


def test_a_gathered_wildcard_is_the_list_of_its_values() -> None:
    assert value(GATHERS, "s", ROWS) == ["x", "y"]
    assert value('input: "{n}.in", output: o', "n: list[int]", ROWS) == [1, 2]


def test_params_keep_their_types() -> None:
    assert value("output: o, params: {k: [1, a, null]}", "k") == [1, "a", None]
    assert value("output: o, params: {k: 1.5}", "params") == {"k": 1.5}


def test_built_in_names_are_bound() -> None:
    made = sources(ONE, "seed, rng, log, cores, resources, wildcards, config, params")
    assert all(made[name] == name for name in ("seed", "rng", "log", "config"))
    assert {made[n] for n in ("cores", "resources", "wildcards", "params")} == {"value"}


def test_the_generator_is_numpys_where_the_annotation_says_so() -> None:
    assert bound(ONE, "rng").parameters == [("rng", "rng", "random")]
    assert bound(ONE, "rng: np.random.Generator").parameters == [("rng", "rng", "numpy")]


def test_the_config_is_no_value_that_is_made_for_each_job() -> None:
    assert bound(ONE, "config").values == []


def test_it_is_known_whether_a_function_takes_config_or_the_seed() -> None:
    assert bound(ONE, "config").whole_config
    assert bound(ONE, "seed").takes_seed
    assert bound(ONE, "rng").takes_seed
    plain = bound(ONE, "input")
    assert not plain.whole_config and not plain.takes_seed


def test_a_parameter_with_a_default_that_nothing_provides_is_left_alone() -> None:
    assert sources(ONE, "input, output, more=3") == {"input": "input", "output": "output"}


def test_a_rules_own_name_wins_over_a_built_in_one() -> None:
    assert bound("output: o, params: {seed: 5}", "seed").parameters == [("seed", "value", 0)]
    assert value("output: o, params: {seed: 5}", "seed") == 5


def test_keywords_take_all_that_is_left() -> None:
    assert sources(NAMED, "x, **rest") == {
        "x": "input",
        "y": "input",
        "z": "output",
        "k": "value",
    }


def test_keywords_take_an_unnamed_input_and_output() -> None:
    assert bound("input: in, output: o", "**rest").parameters == [
        ("input", "input", 0),
        ("output", "output", 0),
    ]
    assert sources("input: in, output: o", "input, **rest")["output"] == "output"


def test_a_parameter_without_a_name_to_call_it_by_is_an_error() -> None:
    with pytest.raises(FileflowError, match=r"takes 'x' by its position alone") as caught:
        bound("input: {x: p}, output: o", "x/, output")
    assert caught.value.hint == "take the `/` out of its parameters"
    assert bound("output: o", "x/=1, output").parameters == [("output", "output", 0)]


def test_whole_input_output_and_params_take_all_names() -> None:
    assert bound(NAMED, "input, output, params").parameters == [
        ("input", "inputs", (("x", 0), ("y", 1))),
        ("output", "outputs", (("z", 0),)),
        ("params", "value", 0),
    ]


def test_an_order_only_input_is_no_part_of_the_whole_unless_it_has_a_name() -> None:
    made = bound("input: [{path: q, order_only: true}, p], output: o", "input")
    assert made.parameters == [("input", "input", 1)]
    several = bound("input: [p, {path: q, order_only: true}, in], output: o", "input")
    assert several.parameters == [("input", "inputs", ((None, 0), (None, 2)))]


def test_an_order_only_input_need_not_be_taken() -> None:
    rule = "input: {x: p, y: {path: q, order_only: true}}, output: o"
    assert sources(rule, "x") == {"x": "input"}


def test_a_param_that_only_repeats_the_wildcard_of_its_name_is_no_second_thing() -> None:
    rule = MAPS + ', params: {s: "{s}"}'
    assert value(rule, "s", ROWS) == "x"


# --- what cannot be bound ------------------------------------------------------------------------


def test_a_parameter_that_nothing_provides_names_the_near_one() -> None:
    error = refused(NAMED, "x, y, z, kk")
    assert "m:f takes 'kk', which rule 'a' does not provide" in error


def test_a_name_that_nothing_takes_is_an_error_for_each_kind() -> None:
    error = refused(NAMED, "")
    for kind, name in (("input", "x"), ("input", "y"), ("output", "z"), ("param", "k")):
        assert f"has no parameter {name!r}: nothing takes the {kind} of that name" in error


def test_unnamed_inputs_need_not_be_taken() -> None:
    assert sources(ONE, "") == {}


def test_a_name_for_an_input_and_an_output_is_an_error_with_the_cure() -> None:
    error = refused("input: {x: p}, output: {x: o}", "x")
    assert "both an input and an output" in error
    assert "input.x and output.x" in error
    assert sources("input: {x: p}, output: {x: o}", "input, output") == {
        "input": "inputs",
        "output": "outputs",
    }


def test_a_param_with_the_name_of_a_wildcard_that_it_does_not_repeat_is_an_error() -> None:
    assert "both a param and a wildcard" in refused(MAPS + ", params: {s: other}", "s", ROWS)


def test_an_input_with_the_name_of_a_gathered_wildcard_is_an_error() -> None:
    error = refused('input: {s: "{s}.in"}, output: o', "s", ROWS)
    assert "both an input and a gathered wildcard" in error


def test_one_path_where_a_list_comes_names_the_wildcard_that_may_be_missing() -> None:
    error = refused(GATHERS, "input: Path", ROWS)
    assert "gathers {s}: is it missing in the output?" in error


def test_one_path_where_the_rule_writes_a_list_is_an_error() -> None:
    assert "gives a list of paths" in refused(NAMED, "x, y: Path, z, k")


def test_a_list_where_one_path_comes_is_an_error() -> None:
    error = refused(NAMED, "x: list[Path], y, z, k")
    assert "but the input is one file" in error


@pytest.mark.parametrize("annotation", ["Path", "Path | None", "'Path'", "pathlib.Path", "str"])
def test_one_path_may_be_annotated_in_these_ways(annotation: str) -> None:
    assert sources("input: {x: p}, output: o", f"x: {annotation}") == {"x": "input"}


@pytest.mark.parametrize("annotation", ["list[Path]", "List[Path]", "Sequence[Path]", "list"])
def test_a_list_may_be_annotated_in_these_ways(annotation: str) -> None:
    assert sources("input: {x: [p]}, output: o", f"x: {annotation}") == {"x": "input"}


def test_a_value_that_is_no_number_is_an_error_before_anything_runs() -> None:
    error = refused(MAPS, "s: int", ROWS)
    assert "takes 's' as int, but {s} has the value 'x'" in error


def test_a_column_that_is_no_number_is_an_error_before_anything_runs() -> None:
    top = 'wildcards: {"s, kind": [[x, one], [y, two]]}'
    assert "takes 'kind' as int" in refused(MAPS, "kind: int", top)


def test_a_gathered_value_that_is_no_number_is_an_error_before_anything_runs() -> None:
    assert "takes 's' as list[int]" in refused(GATHERS, "s: list[int]", ROWS)


def test_a_wildcard_that_inputs_gather_differently_has_no_list() -> None:
    top = "wildcards: {s: [x, y], t: [in]}"
    rule = 'input: {p: "{s}.in", q: {path: "{s}.{t}", optional: true}}, output: o'
    assert "over different wildcards" in refused(rule, "p, q, s", top)


def test_all_mistakes_are_told_at_once() -> None:
    error = refused(NAMED, "x: list[Path], zz")
    assert "'zz'" in error
    assert "one file" in error
    assert "nothing takes the param" in error


def test_a_function_that_takes_the_input_of_a_rule_without_any_is_an_error() -> None:
    assert "takes 'input', but the rule has no input" in refused("output: o", "input, output")
