"""Downloads of which some bytes are there: from an earlier run, or from another place on disk."""

from __future__ import annotations

import json
import shutil
import threading
import time
from typing import TYPE_CHECKING

from aimodels_fetcher.parts import UNKNOWN, Parts
from aimodels_fetcher.targets import FileTarget

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

    from aimodels_fetcher.shared_parts import SharedParts

# Between two notes: what a process that is killed may lose.
_INTERVAL = 1.0  # seconds
_WRITES = 8


class PresentTarget(FileTarget):
    """A file that is copied and verified. If it is wrong, it is downloaded.

    Args:
        path: Where it is to be.
        source: Where it is, perhaps.
    """

    def __init__(self, path: Path, source: Path) -> None:
        super().__init__(path)
        self._source = source
        self._kept = True

    def open(self) -> FileIO:
        """Open the file for reading and writing: as it is, or empty."""
        if not self._kept:
            return super().open()
        if self._source != self.path:
            shutil.copyfile(self._source, self.path)
        return self.path.open("r+b", buffering=0)

    def parts(self, size: int) -> Parts:
        """Return the parts that are missing."""
        missing = self._missing(size) if self._kept else None
        self._kept = missing is not None
        return Parts(size, missing=missing)

    def present(self, size: int) -> int:
        """Return how many bytes of a file of that size are there before the download starts."""
        missing = self._missing(size)
        return 0 if missing is None else size - sum(end - start for start, end in missing)

    def forget(self) -> None:
        """Download all of it."""
        self._kept = False

    def _missing(self, size: int) -> list[tuple[int, int]] | None:
        try:
            return [] if self._source.stat().st_size == size else None
        except OSError:
            return None


class ResumableTarget(PresentTarget):
    """A file that is kept, however the run ends, and whose bytes a later run need not fetch again.

    They are verified together with those that this run fetches. If they are wrong, the download
    starts over, without them.

    Args:
        path: Its path. Whoever makes the target sees to it that no other process writes there.
        notes: Where to note what is missing.
    """

    def __init__(self, path: Path, notes: Path) -> None:
        super().__init__(path, path)
        self._notes = notes
        self._noting = False
        self._lock = threading.Lock()
        self._noted = 0.0
        self._writes = 0

    def parts(self, size: int) -> Parts:
        """Return the parts that are missing."""
        parts = super().parts(size)
        if not self._kept:
            self._notes.unlink(missing_ok=True)
        self._noting = True
        return parts

    def forget(self) -> None:
        """Download all of it, in a later run, too."""
        super().forget()
        with self._lock:
            self._noting = False
            self._notes.unlink(missing_ok=True)

    def note(self, parts: SharedParts) -> None:
        """Write down what is missing, once in a while, and when the file is closed."""
        if not self._lock.acquire(blocking=parts.closed):
            return
        try:
            if not self._noting or parts.size == UNKNOWN:
                return
            self._writes += 1
            late = time.monotonic() - self._noted >= _INTERVAL
            if late or self._writes >= _WRITES or parts.closed:
                self._write(parts)
                self._noted, self._writes = time.monotonic(), 0
        except OSError:  # then a later run fetches more than it must
            self._notes.unlink(missing_ok=True)
        finally:
            self._lock.release()

    def _write(self, parts: SharedParts) -> None:
        new = self._notes.with_name(f"{self._notes.name}.new")
        new.write_text(json.dumps({"size": parts.size, "missing": parts.missing}))
        new.replace(self._notes)

    def _missing(self, size: int) -> list[tuple[int, int]] | None:
        """Return what is missing of a file of that size, None where that is not known."""
        try:
            notes = json.loads(self._notes.read_text())
            missing = [(int(start), int(end)) for start, end in notes["missing"]]
            there = self.path.stat().st_size
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        at = 0
        for start, end in missing:
            if not at <= start < end <= size:
                return None
            at = end
        # Behind the last byte that was written, the file need not reach its size.
        last = missing[-1][0] if missing and missing[-1][1] == size else size
        return missing if notes["size"] == size and there >= last else None
