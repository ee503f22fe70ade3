"""The section `wildcards`, in all its forms and with all its mistakes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from fileflow.errors import Collector, FileflowError
from fileflow.language.config import Config
from fileflow.language.listing import deciding_constraints, natural_rows, natural_sorted
from fileflow.language.relations import RelationsRead, read_own, read_relations, rows_of_made
from fileflow.language.value_forms import Surroundings, kept_rows
from fileflow.language.yaml_nodes import Mapping, Scalar, node_of
from fileflow.language.yaml_tree import read_tree
from fileflow.model.patterns import Matcher, Pattern, natural_key, parse_pattern
from fileflow.model.ports import Listing
from fileflow.model.rules import Made, Relation


class FakeDisk:
    """Files in memory; a path that ends with `/` is an empty folder."""

    def __init__(self, files: dict[str, str | bytes]) -> None:
        self.files = {p: t.encode() if isinstance(t, str) else t for p, t in files.items()}
        self.listed: list[str] = []
        self._folders: dict[str, dict[str, bool]] = {"": {}}
        for path in files:
            above = "/" if path.startswith("/") else ""
            pieces = path.strip("/").split("/")
            for i, piece in enumerate(pieces):
                is_folder = i < len(pieces) - 1 or path.endswith("/")
                self._folders.setdefault(above, {})[piece] = is_folder
                above = f"{above.rstrip('/')}/{piece}" if above else piece
                if is_folder:
                    self._folders.setdefault(above, {})

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def listing(self, folder: str) -> Listing:
        self.listed.append(folder)
        found = Listing([], [], [])
        for name, is_folder in self._folders.get(folder, {}).items():
            found[is_folder].append(name)
        return found

    def exists(self, path: str) -> bool:
        return path in self.files or path in self._folders


def never(_: object) -> bool:
    return False


def read(
    text: str,
    *paths: str,
    files: dict[str, str | bytes] | None = None,
    is_output: Callable[[str], bool] = never,
    is_made: Callable[[Pattern], bool] = never,
    disk: FakeDisk | None = None,
) -> tuple[RelationsRead, Collector]:
    """Reads a Workflowfile with `config` and the section `wildcards`."""
    tree = read_tree(text.encode(), "Workflowfile")
    assert isinstance(tree, Mapping)
    section = tree.items["wildcards"]
    config = tree.items.get("config") or node_of({}, tree.source)
    assert isinstance(section, Mapping) and isinstance(config, Mapping)
    errors = Collector()
    made = read_relations(
        [(name, section.keys[name], node) for name, node in section.items.items()],
        Surroundings(
            disk or FakeDisk({**dict.fromkeys(paths, ""), **(files or {})}),
            Config(config),
            outputs_among=lambda paths, _: {path for path in paths() if is_output(path)},
            is_made=is_made,
        ),
        errors,
    )
    return made, errors


def rows(relation: Relation) -> list[str]:
    return [" ".join(row) for row in zip(*relation.columns, strict=True)]


def one(line: str, *paths: str, files: dict[str, str | bytes] | None = None) -> list[str]:
    """The rows of the last key of a section that has no mistakes."""
    made, errors = read("wildcards:\n" + line, *paths, files=files)
    errors.raise_if_any()
    return rows(made.relations[-1])


def mistake(line: str, *paths: str, files: dict[str, str | bytes] | None = None) -> FileflowError:
    """The one mistake of a section."""
    _, errors = read("wildcards:\n" + line, *paths, files=files)
    assert len(errors.errors) == 1, [str(error) for error in errors.errors]
    return errors.errors[0]


def at(error: FileflowError) -> str:
    """Where the mistake was written, and by which character the place begins."""
    assert error.place is not None
    line = error.place.source.line(error.place.line)
    assert line is not None
    return f"{error.place.line}: {line[error.place.column - 1 :]}"


# --- files ---------------------------------------------------------------------------------------


def test_values_are_those_of_existing_files_in_natural_order() -> None:
    assert one("  m: d/{m}.csv", "d/10.csv", "d/2.csv", "d/01.csv", "d/x.txt") == ["01", "2", "10"]


def test_two_names_give_the_pairs_that_exist_in_the_order_of_the_names() -> None:
    found = one("  day, site: d/{site}/{day}.csv", "d/b/1.csv", "d/a/2.csv", "d/a/10.csv")
    assert found == ["1 b", "2 a", "10 a"]


def test_a_repeated_name_matches_the_same_text() -> None:
    assert one("  s: d/{s}/{s}.fq", "d/a/a.fq", "d/b/c.fq") == ["a"]
    assert one("  s: d/{s}_{s}.fq", "d/a_a.fq", "d/b_c.fq") == ["a"]


def test_hidden_files_and_folders_give_no_values_unless_the_pattern_shows_the_dot() -> None:
    assert one("  s: d/{s}", "d/a", "d/.b", "d/sub/") == ["a"]
    assert one("  s: '{s}/x'", "a/x", ".git/x") == ["a"]
    assert one("  s: d/.{s}", "d/a", "d/.b") == ["b"]
    assert one("  s: {files: 'd/{s}', match: {s: '.+'}}", "d/a/b", "d/.h/c", "d/.b") == ["a/b"]


def test_folders_match_only_with_a_slash_at_the_end() -> None:
    assert one("  s: d/{s}/", "d/a/x", "d/b", "d/c/") == ["a", "c"]


def test_a_component_after_the_wildcard_must_be_there() -> None:
    assert one("  s: d/{s}/in/x.csv", "d/a/in/x.csv", "d/b/in/y.csv", "d/c") == ["a"]


def test_absolute_paths_are_looked_up_where_they_are() -> None:
    assert one("  s: /d/{s}.csv", "/d/a.csv") == ["a"]
    assert one("  s: /{s}.csv", "/a.csv") == ["a"]


def test_a_constraint_of_the_key_tells_values_apart() -> None:
    line = '  sample, r: {files: "x/{sample}_{r}.fq", match: {r: "R[12]"}}'
    made, errors = read("wildcards:\n" + line, "x/a_b_R1.fq", "x/a_R2.fq", "x/a_I1.fq")
    errors.raise_if_any()
    assert rows(made.relations[0]) == ["a R2", "a_b R1"]
    assert made.constraints == {"r": ("R[12]",)}


def test_a_constraint_holds_in_every_key_that_has_the_name() -> None:
    text = '  r: {values: [R1, R2, I1], match: {r: "R[12]"}}\n  s, r: x/{s}.{r}'
    made, errors = read("wildcards:\n" + text, "x/a.R1", "x/a.R2", "x/a.I1")
    errors.raise_if_any()
    assert [rows(r) for r in made.relations] == [["R1", "R2"], ["a R1", "a R2"]]


def test_a_constraint_may_let_a_value_span_folders() -> None:
    assert one("  s: {files: 'd/{s}.csv', match: {s: '[a-z/]+'}}", "d/a/b.csv", "d/c.csv") == [
        "a/b",
        "c",
    ]


def test_files_that_rules_make_are_passed_over_and_counted() -> None:
    made, errors = read(
        "wildcards:\n  s: d/{s}.csv", "d/a.csv", "d/b.csv", is_output=lambda p: p == "d/b.csv"
    )
    errors.raise_if_any()
    assert rows(made.relations[0]) == ["a"]
    assert made.passed_over == {"s": 1}


def test_each_folder_is_listed_once() -> None:
    disk = FakeDisk({"d/a/1.x": "", "d/a/2.x": "", "d/b/1.x": ""})
    read("wildcards:\n  s, n: d/{s}/{n}.x", disk=disk)
    assert sorted(disk.listed) == ["d", "d/a", "d/b"]


def test_a_path_that_fits_in_two_ways_is_an_error_with_a_constraint_that_decides() -> None:
    error = mistake("  a, b: x/{a}_{b}.fq", "x/1_2_3.fq")
    assert "x/1_2_3.fq fits x/{a}_{b}.fq in two ways" in error.what
    assert "a: 1_2, b: 3" in error.what and "a: 1, b: 2_3" in error.what
    assert error.hint == "a constraint decides: match: {a: '[^_/]+'}"
    assert at(error) == "2: x/{a}_{b}.fq"


@pytest.mark.parametrize(
    ("text", "path"),
    [("{a}_{b}.fq", "1_2_3.fq"), ("{a}{b}", "x12"), ("{a}{b}", "---"), ("{a}.{b}.{c}", "1.2.3.4")],
)
def test_the_constraint_that_is_proposed_leaves_one_way(text: str, path: str) -> None:
    pattern = parse_pattern(text)
    decided = deciding_constraints(pattern, path, {})
    held = {name: [regex] for name, regex in decided.items()}
    assert len(list(Matcher(pattern, held).ways(path))) == 1


@pytest.mark.parametrize(
    ("line", "paths", "words", "hint"),
    [
        ("  m: dat/{m}.csv", ["data/a.csv"], "there is no folder dat", "did you mean data?"),
        ("  m: data/raw/{m}", ["data/a.csv"], "there is no folder data/raw", "holds no folder"),
        ("  m: data/{m}.csv", ["data/a.tsv"], "nothing in data fits {m}.csv", "data holds a.tsv"),
        ("  m: data/{m}.csv", ["data/.a.csv"], "data/.a.csv is hidden", None),
        ("  m: data/{m}", ["data/a/x"], "data/a is a folder", "folders match data/{m}/"),
        ("  m: data/{m}/", ["data/a"], "data/a is no folder", "without the /"),
        ("  m: '{m}/x.csv'", ["data/y.csv"], "nothing in data fits x.csv", "data/y.csv"),
        (
            "  m: {files: 'd/{m}', match: {m: '[0-9]+'}}",
            ["d/a"],
            "d/a does not, for m must match [0-9]+",
            None,
        ),
    ],
)
def test_a_pattern_that_matches_nothing_says_why(
    line: str, paths: list[str], words: str, hint: str | None
) -> None:
    error = mistake(line, *paths)
    kind = "folder" if line.endswith("/") else "file"
    assert error.what.startswith(f"no {kind} matches ")
    assert words in error.what
    assert (hint is None) == (error.hint is None)
    assert hint is None or hint in str(error.hint)
    assert at(error).startswith("2: ")


def test_files_that_are_all_outputs_are_an_error_that_says_so() -> None:
    _, errors = read("wildcards:\n  s: d/{s}", "d/a", "d/b", is_output=lambda p: True)
    assert "all 2 that do are outputs of rules" in errors.errors[0].what


def test_a_file_name_with_a_line_break_is_an_error() -> None:
    assert "holds a line break" in mistake("  s: d/{s}", "d/a\nb").what


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  m: data/x.csv", "data/x.csv holds no {m}"),
        ("  m: 16", "16 holds no {m}"),
        ("  a, b: d/{a}.csv", "{b} stands in the key, but not in d/{a}.csv"),
        ("  a: d/{a}/{b}.csv", "{b} stands in d/{a}/{b}.csv, but not in the key"),
        ("  a: d/{config.x[a]}/{a}", "looks up config by a wildcard"),
        ("  a: d/{a b}", "the braces hold no wildcard name"),
    ],
)
def test_a_pattern_must_hold_the_names_of_its_key(line: str, words: str) -> None:
    error = mistake(line)
    assert words in error.what
    assert at(error) == "2: " + line.split(": ", 1)[1]


# --- lists, rows, ranges -------------------------------------------------------------------------


def test_listed_values_stay_as_written() -> None:
    assert one("  alpha: [0.1, 0.5, 01, yes, '']") == ["0.1", "0.5", "01", "yes", ""]
    assert one("  alpha: {values: [1.10]}") == ["1.10"]


def test_rows_are_those_given() -> None:
    assert one("  sample, lane: [[a, 1], [b, 2]]") == ["a 1", "b 2"]
    assert one("  s: {rows: [[a], [b]]}") == ["a", "b"]


def test_a_doubled_value_counts_once_and_is_mentioned() -> None:
    made, errors = read("wildcards:\n  a: [x, y, x]")
    errors.raise_if_any()
    assert rows(made.relations[0]) == ["x", "y"]
    assert made.warnings == ("Workflowfile:2:6: 'x' stands twice in a and counts once",)


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("{range: 3}", ["0", "1", "2"]),
        ("{range: [1, 4]}", ["1", "2", "3"]),
        ("{range: [0, 25, 10], width: 3}", ["000", "010", "020"]),
        ("{range: [3, 0, -1]}", ["3", "2", "1"]),
    ],
)
def test_ranges_leave_their_end_out(form: str, values: list[str]) -> None:
    assert one(f"  rep: {form}") == values


@pytest.mark.parametrize(
    ("line", "words", "place"),
    [
        ("  a: []", "a has no values: the list is empty", "[]"),
        ("  a:", "a has no values", "a:"),
        ("  a: [[b]]", "a value of a is a text, not a list", "[b]]"),
        ("  a: [b, ]\n  c: [x, {d}]", "must be in quotes", "{d}]"),
        ("  a, b: [x, y]", "a row of a, b is a list of 2 values (a, b), not 'x'", "x, y]"),
        ("  a, b: [[x]]", "a row of a, b is a list of 2 values (a, b), not of 1", "[x]]"),
        ("  a, b: {values: [x]}", "a, b has 2 names", "[x]}"),
        ("  a: {values: x}", "a is a list of values, not 'x'", "x}"),
        ('  a: ["x\\0y"]', "a value of a holds a NUL", '["x\\0y"]'),
        ('  a: ["x\\ny"]', "a value of a holds a line break", '["x\\ny"]'),
        ("  a: {range: 0}", "a has no values: the range is empty", "0}"),
        ("  a: {range: [5, 5]}", "the range is empty", "[5, 5]}"),
        ("  a: {range: [1]}", "range takes a number", "[1]}"),
        ("  a: {range: x}", "range is a whole number, not 'x'", "x}"),
        ("  a: {range: [0, 9, 0]}", "the step of a range is not 0", "0]}"),
        ("  a: {range: 3, width: 0}", "width is a whole number", "0}"),
        ("  a: {range: 99999999999}", "a range of more than", "99999999999}"),
        (
            "  a, b: {range: 3}",
            "range gives values to one name, and a, b has 2",
            "a, b: {range: 3}",
        ),
    ],
)
def test_mistakes_in_lists_and_ranges(line: str, words: str, place: str) -> None:
    error = mistake(line)
    assert words in error.what
    assert at(error).endswith(": " + place)


def test_a_line_break_may_stand_in_a_column() -> None:
    assert one('  a, note: [[x, "y\\nz"]]') == ["x y\nz"]


# --- sheets and lines ----------------------------------------------------------------------------

SHEET = "sample\tSample ID\tlane\na\tA 1\t01\nb\tB\t2\na\tA 1\t01\n"


def test_columns_of_a_sheet_are_text_and_double_rows_count_once() -> None:
    assert one("  sample, lane: {table: s.tsv}", files={"s.tsv": SHEET}) == ["a 01", "b 2"]


def test_columns_are_renamed() -> None:
    line = '  sample, id: {table: s.tsv, columns: {id: "Sample ID"}}'
    assert one(line, files={"s.tsv": SHEET}) == ["a A 1", "b B"]


def test_numbers_count_the_columns_of_a_sheet_without_header() -> None:
    line = "  a, b: {table: s.csv, columns: {a: 2, b: 1}}"
    assert one(line, files={"s.csv": "x,y\nz,w\n"}) == ["y x", "w z"]
    assert one('  a: {table: s.csv, columns: {a: "2"}}', files={"s.csv": "1,2\nz,w\n"}) == ["w"]


def test_sheets_of_every_make_are_read() -> None:
    text = '\ufeffa,b\r\n"x, ""y""",1\r\n\r\n"z\r\nw",2\r\n'
    assert one("  b, a: {table: s.csv}", files={"s.csv": text}) == ['1 x, "y"', "2 z\r\nw"]


