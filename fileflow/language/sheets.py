"""Reads sheets and lists of lines: bytes of a file to columns of text.

Knows CSV and plain lines; not where the bytes come from, nor what the values are for.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

from fileflow.errors import FileflowError, Place, Source, counted, did_you_mean

_HEADER = 1 << 16
_COMMENT = 'if the first line is a comment, write comment: "#"'


def read_lines(data: bytes, source_name: str) -> list[str]:
    """The lines of a text file, empty ones left out and double ones once.

    Raises:
        FileflowError: it is no UTF-8 text.
    """
    text = _text(data, source_name)
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return list(dict.fromkeys(line for line in lines if line.strip()))


def headers(data: bytes, source_name: str, comment: str | None = None) -> list[str]:
    """The headers of a sheet that `read_sheet` can read."""
    lines = io.StringIO(data[:_HEADER].decode("utf-8-sig", "replace"), newline="\n")
    delimiter = "\t" if source_name.lower().endswith(".tsv") else ","
    with contextlib.suppress(csv.Error):  # of a last line that was cut
        for row in csv.reader(lines, delimiter=delimiter):
            if row and not (comment and delimiter.join(row).startswith(comment)):
                return row
    return []


def read_sheet(
    data: bytes,
    source_name: str,
    columns: Mapping[str, str],
    *,
    comment: str | None = None,
    headless: bool = False,
    place_of: Callable[[str], Place] | None = None,
) -> tuple[list[str], ...]:
    """Some columns of a sheet, each row once: tabs divide a `.tsv`, commas all others.

    Args:
        data: the bytes of the file.
        source_name: its path, for messages and for the ending.
        columns: for each name the header of its column, or its number (from 1) if `headless`.
        comment: what a line begins with that is skipped.
        headless: whether the first row is a row like any other.
        place_of: where the column of a name was asked for.

    Raises:
        FileflowError: no UTF-8, no CSV, a row of another length, a column that is not there.
    """
    source = Source(source_name, _text(data, source_name))
    delimiter = "\t" if source_name.lower().endswith(".tsv") else ","
    rows = _plain_rows(source.text, delimiter, comment)
    if rows is None:
        rows = _checked_rows(source, delimiter, comment)
    width = len(rows[0]) if rows else 0
    header = [] if headless or not rows else rows.pop(0)
    numbers = [
        _number(name, column, header, width, source_name, place_of, headless=headless)
        for name, column in columns.items()
    ]
    found = tuple(list(map(itemgetter(number), rows)) for number in numbers)
    if any(len(set(column)) == len(rows) for column in found):
        return found
    distinct = dict.fromkeys(zip(*found, strict=True))
    return tuple(list(map(itemgetter(place), distinct)) for place in range(len(found)))


def _plain_rows(text: str, delimiter: str, comment: str | None) -> list[list[str]] | None:
    """All rows, where they are of one length; None where the reader must know line by line.

    That is so where something is wrong, so that its place is told, or where a line that begins like
    a comment may be part of a quoted cell.
    """
    if comment and '"' in text:
        return None
    lines: Iterable[str] = text.split("\n") if '"' not in text else io.StringIO(text, newline="\n")
    if comment:
        lines = [line for line in lines if not line.startswith(comment)]
    try:
        rows = list(filter(None, csv.reader(lines, delimiter=delimiter, strict=True)))
    except csv.Error:
        return None
    return rows if len(set(map(len, rows))) < 2 else None


def _checked_rows(source: Source, delimiter: str, comment: str | None) -> list[list[str]]:
    """All rows, or the mistake in the first that cannot be read or has another length."""
    reader = _Reader(source, comment)
    try:
        # `strict` refuses text after a closing quote instead of swallowing what follows.
        rows = [
            row for row in csv.reader(reader, delimiter=delimiter, strict=True) if reader.done(row)
        ]
    except csv.Error as error:
        raise FileflowError(
            f"this is no CSV that can be read: {error}",
            place=Place(source, reader.line, 1),
            hint='a quote inside a quoted cell is doubled: "say ""hello"""',
        ) from None
    for row, line in zip(rows, reader.begins, strict=True):
        if len(row) != len(rows[0]):
            ragged = _ragged(row, len(rows[0]), Place(source, line, 1), delimiter)
            if rows[0][0].startswith("# "):
                ragged.hint = _COMMENT
            raise ragged
    return rows


