"""The mode that needs no network: an entry made of files that are in the store."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher import layout
from aimodels_fetcher.digests import Verifier, hex_to_sri, sri_to_hex
from aimodels_fetcher.errors import UPDATE, FetchError
from aimodels_fetcher.wording import counted

if TYPE_CHECKING:
    from aimodels_fetcher.spec import AssembleSpec, StoreFile

_FICLONE = 0x40049409  # linux/fs.h
_BUFFER = 1 << 20

# Nix takes a path that is in the store by the hash, whatever files the pin lists.
_OTHER_BUNDLE = (
    "its `bundle.hash` is that of other files: remove the model from models.lock and run "
    '`aimodels-gen lock`, or, if you wrote the pin, set `bundle.hash = ""`, and Nix reports the '
    "right one"
)


def assemble(spec: AssembleSpec, out: Path) -> None:
    """Lay out the files of a `files` pin.

    Content is not hashed again where Nix has just done so. Two kinds of files are read, both small:
    those of a bundle, because Nix compares only the bundle as a whole, and those outside LFS of a
    source with git, for their git blob ids.

    Raises:
        FetchError: A file is not as its pin says, or paths clash.
    """
    git = spec.integration and spec.source.has_tree_listing
    laid = layout.LaidFiles()
    for path, file in spec.files.items():
        laid.add(path, _checked(path, file, git=git))
    place = _link if spec.link else _copy
    if not spec.integration:
        for path, file in spec.files.items():
            place(Path(file.store), layout.make_room(out, path))
        return
    layout.start(out)
    for path, file in spec.files.items():
        sha256 = sri_to_hex(file.hash)
        blob = layout.blob_path(out, sha256)
        if not blob.is_symlink() and not blob.exists():
            place(Path(file.store), blob)
        layout.link(out, path, sha256)
    layout.finish(out, spec.source, laid)


def _checked(path: str, file: StoreFile, *, git: bool) -> layout.LaidFile:
    """Return what goes into an entry of a file.

    Args:
        path: Path in the repository.
        file: Where it is, and what its pin says.
        git: Whether the git blob id of a file outside LFS is wanted.

    Raises:
        FetchError: It is not as its pin says.
    """
    store = Path(file.store)
    sha256 = sri_to_hex(file.hash)
    if file.bundled and not store.is_file():
        raise FetchError(f"{path!r} is not in the bundle {store.parent}", _OTHER_BUNDLE)
    size = store.stat().st_size
    if file.size not in {None, size}:
        raise FetchError(
            f"{path!r} has {counted(size, 'byte')}, but its pin says {file.size}",
            f"{UPDATE}, or correct the pin, if you wrote it",
        )
    wants_git = git and not file.lfs
    if not (wants_git or file.bundled):
        return layout.LaidFile(sha256, size, None)
    verifier = Verifier(git_size=size)
    with store.open("rb") as stream:
        while data := stream.read(_BUFFER):
            verifier.update(data)
    if file.bundled and verifier.sha256 != sha256:
        raise FetchError(
            f"{path!r} is {hex_to_sri(verifier.sha256)} in the bundle {store.parent}, but its pin "
            f"says {file.hash}",
            _OTHER_BUNDLE,
        )
    return layout.LaidFile(sha256, size, verifier.git_blob_id if wants_git else None)


def _link(source: Path, target: Path) -> None:
    target.symlink_to(source)


def _copy(source: Path, target: Path) -> None:
    """Copy content only (the store's 0444 is not wanted yet), sharing extents where it can."""
    with source.open("rb") as reader, target.open("wb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
        except OSError:  # another file system, or one that cannot share
            pass
        else:
            return
    shutil.copyfile(source, target)
