"""The threads of a fetch: few at first, more while that makes it faster."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from aimodels_fetcher.concurrency import ConcurrencyController
from aimodels_fetcher.job_queue import JobQueue
from aimodels_fetcher.workers import StopWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aimodels_fetcher.errors import TransientError
    from aimodels_fetcher.progress import ByteCounter
    from aimodels_fetcher.workers import Job, Task

    Failed = Callable[[Job, Exception], None]

_BUFFERS = 16 << 20  # bytes of memory, for all threads together
_LARGEST_BUFFER = 1 << 20
_IDLE_SECONDS = 1.0  # until a thread looks again whether it can help another one
_INTERVAL = 0.1  # seconds between two looks at the speed
_GRACE_SECONDS = 0.5  # for threads to end once they must


class _Threads:
    """Threads that do not keep the program from ending."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[threading.Thread] = []

    def start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        with self._lock:
            self._all = [each for each in self._all if each.is_alive()]
            thread.start()
            self._all.append(thread)

    def join(self, seconds: float) -> None:
        """Wait for all of them, but not longer than that."""
        deadline = time.monotonic() + seconds
        with self._lock:
            threads = self._all
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


class WorkerPool:
    """Fetches files on several threads. Runs once.

    Args:
        most: Maximum number of connections.
        counter: Counts the bytes that arrive.
    """

    def __init__(self, most: int, counter: ByteCounter) -> None:
        self.counter = counter
        self._most = most
        self._controller = ConcurrencyController(most)
        self._changed = threading.Condition()  # of what follows, under its lock
        self._queue = JobQueue(iter(()), most)
        self._threads = _Threads()
        self._running = 0
        self._busy = 0
        self._failed: Failed | None = None
        self._failure: BaseException | None = None
        self._over = threading.Event()

    def run(self, jobs: Iterator[Job], failed: Failed | None = None) -> None:
        """Fetch all files, each when a thread has nothing else to do.

        When it returns or raises, no thread asks a server for anything more. A thread that waits
        for a server's answer is left behind; it ends as soon as it has it.

        Args:
            jobs: The files; the iterator is advanced by one thread at a time.
            failed: Called with each job that fails, while the others go on.

        Raises:
            Exception: The first failure, where nobody is to be called.
        """
        self._queue, self._failed = JobQueue(jobs, self._most), failed
        try:
            self._supervise()
        finally:
            self._stop()
        if self._failure:
            raise self._failure

    def start(self, job: Job, task: Callable[[], None]) -> None:
        """Run a task of a job on a thread of its own; if it fails, the job does."""
        self._threads.start(lambda: self._guarded(job, task))

    def wake(self) -> None:
        """Let idle threads look again for something to do."""
        with self._changed:
            self._changed.notify_all()

    def sleep(self, seconds: float) -> None:
        """Wait between two tries.

        Raises:
            StopWorker: The run is over, or there are enough threads without this one.
        """
        if self._running > self._controller.now or self._over.wait(seconds):
            raise StopWorker

    def notice(self, fault: TransientError) -> None:
        """Use fewer connections where that may help; several may fail for one reason."""
        if fault.crowded:
            with self._changed:
                self._controller.crowded()

    def _supervise(self) -> None:
        """Hire threads and look at the speed until all is done, or something has failed."""
        before, queued, then = self.counter.received, self.counter.queued, time.monotonic()
        while True:
            self._hire()
            if self._over.wait(_INTERVAL):
                return
            received, ahead, now = self.counter.received, self.counter.queued, time.monotonic()
            with self._changed:
                if self._busy == self._controller.now:
                    speed = (received - before) / (now - then)
                    self._controller.look(speed, queued=2 * (ahead - queued) > received - before)
            before, queued, then = received, ahead, now

    def _stop(self) -> None:
        self._over.set()
        with self._changed:
            jobs = self._queue.open
            self._changed.notify_all()
        for job in jobs:
            job.abandon()
        self._threads.join(_GRACE_SECONDS)

    def _hire(self) -> None:
        """Start threads up to the level, where others on this machine leave room for them."""
        for _ in range(self._controller.missing(self._running)):
            with self._changed:
                self._running += 1
            self._threads.start(self._work)

    def _work(self) -> None:
        buffer = memoryview(bytearray(min(_LARGEST_BUFFER, _BUFFERS // self._most)))
        try:
            while step := self._next():
                job, task = step
                try:
                    self._guarded(job, partial(task, buffer))
                finally:
                    with self._changed:
                        self._busy -= 1
        except BaseException as error:  # noqa: BLE001 (raised again by `run`)
            self._end(error)

    def _guarded(self, job: Job, task: Callable[[], None]) -> None:
        try:
            task()
        except StopWorker:
            pass
        except BaseException as error:  # noqa: BLE001 (raised again by `run`, or passed on)
            self._fail(job, error)

    def _fail(self, job: Job, error: BaseException) -> None:
        with self._changed:
            if not self._queue.remove(job):
                return
            self._changed.notify_all()
        job.abandon()
        if self._failed is None or not isinstance(error, Exception):
            self._end(error)
            return
        try:
            self._failed(job, error)
        except BaseException as another:  # noqa: BLE001 (raised again by `run`)
            self._end(another)

    def _end(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._over.set()

    def _next(self) -> tuple[Job, Task] | None:
        """Wait for something to do; None where there is nothing more, or not for this thread."""
        with self._changed:
            while self._running <= self._controller.now and not self._over.is_set():
                if step := self._queue.take(self._controller.now):
                    self._busy += 1
                    return step
                if not self._queue.open:
                    if not self._queue.exhausted:
                        continue  # the last one has ended meanwhile, on a thread of its own
                    self._over.set()
                    break
                self._changed.wait(_IDLE_SECONDS)
            self._running -= 1
            return None
