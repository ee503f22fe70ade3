"""The jobs of each rule, all rows at once, and the paths that they take and make.

Pure: values come from relations, paths from patterns; whether a file is there, who makes it and
what is stale is not known here.

A job is named by an int, `table number << 32 | row`; a *row* is one set of values of the wildcards
that the rule maps. Columns of values are shared between rules and never changed.
"""

from __future__ import annotations

import copy
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from fileflow.errors import FileflowError, Place, did_you_mean
from fileflow.lean import dataclass, replace
from fileflow.model.patterns import Matcher, Pattern, natural_key, value_allowed
from fileflow.model.rules import (
    OWN_MARK,
    Entry,
    Kind,
    Relation,
    Rule,
    Workflow,
    shown_name,
    unnamed_column,
)
from fileflow.model.tokens import list_id, list_token
from fileflow.planning.filling import Item, config_lookup
from fileflow.planning.joins import (
    Each,
    Limit,
    Table,
    columns_of,
    gather_rows,
    job_rows,
    limits_of,
    natural_join,
)
from fileflow.planning.known import Found, Known, Values, is_found, own_names, told_names
from fileflow.planning.questions import Site, paths_of, sites_of

SHIFT = 32
ROW = (1 << SHIFT) - 1
SOURCE = -1
ABSENT = -2
UNRESOLVED = -9
PENDING = -3
LATER = -4


class Group:
    """A list of input paths that jobs share: stored once, whoever takes it.

    `makers[i]` is the job that makes `paths[i]`, SOURCE, or ABSENT for an optional one that is not
    to be had; `rows` are the values behind the paths (columns by name), for gathered wildcards.
    """

    __slots__ = ("_id", "makers", "number", "paths", "rows")

    def __init__(self, number: int, paths: list[str], rows: Table | None) -> None:
        self.number = number
        self.paths = paths
        self.rows = rows
        self.makers: Sequence[int] | None = None
        self._id: bytes | None = None

    @property
    def id(self) -> bytes:
        """16 bytes that identify the list of paths."""
        if self._id is None:
            self._id = list_id(self.paths)
        return self._id


class Link:
    """One input entry of a rule, for all of its jobs.

    Either every job has a path of its own (`paths`, `makers` by row), or jobs share groups
    (`groups`, `group_of` by row). `single` says that the action gets one path, not a list. What a
    call gives differs from job to job: `given` are its answers by row, those that are known.
    `errors` says of which rows, or of which groups by their place here, values that were found
    while running give no path. `needs` are the rows that all jobs together take from, by number of
    the table, once a growing plan has asked for them. Of what another rule asks for, `spare` are
    the paths that are optional there.
    """

    __slots__ = (
        "_fill",
        "_numbers",
        "_paths",
        "entry",
        "errors",
        "given",
        "group_of",
        "groups",
        "makers",
        "needs",
        "pattern",
        "single",
        "spare",
        "tables",
    )

    # Whether it is what jobs were found to read (see `planning.named`).
    named = False

    def __init__(self, entry: Entry, pattern: Pattern | None, *, single: bool) -> None:
        self.entry = entry
        self.pattern = pattern
        self.single = single
        self._paths: list[str] | None = []
        self._fill: Callable[[], list[str]] = list
        self.makers: Sequence[int] | None = None
        self.groups: list[Group] = []
        self.group_of: Sequence[int] | None = None
        self.tables: set[int] = set()
        self.given: dict[int, object] | None = None
        self.errors: dict[int, FileflowError] = {}
        self.needs: dict[int, Sequence[int]] | None = None
        self.spare: frozenset[str] = frozenset()
        self._numbers: dict[tuple[str, ...], int] = {}

    def can_lack(self, path: str) -> bool:
        """Whether the jobs do without this path if it cannot be had."""
        return self.entry.optional or path in self.spare

    def give(self, joins: Joins, row: int, count: int) -> None:
        """Takes up the answer for a row, one of `count`; without one it has no path yet."""
        assert self.given is not None
        if not self.groups:
            self.groups.append(joins.new_group([], None))
            self.group_of = []
        assert isinstance(self.group_of, list)
        if len(self.group_of) < count:
            self.group_of += [0] * (count - len(self.group_of))
        given = self.given.get(row)
        if given is None:
            return
        paths = paths_of(given)  # type: ignore[arg-type]
        number = self._numbers.setdefault(tuple(paths), len(self.groups))
        if number == len(self.groups):
            self.groups.append(joins.group(self.entry, paths))
        self.group_of[row] = number

    def error(self, row: int) -> FileflowError | None:
        """Why values that were found while running give the job in this row no path."""
        if not self.errors:
            return None
        return self.errors.get(row if self.group_of is None else self.group_of[row])

    def is_one(self, row: int) -> bool:
        """Whether one path at most, and no list, stands for the entry in the row's record."""
        group = self.group(row)
        return self.single if group is None else self._is_one(group)

    def _is_one(self, group: Group) -> bool:
        return self.single if self.given is None else len(group.paths) < 2

    @property
    def paths(self) -> list[str]:
        """The path of each row, where each has its own; made when first asked for."""
        if self._paths is None:
            self._paths = self._fill()
        return self._paths

    def fill_by(self, fill: Callable[[], list[str]]) -> None:
        """Says how the paths are made: by whoever makes the files, they need not be made twice."""
        self._paths, self._fill = None, fill

    def paths_of(self, row: int) -> list[str]:
        """The paths that the job in this row takes through this entry, absent ones left out."""
        if self.group_of is None:
            if self.pattern is None:  # nobody has asked yet what it stands for
                return []
            maker = self.makers[row] if self.makers is not None else SOURCE
            return [] if maker == ABSENT else [self.paths[row]]
        return self.taken(self.groups[self.group_of[row]])

    def taken(self, group: Group) -> list[str]:
        """The paths of a shared list that jobs take through this entry, absent ones left out."""
        makers = self._absent(group)
        if ABSENT in makers:
            return [p for p, m in zip(group.paths, makers, strict=True) if m != ABSENT]
        return group.paths

    def token(self, group: Group) -> str:
        """What stands in a record for the entry where jobs take this list."""
        paths = self.taken(group)
        if self._is_one(group):
            return paths[0] if paths else ""
        return list_token(group.id if len(paths) == len(group.paths) else list_id(paths))

    def values_of(self, row: int, name: str) -> Sequence[str] | None:
        """The values of a wildcard that this entry gathers, one for each of the row's paths.

        None if it does not gather that wildcard.
        """
        group = self.group(row)
        if group is None or group.rows is None or name not in group.rows.names:
            return None
        column = group.rows.columns[group.rows.names.index(name)]
        makers = self._absent(group)
        if ABSENT not in makers or len(makers) != len(column):
            return column
        return [value for value, maker in zip(column, makers, strict=True) if maker != ABSENT]

    def _absent(self, group: Group) -> Sequence[int]:
        return group.makers if self.entry.optional and group.makers is not None else ()

    def group(self, row: int) -> Group | None:
        """The shared list of a row, or None where each job has a path of its own."""
        return None if self.group_of is None else self.groups[self.group_of[row]]

    def all_makers(self) -> Iterator[Sequence[int]]:
        """Who makes what the rows take: by row, or list by list."""
        if self.group_of is None:
            yield self.makers if self.makers is not None else ()
        else:
            yield from (group.makers or () for group in self.groups)

    def makers_of(self, row: int) -> Sequence[int]:
        """Who makes each of the row's paths."""
        if self.group_of is None:
            return (self.makers[row],) if self.makers is not None else ()
        return self.groups[self.group_of[row]].makers or ()

    def made_paths(self, row: int) -> Iterator[tuple[int, str]]:
        """Who makes each of the row's paths, as far as it is known, and the path."""
        group = self.group(row)
        if group is not None:
            return zip(group.makers or (), group.paths, strict=False)
        return iter(() if self.makers is None else ((self.makers[row], self.paths[row]),))


