"""`fileflow log`: what the last run of a job printed, as it was kept.

Reads only; knows where output was kept, and not what it says.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence

from fileflow.commands.choosing import asked_jobs, plan_of_targets
from fileflow.commands.last_run import failure_of, last_output
from fileflow.engine.session import Session
from fileflow.errors import FileflowError
from fileflow.lean import dataclass
from fileflow.model.patterns import normal
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.plan import Target
from fileflow.world.records import Records

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the output of one job stands."""

    label: str
    file: str
    offset: int
    length: int


def log(
    session: Session,
    targets: Sequence[Target],
    write: Callable[[bytes], None],
    *,
    as_json: bool = False,
) -> int:
    """Writes the kept output of the last run of each job that the targets name.

    Several jobs each get a line with their name before their output; one gets its bytes alone. As
    JSON it is a list of objects: where each output stands, and its text.

    Raises:
        FileflowError: for an unknown target, a job that has not run, or output that is gone.
    """
    found = [one for target in targets for one in _of_target(session, target)]
    if as_json:
        write((json.dumps([_facts(one) for one in found], indent=2) + "\n").encode())
        return 0
    for one in found:
        if len(found) > 1:
            write(f"==> {one.label} <==\n".encode("utf-8", "surrogateescape"))
        _copy(one, write)
    return 0


def _facts(kept: Kept) -> dict[str, object]:
    pieces: list[bytes] = []
    _copy(kept, pieces.append)
    return {
        "job": kept.label,
        "file": kept.file,
        "offset": kept.offset,
        "length": kept.length,
        "text": b"".join(pieces).decode("utf-8", "surrogateescape"),
    }


def _of_target(session: Session, target: Target) -> list[Kept]:
    records = session.records
    path = normal(target.path)
    if target.name not in session.workflow.rules:
        known = path in records.jobs or failure_of(records, path) is not None
        key = path if known else records.owner.get(path)
        kept = _kept(records, key, path) if key is not None else None
        if kept is not None:
            return [kept]
    plan = plan_of_targets(session, (target,))
    if not asked_jobs(plan):
        raise FileflowError(f"{target} is made by no rule: there is no output to show")
    found = []
    for job in asked_jobs(plan):
        table, row = plan.tables[job >> SHIFT], job & ROW
        kept = _kept(records, table.key(row), table.label(row))
        if kept is not None:
            found.append(kept)
    if not found:
        raise FileflowError(
            f"nothing is kept of {target}: no run has made it yet",
            hint=f"fileflow why {target} says what is known of it",
        )
    return found


def _kept(records: Records, key: str, label: str) -> Kept | None:
    """Where the output of a job's last run stands, be it recorded or failed."""
    found = last_output(records, key)
    return Kept(label, *found) if found is not None else None


def _copy(kept: Kept, write: Callable[[bytes], None]) -> None:
    if not kept.length:
        return
    left = kept.length
    if left < 0 or kept.offset < 0:
        raise _gone(kept)
    try:
        # A FIFO in its place would block.
        if os.path.exists(kept.file) and not os.path.isfile(kept.file):
            raise _gone(kept)
        with open(kept.file, "rb") as file:
            file.seek(kept.offset)
            while left and (data := file.read(min(left, _BLOCK))):
                left -= len(data)
                write(data)
    except (FileNotFoundError, NotADirectoryError):
        raise _gone(kept) from None
    except OSError as error:
        raise FileflowError(
            f"the output of {kept.label} cannot be read: {error.strerror or error}"
        ) from None
    if left:
        raise _gone(kept)


def _gone(kept: Kept) -> FileflowError:
    return FileflowError(
        f"the output of {kept.label} was kept in {kept.file}, which is gone or cut short",
        hint="it is kept again when the job runs the next time",
    )
