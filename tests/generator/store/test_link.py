"""What `link` makes in a cache of Hugging Face, and `unlink` removes."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import scan_cache_dir, snapshot_download

from generator.stores import FILES, LFS, MANIFEST, MIB, WEIGHTS, collect_garbage
from support.fake_repo import BigFile, chunks, sha256
from support.remedies import cures

if TYPE_CHECKING:
    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

CONTENT = b"".join(chunks(WEIGHTS))
ENTRY = "models--org--name"
OTHER = '[models.other]\nsource.huggingface = { repo = "org/other" }\n'


@pytest.fixture
def cache(hub_project: Project, host_store: NixEnv, repo: Repo) -> Path:
    """Where the cache is to be of a project whose model is in the store."""
    assert host_store
    assert repo
    hub_project.ok("lock", "--prefetch")
    return hub_project.dir / "cache"


def load(cache: Path) -> Path:
    return Path(snapshot_download("org/name", cache_dir=cache, local_files_only=True))


@pytest.mark.parametrize("pin", ["files", "tree"])
def test_a_model_loads_offline_and_is_kept(
    hub_project: Project, host_store: NixEnv, cache: Path, pin: str
) -> None:
    hub_project.write(MANIFEST + f'pin = "{pin}"\n')
    hub_project.ok("lock", "--prefetch")
    for _ in range(2):
        out = hub_project.ok("link", "--cache-dir", str(cache))
        assert out == f"{cache / ENTRY}\n"
        collect_garbage(host_store)
        assert {p.name: p.read_bytes() for p in load(cache).iterdir()} == {
            name: data if isinstance(data, bytes) else CONTENT for name, data in FILES.items()
        }
    assert scan_cache_dir(cache).warnings == []
    assert (cache / ENTRY / "refs" / "main").read_text() == hub_project.lock["m"]["source"][
        "huggingface"
    ]["rev"]
    hub_project.ok("unlink", "--cache-dir", str(cache))
    assert list(cache.iterdir()) == []
    collect_garbage(host_store)
    assert list(host_store.store.glob("*-m*")) == []


def test_an_update_is_linked_and_downloads_stay(
    hub: Hub, hub_project: Project, host_store: NixEnv, repo: Repo, cache: Path
) -> None:
    hub_project.ok("link", "--cache-dir", str(cache))
    repo.commit({**FILES, "new.json": b"[]"})
    # Programs go online, and add the newest commit: the weights are there.
    hub.clear()
    found = snapshot_download(repo.id, endpoint=hub.url, cache_dir=cache)
    assert all(request.sent_bytes < MIB for request in hub.log)
    hub_project.ok("update", "--prefetch")
    hub_project.ok("link", "--cache-dir", str(cache))
    collect_garbage(host_store)
    assert load(cache) == Path(found)
    assert (load(cache) / "model.safetensors").read_bytes() == CONTENT
    assert (load(cache) / "new.json").read_bytes() == b"[]"
    hub_project.ok("unlink", "--cache-dir", str(cache))
    assert [p.name for p in (cache / ENTRY / "blobs").iterdir() if p.is_symlink()] == []


def test_several_models_and_caches(
    hub: Hub, hub_project: Project, host_store: NixEnv, cache: Path, tmp_path: Path
) -> None:
    assert host_store
    hub.add_repo("org/other", {"other.safetensors": BigFile(MIB, seed=2)}, lfs=LFS)
    hub_project.write(MANIFEST + OTHER)
    hub_project.ok("lock", "--prefetch")
    elsewhere = tmp_path / "elsewhere"
    hub_project.ok("link", "m", "--cache-dir", str(cache))
    hub_project.ok("link", "other", "--cache-dir", str(cache))
    hub_project.ok("link", "--cache-dir", str(elsewhere))
    entries = [ENTRY, "models--org--other"]
    assert sorted(path.name for path in cache.iterdir()) == entries
    # Without manifest and lock, too.
    for name in ("models.toml", "models.lock"):
        (hub_project.dir / name).unlink()
    hub_project.ok("unlink", "m", "--cache-dir", str(cache))
    assert [path.name for path in cache.iterdir()] == entries[1:]
    assert sorted(path.name for path in elsewhere.iterdir()) == entries
    said = hub_project.fails("unlink", "n", "--cache-dir", str(cache))
    assert f"{cache} has no model named n\nhint: it has other\n" in said


def test_the_default_is_the_cache_of_huggingface_hub(
    hub_project: Project, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    assert hub_project.ok("link") == f"{cache / ENTRY}\n"
    program = (
        "from huggingface_hub import snapshot_download\n"
        "print(open(snapshot_download('org/name') + '/config.json').read())\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", program]
    assert subprocess.check_output(command, env=environment, text=True) == "{}\n"
    hub_project.ok("unlink")
    assert list(cache.iterdir()) == []


def test_a_link_that_was_made_by_hand(
    hub_project: Project, host_store: NixEnv, cache: Path
) -> None:
    """As the README does it; the link is into the store."""
    cache.mkdir()
    (cache / ENTRY).symlink_to(next(host_store.store.glob("*-bundle")))
    hub_project.ok("link", "--cache-dir", str(cache))
    assert (load(cache) / "model.safetensors").read_bytes() == CONTENT


@cures("move it away and link again: …")
@pytest.mark.parametrize("kind", ["directory", "link"])
def test_what_a_user_has_is_left_alone(
    hub_project: Project, cache: Path, tmp_path: Path, kind: str, remedy: Remedy
) -> None:
    mine = cache / ENTRY if kind == "directory" else tmp_path / "mine"
    (mine / "blobs").mkdir(parents=True)
    (mine / "blobs" / sha256(WEIGHTS)).write_text("mine")
    cache.mkdir(exist_ok=True)
    if kind == "link":
        (cache / ENTRY).symlink_to(mine)
    said = hub_project.fails("link", "--cache-dir", str(cache))
    assert "`link` did not make: it is left alone" in said
    assert (cache / ENTRY / "blobs" / sha256(WEIGHTS)).read_text() == "mine"
    hub_project.ok("unlink", "--cache-dir", str(cache))
    assert (cache / ENTRY / "blobs" / sha256(WEIGHTS)).read_text() == "mine"
    subprocess.run(shlex.split(remedy(said)[0]), check=True)
    hub_project.ok("link", "--cache-dir", str(cache))
    assert (load(cache) / "model.safetensors").read_bytes() == CONTENT


def test_nothing_is_said_of_models_that_are_not_named(
    hub: Hub, hub_project: Project, host_store: NixEnv, cache: Path
) -> None:
    """Neither of one that could not be linked, nor of one that is not linked any more."""
    hub.add_repo("org/other", {"other.safetensors": BigFile(MIB, seed=2)}, lfs=LFS)
    hub_project.write(MANIFEST + OTHER)
    hub_project.ok("lock", "--prefetch")
    mine = cache / "models--org--other" / "blobs"
    mine.mkdir(parents=True)
    to_cache = ("--cache-dir", str(cache))
    done = hub_project.run("link", *to_cache)
    assert (done.status, done.out) == (1, f"{cache / ENTRY}\n")
    assert done.err.count("error: ") == 1
    assert f"error: {mine.parent} is a directory that `link` did not make" in done.err
    assert "activate" not in done.err
    assert "mode =" not in done.err
    done = hub_project.run("link", "m", *to_cache)
    assert (done.status, done.err) == (0, "")
    mine.rmdir()
    mine.parent.rmdir()
    hub_project.ok("link", "other", *to_cache)
    shutil.rmtree(mine.parent)
    mine.mkdir(parents=True)
    (mine / "mine").touch()
    done = hub_project.run("link", "m", *to_cache)
    assert (done.status, done.err) == (0, "")
    done = hub_project.run("unlink", "m", *to_cache)
    assert done.err == f"unlinked m: {cache / ENTRY}\n"
    done = hub_project.run("unlink", *to_cache)
    rest = "`link` did not make what is left there"
    assert done.err == f"unlinked other: {mine.parent} ({rest})\n"
    assert [path for path in mine.parent.rglob("*") if path.is_file()] == [mine / "mine"]
    collect_garbage(host_store)
    assert list(host_store.store.glob("*-m*")) == []


def test_an_update_that_cannot_be_linked(
    hub_project: Project,
    host_store: NixEnv,
    repo: Repo,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the cache leads to is kept."""
    hub_project.ok("link", "--cache-dir", str(cache))
    repo.commit({**FILES, "model.safetensors": BigFile(MIB, seed=3)})
    hub_project.ok("update", "--prefetch")
    with monkeypatch.context() as patch:
        patch.setattr("aimodels_linker.cli.main", lambda _: 1)
        hub_project.fails("link", "--cache-dir", str(cache))
    collect_garbage(host_store)
    assert (load(cache) / "model.safetensors").read_bytes() == CONTENT
    hub_project.ok("unlink", "--cache-dir", str(cache))
    assert list(cache.iterdir()) == []


