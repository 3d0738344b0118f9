"""The servers misbehave as they say: otherwise the tests of faults would be tests of nothing."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from support.faults import ONCE, Fault, about, cut, edited, ends, flipped, framed, lying, spoil
from support.loopback import HangUp, LoopbackServer, Request, Reset, Response
from support.tls import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from support.faults import Change
    from support.hub import Hub

BODY = b"0123456789"
LENGTH = "Content-Length: 10"


def served(change: Change, tls: ssl.SSLContext | None = None) -> closing[LoopbackServer]:
    def right(_request: Request) -> Response:
        return Response(200, {"Content-Length": "10"}, [BODY[:5], BODY[5:]])

    return closing(LoopbackServer(lambda request: change(request, right), tls))


def ask(server: LoopbackServer, context: ssl.SSLContext | None = None) -> bytes:
    """Everything that comes back on a connection, as it was sent."""
    stream = socket.create_connection(("127.0.0.1", server.server_port), timeout=9)
    if context:
        stream = context.wrap_socket(
            stream, server_hostname="127.0.0.1", suppress_ragged_eofs=False
        )
    with stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: stream.recv(1 << 16), b""))


@pytest.mark.parametrize(
    ("change", "head", "body"),
    [
        (edited(cut()), LENGTH, BODY),
        (edited(cut(0.7)), LENGTH, BODY[:7]),
        (edited(cut(most=3)), LENGTH, BODY[:3]),
        (edited(lying(5)), "Content-Length: 15", BODY),
        (edited(lying(-5)), "Content-Length: 5", BODY),
        (edited(flipped), LENGTH, b"0123416789"),
        (edited(framed("chunked")), "Encoding: chunked", b"5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"),
        (edited(framed("close")), "Connection: close", BODY),
        (edited(framed("http/1.0")), "HTTP/1.0 200", BODY),
    ],
)
def test_answers(change: Change, head: str, body: bytes) -> None:
    with served(change) as server:
        received, _, content = ask(server).partition(b"\r\n\r\n")
        assert head in received.decode()
        assert content == body


def test_ends_of_connections() -> None:
    with served(edited(framed("raw"))) as server:
        assert ask(server) == BODY
    with served(ends(HangUp)) as server:
        assert ask(server) == b""
    for change in (ends(Reset), edited(cut(0.5, Reset))):
        with served(change) as server, pytest.raises(ConnectionResetError):
            ask(server)


def test_ends_of_tls(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    context = ssl.create_default_context(cafile=authority.bundle)
    # Older releases of Python let OpenSSL take any end for an orderly one, and call it otherwise.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    error = pytest.raises(ssl.SSLError, match=r"(?i)eof")
    with served(edited(cut(0.5)), authority.server()) as server, error:
        ask(server, context)
    with (
        served(edited(cut()), authority.server(expired=True)) as server,
        pytest.raises(ssl.SSLCertVerificationError, match="expired"),
    ):
        ask(server, context)


def test_connections_that_are_not_taken() -> None:
    with closing(LoopbackServer(lambda _: Response(), listening=False)) as server:
        with pytest.raises(ConnectionRefusedError):
            ask(server)
        server.most_connections = 0
        server.listen()
        with suppress(ConnectionResetError):  # as what was asked is not read
            assert ask(server) == b""
        assert server.turned_away == 1
        server.most_connections = None
        assert b" 200 OK" in ask(server)


def test_signatures(hub: Hub) -> None:
    repo = hub.add_repo("org/name", {"f": BODY}, lfs=["*"])
    url = f"{hub.url}/org/name/resolve/{repo.sha}/f"
    signed = requests.head(url, timeout=9).headers["Location"]
    assert requests.get(signed, timeout=9).content == BODY
    for wrong in (signed + "0", signed.replace("Expires=1", "Expires=2"), urlsplit(signed).path):
        assert (
            requests.get(f"{hub.cdn_url}{wrong.removeprefix(hub.cdn_url)}", timeout=9).status_code
            == 403
        )
    hub.now += 3601
    assert requests.get(signed, timeout=9).status_code == 403
    assert requests.get(url, timeout=9).content == BODY


def test_faults_are_counted_apart(hub: Hub) -> None:
    files = {"a b": b"1", "c.bin": b"2"}
    repo = hub.add_repo("org/name", files, lfs=["*.bin"])
    wrong = Fault("wrong", edited(lambda _: Response(body=b"0")), ONCE)
    spoil(hub, rules=[(about(path, content), wrong) for path, content in files.items()])
    for path, content in files.items():
        url = f"{hub.url}/org/name/resolve/{repo.sha}/{path}"
        assert [requests.get(url, timeout=9).content for _ in range(2)] == [b"0", content]
