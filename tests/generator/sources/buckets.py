"""Projects whose models are in buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.loopback import Request, Response
    from support.project import Project
    from support.recording_proxy import RecordingProxy

INTEGRATION = 'integration.huggingface = { org = "my-org", model = "my-model" }\n'


def write(project: Project, bucket: str, more: str = "", settings: str = "") -> None:
    source = f'source.s3 = {{ bucket = "{bucket}"{more} }}\n'
    project.write(f"[models.m]\n{source}{INTEGRATION}{settings}\n")


def hashes(project: Project) -> dict[str, str]:
    return {path: file["hash"] for path, file in project.files().items()}


def content_requests(recording_proxy: RecordingProxy) -> list[Request]:
    return [r for r in recording_proxy.log if r.method == "GET" and "list-type=2" not in r.path]


def as_amazon_says(
    recording_proxy: RecordingProxy, **headers: str
) -> Callable[[Request], Response | None]:
    def fault(request: Request) -> Response | None:
        if request.method != "HEAD":
            return None
        return recording_proxy.forward(request).with_headers(**headers)

    return fault
