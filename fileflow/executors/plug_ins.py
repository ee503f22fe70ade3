"""Executors that other distributions bring, by the entry-point group `fileflow.executors`.

An entry point names a factory, `make(root, run, slots)`, which gives a `Runner` for the project in
the folder `root`, the run with the id `run` and slots 0 … `slots` - 1. It gets the jobs of rules
that name it, functions and commands alike, and with `--executor` those of rules that name none.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from time import monotonic
from typing import Any

from fileflow.errors import Exit, FileflowError, Stopped
from fileflow.language.rule_book import PLUG_INS, check_executor
from fileflow.model.digests import DIGEST_SIZE
from fileflow.model.ports import Runner
from fileflow.model.work import Batch, Died, End, Event, Order, Outcome
from fileflow.signature import SIGNATURE

# How many seconds a plug-in is waited for at once, and to close when it was given up.
_AT_MOST = 1.0
_SIZES = (SIGNATURE.size, DIGEST_SIZE)
_LIST = (list, tuple)
_Kinds = type | tuple[type, ...]
_OUTCOME: dict[str, _Kinds] = {
    "index": int,
    "end": End,
    "started": (int, float),
    "seconds": (int, float),
    "cpu": (int, float),
    "memory": int,
    "message": str,
    "traceback": str,
    "outputs": _LIST,
    "learned": _LIST,
    "lists": _LIST,
    "notes": _LIST,
    "found": _LIST,
}
_DIED: dict[str, _Kinds] = {
    "slot": int,
    "index": (int, type(None)),
    "code": int,
    "memory": int,
    "unfinished": _LIST,
    "seconds": (int, float),
}
_ROWS: dict[str, tuple[_Kinds, ...]] = {
    "outputs": (bytes, bytes),
    "learned": (str, bytes, bytes),
    "lists": (int, bytes, bytes),
    "notes": (str, str),
}


def load(name: str, root: str, run: str, slots: int) -> PlugIn:
    """The runner that a plug-in makes.

    Raises:
        FileflowError: if there is no such plug-in, or it does not make a runner.
    """
    from importlib.metadata import entry_points  # slow to import, and seldom needed

    check_executor(name)
    point = next(point for point in entry_points(group=PLUG_INS) if point.name == name)
    hint = f"it comes from {point.value}, an entry point of the group {PLUG_INS}"
    try:
        runner = point.load()(root, run, slots)
    except (Exception, SystemExit) as error:
        raise FileflowError(
            f"executor {name!r} cannot be made: {type(error).__name__}: {error}", hint=hint
        ) from error
    lacking = [
        verb
        for verb in ("submit", "wait", "stop", "close")
        if not callable(getattr(runner, verb, None))
    ]
    if lacking:
        raise FileflowError(
            f"executor {name!r} is no runner: it lacks {', '.join(lacking)}", hint=hint
        )
    return PlugIn(runner, name, hint)


class PlugIn:
    """A runner of others, of which nothing is believed: what is wrong with it is told by its name.

    It tells which job a slot runs and since when, by what it was handed. Each method raises a
    `FileflowError` if the plug-in raises anything, or gives what no runner gives.
    """

    def __init__(self, runner: Runner, name: str, hint: str) -> None:
        """`name` is the executor's; `hint` says where it comes from."""
        self._runner = runner
        self._name = name
        self._hint = hint
        self._handed: dict[int, dict[int, Order]] = {}
        self._began: dict[int, float] = {}
        self._asked = False
        self._given_up = False
        self._has_failed = False

    def submit(self, slot: int, batch: Batch) -> None:
        """Hands a batch to a slot."""
        handed = self._handed.setdefault(slot, {})
        if not handed:
            self._began[slot] = monotonic()
        handed.update((order.index, order) for order in batch.orders)
        self._ask("submit", slot, batch)

    def wait(self, seconds: float | None) -> list[Event]:
        """What has happened since the last call; looks up now and then, as no signal wakes it."""
        found: object = []
        if not self._given_up:
            found = self._ask("wait", _AT_MOST if seconds is None else min(seconds, _AT_MOST))
        if self._given_up:
            held = [index for handed in self._handed.values() for index in handed]
            self._handed.clear()
            return [Outcome(index, End.STOPPED) for index in held]
        if not isinstance(found, (list, tuple)):
            raise self._fault(f"wait gave what is no list: {found!r:.200}")
        for event in found:
            if wrong := _malformed(event) or self._unheard_of(event) or self._take(event):
                raise self._fault(f"wait gave what {wrong}: {event!r:.200}")
        return list(found)

    def _unheard_of(self, event: Event) -> str:
        """What is wrong with an event if it tells of a job that is not in hand."""
        if isinstance(event, Died):
            held, ended = self._handed.get(event.slot), event.unfinished
        else:
            held, ended = self._handed.get(self._slot_of(event.index)), [event.index]
        if held is None or not held.keys() >= set(ended):
            return "tells of a slot or a job that it was not handed, or has told of before"
        return ""

    def _slot_of(self, index: int) -> int:
        return next((slot for slot, handed in self._handed.items() if index in handed), -1)

    def _take(self, event: Event) -> str:
        """Jobs have ended; gives what is wrong with that. Done is what has left its files."""
        slot = event.slot if isinstance(event, Died) else self._slot_of(event.index)
        handed = self._handed[slot]
        self._began[slot] = monotonic()
        if isinstance(event, Died):
            for index in event.unfinished:
                del handed[index]
            return ""
        order = handed.pop(event.index)
        if event.end is not End.DONE:
            return ""
        paths = [*order.outputs, *event.found]
        if [tuple(map(len, pair)) for pair in event.outputs] != [_SIZES] * len(paths):
            return f"has not {_SIZES} bytes of signature and digest for each of its outputs"
        scattered = {scatter[0] for scatter in order.scatter}
        for k, path in enumerate(paths):
            if k not in scattered and not os.path.lexists(path):
                event.end = End.FAILED
                event.message = (
                    f"its executor {self._name!r} says that it made {path}, which is not there"
                )
                break
        return ""

    def running(self, slot: int) -> tuple[int, float] | None:
        """The job that the slot runs, and when it began on the monotonic clock."""
        if callable(getattr(self._runner, "running", None)):
            found: tuple[int, float] | None = self._ask("running", slot)
            if found is not None and not _is_row(found, (int, (int, float))):
                raise self._fault(f"running gave what is no (job, seconds): {found!r:.200}")
            return found
        index = next(iter(self._handed.get(slot, ())), None)
        return None if index is None else (index, self._began[slot])

    def stop(self, slot: int, *, kill: bool) -> None:
        """Ends the job that the slot runs."""
        if not self._given_up:
            self._ask("stop", slot, kill=kill)

    def interrupt(self, kill: bool) -> None:
        """A second signal: it is not waited for any more. For a handler of the thread that asks.

        Raises:
            Stopped: inside the plug-in, if it is being asked for something.
        """
        if kill:
            self._given_up = True
            if self._asked:
                raise Stopped

    def close(self) -> None:
        """Ends all slots; one that was given up has a moment for that."""
        if self._given_up:
            closing = threading.Thread(target=self._close_anyhow, daemon=True)
            closing.start()
            closing.join(_AT_MOST)
        elif self._has_failed:
            self._close_anyhow()
        else:
            self._ask("close")

    def _close_anyhow(self) -> None:
        """What is wrong with it has been said, or nobody wants to know."""
        with contextlib.suppress(Exception, SystemExit):
            self._runner.close()

    def _ask(self, verb: str, *args: object, **more: object) -> Any:
        """What a method of the plug-in gives; None if it was given up meanwhile."""
        try:
            try:
                self._asked = True
                return getattr(self._runner, verb)(*args, **more)
            finally:
                self._asked = False
        except Stopped:
            return None
        except FileflowError:
            self._has_failed = True
            raise
        except (Exception, SystemExit) as error:
            raise self._fault(f"{verb} raised {type(error).__name__}: {error}") from error

    def _fault(self, what: str) -> FileflowError:
        self._has_failed = True
        return FileflowError(f"executor {self._name!r}: {what}", hint=self._hint, status=Exit.STATE)


def _malformed(event: object) -> str:
    """What is wrong with an event itself."""
    if not isinstance(event, (Outcome, Died)):
        return "is neither an Outcome nor a Died"
    kinds = _OUTCOME if isinstance(event, Outcome) else _DIED
    for name, kind in kinds.items():
        if not isinstance(getattr(event, name), kind):
            return f"has a wrong {name}"
    if not _is_row(event.log, (str, int, int)):
        return "has a wrong log"
    if isinstance(event, Died):
        lost = event.index is not None and event.index not in event.unfinished
        return "has an index that is not unfinished" if lost else ""
    for name, row in _ROWS.items():
        if not all(_is_row(one, row) for one in getattr(event, name)):
            return f"has wrong {name}"
    return ""


def _is_row(found: object, kinds: Sequence[_Kinds]) -> bool:
    """Whether this is a tuple of such values."""
    if not isinstance(found, (list, tuple)) or len(found) != len(kinds):
        return False
    return all(map(isinstance, found, kinds))
