"""What the nginx of `fleet.serve` does with requests and origins of all kinds."""

from __future__ import annotations

import contextlib
import secrets
import socket
import socketserver
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import requests
from urllib3.exceptions import ProtocolError

from support.fleet import BUNDLE, Rack
from support.loopback import Response, Watched
from support.nginx import public_directory
from support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.loopback import Request
    from support.nix import NixEnv

KiB = 1 << 10
SLICE = 256 * KiB  # as in support.fleet
NAR = secrets.token_bytes(5 * SLICE // 2)
NAR_PATH = "/nar/1q8jv5bwbx44bvhbpy3qy8wbdr2qqs2i60dkvxgs5nrkc2aj0xys.nar"
FACT_PATH = f"/{'0' * 32}.narinfo"


class Origin(Watched):
    """A binary cache with one archive of two and a half slices, and facts.

    Attributes:
        facts: The .narinfo files by their paths.
        headers: Further headers of responses.
        ranges: Whether it knows ranges.
    """

    def __init__(self, **options: object) -> None:
        super().__init__(self._answer, **options)  # type: ignore[arg-type]
        self.facts = {FACT_PATH: b"StorePath: /nix/store/x\n"}
        self.headers: Callable[[], dict[str, str]] = dict
        self.ranges = True

    def _answer(self, request: Request) -> Response:
        path = request.path.partition("?")[0]
        if path in self.facts:
            return Response(200, self.headers(), self.facts[path])
        if path != NAR_PATH:
            return Response(404)
        if not (self.ranges and "range" in request.headers):
            return Response(200, self.headers(), NAR)
        first, last = map(int, request.headers["range"].removeprefix("bytes=").split("-"))
        part = NAR[first : last + 1]
        shown = f"bytes {first}-{first + len(part) - 1}/{len(NAR)}"
        return Response(206, {"Content-Range": shown, **self.headers()}, part)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


@pytest.fixture
def rack(store: NixEnv, origin: Origin) -> Iterator[Rack]:
    with Rack(store, origin.url) as server:
        yield server


def get(rack: Rack, path: str = NAR_PATH, **headers: str) -> requests.Response:
    return requests.get(rack.url + path, headers=headers, timeout=60)


def test_each_byte_comes_once(origin: Origin, rack: Rack) -> None:
    """In slices, whatever parts clients ask for at the same time."""
    with ThreadPoolExecutor(8) as pool:
        ranges = [{}, {"Range": "bytes=300000-"}, {"Range": f"bytes={SLICE}-{SLICE + 9}"}] * 4
        for response, asked in zip(
            pool.map(lambda each: get(rack, **each), ranges), ranges, strict=True
        ):
            first, _, last = asked.get("Range", "bytes=0-")[6:].partition("-")
            assert response.content == NAR[int(first) : int(last or len(NAR)) + 1]
            assert response.status_code == (206 if asked else 200)
    assert origin.sent_bytes == len(NAR)
    assert requests.head(rack.url + NAR_PATH, timeout=60).headers["Content-Length"] == str(len(NAR))
    assert [request.method for request in origin.log] == ["GET"] * 3


def test_no_credentials_pass(origin: Origin, rack: Rack) -> None:
    origin.headers = lambda: {"Set-Cookie": "session=secret", "X-Accel-Redirect": "/nar/other"}
    sent = {"Authorization": "Basic secret", "Cookie": "a=secret", "X-Api-Key": "secret"}
    for path in (NAR_PATH, FACT_PATH):
        response = get(rack, path, **sent)
        assert response.status_code == 200
        assert "Set-Cookie" not in response.headers
    assert "secret" not in str([request.headers for request in origin.log])
    assert get(rack, f"{NAR_PATH}?hash=1").content == NAR
    assert origin.log[-1].path == f"{NAR_PATH}?hash=1"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", FACT_PATH, 405),
        ("POST", NAR_PATH, 405),
        ("GET", "/", 404),
        ("GET", "/admin", 404),
        ("GET", "/nar/../admin", 404),
        ("GET", "/nar/%2e%2e/admin", 404),
        ("GET", "/nar/a%0d%0aHost:%20b", 404),
        ("GET", "//nar.example.org/x.narinfo", 404),
    ],
)
def test_what_is_not_a_cache_is_not_asked_for(
    origin: Origin, rack: Rack, method: str, path: str, status: int
) -> None:
    host, port = rack.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{method} {path} HTTP/1.0\r\nContent-Length: 0\r\n\r\n".encode())
        answer = connection.makefile("rb").readline()
    assert int(answer.split()[1]) == status
    assert origin.log == []


