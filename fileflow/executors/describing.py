"""Asks what a function takes in a process of its own, leaving no trace in the project.

Knows import paths only. For commands that look and do not run: a slot would need the state folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from fileflow.errors import FileflowError
from fileflow.world.functions import Parameter, describe
from fileflow.world.modules import load_from_sources

SECONDS = 60.0
_MARK = "fileflow-description:"


def described(module: str, function: str) -> tuple[Parameter, ...]:
    """The parameters of a function, from a process that imports its module.

    Raises:
        FileflowError: if it cannot be imported, or has no such function; says why.
    """
    words = [sys.executable, "-m", "fileflow.executors.describing", module, function]
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ran = subprocess.run(
            words, capture_output=True, text=True, timeout=SECONDS, check=False, env=environ
        )
    except subprocess.TimeoutExpired:
        raise FileflowError(f"importing {module} took more than {SECONDS:g} s") from None
    line = next((one for one in ran.stdout.splitlines() if one.startswith(_MARK)), None)
    if line is None:
        raise FileflowError(f"importing {module} ended the process with status {ran.returncode}")
    found = json.loads(line[len(_MARK) :])
    if found["error"]:
        first, *rest = found["error"].splitlines()
        places = [line for line in rest if not line.startswith("Traceback")]
        raise FileflowError(first, hint="\n  ".join(places[-8:]) or None)
    return tuple(Parameter(*one) for one in found["parameters"])


def main(module: str, function: str) -> None:
    """Prints the description of a function as a line of JSON."""
    load_from_sources(os.getcwd())
    found = describe(module, function)
    parameters = [(p.name, p.kind, p.has_default, p.annotation) for p in found.parameters]
    print(_MARK + json.dumps({"error": found.error, "parameters": parameters}))


if __name__ == "__main__":
    main(*sys.argv[1:])
