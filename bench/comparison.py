"""The figures of all clients that downloaded the same model at the same bandwidth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from clients import CLIENTS, OURS
from report import Figure, ratio, seconds, size

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients import Client
    from process import Cost
    from statichub import Model

RIGHT = {1, 2, 3, 4, 5, 6}  # the columns of figures
_HEADER = ("", "time ", "ours/its", "CPU time ", "memory ", "requests ", "received ")


class Run(NamedTuple):
    """The cost of a run, the requests that the server answered, and the bytes that it sent."""

    cost: Cost
    requests: int
    received: int


@dataclass(frozen=True)
class Comparison:
    """The runs of each client by its name, or what is not installed for it.

    Args:
        model: What they downloaded.
        rate: Bytes a second that a connection could get, or None.
    """

    model: Model
    rate: int | None
    runs: dict[str, list[Run]] = field(default_factory=dict)
    lacking: dict[str, list[str]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The model and the bandwidth, as text."""
        return f"{self.model.what}, {self.line}"

    @property
    def line(self) -> str:
        """The bandwidth, as text."""
        return f"{self.rate / 1e6:.0f} MB/s a connection" if self.rate else "no limit"

    def time(self, client: str) -> Figure:
        """Return the seconds that a client took."""
        return self._figure(client, lambda run: run.cost.seconds, seconds)

    def work(self, client: str) -> Figure:
        """Return its CPU time in seconds."""
        return self._figure(client, lambda run: run.cost.cpu, seconds)

    def memory(self, client: str) -> Figure:
        """Return its peak of resident memory in bytes."""
        return self._figure(client, lambda run: run.cost.memory, size)

    def requests(self, client: str) -> Figure:
        """Return the number of requests that it sent."""
        return self._figure(client, lambda run: run.requests, "{:,.0f}".format)

    def received(self, client: str) -> Figure:
        """Return the bytes that the server sent to it."""
        return self._figure(client, lambda run: run.received, size)

    def lines(self) -> list[tuple[str, ...]]:
        """Return the cells of the table of all figures, with its header."""
        took_part = (c for c in CLIENTS if c.name in self.runs or c.name in self.lacking)
        return [_HEADER, *map(self._cells, took_part)]

    def _cells(self, client: Client) -> tuple[str, ...]:
        name = client.name
        if name in self.lacking:
            lacking = " and ".join(self.lacking[name])
            return (name, f"no {lacking} ", *[""] * (len(_HEADER) - 2))
        beside = "" if name == OURS else ratio(self.time(OURS).median / self.time(name).median)
        asked = ("", "") if client.floor else (self.requests(name), self.received(name))
        cells = (self.time(name), beside, self.work(name), self.memory(name), *asked)
        return (name, *map(str, cells))

    def _figure(
        self, client: str, value: Callable[[Run], float], text: Callable[[float], str]
    ) -> Figure:
        return Figure([value(run) for run in self.runs[client]], text)
