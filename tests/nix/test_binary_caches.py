"""Models through binary caches: which paths need a signature, and how they get one."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.expressions import bundle_pin, fetch_model, files_pin, got
from support.fake_repo import BigFile, chunks
from support.faults import cut, edited
from support.loopback import HangUp
from support.nginx import Nginx, public_directory
from support.nix import NixError
from support.recording_proxy import RecordingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.fake_repo import Content
    from support.hub import Hub
    from support.nix import NixEnv

REFUSED = "lacks a (valid )?signature"


@pytest.fixture
def cached(nix: NixEnv, hub: Hub, tmp_path: Path) -> tuple[str, str, str]:
    """A binary cache without signatures, an entry that is only there, and a file of it."""
    repo = hub.add_repo("org/model", {"config.json": b"{}"})
    expression = files_pin(hub, repo, 'layout = "link";')
    entry = nix.run("nix-build", "--no-out-link", "-E", expression).stdout.strip()
    (blob,) = (nix.path(entry) / "blobs").iterdir()
    file = str(blob.readlink())
    cache = f"file://{tmp_path}/cache"
    nix.run("nix", "copy", "--to", cache, entry)
    nix.run("nix-store", "--delete", entry)
    nix.run("nix-store", "--delete", file)
    return cache, entry, file


def copy(nix: NixEnv, cache: str, path: str, *options: str) -> None:
    nix.run("nix", "copy", "--from", cache, "--option", "require-sigs", "true", *options, path)


def test_files_need_no_signature_and_entries_do(nix: NixEnv, cached: tuple[str, str, str]) -> None:
    cache, entry, file = cached
    copy(nix, cache, file)
    assert nix.path(file).read_bytes() == b"{}"
    with pytest.raises(NixError, match=REFUSED) as caught:
        copy(nix, cache, entry)
    assert entry in str(caught.value)


def test_a_tree_needs_no_signature(nix: NixEnv, hub: Hub, tmp_path: Path) -> None:
    repo = hub.add_repo("org/model", {"config.json": b"{}"})
    expression = fetch_model(hub, repo, 'hash = "HASH";', f'rev = "{repo.sha}";')
    expression = expression.replace("HASH", got(nix, expression.replace("HASH", "")))
    entry = nix.run("nix-build", "--no-out-link", "-E", expression).stdout.strip()
    cache = f"file://{tmp_path}/cache"
    nix.run("nix", "copy", "--to", cache, entry)
    nix.run("nix-store", "--delete", entry)
    copy(nix, cache, entry)
    assert (nix.path(entry) / "refs/main").read_text() == repo.sha


def test_what_is_signed_is_accepted(
    nix: NixEnv, cached: tuple[str, str, str], tmp_path: Path
) -> None:
    cache, entry, _file = cached
    keys = (tmp_path / "secret.key", tmp_path / "public.key")
    nix.run("nix-store", "--generate-binary-cache-key", "cache.example.org-1", *keys)
    sign = ("store", "sign", "--recursive", "--key-file", keys[0], entry)
    nix.run("nix", *sign, "--store", cache)
    with pytest.raises(NixError, match=REFUSED):
        copy(nix, cache, entry)
    copy(nix, cache, entry, "--option", "trusted-public-keys", keys[1].read_text())
    assert (nix.path(entry) / "refs/main").exists()


def test_signatures_can_be_left_unchecked(nix: NixEnv, cached: tuple[str, str, str]) -> None:
    cache, entry, _file = cached
    copy(nix, cache, entry, "--no-check-sigs")
    assert (nix.path(entry) / "refs/main").exists()


@contextlib.contextmanager
def served(nix: NixEnv, paths: list[str]) -> Iterator[RecordingProxy]:
    """Serve these paths from a cache, and delete them here."""
    with public_directory() as directory:
        nix.run("nix", "copy", "--to", f"file://{directory}/cache?compression=none", *paths)
        nix.run("nix-store", "--delete", *paths)
        (directory / "nginx").mkdir()
        with (
            Nginx(directory / "cache", directory / "nginx") as nginx,
            RecordingProxy(nginx.url) as proxy,
        ):
            yield proxy


def test_builds_ask_caches_where_nix_has_given_up(nix: NixEnv, hub: Hub) -> None:
    """Files and bundles come from there, to the same store paths, and the entry is assembled."""
    weights = BigFile(3 << 20, 21)
    files: dict[str, Content] = {"config.json": b"{}", "model.safetensors": weights}
    repo = hub.add_repo("org/model", files, lfs=["*.safetensors"])
    expression = bundle_pin(hub, repo, 'layout = "link";')
    entry = nix.run("nix-build", "--no-out-link", "-E", expression).stdout.strip()
    references = nix.run("nix-store", "-q", "--references", entry).stdout.split()
    nix.run("nix-store", "--delete", entry)
    with served(nix, references) as cache:
        hub.clear()
        short = edited(cut(1, HangUp, 1 << 20))
        cache.faults = lambda request: (
            short(request, cache.otherwise) if request.path.startswith("/nar/") else None
        )
        options = ("--option", "substituters", cache.url, "--option", "download-attempts", "1")
        out = nix.build(expression, *options, "--fallback", env={"AIMODELS_CACHES": cache.url})
    assert nix.store / out.name == Path(entry)
    contents = {path: b"".join(chunks(content)) for path, content in files.items()}
    assert nix.contents(out / "snapshots" / repo.sha) == contents
    assert not hub.log
