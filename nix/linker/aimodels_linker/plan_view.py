"""Planning what to do about one file of a view, or about a directory that it needs.

Whatever else is in the directory is the user's, and is not even looked at.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_linker.absolute import open_directory
from aimodels_linker.dirfd import Kind
from aimodels_linker.errors import InTheWayError
from aimodels_linker.link_tree import parents
from aimodels_linker.remove import remove_empty, remove_nodes
from aimodels_linker.shared import digest_of, needed_digests
from aimodels_linker.state import FileRecord, MadeRecord
from aimodels_linker.step import Step
from aimodels_linker.view import MAX_COPY, FileEntry, FolderEntry
from aimodels_linker.write import Write, write_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_linker.dirfd import Directory
    from aimodels_linker.spec import Spec
    from aimodels_linker.state import Record
    from aimodels_linker.step import Action
    from aimodels_linker.write import Scratch


class ViewPlanner:
    """Plans the steps for what a view puts into a directory.

    Args:
        spec: Where the store is.
        path: The path of the directory.
        directory: The open directory, or None if it does not exist.
        known: The records of what we made in it so far.
    """

    def __init__(
        self, spec: Spec, path: str, directory: Directory | None, known: Mapping[str, Record]
    ) -> None:
        self._spec = spec
        self._path = path
        self._directory = directory
        self._known = known
        self._replaced: set[str] = set()  # links of ours that become directories

    def step(self, name: str, entry: FileEntry | FolderEntry | None, before: Record | None) -> Step:
        """Return what to do about a path.

        Args:
            name: The path in the directory.
            entry: What has to be there, if anything.
            before: The record of what we made so far.

        Raises:
            InTheWayError: Something of somebody else is there.
        """
        if not name:
            return Step(name, entry, before, before)  # see `remove_made`
        if entry is None:
            return self._removal(name, before)
        if isinstance(entry, FileEntry):
            return self._step_of_file(name, entry, before)
        return self._step_of_folder(name, entry, before)

    def _removal(self, name: str, before: Record | None) -> Step:
        path = f"{self._path}/{name}"
        try:
            found = self._look_up(name)
        except InTheWayError:
            found = None  # with what was around it
        if isinstance(before, MadeRecord) and found is Kind.DIRECTORY:
            summary = f"remove {path} if it is empty"
            return Step(name, None, before, None, None, summary, (partial(_rmdir, name),))
        actions: tuple[Action, ...] = ()
        if found is not None and self._is_ours(name, found, before):
            if digest_of(name) in self._needed:
                return Step(name, None, before, before)
            actions = (partial(_remove, name, found),)
        return Step(name, None, before, None, "removed", f"remove {path}", actions)

    def _step_of_file(self, name: str, entry: FileEntry, before: Record | None) -> Step:
        content, found = entry.content, self._look_up(name)
        after = FileRecord(_marks(content))
        if isinstance(content, str):
            there, summary = found == content, f"link {self._path}/{name} to {content}"
        else:
            there = found is Kind.FILE and self._read(name) == content
            summary = f"write {self._path}/{name}"
        ours = found is None or self._is_ours(name, found, before)
        if there:
            # A copy that was there before us stays.
            return Step(name, entry, before, after if ours or isinstance(content, str) else None)
        if found is Kind.DIRECTORY and (isinstance(before, MadeRecord) or self._may_go(name)):
            actions: tuple[Action, ...] = (
                partial(_rmdir, name),
                partial(_write, name, content, None),
            )
        elif ours:
            actions = (partial(_write, name, content, found),)
        elif found is Kind.FILE and self._is_same(name, entry):
            return Step(name, entry, before)  # the user's own
        else:
            raise InTheWayError(f"{self._path}/{name}")
        return Step(name, entry, before, after, "linked", summary, actions)

    def _step_of_folder(self, name: str, entry: FolderEntry, before: Record | None) -> Step:
        found = self._look_up(name)
        if found is Kind.DIRECTORY:
            return Step(name, entry, before, before if isinstance(before, MadeRecord) else None)
        actions: tuple[Action, ...] = (partial(_mkdir, name),)
        if found is not None:
            if not self._is_ours(name, found, before):
                raise InTheWayError(f"{self._path}/{name}")
            actions = (partial(_remove, name, found), *actions)
            self._replaced.add(name)
        summary = f"make {self._path}/{name}"
        return Step(name, entry, before, MadeRecord(), None, summary, actions)

    @cached_property
    def _needed(self) -> set[str]:
        """The digests of blobs that others need."""
        if self._directory is None or self._spec.view is None:
            return set()
        return needed_digests(
            self._directory,
            self._spec.view.copies,
            lambda path, target: self._is_ours(path, target or Kind.FILE, self._known.get(path)),
        )

    def _look_up(self, name: str) -> str | Kind | None:
        if self._directory is None or not self._replaced.isdisjoint(parents(name)):
            return None
        return self._directory.look_up(name)

    def _is_ours(self, name: str, found: str | Kind, before: Record | None) -> bool:
        """Whether we have made a link or file, or may replace it."""
        if isinstance(found, str) and self._spec.in_store(found):
            return True
        if not isinstance(before, FileRecord) or found is Kind.DIRECTORY:
            return False
        mark = f"-> {found}" if isinstance(found, str) else _sha256(self._read(name))
        return mark in before.marks

    def _may_go(self, name: str) -> bool:
        """Whether one link takes the place of a directory: of an empty one, as tmpfiles makes."""
        if self._directory is None or self._spec.mode != "link":
            return False
        with contextlib.suppress(OSError), self._directory.open_below(name) as descriptor:
            return not os.listdir(descriptor)  # noqa: PTH208 (relative to a descriptor)
        return False

    def _is_same(self, name: str, entry: FileEntry) -> bool:
        """Whether a file of the user may be what would be linked: of models, we compare sizes."""
        if self._directory is None or isinstance(entry.content, bytes):
            return False
        parent, _, last = name.rpartition("/")
        with self._directory.open_below(parent) as descriptor:
            size = os.lstat(last, dir_fd=descriptor).st_size
        if size != Path(entry.path).stat().st_size:
            return False
        if size > MAX_COPY:
            return True
        return Path(entry.path).read_bytes() == self._read(name)

    def _read(self, name: str) -> bytes:
        """Return the content of a file, if it is not larger than what we copy."""
        return (self._directory and self._directory.read(name, MAX_COPY + 1)) or b""


def _marks(content: str | bytes) -> tuple[str, ...]:
    """Return what to remember of a file; not of a link into the store, which is ours anyway."""
    if isinstance(content, bytes):
        return (_sha256(content),)
    return () if content.startswith("/") else (f"-> {content}",)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(name: str, content: str | bytes, former: str | Kind | None, scratch: Scratch) -> None:
    _check(name, former, scratch)
    write_nodes(scratch.directory, [Write(name, content, replace=former is not None)], scratch)


def _remove(name: str, former: str | Kind, scratch: Scratch) -> None:
    _check(name, former, scratch)
    remove_nodes(scratch.directory, [name])


def _check(name: str, former: str | Kind | None, scratch: Scratch) -> None:
    """Check that there is nothing new where we have found something of ours, or nothing."""
    if scratch.directory.look_up(name) not in {former, None}:
        raise InTheWayError(f"{scratch.directory.path}/{name}")


def _mkdir(name: str, scratch: Scratch) -> None:
    with scratch.directory.open_below(name, create=True):
        pass


def _rmdir(name: str, scratch: Scratch) -> None:
    remove_empty(scratch.directory, [name])


def remove_made(path: str, levels: int) -> None:
    """Remove the directory of a view, and parents of it, as far as we made them, if it is empty.

    The user may have moved it, and made a link to it.
    """
    for _ in range(min(levels, path.count("/"))):
        parent, name = os.path.split(path)
        with contextlib.suppress(FileNotFoundError), open_directory(parent) as directory:
            if directory.look_up(name) is Kind.DIRECTORY:
                remove_empty(directory, [name])
            if directory.look_up(name) is not None:
                return
        path = parent
