"""Splits the source of a module into top-level pieces, and tells of each what counts in it.

Works on text alone. What counts of a piece: the names that it mentions, what it imports, whether it
does something when the module is merely imported, and its text without comments, and docstrings
that nobody reads. Knows nothing of where modules are, or of which pieces a function reaches.
"""

from __future__ import annotations

import _ast as nodes  # the node classes alone: `ast` itself is only loaded for odd annotations
import builtins
import hashlib
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Any

from fileflow.lean import dataclass, field, lazy_regex
from fileflow.model.ports import Parameter

# Names that can reach any definition of a module without mentioning it.
_REACH_ANY = frozenset({"globals", "locals", "eval", "exec", "f_globals", "__globals__"})
# What of the modules `sys` and `site` changes where modules are looked for, or gives all of them.
_SYS = frozenset({"sys", "site"})
_OF_SYS = frozenset({"modules", "path", "addsitedir"})
# What loads a module or a file that is named by a text.
_LOADERS = frozenset(
    {
        "import_module",
        "__import__",
        "run_path",
        "run_module",
        "spec_from_file_location",
        "SourceFileLoader",
    }
)
# A pickle names classes that the code which loads it does not.
_PICKLERS = frozenset({"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"})
_PICKLE_WORDS = frozenset({"read_pickle", "allow_pickle"})
_RISKY_BUILTINS = frozenset({"eval", "exec", "setattr", "globals", "vars", "__import__"})
_SILENT_BUILTINS = frozenset(vars(builtins)) - _RISKY_BUILTINS
_SILENT_PACKAGES = sys.stdlib_module_names | {"numba"}

_FOR_TYPES = "TYPE_CHECKING"
_SKIPPED_FIELDS = frozenset({"ctx", "kind", "type_comment"})
_FIELDS: dict[type, tuple[str, ...]] = {}
_MAGIC = lazy_regex(r"^([ \t]*)([%!].*)$", re.MULTILINE)
_WORD = lazy_regex(r"[^\W\d]\w*")

