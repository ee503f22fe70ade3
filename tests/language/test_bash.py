"""What the reader of commands says, against what bash does."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fileflow.language.bash import (
    BUILTINS,
    Quoting,
    can_stand,
    plain_command,
    quoted_word,
    read,
    without_comments,
    words,
)


def bash(command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )


def kind_at(text: str, mark: str = "X") -> Quoting:
    return read(text).kinds[text.index(mark)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("echo X", Quoting.BARE),
        ("echo 'X'", Quoting.SINGLE),
        ('echo "X"', Quoting.DOUBLE),
        ("echo $'X'", Quoting.DOLLAR_SINGLE),
        (r"echo $'\'X'", Quoting.DOLLAR_SINGLE),
        ('echo $"X"', Quoting.DOUBLE),
        ('echo "$(cat X)"', Quoting.BARE),
        ('echo "$(cat "X")"', Quoting.DOUBLE),
        ("echo \"$(cat 'X')\"", Quoting.SINGLE),
        ('echo "`cat X`"', Quoting.BARE),
        ('echo "`cat "X"`"', Quoting.NESTED),
        (r'echo "`cat \"X\"`"', Quoting.DOUBLE),
        ("echo $((1 + X))", Quoting.ARITHMETIC),
        ("echo $((echo X); (echo))", Quoting.BARE),
        ("((X > 1))", Quoting.ARITHMETIC),
        ("for ((i = 0; i < X; i++)); do :; done", Quoting.ARITHMETIC),
        ("((echo X); echo)", Quoting.BARE),
        ("echo ${a[X]}", Quoting.ARITHMETIC),
        ("echo ${a:X:2}", Quoting.ARITHMETIC),
        ('echo "${a:-X}"', Quoting.BRACE_WORD),
        ('echo "${a-X}"', Quoting.BRACE_WORD),
        ('echo "${a:-"X"}"', Quoting.NESTED),
        ("echo ${a:-x} X", Quoting.BARE),
        ('echo "${#a}" X', Quoting.BARE),
        ('echo ${a#"}"} X', Quoting.BARE),
        ("echo # X", Quoting.COMMENT),
        ("echo a#X", Quoting.BARE),
        ("echo $# X", Quoting.BARE),
        ("echo \\\n# X", Quoting.COMMENT),
        ("echo a;# X", Quoting.COMMENT),
        ("echo $(true # ) '\n) X", Quoting.BARE),
        ("cat <<E\nX\nE\n", Quoting.HEREDOC),
        ("cat <<'E'\nX\nE\n", Quoting.HEREDOC_LITERAL),
        ('cat <<"E"\nX\nE\n', Quoting.HEREDOC_LITERAL),
        ("cat <<\\E\nX\nE\n", Quoting.HEREDOC_LITERAL),
        ("cat << E | wc 'a'\nX\nE\n", Quoting.HEREDOC),
        ("cat <<A <<'B'\nA\nX\nB\n", Quoting.HEREDOC_LITERAL),
        ("cat <<A <<'B'\nA\nB\nX", Quoting.BARE),
        ("cat <<-E\n\ta\n\tE\nX", Quoting.BARE),
        ("cat <<E\n\tE\nX\nE\n", Quoting.HEREDOC),
        ("cat <<E\na \\\nE\nX\nE\n", Quoting.HEREDOC),
        ("cat <<E\n# it's\nE\nX", Quoting.BARE),
        ("cat <<''\nit's\n\nX", Quoting.BARE),
        ("echo $(cat <<E\nit's\nE) X", Quoting.BARE),
        ("cat <<E\n$(cat X)\nE\n", Quoting.BARE),
        ("cat <<E\n${a:-X}\nE\n", Quoting.BRACE_WORD),
        ("cat <<< X", Quoting.BARE),
        ("cat <<< 'a'\nX", Quoting.BARE),
        ("echo $((1<<2))\nX\n2))", Quoting.BARE),
        ('echo "$(cat <<E\n"\nE\n)" X', Quoting.BARE),
        ('echo "$(case a in a) echo;; esac)" X', Quoting.BARE),
        ('echo "$(case a in (a) echo;; b|c) echo X;; esac)"', Quoting.BARE),
        ('echo "$(case $a in\n a) case b in b) :;; esac;; c) X;; esac)"', Quoting.BARE),
        ('echo "$(echo case in a)X"', Quoting.DOUBLE),
        ('echo "$(a=(case in); echo)X"', Quoting.DOUBLE),
        ('echo "$(f() { case a in a) ;; esac; }; f)X"', Quoting.DOUBLE),
        ("diff <(cat 'a') X", Quoting.BARE),
        ("[[ a == b && ( c < X ) ]]", Quoting.BARE),
        ("echo \\'X", Quoting.BARE),
        ("echo 'a\\' X", Quoting.BARE),
        ('echo "a\\" X"', Quoting.DOUBLE),
        ("echo $'a\\\\' X", Quoting.BARE),
        ("echo >out 'a' X", Quoting.BARE),
        ("echo 'never closed X", Quoting.SINGLE),
    ],
)
def test_every_place_of_a_command_has_its_quoting(text: str, kind: Quoting) -> None:
    assert kind_at(text) is kind


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("# first\necho a\n", "echo a"),
        ("echo a   \necho b\t", "echo a\necho b"),
        ("echo a # why\n\n  # more\necho b", "echo a\necho b"),
        ("echo 'a # b  '\n", "echo 'a # b  '"),
        ("echo 'a  \n# b\n\nc'", "echo 'a  \n# b\n\nc'"),
        ("cat <<E # doc\n# kept  \n\nE\n# gone\n", "cat <<E\n# kept  \n\nE"),
        ("echo a \\\n# b\necho c", "echo a \\\n\necho c"),
        ("echo a \\\n\necho c", "echo a \\\n\necho c"),
        ("echo a\\  \n", "echo a\\ "),
        ("echo a#b $# ${#x}", "echo a#b $# ${#x}"),
        ("echo $(a # b\n) c", "echo $(a\n) c"),
        ("cat <<E` # c`\n# a\nE` # c`\n# b", "cat <<E` # c`\n# a\nE` # c`"),
        ("# nothing else", ""),
    ],
)
def test_comments_and_trailing_blanks_go_and_nothing_in_quotes_does(text: str, rest: str) -> None:
    assert without_comments(text) == rest


pieces = st.lists(
    st.sampled_from(
        ["echo a", " ", "\n", "# c", "\\", "'", '"', "  b", "<<E", "E", "$(", ")", ";", "`", "\t"]
    ),
    max_size=14,
).map("".join)


@given(pieces)
@settings(max_examples=300, deadline=None)
@example("echo a \\\n# c\n b")
@example("cat <<E\n# c\n\nE\n")
@example("<<E` # c`")
def test_a_command_without_comments_does_the_same(text: str) -> None:
    before = bash(text)
    if before.returncode == 0:
        after = bash(without_comments(text))
        assert (after.stdout, after.returncode) == (before.stdout, 0)


@given(st.text(alphabet="'\"\\$`(){}[]\n\t #;<>-x1=EX&|!:/"))
@settings(max_examples=300, deadline=None)
def test_any_text_can_be_read(text: str) -> None:
    assert len(read(text).kinds) == len(text)


@given(pieces)
@settings(deadline=None)
def test_taking_comments_away_twice_changes_nothing_more(text: str) -> None:
    once = without_comments(text)
    assert without_comments(once) == once


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cp a b", ["cp", "a", "b"]),
        ("  cp\ta  b \n", ["cp", "a", "b"]),
        ("cp 'a b' \"c d\" e'f'\"g\"", ["cp", "a b", "c d", "efg"]),
        ("cp '' x", ["cp", "", "x"]),
        (r"cp 'it'\''s' b", ["cp", "it's", "b"]),
        ("bin/cd a=b --c=d", ["bin/cd", "a=b", "--c=d"]),
        ("find . ! -name x", ["find", ".", "!", "-name", "x"]),
        ("größe ü", ["größe", "ü"]),
    ],
)
def test_a_command_of_plain_words_needs_no_shell(text: str, words: list[str]) -> None:
    assert plain_command(text) == (words, [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "''",
        "cd a",
        "'cd' a",
        "if true",
        "! cp a b",
        "A=1 cp a b",
        "A+=1",
        "cp $a b",
        'cp "$a" b',
        'cp "a\\b" c',
        "cp `a` b",
        "cp * b",
        "cp a? b",
        "cp [a] b",
        "cp {a,b}",
        "cp ~ b",
        "cp --x=~ b",
        "cp a | b",
        "cp a; b",
        "cp a &",
        "cp a\ncp b",
        "cp a # b",
        "cp 'a",
        'cp "a',
        "cp a\\",
        "cp a\rb",
        "%1",
        "(cp a)",
    ],
)
def test_anything_else_is_left_to_the_shell(text: str) -> None:
    assert plain_command(text) is None


@given(st.text(alphabet="ab \t'\"\\=-/%.!^,:@é\u2003#*$~{}[]?;\n", max_size=14))
@settings(max_examples=400, deadline=None)
def test_plain_words_are_the_words_that_bash_passes(rest: str) -> None:
    words, redirections = plain_command("/usr/bin/env " + rest) or ([], [])
    if words and not redirections:
        told = bash("printf '%s\\0' /usr/bin/env " + rest).stdout
        assert told.split(b"\0")[:-1] == [word.encode() for word in words]


@pytest.mark.parametrize(
    ("text", "redirections"),
    [
        ("sort a > b", [(1, ">", "b")]),
        ("sort a >b", [(1, ">", "b")]),
        ("sort a >> 'b c'", [(1, ">>", "b c")]),
        ("> b sort a", [(1, ">", "b")]),
        ("sort a 2> b", [(2, ">", "b")]),
        ("sort a > b 2>&1", [(1, ">", "b"), (2, ">&", "1")]),
        ("sort a 2>&1 > b", [(2, ">&", "1"), (1, ">", "b")]),
        ("sort a < b", [(0, "<", "b")]),
        ("sort a 0< b", [(0, "<", "b")]),
    ],
)
def test_streams_of_a_plain_command_are_read(
    text: str, redirections: list[tuple[int, str, str]]
) -> None:
    assert plain_command(text) == (["sort", "a"], redirections)


@pytest.mark.parametrize(
    "text",
    [
        "> b",
        "A=1 > b sort",
        "sort a>b",
        "sort a2>b",
        "sort a 3> b",
        "sort a 12> b",
        "sort a >| b",
        "sort a <> b",
        "sort << b",
        "sort <<< b",
        "sort < <(b)",
        "sort a >& b",
        "sort a &> b",
        "sort a >&2",
        "sort a 2>&1x",
        "sort a 2>&1;",
        "sort a > b > ",
        "sort a > $b",
        "sort a > b*",
        "sort a > ~",
        "sort a > b;",
        "sort a > b\\",
        "cd > b",
        "[ a ] > b",
    ],
)
def test_other_streams_are_left_to_the_shell(text: str) -> None:
    assert plain_command(text) is None


@given(st.text(alphabet="ab 012<>&|'\"\\=-\n", max_size=16))
@settings(max_examples=300, deadline=None)
@example("a > b 2>&1 > a < b")
def test_plain_redirections_are_those_of_bash(rest: str) -> None:
    text = "/usr/bin/printf %s, " + rest
    found = plain_command(text)
    if found is None:
        return
    words, redirections = found
    streams = [
        f"{number}>&1" if sign == ">&" else f"{number}{sign}{quoted_word(where)}"
        for number, sign, where in redirections
    ]
    again = " ".join([*map(quoted_word, words), *streams])
    assert left_by(text) == left_by(again)


def left_by(text: str) -> object:
    """What a command prints and writes in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        done = bash(f"cd {folder}\n{text}")
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    return done.returncode, done.stdout, files


