"""What is known from earlier runs: what each job was made from, and which files hold what.

Knows records, files and notes; nothing of rules in force, or of what is fresh.

Everything known stands in the journal's bytes, and only there: the dictionaries here lead from a
path to a position in these bytes, and a record is made when somebody asks for it. What is added is
written first and then read like everything else, so that memory and disk cannot differ.

Frames, by kind (texts are UTF-8 with surrogateescape, each ends with a NUL; a later frame wins):

- `J`, jobs of one head: head: the fields of `RecordHead`; body: numbers of rows, outputs, input
  items, bytes of the outputs' paths, bytes of the inputs; then a row of 80 bytes for each job,
  after 16 zeros (see `_ROW`); then columns: 48 bytes for each output, 16 for each input item, the
  outputs' paths, the inputs.
- `F`, files: body: their number, 48 bytes for each (signature, digest), their paths.
- `L`, a list of paths: head: `id`; body: the paths.
- `C`, digests of a list's files: head: `id`; body: the digests.
- `D`, the same as what differs from those of another `C`: head: `id`, `base`; body: the places that
  differ, 4 bytes each, and their digests.
- `N`, notes: head: `notes`, each as (kind, key, value).
- `X`, jobs to forget: body: their first outputs.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Generic, TypeVar, overload

from fileflow.errors import counted
from fileflow.garbage import no_collection
from fileflow.lean import NamedTuple, dataclass, names_of
from fileflow.model.digests import DIGEST_SIZE, differences
from fileflow.model.tokens import list_id, listed
from fileflow.signature import SIGNATURE
from fileflow.world.journal import Frame, Journal

_JOBS, _FILES, _LIST, _CONTENTS, _CHANGED, _NOTES, _FORGET = b"JFLCDNX"
_WORTH_SIZE = 1 << 20
_WORTH_FACTOR = 4  # rewritten if more than this times what is alive: 3 times as much is dead
_ROWS_A_FRAME = 50_000
_FEW = 32  # so many files are looked for in the text of all
_MOST_CHANGED = 64  # contents are stored by what differs if that is less than one in so many

_COUNT = struct.Struct("<Q")
_COUNTS = struct.Struct("<5Q")
# Four running ends (bytes of inputs, input items, bytes of outputs' paths, outputs), of which the
# row before gives the beginnings, stand at the end of each row; before them recipe, started,
# seconds, cpu, memory, log_offset, log_length.
_ENDS = struct.Struct("<4I")
_ROW = struct.Struct("<16s3d3q4I")
_LAST_END = struct.Struct(f"<{_ROW.size - 4}xI")
_PLACE = 4
_CHANGE = _PLACE + DIGEST_SIZE
_PAIR = struct.Struct(f"<{SIGNATURE.size}s{DIGEST_SIZE}s")

K = TypeVar("K")
V = TypeVar("V")
P = TypeVar("P")
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class RecordHead:
    """What many jobs share: those that one slot finished of one rule in one run.

    Args:
        rule, kind: the rule's name and the kind of its action.
        input_names, output_names: the names of input items and outputs; empty text for no name.
        run: the run's name.
        log: the slot's log file, relative to the project or to the state folder.
        facts: what `why` shows (versions, host, action, params …), plain JSON.
        algorithm: of the digests of file contents.
    """

    rule: str
    kind: str
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    run: str
    log: str
    facts: dict[str, object]
    algorithm: str


_HEAD_FIELDS = names_of(RecordHead)


class Record(NamedTuple):
    """What one finished job was made from.

    Args:
        head: what it shares with others.
        recipe: 16 bytes: digest of action, params, config values and the basis of the seed.
        inputs: a token for each input item: a path; empty for an optional one that is absent;
            a mark and 32 hex digits for a stored list.
        digests: 16 bytes for each item: of the content; of a list the id of its stored contents;
            zeros where there is none.
        outputs: final paths, at least one.
        made: 48 bytes for each output: signature, digest.
        started: seconds since the epoch; seconds: wall time; cpu: seconds; memory: peak, bytes.
        log_offset, log_length: where in `head.log` its output stands.
    """

    head: RecordHead
    recipe: bytes
    inputs: tuple[str, ...]
    digests: bytes
    outputs: tuple[str, ...]
    made: bytes
    started: float
    seconds: float
    cpu: float
    memory: int
    log_offset: int
    log_length: int


def contents_id(digests: bytes) -> bytes:
    """The id under which the digests of a list's files are stored."""
    return blake2b(digests, digest_size=DIGEST_SIZE).digest()


