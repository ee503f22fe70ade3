"""`fileflow check`: everything that can be wrong in a Workflowfile, found without running anything.

Gathers mistakes that a run would refuse, for all rules at once, and notes on what is odd but works.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from fileflow.commands.choosing import askable_rules
from fileflow.commands.unused import Unused, unused_config, unused_wildcards
from fileflow.engine.knowing import plan_known
from fileflow.engine.session import Decided, Describe, Session
from fileflow.errors import Collector, FileflowError, counted
from fileflow.model.rules import Run
from fileflow.planning.binding import Binding
from fileflow.planning.calling import asking_of
from fileflow.planning.closure import Closure
from fileflow.planning.fillable import check_lookups
from fileflow.planning.known import is_found
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.plan import Plan, Target, Wishes
from fileflow.planning.tables import RuleTable, wanted_rows


def check(
    session: Session,
    say: Callable[[str], None],
    *,
    describe: Describe | None = None,
    as_json: bool = False,
) -> int:
    """Prints notes, and at the end that nothing is wrong.

    Args:
        session: the project.
        say: takes lines of results.
        describe: asks what a function takes where its source does not say.
        as_json: prints mistakes too, and gives exit status 2 for them, rather than raise them.

    Raises:
        FileflowError: the mistake, or all mistakes (`Mistakes`), unless they are printed.
    """
    checking = _Checking(session)
    checking.plans()
    checking.overlaps()
    bindings = checking.actions(describe)
    notes = list(checking.notes)
    notes += [
        f"{counted(number, 'file')} passed over as values of {name}: rules make them"
        for name, number in session.workflow.passed_over.items()
    ]
    notes += [
        f"rule {name} is not there, and not checked: it is only when {rule.why}"
        for name, rule in session.workflow.absent.items()
    ]
    notes += list(_unused(session, bindings, checking.config_taken))
    errors = checking.errors.errors
    rules = len(session.workflow.rules)
    jobs = sum(table.count for table in checking.tables() if not table.rule.asks_only)
    if as_json:
        return _as_json(say, rules, jobs, errors, [*session.workflow.warnings, *notes])
    for note in (*session.workflow.warnings, *notes):
        say(note)
    checking.errors.raise_if_any()
    say(f"{counted(rules, 'rule')}, {counted(jobs, 'job')}: nothing wrong")
    return 0


def refused(error: FileflowError, say: Callable[[str], None]) -> int:
    """Prints, as JSON, mistakes with which the Workflowfile could not even be read."""
    return _as_json(say, 0, 0, error.errors, [])


def _as_json(
    say: Callable[[str], None],
    rules: int,
    jobs: int,
    errors: Sequence[FileflowError],
    notes: Sequence[str],
) -> int:
    facts = {
        "rules": rules,
        "jobs": jobs,
        "errors": [_facts(error) for error in errors],
        "notes": notes,
    }
    say(json.dumps(facts, indent=2))
    return int(errors[0].status) if errors else 0


def _facts(error: FileflowError) -> dict[str, object]:
    place = error.place
    return {
        "what": error.what,
        "file": place.source.name if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "hint": error.hint,
    }


def _unused(session: Session, bindings: Mapping[str, Binding], config_taken: bool) -> Iterator[str]:
    found: list[tuple[str, list[Unused]]] = [
        ("no rule uses the values of", unused_wildcards(session)),
        ("nothing names", [] if config_taken else unused_config(session, bindings)),
    ]
    for words, unused in found:
        for one in unused:
            yield f"{one.place}: {words} {one.name}"


def _optional_paths(plans: Iterable[Plan]) -> set[str]:
    """The paths that the jobs of these plans take where they are there."""
    found: set[str] = set()
    for plan in plans:
        for table in plan.tables.values():
            for link in table.links:
                if link.entry.optional:
                    found.update(link.paths)
                    found.update(path for group in link.groups for path in group.paths)
    return found


class _Checking:
    """The checks that go through all rules, and what they found."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.errors = Collector()
        self.notes: list[str] = []
        self.closure = Closure(session.workflow, session.world)
        self.planned: dict[str, RuleTable] = {}
        self.deferred: set[int] = set()
        self.config_taken = False

    def tables(self) -> Iterator[RuleTable]:
        """The jobs of each rule, of rules whose values are in order."""
        for name in self.session.workflow.rules:
            try:
                table = self.closure.table(name)
                table.make_links()
            except FileflowError as error:
                self.errors.add(error)
            else:
                yield table

    def plans(self) -> None:
        """Plans what can be asked for by name: all in one go or, to name each mistake, singly."""
        targets = askable_rules(self.session.workflow)
        try:
            self._note_lacks(self._plan(targets))
        except FileflowError as error:
            if not self.session.workflow.rules:
                self.errors.add(error)
            fit: list[Plan] = []
            failed: list[tuple[Target, FileflowError]] = []
            for target in targets:
                try:
                    fit.append(self._plan([target]))
                    self._note_lacks(fit[-1])
                except FileflowError as error:
                    failed.append((target, error))
            spared = _optional_paths(fit)
            for target, mistake in failed:
                if not self._is_spared(target, spared):
                    self.errors.add(mistake)

    def _plan(self, targets: Sequence[Target], *, keep_going: bool = False) -> Plan:
        wishes = Wishes(targets=tuple(targets), keep_going=keep_going)
        plan = plan_known(self.session, wishes).plan
        self.planned |= {table.rule.name: table for table in plan.tables.values()}
        self.deferred.update(plan.deferred)
        for error in plan.mistakes():
            self.errors.add(error)
        return plan

    def _is_spared(self, target: Target, optional: set[str]) -> bool:
        """Whether a rule only lacks sources of files that others take where they are there."""
        try:
            plan = self._plan([target], keep_going=True)
        except FileflowError:
            return False
        lacking = [plan.tables[job >> SHIFT].outputs_of(job & ROW) for job in plan.blocked]
        if not lacking or not all(optional.intersection(paths) for paths in lacking):
            return False
        gone = [one.path for one in plan.missing]
        first = f"{gone[0]} is" if len(gone) == 1 else f"{len(gone)} files ({gone[0]}, …) are"
        self.notes.append(f"rule {target.name}: {first} not there; what asks for it is optional")
        return True

    def _note_lacks(self, plan: Plan) -> None:
        """Optional patterns that match nothing at all."""
        for table in plan.tables.values():
            lacks: dict[str, bool] = {}
            for link in table.links:
                entry = link.entry
                if not entry.optional or entry.absent or link.pattern is None:
                    continue
                # With values of its own one entry is several links.
                note = f"{entry.place}: no file matches {link.pattern} (it is optional)"
                lacks[note] = lacks.get(note, True) and not any(
                    link.paths_of(row) for row in range(table.count) if table.wanted[row]
                )
            for note, nothing in lacks.items():
                if nothing and note not in self.notes:
                    self.notes.append(note)

    def overlaps(self) -> None:
        """Pairs of rules that make one path: a mistake where it cannot be told which is meant."""
        shared: dict[tuple[str, str], str] = {}
        for table in list(self.tables()):
            for k in range(len(table.shape.outputs)):
                for path in table.output_paths(k):
                    makers = {job >> SHIFT for job in self.closure.finder.makers(path, first=True)}
                    if len(makers) > 1:
                        names = sorted(self.closure.tables[number].rule.name for number in makers)
                        for pair in combinations(names, 2):
                            shared.setdefault(pair, path)
        for (one, other), path in shared.items():
            try:
                plan = self._plan([Target("", path)])
            except FileflowError as error:
                told = {mistake.what for mistake in self.errors.errors}  # where it is taken
                for mistake in error.errors:
                    if mistake.what not in told:
                        self.errors.add(mistake)
                continue
            maker = next((plan.label(job) for job in plan.jobs() if job in plan.asked), "no rule")
            self.notes.append(f"rules {one} and {other} both make {path}: {maker} is preferred")

    def actions(self, describe: Describe | None) -> dict[str, Binding]:
        """Binds the functions, reads the code and fills in the texts of all rules."""
        bindings: dict[str, Binding] = {}
        for table in list(self.tables()):
            try:
                self._calls(table, describe)
                if table.rule.asks_only:
                    continue
                if table.sites or any(entry.rule is not None for entry in table.rule.inputs):
                    table = self.planned.get(table.rule.name, table)
                decided = self.session.decide(self._alone(table), describe=describe)
                bindings |= decided.bindings
                self._fill(table, decided)
                if describe is not None:
                    self._import(table, describe)
            except FileflowError as error:
                self.errors.add(error)
        return bindings

    def _calls(self, table: RuleTable, describe: Describe | None) -> None:
        """Binds the functions of a rule's calls, and imports them."""
        for site in table.sites:
            call = site.call
            asking = asking_of(table, site, self.session.answers.parameters(call))
            self.config_taken |= asking.takes_config
            if describe is not None:
                self.session.answers.describe(call)

    def _import(self, table: RuleTable, describe: Describe) -> None:
        """Whether the function of a rule can be imported, also where its source says enough."""
        action = table.rule.action
        if isinstance(action, Run) and self.session.code.signature(action.module, action.function):
            try:
                describe(action.module, action.function)
            except FileflowError as error:
                raise FileflowError(error.what, place=action.place, hint=error.hint) from None

    def _alone(self, table: RuleTable) -> Plan:
        """A plan in which no job is wanted, so that only the rule itself is looked at."""
        closure = self.closure
        tables = {table.number: table}
        return Plan(
            self.session.workflow,
            tables,
            closure.by_rule,
            closure.tables,
            closure.joins,
            closure.finder,
        )

    def _fill(self, table: RuleTable, decided: Decided) -> None:
        recipe = decided.recipes[table.rule.name]
        rows: Sequence[int] = range(table.count)
        if table is self.planned.get(table.rule.name):
            # Of others it is not known what calls and rules give.
            rows = [row for row in wanted_rows(table) if table.base | row not in self.deferred]
        elif table.sites:
            rows = ()
        for name, (place, hint) in recipe.singles.items():
            table.check_single(name, place, hint, rows)
        check_lookups(table, recipe.holes, rows)
        if table.rule.action is not None and not any(map(is_found, table.relations)):
            self.session.try_texts(table, decided, rows)
        for row in rows:
            recipe.digest(row)
