from __future__ import annotations

import hashlib
import shutil
import subprocess
from typing import Any

import pytest

from aimodels_fetcher.crc import SLOW_LIMIT
from aimodels_fetcher.digests import Verifier, hex_to_sri, lfs_pointer_blob_id, new_hash, sri_to_hex

EMPTY = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_sri_there_and_back() -> None:
    digest = hashlib.sha256(b"").digest()
    assert hex_to_sri(digest.hex()) == EMPTY
    assert sri_to_hex(EMPTY) == digest.hex()


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
    with pytest.raises(ValueError):  # noqa: PT011 - bytes.fromhex has its own words
        hex_to_sri(bad)


def git_blob_id(content: bytes) -> str:
    verifier = Verifier(git_size=len(content))
    verifier.update(content)
    return verifier.git_blob_id or ""


def test_git_blob_ids() -> None:
    assert git_blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    git = shutil.which("git")
    assert git
    made = subprocess.run(
        [git, "hash-object", "--stdin"], input=b"hello\n", capture_output=True, check=True
    )
    assert git_blob_id(b"hello\n") == made.stdout.decode().strip()


def test_a_verifier_counts_and_hashes_what_it_is_given() -> None:
    verifier = Verifier()
    for piece in (b"he", memoryview(b"llo"), b"\n"):
        verifier.update(piece)
    assert verifier.size == 6
    assert verifier.sha256 == hashlib.sha256(b"hello\n").hexdigest()
    assert verifier.git_blob_id is None, "it costs time, and was not asked for"


def test_machines_that_allow_sha1_for_security_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in FIPS mode; git's ids secure nothing."""
    sha1 = hashlib.sha1

    def strict(data: bytes = b"", *, usedforsecurity: bool = True) -> Any:
        if usedforsecurity:
            raise ValueError("unsupported hash type sha1")
        return sha1(data, usedforsecurity=False)

    monkeypatch.setattr(hashlib, "sha1", strict)
    assert git_blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert lfs_pointer_blob_id("0" * 64, 1)


@pytest.mark.parametrize(
    ("algorithm", "check"),
    [("crc32", "cbf43926"), ("crc32c", "e3069283"), ("crc64nvme", "ae8b14860a799888")],
)
def test_checks_of_the_usual_digits(algorithm: str, check: str) -> None:
    hashed = new_hash(algorithm)
    hashed.update(b"1234")
    hashed.update(memoryview(b"56789"))
    assert hashed.hexdigest() == check


def test_slow_checks_of_large_files_are_not_computed() -> None:
    verifier = Verifier()
    verifier.add(["crc32c"])
    verifier.update(bytes(SLOW_LIMIT))
    assert verifier.hexdigest("crc32c") == "14298c12"
    verifier.update(b"1")
    assert verifier.hexdigest("crc32c") is None