@dataclass(frozen=True, slots=True)
class Shape:
    """What the text of a rule says of its wildcards, before any value is known.

    `written` tells for each input which entry of the rule it comes from: one with wildcards of its
    own stands for several.
    """

    mapped: tuple[str, ...]
    path_wildcards: tuple[str, ...]
    free: tuple[str, ...]
    gathered: tuple[str, ...]
    inputs: tuple[Entry, ...]
    outputs: tuple[Entry, ...]
    written: tuple[int, ...]


def shape_of(rule: Rule, relations: Iterable[Relation]) -> Shape:
    """The mapped, gathered and free wildcards of a rule, with entry-own wildcards expanded."""
    each = [(k, one) for k, entry in enumerate(rule.inputs) for one in _expanded(entry)]
    inputs = tuple(one for _, one in each)
    outputs = tuple(one for entry in rule.outputs if not entry.absent for one in _expanded(entry))
    known = {
        name for relation in relations for name in relation.names if name not in relation.path_names
    }
    scattered = set(rule.scatter)
    mapped = dict.fromkeys(
        name
        for entry in outputs
        if entry.pattern is not None
        for name in entry.pattern.wildcards
        if name not in scattered
    )
    everywhere = dict.fromkeys(mapped)
    for entry in inputs:
        if entry.pattern is not None and not entry.absent:
            everywhere.update(dict.fromkeys(entry.pattern.wildcards))
    return Shape(
        mapped=tuple(mapped),
        path_wildcards=tuple(everywhere),
        free=tuple(name for name in mapped if name not in known),
        gathered=tuple(name for name in everywhere if name not in mapped),
        inputs=inputs,
        outputs=outputs,
        written=tuple(k for k, _ in each),
    )


def _expanded(entry: Entry) -> list[Entry]:
    """An entry with a wildcard of its own stands for a list of entries, an absent one for none."""
    if entry.own is None or entry.pattern is None:
        return [entry._replace(rule=None) if entry.absent else entry]
    own = entry.own
    if own.made is not None:  # not known yet: the job waits
        holes = {name: f"{{{shown_name(name)}}}" for name in own.names}
        return [entry._replace(pattern=_partly(entry.pattern, holes))]
    out = []
    for row in zip(*own.columns, strict=True):
        values = dict(zip(own.names, row, strict=True))
        pattern = _partly(entry.pattern, values)
        listed = entry.listed or not entry.one
        out.append(entry._replace(pattern=pattern, own=None, listed=listed))
    return out


def _partly(pattern: Pattern, values: Mapping[str, str]) -> Pattern:
    parts = [pattern.parts[0]]
    names: list[str] = []
    for name, part in zip(pattern.names, pattern.parts[1:], strict=True):
        if name in values:
            parts[-1] += values[name] + part
        else:
            names.append(name)
            parts.append(part)
    wildcards = tuple(name for name in pattern.wildcards if name not in values)
    return pattern._replace(parts=tuple(parts), names=tuple(names), wildcards=wildcards)


def _declaring(rule: Rule, given: set[str], joins: Joins) -> list[Relation]:
    """The lists that rules make and that give values to these names, or to wildcards of outputs'
    own."""
    names = given | {
        name
        for entry in rule.outputs
        if entry.own is not None
        for name in entry.own.names
        if OWN_MARK in name
    }
    return [
        relation
        for relation in (joins.relations_of(names) if names else ())
        if relation.made is not None and names.intersection(own_names(relation))
    ]


