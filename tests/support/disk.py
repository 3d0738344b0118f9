"""Disks that are soon full."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def small_disk(at: Path, size: int) -> Iterator[Path]:
    """A file system of so many bytes at a directory, which is made; skips where that cannot be."""
    at.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", at]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    try:
        yield at
    finally:
        # Lazily: what a failed test has left running may still use it.
        subprocess.run(["umount", "--lazy", at], check=True)


def fill(directory: Path) -> None:
    """Write until nothing fits any more; what another thread has filled stays full."""
    with (directory / "filler").open("ab", buffering=0) as file:
        free = os.statvfs(directory)
        # It allocates nothing where others write meanwhile.
        with contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_bsize)
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
