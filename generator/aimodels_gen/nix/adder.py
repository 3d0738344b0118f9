"""Adding files to the store while others are downloaded."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_gen.errors import AimodelsError
from aimodels_gen.nix import store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from aimodels_gen.nix.store import Kind

# Of one call of Nix, which costs more than small files do.
_BATCH_BYTES = 64 << 20
_BATCH_FILES = 200
# For how much a call is worth it while others may come; and how long it waits for them.
_ENOUGH_BYTES = 16 << 20
_ENOUGH_FILES = 100
_PATIENCE = 0.5  # seconds
_MOST_BYTES = 2 << 30  # that wait: they are on disk until the store has its own copy
_MOST_THREADS = 4  # each has a Nix that hashes
_GRACE_SECONDS = 2.0  # for Nix to end after an interrupt


@dataclass(frozen=True)
class Addition:
    """A file or tree that is to be added to the store under its own name.

    Attributes:
        sri: its hash.
        size: in bytes.
        check: called before; what it raises is why this one is not added.
    """

    path: Path
    sri: str
    size: int
    kind: Kind = "flat"
    check: Callable[[], None] | None = None


class Adder:
    """Adds to the store what it is handed, many at a time, on threads of its own.

    At the end of the block all is there, unless the block is interrupted.
    """

    def __init__(
        self,
        added: Callable[[Sequence[Addition]], None],
        refused: Callable[[Addition, AimodelsError], None] | None = None,
    ) -> None:
        """Call `added` with what the store has now, `refused` with what fails its check.

        Both are called by one thread at a time.
        """
        self._added = added
        self._refused = refused
        self._changed = threading.Condition()  # of what follows, under its lock
        self._waiting: deque[Addition] = deque()
        self._bytes = 0  # that wait or are being added
        self._since = 0.0  # when the first of those that wait came
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closing = False
        self._failure: BaseException | None = None
        self._telling = threading.Lock()

    def put(self, addition: Addition) -> None:
        """Hand over one; wait while too much waits.

        Raises:
            StoreError: the store failed meanwhile.
        """
        with self._changed:
            while self._bytes and self._bytes + addition.size > _MOST_BYTES and not self._failure:
                self._changed.wait()
            if self._failure:
                raise self._failure
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting.append(addition)
            self._bytes += addition.size
            if not self._idle and len(self._threads) < min(_MOST_THREADS, os.cpu_count() or 1):
                thread = threading.Thread(target=self._work, daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()

    def check(self) -> None:
        """Raise what has failed.

        Raises:
            StoreError: the store failed.
        """
        if self._failure:
            raise self._failure

    def finish(self) -> None:
        """Add all that waits.

        Raises:
            StoreError: the store failed.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        if self._failure:
            raise self._failure

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Add what is left, or nothing more after an interrupt."""
        if kind is None:
            self.finish()
        elif issubclass(kind, Exception):
            with suppress(Exception):  # what is whole need not be downloaded again
                self.finish()
        else:
            with self._changed:
                self._waiting.clear()
                self._closing = True
                self._changed.notify_all()
            deadline = time.monotonic() + _GRACE_SECONDS
            for thread in self._threads:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while batch := self._take():
            try:
                self._add(batch)
            except BaseException as error:  # noqa: BLE001, PERF203 (raised again by `put` and `finish`)
                with self._changed:
                    self._failure = self._failure or error
                    self._waiting.clear()
            finally:
                with self._changed:
                    self._bytes -= sum(one.size for one in batch)
                    self._changed.notify_all()

    def _take(self) -> list[Addition]:
        """Wait for something to add; none at the end."""
        with self._changed:
            self._idle += 1
            while not self._is_worth_it():
                if self._closing or self._failure:
                    self._idle -= 1
                    return []
                left = self._since + _PATIENCE - time.monotonic()
                self._changed.wait(max(left, 0.01) if self._waiting else None)
            self._idle -= 1
            return _batch(self._waiting)

    def _is_worth_it(self) -> bool:
        return bool(self._waiting) and (
            self._closing
            or len(self._waiting) >= _ENOUGH_FILES
            or time.monotonic() - self._since >= _PATIENCE
            or sum(one.size for one in self._waiting) >= _ENOUGH_BYTES
        )

    def _add(self, batch: Sequence[Addition]) -> None:
        good: list[Addition] = []
        for one in batch:
            try:
                if one.check:
                    one.check()
            except AimodelsError as error:  # noqa: PERF203 (each may fail)
                if self._refused is None:
                    raise
                with self._telling:
                    self._refused(one, error)
            else:
                good.append(one)
        if good:
            store.add(good[0].kind, [(one.path, one.sri) for one in good])
            with self._telling:
                self._added(good)


def _batch(waiting: deque[Addition]) -> list[Addition]:
    """Take what Nix can add together."""
    batch = [waiting.popleft()]
    size = batch[0].size
    while (
        waiting
        and len(batch) < _BATCH_FILES
        and waiting[0].kind == batch[0].kind
        and size + waiting[0].size <= _BATCH_BYTES
    ):
        batch.append(waiting.popleft())
        size += batch[-1].size
    return batch
