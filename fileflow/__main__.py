"""`python -m fileflow` and the console script: the smallest possible start."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Runs the command line; answers `--version` before anything else is imported."""
    if sys.argv[1:] == ["--version"]:
        from fileflow import __version__

        print(f"fileflow {__version__}")
        return 0
    from fileflow.fast import answer, looked

    if not looked.receive():  # else this interpreter has taken the place of one that looked
        known = answer(sys.argv[1:])
        if known is not None:
            sys.stderr.write(f"{known}\n" if known else "")
            return 0
        looked.hand_over(here="PYTHONHASHSEED" in os.environ)
    if "PYTHONHASHSEED" not in os.environ:
        # Sets must have one order in all jobs; an interpreter takes its hash seed at its start.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    from fileflow.cli import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