def test_an_origin_in_a_directory(store: NixEnv, origin: Origin) -> None:
    """Such as that of a bucket."""
    origin.facts = {f"/models/a.b{FACT_PATH}": b"fact"}
    with Rack(store, f"{origin.url}/models/a.b/") as rack:
        assert get(rack, FACT_PATH).content == b"fact"
        get(rack)
    assert [request.path for request in origin.log] == [
        f"/models/a.b{FACT_PATH}",
        f"/models/a.b{NAR_PATH}",
    ]


def test_what_the_origin_lacks(origin: Origin, rack: Rack) -> None:
    """It is asked once, and not again for a while."""
    for path in ("/nar/missing.nar", f"/{'1' * 32}.narinfo"):
        origin.clear()
        assert [get(rack, path).status_code for _time in range(3)] == [404] * 3
        assert len(origin.log) == 1


def test_an_origin_without_ranges(origin: Origin, rack: Rack) -> None:
    """The whole archive is one part; one that loses ranges later, too."""
    origin.ranges = False
    assert get(rack).content == NAR, rack.errors
    assert get(rack).content == NAR, rack.errors
    assert origin.sent_bytes == len(NAR)
    assert get(rack, Range="bytes=600000-").content == NAR[600000:]


def test_an_origin_that_loses_ranges(origin: Origin, rack: Rack) -> None:
    assert get(rack, Range="bytes=0-9").content == NAR[:10]
    origin.ranges = False
    # A client continues where the response ended.
    response = requests.get(rack.url + NAR_PATH, timeout=60, stream=True)
    got = response.raw.read(SLICE)
    assert got == NAR[:SLICE]
    assert get(rack, Range=f"bytes={SLICE}-").content == NAR[SLICE:]


def test_servers_of_one_origin_that_differ(origin: Origin, rack: Rack) -> None:
    """In what they say of a file, whose content is the same."""
    count = iter(range(99))
    origin.headers = lambda: {
        "ETag": f'"{next(count)}"',
        "Last-Modified": "Thu, 01 Jan 1970 00:00:01 GMT",
    }
    response = get(rack)
    assert response.content == NAR
    assert not {"ETag", "Last-Modified"} & response.headers.keys()


def test_an_origin_that_cuts(origin: Origin, rack: Rack) -> None:
    """Clients do not notice: each slice is downloaded completely first, and up to three times."""
    origin.faults = lambda request: halved(origin, request) if len(origin.log) % 3 else None
    assert get(rack).content == NAR, rack.errors
    assert len(origin.log) == 9
    assert get(rack).content == NAR, rack.errors
    assert len(origin.log) == 9


def test_an_origin_that_always_cuts(origin: Origin, rack: Rack) -> None:
    """Clients get what is there, are cut off where it ends, and can continue."""
    origin.faults = lambda request: (
        halved(origin, request) if "0-262143" not in str(request.headers) else None
    )
    response = requests.get(rack.url + NAR_PATH, timeout=60, stream=True)
    assert response.status_code == 200
    assert response.headers["Content-Length"] == str(len(NAR))
    got = until_cut(response)
    assert got == NAR[:SLICE][: len(got)]
    assert get(rack, Range=f"bytes={SLICE}-").status_code == 502
    origin.faults = lambda _request: None
    assert get(rack, Range=f"bytes={len(got)}-").content == NAR[len(got) :]


def until_cut(response: requests.Response) -> bytes:
    """Return what comes before the connection breaks."""
    got = b""
    with contextlib.suppress(ProtocolError):
        while piece := response.raw.read(1024):
            got += piece
    return got


