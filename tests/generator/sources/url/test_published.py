"""What servers publish is compared with what they send, in every framing."""

from __future__ import annotations

import base64
import gzip
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.digests import new_hash
from generator.sources.url.helpers import CODED, CONTENT, SHA256, lock, pin, serving
from support.loopback import Response
from support.specs import sri

if TYPE_CHECKING:
    from support.loopback import Framing, Request
    from support.project import Project

OTHER = b"something else"


def hexed(algorithm: str, content: bytes) -> str:
    hashed = new_hash(algorithm)
    hashed.update(content)
    return hashed.hexdigest()


def coded(algorithm: str, content: bytes) -> str:
    return base64.b64encode(bytes.fromhex(hexed(algorithm, content))).decode()


def published(content: bytes) -> list[dict[str, str]]:
    """Return headers, each of which says that the file is this one."""
    sha256, sha1, md5 = (hexed(name, content) for name in HASHES)
    return [
        {"Repr-Digest": f"sha-256=:{coded('sha256', content)}:"},
        {"Repr-Digest": f"sha-512=:{coded('sha512', content)}:"},
        {"Content-Digest": f"sha-256=:{coded('sha256', content)}:"},
        {"Digest": f"SHA-256={coded('sha256', content)}"},
        {"Digest": f"md5={coded('md5', content)}"},
        {"X-Checksum-Sha256": sha256},
        {"X-Checksum-Sha1": sha1},
        {"X-Checksum-Md5": md5},
        {"X-Linked-ETag": f'"{sha256}"'},
        {"x-amz-checksum-sha256": coded("sha256", content)},
        {"x-goog-hash": f"crc32c=AAAAAA==,md5={coded('md5', content)}"},
        {"x-goog-hash": f"crc32c={coded('crc32c', content)}"},
        {"x-amz-checksum-crc32": coded("crc32", content)},
        {"x-amz-checksum-crc32c": coded("crc32c", content)},
        {"x-amz-checksum-crc64nvme": coded("crc64nvme", content)},
        {"Repr-Digest": f"crc32c=:{coded('crc32c', content)}:"},
        {"Content-MD5": coded("md5", content)},
    ]


HASHES = ("sha256", "sha1", "md5")
FRAMINGS: tuple[Framing, ...] = ("length", "chunked", "close")


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("headers", published(OTHER), ids=" ".join)
def test_a_checksum_of_other_content(
    project: Project, headers: dict[str, str], framing: Framing
) -> None:
    """It comes with the content only, and that in every framing."""

    def answer(request: Request) -> Response:
        if request.method == "HEAD" or request.is_peek:
            return Response(200, {}, CONTENT, framing)
        return Response(200, headers, CONTENT, framing)

    with serving(answer) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 1, result.err
    (name,) = headers
    assert f"/model.gguf: {name} announces " in result.err
    assert "hint: the checksum that the server publishes does not match the content" in result.err
    assert not project.lock_file.exists()


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("headers", published(CONTENT), ids=" ".join)
def test_the_checksum_of_the_content(
    project: Project, headers: dict[str, str], framing: Framing
) -> None:
    with serving(lambda _: Response(200, headers, CONTENT, framing)) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 0, result.err
    assert pin(project)["hash"] == sri(CONTENT)
    assert pin(project)["size"] == len(CONTENT)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_without_a_size(project: Project, method: str) -> None:
    """What is published beforehand is compared with what is read."""
    headers = {"X-Checksum-Sha256": hexed("sha256", OTHER)}

    def answer(request: Request) -> Response:
        first = request.is_peek if method == "GET" else request.method == "HEAD"
        return Response(200, headers if first else {}, CONTENT, "chunked")

    with serving(answer) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 1
    assert "does not say the size of 1 file; reading all of it once" in result.err
    expected = f"expected {sri(OTHER)}, received {sri(CONTENT)}"
    assert f"/model.gguf is not what is published of it: {expected}" in result.err


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_sums_file_of_other_content(project: Project, framing: Framing) -> None:
    lines = f"{hexed('sha256', OTHER)}  model.gguf\n".encode()

    def answer(request: Request) -> Response:
        known = "SUMS" in request.path
        return Response(200, {}, lines) if known else Response(200, {}, CONTENT, framing)

    with serving(answer) as url:
        result = lock(project, f"{url}/model.gguf", more=f'source.url.sums = "{url}/SHA256SUMS"')
    if framing == "length":  # nothing had to be read: a build refuses it
        assert pin(project)["hash"] == sri(OTHER)
    else:
        assert result.status == 1
        assert "is not what is published of it: expected" in result.err


def test_a_header_that_contradicts_a_sums_file(project: Project) -> None:
    """Of a file that has to be read, and is what the sums file says."""
    lines = f"{SHA256}  model.gguf\n".encode()
    headers = {"Content-MD5": coded("md5", OTHER)}

    def answer(request: Request) -> Response:
        if "SUMS" in request.path:
            return Response(200, {}, lines)
        return Response(200, headers, CONTENT, "chunked")

    with serving(answer) as url:
        result = lock(project, f"{url}/model.gguf", more=f'source.url.sums = "{url}/SHA256SUMS"')
    assert result.status == 1
    assert "Content-MD5 announces md5-" in result.err


