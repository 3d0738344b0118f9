"""The ways in which nodes get their bytes, and how long each takes at a site."""

from __future__ import annotations

import functools
import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from simulation.flows import Network
from simulation.swarm import Swarm

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulation.site import Site

    Then = Callable[[], None]
    Route = tuple[int, ...]

# Transfers of peers end together when this part of the time for all bytes, for each node, lies
# between them: each of many would else end at a time of its own. It makes 100 nodes 3 % slower.
_GRAIN = 1e-5
# Bytes of a slice, and how many are enough to know how long many of them take.
_SLICE, _SLICES = 8 << 20, 480
# How often nginx looks whether another request has fetched what one waits for, in seconds.
WAIT = 0.5


class Result(NamedTuple):
    """What a way takes.

    Args:
        seconds: When the last node is complete.
        sent: The bytes that the origin has sent.
        received: The bytes that all nodes have received.
    """

    seconds: float
    sent: float
    received: float


class _Source(Protocol):
    def get(self, piece: int, route: Route, then: Then) -> None:
        """Send a piece over the links that follow."""


class _Links:
    """The links of a site. Those without a limit are left out of routes."""

    def __init__(self, site: Site, parts: int, grain: float = 0.0) -> None:
        self.site = site
        self.part = site.size / parts
        self.network = Network(grain)
        self.origin = self.network.link(site.origin)
        self.to_rack = [self.link(site.rack) for _ in range(site.racks)]
        self.from_rack = [self.link(site.rack) for _ in range(site.racks)]
        nics = [self.network.link(site.nic) for _ in range(site.nodes)]
        self.to_node = [(nic, *self.link(site.disk)) for nic in nics]
        self._nics = nics
        self.from_node = [self.link(site.nic) for _ in range(site.nodes)]

    def link(self, rate: float) -> Route:
        return () if math.isinf(rate) else (self.network.link(rate),)

    def between(self, here: int, there: int) -> Route:
        """Return the links from one node to another."""
        mine, its = self.site.rack_of(here), self.site.rack_of(there)
        outside = () if mine == its else self.from_rack[mine] + self.to_rack[its]
        return self.from_node[here] + outside + self.to_node[there]

    def inward(self, node: int) -> Route:
        """Return the links from outside the racks to a node."""
        return self.to_rack[self.site.rack_of(node)] + self.to_node[node]

    def result(self) -> Result:
        seconds, carried = self.network.run(), self.network.carried
        return Result(seconds, carried[self.origin], sum(carried[nic] for nic in self._nics))


class _Origin:
    def __init__(self, links: _Links) -> None:
        self._links = links

    def get(self, piece: int, route: Route, then: Then) -> None:  # noqa: ARG002 (it has all)
        self._links.network.send(self._links.part, (self._links.origin, *route), then)


class _Cache:
    """A cache, which fetches each piece once; who asks meanwhile waits."""

    def __init__(self, links: _Links, source: _Source, before: Route) -> None:
        site = links.site
        self._links = links
        self._source = source
        self._in = before + links.link(site.cache) + links.link(site.cache_disk)
        self._read = links.link(site.cache_disk)
        self._out = links.link(site.cache)
        self._waiting: dict[int, list[tuple[float, Then]] | None] = {}

    def fill(self) -> None:
        """Let it have all pieces."""
        self._waiting = dict.fromkeys(range(self._links.site.pieces))

    def get(self, piece: int, route: Route, then: Then) -> None:
        links = self._links
        if piece not in self._waiting:
            self._waiting[piece] = []
            if links.site.whole:
                fetched = functools.partial(
                    self._fetched, piece, lambda: self.get(piece, route, then)
                )
                self._source.get(piece, self._in, fetched)
            else:
                fetched = functools.partial(self._fetched, piece, then)
                self._source.get(piece, self._in + self._out + route, fetched)
        elif (waiting := self._waiting[piece]) is not None:
            waiting.append((links.network.now, functools.partial(self.get, piece, route, then)))
        else:
            links.network.send(links.part, self._read + self._out + route, then)

    def _fetched(self, piece: int, then: Then) -> None:
        waiting, self._waiting[piece] = self._waiting[piece], None
        then()
        network, wait = self._links.network, self._links.site.wait
        for since, again in waiting or ():
            if wait:
                network.after(wait - (network.now - since) % wait, again)
            else:
                again()


def _in_order(site: Site, parts: int, node: int, get: Callable[[int, int, Then], None]) -> None:
    """Let a node get files in order, as many at a time as it has streams, each part by part."""
    files = iter(range(site.layers))
    each = parts // site.layers

    def advance(part: int) -> None:
        if part % each == 0:
            if (file := next(files, None)) is None:
                return
            part = file * each
        get(node, part, lambda: advance(part + 1))

    for _ in range(site.streams):
        advance(0)


