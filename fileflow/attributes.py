"""Mappings whose keys are attributes too, as an action gets them: `params.rate`.

Knows plain data only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fileflow.errors import did_you_mean


class Values(dict[str, Any]):
    """A mapping whose keys are attributes too: `params.rate`, `params["rate"]`.

    A key goes before a method of its name: an input may be called `items`.
    """

    def __getattribute__(self, name: str) -> Any:
        if dict.__contains__(self, name):
            return dict.__getitem__(self, name)
        return super().__getattribute__(name)

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return Values, (dict(self),)  # by no method: a key may have its name

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(lacking(name, list(self)))


def with_attributes(value: object) -> Any:
    """Plain data with its mappings as `Values`."""
    if type(value) is dict:
        return Values((key, with_attributes(one)) for key, one in value.items())
    if type(value) is list:
        return [with_attributes(one) for one in value]
    return value


def lacking(name: str, known: Iterable[object]) -> str:
    """What to say of an attribute that is not there."""
    near = did_you_mean(name, map(str, known))
    return f"there is no {name!r} here" + (f"; {near}" if near else "")
