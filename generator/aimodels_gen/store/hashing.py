"""Hashing many files of this machine, on all processors, each once."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from aimodels_fetcher.wording import bytes_text
from aimodels_gen.net.pool import RequestPool
from aimodels_gen.store.candidates import ChangedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from aimodels_gen.store.candidates import Candidate

    Report = Callable[[str], None]


class Hasher:
    """The sha256 of files, computed in the background from when they are asked for first.

    Attributes:
        report: receives what is under way.
        warn: receives what the reader should know.
    """

    def __init__(self, report: Report, warn: Report) -> None:
        """Hash nothing yet."""
        self.report = report
        self.warn = warn
        self._pool = RequestPool(os.cpu_count() or 1)
        self._stop = threading.Event()
        self._begun: dict[Candidate, Future[str]] = {}
        self._told: set[Path] = set()

    def close(self) -> None:
        """Hash no more."""
        self._stop.set()
        self._pool.close()

    def begin(self, file: Candidate) -> Future[str]:
        """Hash a file in the background."""
        if file not in self._begun:
            self._begun[file] = self._pool.submit(file.digest, self._stop)
        return self._begun[file]

    def digest(self, file: Candidate) -> str | None:
        """Return the sha256 of a file in hex; None if it cannot be read, which is warned of."""
        future = self.begin(file)
        if not future.done():
            self.report(f"hashing {file.path} ({bytes_text(file.size)})")
        try:
            return future.result()
        except ChangedError:
            self.complain(file, "was changed while it was read, and is not taken")
        except OSError as error:
            if file.is_replaced:  # by another run
                return None
            self.complain(file, f"cannot be read: {error.strerror}")
        return None

    def complain(self, file: Candidate, what: str) -> None:
        """Warn of a file, once."""
        if file.path not in self._told:
            self._told.add(file.path)
            self.warn(f"{file.path} {what}")
