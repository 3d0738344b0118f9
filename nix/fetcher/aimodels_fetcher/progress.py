"""Progress that reads well in a Nix build log: a whole line every few seconds."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from aimodels_fetcher.log import say
from aimodels_fetcher.wording import bytes_text, duration_text

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_INTERVAL = 5.0


class Progress:
    """Counts the bytes of one fetch, over all its threads.

    Args:
        label: What is fetched.
        total: Bytes in all, or None where it is not known.

    Attributes:
        received: Bytes that have arrived, thrown away or not.
    """

    def __init__(self, label: str, total: int | None) -> None:
        self._label = label
        self._total = total
        self._done = 0
        self.received = 0
        self._start = time.monotonic()
        self._lock = threading.Lock()
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
            rate = self._done / max(seconds, 1e-3)
            say(
                f"fetched {self._label}: {bytes_text(self._done)} in {seconds:.1f} s "
                f"({bytes_text(rate)}/s)",
            )

    def add(self, count: int) -> None:
        """Count bytes that have arrived; a negative count takes back what was thrown away."""
        with self._lock:
            self._done += count
            self.received += max(0, count)

    def _report(self) -> None:
        while not self._stop.wait(_INTERVAL):
            rate = self._done / (time.monotonic() - self._start)
            line = f"{self._label}: {bytes_text(self._done)}"
            if self._total:
                line = (
                    f"{self._label}: {self._done / self._total:4.0%} of {bytes_text(self._total)}"
                )
            line += f", {bytes_text(rate)}/s"
            if self._total and rate:
                line += f", {duration_text((self._total - self._done) / rate)} left"
            say(line)
