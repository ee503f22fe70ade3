from __future__ import annotations

import copy
import pickle

import pytest

from fileflow.attributes import Values, with_attributes


def test_a_key_is_an_attribute_even_if_mappings_have_a_method_of_its_name() -> None:
    made = Values(items=1, rate=2)
    assert (made.items, made.rate, made["rate"]) == (1, 2, 2)


def test_a_key_that_is_not_there_is_told_with_one_that_is_near() -> None:
    with pytest.raises(AttributeError, match="did you mean 'rate'"):
        _ = Values(rate=2).rates


def test_mappings_in_lists_and_mappings_have_attributes_too() -> None:
    made = with_attributes({"a": [{"b": 1}], "c": {"keys": 2}})
    assert (made.a[0].b, made.c.keys) == (1, 2)


@pytest.mark.parametrize("through", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_has_attributes_too(through) -> None:
    made = through(Values(items=1, a=Values(update=2)))
    assert type(made) is Values
    assert (made.items, made.a.update) == (1, 2)
