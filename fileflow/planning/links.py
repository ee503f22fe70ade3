"""What the jobs of a rule take through each input entry, and who makes it.

Only kept here: which paths these are is worked out in `tables`, who makes them in `closure`.

A job is named by an int, `table number << 32 | row`; a *row* is one set of values of the wildcards
that the rule maps. Where a maker stands, a negative number says why it is no job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from fileflow.errors import FileflowError
from fileflow.model.patterns import Pattern
from fileflow.model.rules import Entry
from fileflow.model.tokens import list_id, list_token
from fileflow.planning.joins import Table
from fileflow.planning.questions import paths_of

SHIFT = 32
ROW = (1 << SHIFT) - 1
SOURCE = -1
ABSENT = -2
UNRESOLVED = -9
PENDING = -3
LATER = -4


class Group:
    """A list of input paths that jobs share: stored once, whoever takes it.

    `makers[i]` is the job that makes `paths[i]`, SOURCE, or ABSENT for an optional one that is not
    to be had; `rows` are the values behind the paths (columns by name), for gathered wildcards.
    """

    __slots__ = ("_id", "makers", "number", "paths", "rows")

    def __init__(self, number: int, paths: list[str], rows: Table | None) -> None:
        self.number = number
        self.paths = paths
        self.rows = rows
        self.makers: Sequence[int] | None = None
        self._id: bytes | None = None

    @property
    def id(self) -> bytes:
        """16 bytes that identify the list of paths."""
        if self._id is None:
            self._id = list_id(self.paths)
        return self._id


class Groups(Protocol):
    """Who gives each list of paths its number."""

    def group(self, entry: Entry, paths: list[str]) -> Group:
        """A group for these paths; a single path has the same one for all who ask alike."""

    def new_group(self, paths: list[str], rows: Table | None) -> Group:
        """A group that nobody else has."""


class Link:
    """One input entry of a rule, for all of its jobs.

    Either every job has a path of its own (`paths`, `makers` by row), or jobs share groups
    (`groups`, `group_of` by row). `single` says that the action gets one path, not a list. What a
    call gives differs from job to job: `given` are its answers by row, those that are known.
    `errors` says of which rows, or of which groups by their place here, values that were found
    while running give no path. `needs` are the rows that all jobs together take from, by number of
    the table, once a growing plan has asked for them. Of what another rule asks for, `spare` are
    the paths that are optional there.
    """

    __slots__ = (
        "_fill",
        "_numbers",
        "_paths",
        "entry",
        "errors",
        "given",
        "group_of",
        "groups",
        "makers",
        "needs",
        "pattern",
        "single",
        "spare",
        "tables",
    )

    # Whether it is what jobs were found to read (see `planning.named`).
    named = False

    def __init__(self, entry: Entry, pattern: Pattern | None, *, single: bool) -> None:
        self.entry = entry
        self.pattern = pattern
        self.single = single
        self._paths: list[str] | None = []
        self._fill: Callable[[], list[str]] = list
        self.makers: Sequence[int] | None = None
        self.groups: list[Group] = []
        self.group_of: Sequence[int] | None = None
        self.tables: set[int] = set()
        self.given: dict[int, object] | None = None
        self.errors: dict[int, FileflowError] = {}
        self.needs: dict[int, Sequence[int]] | None = None
        self.spare: frozenset[str] = frozenset()
        self._numbers: dict[tuple[str, ...], int] = {}

    def can_lack(self, path: str) -> bool:
        """Whether the jobs do without this path if it cannot be had."""
        return self.entry.optional or path in self.spare

    def give(self, groups: Groups, row: int, count: int) -> None:
        """Takes up the answer for a row, one of `count`; without one it has no path yet."""
        assert self.given is not None
        if not self.groups:
            self.groups.append(groups.new_group([], None))
            self.group_of = []
        assert isinstance(self.group_of, list)
        if len(self.group_of) < count:
            self.group_of += [0] * (count - len(self.group_of))
        given = self.given.get(row)
        if given is None:
            return
        paths = paths_of(given)  # type: ignore[arg-type]
        number = self._numbers.setdefault(tuple(paths), len(self.groups))
        if number == len(self.groups):
            self.groups.append(groups.group(self.entry, paths))
        self.group_of[row] = number

    def error(self, row: int) -> FileflowError | None:
        """Why values that were found while running give the job in this row no path."""
        if not self.errors:
            return None
        return self.errors.get(row if self.group_of is None else self.group_of[row])

    def is_one(self, row: int) -> bool:
        """Whether one path at most, and no list, stands for the entry in the row's record."""
        group = self.group(row)
        return self.single if group is None else self._is_one(group)

    def _is_one(self, group: Group) -> bool:
        return self.single if self.given is None else len(group.paths) < 2

    @property
    def paths(self) -> list[str]:
        """The path of each row, where each has its own; made when first asked for."""
        if self._paths is None:
            self._paths = self._fill()
        return self._paths

    def fill_by(self, fill: Callable[[], list[str]]) -> None:
        """Says how the paths are made: by whoever makes the files, they need not be made twice."""
        self._paths, self._fill = None, fill

    def paths_of(self, row: int) -> list[str]:
        """The paths that the job in this row takes through this entry, absent ones left out."""
        if self.group_of is None:
            if self.pattern is None:  # nobody has asked yet what it stands for
                return []
            maker = self.makers[row] if self.makers is not None else SOURCE
            return [] if maker == ABSENT else [self.paths[row]]
        return self.taken(self.groups[self.group_of[row]])

    def taken(self, group: Group) -> list[str]:
        """The paths of a shared list that jobs take through this entry, absent ones left out."""
        makers = self._absent(group)
        if ABSENT in makers:
            return [p for p, m in zip(group.paths, makers, strict=True) if m != ABSENT]
        return group.paths

    def token(self, group: Group) -> str:
        """What stands in a record for the entry where jobs take this list."""
        paths = self.taken(group)
        if self._is_one(group):
            return paths[0] if paths else ""
        return list_token(group.id if len(paths) == len(group.paths) else list_id(paths))

    def values_of(self, row: int, name: str) -> Sequence[str] | None:
        """The values of a wildcard that this entry gathers, one for each of the row's paths.

        None if it does not gather that wildcard.
        """
        group = self.group(row)
        if group is None or group.rows is None or name not in group.rows.names:
            return None
        column = group.rows.columns[group.rows.names.index(name)]
        makers = self._absent(group)
        if ABSENT not in makers or len(makers) != len(column):
            return column
        return [value for value, maker in zip(column, makers, strict=True) if maker != ABSENT]

    def _absent(self, group: Group) -> Sequence[int]:
        return group.makers if self.entry.optional and group.makers is not None else ()

    def group(self, row: int) -> Group | None:
        """The shared list of a row, or None where each job has a path of its own."""
        return None if self.group_of is None else self.groups[self.group_of[row]]

    def all_makers(self) -> Iterator[Sequence[int]]:
        """Who makes what the rows take: by row, or list by list."""
        if self.group_of is None:
            yield self.makers if self.makers is not None else ()
        else:
            yield from (group.makers or () for group in self.groups)

    def makers_of(self, row: int) -> Sequence[int]:
        """Who makes each of the row's paths."""
        if self.group_of is None:
            return (self.makers[row],) if self.makers is not None else ()
        return self.groups[self.group_of[row]].makers or ()

    def made_paths(self, row: int) -> Iterator[tuple[int, str]]:
        """Who makes each of the row's paths, as far as it is known, and the path."""
        group = self.group(row)
        if group is not None:
            return zip(group.makers or (), group.paths, strict=False)
        return iter(() if self.makers is None else ((self.makers[row], self.paths[row]),))


class Same(Sequence[int]):
    """The first group, for every row."""

    __slots__ = ()

    def __getitem__(self, row: int) -> int:  # type: ignore[override]
        return 0

    def __len__(self) -> int:
        return 0


class Takers:
    """Which of some rows take each shared list of a link; worked out when first asked, once."""

    def __init__(self, link: Link, rows: Sequence[int]) -> None:
        self._link = link
        self._rows = rows
        self._found: dict[int, list[int]] = {}

    def of(self, number: int) -> Sequence[int]:
        """The rows that take the list with this number in the link."""
        if not self._found:
            assert self._link.group_of is not None
            for row in self._rows:
                self._found.setdefault(self._link.group_of[row], []).append(row)
        return self._found[number]
