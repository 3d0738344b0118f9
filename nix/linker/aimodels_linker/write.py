"""Writing links and files below a directory: each appears at once and complete."""

from __future__ import annotations

import errno
import os
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from aimodels_linker.remove import remove_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimodels_linker.dirfd import Directory

TEMPORARY = ".nix-ai-models.tmp"
"""The name of a link or file until it is complete: one name, by which the next run finds what a
killed one has left."""

UNFINISHED = ".nix-ai-models.new"
"""The name of a directory until it is complete."""

# Network and FUSE file systems may have no fsync of directories; they order renames by themselves.
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP}
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Write(NamedTuple):
    """A link or file to write.

    Args:
        path: Its path.
        content: The target of a link, or the bytes of a file.
        replace: Whether to replace what is there.
    """

    path: str
    content: str | bytes
    replace: bool

    @property
    def parent(self) -> str:
        """The path of the directory that it is in."""
        return self.path.rpartition("/")[0]


def write_nodes(
    directory: Directory, writes: Iterable[Write], scratch: Directory, *, durable: bool = False
) -> None:
    """Write links and files, and create the directories that they need.

    Args:
        directory: The directory that paths are relative to.
        writes: Those in the same directory should follow each other.
        scratch: A directory on the same file system, for what is not complete yet.
        durable: Whether the result has to survive a crash of the machine from here on.

    Raises:
        InTheWayError: There is a directory at a path, or something new.
    """
    for parent, group in groupby(writes, attrgetter("parent")):
        with directory.open_below(parent, create=True) as descriptor:
            for path, content, replace in group:
                name = path.rpartition("/")[2]
                with directory.errors_at(path):
                    if isinstance(content, str) and not replace:
                        os.symlink(content, name, dir_fd=descriptor)
                    else:
                        _write_temporary(scratch, content, durable=durable)
                        move(scratch, TEMPORARY, descriptor, name)
            if durable:
                with directory.errors_at(parent):
                    _sync_names(descriptor)


def move(directory: Directory, name: str, new_parent: int, new_name: str) -> None:
    """Move a file, link or directory, or remove it if that fails.

    Args:
        directory: The directory that it is in.
        name: Its name there.
        new_parent: The descriptor of the directory to move it to.
        new_name: Its name there.
    """
    try:
        os.rename(name, new_name, src_dir_fd=directory.descriptor, dst_dir_fd=new_parent)
    except OSError:
        remove_all(directory, name)
        raise


def _sync_names(descriptor: int) -> None:
    """Wait until the names in a directory are on disk: a file's own fsync does not include them."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _write_temporary(directory: Directory, content: str | bytes, *, durable: bool) -> None:
    try:
        _write(directory, content, durable=durable)
    except FileExistsError:
        remove_all(directory, TEMPORARY)
        _write(directory, content, durable=durable)


def _write(directory: Directory, content: str | bytes, *, durable: bool) -> None:
    if isinstance(content, str):
        os.symlink(content, TEMPORARY, dir_fd=directory.descriptor)
        return
    descriptor = os.open(TEMPORARY, _NEW_FILE, 0o666, dir_fd=directory.descriptor)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if durable:
            os.fsync(descriptor)
