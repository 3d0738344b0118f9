"""Unpacking Nix archives that come from anywhere: nothing is written outside of the output."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Read = Callable[[int], bytes]

_CHUNK = 1 << 20
_MOST_NAME = 255  # bytes, of most file systems
_MOST_TARGET = 4095
_MOST_WORD = 16  # of the archive's own words; the longest is "nix-archive-1"
_MOST_DEPTH = 100
_MOST_NODES = 4_000_000
_SHOWN = 40


class NarError(ValueError):
    """It is not a Nix archive of what is wanted; says what it is instead."""


def unpack(read: Read, out: Path, most: int) -> None:
    """Write the file, link or directory of an archive to a path where nothing is.

    Args:
        read: Returns up to so many bytes, none at the end.
        out: Where to write.
        most: The bytes that all files may have.

    Raises:
        NarError: It is none, is cut, continues after its end, or has too much in it.
        OSError: The output cannot be written, or `read` raises it.
    """
    _Unpacking(read, most).run(out)


class _Unpacking:
    """Reads one archive from its first to its last byte."""

    def __init__(self, read: Read, most: int) -> None:
        self._read = read
        self._left = most
        self._nodes = 0

    def run(self, out: Path) -> None:
        self._expect(b"nix-archive-1")
        self._expect(b"(")
        self._node(out, 0)
        if self._read(1):
            raise NarError("it continues after the end of the archive")

    def _node(self, path: Path, depth: int) -> None:
        """Read a node from behind its opening bracket to its closing one."""
        self._nodes += 1
        if depth > _MOST_DEPTH or self._nodes > _MOST_NODES:
            raise NarError("it has too many directories in each other, or too many files")
        self._expect(b"type")
        kind = self._word()
        if kind == b"regular":
            self._file(path)
        elif kind == b"symlink":
            self._expect(b"target")
            target = self._string(_MOST_TARGET)
            if not target or b"\0" in target:
                raise NarError("it has a link to nothing")
            os.symlink(target, path)  # noqa: PTH211 (bytes, and Path would tidy them)
            self._expect(b")")
        elif kind == b"directory":
            path.mkdir()
            self._entries(path, depth)
        else:
            raise NarError(f"it has a node of the type {_shown(kind)}")

    def _file(self, path: Path) -> None:
        word = self._word()
        executable = word == b"executable"
        if executable:
            self._expect(b"")
            word = self._word()
        if word != b"contents":
            raise NarError(f"a file has {_shown(word)} in place of its contents")
        size = self._length()
        if size > self._left:
            raise NarError("its files have more bytes than they should")
        self._left -= size
        padding = -size % 8
        with path.open("xb", buffering=0) as file:
            while size:
                chunk = self._some(min(size, _CHUNK))
                file.write(chunk)
                size -= len(chunk)
            if executable:
                os.fchmod(file.fileno(), 0o755)
        self._pad(padding)
        self._expect(b")")

    def _entries(self, path: Path, depth: int) -> None:
        last = b""
        while (word := self._word()) != b")":
            if word != b"entry":
                raise NarError(f"a directory has {_shown(word)} in place of an entry")
            self._expect(b"(")
            self._expect(b"name")
            name = self._string(_MOST_NAME)
            if name in {b"", b".", b".."} or b"/" in name or b"\0" in name:
                raise NarError(f"it has a file with the name {_shown(name)}")
            if name <= last:  # a name twice could lead through a link of that name
                raise NarError(f"its names are not in order: {_shown(name)}")
            last = name
            self._expect(b"node")
            self._expect(b"(")
            self._node(path / os.fsdecode(name), depth + 1)
            self._expect(b")")

    def _expect(self, wanted: bytes) -> None:
        found = self._word()
        if found != wanted:
            raise NarError(f"it has {_shown(found)} in place of {_shown(wanted)}")

    def _word(self) -> bytes:
        return self._string(_MOST_WORD)

    def _string(self, most: int) -> bytes:
        size = self._length()
        if size > most:
            raise NarError(f"it has {size} bytes in place of a word or name")
        text = self._exactly(size)
        self._pad(-size % 8)
        return text

    def _length(self) -> int:
        return int.from_bytes(self._exactly(8), "little")

    def _pad(self, count: int) -> None:
        if any(self._exactly(count)):
            raise NarError("its padding is not empty")

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            found += self._some(count - len(found))
        return found

    def _some(self, most: int) -> bytes:
        chunk = self._read(most)
        if not chunk:
            raise NarError("it is cut")
        return chunk


def _shown(text: bytes) -> str:
    return repr(text[:_SHOWN].decode(errors="replace"))
