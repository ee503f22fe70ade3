"""An alarm that rings while a job of this very thread runs: nobody else could look at the time.

Knows signals; nothing of jobs.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

_AGAIN = 0.5
_SOON = 0.001


@contextlib.contextmanager
def ringing(seconds: float, look: Callable[[], float | None]) -> Iterator[None]:
    """Calls `look` in so many seconds, and again after as many as it says each time.

    What it raises is raised in whatever this thread does then. Only the main thread can be called
    so; in another one nothing happens. The handler of SIGALRM and its timer are as before at the
    end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_alarm(_number: int, _frame: object) -> None:
        left: float | None = _AGAIN
        try:
            left = look()
        finally:
            signal.setitimer(signal.ITIMER_REAL, max(_SOON, left or _SOON))

    # It is no news for who waits by the descriptor.
    wakeup = signal.set_wakeup_fd(-1)
    before = signal.signal(signal.SIGALRM, on_alarm)
    rest, interval = signal.setitimer(signal.ITIMER_REAL, max(_SOON, seconds))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, rest, interval)
        signal.set_wakeup_fd(wakeup)