class Lazy(Mapping[K, V], Generic[K, V, P]):
    """A dictionary whose values are read, each time, from the place where they lie."""

    __slots__ = ("_read", "places")

    def __init__(self, read: Callable[[K, P], V]) -> None:
        self.places: dict[K, P] = {}
        self._read = read

    def __getitem__(self, key: K) -> V:
        return self._read(key, self.places[key])

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, /, default: V | D) -> V | D: ...
    def get(self, key: K, /, default: V | D | None = None) -> V | D | None:
        """The value, or the default for a key that is not there."""
        place = self.places.get(key)
        return default if place is None else self._read(key, place)

    def __contains__(self, key: object) -> bool:
        return key in self.places

    def __iter__(self) -> Iterator[K]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


class _Column(NamedTuple):
    """A column of paths, and where the pair of its first one lies."""

    begin: int
    end: int
    pairs: int


class _Files(Mapping[str, tuple[bytes, bytes]]):
    """(signature, digest) of files by path, read from the journal's bytes, as `Lazy`.

    A few paths are looked for in the text of all; a dictionary of all is made for who wants many.
    """

    __slots__ = ("_asked", "_columns", "_data", "_places")

    def __init__(self, data: Callable[[], bytearray]) -> None:
        self._data = data
        self.clear()

    def clear(self) -> None:
        """Nothing is known any more."""
        self._columns: list[_Column] = []
        self._places: dict[str, int] | None = None
        self._asked = 0

    def add(self, column: _Column) -> None:
        """Takes in files; what was known of one before counts no more."""
        if self._places is None:
            self._columns.append(column)
        else:
            self._put(self._places, column)

    def forget(self, path: str) -> None:
        """Nothing is known of this file any more."""
        self.places.pop(path, None)

    @property
    def places(self) -> dict[str, int]:
        """Where the pair of each file lies."""
        if self._places is None:
            self._places = {}
            for column in self._columns:
                self._put(self._places, column)
            self._columns = []
        return self._places

    def _put(self, places: dict[str, int], column: _Column) -> None:
        names = _split(self._data(), column.begin, column.end)
        end = column.pairs + len(names) * _PAIR.size
        places.update(zip(names, range(column.pairs, end, _PAIR.size), strict=True))

    def many(self, paths: Iterable[str]) -> list[tuple[bytes, bytes] | None]:
        """What is known of each of these files, None for one of which nothing is."""
        data = self._data()
        unpack = _PAIR.unpack_from
        places = map(self.places.get, paths)
        return [None if at is None else unpack(data, at) for at in places]

    def __getitem__(self, path: str) -> tuple[bytes, bytes]:
        pair = self.get(path)
        if pair is None:
            raise KeyError(path)
        return pair

    @overload
    def get(self, path: str, /) -> tuple[bytes, bytes] | None: ...
    @overload
    def get(self, path: str, /, default: D) -> tuple[bytes, bytes] | D: ...
    def get(self, path: str, /, default: D | None = None) -> tuple[bytes, bytes] | D | None:
        """What is known of a file, or the default."""
        if self._places is None and self._asked < _FEW:
            self._asked += 1
            at = self._find(path)
        else:
            at = self.places.get(path)
        if at is None:
            return default
        pair: tuple[bytes, bytes] = _PAIR.unpack_from(self._data(), at)
        return pair

    def _find(self, path: str) -> int | None:
        data = self._data()
        try:
            text = _bytes(path) + b"\0"
        except UnicodeEncodeError:  # no file is called so
            return None
        if "\0" in path:
            return None
        for begin, end, pairs in reversed(self._columns):
            at = data.rfind(b"\0" + text, begin, end)  # the last one of this name counts
            if at >= 0:
                return pairs + data.count(b"\0", begin, at + 1) * _PAIR.size
            if data.startswith(text, begin, end):
                return pairs
        return None

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


