"""One look at a project: workflow, records, plan, and what is fresh; shared by all commands.

Changes no file of the project, and of its state only notes. What runs jobs is built on top of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from importlib.util import find_spec

from fileflow.engine.asking import Answering
from fileflow.engine.commanded import CommandFiles
from fileflow.engine.facts import World
from fileflow.engine.namesakes import refuse_namesakes
from fileflow.engine.orders import Orders, is_notebook, runs_in_slot
from fileflow.engine.runners import check
from fileflow.engine.since import JOURNAL
from fileflow.errors import Collector, FileflowError
from fileflow.fast import NAME, STATE
from fileflow.garbage import no_collection
from fileflow.language.loader import load_workflow
from fileflow.language.templates import fill_plain
from fileflow.lean import dataclass, field, replace
from fileflow.model.ports import Parameter
from fileflow.model.rules import Rule, Run, Script, Workflow
from fileflow.model.work import Work
from fileflow.planning.binding import Binding, bind
from fileflow.planning.calling import Asking, asking_of
from fileflow.planning.fillable import check_lookups, check_picked, of_job, tries
from fileflow.planning.filling import PLAIN_OPTIONS, JobValues
from fileflow.planning.joined import Joins
from fileflow.planning.known import Known, is_found
from fileflow.planning.plan import Plan, Wishes
from fileflow.planning.planner import make_plan
from fileflow.planning.reasons import State
from fileflow.planning.recipes import Recipe, is_static, recipe_of
from fileflow.planning.schedule import JobState, Schedule
from fileflow.planning.staleness import Staleness
from fileflow.planning.tables import RuleTable, wanted_rows
from fileflow.world.code import Code, CodeReader
from fileflow.world.files import Clock, RealDisk, digest, hashing, signature
from fileflow.world.records import Records

Describe = Callable[[str, str], Sequence[Parameter]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the command line says over the file."""

    config: tuple[str, ...] = ()
    seed: int | None = None
    resources: tuple[str, ...] = ()
    retries: int | None = None


def find_workflowfile(given: str | None, start: str) -> str:
    """The absolute path of the Workflowfile: the one given, or the nearest upward from `start`.

    Raises:
        FileflowError: if there is none.
    """
    if given is not None:
        path = os.path.abspath(os.path.join(start, given))
        if os.path.isdir(path):
            path = os.path.join(path, NAME)
        if not os.path.isfile(path):
            raise FileflowError(f"there is no file {given}")
        return path
    folder = os.path.abspath(start)
    while True:
        path = os.path.join(folder, NAME)
        if os.path.isfile(path):
            return path
        above = os.path.dirname(folder)
        if above == folder:
            break
        folder = above
    raise FileflowError(
        f"there is no {NAME} in {start} or above it",
        hint="write one (see docs/language.md), or name it with -W FILE",
    )


