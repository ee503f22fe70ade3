"""Reads the section `wildcards`: each key becomes a relation, ordered rows over its names.

Knows the keys and how they depend on each other: which are derived, filtered and joined. The forms
that read values on their own are in `value_forms`. Nothing here knows what rules do with values.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from fileflow.errors import Collector, FileflowError, Place, counted, did_you_mean, some_of
from fileflow.language import scalars
from fileflow.language.sheets import read_lines, read_sheet
from fileflow.language.value_forms import (
    FORMS,
    MOST_VALUES,
    Found,
    Key,
    Surroundings,
    kept_rows,
)
from fileflow.language.yaml_nodes import Node, Scalar
from fileflow.language.yaml_nodes import Sequence as Items
from fileflow.lean import dataclass, field, lazy_regex, replace
from fileflow.model.patterns import NAME, Pattern
from fileflow.model.rules import Derived, Filter, Made, Pairs, Relation

DERIVED = ("pairs", "same")
OPTIONS = {"range": ("width",), "table": ("columns", "comment"), "pairs": ("both", "self")}
_MEANT = {
    **dict.fromkeys(("sheet", "csv", "tsv", "samplesheet"), "write table: and its path"),
    **dict.fromkeys(("glob", "pattern", "path", "paths"), "write files: and a pattern"),
    **dict.fromkeys(("list", "in", "items", "choices"), "write values: and a list"),
    **dict.fromkeys(("exclude", "without"), "write except"),
    **dict.fromkeys(("include", "only", "filter"), "write where"),
    **dict.fromkeys(("regex", "constraint", "constraints"), "write match"),
    "file": "lines: items.txt, table: sheet.csv, or files: data/{x}.csv",
    "config": "write keys: config.name",
    "zip": "write rows: and a list of lists",
}
COMMON = ("match", "where", "except", "open")
Row: TypeAlias = tuple[str, ...]
_ALL_FORMS = (*FORMS, *DERIVED)
_BACK_REFERENCE = lazy_regex(r"(?<!\\)(?:\\\\)*\\[1-9]")


@dataclass(frozen=True, slots=True)
class RelationsRead:
    """What the section says.

    `constraints` gives for a name the regular expressions of `match`; `warnings` are lines to say
    once; `passed_over` counts for a key the files that are no values because rules make them.
    """

    relations: tuple[Relation, ...]
    constraints: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...]
    passed_over: Mapping[str, int]


def read_relations(
    sections: Iterable[tuple[str, Scalar, Node]], around: Surroundings, errors: Collector
) -> RelationsRead:
    """Reads all keys of `wildcards`; mistakes go to `errors`, and their keys are left out.

    Args:
        sections: the text of each key, the key, and its value with config filled in.
        around: what the keys may look at.
        errors: takes the mistakes.
    """
    reader = _Reader(around, errors)
    for text, written, node in sections:
        reader.take(text, written, node)
    relations = reader.read()
    reader.check_joins()
    return RelationsRead(
        relations=relations,
        constraints=reader.constraints,
        warnings=tuple(reader.warnings),
        passed_over=reader.passed_over,
    )


@dataclass(frozen=True, slots=True)
class OwnRead:
    """The wildcards of an entry's own: a relation for each key, none after a mistake. The rest is
    as in `RelationsRead`."""

    relations: tuple[Relation, ...] = ()
    constraints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_made(self) -> bool:
        """Whether a rule makes some of the values."""
        return any(relation.made is not None for relation in self.relations)

    def joined(self, pattern: Pattern) -> Relation:
        """The rows for an entry's pattern, of keys whose values are known: each value of one with
        each of the others, ordered by their first names in it, the last one fastest."""
        if len(self.relations) == 1:
            return self.relations[0]
        at = {name: i for i, name in enumerate(pattern.wildcards)}
        last = len(at)
        relations = sorted(self.relations, key=lambda r: min(at.get(n, last) for n in r.names))
        parts = [list(zip(*relation.columns, strict=True)) for relation in relations]
        rows = [sum(row, ()) for row in itertools.product(*parts)]
        return Relation(
            names=tuple(name for relation in relations for name in relation.names),
            columns=tuple(list(column) for column in zip(*rows, strict=True)),
            place=relations[0].place,
            origin=" and ".join(relation.origin for relation in relations),
        )


def read_own(
    names_and_nodes: Iterable[tuple[Scalar, Node]],
    around: Surroundings,
    errors: Collector,
    *,
    others: RelationsRead | None = None,
) -> OwnRead:
    """The wildcards of an entry's own, `{path: "raw/{n}.txt", n: [1, 2]}`.

    `others` is what `wildcards` says, whose values they may take.
    """
    reader = _Reader(around, errors, unique=True, others=others)
    for written, node in names_and_nodes:
        reader.take(written.text, written, node)
    before = len(reader.keys)
    relations = reader.read()
    if not relations or reader.failed or len(relations) < before:
        return OwnRead()
    return OwnRead(relations, reader.constraints, tuple(reader.warnings), reader.passed_over)


def rows_of_made(
    made: Made, names: Sequence[str], data: bytes, source_name: str
) -> tuple[list[str], ...]:
    """The columns of `names` that a made list or sheet holds, in the order of the file.

    `names` are those that it gives values to, without the wildcards of its path. There may be no
    rows at all; what `where` and `except` leave out is there.

    Raises:
        FileflowError: the file is no text, a column is missing, a row has another length, or the
            pairs are too many.
    """
    if made.derived is not None:
        return _derived_rows(made.derived, names, data, source_name)
    if made.kind == "lines":
        return (read_lines(data, source_name),)
    return read_sheet(
        data,
        source_name,
        {name: made.columns[name] for name in names},
        comment=made.comment,
        headless=made.headless,
    )


def _derived_rows(
    derived: Derived, names: Sequence[str], data: bytes, source_name: str
) -> tuple[list[str], ...]:
    columns = rows_of_made(derived.source, derived.names, data, source_name)
    for name, regex in derived.constraints:
        columns = _matching(columns, derived.names.index(name), regex)
    if derived.source.keep is not None:
        columns = kept_rows(derived.names, columns, derived.source.keep)
    wanted = [columns[derived.names.index(name)] for name in derived.wanted]
    return _taken(wanted, derived.pairs) or tuple([] for _ in names)


def _taken(
    columns: Sequence[list[str]], pairs: Pairs | None, place: Place | None = None
) -> tuple[list[str], ...]:
    """These columns without double rows, or the pairs of these rows; none if there are no rows."""
    rows = list(dict.fromkeys(zip(*columns, strict=True)))
    if pairs is not None:
        rows = _paired(rows, pairs, place)
    return tuple(map(list, zip(*rows, strict=True)))


def _matching(columns: tuple[list[str], ...], which: int, regex: str) -> tuple[list[str], ...]:
    """The rows whose value in one column matches a regular expression as a whole."""
    fits = re.compile(regex).fullmatch
    keep = [fits(value) is not None for value in columns[which]]
    if all(keep):
        return columns
    return tuple(list(itertools.compress(column, keep)) for column in columns)


def _paired(rows: Sequence[Row], which: Pairs, place: Place | None) -> list[Row]:
    """Each two rows as one; a mistake at `place` if they are too many."""
    if len(rows) ** 2 > 2 * MOST_VALUES:
        raise FileflowError(
            f"the pairs of {len(rows):,} values are more than {MOST_VALUES:,}", place=place
        )
    pairs: Iterable[tuple[Row, ...]]
    if which.both:
        pairs = itertools.product(rows, rows) if which.itself else itertools.permutations(rows, 2)
    elif which.itself:
        pairs = itertools.combinations_with_replacement(rows, 2)
    else:
        pairs = itertools.combinations(rows, 2)
    return [one + other for one, other in pairs]


def unmatched(
    name: str,
    one: Relation,
    other: Relation,
    constraints: Sequence[str],
    *,
    complete: tuple[bool, bool] = (True, True),
) -> FileflowError | None:
    """An error if a value of a name stands in one of its keys only, before `where` and `except`.

    `constraints` are those of `match`: other values are none. `complete` says of each key whether
    all its values are known: only then may it lack one.
    """
    fits = [re.compile(regex).fullmatch for regex in constraints]
    here, there = (
        {
            value: None
            for value in (relation.whole or relation.columns)[relation.names.index(name)]
            if all(fit(value) for fit in fits)
        }
        for relation in (one, other)
    )
    only_here = [value for value in here if value not in there and complete[1]]
    only_there = [value for value in there if value not in here and complete[0]]
    said = [
        f"only {relation.origin} ({_line(relation.place)}) has {some_of(values, 3)}"
        for values, relation in ((only_here, one), (only_there, other))
        if values
    ]
    if not said:
        return None
    keys = [", ".join(n for n in key.names if n not in key.path_names) for key in (one, other)]
    return FileflowError(
        f"{name} stands in two keys, {keys[0]!r} and {keys[1]!r}, whose values differ: "
        + "; ".join(said),
        place=other.place,
        hint="make them agree, or give one of them another name",
    )


def match_regex(node: Node, what: str) -> str:
    """A constraint: a regular expression that can stand in the middle of a larger one.

    Raises:
        FileflowError: it is none.
    """
    found = scalars.regex(node, what)
    flags = re.match(r"\(\?([aiLmsux]+)\)", found)
    if flags is not None:
        raise FileflowError(
            f"{what} begins with flags for the whole expression",
            place=node.place,
            hint=f"write (?{flags[1]}:{found[flags.end() :]})",
        )
    if "(?P" in found or _BACK_REFERENCE.search(found):
        raise FileflowError(
            f"{what} names a group or refers back to one, which a constraint cannot",
            place=node.place,
            hint="write the text out, or use | for the ways it may be",
        )
    return found


class _Reader:
    """Reads keys one after the other, those that others are derived from first."""

    def __init__(
        self,
        around: Surroundings,
        errors: Collector,
        *,
        unique: bool = False,
        others: RelationsRead | None = None,
    ) -> None:
        self.errors = errors
        self.keys: list[Key] = []
        self.constraints: dict[str, tuple[str, ...]] = {}
        self.warnings: list[str] = []
        self.passed_over: dict[str, int] = {}
        self.failed = False
        self._unique = unique
        self._others = others.relations if others is not None else ()
        self._their_constraints = others.constraints if others is not None else {}
        self._around = replace(around, constraints=self.constraints)
        self._after: dict[int, Relation | None] = {}
        self._busy: list[int] = []

    def take(self, text: str, written: Scalar, node: Node) -> None:
        """Reads a key's names, its form and its constraints; values come later."""
        try:
            key = _key(text, written, node)
            again = [n for n in key.names if self._unique and any(n in k.names for k in self.keys)]
            if again:
                raise FileflowError(f"{again[0]} stands in two keys", place=written.place)
            for name, regex in _match(key):
                self.constraints[name] = (*self.constraints.get(name, ()), regex)
        except FileflowError as error:
            self._add(error)
        else:
            self.keys.append(key)

    def read(self) -> tuple[Relation, ...]:
        """The relations in the order of their keys; those with mistakes are left out."""
        read = [self._relation(i) for i in range(len(self.keys))]
        return tuple(relation for relation in read if relation is not None)

    def check_joins(self) -> None:
        """An error where a value of a name stands in one of its keys and not in another."""
        holders: dict[str, list[Relation]] = {}
        for i in range(len(self.keys)):
            relation = self._after[i]
            if relation is not None and not relation.open and relation.made is None:
                for name in relation.names:
                    holders.setdefault(name, []).append(relation)
        for name, held in holders.items():
            for one, other in itertools.combinations(held, 2):
                error = unmatched(name, one, other, self.constraints.get(name, ()))
                if error is not None:
                    self._add(error)

    def _add(self, error: FileflowError) -> None:
        self.failed = True
        self.errors.add(error)

    def _relation(self, number: int) -> Relation | None:
        if number not in self._after:
            if number in self._busy:
                self._after[number] = None
                ring = [self.keys[i].text for i in self._busy[self._busy.index(number) :]]
                self._add(
                    FileflowError(
                        f"these take their values from each other: {' → '.join([*ring, ring[0]])}",
                        place=self.keys[number].place,
                        hint="give one of them values of its own",
                    )
                )
                return None
            self._busy.append(number)
            try:
                made = self._read(number)
            except FileflowError as error:
                self._add(error)
                made = None
            self._busy.pop()
            self._after.setdefault(number, made)
        return self._after[number]

    def _read(self, number: int) -> Relation | None:
        key = self.keys[number]
        is_open = "open" in key.options and scalars.boolean(key.options["open"], "open")
        found = self._derived(key) if key.form in DERIVED else FORMS[key.form](key, self._around)
        if found is None:
            return None
        if found.passed_over:
            self.passed_over[key.text] = found.passed_over
        if found.doubled is not None:
            self.warnings.append(
                f"{key.value.place}: {found.doubled!r} stands twice in {key.text} and counts once"
            )
        if found.made is not None:
            keep = _filter(key)
            made = replace(found.made, keep=keep) if keep else found.made
            return replace(_relation_of(key, found, is_open=is_open), made=made)
        if not found.columns or not found.columns[0]:
            raise FileflowError(
                f"{key.text} has no values: {found.origin} holds none", place=key.value.place
            )
        _refuse_breaks(key, found)
        columns = self._constrained(key, found)
        whole = replace(_relation_of(key, found, is_open=is_open), columns=columns)
        keep = _filter(key)
        if keep is None:
            return whole
        in_vain = list(_values_of_no_row(key, columns, keep))
        self.warnings += [f"{key.options[word].place}: {said}" for word, said in in_vain]
        columns = kept_rows(key.names, columns, keep)
        if not columns[0]:
            said = " and ".join(word for word in ("where", "except") if word in key.options)
            raise FileflowError(
                f"{key.text} has no values left after {said}",
                place=key.options[said.split()[0]].place,
                hint=in_vain[0][1] if in_vain else None,
            )
        return replace(whole, columns=columns, whole=whole.columns)

    def _constrained(self, key: Key, found: Found) -> tuple[list[str], ...]:
        columns = found.columns
        for i, name in enumerate(key.names):
            for regex in self.constraints.get(name, ()):
                fitting = _matching(columns, i, regex)
                if not fitting[i]:
                    raise FileflowError(
                        f"no value of {name} matches {regex}: {columns[i][0]!r} does not",
                        place=key.value.place,
                    )
                columns = fitting
        return columns

    # --- values of other keys --------------------------------------------------------------------

    def _derived(self, key: Key) -> Found | None:
        wanted = [name.text for name in scalars.names(key.value, key.form)]
        self._check_known(key, wanted)
        count = len(wanted) * (2 if key.form == "pairs" else 1)
        if len(key.names) != count:
            raise FileflowError(
                f"{key.form} of {', '.join(wanted)} gives {counted(count, 'column')}, and "
                f"{key.text} is {counted(len(key.names), 'name')}",
                place=key.place,
            )
        source = self._source(key, wanted)
        if source is None:
            return None
        origin = f"the {'pairs' if key.form == 'pairs' else 'values'} of {', '.join(wanted)}"
        pairs = None
        if key.form == "pairs":
            both, itself = (
                word in key.options and scalars.boolean(key.options[word], word)
                for word in ("both", "self")
            )
            pairs = Pairs(both, itself)
        if source.made is not None:
            return self._derived_while_running(key, wanted, source, pairs, origin)
        columns = _taken([source.column(name) for name in wanted], pairs, key.place)
        if not columns and pairs is not None:
            raise FileflowError(
                f"{key.text} has no values: {', '.join(wanted)} has only one value, and so no pair",
                place=key.value.place,
                hint="self: true pairs it with itself",
            )
        return Found(columns, origin)

    def _derived_while_running(
        self,
        key: Key,
        wanted: Sequence[str],
        source: Relation,
        pairs: Pairs | None,
        origin: str,
    ) -> Found:
        """Values of a key whose file a rule makes: they are derived when it is read."""
        assert source.made is not None
        names = tuple(name for name in source.names if name not in source.path_names)
        # An entry's own wildcards have names of their own: no name has constraints in both.
        constraints = {**self._their_constraints, **self.constraints}
        regexes = [(name, regex) for name in names for regex in constraints.get(name, ())]
        made = replace(
            source.made,
            columns={},
            keep=None,
            derived=Derived(source.made, names, tuple(wanted), tuple(regexes), pairs),
        )
        columns: tuple[list[str], ...] = tuple(
            [] for _ in (*key.names, *source.made.pattern.wildcards)
        )
        return Found(columns, origin, made=made)

    def _source(self, key: Key, wanted: Sequence[str]) -> Relation | None:
        """The values of the key that has these names; None if there is a mistake in it."""
        for i, other in enumerate(self.keys):
            if all(name in other.names for name in wanted):
                return self._relation(i)
        for relation in self._others:
            if all(n in relation.names and n not in relation.path_names for n in wanted):
                return relation
        raise FileflowError(
            f"{key.form}: no one key has all of {', '.join(wanted)}",
            place=key.value.place,
            hint="values go together as rows only if they stand in one key",
        )

    def _check_known(self, key: Key, wanted: Sequence[str]) -> None:
        known = {name for other in self.keys for name in other.names}
        known.update(name for other in self._others for name in other.names)
        for name in wanted:
            if name not in known:
                raise FileflowError(
                    f"{key.form}: no key of wildcards gives values to {name}",
                    place=key.value.place,
                    hint=did_you_mean(name, known - set(key.names)),
                )


