"""The holes through which the world enters: what the floors above and below agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fileflow.lean import NamedTuple, dataclass

if TYPE_CHECKING:
    from fileflow.model.work import Batch, Event


class Listing(NamedTuple):
    """The names in a folder, links followed; one of which nobody can tell what it is stands in
    both. `links` are those that lead to files."""

    files: list[str]
    folders: list[str]
    links: list[str]


class Disk(Protocol):
    """What the language asks of the disk; paths are relative to the Workflowfile's folder.

    A body of this protocol remembers what was read and listed: that is what shaped the plan.
    """

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or None if there is none."""

    def listing(self, folder: str) -> Listing:
        """The names in a folder (`""` is the Workflowfile's); none in one that is not there.

        Links that lead to no file are remembered each: the folder does not tell when they do.

        Raises:
            FileflowError: it cannot be read.
        """

    def exists(self, path: str) -> bool:
        """Whether there is anything at this path, a broken link not counted."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function.

    `kind` is what `inspect` calls it, in small letters; `annotation` its text, a quoted one without
    quotes, None where there is none.
    """

    name: str
    kind: str
    has_default: bool
    annotation: str | None


class Runner(Protocol):
    """An executor: runs batches of jobs in its slots and gives back what became of them.

    Knows nothing of graphs, records, retries or modes. A slot does one job after the other; a
    second batch may wait in it, so that it never idles.
    """

    def submit(self, slot: int, batch: Batch) -> None:
        """Hands a batch to slot number `slot` (from 0), which is started if it is not there."""

    def wait(self, seconds: float | None) -> list[Event]:
        """What has happened since the last call; waits at most `seconds` for the first of it."""

    def stop(self, slot: int, *, kill: bool) -> None:
        """Ends the job that the slot runs, with its whole process tree: TERM, or KILL at once."""

    def close(self) -> None:
        """Ends all slots; nothing of theirs is left running."""
