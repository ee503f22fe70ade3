"""Reads one rule after the other: every key checked by itself, `{config.…}` filled in.

Knows no relation and no disk; whether the names in an action stand for something is checked
elsewhere, once the relations are read.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable

from fileflow.errors import Collector, FileflowError, shortened
from fileflow.language import scalars
from fileflow.language.config import dotted, steps_of
from fileflow.language.entries import Section, is_call, templates_in
from fileflow.language.rule_book import Draft, RuleBook, check_executor
from fileflow.language.rule_shape import RuleShape
from fileflow.language.scalars import check_keys, not_a
from fileflow.language.templates import Lookup, Template, parse_plain, parse_shell
from fileflow.language.yaml_nodes import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    key_without_blank,
    scalar_value,
)
from fileflow.language.yaml_slips import CURLY, in_quotes
from fileflow.lean import TypedDict, dataclass, lazy_regex
from fileflow.model.patterns import Pattern
from fileflow.model.rules import (
    Action,
    Amount,
    Argv,
    Call,
    Entry,
    Rule,
    Run,
    Script,
    SeedBy,
    Shell,
)

ACTIONS = ("run", "shell", "argv", "script")
_AROUND = ("params", "env", "prefix", "shell_words", "shell_prefix")
NOT_FOR_ALL = frozenset({*ACTIONS, "args", "doc", "output", "scatter"})
"""The keys that are no defaults."""

_NEEDS = "write input: a path, or {rule: NAME}"
MEANT = {
    "threads": "write cores",
    "cpus": "write cores",
    "inputs": "write input",
    "outputs": "write output",
    "deps": "write input",
    "outs": "write output",
    "cmd": "write shell",
    "command": "write shell",
    "message": "write doc",
    "desc": "write doc",
    "description": "write doc",
    "wildcard_constraints": "write constraints",
    "conda": "write prefix: [conda, run, -p, FOLDER]",
    "container": "write prefix: [apptainer, exec, IMAGE]",
    "singularity": "write prefix: [apptainer, exec, IMAGE]",
    "shadow": "write private: true",
    "notebook": "write script",
    "benchmark": "durations, CPU time and memory of each job are recorded without it",
    "envmodules": 'write shell_prefix: "module load NAME;"',
    "module": 'write shell_prefix: "module load NAME;"',
    "checkpoint": "write scatter: NAME, the wildcard whose values the rule finds",
    "default_target": "the first rule of the file is the default target",
    "group": "small jobs of a rule go to a worker together without it",
    "localrule": "all jobs run on this machine",
    "cache": "an output is built once and kept; other projects do not share it",
    "name": "the rule's key is its name",
    "foreach": "declare its values as a wildcard: wildcards: {item: [a, b]}",
    "matrix": "declare each of its names as a wildcard: wildcards: {item: [a, b]}",
    "memory": "write resources: {mem_mb: 2000}",
    "mem_mb": "write resources: {mem_mb: 2000}",
    "maxRetries": "write retries",
    "publishDir": "write the final path as output",
    "label": "write tags",
    "metrics": "write output",
    "plots": "write output",
    "wdir": "actions run in the Workflowfile's folder: write cd in the shell text",
    "frozen": "leave the rule out with --omit, or with when",
    "temp": "it is a flag of one output: output: {path: PATH, temp: true}",
    "protected": "it is a flag of one output: output: {path: PATH, protected: true}",
    "in_place": "it is a flag of one output: output: {path: PATH, in_place: true}",
    "keep": "it is a flag of one output: output: {path: PATH, in_place: true, keep: true}",
    "ensure": "it is a flag of one output: output: {path: PATH, ensure: {non_empty: true}}",
    **dict.fromkeys(("needs", "requires", "depends_on", "dependencies", "after"), _NEEDS),
    **{
        flag: f"it is a flag of one input: input: {{path: PATH, {flag}: true}}"
        for flag in ("order_only", "optional", "one")
    },
    "source": "write input",
    "sources": "write input",
    "target": "write output",
    "targets": "write output",
    "docker": "write prefix: [apptainer, exec, IMAGE]",
    "runtime": "write timeout",
    "ram": "write resources: {mem_mb: 2000}",
    "ncpus": "write cores",
    "runs-on": "all jobs run on this machine",
    "stdout": "write > {output} in the command; without that {log} keeps it",
    "beforeScript": "write shell_prefix",
    "gather": "a wildcard that is in an input and in no output is gathered without it",
    "wildcards": "values stand at the top of the Workflowfile: wildcards: {NAME: [a, b]}",
}
"""What to write for keys that other systems have."""

_WITH_COMMANDS = {
    "prefix": (("shell", "argv", "script"), "for a command"),
    "shell_prefix": (("shell",), "for the text of shell"),
    "shell_words": (("shell",), "for the text of shell"),
}
"""Keys that stand around an action, with the actions that they are for."""

_VARIABLE = lazy_regex(r"[^=\0]+")
_SHELL_VARIABLE = lazy_regex(r"[A-Za-z_][A-Za-z0-9_]*")


def looks_like_rule(node: Node) -> bool:
    """Whether a mapping has keys that make a rule one."""
    return isinstance(node, Mapping) and not {"input", "output", *ACTIONS}.isdisjoint(node.items)


@dataclass(slots=True, eq=False)
class Reading:
    """A rule, and what is left to check once the relations are known.

    `action_texts` and `value_texts` are the templates of the action and of `params`, `env` and
    calls; `foreign_braces` says that config brought braces into params or env.
    """

    rule: Rule
    action_texts: list[Template]
    value_texts: list[Template]
    foreign_braces: bool
    shape: RuleShape


class _Values(TypedDict, total=False):
    """The keys of a rule that stand by themselves."""

    doc: str
    constraints: dict[str, str]
    scatter: tuple[str, ...]
    executor: str
    cores: Amount
    resources: dict[str, Amount]
    retries: int
    timeout: float
    picked_limits: dict[str, Scalar]
    priority: float
    prefer: float
    seed: SeedBy
    envvars: tuple[str, ...]
    private: bool
    always: bool
    expires: float
    tags: tuple[str, ...]


class _Action(TypedDict, total=False):
    """The action of a rule, and what stands around it."""

    action: Action
    params: dict[str, Node | Call]
    params_call: Call
    env: dict[str, Node]
    prefix: tuple[Template, ...]
    shell_prefix: Template
    shell_words: tuple[Template, ...]


def read_rules(book: RuleBook) -> list[Reading]:
    """Every rule that can be read, in file order; the mistakes of the others go to the book."""
    found = []
    for draft in book.drafts.values():
        reading = _RuleReader(draft, book).read()
        if reading is not None:
            found.append(reading)
    return found


class _RuleReader:
    """Reads one rule; every mistake goes to the book's collector, and the reading goes on."""

    def __init__(self, draft: Draft, book: RuleBook) -> None:
        self._draft = draft
        self._book = book
        self._config = book.config
        self._items = draft.node.items
        self._errors = Collector()
        self._action_texts: list[Template] = []
        self._value_texts: list[Template] = []
        self._named: dict[str, Node] = {}
        self._names_all = False
        self._foreign = False

    def read(self) -> Reading | None:
        """The rule, or None if something of it is wrong."""
        draft, book = self._draft, self._book
        mistakes = len(book.errors.errors)
        check_keys(draft.node, RULE_KEYS, f"the rule {draft.name!r}", self._errors, MEANT)
        inputs = self._entries(Section.INPUT)
        outputs = self._entries(Section.OUTPUT)
        logs = self._entries(Section.LOG)
        values = self._values()
        action = self._action()
        reader = draft.reader
        owns, awaited = (reader.owns, reader.awaited) if reader is not None else ({}, [])
        shape = RuleShape(
            draft.node, inputs, outputs, logs, values.get("scatter", ()), owns, awaited
        )
        if values.get("private"):
            self._check_private(outputs)
            values["executor"] = "process"
        if not self._errors.errors and draft.mistake is None:
            try:
                self._check_action(action, bool(outputs))
            except FileflowError as error:
                self._errors.add(error)
            for found in shape.mistakes(values.get("constraints", {}), draft.own_constraints):
                self._errors.add(found)
        for found in self._errors.errors:
            book.errors.add(found)
        if draft.mistake is not None or len(book.errors.errors) > mistakes:
            return None
        rule = Rule(
            name=draft.name,
            place=draft.key.place,
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            logs=tuple(logs),
            cores_said="cores" in values,
            config_named=self._named,
            names_whole_config=self._names_all,
            keys=draft.node.keys,
            **values,
            **action,
        )
        if reader is not None:
            self._value_texts += reader.texts
        return Reading(rule, self._action_texts, self._value_texts, self._foreign, shape)

    def _check_private(self, outputs: Iterable[Entry]) -> None:
        for entry in outputs:
            if entry.in_place:
                self._errors.add(
                    FileflowError(
                        "an in_place output is made under its own name, outside of the folder "
                        "that a private action has",
                        place=entry.place,
                        hint="take in_place out, or private",
                    )
                )

    # ---- entries ----

    def _entries(self, section: Section) -> list[Entry]:
        if section.key not in self._items:
            return []
        try:
            entries = self._book.entries(self._draft, section)
        except FileflowError as error:
            self._errors.add(error)
            return []
        for number, entry in enumerate(entries):
            if entry.rule is not None:
                entries[number] = self._known_rule(entry)
            elif entry.pattern is not None and entry.pattern.lookups:
                try:
                    self._check_lookups(entry.pattern)
                except FileflowError as error:
                    self._errors.add(error)
        return entries

    def _check_lookups(self, pattern: Pattern) -> None:
        for hole, _ in pattern.lookups:
            steps = steps_of(hole.partition("[")[0].removeprefix("config"))
            self._config.value(steps, pattern.place or self._draft.key.place)
            self._config.opened.add(steps)

    def _known_rule(self, entry: Entry) -> Entry:
        name = entry.rule or ""
        if name == self._draft.name:
            self._errors.add(FileflowError("a rule cannot ask for itself", place=entry.place))
        elif name not in self._book.drafts:
            if entry.optional and name in self._book.absent:
                return entry._replace(absent=True)
            self._errors.add(self._book.no_rule(name, entry.place))
        return entry

    # ---- keys that stand by themselves ----

    def _values(self) -> _Values:
        values = _Values()
        for key, node in self._items.items():
            if key in _BY_THEMSELVES:
                read = _READERS.get(key) or getattr(self, "_" + key)
                try:
                    filled = self._config.filled(node)
                    if key in _SINGLE and isinstance(filled, Scalar) and _is_picked(filled):
                        values.setdefault("picked_limits", {})[key] = self._picked(filled, key)
                        continue
                    with scalars.where_written(node, filled):
                        values[key] = read(filled)  # type: ignore[literal-required]
                except FileflowError as error:
                    self._errors.add(error)
        return values

    def _picked(self, node: Scalar, key: str) -> Scalar:
        """What a wildcard picks in config for a key that may differ from job to job.

        Raises:
            FileflowError: the key may not, or more than that is its value.
        """
        template = parse_plain(node.text, node.place_at)
        what = hint = None
        if key not in _LIMITS:
            what = f"{key} is the same for all jobs of a rule, so no wildcard can pick it"
            hint = "write one value, or a rule for each"
        elif template.only is None or template.only.modifiers:
            what = f"what a wildcard picks for {key} is all of its value"
            hint = "write the unit in config too, as in 5m"
        if what is not None:
            said = f"{_short(node.text)}: {what}"
            raise FileflowError(said, place=node.place, hint=hint)
        self._note(template)
        self._value_texts.append(template)
        return node

    def _cores(self, node: Node) -> Amount:
        return self._amount(node, "cores")

    def _resources(self, node: Node) -> dict[str, Amount]:
        table = scalars.mapping(node, "resources", "a mapping such as {mem_mb: 2000}")
        if "cores" in table.items:
            raise FileflowError(
                "cores is no resource", place=table.keys["cores"].place, hint="a rule's key: cores"
            )
        return {name: self._amount(item, name) for name, item in table.items.items()}

    def _amount(self, node: Node, what: str) -> Amount:
        if isinstance(node, Mapping) and "call" in node.items:
            return Amount(call=self._call(node))
        if isinstance(node, Scalar) and "{config" in node.text:
            template = parse_plain(node.text, node.place_at)
            only = template.only
            if only is not None and only.root == "config" and not only.modifiers:
                self._note(template)
                self._value_texts.append(template)
                return Amount(picked=node)
        return Amount(scalars.number(node, what, least=0))

    def _call(self, node: Mapping) -> Call:
        return self._book.reader(self._draft).call(node)

    def _executor(self, node: Node) -> str:
        name = scalars.text(node, "executor")
        check_executor(name, lambda: self._book.executors, node.place)
        return name

    # ---- the action and its values ----

    def _action(self) -> _Action:
        action = _Action()
        said = [key for key in ACTIONS if key in self._items]
        if len(said) > 1:
            first, second = sorted(said, key=list(self._items).index)[:2]
            self._errors.add(
                FileflowError(
                    f"a rule has one action, not {first} and {second}",
                    place=self._draft.node.keys[second].place,
                    hint="take one out, or make two rules of it",
                )
            )
            said = []
        for key in (*_AROUND, *said):
            if key in self._items:
                try:
                    action.update(self._part(key))
                except FileflowError as error:
                    self._errors.add(error)
        return action

    def _part(self, key: str) -> _Action:
        if key == "params":
            return self._params()
        if key == "env":
            return self._env()
        if key == "prefix":
            return _Action(prefix=self._words(key))
        if key == "shell_words":
            words = self._words(key)
            if not words:
                raise FileflowError(
                    "shell_words names no program",
                    place=self._items[key].place,
                    hint="write its words before the text: shell_words: [sh, -c]",
                )
            return _Action(shell_words=words)
        if key == "shell_prefix":
            return _Action(shell_prefix=self._shell(key))
        return _Action(action=self._one_action(key))

    def _check_action(self, action: _Action, makes: bool) -> None:
        key = self._draft.node.keys
        if makes and "action" not in action:
            raise FileflowError(
                f"the rule {self._draft.name!r} has outputs and no action",
                place=key["output"].place,
                hint=f"say how they are made: {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}",
            )
        own = self._draft.own_keys
        if "args" in own and "script" not in self._items:
            raise FileflowError("args are the words of a script", place=key["args"].place)
        for word, (actions, what) in _WITH_COMMANDS.items():
            if word in own and not any(one in self._items for one in actions):
                raise FileflowError(
                    f"{word} is {what}, and the rule {self._draft.name!r} has none",
                    place=key[word].place,
                    hint="a function runs in the Python of fileflow; a script can have a prefix"
                    if "run" in self._items
                    else "words stand before a command with prefix",
                )

    def _one_action(self, key: str) -> Action:
        node = self._items[key]
        place = self._draft.node.keys[key].place
        if key == "run":
            module, function = scalars.function(self._config.filled(node), "run")
            return Run(module, function, node.place)
        if key == "shell":
            return Shell(self._shell("shell"), place)
        if key == "argv":
            words = self._words("argv")
            if not isinstance(self._config.filled(node, lists_stay=True), Sequence):
                error = not_a(node, "argv", "a list of words")
                error.hint = error.hint or "a command in one text is shell"
                raise error
            if not words:
                raise FileflowError("argv has no words", place=node.place)
            return Argv(words, place)
        path = self._template(scalars.written(node, "script", "the path of a file"))
        if not path.text.strip():
            raise not_a(node, "script", "the path of a file")
        first, *rest = path.text.split()
        if rest and any(one.root in ("input", "output") for one in path.placeholders):
            shown = ", ".join(f'"{word}"' for word in rest)
            raise FileflowError(
                f"script is the path of a file, and {_short(path.text)} is more",
                place=node.place,
                hint=f"the words of a script are args: write script: {first} and args: [{shown}]",
            )
        if "args" in self._draft.own_keys and path.text.endswith(".ipynb"):
            raise FileflowError(
                f"{path.text} is a notebook, which takes no words",
                place=self._draft.node.keys["args"].place,
                hint="it has the facts of the job: write params, and job.params in the notebook",
            )
        return Script(path, self._words("args") if "args" in self._items else None, place)

    def _shell(self, key: str) -> Template:
        node = scalars.written(
            self._items[key],
            key,
            "a command",
            'write "" for none' if key == "shell_prefix" else "leave it out",
        )
        comment = node.cut_comment()
        if comment is not None and _is_cut(node.text, comment):
            raise FileflowError(
                f"{_short(comment)} is cut off: to YAML it is a comment",
                place=node.place,
                hint="put the command on the next line, below |",
            )
        if node.plain and node.text[0] in CURLY:
            what = "the command begins with a curly quote, which is none"
            raise FileflowError(what, place=node.place, hint=in_quotes(node.text))
        template = parse_shell(node.text, node.place_at)
        self._note(template)
        self._action_texts.append(template)
        return template

    def _template(self, scalar: Scalar) -> Template:
        template = parse_plain(scalar.text, scalar.place_at)
        self._note(template)
        self._action_texts.append(template)
        return template

    def _words(self, key: str) -> tuple[Template, ...]:
        node = self._items[key]
        if isinstance(node, Scalar):
            filled = self._config.filled(node, lists_stay=True)
            if isinstance(filled, Sequence):  # `"{config.tools}"` may be a list
                self._note(parse_plain(node.text, node.place_at))
                node = filled
        if isinstance(node, Scalar):
            text = scalars.written(node, key, "words", "write [] for none").text
            try:
                words = shlex.split(text)
            except ValueError:
                raise FileflowError(f"{key}: a quote is not closed", place=node.place) from None
            said: list[Node] = [Scalar(word, "'", *node.place) for word in words]
            node = Sequence(said, True, *node.place)
        return tuple(self._template(word) for word in scalars.scalars(node, key))

    def _note(self, template: Template) -> None:
        """Checks the config that a text names, and keeps it as what the rule depends on."""
        for placeholder in template.placeholders:
            if placeholder.root != "config":
                continue
            steps: list[str | int] = []
            for step in placeholder.steps:
                if isinstance(step, Lookup):
                    break
                steps.append(step)
            by_wildcard = len(steps) < len(placeholder.steps)
            value = self._config.find(tuple(steps))
            if value is None:
                place = template.place_at(placeholder.offset)
                value = self._config.value(tuple(steps), place)  # raises
            if by_wildcard:
                self._config.opened.add(tuple(steps))
            elif steps:
                self._named[dotted(steps)] = value
            else:
                self._names_all = True

    def _params(self) -> _Action:
        node = self._items["params"]
        table = self._book.params(self._draft)
        if table is None:
            return _Action(params_call=self._call(scalars.mapping(self._config.filled(node), "")))
        self._note_values(node, table)
        return _Action(
            params={
                name: self._call(value) if isinstance(value, Mapping) and is_call(value) else value
                for name, value in table.items.items()
            }
        )

    def _note_values(self, node: Node, filled: Mapping) -> None:
        """Keeps the templates of params or env as they were written, before they were filled."""
        key = key_without_blank(node) if isinstance(node, Mapping) and node.flow else None
        if key is not None:
            name, _, value_text = key.text.partition(":")
            what = f"{shortened(key.text)!r} has no space after its colon, so it is all key"
            hint = f"write {name}: {shortened(value_text)}"
            raise FileflowError(what, place=key.place, hint=hint)
        for value in node.items.values() if isinstance(node, Mapping) else [node]:
            if not is_call(value):
                for template in templates_in(value):
                    self._note(template)
                    self._value_texts.append(template)
        if filled is not node:
            self._foreign = self._foreign or any("{" in text for text in _texts(filled))

    def _env(self) -> _Action:
        node = self._items["env"]
        filled = scalars.mapping(self._config.filled(node, lists_stay=True), "env")
        self._note_values(node, filled)
        for name, value in filled.items.items():
            if not _VARIABLE.fullmatch(name):
                raise FileflowError(
                    f"{name!r} is no name of a variable", place=filled.keys[name].place
                )
            if not isinstance(value, Scalar):
                raise not_a(value, f"env: {name}", "a text")
        return _Action(env=dict(filled.items))


