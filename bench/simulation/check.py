"""Compare what the simulation predicts for a few nodes with what they take in a small network."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness import scratch
from report import Figure, Row, absent, row, seconds
from simulation import ways
from simulation.server import PORT
from simulation.site import Site
from simulation.world import FIRST
from support.environment import CHECKOUT
from support.nginx import PROGRAM
from support.nix import UnavailableError, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Settings
    from support.nix import NixEnv

# Bytes a second. Slow, for the CPUs of this machine not to be what is waited for.
_ORIGIN, _CACHE, _NIC = 8e6, 24e6, 16e6
_NODES = (1, 2, 4, 8)
_PART = 128  # of the size of a model
_FILES = 8
_NEAR = 0.15
_SHORT = 1  # seconds
_PIECES, _STREAMS = 64, 4  # of peers
_WAYS = {
    "none": ("from the origin", ways.none),
    "cache": ("rack cache", ways.rack_cache),
    "pieces": ("peers, pieces", ways.pieces),
}
_PROBE = """
ip link add probe type veth peer name other
tc qdisc add dev probe root tbf rate 1mbit burst 9k limit 9k
"""
_SLICE = 256 << 10
# The nginx of `services.ai-models.fleet.serve`, with smaller slices.
_NGINX = f"""
let
  nginx = import {CHECKOUT}/nix/modules/fleet/nginx.nix {{
    lib.optionalString = condition: text: if condition then text else "";
    scheme = "http";
    host = "{FIRST}";
    hostAndPort = "{FIRST}:{PORT}";
    prefix = "";
    directory = "@DIRECTORY@/models";
    socket = "@DIRECTORY@/socket";
    keepFree = "1K";
    resolvers = [ ];
    size = "9G";
    sliceSize = "{_SLICE >> 10}K";
    enableIPv6 = false;
  }};
  location = name: "location ${{name}} {{\n${{nginx.locations.${{name}}}}\n}}\n";
in
[
  (nginx.extraConfig + toString (map location (builtins.attrNames nginx.locations)))
  nginx.http
]
"""
_TRIAL = [sys.executable, "-m", "simulation.trial"]


def _unshare() -> list[str]:
    kinds = ["--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"]
    return ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), *kinds]


def _missing() -> Iterator[str]:
    """Yield why there cannot be such a network here."""
    for program in ("unshare", "nsenter", "ip", "tc"):
        if shutil.which(program) is None:
            yield f"{program} is not installed"
            return
    if PROGRAM is None:
        yield "nginx is not installed"
    tried = subprocess.run(
        [*_unshare(), "sh", "-ec", _PROBE], check=False, capture_output=True, text=True
    )
    if tried.returncode != 0:
        yield f"no links in network namespaces: {' '.join(tried.stderr.split())}"


def measure(settings: Settings) -> Iterator[Row]:
    """Yield a row for each way and number of nodes: the time that is measured and the predicted."""
    os.environ["PATH"] += f"{os.pathsep}/usr/sbin{os.pathsep}/sbin"
    if missing := list(_missing()):
        yield absent("in network namespaces: not measured", missing)
        return
    size = max(_FILES << 10, settings.size // _PART)
    try:
        with environment("host") as nix, _binary_cache(nix, size) as wanted:
            if settings.site is not None:
                wanted["nodes"] = [n for n in _NODES if n <= settings.site.nodes]
            yield from _rows(size, [_trials(nix, wanted) for _ in range(settings.runs)])
    except UnavailableError as error:
        yield absent("in network namespaces: not measured", [str(error)])


@contextlib.contextmanager
def _binary_cache(nix: NixEnv, size: int) -> Iterator[dict[str, Any]]:
    with scratch() as directory:
        amounts = [1] * _FILES + [size // _FILES] * _FILES
        paths = []
        for number, amount in enumerate(amounts):
            file = directory / f"file-{number}"
            file.write_bytes(bytes([number]) + os.urandom(amount - 1))
            paths.append(nix.run("nix-store", "--add-fixed", "sha256", file).stdout.strip())
            file.unlink()
        served = directory / "served"
        nix.run("nix", "copy", "--to", f"file://{served}?compression=none", *paths)
        for number in range(_PIECES):
            (served / str(number)).write_bytes(bytes(size // _PIECES))
        yield {
            "served": str(served),
            "small": paths[:_FILES],
            "paths": paths[_FILES:],
            "config": nix.eval(_NGINX),
            "origin": _ORIGIN,
            "cache": _CACHE,
            "nic": _NIC,
            "pieces": _PIECES,
            "streams": _STREAMS,
            "ways": list(_WAYS),
            "nodes": _NODES,
        }


def _trials(nix: NixEnv, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    path = os.pathsep.join([str(CHECKOUT / "bench"), str(CHECKOUT / "tests")])
    with scratch() as directory:
        done = subprocess.run(
            [*_unshare(), *_TRIAL],
            check=False,
            capture_output=True,
            text=True,
            input=json.dumps({"directory": str(directory), **wanted}),
            env={**os.environ, **nix.variables(), "PYTHONPATH": path},
        )
    if done.returncode != 0:
        sys.exit(f"the network failed: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _rows(size: int, runs: list[list[dict[str, Any]]]) -> Iterator[Row]:
    found: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        for trial in run:
            found[trial["way"], trial["nodes"]].append(trial)
    yield Row(f"in network namespaces, {size / 1e6:.3g} MB for each node:", "")
    for (way, nodes), trials in found.items():
        name, simulate = _WAYS[way]
        site = _site(nodes, size)
        if way == "pieces":
            site = replace(site, pieces=_PIECES, streams=_STREAMS)
        predicted = simulate(site)
        # The fastest run: what else the machine does can only make one slower.
        took = Figure([min(trial["seconds"] for trial in trials)], seconds)
        # What Nix takes by itself is measured with files of one byte.
        idle = min(trial["idle"] for trial in trials)
        expected = Figure([predicted.seconds + idle], seconds)
        copies = max(trial["sent"] for trial in trials) / size
        what = f"  {name}, {_number(nodes)}; the origin sends {copies:.4g} x"
        line = row(what, took, expected, "predicted")
        if predicted.seconds < _SHORT:
            yield line._replace(target="too short to compare")
            continue
        deviation = took.median / expected.median - 1
        verdict = "met" if abs(deviation) < _NEAR else "MISSED"
        yield line._replace(target=f"{deviation:+.1%}, within {_NEAR:.0%}", verdict=verdict)


def _site(nodes: int, size: int) -> Site:
    # Nix 2.8 copies one path at a time. The pieces are the slices of the cache.
    return Site(
        nodes,
        size,
        origin=_ORIGIN,
        cache=_CACHE,
        nic=_NIC,
        disk=math.inf,
        streams=1,
        pieces=_FILES * max(1, size // _FILES // _SLICE),
        layers=_FILES,
        whole=True,
        wait=ways.WAIT,
    )


def _number(nodes: int) -> str:
    return "1 node" if nodes == 1 else f"{nodes} nodes"
