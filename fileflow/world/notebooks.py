"""Runs a notebook from its first cell to its last: `python -m fileflow.world.notebooks IN OUT`.

Knows nbclient and the variables that every script of a job has; nothing of rules or slots. The
executed copy is kept also when a cell fails. A kernel talks through sockets in a folder of its own,
outside of the project, which is gone when the notebook has run.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from importlib import import_module
from typing import Any

from fileflow import job
from fileflow.errors import FileflowError
from fileflow.lean import lazy_regex

CURE = "pip install 'fileflow[notebook]'"
_COLOURS = lazy_regex(r"\x1b\[[0-9;]*m")
# What a script finds when it starts: a seeded `random`, and others as soon as they are loaded. The
# kernel draws numbers of its own until the first cell begins.
_SEEDING = """
def _fileflow_seeds(info):
    from fileflow.world.seeding import GlobalGenerators
    GlobalGenerators().seed({seed})
    get_ipython().events.unregister("pre_run_cell", _fileflow_seeds)
    del globals()["_fileflow_seeds"]
get_ipython().events.register("pre_run_cell", _fileflow_seeds)
"""


# A socket's path has about 100 bytes; what follows the folder is "/k-ipc-5".
_LONGEST = 80


def execute(path: str, copy: str) -> int:
    """Runs the notebook at `path`, keeps it with its results at `copy`; the exit status."""
    # Ended from outside before the kernel is there: the folder goes too.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="nb", dir=_place()) as folder:
        # History and profiles of this kernel alone, not below the home folder.
        for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            os.environ.setdefault(name, folder)
        return _execute(path, copy, folder)


def _place() -> str:
    """Where the folder of a kernel lies: the usual place, or one whose name is short."""
    usual = tempfile.gettempdir()
    if len(os.fsencode(usual)) <= _LONGEST - 20 or not os.access("/tmp", os.W_OK):
        return usual
    return "/tmp"


def _connection(folder: str) -> dict[str, str]:
    """How to talk to a kernel: by sockets in its folder, by ports only if its name is too long.

    A port may be taken by another before the kernel has it.
    """
    short = len(os.fsencode(folder)) <= _LONGEST
    transport = "ipc" if short else "tcp"
    return {"transport": transport, "connection_file": os.path.join(folder, "k.json")}


def _execute(path: str, copy: str, folder: str) -> int:
    try:
        nbclient: Any = import_module("nbclient")
        nbformat: Any = import_module("nbformat")
        traitlets: Any = import_module("traitlets.config")
    except ImportError as error:
        print(f"{path}: notebooks need {error.name}: {CURE}", file=sys.stderr)
        return 1
    try:
        notebook: Any = nbformat.read(path, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, ValueError) as error:
        first = str(error).strip().splitlines()[:1]
        print(f"{path} is no notebook: {''.join(first)[:300]}", file=sys.stderr)
        return 1
    client: Any = None

    async def seed(**_: object) -> None:
        client.kc.execute(_SEEDING.format(seed=drawn), silent=True, store_history=False)

    client = nbclient.NotebookClient(
        notebook,
        timeout=None,
        resources={"metadata": {"path": os.getcwd()}},
        on_notebook_start=seed if (drawn := _seed()) is not None else None,
        config=traitlets.Config({"KernelManager": _connection(folder)}),
    )
    try:
        client.execute()
    except nbclient.exceptions.CellExecutionError as error:
        print(_COLOURS.sub("", str(error)), file=sys.stderr)
        return 1
    finally:
        os.makedirs(os.path.dirname(os.path.abspath(copy)), exist_ok=True)
        nbformat.write(notebook, copy)
        _print_outputs(notebook)
        print(f"executed notebook: {copy}", file=sys.stderr)
    return 0


def _seed() -> int | None:
    """The seed in 128 bits; None where the rule says that no random numbers are drawn."""
    try:
        state: int = job.rng_seed()
    except FileflowError:
        return None
    return state


def _print_outputs(notebook: Any) -> None:
    """What the cells printed belongs to the kept output of the job."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.get("output_type") == "stream":
                print(output.text, end="", flush=True)


if __name__ == "__main__":
    sys.exit(execute(sys.argv[1], sys.argv[2]))
