"""Answers byte by byte: what is one, where it ends, and how long it may take."""

from __future__ import annotations

import gzip
import itertools
import re
import time
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st

from aimodels_fetcher import connections, deadlines, documents, log, response, retry
from aimodels_fetcher.errors import AimodelsError, FetchError
from aimodels_fetcher.http_client import HttpClient, ResolvedUrl
from support.fuzzing import fuzz
from support.loopback import LoopbackServer, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = HEAD + b"Content-Encoding: gzip\r\n\r\n"
OKAY = HEAD + b"Content-Length: 2\r\n\r\n{}"


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a small part of the time that users need."""
    monkeypatch.setattr(connections, "_READ_SECONDS", 0.2)
    monkeypatch.setattr(connections, "_CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(response, "_WINDOW_SECONDS", 0.2)
    monkeypatch.setattr(response, "_SECONDS_TO_DISCARD", 0.2)
    monkeypatch.setattr(documents, "_DOCUMENT_SECONDS", 0.4)
    monkeypatch.setattr(deadlines, "_INTERVAL", 0.02)
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.001)


class Server:
    """Sends raw bytes, whatever it is asked for."""

    def __init__(self) -> None:
        self.answers: Iterator[bytes | Iterable[bytes]] = itertools.repeat(OKAY)
        self.server = LoopbackServer(self.answer)

    def answer(self, _: Request) -> Response:
        return Response(body=next(self.answers), framing="raw")

    def document(self, *answers: bytes | Iterable[bytes], tries: int = 1) -> bytes:
        """Return what a client gets; the last answer is given for ever."""
        self.answers = itertools.chain(answers, itertools.repeat(answers[-1]))
        client = HttpClient(self.server.url)
        client.tries = tries
        return client.get_document(f"{self.server.url}/x", bytes, "bytes").content


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.server.close()


def dripping(start: bytes, piece: bytes) -> Callable[[], Iterator[bytes]]:
    """A beginning, and then a piece now and then, without an end."""

    def body() -> Iterator[bytes]:
        yield start
        for _ in range(400):  # a test that fails has to end as well
            time.sleep(0.05)
            yield piece

    return body


ENDLESS = {
    "the status": dripping(b"HTTP/1.1 200 ", b"O"),
    "a header": dripping(HEAD + b"X-More: ", b"y"),
    "headers": dripping(HEAD, b"X: y\r\n"),
    "an interim answer": dripping(b"HTTP/1.1 103 Early Hints\r\nLink: ", b"x"),
    "the size of a chunk": dripping(CHUNKED, b"0"),
    "an extension of a chunk": dripping(CHUNKED + b"5;", b"x"),
    "a chunk": dripping(CHUNKED + b"fffff\r\n", b"x"),
    "small chunks": dripping(CHUNKED, b"1\r\nx\r\n"),
    "the end of a chunk": dripping(CHUNKED + b"1\r\nx", b""),
    "a trailer": dripping(CHUNKED + b"0\r\nX: ", b"x"),
    "trailers": dripping(CHUNKED + b"0\r\n", b"X: y\r\n"),
    "a body": dripping(HEAD + b"Content-Length: 999999\r\n\r\n", b"x"),
    "a body without a length": dripping(HEAD + b"\r\n", b"x"),
    # Blocks of DEFLATE that hold nothing (RFC 1951, 3.2.4).
    "a code for nothing": dripping(
        GZIP + zlib.compressobj(wbits=31).flush(zlib.Z_SYNC_FLUSH), b"\0\0\0\xff\xff"
    ),
}


@pytest.mark.parametrize("body", ENDLESS.values(), ids=ENDLESS)
def test_what_comes_byte_by_byte_has_an_end(
    server: Server, body: Callable[[], Iterator[bytes]]
) -> None:
    with pytest.raises(FetchError, match="gave up after 1 try"):
        server.document(body())


@pytest.mark.parametrize("kind", ["a redirect", "a refusal"])
@pytest.mark.parametrize("body", [ENDLESS["the size of a chunk"], ENDLESS["a body"]])
def test_what_is_thrown_away_has_an_end(
    server: Server, kind: str, body: Callable[[], Iterator[bytes]]
) -> None:
    status = b"302 Found\r\nLocation: /y" if kind == "a redirect" else b"404 Not Found"
    spoilt = (piece.replace(b"200 OK", status) for piece in body())
    if kind == "a redirect":
        assert server.document(spoilt, OKAY) == b"{}"
    else:
        with pytest.raises(AimodelsError, match="HTTP 404"):
            server.document(spoilt)


def test_a_document_that_is_slow_has_an_end(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its bytes comes in time."""
    monkeypatch.setattr(response, "SLOWEST", 1)
    body = dripping(HEAD + b"Content-Length: 999999\r\n\r\n", b"x" * 100)
    with pytest.raises(FetchError, match=r"is too slow: .* in 0 s"):
        server.document(body(), tries=9)