class _Referred(NamedTuple):
    """What living records and notes refer to."""

    lists: set[bytes]
    contents: set[bytes]
    paths: set[str]
    logs: set[str]


class _Block(NamedTuple):
    """Where the columns of a frame of jobs begin."""

    head: RecordHead
    rows: int
    made: int
    digests: int
    names: int
    inputs: int
    end: int


@dataclass(slots=True)
class _Written:
    """How much of one kind was ever appended: entries and bytes."""

    entries: int = 0
    size: int = 0

    def living(self, alive: int) -> int:
        """The bytes that so many entries take, on average."""
        return self.size * min(alive, self.entries) // self.entries if self.entries else 0


class Records:
    """What is known of a project, by path; see `load`.

    Attributes:
        jobs: records by each job's first output.
        files: (signature, digest) of every source and output known, by path.
        lists, contents: stored lists of paths and of digests (16 bytes each), by id.
        notes: small facts by (kind, key).
        damaged: how many places of the journal are unreadable.
        warnings: what the user should be told of the journal as it was loaded.
    """

    def __init__(self, journal: Journal) -> None:
        """Takes in what the journal holds; made by `load`."""
        self.jobs: Lazy[str, Record, int] = Lazy(self._record)
        self.files = _Files(lambda: journal.data)
        self.lists: Lazy[bytes, tuple[str, ...], tuple[int, int]] = Lazy(self._list)
        self.contents: Lazy[bytes, bytes, tuple[int, int, bytes]] = Lazy(self._digests)
        self.notes: dict[tuple[str, str], object] = {}
        self._journal = journal
        self._heads: dict[bytes, RecordHead] = {}
        self._blocks: list[_Block] = []
        self._starts: list[int] = []  # of the blocks' rows
        self._bases: dict[int, bytes] = {}  # the last contents that are stored whole, by size
        self._owner: dict[str, str] | None = None
        self._written: dict[int, _Written] = {}
        self._take_in_all()
        self.warnings = list(self._complaints())

    @classmethod
    def load(cls, folder: str, *, writable: bool) -> Records:
        """Reads what the state folder holds; a folder that is not there holds nothing.

        Args:
            folder: the state folder.
            writable: whether something will be added (the folder is made, nothing else changes
                before that); without it no byte ever changes.

        Raises:
            FileflowError: if the state cannot be read (or written), or is of a newer fileflow.
        """
        if writable:
            with contextlib.suppress(OSError):  # the journal will say what is wrong
                os.makedirs(folder, exist_ok=True)
        return cls(Journal(folder, writable=writable))

    @property
    def owner(self) -> Mapping[str, str]:
        """The first output of the job that made a path, for jobs with more than one output."""
        if self._owner is None:
            self._owner = {
                name: key
                for block in self._blocks
                for key in self._keys_with_more(block)
                for name in self.jobs[key].outputs[1:]
            }
        return self._owner

    def add_jobs(self, head: RecordHead, rows: Sequence[Record]) -> None:
        """Remembers finished jobs (and their outputs as files); `head` counts, not the rows'.

        Raises:
            FileflowError: if it cannot be written; then nothing of it is known.
        """
        if rows:
            self._add(_JOBS, _head_text(head), _jobs_body(rows))

    def add_files(self, rows: Sequence[tuple[str, bytes, bytes]]) -> None:
        """Remembers (path, signature, digest) of files."""
        if rows:
            self._add(_FILES, b"{}", _files_body(rows))

    def add_list(self, paths: Sequence[str]) -> bytes:
        """Stores a list of paths, if it is not stored yet, and gives its id."""
        ident = list_id(paths)
        if ident not in self.lists:
            self._add(_LIST, _json({"id": ident.hex()}), _texts(paths))
        return ident

    def add_contents(self, digests: bytes) -> bytes:
        """Stores the digests of a list's files, if they are not stored yet, and gives their id."""
        ident = contents_id(digests)
        if ident in self.contents:
            return ident
        base = self._bases.get(len(digests))
        changes = _changes(self.contents[base], digests) if base is not None else None
        if base is None or changes is None:
            self._add(_CONTENTS, _json({"id": ident.hex()}), digests)
        else:
            self._add(_CHANGED, _json({"id": ident.hex(), "base": base.hex()}), changes)
        return ident

    def note(self, kind: str, key: str, value: object) -> None:
        """Remembers a small fact (plain JSON); None forgets it."""
        self._add(_NOTES, _json({"notes": [(kind, key, value)]}))

    def note_all(self, notes: Sequence[tuple[str, str, object]]) -> None:
        """Remembers many small facts at once, each as (kind, key, value)."""
        for start in range(0, len(notes), _ROWS_A_FRAME):
            self._add(_NOTES, _json({"notes": notes[start : start + _ROWS_A_FRAME]}))

    def forget(self, first_outputs: Sequence[str]) -> None:
        """Forgets these jobs and what is known of their outputs."""
        if first_outputs:
            self._add(_FORGET, b"{}", _texts(first_outputs))

    def close(self) -> None:
        """Lets go of the journal; what is known stays readable."""
        self._journal.close()

    def check(self) -> None:
        """Makes sure that what was recorded is still there.

        Raises:
            FileflowError: if the journal was removed or replaced.
        """
        self._journal.check()

    def compact_if_worth(self) -> None:
        """Rewrites the journal if most of it is dead, or part of it damaged.

        Lists, contents and files that no job refers to go, and log files that no record and no
        note refers to. Not while jobs run: their logs are not referred to yet.

        Raises:
            FileflowError: if the new one cannot be written; the old one stays.
        """
        if not self._journal.writable or not (self.damaged or self._is_mostly_dead()):
            return
        referred = self._referred()
        self._journal.rewrite(self._living_frames(referred))
        self._take_in_all()
        _remove_logs(os.path.dirname(self._journal.path), referred.logs)

    def seconds(self, first_output: str) -> float | None:
        """How long the job took whose first output this is; None if it has no record."""
        place = self.jobs.places.get(first_output)
        if place is None:
            return None
        found: float = _ROW.unpack_from(self._journal.data, place)[2]
        return found

    def made(self, first_output: str) -> tuple[tuple[str, ...], bytes] | None:
        """The outputs of the job and 48 bytes of each; None without a record.

        As a record has them, at a third of its cost.
        """
        at = self.jobs.places.get(first_output)
        if at is None:
            return None
        data = self._journal.data
        block = self._block(at)
        _, _, *begin = _ENDS.unpack_from(data, at - _ENDS.size)
        _, _, *end = _ENDS.unpack_from(data, at + _ROW.size - _ENDS.size)
        return self._made(first_output, block, *begin, *end)

    # Reading values from their places.

    def _list(self, _: bytes, place: tuple[int, int]) -> tuple[str, ...]:
        return tuple(_split(self._journal.data, *place))

    def _digests(self, _: bytes, place: tuple[int, int, bytes]) -> bytes:
        begin, end, base = place
        data = bytes(self._journal.data[begin:end])
        return _changed(self.contents[base], data) if base else data

    def _record(self, key: str, at: int) -> Record:
        block = self._block(at)
        data = self._journal.data
        input_at, item, name_at, output = _ENDS.unpack_from(data, at - _ENDS.size)
        recipe, *facts, input_end, item_end, name_end, output_end = _ROW.unpack_from(data, at)
        digests = block.digests
        return Record(
            block.head,
            recipe,
            tuple(_split(data, block.inputs + input_at, block.inputs + input_end)),
            bytes(data[digests + item * DIGEST_SIZE : digests + item_end * DIGEST_SIZE]),
            *self._made(key, block, name_at, output, name_end, output_end),
            *facts,
        )

    def _made(
        self, key: str, block: _Block, name: int, output: int, name_end: int, output_end: int
    ) -> tuple[tuple[str, ...], bytes]:
        """The outputs of a job, and 48 bytes of each, from where they stand in its block."""
        data = self._journal.data
        names = (
            (key,)
            if output_end - output == 1
            else tuple(_split(data, block.names + name, block.names + name_end))
        )
        made = block.made
        return names, bytes(data[made + output * _PAIR.size : made + output_end * _PAIR.size])

    # Taking in frames.

    def _take_in_all(self) -> None:
        for known in (self.jobs, self.lists, self.contents):
            known.places.clear()
        self.files.clear()
        self.notes.clear()
        self._heads.clear()
        self._bases.clear()
        self._blocks.clear()
        self._starts.clear()
        self._owner = None
        self._written = {kind: _Written() for kind in b"JFNLCD"}
        reading = self._journal.reading
        self.damaged = reading.damaged
        with no_collection():
            for frame in reading.frames:
                try:
                    self._take_in(frame)
                except (ValueError, KeyError, TypeError, IndexError, struct.error):
                    self.damaged += 1

    def _complaints(self) -> Iterator[str]:
        name = self._journal.name
        if self._journal.unknown:
            yield (
                f"{name} cannot be read ({self._journal.unknown}): nothing is known of earlier"
                " runs; it is kept under another name when the new one is begun"
            )
        if self.damaged:
            places = counted(self.damaged, "place")
            yield f"{name} is damaged in {places}: the jobs recorded there run again"
        # Only who may write knows that nobody else is in the middle of writing.
        if self._journal.writable and self._journal.reading.torn:
            yield f"{name} ends within a record, which counts as none: its job runs again"

    def _add(self, kind: int, head: bytes, body: bytes = b"") -> None:
        self._take_in(self._journal.append(kind, head, body))

    def _take_in(self, frame: Frame) -> None:
        entries = _TAKERS[frame.kind](self, frame)
        if frame.kind in self._written:
            written = self._written[frame.kind]
            written.entries += entries
            written.size += frame.end - frame.start

    def _take_jobs(self, frame: Frame) -> int:
        data = self._journal.data
        count: int
        count, outputs, items, name_size, input_size = _COUNTS.unpack_from(data, frame.body)
        rows = frame.body + _COUNTS.size + _ENDS.size
        made = rows + count * _ROW.size
        digests = made + outputs * _PAIR.size
        names_at = digests + items * DIGEST_SIZE
        inputs_at = names_at + name_size
        names = _split(data, names_at, inputs_at)
        if inputs_at + input_size != frame.end or len(names) != outputs:
            raise ValueError("columns of different lengths")
        keys = names
        if outputs != count:
            with memoryview(data) as view:
                ends = [end for (end,) in _LAST_END.iter_unpack(view[rows:made])]
            keys = [names[0], *(names[end] for end in ends[:-1])]
        head = self._head(bytes(data[frame.head : frame.body]))
        self._owner = None
        self._blocks.append(_Block(head, rows, made, digests, names_at, inputs_at, frame.end))
        self._starts.append(rows)
        self.jobs.places.update(zip(keys, range(rows, made, _ROW.size), strict=True))
        self.files.add(_Column(names_at, inputs_at, made))
        return count

    def _head(self, text: bytes) -> RecordHead:
        head = self._heads.get(text)
        if head is None:
            facts = json.loads(text)
            for name in ("input_names", "output_names"):
                facts[name] = tuple(facts[name])
            head = self._heads[text] = RecordHead(**facts)
        return head

    def _take_files(self, frame: Frame) -> int:
        data = self._journal.data
        count: int
        (count,) = _COUNT.unpack_from(data, frame.body)
        pairs = frame.body + _COUNT.size
        names_at = pairs + count * _PAIR.size
        if data.count(b"\0", names_at, frame.end) != count:
            raise ValueError("columns of different lengths")
        self.files.add(_Column(names_at, frame.end, pairs))
        return count

    def _take_list(self, frame: Frame) -> int:
        self.lists.places[self._ident(frame)] = frame.body, frame.end
        return 1

    def _take_contents(self, frame: Frame) -> int:
        ident = self._ident(frame)
        self.contents.places[ident] = frame.body, frame.end, b""
        self._bases[frame.end - frame.body] = ident
        return 1

    def _take_changed(self, frame: Frame) -> int:
        base = self._ident(frame, "base")
        if base not in self.contents or (frame.end - frame.body) % _CHANGE:
            raise ValueError("changes of what is not known")
        self.contents.places[self._ident(frame)] = frame.body, frame.end, base
        return 1

    def _ident(self, frame: Frame, name: str = "id") -> bytes:
        return bytes.fromhex(json.loads(self._journal.data[frame.head : frame.body])[name])

    def _take_notes(self, frame: Frame) -> int:
        rows = json.loads(self._journal.data[frame.head : frame.body])["notes"]
        for kind, key, value in rows:
            if value is None:
                self.notes.pop((kind, key), None)
            else:
                self.notes[kind, key] = value
        return len(rows)

    def _take_forgotten(self, frame: Frame) -> int:
        for key in _split(self._journal.data, frame.body, frame.end):
            record = self.jobs.get(key)
            for name in record.outputs if record else (key,):
                self.files.forget(name)
            self.jobs.places.pop(key, None)
        self._owner = None
        return 0

    # What is alive.

    def keys_of(self, rules: Collection[str]) -> Iterator[str]:
        """The first outputs of the jobs that are recorded as made by rules of these names."""
        data = self._journal.data
        for block in self._blocks:
            if block.head.rule not in rules:
                continue
            names = _split(data, block.names, block.inputs)
            begin = 0
            for row in range(block.rows, block.made, _ROW.size):
                if self.jobs.places.get(names[begin]) == row:
                    yield names[begin]
                (begin,) = _LAST_END.unpack_from(data, row)

    def _keys_with_more(self, block: _Block) -> Iterator[str]:
        """The first output of each living job of this block, if it has jobs with more than one."""
        data = self._journal.data
        count = (block.made - block.rows) // _ROW.size
        if (block.digests - block.made) // _PAIR.size == count:
            return
        names = _split(data, block.names, block.inputs)
        begin = 0
        for row in range(block.rows, block.made, _ROW.size):
            (end,) = _LAST_END.unpack_from(data, row)
            if end - begin > 1 and self.jobs.places.get(names[begin]) == row:
                yield names[begin]
            begin = end

    def _is_mostly_dead(self) -> bool:
        size = len(self._journal.data)
        if size <= _WORTH_SIZE:
            return False
        written = self._written
        living = written[_JOBS].living(len(self.jobs)) + written[_NOTES].living(len(self.notes))
        if size <= _WORTH_FACTOR * living:  # mostly: then files need not be counted
            return False
        sources = len(self.files) - len(self.jobs) - len(self.owner)
        living += written[_FILES].living(max(0, sources))
        if size <= _WORTH_FACTOR * living:
            return False
        lists = sum(written[kind].size for kind in (_LIST, _CONTENTS, _CHANGED))
        if living < lists and size <= _WORTH_FACTOR * (living + lists):
            referred = self._referred()  # slow, so only where the stored lists decide
            for ident in referred.lists & self.lists.keys():
                begin, end = self.lists.places[ident]
                living += end - begin
            living += sum(len(self.contents.get(ident, b"")) for ident in referred.contents)
        return size > _WORTH_FACTOR * living

    def _referred(self) -> _Referred:
        found = _Referred(set(), set(), set(), set())
        for block in self._blocks:
            self._refer(block, found)
        for value in self.notes.values():
            found.logs.update(_texts_in(value))
        return found

    def _refer(self, block: _Block, found: _Referred) -> None:
        """Adds what the living jobs of a block refer to; by columns, a record each is too slow."""
        data = self._journal.data
        names = _split(data, block.names, block.inputs)
        tokens = _split(data, block.inputs, block.end)
        rows = zip(
            range(block.rows, block.made, _ROW.size),
            _ROW.iter_unpack(data[block.rows : block.made]),
            strict=True,
        )
        name = item = 0
        for place, (*_, log_length, _, item_end, _, name_end) in rows:
            if self.jobs.places.get(names[name]) == place:
                found.paths.update(names[name:name_end])
                if log_length:
                    found.logs.add(block.head.log)
                for position in range(item, item_end):
                    ident = listed(tokens[position])
                    if ident is None:
                        found.paths.add(tokens[position])
                        continue
                    begin = block.digests + position * DIGEST_SIZE
                    found.contents.add(bytes(data[begin : begin + DIGEST_SIZE]))
                    if ident not in found.lists:
                        found.lists.add(ident)
                        found.paths.update(self.lists.get(ident, ()))
            name, item = name_end, item_end

    def _living_frames(self, referred: _Referred) -> Iterator[tuple[int, bytes, bytes]]:
        of_head: dict[int, list[str]] = {}
        for key, at in self.jobs.places.items():
            of_head.setdefault(id(self._block(at).head), []).append(key)
        for keys in of_head.values():
            head = _head_text(self.jobs[keys[0]].head)
            for begin in range(0, len(keys), _ROWS_A_FRAME):
                rows = [self.jobs[key] for key in keys[begin : begin + _ROWS_A_FRAME]]
                yield _JOBS, head, _jobs_body(rows)
        # Outputs come back with their jobs, unless they were looked at since.
        paths = [
            path
            for path, at in self.files.places.items()
            if path in referred.paths and not self._is_of_a_job(at)
        ]
        for begin in range(0, len(paths), _ROWS_A_FRAME):
            files = [(path, *self.files[path]) for path in paths[begin : begin + _ROWS_A_FRAME]]
            yield _FILES, b"{}", _files_body(files)
        for ident in self.lists.keys() & referred.lists:
            begin, end = self.lists.places[ident]
            yield _LIST, _json({"id": ident.hex()}), bytes(self._journal.data[begin:end])
        for ident in self.contents.keys() & referred.contents:
            yield _CONTENTS, _json({"id": ident.hex()}), self.contents[ident]
        if self.notes:
            yield (
                _NOTES,
                _json({"notes": [(*key, value) for key, value in self.notes.items()]}),
                b"",
            )

    def _block(self, at: int) -> _Block:
        return self._blocks[bisect_right(self._starts, at) - 1]

    def _is_of_a_job(self, at: int) -> bool:
        index = bisect_right(self._starts, at) - 1
        return index >= 0 and at < self._blocks[index].end


