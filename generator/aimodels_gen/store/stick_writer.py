"""Writing large files to a disk that may be pulled out: what has its name is whole."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from aimodels_fetcher.wording import bytes_text
from aimodels_gen.amounts import Amount, Speed
from aimodels_gen.errors import THIS_COMMAND, AimodelsError, StoreError
from aimodels_gen.nix.hashes import nar_sri
from aimodels_gen.store.stick import LAYOUT, PART, Node, layout_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from aimodels_gen.amounts import Show

_CHUNK = 1 << 20
_UNSYNCED = 64 << 20  # bytes that may wait in memory for a slow disk


class StickWriter:
    """Copies store paths to a disk, verified on the way, and counts what it has written."""

    def __init__(self, directory: Path, total: int, progress: Show) -> None:
        """Expect to write so many bytes to this directory."""
        self._directory = directory
        self._total = total
        self._progress = progress
        self._done = 0
        self._speed = Speed()

    def file(self, source: Path, target: Path, digest: str) -> None:
        """Copy a file whose sha256 in hex is known.

        Raises:
            StoreError: the store has something else there.
            AimodelsError: the disk takes no more.
        """
        part = _part(target)
        with self._disk(source, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            found = self._copy(source, part)
            if found != digest:
                part.unlink()
                raise _damaged(source, found, digest)
            part.replace(target)
            _sync(target.parent)

    def bundle(self, source: Path, target: Path, digests: Sequence[str]) -> None:
        """Copy a bundle, which has files of these names; see `file`."""
        part = _part(target)
        with self._disk(source, target):
            part.mkdir(parents=True, exist_ok=True)
            for digest in digests:
                found = self._copy(source / digest, part / digest)
                if found != digest:
                    shutil.rmtree(part)
                    raise _damaged(source / digest, found, digest)
            self._rename(part, target)

    def tree(self, source: Path, target: Path, sri: str) -> None:
        """Copy a tree whose Nix archive has this hash, and write its layout; see `file`."""
        part = _part(target)
        digests: dict[Path, str] = {}

        def read(path: Path) -> Iterator[bytes]:
            # By its number: the disk has what an interrupted run has copied of it.
            digests[path] = yield from self._copying(path, part / str(len(digests)))

        with self._disk(source, target):
            part.mkdir(parents=True, exist_ok=True)
            found = nar_sri(source, read)
            if found != sri:
                shutil.rmtree(part)
                raise _damaged(source, found, sri)
            for number, digest in enumerate(digests.values()):
                (part / str(number)).replace(part / digest)
            layout = target.with_name(LAYOUT)
            text = layout_text(_nodes(source, source, digests))
            content = text.encode("utf-8", "surrogateescape")
            with layout.with_name(LAYOUT + PART).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            layout.with_name(LAYOUT + PART).replace(layout)
            self._rename(part, target)

    def _rename(self, part: Path, target: Path) -> None:
        """Give a directory its name, in the place of one that was not whole."""
        _sync(part)
        if target.exists():
            shutil.rmtree(target)
        part.rename(target)
        _sync(target.parent)

    def _copy(self, source: Path, part: Path) -> str:
        """Copy a file after what the disk has of it; return its sha256 in hex."""
        copying = self._copying(source, part)
        while True:
            try:
                next(copying)
            except StopIteration as end:  # noqa: PERF203 - once
                return str(end.value)

    def _copying(self, source: Path, part: Path) -> Generator[bytes, None, str]:
        """Do the same, and yield what is copied."""
        hasher = hashlib.sha256()
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        with (
            source.open("rb", buffering=0) as file,
            open(descriptor, "r+b", buffering=0) as copy,  # noqa: PTH123 - a descriptor
        ):
            same, unsynced, place = True, 0, 0
            while chunk := file.read(_CHUNK):
                hasher.update(chunk)
                if same and copy.read(len(chunk)) != chunk:
                    same = False
                    copy.seek(place)
                    copy.truncate()
                if not same:
                    _write(copy.fileno(), chunk)
                    unsynced += len(chunk)
                    if unsynced >= _UNSYNCED:
                        os.fdatasync(copy.fileno())
                        unsynced = 0
                place += len(chunk)
                self._count(len(chunk))
                yield chunk
            copy.truncate(place)
            os.fsync(copy.fileno())
        return hasher.hexdigest()

    def _count(self, number: int) -> None:
        self._done += number
        total = max(self._total, self._done)
        self._progress(Amount("exported", self._done, total, self._speed.at(self._done)))

    @contextmanager
    def _disk(self, source: Path, target: Path) -> Iterator[None]:
        """Say which of both is gone, or takes no more."""
        try:
            yield
        except OSError as error:
            if not os.path.lexists(source):
                raise StoreError(
                    f"{source} was removed from the store while it was exported",
                    f"run `{THIS_COMMAND}` again when no garbage is being collected",
                ) from error
            raise _disk_error(self._directory, target, error) from error


def _disk_error(directory: Path, target: Path, error: OSError) -> Exception:
    """Return what to raise where a file cannot be written to a disk."""
    name = target.name
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        free = bytes_text(shutil.disk_usage(directory).free)
        return AimodelsError(
            f"{directory} is full: {name} does not fit ({free} are free)",
            f"free some space there, or name fewer models; then run `{THIS_COMMAND}` again, which "
            "continues",
        )
    if error.errno == errno.EFBIG:
        return AimodelsError(
            f"{directory} takes no file as large as {name}: {error.strerror}",
            "format the disk with exFAT or ext4, or raise the limit with `ulimit -f unlimited`",
        )
    return error


def _damaged(path: Path, found: str, expected: str) -> StoreError:
    return StoreError(
        f"{path} is damaged: its hash is {found}, not {expected}",
        "run `aimodels-gen verify --store`, which says how to repair it",
    )


def _nodes(root: Path, path: Path, digests: dict[Path, str]) -> Iterator[Node]:
    """Yield what is in a tree: directories only if they are empty."""
    name = str(path.relative_to(root))
    if path.is_symlink():
        yield Node("link", os.readlink(path), name)  # noqa: PTH115 - Path would tidy it
    elif path.is_dir():
        children = sorted(path.iterdir())
        if not children and path != root:
            yield Node("directory", "-", name)
        for child in children:
            yield from _nodes(root, child, digests)
    else:
        yield Node("program" if path.stat().st_mode & stat.S_IXUSR else "file", digests[path], name)


def _part(target: Path) -> Path:
    return target.with_name(target.name + PART)


def _write(descriptor: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync(directory: Path) -> None:
    """Make names in a directory permanent, on file systems that can."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
