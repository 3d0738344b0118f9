"""The real thing: nginx and Nix in network namespaces, with links that are as slow as wanted.

It is a program for a process with namespaces of its own, which `simulation.check` starts; it prints
a line of JSON for each trial.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulation.peers import Peers
from simulation.server import PORT, Server
from simulation.world import Host, World

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Trials:
    def __init__(self, wanted: dict[str, Any]) -> None:
        self._directory = Path(wanted["directory"])
        self._paths: list[str] = wanted["paths"]
        self._pieces: int = wanted["pieces"]
        self._streams: int = wanted["streams"]
        self._config: list[str] = wanted["config"]
        self._small: list[str] = wanted["small"]
        world = World()
        self._origin = world.host(wanted["origin"])
        self._cache = world.host(wanted["cache"])
        self._nodes = [world.host(wanted["nic"]) for _ in range(max(wanted["nodes"]))]
        self._server = Server(self._origin, self._directory / "origin", f"root {wanted['served']};")

    def run(self, way: str, nodes: int) -> dict[str, Any]:
        """Let so many nodes copy all paths at once; nothing is there before."""
        if way == "none":
            return self._copy(self._origin, nodes)
        if way == "pieces":
            return self._exchange(nodes)
        cache = Server(self._cache, self._directory / "cache", *self._config)
        try:
            return self._copy(self._cache, nodes)
        finally:
            cache.close()

    def _exchange(self, number: int) -> dict[str, Any]:
        nodes = self._places(number)
        peers = Peers(self._origin.address, nodes, self._pieces, self._streams)
        try:
            before = self._server.sent()
            seconds = peers.run()
        finally:
            peers.close()
        return {"seconds": seconds, "idle": 0.0, "sent": self._server.sent() - before}

    def _places(self, number: int) -> list[tuple[Host, Path]]:
        return [(self._nodes[n], self._directory / f"node-{n}") for n in range(number)]

    def _copy(self, source: Host, number: int) -> dict[str, Any]:
        nodes = self._places(number)
        try:
            # What Nix takes by itself.
            idle = self._once(source, nodes, self._small)
            before = self._server.sent()
            seconds = self._once(source, nodes, self._paths)
        finally:
            for _, directory in nodes:
                shutil.rmtree(directory, ignore_errors=True)
        return {"seconds": seconds, "idle": idle, "sent": self._server.sent() - before}

    def _once(
        self, source: Host, nodes: Sequence[tuple[Host, Path]], paths: Sequence[str]
    ) -> float:
        cache = f"http://{source.address}:{PORT}"
        start = time.monotonic()
        running = [
            host.start(
                *("nix", "copy", "--no-check-sigs", "--from", cache),
                *("--to", f"local?root={directory}", *paths),
                XDG_CACHE_HOME=str(directory / "cache"),
            )
            for host, directory in nodes
        ]
        for process in running:
            _, errors = process.communicate()
            if process.returncode != 0:
                sys.exit(f"nix copy failed: {errors}")
        return time.monotonic() - start


def main() -> None:
    """Read what to try from the standard input, and print a result for each trial."""
    wanted = json.load(sys.stdin)
    trials = _Trials(wanted)
    for way in wanted["ways"]:
        for nodes in wanted["nodes"]:
            result = {"way": way, "nodes": nodes, **trials.run(way, nodes)}
            sys.stdout.write(json.dumps(result) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
