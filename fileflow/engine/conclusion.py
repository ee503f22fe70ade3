"""Writes down what the conclusion "nothing to do" rests on, for `fileflow.fast` to check.

A cache of one answer: whoever doubts it deletes the file. It is written only where every signature
proves that nothing changed since it was taken.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

from fileflow import fast
from fileflow.engine.loop import Loop
from fileflow.model.rules import Run, Script
from fileflow.planning.named import named_link
from fileflow.world import files
from fileflow.world.files import NOTHING


def forget() -> None:
    """Removes the conclusion: something may be about to change."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fast.FILE)


def store(loop: Loop, argv: Sequence[str], below: str, answer: str) -> None:
    """Writes the conclusion of a run after which all that was asked for is fresh.

    Args:
        loop: the run.
        argv: the words of the command line.
        below: the folder in which it was typed, relative to the Workflowfile's.
        answer: what to say as long as nothing changes.
    """
    key = fast.key_of(argv, below)
    if key is None or not _lasts(loop):
        return
    signs = _signatures(loop)
    if signs is None:
        return
    folders = {path: signs[path] for path in _directories(loop) if signs.get(path)}
    plain = [item for item in signs.items() if item[0] not in folders]
    environ = "\0".join(
        name for table in loop.plan.tables.values() for name in table.rule.envvars
    ).encode()
    sections = [key, environ, answer.encode(), _block(list(folders.items()))]
    for start in range(0, len(plain), fast.BLOCK):
        sections.append(_block(plain[start : start + fast.BLOCK]))
    body = b"".join(fast.LENGTH.pack(len(section)) + section for section in sections)
    draft = f"{fast.FILE}.{os.getpid()}"
    with open(draft, "wb") as file:
        file.write(fast.FORMAT + b"%08x\n" % crc32(body) + body)
    os.replace(draft, fast.FILE)


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


def _signatures(loop: Loop) -> dict[str, bytes | None] | None:
    """Every path that the answer rests on, with its signature; None where one proves nothing.

    What shaped the plan counts as it was when it was read: a file that changed since is noticed.
    """
    session = loop.session
    clock = loop.clock
    for path in _absent(loop):
        session.disk.see(path)
        if session.disk.seen[path] is not None:  # it came while we worked
            return None
    found: dict[str, bytes | None] = {}
    for path, sign in (*session.world.looks(), *session.disk.seen.items()):
        if sign is not None and clock.proven(path, sign, clock.start) == NOTHING:
            return None
        found[path] = sign
    # The journal is written by runs alone, which hold the lock: young or not, it is as it is.
    journal = f"{fast.STATE}/journal"
    found[journal] = files.signature_of(os.stat(journal))
    return found


def _absent(loop: Loop) -> Iterator[str]:
    """The places in which modules were looked for in vain."""
    session = loop.session
    for table in loop.plan.tables.values():
        action = table.rule.action
        for site in table.sites:
            yield from _relative(session.answers.code_of(site.call).absent)
        if isinstance(action, Run):
            yield from _relative(session.code.function(action.module, action.function).absent)
        elif isinstance(action, Script):
            yield from _relative(session.absent_modules(table))


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
                found = table.found(row)
                yield from dict(found.paths).get(k, ()) if found is not None else ()
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


def _relative(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        inside = os.path.relpath(path)
        yield path if inside.startswith("..") else inside


def _block(items: Sequence[tuple[str, bytes | None]]) -> bytes:
    if not items:
        return b""
    signs = b"".join([sign or NOTHING for _, sign in items])
    text = "".join([f"{path}\0" for path, _ in items]).encode("utf-8", "surrogateescape")
    return fast.LENGTH.pack(len(items)) + signs + text
