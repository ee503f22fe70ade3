"""What is asked for, and the answer: the jobs that it needs, in an order that can be run.

Pure values. How a plan is worked out stands in `planner`; what is stale is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from fileflow.errors import Collector, Exit, FileflowError
from fileflow.lean import dataclass, field
from fileflow.model.rules import Entry, Workflow
from fileflow.planning.finding import Finder
from fileflow.planning.jobs import Jobs
from fileflow.planning.joined import Joins
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.tables import RuleTable, wanted_rows
from fileflow.planning.unknowns import Unknowns


class Looks(Protocol):
    """What planning asks of the world."""

    def signatures(self, paths: Sequence[str]) -> list[bytes | None]:
        """The signature of each path, None where there is no file or folder."""

    def lacking(self, paths: Sequence[str]) -> Sequence[str]:
        """Those of these paths at which there is neither a file nor a folder."""

    def no_folders(self, paths: Sequence[str]) -> Sequence[str]:
        """Those of these paths at which there is a file."""

    def unfit_at(self, path: str) -> str:
        """What is at a path where a source is lacking, in words; none if nothing is."""

    def has_record(self, path: str) -> bool:
        """Whether a job is known to have made this path."""

    def named_by(self, first_output: str) -> tuple[str, Sequence[str]] | None:
        """What the job with this first output was found to read when it was recorded.

        A token that identifies the list, and the list; None if that is not known.
        """


@dataclass(frozen=True, slots=True)
class Target:
    """A word that names jobs: a rule, a path or a pattern.

    `name` is the word if it can be a rule or a pattern, else empty (`./all` is never a rule);
    `path` what it is as a path, relative to the Workflowfile's folder.
    """

    name: str
    path: str

    def __str__(self) -> str:
        return self.name or self.path


def target_from(word: str) -> Target:
    """The target that a word is for someone who stands in the Workflowfile's folder."""
    return Target("" if word.startswith("./") else word, word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user asks for.

    `commands` are words that the first target may have been meant for.
    """

    targets: tuple[Target, ...] = ()
    commands: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    force: tuple[Target, ...] = ()
    until: tuple[Target, ...] = ()
    omit: tuple[Target, ...] = ()
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    keep_going: bool = False


@dataclass(slots=True)
class Missing:
    """A source that is not there: its path, and the job that needs it first.

    Args:
        path: the source.
        job: who needs it; `came` tells for each job who needs that one, up to the target.
        label: a job in the user's words.
        asker: the rule without action that asks for the target; empty if none does.
        entry: where it is written.
        found: whether values that were found while running are in its path.
        there: what is there in its place, in words; empty for nothing.
    """

    path: str
    job: int
    came: Mapping[int, int]
    label: Callable[[int], str]
    asker: str
    entry: Entry | None
    found: bool = False
    there: str = ""

    def jobs(self) -> Iterator[int]:
        """Who needs it, who needs that job, and so on up to the target."""
        job: int | None = self.job
        while job is not None:
            yield job
            job = self.came.get(job)

    def needed_by(self) -> str:
        """The chain of requests as it is told: the last one first."""
        return chain_shown(list(self.jobs()), self.label, self.asker)

    def __str__(self) -> str:
        """The path; a folder's ends with `/`, as what is there may be a file."""
        pattern = self.entry.pattern if self.entry is not None else None
        return f"{self.path}/" if pattern is not None and pattern.directory else self.path

    @property
    def what(self) -> str:
        """That it is not there, or what is in its place."""
        return f"{self.path} is {self.there}" if self.there else f"{self} is not there"


def chain_shown(jobs: Sequence[int], label: Callable[[int], str], asker: str = "") -> str:
    """A chain of requests as it is told: the last one first, `asker` at its end; cut if long."""
    ends = [asker] if asker else []
    if len(jobs) + len(ends) <= 6:
        return " ← ".join([*map(label, jobs), *ends])
    return " ← ".join([*map(label, jobs[:3]), "…", *[*map(label, jobs[-2:]), *ends][-2:]])


@dataclass(slots=True)
class Plan:
    """The jobs that the targets need, in an order in which each comes after what it needs.

    Args:
        tables: of each rule that takes part, its table; wanted rows are marked in it.
        by_rule, all_tables: the tables of all rules that were looked at, by name and by number.
        finder: tells which jobs make a path.
        order: (table, rows) steps; rows None: all wanted rows of the table.
        asked: jobs that were asked for themselves: absent outputs of theirs are built.
        in_part: of the jobs that were asked for those of which only some paths were: these.
        forced: jobs to be treated as stale.
        missing: with `keep_going`, the sources that are not there.
        blocked: with `keep_going`, the jobs that lack a source.
        left_out: how many jobs of each rule were left out on wish.
        named_paths: the paths that were asked for, each as itself.
        source_targets: targets that are files no rule makes.
        below: what is asked for and lies below a folder that a job makes as a whole, with that job.
        deferred: the jobs that are wanted but wait for values that are found while running; they
            are in no step of `order`.
        producers: the jobs that have to tell before the deferred ones are known.
        incomplete: whether more will be wanted when what waits is known.
        waits: for each rule of which something cannot be known yet, the rules that have to tell.
        late: for each path or pattern that was asked for and of which it cannot be known yet what
            makes it, the jobs that have to tell.
        unknowns: tells which producers have told.
        loose: of jobs the files that they were found to read and are made from what they make:
            they do not wait for them.
        awaited: the jobs whose files calls wait for.
        is_plain: whether nothing had to be chosen, was missing or left out, so that it can grow.
        absent: the sources that are not there, all of which jobs may do without.
        same: the numbers of the tables that are, and are wanted, as in the plan from which it grew.
        failed: the jobs that cannot be worked out, by a call or a value that was found, and why.
        wrong: what was found while running, is wrong, and of which the fault is no job's alone.
        called: the jobs that are asked for only to learn from them, each with those of its paths
            that were asked for beside that.
    """

    workflow: Workflow
    tables: dict[int, RuleTable]
    by_rule: dict[str, RuleTable]
    all_tables: dict[int, RuleTable]
    joins: Joins
    finder: Finder
    order: list[tuple[RuleTable, Sequence[int] | None]] = field(default_factory=list)
    asked: Jobs = field(default_factory=Jobs)
    in_part: dict[int, set[str]] = field(default_factory=dict)
    forced: set[int] = field(default_factory=set)
    missing: list[Missing] = field(default_factory=list)
    blocked: set[int] = field(default_factory=set)
    left_out: dict[str, int] = field(default_factory=dict)
    named_paths: Sequence[str] = ()
    source_targets: list[str] = field(default_factory=list)
    below: dict[str, int] = field(default_factory=dict)
    deferred: set[int] = field(default_factory=set)
    producers: set[int] = field(default_factory=set)
    incomplete: bool = False
    waits: dict[str, list[str]] = field(default_factory=dict)
    late: dict[str, frozenset[int]] = field(default_factory=dict)
    unknowns: Unknowns | None = None
    loose: dict[int, frozenset[str]] = field(default_factory=dict)
    awaited: set[int] = field(default_factory=set)
    is_plain: bool = False
    absent: set[str] = field(default_factory=set)
    same: set[int] = field(default_factory=set)
    failed: dict[int, FileflowError] = field(default_factory=dict)
    wrong: list[FileflowError] = field(default_factory=list)
    called: dict[int, Collection[str]] = field(default_factory=dict)

    def ask(self, jobs: Iterable[int]) -> None:
        """Asks for all that these jobs make, since others have to learn from it."""
        for job in jobs:
            if job not in self.asked or job in self.in_part:
                self.called[job] = self.in_part.pop(job, frozenset())
            self.asked.add(job)

    def keeps(self, job: int, path: str) -> bool:
        """Whether a path was asked for by who wants to have it, not only to learn from it."""
        return path in self.called[job] if job in self.called else self.asks_for(job, path)

    def asks_for(self, job: int, path: str) -> bool:
        """Whether a path that a job makes was asked for, or something below it.

        Who asks for all that a job makes asks for none of its logs.
        """
        if job not in self.asked:
            return False
        paths = self.in_part.get(job)
        if paths is not None:
            return path in paths or any(one.startswith(path.rstrip("/") + "/") for one in paths)
        table = self.table_of(job)
        logs = (table.log_path(entry, job & ROW) for entry in table.rule.logs)
        return path not in logs or path in self.named_paths

    def table_of(self, job: int) -> RuleTable:
        """The table that a job is in, be it wanted or deferred."""
        return self.all_tables[job >> SHIFT]

    def rules_waiting(self) -> set[str]:
        """The rules of which something is not known yet, or with jobs that wait for that."""
        numbers = {job >> SHIFT for job in self.deferred}
        tables = self.by_rule.values()
        return {*self.waits, *(table.rule.name for table in tables if table.number in numbers)}

    def late_targets(self) -> dict[str, list[str]]:
        """For each path or pattern that waits to be known the rules that have to tell."""
        if self.unknowns is None:
            return {}
        names_of = self.unknowns.names_of
        return {name: names_of(sorted(jobs)) for name, jobs in self.late.items() if jobs}

    def label(self, job: int) -> str:
        """A job in the user's words."""
        return self.table_of(job).label(job & ROW)

    def jobs(self) -> Iterator[int]:
        """All wanted jobs, in the plan's order."""
        for table, rows in self.order:
            base = table.base
            for row in wanted_rows(table) if rows is None else rows:
                yield base | row

    def mistakes(self) -> list[FileflowError]:
        """What is wrong in what was found while running, each mistake once."""
        found = Collector()
        for one in (*self.wrong, *self.failed.values()):
            found.add(FileflowError(one.what, place=one.place, hint=one.hint, status=Exit.FAILED))
        return found.errors

    def count(self) -> int:
        """How many jobs are wanted; rules that only ask are none."""
        return sum(t.wanted.count(1) for t in self.tables.values() if not t.rule.asks_only)
