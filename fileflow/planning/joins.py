"""Joins, cuts and gathers over relations: which jobs a rule has, which values each of them takes.

Pure: knows columns of text under names; nothing of paths, files, rules or why a relation has its
rows. The rows of a relation, and of every table here, are distinct.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from functools import reduce
from itertools import chain, repeat
from typing import TypeVar

from fileflow.lean import dataclass
from fileflow.model.rules import Relation

_Value = TypeVar("_Value")
_Key = TypeVar("_Key", bound=Hashable)
_zeros = repeat(0)


@dataclass(frozen=True, slots=True)
class Table:
    """Ordered, distinct rows over names, kept as columns that nobody changes.

    `count` is the number of rows, which a table without names (no row, or the one empty row) has
    too. Tables share column lists with each other and with relations wherever they can.
    """

    names: tuple[str, ...]
    columns: tuple[list[str], ...]
    count: int

    def __len__(self) -> int:
        return self.count

    def column(self, name: str) -> list[str]:
        """The values of one name, a row each."""
        return self.columns[self.names.index(name)]

    def rows(self) -> list[tuple[str, ...]]:
        """The rows as tuples, in order."""
        return list(zip(*self.columns, strict=True)) if self.columns else [()] * self.count


def project(source: Relation | Table, names: Sequence[str]) -> Table:
    """The distinct rows over some of the names, in the order in which each first occurs."""
    columns = [source.column(name) for name in names]
    count = len(source)
    if len(names) == len(source.names):
        return Table(tuple(names), tuple(columns), count)
    if not names:
        return Table((), (), min(count, 1))
    if len(names) == 1:
        distinct = list(dict.fromkeys(columns[0]))
        return Table(
            tuple(names), (columns[0] if len(distinct) == count else distinct,), count=len(distinct)
        )
    rows = dict.fromkeys(zip(*columns, strict=True))
    if len(rows) < count:
        columns = [list(column) for column in zip(*rows, strict=True)]
    return Table(tuple(names), tuple(columns), len(rows))


def natural_join(tables: Sequence[Table]) -> Table:
    """The rows that agree on all shared names, ordered as nested loops give them.

    The rows of the first table come in its order, for each of them those of the second, and so on:
    the last table is the fastest. Tables without shared names give their product; no table at all
    gives the one empty row.
    """
    if len(tables) == 1:
        return tables[0]
    joined = _join(tables)
    names = tuple(dict.fromkeys(name for table in tables for name in table.names))
    return Table(names, tuple(joined.columns[name] for name in names), joined.count)


def relations_of(relations: Iterable[Relation], names: Collection[str]) -> list[Relation]:
    """The relations that have one of these names; of one found while running, that it found."""
    return [
        relation
        for relation in relations
        if any(name in names and name not in relation.path_names for name in relation.names)
    ]


def relations_reaching(
    relations: Sequence[Relation],
    path_wildcards: Collection[str],
    pattern_wildcards: Collection[str],
    mapped: Collection[str],
) -> list[Relation]:
    """The relations that decide which rows a job takes for a pattern, beyond those of the job."""
    used = relations_of(relations, path_wildcards)
    names = [
        {name for name in relation.names if name in path_wildcards}.difference(mapped)
        for relation in used
    ]
    found: set[int] = set()
    for numbers in _components(names):
        own = {name for number in numbers for name in names[number]}
        if own.intersection(pattern_wildcards):
            found.update(numbers)
    return [used[number] for number in sorted(found)]


def job_rows(
    relations: Sequence[Relation], path_wildcards: Collection[str], mapped: Sequence[str]
) -> Table:
    """The jobs of a rule: the join of its relations, each first cut down to its mapped columns.

    Names come in the order of `mapped`, rows in the order of the relations. A mapped name of no
    relation is free and not in the table.
    """
    wanted = set(mapped)
    tables = [
        project(relation, [name for name in relation.names if name in wanted])
        for relation in relations_of(relations_of(relations, path_wildcards), wanted)
    ]
    joined = natural_join(tables)
    return project(joined, [name for name in mapped if name in joined.names])


def in_pattern_order(
    relations: Sequence[Relation], pattern_wildcards: Sequence[str]
) -> list[Relation]:
    """Relations by their first name in the pattern, then as declared, each after what it needs."""
    position = {name: i for i, name in enumerate(pattern_wildcards)}
    last = len(position)
    waiting = sorted(relations, key=lambda r: min(position.get(name, last) for name in r.names))
    ordered: list[Relation] = []
    while waiting:
        # What the pattern does not name has the same value all along, or tells nothing apart.
        inside = [other for other in waiting if not position.keys().isdisjoint(other.names)]
        ready = (r for r in waiting if not any(_gives_to(other, r) for other in inside))
        relation = next(ready, waiting[0])
        waiting = [r for r in waiting if r is not relation]
        ordered.append(relation)
    return ordered


def _gives_to(other: Relation, relation: Relation) -> bool:
    """Whether the values of `relation` depend on those of `other`."""
    own = set(other.names) - other.path_names
    return other is not relation and not relation.path_names.isdisjoint(own)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The rows that each job takes for one pattern: `groups[group_of[job]]`.

    Groups are tables over the pattern's wildcards in their order; jobs that take the same rows
    share one, and groups that differ in a mapped value only share the columns of the others.
    """

    groups: list[Table]
    group_of: Sequence[int]


