"""Directories held open by a file descriptor, for places where others may write at the same time.

An open directory stays the same one, whatever happens to its path. Paths are relative to it, and
nothing is written through a symbolic link, so root can work in the directory of a hostile user.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_linker.errors import InTheWayError
from aimodels_linker.ownership import is_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
"""Flags of `os.open` for a directory."""

NO_FOLLOW = DIRECTORY | os.O_NOFOLLOW
"""Flags of `os.open` for a directory that is not the target of a link."""

# O_NONBLOCK: opening a pipe does not wait for its writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_TAKEN = {errno.ENOTDIR, errno.ELOOP, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY}
_NO_FILE = {errno.ENOENT, errno.ELOOP, errno.ENXIO}


class Kind(Enum):
    """What a name can stand for, apart from a link."""

    DIRECTORY = 1
    FILE = 2


class Directory:
    """An open directory.

    Args:
        descriptor: Its file descriptor; closed at the end of a `with` block.
        path: Its path, for messages.
    """

    def __init__(self, descriptor: int, path: str) -> None:
        self.descriptor = descriptor
        self.path = path

    def __enter__(self) -> Directory:  # noqa: PYI034 (Self is new in Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    @property
    def writable(self) -> bool:
        """Whether names in this directory can be created and removed."""
        return os.access(".", os.W_OK | os.X_OK, dir_fd=self.descriptor)

    @property
    def private(self) -> bool:
        """Whether nobody but root and the user that we run as can write to this directory."""
        return is_private(os.fstat(self.descriptor))

    def look_up(self, path: str) -> str | Kind | None:
        """Return what is at a path: the target of a link, a kind, or None for nothing.

        Raises:
            InTheWayError: A part of the path before the last one is not a directory.
        """
        parent, _, name = path.rpartition("/")
        try:
            with self.open_below(parent) as directory, self.errors_at(path):
                mode = os.lstat(name, dir_fd=directory).st_mode
                if stat.S_ISLNK(mode):
                    return os.readlink(name, dir_fd=directory)
        except FileNotFoundError:
            return None
        return Kind.DIRECTORY if stat.S_ISDIR(mode) else Kind.FILE

    def is_in(self, path: str) -> bool:
        """Whether this directory is the one at a path, or below it, whatever links lead here."""
        with contextlib.suppress(OSError):
            sought, here = Path(path).stat(), os.fstat(self.descriptor)
            above = ".."
            while not os.path.samestat(sought, here):
                before, here = here, os.stat(above, dir_fd=self.descriptor)
                if os.path.samestat(before, here):  # the root
                    return False
                above = f"{above}/.."
            return True
        return False

    def open_child(self, name: str, *, create: bool = False) -> Directory:
        """Open a directory in this one, or create it first.

        Raises:
            InTheWayError: It is not a directory, or exists although it should be created.
        """
        with self.errors_at(name):
            if create:
                os.mkdir(name, dir_fd=self.descriptor)
            descriptor = os.open(name, NO_FOLLOW, dir_fd=self.descriptor)
        return Directory(descriptor, f"{self.path}/{name}")

    def open_file(self, path: str) -> BinaryIO | None:
        """Open a regular file to read it, or return None if there is none.

        Args:
            path: A path below this directory. Links are not followed.

        Raises:
            InTheWayError: A part of the path is not a directory.
        """
        parent, _, name = path.rpartition("/")
        with contextlib.suppress(FileNotFoundError), self.open_below(parent) as directory:
            with self.errors_at(path):
                # Opening a device may do something, so we look first.
                if not stat.S_ISREG(os.lstat(name, dir_fd=directory).st_mode):
                    return None
                try:
                    descriptor = os.open(name, _READ, dir_fd=directory)
                except OSError as error:
                    if error.errno in _NO_FILE:
                        return None
                    raise
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return os.fdopen(descriptor, "rb")
            os.close(descriptor)
        return None

    def read(self, path: str, limit: int) -> bytes | None:
        """Return the first bytes of a regular file, or None if there is none; see `open_file`.

        Args:
            path: A path below this directory.
            limit: The maximum number of bytes.
        """
        file = self.open_file(path)
        if file is None:
            return None
        with file:  # as much memory as is asked for is taken, whatever comes
            return file.read(min(limit, os.fstat(file.fileno()).st_size))

    @contextlib.contextmanager
    def open_below(self, path: str, *, create: bool = False) -> Iterator[int]:
        """Open a directory below this one, part by part, and yield its descriptor.

        Args:
            path: Its path; "" for this directory.
            create: Whether to create what is missing of the path.

        Raises:
            InTheWayError: A part of the path is not a directory.
        """
        descriptor = os.dup(self.descriptor)
        try:
            reached = ""
            for part in path.split("/") if path else ():
                reached = f"{reached}/{part}" if reached else part
                with self.errors_at(reached):
                    inner = _open_no_follow(descriptor, part, create=create)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def errors_at(self, path: str) -> Iterator[None]:
        """Raise errors with the absolute path at which they occurred."""
        try:
            yield
        except OSError as error:
            raise self.error_at(path, error) from error

    def error_at(self, path: str, error: OSError) -> InTheWayError | OSError:
        """Return an error of the operating system with the absolute path of a path."""
        absolute = f"{self.path}/{path}" if path else self.path
        if error.errno in _TAKEN:
            return InTheWayError(absolute)
        return OSError(error.errno, error.strerror, absolute)


def _open_no_follow(descriptor: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, NO_FOLLOW, dir_fd=descriptor)
    except FileNotFoundError:
        if not create:
            raise
    with contextlib.suppress(FileExistsError):  # another program may create it at the same time
        os.mkdir(name, dir_fd=descriptor)
    return os.open(name, NO_FOLLOW, dir_fd=descriptor)