class RuleTable:
    """The jobs of one rule."""

    def __init__(self, number: int, rule: Rule, workflow: Workflow, cache: Joins) -> None:
        self.number = number
        self.base = number << SHIFT
        self.rule = rule
        self.config = workflow.config
        self.joins = cache
        self.shape = shape_of(rule, workflow.relations)
        self.relations = cache.relations_of(self.shape.path_wildcards, rule.name)
        self.checks: dict[str, list[str]] = {}
        for name in self.shape.path_wildcards:
            regexes = [*workflow.constraints.get(name, ())]
            if name in rule.constraints:
                regexes.append(rule.constraints[name])
            if regexes:
                self.checks[name] = regexes
        self._compiled = {n: [re.compile(r) for r in rs] for n, rs in self.checks.items()}
        self.names = self.shape.mapped
        # Rows with values that were found while running and that cannot fill a path.
        self.unfit: dict[int, FileflowError] = {}
        self.grows = bool(self.shape.free) or any(
            relation.open and set(relation.names) & set(self.names) for relation in self.relations
        )
        self.protects = any(entry.protected for entry in self.shape.outputs)
        self._outputs: list[list[str] | None] = [None] * len(self.shape.outputs)
        self.scattered = tuple(
            k
            for k, entry in enumerate(self.shape.outputs)
            if entry.pattern is not None and set(entry.pattern.wildcards) & set(rule.scatter)
        )
        self.relation_number = next(
            (n for n, one in enumerate(workflow.relations) if one.scattered_by == rule.name), None
        )
        self._holes = {name: "{" + name + "}" for name in rule.scatter} if self.scattered else {}
        # Of the scattered names those that a key of `wildcards` gives values to.
        self.given = set(rule.scatter)
        if self.relation_number is not None:
            self.given -= {*own_names(workflow.relations[self.relation_number])}
        # The lists that rules make and that say what a rule has to make.
        self.declaring = _declaring(rule, self.given, cache)
        self._declared_rows: tuple[int, list[dict[int, Table]]] = (-1, [])
        self._row_of: dict[tuple[str, ...], int] | None = None
        self.links: list[Link] = []
        self.sites: tuple[Site, ...] = sites_of(rule, self.shape.inputs)
        self.answers: tuple[dict[int, object], ...] = tuple({} for _ in self.sites)
        self.afters: dict[int, list[Link]] = {}
        self.gives_inputs = any(site.kind is Kind.INPUT for site in self.sites)
        awaited = {n for site in self.sites for p in site.call.after for n in p.wildcards}
        self.gathered_names = {*self.shape.gathered, *awaited.difference(self.names)}
        self._each: dict[str, tuple[int, Each | None]] = {}
        self._limits: list[Limit] | None = None
        self._start_rows()
        self.output_items = _items(self.shape.outputs, [True] * len(self.shape.outputs))
        self.input_items: tuple[Item, ...] = ()
        self.absent_outputs = {entry.name for entry in rule.outputs if entry.absent}
        self.wanted = bytearray(self.count)
        self.linked = bytearray(self.count)
        # The jobs on whose values all jobs rest, once a growing plan has asked for them.
        self.rests: frozenset[int] | None = None
        self._places: dict[object, dict[str, int | tuple[int, ...]]] = {}

    def again(self) -> RuleTable:
        """The same jobs with all that is known of them, to be wanted anew."""
        made = copy.copy(self)
        made.wanted = bytearray(self.count)
        return made

    # -- rows ---------------------------------------------------------------------------------

    def _start_rows(self) -> None:
        declared = tuple(name for name in self.names if name not in self.shape.free)
        if self.shape.free:
            rows = self.joins.rows(self, declared) if declared else None
            self._declared = set(zip(*rows.columns, strict=True)) if rows is not None else None
            self.columns: dict[str, list[str]] = {name: [] for name in self.names}
            self.count = 0
        elif not self.names:
            self.columns = {}
            self.count = 1
        else:
            rows = self.joins.rows(self, self.names)
            self.columns = dict(zip(rows.names, rows.columns, strict=True))
            self.count = rows.count
            if self.grows:
                self.columns = {name: list(column) for name, column in self.columns.items()}
            self.unfit = self._unfit_rows(self.columns, self.shape.outputs)
        self._declared_names = declared

    def _unfit_rows(
        self, columns: Mapping[str, Sequence[str]], entries: Sequence[Entry]
    ) -> dict[int, FileflowError]:
        """The rows with a value that was found while running and cannot fill a path, and why.

        Raises:
            FileflowError: for a declared value, which must be fit.
        """
        out: dict[int, FileflowError] = {}

        def blame(name: str, value: str, error: FileflowError) -> None:
            if not self.joins.is_found(name, entry.pattern):
                raise error
            for row, one in enumerate(columns[name]):
                if one == value:
                    out.setdefault(row, error)

        for entry in entries:
            pattern = entry.pattern
            if pattern is None:
                continue
            if pattern.is_placeholder and entry not in self.shape.outputs:
                if "" in columns.get(pattern.names[0], ()):
                    blame(pattern.names[0], "", _no_path(pattern.names[0], entry))
                continue
            for name in dict.fromkeys(pattern.names):
                column = columns.get(name)
                if column is None:
                    continue
                checks = self._compiled.get(name)
                for value in self.joins.odd_values(column):
                    if not value_allowed(value, checks):
                        blame(name, value, _unfit(value, name, entry))
        return out

    def row_for(self, values: Mapping[str, str]) -> int | None:
        """The row with these values of the mapped names; a growing table adds it."""
        key = tuple(values[name] for name in self.names)
        if self._row_of is None:
            if self.names:
                columns = [self.columns[name] for name in self.names]
                self._row_of = dict(zip(zip(*columns, strict=True), range(self.count), strict=True))
            else:
                self._row_of = {(): 0}
        row = self._row_of.get(key)
        if row is not None or not self.grows:
            return row
        if self.shape.free and self._declared is not None:
            declared = tuple(values[name] for name in self._declared_names)
            if declared not in self._declared and not self._open_fits(values):
                return None
        elif not self.shape.free and not self._open_fits(values):
            return None
        for name, value in zip(self.names, key, strict=True):
            self.columns[name].append(value)
        row = self._row_of[key] = self.count
        self.count += 1
        self.wanted.append(0)
        self.linked.append(0)
        for k, paths in enumerate(self._outputs):
            if paths is not None:
                paths.append(self._fill_output(k, row))
        for link in self.all_links():
            self._grow_link(link, row)
        return row

    def _open_fits(self, values: Mapping[str, str]) -> bool:
        """Whether values that an open relation does not have agree with all that are not open."""
        for relation in self.relations:
            if relation.open:
                continue
            names = [
                name
                for name in relation.names
                if name in self.columns and name not in relation.path_names
            ]
            wanted = tuple(values[name] for name in names)
            if names and wanted not in self.joins.value_set(relation, tuple(names)):
                return False
        return True

    def jobs(self) -> Table:
        """The mapped values of all rows."""
        return Table(self.names, tuple(self.columns[name] for name in self.names), self.count)

    def values_of(self, row: int) -> dict[str, str]:
        """The values of the mapped wildcards in a row."""
        return {name: self.columns[name][row] for name in self.names}

    # -- paths --------------------------------------------------------------------------------

    def output_paths(self, k: int) -> list[str]:
        """The paths of the k-th output, one for each row."""
        paths = self._outputs[k]
        if paths is None:
            pattern = self.shape.outputs[k].pattern
            assert pattern is not None
            columns: Mapping[str, Sequence[str]] = self.columns
            if self._holes:
                holes = {name: [text] * self.count for name, text in self._holes.items()}
                columns = {**self.columns, **holes}
            paths = pattern.fill_rows(columns, self.count)
            self._outputs[k] = paths
        return paths

    def places(self, key: object, paths: Sequence[str]) -> dict[str, int | tuple[int, ...]]:
        """Path → row, or rows where several give the same path, for an output of this key."""
        index = self._places.get(key)
        if index is None or self.grows:
            index = dict(zip(paths, range(len(paths)), strict=True))
            if len(index) < len(paths):
                many: dict[str, list[int]] = {}
                for row, path in enumerate(paths):
                    many.setdefault(path, []).append(row)
                index = {p: rows[0] if len(rows) == 1 else tuple(rows) for p, rows in many.items()}
            self._places[key] = index
        return index

    def _fill_output(self, k: int, row: int) -> str:
        pattern = self.shape.outputs[k].pattern
        assert pattern is not None
        return pattern.fill({**self.values_of(row), **self._holes})

    def outputs_of(self, row: int) -> tuple[str, ...]:
        """The output paths of one job; of a scattered one the pattern with what is not found."""
        paths = self._outputs
        if len(paths) == 1 and paths[0] is not None:
            return (paths[0][row],)
        return tuple([self.output_paths(k)[row] for k in range(len(paths))])

    def log_path(self, entry: Entry, row: int) -> str:
        """The path of one of the rule's log files for a job."""
        assert entry.pattern is not None, "bug: a log file is a path"
        values = self._with_lookups_row(entry.pattern, self.values_of(row))
        return entry.pattern.fill(values)

    # -- scattered outputs --------------------------------------------------------------------

    def key_of(self, row: int) -> Values:
        """The values that tell a job of the rule from its others."""
        return tuple([self.columns[name][row] for name in self.names])

    def in_order(self) -> Sequence[int]:
        """The rows in the order of the relations.

        By that the values that they tell, and what they make, are listed. Where values were found
        one after the other it is not that of the rows' numbers, which jobs keep.
        """
        if self.count < 2 or self.grows or not any(map(is_found, self.relations)):
            return range(self.count)
        columns = [self.columns[name] for name in self.names]
        row_of = dict(zip(zip(*columns, strict=True), range(self.count), strict=True))
        return [row_of[values] for values in self.joins.unplaced(self, self.names).rows()]

    def identity(self, row: int) -> Values:
        """The same with the rule's name: what stays as it is from one plan to the next."""
        return (self.rule.name, *self.key_of(row))

    @property
    def has_declared_scatter(self) -> bool:
        """Whether it scatters, and all values are declared."""
        return bool(self.scattered) and self.relation_number is None

    def is_declared(self, k: int) -> bool:
        """Whether all values of a scattered output are declared, so that its files are known."""
        return self.given.issuperset(self._scattered_names(k))

    def found(self, row: int) -> Found | None:
        """The files of a job's scattered outputs; None if they are not all known yet."""
        if not self.scattered:
            return None
        if self.relation_number is not None:
            return self.joins.known.of(self.relation_number).get(self.key_of(row))
        return Found((), tuple(self.known_files(row).items()))

    def known_files(self, row: int) -> dict[int, tuple[str, ...]]:
        """The files of each scattered output of a job, of those that are known."""
        if self.relation_number is not None:
            found = self.joins.known.of(self.relation_number).get(self.key_of(row))
            if found is not None:
                return dict(found.paths)
        return {k: self.declared_files(k, row) for k in self.scattered if self.is_declared(k)}

    def declared_files(self, k: int, row: int) -> tuple[str, ...]:
        """The files of a job's scattered output whose values are all declared."""
        rows = self._declared_of(k, row)
        assert rows is not None
        pattern = self.scatter_pattern(k, row)
        columns = dict(zip(rows.names, rows.columns, strict=True))
        return tuple(dict.fromkeys(pattern.fill_rows(columns, rows.count)))

    def declared_rows(self, k: int, row: int) -> tuple[tuple[str, ...], tuple[Values, ...]]:
        """Names of a scattered output that have declared values, and the rows of these for a job:
        each must be there, and no other. No name, no row if none has."""
        rows = self._declared_of(k, row)
        if rows is None:
            return (), ()
        names = tuple(name for name in rows.names if name in self.given)
        return names, tuple(dict.fromkeys(zip(*map(rows.column, names), strict=True)))

    def files_of(self, row: int, before: Sequence[str] = ()) -> list[tuple[Entry, str]]:
        """Each file that the job makes, with its entry.

        Of scattered outputs those known; until then those that it left `before`.
        """
        outputs = self.outputs_of(row)
        entries = self.shape.outputs
        if not self.scattered:
            return list(zip(entries, outputs, strict=True))
        by_position = self.known_files(row)
        if before and self.found(row) is None:
            earlier = self.found_in(row, before)
            by_position.update(earlier.paths if earlier is not None else ())
        return [
            (entry, path)
            for k, entry in enumerate(entries)
            for path in (by_position.get(k, ()) if k in self.scattered else (outputs[k],))
        ]

    def scatter_pattern(self, k: int, row: int) -> Pattern:
        """The pattern of a job's scattered output, in which only scattered names are open."""
        pattern = self.shape.outputs[k].pattern
        assert pattern is not None
        values = self._with_lookups_row(pattern, self.values_of(row))
        return _partly(pattern, values)

    def scatter_checks(self) -> dict[str, list[str]]:
        """The constraints of the scattered names."""
        found = {}
        for name in self.rule.scatter:
            regexes = [*self.joins.workflow.constraints.get(name, ())]
            if name in self.rule.constraints:
                regexes.append(self.rule.constraints[name])
            if regexes:
                found[name] = regexes
        return found

    def found_in(self, row: int, paths: Sequence[str]) -> Found | None:
        """What a job found that left these files; None if one of them fits no scattered output, or
        if they are not of the values that are declared."""
        checks = self.scatter_checks()
        patterns = {k: self.scatter_pattern(k, row) for k in self.scattered}
        matchers = {k: Matcher(pattern, checks) for k, pattern in patterns.items()}
        by_position: dict[int, list[tuple[Values, str]]] = {k: [] for k in self.scattered}
        for path in paths:
            fits = [(k, values) for k in self.scattered if (values := matchers[k].match(path))]
            if len(fits) != 1:
                return None
            k, values = fits[0]
            by_position[k].append((tuple(values[n] for n in patterns[k].wildcards), path))
        made = tuple((k, tuple(path for _, path in by_position[k])) for k in self.scattered)
        if self.relation_number is None:
            return Found((), made)
        tables = []
        for k, pattern in patterns.items():
            rows = list(dict.fromkeys(values for values, _ in by_position[k]))
            if not self._fits_declared(k, row, pattern, rows):
                return None
            columns = [list(c) for c in zip(*rows, strict=True)] or [[] for _ in pattern.wildcards]
            tables.append(Table(pattern.wildcards, tuple(columns), len(rows)))
        joined = natural_join(tables)
        names = told_names(self.joins.workflow.relations[self.relation_number])
        columns = [joined.column(name) for name in names]
        ordered = sorted(zip(*columns, strict=True), key=lambda r: [natural_key(v) for v in r])
        return Found(tuple(dict.fromkeys(ordered)), made)

    def declared_difference(
        self, row: int, files: Sequence[str], *outputs: int
    ) -> tuple[list[str], list[str]]:
        """What these files are of a job's scattered outputs (of these, or of all), and what is to
        be there, both told by the values that are declared."""
        checks = self.scatter_checks()
        patterns = {k: self.scatter_pattern(k, row) for k in outputs or self.scattered}
        matchers = {k: Matcher(pattern, checks) for k, pattern in patterns.items()}
        fit = {path for path in files for one in matchers.values() if one.match(path)}
        before = dict.fromkeys(path for path in files if path not in fit)
        after: dict[str, None] = {}
        for k, pattern in patterns.items():
            names, rows = self.declared_rows(k, row)
            holes = {name: f"{{{name}}}" for name in pattern.wildcards}
            fits = [values for path in files if (values := matchers[k].match(path))]
            there = [tuple([values[name] for name in names]) for values in fits]
            for found, said in ((before, there), (after, rows if names else there)):
                for one in said:
                    found[pattern.fill({**holes, **dict(zip(names, one, strict=True))})] = None
        return list(before), list(after)

    def _fits_declared(self, k: int, row: int, pattern: Pattern, there: Sequence[Values]) -> bool:
        """Whether values of a scattered output are, as far as they are declared, just these."""
        names, rows = self.declared_rows(k, row)
        spots = [pattern.wildcards.index(name) for name in names]
        return not names or {tuple([v[i] for i in spots]) for v in there} == set(rows)

    def _scattered_names(self, k: int) -> list[str]:
        """The scattered names of an output."""
        pattern = self.shape.outputs[k].pattern
        assert pattern is not None
        return [name for name in pattern.wildcards if name in self.rule.scatter]

    def _declared_of(self, k: int, row: int) -> Table | None:
        """For a job the rows of an output's names but those that it finds; None if it finds all."""
        count, found = self._declared_rows
        if count != self.count:
            found = self._find_declared()
            self._declared_rows = self.count, found
        return found[row].get(k)

    def _find_declared(self) -> list[dict[int, Table]]:
        """The same for all jobs and outputs."""
        names = (*self.names, *(n for n in self.rule.scatter if n in self.given))
        checks = {**self.checks, **self.scatter_checks()}
        relations = [self.joins.only(one, checks) for one in self.joins.relations_of(names)]
        jobs = self.jobs()
        per_job: list[dict[int, Table]] = [{} for _ in range(self.count)]
        for k in self.scattered:
            if self.given.isdisjoint(self._scattered_names(k)):
                continue
            pattern = self.shape.outputs[k].pattern
            assert pattern is not None
            found_names = set(self.rule.scatter) - self.given
            wanted = [name for name in pattern.wildcards if name not in found_names]
            found = gather_rows(relations, names, wanted, self.names, jobs)
            for row in range(self.count):
                per_job[row][k] = found.groups[found.group_of[row]]
        return per_job

    def label(self, row: int) -> str:
        """A job in the user's words: `tidy month=01`."""
        values = " ".join(f"{name}={value}" for name, value in self.values_of(row).items())
        return f"{self.rule.name} {values}" if values else self.rule.name

    # -- links --------------------------------------------------------------------------------

    def make_links(self) -> None:
        """Works out which paths each job takes, from the relations; once, when first wanted."""
        if self.links or self.afters:
            return
        # Not appended: a table that was taken over by another plan may share the empty ones.
        self.links = [self._make_link(entry) for entry in self.shape.inputs]
        self.afters = {}
        for site in self.sites:
            if site.kind is Kind.INPUT:
                self.links[site.position].given = self.answers[site.number]
            self.afters[site.number] = [
                self._make_link(Entry(place=pattern.place or site.call.place, pattern=pattern))
                for pattern in site.call.after
            ]
        self.input_items = _items(self.shape.inputs, [link.single for link in self.links])

    def all_links(self) -> Iterator[Link]:
        """What the jobs take, and what their calls wait for."""
        yield from self.links
        for links in self.afters.values():
            yield from links

    def answer(self, kind: Kind, name: str | None, row: int) -> object:
        """What a call answered for a job.

        Raises:
            FileflowError: if that is not known yet.
        """
        site = next(one for one in self.sites if one.kind is kind and one.name == name)
        try:
            return self.answers[site.number][row]
        except KeyError:
            raise FileflowError(
                f"{site} of rule {self.rule.name!r} is not known yet for the job {self.label(row)}",
                place=site.call.place,
            ) from None

    def is_order_only(self, item: Item) -> bool:
        """Whether an input item is no part of `{input}`."""
        return all(self.shape.inputs[k].order_only for k in item.entries)

    def column_value(self, name: str, row: int, *, each: bool = False) -> str | list[str]:
        """The value of another column of the rule's relations for one job, or all its values.

        Raises:
            FileflowError: if there is no such column, or its values disagree (unless `each`).
        """
        found = self._column(name)
        if found is None:
            raise FileflowError(
                f"rule {self.rule.name!r} knows no {{{name}}}",
                hint=did_you_mean(
                    name, [*self.names, *(n for r in self.relations for n in r.names)]
                ),
            )
        number = found.group_of[row]
        if each:
            return found.groups[number]
        value = found.singles[number]
        if value is None:
            several = len(set(found.groups[number]))
            raise FileflowError(
                f"{{{name}}} has {several or 'no'} value{'s' * bool(several)} for the job "
                f"{self.label(row)}" + ("" if several else ": no row with it agrees with the job"),
                hint=f"write {{{name}:each}} for the list of them",
            )
        return value

    def check_single(self, name: str, place: Place, hint: str | None) -> None:
        """A column that is asked for its one value must have one for each wanted job.

        Args:
            place: where it is asked for.
            hint: how a list is asked for there; None for text.

        Raises:
            FileflowError: if the rows of one disagree.
        """
        found = self._column(name)
        if found is not None and None in found.singles:
            for row in wanted_rows(self):
                try:
                    self.column_value(name, row)
                except FileflowError as error:
                    raise FileflowError(error.what, place=place, hint=hint or error.hint) from None

    def _column(self, name: str) -> Each | None:
        known = self._each.get(name)
        if known is None or known[0] != self.count:
            jobs = self.jobs()
            relations = self.joins.allowed(self)
            known = (self.count, columns_of(relations, self.shape.path_wildcards, jobs, name))
            self._each[name] = known
        return known[1]

    def has_column(self, name: str) -> bool:
        """Whether a relation that the rule uses has this name."""
        return any(name in relation.names for relation in self.relations)

    def _make_link(self, entry: Entry) -> Link:
        pattern = entry.pattern
        if pattern is None:
            # What a call gives says itself whether it is one.
            return Link(entry, None, single=entry.one and (entry.call is None or entry.absent))
        gathered = [name for name in pattern.wildcards if name not in self.columns]
        link = Link(entry, pattern, single=not gathered or entry.one)
        if entry.absent or (entry.optional and any(map(self._left_out, gathered))):
            link.groups = [self.joins.new_group([], None)]
            link.group_of = _Same(0)
            return link
        if not gathered and self.shape.outputs and self._all_limits():
            link.group_of = []
            self._link_single(link, self.jobs())
            return link
        if not gathered and self.names and pattern.wildcards:
            columns = self._with_lookups(pattern, self.columns, self.count, link.errors)
            link.errors |= {**self._unfit_rows(columns, (entry,)), **link.errors}
            link.fill_by(lambda: pattern.fill_rows(columns, self.count))
            if self.grows:  # before more rows come
                _ = link.paths
            link.makers = array("q", [UNRESOLVED]) * self.count
            return link
        if not gathered:
            path = pattern.fill(self._with_lookups_row(pattern, {}))
            link.groups = [self.joins.group(entry, [path])]
            link.group_of = _Same(0)
            return link
        self._check_gathered(gathered, entry)
        if self.grows:
            link.group_of = []
            for row in range(self.count):
                self._grow_link(link, row)
            return link
        jobs = self.jobs()
        self._link_groups(link, jobs)
        return link

    def _all_limits(self) -> list[Limit]:
        """What may leave a job without any row; only where something is gathered."""
        if self._limits is None:
            self._limits = self.joins.limits(self) if self.shape.gathered else []
        return self._limits

    def lacking(self, jobs: Table) -> list[bool] | None:
        """Which of these jobs no row agrees with, so that they take nothing; None if none is."""
        found = [limit.lacking(jobs) for limit in self._all_limits()] if self.shape.outputs else []
        lacks = [any(row) for row in zip(*found, strict=True)]
        return lacks if any(lacks) else None

    def _link_single(self, link: Link, jobs: Table) -> None:
        """A pattern that is one file, where there may be no row that agrees with a job."""
        pattern = link.pattern
        assert pattern is not None
        assert isinstance(link.group_of, list)
        lacking = self.lacking(jobs) or [False] * jobs.count
        wrong: dict[int, FileflowError] = {}
        plain = dict(zip(jobs.names, jobs.columns, strict=True))
        columns = self._with_lookups(pattern, plain, jobs.count, wrong)
        wrong = {**self._unfit_rows(plain, (link.entry,)), **wrong}
        for row in range(jobs.count):
            number = len(link.groups)
            values = {name: column[row] for name, column in columns.items()}
            is_fit = not lacking[row] and row not in wrong
            if row in wrong and not lacking[row]:
                link.errors[number] = wrong[row]
            link.group_of.append(number)
            link.groups.append(
                self.joins.group(link.entry, [pattern.fill(values)] if is_fit else [])
            )

    def _link_groups(self, link: Link, jobs: Table) -> None:
        found, groups, errors = self.joins.gathered(self, link.entry, jobs)
        start = len(link.groups)
        link.errors |= {start + number: error for number, error in errors.items()}
        link.groups += groups
        if isinstance(link.group_of, list):
            link.group_of += [start + number for number in found]
        else:
            link.group_of = found

    def _grow_link(self, link: Link, row: int) -> None:
        pattern = link.pattern
        if pattern is None and link.given is not None and isinstance(link.group_of, list):
            link.group_of.append(0)
        if pattern is None or isinstance(link.group_of, _Same):
            return
        values = self.values_of(row)
        if link.group_of is None:
            full = self._with_lookups_row(pattern, values)
            link.paths.append(pattern.fill(full))
            assert isinstance(link.makers, array)
            link.makers.append(UNRESOLVED)
            return
        jobs = Table(self.names, tuple([values[name]] for name in self.names), 1)
        if any(name not in self.columns for name in pattern.wildcards):
            self._link_groups(link, jobs)
        else:
            self._link_single(link, jobs)

    def _left_out(self, name: str) -> str:
        """The rule that would find values for a name, if it is not there; else an empty text."""
        workflow = self.joins.workflow
        rule = workflow.absent_scatters.get(name, "")
        if rule not in workflow.absent_rules or self.joins.relations_of((name,), self.rule.name):
            return ""
        return rule

    def _check_gathered(self, gathered: Sequence[str], entry: Entry) -> None:
        pattern = entry.pattern
        known = {
            name
            for relation in self.joins.relations_of(
                pattern.wildcards if pattern else (), self.rule.name
            )
            for name in relation.names
            if name not in relation.path_names
        }
        workflow = self.joins.workflow
        for name in gathered:
            if name not in known:
                hint = (
                    unnamed_column(workflow.relations, name)
                    or did_you_mean(name, self.joins.names)
                    or "declare it under `wildcards:`"
                )
                if absent := self._left_out(name):
                    hint = (
                        f"rule {absent} scatters it, but is there only when "
                        f"{workflow.absent_rules[absent]}: give this entry or rule the same "
                        "`when`, or let the entry be `optional`"
                    )
                raise FileflowError(
                    f"rule {self.rule.name!r} gathers {{{name}}}, which has no values: no key of "
                    "`wildcards` declares it",
                    place=entry.place,
                    hint=hint,
                )

    def _with_lookups(
        self,
        pattern: Pattern,
        columns: Mapping[str, list[str]],
        count: int,
        wrong: dict[int, FileflowError],
    ) -> Mapping[str, list[str]]:
        """The columns with those that config gives for their values.

        What config lacks for a value that was found while running is noted in `wrong`, by row.
        """
        if not pattern.lookups:
            return columns
        full = dict(columns)
        for text, keys in pattern.lookups:
            out = []
            for row in range(count):
                values = {name: columns[name][row] for name in columns}
                try:
                    out.append(self._looked_up(text, keys, values, pattern))
                except FileflowError as error:
                    if not self.joins.is_found(text, pattern):
                        raise
                    wrong.setdefault(row, error)
                    out.append("")
            full[text] = out
        return full

    def _with_lookups_row(self, pattern: Pattern, values: dict[str, str]) -> dict[str, str]:
        if not pattern.lookups:
            return values
        full = dict(values)
        for text, keys in pattern.lookups:
            full[text] = self._looked_up(text, keys, values, pattern)
        return full

    def _looked_up(
        self, text: str, keys: Sequence[str], values: Mapping[str, str], pattern: Pattern
    ) -> str:
        try:
            found = config_lookup(self.config, text, values)
        except FileflowError as error:
            raise FileflowError(error.what, place=pattern.place, hint=error.hint) from None
        return re.sub(r"\{(\w+)\}", lambda hole: values.get(hole[1], hole[0]), found)


