"""Peers in network namespaces: on each host nginx, for what others take, and a worker."""

from __future__ import annotations

import queue
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING

from simulation.server import PORT, Server
from simulation.swarm import Swarm

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from simulation.world import Host

    Then = Callable[[], None]

_WORKER = (sys.executable, "-m", "simulation.worker")
_OK = "200"


class _Peer:
    def __init__(self, host: Host, directory: Path, streams: int, said: queue.Queue[str]) -> None:
        self.address = f"{host.address}:{PORT}"
        self.files = directory / "files"
        self.files.mkdir(parents=True)
        self._server = Server(host, directory / "nginx", f"root {self.files};")
        self._worker = host.start(*_WORKER, str(streams), talks=True)
        threading.Thread(target=_read, args=(self._worker, said), daemon=True).start()

    def download(self, number: int, address: str, piece: int) -> None:
        pipe = self._worker.stdin
        if pipe is None:
            raise AssertionError
        pipe.write(f"{number} {address} /{piece} {self.files / str(piece)}\n")
        pipe.flush()

    def close(self) -> None:
        self._worker.communicate()
        self._server.close()


def _read(worker: subprocess.Popen[str], said: queue.Queue[str]) -> None:
    for line in worker.stdout or ():
        said.put(line)


class Peers:
    """The peers of one exchange. They are transfers as the scheduler wants them.

    Args:
        origin: The address of the origin's server, which has the pieces at `/0` and so on.
        nodes: The hosts, each with a directory that does not exist.
        pieces: How many pieces there are.
        streams: How many transfers there are at a time, for each host and direction.
    """

    def __init__(
        self, origin: str, nodes: Sequence[tuple[Host, Path]], pieces: int, streams: int
    ) -> None:
        self._said: queue.Queue[str] = queue.Queue()
        self._origin = f"{origin}:{PORT}"
        self._directories = [directory for _, directory in nodes]
        self._peers = [_Peer(host, place, streams, self._said) for host, place in nodes]
        for _ in nodes:
            self._said.get()  # it is ready
        self._pieces = pieces
        self._streams = streams
        self._numbers = 0
        self._going: dict[int, Then] = {}

    def run(self) -> float:
        """Let all peers get all pieces, and return the seconds that it takes."""
        start = time.monotonic()
        swarm = Swarm([0] * len(self._peers), self._pieces, self._streams, self)
        swarm.start()
        while self._going:
            number, status = self._said.get().split()
            if status != _OK:
                sys.exit(f"a peer got {status} instead of a piece")
            self._going.pop(int(number))()
            swarm.start()
        seconds = time.monotonic() - start
        if any(len(list(peer.files.iterdir())) != self._pieces for peer in self._peers):
            sys.exit("a peer lacks pieces")
        return seconds

    def from_origin(self, node: int, piece: int, then: Then) -> None:
        """Send a piece from the origin to a node."""
        self._send(node, self._origin, piece, then)

    def from_peer(self, peer: int, node: int, piece: int, then: Then) -> None:
        """Send a piece from one node to another."""
        self._send(node, self._peers[peer].address, piece, then)

    def _send(self, node: int, address: str, piece: int, then: Then) -> None:
        self._numbers += 1
        self._going[self._numbers] = then
        self._peers[node].download(self._numbers, address, piece)

    def close(self) -> None:
        """End the servers and workers, and remove what they have got."""
        for peer in self._peers:
            peer.close()
        for directory in self._directories:
            shutil.rmtree(directory)
