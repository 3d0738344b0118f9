"""Taking into the store what a lock pins, from a binary cache or the store of another machine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher import log
from aimodels_fetcher.fetch import max_connections
from aimodels_fetcher.sources.binary_cache import BinaryCache as Files
from aimodels_fetcher.wording import bytes_text, counted
from aimodels_gen.errors import StoreError
from aimodels_gen.lock.pinned import PinnedFile
from aimodels_gen.lock.progress import RunProgress
from aimodels_gen.nix import remote_store, store
from aimodels_gen.nix.store_url import SshStore
from aimodels_gen.reports import pull as document
from aimodels_gen.store import pull_offers
from aimodels_gen.store.binary_caches import open_cache
from aimodels_gen.store.binary_caches.base import CacheError
from aimodels_gen.store.download import Download
from aimodels_gen.store.filling import fill, take
from aimodels_gen.store.paths import store_paths
from aimodels_gen.store.pull_archives import ArchiveCopy, ArchiveDownload

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from aimodels_fetcher.sources.base import Source
    from aimodels_gen.amounts import Show
    from aimodels_gen.errors import AimodelsError
    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.nix import store_url
    from aimodels_gen.nix.copying import Copied
    from aimodels_gen.store.binary_caches.base import BinaryCache
    from aimodels_gen.store.filling import Run, Wanted
    from aimodels_gen.store.path_downloads import PathDownload
    from aimodels_gen.store.prefetched import Prefetched
    from aimodels_gen.store.pull_archives import Offer
    from aimodels_gen.store.pull_offers import Item, Offers

    Report = Callable[[str], None]

# Of paths that Nix copies together: a connection is made for each.
_BATCH_BYTES = 8 << 30
_BATCH_PATHS = 200
_LACKS = (
    "run `aimodels-gen push` on a machine that has them, or `aimodels-gen prefetch`, which "
    "downloads them from the sources of the models"
)


@dataclass(frozen=True)
class Pulled:
    """What a run has put into the store.

    Attributes:
        cache: where it came from.
        filled: what is there now.
        received: bytes that have come from the cache.
    """

    cache: str
    filled: Prefetched
    received: int

    def summary(self, width: int | None = None) -> list[str]:
        """Return the lines for people."""
        *lines, total = self.filled.summary(width)
        if self.received:
            total += f"; {bytes_text(self.received)} came from {self.cache}"
        return [*lines, total]

    def report(self) -> document.Report:
        """Return what `--json` prints."""
        filled = self.filled.report()
        return document.Report(
            cache=self.cache,
            models=filled.models,
            pulled=filled.downloaded,
            reused=filled.reused,
            cached=filled.cached,
            present=filled.present,
            missing=filled.missing,
            received=self.received,
            errors=filled.errors,
        )


def pull(  # noqa: PLR0913 (what to take from where, and who is told)
    models: Sequence[LockedModel],
    url: store_url.StoreUrl,
    report: Show = lambda _: None,
    warn: Report = lambda _: None,
    progress: Show = lambda _: None,
    *,
    known: Sequence[LockedModel] = (),
    root: Path | None = None,
) -> Pulled:
    """Put what the store lacks of these models into it: what is not here comes from a cache.

    Everything is compared with its pin: the cache need not be trusted. See `fill` for the other
    arguments.

    Args:
        models: The models.
        url: Of the cache, or of a store over SSH.
        report: As there.
        warn: As there.
        progress: As there.
        known: As there.
        root: As there.

    Raises:
        StoreError: there is no Nix, or it refused.
        AimodelsError: the cache is none, or does not answer.
    """
    fetch = (_FromStore if isinstance(url, SshStore) else _FromCache)(url, models)
    done = fill(models, fetch, report, warn, progress, known=known, root=root)
    return Pulled(url.label, replace(done, verb="pulled"), fetch.received)


class _Fetch(ABC):
    """Fetches what is wanted.

    Attributes:
        received: bytes that have come.
    """

    def __init__(self, url: store_url.StoreUrl, models: Sequence[LockedModel]) -> None:
        self.received = 0
        self._url = url
        self._paths = {model.name: list(store_paths(model)) for model in models}

    def __call__(self, wanted: Wanted, run: Run) -> None:
        """Fetch files, bundles and trees; what is not there is a failure of its models."""
        trees = {self._paths[model.name][0]: model for model in wanted.trees}
        items: dict[str, Item] = {**wanted.files, **wanted.bundles.incomplete, **trees}
        if items:
            run.report(f"asking {self._url.label} for {counted(len(items), 'path')}")
            self._fetch_all(items, run)

    @abstractmethod
    def _fetch_all(self, items: Mapping[str, Item], run: Run) -> None:
        """Fetch what the store lacks, by store path."""

    def _lacks(self, absent: Collection[str], run: Run) -> None:
        """Say of each model what is not there, unless it has failed otherwise."""
        for name, paths in self._paths.items():
            if lacking := [path for path in paths if path in absent]:
                more = f" and {counted(len(lacking) - 1, 'more path')}" if lacking[1:] else ""
                error = CacheError(f"{self._url.label} does not have {lacking[0]}{more}", _LACKS)
                run.failures.add(name, error)


class _FromStore(_Fetch):
    """Lets Nix copy from the store of another machine."""

    def _fetch_all(self, items: Mapping[str, Item], run: Run) -> None:
        assert isinstance(self._url, SshStore)  # noqa: S101 (for mypy)
        there = remote_store.present(self._url.url, list(items))
        self._lacks(items.keys() - there.keys(), run)
        owners = {path: name for name, paths in self._paths.items() for path in paths}
        counts = Counter(owners[path] for path in there)
        whose = {Path(path): name for path, name in owners.items()}
        if not there:
            return
        with RunProgress(sum(there.values()), counts, run.progress, whose.__getitem__) as counter:

            def copied(path: str, count: int | None) -> None:
                if path in there and count is None:
                    counter.complete(Path(path))
                elif path in there:
                    counter.add(count or 0)

            for batch in _batches(there):
                self._copy(batch, copied, run)
        self.received = sum(there[path] for path in there if path in run.downloaded)

    def _copy(self, batch: Sequence[str], copied: Copied, run: Run) -> None:
        assert isinstance(self._url, SshStore)  # noqa: S101 (for mypy)
        come = set(batch)
        try:
            remote_store.copy_from(self._url.url, batch, copied)
        except StoreError as error:
            come -= store.missing(batch)
            for name, paths in self._paths.items():
                if ({*batch} - come) & {*paths}:
                    run.failures.add(name, error)
        run.stored(dict.fromkeys(come, False))


class _FromCache(_Fetch):
    """Fetches from a binary cache."""

    def _fetch_all(self, items: Mapping[str, Item], run: Run) -> None:
        assert not isinstance(self._url, SshStore)  # noqa: S101 (for mypy)
        with (
            log.redirected(run.report, run.warn),
            open_cache(self._url, max_connections()) as cache,
        ):
            offers = pull_offers.ask(cache, items)
            by_content = _by_content(items)
            first = {
                next((path for path in paths if path in offers.good), paths[0]): paths
                for paths in by_content
            }
            self._fetch(cache, {p: offers.good[p] for p in first if p in offers.good}, items, run)
        # What several paths have in common has come once.
        come = {path: paths for path, paths in first.items() if path in run.downloaded | run.cached}
        others = {
            other: (Path(path), item)
            for path, paths in come.items()
            for other in paths
            if other != path and isinstance(item := items[other], PinnedFile)
        }
        take(others, run)
        causes = dict(offers.wrong)
        for path, paths in first.items():
            if path in offers.good and (error := run.failures.first(offers.good[path].model)):
                causes.update(dict.fromkeys(paths, error))
        self._explain(offers, causes, {*items} - run.downloaded - run.cached - run.reused, run)

    def _fetch(
        self,
        cache: BinaryCache,
        offers: Mapping[str, Offer],
        items: Mapping[str, Item],
        run: Run,
    ) -> None:
        files: list[PinnedFile] = []
        others: list[PathDownload] = []
        place = cache.files
        named: dict[str, dict[str, str]] = defaultdict(dict)
        for path, offer in offers.items():
            item = items[path]
            with run.failures.collect(offer.model):
                if isinstance(place, Path):
                    others.append(ArchiveCopy(offer, place))
                elif isinstance(item, PinnedFile) and offer.info.compression == "none":
                    files.append(item)
                    named[item.model][item.path] = path
                else:
                    others.append(ArchiveDownload(offer, place))
        sources: dict[str, tuple[Source, ...]] = {}
        if not isinstance(place, Path):
            sources = {model: (Files(place, paths),) for model, paths in named.items()}
        download = Download(
            lambda file: sources[file.model],
            run.contents,
            run.failures,
            run.stored,
            run.report,
            run.progress,
        )
        self.received += download.run(files, others)

    def _explain(
        self, offers: Offers, causes: Mapping[str, AimodelsError], absent: set[str], run: Run
    ) -> None:
        """Say of each model why something is absent; several may want the same path."""
        self._lacks(absent & offers.lacking, run)
        for name, paths in self._paths.items():
            for path in paths:
                if path in absent and path in causes:
                    run.failures.add(name, causes[path])


def _batches(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Yield paths, as many at a time as are kept together: what is whole has a root at once."""
    batch: list[str] = []
    size = 0
    for path, bytes_ in sizes.items():
        batch.append(path)
        size += bytes_
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_PATHS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _by_content(items: Mapping[str, Item]) -> Iterable[list[str]]:
    """Return paths that have the same content under several names, together."""
    found: dict[str, list[str]] = {}
    for path, item in items.items():
        found.setdefault(item.pin.hash if isinstance(item, PinnedFile) else path, []).append(path)
    return found.values()
