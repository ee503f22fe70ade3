"""Who waits for what jobs have to tell, and who takes which list: each looked at once."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fileflow.errors import Place, Source
from fileflow.model.rules import Entry
from fileflow.planning import closure
from fileflow.planning.closure import Closure
from fileflow.planning.jobs import AskedBy
from fileflow.planning.links import Link, Takers
from fileflow.planning.plan import Missing

Consumers = dict[int, list[int]]


def deferred(
    monkeypatch: pytest.MonkeyPatch, waiting: Mapping[int, frozenset[int]], consumers: Consumers
) -> dict[int, Any]:
    monkeypatch.setattr(closure, "needed_by", lambda _tables, _jobs: consumers)
    return cast(Any, Closure.deferred)(SimpleNamespace(tables={}), waiting)


def slowly(waiting: Mapping[int, frozenset[int]], consumers: Consumers) -> dict[int, set[int]]:
    found = {job: set(producers) for job, producers in waiting.items()}
    for _ in consumers:  # no way is longer than there are jobs
        for job in consumers:
            for consumer in consumers[job] if job in found else ():
                found.setdefault(consumer, set()).update(found[job])
    return found


@pytest.mark.parametrize("seed", range(60))
def test_who_waits_for_whom_is_found_as_by_looking_again_and_again(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = random.Random(seed)
    count = rng.randint(2, 14)
    rings = rng.random() < 0.3
    consumers: Consumers = {
        job: [other for other in range(0 if rings else job + 1, count) if rng.random() < 0.3]
        for job in range(count)
    }
    some = rng.sample(range(count), rng.randint(1, count))
    sets = [frozenset(rng.sample(range(100, 106), rng.randint(1, 3))) for _ in range(3)]
    waiting = {job: rng.choice(sets) for job in some}
    before = dict(waiting)
    assert deferred(monkeypatch, waiting, consumers) == slowly(waiting, consumers)
    assert waiting == before and all(len(one) <= 3 for one in sets)


def test_jobs_behind_one_that_waits_share_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = frozenset(range(1000))
    found = deferred(monkeypatch, {0: told}, {0: [1, 2, 3], 3: [4]})
    assert all(found[job] is told for job in range(5))


class Counted(list[int]):
    times = 0

    def __iter__(self) -> Iterator[int]:
        self.times += 1
        return super().__iter__()


def test_who_takes_which_list_is_worked_out_once() -> None:
    link = Link(Entry(Place(Source("w", ""), 1, 1)), None, single=False)
    link.group_of = [0, 1, 0, 2, 1]
    rows = Counted([4, 2, 1, 0])
    takers = Takers(link, rows)
    assert rows.times == 0
    assert (list(takers.of(0)), list(takers.of(1))) == ([2, 0], [4, 1])
    assert rows.times == 1


def test_who_asked_for_a_job_is_looked_up_in_one_mapping() -> None:
    asked = AskedBy()
    makers = Counted([3, 4])
    asked.add(makers, "first")
    asked.add(range(4, 9), "second")
    assert [asked.get(job) for job in (3, 4, 8, 9)] == ["first", "first", "second", None]
    assert makers.times == 1


def test_the_chain_to_a_missing_source_names_no_more_jobs_than_are_told() -> None:
    named: list[int] = []

    def label(job: int) -> str:
        named.append(job)
        return f"j{job}"

    came = {job: job - 1 for job in range(1, 1000)}
    missing = Missing("src", 999, came, label, "all", None)
    assert missing.needed_by() == "j999 ← j998 ← j997 ← … ← j0 ← all"
    assert len(named) < 10
    assert len(list(missing.jobs())) == 1000
