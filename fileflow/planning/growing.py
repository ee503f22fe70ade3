"""Which rules of a plan stay as they are when more is known: the others alone are planned anew.

Pure: compares what is known now with what a plan was made with. In doubt a rule does not stay. What
is wanted of a rule that stays, and what is fresh, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from fileflow.model.rules import Entry, Workflow
from fileflow.planning.finding import Finder
from fileflow.planning.known import Known, with_known
from fileflow.planning.links import LATER, SHIFT, Link
from fileflow.planning.named import learns
from fileflow.planning.plan import Plan
from fileflow.planning.tables import RuleTable


def staying(before: Plan, workflow: Workflow, known: Known) -> dict[str, RuleTable]:
    """The rules whose jobs, inputs and makers of inputs cannot differ from those of a plan.

    A rule does not stay if values that it uses came to be known, if it waited for some, if what it
    takes rests on answers or on files that jobs were found to read, or if one that does not stay
    makes, or may make, what it takes. `workflow` is the one that the plan was made of, without what
    is found while running.
    """
    if not before.is_plain:
        return {}
    old = before.joins.workflow.relations
    new = with_known(workflow, known).relations
    changed = {id(one) for one, now in zip(old, new, strict=True) if one is not now}
    told = {one.scattered_by for one in old if id(one) in changed and one.scattered_by is not None}
    waiting = {job >> SHIFT for job in before.deferred}
    touched = {
        name
        for name in before.workflow.rules
        if (table := before.by_rule.get(name)) is None
        or table.number in waiting
        or _may_differ(table)
        or any(
            id(table.joins.whole(one)) in changed for one in (*table.relations, *table.declaring)
        )
    }
    more = True
    while more:
        new_ones = {
            name
            for name, table in before.by_rule.items()
            if name not in touched and _takes_from(table, touched, told, before)
        }
        touched |= new_ones
        more = bool(new_ones)
    # One of which nobody has asked what it takes brings nothing along, and what it takes would be
    # listed by the plan before, whose numbers of lists go on in the new one.
    return {
        name: table
        for name, table in before.by_rule.items()
        if name not in touched and (table.links or not table.shape.inputs)
    }


def _may_differ(table: RuleTable) -> bool:
    """Whether more than values decides what the jobs of a rule are and take."""
    return (
        table.grows
        or bool(table.sites)
        or learns(table)
        or any(link.named or link.errors or is_late(link) for link in table.links)
    )


def is_late(link: Link) -> bool:
    """Whether it is not known yet who makes a path that jobs take through a link."""
    return any(not isinstance(one, range) and LATER in one for one in link.all_makers())


def _takes_from(table: RuleTable, touched: set[str], told: set[str], before: Plan) -> bool:
    """Whether a rule takes what these rules make, or what they may make now."""
    numbers = {t.number for name, t in before.by_rule.items() if name in touched}
    for link in table.links:
        if not numbers.isdisjoint(link.tables):
            return True
        if link.entry.rule is not None and link.entry.rule in touched | told:
            return True
    return any(_may_come(entry, touched, told, before.finder) for entry in table.shape.inputs)


def _may_come(entry: Entry, touched: set[str], told: set[str], finder: Finder) -> bool:
    pattern = entry.pattern
    if pattern is None or entry.absent:
        return False
    head, tail = pattern.parts[0], pattern.parts[-1] if pattern.names else pattern.parts[0]
    if any(output.rule.name in touched for output in finder.candidates(head, tail)):
        return True
    return any(
        scatter.may_make(head, tail)
        for scatter in finder.scatters
        if scatter.rule.name in touched or scatter.rule.name in told
    )


def same_wanted(before: Plan, tables: Mapping[int, RuleTable]) -> set[int]:
    """The numbers of the tables that stayed, of which the very jobs are wanted that were."""
    return {
        number
        for number, table in tables.items()
        if (old := before.tables.get(number)) is not None
        and old.columns is table.columns
        and old.wanted == table.wanted
    }
