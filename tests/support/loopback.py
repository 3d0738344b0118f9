"""A loopback HTTP/1.1 server whose answers are made by a function, with an access log."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass
class Request:
    """One line of the access log; `path` is as sent, still quoted and with its query."""

    method: str
    path: str
    headers: dict[str, str]
    status: int = 0
    sent_bytes: int = 0

    @property
    def token(self) -> str | None:
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


@dataclass(frozen=True)
class Response:
    """An answer. A body that ends before its Content-Length closes the connection."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""


class LoopbackServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.log: list[Request] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle of an answer is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoopbackServer

    def do_GET(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        request = Request(self.command, self.path, headers)
        response = self.server.answer(request)
        request.status = response.status
        self.server.log.append(request)
        body = [response.body] if isinstance(response.body, bytes) else response.body
        known = len(response.body) if isinstance(response.body, bytes) else 0
        length = int(response.headers.get("Content-Length", known))
        self.send_response(response.status)
        for key, value in {**response.headers, "Content-Length": str(length)}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for chunk in body:
            # Counted first, so that whoever has read the answer finds it counted.
            request.sent_bytes += len(chunk)
            self.wfile.write(chunk)
        self.close_connection |= request.sent_bytes != length

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_args: object) -> None:
        """The log is `LoopbackServer.log`."""
