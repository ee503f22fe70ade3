"""Binds the parameters of a function to what its rule has, by name.

Pure: the signature is given, no module is imported. The outcome says for each parameter where its
value comes from; what cannot be bound becomes errors that name the cure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fileflow.errors import Collector, FileflowError, did_you_mean
from fileflow.lean import dataclass, field
from fileflow.model.ports import Parameter
from fileflow.model.rules import Kind, Run, unnamed_column
from fileflow.planning.filling import Item, JobValues, plain, sorted_keys
from fileflow.planning.tables import RuleTable

BUILT_IN = (
    "input",
    "output",
    "params",
    "config",
    "wildcards",
    "seed",
    "rng",
    "cores",
    "resources",
    "log",
)


Getter = Callable[[JobValues], object]


@dataclass(slots=True)
class Binding:
    """How a function is called.

    `parameters` as in `Work.parameters`; `values[k]` gives the k-th plain value of a job; `names`
    are the wildcards and columns that the function takes, `whole_config` whether it takes `config`.
    """

    parameters: list[tuple[str, str, object]] = field(default_factory=list)
    values: list[Getter] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    whole_config: bool = False
    takes_seed: bool = False


def bind(table: RuleTable, parameters: Sequence[Parameter]) -> Binding:
    """Binds a rule's function.

    Raises:
        FileflowError (or Mistakes): for a parameter that nothing provides, a name that nothing
            takes, a name for two things, a path where a list comes or the reverse.
    """
    return _Binder(table, parameters).bind()


class _Binder:
    def __init__(self, table: RuleTable, parameters: Sequence[Parameter]) -> None:
        self.table = table
        self.rule = table.rule
        self.parameters = parameters
        self.errors = Collector()
        self.made = Binding()
        self.inputs = {item.name: k for k, item in enumerate(table.input_items) if item.name}
        self.outputs = {item.name: k for k, item in enumerate(table.output_items) if item.name}
        self.answered = Answered(table)
        action = self.rule.action
        assert isinstance(action, Run)
        self.place = action.place
        self.function = f"{action.module}:{action.function}"

    def bind(self) -> Binding:
        taken: set[str] = set()
        rest = False
        for parameter in self.parameters:
            if parameter.kind == "var_positional":
                continue
            if parameter.kind == "var_keyword":
                rest = True
                continue
            if parameter.kind == "positional_only":
                if not parameter.has_default:
                    self._error(
                        f"{self.function} takes {parameter.name!r} by its position alone, but "
                        "arguments are given by name",
                        "take the `/` out of its parameters",
                    )
                continue
            taken.add(parameter.name)
            self._one(parameter)
        if rest:
            self._the_rest(taken)
        else:
            self._not_taken(taken)
        self.errors.raise_if_any()
        return self.made

    def _error(self, what: str, hint: str | None = None) -> None:
        self.errors.add(FileflowError(what, place=self.place, hint=hint))

    def _kinds_of(self, name: str) -> list[str]:
        """What the rule means by a name: its own names first."""
        found = []
        if name in self.inputs:
            found.append("input")
        if name in self.outputs:
            found.append("output")
        elif name in self.answered.inputs:
            found.append("input")
        if name in self.answered.params or name in self.rule.params:
            found.append("param")
        if name in self.table.columns:
            found.append("wildcard")
        elif name in self.table.shape.gathered or name in self.table.shape.idle:
            found.append("gathered wildcard")
        elif self.table.has_column(name):
            found.append("column")
        return found

    def _one(self, parameter: Parameter) -> None:
        name = parameter.name
        kinds = self._kinds_of(name)
        if len(kinds) > 1 and "param" in kinds and self._repeats_wildcard(name):
            kinds.remove("param")
        if len(kinds) > 1:
            hint = "rename one of them"
            if "input" in kinds and "output" in kinds:
                hint = "take `input` and `output` whole: input.x and output.x"
            self._error(
                f"{self.function} takes {name!r}, which is both {_an(kinds[0])} and "
                f"{_an(kinds[1])} of rule {self.rule.name!r}",
                hint,
            )
            return
        if not kinds and name in self.table.absent_outputs:
            self._value(name, lambda _: None)
        elif kinds:
            self._own(parameter, kinds[0])
        elif name in BUILT_IN:
            self._built_in(parameter)
        elif not parameter.has_default and not self.answered.may_give_more:
            known = [*self.inputs, *self.outputs, *self.rule.params, *self.table.names, *BUILT_IN]
            known += [*self.answered.inputs, *self.answered.params]
            near = unnamed_column(self.table.relations, name)
            near = near or did_you_mean(name, [str(one) for one in known])
            self._error(
                f"{self.function} takes {name!r}, which rule {self.rule.name!r} does not provide",
                near or "give the parameter a default, or the rule an input or param of that name",
            )

    def _repeats_wildcard(self, name: str) -> bool:
        """Whether a param only repeats the wildcard of its name."""
        node = self.rule.params.get(name)
        text = getattr(node, "text", None)
        return text in {f"{{{name}}}", f"{{wildcards.{name}}}"}

    def _own(self, parameter: Parameter, kind: str) -> None:
        name = parameter.name
        if kind == "input" and name not in self.inputs:
            self._check_given(parameter, self.answered.inputs[name])
            self._check_all_have(parameter, self.answered.inputs[name], "input")
            self._path(name, lambda job: _given_path(job, name))
        elif kind == "input":
            k = self.inputs[name]
            self._check_item(parameter, self.table.input_items[k])
            self.made.parameters.append((name, "input", k))
        elif kind == "output":
            k = self.outputs[name]
            self._check_shape(parameter, self.table.output_items[k], "output")
            self.made.parameters.append((name, "output", k))
        elif kind == "param" and self.rule.params_call is not None:
            self._check_all_have(parameter, self.answered.params[name], "param")
            self._optional_value(name)
        elif kind == "param":
            self._value(name, lambda job: job.typed_param(name))
        else:
            self.made.names.append(name)
            convert = converter(parameter.annotation)
            if kind == "wildcard":
                column = self.table.columns[name]
                self._check_numbers(parameter, column)
                self._value(name, lambda job: convert(job.table.columns[name][job.row]))
            elif kind == "gathered wildcard":
                self._check_numbers(parameter, self._all_values(name))
                self._check_gathered(name)
                self._value(name, lambda job: [convert(str(v)) for v in job.gathered(name)])
            else:
                self._check_numbers(parameter, self._all_values(name))
                self._value(name, lambda job: _converted(convert, job.column(name)))

    def _all_values(self, name: str) -> list[str]:
        """All values that a name has in the rule's relations."""
        return [
            value
            for relation in self.table.relations
            if name in relation.names
            for value in relation.column(name)
        ]

    def _check_numbers(self, parameter: Parameter, column: Sequence[str]) -> None:
        convert = converter(parameter.annotation)
        if convert is str:
            return
        for value in dict.fromkeys(column):
            try:
                convert(value)
            except ValueError:
                self._error(
                    f"{self.function} takes {parameter.name!r} as {parameter.annotation}, but "
                    f"{{{parameter.name}}} has the value {value!r}",
                    f"annotate it str, or leave the value out with `except`: {{{parameter.name}: "
                    f"[{value!r}]}}",
                )
                return

    def _check_gathered(self, name: str) -> None:
        over = {
            frozenset(n for n in link.pattern.wildcards if n in self.table.shape.gathered)
            for link in self.table.links
            if link.pattern is not None and name in link.pattern.wildcards
        }
        if len(over) > 1:
            self._error(
                f"{self.function} takes the values of {{{name}}}, but the inputs that gather it "
                "do so over different wildcards",
                "take the paths instead, or let all of them gather over the same wildcards",
            )

    def _check_shape(self, parameter: Parameter, item: Item, kind: str) -> None:
        annotation = _bare(parameter.annotation)
        if annotation is None:
            return
        if item.single and annotation.startswith(("list[", "List[", "Sequence[", "list", "tuple")):
            self._error(
                f"{self.function} takes {parameter.name!r} as {parameter.annotation}, but the "
                f"{kind} is one file",
                "annotate it Path, or write the path in a list: [path]",
            )
        elif not item.single and annotation in {"Path", "pathlib.Path", "str"}:
            gathered = [
                name
                for k in item.entries
                for name in self._wildcards_of(k, kind)
                if name in self.table.shape.gathered
            ]
            why = f"gathers {{{gathered[0]}}}: is it missing in the output?" if gathered else ""
            self._error(
                f"{self.function} takes {parameter.name!r} as one Path, but rule "
                f"{self.rule.name!r} {why or 'gives a list of paths'}",
                "annotate it list[Path] if the list is meant",
            )

    def _wildcards_of(self, k: int, kind: str) -> Sequence[str]:
        entries = self.table.shape.inputs if kind == "input" else self.table.shape.outputs
        pattern = entries[k].pattern
        return pattern.wildcards if pattern is not None else ()

    def _check_item(self, parameter: Parameter, item: Item) -> None:
        """The shape of an input: what its text says, or what a call gives."""
        link = self.table.links[item.entries[0]]
        if link.given is None or len(item.entries) > 1:
            self._check_shape(parameter, item, "input")
        elif _bare(parameter.annotation) is not None:
            given = {row: JobValues(self.table, row).input_item(item) for row in link.given}
            self._check_given(parameter, given)

    def _check_given(self, parameter: Parameter, given: Mapping[int, object]) -> None:
        """One path where a list is annotated, or the reverse, in what a call gives."""
        annotation = _bare(parameter.annotation)
        if annotation is None:
            return
        wants_list = annotation.startswith(("list", "List[", "Sequence[", "tuple"))
        for row, value in given.items():
            if isinstance(value, list) and annotation in {"Path", "pathlib.Path", "str"}:
                what, hint = "a list", "annotate it list[Path], or let the call give one path"
            elif isinstance(value, str) and wants_list:
                what, hint = "one path", "annotate it Path, or let the call give a list"
            else:
                continue
            self._error(
                f"{self.function} takes {parameter.name!r} as {parameter.annotation}, but a call "
                f"gives the job {self.table.label(row)} {what}",
                hint,
            )
            return

    def _check_all_have(self, parameter: Parameter, given: Mapping[int, object], kind: str) -> None:
        """A name that a call gives some jobs only needs a default for the others."""
        if parameter.has_default:
            return
        rows = self.answered.asked if kind == "input" else self.answered.asked_params
        lacking = next((row for row in rows if row not in given), None)
        if lacking is not None:
            self._error(
                f"{self.function} takes {parameter.name!r}, but a call gives the job "
                f"{self.table.label(lacking)} no {kind} of that name",
                "give the parameter a default, or let the call give it to every job",
            )

    def _path(self, name: str, getter: Getter) -> None:
        self.made.parameters.append((name, "path", len(self.made.values)))
        self.made.values.append(getter)

    def _optional_value(self, name: str) -> None:
        """A param that a call gives; a job that it does not give it to has the default."""

        def get(job: JobValues) -> list[object]:
            answered = job.answered_params()
            return [sorted_keys(answered[name])] if name in answered else []

        self.made.parameters.append((name, "optional", len(self.made.values)))
        self.made.values.append(get)

    def _value(self, name: str, getter: Getter) -> None:
        self.made.parameters.append((name, "value", len(self.made.values)))
        self.made.values.append(lambda job: sorted_keys(getter(job)))

    def _built_in(self, parameter: Parameter) -> None:
        name = parameter.name
        table = self.table
        if name in {"input", "output"}:
            items = self._part_of(name)
            if name == "input" and self.table.gives_inputs:
                if _bare(parameter.annotation) is not None:
                    self._check_given(parameter, self.answered.whole())
                self._path(name, JobValues.whole_input)
                return
            if not items:
                if not parameter.has_default:
                    self._error(f"{self.function} takes {name!r}, but the rule has no {name}")
                return
            if len(items) == 1 and items[0][0] is None:
                whole = table.input_items if name == "input" else table.output_items
                self._check_shape(parameter, whole[items[0][1]], name)
            self._take_whole(name, items)
        elif name == "params":
            self._value(name, JobValues.typed_params)
        elif name == "config":
            self.made.whole_config = True
            self.made.parameters.append((name, name, None))
        elif name == "wildcards":
            self.made.names += table.names
            self._value(name, lambda job: job.wildcards())
        elif name == "resources":
            self._value(name, lambda job: plain(job.extras.get("resources", {})))
        elif name == "cores":
            self._value(name, lambda job: job.extras.get("cores", 1))
        elif name == "rng":
            annotation = parameter.annotation or ""
            numpy = "Generator" in annotation
            self.made.takes_seed = True
            self.made.parameters.append((name, "rng", "numpy" if numpy else "random"))
        else:
            self.made.takes_seed |= name == "seed"
            self.made.parameters.append((name, name, None))

    def _the_rest(self, taken: set[str]) -> None:
        for name in ("input", "output"):
            items = self._part_of(name)
            if name in taken or all(known for known, _ in items):
                continue
            if name == "input" and self.table.gives_inputs:
                if not self.answered.inputs:
                    self._path(name, JobValues.whole_input)
            else:
                self._take_whole(name, items)
        for name, k in self.inputs.items():
            if name not in taken and "input" not in taken:
                self.made.parameters.append((str(name), "input", k))
        for name, k in self.outputs.items():
            if name not in taken and "output" not in taken:
                self.made.parameters.append((str(name), "output", k))
        for name in self.answered.inputs:
            if name not in taken and "input" not in taken:
                self._path(name, lambda job, name=name: _given_path(job, name))  # type: ignore[misc]
        for name in self.answered.params:
            if name not in taken and "params" not in taken:
                self._optional_value(name)
        for name in sorted(self.rule.params):
            if name not in taken and "params" not in taken:
                self._value(name, lambda job, name=name: job.typed_param(name))  # type: ignore[misc]

    def _part_of(self, whole: str) -> tuple[tuple[str | None, int], ...]:
        """What the parameter `input` or `output` gets: name and place of each of the items."""
        table = self.table
        items = table.input_items if whole == "input" else table.output_items
        return tuple(
            (item.name, k)
            for k, item in enumerate(items)
            if whole == "output" or item.name or not table.is_order_only(item)
        )

    def _take_whole(self, name: str, items: tuple[tuple[str | None, int], ...]) -> None:
        if len(items) == 1 and items[0][0] is None:
            self.made.parameters.append((name, name, items[0][1]))
        else:
            self.made.parameters.append((name, name + "s", items))

    def _is_order_only(self, name: str) -> bool:
        if name not in self.inputs:
            return name in self.answered.order_only
        return self.table.is_order_only(self.table.input_items[self.inputs[name]])

    def _is_scattered(self, name: str) -> bool:
        item = self.table.output_items[self.outputs[name]]
        return any(k in self.table.scattered for k in item.entries)

    def _not_taken(self, taken: set[str]) -> None:
        groups = (
            ("input", {**self.inputs, **dict.fromkeys(self.answered.inputs)}, "input"),
            ("output", self.outputs, "output"),
            ("param", dict.fromkeys([*self.rule.params, *self.answered.params]), "params"),
        )
        for kind, names, whole in groups:
            if whole in taken:
                continue
            for name in names:
                if kind == "output" and self._is_scattered(str(name)):
                    continue  # a generator takes it by what it yields
                if name in taken or (kind == "param" and self._repeats_wildcard(str(name))):
                    continue
                if kind == "input" and self._is_order_only(str(name)):
                    continue
                self._error(
                    f"{self.function} has no parameter {name!r}: nothing takes the {kind} of that "
                    "name",
                    did_you_mean(str(name), [p.name for p in self.parameters])
                    or f"give the function the parameter, or take `{whole}` whole",
                )


