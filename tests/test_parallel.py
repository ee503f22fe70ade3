"""`parallel_map`: order, errors, cores; in scripts, with lambdas, inside jobs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fileflow import ItemFailed, parallel_map
from fileflow.cpus import CORES_VARIABLE, cores_of_job
from fileflow.errors import Stopped

ROOT = Path(__file__).parent.parent
KINDS: list[Any] = ["process", "thread", "serial"]


class Odd(Exception):
    """Cannot be pickled: it cannot be made from its message."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 7, 1000])
def test_results_come_in_the_order_of_the_items(kind: Any, count: int) -> None:
    add = 3

    def slowest_first(n: int) -> int:
        time.sleep(0.02 if n == 0 else 0)
        return n + add

    found = parallel_map(slowest_first, iter(range(count)), jobs=2, executor=kind)
    assert found == [n + 3 for n in range(count)]


def test_auto_is_what_is_meant_without_a_word() -> None:
    assert parallel_map(lambda _: os.getpid(), range(2), executor="auto")[0] != os.getpid()
    token = cores_of_job.set(2)
    try:
        assert parallel_map(lambda _: os.getpid(), range(2), executor="auto") == [os.getpid()] * 2
    finally:
        cores_of_job.reset(token)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_names_the_item(kind: Any) -> None:
    def half(n: int) -> float:
        if n == 3:
            raise ValueError("odd")
        return n / 2

    with pytest.raises(ItemFailed, match=r"item 2 \(3\): ValueError: odd") as caught:
        parallel_map(half, [2, 4, 3, 6], jobs=1, executor=kind)
    assert (caught.value.index, caught.value.item) == (2, 3)
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [4, 400])
def test_errors_may_be_collected(kind: Any, count: int) -> None:
    def pick(n: int) -> int:
        if n == 1:
            raise Odd(n, n)
        return n

    found = parallel_map(pick, range(count), jobs=2, executor=kind, on_error="collect")
    failed = found.pop(1)
    assert found == [0, *range(2, count)]
    assert isinstance(failed, ItemFailed) and failed.index == 1 and "1 and 1" in str(failed)


def test_of_those_that_have_failed_the_first_is_told() -> None:
    gate = threading.Barrier(4)

    def fail(n: int) -> None:
        gate.wait(10)
        raise ValueError(str(n))

    with pytest.raises(ItemFailed) as caught:
        parallel_map(fail, range(4), jobs=4, executor="thread")
    assert str(caught.value.error) == str(caught.value.index)


def test_a_result_that_cannot_come_back_is_the_error_of_its_item() -> None:
    def make(n: int) -> object:
        return threading.Lock() if n == 5 else n

    found = parallel_map(make, range(400), jobs=2, executor="process", on_error="collect")
    assert isinstance(found[5], ItemFailed)
    assert [one for n, one in enumerate(found) if n != 5] == [n for n in range(400) if n != 5]


def test_a_worker_that_dies_ends_the_map() -> None:
    def leave(n: int) -> int:
        if n == 2:
            os._exit(7)
        return n

    with pytest.raises(ItemFailed):
        parallel_map(leave, range(4), jobs=2, executor="process")


@pytest.mark.parametrize(("count", "jobs"), [(40, 1), (40, 2), (400, 2)])
def test_of_workers_that_die_only_their_items_fail(tmp_path: Path, count: int, jobs: int) -> None:
    deadly = (7, 30)

    def leave(n: int) -> Any:
        with (tmp_path / str(n)).open("a") as began:
            began.write("x")
        if n in deadly:
            os._exit(7)
        return lambda: n  # no pickle by name

    found = parallel_map(leave, range(count), jobs=jobs, executor="process", on_error="collect")
    failed = [one for one in found if isinstance(one, ItemFailed)]
    assert [one.index for one in failed] == list(deadly)
    assert "TerminatedWorkerError" in str(failed[0])
    assert [one() for one in found if one not in failed] == [
        n for n in range(count) if n not in deadly
    ]
    again = [n for n in range(count) if (tmp_path / str(n)).read_text() != "x"]
    if jobs == 1:
        assert again == []  # the one that was under way is the one that kills
    else:
        assert len(again) <= len(deadly) * jobs


def test_if_every_item_kills_its_worker_every_item_fails() -> None:
    found = parallel_map(
        lambda _: os._exit(1), range(6), jobs=2, executor="process", on_error="collect"
    )
    assert [one.index for one in found] == list(range(6))


