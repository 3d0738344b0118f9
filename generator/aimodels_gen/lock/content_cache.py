"""Small contents that locking has read, in the user's cache: they are not read again.

They are in `$XDG_CACHE_HOME/aimodels-gen/contents`, each under its git blob id or its sha256.
What is damaged is not taken.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import Verifier
from aimodels_gen.cache import CacheDirectory
from aimodels_gen.lock.model import MOST_BUNDLED

if TYPE_CHECKING:
    from pathlib import Path

_MOST = 256 << 20  # bytes on disk, of all contents together
_NAME = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")  # locks and servers say them


class ContentCache:
    """Contents by what identifies them. Several threads and processes may use it at a time."""

    def __init__(self) -> None:
        """Take the user's cache; nothing is written until there is something to keep."""
        self._facts = CacheDirectory("contents", _MOST)

    def path(self, name: str) -> Path | None:
        """Return where a content is or would be, by its git blob id or its sha256 in hex."""
        return self._facts.path / name if _NAME.fullmatch(name) else None

    def get(self, name: str) -> bytes | None:
        """Return a content by its git blob id or its sha256 in hex; None if it is not there."""
        if not _NAME.fullmatch(name):
            return None
        content = self._facts.read(name, MOST_BUNDLED)
        if content is not None and not _is(name, content):
            self._facts.remove(name)
            return None
        return content

    def put(self, name: str, content: bytes) -> None:
        """Keep a content, if that is possible."""
        if _NAME.fullmatch(name) and len(content) <= MOST_BUNDLED:
            self._facts.keep(name, content)

    def trim(self) -> None:
        """Remove what has not been used for longest, if this run has added something."""
        self._facts.trim()


def _is(name: str, content: bytes) -> bool:
    verifier = Verifier(git_size=len(content))
    verifier.update(content)
    return name in {verifier.git_blob_id, verifier.sha256}