def _texts(node: Node) -> list[str]:
    if isinstance(node, Scalar):
        return [node.text]
    below = node.items.values() if isinstance(node, Mapping) else node.items
    return [text for item in below for text in _texts(item)]


_UNFINISHED = lazy_regex(r"[|&(<>\\]\s*\Z")
_VALUE = lazy_regex(r"\{(?:input|output|params|config|wildcards)\b")


def _is_cut(text: str, comment: str) -> bool:
    """Whether a comment behind a plain text was meant as part of the command."""
    try:
        shlex.split(text)
    except ValueError:
        return True
    return bool(
        _UNFINISHED.search(text)
        or text.count("$(") > text.count(")")
        or text.count("`") % 2
        or _VALUE.search(comment)
    )


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


# ---- single values ------------------------------------------------------------------------------


def _seed(node: Node) -> SeedBy:
    if not isinstance(node, Mapping):
        value = scalar_value(node) if isinstance(node, Scalar) else None
        if isinstance(value, bool):
            return SeedBy(counts=value)
        wanted = "true, false or {by: [names], key: word}"
        error = not_a(node, "seed", wanted, scalars.is_boolean)
        if isinstance(value, int):
            error.hint = "the number itself stands at the top of the Workflowfile: seed: 2013"
        raise error
    table = scalars.mapping(node, "seed", "true, false or {by: [names], key: word}")
    errors = Collector()
    check_keys(table, frozenset({"by", "key"}), "seed", errors)
    errors.raise_if_any()
    by, key = table.items.get("by"), table.items.get("key")
    return SeedBy(
        counts=True,
        by=None if by is None else tuple(name.text for name in _by(by)),
        key=None if key is None else scalars.text(key, "key", "a word"),
    )