def test_a_line_of_carriage_returns_alone_is_empty() -> None:
    assert one("  a: {table: s.csv}", files={"s.csv": "a\n\r\r\n1\n"}) == ["1"]
    for text in ("a\n\r\r\n1,2\n", 'a\n"1"\n\r\r\n1,2\n'):
        error = mistake("  a: {table: s.csv}", files={"s.csv": text})
        assert "this row has 2 cells, the first one 1" in str(error)


def test_comment_lines_are_skipped_but_not_inside_of_a_cell() -> None:
    text = '# made by hand\na,b\n#x,1\n"y\n#z",2\n'
    line = '  a, b: {table: s.csv, comment: "#"}'
    assert one(line, files={"s.csv": text}) == ["y\n#z 2"]


def test_an_empty_cell_is_a_value_like_any_other() -> None:
    assert one("  a, b: {table: s.csv}", files={"s.csv": "a,b\nx,\n"}) == ["x "]


def test_the_lines_of_a_file_are_values() -> None:
    text = "\ufeffb\r\na\r\n\r\nb\r\n"
    assert one("  item: {lines: i.txt}", files={"i.txt": text}) == ["b", "a"]


@pytest.mark.parametrize(
    ("line", "files", "words", "place", "hint"),
    [
        (
            "  a: {table: s.csv}",
            {"t.csv": "a"},
            "there is no file s.csv, and no rule makes it",
            "2: s.csv}",
            "did you mean t.csv?",
        ),
        ("  a: {lines: x/s}", {}, "there is no file x/s", "2: x/s}", "there is no folder x"),
        (
            "  sampel: {table: s.csv}",
            {"s.csv": "sample,b\n1,2"},
            "s.csv has no column 'sampel'",
            "2: sampel: {table: s.csv}",
            "did you mean 'sample'?",
        ),
        (
            "  a: {table: s.csv}",
            {"s.csv": "b, a\n1,2"},
            "s.csv has no column 'a'",
            "2: a: {table: s.csv}",
            'a blank belongs to the header: write columns: {a: " a"}',
        ),
        (
            "  a: {table: s.csv}",
            {"s.csv": "# made by hand\na,b\n1,2"},
            "this row has 2 cells, the first one 1",
            "2: a,b",
            'if the first line is a comment, write comment: "#"',
        ),
        (
            "  a: {table: s.csv}",
            {"s.csv": "# made, by hand\na,b\n1,2"},
            "s.csv has no column 'a'",
            "2: a: {table: s.csv}",
            'if the first line is a comment, write comment: "#"',
        ),
        (
            "  a: {table: s.csv, columns: {a: x}}",
            {"s.csv": "b,c\n1,2"},
            "s.csv has no column 'x'",
            "2: x}}",
            "known here: b, c",
        ),
        (
            "  a: {table: s.csv}",
            {"s.csv": "a,a\n1,2"},
            "2 columns 'a'",
            "2: a: {table: s.csv}",
            None,
        ),
        (
            "  a: {table: s.csv}",
            {"s.csv": ""},
            "is empty: it has no header",
            "2: a: {table: s.csv}",
            None,
        ),
        ("  a: {table: s.csv}", {"s.csv": "a\n"}, "the sheet s.csv holds none", "2: s.csv}", None),
        ("  a: {lines: s}", {"s": "\n \n"}, "the lines of s holds none", "2: s}", None),
        (
            "  a: {table: s.csv}",
            {"s.csv": "a,b\n1,2\n\n3\n"},
            "this row has 1 cell, the first one 2",
            "4: 3",
            None,
        ),
        (
            "  a: {table: s.tsv}",
            {"s.tsv": "a\tb\n1,2\n"},
            "this row has 1 cell",
            "2: 1,2",
            "tabs divide",
        ),
        ("  a: {table: s.csv}", {"s.csv": 'a\n"b"c\n'}, "this is no CSV", '2: "b"c', "doubled"),
        (
            "  a: {table: s.csv, columns: {a: 3}}",
            {"s.csv": "1,2\n"},
            "s.csv has 2 columns, and no column 3",
            "2: 3}}",
            None,
        ),
        (
            "  a, b: {table: s.csv, columns: {a: 1}}",
            {"s.csv": "1,2\n"},
            "numbers count the columns of a sheet without header, and b has none",
            "2: 1}}",
            "give b a number too",
        ),
        (
            "  a: {table: s.csv, columns: {b: x}}",
            {"s.csv": "1,2\n"},
            "columns: b is no name of this key",
            "2: b: x}}",
            None,
        ),
        (
            "  a, b: {lines: s}",
            {"s": "x"},
            "lines gives values to one name",
            "2: a, b: {lines: s}",
            "table",
        ),
        (
            "  a: {table: 's/{a}.csv'}",
            {},
            "{a} cannot stand in the path",
            "2: 's/{a}.csv'}",
            "in their names",
        ),
    ],
)
def test_mistakes_in_sheets_and_lines(
    line: str, files: dict[str, str | bytes], words: str, place: str, hint: str | None
) -> None:
    error = mistake(line, files=files)
    assert words in error.what
    assert at(error) == place
    assert hint is None or hint in str(error.hint)


