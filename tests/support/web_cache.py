"""A web server that takes files by PUT, as binary caches are filled, and counts what it takes."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from support.served import Served

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

_PIECE = 1 << 16


class WebCache(Served, ThreadingHTTPServer):
    """The server.

    Attributes:
        files: By path, from `/`; only whole ones.
        log: Method and path of each request.
        received: Bytes of bodies.
        logins: The Authorization headers that came.
        refusal: Returns the status and the headers with which to answer a request without reading
            its body, None to serve it.
        cut: Bytes of the next body after which the connection ends; None for never.
    """

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.log: list[tuple[str, str]] = []
        self.received = 0
        self.logins: set[str] = set()
        self.refusal: Callable[[str, str], tuple[int, dict[str, str]] | None] = lambda *_: None
        self.cut: int | None = None
        self.lock = threading.Lock()
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_address[1]}/cache"
        self.serve()

    def asked(self, method: str) -> list[str]:
        """Return the names that were asked for with a method, in their order."""
        return [path.removeprefix("/cache/") for verb, path in self.log if verb == method]

    def handle_error(self, request: Any, client_address: object) -> None:
        """A client that goes away is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WebCache

    def do_GET(self) -> None:
        if not self._is_refused():
            content = self.server.files.get(self.path)
            self._answer(404 if content is None else 200, content or b"")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        if self._is_refused():
            # As nginx does (lingering_close): a reset could overtake the answer.
            self.close_connection = True
            while self.rfile.read1(_PIECE):
                pass
            return
        left = int(self.headers["Content-Length"])
        body = bytearray()
        while left:
            piece = self.rfile.read(min(left, _PIECE))
            if not piece:
                self.close_connection = True
                return
            body += piece
            left -= len(piece)
            with self.server.lock:
                self.server.received += len(piece)
                if self.server.cut is not None and len(body) > self.server.cut:
                    self.server.cut = None
                    self.close_connection = True
                    return
        self.server.files[self.path] = bytes(body)
        self._answer(201)

    def _is_refused(self) -> bool:
        with self.server.lock:
            self.server.log.append((self.command, self.path))
            if login := self.headers.get("Authorization"):
                self.server.logins.add(login)
        refusal = self.server.refusal(self.command, self.path)
        if refusal:
            if refusal[0] < 300:  # a server that says yes takes the body first
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(refusal[0], headers={"Connection": "close", **refusal[1]})
        return refusal is not None

    def _answer(
        self, status: int, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_args: object) -> None:
        """The log is `WebCache.log`."""
