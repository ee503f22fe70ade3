"""Reads what the code of an action is: the digest that decides whether a function has changed.

Works on source text alone and never imports what it reads. Finds modules by a small finder of its
own, splits them into top-level pieces, and follows names inside the function's own module and
imports across the project's. Knows nothing of rules, jobs, records or how a function is called.
"""

from __future__ import annotations

import _ast as nodes  # the node classes alone: `ast` itself is only loaded for odd annotations
import builtins
import hashlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

from fileflow.errors import FileflowError, did_you_mean, nearest
from fileflow.lean import dataclass, field, lazy_regex

Read = Callable[[str], "bytes | None"]

# What follows in a folder is tried in this order, as Python's own finder does.
_SUFFIXES = (*EXTENSION_SUFFIXES, ".py", ".pyc")
_PACKAGES = ("site-packages", "dist-packages")
_STDLIB = os.path.dirname(os.path.abspath(os.__file__))
_OURS = __name__.partition(".")[0]

# Names that can reach any definition of a module without mentioning it.
_REACH_ANY = frozenset({"globals", "locals", "eval", "exec", "f_globals", "__globals__"})
# What of the modules `sys` and `site` changes where modules are looked for, or gives all of them.
_SYS = frozenset({"sys", "site"})
_OF_SYS = frozenset({"modules", "path", "addsitedir"})
# A pickle names classes that the code which loads it does not.
_PICKLERS = frozenset({"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"})
_PICKLE_WORDS = frozenset({"read_pickle", "allow_pickle"})
_RISKY_BUILTINS = frozenset({"eval", "exec", "setattr", "globals", "vars", "__import__"})
_SILENT_BUILTINS = frozenset(vars(builtins)) - _RISKY_BUILTINS
_SILENT_PACKAGES = sys.stdlib_module_names | {"numba"}

_SKIPPED_FIELDS = frozenset({"ctx", "kind", "type_comment"})
_FIELDS: dict[type, tuple[str, ...]] = {}
_MOST_FOLDERS = 200
_LONGEST_FOLDER = 1000
_MAGIC = lazy_regex(r"^([ \t]*)([%!].*)$", re.MULTILINE)
_WORD = lazy_regex(r"[^\W\d]\w*")

_FUNCTIONS = (nodes.FunctionDef, nodes.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, nodes.ClassDef)


@dataclass(frozen=True, slots=True)
class Code:
    """What the code of one action came to.

    Attributes:
        digest: 16 bytes that change when the code does; the same on every Python and in any folder.
        files: the project files that were read, absolute paths.
        absent: paths below the root that were looked for in vain and whose appearance could
            change the answer.
        parts: what the digest is made of, by name, so that a change can be named: `a.py:helper`
            for a definition, `a.py` for the rest of that module or for a whole one.
    """

    digest: bytes
    files: tuple[str, ...]
    absent: tuple[str, ...]
    parts: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as it is written; `annotation` is its text, a quoted one without quotes.

    Its kind is called as in `inspect`, in small letters.
    """

    name: str
    kind: str
    has_default: bool
    annotation: str | None


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a function and what kind of function it is."""

    parameters: tuple[Parameter, ...]
    is_async: bool
    is_generator: bool


