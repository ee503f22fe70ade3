"""Which runner does the jobs of a rule, and how many lanes each runner has.

Knows what rules and the command line ask for, what kind of functions there are and, for `auto`,
what their jobs took; runs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from fileflow.errors import FileflowError
from fileflow.language.rule_book import BUILTIN_EXECUTORS
from fileflow.model.rules import Executor, Rule, Run
from fileflow.planning.choosing_executor import PROBES, Choice, Measured, choose_executor
from fileflow.planning.tables import RuleTable

PROCESS = Executor.PROCESS.value
THREAD = Executor.THREAD.value
SERIAL = Executor.SERIAL.value
ASYNC = Executor.ASYNC.value
AUTO = Executor.AUTO.value
# So many jobs are on the event loop at once where no pool of `resources` says fewer.
ASYNC_JOBS = 256

Note = Callable[[str, str, str], None]


class Took(Protocol):
    """What is known of the time that a rule's jobs take."""

    def measured(self, table: RuleTable) -> tuple[float, float, int] | None:
        """Seconds and CPU seconds of a job, and how many jobs of this run say so (0: records)."""


def lanes_of(runner: str, jobs: int) -> int:
    """How many jobs a runner has at once, where `jobs` is how many there are in all."""
    if runner == SERIAL or jobs == 1:
        return 1
    return ASYNC_JOBS if runner == ASYNC else jobs


def cores_of(rule: Rule, is_async: bool, jobs: int, cores: float) -> int:
    """Of `cores` those that a job of a rule takes; an `async def` function waits for others."""
    if is_async and not rule.cores_said:
        return 0
    return int(min(cores, jobs))


def import_cores(rules: Iterable[Rule], jobs: int) -> int:
    """The most cores that a job which calls a function may have: what libraries are told of that
    ask only while they are imported. All `jobs` where that is known job by job."""
    asked = [rule.cores for rule in rules if isinstance(rule.action, Run)]
    if any(amount.call or amount.picked for amount in asked):
        return jobs
    return int(min(jobs, max((amount.number for amount in asked), default=1)))


def wished(rule: Rule, is_async: bool, asked: str) -> str:
    """The executor of a rule: what it says, or `asked` for those that say nothing."""
    name = rule.executor or asked
    if not isinstance(rule.action, Run):
        return PROCESS if name in BUILTIN_EXECUTORS or not name else name
    if not name or (name == AUTO and is_async):
        name = ASYNC if is_async else PROCESS
    if name == ASYNC and not is_async:
        return PROCESS
    shares = name in (THREAD, ASYNC) and bool(rule.env)
    return PROCESS if shares or (rule.private and name in _ONE_PROCESS) else name


_ONE_PROCESS = (THREAD, ASYNC, SERIAL)
HERE = (THREAD, SERIAL, AUTO)
"""The executors whose jobs run in this process, or may."""


def needed(tables: Iterable[RuleTable], asyncs: Collection[str], asked: str) -> set[str]:
    """The runners that the jobs of a plan may need."""
    found = {PROCESS}
    for table in tables:
        name = wished(table.rule, table.rule.name in asyncs, asked)
        found.update((PROCESS, *able(table.rule)) if name == AUTO else (name,))
    return found


def able(rule: Rule) -> tuple[str, ...]:
    """The executors that can do a rule's function, the simplest first.

    One that must end in time, or have its own environment or folder, needs a process of its own.
    """
    if rule.ends_in_time or rule.private:
        return (PROCESS,)
    return (SERIAL, PROCESS) if rule.env else (SERIAL, THREAD, PROCESS)


def check(rule: Rule, is_async: bool, is_generator: bool) -> None:
    """Whether a rule's function can be run, by the executor that the rule names.

    Raises:
        FileflowError: for `executor: async` and a function that is not `async def`, and for an
            function that yields, if it is an `async def` or its rule scatters nothing.
    """
    if is_generator and isinstance(rule.action, Run) and (is_async or not rule.scatter):
        name = f"{rule.action.module}:{rule.action.function}"
        if is_async:
            what = f"{name} is an `async def` that yields, which nobody would take from it"
            hint = "yield from a plain `def`, or write the files and yield nothing"
        else:
            what = f"{name} yields: only outputs that its rule scatters can be yielded"
            hint = (
                "write the files and yield nothing, or say scatter: and the wildcards to be found"
            )
        raise FileflowError(f"rule {rule.name!r}: {what}", place=rule.action.place, hint=hint)
    if rule.executor != ASYNC or is_async or not isinstance(rule.action, Run):
        return
    raise FileflowError(
        f"rule {rule.name!r}: `executor: async` is for `async def` functions, and "
        f"{rule.action.module}:{rule.action.function} is a plain one",
        place=rule.place_of("executor"),
        hint="write `executor: thread` for a function that waits, or make it `async def`",
    )


class Chooser:
    """Says which runner does a rule's jobs; what it has chosen stays chosen for the run.

    Args:
        runners: the names of the runners that there are.
        asyncs: the rules whose functions are `async def`.
        asked: the executor of rules that name none; empty: by the kind of function.
        jobs: at most so many cores at once.
        took: what jobs take.
        note: is told of a choice: the rule, the executor, and why.
    """

    def __init__(
        self,
        *,
        runners: Collection[str],
        asyncs: Collection[str],
        asked: str,
        jobs: int,
        took: Took,
        note: Note,
    ) -> None:
        self._runners = runners
        self._asyncs = asyncs
        self._asked = asked
        self._jobs = jobs
        self._took = took
        self._note = note
        self._chosen: dict[int, str] = {}

    def runner(self, table: RuleTable, left: int) -> str:
        """The runner of a rule of which `left` jobs are ready."""
        found = self._chosen.get(table.number)
        if found is not None:
            return found
        rule = table.rule
        name = wished(rule, rule.name in self._asyncs, self._asked)
        if name == AUTO:
            choice = self._choose(table, left)
            if choice is None:
                return PROCESS
            name = choice.executor
            self._note(rule.name, name, choice.why)
        if name not in self._runners:
            name = PROCESS
        self._chosen[table.number] = name
        return name

    def to_process(self, table: RuleTable) -> None:
        """From now on the rule's jobs run in processes: they drew from a shared generator."""
        self._chosen[table.number] = PROCESS

    def _choose(self, table: RuleTable, left: int) -> Choice | None:
        """The choice for a rule, or None as long as too few of its jobs were measured."""
        took = self._took.measured(table)
        if took is None or 0 < took[2] < PROBES:
            return None
        seconds, cpu, _ = took
        return choose_executor(Measured(seconds, cpu), left, self._jobs, able(table.rule))
