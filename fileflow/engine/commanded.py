"""Which project files the commands of a rule name, beside their inputs and outputs.

Asks the disk what is there and the records what is made by a rule. What a command names is worked
out by `planning.recipes`, and what follows from it too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import repeat

from fileflow.engine.facts import World
from fileflow.fast import STATE
from fileflow.language.templates import Template
from fileflow.lean import dataclass, lazy_regex
from fileflow.model.rules import Argv, Rule, Script, Shell
from fileflow.planning.filling import JobValues
from fileflow.planning.plan import Plan
from fileflow.planning.recipes import action_parts, filled_words, is_shared, words_of
from fileflow.planning.tables import RuleTable, wanted_rows
from fileflow.world.code import CodeReader
from fileflow.world.files import RealDisk, is_anything

# How a command that runs in a folder of its own names the project's.
_ROOTS = ("$FILEFLOW_ROOT/", "${FILEFLOW_ROOT}/")

# A module that an interpreter runs, which may be a value.
_RUN_MODULE = lazy_regex(r"(?i)(?:python[\d.]*|\{\})\W?\s(?:[^\n;|&]*?\s)?-m\s+([\w.]+)")


@dataclass(frozen=True, slots=True)
class Commanded:
    """The files that all commands of a rule name, with their digests; and those of single jobs."""

    files: dict[str, bytes]
    of_row: Callable[[JobValues], Mapping[str, str]] | None


class CommandFiles:
    """Looks for the files that commands name; all that is found shapes the plan."""

    def __init__(self, world: World, disk: RealDisk, code: CodeReader) -> None:
        self.world = world
        self.disk = disk
        self.code = code
        # By rule, all files that its commands were found to name.
        self.found: dict[str, dict[str, None]] = {}

    def of(self, table: RuleTable, plan: Plan) -> Commanded:
        """The project files that the commands of a rule name, as far as no rule makes them."""
        self.found[table.rule.name] = {}
        words = dict.fromkeys(_words(table.rule))
        shared: list[Template] = []
        own: list[Template] = []
        for word in words:
            (shared if is_shared(word, table) else own).append(word)
        return Commanded(self._shared(table, shared, plan), self._own(table, own, plan))

    def _shared(self, table: RuleTable, words: Iterable[Template], plan: Plan) -> dict[str, bytes]:
        """Those of the words that all jobs share.

        One that appeared after the last record was written is no reason to build again: where
        the rule has a record, only the files that it names count.
        """
        rows = wanted_rows(table)[:1]
        paths = [path for row in rows for path in _paths(words, JobValues(table, row))]
        for module in _modules(table.rule) if rows else ():
            paths += _inside(self.code.main(module).files)
        found = {path: self.world.content(path) or b"" for path in self._there(table, paths, plan)}
        before = self._recorded(table) if found else None
        if before is not None:
            found = {path: digest for path, digest in found.items() if path in before}
        return found

    def _own(
        self, table: RuleTable, words: list[Template], plan: Plan
    ) -> Callable[[JobValues], Mapping[str, str]] | None:
        """The way to those that only the command of one job names; None if there are none."""
        if not words:
            return None
        paths = list(dict.fromkeys(path for word in words for path in _all_paths(word, table)))
        if self.world.nothing_at(paths):
            return None
        there = set(self._there(table, paths, plan))
        if not there:
            return None

        def digests(job: JobValues) -> Mapping[str, str]:
            named = [path for path in _paths(words, job) if path in there]
            inputs = job.input_paths() if named else ()
            return {
                path: digest.hex()
                for path in named
                if path not in inputs and (digest := self.world.content(path)) is not None
            }

        return digests

    def _there(self, table: RuleTable, paths: Iterable[str], plan: Plan) -> Iterator[str]:
        for path in dict.fromkeys(paths):
            # What we keep ourselves changes with each run, and is no part of any action.
            if self.world.has_record(path) or path.startswith(f"{STATE}/"):
                continue
            if not os.path.isfile(path):
                if not path.startswith(("/", "..")):
                    is_anything(path)  # of the project's own files nobody may be in doubt
                continue
            # One without a record may be made by a rule all the same: after the loss of the state.
            if not plan.finder.is_made(path, plan.by_rule):
                self.disk.see(path)
                self.found[table.rule.name][path] = None
                yield path

    def _recorded(self, table: RuleTable) -> set[str] | None:
        for row in wanted_rows(table)[:1]:
            outputs = table.outputs_of(row)
            record = self.world.record(outputs[0]) if outputs else None
            if record is not None:
                recipe = record.head.facts.get("recipe")
                if isinstance(recipe, dict) and all(
                    recipe.get(key) == value for key, value in action_parts(table.rule).items()
                ):
                    named = recipe.get("files")
                    return set(named) if isinstance(named, dict) else set()
        return None


def _words(rule: Rule) -> Iterator[Template]:
    """The words of a rule's command."""
    in_shell, plain = _texts(rule)
    for text in in_shell:
        yield from words_of(text, in_shell=True)
    for word in plain:
        yield from words_of(word, in_shell=False)


def _texts(rule: Rule) -> tuple[list[Template], list[Template]]:
    """What of a rule's command a shell cuts into words, and the words that stand by themselves."""
    action = rule.action
    in_shell: list[Template] = []
    plain: list[Template] = [*rule.prefix]
    if isinstance(action, Shell):
        plain += rule.shell_words or ()
        if rule.shell_prefix is not None:
            in_shell.append(rule.shell_prefix)
        in_shell.append(action.template)
    elif isinstance(action, Argv):
        plain += action.words
    elif isinstance(action, Script):
        plain += action.args or ()
    return in_shell, plain


def _modules(rule: Rule) -> Iterator[str]:
    """The modules that a rule's command runs by `python -m`."""
    in_shell, plain = _texts(rule)
    words = [
        "".join(part if isinstance(part, str) else "{}" for part in text.segments)
        for text in (*plain, *in_shell)
    ]
    for found in _RUN_MODULE.finditer(" ".join(words)):
        yield found[1]


def _paths(words: Iterable[Template], job: JobValues) -> Iterator[str]:
    """What the words are in a job, as far as it can be a path inside the project."""
    return _inside(text for word in words for text in filled_words(word, job))


def _all_paths(word: Template, table: RuleTable) -> Iterator[str]:
    """The same for all jobs of a rule, by columns where the word takes nothing but their values."""
    columns: list[Iterable[str]] = []
    for part in word.segments:
        if isinstance(part, str):
            columns.append(repeat(part))
        elif part.root in table.columns and not part.steps and not part.modifiers:
            columns.append(table.columns[part.root])
        else:
            jobs = (JobValues(table, row) for row in wanted_rows(table))
            return _inside(text for job in jobs for text in filled_words(word, job))
    return _inside(dict.fromkeys(map("".join, zip(*columns, strict=False))))


def _inside(texts: Iterable[str]) -> Iterator[str]:
    root = os.getcwd() + "/"
    folders: dict[str, str] = {}  # that absolute paths begin with, and where they lead
    for word in texts:
        text = word
        for home in _ROOTS:
            text = text.removeprefix(home)
        path = os.path.normpath(text) if "." in text or "//" in text else text
        if path.startswith("../"):
            path = os.path.normpath(root + path)
        if "\0" in path:
            continue
        if path.startswith("/") and not path.startswith(root):
            folder, name = os.path.split(path)
            if folder not in folders:
                folders[folder] = os.path.realpath(folder)
            path = f"{folders[folder]}/{name}"
        path = path.removeprefix(root)
        if path and not path.startswith(("..", "/")):
            yield path
