"""Opens a project for a command that changes its state: the lock, then the session.

Knows nothing of what the command does with it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fileflow.engine.session import Overrides, Session
from fileflow.fast import STATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Where a project is, and how its folder is taken.

    Args:
        file: the Workflowfile, absolute.
        overrides: what the command line says over it.
        command: the command line, for whoever finds the folder taken.
        wait: whether to wait for another run in this folder.
        waiting: is told, in words, whom the wait is for.
    """

    file: str
    overrides: Overrides
    command: str
    wait: bool = False
    waiting: Callable[[str], None] = lambda _: None

    def look(self) -> Session:
        """A session that changes nothing and needs no lock."""
        return Session(self.file, self.overrides)

    @contextlib.contextmanager
    def hold(self) -> Iterator[Session]:
        """A session that may write, while nobody else does.

        Raises:
            FileflowError: if another run holds the folder, or the file or the state is wrong.
        """
        from fileflow.world.lock import Lock
        from fileflow.world.survivors import end_survivors

        os.chdir(os.path.dirname(self.file))
        with Lock(STATE) as lock:
            lock.acquire(self.command, wait=self.wait, waiting=self.waiting)
            end_survivors(STATE)
            session = Session(self.file, self.overrides, writable=True)
            try:
                yield session
            finally:
                session.records.close()
