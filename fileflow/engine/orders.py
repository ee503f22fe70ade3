"""Turns jobs of a plan into plain work for slots: what is run, with which paths, values and words.

Decides nothing and runs nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence

from fileflow.errors import FileflowError
from fileflow.language.bash import plain_words
from fileflow.language.templates import (
    FillOptions,
    PathText,
    Template,
    Value,
    fill_shell,
    fill_words,
)
from fileflow.language.yaml_tree import Scalar
from fileflow.model.rules import Argv, Run, Script, Shell
from fileflow.model.work import STAGE, Order, Work
from fileflow.planning.binding import Binding
from fileflow.planning.filling import Item, JobValues, canonical, node_value, python_config
from fileflow.planning.seeds import seed_counts, seed_key, seed_of, small
from fileflow.planning.tables import ABSENT, Group, RuleTable
from fileflow.world.staging import staged_name

SHELL_WORDS = ("bash", "-euo", "pipefail", "-c")
LISTS = ".files"
_INTERPRETERS = {".R": "Rscript", ".r": "Rscript", ".jl": "julia", ".sh": "bash"}


def staged(path: str) -> str:
    """The text under which a command makes an output; the slot puts its folder in."""
    return f"{STAGE}/{staged_name(path)}"


class Orders:
    """Makes the orders of one rule's jobs.

    Args:
        table: the rule's jobs.
        binding: how its function is called; None for a command.
        root: the Workflowfile's folder, absolute.
        root_seed: the workflow's seed.
        cores, resources: what each of its jobs is given.
    """

    def __init__(
        self,
        table: RuleTable,
        binding: Binding | None,
        *,
        root: str,
        root_seed: int,
        cores: int,
    ) -> None:
        self.table = table
        self.rule = table.rule
        self.binding = binding
        self.root = root
        self.root_seed = root_seed
        self.cores = cores
        self.seeded = seed_counts(self.rule)
        written = [
            (entry.written or str(entry.pattern), entry.pattern.wildcards)
            for entry in self.rule.outputs
            if entry.pattern is not None
        ]
        self.key, self.seed_names = seed_key(self.rule, written)
        entries = table.shape.outputs
        self.work = Work(
            key=table.number,
            rule=self.rule.name,
            kind=kind_of(table),
            module=self.rule.action.module if isinstance(self.rule.action, Run) else "",
            function=self.rule.action.function if isinstance(self.rule.action, Run) else "",
            parameters=tuple(binding.parameters) if binding else (),
            environ=tuple(self._environ()),
            seeded=self.seeded,
            cores=max(1, cores),
            directories=tuple(bool(e.pattern and e.pattern.directory) for e in entries),
            protected=tuple(e.protected for e in entries),
            ensure=tuple(
                (e.ensure.non_empty, e.ensure.sha256) if e.ensure else (False, None)
                for e in entries
            ),
            in_place=tuple(e.in_place for e in entries),
            keep=tuple(e.keep for e in entries),
            private=self.rule.private,
        )
        self._output_items: list[int | list[int]] = [
            item.entries[0] if item.single else list(item.entries) for item in table.output_items
        ]
        self._row_env = {
            name: node
            for name, node in self.rule.env.items()
            if isinstance(node, Scalar) and "{" in node.text
        }
        self._constant_seed = not self.seeded and not (binding and binding.takes_seed)

    def _environ(self) -> list[tuple[str, str]]:
        out = []
        for name, node in self.rule.env.items():
            if not (isinstance(node, Scalar) and "{" in node.text):
                value = node_value(node, None)
                out.append((name, "" if value is None else str(value)))
        return out

    def seed(self, row: int) -> int:
        """The job's seed, 128 bits."""
        columns = self.table.columns
        values: list[str] = []
        for name in self.seed_names:
            if name in columns:
                values.append(columns[name][row])
            elif name not in self.rule.scatter:
                value = JobValues(self.table, row).column(name)
                values.append(value if isinstance(value, str) else canonical(value))
        return seed_of(self.root_seed, self.key, values)

    def order(
        self,
        job: int,
        row: int,
        attempt: int,
        log: str,
        resources: Mapping[str, Value],
        checks: Sequence[tuple[str, bytes | None, bytes | None] | int],
    ) -> Order:
        """The order of one job; `checks` are its inputs with what is known of them."""
        table = self.table
        outputs = table.outputs_of(row)
        seed = 0 if self._constant_seed else self.seed(row)
        items = [self._item(item, row) for item in table.input_items]
        if self.binding is not None and not self.binding.values and not self._row_env:
            return Order(job, attempt, items, checks, outputs, self._output_items, seed=seed)
        files: list[tuple[str, str]] = []
        extras: dict[str, Value] = {
            "seed": str(small(seed)),
            "cores": str(self.cores),
            "resources": resources,
            "log": PathText(log),
            "attempt": str(attempt),
        }
        if self.binding is not None:
            extras |= {"cores": self.cores}
            values = JobValues(table, row, str, extras)
            return Order(
                job,
                attempt,
                items,
                checks,
                outputs,
                self._output_items,
                values=[get(values) for get in self.binding.values],
                seed=seed,
                extra_env=self._extra_env(values),
            )
        values = JobValues(table, row, staged, extras)
        words = self.words(values, files)
        extra = self._extra_env(values)
        if isinstance(self.rule.action, Script):
            facts = f"{LISTS}/job.json"
            files.append((facts, self._job_facts(values, seed)))
            extra.append(("FILEFLOW_JOB", f"{self.root}/{STAGE}/{facts}"))
        return Order(
            job,
            attempt,
            items,
            checks,
            outputs,
            self._output_items,
            words=words,
            seed=seed,
            extra_env=extra,
            files=files,
        )

    def _item(self, item: Item, row: int) -> str | list[str] | int | None:
        links = self.table.links
        if item.single:
            paths = links[item.entries[0]].paths_of(row)
            return paths[0] if paths else None
        if len(item.entries) == 1:
            group = links[item.entries[0]].group(row)
            if group is not None and shared_list(group) is not None:
                return group.number
        return [path for k in item.entries for path in links[k].paths_of(row)]

    def _extra_env(self, values: JobValues) -> list[tuple[str, str]]:
        out = []
        for name, node in self._row_env.items():
            value = node_value(node, values.resolve)
            out.append((name, "" if value is None else str(value)))
        return out

    # -- words --------------------------------------------------------------------------------

    def words(self, values: JobValues, files: list[tuple[str, str]]) -> list[str]:
        """The words of a command; lists that it wants as files are added to `files`."""

        def write_list(lines: Sequence[str]) -> str:
            name = f"{LISTS}/list-{len(files)}.txt"
            files.append((name, "".join(f"{line}\n" for line in lines)))
            return f"{STAGE}/{name}"

        options = FillOptions(self.root, write_list)

        def filled(words: Sequence[Template]) -> list[str]:
            return [one for word in words for one in fill_words(word, values.resolve, options)]

        action = self.rule.action
        prefix = filled(self.rule.prefix)
        if isinstance(action, Shell):
            text = fill_shell(action.template, values.resolve, options)
            if self.rule.shell_prefix is not None:
                start = fill_shell(self.rule.shell_prefix, values.resolve, options)
                text = f"{start} {text}"
            elif self.rule.shell_words is None and not prefix:
                plain = directly(text)
                if plain is not None:
                    return plain
            shell = SHELL_WORDS if self.rule.shell_words is None else filled(self.rule.shell_words)
            return [*prefix, *shell, text]
        if isinstance(action, Argv):
            return prefix + filled(action.words)
        if isinstance(action, Script):
            path = "".join(fill_words(action.path, values.resolve, options))
            if action.args is not None:
                args = filled(action.args)
            else:
                args = values.input_paths()
                args += [staged(one) for one in self.table.outputs_of(values.row)]
            return [*prefix, *interpreter(path), path, *args]
        raise AssertionError("bug: a function has no words")

    def _job_facts(self, values: JobValues, seed: int) -> str:
        table = self.table

        def as_mapping(items: Sequence[Item], output: bool) -> object:
            found = [
                (item.name, values.output_item(item) if output else values.input_item(item))
                for item in items
            ]
            if found and all(name for name, _ in found):
                return {str(name): value for name, value in found}
            out: list[object] = []
            for _, value in found:
                out += value if isinstance(value, list) else [value]
            return out

        facts = {
            "input": as_mapping(table.input_items, output=False),
            "output": as_mapping(table.output_items, output=True),
            "params": {name: values.typed_param(name) for name in self.rule.params},
            "wildcards": values.wildcards(),
            "cores": self.cores,
            "resources": values.extras["resources"],
            "seed": small(seed),
            "log": values.extras["log"],
            "rule": self.rule.name,
            "attempt": int(str(values.extras["attempt"])),
            "config": python_config(table.config),
        }
        return canonical(facts)

    def shown(self, row: int) -> str:
        """The action in the user's words: the filled command, or the function's name."""
        action = self.rule.action
        if isinstance(action, Run):
            return f"{action.module}:{action.function}"
        extras: dict[str, Value] = {
            "seed": str(small(self.seed(row))),
            "cores": str(self.cores),
            "resources": {},
            "log": PathText("LOG"),
            "attempt": "1",
        }
        values = JobValues(self.table, row, str, extras)
        if isinstance(action, Shell):
            text = fill_shell(
                action.template, values.resolve, FillOptions(self.root, lambda _: "LIST")
            )
            return text.strip()
        try:
            words = self.words(values, [])
        except FileflowError as error:
            return str(error)
        return " ".join(word.replace(f"{STAGE}/", "") for word in words)


