"""The calls of rules as questions: which function is asked, with which arguments, and what it said.

Pure: what a function takes is given, and who asks it, when, and what is kept of its answers, is
decided elsewhere. A *site* is the place of a call in its rule; a *question* is a site asked for one
job.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from fileflow.errors import FileflowError, shortened
from fileflow.lean import dataclass
from fileflow.model.patterns import inside, normal
from fileflow.model.ports import Parameter
from fileflow.model.rules import Call, Entry, Kind, Rule
from fileflow.planning.filling import canonical

if TYPE_CHECKING:
    from fileflow.planning.tables import RuleTable

Given = str | list[str] | dict[str, "str | list[str]"]
"""The paths that a call answers: one, a list, or names for these."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where in a rule a call stands; `number` counts the rule's sites.

    `name` is that of the input, param or resource, None where the call gives them all; `entry` is
    the entry of an input, `position` where it is among the rule's inputs.
    """

    number: int
    kind: Kind
    call: Call
    name: str | None = None
    entry: Entry | None = None
    position: int = -1

    @property
    def is_amount(self) -> bool:
        """Whether it gives a number that no plan rests on: it is asked when its job is ordered."""
        return self.kind in (Kind.CORES, Kind.RESOURCES)

    def __str__(self) -> str:
        return self.kind.value if self.name is None else f"{self.kind.value} {self.name}"


def sites_of(rule: Rule, inputs: Sequence[Entry]) -> tuple[Site, ...]:
    """The calls of a rule; `inputs` are its entries as its jobs have them."""
    found: list[tuple[Kind, Call, str | None, Entry | None, int]] = []
    for position, entry in enumerate(inputs):
        if entry.call is not None and not entry.absent:
            found.append((Kind.INPUT, entry.call, entry.name, entry, position))
    if rule.params_call is not None:
        found.append((Kind.PARAMS, rule.params_call, None, None, -1))
    for name, value in rule.params.items():
        if isinstance(value, Call):
            found.append((Kind.PARAMS, value, name, None, -1))
    if rule.cores.call is not None:
        found.append((Kind.CORES, rule.cores.call, None, None, -1))
    for name, amount in rule.resources.items():
        if amount.call is not None:
            found.append((Kind.RESOURCES, amount.call, name, None, -1))
    return tuple(Site(number, *one) for number, one in enumerate(found))


@dataclass(frozen=True)
class Question:
    """A call of one job: what its function is to be given.

    `after` are the files that were to be made first, and `makers` the jobs that made them, by what
    identifies these. `with_paths` says that the argument `after` stands for these files. Equal
    `key`s have equal answers as long as the code and the bytes of these files are the same.
    """

    site: Site
    table: RuleTable
    row: int
    arguments: Mapping[str, object]
    after: tuple[str, ...] = ()
    with_paths: bool = False
    makers: tuple[tuple[str, ...], ...] = ()

    @property
    def function(self) -> str:
        """The import path of what is asked."""
        return f"{self.site.call.module}:{self.site.call.function}"

    @cached_property
    def key(self) -> str:
        """What tells this question from others, whoever asks it."""
        text = canonical([self.function, self.arguments, list(self.after)])
        raw = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(raw, digest_size=16).hexdigest()

    def error(self, what: str, hint: str | None = None) -> FileflowError:
        """A mistake about this question, or about its answer."""
        about = said(self.site, self.table.rule)
        job = self.table.label(self.row)
        if job != self.table.rule.name:
            about += f", for the job {job}"
        return FileflowError(
            f"{about}: {self.function} {what}", place=self.site.call.place, hint=hint
        )


def said(site: Site, rule: Rule) -> str:
    """A call in the user's words."""
    return f"the call for {site} of rule {rule.name!r}"


class Answers(Protocol):
    """What planning asks of those who may call functions."""

    keep_going: bool
    """Whether a call that cannot be asked, or fails, fails its job alone."""

    def parameters(self, call: Call) -> Sequence[Parameter]:
        """What the function of a call takes.

        Raises:
            FileflowError: if it is not there.
        """

    def of(self, questions: Sequence[Question]) -> Sequence[object]:
        """The answer to each question, as plain data; `UNKNOWN` where it cannot be asked yet, and
        the error where the function failed and all else is to go on.

        Raises:
            FileflowError: for a function that fails, or an answer that does not fit.
            NotYet: that takes time, and other things are to be done meanwhile.
        """


