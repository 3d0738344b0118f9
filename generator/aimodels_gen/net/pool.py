"""A bounded pool of threads for work that waits on the network."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

_AHEAD = 16  # calls for each thread; a call that waits takes 2 kB, and there may be 100,000


class RequestPool:
    """Runs calls on at most `jobs` threads: the bound on the requests of a run.

    The threads are daemons: on Ctrl-C the caller leaves at once and none of them is waited for,
    which the standard executors do not offer. A call must not wait for another one of the pool.
    """

    def __init__(self, jobs: int) -> None:
        """Start no thread yet."""
        self._jobs = jobs
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads = 0

    def submit(self, call: Callable[..., T], *arguments: Any) -> Future[T]:  # noqa: ANN401 - the call's
        """Run a call when a thread is free; return its result to be."""
        future: Future[T] = Future()
        self._calls.put((future, lambda: call(*arguments)))
        if self._threads < self._jobs:
            self._threads += 1
            threading.Thread(target=self._work, daemon=True).start()
        return future

    def in_order(self, calls: Iterable[Callable[[], T]]) -> Iterator[Future[T]]:
        """Yield the results to be of many calls, in their order; few of them are ahead."""
        waiting: deque[Future[T]] = deque()
        try:
            for call in calls:
                waiting.append(self.submit(call))
                if len(waiting) > _AHEAD * self._jobs:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """Begin no further call."""
        while not self._calls.empty():
            if item := self._calls.get():
                item[0].cancel()
        for _ in range(self._threads):
            self._calls.put(None)

    def _work(self) -> None:
        while item := self._calls.get():
            future, call = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                future.set_exception(error)


def results(futures: Iterable[Future[T]]) -> list[T]:
    """Return the results of calls that belong together, in order.

    Raises:
        Exception: what the first of them raised; those that have not begun are cancelled.
    """
    waiting = list(futures)
    try:
        return [future.result() for future in waiting]
    except BaseException:
        for future in waiting:
            future.cancel()
        raise


def following(futures: Iterator[Future[T]], count: int) -> Iterator[T]:
    """Yield the results of the next calls of `in_order`, which belong together.

    Raises:
        Exception: what the first of them raised; the others of these are cancelled.
    """
    for number in range(count):
        try:
            yield next(futures).result()
        except BaseException:  # noqa: PERF203 - each may fail
            # None are left where the interrupt has ended `futures` itself.
            for future in islice(futures, count - number - 1):
                future.cancel()
            raise
