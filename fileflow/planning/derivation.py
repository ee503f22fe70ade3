"""Which jobs can be had from the sources that are there, and what is lacking for the others.

Slow and exact; only asked where something is open or missing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

from fileflow.errors import Exit, FileflowError, did_you_mean
from fileflow.model.patterns import Matcher
from fileflow.model.rules import Entry, absent_maker, unnamed_column
from fileflow.planning.finding import Finder
from fileflow.planning.known import is_found, own_names, regexes_of
from fileflow.planning.links import PENDING, ROW, SHIFT, SOURCE, Link
from fileflow.planning.ordering import components, ring_error
from fileflow.planning.plan import Missing
from fileflow.planning.tables import RuleTable, wanted_rows

Need: TypeAlias = tuple[str, tuple[int, ...]]
"""A path, and the jobs that could make it."""


class Open(Protocol):
    """What is wanted, and what is open in it."""

    @property
    def tables(self) -> Mapping[int, RuleTable]:
        """The tables, by number; wanted rows are marked."""

    @property
    def lacking(self) -> Collection[str]:
        """The sources that were looked for and are not there."""

    @property
    def choices(self) -> Mapping[str, tuple[int, ...]]:
        """The jobs that could make a path, where there are several."""

    @property
    def asked_by(self) -> Mapping[int, str]:
        """The rule without action that asked for a job."""


class Derivation:
    """Which jobs can be had from the sources that are there: the least fixed point.

    A job that needs what it makes, or lacks a source, is not in it. Slow and exact; only asked
    where something is open or missing.
    """

    def __init__(self, closure: Open, denied: str | None = None) -> None:
        self.closure = closure
        self.able: set[int] = set()
        self._needs: dict[int, list[tuple[str, tuple[int, ...], Link]]] = {}
        self._derive(denied)

    def can(self, job: int) -> bool:
        """Whether all that the job needs can be had."""
        return job in self.able

    def without(self, path: str) -> Derivation:
        """Which jobs can be had without this path."""
        return Derivation(self.closure, denied=path)

    def needs(self, job: int) -> list[tuple[str, tuple[int, ...], Link]]:
        """What a job needs: (path, the jobs that could make it or () for a source, entry)."""
        found = self._needs.get(job)
        if found is None:
            closure = self.closure
            table = closure.tables[job >> SHIFT]
            row = job & ROW
            found = []
            for link in table.all_links():
                for maker, path in link.made_paths(row):
                    if maker == PENDING:
                        found.append((path, closure.choices.get(path, ()), link))
                    elif maker == SOURCE:
                        found.append((path, (), link))
                    elif maker >= 0:
                        found.append((path, (maker,), link))
            self._needs[job] = found
        return found

    def _jobs(self) -> Iterator[int]:
        for table in self.closure.tables.values():
            if any(table.wanted):
                for row in wanted_rows(table):
                    yield table.base | row

    def _derive(self, denied: str | None) -> None:
        lacking = self.closure.lacking
        waits: dict[int, int] = {}
        waiting: dict[int, list[tuple[int, Need]]] = {}
        met: set[tuple[int, Need]] = set()
        ready: list[int] = []
        for job in self._jobs():
            needs = self.needs(job)
            # Two entries may name one path.
            asked = {(path, makers) for path, makers, link in needs if not link.can_lack(path)}
            count = 0
            for path, makers in asked:
                if path == denied or (not makers and path in lacking):
                    count += 1
                elif makers:
                    count += 1
                    for maker in makers:
                        waiting.setdefault(maker, []).append((job, (path, makers)))
            waits[job] = count
            if not count:
                ready.append(job)
        while ready:
            job = ready.pop()
            self.able.add(job)
            for other, need in waiting.get(job, ()):
                if (other, need) not in met:
                    met.add((other, need))
                    waits[other] -= 1
                    if not waits[other]:
                        ready.append(other)

    def in_rings(self) -> set[int]:
        """The jobs that need, directly or not, what they could make: for the one who asks them or
        for others."""
        jobs = self._needs.keys()
        choices = self.closure.choices
        needs = {
            job: {
                maker
                for path, makers, _ in self._needs[job]
                for maker in (*makers, *choices.get(path, ()))
                if maker in jobs
            }
            for job in jobs
        }
        groups = components(needs)
        return {job for group in groups for job in group if len(group) > 1 or job in needs[job]}

    def hopeless(self) -> Iterator[tuple[str, int, Link]]:
        """Paths whose only maker cannot be had, with that maker and who asks."""
        for job in list(self._needs):
            for path, makers, link in self.needs(job):
                if len(makers) == 1 and makers[0] not in self.able:
                    yield path, makers[0], link

    def innermost(self, paths: Mapping[str, Sequence[int]]) -> Collection[str]:
        """Of these paths, whose makers cannot be had, those that no other of them can help to be
        had; of some that need each other all."""
        if len(paths) < 2:
            return paths
        needs: dict[int, set[int]] = {}
        todo = [maker for makers in paths.values() for maker in makers]
        while todo:
            job = todo.pop()
            if job not in needs:
                needs[job] = {maker for _, makers in self._unmet(job) for maker in makers}
                todo += needs[job]
        groups = components(needs)
        group_of = {job: number for number, group in enumerate(groups) for job in group}
        helped: list[bool] = []
        for number, group in enumerate(groups):
            outside = [
                (path, group_of[maker])
                for job in group
                for path, makers in self._unmet(job)
                for maker in makers
                if group_of[maker] != number
            ]
            helped.append(any(path in paths or helped[other] for path, other in outside))
        found = [
            path
            for path, makers in paths.items()
            if not any(helped[group_of[maker]] for maker in makers)
        ]
        return found or paths

    def _unmet(self, job: int) -> Iterator[tuple[str, Sequence[int]]]:
        """What a job needs and none of its makers can be had, with these."""
        for path, makers, link in self.needs(job):
            if not link.can_lack(path) and self.able.isdisjoint(makers):
                yield path, makers

    def hopeless_optional(self) -> set[str]:
        """The paths of optional inputs whose makers cannot be had: they are absent."""
        found: set[str] = set()
        for job in self._jobs():
            for path, makers, link in self.needs(job):
                if link.can_lack(path) and makers and not self.able.intersection(makers):
                    found.add(path)
        return found

    def blocked(self) -> set[int]:
        """The wanted jobs that cannot be had."""
        return {job for job in self._jobs() if job not in self.able}

    def missing(self, asked: Iterable[int]) -> list[Missing]:
        """What the asked jobs lack in the end, each with the chain of requests; cycles raise."""
        out: dict[str, Missing] = {}
        seen: set[int] = set()
        came: dict[int, int] = {}

        def label(job: int) -> str:
            return self.closure.tables[job >> SHIFT].label(job & ROW)

        for target in asked:
            if target in self.able or target in seen:
                continue
            asker = self.closure.asked_by.get(target, "")
            stack = [(target, target)]
            while stack:
                job, by = stack.pop()
                if job in seen:
                    continue
                seen.add(job)
                if by != job:
                    came[job] = by
                for path, makers, link in self.needs(job):
                    if link.can_lack(path):
                        continue
                    if not makers:
                        if path in self.closure.lacking and path not in out:
                            found = _is_of_found_values(self.closure.tables[job >> SHIFT], link)
                            out[path] = Missing(path, job, came, label, asker, link.entry, found)
                    elif not any(maker in self.able for maker in makers):
                        stack += [(maker, job) for maker in makers]
        if not out and seen:
            raise ring_error(self.closure.tables, sorted(seen))
        return list(out.values())


def _is_of_found_values(table: RuleTable, link: Link) -> bool:
    """Whether values that are found while running are in what a job takes through a link."""
    names = set(link.pattern.wildcards) if link.pattern is not None else set()
    return any(
        is_found(relation) and not names.isdisjoint(own_names(relation))
        for relation in table.relations
    )


def missing_error(finder: Finder, missing: Missing) -> FileflowError:
    """A source that is not there, or something else in its place: who needs it, and a path near it
    that a rule makes."""
    hint = f"needed by {missing.needed_by()}"
    cause = why_unmade(finder, missing.path)
    if missing.path in finder.workflow.rules:
        cause = f"{missing.path} is a rule: write {{rule: {missing.path}}} for what it makes"
    elif cause is None and missing.entry is not None and missing.entry.pattern is not None:
        cause = _foreign(missing.path)
        near = None if cause else near_output(finder, missing.path, taken_by=missing.entry)
        if near:
            cause = f"did you mean {near}?"
    if cause:
        hint += f"; {cause}"
    return FileflowError(
        missing.what if missing.there else f"{missing.what}, and no rule makes it",
        place=missing.entry.place if missing.entry else None,
        hint=hint,
        status=Exit.FAILED if missing.found else Exit.WRONG,
    )


def why_unmade(finder: Finder, path: str) -> str | None:
    """The rule that would make a path but for its `when` or a constraint, and which that is."""
    workflow = finder.workflow
    absent = absent_maker(workflow.absent, path)
    if absent is not None:
        return absent
    for output in (*finder.outputs, *finder.scatters):
        values = Matcher(output.pattern, {}).match(path) if output.starts(path) else None
        for wildcard, value in (values or {}).items():
            for regex in regexes_of(output.rule, wildcard, workflow):
                if not re.fullmatch(regex, value):
                    return (
                        f"rule {output.rule.name} makes {output.pattern}, but the constraint "
                        f"{regex!r} of {wildcard} does not match {value!r}"
                    )
    return None


def _foreign(path: str) -> str | None:
    """What to write for a text that would be paths elsewhere, in a shell say."""
    if path.startswith("~/"):
        return "~ is not expanded in a path: write the whole path"
    if "*" in path:
        return "* is no wildcard: write {name}, and which values it has below `wildcards`"
    if path.count("{") != path.count("}"):
        return "a brace stands alone in it: a wildcard is written {name}, with both"
    words = re.split(r"[,\s]+", path)
    if len(words) > 1 and ("," in path or all(posixpath.splitext(word)[1] for word in words)):
        return f"if these are several paths, write a list: [{', '.join(words)}]"
    return None


def near_output(finder: Finder, path: str, *, taken_by: Entry | None = None) -> str | None:
    """The output pattern that looks most like a path; none of the rule that takes it by this entry
    itself."""
    from difflib import get_close_matches

    texts = [
        output.pattern.text
        for output in finder.outputs
        if taken_by is None or all(one.place != taken_by.place for one in output.rule.inputs)
    ]
    found = get_close_matches(path, texts, n=1, cutoff=0.75)
    return found[0] if found else None


def free_rule(table: RuleTable) -> FileflowError:
    """A rule with a wildcard without values was asked for by its name."""
    name = table.shape.free[0]
    near = unnamed_column(table.joins.workflow.relations, name)
    near = near or did_you_mean(name, table.joins.shown_names)
    output = table.shape.outputs[0].pattern
    hint = f"ask for a path like {output}, with a value for {{{name}}}"
    hint += f"; {near}" if near else ""
    return FileflowError(
        f"rule {table.rule.name!r} cannot be asked for by name: {{{name}}} has no values",
        place=table.rule.place,
        hint=hint,
    )
