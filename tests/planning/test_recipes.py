"""What identifies a job beside its files: equal digests where nothing of it differs."""

from __future__ import annotations

import pytest

from fileflow.model.rules import Shell
from fileflow.planning.filling import JobValues, canonical
from fileflow.planning.recipes import Recipe, filled_words, is_shared, recipe_of, words_of
from tests.planning.fakes import FakeCode, Project


def recipe(text: str, code: FakeCode | None = None, **facts: object) -> Recipe:
    """The recipe of the rule `a`."""
    project = Project(text, "in", "x.in", "y.in")
    plan = project.plan("a")
    table = plan.by_rule["a"]
    given: dict[str, object] = {"root_seed": 0, "code": code, "takes": None, "named_files": {}}
    return recipe_of(table, **{**given, **facts})  # type: ignore[arg-type]


def digests(text: str, **facts: object) -> list[bytes]:
    made = recipe(text, **facts)
    return [made.digest(row) for row in range(made.table.count)]


def same(one: str, other: str) -> bool:
    return digests(one) == digests(other)


SHELL = "rules: {a: {input: in, output: o, shell: 'WORDS'}}"


def shell(words: str, top: str = "") -> str:
    return f"{top}\n{SHELL.replace('WORDS', words)}" if top else SHELL.replace("WORDS", words)


# --- the text ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("c {input} {output}", "c {input} {output}", True),
        ("c {input} {output}", "c  {input} {output}", False),
        ("c {input} {output}", "c {input} {output}  ", True),
        ("c {input} {output} {cores}", "c {input} {output} {cores}", True),
    ],
)
def test_the_text_of_a_command_as_written_counts(one: str, other: str, equal: bool) -> None:
    assert same(shell(one), shell(other)) is equal


def test_comment_lines_of_a_shell_text_do_not_count() -> None:
    block = "rules:\n  a:\n    output: o\n    shell: |\n      {0}touch {{output}}\n"
    assert same(block.format(""), block.format("# why\n      "))


def test_a_comment_line_in_a_here_document_counts() -> None:
    block = (
        "rules:\n  a:\n    output: o\n    shell: |\n      cat > {{output}} <<END\n{0}      x\n"
        "      END\n"
    )
    assert not same(block.format(""), block.format("      # text\n"))


def test_paths_are_no_part_of_the_recipe() -> None:
    text = shell("c {input} {output}")
    assert same(text, text.replace("output: o", "output: elsewhere/o"))


def test_cores_and_pools_are_no_part_of_the_recipe() -> None:
    text = shell("c -j {cores} {resources.api} {input} {output}")
    said = text.replace("input: in", "resources: {api: 1}, input: in")
    more = text.replace("input: in", "resources: {api: 2}, cores: 4, input: in")
    assert same(said, more)


# --- values --------------------------------------------------------------------------------------


def test_params_as_written_count_for_a_command() -> None:
    text = "rules: {a: {output: o, params: {k: VALUE}, shell: 'c {params.k} {output}'}}"
    assert not same(text.replace("VALUE", "01"), text.replace("VALUE", "1"))
    assert not same(text.replace("VALUE", "1.0"), text.replace("VALUE", "1.00"))


def test_params_as_values_count_for_a_function() -> None:
    text = "rules: {a: {output: o, params: {k: VALUE}, run: 'm:f'}}"
    assert same(text.replace("VALUE", "1.0"), text.replace("VALUE", "1.00"))
    assert not same(text.replace("VALUE", "1"), text.replace("VALUE", "'1'"))


def test_the_order_of_keys_in_params_does_not_count_at_any_depth() -> None:
    text = "rules: {a: {output: o, params: PARAMS, run: 'm:f'}}"
    one = text.replace("PARAMS", "{k: {x: 1, y: [1, 2]}, l: 2}")
    other = text.replace("PARAMS", "{l: 2, k: {y: [1, 2], x: 1}}")
    assert same(one, other)
    assert not same(one, other.replace("[1, 2]", "[2, 1]"))


