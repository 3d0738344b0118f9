"""Connections that are kept: who closes them."""

from __future__ import annotations

import gc
import warnings

from aimodels_fetcher.connections import Connections
from support.loopback import LoopbackServer, Response


def kept(url: str) -> Connections:
    """Return connections of which one is kept after an answer."""
    connections = Connections(1)
    answer = connections.send("GET", url, {})
    assert answer.body.read() == b"content"
    answer.release(whole=True)
    return connections


def test_garbage_in_a_cycle_closes_them() -> None:
    with LoopbackServer(lambda _: Response(200, {}, b"content")) as server:
        connections = kept(server.url)
        cycle: list[object] = [connections]
        cycle.append(cycle)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            del connections, cycle
            gc.collect()
        assert warned == []


def test_one_that_was_in_use_while_they_hung_up_is_not_kept() -> None:
    with LoopbackServer(lambda _: Response(200, {}, b"content")) as server:
        connections = kept(server.url)
        answer = connections.send("GET", server.url, {})
        sock = answer.body.sock
        connections.hang_up()
        answer.body.read()
        answer.release(whole=True)
        assert sock.fileno() == -1