def test_every_builtin_of_this_bash_is_known() -> None:
    names = set(bash("compgen -b").stdout.decode().split())
    assert names <= BUILTINS


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
@settings(max_examples=100, deadline=None)
@example("it's")
@example("")
@example("-rf")
def test_a_quoted_word_arrives_as_it_is(text: str) -> None:
    assert bash(f"printf %s {quoted_word(text)}").stdout == text.encode()


def test_what_could_run_a_command_is_not_arithmetic() -> None:
    assert can_stand("2 * (a + 0x1F) << 2", Quoting.ARITHMETIC)
    assert not can_stand("a[$(touch pwned)]", Quoting.ARITHMETIC)
    assert not can_stand("`x`", Quoting.ARITHMETIC)
    assert not can_stand("<(x)", Quoting.ARITHMETIC)
    assert can_stand("a[$(touch pwned)]", Quoting.DOUBLE)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bash 'tools/q q.sh' x", ["bash", "tools/q q.sh", "x"]),
        (r"bash tools/q\ q.sh", ["bash", "tools/q q.sh"]),
        ('a"b \\" c"d \'\'', ['ab " cd']),
        ("x a.py &> 'o log' k", ["x", "a.py", "k"]),
        ("x > >(b.sh); tee -a o.log < d.txt | y", ["x", "b.sh", "d.txt", "y"]),
        ("grep '>' a.txt # no\nk", ["grep", ">", "a.txt", "k"]),
        ("python - <<E\nimport a\nE\nb", ["python", "-", "E", "import", "a", "E", "b"]),
        ("a\\\nb $(cat 'f f') `g`", ["ab", "$", "cat", "f f", "g"]),
    ],
)
def test_the_words_of_a_command_come_without_quotes(text: str, found: list[str]) -> None:
    assert words(text) == found
