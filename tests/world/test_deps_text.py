"""Deps files as compilers and other tools write them, and texts that are none."""

import pytest

from fileflow.world.deps_text import Named, UnfitDepsError, _split, read_deps


def paths(text: str) -> list[str]:
    return list(read_deps(text).paths)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x.o: x.c x.h\n", ["x.c", "x.h"]),
        ("x.o: x.c x.h", ["x.c", "x.h"]),
        ("x.o: x.c \\\n x.h \\\n  y.h\n", ["x.c", "x.h", "y.h"]),
        ("x.o: x.c \\\r\n x.h\r\n", ["x.c", "x.h"]),
        ("x.o: \\\n  x.c\n", ["x.c"]),
        ("x.o \\\n y.o: x.c\n", ["x.c"]),
        ("x.o: x.c \\", ["x.c"]),
        ("x.o : x.c\n", ["x.c"]),
        ("x.o:: x.c\n", ["x.c"]),
        ("x.o:\n", []),
        ("x.o:", []),
        ("x.o: x.c x.h\n\nx.h:\n\ny.h:\n", ["x.c", "x.h"]),
        ("x.o: x.c\ny.o: y.c x.c\n", ["x.c", "y.c"]),
        (".fileflow/stage/20260101-1-1/0/build/x.o: src/x.c\n", ["src/x.c"]),
        ("x.o: with\\ blank.h a\\#b.h c$$d.h e$f.h g\\:h.h\n",
         ["with blank.h", "a#b.h", "c$d.h", "e$f.h", "g:h.h"]),
        ("my\\ file.o: x.c\n", ["x.c"]),
        ("x.o: back\\\\\\ slash.h\n", ["back\\ slash.h"]),
        ("x.o: end\\\\ y.h\n", ["end\\", "y.h"]),
        ("x.o: a\\b\\\\c.h\n", ["a\\b\\\\c.h"]),
        ("x.o: x.c a:b.h 12:30.csv\n", ["x.c", "a:b.h", "12:30.csv"]),
        ("x.o: x.c # a remark x.h\n", ["x.c"]),
        ("# env-dep:HOME=/root\nx.o: x.c\n# end\n", ["x.c"]),
        ("x.o: x.c | build\n", ["x.c"]),
        ("x.o: x.c x.c ./x.c\n", ["x.c", "./x.c"]),
        ("x.o:\tx.c\tx.h\n", ["x.c", "x.h"]),
        ("\ufeffx.o: x.c\n", ["x.c"]),
        ("x.o: grün.h \udcff.h\n", ["grün.h", "\udcff.h"]),
        ("x.o: %.h *.h\n", ["%.h", "*.h"]),
    ],
)  # fmt: skip
def test_the_prerequisites_of_rules_count(text: str, expected: list[str]) -> None:
    assert read_deps(text) == Named(tuple(expected), False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.csv\nb.csv\n", ["a.csv", "b.csv"]),
        ("a.csv\r\nb.csv", ["a.csv", "b.csv"]),
        ("\na.csv\n\n a.csv\na.csv\n", ["a.csv", " a.csv"]),
        ("with blank.csv\n", ["with blank.csv"]),
        ("data/12:30.csv\nC:file\n", ["data/12:30.csv", "C:file"]),
        ("a$b#c\\d.csv\n", ["a$b#c\\d.csv"]),
        ("/usr/include/stdio.h\n../x.h\n", ["/usr/include/stdio.h", "../x.h"]),
    ],
)
def test_a_path_per_line_counts_as_it_stands(text: str, expected: list[str]) -> None:
    assert read_deps(text) == Named(tuple(expected), True)


@pytest.mark.parametrize("text", ["", "\n", " \n\t\n", "# nothing was read\n"])
def test_a_text_may_name_nothing(text: str) -> None:
    assert paths(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"read": ["a.csv"]}\n', "JSON"),
        ('["a.csv"]', "JSON"),
        ("a.csv\0b.csv\0", "line 1 holds the character '\\x00'"),
        ("x.o: x.c\nELF\x7f\x01", "line 2 holds the character"),
        ("x.o: x.c\n\tgcc -c x.c\n", "line 2 ('gcc -c x.c') is a recipe"),
        ("x.o: x.c\nsome words\n", "line 2 ('some words') is no rule"),
        ("a.csv\nb.csv: c.csv\n", "line 2 ('b.csv: c.csv') is a rule"),
        ("x.o: y: z\n", "'x.o: y: z' has two colons"),
        ("a" * 5000, "longer than any path"),
        ("x.o: " + "a" * 5000, "longer than any path"),
        (": x.c\nx.o: x.c\n", "line 2"),
    ],
)
def test_a_text_that_is_neither_says_which_line_and_what_to_write(text: str, said: str) -> None:
    with pytest.raises(UnfitDepsError) as caught:
        read_deps(text)
    assert said in str(caught.value)
    assert "a path per line" in str(caught.value)


@pytest.mark.parametrize(
    "line", ["x: a b", "x : a", "x:: a", "x ::", ": a", ":: a", "a b", "x:y", "x:y z: a", "x: a:b"]
)
def test_a_line_means_the_same_however_it_is_read(line: str) -> None:
    """A remark at the end makes the slower reader take it."""
    assert _split(line) == _split(f"{line} # remark")


def test_a_large_text_is_read() -> None:
    names = [f"include/header_{k}.h" for k in range(50_000)]
    assert paths("x.o: " + " \\\n ".join(names)) == names
    assert paths("x.o: " + "\\" * 4_000 + " y") == ["\\" * 2_000, "y"]
