"""Reading what is below a directory, of which others may make a maze."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, NamedTuple, Protocol

from aimodels_linker.dirfd import NO_FOLLOW
from aimodels_linker.errors import LinkError
from aimodels_linker.messages import move_away

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimodels_linker.dirfd import Directory

_MAX_DEPTH = 100
"""Directories in one another; all are open at the same time. Repositories have a few."""

_NAME = 256
"""Bytes that a name counts for, beside those of its path and, if it is a link, of its target."""


class Nodes(Protocol):
    """Takes what is found; see `Contents.nodes`."""

    def __setitem__(self, path: str, target: str | None, /) -> None: ...


class Contents(NamedTuple):
    """Everything below a directory.

    Args:
        nodes: Path -> the target of a link, or None for what is neither link nor directory.
        directories: Paths; each after the directory that it is in.
    """

    nodes: dict[str, str | None]
    directories: list[str]


def walk(directory: Directory, limit: int | None = None) -> Contents:
    """Return everything below a directory, except for what is removed meanwhile.

    Args:
        directory: Where to begin.
        limit: The maximum number of names, whose paths have a usual length; None for no maximum.

    Raises:
        LinkError: There are more names, or directories in one another, than anybody needs.
        InTheWayError: A directory was replaced by a link meanwhile.
    """
    nodes: dict[str, str | None] = {}
    return Contents(nodes, walk_into(nodes, directory, limit))


def walk_into(nodes: Nodes, directory: Directory, limit: int | None = None) -> list[str]:
    """Put all nodes below a directory into `nodes`, and return its directories; see `walk`."""
    return _Walk(nodes, directory, limit).run()


class _Walk:
    def __init__(self, nodes: Nodes, directory: Directory, limit: int | None) -> None:
        self._nodes = nodes
        self._directory = directory
        self._limit = limit
        self._directories: list[str] = []
        self._left = (limit or 0) * 2 * _NAME

    def run(self) -> list[str]:
        self._visit(self._directory.descriptor, ".", "", 1)
        return self._directories

    def _visit(self, parent: int, name: str, path: str, depth: int) -> None:
        """Look into one directory, which is open while we look into those that are in it."""
        if depth > _MAX_DEPTH:
            raise self._refuse(f"more than {_MAX_DEPTH} directories in one another")
        with self._opened(parent, name, path) as descriptor:
            for inner in self._list(descriptor, path):
                below = f"{path}/{inner}" if path else inner
                self._directories.append(below)
                with contextlib.suppress(FileNotFoundError):
                    self._visit(descriptor, inner, below, depth + 1)

    @contextlib.contextmanager
    def _opened(self, parent: int, name: str, path: str) -> Iterator[int]:
        with self._directory.errors_at(path):
            descriptor = os.open(name, NO_FOLLOW, dir_fd=parent)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _list(self, descriptor: int, path: str) -> list[str]:
        """Remember what is in a directory, and return the names of directories in it."""
        inner = []
        with self._directory.errors_at(path), os.scandir(descriptor) as entries:
            for entry in entries:
                below = f"{path}/{entry.name}" if path else entry.name
                if entry.is_dir(follow_symlinks=False):
                    inner.append(entry.name)
                    self._count(below)
                    continue
                with contextlib.suppress(FileNotFoundError):
                    target = _target(descriptor, entry)
                    self._nodes[below] = target
                    self._count(below, target or "")
        return inner

    def _count(self, *texts: str) -> None:
        """Count a name; a few of extreme length count as many."""
        self._left -= _NAME + sum(map(len, texts))
        if self._limit is not None and self._left < 0:
            raise self._refuse("more files and directories below it than are read")

    def _refuse(self, what: str) -> LinkError:
        path = self._directory.path
        return LinkError(
            f"{path} has {what}, so it is left alone",
            f"move it away, and activate again: {move_away(path)}",
        )


def _target(descriptor: int, entry: os.DirEntry[str]) -> str | None:
    """Return the target of a link, or None for anything else."""
    if not entry.is_symlink():
        return None
    try:
        return os.readlink(entry.name, dir_fd=descriptor)
    except OSError as error:
        if error.errno == errno.EINVAL:  # it has become something else
            return None
        raise
