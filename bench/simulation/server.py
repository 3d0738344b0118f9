"""nginx on a host of a small network."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

from support.nginx import PROGRAM, static

if TYPE_CHECKING:
    from pathlib import Path

    from simulation.world import Host

PORT = 8080
_STARTS = 10  # seconds
_PAUSE = 0.02  # seconds

_CONFIG = """
daemon off;
user root;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/errors;
events {{ worker_connections 1024; }}
http {{
  log_format bytes $body_bytes_sent;
  access_log {directory}/log bytes;
  {static}
  {http}
  server {{
    listen {port};
    {server}
  }}
}}
"""


class Server:
    """The server.

    Args:
        host: Where it runs.
        directory: For its files; must not exist.
        server: Lines of its configuration, for the server.
        http: Lines of its configuration beside the server. In both, `@DIRECTORY@` is the directory.
    """

    def __init__(self, host: Host, directory: Path, server: str, http: str = "") -> None:
        directory.mkdir()
        self._directory = directory
        config = _CONFIG.format(
            directory=directory,
            static=static(directory),
            http=http,
            port=PORT,
            server=server,
        )
        (directory / "nginx.conf").write_text(config.replace("@DIRECTORY@", str(directory)))
        self._process = host.start(
            PROGRAM or "nginx", "-e", directory / "errors", "-c", directory / "nginx.conf"
        )
        deadline = time.monotonic() + _STARTS
        while not (directory / "pid").exists():
            if time.monotonic() > deadline or self._process.poll() is not None:
                sys.exit(f"nginx does not start: {(directory / 'errors').read_text()}")
            time.sleep(_PAUSE)

    def sent(self) -> int:
        """Return the bytes of all responses so far."""
        return sum(map(int, (self._directory / "log").read_text().split()))

    def close(self) -> None:
        """End it, and remove its files."""
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self._directory)
