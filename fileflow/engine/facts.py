"""What planning asks of the world, answered from the records and the disk.

Runs in the Workflowfile's folder: paths are relative to it. A look at a file is shared by all who
ask within one command; what was made during a run is told by the loop and not looked at again.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import repeat
from typing import TYPE_CHECKING, Any, cast

from fileflow.engine.since import FEW, Since, signatures_in, since_last_run
from fileflow.errors import FileflowError
from fileflow.model.digests import DIGEST_SIZE, NO_DIGEST
from fileflow.model.tokens import listed
from fileflow.planning.named import NAME
from fileflow.planning.staleness import places_among
from fileflow.signature import NOTHING, SIGNATURE
from fileflow.world import files
from fileflow.world.records import Record, contents_id

if TYPE_CHECKING:
    from fileflow.world.records import Records


_UNKNOWN = object()  # beside None, which is the signature of nothing

# The kind of a note on what a job wrote to a log that others take.
WROTE = "wrote"

# So many paths are worth a look at their folder instead of one at each of them.
MANY = 64


class World:
    """Records and disk behind one door; a body of `Looks` and of `Facts`.

    `refreshed` collects files whose bytes were read because their signature had changed, and were
    found to be the same or are sources: the loop stores them, so that the next run need not.
    """

    def __init__(self, records: Records, journal: bytes | None = None) -> None:
        """`journal`: the signature of the journal before the records were read from it."""
        self.records = records
        self.journal = journal
        self.folders = files.Folders()
        self.refreshed: dict[str, tuple[bytes, bytes]] = {}
        # Files found to hold other bytes than they did earlier in the run ("" stands for any), and
        # how often one was.
        self.moved: set[str] = set()
        self.moves = 0
        # Whether jobs were to make anything since `other_names` was last asked, and what those
        # made that make folders.
        self.replaces = False
        self.made_folders: set[str] = set()
        self._signs: dict[str, bytes | None] = {}
        self._contents: dict[str, bytes | None] = {}
        self._assumed: dict[str, bytes | None] = {}
        self._remade: set[str] = set()
        # Of files that jobs were to replace: each by the signature that it had before. And files
        # that were found to have changed, with the signature that they had had.
        self._replaced: dict[bytes, str] = {}
        self._outgrown: dict[str, bytes | None] = {}
        self._ensured: dict[tuple[str, bytes | None], bool] = {}
        self._since: Since | None = None
        self._knows_since = False

    # -- since the last run -------------------------------------------------------------------

    @property
    def since(self) -> Since | None:
        """What the last run left, as far as anybody has asked for it."""
        return self._since

    def look_since(self) -> Since | None:
        """What is still as the last run left it: looks at all its files, once."""
        if not self._knows_since:
            self._knows_since = True
            self._since = since_last_run(self.journal)
        return self._since

    def look_at_no_others(self) -> None:
        """All is built again: what the last run left need not be looked at as a whole."""
        self._knows_since = True

    def proven(self, proofs: Sequence[bytes]) -> Sequence[bool]:
        """Which of these proved, when the last run ended, that jobs are fresh."""
        since = self.look_since()
        return [since is not None and proof in since.proofs for proof in proofs]

    def changed(self) -> AbstractSet[str]:
        """The files that are not as they were then, or may not be."""
        return self._since.changed if self._since is not None else frozenset()

    # -- Looks --------------------------------------------------------------------------------

    def signatures(self, paths: Sequence[str]) -> list[bytes | None]:
        """The signature of each path, None where there is no file or folder; looked at once."""
        if len(paths) <= FEW:
            return [self._signature(path) for path in paths]
        if self._since is not None:
            return self._signatures_since(paths, self._since)
        known = self._signs
        new = [path for path in paths if path not in known]
        if new:
            known.update(zip(new, _looked_at(new), strict=True))
        return list(map(known.__getitem__, paths))

    def _signature(self, path: str) -> bytes | None:
        known = self._signs
        if path not in known:
            sign = self._since.get(path) if self._since is not None else None
            if sign is None:
                (known[path],) = _looked_at((path,))
            else:
                known[path] = None if sign == NOTHING else sign
        return known[path]

    def _signatures_since(self, paths: Sequence[str], since: Since) -> list[bytes | None]:
        """The same, mostly from what the last run left: only what is newer is looked for."""
        known = self._signs
        column = self._column(paths)
        if column is not None:
            found: list[Any] = signatures_in(column[0])
            newer = column[1]
        else:
            found = list(map(since.signs.get, paths, repeat(_UNKNOWN)))
            newer = [
                place
                for place, (path, sign) in enumerate(zip(paths, found, strict=True))
                if sign is _UNKNOWN or path in known
            ]
        new = [path for place in newer if (path := paths[place]) not in known]
        known.update(zip(new, _looked_at(new), strict=True))
        for place in newer:
            found[place] = known[paths[place]]
        return found

    def _column(self, paths: Sequence[str]) -> tuple[bytes, Sequence[int]] | None:
        """The signatures of many files as the last run left them, and which may be others by now.

        None if that is not to be had in one piece.
        """
        since = self._since
        column = since.column(paths) if since is not None and len(paths) >= MANY else None
        if since is None or column is None:
            return None
        return column, places_among(paths, self._signs.keys() | since.changed)

    def lacking(self, paths: Sequence[str]) -> Sequence[str]:
        """Those of these paths at which there is neither a file nor a folder."""
        unsure = paths
        if len(paths) >= MANY:
            if self.look_since() is None:
                unsure = self.folders.not_plain(paths)
            else:
                column = self._column(paths)
                if column is not None and NOTHING not in column[0]:
                    unsure = [paths[place] for place in column[1]]
        return [
            path for path, sign in zip(unsure, self.signatures(unsure), strict=True) if sign is None
        ]

    def no_folders(self, paths: Sequence[str]) -> Sequence[str]:
        """Those of these paths at which there is a file."""
        return [path for path in paths if os.path.isfile(path)]

    def unfit_at(self, path: str) -> str:
        """What is at a path where a source is lacking, in words; none if nothing is."""
        if os.path.isfile(path):
            return "a file and no folder"
        if os.path.isdir(path) or not os.path.exists(path):
            return ""
        return f"{files.kind_of(os.stat(path).st_mode)}, and an input is a file or a folder"

    def has_record(self, path: str) -> bool:
        """Whether a job is known to have made this path."""
        return path in self.records.jobs or path in self.records.owner

    def is_earlier(self, path: str, run: str) -> bool:
        """Whether a job is known to have made this path before a run, as it did not in it."""
        records = self.records
        record = records.jobs.get(path if path in records.jobs else records.owner.get(path, ""))
        return record is not None and record.head.run != run

    def named_by(self, first_output: str) -> tuple[str, Sequence[str]] | None:
        """What the job with this first output was found to read when it was recorded."""
        record = self.records.jobs.get(first_output)
        if record is None or NAME not in record.head.input_names:
            return None
        token = record.inputs[-1]
        ident = listed(token)
        paths = self.records.lists.get(ident) if ident else None
        return None if paths is None else (token, paths)

    # -- Facts --------------------------------------------------------------------------------

    def record(self, first_output: str) -> Record | None:
        """The record of the job whose first output this is."""
        return self.records.jobs.get(first_output)

    def unrecorded(self, first_outputs: Sequence[str]) -> Sequence[int]:
        """The positions of those first outputs of which there is no record."""
        places = self.records.jobs.places
        if not places or places.keys().isdisjoint(first_outputs):
            return range(len(first_outputs))
        return [row for row, path in enumerate(first_outputs) if path not in places]

    def nothing_at(self, paths: Sequence[str]) -> bool:
        """Whether there is certainly nothing at any of these paths."""
        return len(paths) >= MANY and self.folders.nothing_at(paths)

    def stored_list(self, token: str) -> Sequence[str]:
        """The paths of a stored list, by its token; none if it is not known any more."""
        ident = listed(token)
        return (self.records.lists.get(ident) or ()) if ident else ()

    def stored_contents(self, ident: bytes) -> bytes:
        """The digests of a stored list's files."""
        return self.records.contents.get(ident) or b""

    def contents_id(self, digests: bytes) -> bytes:
        """The id under which these digests would be stored."""
        return contents_id(digests)

    def content(self, path: str) -> bytes | None:
        """The digest of what is at a path now, or what its absent maker is known to make."""
        if path in self._contents:
            return self._contents[path]
        sign = self._signature(path)
        known = self.records.files.get(path)
        if sign is None:
            found = known[1] if known is not None and not self._is_lost(path) else None
        elif known is not None and known[0] == sign:
            found = known[1]
        else:
            found = self._read(path, known)
        self._contents[path] = found
        return found

    def _is_lost(self, path: str) -> bool:
        """Whether a folder that a job made is as it left it, and this file is not there any more:
        then its maker is not known to make it."""
        at = path.rfind("/", 0, -1)
        while at > 0:
            folder = path[:at]
            known = self.records.files.get(folder)
            if known is not None and self.signatures((folder,))[0] is not None:
                return folder not in self._assumed and self.content(folder) == known[1]
            at = path.rfind("/", 0, at)
        return False

    def is_there(self, path: str) -> bool:
        """Whether what is at a path now is what `content` tells, or would be."""
        return path not in self._assumed and self._signature(path) is not None

    def contents(self, paths: Sequence[str]) -> list[bytes | None]:
        """The digests of what is at many paths."""
        known = self._contents
        new = [path for path in paths if path not in known]
        if new:
            signs = self.signatures(new)
            for path, sign, pair in zip(new, signs, self.records.files.many(new), strict=True):
                if pair is not None and pair[0] == sign:
                    known[path] = pair[1]
                else:
                    self.content(path)
        return list(map(known.__getitem__, paths))

    def known_content(self, path: str) -> bytes | None:
        """The digest of a path if it is known without reading: its signature is as recorded."""
        if path in self._contents:
            return self._contents[path]
        known = self.records.files.get(path)
        if known is not None and known[0] == self._signature(path):
            return known[1]
        return None

    def proof(self, path: str) -> tuple[bytes | None, bytes | None]:
        """The signature and digest of a path where its content is known, else nothing."""
        digest = self._contents.get(path)
        if digest is not None:
            return self._signature(path), digest
        known = self.records.files.get(path)
        if known is not None and path not in self._contents:
            sign = self._signature(path)
            if known[0] == sign:
                return known
        return None, None

    def proofs(self, paths: Sequence[str], before: bytes = b"") -> tuple[bytes, bytes]:
        """The same for many paths: their signatures and their digests, by columns, zeros for what
        is not known.

        `before`: their digests when the last run ended, if these are known.
        """
        contents = self._contents
        column = self._column(paths) if len(before) == DIGEST_SIZE * len(paths) else None
        if column is not None and NOTHING not in column[0] and NO_DIGEST not in before:
            signs = bytearray(column[0])
            digests = bytearray(before)
            asked = [*column[1], *places_among(paths, contents.keys())]
        else:
            found = self.signatures(paths)
            made = list(map(contents.get, paths))
            if None not in made and None not in found:  # as after a rule whose jobs all have run
                return files.column(found), b"".join(cast("list[bytes]", made))
            known = self.records.files.many(paths)
            signs = bytearray(files.column(found))
            digests = bytearray(b"".join([pair[1] if pair else NO_DIGEST for pair in known]))
            asked = [
                place
                for place, (path, sign, pair) in enumerate(zip(paths, found, known, strict=True))
                if pair is None or pair[0] != sign or path in contents
            ]
        for place in asked:
            sign, digest = self.proof(paths[place])
            size = SIGNATURE.size
            signs[size * place : size * (place + 1)] = sign or NOTHING
            size = DIGEST_SIZE
            digests[size * place : size * (place + 1)] = digest or NO_DIGEST
        return bytes(signs), bytes(digests)

    def _read(self, path: str, known: tuple[bytes, bytes] | None) -> bytes | None:
        try:
            found = files.steady_digest(path)
        except OSError as error:
            raise files.unreadable(path, error) from None
        if found is None:
            return None
        sign, digest = found
        self._signs[path] = sign
        self.refreshed[path] = (sign, digest)
        return digest

    def held(self, path: str) -> bytes | None:
        """The digest of what is at a path now, whatever is assumed of it."""
        if path not in self._assumed:
            return self.content(path)
        found = self._assumed[path]
        if found is None:
            assumed = self._contents.pop(path)
            try:
                found = self._assumed[path] = self.content(path)
            finally:
                self._contents[path] = assumed
        return found

    def written(self, log: str) -> bytes | None:
        """The digest of what the last job that ended well wrote to a log that others take."""
        note = self.records.notes.get((WROTE, log))
        with contextlib.suppress(TypeError, ValueError):
            return bytes.fromhex(note)  # type: ignore[arg-type]
        return None

    def ensured(self, path: str, non_empty: bool, sha256: str | None) -> bool:
        """Whether an output meets its `ensure`; one that cannot be read does not."""
        sign = self._signature(path)
        key = (f"{path}\0{non_empty}\0{sha256}", sign)
        if key not in self._ensured:
            try:
                self._ensured[key] = files.lack_of(path, non_empty, sha256) is None
            except OSError:
                self._ensured[key] = False
        return self._ensured[key]

    def now(self) -> float:
        """The time, in seconds since the epoch."""
        return time.time()

    def assume(self, path: str, digest: bytes) -> None:
        """From now on `content` of this path is this digest: its maker will bring it back."""
        self._assumed.setdefault(path, self._contents.get(path))
        self._contents[path] = digest

    def assume_nothing(self) -> None:
        """Forgets what was assumed: another plan is decided."""
        for path, before in self._assumed.items():
            if before is None:
                self._contents.pop(path, None)
            else:
                self._contents[path] = before
        self._assumed.clear()

    # -- what the loop tells ------------------------------------------------------------------

    def made(self, path: str, sign: bytes, digest: bytes) -> None:
        """A file was made, or read, during the run."""
        self._assumed.pop(path, None)
        self.refreshed.pop(path, None)
        if self._since is not None:
            self._since.changed.add(path)
        self._signs[path] = sign
        self._contents[path] = digest

    def will_replace(self, paths: Sequence[str], *, recorded: bool) -> None:
        """A job is about to make these files, which is `recorded` to have made them before."""
        signs = self._signs
        self.replaces = True
        for path in paths:
            sign = signs.get(path)
            if sign is None and recorded and path not in signs:
                try:
                    sign = self._signature(path)
                except FileflowError:  # the job will tell
                    continue
            if sign is not None:
                self._replaced[sign] = path

    def named_among(self, signs: Mapping[str, bytes | None]) -> dict[str, str]:
        """Those of these files that had the signature of another which a job was to replace; each
        with the other."""
        replaced = self._replaced
        found = {path: replaced[sign] for path, sign in signs.items() if sign in replaced}
        return {path: of for path, of in found.items() if path != of}

    def other_names(self, linked: Iterable[str]) -> dict[str, str]:
        """Files that were found to be others than before, as they are other names of what jobs
        have made since this was last asked; each with that, which is unknown of what is `linked`,
        and of links that led to nothing.

        They are looked at anew from now on.
        """
        replaced, self._replaced = self._replaced, {}
        outgrown, self._outgrown = self._outgrown, {}
        signs = self._signs
        self.replaces = False
        self.made_folders.clear()
        found = {path: replaced[sign] for path, sign in signs.items() if sign in replaced}
        if self._since is not None and replaced:
            named = self._since.named_by(replaced)
            found.update((path, replaced[sign]) for path, sign in named if path not in signs)
        lost = [path for path, sign in signs.items() if sign is None and os.path.islink(path)]
        for path in (*lost, *linked):
            found.setdefault(path, "")
        found = {path: of for path, of in found.items() if path != of and self._is_another(path)}
        for path, sign in outgrown.items():
            if sign in replaced:
                found[path] = replaced[sign]
        return found

    def outgrew(self, paths: Sequence[str]) -> dict[str, str]:
        """Those of these files that have changed by now as they are other names of what jobs were
        to replace, each with that; they are looked at anew from now on."""
        try:
            signs = dict(zip(paths, self.signatures(paths), strict=True))
        except FileflowError:  # who takes it tells
            return {}
        named = self.named_among(signs)
        found = {path: of for path, of in named.items() if self._is_another(path)}
        for path in found:
            self._outgrown[path] = signs[path]
            self.has_moved(path)
        return found

    def _is_another(self, path: str) -> bool:
        """Whether a file is not what it was when it was looked at; it is looked at anew."""
        try:
            before = self._signature(path)
            if _looked_at((path,)) == [before]:
                return False
        except FileflowError:  # who takes it tells
            return False
        self.forget(path)
        return True

    def learned(self, path: str, sign: bytes, digest: bytes) -> bool:
        """A job has read a file; True if that is news."""
        known = self.known_content(path)
        if known is not None and known != digest:
            self._outgrown[path] = self._signature(path)
            self.has_moved(path)
        self.made(path, sign, digest)
        return known != digest

    def has_moved(self, path: str) -> None:
        """A file that jobs may have taken holds something else now, or may."""
        self.moved.add(path)
        self.moves += 1

    def forget(self, path: str) -> None:
        """A file may have changed during the run: it is looked at anew."""
        if self._since is not None:
            self._since.lose(path)
        self._signs.pop(path, None)
        self._contents.pop(path, None)

    def made_folder(self, folder: str, known: Iterable[str]) -> None:
        """A folder was made anew: so is all below it; `known` are paths that may be.

        What else is known of it is forgotten before the next plan.
        """
        head = folder.rstrip("/") + "/"
        for path in known:
            if path.startswith(head):
                self.forget(path)
        self._remade.add(folder.rstrip("/"))

    def forget_below_made(self) -> None:
        """Looks anew at what lies below folders that were made during the run."""
        if not self._remade:
            return
        before = self._since.signs if self._since is not None else ()
        for path in dict.fromkeys((*self._signs, *self._contents, *before)):
            above = path
            while (slash := above.rfind("/")) > 0:
                above = above[:slash]
                if above in self._remade:
                    self.forget(path)
                    break
        self._remade.clear()

    def gone(self, path: str) -> None:
        """A file was deleted during the run; what it held stays known."""
        if self._since is not None:
            self._since.changed.add(path)
        self._signs[path] = None

    def looked(self) -> Mapping[str, bytes | None]:
        """Every path that was looked at, with its signature."""
        return self._signs

    def forget_looks(self) -> None:
        """Looks anew at everything from now on: something has changed under the run."""
        self.has_moved("")
        self.folders.clear()
        self._since, self._knows_since = None, True
        self._signs.clear()
        self._contents.clear()


def _looked_at(paths: Sequence[str]) -> list[bytes | None]:
    try:
        return files.signatures(paths)
    except OSError as error:
        raise files.unreadable(paths[0], error) from None
