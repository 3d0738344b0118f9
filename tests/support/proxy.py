"""A small HTTP proxy: it forwards requests for http addresses, and tunnels (CONNECT) for https."""

from __future__ import annotations

import contextlib
import io
import socket
import socketserver
import threading
from urllib.parse import urlsplit

from support.served import Served


class Proxy(Served, socketserver.ThreadingTCPServer):
    """The proxy. `log` has the head of every request that it got; `refusal` is its one answer.

    With `instead`, a `host:port`, all tunnels lead there, whatever they were asked for.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, refusal: bytes = b"", instead: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refusal = refusal
        self.instead = instead
        self.log: list[str] = []
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.url = f"http://{self.address}"
        self.serve()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news."""


class _Handler(socketserver.StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        assert isinstance(self.rfile, io.BufferedReader)
        lines = _lines(self.rfile)
        if not lines:
            return
        self.server.log.append(b"".join(lines).decode("latin-1"))
        if self.server.refusal:
            self.wfile.write(self.server.refusal)
            return
        method, target, version = lines[0].decode("latin-1").split()
        if method == "CONNECT":
            host, _, port = (self.server.instead or target).rpartition(":")
            with socket.create_connection((host, int(port))) as upstream:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=self._back, args=(upstream,), daemon=True)
                back.start()
                _pump(self.rfile, upstream)
                back.join()
            return
        parts = urlsplit(target)
        where = parts._replace(scheme="", netloc="").geturl() or "/"
        # One request a connection, and the client is told so: it must not send another on one that
        # is about to be closed.
        head = f"{method} {where} {version}\r\n".encode("latin-1")
        with socket.create_connection((parts.hostname or "", parts.port or 80)) as upstream:
            upstream.sendall(head + _last_of_its_connection(lines[1:]))
            with upstream.makefile("rb") as answer:
                if lines := _lines(answer):
                    self.wfile.write(lines[0] + _last_of_its_connection(lines[1:]))
                    _pump(answer, self.connection)

    def _back(self, upstream: socket.socket) -> None:
        with upstream.makefile("rb") as stream:
            _pump(stream, self.connection)


def _lines(stream: io.BufferedReader) -> list[bytes]:
    """Read the head of a message, without the empty line that ends it."""
    lines = []
    while (line := stream.readline()).strip():
        lines.append(line)
    return lines


def _last_of_its_connection(headers: list[bytes]) -> bytes:
    """Return the lines of a head, and the one that ends it, so that no other message follows."""
    kept = [line for line in headers if not line.lower().startswith((b"connection:", b"proxy-"))]
    return b"".join([*kept, b"Connection: close\r\n", b"\r\n"])


def _pump(stream: io.BufferedReader, to: socket.socket) -> None:
    """Pass on what comes, until its end."""
    with contextlib.suppress(OSError):
        while data := stream.read1(1 << 16):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
