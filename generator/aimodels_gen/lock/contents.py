"""The contents of small files while models are locked or prefetched, wherever they come from.

They are taken from the user's cache, from the store, or are downloaded, and make bundles.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from aimodels_gen.lock.content_cache import ContentCache
from aimodels_gen.lock.model import MOST_BUNDLED
from aimodels_gen.lock.workspace import workspace
from aimodels_gen.nix.entries import StoredContent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from aimodels_fetcher.sources.base import RemoteFile

    Origin = Literal["cache", "store", "source"]

_IN_MEMORY = 32 << 20  # bytes of all contents together; the rest is on disk


class Contents(contextlib.ExitStack):
    """Contents by their sha256 in hex, until the end of the block. All threads may use it."""

    def __init__(self, models: Collection[str]) -> None:
        """Look into the entries of these models in the store, too."""
        super().__init__()
        self.cache = ContentCache()
        self._models = models
        self._stored: StoredContent | None = None
        self._held: dict[str, bytes | Path] = {}
        self._origins: dict[str, Origin] = {}
        self._size = 0
        self._directory: Path | None = None
        self._lock = threading.RLock()
        self.callback(self.cache.trim)

    @property
    def stored(self) -> StoredContent:
        """Return what the store has."""
        if self._stored is None:
            self._stored = StoredContent(self._models)
        return self._stored

    @property
    def directory(self) -> Path:
        """Return a directory for temporary files."""
        with self._lock:
            if self._directory is None:
                self._directory = self.enter_context(workspace())
            return self._directory

    def hold(self, content: bytes, git_blob_id: str | None = None) -> str:
        """Keep a verified content, for later runs as well; return its sha256 in hex."""
        digest = hashlib.sha256(content).hexdigest()
        self._hold(digest, content, "source")
        self.cache.put(git_blob_id or digest, content)
        return digest

    def known(self, file: RemoteFile) -> tuple[RemoteFile, bytes] | None:
        """Return a file with size and sha256, and its content, if its git id is in the cache."""
        if file.git_blob_id is None or (file.size or 0) > MOST_BUNDLED:
            return None
        content = self.cache.get(file.git_blob_id)
        if content is None or file.size not in {None, len(content)}:
            return None
        digest = hashlib.sha256(content).hexdigest()
        if file.sha256 not in {None, digest}:
            return None
        self._hold(digest, content, "cache")
        return replace(file, size=len(content), sha256=digest), content

    def find(self, digest: str, git_blob_id: str | None, path: str) -> Origin | None:
        """Return where the content of this sha256 comes from, and hold it; None if it is not here.

        Args:
            digest: its sha256 in hex.
            git_blob_id: its git id, None where that is not known.
            path: of the file in the model.
        """
        if digest in self._held:
            return self._origins[digest]
        for name in filter(None, (git_blob_id, digest)):
            content = self.cache.get(name)
            if content is not None and hashlib.sha256(content).hexdigest() == digest:
                self._hold(digest, content, "cache")
                return "cache"
        content = _content(self.stored.file(digest, path))
        if content is None or hashlib.sha256(content).hexdigest() != digest:
            return None
        self._hold(digest, content, "store")
        self.cache.put(git_blob_id or digest, content)
        return "store"

    def holds(self, digests: Iterable[str]) -> bool:
        """Return whether the contents of all of these sha256 are held."""
        return all(digest in self._held for digest in digests)

    def read(self, digest: str) -> bytes:
        """Return a content that is held."""
        content = self._held[digest]
        return content if isinstance(content, bytes) else content.read_bytes()

    def _hold(self, digest: str, content: bytes, origin: Origin) -> None:
        with self._lock:
            if digest in self._held:
                return
            self._origins[digest] = origin
            self._held[digest] = content
            self._size += len(content)
            if self._size <= _IN_MEMORY:
                return
            self._size -= len(content)
            path = self.directory / "contents" / digest
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            self._held[digest] = path


def _content(path: Path | None) -> bytes | None:
    """Return what is in a file of the store, None if it is gone or too large."""
    try:
        return path.read_bytes() if path and path.stat().st_size <= MOST_BUNDLED else None
    except OSError:
        return None
