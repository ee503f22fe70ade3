"""The forms of `wildcards` that read values on their own: files, lists, ranges, sheets, config.

Each form turns one key into columns of text. Knows nothing of other keys: what is derived from
them, filtered or joined is said in `relations`.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain

from fileflow.errors import FileflowError, Place, did_you_mean, nearest
from fileflow.language import scalars
from fileflow.language.config import STEPS, Config, steps_of
from fileflow.language.listing import Constraints, OutputsAmong, list_values
from fileflow.language.sheets import headers, read_lines, read_sheet
from fileflow.language.yaml_nodes import Mapping as Tree
from fileflow.language.yaml_nodes import Node, Scalar, scalar_value
from fileflow.language.yaml_nodes import Sequence as Items
from fileflow.lean import dataclass, field, lazy_regex
from fileflow.model.patterns import Pattern
from fileflow.model.ports import Disk
from fileflow.model.rules import Filter, Made

MOST_VALUES = 10_000_000
_WIDEST = 200  # no file name has many more characters
_CONFIG = lazy_regex(rf"config(?P<steps>{STEPS})")
_INTEGER = lazy_regex(r"[0-9]+")
_RANGE = lazy_regex(r"range\(\s*(-?\d+(?:\s*,\s*-?\d+){0,2})\s*\)")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of `wildcards`: its names, the form that its values are said in, and the options."""

    text: str
    names: tuple[str, ...]
    place: Place
    form: str
    value: Node
    options: Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the forms may look at: files, config, constraints, and which files rules make."""

    disk: Disk
    config: Config
    outputs_among: OutputsAmong
    """Which files of a pattern fit an output of a rule, so that they are no values."""
    is_made: Callable[[Pattern], bool]
    """Whether a rule makes the file that `lines` or `table` names."""
    absent_maker: Callable[[str], str | None] = lambda _: None
    """Says of a path which rule that is left out would make it."""
    constraints: Constraints = field(default_factory=dict)
    """Those of the keys that are read."""


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of one key: a column for each name, or where they will come from (`made`).

    `doubled` is a row that was written down more than once, and counts once; `unnamed` are the
    headers of a sheet that the key does not name.
    """

    columns: tuple[list[str], ...]
    origin: str
    passed_over: int = 0
    made: Made | None = None
    doubled: str | None = None
    unnamed: tuple[str, ...] = ()


def files(key: Key, around: Surroundings) -> Found:
    """`data/{month}.csv`: the values of the files that exist."""
    written = scalars.scalar(key.value, key.text, "a pattern of files, a list or a mapping")
    pattern = around.config.pattern(written.text, written.place)
    _check_pattern(key, pattern, written)
    listed = list_values(pattern, key.names, around.disk, around.constraints, around.outputs_among)
    return Found(listed.columns, f"the files {pattern}", listed.passed_over)


def _check_pattern(key: Key, pattern: Pattern, written: Scalar) -> None:
    what, hint = None, None
    missing = [name for name in key.names if name not in pattern.names]
    extra = [name for name in pattern.names if name not in key.names]
    if pattern.lookups:
        what = f"{pattern} looks up config by a wildcard, which a pattern that finds values cannot"
    elif not pattern.names:
        what = f"{pattern} holds no {{{key.names[0]}}}"
        hint = f"a value is written as a list: [{written.text}]"
        if isinstance(scalar_value(written), int):
            hint = f"for numbers from 0 write {{range: {written.text}}}; for this one value a list"
        elif called := _RANGE.fullmatch(written.text):
            bounds = called[1] if "," not in called[1] else f"[{called[1]}]"
            hint = f"numbers are written as {{range: {bounds}}}"
        elif "*" in written.text:
            meant = written.text.replace("**", "*").replace("*", f"{{{key.names[0]}}}", 1)
            hint = f"the name in braces stands for what differs: {meant}"
    elif missing:
        what = f"{{{missing[0]}}} stands in the key, but not in {pattern}"
        hint = did_you_mean(missing[0], extra) if extra else None
    elif extra:
        what = f"{{{extra[0]}}} stands in {pattern}, but not in the key"
        hint = f"write the key as {', '.join((*key.names, *dict.fromkeys(extra)))}"
    if what is not None:
        raise FileflowError(what, place=written.place, hint=hint)


def values(key: Key, around: Surroundings) -> Found:
    """`[a, b, c]`: values as written."""
    listed = _items(key, "a list of values")
    if len(key.names) > 1:
        raise FileflowError(
            f"{key.text} has {len(key.names)} names, so that its values are rows",
            place=listed.place,
            hint=f"rows: [[{', '.join(key.names)}], …]",
        )
    column = [scalars.text(item, f"a value of {key.text}") for item in listed.items]
    return _written([(value,) for value in column], "the list")


