"""One look at a project: workflow, records, plan, and what is fresh; shared by all commands.

Changes nothing. What runs jobs is built on top of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from fileflow.engine.facts import World
from fileflow.engine.runners import check
from fileflow.errors import Collector, FileflowError
from fileflow.fast import NAME, STATE
from fileflow.language.loader import load_workflow
from fileflow.language.templates import Template, fill_plain
from fileflow.model.rules import Argv, Rule, Run, Script, Shell, Workflow
from fileflow.planning.binding import Binding, Parameter, bind
from fileflow.planning.filling import PLAIN_OPTIONS, JobValues
from fileflow.planning.known import Known
from fileflow.planning.plan import Plan, Planner, Wishes, wanted_rows
from fileflow.planning.recipes import Recipe, action_parts, recipe_of, words_of
from fileflow.planning.staleness import Staleness
from fileflow.planning.tables import RuleTable
from fileflow.world.code import Code, CodeReader
from fileflow.world.files import RealDisk, file_digest
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
    """A plan and what is fresh in it; `asyncs` are the rules whose functions are `async def`."""

    plan: Plan
    recipes: dict[str, Recipe]
    staleness: Staleness
    bindings: dict[str, Binding] = field(default_factory=dict)
    asyncs: set[str] = field(default_factory=set)


class Session:
    """A project as it stands; made once for a command, in the Workflowfile's folder."""

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
        self.disk = RealDisk(self.root)
        self.workflow: Workflow = load_workflow(
            self.disk,
            os.path.basename(file),
            self.root,
            config_args=over.config,
            seed=over.seed,
            resources_args=over.resources,
            retries=over.retries,
        )
        self.records = Records.load(STATE, writable=writable)
        self.world = World(self.records)
        self.code = CodeReader(self.root)
        self.known = Known()
        self.called: set[tuple[str, ...]] = set()
        self._groups = 0

    def plan(self, wishes: Wishes) -> Plan:
        """The jobs that the wishes need, as far as they are known."""
        plan = Planner(self.workflow, self.world, self.known, self._groups).plan(wishes)
        self._groups += len(plan.joins.groups)
        return plan

    def decide(
        self,
        plan: Plan,
        *,
        rerun: bool = False,
        describe: Describe | None = None,
        built: Collection[tuple[str, ...]] = (),
    ) -> Decided:
        """What is fresh in a plan.

        Args:
            plan: made by `plan`.
            rerun: whether everything is to be built again.
            describe: asks what a function takes where its source does not say.
            built: the identities of the jobs that this run has built already.
        """
        self.world.assume_nothing()
        decided = Decided(plan, {}, Staleness(plan, {}, self.world, rerun=rerun))
        errors = Collector()
        for table in plan.tables.values():
            if table.rule.asks_only:
                continue
            try:
                self._prepare(table, decided, describe)
            except FileflowError as error:
                errors.add(error)
        errors.raise_if_any()
        decided.staleness = Staleness(plan, decided.recipes, self.world, rerun=rerun, built=built)
        decided.staleness.decide()
        return decided

    def _prepare(self, table: RuleTable, decided: Decided, describe: Describe | None) -> None:
        rule = table.rule
        action = rule.action
        table.make_links()
        code: Code | None = None
        takes: tuple[tuple[str, ...], bool] | None = None
        if isinstance(action, Run):
            code = self._code(rule, action)
            parameters: Sequence[Parameter] | None = None
            signature = self.code.signature(action.module, action.function)
            if signature is not None:
                parameters = signature.parameters
                check(rule, signature.is_async)
                if signature.is_async:
                    decided.asyncs.add(rule.name)
            elif describe is not None:
                parameters = describe(action.module, action.function)
            if parameters is not None:
                binding = bind(table, parameters)
                decided.bindings[rule.name] = binding
                if signature is not None:
                    takes = (tuple(dict.fromkeys(binding.names)), binding.whole_config)
        elif isinstance(action, Script):
            code = self._script_code(table, action)
        decided.recipes[rule.name] = recipe_of(
            table,
            root_seed=self.workflow.seed,
            code=code,
            takes=takes,
            named_files=self._named_files(table),
        )

    def _code(self, rule: Rule, action: Run) -> Code:
        try:
            return self.code.function(action.module, action.function)
        except FileflowError as error:
            raise FileflowError(error.what, place=action.place, hint=error.hint) from None

    def _script_code(self, table: RuleTable, action: Script) -> Code | None:
        if action.path.placeholders and any(h.root != "config" for h in action.path.placeholders):
            return None
        path = fill_plain(action.path, JobValues(table, 0).resolve, PLAIN_OPTIONS)
        try:
            return self.code.script(path)
        except FileflowError as error:
            raise FileflowError(error.what, place=action.place, hint=error.hint) from None

    def script_files(self, table: RuleTable) -> tuple[str, ...]:
        """The project files that a script's code was read from, and those looked for in vain."""
        action = table.rule.action
        code = self._script_code(table, action) if isinstance(action, Script) else None
        return (*code.files, *code.absent) if code is not None else ()

    def _named_files(self, table: RuleTable) -> dict[str, bytes]:
        """Project files that the command names word for word, as far as no rule makes them.

        One that appeared after the last record was written is no reason to build again: where
        the rule has a record, only the files that it names count.
        """
        rule = table.rule
        action = rule.action
        templates: list[Template] = [*rule.prefix]
        if isinstance(action, Shell):
            templates.append(action.template)
        elif isinstance(action, Argv):
            templates += action.words
        elif isinstance(action, Script):
            templates += action.args or ()
        words = dict.fromkeys(word for template in templates for word in words_of(template))
        found: dict[str, bytes] = {}
        for word in words:
            path = os.path.normpath(word)
            if path.startswith(("..", "/")) or path in found or not os.path.isfile(path):
                continue
            if not self.world.has_record(path):
                found[path] = file_digest(path)
        if not found:
            return found
        before = self._recorded_files(table)
        if before is not None:
            found = {path: digest for path, digest in found.items() if path in before}
        return found

    def _recorded_files(self, table: RuleTable) -> set[str] | None:
        for row in wanted_rows(table)[:1]:
            outputs = table.outputs_of(row)
            record = self.records.jobs.get(outputs[0]) if outputs else None
            if record is not None:
                recipe = record.head.facts.get("recipe")
                if isinstance(recipe, dict) and all(
                    recipe.get(key) == value for key, value in action_parts(table.rule).items()
                ):
                    named = recipe.get("files")
                    return set(named) if isinstance(named, dict) else set()
        return None
