"""A reverse proxy before a real server, which counts and can do to answers what networks do.

It passes on what it gets as it is, the Host header included: signatures stay good.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from support.loopback import Request, Response, Watched

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from support.loopback import Framing

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "server", "date"}
_PIECE = 1 << 16


class RecordingProxy(Watched):
    """The proxy, before the server at `upstream`."""

    def __init__(self, upstream: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(self.forward, tls)
        self._upstream = urlsplit(upstream).netloc

    def forward(self, request: Request) -> Response:
        """What the server answers; a fault may call this and change the result."""
        connection = http.client.HTTPConnection(self._upstream, timeout=60)
        connection.request(request.method, request.path, headers=request.headers)
        answer = connection.getresponse()
        headers = {k.title(): v for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP}
        if request.method == "HEAD":
            connection.close()
            return Response(answer.status, headers)
        chunked = answer.getheader("Transfer-Encoding") == "chunked"
        framing: Framing = "chunked" if chunked else "length"
        return Response(answer.status, headers, _body(connection, answer), framing)


def _body(
    connection: http.client.HTTPConnection, answer: http.client.HTTPResponse
) -> Iterator[bytes]:
    try:
        while piece := answer.read(_PIECE):
            yield piece
    finally:
        connection.close()
