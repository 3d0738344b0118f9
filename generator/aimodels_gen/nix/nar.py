"""Nix archives (NARs): a path as a stream of bytes (Dolstra's thesis, figure 5.2)."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Read = Callable[[Path], Iterator[bytes]]

_CHUNK = 1 << 20  # bytes
_TOGETHER = 64 << 10  # bytes of small parts that make one chunk


def string(part: bytes) -> bytes:
    """Return a string of an archive: 64 bits of length, bytes, zeros up to a multiple of 8."""
    return len(part).to_bytes(8, "little") + part + bytes(-len(part) % 8)


def strings(*parts: bytes) -> bytes:
    """Return several of them."""
    return b"".join(map(string, parts))


_MAGIC = string(b"nix-archive-1")
_FILE = strings(b"(", b"type", b"regular")
_END = string(b")")


def contents(path: Path) -> Iterator[bytes]:
    """Yield what is in a file."""
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def chunks(path: Path, read: Read = contents) -> Iterator[bytes]:
    """Yield the archive of a path. Memory use does not depend on its size.

    Args:
        path: What is in the archive.
        read: Yields what is in a file of it.

    Raises:
        OSError: Something under `path` cannot be read, changes meanwhile, or is neither file,
            directory nor symlink.
    """
    small = bytearray(_MAGIC)
    for part in _node(path, read):
        if len(part) >= _TOGETHER and small:
            yield bytes(small)
            small.clear()
        if len(part) >= _TOGETHER:
            yield part
        else:
            small += part
        if len(small) >= _TOGETHER:
            yield bytes(small)
            small.clear()
    yield bytes(small)


def _node(path: Path, read: Read) -> Iterator[bytes]:
    """Yield one node of the archive."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(path)  # noqa: PTH115 - Path would tidy it: "./a" is not "a" here
        yield strings(b"(", b"type", b"symlink", b"target", os.fsencode(target))
    elif stat.S_ISDIR(status.st_mode):
        yield strings(b"(", b"type", b"directory")
        for name, child in sorted((os.fsencode(child.name), child) for child in path.iterdir()):
            yield strings(b"entry", b"(", b"name", name, b"node")
            yield from _node(child, read)
            yield _END
    elif stat.S_ISREG(status.st_mode):
        executable = strings(b"executable", b"") if status.st_mode & stat.S_IXUSR else b""
        yield _FILE + executable + string(b"contents") + status.st_size.to_bytes(8, "little")
        yield from _padded(path, status.st_size, read)
    else:
        raise OSError(f"{path} is not a file, a directory or a symlink")
    yield _END


def _padded(path: Path, size: int, read: Read) -> Iterator[bytes]:
    left = size
    for chunk in read(path):
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left:
        raise OSError(f"{path} changed while it was read")
    yield bytes(-size % 8)