@pytest.mark.usefixtures("host_store")
def test_a_directory_with_characters_of_all_kinds(hub_project: Project, cache: Path) -> None:
    odd = cache.with_name("J\u00fcrgen's\ncache")
    assert hub_project.ok("link", "--cache-dir", str(odd)) == f"{odd / ENTRY}\n"
    hub_project.ok("unlink", "--cache-dir", str(odd))
    (odd / ENTRY).mkdir()
    (odd / f"{ENTRY}.old").mkdir()
    said = hub_project.fails("link", "--cache-dir", str(odd))
    assert len(said.splitlines()) == 2
    subprocess.run(["sh", "-c", said.partition("link again: ")[2]], check=True)
    hub_project.ok("link", "--cache-dir", str(odd))
    assert (load(odd) / "model.safetensors").read_bytes() == CONTENT


@cures("run `…`, which adds them")
@pytest.mark.usefixtures("host_store", "repo")
def test_what_the_store_lacks(hub_project: Project, tmp_path: Path, remedy: Remedy) -> None:
    hub_project.ok("lock")
    said = hub_project.fails("link", "--cache-dir", str(tmp_path / "cache"))
    assert "error: the store lacks 1 path of m, such as " in said
    assert remedy(said) == ("aimodels-gen prefetch m",)
    assert not (tmp_path / "cache").exists()
    hub_project.follow(said)
    hub_project.ok("link", "--cache-dir", str(tmp_path / "cache"))


