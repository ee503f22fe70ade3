"""One module for each workload; whatever lies here and holds a named Workload takes part."""

from __future__ import annotations

import importlib
import pkgutil

from benchmarks.workload import Workload


def all_workloads() -> dict[str, type[Workload]]:
    """Every workload by its name, in the order of the modules' names."""
    found: dict[str, type[Workload]] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Workload) and value.name:
                found.setdefault(value.name, value)
    return found
