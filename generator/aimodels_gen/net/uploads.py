"""Requests with bodies, streamed: what the fetcher's connections, which only ask, do not send."""

from __future__ import annotations

import http.client
import select
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from aimodels_fetcher.deadlines import watch
from aimodels_fetcher.framing import StrictResponse
from aimodels_fetcher.http_errors import sorted_fault
from aimodels_fetcher.routes import Route, spelled
from aimodels_fetcher.urls import server_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_CONNECT_SECONDS = 10.0
_SEND_SECONDS = 60.0  # for a chunk
_ANSWER_SECONDS = (
    300.0  # some servers copy what has come, or put parts together, before they answer
)
_MOST_BODY = 64 << 10  # bytes of an answer
_FAULTS = (OSError, ValueError, http.client.HTTPException)


@dataclass(frozen=True)
class Reply:
    """What a server answers.

    Attributes:
        url: What was sent to.
        status: HTTP status.
        headers: Their names are case-insensitive.
        body: Its beginning.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Uploads:
    """Sends requests with bodies, through the environment's proxies. All threads may use one.

    Args:
        ca_variables: Variables that may name a file with certificates, before those that all
            programs know.
    """

    def __init__(self, ca_variables: Sequence[str] = ()) -> None:
        """Connect to nothing yet."""
        watch()
        self._ca_variables = ca_variables
        self._routes: dict[str, Route] = {}
        self._idle: dict[str, list[socket.socket]] = {}
        self._lock = threading.Lock()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        size: int = 0,
        chunks: Callable[[], Iterable[bytes | memoryview]] = lambda: (),
    ) -> Reply:
        """Send a request; return the answer, whatever its status. Redirects are not followed.

        Args:
            method: PUT, POST or DELETE.
            url: Where to.
            headers: Without the length of the body.
            size: Bytes of the body.
            chunks: Returns the body in pieces. If it raises, the server gets less than `size`
                bytes and a closed connection, which is not a whole request.

        Raises:
            TransientError: Worth another try.
            SettingError, FetchError: A bad URL, proxy or certificate.
            Exception: What `chunks` raises.
        """
        asked = spelled(url)
        server = server_part(asked)
        sock: socket.socket | None = None
        try:
            route = self._routes.get(server) or self._new_route(server)
            sent = {"User-Agent": "nix-ai-models", "Accept": "*/*", **headers}
            request = route.request(method, asked, {**sent, "Content-Length": str(size)})
            sock = self._take(server) or route.connect(_CONNECT_SECONDS)
            sock.settimeout(_SEND_SECONDS)
            sock.sendall(request)
        except _FAULTS as error:
            if sock:
                sock.close()
            raise sorted_fault(url, error, crowded=False) from error
        kept = False
        try:
            fault: Exception | None = _send_all(sock, chunks())
            try:
                reply, kept = _reply(sock, method, url, whole=fault is None)
            except _FAULTS as error:
                raise sorted_fault(url, fault or error, crowded=False) from error
            if fault and reply.status < HTTPStatus.MULTIPLE_CHOICES:
                raise sorted_fault(url, fault, crowded=False)
        finally:
            if not kept:
                sock.close()
        if kept:
            with self._lock:
                self._idle.setdefault(server, []).append(sock)
        return reply

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            for socks in self._idle.values():
                while socks:
                    socks.pop().close()

    def _new_route(self, server: str) -> Route:
        return self._routes.setdefault(server, Route(server, self._ca_variables))

    def _take(self, server: str) -> socket.socket | None:
        """Return a connection on which the server has not said anything since its last answer."""
        while True:
            with self._lock:
                socks = self._idle.get(server)
                if not socks:
                    return None
                sock = socks.pop()
            if not _says_something(sock):
                return sock
            sock.close()


def _reply(sock: socket.socket, method: str, url: str, *, whole: bool) -> tuple[Reply, bool]:
    """Return the answer, and whether the connection can be used again."""
    sock.settimeout(_ANSWER_SECONDS)
    answer = StrictResponse(sock, method=method)
    try:
        answer.begin()
        body = answer.read(_MOST_BODY)
        ended = answer.isclosed() or answer.length == 0
    finally:
        answer.close()
    return Reply(url, answer.status, answer.headers, body), (
        whole and ended and not answer.will_close
    )


def _send_all(sock: socket.socket, chunks: Iterable[bytes | memoryview]) -> OSError | None:
    """Send a body; return what has ended that, None if all of it was sent.

    A server that refuses answers before it has read everything, and may close the connection.
    """
    is_plain = type(sock) is socket.socket
    for chunk in chunks:
        # Where TLS is used, other things than answers come as well.
        if is_plain and _says_something(sock):
            return ConnectionResetError("the server answered before all was sent")
        try:
            sock.sendall(chunk)
        except OSError as error:
            with suppress(OSError):
                sock.shutdown(1)  # SHUT_WR
            return error
    return None


def _says_something(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
