"""Reads what the code of an action is: the digest that decides whether a function has changed.

Works on source text alone and never imports what it reads: follows names inside the function's own
module and imports across the project's, from one top-level piece (see `module_source`) to others.
Knows nothing of rules, jobs, records or how a function is called.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from fileflow.errors import FileflowError, did_you_mean, nearest
from fileflow.lean import dataclass, field
from fileflow.world.module_finder import Finder, Found, Lookup
from fileflow.world.module_source import Doc, Import, Piece, Signature, Source, hash_of, source_of

Read = Callable[[str], "bytes | None"]

# Those that Python has before it runs anything are never the project's.
_COMMON_NAMES = {
    *sys.stdlib_module_names,
    *("blake3", "cloudpickle", "filelock", "loky", "tqdm", "yaml"),
}.difference(
    sys.builtin_module_names,
    ("abc", "codecs", "encodings", "genericpath", "io", "os", "posixpath", "site", "stat"),
)
_MOST_FOLDERS = 200
_LONGEST_FOLDER = 1000


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
        namesakes: name and path of modules of the project that other modules share a name with,
            of the standard library or of what fileflow itself needs.
        modules: name and path of all that it imports of the project.
    """

    digest: bytes
    files: tuple[str, ...]
    absent: tuple[str, ...]
    parts: tuple[tuple[str, bytes], ...]
    namesakes: tuple[tuple[str, str], ...] = ()
    modules: tuple[tuple[str, str], ...] = ()


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
        self._sources: dict[str, Source] = {}
        self._finders: dict[str, Finder] = {}
        self._alones: dict[str, Finder] = {}

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

        Of a notebook all counts but the results that are kept in it.

        Raises:
            FileflowError: there is no such file.
        """
        path = os.path.normpath(os.path.join(self._root, path))
        folder = os.path.dirname(path)
        finder = self._finder(folder)
        walk = _Walk(self._root, finder, self._source, self._beside)
        if not os.path.isfile(path):
            shown = os.path.relpath(path, self._root)
            if os.path.isdir(path):
                raise FileflowError(f"the script {shown!r} is a folder")
            there = self._listing(folder) or ()
            near = nearest(os.path.basename(path), there)
            hint = f"did you mean {os.path.join(os.path.dirname(shown), near)!r}?" if near else None
            raise FileflowError(f"there is no script {shown!r}", hint=hint)
        walk.reach(Found("__main__", path, os.path.relpath(path, self._root)), None)
        walk.finish()
        return walk.code("", script=path)

    def main(self, module: str) -> Code:
        """The code of what `python -m` runs by this name; empty if it is none of the project's."""
        finder = self._finder(self._root)
        lookups = finder.chain(module)
        found = lookups[-1].found
        if found is not None and found.folders:
            lookups.append(finder.child(found, "__main__"))
        walk = _Walk(self._root, finder, self._source, self._beside)
        if lookups[-1].found is not None:
            for lookup in lookups:
                if lookup.found is not None:
                    walk.reach(lookup.found, None)
        walk.finish()
        return walk.code("")

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
        self, found: Found, name: str, finder: Finder
    ) -> list[tuple[Found, frozenset[str] | None]]:
        """The modules that hand a name on and, last, the one that has it; None stands for all."""
        chain: list[tuple[Found, frozenset[str] | None]] = []
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

    def _origin(self, found: Found, handed: Import, finder: Finder) -> Found | None:
        """The project's module that an import takes a name from; None if the name is a module."""
        lookups = finder.origin(found, handed.module, handed.level)
        target = lookups[-1].found if lookups else None
        if target is None or not target.path:
            return None
        if target.folders and finder.child(target, handed.name or "").found:
            return None
        return target

    def _finder(self, folder: str) -> Finder:
        """The finder that looks in this folder first."""
        finder = self._finders.get(folder)
        if finder is None:
            first = [folder] if folder == self._root else [folder, self._root]
            finder = Finder(self._root, first, self._search, self._editable, self._listing)
            self._finders[folder] = finder
        return finder

    def _beside(self, found: Found) -> list[Finder]:
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

    def _alone(self, folder: str) -> Finder:
        """The finder that looks in this folder only."""
        finder = self._alones.get(folder)
        if finder is None:
            finder = Finder(self._root, [folder], (), {}, self._listing)
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

    def _source(self, found: Found) -> Source:
        """The pieces of a module, read once."""
        source = self._sources.get(found.path)
        if source is None:
            raw = (self._read(found.path) or b"") if found.path else b""
            source = source_of(raw, found.path)
            self._sources[found.path] = source
        return source

    def _no_module(self, module: str, lookups: Sequence[Lookup]) -> FileflowError:
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


def _no_function(found: Found, name: str, source: Source) -> FileflowError:
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


# ---- What a function reaches -------------------------------------------------------------------

_ALL = None
_NOTHING: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class _View:
    """A module that was reached, and how much of it.

    A split module counts by definition, as far as `names` reach, until `is_open`. Any other counts
    whole; it `is_open` once somebody may take any name from it, and is only run before that.
    """

    found: Found
    source: Source
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

    def pieces(self) -> tuple[Piece, ...]:
        """The pieces that count."""
        if self.is_split and not self.is_open:
            return self.source.reach(self.names)
        return self.source.pieces

    def running(self) -> list[Piece]:
        """The pieces that may run: what a split module does as a script does not."""
        is_part = self.is_split and not self.is_open
        return [one for one in self.pieces() if not (is_part and one.is_main_guard)]


