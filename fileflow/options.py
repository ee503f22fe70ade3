"""Turns the words of the command line into one frozen `Options`.

Knows no Workflowfile, no rule and no YAML: what a value means is found out by those who use it.
The table below is read by hand: argparse costs more than a run with nothing to do may take, and
lets options be shortened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fileflow import __version__
from fileflow.cpus import usable_cpus
from fileflow.errors import FileflowError, nearest
from fileflow.lean import dataclass

PROGRESS = ("auto", "bar", "plain", "json", "none")
COLORS = ("auto", "always", "never")
DURABILITIES = ("none", "batch", "strict")
FORMATS = ("dot", "mermaid", "json", "svg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asks for; texts are as typed where only the Workflowfile can explain them.

    Args:
        command: `run`, or the command that was typed.
        targets: the words that are no options, the command left out.
        answer: text for stdout that is all that was asked for (help, version); then exit 0.
        jobs: cores to use at most.
        max_failures: stop after so many; None without `--max-failures` (which sets `keep_going`).
        where: wildcard or column, and the values to keep.
        config: `K=V` or a file's name, in the order typed.
        resources: `K=N`, in the order typed.
        seed, retries: None where the file decides.
        workflowfile: None: the nearest one upward.
        directory: None: the current folder.
        all, orphans, clean_force: of `clean`.
        graph_jobs, graph_format: of `graph`.
    """

    command: str = "run"
    targets: tuple[str, ...] = ()
    answer: str = ""
    jobs: int = 1
    dry_run: bool = False
    rerun: bool = False
    force: tuple[str, ...] = ()
    keep_going: bool = False
    max_failures: int | None = None
    until: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    keep_temp: bool = False
    executor: str | None = None
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    config: tuple[str, ...] = ()
    seed: int | None = None
    resources: tuple[str, ...] = ()
    retries: int | None = None
    workflowfile: str | None = None
    directory: str | None = None
    print_commands: bool = False
    strict: bool = False
    durability: str = "none"
    quiet: bool = False
    verbose: bool = False
    progress: str = "auto"
    color: str = "auto"
    wait: bool = False
    json: bool = False
    all: bool = False
    orphans: bool = False
    clean_force: bool = False
    graph_jobs: bool = False
    graph_format: str = "dot"


def parse(argv: Sequence[str]) -> Options:
    """Reads the words after the program's name.

    Raises:
        FileflowError: for an unknown option, a wrong value, or words that a command does not take.
    """
    reader = _Reader(argv)
    values = reader.values()
    if "jobs" not in values:
        values["jobs"] = usable_cpus()
    made = Options(**values)  # type: ignore[arg-type]
    if made.answer:
        return made
    _check_words(made)
    return made


def asks_json(argv: Sequence[str]) -> bool:
    """Whether JSON lines are asked for, also where the words cannot be read as a whole."""
    found = ""
    for at, word in enumerate(argv):
        if word == "--":
            break
        if word == "--progress":
            found = argv[at + 1] if at + 1 < len(argv) else ""
        elif word.startswith("--progress="):
            found = word.partition("=")[2]
    return found == "json"


def asks_last_line(argv: Sequence[str]) -> bool:
    """Whether `--json` is said to a run, in words that cannot be read as a whole."""
    words = argv[: argv.index("--")] if "--" in argv else argv
    return "--json" in words and not {*COMMANDS[1:]}.intersection(words)


# -- the table -----------------------------------------------------------------------------------

Changes = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Option:
    """One option.

    Args:
        names: how it may be written, the short one first.
        help: what it does.
        sets: what a flag changes; empty for an option with a value.
        value: how help calls the value; empty for a flag.
        read: from the name that was typed and the value, what it changes.
        many: whether it may be given again and adds to what was given before.
        only: the commands that take it; empty for all.
        never: commands that do not take it: passed over it would mislead, or do harm.
    """

    names: tuple[str, ...]
    help: str
    sets: tuple[tuple[str, object], ...] = ()
    value: str = ""
    read: Callable[[str, str], Changes] | None = None
    many: bool = False
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    def taken_by(self, command: str) -> bool:
        """Whether a command takes this option."""
        if command in _WITHOUT_RULES and self.names[-1] not in _WITHOUT_RULES_TOO:
            return False
        return command not in self.never and (not self.only or command in self.only)