REFUSED = {
    "a head that is cut": HEAD + b"Content-Type: text/html\r\n",
    "a length below 0": HEAD + b"Content-Length: -2\r\n\r\n{}",
    "a length with a sign": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "a line that is not a header": HEAD + b"garbage\r\nContent-Length: 1\r\n\r\n{}",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 1\r\n\r\n{}",
    "a list of lengths": HEAD + b"Content-Length: 2, 1\r\n\r\n{}",
    "an unknown coding": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a body that is cut": HEAD + b"Content-Length: 9\r\n\r\n{}",
    "a chunk that is cut": CHUNKED + b"9\r\n{}",
    "chunks without an end": CHUNKED + b"2\r\n{}\r\n",
    "a size below 0": CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "a size with a prefix": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "a size with a gap": CHUNKED + b"0_2\r\n{}\r\n0\r\n\r\n",
    "no size": CHUNKED + b"\r\n{}\r\n0\r\n\r\n",
    "a size that is long": CHUNKED + b"0" * 9999 + b"2\r\n{}\r\n0\r\n\r\n",
    "a size over 64 bits": CHUNKED + b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n",
    "many trailers": CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 999 + b"\r\n",
    "many interim answers": b"HTTP/1.1 102 Processing\r\n\r\n" * 99 + OKAY,
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n{}",
    "a code that is cut": GZIP + gzip.compress(b"{}")[:-3],
    "a code that is none": GZIP + b"{}",
}
TAKEN = {
    "a length": OKAY,
    "a length twice": HEAD + b"Content-Length: 2, 2\r\nContent-Length: 2\r\n\r\n{}",
    "no length": HEAD + b"\r\n{}",
    "chunks": CHUNKED + b"1\r\n{\r\n01 ;x=y\r\n}\r\n0\r\nX: y\r\n\r\n",
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OKAY,
    "processing": b"HTTP/1.1 102 Processing\r\n\r\n" * 9 + OKAY,
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + OKAY,
    "a code": GZIP + gzip.compress(b"{}"),
    "a code in two members": GZIP + gzip.compress(b"{") + gzip.compress(b"}"),
}


@pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED)
def test_answers_that_may_be_of_other_bytes_are_refused(server: Server, answer: bytes) -> None:
    with pytest.raises(AimodelsError):
        server.document(answer)
    assert server.document(answer, OKAY, tries=2) == b"{}"


@pytest.mark.parametrize("answer", TAKEN.values(), ids=TAKEN)
def test_answers_as_they_may_be(server: Server, answer: bytes) -> None:
    assert server.document(answer) == b"{}"


def test_few_bytes_that_stand_for_many(server: Server) -> None:
    """They are decoded as far as a document may go, and no further."""
    bomb = gzip.compress(bytes(64 << 20))
    with pytest.raises(FetchError, match=r"is too large for what it should be: over 2\.0 MiB"):
        server.document(GZIP + bomb)


