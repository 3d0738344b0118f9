"""Temporary directories with room for models."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_gen.locks import try_lock
from aimodels_gen.nix import store

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = ".aimodels-gen.tmp-"  # of directories that are locked as long as their process lives


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """Return a temporary directory with room for a model, and remove it at the end of the block.

    That is next to the store if we may write there, on the store's own file system; else in TMPDIR;
    else in /var/tmp, since /tmp is often in memory. Those that killed runs have left there are
    removed.
    """
    parents = [str(Path(store.store_dir()).parent), os.environ.get("TMPDIR") or "/var/tmp"]  # noqa: S108 (mkdtemp)
    parent = next((parent for parent in parents if os.access(parent, os.W_OK)), None)
    _remove_leftovers(parent or tempfile.gettempdir())
    directory, descriptor = _make(parent)
    try:
        yield directory
    finally:
        _remove(directory)
        os.close(descriptor)


def _make(parent: str | None) -> tuple[Path, int]:
    """Return a new directory, and its descriptor, which is locked as long as we live."""
    while True:
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        with contextlib.suppress(FileNotFoundError):
            descriptor = _open(directory)
            try_lock(descriptor)
            # Somebody may have taken it for a leftover before it was locked.
            if directory.exists():
                return directory, descriptor
            os.close(descriptor)


def _remove_leftovers(parent: str) -> None:
    with contextlib.suppress(OSError):  # it may be forbidden to list it
        for entry in os.scandir(parent):
            if not entry.name.startswith(_PREFIX):
                continue
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_uid != os.geteuid():
                    continue
                descriptor = _open(Path(entry.path))
                try:
                    if try_lock(descriptor):
                        _remove(Path(entry.path))
                finally:
                    os.close(descriptor)


def _open(directory: Path) -> int:
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _remove(directory: Path) -> None:
    """Remove a tree whose directories may be read-only, as in the store."""
    for parent, directories, _ in os.walk(directory):
        for name in directories:
            path = Path(parent, name)
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)
