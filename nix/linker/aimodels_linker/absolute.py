"""Opening a directory by its absolute path, on which others may have put links."""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from aimodels_linker.dirfd import Directory
from aimodels_linker.errors import LinkError
from aimodels_linker.ownership import is_ours, is_private, user_name

_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Going through a directory takes no right to list it, for which Linux has O_PATH.
_SEARCH = _DIRECTORY | getattr(os, "O_PATH", os.O_RDONLY)
_MAX_LINKS = 40  # as the kernel
_NO_DIRECTORY = {errno.ELOOP, errno.ENOTDIR}


def open_directory(path: str, *, create: bool = False) -> Directory:
    """Open a directory by its path.

    We go there from `/`, part by part, and follow no link that somebody else can have put there:
    whatever is moved meanwhile, we are where the path leads, or nowhere. A link is followed if it
    belongs to root or to the user that we run as, in a directory to which nobody else can write.

    Args:
        path: An absolute path.
        create: Whether to create it and its parents if they are missing.

    Raises:
        LinkError: There is another link on the path.
    """
    walk = _PathWalk(create=create)
    try:
        return Directory(walk.open(path), path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    finally:
        walk.close()


class _PathWalk:
    """The directories that a path leads through, open at the same time.

    `..` in the target of a link is the directory that we came through, even if the one that we are
    in has been moved since.
    """

    def __init__(self, *, create: bool) -> None:
        self._create = create
        self._reached = [("", os.open("/", _SEARCH))]
        self._links = 0

    def close(self) -> None:
        while self._reached:
            self._leave()

    def open(self, path: str) -> int:
        """Return a descriptor of the directory at a path."""
        self._go(path, create=self._create)
        return os.open(".", _DIRECTORY | os.O_RDONLY, dir_fd=self._here)

    @property
    def _here(self) -> int:
        return self._reached[-1][1]

    def _leave(self) -> None:
        os.close(self._reached.pop()[1])

    def _go(self, path: str, *, create: bool) -> None:
        if path.startswith("/"):
            while len(self._reached) > 1:
                self._leave()
        for part in path.split("/"):
            if part == "..":
                if len(self._reached) > 1:
                    self._leave()
            elif part not in {"", "."}:
                self._enter(part, create=create)

    def _enter(self, name: str, *, create: bool) -> None:
        try:
            descriptor = self._open(name, create=create)
        except OSError as error:
            if error.errno not in _NO_DIRECTORY:
                raise
            self._follow(name, self._read_link(name))
        else:
            self._reached.append((name, descriptor))

    def _open(self, name: str, *, create: bool) -> int:
        try:
            return os.open(name, _SEARCH, dir_fd=self._here)
        except FileNotFoundError:
            if not create:
                raise
        with contextlib.suppress(FileExistsError):  # another program may create it as well
            os.mkdir(name, dir_fd=self._here)
        return os.open(name, _SEARCH, dir_fd=self._here)

    def _follow(self, name: str, target: str) -> None:
        self._links += 1
        if self._links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        try:
            self._go(target, create=False)
        except FileNotFoundError as error:
            if self._create:  # not what a link leads to
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from error
            raise

    def _read_link(self, name: str) -> str:
        """Return the target of a link that we may follow."""
        status = os.lstat(name, dir_fd=self._here)
        if not stat.S_ISLNK(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name)
        target = os.readlink(name, dir_fd=self._here)
        user = user_name(os.geteuid())
        parent = "/".join(name for name, _ in self._reached) or "/"
        link = f"{parent.rstrip('/')}/{name}"
        if not is_ours(status):
            raise LinkError(
                f"{link} is a link to {target} that {user} did not make, so {user} does not "
                "follow it",
                f"make it as {user}, or configure the directory that it leads to",
            )
        if not is_private(os.fstat(self._here)):
            raise LinkError(
                f"{link} is a link to {target} in a directory to which others than {user} can "
                f"write, so {user} does not follow it",
                "configure the directory that it leads to, or take from others the right to write "
                f"to {parent}",
            )
        return target
