"""The part of Git LFS that static files cannot serve: the locations of objects.

A response of its batch API (docs/api/batch.md in git-lfs) has the requested objects only.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Lfs(ThreadingHTTPServer):
    """The server, on a loopback port; answers name the host that a request was sent to.

    Args:
        paths: Of the objects on that host, by their sha256.
    """

    daemon_threads = True

    def __init__(self, paths: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths = paths
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Lfs

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["objects"]
        base = f"http://{self.headers['Host']}"
        objects = [
            {**thing, "actions": {"download": {"href": base + self.server.paths[thing["oid"]]}}}
            for thing in asked
        ]
        body = json.dumps({"transfer": "basic", "objects": objects}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.git-lfs+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Print nothing: nginx has a log."""