@cures("name the models to link, without …, or remove that key")
def test_a_model_that_is_for_no_cache(
    hub: Hub, hub_project: Project, cache: Path, remedy: Remedy
) -> None:
    hub.add_repo("org/other", {"other.safetensors": BigFile(MIB, seed=2)}, lfs=LFS)
    hub_project.write(MANIFEST + OTHER + "integration.huggingface.enable = false\n")
    hub_project.ok("lock", "--prefetch")
    remedy(hub_project.fails("link", "m", "other", "--cache-dir", str(cache)))
    assert hub_project.ok("link", "--cache-dir", str(cache)) == f"{cache / ENTRY}\n"


@cures("name the models to link, with one of them")
def test_two_models_of_one_name(hub_project: Project, cache: Path, remedy: Remedy) -> None:
    hub_project.write(MANIFEST + MANIFEST.replace("models.m", "models.n"))
    hub_project.ok("lock", "--prefetch")
    said = hub_project.fails("link", "--cache-dir", str(cache))
    assert "m and n are both models--org--name in a cache" in said
    remedy(said)
    hub_project.ok("link", "n", "--cache-dir", str(cache))


def test_without_nix(hub_project: Project, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in (["link", "--cache-dir", str(cache)], ["prefetch"]):
        with monkeypatch.context() as patch:
            patch.setenv("PATH", "/nowhere")
            said = hub_project.fails(*command)
        assert said.startswith("error: there is no nix-store on PATH\nhint: install Nix")


def test_a_cache_that_is_no_directory(hub_project: Project, cache: Path) -> None:
    cache.write_text("")
    assert hub_project.run("link", "--cache-dir", str(cache)).status == 2
    said = hub_project.fails("link", "--cache-dir", str(cache / "below"))
    assert f"{cache} is a file, where a directory is needed" in said
    assert "run it again" in said
    assert hub_project.ok("unlink", "--cache-dir", str(cache.with_name("nowhere"))) == ""