def gather_rows(
    relations: Sequence[Relation],
    path_wildcards: Collection[str],
    pattern_wildcards: Sequence[str],
    mapped: Sequence[str],
    jobs: Table,
    lacking: Sequence[int] | None = None,
) -> Gathered:
    """The rows over one pattern's wildcards that agree with each job; a group may be empty.

    `jobs` are rows of `job_rows`, to which columns of free names, and rows of values that an open
    relation does not have, may have been added. `pattern_wildcards` come in the order of their
    first position. `lacking` marks the jobs with which no row agrees, whatever the pattern.
    """
    used = in_pattern_order(relations_of(relations, path_wildcards), pattern_wildcards)
    parts = _parts(used, path_wildcards, pattern_wildcards, mapped, jobs)
    order = [number for part in parts for number in part.numbers]
    interleaved = order != sorted(order)
    shares = [_share(used, part, path_wildcards, ranked=interleaved) for part in parts]
    picks = [
        map(share.group_of.get, _keys([jobs.column(key) for key in part.keys], jobs.count), _zeros)
        for part, share in zip(parts, shares, strict=True)
        if part.keys
    ]
    combinations = zip(*picks, strict=False) if picks else repeat((), jobs.count)
    chosen, chosen_of = _numbered(combinations)
    products = [_multiplied(shares, numbers, interleaved=interleaved) for numbers in chosen]
    names = tuple(pattern_wildcards)
    constants = [name for name in names if name in mapped]
    if not constants:
        plain = Gathered([_table(names, product, {}) for product in products], chosen_of)
        return _without(plain, names, lacking)
    values = zip(*(jobs.column(name) for name in constants), strict=True)
    choices, group_of = _numbered(zip(chosen_of, values, strict=True))
    groups = [
        _table(names, products[number], dict(zip(constants, row, strict=True)))
        for number, row in choices
    ]
    return _without(Gathered(groups, group_of), names, lacking)


def _without(gathered: Gathered, names: tuple[str, ...], lacking: Sequence[int] | None) -> Gathered:
    """The same with an empty group for the jobs that are marked."""
    if lacking is None:
        return gathered
    none = len(gathered.groups)
    group_of = array(
        "q",
        [none if no else n for n, no in zip(gathered.group_of, lacking, strict=True)],
    )
    return Gathered([*gathered.groups, Table(names, tuple([] for _ in names), 0)], group_of)


@dataclass(frozen=True, slots=True)
class Limit:
    """Relations whose rows have to agree beyond the job: jobs with other values take no row.

    `keys` are the values over `names` with which a row agrees. `opens` are, of relations that may
    get other values from a path, the names and the values that they have: a job with other values
    is not limited.
    """

    names: tuple[str, ...]
    keys: Collection[Hashable]
    opens: tuple[tuple[tuple[str, ...], Collection[Hashable]], ...]

    def lacking(self, jobs: Table) -> list[bool]:
        """For each job whether no row agrees with it."""
        found = [key not in self.keys for key in _keys(_columns(jobs, self.names), jobs.count)]
        for names, known in self.opens:
            for row, key in enumerate(_keys(_columns(jobs, names), jobs.count)):
                if key not in known:
                    found[row] = False
        return found


