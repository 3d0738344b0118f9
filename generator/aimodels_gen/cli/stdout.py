"""Standard output as a file: `lock > models.nix` has emptied models.nix before we start.

What was in it is the rendering of the lock as it is. We write that at once, and the new rendering
over it at the end: a run that fails, or is killed on the way, leaves the file as it was.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_gen.atomic import uninterrupted
from aimodels_gen.cli.console import result

if TYPE_CHECKING:
    from aimodels_gen.atomic import Transaction


class Stdout:
    """Standard output, looked at once."""

    def __init__(self) -> None:
        """Find out what it is."""
        self._descriptor = _descriptor()
        self._file = _regular(self._descriptor)
        self._kept: bytes | None = None

    @property
    def is_file(self) -> bool:
        """Return whether it is a regular file that has a name, and is not where messages go."""
        return self._file is not None

    @property
    def is_terminal(self) -> bool:
        """Return whether a person reads it."""
        return self._descriptor is not None and os.isatty(self._descriptor)

    @property
    def is_emptied(self) -> bool:
        """Return whether the shell has emptied a file for us, and nobody has written to it."""
        if self._file is None or self._descriptor is None:
            return False
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
        here = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        return not flags & os.O_APPEND and here == 0 and os.fstat(self._descriptor).st_size == 0

    @property
    def appends_to(self) -> str:
        """Return the text of the file that it is appended to, empty for none."""
        descriptor = self._descriptor
        if self._file is None or descriptor is None:
            return ""
        if not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND:
            return ""
        with suppress(OSError):
            return Path(f"/dev/fd/{descriptor}").read_text(encoding="utf-8", errors="replace")
        return ""

    def is_same(self, path: Path) -> bool:
        """Return whether it is the file at `path`."""
        with suppress(OSError):
            return self._file is not None and os.path.samestat(path.stat(), self._file)
        return False

    def keep(self, old: str) -> None:
        """Write what was in the file that the shell has emptied, if it has.

        Raises:
            OSError: the disk is full.
        """
        if self.is_emptied:
            self._kept = old.encode("utf-8")
            with uninterrupted():
                try:
                    self._overwrite(self._kept)
                except OSError:
                    self._overwrite(b"")
                    raise

    def write(self, text: str, files: Transaction) -> None:
        """Write a rendering: into a file when `files` are renamed, else now.

        Raises:
            OSError: it is full or closed.
        """
        content, kept = text.encode("utf-8"), self._kept
        if kept is None:
            result(text)
        elif kept != content:
            files.step(lambda: self._overwrite(content), lambda: self._overwrite(kept))

    def _overwrite(self, content: bytes) -> None:
        descriptor = self._descriptor
        if descriptor is None:
            return
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, 0)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        with suppress(OSError):  # a file system that cannot
            os.fsync(descriptor)


def _descriptor() -> int | None:
    # Where the shell has closed it, its number may be that of another file by now.
    with suppress(OSError, AttributeError, ValueError):
        return sys.stdout.fileno()
    return None


def _regular(descriptor: int | None) -> os.stat_result | None:
    if descriptor is None:
        return None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or not status.st_nlink:
        return None
    with suppress(OSError, AttributeError, ValueError):
        if os.path.samestat(status, os.fstat(sys.stderr.fileno())):
            return None
    return status
