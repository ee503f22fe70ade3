"""A run as lines of text: what is done, what failed and how, and how it all ended.

Knows nothing of terminals beyond colours; what moves on a terminal is built on top of this.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator

from fileflow.engine import events
from fileflow.errors import counted, some_of
from fileflow.lean import dataclass
from fileflow.views.style import NO_COLORS, Paint, Writer, duration, tamed, time_left

ACTION_LINES = 20
FEW_JOBS = 20
MUCH_MEMORY = 200_000_000
NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a run is to be shown as text.

    Args:
        lines: whether to show how far the run is.
        quiet: show only failures, errors and warnings.
        verbose: show each job.
        commands: show the command of each job.
        folder: the Workflowfile's folder as seen from the user's.
        paint: colours.
    """

    lines: bool = True
    quiet: bool = False
    verbose: bool = False
    commands: bool = False
    folder: str = "."
    paint: Paint = NO_COLORS


class Pace:
    """How far a run is, and how long it may still take."""

    WEIGHT = 0.2

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.began = clock()
        self.total = 0
        self.done = 0
        self.failed = 0
        self._slots = 1
        self._expected: float | None = None
        self._busy = 0.0
        self._averages: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def start(self, event: events.RunStarted) -> None:
        """The plan is known."""
        self.began = self._clock()
        self.total = event.certain + event.possible
        self._slots = max(1, event.slots)
        self._expected = event.seconds_expected

    def add(self, event: events.JobEnded) -> None:
        """A job ended, for good or to be tried again."""
        self._measure(event.job.rule, event.seconds)
        if event.status != "retried":
            self.done += 1
            self.total = max(self.total, self.done)
        if event.status == "failed":
            self.failed += 1

    def _measure(self, rule: str, seconds: float) -> None:
        self._busy += seconds
        count = self._counts[rule] = self._counts.get(rule, 0) + 1
        before = self._averages.get(rule)
        if before is None:
            self._averages[rule] = seconds
        else:
            # The plain average at first, so that one odd job at the start does not weigh most.
            weight = max(self.WEIGHT, 1 / count)
            self._averages[rule] = before + weight * (seconds - before)

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self.began

    def left(self) -> float | None:
        """Seconds that the run may still take; None as long as nothing is known.

        At first what was expected from earlier runs counts, at the end what this one has shown.
        """
        elapsed = self.elapsed()
        share = self.done / self.total if self.total else 1.0
        seen = self._left_as_seen(elapsed)
        if self._expected is None or self._expected <= elapsed:
            return seen
        planned = self._expected - elapsed
        return planned if seen is None else share * seen + (1 - share) * planned

    def left_in_words(self) -> str:
        """`about 2 min left`; empty at the end, and as long as nothing is known."""
        left = self.left() if self.done < self.total else None
        return "" if left is None else f"about {time_left(left)} left"

    def _left_as_seen(self, elapsed: float) -> float | None:
        measured = sum(self._counts.values())
        if not measured or elapsed <= 0:
            return None
        each = sum(self._averages[rule] * count for rule, count in self._counts.items()) / measured
        at_once = min(self._busy / elapsed, self._slots)
        if at_once <= 0:
            return (self.total - self.done) * elapsed / measured
        return (self.total - self.done) * each / at_once


