"""Members of tar archives, version 1: frozen, since digests of layers depend on every byte.

POSIX ustar; with an extended header (pax) only for what ustar cannot say. All belongs to root, all
files are read-only, and nothing has a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BLOCK = 512
# What is after the last member.
END = bytes(2 * BLOCK)

_LONGEST_NAME = 100  # bytes
_LARGEST = 8**11 - 1  # bytes

Kind = Literal["directory", "link", "file"]
_TYPES = {"directory": b"5", "link": b"2", "file": b"0"}


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive.

    Attributes:
        kind: What it is.
        path: Where it is, without a `/` at the start or end.
        target: What a link points to; for a file, the path of its content on this machine.
        size: Bytes of a file.
        is_program: Whether a file can be executed.
    """

    kind: Kind
    path: str
    target: str = ""
    size: int = 0
    is_program: bool = False

    @property
    def mode(self) -> int:
        """The permissions."""
        if self.kind == "file":
            return 0o555 if self.is_program else 0o444
        return 0o755 if self.kind == "directory" else 0o777


def header(member: Member) -> bytes:
    """Return what is before the content of a member."""
    name = (member.path + "/" * (member.kind == "directory")).encode()
    link = member.target.encode() if member.kind == "link" else b""
    records = b""
    if len(name) > _LONGEST_NAME or not name.isascii():
        records += _record(b"path", name)
    if len(link) > _LONGEST_NAME or not link.isascii():
        records += _record(b"linkpath", link)
    size = member.size
    if size > _LARGEST:
        records += _record(b"size", b"%d" % size)
        size = 0
    extended = b""
    if records:
        extended = _block(b"PaxHeaders/file", 0o644, len(records), b"x", b"")
        extended += records + bytes(padding(len(records)))
    return extended + _block(_short(name), member.mode, size, _TYPES[member.kind], _short(link))


def padding(size: int) -> int:
    """Return how many bytes are after a content of this size."""
    return -size % BLOCK


def _short(name: bytes) -> bytes:
    """Return what programs show that do not know extended headers."""
    return name.decode().encode("ascii", "replace")[:_LONGEST_NAME]


def _record(key: bytes, value: bytes) -> bytes:
    """Return a record of an extended header, which starts with its own length."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while length != len(rest) + len(b"%d" % length):
        length = len(rest) + len(b"%d" % length)
    return b"%d" % length + rest


def _block(name: bytes, mode: int, size: int, kind: bytes, link: bytes) -> bytes:
    fields = (
        name.ljust(100, b"\0"),
        b"%07o\0" % mode,
        b"%07o\0" % 0,  # user
        b"%07o\0" % 0,  # group
        b"%011o\0" % size,
        b"%011o\0" % 0,  # time
        b" " * 8,  # checksum
        kind,
        link.ljust(100, b"\0"),
        b"ustar\00000",
    )
    block = b"".join(fields).ljust(BLOCK, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
