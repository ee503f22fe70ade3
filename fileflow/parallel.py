"""`parallel_map`: a function over items, on processes or threads, in the order of the items.

Knows nothing of workflows but this: inside a job it takes no more cores than that job has.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from fileflow.cpus import usable_cpus

Item = TypeVar("Item")
Result = TypeVar("Result")
CORES = "FILEFLOW_CORES"


class ItemFailed(Exception):
    """An item for which the function raised; the error itself is its `__cause__`.

    Attributes:
        index: the item's position, from 0.
        item: the item.
        error: what the function raised.
    """

    def __init__(self, index: int, item: object, error: BaseException) -> None:
        super().__init__(f"item {index} ({_short(item)}): {type(error).__name__}: {error}")
        self.index = index
        self.item = item
        self.error = error


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """Whether this is inside a job, and how many cores there are."""

    inside: bool
    cores: int


def _surroundings() -> _Surroundings:
    if threading.current_thread().name.startswith("fileflow-slot"):
        return _Surroundings(True, 1)
    said = os.environ.get(CORES, "")
    if said.isdigit():
        return _Surroundings(True, max(1, int(said)))
    return _Surroundings(False, usable_cpus())


def parallel_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    jobs: int | None = None,
    executor: Literal["process", "thread", "serial"] | None = None,
    on_error: Literal["raise", "collect"] = "raise",
    progress: bool = False,
) -> list[Any]:
    """The results of `function` for all items, in their order.

    Args:
        function: called with one item.
        items: what it is called with; taken as a list first.
        jobs: how many calls at once; by default all cores that may be used. Inside a job never more
            than the job's `cores`.
        executor: `process` (loky; any function that can be pickled by value), `thread` or
            `serial`; by default threads inside a job, else processes.
        on_error: `raise` stops at the first failed item; `collect` puts an `ItemFailed` in the
            place of its result and goes on.
        progress: shows a bar on stderr.

    Raises:
        ItemFailed: with `on_error="raise"`, for the first item (by position, of those that have
            ended) that failed.
        ValueError: for an unknown `executor` or `on_error`.
    """
    if on_error not in ("raise", "collect"):
        raise ValueError(f"on_error is 'raise' or 'collect', not {on_error!r}")
    here = _surroundings()
    kind = executor or ("thread" if here.inside else "process")
    todo = list(items)
    count = min(jobs or here.cores, max(1, len(todo)))
    if here.inside:
        count = min(count, here.cores)
    if count < 1:
        raise ValueError("jobs is at least 1")
    if kind not in ("process", "thread", "serial"):
        raise ValueError(f"executor is 'process', 'thread' or 'serial', not {kind!r}")
    with _bar(len(todo), progress) as step:
        if kind == "serial" or (count == 1 and kind == "thread"):
            return _one_by_one(function, todo, on_error, step)
        pool: Executor
        if kind == "thread":
            pool = ThreadPoolExecutor(count)
        else:
            from loky.process_executor import ProcessPoolExecutor

            pool = ProcessPoolExecutor(count)
        try:
            return _on_pool(pool, function, todo, on_error, step)
        finally:
            pool.shutdown(wait=True, cancel_futures=True) if kind == "thread" else pool.shutdown()


def _one_by_one(
    function: Callable[[Item], Result],
    items: list[Item],
    on_error: str,
    step: Callable[[], None],
) -> list[Any]:
    out: list[Any] = []
    for index, item in enumerate(items):
        try:
            out.append(function(item))
        except Exception as error:
            failed = ItemFailed(index, item, error)
            if on_error == "raise":
                raise failed from error
            failed.__cause__ = error
            out.append(failed)
        step()
    return out


def _on_pool(
    pool: Executor,
    function: Callable[[Item], Result],
    items: list[Item],
    on_error: str,
    step: Callable[[], None],
) -> list[Any]:
    futures: list[Future[Result]] = [pool.submit(function, item) for item in items]
    index_of = {future: index for index, future in enumerate(futures)}
    out: list[Any] = [None] * len(items)
    for future in as_completed(futures):
        index = index_of[future]
        error = future.exception()
        if error is None:
            out[index] = future.result()
        else:
            failed = ItemFailed(index, items[index], error)
            failed.__cause__ = error
            if on_error == "raise":
                for other in futures:
                    other.cancel()
                raise failed from error
            out[index] = failed
        step()
    return out


@contextmanager
def _bar(total: int, wanted: bool) -> Iterator[Callable[[], None]]:
    if not wanted:
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(total=total) as bar:

        def step() -> None:
            bar.update()

        yield step


def _short(item: object) -> str:
    text = repr(item)
    return text if len(text) <= 60 else text[:57] + "…"
