"""`python -m fileflow` and the console script: the smallest possible start."""

from __future__ import annotations

import atexit
import os
import sys


def main() -> int:
    """Runs the command line; answers `--version` before anything else is imported.

    It is the whole program: may put another in its place, and decides how the process ends.
    """
    _open_streams()
    try:
        return _main()
    except KeyboardInterrupt:  # before anything had begun that would have to be put in order
        return 130


def _open_streams() -> None:
    """Opens what the process was started without, to nowhere.

    Else the next file or socket would have the number of a stream, and get what is said.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(opened, True)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


def _main() -> int:
    if sys.argv[1:] == ["--version"]:
        from fileflow import __version__

        try:
            print(f"fileflow {__version__}", flush=True)
            return 0
        except OSError:
            pass  # below is one who can say that
    from fileflow.fast import answer, looked

    if not looked.receive():  # else this interpreter has taken the place of one that looked
        known = answer(sys.argv[1:])
        if known is not None:
            try:
                sys.stderr.write(f"{known}\n" if known else "")
                return 0
            except OSError:
                pass  # as above
        looked.hand_over(here="PYTHONHASHSEED" in os.environ)
    if "PYTHONHASHSEED" not in os.environ:
        # Sets must have one order in all jobs; an interpreter takes its hash seed at its start.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    ended: list[int] = []
    atexit.register(_leave, ended)  # before all others, so that it is called after them
    from fileflow.garbage import no_collection

    with no_collection():
        from fileflow.cli import main as run

    ended.append(run(sys.argv[1:]))
    if ended[0] > 128:
        _leave(ended)  # nor does a signal wait for threads of an executor that others bring
    return ended[0]


def _leave(ended: list[int]) -> None:
    """Ends the process without taking the interpreter to pieces, which costs up to 30 ms.

    Nothing is lost by that: threads have ended, and what others had registered for the exit was
    called. Who watches the interpreter (a profiler, a measure of coverage) sees its usual end.
    """
    if not ended or sys.gettrace() or sys.getprofile() or _is_monitored():
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return  # the interpreter finds the same, and says so in its own way
    os._exit(ended[0])


def _is_monitored() -> bool:
    """Whether a tool watches by `sys.monitoring`, which came with Python 3.12."""
    monitoring = getattr(sys, "monitoring", None)
    return monitoring is not None and any(map(monitoring.get_tool, range(6)))


if __name__ == "__main__":
    sys.exit(main())
