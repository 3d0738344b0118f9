"""Answers whose head has to come in time."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from contextlib import suppress
from functools import cache
from typing import Any

_INTERVAL = 0.5  # seconds
_waiting: dict[int, tuple[socket.socket, float]] = {}  # thread -> where it waits, and until when


class PunctualResponse(http.client.HTTPResponse):
    """An answer whose status line and headers together may take as long as a timeout.

    The socket's timeout starts anew with every byte that arrives, so that a server which sends its
    headers byte by byte could hold a thread for hours.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (http.client's business)
        super().__init__(sock, *args, **kwargs)
        self._sock = sock

    def begin(self) -> None:
        """Read the head; when the time is over, the connection ends under the reader's hands."""
        thread = threading.get_ident()
        _waiting[thread] = self._sock, time.monotonic() + (self._sock.gettimeout() or float("inf"))
        try:
            super().begin()
        finally:
            del _waiting[thread]


@cache
def watch() -> None:
    """Start to look after all such answers, which costs less than a timer for each."""
    threading.Thread(target=_hang_up_on_the_late, daemon=True).start()


def _hang_up_on_the_late() -> None:
    while True:
        time.sleep(_INTERVAL)
        now = time.monotonic()
        for sock, until in list(_waiting.values()):
            if now > until:
                with suppress(OSError):
                    # Not SSLSocket's own, which would go on in plain text.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
