"""What functions may set for all of their process, and the next job must not find.

Knows the interpreter and libraries that are loaded; nothing of jobs. What a module keeps in its own
variables stays: other modules may have read it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

Limits = dict[int, tuple[int, int]]
_LIMITS = sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")})


def _filter_again(warnings: Any, filters: list[Any]) -> None:
    warnings.resetwarnings()
    warnings.filters.extend(filters)


# Of each module: what tells how something is set, and what sets it again.
_SETTINGS: tuple[
    tuple[str, Callable[[Any], Callable[[], Any]], Callable[[Any, Any], object]], ...
] = (
    ("sys", lambda m: m.getrecursionlimit, lambda m, old: m.setrecursionlimit(old)),
    ("sys", lambda m: m.get_int_max_str_digits, lambda m, old: m.set_int_max_str_digits(old)),
    ("warnings", lambda m: m.filters.copy, _filter_again),
    ("gc", lambda m: m.isenabled, lambda m, old: m.enable() if old else m.disable()),
    ("socket", lambda m: m.getdefaulttimeout, lambda m, old: m.setdefaulttimeout(old)),
    ("locale", lambda m: partial(m.setlocale, m.LC_ALL), lambda m, old: m.setlocale(m.LC_ALL, old)),
    ("numpy", lambda m: m.geterr, lambda m, old: m.seterr(**old)),
    ("numpy", lambda m: m.get_printoptions, lambda m, old: m.set_printoptions(**old)),
)


def no_start_method() -> None:
    """Lets whoever comes first choose how `multiprocessing` starts processes, as in a new
    interpreter: a forked process would have it chosen already."""
    multiprocessing.set_start_method(None, force=True)


class ProcessState:
    """Puts back what a job has set: the interpreter's limits, filters of warnings, the precision of
    `decimal`, how NumPy prints and takes errors, how `multiprocessing` starts processes, locale,
    limits of the system.

    Not after a job that has loaded modules that are not Python's own: what is set may be theirs,
    for all jobs to come.
    """

    def __init__(self) -> None:
        self._count = -1
        self._modules: frozenset[str] = frozenset()
        self._settings: list[tuple[Callable[[], Any], Any, Callable[[Any], object]]] = []
        self._context: Any = None
        self._limits: Limits = {}
        self._start_method: str | None = None

    def remember(self) -> None:
        """All that a job may change, which is about to begin."""
        if len(sys.modules) == self._count:
            return
        self._count = len(sys.modules)
        self._modules = frozenset(sys.modules)
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
        self._limits = {kind: resource.getrlimit(kind) for kind in _LIMITS}
        self._start_method = multiprocessing.get_start_method(allow_none=True)

    def put_back(self) -> bool:
        """Undoes what the job changed; whether all of it could be undone."""
        if len(sys.modules) != self._count and self._has_loaded_others():
            return True
        for now, before, put_back in self._settings:
            if now() != before:
                put_back(before)
        if "decimal" in sys.modules:
            decimal: Any = sys.modules["decimal"]
            with contextlib.suppress(AttributeError):  # another module of that name
                decimal.setcontext((self._context or decimal.DefaultContext).copy())
        if multiprocessing.get_start_method(allow_none=True) != self._start_method:
            multiprocessing.set_start_method(self._start_method, force=True)
        return "resource" not in sys.modules or self._put_limits_back()

    def _has_loaded_others(self) -> bool:
        new = sys.modules.keys() - self._modules
        return any(name.partition(".")[0] not in sys.stdlib_module_names for name in new)

    def _put_limits_back(self) -> bool:
        for kind, before in self._limits.items():
            if resource.getrlimit(kind) != before:
                try:
                    resource.setrlimit(kind, before)
                except (ValueError, OSError):  # who may do little cannot raise a hard limit again
                    return False
        return True
