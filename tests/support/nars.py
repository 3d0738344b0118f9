"""Nix archives, right and wrong ones."""

from __future__ import annotations


def string(text: bytes) -> bytes:
    """Return a string of an archive."""
    return len(text).to_bytes(8, "little") + text + bytes(-len(text) % 8)


def strings(*texts: bytes) -> bytes:
    """Return strings of an archive, one after the other."""
    return b"".join(map(string, texts))


def archive(node: bytes) -> bytes:
    """Return an archive of a node."""
    return string(b"nix-archive-1") + node


def regular(content: bytes) -> bytes:
    """Return a node that is a file."""
    return strings(b"(", b"type", b"regular", b"contents", content, b")")


def link(target: bytes) -> bytes:
    """Return a node that is a symbolic link."""
    return strings(b"(", b"type", b"symlink", b"target", target, b")")


def directory(*entries: tuple[bytes, bytes]) -> bytes:
    """Return a node that is a directory, with entries in this order."""
    return (
        strings(b"(", b"type", b"directory")
        + b"".join(
            strings(b"entry", b"(", b"name", name, b"node") + node + string(b")")
            for name, node in entries
        )
        + string(b")")
    )