def _text(name: str) -> Callable[[str, str], Changes]:
    def read(option: str, value: str) -> Changes:
        if not value:
            raise FileflowError(f"{option} needs a value that is not empty")
        return {name: value}

    return read


def _words(name: str) -> Callable[[str, str], Changes]:
    def read(option: str, value: str) -> Changes:
        return {name: (_text(name)(option, value)[name],)}

    return read


def _number(name: str, least: int | None, length: int = 18) -> Callable[[str, str], Changes]:
    def read(option: str, value: str) -> Changes:
        digits = value.removeprefix("-")
        is_number = digits.isascii() and digits.isdigit()
        if is_number and len(digits) <= length:
            number = int(value)
            if least is None or number >= least:
                return {name: number}
        wanted = "a whole number" if least is None else f"a whole number from {least} on"
        if is_number and len(digits) > length:
            wanted += f", of at most {length} digits"
        raise FileflowError(f"{option} takes {wanted}, not {value!r}")

    return read


def _choice(name: str, known: Sequence[str]) -> Callable[[str, str], Changes]:
    def read(option: str, value: str) -> Changes:
        if value not in known:
            near = nearest(value, known)
            raise FileflowError(
                f"{option} takes {', '.join(known[:-1])} or {known[-1]}, not {value!r}",
                hint=f"did you mean {near!r}?" if near else None,
            )
        return {name: value}

    return read


def _mode(option: str, value: str) -> Changes:
    return {"rerun": _choice("mode", ("resume", "rerun"))(option, value)["mode"] == "rerun"}


def _max_failures(option: str, value: str) -> Changes:
    return {"keep_going": True, **_number("max_failures", 1)(option, value)}


def _where(option: str, value: str) -> Changes:
    name, equals, values = value.partition("=")
    if not name or not equals:
        raise FileflowError(f"{option} takes NAME=VALUE[,VALUE], not {value!r}")
    return {"where": ((name, tuple(values.split(","))),)}


def _resource(option: str, value: str) -> Changes:
    name, equals, amount = value.partition("=")
    if not name or not equals or not amount:
        raise FileflowError(f"{option} takes NAME=NUMBER, not {value!r}")
    return {"resources": (value,)}


_WITHOUT_RULES = ("init", "schema")
_WITHOUT_RULES_TOO = (
    "--directory",
    "--quiet",
    "--verbose",
    "--color",
    "--progress",
    "--json",
    "--help",
    "--version",
)
_WITHOUT_TARGETS = ("list", "check", "report", "init", "schema")
# These are about their targets, or about the whole file.
_CHOOSE_NO_JOBS = ("check", "clean", "list", "log", "why", *_WITHOUT_RULES)
_GRAPH_JOBS = _Option(
    ("--jobs",), "show the jobs, not the rules", (("graph_jobs", True),), only=("graph",)
)
_CLEAN_FORCE = _Option(
    ("--force",), "remove protected outputs too", (("clean_force", True),), only=("clean",)
)

