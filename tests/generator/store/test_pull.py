"""What `pull` takes from binary caches."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from generator.caches import Cache, another_user, filled, flip, stored
from generator.stores import FILES, LFS, MANIFEST, MIB, WEIGHTS, collect_garbage, content
from support import faults
from support.disk import small_disk
from support.fake_repo import BigFile
from support.loopback import Request, Response
from support.nix import available
from support.recording_proxy import RecordingProxy
from support.remedies import cures
from support.s3 import refusal
from support.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.hub import Hub, Repo
    from support.nginx import Nginx
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy
    from support.s3 import Moto

T = '[models.t]\nsource.huggingface = { repo = "org/name" }\npin = "tree"\n'
TREE = MANIFEST + T
NIX = ("nix", "--extra-experimental-features", "nix-command")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.fixture
def cache(  # noqa: PLR0913, PLR0917 (fixtures)
    hub: Hub,
    hub_project: Project,
    host_store: NixEnv,
    repo: Repo,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Cache:
    """A cache with a model `m`, and one with a tree `t`, if a test has `TREE` for a parameter."""
    assert repo
    compression, manifest = getattr(request, "param", ("none", MANIFEST))
    hub_project.write(manifest)
    cache = filled(hub_project, host_store, compression)
    another_user(host_store, monkeypatch)
    hub.clear()
    return cache


@pytest.mark.parametrize("cache", [(c, TREE) for c in ("none", "bzip2")], indirect=True)
def test_a_directory(cache: Cache, hub: Hub, hub_project: Project) -> None:
    report = json.loads(hub_project.ok("pull", cache.url, "--json"))
    assert report["cache"] == cache.url
    assert report["pulled"]["paths"] == len(cache.every) == 3
    assert [model["name"] for model in report["models"]] == ["m", "t"]
    assert report["received"] == sum(cache.info(path).nar_size for path in cache.every)
    assert content(hub) == 0
    again = hub_project.run("pull", cache.url)
    assert (again.status, again.out) == (0, "")
    assert "m  2 paths: 2 there already" in again.err
    assert {*chain(*stored(hub_project).values())} == cache.every
    assert content(hub) == 0


@pytest.fixture
def web(cache: Cache, public: Path, nginx: Nginx) -> Iterator[RecordingProxy]:
    """The cache on a web server, whose requests are counted."""
    link = public / "root" / "cache"
    shutil.copytree(cache.directory, link)
    with RecordingProxy(nginx.url) as proxy:
        proxy.url += "/cache"
        yield proxy
    shutil.rmtree(link)


@pytest.mark.parametrize("cache", [(c, TREE) for c in ("none", "xz")], indirect=True)
def test_a_web_server(cache: Cache, hub: Hub, hub_project: Project, web: RecordingProxy) -> None:
    report = json.loads(hub_project.ok("pull", web.url, "--json"))
    assert report["pulled"]["paths"] == len(cache.every) == 3
    sent = sum(r.sent_bytes for r in web.log if "/nar/" in r.path)
    assert cache.size - 200 < sent <= cache.size
    assert report["received"] == pytest.approx(sent, abs=200)
    web.clear()
    assert "3 there already" not in hub_project.run("pull", web.url).err
    assert not web.log
    assert content(hub) == 0


@pytest.mark.parametrize("cache", [("none", TREE), ("xz", TREE)], indirect=True)
def test_a_bucket(  # noqa: PLR0913, PLR0917 (fixtures)
    cache: Cache,
    hub: Hub,
    hub_project: Project,
    bucket: str,
    moto: Moto,
    recording_proxy: RecordingProxy,
) -> None:
    moto.put(
        bucket,
        {
            f"fleet/{path.relative_to(cache.directory)}": path.read_bytes()
            for path in cache.directory.rglob("*")
            if path.is_file()
        },
    )
    server = recording_proxy.url.removeprefix("http://")
    url = f"s3://{bucket}/fleet?endpoint={server}&scheme=http&region=us-east-1"
    report = json.loads(hub_project.ok("pull", url, "--json"))
    assert report["cache"] == f"s3://{bucket}/fleet"
    assert report["pulled"]["paths"] == 3
    assert content(hub) == 0


@cures("look at what `nix store ping --store …` says; NIX_SSHOPTS has options for ssh")
def test_a_store_over_ssh(  # noqa: PLR0913, PLR0917 (fixtures)
    hub: Hub,
    hub_project: Project,
    nix_store: NixEnv,
    repo: Repo,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    remedy: Remedy,
) -> None:
    """What it lacks is said; Nix copies the rest, which needs no signature."""
    assert repo
    hub.add_repo("org/other", {"config.json": b"[]"})
    other = '[models.other]\nsource.huggingface = { repo = "org/other" }\n'
    hub_project.write(TREE + other)
    hub_project.ok("lock")
    kind = "forky" if nix_store.kind == "host" else "host"
    with (
        available(kind, seen_at=nix_store.dir) as theirs,
        Sshd(theirs, tmp_path_factory.mktemp("sshd")) as sshd,
    ):
        paths = [*chain(*stored(hub_project, "m", "t").values())]
        copy = ("copy", "--no-check-sigs", "--to", "ssh://builder", *paths)
        nix_store.run(*NIX, *copy, env={"PATH": PATH, **sshd.ssh_options})
        another_user(nix_store, monkeypatch)
        content(hub)
        for url in ("ssh://builder", "ssh-ng://builder"):
            collect_garbage(nix_store)
            monkeypatch.setenv("NIX_SSHOPTS", "-F /dev/null -o HostName=127.0.0.1 -p 1")
            assert remedy(hub_project.fails("pull", url)) == (url,)
            monkeypatch.setenv("NIX_SSHOPTS", sshd.ssh_options["NIX_SSHOPTS"])
            done = hub_project.run("pull", url)
            assert done.status == 1
            assert "m      2 paths: 2 pulled" in done.err
            assert "t      1 path: 1 pulled" in done.err
            assert re.search(f"error: other: {url} does not have /.*-bundle", done.err)
            assert set(done.out.split()) == set(paths)
        assert content(hub) == 0


def nar_bytes(web: RecordingProxy) -> int:
    return sum(r.sent_bytes for r in web.log if "/nar/" in r.path)


@pytest.fixture
def large(repo: Repo) -> None:
    """Let the model be one that comes in many parts."""
    repo.commit({**FILES, "model.safetensors": BigFile(24 * MIB, seed=3)})


def test_what_has_come_does_not_come_again(
    large: None, cache: Cache, hub_project: Project, web: RecordingProxy
) -> None:
    """Cuts, a server that dies, and the next run: every byte comes once."""
    assert large is None
    cuts = 0

    def fault(request: Request) -> Response | None:
        nonlocal cuts
        if "/nar/" not in request.path:
            return None
        cuts += 1
        if cuts > 8:
            return Response(503)
        return faults.cut(most=MIB)(web.otherwise(request))

    web.faults = fault
    assert hub_project.run("pull", web.url).status == 1
    assert cuts > 8
    assert nar_bytes(web) > 4 * MIB
    web.faults = lambda _: None
    hub_project.ok("pull", web.url)
    assert cache.size - 300 < nar_bytes(web) <= cache.size


@pytest.mark.parametrize("cache", [("none", MANIFEST), ("none", T)], indirect=True)
def test_a_run_that_is_killed(
    large: None, cache: Cache, hub_project: Project, web: RecordingProxy
) -> None:
    assert large is None

    def fault(request: Request) -> Response | None:
        if "/nar/" not in request.path:
            return None
        response = web.otherwise(request)

        def body() -> Iterator[bytes]:
            for piece in response.pieces:
                yield piece
                if nar_bytes(web) > 10 * MIB:
                    time.sleep(60)

        return replace(response, body=body())

    web.faults = fault
    command = [sys.executable, "-m", "aimodels_gen", "pull", web.url]
    with subprocess.Popen(command, env=hub_project.environment(), cwd=hub_project.dir) as run:
        for _ in range(600):
            if nar_bytes(web) > 10 * MIB:
                break
            time.sleep(0.05)
        time.sleep(0.5)  # until what has come is noted
        run.kill()
    web.faults = lambda _: None
    web.clear()
    hub_project.ok("pull", web.url)
    assert nar_bytes(web) < cache.size - 2 * MIB


def test_a_server_without_ranges(
    large: None, cache: Cache, hub_project: Project, web: RecordingProxy
) -> None:
    assert large is None

    def fault(request: Request) -> Response | None:
        return faults.whole(request, web.otherwise) if "/nar/" in request.path else None

    web.faults = fault
    hub_project.ok("pull", web.url)
    assert nar_bytes(web) < 2 * cache.size


@cures(
    "run `aimodels-gen push` on a machine that has them, or `aimodels-gen prefetch`, which "
    "downloads them from the sources of the models"
)
def test_what_a_cache_lacks(
    cache: Cache, hub: Hub, hub_project: Project, remedy: Remedy, tmp_path: Path
) -> None:
    """It is said with the model, the path and the cache, and the others come."""
    hub.add_repo("org/other", {"config.json": b"[]", "a.bin": b"a", "b.bin": b"b"}, lfs=["*.bin"])
    hub_project.write(MANIFEST + '[models.other]\nsource.huggingface = { repo = "org/other" }\n')
    hub_project.ok("lock")
    done = hub_project.run("pull", cache.url, "--root", str(tmp_path / "roots"), "--json")
    assert done.status == 1
    assert re.search(f"error: other: {cache.url} does not have /.*-a.bin and 1 more path", done.err)
    report = json.loads(done.out)
    assert (report["pulled"]["paths"], report["missing"]["paths"]) == (2, 2)
    assert len(report["errors"]) == 1
    assert len(list((tmp_path / "roots/m").iterdir())) == 2
    remedy(done.err)
    hub_project.ok("prefetch")
    assert hub_project.run("pull", cache.url).status == 0


def test_models_that_share_a_file_share_what_is_wrong_with_it(
    cache: Cache, hub_project: Project
) -> None:
    hub_project.write(MANIFEST + MANIFEST.replace("models.m", "models.twin"))
    hub_project.ok("lock")
    flip(cache, cache.paths["m"]["model.safetensors"])
    error = hub_project.run("pull", cache.url).err
    assert "error: m, twin: " in error


def test_equal_files_come_once(
    hub: Hub, hub_project: Project, cache: Cache, web: RecordingProxy
) -> None:
    """Under another name, too, which the cache need not have."""
    hub.add_repo("org/other", {"another.safetensors": WEIGHTS}, lfs=LFS)
    hub_project.write(MANIFEST + '[models.other]\nsource.huggingface = { repo = "org/other" }\n')
    hub_project.ok("lock")
    done = hub_project.run("pull", web.url)
    assert done.status == 0
    assert nar_bytes(web) <= cache.size
    assert "other  1 path: 1 taken from other paths in the store" in done.err


@cures("check the URL; `aimodels-gen push` makes and fills a cache")
def test_places_that_are_no_caches(
    cache: Cache, hub_project: Project, web: RecordingProxy, remedy: Remedy
) -> None:
    """One line, before anything is asked for."""
    info = cache.directory / "nix-cache-info"
    said = hub_project.fails("pull", web.url + "/nar")
    assert f"{web.url}/nar is not a binary cache: it has no nix-cache-info" in said
    web.faults = lambda _: Response(200, {"Content-Type": "text/html"}, b"<html>Log in</html>")
    assert "nix-cache-info names no StoreDir" in hub_project.fails("pull", web.url)
    web.faults = lambda _: Response(403)
    assert "cannot be read: HTTP 403" in hub_project.fails("pull", web.url)
    web.close()
    assert "nix-cache-info" in hub_project.fails("pull", web.url)
    info.write_text("StoreDir: /other/store\n")
    assert "is a cache for the store directory '/other/store'" in hub_project.fails(
        "pull", cache.url
    )
    info.unlink()
    assert "is not a binary cache" in hub_project.fails("pull", cache.url)
    new = f"{cache.url}/new"
    remedy(hub_project.fails("pull", new))
    hub_project.ok("push", new)
    hub_project.ok("pull", new)


@cures("install zstd, or add it to PATH")
@pytest.mark.parametrize("cache", [("zstd", MANIFEST)], indirect=True)
def test_zstd_is_a_program(
    cache: Cache, hub_project: Project, monkeypatch: pytest.MonkeyPatch, remedy: Remedy
) -> None:
    """Python has it since 3.14."""
    monkeypatch.setattr("aimodels_gen.nix.nar_compression._own_zstd", lambda: None)
    which = shutil.which
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "which", lambda name: None if name == "zstd" else which(name))
        error = hub_project.run("pull", cache.url).err
        assert ".narinfo is compressed with zstd" in error
        remedy(error)
    hub_project.ok("pull", cache.url)


def expired(where: str) -> Callable[[Request], Response | None]:
    return lambda request: refusal("ExpiredToken", 400) if where in request.path else None


def test_keys_that_expire(
    cache: Cache, hub_project: Project, bucket: str, moto: Moto, recording_proxy: RecordingProxy
) -> None:
    moto.put(
        bucket,
        {
            str(path.relative_to(cache.directory)): path.read_bytes()
            for path in cache.directory.rglob("*")
            if path.is_file()
        },
    )
    url = f"s3://{bucket}?endpoint={recording_proxy.url}&region=us-east-1"
    for where in ("nix-cache-info", ".narinfo", "/nar/"):
        recording_proxy.faults = expired(where)
        done = hub_project.run("pull", url)
        assert done.status == 1
        assert "ExpiredToken" in done.err
        assert "the session is over: get new credentials" in done.err
    recording_proxy.faults = lambda _: None
    hub_project.ok("pull", url)


@pytest.mark.parametrize(("place", "seen"), [("directory", False), ("web", True), ("web", False)])
def test_a_disk_that_is_full(  # noqa: PLR0913, PLR0917 (fixtures)
    cache: Cache,
    hub_project: Project,
    host_store: NixEnv,
    web: RecordingProxy,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    seen: bool,  # noqa: FBT001 (a parameter)
) -> None:
    """Nothing is left of it, and there is a next step that helps."""
    url = cache.url if place == "directory" else web.url
    if not seen:
        monkeypatch.setattr("aimodels_gen.store.download.check_space", lambda _: None)
    with small_disk(host_store.store, MIB):
        error = hub_project.fails("pull", url)
        assert "free, but" in error if seen else re.search("disk is full|No space left", error)
        assert "free some space" in error
        assert list(host_store.store.glob("*.tmp*")) == []
    hub_project.ok("pull", url)


def test_what_nix_writes(
    hub_project: Project, nix_store: NixEnv, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repo
    hub_project.write(TREE)
    hub_project.ok("lock")
    paths = {*chain(*stored(hub_project).values())}
    for compression in ("none", "xz", "zstd"):
        url = f"file://{nix_store.dir}/{compression}"
        copy = ("copy", "--to", f"{url}?compression={compression}&compression-level=1", *paths)
        nix_store.run(*NIX, *copy, env={"PATH": PATH})
    another_user(nix_store, monkeypatch)
    for compression in ("none", "xz", "zstd"):
        collect_garbage(nix_store)
        url = f"file://{nix_store.dir}/{compression}"
        assert {*hub_project.ok("pull", url).split()} == paths
