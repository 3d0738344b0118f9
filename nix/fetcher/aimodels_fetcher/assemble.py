"""The mode that needs no network: an entry made of files that are in the store."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher import layout
from aimodels_fetcher.digests import Verifier, sri_to_hex
from aimodels_fetcher.errors import UPDATE, FetchError
from aimodels_fetcher.wording import counted

if TYPE_CHECKING:
    from aimodels_fetcher.spec import AssembleSpec, StoreFile

_FICLONE = 0x40049409  # linux/fs.h
_BUFFER = 1 << 20


def assemble(spec: AssembleSpec, out: Path) -> None:
    """Lay out the files of a `files` pin.

    Content is not hashed again, because Nix has just done so; only files outside LFS are read, for
    their git blob ids, and those are small.

    Raises:
        FetchError: A size differs from the pin, or paths clash.
    """
    sizes = {path: _checked_size(path, file) for path, file in spec.files.items()}
    place = _link if spec.link else _copy
    if not spec.integration:
        for path, file in spec.files.items():
            place(Path(file.store), layout.make_room(out, path))
        return
    layout.start(out)
    digests = {path: sri_to_hex(file.hash) for path, file in spec.files.items()}
    for path, file in spec.files.items():
        blob = layout.blob_path(out, digests[path])
        if not blob.is_symlink() and not blob.exists():
            place(Path(file.store), blob)
    laid = {
        path: layout.LaidFile(
            digests[path], sizes[path], None if file.lfs else _git_blob_id(Path(file.store))
        )
        for path, file in spec.files.items()
    }
    for path, digest in digests.items():
        layout.link(out, path, digest)
    layout.finish(out, spec.source, laid)


def _checked_size(path: str, file: StoreFile) -> int:
    size = Path(file.store).stat().st_size
    if file.size not in {None, size}:
        raise FetchError(
            f"{path!r} has {counted(size, 'byte')}, but its pin says {file.size}",
            f"{UPDATE}, or correct the pin, if you wrote it",
        )
    return size


def _git_blob_id(file: Path) -> str | None:
    verifier = Verifier(git_size=file.stat().st_size)
    with file.open("rb") as stream:
        while data := stream.read(_BUFFER):
            verifier.update(data)
    return verifier.git_blob_id


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