def limits_of(
    relations: Sequence[Relation],
    path_wildcards: Collection[str],
    mapped: Sequence[str],
    filtered: Collection[int],
) -> list[Limit]:
    """What may leave a job of `job_rows` without any row; mostly nothing.

    A job is made of relations that were cut down to what is mapped: what they have beside that may
    disagree, or be left out by constraints. `filtered` are the places in `relations` of those from
    which constraints took rows. What was found while running limits only patterns with its names.
    """
    used = [
        (relation, number in filtered)
        for number, relation in enumerate(relations)
        if relation.made is None
        and relation.scattered_by is None
        and any(name in path_wildcards for name in relation.names)
    ]
    names = [[n for n in relation.names if n in path_wildcards] for relation, _ in used]
    limits = []
    for numbers in _components([set(own).difference(mapped) for own in names]):
        own = {name for number in numbers for name in names[number]}
        if own.issubset(mapped):
            continue
        if len(numbers) == 1 and not used[numbers[0]][1]:
            continue
        joined = _join([project(used[number][0], names[number]) for number in numbers])
        keys = tuple(name for name in mapped if name in own)
        opens = []
        for number in numbers:
            relation = used[number][0]
            mine = tuple(name for name in names[number] if name in mapped)
            if relation.open and mine:
                known = set(_keys([relation.column(name) for name in mine], len(relation)))
                opens.append((mine, known))
        there = set(_keys([joined.columns[name] for name in keys], joined.count))
        limits.append(Limit(keys, there, tuple(opens)))
    return limits


@dataclass(frozen=True, slots=True)
class Each:
    """The values of a column for each job: `groups[group_of[job]]`, one for each row that agrees.

    `singles` gives for each group the one value of all its rows, None where they disagree or where
    there is none.
    """

    groups: list[list[str]]
    group_of: Sequence[int]
    singles: list[str | None]


def columns_of(
    relations: Sequence[Relation], path_wildcards: Collection[str], jobs: Table, name: str
) -> Each | None:
    """What the column `name` of a relation that the rule uses holds for each job.

    None if no relation that the rule uses has such a name. A row counts if it is part of a row of
    the join of the rule's relations, over the path wildcards and this name, that agrees with the
    job. Where several relations have the name, their join counts as the one that has it.
    """
    used = relations_of(relations, path_wildcards)
    having = [number for number, relation in enumerate(used) if name in relation.names]
    if not having:
        return None
    linked = [{n for n in one.names if n in path_wildcards or n == name} for one in used]
    (part,) = (
        numbers
        for numbers in _components([own.difference(jobs.names) for own in linked])
        if having[0] in numbers
    )
    having = [number for number in having if number in part]
    if len(part) == 1:
        source: Relation | Table = used[having[0]]
        keys = [key for key in jobs.names if key in source.names]
        column = source.column(name)
        places = _grouped(_keys([source.column(key) for key in keys], len(source)))
    else:
        tables = [project(used[i], [n for n in used[i].names if n in linked[i]]) for i in part]
        joined = _join(tables)
        keys = [key for key in jobs.names if key in joined.columns]
        if len(having) == 1:
            source = used[having[0]]
            shared = [n for n in source.names if n in linked[having[0]]]
        else:
            source = natural_join([tables[part.index(number)] for number in having])
            shared = list(source.names)
        column = source.column(name)
        rows_of = _grouped(_keys([source.column(n) for n in shared], len(source)))
        pairs = zip(
            _keys([joined.columns[key] for key in keys], joined.count),
            _keys([joined.columns[n] for n in shared], joined.count),
            strict=True,
        )
        places = {}
        for key, own in dict.fromkeys(pairs):
            places.setdefault(key, []).extend(rows_of[own])
        for rows in places.values():
            rows.sort()
    if keys:
        groups = [[], *(_picked(column, rows) for rows in places.values())]
        number_of = dict(zip(places, range(1, len(groups)), strict=True))
        wanted = _keys([jobs.column(key) for key in keys], jobs.count)
        group_of = array("q", map(number_of.get, wanted, _zeros))
    else:
        groups = [_picked(column, places.get((), ()))]
        group_of = array("q", bytes(8 * jobs.count))
    singles = [group[0] if len(set(group)) == 1 else None for group in groups]
    return Each(groups, group_of, singles)


def _columns(table: Table, names: Sequence[str]) -> list[list[str]]:
    return [table.column(name) for name in names]


def _keys(columns: Sequence[list[str]], count: int) -> Sequence[Hashable]:
    """What rows over these columns are told apart by: the value itself where there is one."""
    if not columns:
        return [()] * count
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))


def _picked(column: Sequence[_Value], rows: Iterable[int]) -> list[_Value]:
    return list(map(column.__getitem__, rows))


def _grouped(keys: Iterable[Hashable]) -> dict[Hashable, list[int]]:
    """The row numbers of each key, in order."""
    places: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        if key in places:
            places[key].append(row)
        else:
            places[key] = [row]
    return places


