"""Scattered outputs: files whose names an action decides as it runs.

Knows folders and patterns; nothing of rules, or of what the values are for. The action leaves its
files in a staged folder, or yields them; then each file there must fit a pattern, and is an output
like any other from then on.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fileflow.errors import shortened, some_of
from fileflow.lean import dataclass, replace
from fileflow.model.digests import NO_DIGEST
from fileflow.model.patterns import Matcher, Pattern, natural_key
from fileflow.model.work import Scattered
from fileflow.signature import NOTHING
from fileflow.world.files import nothing_there, unreadable
from fileflow.world.functions import UnfitError
from fileflow.world.staging import Shape

_NAMED = 8
LEFT = ".scattered"


def folder_of(pattern: Pattern) -> str:
    """The folder up to the first component that holds a scattered wildcard; empty for none."""
    return pattern.parts[0].rpartition("/")[0] or ("/" if pattern.parts[0][:1] == "/" else "")


@dataclass(frozen=True, slots=True)
class Piece:
    """One scattered output of a job: what its files fit, and which must be there, if that is known.

    `folder` is the final one; `position` is that of the output. The names that have declared values
    are `given`, with their `rows`: each of them must be there.
    """

    position: int
    pattern: Pattern
    matcher: Matcher
    folder: str
    expected: tuple[str, ...] | None
    given: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def row_of(self, path: str) -> tuple[str, ...]:
        """The values of the given names in a path that fits."""
        values = self.matcher.match(path) or {}
        return tuple([values[name] for name in self.given])

    def with_row(self, row: Sequence[str]) -> str:
        """The pattern with these values of the given names."""
        return self.pattern.fill(
            {
                **{name: f"{{{name}}}" for name in self.pattern.wildcards},
                **dict(zip(self.given, row, strict=True)),
            }
        )


def pieces_of(scatter: Sequence[Scattered], directories: Sequence[bool]) -> list[Piece]:
    """The scattered outputs of an order."""
    out = []
    for position, parts, names, checks, expected, (given, rows) in scatter:
        pattern = Pattern(
            text=parts[0] + "".join(f"{{{n}}}{p}" for n, p in zip(names, parts[1:], strict=True)),
            parts=tuple(parts),
            names=tuple(names),
            wildcards=tuple(dict.fromkeys(names)),
            directory=directories[position],
            lookups=(),
            place=None,
        )
        out.append(
            Piece(
                position,
                pattern,
                Matcher(pattern, dict(checks)),
                folder_of(pattern),
                None if expected is None else tuple(expected),
                tuple(given),
                tuple(map(tuple, rows)),
            )
        )
    return out


def arranged(shape: Shape, pieces: Sequence[Piece]) -> Shape:
    """The shape by which a stage is prepared: of scattered outputs only the folders are made."""
    scattered = {piece.position for piece in pieces}
    return replace(
        shape,
        directories=tuple(d and k not in scattered for k, d in enumerate(shape.directories)),
    )


def placed(outputs: Sequence[str], pieces: Sequence[Piece]) -> list[str]:
    """The outputs with, for a scattered one, a name in its folder, so that the folder is made."""
    out = list(outputs)
    for piece in pieces:
        out[piece.position] = os.path.join(piece.folder, f"{LEFT}{piece.position}")
    return out


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a job left: all outputs, scattered ones as their files, and where each lies.

    `spots` gives for each of the first outputs its place among all, None for a scattered one.
    """

    outputs: list[str]
    staged: list[str]
    shape: Shape
    found: list[str]
    spots: list[int | None]

    def published(self, made: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Signature and digest of each output, of scattered ones zeros, then of all found files."""
        whole = [(NOTHING, NO_DIGEST) if at is None else made[at] for at in self.spots]
        return [*whole, *made[len(made) - len(self.found) :]]


def gather(
    pieces: Sequence[Piece],
    shape: Shape,
    outputs: Sequence[str],
    staged: Sequence[str],
) -> Gathered | str:
    """Looks at what an action left in the folders of its scattered outputs, or says what is wrong.

    Args:
        pieces: the scattered outputs.
        shape: what all outputs must be.
        outputs: their final paths; staged: where they lie, of scattered ones a name in the folder.
    """
    scattered = {piece.position for piece in pieces}
    others = {os.path.normpath(outputs[k]) for k in range(len(outputs)) if k not in scattered}
    folders = {piece.folder: os.path.dirname(staged[piece.position]) for piece in pieces}
    found: dict[int, dict[str, str]] = {piece.position: {} for piece in pieces}
    expected = {piece.position: {*(piece.expected or ())} for piece in pieces}
    rows = {piece.position: {*piece.rows} for piece in pieces}
    stray: list[str] = []
    of_no_value: list[tuple[str, Piece]] = []
    for folder, there in _outermost(folders).items():
        for path, at in _left_in(folder, there, pieces, others):
            fits = [piece for piece in pieces if piece.matcher.match(path) is not None]
            fits = [p for p in fits if p.pattern.directory == _is_folder(at)] or fits
            if len(fits) > 1:
                return (
                    f"{path} fits two scattered outputs, {fits[0].pattern} and {fits[1].pattern}: "
                    "separate them with constraints"
                )
            if not fits:
                stray.append(path)
                continue
            piece = fits[0]
            values = piece.matcher.match(path) or {}
            if piece.matcher.is_ambiguous(path, values):
                return f"{path} fits {piece.pattern} in two ways: separate them with constraints"
            if piece.given and piece.row_of(path) not in rows[piece.position]:
                of_no_value.append((path, piece))
                continue
            if piece.expected is not None and path not in expected[piece.position]:
                stray.append(path)
                continue
            found[piece.position][path] = at
    wrong = _wrong(pieces, found, stray, of_no_value)
    if wrong:
        return wrong
    return _whole(pieces, shape, outputs, staged, found)


def _wrong(
    pieces: Sequence[Piece],
    found: Mapping[int, Mapping[str, str]],
    stray: Sequence[str],
    of_no_value: Sequence[tuple[str, Piece]],
) -> str:
    lines = []
    if stray:
        lines.append(
            f"the action left what fits no output: {some_of(sorted(stray), _NAMED)}; "
            "write other files elsewhere, or name them as outputs"
        )
    for path, piece in of_no_value[:_NAMED]:
        said = _said(piece.given, piece.row_of(path))
        lines.append(f"the action left {path}, but {said} is not among the declared values")
    for piece in pieces:
        lacks = [path for path in piece.expected or () if path not in found[piece.position]]
        if piece.expected is None and piece.given:
            there = {piece.row_of(path) for path in found[piece.position]}
            lacks += [piece.with_row(row) for row in piece.rows if row not in there]
        if lacks:
            lines.append(f"the action did not make {some_of(lacks, _NAMED)}")
    by_names: dict[frozenset[str], tuple[Piece, set[tuple[str, ...]]]] = {}
    for piece in pieces:
        names = sorted(piece.pattern.wildcards)
        values = set()
        for path in found[piece.position]:
            fit = piece.matcher.match(path) or {}
            values.add(tuple(fit[name] for name in names))
        first, before = by_names.setdefault(frozenset(names), (piece, values))
        for one in sorted(values ^ before):
            said = _said(names, one)
            has, lacks_it = (first, piece) if one in before else (piece, first)
            lines.append(f"{said} is there as {has.pattern} and not as {lacks_it.pattern}")
    return "\n".join(lines)


def _whole(
    pieces: Sequence[Piece],
    shape: Shape,
    outputs: Sequence[str],
    staged: Sequence[str],
    found: Mapping[int, Mapping[str, str]],
) -> Gathered:
    """All outputs, those that are not scattered first."""
    scattered = {piece.position for piece in pieces}
    positions = [k for k in range(len(outputs)) if k not in scattered]
    spots: list[int | None] = [None] * len(outputs)
    for at, position in enumerate(positions):
        spots[position] = at
    finals = [outputs[k] for k in positions]
    places = [staged[k] for k in positions]
    files: list[str] = []
    for piece in pieces:
        order = piece.expected or found[piece.position]
        for path in order:
            positions.append(piece.position)
            finals.append(path)
            places.append(found[piece.position][path])
            files.append(path)
    picked = Shape(
        tuple(shape.directories[k] for k in positions),
        tuple(shape.protected[k] for k in positions),
        tuple(shape.ensure[k] for k in positions),
        (False,) * len(positions),
        (False,) * len(positions),
        shape.plain,
    )
    return Gathered(finals, places, picked, files, spots)


def files_there(pattern: Pattern, matcher: Matcher) -> list[str]:
    """The files, under their final names, that fit a scattered output; what else lies there is
    passed over."""
    found: list[str] = []
    todo = [folder_of(pattern)]
    deepest = pattern.text.rstrip("/").count("/")
    while todo:
        folder = todo.pop()
        for name in _names_in(folder):
            path = os.path.join(folder, name)
            if _is_folder(path) == pattern.directory and matcher.match(path) is not None:
                found.append(path)
            elif os.path.isdir(path) and path.count("/") < deepest:
                todo.append(path)
    return sorted(found, key=natural_key)


def _names_in(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder or "."))
    except OSError as error:
        if nothing_there(error):
            return []
        raise unreadable(folder, error) from None


def _outermost(folders: Mapping[str, str]) -> dict[str, str]:
    """The folders that lie in no other."""
    return {
        folder: there
        for folder, there in folders.items()
        if not any(other != folder and _is_below(folder, other) for other in folders)
    }


def _is_below(folder: str, other: str) -> bool:
    return not other or folder.startswith(other.rstrip("/") + "/")


def _left_in(
    folder: str, there: str, pieces: Sequence[Piece], others: set[str]
) -> Iterator[tuple[str, str]]:
    """Final path and place of all that lies in a folder and is no other output, sorted."""
    for name in sorted(os.listdir(there)):
        if name.startswith(".files") and not folder:
            continue
        path = os.path.join(folder, name) if folder else name
        at = os.path.join(there, name)
        if path in others:
            continue
        if not _is_folder(at) or any(
            p.pattern.directory and p.matcher.match(path) is not None for p in pieces
        ):
            yield path, at
        else:
            yield from _left_in(path, at, pieces, others)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


# What a function yields ------------------------------------------------------------------------


def write_yielded(
    answer: Iterator[object],
    pieces: Sequence[Piece],
    names: Sequence[str | None],
    places: Mapping[int, str],
    base: str,
) -> None:
    """Writes the files of what a generator yields, one pair of values and content after the other.

    Args:
        answer: the generator; it may be in another folder when it yields.
        pieces: the scattered outputs; names: the name of each, None without.
        places: for each, by its position, the folder in which its files are left.
        base: the absolute folder that these, and paths that it yields, are relative to.

    Raises:
        UnfitError: for anything but such a pair.
    """
    wanted = list(dict.fromkeys(name for piece in pieces for name in piece.pattern.wildcards))
    places = {position: os.path.join(base, folder) for position, folder in places.items()}
    for pair in answer:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise UnfitError(
                f"the function yielded {_shown(pair)}: it yields (value, content) pairs"
            )
        values = _values(pair[0], wanted)
        if len(pieces) == 1:
            _write(pair[1], pieces[0], values, places, base)
            continue
        if not isinstance(pair[1], Mapping):
            raise UnfitError(
                f"the function yielded {_shown(pair[1])} as content: with several scattered "
                "outputs it is a mapping of their names"
            )
        left = dict(pair[1])
        for piece, name in zip(pieces, names, strict=True):
            if name not in left:
                raise UnfitError(f"the function yielded no content for the output {name!r}")
            _write(left.pop(name), piece, values, places, base)
        if left:
            raise UnfitError(
                f"the function yielded content for {some_of(sorted(left), _NAMED)}: no such "
                "output is scattered"
            )


def _values(said: object, wanted: Sequence[str]) -> dict[str, str]:
    if isinstance(said, Mapping):
        values = {str(name): str(value) for name, value in said.items()}
        if set(values) != set(wanted):
            raise UnfitError(
                f"the function yielded {_shown(said)}: the values are of {', '.join(wanted)}"
            )
        return values
    if len(wanted) != 1:
        raise UnfitError(
            f"the function yielded the value {_shown(said)}: with several scattered wildcards it "
            f"is a mapping of {', '.join(wanted)}"
        )
    return {wanted[0]: str(said)}


def _write(
    content: object, piece: Piece, values: Mapping[str, str], places: Mapping[int, str], base: str
) -> None:
    path = piece.pattern.fill(values)
    if piece.matcher.match(path) is None:
        raise UnfitError(
            f"the function yielded {_shown(dict(values))}, which cannot fill a path "
            f"of {piece.pattern}"
        )
    inside = path[len(piece.folder) :].lstrip("/") if piece.folder else path
    there = os.path.join(places[piece.position], inside)
    if os.path.lexists(there):
        raise UnfitError(f"the function yielded {_shown(dict(values))} twice")
    os.makedirs(os.path.dirname(there), exist_ok=True)
    if isinstance(content, (bytes, bytearray, memoryview)):
        Path(there).write_bytes(content)
    elif isinstance(content, str):
        Path(there).write_text(content, encoding="utf-8")
    elif isinstance(content, Path):
        if piece.pattern.directory:
            shutil.copytree(base / content, there)
        else:
            shutil.copyfile(base / content, there)
    else:
        raise UnfitError(
            f"the function yielded {_shown(content)} as content: it is bytes, text or a Path"
        )


def _said(names: Sequence[str], values: Sequence[str]) -> str:
    return " ".join(f"{n}={v}" for n, v in zip(names, values, strict=True))


def _shown(value: object) -> str:
    return shortened(repr(value), 80)
