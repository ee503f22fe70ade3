"""What a Workflowfile says, once read: rules, their entries and actions, relations, the workflow.

Values only: no text is parsed and no file is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fileflow.lean import NamedTuple, dataclass, field
from fileflow.model.patterns import Matcher

if TYPE_CHECKING:
    from fileflow.errors import Place
    from fileflow.language.templates import Template
    from fileflow.language.yaml_nodes import Mapping as Tree
    from fileflow.language.yaml_nodes import Node, Scalar
    from fileflow.model.patterns import Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function asked while planning: `{call: module:function, after: PATTERN, with: {…}}`."""

    module: str
    function: str
    after: tuple[Pattern, ...] = ()
    extra: Tree | None = None
    place: Place


class Kind(str, Enum):
    """What a call of a rule decides on."""

    INPUT = "input"
    PARAMS = "params"
    CORES = "cores"
    RESOURCES = "resources"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Where a relation's values come from when a rule makes the file that holds them.

    `kind` is `lines` or `table`; `columns` gives for each name the header of its column, or, if the
    sheet is `headless`, its number from 1. `derived` says that another key takes its values from
    the rows of one that reads the file.
    """

    kind: str
    pattern: Pattern
    columns: Mapping[str, str] = field(default_factory=dict)
    headless: bool = False
    comment: str | None = None
    keep: Filter | None = None
    derived: Derived | None = None


@dataclass(frozen=True, slots=True)
class Derived:
    """Rows made of the rows of another made list: some of its columns, or each two of its rows.

    `source` gives rows over `names`, of which those count that meet `constraints`, pairs of a name
    and a regular expression, and the filter of the source. Of these the columns `wanted` are taken.
    """

    source: Made
    names: tuple[str, ...]
    wanted: tuple[str, ...]
    constraints: tuple[tuple[str, str], ...] = ()
    pairs: Pairs | None = None


@dataclass(frozen=True, slots=True)
class Pairs:
    """Which two rows make a pair: in `both` orders, and each row with `itself` too."""

    both: bool = False
    itself: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """`where` and `except`: the rows that agree with all of the first and not all of the second."""

    where: tuple[tuple[str, frozenset[str]], ...] = ()
    without: tuple[tuple[str, frozenset[str]], ...] = ()


# Behind it, in the name of an entry's own wildcard that became a relation, stands whose it is. It
# may stand in the name of a group of a regular expression, and in no name that people write.
OWN_MARK = "·"


def shown_name(name: str) -> str:
    """The name of a wildcard as it stands in the Workflowfile."""
    return name.partition(OWN_MARK)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """Ordered rows over names: one key of `wildcards`, kept as columns that nobody changes.

    `columns[i][r]` is the value of `names[i]` in row `r`. `made` is set, and the columns empty,
    where a rule makes the file that holds the values. `origin` says in the user's words where the
    values come from. Of values that are found while running, `path_names` are the names of others
    on which they depend, and `told_names`, if set, all those of which one job tells: some of them
    may have values of their own. `whole` are the columns before `where` and `except`, if these left
    rows out, `unnamed` the headers of a sheet that its key does not name.
    """

    names: tuple[str, ...]
    columns: tuple[list[str], ...]
    place: Place
    origin: str
    open: bool = False
    made: Made | None = None
    scattered_by: str | None = None
    path_names: frozenset[str] = frozenset()
    told_names: tuple[str, ...] = ()
    whole: tuple[list[str], ...] | None = None
    unnamed: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def column(self, name: str) -> list[str]:
        """The values of one name, a row each."""
        return self.columns[self.names.index(name)]


def unnamed_column(relations: Iterable[Relation], name: str) -> str | None:
    """What to write where a sheet has a column of this name that its key leaves out."""
    for relation in relations:
        if name in relation.unnamed:
            key = ", ".join((*relation.names, name))
            return f"{relation.origin} has such a column, and its key has to name it: {key!r}"
    return None


@dataclass(frozen=True, slots=True)
class Ensure:
    """What must hold of an output."""

    non_empty: bool = False
    sha256: str | None = None


class Entry(NamedTuple):
    """One pattern of `input`, `output` or `log`, or what stands in its place, with its flags.

    `name` is the key under which it stands (None in a plain list), `listed` whether it stood in a
    list there, so that its name means a list whatever its number of paths; `written` is the
    pattern's text before config was filled in. `absent` stands for an entry that gives no path: its
    `when` is not met, or it is an empty list under a name.
    """

    place: Place
    name: str | None = None
    listed: bool = False
    pattern: Pattern | None = None
    written: str = ""
    call: Call | None = None
    rule: str | None = None
    own: Relation | None = None
    order_only: bool = False
    optional: bool = False
    one: bool = False
    temp: bool = False
    protected: bool = False
    deps: bool = False
    in_place: bool = False
    keep: bool = False
    ensure: Ensure | None = None
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """`run: module:function`."""

    module: str
    function: str
    place: Place


@dataclass(frozen=True, slots=True)
class Shell:
    """`shell:` a command for a shell, by default `bash -euo pipefail -c`."""

    template: Template
    place: Place


@dataclass(frozen=True, slots=True)
class Argv:
    """`argv:` words that are run without a shell."""

    words: tuple[Template, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Script:
    """`script:` a file that is run as a command with the words of `args`."""

    path: Template
    args: tuple[Template, ...] | None
    place: Place


Action = Run | Shell | Argv | Script


class Executor(str, Enum):
    """Where functions run; plug-ins bring further names."""

    PROCESS = "process"
    THREAD = "thread"
    SERIAL = "serial"
    ASYNC = "async"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class SeedBy:
    """`seed:` of a rule. `counts` None: by kind of action; `by` and `key` as written."""

    counts: bool | None = None
    by: tuple[str, ...] | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of cores or of a pool: as written, what a call answers, or what a wildcard or a
    column picks in config, which differs from job to job too."""

    number: float = 1
    call: Call | None = None
    picked: Scalar | None = None


