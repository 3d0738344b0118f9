"""Who sends which piece to whom, for peers that exchange pieces as a scheduler says."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Transfers(Protocol):
    """What moves the pieces; each calls a function when the piece is there."""

    def from_origin(self, node: int, piece: int, then: Callable[[], None]) -> None:
        """Send a piece from the origin to a node."""

    def from_peer(self, peer: int, node: int, piece: int, then: Callable[[], None]) -> None:
        """Send a piece from one node to another."""


class Swarm:
    """The scheduler. The origin sends each piece once; peers of the same rack are asked first.

    Args:
        racks: The rack of each node.
        pieces: How many pieces there are.
        streams: How many pieces a node receives at a time, sends at a time, and the origin sends.
        transfers: What moves the pieces.
    """

    def __init__(
        self, racks: Sequence[int], pieces: int, streams: int, transfers: Transfers
    ) -> None:
        self._pieces = pieces
        self._streams = streams
        self._transfers = transfers
        self._random = random.Random(0)  # noqa: S311 (the same result each time)
        nodes = range(len(racks))
        # Sets of pieces, as bits. A piece on its way is not missing.
        self._missing = [(1 << pieces) - 1 for _ in nodes]
        self._has = [0 for _ in nodes]
        self._shared = 0
        self._downloads = [0 for _ in nodes]
        self._uploads = [0 for _ in nodes]
        self._fresh = iter(range(pieces))
        self._from_origin = 0
        self._near = [[o for o in nodes if o != n and racks[o] == racks[n]] for n in nodes]
        self._far = [[o for o in nodes if racks[o] != racks[n]] for n in nodes]

    def start(self) -> None:
        """Give work to all nodes that have a stream free."""
        nodes = [n for n, used in enumerate(self._downloads) if used < self._streams]
        self._random.shuffle(nodes)
        while nodes:
            nodes = [n for n in nodes if self._ask(n) and self._downloads[n] < self._streams]

    def _ask(self, node: int) -> bool:
        if self._from_origin < self._streams:
            piece = next(self._fresh, None)
            if piece is not None:
                self._take_from_origin(node, piece)
                return True
        if not self._shared & self._missing[node]:
            return False
        return any(self._take(node, peers) for peers in (self._near[node], self._far[node]))

    def _take_from_origin(self, node: int, piece: int) -> None:
        self._from_origin += 1
        self._begin(node, piece)

        def end() -> None:
            self._from_origin -= 1
            self._end(node, piece)

        self._transfers.from_origin(node, piece, end)

    def _take(self, node: int, peers: list[int]) -> bool:
        """Take a random piece from the first peer that has one, of all from a random one on."""
        first = self._random.randrange(len(peers)) if peers else 0
        for peer in peers[first:] + peers[:first]:
            useful = self._has[peer] & self._missing[node]
            if useful and self._uploads[peer] < self._streams:
                self._take_from(peer, node, self._choose(useful))
                return True
        return False

    def _take_from(self, peer: int, node: int, piece: int) -> None:
        self._uploads[peer] += 1
        self._begin(node, piece)

        def end() -> None:
            self._uploads[peer] -= 1
            self._end(node, piece)

        self._transfers.from_peer(peer, node, piece, end)

    def _choose(self, pieces: int) -> int:
        first = self._random.randrange(self._pieces)
        bits = pieces >> first << first or pieces
        return (bits & -bits).bit_length() - 1

    def _begin(self, node: int, piece: int) -> None:
        self._missing[node] &= ~(1 << piece)
        self._downloads[node] += 1

    def _end(self, node: int, piece: int) -> None:
        self._has[node] |= 1 << piece
        self._shared |= 1 << piece
        self._downloads[node] -= 1
