"""What an action finds around itself, and must find again as it was: the next job comes after it.

Knows the process: environment, working folder, streams, signals, threads, children, generators.
Knows nothing of inputs, outputs or stages.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from resource import RUSAGE_SELF, getrusage
from typing import Any, Protocol, TextIO

from fileflow.cpus import CORES_VARIABLE, cores_of_job
from fileflow.model.work import Work
from fileflow.world.commands import (
    THREADS,
    children_of,
    end_children,
    end_signalled,
    signal_children,
)
from fileflow.world.own_folder import OwnFolder
from fileflow.world.process_state import ProcessState, no_start_method
from fileflow.world.seeding import GlobalGenerators, SharedGenerators, small_seed

SEED_VARIABLE = "FILEFLOW_SEED"
_MEMORY_UNIT = 1024 if sys.platform == "linux" else 1
_WATCHED_SIGNALS = tuple(
    getattr(signal, name)
    for name in (
        "SIGINT",
        "SIGTERM",
        "SIGHUP",
        "SIGCHLD",
        "SIGPIPE",
        "SIGALRM",
        "SIGUSR1",
        "SIGUSR2",
    )
    if hasattr(signal, name)
)
_MODULES: dict[str, Any] = sys.modules
_ENCODED_SEED = os.fsencode(SEED_VARIABLE)
# Without the wrapper that looks for an enum member: a tenth of its time.
_handler_of: Callable[[int], Any] = getattr(
    sys.modules.get("_signal"), "getsignal", signal.getsignal
)
_TRACKERS = (
    "multiprocessing.resource_tracker",
    "loky.backend.resource_tracker",
    "joblib.externals.loky.backend.resource_tracker",
)
_POOLS = ("loky.reusable_executor", "joblib.externals.loky.reusable_executor")
_DRAWS = (
    "draws",
    "its function draws from a global random generator, which jobs in threads or on an event loop "
    "share: its jobs run in processes instead; take `rng` as a parameter, or write executor: "
    "process",
)

# Those that do jobs beside the one that the process is lent to.
_threads: set[int] = set()

Notes = list[tuple[str, str]]
Variables = Sequence[tuple[str, str]]


class Surroundings(Protocol):
    """What is around an action; `enter` before it, `leave` after it."""

    def loading(self, work: Work | None) -> contextlib.AbstractContextManager[None]:
        """What a rule's modules set while they are loaded stays; None: for any rule."""

    def enter(self, work: Work, seed: int, extra: Variables = ()) -> None:
        """Makes all ready for one job: environment (`extra`: the job's own), generators."""

    def leave(self, notes: Notes, unfinished: Callable[[], None]) -> list[str]:
        """Puts all back; the global generators that it drew from where that counts.

        `unfinished` is called before what the action left running is ended: it may wait.
        """

    def mark(self) -> int:
        """The length of the slot's log, all that was printed included."""

    def used(self) -> tuple[float, int]:
        """CPU seconds so far, and the peak of memory in bytes."""

    def close(self) -> None:
        """Ends the watch and gives back what was taken."""


def environment_of(work: Work, outside: Mapping[str, str]) -> dict[str, str]:
    """The variables that an action adds to those outside."""
    made = _threads_of(work.cores, outside)
    made[CORES_VARIABLE] = str(max(1, work.cores))
    made.update(work.environ)
    return made


def _threads_of(cores: int, outside: Mapping[str, str]) -> dict[str, str]:
    """What tells libraries how many threads to start, unless it is said outside."""
    return {name: str(max(1, cores)) for name in THREADS if name not in outside}


