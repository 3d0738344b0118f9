"""Files of this machine that may be what is wanted: those of the right size."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher.wording import counted
from aimodels_gen.errors import AimodelsError
from aimodels_gen.nix import store

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterable

    Report = Callable[[str], None]

_CHUNK = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
# How Hugging Face, Ollama and the store name a file by its sha256.
_NAMED = re.compile(r"(?:sha256-)?([0-9a-f]{64})")
# What programs are still writing, and our own links that are not in their place yet.
_UNFINISHED = (".incomplete", ".lock", ".part", ".partial", ".tmp")
UNFINISHED_LINK = ".aimodels-gen-"
"""What the names of links begin with that are about to replace a file."""
_SHOWN = 3  # of what cannot be read


class ChangedError(AimodelsError):
    """A file is not the one that was found: it was changed, replaced or removed meanwhile."""


@dataclass(frozen=True)
class Candidate:
    """A regular file.

    Attributes:
        path: without links on the way.
        size: in bytes.
        identity: what changes with the file: device, inode, size, and times of changes.
        names: its hard links in the directories that were named, which may be replaced.
    """

    path: Path
    size: int
    identity: tuple[int, ...]
    names: list[Path] = field(default_factory=list, compare=False, hash=False)

    @property
    def named(self) -> str | None:
        """Return the sha256 that its name says; None if it says none."""
        found = _NAMED.fullmatch(self.path.name)
        return found[1] if found else None

    @property
    def is_unchanged(self) -> bool:
        """Return whether it is still the file that was found."""
        try:
            return identity(os.lstat(self.path)) == self.identity
        except OSError:
            return False

    @property
    def is_replaced(self) -> bool:
        """Return whether it is a link to the store by now."""
        try:
            return str(self.path.readlink()).startswith(f"{store.store_dir()}/")
        except OSError:
            return False

    def digest(
        self,
        stop: threading.Event | None = None,
        arrived: Callable[[int], None] = lambda _: None,
    ) -> str:
        """Return the sha256 in hex of what is in it; count its bytes as they are read.

        Raises:
            ChangedError: it was changed since it was found.
            OSError: it cannot be read.
        """
        hasher = hashlib.sha256()

        def take(part: bytes | memoryview) -> None:
            hasher.update(part)
            arrived(len(part))

        self.read(take, stop)
        return hasher.hexdigest()

    def content(self) -> bytes:
        """Return what is in it; see `digest`."""
        content = bytearray()
        self.read(content.extend)
        return bytes(content)

    def read(
        self, sink: Callable[[bytes | memoryview], object], stop: threading.Event | None = None
    ) -> None:
        """Hand what is in it to a function; see `digest`."""
        descriptor = os.open(self.path, _READ)
        with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
            if identity(os.fstat(descriptor)) != self.identity:
                raise ChangedError(f"{self.path} was changed while it was read")
            buffer = memoryview(bytearray(_CHUNK))
            while count := file.readinto(buffer):
                sink(buffer[:count])
                if stop is not None and stop.is_set():
                    raise ChangedError("stopped")
            if identity(os.fstat(descriptor)) != self.identity:
                raise ChangedError(f"{self.path} was changed while it was read")


def identity(status: os.stat_result) -> tuple[int, ...]:
    """Return what is not the same when a file has been changed or replaced."""
    return (
        status.st_dev,
        status.st_ino,
        stat.S_IFMT(status.st_mode),
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def candidate(path: Path) -> Candidate | None:
    """Return a file that is not in a directory that was named; None if it is not there."""
    try:
        path = Path(os.path.realpath(path))
        status = path.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Candidate(path, status.st_size, identity(status))


class Scan:
    """The files below directories, or named themselves, that have one of these sizes.

    Links are followed, each directory is entered once, and nothing but directories and regular
    files is opened.

    Attributes:
        by_size: the files.
    """

    def __init__(
        self, places: Iterable[Path], sizes: Collection[int], report: Report, warn: Report
    ) -> None:
        """Look into all places."""
        self.by_size: dict[int, list[Candidate]] = {}
        self._sizes = sizes
        self._found: dict[tuple[int, int], Candidate] = {}
        self._entered: set[tuple[int, int]] = set()
        self._unreadable: list[str] = []
        self._odd: list[Path] = []
        self._store = f"{store.store_dir()}/"
        self._report = report
        roots = [Path(os.path.realpath(place)) for place in places]
        self._above = {parent for root in roots for parent in root.parents}
        for root in roots:
            if root.is_dir():
                self._walk(root)
            else:
                self._file(root, linked=False)
        self._complain(warn)

    def _walk(self, root: Path) -> None:
        waiting: list[tuple[str, bool]] = [(str(root), False)]
        while waiting:
            directory, linked = waiting.pop()
            try:
                status = os.stat(directory)  # noqa: PTH116 - many, and pathlib is slow
                if (status.st_dev, status.st_ino) in self._entered:
                    continue
                self._entered.add((status.st_dev, status.st_ino))
                with os.scandir(directory) as entries:
                    for entry in entries:
                        self._look_at(entry, waiting, linked=linked)
            except OSError as error:
                self._unreadable.append(f"{directory}: {error.strerror}")
            if len(self._entered) % 100 == 0:
                self._report(f"looking for files in {directory}")

    def _look_at(
        self, entry: os.DirEntry[str], waiting: list[tuple[str, bool]], *, linked: bool
    ) -> None:
        try:
            if entry.is_symlink():
                target = os.path.realpath(entry.path)
                if os.path.isdir(target):  # noqa: PTH112 - a string
                    if Path(target) not in self._above:
                        waiting.append((target, True))
                elif os.path.isfile(target):  # noqa: PTH113 - a string
                    self._file(Path(target), linked=True)
            elif entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, linked))
            elif entry.is_file(follow_symlinks=False):
                self._file(entry, linked=linked)
        except OSError as error:
            self._unreadable.append(f"{entry.path}: {error.strerror}")

    def _file(self, file: os.DirEntry[str] | Path, *, linked: bool) -> None:
        """Take a file; one to which a link leads is not in the directory that was named."""
        status = os.lstat(file)
        name = os.fspath(file)
        if status.st_size not in self._sizes or not stat.S_ISREG(status.st_mode):
            return
        if name.endswith(_UNFINISHED):
            return
        try:
            name.encode()
        except UnicodeEncodeError:
            self._odd.append(Path(name))
            return
        key = status.st_dev, status.st_ino
        found = self._found.get(key)
        if found is None:
            found = Candidate(Path(name), status.st_size, identity(status))
            self._found[key] = found
            self.by_size.setdefault(found.size, []).append(found)
        if not linked and not name.startswith(self._store) and Path(name) not in found.names:
            found.names.append(Path(name))

    def _complain(self, warn: Report) -> None:
        for line in self._unreadable[:_SHOWN]:
            warn(f"cannot read {line}")
        if len(self._unreadable) > _SHOWN:
            warn(f"cannot read {counted(len(self._unreadable) - _SHOWN, 'more path')}")
        for path in self._odd[:_SHOWN]:
            warn(f"{path} is left out: its name is not UTF-8; rename it")
        if len(self._odd) > _SHOWN:
            warn(f"{counted(len(self._odd) - _SHOWN, 'more file')} with such names are left out")
