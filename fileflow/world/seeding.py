"""The global random generators of a process: seeds them, and tells whether they moved.

Knows `random`, NumPy's legacy generator and PyTorch's, each only if it is loaded or as soon as it
is; imports none of them but `random`, and knows nothing of jobs.
"""

from __future__ import annotations

import contextlib
import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from fileflow.world.modules import spec_after
from fileflow.world.seeded import SEEDERS

_SEED_BITS = 128


def small_seed(seed: int) -> int:
    """The seed as a whole number below 2³¹, from the upper bits of its 128."""
    return seed >> (_SEED_BITS - 31)


def new_generator(kind: str, seed: int) -> Any:
    """A generator of the job's own, `random.Random` or (kind `numpy`) `numpy.random.Generator`."""
    if kind == "numpy":
        from numpy.random import PCG64, Generator

        return Generator(PCG64(seed))
    return random.Random(seed)


def _numpy_state(module: Any) -> object:
    _, keys, position, has_gauss, gauss = module.get_state()
    return keys.tobytes(), position, has_gauss, gauss


_STATE: dict[str, Callable[[Any], object]] = {
    "random": lambda module: module.getstate(),
    "numpy.random.mtrand": _numpy_state,
    "torch": lambda module: module.get_rng_state().tolist(),
}


class GlobalGenerators:
    """The global generators of this process, those included that are loaded later."""

    def __init__(self) -> None:
        self._loaded: dict[str, ModuleType] = {}
        self._seeders: list[tuple[Callable[[Any, int], None], ModuleType]] = []
        self._seed: int | None = None
        self._fresh: dict[str, object] = {}
        for name in SEEDERS:
            if name in sys.modules:
                self._know(name, sys.modules[name])
        self._hook = _Hook(self._on_load)
        sys.meta_path.insert(0, self._hook)

    def close(self) -> None:
        """Stops watching what is loaded."""
        if self._hook in sys.meta_path:
            sys.meta_path.remove(self._hook)

    def _know(self, name: str, module: ModuleType) -> None:
        self._loaded[name] = module
        self._seeders.append((SEEDERS[name], module))

    def _on_load(self, name: str, module: ModuleType) -> None:
        if name not in self._loaded:
            self._know(name, module)
            if self._seed is not None:
                SEEDERS[name](module, self._seed)
            self._fresh[name] = _STATE[name](module)

    def seed(self, seed: int | None) -> None:
        """Seeds them all, and from now on also those that are loaded; None: leaves them alone."""
        self._seed = seed
        if seed is not None:
            for seeder, module in self._seeders:
                seeder(module, seed)

    def states(self) -> dict[str, object]:
        """Where each loaded generator stands."""
        return {name: _STATE[name](module) for name, module in self._loaded.items()}

    def moved_since(self, before: dict[str, object]) -> list[str]:
        """The generators that were drawn from, or seeded, since `before` was taken."""
        return [
            name
            for name, state in self.states().items()
            if state != before.get(name, self._fresh.get(name))
        ]


class SharedGenerators(GlobalGenerators):
    """Those of a process where jobs in threads may run beside one that wants its seed in them.

    It gets it only if no thread is there, and has them for itself only if none comes: else who
    drew cannot be told, and a seed set for one would be taken for a draw of another.
    """

    def __init__(self) -> None:
        super().__init__()
        self.expects_threads = False
        self._lock = threading.Lock()
        self._threads = 0
        self._came = 0
        self._came_before: int | None = None
        self._before: dict[str, object] = {}
        self._outside: Any = None

    @contextlib.contextmanager
    def thread(self) -> Iterator[None]:
        """While a thread does jobs."""
        with self._lock:
            self._threads += 1
            self._came += 1
        try:
            yield
        finally:
            with self._lock:
                self._threads -= 1

    def begin(self, seed: int | None) -> None:
        """A job that runs in no thread begins; seeds them for it if it is alone."""
        with self._lock:
            self._came_before = None if self._threads else self._came
            if not self._threads:
                self.seed(seed)
            if self.expects_threads:  # it takes a fifth of the time of a short job
                self._before = self.states()

    def end(self) -> list[str]:
        """It has ended; the generators that moved meanwhile if it was not alone all the time."""
        with self._lock:
            self.seed(None)
            return [] if self._came == self._came_before else self.moved_since(self._before)

    def remember(self) -> None:
        """Keeps where `random` stands before all jobs."""
        with self._lock:
            if self._outside is None:
                self._outside = random.getstate()

    def put_back(self) -> None:
        """Puts `random` back where it stood; while a thread works that is left to the next call."""
        with self._lock:
            if self._outside is not None and not self._threads:
                random.setstate(self._outside)
                self._outside = None

    def close(self) -> None:
        """Stops watching, and puts all back."""
        super().close()
        self.put_back()


class _Hook:
    """Tells when one of the modules with a global generator has been loaded."""

    def __init__(self, tell: Callable[[str, ModuleType], None]) -> None:
        self._tell = tell

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the other finders give, with a loader that tells."""
        if name not in SEEDERS:
            return None
        spec = spec_after(self, name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _TellingLoader(spec.loader, self._tell)  # type: ignore[assignment]
        return spec


class _TellingLoader:
    def __init__(self, loader: Any, tell: Callable[[str, ModuleType], None]) -> None:
        self._loader = loader
        self._tell = tell

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._tell(module.__name__, module)
