"""What identifies a job beside its files: the action, params, config values, env and seed.

Pure: digests of code and of files that a command names are given. Nothing of what schedules a job
(number of cores, executor, order, host) is in it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Protocol

from fileflow.errors import FileflowError, Place
from fileflow.language import bash
from fileflow.language.templates import (
    Lookup,
    Placeholder,
    Template,
    fill_plain,
    parse_plain,
    resolved,
    without_comments,
)
from fileflow.language.yaml_nodes import Node, Scalar, Sequence
from fileflow.lean import dataclass, field, lazy_regex, replace
from fileflow.model.rules import Action, Argv, Call, Kind, Rule, Run, Script, Shell
from fileflow.planning.filling import (
    PLAIN_OPTIONS,
    JobValues,
    canonical,
    has_lists,
    node_value,
    python_config,
    typed_value,
)
from fileflow.planning.questions import form_of
from fileflow.planning.seeds import seed_counts, seed_key
from fileflow.planning.tables import RuleTable

SIZE = 16
Hole = tuple[Template, Placeholder]
PATH_ROOTS = frozenset({"input", "output", "log", "after"})
NO_REASON = frozenset({"cores", "resources", "attempt", "seed", "rule"})

_UNNAMED = PATH_ROOTS | NO_REASON
_FIRST_MARK = 0xF0000  # private characters, which stand for placeholders
_BRACES = lazy_regex(r"\{[^{}]*\}")
# Parts of a recipe in which no placeholders stand.
_NO_TEXTS = frozenset({"code", "code digest", "config", "whole config", "files"})
_WRITTEN = lazy_regex(
    r"""(?:(?<!\S)\d+)?&?>{1,2}[|&]?[ \t]*(?![(>])\S+  # a redirection, but no process substitution
    | (?<![\w./-])tee(?![\w./-])[^|;&<>()\n]*""",
    re.VERBOSE,
)


class CodeFacts(Protocol):
    """What is known of the code of an action: a digest of all of it, and of its parts by name."""

    @property
    def digest(self) -> bytes: ...
    @property
    def parts(self) -> tuple[tuple[str, bytes], ...]: ...


@dataclass(slots=True)
class Recipe:
    """The recipe of one rule.

    `parts` are what all its jobs share, by name, in the user's words (so that `why` can show them
    before and after); `names` the wildcards and columns whose values enter each job's digest,
    `texts` the ways to the other values that differ from job to job, `named` the way to the project
    files that the command of one job names (path to digest). `singles` are the columns that
    are asked for their one value, with the place where and how a list is had there; `holes` all
    placeholders, of params those that differ from job to job.
    """

    table: RuleTable
    parts: dict[str, object]
    names: list[str] = field(default_factory=list)
    texts: list[tuple[str, Callable[[JobValues], object]]] = field(default_factory=list)
    named: Callable[[JobValues], Mapping[str, str]] | None = None
    singles: dict[str, tuple[Place, str | None]] = field(default_factory=dict)
    holes: list[Hole] = field(default_factory=list)
    _base: object = None
    _constant: bytes | None = None

    def digest(self, row: int, before: bytes | None = None) -> bytes:
        """16 bytes: equal if nothing of the recipe differs.

        `before` is what the job's record has. If it was made when none of the files was there that
        the command names in this job, they are no reason now.
        """
        bare = self._bare(row)
        if self.named is None or bare == before:
            return bare
        files = self.named(JobValues(self.table, row))
        if not files:
            return bare
        return hashlib.blake2b(bare + canonical(files).encode(), digest_size=SIZE).digest()

    def _bare(self, row: int) -> bytes:
        if self._constant is not None:
            return self._constant
        if self._base is None:
            text = canonical(self.parts)
            self._base = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=SIZE)
            if not self.names and not self.texts:
                self._constant = self._base.digest()
                return self._constant
        made = self._base.copy()  # type: ignore[attr-defined]
        made.update("\0".join(self.row_texts(row)).encode("utf-8", "surrogateescape"))
        digest: bytes = made.digest()
        return digest

    def row_texts(self, row: int) -> list[str]:
        """The values that belong to this job alone."""
        columns = self.table.columns
        if not self.texts:
            return [columns[name][row] for name in self.names]
        values = JobValues(self.table, row)
        out = [columns[name][row] for name in self.names]
        return out + [canonical(get(values)) for _, get in self.texts]

    def differs_beside(self, row: int, parts: Mapping[str, object], before: bytes) -> bool:
        """Whether, beside what all jobs share, values of this job differ from those of its record,
        which has these parts and this digest; False where that cannot be told."""
        if _asked_in(parts) != _asked_in(self.parts):
            return False  # other values were asked for then
        then = replace(self, parts=dict(parts), _base=None, _constant=None)
        try:
            return then.digest(row, before) != before
        except FileflowError:  # a value is not there any more
            return True

    def own_values(self) -> list[str]:
        """What else may differ between a job and its record, in the words of the rule: params and
        variables with the placeholders in them, what the action itself names, calls."""
        rule = self.table.rule
        # A wildcard of the path by which a record is found is the same in both.
        pattern = self.table.shape.outputs[0].pattern
        fixed = {*pattern.names} - {*dict(pattern.lookups)} if pattern is not None else set()
        left = [name for name in self.names if name not in fixed]
        left = list(dict.fromkeys([*left, *(name for name, _ in self.texts)]))
        told = []
        seen = set()
        for what, nodes in (("param", rule.params), ("env", rule.env)):
            for name, node in nodes.items():
                holes = [] if isinstance(node, Call) else holes_in(node)
                texts = {hole.text: _key_of(hole) for _, hole in holes if _key_of(hole) in left}
                if texts:
                    told.append(f"{what} {name} ({', '.join(texts)})")
                    seen |= {*texts.values()}
        calls = {str(site) for site in self.table.sites}
        direct = {_key_of(hole): hole.text for _, hole in _action_holes(rule)}
        for name in left:
            if name in calls:
                told.append(f"what a call gives for {name}")
            elif name in direct:
                told.append(direct[name])
            elif name not in seen:
                of_script = name == "script" and isinstance(rule.action, Script)
                told.append("the script" if of_script else f"{{{name}}}")
        return [*told, "a file that the action names"] if self.named is not None else told


def recipe_of(
    table: RuleTable,
    *,
    root_seed: int,
    code: CodeFacts | None,
    takes: tuple[tuple[str, ...], bool] | None,
    named_files: Mapping[str, bytes],
    row_files: Callable[[JobValues], Mapping[str, str]] | None = None,
    row_code: Callable[[JobValues], object] | None = None,
) -> Recipe:
    """The recipe of a rule.

    Args:
        table: the rule's jobs.
        root_seed: the workflow's seed.
        code: facts on the code of a function or script.
        takes: for a function the wildcards and columns that it takes, and whether it takes
            `config`; None where that is not known (then all count).
        named_files: project files that the command names, with their digests.
        row_files: the same for those that only one job's command names; None if there are none.
        row_code: for a script whose path has wildcards, the digest of each job's own.
    """
    rule = table.rule
    action = rule.action
    parts: dict[str, object] = {}
    made = Recipe(table, parts, named=row_files)
    holes = made.holes
    command = not isinstance(action, Run)
    as_written = isinstance(action, (Shell, Argv))
    parts.update(action_parts(rule))
    holes += _holes_of(*_templates_of(action))
    if row_code is not None:
        made.texts.append(("script", row_code))
    if code is not None:
        parts["code"] = {name: digest.hex() for name, digest in code.parts}
        parts["code digest"] = code.digest.hex()
    if named_files:
        parts["files"] = {path: digest.hex() for path, digest in sorted(named_files.items())}
    for key, words in (
        ("prefix", rule.prefix),
        ("shell_words", rule.shell_words or ()),
        ("shell_prefix", (rule.shell_prefix,) if rule.shell_prefix else ()),
    ):
        if words and command:
            parts[key] = [word.text for word in words]
            holes += _holes_of(*words)
    if rule.private:  # where it runs may show in what it makes
        parts["private"] = True
    if rule.params:
        # Words of a command take them as they are written, where `01` is not `1`; the mapping of
        # all of them and a list in a list, like a function, as what they are, where `1` is not
        # `"1"`.
        named = [hole for _, hole in holes if hole.root == "params"]
        typed = not as_written or any(not hole.steps for hole in named)
        typed = typed or any(map(has_lists, rule.params.values()))
        if as_written or named:
            parts["params" if as_written else "params in words"] = _static_params(table, True)
        if typed:
            parts["params as JSON" if as_written else "params"] = _static_params(table, False)
        _add_params(made, typed)
    for site in table.sites:
        if site.kind is Kind.INPUT:
            made.texts.append((str(site), partial(_form, site.number)))
        elif site.kind is Kind.PARAMS:
            made.texts.append((str(site), partial(_answer, site.name)))
    if rule.env:
        env: dict[str, object] = {}
        for name, node in rule.env.items():
            env[name] = node_value(node, None)
            holes += holes_in(node)
        parts["env"] = env
    _add_config(made, holes, takes)
    _add_values(made, holes, takes)
    if seed_counts(rule):
        key, names = seed_key(rule)
        parts["seed"] = [root_seed, key]
        for name in names:
            if name in table.columns:
                if name not in made.names:
                    made.names.append(name)
            elif name not in rule.scatter:
                made.texts.append((name, lambda job, name=name: job.column(name)))  # type: ignore[misc]
                hint = f"leave it out of `by`, in which no list such as {{{name}:each}} can stand"
                made.singles[name] = (rule.place_of("seed"), hint)
    if any(hole.root == "rule" for _, hole in holes):
        parts["rule"] = rule.name
    if isinstance(action, (Run, Script)):
        parts |= _handed_over(table)
    return made


def _handed_over(table: RuleTable) -> dict[str, object]:
    """What a function or script is given in a form that the paths and their names do not tell."""
    rule = table.rule
    parts: dict[str, object] = {}
    script = isinstance(rule.action, Script)
    lists = [
        f"{what} {number if item.name is None else item.name}"
        for what, items in (("input", table.input_items), ("output", table.output_items))
        for number, item in enumerate(items)
        # A script gets paths without names as a list, however they are written.
        if not item.single and not (script and item.name is None)
    ]
    if lists:
        parts["lists"] = lists
    if any(entry.listed or entry.name is not None for entry in rule.logs):
        parts["logs"] = [[entry.name, entry.listed] for entry in rule.logs]
    if script and rule.config_named:
        parts["names of config"] = sorted(rule.config_named)
    return parts


def _form(site: int, job: JobValues) -> object:
    """Of what a call gives as inputs, that which the list of paths does not tell."""
    return form_of(job.table.answers[site].get(job.row))  # type: ignore[arg-type]


def _answer(name: str | None, job: JobValues) -> object:
    return job.table.answer(Kind.PARAMS, name, job.row)


def action_parts(rule: Rule) -> dict[str, object]:
    """The action as written, without what is no reason to build again."""
    action = rule.action
    if isinstance(action, Shell):
        return {"shell": without_comments(action.template.text)}
    if isinstance(action, Argv):
        return {"argv": [word.text for word in action.words]}
    if isinstance(action, Run):
        return {"run": f"{action.module}:{action.function}"}
    if isinstance(action, Script):
        parts: dict[str, object] = {"script": action.path.text}
        if action.args is not None:
            parts["args"] = [word.text for word in action.args]
        return parts
    return {}


def _templates_of(action: Action | None) -> tuple[Template, ...]:
    """The texts of an action itself."""
    if isinstance(action, Shell):
        return (action.template,)
    if isinstance(action, Argv):
        return action.words
    if isinstance(action, Script):
        return (action.path, *(action.args or ()))
    return ()


def _action_holes(rule: Rule) -> list[Hole]:
    """The placeholders of an action and of what stands around it."""
    around = (*rule.prefix, *(rule.shell_words or ()), rule.shell_prefix)
    written = (one for one in around if one is not None)
    return _holes_of(*_templates_of(rule.action), *written)


def _asked_in(parts: Mapping[str, object]) -> list[str]:
    """What the parts of a recipe tell of the values that each job has for itself: placeholders, a
    function's code, which says what it takes, which params no call gives, what a seed is of."""
    code = canonical(parts.get("code")) if "run" in parts else ""
    params, seed = parts.get("params"), parts.get("seed")
    given = sorted(params) if isinstance(params, Mapping) else []
    key = str(seed[1]) if isinstance(seed, list) else ""
    inside = [parts[name] for name in sorted(parts) if name not in _NO_TEXTS]
    return [code, *given, key, *_braces_in(inside)]


