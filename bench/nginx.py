"""nginx as a static server on loopback, with an optional limit for each connection."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import requests

from lfs import Lfs
from support.nginx import PROGRAM, listening, start, static

if TYPE_CHECKING:
    from pathlib import Path

_PACING = 47  # SO_MAX_PACING_RATE in asm-generic/socket.h; Python has no name for it
_STARTS = 10  # seconds
_LOGS = 0.1  # seconds after which the last request is in the log

# The paths below resolve/ and api/ are the Hub's, those below .git are git's and Git LFS's.
_CONFIG = """
daemon off;
user {user};
worker_processes auto;
pid {directory}/pid;
error_log {directory}/errors;
events {{ worker_connections 1024; }}
http {{
  log_format bytes $body_bytes_sent;
  access_log {directory}/log bytes;
  {static}
  map_hash_bucket_size 256;
  map_hash_max_size 8192;
  map $uri $checksum {{ include {root}/etags; }}
  server {{
    listen 127.0.0.1:{port};
    root {root}/www;
    location = /ready {{ access_log off; return 204; }}
    location /api/ {{ default_type application/json; }}
    location ~ /resolve/(?<commit>[0-9a-f]+)/ {{
      etag off;
      add_header ETag '"$checksum"';
      add_header X-Repo-Commit $commit;
    }}
    location ~ /objects/batch$ {{
      proxy_pass http://127.0.0.1:{lfs};
      proxy_set_header Host $http_host;
    }}
  }}
}}
"""


class Nginx:
    """The server. In a `with` block, programs that we start use it as huggingface.co.

    nginx's own `limit_rate` does not limit a connection: it starts anew for each request and sends
    the amount for one second at once, so requests for small ranges are never limited. The kernel
    limits instead (SO_MAX_PACING_RATE, socket(7)): a connection inherits the rate of the listening
    socket, which nginx inherits from us as from an nginx that it replaces.

    Args:
        directory: For its files; must be empty.
        root: Has what is served in `www`, and in `etags` lines with a path and its ETag, which for
            large files is their sha256.
        rate: Bytes a second that one connection may get, or None.
    """

    def __init__(self, directory: Path, root: Path, rate: int | None) -> None:
        self._log = directory / "log"
        self._errors = directory / "errors"
        self._logged = 0
        etags = (line.split() for line in (root / "etags").read_text().split(";\n") if line)
        self._lfs = Lfs({etag: path for path, etag in etags})
        with listening(*([(_PACING, rate)] if rate is not None else [])) as (sock, port):
            user = pwd.getpwuid(os.geteuid()).pw_name
            config = _CONFIG.format(
                user=user,
                directory=directory,
                static=static(directory),
                root=root,
                port=port,
                lfs=self._lfs.server_port,
            )
            self.url = f"http://127.0.0.1:{port}"
            self._process = start(directory, config, sock)

    def take_log(self) -> list[int]:
        """Return the bytes sent for each request since the last call, without headers."""
        time.sleep(_LOGS)
        lines = self._log.read_text(encoding="ascii").split()
        taken = lines[self._logged :]
        self._logged = len(lines)
        return list(map(int, taken))

    def __enter__(self) -> Nginx:  # noqa: PYI034 (Self is new in Python 3.11)
        try:
            requests.get(f"{self.url}/ready", timeout=_STARTS).raise_for_status()
        except requests.RequestException as error:
            self._process.terminate()
            sys.exit(f"nginx does not start: {error}\n{self._errors.read_text()}")
        os.environ["HF_ENDPOINT"] = self.url
        return self

    def __exit__(self, *_: object) -> None:
        del os.environ["HF_ENDPOINT"]
        self._process.terminate()
        self._process.wait()
        self._lfs.close()


def version() -> str:
    """Return the name and version of nginx."""
    command = [PROGRAM or "nginx", "-v"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return said.split()[-1].replace("/", " ")
