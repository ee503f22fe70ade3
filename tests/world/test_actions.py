from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fileflow.executors.processes import Processes
from fileflow.executors.serial import Serial
from fileflow.lean import replace
from fileflow.model.digests import NO_DIGEST
from fileflow.model.work import Batch, End, Outcome
from fileflow.signature import NOTHING
from fileflow.world.files import Clock, column, digest, signature
from tests.executors.runs import (
    COPY,
    OUTPUT,
    RUN,
    command,
    events_of,
    function,
    is_running,
    log_of,
    order,
    outcomes_of,
    project,
    shell,
)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(project(tmp_path), RUN, 1)
    try:
        yield made
    finally:
        made.close()


def test_a_function_makes_its_output_from_an_input_that_is_digested(
    runner: Processes, tmp_path: Path
) -> None:
    (tmp_path / "in").write_text("text")
    one = order(0, "build/x", items=["in"], checks=[("in", None, None)])
    (outcome,) = outcomes_of(runner, function("copy", COPY), [one])
    assert outcome.end is End.DONE
    assert (tmp_path / "build/x").read_text() == "text"
    path = str(tmp_path / "in")
    assert list(outcome.learned) == [("in", signature(path), digest(path))]
    made = str(tmp_path / "build/x")
    assert list(outcome.outputs) == [(signature(made), digest(made))]


def test_what_a_job_prints_is_in_its_part_of_the_log(runner: Processes, tmp_path: Path) -> None:
    first, second = outcomes_of(runner, function("say"), [order(0, "a"), order(1, "b")])
    for outcome in (first, second):
        assert log_of(tmp_path, outcome) == "to stdout\nto stderr\nfrom a child\n"


