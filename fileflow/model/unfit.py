"""What is said of values that cannot fill a path, wherever they come from.

Pure text work: which values fill a pattern is for `patterns` and for constraints to say.
"""

from __future__ import annotations

from fileflow.errors import FileflowError, Place
from fileflow.model.patterns import Pattern

_OTHERS = "give the wildcard other values, or leave the row out with `except`"


def no_path(name: str, place: Place) -> FileflowError:
    """Of an empty value where an input takes its value as a path."""
    return FileflowError(
        f"an empty value of {{{name}}} is no path",
        place=place,
        hint="fill it in, or leave its row out with `where` or `except`",
    )


def unfit(value: str, name: str, place: Place, constrained: bool) -> FileflowError:
    """`constrained`: a constraint is there and lets the value pass: it is no cure."""
    shown = "an empty value" if value == "" else f"the value {value!r}"
    what = f"{shown} of {{{name}}} cannot fill a path"
    hint = _OTHERS
    parts = [part for part in value.split("/") if part in (".", "..")]
    if parts:
        what += f": {parts[0]!r} never fills a part of one"
    elif "\n" in value or "\0" in value:
        what += ": it holds a line break" if "\n" in value else ": it holds a NUL"
    elif ("/" in value or value == "") and not constrained:
        hint = f"if that is meant, write in the rule  constraints: {{{name}: '.*'}}"
    return FileflowError(what, place=place, hint=hint)


def may_leave_a_gap(value: str) -> bool:
    """Whether a value, let pass by a constraint, may leave a part of a path empty."""
    return not value or "/" in (value[0], value[-1])


def leaves_a_gap(pattern: Pattern, path: str) -> bool:
    """Whether a part of an output's path is empty; an empty first one would lead out of the
    project."""
    leads_out = path[:1] == "/" and not pattern.parts[0].startswith("/")
    return path[-1:] == "/" or path in ("", ".") or "//" in path or leads_out


def no_file(value: str, name: str, path: str, place: Place) -> FileflowError:
    """Of a value that leaves a part of an output's path empty."""
    shown = "an empty value" if value == "" else f"the value {value!r}"
    return FileflowError(
        f"{shown} of {{{name}}} leaves a part of a path empty: {path or 'an empty path'}",
        place=place,
        hint=_OTHERS,
    )
