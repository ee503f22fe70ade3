"""Which rule makes a file: from a path to the jobs whose outputs give exactly that path.

Pure: knows patterns and rows, not whether the inputs of such a job can be had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from fileflow.errors import FileflowError
from fileflow.language.listing import deciding_constraints
from fileflow.model.patterns import (
    LONGEST_NAME,
    LONGEST_PATH,
    MOST_STEPS,
    Matcher,
    Pattern,
    TooManyWays,
)
from fileflow.model.rules import Entry, Rule, Workflow
from fileflow.planning.shapes import Shape, shape_of
from fileflow.planning.tables import RuleTable

FEW = 4

Given = Callable[[int], Mapping[str, str]]
"""The values of who asks for the path at a place: names that it shares with a maker."""


class Output:
    """One output entry of a rule, as a maker of paths."""

    __slots__ = ("_asked", "_index", "_matcher", "_seen", "finder", "k", "pattern", "rule", "shape")

    def __init__(self, finder: Finder, rule: Rule, shape: Shape, k: int) -> None:
        self.finder = finder
        self.rule = rule
        self.shape = shape
        self.k = k
        pattern = self.entry.pattern
        assert pattern is not None
        self.pattern = pattern
        self._index: dict[str, int | tuple[int, ...]] | None = None
        self._matcher: Matcher | None = None
        self._seen = -1
        self._asked = 0

    @property
    def entry(self) -> Entry:
        """What stands in the rule."""
        return self.shape.outputs[self.k]

    def paths(self) -> list[str]:
        """The path of each row."""
        return self.table.output_paths(self.k)

    @property
    def table(self) -> RuleTable:
        """The table of the rule's jobs."""
        return self.finder.table(self.rule.name)

    @property
    def free(self) -> bool:
        """Whether rows come from paths that are asked for."""
        return bool(self.shape.free) or self.table.grows

    def starts(self, path: str) -> bool:
        """Whether a path begins as all paths of this output do."""
        return path.startswith(self.pattern.parts[0])

    def matcher(self) -> Matcher:
        """What tells the values behind a path."""
        if self._matcher is None:
            self._matcher = Matcher(self.pattern, self.checks)
        return self._matcher

    @property
    def checks(self) -> dict[str, list[str]]:
        """The constraints of its wildcards."""
        return self.table.checks

    def may_make(self, head: str, tail: str) -> bool:
        """Whether some path that begins with `head` and ends with `tail` can be an output here."""
        mine = self.pattern.parts
        start, end = mine[0], mine[-1]
        if not self.pattern.names:
            end = start
        starts = start.startswith(head) or head.startswith(start)
        if self.pattern.directory:
            return starts
        return starts and (end.endswith(tail) or tail.endswith(end))

    def index(self) -> dict[str, int | tuple[int, ...]]:
        """Path → row, or rows where several give the same path."""
        table = self.table
        if self._index is None or self._seen != table.count:
            self._index = table.places((type(self), self.k), self.paths())
            self._seen = table.count
        return self._index

    def makes_any(self, paths: Sequence[str]) -> bool:
        """Whether any of these paths is of a row; not where rows come from paths.

        An index is made only once more than a few paths have been asked for, in one go or in many.
        """
        self._asked += len(paths)
        if self._index is None and self._asked <= FEW:
            mine = self.paths()
            return any(path in mine for path in paths)
        return not self.index().keys().isdisjoint(paths)

    def rows_making(
        self, path: str, given: Mapping[str, str] | None = None, *, first: bool = False
    ) -> list[int]:
        """The rows whose output is this path; a rule with free wildcards gets a row for it.

        Args:
            given: values of who asks. Of several rows that a path could be given, those that agree
                with them are enough, if there are any.
            first: whether it is enough to know that there is a row: one is.

        Raises:
            FileflowError: if the path fits in more ways than can be tried.
        """
        table = self.table
        if not self.free:
            found = self.index().get(path)
            if found is None:
                return []
            return [found] if isinstance(found, int) else list(found)
        if len(path) > LONGEST_PATH or any(len(p) > LONGEST_NAME for p in path.split("/")):
            return []
        matcher = self.matcher()
        values = matcher.match(path)
        if values is None:
            return []
        if not matcher.is_ambiguous(path, values):
            row = table.row_for(values)
            return [] if row is None else [row]
        most = 1 if first else None
        try:
            agreeing = list(islice(self._rows_fitting(path, given), most)) if given else []
            return agreeing or list(islice(self._rows_fitting(path, None), most))
        except TooManyWays:
            if first:  # so far there was none
                return []
            raise self._too_many_ways(path) from None

    def _rows_fitting(self, path: str, given: Mapping[str, str] | None) -> Iterator[int]:
        """The rows for all ways in which a path fits; what no row has is followed no further."""
        table = self.table
        for way in self.matcher().ways(path, given, table.may_have, MOST_STEPS):
            row = table.row_for(way)
            if row is not None:
                yield row

    def _too_many_ways(self, path: str) -> FileflowError:
        decides = deciding_constraints(self.pattern, path, self.table.checks)
        written = ", ".join(f"{name}: '{regex}'" for name, regex in decides.items())
        return FileflowError(
            f"{path} fits {self.pattern} of rule {self.rule.name!r} in too many ways",
            place=self.entry.place,
            hint=f"a constraint decides: constraints: {{{written}}}",
        )

    def is_known_to_make(self, path: str, table: RuleTable | None) -> bool:
        """Whether a path is of a row that is there; adds none. `table` is None if none was built.

        A free row that nobody wants makes nothing: such a file is a source.
        """
        if not self.pattern.names and not self.shape.free:
            return self.pattern.parts[0].rstrip("/") == path
        if table is None or not self.starts(path):
            return False
        found = self.index().get(path)
        rows = () if found is None else (found,) if isinstance(found, int) else found
        return bool(rows) and (not self.free or any(table.wanted[row] for row in rows))


