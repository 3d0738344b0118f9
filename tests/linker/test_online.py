"""Directories of links, used by the real huggingface_hub with a Hub that goes on."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download
from huggingface_hub._tree_cache import _IN_MEMORY_TREE_CACHE

from linker.helpers import A
from support.fake_repo import BigFile, sha256
from support.linker import touched

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from conftest import Runner
    from support.hub import Hub, Repo
    from support.linker import Linker

WEIGHTS = BigFile(1 << 20, 1)
FIRST: dict[str, bytes | BigFile] = {
    "config.json": b"1",
    "sub/w.safetensors": WEIGHTS,
    "extra.bin": b"extra",
}
PINNED = ("config.json", "sub/w.safetensors")
_HF = Path(sys.executable).with_name("hf")


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add_repo("org/a", FIRST, lfs=["*.safetensors", "*.bin"])


@pytest.fixture
def path(directories: Linker, repo: Repo, hub: Hub) -> Path:
    """The entry, linked: all but one file of the first commit."""
    path = directories.entry(repo, PINNED)
    directories.link({A: path})
    hub.clear()
    return path


@pytest.fixture
def load(directories: Linker, hub: Hub) -> Callable[..., dict[str, bytes]]:
    """Load a snapshot; offline, unless told otherwise. Afterwards, all is well in the cache."""

    def load(revision: str = "main", *, online: bool = False) -> dict[str, bytes]:
        options: dict[str, Any] = {"endpoint": hub.url, "local_files_only": not online}
        _IN_MEMORY_TREE_CACHE.clear()  # as in a new process
        found = Path(
            snapshot_download("org/a", revision=revision, cache_dir=directories.hub, **options)
        )
        assert scan_cache_dir(directories.hub).warnings == []
        return {
            str(file.relative_to(found)): file.read_bytes()
            for file in found.rglob("*")
            if file.is_file()
        }

    return load


def bytes_of(content: bytes | BigFile) -> bytes:
    return content if isinstance(content, bytes) else b"".join(content.chunks(0, len(content)))


def pinned(files: dict[str, bytes | BigFile]) -> dict[str, bytes]:
    return {path: bytes_of(content) for path, content in files.items() if path in PINNED}


def fetched(hub: Hub) -> set[str]:
    """The checksums of the large files that were downloaded."""
    cdn = [request.path for request in hub.log if request.path.startswith("/cdn/")]
    return {path.removeprefix("/cdn/").partition("?")[0] for path in cdn}


def test_offline(path: Path, hub: Hub, load: Callable[..., dict[str, bytes]]) -> None:
    assert load() == pinned(FIRST), path
    assert not hub.log


def test_online_when_nothing_has_moved(
    directories: Linker, path: Path, hub: Hub, load: Callable[..., dict[str, bytes]]
) -> None:
    """The files that the pin leaves out are downloaded, as from a cache without a pin."""
    everything = {name: bytes_of(content) for name, content in FIRST.items()}
    assert load(online=True) == everything
    assert fetched(hub) == {sha256(b"extra")}
    before = touched(directories.hub)
    assert directories.link({A: path}).out == []
    assert load(online=True) == everything
    assert load() == everything
    assert touched(directories.hub) == before


@pytest.mark.parametrize("online", [True, False])
def test_a_link_to_a_pin_that_leaves_files_out(
    linker: Linker, repo: Repo, hub: Hub, unprivileged: Runner, *, online: bool
) -> None:
    """Its listing has only the pinned files, and other files cannot be added to the store."""
    linker.link({A: linker.entry(repo, PINNED)})
    before = touched(linker.store)
    env = {"HF_HUB_CACHE": str(linker.hub), "HF_ENDPOINT": hub.url}
    if not online:
        env["HF_HUB_OFFLINE"] = "1"
    code = (
        "import os, huggingface_hub as h; found = h.snapshot_download('org/a');"
        "print(*sorted(os.path.relpath(os.path.join(top, name), found)"
        " for top, _, names in os.walk(found) for name in names), flush=True);"
        "h.hf_hub_download('org/a', 'extra.bin')"
    )
    done = unprivileged(sys.executable, "-c", code, env=env)
    assert done.stdout.split() == sorted(PINNED)
    assert ("PermissionError" if online else "LocalEntryNotFoundError") in done.stderr
    assert touched(linker.store) == before


def test_a_moved_branch_is_followed_and_the_weights_are_reused(
    directories: Linker, repo: Repo, path: Path, hub: Hub, load: Callable[..., dict[str, bytes]]
) -> None:
    first = repo.sha
    second = repo.commit({**FIRST, "config.json": b"2", "new.bin": b"new"})
    new = {"config.json": b"2", "new.bin": b"new", "extra.bin": b"extra"}
    new["sub/w.safetensors"] = bytes_of(WEIGHTS)
    assert load(online=True) == new
    assert fetched(hub) == {sha256(b"new"), sha256(b"extra")}

    before = touched(directories.hub)
    assert directories.link({A: path}).out == []
    assert touched(directories.hub) == before
    assert load() == new
    assert load(first) == pinned(FIRST)

    # A pin that is newer still: what was downloaded stays.
    files = {**FIRST, "config.json": b"3", "sub/w.safetensors": BigFile(1 << 20, 2)}
    repo.commit(files)
    newest = directories.entry(repo, PINNED)
    assert directories.link({A: newest}).err == []
    hub.clear()
    assert load() == pinned(files)
    assert load(second) == new
    assert not hub.log
    # And without any pin.
    assert directories.link({}).status == 0
    assert load(second) == new
    assert not (directories.hub / A / "refs").exists(), "it would name a commit that is gone"


def test_a_file_that_the_pin_leaves_out(
    directories: Linker, repo: Repo, path: Path, load: Callable[..., dict[str, bytes]], hub: Hub
) -> None:
    def get(*, online: bool = False) -> bytes:
        options: dict[str, Any] = {"endpoint": hub.url, "local_files_only": not online}
        return Path(
            hf_hub_download("org/a", "extra.bin", cache_dir=directories.hub, **options)
        ).read_bytes()

    first = repo.sha
    assert get(online=True) == b"extra"
    assert load() == {**pinned(FIRST), "extra.bin": b"extra"}
    before = touched(directories.hub)
    assert directories.link({A: path}).out == []
    assert touched(directories.hub) == before

    directories.link({})
    assert get() == b"extra"
    directories.link({A: path})
    assert load() == {**pinned(FIRST), "extra.bin": b"extra"}
    repo.commit({**FIRST, "config.json": b"2"})
    directories.link({A: directories.entry(repo, PINNED)})
    assert load(first) == {"extra.bin": b"extra"}
    assert load() == pinned({**FIRST, "config.json": b"2"})


def test_downloads_that_are_shared_between_repositories(
    directories: Linker, repo: Repo, path: Path, load: Callable[..., dict[str, bytes]]
) -> None:
    """As huggingface_hub shares them since 2.4: the blob is a link to a directory of the cache."""
    shared = pytest.importorskip("huggingface_hub.utils._shared_blobs")
    first = repo.sha
    everything = load(online=True)
    blob = directories.hub / A / "blobs" / sha256(b"extra")
    assert shared.publish_blob_to_shared_store(
        blob_path=str(blob), xet_hash="a" * 64, cache_dir=directories.hub, expected_size=5
    )
    assert blob.is_symlink()
    before = touched(directories.hub)
    assert directories.link({A: path}).out == []
    assert touched(directories.hub) == before
    repo.commit({**FIRST, "config.json": b"2"})
    newest = directories.entry(repo, PINNED)
    for models in ({A: newest}, {}, {A: newest}, {A: path}):
        run = directories.link(models)
        assert (run.status, run.err) == (0, [])
        assert blob.read_bytes() == b"extra"
    assert load(first) == everything


def test_files_that_do_not_exist_are_no_downloads(
    directories: Linker, path: Path, hub: Hub
) -> None:
    """huggingface_hub notes them, in the directory of the model."""
    with pytest.raises(Exception, match="404"):
        hf_hub_download("org/a", "added_tokens.json", endpoint=hub.url, cache_dir=directories.hub)
    assert (directories.hub / A / ".no_exist").is_dir(), path
    directories.link({})
    assert list(directories.hub.glob("models--*")) == []


class TestCacheCommands:
    """`hf cache`, run by somebody who may write to the cache and not to the store."""

    @pytest.fixture(params=["link", "directory"])
    def owned(
        self, request: pytest.FixtureRequest, linker: Linker, repo: Repo
    ) -> tuple[Linker, dict[str, Path]]:
        """The linker, when its hub directory belongs to that user, with the models."""
        owned = linker.but(mode=request.param)
        models = {A: owned.entry(repo, PINNED)}
        owned.link(models)
        for path in (owned.hub, *owned.hub.rglob("*")):
            if os.geteuid() == 0 and not (path.is_symlink() or path.is_relative_to(owned.store)):
                os.chown(path, 65534, 65534)
        return owned, models

    @pytest.mark.parametrize(
        "command",
        [
            ("ls",),
            ("ls", "--revisions"),
            ("prune", "--yes"),
            ("rm", "model/org/a", "--yes"),
            ("rm", "COMMIT", "--yes"),
        ],
        ids=" ".join,
    )
    def test_the_store_is_untouched(
        self,
        owned: tuple[Linker, dict[str, Path]],
        repo: Repo,
        unprivileged: Runner,
        command: tuple[str, ...],
    ) -> None:
        linker, models = owned
        before, there = touched(linker.store), touched(linker.hub)
        arguments = [part.replace("COMMIT", repo.sha) for part in command]
        cache = ("--cache-dir", linker.hub)
        done = unprivileged(_HF, "cache", arguments[0], *arguments[1:], *cache)
        assert done.returncode == 0, done.stderr
        assert touched(linker.store) == before
        assert "WARN" not in done.stdout + done.stderr
        if command[0] == "ls":
            assert "org/a" in done.stdout
        if command[0] == "rm":
            assert not (linker.hub / A).exists()
            assert linker.link(models).status == 0
            assert (linker.hub / A / "refs/main").exists()
        else:
            assert touched(linker.hub) == there

    def test_deleting_one_of_two_revisions(
        self,
        directories: Linker,
        repo: Repo,
        path: Path,
        load: Callable[..., dict[str, bytes]],
    ) -> None:
        first = repo.sha
        second = repo.commit({**FIRST, "config.json": b"2"})
        load(online=True)
        before = touched(directories.store)
        scan_cache_dir(directories.hub).delete_revisions(first).execute()
        assert touched(directories.store) == before
        assert load()["sub/w.safetensors"] == bytes_of(WEIGHTS)
        directories.link({A: path})
        assert load(first) == pinned(FIRST)
        scan_cache_dir(directories.hub).delete_revisions(second).execute()
        assert touched(directories.store) == before
        directories.link({A: path})
        assert load() == pinned(FIRST)
