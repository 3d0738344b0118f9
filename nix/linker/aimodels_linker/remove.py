"""Removing links, files and directories below a directory."""

from __future__ import annotations

import contextlib
import errno
import os
from itertools import groupby
from typing import TYPE_CHECKING

from aimodels_linker.dirfd import Kind
from aimodels_linker.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimodels_linker.dirfd import Directory

_MAX_NAMES = 1_000_000  # the files of the largest repositories

# Somebody else uses the directory (EBUSY: has mounted something there), or has removed it.
_NOT_EMPTY_OR_GONE = {errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY, errno.ENOENT}


def remove_nodes(directory: Directory, paths: Iterable[str]) -> None:
    """Remove links and files; paths that do not exist are ignored.

    Args:
        directory: The directory that paths are relative to.
        paths: Those in the same directory should follow each other.
    """
    for parent, group in groupby(paths, lambda path: path.rpartition("/")[0]):
        with contextlib.suppress(FileNotFoundError), directory.open_below(parent) as descriptor:
            for path in group:
                with directory.errors_at(path), contextlib.suppress(FileNotFoundError):
                    os.unlink(path.rpartition("/")[2], dir_fd=descriptor)


def remove_empty(directory: Directory, paths: Iterable[str]) -> None:
    """Remove those directories that are empty, the innermost first."""
    for path in sorted(paths, key=lambda path: path.count("/"), reverse=True):
        parent, _, name = path.rpartition("/")
        with contextlib.suppress(FileNotFoundError), directory.open_below(parent) as descriptor:
            try:
                os.rmdir(name, dir_fd=descriptor)
            except OSError as error:
                if error.errno not in _NOT_EMPTY_OR_GONE:
                    raise directory.error_at(path, error) from error


def remove_directory(directory: Directory, name: str) -> None:
    """Remove an empty directory in a directory.

    Raises:
        InTheWayError: It is not empty.
    """
    with directory.errors_at(name):
        os.rmdir(name, dir_fd=directory.descriptor)


def remove_all(directory: Directory, name: str) -> None:
    """Remove what has this name in a directory, with everything below it.

    Raises:
        LinkError: There is too much below it.
    """
    found = directory.look_up(name)
    if found is Kind.DIRECTORY:
        with directory.open_child(name) as child:
            contents = walk(child, _MAX_NAMES)
            remove_nodes(child, contents.nodes)
            remove_empty(child, contents.directories)
        remove_directory(directory, name)
    elif found is not None:
        remove_nodes(directory, [name])
