"""Outputs that are whole, or not there."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.wording import bytes_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


@contextmanager
def removed_on_failure(paths: Iterable[Path]) -> Iterator[set[Path]]:
    """Remove what the block has made at these paths if it fails; what was there before stays.

    A file that has its size already, but not its bytes, would pass for a whole one.

    Yields:
        The paths to remove; the block takes out what is whole.
    """
    made = {path for path in paths if not os.path.lexists(path)}
    try:
        yield made
    except BaseException:
        for path in made:
            _remove(path)
        raise


def check_space(needed: Iterable[tuple[Path, int]]) -> None:
    """Refuse to start what cannot fit.

    Args:
        needed: Directories, and how many bytes will be written to each.

    Raises:
        FetchError: Less than that is free.
    """
    sums: dict[int, tuple[Path, int]] = {}
    for directory, size in needed:
        device = directory.stat().st_dev
        first, others = sums.get(device, (directory, 0))
        sums[device] = first, others + size
    for directory, size in sums.values():
        free = shutil.disk_usage(directory).free
        if size > free:
            raise FetchError(
                f"{directory} has {bytes_text(free)} free, but {bytes_text(size)} are needed",
                "free some space (nix-collect-garbage -d), then try again",
            )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        # A thread may still be making files there: what it leaves is as incomplete as it looks.
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