_TAKERS: dict[int, Callable[[Records, Frame], int]] = {
    _JOBS: Records._take_jobs,
    _FILES: Records._take_files,
    _LIST: Records._take_list,
    _CONTENTS: Records._take_contents,
    _CHANGED: Records._take_changed,
    _NOTES: Records._take_notes,
    _FORGET: Records._take_forgotten,
}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _head_text(head: RecordHead) -> bytes:
    return _json({name: getattr(head, name) for name in _HEAD_FIELDS})


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _texts(texts: Sequence[str]) -> bytes:
    """Texts as a column: each ends with a NUL."""
    return _bytes("\0".join(texts) + "\0") if texts else b""


def _split(data: bytearray, begin: int, end: int) -> list[str]:
    """The texts of a column, or of a part of it."""
    if begin == end:
        return []
    return data[begin : end - 1].decode("utf-8", "surrogateescape").split("\0")


def _jobs_body(rows: Sequence[Record]) -> bytes:
    # By columns, not by rows: this is done for every job of a run.
    _, recipes, inputs, digests, outputs, made, *facts = zip(*rows, strict=True)
    if () in outputs:
        raise ValueError("bug: a record without an output")
    input_column, input_ends = _column(inputs)
    name_column, name_ends = _column(outputs)
    item_ends = list(accumulate(map(len, inputs)))
    output_ends = list(accumulate(map(len, outputs)))
    table = map(_ROW.pack, recipes, *facts, input_ends, item_ends, name_ends, output_ends)
    body = b"".join(
        (
            _COUNTS.pack(
                len(rows), output_ends[-1], item_ends[-1], len(name_column), len(input_column)
            ),
            bytes(_ENDS.size),
            *table,
            *made,
            *digests,
            name_column,
            input_column,
        )
    )
    size = _COUNTS.size + _ENDS.size + len(rows) * _ROW.size + len(name_column) + len(input_column)
    if len(body) != size + output_ends[-1] * _PAIR.size + item_ends[-1] * DIGEST_SIZE:
        raise ValueError("bug: a record has not one digest for each of its inputs and outputs")
    return body


