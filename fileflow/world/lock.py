"""One run at a time in a folder: a lock of the operating system, and who holds it.

Knows processes and hosts; nothing of what a run does. The lock dies with its holder, so there is
nothing to unlock after a crash. The lock file stays; who holds it stands in a file beside it, for
messages only.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from fileflow.errors import Exit, FileflowError, shortened
from fileflow.world.state_folder import put_in_order, set_apart

if TYPE_CHECKING:
    from filelock import BaseFileLock

TO_WAIT = "--wait waits until it has ended"
_POLL = 0.1
_PATIENCE = 0.3  # how long a new holder may take to say who it is
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)


class Lock:
    """The lock of one state folder; a context manager that releases it."""

    def __init__(self, folder: str) -> None:
        """`folder` is the state folder; nothing happens before `acquire`."""
        self._folder = folder
        self._name = os.path.basename(os.path.abspath(folder))
        self._holder = os.path.join(folder, "holder")
        self._lock: BaseFileLock | None = None
        self._descriptor: int | None = None
        self._owner = 0

    def acquire(
        self,
        command: str,
        *,
        wait: bool = False,
        interrupted: Callable[[], bool] = lambda: False,
        waiting: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Takes the lock; the state folder is made if it is not there.

        Args:
            command: the command line, for others to read.
            wait: whether to wait for as long as another run holds it.
            interrupted: asked while waiting, whether to give up.
            waiting: told once, in words, whom the wait is for.

        Raises:
            FileflowError: `LOCKED` if another run holds it (and still does when interrupted), or
                if files cannot be locked here; `STATE` if the folder cannot be written.
        """
        told = False
        while not self._try():
            holder = describe_holder(self._folder)
            if not wait or interrupted():
                raise FileflowError(
                    f"another run holds this folder{holder}",
                    hint=None if wait else TO_WAIT,
                    status=Exit.LOCKED,
                )
            if not told:
                waiting(f"waiting for another run in this folder{holder}")
                told = True
            time.sleep(_POLL)
        try:
            put_in_order(self._folder)
            self._introduce(command)
        except OSError as error:
            self.release()
            raise self._unwritable(error) from error

    def release(self) -> None:
        """Gives the lock back; without effect where it is not held, as in a forked child."""
        if self._lock is None or self._owner != os.getpid():
            return
        with contextlib.suppress(OSError):
            os.unlink(self._holder)
        lock, self._lock, self._descriptor = self._lock, None, None
        lock.release()

    def fileno(self) -> int | None:
        """The descriptor that carries the lock, or None if it is not held."""
        return self._descriptor

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _try(self) -> bool:
        from filelock import FileLock, Timeout  # 40 ms, and only a run that builds needs it

        try:
            os.makedirs(self._folder, exist_ok=True)
            lock = FileLock(
                os.path.join(self._folder, "lock"),
                thread_local=False,
                fallback_to_soft=False,
                preserve_lock_file=True,
                on_acquired=self._taken,
            )
            try:
                lock.acquire(blocking=False)
            except OSError:
                path = os.path.join(self._folder, "lock")
                if not os.path.lexists(path) or os.path.isfile(path):
                    raise
                set_apart(path)  # nobody can hold it
                lock.acquire(blocking=False)
        except Timeout:
            return False
        except OSError as error:
            if error.errno in _NO_LOCKS:
                raise FileflowError(
                    f"files in {self._name} cannot be locked: {error.strerror or error}",
                    hint="put the project on a file system with locks (flock): without one, two"
                    " runs could spoil each other's outputs",
                    status=Exit.LOCKED,
                ) from error
            raise self._unwritable(error) from error
        self._lock = lock
        self._owner = os.getpid()
        return True

    def _taken(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def _introduce(self, command: str) -> None:
        facts = {
            "pid": os.getpid(),
            "host": os.uname().nodename,
            "since": time.time(),
            "command": command,
        }
        draft = f"{self._holder}.new"
        with open(draft, "w", encoding="utf-8") as file:
            json.dump(facts, file)
        os.replace(draft, self._holder)

    def _unwritable(self, error: OSError) -> FileflowError:
        return FileflowError(
            f"cannot write {self._name}: {error.strerror or error}", status=Exit.STATE
        )


def is_named(folder: str) -> bool:
    """Whether somebody says that he holds the lock, or has died without a word."""
    return os.path.lexists(os.path.join(folder, "holder"))


def describe_holder(folder: str) -> str:
    """Who holds the lock, as the end of a sentence; empty if nobody alive says so."""
    until = time.monotonic() + _PATIENCE
    while (words := _holder_words(os.path.join(folder, "holder"))) is None:
        if time.monotonic() > until:
            return ""
        time.sleep(0.02)
    return words


def _holder_words(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
        pid, host = int(facts["pid"]), str(facts["host"])
        command = str(facts["command"])
        since = time.localtime(float(facts["since"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    stopped = ""
    if host == os.uname().nodename:
        state = _process_state(pid)
        if state is None:
            return None
        stopped = " (stopped)" if state in "Tt" else ""
    today = time.localtime()[:3] == since[:3]
    moment = time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", since)
    shown = "".join(c if c.isprintable() else "?" for c in command)
    return f": pid {pid} on {host} since {moment} ({shortened(shown, 200)}){stopped}"


def _process_state(pid: int) -> str | None:
    """The state of a process of this host as one letter (`?` if unknown), None if there is none."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except (OSError, OverflowError):
        pass  # it is another user's
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1].decode() or "?"
    except OSError:
        return "?"
