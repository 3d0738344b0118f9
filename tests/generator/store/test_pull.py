"""What `pull` takes from binary caches, and what of a cache that lies."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from generator.caches import Cache, filled, stored
from generator.stores import FILES, LFS, MANIFEST, MIB, WEIGHTS, collect_garbage, content
from support import faults
from support.disk import small_disk
from support.fake_repo import BigFile
from support.loopback import Request, Response
from support.nars import archive, directory, link, regular
from support.nginx import Nginx, public_directory
from support.nix import available
from support.recording_proxy import RecordingProxy
from support.remedies import cures
from support.s3 import refusal
from support.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.hub import Hub, Repo
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


def another_user(nix: NixEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what the user's cache has."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(nix.dir / "another-cache"))


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


@pytest.fixture(scope="module")
def public() -> Iterator[Path]:
    with public_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def nginx(public: Path) -> Iterator[Nginx]:
    for name in ("root", "nginx"):
        (public / name).mkdir()
    with Nginx(public / "root", public / "nginx") as nginx:
        yield nginx


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


Spoil = Callable[[Cache, str], object]


def archived(node: Callable[[bytes], bytes]) -> Spoil:
    """Exchange an archive for one of the same size."""

    def spoil(cache: Cache, path: str) -> None:
        old = cache.archive(path).read_bytes()
        new = archive(node(old))
        cache.archive(path).write_bytes(new.ljust(len(old), b"\0"))

    return spoil


def cut(cache: Cache, path: str) -> None:
    os.truncate(cache.archive(path), 5000)


def flip(cache: Cache, path: str) -> None:
    data = bytearray(cache.archive(path).read_bytes())
    data[5000] ^= 1
    cache.archive(path).write_bytes(data)


def lengthen(cache: Cache, path: str) -> None:
    with cache.archive(path).open("ab") as file:
        file.write(b"more")


def elsewhere(url: str) -> Spoil:
    return lambda cache, path: cache.change(path, url=url)


# What is wrong -> of a file or a bundle, how, and what is said: of directories, and of servers.
LIES: dict[str, tuple[str, Spoil, str]] = {
    "damaged": ("f", flip, "pinned to sha256-|hash mismatch|expected sha256-"),
    "cut": ("f", cut, "is cut|expected .* bytes, but"),
    "long": ("f", lengthen, "after the end|expected .* bytes, but"),
    "directory": ("f", archived(lambda old: directory((b"a", regular(old)))), "directory"),
    "link": ("f", archived(lambda _: link(b"/etc/passwd")), "link|not a file"),
    "page": ("f", archived(lambda _: b"<html>"), "in place of|not the archive of a file"),
    "size": (
        "f",
        lambda cache, path: cache.change(path, nar_size=5),
        "is of 5 bytes, but what is pinned",
    ),
    "other": ("f", lambda cache, path: cache.change(path, path=f"{path}x"), "is of /.*x, not of"),
    "brotli": ("f", lambda cache, path: cache.change(path, compression="br"), "compressed with br"),
    "gone": ("f", lambda cache, path: cache.archive(path).unlink(), "is not there|HTTP 404"),
    "out": ("f", elsewhere("../../../etc/passwd"), "leads out of the cache|HTTP 404"),
    "lines": (
        "f",
        lambda cache, path: cache.narinfo(path).write_text("<html>"),
        "is not the .narinfo",
    ),
    "up": (
        "b",
        archived(lambda old: directory((b"..", regular(old)))),
        "the name '\\.\\.'|pinned to|expected",
    ),
    "small": ("b", flip, "padding|in place of|pinned to|expected"),
}


@cures(
    "run `aimodels-gen prefetch`, which downloads it from its source; to mend the cache, delete "
    "the .narinfo and the archive there, and push it again"
)
@pytest.mark.parametrize("place", ["directory", "web"])
def test_what_is_not_what_is_pinned_is_not_taken(  # noqa: PLR0913, PLR0917 (fixtures)
    hub: Hub,
    hub_project: Project,
    host_store: NixEnv,
    monkeypatch: pytest.MonkeyPatch,
    public: Path,
    nginx: Nginx,
    remedy: Remedy,
    place: str,
) -> None:
    """Each model has a lie of its own; the one without gets what it needs."""
    manifest = ""
    for number, name in enumerate([*LIES, "good"]):
        weights = BigFile(MIB + number, seed=number)
        config = b"{}".ljust(6000 + number)
        hub.add_repo(f"org/{name}", {f"{name}.bin": weights, "config.json": config}, lfs=["*.bin"])
        manifest += f'[models.{name}]\nsource.huggingface = {{ repo = "org/{name}" }}\n'
    hub_project.write(manifest)
    cache = filled(hub_project, host_store)
    for name, (what, spoil, _) in LIES.items():
        spoil(cache, cache.paths[name]["bundle" if what == "b" else f"{name}.bin"])
    another_user(host_store, monkeypatch)
    url = cache.url
    if place == "web":
        shutil.copytree(cache.directory, public / "root" / "lies")
        url = f"{nginx.url}/lies"
    done = hub_project.run("pull", url)
    assert done.status == 1
    for name, (_, _, reason) in LIES.items():
        assert re.search(f"error: {name}: .*({reason})", done.err), name
    good = cache.every - {
        cache.paths[n]["bundle" if w == "b" else f"{n}.bin"] for n, (w, _, _) in LIES.items()
    }
    assert set(done.out.split()) == good
    remedy(done.err)
    hub_project.follow(done.err)
    hub_project.ok("pull", url)


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
