"""`parallel_map`: a function over items, on processes, threads or an event loop, in their order.

Knows nothing of workflows but this: inside a job it takes no more cores than that job has.
"""

from __future__ import annotations

import inspect
import os
import pickle
import traceback
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ThreadPoolExecutor,
    as_completed,
)
from contextlib import contextmanager, nullcontext, suppress
from contextvars import copy_context
from functools import partial
from io import RawIOBase
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeVar

from fileflow.cpus import CORES_VARIABLE, cores_of_job, usable_cpus
from fileflow.errors import Stopped, shortened
from fileflow.streams import open_streams, refuse_daemonic

Item = TypeVar("Item")
Result = TypeVar("Result")
# Items go to processes in chunks of at most so many, at least so many chunks for each process.
_LARGEST_CHUNK = 64
_CHUNKS_EACH = 16
_AT_ONCE = 256  # calls of an `async def` function, if nobody says how many
_EXECUTORS = ("process", "thread", "serial", "async", "auto")
_Told = tuple[Any, BaseException | None, str]


class ItemFailed(Exception):
    """An item for which the function raised; the error itself is its `__cause__`.

    Attributes:
        index: the item's position, from 0.
        item: the item.
        error: what the function raised.
    """

    def __init__(self, index: int, item: object, error: BaseException) -> None:
        super().__init__(f"item {index} ({_short(item)}): {_said(error)}")
        self.index = index
        self.item = item
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.index, self.item, self.error)


