"""Downloading pinned files, and all files of an entry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aimodels_fetcher.archive import bundle_size, unpack_bundle
from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.download import Download
from aimodels_fetcher.downloads import FileDownloads, TreeDownload, fetch_together, make_target
from aimodels_fetcher.environment import limit
from aimodels_fetcher.errors import DiskFullError, FetchError
from aimodels_fetcher.log import say
from aimodels_fetcher.output import check_space, removed_on_failure
from aimodels_fetcher.progress import Progress
from aimodels_fetcher.remote_files import RemoteFiles
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.targets import FileTarget
from aimodels_fetcher.upstreams import Upstream, Upstreams
from aimodels_fetcher.wording import counted
from aimodels_fetcher.worker_pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from aimodels_fetcher.downloads import MakeTarget
    from aimodels_fetcher.sources.binary_cache import BinaryCache
    from aimodels_fetcher.spec import BundleSpec, FileSpec, TreeSpec

_MAX_CONNECTIONS = 32

BUNDLE = "bundle"
"""What bundles are called in messages, and in the `paths` of caches."""


def fetch_file(
    spec: FileSpec,
    out: Path,
    connections: int | None = None,
    caches: Sequence[BinaryCache] = (),
) -> None:
    """Write one pinned file to `out`.

    Args:
        spec: What to fetch.
        out: Where to write it.
        connections: Maximum number of concurrent requests; None for `max_connections`.
        caches: To be asked before the sources.

    Raises:
        FetchError: No source has it, or they have other bytes than pinned.
    """
    progress = Progress(f"{spec.source.label} {spec.path}", spec.size)
    asked = replace(spec, sources=(*caches, *spec.sources))
    fetch_files([(asked, out)], connections=connections, progress=progress)


def fetch_bundle(
    spec: BundleSpec,
    out: Path,
    connections: int | None = None,
    caches: Sequence[BinaryCache] = (),
) -> None:
    """Write pinned files to the directory `out`, each content once, named by its sha256 in hex.

    Args:
        spec: What to fetch.
        out: Where to write it.
        connections: Maximum number of concurrent requests; None for `max_connections`.
        caches: To be asked before the sources, for the archive of BUNDLE.

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
        if caches and _fetch_archive(spec, out, most, caches):
            return
        with Progress(f"{spec.source.label}{label}", total) as counter:
            pool = WorkerPool(most, counter)

            def download(file: RemoteFile) -> Download:
                target = FileTarget(out / (file.sha256 or ""))
                return Download(file, upstreams, target, pool, lambda _: None)

            pool.run(map(download, files.emptied()))


def _fetch_archive(
    spec: BundleSpec, out: Path, connections: int, caches: Sequence[BinaryCache]
) -> bool:
    """Fill a bundle with what the first cache has that has it; return whether one has."""
    sizes = {sri_to_hex(file.hash): file.size for file in spec.files.values()}
    known = None if None in sizes.values() else bundle_size(size or 0 for size in sizes.values())
    archive = out / ".archive"
    upstreams = Upstreams([Upstream(cache, connections) for cache in caches], last=False)
    try:
        with Progress(f"{spec.source.label}, {counted(len(sizes), 'file')}", known) as counter:
            pool = WorkerPool(connections, counter)
            file = RemoteFile(BUNDLE, known)
            pool.run(iter([Download(file, upstreams, FileTarget(archive), pool)]))
            with archive.open("rb") as content:
                unpack_bundle(content, sizes, out)
    except DiskFullError:
        raise
    except (FetchError, ValueError) as error:
        what = error if isinstance(error, FetchError) else f"{caches[0].label} {BUNDLE}: {error}"
        say(f"{what}; asking {spec.source.location} instead")
        return False
    finally:
        archive.unlink(missing_ok=True)
    return True


def _contents_of(spec: BundleSpec) -> RemoteFiles:
    """Return a file for each content of a bundle."""
    first: dict[str, str] = {}
    for path, file in spec.files.items():
        first.setdefault(file.hash, path)
    return RemoteFiles(
        RemoteFile(path, spec.files[path].size, sri_to_hex(sri)) for sri, path in first.items()
    )


def fetch_files(
    wanted: Sequence[tuple[FileSpec, Path]],
    done: Callable[[Path], None] = lambda _: None,
    connections: int | None = None,
    target: MakeTarget = make_target,
    progress: Progress | None = None,
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

    Raises:
        FetchError: The first failure.
    """
    most = max_connections() if connections is None else connections
    files = FileDownloads(wanted, done, most, target)
    check_space((path.parent, spec.size or 0) for spec, path in wanted)
    one = f"{wanted[0][0].source.label} {wanted[0][0].path}" if len(wanted) == 1 else None
    with (
        removed_on_failure(path for _, path in wanted) as files.unfinished,
        progress or Progress(one or counted(len(wanted), "file"), files.total) as counter,
    ):
        fetch_together([files], counter, most)


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
    tree = TreeDownload(spec, out, most, target)
    check_space([(out.parent, tree.total)])
    label = spec.source.label
    made = progress(tree.total, tree.count) if progress else Progress(label, tree.total)
    with removed_on_failure([out]), made as counter:
        fetch_together([tree], counter, most)


def max_connections() -> int:
    """Read how many connections to a server this machine may have: AIMODELS_MAX_CONNECTIONS.

    Raises:
        SettingError: As `limit`.
    """
    return limit("AIMODELS_MAX_CONNECTIONS", _MAX_CONNECTIONS)