def _braces_in(value: object) -> list[str]:
    if isinstance(value, str):
        return _BRACES.findall(value)
    if isinstance(value, Mapping):
        value = [value[key] for key in sorted(value)]
    return [text for one in value for text in _braces_in(one)] if isinstance(value, list) else []


def names_in_texts(rule: Rule) -> set[str]:
    """The names that stand in the texts of a rule but its paths, `{wildcards.x}` and what stands in
    the brackets of a look-up as `x`."""
    holes = _action_holes(rule)
    for node in (*rule.params.values(), *rule.env.values()):
        if not isinstance(node, Call):
            holes += holes_in(node)
    looked_up = {one.word for _, hole in holes for one in hole.steps if isinstance(one, Lookup)}
    return {_name_of(hole) for _, hole in holes} | looked_up


def _name_of(hole: Placeholder) -> str:
    return str(hole.steps[0]) if hole.root == "wildcards" and hole.steps else hole.root


def _key_of(hole: Placeholder) -> str:
    """By what a recipe has the value of a placeholder."""
    return hole.text if hole.root == "config" else _name_of(hole)


def _holes_of(*templates: Template) -> list[Hole]:
    return [(template, hole) for template in templates for hole in template.placeholders]


def holes_in(node: Node) -> list[Hole]:
    """The placeholders of a value, each with the text that it stands in."""
    if isinstance(node, Scalar):
        return _holes_of(parse_plain(node.text, node.place_at)) if "{" in node.text else []
    children = node.items if isinstance(node, Sequence) else node.items.values()
    return [hole for child in children for hole in holes_in(child)]