def _items(entries: Sequence[Entry], single: Sequence[bool]) -> tuple[Item, ...]:
    """Groups entries into what an action gets: one item a name, one for each unnamed entry."""
    named: dict[object, list[int]] = {}
    for k, entry in enumerate(entries):
        named.setdefault(entry.name if entry.name is not None else k, []).append(k)
    out = []
    for key, numbers in named.items():
        first = numbers[0]
        alone = len(numbers) == 1 and not entries[first].listed and single[first]
        out.append(Item(key if isinstance(key, str) else None, tuple(numbers), alone))
    return tuple(out)


def _no_path(name: str, entry: Entry) -> FileflowError:
    return FileflowError(
        f"an empty value of {{{name}}} is no path",
        place=entry.place,
        hint="fill it in, or leave its row out with `where` or `except`",
    )


def _unfit(value: str, name: str, entry: Entry) -> FileflowError:
    shown = "an empty value" if value == "" else f"the value {value!r}"
    hint = "give the wildcard other values, or leave the row out with `except`"
    if "/" in value or value == "":
        hint = f"if that is meant, write in the rule  constraints: {{{name}: '.*'}}"
    return FileflowError(f"{shown} of {{{name}}} cannot fill a path", place=entry.place, hint=hint)


class _Same(Sequence[int]):
    """A sequence that holds one number for every row."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __getitem__(self, row: int) -> int:  # type: ignore[override]
        return self.number

    def __len__(self) -> int:
        return 0


_RowsKey = tuple[tuple[str, ...], tuple[int, ...], str]


class Joins:
    """The relations of a workflow, and what was joined of them: shared by all tables."""

    def __init__(
        self,
        workflow: Workflow,
        known: Known | None = None,
        before: Joins | None = None,
    ) -> None:
        """`before`: those of the run's plan before this one: rows that stay keep their places, and
        no list has a number that was given already."""
        self.workflow = workflow
        self.known = known or Known()
        self._first_group: int = before.next_group if before is not None else 0
        self._before = before._placed if before is not None else {}
        self._placed: dict[tuple[object, ...], Table] = {}
        if before is not None:
            same = set(map(id, before.workflow.relations)).intersection(map(id, workflow.relations))
            self._kept = {k: t for k, t in before._rows.items() if same.issuperset(k[1])}
        else:
            self._kept = {}
        self.beyond_reach = beyond_reach(workflow)
        self.names = sorted({n for relation in workflow.relations for n in relation.names})
        self.found_names = {
            name for one in workflow.relations if is_found(one) for name in own_names(one)
        }
        self._rows: dict[_RowsKey, Table] = {}
        self._sets: dict[tuple[int, tuple[str, ...]], set[tuple[str, ...]]] = {}
        self._odd: dict[int, tuple[Sequence[str], list[str]]] = {}
        self._filtered: dict[tuple[object, ...], Relation] = {}
        self._groups: dict[tuple[str, bool], Group] = {}
        self.groups: list[Group] = []

    def relations_of(self, names: Iterable[str], rule: str = "") -> list[Relation]:
        """The relations that share a name with these, in the order of the file.

        What a scatter finds reaches a rule through inputs: where several scatters find values for
        one name, those count that reach `rule`.
        """
        wanted = set(names)
        left_out = self.beyond_reach.get(rule, ())
        return [
            one
            for one in self.workflow.relations
            if wanted & set(one.names) and one.scattered_by not in left_out
        ]

    def is_found(self, name: str, pattern: Pattern | None) -> bool:
        """Whether what a name stands for in a pattern rests on values found while running."""
        if name in self.found_names or pattern is None:
            return name in self.found_names
        keys = next((keys for text, keys in pattern.lookups if text == name), ())
        return not self.found_names.isdisjoint(keys)

    def group(self, entry: Entry, paths: list[str]) -> Group:
        """A group for these paths; a single path has the same one for all entries that may do
        without it, and another for all that may not."""
        if len(paths) != 1:
            return self.new_group(paths, None)
        key = (paths[0], entry.optional)
        if key not in self._groups:
            self._groups[key] = self.new_group(paths, None)
        return self._groups[key]

    def own_group(self, group: Group) -> Group:
        """A group of the same paths for those that ask with other values than the rest."""
        made = Group(self.next_group, group.paths, group.rows)
        self.groups.append(made)
        return made

    @property
    def next_group(self) -> int:
        """The number of the next group: no other group of the run has it."""
        return self._first_group + len(self.groups)

    def new_group(self, paths: list[str], rows: Table | None) -> Group:
        """A group that nobody else has."""
        made = Group(self.next_group, paths, rows)
        self.groups.append(made)
        return made

    def rows(self, table: RuleTable, names: tuple[str, ...]) -> Table:
        """The rows of the natural join over the mapped names, shared by tables that agree."""
        checks = {name: regexes for name, regexes in table.checks.items() if name in names}
        key = (names, tuple(id(one) for one in table.relations), repr(sorted(checks.items())))
        found = self._rows.get(key)
        if found is None and key in self._kept:
            found = self._rows[key] = self._kept[key]
            self._remember(found, table.relations, key[2])
        if found is None:
            found = self.unplaced(table, names)
            if any(map(is_found, table.relations)):
                found = self._placed_as_before(found, table.relations, key[2])
            self._rows[key] = found
        return found

    def unplaced(self, table: RuleTable, names: tuple[str, ...]) -> Table:
        """The same rows in the order of the relations."""
        checks = {name: regexes for name, regexes in table.checks.items() if name in names}
        relations = [self.only(one, checks) for one in table.relations]
        return job_rows(relations, table.shape.path_wildcards, names)

    def keep(self, table: RuleTable) -> None:
        """The jobs of a rule stay as the plan before had them."""
        declared = tuple(name for name in table.names if name not in table.shape.free)
        if declared:
            self.rows(table, declared)

    def _remember(self, rows: Table, relations: Sequence[Relation], checks: object) -> None:
        ids = [id(relation) for relation in self.workflow.relations]
        numbers = tuple(ids.index(id(relation)) for relation in relations)
        if any(map(is_found, relations)):
            self._placed[rows.names, numbers, checks] = rows

    def _placed_as_before(
        self, rows: Table, relations: Sequence[Relation], checks: object
    ) -> Table:
        """Rows that the plan before had come first, in its order, so that jobs keep their numbers.

        Only if it had none that is gone.
        """
        ids = [id(relation) for relation in self.workflow.relations]
        key = (rows.names, tuple(ids.index(id(relation)) for relation in relations), checks)
        earlier = self._before.get(key)
        if earlier is not None and 0 < earlier.count <= rows.count:
            old = earlier.rows()
            if old != rows.rows()[: earlier.count]:
                left = dict.fromkeys(rows.rows())
                for row in old:
                    left.pop(row, None)
                if len(left) == rows.count - earlier.count:
                    columns = zip(*old, *left, strict=True)
                    rows = Table(rows.names, tuple(map(list, columns)), rows.count)
        self._placed[key] = rows
        return rows

    def gathered(
        self, table: RuleTable, entry: Entry, jobs: Table
    ) -> tuple[Sequence[int], list[Group], dict[int, FileflowError]]:
        """For each job the number of its group, and the groups of paths that this entry gathers.

        Values that were found while running and give no path are left out of their group; last
        comes, by the number of such a group, what is wrong.
        """
        pattern = entry.pattern
        assert pattern is not None
        alone = table.rule.asks_only or not table.shape.outputs
        wildcards = pattern.wildcards
        checks = table.checks
        if alone:
            checks = {name: checks[name] for name in wildcards if name in checks}
        else:  # what a call waits for may have wildcards that stand in no input
            wildcards = tuple(dict.fromkeys((*table.shape.path_wildcards, *wildcards)))
        relations = self.relations_of(wildcards, table.rule.name)
        relations = [self.only(one, checks) for one in relations]
        mapped = jobs.names
        lacking = table.lacking(jobs)
        found = gather_rows(relations, wildcards, pattern.wildcards, mapped, jobs, lacking)
        groups: list[Group] = []
        errors: dict[int, FileflowError] = {}
        for rows in found.groups:
            columns = dict(zip(rows.names, rows.columns, strict=True))
            wrong: dict[int, FileflowError] = {}
            full = table._with_lookups(pattern, columns, rows.count, wrong)
            wrong = {**table._unfit_rows(full, (entry,)), **wrong}
            if wrong:
                errors[len(groups)] = wrong[min(wrong)]
                fit = [row for row in range(rows.count) if row not in wrong]
                kept = tuple([column[row] for row in fit] for column in rows.columns)
                rows = Table(rows.names, kept, len(fit))
                full = {n: [column[row] for row in fit] for n, column in full.items()}
            paths = pattern.fill_rows(full, rows.count)
            unique = dict.fromkeys(paths)
            if len(unique) != len(paths):
                paths = list(unique)
            groups.append(self.new_group(paths, rows))
        return found.group_of, groups, errors

    def allowed(self, table: RuleTable) -> list[Relation]:
        """The relations of a table without the rows that its constraints exclude."""
        return [self.only(one, table.checks) for one in table.relations]

    def limits(self, table: RuleTable) -> list[Limit]:
        """What may leave a job of the table without any row that agrees with it."""
        relations = self.allowed(table)
        filtered = {
            number
            for number, (one, whole) in enumerate(zip(relations, table.relations, strict=True))
            if one is not whole
            and any(n in table.checks and n not in table.names for n in one.names)
        }
        return limits_of(relations, table.shape.path_wildcards, table.names, filtered)

    def only(self, relation: Relation, checks: Mapping[str, Sequence[str]]) -> Relation:
        """A relation without the rows that constraints exclude."""
        mine = {name: checks[name] for name in relation.names if name in checks}
        if not mine or not len(relation):
            return relation
        key = (id(relation), repr(sorted(mine.items())))
        if key not in self._filtered:
            keep = bytearray(b"\1") * len(relation)
            for name, regexes in mine.items():
                compiled = [re.compile(regex) for regex in regexes]
                for row, value in enumerate(relation.column(name)):
                    if not all(one.fullmatch(value) for one in compiled):
                        keep[row] = 0
            made = relation
            if not all(keep):
                columns = tuple(
                    [value for value, kept in zip(column, keep, strict=True) if kept]
                    for column in relation.columns
                )
                made = replace(relation, columns=columns)
            self._filtered[key] = made
        return self._filtered[key]

    def value_set(self, relation: Relation, names: tuple[str, ...]) -> set[tuple[str, ...]]:
        """The distinct rows of a relation over some of its names."""
        key = (id(relation), names)
        if key not in self._sets:
            self._sets[key] = set(zip(*(relation.column(name) for name in names), strict=True))
        return self._sets[key]

    def odd_values(self, column: Sequence[str]) -> list[str]:
        """The values of a column that may be unfit for a path; looked for once a column."""
        known = self._odd.get(id(column))
        if known is None or known[0] is not column:
            joined = "\n".join(column)
            odd: list[str] = []
            # Most columns are fit as a whole: one look at the joined text tells.
            if (
                "/" in joined
                or "\0" in joined
                or "\n\n" in f"\n{joined}\n"
                or "\n.\n" in f"\n{joined}\n"
                or "\n..\n" in f"\n{joined}\n"
                or joined.count("\n") >= max(1, len(column))
            ):
                odd = [v for v in column if not v or v in {".", ".."} or set(v) & set("/\0\n")]
            known = (column, odd)
            self._odd[id(column)] = known
        return known[1]


def beyond_reach(workflow: Workflow) -> dict[str, set[str | None]]:
    """For each rule the scatters whose values do not reach it though it uses a name of theirs.

    Only where several scatters find values for one name: they reach a rule through the inputs that
    carry the name, over any number of rules.
    """
    finders: dict[str, list[str]] = {}
    for relation in workflow.relations:
        if relation.scattered_by is not None:
            for name in own_names(relation):
                finders.setdefault(name, []).append(relation.scattered_by)
    shared = {name: rules for name, rules in finders.items() if len(rules) > 1}
    if not shared:
        return {}
    left_out: dict[str, set[str | None]] = {rule: set() for rule in workflow.rules}
    for name, scatters in shared.items():
        reached: dict[str, set[str]] = {rule: set() for rule in workflow.rules}
        carriers = [
            (rule.name, entry.pattern)
            for rule in workflow.rules.values()
            for entry in rule.inputs
            if entry.pattern is not None and name in entry.pattern.wildcards
        ]
        makers = [
            (rule.name, Matcher(entry.pattern, {}), name in rule.scatter)
            for rule in workflow.rules.values()
            for entry in rule.outputs
            if entry.pattern is not None and name in entry.pattern.wildcards
        ]
        changed = True
        while changed:
            changed = False
            for taker, pattern in carriers:
                if pattern.lookups:
                    continue
                path = pattern.fill({one: f"={one}=" for one in pattern.names})
                for maker, matcher, scatters_it in makers:
                    values = matcher.match(path)
                    if values is None or values[name] != f"={name}=":
                        continue
                    new = {maker} if scatters_it else reached[maker]
                    if not new <= reached[taker]:
                        reached[taker] |= new
                        changed = True
        for rule, found in reached.items():
            if found:
                left_out[rule] |= set(scatters) - found
    return left_out


def matcher_for(table: RuleTable, entry: Entry) -> Matcher:
    """The matcher of an output pattern under the rule's constraints."""
    assert entry.pattern is not None
    return Matcher(entry.pattern, table.checks)


def wanted_rows(table: RuleTable) -> Sequence[int]:
    """The rows of a table that are wanted."""
    if 0 not in table.wanted:
        return range(table.count)
    return [row for row, wanted in enumerate(table.wanted) if wanted]


def makers_of(tables: Mapping[int, RuleTable], job: int) -> Iterator[int]:
    """The jobs that make what a job takes, or what its calls wait for."""
    table = tables[job >> SHIFT]
    for link in table.all_links():
        for maker in link.makers_of(job & ROW):
            if maker >= 0:
                yield maker


def wanted_links(
    tables: Iterable[RuleTable],
) -> Iterator[tuple[Link, RuleTable, Sequence[str], Sequence[int]]]:
    """The paths and makers of all wanted links: by job, or by group."""
    seen: set[int] = set()
    for table in list(tables):
        if 1 not in table.wanted:
            continue
        for link in table.all_links():
            if link.group_of is None:
                if link.makers is not None and not isinstance(link.makers, range):
                    yield link, table, link.paths, link.makers
                continue
            for group in link.groups:
                if group.makers is not None and (group.number not in seen):
                    if not link.entry.optional:
                        seen.add(group.number)
                    yield link, table, group.paths, group.makers
