"""How many bytes of how many there are: a value, which a terminal shows as a bar, and its text."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_STEP = 0.1  # seconds between two counts that are kept
_SPEED_SECONDS = 5.0  # over which the speed is measured
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True)
class Amount:
    """How far something is that counts bytes.

    Attributes:
        label: what is under way.
        done: bytes that are there.
        total: bytes in all.
        rate: bytes a second; 0 where it is not known.
    """

    label: str
    done: int
    total: int
    rate: float = 0.0

    @property
    def numbers(self) -> str:
        """Return all but the label: `1.1 of 1.2 GiB 82.0 MiB/s 0:03`."""
        text = share_text(self.done, self.total)
        if not int(self.rate):
            return text
        left = clock_text((self.total - self.done) / self.rate)
        return f"{text} {share_text(None, int(self.rate))}/s {left}"

    def __str__(self) -> str:
        """Return it as a line: `big 2/4 1.1 of 1.2 GiB 82.0 MiB/s 0:03`."""
        return f"{self.label} {self.numbers}"


Show = Callable[[str | Amount], None]


class Speed:
    """The bytes a second of the last seconds."""

    def __init__(self) -> None:
        """Begin with no bytes."""
        self._counts: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def at(self, count: int) -> float:
        """Return it, now that so many bytes have come since the beginning."""
        now = time.monotonic()
        while len(self._counts) > 1 and now - self._counts[1][0] >= _SPEED_SECONDS:
            self._counts.popleft()
        if now - self._counts[-1][0] >= _STEP:
            self._counts.append((now, count))
        then, before = self._counts[0]
        return (count - before) / (now - then) if now > then else 0.0


def share_text(done: int | None, total: int) -> str:
    """Return how much of a number of bytes is there, in one unit: `1.1 of 1.2 GiB`."""
    unit = 0
    while total >> (10 * (unit + 1)) and unit < len(_UNITS) - 1:
        unit += 1
    digits = 1 if unit else 0
    texts = [f"{one / (1 << 10 * unit):.{digits}f}" for one in (done, total) if one is not None]
    return f"{' of '.join(texts)} {_UNITS[unit]}"


def clock_text(seconds: float) -> str:
    """Return a duration as clocks show it: `0:03`, `1:02:03`."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