class Unfit:
    """Cannot be made again where it arrives, if its number is 3, nor leave, if it is 5."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> Any:
        if self.number == 5:
            raise ValueError("stays here")
        return int, ("x" if self.number == 3 else str(self.number),)


@pytest.mark.parametrize("count", [8, 80])
def test_items_that_cannot_be_handed_over_fail_alone(count: int) -> None:
    found = parallel_map(
        int.bit_length,  # type: ignore[arg-type]
        [Unfit(n) for n in range(count)],
        jobs=2,
        executor="process",
        on_error="collect",
    )
    assert [n for n, one in enumerate(found) if isinstance(one, ItemFailed)] == [3, 5]
    assert found[6:] == [n.bit_length() for n in range(6, count)]


@pytest.mark.parametrize("kind", [*KINDS, "async"])
def test_an_item_that_would_leave_has_failed(kind: Any) -> None:
    def leave(n: int) -> int:
        return sys.exit(3) if n == 1 else n

    async def leave_later(n: int) -> int:
        return leave(n)

    function: Any = leave_later if kind == "async" else leave
    found = parallel_map(function, range(3), executor=kind, on_error="collect")
    assert (found[0], found[2]) == (0, 2)
    assert isinstance(found[1], ItemFailed) and isinstance(found[1].error, SystemExit)
    with pytest.raises(ItemFailed, match="item 1"):
        parallel_map(function, range(3), executor=kind)


class Mute(Exception):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class Own(BaseException):
    """No `Exception`."""


@pytest.mark.parametrize("kind", [*KINDS, "async"])
def test_what_cannot_be_shown_is_an_error_of_its_item_all_the_same(kind: Any) -> None:
    def fail(item: object) -> None:
        raise Mute if item == 1 else ValueError("odd")

    async def fail_later(item: object) -> None:
        fail(item)

    function: Any = fail_later if kind == "async" else fail
    found = parallel_map(function, [1, Mute()], executor=kind, on_error="collect")
    assert str(found[0]).endswith("item 0 (1): Mute")
    assert str(found[1]) == "item 1 (a Mute, whose repr fails): ValueError: odd"
    with pytest.raises(ItemFailed, match=r"item . .1.: Mute"):
        parallel_map(function, [1, 1], executor=kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [GeneratorExit, asyncio.CancelledError, Own])
def test_what_is_no_exception_fails_its_item_too(
    tmp_path: Path, kind: Any, error: type[BaseException]
) -> None:
    def fail(n: int) -> int:
        with (tmp_path / "calls").open("a") as calls:
            calls.write(".")
        if n == 1:
            raise error
        return n

    found = parallel_map(fail, range(70), jobs=2, executor=kind, on_error="collect")
    assert isinstance(found[1].error, error) and found[2:] == list(range(2, 70))
    assert (tmp_path / "calls").read_text() == "." * 70
    with pytest.raises(ItemFailed, match="item 1"):
        parallel_map(fail, range(3), executor=kind)


def test_who_interrupts_a_map_in_this_thread_ends_it() -> None:
    for error in (KeyboardInterrupt, Stopped):

        def fail(_: int) -> None:
            raise error  # noqa: B023

        with pytest.raises(error):
            parallel_map(fail, range(3), executor="serial", on_error="collect")


def test_an_error_does_not_wait_for_all_items() -> None:
    def work(n: int) -> None:
        if n == 0:
            raise ValueError
        time.sleep(0.5)

    began = time.monotonic()
    for kind in ("thread", "process"):
        with pytest.raises(ItemFailed):
            parallel_map(work, range(100), jobs=2, executor=kind)  # type: ignore[arg-type]
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"jobs": 0}, "jobs is a whole number, at least 1, not 0"),
        ({"jobs": "2"}, "jobs is a whole number, at least 1, not '2'"),
        (
            {"executor": "slurm"},
            "executor is 'process', 'thread', 'serial', 'async' or 'auto', not 'slurm'",
        ),
        ({"on_error": "ignore"}, "on_error is 'raise' or 'collect', not 'ignore'"),
    ],
)
def test_wrong_arguments_are_errors(said: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        parallel_map(str, [1], **said)


class Waiting:
    """Counts calls that wait at the same time."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.pids: set[int] = set()

    async def __call__(self, n: int) -> int:
        self.pids.add(os.getpid())
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.02 if n == 0 else 0.001)
        self.now -= 1
        if n % 7 == 6:
            raise Odd(n, 0)
        return n * n


@pytest.mark.parametrize("said", [{}, {"executor": "async"}, {"executor": "auto", "jobs": 3}])
def test_async_functions_wait_together_on_a_loop(said: dict[str, Any]) -> None:
    waiting = Waiting()

    async def square(n: int) -> int:
        return await waiting(n)

    assert parallel_map(square, range(6), **said) == [0, 1, 4, 9, 16, 25]
    assert (waiting.most, waiting.pids) == (said.get("jobs", 6), {os.getpid()})
    found = parallel_map(square, range(20), on_error="collect", **said)
    assert [n for n in range(20) if isinstance(found[n], ItemFailed)] == [6, 13]
    assert found[19] == 361
    with pytest.raises(ItemFailed, match="item 6"):
        parallel_map(square, range(20), jobs=1)