def _components(names: Sequence[Collection[str]]) -> list[list[int]]:
    """Numbers of the sets that are connected by shared names; by their first, each in order."""
    parts: list[tuple[set[str], list[int]]] = []
    for number, own in enumerate(names):
        touched = [part for part in parts if not part[0].isdisjoint(own)]
        parts = [part for part in parts if part[0].isdisjoint(own)]
        merged = set(own).union(*(part[0] for part in touched))
        parts.append((merged, sorted(chain([number], *(part[1] for part in touched)))))
    return sorted(numbers for _, numbers in parts)


@dataclass(frozen=True, slots=True)
class _Joined:
    """Columns of a join and, where asked for, the row of each table that a row comes from."""

    columns: dict[str, list[str]]
    ranks: dict[int, Sequence[int]]
    count: int

    def take(self, rows: Sequence[int]) -> _Joined:
        """Some of the rows, in the given order."""
        columns = {name: _picked(column, rows) for name, column in self.columns.items()}
        ranks: dict[int, Sequence[int]] = {i: _picked(r, rows) for i, r in self.ranks.items()}
        return _Joined(columns, ranks, len(rows))


def _join(
    tables: Sequence[Table], numbers: Sequence[int] | None = None, *, ranked: bool = False
) -> _Joined:
    """The natural join; tables that share names are joined first, then the order is put right.

    `numbers`, ascending, are what the tables are called in the ranks of the result.
    """
    called = range(len(tables)) if numbers is None else numbers
    walks = [_walk(tables, part) for part in _components([table.names for table in tables])]
    order = [position for walk in walks for position in walk]
    straight = order == sorted(order)
    product = _Joined({}, {}, 1)
    for walk in walks:
        steps = [_start(tables[i], called[i], ranked=ranked or not straight) for i in walk]
        product = _product(product, reduce(_hash_join, steps))
    return product if straight else _in_order(product)


def _in_order(joined: _Joined) -> _Joined:
    """The rows ordered as nested loops over the tables, by their numbers, would give them."""
    ranks = [joined.ranks[number] for number in sorted(joined.ranks)]
    by_rank = list(zip(*ranks, strict=True))
    return joined.take(sorted(range(joined.count), key=by_rank.__getitem__))


def _walk(tables: Sequence[Table], numbers: Sequence[int]) -> list[int]:
    """An order of connected tables in which each shares a name with one before it."""
    walk = [numbers[0]]
    known = set(tables[numbers[0]].names)
    left = list(numbers[1:])
    while left:
        number = next(i for i in left if not known.isdisjoint(tables[i].names))
        left.remove(number)
        walk.append(number)
        known.update(tables[number].names)
    return walk


def _start(table: Table, number: int, *, ranked: bool) -> _Joined:
    ranks: dict[int, Sequence[int]] = {number: range(table.count)} if ranked else {}
    return _Joined(dict(zip(table.names, table.columns, strict=True)), ranks, table.count)


def _hash_join(left: _Joined, right: _Joined) -> _Joined:
    """Two joins with shared names as one, in the order of the left one, then of the right one."""
    shared = [name for name in left.columns if name in right.columns]
    right_keys = _keys([right.columns[name] for name in shared], right.count)
    left_keys = _keys([left.columns[name] for name in shared], left.count)
    left_rows, right_rows = _matches(left_keys, right_keys)
    if left_rows is not None:
        left = left.take(left_rows)
    if right_rows is not None:
        right = right.take(right_rows)
    return _Joined({**right.columns, **left.columns}, {**left.ranks, **right.ranks}, left.count)


def _matches(
    left: Sequence[Hashable], right: Sequence[Hashable]
) -> tuple[list[int] | None, list[int] | None]:
    """Numbers of the rows that pair up, on both sides; None where a side stays just as it is."""
    place = dict(zip(right, range(len(right)), strict=True))
    if len(place) == len(right):
        maybe = list(map(place.get, left))
        partners = [row for row in maybe if row is not None]
        if len(partners) < len(left):
            return [i for i, row in enumerate(maybe) if row is not None], partners
        same = len(left) == len(right) and partners == list(range(len(right)))
        return None, None if same else partners
    places = _grouped(right)
    left_rows: list[int] = []
    right_rows: list[int] = []
    for row, key in enumerate(left):
        found = places.get(key)
        if found is not None:
            left_rows += [row] * len(found)
            right_rows += found
    return left_rows, right_rows


def _product(outer: _Joined, inner: _Joined) -> _Joined:
    """Each row of one with each of the other, the second one fastest."""
    columns = {name: _slowly(column, inner.count) for name, column in outer.columns.items()}
    for name, column in inner.columns.items():
        columns[name] = column if outer.count == 1 else column * outer.count
    ranks: dict[int, Sequence[int]] = {i: _slowly(r, inner.count) for i, r in outer.ranks.items()}
    for i, rank in inner.ranks.items():
        ranks[i] = rank if outer.count == 1 else list(rank) * outer.count
    return _Joined(columns, ranks, outer.count * inner.count)


