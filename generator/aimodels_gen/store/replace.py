"""Replacing files by links to the store, which are roots of garbage collection themselves.

A file is replaced by one rename. What a run is about to do is in a journal in the user's cache,
next to roots that keep the store paths until the links are roots. The next run finishes what a
killed one has begun.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher.wording import counted
from aimodels_gen.cache import cache_directory
from aimodels_gen.errors import StoreError
from aimodels_gen.nix import store
from aimodels_gen.store.candidates import UNFINISHED_LINK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from typing_extensions import Self

    from aimodels_gen.store.candidates import Candidate

    Report = Callable[[str], None]

_JOURNAL = "links.json"
_LOCK = ".lock"
_ROOTS = "roots"
_CHANGED = "it was changed meanwhile: import again"


class Replacer(contextlib.ExitStack):
    """Replaces files until the end of the block."""

    def __init__(self, warn: Report) -> None:
        """Make nothing yet."""
        super().__init__()
        self._warn = warn
        self._directory: Path | None = None
        self._devices: set[int] = set()
        self._is_finished = True
        self._failed = False

    def __enter__(self) -> Self:
        super().__enter__()
        for path in (store.store_dir(), os.path.expanduser("~")):  # noqa: PTH111 (there may be none)
            with contextlib.suppress(OSError):
                self._devices.add(os.stat(path).st_dev)  # noqa: PTH116 (a string)
        return self

    def replace(
        self, files: Sequence[tuple[Candidate, str]]
    ) -> Iterator[tuple[Candidate, str, str]]:
        """Replace files by links to store paths that have the same content.

        Yields each with "", or the reason why it was left as it was.
        """
        allowed = []
        if self._failed:  # the journal is still needed
            yield from (
                (file, path, "Nix could not keep the one before it") for file, path in files
            )
            return
        for file, path in files:
            if all(_leads_to(name, path) for name in file.names):
                continue  # another run was faster
            if reason := self._refusal(file):
                yield file, path, reason
            else:
                allowed.append((file, path))
        if not allowed:
            return
        try:
            directory = self._prepared(allowed)
        except (OSError, StoreError) as error:
            reason = f"its store path cannot be kept: {_reason(error)}, and import again"
            yield from ((file, path, reason) for file, path in allowed)
            return
        for file, path in allowed:
            reason = _replaced(file, path)
            if reason and all(_leads_to(name, path) for name in file.names):
                continue
            yield file, path, reason
        self._finish(directory)

    def _finish(self, directory: Path) -> None:
        self._is_finished = True
        self._failed = not _finish(directory, self._warn)

    def _end(self, directory: Path) -> None:
        """Remove the journal; where links are no roots, it is needed."""
        if not self._is_finished:  # there was an interrupt
            self._finish(directory)
        if not self._failed:
            shutil.rmtree(directory, ignore_errors=True)

    def _refusal(self, file: Candidate) -> str:
        if not file.is_unchanged:
            return _CHANGED
        status = file.path.lstat()
        if status.st_uid != os.geteuid():
            return "it belongs to another user, who can import it"
        if status.st_nlink != len(file.names):
            return (
                f"it has {counted(status.st_nlink, 'hard link')}, of which "
                f"{len(file.names)} is in these directories: name those of the others, too"
            )
        if status.st_dev not in self._devices:
            return (
                "it is on another file system than the store and your home directory: while that "
                "is not mounted, Nix does not keep what its links lead to"
            )
        for name in file.names:
            if not os.access(name.parent, os.W_OK | os.X_OK, effective_ids=True):
                return f"{name.parent} is read-only for you: make it writable, and import again"
        return ""

    def _prepared(self, files: Sequence[tuple[Candidate, str]]) -> Path:
        """Write down what is about to be done, and keep the store paths."""
        if self._directory is None:
            parent = cache_directory() / "replacing"
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._directory = Path(tempfile.mkdtemp(dir=parent))
            descriptor = _locked(self._directory)
            if descriptor is not None:
                self.callback(os.close, descriptor)
            self.callback(self._end, self._directory)
        self._is_finished = False
        store.add_roots(self._directory / _ROOTS, sorted({path for _, path in files}))
        links = {str(name): path for file, path in files for name in file.names}
        with (self._directory / _JOURNAL).open("w", encoding="ascii") as journal:
            json.dump(links, journal)
            journal.flush()
            os.fsync(journal.fileno())
        for path in links.values():
            _sync(path)
        return self._directory


def recover(warn: Report) -> None:
    """Finish what killed runs have begun: links become roots, unfinished ones go."""
    with contextlib.suppress(OSError):
        for directory in (cache_directory() / "replacing").iterdir():
            descriptor = _locked(directory)
            if descriptor is None:
                continue
            try:
                if _finish(directory, warn):
                    shutil.rmtree(directory, ignore_errors=True)
            finally:
                os.close(descriptor)


def _locked(directory: Path) -> int | None:
    """Return a lock on a directory; None if another process has it."""
    try:
        descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _replaced(file: Candidate, path: str) -> str:
    """Replace all names of a file by links; return "", or why that was not possible."""
    temporary = None
    try:
        if not file.is_unchanged:
            return _CHANGED
        for name in file.names:
            status = name.lstat()
            if (status.st_dev, status.st_ino) != file.identity[:2]:
                return f"{name} was replaced meanwhile: import again"
            temporary = _temporary(name)
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(path)
            temporary.rename(name)
            _sync(str(name.parent))
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
        return f"it cannot be replaced: {error.strerror}"
    return ""


def _finish(directory: Path, warn: Report) -> bool:
    """Make roots of the links in the journal; return whether all are."""
    whole = True
    for name, path in _journal(directory / _JOURNAL).items():
        link = Path(name)
        leftovers = [_temporary(link), *_of_nix(link)]
        for leftover in leftovers:
            if _leads_to(leftover, path):
                with contextlib.suppress(OSError):
                    leftover.unlink()
        if not _leads_to(link, path):  # it is a file still, or gone
            continue
        try:
            store.add_root(link, [path])
        except StoreError as error:
            warn(f"{error.message}; `aimodels-gen import --replace` tries again")
            whole = False
    return whole


def _journal(path: Path) -> Mapping[str, str]:
    try:
        data = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {str(name): str(target) for name, target in data.items()}


def _reason(error: OSError | StoreError) -> str:
    if isinstance(error, StoreError):
        return f"{error.message}: check the Nix installation"
    place = error.filename or cache_directory()
    return f"{place}: {error.strerror}: set XDG_CACHE_HOME to a directory that has room"


def _leads_to(link: Path, path: str) -> bool:
    try:
        return str(link.readlink()) == path
    except OSError:
        return False


def _temporary(name: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(name.name)).hexdigest()[:32]
    return name.with_name(f"{UNFINISHED_LINK}{digest}")


def _of_nix(name: Path) -> Iterator[Path]:
    """Yield the links that Nix makes on the way to a root, if it was killed meanwhile."""
    pattern = re.compile(rf"\.\d+_{re.escape(name.name)}")
    with contextlib.suppress(OSError):
        for found in os.listdir(name.parent):  # noqa: PTH208 (there can be many)
            if pattern.fullmatch(found):
                yield name.with_name(found)


def _sync(path: str) -> None:
    """Write a file or directory to the disk: what was the user's goes only after that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
