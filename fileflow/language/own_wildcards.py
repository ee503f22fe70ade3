"""Gives entries the values of their own wildcards: `{path: "raw/{n}.txt", n: [1, 2]}`.

Values that are known stay with the entry, which stands for the paths that they give. Those that
stand in a list which a rule makes become a relation like any, under a name that nothing else has,
so that what waits for them is found as for all values that are found while running. Knows the
entries of one rule at a time; not how values are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from fileflow.errors import Collector, FileflowError
from fileflow.language.entries import Own
from fileflow.language.relations import OwnRead
from fileflow.lean import replace
from fileflow.model.patterns import Pattern, value_allowed
from fileflow.model.rules import OWN_MARK, Entry, Relation, Rule
from fileflow.model.unfit import leaves_a_gap, may_leave_a_gap, no_file, no_path, unfit


class OwnWildcards:
    """The entries' own wildcards of all rules; `relations` and `constraints` are those of lists
    that rules make, `warnings` and `passed_over` what is said of any."""

    def __init__(self, read: Callable[[Own], OwnRead], errors: Collector) -> None:
        self._read = read
        self._errors = errors
        self.relations: list[Relation] = []
        self.constraints: dict[str, tuple[str, ...]] = {}
        self.warnings: list[str] = []
        self.passed_over: dict[str, int] = {}
        self._marks: set[str] = set()

    def given_to(self, rule: Rule, owns: Mapping[int, Own]) -> Rule:
        """The rule with the values; `owns` holds by the place of an entry what it said of them."""
        distinct = {id(own): own for own in owns.values()}
        read = {key: self._read(own) for key, own in distinct.items()}
        named: dict[int, dict[str, str]] = {}
        constraints = dict(rule.constraints)
        for number, own in enumerate(distinct.values()):
            found = read[id(own)]
            self.warnings += found.warnings
            for key, count in found.passed_over.items():
                said = f"{key} in rule {rule.name}"
                self.passed_over[said] = self.passed_over.get(said, 0) + count
            if found.is_made:
                mark = self._mark(rule, number)
                names = {name: f"{name}{mark}" for name in own.names}
                named[id(own)] = names
                self._keep(found, names)
                for name, other in names.items():
                    if name in constraints:
                        constraints[other] = constraints[name]

        def inputs() -> Iterable[Entry]:
            for entry in rule.inputs:
                own = owns.get(id(entry))
                if own is None or not read[id(own)].relations:
                    yield entry
                elif id(own) in named:
                    yield entry._replace(pattern=_renamed(entry.pattern, named[id(own)]))
                else:
                    values = self._fit_values(rule, entry, read[id(own)], is_output=False)
                    self._check_one(entry, values)
                    yield entry._replace(own=values)

        def outputs() -> Iterable[Entry]:
            for entry in rule.outputs:
                own = owns.get(id(entry))
                if own is None or not read[id(own)].relations:
                    yield entry
                    continue
                relations = read[id(own)].relations
                if id(own) not in named:
                    values = self._fit_values(rule, entry, read[id(own)], is_output=True)
                    yield entry._replace(own=values)
                    continue
                self._check_output(entry, relations)
                names = named[id(own)]
                pattern = _renamed(entry.pattern, names)
                yield entry._replace(pattern=pattern, own=_with_names(relations[0], names))

        return rule._replace(
            inputs=tuple(inputs()), outputs=tuple(outputs()), constraints=constraints
        )

    def _fit_values(self, rule: Rule, entry: Entry, read: OwnRead, *, is_output: bool) -> Relation:
        """The values that the rule's constraints leave; those that cannot fill the entry's path
        are mistakes, as they are of values of `wildcards`."""
        pattern = entry.pattern
        assert pattern is not None, "bug: only paths have wildcards of their own"
        relation = read.joined(pattern)
        rows = list(allowed_rows(relation, rule.constraints))
        for name in relation.names:
            if name not in pattern.wildcards:
                continue
            mine = [rule.constraints[name]] if name in rule.constraints else []
            checks = [re.compile(regex) for regex in (*read.constraints.get(name, ()), *mine)]
            for value in dict.fromkeys(row[name] for row in rows):
                if pattern.is_placeholder and not is_output:
                    if value == "":
                        self._errors.add(no_path(name, entry.place))
                elif not value_allowed(value, checks):
                    self._errors.add(unfit(value, name, entry.place, bool(checks)))
        columns = tuple([row[name] for row in rows] for name in relation.names)
        if is_output:
            self._check_gaps(entry, pattern, rows)
        if not rows:
            self._errors.add(
                FileflowError(
                    f"the constraints of rule {rule.name!r} leave no value of "
                    f"{', '.join(relation.names)} for {pattern}",
                    place=entry.place,
                )
            )
        return replace(relation, columns=columns)

    def _check_gaps(
        self, entry: Entry, pattern: Pattern, rows: Iterable[Mapping[str, str]]
    ) -> None:
        for values in rows:
            odd = [name for name, value in values.items() if may_leave_a_gap(value)]
            path = pattern.fill({name: values.get(name, "x") for name in pattern.names})
            if odd and leaves_a_gap(pattern, path):
                self._errors.add(no_file(values[odd[0]], odd[0], path, entry.place))

    def _mark(self, rule: Rule, number: int) -> str:
        """What tells the names apart from all others, and stays as other rules come and go."""
        word = re.sub(r"\W", "_", rule.name, flags=re.ASCII)
        mark = f"{OWN_MARK}{word}{OWN_MARK}{number}"
        while mark in self._marks:
            mark += OWN_MARK
        self._marks.add(mark)
        return mark

    def _keep(self, found: OwnRead, names: Mapping[str, str]) -> None:
        self.relations += [_with_names(relation, names) for relation in found.relations]
        for name, regexes in found.constraints.items():
            self.constraints[names[name]] = regexes

    def _check_one(self, entry: Entry, relation: Relation) -> None:
        if entry.one and len(relation) > 1:
            self._errors.add(
                FileflowError(
                    f"{entry.pattern} is said to be one file (`one: true`), but its own "
                    f"{', '.join(relation.names)} gives {len(relation)}",
                    place=entry.place,
                    hint="leave `one` out: then it is a list",
                )
            )

    def _check_output(self, entry: Entry, relations: Sequence[Relation]) -> None:
        """All jobs of a rule have the same outputs but for their wildcards."""
        made = next(relation for relation in relations if relation.made is not None)
        assert made.made is not None
        if made.path_names:
            path = made.made.pattern
            self._errors.add(
                FileflowError(
                    f"the output {entry.pattern}: there is a {path} for each value of "
                    f"{', '.join(sorted(made.path_names))}, and which files a rule makes cannot "
                    "differ from job to job",
                    place=made.place,
                    hint="put these values into `wildcards` and write scatter: "
                    f"{made.names[0]}, so that a job makes those that its list says",
                )
            )
        elif len(relations) > 1:
            self._errors.add(
                FileflowError(
                    f"the output {entry.pattern}: values in a list that a rule makes stand alone",
                    place=made.place,
                    hint="let the rule write a table with all of them: "
                    f"{', '.join(n for one in relations for n in one.names)}: {{table: …}}",
                )
            )


def allowed_rows(relation: Relation, constraints: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The rows of an entry's own wildcards that its rule's constraints leave, by name."""
    for row in zip(*relation.columns, strict=True):
        values = dict(zip(relation.names, row, strict=True))
        mine = [name for name in values if name in constraints]
        if all(re.fullmatch(constraints[name], values[name]) for name in mine):
            yield values


def _with_names(relation: Relation, names: Mapping[str, str]) -> Relation:
    made = relation.made
    if made is not None:
        columns = {names[name]: header for name, header in made.columns.items()}
        keep = made.keep
        if keep is not None:
            keep = replace(
                keep,
                where=tuple((names[name], values) for name, values in keep.where),
                without=tuple((names[name], values) for name, values in keep.without),
            )
        made = replace(made, columns=columns, keep=keep)
    return replace(
        relation, names=tuple(names.get(name, name) for name in relation.names), made=made
    )


def _renamed(pattern: Pattern | None, names: Mapping[str, str]) -> Pattern | None:
    """The same pattern, with its text as written, over other names."""
    if pattern is None:
        return None
    return pattern._replace(
        names=tuple(names.get(name, name) for name in pattern.names),
        wildcards=tuple(names.get(name, name) for name in pattern.wildcards),
    )