class _Reader:
    """Gives lines to the CSV reader; skips comments and blank lines, but not inside of a cell."""

    def __init__(self, source: Source, comment: str | None) -> None:
        self._lines = iter(source.text.split("\n"))
        self._comment = comment
        self._between = True
        self.line = 0
        self.begins: list[int] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for line in self._lines:
            self.line += 1
            if self._between:
                if not line.strip("\r") or (self._comment and line.startswith(self._comment)):
                    continue
                self._between = False
                self.begins.append(self.line)
            return line + "\n"
        raise StopIteration

    def done(self, row: list[str]) -> bool:
        """Tells that a whole row was read, so that the next line begins one."""
        self._between = True
        return bool(row)


def _other_delimiter(header: str) -> str | None:
    """What may have been meant to divide the columns of a sheet that has one."""
    for sign, name in ((";", "semicolons"), ("\t", "tabs"), (",", "commas"), (" ", "blanks")):
        if sign in header.strip():
            return name
    return None


def _ragged(row: Sequence[str], width: int, place: Place, delimiter: str) -> FileflowError:
    cells = counted(len(row), "cell")
    hint = None
    other = "," if delimiter == "\t" else "\t"
    if any(other in cell for cell in row):
        hint = "tabs divide the cells of a file that ends with .tsv, commas those of all others"
    return FileflowError(f"this row has {cells}, the first one {width}", place=place, hint=hint)


def _number(
    name: str,
    column: str,
    header: Sequence[str],
    width: int,
    source_name: str,
    place_of: Callable[[str], Place] | None,
    *,
    headless: bool,
) -> int:
    """The index of a column by its number or its header."""
    place = place_of(name) if place_of else None
    if headless:
        if 1 <= int(column) <= max(width, 1):
            return int(column) - 1
        raise FileflowError(
            f"{source_name} has {width} columns, and no column {column}", place=place
        )
    found = [i for i, cell in enumerate(header) if cell == column]
    if len(found) == 1:
        return found[0]
    if found:
        raise FileflowError(f"{source_name} has {len(found)} columns {column!r}", place=place)
    if not any(cell.strip() for cell in header):
        raise FileflowError(f"{source_name} is empty: it has no header", place=place)
    hint = did_you_mean(column, header)
    if blank := next((cell for cell in header if cell.strip() == column.strip()), None):
        hint = f'a blank belongs to the header: write columns: {{{name}: "{blank}"}}'
    if header[0].startswith("# "):
        hint = _COMMENT
    hint = hint or f"its columns: {', '.join(header[:12])}, …"
    if width == 1 and (other := _other_delimiter(header[0])):
        hint = f"its header has {other}: commas divide columns, in a .tsv tabs"
    raise FileflowError(f"{source_name} has no column {column!r}", place=place, hint=hint)


# The first bytes of a ZIP archive, as which newer workbooks are kept, and of an older workbook.
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def _text(data: bytes, source_name: str) -> str:
    if data.startswith(_WORKBOOKS):
        is_named = source_name.lower().endswith((".xlsx", ".xlsm", ".xlsb", ".xls"))
        what = "an Excel workbook" if is_named else "a workbook or an archive"
        raise FileflowError(
            f"{source_name} is {what}, no text", hint="save it as CSV or TSV, and name that file"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileflowError(
            f"{source_name}:{line}: this is no UTF-8 text", hint="save the file as UTF-8"
        ) from None
    at = text.find("\0")
    if at >= 0:
        line = text.count("\n", 0, at) + 1
        raise FileflowError(f"{source_name}:{line}: the text holds a NUL")
    return text
