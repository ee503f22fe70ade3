"""Lean classes of values behave as those of the standard library, and cost nothing until used."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
from types import ModuleType
from typing import Any

import pytest

from fileflow import lean


def made(module: ModuleType) -> dict[str, Any]:
    """The same classes, by one module or the other."""
    dataclass, field = module.dataclass, module.field

    @dataclass(frozen=True, slots=True)
    class Frozen:
        a: int
        b: str = "x"
        c: list[int] = field(default_factory=list)

        def twice(self) -> int:
            return 2 * self.a

    @dataclass(slots=True)
    class Open:
        a: int
        b: dict[str, int] = field(default_factory=dict)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class ByName:
        a: int = 1
        b: int

    @dataclass(slots=True, eq=False)
    class Itself:
        a: int

    @dataclass(frozen=True, slots=True)
    class Partly:
        a: int
        b: int = field(compare=False, repr=False)

    @dataclass(frozen=True, slots=True)
    class Empty:
        pass

    @dataclass(frozen=True)
    class WithDict:
        a: int

    return {name: value for name, value in locals().items() if isinstance(value, type)}


CALLS = [
    "Frozen(1)",
    "Frozen(1) == Frozen(1, 'x', [])",
    "Frozen(1) == Frozen(2)",
    "Frozen(1) == Open(1)",
    "Frozen(1, c=[3])",
    "Frozen(1).c is Frozen(1).c",
    "Frozen(1).twice()",
    "hash(Frozen(1, 'x', (1,))) == hash(Frozen(1, 'x', (1,)))",
    "hash(Frozen(1))",
    "hash(Open(1))",
    "Frozen()",
    "Frozen(1, 2, 3, 4)",
    "Frozen(d=1)",
    "setattr(Frozen(1), 'a', 2)",
    "delattr(Frozen(1), 'a')",
    "setattr(Open(1), 'd', 2)",
    "Open(1) == Open(1)",
    "Open(1, {'k': 1})",
    "ByName(b=2)",
    "ByName(2)",
    "ByName(a=2)",
    "ByName(a=2, b=3) == ByName(b=3, a=2)",
    "Itself(1) == Itself(1)",
    "len({Itself(1), Itself(1)})",
    "Partly(1, 2) == Partly(1, 3)",
    "Partly(1, 2)",
    "hash(Partly(1, 2)) == hash(Partly(1, 3))",
    "Empty() == Empty()",
    "Empty()",
    "vars(WithDict(1))",
    "replace(Frozen(1, 'y'), a=5)",
    "replace(Frozen(1), z=5)",
    "replace(Open(1), a=2)",
    "copy(Frozen(1, 'y', [1]))",
    "deepcopy(Open(1))",
]


def told(call: str, module: ModuleType) -> str:
    names = {**made(module), "replace": module.replace}
    names |= {"copy": copy.copy, "deepcopy": copy.deepcopy}
    try:
        return repr(eval(call, names)).replace("made.<locals>.", "")
    except (TypeError, AttributeError) as error:
        kind = TypeError if isinstance(error, TypeError) else AttributeError
        return kind.__name__


@pytest.mark.parametrize("call", CALLS)
def test_a_lean_class_does_what_a_standard_one_does(call: str) -> None:
    assert told(call, lean) == told(call, dataclasses)


@lean.dataclass(frozen=True, slots=True)
class Sent:
    a: int
    b: tuple[str, ...] = ()


def test_a_frozen_value_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Sent(1, ("x",)))) == Sent(1, ("x",))


def test_a_value_that_is_not_equal_may_be_compared_with_anything() -> None:
    assert Sent(1) != (1, ())
    assert lean.values_of(Sent(1)) == (1, ())
    assert lean.names_of(Sent) == ("a", "b")


class Told(lean.NamedTuple):
    """Says itself."""

    a: int
    b: tuple[Unknown, ...] = ()  # type: ignore[name-defined]  # noqa: F821

    def twice(self) -> int:
        return 2 * self.a

    @property
    def thrice(self) -> int:
        return 3 * self.a


def test_a_named_tuple_is_as_the_standard_one() -> None:
    assert (Told(1), Told(b=(2,), a=1)) == ((1, ()), (1, (2,)))
    assert repr(Told(1)) == "Told(a=1, b=())"
    assert (Told(4).twice(), Told(4).thrice) == (8, 12)
    assert (Told._fields, Told._field_defaults) == (("a", "b"), {"b": ()})
    assert Told(1)._replace(a=2) == Told(2)
    assert (Told.__doc__, Told.__module__, Told.__qualname__) == ("Says itself.", __name__, "Told")
    assert pickle.loads(pickle.dumps(Told(1))) == Told(1)
    assert type(Told) is type
    with pytest.raises(TypeError):
        Told()  # type: ignore[call-arg]


class Some(lean.TypedDict, total=False):
    a: int


def test_a_typed_dictionary_is_a_dictionary() -> None:
    assert (Some(), Some(a=1)) == ({}, {"a": 1})
    assert type(Some(a=1)) is dict


def test_a_pattern_is_compiled_when_it_is_first_used() -> None:
    lean.lazy_regex("(")  # never used, never compiled
    pattern = lean.lazy_regex(r"(?P<word>\w+)", re.ASCII)
    assert pattern.fullmatch("abc")
    assert not pattern.fullmatch("ä")
    assert pattern.sub("x", "a b") == "x x"
    assert pattern.pattern == r"(?P<word>\w+)"
    assert dict(pattern.groupindex) == {"word": 1}
    with pytest.raises(re.error):
        _ = lean.lazy_regex("(").match
