"""Asks what a function takes in a process of its own, leaving no trace in the project.

Knows import paths only. For commands that look and do not run: a slot would need the state folder.
The process is forked, as slots are, and from one that has imported what an engine imports: a file
of the project that bears the name of such a module is no more found here than there.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from select import select
from time import monotonic

from fileflow.errors import FileflowError
from fileflow.executors import processes  # noqa: F401 - what slots have in them
from fileflow.lean import values_of
from fileflow.model.endings import exit_text
from fileflow.model.ports import Parameter
from fileflow.world.commands import die_with_parent
from fileflow.world.forks import without_warning
from fileflow.world.functions import describe, undescribed
from fileflow.world.modules import load_from_sources

SECONDS = 60.0


def described(module: str, function: str) -> tuple[Parameter, ...]:
    """The parameters of a function, from a process that imports its module.

    Raises:
        FileflowError: if it cannot be imported, or has no such function; says why.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    with without_warning():
        pid = os.fork()
    if not pid:
        _tell(writer, module, function)
    os.close(writer)
    try:
        answer = _answer(reader)
    finally:
        os.close(reader)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    if answer is None:
        raise FileflowError(f"importing {module} took more than {SECONDS:g} s")
    if not answer:
        code = os.waitstatus_to_exitcode(status)
        raise FileflowError(f"importing {module} ended the process: {exit_text(code)}")
    found = json.loads(answer)
    if found["error"]:
        raise undescribed(found["error"])
    return tuple(Parameter(*one) for one in found["parameters"])


def _answer(reader: int) -> bytes | None:
    """What the process told, empty if it ended before; None if it takes too long."""
    deadline = monotonic() + SECONDS
    found = b""
    while select([reader], [], [], max(0.0, deadline - monotonic()))[0]:
        data = os.read(reader, 1 << 16)
        found += data
        if not data or data.endswith(b"\n"):
            return found if found.endswith(b"\n") else b""
    return None


def _tell(writer: int, module: str, function: str) -> None:
    """In the process: writes the description of a function as a line of JSON."""
    try:
        os.setsid()
        die_with_parent(signal.SIGKILL)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        load_from_sources(os.getcwd())
        found = describe(module, function)
        parameters = [values_of(one) for one in found.parameters]
        data = json.dumps({"error": found.error, "parameters": parameters}).encode() + b"\n"
        while data:
            data = data[os.write(writer, data) :]
    finally:
        os._exit(0)
