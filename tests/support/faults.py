"""What networks and servers do wrong, as data: a `Fault` spoils some of the answers of a Hub.

A fault's `change` is a function of a request and of what makes the right answer to it; the other
functions here make such functions.
"""

from __future__ import annotations

import gzip
import re
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

from support.fake_repo import chunks, sha256
from support.loopback import HangUp, Request, Response

if TYPE_CHECKING:
    from support.fake_repo import Content
    from support.hub import Hub
    from support.loopback import Framing

Change: TypeAlias = Callable[[Request, Callable[[Request], Response]], Response]

ONCE: Container[int] = range(1)
ALWAYS: Container[int] = range(1 << 30)
LATER: Container[int] = range(1, 1 << 30)
"""All but the first."""

CDN = r"^/cdn/"
CONTENT = rf"{CDN}|^/api/resolve-cache/"
RESOLVE = r"^(?!/api/).*/resolve/"
LISTING = r"^/api/[^/]*/[^/]*/[^/]*/tree/"
REVISION = r"^/api/[^/]*/[^/]*/[^/]*/revision/"


@dataclass(frozen=True)
class Fault:
    """A way in which a server misbehaves, and what has to come of it.

    Args:
        name: What it is.
        change: Makes the wrong answer.
        when: Which answers are wrong; they are counted from 0, apart for each file.
        where: A pattern of the addresses that it concerns.
        refused: What the fetcher has to say (a pattern) when it refuses; "" where it must survive.
        either: Whether surviving is right as well.
        ranges: Whether it concerns answers to range requests, and thus takes a file of some size.
        waits: Whether surviving takes the fetcher's patience, and thus a test's time.
    """

    name: str
    change: Change
    when: Container[int] = ONCE
    where: str = CONTENT
    refused: str = ""
    either: bool = False
    ranges: bool = False
    waits: bool = False


def spoil(hub: Hub, *faults: Fault, rules: Iterable[tuple[str, Fault]] = ()) -> None:
    """Make the Hub misbehave: by faults anywhere, by rules where their pattern matches."""
    compiled = [(re.compile(pattern), fault) for pattern, fault in rules]
    compiled += [(re.compile(""), fault) for fault in faults]
    seen: Counter[tuple[str, str]] = Counter()
    lock = threading.Lock()

    def answer(request: Request) -> Response | None:
        for pattern, fault in compiled:
            if pattern.search(request.path) and re.search(fault.where, request.path):
                with lock:
                    number = seen[pattern.pattern, fault.name]
                    seen[pattern.pattern, fault.name] += 1
                if number in fault.when:
                    return fault.change(request, hub.answer)
        return None

    hub.faults = answer


def about(path: str, content: Content) -> str:
    """The pattern of all addresses of a file."""
    return rf"/resolve/[^/]+/{re.escape(quote(path))}(\?|$)|^/cdn/{sha256(content)}"


def status(code: int, body: bytes = b"", **headers: str) -> Change:
    """Another status; `Retry_After="1"` is the header `Retry-After: 1`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request, _answer: Response(code, named, body)


def page(title: str) -> bytes:
    return f"<!doctype html><html><title>{title}</title><h1>{title}</h1></html>".encode()


def redirect(location: str, code: int = 302) -> Change:
    return status(code, Location=location)


def raw(data: bytes) -> Change:
    """Bytes that are no HTTP."""
    return lambda _request, _answer: Response(body=data, framing="raw")


def begins(_request: Request, _answer: object) -> Response:
    """The head of an answer, and more of it now and then, without an end."""

    def body() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX-More: "
        while True:
            time.sleep(0.05)
            yield b"yes"

    return Response(body=body(), framing="raw")


def ends(how: type[HangUp]) -> Change:
    """No answer at all."""

    def change(_request: Request, _answer: object) -> Response:
        raise how

    return change


def edited(edit: Callable[[Response], Response]) -> Change:
    """The right answer, with a change."""
    return lambda request, answer: edit(answer(request))


def both(first: Change, second: Callable[[Response], Response]) -> Change:
    return lambda request, answer: second(first(request, answer))


def on_ranges(change: Change) -> Change:
    """The change, and the right answer to whoever asks for no range."""
    return lambda request, answer: (
        change(request, answer) if "range" in request.headers else answer(request)
    )


def whole(request: Request, answer: Callable[[Request], Response]) -> Response:
    """A 200, whatever range was asked for."""
    return answer(_asking(request, None))


def capped(limit: int) -> Change:
    """The right answer to a shorter range: at most so many bytes of it."""

    def change(request: Request, answer: Callable[[Request], Response]) -> Response:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", "bytes=0-"))
        assert wanted
        stop = min(int(wanted[2] or 1 << 60), int(wanted[1]) + limit - 1)
        return answer(_asking(request, f"bytes={wanted[1]}-{stop}"))

    return change


def shifted(by: int) -> Change:
    """The bytes of another range of the same length, under the name of the right one."""

    def change(request: Request, answer: Callable[[Request], Response]) -> Response:
        right = answer(request)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if not wanted:
            return right
        start, last = (max(0, int(edge) - by) for edge in wanted.groups())
        return replace(right, body=answer(_asking(request, f"bytes={start}-{last}")).body)

    return change


def _asking(request: Request, wanted: str | None) -> Request:
    headers = {name: value for name, value in request.headers.items() if name != "range"}
    return replace(request, headers={**headers, "range": wanted} if wanted else headers)


def headed(**headers: str | None) -> Callable[[Response], Response]:
    """Other headers; None drops one."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def edit(response: Response) -> Response:
        merged = {**response.headers, **named}
        return replace(response, headers={k: v for k, v in merged.items() if v is not None})

    return edit


