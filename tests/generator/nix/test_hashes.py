from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.digests import hex_to_sri
from aimodels_gen.nix import hashes

if TYPE_CHECKING:
    from support.nix import NixEnv


def tree(path: Path) -> Path:
    """Make a directory with everything that an archive can hold."""
    (path / "sub" / "empty").mkdir(parents=True)
    (path / "sub.x").write_bytes(b"sorts after sub/ in a file system, not in an archive")
    (path / "É 日本 ${x}\n").write_bytes(b"named oddly")
    (path / ".hidden").write_bytes(b"")
    for size in (1, 7, 8, 9, (1 << 20) + 3):
        (path / "sub" / str(size)).write_bytes(os.urandom(size))
    (path / "run").write_bytes(b"#!/bin/sh\n")
    (path / "run").chmod(0o755)
    os.symlink("./sub//../nowhere", path / "link")  # noqa: PTH211 - Path would tidy it up
    (path / "to-dir").symlink_to("sub")
    return path


@pytest.mark.parametrize("name", ["", "run", "sub/7", "link", "sub/empty"])
def test_nar_hash_is_that_of_nix(host_nix: NixEnv, tmp_path: Path, name: str) -> None:
    path = tree(tmp_path / "tree") / name
    digest = host_nix.run("nix-hash", "--type", "sha256", path).stdout.strip()
    assert hashes.nar_sri(path) == hex_to_sri(digest)


def test_the_nar_hash_of_a_bundle_is_that_of_nix(host_nix: NixEnv, tmp_path: Path) -> None:
    """Which is not written to disk for it."""
    contents = [os.urandom(size) for size in (0, 1, 7, 8, 9, 1 << 20)]
    files = sorted((hashlib.sha256(content).hexdigest(), content) for content in contents)
    for name, content in files:
        (tmp_path / name).write_bytes(content)
    digest = host_nix.run("nix-hash", "--type", "sha256", tmp_path).stdout.strip()
    assert hashes.nar_sri_of_files(iter(files)) == hashes.nar_sri(tmp_path) == hex_to_sri(digest)


@pytest.mark.parametrize("mode", [0o644, 0o654, 0o645, 0o611, 0o744, 0o700, 0o100, 0o777])
def test_a_file_is_executable_if_it_is_for_its_owner(
    host_nix: NixEnv, tmp_path: Path, mode: int
) -> None:
    """As Nix has it: the bits of group and others say nothing."""
    file = tmp_path / "run"
    file.write_bytes(b"#!/bin/sh\n")
    file.chmod(mode)
    digest = host_nix.run("nix-hash", "--type", "sha256", file).stdout.strip()
    assert hashes.nar_sri(file) == hex_to_sri(digest)


@pytest.mark.parametrize("size", [0, 4, 6, 1 << 20])
def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """It has grown, or shrunk, since its size was asked for: no hash is better than a wrong one."""
    file = tmp_path / "f"
    file.write_bytes(b"12345")
    lstat = Path.lstat

    def earlier(path: Path) -> os.stat_result:
        found = lstat(path)
        return os.stat_result((*found[:6], size, *found[7:10]))

    monkeypatch.setattr(Path, "lstat", earlier)
    with pytest.raises(OSError, match="f changed while it was read"):
        hashes.nar_sri(file)


def test_nar_hash_refuses_what_no_store_holds(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe is not a file"):
        hashes.nar_sri(tmp_path)


def test_base32_is_that_of_nix(host_nix: NixEnv) -> None:
    digest = hashlib.sha256(b"x").digest()
    made = host_nix.run("nix-hash", "--type", "sha256", "--to-base32", digest.hex()).stdout.strip()
    assert hashes.nix_base32(digest) == made
