"""What is particular about plain addresses when they are locked."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher import retry
from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest.parse import parse as parse_manifest
from aimodels_gen.sources.url.digests import published, sums
from support.fake_repo import mirror
from support.loopback import LoopbackServer, Response
from support.nginx import Nginx, public_directory
from support.recording_proxy import RecordingProxy
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aimodels_gen.manifest.model import Entry
    from support.loopback import Request
    from support.project import Project

INTEGRATION = 'integration.huggingface = { org = "my-org", model = "my-model" }\n'
CONTENT = b"content of the model"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CODED = base64.b64encode(bytes.fromhex(SHA256)).decode()
OTHER = base64.b64encode(bytes(32)).decode()
URL = "https://example.org/model.gguf"


# Manifests


def parse(files: str, more: str = "") -> Entry:
    (entry,) = parse_manifest(
        f"[models.m]\nsource.url.files = {files}\n{more}\n{INTEGRATION}"
    ).entries
    return entry


@pytest.mark.parametrize(
    ("given", "expected"),
    [(f'"{URL}"', [URL]), (f'["{URL}"]', [URL]), (f'["{URL}", "http://b/x"]', [URL, "http://b/x"])],
)
def test_an_address_or_several(given: str, expected: list[str]) -> None:
    source = parse(f'{{ "model.gguf" = {given} }}').source
    assert source.to_spec() == {"files": {"model.gguf": expected}}
    assert source.label == URL


BAD = [
    ("{}", "has no files"),
    ('{ "a" = "" }', "is empty"),
    ('{ "a" = [] }', "is empty"),
    ('{ "a" = 1 }', "write a string or a list"),
    ('{ "a" = "example.org/a" }', "is no http(s) address of a file"),
    ('{ "a" = "ftp://example.org/a" }', "is no http(s) address of a file"),
    ('{ "a" = "https://me:secret@example.org/a" }', "without user and password"),
    ('{ "a" = "https://example.org/" }', "is no http(s) address of a file"),
    ('{ "a" = "https://b.s3.amazonaws.com/a?X-Amz-Signature=secret" }', "holds a signature"),
    ('{ "a" = "https://example.org/a?download=1&token=secret" }', "holds a signature"),
    ('{ "a" = ["https://example.org/a", "https://x.org/a?sig=secret"] }', "holds a signature"),
]


@pytest.mark.parametrize(("files", "expected"), BAD)
def test_mistakes_are_named(files: str, expected: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(files)
    said = f"{caught.value.message}\n{caught.value.hint}"
    assert "models.m.source.url" in said
    assert expected in said
    assert "secret" not in said


# Checksums in headers and in files


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
        ({"Content-Digest": f"sha-256=:{CODED}:"}, False),
        ({"Repr-Digest": f"sha-512=:{CODED}:"}, False),
        ({"Repr-Digest": "sha-256=:not base64:"}, False),
        ({"Digest": f"sha-256={CODED[:20]}"}, False),
        ({"X-Checksum-Sha256": "abc"}, False),
        ({"ETag": f'"{SHA256}"'}, False),
        ({}, False),
    ],
)
def test_headers(headers: dict[str, str], found: bool) -> None:  # noqa: FBT001 (a row of the table)
    assert published(headers) == (SHA256 if found else None)


ZEROS = "0" * 64


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
        ("<html>not found</html>", "x", {}),
        ("d41d8cd98f00b204e9800998ecf8427e  model.gguf", "MD5SUMS", {}),
    ],
)
def test_sums_files(text: str, file: str, expected: dict[str, str]) -> None:
    assert sums(text, file) == expected


# Against servers


@pytest.fixture
def recording_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingProxy]:
    """nginx with the model, and others beside it."""
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    files = {"model.gguf": CONTENT, "other.gguf": b"other", "page.html": b"<html></html>"}
    with public_directory() as folder:
        mirror(folder / "www", files)
        with Nginx(folder / "www", folder) as nginx, RecordingProxy(nginx.url) as recording_proxy:
            yield recording_proxy


def lock(project: Project, *urls: str, more: str = "", args: tuple[str, ...] = ()) -> Any:
    listed = ", ".join(f'"{url}"' for url in urls)
    project.write(
        f'[models.m]\nsource.url.files = {{ "model.gguf" = [{listed}] }}\n{more}\n{INTEGRATION}'
    )
    return project.run("lock", *args)


def pin(project: Project) -> dict[str, Any]:
    pin: dict[str, Any] = project.lock["m"]["files"]["model.gguf"]
    return pin


def reads(recording_proxy: RecordingProxy) -> list[str]:
    return [request.path for request in recording_proxy.log if request.method == "GET"]


def with_headers(recording_proxy: RecordingProxy, **headers: str) -> Callable[[Request], Response]:
    more = {key.replace("_", "-"): value for key, value in headers.items()}

    def fault(request: Request) -> Response:
        answer = recording_proxy.forward(request)
        kept = {key: value for key, value in answer.headers.items() if key not in more}
        named = {key: value for key, value in more.items() if value}
        return Response(answer.status, {**kept, **named}, answer.body, answer.framing)

    return fault


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


def sums_of(recording_proxy: RecordingProxy, *lines: str) -> str:
    text = "\n".join(lines).encode()
    recording_proxy.faults = lambda r: Response(200, {}, text) if "SUMS" in r.path else None
    return f'source.url.sums = "{recording_proxy.url}/SHA256SUMS"'


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


@pytest.mark.parametrize("headers", [{}, {"Etag": "", "Last_Modified": ""}])
def test_the_upgrade_of_a_tree(
    recording_proxy: RecordingProxy,
    project: Project,
    headers: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the server does not say whether it is the same, it is fetched to see."""
    monkeypatch.setenv("NIX_STORE_DIR", str(project.dir / "store"))
    monkeypatch.setenv("NIX_STATE_DIR", str(project.dir / "var"))
    more = sums_of(recording_proxy, f"{SHA256}  model.gguf") + '\npin = "tree"'
    in_file, otherwise = recording_proxy.faults, with_headers(recording_proxy, **headers)
    recording_proxy.faults = lambda request: in_file(request) or otherwise(request)
    assert lock(project, f"{recording_proxy.url}/model.gguf", more=more).status == 0
    before = project.lock
    recording_proxy.clear()
    result = lock(project, f"{recording_proxy.url}/model.gguf", more=more, args=("-U",))
    assert "= 1 unchanged" in result.err
    assert project.lock == before
    assert ("/model.gguf" in reads(recording_proxy)) == bool(headers)


