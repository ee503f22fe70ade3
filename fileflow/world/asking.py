"""Puts questions to the user's functions, and makes plain data of what they answer.

Knows import paths, arguments and tracebacks; nothing of rules, jobs, or of who wants to know.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import CoroutineType, GeneratorType
from typing import Any

from fileflow.attributes import with_attributes
from fileflow.lean import dataclass
from fileflow.world.forks import end_if_forked, this_process
from fileflow.world.functions import UnfitError, load, said_of, users_part

AFTER = "after"


@dataclass(frozen=True, slots=True)
class Told:
    """What a function said: its answer as plain data, or what went wrong, and where."""

    answer: object = None
    error: str = ""
    where: str = ""


class NotPlainError(Exception):
    """An answer that is no plain data; says which part, and what to return instead."""


def ask(module: str, function: str, arguments: Mapping[str, object], *, paths: bool) -> Told:
    """Calls a function once; never raises for anything that the user's code does.

    Args:
        module, function: its import path.
        arguments: plain data, by parameter.
        paths: whether the argument `after` is a path, or a list of paths.
    """
    caller = this_process()
    told = _ask(module, function, arguments, paths=paths)
    end_if_forked(caller, SystemExit(1) if told.error else None)
    return told


def _ask(module: str, function: str, arguments: Mapping[str, object], *, paths: bool) -> Told:
    folder = os.getcwd()
    try:
        given = {name: with_attributes(value) for name, value in arguments.items()}
        if paths:
            given[AFTER] = _as_paths(arguments[AFTER])
        answer: Any = load(module, function)(**given)
        if type(answer) is CoroutineType:
            import asyncio  # costs 15 ms: only where it is used

            answer = asyncio.run(answer)
        return Told(plain(answer))
    except UnfitError as error:
        return Told(error=f"cannot be asked: {error.message}", where=_last(error.trace))
    except NotPlainError as error:
        return Told(error=str(error))
    except BaseException as error:
        if isinstance(error, SystemExit):
            what = f"called sys.exit({error.code!r}): a call answers by returning"
        else:
            what = f"failed: {said_of(error)}"
        return Told(error=what, where=_place(error, folder))
    finally:
        os.chdir(folder)


def _as_paths(after: object) -> Path | list[Path]:
    if isinstance(after, list):
        return [Path(one) for one in after]
    return Path(str(after))


def _place(error: BaseException, folder: str) -> str:
    """The line below the project's folder in which it happened, as `file:line: text`."""
    root = os.path.realpath(folder)
    users = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.realpath(frame.filename).startswith(root + os.sep)
        and "site-packages" not in frame.filename
    ]
    if not users:
        return _last(users_part(error))
    frame = users[-1]
    file = os.path.relpath(os.path.realpath(frame.filename), root)
    return f"{file}:{frame.lineno}: {frame.line or ''}".rstrip(": ")


def _last(trace: str) -> str:
    """The last place that a traceback names."""
    lines = trace.splitlines()
    for k in range(len(lines) - 1, -1, -1):
        if lines[k].lstrip().startswith("File "):
            text = lines[k].strip()
            if k + 1 < len(lines) and lines[k + 1].startswith("    "):
                text += f": {lines[k + 1].strip()}"
            return text
    return ""


# -- plain data -------------------------------------------------------------------------------


def plain(value: Any) -> object:
    """An answer as plain data: paths as text, tuples and generators as lists, arrays too.

    Raises:
        NotPlainError: for what has no order, or no plain form.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return _bare(value)
    if isinstance(value, os.PathLike):
        return _text(os.fspath(value))
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        raise NotPlainError("gives a set, which has no order: return sorted(…)")
    if isinstance(value, (list, tuple, GeneratorType, range, map, filter)) or _is_view(value):
        return [plain(item) for item in value]
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # numbers and arrays of NumPy, columns of pandas
        return plain(value.tolist())
    raise NotPlainError(
        f"gives a value of type {type(value).__name__}: return text, numbers, paths, lists and "
        "mappings"
    )


def _bare(value: Any) -> object:
    """Without what a class of its own adds to a number or a text."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return value if type(value) is kind else kind(value)
    return None


def _text(path: str | bytes) -> str:
    return os.fsdecode(path)


def _is_view(value: object) -> bool:
    return type(value) in (type({}.keys()), type({}.values()))


def _key(key: object) -> str:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, os.PathLike):
        return _text(os.fspath(key))
    if isinstance(key, bool) or not isinstance(key, (int, float)):
        raise NotPlainError(f"gives a mapping with the key {key!r}: return one whose keys are text")
    return str(key)