def none(site: Site) -> Result:
    """Every node takes everything from the origin."""
    links = _Links(site, site.pieces)
    origin = _Origin(links)
    for node in range(site.nodes):
        _in_order(
            site, site.pieces, node, lambda n, part, then: origin.get(part, links.inward(n), then)
        )
    return links.result()


def rack_cache(site: Site) -> Result:
    """Every rack has a cache, which takes everything from the origin once."""
    links = _Links(site, site.pieces)
    return _cached(links, _Origin(links))


def full_cache(site: Site) -> Result:
    """Every rack has a cache, which has everything before the nodes start."""
    links = _Links(site, site.pieces)
    return _cached(links, _Origin(links), full=True)


def hall_cache(site: Site) -> Result:
    """One more cache stands before those of the racks."""
    links = _Links(site, site.pieces)
    return _cached(links, _Cache(links, _Origin(links), ()))


def _cached(links: _Links, source: _Source, *, full: bool = False) -> Result:
    site = links.site
    caches = [_Cache(links, source, links.to_rack[rack]) for rack in range(site.racks)]
    for cache in caches if full else ():
        cache.fill()

    def get(node: int, part: int, then: Then) -> None:
        caches[site.rack_of(node)].get(part, links.to_node[node], then)

    for node in range(site.nodes):
        _in_order(site, site.pieces, node, get)
    return links.result()


def in_slices(way: Callable[[Site], Result], site: Site) -> Result:
    """Return what a way takes with the slices of nginx, of which a part is simulated."""
    size = _SLICES * _SLICE
    result = way(replace(site, size=size, pieces=_SLICES, whole=True, wait=WAIT))
    return Result(*(value * site.size / size for value in result))


class _Layers:
    """Nodes give each other whole layers: one that no other node has comes from the origin."""

    def __init__(self, site: Site) -> None:
        self.links = _Links(site, site.layers)
        self._site = site
        self._holders: list[list[int]] = [[] for _ in range(site.layers)]
        self._uploads = [0] * site.nodes
        self._left = [site.layers] * site.nodes
        self._random = random.Random(0)  # noqa: S311 (the same result each time)
        self.complete: Callable[[], None] = lambda: None

    def start(self, node: int) -> None:
        _in_order(self._site, self._site.layers, node, self._get)

    def _get(self, node: int, layer: int, then: Then) -> None:
        network, holders = self.links.network, self._holders[layer]
        if not holders:
            route = (self.links.origin, *self.links.inward(node))
            network.send(self.links.part, route, lambda: self._got(node, layer, then))
            return
        holder = min(holders, key=lambda other: (self._uploads[other], self._random.random()))
        self._uploads[holder] += 1

        def end() -> None:
            self._uploads[holder] -= 1
            self._got(node, layer, then)

        network.send(self.links.part, self.links.between(holder, node), end)

    def _got(self, node: int, layer: int, then: Then) -> None:
        self._holders[layer].append(node)
        self._left[node] -= 1
        then()
        if not self._left[node]:
            self.complete()


def layers(site: Site) -> Result:
    """Nodes give each other whole layers, and start at the same time."""
    exchange = _Layers(site)
    for node in range(site.nodes):
        exchange.start(node)
    return exchange.links.result()


def layers_in_waves(site: Site) -> Result:
    """Nodes give each other whole layers; as many start as are complete, first one."""
    exchange = _Layers(site)
    nodes = iter(range(site.nodes))
    complete = 0

    def more() -> None:
        nonlocal complete
        complete += 1
        # A wave is over when all that have started are complete.
        if complete & (complete - 1) == 0:
            for _ in range(complete):
                if (node := next(nodes, None)) is not None:
                    exchange.start(node)

    exchange.complete = more
    exchange.start(next(nodes))
    return exchange.links.result()


class _Pieces:
    """Pieces that go over the links of a site."""

    def __init__(self, site: Site) -> None:
        grain = _GRAIN * site.nodes * site.size / min(site.nic, site.disk)
        self.links = _Links(site, site.pieces, grain)

    def from_origin(self, node: int, piece: int, then: Then) -> None:  # noqa: ARG002 (one is as another)
        links = self.links
        links.network.send(links.part, (links.origin, *links.inward(node)), then)

    def from_peer(self, peer: int, node: int, piece: int, then: Then) -> None:  # noqa: ARG002 (as above)
        links = self.links
        links.network.send(links.part, links.between(peer, node), then)


def pieces(site: Site) -> Result:
    """Nodes exchange pieces while they get them; the origin sends each piece once."""
    transfers = _Pieces(site)
    racks = [site.rack_of(node) for node in range(site.nodes)]
    network = transfers.links.network
    swarm = Swarm(racks, site.pieces, site.streams, transfers)
    network.idle = swarm.start
    swarm.start()
    return transfers.links.result()
