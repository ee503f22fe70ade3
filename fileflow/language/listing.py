"""Finds the values of wildcards in the names of existing files.

Knows a disk that lists folders and a pattern; nothing of YAML, of other relations or of rules, save
a question that tells which files are outputs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain, islice, repeat

from fileflow.errors import FileflowError, nearest, some_of
from fileflow.lean import dataclass, lazy_regex
from fileflow.model.patterns import Matcher, Pattern, natural_key
from fileflow.model.ports import Disk

Constraints = Mapping[str, Sequence[str]]
# Which of some paths rules make: they are built if this asks for them. Last the folder in which all
# of them lie, if that is known.
OutputsAmong = Callable[[Callable[[], Sequence[str]], "str | None"], Collection[str]]
MOST_FOLDERS = 1_000_000
_MANY = 50

_HOLE = "\x01"
_NUMBER = lazy_regex(r"[0-9]+")
_ONE_NUMBER = lazy_regex(r"([^0-9]*)[0-9]+([^0-9]*)")
_SHAPE = "".join(
    "0" if one.isdigit() else "a" if one != "\n" else one for one in map(chr, range(128))
)
# What a constraint is made of that surely matches no `/`: words, groups, repeats, simple classes.
_WITHIN_A_FOLDER = lazy_regex(
    r"(?:[A-Za-z0-9_|()?*+{},]|\\[dw]|\[(?:[A-Za-z0-9]-[A-Za-z0-9]|\w)+\])*"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """What the files of a pattern say: a column for each name, and how many were outputs."""

    columns: tuple[list[str], ...]
    passed_over: int


def list_values(
    pattern: Pattern,
    names: Sequence[str],
    disk: Disk,
    constraints: Constraints,
    outputs_among: OutputsAmong,
) -> Listed:
    """The values with which files that exist fit the pattern, in natural order of the names.

    `names` are the pattern's wildcards in the order that is wanted.

    Raises:
        FileflowError: no file fits, one fits in two ways, or a name holds a line break.
    """
    search = _Search(pattern, disk, constraints)
    columns = search.simple_columns()
    folder = search.only_folder
    if columns is None:
        columns = search.checked_columns(outputs_among)
        folder = None  # a value may hold a `/`

    def paths(columns: Mapping[str, Sequence[str]] = columns) -> list[str]:
        return pattern.fill_rows(columns, len(columns[names[0]]))

    if "\n" in "".join(chain(pattern.parts, *columns.values())):
        broken = next(path for path in paths() if "\n" in path)
        raise FileflowError(
            f"the file name {broken!r} holds a line break", place=pattern.place, hint="rename it"
        )
    made = outputs_among(paths, folder)
    passed_over = len(made)
    if made:
        keep = [path not in made for path in paths()]
        columns = {
            name: [value for value, kept in zip(column, keep, strict=True) if kept]
            for name, column in columns.items()
        }
    passed_over += search.ambiguous_outputs
    if not columns[names[0]]:
        raise search.no_match(passed_over)
    return Listed(natural_rows([columns[name] for name in names]), passed_over)


def natural_sorted(values: Iterable[str]) -> list[str]:
    """Texts in natural order: `2` before `10`, equal ones by their text."""
    ordered = sorted(values)
    text = "\n".join(ordered)
    if not text.isascii() or text.count("\n") != len(ordered) - 1:
        return sorted(ordered, key=natural_key)
    if len(set(text.translate(_SHAPE).split("\n"))) == 1:
        return ordered  # digits stand in the same places: the order of the text is the natural one
    one = _ONE_NUMBER.fullmatch(ordered[0])
    if one is not None:  # do all differ by one number only, written without zeros before it?
        alike = rf"^{re.escape(one[1])}(?:0|[1-9][0-9]{{,3000}}){re.escape(one[2])}$"
        if len(re.findall(alike, text, re.MULTILINE)) == len(ordered):
            return sorted(ordered, key=len)
    # Numbers as wide as the widest, after a NUL that is less than any text: all in one pass.
    width = max(map(len, _NUMBER.findall(text)), default=0)
    keys = _NUMBER.sub(lambda number: "\0" + number[0].zfill(width), text).split("\n")
    if "\0" in text or width >= 4000:
        return sorted(ordered, key=natural_key)
    return [value for _, value in sorted(zip(keys, ordered, strict=True))]


def natural_rows(columns: Sequence[list[str]]) -> tuple[list[str], ...]:
    """Rows in natural order of their first column, then of the next."""
    if len(columns) == 1:
        return (natural_sorted(columns[0]),)
    keys = [0] * len(columns[0])
    for column in columns:
        distinct = natural_sorted(set(column))
        if len(distinct) == len(column) and not any(keys):
            place = dict(zip(column, range(len(column)), strict=True))
            rows = list(map(place.__getitem__, distinct))
            return tuple(list(map(other.__getitem__, rows)) for other in columns)
        if len(distinct) > 1:
            rank = dict(zip(distinct, range(len(distinct)), strict=True))
            keys = [key * len(rank) + rank[value] for key, value in zip(keys, column, strict=True)]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return tuple([column[row] for row in order] for column in columns)


class _Search:
    """One pattern against the disk: its path components, and the ways to go through them."""

    def __init__(self, pattern: Pattern, disk: Disk, constraints: Constraints) -> None:
        self.pattern = pattern
        self.disk = disk
        self.constraints = constraints
        self.matcher = Matcher(pattern, constraints)
        self.ambiguous_outputs = 0
        self.components = _HOLE.join(pattern.parts).split("/")
        first = next(i for i, part in enumerate(self.components) if _HOLE in part)
        self.head = self.components[:first]
        self.body = self.components[first:]
        self.constrained = [name for name in pattern.names if constraints.get(name)]

    @property
    def start(self) -> str:
        """The folder below which all that can match lies."""
        return "/" if self.head == [""] else "/".join(self.head)

    @property
    def only_folder(self) -> str | None:
        """The folder that all files lie in that fit, where no value holds a `/`."""
        if len(self.body) > 1 or self.head == [""] or self.pattern.directory:
            return None
        return None if self.pattern.is_spelt_late else self.start

    def simple_columns(self) -> dict[str, list[str]] | None:
        """The values by name; None if they must be looked for path by path.

        That is so where a name is constrained or repeated, or a path fits in two ways.
        """
        if self.constrained or len(set(self.pattern.names)) < len(self.pattern.names):
            return None
        folders = [self.start]
        columns: list[list[str]] = []
        for depth, part in enumerate(self.body):
            last = depth == len(self.body) - 1
            if _HOLE not in part and not last:
                folders = [_below(folder, part) for folder in folders]
                continue
            want_folder = not last or self.pattern.directory
            deeper: list[str] = []
            counts: list[int] = []
            gained: list[list[str]] = [[] for _ in range(part.count(_HOLE))]
            for folder in folders:
                found = _fitting(self._names(folder, folders=want_folder), part)
                if found is None:
                    return None
                count, names, values = found
                counts.append(count)
                for column, more in zip(gained, values, strict=True):
                    column += more
                if not last:
                    above = _below(folder, "")
                    deeper += [above + name for name in names]
            columns = [list(chain.from_iterable(map(repeat, column, counts))) for column in columns]
            columns += gained
            folders = deeper
        return dict(zip(self.pattern.names, columns, strict=True))

    def checked_columns(self, outputs_among: OutputsAmong) -> dict[str, list[str]]:
        """The values by name, each path matched as a whole and looked at for a second way."""
        rows: list[tuple[str, ...]] = []
        for path in self._candidates():
            values = self.matcher.match(path)
            if values is None:
                continue
            if self.matcher.is_ambiguous(path, values):
                if not outputs_among(partial(list, (path,)), None):
                    raise _ambiguous(self.pattern, self.matcher, path, self.constraints)
                self.ambiguous_outputs += 1
                continue
            rows.append(tuple(values.values()))
        columns = zip(*rows, strict=True) if rows else ((),) * len(self.pattern.wildcards)
        return dict(zip(self.pattern.wildcards, map(list, columns), strict=True))

    def _candidates(self) -> Iterable[str]:
        if all(
            _WITHIN_A_FOLDER.fullmatch(regex)
            for name in self.constrained
            for regex in self.constraints[name]
        ):
            folders = [self.start]
            for depth in range(len(self.body)):
                folders = self._step(folders, depth)
            return folders
        return self._all_below()

    def _all_below(self) -> list[str]:
        """All files (or folders) below the start: for values that may hold a `/`."""
        shown = tuple(part.split(_HOLE)[0] for part in self.body if part.startswith("."))
        paths: list[str] = []
        folders = [self.start]
        for folder in folders:  # grows as it goes
            for is_folder in (False, True):
                for name in self._names(folder, folders=is_folder):
                    if name.startswith(".") and not (shown and name.startswith(shown)):
                        continue
                    path = _below(folder, name)
                    if is_folder:
                        folders.append(path)
                    if is_folder == self.pattern.directory:
                        paths.append(path)
            if len(folders) > MOST_FOLDERS:
                raise FileflowError(
                    f"{self.pattern}: more than {MOST_FOLDERS:,} folders lie below "
                    f"{self.start or '.'}",
                    place=self.pattern.place,
                    hint="does a link lead back up? A constraint without / looks into fewer",
                )
        return paths

    def _step(
        self,
        folders: Iterable[str],
        depth: int,
        *,
        hidden: bool = False,
        swapped: bool = False,
        constraints: Constraints | None = None,
    ) -> list[str]:
        """The paths that fit one more component below these folders."""
        part = self.body[depth]
        last = depth == len(self.body) - 1
        if _HOLE not in part and not last:
            return [_below(folder, part) for folder in folders]
        want_folder = (not last or self.pattern.directory) != swapped
        used = self.constraints if constraints is None else constraints
        fits = re.compile(self._regex(depth, used), re.DOTALL).fullmatch
        hidden = hidden or part.startswith(".")
        found: list[str] = []
        for folder in folders:
            above = _below(folder, "")
            found += [
                above + name
                for name in self._names(folder, folders=want_folder)
                if (hidden or name[0] != ".") and fits(name)
            ]
        return found

    def _names(self, folder: str, *, folders: bool) -> Sequence[str]:
        """What lies in a folder: the files, or the folders."""
        found = self.disk.listing(folder)
        if not folders:
            return found.files
        for name in found.links:  # one day it may lead to a folder
            self.disk.exists(_below(folder, name))
        return found.folders

    def _regex(self, depth: int, constraints: Constraints) -> str:
        pieces = self.body[depth].split(_HOLE)
        before = sum(part.count(_HOLE) for part in self.body[:depth])
        out = [re.escape(pieces[0])]
        seen: set[str] = set()
        for name, piece in zip(self.pattern.names[before:], pieces[1:], strict=False):
            rules = constraints.get(name)
            if name in seen:
                out.append(f"(?P={name})")
            else:
                seen.add(name)
                out.append(f"(?P<{name}>{rules[0] if rules else '.+'})")
            out.append(re.escape(piece))
        return "".join(out)

    # --- why nothing matches ---------------------------------------------------------------------

    def no_match(self, passed_over: int) -> FileflowError:
        """The error that no file fits, with the likeliest reason."""
        what = f"no {'folder' if self.pattern.directory else 'file'} matches {self.pattern}"
        reason, hint = self._reason(passed_over)
        return FileflowError(f"{what}: {reason}", place=self.pattern.place, hint=hint)

    def _reason(self, passed_over: int) -> tuple[str, str | None]:
        if passed_over == 1:
            return "the only one that does is an output of a rule", _OUTPUTS
        if passed_over:
            return f"all {passed_over} that do are outputs of rules", _OUTPUTS
        folder = ""
        for i, part in enumerate(self.head):
            path = "/".join(self.head[: i + 1]) or "/"
            if not self.disk.exists(path):
                return f"there is no folder {path}", self._nearest(folder, part, folders=True)
            folder = path
        folders = [folder]
        for depth in range(len(self.body)):
            deeper = self._step(folders, depth)
            if not deeper:
                return self._reason_at(folders, depth)
            folders = deeper
        return f"{folders[0]} does not fit as a whole", None

    def _reason_at(self, folders: list[str], depth: int) -> tuple[str, str | None]:
        last = depth == len(self.body) - 1
        if self.constrained and (loose := self._step(folders, depth, constraints={})):
            name = self.constrained[0]
            regex = self.constraints[name][0]
            return f"{loose[0]} does not, for {name} must match {regex}", None
        if hidden := self._step(folders, depth, hidden=True):
            return f"{hidden[0]} is hidden, and hidden files are no values", None
        if last and (other := self._step(folders, depth, swapped=True)):
            if self.pattern.directory:
                return f"{other[0]} is no folder", "without the / at the end files match"
            return f"{other[0]} is a folder", f"folders match {self.pattern}/"
        shown = folders[0] or "this folder"
        text = self._shown(depth)
        return f"nothing in {shown} fits {text}", self._nearest(
            folders[0], text, folders=not last or self.pattern.directory
        )

    def _shown(self, depth: int) -> str:
        names = iter(self.pattern.names[sum(p.count(_HOLE) for p in self.body[:depth]) :])
        return re.sub(_HOLE, lambda _: "{" + next(names) + "}", self.body[depth])

    def _nearest(self, folder: str, text: str, *, folders: bool) -> str:
        names = natural_sorted(self.disk.listing(folder)[folders])
        near = nearest(text, names[:10_000])
        kind = "folder" if folders else "file"
        shown = folder or "this folder"
        if near is not None:
            return f"did you mean {_below(folder, near)}?"
        if not names:
            return f"{shown} holds no {kind}"
        return f"{shown} holds {some_of(names, 5)}"


_OUTPUTS = "values come from files that no rule makes: give them as a list, or by scatter or lines"


def _below(folder: str, name: str) -> str:
    if not folder:
        return name
    return folder + name if folder.endswith("/") else f"{folder}/{name}"


def _fitting(there: Sequence[str], part: str) -> tuple[int, Iterable[str], list[list[str]]] | None:
    """How many of these names fit a path component, which, and for each of its holes the values.

    None if one fits in two ways, or has a value that never fills a path.
    """
    pieces = part.split(_HOLE)
    before, after = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return (1, [part], []) if part in there else (0, [], [])
    names: Iterable[str]
    text = "\n".join(there)
    if len(pieces) == 2 and text.count("\n") == len(there) - 1:
        start = re.escape(before) or r"(?!\.)"
        values = re.findall(rf"^{start}(.+){re.escape(after)}$", text, re.MULTILINE)
        names = (before + value + after for value in values)  # mostly nobody asks for them
        columns = [values]
        count = len(values)
    else:
        shown = before.startswith(".")
        there = [name for name in there if shown or name[0] != "."]
        greedy = _groups(there, "(.+)".join(map(re.escape, pieces)))
        if greedy != _groups(there, "(.+?)".join(map(re.escape, pieces))):
            return None
        names = [name for name, row in zip(there, greedy, strict=True) if row]
        rows = [row for row in greedy if row]
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in pieces[1:]]
        count = len(rows)
    if any("." in column or ".." in column for column in columns):
        return None
    return count, names, columns


def _groups(names: Iterable[str], regex: str) -> list[tuple[str, ...] | None]:
    """What the groups of an expression match in each text that it matches whole."""
    fits = re.compile(regex, re.DOTALL).fullmatch
    return [found.groups() if found else None for found in map(fits, names)]


def _ambiguous(
    pattern: Pattern, matcher: Matcher, path: str, constraints: Constraints
) -> FileflowError:
    """A path that fits in two ways, with a constraint that would leave one of them."""
    ways = [way for way, _ in zip(matcher.ways(path), range(2), strict=False)]
    said = " or ".join(
        "{" + ", ".join(f"{name}: {value}" for name, value in way.items()) + "}" for way in ways
    )
    decides = deciding_constraints(pattern, path, constraints)
    written = ", ".join(f"{name}: '{regex}'" for name, regex in decides.items())
    return FileflowError(
        f"{path} fits {pattern} in two ways: {said}",
        place=pattern.place,
        hint=f"a constraint decides: match: {{{written}}}",
    )


def deciding_constraints(
    pattern: Pattern, path: str, constraints: Constraints
) -> Mapping[str, str]:
    """Regular expressions for names, as few as will do, under which a path fits in one way only."""
    decided: dict[str, str] = {}
    while True:
        held = {
            name: (*constraints.get(name, ()), *((decided[name],) if name in decided else ()))
            for name in pattern.wildcards
        }
        ways = list(islice(Matcher(pattern, held).ways(path), _MANY))
        differing = [name for name in pattern.wildcards if len({way[name] for way in ways}) > 1]
        counted: list[tuple[int, str, str]] = []
        for name, regex in _proposals(pattern, ways, differing):
            narrowed = Matcher(pattern, {**held, name: (*held[name], regex)})
            left = sum(1 for _ in islice(narrowed.ways(path), _MANY))
            if left:
                counted.append((left, name, regex))
        if not counted:
            return decided
        left, name, regex = min(counted, key=lambda proposal: proposal[0])
        decided[name] = regex
        if left == 1:
            return decided


def _proposals(
    pattern: Pattern, ways: Sequence[Mapping[str, str]], differing: Sequence[str]
) -> Iterable[tuple[str, str]]:
    """Constraints for one name: without the text beside it, of digits, of letters, its value."""
    for i, name in enumerate(pattern.names):
        if name in differing:
            for literal in (pattern.parts[i + 1], pattern.parts[i]):
                stop = literal.strip("/")[:1]
                if stop:
                    yield name, f"[^{re.escape(stop) if stop in '^]-' + chr(92) else stop}/]+"
            yield name, r"\d+"
            yield name, "[A-Za-z]+"
    for name in differing:
        yield name, re.escape(ways[-1][name])
