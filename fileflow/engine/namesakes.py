"""Refuses modules of the project in whose place a slot would import others of the same name.

Knows the code of actions and what a process has loaded before its first job; not what it is for.
"""

from __future__ import annotations

import os

from fileflow.errors import FileflowError, Place
from fileflow.streams import is_daemonic
from fileflow.world.code import Code
from fileflow.world.modules import imported_from_elsewhere, taken


def refuse_namesakes(code: Code, place: Place | None, *, cure: str = "") -> None:
    """Checks that what an action imports from the project is what it gets.

    Args:
        code: of the action.
        place: where the action is written.
        cure: what else than another name would help.

    Raises:
        FileflowError: a slot has another module of that name before it imports anything.
    """
    if not code.namesakes:
        return
    # Now this process has what a slot has, be the run shown on a terminal or not.
    import filelock  # noqa: F401
    import tqdm  # noqa: F401

    from fileflow.executors import processes  # noqa: F401

    for name, path in code.namesakes:
        said = taken(name, path)
        if said is not None:
            raise FileflowError(said, place=place, hint=cure or None)


def refuse_imported(code: Code, place: Place | None) -> None:
    """Checks the same for a function that runs in this process, whoever has imported what in it.

    Raises:
        FileflowError: this process has another module of that name.
    """
    for name, path in code.modules:
        file = imported_from_elsewhere(name, path)
        if file is not None:
            cure = "let the rule have the default executor, process"
            if is_daemonic():
                cure = "call it from a process that is not daemonic"
            raise FileflowError(
                f"{name} is in this process the module {file}, which was imported before: it would "
                f"run in place of {os.path.relpath(path)}",
                place=place,
                hint=f"rename one of them, or {cure}",
            )
