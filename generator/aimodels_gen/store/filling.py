"""Putting into the store what a lock pins: what is on this machine, and what has to be fetched."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.wording import counted
from aimodels_gen.errors import AimodelsError, StoreError
from aimodels_gen.lock.contents import Contents
from aimodels_gen.lock.failures import Failures
from aimodels_gen.lock.model import TreePin
from aimodels_gen.lock.partial_files import PartialFiles
from aimodels_gen.lock.pinned import PinnedFile
from aimodels_gen.nix import store, store_path
from aimodels_gen.nix.store import StoredFile
from aimodels_gen.store.paths import PinnedBundle, store_paths
from aimodels_gen.store.prefetch_bundles import PrefetchedBundles
from aimodels_gen.store.prefetched import Prefetched
from aimodels_gen.store.roots import Roots

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.model import LockedModel

    Report = Callable[[str], None]

# Of files that Nix is asked to take at a time; it says nothing until they are there.
_BATCH_BYTES = 1 << 30
_BATCH_FILES = 100


@dataclass
class Run:
    """Who is told, and what has been done so far.

    Attributes:
        report: receives short lines about what is under way.
        warn: receives what the reader should know.
        progress: receives lines that say how far the downloads are.
        known: pins whose files may be the same.
        contents: of small files.
        roots: keep what is in the store.
        failures: of models; the others go on.
        reused: store paths whose content the store had under other paths.
        cached: those whose content the user's cache had.
        downloaded: those that were downloaded.
    """

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


@dataclass(frozen=True)
class Wanted:
    """What the store lacks, and has nowhere else.

    Attributes:
        files: by store path.
        bundles: those whose files are not all at hand are fetched.
        trees: models.
    """

    files: Mapping[str, PinnedFile]
    bundles: PrefetchedBundles
    trees: Sequence[LockedModel]


def fill(  # noqa: PLR0913 (what to take from where, and who is told)
    models: Sequence[LockedModel],
    fetch: Callable[[Wanted, Run], None],
    report: Show = lambda _: None,
    warn: Report = lambda _: None,
    progress: Show = lambda _: None,
    *,
    known: Sequence[LockedModel] = (),
    root: Path | None = None,
    elsewhere: Collection[str] = (),
) -> Prefetched:
    """Put what the store lacks of these models into it.

    The paths are those of the derivations: a `tree` pin is one, a `files` pin one for each file
    that is not bundled, and one for the bundle. Content that the store has under other paths, such
    as in an entry that was built before, is taken from there, and small files from the user's
    cache. The rest is fetched. Where that fails for a model, the others go on.

    Args:
        models: The models.
        fetch: Fetches what is not here.
        report: Receives short lines about what is under way.
        warn: Receives what the reader should know.
        progress: Receives lines that say how far the downloads are.
        known: Other pins, new and old, whose files may be the same.
        root: The directory of links that keep the store paths, from the moment they are there.
        elsewhere: Store paths that need not be in the store.

    Raises:
        StoreError: there is no Nix, or it refused.
        FetchError: there is no space.
    """
    store.check_nix()
    found = {model.name: store_paths(model) for model in models}
    items = {path: item for paths in found.values() for path, item in paths.items()}
    absent = store.missing(list(items)).difference(elsewhere)
    wanted = {path: item for path, item in items.items() if path in absent}
    files = {path: item for path, item in wanted.items() if isinstance(item, PinnedFile)}
    trees = [
        model
        for model in models
        if isinstance(model.pin, TreePin) and absent.intersection(found[model.name])
    ]
    every = [*models, *known]
    with Contents(list(dict.fromkeys(model.name for model in every))) as contents:
        run = Run(report, warn, progress, every, contents, Roots(root, found))
        run.roots.keep(items.keys() - absent)
        bundles = PrefetchedBundles(
            {path: item for path, item in wanted.items() if isinstance(item, PinnedBundle)},
            contents,
            run.failures,
        )
        files = _reuse(files, run) if files else {}
        try:
            fetch(Wanted(files, bundles, trees), run)
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


def _reuse(files: Mapping[str, PinnedFile], run: Run) -> dict[str, PinnedFile]:
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
    take(located, run)
    return {path: file for path, file in files.items() if path not in run.reused}


def take(files: Mapping[str, tuple[Path, PinnedFile]], run: Run) -> None:
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
