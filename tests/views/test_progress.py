"""How a run is shown: as lines, as JSON, as a bar; and what happens when nobody reads."""

import io
import json
import os
import pty
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fileflow.engine.events import (
    Event,
    JobEnded,
    JobFacts,
    JobStarted,
    Note,
    RunFinished,
    RunStarted,
)
from fileflow.views.bar import Bar
from fileflow.views.json_lines import JsonLines
from fileflow.views.plain import Manner, Pace, Plain
from fileflow.views.progress import progress_for
from fileflow.views.style import Paint, Writer, duration, tamed, wants_color

SOURCE = Path(__file__).resolve().parents[2]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def job(rule: str = "tidy", month: str = "01") -> JobFacts:
    return JobFacts(rule, {"month": month}, [f"build/{month}.csv"], f"{rule} month={month}")


def started(certain: int, possible: int = 0, expected: float | None = None) -> RunStarted:
    return RunStarted("r1", certain + possible, certain, possible, 2, expected)


def built(rule: str = "tidy", month: str = "01", seconds: float = 0.5) -> JobEnded:
    return JobEnded(job(rule, month), "built", seconds)


FAILED = JobEnded(
    JobFacts("fit", {"site": "a b"}, ["build/a b.json"], "fit site=a b"),
    "failed",
    1.25,
    message="ValueError: no luck",
    traceback='Traceback (most recent call last):\n  File "steps.py", line 3, in fit',
    action="rules.model:fit",
    log_tail=["starting", "\x1b[31mred\x1b[0m", " 10 %\r 20 %\r 30 %"],
    log=(".fileflow/logs/r1/0.log", 0, 30),
    memory=812_000_000,
)


def shown(events: Sequence[Event], clock: Clock | None = None, **manner: object) -> list[str]:
    out = io.StringIO()
    plain = Plain(Writer(out), Manner(**manner), clock or Clock())  # type: ignore[arg-type]
    for event in events:
        plain(event)
    return out.getvalue().splitlines()


# -- lines ---------------------------------------------------------------------------------------


def test_a_short_run_has_a_line_for_each_job():
    lines = shown([started(2, 1), built(), built("fit", "02", 3.21)])
    assert lines == [
        "2 jobs to build, 1 more if what they need changes, at most 2 at once",
        "[1/3] tidy month=01 (0.5 s)",
        "[2/3] fit month=02 (3.2 s)",
    ]


def test_ten_thousand_jobs_have_about_one_line_a_second():
    clock = Clock()
    out = io.StringIO()
    plain = Plain(Writer(out), Manner(), clock)
    plain(started(10_000))
    for _ in range(10_000):
        clock.now += 0.001
        plain(built(seconds=0.002))
    lines = out.getvalue().splitlines()
    assert 9 <= len(lines) <= 12
    assert lines[5].startswith("[ 5") and "about 5 s left" in lines[5]


def test_each_job_has_its_lines_on_wish():
    lines = shown(
        [started(1000), JobStarted(job(), "data/01.csv changed", None), built()], verbose=True
    )
    assert lines[1:] == [
        "start tidy month=01: data/01.csv changed",
        "[   1/1000] tidy month=01 (0.5 s)",
    ]


def test_commands_are_shown_on_wish():
    lines = shown([JobStarted(job(), "", "sort a\nuniq b")], commands=True)
    assert lines == ["tidy month=01:", "  sort a", "  uniq b"]


def test_a_failure_says_all_that_is_needed_to_look_into_it():
    lines = shown([started(1), FAILED])
    assert lines[1:] == [
        "failed: fit site=a b (after 1.2 s, 812 MB of memory at most)",
        "    rules.model:fit",
        "  ValueError: no luck",
        "  Traceback (most recent call last):",
        '    File "steps.py", line 3, in fit',
        "  | starting",
        "  | red",
        "  |  30 %",
        "  its whole output: fileflow log 'build/a b.json'",
    ]


def test_memory_is_told_where_it_may_be_the_cause():
    killed = JobEnded(job(), "failed", 0.1, message="killed by SIGKILL", memory=5_000_000)
    assert "5 MB of memory" in shown([killed])[0]
    wrong = JobEnded(job(), "failed", 0.1, message="exit status 1", memory=5_000_000)
    assert "memory" not in shown([wrong])[0]