_FUNCTIONS = (nodes.FunctionDef, nodes.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, nodes.ClassDef)


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a function and what kind of function it is."""

    parameters: tuple[Parameter, ...]
    is_async: bool
    is_generator: bool


def hash_of(pieces: Iterable[bytes | str]) -> bytes:
    """16 bytes over a sequence; where one ends and the next begins counts."""
    whole = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        raw = piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece
        whole.update(b"%d:" % len(raw))
        whole.update(raw)
    return whole.digest()


# ---- What a module consists of ---------------------------------------------------------------


class Doc(IntEnum):
    """Whose docstrings a piece of code reads."""

    NONE = 0
    OWN = 1
    ANY = 2


@dataclass(frozen=True, slots=True)
class Import:
    """One name that an import statement takes: `from module import name as alias`.

    Without a name the module itself; without an alias what the import binds is used for sure.
    """

    level: int
    module: str
    name: str | None
    alias: str | None


@dataclass(frozen=True, slots=True)
class Piece:
    """One top-level statement: its text in short, and what it mentions."""

    name: str | None
    digest: bytes
    docs: bytes
    names: frozenset[str]
    imports: tuple[Import, ...]
    binds: tuple[str, ...]
    doc: Doc
    reaches_any: bool
    opens_all: bool
    moves_search: bool
    # Whether it loads modules or files whose names are texts, in this piece or elsewhere.
    loads_named: bool = False
    # The texts in `__all__`, if that is written or added to here; `*` if it is worked out.
    exports: frozenset[str] = frozenset()
    is_main_guard: bool = False
    # What runs when the module is imported: the names at the head of calls, decorators and
    # bases; None if it cannot be said.
    acts: frozenset[str] | None = frozenset()
    bases: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Source:
    """A module read from its file; one that is no Python text is its bytes and has no pieces."""

    raw: bytes
    is_text: bool = False
    doc: str = ""
    pieces: tuple[Piece, ...] = ()
    definitions: dict[str, list[Piece]] = field(default_factory=dict)
    bound: dict[str, int] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    roots: frozenset[str] = frozenset()
    subclasses: dict[str, set[str]] = field(default_factory=dict)
    # The texts in a module that changes where modules are looked for, or loads what is named by a
    # text: they may name folders, modules and files.
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

    @property
    def exports(self) -> frozenset[str]:
        """What `from module import *` may take besides what the module binds."""
        return frozenset().union(*(piece.exports for piece in self.pieces))

    def handed_on(self, name: str) -> Import | None:
        """The one import that binds a name which nothing else binds."""
        if self.bound.get(name) != 1:
            return None
        for piece in self.pieces:
            if piece.name is None and name in piece.binds:
                for wanted in piece.imports:
                    if wanted.alias == name and wanted.name not in (None, "*"):
                        return wanted
        return None

    def reach(self, names: Iterable[str]) -> tuple[Piece, ...]:
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

    def order_matters(self, piece: Piece) -> bool:
        """Whether a definition does something where it stands, besides being there."""
        name = piece.name or ""
        return name in self.roots or self.bound[name] > 1


def source_of(raw: bytes, path: str) -> Source:
    """Splits a module into its pieces."""
    if path.endswith(".ipynb"):
        code, written = _notebook(raw)
        tree = _parsed(code)
        source = Source(written)
    else:
        tree = _parsed(raw) if path.endswith(".py") else None
        source = Source(raw)
    if tree is None:
        return source
    source.is_text = True
    source.doc = _docstring(tree.body) or ""
    source.pieces = tuple(
        _piece_of(statement)
        for statement in tree.body
        if not _is_bare_text(statement) and not _is_for_types(statement, tree)
    )
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
    if any(piece.moves_search or piece.loads_named for piece in source.pieces):
        source.texts = frozenset(
            node.value
            for node in _walk(tree)
            if isinstance(node, nodes.Constant) and isinstance(node.value, str) and node.value
        )
    return source


def _notebook(raw: bytes) -> tuple[bytes, bytes]:
    """The code of a notebook, and all that was written in it.

    What only IPython reads stands in calls. What running and saving it puts there is left out.
    """
    import json  # only where there are notebooks

    try:
        book = json.loads(raw)
        book.get("metadata", {}).pop("language_info", None)
        texts = []
        for cell in book["cells"]:
            if cell["cell_type"] == "code":
                texts.append("".join(cell["source"]))
                cell.pop("outputs", None)
                cell.pop("execution_count", None)
                cell.get("metadata", {}).pop("execution", None)
    except (ValueError, KeyError, TypeError, AttributeError):
        return raw, raw
    code = [
        f"__ipython__({text!r})"
        if text.startswith("%%")
        else _MAGIC.sub(lambda line: f"{line[1]}__ipython__({line[2]!r})", text)
        for text in texts
    ]
    written = json.dumps(book, sort_keys=True).encode()
    return "\n".join(code).encode("utf-8", "surrogatepass"), written


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


def _silent_names(source: Source) -> frozenset[str]:
    """Names that can be called while a module is imported without anything noticing."""
    silent = {name for name in _SILENT_BUILTINS if name not in source.bound}
    for piece in source.pieces:
        if piece.name is None:
            for wanted in piece.imports:
                top = wanted.module.partition(".")[0]
                if wanted.alias and not wanted.level and top in _SILENT_PACKAGES:
                    silent.add(wanted.alias)
    return frozenset(silent)


def _piece_of(statement: nodes.stmt) -> Piece:
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
    return Piece(
        name=name,
        digest=hash_of(["".join(scan.out)]),
        docs=hash_of(scan.docs) if scan.docs else b"",
        names=frozenset() if _is_all(statement) else frozenset(scan.names),
        imports=tuple(scan.imports),
        binds=tuple(binds),
        doc=scan.doc,
        reaches_any=scan.reaches_any,
        opens_all=scan.opens_all,
        moves_search=scan.moves_search,
        loads_named=scan.loads_named,
        exports=_exports_of(statement, scan.names),
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


def _exports_of(statement: nodes.stmt, names: set[str]) -> frozenset[str]:
    if "__all__" not in names:
        return frozenset()
    value: nodes.AST | None = getattr(statement, "value", None)
    if isinstance(value, nodes.Call):  # `__all__.extend([…])`
        value = value.args[0] if value.args else None
    items = value.elts if isinstance(value, nodes.List | nodes.Tuple) else [value]
    worked_out = not all(isinstance(item, nodes.Constant) for item in items)
    return frozenset({*names, "*"}) if worked_out else frozenset(names)


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


def _is_for_types(statement: nodes.stmt, tree: nodes.Module) -> bool:
    """`if TYPE_CHECKING:` without else: what stands in it never runs."""
    if not isinstance(statement, nodes.If) or statement.orelse:
        return False
    test = statement.test
    if isinstance(test, nodes.Attribute):  # typing.TYPE_CHECKING
        return test.attr == _FOR_TYPES and getattr(test.value, "id", "") == "typing"
    return (
        isinstance(test, nodes.Name)
        and test.id == _FOR_TYPES
        and any(
            isinstance(other, nodes.ImportFrom)
            and other.module == "typing"
            and any(alias.name == _FOR_TYPES and not alias.asname for alias in other.names)
            for other in tree.body
        )
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
        self.imports: list[Import] = []
        self.binds: list[str] = []
        self.globals: list[str] = []
        self.doc = Doc.NONE
        self.reaches_any = False
        self.opens_all = False
        self.moves_search = False
        self.loads_named = False

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
            self.doc = max(self.doc, Doc.OWN)
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
            self.doc = Doc.ANY

    def attribute(self, node: nodes.Attribute) -> None:
        """`value.attr`: the attribute names nothing of this module, save by tricks."""
        attr = node.attr
        if attr == "__doc__" or attr == "getdoc":
            self.doc = Doc.ANY
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
                self.doc = Doc.ANY

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
                self.imports.append(Import(len(first.value) - len(module), module, None, None))
            else:
                self.reaches_any = self.loads_named = True
        elif name in _LOADERS:
            self.loads_named = True

    def import_(self, node: nodes.Import) -> None:
        """`import a.b as c`."""
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            self.imports.append(Import(0, alias.name, None, bound))
            self.binds.append(bound)
            self.opens_all |= alias.name in _PICKLERS and alias.asname is not None

    def import_from(self, node: nodes.ImportFrom) -> None:
        """`from a.b import c as d`."""
        module = node.module or ""
        self.opens_all |= module in _PICKLERS
        for alias in node.names:
            if alias.name == "*":
                self.imports.append(Import(node.level, module, "*", None))
                continue
            bound = alias.asname or alias.name
            self.imports.append(Import(node.level, module, alias.name, bound))
            self.binds.append(bound)
            if alias.name == "__doc__":
                self.doc = Doc.ANY
            elif alias.name in _LOADERS and alias.asname is not None:
                self.loads_named = True
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
