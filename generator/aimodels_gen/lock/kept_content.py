"""What locking has to read in full, and keeps: the build does not download it again."""

from __future__ import annotations

import shutil
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from aimodels_fetcher.content_hashes import Keeper
from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.targets import FileTarget
from aimodels_gen.errors import StoreError
from aimodels_gen.lock.model import MOST_BUNDLED
from aimodels_gen.nix import store, store_path
from aimodels_gen.nix.adder import Adder, Addition

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_fetcher.targets import Target
    from aimodels_gen.lock.contents import Contents

_LEAST = 16 << 20  # bytes of a file that is worth it, if nobody asked for it
_COPIES = 2  # the download, and what the store makes of it


class KeptContent(Keeper):
    """Large files on their way to the store, under the names of their derivations; and small ones.

    Of small ones bundles are made. Large ones are in the store at the end of the block, unless it
    refuses them: then builds download them.
    """

    def __init__(self, directory: Path, contents: Contents, *, every: bool = False) -> None:
        """Keep large ones in a directory, which is removed afterwards, small ones in `contents`.

        Args:
            directory: where they are downloaded.
            contents: of bundles.
            every: whether the store is to have all that is not small, however little it is.
        """
        self._directory = directory
        self._contents = contents
        self._least = 0 if every else _LEAST
        self._number = 0
        self._lock = threading.Lock()
        self._free = shutil.disk_usage(directory).free if store.have_nix() else 0
        self._adder = Adder(self._added)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for the store."""
        with suppress(StoreError):
            self._adder.__exit__(kind, error, trace)

    def target(self, file: RemoteFile) -> FileTarget | None:
        """Return where to write a file, None if it is only to be hashed."""
        if file.size is not None and file.size <= MOST_BUNDLED:
            self._number += 1
            return FileTarget(self._directory / str(self._number))
        size = (file.most if file.size is None else file.size) or 0
        with self._lock:
            if size < self._least or _COPIES * size >= self._free:
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
        size = file.size or 0
        if size <= MOST_BUNDLED:
            self._contents.hold(target.path.read_bytes(), file.git_blob_id)
        if target.path.parent == self._directory or size < self._least:
            target.path.unlink()
            return
        try:
            self._adder.put(Addition(target.path, hex_to_sri(file.sha256), size))
        except StoreError:
            target.path.unlink()
            with self._lock:
                self._free = 0

    def _added(self, additions: Sequence[Addition]) -> None:
        for one in additions:
            one.path.unlink()
            with self._lock:
                self._free += one.size