class _RemoteTraceback(Exception):
    """Where the function raised, in another process: its text."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _cores_here() -> int | None:
    """The cores of the job that this is part of; None outside of jobs."""
    cores = cores_of_job.get()
    if cores is None:
        said = os.environ.get(CORES_VARIABLE, "")
        cores = int(said) if said.isdigit() else None
    return None if cores is None else max(1, cores)


def parallel_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    jobs: int | None = None,
    executor: Literal["process", "thread", "serial", "async", "auto"] | None = None,
    on_error: Literal["raise", "collect"] = "raise",
    progress: bool = False,
) -> list[Any]:
    """The results of `function` for all items, in their order.

    Args:
        function: called with one item; also an `async def`.
        items: what it is called with; taken as a list first.
        jobs: how many calls at once; by default all cores that may be used, and 256 on an event
            loop. Inside a job never more than the job's `cores`, and inside one of these calls one;
            but calls on an event loop take no cores.
        executor: `process` (loky; lambdas, closures and functions of `__main__` too), `thread`,
            `serial` or `async`. By default, and with `auto`, and with `async` for a plain function:
            threads inside a job, else processes; but an `async def` runs on an event loop.
        on_error: `raise` stops at the first failed item; `collect` puts an `ItemFailed` in the
            place of its result and goes on.
        progress: shows a bar on stderr.

    Raises:
        ItemFailed: with `on_error="raise"`, for the first item (by position, of those that have
            ended) that failed.
        FileflowError: where processes are meant and this one may start none.
        ValueError: for an unknown `executor` or `on_error`, or fewer than one of `jobs`.
    """
    if on_error not in ("raise", "collect"):
        raise ValueError(f"on_error is 'raise' or 'collect', not {on_error!r}")
    if executor is not None and executor not in _EXECUTORS:
        *others, last = map(repr, _EXECUTORS)
        raise ValueError(f"executor is {', '.join(others)} or {last}, not {executor!r}")
    if jobs is not None and (not isinstance(jobs, int) or jobs < 1):
        raise ValueError(f"jobs is a whole number, at least 1, not {jobs!r}")
    cores = _cores_here()
    is_async = inspect.iscoroutinefunction(function)
    kind = executor or "auto"
    if kind in ("auto", "async"):
        kind = "async" if is_async else "process" if cores is None else "thread"
    elif is_async:
        function = partial(_awaited, function)
    todo = list(items)
    count = min(jobs or cores or usable_cpus(), cores or len(todo), len(todo))
    with _bar(len(todo), progress) as step:
        take = _Results(todo, on_error, step)
        if kind == "async":
            _on_a_loop(function, take, jobs or _AT_ONCE)
        elif kind == "serial" or (kind == "thread" and count == 1) or not todo:
            _one_by_one(function, take)
        elif kind == "thread":
            _in_threads(function, take, count)
        else:
            refuse_daemonic("write executor='thread' or 'serial'")
            with open_streams():
                _in_processes(function, take, count)
    return take.results


class _Results:
    """What came out so far, by position."""

    def __init__(self, items: list[Any], on_error: str, step: Callable[[], None]) -> None:
        self.items = items
        self.results: list[Any] = [None] * len(items)
        self.goes_on = on_error == "collect"
        self._step = step

    def good(self, index: int, result: object) -> None:
        """An item has its result."""
        self.results[index] = result
        self._step()

    def bad(self, index: int, error: BaseException) -> None:
        """An item failed.

        Raises:
            ItemFailed: if that ends it all.
        """
        failed = ItemFailed(index, self.items[index], error)
        if not self.goes_on:
            raise failed from error
        failed.__cause__ = error
        self.results[index] = failed
        self._step()


def _one_by_one(function: Callable[[Any], Any], take: _Results) -> None:
    for index, item in enumerate(take.items):
        try:
            result = function(item)
        except (KeyboardInterrupt, Stopped):  # it is not the item that ends here
            raise
        except BaseException as error:
            take.bad(index, error)
        else:
            take.good(index, result)


def _in_threads(function: Callable[[Any], Any], take: _Results, count: int) -> None:
    def call(item: Any) -> Any:
        cores_of_job.set(1)
        return function(item)

    pool = ThreadPoolExecutor(count)
    try:
        # What the caller's context says holds in the threads too, such as whose prints these are.
        futures = [pool.submit(copy_context().run, call, item) for item in take.items]
        for index in _as_they_end(futures):
            error = futures[index].exception()
            if error is None:
                take.good(index, futures[index].result())
            else:
                take.bad(index, error)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _awaited(function: Callable[[Any], Any], item: Any) -> Any:
    return _run(lambda: function(item))


def _run(begin: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What a coroutine returns, from a loop of its own: in a thread where one runs here already."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(begin())
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_context().run, lambda: asyncio.run(begin())).result()


def _on_a_loop(function: Callable[[Any], Any], take: _Results, at_once: int) -> None:
    import asyncio

    left = iter(enumerate(take.items))

    async def some() -> None:
        cores_of_job.set(1)
        for index, item in left:
            try:
                result = await function(item)
            except (Exception, SystemExit) as error:
                take.bad(index, error)
            else:
                take.good(index, result)

    async def everything() -> None:
        workers = [asyncio.ensure_future(some()) for _ in range(min(at_once, len(take.items)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    _run(everything)


def _in_processes(function: Callable[[Any], Any], take: _Results, count: int) -> None:
    from loky.process_executor import TerminatedWorkerError

    size = max(1, min(_LARGEST_CHUNK, len(take.items) // (_CHUNKS_EACH * count)))
    starts = range(0, len(take.items), size)
    waiting = [range(at, min(at + size, len(take.items))) for at in starts]
    with TemporaryDirectory(prefix="fileflow-") if take.goes_on else nullcontext() as notes:
        while waiting:
            under_way, waiting, broke = _in_a_pool(function, take, waiting, count, notes)
            if broke is None:
                continue
            died = isinstance(broke, TerminatedWorkerError)
            if len(under_way) == 1 and died:
                take.bad(under_way[0], broke)
                continue
            if waiting and not (under_way and died):  # perhaps an item cannot even be handed over
                under_way += waiting.pop(waiting.index(min(waiting, key=lambda one: one.start)))
            for index in under_way:
                alone = [range(index, index + 1)]
                *again, broke = _in_a_pool(function, take, alone, 1, notes)
                if broke is not None and any(again):
                    take.bad(index, broke)


def _in_a_pool(
    function: Callable[[Any], Any],
    take: _Results,
    chunks: list[range],
    count: int,
    notes: str | None,
) -> tuple[list[int], list[range], BaseException | None]:
    """Takes what comes out of chunks of items; what is left, and why the pool broke if it did.

    Left are the items that were under way when it broke, and the chunks that are to be done yet.
    Without a folder for `notes` a pool that breaks is the failure of an item.
    """
    from loky.process_executor import ProcessPoolExecutor

    pool = ProcessPoolExecutor(count, initializer=_become_worker)
    under_way: list[int] = []
    unknown: list[range] = []
    left: list[range] = []
    broke = None
    well = False
    try:
        futures = []
        for chunk in chunks:
            items = take.items[chunk.start : chunk.stop]
            futures.append(_submitted(pool, _call_each, function, items, _note(notes, chunk)))
        for number in _as_they_end(futures):
            chunk = chunks[number]
            error = futures[number].exception()
            if error is None:
                for index, told in zip(chunk, futures[number].result(), strict=True):
                    _take(take, index, told)
                if notes:
                    os.unlink(_note(notes, chunk))
            elif notes and isinstance(error, BrokenExecutor):
                broke = error
                unknown.append(chunk)
            elif len(chunk) > 1 and not isinstance(error, BrokenExecutor):
                # Something in it cannot be pickled: each of its items tells for itself.
                left += [range(index, index + 1) for index in chunk]
            else:
                take.bad(chunk.start, error)
        well = True
    finally:
        pool.shutdown(wait=True, kill_workers=not well)
    # Only now nobody writes any more.
    for chunk in unknown:
        noted = _noted(_note(notes, chunk))
        for index, known in zip(chunk, noted or (), strict=False):
            if known is not None:
                _take(take, index, known)
            else:
                left.append(range(index, index + 1))
        if noted is None:
            left.append(chunk)
        else:
            under_way += chunk[len(noted) :][:1]
            left += filter(len, [chunk[len(noted) + 1 :]])
    return under_way, left, broke


def _note(notes: str | None, chunk: range) -> str:
    return os.path.join(notes, f"{chunk.start}-{chunk.stop}") if notes else ""


def _submitted(pool: Executor, *call: Any) -> Future[list[_Told]]:
    """What comes of a call, also if the pool has broken before it could take it."""
    try:
        return pool.submit(*call)
    except BrokenExecutor as error:
        failed: Future[list[_Told]] = Future()
        failed.set_exception(error)
        return failed


def _take(take: _Results, index: int, told: _Told) -> None:
    value, raised, trace = told
    if raised is None:
        take.good(index, value)
    else:
        raised.__cause__ = _RemoteTraceback(trace)
        take.bad(index, raised)


def _call_each(function: Callable[[Any], Any], items: list[Any], note: str) -> list[_Told]:
    """In a worker: the result, or the error with its traceback, for each item.

    What came out is also written to the file `note`, one after the other, should the worker die.
    """
    told: list[_Told] = []
    with open(note, "wb", buffering=0) if note else nullcontext() as file:
        for item in items:
            try:
                told.append((function(item), None, ""))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                told.append((None, _that_can_travel(error), traceback.format_exc()))
            if file is not None and not _wrote(file, _as_bytes(told[-1])):
                file = None
    return told


def _wrote(file: RawIOBase, data: bytes) -> bool:
    try:
        return file.write(data) == len(data)
    except OSError:
        return False


def _as_bytes(told: _Told) -> bytes:
    for dumps in (pickle.dumps, _loky_dumps):  # the first takes a tenth of the time
        with suppress(Exception):
            return bytes(dumps(told))
    return pickle.dumps(None)  # the chunk's own way back will tell why


def _loky_dumps(told: _Told) -> bytes:
    from loky.backend.reduction import dumps

    return bytes(dumps(told))


def _noted(note: str) -> list[_Told | None] | None:
    """What had come out, item by item, in a worker that died; None if it had not begun."""
    found: list[_Told | None] = []
    try:
        with open(note, "rb") as file:
            while True:
                found.append(pickle.load(file))
    except FileNotFoundError:
        return None
    except Exception:  # the end, or torn
        return found


def _that_can_travel(error: BaseException) -> BaseException:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(_said(error))
    return error


def _become_worker() -> None:
    os.environ[CORES_VARIABLE] = "1"


def _as_they_end(futures: list[Future[Any]]) -> Iterator[int]:
    """Positions of futures as they end; of those that have ended, one that failed comes first."""
    position = {future: index for index, future in enumerate(futures)}
    told: set[int] = set()
    for future in as_completed(futures):
        index = position[future]
        if index not in told and future.exception() is not None:
            index = next(k for k in range(index + 1) if k not in told and _has_failed(futures[k]))
            told.add(index)
            yield index
            index = position[future]
        if index not in told:
            told.add(index)
            yield index


def _has_failed(future: Future[Any]) -> bool:
    return future.done() and future.exception() is not None


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


def _said(error: BaseException) -> str:
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    except Exception:  # it cannot even say what it is
        return name


def _short(item: object) -> str:
    try:
        return shortened(repr(item))
    except Exception:
        return f"a {type(item).__name__}, whose repr fails"
