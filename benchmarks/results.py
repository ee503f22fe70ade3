"""Results as they are kept: a JSON file that grows by what is measured, and a page that shows it.

Knows figures and tables; runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from benchmarks.table import goal_table, workload_table
from benchmarks.workload import Figures, Goal, Outcome

BEGIN, END = "<!-- figures: written by the benchmarks -->\n", "<!-- end of figures -->\n"
_FIELDS = {one.name for one in fields(Figures)}

Plain = dict[str, Any]


def plain(outcome: Outcome) -> Plain:
    """One workload as JSON holds it."""
    return {
        "name": outcome.name,
        "title": outcome.title,
        "count": outcome.count,
        "note": outcome.note,
        "axis": outcome.axis,
        "commands": {
            key: {**asdict(figures), "median": figures.median}
            for key, figures in outcome.results.items()
        },
        "goals": [
            {
                "text": goal.text,
                "limit": goal.limit,
                "at_least": goal.at_least,
                "found": value,
                "reached": None if value is None else goal.reached(value),
            }
            for goal, value in outcome.goals
        ],
    }


def outcome_of(made: Plain) -> Outcome:
    """The same back from JSON; its goals know what was found, and measure nothing."""
    results = {
        key: Figures(**{name: value for name, value in figures.items() if name in _FIELDS})
        for key, figures in made["commands"].items()
    }
    goals = [
        (Goal(one["text"], one["limit"], lambda *_: None, one["at_least"]), one["found"])
        for one in made["goals"]
    ]
    head = (made[name] for name in ("name", "title", "count", "note", "axis"))
    return Outcome(*head, results, goals)


def merged(path: Path, outcomes: Iterable[Outcome], order: Iterable[str]) -> list[Outcome]:
    """What a JSON file holds, with these outcomes in place of older ones of the same names."""
    known: dict[str, Outcome] = {}
    if path.exists():
        for one in json.loads(path.read_text())["workloads"]:
            known[one["name"]] = outcome_of(one)
    known.update({outcome.name: outcome for outcome in outcomes})
    return [known[name] for name in order if name in known]


def with_figures(page: str, outcomes: list[Outcome]) -> str:
    """A page of Markdown whose part between the two marks is made anew: goals, then all tables.

    Raises:
        ValueError: if a mark is missing.
    """
    start = page.index(BEGIN) + len(BEGIN)
    tables = "\n".join(workload_table(outcome) for outcome in outcomes)
    return f"{page[:start]}\n{goal_table(outcomes)}\n{tables}\n{page[page.index(END) :]}"
