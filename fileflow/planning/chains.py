"""How long the longest chain of jobs is that starts with each job: the critical path.

Pure. Jobs on the longest chain start first (Kelley & Walker 1959, here with recorded seconds).
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from itertools import compress

from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.plan import Plan


def chains_of(plan: Plan, seconds: Mapping[int, Sequence[float]]) -> dict[int, array[float]]:
    """For each job the seconds from its start to the end of all that waits for it.

    Args:
        plan: the jobs, each after what it needs.
        seconds: for each table with jobs that may run, by number: what each row takes at a guess;
            below zero for one that does not run.

    Returns:
        By number of the table and row; linear in jobs and edges, a shared list counts once.
    """
    chains = {number: array("d", bytes(8 * len(rows))) for number, rows in seconds.items()}
    open_rows = {
        number: list(compress(range(len(rows)), map((0.0).__le__, rows)))
        for number, rows in seconds.items()
    }
    for table, rows in reversed(plan.order):
        own = seconds.get(table.number)
        if own is None:
            continue
        mine = chains[table.number]
        mine_open = open_rows[table.number]
        if rows is not None:
            mine_open = [row for row in rows if own[row] >= 0]
        for row in mine_open:
            mine[row] += own[row]
        for link in table.links:
            if not any(number in chains for number in link.tables):
                continue
            if link.group_of is None:
                if link.makers is not None:
                    _push(chains, [(link.makers[row], mine[row]) for row in mine_open])
                continue
            longest: dict[int, float] = {}
            for row in mine_open:
                group = link.group_of[row]
                longest[group] = max(longest.get(group, 0.0), mine[row])
            for number, after in longest.items():
                makers = link.groups[number].makers or ()
                if isinstance(makers, range) and len(makers):  # rows of one rule
                    first, last = makers[0], makers[-1]
                    base = first & ~ROW
                    makers = [
                        base | r
                        for r in open_rows.get(first >> SHIFT, ())
                        if first <= base | r <= last
                    ]
                _push(chains, [(maker, after) for maker in makers])
    return chains


def _push(chains: Mapping[int, array[float]], makers: Sequence[tuple[int, float]]) -> None:
    for maker, after in makers:
        theirs = chains.get(maker >> SHIFT) if maker >= 0 else None
        if theirs is not None and theirs[maker & ROW] < after:
            theirs[maker & ROW] = after
