"""Putting into the store what a lock pins."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher import log
from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.wording import bytes_text, counted
from aimodels_gen.columns import aligned
from aimodels_gen.errors import AimodelsError, SourceError, StoreError
from aimodels_gen.lock.clients import Clients
from aimodels_gen.lock.contents import Contents
from aimodels_gen.lock.failures import Failures
from aimodels_gen.lock.model import TreePin
from aimodels_gen.lock.partial_files import PartialFiles
from aimodels_gen.lock.pinned import PinnedFile
from aimodels_gen.nix import store, store_path
from aimodels_gen.nix.store import StoredFile
from aimodels_gen.reports import prefetch as document
from aimodels_gen.store.download import Download
from aimodels_gen.store.paths import PinnedBundle, store_paths
from aimodels_gen.store.prefetch_bundles import PrefetchedBundles
from aimodels_gen.store.roots import Roots

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from aimodels_gen.amounts import Show
    from aimodels_gen.errors import CombinedError
    from aimodels_gen.lock.model import LockedModel, PinnedSource

    Report = Callable[[str], None]

# Of files that Nix is asked to take at a time; it says nothing until they are there.
_BATCH_BYTES = 1 << 30
_BATCH_FILES = 100


@dataclass(frozen=True)
class Prefetched:
    """What a run has put into the store.

    Attributes:
        paths: by model, all its store paths, those that were there included, with their sizes.
        reused: those whose content the store had under other paths.
        cached: those whose content the user's cache had.
        downloaded: those that were downloaded.
        lacking: those that are not there, because something failed.
        error: what failed, and why.
    """

    paths: Mapping[str, Mapping[str, int]]
    reused: Collection[str] = ()
    cached: Collection[str] = ()
    downloaded: Collection[str] = ()
    lacking: Collection[str] = ()
    error: CombinedError | None = None

    @property
    def added(self) -> tuple[str, ...]:
        """Return the paths that were not there before, in the order of the models."""
        new = {*self.reused, *self.cached, *self.downloaded}
        return tuple(dict.fromkeys(p for paths in self.paths.values() for p in paths if p in new))

    def summary(self, width: int | None = None) -> list[str]:
        """Return how many paths of each model came from where, and what was added in all.

        A model has a line, or two on a terminal of a width that is too small for that.
        """
        rows = []
        for name, paths in self.paths.items():
            counts = [
                (sum(path in self.downloaded for path in paths), "downloaded"),
                (sum(path in self.reused for path in paths), "taken from other paths in the store"),
                (sum(path in self.cached for path in paths), "taken from the cache"),
                (sum(self._origin(path) == "present" for path in paths), "there already"),
                (sum(path in self.lacking for path in paths), "missing"),
            ]
            words = ", ".join(f"{count} {what}" for count, what in counts if count)
            rows.append((name, f"{counted(len(paths), 'path')}: {words or 'nothing to do'}"))
        added = self.added
        sizes = {path: size for paths in self.paths.values() for path, size in paths.items()}
        total = f"{counted(len(added), 'path')} added to the store"
        if added:
            total += f", {bytes_text(sum(sizes[path] for path in added))}"
        return [*(line for lines in aligned(rows, width=width) for line in lines), total]

    def check(self) -> None:
        """Raise what failed.

        Raises:
            CombinedError: some models failed; the others are there.
        """
        if self.error:
            raise self.error

    def report(self) -> document.Report:
        """Return what `--json` prints."""
        models = [
            document.Model(
                name=name,
                paths=[
                    document.StorePath(path=path, size=size, origin=self._origin(path))
                    for path, size in paths.items()
                ],
            )
            for name, paths in self.paths.items()
        ]
        every = {path: size for paths in self.paths.values() for path, size in paths.items()}

        def total(origin: document.Origin) -> document.Total:
            sizes = [size for path, size in every.items() if self._origin(path) == origin]
            return document.Total(paths=len(sizes), bytes=sum(sizes))

        return document.Report(
            models=models,
            downloaded=total("downloaded"),
            reused=total("reused"),
            cached=total("cached"),
            present=total("present"),
            missing=total("missing"),
            errors=[failure.message for failure in self.error.failures] if self.error else [],
        )

    def _origin(self, path: str) -> document.Origin:
        if path in self.downloaded:
            return "downloaded"
        if path in self.reused:
            return "reused"
        if path in self.cached:
            return "cached"
        return "missing" if path in self.lacking else "present"


@dataclass
class _Run:
    """Who is told, and what has been done so far."""

    report: Show
    warn: Report
    progress: Show
    known: Sequence[LockedModel]
    contents: Contents
    roots: Roots
    failures: Failures = field(default_factory=Failures)
    reused: set[str] = field(default_factory=set)
    cached: set[str] = field(default_factory=set)
    downloaded: set[str] = field(default_factory=set)

    def stored(self, paths: Mapping[str, bool]) -> None:
        """Keep paths that have been downloaded, or whose content the user's cache had."""
        for path, was_cached in paths.items():
            (self.cached if was_cached else self.downloaded).add(path)
        self.roots.keep(paths.keys())


