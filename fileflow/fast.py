"""Answers "nothing to do" before anything else is imported.

After a run that left all that was asked for fresh, `engine/conclusion.py` writes down what that
rests on: the words of the command line, every file that shaped the plan, and the signature of every
source and output. If all of it is still so, the answer is the same, and needs no plan. Anything
unexpected gives no answer: then the whole engine looks. Knows nothing of rules or jobs.

Layout of `.fileflow/fresh`: a line with format and checksum, then sections of (length, bytes): the
key, the environment that must be there, the answer, folders whose signature is that of what is
below them, and blocks of files: paths, each ended by NUL, and 32 bytes for each, zeros for a path
at which nothing is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from struct import Struct
from zlib import crc32

STATE = ".fileflow"
NAME = "Workflowfile"
FILE = f"{STATE}/fresh"
FORMAT = b"fileflow fresh 1 "
SIGNATURE = Struct("<QqqQ")
LENGTH = Struct("<Q")
BLOCK = 8192
# From so many files on a second process looks at half of them.
WORTH_FORKING = 20_000
_SAYS_NOTHING = ("-j", "--jobs")


def key_of(argv: Sequence[str], below: str) -> bytes | None:
    """What the answer depends on beside files; None for a command line with options that matter.

    Args:
        argv: the words after the program's name.
        below: the current folder, relative to the Workflowfile's.
    """
    words = []
    skip = False
    for word in argv:
        if skip:
            skip = False
        elif word in _SAYS_NOTHING:
            skip = True
        elif word[:2] == "-j" and word[2:].isdigit():
            continue
        elif word[:1] == "-":
            return None
        else:
            words.append(word)
    # The first entry of sys.path is the way fileflow was started; `below` stands for it.
    found = (sys.version, *sys.path[1:], os.environ.get("PYTHONPATH", ""), below, *words)
    return "\0".join(found).encode("utf-8", "surrogateescape")


def answer(argv: Sequence[str]) -> str | None:
    """The line to say if there is nothing to do, or None if that is not known."""
    try:
        here = os.getcwd()
        root = here
        while not os.path.isfile(os.path.join(root, NAME)):
            above = os.path.dirname(root)
            if above == root:
                return None
            root = above
        key = key_of(argv, os.path.relpath(here, root))
        if key is None:
            return None
        with open(os.path.join(root, FILE), "rb") as file:
            data = file.read()
        os.chdir(root)
        try:
            return _checked(memoryview(data), key)
        finally:
            os.chdir(here)
    except (OSError, ValueError):
        return None


def _checked(data: memoryview, key: bytes) -> str | None:
    head = len(FORMAT) + 9
    body = data[head:]
    if bytes(data[:head]) != FORMAT + b"%08x\n" % crc32(body):
        return None
    sections = []
    at = 0
    while at < len(body):
        (length,) = LENGTH.unpack_from(body, at)
        sections.append(body[at + 8 : at + 8 + length])
        at += 8 + length
    if len(sections) < 4 or bytes(sections[0]) != key:
        return None
    if any(name not in os.environ for name in bytes(sections[1]).decode().split("\0") if name):
        return None
    blocks = sections[4:]
    if not _folders_hold(sections[3]) or not _all_hold(blocks):
        return None
    return bytes(sections[2]).decode()


def _folders_hold(section: memoryview) -> bool:
    paths, signs = _block(section)
    if paths:
        from fileflow.world.files import signature

        for k, path in enumerate(paths):
            if signature(path) != bytes(signs[32 * k : 32 * k + 32]):
                return False
    return True


def _block(section: memoryview) -> tuple[list[str], memoryview]:
    if not len(section):
        return [], section
    (count,) = LENGTH.unpack_from(section, 0)
    signs = section[8 : 8 + 32 * count]
    text = bytes(section[8 + 32 * count :]).decode("utf-8", "surrogateescape")
    return text.split("\0")[:-1], signs


def _all_hold(blocks: Sequence[memoryview]) -> bool:
    count = sum(len(block) for block in blocks) // 80
    if count < WORTH_FORKING or not hasattr(os, "fork") or (os.cpu_count() or 1) < 2:
        return all(map(_holds, blocks))
    child = os.fork()
    if child == 0:
        fine = False
        try:
            fine = all(map(_holds, blocks[1::2]))
        finally:
            os._exit(0 if fine else 1)
    mine = all(map(_holds, blocks[::2]))
    _, status = os.waitpid(child, 0)
    return mine and status == 0


def _holds(section: memoryview) -> bool:
    paths, signs = _block(section)
    look = os.stat
    pack = SIGNATURE.pack
    nothing = bytes(32)
    at = 0
    for path in paths:
        try:
            found = look(path)
            sign = pack(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
        except FileNotFoundError:
            sign = nothing
        except NotADirectoryError:
            sign = nothing
        if sign != signs[at : at + 32]:
            return False
        at += 32
    return True
