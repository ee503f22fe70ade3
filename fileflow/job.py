"""The job that runs a script, for the script: `from fileflow import job`.

Reads the file that `$FILEFLOW_JOB` names when something is first asked for. Knows nothing of the
engine, so that a script, a notebook or a test can use it alone.

    job.input[0]      job.input.name     paths, in order or by name; so job.output, and job.log
    job.params.x      job.wildcards.x    values; so job.config and job.resources
    job.seed          job.rng            the job's seed, and a `random.Random` made from it
    job.cores         job.rule           job.attempt
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fileflow.attributes import lacking, with_attributes
from fileflow.errors import FileflowError

_NAMES = [
    "attempt",
    "config",
    "cores",
    "input",
    "log",
    "output",
    "params",
    "resources",
    "rng",
    "rule",
    "seed",
    "wildcards",
]


class Paths(list[Any]):
    """Paths in their order; those that have a name are attributes too.

    A single one may stand wherever a path may: `open(job.input)`.
    """

    def __init__(self, paths: Iterable[Path], named: Mapping[str, Any]) -> None:
        super().__init__(paths)
        self._named = dict(named)

    def __getattribute__(self, name: str) -> Any:
        # An input goes before a method of its name.
        named: dict[str, Any] = object.__getattribute__(self, "__dict__").get("_named", {})
        return named[name] if name in named else super().__getattribute__(name)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(lacking(name, vars(self).get("_named", ())))

    def __hash__(self) -> int:  # type: ignore[override]
        # In a notebook `open` looks whether it was given one of three numbers, in a set.
        return hash(tuple(self))

    def __fspath__(self) -> str:
        if len(self) != 1:
            raise TypeError(f"these are {len(self)} paths: choose one, by [0] or by its name")
        return str(self[0])


def _path(value: object) -> Any:
    if isinstance(value, list):
        return [Path(one) for one in value]
    return None if value is None else Path(str(value))


def _paths(value: object, by_name_only: Iterable[str] = ()) -> Paths:
    if not isinstance(value, dict):
        return Paths((Path(one) for one in value if one is not None), {})  # type: ignore[attr-defined]
    named = {name: _path(one) for name, one in value.items()}
    counted = [one for name, one in named.items() if name not in set(by_name_only)]
    flat = [path for one in counted for path in (one if isinstance(one, list) else [one])]
    return Paths((path for path in flat if path is not None), named)


def _read() -> dict[str, Any]:
    where = os.environ.get("FILEFLOW_JOB")
    if not where:
        raise FileflowError(
            "there is no job here: $FILEFLOW_JOB is not set",
            hint="fileflow sets it for the scripts and notebooks that its rules run",
        )
    try:
        with open(where, encoding="utf-8", errors="surrogateescape") as file:
            facts = json.load(file)
    except OSError as error:
        raise FileflowError(
            f"the job is over: {where}, which $FILEFLOW_JOB names, cannot be read "
            f"({error.strerror})"
        ) from None
    drawn = facts["rng"]
    found: dict[str, Any] = {
        "input": _paths(facts.pop("input"), facts.pop("order_only", ())),
        "output": _paths(facts.pop("output")),
    }
    log = facts.pop("log")
    found["log"] = Path(log) if isinstance(log, str) else _paths(log)
    found |= {name: with_attributes(value) for name, value in facts.items()}
    found["rng"] = None if drawn is None else random.Random(int(drawn, 16))
    found["128 bits"] = None if drawn is None else int(drawn, 16)
    return found


_facts: dict[str, Any] = {}


def forget() -> None:
    """Another job comes in this process: what was read is of the last one."""
    _facts.clear()


def rng_seed() -> int:
    """The job's seed as a whole number of 128 bits, from which `rng` is made.

    Raises:
        FileflowError: if there is no job here, or its rule says that it draws no random numbers.
    """
    return int(_known("128 bits"))


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(lacking(name, _NAMES) if name[:2] != "__" else name)
    return _known(name)


def _known(name: str) -> Any:
    if not _facts:
        _facts.update(_read())
    found = _facts[name]
    if found is None and name in ("seed", "rng", "128 bits"):
        raise FileflowError(f"the job has no {name}: its rule says that it draws no random numbers")
    return found


def __dir__() -> list[str]:
    return _NAMES
