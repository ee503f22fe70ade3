"""Finds the modules that imports name, as Python would, without importing one.

Knows folders and the search path; nothing of what modules hold.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES

from fileflow.lean import dataclass

# What follows in a folder is tried in this order, as Python's own finder does.
_SUFFIXES = (*EXTENSION_SUFFIXES, ".py", ".pyc")
_PACKAGES = ("site-packages", "dist-packages")
_STDLIB = os.path.dirname(os.path.abspath(os.__file__))
_OURS = __name__.partition(".")[0]


@dataclass(frozen=True, slots=True)
class SearchEntry:
    """A folder to look in; `base` is the entry of the search path that it belongs to."""

    folder: str
    base: str
    is_local: bool = True
    is_stdlib: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A module of the project; a namespace package has no path, only a package has folders."""

    name: str
    path: str
    label: str
    folders: tuple[SearchEntry, ...] = ()
    parent: Found | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """What came of looking for a module: the project's, somebody else's, or neither."""

    found: Found | None
    foreign: bool
    absent: tuple[str, ...]


class Finder:
    """Finds modules on one search path without importing; each name once."""

    def __init__(
        self,
        root: str,
        first: Sequence[str],
        search: Sequence[str],
        editable: Mapping[str, str],
        listing: Callable[[str], frozenset[str] | None],
    ) -> None:
        self._below = os.path.join(root, "")
        self._editable = editable
        self._listing = listing
        self._known: dict[str, Lookup] = {}
        self._entries = [SearchEntry(folder, folder) for folder in first]
        seen = set(first)
        for folder in map(os.path.abspath, search):
            if folder not in seen:
                seen.add(folder)
                self._entries.append(_entry(folder))
        if not any(entry.is_stdlib for entry in self._entries):
            self._entries.append(SearchEntry("", "", is_local=False, is_stdlib=True))

    def chain(self, dotted: str) -> list[Lookup]:
        """The lookups of a module and its packages, outermost first, up to one that fails."""
        return self._descend(None, dotted)

    def child(self, parent: Found, name: str) -> Lookup:
        """The lookup of a module inside a package."""
        dotted = f"{parent.name}.{name}"
        lookup = self._known.get(dotted)
        if lookup is None:
            lookup = self._look_up(dotted, name, parent.folders, parent)
            self._known[dotted] = lookup
        return lookup

    def children(self, parent: Found) -> list[str]:
        """The names that modules inside a package may have."""
        names = {
            name.partition(".")[0]
            for entry in parent.folders
            for name in self._listing(entry.folder) or ()
        }
        return sorted(name for name in names if name.isidentifier() and name[:2] != "__")

    def origin(self, found: Found, module: str, level: int) -> list[Lookup]:
        """The lookups of the module that an import in `found` names, after so many dots."""
        if not level:
            return self.chain(module)
        base: Found | None = found if found.folders else found.parent
        for _ in range(level - 1):
            base = base.parent if base else None
        if base is None:
            return []
        inner = self._descend(base, module) if module else []
        return [Lookup(base, False, ()), *inner]

    def _descend(self, base: Found | None, dotted: str) -> list[Lookup]:
        lookups: list[Lookup] = []
        for name in dotted.split("."):
            lookup = self.child(base, name) if base else self._top(name)
            lookups.append(lookup)
            if lookup.found is None:
                break
            base = lookup.found
        return lookups

    def _top(self, name: str) -> Lookup:
        lookup = self._known.get(name)
        if lookup is None:
            if name == _OURS:
                lookup = Lookup(None, True, ())
            else:
                lookup = self._look_up(name, name, self._entries, None)
            self._known[name] = lookup
        return lookup

    def _look_up(
        self, dotted: str, name: str, entries: Sequence[SearchEntry], parent: Found | None
    ) -> Lookup:
        absent: list[str] = []
        portions: list[SearchEntry] = []
        for entry in entries:
            if entry.is_stdlib:
                if name in sys.stdlib_module_names:
                    return Lookup(None, True, tuple(absent))
                continue
            lookup = self._look_in(entry, name, dotted, parent, absent)
            if lookup is not None:
                return lookup
            folder = f"{entry.folder}/{name}"
            if name in (self._listing(entry.folder) or ()) and self._listing(folder) is not None:
                portions.append(SearchEntry(folder, entry.base, entry.is_local))
        if any(portion.is_local for portion in portions):
            found = Found(dotted, "", "", tuple(portions), parent)
            return Lookup(found, False, tuple(absent))
        if parent is None and not portions and name in self._editable:
            folder, stem = os.path.split(self._editable[name])
            entry = SearchEntry(folder, folder)
            lookup = self._look_in(entry, stem, dotted, None, absent)
            if lookup is not None:
                return lookup
        return Lookup(None, bool(portions), tuple(absent))

    def _look_in(
        self, entry: SearchEntry, name: str, dotted: str, parent: Found | None, absent: list[str]
    ) -> Lookup | None:
        """A regular package or a module in one folder; what is not there is added to `absent`."""
        remember = entry.is_local and f"{entry.folder}/".startswith(self._below)
        there = self._listing(entry.folder) or frozenset()
        folder = f"{entry.folder}/{name}"
        inner = self._listing(folder) if name in there else None
        tried: list[tuple[str, tuple[SearchEntry, ...]]] = []
        if inner is not None:
            inside = (SearchEntry(folder, entry.base, entry.is_local),)
            tried += [(f"{folder}/__init__{suffix}", inside) for suffix in _SUFFIXES]
        elif remember:
            absent.append(folder)
        tried += [(folder + suffix, ()) for suffix in _SUFFIXES]
        for path, folders in tried:
            names = inner if folders else there
            if names and os.path.basename(path) in names and os.path.isfile(path):
                if not entry.is_local:
                    return Lookup(None, True, tuple(absent))
                found = Found(dotted, path, self._label(path, entry.base), folders, parent)
                return Lookup(found, False, tuple(absent))
            if remember:
                absent.append(path)
        return None

    def _label(self, path: str, base: str) -> str:
        """A module's name in the digest: the same wherever the project lies."""
        start = self._below if path.startswith(self._below) else base
        return os.path.relpath(path, start)


def _entry(folder: str) -> SearchEntry:
    """An entry of the search path, with whose it is."""
    if any(part in _PACKAGES for part in folder.split(os.sep)):
        return SearchEntry(folder, folder, is_local=False)
    if folder == _STDLIB or folder.startswith(_STDLIB + os.sep):
        return SearchEntry(folder, folder, is_local=False, is_stdlib=True)
    return SearchEntry(folder, folder)