def _relation_of(key: Key, found: Found, *, is_open: bool) -> Relation:
    path_names = found.made.pattern.wildcards if found.made else ()
    return Relation(
        names=(*key.names, *path_names),
        columns=found.columns,
        place=key.place,
        origin=found.origin,
        open=is_open,
        path_names=frozenset(path_names),
        unnamed=found.unnamed,
    )


def _refuse_breaks(key: Key, found: Found) -> None:
    """A NUL is in no value; a line break in none of a lone name, for that one fills paths."""
    for name, column in zip(key.names, found.columns, strict=True):
        text = "\x01".join(column)
        for character, said in (("\0", "a NUL"), ("\n", "a line break")):
            if character in text and (character == "\0" or len(key.names) == 1):
                value = next(value for value in column if character in value)
                raise FileflowError(
                    f"a value of {name} holds {said}: {value!r}", place=key.value.place
                )


# --- keys and options ----------------------------------------------------------------------------


def _key(text: str, written: Scalar, node: Node) -> Key:
    names = _names(text, written)
    if isinstance(node, Scalar):
        if scalars.is_nothing(node):
            raise FileflowError(
                f"{text} has no values", place=written.place, hint="such as [a, b] or data/{x}.csv"
            )
        return Key(text, names, written.place, "files", node, {})
    if isinstance(node, Items):
        return Key(text, names, written.place, "values" if len(names) == 1 else "rows", node, {})
    given = scalars.mapping(node, text, "a pattern of files, a list or a mapping")
    forms = [word for word in given.items if word in _ALL_FORMS]
    if len(forms) > 1:
        raise FileflowError(
            f"{text} says {forms[0]} and {forms[1]}: where do its values come from?",
            place=given.keys[forms[1]].place,
            hint="one of them; a name may stand in two keys, which joins them",
        )
    known = frozenset((*_ALL_FORMS, *COMMON, *(OPTIONS.get(forms[0], ()) if forms else ())))
    for word, key in given.keys.items():
        if word not in known:
            raise _unknown_option(word, key, text, forms, known)
    if not forms:
        raise FileflowError(
            f"{text} does not say where its values come from",
            place=given.place,
            hint=f"one of {', '.join(_ALL_FORMS)}",
        )
    options = {word: value for word, value in given.items.items() if word != forms[0]}
    return Key(text, names, written.place, forms[0], given.items[forms[0]], options)


