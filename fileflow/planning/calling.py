"""Follows the calls of wanted jobs: binds their arguments, waits for files, puts the questions.

Pure: functions are called behind `Answers`. A call with `after` files is put once the jobs that
make them are settled; until then its job is deferred and wants those jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol

from fileflow.errors import Collector, FileflowError, did_you_mean
from fileflow.language.yaml_nodes import Mapping as Tree
from fileflow.language.yaml_nodes import Node, Scalar
from fileflow.lean import dataclass, field
from fileflow.model.ports import Parameter
from fileflow.model.rules import Call, Kind
from fileflow.planning.binding import converter
from fileflow.planning.filling import JobValues, python_config, sorted_keys, typed_value
from fileflow.planning.known import Known
from fileflow.planning.links import LATER, PENDING, ROW, SHIFT, SOURCE, Link
from fileflow.planning.plan import Looks
from fileflow.planning.questions import (
    UNKNOWN,
    Answers,
    Question,
    Site,
    said,
)
from fileflow.planning.tables import RuleTable

Getter = Callable[[JobValues], object]


# -- arguments --------------------------------------------------------------------------------


@dataclass(slots=True)
class Asking:
    """How the function of a call is asked: what each of its parameters is given.

    `measured` are those that only the moment of ordering has: `input_mb` and `attempt`.
    """

    site: Site
    getters: dict[str, Getter] = field(default_factory=dict)
    takes_after: bool = False
    takes_config: bool = False
    measured: tuple[str, ...] = ()

    def question(
        self,
        table: RuleTable,
        row: int,
        after: Sequence[str] = (),
        makers: Iterable[tuple[str, ...]] = (),
        measured: Mapping[str, object] | None = None,
    ) -> Question:
        """The question of one job; `measured` has the values of what only its order has."""
        job = JobValues(table, row)
        arguments = {name: get(job) for name, get in self.getters.items()}
        arguments.update(measured or {})
        if self.takes_after:
            links = table.afters[self.site.number]
            one = len(links) == 1 and links[0].single
            arguments["after"] = after[0] if one else list(after)
        return Question(
            self.site, table, row, arguments, tuple(after), self.takes_after, tuple(makers)
        )


def after_paths(table: RuleTable, site: Site, row: int) -> list[str]:
    """The files that a job's call waits for."""
    found: list[str] = []
    for link in table.afters[site.number]:
        group = link.group(row)
        found += [link.paths[row]] if group is None else group.paths
    return found


MEASURED = ("input_mb", "attempt")


def asking_of(table: RuleTable, site: Site, parameters: Sequence[Parameter]) -> Asking:
    """Binds the parameters of a call's function to what its job has.

    Raises:
        FileflowError (or Mistakes): for a parameter that nothing provides, or a name in `with` that
            nothing takes.
    """
    call = site.call
    made = Asking(site)
    errors = Collector()
    extra = dict(call.extra.items) if call.extra is not None else {}
    rest = False
    measured = list(MEASURED) if site.is_amount else []

    def fail(what: str, hint: str | None) -> None:
        text = f"{said(site, table.rule)}: {call.module}:{call.function} {what}"
        errors.add(FileflowError(text, place=call.place, hint=hint))

    for parameter in parameters:
        name = parameter.name
        if parameter.kind == "var_positional":
            continue
        if parameter.kind == "var_keyword":
            rest = True
            continue
        if parameter.kind == "positional_only":
            if not parameter.has_default:
                fail(
                    f"takes {name!r} by its position alone, but arguments are given by name",
                    "take the `/` out of its parameters",
                )
            continue
        if name in extra:
            node = extra.pop(name)
            made.getters[name] = _written(node)
        elif _is_value(table, name):
            made.getters[name] = _value_getter(name, parameter.annotation, call)
        elif name == "config":
            made.takes_config = True
            made.getters[name] = partial(_same, python_config(table.config))
        elif name == "wildcards":
            made.getters[name] = JobValues.wildcards
        elif name == "after" and call.after:
            made.takes_after = True
        elif name in measured:
            made.measured = (*made.measured, name)
        elif not parameter.has_default:
            fail(f"takes {name!r}, which nothing provides", _lacking(name, table, call, site))
    for name, node in extra.items():
        if rest:
            made.getters[name] = _written(node)
        else:
            near = did_you_mean(name, [one.name for one in parameters])
            fail(
                f"has no parameter {name!r}: nothing takes the value of that name in `with`",
                near or "give the function the parameter, or take the name out of `with`",
            )
    errors.raise_if_any()
    return made


