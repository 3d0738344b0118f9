"""A loopback HTTP server whose answers are made by a function, with an access log.

It can do to an answer whatever networks and servers do: cut it, reset it, frame it in every way
that HTTP knows, and in ways that it does not know.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from support.served import Served

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping

Framing: TypeAlias = Literal["length", "chunked", "close", "http/1.0", "raw"]
"""How a client is to see where a body ends: by Content-Length, in chunks, where the connection
does, likewise and in the older HTTP, or not at all, as nothing but the body is sent."""

W = TypeVar("W", bound="Watched")

_UNTIL_CLOSED = {"close", "http/1.0", "raw"}
_RESET = struct.pack("ii", 1, 0)  # struct linger: close without sending what is left, with a RST


class HangUp(Exception):  # noqa: N818 (not an error: a body raises it to end the connection)
    """Closes the connection; over TLS without a word (no close_notify)."""


class Reset(HangUp):
    """Resets the connection, so that the client may not even get what was sent."""


@dataclass
class Request:
    """One line of the access log; `path` is as sent, still quoted and with its query."""

    method: str
    path: str
    headers: dict[str, str]
    turn: int = 1  # of this connection's requests
    client_port: int = 0  # which differs between connections
    at: float = field(default_factory=time.monotonic)
    status: int = 0
    sent_bytes: int = 0

    @property
    def is_peek(self) -> bool:
        """Whether only the beginning of a file is asked for."""
        return self.headers.get("range") == "bytes=0-1023"

    @property
    def token(self) -> str | None:
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token if kind == "Bearer" else None


@dataclass(frozen=True)
class Response:
    """An answer. A body that ends before its Content-Length closes the connection.

    A body may take its time, and may raise HangUp or Reset.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""
    framing: Framing = "length"

    @property
    def pieces(self) -> Iterable[bytes]:
        return [self.body] if isinstance(self.body, bytes) else self.body

    def with_headers(self, **headers: str) -> Response:
        """Return it with other headers, whose names have `_` for `-`; empty ones are left out."""
        given = {key.replace("_", "-").title(): value for key, value in headers.items()}
        kept = {k: v for k, v in self.headers.items() if k.title() not in given}
        named = {key: value for key, value in given.items() if value}
        return replace(self, headers={**kept, **named})


class Watched:
    """A server whose requests are counted, and whose answers a test may give itself.

    `faults` sees every request first; what it returns is the answer, unless None.

    Args:
        answer: Makes the answers to all other requests; a fault may call it (`otherwise`).
        tls, listening: As of LoopbackServer.
    """

    def __init__(
        self,
        answer: Callable[[Request], Response],
        tls: ssl.SSLContext | None = None,
        *,
        listening: bool = True,
    ) -> None:
        self.faults: Callable[[Request], Response | None] = lambda _request: None
        self.otherwise = answer
        self.server = LoopbackServer(
            lambda request: self.faults(request) or answer(request), tls, listening=listening
        )
        self.url = self.server.url

    @property
    def log(self) -> list[Request]:
        return self.server.log

    @property
    def sent_bytes(self) -> int:
        return sum(request.sent_bytes for request in self.log)

    def clear(self) -> None:
        self.log.clear()

    def reset(self) -> None:
        """Be as new, for the next test."""
        self.faults = lambda _request: None
        self.clear()

    def close(self) -> None:
        self.server.close()

    def __enter__(self: W) -> W:  # noqa: PYI019 (Self is new in Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LoopbackServer(Served, ThreadingHTTPServer):
    """The server, on a port of its own.

    Args:
        answer: Makes the answer to a request; may raise what a body may raise.
        tls: What makes it speak TLS.
        listening: Whether it takes connections already, or refuses them until `listen`.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        answer: Callable[[Request], Response],
        tls: ssl.SSLContext | None = None,
        *,
        listening: bool = True,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.server_bind()
        self.answer = answer
        self.log: list[Request] = []
        self.in_flight = 0
        self.connections = 0
        self.most_connections: int | None = None
        self.turned_away = 0
        self.lock = threading.Lock()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"
        self._tls = tls
        if listening:
            self.listen()

    def listen(self) -> None:
        self.server_activate()
        self.serve()

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        if self._tls:
            # The handler's thread shakes hands, with its first read.
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def verify_request(self, *_: object) -> bool:
        """Take no more connections at once than `most_connections`."""
        with self.lock:
            if self.most_connections is not None and self.connections >= self.most_connections:
                self.turned_away += 1
                return False
            self.connections += 1
            return True

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close without an orderly end before: HTTP needs none, and a reset has none."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: object) -> None:
        """A client that goes away in the middle of an answer is no news; a bug of a test is."""
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoopbackServer
    turn = 0

    def do_GET(self) -> None:
        self.turn += 1
        headers = {key.lower(): value for key, value in self.headers.items()}
        port = self.client_address[1]
        request = Request(self.command, self.path, headers, self.turn, port)
        self.server.log.append(request)
        with self.server.lock:
            self.server.in_flight += 1
        try:
            self._answer(request)
        except Reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.close_connection = True
        except HangUp:
            self.close_connection = True
        finally:
            with self.server.lock:
                self.server.in_flight -= 1

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        """Without a body, as tokens are asked for."""
        self.do_GET()

    def _answer(self, request: Request) -> None:
        response = self.server.answer(request)
        request.status = response.status
        length = self._send_head(response)
        if self.command == "HEAD":
            return
        for chunk in response.pieces:
            # Counted first, so that whoever has read the answer finds it counted.
            request.sent_bytes += len(chunk)
            if response.framing != "chunked":
                self.wfile.write(chunk)
            elif chunk:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        if response.framing == "chunked":
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection |= length is not None and request.sent_bytes < length

    def _send_head(self, response: Response) -> int | None:
        """Send everything before the body; the answer is the length that was promised."""
        if response.framing in _UNTIL_CLOSED:
            self.close_connection = True
        if response.framing == "raw":
            return None
        self.protocol_version = "HTTP/1.0" if response.framing == "http/1.0" else "HTTP/1.1"
        headers = dict(response.headers)
        length = None
        if response.framing == "length":
            known = len(response.body) if isinstance(response.body, bytes) else 0
            given = headers.setdefault("Content-Length", str(known))
            length = int(given) if given.isascii() and given.isdigit() else None
            self.close_connection |= length is None
        elif response.framing == "chunked":
            headers["Transfer-Encoding"] = "chunked"
        elif response.framing == "close":
            headers["Connection"] = "close"
        self.send_response(response.status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        return length

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            with self.server.lock:
                self.server.connections -= 1

    def log_message(self, *_args: object) -> None:
        """The log is `LoopbackServer.log`."""