class CodeReader:
    """Reads code for one run, each module once.

    Args:
        root: the folder of the project; first on the search path.
        search: the rest of the search path; `sys.path` if it is not said.
        read: gives the bytes of a file, or None if it cannot be read.
        editable: folders or files of top-level modules that an import hook provides; what
            setuptools installed in this interpreter if it is not said.
    """

    def __init__(
        self,
        root: str,
        search: Sequence[str] | None = None,
        read: Read | None = None,
        editable: Mapping[str, str] | None = None,
    ) -> None:
        self._root = os.path.abspath(root)
        self._search = sys.path if search is None else search
        self._read = read or _bytes_of
        self._editable = _editable_installs() if editable is None else editable
        self._listings: dict[str, frozenset[str] | None] = {}
        self._sources: dict[str, _Source] = {}
        self._finders: dict[str, _Finder] = {}
        self._alones: dict[str, _Finder] = {}

    def function(self, module: str, name: str) -> Code:
        """The code of `module:name` and of what it reaches.

        Raises:
            FileflowError: the module is not there, or has surely no such name.
        """
        finder = self._finder(self._root)
        lookups = finder.chain(module)
        walk = _Walk(self._root, finder, self._source, self._beside)
        walk.missed(lookups)
        if lookups[-1].foreign:
            return walk.code(f"{module}:{name}")
        found = lookups[-1].found
        if found is None:
            raise self._no_module(module, lookups)
        chain = self._follow(found, name.partition(".")[0], finder)
        for home, _ in chain:
            walk.split(home)
        for home, wanted in chain:
            walk.reach(home, wanted)
        walk.finish()
        return walk.code(name)

    def script(self, path: str) -> Code:
        """The code of a script: its bytes and, of a `.py`, the local modules that it imports.

        Of a notebook the cells count, not the results that are kept in it.

        Raises:
            FileflowError: there is no such file.
        """
        path = os.path.normpath(os.path.join(self._root, path))
        folder = os.path.dirname(path)
        finder = self._finder(folder)
        walk = _Walk(self._root, finder, self._source, self._beside)
        if not os.path.isfile(path):
            shown = os.path.relpath(path, self._root)
            there = self._listing(folder) or ()
            near = nearest(os.path.basename(path), there)
            hint = f"did you mean {os.path.join(os.path.dirname(shown), near)!r}?" if near else None
            raise FileflowError(f"there is no script {shown!r}", hint=hint)
        walk.reach(_Found("__main__", path, os.path.relpath(path, self._root)), None)
        walk.finish()
        return walk.code("", script=path)

    def signature(self, module: str, name: str) -> Signature | None:
        """The parameters of `module:name`, or None if the text alone does not decide them."""
        finder = self._finder(self._root)
        found = finder.chain(module)[-1].found
        if found is None:
            return None
        try:
            home, names = self._follow(found, name, finder)[-1]
        except FileflowError:
            return None
        source = self._source(home)
        for defined in names or ():
            if source.bound[defined] == 1:
                return source.signatures.get(defined)
        return None

    def _follow(
        self, found: _Found, name: str, finder: _Finder
    ) -> list[tuple[_Found, frozenset[str] | None]]:
        """The modules that hand a name on and, last, the one that has it; None stands for all."""
        chain: list[tuple[_Found, frozenset[str] | None]] = []
        seen = {found.path}
        while True:
            source = self._source(found)
            if name in source.definitions:
                return [*chain, (found, frozenset({name}))]
            handed = source.handed_on(name)
            target = self._origin(found, handed, finder) if handed else None
            if handed is None or target is None or target.path in seen:
                if not source.may_have(name):
                    raise self._unread(found.path) or _no_function(found, name, source)
                return [*chain, (found, None)]
            chain.append((found, frozenset()))
            seen.add(target.path)
            found, name = target, handed.name or name

    def _origin(self, found: _Found, handed: _Import, finder: _Finder) -> _Found | None:
        """The project's module that an import takes a name from; None if the name is a module."""
        lookups = finder.origin(found, handed)
        target = lookups[-1].found if lookups else None
        if target is None or not target.path:
            return None
        if target.folders and finder.child(target, handed.name or "").found:
            return None
        return target

    def _finder(self, folder: str) -> _Finder:
        """The finder that looks in this folder first."""
        finder = self._finders.get(folder)
        if finder is None:
            first = [folder] if folder == self._root else [folder, self._root]
            finder = _Finder(self._root, first, self._search, self._editable, self._listing)
            self._finders[folder] = finder
        return finder

    def _beside(self, found: _Found) -> list[_Finder]:
        """Finders in the folders that a module may add to the search path.

        Those below the root that its texts name, from the root or from a folder in which it lies,
        also one below the other, and these folders themselves: which of them it adds, only running
        it would tell.
        """
        above = [os.path.dirname(found.path)]
        while above[-1].startswith(self._root + os.sep):
            above.append(os.path.dirname(above[-1]))
        folders = dict.fromkeys([*above, self._root])
        texts = sorted(self._source(found).texts or ())
        for folder in (queue := list(folders)):
            for text in texts if len(folders) < _MOST_FOLDERS else ():
                if "\0" in text or len(text) > _LONGEST_FOLDER:
                    continue
                named = os.path.normpath(os.path.join(folder, text))
                inside = f"{named}/".startswith(os.path.join(self._root, ""))
                if inside and named not in folders and self._listing(named) is not None:
                    folders[named] = None
                    queue.append(named)
        return [self._alone(folder) for folder in folders]

    def _alone(self, folder: str) -> _Finder:
        """The finder that looks in this folder only."""
        finder = self._alones.get(folder)
        if finder is None:
            finder = _Finder(self._root, [folder], (), {}, self._listing)
            self._alones[folder] = finder
        return finder

    def _listing(self, folder: str) -> frozenset[str] | None:
        """The names in a folder; None if it is none."""
        if folder not in self._listings:
            try:
                self._listings[folder] = frozenset(os.listdir(folder))
            except OSError:
                self._listings[folder] = None
        return self._listings[folder]

    def _source(self, found: _Found) -> _Source:
        """The pieces of a module, read once."""
        source = self._sources.get(found.path)
        if source is None:
            raw = (self._read(found.path) or b"") if found.path else b""
            source = _source_of(raw, found.path)
            self._sources[found.path] = source
        return source

    def _no_module(self, module: str, lookups: Sequence[_Lookup]) -> FileflowError:
        """A module that is not there: name the nearest one, or the file that was looked for."""
        what = f"there is no module {module!r}"
        as_path = module.removesuffix(".py").strip("./").replace("/", ".")
        if as_path != module and as_path and self._finder(self._root).chain(as_path)[-1].found:
            return FileflowError(what, hint=f"modules are written with dots: {as_path!r}")
        parts = module.split(".")
        known = len(lookups) - 1
        parent = lookups[-2].found if known else None
        folders = [entry.folder for entry in parent.folders] if parent else [self._root]
        for folder in folders:
            for name in (f"{parts[known]}.py", parts[known]):
                if error := self._unread(f"{folder}/{name}"):
                    return error
        near = nearest(parts[known], self._modules_in(folders))
        if near is not None:
            return FileflowError(what, hint=f"did you mean {'.'.join([*parts[:known], near])!r}?")
        return FileflowError(what, hint=f"looked for {'/'.join(parts)}.py beside the Workflowfile")

    def _unread(self, path: str) -> FileflowError | None:
        """The mistake of a module's file or folder that is there and cannot be read."""
        if not os.path.lexists(path):
            return None
        try:
            if path.endswith(".py"):
                with open(path, "rb") as file:
                    file.read(1)
            else:
                os.listdir(path)
        except NotADirectoryError:
            return None
        except OSError as error:
            shown = os.path.relpath(path, self._root)
            return FileflowError(f"{shown} cannot be read: {error.strerror or error}")
        return None

    def _modules_in(self, folders: Iterable[str]) -> Iterator[str]:
        """The names that could be imported from these folders."""
        for folder in folders:
            for name in sorted(self._listing(folder) or ()):
                stem = name.removesuffix(".py")
                if stem.isidentifier() and (stem != name or self._listing(f"{folder}/{name}")):
                    yield stem


def _no_function(found: _Found, name: str, source: _Source) -> FileflowError:
    """A module without that function: name the nearest one that it has."""
    return FileflowError(
        f"the module {found.name!r} has no function {name!r}",
        hint=did_you_mean(name, source.definitions),
    )


