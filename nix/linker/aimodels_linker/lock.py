"""One run at a time: a second one waits until the first one has ended.

The lock is where only root and the user that we run as can take it: whoever owns the cache cannot
keep root waiting. The kernel releases it when a run ends, in whatever way.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from typing import TYPE_CHECKING

from aimodels_linker.absolute import open_directory
from aimodels_linker.errors import LinkError
from aimodels_linker.log import print_warning
from aimodels_linker.messages import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aimodels_linker.spec import Spec

_ROOTS_DIRECTORY = "/run/ai-models"
"""Also the unit's RuntimeDirectory: a run by hand and one of the unit share the lock."""

_NAME = "lock"
_FILE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PATIENCE = 30.0  # seconds; a run takes less than one
_SILENCE = 2.0  # seconds until the user is told why nothing happens
_PAUSE = 0.05  # seconds between two tries

# File systems of networks, and others, may have no locks.
_NO_LOCKS = {errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP}


@contextlib.contextmanager
def exclusive_run(spec: Spec, *, create: bool) -> Iterator[None]:
    """Wait for other runs to end, and make those that begin now wait.

    Args:
        spec: Where the state file is.
        create: Whether to create the directory of the state file if it is missing.

    Raises:
        LinkError: Another run takes too long, or see `open_directory`.
        OSError: The directory of the state file cannot be opened.
    """
    lock = _lock_of_root() if os.geteuid() == 0 else _lock_of_user(spec, create=create)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _lock_of_root() -> int | None:
    try:
        return _lock_file(_ROOTS_DIRECTORY, create=True)
    except OSError as error:
        print_warning(
            f"cannot lock {_ROOTS_DIRECTORY}/{_NAME} ({error.strerror}), which keeps two runs from "
            "meeting: start no other run before this one has ended"
        )
        return None


def _lock_of_user(spec: Spec, *, create: bool) -> int | None:
    unit = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    for path in (unit, f"/run/user/{os.geteuid()}"):
        with contextlib.suppress(OSError):
            if path.startswith("/"):
                return _lock_file(path)
    try:
        return _lock_directory(os.path.split(spec.state)[0], create=create)
    except FileNotFoundError:
        return None  # nothing was made so far, and nothing will be


def _lock_file(path: str, *, create: bool = False) -> int:
    """Lock a file in a directory that is ours.

    Raises:
        PermissionError: Somebody else can write to the directory.
    """

    def open_file() -> int:
        with open_directory(path, create=create) as directory:
            if not directory.private:
                raise PermissionError(errno.EPERM, "others can write to the directory")
            return os.open(_NAME, _FILE, 0o600, dir_fd=directory.descriptor)

    return _lock(open_file, f"{path}/{_NAME}")


def _lock_directory(path: str, *, create: bool) -> int:
    def open_it() -> int:
        with open_directory(path, create=create) as directory:
            return os.dup(directory.descriptor)

    return _lock(open_it, path)


def _lock(open_it: Callable[[], int], path: str) -> int:
    """Return the descriptor of what is locked: still there, and not removed while we waited."""
    begin = time.monotonic()
    while True:
        descriptor = open_it()
        try:
            _wait(descriptor, path, begin)
        except BaseException:
            os.close(descriptor)
            raise
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _wait(descriptor: int, path: str, begin: float) -> None:
    told = False
    while not _acquire(descriptor):
        waited = time.monotonic() - begin
        if waited > _PATIENCE:
            raise LinkError(
                f"another run has held the lock {path} for {_PATIENCE:g} seconds",
                f"end it (fuser -v {quote(path)} shows it), and activate again",
            )
        if waited > _SILENCE and not told:
            print_warning(f"another run holds the lock {path}: waiting until it ends")
            told = True
        time.sleep(_PAUSE)


def _acquire(descriptor: int) -> bool:
    """Return whether nobody else has the lock: we have it, or the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _NO_LOCKS
    return True
