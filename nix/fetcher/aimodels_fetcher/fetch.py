"""The two modes that download: one file, and all files of an entry."""

from __future__ import annotations

import shutil
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING

from aimodels_fetcher import layout
from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.download import Origin, download
from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.paths import select, shown
from aimodels_fetcher.progress import Cancelled, Progress, bytes_text
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.transport import StatusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from aimodels_fetcher.spec import FileSpec, TreeSpec

_FILES_AT_ONCE = 8


def fetch_file(spec: FileSpec, out: Path) -> None:
    """Write one pinned file to `out`.

    Raises:
        FetchError: It cannot be had, or has other bytes than pinned.
    """
    remote = RemoteFile(spec.path, spec.size, sri_to_hex(spec.hash), git_blob_id=None, lfs=False)
    origin = Origin(spec.source, spec.source.client(), spec.source.commit({}))
    check_space(out.parent, spec.size or 0)
    with Progress(f"{spec.source.label} {shown(spec.path)}", spec.size) as progress:
        download(origin, remote, out, progress)


def fetch_tree(spec: TreeSpec, out: Path) -> None:
    """Fetch every file that the patterns let through, and lay out the entry (or plain files).

    Raises:
        FetchError: No file matches, or one of them cannot be had as listed.
    """
    client = spec.source.client()
    try:
        commit, listing = spec.source.listing(client)
    except StatusError as error:
        raise spec.source.explain(error) from error
    wanted = set(select((f.path for f in listing), spec.include, spec.exclude))
    files = [f for f in listing if f.path in wanted]
    if not files:
        raise FetchError(
            f"{spec.source.label}: none of {len(listing)} files match",
            f"change include = {spec.include!r} or exclude = {spec.exclude!r}",
        )
    # Equal content is fetched once, and in an entry it is one blob.
    groups: dict[str, list[RemoteFile]] = {}
    for file in files:
        content = file.sha256 or file.git_blob_id
        groups.setdefault(content if spec.integration and content else file.path, []).append(file)
    total = sum(group[0].size or 0 for group in groups.values())
    check_space(out.parent, total)
    origin = Origin(spec.source, client, commit)
    with Progress(spec.source.label, total) as progress:
        if spec.integration:
            _fetch_entry(origin, list(groups.values()), out, progress)
        else:
            _fetch_plain(origin, files, out, progress)


def _fetch_entry(
    origin: Origin, groups: list[list[RemoteFile]], out: Path, progress: Progress
) -> None:
    layout.start(out)
    laid: dict[str, layout.LaidFile] = {}

    def fetch(number: int, group: list[RemoteFile]) -> None:
        part = out / "blobs" / f"{number}.part"
        sha256 = download(origin, group[0], part, progress)
        size = part.stat().st_size
        part.rename(layout.blob_path(out, sha256))
        for file in group:
            laid[file.path] = layout.LaidFile(sha256, size, file.git_blob_id)

    _all_at_once(progress, (partial(fetch, n, g) for n, g in enumerate(groups)))
    layout.finish(out, origin.source, origin.commit, laid)


def _fetch_plain(origin: Origin, files: list[RemoteFile], out: Path, progress: Progress) -> None:
    targets = [(file, layout.make_room(out, file.path)) for file in files]
    _all_at_once(
        progress,
        (partial(download, origin, file, target, progress) for file, target in targets),
    )


def _all_at_once(progress: Progress, tasks: Iterable[Callable[[], object]]) -> None:
    """Run tasks on a few threads; the first failure stops them all and is raised."""
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            progress.cancel()
            pool.shutdown(wait=False, cancel_futures=True)
    failures = [e for future in done if (e := future.exception()) is not None]
    for failure in failures:
        if not isinstance(failure, Cancelled):
            raise failure


def check_space(folder: Path, needed: int) -> None:
    """Refuse to start what cannot fit.

    Args:
        folder: Where it will be written.
        needed: Bytes.

    Raises:
        FetchError: Less than that is free.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FetchError(
            f"{folder} has {bytes_text(free)} free, but {bytes_text(needed)} are needed",
            "free some space (nix-collect-garbage -d), then build again",
        )
