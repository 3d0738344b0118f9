"""nginx as a static server of a directory, on loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

# Debian puts it where only root looks.
PROGRAM = shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
_STARTS = 10  # seconds
_BACKLOG = 511  # nginx's own

_STATIC = """
  client_body_temp_path {directory}/client;
  fastcgi_temp_path {directory}/fastcgi;
  proxy_temp_path {directory}/proxy;
  scgi_temp_path {directory}/scgi;
  uwsgi_temp_path {directory}/uwsgi;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
"""

_CONFIG = """
daemon off;
{user}
worker_processes 1;
pid {directory}/pid;
error_log {directory}/errors;
events {{ worker_connections 512; }}
http {{
  access_log off;
  {static}
  server {{
    listen 127.0.0.1:{port};
    root {root};
    {more}
  }}
}}
"""


def static(directory: Path) -> str:
    """What a server of files has in `http { }`, with this directory for its own."""
    return _STATIC.format(directory=directory)


@contextlib.contextmanager
def public_directory() -> Iterator[Path]:
    """A directory that other users can read, as pytest's own cannot be."""
    with tempfile.TemporaryDirectory(prefix="aimodels-public-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@contextlib.contextmanager
def listening(*options: tuple[int, int]) -> Iterator[tuple[socket.socket, int]]:
    """A socket with these options (of SOL_SOCKET) that takes connections, and its port."""
    with socket.socket() as sock:
        for option, value in options:
            sock.setsockopt(socket.SOL_SOCKET, option, value)
        sock.bind(("127.0.0.1", 0))
        sock.listen(_BACKLOG)
        sock.setblocking(False)  # noqa: FBT003 (the socket module's own way)
        yield sock, sock.getsockname()[1]


def start(directory: Path, config: str, sock: socket.socket) -> subprocess.Popen[bytes]:
    """Start nginx with its files in a directory; it takes the socket as if it replaced another."""
    (directory / "nginx.conf").write_text(config)
    return subprocess.Popen(
        [PROGRAM or "nginx", "-e", directory / "errors", "-c", directory / "nginx.conf"],
        env={**os.environ, "NGINX": f"{sock.fileno()};"},
        pass_fds=[sock.fileno()],
        stderr=subprocess.DEVNULL,  # the same as in the file
    )


class Nginx:
    """The server.

    Args:
        root: What it serves.
        directory: For its own files.
        more: Lines of its configuration, for the server.
        user: And maybe group, as which its workers read, if we are root.
    """

    def __init__(
        self, root: Path, directory: Path, more: str = "", user: str = "nobody nogroup"
    ) -> None:
        user = f"user {user};" if os.geteuid() == 0 else ""
        with listening() as (sock, port):
            config = _CONFIG.format(
                user=user,
                directory=directory,
                static=static(directory),
                root=root,
                port=port,
                more=more,
            )
            self.url = f"http://127.0.0.1:{port}"
            self._process = start(directory, config, sock)
        requests.get(self.url, timeout=_STARTS)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def __enter__(self) -> Nginx:  # noqa: PYI034 (Self is new in Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