def _by(node: Node) -> list[Scalar]:
    if isinstance(node, Sequence) and not node.items:
        return []
    return scalars.names(node, "by")


def _constraints(node: Node) -> dict[str, str]:
    table = scalars.mapping(node, "constraints", "a mapping of wildcards to regular expressions")
    return {
        name: scalars.regex(item, f"the constraint of {name}") for name, item in table.items.items()
    }


def _scatter(node: Node) -> tuple[str, ...]:
    return tuple(name.text for name in scalars.names(node, "scatter"))


def _variables(node: Node) -> tuple[str, ...]:
    found = scalars.scalars(node, "envvars")
    for item in found:
        if not _SHELL_VARIABLE.fullmatch(item.text) or scalar_value(item) is None:
            raise FileflowError(
                f"envvars: {shortened(item.text)!r} is no name of a variable",
                place=item.place,
                hint="a name is letters, digits and _, and begins with no digit",
            )
    return tuple(item.text for item in found)


_LIMITS = frozenset({"retries", "timeout"})
_SINGLE = _LIMITS | {"priority", "prefer", "private", "always", "expires", "executor", "seed"}


def _is_picked(node: Scalar) -> bool:
    """Whether a wildcard picks a value in config; all others are filled in already."""
    return "{config" in node.text and any(
        isinstance(step, Lookup)
        for placeholder in parse_plain(node.text, node.place_at).placeholders
        for step in placeholder.steps
    )


_READERS: dict[str, Callable[[Node], object]] = {
    "doc": lambda node: scalars.text(node, "doc"),
    "constraints": _constraints,
    "scatter": _scatter,
    "retries": lambda node: scalars.whole_number(node, "retries", least=0),
    "timeout": lambda node: scalars.duration(node, "timeout"),
    "priority": lambda node: scalars.number(node, "priority"),
    "prefer": lambda node: scalars.number(node, "prefer"),
    "seed": _seed,
    "envvars": _variables,
    "private": lambda node: scalars.boolean(node, "private"),
    "always": lambda node: scalars.boolean(node, "always"),
    "expires": lambda node: scalars.duration(node, "expires"),
    "tags": lambda node: tuple(tag.text for tag in scalars.scalars(node, "tags")),
}
_BY_THEMSELVES = frozenset({*_READERS, "cores", "resources", "executor"})
RULE_KEYS = frozenset(
    {*ACTIONS, *_AROUND, *_BY_THEMSELVES, "input", "output", "log", "args", "when"}
)
"""Every key that a rule can have."""
