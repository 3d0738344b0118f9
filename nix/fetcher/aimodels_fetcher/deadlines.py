"""Reads that come to an end in time, however a server spaces its bytes.

A socket's timeout starts anew with every byte that arrives. http.client reads lines (status,
headers, sizes of chunks, trailers) until they end. A server that sends one byte at a time could
hold a thread for hours. Here one thread looks after all such reads, and shuts the socket
down under those that take too long.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTERVAL = 0.5  # seconds


class Deadline:
    """A time until which a thread may read from a socket.

    Args:
        sock: The socket.
        seconds: How long, from now on; None for ever.
        around: A deadline that the thread is under already, which stays in force.

    Attributes:
        passed: Whether the socket was shut down because the time was over.
    """

    def __init__(
        self, sock: socket.socket, seconds: float | None, around: Deadline | None = None
    ) -> None:
        self._sock = sock
        self._until = math.inf if seconds is None else time.monotonic() + seconds
        self._around = around
        self.passed = False

    def start(self) -> None:
        """Look after what this thread reads."""
        _running[threading.get_ident()] = self

    def stop(self) -> None:
        """Look no longer after it, but go on with the deadline around this one."""
        if self._around:
            self._around.start()
        else:
            _running.pop(threading.get_ident(), None)

    def enforce(self, now: float) -> None:
        """Shut the socket down if the time is over."""
        if self._around:
            self._around.enforce(now)
        if now > self._until and not self.passed:
            self.passed = True
            with suppress(OSError):
                # Not SSLSocket's own, which would go on in plain text.
                sock = getattr(self._sock, "socket", self._sock)  # of TLS inside of TLS
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


_running: dict[int, Deadline] = {}  # by the number of the thread that reads


@contextmanager
def deadline(sock: socket.socket, seconds: float | None) -> Iterator[Deadline]:
    """Give the reads of this thread in the block that many seconds together."""
    now = Deadline(sock, seconds, _running.get(threading.get_ident()))
    now.start()
    try:
        yield now
    finally:
        now.stop()


@cache
def watch() -> None:
    """Start to look after all such reads, which costs less than a timer for each."""
    threading.Thread(target=_enforce_all, daemon=True).start()


def _enforce_all() -> None:
    while True:
        time.sleep(_INTERVAL)
        now = time.monotonic()
        for one in list(_running.values()):
            one.enforce(now)
