"""From a manifest to a loaded model: a real model, a third-party Hub, two Nixes, transformers."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import snapshot_download

from support import minilm
from support import nix as nixes
from support.environment import CHECKOUT
from support.locks import BIN, PINS, Pin, aimodels_gen, write_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conftest import Runner
    from support.nix import NixEnv
    from support.olah import Olah

CACHE_NAME = "models--sentence-transformers--all-MiniLM-L6-v2"
SIMILARITY = CHECKOUT / "tests" / "support" / "similarity.py"


@pytest.fixture(scope="module")
def downloaded(minilm_hub: Olah, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The entry that huggingface_hub makes."""
    cache = tmp_path_factory.mktemp("hf")
    snapshot_download(minilm.REPO, endpoint=minilm_hub.url, cache_dir=cache, token=False)
    return cache / CACHE_NAME


@pytest.fixture(params=PINS, ids=lambda pin: pin.name)
def entry(request: pytest.FixtureRequest, store: NixEnv, locked: Mapping[str, Path]) -> Path:
    """The store path of each pin."""
    pin: Pin = request.param
    return store.build(pin.expression(locked[pin.name]))


@pytest.fixture
def cache(entry: Path, tmp_path: Path) -> Path:
    """A cache directory in which the entry is linked as the guide says."""
    cache = tmp_path / "hub"
    cache.mkdir()
    (cache / CACHE_NAME).symlink_to(entry)
    return cache


def files_below(directory: Path) -> dict[str, str]:
    """The sha256 of every file, links followed."""
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_entry_is_what_huggingface_hub_lays_out(entry: Path, downloaded: Path) -> None:
    assert {path.name for path in entry.iterdir()} == {path.name for path in downloaded.iterdir()}
    for part in ("refs", "snapshots"):
        assert files_below(entry / part) == files_below(downloaded / part)
    (listing,) = (entry / "trees").iterdir()
    theirs = downloaded / "trees" / listing.name
    assert json.loads(listing.read_text()) == json.loads(theirs.read_text())
    blobs = files_below(entry / "blobs")
    assert list(blobs) == list(blobs.values())
    assert sorted(blobs.values()) == sorted(files_below(downloaded / "blobs").values())


def test_nothing_in_the_entry_can_be_written_or_run(entry: Path) -> None:
    for path in (entry, *entry.rglob("*")):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o777 == (0o555 if path.is_dir() else 0o444)


def test_loads_offline_as_another_user(cache: Path, unprivileged: Runner) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)}
    result = unprivileged(BIN / "python", SIMILARITY, minilm.REPO, "--json", env=offline)
    assert result.returncode == 0, result.stderr
    alike, *unlike = json.loads(result.stdout)
    assert alike > 0.5
    assert max(unlike) < 0.2


def test_huggingface_hub_sees_the_entry(
    cache: Path, downloaded: Path, unprivileged: Runner
) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)}
    listed = unprivileged(BIN / "hf", "cache", "ls", "--json", env=offline)
    assert listed.returncode == 0, listed.stderr
    (row,) = json.loads(listed.stdout)
    assert minilm.REPO in json.dumps(row)
    code = "import sys, huggingface_hub as h; print(h.snapshot_download(sys.argv[1]))"
    snapshot = unprivileged(BIN / "python", "-c", code, minilm.REPO, env=offline)
    assert snapshot.returncode == 0, snapshot.stderr
    (commit,) = (path.name for path in (downloaded / "snapshots").iterdir())
    assert snapshot.stdout.strip() == str(cache / CACHE_NAME / "snapshots" / commit)


def test_locking_downloads_everything_but_the_weights(minilm_hub: Olah, tmp_path: Path) -> None:
    write_manifest(tmp_path, minilm_hub.url)
    minilm_hub.clear()
    first = aimodels_gen("lock", "models.toml", cwd=tmp_path).stdout
    resolved = [request for request in minilm_hub.requests if "/resolve/" in request]
    assert len(resolved) == 12
    assert not any(minilm.WEIGHTS in request for request in resolved)
    minilm_hub.clear()
    assert aimodels_gen("lock", "models.toml", cwd=tmp_path).stdout == first
    assert minilm_hub.requests == []


def test_a_tree_pin_is_in_the_store_once_it_is_locked(
    host_nix: NixEnv, minilm_hub: Olah, tmp_path: Path
) -> None:
    write_manifest(tmp_path, minilm_hub.url)
    command = ("lock", "models.toml", "--pin", "tree", "-o", "models.nix")
    aimodels_gen(*command, cwd=tmp_path, env=host_nix.variables())
    assert any(minilm.WEIGHTS in request for request in minilm_hub.requests)
    minilm_hub.clear()
    entry = host_nix.build(Pin("tree", "").expression(tmp_path))
    assert minilm_hub.requests == []
    assert (entry / "refs" / "main").is_file()


@pytest.mark.parametrize("pin", PINS, ids=lambda pin: pin.name)
def test_both_nixes_make_the_same_store_path(
    pin: Pin, host_nix: NixEnv, locked: Mapping[str, Path]
) -> None:
    with nixes.available("forky", seen_at=host_nix.dir) as forky:
        expression = pin.expression(locked[pin.name])
        ours, theirs = host_nix.build(expression), forky.build(expression)
        assert ours.name == theirs.name
        assert files_below(ours / "refs") == files_below(theirs / "refs")