def _slowly(column: Sequence[_Value], times: int) -> list[_Value]:
    """Each value so many times in a row; the same list if once."""
    if times == 1 and isinstance(column, list):
        return column
    return list(chain.from_iterable(map(repeat, column, repeat(times))))


@dataclass(frozen=True, slots=True)
class _Part:
    """Relations connected by names that a job leaves open: for a job, independent of all others.

    `numbers` are their positions in the order of the pattern, `keys` the names that they have from
    the job, `wanted` those that they give to the pattern.
    """

    numbers: list[int]
    keys: list[str]
    wanted: list[str]


def _parts(
    used: Sequence[Relation],
    path_wildcards: Collection[str],
    pattern_wildcards: Sequence[str],
    mapped: Collection[str],
    jobs: Table,
) -> list[_Part]:
    names = [{name for name in relation.names if name in path_wildcards} for relation in used]
    parts: list[_Part] = []
    for numbers in _components([own.difference(mapped) for own in names]):
        own = {name for number in numbers for name in names[number]}
        keys = [name for name in jobs.names if name in own]
        wanted = [name for name in pattern_wildcards if name in own and name not in mapped]
        if wanted:
            parts.append(_Part(numbers, keys, wanted))
    return parts


@dataclass(frozen=True, slots=True)
class _Share:
    """What a part gives to the pattern: tables, and for each value of its keys which of them.

    With keys the first table is the empty one, for jobs whose values it does not have.
    """

    keyed: bool
    group_of: dict[Hashable, int]
    tables: list[_Joined]


def _share(
    used: Sequence[Relation], part: _Part, path_wildcards: Collection[str], *, ranked: bool
) -> _Share:
    """Joins the relations of a part and groups the rows by its keys, each distinct row once."""
    names = [*part.keys, *part.wanted]
    members = [used[number] for number in part.numbers]
    tables = [_cut(r, members, path_wildcards, names) for r in members]
    joined = _join(tables, part.numbers, ranked=ranked)
    if len(names) < len(joined.columns):
        first: dict[Hashable, int] = {}
        for row, key in enumerate(_keys([joined.columns[name] for name in names], joined.count)):
            first.setdefault(key, row)
        if len(first) < joined.count:
            joined = joined.take(list(first.values()))
    wanted = {name: joined.columns[name] for name in part.wanted}
    whole = _Joined(wanted, joined.ranks if ranked and wanted else {}, joined.count)
    if not part.keys:
        return _Share(False, {}, [whole])
    share = _Share(True, {}, [whole.take([])])
    interned: dict[Hashable, int] = {}
    places = _grouped(_keys([joined.columns[name] for name in part.keys], joined.count))
    for key, rows in places.items():
        table = whole.take(rows)
        content = key if ranked else tuple(map(tuple, table.columns.values()))
        share.group_of[key] = number = interned.setdefault(content, len(share.tables))
        if number == len(share.tables):
            share.tables.append(table)
    return share


def _cut(
    relation: Relation,
    members: Sequence[Relation],
    path_wildcards: Collection[str],
    names: Collection[str],
) -> Table:
    """The relation over the names that are asked for or link it to others of its part."""
    others = {name for other in members if other is not relation for name in other.names}
    linked = others.intersection(path_wildcards)
    return project(relation, [n for n in relation.names if n in names or n in linked])


def _multiplied(shares: Iterable[_Share], numbers: Iterable[int], *, interleaved: bool) -> _Joined:
    """The product of one table of each share; `numbers` are those of the shares with keys."""
    product = _Joined({}, {}, 1)
    given = iter(numbers)
    for share in shares:
        product = _product(product, share.tables[next(given) if share.keyed else 0])
    return _in_order(product) if interleaved else product


def _table(names: tuple[str, ...], product: _Joined, constants: Mapping[str, str]) -> Table:
    columns = dict(product.columns)
    for name, value in constants.items():
        columns[name] = [value] * product.count
    return Table(names, tuple(columns[name] for name in names), product.count)


def _numbered(keys: Iterable[_Key]) -> tuple[list[_Key], Sequence[int]]:
    """The distinct keys, by their first occurrence, and for each key its number among them."""
    numbers: dict[_Key, int] = {}
    number_of = array("q", [numbers.setdefault(key, len(numbers)) for key in keys])
    return list(numbers), number_of
