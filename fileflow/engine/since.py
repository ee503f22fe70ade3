"""What is still as it was when the last run ended: files by their signatures, jobs by their proofs.

Read from what `conclusion` wrote and `fast` checks; valid only as long as the journal is as it was
then. Knows nothing of plans.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from fileflow import fast
from fileflow.planning.proofs import SIZE
from fileflow.signature import NOTHING, SIGNATURE
from fileflow.world.files import cut

JOURNAL = f"{fast.STATE}/journal"


# So many paths are looked for in the text of all; for more it is worth cutting it into paths.
FEW = 32


class _Block:
    """Some of the files that were looked at, as the conclusion has them."""

    __slots__ = ("_paths", "count", "section", "text")

    def __init__(self, section: memoryview) -> None:
        self.section = section
        self.count: int = fast.NUMBER.unpack_from(section, 0)[0] if len(section) else 0
        # Each path stands between two NULs.
        self.text = b"\0" + bytes(section[fast.NUMBER.size + 32 * self.count :])
        self._paths: list[str] | None = None

    @property
    def paths(self) -> list[str]:
        """The paths one by one."""
        if self._paths is None:
            self._paths = fast.block(self.section)[0]
        return self._paths

    def find(self, path: str) -> tuple[int, int] | None:
        """The place of a file, and where its path stands in the text; None if it is not here."""
        at = self.text.find(b"\0" + _text((path,)))
        if at < 0 or "\0" in path:
            return None
        return self.text.count(b"\0", 0, at), at + 1

    def signs(self, start: int, end: int) -> bytes:
        """The signatures of the files at these places, 32 bytes each."""
        size = fast.NUMBER.size
        return bytes(self.section[size + 32 * start : size + 32 * end])


class Since:
    """The conclusion of the last run, and what has changed since.

    Attributes:
        wholes: what proved that all jobs of a rule are fresh, rule by rule.
        proofs: these, and what proved it of some; holds for jobs whose files did not change.
        changed: the files that are not as they were, or of which that is not sure.
    """

    def __init__(self, sections: Sequence[memoryview], differing: Sequence[int]) -> None:
        self._sections = sections
        self.heads = [bytes(section) for section in sections[: fast.WHOLES]]
        self.wholes = bytes(sections[fast.WHOLES])
        self.has_folders = bool(len(sections[fast.FOLDERS]))
        self.proofs = {*cut(self.wholes, SIZE), *cut(bytes(sections[fast.PROOFS]), SIZE)}
        self._blocks = [_Block(section) for section in fast.blocks_of(sections)]
        self.changed = {self._blocks[n >> 32].paths[n & 0xFFFFFFFF] for n in differing}
        self._signs: dict[str, bytes | None] | None = None
        self._asked = 0

    @property
    def signs(self) -> dict[str, bytes | None]:
        """The signature of each file that is as it was; None where there was and is nothing."""
        if self._signs is None:
            self._signs = {}
            for block in self._blocks:
                signs = signatures_in(block.signs(0, block.count))
                self._signs.update(zip(block.paths, signs, strict=True))
            for path in self.changed:
                self._signs.pop(path, None)
        return self._signs

    def get(self, path: str) -> bytes | None:
        """The signature that a file still has, zeros where there still is nothing.

        None if it has changed, or was not looked at.
        """
        if path in self.changed:
            return None
        self._asked += 1
        if self._signs is None and self._asked <= FEW:
            found = self._find(path)
            return None if found is None else self._blocks[found[0]].signs(found[1], found[1] + 1)
        return (self.signs[path] or NOTHING) if path in self.signs else None

    def column(self, paths: Sequence[str]) -> bytes | None:
        """The signatures that these files had, 32 bytes each, zeros where nothing was.

        None if they do not stand here one after the other. Those that have changed since are
        among them.
        """
        text = _text(paths)
        found = self._find(paths[0]) if paths else None
        if found is None or text.count(b"\0") != len(paths):
            return None
        number, place, at = found
        columns: list[bytes] = []
        done = 0
        for block in self._blocks[number:]:
            size = min(len(block.text) - at, len(text) - done)
            if block.text[at : at + size] != text[done : done + size]:
                return None
            columns.append(block.signs(place, place + text.count(b"\0", done, done + size)))
            done += size
            if done == len(text):
                return b"".join(columns)
            place, at = 0, 1
        return None

    def named_by(self, signs: Mapping[bytes, str]) -> Iterator[tuple[str, bytes]]:
        """The files that had one of these signatures, each with it, but for those that are given
        with them."""
        if self._signs is not None or len(signs) > FEW:
            yield from ((path, sign) for path, sign in self.signs.items() if sign and sign in signs)
            return
        own = {found[:2] for path in signs.values() if (found := self._find(path)) is not None}
        for number, block in enumerate(self._blocks):
            column = block.signs(0, block.count)
            for sign in signs:
                at = column.find(sign)
                while at >= 0:
                    place, rest = divmod(at, SIGNATURE.size)
                    if not rest and (number, place) not in own:
                        yield block.paths[place], sign
                    at = column.find(sign, at + 1)

    def _find(self, path: str) -> tuple[int, int, int] | None:
        """Where a file stands: which block, which place in it, and where in its text."""
        for number, block in enumerate(self._blocks):
            found = block.find(path)
            if found is not None:
                return (number, *found)
        return None

    def _places(self, paths: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Which block, and which place in it, for each of these files that was looked at."""
        found: dict[str, tuple[int, int]] = {}
        left = set(paths)
        for number, block in enumerate(self._blocks):
            if len(left) <= FEW:
                here = {path: at[0] for path in left if (at := block.find(path)) is not None}
            else:
                here = {path: place for place, path in enumerate(block.paths) if path in left}
            left.difference_update(here)
            found.update((path, (number, place)) for path, place in here.items())
        return found

    def holds(self, paths: AbstractSet[str]) -> bool:
        """Whether all these files are among those that were looked at."""
        return len(self._places(paths)) == len(paths)

    def with_signatures(
        self, new: Mapping[str, bytes | None]
    ) -> Sequence[bytearray | memoryview] | None:
        """The sections with new signatures of some files; None if one is not among them."""
        places = self._places(new.keys())
        if len(places) != len(new):
            return None
        blocks: list[bytearray | memoryview] = [block.section for block in self._blocks]
        for number in {number for number, _ in places.values()}:
            blocks[number] = bytearray(blocks[number])
        for path, (number, place) in places.items():
            at = fast.NUMBER.size + 32 * place
            blocks[number][at : at + 32] = new[path] or NOTHING
        return [*self._sections[: fast.FOLDERS], *blocks]

    def lose(self, path: str) -> None:
        """A file may have changed just now."""
        self.changed.add(path)
        if self._signs is not None:
            self._signs.pop(path, None)

    def forget(self) -> None:
        """Jobs are built: what was proven of them holds no more."""
        self.proofs = set()


def signatures_in(column: bytes) -> list[bytes | None]:
    """Signatures one by one; None where nothing was."""
    found: list[Any] = cut(column, SIGNATURE.size)
    if NOTHING in column:
        found = [None if sign == NOTHING else sign for sign in found]
    return found


def _text(paths: Sequence[str]) -> bytes:
    """Paths as they stand in a conclusion."""
    return "\0".join((*paths, "")).encode("utf-8", "surrogateescape")


def since_last_run(journal: bytes | None) -> Since | None:
    """What is known since the last run, or None.

    Args:
        journal: the signature of the journal before it was read; another than the last run left
            means that somebody recorded something since.
    """
    if journal is None:
        return None
    sections = fast.read()
    if sections is None:
        return None
    handed = fast.looked.take(sections)
    made = Since(sections, handed if handed is not None else fast.differing(sections))
    own = fast.block(fast.blocks_of(sections)[1]) if len(fast.blocks_of(sections)) > 1 else None
    if own is None or own[0][:1] != [JOURNAL] or bytes(own[1][:32]) != journal:
        return None
    return made
