"""What is in an image: directories, links and files."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_images.errors import ImageError
from aimodels_images.layer import BLOBS, ROOT, Blob
from aimodels_images.tar import Member

if TYPE_CHECKING:
    from collections.abc import Mapping

# Smaller files are in the last layer, with the directories and links: an image can have about a
# hundred layers. ../../integration/image.nix has the same number.
SMALL = 1 << 20  # bytes

_DIGEST = re.compile("[0-9a-f]{64}")
_REMOVED = ".wh."
_READ_AT_ONCE = 1 << 20


class Contents:
    """The contents of an image, which fill up as models are added.

    Args:
        known: The SHA-256 of files, by their paths in the store.

    Attributes:
        blobs: The large files by their SHA-256, in the order of their paths in the models.
        names: The path of each in a model, by the same.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = dict(known)
        self._members: dict[str, Member] = {}
        self.blobs: dict[str, Blob] = {}
        self.names: dict[str, str] = {}
        self._add(Member("directory", ROOT))

    def members(self) -> tuple[Member, ...]:
        """Return all but the large files, each after its directory."""
        return tuple(self._members[path] for path in sorted(self._members))

    def add_entry(self, name: str, entry: Path) -> None:
        """Add an entry of a cache; its links to files of the store become files of the image.

        Raises:
            ImageError: It has what an image cannot have.
        """
        hub = f"{ROOT}/hub"
        self._add(Member("directory", hub))
        # The order of their checksums would change with each file.
        for snapshot in sorted((entry / "snapshots").iterdir()):
            for where, directories, files in os.walk(snapshot):
                directories.sort()
                for file in sorted(files):
                    path = Path(where, file)
                    self._large(path, str(path.relative_to(snapshot)), entry / "blobs")
        self._walk(entry, f"{hub}/{name}", entry / "blobs", keeps_links=True)

    def add_files(self, directory: Path) -> None:
        """Add the files of a model by their paths in it, without the cache around them.

        Raises:
            ImageError: It has what an image cannot have.
        """
        # The snapshot of a model without a commit is a link to a directory.
        snapshot = Path(os.path.realpath(directory))
        self._walk(snapshot, ROOT, snapshot.parent.parent / "blobs", keeps_links=False)

    def _walk(self, directory: Path, place: str, blobs: Path, *, keeps_links: bool) -> None:
        if place != ROOT:
            self._add(Member("directory", place))
        with os.scandir(directory) as found:
            children = sorted(found, key=lambda child: child.name)
        for child in children:
            path, where = Path(child.path), f"{place}/{child.name}"
            if child.is_dir(follow_symlinks=False):
                self._walk(path, where, blobs, keeps_links=keeps_links)
            elif keeps_links and child.is_symlink() and not path.readlink().is_absolute():
                self._add(Member("link", where, str(path.readlink())))
            else:
                self._add_file(path, where, blobs)

    def _add_file(self, path: Path, where: str, blobs: Path) -> None:
        large = self._large(path, where.removeprefix(f"{ROOT}/"), blobs)
        if large is None:
            store = os.path.realpath(path)
            self._add(Member("file", where, store, Path(store).stat().st_size))
            return
        target = os.path.relpath(f"{BLOBS}/{large.sha256}", where.rpartition("/")[0])
        self._add(Member("link", where, target))

    def _large(self, path: Path, name: str, blobs: Path) -> Blob | None:
        """Return a large file, which gets a layer of its own; None for others."""
        store = os.path.realpath(path)
        size = Path(store).stat().st_size
        if size < SMALL:
            return None
        if store not in self._known:
            self._known[store] = _sha256(path, blobs)
        blob = Blob(store, self._known[store], size)
        self.names.setdefault(blob.sha256, name)
        return self.blobs.setdefault(blob.sha256, blob)

    def _add(self, member: Member) -> None:
        path = member.path
        name = path.rpartition("/")[2]
        if name.startswith(_REMOVED) or path == BLOBS:
            raise ImageError(
                f"the model has a file {name!r}, and images use this name for something else",
                "leave it out of the model: add it to `exclude`, and lock again",
            )
        self._members[path] = member


def _sha256(path: Path, blobs: Path) -> str:
    """Return the checksum of a file: the name of its blob if it has one, else computed.

    Whoever has made the model chooses the names of other files.
    """
    link = path
    if path.parent != blobs and path.is_symlink():
        link = Path(os.path.normpath(path.parent / path.readlink()))
    if link.parent == blobs and _DIGEST.fullmatch(link.name):
        return link.name
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_AT_ONCE):
            digest.update(piece)
    return digest.hexdigest()