def _bytes_of(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _editable_installs() -> dict[str, str]:
    """Where setuptools' import hooks for editable installs find their top-level modules."""
    found: dict[str, str] = {}
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable__"):
            found.update(getattr(module, "MAPPING", {}))
    return found


def _hash(pieces: Iterable[bytes | str]) -> bytes:
    """16 bytes over a sequence; where one ends and the next begins counts."""
    whole = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        raw = piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece
        whole.update(b"%d:" % len(raw))
        whole.update(raw)
    return whole.digest()


# ---- Where modules are ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    """A folder to look in; `base` is the entry of the search path that it belongs to."""

    folder: str
    base: str
    is_local: bool = True
    is_stdlib: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A module of the project; a namespace package has no path, only a package has folders."""

    name: str
    path: str
    label: str
    folders: tuple[_Entry, ...] = ()
    parent: _Found | None = None


@dataclass(frozen=True, slots=True)
class _Lookup:
    """What came of looking for a module: the project's, somebody else's, or neither."""

    found: _Found | None
    foreign: bool
    absent: tuple[str, ...]


class _Finder:
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
        self._known: dict[str, _Lookup] = {}
        self._entries = [_Entry(folder, folder) for folder in first]
        seen = set(first)
        for folder in map(os.path.abspath, search):
            if folder not in seen:
                seen.add(folder)
                self._entries.append(_entry(folder))
        if not any(entry.is_stdlib for entry in self._entries):
            self._entries.append(_Entry("", "", is_local=False, is_stdlib=True))

    def chain(self, dotted: str) -> list[_Lookup]:
        """The lookups of a module and its packages, outermost first, up to one that fails."""
        return self._descend(None, dotted)

    def child(self, parent: _Found, name: str) -> _Lookup:
        """The lookup of a module inside a package."""
        dotted = f"{parent.name}.{name}"
        lookup = self._known.get(dotted)
        if lookup is None:
            lookup = self._look_up(dotted, name, parent.folders, parent)
            self._known[dotted] = lookup
        return lookup

    def origin(self, found: _Found, wanted: _Import) -> list[_Lookup]:
        """The lookups of the module that an import statement of `found` names."""
        if not wanted.level:
            return self.chain(wanted.module)
        base: _Found | None = found if found.folders else found.parent
        for _ in range(wanted.level - 1):
            base = base.parent if base else None
        if base is None:
            return []
        inner = self._descend(base, wanted.module) if wanted.module else []
        return [_Lookup(base, False, ()), *inner]

    def _descend(self, base: _Found | None, dotted: str) -> list[_Lookup]:
        lookups: list[_Lookup] = []
        for name in dotted.split("."):
            lookup = self.child(base, name) if base else self._top(name)
            lookups.append(lookup)
            if lookup.found is None:
                break
            base = lookup.found
        return lookups

    def _top(self, name: str) -> _Lookup:
        lookup = self._known.get(name)
        if lookup is None:
            if name == _OURS:
                lookup = _Lookup(None, True, ())
            else:
                lookup = self._look_up(name, name, self._entries, None)
            self._known[name] = lookup
        return lookup

    def _look_up(
        self, dotted: str, name: str, entries: Sequence[_Entry], parent: _Found | None
    ) -> _Lookup:
        absent: list[str] = []
        portions: list[_Entry] = []
        for entry in entries:
            if entry.is_stdlib:
                if name in sys.stdlib_module_names:
                    return _Lookup(None, True, tuple(absent))
                continue
            lookup = self._look_in(entry, name, dotted, parent, absent)
            if lookup is not None:
                return lookup
            folder = f"{entry.folder}/{name}"
            if name in (self._listing(entry.folder) or ()) and self._listing(folder) is not None:
                portions.append(_Entry(folder, entry.base, entry.is_local))
        if any(portion.is_local for portion in portions):
            found = _Found(dotted, "", "", tuple(portions), parent)
            return _Lookup(found, False, tuple(absent))
        if parent is None and not portions and name in self._editable:
            folder, stem = os.path.split(self._editable[name])
            entry = _Entry(folder, folder)
            lookup = self._look_in(entry, stem, dotted, None, absent)
            if lookup is not None:
                return lookup
        return _Lookup(None, bool(portions), tuple(absent))

    def _look_in(
        self, entry: _Entry, name: str, dotted: str, parent: _Found | None, absent: list[str]
    ) -> _Lookup | None:
        """A regular package or a module in one folder; what is not there is added to `absent`."""
        remember = entry.is_local and f"{entry.folder}/".startswith(self._below)
        there = self._listing(entry.folder) or frozenset()
        folder = f"{entry.folder}/{name}"
        inner = self._listing(folder) if name in there else None
        tried: list[tuple[str, tuple[_Entry, ...]]] = []
        if inner is not None:
            inside = (_Entry(folder, entry.base, entry.is_local),)
            tried += [(f"{folder}/__init__{suffix}", inside) for suffix in _SUFFIXES]
        elif remember:
            absent.append(folder)
        tried += [(folder + suffix, ()) for suffix in _SUFFIXES]
        for path, folders in tried:
            names = inner if folders else there
            if names and os.path.basename(path) in names and os.path.isfile(path):
                if not entry.is_local:
                    return _Lookup(None, True, tuple(absent))
                found = _Found(dotted, path, self._label(path, entry.base), folders, parent)
                return _Lookup(found, False, tuple(absent))
            if remember:
                absent.append(path)
        return None

    def _label(self, path: str, base: str) -> str:
        """A module's name in the digest: the same wherever the project lies."""
        start = self._below if path.startswith(self._below) else base
        return os.path.relpath(path, start)


def _entry(folder: str) -> _Entry:
    """An entry of the search path, with whose it is."""
    if any(part in _PACKAGES for part in folder.split(os.sep)):
        return _Entry(folder, folder, is_local=False)
    if folder == _STDLIB or folder.startswith(_STDLIB + os.sep):
        return _Entry(folder, folder, is_local=False, is_stdlib=True)
    return _Entry(folder, folder)


# ---- What a module consists of ---------------------------------------------------------------


class _Doc(IntEnum):
    """Whose docstrings a piece of code reads."""

    NONE = 0
    OWN = 1
    ANY = 2


@dataclass(frozen=True, slots=True)
class _Import:
    """One name that an import statement takes: `from module import name as alias`.

    Without a name the module itself; without an alias what the import binds is used for sure.
    """

    level: int
    module: str
    name: str | None
    alias: str | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """One top-level statement: its text in short, and what it mentions."""

    name: str | None
    digest: bytes
    docs: bytes
    names: frozenset[str]
    imports: tuple[_Import, ...]
    binds: tuple[str, ...]
    doc: _Doc
    reaches_any: bool
    opens_all: bool
    moves_search: bool
    is_main_guard: bool = False
    # What runs when the module is imported: the names at the head of calls, decorators and
    # bases; None if it cannot be said.
    acts: frozenset[str] | None = frozenset()
    bases: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class _Source:
    """A module read from its file; one that is no Python text is its bytes and has no pieces."""

    raw: bytes
    is_text: bool = False
    doc: str = ""
    pieces: tuple[_Piece, ...] = ()
    definitions: dict[str, list[_Piece]] = field(default_factory=dict)
    bound: dict[str, int] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    roots: frozenset[str] = frozenset()
    subclasses: dict[str, set[str]] = field(default_factory=dict)
    # The texts in a module that changes where modules are looked for: they may name folders.
    texts: frozenset[str] | None = None

    def may_have(self, name: str) -> bool:
        """Whether the module might have this name once it is imported."""
        if not self.is_text:
            return bool(self.raw)
        return (
            name in self.bound
            or "__getattr__" in self.bound
            or any(piece.reaches_any for piece in self.pieces)
            or any(wanted.name == "*" for piece in self.pieces for wanted in piece.imports)
        )

    def handed_on(self, name: str) -> _Import | None:
        """The one import that binds a name which nothing else binds."""
        if self.bound.get(name) != 1:
            return None
        for piece in self.pieces:
            if piece.name is None and name in piece.binds:
                for wanted in piece.imports:
                    if wanted.alias == name and wanted.name not in (None, "*"):
                        return wanted
        return None

    def reach(self, names: Iterable[str]) -> tuple[_Piece, ...]:
        """All pieces but the definitions that neither these names nor the import can reach."""
        queue = [*names, *self.roots]
        for piece in self.pieces:
            if piece.name is None and not piece.is_main_guard:
                if piece.reaches_any:
                    return self.pieces
                queue += piece.names
        reached: set[str] = set()
        while queue:
            name = queue.pop()
            if name in reached or name not in self.definitions:
                continue
            reached.add(name)
            queue += self.subclasses.get(name, ())
            for piece in self.definitions[name]:
                if piece.reaches_any:
                    return self.pieces
                queue += piece.names
        return tuple(piece for piece in self.pieces if piece.name is None or piece.name in reached)

    def order_matters(self, piece: _Piece) -> bool:
        """Whether a definition does something where it stands, besides being there."""
        name = piece.name or ""
        return name in self.roots or self.bound[name] > 1


def _source_of(raw: bytes, path: str) -> _Source:
    """Splits a module into its pieces."""
    if path.endswith(".ipynb"):
        raw = _cells(raw)
    tree = _parsed(raw) if path.endswith((".py", ".ipynb")) else None
    source = _Source(raw)
    if tree is None:
        return source
    source.is_text = True
    source.doc = _docstring(tree.body) or ""
    source.pieces = tuple(_piece_of(stmt) for stmt in tree.body if not _is_bare_text(stmt))
    for piece in source.pieces:
        if piece.name is not None:
            source.definitions.setdefault(piece.name, []).append(piece)
        for name in piece.binds:
            source.bound[name] = source.bound.get(name, 0) + 1
    for statement in tree.body:
        if isinstance(statement, _FUNCTIONS) and not statement.decorator_list:
            source.signatures[statement.name] = _signature_of(statement)
    silent = _silent_names(source)
    roots = {"__getattr__"}
    for piece in source.pieces:
        if piece.name is None:
            continue
        bases = piece.bases & source.definitions.keys()
        for base in bases:
            source.subclasses.setdefault(base, set()).add(piece.name)
        if piece.acts is None or not (piece.acts | piece.bases) - bases <= silent:
            roots.add(piece.name)
    source.roots = frozenset(roots)
    if any(piece.moves_search for piece in source.pieces):
        source.texts = frozenset(
            node.value
            for node in _walk(tree)
            if isinstance(node, nodes.Constant) and isinstance(node.value, str) and node.value
        )
    return source


def _cells(raw: bytes) -> bytes:
    """The code of a notebook, without results; what only IPython reads stands in calls."""
    import json  # only where there are notebooks

    try:
        cells = json.loads(raw)["cells"]
        texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):
        return raw
    code = [
        f"__ipython__({text!r})"
        if text.startswith("%%")
        else _MAGIC.sub(lambda line: f"{line[1]}__ipython__({line[2]!r})", text)
        for text in texts
    ]
    return "\n".join(code).encode("utf-8", "surrogatepass")


