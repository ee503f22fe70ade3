"""Whether a run is to end early: what signals set, and all who work for the run look at."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

from fileflow.world.forks import handle

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Whether the run is to end early, and how; set from a signal handler.

    `hooks` are called from there too, with whether jobs are to be killed: by runners whose jobs run
    in this process, where nobody else can reach them.
    """

    def __init__(self) -> None:
        self.signal = 0
        self.count = 0
        self.hooks: list[Callable[[bool], None]] = []

    def __call__(self, number: int) -> None:
        """A signal came: the first one ends running jobs, the second kills them."""
        self.signal = self.signal or number
        self.count += 1
        for hook in self.hooks:
            hook(self.count > 1)


@contextlib.contextmanager
def told_by_signals(stop: Stop) -> Iterator[int]:
    """INT, TERM and HUP end the run in order; gives a descriptor that they make readable.

    Whoever had a handler of its own hears of such a signal when the run has ended.
    """
    if threading.current_thread() is not threading.main_thread():
        reader, writer = os.pipe()
        try:
            yield reader
        finally:
            os.close(reader)
            os.close(writer)
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def on_signal(number: int, _frame: object) -> None:
        if stop.count >= 2:
            os._exit(128 + number)
        stop(number)

    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    for number in _SIGNALS:
        if not (number == signal.SIGHUP and ignored):
            handle(number, on_signal)
    old = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
        handler = before[signal.Signals(stop.signal)] if stop.signal else None
        if callable(handler) and handler is not signal.default_int_handler:
            handler(stop.signal, None)  # this run is a job of another one, which is to end too
