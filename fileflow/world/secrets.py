"""Keeps values that nobody is to see out of messages and of what jobs have printed.

Knows texts and files; not where the values come from.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence

HIDDEN = "***"
_SHORTEST = 3
_BLOCK = 1 << 20


def secrets_of(names: Iterable[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """The values to hide: of these variables, and each line of one that has several.

    Each as it is, and as JSON and Python write it in a text: a notebook's copy is JSON.
    One or two characters are left alone: they stand in every text.
    """
    found: dict[str, None] = {}
    for name in names:
        value = environ.get(name, "")
        for one in (value, *(line.strip() for line in value.splitlines())):
            found.update(dict.fromkeys([one, *_written(one)]))
    return tuple(sorted((one for one in found if len(one) >= _SHORTEST), key=len, reverse=True))


def _written(value: str) -> Iterable[str]:
    """How a text may stand between quotes; JSON within JSON included."""
    python = repr(value)[1:-1]
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
        yield json.dumps(python, ensure_ascii=ascii_only)[1:-1]
    yield python


def hidden(text: str, secrets: Sequence[str]) -> str:
    """A text without these values."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


def hide_in_file(path: str, secrets: Sequence[str]) -> None:
    """Writes stars over these values in a file, which keeps its length."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        hide_in(descriptor, secrets, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def hide_in(descriptor: int, secrets: Sequence[str], length: int) -> None:
    """The same in the first so many bytes of a file that is open for reading and writing."""
    wanted = [os.fsencode(secret) for secret in secrets]
    if not wanted:
        return
    longest = len(wanted[0])
    at = 0
    while at < length:
        data = os.pread(descriptor, min(_BLOCK + longest, length - at), at)
        if not data:
            break
        shown = data
        for secret in wanted:
            shown = shown.replace(secret, b"*" * len(secret))
        if shown != data:
            os.pwrite(descriptor, shown, at)
        at += _BLOCK
