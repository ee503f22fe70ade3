"""The command line without the start of an interpreter: a process that has imported it and forks.

`Warm` is the side of the tests; run as a program, this file is the process. Each call is a process
of its own, which begins where `python -m fileflow` begins: nothing goes over from one to the next.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import selectors
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

# From how much on the ways of large projects are taken: low enough here that small ones take them.
LOW = {
    "fileflow.fast": {"_MUCH": 1},
    "fileflow.engine.conclusion": {"_WORTH_JOBS": 1},
    "fileflow.engine.facts": {"MANY": 1},
    "fileflow.planning.proofs": {"_PIECE": 1},
    "fileflow.planning.staleness": {"WORTH_SHORTCUTS": 1},
}
# What a run imports when it needs it.
BESIDE = ("asyncio", "decimal", "filelock", "hmac", "multiprocessing.popen_fork", "secrets")


class Warm:
    """The process, as the tests see it; `as_large` takes the ways that large projects take."""

    def __init__(self, source: Path, *, as_large: bool = False) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), *["as large"] * as_large],
            env={**os.environ, "PYTHONPATH": str(source), "PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def call(
        self,
        args: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        out: str,
        err: str,
        seconds: float,
    ) -> int:
        """Runs a command line to its end; gives the exit status."""
        assert self._process.stdin is not None and self._process.stdout is not None
        wish = {"args": list(args), "cwd": cwd, "env": dict(env), "out": out, "err": err}
        self._process.stdin.write(json.dumps(wish).encode() + b"\n")
        child = int(self._process.stdout.readline())
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(seconds):
                os.killpg(child, signal.SIGKILL)
                self._process.stdout.readline()
                raise TimeoutError(f"{args} did not end within {seconds} s")
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def serve(*, as_large: bool) -> None:
    """Takes wishes from standard input until there are no more."""
    import fileflow

    for module in pkgutil.walk_packages(fileflow.__path__, "fileflow."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in BESIDE:
        importlib.import_module(name)
    for name, values in LOW.items() if as_large else ():
        for constant, value in values.items():
            assert hasattr(sys.modules[name], constant)
            setattr(sys.modules[name], constant, value)
    answers = os.fdopen(os.dup(1), "w")
    os.set_inheritable(answers.fileno(), False)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.close(answers.fileno())
            _become(json.loads(line))
        print(child, file=answers, flush=True)
        _, ended = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(ended), file=answers, flush=True)


def _become(wish: dict[str, object]) -> None:
    """Goes on as the command line, to its end."""
    status = 99
    try:
        os.setsid()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        for number, name in ((0, os.devnull), (1, wish["out"]), (2, wish["err"])):
            opened = os.open(str(name), flags if number else os.O_RDONLY, 0o666)
            os.dup2(opened, number)
            os.close(opened)
        os.environ.clear()
        os.environ.update(wish["env"])  # type: ignore[call-overload]
        os.environ["PYTHONHASHSEED"] = "0"
        os.chdir(str(wish["cwd"]))
        sys.argv = ["fileflow", *wish["args"]]  # type: ignore[misc]
        sys.path[0] = os.getcwd()
        from fileflow.__main__ import main

        status = main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 98
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve(as_large=len(sys.argv) > 1)
