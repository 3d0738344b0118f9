"""Connections: kept open, through the environment's proxies, without credentials of their own."""

from __future__ import annotations

import http.client
import select
import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_fetcher.deadlines import watch
from aimodels_fetcher.framing import StrictResponse
from aimodels_fetcher.http_errors import has_cause, sorted_fault
from aimodels_fetcher.routes import Route, login, spelled
from aimodels_fetcher.urls import server_part

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 20.0
# What becomes of connections that have been idle for long.
_CUTS = (ConnectionResetError, BrokenPipeError)
_FAULTS = (OSError, ValueError, http.client.HTTPException)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass
class Answer:
    """What a server answers to a request; its body has not been read.

    Attributes:
        url: Where it comes from.
        body: Reads the body.
        redirects: Headers of the redirects that led to it.
    """

    url: str
    body: StrictResponse
    _sock: socket.socket
    _keep: Callable[[socket.socket], None]
    redirects: tuple[Mapping[str, str], ...] = ()

    @property
    def status(self) -> int:
        """HTTP status."""
        return self.body.status

    @property
    def headers(self) -> Mapping[str, str]:
        """All of them; names are case-insensitive."""
        return self.body.headers

    @property
    def location(self) -> str | None:
        """Where it redirects to, if it does."""
        return self.headers.get("location") if self.status in _REDIRECTS else None

    def release(self, *, whole: bool) -> None:
        """Keep the connection for another request if the body is read to its end, or close it."""
        self.body.close()
        if whole and not self.body.will_close:
            self._keep(self._sock)
        else:
            self._sock.close()


class Connections:
    """Sends single requests; safe to use from several threads.

    Args:
        most: How many to keep open for each server.
        ca_variables: Variables that may name a file with certificates, before those that all
            programs know.
        connect_seconds: What connecting to an address may take; None for the usual time.
        read_seconds: What the head of an answer, or a read, may take; None for the usual time.
    """

    def __init__(
        self,
        most: int,
        ca_variables: Sequence[str] = (),
        connect_seconds: float | None = None,
        read_seconds: float | None = None,
    ) -> None:
        watch()
        self._most = most
        self._ca_variables = ca_variables
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._routes: dict[str, Route] = {}
        self._idle: dict[str, list[socket.socket]] = {}
        self._hung_up = 0  # times
        self._answered: set[str] = set()
        # Not in __del__: in a cycle of garbage, the sockets may be finalized before.
        weakref.finalize(self, _close, self._idle)

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        sign: Callable[[str, str], Mapping[str, str]] | None = None,
    ) -> Answer:
        """Return the answer to one request; redirects are not followed, the body is not read.

        Args:
            method: GET or HEAD.
            url: What to ask for.
            headers: To send.
            sign: Returns more headers for the method, and for the URL as it will be sent: a
                signature is good for one spelling of it.

        Raises:
            TransientError: Worth another try.
            SettingError: The environment's proxy or certificates cannot be used.
            FetchError: A bad URL, or a certificate that is not trusted.
        """
        for last in (False, True):
            idle = False
            try:
                asked = spelled(url)
                server = server_part(asked)
                idle = server in self._answered
                route = self._routes.get(server) or self._new_route(server)
                more = sign(method, asked) if sign else {}
                request = route.request(method, asked, {**headers, **login(asked), **more})
                answer = self._exchange(server, route, request, method, asked)
            except _FAULTS as error:
                # Idle connections may be over as well, or be all that the server has room for.
                self.hang_up()
                if last or not idle or not has_cause(error, _CUTS):
                    raise sorted_fault(url, error, crowded=True) from error
            else:
                self._answered.add(server)
                return answer
        raise AssertionError  # the loop returns or raises

    def hang_up(self) -> None:
        """Close all idle connections; those in use are closed when they are no longer."""
        self._answered.clear()
        self._hung_up += 1
        _close(self._idle)

    def _new_route(self, server: str) -> Route:
        return self._routes.setdefault(server, Route(server, self._ca_variables))

    def _exchange(self, server: str, route: Route, request: bytes, method: str, url: str) -> Answer:
        hung_up = self._hung_up
        sock = self._take(server) or route.connect(self._connect_seconds or _CONNECT_SECONDS)

        def keep(sock: socket.socket) -> None:
            kept = self._idle.setdefault(server, [])
            if hung_up == self._hung_up and len(kept) < self._most:
                kept.append(sock)
            else:
                sock.close()

        body: StrictResponse | None = None
        try:
            sock.settimeout(self._read_seconds or _READ_SECONDS)
            sock.sendall(request)
            body = StrictResponse(sock, method=method)
            body.begin()
        except BaseException:
            if body:
                body.close()
            sock.close()
            raise
        return Answer(url, body, sock, keep)

    def _take(self, server: str) -> socket.socket | None:
        """Return a connection on which the server has not said anything since its last answer."""
        socks = self._idle.get(server)
        while socks:
            try:
                sock = socks.pop()
            except IndexError:  # another thread was faster
                break
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            if not poll.poll(0):
                return sock
            sock.close()
        return None


def _close(idle: Mapping[str, list[socket.socket]]) -> None:
    for socks in list(idle.values()):
        with suppress(IndexError):  # other threads take them, too
            while True:
                socks.pop().close()
