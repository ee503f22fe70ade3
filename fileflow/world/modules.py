"""The project's own modules: which they are, and loading them as their files are now.

A job's record holds what the code says; so what runs must be that code, and not what Python has
kept of it: neither a module that this process imported before, nor a cache on disk, which Python
believes if size and time of the file agree. Knows nothing of jobs.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from fileflow.lean import dataclass

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

_codes: dict[str, tuple[bytes, CodeType]] = {}
_real: dict[str, str] = {}


def modules_below(folder: str) -> dict[str, ModuleType]:
    """The project's modules that this process has imported, packages without a file too.

    Packages of an environment inside the folder are none of them, and neither is this one.
    """
    below = os.path.join(os.path.realpath(folder), "")
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is None and hasattr(module, "__path__"):
            file = next(iter(module.__path__), None)
        if not isinstance(file, str) or name == "__main__" or not _may_be_own(file):
            continue
        path = _real_path(file)
        if not path.startswith(below) or path.startswith(sys.prefix + os.sep):
            continue
        if _may_be_own(path) and not _is_packaged(path):
            found[name] = module
    return found


def _may_be_own(path: str) -> bool:
    """False for this package and the standard library; what is in site-packages may be a link."""
    if path.startswith(_OURS):
        return False
    return not path.startswith(_STDLIB) or _is_packaged(path)


def _is_packaged(path: str) -> bool:
    return any(part in path for part in _PACKAGES)


def _real_path(file: str) -> str:
    """As `os.path.realpath`, which looks at every folder on the way: here once for each folder."""
    folder, name = os.path.split(file)
    real = _real.get(folder)
    if real is None:
        real = _real[folder] = os.path.realpath(folder)
    path = os.path.join(real, name)
    return os.path.realpath(path) if os.path.islink(path) else path


def forget_modules_below(folder: str) -> None:
    """Drops the project's modules that this process has imported: a file may be newer."""
    for name in modules_below(folder):
        del sys.modules[name]


def code_of(path: str, source: bytes) -> CodeType:
    """What a file with this source does; compiled once in this process while it says the same."""
    known = _codes.get(path)
    if known is None or known[0] != source:
        known = _codes[path] = (source, compile(source, path, "exec", dont_inherit=True))
    return known[1]


def spec_after(
    finder: object, name: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    """What the finders that come after this one on `sys.meta_path` say of a module."""
    finders = sys.meta_path
    for other in finders[finders.index(finder) + 1 :]:  # type: ignore[arg-type]
        find = getattr(other, "find_spec", None)
        spec: ModuleSpec | None = find(name, path, target) if find is not None else None
        if spec is not None:
            return spec
    return None


class _FromSource(SourceFileLoader):
    """Loads a module from its source alone."""

    def path_stats(self, path: str) -> Any:
        # Without size and time of the source there is nothing that a cache could be believed by,
        # and none is written.
        raise OSError(f"{path} is compiled anew")

    def source_to_code(self, data: Any, path: Any, **_: Any) -> CodeType:  # type: ignore[override]
        return code_of(os.fsdecode(path), bytes(data))


class _Finder:
    """Asks the finders that come after it; has what is no installed package loaded from source."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = spec_after(cls, name, path, target)
        loader = spec.loader if spec is not None else None
        if spec is not None and type(loader) is SourceFileLoader and _is_own(loader.path):
            spec.loader = _FromSource(loader.name, loader.path)
            spec.cached = None
        return spec


def _is_own(path: str) -> bool:
    """Whether a module is written by the user: its code counts in what jobs are made from."""
    path = os.path.abspath(path)
    return not path.startswith((_OURS, _STDLIB)) and not _is_packaged(path)


def taken(name: str, own: str | None = None) -> str | None:
    """Says so if what this process has under a module's name is not the file in the project.

    A module of the standard library, or one that we need ourselves, was there before. `own` is that
    file; if it is not said, what lies in the first folder of the search path.
    """
    first = name.partition(".")[0]
    found = sys.modules.get(first)
    file = getattr(found, "__file__", None)
    if found is None or (file is not None and _is_own(file)):
        return None
    if own is None:
        spec = PathFinder.find_spec(first, sys.path[:1])
        own = spec.origin if spec is not None else None
    if own is None or (file is not None and _real_path(file) == _real_path(own)):
        return None
    return (
        f"{first} is the name of another module, {file or 'a part of Python itself'}: "
        f"{os.path.relpath(own)} must have another name"
    )


def imported_from_elsewhere(name: str, own: str) -> str | None:
    """The file of a module that this process has under the name of the project's file `own`.

    None where it has none, that very file, or another of the project, which jobs load anew; also
    where it is Python's own: slots have that too.
    """
    file = getattr(sys.modules.get(name), "__file__", None)
    if not isinstance(file, str) or not os.path.isabs(file) or not _may_be_own(file):
        return None
    same = _real_path(file) == _real_path(own)
    return None if same or name in modules_below(os.getcwd()) else file


def load_from_sources(root: str) -> None:
    """From now on this process imports from `root` first, and own modules as they are now."""
    forget_modules_below(root)
    if root in sys.path:
        sys.path.remove(root)
    sys.path.insert(0, root)
    forget_listings()
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


def forget_listings() -> None:
    """Has folders listed anew when something is imported: as `importlib.invalidate_caches`.

    That one also loads what knows the metadata of packages, to make it forget (Python 3.13): 45 ms
    in each process.
    """
    if "importlib.metadata" in sys.modules:
        importlib.invalidate_caches()
        return
    for path, finder in list(sys.path_importer_cache.items()):
        if finder is None or not os.path.isabs(path):
            del sys.path_importer_cache[path]  # the current folder may be another one by now
        else:
            _forget(finder)
    for other in sys.meta_path:
        if other is not PathFinder:
            _forget(other)


def _forget(finder: object) -> None:
    forget = getattr(finder, "invalidate_caches", None)
    if forget is not None:
        forget()


@dataclass(slots=True)
class _Aside:
    """What a process had before it ran jobs, and how many executors run them in it."""

    modules: dict[str, ModuleType]
    path: list[str]
    users: int = 1


_aside: dict[str, _Aside] = {}


def borrow(root: str) -> None:
    """As `load_from_sources`, until all who borrowed have called `give_back`."""
    known = _aside.get(root)
    if known is not None:
        known.users += 1
        return
    _aside[root] = _Aside(modules_below(root), sys.path[:])
    load_from_sources(root)


def give_back(root: str) -> None:
    """The process has its own modules again, and its own search path."""
    known = _aside[root]
    known.users -= 1
    if known.users:
        return
    del _aside[root]
    forget_modules_below(root)
    sys.modules.update(known.modules)
    sys.path[:] = known.path
    if not _aside:
        sys.meta_path.remove(_Finder)
