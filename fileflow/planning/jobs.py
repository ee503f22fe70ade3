"""Sets of jobs that take a byte a job, or nothing where they hold all jobs of a rule.

Knows numbers only: `table number << 32 | row`, nothing of rules or files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fileflow.planning.links import ROW, SHIFT


class Jobs:
    """Jobs in the order in which they were added, each once; a range costs no more than one."""

    __slots__ = ("_pieces", "_rows")

    def __init__(self, jobs: Iterable[int] = ()) -> None:
        self._pieces: list[range | int] = []
        self._rows: dict[int, bytearray] = {}
        self.update(jobs)

    def add(self, job: int) -> None:
        """Adds one job."""
        row = job & ROW
        rows = self._rows_of(job >> SHIFT, row + 1)
        if not rows[row]:
            rows[row] = 1
            self._pieces.append(job)

    def update(self, jobs: Iterable[int]) -> None:
        """Adds jobs; all of one rule at once where they are a range."""
        if isinstance(jobs, Jobs):
            for piece in jobs.ranges():
                self.update(piece)
            return
        if isinstance(jobs, range) and jobs.step == 1 and len(jobs):
            start, end = jobs[0] & ROW, (jobs[-1] & ROW) + 1
            rows = self._rows_of(jobs[0] >> SHIFT, end)
            if jobs[0] >> SHIFT == jobs[-1] >> SHIFT and 1 not in rows[start:end]:
                rows[start:end] = b"\1" * (end - start)
                self._pieces.append(jobs)
                return
        for job in jobs:
            self.add(job)

    def _rows_of(self, number: int, count: int) -> bytearray:
        rows = self._rows.get(number)
        if rows is None:
            rows = self._rows[number] = bytearray()
        if len(rows) < count:
            rows.extend(bytes(count - len(rows)))
        return rows

    def __contains__(self, job: object) -> bool:
        if not isinstance(job, int):
            return False
        rows = self._rows.get(job >> SHIFT)
        row = job & ROW
        return rows is not None and row < len(rows) and rows[row] == 1

    def __iter__(self) -> Iterator[int]:
        for piece in self._pieces:
            if isinstance(piece, int):
                yield piece
            else:
                yield from piece

    def __len__(self) -> int:
        return sum(1 if isinstance(piece, int) else len(piece) for piece in self._pieces)

    def without(self, others: Iterable[int]) -> Jobs:
        """These jobs but for some; the same object if there are none to leave out."""
        left_out = set(others)
        if not left_out:
            return self
        numbers = {job >> SHIFT for job in left_out}
        made = Jobs()
        for piece in self.ranges():
            if piece[0] >> SHIFT in numbers:
                made.update(job for job in piece if job not in left_out)
            else:
                made.update(piece)
        return made

    def ranges(self) -> Iterator[Sequence[int]]:
        """The same jobs, piece by piece."""
        for piece in self._pieces:
            yield (piece,) if isinstance(piece, int) else piece


class AskedBy(Mapping[int, str]):
    """Which rule without action asked for a job: the first one that did."""

    def __init__(self) -> None:
        self._asked: list[tuple[Sequence[int], str]] = []
        self._by_job: dict[int, str] = {}

    def add(self, makers: Sequence[int], rule: str) -> None:
        """A rule asks for these jobs."""
        self._asked.append((makers, rule))

    def _all(self) -> Mapping[int, str]:
        """Job by job, once anybody wants to know: that is when something is wrong."""
        for makers, rule in self._asked:
            for job in makers:
                self._by_job.setdefault(job, rule)
        self._asked = []
        return self._by_job

    def __getitem__(self, job: int) -> str:
        return self._all()[job]

    def __iter__(self) -> Iterator[int]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