def test_text_that_is_no_utf_8_is_an_error_with_its_line() -> None:
    error = mistake("  a: {lines: s}", files={"s": b"a\n\xff\n"})
    assert error.what == "s:2: this is no UTF-8 text"
    assert "s:1: the text holds a NUL" in mistake("  a: {lines: s}", files={"s": "\0"}).what


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("s.xlsx", b"PK\x03\x04\x14\0", "s.xlsx is an Excel workbook, no text"),
        ("s.XLS", b"\xd0\xcf\x11\xe0\xa1", "s.XLS is an Excel workbook, no text"),
        ("s.csv", b"PK\x03\x04\x14\0", "s.csv is a workbook or an archive, no text"),
    ],
)
def test_a_workbook_is_told_as_what_it_is(name: str, data: bytes, what: str) -> None:
    error = mistake(f"  a: {{table: {name}}}", files={name: data})
    assert error.what == what
    assert str(error.hint).startswith("save it as CSV or TSV")


# --- files that rules make -----------------------------------------------------------------------


def test_values_from_a_file_that_a_rule_makes_come_later() -> None:
    made, errors = read(
        "wildcards:\n  a: {table: build/p.csv, where: {a: [x]}}",
        is_made=lambda pattern: pattern.text == "build/p.csv",
    )
    errors.raise_if_any()
    (relation,) = made.relations
    assert relation.made is not None and relation.made.kind == "table"
    assert relation.columns == ([],)
    rows = rows_of_made(relation.made, ["a"], b"a,b\ny,1\nx,2\n", "build/p.csv")
    assert rows == (["y", "x"],) and relation.made.keep is not None
    assert kept_rows(("a",), rows, relation.made.keep) == (["x"],)


