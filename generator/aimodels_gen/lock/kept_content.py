"""What locking has to read in full, and keeps: the build does not download it again."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING

from aimodels_fetcher.content_hashes import Keeper
from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.targets import FileTarget
from aimodels_gen.errors import StoreError
from aimodels_gen.lock.model import MOST_BUNDLED
from aimodels_gen.nix import store, store_path

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_fetcher.targets import Target
    from aimodels_gen.lock.contents import Contents

_LEAST = 16 << 20  # bytes of a file that is worth it
_COPIES = 2  # the download, and what the store makes of it


class KeptContent(Keeper):
    """Large files on their way to the store, under the names of their derivations; and small ones.

    Of small ones bundles are made.
    """

    def __init__(self, directory: Path, contents: Contents) -> None:
        """Keep large ones in a directory, which is removed afterwards, small ones in `contents`."""
        self._directory = directory
        self._contents = contents
        self._number = 0
        self._lock = threading.Lock()
        self._free = shutil.disk_usage(directory).free if store.have_nix() else 0

    def target(self, file: RemoteFile) -> FileTarget | None:
        """Return where to write a file, None if it is only to be hashed."""
        size = (file.most if file.size is None else file.size) or 0
        if file.size is not None and size <= MOST_BUNDLED:
            self._number += 1
            return FileTarget(self._directory / str(self._number))
        if size < _LEAST or _COPIES * size > self._free:
            return None
        self._free -= _COPIES * size
        self._number += 1
        path = self._directory / str(self._number) / store_path.file_name(file.path)
        path.parent.mkdir()
        return FileTarget(path)

    def verified(self, target: Target, file: RemoteFile) -> None:
        """Keep a small file; add a large one to the store, or else a build downloads it."""
        if not isinstance(target, FileTarget) or file.sha256 is None:
            return
        if (file.size or 0) <= MOST_BUNDLED:
            self._contents.hold(target.path.read_bytes(), file.git_blob_id)
        if (file.size or 0) >= _LEAST:
            with self._lock:
                try:
                    store.add("flat", [(target.path, hex_to_sri(file.sha256))])
                except StoreError:
                    self._free = 0
        target.path.unlink()
