"""Turns jobs of a plan into plain work for slots: what is run, with which paths, values and words.

Decides nothing and runs nothing.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from fileflow.engine.pools import known_shares
from fileflow.language.bash import quoted_word
from fileflow.language.config import steps_of
from fileflow.language.templates import (
    FillOptions,
    PathText,
    Placeholder,
    Resolve,
    Template,
    Value,
    fill_shell,
    fill_words,
)
from fileflow.language.yaml_nodes import Node, Scalar, python_value
from fileflow.model.rules import Argv, Rule, Run, Script, Shell
from fileflow.model.work import NOTEBOOKS, STAGE, Order, Scattered, Work
from fileflow.planning.binding import Binding
from fileflow.planning.filling import (
    Item,
    JobValues,
    canonical,
    node_value,
    python_config,
    sorted_keys,
)
from fileflow.planning.links import ABSENT, Group
from fileflow.planning.seeds import Seeds, seed_counts, seed_is_named, seed_key, small
from fileflow.planning.tables import RuleTable
from fileflow.world import staging
from fileflow.world.files import hashing
from fileflow.world.private import own_name
from fileflow.world.staging import staged_name
from fileflow.world.unshelled import SHELL_WORDS

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
        cores: how many each of its jobs is given.
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
        self.seeded = seed_counts(self.rule) or seed_is_named(self.rule)
        key, self.seed_names = seed_key(self.rule)
        self._seeds = Seeds(root_seed, key)
        self._shares: dict[str, Value] | None = None
        entries = table.shape.outputs
        self.work = Work(
            key=table.number,
            rule=self.rule.name,
            kind="python" if runs_in_slot(self.rule) else kind_of(table),
            module=self.rule.action.module if isinstance(self.rule.action, Run) else "",
            function=self.rule.action.function if isinstance(self.rule.action, Run) else "",
            parameters=tuple(self._parameters(binding)) if binding else (),
            environ=tuple(self._environ()),
            seeded=self.seeded,
            algorithm=hashing.algorithm,
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
            envvars=self.rule.envvars,
            output_names=tuple(item.name for item in table.output_items) if table.scattered else (),
            deps=tuple(k for k, entry in enumerate(entries) if entry.deps),
        )
        self._special = self.rule.private or any(entry.in_place for entry in entries)
        self._output_items: list[int | list[int]] = [
            item.entries[0] if item.single else list(item.entries) for item in table.output_items
        ]
        self._row_env = {
            name: node
            for name, node in self.rule.env.items()
            if isinstance(node, Scalar) and "{" in node.text
        }
        action = self.rule.action
        self._wants_path = binding is None and (
            self.rule.private or (isinstance(action, Script) and not runs_in_slot(self.rule))
        )
        self._has_extra_env = bool(self._row_env) or self.rule.private
        self._fills_nothing = binding is not None and not binding.values and not self._has_extra_env
        self._constant_seed = (
            not self.seeded and self._fills_nothing and not (binding and binding.takes_seed)
        )

    def _environ(self) -> list[tuple[str, str]]:
        out = []
        for name, node in self.rule.env.items():
            if not (isinstance(node, Scalar) and "{" in node.text):
                value = node_value(node, None)
                out.append((name, "" if value is None else str(value)))
        return out

    def _parameters(self, binding: Binding) -> list[tuple[str, str, object]]:
        """The parameters, with the config and the rule's own log files for who takes them."""
        known: dict[str, tuple[str, object]] = {}
        if binding.whole_config:
            known["config"] = ("config", sorted_keys(python_config(self.table.config)))
        if self.rule.logs:
            items = tuple(
                (name, numbers[0] if single else tuple(numbers))
                for name, numbers, single in log_items(self.rule)
            )
            known["log"] = ("logs", items)
        return [
            (name, *known.get(source, (source, detail)))
            for name, source, detail in binding.parameters
        ]

    def _staged(self, row: int) -> Callable[[str], str]:
        """How an action is told where to make each output."""
        if self.table.scattered:
            return self._folders(row, own_name if self.rule.private else staged)
        if not self._special:
            return staged
        if self.rule.private:
            return own_name
        entries = self.table.shape.outputs
        outputs = self.table.outputs_of(row)
        here = {path for path, entry in zip(outputs, entries, strict=True) if entry.in_place}
        return lambda path: path if path in here else staged(path)

    def _folders(self, row: int, place: Callable[[str], str]) -> Callable[[str], str]:
        """The same where outputs are scattered: the folder in which their files are left."""
        from fileflow.world.scattering import folder_of  # brings what calls functions

        outputs = self.table.outputs_of(row)
        folders = {
            outputs[k]: folder_of(self.table.scatter_pattern(k, row)) for k in self.table.scattered
        }
        return lambda path: place(folders.get(path, path)).rstrip("/") or "."

    def scatter(self, row: int) -> list[Scattered]:
        """The scattered outputs of a job."""
        table = self.table
        if not table.scattered:
            return []
        checks = tuple((n, tuple(regexes)) for n, regexes in table.scatter_checks().items())
        out: list[Scattered] = []
        for k in table.scattered:
            pattern = table.scatter_pattern(k, row)
            expected = table.declared_files(k, row) if table.is_declared(k) else None
            given = table.declared_rows(k, row)
            out.append((k, pattern.parts, pattern.names, checks, expected, given))
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
        return self._seeds.of(values)

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
        made = Order(
            job,
            attempt,
            [self._item(item, row) for item in table.input_items],
            checks,
            outputs,
            self._output_items,
            seed=seed,
            logs=self.logs(row) if self.rule.logs else [],
            scatter=self.scatter(row),
        )
        if self._fills_nothing:
            return made
        extras: dict[str, Value] = {
            "seed": str(small(seed)),
            "cores": str(self.cores),
            "resources": resources,
            "log": PathText(self._from_within(log)),
            "attempt": str(attempt),
        }
        if self.binding is not None:
            extras |= {"cores": self.cores}
            values = JobValues(table, row, str, extras)
            made.values = [get(values) for get in self.binding.values]
            made.extra_env = self._extra_env(values)
            return made
        files: list[tuple[str, str]] = []
        values = JobValues(table, row, self._staged(row), extras)
        made.words = self.words(values, files, seed=seed if self.seeded else None)
        extra = self._extra_env(values)
        if isinstance(self.rule.action, Script):
            facts = f"{LISTS}/job.json"
            files.append((facts, self._job_facts(values, seed)))
            extra.append(("FILEFLOW_JOB", f"{STAGE}/{facts}"))
        made.extra_env, made.files = extra, files
        return made

    def logs(self, row: int) -> list[str]:
        """The log files that a job writes itself."""
        return [self.table.log_path(entry, row) for entry in self.rule.logs]

    def _from_within(self, path: str) -> str:
        """A path of the engine's own, as an action can use it where it runs."""
        return f"{self.root}/{path}" if self.rule.private else path

    def _item(self, item: Item, row: int) -> str | list[str] | int | None:
        links = self.table.links
        if item.single or (self.table.gives_inputs and JobValues(self.table, row).is_single(item)):
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
            words = value if isinstance(value, list) else [value]
            out.append((name, " ".join(str(word) for word in words if word is not None)))
        if self.rule.private:
            out.append(("FILEFLOW_ROOT", self.root))
        if self._wants_path:
            given = dict([*self.work.environ, *out]).get("PYTHONPATH")
            given = os.environ.get("PYTHONPATH") if given is None else given
            folders = [*self._script_folder(values), self.root]
            out.append(("PYTHONPATH", os.pathsep.join([*folders, *([given] if given else [])])))
            if (
                isinstance(self.rule.action, Script)
                and self.rule.prefix
                and "PATH" not in dict(self.work.environ)
            ):
                # `python3` is ours unless the words before it bring another one.
                known = [os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]
                out.append(("PATH", os.pathsep.join(known)))
        return out

    def _script_folder(self, values: JobValues) -> list[str]:
        """A notebook's folder: what it imports is looked for there first, as for a script."""
        action = self.rule.action
        if not isinstance(action, Script) or not is_notebook(action):
            return []
        return [os.path.dirname(os.path.join(self.root, self._script_path(values, action)))]

    def _script_path(self, values: JobValues, action: Script) -> str:
        options = FillOptions(self.root, lambda _: "")
        return "".join(fill_words(action.path, values.resolve, options))

    # -- words --------------------------------------------------------------------------------

    def words(
        self, values: JobValues, files: list[tuple[str, str]], *, seed: int | None = None
    ) -> list[str]:
        """The words of a command; what it wants as files is added to `files`.

        `seed`: what the global generators of a Python script are to begin with.
        """

        def write(name: str, text: str) -> str:
            files.append((name, text))
            return name if self.rule.private else f"{STAGE}/{name}"

        def write_list(lines: Sequence[str]) -> str:
            return write(f"{LISTS}/list-{len(files)}.txt", "\n".join([*lines, ""]))

        options = FillOptions(STAGE if self.rule.private else self.root, write_list)
        resolve = self._with_logs(values) if self.rule.logs else values.resolve

        def filled(words: Sequence[Template]) -> list[str]:
            return [one for word in words for one in fill_words(word, resolve, options)]

        action = self.rule.action
        prefix = filled(self.rule.prefix)
        if isinstance(action, Shell):
            text = self._shell_text(action, resolve, options)
            shell = SHELL_WORDS if self.rule.shell_words is None else filled(self.rule.shell_words)
            return [*prefix, *shell, text]
        if isinstance(action, Argv):
            return prefix + filled(action.words)
        if isinstance(action, Script):
            path = self._script_path(values, action)
            if action.args is not None:
                args = filled(action.args)
            else:
                args = values.input_paths()
                args += [values.staged(one) for one in self.table.outputs_of(values.row)]
            program, *rest = self._script_words(values, path)
            if seed is not None and prefix and path.endswith(".py"):
                # Another interpreter runs it, which need not have us.
                rest = [write(f"{LISTS}/seeded.py", _seeded()), str(seed), *rest]
            return [*prefix, program, *rest, *args]
        raise AssertionError("bug: a function has no words")

    def _shell_text(self, action: Shell, resolve: Resolve, options: FillOptions) -> str:
        text = fill_shell(action.template, resolve, options)
        if self.rule.shell_prefix is None:
            return text
        return f"{fill_shell(self.rule.shell_prefix, resolve, options)} {text}"

    def _script_words(self, values: JobValues, path: str) -> list[str]:
        """What runs a script, and its path."""
        shown = os.path.join(self.root, path) if self.rule.private else path
        if runs_in_slot(self.rule):
            return [shown]
        python = "python3" if self.rule.prefix else sys.executable
        ending = os.path.splitext(path)[1]
        if ending == ".ipynb":
            copy = self._executed_copy(values)
            return [python, "-m", NOTEBOOKS, shown, copy]
        if ending == ".py":
            return [python, shown]
        program = _INTERPRETERS.get(ending)
        if program is not None:
            return [program, shown]
        return [shown if "/" in shown else f"./{shown}"]

    def _executed_copy(self, values: JobValues) -> str:
        """Where an executed notebook is kept: in the rule's own log if that is one."""
        for path in self.logs(values.row):
            if path.endswith(".ipynb"):
                return os.path.join(self.root, path)
        log = os.path.join(self.root, str(values.extras["log"]))
        rule = re.sub(r"[^\w.-]+", "_", self.rule.name)
        return f"{os.path.dirname(log)}/{rule}-{values.row}-{values.extras['attempt']}.ipynb"

    def _with_logs(self, values: JobValues) -> Callable[[Placeholder], Value]:
        """What placeholders stand for where the rule has log files of its own."""
        logs = [PathText(path) for path in self.logs(values.row)]
        named: dict[str | None, Value] = {
            name: logs[numbers[0]] if single else [logs[k] for k in numbers]
            for name, numbers, single in log_items(self.rule)
        }

        def resolve(hole: Placeholder) -> Value:
            if hole.root != "log":
                return values.resolve(hole)
            value: Value = logs[0] if len(logs) == 1 and len(named) == 1 else logs
            if len(named) == 1 and isinstance(found := next(iter(named.values())), list):
                value = found
            for step in hole.steps:
                if isinstance(step, str):
                    value = named[step]
                elif isinstance(step, int) and isinstance(value, list):
                    value = value[step]
            return value

        return resolve

    def _job_facts(self, values: JobValues, seed: int) -> str:
        table = self.table

        inputs = [
            (part.name, part.paths) for part in values.parts() if part.name or not part.order_only
        ]
        paths = self.logs(values.row)
        logs = [
            (name, paths[numbers[0]] if single else [paths[k] for k in numbers])
            for name, numbers, single in log_items(self.rule)
        ]
        facts: dict[str, object] = {
            "input": _by_name(inputs),
            "output": _by_name(
                [(item.name, values.output_item(item)) for item in table.output_items]
            ),
            "params": values.typed_params(),
            "wildcards": values.wildcards(),
            "cores": self.cores,
            "resources": values.extras["resources"],
            "seed": small(seed) if self.seeded else None,
            "rng": f"{seed:032x}" if self.seeded else None,
            "log": _by_name(logs) if logs else values.extras["log"],
            "rule": self.rule.name,
            "attempt": int(str(values.extras["attempt"])),
            "config": python_config(table.config)
            if self.rule.names_whole_config
            else named_config(self.rule.config_named),
        }
        if skipped := [part.name for part in values.parts() if part.name and part.order_only]:
            facts["order_only"] = skipped
        in_order = {name: facts.pop(name) for name in ("input", "output", "log")}
        text = canonical(facts)
        return json.dumps(in_order, ensure_ascii=False)[:-1] + "," + text[1:]

    def _before(
        self, row: int, resources: Mapping[str, Value], attempt: int = 1
    ) -> dict[str, Value]:
        """What only a job's order has, made up."""
        return {
            "seed": str(small(self.seed(row))),
            "cores": str(self.cores),
            "resources": resources,
            "log": PathText("LOG.log"),
            "attempt": str(attempt),
        }

    def rehearse(self, row: int) -> None:
        """Fills in the texts of a job as its order will, before it is known when it runs.

        Raises:
            FileflowError: if one cannot be filled in.
        """
        extras = self._before(row, dict.fromkeys(self.rule.resources, "1"))
        values = JobValues(self.table, row, self._staged(row), extras)
        action = self.rule.action
        if not isinstance(action, Run):
            self.words(values, [])
        if isinstance(action, (Run, Script)):
            values.typed_params()
        self._extra_env(values)

    def shown(self, row: int, attempt: int = 1) -> str:
        """The action in the user's words: the filled command, or the function's name.

        Raises:
            FileflowError: if the command cannot be filled in.
        """
        action = self.rule.action
        if isinstance(action, Run):
            return f"{action.module}:{action.function}"
        if self._shares is None:
            declared = self.table.joins.workflow.resources
            self._shares = {
                name: f"{{resources.{name}}}" if number is None else number
                for name, number in known_shares(self.rule.resources, declared).items()
            }
        names = self._folders(row, str) if self.table.scattered else str
        values = JobValues(self.table, row, names, self._before(row, self._shares, attempt))
        if isinstance(action, Shell) and not self.rule.prefix:
            resolve = self._with_logs(values) if self.rule.logs else values.resolve
            options = FillOptions(self.root, lambda _: "LIST")
            return self._shell_text(action, resolve, options).strip()
        words = self.words(values, [])
        if isinstance(action, Script) and is_notebook(action) and not self.rule.prefix:
            del words[:3], words[1]
        return " ".join(quoted_word(word.replace(f"{STAGE}/", "")) for word in words)


