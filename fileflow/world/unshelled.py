"""Tells where a command does the same without the shell that it was written for.

Knows what bash does at its start and with plain words and redirections; nothing of jobs.

To start bash costs as much as the whole of a short command. It is spared where its part is only to
open files: plain words, a program on the path, `<`, `>`, `>>` and `2>&1`, and nothing in the
environment that changes what bash does. Whatever is not beyond doubt is left to bash, errors too.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from fileflow.language.bash import Redirection, plain_command

SHELL_WORDS = ("bash", "-euo", "pipefail", "-c")
_NOWHERE = "/dev/null"


def shell_starts_plainly(names: Iterable[bytes]) -> bool:
    """Whether bash, started with variables of these names, runs nothing but what it is given."""
    return not any(
        name in (b"BASH_ENV", b"BASHOPTS", b"SHELLOPTS", b"POSIXLY_CORRECT")
        or name.startswith(b"BASH_FUNC_")
        for name in names
    )


def without_shell(text: str) -> tuple[list[str], list[Redirection]] | None:
    """The words and redirections that bash would make of this text, if they need no bash."""
    found = plain_command(text)
    if found is None or not all(_is_opened_alike(*one) for one in found[1]):
        return None
    return found


def _is_opened_alike(descriptor: int, sign: str, where: str) -> bool:
    """Whether it makes no difference who opens this.

    A FIFO would hold up whoever does, and some names below `/dev` have a meaning of their own.
    """
    if sign == ">&" or where == _NOWHERE:
        return True
    if where.startswith("/dev/"):
        return False
    try:
        return stat.S_ISREG(os.stat(where).st_mode)
    except OSError:
        return True  # to be made, or an error that bash will tell of
