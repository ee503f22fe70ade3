"""The jobs of each rule, all rows at once, and the paths that they take and make.

Pure: values come from relations, paths from patterns; whether a file is there, who makes it and
what is stale is not known here. Columns of values are shared between rules and never changed.
"""

from __future__ import annotations

import copy
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence

from fileflow.errors import FileflowError, Place, did_you_mean
from fileflow.model.patterns import Matcher, Pattern, natural_key, partly, value_allowed
from fileflow.model.rules import (
    OWN_MARK,
    Entry,
    Kind,
    Relation,
    Rule,
    Workflow,
    unnamed_column,
)
from fileflow.model.unfit import leaves_a_gap, may_leave_a_gap, no_file, no_path, unfit
from fileflow.planning.filling import Item, config_lookup
from fileflow.planning.joined import Joins
from fileflow.planning.joins import (
    Each,
    Limit,
    Table,
    columns_of,
    gather_rows,
    natural_join,
)
from fileflow.planning.known import Found, Values, is_found, own_names, regexes_of, told_names
from fileflow.planning.links import ROW, SHIFT, UNRESOLVED, Link, Same
from fileflow.planning.questions import Site, sites_of
from fileflow.planning.shapes import items_of, shape_of


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
        self.sites: tuple[Site, ...] = sites_of(rule, self.shape.inputs)
        awaited = {n for site in self.sites for p in site.call.after for n in p.wildcards}
        # What the rule uses only through files that its calls wait for, which tell columns too.
        self._wildcards = (*self.shape.path_wildcards, *awaited)
        self.checks = self._checks_of(self._wildcards)
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
        self.answers: tuple[dict[int, object], ...] = tuple({} for _ in self.sites)
        self.afters: dict[int, list[Link]] = {}
        self.gives_inputs = any(site.kind is Kind.INPUT for site in self.sites)
        self.gathered_names = {
            *self.shape.gathered,
            *self.shape.idle,
            *awaited.difference(self.names),
        }
        own = set(map(id, self.relations))
        reached = cache.relations_of(self._wildcards, rule.name) if awaited else []
        self._awaited = [relation for relation in reached if id(relation) not in own]
        self._each: dict[str, tuple[int, Each | None]] = {}
        self._limits: list[Limit] | None = None
        self._start_rows()
        outputs = self.shape.outputs
        self.output_items = items_of(outputs, [entry.own is None for entry in outputs])
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
            self.unfit = self.unfit_rows(self.columns, self.shape.outputs)
        self._declared_names = declared

    def unfit_rows(
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
                    blame(pattern.names[0], "", no_path(pattern.names[0], entry.place))
                continue
            for name in dict.fromkeys(pattern.names):
                column = columns.get(name)
                if column is None:
                    continue
                checks = self._compiled.get(name)
                from_config = any(name == text for text, _ in pattern.lookups)
                for value in self.joins.odd_values(column):
                    if from_config:  # it may bring folders, as it may where no wildcard picks it
                        if "\n" in value or "\0" in value:
                            blame(name, value, unfit(value, name, entry.place, True))
                    elif not value_allowed(value, checks):
                        blame(name, value, unfit(value, name, entry.place, bool(checks)))
            if pattern.names and entry in self.shape.outputs:
                for row, name, error in self._gaps(columns, entry, pattern):
                    if not self.joins.is_found(name, pattern):
                        raise error
                    out.setdefault(row, error)
        return out

    def _gaps(
        self, columns: Mapping[str, Sequence[str]], entry: Entry, pattern: Pattern
    ) -> Iterator[tuple[int, str, FileflowError]]:
        """The rows whose values leave a part of an output's path empty, whose, and what is wrong.

        Only a constraint lets such values fill a path at all.
        """
        if any(name not in columns for name in pattern.names):
            return
        odd = [
            name
            for name in dict.fromkeys(pattern.names)
            if any(may_leave_a_gap(value) for value in self.joins.odd_values(columns[name]))
        ]
        for row in range(self.count if odd else 0):
            name = next((name for name in odd if may_leave_a_gap(columns[name][row])), None)
            if name is None:
                continue
            path = pattern.fill({one: columns[one][row] for one in pattern.names})
            if leaves_a_gap(pattern, path):
                yield row, name, no_file(columns[name][row], name, path, entry.place)

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
            if declared not in self._declared and not self.may_have(values):
                return None
        elif not self.shape.free and not self.may_have(values):
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

    def may_have(self, values: Mapping[str, str]) -> bool:
        """Whether values, of all names or of some, agree with each relation that is not open."""
        for relation in self.relations:
            if relation.open:
                continue
            names = [
                name
                for name in relation.names
                if name in values and name in self.columns and name not in relation.path_names
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
            paths = self._outputs[k] = self._filled(pattern, columns)
        return paths

    def _filled(self, pattern: Pattern, columns: Mapping[str, Sequence[str]]) -> list[str]:
        """The paths of all rows; a list of our own where rows may come."""
        if self.grows:
            return pattern.fill_rows(columns, self.count)
        return self.joins.filled(pattern, columns, self.count)

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

    def key(self, row: int) -> str:
        """The name under which the records know a job."""
        outputs = self.outputs_of(row)
        return outputs[0] if outputs else f"rule {self.rule.name}"

    def log_paths(self, entry: Entry) -> list[str]:
        """The paths of one of the rule's log files, one for each row.

        Empty where config lacks a key that the path names: that is told of the jobs that run.
        """
        assert entry.pattern is not None, "bug: a log file is a path"
        if not entry.pattern.lookups:
            return entry.pattern.fill_rows(self.columns, self.count)
        paths = []
        for row in range(self.count):
            try:
                paths.append(self.log_path(entry, row))
            except FileflowError:
                paths.append("")
        return paths

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
        return partly(pattern, values)

    def scatter_checks(self) -> dict[str, list[str]]:
        """The constraints of the scattered names."""
        return self._checks_of(self.rule.scatter)

    def _checks_of(self, names: Iterable[str]) -> dict[str, list[str]]:
        workflow = self.joins.workflow
        return {n: found for n in names if (found := regexes_of(self.rule, n, workflow))}

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
        self.input_items = items_of(self.shape.inputs, [link.single for link in self.links])

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
                    name,
                    [
                        *self.names,
                        *(n for r in (*self.relations, *self._awaited) for n in r.names),
                    ],
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

    def check_single(self, name: str, place: Place, hint: str | None, rows: Iterable[int]) -> None:
        """A column that is asked for its one value must have one for each of these jobs.

        Args:
            place: where it is asked for.
            hint: how a list is asked for there; None for text.

        Raises:
            FileflowError: if the rows of one disagree.
        """
        found = self._column(name)
        if found is not None and None in found.singles:
            for row in rows:
                try:
                    self.column_value(name, row)
                except FileflowError as error:
                    raise FileflowError(error.what, place=place, hint=hint or error.hint) from None

    def _column(self, name: str) -> Each | None:
        known = self._each.get(name)
        if known is None or known[0] != self.count:
            jobs = self.jobs()
            relations = self.joins.allowed(self)
            found = columns_of(relations, self.shape.path_wildcards, jobs, name)
            if found is None and self._tells_awaited(name):
                found = columns_of([*relations, *self._awaited], self._wildcards, jobs, name)
            known = (self.count, found)
            self._each[name] = known
        return known[1]

    def has_column(self, name: str) -> bool:
        """Whether a relation that the rule uses has this name."""
        has = any(name in relation.names for relation in self.relations)
        return has or self._tells_awaited(name)

    def _tells_awaited(self, name: str) -> bool:
        """Whether a name is another one of what the rule uses only through its calls' files."""
        return name not in self.gathered_names and any(name in one.names for one in self._awaited)

    def _make_link(self, entry: Entry) -> Link:
        pattern = entry.pattern
        if pattern is None:
            # What a call gives says itself whether it is one.
            return Link(entry, None, single=entry.one and (entry.call is None or entry.absent))
        gathered = [name for name in pattern.wildcards if name not in self.columns]
        link = Link(entry, pattern, single=not gathered or entry.one)
        if entry.absent or (entry.optional and any(map(self._left_out, gathered))):
            link.groups = [self.joins.new_group([], None)]
            link.group_of = Same()
            return link
        if not gathered and self.shape.outputs and self._all_limits():
            link.group_of = []
            self._link_single(link, self.jobs())
            return link
        if not gathered and self.names and pattern.wildcards:
            columns = self.with_lookups(pattern, self.columns, self.count, link.errors)
            link.errors |= {**self.unfit_rows(columns, (entry,)), **link.errors}
            link.fill_by(lambda: self._filled(pattern, columns))
            if self.grows:  # before more rows come
                _ = link.paths
            link.makers = array("q", [UNRESOLVED]) * self.count
            return link
        if not gathered:
            path = pattern.fill(self._with_lookups_row(pattern, {}))
            link.groups = [self.joins.group(entry, [path])]
            link.group_of = Same()
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
        columns = self.with_lookups(pattern, plain, jobs.count, wrong)
        wrong = {**self.unfit_rows(plain, (link.entry,)), **wrong}
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
        if pattern is None or isinstance(link.group_of, Same):
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
        absent = self.joins.workflow.absent
        if self.joins.relations_of((name,), self.rule.name):
            return ""
        return next((rule for rule in absent if name in absent[rule].scatters), "")

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
                    or did_you_mean(name, self.joins.shown_names)
                    or "declare it under `wildcards:`"
                )
                if absent := self._left_out(name):
                    hint = (
                        f"rule {absent} scatters it, but is there only when "
                        f"{workflow.absent[absent].why}: give this entry or rule the same "
                        "`when`, or let the entry be `optional`"
                    )
                raise FileflowError(
                    f"rule {self.rule.name!r} gathers {{{name}}}, which has no values: no key of "
                    "`wildcards` declares it",
                    place=entry.place,
                    hint=hint,
                )

    def with_lookups(
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
