"""What `export` writes to a disk, and what `import` finds there: names, lists, and layouts.

The disk may have any file system: no links, no modes, names that differ in more than their case.
A store path `HASH-NAME` is `files/HASH/NAME` there: the file itself, or a directory of files named
by their sha256. Next to the directory of a tree is its layout, which names what is where.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.paths import check_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FILES = "files"
PATHS = "paths.txt"
SUMS = "SHA256SUMS"
SCRIPT = "import.sh"
README = "README.txt"
LAYOUT = "%layout"
"""The layout of a tree. No name of a store path becomes this one, or one that ends as follows."""
PART = "%.part"
"""How names of files end that are being written."""

_HASH = 32
_HASH_PART = re.compile(r"[0-9a-z]{32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ODD = re.compile(r"[\x00-\x20\x7f\\]")
_ESCAPE = re.compile(r"\\0([0-7]{3})")

NodeKind = Literal["file", "program", "link", "directory"]


@dataclass(frozen=True)
class Node:
    """Something in a tree.

    Attributes:
        what: the sha256 in hex of a file or program, the target of a link, `-` for a directory.
        path: in the tree.
    """

    kind: NodeKind
    what: str
    path: str


@dataclass(frozen=True)
class Stored:
    """A store path that a disk has.

    Attributes:
        digest: the hash in the store path.
        name: as it is on the disk.
        files: below the directory of the hash, with their sizes; the layout of a tree is one.
    """

    digest: str
    name: str
    kind: Literal["flat", "recursive"]
    files: dict[str, int]

    @property
    def size(self) -> int:
        """Return the bytes of its files."""
        return sum(size for name, size in self.files.items() if name != LAYOUT)


def parts(path: str) -> tuple[str, str]:
    """Return the hash of a store path, and the name that the rest of it has on a disk."""
    name = path.rsplit("/", 1)[-1]
    return name[:_HASH], encode_name(name[_HASH + 1 :])


def location(directory: Path, path: str) -> Path:
    """Return where a disk has a store path."""
    digest, name = parts(path)
    return directory / FILES / digest / name


def encode_name(name: str) -> str:
    """Return a store name as FAT and exFAT can have it: they refuse ?, and drop dots at the end."""
    name = name.replace("?", "%3F")
    return f"{name[:-1]}%2E" if name.endswith(".") else name


def store_name(path: Path) -> str:
    """Return the name in the store of what may be a file or directory of a disk."""
    name = path.name.replace("%3F", "?").replace("%2E", ".")
    return f"{path.parent.name}-{name}"


def contents(directory: Path) -> list[Stored]:
    """Return what a disk has, in the order of the hashes; not what was being written to it."""
    found = []
    for digest in _names(directory / FILES):
        names = [
            name
            for name in _names(directory / FILES / digest)
            if not name.endswith(PART) and name != LAYOUT
        ]
        if not _HASH_PART.fullmatch(digest) or len(names) != 1:
            continue
        (name,) = names
        path = directory / FILES / digest / name
        if path.is_dir():
            files = {f"{name}/{one}": (path / one).stat().st_size for one in _names(path)}
            layout = path.with_name(LAYOUT)
            if layout.is_file():
                files[LAYOUT] = layout.stat().st_size
            found.append(Stored(digest, name, "recursive", files))
        elif path.is_file():
            found.append(Stored(digest, name, "flat", {name: path.stat().st_size}))
    return found


def leftovers(directory: Path) -> Iterator[Path]:
    """Yield what was being written when an export was interrupted."""
    for digest in _names(directory / FILES):
        if _HASH_PART.fullmatch(digest):
            names = _names(directory / FILES / digest)
            for name in names:
                if name.endswith(PART) or names == [LAYOUT]:
                    yield directory / FILES / digest / name


def paths_text(found: Iterable[Stored]) -> str:
    """Return the list that import.sh reads: a store path on each line."""
    return "".join(f"{one.kind} {one.size} {one.digest} {one.name}\n" for one in found)


def is_digest(name: str) -> bool:
    """Return whether a name is a sha256 in hex."""
    return _DIGEST.fullmatch(name) is not None


def layout_text(nodes: Iterable[Node]) -> str:
    """Return the layout of a tree: kind, content and path on each line, odd characters escaped."""
    return "".join(f"{one.kind} {_escape(one.what)} {_escape(one.path)}\n" for one in nodes)


def read_layout(path: Path) -> list[Node]:
    """Return the layout of a tree.

    Raises:
        FetchError: it is damaged, or names a path outside of the tree.
        OSError: it cannot be read.
    """
    nodes = []
    for line in path.read_bytes().decode("utf-8", "surrogateescape").split("\n")[:-1]:
        kind, _, rest = line.partition(" ")
        what, _, name = rest.partition(" ")
        what, name = _unescape(what), _unescape(name)
        if kind in {"file", "program"} and not is_digest(what):
            kind = ""
        if kind not in {"file", "program", "link", "directory"}:
            raise FetchError(f"{path} is damaged: {line[:80]!r} is not a line of a layout")
        nodes.append(Node(kind, what, name))  # type: ignore[arg-type] # checked above
    # None is below another, which may be a link.
    check_paths(node.path for node in nodes)
    return nodes


def lay_out(blobs: Path, out: Path) -> None:
    """Make a tree of its files on a disk.

    Raises:
        FetchError: its layout is damaged.
        OSError: a file cannot be read, or written.
    """
    out.mkdir()
    for node in read_layout(blobs.with_name(LAYOUT)):
        path = out / node.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if node.kind == "link":
            path.symlink_to(node.what)
        elif node.kind == "directory":
            path.mkdir()
        else:
            shutil.copyfile(blobs / node.what, path)
            path.chmod(0o555 if node.kind == "program" else 0o444)


def _escape(text: str) -> str:
    """Return a text as one word that `printf %b` prints as it was."""
    return _ODD.sub(lambda found: f"\\0{ord(found[0]):03o}", text)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)


def _names(directory: Path) -> list[str]:
    """Return the names in a directory, without what desktops hide in each that they show."""
    try:
        names = os.listdir(directory)  # noqa: PTH208 (there can be many)
        return sorted(name for name in names if not name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