@pytest.mark.parametrize("kind", KINDS)
def test_async_functions_run_on_other_executors(kind: Any) -> None:
    async def square(n: int) -> int:
        await asyncio.sleep(0)
        return n * n

    async def around() -> list[int]:
        return parallel_map(square, range(4), jobs=2, executor=kind)

    assert parallel_map(square, range(4), jobs=2, executor=kind) == [0, 1, 4, 9]
    assert asyncio.run(around()) == [0, 1, 4, 9]


def test_a_loop_can_run_beside_the_one_of_the_caller() -> None:
    async def square(n: int) -> int:
        await asyncio.sleep(0)
        return n * n

    async def around() -> list[int]:
        return parallel_map(square, range(4))

    assert asyncio.run(around()) == [0, 1, 4, 9]
    assert parallel_map(lambda n: n + 1, range(4), executor="async") == [1, 2, 3, 4]


def most_at_once(**said: Any) -> tuple[int, set[str]]:
    """How many calls ran at once, and in which threads."""
    lock = threading.Lock()
    now: list[int] = []
    peaks: list[int] = []

    def call(n: int) -> str:
        with lock:
            now.append(n)
            peaks.append(len(now))
        time.sleep(0.05)
        with lock:
            now.remove(n)
        return threading.current_thread().name

    names = parallel_map(call, range(8), **said)
    return max(peaks), set(names)


def test_inside_a_job_threads_are_meant_and_its_cores_are_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CORES_VARIABLE, "3")
    assert most_at_once()[0] == 3
    assert most_at_once(jobs=2)[0] == 2
    assert most_at_once(jobs=8)[0] == 3
    token = cores_of_job.set(1)
    try:
        assert most_at_once() == (1, {threading.current_thread().name})
    finally:
        cores_of_job.reset(token)


@pytest.mark.parametrize("kind", ["process", "thread"])
def test_a_map_inside_a_map_takes_one_core(kind: Any) -> None:
    def inner(_: int) -> int:
        return len(set(parallel_map(lambda _: threading.get_ident(), range(4))))

    assert parallel_map(inner, range(3), jobs=2, executor=kind) == [1, 1, 1]


def test_progress_is_shown_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    parallel_map(str, range(5), executor="serial", progress=True)
    shown = capsys.readouterr()
    assert "5/5" in shown.err and not shown.out


SCRIPT = """\
from fileflow import parallel_map

OFFSET = 5


def shift(n):
    return n + OFFSET


def main():
    scale = 3
    print(parallel_map(shift, range(4), jobs=2, executor="process"))
    print(parallel_map(lambda n: shift(n) * scale, range(4), jobs=2))


main()
"""


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = run_python(tmp_path, "script.py")
    assert done.stdout.splitlines() == ["[5, 6, 7, 8]", "[15, 18, 21, 24]"], done.stderr


def run_python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: v for name, v in os.environ.items() if not name.startswith("FILEFLOW_")}
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


STEPS = """\
import os
import threading

from fileflow import parallel_map


def make(output, cores):
    seen = set()
    gate = threading.Barrier(min(cores, 2))

    def call(n):
        gate.wait(10)
        seen.add(threading.get_ident())
        return n * n

    squares = parallel_map(call, range(4))
    output.write_text(f"{squares} {len(seen)}")


def spread(output):
    own = os.getpid()
    pids = parallel_map(lambda _: os.getpid(), range(4), executor="process")
    output.write_text(str(own not in pids and len(set(pids)) <= 2))


async def later(output):
    output.write_text(str(len(set(parallel_map(lambda _: threading.get_ident(), range(4))))))
"""

WORKFLOW = """\
rules:
  all: {input: [a.txt, b.txt, c.txt, d.txt]}
  one: {output: a.txt, run: 'steps:make', cores: 1}
  two: {output: b.txt, run: 'steps:make', cores: 2}
  spread: {output: c.txt, run: 'steps:spread', cores: 2}
  later: {output: d.txt, run: 'steps:later'}
  command: {output: e.txt, cores: 2, shell: 'echo $FILEFLOW_CORES > {output}'}
"""


@pytest.mark.parametrize("kind", ["process", "thread", "serial"])
def test_inside_a_job_of_any_executor(tmp_path: Path, kind: str) -> None:
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "Workflowfile").write_text(WORKFLOW)
    done = run_python(tmp_path, "-m", "fileflow", "-j", "2", "--executor", kind, "all", "command")
    assert done.returncode == 0, done.stderr
    read: Callable[[str], str] = lambda name: (tmp_path / name).read_text()  # noqa: E731
    assert read("a.txt") == "[0, 1, 4, 9] 1"
    assert read("b.txt") == "[0, 1, 4, 9] 2"
    assert read("c.txt") == "True"
    assert read("d.txt") == "1"
    assert read("e.txt") == "2\n"
