"""What deciding asks of records and of the disk, as small protocols.

Whoever answers knows no plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol


class Head(Protocol):
    """What many records share."""

    @property
    def output_names(self) -> tuple[str, ...]: ...
    @property
    def input_names(self) -> tuple[str, ...]: ...
    @property
    def facts(self) -> dict[str, object]: ...


class Record(Protocol):
    """What a finished job was made from."""

    @property
    def head(self) -> Head: ...
    @property
    def recipe(self) -> bytes: ...
    @property
    def inputs(self) -> tuple[str, ...]: ...
    @property
    def digests(self) -> bytes: ...
    @property
    def outputs(self) -> tuple[str, ...]: ...
    @property
    def made(self) -> bytes: ...
    @property
    def started(self) -> float: ...


class Facts(Protocol):
    """What staleness asks of records and of the disk."""

    def record(self, first_output: str) -> Record | None:
        """The record of the job whose first output this is."""

    def stored_list(self, token: str) -> Sequence[str]:
        """The paths of a stored list, by its token."""

    def stored_contents(self, ident: bytes) -> bytes:
        """The digests of a stored list's files."""

    def contents_id(self, digests: bytes) -> bytes:
        """The id under which these digests would be stored."""

    def content(self, path: str) -> bytes | None:
        """The digest of what is at a path now, or what its absent maker is known to make."""

    def assume(self, path: str, digest: bytes) -> None:
        """From now on `content` of this path is this digest: its maker will bring it back."""

    def signatures(self, paths: Sequence[str]) -> list[bytes | None]:
        """The signatures of these paths now."""

    def held(self, path: str) -> bytes | None:
        """The digest of what is at a path now, whatever is assumed of it."""

    def written(self, log: str) -> bytes | None:
        """The digest of what the last job that ended well wrote to a log that others take."""

    def ensured(self, path: str, non_empty: bool, sha256: str | None) -> bool:
        """Whether an output meets its `ensure`."""

    def now(self) -> float:
        """The time, in seconds since the epoch; for `expires` alone."""


class Shortcuts(Protocol):
    """What can be told of many jobs or files at once; each says yes only if it is certain."""

    def unrecorded(self, first_outputs: Sequence[str]) -> Sequence[int]:
        """The positions of those first outputs of which there is no record."""

    def nothing_at(self, paths: Sequence[str]) -> bool:
        """Whether there is certainly nothing at any of these paths."""

    def proven(self, proofs: Sequence[bytes]) -> Sequence[bool]:
        """Which of these proved, when a run ended, that jobs are fresh; none if nothing is known.

        They still do, as far as no file of these jobs has changed since.
        """

    def changed(self) -> AbstractSet[str]:
        """The files that are not as they were then, or may not be."""

    def contents(self, paths: Sequence[str]) -> Sequence[bytes | None]:
        """The digests of what is at many paths, as `content` tells them."""
