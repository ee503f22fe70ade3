"""What stands for an input in a job's record: a path, a mark with a list's id, or nothing.

Knows neither how records are kept nor what a plan is: both write and read tokens through this.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from fileflow.model.digests import DIGEST_SIZE

_LIST_MARK = "\x01"


def list_id(paths: Sequence[str]) -> bytes:
    """16 bytes: the id under which a list of paths is stored."""
    text = "\0".join(paths).encode("utf-8", "surrogateescape")
    return blake2b(text, digest_size=DIGEST_SIZE).digest()


def list_token(ident: bytes) -> str:
    """The token that stands for a stored list among a record's inputs."""
    return _LIST_MARK + ident.hex()


def listed(token: str) -> bytes | None:
    """The id of the list that a token stands for, or None if it is a path."""
    return bytes.fromhex(token[1:]) if token[:1] == _LIST_MARK else None
