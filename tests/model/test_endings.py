"""How a process ended, in words."""

import signal

from fileflow.model.endings import ended_text, exit_text


def test_a_status_or_a_signal_is_told() -> None:
    assert exit_text(3) == "exit status 3" and ended_text(3) == "ended with status 3"
    assert exit_text(-9) == "ended by SIGKILL" and ended_text(-9) == "was ended by SIGKILL"


def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    nameless = signal.SIGRTMIN + 1
    assert exit_text(-nameless) == f"ended by signal {nameless}"