def test_the_advice_fits_the_folder_that_the_user_is_in():
    assert shown([FAILED], folder="..")[-1].endswith("fileflow log '../build/a b.json'")
    facts = JobFacts("send", {}, [], "send")
    nameless = JobEnded(facts, "failed", 0.1, message="exit status 1", log=("0.log", 0, 0))
    assert shown([nameless])[-1].endswith("fileflow log send")


def test_of_what_has_not_begun_there_is_no_output_to_show():
    unbegun = JobEnded(job(), "failed", 0.0, message="no values agree with it")
    assert not any("fileflow log" in line for line in shown([unbegun]))


def test_a_long_command_is_cut_in_a_failure():
    event = JobEnded(job(), "failed", 0.1, message="exit status 1", action="x\n" * 30)
    assert "    … and 10 more lines" in shown([event])


def test_a_retry_takes_one_line_or_all_of_them_on_wish():
    event = JobEnded(job(), "retried", 0.1, message="exit status 1", log_tail=["oh"])
    assert shown([event]) == ["retry: tidy month=01: exit status 1"]
    assert shown([event], quiet=True) == []
    assert "  | oh" in shown([event], verbose=True)


def test_a_failure_is_shown_even_if_little_is_wanted():
    events = [started(1), FAILED, RunFinished(failed=1, status=1)]
    assert any("no luck" in line for line in shown(events, quiet=True, lines=False))
    assert not any("built" in line for line in shown(events, quiet=True, lines=False))
    assert any("0 built, 1 failed" in line for line in shown(events, lines=False))


def test_notes_are_warnings_or_just_lines():
    events = [Note("clock is odd"), Note("waiting", warning=False)]
    assert shown(events) == ["warning: clock is odd", "waiting"]
    assert shown(events, quiet=True) == ["warning: clock is odd"]


def test_an_error_that_ends_the_run_comes_last():
    lines = shown([RunFinished(error="the disk is full", status=3)])
    assert lines == ["fileflow: the disk is full"]


# -- the summary ---------------------------------------------------------------------------------


def summary(**facts: object) -> list[str]:
    return shown([RunFinished(**facts)])  # type: ignore[arg-type]


def test_nothing_to_do_says_so():
    assert summary(kept=42) == ["nothing to do: all 42 are fresh"]
    assert summary(kept=1) == ["nothing to do: the one job is fresh"]
    assert summary() == ["nothing to do"]


def test_the_summary_counts_and_tells_the_gain():
    assert summary(built=12, kept=30, seconds=3.2, busy_seconds=6.08, slots=2) == [
        "12 built, 30 kept in 3.2 s (1.9 × as fast as one after the other)"
    ]
    assert summary(built=1, seconds=3.2, busy_seconds=3.1, slots=2) == ["1 built in 3.2 s"]


def test_failures_are_named_at_the_end():
    many = [JobEnded(job("fit", str(n)), "failed", 0.1, message="x") for n in range(12)]
    lines = shown([*many, RunFinished(built=2, failed=12, skipped=3, seconds=70, status=1)])
    assert lines[-2] == "2 built, 12 failed, 3 skipped in 1 min 10 s"
    assert lines[-1].startswith("failed: fit month=0, fit month=1, ")
    assert lines[-1].endswith("fit month=9 and 2 more")


def test_an_interrupted_run_says_that_it_goes_on():
    assert summary(built=2, kept=1, skipped=4, signal=2, status=130) == [
        "stopped: 2 built, 1 kept, 4 skipped; the next run goes on from there"
    ]


def test_a_rerun_says_what_differs():
    paths = [f"build/{n}.csv" for n in range(12)]
    lines = summary(built=14, identical=20, differ={"tidy": paths, "fit": ["b.json"]})
    assert lines[1] == "20 outputs identical, 13 differ"
    assert lines[2].startswith("  tidy: build/0.csv, ") and lines[2].endswith(" and 2 more")
    assert lines[3] == "  fit: b.json"
    assert summary(built=1, identical=3)[1] == "3 outputs identical, 0 differ"


def test_what_was_left_out_is_counted():
    assert summary(kept=3, left_out={"tidy": 9, "fit": 0, "total": 1}) == [
        "nothing to do: all 3 are fresh",
        "left out as asked: tidy 9, total 1",
    ]


def test_a_dry_run_says_what_is_certain():
    assert summary(would_build=3, certain=2, kept=5) == [
        "3 would be built (2 for certain, 1 if what they need changes), 5 fresh"
    ]
    assert summary(would_build=2, certain=2) == ["2 would be built"]
    assert summary(would_build=0, certain=0, kept=8) == ["nothing to do: all 8 are fresh"]


