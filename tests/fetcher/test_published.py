"""Checksums in headers, and what builds make of them."""

from __future__ import annotations

import base64
import hashlib
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher.published import agreed_sha256, checksums
from support.loopback import LoopbackServer, Response
from support.specs import EVERYTHING, sri

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.fetcher import Fetch, Run
    from support.loopback import Request

CONTENT = b"content of the model"
OTHER = b"something else"
MD5_OTHER = base64.b64encode(hashlib.new("md5", OTHER, usedforsecurity=False).digest()).decode()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CODED = base64.b64encode(bytes.fromhex(SHA256)).decode()
PARTS_ETAG = f'"{"0" * 32}-3"'


@pytest.mark.parametrize(
    ("headers", "options", "found"),
    [
        ({"x-amz-checksum-sha256": CODED}, {}, True),
        ({"x-amz-checksum-sha256": f"{CODED}-3"}, {}, False),
        ({"x-amz-checksum-sha256": CODED, "ETag": PARTS_ETAG}, {}, False),
        ({"x-amz-checksum-sha256": CODED, "x-amz-checksum-type": "COMPOSITE"}, {}, False),
        ({"x-amz-checksum-sha256": CODED}, {"partial": True}, False),
        ({"X-Linked-ETag": f'"{SHA256}"'}, {"redirects": True}, True),
        ({"X-Checksum-Sha256": f"{SHA256}, {SHA256}"}, {"partial": True}, True),
        ({"Repr-Digest": f"sha-256=:{CODED}:"}, {"partial": True}, True),
        ({"Repr-Digest": f"sha-256=:{CODED}:"}, {"redirects": True}, False),
        ({"Repr-Digest": f"sha-256=:{CODED}:", "Content-Length": "0"}, {"redirects": True}, True),
        ({"Content-Digest": f"sha-256=:{CODED}:"}, {"partial": True}, False),
        ({"X-Checksum-Sha256": SHA256, "x-goog-stored-content-encoding": "gzip"}, {}, False),
        # Of the Hub's CDN, it is a Xet hash.
        ({"ETag": f'"{SHA256}"'}, {}, False),
    ],
)
def test_a_sha256_in_headers(
    headers: dict[str, str],
    options: dict[str, bool],
    found: bool,  # noqa: FBT001 (a row of the table)
) -> None:
    assert agreed_sha256(checksums(headers, **options)) == (SHA256 if found else None)


def build(
    fetch: Fetch, answer: Callable[[Request], Response], *paths: str, pin: bytes | None = None
) -> Run:
    """Build a tree from these paths of a server, or a file with a pinned hash."""
    with closing(LoopbackServer(answer)) as server:
        urls = [server.url + path for path in paths or ("/x.bin",)]
        spec: dict[str, Any] = EVERYTHING
        if pin is not None:
            spec = {"path": "x.bin", "hash": sri(pin), "size": len(pin)}
        mode = "tree" if pin is None else "file"
        return fetch.quick(mode, {"url": {"files": {"x.bin": urls}}}, **spec)


def wrong_md5(request: Request) -> Response:
    wrong = "good" not in request.path
    return Response(200, {"Content-MD5": MD5_OTHER} if wrong else {}, CONTENT)


def test_a_tree_with_a_wrong_checksum(fetch: Fetch) -> None:
    """Nothing else shows in time that the content is wrong: the hash of a tree comes last."""
    run = build(fetch, wrong_md5)
    assert run.status == 1
    assert f"Content-MD5 announces md5-{MD5_OTHER}, received md5-" in run.log
    assert run.log.count("fetching it again") == 1
    assert "hint: the checksum that the server publishes does not match the content" in run.log


def test_a_mirror_with_a_wrong_checksum(fetch: Fetch) -> None:
    run = build(fetch, wrong_md5, "/x.bin", "/good/x.bin")
    assert run.status == 0, run.log
    assert run.log.count("Content-MD5 announces") == 1


def test_a_pinned_file_with_a_wrong_checksum(fetch: Fetch) -> None:
    """The hash decides; the log has a line about it. Other hashes are not computed for that."""
    headers = {"X-Checksum-Sha256": hashlib.sha256(OTHER).hexdigest(), "Content-MD5": MD5_OTHER}
    run = build(fetch, lambda _: Response(200, headers, CONTENT), pin=CONTENT)
    assert run.status == 0, run.log
    assert run.out.read_bytes() == CONTENT
    assert run.log.count("announces") == 1
    assert "X-Checksum-Sha256 announces" in run.log
    assert "what it sent is what was asked for" in run.log


@pytest.mark.parametrize(
    ("pinned", "framing"),
    [
        (CONTENT[1:], "length"),
        (CONTENT + b"x", "length"),
        (CONTENT + b"x", "chunked"),
        (CONTENT + b"x", "close"),
    ],
)
def test_a_size_that_is_wrong_by_one(fetch: Fetch, pinned: bytes, framing: Any) -> None:
    """It is not tried as often as what may pass."""
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        if "range" in request.headers:
            return Response(416)
        return Response(200, {}, CONTENT, framing)

    run = build(fetch, answer, pin=pinned)
    assert run.status == 1
    assert f"expected {len(pinned)} bytes, but " in run.log
    assert f"/x.bin has {len(CONTENT)} " in run.log
    assert len(asked) <= 5


def test_a_total_that_is_wrong_by_one(fetch: Fetch) -> None:
    """In answers to ranges, after the first one."""
    content = bytes(range(256)) * (48 << 10)
    asked = 0

    def answer(request: Request) -> Response:
        nonlocal asked
        asked += 1
        start, _, end = request.headers["range"].removeprefix("bytes=").partition("-")
        total = len(content) + (start != "0")
        body = content[int(start) : int(end) + 1]
        return Response(206, {"Content-Range": f"bytes {start}-{end}/{total}"}, body)

    run = build(fetch, answer, pin=content)
    assert run.status == 1
    assert f"expected {len(content)} bytes, but " in run.log
    assert "gave up" not in run.log
    assert asked <= 8
