"""Named pools: how much there is of each, what is free, and what an action is told of its share.

Knows no jobs, and not who takes what.
"""

from __future__ import annotations

from collections.abc import Mapping

from fileflow.cpus import usable_memory_mb
from fileflow.language.templates import Value
from fileflow.lean import dataclass
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


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """What somebody has taken: amounts by pool and, of pools of named items, which ones."""

    amounts: Mapping[str, float]
    items: Mapping[str, list[str]]

    def values(self) -> dict[str, Value]:
        """What an action is told of it."""
        found: dict[str, Value] = {}
        for name, amount in self.amounts.items():
            items = self.items.get(name)
            if items is None:
                found[name] = told(amount)
            else:
                found[name] = items[0] if len(items) == 1 else list(items)
        return found


class Pools:
    """The pools of one run, and what is taken of them."""

    def __init__(self, declared: Mapping[str, Pool]) -> None:
        self.totals = pools_of(declared)
        self._free = {n: list(p.items) for n, p in self.totals.items() if p.items is not None}
        self._taken: list[Share] = []

    def allow(self, amounts: Mapping[str, float]) -> bool:
        """Whether so much is free."""
        for name, amount in amounts.items():
            pool = self.totals.get(name)
            if pool is None:
                continue
            if pool.items is not None:
                if len(self._free[name]) < amount:
                    return False
                continue
            used = sum(share.amounts.get(name, 0.0) for share in self._taken)
            if used + amount > pool.total + 1e-9:
                return False
        return True

    def take(self, amounts: Mapping[str, float]) -> Share:
        """Takes so much, which must be free."""
        items = {
            name: [self._free[name].pop(0) for _ in range(int(amount))]
            for name, amount in amounts.items()
            if name in self._free
        }
        taken = Share(dict(amounts), items)
        self._taken.append(taken)
        return taken

    def give_back(self, share: Share) -> None:
        """Gives back what was taken; items keep the order in which they were declared."""
        self._taken.remove(share)
        for name, items in share.items.items():
            order = self.totals[name].items or ()
            self._free[name] = sorted([*self._free[name], *items], key=order.index)