def _column(rows: Iterable[tuple[str, ...]]) -> tuple[bytes, Iterable[int]]:
    """The texts of all rows as one column, and where those of each row end."""
    texts = ["\0".join((*row, "")) for row in rows]
    column = _bytes("".join(texts))
    sizes = map(len, texts) if column.isascii() else [len(_bytes(text)) for text in texts]
    return column, accumulate(sizes)


def _changes(before: bytes, now: bytes) -> bytes | None:
    """What differs in digests of as many files; None if it is not few."""
    places: list[int] = []
    digests: list[bytes] = []
    most = len(now) // DIGEST_SIZE // _MOST_CHANGED
    for place, digest, _ in differences(now, before):
        places.append(place)
        digests.append(digest)
        if len(places) > most:
            return None
    return struct.pack(f"<{len(places)}I", *places) + b"".join(digests)


def _changed(before: bytes, changes: bytes) -> bytes:
    """The digests that differ so from others."""
    now = bytearray(before)
    count = len(changes) // _CHANGE
    at = _PLACE * count
    for place in struct.unpack_from(f"<{count}I", changes):
        now[DIGEST_SIZE * place : DIGEST_SIZE * (place + 1)] = changes[at : at + DIGEST_SIZE]
        at += DIGEST_SIZE
    return bytes(now)


def _files_body(rows: Sequence[tuple[str, bytes, bytes]]) -> bytes:
    paths = _texts([path for path, _, _ in rows])
    pairs = b"".join([sign + digest for _, sign, digest in rows])
    return _COUNT.pack(len(rows)) + pairs + paths


def _texts_in(value: object) -> Iterator[str]:
    """All texts somewhere in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(part)


def _remove_logs(folder: str, wanted: Iterable[str]) -> None:
    """Removes the files `logs/<run>/<file>` that no text names, and the folders left empty."""
    keep = {text[text.rfind("logs/") :] for text in wanted if "logs/" in text}
    logs = os.path.join(folder, "logs")
    with contextlib.suppress(OSError):
        for run in os.listdir(logs):
            with contextlib.suppress(OSError):
                for name in os.listdir(os.path.join(logs, run)):
                    if f"logs/{run}/{name}" not in keep:
                        os.unlink(os.path.join(logs, run, name))
                os.rmdir(os.path.join(logs, run))
