"""`fileflow clean`: removes outputs that fileflow made and nobody has changed since.

What it does not know to be its own work stays: a file without a record, or changed by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from fileflow.commands.choosing import asked_jobs, plan_of_everything, plan_of_targets
from fileflow.engine.orphans import is_orphan
from fileflow.engine.project import Project
from fileflow.engine.session import Session
from fileflow.errors import Exit, FileflowError, counted, first_dozen, some_of
from fileflow.lean import dataclass, field
from fileflow.model.patterns import natural_key, normal
from fileflow.model.rules import Rule
from fileflow.planning.closure import Closure
from fileflow.planning.finding import Finder
from fileflow.planning.known import is_found
from fileflow.planning.links import ROW, SHIFT
from fileflow.planning.plan import Target
from fileflow.planning.unknowns import Unknowns
from fileflow.world.files import is_anything
from fileflow.world.records import Record
from fileflow.world.removal import must_stay, remove_outputs

PATHS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """What is to be removed: outputs of these targets, all, or those that no rule makes any more.

    With `force` also those that are protected; with `dry_run` they are only shown.
    """

    targets: Sequence[Target] = ()
    all: bool = False
    orphans: bool = False
    force: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class Cleaned:
    """What was removed, by rule, and what stays, with the reason."""

    removed: dict[str, list[str]] = field(default_factory=dict)
    stays: dict[str, str] = field(default_factory=dict)

    def sort(self, rules: Iterable[str]) -> None:
        """Puts rules in the order of the file, those that are not there any more last."""
        order = [rule for rule in rules if rule in self.removed]
        order += sorted(self.removed.keys() - set(order))
        self.removed = {rule: sorted(self.removed[rule], key=natural_key) for rule in order}

    def keep(self, stays: dict[str, str]) -> None:
        """Takes in what could not be removed, with the reason."""
        self.stays |= stays
        for rule, paths in [*self.removed.items()]:
            self.removed[rule] = [path for path in paths if path not in stays]
            if not self.removed[rule]:
                del self.removed[rule]

    @property
    def paths(self) -> list[str]:
        """All that was removed."""
        return [path for paths in self.removed.values() for path in paths]


def clean(
    project: Project, which: Which, say: Callable[[str], None], *, as_json: bool = False
) -> int:
    """Removes outputs and the folders that it leaves empty, and forgets what is no more.

    Gives the exit status: `STATE` if one cannot be removed, which keeps no other from it.

    Raises:
        FileflowError: if nothing is named, for an unknown target, or if another run holds the
            folder.
    """
    if not (which.targets or which.all or which.orphans):
        raise FileflowError(
            "clean what?", hint="name rules, paths or patterns, or write --all or --orphans"
        )
    # A wrong word, or nothing to do, is found without the lock: then no byte changes. While another
    # run goes on nobody knows what there is to do.
    chosen = _chosen(project.look(), which)
    cleaned = _sorted_out(chosen, which)
    status = Exit.OK
    if not which.dry_run and (chosen.paths or project.is_taken()):
        with project.hold() as session:
            rules = session.workflow.rules
            chosen = _chosen(session, which)
            cleaned = _sorted_out(chosen, which)
            # Records go last: killed in between, the outputs count as gone, not as unknown.
            if refused := remove_outputs(cleaned.paths):
                cleaned.keep(refused)
                status = Exit.STATE
            _forget(session, chosen.paths, keep=() if which.all or which.orphans else rules)
    if as_json:
        facts = {
            "removed": cleaned.paths,
            "stays": cleaned.stays,
            "dry_run": which.dry_run,
            "mistakes": list(map(str, chosen.mistakes)),
        }
        say(json.dumps(facts, indent=2))
        return int(status)
    for line in _lines(cleaned, which.dry_run):
        say(line)
    for text in first_dozen(chosen.mistakes):
        say(text)
    return int(status)


def _lines(cleaned: Cleaned, dry_run: bool) -> Iterator[str]:
    for rule, paths in cleaned.removed.items():
        if dry_run:
            yield from (f"would remove {path}" for path in paths)
        else:
            yield f"{rule}: removed {counted(len(paths), 'output')}: {some_of(paths, PATHS_SHOWN)}"
    for path, why in cleaned.stays.items():
        yield f"{path} stays: {why}"
    if not cleaned.removed and not cleaned.stays:
        yield "nothing to remove"


def _chosen(session: Session, which: Which) -> _Choice:
    chosen = _Choice(session)
    if which.all:
        chosen.add_jobs(session.records.jobs)
    if which.orphans:
        chosen.add_orphans()
    for target in which.targets:
        chosen.add_target(target)
    return chosen


def _sorted_out(chosen: _Choice, which: Which) -> Cleaned:
    """What of the chosen outputs is there, and may go or must stay."""
    cleaned = Cleaned()
    rules = chosen.session.workflow.rules
    seen: set[str] = set()
    made = [(chosen.records.jobs[key], paths) for key, paths in chosen.paths.items()]
    # What two jobs made, as one whose wildcard had another name then, is as the later one left it.
    for record, paths in sorted(made, key=lambda one: -one[0].started):
        for place, path in enumerate(record.outputs):
            if path not in paths or path in seen or not is_anything(path):
                continue
            seen.add(path)
            rule = rules.get(record.head.rule)
            why = must_stay(
                path,
                record.made[48 * place : 48 * (place + 1)],
                is_protected=rule is not None and _is_protected(place, record, rule),
                force=which.force,
            )
            if why:
                cleaned.stays[path] = why
            else:
                cleaned.removed.setdefault(record.head.rule, []).append(path)
    cleaned.sort(chosen.session.workflow.rules)
    return cleaned


class _Choice:
    """Collects outputs by the job that made them; only recorded ones can be chosen."""

    def __init__(self, session: Session) -> None:
        self.session = session
        # What is there was made of what was found last, be it looked for anew in each run.
        session.as_recorded = True
        self.records = session.records
        self.paths: dict[str, set[str]] = {}
        self.unknowns: Unknowns | None = None
        self.mistakes: list[FileflowError] = []

    def add_jobs(self, keys: Iterable[str]) -> None:
        """All outputs of the jobs with these first outputs."""
        for key in keys:
            record = self.records.jobs.get(key)
            if record is not None:
                self.paths.setdefault(key, set()).update(record.outputs)

    def add_target(self, target: Target) -> None:
        """One path, or all that a rule, or what a pattern names, makes."""
        rules = self.session.workflow.rules
        path = normal(target.path)
        if target.name in rules and not rules[target.name].asks_only:
            self._add_rule(target.name)
            return
        key = path if path in self.records.jobs else self.records.owner.get(path)
        if target.name not in rules and key is not None:
            if key == path and not is_anything(path):
                self.add_jobs([key])  # a scatter is recorded by its pattern
                return
            self.paths.setdefault(key, set()).add(path)
            return
        is_rule = target.name in rules
        if not is_rule and (folder := self._made_above(path)):
            raise _part_of(path, folder)
        plan = plan_of_targets(self.session, (target,))
        jobs = asked_jobs(plan)
        if plan.below and not is_rule:
            path, job = next(iter(plan.below.items()))
            table = plan.table_of(job)
            folders = [folder.rstrip("/") for folder in table.outputs_of(job & ROW)]
            raise _part_of(path, next(f for f in folders if path.startswith(f"{f}/")))
        if plan.source_targets and not jobs:
            raise FileflowError(f"{plan.source_targets[0]} is a source: fileflow did not make it")
        outputs = (plan.tables[job >> SHIFT].outputs_of(job & ROW) for job in jobs)
        self.add_jobs(paths[0] for paths in outputs if paths)

    def _made_above(self, path: str) -> str:
        """The folder that a job has made as a whole and in which a path lies; empty if none is."""
        at = path.rfind("/")
        while at > 0:
            folder = path[:at]
            if folder in self.records.jobs or folder in self.records.owner:
                return folder
            at = path.rfind("/", 0, at)
        return ""

    def _add_rule(self, name: str) -> None:
        finder = self._finder()
        table = finder.table(name)
        keys = {table.outputs_of(row)[0] for row in range(table.count)} if table.scattered else ()
        for key, record in self.records.jobs.items():
            for path in record.outputs:
                if key in keys or any(
                    table.number == job >> SHIFT for job in finder.makers(path, first=True)
                ):
                    self.paths.setdefault(key, set()).add(path)

    def _finder(self) -> Finder:
        """What tells who makes a path, with what was found while running as far as it is known."""
        if not any(map(is_found, self.session.workflow.relations)):
            return Closure(self.session.workflow, self.session.world).finder
        plan = plan_of_everything(self.session)
        self.mistakes = plan.mistakes()
        self.unknowns = plan.unknowns
        assert self.unknowns is not None
        return self.unknowns.finder

    def add_orphans(self) -> None:
        """What no rule of the Workflowfile makes that it was made by."""
        workflow = self.session.workflow
        finder = self._finder()
        scatters = {
            path for output in finder.scatters for path in output.table.output_paths(output.k)
        }
        for key, record in self.records.jobs.items():
            if record.head.facts.get("workflowfile") != workflow.file:
                continue
            for path in record.outputs:
                if path in scatters:
                    continue
                if is_orphan(workflow, finder, self.unknowns, record, path):
                    self.paths.setdefault(key, set()).add(path)


def _part_of(path: str, folder: str) -> FileflowError:
    return FileflowError(
        f"{path} is a part of {folder}/, which is made as a whole",
        hint=f"`fileflow clean {folder}` removes all of it",
    )


def _is_protected(place: int, record: Record, rule: Rule) -> bool:
    """Whether a rule protects an output of a record, be it read-only yet or not."""
    entries = rule.outputs
    if len(entries) == len(record.outputs):
        return entries[place].protected
    return any(entry.protected for entry in entries)


def _forget(session: Session, chosen: dict[str, set[str]], keep: Collection[str]) -> None:
    """Forgets the jobs of which nothing is left that was chosen or could be.

    Those of the rules `keep` are only gone: who took from them is as fresh as before.
    """
    records = session.records
    gone = []
    for key, paths in chosen.items():
        outputs = records.jobs[key].outputs
        if paths.issuperset(outputs) and not any(map(is_anything, outputs)):
            if records.jobs[key].head.rule not in keep:
                gone.append(key)
            if ("failed", key) in records.notes:
                records.note("failed", key, None)
    records.forget(gone)
