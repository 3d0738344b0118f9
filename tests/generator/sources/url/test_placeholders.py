"""What sites send in the place of a file, told while it is locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.peek import Peek
from aimodels_gen.errors import SourceError
from aimodels_gen.sources.url.failures import check_content
from generator.sources.url.helpers import CONTENT, SHA256, lock, pin, serving
from support.loopback import Response
from support.specs import sri

if TYPE_CHECKING:
    from support.loopback import Framing, Request
    from support.project import Project

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{SHA256}\nsize 20\n".encode()
PAGE = b"\n<!DOCTYPE html><title>Log in</title>"
BODIES = {
    "is a Git LFS pointer": POINTER,
    "is a web page": PAGE,
    "is JSON": b'{"Code": 404, "Success": false}',
    "is XML": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "is an empty file": b"",
}


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("kind", ["application/octet-stream", "text/plain", ""])
@pytest.mark.parametrize("what", BODIES)
def test_a_placeholder(project: Project, what: str, kind: str, framing: Framing) -> None:
    headers = {"Content-Type": kind} if kind else {}
    with serving(lambda _: Response(200, headers, BODIES[what], framing)) as url:
        result = lock(project, f"{url}/raw/main/model.safetensors")
    assert result.status == 1
    assert f"{url}/raw/main/model.safetensors {what}" in result.err
    assert "hint: name the address that the download itself has" in result.err
    assert not project.lock_file.exists()


def test_a_pointer_whose_checksum_is_published(project: Project) -> None:
    """Its content is not read."""
    headers = {"X-Checksum-Sha256": "0" * 64}
    with serving(lambda _: Response(200, headers, POINTER)) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 1
    assert "is a Git LFS pointer" in result.err


@pytest.mark.parametrize("what", ["is a Git LFS pointer", "is a web page"])
def test_a_mirror_that_has_a_placeholder(project: Project, what: str) -> None:
    def answer(request: Request) -> Response:
        return Response(200, {}, BODIES[what] if request.path == "/login" else CONTENT)

    with serving(answer) as url:
        result = lock(project, f"{url}/login", f"{url}/model.gguf")
    assert result.status == 0, result.err
    assert f"{url}/login {what}" in result.err
    assert f"{url}/model.gguf has answered instead" in result.err
    assert pin(project)["hash"] == sri(CONTENT)


def test_a_page_that_comes_later(project: Project) -> None:
    """A login that has run out between two requests, for a file of unknown size."""

    def answer(request: Request) -> Response:
        return Response(200, {}, CONTENT if request.is_peek else PAGE, "chunked")

    with serving(answer) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 1
    assert f"'model.gguf' of {url}/model.gguf is a web page" in result.err


@pytest.mark.parametrize("content", [b"\x00\x01<html>", b"GGUF\x03\x00\x00\x00"])
def test_a_server_that_calls_everything_a_page(project: Project, content: bytes) -> None:
    """Its content shows that it is none."""
    with serving(lambda _: Response(200, {"Content-Type": "text/html"}, content)) as url:
        result = lock(project, f"{url}/model.gguf")
    assert result.status == 0, result.err
    assert pin(project)["hash"] == sri(content)


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        (
            "https://raw.githubusercontent.com/o/r/main/model.gguf",
            "https://media.githubusercontent.com/media/o/r/main/model.gguf",
        ),
        ("https://huggingface.co/o/r/raw/main/model.gguf", "/resolve/ in the place of /raw/"),
    ],
)
def test_where_the_file_itself_is(url: str, hint: str) -> None:
    with pytest.raises(SourceError) as caught:
        check_content("model.gguf", url, Peek(len(POINTER), {}, (), POINTER))
    assert hint in (caught.value.hint or "")
