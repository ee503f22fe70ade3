"""Writes down what a run found fresh and what that rests on, for `fast` and for the next run.

A cache: whoever doubts it deletes the file. A signature that proves nothing is written as one that
no file has.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import repeat
from zlib import crc32

from fileflow import fast
from fileflow.engine.loop import Loop
from fileflow.engine.session import inside_path
from fileflow.engine.since import JOURNAL
from fileflow.model.rules import Run, Script
from fileflow.planning.links import Link
from fileflow.planning.named import named_link
from fileflow.planning.proofs import Proofs
from fileflow.planning.schedule import JobState
from fileflow.planning.staleness import places_among
from fileflow.planning.tables import RuleTable, wanted_rows
from fileflow.signature import NOTHING
from fileflow.world import files

_UNKNOWN = b"unknown"
_WORTH_JOBS = 1000
_IS_FRESH = bytes(state in (JobState.KEPT, JobState.BUILT) for state in range(256))
Signs = dict[str, bytes | None]


def forget() -> None:
    """Removes the conclusion: something may be about to change."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fast.FILE)


def store(loop: Loop, remember: tuple[Sequence[str], str] | None, answer: str) -> None:
    """Writes the conclusion of a run.

    Args:
        loop: the run.
        remember: the words of the command line, and the folder in which it was typed, relative to
            the Workflowfile's; None if not all that was asked for is fresh.
        answer: what to say to these words as long as nothing changes.
    """
    if loop.session.world.moved:  # what one job took is not what another did
        forget()
        return
    try:
        _store(loop, remember, answer)
    except OSError:  # something cannot be looked at: the next run will say what
        forget()


def _store(loop: Loop, remember: tuple[Sequence[str], str] | None, answer: str) -> None:
    key = fast.key_of(*remember) if remember is not None and _lasts(loop) else None
    if key is None and loop.plan.count() < _WORTH_JOBS:
        forget()
        return
    environ = "\0".join(
        name for table in loop.plan.tables.values() for name in table.rule.envvars
    ).encode()
    heads = [key or b"", environ, answer.encode("utf-8", "surrogateescape")]
    patched = _patched(loop, heads)
    if patched is not None:
        _write(patched)
        return
    signs, sure = _signatures(loop)
    if not sure:
        key = None
        if loop.plan.count() < _WORTH_JOBS:
            forget()
            return
    folders = {p: signs.pop(p) for p in dict.fromkeys(_directories(loop)) if signs.get(p)}
    gone = {path for path, sign in signs.items() if sign is None}
    wholes, pieces = _proofs(loop, gone)
    sections = [key or b"", *heads[1:], wholes, pieces, _block(folders, folders.values())]
    # What shaped the plan goes first: by that it is often plain at once that something differs.
    first = [path for path in (JOURNAL, *loop.session.disk.seen) if path in signs]
    shaping = {path: signs.pop(path) for path in first}
    sections.append(_block(shaping, shaping.values()))
    paths, values = list(signs), list(signs.values())
    for start in range(0, len(paths), fast.BLOCK):
        end = start + fast.BLOCK
        sections.append(_block(paths[start:end], values[start:end]))
    _write(sections)


def _write(sections: Iterable[bytes | bytearray | memoryview]) -> None:
    body = b"".join([part for one in sections for part in (fast.NUMBER.pack(len(one)), one)])
    draft = f"{fast.FILE}.{os.getpid()}"
    try:
        with open(draft, "wb") as file:
            file.write(fast.FORMAT + b"%08x\n" % crc32(body))
            file.write(body)
        os.replace(draft, fast.FILE)
    except OSError:  # a full disk: the run has ended well, the next one is a little slower
        with contextlib.suppress(OSError):
            os.unlink(draft)
        with contextlib.suppress(OSError):
            forget()


def _patched(loop: Loop, heads: Sequence[bytes]) -> Sequence[bytearray | memoryview] | None:
    """The conclusion before this one with new signatures, where it is of the same jobs and files.

    None if that is not plain to see, or something is not sure.
    """
    since = loop.session.world.since
    if since is None or since.heads != heads or since.has_folders:
        return None
    seen = loop.session.disk.seen
    looked = loop.session.world.looked()
    new: Signs = {path: looked.get(path) for path in since.changed}
    new.update(seen)
    new[JOURNAL] = files.signature_of(os.stat(JOURNAL))
    for path in _absent(loop):
        if new.setdefault(path, files.signature(path)) is not None:
            return None
    if any(path not in looked and path not in seen for path in since.changed - {JOURNAL}):
        return None
    if any(True for _ in loop.clock.unproven([p for p in new if p != JOURNAL], new)):
        return None
    if not since.holds(looked.keys()):
        return None
    for table in loop.plan.tables.values():
        if table.rule.asks_only:
            # What it asks for without a rule that makes it stands in no proof.
            for makers in (
                link.makers_of(row) for link in table.links for row in range(table.count)
            ):
                if not isinstance(makers, range) and any(maker < 0 for maker in makers):
                    return None
    wholes: list[bytes] = []
    for proofs, fresh in _fresh_rows(loop, {path for path, sign in new.items() if sign is None}):
        if proofs is None or 0 in fresh:
            return None
        wholes.append(proofs.whole)
    if b"".join(wholes) != since.wholes:
        return None
    return since.with_signatures(new)


def _lasts(loop: Loop) -> bool:
    """Whether the answer stays true as long as files do, and nothing else is to be said."""
    if loop.session.workflow.warnings or loop.session.records.warnings or loop.said:
        return False
    for table in loop.plan.tables.values():
        rule = table.rule
        if rule.always or rule.expires is not None:
            return False
        if not rule.asks_only and not table.shape.outputs:
            return False
    return True


