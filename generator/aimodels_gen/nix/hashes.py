"""Nix archives, their hashes, and Nix's base-32."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import hex_to_sri
from aimodels_gen.nix import nar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from aimodels_gen.nix.nar import Read

# Nix's own base-32: no e, o, t, u; least significant digit first (nix/src/libutil/hash.cc).
_NIX32 = "0123456789abcdfghijklmnpqrsvwxyz"
_NAMES = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _NIX32.encode())


def nix_base32(data: bytes) -> str:
    """Return `data` in Nix's base-32 (the one in store paths), which has no padding."""
    if len(data) % 5 == 0:  # the same digits as in the usual base-32, by other names
        return base64.b32encode(data[::-1]).translate(_NAMES).decode("ascii")
    number = int.from_bytes(data, "little")
    length = (len(data) * 8 + 4) // 5
    return "".join(_NIX32[number >> (5 * i) & 31] for i in reversed(range(length)))


def from_nix_base32(text: str) -> bytes:
    """Return the bytes of a text in Nix's base-32.

    Raises:
        ValueError: it is not in base-32, or its unused bits are set.
    """
    number = 0
    for character in text:
        number = number << 5 | _NIX32.index(character)
    try:
        return number.to_bytes(len(text) * 5 // 8, "little")
    except OverflowError:
        raise ValueError(f"{text!r} is not in Nix's base-32") from None


def nar_sri(path: Path, read: Read | None = None) -> str:
    """Return the SRI sha256 of a path's Nix archive, as `nix hash path` prints it.

    Reads files in chunks: memory use does not depend on their size.

    Args:
        path: what is in the archive.
        read: yields what is in a file; None to open it.

    Raises:
        OSError: something under `path` cannot be read, or is neither file, directory nor symlink.
    """
    hasher = hashlib.sha256()
    for chunk in nar.chunks(path, read or nar.contents):
        hasher.update(chunk)
    return hex_to_sri(hasher.hexdigest())


def nar_sri_of_files(files: Iterable[tuple[str, bytes]]) -> str:
    """Return the SRI sha256 of the Nix archive of a directory with these files and nothing else.

    Args:
        files: names and contents, taken one after the other. The names are ASCII, and sorted.
    """
    hasher = hashlib.sha256(nar.strings(b"nix-archive-1", b"(", b"type", b"directory"))
    for name, content in files:
        hasher.update(nar.strings(b"entry", b"(", b"name", name.encode("ascii"), b"node"))
        hasher.update(nar.strings(b"(", b"type", b"regular", b"contents", content, b")", b")"))
    hasher.update(nar.string(b")"))
    return hex_to_sri(hasher.hexdigest())