def test_only_config_values_that_are_named_count() -> None:
    text = "config: {a: {b: 1, c: 2}, d: 3}\n" + shell("c {config.a.b} {output}")
    assert same(text, text.replace("d: 3", "d: 4").replace("c: 2", "c: 5"))
    assert not same(text, text.replace("b: 1", "b: 7"))


def test_all_of_config_counts_where_all_is_named_but_not_the_order_of_its_keys() -> None:
    text = "config: {a: 1, b: 2}\n" + shell("c {config} {output}")
    assert not same(text, text.replace("b: 2", "b: 3"))
    assert same(text, text.replace("{a: 1, b: 2}", "{b: 2, a: 1}"))


def test_config_counts_for_a_function_that_takes_it() -> None:
    text = "config: {a: 1}\nrules: {a: {output: o, run: 'm:f'}}"
    other = text.replace("a: 1}", "a: 2}", 1)
    assert digests(text, takes=((), False)) == digests(other, takes=((), False))
    assert digests(text, takes=((), True)) != digests(other, takes=((), True))


ROWS = """
wildcards: {"s, kind": [[x, p], [y, q]]}
rules: {a: {input: "{s}.in", output: "{s}.out", shell: "c WORDS {input} {output}"}}
"""


def test_values_that_no_action_names_leave_one_digest_for_all_jobs() -> None:
    first, second = digests(ROWS.replace("WORDS", ""))
    assert first == second


@pytest.mark.parametrize("words", ["{s}", "{wildcards.s}", "{kind}", "{kind:each}", "{seed}"])
def test_values_that_the_action_names_tell_jobs_apart(words: str) -> None:
    first, second = digests(ROWS.replace("WORDS", words))
    assert first != second


def test_values_cannot_run_into_each_other() -> None:
    text = """
    wildcards: {s: [a, ab], t: [bc, c]}
    rules: {a: {output: "{s}-{t}", shell: "c {s} {t} > {output}"}}
    """
    assert len(set(digests(text))) == 4


def test_a_gathered_wildcard_that_is_named_counts_with_its_values() -> None:
    text = (
        "wildcards: {s: [x, y]}\nrules: {a: {input: '{s}.in', output: o, shell: 'c {s} {output}'}}"
    )
    assert not same(text, text.replace("[x, y]", "[x]"))


def test_env_and_prefix_count_for_a_command() -> None:
    text = shell("c {input} {output}")
    for more in ("env: {A: b}", "prefix: [nice]", "shell_prefix: 'module load x;'",
                 "shell_words: [sh, -c]"):  # fmt: skip
        assert not same(text, text.replace("input: in", f"{more}, input: in"))


def test_the_value_of_a_variable_from_outside_does_not_count() -> None:
    text = shell("c {input} {output}")
    assert same(text, text.replace("input: in", "envvars: [TOKEN], input: in"))


# --- code, files, seed ---------------------------------------------------------------------------


def test_code_and_named_files_count() -> None:
    text = "rules: {a: {output: o, run: 'm:f'}}"
    one, other = FakeCode((("m.f", b"1"),)), FakeCode((("m.f", b"2"),))
    assert digests(text, code=one) != digests(text, code=other)
    assert digests(text, named_files={"t.py": b"1"}) != digests(text, named_files={"t.py": b"2"})


def test_the_root_seed_counts_only_where_the_action_draws() -> None:
    draws = "rules: {a: {output: o, run: 'm:f'}}"
    assert digests(draws, root_seed=0) != digests(draws, root_seed=1)
    still = draws.replace("run:", "seed: false, run:")
    assert digests(still, root_seed=0) == digests(still, root_seed=1)


def test_by_a_column_makes_the_seed_depend_on_it() -> None:
    text = ROWS.replace("WORDS", "{seed}").replace("input:", "seed: {by: [kind]}, input:")
    made = recipe(text)
    assert made.row_texts(0) == [canonical("p")]


def test_an_output_with_a_wildcard_of_its_own_has_a_recipe() -> None:
    text = "rules: {a: {output: {path: 'o/{n}', n: [1, 2]}, shell: 'echo {seed}'}}"
    assert len(digests(text)) == 1