_ONE = Amount()
_AS_ACTION = SeedBy()
_NONE: Mapping[str, Any] = MappingProxyType({})


class Rule(NamedTuple):
    """A rule as written, with `defaults` merged in and config filled in.

    `params` and `env` keep YAML nodes whose text may hold placeholders of wildcards, columns and
    config look-ups; everything static is filled in. `keys` are its keys as they were written.
    `config_named` holds the values of config that the rule's action, params and env name, by their
    dotted ways (those that a wildcard picks are left out); `names_whole_config` says that one of
    these is all of `config`. `picked_limits` has what a wildcard picks for `timeout` and `retries`.
    """

    name: str
    place: Place
    doc: str = ""
    inputs: tuple[Entry, ...] = ()
    outputs: tuple[Entry, ...] = ()
    logs: tuple[Entry, ...] = ()
    action: Action | None = None
    params: Mapping[str, Node | Call] = _NONE
    params_call: Call | None = None
    constraints: Mapping[str, str] = _NONE
    scatter: tuple[str, ...] = ()
    executor: str | None = None
    cores: Amount = _ONE
    cores_said: bool = False
    resources: Mapping[str, Amount] = _NONE
    retries: int | None = None
    timeout: float | None = None
    picked_limits: Mapping[str, Scalar] = _NONE
    priority: float = 0
    prefer: float = 0
    seed: SeedBy = _AS_ACTION
    env: Mapping[str, Node] = _NONE
    envvars: tuple[str, ...] = ()
    prefix: tuple[Template, ...] = ()
    shell_prefix: Template | None = None
    shell_words: tuple[Template, ...] | None = None
    private: bool = False
    always: bool = False
    expires: float | None = None
    tags: tuple[str, ...] = ()
    config_named: Mapping[str, Node] = _NONE
    names_whole_config: bool = False
    keys: Mapping[str, Scalar] = _NONE

    def place_of(self, key: str) -> Place:
        """Where one of its keys was written; where the rule was, if it does not have it."""
        return self.keys[key].place if key in self.keys else self.place

    @property
    def ends_in_time(self) -> bool:
        """Whether each of its jobs has a timeout."""
        return self.timeout is not None or "timeout" in self.picked_limits

    @property
    def asks_only(self) -> bool:
        """Whether it is no job but a name for its inputs: neither action nor output."""
        return self.action is None and not self.outputs


@dataclass(frozen=True, slots=True)
class Absent:
    """A rule that is not there, as its `when` is not met: `why` says what it is there for, "only
    when …"; `outputs` and `scatters` are what it would make and scatter."""

    why: str
    outputs: tuple[Pattern, ...] = ()
    scatters: tuple[str, ...] = ()


def absent_maker(absent: Mapping[str, Absent], path: str) -> str | None:
    """Which of the rules that are not there would make a path, and when it would."""
    for name, rule in absent.items():
        if any(Matcher(pattern, {}).match(path) is not None for pattern in rule.outputs):
            return f"rule {name} would make it, but is there only when {rule.why}"
    return None


@dataclass(frozen=True, slots=True)
class Pool:
    """How much there is of a resource: a number, or items that jobs take and give back."""

    total: float
    items: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """Everything a Workflowfile says.

    `files` are it, what it includes and what config is read from, be they there or not.
    `constraints` gives for a wildcard name the regular expressions of `match`, which hold
    everywhere. `warnings` are lines that a run says once. `absent` has the rules whose `when` is
    not met. `passed_over` counts for a key of `wildcards` the files that are no values because
    rules make them.
    """

    root: str
    file: str
    files: tuple[str, ...]
    seed: int
    config: Tree
    relations: tuple[Relation, ...]
    rules: Mapping[str, Rule]
    resources: Mapping[str, Pool]
    constraints: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...] = ()
    absent: Mapping[str, Absent] = field(default_factory=dict)
    passed_over: Mapping[str, int] = field(default_factory=dict)
