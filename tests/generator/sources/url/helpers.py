"""Projects whose models are at plain addresses."""

from __future__ import annotations

import base64
import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aimodels_gen.nix.hashes import nix_base32
from generator.sources.buckets import INTEGRATION
from support.loopback import LoopbackServer, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.loopback import Request
    from support.project import Project
    from support.recording_proxy import RecordingProxy

CONTENT = b"content of the model"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CODED = base64.b64encode(bytes.fromhex(SHA256)).decode()
ZEROS = "0" * 64
FORMS = [
    SHA256,
    SHA256.upper(),
    f"sha256:{SHA256}",
    f"sha256-{CODED}",
    CODED,
    nix_base32(bytes.fromhex(SHA256)),
    f"sha256:{nix_base32(bytes.fromhex(SHA256))}",
]
"""How a manifest may spell the sha256 of the content."""


def lock(project: Project, *urls: str, more: str = "", args: tuple[str, ...] = ()) -> Any:
    listed = ", ".join(f'"{url}"' for url in urls)
    project.write(
        f'[models.m]\nsource.url.files = {{ "model.gguf" = [{listed}] }}\n{more}\n{INTEGRATION}\n'
        + ('source.url.query = "public"\n' if "?" in listed else "")
    )
    return project.run("lock", *args)


def pin(project: Project) -> dict[str, Any]:
    pin: dict[str, Any] = project.files()["model.gguf"]
    return pin


def reads(recording_proxy: RecordingProxy) -> list[str]:
    """What was read: not where only the beginning was looked at."""
    return [request.path for request in recording_proxy.log if is_content(request)]


def is_content(request: Request) -> bool:
    return request.method == "GET" and not request.is_peek


@contextmanager
def serving(answer: Callable[[Request], Response]) -> Iterator[str]:
    """Answer every request; the value is the server's URL."""
    server = LoopbackServer(answer)
    try:
        yield server.url
    finally:
        server.close()


def with_headers(recording_proxy: RecordingProxy, **headers: str) -> Callable[[Request], Response]:
    return lambda request: recording_proxy.forward(request).with_headers(**headers)


def sums_of(recording_proxy: RecordingProxy, *lines: str) -> str:
    text = "\n".join(lines).encode()
    recording_proxy.faults = lambda r: Response(200, {}, text) if "SUMS" in r.path else None
    return f'source.url.sums = "{recording_proxy.url}/SHA256SUMS"'
