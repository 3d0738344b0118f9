"""A registry with one image, which can only be read: layers are made while they are sent."""

from __future__ import annotations

import re
import sys
import threading
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from aimodels_images.errors import ImageError
from aimodels_images.layer import dumped

if TYPE_CHECKING:
    from aimodels_images.image import Image

_PATH = re.compile("/v2/(.+)/(manifests|blobs|tags)/([^/]+)")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_DOMAIN = re.compile(r"localhost|.*[.:].*")
# Seconds without a byte. Clients keep connections open between requests.
_PATIENCE = 600


def path_of(name: str) -> str:
    """Return the name of an image without the registry in it."""
    first, _, rest = name.partition("/")
    return rest if rest and _DOMAIN.fullmatch(first) else name


class Registry(ThreadingHTTPServer):
    """The server; it runs in threads of its own until the program ends.

    Args:
        image: What it serves.
        address: Where it listens; port 0 is any free one.
        reports: Whether it prints why an answer was cut off.

    Attributes:
        sent: Bytes of layers, by their digests, that were sent.
        failure: Why an answer was cut off, if one was.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, image: Image, address: tuple[str, int], *, reports: bool = True) -> None:
        self.image = image
        self.path = path_of(image.name)
        self.sent: Counter[str] = Counter()
        self.failure: ImageError | None = None
        self._reports = reports
        super().__init__(address, _Handler)

    @property
    def reference(self) -> str:
        """What to pull."""
        host, port = self.server_address[:2]
        return f"{host!s}:{port}/{self.path}:{self.image.tag}"

    def server_bind(self) -> None:
        """Listen, without the look-up of a name that http.server makes."""
        TCPServer.server_bind(self)

    def start(self) -> None:
        """Serve in the background."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Ignore clients that go away; report everything else."""
        error = sys.exc_info()[1]
        if isinstance(error, ImageError):
            self.failure = error
            if self._reports:
                sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
        elif not isinstance(error, OSError):
            sys.stderr.write(f"error: {error!r}\n")


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of a connection."""

    server: Registry
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE

    def version_string(self) -> str:
        return "nix-ai-models"

    def log_message(self, *_: object) -> None:
        """Print nothing for each request."""

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_GET  # noqa: N815 (the interface of http.server)

    def do_POST(self) -> None:
        self.close_connection = True
        self._fail(HTTPStatus.METHOD_NOT_ALLOWED, "UNSUPPORTED", "this registry can only be read")

    do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 (the interface of http.server)

    def _answer(self) -> None:
        image = self.server.image
        path = unquote(urlsplit(self.path).path)
        match = _PATH.fullmatch(path)
        if path in {"/v2", "/v2/"}:
            self._send("application/json", b"{}")
        elif match is None or match[1] != self.server.path:
            self._fail(
                HTTPStatus.NOT_FOUND, "NAME_UNKNOWN", f"this registry has only {self.server.path}"
            )
        elif match[2] == "tags" and match[3] == "list":
            tags = {"name": self.server.path, "tags": [image.tag]}
            self._send("application/json", dumped(tags).encode())
        elif match[2] == "manifests" and match[3] in {image.tag, image.manifest.digest}:
            content = image.documents[image.manifest.digest]
            self._send(image.manifest.media_type, content, digest=image.manifest.digest)
        elif match[2] == "blobs" and (match[3] in image.layers or match[3] in image.documents):
            self._send_blob(match[3])
        else:
            unknown = "MANIFEST_UNKNOWN" if match[2] == "manifests" else "BLOB_UNKNOWN"
            self._fail(HTTPStatus.NOT_FOUND, unknown, f"{match[3]} is not in this image")

    def _send_blob(self, digest: str) -> None:
        size = self.server.image.size_of(digest)
        start, end, status = 0, size, HTTPStatus.OK
        if match := _RANGE.fullmatch(self.headers.get("Range", "")):
            first, last = match.groups()
            if first:
                start, end = int(first), min(size, int(last) + 1) if last else size
            elif last:
                start = max(0, size - int(last))
            if start >= end:
                self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            status = HTTPStatus.PARTIAL_CONTENT
        self.send_response(status)
        if status is HTTPStatus.PARTIAL_CONTENT:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self._headers("application/octet-stream", end - start, digest)
        if self.command == "HEAD":
            return
        for piece in self.server.image.pieces(digest, start, end):
            self.wfile.write(piece)
            if digest in self.server.image.layers:
                self.server.sent[digest] += len(piece)

    def _fail(self, status: HTTPStatus, code: str, message: str) -> None:
        content = dumped({"errors": [{"code": code, "message": message}]}).encode()
        self._send("application/json", content, status=status)

    def _send(
        self,
        media_type: str,
        content: bytes,
        *,
        digest: str = "",
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        self.send_response(status)
        self._headers(media_type, len(content), digest)
        if self.command != "HEAD":
            self.wfile.write(content)

    def _headers(self, media_type: str, length: int, digest: str) -> None:
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Docker-Distribution-API-Version", "registry/2.0")
        if digest:
            self.send_header("Docker-Content-Digest", digest)
        if self.close_connection:
            self.send_header("Connection", "close")
        with suppress(ConnectionError):
            self.end_headers()