class _Walk:
    """Follows the imports from one function or script to all that it can reach."""

    def __init__(
        self,
        root: str,
        finder: Finder,
        source: Callable[[Found], Source],
        beside: Callable[[Found], list[Finder]],
    ) -> None:
        """`beside` gives the finders that a module which changes the search path may add."""
        self._below = os.path.join(root, "")
        self._finder = finder
        self._source = source
        self._beside = beside
        self._others: list[Finder] = []
        self._views: dict[str, _View] = {}
        self._pending: list[_View] = []
        self._absent: set[str] = set()

    def missed(self, lookups: Iterable[Lookup]) -> None:
        """Remembers what these lookups did not find."""
        for lookup in lookups:
            self._absent.update(lookup.absent)

    def split(self, found: Found) -> None:
        """This module counts by definition, not whole."""
        view = _View(found, self._source(found), is_split=True)
        self._views[found.path] = view
        self._pending.append(view)

    def reach(self, found: Found, names: frozenset[str] | None) -> None:
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
            piece.doc is Doc.ANY for view in self._views.values() for piece in view.running()
        )
        labelled: list[tuple[str, bytes]] = []
        parts: list[tuple[str, bytes]] = []
        for path, view in self._views.items():
            shown = view.found.label if path.startswith(self._below) else path
            for what, digest in _parts_of(view, any_docs, by_bytes=path == script):
                labelled.append((view.found.label + what, digest))
                parts.append((shown + what, digest))
        digest = hash_of([name, *(piece for pair in sorted(labelled) for piece in pair)])
        return Code(
            digest=digest,
            files=tuple(sorted(self._views)),
            absent=tuple(sorted(self._absent)),
            parts=tuple(sorted(parts)),
            namesakes=tuple(
                (view.found.name, path)
                for path, view in self._views.items()
                if view.found.name in _COMMON_NAMES
            ),
            modules=tuple((view.found.name, path) for path, view in self._views.items()),
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
        if any(piece.loads_named for piece in pieces):
            for text in sorted(view.source.texts or ()):
                self._load(view.found, text)
        mentioned: set[str] = set()
        for piece in pieces:
            mentioned |= piece.names
        for piece in pieces:
            for wanted in piece.imports:
                alias = wanted.alias
                is_used = view.is_open or alias is None or alias in mentioned
                self._import(view.found, wanted, is_used)

    def _load(self, found: Found, text: str) -> None:
        """Reaches the module or file of the project that a text names, if it names one."""
        if text.endswith(".py"):
            for folder in dict.fromkeys((os.path.dirname(found.path), self._below)):
                path = os.path.normpath(os.path.join(folder, text))
                if path.startswith(self._below) and os.path.isfile(path):
                    label = os.path.relpath(path, self._below)
                    self.reach(Found(os.path.basename(path)[:-3], path, label), _ALL)
        elif all(part.isidentifier() for part in text.split(".")):
            for finder, level in (
                (self._finder, 0),
                (self._finder, 1),
                *((one, 0) for one in self._others),
            ):
                lookups = finder.origin(found, text, level)
                if lookups and lookups[-1].found:
                    self._take(lookups, _ALL)

    def _take(self, lookups: Sequence[Lookup], names: frozenset[str] | None) -> None:
        """Reaches what was looked up, and takes these names from each."""
        self.missed(lookups)
        for lookup in lookups:
            if lookup.found:
                self.reach(lookup.found, names)

    def _import(self, found: Found, wanted: Import, is_used: bool) -> None:
        """Reaches what one import statement takes; a name that is not used only runs its module."""
        self._import_by(self._finder, found, wanted, is_used)
        for finder in () if wanted.level else self._others:
            self._import_by(finder, found, wanted, is_used)

    def _import_by(self, finder: Finder, found: Found, wanted: Import, is_used: bool) -> None:
        lookups = finder.origin(found, wanted.module, wanted.level)
        self.missed(lookups)
        target = lookups[-1].found if lookups else None
        names = _ALL if is_used else _NOTHING
        if wanted.name is None and wanted.alias == wanted.module.partition(".")[0]:
            for lookup in lookups:
                if lookup.found:
                    self.reach(lookup.found, names)
        elif target is not None and (wanted.name is None or wanted.name == "*"):
            self.reach(target, names)
            if wanted.name == "*" and target.folders:
                exports = self._source(target).exports
                for name in finder.children(target) if "*" in exports else sorted(exports):
                    inner = finder.child(target, name)
                    if inner.found:
                        self._take([inner], _ALL)
        elif target is not None:
            self._import_from(finder, target, wanted.name or "", is_used)
        for lookup in lookups:
            if lookup.found:
                self.reach(lookup.found, _NOTHING)

    def _import_from(self, finder: Finder, target: Found, name: str, is_used: bool) -> None:
        """`from target import name`: a name of it, or a module inside it."""
        if target.folders:
            inner = finder.child(target, name)
            self.missed([inner])
            if inner.found:
                self.reach(inner.found, _ALL if is_used else _NOTHING)
                if not target.path or name not in self._source(target).bound:
                    return
        self.reach(target, frozenset({name}) if is_used else _NOTHING)


def _parts_of(view: _View, any_docs: bool, *, by_bytes: bool) -> Iterator[tuple[str, bytes]]:
    """What a module adds to the digest: `""` names the module, `":name"` a definition in it."""
    source = view.source
    if by_bytes or not source.is_text:
        yield "", hash_of(["bytes", source.raw])
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
    named = sorted((f":{name}", hash_of(digests)) for name, digests in definitions.items())
    if view.is_split:
        yield "", hash_of(rest)
        yield from named
    else:
        yield "", hash_of([hash_of(rest), *(piece for pair in named for piece in pair)])
