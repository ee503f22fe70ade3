"""What functions may set for all of their process, and the next job must not find.

Knows the interpreter and libraries that are loaded; nothing of jobs. What a module keeps in its own
variables stays: other modules may have read it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from functools import partial
from typing import Any


def _limits(resource: Any) -> dict[int, tuple[int, int]]:
    kinds = {value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}
    return {kind: resource.getrlimit(kind) for kind in kinds}


def _put_limits_back(resource: Any, before: dict[int, tuple[int, int]]) -> None:
    for kind, (soft, _) in before.items():
        now = resource.getrlimit(kind)
        if now[0] != soft:
            with contextlib.suppress(ValueError, OSError):  # a hard limit is lower for good
                resource.setrlimit(kind, (soft, now[1]))


# Of each module: what tells how something is set, and what sets it again.
_SETTINGS: tuple[
    tuple[str, Callable[[Any], Callable[[], Any]], Callable[[Any, Any], object]], ...
] = (
    ("sys", lambda m: m.getrecursionlimit, lambda m, old: m.setrecursionlimit(old)),
    ("gc", lambda m: m.isenabled, lambda m, old: m.enable() if old else m.disable()),
    ("socket", lambda m: m.getdefaulttimeout, lambda m, old: m.setdefaulttimeout(old)),
    ("locale", lambda m: partial(m.setlocale, m.LC_ALL), lambda m, old: m.setlocale(m.LC_ALL, old)),
    ("numpy", lambda m: m.geterr, lambda m, old: m.seterr(**old)),
    ("numpy", lambda m: m.get_printoptions, lambda m, old: m.set_printoptions(**old)),
    ("resource", lambda m: partial(_limits, m), _put_limits_back),
)


class ProcessState:
    """Puts back what a job has set: the interpreter's limits, the precision of `decimal`, how NumPy
    prints and takes errors, locale, limits of the system.

    Not after a job that has loaded modules: what is set may be theirs, for all jobs to come.
    """

    def __init__(self) -> None:
        self._modules = -1
        self._settings: list[tuple[Callable[[], Any], Any, Callable[[Any], object]]] = []
        self._context: Any = None

    def remember(self) -> None:
        """All that a job may change, which is about to begin."""
        if len(sys.modules) == self._modules:
            return
        self._modules = len(sys.modules)
        self._settings = []
        for name, teller, put_back in _SETTINGS:
            module = sys.modules.get(name)
            if module is not None:
                with contextlib.suppress(Exception):  # another module of that name
                    now = teller(module)
                    self._settings.append((now, now(), partial(put_back, module)))
        decimal: Any = sys.modules.get("decimal")
        self._context = None
        with contextlib.suppress(AttributeError):  # not loaded, or another module of that name
            self._context = decimal.getcontext().copy()

    def put_back(self) -> None:
        """Undoes what the job changed."""
        if len(sys.modules) != self._modules:
            return
        for now, before, put_back in self._settings:
            if now() != before:
                put_back(before)
        if self._context is not None:
            sys.modules["decimal"].setcontext(self._context.copy())
