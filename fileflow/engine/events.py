"""What happens in a run, as plain facts for whoever shows or keeps them.

Knows no terminal: progress bars, plain lines and JSON lines all read these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from fileflow.lean import dataclass, field

if TYPE_CHECKING:
    from fileflow.planning.tables import RuleTable


class Job(Protocol):
    """A job in the user's words."""

    @property
    def rule(self) -> str:
        """Its rule's name."""

    @property
    def wildcards(self) -> Mapping[str, str]:
        """Its values, by name."""

    @property
    def outputs(self) -> Sequence[str]:
        """The paths that it makes."""

    @property
    def label(self) -> str:
        """Rule and values in one text."""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """The same, written down."""

    rule: str
    wildcards: Mapping[str, str]
    outputs: Sequence[str]
    label: str


class RowFacts:
    """A job in the user's words, worked out if somebody asks: most jobs end unseen."""

    __slots__ = ("_row", "_table")

    def __init__(self, table: RuleTable, row: int) -> None:
        self._table = table
        self._row = row

    def __repr__(self) -> str:
        return f"<job {self.label}>"

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        facts = self.rule, dict(self.wildcards), tuple(self.outputs), self.label
        return JobFacts, facts  # what is kept or sent is written down

    @property
    def rule(self) -> str:
        """Its rule's name."""
        return self._table.rule.name

    @property
    def wildcards(self) -> Mapping[str, str]:
        """Its values, by name."""
        return self._table.values_of(self._row)

    @property
    def outputs(self) -> Sequence[str]:
        """The paths that it makes."""
        return self._table.outputs_of(self._row)

    @property
    def label(self) -> str:
        """Rule and values in one text."""
        return self._table.label(self._row)


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The plan is made: how many jobs are wanted, must run, or may have to."""

    run: str
    wanted: int
    certain: int
    possible: int
    slots: int
    seconds_expected: float | None


@dataclass(frozen=True, slots=True)
class RunGrew:
    """What was found while running is known: how many more jobs must run, or may have to."""

    wanted: int
    certain: int
    possible: int


@dataclass(frozen=True, slots=True)
class JobStarted:
    """A job was handed to a slot."""

    job: Job
    reason: str
    command: str | None


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job ended: `status` is built, failed, retried."""

    job: Job
    status: str
    seconds: float
    message: str = ""
    traceback: str = ""
    action: str = ""
    log_tail: Sequence[str] = ()
    log: tuple[str, int, int] = ("", 0, 0)
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """A line to say."""

    text: str
    warning: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """The end: each wanted job is counted once."""

    built: int = 0
    kept: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    busy_seconds: float = 0.0
    slots: int = 1
    error: str = ""
    signal: int = 0
    identical: int | None = None
    differ: Mapping[str, Sequence[str]] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    would_build: int | None = None
    certain: int | None = None
    status: int = 0


Event = RunStarted | RunGrew | JobStarted | JobEnded | Note | RunFinished


def exit_status(wrong: bool, signal: int) -> int:
    """That of a run in which something went wrong or not, and which a signal ended or none, 0."""
    return 128 + signal if signal else int(wrong)


def nothing_to_do(kept: int) -> str:
    """What a run says that finds all fresh."""
    if not kept:
        return "nothing to do"
    return f"nothing to do: {f'all {kept} are' if kept > 1 else 'the one job is'} fresh"


class Listener(Protocol):
    """Takes events as they happen."""

    def __call__(self, event: Event) -> None:
        """One event."""