class Unknown(Enum):
    """The answer of a question that cannot be put yet."""

    UNKNOWN = 0


UNKNOWN = Unknown.UNKNOWN


# -- answers ----------------------------------------------------------------------------------


def checked(question: Question, answer: object, root: str) -> object:
    """An answer as planning takes it: of an input `Given`, of all params a mapping, else a number
    or any plain value.

    Args:
        question: what was asked.
        answer: plain data.
        root: the Workflowfile's folder: absolute paths below it are the same as relative ones.

    Raises:
        FileflowError: if the answer does not fit.
    """
    site = question.site
    if site.kind is Kind.INPUT:
        return _given(question, answer, root)
    if site.is_amount:
        if isinstance(answer, bool) or not isinstance(answer, (int, float)):
            raise question.error(f"gives {shortened(repr(answer))}, which is no number")
        if not 0 <= answer < float("inf"):
            raise question.error(f"gives {answer}: a number from 0 up is wanted")
        return answer
    if site.name is None and not isinstance(answer, dict):
        raise question.error(
            f"gives {shortened(repr(answer))} for `params`",
            "return a mapping of names to values, or write params: {x: {call: …}} for one value",
        )
    return answer


def _given(question: Question, answer: object, root: str) -> Given:
    entry = question.site.entry
    assert entry is not None
    if isinstance(answer, dict):
        if entry.name is not None:
            raise question.error(
                f"gives a mapping for the input {entry.name!r}, which is one path or a list",
                "return its path or paths; names can only come from a call that stands for itself: "
                "input: {call: …}",
            )
        others = {one.name for one in question.table.shape.inputs} - {None}
        doubled = next((name for name in answer if name in others), None)
        if doubled is not None:
            raise question.error(
                f"gives an input {doubled!r}, and the rule has one of that name already",
                "give one of them another name",
            )
        return {
            name: _listed(question, paths, root, f"the input {name!r}")
            for name, paths in answer.items()
        }
    found = _listed(question, answer, root, "an input")
    if not entry.one or isinstance(found, str):
        return found
    if len(found) != 1:
        raise question.error(
            f"gives {len(found)} paths, but `one: true` says that it is exactly one"
        )
    return found[0]


def _listed(question: Question, answer: object, root: str, what: str) -> str | list[str]:
    if isinstance(answer, str):
        return _path(question, answer, root)
    if isinstance(answer, list):
        found = []
        for item in answer:
            if not isinstance(item, str):
                raise question.error(
                    f"gives {shortened(repr(item))} among the paths of {what}",
                    "return a path, a flat list of paths, or a mapping of names to these",
                )
            found.append(_path(question, item, root))
        return list(dict.fromkeys(found))
    hint = "return a path, a list of paths, or a mapping of names to these"
    if answer is None:
        hint = "return [] where there is nothing to take"
    raise question.error(f"gives {shortened(repr(answer))} for {what}, which is no path", hint)


def _path(question: Question, text: str, root: str) -> str:
    if not text.strip() or "\0" in text:
        raise question.error(
            f"gives {text!r}, which is no path", "return [] where there is nothing to take"
        )
    path = inside(normal(text), root)
    if path in (".", root):
        raise question.error("gives the folder of the Workflowfile itself as a path")
    return path


def paths_of(given: Given) -> list[str]:
    """All paths of an answer, in order."""
    if isinstance(given, str):
        return [given]
    if isinstance(given, list):
        return given
    return [path for one in given.values() for path in ([one] if isinstance(one, str) else one)]


def form_of(given: Given | None) -> object:
    """What of an answer its list of paths does not tell: names, and what is a single path."""
    if given is None:
        return None
    if isinstance(given, dict):
        return [[name, "path" if isinstance(one, str) else len(one)] for name, one in given.items()]
    return "path" if isinstance(given, str) else "list"
