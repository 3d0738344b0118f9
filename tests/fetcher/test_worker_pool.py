"""How many connections there are: by speed, by faults, and by what others on the machine have."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher import peer_connections
from aimodels_fetcher.concurrency import ConcurrencyController
from support.hub import BigFile
from support.specs import source, sri

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.hub import Hub, Request, Response

    from .conftest import Fetch

MB = 1e6
LIMITED = {"per connection": lambda n: n * 50 * MB, "in all": lambda _: 1000 * MB}


def settle(
    level: ConcurrencyController, speed: Callable[[int], float], looks: int = 30
) -> list[int]:
    counts = []
    for _ in range(looks):
        level.look(speed(level.now))
        counts.append(level.now)
    return counts


def test_more_while_that_makes_it_faster() -> None:
    level = ConcurrencyController(16)
    assert settle(level, LIMITED["per connection"])[:4] == [4, 8, 16, 16]
    assert level.now == 16


def test_as_few_as_do_it() -> None:
    level = ConcurrencyController(16)
    counts = settle(level, LIMITED["in all"], 500)
    assert set(counts) == {2, 4}
    assert counts.count(2) > 4 * counts.count(4), "what did not pay is tried again, but not at once"


def test_connections_get_time_to_start() -> None:
    """A connection over a long way brings nothing for its first few looks."""
    level = ConcurrencyController(16)
    for speed in [*[100] * 15, *[200] * 15, *[400] * 15]:
        level.look(speed * MB)
    assert level.now == 16


def test_never_more_than_the_user_allows() -> None:
    assert max(settle(ConcurrencyController(5), LIMITED["per connection"])) == 5
    assert max(settle(ConcurrencyController(1), LIMITED["per connection"])) == 1


def test_half_as_many_when_a_server_has_enough() -> None:
    level = ConcurrencyController(16)
    settle(level, LIMITED["per connection"])
    level.back_off()
    assert level.now == 8
    assert settle(level, LIMITED["per connection"], 50)[-1] == 8, "not at once again"
    assert settle(level, LIMITED["per connection"], 200)[-1] == 16
    for _ in range(10):
        level.back_off()
    assert level.now == 1


def test_no_more_while_nothing_comes() -> None:
    level = ConcurrencyController(16)
    settle(level, lambda _: 0.0, 500)
    assert level.now == 2


CONNECT = """
import socket, sys
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(5)]
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has a table of connections to read")
def test_others_on_this_machine_are_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert peer_connections.count() == 0
        command = [sys.executable, "-c", CONNECT, str(port)]
        with subprocess.Popen(command, stdin=-1, stdout=-1) as other:
            other.stdout.readline()
            assert peer_connections.count() == 0, "we have nothing to do with that server"
            with socket.create_connection(("127.0.0.1", port)):
                assert peer_connections.count() == 5
            other.stdin.close()


def test_the_user_decides_how_many_at_most(hub: Hub, fetch: Fetch) -> None:
    files = {f"{n}.txt": b"%d" % n for n in range(50)}
    repo = hub.add_repo("org/model", {**files, "big.bin": BigFile(48 << 20, 3)}, lfs=["*.bin"])

    def fault(request: Request) -> Response | None:
        answer = hub.answer(request)
        # A Hub says in words as well where it redirects to.
        return (
            dataclasses.replace(answer, body=b"Found.") if "Location" in answer.headers else answer
        )

    hub.faults = fault
    env = {"AIMODELS_MAX_CONNECTIONS": "1"}
    everything = {"include": None, "exclude": [], "integration": True}
    run = fetch("tree", source(hub, repo), env=env, **everything)
    assert run.status == 0, run.log
    # One to the endpoint and one to the CDN, for over a hundred requests.
    assert sum(request.turn == 1 for request in hub.log) == 2
    assert len(hub.log) > 100


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_bad_limit_is_refused(hub: Hub, fetch: Fetch, value: str) -> None:
    repo = hub.add_repo("org/model", {"a": b"a"})
    env = {"AIMODELS_MAX_CONNECTIONS": value}
    run = fetch("file", source(hub, repo), env=env, path="a", hash=sri(b"a"), size=1)
    assert run.status == 1
    assert f"AIMODELS_MAX_CONNECTIONS='{value}' is not a number of at least 1" in run.log
