"""A bounded pool of threads for work that waits on the network."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from aimodels_gen.errors import AimodelsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
R = TypeVar("R")


def run_all(
    work: Callable[[T], R],
    items: Sequence[T],
    jobs: int,
    done: Callable[[int], None] = lambda _: None,
) -> list[R | AimodelsError]:
    """Return what `work` makes of each item, in order, with at most `jobs` at a time.

    An `AimodelsError` is a result like any other, so that every failure can be reported. `done`
    is called in the caller's thread with the number of finished items.

    The threads are daemons: on Ctrl-C the caller leaves at once and none of them is waited for,
    which the standard executors do not offer.

    Raises:
        BaseException: whatever else `work` raises, as soon as it does.
    """
    todo: SimpleQueue[int] = SimpleQueue()
    for index in range(len(items)):
        todo.put(index)
    finished: SimpleQueue[tuple[int, R | BaseException]] = SimpleQueue()
    stopped = threading.Event()

    def worker() -> None:
        with suppress(Empty):
            while not stopped.is_set():
                index = todo.get_nowait()
                try:
                    finished.put((index, work(items[index])))
                except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                    finished.put((index, error))

    for _ in range(min(jobs, len(items))):
        threading.Thread(target=worker, daemon=True).start()
    try:
        return _collect(finished, len(items), done)
    finally:
        stopped.set()


def _collect(
    finished: SimpleQueue[tuple[int, R | BaseException]], total: int, done: Callable[[int], None]
) -> list[R | AimodelsError]:
    results: dict[int, R | AimodelsError] = {}
    while len(results) < total:
        index, result = finished.get()
        if isinstance(result, BaseException) and not isinstance(result, AimodelsError):
            raise result
        results[index] = result
        done(len(results))
    return [results[index] for index in range(total)]