def test_a_path_with_wildcards_gives_values_for_each_of_these() -> None:
    made, errors = read("wildcards:\n  item: {lines: 'b/{s}.txt'}")
    errors.raise_if_any()
    (relation,) = made.relations
    assert relation.names == ("item", "s")
    assert relation.path_names == {"s"}
    assert relation.made is not None
    assert rows_of_made(relation.made, ["item"], b"2\n1\n2\n", "b/x.txt") == (["2", "1"],)
    assert rows_of_made(relation.made, ["item"], b"", "b/x.txt") == ([],)


def test_columns_of_a_made_sheet_are_renamed_and_counted() -> None:
    made = Made(kind="table", pattern=parse_pattern("p.csv"), columns={"a": "2"}, headless=True)
    assert rows_of_made(made, ["a"], b"x,y\n", "p.csv") == (["y"],)


@pytest.mark.parametrize(
    ("key", "names", "expected"),
    [
        ("c: {same: a}", "c", [["y", "x", "z"]]),
        ("c, d: {pairs: a}", "c d", [["y", "y", "x"], ["x", "z", "z"]]),
        ("c, d: {pairs: a, both: true, where: {c: x}}", "c d", [["x", "x"], ["y", "z"]]),
        ("c: {same: f}", "c", [["y", "z"]]),
        ("c, d: {pairs: f, self: true}", "c d", [["y", "y", "z"], ["y", "z", "z"]]),
        ("c: {same: m}", "c", [["x"]]),
        ("c, d: {pairs: [one]}", "c d", [["x"], ["y"]]),
        ("c, d: {same: [two, one]}", "c d", [["1", "1", "2"], ["x", "y", "x"]]),
        ("e, g: {same: [two, one]}\n  c, d: {pairs: e}", "c d", [["1"], ["2"]]),
    ],
)
def test_the_values_of_a_made_key_have_other_names_and_make_pairs(
    key: str, names: str, expected: list[list[str]]
) -> None:
    made, errors = read(
        "wildcards:\n  a: {lines: 'b/{s}.txt'}\n"
        "  f: {lines: 'b/{s}.txt', except: {f: x}}\n"
        "  m: {lines: 'b/{s}.txt', match: {m: '[a-x]'}}\n"
        "  one, two: {table: 'b/{s}.csv'}\n"
        f"  {key}"
    )
    errors.raise_if_any()
    relation = made.relations[-1]
    assert relation.names == (*names.split(), "s")
    assert relation.made is not None
    data = b"one,two\nx,1\ny,1\nx,2\n" if "two" in key or "one" in key else b"y\nx\nz\n"
    columns = tuple(map(list, rows_of_made(relation.made, names.split(), data, "b/1")))
    if relation.made.keep is not None:
        columns = kept_rows(tuple(names.split()), columns, relation.made.keep)
    assert list(columns) == expected


