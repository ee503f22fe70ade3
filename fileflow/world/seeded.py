"""Runs a Python script with the global random generators seeded: `seeded.py SEED SCRIPT ARGS…`.

A copy of this file goes along with a job whose command has a prefix, and is run by the interpreter
that the prefix brings. So it imports the standard library alone, and knows nothing of us. How each
generator is seeded stands here for all: `seeding` takes it from here.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from typing import Any, Callable  # noqa: UP035  # the interpreter may be an old one


def _seed_random(module: Any, seed: int) -> None:
    module.seed(seed)


def _seed_numpy(module: Any, seed: int) -> None:
    module.seed([seed >> shift & 0xFFFFFFFF for shift in (0, 32, 64, 96)])


def _seed_torch(module: Any, seed: int) -> None:
    module.manual_seed(seed >> 65)


SEEDERS: dict[str, Callable[[Any, int], None]] = {
    "random": _seed_random,
    "numpy.random.mtrand": _seed_numpy,
    "torch": _seed_torch,
}


class _SeedOnLoad:
    """Seeds a module with a global generator as soon as it is loaded."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """The usual spec, whose loader seeds what it has loaded."""
        seeder = SEEDERS.get(name)
        spec = PathFinder.find_spec(name, path, target) if seeder is not None else None
        if seeder is None or spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        load: Callable[[Any], None] = loader.exec_module

        def load_and_seed(module: Any) -> None:
            load(module)
            seeder(module, self._seed)

        loader.exec_module = load_and_seed
        return spec


def main(seed: int, script: str, *args: str) -> None:
    """Runs the script as `__main__`, its folder first on the search path."""
    import runpy  # for this program alone

    for name, seeder in SEEDERS.items():
        if name in sys.modules:
            seeder(sys.modules[name], seed)
    sys.meta_path.insert(0, _SeedOnLoad(seed))
    sys.argv[:] = [script, *args]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
