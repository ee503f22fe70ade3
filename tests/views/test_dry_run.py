"""What a dry run shows."""

import json

from fileflow.engine.events import JobFacts
from fileflow.views.dry_run import PlannedJob, dry_run_json, dry_run_lines
from fileflow.views.style import Paint


def job(rule: str, month: str) -> JobFacts:
    return JobFacts(rule, {"month": month}, [f"build/{rule}/{month}"], f"{rule} month={month}")


PLANNED = [
    PlannedJob(job("tidy", "01"), "data/01.csv changed", "data changed", True),
    PlannedJob(job("tidy", "02"), "its code changed", "action changed", True),
    PlannedJob(job("tidy", "03"), "data/03.csv changed", "data changed", True),
    PlannedJob(job("fit", "01"), "fit.py changed", "action changed", True),
    PlannedJob(job("fit", "02"), "if tidy month=02 changes", "if tidy changes", False),
    PlannedJob(job("sum", "all"), "if fit month=01 changes", "if fit changes", False),
]
WANTED = {"tidy": 12, "fit": 12, "sum": 1}


def test_jobs_are_counted_by_rule_and_reason():
    assert list(dry_run_lines(PLANNED, WANTED)) == [
        "tidy: 3 of 12 would be built: data changed (2), action changed (1)",
        "fit: 1 of 12 would be built: action changed (1); 1 more may be: if tidy changes (1)",
        "sum: 1 of 1 may be built: if fit changes (1)",
    ]


def test_the_shape_of_a_rule_stands_below_it():
    lines = list(dry_run_lines(PLANNED[:1], WANTED, shapes={"tidy": "maps month (12)"}))
    assert lines == [
        "tidy: 1 of 12 would be built: data changed (1)",
        "  maps month (12)",
    ]


def test_each_job_and_its_reason_is_shown_on_wish():
    lines = list(dry_run_lines(PLANNED, WANTED, verbose=True))
    assert "    tidy month=01: data/01.csv changed" in lines
    assert "    fit month=02: if tidy month=02 changes" in lines
    assert lines.index("    tidy month=03: data/03.csv changed") < lines.index(
        "    fit month=01: fit.py changed"
    )


def test_nothing_planned_shows_nothing():
    assert list(dry_run_lines([], WANTED)) == []
    assert list(dry_run_json([])) == []


def test_colours_come_only_if_they_are_wanted():
    assert not any("\x1b" in line for line in dry_run_lines(PLANNED, WANTED))
    assert all("\x1b" in line for line in dry_run_lines(PLANNED, WANTED, paint=Paint(True)))


def test_json_has_a_line_for_each_job():
    events = [json.loads(line) for line in dry_run_json(PLANNED)]
    assert events[0] == {
        "event": "job_planned",
        "rule": "tidy",
        "wildcards": {"month": "01"},
        "outputs": ["build/tidy/01"],
        "reason": "data/01.csv changed",
        "certain": True,
    }
    assert [event["certain"] for event in events] == [True, True, True, True, False, False]
