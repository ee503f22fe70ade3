"""Compares two folders of outputs byte by byte, in a process of its own.

`python agree.py FIRST SECOND [--shared]` prints nothing if they agree, else the first difference.
With `--shared` only the files that are in both count, and a file named all.txt does not.
"""

from __future__ import annotations

import os
import sys


def files_below(folder: str) -> set[str]:
    found = set()
    for place, _, names in os.walk(folder):
        found.update(os.path.relpath(os.path.join(place, name), folder) for name in names)
    return found


def same_bytes(first: str, second: str) -> bool:
    if os.path.getsize(first) != os.path.getsize(second):
        return False
    with open(first, "rb") as one, open(second, "rb") as two:
        while True:
            block = one.read(1 << 20)
            if block != two.read(1 << 20):
                return False
            if not block:
                return True


def difference(first: str, second: str, *, shared: bool) -> str:
    ours, theirs = files_below(first), files_below(second)
    if shared:
        common = {name for name in ours & theirs if os.path.basename(name) != "all.txt"}
        if not common:
            return "no file in common"
    else:
        if ours != theirs:
            return f"{min(ours ^ theirs)} is in one of them only"
        common = ours
    for name in sorted(common):
        if not same_bytes(os.path.join(first, name), os.path.join(second, name)):
            return f"{name} differs"
    return ""


def main(argv: list[str]) -> int:
    found = difference(argv[0], argv[1], shared="--shared" in argv)
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