def test_the_name_of_a_rule_counts_only_if_it_is_named() -> None:
    text = shell("c {rule} {output}")
    assert recipe(text).parts["rule"] == "a"
    assert "rule" not in recipe(shell("c {output}")).parts


# --- words of a command --------------------------------------------------------------------------


def words(text: str, more: str = "") -> list[str]:
    """The words that all jobs share of a shell text; `more` are further lines of the rule."""
    lines = "".join(f"\n      {line}" for line in text.splitlines())
    head = "config: {tool: tools/fit.py, two: a b}\n"
    rule = f"rules:\n  a:\n    input: in\n    output: o\n    {more}\n    shell: |{lines}\n"
    table = Project(head + rule, "in").plan("a").by_rule["a"]
    assert isinstance(table.rule.action, Shell)
    found = words_of(table.rule.action.template, in_shell=True)
    job = JobValues(table, 0)
    shared = [text for word in found if is_shared(word, table) for text in filled_words(word, job)]
    return list(dict.fromkeys(shared))


def test_the_words_of_a_command_are_found_without_quotes() -> None:
    found = words("python 'tools/fit.py' {input} | \"sort.sh\"; cat <data.txt $(gen.py)")
    assert {"python", "tools/fit.py", "sort.sh", "data.txt", "gen.py"} <= set(found)


def test_a_word_with_a_placeholder_in_it_is_no_literal_word() -> None:
    assert words("tools/{input}.py x") == ["x"]


def test_what_config_and_plain_params_say_is_a_word_of_the_command() -> None:
    params = "params: {script: x.R, list: [a.py, b.py]}"
    assert words("py {config.tool} {params.script} {params.list}", params) == [
        *("py", "tools/fit.py", "x.R", "a.py", "b.py")
    ]
    assert words("{config.two} in/{config.tool}") == ["a b", "in/tools/fit.py"]


def test_a_word_that_holds_blanks_is_one_and_what_is_between_them_too() -> None:
    assert words("bash 'tools/q q.sh'") == ["bash", "tools/q", "q.sh", "tools/q q.sh"]
    assert "tools/q q.sh" in words("bash tools/q\\ q.sh")
    assert "tools/fit.py" in words('bash tools/"fit".py')


def test_words_that_differ_from_job_to_job_are_filled_in_for_each() -> None:
    text = "wildcards: {n: [a, b]}\nrules:\n  r:\n    output: '{n}.o'\n    params: {p: 't/{n}.R'}\n"
    text += "    shell: \"bash t/{n}.sh {params.p} 'x {n}' {output} > {n}.log\"\n"
    table = Project(text, "").plan("r").by_rule["r"]
    assert isinstance(table.rule.action, Shell)
    own = [w for w in words_of(table.rule.action.template, in_shell=True) if w.placeholders]
    assert not any(is_shared(word, table) for word in own)
    found = [one for word in own for one in filled_words(word, JobValues(table, 1))]
    assert {"t/b.sh", "t/b.R", "x b"} <= set(found)
    assert not {"b.o", "b.log"} & set(found)


@pytest.mark.parametrize(
    "text",
    [
        "x a.py > o.log",
        "x a.py >>o.log 2>o.err",
        "x a.py &> 'o.log'",
        "x a.py 2>&1 >| o.log",
        "x a.py > >(tee o.err) | tee -a o.log p.log",
        "x <a.py >o.log",
    ],
)
def test_what_a_command_writes_is_no_word_of_it(text: str) -> None:
    assert words(text) == ["x", "a.py"]


def test_what_looks_like_writing_and_is_none_stays_a_word() -> None:
    assert words("grep '>' a.txt; x > >(b.sh); tools/tee.py c.txt; tee < d.txt") == [
        *("grep", "a.txt", "x", "b.sh", "tools/tee.py", "c.txt", "d.txt", ">")
    ]


def test_words_of_comment_lines_are_not_looked_at() -> None:
    assert words("# tools/fit.py\nx") == ["x"]
