"""Opens a project, to look at it or to change its state: then the lock comes first.

Knows nothing of what is done with it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fileflow.engine.session import Overrides, Session
from fileflow.fast import STATE
from fileflow.lean import dataclass
from fileflow.world.faults import faults_told

if TYPE_CHECKING:
    from fileflow.world.lock import Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Where a project is, and how its folder is taken.

    Args:
        file: the Workflowfile, absolute.
        overrides: what the command line says over it.
        command: the command line, for whoever finds the folder taken.
        wait: whether to wait for another run in this folder.
        waiting: is told, in words, whom the wait is for.
        looked: is told each session that needs no lock.
    """

    file: str
    overrides: Overrides
    command: str
    wait: bool = False
    waiting: Callable[[str], None] = lambda _: None
    looked: Callable[[Session], None] = lambda _: None

    def look(self) -> Session:
        """A session that changes nothing and needs no lock."""
        session = Session(self.file, self.overrides)
        self.looked(session)
        return session

    @contextlib.contextmanager
    def hold(self) -> Iterator[Session]:
        """A session that may write, while nobody else does.

        Raises:
            FileflowError: if another run holds the folder, or the file or the state is wrong.
        """
        with faults_told(), self.locked() as lock:
            lock.acquire(self.command, wait=self.wait, waiting=self.waiting)
            session = self.take()
            try:
                yield session
            finally:
                session.close()
                session.records.close()

    def is_taken(self) -> bool:
        """Whether another run may hold the folder, which is the current one."""
        from fileflow.world.lock import is_named

        return is_named(STATE)

    def locked(self) -> Lock:
        """The lock of the folder, not taken yet; the folder is the current one from now on."""
        from fileflow.world.lock import Lock

        os.chdir(os.path.dirname(self.file))
        return Lock(STATE)

    def take(self) -> Session:
        """A session that may write; the lock is held, and what an earlier run left has ended."""
        stages = os.path.join(STATE, "stage")
        if os.path.isdir(stages) and os.listdir(stages):
            from fileflow.world.survivors import end_survivors

            end_survivors(STATE)
        return Session(self.file, self.overrides, writable=True)
