"""The parts of one file, for several threads that write them and one that follows behind."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from aimodels_fetcher.parts import UNKNOWN
from aimodels_fetcher.workers import StopWorker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimodels_fetcher.parts import Part, Parts

_LONGEST_PAUSE = 1.0  # seconds


class SharedParts:
    """Parts behind a lock, and a wait for the next bytes. Safe to use from several threads.

    Args:
        parts: To be used through this object only.

    Attributes:
        closed: Whether nothing is to be taken or written any more.
    """

    def __init__(self, parts: Parts) -> None:
        self.closed = False
        self._parts = parts
        self._changed = threading.Condition()

    @property
    def size(self) -> int:
        """Bytes of the whole file, or UNKNOWN."""
        return self._parts.size

    @property
    def wanting(self) -> bool:
        """Whether there are bytes that no worker has taken."""
        return self._parts.wanting

    @property
    def sharers(self) -> int:
        """Number of parts that are taken."""
        return self._parts.sharers

    @property
    def complete(self) -> bool:
        """Whether every byte is there."""
        with self._changed:
            return self._parts.complete

    @property
    def missing(self) -> list[tuple[int, int]]:
        """The gaps: the first byte of each, and the first one after it."""
        with self._changed:
            return self._parts.missing

    def take(self, sharers: int | None) -> Part | None:
        """Take the next part, as `Parts.take` does."""
        with self._changed:
            return None if self.closed else self._parts.take(sharers)

    def take_all(self) -> list[Part]:
        """Take everything that no worker has taken, in the order of the file."""
        with self._changed:
            return [] if self.closed else self._parts.take_all()

    def give_back(self, parts: Iterable[Part]) -> None:
        """Return parts that were taken: what of them is missing may be taken again."""
        with self._changed:
            for part in parts:
                self._parts.give_back(part)
            self._changed.notify_all()

    def resize(self, size: int) -> None:
        """Cut the file to the size that has become known, in bytes."""
        with self._changed:
            self._parts.resize(size)
            self._changed.notify_all()

    def reserve(self, part: Part, count: int) -> int:
        """Announce that bytes are about to be written, as `Part.reserve` does.

        Raises:
            StopWorker: It is closed.
        """
        with self._changed:
            if self._parts.too_far(part.at):
                self._changed.wait(_LONGEST_PAUSE)
            self.check_open()
            return part.reserve(count)

    def advance(self, part: Part, count: int) -> None:
        """Count bytes of a part that have been written."""
        with self._changed:
            part.at += count
            self._changed.notify_all()

    def consume(self, end: int) -> None:
        """Take notice that the bytes before `end` are no longer needed."""
        with self._changed:
            self._parts.consumed = end
            self._changed.notify_all()

    def wait_beyond(self, count: int) -> int:
        """Wait until more than `count` bytes are there without a gap, or all of them.

        Returns:
            How many are there; `count` at the end of the file.

        Raises:
            StopWorker: It is closed.
        """
        with self._changed:
            while self._parts.frontier <= count and not self._parts.complete:
                self.check_open()
                self._changed.wait()
            return self._parts.frontier

    def wait_for_size(self) -> int:
        """Wait until the size is known, in bytes.

        Raises:
            StopWorker: It is closed.
        """
        with self._changed:
            while self.size == UNKNOWN:
                self.check_open()
                self._changed.wait()
            return self.size

    def close(self) -> None:
        """Let nothing be taken or written any more."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def check_open(self) -> None:
        """Raise StopWorker if it is closed."""
        if self.closed:
            raise StopWorker
