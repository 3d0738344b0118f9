"""Locks of files, which end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import os


def try_lock(descriptor: int) -> bool | None:
    """Lock a file for this process: None if another one has it, False if it cannot be locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    except OSError:  # a file system without locks
        return False
    return True


def remove_leftover(path: str) -> None:
    """Remove a file that nobody has locked, and so nobody writes to any more.

    Raises:
        OSError: It cannot be opened or removed.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if try_lock(descriptor):
            os.unlink(path)  # noqa: PTH108 - of a directory's entry
    finally:
        os.close(descriptor)