def halved(origin: Origin, request: Request) -> Response:
    """Return a response that ends in the middle."""
    response = origin.otherwise(request)
    assert isinstance(response.body, bytes)
    whole = response.with_headers(content_length=str(len(response.body)))
    return replace(whole, body=response.body[: len(response.body) // 2])


def test_an_origin_that_is_gone(origin: Origin, rack: Rack) -> None:
    """What was read once is served; facts, too, when they are older than they should be."""
    for path in (NAR_PATH, FACT_PATH):
        get(rack, path)
    origin.faults = lambda _request: Response(503)
    origin.clear()
    assert get(rack).content == NAR, rack.errors
    assert get(rack, FACT_PATH).content == origin.facts[FACT_PATH]
    assert get(rack, f"/{'1' * 32}.narinfo").status_code == 404
    origin.close()
    assert get(rack, f"/{'1' * 32}.narinfo").status_code == 404
    assert get(rack, "/nar/other.nar").status_code == 502
    rack.stop()
    rack.start()
    assert get(rack).content == NAR, rack.errors


def test_old_facts(store: NixEnv, origin: Origin) -> None:
    """They are asked for again, whatever clocks say, and served if the origin is gone."""
    future = "Fri, 01 Jan 2100 00:00:00 GMT"
    origin.headers = lambda: {
        "Date": future,
        "Expires": future,
        "Cache-Control": "max-age=999999999",
    }
    missing = f"/{'1' * 32}.narinfo"
    with Rack(store, origin.url, changes={"10m": "1s", "10s": "1s"}) as rack:
        assert get(rack, FACT_PATH).status_code == 200
        assert get(rack, missing).status_code == get(rack, missing).status_code == 404
        assert len(origin.log) == 2
        time.sleep(2.1)  # until both are old
        origin.facts = {FACT_PATH: b"new", missing: b"there"}
        assert get(rack, FACT_PATH).content == b"new"
        assert get(rack, missing).content == b"there"
        origin.close()
        time.sleep(2.1)
        assert get(rack, missing).content == b"there"


def test_a_cache_that_is_smaller_than_an_archive(store: NixEnv, origin: Origin) -> None:
    with Rack(store, origin.url, size="256K") as rack:
        assert get(rack).content == NAR, rack.errors
        assert get(rack).content == NAR, rack.errors


def test_a_cache_whose_disk_is_full(store: NixEnv, origin: Origin) -> None:
    """The client is cut off rather than served wrong bytes, and served once there is space."""
    with public_directory() as disk:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0777", "x", disk], check=True)
        filler = disk / "filler"
        filler.write_bytes(bytes(700 * KiB))
        try:
            with Rack(store, origin.url, disk / "cache") as rack:
                with pytest.raises(requests.RequestException):
                    get(rack)
                filler.unlink()
                assert get(rack).content == NAR, rack.errors
        finally:
            subprocess.run(["umount", "--lazy", disk], check=True)


def test_memory(store: NixEnv, origin: Origin) -> None:
    """nginx frees that of a slice with the file: 160 of them are a file of 20 GiB."""
    with Rack(store, origin.url, sliceSize="4K") as rack:
        assert get(rack).content == NAR
        assert rack.memory < 35 << 20


def test_the_certificate_of_the_origin(store: NixEnv, tmp_path: Path) -> None:
    """It must be signed, and for the name in the URL."""
    authority = Authority.make(tmp_path)
    for names, bundle, status in (
        ("DNS:localhost", authority.bundle, 200),
        ("DNS:localhost", BUNDLE, 502),
        ("DNS:cache.example.org", authority.bundle, 502),
    ):
        with Origin(tls=authority.server(names)) as origin:
            url = origin.url.replace("127.0.0.1", "localhost")
            with Rack(store, url, changes={BUNDLE: str(bundle)}) as rack:
                assert get(rack).status_code == status, rack.errors
            assert (origin.sent_bytes == len(NAR)) == (status == 200)


def test_an_origin_that_moves(store: NixEnv, origin: Origin) -> None:
    """nginx starts without an address for it, and looks for new ones when they expire."""
    port = origin.url.rpartition(":")[2]
    url = f"http://cache.example:{port}"
    with NameServer() as names, Rack(store, url, resolvers=f'"{names.address}"') as rack:
        assert get(rack).status_code == 502
        names.addresses = ["127.0.0.2"]
        assert get(rack).status_code == 502
        names.addresses = ["127.0.0.1"]
        time.sleep(2.1)  # until the answer is old
        assert get(rack).content == NAR, rack.errors


class NameServer(socketserver.ThreadingUDPServer):
    """Answers each question with `addresses` for a second."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.DatagramRequestHandler)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.addresses: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        query, sock = request
        kind = query[query.index(b"\0", 12) + 1 :][:2]
        found = self.addresses if kind == b"\0\x01" else []  # of IPv4
        head = struct.pack("!2sHHHHH", query[:2], 0x8180, 1, len(found), 0, 0)
        records = [
            b"\xc0\x0c" + struct.pack("!HHIH4s", 1, 1, 1, 4, socket.inet_aton(address))
            for address in found
        ]
        sock.sendto(head + query[12:] + b"".join(records), client_address)

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
