"""What became of a job, in words: that it was over its time, and the last that it printed.

Knows files of kept output, no jobs.
"""

from __future__ import annotations

import os
import re

from fileflow.lean import lazy_regex

TAIL_LINES = 20


def tail_of(log: tuple[str, int, int], lines: int = TAIL_LINES) -> list[str]:
    """The last lines of a job's kept output."""
    path, offset, length = log
    if length <= 0 or offset < 0 or not path:
        return []
    start = max(offset, offset + length - 64 * 1024)
    try:
        with open(path, "rb") as file:
            file.seek(start)
            data = file.read(offset + length - start)
    except OSError:
        return []
    found = data.decode("utf-8", "replace").splitlines()
    return [line for line in found if not _OURS.match(line)][-lines:]


# A crash report of Python lists the whole stack: what lies below the user's function is ours.
_PACKAGE = re.escape(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_OURS = lazy_regex(
    rf'  File "({_PACKAGE}/|[^"]*(/loky/|/multiprocessing/|/concurrent/futures/)|<frozen runpy>)'
    r"|Extension modules: "
)


def over_time(limit: float) -> str:
    """That it was ended, for the seconds that it may take are over."""
    return f"timed out after {limit:g} s"
