"""Two models with the same bucket, or the same files on a web server: each is asked about once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from generator.sources.buckets import INTEGRATION
from generator.sources.url.helpers import serving
from support.loopback import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.loopback import Request
    from support.project import Project
    from support.recording_proxy import RecordingProxy
    from support.s3 import Moto

OTHER = INTEGRATION.replace("my-model", "other-model")


def asked(log: Iterable[Request]) -> Counter[tuple[str, str, bool]]:
    return Counter((r.method, r.path, r.is_peek) for r in log)


def test_models_of_one_bucket(
    project: Project, moto: Moto, recording_proxy: RecordingProxy, bucket: str
) -> None:
    """One listing, also with other filters; each object is read once."""
    moto.put(bucket, {"dir/config.json": b"{}", "dir/weights.gguf": b"weights"})
    source = f'source.s3 = {{ bucket = "{bucket}", prefix = "dir/" }}\n'
    project.write(
        f'[models.a]\n{source}{INTEGRATION}[models.b]\n{source}include = ["*.json"]\n{OTHER}'
    )
    project.ok("lock")
    assert sorted(project.files("b")) == ["config.json"]
    listings = [r.path for r in recording_proxy.log if "list-type=2" in r.path]
    assert len(listings) == 1
    reads = Counter(r.path for r in recording_proxy.log if r.method == "GET")
    assert set(reads.values()) == {1}


def test_models_with_the_same_urls(project: Project) -> None:
    contents = {"/a.gguf": b"content a", "/b.gguf": b"content b"}
    log: list[Request] = []

    def answer(request: Request) -> Response:
        log.append(request)
        content = contents[request.path]
        return Response(200, {"ETag": f'"{len(content)}{request.path}"'}, content)

    with serving(answer) as url:
        files = ", ".join(f'"{path[1:]}" = "{url}{path}"' for path in contents)
        source = f"source.url.files = {{ {files} }}\n"
        project.write(f"[models.a]\n{source}{INTEGRATION}[models.b]\n{source}{OTHER}")
        project.ok("lock")
    assert project.files("a") == project.files("b")
    assert set(asked(log).values()) == {1}, asked(log)
