"""Events as JSON lines, for programs: one object a line, the last is `run_finished`.

Knows no terminal and leaves nothing out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from fileflow.engine import events
from fileflow.views.style import Writer


def json_line(facts: Mapping[str, object]) -> str:
    """One line: ASCII, so that file names which are not UTF-8 survive as `\\udc80` … `\\udcff`."""
    return json.dumps(facts)


def job_facts(job: events.Job) -> dict[str, object]:
    """What every line about a job says."""
    return {"rule": job.rule, "wildcards": dict(job.wildcards), "outputs": list(job.outputs)}


class JsonLines:
    """Writes each event as it comes."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def __call__(self, event: events.Event) -> None:
        """One event, one line."""
        self._writer.line(json_line(_facts(event)))

    def tick(self) -> None:
        """Time alone changes nothing here, but what waits for a reader."""
        self._writer.flush()

    def close(self) -> None:
        """Nothing is open."""


def _facts(event: events.Event) -> dict[str, object]:
    if isinstance(event, events.JobEnded):
        return _job_ended(event)
    if isinstance(event, events.JobStarted):
        return {
            "event": "job_started",
            **job_facts(event.job),
            "reason": event.reason,
            "command": event.command,
        }
    if isinstance(event, events.Note):
        return {"event": "note", "text": event.text, "warning": event.warning}
    if isinstance(event, events.RunStarted):
        return {
            "event": "run_started",
            "run": event.run,
            "wanted": event.wanted,
            "certain": event.certain,
            "possible": event.possible,
            "slots": event.slots,
            "seconds_expected": event.seconds_expected,
        }
    if isinstance(event, events.RunGrew):
        return {
            "event": "run_grew",
            "wanted": event.wanted,
            "certain": event.certain,
            "possible": event.possible,
        }
    return _run_finished(event)


def _job_ended(event: events.JobEnded) -> dict[str, object]:
    facts: dict[str, object] = {
        "event": "job_finished",
        **job_facts(event.job),
        "status": event.status,
        "seconds": round(event.seconds, 6),
    }
    if event.status in ("failed", "retried"):
        facts |= {
            "message": event.message,
            "action": event.action,
            "traceback": event.traceback,
            "log_tail": list(event.log_tail),
            "memory": event.memory,
        }
    return facts


def _run_finished(event: events.RunFinished) -> dict[str, object]:
    facts: dict[str, object] = {
        "event": "run_finished",
        "built": event.built,
        "kept": event.kept,
        "failed": event.failed,
        "skipped": event.skipped,
        "seconds": round(event.seconds, 6),
        "busy_seconds": round(event.busy_seconds, 6),
        "slots": event.slots,
        "status": event.status,
        "error": event.error,
        "signal": event.signal,
        "left_out": dict(event.left_out),
    }
    if event.identical is not None:
        facts["identical"] = event.identical
        facts["differ"] = {rule: list(paths) for rule, paths in event.differ.items()}
    if event.would_build is not None:
        facts["would_build"] = event.would_build
        facts["certain"] = event.certain
    return facts
