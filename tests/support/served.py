"""What serves from a thread of the test's process, and has to stop with the test."""

from __future__ import annotations

import os
import socket
import socketserver
import threading
from typing import ClassVar


class Served(socketserver.TCPServer):
    """A server with a thread that takes connections until `close`.

    Attributes:
        left_open: Those that nobody has closed, each with the test that has made it. A thread that
            goes on after its socket is closed never sleeps, and slows every later test down.
    """

    left_open: ClassVar[dict[Served, str]] = {}

    def serve(self) -> None:
        self.left_open[self] = os.environ.get("PYTEST_CURRENT_TEST", "a fixture")
        self._closing = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._closing:
            self.handle_request()

    def close(self) -> None:
        if self in self.left_open:
            self._closing = True
            self.socket.shutdown(socket.SHUT_RDWR)  # which ends the wait for a connection
            self._thread.join()
            del self.left_open[self]
        self.server_close()

    def __exit__(self, *_: object) -> None:
        self.close()