class Log(Output):
    """A log that the rule's action writes: others may take it as an input."""

    __slots__ = ()

    @property
    def entry(self) -> Entry:
        """What stands in the rule."""
        return self.rule.logs[self.k]

    def paths(self) -> list[str]:
        """The path of each row."""
        return self.table.log_paths(self.entry)


class Scatter(Output):
    """A scattered output: makes the files that its job is known to have found."""

    __slots__ = ("_files",)

    @property
    def checks(self) -> dict[str, list[str]]:
        """The constraints of its wildcards, of those that are scattered too."""
        return {**self.table.checks, **self.table.scatter_checks()}

    def files(self) -> dict[str, int]:
        """File → row, of the files that are known."""
        table = self.table
        if self._seen != table.count:
            self._files: dict[str, int] = {}
            for row in range(table.count):
                files = table.known_files(row).get(self.k, ())
                self._files.update(dict.fromkeys(files, row))
            self._seen = table.count
        return self._files

    def rows_making(
        self, path: str, given: Mapping[str, str] | None = None, *, first: bool = False
    ) -> list[int]:
        """The row whose job found this file; a rule with free wildcards gets a row for it."""
        table = self.table
        if table.shape.free:
            values = self.matcher().match(path)
            if values is not None:
                table.row_for({name: values[name] for name in table.names})
        row = self.files().get(path)
        return [] if row is None else [row]


def _ends(pattern: Pattern) -> tuple[str, str | None]:
    """How all paths of a pattern begin and end; no end if it is one path."""
    return pattern.parts[0], pattern.parts[-1] if pattern.names else None


def _together(before: int | tuple[int, ...] | None, jobs: Iterable[int]) -> int | tuple[int, ...]:
    """One job, or several, with those that were found before, each once."""
    earlier = () if before is None else (before,) if isinstance(before, int) else before
    found = tuple(dict.fromkeys((*earlier, *jobs)))
    return found[0] if len(found) == 1 else found