class _Environment:
    """The environment variables of this process: set for each rule, put back after each job; and
    its mask of modes."""

    def __init__(self, import_cores: int) -> None:
        self._outside = dict(os.environ)
        # Libraries read it once and stay in the process for the jobs of other rules: what one of
        # these computes must not depend on which rule came first.
        self._import_cores = import_cores
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        # `tempfile` looks at the variables only once, and keeps what it found: each job is to find
        # what its own say, or what a module of its rule has set.
        self._tempdir: Any = None
        # The mapping behind `os.environ`: comparing it costs a fiftieth of decoding it.
        self._environ = os.environ
        self._raw: dict[Any, Any] = vars(os.environ)["_data"]
        self._expected = dict(self._raw)
        self._work: Work | None = None
        self._extra: Variables = ()
        # What modules have set when they were loaded, for all who come after; None: taken away.
        self._loaded: dict[Any, Any] = {}

    @contextlib.contextmanager
    def loading(self, work: Work | None) -> Iterator[None]:
        """What is set meanwhile stays, but for what a rule says itself."""
        base = self._base()
        said = dict(work.environ if work is not None else ())
        self._become({**base, **_threads_of(self._import_cores, base), **said})
        self._work = None
        before = dict(self._raw)
        try:
            yield
        finally:
            os.environ = self._environ  # noqa: B003
            for name in {*before, *self._raw}:
                if before.get(name) != self._raw.get(name):
                    self._loaded[name] = self._raw.get(name)
            self._umask = os.umask(self._umask)
            os.umask(self._umask)

    def _base(self) -> dict[str, str]:
        """What each rule finds that says nothing else."""
        made = dict(self._outside)
        for name, value in self._loaded.items():
            made.pop(os.fsdecode(name), None)
            if value is not None:
                made[os.fsdecode(name)] = os.fsdecode(value)
        return made

    def enter(self, work: Work, seed: int, extra: Variables) -> None:
        """Sets what the rule and the job add."""
        if "tempfile" in _MODULES:
            try:  # by nothing that is called
                self._tempdir = _MODULES["tempfile"].tempdir
            except AttributeError:  # another module of that name
                self._tempdir = None
        if work is not self._work or extra or self._extra:
            base = self._base()
            wanted = {**base, **environment_of(work, base), **dict(extra)}
            if not work.seeded:
                wanted.pop(SEED_VARIABLE, None)
            self._become(wanted)
            self._expected = dict(self._raw)
            self._work = work
            self._extra = extra
        if work.seeded:
            # As `os.environ` would do it, which encodes the name and the value for each job.
            value = b"%d" % small_seed(seed)
            os.putenv(_ENCODED_SEED, value)
            self._raw[_ENCODED_SEED] = self._expected[_ENCODED_SEED] = value

    def leave(self) -> None:
        """Undoes what the job changed."""
        os.umask(self._umask)
        if "tempfile" in _MODULES:
            _MODULES["tempfile"].tempdir = self._tempdir
        # An action may have put another mapping in its place.
        os.environ = self._environ  # noqa: B003
        if vars(os.environ)["_data"] is not self._raw:
            vars(os.environ)["_data"] = self._raw
        if self._raw != self._expected:
            name = os.fsdecode
            self._become({name(key): name(value) for key, value in self._expected.items()})

    def forget_seed(self) -> None:
        """Takes back the seed of a job: what else runs in this process must not read it."""
        if self._raw.pop(_ENCODED_SEED, None) is not None:
            os.unsetenv(_ENCODED_SEED)
            self._expected.pop(_ENCODED_SEED, None)

    def close(self) -> None:
        """Puts back what was there before all jobs, but for what loaded modules have set."""
        self._become(self._base())

    def _become(self, wanted: Mapping[str, str]) -> None:
        zone = os.environ.get("TZ")
        for name in list(os.environ):
            if name not in wanted:
                del os.environ[name]
        for name, value in wanted.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
        if os.environ.get("TZ") != zone:
            time.tzset()  # the C library looks at the variable only then


class _Handlers:
    """The handlers of signals as they are when this is made; for the main thread."""

    def __init__(self) -> None:
        self._handlers = list(map(_handler_of, _WATCHED_SIGNALS))

    def put_back(self) -> None:
        """Undoes what a job changed."""
        if list(map(_handler_of, _WATCHED_SIGNALS)) == self._handlers:
            return
        for number, handler in zip(_WATCHED_SIGNALS, self._handlers, strict=True):
            if handler is not None:  # else not Python has set it
                signal.signal(number, handler)


class _Descriptors:
    """Standard input, output and error of a process whose jobs are not alone in it."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, int]] = []
        for number in range(3):
            with contextlib.suppress(OSError):  # it has none
                self._kept.append((number, os.dup(number)))

    def put_back(self) -> None:
        """Puts back those that a job has closed; one that it leads elsewhere may be another's."""
        for number, kept in self._kept:
            try:
                os.fstat(number)
            except OSError:
                os.dup2(kept, number)

    def close(self) -> None:
        """Closes what was kept."""
        for _, kept in self._kept:
            os.close(kept)


class OwnProcess:
    """A process that does nothing but jobs, and is as before after each of them."""

    def __init__(self, log: int, import_cores: int = 1) -> None:
        """`log` is the descriptor of the slot's log, which becomes stdout and stderr;
        `import_cores` the cores that libraries are told of which ask while they are imported."""
        self._log = log
        self._folder = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
        self._environment = _Environment(import_cores)
        if "tempfile" in _MODULES:
            _MODULES["tempfile"].tempdir = None
        self._generators = GlobalGenerators()
        self._before: dict[str, object] | None = None
        self._handlers = _Handlers()
        # What a job has done to the process that cannot be undone: no other is to be done in it.
        self.is_spoiled = False
        self._state = ProcessState()
        no_start_method()
        # Each look at a limit is a system call: they are looked at once a function has loaded this.
        sys.modules.pop("resource", None)
        self._nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._in = sys.stdin
        self._path = sys.path[:]
        self._threads = set(threading.enumerate())
        self._out, self._err = self._streams()

    def _streams(self) -> tuple[TextIO, TextIO]:
        os.dup2(self._log, 1)
        os.dup2(self._log, 2)
        self._out, self._err = text_stream(1), text_stream(2)
        sys.stdout, sys.stderr = self._out, self._err
        vars(sys).update(__stdout__=self._out, __stderr__=self._err)
        return self._out, self._err

    def loading(self, work: Work | None) -> contextlib.AbstractContextManager[None]:
        """What modules set while they are loaded stays."""
        return self._environment.loading(work)

    def enter(self, work: Work, seed: int, extra: Variables = ()) -> None:
        """Sets the job's environment, and seeds the global generators if the seed counts."""
        self._environment.enter(work, seed, extra)
        self._path = sys.path[:]
        self._generators.seed(seed if work.seeded else None)
        self._before = self._generators.states() if work.suspected else None
        self._state.remember()

    def leave(self, notes: Notes, unfinished: Callable[[], None]) -> list[str]:
        """Puts back what the job changed; ends the processes that it left."""
        if self._before is not None and self._generators.moved_since(self._before):
            notes.append(_DRAWS)
        self._generators.seed(None)
        self.is_spoiled = not self._state.put_back()
        self._environment.leave()
        os.fchdir(self._folder)
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._handlers.put_back()
        os.dup2(self._nothing, 0)
        if sys.stdin is not self._in or self._in is None or self._in.closed:
            self._in = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
            vars(sys).update(stdin=self._in, __stdin__=self._in)
        if sys.path != self._path:
            sys.path[:] = self._path
        alone = False
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            alone = True
        else:
            unfinished()
            self.is_spoiled = self.is_spoiled or _keeps_processes()
        if threading.active_count() != len(self._threads):
            _end_pools()
            self._look_at_threads(notes)
        if not alone:
            self._end_children(notes)
        return []

    def _look_at_threads(self, notes: Notes) -> None:
        now = set(threading.enumerate())
        stray = [thread.name for thread in now - self._threads if not thread.daemon]
        if stray:
            notes.append(
                (
                    "threads",
                    f"left {len(stray)} thread{'s' * (len(stray) > 1)} running: "
                    f"{', '.join(sorted(stray))}",
                )
            )
        self._threads = now

    def _end_children(self, notes: Notes) -> None:
        _end_pools()
        left = end_children(spared=_tracker_ids())
        if left:
            notes.append(left_behind(left))

    def mark(self) -> int:
        """The length of the log after all that was printed."""
        try:
            if sys.stdout is not self._out or sys.stderr is not self._err:
                sys.stdout.flush()
                sys.stderr.flush()
                sys.stdout, sys.stderr = self._out, self._err
            self._out.flush()
            self._err.flush()
            os.dup2(self._log, 1)
            os.dup2(self._log, 2)
        except (OSError, ValueError, AttributeError):
            self._streams()
        return os.lseek(self._log, 0, os.SEEK_END)

    def used(self) -> tuple[float, int]:
        """CPU seconds of this process so far, and its peak of memory in bytes."""
        used = getrusage(RUSAGE_SELF)
        return used.ru_utime + used.ru_stime, used.ru_maxrss * _MEMORY_UNIT

    def close(self) -> None:
        """Stops watching; the process ends soon."""
        self._generators.close()


class Log:
    """The log of a slot that is not alone in its process; what is printed is there line by line.

    `stream` leads to its end, and to that of a new one if a function has closed what is below.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self.stream = self._opened()

    def _opened(self) -> TextIO:
        return open(self._path, "a", buffering=1, encoding="utf-8", errors="backslashreplace")

    def mark(self) -> int:
        """The length of the log after all that was printed."""
        try:
            self.stream.flush()
        except ValueError:  # closed or detached
            self.stream = self._opened()
        return os.lseek(self.stream.fileno(), 0, os.SEEK_END)

    def close(self) -> None:
        """Closes the stream."""
        self.stream.close()


class SharedStream:
    """A text stream that leads each who writes to it to a place of his own, and that none closes.

    For subclasses, which say where it leads now.
    """

    def _here(self) -> Any:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        return getattr(self._here(), name)

    def __enter__(self) -> SharedStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, text: str) -> int:
        """Writes to where it leads; a stream of the user's own may say nothing of how much."""
        written: int = self._here().write(text)
        return written

    def close(self) -> None:
        """Stays open: others write to it too."""
        self._here().flush()

    def detach(self) -> Any:
        """Stays as it is; what is below is handed out all the same."""
        self._here().flush()
        return self._here().buffer


class _Lent(SharedStream):
    """Leads to the log while the process is lent, and else where it led before: so do at all times
    what jobs in threads print.

    It is there for all runs of the process: whoever keeps the stream that he finds, as a handler of
    `logging` does, writes to what is open.
    """

    def __init__(self) -> None:
        # Where what threads print goes, and all else; `_kept` as it was: a job may run a workflow.
        self._now: tuple[Any, Any] = None, None
        self._kept: list[tuple[Any, Any]] = []

    def lend(self, log: TextIO, before: Any) -> None:
        """Leads to the log from now on; `before` is what stood in its place."""
        self._kept.append(self._now)
        self._now = self._now[0] if before is self else before, log

    def renew(self, log: TextIO) -> None:
        """Leads to the log that was opened anew."""
        self._now = self._now[0], log

    def give_back(self) -> None:
        """Leads where it led before."""
        before, kept = self._now[0], self._kept.pop()
        self._now = kept if self._kept else (before, before)

    def _here(self) -> Any:
        return self._now[threading.get_ident() not in _threads]


_OUT, _ERR = _Lent(), _Lent()


class Borrowed:
    """The caller's own process, lent for jobs one by one: all is put back when they are done.

    Jobs in threads may run in it too; they share the generators.
    """

    def __init__(self, log: str, generators: SharedGenerators, import_cores: int = 1) -> None:
        """`log` is the path of the slot's log; `import_cores` as for `OwnProcess`."""
        self._log = Log(log)
        self._environment = _Environment(import_cores)
        self._generators = generators
        self._folder = os.getcwd()
        generators.remember()
        self._streams = sys.stdout, sys.stderr
        for lent, stream in zip((_OUT, _ERR), self._streams, strict=True):
            lent.lend(self._log.stream, stream)
        self._descriptors = _Descriptors()
        self._handlers: _Handlers | None = None
        self._state = ProcessState()
        if threading.current_thread() is threading.main_thread():
            self._handlers = _Handlers()
            self._has_alarm = signal.getitimer(signal.ITIMER_REAL)[0] > 0
        self._path = sys.path[:]
        vars(sys).update(stdout=_OUT, stderr=_ERR)

    def loading(self, work: Work | None) -> contextlib.AbstractContextManager[None]:
        """What modules set while they are loaded stays."""
        return self._environment.loading(work)

    def enter(self, work: Work, seed: int, extra: Variables = ()) -> None:
        """Sets the job's environment, and seeds the global generators if the seed counts.

        Not while jobs in threads run: then it is only looked whether they move.
        """
        self._environment.enter(work, seed, extra)
        self._path = sys.path[:]
        self._generators.begin(seed if work.seeded else None)
        self._state.remember()

    def leave(self, notes: Notes, unfinished: Callable[[], None]) -> list[str]:
        """Puts back what the job changed; the generators that moved if it was not alone."""
        moved = self._generators.end()
        self._state.put_back()
        self._environment.leave()
        self._environment.forget_seed()
        os.chdir(self._folder)
        self._descriptors.put_back()
        if self._handlers is not None:
            if not self._has_alarm:
                signal.setitimer(signal.ITIMER_REAL, 0)
            self._handlers.put_back()
        if sys.path != self._path:
            sys.path[:] = self._path
        return moved

    def mark(self) -> int:
        """The length of the log after all that was printed."""
        length = self._log.mark()
        _OUT.renew(self._log.stream)
        _ERR.renew(self._log.stream)
        vars(sys).update(stdout=_OUT, stderr=_ERR)
        return length

    def used(self) -> tuple[float, int]:
        """CPU seconds of this process so far, and its peak of memory in bytes."""
        used = getrusage(RUSAGE_SELF)
        return used.ru_utime + used.ru_stime, used.ru_maxrss * _MEMORY_UNIT

    def close(self) -> None:
        """Gives the process back as it was."""
        sys.stdout, sys.stderr = self._streams
        _OUT.give_back()
        _ERR.give_back()
        self._descriptors.close()
        self._log.close()
        self._environment.close()
        self._generators.put_back()


