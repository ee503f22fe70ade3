"""Chooses how a run is shown: a bar, lines, JSON, or next to nothing.

Knows the ways of showing and which suits where; not what they show.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fileflow.engine import events
from fileflow.views.bar import Bar
from fileflow.views.json_lines import JsonLines
from fileflow.views.plain import Manner, Plain
from fileflow.views.style import Paint, Writer, wants_color


class Progress(events.Listener, Protocol):
    """A listener that is told, too, that time goes by and that the run is over."""

    def tick(self) -> None:
        """Nothing happened for about a second."""

    def close(self) -> None:
        """Leaves the terminal clean, also if no `RunFinished` came."""


def progress_for(
    choice: str,
    writer: Writer,
    environ: Mapping[str, str],
    *,
    quiet: bool = False,
    verbose: bool = False,
    commands: bool = False,
    color: str = "auto",
    folder: str = ".",
) -> Progress:
    """What shows a run.

    Args:
        choice: auto, bar, plain, json or none, as in `--progress`.
        writer: stderr.
        environ: the environment, for `NO_COLOR` and `TERM`.
        quiet: only failures, errors and warnings; JSON lines say everything all the same.
        verbose: each job.
        commands: the command of each job.
        color: auto, always or never, as in `--color`.
        folder: the Workflowfile's folder as seen from the user's, for paths in advice.
    """
    if choice == "json":
        return JsonLines(writer)
    if choice == "auto":
        is_screen = writer.isatty() and environ.get("TERM") != "dumb"
        choice = "bar" if is_screen else "plain"
    manner = Manner(
        lines=choice == "plain" and not quiet,
        quiet=quiet,
        verbose=verbose,
        commands=commands,
        folder=folder,
        paint=Paint(wants_color(color, writer, environ)),
    )
    return (Bar if choice == "bar" and not quiet else Plain)(writer, manner)
