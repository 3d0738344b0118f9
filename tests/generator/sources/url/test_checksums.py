"""Checksums that a server publishes, in headers and in files."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.published import agreed_sha256, checksums
from aimodels_gen.sources.url import sums
from generator.sources.url.helpers import (
    CODED,
    CONTENT,
    SHA256,
    ZEROS,
    lock,
    pin,
    reads,
    sums_of,
    with_headers,
)
from support.specs import sri

if TYPE_CHECKING:
    from support.project import Project
    from support.recording_proxy import RecordingProxy

OTHER = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"Repr-Digest": f"sha-256=:{CODED}:"}, True),
        ({"Repr-Digest": f"sha-512=:{OTHER}:, sha-256=:{CODED}:"}, True),
        ({"Repr-Digest": f"SHA-256=:{CODED}:;a=1"}, True),
        ({"Digest": f"SHA-256={CODED}"}, True),
        ({"Digest": f"md5=abc=, sha-256={CODED}"}, True),
        ({"X-Checksum-Sha256": SHA256.upper()}, True),
        ({"X-Checksum-Sha256": SHA256, "Digest": f"sha-256={CODED}"}, True),
        ({"X-Checksum-Sha256": SHA256, "Digest": f"sha-256={OTHER}"}, False),
        ({"Repr-Digest": f"sha-256=:{CODED}:", "Content-Encoding": "gzip"}, False),
        ({"Content-Digest": f"sha-256=:{CODED}:"}, True),
        ({"Repr-Digest": f"sha-512=:{CODED}:"}, False),
        ({"Repr-Digest": "sha-256=:not base64:"}, False),
        ({"Digest": f"sha-256={CODED[:20]}"}, False),
        ({"X-Checksum-Sha256": "abc"}, False),
        ({"ETag": f'"{SHA256}"'}, False),
        ({}, False),
    ],
)
def test_headers(headers: dict[str, str], found: bool) -> None:  # noqa: FBT001 (a row of the table)
    assert agreed_sha256(checksums(headers)) == (SHA256 if found else None)


@pytest.mark.parametrize(
    ("text", "file", "expected"),
    [
        (f"{SHA256}  model.gguf\n", "SHA256SUMS", {"model.gguf": SHA256}),
        (f"{SHA256} *model.gguf\r\n", "SHA256SUMS", {"model.gguf": SHA256}),
        (f"{SHA256.upper()}\tmodel.gguf", "x", {"model.gguf": SHA256}),
        (f"{SHA256}  ./dir/a b.gguf\n", "x", {"dir/a b.gguf": SHA256}),
        (f"\\{SHA256}  back\\\\slash\\nline\n", "x", {"back\\slash\nline": SHA256}),
        (f"SHA256 (model (1).gguf) = {SHA256}\n", "x", {"model (1).gguf": SHA256}),
        (f"SHA2-256(model.gguf)= {SHA256}\n", "x", {"model.gguf": SHA256}),
        (f"{SHA256}\n", "model.gguf.sha256", {"model.gguf": SHA256}),
        (f"# sums\n\n{SHA256}  a\n{ZEROS}  b\nnoise\n", "x", {"a": SHA256, "b": ZEROS}),
        (f"{SHA256}\n{ZEROS}\n", "x", {}),
        ("d41d8cd98f00b204e9800998ecf8427e  model.gguf", "MD5SUMS", {}),
    ],
)
def test_sums_files(text: str, file: str, expected: dict[str, str]) -> None:
    found = sums.read(text.encode(), f"https://example.org/{file}")
    assert dict(found.lines) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"Repr_Digest": f"sha-256=:{CODED}:"},
        {"Digest": f"SHA-256={CODED}"},
        {"X_Checksum_Sha256": SHA256},
    ],
)
def test_a_published_digest(
    recording_proxy: RecordingProxy, project: Project, headers: dict[str, str]
) -> None:
    recording_proxy.faults = with_headers(recording_proxy, **headers)
    result = lock(project, f"{recording_proxy.url}/model.gguf")
    assert result.status == 0, result.err
    assert pin(project)["hash"] == sri(CONTENT)
    assert pin(project)["size"] == len(CONTENT)
    assert reads(recording_proxy) == []
    assert "sha-256" in recording_proxy.log[0].headers["want-repr-digest"]


def test_nothing_published(recording_proxy: RecordingProxy, project: Project) -> None:
    result = lock(project, f"{recording_proxy.url}/model.gguf")
    assert (
        f"{recording_proxy.url}/model.gguf publishes no sha256 for 1 file; reading 20 B once"
        in result.err
    )
    assert pin(project)["hash"] == sri(CONTENT)


def test_a_sums_file(recording_proxy: RecordingProxy, project: Project) -> None:
    more = sums_of(recording_proxy, f"{SHA256}  model.gguf", f"{ZEROS}  else.gguf")
    result = lock(project, f"{recording_proxy.url}/model.gguf", more=more)
    assert result.status == 0, result.err
    assert pin(project)["hash"] == sri(CONTENT)
    assert reads(recording_proxy) == ["/SHA256SUMS"]


def test_a_sums_file_by_the_name_in_the_address(
    recording_proxy: RecordingProxy, project: Project
) -> None:
    more = sums_of(recording_proxy, f"{SHA256}  other.gguf")
    result = lock(project, f"{recording_proxy.url}/other.gguf?x=1", more=more)
    assert result.status == 0, result.err
    assert pin(project)["hash"] == sri(CONTENT)


def test_a_sums_file_about_something_else(
    recording_proxy: RecordingProxy, project: Project
) -> None:
    more = sums_of(recording_proxy, f"{SHA256}  else.gguf")
    result = lock(project, f"{recording_proxy.url}/model.gguf", more=more)
    assert result.status == 1
    assert "has a checksum of none of 'model.gguf'" in result.err


def test_a_sums_file_that_is_not_there(recording_proxy: RecordingProxy, project: Project) -> None:
    more = f'source.url.sums = "{recording_proxy.url}/SHA256SUMS"'
    result = lock(project, f"{recording_proxy.url}/model.gguf", more=more)
    assert result.status == 1
    assert "/SHA256SUMS is not there (HTTP 404)" in result.err


def test_a_sums_file_that_disagrees_with_the_server(
    recording_proxy: RecordingProxy, project: Project
) -> None:
    more = sums_of(recording_proxy, f"{ZEROS}  model.gguf")
    in_file, in_headers = (
        recording_proxy.faults,
        with_headers(recording_proxy, X_Checksum_Sha256=SHA256),
    )
    recording_proxy.faults = lambda request: in_file(request) or in_headers(request)
    result = lock(project, f"{recording_proxy.url}/model.gguf", more=more)
    assert result.status == 1
    assert "is not the same everywhere: the sums file has" in result.err


def test_a_sums_file_that_is_named_later(recording_proxy: RecordingProxy, project: Project) -> None:
    """The entry has changed: it is asked."""
    lock(project, f"{recording_proxy.url}/model.gguf")
    more = sums_of(recording_proxy, f"{ZEROS}  model.gguf")
    lock(project, f"{recording_proxy.url}/model.gguf", more=more)
    assert pin(project)["hash"] == sri_of(ZEROS)


def sri_of(digest: str) -> str:
    return "sha256-" + base64.b64encode(bytes.fromhex(digest)).decode()


def test_a_tree_is_compared_with_the_sums_file(
    recording_proxy: RecordingProxy, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIX_STORE_DIR", str(project.dir / "store"))
    monkeypatch.setenv("NIX_STATE_DIR", str(project.dir / "var"))
    more = sums_of(recording_proxy, f"{ZEROS}  model.gguf") + '\npin = "tree"'
    result = lock(project, f"{recording_proxy.url}/model.gguf", more=more)
    assert result.status == 1
    assert f"expected {sri_of(ZEROS)}, received {sri(CONTENT)}" in result.err
