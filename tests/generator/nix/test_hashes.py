from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.digests import hex_to_sri
from aimodels_gen.nix import hashes

if TYPE_CHECKING:
    from pathlib import Path

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


def test_nar_hash_refuses_what_no_store_holds(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe is not a file"):
        hashes.nar_sri(tmp_path)


def test_base32_is_that_of_nix(host_nix: NixEnv) -> None:
    digest = hashlib.sha256(b"x").digest()
    made = host_nix.run("nix-hash", "--type", "sha256", "--to-base32", digest.hex()).stdout.strip()
    assert hashes.nix_base32(digest) == made
