"""The simulation of fleets agrees with what can be computed, and loses no bytes."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.insert(0, str(CHECKOUT / "bench"))

from simulation import ways
from simulation.flows import Network
from simulation.site import Site, gigabits

ALL = (
    ways.none,
    ways.rack_cache,
    ways.hall_cache,
    ways.full_cache,
    ways.layers,
    ways.layers_in_waves,
    ways.pieces,
)
MB = 1e6
# Links that are fast enough never to be what is waited for.
FAST = 1e12
SITE = Site(
    6, 100 * MB, origin=10 * MB, cache=FAST, nic=FAST, disk=FAST, pieces=200, layers=20, streams=2
)
NEAR = pytest.approx


def nothing() -> None:
    pass


def test_links_are_shared_fairly() -> None:
    # One transfer is held back by a link of its own; the other two share what is left.
    network = Network()
    shared, slow = network.link(10), network.link(2)
    ends: dict[str, float] = {}

    def record(name: str) -> Callable[[], None]:
        return lambda: ends.update({name: network.now})

    network.send(10, [shared, slow], record("slow"))
    network.send(20, [shared], record("first"))
    network.send(40, [shared], record("second"))
    assert network.run() == NEAR(7)
    # 2, 4 and 4 a second until two have ended at 5; then the third has all 10.
    assert ends == NEAR({"slow": 5, "first": 5, "second": 7})


def test_a_transfer_after_another() -> None:
    network = Network()
    link = network.link(5)
    network.send(10, [link], lambda: network.send(5, [link], nothing))
    assert network.run() == NEAR(3)
    assert network.carried == NEAR([15])


def test_transfers_that_end_at_about_the_same_time_end_together() -> None:
    network = Network(grain=0.1)
    links = [network.link(10), network.link(10.1)]
    for link in links:
        network.send(100, [link], nothing)
    assert network.run() <= 10.1
    assert network.carried == NEAR([100, 100])


@pytest.mark.parametrize("way", ALL)
@pytest.mark.parametrize("per_rack", [None, 4])
def test_bytes_are_neither_lost_nor_made(
    way: Callable[[Site], ways.Result], per_rack: int | None
) -> None:
    site = replace(SITE, nodes=9, per_rack=per_rack, nic=20 * MB, rack=30 * MB, cache=40 * MB)
    result = way(site)
    assert result.received == NEAR(9 * site.size)
    copies = result.sent / site.size
    if way is ways.full_cache:
        assert copies == 0
        return
    once = {ways.hall_cache, ways.layers_in_waves, ways.pieces}
    assert copies == NEAR(site.racks if way is ways.rack_cache else 1 if way in once else copies)
    assert 1 <= copies + 1e-9 <= 9 + 1e-6
    # Neither the origin nor a node is faster than its link.
    assert result.seconds >= result.sent / site.origin
    assert result.seconds >= site.size / site.nic


@pytest.mark.parametrize(
    ("way", "site", "seconds"),
    [
        # The origin's uplink, N times.
        (ways.none, SITE, 60),
        # Nodes that start together and exchange only what is whole are no better off.
        (ways.layers, SITE, 60),
        # It once; once for each rack.
        (ways.rack_cache, SITE, 10),
        (ways.rack_cache, replace(SITE, per_rack=2), 30),
        (ways.hall_cache, replace(SITE, per_rack=2), 10),
        # The cache's link, N times; the link of a rack once for it, and for each node without it.
        (ways.rack_cache, replace(SITE, cache=20 * MB), 30),
        (ways.rack_cache, replace(SITE, rack=5 * MB), 20),
        (ways.none, replace(SITE, rack=5 * MB, per_rack=3), 60),
        (ways.none, replace(SITE, rack=2 * MB, per_rack=3), 150),
        # A cache that has slices before it sends them: all nodes ask for the next one together.
        (ways.rack_cache, replace(SITE, cache=20 * MB, whole=True), 40),
        (ways.hall_cache, replace(SITE, cache=20 * MB, whole=True), 45),
        (ways.full_cache, replace(SITE, cache=20 * MB, per_rack=3), 15),
        # A node's own link and disk.
        (ways.rack_cache, replace(SITE, nic=4 * MB), 25),
        (ways.none, replace(SITE, nodes=1, disk=2 * MB), 50),
        # A cache that reads each byte from its disks for each node.
        (ways.rack_cache, replace(SITE, cache_disk=25 * MB), 20),
        # Peers: the origin's uplink once, or what all can send to each other.
        (ways.pieces, SITE, 10),
        (ways.pieces, replace(SITE, origin=FAST, nic=10 * MB), 10),
    ],
)
def test_known_times(way: Callable[[Site], ways.Result], site: Site, seconds: float) -> None:
    assert way(site).seconds == NEAR(seconds, rel=0.05)


def test_who_waits_in_a_cache_looks_now_and_then() -> None:
    # The first has it after 10 seconds; the second looks after 3, 6, 9 and 12.
    site = replace(SITE, nodes=2, streams=1, layers=1, pieces=1, wait=3)
    assert ways.rack_cache(site).seconds == NEAR(12, rel=0.001)


@pytest.mark.parametrize("nodes", [1, 2, 4, 16])
def test_waves_double(nodes: int) -> None:
    # The first takes all from the origin; in each wave, one sends to one.
    site = replace(SITE, nodes=nodes, nic=20 * MB)
    assert ways.layers_in_waves(site).seconds == NEAR(10 + 5 * math.log2(nodes), rel=0.05)


@pytest.mark.parametrize("way", ALL)
def test_more_bytes_take_longer_and_faster_links_do_not(
    way: Callable[[Site], ways.Result],
) -> None:
    site = replace(
        SITE, nodes=8, per_rack=4, nic=20 * MB, rack=30 * MB, cache=40 * MB, disk=30 * MB
    )
    time = way(site).seconds
    assert way(replace(site, size=2 * site.size)).seconds == NEAR(2 * time, rel=0.02)
    assert way(replace(site, nodes=12)).seconds > 0.97 * time
    for link in ("origin", "rack", "cache", "nic", "disk"):
        faster = replace(site, **{link: 2 * getattr(site, link)})
        # Which peer is asked is chance; only transfers without choice are exact.
        assert way(faster).seconds < 1.05 * time, link


def test_sixteen_nodes_and_one_cache() -> None:
    site = Site(16, 100e9)
    least = ways.full_cache(site).seconds
    found = ways.in_slices(ways.rack_cache, site)
    # Slices and waiting for them cost a little.
    assert least < found.seconds < 1.1 * least
    assert found.seconds < 600
    assert found.sent == NEAR(site.size)
    assert found.received == NEAR(16 * site.size)


def test_links_carry_less_than_their_rate() -> None:
    assert gigabits(25) == NEAR(2.94e9, rel=0.01)
