"""Nix archives, their hashes, and Nix's base-32."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import hex_to_sri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    Sink = Callable[[bytes], None]
    Read = Callable[[Sink, Path], int]

_CHUNK = 1 << 20
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
        read: passes what is in a file on, and returns the number of its bytes.

    Raises:
        OSError: something under `path` cannot be read, or is neither file, directory nor symlink.
    """
    hasher = hashlib.sha256()
    _strings(hasher.update, b"nix-archive-1")
    _node(hasher.update, path, read or _read)
    return hex_to_sri(hasher.hexdigest())


def nar_sri_of_files(files: Iterable[tuple[str, bytes]]) -> str:
    """Return the SRI sha256 of the Nix archive of a directory with these files and nothing else.

    Args:
        files: names and contents, taken one after the other. The names are ASCII, and sorted.
    """
    hasher = hashlib.sha256()
    _strings(hasher.update, b"nix-archive-1", b"(", b"type", b"directory")
    for name, content in files:
        _strings(hasher.update, b"entry", b"(", b"name", name.encode("ascii"), b"node")
        _strings(hasher.update, b"(", b"type", b"regular", b"contents", content, b")", b")")
    _strings(hasher.update, b")")
    return hex_to_sri(hasher.hexdigest())


def _strings(sink: Sink, *parts: bytes) -> None:
    """Write NAR strings: length as 64 bits little-endian, bytes, zeros up to a multiple of 8."""
    for part in parts:
        sink(len(part).to_bytes(8, "little") + part + bytes(-len(part) % 8))


def _node(sink: Sink, path: Path, read: Read) -> None:
    """Write one node of the archive (Dolstra's thesis, figure 5.2)."""
    status = path.lstat()
    _strings(sink, b"(", b"type")
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(path)  # noqa: PTH115 - Path would tidy it: "./a" is not "a" here
        _strings(sink, b"symlink", b"target", os.fsencode(target))
    elif stat.S_ISDIR(status.st_mode):
        _strings(sink, b"directory")
        for name, child in sorted((os.fsencode(child.name), child) for child in path.iterdir()):
            _strings(sink, b"entry", b"(", b"name", name, b"node")
            _node(sink, child, read)
            _strings(sink, b")")
    elif stat.S_ISREG(status.st_mode):
        _strings(sink, b"regular")
        if status.st_mode & stat.S_IXUSR:
            _strings(sink, b"executable", b"")
        _contents(sink, path, status.st_size, read)
    else:
        raise OSError(f"{path} is not a file, a directory or a symlink")
    _strings(sink, b")")


def _contents(sink: Sink, path: Path, size: int, read: Read) -> None:
    _strings(sink, b"contents")
    sink(size.to_bytes(8, "little"))
    if read(sink, path) != size:
        raise OSError(f"{path} changed while it was read")
    sink(bytes(-size % 8))


def _read(sink: Sink, path: Path) -> int:
    seen = 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            seen += len(chunk)
            sink(chunk)
    return seen