_BUILDING = (
    _Option(
        ("-j", "--jobs"),
        "use at most N cores at once (if not said: all that this process may use)",
        value="N",
        read=_number("jobs", 1),
    ),
    _Option(
        ("-n", "--dry-run"),
        "change nothing: show what would be built (or removed), and why; -v: each job",
        (("dry_run", True),),
        only=("run", "clean"),
    ),
    _Option(("--resume",), "build what is stale (this is the default)", (("rerun", False),)),
    _Option(
        ("-B", "--rerun"),
        "build everything that the targets need, and say which outputs differ",
        (("rerun", True),),
    ),
    _Option(("--mode",), "the same as --resume or --rerun", value="resume|rerun", read=_mode),
    _Option(
        ("-k", "--keep-going"),
        "go on with all that does not depend on a failed job",
        (("keep_going", True),),
    ),
    _Option(
        ("--max-failures",), "keep going until N jobs have failed", value="N", read=_max_failures
    ),
    _Option(("--keep-temp",), "delete no `temp` output", (("keep_temp", True),)),
    _Option(
        ("--executor",),
        "for rules that name none: process, thread, serial, async, auto or a plug-in",
        value="NAME",
        read=_text("executor"),
    ),
    _Option(("--retries",), "tries after a failure", value="N", read=_number("retries", 0)),
    _Option(("--strict",), "undeclared reads and writes fail the job", (("strict", True),)),
    _Option(
        ("--durability",),
        "what is promised after a power cut",
        value="none|batch|strict",
        read=_choice("durability", DURABILITIES),
    ),
    _Option(("--wait",), "wait for another run in this folder to finish", (("wait", True),)),
)
_SELECTING = (
    _Option(
        ("-f", "--force"),
        "treat this rule or path as stale, and ask for it too",
        value="TARGET",
        read=_words("force"),
        many=True,
        never=("adopt", "status", *_CHOOSE_NO_JOBS),
    ),
    _Option(
        ("--until",),
        "stop after this rule or path",
        value="RULE",
        read=_words("until"),
        many=True,
        never=_CHOOSE_NO_JOBS,
    ),
    _Option(
        ("--omit",),
        "leave this rule or path out, and what needs it",
        value="RULE",
        read=_words("omit"),
        many=True,
        never=_CHOOSE_NO_JOBS,
    ),
    _Option(
        ("--tag",),
        "the rules with this tag are targets",
        value="WORD",
        read=_words("tags"),
        many=True,
        never=_CHOOSE_NO_JOBS,
    ),
    _Option(
        ("--where",),
        "only jobs with these values of a wildcard or column",
        value="NAME=V[,V]",
        read=_where,
        many=True,
        never=_CHOOSE_NO_JOBS,
    ),
)
_WORKFLOW = (
    _Option(
        ("-W", "--workflowfile"),
        "this Workflowfile (if not said: the nearest one upward from here)",
        value="FILE",
        read=_text("workflowfile"),
    ),
    _Option(("-C", "--directory"), "change to DIR first", value="DIR", read=_text("directory")),
    _Option(
        ("--config",),
        "a config value over the file's, or a file of them",
        value="K=V|FILE",
        read=_words("config"),
        many=True,
    ),
    _Option(
        ("--resources",),
        "how much there is of a named resource",
        value="K=N",
        read=_resource,
        many=True,
    ),
    _Option(("--seed",), "the workflow's seed", value="N", read=_number("seed", None, 1000)),
)
_SHOWING_RUNS = (
    _Option(
        ("-p", "--print"), "show the command of each job, with -n too", (("print_commands", True),)
    ),
    _Option(
        ("--progress",),
        "how a run is shown, on stderr",
        value="auto|bar|plain|json|none",
        read=_choice("progress", PROGRESS),
    ),
)
_SHOWING = (
    _Option(("-q", "--quiet"), "show only failures", (("quiet", True), ("verbose", False))),
    _Option(("-v", "--verbose"), "show each job", (("verbose", True), ("quiet", False))),
    _Option(
        ("--color",),
        "whether to use colours",
        value="auto|always|never",
        read=_choice("color", COLORS),
    ),
    _Option(("--json",), "print the result as JSON", (("json", True),)),
)
_OF_COMMANDS = (
    _Option(
        ("--all",), "remove every output that fileflow made", (("all", True),), only=("clean",)
    ),
    _Option(
        ("--orphans",),
        "remove the outputs that no rule makes any more",
        (("orphans", True),),
        only=("clean",),
    ),
    _GRAPH_JOBS,
    _CLEAN_FORCE,
    _Option(
        ("--format",),
        "how the graph is written",
        value="dot|mermaid|json|svg",
        read=_choice("graph_format", FORMATS),
        only=("graph",),
    ),
)
_INFORMING = (
    _Option(("-h", "--help"), "show this text, or that of a command", (("answer", "help"),)),
    _Option(("--version",), "show the version", (("answer", "version"),)),
)
_ALL = (
    *_BUILDING,
    *_SELECTING,
    *_WORKFLOW,
    *_SHOWING_RUNS,
    *_SHOWING,
    *_OF_COMMANDS,
    *_INFORMING,
)
_BY_NAME = {
    name: option
    for option in _ALL
    if option not in (_GRAPH_JOBS, _CLEAN_FORCE)
    for name in option.names
}
_ELSEWHERE = {  # what make, ninja, Snakemake and doit call it
    "--cores": "--jobs",
    "-c": "-j",
    "--dryrun": "--dry-run",
    "--just-print": "--dry-run",
    "--file": "-W",
    "--makefile": "-W",
    "--snakefile": "-W",
    "-s": "-W",
    "-d": "-C",
    "-F": "--rerun",
    "-a": "--rerun",
    "--forceall": "--rerun",
    "--always-make": "--rerun",
    "-R": "--force",
    "--forcerun": "--force",
    "--omit-from": "--omit",
    "--printshellcmds": "--print",
    "--set-resources": "--resources",
    "--configfile": "--config",
    "--notemp": "--keep-temp",
    "-i": "--keep-going",
    "-V": "--version",
    "-T": "--retries",
    "--question": "--dry-run",
    "--target": "--until",
    "--single-item": "--until",
    "-S": "--config",
    "--set-param": "--config",
    "-resume": "--resume",
    "-params-file": "--config",
}
_NOT_NEEDED = "there is nothing to unlock or to repair: the next `fileflow` just goes on"
_OTHERWISE = {  # what other systems have as an option, and we have not
    "--unlock": _NOT_NEEDED,
    "--rerun-incomplete": _NOT_NEEDED,
    "--ri": _NOT_NEEDED,
    "--ignore-incomplete": _NOT_NEEDED,
    "--cleanup-metadata": _NOT_NEEDED,
    "--touch": "`fileflow adopt` takes what is there as fresh",
    "-t": "`fileflow adopt` takes what is there as fresh",
    "--list": "`fileflow list` shows the rules",
    "-l": "`fileflow list` shows the rules",
    "--list-rules": "`fileflow list` shows the rules",
    "--summary": "`fileflow status` shows how each rule stands, `fileflow why PATH` one target",
    "-D": "`fileflow why PATH` shows all that is known of a target",
    "--detailed-summary": "`fileflow why PATH` shows all that is known of a target",
    "--reason": "reasons are shown by -n, by -v and by `fileflow why PATH`",
    "--rerun-triggers": "content decides; `fileflow adopt` passes over a change",
    "--lint": "`fileflow check` says what is wrong in the Workflowfile",
    "--dag": "`fileflow graph` shows rules or jobs",
    "--rulegraph": "`fileflow graph` shows rules or jobs",
    "--report": "`fileflow report` makes a page on the last run",
    "--delete-all-output": "`fileflow clean --all` removes what fileflow made",
    "--batch": "--where NAME=V[,V] builds the jobs of some values",
    "--profile": "a `profile` is a config file here (--config FILE), or an alias of the shell",
    "-profile": "a `profile` is a config file here (--config FILE), or an alias of the shell",
    "--use-conda": "a rule says its own software: prefix: [conda, run, -p, FOLDER]",
    "--use-singularity": "a rule says its own software: prefix: [apptainer, exec, IMAGE]",
    "--use-apptainer": "a rule says its own software: prefix: [apptainer, exec, IMAGE]",
    "--sdm": "a rule says its own software: prefix: [conda, run, -p, FOLDER]",
    "--set-threads": 'cores: "{config.threads}" in the rule, and --config threads=N',
    "--default-resources": "defaults: {resources: …} in the Workflowfile",
}