def _written(node: Node) -> Getter:
    """How a value of `with` is filled in for a job; what all jobs share is filled in once."""
    if not _holes(node):
        return partial(_same, sorted_keys(typed_value(node, None)))
    return lambda job: sorted_keys(typed_value(node, job.typed))


def _holes(node: Node) -> bool:
    if isinstance(node, Scalar):
        return "{" in node.text
    below = node.items.values() if isinstance(node, Tree) else node.items
    return any(map(_holes, below))


def _same(value: object, _: JobValues) -> object:
    return value


def _is_value(table: RuleTable, name: str) -> bool:
    """Whether a name is a wildcard or a column of the rule's jobs."""
    if name in table.rule.scatter:
        return False
    return name in table.columns or name in table.gathered_names or table.has_column(name)


def _value_getter(name: str, annotation: str | None, call: Call) -> Getter:
    convert = converter(annotation)

    def get(job: JobValues) -> object:
        if name in job.table.columns:
            found: object = job.table.columns[name][job.row]
        else:
            try:
                found = job.column(name)
            except FileflowError as error:
                hint = f'write with: {{{name}: "{{{name}:each}}"}} beside it for the list of them'
                raise FileflowError(error.what, place=call.place, hint=hint) from None
        try:
            if isinstance(found, list):
                return [convert(str(one)) for one in found]
            return convert(str(found))
        except ValueError:
            raise FileflowError(
                f"the job {job.table.label(job.row)} has {found!r} for {{{name}}}, which is no "
                f"{annotation}",
                place=job.table.rule.place,
                hint=f"annotate the parameter {name!r} of the call as str",
            ) from None

    return get


def _lacking(name: str, table: RuleTable, call: Call, site: Site) -> str:
    if name == "after":
        return "write after: PATTERN beside call"
    if name in MEASURED:
        return f"only the calls of cores and resources get {name!r}"
    if name in ("input", "output", "params", "log", "seed", "rng", "cores", "resources"):
        return (
            f"a call is asked before its job has {name!r}: write what it needs beside it, as "
            f"with: {{{name}: …}}"
        )
    known = [*table.names, *table.gathered_names, "config"]
    known += [other for relation in table.relations for other in relation.names]
    near = did_you_mean(name, known)
    if near is not None and near.startswith("did"):
        return near
    return f"write it beside call, as with: {{{name}: …}}, or give the parameter a default"


# -- following --------------------------------------------------------------------------------


class Wanting(Protocol):
    """What is wanted so far, as far as calls have to do with it."""

    @property
    def tables(self) -> Mapping[int, RuleTable]:
        """The tables, by number."""

    @property
    def looks(self) -> Looks:
        """Tells which sources are there."""

    @property
    def choices(self) -> Mapping[str, tuple[int, ...]]:
        """The jobs that could make a path, where there are several."""

    @property
    def later(self) -> Mapping[str, frozenset[int]]:
        """Who has to tell whether a rule makes a path."""

    @property
    def defers(self) -> Mapping[int, frozenset[int]]:
        """The jobs that wait, and for which."""

    def follow(self, table: RuleTable, link: Link, rows: Sequence[int]) -> None:
        """Finds who makes what these jobs take through a link, and wants it."""

    def defer(self, job: int, producers: frozenset[int]) -> None:
        """A job waits for what these jobs tell, which are wanted."""