def kind_of(table: RuleTable) -> str:
    """The kind of a rule's action, as slots know it."""
    action = table.rule.action
    if isinstance(action, Run):
        return "run"
    if isinstance(action, Shell):
        return "shell"
    return "script" if isinstance(action, Script) else "argv"


def interpreter(path: str) -> list[str]:
    """The words before a script's path."""
    import sys

    ending = os.path.splitext(path)[1]
    if ending == ".py":
        return [sys.executable]
    program = _INTERPRETERS.get(ending)
    return [program] if program else []


SHORT_LIST = 8


def shared_list(group: Group) -> int | None:
    """The number by which slots know a list that is worth sending once; None for a short one."""
    if len(group.paths) <= SHORT_LIST or ABSENT in (group.makers or ()):
        return None
    return group.number


_odd_environment: bool | None = None


def directly(text: str) -> list[str] | None:
    """The words of a command that needs no shell, or None.

    Bash would do the same with it: plain words, a program on the path, and nothing in the
    environment that changes what bash does at its start.
    """
    global _odd_environment
    if _odd_environment is None:
        _odd_environment = "BASH_ENV" in os.environ or any(
            name.startswith("BASH_FUNC_") for name in os.environ
        )
    if _odd_environment:
        return None
    words = plain_words(text)
    if not words:
        return None
    program = words[0]
    if program not in _found:
        _found[program] = "/" in program or shutil.which(program) is not None
    return words if _found[program] else None


_found: dict[str, bool] = {}
