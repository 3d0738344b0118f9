"""Hashing what is on this machine, in parallel threads, each file once."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from aimodels_fetcher.digests import Verifier
from aimodels_gen.amounts import Amount, Speed
from aimodels_gen.net.pool import RequestPool

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from types import TracebackType

    from typing_extensions import Self

    from aimodels_gen.amounts import Show

T = TypeVar("T")

_BUFFER = 1 << 20
_MOST_THREADS = 8  # a disk is not faster with more


@dataclass(frozen=True)
class Hashed:
    """A file that was read.

    Attributes:
        error: why it could not be, None if it was.
        is_gone: whether it is because something else is there, or nothing.
    """

    sha256: str = ""
    git_blob_id: str = ""
    size: int = 0
    error: str | None = None
    is_gone: bool = False


class Hasher:
    """Reads files until the end of the block."""

    def __init__(self, progress: Show = lambda _: None) -> None:
        """Start no thread yet; `progress` receives how far it is."""
        self._pool = RequestPool(min(os.cpu_count() or 1, _MOST_THREADS))
        self._progress = progress
        self._files: dict[tuple[str, bool], Future[Hashed]] = {}
        self._done = self._total = 0
        self._speed = Speed()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.close()

    def file(self, path: str, *, git: bool = False) -> Future[Hashed]:
        """Return what is in a file, to be; each is read once, by whatever path it is asked for.

        Args:
            path: Of the file, or of a link to it.
            git: Whether its git blob id is wanted, too.
        """
        key = os.path.realpath(path), git
        if key not in self._files:
            with suppress(OSError):
                self._total += Path(path).stat().st_size
            self._files[key] = self._pool.submit(self._read, *key)
        return self._files[key]

    def call(self, work: Callable[[], T]) -> Future[T]:
        """Return what something else returns that reads files."""
        return self._pool.submit(work)

    def _read(self, path: str, git: bool) -> Hashed:  # noqa: FBT001 - positional in the pool
        try:
            size = Path(path).stat().st_size
            verifier = Verifier(git_size=size if git else None)
            with Path(path).open("rb", buffering=0) as file:
                while data := file.read(_BUFFER):
                    verifier.update(data)
                    self._count(len(data))
        except OSError as error:
            is_gone = isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError))
            return Hashed(error=error.strerror or str(error), is_gone=is_gone)
        return Hashed(verifier.sha256, verifier.git_blob_id or "", verifier.size)

    def _count(self, number: int) -> None:
        with self._lock:
            self._done += number
            total = max(self._total, self._done)
            self._progress(Amount("hashed", self._done, total, self._speed.at(self._done)))