def kind_of(table: RuleTable) -> str:
    """The kind of a rule's action, as slots know it."""
    action = table.rule.action
    if isinstance(action, Run):
        return "run"
    if isinstance(action, Shell):
        return "shell"
    return "script" if isinstance(action, Script) else "argv"


@cache
def _seeded() -> str:
    """The program that runs a script with the generators seeded; read, as it is not for us."""
    place = os.path.join(os.path.dirname(staging.__file__), "seeded.py")
    with open(place, encoding="utf-8") as file:
        return file.read()


def runs_in_slot(rule: Rule) -> bool:
    """Whether the rule's action is a Python script that needs no interpreter of its own."""
    action = rule.action
    return isinstance(action, Script) and action.path.text.endswith(".py") and not rule.prefix


def is_notebook(action: Script) -> bool:
    """Whether a script is a notebook."""
    return action.path.text.endswith(".ipynb")


def log_items(rule: Rule) -> list[tuple[str | None, list[int], bool]]:
    """The rule's log files as the action gets them: name, positions, whether it is one path."""
    found: dict[object, list[int]] = {}
    for k, entry in enumerate(rule.logs):
        found.setdefault(entry.name if entry.name is not None else k, []).append(k)
    return [
        (
            rule.logs[numbers[0]].name,
            numbers,
            len(numbers) == 1 and not (rule.logs[numbers[0]].listed and isinstance(key, str)),
        )
        for key, numbers in found.items()
    ]


def named_config(named: Mapping[str, Node]) -> dict[str, object]:
    """The config values that a rule names, each where it is in the config."""
    made: dict[str, object] = {}
    for text in sorted(named):
        inner: dict[str, object] = made
        *above, last = [str(step) for step in steps_of(f".{text}")]
        for step in above:
            below = inner.setdefault(step, {})
            if not isinstance(below, dict):
                break
            inner = below
        else:
            inner.setdefault(last, python_value(named[text]))
    return made


def _by_name(items: Sequence[tuple[str | None, object]]) -> object:
    """Paths as a script is told of them: a mapping where all are named, else a list."""
    if items and all(name for name, _ in items):
        return {str(name): value for name, value in items}
    out: list[object] = []
    for _, value in items:
        out += value if isinstance(value, list) else [value]
    return out


SHORT_LIST = 8


def shared_list(group: Group) -> int | None:
    """The number by which slots know a list that is worth sending once; None for a short one."""
    if len(group.paths) <= SHORT_LIST or ABSENT in (group.makers or ()):
        return None
    return group.number
