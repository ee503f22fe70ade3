"""Results as Markdown: a table for each workload, and one of all goals."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.workload import Figures, Goal, Outcome, divided

COLUMNS = (
    "command",
    "median s",
    "min",
    "max",
    "runs",
    "CPU s",
    "peak MB",
    "fileflow / it",
    "agrees",
)
GOAL_COLUMNS = ("", "goal", "found", "reached")


def workload_table(outcome: Outcome) -> str:
    note = f" ({outcome.note})" if outcome.note else ""
    lines = [f"### {outcome.name}: {outcome.title}{note}", ""]
    lines += aligned([COLUMNS, *(figures_row(key, outcome) for key in outcome.results)])
    lines.append("")
    for goal, value in outcome.goals:
        lines.append(f"- {goal.text}: {found(value)}, {verdict(goal, value)}")
    errors = [(key, figures.error) for key, figures in outcome.results.items() if figures.error]
    lines += [f"- {key} failed: {error}" for key, error in errors]
    return "\n".join(lines).rstrip() + "\n"


def goal_table(outcomes: Iterable[Outcome]) -> str:
    rows: list[tuple[str, ...]] = [GOAL_COLUMNS]
    for outcome in outcomes:
        scaled = "*" if outcome.note else ""
        for goal, value in outcome.goals:
            rows.append((outcome.name + scaled, goal.text, found(value), verdict(goal, value)))
    return "\n".join(aligned(rows)) + "\n"


def figures_row(key: str, outcome: Outcome) -> tuple[str, ...]:
    figures = outcome.results[key]
    if not figures.seconds:
        return (key, "failed", "", "", "", "", "", "", "")
    about = "" if figures.share == 1 else "~"
    own = fileflow_beside(figures, outcome)
    times = divided(own.median, figures.median) if own and own is not figures else None
    return (
        key,
        about + shown(figures.median),
        shown(figures.scaled(min(figures.seconds))),
        shown(figures.scaled(max(figures.seconds))),
        str(len(figures.seconds)),
        shown(figures.median_cpu),
        f"{figures.peak_mb:.0f}",
        "" if times is None else f"{times:.3g}",
        figures.agrees,
    )


def fileflow_beside(figures: Figures, outcome: Outcome) -> Figures | None:
    """The figures of fileflow that these are compared with: the same variant's, if there is one."""
    own = [other for other in outcome.results.values() if other.tool == "fileflow"]
    if figures.tool == "fileflow":
        return None
    return next((other for other in own if other.label == figures.label), own[0] if own else None)


def shown(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.0f}" if seconds >= 100 else f"{seconds:.3g}"


def found(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def verdict(goal: Goal, value: float | None) -> str:
    if value is None:
        return "not measured"
    return "reached" if goal.reached(value) else "MISSED"


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows of a Markdown table; all but the first column of figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines
