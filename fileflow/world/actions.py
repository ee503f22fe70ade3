"""Does one job after the other in a slot: proves its inputs, runs its action, publishes outputs.

Knows plain data (see `model.work`), a stage and what surrounds an action; nothing of graphs,
records, retries, or of how jobs come to a slot and outcomes leave it.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import stat
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from time import monotonic, perf_counter, time
from typing import Any

from fileflow.errors import Stopped
from fileflow.model.digests import DIGEST_SIZE, NO_DIGEST
from fileflow.model.endings import exit_text
from fileflow.model.work import NOTEBOOKS, STAGE, End, Order, Outcome, SharedList, Work
from fileflow.signature import NOTHING, SIGNATURE
from fileflow.world import commands
from fileflow.world.deps import Began, DoubtError, JobPlace, Reader, named_paths, without_stage
from fileflow.world.deps_text import UnfitDepsError
from fileflow.world.files import (
    Clock,
    StillOpenError,
    column,
    cut,
    digest,
    file_digest,
    hashing,
    signature,
    signature_of,
    signatures,
    unreadable,
)
from fileflow.world.forks import (
    end_if_forked,
    of_this_process,
    remember_files,
    this_process,
)
from fileflow.world.functions import (
    Facts,
    Item,
    UnfitError,
    bind,
    finish,
    load,
    returned,
    said_of,
    users_part,
)
from fileflow.world.kept_output import KeptOutput
from fileflow.world.private import PrivateFolder, own_name
from fileflow.world.scattering import (
    Piece,
    arranged,
    folder_of,
    gather,
    pieces_of,
    placed,
    write_yielded,
)
from fileflow.world.scripts import ScriptEnded, run_script
from fileflow.world.second_look import all_as_before
from fileflow.world.secrets import hidden, hide_in_file, secrets_of
from fileflow.world.seeding import small_seed
from fileflow.world.staging import Shape, Stage, make_logs, make_parents, now_ns, remove
from fileflow.world.surroundings import (
    SEED_VARIABLE,
    Notes,
    OwnProcess,
    Surroundings,
    Variables,
    environment_of,
    left_behind,
)
from fileflow.world.unshelled import SHELL_WORDS, shell_starts_plainly, without_shell

_TEXT_FILE = ".files/command"
_STAGE_IN_JSON = STAGE.replace("\x01", "\\u0001")

Seen = tuple[str, bytes, bytes | None]
Learned = tuple[str, bytes, bytes]


class ChangedError(Exception):
    """An input is not what it was; says which."""


class UnreadError(Exception):
    """An input cannot be read; says which and why."""


class Prepared:
    """A rule's work, as far as it can be made ready before its first job."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.is_script = work.kind == "python"
        self.is_function = work.kind == "run"
        self.secrets = secrets_of(work.envvars, os.environ)
        self.shape: Shape | None = None
        self.variables: dict[bytes, bytes] = {}
        self.starts_plainly = False
        self._function: Callable[..., Any] | None = None

    def function(self, around: Surroundings) -> Callable[..., Any]:
        """The function, imported at the first call.

        Raises:
            UnfitError: if it cannot be had.
        """
        if self._function is None:
            with around.loading(self.work):
                self._function = load(self.work.module, self.work.function)
        return self._function


class Doer:
    """What does the jobs of one slot.

    `acting` is true while the user's function runs: only then may `Stopped` be raised from a
    signal. `stopping` is set when the job is to end; what it did counts as stopped then.
    """

    def __init__(
        self,
        stage: Stage,
        surroundings: Surroundings,
        log: str,
        *,
        on_job: Callable[[int, float], None] = lambda index, started: None,
        on_command: Callable[[int, commands.Born], None] = lambda pid, born: None,
    ) -> None:
        """`log` is the path of the file into which the jobs of this slot print, one by one.

        `on_job` is told of each job (index, start on the monotonic clock)
        before it starts, and of index -1 after it; `on_command` of the process that runs a
        command and when it was born, and of 0 after it.
        """
        self.acting = False
        self.stopping = False
        self._stage = stage
        self._around = surroundings
        self._log = log
        self._on_job = on_job
        self._on_command = on_command
        self._prepared: dict[int, Prepared] = {}
        self._lists: dict[int, SharedList] = {}
        self._kept = KeptOutput(log)
        self._cpu, _ = surroundings.used()
        self._folders: set[str] = set()
        self._outside = {name: os.environ[name] for name in os.environ if name != SEED_VARIABLE}
        self._root = os.getcwd()
        self._own: PrivateFolder | None = None
        self._pieces: list[Piece] = []
        # What was made, while others may still write to it; and whether they do.
        self._made: Sequence[str] = ()
        self._is_written = False
        self._asks_leases = True
        self._reader = Reader(stage.folder)
        remember_files()

    def learn(self, work: Work) -> None:
        """Takes what all jobs of a rule share."""
        hashing.use(work.algorithm)
        self._prepared[work.key] = Prepared(work)

    def share(self, lists: Mapping[int, SharedList]) -> None:
        """Takes lists of inputs that orders name by number."""
        self._lists.update(lists)

    def is_command(self, key: int) -> bool:
        """Whether the jobs of this work are commands."""
        prepared = self._prepared[key]
        return not (prepared.is_function or prepared.is_script)

    def do(self, key: int, order: Order) -> Outcome:
        """Does one job; whatever goes wrong is in the outcome."""
        steps = self.doing(key, order)
        try:
            steps.send(None)
        except StopIteration as ended:
            outcome: Outcome = ended.value
            return outcome
        raise AssertionError("bug: a job waits for an event loop that is not there")

    async def doing(self, key: int, order: Order) -> Outcome:
        """The same on an event loop; suspended only where `_end_of` is."""
        prepared = self._prepared[key]
        around = self._around
        stage = self._stage
        since = now_ns()
        started = time()
        clock = perf_counter()
        self._on_job(order.index, monotonic())
        outcome = Outcome(order.index, End.FAILED, started)
        notes: Notes = []
        learned: list[Learned] = []
        done = False
        shape = prepared.shape
        if shape is None:
            shape = prepared.shape = Shape.of(prepared.work, len(order.outputs))
        pieces: list[Piece] = []
        outputs, prepare_shape = order.outputs, shape
        if order.scatter:
            pieces = pieces_of(order.scatter, shape.directories)
            outputs, prepare_shape = placed(outputs, pieces), arranged(shape, pieces)
        self._pieces = pieces
        words: Sequence[str] = ()
        files = order.files
        own: PrivateFolder | None = None
        try:
            seen, seen_lists = self._look(order, learned, outcome)
            if prepared.work.private:
                own = self._own = self._private(order, outputs)
            if not prepared.is_function:
                words, files = self._words(prepared, order)
            if order.logs:
                make_parents(order.logs, self._folders)
                for path in order.logs:
                    remove(path.rstrip("/"))
            if True in prepare_shape.keep:
                _let_write(prepare_shape, outputs)
            if own is None:
                staged = stage.prepare(prepare_shape, outputs, files)
            else:
                staged = own.prepare(prepare_shape, files)
            began = self._reader.begin(order.looks) if prepared.work.deps else None
            if prepared.is_function or prepared.is_script:
                acted = await self._call(prepared, order, words, staged, outcome, notes)
            else:
                acted = self._run(prepared, order, words, staged, outcome, notes)
            if acted and began is not None:
                texts = self._deps_texts(prepared.work, order, staged)
            gathered = gather(pieces, shape, outputs, staged) if acted and pieces else None
            if gathered is not None and not isinstance(gathered, str):
                outputs, staged, shape = gathered.outputs, gathered.staged, gathered.shape
            if acted:
                found = (
                    gathered
                    if isinstance(gathered, str)
                    else self._inspect(shape, outputs, staged, since)
                    if prepared.is_function or prepared.is_script
                    else stage.inspect(shape, outputs, staged, since)
                )
                if isinstance(found, str):
                    outcome.end = End.MISSING
                    outcome.message = f"{found}\n{outcome.message}".rstrip()
                else:
                    self._look_again(seen, seen_lists, learned, since)
                    if began is not None:
                        outcome.named = self._named(texts, order, outputs, staged, began)
                    outcome.outputs = stage.publish(shape, outputs, staged, found)
                    if gathered is not None and not isinstance(gathered, str):
                        outcome.outputs = gathered.published(outcome.outputs)
                        outcome.found = gathered.found
                        if outcome.message and not gathered.found:
                            said = f"it made no file, and {outcome.message}, or yields them"
                            notes.append(("returned", said))
                    outcome.message = ""
                    if order.logs:
                        make_logs(order.logs)
                    outcome.end = End.DONE
                    done = True
        except ChangedError as error:
            outcome.end = End.CHANGED
            outcome.message = str(error)
        except UnreadError as error:
            outcome.end = End.UNREAD
            outcome.message = str(error)
        except DoubtError as error:
            outcome.end = End.CHANGED
            outcome.message = str(error)
            outcome.named = error.files
        except UnfitDepsError as error:
            outcome.end = End.FAILED
            outcome.message = str(error)
        except StillOpenError as error:
            what = "function" if prepared.is_function else "script"
            self._is_written = False
            path = str(error).partition(f"{stage.folder}/")[2] or ", ".join(outputs)
            outcome.end = End.STOPPED if self.stopping else End.FAILED
            outcome.message = (
                f"{path} is still open for writing, though the {what} has ended: close it, best by "
                "`with open(…) as file:`"
            )
        except OSError as error:
            outcome.end = End.FAILED
            outcome.message = _os_message(error)
        try:
            if own is not None:
                self._own = None
                own.clear()
            if done:
                for name in stage.clear_all() if pieces else stage.settle():
                    notes.append(("thrown away", name))
            else:
                stage.clear()
        except OSError as error:
            notes.append(("staging", _os_message(error)))
        if learned:
            outcome.learned = learned
        if length := around.mark():
            self._keep(length, prepared.secrets, outcome, notes)
        else:
            outcome.log = (self._kept.path, 0, 0)
        if prepared.secrets:
            self._hide(prepared.secrets, order, outcome, notes)
        if notes:
            outcome.notes = notes
        cpu, memory = around.used()
        outcome.cpu += cpu - self._cpu
        outcome.memory = outcome.memory or memory
        self._cpu = cpu
        outcome.seconds = perf_counter() - clock
        self._on_job(-1, 0.0)
        return outcome

    def close(self) -> None:
        """Closes what it keeps open; for who goes on without it."""
        self._kept.close()

    # Inputs -----------------------------------------------------------------------------------

    def _look(
        self, order: Order, learned: list[Learned], outcome: Outcome
    ) -> tuple[list[Seen], list[int]]:
        """Takes the inputs as they are before the job; digests what nobody knows."""
        seen: list[Seen] = []
        numbers: list[int] = []
        for check in order.checks:
            if type(check) is int:
                numbers.append(check)
                continue
            path, sign, content = check  # type: ignore[misc]
            try:
                found = os.stat(path)
            except OSError as error:
                raise ChangedError(f"the input {path} cannot be found: {error.strerror}") from None
            regular = found.st_mode & 0o170000 == 0o100000
            now = signature_of(found) if regular else _signature_now(path)
            if now != sign:
                try:
                    content = file_digest(path) if regular else digest(path)
                except OSError as error:
                    raise _unread(path, error) from None
                learned.append((path, now, content))
            seen.append((path, now, content))
        if numbers:
            outcome.lists = [
                made for number in numbers for made in self._look_at_list(number, seen, learned)
            ]
        return seen, numbers

    def _look_at_list(
        self, number: int, seen: list[Seen], learned: list[Learned]
    ) -> list[tuple[int, bytes, bytes]]:
        """Takes a shared list as it is; what the slot had to digest, it knows from then on.

        One of which all is known was looked at in this run: the look after the job proves it.
        """
        paths, signs, contents = self._lists[number]
        if NO_DIGEST not in contents and NOTHING not in signs:
            return []
        unknown = False
        now_all = signatures(paths)
        now_contents = cut(contents, DIGEST_SIZE)
        for place, (path, sign, now) in enumerate(
            zip(paths, cut(signs, SIGNATURE.size), now_all, strict=True)
        ):
            if now is None:
                raise ChangedError(f"the input {path} cannot be found")
            if now == sign and now_contents[place] != NO_DIGEST:
                continue
            unknown = unknown or sign == NOTHING or now_contents[place] == NO_DIGEST
            try:
                now_contents[place] = digest(path)
            except OSError as error:
                raise _unread(path, error) from None
            if sign != NOTHING:
                learned.append((path, now, now_contents[place]))
        now_signs, contents = column(now_all), b"".join(now_contents)
        self._lists[number] = (paths, now_signs, contents)
        return [(number, now_signs, contents)] if unknown else []

    def _look_again(
        self, seen: Sequence[Seen], numbers: Sequence[int], learned: list[Learned], since_ns: int
    ) -> None:
        """Proves that the inputs are still what they were before the job, which began then."""
        now: bytes | None
        for path, before, content in seen:
            try:
                found = os.stat(path)
                if found.st_mode & 0o170000 == 0o100000:
                    now = signature_of(found)
                else:
                    now = _signature_now(path)
            except OSError:
                raise ChangedError(f"the input {path} was removed while the job ran") from None
            if now != before:
                self._prove(path, now, content, learned)
        for number in numbers:
            paths, signs, contents = self._lists[number]
            if all_as_before(paths, signs, alone=isinstance(self._around, OwnProcess)):
                continue
            now_all = signatures(paths)
            now_contents = cut(contents, DIGEST_SIZE)
            for place, (path, sign, now) in enumerate(
                zip(paths, cut(signs, SIGNATURE.size), now_all, strict=True)
            ):
                if now is None:
                    raise ChangedError(f"the input {path} was removed while the job ran")
                if now != sign:
                    if _is_older(path, now, since_ns):
                        now_contents[place] = digest(path)
                    self._prove(path, now, now_contents[place], learned)
            self._lists[number] = (paths, column(now_all), b"".join(now_contents))

    def _prove(self, path: str, now: bytes, content: bytes | None, learned: list[Learned]) -> None:
        if content is None or digest(path) != content or signature(path) != now:
            raise ChangedError(f"the input {path} changed while the job ran")
        learned.append((path, now, content))

    # What it was found to read ----------------------------------------------------------------

    def _deps_texts(self, work: Work, order: Order, staged: Sequence[str]) -> dict[str, str]:
        """The text of each deps file, without the names of our folders; written back so."""
        place = self._place()
        found = {}
        for position in work.deps:
            path = staged[position]
            if not os.path.isfile(path) or os.path.islink(path):
                continue  # that is said with all else that is not as it must be
            with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                found[order.outputs[position]] = text = file.read()
            final = without_stage(text, place)
            if final != text:
                with open(
                    path, "w", encoding="utf-8", errors="surrogateescape", newline=""
                ) as file:
                    file.write(final)
        return found

    def _named(
        self,
        texts: Mapping[str, str],
        order: Order,
        outputs: Sequence[str],
        staged: Sequence[str],
        began: Began,
    ) -> list[tuple[str, bytes | None, bytes | None]]:
        inputs: list[str] = []
        for check in order.checks:
            inputs += self._lists[check][0] if type(check) is int else [check[0]]  # type: ignore[index]
        place = self._place(dict(zip(staged, outputs, strict=True)))
        made = [*outputs, *order.logs]
        return self._reader.look(named_paths(texts, place, inputs=inputs, outputs=made), began)

    # Outputs ----------------------------------------------------------------------------------

    def _inspect(
        self,
        shape: Shape,
        outputs: Sequence[str],
        staged: Sequence[str],
        since: int,
    ) -> list[bytes] | str:
        """What the stage says of the outputs of a function or script, once nobody writes to them.

        Of a command all processes have ended. This one lives on: a file that is not closed would
        be published without its last lines.

        Raises:
            StillOpenError: if this process has one open.
        """
        inspect = partial(self._stage.inspect, shape, outputs, staged, since)
        if self._asks_leases:
            try:
                return inspect(closed=True)
            except StillOpenError:
                pass
        made = [os.path.join(self._root, path) for path in staged]
        own = (os.getpid(),)
        self._made = staged
        if not self._asks_leases:
            self._await_writers()
            if not (self._is_written or commands.written(made, own)):
                return inspect()
        self._around.mark()  # a stream in the place of ours may hold one
        _let_go()
        for among in (commands.own_processes, commands.all_processes):
            self._await_writers(among)
            path = commands.written(made, own)
            if path or self._is_written:
                raise StillOpenError(path)
            if not self._asks_leases:
                break
            with contextlib.suppress(StillOpenError):
                return inspect(closed=True)
        # What was forked may hold it, for nothing; if not that, the file system has no leases.
        self._asks_leases = bool(commands.written(made, commands.all_processes()))
        return inspect()

    def _await_writers(self, among: commands.Processes = commands.own_processes) -> None:
        """Waits for processes that still write to what was made, as it does for a command's, but
        not once the job is to stop."""
        if self._made:
            made = [os.path.join(self._root, path) for path in self._made]
            self._is_written = not commands.wait_for_writers(made, lambda: self.stopping, among)

    def _place(self, staged: Mapping[str, str] | None = None) -> JobPlace:
        own = self._own.folder if self._own is not None else ""
        return JobPlace(self._root, self._stage.folder, own, staged)

    # Actions ----------------------------------------------------------------------------------

    async def _call(
        self,
        prepared: Prepared,
        order: Order,
        words: Sequence[str],
        staged: Sequence[str],
        outcome: Outcome,
        notes: Notes,
    ) -> bool:
        """Calls the function, or runs the script; whether it ended well."""
        entered = False
        well = False
        caller = this_process()
        try:
            self.acting = True
            if self.stopping:
                raise Stopped
            if prepared.is_function:
                function = prepared.function(self._around)
                arguments = bind(prepared.work.parameters, self._facts(order, staged))
            else:
                function, arguments = run_script, {"words": words, "root": self._root}
            entered = True
            self._around.enter(prepared.work, order.seed, self._extra(order))
            if self._own is not None:
                os.chdir(self._own.folder)
            here = os.getcwd() if self._pieces else ""
            answer = function(**arguments)
            if self._pieces and isinstance(answer, Generator):
                self._write(answer, prepared.work, order, staged, here)
            elif answer is not None:
                await self._end_of(answer)
                outcome.message = returned(answer)  # it counts only if an output is missing
            end_if_forked(caller)
            self.acting = False
            well = not self.stopping
        except UnfitError as error:
            end_if_forked(caller, error)
            self.acting = False
            outcome.message, outcome.traceback = error.message, error.trace
        except ScriptEnded as error:
            end_if_forked(caller, SystemExit(error.code))
            self.acting = False
            outcome.message = error.message
        except BaseException as error:
            end_if_forked(caller, error)
            self.acting = False
            outcome.message, outcome.traceback = said_of(error), users_part(error)
        if entered:
            # Of scattered files it is not known yet which they are.
            self._made = () if not well else [self._absolute()] if self._pieces else staged
            moved = self._around.leave(notes, self._await_writers)
            if self._pieces and not self._is_written:
                self._await_writers()
            if self._is_written:
                self._is_written = well = False
            if moved and prepared.work.seeded:
                outcome.end = End.DRAWS
                outcome.message = f"it draws from the global generator of {', '.join(moved)}"
                well = False
        if self.stopping:
            outcome.end = End.STOPPED
            outcome.message = "stopped"
        return well

    def _write(
        self,
        answer: Generator[object, None, None],
        work: Work,
        order: Order,
        staged: Sequence[str],
        base: str,
    ) -> None:
        """Writes what a generator yields for the scattered outputs, seen from where it began."""
        names: dict[int, str | None] = {}
        for one, name in zip(order.output_items, work.output_names, strict=False):
            for position in [one] if type(one) is int else one:  # type: ignore[union-attr]
                names[position] = name
        places = dict(enumerate(self._places(order, staged)))
        own = of_this_process(answer)
        own_names = [names.get(p.position) for p in self._pieces]
        write_yielded(own, self._pieces, own_names, places, base)

    def _places(self, order: Order, staged: Sequence[str]) -> list[str]:
        """Each output as the action is told where to make it, of a scattered one the folder."""
        if self._own is not None:
            places = [own_name(path) for path in order.outputs]
            for piece in self._pieces:
                places[piece.position] = own_name(folder_of(piece.pattern)) or "."
            return places
        places = list(staged)
        for piece in self._pieces:
            places[piece.position] = os.path.dirname(staged[piece.position])
        return places

    async def _end_of(self, answer: object) -> None:
        """Sees to what a function returned, such as a coroutine; never suspends here."""
        finish(answer)

    def _facts(self, order: Order, staged: Sequence[str]) -> Facts:
        items: Sequence[Item] = order.items  # type: ignore[assignment]
        for item in order.items:
            if type(item) is int:
                items = [
                    self._lists[one][0] if type(one) is int else one  # type: ignore[misc]
                    for one in order.items
                ]
                break
        if self._own is not None or self._pieces:
            staged = self._places(order, staged)
        outputs: list[Item] = [
            staged[one] if type(one) is int else [staged[k] for k in one]  # type: ignore[union-attr]
            for one in order.output_items
        ]
        return Facts(items, outputs, order.values, order.seed, order.logs or (self._log,))

    def _words(
        self, prepared: Prepared, order: Order
    ) -> tuple[Sequence[str], Sequence[tuple[str, str]]]:
        """The words of the command, and the files to write before it, a long text among them."""
        private = self._own is not None
        folder = self._absolute() if private else self._stage.folder
        words = [word.replace(STAGE, folder) if STAGE in word else word for word in order.words]
        files = [
            (name, text.replace(STAGE, folder).replace(_STAGE_IN_JSON, folder))
            for name, text in order.files
        ]
        if prepared.work.kind != "shell" or len(words[-1]) <= commands.LONGEST_TEXT:
            return words, files
        files.append((_TEXT_FILE, words[-1]))
        path = _TEXT_FILE if private else f"{folder}/{_TEXT_FILE}"
        return commands.text_in_file(words, path), files

    def _private(self, order: Order, outputs: Sequence[str]) -> PrivateFolder:
        """The folder that a job has for itself."""
        inputs = self._all_inputs(order)
        return PrivateFolder(self._stage.folder, inputs, outputs, order.logs)

    def _absolute(self) -> str:
        """The folder that STAGE stands for, absolute."""
        folder = self._stage.folder if self._own is None else self._own.folder
        return f"{self._root}/{folder}"

    def _all_inputs(self, order: Order) -> list[str]:
        """Every input of a job, those included that it may only take by name."""
        found: list[str] = []
        for one in (*order.items, *order.checks):
            if type(one) is int:
                found += self._lists[one][0]
            elif type(one) is str:
                found.append(one)
            elif type(one) is tuple:
                found.append(one[0])
            elif one is not None:
                found += one  # type: ignore[arg-type]
        return found

    def _extra(self, order: Order) -> Variables:
        """The variables of a job alone."""
        if not order.extra_env:
            return ()
        return [
            (name, value.replace(STAGE, self._absolute()) if STAGE in value else value)
            for name, value in order.extra_env
        ]

    def _keep(self, length: int, secrets: Sequence[str], outcome: Outcome, notes: Notes) -> None:
        """Keeps what a job has printed, so many bytes."""
        offset = 0
        try:
            offset, length = self._kept.take(length, secrets)
        except OSError as error:
            length = 0
            notes.append(("log", f"what it printed cannot be kept: {_os_message(error)}"))
        outcome.log = (self._kept.path, offset, length)

    def _hide(
        self,
        secrets: Sequence[str],
        order: Order,
        outcome: Outcome,
        notes: Notes,
    ) -> None:
        """Takes the values of `envvars` out of all that is kept or told of a job."""
        outcome.message = hidden(outcome.message, secrets)
        outcome.traceback = hidden(outcome.traceback, secrets)
        notes[:] = [(kind, hidden(text, secrets)) for kind, text in notes]
        kept = list(order.logs)
        if NOTEBOOKS in order.words:
            kept.append(order.words[order.words.index(NOTEBOOKS) + 2])
        for path in dict.fromkeys(kept):
            if os.path.isfile(path):
                hide_in_file(path, secrets)

    def _run(
        self,
        prepared: Prepared,
        order: Order,
        words: Sequence[str],
        staged: Sequence[str],
        outcome: Outcome,
        notes: Notes,
    ) -> bool:
        """Runs the command; whether it ended well."""
        if self.stopping:
            outcome.end = End.STOPPED
            outcome.message = "stopped"
            return False
        variables = self._variables(prepared, order)
        try:
            if self._own is not None:
                os.chdir(self._own.folder)
            ran = self._ran(prepared, words, variables, staged)
        except UnfitError as error:
            outcome.message = error.message
            return False
        finally:
            if self._own is not None:
                os.chdir(self._root)
        outcome.cpu, outcome.memory = ran.cpu, ran.memory
        if ran.left:
            notes.append(left_behind(ran.left))
        if self.stopping:
            outcome.end = End.STOPPED
            outcome.message = f"stopped: {exit_text(ran.code)}"
            return False
        if ran.code:
            outcome.message = exit_text(ran.code)
        return ran.code == 0

    def _ran(
        self,
        prepared: Prepared,
        words: Sequence[str],
        variables: Mapping[bytes, bytes],
        staged: Sequence[str],
    ) -> commands.Ran:
        """Runs the command; without its shell where that does the same, in half the time."""

        def made() -> list[str]:
            return [self._absolute(), *(os.path.join(self._root, path) for path in staged)]

        if prepared.starts_plainly and tuple(words[:-1]) == SHELL_WORDS:
            found = without_shell(words[-1])
            if found is not None:
                # If it cannot be started the shell is the one to say so.
                with contextlib.suppress(UnfitError):
                    return commands.run(found[0], variables, self._on_command, made, found[1])
        return commands.run(words, variables, self._on_command, made)

    def _variables(self, prepared: Prepared, order: Order) -> dict[bytes, bytes]:
        if not prepared.variables:
            prepared.variables = _encoded(
                {
                    "PYTHONHASHSEED": "0",
                    **self._outside,
                    **environment_of(prepared.work, self._outside),
                }
            )
            prepared.starts_plainly = prepared.work.kind == "shell" and shell_starts_plainly(
                [*prepared.variables, *(os.fsencode(name) for name, _ in order.extra_env)]
            )
        if not prepared.work.seeded and not order.extra_env:
            return prepared.variables
        made = dict(prepared.variables)
        if prepared.work.seeded:
            made[SEED_VARIABLE.encode()] = b"%d" % small_seed(order.seed)
        made.update(_encoded(dict(self._extra(order))))
        return made


def _let_go() -> None:
    """Closes the files that nobody can reach any more, once they are whole.

    Where objects refer to each other the collector may close a file before the text stream that
    still holds lines for it.
    """
    for one in gc.get_objects():
        if isinstance(one, io.TextIOWrapper):
            with contextlib.suppress(ValueError, OSError):  # closed, or not for writing
                one.flush()
    gc.collect()


def _encoded(variables: Mapping[str, str]) -> dict[bytes, bytes]:
    """Variables as a process is started with them; done once for what all jobs of a rule share."""
    encode = os.fsencode
    return {encode(name): encode(value) for name, value in variables.items()}


def _signature_now(path: str) -> bytes:
    """The signature of something that is no regular file.

    Raises:
        ChangedError: if it is neither a file nor a folder: a FIFO would block whoever opens it.
    """
    found = signature(path)
    if found is None:
        kind = "a FIFO" if stat.S_ISFIFO(os.stat(path).st_mode) else "neither file nor folder"
        raise ChangedError(f"the input {path} is {kind}")
    return found


def _unread(path: str, error: OSError) -> UnreadError:
    return UnreadError(f"the input {unreadable(path, error).what}")


def _is_older(path: str, sign: bytes, since_ns: int) -> bool:
    """Whether a file was last changed well before that time, by its own times."""
    if os.path.isdir(path):  # its signature tells no times
        return False
    last: int = max(SIGNATURE.unpack(sign)[1:3])
    return last < since_ns - Clock.FOREIGN_NS


def _let_write(shape: Shape, outputs: Sequence[str]) -> None:
    """Lets an action go on with what is kept for it, and was protected when it was made."""
    for path, keep, protected in zip(outputs, shape.keep, shape.protected, strict=True):
        if keep and protected:
            path = path.rstrip("/")
            _add_write(path)
            for folder, folders, names in os.walk(path):
                for name in (*folders, *names):
                    _add_write(os.path.join(folder, name))


def _add_write(path: str) -> None:
    if os.path.islink(path) or not os.path.exists(path):
        return
    mode = stat.S_IMODE(os.stat(path).st_mode)
    if not mode & stat.S_IWUSR:
        os.chmod(path, mode | stat.S_IWUSR)


def _os_message(error: OSError) -> str:
    said = error.strerror or str(error)
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return f"{' → '.join(names)}: {said}" if names else said