def test_headers_that_contradict_each_other(project: Project) -> None:
    headers = {
        "X-Checksum-Sha256": hexed("sha256", OTHER),
        "Repr-Digest": f"sha-256=:{CODED}:",
    }
    with serving(lambda _: Response(200, headers, CONTENT)) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 1
    assert "X-Checksum-Sha256 announces" in result.err


@pytest.mark.parametrize("headers", published(OTHER)[:6])
def test_checksums_of_compressed_content(project: Project, headers: dict[str, str]) -> None:
    """They are of what is sent, and cannot be compared with what is kept."""
    coded_headers = {**headers, "Content-Encoding": "gzip"}
    with serving(lambda _: Response(200, coded_headers, gzip.compress(CONTENT))) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 0, result.err
    assert pin(project)["hash"] == sri(CONTENT)


REDIRECTED = [
    ({"X-Linked-ETag": f'"{hexed("sha256", OTHER)}"'}, True),
    ({"X-Checksum-Md5": hexed("md5", OTHER)}, True),
    ({"Repr-Digest": f"sha-256=:{coded('sha256', OTHER)}:"}, True),
    # Of the redirect's own body, which is empty.
    ({"Repr-Digest": f"sha-256=:{coded('sha256', b'')}:"}, False),
    ({"Content-MD5": coded("md5", b"")}, False),
    # As above: of a git blob, and no sha256.
    ({"X-Linked-ETag": f'"{hexed("sha1", OTHER)}"'}, False),
]


@pytest.mark.parametrize(("headers", "refused"), REDIRECTED)
def test_what_comes_with_a_redirect(
    project: Project,
    headers: dict[str, str],
    refused: bool,  # noqa: FBT001 (a row of the table)
) -> None:
    def answer(request: Request) -> Response:
        if request.path.startswith("/cdn"):
            return Response(200, {}, CONTENT, "chunked")
        return Response(302, {**headers, "Location": "/cdn"})

    with serving(answer) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == int(refused), result.err


def test_a_mirror_with_a_wrong_checksum(project: Project) -> None:
    """It is broken: the next one is asked, in words."""

    def answer(request: Request) -> Response:
        wrong = request.path.startswith("/broken") and not request.is_peek
        return Response(200, {"Content-MD5": coded("md5", OTHER)} if wrong else {}, CONTENT)

    with serving(answer) as url:
        result = lock(project, f"{url}/broken/model.gguf", f"{url}/good/model.gguf")
    assert result.status == 0, result.err
    assert f"{url}/broken/model.gguf: Content-MD5 announces" in result.err
    assert f"{url}/good/model.gguf has answered instead" in result.err
    assert pin(project)["hash"] == sri(CONTENT)


def test_a_digest_of_a_part(project: Project) -> None:
    content = bytes(range(256)) * (40 << 10)  # several parts

    def answer(request: Request) -> Response:
        asked = request.headers.get("range")
        headers = {"ETag": '"1"'}
        if asked is None:
            return Response(200, headers, content)
        start, end = map(int, asked.removeprefix("bytes=").split("-"))
        body = content[start : end + 1]
        digest = coded("sha256", body if start == 0 else OTHER)
        headers["Content-Digest"] = f"sha-256=:{digest}:"
        return Response(
            206, {**headers, "Content-Range": f"bytes {start}-{end}/{len(content)}"}, body
        )

    with serving(answer) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 1
    assert "Content-Digest announces" in result.err


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_fallback_with_a_wrong_checksum(project: Project, framing: Framing) -> None:
    """Its content is that of the model, and is compared with what it publishes all the same."""

    def answer(request: Request) -> Response:
        wrong = request.path.startswith("/fallback") and not request.is_peek
        headers = {"Content-MD5": coded("md5", OTHER)} if wrong else {}
        return Response(200, headers, CONTENT, framing)

    with serving(answer) as url:
        fallback = f'{{ url.files = {{ "model.gguf" = "{url}/fallback/model.gguf" }} }}'
        result = lock(project, f"{url}/model.gguf", more=f"fallbacks = [{fallback}]")
    assert result.status == 1
    assert f"{url}/fallback/model.gguf: Content-MD5 announces" in result.err


def test_what_is_known_from_a_lock_is_no_proof(project: Project) -> None:
    """The ETag is the same: the checksum of the server counts, not the one of the lock."""
    headers = {"ETag": '"1"'}
    with serving(lambda _: Response(200, headers, CONTENT)) as url:
        assert lock(project, f"{url}/model.gguf").status == 0
        headers["X-Checksum-Sha256"] = hexed("sha256", OTHER)
        assert lock(project, f"{url}/model.gguf", args=("-U",)).status == 0
    assert pin(project)["hash"] == sri(OTHER)