def test_a_broken_connection_is_not_used_again(server: Server) -> None:
    """What is left on it would be taken for the next answer."""
    poison = CHUNKED + b"zz\r\n" + OKAY.replace(b"{}", b"[]")
    assert server.document(poison, OKAY, tries=2) == b"{}"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (b"7", "^rate limited by 127.0.0.1; waiting 7 s "),
        (b"999", r"gave up after 1 try: HTTP 429 .*, which asks to wait 16 min 39 s"),
        (b"9" * 400, "gave up after 1 try: .*, which asks to wait 168 h"),
        (b"Sun, 06 Nov 1994 08:49:37 +99999999999999999999", "gave up after 2 tries"),
    ],
)
def test_waits_that_servers_ask_for(
    server: Server, monkeypatch: pytest.MonkeyPatch, asked: bytes, said: str
) -> None:
    """They are told at once, and at length only where they are kept."""
    told: list[str] = []
    monkeypatch.setattr(retry.RateLimit, "wait", lambda _: None)
    monkeypatch.setitem(retry.retrying.__kwdefaults__ or {}, "sleep", lambda _: None)
    limited = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: " + asked
    server.answers = itertools.repeat(limited + b"\r\n\r\n")
    client = HttpClient(server.server.url)
    client.tries, client.patience = 2, 330.0
    client.hint_at_limits("a token raises the limit: set HF_TOKEN")
    with (
        log.redirected(lambda _: None, told.append),
        pytest.raises(FetchError) as caught,
    ):
        client.get_document(f"{server.server.url}/x", bytes, "bytes")
    lines = [*told, caught.value.message]
    assert any(re.search(said, line) for line in lines)
    assert all("(a token raises the limit: set HF_TOKEN)" in line for line in lines)


NAMES = [
    *("Content-Length", "Transfer-Encoding", "Content-Encoding", "Content-Range", "Content-Type"),
    *("Location", "Link", "Retry-After", "RateLimit", "ETag", "Connection", "X-Error-Message"),
]
VALUES = st.one_of(
    st.sampled_from(
        [
            *("2", "-1", "0", "9" * 30, "2, 2", "chunked", "gzip", "identity", "deflate", "close"),
            *("bytes 0-1/2", "bytes */2", "bytes 0-/", '<?page=2>; rel="next"', "<>;rel", "/x"),
            *("//[::1", "http://[", "file:///etc/passwd", "http://user:pw@127.0.0.1:1/x", "?"),
            *('"api";r=0;t=99', "Sun, 06 Nov 1994 08:49:37 +" + "9" * 20, "text/html; x=y", '"e"'),
        ]
    ),
    st.text(max_size=20),
)
LINES = st.one_of(
    st.tuples(st.sampled_from(NAMES), VALUES).map(
        lambda pair: f"{pair[0]}: {pair[1]}\r\n".encode()
    ),
    st.binary(max_size=30),
)
STATUSES = st.sampled_from(
    [
        *(200, 200, 200, 206, 301, 302, 307, 100, 101, 103, 204, 304, 401, 403, 404, 407, 416),
        *(429, 500, 503, 99, 999),
    ]
).map(lambda status: b"HTTP/1.1 %d x\r\n" % status)
BODIES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"{}", b'{"a": 1}', b"2\r\n{}\r\n0\r\n\r\n", b"-5\r\n", b"fffffff\r\nx", b"[" * 5000]
    ),
    st.binary(max_size=40).map(gzip.compress),
)
ANSWERS = st.one_of(
    st.binary(max_size=60),
    st.tuples(STATUSES, st.lists(LINES, max_size=6), st.just(b"\r\n"), BODIES).map(
        lambda parts: parts[0] + b"".join(parts[1]) + parts[2] + parts[3]
    ),
)


@fuzz(
    answers=st.lists(ANSWERS, min_size=1, max_size=3), ask=st.sampled_from(["json", "head", "get"])
)
def test_whatever_a_server_sends(server: Server, answers: list[bytes], ask: str) -> None:
    """It is an answer, or an error of ours: nothing else is raised."""
    server.answers = itertools.cycle(answers)
    message = ""
    client = HttpClient(server.server.url)
    client.tries, client.patience = 2, 0.0
    url = f"{server.server.url}/x"
    try:
        if ask == "json":
            client.get_json(url)
        elif ask == "head":
            client.head(url)
        else:
            buffer = memoryview(bytearray(64))
            with client.get(ResolvedUrl(url), (0, 2), '"e"') as answer:
                while answer.readinto(buffer):
                    pass
    except AimodelsError as error:
        message = error.message
    finally:
        client.close()
    assert "pw@" not in message
