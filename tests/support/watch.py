"""Noticing that somebody looks into a directory, or changes what is in it: inotify(7)."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ALL = 0xFFF  # IN_ALL_EVENTS: opened, read, written, and names that come and go


@contextlib.contextmanager
def watching(directory: Path) -> Iterator[list[str]]:
    """Collect the names of what is touched in a directory and below, "" for a directory itself.

    They are complete when the `with` block has ended.
    """
    c = ctypes.CDLL(None, use_errno=True)
    touched: list[str] = []
    descriptor = c.inotify_init1(os.O_NONBLOCK)
    assert descriptor >= 0
    try:
        directories = (path for path in directory.rglob("*") if path.is_dir())
        for path in (directory, *list(directories)):
            assert c.inotify_add_watch(descriptor, os.fsencode(path), _ALL) >= 0
        yield touched
        with contextlib.suppress(BlockingIOError):
            while events := os.read(descriptor, 1 << 16):
                touched += _names(events)
    finally:
        os.close(descriptor)


def _names(events: bytes) -> Iterator[str]:
    """Parse `struct inotify_event`: four numbers of 32 bits, the last of which is a length."""
    while events:
        end = 16 + int.from_bytes(events[12:16], "little")
        yield os.fsdecode(events[16:end].rstrip(b"\0"))
        events = events[end:]
