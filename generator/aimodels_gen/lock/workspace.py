"""Temporary directories with room for models."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_gen.nix import store

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """Return a temporary directory with room for a model, and remove it at the end of the block.

    That is next to the store if we may write there, on the store's own file system; else in TMPDIR;
    else in /var/tmp, since /tmp is often in memory.
    """
    parents = [str(Path(store.store_dir()).parent), os.environ.get("TMPDIR") or "/var/tmp"]  # noqa: S108 (mkdtemp)
    parent = next((parent for parent in parents if os.access(parent, os.W_OK)), None)
    directory = Path(tempfile.mkdtemp(prefix=".aimodels-gen-", dir=parent))
    try:
        yield directory
    finally:
        _remove(directory)


def _remove(directory: Path) -> None:
    """Remove a tree whose directories may be read-only, as in the store."""
    for parent, directories, _ in os.walk(directory):
        for name in directories:
            path = Path(parent, name)
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)
