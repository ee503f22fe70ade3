"""How many files a process may have open: the engine as many as it needs, jobs as the user.

Knows the limits of the operating system; nothing of slots or jobs.
"""

from __future__ import annotations

import resource


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
