"""A file while it is being downloaded: written in parts by several workers, read behind them."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from aimodels_fetcher.errors import ContentError, DiskFullError
from aimodels_fetcher.parts import UNKNOWN
from aimodels_fetcher.shared_parts import SharedParts
from aimodels_fetcher.wording import bytes_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import FileIO

    from aimodels_fetcher.parts import Part
    from aimodels_fetcher.targets import Target

_FULL = {errno.ENOSPC, errno.EDQUOT}


class PartialFile:
    """A descriptor and the parts that are written through it, each byte once.

    Safe to use from several threads. The descriptor is closed when the file is, but not before the
    last part has been given back and the reader is done: another file may get its number.

    Args:
        target: Where it is written.
        size: Bytes, or None where that is not known.
        most: Bytes that a file of unknown size may have; None for what there is space for.

    Attributes:
        parts: Who writes which bytes, and how far they have come.
    """

    def __init__(self, target: Target, size: int | None, most: int | None = None) -> None:
        self.target = target
        self._most = most
        self.parts = SharedParts(target.parts(UNKNOWN if size is None else size))
        self._lock = threading.Lock()
        self._file: FileIO | None = None
        self._claimed = False
        self._reading = False

    def open(self) -> None:
        """Make the file, if that has not been done.

        Raises:
            StopWorker: The file is closed.
            OSError: It cannot be made.
        """
        with self._lock:
            self.parts.check_open()
            if self._file is None:
                self._file = self.target.open()

    def set_size(self, size: int) -> None:
        """Cut or extend the file to a size that has become known, in bytes."""
        # In this order: a file that is complete may be started over by another thread.
        if size != UNKNOWN:
            os.ftruncate(self._descriptor, size)
        self.parts.resize(size)

    def write(self, part: Part, data: memoryview) -> int:
        """Write the next bytes of a part, without those that are no longer wanted of it.

        Returns:
            The number of bytes that were written.

        Raises:
            DiskFullError: There is no space left.
            ContentError: The file may have no end.
            StopWorker: The file is closed.
        """
        wanted = self.parts.reserve(part, len(data))
        written = 0
        try:
            while written < wanted:
                written += os.pwrite(self._descriptor, data[written:wanted], part.at + written)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            size = "it" if self.parts.size == UNKNOWN else f"its {bytes_text(self.parts.size)}"
            raise DiskFullError(
                f"the disk is full: {self.target.directory} has no room for {size}",
                "something else fills the disk as well: free some space (nix-collect-garbage -d), "
                "then try again",
            ) from error
        self.parts.advance(part, written)
        self.target.note(self.parts)
        if self.parts.size == UNKNOWN:
            self._check_end(part.at)
        return written

    def give_back(self, parts: Iterable[Part]) -> None:
        """Return parts that were taken: what of them is missing may be taken again."""
        self.parts.give_back(parts)
        self._close_unused()

    def claim_reading(self) -> bool:
        """Return whether the caller is the one that has to read the file: the first that asks."""
        with self._lock:
            first, self._claimed = not self._claimed, True
            return first

    @contextmanager
    def reading(self) -> Iterator[FileIO]:
        """Open the file for the thread that reads it behind the others.

        Raises:
            StopWorker: The file is closed.
        """
        self.open()
        with self._lock:
            self.parts.check_open()
            self._reading = True
        try:
            yield cast("FileIO", self._file)
        finally:
            with self._lock:
                self._reading = False
            self._close_unused()

    def discard(self, start: int, end: int) -> None:
        """Give up bytes that have been read, where the target does not keep them."""
        self.target.discard(cast("FileIO", self._file), start, end)
        self.parts.consume(end)

    def close(self) -> None:
        """Let nothing more be taken, written or read, or made at the target."""
        with self._lock:
            self.parts.close()
        self.target.note(self.parts)
        self._close_unused()

    def _check_end(self, written: int) -> None:
        self._most = self.target.most() if self._most is None else self._most
        if written > self._most:
            more = f"more than {bytes_text(self._most)} have come, and no size was given"
            raise ContentError(
                more,
                "it may have no end: look at what its address sends; what is larger needs more "
                "space on the disk",
                difference=more,
            )

    def _close_unused(self) -> None:
        with self._lock:
            if self._file and self.parts.closed and not (self._reading or self.parts.sharers):
                self._file.close()

    @property
    def _descriptor(self) -> int:
        return cast("FileIO", self._file).fileno()
