"""fileflow: a file-based workflow engine.

The public names are loaded when they are first used, so that starting costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what type checkers read as true: importing `typing` takes 10 ms

if TYPE_CHECKING:
    from fileflow.api import JobRecord, Plan, PlannedJob, Result, Workflow
    from fileflow.errors import FileflowError
    from fileflow.parallel import ItemFailed, parallel_map

__version__ = "0.1.0"

_HOMES = {
    "FileflowError": "errors",
    "ItemFailed": "parallel",
    "JobRecord": "api",
    "Plan": "api",
    "PlannedJob": "api",
    "Result": "api",
    "Workflow": "api",
    "parallel_map": "parallel",
}

__all__ = [
    "FileflowError",
    "ItemFailed",
    "JobRecord",
    "Plan",
    "PlannedJob",
    "Result",
    "Workflow",
    "__version__",
    "parallel_map",
]


def __getattr__(name: str) -> object:
    if name == "job":
        from importlib import import_module

        return import_module("fileflow.job")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'fileflow' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"fileflow.{home}"), name)