def rows(key: Key, around: Surroundings) -> Found:
    """`[[a, 1], [b, 2]]`: the rows given."""
    found: list[tuple[str, ...]] = []
    wanted = f"a list of {len(key.names)} values ({', '.join(key.names)})"
    for item in _items(key, "a list of rows").items:
        if not isinstance(item, Items):
            raise scalars.not_a(item, f"a row of {key.text}", wanted)
        if len(item.items) != len(key.names):
            raise FileflowError(
                f"a row of {key.text} is {wanted}, not of {len(item.items)}", place=item.place
            )
        found.append(
            tuple(
                scalars.text(cell, f"a value of {name}")
                for name, cell in zip(key.names, item.items, strict=True)
            )
        )
    return _written(found, "the rows")


def _items(key: Key, wanted: str) -> Items:
    if not isinstance(key.value, Items):
        raise scalars.not_a(key.value, key.text, wanted)
    if not key.value.items:
        raise FileflowError(f"{key.text} has no values: the list is empty", place=key.value.place)
    return key.value


def _written(found: list[tuple[str, ...]], origin: str) -> Found:
    distinct = Counter(found)
    again = next((row for row, times in distinct.items() if times > 1), None)
    doubled = ", ".join(again) if again else None
    return Found(tuple(map(list, zip(*distinct, strict=True))), origin, doubled=doubled)