# -- how long it may take ------------------------------------------------------------------------


def test_at_first_the_records_tell_how_long_it_takes():
    clock = Clock()
    pace = Pace(clock)
    pace.start(started(100, expected=50.0))
    clock.now += 10
    assert pace.left() == pytest.approx(40)


def test_in_the_end_the_run_itself_tells_how_long_it_takes():
    clock = Clock()
    pace = Pace(clock)
    pace.start(started(100, expected=500.0))
    for _ in range(90):
        clock.now += 1
        pace.add(built(seconds=2.0))
    left = pace.left()
    assert left is not None and 10 <= left < 60


def test_nothing_is_said_about_the_time_before_anything_is_known():
    clock = Clock()
    pace = Pace(clock)
    pace.start(started(10))
    clock.now += 5
    assert pace.left() is None and pace.left_in_words() == ""


def test_jobs_that_become_slower_count_more_than_those_long_ago():
    clock = Clock()
    pace = Pace(clock)
    pace.start(started(40))
    for seconds in [1.0] * 10 + [3.0] * 10:
        clock.now += seconds
        pace.add(built(seconds=seconds))
    left = pace.left()
    assert left is not None and left > 20 * 2.5


# -- JSON ----------------------------------------------------------------------------------------


def as_json(*events: Event) -> list[dict[str, object]]:
    out = io.StringIO()
    show = JsonLines(Writer(out))
    for event in events:
        show(event)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_json_has_one_line_for_each_event():
    found = as_json(
        started(2),
        JobStarted(job(), "missing", "sort"),
        built(),
        FAILED,
        Note("hm"),
        RunFinished(built=1, failed=1, status=1, seconds=0.5),
    )
    assert [line["event"] for line in found] == [
        "run_started",
        "job_started",
        "job_finished",
        "job_finished",
        "note",
        "run_finished",
    ]
    assert found[1]["wildcards"] == {"month": "01"} and found[1]["command"] == "sort"
    assert found[2] == {
        "event": "job_finished",
        "rule": "tidy",
        "wildcards": {"month": "01"},
        "outputs": ["build/01.csv"],
        "status": "built",
        "seconds": 0.5,
    }
    assert found[3]["status"] == "failed" and found[3]["message"] == "ValueError: no luck"
    assert found[4]["text"] == "hm"
    last = found[5]
    assert (last["built"], last["kept"], last["failed"], last["skipped"]) == (1, 0, 1, 0)
    assert last["status"] == 1 and "would_build" not in last and "identical" not in last


def test_json_of_a_dry_run_says_what_would_be_built():
    last = as_json(RunFinished(kept=1, would_build=3, certain=2))[0]
    assert (last["would_build"], last["certain"], last["kept"]) == (3, 2, 1)


def test_json_carries_names_that_are_no_text():
    event = JobEnded(JobFacts("x", {"n": "\udcff"}, ["\udcff.txt"], "x"), "built", 0.1)
    raw = io.BytesIO()
    text = io.TextIOWrapper(raw, encoding="ascii")
    JsonLines(Writer(text))(event)
    assert json.loads(raw.getvalue())["outputs"] == ["\udcff.txt"]


# -- which way -----------------------------------------------------------------------------------


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_and_everything_else_lines():
    assert isinstance(progress_for("auto", Writer(Screen()), {}), Bar)
    assert type(progress_for("auto", Writer(Screen()), {"TERM": "dumb"})) is Plain
    assert type(progress_for("auto", Writer(io.StringIO()), {})) is Plain
    assert isinstance(progress_for("bar", Writer(io.StringIO()), {}), Bar)
    assert isinstance(progress_for("json", Writer(Screen()), {}), JsonLines)
    assert type(progress_for("auto", Writer(Screen()), {}, quiet=True)) is Plain


def test_without_progress_only_the_summary_is_left():
    out = io.StringIO()
    show = progress_for("none", Writer(out), {})
    for event in [started(1), built(), RunFinished(built=1, seconds=1.0)]:
        show(event)
    assert out.getvalue() == "1 built in 1.0 s\n"


