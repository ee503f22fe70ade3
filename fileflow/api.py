"""The engine from Python: load a Workflowfile, plan, run.

A thin door: the same session, plan and loop as the command line, as values instead of lines.
"""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, SupportsIndex

from fileflow.cpus import usable_cpus
from fileflow.engine import events
from fileflow.engine.knowing import plan_known
from fileflow.engine.loop import Loop, Settings
from fileflow.engine.one_thread import only_thread
from fileflow.engine.run import run as run_engine
from fileflow.engine.session import Overrides, Session, find_workflowfile
from fileflow.errors import FileflowError, did_you_mean
from fileflow.language.config import ASSIGNMENT
from fileflow.language.rule_book import check_executor
from fileflow.lean import lazy_regex
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.plan import Target, Wishes, target_from
from fileflow.planning.reasons import State
from fileflow.planning.schedule import JobState
from fileflow.streams import current_folder, open_streams
from fileflow.world.lock import TO_WAIT

_OPTION = lazy_regex(r"^--config (\S+)=…")


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job of a plan.

    Attributes:
        rule: the rule's name; `wildcards`: the values that it maps, as text.
        inputs, outputs: paths relative to the Workflowfile.
        state: `fresh`, `absent` (its outputs are gone, and nobody needs them), `stale`, or `maybe`
            (it must run if a job that it needs comes out different), or `failed` (it cannot be
            worked out with what was found while running).
        reason: why it must, or may have to, run, or what is wrong; empty for a fresh one.
    """

    rule: str
    wildcards: Mapping[str, str]
    inputs: Sequence[str]
    outputs: Sequence[str]
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do."""

    jobs: Sequence[PlannedJob]

    @property
    def stale(self) -> list[PlannedJob]:
        """The jobs that must run."""
        return [job for job in self.jobs if job.state == "stale"]

    def __iter__(self) -> Iterator[PlannedJob]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What became of a job in a run; `seconds` and `message` of those that ran."""

    rule: str
    wildcards: Mapping[str, str]
    outputs: Sequence[str]
    status: str
    seconds: float = 0.0
    message: str = ""


@dataclass(slots=True)
class Result:
    """What a run did.

    Attributes:
        built, kept, failed, skipped: the jobs, each in one of these lists.
        seconds: wall time of the run.
        status: the exit status that the command line would end with; 0 if all went well.
    """

    built: list[JobRecord] = field(default_factory=list)
    kept: list[JobRecord] = field(default_factory=list)
    failed: list[JobRecord] = field(default_factory=list)
    skipped: list[JobRecord] = field(default_factory=list)
    seconds: float = 0.0
    status: int = 0

    @property
    def ok(self) -> bool:
        """Whether all that was wanted is fresh now."""
        return self.status == 0


_STATUSES = {
    JobState.BUILT: "built",
    JobState.FAILED: "failed",
    JobState.SKIPPED: "skipped",
}


class Workflow:
    """A Workflowfile; each `plan` and `run` reads it anew, as the command line does."""

    def __init__(self, file: str, overrides: Overrides) -> None:
        self._file = file
        self._overrides = overrides

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] = "Workflowfile",
        *,
        config: Mapping[str, Any] | None = None,
        seed: int | None = None,
    ) -> Workflow:
        """A workflow from its file.

        Args:
            path: the Workflowfile, or the folder that it is in.
            config: values that win over the file's, by dotted name.
            seed: wins over the file's.

        Raises:
            FileflowError: for whatever is wrong in the file.
        """
        if seed is not None:
            seed = _whole_number("seed", seed)
        if not isinstance(path, (str, os.PathLike)):
            raise FileflowError(f"a Workflowfile is named by a text or a Path, not {path!r}")
        file = find_workflowfile(os.fspath(path), current_folder())
        made = cls(file, Overrides(config=_said(config or {}), seed=seed))
        with _working_folder(file):
            Session(file, made._overrides)
        return made

    def plan(
        self,
        targets: Sequence[str | os.PathLike[str]] = (),
        *,
        mode: Literal["resume", "rerun"] = "resume",
    ) -> Plan:
        """The jobs that the targets need and the reason of each; nothing is run or changed.

        Raises:
            FileflowError: for a wrong argument, or whatever is wrong in the file.
        """
        wishes = Wishes(targets=self._seen(targets))
        rerun = _is_rerun(mode)
        with _working_folder(self._file):
            session = Session(self._file, self._overrides)
            decided = plan_known(session, wishes, rerun=rerun, ready=True)
            plan = decided.plan
            jobs = []
            for job in plan.jobs():
                table, row = plan.tables[job >> SHIFT], job & ROW
                if table.rule.asks_only:
                    continue
                reason = decided.staleness.reason(job)
                state = decided.staleness.state(job)
                word = "maybe" if state is State.LATENT else state.name.lower()
                error = plan.failed.get(job)
                jobs.append(
                    PlannedJob(
                        table.rule.name,
                        table.values_of(row),
                        [
                            path
                            for link in table.links
                            if not link.named
                            for path in link.paths_of(row)
                        ],
                        table.outputs_of(row),
                        word if error is None else "failed",
                        str(error or reason or ""),
                    )
                )
            return Plan(jobs)

    def run(
        self,
        targets: Sequence[str | os.PathLike[str]] = (),
        *,
        jobs: int | None = None,
        mode: Literal["resume", "rerun"] = "resume",
        executor: str | None = None,
        keep_going: bool = False,
        on_event: Callable[[events.Event], None] | None = None,
    ) -> Result:
        """Builds what the targets need and is stale.

        Args:
            targets: rules, paths or patterns; none: the first rule. A `Path` is never a rule.
            jobs: at most so many cores at once; by default all that may be used.
            mode: `resume` builds what is stale, `rerun` all that is needed.
            executor: for rules that name none; by default `process`, and `async` for functions
                that are `async def`.
            keep_going: go on with all that does not depend on a failed job.
            on_event: is told what happens as it happens.

        Raises:
            FileflowError: for whatever is wrong beside the jobs, a wrong argument too. A job that
                fails raises nothing: it is in `result.failed`.
            KeyboardInterrupt: Ctrl-C, once the run has ended in order.
        """
        wishes = Wishes(targets=self._seen(targets), keep_going=_truth("keep_going", keep_going))
        if jobs is not None and (jobs := _whole_number("jobs", jobs)) < 1:
            raise FileflowError(f"jobs is how many cores may be used, at least 1, not {jobs}")
        if executor is not None and not isinstance(executor, str):
            raise FileflowError(f"executor is the name of one, not {executor!r}")
        if executor is not None:
            check_executor(executor)
        if on_event is not None and not callable(on_event):
            raise FileflowError(f"on_event is a function that takes an event, not {on_event!r}")
        settings = Settings(
            jobs=jobs or usable_cpus(),
            max_failures=0 if keep_going else 1,
            executor=executor or "",
            rerun=_is_rerun(mode),
        )
        result = Result()
        ran: dict[tuple[str, ...], JobRecord] = {}

        def tell(event: events.Event) -> None:
            if isinstance(event, events.JobEnded) and event.status in ("built", "failed"):
                job = event.job
                key = (job.rule, *job.wildcards.values())
                ran[key] = JobRecord(
                    job.rule, job.wildcards, job.outputs, event.status, event.seconds, event.message
                )
            elif isinstance(event, events.RunFinished):
                result.seconds, result.status = event.seconds, event.status
            if on_event is not None:
                on_event(event)

        ended: dict[tuple[str, ...], JobRecord] = {}

        def settled(loop: Loop) -> None:
            """Takes in the jobs of a wave; what an earlier one built or failed at stays so."""
            for identity, record in list(ended.items()):
                if record.status not in ("built", "failed"):
                    del ended[identity]
            for job in (*loop.plan.jobs(), *sorted(loop.plan.deferred)):
                table = loop.plan.table_of(job)
                if table.rule.asks_only:
                    continue
                row = job & ROW
                status = "skipped"
                if job not in loop.plan.deferred:
                    status = _STATUSES.get(loop.schedule.state(job), "kept")
                known = ran.get(table.identity(row))
                if known is not None and known.status == status:
                    ended[table.identity(row)] = known
                elif known is None or table.identity(row) not in ended:
                    ended[table.identity(row)] = JobRecord(
                        table.rule.name, table.values_of(row), table.outputs_of(row), status
                    )

        with _working_folder(self._file):
            finished = run_engine(
                self._file,
                self._overrides,
                wishes,
                settings,
                tell,
                command=f"Workflow.run({', '.join(one.path for one in wishes.targets)})",
                settled=settled,
            )
        by_default = (signal.SIG_DFL, signal.default_int_handler)
        if finished.signal and signal.getsignal(finished.signal) in by_default:
            signal.raise_signal(finished.signal)
        for record in ended.values():
            getattr(result, record.status).append(record)
        return result

    def _seen(self, targets: Sequence[str | os.PathLike[str]]) -> tuple[Target, ...]:
        """Targets as the Workflowfile sees them."""
        if isinstance(targets, (str, os.PathLike)) or not isinstance(targets, Iterable):
            hint = "write [] for those of the first rule" if targets is None else None
            if isinstance(targets, (str, os.PathLike)):
                hint = f"write [{targets!r}]"
            raise FileflowError(
                f"targets is a list of rules, paths and patterns, not {targets!r}", hint=hint
            )
        found = []
        root = os.path.dirname(self._file)
        for one in targets:
            if isinstance(one, str):
                found.append(target_from(one))
            elif isinstance(one, os.PathLike):
                path = os.fspath(one)
                inside = os.path.relpath(path, root) if os.path.isabs(path) else path
                found.append(Target("", path if inside.startswith("..") else inside))
            else:
                raise FileflowError(f"a target is a text or a Path, not {one!r}")
        return tuple(found)


def _said(config: object) -> tuple[str, ...]:
    """Values of config as they would be typed behind `--config`."""
    if not isinstance(config, Mapping):
        raise FileflowError(f"config is a mapping of names to values, not {config!r}")
    said = []
    for key, value in config.items():
        found = ASSIGNMENT.fullmatch(f"{key}=")
        if found is None or found[1] != str(key):
            raise FileflowError(
                f"config: {key!r} is no key", hint="a key is a name, or several with dots: model.lr"
            )
        try:
            said.append(f"{key}={_typed(value)}")
        except (TypeError, RecursionError):
            raise FileflowError(
                f"config: {key} is no plain value: {value!r}",
                hint="give texts, numbers, True, False, None, lists and mappings of these",
            ) from None
    return tuple(said)


def _typed(value: object) -> str:
    """Plain data as YAML on one line: JSON, but for numbers and characters that it lacks.

    Raises:
        TypeError: for anything else; RecursionError for what holds itself.
    """
    if isinstance(value, dict):
        names = [name if isinstance(name, str) else _typed_key(name) for name in value]
        pairs = zip(map(_typed, names), map(_typed, value.values()), strict=True)
        return "{" + ", ".join(f"{name}: {one}" for name, one in pairs) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_typed, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    text = json.dumps(value)
    if not isinstance(value, str) or "\\ud" not in text:
        return text
    # JSON writes these as two halves; YAML has no halves.
    made = [f"\\U{ord(one):08X}" if one > "\uffff" else json.dumps(one)[1:-1] for one in value]
    return f'"{"".join(made)}"'


def _typed_key(name: object) -> str:
    if name is not None and not isinstance(name, (bool, int, float)):
        raise TypeError(f"{name!r} is no key")
    return _typed(name)


def _is_rerun(mode: object) -> bool:
    modes = ("resume", "rerun")
    if mode not in modes:
        near = did_you_mean(str(mode), modes)
        raise FileflowError(f"mode is 'resume' or 'rerun', not {mode!r}", hint=near)
    return mode == "rerun"


def _whole_number(name: str, value: object) -> int:
    if not isinstance(value, SupportsIndex) or isinstance(value, bool):
        raise FileflowError(f"{name} is a whole number, not {value!r}")
    return value.__index__()


def _truth(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise FileflowError(f"{name} is True or False, not {value!r}")
    return value


@contextmanager
def _working_folder(file: str) -> Iterator[None]:
    """The engine works in the Workflowfile's folder; the caller's is given back."""
    with only_thread(os.path.dirname(file)), open_streams(), _said_for_python():
        before = current_folder()
        try:
            yield
        finally:
            os.chdir(before)


@contextmanager
def _said_for_python() -> Iterator[None]:
    """What an error says of options it says of arguments."""
    try:
        yield
    except FileflowError as error:
        for one in {error, *error.errors}:
            one.what = _OPTION.sub(r"config={'\1': …}", one.what)
            if one.hint == TO_WAIT:
                one.hint = "run it when that one has ended; a job or a listener of it cannot"
        raise
