"""What proves that jobs are as they were when they were last found fresh, for many of them at once.

A proof is a digest of all that decides on some jobs of a rule but the content of files: recipe,
outputs and inputs, as they would stand in their records. Pure: which proofs hold, and which files
have changed, is known elsewhere.

The rows of a table are cut into pieces by what their outputs are called, not by their numbers: so a
job that comes or goes changes one piece.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from zlib import crc32

from fileflow.lean import dataclass
from fileflow.model.rules import Call
from fileflow.planning.filling import canonical
from fileflow.planning.links import ABSENT, Link
from fileflow.planning.recipes import Recipe
from fileflow.planning.tables import RuleTable

SIZE = 16
_PIECE = 0x3FF  # a cut after about so many rows


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a table, one after the other, and what proves that they are as they were."""

    start: int
    end: int
    proof: bytes


class Proofs:
    """What proves that the rows of a table are as they were: all at once, or piece by piece.

    Attributes:
        whole: the proof of all rows.
    """

    __slots__ = ("_columns", "_head", "_pieces", "whole")

    def __init__(self, head: bytes, columns: Sequence[bytes]) -> None:
        """`head` is what all rows share, each of `columns` a text for each row, with NUL between
        them; the first one is of outputs."""
        self._head = head
        self._columns = columns
        self._pieces: list[Piece] | None = None
        made = hashlib.blake2b(head, digest_size=SIZE, person=b"whole")
        for column in columns:
            made.update(b"\0%d\0" % len(column))
            made.update(column)
        self.whole = made.digest()

    @property
    def pieces(self) -> list[Piece]:
        """The pieces, in the order of the rows."""
        if self._pieces is None:
            self._pieces = list(_pieces(self._head, [text.split(b"\0") for text in self._columns]))
        return self._pieces


def proofs_of(table: RuleTable, recipe: Recipe) -> Proofs | None:
    """What proves that a table's jobs are fresh; None where more than this decides on one."""
    rule = table.rule
    if rule.always or rule.expires is not None or table.scattered or recipe.texts or recipe.named:
        return None
    calls = [entry.call for entry in rule.inputs] + [rule.params_call]
    calls += [value for value in rule.params.values() if isinstance(value, Call)]
    if any(calls) or any(entry.deps for entry in rule.outputs):
        return None
    if not table.shape.outputs or not table.count:
        return None
    head = [
        recipe.parts,
        [entry.name for entry in table.shape.outputs],
        [repr(entry.ensure) for entry in table.shape.outputs],
        [[link.entry.name, link.entry.order_only, link.single] for link in table.links],
    ]
    columns: list[Sequence[str]] = [table.output_paths(k) for k in range(len(table.shape.outputs))]
    columns += [table.columns[name] for name in recipe.names]
    for link in table.links:
        tokens = tokens_of(link, table.count)
        if isinstance(tokens, str):
            head.append([tokens])
        else:  # the order of the entries counts, and names may be where they are not
            head.append([str(len(columns)), "column"])
            columns.append(tokens)
    start = canonical(head).encode("utf-8", "surrogateescape")
    texts = ["\0".join(column).encode("utf-8", "surrogateescape") for column in columns]
    # A value that holds a NUL would make two values of one.
    if any(text.count(b"\0") != table.count - 1 for text in texts):
        return None
    return Proofs(start, texts)


def tokens_of(link: Link, count: int) -> Sequence[str] | str:
    """What stands for an entry's input in the record of each job; one text if all have the same."""
    if link.group_of is None:
        if link.makers is None or isinstance(link.makers, range) or ABSENT not in link.makers:
            return link.paths if link.makers is not None else ""
        return [
            "" if maker == ABSENT else path
            for path, maker in zip(link.paths, link.makers, strict=True)
        ]
    if len(link.groups) == 1:
        return link.token(link.groups[0])
    tokens = [link.token(group) for group in link.groups]
    return [tokens[link.group_of[row]] for row in range(count)]


def _pieces(head: bytes, columns: Sequence[Sequence[bytes]]) -> Iterator[Piece]:
    base = hashlib.blake2b(head, digest_size=SIZE)
    start = 0
    for end in _cuts(columns[0]):
        made = base.copy()
        made.update(b"\0%d" % (end - start))
        for column in columns:
            made.update(b"\0" + b"\0".join(column[start:end]))
        yield Piece(start, end, made.digest())
        start = end


def _cuts(column: Sequence[bytes]) -> list[int]:
    """Where the pieces end: after each value whose checksum says so, and at the end."""
    cuts = [row for row, found in enumerate(map(crc32, column), 1) if not found & _PIECE]
    if not cuts or cuts[-1] != len(column):
        cuts.append(len(column))
    return cuts
