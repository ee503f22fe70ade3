"""Definitions that cost next to nothing until they are used: classes of values, and patterns.

A class made by the standard `dataclasses` takes half a millisecond, a regular expression up to two:
with a hundred of each that was a third of every start. Here a class writes its `__init__` when it
is first called, and a pattern is compiled when it is first matched. To type checkers both are the
standard ones, and what is here behaves as those do; what fileflow does not use is left out
(inheritance, `__post_init__`, ordering).

Knows nothing of fileflow.
"""

from __future__ import annotations

import re
from collections import namedtuple
from operator import attrgetter
from typing import TYPE_CHECKING, Any

_ABSENT: Any = object()


class _Field:
    """What stands in a class for a field of which more is told than its default."""

    __slots__ = ("compare", "factory", "repr")

    def __init__(self, default_factory: Any, compare: bool, repr: bool) -> None:
        self.factory = default_factory
        self.compare = compare
        self.repr = repr


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
    from re import compile as _compile
    from typing import NamedTuple as NamedTuple
    from typing import TypedDict as TypedDict

    lazy_regex = _compile
else:

    def field(*, default_factory=None, compare=True, repr=True):
        """As `dataclasses.field`."""
        return _Field(default_factory, compare, repr)

    def dataclass(cls=None, /, *, frozen=False, slots=False, kw_only=False, eq=True):
        """As `dataclasses.dataclass`; the order of the fields is that of the annotations."""
        if cls is None:
            return lambda cls: _dataclass(cls, frozen, slots, kw_only, eq)
        return _dataclass(cls, frozen, slots, kw_only, eq)

    def replace(value, /, **changes):
        """A copy with these fields changed."""
        cls = value.__class__
        return cls(**{**{name: getattr(value, name) for name in names_of(cls)}, **changes})

    class _TupleClasses(type):
        """Makes what `class X(NamedTuple)` says; its annotations stay the text that they are."""

        def __new__(mcs, name, bases, body):
            names = tuple(body.get("__annotations__", ()))
            defaults = [body[name] for name in names if name in body]
            made = namedtuple(name, names, defaults=defaults, module=body["__module__"])
            for key, value in body.items():
                if key not in names and key != "__module__":
                    setattr(made, key, value)
            return made

    # As `typing.NamedTuple`, which compiles each annotation: 0.5 ms for a class of forty fields.
    NamedTuple = type.__new__(_TupleClasses, "NamedTuple", (), {})

    class TypedDict:
        """As `typing.TypedDict`: calling a class of it makes a plain dictionary."""

        def __init_subclass__(cls, total=True):
            pass

        def __new__(cls, **values):
            return values

    class lazy_regex:  # noqa: N801
        """As the pattern that `re.compile` makes; compiled when it is first used."""

        def __init__(self, pattern, flags=0):
            self.pattern = pattern
            self._flags = flags

        def __getattr__(self, name):
            compiled = re.compile(self.pattern, self._flags)
            for method in ("match", "fullmatch", "search", "sub", "split", "findall", "finditer"):
                setattr(self, method, getattr(compiled, method))
            return getattr(compiled, name)


def names_of(cls: type) -> tuple[str, ...]:
    """The names of a class's fields, in order."""
    names: tuple[str, ...] = vars(cls)["__match_args__"]
    return names


def values_of(value: object) -> tuple[Any, ...]:
    """The values of its fields, in order; unlike `dataclasses.astuple` as they are, not copied."""
    return tuple(getattr(value, name) for name in names_of(type(value)))


def _dataclass(cls: type, frozen: bool, slots: bool, kw_only: bool, eq: bool) -> type:
    body = dict(vars(cls))
    names = tuple(body.get("__annotations__", ()))
    defaults = {name: body[name] for name in names if name in body}
    told = {name: one for name, one in defaults.items() if isinstance(one, _Field)}
    for name in ("__dict__", "__weakref__", *defaults):
        body.pop(name, None)
    if slots:
        body["__slots__"] = names
    body["__match_args__"] = names
    shown = [name for name in names if name not in told or told[name].repr]
    body.setdefault("__repr__", lambda self: _shown(self, shown))

    def first(self: Any, *args: Any, **named: Any) -> None:
        made.__init__ = _init(made, names, defaults, frozen, kw_only)  # type: ignore[misc]
        made.__init__(self, *args, **named)  # type: ignore[misc]

    body["__init__"] = first
    if eq:
        body["__eq__"], equal_hash = _comparing(
            [name for name in names if name not in told or told[name].compare]
        )
        body["__hash__"] = equal_hash if frozen else None
    if frozen:
        body["__setattr__"] = body["__delattr__"] = _refuse
        body["__getstate__"], body["__setstate__"] = values_of, _set_all
    made = type(cls)(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    return made


def _init(
    cls: type, names: tuple[str, ...], defaults: dict[str, Any], frozen: bool, kw_only: bool
) -> Callable[..., None]:
    """Writes the `__init__` of a class."""
    known: dict[str, Any] = {"set": object.__setattr__}
    parameters = ["self", "*"] if kw_only and names else ["self"]
    lines = []
    for name in names:
        value, default = name, defaults.get(name, _ABSENT)
        if isinstance(default, _Field):
            factory = default.factory
            default = _ABSENT if factory is None else default
            known[f"make_{name}"] = factory
            if factory is not None:
                value = f"make_{name}() if {name} is default_{name} else {name}"
        known[f"default_{name}"] = default
        parameters.append(name if default is _ABSENT else f"{name}=default_{name}")
        slot = vars(cls).get(name)
        if not frozen:
            lines.append(f" self.{name} = {value}")
        elif slot is not None:  # a quarter less than by its name
            known[f"set_{name}"] = slot.__set__
            lines.append(f" set_{name}(self, {value})")
        else:
            lines.append(f" set(self, {name!r}, {value})")
    text = f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines or [" pass"])
    exec(text, known)
    made: Callable[..., None] = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _comparing(
    names: Sequence[str],
) -> tuple[Callable[[Any, Any], Any], Callable[[Any], int]]:
    values: Callable[[Any], Any] = attrgetter(*names) if names else type

    def equal(self: Any, other: Any) -> Any:
        if other.__class__ is self.__class__:
            return values(self) == values(other)
        return NotImplemented

    def hashed(self: Any) -> int:
        return hash(values(self))

    return equal, hashed


def _shown(value: object, names: Sequence[str]) -> str:
    shown = ", ".join(f"{name}={getattr(value, name)!r}" for name in names)
    return f"{type(value).__qualname__}({shown})"


def _refuse(self: Any, name: str, value: object = None) -> None:
    raise AttributeError(f"cannot assign to field {name!r} of {type(self).__qualname__}")


def _set_all(self: Any, values: tuple[Any, ...]) -> None:
    for name, value in zip(names_of(type(self)), values, strict=True):
        object.__setattr__(self, name, value)
