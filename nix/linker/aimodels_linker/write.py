"""Writing links and files below a directory: each appears at once and complete."""

from __future__ import annotations

import copy
import errno
import os
import re
import zlib
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from aimodels_linker.dirfd import Directory
from aimodels_linker.errors import LinkError
from aimodels_linker.log import print_warning
from aimodels_linker.messages import quote
from aimodels_linker.remove import remove_all

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_NAMES = 1_000_000  # that are looked at for what was left: there may be any number

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


class Scratch:
    """A directory for what is not complete yet, on the same file system as its place.

    Each link, file or directory has a new name there until it is complete. From the name, the next
    run with the same state file knows what a killed one has left.

    Args:
        directory: The directory.
        state: The path of the state file.
    """

    def __init__(self, directory: Directory, state: str) -> None:
        self.directory = directory
        self._prefix = f".nix-ai-models.{zlib.crc32(os.fsencode(state)):08x}."

    def at(self, directory: Directory) -> Scratch:
        """Return a scratch directory elsewhere, for the same state file."""
        other = copy.copy(self)
        other.directory = directory
        return other

    def new_name(self) -> str:
        """Return a name that nothing has."""
        return f"{self._prefix}{os.urandom(8).hex()}"

    def clean_up(self) -> None:
        """Remove what killed runs have left."""
        ours = re.compile(re.escape(self._prefix) + "[0-9a-f]{16}")
        with (
            self.directory.errors_at(""),
            os.scandir(self.directory.descriptor) as entries,
        ):
            names = islice((entry.name for entry in entries), _MAX_NAMES)
            left = [name for name in names if ours.fullmatch(name)]
        for name in left:
            self._remove(name)

    def _remove(self, name: str) -> None:
        try:
            remove_all(self.directory, name)
        except (OSError, LinkError) as error:
            path = f"{self.directory.path}/{name}"
            reason = error.strerror if isinstance(error, OSError) else error.message
            print_warning(
                f"{path}, which an interrupted run has left, cannot be removed ({reason}): remove "
                f"it (rm -rf -- {quote(path)})"
            )


def write_nodes(
    directory: Directory, writes: Iterable[Write], scratch: Scratch, *, durable: bool = False
) -> None:
    """Write links and files, and create the directories that they need.

    Args:
        directory: The directory that paths are relative to.
        writes: Those in the same directory should follow each other.
        scratch: Where to keep what is not complete yet.
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
                        _replace(descriptor, name, content, scratch, durable=durable)
            if durable:
                with directory.errors_at(parent):
                    _sync_names(descriptor)


def move(scratch: Scratch, name: str, new_parent: int, new_name: str) -> None:
    """Move what is complete to its place.

    Args:
        scratch: Where it is.
        name: Its name there.
        new_parent: The descriptor of the directory to move it to.
        new_name: Its name there.
    """
    source = scratch.directory.descriptor
    os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=new_parent)


def _replace(
    parent: int, name: str, content: str | bytes, scratch: Scratch, *, durable: bool
) -> None:
    temporary = scratch.new_name()
    try:
        _write(scratch.directory, temporary, content, durable=durable)
        move(scratch, temporary, parent, name)
    except OSError as error:
        remove_all(scratch.directory, temporary)
        if error.errno != errno.EXDEV or scratch.directory.descriptor == parent:
            raise
        # Somebody has mounted another file system there.
        place = Directory(parent, scratch.directory.path)
        _replace(parent, name, content, scratch.at(place), durable=durable)


def _sync_names(descriptor: int) -> None:
    """Wait until the names in a directory are on disk: a file's own fsync does not include them."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _write(directory: Directory, name: str, content: str | bytes, *, durable: bool) -> None:
    if isinstance(content, str):
        os.symlink(content, name, dir_fd=directory.descriptor)
        return
    descriptor = os.open(name, _NEW_FILE, 0o666, dir_fd=directory.descriptor)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if durable:
            os.fsync(descriptor)
