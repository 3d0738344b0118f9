"""Archives (NARs) of binary caches, as store paths: copied from a directory, or downloaded."""

from __future__ import annotations

import errno
import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.downloads import FileDownloads
from aimodels_fetcher.errors import DiskFullError
from aimodels_fetcher.sources.binary_cache import BinaryCache
from aimodels_fetcher.spec import FileSpec
from aimodels_fetcher.targets import FileTarget
from aimodels_fetcher.urls import public
from aimodels_fetcher.workers import StopWorker
from aimodels_gen.nix import nar_compression
from aimodels_gen.nix.adder import Addition
from aimodels_gen.nix.hashes import from_nix_base32
from aimodels_gen.nix.nar_reader import NarError, unpack
from aimodels_gen.store.binary_caches.base import CacheError
from aimodels_gen.store.path_downloads import PathDownload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aimodels_fetcher.http_client import HttpClient, ResolvedUrl
    from aimodels_fetcher.narinfo import NarInfo
    from aimodels_fetcher.response import Response
    from aimodels_fetcher.sources.base import RemoteFile, Source
    from aimodels_fetcher.worker_pool import WorkerPool
    from aimodels_fetcher.workers import Job, Task
    from aimodels_gen.lock.partial_files import PartialFiles
    from aimodels_gen.nix.store import Kind

_CHUNK = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}
DAMAGED = (
    "run `aimodels-gen prefetch`, which downloads it from its source; to mend the cache, delete "
    "the .narinfo and the archive there, and push it again"
)


@dataclass(frozen=True)
class Offer:
    """A store path that a cache has.

    Attributes:
        model: whose it is.
        cache: the label of the cache.
        info: what the cache says of it, which may be a lie.
        kind: how Nix hashes it.
        sri: what it is pinned to.
        size: bytes of its files, as they are pinned.
    """

    model: str
    cache: str
    info: NarInfo
    kind: Kind
    sri: str
    size: int

    @property
    def name(self) -> str:
        """Return its name without the directory and the hash."""
        return self.info.path.rpartition("/")[2][33:]

    def wrong(self, reason: object) -> CacheError:
        """Return the error for an archive that is not what is pinned."""
        url = self.info.url
        at = public(url) if "://" in url else f"{self.cache}/{url}"  # which may be signed
        return CacheError(f"{at} is not {self.name}: {reason}", DAMAGED)

    def extract(self, archive: Path, out: Path, count: Callable[[int], object]) -> None:
        """Make what becomes the store path of its archive, and compare it with the pin.

        Args:
            archive: where it is.
            out: where to write.
            count: is called with the number of bytes that have been read.

        Raises:
            CacheError: it is something else.
            DiskFullError: the disk is full.
        """
        try:
            found = self._extracted(archive, out, count)
        except NarError as error:
            raise self.wrong(error) from error
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise DiskFullError(
                f"the disk is full: {out.parent} has no room for {self.name}",
                "free some space (nix-collect-garbage -d), then try again",
            ) from error
        if found != self.sri:
            raise self.wrong(f"it is pinned to {self.sri}, and the cache has {found}")

    def _extracted(self, archive: Path, out: Path, count: Callable[[int], object]) -> str:
        hasher = hashlib.sha256()
        recursive = self.kind == "recursive"
        with nar_compression.opened(archive, self.info.compression) as read:

            def counted(most: int) -> bytes:
                data = read(most)
                count(len(data))
                if recursive:
                    hasher.update(data)
                return data

            unpack(counted, out, self.info.nar_size if recursive else self.size)
        if recursive:
            return hex_to_sri(hasher.hexdigest())
        if out.is_symlink() or not out.is_file():
            raise NarError("it is not a file")
        with out.open("rb", buffering=0) as file:
            while data := file.read(_CHUNK):
                hasher.update(data)
        return hex_to_sri(hasher.hexdigest())


@dataclass(frozen=True)
class _Archives(BinaryCache):
    """The archives of a binary cache as they are there, by their URLs."""

    def url(self, path: str) -> str | None:
        """Return the URL of an archive."""
        return self.files.url(path)

    @contextmanager
    def content(
        self,
        client: HttpClient,
        resolved: ResolvedUrl,
        wanted: tuple[int, int] | None = None,
        if_range: str | None = None,
    ) -> Iterator[Response]:
        """Ask for an archive, or a range of it."""
        with self.files.content(client, resolved, wanted, if_range) as response:
            yield response


