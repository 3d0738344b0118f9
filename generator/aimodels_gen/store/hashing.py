"""Hashing many files of this machine, on all processors, each once."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from aimodels_gen.amounts import Amount, Speed
from aimodels_gen.net.pool import RequestPool
from aimodels_gen.store.candidates import ChangedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from aimodels_gen.amounts import Show
    from aimodels_gen.store.candidates import Candidate

    Report = Callable[[str], None]


class Hasher:
    """The sha256 of files, computed in the background from when they are asked for first.

    Attributes:
        report: receives what is under way.
        warn: receives what the reader should know.
    """

    def __init__(self, report: Show, warn: Report) -> None:
        """Hash nothing yet."""
        self.report = report
        self.warn = warn
        self._pool = RequestPool(os.cpu_count() or 1)
        self._stop = threading.Event()
        self._begun: dict[Candidate, Future[str]] = {}
        self._told: set[Path] = set()
        self._lock = threading.Lock()
        self._label = ""  # of what is waited for
        self._done = self._total = 0
        self._speed = Speed()

    def close(self) -> None:
        """Hash no more."""
        self._stop.set()
        self._pool.close()

    def begin(self, file: Candidate) -> Future[str]:
        """Hash a file in the background."""
        if file not in self._begun:
            self._total += file.size
            self._begun[file] = self._pool.submit(file.digest, self._stop, self._count)
        return self._begun[file]

    def digest(self, file: Candidate) -> str | None:
        """Return the sha256 of a file in hex; None if it cannot be read, which is warned of."""
        future = self.begin(file)
        if not future.done():
            self._label = f"hashing {file.path.name}"
            self._count(0)
        try:
            return future.result()
        except ChangedError:
            self.complain(file, "was changed while it was read, and is not taken")
        except OSError as error:
            if file.is_replaced:  # by another run
                return None
            self.complain(file, f"cannot be read: {error.strerror}")
        finally:
            self._label = ""
        return None

    def complain(self, file: Candidate, what: str) -> None:
        """Warn of a file, once."""
        if file.path not in self._told:
            self._told.add(file.path)
            self.warn(f"{file.path} {what}")

    def _count(self, number: int) -> None:
        with self._lock:
            self._done += number
            total = max(self._total, self._done)
            amount = Amount(self._label, self._done, total, self._speed.at(self._done))
        if amount.label:
            self.report(amount)
