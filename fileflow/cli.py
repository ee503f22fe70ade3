"""The command line: argv to options, options to a command, errors to words and an exit status.

The one place that catches errors. Knows how nothing is done.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fileflow.errors import Exit, FileflowError
from fileflow.garbage import no_collection
from fileflow.options import COMMANDS, Options, asks_json, asks_last_line, parse
from fileflow.streams import current_folder

if TYPE_CHECKING:
    from fileflow.engine.events import RunFinished
    from fileflow.engine.session import Describe, Overrides, Session
    from fileflow.planning.plan import Target, Wishes
    from fileflow.views.style import Writer

LATER = ("graph", "report")
# How long whoever does not read is waited for when a signal has ended what went on.
LAST_WORDS = 1.0


def main(argv: Sequence[str]) -> int:
    """Runs one command line; gives the exit status: not 0 if what it had to say is lost."""
    from fileflow.views.style import Writer

    err = Writer(sys.stderr)
    lost: list[str] = []
    out = Writer(sys.stdout, lost.append)
    status = _answer(argv, out, err)
    for writer in (err, out):
        writer.settle(LAST_WORDS if status > 128 else None)
    if lost:
        err.line(f"fileflow: stdout cannot be written: {lost[0]}")
    return status or int(Exit.FAILED if lost else Exit.OK)


def _answer(argv: Sequence[str], out: Writer, err: Writer) -> int:
    options = None
    try:
        options = parse(argv)
        if options.answer:
            out.line(options.answer.rstrip("\n"))
            return int(Exit.OK)
        return _dispatch(options, out, err)
    except FileflowError as error:
        return _explain(error, argv, options, out, err)
    except KeyboardInterrupt:
        return 128 + 2
    except Exception as error:
        from fileflow.world.faults import fault_of

        if fault := fault_of(error):
            return _explain(fault, argv, options, out, err)
        # Not the user's mistake but ours: all of it is shown, and no success is claimed.
        import traceback

        err.write(traceback.format_exc())
        ours = FileflowError(
            f"a bug of fileflow itself: {type(error).__name__}: {error}",
            hint="please report it with the lines above; the next run goes on from here",
            status=Exit.STATE,
        )
        return _explain(ours, argv, options, out, err)


def _explain(
    error: FileflowError, argv: Sequence[str], options: Options | None, out: Writer, err: Writer
) -> int:
    """Says an error in each form in which the end of a run was to be told; the exit status."""
    lines = asks_json(argv)
    if options is not None:
        last = options.json and options.command == "run"
    else:
        last = asks_last_line(argv)
    if lines or last:
        from fileflow.engine.run import failure
        from fileflow.views.json_lines import JsonLines

        for writer in [err] * lines + [out] * last:
            JsonLines(writer)(failure(error))
    if not lines:
        err.line(f"fileflow: {error}")
    return int(error.status)


def _dispatch(options: Options, out: Writer, err: Writer) -> int:
    if options.directory is not None:
        try:
            os.chdir(options.directory)
        except OSError as error:
            raise FileflowError(f"-C {options.directory}: {error.strerror}") from None
    if options.command in LATER:
        hint = f"a rule of that name is built by `fileflow run {options.command}`"
        raise FileflowError(f"`fileflow {options.command}` is not there yet", hint=hint)
    if options.command == "schema":
        from fileflow.commands.schema import schema

        return schema(out.line)
    start = current_folder()
    if options.command == "init":
        from fileflow.commands.init import init

        return init(start, out.line)
    with no_collection():
        from fileflow.engine.session import find_workflowfile

    file = find_workflowfile(options.workflowfile, start)
    wishes = _wishes(options, start, os.path.dirname(file))
    if options.command == "run":
        return _run(options, file, start, wishes, out, err)
    return _command(options, file, start, wishes, out, err)


def _overrides(options: Options, start: str) -> Overrides:
    from fileflow.engine.session import Overrides
    from fileflow.language.config import names_file

    return Overrides(
        config=tuple(os.path.join(start, w) if names_file(w) else w for w in options.config),
        seed=options.seed,
        resources=options.resources,
        retries=options.retries,
    )


def _wishes(options: Options, start: str, root: str) -> Wishes:
    """Targets as the Workflowfile sees them: paths are typed relative to the current folder."""
    from fileflow.planning.plan import Wishes

    def seen(words: Iterable[str]) -> tuple[Target, ...]:
        return tuple(_target(word, start, root) for word in words)

    runs = options.command == "run"
    return Wishes(
        targets=seen(options.targets),
        commands=COMMANDS if runs else (),
        tags=options.tags,
        force=seen(options.force),
        until=seen(options.until),
        omit=seen(options.omit),
        where=options.where,
        keep_going=options.keep_going and runs,
    )


def _target(word: str, start: str, root: str) -> Target:
    """A word as typed in the folder `start`, for a Workflowfile in `root`."""
    from fileflow.planning.plan import Target

    if "{" in word:
        return Target(word, word)
    path = os.path.relpath(os.path.join(start, word), root)
    if os.path.isabs(word) and path.startswith(".."):
        # The shell tells the folder as it was entered, which may be by a link.
        folder, name = os.path.split(word.rstrip("/"))
        there = os.path.join(os.path.realpath(folder), name)
        path = os.path.relpath(there, os.path.realpath(root))
        path = word if path.startswith("..") else path
    return Target("" if "/" in word or word in (".", "..") else word, path)


def _run(
    options: Options,
    file: str,
    start: str,
    wishes: Wishes,
    out: Writer,
    err: Writer,
) -> int:
    with no_collection():
        from fileflow.views.progress import progress_for
        from fileflow.views.style import Paint, wants_color

    if options.strict:
        raise FileflowError("--strict is not there yet")
    if options.durability != "none":
        raise FileflowError(
            f"--durability {options.durability} is not there yet",
            hint="what a run promises without it stands in docs/freshness.md",
        )
    if options.executor is not None:
        from fileflow.language.rule_book import check_executor

        check_executor(options.executor)
    overrides = _overrides(options, start)
    folder = os.path.relpath(os.path.dirname(file), start)
    tell = progress_for(
        options.progress,
        err,
        os.environ,
        quiet=options.quiet,
        verbose=options.verbose,
        commands=options.print_commands,
        color=options.color,
        folder=folder,
    )
    if options.dry_run:
        from fileflow.commands.dry_run import dry_run

        as_json = options.json or options.progress == "json"
        finished = dry_run(
            file,
            overrides,
            wishes,
            rerun=options.rerun,
            as_json=as_json,
            verbose=options.verbose,
            commands=options.print_commands,
            paint=Paint(wants_color(options.color, out, os.environ)),
            say=err.line if as_json and not options.json else out.line,
            tell=tell,
        )
        tell(finished)
        tell.close()
        return _last(options, out, finished)
    with no_collection():
        from fileflow.engine.loop import Settings
        from fileflow.engine.run import run

    failures = options.max_failures
    if failures is None:
        failures = 0 if options.keep_going else 1
    settings = Settings(
        jobs=options.jobs,
        max_failures=failures,
        retries=options.retries,
        keep_temp=options.keep_temp,
        executor=options.executor or "",
        print_commands=options.print_commands,
        rerun=options.rerun,
        verbose=options.verbose,
    )
    for writer in (err, out):
        writer.hurry()
    try:
        finished = run(
            file,
            overrides,
            wishes,
            settings,
            tell,
            command=_typed(),
            wait=options.wait,
            tick=tell.tick,
            remember=(sys.argv[1:], os.path.relpath(start, os.path.dirname(file))),
        )
    finally:
        tell.close()
    err.settle(LAST_WORDS if finished.signal else None)
    return _last(options, out, finished)


def _last(options: Options, out: Writer, finished: RunFinished) -> int:
    """Ends a run, or what shows one, for a program with a line of its own; the exit status."""
    if options.json:
        from fileflow.views.json_lines import JsonLines

        JsonLines(out)(finished)
    return finished.status


def _command(
    options: Options,
    file: str,
    start: str,
    wishes: Wishes,
    out: Writer,
    err: Writer,
) -> int:
    """A command that shows or tends records."""
    from fileflow.engine.project import Project

    overrides = _overrides(options, start)
    project = Project(
        file=file,
        overrides=overrides,
        command=_typed(),
        wait=options.wait,
        waiting=err.line,
        looked=lambda session: _say_first(session, options.command, err),
    )
    as_json = options.json
    if options.command == "clean":
        from fileflow.commands.clean import Which, clean

        which = Which(
            targets=wishes.targets,
            all=options.all,
            orphans=options.orphans,
            dry_run=options.dry_run,
            force=options.clean_force,
        )
        return clean(project, which, out.line, as_json=as_json)
    if options.command == "adopt":
        from fileflow.commands.adopt import adopt

        return adopt(project, wishes, out.line, describe=_describing(), as_json=as_json)
    try:
        session = project.look()
    except FileflowError as error:
        if options.command != "check" or not as_json:
            raise
        from fileflow.commands.check import refused

        return refused(error, out.line)
    if options.command == "list":
        from fileflow.commands.list import list_rules

        return list_rules(session.workflow, out.line, as_json=as_json)
    if options.command == "status":
        from fileflow.commands.status import status

        return status(session, wishes, out.line, as_json=as_json)
    if options.command == "why":
        from fileflow.commands.why import why

        return why(session, wishes.targets, out.line, as_json=as_json)
    if options.command == "log":
        from fileflow.commands.log import log

        return log(session, wishes.targets, out.write_bytes, as_json=as_json)
    from fileflow.commands.check import check

    return check(session, out.line, describe=_describing(), as_json=as_json)


def _say_first(session: Session, command: str, err: Writer) -> None:
    """What is said before a command begins, of a project that it has opened."""
    if command in session.workflow.rules:
        err.line(f"{command} is a command and a rule: `fileflow run {command}` builds the rule")
    warnings = session.workflow.warnings if command != "check" else ()  # which tells them itself
    for line in (*warnings, *session.records.warnings):
        err.line(f"note: {line}")


def _describing() -> Describe:
    import filelock  # noqa: F401

    # With these loaded slots are forked, too: modules of the project are found as there.
    import fileflow.engine.run  # noqa: F401
    from fileflow.executors.describing import described

    return described


def _typed() -> str:
    return " ".join(["fileflow", *sys.argv[1:]])