def any_total(response: Response) -> Response:
    """A Content-Range that does not say how large the file is."""
    sent = response.headers.get("Content-Range", "")
    return headed(Content_Range=re.sub(r"/\d+$", "/*", sent) or None)(response)


def framed(framing: Framing) -> Callable[[Response], Response]:
    """Another way to say where the body ends than its length."""

    def edit(response: Response) -> Response:
        return replace(headed(Content_Length=None)(response), framing=framing)

    return edit


def cut(
    share: float = 1, how: type[HangUp] = HangUp, most: int = 1 << 60
) -> Callable[[Response], Response]:
    """Only that share of the body, or that many bytes, and then the end of the connection."""

    def edit(response: Response) -> Response:
        stop = most if share == 1 else int(share * _length(response))

        def body() -> Iterator[bytes]:
            yield from _first(response, stop)
            raise how

        return _with_body(response, body())

    return edit


def stalls(share: float, seconds: float = 90) -> Callable[[Response], Response]:
    """That share of the body, and then silence."""

    def edit(response: Response) -> Response:
        def body() -> Iterator[bytes]:
            yield from _first(response, int(share * _length(response)))
            time.sleep(seconds)

        return _with_body(response, body())

    return edit


def silent(_request: Request, _answer: object, seconds: float = 90) -> Response:
    """Nothing, for longer than anyone waits."""
    time.sleep(seconds)
    raise HangUp


def drips(response: Response) -> Response:
    """A byte now, and a byte then."""

    def body() -> Iterator[bytes]:
        for piece in response.pieces:
            for byte in piece:
                yield bytes([byte])
                time.sleep(0.05)

    return _with_body(response, body())


def slowed(seconds: float) -> Callable[[Response], Response]:
    """The body, so many seconds a piece."""

    def edit(response: Response) -> Response:
        def body() -> Iterator[bytes]:
            for piece in response.pieces:
                time.sleep(seconds)
                yield piece

        return _with_body(response, body())

    return edit


def flipped(response: Response) -> Response:
    """One bit in the middle of the body is the other way round."""

    def body() -> Iterator[bytes]:
        left = _length(response) // 2
        for piece in response.pieces:
            if 0 <= left < len(piece):
                yield piece[:left] + bytes([piece[left] ^ 4]) + piece[left + 1 :]
            else:
                yield piece
            left -= len(piece)

    return _with_body(response, body())


def bytes_of(content: Content) -> Callable[[Response], Response]:
    """The same range of another content."""

    def edit(response: Response) -> Response:
        sent = re.match(r"bytes (\d+)-(\d+)", response.headers.get("Content-Range", ""))
        start, stop = (int(sent[1]), int(sent[2]) + 1) if sent else (0, len(content))
        edited = replace(response, body=chunks(content, start, stop))
        length = headed(Content_Length=str(stop - start), ETag='"another"')(edited)
        total = f"bytes {start}-{stop - 1}/{len(content)}"
        return headed(Content_Range=total)(length) if sent else length

    return edit


def gzipped(response: Response) -> Response:
    """The body in the coding that nobody asked for."""

    def body() -> Iterator[bytes]:
        packer = zlib.compressobj(1, wbits=31)
        for piece in response.pieces:
            yield packer.compress(piece)
        yield packer.flush()

    return _coded(response, body())


def gzipped_in_members(response: Response) -> Response:
    """Likewise, each piece by itself (RFC 1952, 2.2)."""
    return _coded(response, (gzip.compress(piece, 1) for piece in response.pieces))


def _coded(response: Response, body: Iterable[bytes]) -> Response:
    edited = headed(Content_Encoding="gzip")(framed("chunked")(response))
    return replace(edited, body=body)


def lying(by: int) -> Callable[[Response], Response]:
    """A Content-Length that is too long, or too short by a negative number of bytes."""

    def edit(response: Response) -> Response:
        length = max(1, _length(response) + by) if by < 0 else _length(response) + by
        return headed(Content_Length=str(length))(response)

    return edit


def multipart(response: Response) -> Response:
    """The one range, wrapped up as if it were several (RFC 9110, 14.6)."""
    if response.status != 206:
        return response
    part = f"--cut\r\nContent-Range: {response.headers['Content-Range']}\r\n\r\n".encode()
    kind = "multipart/byteranges; boundary=cut"
    edited = headed(Content_Range=None, Content_Type=kind)(framed("chunked")(response))
    return replace(edited, body=[part, *response.pieces, b"\r\n--cut--\r\n"])


def _with_body(response: Response, body: Iterable[bytes]) -> Response:
    """Another body, under the length of the right one."""
    if isinstance(response.body, bytes):
        response = headed(Content_Length=str(len(response.body)))(response)
    return replace(response, body=body)


def _length(response: Response) -> int:
    known = len(response.body) if isinstance(response.body, bytes) else None
    return int(response.headers["Content-Length"]) if known is None else known


def _first(response: Response, count: int) -> Iterator[bytes]:
    for piece in response.pieces:
        yield piece[:count]
        count -= len(piece)
        if count <= 0:
            return
