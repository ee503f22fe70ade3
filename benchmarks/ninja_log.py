"""Writes ninja's build log for outputs that are there, as if ninja had made them.

Building 1,000,000 chunks with ninja takes most of an hour, and only its second run is of interest.
A log holds, for each output, its mtime and a hash of the command (for versions 5 and 6 of the log
MurmurHash64A, for 7 rapidhash). Whoever writes one asks ninja afterwards whether it believes it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

MASK = 0xFFFFFFFFFFFFFFFF
SECRET = (0x2D358DCCAA6C78A5, 0x8BB84B93962EACC9, 0x4B33A62ED433D4A3)


def murmur(text: bytes) -> int:
    factor = 0xC6A4A7935BD1E995
    size = len(text)
    value = 0xDECAFBADDECAFBAD ^ (size * factor & MASK)
    whole = size // 8
    for word in struct.unpack_from(f"<{whole}Q", text):
        word = word * factor & MASK
        word = (word ^ word >> 47) * factor & MASK
        value = (value ^ word) * factor & MASK
    if rest := text[whole * 8 :]:
        value = (value ^ int.from_bytes(rest, "little")) * factor & MASK
    value = (value ^ value >> 47) * factor & MASK
    return value ^ value >> 47


def mixed(first: int, second: int) -> int:
    product = first * second
    return (product ^ product >> 64) & MASK


def rapid(text: bytes) -> int:
    size = len(text)
    one, two, three = SECRET
    seed = 0xBDD89AA982704029
    seed ^= mixed(seed ^ one, two) ^ size
    if size <= 16:
        first, last = short_words(text)
    else:
        seed, start = long_seed(text, seed)
        rest = size - start
        if rest > 16:
            low, high = struct.unpack_from("<2Q", text, start)
            seed = mixed(low ^ three, high ^ seed ^ two)
            if rest > 32:
                low, high = struct.unpack_from("<2Q", text, start + 16)
                seed = mixed(low ^ three, high ^ seed)
        first, last = struct.unpack_from("<2Q", text, size - 16)
    product = (first ^ two) * (last ^ seed)
    return mixed((product & MASK) ^ one ^ size, (product >> 64) ^ two)


def long_seed(text: bytes, seed: int) -> tuple[int, int]:
    """Takes blocks of 48 bytes; the seed after them, and where the rest begins."""
    one, two, three = SECRET
    start, size = 0, len(text)
    if size <= 48:
        return seed, start
    second = third = seed
    while size - start >= 48:
        a, b, c, d, e, f = struct.unpack_from("<6Q", text, start)
        seed = mixed(a ^ one, b ^ seed)
        second = mixed(c ^ two, d ^ second)
        third = mixed(e ^ three, f ^ third)
        start += 48
    return seed ^ second ^ third, start


def short_words(text: bytes) -> tuple[int, int]:
    size = len(text)
    if size >= 4:
        shift = (size & 24) >> (size >> 3)
        head, tail = word32(text, 0), word32(text, size - 4)
        return head << 32 | tail, word32(text, shift) << 32 | word32(text, size - 4 - shift)
    if size:
        return text[0] << 56 | text[size >> 1] << 32 | text[-1], 0
    return 0, 0


def word32(text: bytes, start: int) -> int:
    return int.from_bytes(text[start : start + 4], "little")


def log_version(ninja_version: str) -> tuple[int, Callable[[bytes], int]]:
    """The newest log that this ninja writes, and its hash."""
    major, minor = (int(part) for part in ninja_version.split(".")[:2])
    if (major, minor) >= (1, 13):
        return 7, rapid
    return (6 if (major, minor) >= (1, 12) else 5), murmur


def write_log(folder: Path, ninja_version: str, made: Iterable[tuple[str, str]]) -> None:
    """`made`: each output, relative to the folder, and its command as ninja hashes it."""
    version, digest = log_version(ninja_version)
    with (folder / ".ninja_log").open("w") as log:
        log.write(f"# ninja log v{version}\n")
        for output, command in made:
            mtime = os.stat(folder / output).st_mtime_ns
            log.write(f"0\t1\t{mtime}\t{output}\t{digest(command.encode()):x}\n")
