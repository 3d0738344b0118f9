"""Transfers that share links, as fluids do: each has its max-min fair rate until one ends."""

from __future__ import annotations

import heapq
import itertools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# What counts as nothing left, as a part of a transfer: the error of floating point.
_REST = 1e-9


class _Flow:
    __slots__ = ("left", "rate", "rest", "route", "then")

    def __init__(self, amount: float, route: tuple[int, ...], then: Callable[[], None]) -> None:
        self.left = amount
        self.rest = amount * _REST
        self.rate = -1.0
        self.route = route
        self.then = then


class Network:
    """Links, and the transfers over them.

    Args:
        grain: Seconds. Transfers that end within this time of each other end together, at the time
            of the last; 0 is exact, and more takes less work.
    """

    def __init__(self, grain: float = 0.0) -> None:
        self.now = 0.0
        self.carried: list[float] = []  # bytes, of each link
        self._grain = grain
        self._rates: list[float] = []
        self._flows: list[_Flow] = []
        self.idle: Callable[[], None] = lambda: None  # called after all that ended at one time
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def link(self, rate: float) -> int:
        """Add a link that carries so many bytes a second, and return its number."""
        self._rates.append(rate)
        self.carried.append(0.0)
        return len(self._rates) - 1

    def send(self, amount: float, route: Iterable[int], then: Callable[[], None]) -> None:
        """Start a transfer of bytes over links, and call a function when it has ended."""
        self._flows.append(_Flow(amount, tuple(route), then))

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Call a function after some time."""
        heapq.heappush(self._timers, (self.now + seconds, next(self._count), call))

    def run(self) -> float:
        """Run until no transfer is left, and return the time in seconds."""
        while self._flows or self._timers:
            self._set_rates()
            ends = (flow.left / flow.rate for flow in self._flows)
            seconds = min(ends, default=math.inf) + self._grain
            if self._timers:
                seconds = min(seconds, self._timers[0][0] - self.now)
            self._advance(seconds)
            while self._timers and self._timers[0][0] <= self.now:
                heapq.heappop(self._timers)[2]()
        return self.now

    def _advance(self, seconds: float) -> None:
        self.now += seconds
        going: list[_Flow] = []
        ended: list[_Flow] = []
        for flow in self._flows:
            amount = min(flow.left, flow.rate * seconds)
            for link in flow.route:
                self.carried[link] += amount
            flow.left -= amount
            (going if flow.left > flow.rest else ended).append(flow)
        self._flows = going
        for flow in ended:
            flow.then()
        if ended:
            self.idle()

    def _set_rates(self) -> None:
        """Fill all links evenly; a transfer's rate is set by the link that is full first."""
        free = self._rates.copy()
        users: dict[int, list[_Flow]] = {}
        for flow in self._flows:
            flow.rate = -1.0
            for link in flow.route:
                users.setdefault(link, []).append(flow)
        count = {link: len(flows) for link, flows in users.items()}
        shares = [(free[link] / number, link) for link, number in count.items()]
        heapq.heapify(shares)
        while shares:
            share, link = heapq.heappop(shares)
            if not count[link]:
                continue
            # The shares of a link only grow while others fill up.
            if (now := free[link] / count[link]) > share * (1 + _REST):
                heapq.heappush(shares, (now, link))
                continue
            for flow in users[link]:
                if flow.rate < 0:
                    flow.rate = share
                    for other in flow.route:
                        free[other] -= share
                        count[other] -= 1
