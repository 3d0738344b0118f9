"""Folders in which others may write while we do: nothing there leads us out of them.

An open folder stands for itself, whatever its path comes to mean; paths are relative to it, and no
symbolic link on the way of one is followed. So root can work in the folder of a hostile user.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from enum import Enum
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from aimodels_linker.errors import InTheWayError, LinkError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TEMPORARY = ".nix-ai-models.tmp"
"""A link or a file on its way to its place. One name: what a killed run has left is found by it."""

UNFINISHED = ".nix-ai-models.new"
"""A folder that is being filled before it gets its name."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_INSIDE = _FOLDER | os.O_NOFOLLOW
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_WAITING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # not for a pipe's writer
_NOT_A_FOLDER = {errno.ENOTDIR, errno.ELOOP}
_TAKEN = {*_NOT_A_FOLDER, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY}
_NO_FILE = {errno.ENOENT, errno.ELOOP, errno.ENXIO}
_STAYS = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}


class Kind(Enum):
    """What a name can stand for, beside a link."""

    FOLDER = 1
    FILE = 2


class Put(NamedTuple):
    """Something to be put at a place.

    Args:
        place: The path.
        content: The text of a link, or the bytes of a file.
        over: Whether to replace what is there.
    """

    place: str
    content: str | bytes
    over: bool

    @property
    def folder(self) -> str:
        """The folder that it is put in."""
        return self.place.rpartition("/")[0]


class Contents(NamedTuple):
    """What is in a folder.

    Args:
        nodes: Path -> the text of a link, or None for what is neither link nor folder.
        folders: Paths; each after the folder that it is in.
    """

    nodes: dict[str, str | None]
    folders: list[str]


