"""The planner against a literal, slow reading of the five points of "The rule behind it"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from re import fullmatch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fileflow.errors import FileflowError
from fileflow.language.loader import load_workflow
from fileflow.model.rules import Workflow
from fileflow.planning.plan import Plan, Wishes, target_from
from fileflow.planning.planner import make_plan
from tests.planning.fakes import FakeWorld, labels

Row = dict[str, str]
NAMES = "abcd"


@dataclass
class Pattern:
    """A pattern: names with texts between them; `sep` "" lets two rows give one path."""

    folder: str
    names: list[str]
    sep: str
    optional: bool = False

    @property
    def text(self) -> str:
        return f"{self.folder}/x" + self.sep.join(f"{{{name}}}" for name in self.names)

    def fill(self, row: Row) -> str:
        return f"{self.folder}/x" + self.sep.join(row[name] for name in self.names)


@dataclass
class World:
    """Relations in the order of the file, and one rule."""

    relations: list[tuple[list[str], list[list[str]]]]
    mapped: list[str]
    inputs: list[Pattern]
    constraints: dict[str, str] = field(default_factory=dict)
    with_output: bool = True
    with_makers: bool = False
    scatter: list[str] = field(default_factory=list)

    @property
    def path_names(self) -> list[str]:
        mapped = self.mapped if self.with_output else []
        return list(dict.fromkeys([*mapped, *(n for p in self.inputs for n in p.names)]))

    def text(self) -> str:
        lines = ["wildcards:"]
        for names, rows in self.relations:
            shown = "], [".join(", ".join(f'"{value}"' for value in row) for row in rows)
            if len(names) == 1:
                shown = ", ".join(f'"{row[0]}"' for row in rows)
                lines.append(f"  {names[0]}: [{shown}]")
            else:
                lines.append(f'  "{", ".join(names)}": {{rows: [[{shown}]]}}')
        lines += ["rules:", "  it:", "    input:"]
        for one in self.inputs:
            lines.append(f'      - {{path: "{one.text}", optional: {str(one.optional).lower()}}}')
        if self.with_output:
            out = "-".join(f"{{{name}}}" for name in [*self.mapped, *self.scatter])
            start = "x" if self.scatter else ""
            lines.append(f'    output: "out/{start}{out or "all"}"')
        if self.scatter:
            lines.append(f"    scatter: [{', '.join(self.scatter)}]")
        said = ", ".join(f'{name}: "{regex}"' for name, regex in self.constraints.items())
        lines += [f"    constraints: {{{said}}}", "    shell: echo"]
        if self.with_makers:
            for k, one in enumerate(self.inputs):
                lines.append(f'  make{k}: {{output: "{one.text}", shell: "touch {{output}}"}}')
        return "\n".join(lines)


class Everything(FakeWorld):
    """A world in which every source is there."""

    def signatures(self, paths: Sequence[str]) -> list[bytes | None]:
        return [b"s" * 32 for _ in paths]


# --- the literal reading -------------------------------------------------------------------------


def rows_of(relation: tuple[list[str], list[list[str]]]) -> list[Row]:
    names, rows = relation
    return [dict(zip(names, row, strict=True)) for row in rows]


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


def join(tables: Sequence[Sequence[Row]]) -> list[Row]:
    """The natural join, by nested loops: the last table is the fastest."""
    return [
        {name: value for row in rows for name, value in row.items()}
        for rows in product(*tables)
        if agree(*rows)
    ]


def allowed(world: World, row: Row) -> bool:
    return all(
        fullmatch(regex, row[name]) for name, regex in world.constraints.items() if name in row
    )


def used(world: World, names: Sequence[str]) -> list[tuple[list[str], list[list[str]]]]:
    return [relation for relation in world.relations if set(relation[0]) & set(names)]


def literal_jobs(world: World) -> list[Row]:
    """Point 1."""
    if not world.with_output:
        return [{}]
    tables = [cut(rows_of(one), world.mapped) for one in used(world, world.path_names)]
    return cut([row for row in join(tables) if allowed(world, row)], world.mapped)


def literal_inputs(world: World, job: Row, pattern: Pattern) -> list[str]:
    """Point 2."""
    names = world.path_names if world.with_output else pattern.names

    def first(relation: tuple[list[str], list[list[str]]]) -> int:
        found = [pattern.names.index(name) for name in relation[0] if name in pattern.names]
        return min(found, default=len(pattern.names))

    relations = sorted(used(world, names), key=first)
    rows = join([cut(rows_of(one), names) for one in relations])
    rows = cut([row for row in rows if agree(row, job) and allowed(world, row)], pattern.names)
    return list(dict.fromkeys(pattern.fill({**job, **row}) for row in rows))


def literal_each(world: World, job: Row, name: str) -> list[str]:
    """Point 5: of each row of the name's relation that is part of a row of the job, its value.

    The rows of a job are those of point 2 with the column beside the path wildcards, as far as what
    the job leaves open links them to it.
    """
    names = [*world.path_names, name]
    linked, before = {name}, set()
    while linked != before:
        before = set(linked)
        for heads, _ in used(world, world.path_names):
            own = set(heads) & set(names) - set(job)
            linked |= own if own & linked else set()
    part = [one for one in used(world, world.path_names) if set(one[0]) & linked]
    rows = join([cut(rows_of(one), names) for one in part])
    rows = [row for row in rows if agree(row, job) and allowed(world, row)]
    having = [one for one in part if name in one[0]]
    source = rows_of(having[0])
    if len(having) > 1:
        source = join([cut(rows_of(one), names) for one in having])
    return [one[name] for one in source if any(agree(one, row) for row in rows)]


# --- random worlds -------------------------------------------------------------------------------


@st.composite
def worlds(draw: st.DrawFn) -> World:
    values = {
        name: draw(st.lists(st.sampled_from(["1", "2", "11", "3"]), min_size=1, max_size=3,
                            unique=True))
        for name in NAMES
    }  # fmt: skip
    heads = draw(
        st.lists(
            st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True),
            min_size=1,
            max_size=4,
            unique_by=tuple,
        )
    )
    relations = []
    for names in heads:
        row = st.tuples(*(st.sampled_from(values[name]) for name in names))
        rows = draw(st.lists(row, min_size=1, max_size=5, unique=True))
        for i, name in enumerate(names):  # a value that only one of two keys has is an error
            for value in values[name]:
                if all(one[i] != value for one in rows):
                    rows.append(tuple(value if n == name else draw(st.sampled_from(values[n]))
                                      for n in names))  # fmt: skip
        relations.append((names, [list(one) for one in dict.fromkeys(rows)]))
    known = sorted({name for names, _ in relations for name in names})
    with_makers = draw(st.booleans())
    inputs = [
        Pattern(
            f"in{k}",
            draw(st.lists(st.sampled_from(known), max_size=3, unique=True)),
            "-" if with_makers else draw(st.sampled_from(["-", ""])),
            draw(st.booleans()),
        )
        for k in range(draw(st.integers(1, 3)))
    ]
    mapped = draw(st.lists(st.sampled_from(known), max_size=3, unique=True))
    world = World(relations, mapped, inputs, {}, draw(st.integers(0, 4)) > 0, with_makers)
    limited = draw(st.lists(st.sampled_from([*world.path_names, ""]), max_size=2, unique=True))
    world.constraints = {
        name: draw(st.sampled_from(["1+", "[12]", "1|3", ".*"])) for name in limited if name
    }
    return world


def load(world: World) -> Workflow:
    disk = FakeWorld()
    disk.write("Workflowfile", world.text())
    return load_workflow(disk, "Workflowfile", "/project")


def plan_of(world: World) -> Plan:
    return make_plan(load(world), Everything(), Wishes())


def label(job: Row) -> str:
    return " ".join(["it", *(f"{name}={value}" for name, value in job.items())])


def lacks(world: World, job: Row) -> bool:
    """Whether a job has an entry without a path that is not optional."""
    return any(not one.optional and not literal_inputs(world, job, one) for one in world.inputs)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(worlds())
def test_jobs_and_inputs_are_those_of_the_literal_reading(world: World) -> None:
    jobs = literal_jobs(world)
    if any(lacks(world, job) for job in jobs):
        with pytest.raises(FileflowError, match="gives no path"):
            plan_of(world)
        return
    plan = plan_of(world)
    assert [one for one in labels(plan) if one.startswith("it")] == [label(job) for job in jobs]
    table = plan.by_rule["it"]
    for row, job in enumerate(jobs):
        for link, pattern in zip(table.links, world.inputs, strict=True):
            expected = literal_inputs(world, job, pattern)
            assert link.paths_of(row) == expected
            assert link.single == (set(pattern.names) <= set(job))
            for path, maker in zip(expected, link.makers_of(row), strict=True):
                if world.with_makers:
                    assert path in plan.table_of(maker).outputs_of(maker & 0xFFFFFFFF)
                else:
                    assert maker == -1


@settings(max_examples=300, deadline=None, derandomize=True)
@given(worlds(), st.sampled_from(NAMES))
def test_columns_are_those_of_the_literal_reading(world: World, name: str) -> None:
    having = [one for one in used(world, world.path_names) if name in one[0]]
    jobs = literal_jobs(world)
    if not having or any(lacks(world, job) for job in jobs):
        return
    table = plan_of(world).by_rule.get("it")
    for row, job in enumerate(jobs):
        assert table is not None
        if name in job:
            continue
        expected = literal_each(world, job, name)
        assert table.column_value(name, row, each=True) == expected
        if len(set(expected)) == 1:
            assert table.column_value(name, row) == expected[0]
        else:
            with pytest.raises(FileflowError, match=f"{{{name}:each}}"):
                table.column_value(name, row)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(worlds(), st.integers(0, 3), st.booleans())
def test_a_free_wildcard_takes_its_value_from_the_path(world: World, at: int, fed: bool) -> None:
    """Point 4: the jobs are those of the other names, for each value that is asked for."""
    world.with_output, world.with_makers = True, False
    if fed:
        world.inputs[0].names.append("z")
    jobs = literal_jobs(world)
    world.mapped.insert(at, "z")
    with pytest.raises(FileflowError, match=r"cannot be asked for by name: \{z\}"):
        plan_of(world)
    wanted = [{name: {**job, "z": "7"}[name] for name in world.mapped} for job in jobs]
    paths = ["out/" + "-".join(job.values()) for job in wanted]
    if not jobs:
        return
    wishes = Wishes(targets=tuple(map(target_from, paths)))
    if any(lacks(world, job) for job in wanted):
        with pytest.raises(FileflowError, match="gives no path"):
            make_plan(load(world), Everything(), wishes)
        return
    plan = make_plan(load(world), Everything(), wishes)
    assert sorted(labels(plan)) == sorted(label(job) for job in wanted)
    table = plan.by_rule["it"]
    for job in wanted:
        row = table.row_for(job)
        assert row is not None
        for link, pattern in zip(table.links, world.inputs, strict=True):
            assert link.paths_of(row) == literal_inputs(world, job, pattern)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(worlds())
def test_a_free_wildcard_cannot_be_gathered(world: World) -> None:
    world.inputs.append(Pattern("free", ["z"], "-", optional=True))
    if literal_jobs(world):
        with pytest.raises(FileflowError, match=r"\{z\}, which has no values"):
            plan_of(world)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(worlds(), st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True))
def test_a_scatter_of_declared_values_makes_the_rows_that_agree(
    world: World, names: list[str]
) -> None:
    """Point 1: what a rule scatters is not mapped; a job makes the files of all values."""
    known = {name for heads, _ in world.relations for name in heads}
    scattered = [name for name in names if name in known and name not in world.mapped]
    if not scattered:
        return
    said = {n: c for n, c in world.constraints.items() if n in {*world.mapped, *scattered}}
    alone = World(world.relations, world.mapped, [Pattern("src", [], "")], said)
    alone.scatter = scattered
    whole = World(world.relations, [*world.mapped, *scattered], [], said)
    jobs = literal_jobs(alone)
    made = Pattern("out", [*world.mapped, *scattered], "-")
    table = plan_of(alone).by_rule["it"]
    assert [table.label(row) for row in range(table.count)] == [label(job) for job in jobs]
    for row, job in enumerate(jobs):
        found = table.found(row)
        assert found is not None
        assert found.files == literal_inputs(whole, job, made)


# --- what the random worlds leave to be said by hand ---------------------------------------------

APART = World(
    [(["a", "c"], [["1", "1"], ["2", "2"]]), (["b", "c"], [["1", "1"], ["2", "2"]])],
    ["a", "b"],
    [Pattern("in0", ["a"], "-"), Pattern("in1", ["c"], "-", optional=True)],
)


def test_a_mapped_input_of_a_job_that_no_row_agrees_with_is_none_and_an_error() -> None:
    assert literal_inputs(APART, {"a": "1", "b": "2"}, APART.inputs[0]) == []
    with pytest.raises(FileflowError, match="gives no path"):
        plan_of(APART)


def test_a_column_of_two_relations_has_the_value_of_the_jobs_rows() -> None:
    world = World(
        [(["a", "d"], [["1", "x"], ["1", "y"]]), (["b", "d"], [["1", "x"], ["2", "y"]])],
        ["a", "b"],
        [Pattern("in", ["a", "b"], "-")],
    )
    table = plan_of(world).by_rule["it"]
    assert [table.column_value("d", row) for row in range(2)] == ["x", "y"]


def test_a_constraint_of_a_rule_without_outputs_limits_only_the_patterns_with_its_name() -> None:
    world = World(
        [(["d", "a"], [["2", "1"]])],
        [],
        [Pattern("in0", ["d"], "-", optional=True), Pattern("in1", ["a"], "-")],
        {"d": "1+"},
        with_output=False,
    )
    assert literal_inputs(world, {}, world.inputs[1]) == ["in1/x1"]
    table = plan_of(world).by_rule["it"]
    assert [link.paths_of(0) for link in table.links] == [[], ["in1/x1"]]
