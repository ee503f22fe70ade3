"""Turns what the user asked for into jobs, and takes out what is to be left out.

It knows words, rules and paths; what the jobs need is found by the closure.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from fileflow.errors import Exit, FileflowError, did_you_mean, nearest
from fileflow.model.patterns import Pattern, normal, parse_pattern
from fileflow.model.rules import Absent, Entry, Relation, Rule
from fileflow.planning.closure import Closure
from fileflow.planning.derivation import free_rule, near_output, why_unmade
from fileflow.planning.jobs import Jobs
from fileflow.planning.known import is_found, own_names
from fileflow.planning.links import ROW, SHIFT, SOURCE
from fileflow.planning.plan import Target, Wishes
from fileflow.planning.tables import RuleTable, makers_of, wanted_rows

_NAMED = 8


class Targets:
    """Turns what the user asked for into jobs.

    Attributes:
        paths: those that were asked for, each as itself.
    """

    def __init__(self, closure: Closure, wishes: Wishes) -> None:
        self.closure = closure
        self.wishes = wishes
        self.sources: list[str] = []
        self.below: dict[str, int] = {}
        self.left_out: dict[str, int] = {}
        self.producers: list[int] = []
        self.late: dict[str, frozenset[int]] = {}
        self.wrong: dict[str, FileflowError] = {}
        self.waits: dict[str, list[str]] = {}
        self._late_patterns: list[tuple[str, frozenset[int]]] = []
        self._rules: list[Rule] = []
        self.paths: list[str] = []
        self._forced_rules: list[Rule] = []
        self._forced_paths: list[str] = []
        self._forced_patterns: list[Pattern] = []
        self._whole = Jobs()
        self._in_part: dict[int, set[str]] = {}

    @property
    def narrows(self) -> bool:
        """Whether some of what is needed is to be left out."""
        return bool(self.wishes.until or self.wishes.omit or self.wishes.where)

    def read(self) -> None:
        """Tells rules, paths and patterns apart; an unknown one is an error."""
        rules = self.closure.workflow.rules
        targets = list(self.wishes.targets)
        if not rules and all("{" in target.name for target in targets):
            raise _no_rules(self.closure.workflow.absent)
        for tag in self.wishes.tags:
            tagged = [rule for rule in rules.values() if tag in rule.tags]
            if not tagged:
                known = {tag for rule in rules.values() for tag in rule.tags}
                raise FileflowError(f"no rule has the tag {tag!r}", hint=did_you_mean(tag, known))
            self._rules += tagged
        if not targets and not self.wishes.tags and not self.wishes.force:
            self._rules.append(next(iter(rules.values())))
        for target in targets:
            self._read(target, self._rules, self.paths)
        for target in self.wishes.force:
            self._read(target, self._forced_rules, self._forced_paths)
            if "{" in target.name:
                self._forced_patterns.append(parse_pattern(target.name))
        self._rules += [rule for rule in self._forced_rules if rule not in self._rules]
        self.paths += self._forced_paths

    def _read(self, target: Target, rules: list[Rule], paths: list[str]) -> None:
        workflow = self.closure.workflow
        name = target.name
        if name in workflow.rules:
            rules.append(workflow.rules[name])
            return
        if name in workflow.absent:
            raise FileflowError(
                f"rule {name!r} is not there: it is only when {workflow.absent[name].why}"
            )
        if "{" in name:
            paths += self._instances(name, parse_pattern(name))
            return
        paths.append(self._spelt(normal(target.path)))

    def _instances(self, name: str, pattern: Pattern) -> Iterable[str]:
        """The paths that a pattern stands for: of one that rules make those that they make so."""
        workflow = self.closure.workflow
        for wildcard in pattern.wildcards:
            if wildcard not in self.closure.joins.names:
                raise FileflowError(
                    f"the target {name!r} names {{{wildcard}}}, which has no values",
                    hint=did_you_mean(wildcard, self.closure.joins.shown_names),
                )
        self.closure.joins.ask_for(name, pattern)
        place = next(iter(workflow.rules.values())).place
        makers = [rule for rule in workflow.rules.values() if _makes(rule, pattern)]
        found: dict[str, None] = {}
        late: frozenset[int] = frozenset()
        for constraints in [rule.constraints for rule in makers] or [{}]:
            inputs = (Entry(place=place, pattern=pattern),)
            rule = Rule(name=name, place=place, inputs=inputs, constraints=constraints)
            table = RuleTable(len(workflow.rules), rule, workflow, self.closure.joins)
            table.make_links()
            for link in table.links:
                for error in link.errors.values():
                    raise error
                late |= self.closure.unknowns.of_link(table, link, [0]).get(0, frozenset())
                for group in link.groups:
                    found.update(dict.fromkeys(group.paths))
        if late:
            self._late_patterns.append((name, late))
        return found

    def _spelt(self, path: str) -> str:
        """A path as rules have it: one outside of the folder is absolute or begins with `..`."""
        finder, root = self.closure.finder, self.closure.workflow.root
        if posixpath.isabs(path):
            other = posixpath.relpath(path, root)
        elif path.startswith("../"):
            other = posixpath.normpath(posixpath.join(root, path))
        else:
            return path
        return other if finder.makes(other) and not finder.makes(path) else path

    def asked(self) -> Jobs:
        """The jobs asked for; marks them, and what the rules without action ask for, as wanted."""
        closure = self.closure
        jobs = Jobs()
        self._whole = Jobs()
        self._in_part = {}
        self.sources = []
        self.below = {}
        self.producers = []
        self.late = {}
        self.waits = {}
        self.wrong = {}
        for rule in self._rules:
            self._ask_rule(rule, jobs, set())
        for path in self.paths:
            maker = self._maker(path)
            if maker is not None:
                jobs.add(maker)
                self._in_part.setdefault(maker, set()).add(path)
                self._note_below(path, maker)
        for name, late in self._late_patterns:
            self.late[name] = late
            self._want_told(late)
        closure.want(jobs)
        return jobs

    def _ask_rule(self, rule: Rule, jobs: Jobs, ring: set[str]) -> None:
        closure = self.closure
        table = closure.table(rule.name)
        if table.shape.free:
            raise free_rule(table)
        if not rule.asks_only:
            jobs.update(range(table.base, table.base + table.count))
            self._whole.update(range(table.base, table.base + table.count))
            if closure.unknowns.any:
                late = closure.unknowns.of_rule(table, {})
                if late:
                    closure.defer_rules[rule.name] = late
                    self._want_told(late)
                if not late and not table.count:
                    self._note_none(table)
            return
        # A rule that only asks is no job: what it names is asked for in its stead.
        closure.want_rows(table, range(table.count))
        closure.close()
        for link in table.links:
            tables = [closure.tables[number] for number in link.tables]
            several = any(len(one.shape.outputs) > 1 or one.rule.logs for one in tables)
            for row in range(table.count):
                makers = link.makers_of(row)
                for maker, path in link.made_paths(row) if several else ():
                    if maker >= 0:
                        self._in_part.setdefault(maker, set()).add(path)
                if closure.finder.folders and not link.entry.optional:
                    for maker, path in link.made_paths(row):
                        self._note_below(path, maker)
                if not isinstance(makers, range) and makers and min(makers) < 0:
                    self.sources += [p for maker, p in link.made_paths(row) if maker == SOURCE]
                    makers = [maker for maker in makers if maker >= 0]
                jobs.update(makers)
                closure.asked_by.add(makers, rule.name)

    def in_part(self) -> dict[int, set[str]]:
        """Of the jobs that are asked for those of which only some paths are: these."""
        return {job: paths for job, paths in self._in_part.items() if job not in self._whole}

    def _want_told(self, producers: frozenset[int]) -> None:
        """What is asked for is not all known before these jobs have told."""
        self.closure.want_told(producers)
        self.producers += [job for job in producers if job not in self.producers]

    def _note_below(self, path: str, maker: int) -> None:
        """Whether a folder that is made as a whole has a file shows when it is made."""
        table = self.closure.tables.get(maker >> SHIFT)
        if table is None or not any(e.pattern and e.pattern.directory for e in table.shape.outputs):
            return
        for entry, folder in table.files_of(maker & ROW):
            if entry.pattern and entry.pattern.directory and path.startswith(f"{folder}/"):
                self.below[path] = maker

    def _note_none(self, table: RuleTable) -> None:
        """A rule that is asked for and has no job, as no values were found, is a mistake."""
        for relation in table.relations:
            gives = is_found(relation) and not {*own_names(relation)}.isdisjoint(table.names)
            if gives and not len(relation) and not self._may_be_none(table, relation):
                self.wrong[table.rule.name] = FileflowError(
                    f"rule {table.rule.name!r} has no job: {relation.origin} gives no values",
                    place=table.rule.place,
                )

    def _may_be_none(self, table: RuleTable, relation: Relation) -> bool:
        """Whether whoever gathers what these values lead to does without it."""
        gathering = [
            entry
            for rule in self.closure.workflow.rules.values()
            for entry in rule.inputs
            if entry.rule == table.rule.name or _gathers(rule, entry, relation)
        ]
        return bool(gathering) and all(entry.optional for entry in gathering)

    def _maker(self, path: str) -> int | None:
        closure = self.closure
        if path in closure.decided:
            maker = closure.decided[path]
            if maker == SOURCE:
                self.sources.append(path)
            return maker if maker >= 0 else None
        makers = closure.finder.makers(path)
        if not makers and closure.unknowns.any:
            late = closure.unknowns.of_path(path, named=True)
            if late:
                self.late[path] = late
                self._want_told(late)
                return None
        if not makers:
            sign = closure.looks.signatures([path])[0]
            if sign is None:
                raise _unknown_target(closure, path, self.wishes)
            _check_folder(closure, path)
            self.sources.append(path)
            return None
        job = makers[0]
        # A rule with a free wildcard is on trial: if its inputs cannot be had, a file that is there
        # is a source.
        if len(makers) > 1 or closure.tables[job >> SHIFT].shape.free:
            picked = closure.choose(path, tuple(makers), None)
            return picked if picked is not None or len(makers) > 1 else job
        return job

    def forced(self) -> set[int]:
        """The jobs that are to be treated as stale; a source cannot be."""
        out: set[int] = set()
        for rule in self._forced_rules:
            table = self.closure.table(rule.name)
            out.update(table.base | row for row in range(table.count))
        for path in self._forced_paths:
            if path in self.sources:
                raise FileflowError(
                    f"--force {path}: no rule makes it, it is a source",
                    hint="name a rule, or a path that one makes",
                )
            makers = self.closure.finder.makers(path)
            # What is not known to be scattered is found again when its job has run.
            out.update(makers or self.closure.unknowns.scattering(path))
        for pattern in self._forced_patterns:
            out.update(self.closure.unknowns.scattering_all(pattern))
        return out

    # -- leaving out --------------------------------------------------------------------------

    def narrow(self, asked: Iterable[int]) -> tuple[list[int], list[int]]:
        """What is asked for, and what is wanted, after --until, --omit and --where."""
        closure = self.closure
        wanted = [
            table.base | row
            for table in closure.tables.values()
            if any(table.wanted) and not table.rule.asks_only
            for row in wanted_rows(table)
        ]
        waiting = closure.waiting()
        if self.wishes.until:
            named = set(asked)  # what of it comes before the end stays asked for
            ends, late = self._matching(self.wishes.until, "--until", wanted)
            last = [job for job in wanted if job in ends]
            self.producers = self._late_ends(wanted, waiting, ends, late)
            needed = self._closure_down(last, waiting)
            asked = [*last, *(job for job in needed if job in named and job not in ends)]
            wanted = self._closure_down([*last, *self.producers], waiting)
        else:
            # A rule without action is no job that could wait: what it asks for is wanted.
            self._bring_told_to(wanted, waiting, closure.rows_asking())
        out, _ = self._matching(self.wishes.omit, "--omit", wanted)
        for name, values in self.wishes.where:
            out |= self._elsewhere(name, values, wanted)
        if not out:
            return list(asked), wanted
        order = self._closure_up(out, wanted)
        # What others that stay may tell brings jobs beside those that are left out.
        self._bring_told_to(wanted, waiting, order)
        for job in order:
            self.waits.pop(closure.tables[job >> SHIFT].rule.name, None)
        self.producers = [job for job in self.producers if job not in order]
        for job in order:
            name = closure.tables[job >> SHIFT].rule.name
            self.left_out[name] = self.left_out.get(name, 0) + 1
        asked = [job for job in asked if job not in order]
        return asked, [job for job in wanted if job not in order]

    def _bring_told_to(
        self,
        wanted: Sequence[int],
        waiting: Mapping[int, frozenset[int]],
        jobs: Iterable[int],
    ) -> None:
        """More is asked for when those have told for whom these jobs, which take no part, wait."""
        wait = {job: waiting[job] for job in jobs if job in waiting}
        told = set().union(*wait.values()).difference(self.producers)
        self.producers += [job for job in wanted if job in told]
        omitted = {word.name for word in self.wishes.omit}
        waits = self.closure.waits(wait) if wait else {}
        self.waits |= {name: by for name, by in waits.items() if name not in omitted}

    def _late_ends(
        self,
        wanted: Sequence[int],
        waiting: Mapping[int, frozenset[int]],
        ends: Collection[int],
        paths: Mapping[str, frozenset[int]],
    ) -> list[int]:
        """The wanted jobs that may bring further jobs of what the run is to end with.

        Args:
            waiting: the wanted jobs that wait, with who tells.
            ends: the jobs of what it is to end with that are known.
            paths: those paths of it that nobody makes yet, with who tells whether they are made.
        """
        closure, unknowns = self.closure, self.closure.unknowns
        if not unknowns.any:
            return []
        names = {word.name for word in self.wishes.until}
        named = {name: rule for name, rule in closure.workflow.rules.items() if name in names}
        late = set().union(*paths.values())
        # Who may yet ask for ends that nobody has asked for, each with those who have to tell.
        asking = [(unknowns.may_make(*_ends_of(word)), jobs) for word, jobs in self.late.items()]
        asking += [({name}, jobs) for name, jobs in closure.defer_rules.items()]
        asking += [({closure.tables[job >> SHIFT].rule.name}, w) for job, w in waiting.items()]
        there = set(wanted)
        unasked = {closure.tables[job >> SHIFT].rule.name for job in ends if job not in there}
        tellers_of = {name: unknowns.of_rule(closure.table(name), {}) for name in named}
        for name, tellers in tellers_of.items():
            # Who has to tell of it may be needed only when others have told that it is.
            if 0 in closure.table(name).wanted or not tellers <= there:
                unasked.add(name)
        for path, tellers in paths.items():
            if not tellers <= there:
                unasked |= unknowns.may_make(*_ends_of(path))
        for job in closure.waiting():  # of what a rule without action asks for not all is known
            table = closure.tables[job >> SHIFT]
            if table.rule.asks_only and table.rule.name in named:
                unasked |= unknowns.rules_near(table)
        told = [jobs for by, jobs in asking if unasked and unknowns.may_need(by, unasked)]
        if told:
            who = set().union(*told)
            late |= who
            self.waits = dict.fromkeys(unasked, unknowns.names_of(sorted(who)))
        self.late.update(paths)
        for name, rule in named.items():
            if not rule.asks_only:
                closure.defer_rules[name] = tellers_of[name]
                late |= tellers_of[name]
        return [job for job in wanted if job in late]

    def _matching(
        self, words: Iterable[Target], option: str, wanted: Sequence[int]
    ) -> tuple[set[int], dict[str, frozenset[int]]]:
        """The jobs that the words of an option name, and who has to tell of paths not made yet."""
        late: dict[str, frozenset[int]] = {}
        known = len(self._late_patterns)
        rules: list[Rule] = []
        paths: list[str] = []
        for word in words:
            self._read(word, rules, paths)
        names = {rule.name for rule in rules}
        found = {job for job in wanted if self.closure.tables[job >> SHIFT].rule.name in names}
        for rule in rules:
            if rule.asks_only:
                table = self.closure.table(rule.name)
                closure = self.closure
                closure.want_rows(table, range(table.count))
                closure.close()
                found |= {
                    m
                    for row in range(table.count)
                    for m in makers_of(closure.tables, table.base | row)
                }
        for path in paths:
            makers = self.closure.finder.makers(path)
            if not makers and (tellers := self.closure.unknowns.of_path(path, named=True)):
                late[path] = tellers
                found |= self.closure.unknowns.scattering(path)
                continue
            if not makers:
                raise FileflowError(
                    f"{option} {path}: no rule makes it",
                    hint=did_you_mean(path, self.closure.workflow.rules),
                )
            found.update(makers)
        for name, tellers in self._late_patterns[known:]:
            late[name] = tellers
            found |= self.closure.unknowns.scattering_all(parse_pattern(name))
        return found, late

    def _elsewhere(self, name: str, values: Sequence[str], wanted: Sequence[int]) -> set[int]:
        """The jobs that map this wildcard, or have it as a column, with another value."""
        closure = self.closure
        known = [relation for relation in closure.workflow.relations if name in relation.names]
        columns = [
            table.columns[name]
            for number in {job >> SHIFT for job in wanted}
            if name in (table := closure.tables[number]).columns
        ]
        if not known and not columns:
            raise FileflowError(
                f"--where {name}=…: there is no wildcard {name!r}",
                hint=did_you_mean(name, closure.joins.shown_names),
            )
        there = {value for relation in known for value in relation.column(name)}
        if (whole := ",".join(values)) in there or any(whole in column for column in columns):
            values = (whole,)
        lacking = closure.unknowns.lacking
        more = any(r.open or (is_found(r) and lacking(r, {})) for r in known)
        for value in values:
            if known and value not in there and not more:
                raise FileflowError(
                    f"--where {name}={value}: {name} has no such value",
                    hint=did_you_mean(value, list(there)[:1000]),
                )
        keep = set(values)
        out = set()
        for job in wanted:
            table = closure.tables[job >> SHIFT]
            row = job & ROW
            if name in table.columns:
                if table.columns[name][row] not in keep:
                    out.add(job)
            elif (
                name not in {*table.shape.gathered, *table.rule.scatter}
                and table.names
                and table.has_column(name)
            ):
                try:
                    mine = table.column_value(name, row, each=True)
                except FileflowError:  # what it finds itself, or what is found with it
                    continue
                if not keep & set(mine):
                    out.add(job)
        return out

    def _closure_down(
        self, jobs: Sequence[int], waiting: Mapping[int, frozenset[int]]
    ) -> list[int]:
        """These jobs and all that they need, those too that have told, or have to tell, of them."""
        tables, unknowns = self.closure.tables, self.closure.unknowns
        found = dict.fromkeys(jobs)
        todo = list(jobs)
        while todo:
            job = todo.pop()
            needs = [*makers_of(tables, job), *waiting.get(job, ())]
            if unknowns.any:
                needs += unknowns.behind(tables[job >> SHIFT], [job & ROW], own=True)
            for one in needs:
                if one not in found:
                    found[one] = None
                    todo.append(one)
        return list(found)

    def _closure_up(self, out: set[int], wanted: Sequence[int]) -> set[int]:
        """These jobs and all that need them."""
        closure = self.closure
        needed_by: dict[int, list[int]] = {}
        for job in wanted:
            for maker in makers_of(closure.tables, job):
                needed_by.setdefault(maker, []).append(job)
            for producer in closure.defers.get(job, ()):
                needed_by.setdefault(producer, []).append(job)
            if closure.unknowns.any:
                table = closure.tables[job >> SHIFT]
                for producer in closure.unknowns.behind(table, [job & ROW], own=True):
                    needed_by.setdefault(producer, []).append(job)
        todo = list(out)
        found = set(out)
        while todo:
            for job in needed_by.get(todo.pop(), ()):
                if job not in found:
                    found.add(job)
                    todo.append(job)
        return found & set(wanted)


def _no_rules(absent: Mapping[str, Absent]) -> FileflowError:
    """All rules are off by their `when`."""
    names = list(absent)
    said = [f"{name!r} is only when {absent[name].why}" for name in names[:_NAMED]]
    if len(names) > _NAMED:
        said.append(f"and {len(names) - _NAMED} more")
    return FileflowError(
        f"no rule is there: {'; '.join(said)}",
        hint="set what one of them asks for in config, or with --config",
    )


def _ends_of(word: str) -> tuple[str, str]:
    """How the paths begin and end for which a path, or a pattern, stands."""
    return word.partition("{")[0], word.rpartition("}")[2]


def _makes(rule: Rule, pattern: Pattern) -> bool:
    """Whether a pattern is one of those after which a rule makes files."""
    made = [entry.pattern for entry in (*rule.outputs, *rule.logs) if entry.pattern is not None]
    return any((one.parts, one.names) == (pattern.parts, pattern.names) for one in made)


def _gathers(rule: Rule, entry: Entry, relation: Relation) -> bool:
    """Whether one job of a rule takes the files of several values through an entry."""
    mapped = {name for out in rule.outputs if out.pattern for name in out.pattern.names}
    names = entry.pattern.names if entry.pattern is not None else ()
    return not mapped.issuperset(name for name in names if name in relation.names)


def _check_folder(closure: Closure, path: str) -> None:
    """Who asks for a folder wants what is in it: it is no source where rules write in it."""
    for rule in closure.workflow.rules.values():
        for entry in rule.outputs:
            if entry.pattern is not None and entry.pattern.text.startswith(f"{path}/"):
                raise FileflowError(
                    f"no rule makes the folder {path}/ as a whole, but rule {rule.name!r} writes "
                    "in it",
                    hint=f"ask for the rule, or for its files in quotes: '{entry.pattern}'",
                )


_MEANT = {  # words that are no command, and what does what they say
    "dryrun": "-n",
    "dry-run": "-n",
    "plan": "-n",
    "build": "run",
    "resume": "--resume",
    "rerun": "--rerun",
    "help": "--help",
    "version": "--version",
    "touch": "adopt",
}


def _unknown_target(closure: Closure, path: str, wishes: Wishes) -> FileflowError:
    rules = closure.workflow.rules
    first = bool(wishes.commands and wishes.targets) and wishes.targets[0].name == path
    command = nearest(path, [*rules, *wishes.commands]) if first else None
    near = did_you_mean(path, rules)
    hint = near
    if near is None or not near.startswith("did you mean"):
        output = near_output(closure.finder, path)
        if output:
            hint = f"rules make {output}; `fileflow list` shows the rules"
        hint = why_unmade(closure.finder, path) or hint
    if re.fullmatch(r"[\w-]+(\.[\w-]+)*=.*", path):
        hint = f"each config value has an option of its own: --config {path}"
    elif first and path in _MEANT:
        hint = f"did you mean `fileflow {_MEANT[path]}`?"
    elif command is not None and command not in rules:
        hint = f"did you mean the command `fileflow {command}`?"
    elif command in wishes.commands:
        hint = f"did you mean `fileflow run {command}`, which builds the rule?"
    if path in rules:
        hint = f"the rule is asked for by its name alone: fileflow {path}"
    return FileflowError(
        f"there is no {'' if path in rules else 'rule and no '}file {path!r}, and no rule makes "
        "such a path",
        hint=hint,
        status=Exit.WRONG,
    )
