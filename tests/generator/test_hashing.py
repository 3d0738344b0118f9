from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.digests import Verifier, hex_to_sri, sri_to_hex
from aimodels_gen.nix import hashes as hashing

if TYPE_CHECKING:
    from pathlib import Path

    from support.nix import NixEnv

EMPTY = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_sri_there_and_back() -> None:
    digest = hashlib.sha256(b"").hexdigest()
    assert hex_to_sri(digest) == EMPTY
    assert sri_to_hex(EMPTY) == digest


@pytest.mark.parametrize(
    "bad",
    [
        "",
        EMPTY.removeprefix("sha256-"),
        EMPTY.replace("sha256", "sha512"),
        EMPTY[:-1],
        EMPTY + "=",
        EMPTY.replace("U=", "V="),  # other padding bits: the same bytes, spelt otherwise
        "sha256-AAAA",
        f" {EMPTY}",
        f"{EMPTY}\n",
    ],
)
def test_bad_sri_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="not an SRI hash"):
        sri_to_hex(bad)


@pytest.mark.parametrize("bad", ["", "00", "zz" * 32, "0" * 40])
def test_bad_hex_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="not a sha256 in 64 hex digits"):
        hex_to_sri(bad)


def git_blob_id(content: bytes) -> str:
    verifier = Verifier(git_size=len(content))
    verifier.update(content)
    assert verifier.git_blob_id
    return verifier.git_blob_id


def test_git_blob_ids() -> None:
    assert git_blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    git = shutil.which("git")
    assert git
    made = subprocess.run(
        [git, "hash-object", "--stdin"], input=b"hello\n", capture_output=True, check=True
    )
    assert git_blob_id(b"hello\n") == made.stdout.decode().strip()


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
    assert hashing.nar_sri(path) == hex_to_sri(digest)


def test_nar_hash_refuses_what_no_store_holds(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe is not a file"):
        hashing.nar_sri(tmp_path)


def test_base32_is_that_of_nix(host_nix: NixEnv) -> None:
    digest = hashlib.sha256(b"x").digest()
    made = host_nix.run("nix-hash", "--type", "sha256", "--to-base32", digest.hex()).stdout.strip()
    assert hashing.nix_base32(digest) == made
