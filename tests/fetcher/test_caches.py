"""Builds that ask binary caches first, for what their output is: AIMODELS_CACHES."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support import binary_cache
from support.binary_cache import bundle_archive, file_archive
from support.fake_repo import BigFile, sha256
from support.faults import cut, edited
from support.fetcher import ENV, PYTHONS, Fetch
from support.forks import ForkServer
from support.loopback import HangUp, LoopbackServer, Request, Response
from support.nginx import Nginx, public_directory
from support.recording_proxy import RecordingProxy
from support.remedies import cures
from support.specs import EVERYTHING, file_pin, source, sri
from support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.fake_repo import Content
    from support.fetcher import Run
    from support.hub import Hub, Repo
    from support.remedies import Remedy

WEIGHTS = BigFile((24 << 20) + 3, 12)
SMALL = {"config.json": b"{}", "same.json": b"{}", "vocab.txt": b"a\nb\n", "empty": b""}
CONTENTS = {sha256(content): content for content in SMALL.values()}
FILES: dict[str, Content] = {"model.safetensors": WEIGHTS, **SMALL}
PIN = file_pin("model.safetensors", WEIGHTS)
BUNDLE = {path: {"hash": sri(content), "size": len(content)} for path, content in SMALL.items()}
DEAD = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with public_directory() as directory:
        (directory / "nginx").mkdir()
        yield directory


@pytest.fixture(scope="module")
def cache(directory: Path) -> binary_cache.BinaryCache:
    return binary_cache.BinaryCache(directory / "cache")


@pytest.fixture(scope="module")
def nginx(cache: binary_cache.BinaryCache, directory: Path) -> Iterator[Nginx]:
    with Nginx(cache.directory, directory / "nginx") as nginx:
        yield nginx


@pytest.fixture
def proxy(nginx: Nginx) -> Iterator[RecordingProxy]:
    with RecordingProxy(nginx.url) as proxy:
        yield proxy


@pytest.fixture
def weights(cache: binary_cache.BinaryCache) -> str:
    return cache.add("model.safetensors", WEIGHTS)


@pytest.fixture
def bundle(cache: binary_cache.BinaryCache) -> str:
    return cache.add_bundle(SMALL.values())


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add_repo("org/name", FILES, lfs=["*.safetensors"])


@dataclass
class Build:
    """Runs the fetcher as builds do, with an output of that store path."""

    fetch: Fetch
    source: dict[str, Any]
    directory: Path

    def __call__(
        self, path: str, caches: str, mode: str = "file", spec: dict[str, Any] = PIN
    ) -> Run:
        out = self.directory / Path(path).name
        env = {"AIMODELS_CACHES": caches}
        return self.fetch(mode, self.source, env=env, out=out, **spec)

    @property
    def hub(self) -> str:
        return str(self.source["huggingface"]["endpoint"])

    def weights(self, path: str, caches: str) -> Run:
        run = self(path, caches)
        assert run.status == 0, run.log
        assert sri(run.out.read_bytes()) == PIN["hash"]
        return run

    def bundle(self, path: str, caches: str, files: object = BUNDLE) -> Run:
        run = self(path, caches, "bundle", {"files": files})
        assert run.status == 0, run.log
        assert {file.name: file.read_bytes() for file in run.out.iterdir()} == CONTENTS
        return run


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    modules = ["aimodels_fetcher.caches", "aimodels_fetcher.cli", "aimodels_fetcher.fetch"]
    with closing(ForkServer(PYTHONS["old-requests"], modules, ENV)) as server:
        yield server


@pytest.fixture
def build(server: ForkServer, hub: Hub, repo: Repo, tmp_path: Path) -> Iterator[Build]:
    with closing(Fetch(PYTHONS["old-requests"], tmp_path, server=server)) as fetch:
        yield Build(fetch.quick, source(hub, repo), tmp_path)


def nar_bytes(proxy: RecordingProxy) -> int:
    return sum(request.sent_bytes for request in proxy.log if request.path.startswith("/nar/"))


def test_the_sources_are_asked_for_nothing(
    build: Build, hub: Hub, proxy: RecordingProxy, weights: str, bundle: str
) -> None:
    run = build.weights(weights, f"{proxy.url}/")
    found, fetched = run.log.splitlines()
    assert found == f"{proxy.url} model.safetensors: found in this cache"
    assert fetched.startswith("fetched org/name@")
    run = build.bundle(bundle, f" {proxy.url}\t")
    found, fetched = run.log.splitlines()
    assert found == f"{proxy.url} bundle: found in this cache"
    assert ", 3 files: " in fetched
    assert not hub.log
    assert nar_bytes(proxy) < WEIGHTS.size + 2000


def test_what_no_cache_has_comes_from_the_source(
    build: Build, proxy: RecordingProxy, weights: str, bundle: str
) -> None:
    other = "0" * 32
    caches = f"{DEAD} {proxy.url}"
    for run in (
        build.weights(f"{other}{weights[43:]}", caches),
        build.bundle(f"{other}{bundle[43:]}", caches),
    ):
        refused, lacking, fetched = run.log.splitlines()
        assert refused.startswith(DEAD)
        assert refused.endswith(f"Connection refused; asking {proxy.url} instead")
        assert "it is not in this cache (HTTP 404 from " in lacking
        assert f"; asking {build.hub} instead" in lacking
        assert fetched.startswith("fetched org/name@")


def test_the_next_cache_is_asked_before_the_source(
    build: Build, hub: Hub, proxy: RecordingProxy, weights: str, bundle: str
) -> None:
    build.weights(weights, f"{DEAD} {proxy.url}")
    without_sizes = {path: {"hash": file["hash"]} for path, file in BUNDLE.items()}
    build.bundle(bundle, f"{DEAD} {proxy.url}", without_sizes)
    assert not hub.log


def test_a_cache_that_ends_half_way_leaves_only_the_rest_to_the_source(
    build: Build, hub: Hub, proxy: RecordingProxy, weights: str
) -> None:
    def fault(request: Request) -> Response | None:
        if not request.path.startswith("/nar/"):
            return None
        if nar_bytes(proxy) >= 10 << 20:
            raise HangUp
        return edited(cut(1, HangUp, 10 << 20))(request, proxy.otherwise)

    proxy.faults = fault
    run = build.weights(weights, proxy.url)
    assert f"; asking {hub.url} instead" in run.log
    sent = sum(request.sent_bytes for request in hub.log if request.path.startswith("/cdn/"))
    assert nar_bytes(proxy) + sent < WEIGHTS.size + 2000


def test_a_cache_that_starts_again_is_waited_for(
    build: Build, hub: Hub, proxy: RecordingProxy, weights: str
) -> None:
    asked = 0

    def fault(request: Request) -> Response | None:
        nonlocal asked
        asked += 1
        if asked in {3, 4, 5}:
            raise HangUp
        return edited(cut(1, HangUp, 10 << 20))(request, proxy.otherwise)

    proxy.faults = fault
    run = build.weights(weights, proxy.url)
    assert "found in this cache" in run.log
    assert not hub.log


def test_a_cache_with_other_content_is_not_believed(
    build: Build, cache: binary_cache.BinaryCache, proxy: RecordingProxy, weights: str
) -> None:
    for archive in (
        file_archive(BigFile(WEIGHTS.size, 13)),
        file_archive(b"short"),
        bundle_archive({"a": b"b"}),
        b"<html>",
    ):
        cache.add_archive(weights, archive)
        run = build.weights(weights, proxy.url)
        *said, fetched = run.log.splitlines()
        assert f"{proxy.url} model.safetensors: " in said[-1], run.log
        assert fetched.startswith("fetched org/name@")
        assert len(run.log.splitlines()) <= 3, run.log
        run.out.unlink()


@pytest.mark.parametrize(
    "archive",
    [
        bundle_archive({**CONTENTS, sha256(b"{}"): b"[]"}),
        bundle_archive({**CONTENTS, "../evil": b"[]"}),
        bundle_archive({sha256(b"{}"): b"{}"}),
        bundle_archive(CONTENTS)[:-16],
        bundle_archive(CONTENTS) + b"more",
        bundle_archive(CONTENTS).replace(b"\x04" + bytes(7) + b"a\nb\n", b"\xff" * 8 + b"a\nb\n"),
        file_archive(b"{}"),
        b"",
    ],
)
def test_a_bundle_with_other_content_is_not_believed(
    build: Build,
    cache: binary_cache.BinaryCache,
    proxy: RecordingProxy,
    bundle: str,
    archive: bytes,
) -> None:
    cache.add_archive(bundle, archive)
    run = build.bundle(bundle, proxy.url)
    assert f"{proxy.url} bundle: " in run.log
    assert f"; asking {build.hub} instead" in run.log
    assert not (run.out.parent / "evil").exists()


@pytest.mark.parametrize(
    "answer",
    [
        Response(200, {"Content-Type": "text/html"}, b"<html>Log in to this network</html>"),
        Response(200, {}, b"\xff\xfe" * 9),
        Response(200, {}, b"x" * (2 << 20)),
        Response(500),
        Response(429, {"Retry-After": "300"}),
        Response(302, {"Location": "/hash.narinfo"}),
        Response(403),
    ],
    ids=lambda answer: f"{answer.status} {answer.body[:5]!r}",
)
def test_a_server_that_is_no_cache_is_left(
    build: Build, proxy: RecordingProxy, bundle: str, answer: Response
) -> None:
    proxy.faults = lambda _: answer
    run = build.bundle(bundle, proxy.url)
    assert f"; asking {build.hub} instead" in run.log
    assert len(run.log.splitlines()) <= (5 if answer.status == 500 else 2), run.log


def test_a_cache_that_does_not_answer_holds_no_build_up(build: Build, weights: str) -> None:
    """Neither one that takes no connection, nor one that takes it and is silent."""
    build.fetch = build.fetch.but(caches__CONNECT_SECONDS=0.2, caches__ANSWER_SECONDS=0.2)

    def wait(_: Request) -> Response:
        time.sleep(5)
        return Response(404)

    with LoopbackServer(wait) as silent:
        run = build.weights(weights, silent.url)
    assert len(run.log.splitlines()) == 2, run.log
    assert f"; asking {build.hub} instead" in run.log


def test_a_cache_that_is_not_trusted_is_left(
    build: Build, weights: str, bundle: str, tmp_path: Path
) -> None:
    with LoopbackServer(lambda _: Response(404), Authority.make(tmp_path).server()) as server:
        for run in (build.weights(weights, server.url), build.bundle(bundle, server.url)):
            refused, fetched = run.log.splitlines()
            assert "the server's certificate is not trusted" in refused
            assert refused.endswith(f"; asking {build.hub} instead")
            assert fetched.startswith("fetched org/name@")


def test_trees_are_fetched_from_their_source(
    build: Build, proxy: RecordingProxy, weights: str
) -> None:
    run = build(weights, proxy.url, "tree", EVERYTHING)
    assert run.status == 0, run.log
    assert not proxy.log


@cures(
    "write URLs like http://cache.example.org:8080, with spaces between them, and without user, "
    "password and what follows ?…"
)
@pytest.mark.parametrize(
    "caches",
    [
        "rack:8080",
        "https://me:s3cret@rack",
        "http://rack?priority=10",
        "http://a,http://b",
        "s3://bucket",
        "file:///srv/cache",
        "/srv/cache",
    ],
)
def test_what_is_not_a_cache_is_refused(
    build: Build, proxy: RecordingProxy, weights: str, caches: str, remedy: Remedy
) -> None:
    run = build(weights, caches)
    assert run.status == 1
    assert "AIMODELS_CACHES: " in run.log
    assert " is not the http(s) URL of a binary cache" in run.log
    assert "s3cret" not in run.log
    remedy(run.log)
    build.weights(weights, proxy.url)
