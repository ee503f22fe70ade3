"""Runs a Python script inside this process as if it had one of its own.

Knows modules and what libraries keep between two scripts; nothing of jobs, inputs or outputs.
"""

from __future__ import annotations

import atexit
import contextlib
import linecache
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, ModuleType
from typing import Any

from fileflow import job
from fileflow.world.modules import code_of, forget_listings, modules_below

# The defaults, as NumPy's documentation gives them.
_PRINTING: dict[str, Any] = {
    "edgeitems": 3,
    "infstr": "inf",
    "linewidth": 75,
    "nanstr": "nan",
    "precision": 8,
    "suppress": False,
    "threshold": 1000,
    "formatter": None,
    "sign": "-",
    "floatmode": "maxprec",
}


# Python makes the two one: what a process of a pool sends back is of the second.
_MAINS = ("__main__", "__mp_main__")
_POOLS = {
    "joblib.externals.loky.process_executor": "_global_shutdown",
    "loky.process_executor": "_global_shutdown",
    "concurrent.futures.process": "_global_shutdown",
    "concurrent.futures.thread": "_shutdown",
}


class ScriptEnded(Exception):
    """A script ended itself with a status that is a failure."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def run_script(words: Sequence[str], root: str) -> None:
    """Runs a script (its path, then its arguments) as `__main__`.

    Its folder and `root` come first on the search path; modules below them are loaded anew.

    Raises:
        ScriptEnded: if it calls `sys.exit` with anything but 0 or None.
        BaseException: whatever it raises.
    """
    path = os.path.join(root, words[0])
    code = _code(path)
    main = ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=__builtins__, __cached__=None)
    folder = os.path.dirname(path)
    with _fresh_modules((root, folder)), _libraries_as_before(), _exit_calls((root, folder)):
        sys.modules.update(dict.fromkeys(_MAINS, main))
        sys.argv = list(words)
        sys.path[:] = [*dict.fromkeys((folder, root)), *(p for p in sys.path if p != root)]
        forget_listings()
        job.forget()
        threads = set(threading.enumerate())
        try:
            exec(code, main.__dict__)
        except SystemExit as error:
            _judge(error.code)
        finally:
            job.forget()
        left = [one for one in set(threading.enumerate()) - threads if not one.daemon]
        if left:
            _end_pools()
        for thread in left:
            thread.join()


def _end_pools() -> None:
    """Lets pools that a script left open do what they were given, and ends them, as the end of an
    interpreter does: their threads wait for that.

    What their modules do then also forbids new pools, in a variable: that is taken back, for the
    next script.
    """
    for name, ended in _POOLS.items():
        module = sys.modules.get(name)
        if module is not None:
            try:
                vars(module)["_python_exit"]()
            finally:
                setattr(module, ended, False)


def _judge(code: object) -> None:
    if code is None or code == 0:
        return
    if isinstance(code, int):
        if code & 0xFF:  # all that the system sees of it
            raise ScriptEnded(f"exit status {code & 0xFF}", code & 0xFF)
        return
    print(code, file=sys.stderr)
    raise ScriptEnded(f"exit status 1: {code}"[:2000], 1)


def _code(path: str) -> CodeType:
    with open(path, "rb") as file:
        source = file.read()
    linecache.checkcache(path)
    return code_of(path, source)


@contextlib.contextmanager
def _fresh_modules(folders: Sequence[str]) -> Iterator[None]:
    """Sets the project's modules aside, and those that the script brings when it is done."""
    before = {name: module for folder in folders for name, module in modules_below(folder).items()}
    for name in before:
        sys.modules.pop(name, None)
    mains = {name: sys.modules[name] for name in _MAINS if name in sys.modules}
    argv, path = sys.argv, sys.path[:]
    try:
        yield
    finally:
        for folder in folders:
            for name in modules_below(folder):
                sys.modules.pop(name, None)
        sys.modules.update(before)
        sys.modules.update(mains)
        sys.argv = argv
        sys.path[:] = path


@contextlib.contextmanager
def _exit_calls(folders: Sequence[str]) -> Iterator[None]:
    """What the script, or a module of the project, leaves to be done at exit is done at its end."""
    real = atexit.register
    left: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = []

    def register(call: Callable[..., Any], /, *args: Any, **named: Any) -> Callable[..., Any]:
        caller = sys._getframe(1).f_globals.get("__file__")
        if isinstance(caller, str) and caller.startswith(tuple(f"{one}/" for one in folders)):
            left.append((call, args, named))
            return call
        return real(call, *args, **named)

    atexit.register = register
    try:
        yield
    finally:
        atexit.register = real
        while left:
            call, args, named = left.pop()
            try:
                call(*args, **named)
            except (Exception, SystemExit):  # as at an interpreter's end: said, and no failure
                traceback.print_exc()


@contextlib.contextmanager
def _libraries_as_before() -> Iterator[None]:
    """Puts back what the next script would find changed in libraries that stay loaded."""
    hook, limit = sys.excepthook, sys.getrecursionlimit()
    logging: Any = sys.modules.get("logging")
    handlers = list(logging.root.handlers) if logging else []
    level = logging.root.level if logging else 30
    with warnings.catch_warnings():
        try:
            yield
        finally:
            sys.excepthook = hook
            sys.setrecursionlimit(limit)
            if logging := sys.modules.get("logging"):
                logging.root.handlers[:] = handlers
                logging.root.setLevel(level)
            numpy: Any = sys.modules.get("numpy")
            if hasattr(numpy, "set_printoptions"):
                numpy.set_printoptions(**_PRINTING)
                numpy.seterr(divide="warn", over="warn", under="ignore", invalid="warn")
            pandas: Any = sys.modules.get("pandas")
            if hasattr(pandas, "reset_option"):
                pandas.reset_option(r"^display\.")
            # Figures left open would be drawn on by the next script.
            pyplot: Any = sys.modules.get("matplotlib.pyplot")
            if hasattr(pyplot, "close"):
                pyplot.close("all")
            matplotlib: Any = sys.modules.get("matplotlib")
            if hasattr(matplotlib, "rcParamsOrig"):
                matplotlib.rcParams.update(matplotlib.rcParamsOrig)
