"""What is still as it was when the last run ended: files by their signatures, jobs by their proofs.

Read from what `conclusion` wrote and `fast` checks; valid only as long as the journal is as it was
then. Knows nothing of plans.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fileflow import fast

JOURNAL = f"{fast.STATE}/journal"


class Since:
    """The conclusion of the last run, and what has changed since.

    Attributes:
        proofs: what proved that jobs are fresh; holds for those whose files did not change.
        changed: the files that are not as they were, or of which that is not sure.
    """

    def __init__(self, sections: Sequence[memoryview], differing: Sequence[int]) -> None:
        self._sections = sections
        self.heads = [bytes(section) for section in sections[: fast.PROOFS]]
        self.known_proofs = bytes(sections[fast.PROOFS])
        self.has_folders = bool(len(sections[fast.FOLDERS]))
        found = self.known_proofs
        self.proofs = {found[at : at + 16] for at in range(0, len(found), 16)}
        self._blocks = [fast.block(section) for section in fast.blocks_of(sections)]
        self.changed = {self._blocks[n >> 32][0][n & 0xFFFFFFFF] for n in differing}
        self._signs: dict[str, bytes | None] | None = None

    @property
    def signs(self) -> dict[str, bytes | None]:
        """The signature of each file that is as it was; None where there was and is nothing."""
        if self._signs is None:
            self._signs = {}
            for paths, signs in self._blocks:
                data = bytes(signs)
                found: list[bytes | None] = [data[at : at + 32] for at in range(0, len(data), 32)]
                if fast.NOTHING in data:
                    found = [None if sign == fast.NOTHING else sign for sign in found]
                self._signs.update(zip(paths, found, strict=True))
            for path in self.changed:
                self._signs.pop(path, None)
        return self._signs

    def holds(self, paths: Iterable[str]) -> bool:
        """Whether all these files are among those that were looked at."""
        left = set(paths)
        for known, _ in self._blocks:
            left.difference_update(known)
        return not left

    def with_signatures(self, new: Mapping[str, bytes | None]) -> list[bytes | memoryview] | None:
        """The sections with new signatures of some files; None if one is not among them."""
        blocks: list[bytes | memoryview] = []
        count = 0
        for section, (paths, _) in zip(fast.blocks_of(self._sections), self._blocks, strict=True):
            hits = [place for place, path in enumerate(paths) if path in new]
            count += len(hits)
            if not hits:
                blocks.append(section)
                continue
            data = bytearray(section)
            for place in hits:
                at = fast.LENGTH.size + 32 * place
                data[at : at + 32] = new[paths[place]] or fast.NOTHING
            blocks.append(bytes(data))
        if count != len(new):
            return None
        return [*self._sections[: fast.FOLDERS], *blocks]

    def lose(self, path: str) -> None:
        """A file may have changed just now."""
        self.changed.add(path)
        if self._signs is not None:
            self._signs.pop(path, None)

    def forget(self) -> None:
        """Jobs are built: what was proven of them holds no more."""
        self.proofs = set()


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