@dataclass(slots=True)
class _Wait:
    """What stands behind the `after` files of a job."""

    paths: list[str] = field(default_factory=list)
    makers: dict[int, tuple[str, ...]] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)
    lacks: bool = False


class Calls:
    """Puts the questions of jobs as they come to be wanted, those of many jobs in one go.

    `awaited` are the jobs whose files calls wait for, `failed` those whose calls have failed.
    """

    def __init__(self, wanting: Wanting, known: Known, answers: Answers | None) -> None:
        self._wanting = wanting
        self._known = known
        self._answers = answers
        self._askings: dict[tuple[str, int], Asking] = {}
        self.awaited: set[int] = set()
        self.failed: dict[int, FileflowError] = {}

    def ask(self, table: RuleTable, rows: Sequence[int]) -> None:
        """Asks what the calls of these jobs give, as far as that can be known now."""
        if self._answers is None:
            return
        errors = Collector()
        for site in table.sites:
            try:
                self._asking(table, site)
            except FileflowError as error:
                errors.add(error)
        errors.raise_if_any()
        for site in table.sites:
            self._ask(table, site, rows)
            if site.kind is Kind.INPUT:
                link = table.links[site.position]
                for row in rows:
                    link.give(table.joins, row, table.count)

    def _ask(self, table: RuleTable, site: Site, rows: Sequence[int]) -> None:
        assert self._answers is not None
        known = table.answers[site.number]
        asking = self._asking(table, site)
        links = table.afters[site.number]
        for link in links:
            self._wanting.follow(table, link, rows)
        waits: dict[tuple[object, ...], _Wait] = {}
        questions: list[Question] = []
        defers = self._wanting.defers
        for row in rows:
            wait = self._wait(table, links, row, waits)
            if wait.open:
                self._wanting.defer(table.base | row, frozenset(wait.open))
            if site.is_amount or row in known or wait.lacks or table.base | row in defers:
                continue
            try:
                question = asking.question(table, row, wait.paths, wait.makers.values())
            except FileflowError as error:
                if not self._answers.keep_going:
                    raise
                self.failed[table.base | row] = error
            else:
                questions.append(question)
        if not questions:
            return
        for question, answer in zip(questions, self._answers.of(questions), strict=True):
            if isinstance(answer, FileflowError):
                self.failed[table.base | question.row] = answer
            elif answer is not UNKNOWN:
                known[question.row] = answer
            else:
                wait = self._wait(table, links, question.row, waits)
                self._wanting.defer(table.base | question.row, frozenset(wait.makers))

    def _asking(self, table: RuleTable, site: Site) -> Asking:
        assert self._answers is not None
        key = (table.rule.name, site.number)
        found = self._askings.get(key)
        if found is None:
            found = asking_of(table, site, self._answers.parameters(site.call))
            self._askings[key] = found
        return found

    def _wait(
        self,
        table: RuleTable,
        links: Sequence[Link],
        row: int,
        waits: dict[tuple[object, ...], _Wait],
    ) -> _Wait:
        key = tuple(row if link.group_of is None else link.group_of[row] for link in links)
        found = waits.get(key)
        if found is not None:
            return found
        found = waits[key] = _Wait()
        sources: list[str] = []
        for link in links:
            group = link.group(row)
            paths = [link.paths[row]] if group is None else group.paths
            found.paths += paths
            for path, maker in zip(paths, link.makers_of(row), strict=False):
                if maker >= 0:
                    identity = self._wanting.tables[maker >> SHIFT].identity(maker & ROW)
                    found.makers[maker] = identity
                    if identity not in self._known.settled:
                        found.open.add(maker)
                elif maker == PENDING:
                    found.open.update(self._wanting.choices.get(path, ()))
                elif maker == LATER:
                    found.open |= self._wanting.later.get(path, frozenset())
                elif maker == SOURCE:
                    sources.append(path)
        self.awaited.update(found.makers)
        found.lacks = bool(sources) and None in self._wanting.looks.signatures(sources)
        return found
