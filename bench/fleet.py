"""How long a fleet takes to get its models, simulated for given links."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from report import Figure, Row, ratio, row, seconds
from simulation import check, ways
from simulation.site import Site, gigabits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness import Settings

_RACK = 16
# One rack, and a hall with a cache for all, a cache for each rack, and faster links of caches.
_SITES = (
    Site(_RACK, 100e9),
    Site(100, 500e9),
    Site(100, 500e9, per_rack=_RACK),
    Site(100, 500e9, per_rack=_RACK, origin=gigabits(100), cache=gigabits(100)),
)
_WAYS: dict[str, Callable[[Site], ways.Result]] = {
    "from the origin": ways.none,
    "rack caches": partial(ways.in_slices, ways.rack_cache),
    "rack caches behind one": partial(ways.in_slices, ways.hall_cache),
    "full rack caches": ways.full_cache,
    "peers, layers": ways.layers,
    "peers, layers in waves": ways.layers_in_waves,
    "peers, pieces": ways.pieces,
}
_NONE = "from the origin"
_TARGET = 600  # seconds, for 16 nodes with 100 GB each from one cache with 25 Gbit/s
_MINUTE, _HOUR, _LONG = 60, 3600, 2
_GB = 1e9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a site that is simulated in place of the usual ones."""
    group = parser.add_argument_group("a site for fleet, in place of the usual ones")
    for name, unit, what in (
        ("nodes", "N", "nodes [16]"),
        ("each", "GB", "what each of them needs [100]"),
        ("per-rack", "N", "nodes that share a rack and its cache [all]"),
        ("origin", "GBIT", "uplink of the origin, in Gbit/s [10]"),
        ("rack", "GBIT", "link of a rack to the others [no limit]"),
        ("cache", "GBIT", "link of a cache [25]"),
        ("nic", "GBIT", "link of a node [25]"),
        ("disk", "GB/S", "what a node checks and writes, in GB/s [2]"),
    ):
        kind = _number(int) if unit == "N" else _number(float)
        group.add_argument(f"--{name}", type=kind, metavar=unit, help=what)


def _number(kind: Callable[[str], float]) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < math.inf:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} above 0")
        return value

    return parse


def site(arguments: argparse.Namespace) -> Site | None:
    """Return the site that the options describe, or None without any."""
    links = {name: getattr(arguments, name) for name in ("origin", "rack", "cache", "nic")}
    given = {
        "nodes": arguments.nodes,
        "size": arguments.each and arguments.each * _GB,
        "per_rack": arguments.per_rack,
        "disk": arguments.disk and arguments.disk * _GB,
        **{name: rate and gigabits(rate) for name, rate in links.items()},
    }
    changes = {name: value for name, value in given.items() if value is not None}
    return replace(_SITES[0], **changes) if changes else None


def measure(settings: Settings) -> Iterator[Row]:
    """Simulate each way at each site, and compare the model with a network of a few nodes."""
    for place in _SITES if settings.site is None else (settings.site,):
        yield Row(_describe(place), "")
        results = {name: way(place) for name, way in _WAYS.items()}
        its = Figure([results[_NONE].seconds], duration)
        for name, result in results.items():
            time = Figure([result.seconds], duration)
            wanted = _TARGET if place is _SITES[0] and name == "rack caches" else None
            sent = result.sent / place.size
            yield row(f"  {name}; the origin sends {sent:.3g} x", time, its, _NONE, under=wanted)
    yield from check.measure(settings)


def duration(value: float) -> str:
    """Format a time that may be long."""
    if value < _LONG * _MINUTE:
        return seconds(value)
    if value < _LONG * _HOUR:
        return f"{value / _MINUTE:.1f} min"
    return f"{value / _HOUR:.1f} h"


def _describe(place: Site) -> str:
    number = place.racks
    racks = f", {number} racks" if number > 1 else ""
    line = ratio(place.cache / gigabits(1))
    return f"{place.nodes} x {place.size / _GB:.0f} GB{racks}, caches with {line} Gbit/s:"
