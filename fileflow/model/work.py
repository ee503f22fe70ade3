"""What crosses to a slot and back: plain data only (text, bytes, numbers, lists, tuples).

No closure, no workflow, nothing of the user's: an import path or a command, paths, values, a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from fileflow.lean import dataclass, field

# The module that runs a notebook; its words are the notebook and where the executed copy is kept.
NOTEBOOKS = "fileflow.world.notebooks"
# In words of a command this text stands for the folder in which the slot stages outputs, so that
# a command can be filled in before it is known which slot runs it. It is no text that people write.
STAGE = "\x01stage\x01"


Scattered = tuple[
    int,
    tuple[str, ...],
    tuple[str, ...],
    tuple[tuple[str, tuple[str, ...]], ...],
    tuple[str, ...] | None,
    tuple[tuple[str, ...], tuple[tuple[str, ...], ...]],
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What all jobs of one rule share; sent to a slot once, before the rule's first batch.

    Args:
        key: the number by which batches name it.
        rule: the rule's name, for messages.
        kind: `run` (a function); `python` (a script that the slot itself runs, its words are the
            path and the arguments); `argv`, `shell` or `script` (commands, all with words).
        module, function: the import path of a `run` action.
        parameters: how each parameter of the function is bound, as (parameter, source, detail):
            `("x", "value", k)` the k-th of the job's values; `("x", "input", k)` the k-th of the
            job's input items, as a Path or a list of them; `("x", "output", k)` likewise of its
            outputs, staged; `("input", "inputs", taken)` several of the input items as one object
            (taken is a tuple of (name or None, k): with names an object with attributes, without
            a list of all paths); `("output", "outputs", taken)` likewise; `("x", "path", k)` the
            k-th value as a Path, a list of them, or an object with attributes (False: the
            parameter keeps its default);
            `("x", "optional", k)` the only item of the k-th value (an empty list: the default);
            `("rng", "rng", "numpy" | "random")`;
            `("config", "config", config)`, of which each job gets a copy of its own;
            `("seed", "seed", None)`; `("log", "log", None)`, or `("log", "logs", items)` where
            the job has log files of its own (items: (name or None, positions or one position)).
        environ: environment variables of the action (added to what is there).
        seeded: whether the job's seed counts (global generators are seeded from it).
        cores: how many threads BLAS and OpenMP may use.
        directories, protected: for each output, whether it is a directory / made read-only.
        ensure: for each output (non_empty, sha256 hex or None).
        in_place: for each output whether it is made under its own name; `keep` whether what is
            there is left for the next attempt.
        private: whether the action runs in a folder of its own.
        envvars: variables whose values are shown nowhere.
        output_names: the name of each output item, None without; only where outputs are scattered.
        deps: which outputs name files that the action was found to read (positions).
        suspected: whether jobs beside each other were found to draw from a global generator, and
            it is to be said if a job of this rule does.
        algorithm: by which the project's contents are digested; empty: as the process does it.
    """

    key: int
    rule: str
    kind: str
    module: str = ""
    function: str = ""
    parameters: tuple[tuple[str, str, object], ...] = ()
    environ: tuple[tuple[str, str], ...] = ()
    seeded: bool = True
    cores: int = 1
    directories: tuple[bool, ...] = ()
    protected: tuple[bool, ...] = ()
    ensure: tuple[tuple[bool, str | None], ...] = ()
    in_place: tuple[bool, ...] = ()
    keep: tuple[bool, ...] = ()
    private: bool = False
    envvars: tuple[str, ...] = ()
    output_names: tuple[str | None, ...] = ()
    deps: tuple[int, ...] = ()
    suspected: bool = False
    algorithm: str = ""


@dataclass(slots=True)
class Order:
    """One job for a slot.

    Args:
        index: the job's number in this run.
        attempt: from 1.
        items: the input items as the action gets them: a path, None, a list of paths, or an int
            that names a shared list sent before (`Batch.lists`).
        checks: the input files to prove unchanged: (path, signature or None, digest or None); a
            file without them is digested before the job starts. An int names a shared list.
        outputs: final paths, one for each output of the rule.
        output_items: how the outputs group into what the action gets: an int (position in
            `outputs`) or a list of them.
        words: the words of a command (with STAGE), empty for a function.
        values: plain values for the parameters of a function.
        seed: 128 bits.
        extra_env: variables of this job alone.
        logs: log files that the action writes itself, under their final names.
        files: files to write before the job starts: (path below the stage, text).
        scatter: the scattered outputs, each as (position in `outputs`, literal parts and names of
            the pattern that its files fit, (name, regular expressions) of its constraints, the
            files that must be there or None if the job decides, names of which it does not decide,
            with the rows of their values: each must be there, and no other).
        looks: files that the job may be found to read, with what is known of them: (path,
            signature or None, digest or None); only where outputs are `deps`.
    """

    index: int
    attempt: int
    items: Sequence[str | list[str] | int | None]
    checks: Sequence[tuple[str, bytes | None, bytes | None] | int]
    outputs: Sequence[str]
    output_items: Sequence[int | list[int]]
    words: Sequence[str] = ()
    values: Sequence[object] = ()
    seed: int = 0
    extra_env: Sequence[tuple[str, str]] = ()
    logs: Sequence[str] = ()
    files: Sequence[tuple[str, str]] = ()
    scatter: Sequence[Scattered] = ()
    looks: Sequence[tuple[str, bytes | None, bytes | None]] = ()


