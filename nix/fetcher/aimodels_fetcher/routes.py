"""The way to a server: straight, or through the proxy that the environment names."""

from __future__ import annotations

import base64
import re
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from aimodels_fetcher.environment import proxy_for, tls_context
from aimodels_fetcher.framing import StrictResponse

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence
    from urllib.parse import SplitResult

_PORTS = {"http": 80, "https": 443}
_NOT_HEX = re.compile("%(?![0-9A-Fa-f]{2})")
_SAFE = "!#$%&'()*+,/:;=?@[]~"  # what is reserved (RFC 3986, 2.2), and what encodes others
_IS_SPELLED = re.compile(r"(?:[0-9A-Za-z!$&'()*+,/:;=?@\[\]~._-]|%[0-9A-Fa-f]{2})*")
_BREAKS = re.compile(r"[\r\n\0]")


class Route:
    """How to connect to one server, and how to ask it there.

    Args:
        url: Of anything on the server.
        ca_variables: As `tls_context` takes them.

    Raises:
        SettingError: The environment's proxy or certificates cannot be used.
        ValueError: The URL is malformed.
    """

    def __init__(self, url: str, ca_variables: Sequence[str]) -> None:
        parts = urlsplit(url)
        self._server = _address(parts)
        self._tls = parts.scheme == "https"
        proxy = proxy_for(f"{parts.scheme}://{parts.netloc}")
        self._proxy = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None
        self._ca_variables = ca_variables
        self._context: ssl.SSLContext | None = None
        if self._tls or (self._proxy and self._proxy.scheme == "https"):
            self._context = tls_context(*ca_variables)
        host, port = self._server
        shown = f"[{host}]" if ":" in host else host
        self._host = shown if port == _PORTS.get(parts.scheme) else f"{shown}:{port}"
        login = _login(self._proxy) if self._proxy else {}
        self._tunnel = bool(self._proxy) and self._tls
        self._login = {f"Proxy-{name}": value for name, value in login.items()}
        # A proxy is asked for whole URLs, unless it only passes the connection on.
        plain_proxy = bool(self._proxy) and not self._tls
        self._before = f"http://{self._host}" if plain_proxy else ""
        self._headers = self._login if plain_proxy else {}

    def connect(self, seconds: float) -> socket.socket:
        """Return a new connection to the server, secured where its scheme asks for that.

        Args:
            seconds: What connecting to an address may take, and each step after that.

        Raises:
            OSError, HTTPException: There is none.
            ValueError: The host cannot be looked up.
        """
        proxy = self._proxy
        sock = socket.create_connection(_address(proxy) if proxy else self._server, seconds)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy and proxy.scheme == "https":
                sock = self._secured(sock, _address(proxy)[0])
            if self._tunnel:
                self._open_tunnel(sock)
            if self._tls:
                sock = self._secured(sock, self._server[0])
        except BaseException:
            sock.close()
            raise
        return sock

    def request(self, method: str, url: str, headers: Mapping[str, str]) -> bytes:
        """Return the bytes of a request without a body.

        Raises:
            ValueError: It cannot be written.
        """
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        lines = [
            f"{method} {self._before}{parts.path or '/'}{query} HTTP/1.1",
            f"Host: {self._host}",
            *(f"{name}: {value}" for name, value in {**headers, **self._headers}.items()),
        ]
        if _BREAKS.search("".join(lines)):
            raise ValueError("a header with a line break")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _open_tunnel(self, sock: socket.socket) -> None:
        """Have the proxy pass the connection on to the server (RFC 9110, 9.3.6)."""
        host, port = self._server
        name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {name} HTTP/1.1", f"Host: {name}"]
        lines += [f"{header}: {value}" for header, value in self._login.items()]
        sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        answer = StrictResponse(sock, method="CONNECT")
        try:
            answer.begin()
        finally:
            answer.close()
        if answer.status != HTTPStatus.OK:
            raise OSError(f"Tunnel connection failed: {answer.status} {answer.reason}")

    def _secured(self, sock: socket.socket, host: str) -> socket.socket:
        context = self._context
        assert context is not None  # noqa: S101 (for mypy: made where it is needed)
        if isinstance(sock, context.sslsocket_class):  # inside of the proxy's own TLS
            from urllib3.util.ssltransport import SSLTransport  # noqa: PLC0415 (rarely needed)

            return SSLTransport(sock, context, host)  # type: ignore[return-value]  # it is like one
        return context.wrap_socket(sock, server_hostname=host)


def spelled(url: str) -> str:
    """Return a URL as it is sent: with what may not stand in one percent-encoded, and no fragment.

    Other people's encoding stays as it is: signatures are of it.
    """
    url = url.partition("#")[0]
    if _IS_SPELLED.fullmatch(url):
        return url
    return quote(_NOT_HEX.sub("%25", url), safe=_SAFE)


def login(url: str) -> dict[str, str]:
    """Return the header for a login in a URL, where there is one."""
    return _login(urlsplit(url)) if "@" in url else {}


def _login(parts: SplitResult) -> dict[str, str]:
    if not parts.username and not parts.password:
        return {}
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode('latin-1')).decode()}"}


def _address(parts: SplitResult) -> tuple[str, int]:
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("a URL without a server")
    return parts.hostname, parts.port or _PORTS[parts.scheme]