def _unknown_option(
    word: str, key: Scalar, text: str, forms: Sequence[str], known: frozenset[str]
) -> FileflowError:
    of = next((form for form, words in OPTIONS.items() if word in words), None)
    if of is not None and forms:
        return FileflowError(f"{text}: {word} goes with {of}, not with {forms[0]}", place=key.place)
    return scalars.unknown_key(key, known, text, _MEANT)


def _names(text: str, written: Scalar) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        place = written.place_at(max(0, text.find(name))) if name else written.place
        if not re.fullmatch(NAME, name):
            raise FileflowError(
                f"{name!r} is no name of a wildcard" if name else "a name is missing",
                place=place,
                hint="a name is letters, digits and _, and begins with no digit",
            )
        if name in scalars.BUILTIN_NAMES:
            raise FileflowError(
                f"{name} is built in and cannot be a wildcard",
                place=place,
                hint=f"choose another name, such as {name}_name",
            )
        if names.count(name) > 1:
            raise FileflowError(f"{name} stands twice in this key", place=place)
    return tuple(names)


def _match(key: Key) -> list[tuple[str, str]]:
    if "match" not in key.options:
        return []
    given = scalars.mapping(key.options["match"], "match", "a mapping of names to expressions")
    for name, written in given.keys.items():
        if name not in key.names:
            raise _no_such_name("match", written, key)
    return [(n, match_regex(node, f"the match of {n}")) for n, node in given.items.items()]


