"""Archives (NARs) of files: their content, and what stands before and after it.

Dolstra's thesis, figure 5.2: strings, each with its length in 8 bytes before it and zeros up to a
multiple of 8 bytes after it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def strings(*texts: str) -> bytes:
    """Return texts as archives have them."""
    parts = (text.encode("ascii") for text in texts)
    return b"".join(
        len(part).to_bytes(8, "little") + part + bytes(-len(part) % 8) for part in parts
    )


_MAGIC = "nix-archive-1"
_START = strings(_MAGIC, "(", "type", "regular", "contents")
_BUNDLE_START = strings(_MAGIC, "(", "type", "directory")
_END = strings(")")
_PIECE = 1 << 20
_OTHERS = {
    "a directory": strings(_MAGIC, "(", "type", "directory"),
    "a symbolic link": strings(_MAGIC, "(", "type", "symlink"),
    "an executable": strings(_MAGIC, "(", "type", "regular", "executable"),
}

HEADER = len(_START) + 8
"""Bytes before the content of a file: 96."""

LONGEST_END = 7 + len(_END)
"""Bytes after it, at most."""


def header(size: int) -> bytes:
    """Return what is before the content of a file of so many bytes."""
    return _START + size.to_bytes(8, "little")


def archive_size(size: int) -> int:
    """Return the bytes of the archive of a file of so many bytes that is not executable."""
    return HEADER + size + -size % 8 + len(_END)


def content_size(start: bytes) -> int:
    """Return the bytes of a file, of which these are the first HEADER bytes of the archive.

    Raises:
        ValueError: It is the archive of something else, or none.
    """
    if start[: len(_START)] != _START:
        kind = next((kind for kind, its in _OTHERS.items() if start.startswith(its)), None)
        raise ValueError(f"it is that of {kind}" if kind else "it is not an archive of Nix")
    return int.from_bytes(start[len(_START) : HEADER], "little")


def bundle_size(sizes: Iterable[int]) -> int:
    """Return the bytes of the archive of a bundle with contents of so many bytes."""
    return len(_BUNDLE_START) + len(_END) + sum(map(_entry_size, sizes))


def unpack_bundle(archive: BinaryIO, digests: Iterable[str], directory: Path) -> None:
    """Write the contents of a bundle: a directory of files that are named by their sha256 in hex.

    Args:
        archive: Of the bundle.
        digests: Names of all its files.
        directory: Where to write them.

    Raises:
        ValueError: It is not the archive of these contents. What has been written is to be removed.
    """
    _expect(archive, _BUNDLE_START)
    for digest in sorted(digests):
        _expect(archive, _entry(digest))
        size = int.from_bytes(archive.read(8), "little")
        hashed = hashlib.sha256()
        with (directory / digest).open("wb") as file:
            left = size
            while left and (piece := archive.read(min(left, _PIECE))):
                hashed.update(piece)
                file.write(piece)
                left -= len(piece)
        if hashed.hexdigest() != digest:
            raise ValueError(f"its {digest} has another sha256")
        _expect(archive, bytes(-size % 8) + strings(")", ")"))
    _expect(archive, _END)
    if archive.read(1):
        raise ValueError("it continues after its end")


def _entry(digest: str) -> bytes:
    return strings("entry", "(", "name", digest, "node", "(", "type", "regular", "contents")


def _entry_size(size: int) -> int:
    return len(_entry("0" * 64)) + 8 + size + -size % 8 + len(strings(")", ")"))


def _expect(archive: BinaryIO, expected: bytes) -> None:
    if archive.read(len(expected)) != expected:
        raise ValueError("it does not have the files of the bundle")
