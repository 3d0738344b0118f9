"""The archive (NAR) of a single file: its content, and what stands before and after it.

Dolstra's thesis, figure 5.2: strings, each with its length in 8 bytes before it and zeros up to a
multiple of 8 bytes after it.
"""

from __future__ import annotations


def strings(*texts: str) -> bytes:
    """Return texts as archives have them."""
    parts = (text.encode("ascii") for text in texts)
    return b"".join(
        len(part).to_bytes(8, "little") + part + bytes(-len(part) % 8) for part in parts
    )


_MAGIC = "nix-archive-1"
_START = strings(_MAGIC, "(", "type", "regular", "contents")
_END = strings(")")
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
    """Return the bytes of the archive of a file of so many bytes."""
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