class Answered:
    """What the calls of a rule gave its jobs, as far as that is known: names, and who has them.

    `inputs` and `params` give for each name the values by row; `asked` and `asked_params` are the
    rows of which it is known. `may_give_more`: nothing is known yet, so any name may come.
    """

    def __init__(self, table: RuleTable) -> None:
        self.table = table
        self.inputs: dict[str, dict[int, object]] = {}
        self.params: dict[str, dict[int, object]] = {}
        self.asked: dict[int, None] = {}
        self.asked_params: dict[int, None] = {}
        self.order_only: set[str] = set()
        self.may_give_more = False
        for site in table.sites:
            if site.is_amount or (site.kind is Kind.PARAMS and site.name is not None):
                continue
            answers = table.answers[site.number]
            if site.kind is Kind.INPUT:
                self.asked.update(dict.fromkeys(answers))
                if site.entry is not None and site.entry.order_only:
                    self.order_only.update(_names_in(answers))
            else:
                self.asked_params.update(dict.fromkeys(answers))
            if site.name is None:
                self.may_give_more |= not answers
                self._take(answers, self.inputs if site.kind is Kind.INPUT else self.params)

    def _take(self, answers: Mapping[int, object], found: dict[str, dict[int, object]]) -> None:
        for row, answer in answers.items():
            if isinstance(answer, dict):
                for name, value in answer.items():
                    found.setdefault(name, {})[row] = value

    def whole(self) -> dict[int, object]:
        """What `input` is to each job of which it is known."""
        return {row: JobValues(self.table, row).whole_input() for row in self.asked}


def _names_in(answers: Mapping[int, object]) -> set[str]:
    return {name for one in answers.values() if isinstance(one, dict) for name in one}


def _given_path(job: JobValues, name: str) -> object:
    """The path or paths of an input that a call gives; False where it gives none of that name."""
    part = job.named_input(name)
    return False if part is None else part.paths


def _an(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _bare(annotation: str | None) -> str | None:
    if annotation is None:
        return None
    return annotation.strip("'\" ").replace("typing.", "").split("|")[0].strip()


def converter(annotation: str | None) -> Callable[[str], object]:
    """How the text of a wildcard's value becomes what a parameter of this annotation gets."""
    bare = _bare(annotation)
    if bare is not None and bare.startswith(("list[", "List[", "Sequence[")):
        bare = bare[bare.index("[") + 1 :].rstrip("]").strip()
    if bare == "int":
        return _to_int
    return float if bare == "float" else str


def _to_int(text: str) -> int:
    return int(text, 10)


def _converted(convert: Callable[[str], object], value: object) -> object:
    if isinstance(value, list):
        return [convert(str(one)) for one in value]
    return None if value is None else convert(str(value))
