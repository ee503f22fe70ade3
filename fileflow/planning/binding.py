"""Binds the parameters of a function to what its rule has, by name.

Pure: the signature is given, no module is imported. The outcome says for each parameter where its
value comes from; what cannot be bound becomes errors that name the cure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fileflow.errors import Collector, FileflowError, did_you_mean
from fileflow.model.rules import Run
from fileflow.planning.filling import Item, JobValues, plain, python_config
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


class Parameter(Protocol):
    """One parameter of a function, as its source says."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> object: ...
    @property
    def has_default(self) -> bool: ...
    @property
    def annotation(self) -> str | None: ...


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
        action = self.rule.action
        assert isinstance(action, Run)
        self.place = action.place
        self.function = f"{action.module}:{action.function}"

    def bind(self) -> Binding:
        taken: set[str] = set()
        rest = False
        for parameter in self.parameters:
            kind = str(getattr(parameter.kind, "name", parameter.kind))
            if kind in {"REST", "VAR_POSITIONAL"}:
                continue
            if kind in {"KEYWORDS", "VAR_KEYWORD"}:
                rest = True
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
        if name in self.rule.params:
            found.append("param")
        if name in self.table.columns:
            found.append("wildcard")
        elif name in self.table.shape.gathered:
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
        elif not parameter.has_default:
            known = [*self.inputs, *self.outputs, *self.rule.params, *self.table.names, *BUILT_IN]
            near = did_you_mean(name, [str(one) for one in known])
            self._error(
                f"{self.function} takes {name!r}, which rule {self.rule.name!r} does not provide",
                near or "give the parameter a default, or the rule an input or param of that name",
            )

    def _repeats_wildcard(self, name: str) -> bool:
        """Whether a param only repeats the wildcard of its name."""
        node = self.rule.params[name]
        text = getattr(node, "text", None)
        return text in {f"{{{name}}}", f"{{wildcards.{name}}}"}

    def _own(self, parameter: Parameter, kind: str) -> None:
        name = parameter.name
        if kind == "input":
            k = self.inputs[name]
            self._check_shape(parameter, self.table.input_items[k], "input")
            self.made.parameters.append((name, "input", k))
        elif kind == "output":
            k = self.outputs[name]
            self._check_shape(parameter, self.table.output_items[k], "output")
            self.made.parameters.append((name, "output", k))
        elif kind == "param":
            self._value(name, lambda job: job.typed_param(name))
        else:
            self.made.names.append(name)
            convert = _converter(parameter.annotation)
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
        convert = _converter(parameter.annotation)
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

    def _value(self, name: str, getter: Getter) -> None:
        self.made.parameters.append((name, "value", len(self.made.values)))
        self.made.values.append(getter)

    def _built_in(self, parameter: Parameter) -> None:
        name = parameter.name
        table = self.table
        if name in {"input", "output"}:
            items = table.input_items if name == "input" else table.output_items
            if name == "input":
                items = tuple(i for i in items if i.name or not table.is_order_only(i))
            if not items and not parameter.has_default:
                self._error(f"{self.function} takes {name!r}, but the rule has no {name}")
                return
            if len(items) == 1 and items[0].name is None:
                self._check_shape(parameter, items[0], name)
            names = tuple(item.name for item in items)
            self.made.parameters.append((name, name + "s", names))
        elif name == "params":
            self._value(name, lambda job: {p: job.typed_param(p) for p in job.table.rule.params})
        elif name == "config":
            self.made.whole_config = True
            self._value(name, lambda job: python_config(job.table.config))
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
        for name, k in self.inputs.items():
            if name not in taken and "input" not in taken:
                self.made.parameters.append((str(name), "input", k))
        for name, k in self.outputs.items():
            if name not in taken and "output" not in taken:
                self.made.parameters.append((str(name), "output", k))
        for name in self.rule.params:
            if name not in taken and "params" not in taken:
                self._value(name, lambda job, name=name: job.typed_param(name))  # type: ignore[misc]

    def _is_scattered(self, name: str) -> bool:
        item = self.table.output_items[self.outputs[name]]
        return any(k in self.table.scattered for k in item.entries)

    def _not_taken(self, taken: set[str]) -> None:
        groups = (
            ("input", self.inputs, "input"),
            ("output", self.outputs, "output"),
            ("param", dict.fromkeys(self.rule.params), "params"),
        )
        for kind, names, whole in groups:
            if whole in taken:
                continue
            for name in names:
                if kind == "output" and self._is_scattered(str(name)):
                    continue  # a generator takes it by what it yields
                if name in taken or (kind == "param" and self._repeats_wildcard(str(name))):
                    continue
                if kind == "input" and self.table.is_order_only(
                    self.table.input_items[self.inputs[str(name)]]
                ):
                    continue
                self._error(
                    f"{self.function} has no parameter {name!r}: nothing takes the {kind} of that "
                    "name",
                    did_you_mean(str(name), [p.name for p in self.parameters])
                    or f"give the function the parameter, or take `{whole}` whole",
                )


def _an(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _bare(annotation: str | None) -> str | None:
    if annotation is None:
        return None
    return annotation.strip("'\" ").replace("typing.", "").split("|")[0].strip()


def _converter(annotation: str | None) -> Callable[[str], object]:
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