def test_a_made_key_with_no_rows_gives_no_pairs() -> None:
    made, errors = read("wildcards:\n  a: {lines: 'b/{s}.txt'}\n  c, d: {pairs: a}")
    errors.raise_if_any()
    relation = made.relations[1]
    assert relation.made is not None
    assert rows_of_made(relation.made, ["c", "d"], b"x\n", "b/1") == ([], [])
    many = b"".join(b"%d\n" % n for n in range(5000))
    with pytest.raises(FileflowError, match="pairs of 5,000"):
        rows_of_made(relation.made, ["c", "d"], many, "b/1")


# --- config --------------------------------------------------------------------------------------

CONFIG = "config:\n  samples: {b: {x: 1, y: 2}, a: {z: }}\n  list: {p: [1, 02], q: [3]}\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("s: {keys: config.samples}", ["b", "a"]),
        ("s, t: {keys: config.samples}", ["b x", "b y", "a z"]),
        ("s, t: {keys: config.list}", ["p 1", "p 02", "q 3"]),
        ("s: {keys: config.list.p}", ["1", "02"]),
        ("s: {keys: config}", ["samples", "list"]),
        ("s: {keys: {u: 1, v: 2}}", ["u", "v"]),
    ],
)
def test_keys_of_config_are_values_level_by_level(line: str, expected: list[str]) -> None:
    made, errors = read(f"{CONFIG}wildcards:\n  {line}")
    errors.raise_if_any()
    assert rows(made.relations[0]) == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("s: {keys: config.sample}", "there is no config.sample"),
        ("s: {keys: samples}", "keys names a value of config, not 'samples'"),
        ("a, b, c: {keys: config.samples}", "the keys of config.samples.b.x, which is '1'"),
        ("a, b, c: {keys: config.list}", "the keys of config.list.p, which is a list"),
        ("a: {keys: config.samples.b.x}", "which is '1' and not a mapping or a list"),
    ],
)
def test_mistakes_in_keys(line: str, words: str) -> None:
    _, errors = read(f"{CONFIG}wildcards:\n  {line}")
    assert words in errors.errors[0].what
    assert at(errors.errors[0]) == f"5: {line.split('keys: ')[1]}"


