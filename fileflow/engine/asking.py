"""Answers of the functions behind calls: kept ones as long as they hold, else asked in a process.

The body of planning's `Answers`. An answer holds as long as the code of its function and the bytes
of the `after` files are the same; its arguments are part of what it is kept under. Knows nothing of
plans.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from fileflow.engine.facts import World
from fileflow.errors import FileflowError, NotYet
from fileflow.lean import NamedTuple, dataclass, values_of
from fileflow.model.digests import NO_DIGEST
from fileflow.model.ports import Parameter
from fileflow.model.rules import Call
from fileflow.planning.questions import UNKNOWN, Question, checked
from fileflow.planning.tables import RuleTable
from fileflow.world.code import Code, CodeReader
from fileflow.world.records import Records

if TYPE_CHECKING:
    from fileflow.executors.asking import Asker
    from fileflow.world.asking import Told

ANSWER = "answer"
DESCRIBED = "described"
_MEGABYTE = 1_000_000
_PATIENCE = 0.05  # seconds


@dataclass(slots=True)
class _Kept:
    """An answer with what it rests on."""

    proof: str
    answer: object


class _Asked(NamedTuple):
    """A question that was put, with what its answer rests on."""

    question: Question
    proof: str


class Answering:
    """Gives the answers of calls.

    Attributes:
        interrupted: whether to wait no longer; looked at while functions run.
        has_other_work: whether there is something else to do while functions run: then an answer
            that is not there in a moment is `NotYet`, and `has_news` once it is.

    Args:
        root: the Workflowfile's folder.
        world: the contents of files.
        records: where answers are kept, if they may be written.
        code: reads the code of functions.
        called: takes up the jobs that have to bring back a file before a question can be put.
        changed: one of these files of code that has changed since it was read, if any has.
    """

    def __init__(
        self,
        root: str,
        world: World,
        records: Records,
        code: CodeReader,
        called: set[tuple[str, ...]],
        changed: Callable[[Iterable[str]], str | None],
        *,
        writable: bool,
    ) -> None:
        self.root = root
        self.interrupted: Callable[[], bool] = lambda: False
        self.has_other_work: Callable[[], bool] = lambda: False
        self.again: Collection[str] | None = ()
        self.keep_going = False
        self._world = world
        self._records = records
        self._code = code
        self._called = called
        self._changed = changed
        self._writable = writable
        self._codes: dict[tuple[str, str], Code] = {}
        self._known: dict[str, _Kept] = {}
        self._amounts: dict[tuple[str, int], Told] = {}
        self._asker: Asker | None = None
        # What takes the answers to the questions that were put last.
        self._under_way: Callable[[Sequence[Told]], None] | None = None
        self._is_new = False

    # -- functions ----------------------------------------------------------------------------

    def code_of(self, call: Call) -> Code:
        """The code of a call's function and of what it reaches.

        Raises:
            FileflowError: if there is no such module or function.
        """
        key = (call.module, call.function)
        found = self._codes.get(key)
        if found is None:
            try:
                found = self._code.function(*key)
            except FileflowError as error:
                raise FileflowError(error.what, place=call.place, hint=error.hint) from None
            self._codes[key] = found
        return found

    def parameters(self, call: Call) -> Sequence[Parameter]:
        """What the function of a call takes: by its source, or as it was or is described.

        Raises:
            FileflowError: if it is not there.
        """
        digest = self.code_of(call).digest.hex()
        signature = self._code.signature(call.module, call.function)
        if signature is not None:
            return signature.parameters
        key = f"{call.module}:{call.function}"
        note = self._records.notes.get((DESCRIBED, key))
        if isinstance(note, list) and len(note) == 2 and note[0] == digest:
            # Earlier versions noted an empty text where there is no annotation.
            return [Parameter(n, kind, default, a or None) for n, kind, default, a in note[1]]
        found = self.describe(call)
        value = [digest, [values_of(one) for one in found]]
        if self._writable:
            self._records.note(DESCRIBED, key, value)
        else:
            self._records.notes[DESCRIBED, key] = value
        return found

    def describe(self, call: Call) -> Sequence[Parameter]:
        """What the function of a call takes, from the process that would ask it.

        Raises:
            FileflowError: if it cannot be imported, or is not there.
            NotYet: another function is asked just now, and other things are to be done meanwhile.
        """
        if self._under_way is not None:
            self._finish()
        try:
            return self._process().describe(call.module, call.function)
        except FileflowError as error:
            raise FileflowError(error.what, place=call.place, hint=error.hint) from None

    # -- answers ------------------------------------------------------------------------------

    def of(self, questions: Sequence[Question]) -> Sequence[object]:
        """The answer to each question; `UNKNOWN` where a file has to be brought back first.

        With `keep_going` the mistake itself stands for an answer that is not to be had.

        Raises:
            FileflowError: for a function that fails, or an answer that does not fit.
            NotYet: that takes time, and other things are to be done meanwhile.
        """
        out: list[object] = []
        asked: dict[str, _Asked] = {}
        proofs: dict[tuple[object, ...], str] = {}
        for question in questions:
            call = question.site.call
            about = (call.module, call.function, question.after)
            proof = proofs.get(about)
            if proof is None:
                proof = proofs[about] = self._proof(question)
            kept = self._held(question, proof)
            if kept is not None:
                out.append(self._checked(question, kept.answer))
            elif not all(map(self._world.is_there, question.after)):
                self._called.update(question.makers)
                out.append(UNKNOWN)
            else:
                asked.setdefault(question.key, _Asked(question, proof))
                out.append(None)
        if asked:
            self._ask(asked)
            for k, question in enumerate(questions):
                if question.key in asked:
                    out[k] = self._checked(question, self._known[question.key].answer)
        return out

    def _checked(self, question: Question, answer: object) -> object:
        if isinstance(answer, FileflowError):
            return answer
        return checked(question, answer, self.root)

    def _proof(self, question: Question) -> str:
        """What an answer rests on beside its arguments."""
        made = hashlib.blake2b(self.code_of(question.site.call).digest, digest_size=16)
        for path in question.after:
            made.update(self._world.content(path) or NO_DIGEST)
        return made.hexdigest()

    def _held(self, question: Question, proof: str) -> _Kept | None:
        """The answer that was given before, if all is as it was then."""
        known = self._known.get(question.key)
        if known is not None:
            return known if known.proof == proof else None
        if self.again is None or question.table.rule.name in self.again:
            return None
        note = self._records.notes.get((ANSWER, question.key))
        if isinstance(note, list) and len(note) == 3 and note[0] == proof:
            known = self._known[question.key] = _Kept(proof, note[1])
            return known
        return None

    def _ask(self, asked: Mapping[str, _Asked]) -> None:
        """Has all of these answered, by their keys.

        Raises:
            NotYet: that takes time, and other things are to be done meanwhile.
        """
        anew = True
        while left := [one for one in asked.values() if not self._held(one.question, one.proof)]:
            if self._under_way is None:
                questions = [one.question for one in left]
                self._begin(questions, partial(self._take_answers, left), anew=anew)
                anew = False
            self._finish()

    def _begin(
        self, questions: Sequence[Question], take: Callable[[Sequence[Told]], None], *, anew: bool
    ) -> None:
        """Puts questions; what they are answered goes to `take`."""
        self._process().begin(
            [
                (
                    question.site.call.module,
                    question.site.call.function,
                    dict(question.arguments),
                    question.with_paths,
                )
                for question in questions
            ],
            anew=anew,
        )
        self._under_way = take
        self._is_new = True

    def _finish(self) -> None:
        """Takes in what was asked last."""
        asker = self._process()
        patience, self._is_new = _PATIENCE if self._is_new else 0.0, False
        if self.has_other_work() and not asker.has_answered(patience):
            raise NotYet
        take, self._under_way = self._under_way, None
        assert take is not None, "bug: nothing was asked"
        take(asker.answers())

    @property
    def has_news(self) -> bool:
        """Whether what was asked last, and not answered yet, is by now."""
        return self._under_way is not None and self._process().has_answered(0.0)

    @property
    def is_asking(self) -> bool:
        """Whether something was asked that nobody has taken the answer of."""
        return self._under_way is not None

    def _take_answers(self, asked: Sequence[_Asked], told: Sequence[Told]) -> None:
        """Keeps answers; the last one may be that of a function that failed."""
        notes: list[tuple[str, str, object]] = []
        # By what they rest on: where that has changed meanwhile no answer is kept.
        lasting: dict[tuple[str, Sequence[str]], bool] = {}
        try:
            for (question, proof), answer in zip(asked, told, strict=False):
                try:
                    if answer.error:
                        raise question.error(answer.error, answer.where or None)
                    checked(question, answer.answer, self.root)
                except FileflowError as error:
                    if not self.keep_going:
                        raise
                    self._known[question.key] = _Kept(proof, error)
                    continue
                self._known[question.key] = _Kept(proof, answer.answer)
                about = question.function, question.after
                if about not in lasting:
                    files = self.code_of(question.site.call).files
                    same = self._proof(question) == proof
                    lasting[about] = same and self._changed(files) is None
                if lasting[about]:
                    kept = [proof, answer.answer, question.function]
                    notes.append((ANSWER, question.key, kept))
        finally:
            if notes and self._writable:
                self._records.note_all(notes)

    def amount(self, question: Question, attempt: int) -> float:
        """The number that a call gives for a job that is about to be ordered for this attempt.

        Raises:
            FileflowError: for a function that fails, or an answer that is no number.
            NotYet: that takes time, and other things are to be done meanwhile.
        """
        key = (question.key, attempt)
        while key not in self._amounts:
            if self._under_way is None:
                self._begin([question], partial(self._take_amount, key), anew=False)
            self._finish()
        told = self._amounts[key]
        if told.error:
            raise question.error(told.error, told.where or None)
        number = checked(question, told.answer, self.root)
        assert isinstance(number, (int, float)), "bug: an amount was not checked"
        return number

    def _take_amount(self, key: tuple[str, int], told: Sequence[Told]) -> None:
        self._amounts[key] = told[0]

    def input_mb(self, table: RuleTable, row: int) -> float:
        """How large the inputs of a job are together, in units of 10⁶ bytes."""
        total = 0
        for link in table.links:
            for path in () if link.entry.order_only else link.paths_of(row):
                total += _size(path)
        return total / _MEGABYTE

    # -- keeping ------------------------------------------------------------------------------

    def forget_unused(self, functions: Collection[str]) -> None:
        """Forgets kept answers of these functions that were not needed: nobody can ask for them."""
        unused = [
            (kind, key)
            for (kind, key), note in self._records.notes.items()
            if kind == ANSWER
            and key not in self._known
            and isinstance(note, list)
            and note[2:]
            and note[2] in functions
        ]
        if unused:
            self._records.note_all([(kind, key, None) for kind, key in unused])

    def close(self) -> None:
        """Ends the process in which functions are asked."""
        if self._asker is not None:
            self._asker.close()
            self._asker = None

    def _process(self) -> Asker:
        if self._asker is None:
            from fileflow.executors.asking import Asker  # most projects have no call to ask

            self._asker = Asker(lambda: self.interrupted())
        return self._asker


def _size(path: str) -> int:
    if not os.path.isdir(path):
        return os.stat(path).st_size
    return sum(
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _, names in os.walk(path)
        for name in names
    )
