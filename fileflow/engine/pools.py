"""Named pools: how much there is of each, and what an action is told of the share that it takes.

Knows no jobs, and not what is free.
"""

from __future__ import annotations

from collections.abc import Mapping

from fileflow.cpus import usable_memory_mb
from fileflow.model.rules import Amount, Pool


def pools_of(declared: Mapping[str, Pool]) -> dict[str, Pool]:
    """The pools that have a total; that of `mem_mb` is this machine's if nobody says it."""
    pools = dict(declared)
    memory = usable_memory_mb()
    if "mem_mb" not in pools and memory is not None:
        pools["mem_mb"] = Pool(memory)
    return pools


def share(pools: Mapping[str, Pool], name: str, wanted: float) -> float:
    """What a job gets that wants so much: more than there is is cut to all there is."""
    pool = pools.get(name)
    return wanted if pool is None else min(wanted, pool.total)


def told(number: float) -> int | float:
    """An amount as an action is told of it: whole numbers as such."""
    return int(number) if number == int(number) else number


def known_shares(
    amounts: Mapping[str, Amount], declared: Mapping[str, Pool]
) -> dict[str, int | float | None]:
    """What jobs with these amounts are told; None where not all jobs are told the same."""
    pools = pools_of(declared) if amounts else {}
    found: dict[str, int | float | None] = {}
    for name, amount in amounts.items():
        pool = pools.get(name)
        by_job = amount.call is not None or amount.picked is not None
        is_open = by_job or (pool is not None and pool.items is not None)
        found[name] = None if is_open else told(share(pools, name, amount.number))
    return found