# --- values of other keys ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", ["x y", "x z", "y z"]),
        (", both: true", ["x y", "x z", "y x", "y z", "z x", "z y"]),
        (", self: true", ["x x", "x y", "x z", "y y", "y z", "z z"]),
        (
            ", both: true, self: true",
            ["x x", "x y", "x z", "y x", "y y", "y z", "z x", "z y", "z z"],
        ),
    ],
)
def test_pairs_of_the_values_of_another_key(options: str, expected: list[str]) -> None:
    made, errors = read(f"wildcards:\n  a, b: {{pairs: s{options}}}\n  s: [x, y, z]")
    errors.raise_if_any()
    assert rows(made.relations[0]) == expected


def test_pairs_of_several_columns_keep_rows_together() -> None:
    line = "  genre, title, n: [[g, t, 1], [h, u, 2], [g, t, 3]]\n"
    assert one(line + "  g1, t1, g2, t2: {pairs: [genre, title]}") == ["g t h u"]


def test_the_same_values_under_another_name() -> None:
    assert one("  month: [b, a]\n  m2: {same: month}") == ["b", "a"]
    assert one("  a, b: [[x, 1], [x, 2]]\n  c: {same: a}") == ["x"]


def test_derived_values_are_those_after_where() -> None:
    line = "  s: {values: [x, y, z], except: {s: y}}\n"
    assert one(line + "  a, b: {pairs: s}") == ["x z"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  a: {same: b}\n  b: {same: a}", "take their values from each other: a → b → a"),
        ("  a: {same: a}", "a → a"),
        ("  month: [x]\n  a: {same: monht}", "no key of wildcards gives values to monht"),
        ("  m: [x]\n  n: [y]\n  a, b: {same: [m, n]}", "no one key has all of m, n"),
        ("  m: [x, y]\n  a: {pairs: m}", "pairs of m gives 2 columns, and a is 1 name"),
        ("  m: [x, y]\n  a, b: {same: m}", "same of m gives 1 column, and a, b is 2 names"),
        ("  month: [x]\n  a: {pairs: monht}", "no key of wildcards gives values to monht"),
        ("  m: [x]\n  a, b: {pairs: m}", "m has only one value, and so no pair"),
    ],
)
def test_mistakes_in_derived_keys(line: str, words: str) -> None:
    assert words in mistake(line).what


