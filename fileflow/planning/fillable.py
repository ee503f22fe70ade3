"""Whether the texts of a rule's jobs can be filled in, as far as that shows before one runs.

Pure. Says which jobs are worth a try, and tries what looks a key up; the texts themselves are
filled in where orders are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import inf

from fileflow.errors import FileflowError
from fileflow.language import scalars
from fileflow.language.bash import Quoting
from fileflow.language.templates import Lookup, Placeholder, Template, parse_plain, resolved
from fileflow.language.yaml_nodes import Node, Scalar, node_of
from fileflow.model.rules import Call, Kind, Rule, Script
from fileflow.planning.filling import JobValues, typed_value
from fileflow.planning.recipes import Hole, holes_in, is_static
from fileflow.planning.tables import RuleTable

_FUSSY = (Quoting.NESTED, Quoting.ARITHMETIC)
_QUOTING = frozenset({"raw", "q", "each"})
_SHARED = frozenset({"rule", "cores", "resources", "log", "attempt", "seed"})


def of_job(error: FileflowError, table: RuleTable, row: int) -> FileflowError:
    """A mistake, with the job in which it was found."""
    what = f"{error.what} (job {table.label(row)})"
    return FileflowError(what, place=error.place, hint=error.hint)


def check_lookups(table: RuleTable, holes: Sequence[Hole], rows: Sequence[int]) -> None:
    """A key that the value of a wildcard picks must be there for each of these jobs.

    Raises:
        FileflowError: if one is not.
    """
    for template, hole in holes:
        words = [step.word for step in hole.steps if isinstance(step, Lookup)]
        for row in _telling(table, words, rows) if words else ():
            try:
                resolved(template, hole, JobValues(table, row).resolve)
            except FileflowError as error:
                raise of_job(error, table, row) from None
    for entry in table.rule.logs:
        for _, names in entry.pattern.lookups if entry.pattern is not None else ():
            for row in _telling(table, names, rows):
                try:
                    table.log_path(entry, row)
                except FileflowError as error:
                    raise of_job(error, table, row) from None


def picked_amounts(rule: Rule) -> Iterator[tuple[Kind, str | None, Scalar]]:
    """The numbers of cores and of pools that a wildcard or a column picks in config."""
    if rule.cores.picked is not None:
        yield Kind.CORES, None, rule.cores.picked
    for name, amount in rule.resources.items():
        if amount.picked is not None:
            yield Kind.RESOURCES, name, amount.picked


def picked_numbers(table: RuleTable, row: int) -> dict[tuple[Kind, str | None], float]:
    """These numbers for one job.

    Raises:
        FileflowError: config lacks one, or it is no number.
    """
    found: dict[tuple[Kind, str | None], float] = {}
    for kind, name, node in picked_amounts(table.rule):
        value = typed_value(node, JobValues(table, row).typed)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < inf:
            raise FileflowError(
                f"{name or kind.value} is a number from 0 on, and {node.text} is {value!r}",
                place=node.place,
            )
        found[kind, name] = value
    return found


def picked_timeout(table: RuleTable, row: int) -> float | None:
    """The seconds that a job may take, as a wildcard or a column picks them in config.

    Raises:
        FileflowError: config lacks them, or they are no time.
    """
    node = table.rule.picked_limits.get("timeout")
    return None if node is None else scalars.duration(_picked(node, table, row), "timeout")


def picked_retries(table: RuleTable, row: int) -> int | None:
    """How often a job is tried again, as a wildcard or a column picks it in config.

    Raises:
        FileflowError: config lacks it, or it is no whole number.
    """
    node = table.rule.picked_limits.get("retries")
    if node is None:
        return None
    return scalars.whole_number(_picked(node, table, row), "retries", least=0)


def _picked(node: Scalar, table: RuleTable, row: int) -> Node:
    value = typed_value(node, JobValues(table, row).typed)
    if isinstance(value, str):
        return Scalar(value, "", *node.place)
    return node_of(value, *node.place)


def check_picked(table: RuleTable, rows: Sequence[int]) -> None:
    """What is picked in config must be fit for each of these jobs.

    Raises:
        FileflowError: if it is not.
    """
    nodes = [*(node for *_, node in picked_amounts(table.rule)), *table.rule.picked_limits.values()]
    for node in nodes:
        holes = parse_plain(node.text, node.place_at).placeholders
        words = [step.word for hole in holes for step in hole.steps if isinstance(step, Lookup)]
        for row in _telling(table, words, rows):
            try:
                picked_numbers(table, row)
                picked_timeout(table, row)
                picked_retries(table, row)
            except FileflowError as error:
                raise of_job(error, table, row) from None


def _telling(table: RuleTable, names: Sequence[str], rows: Sequence[int]) -> list[int]:
    """The first row of each set of values of these names; all rows where one is a column."""
    if any(name not in table.columns and table.has_column(name) for name in names):
        return list(rows)
    backwards = rows[::-1]
    columns = [table.columns[name] for name in names if name in table.columns]
    if not columns:
        return list(rows[:1])
    values = zip(*(map(column.__getitem__, backwards) for column in columns), strict=True)
    return sorted(dict(zip(values, backwards, strict=True)).values())


def tries(table: RuleTable, holes: Sequence[Hole], rows: Iterable[int]) -> Iterable[int]:
    """The rows whose texts are worth filling in for a try: none, any one, or each.

    What looks a key up is not minded: `check_lookups` has seen it.
    """
    risks = [hole for template, hole in holes if any(_risks(table, template, hole))]
    if not risks:
        return ()
    same = _params_are_same(table)
    for hole in risks:
        if not (is_static(hole) or hole.root in _SHARED or (hole.root == "params" and same)):
            return rows
    return islice(rows, 1)


def _risks(table: RuleTable, template: Template, hole: Placeholder) -> Iterator[bool]:
    """Ways in which a placeholder may be impossible to fill in, that the text does not tell."""
    rule = table.rule
    counted = all(
        link.single and not link.entry.optional and link.given is None for link in table.links
    )
    yield hole.quoting in _FUSSY or bool(hole.heredocs)
    yield any(not _ends_in(table, hole, one) for one in hole.modifiers if one[:3] == "cut")
    yield isinstance(rule.action, Script) and template is rule.action.path
    if hole.root == "input" and not counted:
        yield bool(hole.steps) or hole.alone
    elif hole.root in ("params", "config"):
        yield not _QUOTING.issuperset(hole.modifiers)  # a mapping has no others
        yield hole.root == "params" and (len(hole.steps) > 1 or rule.params_call is not None)
    if hole.quoting is Quoting.PLAIN and len(template.placeholders) > 1:  # lists of one length
        yield hole.root in table.gathered_names or "each" in hole.modifiers
        yield hole.root in ("params", "config") or (hole.root == "input" and not counted)


def _params_are_same(table: RuleTable) -> bool:
    """Whether all jobs of a rule have the same params."""
    rule = table.rule
    return rule.params_call is None and not any(
        isinstance(value, Call) or holes_in(value) for value in rule.params.values()
    )


def _ends_in(table: RuleTable, hole: Placeholder, cut: str) -> bool:
    """Whether every path behind a placeholder has the ending that is cut off, by its pattern."""
    shape = table.shape
    entries = {"input": shape.inputs, "output": shape.outputs}.get(hole.root, ())
    name = hole.steps[0] if hole.steps else None
    patterns = [e.pattern for e in entries if not isinstance(name, str) or e.name == name]
    return bool(patterns) and all(
        one is not None and one.parts[-1].rstrip("/").endswith(cut.removeprefix("cut"))
        for one in patterns
    )
