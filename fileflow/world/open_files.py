"""How many files a process may have open: the engine as many as it needs, jobs as the user; and
which it has.

Knows the operating system; nothing of slots or jobs.
"""

from __future__ import annotations

import contextlib
import os
import resource
import stat
from collections.abc import Iterator


def most_open_files() -> int:
    """How many files this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def make_room(count: int) -> None:
    """Lets this process have so many files open, or as many as it may allow itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    if soft == endless or soft >= count:
        return
    limit_to(count if hard == endless else min(count, hard))


def limit_to(count: int) -> None:
    """Lets this process have so many files open, and those that it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def open_in(pid: int) -> Iterator[tuple[int, os.stat_result]]:
    """The descriptors of a process, each with the facts of what it leads to; none where the system
    does not tell."""
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for number in numbers:
        with contextlib.suppress(OSError):  # closed meanwhile
            yield int(number), os.stat(f"/proc/{pid}/fd/{number}")


def written_by(pid: int) -> Iterator[tuple[str, os.stat_result]]:
    """The path of each regular file that a process has open for writing, and its facts."""
    for number, facts in open_in(pid):
        if not stat.S_ISREG(facts.st_mode):
            continue
        with contextlib.suppress(OSError, StopIteration):
            with open(f"/proc/{pid}/fdinfo/{number}", "rb") as file:
                flags = next(line for line in file if line.startswith(b"flags:"))
            if int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY:
                yield os.readlink(f"/proc/{pid}/fd/{number}"), facts