# --- where, except, open -------------------------------------------------------------------------

SITES = "rows: [[a, 1], [a, 2], [b, 1], [c, 1]]"


def test_where_keeps_the_rows_that_agree_with_all() -> None:
    assert one(f"  s, d: {{{SITES}, where: {{s: [a, b], d: 1}}}}") == ["a 1", "b 1"]


def test_except_leaves_out_only_the_rows_that_agree_with_all() -> None:
    assert one(f"  s, d: {{{SITES}, except: {{s: a, d: 1}}}}") == ["a 2", "b 1", "c 1"]


@pytest.mark.parametrize("word", ["where", "except"])
def test_a_value_that_no_row_has_is_told_and_changes_nothing(word: str) -> None:
    made, errors = read(f"wildcards:\n  s, d: {{{SITES}, {word}: {{s: [a, bb]}}}}")
    errors.raise_if_any()
    assert (
        list(zip(*made.relations[0].columns, strict=True))
        == {
            "where": [("a", "1"), ("a", "2")],
            "except": [("b", "1"), ("c", "1")],
        }[word]
    )
    assert made.warnings == (
        f"Workflowfile:2:{52 + len(word)}: {word}: no row has s 'bb'; did you mean 'b'?",
    )


def test_where_that_leaves_nothing_says_which_value_no_row_has() -> None:
    error = mistake(f"  s, d: {{{SITES}, where: {{s: z}}}}")
    assert error.what == "s, d has no values left after where"
    assert error.hint == "where: no row has s 'z'; known here: a, b, c"


def test_open_is_noted() -> None:
    made, errors = read("wildcards:\n  a: {values: [x], open: true}")
    errors.raise_if_any()
    assert made.relations[0].open


@pytest.mark.parametrize(
    ("options", "words", "place"),
    [
        ("where: {x: 1}", "where: x is no name of this key", "x: 1}}"),
        ("where: {s: [a, {b}]}", "must be in quotes", "{b}]}}"),
        ("where: {s: c, d: 2}", "has no values left after where", "{s: c, d: 2}}"),
        ("where: a", "where is a mapping of names to values, not 'a'", "a}"),
        ("open: 1", "open is true or false", "1}"),
        ("match: {x: 'a'}", "match: x is no name of this key", "x: 'a'}}"),
        ("match: {s: '['}", "the match of s is no regular expression", "['}}"),
        ("match: {s: '(?i)a'}", "flags for the whole expression", "'(?i)a'}}"),
        ("match: {s: '(a)\\1'}", "refers back", "'(a)\\1'}}"),
        ("match: {s: 'z+'}", "no value of s matches z+", "[[a, 1]"),
    ],
)
def test_mistakes_in_the_options(options: str, words: str, place: str) -> None:
    error = mistake(f"  s, d: {{{SITES}, {options}}}")
    assert words in error.what
    assert place in at(error)


# --- names and keys ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words", "place"),
    [
        ("  my-name: [a]", "'my-name' is no name of a wildcard", "my-name: [a]"),
        ("  a, 1b: [[x, y]]", "'1b' is no name of a wildcard", "1b: [[x, y]]"),
        ("  a,: [[x, y]]", "a name is missing", "a,: [[x, y]]"),
        ("  a, config: [[x, y]]", "config is built in", "config: [[x, y]]"),
        ("  a, a: [[x, y]]", "a stands twice in this key", "a, a: [[x, y]]"),
        ("  a: {valeus: [x]}", "a has no key 'valeus'", "valeus: [x]}"),
        ("  a: {range: 3, both: true}", "a: both goes with pairs, not with range", "both: true}"),
        ("  a: {range: 3, values: [x]}", "a says range and values", "values: [x]}"),
        ("  a: {open: true}", "a does not say where its values come from", "{open: true}"),
        ("  a: {x}", "must be in quotes", "{x}"),
    ],
)
def test_mistakes_in_keys_and_names(line: str, words: str, place: str) -> None:
    error = mistake(line)
    assert words in error.what
    assert at(error) == "2: " + place