def prefetch(  # noqa: PLR0913 (what to prefetch, and who is told)
    models: Sequence[LockedModel],
    report: Show = lambda _: None,
    warn: Report = lambda _: None,
    progress: Show = lambda _: None,
    *,
    known: Sequence[LockedModel] = (),
    root: Path | None = None,
) -> Prefetched:
    """Put what the store lacks of these models into it.

    The paths are those of the derivations: a `tree` pin is one, a `files` pin one for each file
    that is not bundled, and one for the bundle. Content that the store has under other paths, such
    as in an entry that was built before, is taken from there, and small files from the user's
    cache. The rest is downloaded. Where that fails for a model, the others go on.

    Args:
        models: The models.
        report: Receives short lines about what is under way.
        warn: Receives what the reader should know.
        progress: Receives lines that say how far the downloads are.
        known: Other pins, new and old, whose files may be the same.
        root: The directory of links that keep the store paths, from the moment they are there.

    Raises:
        StoreError: there is no Nix, or it refused.
        FetchError: there is no space.
    """
    if not store.have_nix():
        raise StoreError("there is no nix-store on PATH", "install Nix, or add it to PATH")
    found = {model.name: store_paths(model) for model in models}
    items = {path: item for paths in found.values() for path, item in paths.items()}
    absent = store.missing(list(items))
    wanted = {path: item for path, item in items.items() if path in absent}
    files = {path: item for path, item in wanted.items() if isinstance(item, PinnedFile)}
    trees = [
        model
        for model in models
        if isinstance(model.pin, TreePin) and absent.intersection(found[model.name])
    ]
    every = [*models, *known]
    with Contents(list(dict.fromkeys(model.name for model in every))) as contents:
        run = _Run(report, warn, progress, every, contents, Roots(root, found))
        run.roots.keep(items.keys() - absent)
        bundles = PrefetchedBundles(
            {path: item for path, item in wanted.items() if isinstance(item, PinnedBundle)},
            contents,
            run.failures,
        )
        files = _reuse(files, run) if files else {}
        try:
            _download(files, bundles.lacking, trees, run)
        except AimodelsError:
            with suppress(StoreError):
                run.roots.keep(bundles.add(report))  # what is whole need not be downloaded again
            raise
        run.roots.keep(bundles.add(report))
    downloaded = run.downloaded | bundles.downloaded
    reused = run.reused | bundles.reused
    cached = run.cached | bundles.cached
    lacking = absent - downloaded - reused - cached
    run.roots.finish(lacking)
    with PartialFiles() as partials:
        pinned = (i for p, i in items.items() if isinstance(i, PinnedFile) and p not in lacking)
        partials.forget({sri_to_hex(item.pin.hash) for item in pinned})
    return Prefetched(
        {
            model.name: {p: _size(model, i) for p, i in found[model.name].items()}
            for model in models
        },
        reused,
        cached,
        downloaded,
        lacking,
        run.failures.together([model.name for model in models]),
    )


def _size(model: LockedModel, item: PinnedFile | PinnedBundle | None) -> int:
    """Return the bytes of the files of a store path."""
    if isinstance(item, PinnedFile):
        return item.pin.size
    if isinstance(item, PinnedBundle):
        # Equal files are there once.
        return sum({file.hash: file.size for file in item.bundle.files.values()}.values())
    return model.pin.size


def _reuse(files: Mapping[str, PinnedFile], run: _Run) -> dict[str, PinnedFile]:
    """Take from the store what it has under other paths; return the files that it lacks."""
    stored = run.contents.stored
    renamed: dict[str, set[str]] = {}
    for model in run.known:
        for path, item in store_paths(model).items():
            if isinstance(item, PinnedFile) and path not in files:
                renamed.setdefault(item.pin.hash, set()).add(path)
    located: dict[str, tuple[Path, PinnedFile]] = {}
    for path, file in files.items():
        others = (Path(other) for other in renamed.get(file.pin.hash, ()))
        found = stored.blob(sri_to_hex(file.pin.hash)) or next(filter(Path.is_file, others), None)
        if found:
            located[path] = found, file
    _take(located, run)
    return {path: file for path, file in files.items() if path not in run.reused}


def _take(files: Mapping[str, tuple[Path, PinnedFile]], run: _Run) -> None:
    """Let Nix add files of the store under the paths of this mapping, which verifies them."""
    batch: list[StoredFile] = []
    size = 0
    for number, (found, file) in enumerate(files.values(), 1):
        batch.append(StoredFile(found, store_path.file_name(file.path), file.pin.hash))
        size += file.pin.size
        if size < _BATCH_BYTES and len(batch) < _BATCH_FILES and number < len(files):
            continue
        run.report(f"{file.model}: taking {counted(len(batch), 'file')} from the store")
        there = store.add_stored(batch)
        run.reused |= there
        run.roots.keep(there)
        for one in batch:
            if one.path not in there:
                run.warn(f"{one.file} is damaged or was removed; downloading {one.name} instead")
        batch, size = [], 0


def _download(
    files: Mapping[str, PinnedFile],
    bundled: Mapping[str, Sequence[PinnedFile]],
    trees: Sequence[LockedModel],
    run: _Run,
) -> None:
    """Download files, those of bundles among them, and trees."""
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
        download = Download(
            clients, run.contents, run.failures, run.stored, run.report, run.progress
        )
        come: dict[str, str] = {}
        able = [model for model in trees if model.name not in unable]
        for wave in zip_longest(*by_content.values(), *bundled.values()):
            wanted = [
                file
                for file in filter(None, wave)
                if file.model not in unable and not _has(file, come, run)
            ]
            if wanted or able:
                download.run(wanted, able)
                able = []
                here = run.downloaded | run.cached
                come = {f.pin.hash: path for path, f in files.items() if path in here}
        if able:
            download.run([], able)
        others = {p: f for p, f in files.items() if come.get(f.pin.hash, p) != p}
        _take({path: (Path(come[f.pin.hash]), f) for path, f in others.items()}, run)


def _has(file: PinnedFile, come: Mapping[str, str], run: _Run) -> bool:
    if file.bundled:
        return run.contents.holds([sri_to_hex(file.pin.hash)])
    return file.pin.hash in come


def _clients(pinned: Sequence[tuple[str, Sequence[PinnedSource]]], run: _Run) -> Clients:
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
