"""Progress that reads well in a Nix build log: a whole line every few seconds."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from aimodels_fetcher.log import say
from aimodels_fetcher.wording import bytes_text, duration_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

_INTERVAL = 5.0  # seconds


class ByteCounter:
    """Counts the bytes of one fetch, over all its threads.

    Args:
        arrived: Called with the number of bytes whenever some have arrived; never by two threads
            at a time. A negative number takes back what was thrown away.

    Attributes:
        received: Bytes that have arrived, thrown away or not.
        kept: Bytes that have arrived and were not thrown away.
        queued: Bytes that came with others, as many as there was room for: they had arrived before
            anybody read them.
        skipped: Bytes that were there before, and are not in the other two.
    """

    def __init__(self, arrived: Callable[[int], None] = lambda _: None) -> None:
        self.received = 0
        self.kept = 0
        self.queued = 0
        self.skipped = 0
        self._arrived = arrived
        self._lock = threading.Lock()

    def add(self, count: int, *, queued: bool = False) -> None:
        """Count bytes that have arrived; a negative count takes back what was thrown away."""
        with self._lock:
            self.queued += count * queued
            self.kept += count
            self.received += max(0, count)
            self._arrived(count)

    def skip(self, count: int) -> None:
        """Count bytes that need not arrive, because they are there."""
        with self._lock:
            self.skipped += count

    def complete(self, path: Path) -> None:
        """Count a file that is whole and right, by where it was to be written."""


class Progress(ByteCounter):
    """Counts the bytes of one fetch, and prints how far it is while it is entered.

    Args:
        label: What is fetched.
        total: Bytes in all, or None where it is not known.
    """

    def __init__(self, label: str, total: int | None) -> None:
        super().__init__()
        self._label = label
        self._total = total
        self._start = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._report, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if kind is None:
            seconds = time.monotonic() - self._start
            rate = self.kept / max(seconds, 1e-3)
            say(
                f"fetched {self._label}: {bytes_text(self.kept)} in {seconds:.1f} s "
                f"({bytes_text(rate)}/s)",
            )

    def _report(self) -> None:
        while not self._stop.wait(_INTERVAL):
            rate = self.kept / (time.monotonic() - self._start)
            done = self.kept + self.skipped
            line = f"{self._label}: {bytes_text(done)}"
            if self._total:
                line = f"{self._label}: {done / self._total:4.0%} of {bytes_text(self._total)}"
            line += f", {bytes_text(rate)}/s"
            if self._total and rate:
                line += f", {duration_text((self._total - done) / rate)} left"
            say(line)