def test_colours_are_for_terminals_and_for_those_who_ask():
    screen, file = Writer(Screen()), Writer(io.StringIO())
    assert wants_color("auto", screen, {})
    assert not wants_color("auto", screen, {"NO_COLOR": "1"})
    assert not wants_color("auto", screen, {"TERM": "dumb"})
    assert not wants_color("auto", file, {})
    assert wants_color("always", file, {"NO_COLOR": "1"})
    assert not wants_color("never", screen, {})
    assert "\x1b[31mfailed:" in "\n".join(shown([FAILED], paint=Paint(True)))


# -- the bar -------------------------------------------------------------------------------------


def on_a_terminal(text: str) -> str:
    """Runs Python code with a terminal as its stderr; gives what came there."""
    head = """
        import sys, time
        from fileflow.engine.events import *
        from fileflow.views.progress import progress_for
        from fileflow.views.style import Writer
        show = progress_for("auto", Writer(sys.stderr), {"TERM": "xterm"}, color="never")
        job = JobFacts("tidy", {"n": "1"}, ["a.txt"], "tidy n=1")
        """
    ours, theirs = pty.openpty()
    code = textwrap.dedent(head) + textwrap.dedent(text)
    env = {**os.environ, "PYTHONPATH": str(SOURCE), "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=env)
    os.close(theirs)
    found = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:
            break
        if not block:
            break
        found += block
    os.close(ours)
    assert process.wait() == 0, found.decode()
    return found.decode().replace("\r\n", "\n")


def test_the_bar_counts_and_vanishes_before_the_summary():
    text = on_a_terminal("""
        show(RunStarted("r", 4, 3, 1, 2, 60.0))
        for _ in range(2):
            time.sleep(0.15)
            show(JobEnded(job, "built", 0.1))
        show.tick()
        show(RunFinished(built=2, kept=2, seconds=0.3))
        """)
    assert "  0 %|" in text and "0/4" in text
    assert " 50 %|" in text and "2/4" in text and "left" in text and "tidy" in text
    assert text.split("\r")[-1].strip() == "2 built, 2 kept in 0.3 s"


def test_failures_and_warnings_stand_above_the_bar():
    text = on_a_terminal("""
        show(RunStarted("r", 4, 4, 0, 2, None))
        show(Note("the clock is odd"))
        show(JobEnded(job, "failed", 0.1, message="exit status 3", log_tail=["oh no"]))
        show(RunFinished(failed=1, skipped=3, seconds=0.3, status=1))
        """)
    lines = [line.split("\r")[-1].rstrip() for line in text.split("\n")]
    assert "warning: the clock is odd" in lines
    assert "  exit status 3" in lines and "  | oh no" in lines
    assert "1 failed" in text


def test_the_bar_brings_no_thread_and_is_not_loaded_for_nothing():
    on_a_terminal("""
        import threading
        show(RunStarted("r", 4, 0, 0, 2, None))
        show(RunFinished(kept=4))
        assert "tqdm" not in sys.modules
        show(RunStarted("r", 4, 4, 0, 2, None))
        show(JobEnded(job, "built", 0.1))
        assert "tqdm" in sys.modules and threading.active_count() == 1
        assert "multiprocessing" not in sys.modules
        show.close()
        """)


def test_no_job_has_a_line_of_its_own_beside_the_bar():
    text = on_a_terminal("""
        show(RunStarted("r", 3, 3, 0, 2, None))
        for _ in range(3):
            show(JobEnded(job, "built", 0.1))
        show(RunFinished(built=3, seconds=0.3))
        """)
    assert "tidy n=1" not in text


# -- streams that break --------------------------------------------------------------------------


class Broken(io.StringIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.calls = 0

    def write(self, text: str) -> int:
        self.calls += 1
        raise self.error


@pytest.mark.parametrize(
    "error",
    [BrokenPipeError(32, "Broken pipe"), OSError(28, "No space left"), ValueError("closed")],
)
def test_a_stream_that_breaks_is_left_alone(error):
    broken = Broken(error)
    lost: list[str] = []
    writer = Writer(broken, lost.append)
    writer.line("one")
    writer.line("two")
    assert broken.calls == 1
    assert len(lost) == (0 if isinstance(error, BrokenPipeError) else 1)


def test_a_stream_that_is_not_there_takes_everything():
    writer = Writer(None)
    writer.line("x")
    assert not writer.isatty()
    with pytest.raises(OSError):
        writer.fileno()


def test_text_that_a_stream_cannot_write_is_shown_as_escapes():
    raw = io.BytesIO()
    text = io.TextIOWrapper(raw, encoding="ascii")
    writer = Writer(text)
    writer.line("1.9 × \udcff")
    assert raw.getvalue() == b"1.9 \\xd7 \\udcff\n"


@pytest.mark.parametrize("where", ["| head -1", "> /dev/full"])
def test_a_process_ends_well_though_its_stdout_is_gone(where):
    code = textwrap.dedent("""
        import sys
        from fileflow.views.style import Writer
        err = Writer(sys.stderr)
        out = Writer(sys.stdout, lambda why: err.line("lost: " + why))
        for number in range(100_000):
            out.line(str(number))
        sys.exit(7)
        """)
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'"$0" -c "$1" {where}; echo "status ${{PIPESTATUS[0]}}" >&2',
            sys.executable,
            code,
        ],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = done.stderr.splitlines()
    assert lines[-1] == "status 7"
    assert lines[:-1] == ([] if "head" in where else ["lost: No space left on device"])


# -- readers that do not read --------------------------------------------------------------------


@pytest.fixture(params=["pipe", "terminal"])
def unread(request: pytest.FixtureRequest) -> Iterator[tuple[int, Writer]]:
    """Where a reader would read, and a writer that goes there."""
    ours, theirs = os.pipe() if request.param == "pipe" else pty.openpty()
    with open(theirs, "w", encoding="utf-8") as stream:
        yield ours, Writer(stream)
    os.close(ours)


def taken(ours: int, until: bytes) -> list[str]:
    """What a reader gets to see, up to a last word."""
    found = b""
    while until not in found:
        found += os.read(ours, 65536)
    return found.decode().splitlines()


def test_text_that_nobody_reads_is_kept_and_whoever_reads_late_gets_all_of_it(unread):
    ours, writer = unread
    writer.hurry()
    lines = [f"{number} × {'x' * (number % 300)}" for number in range(3000)]
    for line in lines:
        writer.line(line)
    assert writer.behind
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.extend(taken(ours, b"the end")))
    reader.start()
    writer.settle()
    assert not writer.behind
    writer.line("the end")
    reader.join(20)
    assert found == [*lines, "the end"]


