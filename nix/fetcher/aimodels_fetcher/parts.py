"""Which bytes of a file are there, which are being fetched, and which no worker has taken yet."""

from __future__ import annotations

import time
from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

UNKNOWN = 1 << 62
"""Stands for the size of a file while it is not known."""

_SMALLEST = 4 << 20
_LARGEST = 64 << 20
_LONG_SECONDS = 4.0  # that the rest of a part may take while others have nothing to do
_WORTH_A_REQUEST = 256 << 10


@dataclass(eq=False)
class Part:
    """Bytes that one worker is fetching.

    Args:
        at: The first byte that is missing; grows as they arrive.
        end: The first byte after the part; may come nearer while it is being fetched.
    """

    at: int
    end: int
    start: int = field(init=False)
    reserved: int = field(init=False)
    since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.start = self.reserved = self.at

    @property
    def left(self) -> int:
        """How many bytes are missing."""
        return self.end - self.at

    @property
    def speed(self) -> float:
        """Bytes a second so far; never 0, because it is a divisor."""
        return max(self.at - self.start, 1) / max(time.monotonic() - self.since, 1e-3)

    def reserve(self, count: int) -> int:
        """Announce that bytes are about to be written, which no other part may do from then on.

        Returns:
            How many of them are still wanted of this part.
        """
        count = min(count, self.left)
        self.reserved = self.at + count
        return count


class Parts:
    """The parts of one file. Not safe to use from several threads without a lock.

    Args:
        size: Bytes of the file, or UNKNOWN.
        largest: Bytes of the largest part.
        ahead: How far after the last byte that was `consumed` a part may start, in bytes; None for
            anywhere.
        missing: The first byte of each gap and the first one after it, where some bytes are there.

    Attributes:
        consumed: Number of bytes, from the first one on, that are no longer needed.
    """

    def __init__(
        self,
        size: int,
        largest: int = _LARGEST,
        ahead: int | None = None,
        missing: Iterable[tuple[int, int]] | None = None,
    ) -> None:
        self.size = size
        self.consumed = 0
        self._largest = largest
        self._ahead = ahead
        self._pace = 0.0
        self._taken: list[Part] = []
        self._missing: list[tuple[int, int]] = []
        for start, end in [(0, size)] if missing is None else missing:
            self._add(start, end)

    @property
    def sharers(self) -> int:
        """How many parts are being fetched."""
        return len(self._taken)

    @property
    def wanting(self) -> bool:
        """Whether there are bytes that no worker has taken."""
        return bool(self._missing)

    @property
    def complete(self) -> bool:
        """Whether every byte is there."""
        return self.frontier == self.size

    @property
    def missing(self) -> list[tuple[int, int]]:
        """The gaps: what is not there yet, whether a worker has taken it or not."""
        taken = [(part.at, part.end) for part in self._taken if part.left]
        gaps: list[tuple[int, int]] = []
        for start, end in sorted([*self._missing, *taken]):
            if gaps and gaps[-1][1] == start:
                start = gaps.pop()[0]  # noqa: PLW2901 (they are one gap)
            gaps.append((start, end))
        return gaps

    @property
    def frontier(self) -> int:
        """Number of bytes that are there without a gap, from the first one on."""
        gaps = [part.at for part in self._taken if part.left]
        gaps += [start for start, _ in self._missing[:1]]
        return min(gaps, default=self.size)

    def too_far(self, at: int) -> bool:
        """Return whether this is further ahead of what was consumed than it should be."""
        return self._ahead is not None and at > self.consumed + self._ahead

    def take(self, sharers: int | None) -> Part | None:
        """Take the next part, or None where nothing can be taken at the moment.

        Parts get smaller towards the end of a file, so that all sharers are done at about the same
        time (guided self-scheduling: Polychronopoulos and Kuck, 1987). When all are taken, a part
        that will be late at its speed is split.

        Args:
            sharers: How many may be taking parts of this file; None for one that takes all that is
                missing at its place.
        """
        if not self._missing or self.too_far(self._missing[0][0]):
            return self._split()
        left = sum(end - start for start, end in self._missing)
        start, end = self._missing.pop(0)
        part = Part(start, end)
        if sharers:
            part.end = min(end, start + min(max(left // (2 * sharers), _SMALLEST), self._largest))
        self._add(part.end, end)
        self._taken.append(part)
        return part

    def _split(self) -> Part | None:
        slowest = max(self._taken, key=lambda part: part.left / part.speed, default=None)
        if slowest is None or slowest.left < _WORTH_A_REQUEST:
            return None
        seconds = time.monotonic() - slowest.since
        if min(seconds, slowest.left / slowest.speed) < _LONG_SECONDS:
            return None
        # As if whoever takes the other half were as fast as the last one that was done.
        share = slowest.speed / (slowest.speed + max(self._pace, slowest.speed))
        middle = max(slowest.reserved, slowest.at + int(slowest.left * share))
        half = Part(middle, slowest.end)
        slowest.end = middle
        self._taken.append(half)
        return half

    def take_all(self) -> list[Part]:
        """Take everything that is left, in the order of the file."""
        parts = [Part(start, end) for start, end in self._missing]
        self._missing = []
        self._taken += parts
        return parts

    def give_back(self, part: Part) -> None:
        """Return a part that was taken: what of it is missing may be taken again."""
        self._taken.remove(part)
        self._pace = part.speed
        self._add(part.at, part.end)

    def resize(self, size: int) -> None:
        """Cut the file to the size that has become known, in bytes."""
        self.size = size
        for part in self._taken:
            part.end = max(part.at, min(part.end, size))
        missing, self._missing = self._missing, []
        for start, end in missing:
            self._add(start, min(end, size))

    def _add(self, start: int, end: int) -> None:
        if start < end:
            insort(self._missing, (start, end))
