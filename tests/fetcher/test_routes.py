"""Requests as they are sent, and heads as they are read."""

from __future__ import annotations

import io
from http.client import HTTPException

import pytest

from aimodels_fetcher.framing import read_headers
from aimodels_fetcher.routes import Route, login, spelled
from aimodels_fetcher.urls import origin, server_part


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://h/a%20b?X-Sig=a%2Fb%7E~", "http://h/a%20b?X-Sig=a%2Fb%7E~"),
        ("http://h/a b#part", "http://h/a%20b"),
        ("http://h/100%.txt", "http://h/100%25.txt"),
        ("http://h/ä\r\nX: y", "http://h/%C3%A4%0D%0AX:%20y"),
    ],
)
def test_urls_are_sent_in_one_spelling(url: str, sent: str) -> None:
    assert spelled(url) == sent
    assert spelled(sent) == sent


@pytest.mark.parametrize(
    ("server", "host"),
    [
        ("http://Example.org", "example.org"),
        ("http://example.org:80", "example.org"),
        ("http://example.org:8080", "example.org:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://user:pw@example.org", "example.org"),
    ],
)
def test_the_host_that_is_asked(server: str, host: str) -> None:
    request = Route(server, ()).request("GET", f"{server}?list", {"Accept": "*/*"})
    assert request == f"GET /?list HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n".encode()


def test_a_proxy_is_asked_for_whole_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:p%40ss@proxy.example:3128")
    monkeypatch.setenv("no_proxy", "")
    request = Route("http://example.org", ()).request("GET", "http://example.org/a", {})
    assert request.startswith(b"GET http://example.org/a HTTP/1.1\r\nHost: example.org\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjpwQHNz\r\n" in request
    straight = Route("https://example.org", ()).request("GET", "https://example.org/a", {})
    assert b"Proxy" not in straight


def test_a_header_does_not_become_two() -> None:
    with pytest.raises(ValueError, match="line break"):
        Route("http://h", ()).request("GET", "http://h/", {"A": "b\r\nC: d"})


def test_a_login_in_a_url_is_sent_as_such() -> None:
    assert login("http://a:b@h/") == {"Authorization": "Basic YTpi"}
    assert login("http://h/@") == {}


@pytest.mark.parametrize("server", ["", "x:", "http://", "ftp://h"])
def test_what_has_no_server_cannot_be_asked(server: str) -> None:
    with pytest.raises(ValueError, match="a URL without a server"):
        Route(server, ())


@pytest.mark.parametrize(
    "url", ["http://h:1/a//b", "http://h?x//y", "http:/\n/h/x", "mailto:x", "//h/x", "http://u:p@h"]
)
def test_what_is_before_the_path_is_the_origin(url: str) -> None:
    assert origin(url) == origin(server_part(url))
    assert origin(server_part(url)) == origin(f"{server_part(url)}/x")


def test_headers_of_one_name_are_joined() -> None:
    head = b"Link: a\r\nX: 1 \r\n 2\r\nlink:b\r\n\r\nbody"
    headers = read_headers(io.BufferedReader(io.BytesIO(head)))
    assert headers.get("LINK") == headers["Link"] == "a, b"
    assert headers.get("x") == "1 2"
    assert "X" in headers
    assert headers.get("body", "none") == "none"


@pytest.mark.parametrize(
    "head",
    [
        b"A: 1\r\n",
        b" A: 1\r\n\r\n",
        b"A : 1\r\n\r\n",
        b"A\r\n\r\n",
        b"A: 1\rB: 2\r\n\r\n",
        b"A: \0\r\n\r\n",
        b"A: 1\r\n" * 101 + b"\r\n",
        b"A: " + b"1" * 65536 + b"\r\n\r\n",
    ],
    ids=lambda head: repr(head[:20]),
)
def test_a_head_that_is_none(head: bytes) -> None:
    with pytest.raises(HTTPException):
        read_headers(io.BufferedReader(io.BytesIO(head)))
