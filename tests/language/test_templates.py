"""Placeholders: what is one, what its value becomes, and that hostile values arrive whole."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fileflow.errors import FileflowError, Place, Source
from fileflow.language.bash import Quoting
from fileflow.language.templates import (
    FillOptions,
    Lookup,
    PathText,
    Placeholder,
    Template,
    Value,
    check_list_in_quotes,
    check_names,
    fill_plain,
    fill_shell,
    fill_words,
    parse_plain,
    parse_shell,
    without_comments,
)

KNOWN = ("input", "output", "params", "config", "wildcards", "cores", "sample", "chunk", "x")


def place_in(text: str) -> Place:
    return Place(Source("Workflowfile", text), 1, 1)


def shell(text: str) -> Template:
    source = Source("Workflowfile", text)
    return parse_shell(
        text,
        lambda at: Place(source, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)),
    )


def name_errors(template: Template) -> list[FileflowError]:
    return check_names(template, KNOWN, frozenset(), lambda _: None)


def plain(text: str) -> Template:
    return parse_plain(text, lambda _: place_in(text))


class Lists:
    """Stands for the files that `:file` writes."""

    def __init__(self) -> None:
        self.written: list[list[str]] = []

    def __call__(self, lines: Sequence[str]) -> str:
        self.written.append(list(lines))
        return f"lists/{len(self.written)}"


OPTIONS = FillOptions(root="/home/me/project", write_list=Lists())


def filled(text: str, **values: Value) -> str:
    return fill_shell(shell(text), lambda p: values[p.root], OPTIONS)


def words(text: str, **values: Value) -> list[str]:
    return fill_words(plain(text), lambda p: values[p.root], OPTIONS)


def only(text: str) -> Placeholder:
    (placeholder,) = shell(text).placeholders
    return placeholder


# ---- what is a placeholder --------------------------------------------------------------------


def test_names_steps_and_modifiers_are_read() -> None:
    assert only("cat {input}").root == "input"
    assert only("{params.x-y.2}").steps == ("x-y", "2")
    assert only("{input[0]} a").steps == (0,)
    assert only("{input[-1]}").steps == (-1,)
    assert only("{config.rate[sample].low}").steps == ("rate", Lookup("sample"), "low")
    assert only("{config.rate[wildcards.sample]}").steps == ("rate", Lookup("sample"))
    assert only("{x:abs:dir}").modifiers == ("abs", "dir")
    assert only("{x:cut.tar.gz:name}").modifiers == ("cut.tar.gz", "name")
    assert (only("{wildcards.x}").root, only("{wildcards.x}").steps) == ("wildcards", ("x",))


def test_a_placeholder_knows_where_and_how_it_was_written() -> None:
    placeholder = only("cat  {params.x:raw} > out")
    assert (placeholder.offset, placeholder.text) == (5, "{params.x:raw}")


@pytest.mark.parametrize(
    "text",
    [
        "echo ${x}",
        "echo ${x:-a}",
        "awk '{print $1}'",
        """echo '{"a": 1, "b": {"c": 2}}'""",
        "echo {a,b} {1..3} {a..c}",
        "{ cmd; }",
        "find -exec cat {} +",
        "echo {{ jinja }} {{a,b}}",
        "echo {a: 1} {x y} { x } {$x} {1x}",
        "sed 's/a{3}//; s/b{2,3}//'",
        "echo \\{x}",
        "echo a # {x} {{x}}",
        "cat <<{x}\na\n{x}",
    ],
)
def test_other_braces_stay_as_they_are(text: str) -> None:
    template = shell(text)
    assert template.placeholders == ()
    assert filled(text) == text
    assert name_errors(template) == []


def test_doubled_braces_are_the_text() -> None:
    assert filled("echo {{x}} {{input.a[0]:raw}} {x}", x="1") == "echo {x} {input.a[0]:raw} 1"
    assert filled("echo ${{name}}") == "echo ${name}"
    assert filled("awk '{{print {x}}}'", x="1") == "awk '{{print 1}}'"
    assert filled("f{{{x}}} # {{{x}}}", x="a") == "f{a} # {{{x}}}"


def test_a_plain_text_has_the_same_placeholders() -> None:
    template = plain("a {x} ${x} {{x}} 'b {input.y}'")
    assert [p.text for p in template.placeholders] == ["{x}", "{input.y}"]
    assert {p.quoting for p in template.placeholders} == {Quoting.PLAIN}


def test_a_text_that_is_one_placeholder_says_so() -> None:
    only_one = plain("{config.n}").only
    assert only_one is not None
    assert only_one.text == "{config.n}"
    assert plain("{config.n} ").only is None
    assert plain("{{x}}").only is None


# ---- what values become -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a.txt", "a.txt"),
        ("a b", "'a b'"),
        ("it's", r"'it'\''s'"),
        ("", "''"),
        (None, ""),
        ([], ""),
        (["a", "b c", ""], "a 'b c' ''"),
        (["a", None, "b"], "a b"),
        ("01", "01"),
        (True, "true"),
        (1.5, "1.5"),
        ({"b": 1, "a": [None, "ü"]}, """'{"a": [null, "ü"], "b": 1}'"""),
        (PathText("dir/"), "dir"),
        (PathText("/"), "/"),
        ([PathText("a/"), PathText("b")], "a b"),
        ("text/", "text/"),
    ],
)
def test_a_value_becomes_words(value: Value, text: str) -> None:
    assert filled("cmd {x} end", x=value) == f"cmd {text} end"


def test_raw_is_not_quoted_and_q_is_quoted_within_quotes_too() -> None:
    assert filled("cmd {x:raw}", x="a | b") == "cmd a | b"
    assert filled('cmd "{x:raw}"', x=["a b", "c"]) == 'cmd "a b c"'
    assert filled("cmd {x:q}", x="a b") == "cmd 'a b'"
    assert filled('ssh host "ls {x:q}"', x=["a b", "$c"]) == "ssh host \"ls 'a b' '\\$c'\""


def test_modifiers_change_each_item() -> None:
    assert filled("{x:abs}", x="a/../b") == "/home/me/project/b"
    assert filled("{x:abs}", x="/b") == "/b"
    assert filled("cat {x:name}", x=[PathText("a/b/"), "c"]) == "cat b c"
    assert filled("cat {x:dir}", x=["a/b.txt", "c"]) == "cat a ."
    assert filled("cat {x:cut.bam:name}", x="a/b.bam") == "cat b"
    assert filled("cat {x:abs}", x=None) == "cat "
    assert filled("cat {x:each}", x=["a", "b"]) == "cat a b"


def test_an_ending_that_is_not_there_cannot_be_cut() -> None:
    with pytest.raises(FileflowError, match=r"'a.sam' does not end in '\.bam'"):
        filled("cat {x:cut.bam}", x="a.sam")


def test_file_is_a_file_that_lists_the_values() -> None:
    lists = Lists()
    options = FillOptions("/r", lists)
    command = fill_shell(shell('tar -T "{x:abs:file}"'), lambda _: ["a", "b"], options)
    assert command == 'tar -T "lists/1"'
    assert lists.written == [["/r/a", "/r/b"]]
    with pytest.raises(FileflowError, match="line break"):
        fill_shell(shell("cat {x:file}"), lambda _: ["a\nb"], options)


def test_a_list_alone_between_quotes_is_an_error() -> None:
    for text in ('cat "{input}"', "cat '{input}'", "cat $'{input}'", 'echo "$(cat "{input}")"'):
        (error,) = check_list_in_quotes(shell(text), lambda p: p.root == "input")
        assert "{input} is a list" in error.what
        assert error.hint is not None
        assert "drop the quotes" in error.hint
        with pytest.raises(FileflowError, match="is a list"):
            filled(text, input=["a"])


def test_a_list_elsewhere_is_no_error() -> None:
    for text in (
        "cat {input}",
        'echo "from {input}"',
        'cat "{input:q}"',
        'cat "{input:raw}"',
        'cat "{input:file}"',
        '"a"{input}"b"',
    ):
        assert check_list_in_quotes(shell(text), lambda _: True) == []
    assert filled('echo "from {input}"', input=["a", "b"]) == 'echo "from a b"'
    assert filled('cat "{x}"', x="a b") == 'cat "a b"'


def test_a_word_with_lists_becomes_a_word_for_each_item() -> None:
    assert words("{x}", x=["a b", "c"]) == ["a b", "c"]
    assert words("{x}={input}!", x=["1", "2"], input=["a", "b"]) == ["1=a!", "2=b!"]
    assert words("{x}={input}", x="k", input=["a", "b"]) == ["k=a", "k=b"]
    assert words("--x={x}", x=[]) == []
    assert words("{x}", x="") == [""]
    assert words("{x}", x=None) == []
    assert words("--x={x}", x=None) == ["--x="]
    assert words("ls {x:q}", x="a b") == ["ls 'a b'"]
    assert words("plain", x=None) == ["plain"]
    with pytest.raises(FileflowError, match=r"\{x\} has 1, \{input\} has 2"):
        words("{x}={input}", x=["1"], input=["a", "b"])


def test_a_plain_text_is_filled_without_quotes() -> None:
    template = plain("a {x} '{input}' {wildcards.x}")
    values: dict[str, Value] = {"x": "b c", "input": ["d", "e"], "wildcards": {"k": 1}}
    assert fill_plain(template, lambda p: values[p.root], OPTIONS) == "a b c 'd e' {\"k\": 1}"


def test_nul_and_text_in_arithmetic_are_refused() -> None:
    with pytest.raises(FileflowError, match="NUL"):
        filled("cat {x}", x="a\0b")
    with pytest.raises(FileflowError, match="cannot be quoted here"):
        filled("echo $((1 + {x}))", x="a[$(touch pwned)]")
    with pytest.raises(FileflowError, match="cannot be quoted here"):
        filled('echo "${v:-"{x}"}"', x="<(touch pwned)")
    assert filled('echo "${v:-"{x}"}"', x="a b") == 'echo "${v:-"a b"}"'
    assert filled("echo $((1 + {x}))", x="-41") == "echo $((1 + -41))"


# ---- names that are none ----------------------------------------------------------------------


def hints(text: str) -> list[str]:
    return [f"{error.what}: {error.hint}" for error in name_errors(shell(text))]


def test_a_known_name_is_no_error() -> None:
    text = "cmd {input.a} {wildcards.sample} {config.rate[sample]} {x:q} {x:cut.b}"
    assert hints(text) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cat {inptu}", ["{inptu}", "did you mean 'input'?", "{{inptu}}"]),
        ("cat {threads}", ["{cores}"]),
        ("cat {snakemake.input}", ["write {input}"]),
        ("cat {snakemake.params.x:q}", ["write {params.x:q}"]),
        ("cat {snakemake.threads}", ["write {cores}"]),
        ("cat {chunk,\\d+}", ["`constraints: {chunk: '\\d+'}`"]),
        ("cat {chunk, [0-9]{2,3}}", ["'[0-9]{2,3}'"]),
        ("cat {input.x!r}", ["!r"]),
        ("cat {x:>10}", [":>10", "{{x:>10}}"]),
        ("cat {x:nam}", ["did you mean 'name'?"]),
        ("cat {wildcards.smaple}", ["did you mean 'sample'?"]),
        ("cat {config.rate[low]}", ["{config.rate.low}"]),
    ],
)
def test_an_unknown_name_is_an_error_with_its_cure(text: str, words: list[str]) -> None:
    (hint,) = hints(text)
    for word in words:
        assert word in hint


def test_the_error_names_the_line() -> None:
    (error,) = name_errors(shell("echo a\ncat {inptu}"))
    assert error.place is not None
    assert (error.place.line, error.place.column) == (2, 5)


def test_brace_expansion_and_unknown_names_with_more_are_no_slip() -> None:
    assert hints("echo {x,b} {a:>3} {b!r} {c,\\d+} {x,y.txt}") == []
    assert hints("# {inptu} {x:>10}") == []


# ---- hostile values, and what bash makes of them ----------------------------------------------

HOSTILE = [
    "'",
    '"',
    "$(touch pwned)",
    "`touch pwned`",
    "a\nb",
    "\n",
    "\\",
    "\\\\n\\$x\\`",
    "*",
    "; touch pwned",
    "-rf",
    "",
    "größe ☃ \U0001f600",
    "!x !!",
    "a  b\t",
    "$HOME ${x} $'a'",
    "} ${",
    "#a",
    "~",
    "2",
    "EOF",
    "a\nEOF\ntouch pwned",
    "\tEOF",
    "EOF) #",
    '"{b,c}<(',
    "OF",
    "a=b",
    "a,b",
    "&<>|()[]{}",
    "\\'",
    '\\"',
    "if",
    "&",
    "/",
]

ONE_WORD = [
    "printf '%s\\0' {x}",
    "printf '%s\\0' \"{x}\"",
    "printf '%s\\0' '{x}'",
    "printf '%s\\0' $'{x}'",
    "printf '%s\\0' $\"{x}\"",
    "printf '%s\\0' {x}> /dev/stdout",
    "printf '%s\\0' \"$(printf '%s.' {x})\" | sed -z 's/\\.$//'",
    "printf '%s\\0' \"$(printf '%s.' \"$(printf %s. \"{x}\")\")\" | sed -z 's/\\.\\.$//'",
    "printf '%s\\0' \"`printf '%s.' {x}`\" | sed -z 's/\\.$//'",
    "printf '%s\\0' \"`printf '%s.' '{x}'`\" | sed -z 's/\\.$//'",
    'printf \'%s\\0\' "`printf "%s." \\"{x}\\"`" | sed -z \'s/\\.$//\'',
    "v=`printf '%s.' \"{x}\"`; printf '%s\\0' \"${v%.}\"",
    "v=`printf %s \\`printf %s. '\"{x}\"' | wc -c\\``; [[ $v -ge 3 ]]; printf '%s\\0' '{x}'",
    "v=`printf '%s.' \"\\`printf '%s.' '{x}'\\`\"`; printf '%s\\0' \"${v%..}\"",
    "printf '%s\\0' \"${unset:-{x}}\"",
    "printf '%s\\0' ${unset:-{x}}",
    "printf '%s\\0' ${unset:-\"{x}\"}",
    "printf '%s\\0' ${unset:-'{x}'}",
    "v={x}; printf '%s\\0' \"$v\"",
    "a=({x}); printf '%s\\0' \"${a[0]}\"",
    "v=pre{x}; printf '%s\\0' \"${v#pre}\"",
    "v={x}post; printf '%s\\0' \"${v%post}\"",
    "a=''; printf '%s\\0' $a{x}",
    "a=''; printf '%s\\0' \"$a{x}\"",
    "case {x} in '{x}') printf '%s\\0' {x};; *) exit 3;; esac",
    "v=$(case {x} in {x}) printf '%s.' {x};; esac); printf '%s\\0' \"${v%.}\"",
    "if [[ \"{x}\" == {x} ]]; then printf '%s\\0' {x}; fi",
    "f() { printf '%s\\0' \"$1\"; }; f {x} # it's {x}",
    "# it's a \"comment {x}\nprintf '%s\\0' {x}",
    "printf '%s\\0' \\\n{x}",
    "IFS= read -r -d '' v < <(printf '%s\\0' {x}); printf '%s\\0' \"$v\"",
    "a='<'; v=\"$a\\{x}\"; v=${v#'<\\'}; printf '%s\\0' \"$v\"",
    "v=$'<\\{x}'; v=${v#'<\\'}; printf '%s\\0' \"$v\"",
    'v={x}z; v="${v%z}"; w="y{x}"; printf \'%s\\0\' "${w#y}"',
    'w=ab{x}; v="${w#ab}"; t="${w#"ab"}"; [[ "$t" == "$v" ]]; printf \'%s\\0\' "$t"',
    "w={x}; [[ -z \"${w#{x}}\" ]]; printf '%s\\0' {x}",
    'w={x}; [[ -z "${w%"{x}"}" ]]; printf \'%s\\0\' {x}',
    "w={x}; [[ -z ${w##{x}} ]]; printf '%s\\0' {x}",
    'w=ab; t="${w/b/{x}}"; printf \'%s\\0\' "${t#a}"',
    "w=ab; t=${w//b/{x}}; printf '%s\\0' \"${t#a}\"",
    'w=ab; t="${w/b/"{x}"}"; printf \'%s\\0\' "${t#a}"',
]

DOCUMENTS = [
    "cat <<EOF\n{x}\nEOF\n",
    "cat <<EOF\n{x}\nEOF",
    "cat <<-EOF\n\t{x}\n\tEOF\n",
    "cat <<A - <<EOF\nignored\nA\n{x}\nEOF\n",
    "cat <<< {x}",
    'cat <<< "{x}"',
    "cat <<EOF | sed -z 's/\\.\\n$/\\n/'\n$(printf '%s.' {x})\nEOF\n",
    "cat <<EOF\n${unset:-{x}}\nEOF\n",
    "v=ab; cat <<EOF\n${v/ab/{x}}\nEOF\n",
    "v=ab{x}; cat <<EOF\n${v#ab}\nEOF\n",
    "v=a{x}; [[ $(cat <<EOF\n${v%{x}}\nEOF\n) == a ]]; cat <<<{x}",
    "v=''; cat <<EOF\n$v{x}\nEOF\n",
    "v='<'; v=$(cat <<EOF\n$v\\{x}.\nEOF\n); v=${v%.}; cat <<< \"${v#'<\\'}\"",
    "v=$(cat <<EOF\n{x}.\nEOF\n); printf '%s\\n' \"${v%.}\"",
    "v=\"$(cat <<'DOC'\n{x}.\nDOC\n)\"; printf '%s\\n' \"${v%.}\"",
    "v=`cat <<DOC\n{x}.\nDOC\n`; printf '%s\\n' \"${v%.}\"",
    "cat <<'DOC' # it's\n{x}\nDOC\n",
    'cat <<"D O"\n{x}\nD O\n',
    "cat <<\\DOC\n{x}\nDOC\n",
]


NESTED_DOCUMENTS = [
    "cat <<EOF\n$(cat <<INN\n{x}\nINN\n)\nEOF\n",
    "cat <<EOF\n`cat <<INN\n{x}\nINN\n`\nEOF\n",
    "cat <<EOF\n$(cat <<'INN'\n{x}\nINN\n)\nEOF\n",
    "cat <<EOF\n$(printf %s {x})\nEOF\n",
    "cat <<EOF\n`printf %s {x}`\nEOF\n",
    'cat <<EOF\n$(printf %s "{x}")\nEOF\n',
    "x=$(cat <<EOF\n$(cat <<INN\n{x}\nINN\n)\nEOF\n); printf '%s\\n' \"$x\"",
]


def run(command: str, folder: Path) -> bytes:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, (command, done.stderr)
    assert list(folder.iterdir()) == [], command
    return done.stdout


@pytest.mark.parametrize("text", ONE_WORD)
def test_a_hostile_value_arrives_whole(text: str, tmp_path: Path) -> None:
    for value in HOSTILE:
        command = filled(text, x=value)
        assert run(command, tmp_path) == value.encode() + b"\0", (command, value)


@pytest.mark.parametrize("text", DOCUMENTS)
def test_a_hostile_value_arrives_whole_in_a_document(text: str, tmp_path: Path) -> None:
    for value in HOSTILE:
        try:
            command = filled(text, x=value)
        except FileflowError as error:
            # Only bash's own text, which nothing can break up, may refuse a delimiter.
            assert "\nEOF" in value, (text, value)
            assert "would end the here-document" in error.what
            assert not text.startswith("cat <<EOF\n{x}")
            continue
        assert run(command, tmp_path) == value.encode() + b"\n", (command, value)


@pytest.mark.parametrize("text", NESTED_DOCUMENTS)
@pytest.mark.parametrize("end", ["EOF", "INN"])
def test_a_value_breaks_out_of_no_document_around_it(text: str, end: str, tmp_path: Path) -> None:
    for value in (f"a\n{end}\ntouch out", f"{end}\ntouch out\n", f"a\n{end})\ntouch out #", "a\\"):
        try:
            command = filled(text, x=value)
        except FileflowError as error:
            assert "would end the here-document" in error.what
            assert f"than {end} and" in str(error.hint) or value == "a\\"
            continue
        assert run(command, tmp_path) == value.rstrip("\n").encode() + b"\n", (command, value)


def test_a_value_that_would_end_a_literal_document_is_an_error() -> None:
    with pytest.raises(FileflowError, match="would end the here-document"):
        filled("cat <<'EOF'\n{x}\nEOF\n", x="a\nEOF\nb")
    with pytest.raises(FileflowError, match="would end the here-document"):
        filled("cat <<'EOF'\nE{x}\nEOF\n", x="OF")
    assert filled("cat <<'EOF'\na {x}\nEOF\n", x="EOF") == "cat <<'EOF'\na EOF\nEOF\n"


def test_a_list_is_its_words_in_bash_too(tmp_path: Path) -> None:
    command = filled("printf '%s\\0' {x} end", x=HOSTILE)
    assert run(command, tmp_path) == "\0".join([*HOSTILE, "end", ""]).encode()


def test_a_command_name_is_never_a_keyword_or_an_assignment(tmp_path: Path) -> None:
    for name in ("if", "a=b", "time", "2", "a b", "}"):
        command = filled("{x} 2>/dev/null || echo not found", x=name)
        assert run(command, tmp_path) == b"not found\n"
    assert filled("samtools view {x}", x="a") == "samtools view a"
    assert filled("{x} view", x="samtools-1.2") == "samtools-1.2 view"


def test_values_in_brace_expansions_are_not_split(tmp_path: Path) -> None:
    assert run(filled("printf '%s\\0' {a,pre{x}}", x="b,c"), tmp_path) == b"a\0preb,c\0"


texts = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
    st.text(alphabet="'\"\\$`(){}\n\t ;#!&ab*?[]~<>=EOF", max_size=12),
)


@given(texts, st.sampled_from(ONE_WORD))
@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example("}'", ONE_WORD[13])
def test_any_value_arrives_whole(tmp_path: Path, value: str, text: str) -> None:
    assert run(filled(text, x=value), tmp_path) == value.encode() + b"\0"


@given(texts, st.sampled_from(DOCUMENTS))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_value_arrives_whole_in_a_document(tmp_path: Path, value: str, text: str) -> None:
    try:
        command = filled(text, x=value)
    except FileflowError:
        assert "\n" in value or value.endswith("\\")
        return
    assert run(command, tmp_path) == value.encode() + b"\n"


@given(texts, st.sampled_from(NESTED_DOCUMENTS))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_value_arrives_whole_in_nested_documents(tmp_path: Path, value: str, text: str) -> None:
    try:
        command = filled(text, x=value)
    except FileflowError:
        assert "\n" in value or value.endswith("\\") or value.startswith(("EOF", "INN"))
        return
    assert run(command, tmp_path) == value.rstrip("\n").encode() + b"\n"


def test_placeholders_are_no_comment_and_no_quote_when_comments_go() -> None:
    text = "cat {input.x:cut.b} ${v:-{x}} # why\n"
    assert without_comments(text) == "cat {input.x:cut.b} ${v:-{x}}"