def test_who_does_not_read_is_waited_for_as_long_as_is_said(unread):
    _, writer = unread
    writer.hurry()
    writer.write("x" * 1_000_000)
    began = time.monotonic()
    writer.settle(0.3)
    assert 0.3 <= time.monotonic() - began < 5
    assert not writer.behind


def test_a_hurry_leaves_the_stream_of_others_as_it_is(unread):
    _, writer = unread
    writer.hurry()
    writer.line("x")
    assert os.get_blocking(writer.fileno())
    writer.settle()


def test_a_reader_that_goes_away_is_not_waited_for():
    ours, theirs = os.pipe()
    lost: list[str] = []
    with open(theirs, "w", encoding="utf-8") as stream:
        writer = Writer(stream, lost.append)
        writer.hurry()
        writer.write("x" * 1_000_000)
        os.close(ours)
        writer.settle()
        writer.line("y")
    assert not lost


def test_a_bar_that_nobody_sees_is_not_drawn_again_and_again(unread):
    _, writer = unread
    clock = Clock()
    show = Bar(writer, Manner(), clock)
    writer.hurry()
    writer.write("x" * 1_000_000)
    show(started(1000))
    kept = len(writer._pipe.kept)  # type: ignore[union-attr]
    for _ in range(1000):
        clock.now += 1
        show(built())
        show.tick()
    assert len(writer._pipe.kept) <= kept  # type: ignore[union-attr]
    show.close()
    writer.settle(0)


# -- words ---------------------------------------------------------------------------------------


def test_times_are_said_as_people_say_them():
    said = [duration(s) for s in (0.001, 0.04, 0.1, 3.21, 9.96, 59.6, 125, 3600, 3900, 180_000)]
    assert said == [
        *("0.00 s", "0.04 s", "0.1 s", "3.2 s", "10 s", "1 min"),
        *("2 min 5 s", "1 h", "1 h 5 min", "2 d 2 h"),
    ]


def test_a_line_of_output_cannot_move_the_cursor():
    assert tamed("\x1b[2J\x1b]0;title\x07a\tb\x08\x00") == "a\tb"
    assert tamed("10 %\r20 %") == "20 %"
    assert tamed("ok\r\n") == "ok"
    assert tamed("é × \udcff") == "é × \udcff"
    assert len(tamed("x" * 5000)) < 1100
