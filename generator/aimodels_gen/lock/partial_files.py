"""Downloads that a later run goes on with: files of 1 MiB and more, in the user's cache.

They are in `$XDG_CACHE_HOME/aimodels-gen/partial/SHA256`: the content that has come so far, under
the name that it gets in the store, `.notes` of what is missing, and `.lock`, which is held while a
process downloads it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from aimodels_fetcher.resumable import ResumableTarget
from aimodels_gen.cache import cache_directory
from aimodels_gen.lock.model import MOST_BUNDLED

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from typing_extensions import Self

LEAST = MOST_BUNDLED  # bytes of a file; smaller ones are kept by the cache of contents
_MOST = 64 << 30  # bytes on disk of all of them together; the newest one may be larger
_KEPT_SECONDS = 7 * 24 * 3600
_BLOCK = 512  # bytes, what st_blocks counts


class PartialFiles(ExitStack):
    """The partial files of this run, locked until the end of the block.

    One thread at a time may ask for targets, another one may remove files at the same time.
    """

    def __init__(self) -> None:
        """Take the user's cache, as the XDG base directory specification has it."""
        super().__init__()
        self._held: dict[Path, int] = {}
        self._promised: dict[Path, int] = {}  # bytes that will be written
        self._root = cache_directory() / "partial"

    def __enter__(self) -> Self:
        """Remove what nobody has gone on with for a week, and what is too much; at the end, too."""
        super().__enter__()
        self.callback(self._trim)
        self.callback(self._release_all)
        self._trim()
        return self

    def target(self, name: str, digest: str, size: int) -> ResumableTarget | None:
        """Return where to download a file; None if it should be downloaded to another place.

        That is so if it is small, another process downloads it, or the cache has no room for it.
        """
        if size < LEAST:
            return None
        directory = self._root / digest
        try:
            if not self._hold(directory):
                return None
            # It may have been downloaded for a file of another name.
            for other in directory.iterdir():
                if not other.name.startswith(".") and not (directory / name).exists():
                    other.rename(directory / name)
            made = ResumableTarget(directory / name, directory / ".notes")
            wanted = size - made.present(size)
            promised = sum(map(_missing, list(self._promised.items())))
            if shutil.disk_usage(directory).free < promised + wanted:
                self._release(directory)
                return None
            self._promised[directory / name] = size
            os.utime(directory)
        except OSError:  # a cache that cannot be written, or whose file system has no locks
            self._release(directory)
            return None
        return made

    def present(self, name: str, digest: str, size: int) -> int:
        """Return how many bytes of a file an earlier run has left."""
        directory = self._root / digest
        return ResumableTarget(directory / name, directory / ".notes").present(size)

    def remove(self, path: Path) -> None:
        """Remove a file that has been added to the store, if it is one of ours."""
        directory = path.parent
        self._promised.pop(path, None)
        if directory in self._held:
            shutil.rmtree(directory, ignore_errors=True)
            self._release(directory)

    def forget(self, digests: Collection[str]) -> None:
        """Remove what the store has by now: a run that was killed may have added it."""
        with suppress(OSError):
            for directory in self._root.iterdir():
                if directory.name in digests:
                    self._remove_unused(directory)

    def _trim(self) -> None:
        """Remove what has not been gone on with for longest; what a process has stays."""
        with suppress(OSError):
            found = [(d.stat().st_mtime, _size(d), d) for d in self._root.iterdir()]
            total = 0
            for number, (used, size, directory) in enumerate(sorted(found, reverse=True)):
                total += size
                if time.time() - used > _KEPT_SECONDS or (number and total > _MOST):
                    self._remove_unused(directory)

    def _remove_unused(self, directory: Path) -> None:
        if self._hold(directory):
            shutil.rmtree(directory, ignore_errors=True)
            self._release(directory)

    def _hold(self, directory: Path) -> bool:
        """Lock a directory, which is made if need be; return whether no other process has it."""
        if directory in self._held:
            return False
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = directory / ".lock"
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have removed it by now, with all that is next to it.
            if not os.path.samestat(os.fstat(descriptor), lock.stat()):
                raise FileNotFoundError
        except OSError:
            os.close(descriptor)
            return False
        self._held[directory] = descriptor
        return True

    def _release(self, directory: Path) -> None:
        if directory in self._held:
            os.close(self._held.pop(directory))

    def _release_all(self) -> None:
        for directory in list(self._held):
            self._release(directory)


def _size(directory: Path) -> int:
    """Return the bytes on disk of what is in a directory."""
    return sum(path.lstat().st_blocks for path in directory.iterdir()) * _BLOCK


def _missing(promised: tuple[Path, int]) -> int:
    """Return how many bytes of a file are still to be written."""
    path, size = promised
    try:
        return max(0, size - path.stat().st_blocks * _BLOCK)
    except OSError:
        return size
