"""Reading what is below a directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from aimodels_linker.dirfd import NO_FOLLOW

if TYPE_CHECKING:
    from aimodels_linker.dirfd import Directory


class Contents(NamedTuple):
    """Everything below a directory.

    Args:
        nodes: Path -> the target of a link, or None for what is neither link nor directory.
        directories: Paths; each after the directory that it is in.
    """

    nodes: dict[str, str | None]
    directories: list[str]


def walk(directory: Directory) -> Contents:
    """Return everything below a directory."""
    found = Contents({}, [])
    waiting = [""]
    while waiting:
        parent = waiting.pop()
        with directory.errors_at(parent):
            descriptor = os.open(parent or ".", NO_FOLLOW, dir_fd=directory.descriptor)
            try:
                with os.scandir(descriptor) as entries:
                    for entry in entries:
                        path = f"{parent}/{entry.name}" if parent else entry.name
                        if entry.is_symlink():
                            found.nodes[path] = os.readlink(entry.name, dir_fd=descriptor)
                        elif entry.is_dir(follow_symlinks=False):
                            found.directories.append(path)
                            waiting.append(path)
                        else:
                            found.nodes[path] = None
            finally:
                os.close(descriptor)
    return found
