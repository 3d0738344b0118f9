"""Small contents that locking has read, in the user's cache: they are not read again.

They are in `$XDG_CACHE_HOME/aimodels-gen/contents`, each under its git blob id or its sha256.
What is damaged is not taken. Where the cache cannot be read or written, there is none.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import Verifier
from aimodels_gen.lock.model import MOST_BUNDLED
from aimodels_gen.lock.partial_files import cache_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 256 << 20  # bytes on disk, of all contents together
_BLOCK = 4096  # bytes that a file takes at least
_NAME = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")  # locks and servers say them
_NEW = ".new-"  # what the names of files begin with that are being written
_ABANDONED_SECONDS = 3600


class ContentCache:
    """Contents by what identifies them. Several threads and processes may use it at a time."""

    def __init__(self) -> None:
        """Take the user's cache; nothing is written until there is something to keep."""
        self._root = cache_directory() / "contents"
        self._lock = threading.Lock()
        self._writable = True
        self._grew = False

    def path(self, name: str) -> Path | None:
        """Return where a content is or would be, by its git blob id or its sha256 in hex."""
        return self._root / name if _NAME.fullmatch(name) else None

    def get(self, name: str) -> bytes | None:
        """Return a content by its git blob id or its sha256 in hex; None if it is not there."""
        path = self.path(name)
        if path is None:
            return None
        try:
            content = _read(path)
            if content is None or not _is(name, content):
                path.unlink()
                return None
        except OSError:
            return None
        with suppress(OSError):
            os.utime(path)  # what is not used goes first
        return content

    def put(self, name: str, content: bytes) -> None:
        """Keep a content, if that is possible."""
        path = self.path(name)
        if path is None or not self._writable or len(content) > MOST_BUNDLED:
            return
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.exists():
                return
            # Only the user may read it: it may be of a private repository.
            descriptor, new = tempfile.mkstemp(prefix=_NEW, dir=self._root)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                Path(new).rename(path)
            except BaseException:
                Path(new).unlink(missing_ok=True)
                raise
        except OSError:
            self._writable = False  # it is read-only, or full
        else:
            self._grew = True

    def trim(self) -> None:
        """Remove what has not been used for longest, if this run has added something."""
        with self._lock:
            if not self._grew:
                return
            self._grew = False
            with suppress(OSError):
                self._trim()

    def _trim(self) -> None:
        found = sorted(self._contents(), reverse=True)
        total = 0
        for _, size, path in found:
            total += -(-size // _BLOCK) * _BLOCK or _BLOCK
            if total > _MOST:
                path.unlink(missing_ok=True)

    def _contents(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each content was used, its size and its path."""
        for entry in os.scandir(self._root):
            with suppress(OSError):  # another process may have removed it
                status = entry.stat(follow_symlinks=False)
                if not stat.S_ISREG(status.st_mode):
                    continue
                if not entry.name.startswith(_NEW):
                    yield status.st_mtime, status.st_size, Path(entry.path)
                elif time.time() - status.st_mtime > _ABANDONED_SECONDS:
                    Path(entry.path).unlink()


def _read(path: Path) -> bytes | None:
    """Return what is in a regular file that is small enough."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BUNDLED:
            return None
        return file.read(MOST_BUNDLED + 1)


def _is(name: str, content: bytes) -> bool:
    verifier = Verifier(git_size=len(content))
    verifier.update(content)
    return name in {verifier.git_blob_id, verifier.sha256}
