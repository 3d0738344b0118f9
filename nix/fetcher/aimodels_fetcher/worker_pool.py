"""The threads of a fetch: few at first, more while that makes it faster."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from aimodels_fetcher import peer_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aimodels_fetcher.errors import TransientError
    from aimodels_fetcher.parts import Part
    from aimodels_fetcher.progress import Progress

_BUFFERS = 16 << 20  # bytes of memory, for all threads together
_LARGEST_BUFFER = 1 << 20
_IDLE_SECONDS = 1.0  # until a thread looks again whether it can help another one
_FILES_AT_ONCE = 2  # large ones: a file system lets one thread write to a file at a time
_INTERVAL = 0.1  # seconds between two looks at the speed


class Job(Protocol):
    """A file to be fetched."""

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do, for any thread."""

    @property
    def wanting(self) -> bool:
        """Whether there are bytes that no thread is fetching."""

    @property
    def sharers(self) -> int:
        """How many threads are fetching it."""

    def take(self, sharers: int) -> Part | None:
        """Take a part, if there is one to take at the moment."""

    def fetch(self, part: Part, buffer: memoryview) -> None:
        """Fetch a part that was taken, and give back what could not be had."""


class StopWorker(Exception):  # noqa: N818 (a request, and no error)
    """There are more threads than there should be: this one stops, its part goes to another."""


class ConcurrencyController:
    """How many connections there should be.

    Doubled as long as that pays; halved when a server has enough of us.

    Args:
        most: Never more than that.
    """

    _FEW = 2
    _PAYS = 1.1  # times the speed before
    _CHANCES = 20  # looks, in which new connections get going
    _PATIENCE = 100  # looks, until what did not pay is tried again

    def __init__(self, most: int) -> None:
        self.now = min(self._FEW, most)
        self._most = most
        self._before = self.now
        self._speed = 0.0
        self._looks = 0
        self._hold = 0

    def look(self, speed: float) -> None:
        """Decide from the speed since the last look, in bytes a second."""
        if not speed:
            return  # whatever is wrong there, more connections are no answer
        if self._hold:
            self._hold -= 1
            return
        self._looks += 1
        if self.now == self._before or speed > self._speed * self._PAYS:
            self._before, self._speed, self._looks = self.now, speed, 0
            self.now = min(self._most, self.now * 2)
        elif self._looks == self._CHANCES:
            self.now = self._before
            self._hold = self._PATIENCE

    def back_off(self) -> None:
        """Make do with half as many."""
        self.now = self._before = max(1, self.now // 2)
        self._hold = self._PATIENCE


class WorkerPool:
    """Fetches files on several threads.

    Args:
        most: Connections.
        progress: Counts the bytes that arrive.
    """

    def __init__(self, most: int, progress: Progress) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._level = ConcurrencyController(most)
        self._most = most
        self.progress = progress
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self._queue: Iterator[Job] = iter(())
        self._open: list[Job] = []
        self._running = 0
        self._busy = 0
        self._backed_off = 0.0

    def run(self, jobs: Iterator[Job]) -> None:
        """Fetch all files, each when a thread has nothing else to do.

        Raises:
            Exception: The first failure. Other threads may still wait for a server; they end with
                the program.
        """
        self._queue = jobs
        before, then = self.progress.received, time.monotonic()
        while True:
            self._hire()
            if self._over.wait(_INTERVAL):
                break
            received, now = self.progress.received, time.monotonic()
            with self.lock:
                if self._busy == self._level.now:
                    self._level.look((received - before) / (now - then))
            before, then = received, now
        if self._failure:
            raise self._failure

    def start(self, task: Callable[[], None]) -> None:
        """Run a task on a thread of its own; if it fails, the whole fetch does."""

        def guarded() -> None:
            try:
                task()
            except BaseException as error:  # noqa: BLE001 (raised again by `run`)
                self._failure = self._failure or error
                self._over.set()

        threading.Thread(target=guarded, daemon=True).start()

    def sleep(self, seconds: float) -> None:
        """Wait between two tries.

        Raises:
            StopWorker: There are enough threads without this one.
        """
        if self._running > self._level.now:
            raise StopWorker
        time.sleep(seconds)

    def notice(self, fault: TransientError) -> None:
        """Use fewer connections where that may help; several may fail for one reason."""
        with self.lock:
            now = time.monotonic()
            if fault.crowded and now - self._backed_off > 1:
                self._backed_off = now
                self._level.back_off()

    def _hire(self) -> None:
        """Start threads up to the level, where others on this machine leave room for them."""
        missing = self._level.now - self._running
        if missing > 0 and self._running and (others := peer_connections.count()):
            # One by one, since they look for room as well.
            missing = min(1, self._most - self._running - others)
        for _ in range(missing):
            with self.lock:
                self._running += 1
            self.start(self._work)

    def _work(self) -> None:
        buffer = memoryview(bytearray(min(_LARGEST_BUFFER, _BUFFERS // self._most)))
        while step := self._next():
            job, part = step
            try:
                job.fetch(part, buffer)
            except StopWorker:
                pass
            finally:
                with self.lock:
                    self._busy -= 1

    def _next(self) -> tuple[Job, Part] | None:
        """Wait for something to do; None where there is nothing more, or not for this thread."""
        with self.lock:
            while self._running <= self._level.now:
                self._open = [job for job in self._open if not job.finished]
                if (
                    sum(job.wanting for job in self._open) >= _FILES_AT_ONCE
                    or not self._start_next()
                ):
                    if step := self._take():
                        self._busy += 1
                        return step
                    if not self._open:
                        self._over.set()
                        break
                    if not self._start_next():
                        self.changed.wait(_IDLE_SECONDS)
            self._running -= 1
            return None

    def _take(self) -> tuple[Job, Part] | None:
        for job in sorted(self._open, key=lambda job: job.sharers):
            if part := job.take(self._level.now):
                return job, part
        return None

    def _start_next(self) -> bool:
        following = next(self._queue, None) if len(self._open) < self._most else None
        if following:
            self._open.append(following)
        return following is not None