class Plain:
    """Shows a run as lines: at most about one a second, unless there are few jobs or each counts.

    Args:
        writer: where to.
        manner: what.
        clock: seconds that never go back.
    """

    def __init__(
        self, writer: Writer, manner: Manner, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._writer = writer
        self._manner = manner
        self._paint = manner.paint
        self._clock = clock
        self._due_at = 0.0
        self._failures: list[str] = []
        self.pace = Pace(clock)

    def __call__(self, event: events.Event) -> None:
        """Shows one event."""
        if isinstance(event, events.JobEnded):
            self.pace.add(event)
            self._job_ended(event)
        elif isinstance(event, events.JobStarted):
            self._job_started(event)
        elif isinstance(event, events.Note):
            self._note(event)
        elif isinstance(event, events.RunStarted):
            self.pace.start(event)
            self._run_started(event)
        elif isinstance(event, events.RunGrew):
            self.pace.total += event.certain + event.possible
            self._run_grew(event)
        else:
            self._run_finished(event)
        self._writer.flush()

    def tick(self) -> None:
        """Time went by without an event: lines need no refreshing, but may wait for a reader."""
        self._writer.flush()

    def close(self) -> None:
        """Nothing is open."""

    # -- what is said -------------------------------------------------------------------------

    def say(self, line: str) -> None:
        """Writes a line."""
        self._writer.line(line)

    def _note(self, event: events.Note) -> None:
        if event.warning:
            self.say(f"{self._paint.yellow('warning:')} {event.text}")
        elif not self._manner.quiet:
            self.say(event.text)

    def _run_started(self, event: events.RunStarted) -> None:
        self._pause()
        if self._manner.lines and event.certain + event.possible:
            self.say(started_text(event))

    def _run_grew(self, event: events.RunGrew) -> None:
        if self._manner.lines and event.certain + event.possible:
            more = f"{event.certain} more {'job' if event.certain == 1 else 'jobs'} to build"
            maybe = f", {event.possible} more if what they need changes" * bool(event.possible)
            self.say(f"{more}{maybe}: what was found is known")

    def _job_started(self, event: events.JobStarted) -> None:
        if self._manner.verbose:
            because = f": {event.reason}" if event.reason else ""
            self.say(f"start {self._paint.bold(event.job.label)}{because}")
        if self._manner.commands and event.command:
            if not self._manner.verbose:
                self.say(f"{self._paint.bold(event.job.label)}:")
            for line in event.command.splitlines():
                self.say(f"  {line}")

    def _job_ended(self, event: events.JobEnded) -> None:
        if event.status == "failed":
            self._failures.append(event.job.label)
        if event.status in ("failed", "retried"):
            for line in failure_lines(event, self._manner):
                self.say(line)
        elif self._manner.verbose or (self._manner.lines and self._is_due()):
            self._pause()
            self.say(self._progress_text(event))

    def _pause(self) -> None:
        """A line was said: the longer a run, the longer the time until the next one."""
        self._due_at = self._clock() + min(30.0, max(1.0, self.pace.elapsed() / 60))

    def _is_due(self) -> bool:
        return self.pace.total <= FEW_JOBS or self._clock() >= self._due_at

    def _progress_text(self, event: events.JobEnded) -> str:
        pace = self.pace
        width = len(str(pace.total))
        count = self._paint.dim(f"[{pace.done:>{width}}/{pace.total}]")
        text = f"{count} {event.job.label} ({duration(event.seconds)})"
        left = pace.left_in_words() if pace.elapsed() >= 1 else ""
        return f"{text}, {left}" if left else text

    def _run_finished(self, event: events.RunFinished) -> None:
        if not self._manner.quiet:
            for line in summary_lines(event, self._failures, self._paint):
                self.say(line)
        if event.error:
            self.say(f"{self._paint.red('fileflow:')} {event.error}")


# -- the texts -----------------------------------------------------------------------------------


def started_text(event: events.RunStarted) -> str:
    """What a run is about to do."""
    parts = [f"{counted(event.certain, 'job')} to build"]
    if event.possible:
        parts.append(f"{event.possible} more if what they need changes")
    parts.append(f"at most {event.slots} at once")
    if event.seconds_expected is not None and event.seconds_expected >= 1:
        parts.append(f"about {duration(event.seconds_expected)}")
    return ", ".join(parts)


def failure_lines(event: events.JobEnded, manner: Manner) -> Iterator[str]:
    """A job's failure: which, what was run, how it ended, its last words, and where they all are.

    One that is tried again takes one line, unless each job is to be shown.
    """
    paint = manner.paint
    retried = event.status == "retried"
    message = event.message.splitlines() or ["no reason is known"]
    if retried and not manner.verbose:
        if not manner.quiet:
            yield f"{paint.yellow('retry:')} {event.job.label}: {tamed(message[0])}"
        return
    took = f"after {duration(event.seconds)}"
    telling = event.memory >= MUCH_MEMORY or (event.memory and "SIG" in event.message)
    if telling and "peak memory" not in event.message:
        took += f", {_megabytes(event.memory)} of memory at most"
    word = paint.yellow("retry:") if retried else paint.red("failed:")
    yield f"{word} {paint.bold(event.job.label)} ({took})"
    action = event.action.splitlines()
    for line in action[:ACTION_LINES]:
        yield f"    {paint.dim(tamed(line))}"
    if len(action) > ACTION_LINES:
        yield f"    {paint.dim(f'… and {len(action) - ACTION_LINES} more lines')}"
    for line in message:
        yield f"  {paint.red(tamed(line))}"
    for line in event.traceback.splitlines():
        yield f"  {tamed(line)}"
    for line in event.log_tail:
        yield f"  | {tamed(line)}"
    if event.log[0]:  # else it has not begun
        yield f"  its whole output: {paint.bold(log_command(event.job, manner.folder))}"


def log_command(job: events.Job, folder: str) -> str:
    """The command that shows the kept output of a job."""
    if not job.outputs:
        return f"fileflow log {job.rule}"
    path = job.outputs[0]
    if "{" not in path:  # what is scattered is named as in the Workflowfile, wherever that is typed
        path = os.path.normpath(os.path.join(folder, path))
    return f"fileflow log {shlex.quote(path)}"


def _megabytes(count: int) -> str:
    megabytes = count / 1e6
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"


def summary_lines(event: events.RunFinished, failures: list[str], paint: Paint) -> Iterator[str]:
    """How a run ended, in one or two lines, and a few more where there is more to name.

    Args:
        event: the end.
        failures: the jobs that failed, as they were seen.
        paint: colours.
    """
    if event.would_build is not None:
        yield _dry_summary(event)
    elif event.signal:
        yield paint.yellow(f"stopped: {_counts(event)}; the next run goes on from there")
    elif event.built or event.failed or event.skipped:
        yield _ended(event, paint)
    elif not event.error:
        yield paint.green(events.nothing_to_do(event.kept))
    if failures:
        yield f"{paint.red('failed:')} {some_of(failures, NAMED)}"
    if event.identical is not None:
        differ = sum(len(paths) for paths in event.differ.values())
        yield f"{counted(event.identical, 'output')} identical, {differ} differ"
        for rule, paths in event.differ.items():
            if paths:
                yield f"  {rule}: {some_of(paths, NAMED)}"
    left_out = [f"{rule} {count}" for rule, count in event.left_out.items() if count]
    if left_out:
        yield f"left out as asked: {some_of(left_out, NAMED)}"


def _dry_summary(event: events.RunFinished) -> str:
    would, certain = event.would_build or 0, event.certain or 0
    if not would:
        return events.nothing_to_do(event.kept)
    text = f"{would} would be built"
    if certain != would:
        text += f" ({certain} for certain, {would - certain} if what they need changes)"
    return f"{text}, {event.kept} fresh" if event.kept else text


def _ended(event: events.RunFinished, paint: Paint) -> str:
    color = paint.red if event.failed or event.skipped else paint.green
    text = f"{color(_counts(event))} in {duration(event.seconds)}"
    if event.slots > 1 and event.built > 1 and event.seconds > 0:
        times = event.busy_seconds / event.seconds
        if times >= 1.05:
            text += f" ({times:.1f} × as fast as one after the other)"
    return text


def _counts(event: events.RunFinished) -> str:
    parts = [f"{event.built} built"]
    if event.kept:
        parts.append(f"{event.kept} kept")
    if event.failed:
        parts.append(f"{event.failed} failed")
    if event.skipped:
        parts.append(f"{event.skipped} skipped")
    return ", ".join(parts)
