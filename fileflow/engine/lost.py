"""Chunks that scatters do not find any more: removed by the run that sees it, or by the next one.

What was made from them stays, and is named. Knows plans and records; not how a run goes.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence

from fileflow.engine.orphans import cleaning
from fileflow.engine.session import Session
from fileflow.errors import some_of
from fileflow.model.tokens import listed
from fileflow.planning.plan import Plan
from fileflow.world.removal import must_stay, remove_outputs

# The kind of a note on a file that a scatter does not find any more, until the end of a run has
# dealt with it.
LOST = "lost"
_SHOWN = 6


def lost_chunks(session: Session, plan: Plan) -> list[str]:
    """What scatters of the Workflowfile found before this run, or before one that was killed, and
    do not find any more."""
    if plan.unknowns is None:
        return []
    mine = session.workflow.file
    notes = session.records.notes.items()
    return [path for (kind, path), file in notes if kind == LOST and file == mine]


def lost_files(session: Session, plan: Plan, lost: Sequence[str]) -> dict[str, None]:
    """The files that scatters do not find any more and that are there, and what rules of the same
    Workflowfile made from them."""
    if not lost or plan.unknowns is None:
        return {}
    finder = plan.unknowns.finder
    files = dict.fromkeys(p for p in lost if os.path.lexists(p) and not finder.makes(p))
    records = session.records
    more = True
    while more:
        more = False
        for key in list(records.jobs):
            record = records.jobs[key]
            if key in files or finder.makes(key):
                continue
            if record.head.facts.get("workflowfile") != session.workflow.file:
                continue
            taken = [token for token in record.inputs if not listed(token)]
            if any(path in files for path in taken):
                files.update(dict.fromkeys(p for p in record.outputs if os.path.lexists(p)))
                more = more or key in files
    return files


def remove_lost(session: Session, files: Collection[str], lost: Sequence[str]) -> list[str]:
    """Removes those of the files that scatters do not find any more and nobody has changed.

    What was made from them stays, for somebody may want to look at it; so does what cannot be
    removed.
    """
    gone = []
    for path in lost:
        record = session.records.jobs.get(path) if path in files else None
        if record is None or must_stay(path, record.made[:48]):
            continue
        if not remove_outputs([path]):
            gone.append(path)
    # Records go last: killed in between, the files count as gone, not as unknown.
    session.records.forget(gone)
    session.records.note_all([(LOST, path, None) for path in lost])
    return gone


def lost_lines(file: str, files: Collection[str], gone: Sequence[str]) -> Iterator[str]:
    """What is said of files that scatters do not find any more, and of what was made from them.

    Args:
        file: the Workflowfile.
        files: all that is said of.
        gone: those of them that were removed.
    """
    if gone:
        yield f"not found any more, and removed: {some_of(gone, _SHOWN)}"
    removed = set(gone)
    if stay := [path for path in files if path not in removed]:
        are = "is" if len(stay) == 1 else "are"
        them = "it" if len(stay) == 1 else "them"
        yield (
            f"{some_of(stay, _SHOWN)} {are} of what is not found any more "
            f"({cleaning(file, stay)} removes {them})"
        )