class Folder:
    """An open folder.

    Args:
        descriptor: Of the folder.
        path: For messages.
    """

    def __init__(self, descriptor: int, path: str) -> None:
        self.descriptor = descriptor
        self.path = path

    def __enter__(self) -> Folder:  # noqa: PYI034 (Self is new in Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    @property
    def writable(self) -> bool:
        """Whether names in this folder may be made and removed."""
        return os.access(".", os.W_OK | os.X_OK, dir_fd=self.descriptor)

    def look(self, name: str) -> str | Kind | None:
        """Say what a name in this folder is: the text of a link, something else, or nothing."""
        with self._explained(name):
            try:
                mode = os.lstat(name, dir_fd=self.descriptor).st_mode
                if stat.S_ISLNK(mode):
                    return os.readlink(name, dir_fd=self.descriptor)
            except FileNotFoundError:
                return None
        return Kind.FOLDER if stat.S_ISDIR(mode) else Kind.FILE

    def child(self, name: str, *, new: bool = False) -> Folder:
        """Open a folder in this one, or make it.

        Raises:
            InTheWayError: It is none, or is there although it should be new.
        """
        with self._explained(name):
            if new:
                os.mkdir(name, dir_fd=self.descriptor)
            descriptor = os.open(name, _INSIDE, dir_fd=self.descriptor)
        return Folder(descriptor, f"{self.path}/{name}")

    def walk(self) -> Contents:
        """Read everything below this folder."""
        found = Contents({}, [])
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            with self._explained(folder):
                descriptor = os.open(folder or ".", _INSIDE, dir_fd=self.descriptor)
                try:
                    with os.scandir(descriptor) as entries:
                        for entry in entries:
                            place = f"{folder}/{entry.name}" if folder else entry.name
                            if entry.is_symlink():
                                text = os.readlink(entry.name, dir_fd=descriptor)
                                found.nodes[place] = text
                            elif entry.is_dir(follow_symlinks=False):
                                found.folders.append(place)
                                waiting.append(place)
                            else:
                                found.nodes[place] = None
                finally:
                    os.close(descriptor)
        return found

    def read(self, place: str, limit: int) -> bytes | None:
        """Read the beginning of a file; None where there is none."""
        with self._explained(place):
            try:
                descriptor = os.open(place, _NO_WAITING, dir_fd=self.descriptor)
            except OSError as error:
                if error.errno in _NO_FILE:
                    return None
                raise
            with os.fdopen(descriptor, "rb") as file:
                regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
                return file.read(limit) if regular else None

    def leads(self, place: str) -> bool:
        """Whether there is something where a link leads to."""
        try:
            os.stat(place, dir_fd=self.descriptor)
        except OSError:
            return False
        return True

    def put(self, puts: Iterable[Put], spare: Folder, *, durable: bool = False) -> None:
        """Put links and files in place, each at once and whole, and the folders that they need.

        Args:
            puts: Those of a folder should follow each other.
            spare: A folder on the same file system, for what is not in place yet.
            durable: Whether files have to survive that the machine stops.

        Raises:
            InTheWayError: Where one belongs there is a folder, or something new.
        """
        for folder, group in groupby(puts, attrgetter("folder")):
            with self._within(folder, make=True) as descriptor:
                for place, content, over in group:
                    name = place.rpartition("/")[2]
                    with self._explained(place):
                        if isinstance(content, str) and not over:
                            os.symlink(content, name, dir_fd=descriptor)
                        else:
                            spare._prepare(content, durable=durable)
                            spare.move(TEMPORARY, descriptor, name)

    def _prepare(self, content: str | bytes, *, durable: bool) -> None:
        try:
            self._write(content, durable=durable)
        except FileExistsError:
            self.remove(TEMPORARY)
            self._write(content, durable=durable)

    def _write(self, content: str | bytes, *, durable: bool) -> None:
        if isinstance(content, str):
            os.symlink(content, TEMPORARY, dir_fd=self.descriptor)
            return
        descriptor = os.open(TEMPORARY, _NEW_FILE, 0o666, dir_fd=self.descriptor)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(descriptor)

    def move(self, name: str, folder: int, new_name: str) -> None:
        """Move something from this folder to another place, or remove it where that fails."""
        try:
            os.rename(name, new_name, src_dir_fd=self.descriptor, dst_dir_fd=folder)
        except OSError:
            self.remove(name)
            raise

    def drop(self, places: Iterable[str]) -> None:
        """Remove links and files; what is not there is no problem."""
        for folder, group in groupby(places, lambda place: place.rpartition("/")[0]):
            with contextlib.suppress(FileNotFoundError), self._within(folder) as descriptor:
                for place in group:
                    with self._explained(place), contextlib.suppress(FileNotFoundError):
                        os.unlink(place.rpartition("/")[2], dir_fd=descriptor)

    def prune(self, folders: Iterable[str]) -> None:
        """Remove those folders that are empty, beginning with the innermost."""
        for folder in sorted(folders, key=lambda path: path.count("/"), reverse=True):
            parent, _, name = folder.rpartition("/")
            with contextlib.suppress(FileNotFoundError), self._within(parent) as descriptor:
                try:
                    os.rmdir(name, dir_fd=descriptor)
                except OSError as error:
                    if error.errno not in _STAYS:
                        raise self._problem(error, folder) from error

    def remove_folder(self, name: str) -> None:
        """Remove an empty folder in this one."""
        with self._explained(name):
            os.rmdir(name, dir_fd=self.descriptor)

    def remove(self, name: str) -> None:
        """Remove whatever has this name in this folder, with all that is below it."""
        there = self.look(name)
        if there is Kind.FOLDER:
            with self.child(name) as folder:
                contents = folder.walk()
                folder.drop(contents.nodes)
                folder.prune(contents.folders)
            self.remove_folder(name)
        elif there is not None:
            self.drop([name])

    @contextlib.contextmanager
    def _within(self, place: str, *, make: bool = False) -> Iterator[int]:
        """Open a folder below this one, part by part."""
        descriptor = os.dup(self.descriptor)
        try:
            path = ""
            for part in place.split("/") if place else ():
                path = f"{path}/{part}" if path else part
                with self._explained(path):
                    inner = _open_inside(descriptor, part, make=make)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _explained(self, place: str) -> Iterator[None]:
        """Say where errors have happened."""
        try:
            yield
        except OSError as error:
            raise self._problem(error, place) from error

    def _problem(self, error: OSError, place: str) -> InTheWayError | OSError:
        path = f"{self.path}/{place}" if place else self.path
        if error.errno in _TAKEN:
            return InTheWayError(path)
        return OSError(error.errno, error.strerror, path)


def open_folder(path: str, *, make: bool = False) -> Folder:
    """Open a folder by its path, which may be a link, or lead through links.

    Args:
        path: An absolute path.
        make: Whether to make it if it is missing, with all that leads to it.

    Raises:
        LinkError: As root, of a link that another user has made: it could lead anywhere.
    """
    if os.geteuid() == 0:
        _check_links(path)
    if make:
        Path(path).mkdir(parents=True, exist_ok=True)
    return Folder(os.open(path, _FOLDER), path)


def _open_inside(descriptor: int, name: str, *, make: bool) -> int:
    try:
        return os.open(name, _INSIDE, dir_fd=descriptor)
    except FileNotFoundError:
        if not make:
            raise
    with contextlib.suppress(FileExistsError):  # a program may be making it, too
        os.mkdir(name, dir_fd=descriptor)
    return os.open(name, _INSIDE, dir_fd=descriptor)


def _check_links(path: str) -> None:
    parts = path.split("/")
    for count in range(2, len(parts) + 1):
        place = "/".join(parts[:count])
        try:
            status = os.lstat(place)
        except OSError:
            return
        if stat.S_ISLNK(status.st_mode) and status.st_uid != 0:
            raise LinkError(
                f"{place} is a link to {Path(place).readlink()} that root has not made, and that "
                "root does not follow: make it as root, or configure the folder that it leads to"
            )