@pytest.mark.parametrize("jobs", [1, 4])
def test_jobs_bound_the_requests(
    recording_proxy: RecordingProxy, project: Project, jobs: int
) -> None:
    """Those about files as well as those for their content."""
    counting = threading.Lock()
    running = most = 0

    def fault(request: Request) -> Response:
        nonlocal running, most
        with counting:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        answer = recording_proxy.forward(request)
        with counting:
            running -= 1
        return answer

    recording_proxy.faults = fault
    files = ", ".join(f'"{n}.gguf" = "{recording_proxy.url}/model.gguf?{n}"' for n in range(9))
    project.write(f"[models.m]\nsource.url.files = {{ {files} }}\n{INTEGRATION}")
    project.ok("lock", "-j", str(jobs))
    assert most <= jobs
    assert len(recording_proxy.log) == 18


def test_mirrors(recording_proxy: RecordingProxy, project: Project) -> None:
    result = lock(
        project, f"{recording_proxy.url}/model.gguf", f"{recording_proxy.url}/model.gguf?mirror"
    )
    assert result.status == 0, result.err
    assert reads(recording_proxy) == ["/model.gguf"]


def test_a_mirror_of_something_else(recording_proxy: RecordingProxy, project: Project) -> None:
    result = lock(project, f"{recording_proxy.url}/model.gguf", f"{recording_proxy.url}/other.gguf")
    assert result.status == 1
    assert "model.gguf has 20 bytes" in result.err
    assert "other.gguf 5 bytes" in result.err


@pytest.mark.parametrize("dead", ["http://127.0.0.1:1/x", "{url}/nothing"])
@pytest.mark.parametrize("first", [True, False])
def test_a_mirror_that_is_out(
    recording_proxy: RecordingProxy,
    project: Project,
    dead: str,
    first: bool,  # noqa: FBT001 (a row of the table)
) -> None:
    dead = dead.format(url=recording_proxy.url)
    urls = (
        [dead, f"{recording_proxy.url}/model.gguf"]
        if first
        else [f"{recording_proxy.url}/model.gguf", dead]
    )
    result = lock(project, *urls)
    assert result.status == 0, result.err
    assert pin(project)["hash"] == sri(CONTENT)
    assert f"{recording_proxy.url}/model.gguf has answered instead" in result.err
    assert list(project.lock["m"]["source"]["url"]["files"]["model.gguf"]) == urls


def test_no_mirror_is_there(recording_proxy: RecordingProxy, project: Project) -> None:
    result = lock(project, f"{recording_proxy.url}/nothing", f"{recording_proxy.url}/neither")
    assert result.status == 1
    assert "/nothing is not there (HTTP 404)" in result.err


# Odd servers


@pytest.mark.parametrize("status", [403, 404, 405, 501])
def test_a_server_without_head(
    recording_proxy: RecordingProxy, project: Project, status: int
) -> None:
    recording_proxy.faults = lambda r: Response(status) if r.method == "HEAD" else None
    result = lock(project, f"{recording_proxy.url}/model.gguf")
    assert result.status == 0, result.err
    assert pin(project)["hash"] == sri(CONTENT)


