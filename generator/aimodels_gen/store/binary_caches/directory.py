"""A binary cache in a directory. Files appear in it whole, by renaming."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from aimodels_fetcher.output import check_space
from aimodels_gen.locks import remove_leftover, try_lock
from aimodels_gen.store.binary_caches.base import Archive, BinaryCache, CacheError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from aimodels_gen.nix.store_url import Directory

_NEW = ".aimodels-gen.new-"  # what the names of files begin with that are being written
_FULL = {errno.ENOSPC, errno.EDQUOT}


class DirectoryCache(BinaryCache):
    """The directory need not exist: the first file that is written makes it.

    Files that are being written are locked. Those that killed runs have left are removed.
    """

    knows_space = True

    def __init__(self, url: Directory) -> None:
        """Look at nothing yet."""
        super().__init__(url.label)
        self.files = self._path = url.path
        self._made: set[str] = set()  # directories
        self._new: set[str] = set()
        self._lock = threading.Lock()

    def get(self, name: str, most: int) -> bytes | None:
        """Return a file; see `BinaryCache.get`."""
        try:
            with (self._path / name).open("rb") as file:
                return file.read(most)
        except (FileNotFoundError, NotADirectoryError):
            self._check_place()
            return None

    def size(self, name: str) -> int | None:
        """Return the bytes of a file; see `BinaryCache.size`."""
        try:
            status = (self._path / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def put(self, name: str, content: bytes, kind: str) -> None:  # noqa: ARG002 - has no types
        """Write a file; see `BinaryCache.put`."""
        self._write(self._path / name, [content])

    def put_archive(self, name: str, archive: Archive, kind: str) -> None:  # noqa: ARG002 - as above
        """Write an archive; see `BinaryCache.put_archive`."""
        self._write(self._path / name, archive.chunks())

    def check_space(self, size: int) -> None:
        """Compare with what the file system has; see `BinaryCache.check_space`."""
        place = next(p for p in (self._path, *self._path.parents) if p.exists())
        check_space([(place, size)])

    def close(self) -> None:
        """Remove what is half written."""
        with self._lock:
            for name in self._new:
                with suppress(OSError):
                    os.unlink(name)  # noqa: PTH108 - of a temporary file

    def _check_place(self) -> None:
        """Refuse a place that is not a directory, or one with a store in it.

        Raises:
            NotADirectoryError, CacheError: It is one of these.
        """
        if self._path.exists() and not self._path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(self._path))
        if (self._path / "nix/store").is_dir():
            here = str(self._path).rstrip("/")
            raise CacheError(
                f"{self.label} has a Nix store in it, and is not a binary cache",
                f"name a directory of its own, such as {here}/cache; to copy to the "
                "store, use `nix copy --to`",
                fatal=True,
            )

    def _write(self, path: Path, chunks: Iterable[bytes]) -> None:
        try:
            self._make(path.parent)
            with self._new_file(path.parent) as (temporary, file):
                for chunk in chunks:
                    view = memoryview(chunk)
                    while view:
                        view = view[os.write(file, view) :]
                os.fsync(file)
                os.replace(temporary, path)  # noqa: PTH105 - a string
        except OSError as error:
            if error.errno in _FULL:
                raise CacheError(
                    f"{self.label} is full: {error.strerror}",
                    "free some space there, and run this command again: it continues where it "
                    "stopped",
                    fatal=True,
                ) from error
            raise OSError(error.errno, error.strerror, str(path.parent)) from error

    def _make(self, directory: Path) -> None:
        """Make a directory, and remove what killed runs have left there."""
        with self._lock:
            if str(directory) in self._made:
                return
            directory.mkdir(parents=True, exist_ok=True)
            for entry in os.scandir(directory):
                if entry.name.startswith(_NEW):
                    with suppress(OSError):
                        remove_leftover(entry.path)
            self._made.add(str(directory))

    @contextmanager
    def _new_file(self, directory: Path) -> Iterator[tuple[str, int]]:
        """Yield a new file and its descriptor, which is locked; it is removed unless renamed."""
        while True:
            name = f"{directory}/{_NEW}{secrets.token_hex(6)}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(name, flags, 0o666)  # and the umask, as for any new file
            try_lock(descriptor)
            # Somebody may have taken it for a leftover before it was locked.
            if os.fstat(descriptor).st_nlink:
                break
            os.close(descriptor)
        with self._lock:
            self._new.add(name)
        try:
            yield name, descriptor
        finally:
            with self._lock:
                self._new.discard(name)
            with suppress(OSError):  # it has been renamed
                os.unlink(name)  # noqa: PTH108 - of a temporary file
            os.close(descriptor)
