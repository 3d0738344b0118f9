"""A file while it is being downloaded: written in parts by several workers, read behind them."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from aimodels_fetcher.errors import DiskFullError
from aimodels_fetcher.parts import UNKNOWN
from aimodels_fetcher.wording import bytes_text
from aimodels_fetcher.workers import StopWorker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import FileIO

    from aimodels_fetcher.parts import Part
    from aimodels_fetcher.targets import Target

_FULL = {errno.ENOSPC, errno.EDQUOT}
_LONGEST_PAUSE = 1.0  # seconds


class PartialFile:
    """A file of which parts are taken and written, each byte once, and which one thread reads.

    Safe to use from several threads. The descriptor is closed when the file is, but not before the
    last part has been given back and the reader is done.

    Args:
        target: Where it is written.
        size: Bytes, or None where that is not known.
    """

    def __init__(self, target: Target, size: int | None) -> None:
        self.target = target
        self.closed = False
        self._parts = target.parts(UNKNOWN if size is None else size)
        self._advanced = threading.Condition(threading.Lock())  # of what is above, under its lock
        self._opening = threading.Lock()
        self._file: FileIO | None = None
        self._reading = False

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
        with self._advanced:
            return self._parts.complete

    def open(self) -> None:
        """Make the file, if that has not been done.

        Raises:
            StopWorker: The file is closed.
            OSError: It cannot be made.
        """
        with self._opening:  # and not the other lock: it may take longer than to fetch the content
            self._check_open()
            if self._file is None:
                self._file = self.target.open()

    def take(self, sharers: int | None) -> Part | None:
        """Take the next part, as `Parts.take` does."""
        with self._advanced:
            return None if self.closed else self._parts.take(sharers)

    def take_rest(self) -> list[Part]:
        """Take everything that no worker has taken, in the order of the file."""
        with self._advanced:
            return self._parts.take_all()

    def give_back(self, parts: Iterable[Part]) -> None:
        """Return parts that were taken: what of them is missing may be taken again."""
        with self._advanced:
            for part in parts:
                self._parts.give_back(part)
            self._advanced.notify_all()
        self._close_unused()

    def set_size(self, size: int) -> None:
        """Cut or extend the file to a size that has become known, in bytes."""
        with self._advanced:
            self._parts.resize(size)
            if size != UNKNOWN:
                os.ftruncate(self._descriptor, size)
            self._advanced.notify_all()

    def write(self, part: Part, data: memoryview) -> int:
        """Write the next bytes of a part, without those that are no longer wanted of it.

        Returns:
            The number of bytes that were written.

        Raises:
            DiskFullError: There is no space left.
            StopWorker: The file is closed.
        """
        with self._advanced:
            self._check_open()
            if self._parts.too_far(part.at):
                self._advanced.wait(_LONGEST_PAUSE)
            data = data[: part.reserve(len(data))]
        at = part.at
        try:
            while data:
                count = os.pwrite(self._descriptor, data, at)
                data, at = data[count:], at + count
        except OSError as error:
            if error.errno not in _FULL:
                raise
            size = "it" if self.size == UNKNOWN else f"its {bytes_text(self.size)}"
            raise DiskFullError(
                f"the disk is full: {self.target.directory} has no room for {size}",
                "something else fills the disk as well: free some space (nix-collect-garbage -d), "
                "then build again",
            ) from error
        with self._advanced:
            written = at - part.at
            part.at = at
            self._advanced.notify_all()
        return written

    def wait_beyond(self, count: int) -> int:
        """Wait for more bytes without a gap than `count`; the same number at the end of the file.

        Raises:
            StopWorker: The file is closed.
        """
        with self._advanced:
            while self._parts.frontier <= count and not self._parts.complete:
                self._check_open()
                self._advanced.wait()
            self._check_open()
            return self._parts.frontier

    def wait_for_size(self) -> int:
        """Wait until the size is known, in bytes.

        Raises:
            StopWorker: The file is closed.
        """
        with self._advanced:
            while self.size == UNKNOWN:
                self._check_open()
                self._advanced.wait()
            return self.size

    @contextmanager
    def reading(self) -> Iterator[FileIO]:
        """Open the file for the thread that reads it behind the others.

        Raises:
            StopWorker: The file is closed.
        """
        self.open()
        with self._advanced:
            self._check_open()
            self._reading = True
        try:
            yield cast("FileIO", self._file)
        finally:
            with self._advanced:
                self._reading = False
            self._close_unused()

    def discard(self, start: int, end: int) -> None:
        """Tell the target that these bytes have been read; called while reading."""
        self.target.discard(cast("FileIO", self._file), start, end)
        with self._advanced:
            self._parts.consumed = end
            self._advanced.notify_all()

    def close(self) -> None:
        """Let nothing more be taken, written or read."""
        with self._opening, self._advanced:
            self.closed = True
            self._advanced.notify_all()
        self._close_unused()

    def _close_unused(self) -> None:
        with self._advanced:
            if self.closed and self._file and not self._reading and not self._parts.sharers:
                self._file.close()

    def _check_open(self) -> None:
        if self.closed:
            raise StopWorker

    @property
    def _descriptor(self) -> int:
        return cast("FileIO", self._file).fileno()
