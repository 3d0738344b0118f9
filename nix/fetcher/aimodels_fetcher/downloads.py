"""Downloads of several models at once: their files one by one, or as trees."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from aimodels_fetcher import layout
from aimodels_fetcher.digests import hex_to_sri, sri_to_hex
from aimodels_fetcher.download import Download
from aimodels_fetcher.errors import UPDATE, AimodelsError, FetchError, StatusError
from aimodels_fetcher.log import say
from aimodels_fetcher.remote_files import RemoteFiles
from aimodels_fetcher.retry import TRIES, TRIES_BEFORE_ANOTHER
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.targets import FileTarget
from aimodels_fetcher.upstreams import Upstream, Upstreams
from aimodels_fetcher.wording import counted
from aimodels_fetcher.worker_pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from aimodels_fetcher.digests import Verifier
    from aimodels_fetcher.filters import Selection
    from aimodels_fetcher.progress import ByteCounter
    from aimodels_fetcher.sources.base import Source
    from aimodels_fetcher.spec import FileSpec, TreeSpec
    from aimodels_fetcher.workers import Job

    MakeTarget = Callable[[Path, RemoteFile], FileTarget]


def make_target(path: Path, _: RemoteFile) -> FileTarget:
    """Return the target of a file of which nothing is there."""
    return FileTarget(path)


class Downloads(Protocol):
    """Some files that belong together, such as those of a model."""

    def jobs(self, pool: WorkerPool, failed: Callable[[Exception], None]) -> Iterator[Job]:
        """Yield the downloads; `failed` is called where there can be none of a file."""


def fetch_together(
    groups: Sequence[Downloads],
    counter: ByteCounter,
    connections: int,
    failed: Callable[[Downloads, Exception], bool] | None = None,
) -> None:
    """Download all files of all groups, with one bound on the connections.

    Args:
        groups: What to download, in this order.
        counter: Counts the bytes.
        connections: Maximum number of concurrent requests.
        failed: Called by any thread with the group of a file that failed, while the others go on.
            Returns whether to leave out what has not begun of the group.

    Raises:
        Exception: The first failure, where nobody is to be called, or what `failed` raises.
    """
    pool = WorkerPool(connections, counter)
    groups_of: dict[Job, Downloads] = {}  # of those that are under way, and some more
    given_up: list[Downloads] = []

    def fail(group: Downloads, error: Exception) -> None:
        if failed is None:
            raise error
        if failed(group, error):
            given_up.append(group)

    def jobs() -> Iterator[Job]:
        for group in groups:
            for job in group.jobs(pool, partial(fail, group)):
                if group in given_up:
                    break
                _forget_finished(groups_of, 2 * connections)
                groups_of[job] = group
                yield job

    pool.run(jobs(), failed and (lambda job, error: fail(groups_of[job], error)))


def _forget_finished(jobs: dict[Job, Downloads], most: int) -> None:
    """Forget jobs that need nothing more: each takes 3 kB, and there may be 100,000."""
    if len(jobs) > most:
        for job in [job for job in jobs if job.finished]:
            del jobs[job]


class FileDownloads:
    """Pinned files, each to be written to its path.

    Args:
        wanted: What to fetch, and where to write it.
        done: Called with the path of each file once it is verified, by one thread at a time.
        connections: Maximum number of concurrent requests to a server.
        target: Returns where to write a file that is to be at a path.

    Attributes:
        total: Bytes of all files, None where that is not known.
        count: Their number.
        unfinished: The paths of files that are not whole are removed from it when they are.
    """

    def __init__(
        self,
        wanted: Sequence[tuple[FileSpec, Path]],
        done: Callable[[Path], None],
        connections: int,
        target: MakeTarget = make_target,
    ) -> None:
        sizes = [spec.size for spec, _ in wanted]
        self.total = None if None in sizes else sum(size or 0 for size in sizes)
        self.count = len(wanted)
        self.unfinished: set[Path] = set()
        self._wanted = wanted
        self._done = done
        self._connections = connections
        self._target = target
        self._finishing = threading.Lock()
        self._known_upstreams: list[tuple[tuple[Source, ...], Upstreams]] = []

    def jobs(self, pool: WorkerPool, failed: Callable[[Exception], None]) -> Iterator[Download]:
        """Yield the downloads; `failed` is called where a file has no URL."""
        for spec, path in self._wanted:
            try:
                job = self._download(spec, path, pool)
            except AimodelsError as error:  # noqa: PERF203 (each may fail)
                failed(error)
            else:
                yield job

    def _download(self, spec: FileSpec, path: Path, pool: WorkerPool) -> Download:
        remote = RemoteFile(spec.path, spec.size, sri_to_hex(spec.hash))
        made = self._target(path, remote)
        pool.counter.skip(made.present(remote.size or 0))

        def verified(_: Verifier) -> None:
            with self._finishing:
                self.unfinished.discard(path)
                made.verified()
                self._done(made.path)
                pool.counter.complete(path)

        return Download(remote, self._upstreams(spec.sources), made, pool, verified)

    def _upstreams(self, sources: tuple[Source, ...]) -> Upstreams:
        for known, found in reversed(self._known_upstreams):
            if known == sources:
                return found
        made = Upstreams([Upstream(source, self._connections) for source in sources])
        self._known_upstreams.append((sources, made))
        return made


class TreeDownload:
    """All files of a model that its patterns let through, laid out as an entry or as plain files.

    Args:
        spec: What to fetch. It is listed at once.
        out: Where to write it.
        connections: Maximum number of concurrent requests to a server.
        target: Returns where to write a file that is to be at a path: it is linked there, and
            stays, or moved to another file system.
        done: Called once all is there, by any thread.

    Attributes:
        total: Bytes of all files.
        count: Their number.

    Raises:
        FetchError: No file matches, or none of the sources lists them.
    """

    def __init__(
        self,
        spec: TreeSpec,
        out: Path,
        connections: int,
        target: MakeTarget = make_target,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        source, upstreams, selection = _list(spec, connections)
        label = spec.source.label
        selection.check_size(label)
        if not selection.taken:
            raise FetchError(
                f"{label}: none of {counted(selection.seen, 'file')} matches",
                f"change the filters: {spec.filters}",
            )
        # There may be 200,000 files: nothing is kept of one that is not needed any more.
        files = RemoteFiles(_expected(file, spec.hashes) for file in selection.taken.emptied())
        self._files, self._repeated = _once_each(files) if spec.integration else (files, {})
        self.total = sum(file.size or 0 for file in self._files)
        self.count = len(self._files)
        self._source = source
        self._upstreams = upstreams
        self._out = out
        self._target = target
        self._done = done
        self._laid = layout.LaidFiles() if spec.integration else None
        self._left = self.count
        self._lock = threading.Lock()

    def jobs(self, pool: WorkerPool, failed: Callable[[Exception], None]) -> Iterator[Download]:
        """Yield the downloads; `failed` is called where a file has no URL."""
        if self._laid is not None:
            layout.start(self._out)
        for number, file in enumerate(self._files.emptied()):
            try:
                job = self._download(number, file, pool)
            except AimodelsError as error:  # noqa: PERF203 (each may fail)
                failed(error)
            else:
                yield job

    def _download(self, number: int, file: RemoteFile, pool: WorkerPool) -> Download:
        if self._laid is not None:
            path = self._out / "blobs" / f"{number}.part"
        else:
            path = layout.make_room(self._out, file.path)
        made = self._target(path, file)
        pool.counter.skip(made.present(file.size or 0))

        def verified(got: Verifier) -> None:
            made.verified()
            if made.path != path:
                _place(made.path, path)
            if self._laid is not None:
                self._lay(path, file, got, self._laid)
            pool.counter.complete(path)
            with self._lock:
                self._left -= 1
                last = not self._left
            if last:
                if self._laid is not None:
                    layout.finish(self._out, self._source, self._laid)
                self._done()

        return Download(file, self._upstreams, made, pool, verified)

    def _lay(self, part: Path, first: RemoteFile, got: Verifier, laid: layout.LaidFiles) -> None:
        sha256 = got.sha256
        part.rename(layout.blob_path(self._out, sha256))
        for file in (first, *self._repeated.get(_content(first) or "", ())):
            # Not at the end: with many files, links take as long as downloads.
            layout.link(self._out, file.path, sha256)
            laid.add(file.path, layout.LaidFile(sha256, got.size, file.git_blob_id))


def _place(file: Path, path: Path) -> None:
    try:
        path.hardlink_to(file)
    except OSError:
        shutil.move(file, path)


def _expected(file: RemoteFile, hashes: Mapping[str, str]) -> RemoteFile:
    """Return a file that is wanted with what is known of its content."""
    if file.path not in hashes:
        return file
    sha256 = sri_to_hex(hashes[file.path])
    if file.sha256 not in {None, sha256}:
        raise FetchError(
            f"{file.path!r} is listed with {hex_to_sri(file.sha256 or '')}, and expected to have "
            f"{hashes[file.path]}",
            f"if the file has changed upstream, {UPDATE}; otherwise a mirror or proxy alters the "
            "listing: use another endpoint",
        )
    return replace(file, sha256=sha256)


def _once_each(files: RemoteFiles) -> tuple[RemoteFiles, dict[str, RemoteFiles]]:
    """Return one file for each content, and by content the other files that have it.

    Equal content is fetched once, and in an entry it is one blob. `files` is empty after that.
    """
    first = RemoteFiles()
    repeated: dict[str, RemoteFiles] = {}
    known: set[bytes] = set()
    for file in files.emptied():
        content = _content(file)
        digest = bytes.fromhex(content or "")
        if digest in known:
            repeated.setdefault(content or "", RemoteFiles()).append(file)
        else:
            first.append(file)
            if content:
                known.add(digest)
    return first, repeated


def _content(file: RemoteFile) -> str | None:
    return file.sha256 or file.git_blob_id


def _list(spec: TreeSpec, connections: int) -> tuple[Source, Upstreams, Selection[RemoteFiles]]:
    """List the files at the first source that does; those before it are not asked for files.

    Those after it are fallbacks for single files. Where an entry tells of git, only a source that
    knows git can list it: others lack some of what goes into it (which files are under LFS).

    Returns:
        The source at its exact revision, where the files can be had, and those that are wanted.

    Raises:
        FetchError: None does; this is what the last one said.
    """
    sources = spec.sources
    first = sources[0]
    able = [s for s in sources if s.has_tree_listing or not first.has_tree_listing]
    for number, source in enumerate(able, 1):
        upstream = Upstream(source, connections)
        following = able[number:]
        try:
            upstream.client.tries = TRIES_BEFORE_ANOTHER if following else TRIES
            resolved, rows = source.listing(upstream.client)
            selection = spec.filters.take(rows)
        except (FetchError, StatusError) as error:
            failure = (
                source.explain(error) if isinstance(error, StatusError) else source.advise(error)
            )
            failure = FetchError(f"{source.label}: {failure}", failure.hint)
            if not following:
                if len(able) < len(sources):
                    failure.hint = (
                        f"{failure.hint}; the fallbacks have no git metadata: a `files` pin needs "
                        "no listing"
                    )
                raise failure from error
            say(f"{failure}; asking {following[0].location} instead")
        else:
            upstream.source = resolved
            others = sources[sources.index(source) + 1 :]
            upstreams = [upstream, *(Upstream(other.at(resolved), connections) for other in others)]
            return first.at(resolved), Upstreams(upstreams), selection
    raise AssertionError  # the last one returns or raises
