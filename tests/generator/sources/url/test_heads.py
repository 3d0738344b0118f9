"""Servers whose answers to HEAD are not those to GET, and bodies that are not as long as said."""

from __future__ import annotations

import hashlib
import itertools
from functools import partial
from typing import TYPE_CHECKING

import pytest

from generator.sources.url.helpers import CONTENT, SHA256, lock, pin, serving
from support.loopback import HangUp, Response
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from support.loopback import Framing, Request
    from support.project import Project

REFUSALS = [400, 401, 403, 404, 405, 406, 410, 411, 418, 429, 500, 501, 503]
OTHER = b"another file, and longer"


def hangs_up(_: Request) -> Response:
    raise HangUp


def refuses(status: int, _: Request) -> Response:
    return Response(status)


def ends(content: bytes, framing: Framing = "length", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(200, named, content, framing)


HEADS: dict[str, Callable[[Request], Response]] = {
    **{f"{status}": partial(refuses, status) for status in REFUSALS},
    "closed": hangs_up,
    "garbage": lambda _: Response(200, {}, b"SSH-2.0\r\n", "raw"),
    "no content": lambda _: Response(204),
    "part": lambda _: Response(206, {"Content-Range": "bytes 0-0/5"}, b"x"),
    "redirects nowhere": lambda _: Response(302, {"Location": "/nothing"}),
    "length 0": lambda _: ends(b""),
    "length + 1": lambda _: ends(CONTENT + b"x"),
    "length - 1": lambda _: ends(CONTENT[1:]),
    "gzip": lambda _: ends(b"short", Content_Encoding="gzip"),
    "page": lambda _: ends(b"<html>a page</html>", Content_Type="text/html"),
    "5000 digits": lambda _: ends(b"", Content_Length="9" * 5000),
}


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("head", HEADS)
def test_get_counts(project: Project, head: str, framing: Framing) -> None:
    def answer(request: Request) -> Response:
        if request.method == "HEAD":
            return HEADS[head](request)
        if request.path == "/nothing":
            return Response(404)
        return Response(200, {}, CONTENT, framing)

    with serving(answer) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 0, result.err
    assert pin(project)["hash"] == sri(CONTENT)
    assert pin(project)["size"] == len(CONTENT)


def test_a_digest_of_another_file(project: Project) -> None:
    """HEAD shows with its length that it is of something else."""
    headers = {"X-Checksum-Sha256": hashlib.sha256(OTHER).hexdigest()}

    def answer(request: Request) -> Response:
        return Response(200, headers, OTHER) if request.method == "HEAD" else ends(CONTENT)

    with serving(answer) as url:
        assert lock(project, f"{url}/model.gguf").status == 0
    assert pin(project)["hash"] == sri(CONTENT)


@pytest.mark.parametrize("size", [0, len(CONTENT) - 1, len(CONTENT) + 1])
def test_the_size_of_what_is_not_read(project: Project, size: int) -> None:
    """A sums file has the hash: GET alone has the size."""

    def answer(request: Request) -> Response:
        if "SUMS" in request.path:
            return Response(200, {}, f"{SHA256}  model.gguf\n".encode())
        if request.method == "HEAD":
            return Response(200, {"Content-Length": str(size)})
        return Response(200, {}, CONTENT)

    with serving(answer) as url:
        result = lock(project, f"{url}/model.gguf", more=f'source.url.sums = "{url}/SHA256SUMS"')
    assert result.status == 0, result.err
    assert pin(project)["size"] == len(CONTENT)


@pytest.mark.parametrize("status", [400, 403, 405, 416, 500, 501])
def test_a_server_that_refuses_ranges(project: Project, status: int) -> None:
    def answer(request: Request) -> Response:
        return Response(status) if "range" in request.headers else Response(200, {}, CONTENT)

    with serving(answer) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 0, result.err
    assert pin(project)["hash"] == sri(CONTENT)


def test_a_beginning_that_is_cut(project: Project) -> None:
    """It is not an empty file."""
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        cut = {"Content-Length": str(len(CONTENT))} if len(asked) == 1 else {}
        return Response(200, cut, b"" if cut else CONTENT)

    with serving(answer) as url:
        assert lock(project, f"{url}/model.gguf").status == 0
    assert pin(project)["hash"] == sri(CONTENT)


def test_a_digest_that_comes_with_head_only(project: Project) -> None:
    """It is of the same file: the content need not be read."""
    read: list[Request] = []

    def answer(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(200, {"ETag": '"1"', "X-Checksum-Sha256": SHA256}, CONTENT)
        if not request.is_peek:
            read.append(request)
        return Response(200, {"ETag": '"1"'}, CONTENT)

    with serving(answer) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 0, result.err
    assert pin(project)["hash"] == sri(CONTENT)
    assert not read


def endless(content: bytes = b"") -> Iterator[bytes]:
    return itertools.chain([content], itertools.repeat(bytes(1 << 16)))


@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("where", ["head", "range"])
def test_a_file_of_7_bytes_that_never_ends(project: Project, where: str, framing: Framing) -> None:
    """A body stops a byte after its size; where only HEAD says that, not far behind it."""
    sent: list[Request] = []

    def answer(request: Request) -> Response:
        sent.append(request)
        if request.method == "HEAD":
            return Response(200, {"Content-Length": "7"})
        if where == "range" and request.is_peek:
            return Response(206, {"Content-Range": "bytes 0-6/7"}, b"seven b")
        return Response(200, {}, endless(b"seven b"), framing)

    with serving(answer) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 1
    expected = {
        "head": "more than 16.0 MiB have come, and no size was given",
        "range": "has sent 8 bytes instead of 7",
    }
    assert f"/model.gguf{':' if where == 'head' else ''} {expected[where]}" in result.err
    assert len(sent) <= 5
    assert sum(request.sent_bytes for request in sent) < 64 << 20


def test_a_file_of_no_size_that_never_ends(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not more is read than there is space for."""
    monkeypatch.setattr("aimodels_fetcher.targets.Target.most", lambda _: 3 << 20)
    with serving(lambda _: Response(200, {}, endless(), "chunked")) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 1
    assert "more than 3.0 MiB have come, and no size was given" in result.err
    assert "hint: it may have no end" in result.err


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("content", [CONTENT[1:], CONTENT + b"x"])
def test_a_size_that_is_wrong_by_one(project: Project, content: bytes, framing: Framing) -> None:
    """The server says it with the first bytes, and twice something else: that is enough."""
    asked: list[Mapping[str, str]] = []

    def answer(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(404)
        if request.is_peek:
            size = len(CONTENT)
            return Response(206, {"Content-Range": f"bytes 0-{size - 1}/{size}"}, CONTENT)
        asked.append(request.headers)
        if "range" in request.headers:
            return Response(416, {"Content-Range": f"bytes */{len(content)}"})
        return Response(200, {}, content, framing)

    with serving(answer) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 1
    assert f"has sent {len(content)} bytes instead of {len(CONTENT)}" in result.err
    assert len(asked) <= 4