# A list of inputs that jobs share, by columns: the paths, and of each 32 bytes of signature and 16
# of digest, zeros where they are not known.
SharedList = tuple[list[str], bytes, bytes]


@dataclass(slots=True)
class Batch:
    """Jobs of one rule for one slot, done one after the other.

    `lists` brings shared lists of inputs that its jobs name, by number; each is sent to a slot
    once. With `halts` a job that does not end well is the last one that the slot begins, of this
    batch and of those that wait behind it: the others are `LEFT`. It begins again with a batch
    whose sender knows of it: `seen` is of how many such jobs of the slot he knows.
    """

    work: Work
    orders: list[Order]
    lists: dict[int, SharedList] = field(default_factory=dict)
    halts: bool = False
    seen: int = 0


class End(str, Enum):
    """How a job ended."""

    DONE = "done"
    FAILED = "failed"
    MISSING = "missing"
    CHANGED = "changed"
    UNREAD = "unread"
    STOPPED = "stopped"
    DRAWS = "draws"
    LEFT = "left"


@dataclass(slots=True)
class Outcome:
    """What became of one job: plain facts, taken by the slot.

    Args:
        index: as in the order.
        end: DONE: outputs are published; FAILED: the action failed; MISSING: it did not make its
            outputs (or not as `ensure` says); CHANGED: an input changed while it ran; UNREAD: one
            cannot be read; STOPPED: it was ended from outside; DRAWS: it, or one beside it in its
            process, drew from a global generator that they share; LEFT: it was not begun.
        started: seconds since the epoch; seconds: wall time; cpu: seconds; memory: peak, bytes.
        log: (file, offset, length) of its kept stdout and stderr.
        outputs: for each output (signature, digest), taken after the move; empty unless DONE. Of a
            scattered output zeros; those of its files follow after all others, as in `found`.
        learned: inputs digested by the slot: (path, signature, digest).
        lists: shared lists that the slot had to digest: (number, signatures, digests), by columns.
        message: what went wrong, in the user's words, several lines allowed.
        traceback: the user's part of a function's traceback.
        notes: warnings: processes left behind, files thrown away.
        found: the files of scattered outputs.
        named: where outputs are `deps`, the files that they name beside the job's inputs and
            outputs: (path, signature, digest), both None where nothing is; after CHANGED those of
            them that it cannot be told of whether the job read what they hold. None: not known.
    """

    index: int
    end: End
    started: float = 0.0
    seconds: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    log: tuple[str, int, int] = ("", 0, 0)
    outputs: Sequence[tuple[bytes, bytes]] = ()
    learned: Sequence[tuple[str, bytes, bytes]] = ()
    lists: Sequence[tuple[int, bytes, bytes]] = ()
    message: str = ""
    traceback: str = ""
    notes: Sequence[tuple[str, str]] = ()
    found: Sequence[str] = ()
    named: Sequence[tuple[str, bytes | None, bytes | None]] | None = None


@dataclass(slots=True)
class Died:
    """A slot died: which job it ran (None: between jobs), by what, and what it had not done yet.

    Args:
        slot: its number; it is made anew when it gets its next batch.
        index: the job that it ran.
        code: exit status of the slot's process; negative: minus the signal.
        memory: peak in bytes, 0 if it is not known.
        log: (file, offset, length) of what that job printed, a crash report included.
        unfinished: every job that was handed to the slot and has no outcome, `index` included.
        out_of_memory: whether the kernel's count of processes killed for lack of memory rose.
        seconds: how long that job had run.
    """

    slot: int
    index: int | None
    code: int
    memory: int
    log: tuple[str, int, int]
    unfinished: list[int]
    out_of_memory: bool = False
    seconds: float = 0.0


Event = Outcome | Died
