"""A site: nodes in racks, and how fast what is between them and the origin is."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Of what a link of Ethernet carries, the payload of TCP: 1,448 bytes of each 1,538 on the wire.
_PAYLOAD = 1448 / 1538


def gigabits(rate: float) -> float:
    """Return the bytes of payload in a second that a link of so many Gbit/s carries."""
    return rate * 1e9 / 8 * _PAYLOAD


@dataclass(frozen=True)
class Site:
    """What the nodes are to get, and the rates of links in bytes of payload a second.

    Args:
        nodes: How many nodes there are.
        size: The bytes that each node needs.
        per_rack: How many nodes share a rack, its link and its cache; None for all of them.
        origin: The uplink of the origin: a bucket, or the line of the site to it.
        rack: The link between a rack and the others, in each direction.
        cache: The link of a cache, in each direction.
        cache_disk: What a cache reads from its disks, and what it writes to them.
        nic: The link of a node, in each direction.
        disk: What a node can check and write.
        streams: How many transfers a node has at a time.
        pieces: In how many parts a transfer is counted; a multiple of `layers`. Peers and caches
            exchange such parts.
        layers: How many files or layers a model has.
        whole: Whether a cache has a part before it sends any of it, as nginx has slices. If not, it
            passes on what it receives: what many small slices, at different times, come to.
        wait: How often who waits for a part in a cache looks whether it is there, in seconds; 0 if
            it is told.
    """

    nodes: int
    size: float
    per_rack: int | None = None
    origin: float = gigabits(10)
    rack: float = math.inf
    cache: float = gigabits(25)
    cache_disk: float = math.inf
    nic: float = gigabits(25)
    disk: float = 2e9
    streams: int = 4
    pieces: int = 240
    layers: int = 30
    whole: bool = False
    wait: float = 0.0

    @property
    def racks(self) -> int:
        """How many racks there are."""
        return math.ceil(self.nodes / (self.per_rack or self.nodes))

    def rack_of(self, node: int) -> int:
        """Return the rack in which a node is."""
        return node // (self.per_rack or self.nodes)
