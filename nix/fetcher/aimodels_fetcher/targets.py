"""Where downloads are written: to files that stay, or to scratch files that are only read once."""

from __future__ import annotations

import shutil
import sys
import tempfile
from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.parts import Parts

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

    from aimodels_fetcher.shared_parts import SharedParts

_SCRATCH_PART = 8 << 20  # bytes
_SCRATCH_AHEAD = 256 << 20  # bytes; as many parts as there can be connections by default
_KEEP_SIZE, _PUNCH_HOLE = 1, 2  # linux/falloc.h


class Target(ABC):
    """Where the content of a file is written.

    Args:
        directory: The directory of the file, for messages.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @abstractmethod
    def open(self) -> FileIO:
        """Make the file, empty, for reading and writing."""

    def parts(self, size: int) -> Parts:
        """Return the parts of a file of so many bytes, or of UNKNOWN size."""
        return Parts(size)

    def room(self) -> int | None:
        """Return for how many bytes there is space, or None where that does not matter."""
        return shutil.disk_usage(self.directory).free

    def most(self) -> int:
        """Return how many bytes a file of unknown size may have: it may have no end."""
        return shutil.disk_usage(self.directory).free

    def note(self, parts: SharedParts) -> None:  # noqa: B027 (most targets have no use for it)
        """Take notice that bytes have been written, or that the file has been closed."""

    def forget(self) -> None:  # noqa: B027 (as above)
        """Keep no bytes for a later run: they have turned out to be wrong."""

    @abstractmethod
    def discard(self, file: FileIO, start: int, end: int) -> None:
        """Give up bytes that have been verified, where the file is not to stay."""


class FileTarget(Target):
    """A file that stays.

    Args:
        path: Its path. A file that is there is overwritten.

    Attributes:
        path: The same.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path.parent)
        self.path = path

    def open(self) -> FileIO:
        """Make the file, empty, for reading and writing."""
        return self.path.open("w+b", buffering=0)

    def present(self, size: int) -> int:  # noqa: ARG002 (here, whatever the size)
        """Return how many bytes of a file of that size are there before the download starts."""
        return 0

    def verified(self) -> None:
        """Take notice that the file is whole and right, before it is moved or linked."""

    def discard(self, file: FileIO, start: int, end: int) -> None:
        """Keep the bytes."""


class ScratchTarget(Target):
    """A file without a name, which takes little space on the disk, however large it is.

    Bytes that have been verified are given back to the file system at once (on Linux, where the
    file system can do that), and parts are not taken far ahead of them.
    """

    def open(self) -> FileIO:
        """Make the file, empty, for reading and writing; it is gone once it is closed."""
        return tempfile.TemporaryFile(buffering=0, dir=self.directory)

    def parts(self, size: int) -> Parts:
        """Return the parts of a file of so many bytes, or of UNKNOWN size."""
        return Parts(size, _SCRATCH_PART, _SCRATCH_AHEAD)

    def room(self) -> int | None:
        """Return None: the whole file is never there at a time."""
        return None

    def discard(self, file: FileIO, start: int, end: int) -> None:
        """Give the space of these bytes back to the file system."""
        if punch := _fallocate():
            # Where the file system cannot do it, the bytes stay: that costs space, nothing else.
            punch(file.fileno(), _KEEP_SIZE | _PUNCH_HOLE, start, end - start)


@cache
def _fallocate() -> Any:  # noqa: ANN401 (ctypes makes it when it is asked for)
    """Return the C library's fallocate(2) for large files; None where there is none."""
    if sys.platform != "linux":
        return None
    import ctypes  # noqa: PLC0415 (not needed for files that stay)

    libc = ctypes.CDLL(None)
    function = getattr(libc, "fallocate64", None) or getattr(libc, "fallocate", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return function
