"""What a view puts into a directory: links to files in the store, and copies of small ones."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_linker.dirfd import DIRECTORY, Directory
from aimodels_linker.errors import LinkError
from aimodels_linker.walk import walk

if TYPE_CHECKING:
    from aimodels_linker.spec import Spec, View

MAX_COPY = 1 << 20
"""The maximum size of a file that is copied, in bytes. A manifest has a few thousand."""


@dataclass(frozen=True)
class FileEntry:
    """A file of a view.

    Args:
        path: Its path in the store.
        content: The target of the link to make, or the bytes of the file to write.
    """

    path: str
    content: str | bytes


@dataclass(frozen=True)
class FolderEntry:
    """A directory in which there are files of a view."""


def read_view(view: View, spec: Spec) -> dict[str, FileEntry | FolderEntry]:
    """Return what has to be in the directory of a view, by its path there.

    A link goes where that of the view goes, so it stays as it is when only another file changes.

    Raises:
        LinkError: The view has something that cannot be put into a directory.
    """
    with Directory(os.open(view.path, DIRECTORY), view.path) as directory:
        contents = walk(directory)
        entries: dict[str, FileEntry | FolderEntry] = {"": FolderEntry()}
        entries |= {path: FolderEntry() for path in contents.directories}
        for path, target in contents.nodes.items():
            copied = target is None and any(path.startswith(f"{top}/") for top in view.copies)
            content = _read(directory, path) if copied else _target(view, path, target)
            entries[path] = FileEntry(f"{view.path}/{path}", content)
            if isinstance(content, str) and content.startswith("/") and not spec.in_store(content):
                raise LinkError(
                    f"{view.path}/{path} is a link to {content}, which is not in {spec.store}",
                    "use a path that fetchModel built",
                )
    return entries


def _target(view: View, path: str, target: str | None) -> str:
    if target is None:
        return f"{view.path}/{path}"
    if target.startswith("/"):
        return target
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return posixpath.normpath(f"{view.path}/{inside}") if inside.startswith("..") else target


def _read(directory: Directory, path: str) -> bytes:
    content = directory.read(path, MAX_COPY + 1) or b""
    if len(content) > MAX_COPY:
        raise LinkError(f"{directory.path}/{path} is too large", 'set `mode = "link"`')
    return content