def is_static(hole: Placeholder) -> bool:
    """Whether a placeholder has the same value in all jobs of a rule."""
    return hole.root == "config" and not any(isinstance(step, Lookup) for step in hole.steps)


def _static_params(table: RuleTable, as_written: bool) -> dict[str, object]:
    """The params that all jobs of a rule share; of others the text."""
    found: dict[str, object] = {}
    for name, node in table.rule.params.items():
        if isinstance(node, Call):
            continue
        holes = holes_in(node)
        resolve = JobValues(table, 0).resolve if holes else None
        if not all(is_static(hole) for _, hole in holes):
            found[name] = node_value(node, None)
        elif as_written:
            found[name] = node_value(node, resolve)
        else:
            found[name] = typed_value(node, resolve)
    return found


def _add_params(made: Recipe, typed: bool) -> None:
    """The placeholders of params that differ from job to job; what they look up has a type."""
    for node in made.table.rule.params.values():
        holes = [] if isinstance(node, Call) else holes_in(node)
        if all(is_static(hole) for _, hole in holes):
            continue
        made.holes += holes
        made.texts += [
            (hole.text, partial(_looked_up_typed, template, hole))
            for template, hole in holes
            if typed and hole.root == "config" and not is_static(hole)
        ]


def _add_config(
    made: Recipe, holes: list[Hole], takes: tuple[tuple[str, ...], bool] | None
) -> None:
    table = made.table
    named: dict[str, object] = {}
    whole = takes is not None and takes[1]
    for template, hole in holes:
        if hole.root != "config":
            continue
        if not hole.steps:
            whole = True
        elif is_static(hole):
            named[hole.text] = JobValues(table, 0).resolve(hole)
        else:
            made.texts.append((hole.text, partial(_looked_up, template, hole)))
    if named:
        made.parts["config"] = named
    if whole:
        made.parts["whole config"] = python_config(table.config)