def test_every_key_with_a_mistake_is_named_and_the_others_are_read() -> None:
    made, errors = read("wildcards:\n  a: []\n  b: [x]\n  c: {range: x}")
    assert len(errors.errors) == 2
    assert [relation.names for relation in made.relations] == [("b",)]


def test_a_key_that_lacks_its_source_is_not_a_second_mistake() -> None:
    assert "the list is empty" in mistake("  a: []\n  b: {same: a}").what


# --- joins ---------------------------------------------------------------------------------------


def test_a_value_that_only_one_of_two_keys_has_is_an_error() -> None:
    error = mistake("  s, x: [[a, 1], [b, 2], [c, 3]]\n  s, y: [[b, 1], [d, 2], [c, 3]]")
    assert "s stands in two keys, 's, x' and 's, y', whose values differ" in error.what
    assert (
        "only the rows (Workflowfile:2) has a; only the rows (Workflowfile:3) has d" in error.what
    )
    assert at(error).startswith("3: s, y:")


def test_values_are_compared_before_where_and_except() -> None:
    assert one("  s: [a, b]\n  s, y: {rows: [[a, 1], [b, 2]], where: {s: a}}") == ["a 1"]


def test_open_and_made_keys_are_not_compared() -> None:
    assert one("  s: {values: [a], open: true}\n  s, y: [[b, 1]]") == ["b 1"]
    assert one("  s: {lines: 'x/{t}'}\n  s, y: [[b, 1]]") == ["b 1"]


# --- wildcards of an entry's own -----------------------------------------------------------------


def own(text: str, pattern: str = "{n}{m}") -> tuple[Relation | None, Collector]:
    tree = read_tree(text.encode(), "Workflowfile")
    assert isinstance(tree, Mapping)
    errors = Collector()
    pairs: list[tuple[Scalar, object]] = [(tree.keys[n], node) for n, node in tree.items.items()]
    found = read_own(
        pairs,  # type: ignore[arg-type]
        Surroundings(
            FakeDisk({}),
            Config(node_of({}, tree.source)),  # type: ignore[arg-type]
            outputs_among=lambda *_: (),
            is_made=never,
        ),
        errors,
    )
    return found.joined(parse_pattern(pattern)) if found.relations else None, errors


def test_an_entry_may_have_wildcards_of_its_own() -> None:
    relation, _ = own("n: [1, 02]")
    assert relation is not None and rows(relation) == ["1", "02"]
    relation, _ = own("n: [1, 2]\nm: {range: 2}")
    assert relation is not None and relation.names == ("n", "m")
    assert rows(relation) == ["1 0", "1 1", "2 0", "2 1"]


def test_own_wildcards_come_in_the_order_of_the_pattern_whichever_key_comes_first() -> None:
    keys = ["m: [1, 2]", "n, l: [[a, x], [b, y]]"]
    for text in ("\n".join(keys), "\n".join(reversed(keys))):
        relation, _ = own(text, "{l}/{m}/{n}")
        assert relation is not None and relation.names == ("n", "l", "m")
        assert rows(relation) == ["a x 1", "a x 2", "b y 1", "b y 2"]


def test_a_mistake_in_an_own_wildcard_gives_none() -> None:
    relation, errors = own("n: []\nm: [1]")
    assert relation is None and len(errors.errors) == 1
    relation, errors = own("n: [1]\nn, m: [[1, 2]]")
    assert relation is None and "n stands in two keys" in errors.errors[0].what


# --- order and speed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        ["a10", "a2", "a1", "a02"],
        ["chunk_9", "chunk_10", "chunk_100"],
        ["10", "9", "09", "1"],
        ["s1_c10.x2", "s1_c9.x2"],
        ["a", "a1", "b", ""],
        ["aba", "ab1ba", "abba"],
        ["²", "1", "ü2", "ü10"],
        ["a1b", "a", "a1"],
    ],
)
def test_the_fast_orders_are_the_natural_one(values: list[str]) -> None:
    assert natural_sorted(values) == sorted(values, key=natural_key)


def test_rows_are_ordered_by_one_name_after_the_other() -> None:
    assert natural_rows([["b", "a", "a"], ["1", "10", "9"]]) == (["a", "a", "b"], ["9", "10", "1"])


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("  a: d/{a}.csv", "{i}.csv"),
        ("  a: d/{a}.csv", "chunk_{i:06}.csv"),
        ("  a, b: d/{a}_{b}.csv", "s{i}_x.csv"),
    ],
)
def test_100_000_files_in_a_folder_are_matched_in_a_moment(pattern: str, name: str) -> None:
    disk = FakeDisk({f"d/{name.format(i=i)}": b"" for i in range(100_000)})
    listed = disk.listing("d")
    disk.listing = lambda folder: listed  # type: ignore[method-assign]
    start = time.process_time()
    made, errors = read("wildcards:\n" + pattern, disk=disk)
    took = time.process_time() - start
    errors.raise_if_any()
    assert len(made.relations[0]) == 100_000
    assert took < 10.0  # a second where it is slow; minutes if each were looked up among all