class Finder:
    """Finds makers of paths among all rules; builds the table of a rule when it is first needed."""

    def __init__(self, workflow: Workflow, table: Callable[[str], RuleTable]) -> None:
        self.workflow = workflow
        self.table = table
        self.outputs: list[Output] = []
        self.scatters: list[Scatter] = []
        for rule in workflow.rules.values():
            shape = shape_of(rule, workflow.relations)
            for k, entry in enumerate(shape.outputs):
                if entry.pattern is None:
                    continue
                if set(entry.pattern.wildcards) & set(rule.scatter):
                    self.scatters.append(Scatter(self, rule, shape, k))
                else:
                    self.outputs.append(Output(self, rule, shape, k))
            for k, entry in enumerate(rule.logs):
                if entry.pattern is not None and not set(entry.pattern.wildcards) - {*shape.mapped}:
                    self.outputs.append(Log(self, rule, shape, k))
        self._number = {output: number for number, output in enumerate(self.outputs)}
        self._by_head: dict[str, list[Output]] = {}
        self._by_path: dict[str, list[Output]] = {}  # what has no wildcards makes this path alone
        self._by_head_open: dict[str, list[Output]] = {}  # and all others
        for output in self.outputs:
            first, slash, _ = output.pattern.parts[0].partition("/")
            self._by_head.setdefault(first if slash else "", []).append(output)
            if output.pattern.names or output.pattern.directory:
                self._by_head_open.setdefault(first if slash else "", []).append(output)
            else:
                self._by_path.setdefault(output.pattern.parts[0], []).append(output)
        self._for: dict[tuple[str, str | None], list[Output]] = {}
        self.folders = [output for output in self.outputs if output.pattern.directory]

    def candidates(self, head: str, tail: str | None) -> list[Output]:
        """The outputs that may make a path with this beginning and end; without an end, `head`."""
        key = (head, tail)
        found = self._for.get(key)
        if found is None:
            near = self._near(head, whole=tail is None)
            end = head if tail is None else tail
            found = self._for[key] = [output for output in near if output.may_make(head, end)]
        return found

    def _near(self, head: str, *, whole: bool) -> list[Output]:
        """Outputs by the first folder of their pattern: most are ruled out by a dict look-up.

        Of those without wildcards only what makes `head` itself, if that is the `whole` path.
        """
        by_head = self._by_head_open if whole else self._by_head
        same = self._by_path.get(head, ()) if whole else ()
        first, slash, _ = head.partition("/")
        near = by_head.get(first, ()) if slash else chain.from_iterable(by_head.values())
        others = by_head.get("", ()) if slash and first else ()
        return [*sorted([*same, *near], key=self._number.__getitem__), *others]

    def is_made(self, path: str, built: Mapping[str, RuleTable]) -> bool:
        """Whether a rule is known to make this path, or a folder above it; plans nothing for it.

        `built` are the tables that there are, by rule.
        """
        for output in self._near(path, whole=True):
            if output.is_known_to_make(path, built.get(output.rule.name)):
                return True
        if any(one.rule.name in built and path in one.files() for one in self.scatters):
            return True
        above = path.rpartition("/")[0]
        while self.folders and above:
            for output in self.folders:
                if output.is_known_to_make(above, built.get(output.rule.name)):
                    return True
            above = above.rpartition("/")[0]
        return False

    def makers(
        self,
        path: str,
        pattern: Pattern | None = None,
        given: Mapping[str, str] | None = None,
        *,
        first: bool = False,
    ) -> list[int]:
        """All jobs, as ids, whose outputs give this path or a folder above it.

        Of one rule with free wildcards those that agree with the values `given` of who asks are
        enough, if there are any.

        Args:
            pattern: what the path was asked for by.
            first: whether it is enough to know which rules make it: one job of each output.

        Raises:
            FileflowError: if the path fits an output in more ways than can be tried.
        """
        found: list[int] = []
        near = self.candidates(*(_ends(pattern) if pattern else (path, None)))
        for output in near:
            rows = output.rows_making(path, given, first=first)
            found += [output.table.base | row for row in rows]
        if not found and self.folders:
            found = self._folder_above(path, given, first=first)
        if not found and self.scatters:
            found = self.scatterers(path, pattern)
        return list(dict.fromkeys(found))

    def scatterers(self, path: str, pattern: Pattern | None = None) -> list[int]:
        """The jobs that are known to have found this path, or a folder above it, by scattering.

        They count for a path that a target names (no pattern), or an input pattern that has the
        scattered wildcards; where all its values are declared, the output is like any.
        """
        found: list[int] = []
        for output in self.scatters:
            scattered = set(output.pattern.wildcards).intersection(output.rule.scatter)
            if (
                pattern is not None
                and not scattered.intersection(pattern.wildcards)
                and not output.table.is_declared(output.k)
            ):
                continue
            if not output.starts(path):
                continue
            above = path
            while above:
                rows = output.rows_making(above)
                if rows or not output.pattern.directory:
                    found += [output.table.base | row for row in rows]
                    break
                above = above.rpartition("/")[0]
        return found

    def makes(self, path: str) -> bool:
        """Whether some rule makes this path, or a folder above it."""
        return bool(self.makers(path, first=True))

    def _folder_above(
        self, path: str, given: Mapping[str, str] | None, *, first: bool
    ) -> list[int]:
        found: list[int] = []
        above = path
        while (slash := above.rfind("/")) > 0 and not found:
            above = above[:slash]
            for output in self.folders:
                rows = output.rows_making(above, given, first=first)
                found += [output.table.base | row for row in rows]
        return found

    def many(
        self, paths: Sequence[str], pattern: Pattern | None, given: Given | None = None
    ) -> list[int | tuple[int, ...] | None]:
        """For each path its only maker, several makers, or None; the bulk form of `makers`."""
        found = self._many(paths, pattern, given)
        if self.scatters and None in found:
            for i, maker in enumerate(found):
                if maker is None:
                    jobs = self.scatterers(paths[i], pattern)
                    if jobs:
                        found[i] = jobs[0] if len(jobs) == 1 else tuple(jobs)
        return found

    def _many(
        self, paths: Sequence[str], pattern: Pattern | None, given: Given | None
    ) -> list[int | tuple[int, ...] | None]:
        if pattern is None:
            return self._one_by_one(paths, None, given)
        near = self.candidates(*_ends(pattern))
        is_free = any(output.free for output in (*near, *self.folders))
        if self.folders or is_free:
            return self._one_by_one(paths, pattern, given if is_free else None)
        near = [output for output in near if output.makes_any(paths)]
        if len(near) == 1 and len(near[0].index()) == near[0].table.count:  # no path is of two rows
            base = near[0].table.base
            found = map(near[0].index().get, paths)
            return [None if row is None else base | row for row in found]  # type: ignore[operator]
        out: list[int | tuple[int, ...] | None] = [None] * len(paths)
        for output in near:
            base = output.table.base
            for i, rows in enumerate(map(output.index().get, paths)):
                if isinstance(rows, int) and out[i] is None:
                    out[i] = base | rows
                elif rows is not None:
                    mine = (rows,) if isinstance(rows, int) else rows
                    out[i] = _together(out[i], [base | row for row in mine])
        return out

    def _one_by_one(
        self, paths: Sequence[str], pattern: Pattern | None, given: Given | None
    ) -> list[int | tuple[int, ...] | None]:
        out: list[int | tuple[int, ...] | None] = []
        for i, path in enumerate(paths):
            found = self.makers(path, pattern, given(i) if given is not None else None)
            out.append(None if not found else found[0] if len(found) == 1 else tuple(found))
        return out

    def same_rows(
        self, pattern: Pattern, columns: Mapping[str, Sequence[str]], count: int
    ) -> Output | None:
        """The output whose row r is the path that row r of these columns gives, if that is plain.

        It is, if only one output can make such paths, it has the same text but for the names of
        its wildcards, and its columns are the very lists that fill `pattern`.
        """
        if pattern.lookups or pattern.is_placeholder or self.folders or not pattern.names:
            return None
        near = self.candidates(pattern.parts[0], pattern.parts[-1])
        if any(output.free for output in near):
            return None
        found = next((one for one in near if _has_rows(one, pattern, columns, count)), None)
        if found is None or not all(one is found or _apart(one, found) for one in near):
            return None
        return found


def _has_rows(
    output: Output, pattern: Pattern, columns: Mapping[str, Sequence[str]], count: int
) -> bool:
    theirs = output.pattern
    if theirs.parts != pattern.parts or len(theirs.names) != len(pattern.names):
        return False
    maker = output.table
    return (
        maker.count == count
        and set(theirs.names) == set(maker.names)
        and all(
            columns[name] is maker.columns[other]
            for name, other in zip(pattern.names, theirs.names, strict=True)
        )
    )


def _apart(output: Output, other: Output) -> bool:
    """Whether two outputs have no path in common."""
    few, many = sorted((output.paths(), other.paths()), key=len)
    if len(few) <= FEW:
        return not any(path in many for path in few)
    return set(few).isdisjoint(many)
