"""Scattered outputs: which files are taken, what is said of others, and what may be yielded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fileflow.model.patterns import Matcher, parse_pattern
from fileflow.model.work import Scattered, Work
from fileflow.world.functions import UnfitError
from fileflow.world.scattering import (
    Gathered,
    Piece,
    files_there,
    folder_of,
    gather,
    pieces_of,
    placed,
    write_yielded,
)
from fileflow.world.staging import Shape

STAGE = "stage"


@pytest.fixture(autouse=True)
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def piece(
    text: str,
    *,
    position: int = 0,
    expected: tuple[str, ...] | None = None,
    given: tuple[tuple[str, ...], tuple[tuple[str, ...], ...]] = ((), ()),
    **checks: str,
) -> Piece:
    """A scattered output of a pattern in which all names are scattered."""
    pattern = parse_pattern(text)
    said = tuple((name, (regex,)) for name, regex in checks.items())
    one: Scattered = (position, pattern.parts, pattern.names, said, expected, given)
    directories = [False] * position + [pattern.directory]
    return pieces_of([one], directories)[0]


def left(*names: str) -> None:
    """What the action left in its stage; a name that ends with / is an empty folder."""
    for name in names:
        path = Path(STAGE, name)
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)


def gathered(*pieces: Piece, outputs: tuple[str, ...] | None = None) -> Gathered | str:
    """What is found in the stage; `outputs` are all final paths, if there are others too."""
    finals = list(outputs or [one.pattern.text for one in pieces])
    names = placed(finals, pieces)
    directories = [False] * len(finals)
    for one in pieces:
        directories[one.position] = one.pattern.directory
        Path(STAGE, one.folder).mkdir(parents=True, exist_ok=True)
    work = Work(key=1, rule="r", kind="run", directories=tuple(directories))
    shape = Shape.of(work, len(finals))
    return gather(pieces, shape, finals, [str(Path(STAGE, name)) for name in names])


def found(answer: Gathered | str) -> list[str]:
    assert isinstance(answer, Gathered), answer
    return answer.found


# --- what is found -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "folder"),
    [("a/b/{c}.txt", "a/b"), ("a/x{c}/y/{d}", "a"), ("{c}", ""), ("/tmp/{c}", "/tmp")],
)
def test_the_folder_ends_before_the_first_part_with_a_scattered_wildcard(
    text: str, folder: str
) -> None:
    assert folder_of(parse_pattern(text)) == folder


def test_files_that_fit_are_outputs_wherever_they_lie_below_the_folder() -> None:
    left("out/1/a.txt", "out/2/b.txt")
    answer = gathered(piece("out/{c}/{d}.txt"))
    assert found(answer) == ["out/1/a.txt", "out/2/b.txt"]
    assert isinstance(answer, Gathered)
    assert answer.staged == ["stage/out/1/a.txt", "stage/out/2/b.txt"]


def test_anything_else_is_an_error_that_names_it() -> None:
    left("out/1.txt", "out/notes.md", "out/deep/er.txt")
    answer = gathered(piece("out/{c}.txt"))
    assert answer == (
        "the action left what fits no output: out/deep/er.txt, out/notes.md; write other files "
        "elsewhere, or name them as outputs"
    )


def test_another_output_of_the_rule_may_lie_in_the_folder() -> None:
    left("out/1.txt", "out/index.md")
    answer = gathered(piece("out/{c}.txt"), outputs=("out/{c}.txt", "out/index.md"))
    assert found(answer) == ["out/1.txt"]
    assert isinstance(answer, Gathered)
    assert (answer.outputs, answer.spots) == (["out/index.md", "out/1.txt"], [None, 0])


def test_what_a_constraint_excludes_fits_nothing() -> None:
    left("out/1.txt", "out/x.txt")
    assert "out/x.txt" in str(gathered(piece("out/{c}.txt", c="[0-9]+")))


def test_a_file_that_fits_in_two_ways_is_an_error() -> None:
    left("out/a-b-c")
    assert "fits out/{x}-{y} in two ways" in str(gathered(piece("out/{x}-{y}")))


def test_a_file_that_fits_two_outputs_is_an_error() -> None:
    left("out/a.b")
    answer = gathered(piece("out/{x}.b"), piece("out/a.{y}", position=1))
    assert "out/a.b fits two scattered outputs, out/{x}.b and out/a.{y}" in str(answer)


def test_folders_are_outputs_where_the_pattern_says_so() -> None:
    left("out/1/a", "out/2/b")
    assert found(gathered(piece("out/{c}/"))) == ["out/1", "out/2"]


def test_of_declared_values_each_must_be_there_and_no_other() -> None:
    left("out/1", "out/3")
    answer = str(gathered(piece("out/{c}", expected=("out/1", "out/2"))))
    assert "fits no output: out/3" in answer
    assert "the action did not make out/2" in answer


def test_of_names_with_declared_values_each_must_be_there_beside_those_that_are_found() -> None:
    given = (("a",), (("p",), ("q",)))
    left("out/p/1", "out/p/2", "out/q/1")
    assert found(gathered(piece("out/{a}/{b}", given=given))) == [
        "out/p/1",
        "out/p/2",
        "out/q/1",
    ]
    left("out/z/1")
    answer = str(gathered(piece("out/{a}/{b}", given=(("a",), (("p",), ("q",), ("r",))))))
    assert "the action left out/z/1, but a=z is not among the declared values" in answer
    assert "the action did not make out/r/{b}" in answer


def test_declared_values_come_in_their_order() -> None:
    left("out/1", "out/2")
    assert found(gathered(piece("out/{c}", expected=("out/2", "out/1")))) == ["out/2", "out/1"]


def test_several_outputs_of_one_wildcard_have_the_same_values() -> None:
    left("a/1", "a/2", "b/1")
    answer = gathered(piece("a/{c}"), piece("b/{c}", position=1))
    assert answer == "c=2 is there as a/{c} and not as b/{c}"


def test_nothing_at_all_is_no_error_here() -> None:
    assert found(gathered(piece("out/{c}"))) == []


def test_signatures_of_the_pattern_itself_are_zeros() -> None:
    left("out/1.txt", "out/index.md")
    answer = gathered(piece("out/{c}.txt"), outputs=("out/{c}.txt", "out/index.md"))
    assert isinstance(answer, Gathered)
    index, first = (b"i" * 32, b"i" * 16), (b"f" * 32, b"f" * 16)
    assert answer.published([index, first])[1:] == [index, first]
    assert answer.published([index, first])[0][1] == bytes(16)


# --- what is there under its final name ----------------------------------------------------------


def test_files_there_are_those_that_fit_in_natural_order() -> None:
    for name in ["out/10.txt", "out/2.txt", "out/x.txt", "out/notes.md", "out/deep/3.txt"]:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")
    pattern = parse_pattern("out/{c}.txt")
    assert files_there(pattern, Matcher(pattern, {"c": ["[0-9]+"]})) == ["out/2.txt", "out/10.txt"]
    nothing = parse_pattern("none/{c}")
    assert files_there(nothing, Matcher(nothing, {})) == []


def test_folders_there_are_found_too() -> None:
    Path("out/1/x").mkdir(parents=True)
    Path("out/file").write_text("")
    pattern = parse_pattern("out/{c}/")
    assert files_there(pattern, Matcher(pattern, {})) == ["out/1"]


# --- what is yielded -----------------------------------------------------------------------------


def written(*pairs: object, pieces: tuple[Piece, ...] = (), names: tuple[str, ...] = ()) -> None:
    def yields() -> Iterator[object]:
        yield from pairs

    given = pieces or (piece("out/{c}.txt"),)
    places = {one.position: str(Path(STAGE, one.folder)) for one in given}
    write_yielded(yields(), given, names or (None,) * len(given), places, str(Path.cwd()))


def test_text_bytes_and_the_content_of_a_path_are_written() -> None:
    Path("source").write_text("copied")
    written(("a", "text é"), (2, b"\x00"), ("c", Path("source")))
    assert Path("stage/out/a.txt").read_text("utf-8") == "text é"
    assert Path("stage/out/2.txt").read_bytes() == b"\x00"
    assert Path("stage/out/c.txt").read_text() == "copied"
    assert Path("source").exists()


def test_several_wildcards_are_a_mapping_of_their_names() -> None:
    written(({"d": 2, "c": 1}, "x"), pieces=(piece("out/{c}/{d}"),))
    assert Path("stage/out/1/2").read_text() == "x"


def test_several_outputs_are_a_mapping_of_theirs() -> None:
    pieces = (piece("a/{c}"), piece("b/{c}", position=1))
    written(("1", {"left": "l", "right": "r"}), pieces=pieces, names=("left", "right"))
    assert (Path("stage/a/1").read_text(), Path("stage/b/1").read_text()) == ("l", "r")


def test_a_folder_is_copied_whole() -> None:
    Path("tree/in").mkdir(parents=True)
    Path("tree/in/x").write_text("x")
    written(("1", Path("tree")), pieces=(piece("out/{c}/"),))
    assert Path("stage/out/1/in/x").read_text() == "x"


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("ab", r"yielded 'ab': it yields \(value, content\) pairs"),
        (("a", "x", "y"), "pairs"),
        (({"c": 1, "d": 2}, "x"), "the values are of c"),
        (("a/b", "x"), "cannot fill a path"),
        (("", "x"), "cannot fill a path"),
        (("a", 3), "yielded 3 as content: it is bytes, text or a Path"),
    ],
)
def test_other_things_cannot_be_yielded(pair: object, said: str) -> None:
    with pytest.raises(UnfitError, match=said):
        written(pair)


def test_a_value_is_yielded_once() -> None:
    with pytest.raises(UnfitError, match="twice"):
        written(("1", "x"), (1, "y"))


def test_a_single_value_does_not_do_for_two_wildcards() -> None:
    with pytest.raises(UnfitError, match="a mapping of c, d"):
        written(("1", "x"), pieces=(piece("out/{c}/{d}"),))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x", "with several scattered outputs it is a mapping"),
        ({"left": "l"}, "no content for the output 'right'"),
        ({"left": "l", "right": "r", "more": "m"}, "content for more: no such output"),
    ],
)
def test_several_outputs_need_each_name_and_no_other(content: object, said: str) -> None:
    pieces = (piece("a/{c}"), piece("b/{c}", position=1))
    with pytest.raises(UnfitError, match=said):
        written(("1", content), pieces=pieces, names=("left", "right"))
