"""Downloading pinned files, and all files of an entry."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from itertools import starmap
from typing import TYPE_CHECKING

from aimodels_fetcher import layout
from aimodels_fetcher.digests import hex_to_sri, sri_to_hex
from aimodels_fetcher.download import Download
from aimodels_fetcher.environment import limit
from aimodels_fetcher.errors import UPDATE, FetchError, StatusError
from aimodels_fetcher.log import say
from aimodels_fetcher.output import check_space, removed_on_failure
from aimodels_fetcher.progress import Progress
from aimodels_fetcher.remote_files import RemoteFiles
from aimodels_fetcher.retry import TRIES, TRIES_BEFORE_ANOTHER
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.targets import FileTarget
from aimodels_fetcher.upstreams import Upstream, Upstreams
from aimodels_fetcher.wording import counted
from aimodels_fetcher.worker_pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from aimodels_fetcher.digests import Verifier
    from aimodels_fetcher.filters import Selection
    from aimodels_fetcher.sources.base import Source
    from aimodels_fetcher.spec import BundleSpec, FileSpec, TreeSpec

    MakeTarget = Callable[[Path, RemoteFile], FileTarget]

_MAX_CONNECTIONS = 32


def make_target(path: Path, _: RemoteFile) -> FileTarget:
    """Return the target of a file of which nothing is there."""
    return FileTarget(path)


def fetch_file(spec: FileSpec, out: Path, connections: int | None = None) -> None:
    """Write one pinned file to `out`.

    Raises:
        FetchError: No source has it, or they have other bytes than pinned.
    """
    fetch_files([(spec, out)], connections=connections)


def fetch_bundle(spec: BundleSpec, out: Path, connections: int | None = None) -> None:
    """Write pinned files to the directory `out`, each content once, named by its sha256 in hex.

    Raises:
        FetchError: No source has one of them, or they have other bytes than pinned.
    """
    most = max_connections() if connections is None else connections
    files = _contents_of(spec)
    sizes = [file.size for file in files]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    upstreams = Upstreams([Upstream(source, most) for source in spec.sources])
    label = f" {files[0].path}" if len(files) == 1 else f", {counted(len(files), 'file')}"
    with removed_on_failure([out]):
        out.mkdir()
        check_space([(out, sum(size or 0 for size in sizes))])
        with Progress(f"{spec.source.label}{label}", total) as counter:
            pool = WorkerPool(most, counter)

            def download(file: RemoteFile) -> Download:
                target = FileTarget(out / (file.sha256 or ""))
                return Download(file, upstreams, target, pool, lambda _: None)

            pool.run(map(download, files.emptied()))


def _contents_of(spec: BundleSpec) -> RemoteFiles:
    """Return a file for each content of a bundle."""
    first: dict[str, str] = {}
    for path, file in spec.files.items():
        first.setdefault(file.hash, path)
    return RemoteFiles(
        RemoteFile(path, spec.files[path].size, sri_to_hex(sri)) for sri, path in first.items()
    )


def fetch_files(  # noqa: PLR0913 (what goes where, and who is told)
    wanted: Sequence[tuple[FileSpec, Path]],
    done: Callable[[Path], None] = lambda _: None,
    connections: int | None = None,
    target: MakeTarget = make_target,
    progress: Progress | None = None,
    *,
    present: int = 0,
) -> None:
    """Write pinned files, each to its path.

    When it fails, the files that are there have been verified, and the others are not there.

    Args:
        wanted: What to fetch, and where to write it.
        done: Called with the path of each file once it is verified, by one thread at a time.
        connections: Maximum number of concurrent requests; None for `max_connections`.
        target: Returns where to write a file that is to be at a path; `done` is called with the
            path of the target.
        progress: Counts the bytes; None for one that reports lines.
        present: Bytes that are there already, for which no space is needed.

    Raises:
        FetchError: The first failure.
    """
    most = max_connections() if connections is None else connections
    files = [
        (RemoteFile(spec.path, spec.size, sri_to_hex(spec.hash)), spec.sources, path)
        for spec, path in wanted
    ]
    needed = [(path.parent, remote.size or 0) for remote, _, path in files]
    check_space([*needed, *((parent, -present) for parent, _ in needed[:1])])
    known_upstreams: list[tuple[tuple[Source, ...], Upstreams]] = []

    def upstreams(sources: tuple[Source, ...]) -> Upstreams:
        for known, found in reversed(known_upstreams):
            if known == sources:
                return found
        made = Upstreams([Upstream(source, most) for source in sources])
        known_upstreams.append((sources, made))
        return made

    sizes = [remote.size for remote, _, _ in files]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    one = f"{wanted[0][0].source.label} {wanted[0][0].path}" if len(wanted) == 1 else None
    finishing = threading.Lock()
    with (
        removed_on_failure(path for _, _, path in files) as unfinished,
        progress or Progress(one or counted(len(files), "file"), total) as counter,
    ):
        pool = WorkerPool(most, counter)

        def download(remote: RemoteFile, sources: tuple[Source, ...], path: Path) -> Download:
            made = target(path, remote)
            counter.skip(made.present(remote.size or 0))

            def verified(_: Verifier) -> None:
                with finishing:
                    unfinished.discard(path)
                    done(made.path)
                    counter.complete(path)

            return Download(remote, upstreams(sources), made, pool, verified)

        pool.run(starmap(download, files))


def fetch_tree(
    spec: TreeSpec,
    out: Path,
    connections: int | None = None,
    target: MakeTarget = make_target,
    progress: Callable[[int, int], Progress] | None = None,
) -> None:
    """Fetch every file that the patterns let through, and lay out the entry (or plain files).

    Args:
        spec: What to fetch.
        out: Where to write it; removed when it fails, if it was not there before.
        connections: Maximum number of concurrent requests; None for `max_connections`.
        target: Returns where to write a file that is to be at a path: it is linked there, and
            stays, or moved to another file system.
        progress: Called with the number of bytes and of files: returns what counts them; None for
            one that reports lines.

    Raises:
        FetchError: No file matches, or one of them cannot be fetched as listed.
    """
    most = max_connections() if connections is None else connections
    source, upstreams, selection = _list(spec, most)
    label = spec.source.label
    selection.check_size(label)
    if not selection.taken:
        raise FetchError(
            f"{label}: none of {counted(selection.seen, 'file')} matches",
            f"change the filters: {spec.filters}",
        )
    # There may be 200,000 files: nothing is kept of one that is not needed any more.
    files = RemoteFiles(_expected(file, spec.hashes) for file in selection.taken.emptied())
    files, repeated = _once_each(files) if spec.integration else (files, {})
    total = sum(file.size or 0 for file in files)
    check_space([(out.parent, total)])
    made_progress = progress(total, len(files)) if progress else Progress(label, total)
    with removed_on_failure([out]), made_progress as counter:
        pool = WorkerPool(most, counter)

        def download(
            file: RemoteFile, path: Path, verified: Callable[[Verifier], None] = lambda _: None
        ) -> Download:
            made = target(path, file)
            counter.skip(made.present(file.size or 0))

            def moved(got: Verifier) -> None:
                if made.path != path:
                    _place(made.path, path)
                verified(got)
                counter.complete(path)

            return Download(file, upstreams, made, pool, moved)

        if spec.integration:
            _fetch_entry(source, download, (files, repeated), out, pool)
        else:
            pool.run(download(file, layout.make_room(out, file.path)) for file in files.emptied())


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


def _fetch_entry(
    source: Source,
    download: Callable[[RemoteFile, Path, Callable[[Verifier], None]], Download],
    wanted: tuple[RemoteFiles, Mapping[str, Sequence[RemoteFile]]],
    out: Path,
    pool: WorkerPool,
) -> None:
    layout.start(out)
    files, repeated = wanted
    laid = layout.LaidFiles()

    def fetch(number: int, first: RemoteFile) -> Download:
        part = out / "blobs" / f"{number}.part"

        def verified(got: Verifier) -> None:
            sha256 = got.sha256
            part.rename(layout.blob_path(out, sha256))
            for file in (first, *repeated.get(_content(first) or "", ())):
                # Not at the end: with many files, links take as long as downloads.
                layout.link(out, file.path, sha256)
                laid.add(file.path, layout.LaidFile(sha256, got.size, file.git_blob_id))

        return download(first, part, verified)

    pool.run(starmap(fetch, enumerate(files.emptied())))
    layout.finish(out, source, laid)


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


def max_connections() -> int:
    """Read how many connections to a server this machine may have: AIMODELS_MAX_CONNECTIONS.

    Raises:
        SettingError: As `limit`.
    """
    return limit("AIMODELS_MAX_CONNECTIONS", _MAX_CONNECTIONS)
