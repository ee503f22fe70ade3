"""Pools: what is free of them, and what whoever takes a share is told."""

import pytest

from fileflow.engine.pools import Pools
from fileflow.model.rules import Pool


@pytest.fixture
def pools() -> Pools:
    return Pools({"io": Pool(2), "gpu": Pool(3, ("a", "b", "c")), "mem_mb": Pool(1000)})


def test_an_amount_is_free_until_it_is_taken_and_when_it_is_given_back(pools: Pools) -> None:
    first = pools.take({"io": 1.5})
    assert not pools.allow({"io": 1})
    assert pools.allow({"io": 0.5, "mem_mb": 1000})
    pools.give_back(first)
    assert pools.allow({"io": 2})


def test_thirds_of_a_pool_are_the_whole_of_it(pools: Pools) -> None:
    taken = [pools.take({"io": 2 / 3}) for _ in range(2)]
    assert pools.allow({"io": 2 / 3})
    for share in taken:
        pools.give_back(share)
    assert pools.allow({"io": 2})


def test_items_are_taken_and_come_back_in_their_order(pools: Pools) -> None:
    first, second = pools.take({"gpu": 1}), pools.take({"gpu": 2})
    assert (first.values(), second.values()) == ({"gpu": "a"}, {"gpu": ["b", "c"]})
    assert not pools.allow({"gpu": 1})
    pools.give_back(second)
    pools.give_back(first)
    assert pools.take({"gpu": 3}).values() == {"gpu": ["a", "b", "c"]}


def test_what_has_no_total_is_always_free_and_told_as_it_was_asked(pools: Pools) -> None:
    assert pools.allow({"licence": 7})
    share = pools.take({"licence": 7.0, "io": 0.5})
    assert share.values() == {"licence": 7, "io": 0.5}
    pools.give_back(share)