def _parsed(raw: bytes) -> nodes.Module | None:
    """The tree of a Python text; None if it is none: the error appears when it runs."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = compile(raw, "<code>", "exec", nodes.PyCF_ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    assert isinstance(tree, nodes.Module)
    return tree


def _silent_names(source: _Source) -> frozenset[str]:
    """Names that can be called while a module is imported without anything noticing."""
    silent = {name for name in _SILENT_BUILTINS if name not in source.bound}
    for piece in source.pieces:
        if piece.name is None:
            for wanted in piece.imports:
                top = wanted.module.partition(".")[0]
                if wanted.alias and not wanted.level and top in _SILENT_PACKAGES:
                    silent.add(wanted.alias)
    return frozenset(silent)


def _piece_of(statement: nodes.stmt) -> _Piece:
    scan = _Scan()
    scan.take(statement)
    name: str | None = None
    acts: frozenset[str] | None = frozenset()
    bases: frozenset[str] = frozenset()
    binds = scan.binds
    if isinstance(statement, _DEFINITIONS):
        name = statement.name
        binds = [name, *scan.globals]
        acts = _acts_of(statement, frozenset())
        if isinstance(statement, nodes.ClassDef):
            heads = [_head(base) for base in statement.bases]
            bases = frozenset(head for head in heads if head)
            acts = None if None in heads else acts
    return _Piece(
        name=name,
        digest=_hash(["".join(scan.out)]),
        docs=_hash(scan.docs) if scan.docs else b"",
        names=frozenset() if _is_all(statement) else frozenset(scan.names),
        imports=tuple(scan.imports),
        binds=tuple(binds),
        doc=scan.doc,
        reaches_any=scan.reaches_any,
        opens_all=scan.opens_all,
        moves_search=scan.moves_search,
        is_main_guard=_is_main_guard(statement),
        acts=acts,
        bases=bases,
    )


def _is_all(statement: nodes.stmt) -> bool:
    """`__all__ = […]`: names what others may take, and reaches nothing."""
    if isinstance(statement, nodes.Assign):
        targets = statement.targets
    elif isinstance(statement, nodes.AnnAssign | nodes.AugAssign):
        targets = [statement.target]
    else:
        return False
    return all(isinstance(target, nodes.Name) and target.id == "__all__" for target in targets)


def _is_main_guard(statement: nodes.stmt) -> bool:
    """`if __name__ == "__main__":` without else: its body never runs in an imported module."""
    if not isinstance(statement, nodes.If) or statement.orelse:
        return False
    test = statement.test
    if not isinstance(test, nodes.Compare) or not isinstance(test.ops[0], nodes.Eq):
        return False
    sides = [test.left, *test.comparators]
    return (
        len(sides) == 2
        and any(isinstance(side, nodes.Name) and side.id == "__name__" for side in sides)
        and any(isinstance(side, nodes.Constant) and side.value == "__main__" for side in sides)
    )


def _is_bare_text(statement: object) -> bool:
    """A string that stands alone: a docstring or a kind of comment."""
    return (
        isinstance(statement, nodes.Expr)
        and isinstance(statement.value, nodes.Constant)
        and isinstance(statement.value.value, str)
    )


def _docstring(body: Sequence[nodes.stmt]) -> str | None:
    if body and isinstance(body[0], nodes.Expr) and isinstance(body[0].value, nodes.Constant):
        value = body[0].value.value
        return value if isinstance(value, str) else None
    return None


def _children(node: nodes.AST) -> Iterator[nodes.AST]:
    for name in node._fields:
        value = getattr(node, name, None)
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, nodes.AST):
                yield item


def _walk(node: nodes.AST) -> Iterator[nodes.AST]:
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(_children(node))


# ---- What runs when a definition is only imported ---------------------------------------------


def _head(node: nodes.AST) -> str | None:
    """The name that an expression begins with: `a` of `a.b(c)[d]`."""
    while True:
        if isinstance(node, nodes.Attribute | nodes.Subscript):
            node = node.value
        elif isinstance(node, nodes.Call):
            node = node.func
        else:
            return node.id if isinstance(node, nodes.Name) else None


def _acts_of(node: nodes.stmt, local: frozenset[str]) -> frozenset[str] | None:
    """The names at the head of what a definition calls while its module is imported.

    Bases are left to the caller. None if it does something that cannot be judged by a name, such
    as a statement in a class body that is neither a plain assignment nor a definition.
    """
    heads: list[str | None] = []
    values: list[nodes.AST] = []
    if isinstance(node, _FUNCTIONS):
        heads += map(_head, node.decorator_list)
        values += [*node.decorator_list, *node.args.defaults]
        values += [value for value in node.args.kw_defaults if value is not None]
    elif isinstance(node, nodes.ClassDef):
        heads += map(_head, node.decorator_list)
        heads += [_head(keyword.value) for keyword in node.keywords if keyword.arg == "metaclass"]
        values += [*node.decorator_list, *node.bases, *node.keywords]
        local |= {one.name for one in node.body if isinstance(one, _DEFINITIONS)}
        for statement in node.body:
            inner = _acts_in_class(statement, local)
            if inner is None:
                return None
            heads += inner
    elif isinstance(node, nodes.Assign | nodes.AnnAssign):
        targets = node.targets if isinstance(node, nodes.Assign) else [node.target]
        if not all(isinstance(target, nodes.Name) for target in targets):
            return None
        values += [node.value] if node.value else []
    elif not isinstance(node, nodes.Pass) and not _is_inert_expression(node):
        return None
    for value in values:
        heads += [_head(call) for call in _walk(value) if isinstance(call, nodes.Call)]
    names = {head for head in heads if head not in local}
    return None if None in names else frozenset(name for name in names if name)


def _acts_in_class(statement: nodes.stmt, local: frozenset[str]) -> frozenset[str] | None:
    if isinstance(statement, nodes.ClassDef):
        heads = {_head(base) for base in statement.bases}
        inner = _acts_of(statement, local)
        if inner is None or None in heads:
            return None
        return inner | {head for head in heads if head and head not in local}
    if isinstance(statement, _FUNCTIONS) and statement.name == "__init_subclass__":
        return None
    return _acts_of(statement, local)


def _is_inert_expression(statement: nodes.stmt) -> bool:
    return isinstance(statement, nodes.Expr) and isinstance(statement.value, nodes.Constant)


# ---- The text of a piece without what does not count ------------------------------------------


class _Scan:
    """Writes a tree as text that is the same on every Python, and notes what it mentions.

    Left out are places, docstrings (kept apart in `docs`), empty fields, and what only says how a
    thing was written. Goes without recursion: a long sum is a deep tree.
    """

    def __init__(self) -> None:
        self.out: list[str] = []
        self.docs: list[str] = []
        self.names: set[str] = set()
        self.imports: list[_Import] = []
        self.binds: list[str] = []
        self.globals: list[str] = []
        self.doc = _Doc.NONE
        self.reaches_any = False
        self.opens_all = False
        self.moves_search = False

    def take(self, top: nodes.AST) -> None:
        """Writes one statement."""
        out = self.out
        stack: list[nodes.AST | str] = [top]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                out.append(item)
                continue
            cls = item.__class__
            note = _NOTES.get(cls)
            if note is not None:
                note(self, item)
            later: list[nodes.AST | str] = []
            if isinstance(item, nodes.Constant):
                out.append(_constant(item.value))
            elif isinstance(item, nodes.JoinedStr):
                later = _joined(item)
            else:
                out.append(cls.__name__)
                later = _fields_of(item, cls)
            later.reverse()
            stack += later

    def name(self, node: nodes.Name) -> None:
        """A name that is read or bound."""
        self.word(node.id)
        if isinstance(node.ctx, nodes.Store):
            self.binds.append(node.id)
        if node.id == "__doc__":
            self.doc = max(self.doc, _Doc.OWN)
        elif node.id in _PICKLERS:
            self.opens_all = True

    def word(self, word: str) -> None:
        """A name or an attribute."""
        self.names.add(word)
        if word in _REACH_ANY:
            self.reaches_any = True
        elif word in _PICKLE_WORDS:
            self.opens_all = True
        elif word == "getdoc":
            self.doc = _Doc.ANY

    def attribute(self, node: nodes.Attribute) -> None:
        """`value.attr`: the attribute names nothing of this module, save by tricks."""
        attr = node.attr
        if attr == "__doc__" or attr == "getdoc":
            self.doc = _Doc.ANY
        elif attr in _PICKLE_WORDS:
            self.opens_all = True
        elif attr in _OF_SYS and isinstance(node.value, nodes.Name) and node.value.id in _SYS:
            self.of_sys(attr)
        elif attr in ("f_globals", "__globals__"):
            self.reaches_any = self.opens_all = True

    def of_sys(self, name: str) -> None:
        """`sys.modules`, by which any name of any module is had, or what imports search."""
        if name == "modules":
            self.reaches_any = self.opens_all = True
        else:
            self.moves_search = True

    def constant(self, node: nodes.Constant) -> None:
        """A text may be the name of something: `getattr(module, "helper")`."""
        value = node.value
        if isinstance(value, str) and value.isidentifier():
            self.names.add(value)
            if value == "__doc__":
                self.doc = _Doc.ANY

    def keyword(self, node: nodes.keyword) -> None:
        """`allow_pickle=…`."""
        if node.arg in _PICKLE_WORDS:
            self.opens_all = True

    def call(self, node: nodes.Call) -> None:
        """Imports that are calls, and `vars()`."""
        func = node.func
        name = func.attr if isinstance(func, nodes.Attribute) else getattr(func, "id", "")
        if name == "vars" and not node.args:
            self.reaches_any = True
        elif name in ("import_module", "__import__"):
            first = node.args[0] if node.args else None
            if isinstance(first, nodes.Constant) and isinstance(first.value, str):
                module = first.value.lstrip(".")
                self.imports.append(_Import(len(first.value) - len(module), module, None, None))
            else:
                self.reaches_any = True

    def import_(self, node: nodes.Import) -> None:
        """`import a.b as c`."""
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            self.imports.append(_Import(0, alias.name, None, bound))
            self.binds.append(bound)
            self.opens_all |= alias.name in _PICKLERS and alias.asname is not None

    def import_from(self, node: nodes.ImportFrom) -> None:
        """`from a.b import c as d`."""
        module = node.module or ""
        self.opens_all |= module in _PICKLERS
        for alias in node.names:
            if alias.name == "*":
                self.imports.append(_Import(node.level, module, "*", None))
                continue
            bound = alias.asname or alias.name
            self.imports.append(_Import(node.level, module, alias.name, bound))
            self.binds.append(bound)
            if alias.name == "__doc__":
                self.doc = _Doc.ANY
            elif module in _SYS and alias.name in _OF_SYS:
                self.of_sys(alias.name)

    def definition(self, node: nodes.FunctionDef | nodes.AsyncFunctionDef | nodes.ClassDef) -> None:
        """A function or class, perhaps inside another statement."""
        self.binds.append(node.name)
        doc = _docstring(node.body)
        if doc is not None:
            self.docs += [node.name, doc]
        if isinstance(node, _FUNCTIONS) and node.returns is not None:
            self.annotation(node.returns)

    def annotated(self, node: nodes.arg | nodes.AnnAssign) -> None:
        """A parameter or a name with an annotation."""
        if node.annotation is not None:
            self.annotation(node.annotation)

    def annotation(self, node: nodes.expr) -> None:
        """The names inside quoted annotations."""
        for part in _walk(node):
            if isinstance(part, nodes.Constant) and isinstance(part.value, str):
                self.names.update(_WORD.findall(part.value))

    def global_(self, node: nodes.Global) -> None:
        """`global x`: a function may bind a name of the module."""
        self.names.update(node.names)
        self.globals += node.names


_NOTES: dict[type, Callable[[_Scan, Any], None]] = {
    nodes.Name: _Scan.name,
    nodes.Attribute: _Scan.attribute,
    nodes.Constant: _Scan.constant,
    nodes.keyword: _Scan.keyword,
    nodes.Call: _Scan.call,
    nodes.Import: _Scan.import_,
    nodes.ImportFrom: _Scan.import_from,
    nodes.FunctionDef: _Scan.definition,
    nodes.AsyncFunctionDef: _Scan.definition,
    nodes.ClassDef: _Scan.definition,
    nodes.arg: _Scan.annotated,
    nodes.AnnAssign: _Scan.annotated,
    nodes.Global: _Scan.global_,
}


def _fields_of(node: nodes.AST, cls: type[nodes.AST]) -> list[nodes.AST | str]:
    """What is written of a node after its name: its fields in order, without empty ones."""
    names = _FIELDS.get(cls)
    if names is None:
        names = tuple(name for name in cls._fields if name not in _SKIPPED_FIELDS)
        _FIELDS[cls] = names
    later: list[nodes.AST | str] = ["("]
    for name in names:
        value = getattr(node, name, None)
        if value is None:
            continue
        if isinstance(value, nodes.AST):
            if name != "format_spec" or not _is_empty_format(value):
                later += (name, "=", value)
        elif isinstance(value, list):
            if value:
                later += (name, "[")
                later += [_item(item) for item in value if not _is_bare_text(item)]
                later.append("]")
        else:
            later += (name, "=", _constant(value))
    later.append(")")
    return later


def _item(item: object) -> nodes.AST | str:
    return item if isinstance(item, nodes.AST) else _constant(item)


def _constant(value: object) -> str:
    """A literal as text; not by repr where that depends on the version."""
    if isinstance(value, str):
        return f"s{len(value)}:{value}"
    if isinstance(value, bytes):
        return f"b{value.hex()};"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:x};"
    return f"{value!r};"


def _is_empty_format(node: nodes.AST) -> bool:
    return isinstance(node, nodes.JoinedStr) and _joined(node) == ["f[", "]"]


def _joined(node: nodes.JoinedStr) -> list[nodes.AST | str]:
    """An f-string; versions differ in how they cut its plain text into pieces."""
    later: list[nodes.AST | str] = ["f["]
    text = ""
    for value in node.values:
        if isinstance(value, nodes.Constant) and isinstance(value.value, str):
            text += value.value
            continue
        if text:
            later.append(_constant(text))
            text = ""
        later.append(value)
    if text:
        later.append(_constant(text))
    later.append("]")
    return later


def _signature_of(node: nodes.FunctionDef | nodes.AsyncFunctionDef) -> Signature:
    given = node.args
    plain = [(one, "positional_only") for one in given.posonlyargs]
    plain += [(one, "positional_or_keyword") for one in given.args]
    required = len(plain) - len(given.defaults)
    found = [_parameter(one, kind, n >= required) for n, (one, kind) in enumerate(plain)]
    if given.vararg:
        found.append(_parameter(given.vararg, "var_positional", False))
    for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        found.append(_parameter(one, "keyword_only", default is not None))
    if given.kwarg:
        found.append(_parameter(given.kwarg, "var_keyword", False))
    return Signature(
        parameters=tuple(found),
        is_async=isinstance(node, nodes.AsyncFunctionDef),
        is_generator=_yields(node),
    )


def _parameter(node: nodes.arg, kind: str, has_default: bool) -> Parameter:
    return Parameter(node.arg, kind, has_default, _annotation_text(node.annotation))


def _annotation_text(node: nodes.expr | None) -> str | None:
    if node is None:
        return None
    if isinstance(node, nodes.Name):
        return node.id
    if isinstance(node, nodes.Constant) and isinstance(node.value, str):
        return node.value
    import ast  # for start-up: few annotations need it

    return ast.unparse(node)


def _yields(node: nodes.FunctionDef | nodes.AsyncFunctionDef) -> bool:
    """Whether a function is a generator: a yield of its own, not one of a function inside it."""
    stack: list[nodes.AST] = list(node.body)
    while stack:
        one = stack.pop()
        if isinstance(one, nodes.Yield | nodes.YieldFrom):
            return True
        if not isinstance(one, (*_DEFINITIONS, nodes.Lambda)):
            stack.extend(_children(one))
    return False


# ---- What a function reaches -------------------------------------------------------------------

_ALL = None
_NOTHING: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class _View:
    """A module that was reached, and how much of it.

    A split module counts by definition, as far as `names` reach, until `is_open`. Any other counts
    whole; it `is_open` once somebody may take any name from it, and is only run before that.
    """

    found: _Found
    source: _Source
    is_split: bool
    is_open: bool = False
    names: set[str] = field(default_factory=set)

    def want(self, names: frozenset[str] | None) -> bool:
        """Somebody takes these names, or all (None); True if that reaches more than before."""
        if self.is_open:
            return False
        if names is _ALL or (names and not self.is_split):
            self.is_open = True
            return True
        grown = not names <= self.names
        self.names |= names
        return grown

    def pieces(self) -> tuple[_Piece, ...]:
        """The pieces that count."""
        if self.is_split and not self.is_open:
            return self.source.reach(self.names)
        return self.source.pieces

    def running(self) -> list[_Piece]:
        """The pieces that may run: what a split module does as a script does not."""
        is_part = self.is_split and not self.is_open
        return [one for one in self.pieces() if not (is_part and one.is_main_guard)]


class _Walk:
    """Follows the imports from one function or script to all that it can reach."""

    def __init__(
        self,
        root: str,
        finder: _Finder,
        source: Callable[[_Found], _Source],
        beside: Callable[[_Found], list[_Finder]],
    ) -> None:
        """`beside` gives the finders that a module which changes the search path may add."""
        self._below = os.path.join(root, "")
        self._finder = finder
        self._source = source
        self._beside = beside
        self._others: list[_Finder] = []
        self._views: dict[str, _View] = {}
        self._pending: list[_View] = []
        self._absent: set[str] = set()

    def missed(self, lookups: Iterable[_Lookup]) -> None:
        """Remembers what these lookups did not find."""
        for lookup in lookups:
            self._absent.update(lookup.absent)

    def split(self, found: _Found) -> None:
        """This module counts by definition, not whole."""
        view = _View(found, self._source(found), is_split=True)
        self._views[found.path] = view
        self._pending.append(view)

    def reach(self, found: _Found, names: frozenset[str] | None) -> None:
        """A module is imported and these names are taken from it; None stands for all."""
        if not found.path:
            return
        view = self._views.get(found.path)
        is_new = view is None
        if view is None:
            view = _View(found, self._source(found), is_split=False)
            self._views[found.path] = view
        if view.want(names) or is_new:
            self._pending.append(view)

    def finish(self) -> None:
        """Follows all imports of what was reached."""
        while self._pending:
            self._follow(self._pending.pop())

    def code(self, name: str, script: str = "") -> Code:
        """What was reached, as a digest and its parts; `name` is what was asked for.

        `script` is the path of a file that may read itself, so that its comments count too.
        """
        any_docs = any(
            piece.doc is _Doc.ANY for view in self._views.values() for piece in view.running()
        )
        labelled: list[tuple[str, bytes]] = []
        parts: list[tuple[str, bytes]] = []
        for path, view in self._views.items():
            shown = view.found.label if path.startswith(self._below) else path
            by_bytes = path == script and not path.endswith(".ipynb")
            for what, digest in _parts_of(view, any_docs, by_bytes):
                labelled.append((view.found.label + what, digest))
                parts.append((shown + what, digest))
        digest = _hash([name, *(piece for pair in sorted(labelled) for piece in pair)])
        return Code(
            digest=digest,
            files=tuple(sorted(self._views)),
            absent=tuple(sorted(self._absent)),
            parts=tuple(sorted(parts)),
        )

    def _follow(self, view: _View) -> None:
        pieces = view.running()
        parent = view.found.parent
        while parent is not None:
            self.reach(parent, _NOTHING)
            parent = parent.parent
        if any(piece.opens_all for piece in pieces):
            for other in self._views.values():
                if other.is_split and other.want(_ALL):
                    self._pending.append(other)
            pieces = view.running()
        if any(piece.moves_search for piece in pieces):
            new = [one for one in self._beside(view.found) if one not in self._others]
            if new:  # what was followed before may import from there too
                self._others += new
                self._pending += [other for other in self._views.values() if other is not view]
        mentioned: set[str] = set()
        for piece in pieces:
            mentioned |= piece.names
        for piece in pieces:
            for wanted in piece.imports:
                alias = wanted.alias
                is_used = view.is_open or alias is None or alias in mentioned
                self._import(view.found, wanted, is_used)

    def _import(self, found: _Found, wanted: _Import, is_used: bool) -> None:
        """Reaches what one import statement takes; a name that is not used only runs its module."""
        self._import_by(self._finder, found, wanted, is_used)
        for finder in () if wanted.level else self._others:
            self._import_by(finder, found, wanted, is_used)

    def _import_by(self, finder: _Finder, found: _Found, wanted: _Import, is_used: bool) -> None:
        lookups = finder.origin(found, wanted)
        self.missed(lookups)
        target = lookups[-1].found if lookups else None
        names = _ALL if is_used else _NOTHING
        if wanted.name is None and wanted.alias == wanted.module.partition(".")[0]:
            for lookup in lookups:
                if lookup.found:
                    self.reach(lookup.found, names)
        elif target is not None and (wanted.name is None or wanted.name == "*"):
            self.reach(target, names)
        elif target is not None:
            self._import_from(finder, target, wanted.name or "", is_used)
        for lookup in lookups:
            if lookup.found:
                self.reach(lookup.found, _NOTHING)

    def _import_from(self, finder: _Finder, target: _Found, name: str, is_used: bool) -> None:
        """`from target import name`: a name of it, or a module inside it."""
        if target.folders:
            inner = finder.child(target, name)
            self.missed([inner])
            if inner.found:
                self.reach(inner.found, _ALL if is_used else _NOTHING)
                if not target.path or name not in self._source(target).bound:
                    return
        self.reach(target, frozenset({name}) if is_used else _NOTHING)


def _parts_of(view: _View, any_docs: bool, by_bytes: bool) -> Iterator[tuple[str, bytes]]:
    """What a module adds to the digest: `""` names the module, `":name"` a definition in it."""
    source = view.source
    if by_bytes or not source.is_text:
        yield "", _hash(["bytes", source.raw])
        return
    pieces = view.pieces()
    with_docs = any_docs or any(piece.doc for piece in view.running())
    rest: list[bytes | str] = [source.doc] if with_docs and source.doc else []
    definitions: dict[str, list[bytes]] = {}
    for piece in pieces:
        digests = [piece.digest, piece.docs] if with_docs and piece.docs else [piece.digest]
        if piece.name is None:
            rest += digests
            continue
        definitions.setdefault(piece.name, []).extend(digests)
        if source.order_matters(piece):
            rest.append(f"here:{piece.name}")
    named = sorted((f":{name}", _hash(digests)) for name, digests in definitions.items())
    if view.is_split:
        yield "", _hash(rest)
        yield from named
    else:
        yield "", _hash([_hash(rest), *(piece for pair in named for piece in pair)])