def _looked_up(template: Template, hole: Placeholder, job: JobValues) -> object:
    return resolved(template, hole, job.resolve)


def _looked_up_typed(template: Template, hole: Placeholder, job: JobValues) -> object:
    return resolved(template, hole, job.typed)


def _add_values(
    made: Recipe, holes: list[Hole], takes: tuple[tuple[str, ...], bool] | None
) -> None:
    """The values of wildcards and columns that the action names; params are looked into above."""
    table = made.table
    names: dict[str, Hole | None] = {}
    for template, hole in holes:
        root = _name_of(hole)
        if root in PATH_ROOTS | NO_REASON | {"params", "config", "rules"}:
            continue
        names.setdefault(root + "\0each" * ("each" in hole.modifiers), (template, hole))
    if isinstance(table.rule.action, Run):
        for name in takes[0] if takes is not None else table.names:
            names.setdefault(name, None)
    for name, asked in names.items():
        bare, _, each = name.partition("\0")
        if bare in table.columns and not each:
            made.names.append(bare)
        else:
            if not each and bare not in table.shape.gathered:
                made.singles[bare] = _asked_at(table.rule, bare, asked)
            made.texts.append(
                (bare, lambda job, bare=bare, each=each: _column(job, bare, bool(each)))  # type: ignore[misc]
            )


