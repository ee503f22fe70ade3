"""Tells which paths rules would make: an index over all output patterns.

Knows patterns and constraints; no rule's action and no disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fileflow.model.patterns import Matcher, Pattern

Constraints = Mapping[str, Sequence[str]]


class OutputIndex:
    """All output patterns by the folder that they certainly lie in.

    A pattern's expression is compiled when a path first comes near it.
    """

    def __init__(self, outputs: Iterable[tuple[Pattern, Constraints]]) -> None:
        """`outputs` gives each pattern with the constraints that hold for it."""
        self._exact: set[str] = set()
        self._folders: set[str] = set()
        self._patterns: dict[str, list[tuple[Pattern, Constraints]]] = {}
        self._matchers: dict[int, Matcher] = {}
        for pattern, constraints in outputs:
            if not pattern.names:
                path = pattern.parts[0].rstrip("/")
                self._exact.add(path)
                if pattern.directory:
                    self._folders.add(path)
                continue
            folder = pattern.parts[0].rpartition("/")[0]
            self._patterns.setdefault(folder, []).append((pattern, constraints))

    def fits(self, path: str) -> bool:
        """Whether a rule would make this path, by itself or as part of a folder."""
        path = path.rstrip("/")
        if path in self._exact:
            return True
        if not self._patterns and not self._folders:
            return False
        if self._fits_pattern(path, part_of_it=False):
            return True
        return any(
            folder in self._folders or self._fits_pattern(folder, part_of_it=True)
            for folder in _folders_above(path)
        )

    def _fits_pattern(self, path: str, *, part_of_it: bool) -> bool:
        for folder in ("", *_folders_above(path)):
            for pattern, constraints in self._patterns.get(folder, ()):
                if (
                    (pattern.directory or not part_of_it)
                    and path.startswith(pattern.parts[0])
                    and path.endswith(pattern.parts[-1].rstrip("/"))
                    and self._matcher(pattern, constraints).match(path) is not None
                ):
                    return True
        return False

    def _matcher(self, pattern: Pattern, constraints: Constraints) -> Matcher:
        matcher = self._matchers.get(id(pattern))
        if matcher is None:
            matcher = self._matchers[id(pattern)] = Matcher(pattern, constraints)
        return matcher


def _folders_above(path: str) -> Iterator[str]:
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)
