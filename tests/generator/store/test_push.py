"""What `push` sends to binary caches, and what Nix makes of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher import narinfo
from aimodels_gen.store.binary_caches import bucket
from generator.stores import FILES, LFS, MANIFEST, MIB, PATH, content
from support.disk import small_disk
from support.fake_repo import BigFile
from support.nginx import PROGRAM, Nginx, public_directory
from support.s3 import ENV
from support.web_cache import WebCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project
    from support.s3 import Moto

SHARDS = 6
SHARD = MIB


@pytest.fixture
def web() -> Iterator[WebCache]:
    with WebCache() as web:
        yield web


@pytest.fixture
def moto_bucket(moto: Moto, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """An empty one."""
    for variable, value in {**ENV, "AWS_ENDPOINT_URL": moto.url}.items():
        monkeypatch.setenv(variable, value)
    name = "".join(c for c in request.node.name.lower() if c.isalnum())[-40:] + "-cache"
    moto.bucket(name)
    return name


@pytest.fixture
def locked(hub_project: Project, repo: Repo) -> Project:
    """A locked model: a file of 3 MiB, and a bundle."""
    assert repo
    hub_project.ok("lock")
    return hub_project


def files(cache: Path) -> dict[str, bytes]:
    """The files of a cache in a directory, but for those that say nothing of paths."""
    return {
        str(path.relative_to(cache)): path.read_bytes()
        for path in cache.rglob("*")
        if path.is_file()
    }


def nars(names: Any) -> list[str]:
    return [name for name in names if name.endswith(".nar")]


def test_a_cache_is_what_nix_copy_would_write(
    locked: Project, nix_store: NixEnv, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    paths = locked.ok("push", f"file://{cache}").split()
    assert len(paths) == 2
    copied = tmp_path / "copied"
    nix_store.run("nix", "copy", "--to", f"file://{copied}?compression=none", *paths)
    assert files(cache) == files(copied)


@pytest.mark.parametrize("form", ["file", "web"])
def test_nix_takes_unsigned_paths_from_it(
    locked: Project, nix_store: NixEnv, tmp_path: Path, form: str
) -> None:
    """With the keys that Nix requires of everything else, and from a real web server."""
    if form == "file":
        paths = locked.ok("push", f"file://{tmp_path}/cache").split()
        _taken(nix_store, f"file://{tmp_path}/cache", paths)
        return
    if not PROGRAM:
        pytest.skip("no nginx on this machine")
    more = "dav_methods PUT; create_full_put_path on; client_max_body_size 0;"
    with public_directory() as directory:
        for name in ("cache", "nginx"):
            (directory / name).mkdir()
            (directory / name).chmod(0o777)
        with Nginx(directory / "cache", directory / "nginx", more) as nginx:
            paths = locked.ok("push", f"{nginx.url}/").split()
            assert locked.ok("push", nginx.url) == ""
            _taken(nix_store, nginx.url, paths)


def _taken(nix: NixEnv, url: str, paths: list[str]) -> None:
    env = {"PATH": PATH}
    nix.run("nix-store", "--delete", *paths, env=env)
    options = ("--option", "substituters", url, "--option", "require-sigs", "true")
    nix.run("nix-store", "--realise", *paths, *options, env=env)
    nix.run("nix-store", "--verify-path", *paths, env=env)


def test_a_second_revision_sends_what_changed(
    hub: Hub, hub_project: Project, host_store: NixEnv, web: WebCache
) -> None:
    assert host_store
    shards = {f"{n}.safetensors": BigFile(SHARD, seed=n) for n in range(SHARDS)}
    repo = hub.add_repo("org/name", {**FILES, **shards}, lfs=LFS)
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    done = hub_project.run("push", web.url)
    assert f"{SHARDS + 2} paths sent" in done.err
    repo.commit({**FILES, **shards, "1.safetensors": BigFile(SHARD, seed=99)})
    hub_project.ok("update")
    hub.clear()
    web.received = 0
    done = hub_project.run("push", web.url)
    assert done.status == 0, done.err
    assert f"m  {SHARDS + 2} paths: 1 sent (1.0 MiB), {SHARDS + 1} there already (8.0 MiB)" in (
        done.err
    )
    assert "1 path sent to " in done.err
    assert "1.0 MiB; 8.0 MiB were there already" in done.err
    assert SHARD < web.received < SHARD + 2048
    # Another machine, which has none of it, downloads nothing for a cache that has everything.
    host_store.run("nix-store", "--gc")
    content(hub)
    assert hub_project.run("push", web.url).status == 0
    assert content(hub) == 0


def test_shared_paths_are_sent_once(
    locked: Project, hub: Hub, host_store: NixEnv, web: WebCache
) -> None:
    assert host_store
    hub.add_repo("org/other", FILES, lfs=LFS)
    other = '[models.other]\nsource.huggingface = { repo = "org/other" }\n'
    locked.write(MANIFEST + other)
    locked.ok("lock")
    done = locked.run("push", web.url, "--json")
    report = json.loads(done.out)
    assert [len(model["paths"]) for model in report["models"]] == [2, 2]
    assert report["sent"]["paths"] == 2
    assert len(nars(web.asked("PUT"))) == 2


def test_a_tree_is_pushed(locked: Project, nix_store: NixEnv, tmp_path: Path) -> None:
    locked.write(MANIFEST + 'pin = "tree"\n')
    locked.ok("lock")
    (path,) = locked.ok("push", str(tmp_path / "cache")).split()
    _taken(nix_store, f"file://{tmp_path}/cache", [path])


def test_a_dry_run_sends_nothing(
    locked: Project, hub: Hub, host_store: NixEnv, web: WebCache
) -> None:
    assert host_store
    content(hub)
    done = locked.run("push", web.url, "--dry-run")
    assert (done.status, done.out) == (0, "")
    assert "m  2 paths: 2 missing (3.0 MiB)" in done.err
    assert f"2 paths to send to {web.url}, 3.0 MiB" in done.err
    assert (web.files, content(hub)) == ({}, 0)
    report = json.loads(locked.ok("push", web.url, "--dry-run", "--json"))
    assert report["dryRun"]
    assert report["missing"]["paths"] == 2


def test_an_interrupted_push_continues(locked: Project, host_store: NixEnv, web: WebCache) -> None:
    """The archive is not sent again, also where the server was lost before the .narinfo."""
    assert host_store
    web.refusal = lambda method, path: (
        (403, {}) if method == "PUT" and path.endswith(".narinfo") else None
    )
    assert locked.run("push", web.url).status == 1
    sent = nars(web.files)
    assert len(sent) >= 1
    web.refusal = lambda *_: None
    web.log.clear()
    done = locked.run("push", web.url)
    assert done.status == 0
    assert f"{len(sent)} sent by an earlier run" in done.err
    assert len(nars(web.asked("PUT"))) == 2 - len(sent)
    assert len(done.out.split()) == 2


def test_a_cut_is_tried_again(locked: Project, host_store: NixEnv, web: WebCache) -> None:
    assert host_store
    web.cut = MIB
    assert len(locked.ok("push", web.url, "-j", "1").split()) == 2
    assert len(nars(web.asked("PUT"))) == 3
    assert all(web.files[f"/cache/{name}"] for name in web.asked("PUT"))


def test_a_cache_that_has_moved(locked: Project, host_store: NixEnv, web: WebCache) -> None:
    """It lacks what is not there where it is now: that is an answer, and no reason to wait."""
    assert host_store
    with WebCache() as there:
        there.files = web.files
        web.refusal = lambda method, path: (
            None
            if method == "PUT"
            else (302, {"Location": there.url.removesuffix("/cache") + path})
        )
        assert len(locked.ok("push", web.url).split()) == 2
        infos = [name for name in there.asked("GET") if name.endswith(".narinfo")]
        assert len(infos) == len(set(infos))


def test_what_a_loss_of_power_has_emptied_is_written_again(
    locked: Project, host_store: NixEnv, tmp_path: Path
) -> None:
    assert host_store
    cache = tmp_path / "cache"
    locked.ok("push", str(cache))
    before = files(cache)
    (cache / "nix-cache-info").write_bytes(b"")
    locked.ok("push", str(cache))
    next(cache.glob("*.narinfo")).write_bytes(b"")
    assert len(locked.ok("push", str(cache)).split()) == 1
    assert files(cache) == before


@pytest.mark.parametrize("form", ["file", "web", "s3"])
def test_a_damaged_path_is_never_published(  # noqa: PLR0913, PLR0917 (one fixture for each cache)
    locked: Project,
    host_store: NixEnv,
    web: WebCache,
    moto: Moto,
    moto_bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    """The others are, and nothing of it is there that would pass for whole."""
    monkeypatch.setattr(bucket, "_PART", MIB)  # so that most of it is sent
    cache = tmp_path / "cache"
    url = {"file": str(cache), "web": web.url, "s3": f"s3://{moto_bucket}"}[form]
    weights = next(p for p in locked.ok("prefetch").split() if p.endswith(".safetensors"))
    file = host_store.path(weights)
    file.chmod(0o644)
    damaged = bytearray(file.read_bytes())
    damaged[MIB] ^= 1
    file.write_bytes(damaged)
    file.chmod(0o444)
    done = locked.run("push", url)
    assert done.status == 1
    assert f"error: m: {weights} is damaged: its content is not what Nix registered" in done.err
    assert "hint: " in done.err
    names = {
        "file": lambda: list(files(cache)),
        "web": lambda: list(web.files),
        "s3": lambda: _keys(moto, moto_bucket),
    }[form]()
    assert "Uploads" not in moto.api.list_multipart_uploads(Bucket=moto_bucket)
    assert len(nars(names)) == 1
    assert narinfo.name_of(weights) not in " ".join(names)


@pytest.mark.parametrize("form", ["file", "s3"])
def test_two_pushes_at_once(  # noqa: PLR0913, PLR0917 (as above)
    locked: Project,
    host_store: NixEnv,
    moto: Moto,
    moto_bucket: str,
    tmp_path: Path,
    form: str,
) -> None:
    assert host_store
    locked.ok("prefetch")
    cache = tmp_path / "cache"
    url = {"file": str(cache), "s3": f"s3://{moto_bucket}"}[form]
    command = [sys.executable, "-m", "aimodels_gen", "push", url]
    both = [
        subprocess.Popen(command, cwd=locked.dir, env=locked.environment(), stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for one in both:
        said = one.communicate(timeout=120)[1]
        assert one.returncode == 0, said
    names = list(files(cache)) if form == "file" else _keys(moto, moto_bucket)
    assert len(names) == 5  # nix-cache-info, and two for each path
    assert locked.ok("push", url) == ""


def test_what_a_killed_push_leaves_is_removed(
    locked: Project, host_store: NixEnv, tmp_path: Path
) -> None:
    """It is killed in the middle of an archive, here one without an end."""
    assert host_store
    cache = tmp_path / "cache"
    code = (
        "import sys, time\n"
        "from aimodels_gen.nix import nar\n"
        "from aimodels_gen import cli\n"
        "real = nar.chunks\n"
        "def slow(path):\n"
        "    for chunk in real(path):\n"
        "        yield chunk\n"
        "        print(path, flush=True)\n"
        "        time.sleep(60)\n"
        "nar.chunks = slow\n"
        "cli.run(sys.argv[1:])\n"
    )
    locked.ok("prefetch")
    with subprocess.Popen(
        [sys.executable, "-c", code, "push", str(cache), "-j", "1"],
        cwd=locked.dir,
        env=locked.environment(),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    left = list(files(cache))
    assert any(".aimodels-gen.new-" in name for name in left)
    assert not any(name.endswith((".narinfo", ".nar")) for name in left)
    assert len(locked.ok("push", str(cache)).split()) == 2
    assert not any(".aimodels-gen.new-" in name for name in files(cache))


def test_a_disk_that_fills_up(locked: Project, host_store: NixEnv, tmp_path: Path) -> None:
    """Nothing half is left, and the next run continues."""
    assert host_store
    locked.ok("prefetch")
    with small_disk(tmp_path / "small", 8 * MIB) as small:
        script = (
            "import sys\n"
            "from pathlib import Path\n"
            "from support.disk import fill\n"
            "from aimodels_gen import cli\n"
            "from aimodels_gen.store.binary_caches.directory import DirectoryCache\n"
            "def prepare(self, *arguments):\n"
            "    super(DirectoryCache, self).prepare(*arguments)\n"
            f"    fill(Path({str(small)!r}))\n"
            "DirectoryCache.prepare = prepare\n"
            "sys.exit(cli.run(sys.argv[1:]))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, "push", f"{small}/cache"],
            cwd=locked.dir,
            env=locked.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert f"{small}/cache is full: No space left on device" in done.stderr
        assert nars(files(small / "cache")) == []
        (small / "filler").unlink()
        assert len(locked.ok("push", f"{small}/cache").split()) == 2


def _keys(moto: Moto, bucket: str) -> list[str]:
    listed = moto.api.list_objects_v2(Bucket=bucket)
    return [one["Key"] for one in listed.get("Contents", ())]


@pytest.mark.parametrize("size", [3 * MIB, 20 * MIB])
def test_a_bucket(  # noqa: PLR0913, PLR0917 (as above)
    hub: Hub,
    hub_project: Project,
    host_store: NixEnv,
    moto: Moto,
    moto_bucket: str,
    tmp_path: Path,
    size: int,
) -> None:
    """Large archives in parts; what lies there is what lies in a directory."""
    assert host_store
    hub.add_repo("org/name", {**FILES, "model.safetensors": BigFile(size, seed=3)}, lfs=LFS)
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    assert len(hub_project.ok("push", f"s3://{moto_bucket}/fleet?region=us-east-1").split()) == 2
    hub_project.ok("push", str(tmp_path / "cache"))
    found = {
        key.removeprefix("fleet/"): moto.api.get_object(Bucket=moto_bucket, Key=key)["Body"].read()
        for key in _keys(moto, moto_bucket)
    }
    assert found == files(tmp_path / "cache")
    large = max(_keys(moto, moto_bucket), key=lambda key: len(found[key.removeprefix("fleet/")]))
    tag = moto.api.head_object(Bucket=moto_bucket, Key=large)["ETag"]
    assert tag.endswith('-5"') == (size > 5 * MIB)  # the number of parts
    assert "Uploads" not in moto.api.list_multipart_uploads(Bucket=moto_bucket)
    assert hub_project.ok("push", f"s3://{moto_bucket}/fleet?region=us-east-1") == ""