def _asked_at(rule: Rule, name: str, asked: Hole | None) -> tuple[Place, str | None]:
    """Where a column is asked for its one value, and how a list is had there."""
    if asked is not None:
        template, hole = asked
        return template.place_at(hole.offset), None
    place = rule.action.place if rule.action is not None else rule.place
    return (
        place,
        f'take the list of them by another name: params: {{{name}_all: "{{{name}:each}}"}}',
    )


def _column(job: JobValues, name: str, each: bool) -> object:
    return job.column(name, each=each)


def words_of(template: Template, *, in_shell: bool) -> list[Template]:
    """The words of a template, quotes removed, for finding the files that it names.

    A text in which a shell would find several words is taken as one and as several. What a command
    writes by a redirection or `tee` is none of them, nor is what names inputs, outputs or logs.
    """
    holes: dict[str, Placeholder] = {}
    text = ""
    spans = []
    for segment in template.segments:
        if isinstance(segment, str):
            text += segment
            continue
        mark = chr(_FIRST_MARK + len(holes))
        holes[mark] = segment
        spans.append((len(text), len(text) + 1))
        text += mark
    words = []
    for word in _cut(text, spans, in_shell=in_shell):
        parts = tuple(_parts_of(word, holes))
        inside = tuple(part for part in parts if isinstance(part, Placeholder))
        if not any(hole.root in _UNNAMED or "file" in hole.modifiers for hole in inside):
            words.append(Template(parts, inside, (), template.text, template.place_at))
    return words


def _cut(
    text: str, spans: Iterable[tuple[int, int]] = (), *, in_shell: bool = True
) -> Iterable[str]:
    bare = _WRITTEN.sub(" ", bash.without_comments(text, spans))
    found = [word.strip("'\"()&`$") for word in re.split(r"[\s;|<>]+", bare)]
    found += bash.words(text, spans) if in_shell else [text]
    return dict.fromkeys(filter(None, found))


def _parts_of(word: str, holes: Mapping[str, Placeholder]) -> Iterator[str | Placeholder]:
    literal = ""
    for character in word:
        if character in holes:
            if literal:
                yield literal
            yield holes[character]
            literal = ""
        else:
            literal += character
    if literal:
        yield literal


def is_shared(word: Template, table: RuleTable) -> bool:
    """Whether a word is the same in all jobs of a rule."""
    return all(is_static(hole) or _is_plain_param(hole, table.rule) for hole in word.placeholders)


def _is_plain_param(hole: Placeholder, rule: Rule) -> bool:
    if hole.root != "params" or len(hole.steps) != 1:
        return False
    node = rule.params.get(str(hole.steps[0]))
    return node is not None and not isinstance(node, Call) and not holes_in(node)


def filled_words(word: Template, job: JobValues) -> list[str]:
    """What a word is in a job: each item of a list that it is; nothing if it has no value.

    With `:raw` a value may bring several words.
    """
    try:
        if word.only is not None and not word.only.modifiers:
            value = resolved(word, word.only, job.resolve)
            if isinstance(value, (list, tuple)):
                return [str(item) for item in value]
        text = fill_plain(word, job.resolve, PLAIN_OPTIONS)
        raw = any("raw" in hole.modifiers for hole in word.placeholders)
        return list(_cut(text)) if raw else [text]
    except FileflowError:  # what is wrong with it is told where it is filled in
        return []
