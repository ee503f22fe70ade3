"""The states of jobs before a run, and the reasons why jobs must run, in the user's words.

FRESH: all is as it was recorded; ABSENT: so too, but outputs are gone and nobody is known to need
them; STALE: it must run; MAYBE: it must run if a job that it needs comes out different; LATENT: an
absent one that must run if one that takes from it must.

Knows nothing of how they are found.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntEnum

from fileflow.lean import dataclass

# What stands in a reason for what was, or is, not there.
NOTHING = "nothing"
UNREAD = "what cannot be read"
ABSENT = "absent"
# How what is part of an action is called.
FILE = "the file"
CODE = "the code of"


class State(IntEnum):
    """What is known of a job before it is its turn."""

    FRESH = 0
    ABSENT = 1
    MAYBE = 2
    LATENT = 3
    STALE = 4


class Why(Enum):
    """The kinds of reasons for which a job must run."""

    RERUN = "everything is built again"
    FORCED = "forced"
    NO_OUTPUT = "it has no output: it runs whenever it is asked for"
    ALWAYS = "it says `always`"
    MISSING = "missing"
    NO_RECORD = "there, but not known to be made by this rule"
    ACTION = "the action changed"
    OUTPUTS = "the outputs changed"
    INPUTS = "the list of inputs changed"
    CONTENT = "an input changed"
    GONE = "a file that it read is gone"
    APPEARED = "a file that was not there is there now"
    OVERWRITTEN = "changed by someone else since it was made"
    ENSURE = "does not meet its `ensure`"
    EXPIRED = "recorded too long ago"
    NEEDED = "gone, and needed"
    UPSTREAM = "an input may change"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a job must run: the kind, what it is about, and before and after where that helps."""

    why: Why
    about: str = ""
    before: str = ""
    after: str = ""

    @property
    def comes_back(self) -> bool:
        """Whether all but its outputs is as it was: the job is taken to make the same again."""
        return self.why is Why.OVERWRITTEN or self.after == ABSENT

    def __str__(self) -> str:
        return _SENTENCES.get(self.why, _plain)(self)


def _plain(reason: Reason) -> str:
    return f"{reason.why.value}: {reason.about}" if reason.about else reason.why.value


def _acted(reason: Reason) -> str:
    about = reason.about
    if reason.after == NOTHING and about.startswith(f"{FILE} "):
        return f"{about} is gone"
    if NOTHING in (reason.before, reason.after) and about.startswith(f"{CODE} "):
        name = about[len(CODE) + 1 :]
        gone = reason.after == NOTHING
        return f"{name} is no longer used" if gone else f"{name} is used now, and was not"
    return f"{about} changed"


def _changed(reason: Reason, said: str) -> str:
    return "cannot be read" if reason.after == UNREAD else said


_SENTENCES: dict[Why, Callable[[Reason], str]] = {
    Why.MISSING: lambda r: f"{r.about} is missing",
    Why.NO_RECORD: lambda r: f"{r.about} is {r.why.value}",
    Why.ACTION: _acted,
    Why.INPUTS: lambda r: f"inputs: {r.about}",
    Why.CONTENT: lambda r: f"{r.about} {_changed(r, 'changed')}",
    Why.GONE: lambda r: f"{r.about} is gone, which it read",
    Why.APPEARED: lambda r: f"{r.about} is there now, and was not",
    Why.OVERWRITTEN: lambda r: f"{r.about} {_changed(r, f'was {r.why.value}')}",
    Why.ENSURE: lambda r: f"{r.about} {r.why.value}",
    Why.NEEDED: lambda r: f"gone, and needed by {r.about}",
    Why.UPSTREAM: lambda r: f"if {r.about} changes",
}
