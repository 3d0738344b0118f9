"""How many connections make a fetch fastest."""

from __future__ import annotations

import os
import time

from aimodels_fetcher import peer_connections


class ConcurrencyController:
    """How many connections there should be.

    Doubled as long as that makes the fetch faster; halved when a server has enough of us.

    Args:
        most: Never more than that.
    """

    _FEW = 2
    _PAYS = 1.1  # times the speed before
    _CHANCES = 20  # looks, in which new connections get going
    _PATIENCE = 100  # looks, until what did not pay is tried again

    def __init__(self, most: int) -> None:
        self.now = min(self._FEW, most)
        self._most = most
        self._before = self.now
        self._speed = 0.0
        self._looks = 0
        self._hold = 0
        self._backed_off = 0.0

    def missing(self, running: int) -> int:
        """Return how many to add to those that run, where others on this machine leave room."""
        missing = self.now - running
        if missing > 0 and running and (others := peer_connections.count()):
            # One by one, since they look for room as well.
            missing = min(1, self._most - running - others)
        return max(0, missing)

    def look(self, speed: float, *, queued: bool = False) -> None:
        """Decide from the speed since the last look.

        Args:
            speed: In bytes a second.
            queued: Whether most bytes had arrived before anybody read them: servers wait for us
                then, and more threads than processors would only take turns.
        """
        if not speed:
            return  # whatever is wrong there, more connections are no answer
        if queued and self.now >= _processors():
            return
        if self._hold:
            self._hold -= 1
            return
        self._looks += 1
        if self.now == self._before or speed > self._speed * self._PAYS:
            self._before, self._speed, self._looks = self.now, speed, 0
            self.now = min(self._most, self.now * 2)
        elif self._looks == self._CHANCES:
            self.now = self._before
            self._hold = self._PATIENCE

    def crowded(self) -> None:
        """Use fewer where a server has too many of us; several may fail for one reason."""
        now = time.monotonic()
        if now - self._backed_off > 1:
            self._backed_off = now
            self.back_off()

    def back_off(self) -> None:
        """Use half as many."""
        self.now = self._before = max(1, self.now // 2)
        self._hold = self._PATIENCE


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