def test_a_failure_shows_only_the_users_frames(runner: Processes, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("earlier")
    (outcome,) = outcomes_of(runner, function("fail"), [order(0, "x")])
    assert outcome.end is End.FAILED
    assert outcome.message == "ValueError: the third row has no month"
    assert outcome.traceback.count("File ") == 1 and "jobs.py" in outcome.traceback
    assert (tmp_path / "x").read_text() == "earlier"


@pytest.mark.parametrize("how", ["exit", "interrupt", "generator", "recursion"])
def test_whatever_a_function_raises_fails_only_its_job(
    runner: Processes, tmp_path: Path, how: str
) -> None:
    work = function("leave", (*OUTPUT, ("how", "value", 0)))
    outcomes = outcomes_of(
        runner, work, [order(0, "x", values=[how]), order(1, "y", values=["stay"])]
    )
    assert [outcome.end for outcome in outcomes] == [End.FAILED, End.DONE]
    assert not (tmp_path / "x").exists()


def test_a_function_that_returns_what_it_should_write_is_told(
    runner: Processes, tmp_path: Path
) -> None:
    (tmp_path / "gives.py").write_text(
        "def text(output):\n    return 'text'\n"
        "def both(output):\n    output.write_text('text')\n    return 3\n"
    )
    missing, made = (
        outcomes_of(runner, replace(function(name), key=key, module="gives"), [order(0, "x")])[0]
        for key, name in ((7, "text"), (8, "both"))
    )
    assert missing.end is End.MISSING
    first, second = missing.message.splitlines()
    assert first == "the action did not make x"
    assert second.startswith("it returned a value (str), which nobody takes")
    assert (made.end, made.message) == (End.DONE, "")


def test_a_module_that_cannot_be_imported_is_named(runner: Processes, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import json\nraise OSError('no licence')\n")
    found = runner.describe("broken", "f")
    assert found.error.startswith("cannot import broken: OSError: no licence")
    assert 'broken.py", line 2' in found.error and "importlib" not in found.error
    assert "did you mean 'copy'" in runner.describe("jobs", "copi").error


def test_a_function_is_described_as_plain_data(runner: Processes, tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text(
        "from __future__ import annotations\nfrom pathlib import Path\n"
        "async def f(a: list[Path], b: int = 1, *rest, c: Missing = None, **more): ...\n"
        "def g(a: Path): yield a\n"
    )
    found = runner.describe("typed", "f")
    assert [(one.name, one.kind, one.has_default) for one in found.parameters] == [
        ("a", "positional_or_keyword", False),
        ("b", "positional_or_keyword", True),
        ("rest", "var_positional", False),
        ("c", "keyword_only", True),
        ("more", "var_keyword", False),
    ]
    assert found.is_async and not found.is_generator
    assert runner.describe("typed", "g").parameters[0].annotation == "pathlib.Path"
    assert runner.describe("typed", "g").is_generator


def test_an_import_that_ends_the_process_is_an_answer(runner: Processes, tmp_path: Path) -> None:
    (tmp_path / "away.py").write_text("import os\nos._exit(3)\n")
    assert runner.describe("away", "f").error == "importing away ended the process: exit status 3"
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(60)\n")
    assert "more than 0.5 s" in runner.describe("slow", "f", 0.5).error
    assert not runner.describe("jobs", "copy").error


def test_parameters_are_bound_as_paths_lists_and_objects(runner: Processes, tmp_path: Path) -> None:
    work = function(
        "shapes", (("input", "inputs", (("a", 0), ("b", 1))), *OUTPUT, ("n", "value", 0))
    )
    one = order(0, "x", items=["one", ["two", "three"]], values=[{"k": [1, None]}])
    outcomes_of(runner, work, [one])
    assert (tmp_path / "x").read_text() == (
        "({'a': PosixPath('one'), 'b': [PosixPath('two'), PosixPath('three')]}, {'k': [1, None]})"
    )


def test_a_coroutine_runs_to_its_end_and_a_generator_is_refused(
    runner: Processes, tmp_path: Path
) -> None:
    (outcome,) = outcomes_of(runner, function("later"), [order(0, "x")])
    assert outcome.end is End.DONE and (tmp_path / "x").read_text() == "awaited"
    (outcome,) = outcomes_of(runner, function("yields"), [order(1, "y")])
    assert outcome.end is End.FAILED and "the function yields" in outcome.message


def test_global_generators_are_seeded_from_the_jobs_seed_alone(
    runner: Processes, tmp_path: Path
) -> None:
    pytest.importorskip("numpy")
    for name in ("draw", "draw_late"):
        outcomes_of(
            runner,
            function(name),
            [order(k, f"{name}{k}", seed=value) for k, value in enumerate([5, 6 << 64, 5])],
        )
        drawn = [(tmp_path / f"{name}{k}").read_text() for k in range(3)]
        assert drawn[0] == drawn[2] != drawn[1]


def test_numpy_is_seeded_alike_whether_it_was_loaded_before_or_by_the_job(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    drawn = []
    for first in (False, True):
        runner = Processes(project(tmp_path), f"{RUN}{first}", 1)
        try:
            if first:
                outcomes_of(runner, function("draw_late"), [order(0, "other", seed=1)])
            outcomes_of(runner, function("draw_late"), [order(1, "x", seed=3 << 100)])
        finally:
            runner.close()
        drawn.append((tmp_path / "x").read_text())
    assert drawn[0] == drawn[1]


def test_rng_and_seed_come_from_the_order(runner: Processes, tmp_path: Path) -> None:
    for kind in ("random", "numpy"):
        work = function("own", (*OUTPUT, ("rng", "rng", kind), ("seed", "seed", None)))
        outcomes_of(runner, work, [order(k, f"x{k}", seed=3 << 97) for k in range(2)])
        texts = {(tmp_path / f"x{k}").read_text() for k in range(2)}
        assert len(texts) == 1 and texts.pop().endswith(" 3")


def test_the_next_job_finds_all_as_it_was(
    runner: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PWD_WAS", str(tmp_path))
    mask = os.umask(0)
    os.umask(mask)
    (polluted,) = outcomes_of(runner, function("pollute"), [order(0, "x")])
    assert polluted.end is End.DONE, polluted
    assert ("processes", "left 1 process running; ended") in polluted.notes
    assert ("threads", "left 1 thread running: stray") in polluted.notes
    (outcome,) = outcomes_of(runner, function("look"), [order(1, "y")])
    assert (tmp_path / "y").read_text() == f"{tmp_path}|{oct(mask)}|-|True|False|True"
    assert log_of(tmp_path, outcome) == "still here\n"


def test_an_input_that_changes_while_its_job_runs_is_named(
    runner: Processes, tmp_path: Path
) -> None:
    path = tmp_path / "in"
    path.write_text("before")
    one = order(0, "x", items=["in"], checks=[("in", None, None)])
    (outcome,) = outcomes_of(runner, function("overwrite", COPY), [one])
    assert outcome.end is End.CHANGED
    assert outcome.message == "the input in changed while the job ran"
    assert not (tmp_path / "x").exists()
    (outcome,) = outcomes_of(runner, function("overwrite", COPY), [one])
    assert outcome.end is End.DONE  # written again, with the same bytes


def test_an_input_that_is_not_as_it_was_planned_is_digested_anew(
    runner: Processes, tmp_path: Path
) -> None:
    path = tmp_path / "in"
    path.write_text("new")
    one = order(0, "x", items=["in"], checks=[("in", b"s" * 32, b"d" * 16)])
    (outcome,) = outcomes_of(runner, function("copy", COPY), [one])
    assert outcome.end is End.DONE
    assert list(outcome.learned) == [("in", signature(str(path)), digest(str(path)))]


def test_a_missing_input_and_a_fifo_are_no_inputs(runner: Processes, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, said in (("none", "cannot be found"), ("fifo", "is a FIFO")):
        one = order(0, "x", items=[name], checks=[(name, None, None)])
        (outcome,) = outcomes_of(runner, function("copy", COPY), [one])
        assert outcome.end is End.CHANGED and said in outcome.message


def test_a_shared_list_is_sent_and_digested_once(runner: Processes, tmp_path: Path) -> None:
    paths = []
    for k in range(3):
        (tmp_path / f"in{k}").write_text(str(k))
        paths.append(f"in{k}")
    work = function("shapes", (("input", "input", 0), *OUTPUT, ("n", "value", 0)))
    orders = [order(k, f"x{k}", items=[4], checks=[4], values=[k]) for k in range(2)]
    runner.submit(0, Batch(work, orders, {4: (paths, 3 * NOTHING, 3 * NO_DIGEST)}))
    events = events_of(runner, lambda found: len(found) == 2)
    assert all(isinstance(one, Outcome) and one.end is End.DONE for one in events)
    first, second = events
    assert isinstance(first, Outcome) and isinstance(second, Outcome)
    ((number, signs, contents),) = first.lists
    assert number == 4 and len(signs) == 3 * len(NOTHING) and len(contents) == 3 * len(NO_DIGEST)
    assert list(second.lists) == []
    assert "PosixPath('in2')" in (tmp_path / "x1").read_text()


@pytest.mark.parametrize(("margin", "end"), [(-3600, End.DONE), (2.1, End.CHANGED)])
def test_a_known_list_that_changed_before_the_job_is_taken_as_it_is_if_that_is_sure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, margin: float, end: End
) -> None:
    monkeypatch.setattr(Clock, "FOREIGN_NS", int(margin * 1e9))
    runner = Serial(project(tmp_path), RUN)
    try:
        paths = []
        for k in range(3):
            (tmp_path / f"in{k}").write_text(str(k))
            paths.append(f"in{k}")
        full = [str(tmp_path / path) for path in paths]
        known = column(map(signature, full)), b"".join(map(digest, full))
        work = function("shapes", (("input", "input", 0), *OUTPUT, ("n", "value", 0)))
        (tmp_path / "in1").write_text("other")
        one = order(0, "x", items=[4], checks=[4], values=[0])
        runner.submit(0, Batch(work, [one], {4: (paths, *known)}))
        *_, outcome = events_of(runner, lambda found: len(found) == 1)
        assert isinstance(outcome, Outcome) and outcome.end is end, outcome
        if end is End.DONE:
            assert list(outcome.learned) == [("in1", signature(full[1]), digest(full[1]))]
        else:
            assert outcome.message == "the input in1 changed while the job ran"
            assert not (tmp_path / "x").exists()
    finally:
        runner.close()


def test_a_shell_command_writes_to_its_stage_and_reads_an_empty_stdin(
    runner: Processes, tmp_path: Path
) -> None:
    one = order(0, "build/x", words=shell("cat; echo told; echo made | cat > @/build/x"))
    (outcome,) = outcomes_of(runner, command(), [one])
    assert outcome.end is End.DONE
    assert (tmp_path / "build/x").read_text() == "made\n"
    assert log_of(tmp_path, outcome) == "told\n"
    assert outcome.memory > 0


def test_how_a_command_failed_is_said(runner: Processes) -> None:
    for words, said in (
        (shell("false | true"), "exit status 1"),
        (shell("kill -9 $$"), "ended by SIGKILL"),
        (["no-such-tool"], "the command 'no-such-tool' was not found on the PATH"),
        (["./jobs.py"], "cannot start ./jobs.py: Permission denied"),
    ):
        (outcome,) = outcomes_of(runner, command(), [order(0, "x", words=words)])
        assert (outcome.end, outcome.message) == (End.FAILED, said)


def test_a_command_that_made_nothing_has_failed(runner: Processes) -> None:
    (outcome,) = outcomes_of(runner, command(), [order(0, "x", words=shell("true"))])
    assert outcome.end is End.MISSING
    assert outcome.message == "the action did not make x"


def test_a_shell_text_may_be_longer_than_a_word_may_be(runner: Processes, tmp_path: Path) -> None:
    text = "echo $0 > @/x\n" + ": " + "x" * 300_000
    (outcome,) = outcomes_of(runner, command(), [order(0, "x", words=shell(text))])
    assert outcome.end is End.DONE, outcome
    assert (tmp_path / "x").read_text() == "bash\n"
    assert not outcome.notes


def test_words_that_the_system_refuses_are_an_error(runner: Processes) -> None:
    one = order(0, "x", words=["echo", "x" * 300_000])
    (outcome,) = outcomes_of(runner, command("argv"), [one])
    assert outcome.end is End.FAILED and "too long for the operating system" in outcome.message


def test_the_environment_of_an_action(runner: Processes, tmp_path: Path) -> None:
    names = ("PYTHONHASHSEED", "OMP_NUM_THREADS", "MINE", "JOBS_OWN", "FILEFLOW_SEED")
    text = "echo " + " ".join(f"${{{name}:--}}" for name in names) + " > @/x"
    for key, seeded, seen in ((1, True, "0 3 here this 5"), (2, False, "0 3 here this -")):
        work = replace(command(), key=key, cores=3, environ=(("MINE", "here"),), seeded=seeded)
        one = order(0, "x", words=shell(text), seed=5 << 97, extra_env=[("JOBS_OWN", "this")])
        outcomes_of(runner, work, [one])
        assert (tmp_path / "x").read_text() == seen + "\n"


def test_a_function_sees_its_environment_and_leaves_none(runner: Processes, tmp_path: Path) -> None:
    parameters = (*OUTPUT, ("name", "value", 0))
    first = replace(function("show", parameters), environ=(("MINE", "here"),))
    second = replace(function("show", parameters), key=99, seeded=False)
    outcomes_of(runner, first, [order(0, "a", values=["MINE"])])
    outcomes_of(runner, first, [order(0, "b", values=["FILEFLOW_SEED"], seed=7 << 97)])
    outcomes_of(runner, second, [order(1, "c", values=["MINE"])])
    outcomes_of(runner, second, [order(1, "d", values=["FILEFLOW_SEED"])])
    assert [(tmp_path / name).read_text() for name in "abcd"] == ["here", "7", "-", "-"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a subreaper")
def test_a_daemon_that_a_command_leaves_is_ended_before_its_output_is_published(
    runner: Processes, tmp_path: Path
) -> None:
    text = (
        "exec 3> @/x; echo whole >&3; "
        "(setsid bash -c 'sleep 2; echo late >&3; exec -a left-by-test sleep 60' & ) ; sleep 0.1"
    )
    (outcome,) = outcomes_of(runner, command(), [order(0, "x", words=shell(text))])
    assert outcome.end is End.DONE
    assert any(kind == "processes" for kind, _ in outcome.notes)
    outcomes_of(runner, command(), [order(1, "y", words=shell("sleep 2.2; : > @/y"))])
    assert (tmp_path / "x").read_text() == "whole\n"
    assert not is_running("left-by-test")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a subreaper")
def test_a_shell_that_is_ended_with_the_rest_does_not_go_on_with_its_next_line(
    runner: Processes, tmp_path: Path
) -> None:
    text = (
        "exec 3> @/x; echo whole >&3; for k in $(seq 40); do "
        "(setsid bash -c 'sleep 60; echo late >&3' & ) ; done; sleep 0.2"
    )
    (outcome,) = outcomes_of(runner, command(), [order(0, "x", words=shell(text))])
    assert outcome.end is End.DONE
    assert (tmp_path / "x").read_text() == "whole\n"


def test_undeclared_files_in_the_stage_are_thrown_away_with_a_note(
    runner: Processes, tmp_path: Path
) -> None:
    one = order(0, "build/x", words=shell("touch @/build/x @/build/x.tmp elsewhere"))
    (outcome,) = outcomes_of(runner, command(), [one])
    assert list(outcome.notes) == [("thrown away", "build/x.tmp")]
    assert sorted(os.listdir(tmp_path / "build")) == ["x"]
    assert (tmp_path / "elsewhere").exists()
