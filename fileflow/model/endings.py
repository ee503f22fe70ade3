"""How a process ended, in words."""

from __future__ import annotations

import signal


def exit_text(code: int) -> str:
    """What an exit status says, negative for a signal: `exit status 3`, or `ended by SIGKILL`."""
    return f"exit status {code}" if code >= 0 else f"ended by {_signal_name(-code)}"


def ended_text(code: int) -> str:
    """The same of a process: it `ended with status 3`, or `was ended by SIGKILL`."""
    return f"ended with status {code}" if code >= 0 else f"was ended by {_signal_name(-code)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time one
        return f"signal {number}"
