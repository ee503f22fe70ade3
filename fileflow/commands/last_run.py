"""What the records say of the last run, and of a job's: whether it goes on, failures, kept output.

Knows nothing of plans, nor of what is fresh.
"""

from __future__ import annotations

from collections.abc import Mapping

from fileflow.fast import STATE
from fileflow.lean import dataclass, field
from fileflow.world.lock import describe_holder
from fileflow.world.records import Records


@dataclass(frozen=True, slots=True)
class LastRun:
    """The run that goes on (`holder` says whose it is), or the last one."""

    name: str
    state: str
    holder: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


def last_run(records: Records) -> LastRun | None:
    """What became of the last run: `running`, `interrupted` or `ended`; None if there was none."""
    facts = records.notes.get(("run", "last"))
    if not isinstance(facts, dict):
        return None
    name, state = str(facts.get("run")), str(facts.get("state"))
    if state != "running":
        status = facts.get("status")
        if isinstance(status, int) and status > 128:  # ended by a signal
            state = "interrupted"
        return LastRun(name, state, facts=facts)
    holder = describe_holder(STATE).removeprefix(": ")
    if holder.startswith(f"pid {facts.get('pid')} on "):
        return LastRun(name, state, holder, facts)
    return LastRun(name, "interrupted", facts=facts)


def failure_of(records: Records, key: str) -> Mapping[str, object] | None:
    """What is known of a job's failure if nothing newer is recorded.

    Args:
        records: what is known of the project.
        key: the name under which the records know the job (`RuleTable.key`).
    """
    note = records.notes.get(("failed", key))
    if not isinstance(note, dict):
        return None
    record = records.jobs.get(key)
    when = note.get("when")
    if record is not None and isinstance(when, (int, float)) and record.started > when:
        return None
    return note


def last_output(records: Records, key: str) -> tuple[str, int, int] | None:
    """(file, offset, length) of what a job's last run printed, be it recorded or failed.

    None if it has not run.
    """
    log: object = None
    failed = failure_of(records, key)
    ran = records.notes.get(("ran", key))
    record = records.jobs.get(key)
    if failed is not None:
        log = failed.get("log") or ("", 0, 0)
    elif isinstance(ran, dict):
        log = ran.get("log")
    elif record is not None and (record.head.log or not record.head.facts.get("adopted")):
        log = (record.head.log, record.log_offset, record.log_length)
    if not isinstance(log, (list, tuple)):
        return None
    file, offset, length = log
    return str(file), int(offset), int(length)
