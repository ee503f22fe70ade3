"""A process that calls the user's functions for the engine, which never imports them.

It is started when the first question comes and lives as long as who asks; it may be asked again and
again. Questions and answers are JSON over its standard input and output, each message after its
length in a line; what functions print goes to a file without a name, whose end is shown when one
fails. Knows import paths, arguments and answers only.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from select import select
from typing import BinaryIO

import fileflow
from fileflow.errors import FileflowError
from fileflow.lean import values_of
from fileflow.model.endings import exit_text
from fileflow.model.ports import Parameter
from fileflow.world.asking import Told, ask
from fileflow.world.commands import die_with_parent
from fileflow.world.functions import Description, describe, undescribed
from fileflow.world.modules import forget_modules_below, load_from_sources

Query = tuple[str, str, dict[str, object], bool]
"""Module, function, arguments, and whether the argument `after` stands for paths."""

# The project's folder comes first on the path only once all of ours is imported: a module there may
# be called as one of the standard library.
_START = f"""import sys
sys.path[:] = [*filter(None, sys.path), {os.path.dirname(os.path.dirname(fileflow.__file__))!r}]
from fileflow.executors.asking import main
main()
"""
_SHOWN = 2000
_LOOK_EVERY = 0.2
_END_WITHIN = 2.0


class Asker:
    """Asks functions in a process of its own.

    Args:
        interrupted: whether who asks is to stop waiting; looked at while functions run.
    """

    def __init__(self, interrupted: Callable[[], bool] = lambda: False) -> None:
        self.interrupted = interrupted
        self._process: subprocess.Popen[bytes] | None = None
        self._printed: BinaryIO | None = None
        self._start = 0
        self._is_asked = False

    def begin(self, queries: Sequence[Query], *, anew: bool) -> None:
        """Puts questions; nothing else may be asked before `answers` has given what comes of them.

        Args:
            queries: what to ask.
            anew: whether modules of the project are imported again: files may have changed.
        """
        self._start = self._size_of_printed()
        self._tell({"ask": [list(query) for query in queries], "anew": anew})

    def has_answered(self, seconds: float) -> bool:
        """Whether `answers` would not wait; looks for so long at most."""
        process = self._process
        assert process is not None and process.stdout is not None, "bug: nothing was asked"
        return bool(select([process.stdout], [], [], seconds)[0])

    def answers(self) -> list[Told]:
        """What the functions answer, in order, once they have; ends with the first that goes
        wrong.

        Raises:
            KeyboardInterrupt: `interrupted` meanwhile.
        """
        start = self._start
        found = self._told()
        if not isinstance(found, list):
            return [Told(None, f"ended its process: {found}", self._tail(start) or "")]
        told = [Told(*one) for one in found]
        if told and told[-1].error:
            printed = self._tail(start)
            if printed:
                where = f"{told[-1].where}\n  it printed: {printed}".lstrip()
                told[-1] = Told(None, told[-1].error, where)
        return told

    def describe(self, module: str, function: str) -> tuple[Parameter, ...]:
        """The parameters of a function whose source does not tell them.

        Raises:
            FileflowError: if it cannot be imported, or there is no such function.
        """
        self._tell({"describe": [module, function]})
        found = self._told()
        if not isinstance(found, list):
            raise FileflowError(f"importing {module} ended its process: {found}")
        error, parameters = found
        if error:
            raise undescribed(error)
        return tuple(Parameter(*one) for one in parameters)

    def close(self) -> None:
        """Ends the process."""
        process = self._process
        if process is not None:
            assert process.stdin is not None and process.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            if not self._is_asked:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_END_WITHIN)
            self._end(process)
            process.stdout.close()
        if self._printed is not None:
            self._printed.close()
            self._printed = None

    # -- the process --------------------------------------------------------------------------

    def _tell(self, message: dict[str, object]) -> None:
        assert not self._is_asked, "bug: two messages at once"
        process = self._started()
        self._is_asked = True
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # who reads from it is told
            _write(process.stdin, message)

    def _told(self) -> object:
        """The answer to the message, or how the process ended without one, in words."""
        process = self._started()
        try:
            answer = self._read(process)
        except BaseException:
            self._end(process)
            raise
        self._is_asked = False
        if answer is not None:
            return json.loads(answer)
        self._end(process)
        return exit_text(process.returncode)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        self._process = None
        self._is_asked = False
        _kill(process)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            if self._printed is None:
                self._printed = tempfile.TemporaryFile()  # noqa: SIM115 - stays open
            environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
            environ.setdefault("PYTHONHASHSEED", "0")
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._printed,
                env=environ,
                start_new_session=True,
            )
        return self._process

    def _read(self, process: subprocess.Popen[bytes]) -> bytes | None:
        assert process.stdout is not None
        while not select([process.stdout], [], [], _LOOK_EVERY)[0]:
            if self.interrupted():
                raise KeyboardInterrupt
        return _message_from(process.stdout)

    def _size_of_printed(self) -> int:
        return os.fstat(self._printed.fileno()).st_size if self._printed is not None else 0

    def _tail(self, start: int) -> str | None:
        """The end of what was printed from here on."""
        if self._printed is None:
            return None
        end = self._size_of_printed()
        start = max(start, end - _SHOWN)
        text = os.pread(self._printed.fileno(), end - start, start).decode("utf-8", "replace")
        return "\n  ".join(text.strip().splitlines()) or None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the process, and what its functions may have left running."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _write(file: BinaryIO | object, message: object) -> None:
    data = json.dumps(message).encode()
    file.write(b"%d\n" % len(data) + data)  # type: ignore[union-attr]
    file.flush()  # type: ignore[union-attr]


def _message_from(file: BinaryIO | object) -> bytes | None:
    """The next message, None at the end."""
    head: bytes = file.readline()  # type: ignore[union-attr]
    if not head.endswith(b"\n"):
        return None
    data: bytes = file.read(int(head))  # type: ignore[union-attr]
    return data if len(data) == int(head) else None


# -- inside the process -------------------------------------------------------------------------


def main() -> None:
    """Answers until the engine closes its side."""
    die_with_parent(signal.SIGKILL)
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    load_from_sources(os.getcwd())
    while (data := _message_from(requests)) is not None:
        message = json.loads(data)
        reply: object
        if "describe" in message:
            reply = _described(describe(*message["describe"]))
        else:
            if message["anew"]:
                forget_modules_below(os.getcwd())
            reply = [list(values_of(told)) for told in _ask_all(message["ask"])]
        sys.stdout.flush()
        sys.stderr.flush()
        _write(replies, reply)


def _described(found: Description) -> list[object]:
    return [found.error, [values_of(one) for one in found.parameters]]


def _ask_all(queries: Sequence[Query]) -> list[Told]:
    found: list[Told] = []
    for module, function, arguments, paths in queries:
        found.append(ask(module, function, arguments, paths=paths))
        if found[-1].error:
            break
    return found