# -- reading -------------------------------------------------------------------------------------


class _Reader:
    """Goes through the words once, from the first to the last."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.words = list(argv)
        self.command = ""
        self.typed = False
        self.targets: list[str] = []
        self.changes: Changes = {}
        self.used: list[tuple[str, _Option]] = []

    def values(self) -> Changes:
        """The fields of `Options` that were typed."""
        at = 0
        while at < len(self.words):
            word = self.words[at]
            at += 1
            if word == "--":
                for target in self.words[at:]:
                    self._plain_word(target, may_be_command=False)
                break
            if word.startswith("--"):
                at = self._long(word, at)
            elif word.startswith("-") and word != "-":
                at = self._bundle(word, at)
            else:
                self._plain_word(word, may_be_command=True)
        command = self.command or "run"
        answer = self.changes.get("answer")
        if answer == "version":
            self.changes["answer"] = f"fileflow {__version__}"
        elif answer == "help":
            self.changes["answer"] = _help(command if self.typed else None)
        else:
            for name, option in self.used:
                if not option.taken_by(command):
                    raise FileflowError(f"`fileflow {command}` takes no {name}")
        return {"command": command, "targets": tuple(self.targets), **self.changes}

    def _plain_word(self, word: str, *, may_be_command: bool) -> None:
        if not word:
            raise FileflowError("a target is empty", hint="is a shell variable not set?")
        if self.command:
            self.targets.append(word)
        elif may_be_command and word in COMMANDS:
            self.command, self.typed = word, True
        else:
            self.command = "run"
            self.targets.append(word)

    def _find(self, name: str) -> _Option | None:
        if self.command == "graph" and name == "--jobs":
            return _GRAPH_JOBS
        if self.command == "clean" and name == "--force":
            return _CLEAN_FORCE
        return _BY_NAME.get(name)

    def _long(self, word: str, at: int) -> int:
        name, equals, value = word.partition("=")
        option = self._find(name)
        if option is None:
            raise self._unknown(name)
        if not option.value:
            if equals:
                raise FileflowError(f"{name} takes no value")
            self._flag(name, option)
            return at
        if not equals:
            value, at = self._next(name, option, at)
        self._valued(name, option, value)
        return at

    def _bundle(self, word: str, at: int) -> int:
        """Short options: `-k`, `-kn`, `-j4`, `-j 4`."""
        for k in range(1, len(word)):
            name = f"-{word[k]}"
            option = self._find(name)
            if option is None:
                whole = k == 1 or word in _ELSEWHERE or word in _OTHERWISE
                raise self._unknown(word if whole else name)
            if not option.value:
                self._flag(name, option)
                continue
            value = word[k + 1 :].removeprefix("=")
            if k + 1 == len(word):
                value, at = self._next(name, option, at)
            self._valued(name, option, value)
            break
        return at

    def _next(self, name: str, option: _Option, at: int) -> tuple[str, int]:
        """The next word as a value; one that is an option itself means that it was forgotten."""
        if at >= len(self.words) or self.words[at] == "--" or self._find(self.words[at]):
            raise FileflowError(f"{name} needs a value: {name} {option.value}")
        return self.words[at], at + 1

    def _flag(self, name: str, option: _Option) -> None:
        self.used.append((name, option))
        self.changes.update(option.sets)

    def _valued(self, name: str, option: _Option, value: str) -> None:
        assert option.read is not None, f"bug: {name} has a value and nothing to read it"
        self.used.append((name, option))
        for field, new in option.read(name, value).items():
            before = self.changes.get(field) if option.many else None
            if isinstance(before, tuple) and isinstance(new, tuple):
                self.changes[field] = before + new
            else:
                self.changes[field] = new

    def _unknown(self, name: str) -> FileflowError:
        return FileflowError(
            f"unknown option {name}", hint=_near_option(name, self.command or "run")
        )


def _near_option(name: str, command: str) -> str:
    """What to write instead of an option that is not there."""
    if name in _OTHERWISE:
        return _OTHERWISE[name]
    known = [other for option in _ALL if option.taken_by(command) for other in option.names]
    near = _ELSEWHERE.get(name)
    if near is None and name[:1] != name[1:2] and name[2:].isdigit():  # -c4
        near = _ELSEWHERE.get(name[:2])
    if near is None:  # -rerun, --n
        near = next((other for other in (f"-{name}", name[1:]) if other in known), None)
    if near is None and len(name) > 2:
        longer = [other for other in known if other.startswith(name)]
        near = longer[0] if len(longer) == 1 else nearest(name, [o for o in known if len(o) > 2])
    if near is not None:
        return f"did you mean {near}?"
    return "`fileflow --help` shows all options"


def _check_words(options: Options) -> None:
    """That a command has the targets that it needs, and none that it would pass over."""
    command = options.command
    if options.targets and command in _WITHOUT_TARGETS:
        raise FileflowError(
            f"`fileflow {command}` takes no target, but here is one: {options.targets[0]}"
        )
    if command in ("why", "log") and not options.targets:
        raise FileflowError(f"`fileflow {command}` needs a target: a rule or a path")
    if command == "clean":
        ways = bool(options.targets) + options.all + options.orphans
        if ways != 1:
            raise FileflowError("`fileflow clean` takes one of: targets, --all, --orphans")


# -- help ----------------------------------------------------------------------------------------

_ABOUT = {
    "run": ("[TARGET …]", "build what is stale (the word `run` may be left out)"),
    "list": ("", "the rules: what each is for, maps and gathers, and how many jobs it has"),
    "status": ("[TARGET …]", "per rule: fresh, stale, missing, failed; a run that goes on"),
    "why": ("TARGET …", "each reason for which a target is stale, or what makes it fresh"),
    "log": ("TARGET …", "the kept output of a target's last run"),
    "adopt": ("[TARGET …]", "record outputs that are there as fresh"),
    "graph": ("[TARGET …]", "rules or jobs as DOT, Mermaid, JSON or SVG"),
    "report": ("", "one HTML page on the last run"),
    "clean": ("TARGET … | --all | --orphans", "remove outputs that fileflow made"),
    "check": ("", "all that can be wrong in the Workflowfile; runs nothing"),
    "init": ("", "a small working project in an empty folder"),
    "schema": ("", "the JSON Schema of the Workflowfile, for editors"),
}
COMMANDS = tuple(_ABOUT)
_WIDTH = 30


def _help(command: str | None) -> str:
    """The help of a command, or of all if none was typed."""
    lines: list[str] = []
    if command is None:
        lines += ["fileflow [run] [OPTIONS] [TARGET …]", "fileflow COMMAND [OPTIONS] …", ""]
        lines += [
            "A target is a rule, a path from the current folder, or a pattern in quotes;",
            "without one, the first rule of the Workflowfile.",
        ]
    else:
        words, about = _ABOUT[command]
        lines += [f"fileflow {command} [OPTIONS] {words}".rstrip(), "", about]
    if command is None:
        lines += ["", "Commands (`fileflow COMMAND --help` says more):"]
        for name, (_, about) in _ABOUT.items():
            lines += _two_columns(name, about)
    shown = command or "run"
    for title, options in (
        ("Building" if shown == "run" else f"Of {shown}", _own(shown)),
        ("Selecting", _SELECTING),
        ("The workflow", _WORKFLOW),
        ("Showing", (*(_SHOWING_RUNS if shown == "run" else ()), *_SHOWING, *_INFORMING)),
    ):
        taken = [option for option in options if option.taken_by(shown)]
        if taken:
            lines += ["", f"{title}:"]
        for option in taken:
            lines += _two_columns(_spelled(option), option.help)
    return "\n".join(lines)


def _own(command: str) -> tuple[_Option, ...]:
    if command == "run":
        return _BUILDING
    return tuple(option for option in _ALL if command in option.only)


def _spelled(option: _Option) -> str:
    names = ", ".join(option.names)
    if not option.names[0].startswith("--"):
        return f"{names} {option.value}".rstrip()
    return f"    {names} {option.value}".rstrip()


def _two_columns(left: str, right: str) -> list[str]:
    import textwrap  # costs 1 ms at each start, for those who ask for help

    texts = textwrap.wrap(right, 88 - _WIDTH)
    first = f"  {left}"
    if len(first) < _WIDTH - 1 and texts:
        return [f"{first:<{_WIDTH}}{texts[0]}", *(" " * _WIDTH + text for text in texts[1:])]
    return [first, *(" " * _WIDTH + text for text in texts)]
