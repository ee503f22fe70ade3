"""Finds, describes and calls the user's functions.

Knows modules, parameters and tracebacks; nothing of files, stages or slots.
"""

from __future__ import annotations

import importlib
import os
import traceback
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CoroutineType, GeneratorType
from typing import Any

from fileflow.attributes import Values, with_attributes
from fileflow.errors import FileflowError, Place, Stopped, did_you_mean
from fileflow.lean import dataclass
from fileflow.model.ports import Parameter
from fileflow.world.forks import end_if_forked, this_process
from fileflow.world.modules import taken
from fileflow.world.seeding import new_generator, small_seed

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_FROZEN = "<frozen importlib"
_IMPORTLIB = os.path.dirname(importlib.__file__) + os.sep
_LONGEST = 20_000

Item = str | list[str] | None


@dataclass(frozen=True, slots=True)
class Description:
    """What can be known of a function before it is called; with `error` nothing else counts."""

    parameters: tuple[Parameter, ...] = ()
    is_async: bool = False
    is_generator: bool = False
    error: str = ""


class UnfitError(Exception):
    """A function that cannot be had or called; says why, in the user's words."""

    def __init__(self, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.trace = trace


def load(module: str, function: str) -> Callable[..., Any]:
    """The function with this import path.

    Raises:
        UnfitError: if the module cannot be imported, or has no such function.
    """
    caller = this_process()
    try:
        found = importlib.import_module(module)
        end_if_forked(caller)
    except Stopped:
        raise
    except BaseException as error:
        end_if_forked(caller, error)
        if said := taken(module):
            raise UnfitError(said) from None
        said = said_of(error)
        raise UnfitError(f"cannot import {module}: {said}", users_part(error)) from None
    if said := taken(module):
        raise UnfitError(said)
    value: Any = found
    for name in function.split("."):
        if not hasattr(value, name):
            near = did_you_mean(name, [other for other in dir(value) if other[:1] != "_"])
            raise UnfitError(f"{module} has no {function!r}" + (f"; {near}" if near else ""))
        value = getattr(value, name)
    if not callable(value):
        raise UnfitError(f"{module}:{function} is no function")
    made: Callable[..., Any] = value
    return made


def describe(module: str, function: str) -> Description:
    """What the function takes and is; never raises for anything that the user's code does."""
    import inspect  # costs 4 ms: only where it is used

    try:
        found = load(module, function)
        signature = inspect.signature(found)
    except UnfitError as error:
        return Description(error=f"{error.message}\n{error.trace}".rstrip())
    except (ValueError, TypeError) as error:
        return Description(error=f"{module}:{function}: {said_of(error)}")
    hints = _hints(found)
    parameters = tuple(
        Parameter(
            name,
            parameter.kind.name.lower(),
            parameter.default is not parameter.empty,
            _annotation(hints.get(name, parameter.annotation)),
        )
        for name, parameter in signature.parameters.items()
    )
    yields_later = inspect.isasyncgenfunction(found)
    return Description(
        parameters,
        inspect.iscoroutinefunction(found) or yields_later,
        inspect.isgeneratorfunction(found) or yields_later,
    )


def undescribed(error: str, place: Place | None = None) -> FileflowError:
    """What is said where a function could not be described (`Description.error`)."""
    first, *rest = error.splitlines()
    places = [line for line in rest if not line.startswith("Traceback")]
    return FileflowError(first, place=place, hint="\n  ".join(places[-8:]) or None)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # a name that only a type checker sees: the text as written has to do
        return {}


def _annotation(hint: object) -> str | None:
    import inspect  # `describe` has loaded it

    if hint is inspect.Parameter.empty:
        return None
    text = hint if isinstance(hint, str) else inspect.formatannotation(hint)
    return text.replace("pathlib._local.", "pathlib.")  # where Python 3.13 says its classes live


@dataclass(slots=True)
class Facts:
    """What a job's parameters are bound from; see `Work.parameters`."""

    items: Sequence[Item]
    outputs: Sequence[Item]
    values: Sequence[object]
    seed: int
    log: Sequence[str]


def _path_or_paths(item: Item) -> Path | list[Path] | None:
    if type(item) is str:
        return Path(item)
    if item is None:
        return None
    return [Path(path) for path in item]


def _given(value: Any) -> object:
    """Paths that a call gave: one, a list, or names for these; None for one that is absent."""
    if type(value) is dict:
        return Values((name, _path_or_paths(one)) for name, one in value.items())
    return _path_or_paths(value)


def _whole(items: Sequence[Item], taken: Sequence[tuple[str | None, int]]) -> object:
    if any(name is not None for name, _ in taken):
        return Values((name, _path_or_paths(items[k])) for name, k in taken if name is not None)
    paths: list[Path] = []
    for _, k in taken:
        item = items[k]
        if type(item) is str:
            paths.append(Path(item))
        elif item is not None:
            paths += [Path(path) for path in item]
    return paths


def _from_source(source: str, detail: Any, facts: Facts) -> object:
    if source == "inputs":
        return _whole(facts.items, detail)
    if source == "outputs":
        return _whole(facts.outputs, detail)
    if source == "rng":
        return new_generator(detail, facts.seed)
    if source == "config":
        return with_attributes(detail)
    if source == "seed":
        return small_seed(facts.seed)
    if source == "log":
        return _path_or_paths(facts.log[0] if len(facts.log) == 1 else list(facts.log))
    if source == "logs":
        logs = [
            facts.log[at] if type(at) is int else [facts.log[k] for k in at] for _, at in detail
        ]
        names = [name for name, _ in detail]
        if names == [None]:
            return _path_or_paths(logs[0])
        return _whole(logs, list(zip(names, range(len(logs)), strict=True)))
    raise ValueError(f"bug: a parameter is bound to {source!r}")


def bind(parameters: Sequence[tuple[str, str, object]], facts: Facts) -> dict[str, object]:
    """The keyword arguments of one call."""
    made: dict[str, object] = {}
    detail: Any
    for name, source, detail in parameters:
        if source == "value":
            value = facts.values[detail]
            made[name] = with_attributes(value) if type(value) in (dict, list) else value
        elif source == "input":
            item = facts.items[detail]
            made[name] = Path(item) if type(item) is str else _path_or_paths(item)
        elif source == "path":
            value = facts.values[detail]
            if value is not False:  # a call gave none of that name: the default counts
                made[name] = _given(value)
        elif source == "optional":
            values: Any = facts.values[detail]
            if values:
                made[name] = with_attributes(values[0])
        elif source == "output":
            item = facts.outputs[detail]
            made[name] = Path(item) if type(item) is str else _path_or_paths(item)
        else:
            made[name] = _from_source(source, detail, facts)
    return made


def finish(answer: object) -> None:
    """What is left to do with what a function returned: a coroutine runs to its end.

    Raises:
        UnfitError: for a generator, whose body has not run.
    """
    if type(answer) is CoroutineType:
        import asyncio  # costs 15 ms: only where it is used

        asyncio.run(answer)
    elif type(answer) is GeneratorType:
        answer.close()
        raise UnfitError("the function yields: only outputs that its rule scatters can be yielded")


def returned(answer: object) -> str:
    """One line on what a function returned, for who expected that it becomes an output."""
    if type(answer) is CoroutineType:
        return ""
    kind = type(answer).__name__
    return f"it returned a value ({kind}), which nobody takes: a function writes its outputs itself"


def said_of(error: BaseException) -> str:
    """One line that says what was raised."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r}): a job ends by returning"
    try:
        told = traceback.TracebackException(type(error), error, None)
        vars(told)["__notes__"] = None  # they come after its own line, since Python 3.11
        text = list(told.format_exception_only())[-1].strip()
    except BaseException:
        text = type(error).__name__
    return text[:2000]


def users_part(error: BaseException) -> str:
    """The traceback of what was raised, without our own frames and those of the import system."""
    try:
        told = traceback.TracebackException(type(error), error, error.__traceback__)
        for one in _chain(told):
            one.stack = traceback.StackSummary.from_list(
                [frame for frame in one.stack if not _is_ours(frame.filename)]
            )
        text = "".join(told.format())
    except BaseException:
        return ""
    if len(text) > _LONGEST:
        return f"{text[: _LONGEST // 2]}\n…\n{text[-_LONGEST // 2 :]}"
    return text


def _chain(told: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    waiting = [told]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += [other for other in (one.__cause__, one.__context__) if other is not None]


def _is_ours(filename: str) -> bool:
    return filename.startswith((_FROZEN, _OURS, _IMPORTLIB))