def test_a_size_that_nobody_says(project: Project) -> None:
    server = LoopbackServer(
        lambda r: Response(200, {}, b"" if r.method == "HEAD" else CONTENT, "chunked")
    )
    result = lock(project, f"{server.url}/model.gguf")
    server.close()
    assert result.status == 0, result.err
    assert "reading 0 B and more once" in result.err
    assert pin(project) == {"hash": sri(CONTENT), "lfs": False, "size": len(CONTENT)}


@pytest.mark.parametrize(
    ("headers", "again"),
    [
        ({}, 0),
        ({"Etag": "", "Last_Modified": "Wed, 25 Nov 2026 23:00:00 GMT"}, 0),
        ({"Etag": 'W/"weak"'}, 1),
        ({"Etag": "", "Last_Modified": ""}, 1),
    ],
)
def test_what_tells_that_a_file_is_the_same(
    recording_proxy: RecordingProxy, project: Project, headers: dict[str, str], again: int
) -> None:
    recording_proxy.faults = with_headers(recording_proxy, **headers)
    lock(project, f"{recording_proxy.url}/model.gguf")
    recording_proxy.clear()
    lock(project, f"{recording_proxy.url}/model.gguf", args=("-U",))
    assert len(reads(recording_proxy)) == again


@pytest.mark.parametrize("validator", ['"strong"', "Wed, 25 Nov 2026 23:00:00 GMT", None])
def test_what_is_read_in_two_goes(
    recording_proxy: RecordingProxy, project: Project, validator: str | None
) -> None:
    """The rest is asked for only where it is that of the same file."""
    name = "ETag" if validator and validator.startswith('"') else "Last-Modified"
    given = {name: validator} if validator else {}
    content = CONTENT * 20_000
    asked: list[dict[str, str]] = []

    def fault(request: Request) -> Response:
        asked.append(request.headers)
        if request.method == "HEAD":
            return Response(200, {**given, "Content-Length": str(len(content))})
        if "range" in request.headers:
            start, end = map(int, request.headers["range"].removeprefix("bytes=").split("-"))
            rest = {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
            return Response(206, {**given, **rest}, content[start : end + 1])
        body = content if len(asked) > 2 else content[: 200 << 10]
        return Response(200, {**given, "Content-Length": str(len(content))}, body)

    recording_proxy.faults = fault
    assert lock(project, f"{recording_proxy.url}/model.gguf").status == 0
    assert pin(project)["hash"] == sri(content)
    assert asked[-1].get("if-range") == validator
    assert ("range" in asked[-1]) == bool(validator)


def test_a_web_page(recording_proxy: RecordingProxy, project: Project) -> None:
    recording_proxy.faults = with_headers(recording_proxy, Content_Type="text/html; charset=utf-8")
    result = lock(project, f"{recording_proxy.url}/blob/main/model.gguf")
    assert result.status == 1
    recording_proxy.faults = lambda _: Response(200, {"Content-Type": "text/html"}, b"<html>")
    result = lock(project, f"{recording_proxy.url}/blob/main/model.gguf")
    assert result.status == 1
    assert "is a web page" in result.err
    assert "/resolve/" in result.err
    recording_proxy.faults = lambda _request: None
    assert lock(project, f"{recording_proxy.url}/page.html").status == 0


def test_a_redirect(recording_proxy: RecordingProxy, project: Project) -> None:
    def fault(request: Request) -> Response | None:
        if request.path.startswith("/releases/"):
            return Response(302, {"Location": f"{recording_proxy.url}/model.gguf?signature=abc"})
        return None

    recording_proxy.faults = fault
    result = lock(project, f"{recording_proxy.url}/releases/latest")
    assert result.status == 0, result.err
    assert "signature" not in project.lock_file.read_text() + result.out + result.err


@pytest.mark.parametrize("status", [401, 403, 404, 410, 418])
def test_refusals(recording_proxy: RecordingProxy, project: Project, status: int) -> None:
    recording_proxy.faults = lambda _: Response(status)
    result = lock(project, f"{recording_proxy.url}/model.gguf?key2=x")
    assert result.status == 1
    assert f"{recording_proxy.url}/model.gguf is" in result.err
    assert f"(HTTP {status})" in result.err
    assert "hint: " in result.err
    assert "key2" not in result.err


def test_credentials_of_a_netrc_stay_there(
    recording_proxy: RecordingProxy, project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(home))

    def fault(request: Request) -> Response | None:
        target = {"Location": f"{recording_proxy.url}/model.gguf"}
        return Response(302, target) if "first" in request.path else None

    recording_proxy.faults = fault
    assert lock(project, f"{recording_proxy.url}/first").status == 0
    assert all("authorization" not in request.headers for request in recording_proxy.log)


def test_a_file_that_changes_between(recording_proxy: RecordingProxy, project: Project) -> None:
    """What was asked for first is not what is read then."""
    recording_proxy.faults = lambda r: (
        Response(200, {}, b"longer than it was: now") if r.method == "GET" else None
    )
    result = lock(project, f"{recording_proxy.url}/model.gguf")
    assert result.status == 1
    assert "has sent 23 bytes instead of 20" in result.err