@dataclass(slots=True)
class Decided:
    """A plan and what is fresh in it; `asyncs` are the rules whose functions are `async def`,
    `askings` says for each rule how the functions of its calls are asked, by site."""

    plan: Plan
    recipes: dict[str, Recipe]
    staleness: Staleness
    bindings: dict[str, Binding] = field(default_factory=dict)
    asyncs: set[str] = field(default_factory=set)
    askings: dict[str, dict[int, Asking]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Growth:
    """A plan that is being run and is to grow, and where its jobs stand."""

    decided: Decided
    schedule: Schedule

    @property
    def staleness(self) -> Staleness:
        """What was decided of the plan."""
        return self.decided.staleness

    def outlook(self, number: int) -> bytes:
        """For each row of a table its state as it is now, `OPEN` if it is not settled."""
        return self.schedule.outlook(number)

    def is_built(self, table: RuleTable, row: int) -> bool:
        """Whether a job of a table that stayed was built by this run."""
        old = self.decided.plan.tables.get(table.number)
        if old is None or old.columns is not table.columns:
            return False
        return self.schedule.states[table.number][row] == JobState.BUILT

    def built(self) -> Iterator[tuple[str, ...]]:
        """The identities of all jobs that were built."""
        for number, states in self.schedule.states.items():
            for row, state in enumerate(states):
                if state == JobState.BUILT:
                    yield self.decided.plan.tables[number].identity(row)

    def settled(self, job: int) -> bool:
        """Whether what a job tells is known."""
        return self.schedule.is_settled(job) or self.staleness.settled(job)


class Session:
    """A project as it stands; made once for a command, in the Workflowfile's folder.

    Attributes:
        shortcuts: whether many jobs are decided at once, by what is known since the last run.
            Without them each job is looked at by itself: what is decided is the same.
        started: whether jobs run already: from then on a text that cannot be filled in is the
            failure of its job.
        as_recorded: whether what is to be built anew though nothing has changed (`always`,
            `expires`) counts as fresh: for who asks what the last run found, and starts none.
    """

    shortcuts: bool = True
    started: bool = False
    as_recorded: bool = False

    def __init__(
        self,
        file: str,
        overrides: Overrides | None = None,
        *,
        writable: bool = False,
    ) -> None:
        """Reads the Workflowfile at the absolute path `file`, and the records.

        Raises:
            FileflowError: for whatever is wrong in the file, or a state that cannot be read.
        """
        over = overrides or Overrides()
        self.root = os.path.dirname(file)
        os.chdir(self.root)
        self.clock: Clock | None = None
        if writable:
            # Before the first look at anything: what is younger than this proves nothing.
            os.makedirs(STATE, exist_ok=True)
            self.clock = Clock(STATE)
        self.disk = RealDisk(self.root)
        with no_collection():
            self.workflow: Workflow = load_workflow(
                self.disk,
                os.path.basename(file),
                self.root,
                config_args=over.config,
                seed=over.seed,
                resources_args=over.resources,
                retries=over.retries,
            )
        try:
            journal = signature(JOURNAL)
        except OSError:  # reading it says what is wrong
            journal = None
        self.records = Records.load(STATE, writable=writable)
        algorithm = self.records.notes.get(("digests", "algorithm"))
        if isinstance(algorithm, str):
            hashing.use(algorithm)
        elif writable:
            self.records.note("digests", "algorithm", hashing.algorithm)
        self.world = World(self.records, journal)
        self.code = CodeReader(self.root, read=self._read_code)
        self._codes: dict[str, Code] = {}
        self._code_bytes: dict[str, bytes] = {}
        self._files_of: dict[str, Collection[str]] = {}
        self.known = Known()
        self.called: set[tuple[str, ...]] = set()
        self._joins: Joins | None = None
        self.answers = Answering(
            self.root,
            self.world,
            self.records,
            self.code,
            self.called,
            lambda files: self._changed_among(map(inside_path, files)),
            writable=writable,
        )
        self._works: dict[str, int] = {}
        self._commanded = CommandFiles(self.world, self.disk, self.code)

    def _read_code(self, path: str) -> bytes | None:
        """The bytes of a module, with its signature kept: it shapes the plan."""
        inside = inside_path(path)
        self.disk.see(inside)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            return None
        self._code_bytes[inside] = data
        return data

    def numbered(self, work: Work) -> Work:
        """A rule's work under a number of its own: slots know earlier ones by theirs."""
        key = repr(work)
        return replace(work, key=self._works.setdefault(key, len(self._works)))

    def close(self) -> None:
        """Ends what was started to look at the project."""
        self.answers.close()

    def plan(self, wishes: Wishes, grows: Plan | None = None) -> Plan:
        """The jobs that the wishes need, as far as they are known.

        `grows`: a plan of these wishes that was made in this run when less was known.
        """
        self.world.folders.clear()
        self.world.forget_below_made()
        with no_collection():
            plan = make_plan(
                self.workflow, self.world, wishes, self.known, self._joins, self.answers, grows
            )
        self._joins = plan.joins
        return plan

    def decide(
        self,
        plan: Plan,
        *,
        rerun: bool = False,
        describe: Describe | None = None,
        ready: bool = False,
        built: Collection[tuple[str, ...]] = (),
        before: Growth | None = None,
    ) -> Decided:
        """What is fresh in a plan.

        Args:
            plan: made by `plan`.
            rerun: whether everything is to be built again.
            describe: asks what a function takes where its source does not say.
            ready: whether jobs are to run, so that what they need of the world outside is asked.
            built: the identities of the jobs that this run has built already.
            before: the plan from which this one grew: what is the same is not decided again.
        """
        self.world.assume_nothing()
        if built and self.world.since is not None:
            self.world.since.forget()
        decided = Decided(plan, {}, Staleness(plan, {}, self.world, rerun=rerun))
        errors = Collector()
        for table in plan.tables.values():
            if table.rule.asks_only:
                continue
            if before is not None and table.number in plan.same:
                _take_over(table.rule.name, decided, before.decided)
                continue
            try:
                self._prepare(table, decided, describe)
            except FileflowError as error:
                errors.add(error)
        if not self.started:
            self._foresee(plan, errors)
        errors.raise_if_any()
        decided.staleness = Staleness(
            plan,
            decided.recipes,
            self.world,
            rerun=rerun,
            built=built,
            shortcuts=self.world if self.shortcuts else None,
            before=before,
            as_recorded=self.as_recorded,
        )
        with no_collection():
            decided.staleness.decide()
        if ready:
            self._check_ready(decided)
        return decided

    def _foresee(self, plan: Plan, errors: Collector) -> None:
        """Collects what is wrong with actions whose jobs are not known yet: why run for them?"""
        aside = Decided(plan, {}, Staleness(plan, {}, self.world))
        for name in plan.waits:
            table = plan.by_rule[name]
            if table.number in plan.tables or table.rule.asks_only or table.sites:
                continue  # what calls will give is not known
            try:
                self._prepare(table, aside, None)
            except FileflowError as error:
                errors.add(error)

    def _check_ready(self, decided: Decided) -> None:
        """What jobs that may run need of the world outside; those who only look do not ask.

        Raises:
            FileflowError: for variables that are not set, what notebooks need, or texts that cannot
                be filled in.
        """
        errors = Collector()
        for table in decided.plan.tables.values():
            rule = table.rule
            if rule.asks_only or not any(decided.staleness.states[table.number]):
                continue
            for name in rule.envvars:
                if name not in os.environ:
                    errors.add(
                        FileflowError(
                            f"the variable {name} is not set, which rule {rule.name!r} needs",
                            place=rule.place_of("envvars"),
                            hint=f"set it before fileflow starts: export {name}=…",
                        )
                    )
            action = rule.action
            if isinstance(action, Script) and is_notebook(action) and not rule.prefix:
                lacks = [one for one in ("nbclient", "ipykernel") if find_spec(one) is None]
                if lacks:
                    errors.add(
                        FileflowError(
                            f"notebooks need {' and '.join(lacks)}",
                            place=action.place,
                            hint="install the extra: pip install 'fileflow[notebook]'",
                        )
                    )
            if not self._fails_by_job(table):
                try:
                    self._try_texts(table, decided)
                except FileflowError as error:
                    errors.add(error)
        errors.raise_if_any()

    def _fails_by_job(self, table: RuleTable) -> bool:
        """Whether a text that cannot be filled in is the failure of its job, not a mistake that is
        told before the run: where the run has begun, or values are found by one."""
        return self.started or any(map(is_found, table.relations))

    def _try_texts(self, table: RuleTable, decided: Decided) -> None:
        """Fills in the texts of jobs that may run, as far as one may tell something new."""
        states = decided.staleness.states[table.number]
        blocked = decided.plan.blocked
        rows = (
            row
            for row, state in enumerate(states)
            if state not in (State.FRESH, State.ABSENT) and table.base | row not in blocked
        )
        self.try_texts(table, decided, rows)

    def try_texts(self, table: RuleTable, decided: Decided, rows: Iterable[int]) -> None:
        """Fills in the texts of these jobs, as far as one may tell something new.

        Raises:
            FileflowError: for a text that cannot be filled in, or a script that is not there.
        """
        worth = tries(table, decided.recipes[table.rule.name].holes, rows)
        if not worth:  # so it is for most rules
            return
        action = table.rule.action
        orders = Orders(
            table,
            decided.bindings.get(table.rule.name),
            root=self.root,
            root_seed=self.workflow.seed,
            cores=int(table.rule.cores.number),
        )
        for row in worth:
            try:
                orders.rehearse(row)
                if isinstance(action, Script):
                    self._code_of(JobValues(table, row), action)
            except FileflowError as error:
                raise of_job(error, table, row) from None

    def _prepare(self, table: RuleTable, decided: Decided, describe: Describe | None) -> None:
        rule = table.rule
        action = rule.action
        self._files_of.pop(rule.name, None)  # a plan that has grown may have more scripts
        table.make_links()
        decided.askings[rule.name] = {
            site.number: asking_of(table, site, self.answers.parameters(site.call))
            for site in table.sites
        }
        code: Code | None = None
        takes: tuple[tuple[str, ...], bool] | None = None
        if isinstance(action, Run):
            code = self._code(rule, action)
            parameters: Sequence[Parameter] | None = None
            signature = self.code.signature(action.module, action.function)
            if signature is not None:
                parameters = signature.parameters
                check(rule, signature.is_async, signature.is_generator)
                if signature.is_async:
                    decided.asyncs.add(rule.name)
            elif describe is not None:
                try:
                    parameters = describe(action.module, action.function)
                except FileflowError as error:
                    raise error.at(action.place) from None
            if parameters is not None:
                binding = bind(table, parameters)
                decided.bindings[rule.name] = binding
                if signature is not None:
                    takes = (tuple(dict.fromkeys(binding.names)), binding.whole_config)
        row_code = None
        if isinstance(action, Script):
            code = self._script_code(table, action)
            row_code = self._row_code(table, action)
        named = self._commanded.of(table, decided.plan)
        recipe = decided.recipes[rule.name] = recipe_of(
            table,
            root_seed=self.workflow.seed,
            code=code,
            takes=takes,
            named_files=named.files,
            row_files=named.of_row,
            row_code=row_code,
        )
        if not self._fails_by_job(table):
            for name, (place, hint) in recipe.singles.items():
                table.check_single(name, place, hint, wanted_rows(table))
            check_lookups(table, recipe.holes, wanted_rows(table))
            check_picked(table, wanted_rows(table))

    def _code(self, rule: Rule, action: Run) -> Code:
        try:
            found = self.code.function(action.module, action.function)
        except FileflowError as error:
            raise FileflowError(error.what, place=action.place, hint=error.hint) from None
        refuse_namesakes(found, action.place)
        return found

    def _script_code(self, table: RuleTable, action: Script) -> Code | None:
        """The code of a script that all jobs of a rule share."""
        rows = wanted_rows(table)[:1]
        if not rows or not all(is_static(hole) for hole in action.path.placeholders):
            return None
        return self._code_of(JobValues(table, rows[0]), action)

    def _row_code(self, table: RuleTable, action: Script) -> Callable[[JobValues], object] | None:
        """The way to the digest of each job's own script, where the path has wildcards."""
        if all(is_static(hole) for hole in action.path.placeholders):
            return None

        def digest(job: JobValues) -> object:
            code = self._code_of(job, action)
            return code.digest.hex() if code is not None else None

        return digest

    def _code_of(self, job: JobValues, action: Script) -> Code | None:
        """The code of a job's script; None of one that is an input, whose content counts anyway."""
        if any(hole.root in ("input", "output", "log") for hole in action.path.placeholders):
            return None
        path = fill_plain(action.path, job.resolve, PLAIN_OPTIONS)
        if os.path.normpath(path) in job.input_paths():
            return None
        if path not in self._codes:
            try:
                self._codes[path] = self.code.script(path)
            except FileflowError as error:
                raise FileflowError(error.what, place=action.place, hint=error.hint) from None
        if runs_in_slot(job.table.rule):
            cure = "or the rule an interpreter of its own: prefix: [env]"
            refuse_namesakes(self._codes[path], action.place, cure=cure)
        return self._codes[path]

    def changed_code(self, table: RuleTable) -> str | None:
        """A file of a rule's action, if one has changed since the plan was made of it."""
        return self._changed_among(self._action_files(table))

    def _changed_among(self, paths: Iterable[str]) -> str | None:
        return next((path for path in paths if not self._is_as_it_was(path)), None)

    def _is_as_it_was(self, path: str) -> bool:
        """Whether a file of code has the signature that it had when it was read, or its bytes."""
        try:
            if signature(path) == self.disk.seen.get(path):
                return True
            if path not in self._code_bytes:
                return digest(path) == self.world.content(path)
            with open(path, "rb") as file:
                return file.read() == self._code_bytes[path]
        except OSError:
            return False

    def reads_otherwise(self, path: str) -> bool:
        """Whether a file that was read to make the plan holds other bytes now."""
        before = self._code_bytes.get(path) or self.disk.was_read(path)
        try:
            with open(path, "rb") as file:
                return before is not None and file.read() != before
        except OSError:
            return True

    def _action_files(self, table: RuleTable) -> Collection[str]:
        """The files that an action consists of, as far as it does not read them as inputs."""
        name = table.rule.name
        found = self._files_of.get(name)
        if found is None:
            action = table.rule.action
            code: list[Code | None] = []
            if isinstance(action, Run):
                code = [self.code.function(action.module, action.function)]
            elif isinstance(action, Script):
                code = self._script_codes(table, action)
            files = [inside_path(path) for one in code if one is not None for path in one.files]
            found = self._files_of[name] = {*files, *self._commanded.found.get(name, ())}
        return found

    def absent_modules(self, table: RuleTable) -> tuple[str, ...]:
        """Where modules that scripts import were looked for in vain."""
        action = table.rule.action
        if not isinstance(action, Script):
            return ()
        found: dict[str, None] = {}
        for code in self._script_codes(table, action):
            if code is not None:
                found.update(dict.fromkeys(code.absent))
        return tuple(found)

    def _script_codes(self, table: RuleTable, action: Script) -> list[Code | None]:
        if all(is_static(hole) for hole in action.path.placeholders):
            return [self._script_code(table, action)]
        return [self._code_of(JobValues(table, row), action) for row in wanted_rows(table)]


def inside_path(path: str) -> str:
    """The path of a module or script as the project knows it."""
    inside = os.path.relpath(path)
    return path if inside.startswith("..") else inside


def _take_over(rule: str, decided: Decided, before: Decided) -> None:
    """What a rule's jobs are made by is as it was."""
    decided.recipes[rule] = before.recipes[rule]
    decided.askings[rule] = before.askings[rule]
    if rule in before.bindings:
        decided.bindings[rule] = before.bindings[rule]
    if rule in before.asyncs:
        decided.asyncs.add(rule)