def _proofs(loop: Loop, gone: AbstractSet[str]) -> tuple[bytes, bytes]:
    """What proves that jobs are fresh: of rules all of whose jobs are, and of pieces of rules.

    `gone`: files that are not there.
    """
    wholes: list[bytes] = []
    pieces: list[bytes] = []
    for proofs, fresh in _fresh_rows(loop, gone):
        if proofs is None:
            continue
        if 0 not in fresh:
            wholes.append(proofs.whole)
        pieces += [one.proof for one in proofs.pieces if 0 not in fresh[one.start : one.end]]
    return b"".join(wholes), b"".join(pieces)


def _fresh_rows(loop: Loop, gone: AbstractSet[str]) -> Iterator[tuple[Proofs | None, bytearray]]:
    """For each rule its proofs, and for each of its rows 1 if the job is fresh."""
    for number, table in loop.plan.tables.items():
        if table.rule.asks_only:
            continue
        fresh = bytearray(loop.schedule.states[number]).translate(_IS_FRESH)
        for k in range(len(table.shape.outputs)):
            for row in places_among(table.output_paths(k), gone):
                fresh[row] = 0
        yield loop.staleness.proofs(table), fresh


def _signatures(loop: Loop) -> tuple[Signs, bool]:
    """Every path that the answer rests on, with its signature, and whether all prove something.

    What shaped the plan counts as it was when it was read: a file that changed since is noticed.
    """
    session, clock = loop.session, loop.clock
    sure = True
    for path in _absent(loop):
        session.disk.see(path)
        if session.disk.seen[path] is not None:  # it came while we worked
            sure = False
    # The journal is written by runs alone, which hold the lock: young or not, it is as it is.
    found: Signs = {JOURNAL: files.signature_of(os.stat(JOURNAL))}
    since = session.world.since
    before: Signs = since.signs if since is not None else {}
    looked = session.world.looked()
    known = {**before, **looked}
    unknown: list[str] = []
    for paths, told in _columns(loop):
        signs = list(map(known.get, paths, repeat(_UNKNOWN)))
        found.update(zip(paths, signs, strict=True))
        if _UNKNOWN in signs:
            lost = [path for path, sign in zip(paths, signs, strict=True) if sign == _UNKNOWN]
            if told:  # a job has read it, but nobody knows what it was then
                found.update(zip(lost, repeat(fast.UNSURE)))
                sure = False
            else:
                unknown += lost
    found.update(zip(unknown, files.signatures(unknown), strict=True))
    found.update(looked)
    found.update(session.disk.seen)
    new = [path for path in found if path not in before and path != JOURNAL]
    for path in clock.unproven(new, found):
        found[path] = fast.UNSURE
        sure = False
    return found, sure


def _columns(loop: Loop) -> Iterator[tuple[Sequence[str], bool]]:
    """The sources and outputs of all jobs, and whether what is in them counts.

    Sources first: they are what users change.
    """
    seen: set[int] = set()
    for table in loop.plan.tables.values():
        for link in table.links:
            if table.rule.asks_only and link.group_of is None:
                continue
            yield from _taken(table, link, seen)
    for table in loop.plan.tables.values():
        for k in range(len(table.shape.outputs)):
            if k not in table.scattered:
                yield _wanted(table, table.output_paths(k)), True


def _taken(table: RuleTable, link: Link, seen: set[int]) -> Iterator[tuple[Sequence[str], bool]]:
    told = not link.entry.order_only and not table.rule.asks_only and bool(table.shape.outputs)
    if link.group_of is None:
        if link.makers is not None and not isinstance(link.makers, range):
            yield _wanted(table, link.paths), told
        return
    for group in link.groups:
        if group.makers is not None and not isinstance(group.makers, range):
            if not told or group.number not in seen:
                yield group.paths, told
            if told:
                seen.add(group.number)


def _wanted(table: RuleTable, paths: Sequence[str]) -> Sequence[str]:
    rows = wanted_rows(table)
    return paths if isinstance(rows, range) else [paths[row] for row in rows]


def _absent(loop: Loop) -> Iterator[str]:
    """The places in which modules were looked for in vain."""
    session = loop.session
    for table in loop.plan.tables.values():
        action = table.rule.action
        for site in table.sites:
            yield from map(inside_path, session.answers.code_of(site.call).absent)
        if isinstance(action, Run):
            found = session.code.function(action.module, action.function)
            yield from map(inside_path, found.absent)
        elif isinstance(action, Script):
            yield from map(inside_path, session.absent_modules(table))


def _directories(loop: Loop) -> Iterator[str]:
    """Inputs and outputs that are folders: their signature is that of all below them."""
    for table in loop.plan.tables.values():
        for k, entry in enumerate(table.shape.outputs):
            if entry.pattern is None or not entry.pattern.directory:
                continue
            if k not in table.scattered:
                yield from table.output_paths(k)
                continue
            for row in range(table.count):
                yield from table.known_files(row).get(k, ())
        named = named_link(table)
        if named is not None:
            paths = dict.fromkeys(path for group in named.groups for path in group.paths)
            yield from filter(os.path.isdir, paths)
        for link in table.all_links():
            if link.given is not None:  # a path that a call gives does not say what it is
                yield from (p for group in link.groups for p in group.paths if os.path.isdir(p))
            if link.pattern is not None and link.pattern.directory:
                yield from link.paths
                for group in link.groups:
                    yield from group.paths


def _block(paths: Iterable[str], signs: Iterable[bytes | None]) -> bytes:
    values = [sign or NOTHING for sign in signs]
    if not values:
        return b""
    text = "\0".join((*paths, "")).encode("utf-8", "surrogateescape")
    return fast.NUMBER.pack(len(values)) + b"".join(values) + text
