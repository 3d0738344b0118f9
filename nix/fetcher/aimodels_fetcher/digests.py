"""Checksums: SRI strings, git blob ids, and the verifier that a download streams through."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Protocol

from aimodels_fetcher.crc import SLOW, Crc32, SlowCrc

if TYPE_CHECKING:
    from collections.abc import Iterable

# The last digit has two unused bits, which are 0.
_SRI_SHA256 = re.compile(r"sha256-([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)")
_HEX_SHA256 = re.compile(r"[0-9a-fA-F]{64}")

LFS_POINTER_START = "version https://git-lfs.github.com/spec/v1"
"""The first line of every Git LFS pointer (git-lfs, docs/spec.md)."""


BEGINNING = 1024
"""Bytes of a file that are enough to tell what kind of file it is."""


def sri_to_hex(sri: str) -> str:
    """Return the 64 lower-case hex digits of `sha256-<base64>`.

    Raises:
        ValueError: The string is not the canonical SRI hash of a sha256.
    """
    match = _SRI_SHA256.fullmatch(sri)
    if not match:
        raise ValueError(f"{sri!r} is not an SRI hash of the form sha256-<44 characters of base64>")
    return base64.b64decode(match[1]).hex()


def hex_to_sri(digest: str) -> str:
    """Return the SRI form, `sha256-<base64>`, of a sha256 in hex digits.

    Raises:
        ValueError: These are not 64 hex digits.
    """
    if not _HEX_SHA256.fullmatch(digest):
        raise ValueError(f"{digest!r} is not a sha256 in 64 hex digits")
    return "sha256-" + base64.b64encode(bytes.fromhex(digest)).decode()


class Hash(Protocol):
    """What hashes bytes, as those of hashlib do."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Add the next bytes."""

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far in hex; "" where it cannot be computed."""


def new_hash(algorithm: str) -> Hash:
    """Return a hash by hashlib's name, or of `crc32`, `crc32c` or `crc64nvme`.

    Weak ones are for damaged files, which servers find with them.
    """
    if algorithm in SLOW:
        return SlowCrc(algorithm)
    return Crc32() if algorithm == "crc32" else hashlib.new(algorithm, usedforsecurity=False)


def git_blob_header(size: int) -> bytes:
    """Return what git hashes before the content of a blob of `size` bytes (git's object format)."""
    return b"blob %d\0" % size


def lfs_pointer_blob_id(sha256: str, size: int) -> str:
    """Return the git blob id of the text that git keeps in place of a file under LFS.

    The text is canonical (git-lfs, docs/spec.md), so it follows from hash and size.

    Args:
        sha256: Hex digest of the file.
        size: Its size in bytes.
    """
    text = f"{LFS_POINTER_START}\noid sha256:{sha256}\nsize {size}\n".encode()
    return hashlib.sha1(git_blob_header(len(text)) + text, usedforsecurity=False).hexdigest()


class Verifier:
    """Hashes a file's bytes as they arrive, in order.

    Args:
        git_size: The file's size in bytes where its git blob id is wanted as well: git hashes the
            size before the content, so it must be known at the start.

    Attributes:
        size: Bytes so far.
        beginning: The first `BEGINNING` of them.
    """

    def __init__(self, git_size: int | None = None) -> None:
        self._sha256 = hashlib.sha256()
        self._others: dict[str, Hash] = {}
        self._git = None
        if git_size is not None:
            self._git = hashlib.sha1(git_blob_header(git_size), usedforsecurity=False)
        self.size = 0
        self.beginning = b""

    def add(self, algorithms: Iterable[str]) -> None:
        """Hash with more algorithms, as hashlib names them; only before the first byte."""
        for name in algorithms:
            self._others.setdefault(name, new_hash(name))

    def update(self, data: bytes | memoryview) -> None:
        """Add the next bytes of the file."""
        if self.size < BEGINNING:
            self.beginning += bytes(data[: BEGINNING - self.size])
        self.size += len(data)
        self._sha256.update(data)
        if self._git is not None:
            self._git.update(data)
        for other in self._others.values():
            other.update(data)

    def hexdigest(self, algorithm: str) -> str | None:
        """Return the hex digest of all bytes so far; None where it has not been computed."""
        if algorithm == "sha256":
            return self.sha256
        other = self._others.get(algorithm)
        return (other.hexdigest() or None) if other else None

    @property
    def sha256(self) -> str:
        """Hex digest of all bytes so far."""
        return self._sha256.hexdigest()

    @property
    def git_blob_id(self) -> str | None:
        """Git blob id of all bytes so far, or None where it was not asked for."""
        return self._git.hexdigest() if self._git is not None else None
