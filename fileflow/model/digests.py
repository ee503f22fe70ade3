"""Columns of digests, one after another in bytes: what a digest's size is, and where two differ.

Knows neither what is digested nor how: only how such columns lie.
"""

from __future__ import annotations

from collections.abc import Iterator

DIGEST_SIZE = 16
NO_DIGEST = bytes(DIGEST_SIZE)
"""Stands for the content of what is not there."""

_BLOCK = 1024 * DIGEST_SIZE


def differences(now: bytes, then: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Where two columns of one length are not the same, mostly in few places, with both digests."""
    for start in range(0, len(now), _BLOCK):
        if now[start : start + _BLOCK] == then[start : start + _BLOCK]:
            continue
        for at in range(start, min(start + _BLOCK, len(now)), DIGEST_SIZE):
            if now[at : at + DIGEST_SIZE] != then[at : at + DIGEST_SIZE]:
                yield at // DIGEST_SIZE, now[at : at + DIGEST_SIZE], then[at : at + DIGEST_SIZE]