def _no_such_name(word: str, written: Scalar, key: Key) -> FileflowError:
    return FileflowError(
        f"{word}: {written.text} is no name of this key",
        place=written.place,
        hint=did_you_mean(written.text, key.names),
    )


def _filter(key: Key) -> Filter | None:
    """`where` and `except`."""
    sides = [_filter_side(key, word) for word in ("where", "except")]
    return Filter(*sides) if any(sides) else None


def _filter_side(key: Key, word: str) -> tuple[tuple[str, frozenset[str]], ...]:
    if word not in key.options:
        return ()
    given = scalars.mapping(key.options[word], word, "a mapping of names to values")
    side: list[tuple[str, frozenset[str]]] = []
    for name, node in given.items.items():
        if name not in key.names:
            raise _no_such_name(word, given.keys[name], key)
        wanted = scalars.scalars(node, f"{word} of {name}")
        side.append((name, frozenset(value.text for value in wanted)))
    return tuple(side)


def _values_of_no_row(
    key: Key, columns: tuple[list[str], ...], keep: Filter
) -> Iterator[tuple[str, str]]:
    """The values of `where` and `except` (which) that no row has: a slip, or gone by now."""
    for word, side in (("where", keep.where), ("except", keep.without)):
        for name, wanted in side:
            known = set(columns[key.names.index(name)])
            for value in sorted(wanted - known):
                near = did_you_mean(value, known)
                yield word, f"{word}: no row has {name} {value!r}" + (f"; {near}" if near else "")


def _line(place: Place) -> str:
    return f"{place.source.name}:{place.line}"
