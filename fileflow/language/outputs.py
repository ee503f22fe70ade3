"""Tells which paths rules would make: an index over all output patterns.

Knows patterns and constraints; no rule's action and no disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from fileflow.language.listing import Constraints
from fileflow.model.paths import common_folder
from fileflow.model.patterns import Matcher, Pattern


class OutputIndex:
    """All output patterns by the folder that they certainly lie in.

    A pattern's expression is compiled when a path first comes near it.
    """

    def __init__(self, outputs: Iterable[tuple[Pattern, Constraints]]) -> None:
        """`outputs` gives each pattern with the constraints that hold for it."""
        self._exact: set[str] = set()
        self._exact_in: set[str] | None = None
        self._folders: set[str] = set()
        self._patterns: dict[str, list[tuple[Pattern, Constraints]]] = {}
        self._near: dict[str, list[tuple[Pattern, Constraints]] | None] = {}
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
        folder = path.rpartition("/")[0]
        if not self._may_hold(folder):
            return False
        near = self._near[folder]
        return near is None or self._fits_one(near, path)

    def among(self, fill: Callable[[], Sequence[str]], folder: str | None) -> set[str]:
        """Those of some paths that rules would make; mostly none lies near any, which is told
        without the paths where all are files right in one folder."""
        if (
            folder is not None
            and not self._may_hold(folder)
            and folder not in self._folders_of_exact()
        ):
            return set()
        paths = fill()
        bare = [path[:-1] for path in paths] if paths and paths[0].endswith("/") else paths
        if self._exact.isdisjoint(bare) and not any(map(self._may_hold, _folders_of(bare))):
            return set()
        return {path for path in paths if self.fits(path)}

    def _folders_of_exact(self) -> set[str]:
        if self._exact_in is None:
            self._exact_in = {path.rpartition("/")[0] for path in self._exact}
        return self._exact_in

    def _may_hold(self, folder: str) -> bool:
        """Whether a path right in this folder may be one that a rule makes, by its pattern."""
        if folder not in self._near:
            self._near[folder] = self._patterns_near(folder)
        return self._near[folder] != []

    def _patterns_near(self, folder: str) -> list[tuple[Pattern, Constraints]] | None:
        """Those that a path right in this folder may fit; None if it is part of what a rule makes.

        Many files lie in one folder: this is asked once for all of them.
        """
        above = list(_folders_above(folder + "/")) if folder else []
        for made in above:
            parts = [one for one in self._patterns_at(_folders_above(made)) if one[0].directory]
            if made in self._folders or self._fits_one(parts, made):
                return None
        return [one for one in self._patterns_at(above) if _may_lie_in(folder, *one)]

    def _patterns_at(self, folders: Iterable[str]) -> Iterator[tuple[Pattern, Constraints]]:
        for folder in {"": None, **dict.fromkeys(folders)}:
            yield from self._patterns.get(folder, ())

    def _fits_one(self, near: Iterable[tuple[Pattern, Constraints]], path: str) -> bool:
        return any(
            path.startswith(pattern.parts[0])
            and path.endswith(pattern.parts[-1].rstrip("/"))
            and self._matcher(pattern, constraints).match(path) is not None
            for pattern, constraints in near
        )

    def _matcher(self, pattern: Pattern, constraints: Constraints) -> Matcher:
        matcher = self._matchers.get(id(pattern))
        if matcher is None:
            matcher = self._matchers[id(pattern)] = Matcher(pattern, constraints)
        return matcher


def _may_lie_in(folder: str, pattern: Pattern, constraints: Constraints) -> bool:
    """Whether a path right in this folder can fit: it has its beginning and, mostly, its depth."""
    if not folder:
        return True
    head = pattern.parts[0]
    if not (folder + "/").startswith(head) and not head.startswith(folder + "/"):
        return False
    depth = sum(part.count("/") for part in pattern.parts)
    return depth == folder.count("/") + 1 or any(map(constraints.get, pattern.names))


def _folders_above(path: str) -> Iterator[str]:
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


def _folders_of(paths: Sequence[str]) -> Iterable[str]:
    """The folders in which these paths lie; most often it is one, which a few steps in C tell."""
    if not paths:
        return ()
    folder = common_folder("\n".join(paths), len(paths))
    if folder is not None:
        return (folder[:-1],)
    return {path.rpartition("/")[0] for path in paths}