def numbers(key: Key, around: Surroundings) -> Found:
    """`{range: 16}`, `{range: [1, 13]}`, `{range: [0, 100, 10], width: 3}`."""
    _one_name(key, "range")
    node = key.value
    parts = node.items if isinstance(node, Items) else [node]
    if isinstance(node, Items) and len(parts) not in (2, 3):
        raise FileflowError(
            f"range takes a number, [start, end] or [start, end, step], not {len(parts)} numbers",
            place=node.place,
        )
    given = [scalars.whole_number(part, "range") for part in parts]
    if len(given) == 3 and given[2] == 0:
        raise FileflowError("the step of a range is not 0", place=parts[2].place)
    spread = range(*given)
    if not spread:
        raise FileflowError(
            f"{key.text} has no values: the range is empty",
            place=node.place,
            hint="the end is not part of a range: [1, 13] is 1 … 12",
        )
    if spread[-1] - spread[0] and abs((spread[-1] - spread[0]) // spread.step) >= MOST_VALUES:
        raise FileflowError(f"a range of more than {MOST_VALUES:,} values", place=node.place)
    width = 0
    if "width" in key.options:
        width = scalars.whole_number(key.options["width"], "width", least=1)
        if width > _WIDEST:
            what = f"a width of more than {_WIDEST:,} digits"
            raise FileflowError(what, place=key.options["width"].place)
    return Found(([str(number).zfill(width) for number in spread],), "the range")


def lines(key: Key, around: Surroundings) -> Found:
    """`{lines: items.txt}`: the lines of a file."""
    _one_name(key, "lines")
    pattern = _pattern_of(key, around)
    origin = f"the lines of {pattern}"
    if pattern.wildcards or around.is_made(pattern):
        return _from_made(key, Made(kind="lines", pattern=pattern), origin)
    path = pattern.parts[0]
    return Found((read_lines(_bytes_of(path, pattern.place, around), path),), origin)


def table(key: Key, around: Surroundings) -> Found:
    """`{table: samples.tsv}`: columns of a sheet."""
    pattern = _pattern_of(key, around)
    columns, headless = _columns_of(key)
    comment = None
    if "comment" in key.options:
        comment = scalars.text(key.options["comment"], "comment", "how a line to skip begins")
    origin = f"the sheet {pattern}"
    if pattern.wildcards or around.is_made(pattern):
        header = {name: column.text for name, column in columns.items()}
        made = Made(
            kind="table", pattern=pattern, columns=header, comment=comment, headless=headless
        )
        return _from_made(key, made, origin)
    path = pattern.parts[0]
    data = _bytes_of(path, pattern.place, around)
    found = read_sheet(
        data,
        path,
        {name: column.text for name, column in columns.items()},
        comment=comment or None,
        headless=headless,
        place_of=lambda name: columns[name].place,
    )
    taken = {column.text for column in columns.values()}
    unnamed = [] if headless else [h for h in headers(data, path, comment) if h not in taken]
    return Found(found, origin, unnamed=tuple(unnamed))


def _columns_of(key: Key) -> tuple[dict[str, Scalar], bool]:
    """For each name the header (or, if that is what they are, the number) of its column."""
    said = key.options.get("columns")
    if said is None:
        return {name: _at(key.place, name) for name in key.names}, False
    given = scalars.mapping(said, "columns", "a mapping of names to headers or numbers")
    for name, written in given.keys.items():
        if name not in key.names:
            raise FileflowError(
                f"columns: {name} is no name of this key",
                place=written.place,
                hint=did_you_mean(name, key.names),
            )
    columns = {
        name: scalars.scalar(node, f"the column of {name}", "a header or a number")
        for name, node in given.items.items()
    }
    by_number = [c for c in columns.values() if c.plain and _INTEGER.fullmatch(c.text)]
    if not by_number:
        return {n: columns.get(n) or _at(key.place, n) for n in key.names}, False
    if len(by_number) < len(key.names):
        missing = next(n for n in key.names if columns.get(n) not in by_number)
        raise FileflowError(
            f"numbers count the columns of a sheet without header, and {missing} has none",
            place=by_number[0].place,
            hint=f"give {missing} a number too; a header that is a number stands in quotes",
        )
    return {name: columns[name] for name in key.names}, True


def _at(place: Place, text: str) -> Scalar:
    return Scalar(text, "", *place)


def keys(key: Key, around: Surroundings) -> Found:
    """`{keys: config.samples}`: the keys of nested mappings, level by level."""
    node, origin = key.value, "config"
    if isinstance(node, Scalar):
        written = scalars.text(node, "keys", "a name of config")
        way = _CONFIG.fullmatch(written.strip("{} "))
        if way is None:
            raise FileflowError(
                f"keys names a value of config, not {written!r}",
                place=node.place,
                hint=f"write config.{written.lstrip('.')}",
            )
        origin = way[0]
        node = around.config.value(steps_of(way["steps"]), node.place)
    found = list(dict.fromkeys(_levels(node, key.names, (), origin, key.value.place)))
    return Found(tuple(map(list, zip(*found, strict=True))), f"the keys of {origin}")


def _levels(
    node: Node, names: tuple[str, ...], above: tuple[str, ...], way: str, place: Place
) -> Iterator[tuple[str, ...]]:
    name, last = names[len(above)], len(above) == len(names) - 1
    if isinstance(node, Tree):
        for text, below in node.items.items():
            if last:
                yield (*above, text)
            else:
                yield from _levels(below, names, (*above, text), f"{way}.{text}", place)
    elif isinstance(node, Items) and last:
        for item in node.items:
            yield (*above, scalars.text(item, f"an item of {way}"))
    else:
        kind = "a list" if isinstance(node, Items) else f"{node.text!r}"
        wanted = "a mapping or a list" if last else "a mapping"
        raise FileflowError(
            f"the values of {name} are the keys of {way}, which is {kind} and not {wanted}",
            place=place,
        )


def _one_name(key: Key, form: str) -> None:
    if len(key.names) > 1:
        raise FileflowError(
            f"{form} gives values to one name, and {key.text} has {len(key.names)}",
            place=key.place,
            hint="table gives rows over several names" if form == "lines" else None,
        )


def _pattern_of(key: Key, around: Surroundings) -> Pattern:
    written = scalars.scalar(key.value, key.form, "the path of a file")
    pattern = around.config.pattern(written.text, written.place)
    own = next((name for name in key.names if name in pattern.wildcards), None)
    if own is not None:
        raise FileflowError(
            f"{{{own}}} cannot stand in the path of the file that gives its values",
            place=written.place,
            hint=f"values that files have in their names: {own}: {pattern}",
        )
    return pattern


def _from_made(key: Key, made: Made, origin: str) -> Found:
    columns: tuple[list[str], ...] = tuple(
        [] for _ in range(len(key.names) + len(made.pattern.wildcards))
    )
    return Found(columns, origin, made=made)


def _bytes_of(path: str, place: Place | None, around: Surroundings) -> bytes:
    disk = around.disk
    try:
        data = disk.read(path)
    except OSError as error:
        raise FileflowError(f"{path} cannot be read: {error.strerror}", place=place) from None
    if data is not None:
        return data
    folder, name = posixpath.split(path)
    near = nearest(name, chain(*disk.listing(folder)[:2]))
    hint = around.absent_maker(path)
    if hint is None and near is not None:
        hint = f"did you mean {posixpath.join(folder, near)}?"
    elif hint is None and folder and not disk.exists(folder):
        hint = f"there is no folder {folder}"
    raise FileflowError(f"there is no file {path}, and no rule makes it", place=place, hint=hint)


def kept_rows(
    names: tuple[str, ...], columns: tuple[list[str], ...], keep: Filter
) -> tuple[list[str], ...]:
    """The rows that agree with all of `where`, without those that agree with all of `except`."""
    column_of = dict(zip(names, columns, strict=True))
    wanted = [True] * len(columns[0])
    for name, allowed in keep.where:
        wanted = [w and v in allowed for w, v in zip(wanted, column_of[name], strict=True)]
    if keep.without:
        out = [True] * len(wanted)
        for name, refused in keep.without:
            out = [o and v in refused for o, v in zip(out, column_of[name], strict=True)]
        wanted = [w and not o for w, o in zip(wanted, out, strict=True)]
    if all(wanted):
        return columns
    return tuple(
        [value for value, kept in zip(column, wanted, strict=True) if kept] for column in columns
    )


FORMS: Mapping[str, Callable[[Key, Surroundings], Found]] = {
    "files": files,
    "values": values,
    "rows": rows,
    "range": numbers,
    "table": table,
    "lines": lines,
    "keys": keys,
}