class InThread:
    """One of several threads of the caller's process: nothing global is set, only watched.

    The working folder and the umask are the thread's own where the system allows that.
    """

    def __init__(
        self, log: str, generators: GlobalGenerators, on_leave: Callable[[], None]
    ) -> None:
        """`log` is the path of the slot's log; `on_leave` is called when an action has ended.

        Made in the thread itself. `log` is where the thread's prints belong.
        """
        self._on_leave = on_leave
        self.log = Log(log)
        self._ident = threading.get_ident()
        _threads.add(self._ident)
        self._folder = OwnFolder()
        self._descriptors = _Descriptors()
        self._generators = generators
        self._before: dict[str, object] = {}

    def loading(self, work: Work | None) -> contextlib.AbstractContextManager[None]:
        """Nothing is put back: what modules set stays anyway."""
        return contextlib.nullcontext()

    def enter(self, work: Work, seed: int, extra: Variables = ()) -> None:
        """Looks where the global generators stand."""
        cores_of_job.set(max(1, work.cores))
        self._before = self._generators.states()

    def leave(self, notes: Notes, unfinished: Callable[[], None]) -> list[str]:
        """The global generators that have moved meanwhile."""
        self._on_leave()
        self._folder.restore()
        self._descriptors.put_back()
        return self._generators.moved_since(self._before)

    def mark(self) -> int:
        """The length of the log after all that was printed."""
        return self.log.mark()

    def used(self) -> tuple[float, int]:
        """CPU seconds of this thread so far, and the process's peak of memory in bytes."""
        return time.thread_time(), getrusage(RUSAGE_SELF).ru_maxrss * _MEMORY_UNIT

    def close(self) -> None:
        """Closes the log."""
        _threads.discard(self._ident)
        self._folder.close()
        self._descriptors.close()
        self.log.close()


class StartedProcesses:
    """The processes that jobs of this process start: its children that come after this was made.

    Not those that lead a session of their own, as slots do.
    """

    def __init__(self) -> None:
        self._others = children_of(os.getpid())

    def signal(self, *, kill: bool) -> None:
        """Sends them, and theirs, TERM or KILL."""
        signal_children(signal.SIGKILL if kill else signal.SIGTERM, self._spared())

    def end(self, seconds: float) -> None:
        """Waits for those that were sent a signal, so long at most; kills what is left."""
        end_signalled(self._spared(), seconds)

    def _spared(self) -> set[int]:
        return {*self._others, *_tracker_ids()}


def left_behind(count: int) -> tuple[str, str]:
    """The note on processes that a job left running."""
    return ("processes", f"left {count} process{'es' * (count > 1)} running; ended")


def text_stream(descriptor: int) -> TextIO:
    """A text stream on a descriptor that stays open; what is printed is there line by line."""
    raw = open(descriptor, "wb", buffering=8192, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _end_pools() -> None:
    """Ends what libraries keep for the next pool of a process: the next job is not to have it."""
    for name in _POOLS:
        pool = getattr(sys.modules.get(name), "_executor", None)
        if pool is not None:
            pool.shutdown(wait=True, kill_workers=True)
    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    pid = getattr(server, "_forkserver_pid", None)
    if server is not None and isinstance(pid, int):
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)  # else it is waited for as long as any that it has forked
            server._stop()


def _keeps_processes() -> bool:
    """Whether `multiprocessing` has processes that nobody has joined: a pool, say, which would wait
    for them for ever once they are ended, or whoever takes it up in the next job."""
    children = getattr(sys.modules.get("multiprocessing.process"), "_children", ())
    return any(type(one).__module__.startswith("multiprocessing.") for one in list(children))


def _tracker_ids() -> list[int]:
    """Processes of the standard library's and loky's own that outlive a job on purpose."""
    found = []
    for name in _TRACKERS:
        tracker = getattr(sys.modules.get(name), "_resource_tracker", None)
        pid = getattr(tracker, "_pid", None)
        if isinstance(pid, int):
            found.append(pid)
    return found