class ArchiveDownload(PathDownload):
    """An archive that is downloaded whole, and then becomes a store path.

    Args:
        offer: what the cache has.
        files: the files of the cache.

    Raises:
        CacheError: the archive has no URL there.
    """

    def __init__(self, offer: Offer, files: Source) -> None:
        self.model = offer.model
        self._offer = offer
        self._files = _Archives(files, {})
        info = offer.info
        if info.compression == "none":
            self._sri = offer.sri  # which is that of the archive
            self._size = info.nar_size
        else:
            digest = from_nix_base32((info.file_hash or "").rpartition(":")[2])
            self._sri, self._size = hex_to_sri(digest.hex()), info.file_size or 0
        if "://" in info.url or files.url(info.url) is None:
            raise offer.wrong("its URL leads out of the cache")
        self._stored: Callable[[], None] = lambda: None

    def begin(
        self,
        place: Path,
        partials: PartialFiles,
        connections: int,
        done: Callable[[Addition], None],
    ) -> FileDownloads:
        """Return the download of the archive."""
        offer = self._offer
        spec = FileSpec((self._files,), offer.info.url, self._sri, self._size)

        def target(path: Path, remote: RemoteFile) -> FileTarget:
            kept = partials.target(path.name, remote.sha256 or "", self._size)
            return kept or FileTarget(path)

        def whole(archive: Path) -> None:
            def stored() -> None:
                archive.unlink(missing_ok=True)
                partials.remove(archive)

            self._stored = stored
            out = place / offer.name
            done(
                Addition(
                    out,
                    offer.sri,
                    offer.size,
                    offer.kind,
                    lambda: offer.extract(archive, out, lambda _: None),
                )
            )

        return FileDownloads([(spec, place / ".archive")], whole, connections, target)

    def stored(self) -> None:
        """Remove the archive."""
        self._stored()


class ArchiveCopy(PathDownload):
    """An archive in a directory of this machine.

    Args:
        offer: what the cache has.
        directory: of the cache.

    Raises:
        CacheError: the archive is elsewhere, or nowhere.
    """

    def __init__(self, offer: Offer, directory: Path) -> None:
        self.model = offer.model
        self._offer = offer
        if "://" in offer.info.url:
            raise offer.wrong("its URL leads out of the cache")
        self._archive = directory / offer.info.url
        if not self._archive.is_file():
            raise offer.wrong("it is not there")

    def begin(
        self,
        place: Path,
        partials: PartialFiles,  # noqa: ARG002 - what is copied need not be kept
        connections: int,  # noqa: ARG002 - there are none
        done: Callable[[Addition], None],
    ) -> _Copy:
        """Return what copies it."""
        return _Copy(self._offer, self._archive, place / self._offer.name, done)

    def stored(self) -> None:
        """Remove nothing: the archive stays where it is."""


class _Copy:
    """A group and its only job, which is done by one worker.

    Attributes:
        total: bytes of the archive.
        count: of jobs.
        finished: whether it is done.
        sharers: number of workers that do it.
    """

    def __init__(
        self, offer: Offer, archive: Path, out: Path, done: Callable[[Addition], None]
    ) -> None:
        self.total = offer.info.nar_size
        self.count = 1
        self.finished = False
        self.sharers = 0
        self._offer = offer
        self._archive = archive
        self._out = out
        self._done = done
        self._pool: WorkerPool | None = None
        self._begun = False
        self._abandoned = False

    def jobs(self, pool: WorkerPool, failed: Callable[[Exception], None]) -> Iterator[Job]:  # noqa: ARG002 - the job fails
        """Yield the job."""
        self._pool = pool
        yield self

    @property
    def wanting(self) -> bool:
        """Whether nobody does it yet."""
        return not self._begun

    def take(self, sharers: int) -> Task | None:  # noqa: ARG002 - one is enough
        """Return what to do, once."""
        if self._begun:
            return None
        self._begun = True
        return self._run

    def abandon(self) -> None:
        """Stop when the next bytes have been read."""
        self._abandoned = True

    def _run(self, _: memoryview) -> None:
        pool, offer = self._pool, self._offer
        assert pool is not None  # noqa: S101 (for mypy)

        def count(size: int) -> None:
            if self._abandoned:
                raise StopWorker
            pool.counter.add(size)

        self.sharers = 1
        try:
            offer.extract(self._archive, self._out, count)
            self._done(Addition(self._out, offer.sri, offer.size, offer.kind))
            pool.counter.complete(self._out)
            self.finished = True
        finally:
            self.sharers = 0
            pool.wake()
