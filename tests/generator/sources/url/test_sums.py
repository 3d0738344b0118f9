"""Files with lines of checksums: their forms, and what contradicts."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.errors import SourceError
from aimodels_gen.sources.url import sums
from generator.sources.url.helpers import SHA256, ZEROS, lock, pin, serving, sums_of
from support.loopback import Response
from support.specs import sri

if TYPE_CHECKING:
    from support.loopback import Request
    from support.project import Project
    from support.recording_proxy import RecordingProxy

ONES = "1" * 64
URL = "https://example.org/models/SHA256SUMS"


def found(text: str | bytes, path: str = "model.gguf", *urls: str) -> str | None:
    body = text if isinstance(text, bytes) else text.encode()
    return sums.read(body, URL).find(path, urls or (f"https://example.org/models/{path}",))


@pytest.mark.parametrize(
    "text",
    [
        f"{ONES}  model.gguf",
        f"{ONES} *model.gguf",
        f"{ONES} model.gguf",
        f"{'A' * 64}  other\n{ONES}\tmodel.gguf\r\n",
        f"\ufeff{ONES}  model.gguf\r\n",
        codecs.BOM_UTF16_LE + f"{ONES}  model.gguf\r\n".encode("utf-16-le"),
        f"SHA256 (model.gguf) = {ONES}\nSHA512 (model.gguf) = {'2' * 128}\n",
        f"sha256:{ONES}  model.gguf",
        f"# sha256\n; more\n\n{ONES}  ././model.gguf",
        f"{ONES} *.\\model.gguf",
        f"{ONES}  release/1.0/model.gguf\n{ZEROS}  release/1.0/other.gguf",
        # The same file in two directories.
        f"{ONES}  a/model.gguf\n{ONES}  b/model.gguf",
        # Nearer to the file of checksums than others of its name.
        f"{ZEROS}  old/model.gguf\n{ONES}  model.gguf",
        f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{ONES}  model.gguf\n-----BEGIN PGP",
        f"{'2' * 128}  model.gguf\n{'3' * 32}  model.gguf\n{ONES}  model.gguf",
    ],
)
def test_forms(text: str | bytes) -> None:
    assert found(text) == ONES


@pytest.mark.parametrize(
    ("name", "path", "url"),
    [
        ("sub/v1.gguf", "model.gguf", "https://example.org/models/sub/v1.gguf?download=1"),
        ("a b.gguf", "model.gguf", "https://example.org/models/a%20b.gguf"),
        ("sub/model.gguf", "sub/model.gguf", "https://mirror.example.net/x"),
        ("model.gguf", "sub/model.gguf", "https://mirror.example.net/x"),
        ("*model.gguf", "*model.gguf", "https://mirror.example.net/x"),
    ],
)
def test_names(name: str, path: str, url: str) -> None:
    assert found(f"{ONES}  {name}\n", path, url) == ONES
    assert found(f"{ONES}  {name}.old\n", path, url) is None


def test_the_name_at_the_address_counts_more_than_the_own_one() -> None:
    text = f"{ZEROS}  model.gguf\n{ONES}  v2.gguf\n"
    assert found(text, "model.gguf", "https://example.org/models/v2.gguf") == ONES


@pytest.mark.parametrize(
    "text",
    [
        f"{ONES}  model.gguf\n{ZEROS}  model.gguf\n",
        f"{ONES}  model.gguf\n{ZEROS}  ./model.gguf\n",
        f"{ONES}  a/model.gguf\n{ZEROS}  b/model.gguf\n",
    ],
)
def test_lines_that_contradict_each_other(text: str) -> None:
    with pytest.raises(SourceError, match=r"has different checksums for 'model\.gguf'"):
        found(text)


def test_lines_about_something_else_may_contradict_each_other() -> None:
    assert found(f"{ONES}  x\n{ZEROS}  x\n{ONES}  model.gguf\n") == ONES


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (f"{'2' * 128}  model.gguf\n", "has checksums of sha512, and none of sha256"),
        (f"MD5 (model.gguf) = {'3' * 32}", "has checksums of md5, and none of sha256"),
        (f"BLAKE2b (model.gguf) = {'3' * 64}", "has checksums of blake2b, and none of sha256"),
        ("<!doctype html><html>", "is a web page"),
        ("", "has a checksum of none of 'model.gguf'"),
        (f"{ONES}  model.gguf.sig\n", "has a checksum of none of 'model.gguf'"),
    ],
)
def test_files_that_do_not_help(
    recording_proxy: RecordingProxy, project: Project, body: str, message: str
) -> None:
    more = sums_of(recording_proxy, body)
    result = lock(project, f"{recording_proxy.url}/model.gguf", more=more)
    assert result.status == 1
    assert f"/SHA256SUMS {message}" in result.err
    assert "hint: name " in result.err


@pytest.mark.parametrize("second", [SHA256, ZEROS])
def test_two_files_of_checksums(project: Project, second: str) -> None:
    """A mirror of the file may have one of its own."""

    def answer(request: Request) -> Response:
        digest = {"/SUMS": SHA256, "/mirror/SUMS": second}.get(request.path)
        content = f"{digest}  model.gguf\n".encode() if digest else b"content of the model"
        return Response(200, {}, content)

    with serving(answer) as url:
        more = f'source.url.sums = ["{url}/SUMS", "{url}/mirror/SUMS"]'
        result = lock(project, f"{url}/model.gguf", f"{url}/mirror/model.gguf", more=more)
    if second == SHA256:
        assert pin(project)["hash"] == sri(b"content of the model")
    else:
        assert result.status == 1
        assert f"is not the same everywhere: {url}/SUMS has sha256-" in result.err
        assert f"{url}/mirror/SUMS has sha256-" in result.err
