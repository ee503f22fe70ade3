"""Joins against a literal reading of the two sentences that define jobs and inputs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fileflow.errors import Place, Source
from fileflow.model.patterns import parse_pattern
from fileflow.model.rules import Made, Relation
from fileflow.planning.joins import (
    Table,
    columns_of,
    gather_rows,
    in_pattern_order,
    job_rows,
    limits_of,
    natural_join,
    project,
)

PLACE = Place(Source("Workflowfile", ""), 1, 1)
Row = dict[str, str]


def relation(names: str, *rows: str, needs: str = "", is_open: bool = False) -> Relation:
    """A relation whose names and values are single letters: `relation("ab", "12", "34")`."""
    columns = tuple([row[i] for row in rows] for i in range(len(names)))
    made = Made(kind="lines", pattern=parse_pattern("x")) if needs else None
    return Relation(
        names=tuple(names),
        columns=columns,
        place=PLACE,
        origin="a test",
        made=made,
        path_names=frozenset(needs),
        open=is_open,
    )


def table(names: str, *rows: str) -> Table:
    return project(relation(names, *rows), tuple(names))


def text(rows: Table) -> list[str]:
    return ["".join(row) for row in rows.rows()]


# --- the literal reading -------------------------------------------------------------------------


def cut(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """The rows cut down to some names, each once."""
    out: list[Row] = []
    for row in rows:
        short = {name: row[name] for name in names if name in row}
        if short not in out:
            out.append(short)
    return out


def agree(*rows: Row) -> bool:
    merged: Row = {}
    return all(
        merged.setdefault(name, value) == value for row in rows for name, value in row.items()
    )


def joined(tables: Sequence[Sequence[Row]]) -> list[Row]:
    out: list[Row] = []
    for rows in product(*tables):
        if agree(*rows):
            out.append({name: value for row in rows for name, value in row.items()})
    return out


def rows_of(one: Relation) -> list[Row]:
    return [dict(zip(one.names, row, strict=True)) for row in zip(*one.columns, strict=True)]


def literal_jobs(relations: Sequence[Relation], path: set[str], mapped: Sequence[str]) -> list[Row]:
    used = [r for r in relations if path & set(r.names) and set(mapped) & set(r.names)]
    return joined([cut(rows_of(r), mapped) for r in used])


def literal_inputs(
    relations: Sequence[Relation], path: set[str], pattern: Sequence[str], job: Row
) -> list[str]:
    used = [r for r in relations if path & set(r.names)]

    def first_position(one: Relation) -> int:
        return min((pattern.index(n) for n in one.names if n in pattern), default=len(pattern))

    used.sort(key=first_position)
    full = joined([cut(rows_of(r), sorted(path)) for r in used])
    rows = cut([row for row in full if agree(row, job)], pattern)
    return ["".join({**job, **row}[name] for name in pattern) for row in rows]


def literal_each(relations: Sequence[Relation], path: set[str], job: Row, name: str) -> list[str]:
    """The values of a column: of the rows of its relation that are part of a row of the job.

    The rows of a job are those of the join of the rule's relations, over the path wildcards and the
    column, as far as they are linked to the column by what the job leaves open.
    """
    used = [r for r in relations if path & set(r.names)]
    having = [r for r in used if name in r.names]
    linked, before = {name}, set()
    while linked != before:
        before = set(linked)
        for one in used:
            own = (set(one.names) & (path | {name})) - set(job)
            if own & linked:
                linked |= own
    part = [r for r in used if set(r.names) & linked & (path | {name})]
    rows = joined([cut(rows_of(r), sorted(path | {name})) for r in part])
    rows = [row for row in rows if agree(row, job)]
    source = rows_of(having[0])
    if len(having) > 1:
        source = joined([cut(rows_of(r), sorted(path | {name})) for r in having])
    return [
        one[name]
        for one in source
        if any(all(row.get(n, v) == v for n, v in one.items()) for row in rows)
    ]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Relation], set[str], list[str], list[str]]:
    relations = []
    for _ in range(draw(st.integers(1, 4))):
        names = draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=3, unique=True))
        row = st.text("123", min_size=len(names), max_size=len(names))
        rows = draw(st.lists(row, min_size=1, max_size=6, unique=True))
        relations.append(relation("".join(names), *rows))
    known = sorted({name for r in relations for name in r.names})
    path = draw(st.lists(st.sampled_from(known), min_size=1, unique=True))
    mapped = draw(st.lists(st.sampled_from(path), unique=True))
    pattern = draw(st.lists(st.sampled_from(path), min_size=1, unique=True))
    return relations, set(path), mapped, pattern


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_jobs_are_the_rows_that_the_literal_reading_gives_in_its_order(
    world: tuple[list[Relation], set[str], list[str], list[str]],
) -> None:
    relations, path, mapped, _ = world
    jobs = job_rows(relations, path, mapped)
    expected = literal_jobs(relations, path, mapped)
    assert jobs.rows() == [tuple(row[name] for name in mapped) for row in expected]
    assert jobs.names == tuple(mapped)


@settings(max_examples=600, deadline=None)
@given(worlds())
def test_inputs_are_the_rows_that_the_literal_reading_gives_in_its_order(
    world: tuple[list[Relation], set[str], list[str], list[str]],
) -> None:
    relations, path, mapped, pattern = world
    jobs = job_rows(relations, path, mapped)
    limits = [limit.lacking(jobs) for limit in limits_of(relations, path, mapped, ())]
    lacking = [any(marks) for marks in zip(*limits, strict=True)] if limits else None
    gathered = gather_rows(relations, path, pattern, mapped, jobs, lacking)
    for i, row in enumerate(jobs.rows()):
        group = gathered.groups[gathered.group_of[i]]
        assert group.names == tuple(pattern)
        job = dict(zip(jobs.names, row, strict=True))
        assert text(group) == literal_inputs(relations, path, pattern, job)


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_a_natural_join_has_the_order_of_nested_loops(
    world: tuple[list[Relation], set[str], list[str], list[str]],
) -> None:
    relations = world[0]
    made = natural_join([project(r, r.names) for r in relations])
    expected = joined([rows_of(r) for r in relations])
    assert [dict(zip(made.names, row, strict=True)) for row in made.rows()] == expected


@settings(max_examples=300, deadline=None)
@given(worlds(), st.sampled_from("abcde"))
def test_a_column_has_one_value_for_each_row_that_agrees(
    world: tuple[list[Relation], set[str], list[str], list[str]], name: str
) -> None:
    relations, path, mapped, _ = world
    jobs = job_rows(relations, path, mapped)
    each = columns_of(relations, path, jobs, name)
    if each is None:
        assert all(name not in r.names for r in relations if path & set(r.names))
        return
    if name in jobs.names:
        return
    for i, row in enumerate(jobs.rows()):
        job = dict(zip(jobs.names, row, strict=True))
        expected = literal_each(relations, path, job, name)
        assert each.groups[each.group_of[i]] == expected
        single = expected[0] if len(set(expected)) == 1 else None
        assert each.singles[each.group_of[i]] == single


# --- what is said by hand ------------------------------------------------------------------------


def test_a_cut_keeps_the_first_of_each_row() -> None:
    assert text(project(relation("ab", "21", "11", "22"), ["a"])) == ["2", "1"]


def test_a_cut_to_all_names_shares_the_column_lists() -> None:
    sheet = relation("ab", "12", "34")
    made = project(sheet, ["b", "a"])
    assert made.column("a") is sheet.column("a")
    assert job_rows([sheet], {"a", "b"}, ["b", "a"]).column("b") is sheet.column("b")


def test_a_join_with_a_relation_that_says_no_more_shares_the_lists() -> None:
    left, right = table("a", "1", "2"), table("ab", "13", "24")
    made = natural_join([left, right])
    assert made.column("a") is left.column("a")
    assert made.column("b") is right.column("b")


def test_no_table_gives_the_one_empty_row() -> None:
    assert natural_join([]).rows() == [()]
    assert job_rows([relation("a", "1")], {"a"}, []).rows() == [()]


def test_disjoint_tables_give_their_product_with_the_last_one_fastest() -> None:
    assert text(natural_join([table("a", "1", "2"), table("b", "3", "4")])) == [
        "13",
        "14",
        "23",
        "24",
    ]


def test_a_free_name_is_not_among_the_jobs() -> None:
    assert job_rows([relation("a", "1")], {"a", "z"}, ["z", "a"]).names == ("a",)


def test_a_free_name_of_the_job_fills_a_gathered_pattern() -> None:
    jobs = Table(("z",), (["x", "y"],), 2)
    gathered = gather_rows([relation("a", "1", "2")], {"a", "z"}, ["z", "a"], ["z"], jobs)
    assert [text(gathered.groups[i]) for i in gathered.group_of] == [["x1", "x2"], ["y1", "y2"]]
    first, second = gathered.groups
    assert first.column("a") is second.column("a")


def test_a_value_brought_by_a_path_to_an_open_relation_gathers_what_others_have() -> None:
    relations = [relation("a", "1", is_open=True), relation("b", "3", "4")]
    jobs = Table(("a",), (["9"],), 1)
    gathered = gather_rows(relations, {"a", "b"}, ["a", "b"], ["a"], jobs)
    assert text(gathered.groups[gathered.group_of[0]]) == ["93", "94"]


def test_a_job_that_agrees_with_no_row_has_an_empty_group() -> None:
    jobs = Table(("a",), (["1", "9"],), 2)
    gathered = gather_rows([relation("ab", "12")], {"a", "b"}, ["b"], ["a"], jobs)
    assert [text(gathered.groups[i]) for i in gathered.group_of] == [["2"], []]


def test_jobs_that_take_equal_rows_share_one_group() -> None:
    sheet = relation("ab", "13", "14", "23", "24")
    jobs = job_rows([sheet], {"a", "b"}, ["a"])
    gathered = gather_rows([sheet], {"a", "b"}, ["b"], ["a"], jobs)
    assert gathered.group_of[0] == gathered.group_of[1]
    assert text(gathered.groups[gathered.group_of[0]]) == ["3", "4"]


def test_found_values_do_not_limit_jobs_that_do_not_name_them() -> None:
    relations = [relation("s", "1", "2"), relation("cs", "x1", needs="s")]
    assert text(job_rows(relations, {"s", "c"}, ["s"])) == ["1", "2"]
    assert text(job_rows(relations, {"s", "c"}, ["s", "c"])) == ["1x"]


def test_found_values_do_not_empty_a_pattern_that_they_do_not_reach() -> None:
    relations = [relation("s", "1", "2"), relation("r", "5"), relation("cs", "x1", needs="s")]
    jobs = job_rows(relations, {"s", "c", "r"}, ["s"])
    gathered = gather_rows(relations, {"s", "c", "r"}, ["s", "r"], ["s"], jobs)
    assert [text(gathered.groups[i]) for i in gathered.group_of] == [["15"], ["25"]]
    chunks = gather_rows(relations, {"s", "c", "r"}, ["s", "c"], ["s"], jobs)
    assert [text(chunks.groups[i]) for i in chunks.group_of] == [["1x"], []]


def test_a_relation_that_needs_another_comes_after_it_wherever_its_name_stands() -> None:
    needy, given_first = relation("cs", "x1", needs="s"), relation("s", "1")
    assert in_pattern_order([needy, given_first], ["c", "s"]) == [given_first, needy]


def test_two_finders_of_one_name_leave_what_both_found() -> None:
    relations = [relation("cs", "x1", "y1", needs="s"), relation("cs", "y1", "z1", needs="s")]
    assert text(job_rows(relations, {"c", "s"}, ["c", "s"])) == ["y1"]


def test_a_column_whose_rows_disagree_has_no_single_value() -> None:
    sheet = relation("abc", "135", "146", "235")
    jobs = job_rows([sheet], {"a"}, ["a"])
    each = columns_of([sheet], {"a"}, jobs, "c")
    assert each is not None
    assert [each.groups[i] for i in each.group_of] == [["5", "6"], ["5"]]
    assert [each.singles[i] for i in each.group_of] == [None, "5"]


# --- speed ---------------------------------------------------------------------------------------


def wide(name_rows: dict[str, list[str]]) -> Relation:
    return Relation(
        names=tuple(name_rows), columns=tuple(name_rows.values()), place=PLACE, origin="a test"
    )


def seconds(function: object, *args: object) -> float:
    start = time.process_time()
    assert callable(function)
    function(*args)
    return time.process_time() - start


@pytest.mark.parametrize("shuffled", [False, True])
def test_two_sheets_of_100_000_rows_are_joined_in_a_moment(shuffled: bool) -> None:
    keys = [f"s{i}" for i in range(100_000)]
    other = [f"s{(i * 7919) % 100_000}" for i in range(100_000)] if shuffled else list(keys)
    left = project(wide({"a": keys, "b": list(keys)}), ["a", "b"])
    right = project(wide({"a": other, "c": list(keys)}), ["a", "c"])
    took = min(seconds(natural_join, [left, right]) for _ in range(3))
    assert natural_join([left, right]).count == 100_000
    assert took < 3


def test_everything_with_everything_is_one_list() -> None:
    a, b = (wide({name: [f"{i}" for i in range(3000)]}) for name in "ab")
    jobs = job_rows([a, b], {"a", "b"}, ["a"])
    gathered = gather_rows([a, b], {"a", "b"}, ["b"], ["a"], jobs)
    assert len(gathered.groups) == 1
    assert gathered.groups[0].column("b") is b.column("b")
    assert set(gathered.group_of) == {0}


def test_a_gather_along_one_axis_costs_what_is_written() -> None:
    grid = [(f"{i}", f"{j}") for i in range(1000) for j in range(1000)]
    sheet = wide({"a": [i for i, _ in grid], "b": [j for _, j in grid]})
    jobs = job_rows([sheet], {"a", "b"}, ["a"])
    took = min(seconds(gather_rows, [sheet], {"a", "b"}, ["a", "b"], ["a"], jobs) for _ in range(2))
    assert took < 1.5
