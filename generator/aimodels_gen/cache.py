"""Facts that never change, in the user's cache: they are not asked for again.

Each fact is a file. It is written under another name and then renamed: several threads and
processes may use the cache at a time. Only the user may read it: facts may be of private
repositories. Where the cache cannot be read or written, there is none.
"""

from __future__ import annotations

import os
import stat
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from aimodels_gen.locks import remove_leftover, try_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 4096  # bytes that a file takes at least
_NEW = ".new-"  # what the names of files begin with that are being written


class NewFact:
    """A fact that is being written. Where it cannot be, nothing happens.

    Attributes:
        size: bytes that have been written.
    """

    def __init__(
        self, cache: CacheDirectory, name: str, made: tuple[Path, BinaryIO] | None
    ) -> None:
        """Write to a file, or to none."""
        self.size = 0
        self._cache = cache
        self._name = name
        self._made = made

    def write(self, content: bytes) -> None:
        """Add to the content."""
        self.size += len(content)
        if self._made:
            try:
                self._made[1].write(content)
            except OSError:
                self._give_up()

    def keep(self) -> None:
        """Let everybody see it."""
        if self._made:
            new, file = self._made
            try:
                file.flush()
                new.rename(self._cache.path / self._name)
            except OSError:
                self._give_up()
            else:
                self._made = None
                file.close()
                self._cache.grown()

    def discard(self) -> None:
        """Remove it, unless it has been kept."""
        if self._made:
            new, file = self._made
            self._made = None
            with suppress(OSError):
                new.unlink()
            with suppress(OSError):  # what is left in its buffer finds no room
                file.close()

    def _give_up(self) -> None:
        self._cache.grown(full=True)
        self.discard()


class CacheDirectory:
    """A directory of facts by their names, which are those of files. All threads may use it."""

    def __init__(self, name: str, most: int) -> None:
        """Take a directory of the user's cache; nothing is written until there is a fact to keep.

        Args:
            name: of the directory. Another form of facts needs another name.
            most: bytes on disk, of all facts together; those go first that were not used for
                longest.
        """
        self.path = cache_directory() / name
        self._most = most
        self._lock = threading.Lock()
        self._writable = True
        self._grew = False

    def open(self, name: str, most: int) -> BinaryIO | None:
        """Return a fact of at most so many bytes; None if it is not there.

        What other users have put there is none: not every fact can be verified.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            file = os.fdopen(os.open(self.path / name, flags), "rb")
        except OSError:
            return None
        status = os.fstat(file.fileno())
        if status.st_uid != os.geteuid() or not stat.S_ISREG(status.st_mode):
            file.close()
            return None
        if status.st_size > most:
            file.close()
            self.remove(name)
            return None
        with suppress(OSError):
            os.utime(file.fileno())  # what is not used goes first
        return file

    def read(self, name: str, most: int) -> bytes | None:
        """Return the content of a fact; see `open`."""
        file = self.open(name, most)
        if file is None:
            return None
        with file, suppress(OSError):
            return file.read(most + 1)
        return None

    def remove(self, name: str) -> None:
        """Remove a fact that turned out to be none."""
        with suppress(OSError):
            (self.path / name).unlink()

    def keep(self, name: str, content: bytes) -> None:
        """Keep a fact, if that is possible."""
        new = self.new(name)
        try:
            new.write(content)
            new.keep()
        finally:
            new.discard()

    def new(self, name: str) -> NewFact:
        """Return a fact to write; nobody sees it before it is kept."""
        return NewFact(self, name, self._make(name))

    def grown(self, *, full: bool = False) -> None:
        """Note that a fact was added, or that the disk is full."""
        self._grew = self._grew or not full
        self._writable = self._writable and not full

    def _make(self, name: str) -> tuple[Path, BinaryIO] | None:
        """Return a file to write to, which is locked as long as we live.

        None if the fact is there already, or the cache cannot be written.
        """
        if not self._writable:
            return None
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.path.lexists(self.path / name):
                return None
            while True:
                descriptor, new = tempfile.mkstemp(prefix=_NEW, dir=self.path)
                try_lock(descriptor)
                # Somebody may have taken it for a leftover before it was locked.
                if os.fstat(descriptor).st_nlink:
                    return Path(new), os.fdopen(descriptor, "wb")
                os.close(descriptor)
        except OSError:
            self._writable = False  # it is read-only
            return None

    def trim(self) -> None:
        """Remove what has not been used for longest, if this run has added something.

        What killed runs have left goes as well.
        """
        with self._lock:
            if not self._grew:
                return
            self._grew = False
            with suppress(OSError):
                self._trim()

    def _trim(self) -> None:
        total = 0
        for _, size, path in sorted(self._facts(), reverse=True):
            total += -(-size // _BLOCK) * _BLOCK or _BLOCK
            if total > self._most:
                path.unlink(missing_ok=True)

    def _facts(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each fact was used, its size and its path."""
        for entry in os.scandir(self.path):
            with suppress(OSError):  # another process may have removed it
                status = entry.stat(follow_symlinks=False)
                if not stat.S_ISREG(status.st_mode):
                    continue
                if entry.name.startswith(_NEW):
                    remove_leftover(entry.path)
                else:
                    yield status.st_mtime, status.st_size, Path(entry.path)


def cache_directory() -> Path:
    """Return our directory in the user's cache, as the XDG base directory specification has it."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if not named.startswith("/"):  # a relative one is to be ignored
        named = os.path.expanduser("~/.cache")  # noqa: PTH111 (a user may have no home)
    if not named.startswith("/"):
        named = os.devnull  # where nothing can be made
    return Path(named, "aimodels-gen")
