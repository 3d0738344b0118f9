"""Locks of files, which end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl


def try_lock(descriptor: int) -> bool | None:
    """Lock a file for this process: None if another one has it, False if it cannot be locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    except OSError:  # a file system without locks
        return False
    return True
