"""Layers: archives that are made while they are read."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_images.errors import ImageError
from aimodels_images.tar import END, Member, header, padding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# The directory of an image that has all of its models.
ROOT = "models"
# Where it has the contents of large files. Hidden, because servers list the directory of a model.
BLOBS = f"{ROOT}/.blobs"

_PIECE = 1 << 20
_SHA256 = re.compile("[0-9a-f]{64}")
_STORE_PATH = re.compile("/.*?/[0-9a-z]{32}-[^/]+")


@dataclass(frozen=True)
class Blob:
    """A file with a name that says what it contains.

    Attributes:
        store: Its path on this machine.
        sha256: Hex digest.
        size: Bytes.
    """

    store: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Layer:
    """A layer, by its members."""

    members: tuple[Member, ...]

    @classmethod
    def of_blobs(cls, blobs: list[Blob]) -> Layer:
        """Return the layer of these contents, which is the same in all images."""
        files = {
            blob.sha256: Member("file", f"{BLOBS}/{blob.sha256}", blob.store, blob.size)
            for blob in blobs
        }
        directories = (Member("directory", ROOT), Member("directory", BLOBS))
        return cls((*directories, *(files[sha256] for sha256 in sorted(files))))

    @cached_property
    def size(self) -> int:
        """Bytes of the archive."""
        contents = (len(header(m)) + m.size + padding(m.size) for m in self.members)
        return sum(contents) + len(END)

    def digest(self) -> str:
        """Read all content, and return the digest of the archive.

        Raises:
            ImageError: A file cannot be read.
        """
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return f"sha256:{digest.hexdigest()}"

    def pieces(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Walk over the bytes of the archive in this range, a piece at a time.

        Raises:
            ImageError: A file cannot be read, or has another size.
        """
        stop = self.size if end is None else end
        at = 0
        for part in self._parts():
            length = part.size if isinstance(part, Member) else len(part)
            first, last = max(start - at, 0), min(stop - at, length)
            if first < last:
                if isinstance(part, Member):
                    yield from _read(part, first, last)
                else:
                    yield part[first:last]
            at += length
            if at >= stop:
                break

    def suspects(self) -> list[str]:
        """Return the files that are not what their names in the image say, or else all files.

        Raises:
            ImageError: A file cannot be read.
        """
        files = [member for member in self.members if member.kind == "file"]
        named = ((member, member.path.rpartition("/")[2]) for member in files)
        wrong = [m for m, name in named if _SHA256.fullmatch(name) and _sha256(m) != name]
        return [member.target for member in wrong or files]

    def _parts(self) -> Iterator[bytes | Member]:
        """Walk over the archive; a member stands for its content."""
        for member in self.members:
            yield header(member)
            if member.size:
                yield member
                yield bytes(padding(member.size))
        yield END


def _sha256(member: Member) -> str:
    digest = hashlib.sha256()
    for piece in _read(member, 0, member.size):
        digest.update(piece)
    return digest.hexdigest()


def _read(member: Member, start: int, end: int) -> Iterator[bytes]:
    path = Path(member.target)
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size != member.size:
                raise _damaged(path, f"has {size} bytes, but the image says {member.size}")
            file.seek(start)
            while start < end:
                piece = file.read(min(_PIECE, end - start))
                if not piece:
                    raise _damaged(path, "became shorter while it was read")
                start += len(piece)
                yield piece
    except OSError as error:
        raise _damaged(path, f"cannot be read: {error.strerror}") from error


def _damaged(path: Path, problem: str) -> ImageError:
    return ImageError(f"{path} {problem}", repair([str(path)]))


def dumped(value: object) -> str:
    """Return JSON that is always the same for a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def repair(files: Iterable[str]) -> str:
    """Return the next step for files of the store that are not as they were."""
    found = ((_STORE_PATH.match(file), file) for file in files)
    paths = dict.fromkeys(store[0] if store else file for store, file in found)
    return f"have Nix fetch or build it again: run `nix-store --repair-path {' '.join(paths)}`"
