"""Downloading into the store what a lock pins, from the sources of its models."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher import log
from aimodels_fetcher.digests import sri_to_hex
from aimodels_gen.errors import SourceError
from aimodels_gen.lock.clients import Clients
from aimodels_gen.lock.fetch import fetcher_sources
from aimodels_gen.store.download import Download
from aimodels_gen.store.filling import fill, take
from aimodels_gen.store.path_downloads import TreePath

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from aimodels_fetcher.sources.base import Source
    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.model import LockedModel, PinnedSource
    from aimodels_gen.lock.pinned import PinnedFile
    from aimodels_gen.store.filling import Run, Wanted
    from aimodels_gen.store.prefetched import Prefetched

    Report = Callable[[str], None]


def prefetch(  # noqa: PLR0913 (what to prefetch, and who is told)
    models: Sequence[LockedModel],
    report: Show = lambda _: None,
    warn: Report = lambda _: None,
    progress: Show = lambda _: None,
    *,
    known: Sequence[LockedModel] = (),
    root: Path | None = None,
    elsewhere: Collection[str] = (),
) -> Prefetched:
    """Put what the store lacks of these models into it: what is not here is downloaded.

    See `fill` for the arguments.

    Raises:
        StoreError: there is no Nix, or it refused.
        FetchError: there is no space.
    """
    return fill(
        models, _download, report, warn, progress, known=known, root=root, elsewhere=elsewhere
    )


def _download(wanted: Wanted, run: Run) -> None:
    """Download files, those of bundles among them, and trees."""
    files, bundled, trees = wanted.files, wanted.bundles.lacking, wanted.trees
    # What several paths have in common comes once: from the first model that can have it.
    by_content: dict[str, list[PinnedFile]] = {}
    for file in files.values():
        by_content.setdefault(file.pin.hash, []).append(file)
    pinned = [
        *((file.model, file.sources) for some in by_content.values() for file in some),
        *((file.model, file.sources) for some in bundled.values() for file in some),
        *((model.name, model.sources) for model in trees),
    ]
    if not pinned:
        return
    with log.redirected(run.report, run.warn), _clients(pinned, run) as clients:
        unable = run.failures.of({name for name, _ in pinned})

        def sources(file: PinnedFile) -> tuple[Source, ...]:
            return fetcher_sources(file.sources, clients)

        download = Download(
            sources, run.contents, run.failures, run.stored, run.report, run.progress
        )
        come: dict[str, str] = {}
        able = [
            TreePath(model, clients, run.contents, run.report)
            for model in trees
            if model.name not in unable
        ]
        for wave in zip_longest(*by_content.values(), *bundled.values()):
            new = [
                file
                for file in filter(None, wave)
                if file.model not in unable and not _has(file, come, run)
            ]
            if new or able:
                download.run(new, able)
                able = []
                here = run.downloaded | run.cached
                come = {f.pin.hash: path for path, f in files.items() if path in here}
        if able:
            download.run([], able)
        others = {p: f for p, f in files.items() if come.get(f.pin.hash, p) != p}
        take({path: (Path(come[f.pin.hash]), f) for path, f in others.items()}, run)


def _has(file: PinnedFile, come: Mapping[str, str], run: Run) -> bool:
    if file.bundled:
        return run.contents.holds([sri_to_hex(file.pin.hash)])
    return file.pin.hash in come


def _clients(pinned: Sequence[tuple[str, Sequence[PinnedSource]]], run: Run) -> Clients:
    """Return clients for the models that can have them; the others have failed."""
    kinds = {one.source.kind: one.source for _, sources in pinned for one in sources}
    refused: set[str] = set()
    for kind, source in kinds.items():
        try:
            with Clients([source], run.warn):
                pass
        except SourceError as error:  # noqa: PERF203 (each may fail)
            refused.add(kind)
            for name, sources in pinned:
                if any(one.source.kind == kind for one in sources):
                    run.failures.add(name, error)
    return Clients((source for kind, source in kinds.items() if kind not in refused), run.warn)
