"""Nothing to do on 1,000 chunks: the left end of the picture."""

from __future__ import annotations

from benchmarks.nothing import NothingToDo


class NothingTiny(NothingToDo):
    name = "A3"
    full = 1_000
    quick = 1_000
    repeat = 2
