"""Putting into the store what a lock pins."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher import log
from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.wording import counted
from aimodels_gen.errors import AimodelsError, StoreError
from aimodels_gen.lock.clients import Clients
from aimodels_gen.lock.contents import Contents
from aimodels_gen.lock.fetch import fetch_files, fetch_tree
from aimodels_gen.lock.model import TreePin
from aimodels_gen.lock.pinned import PinnedFile
from aimodels_gen.nix import store, store_path
from aimodels_gen.nix.store import StoredFile
from aimodels_gen.store.paths import PinnedBundle, store_paths
from aimodels_gen.store.prefetch_bundles import PrefetchedBundles

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from aimodels_gen.lock.model import LockedModel

    Report = Callable[[str], None]

# Of files that Nix is asked to take at a time; it says nothing until they are there.
_BATCH_BYTES = 1 << 30
_BATCH_FILES = 100


@dataclass(frozen=True)
class Prefetched:
    """What a run has put into the store.

    Attributes:
        paths: by model, all its store paths, those that were there included.
        reused: those whose content the store had under other paths.
        cached: those whose content the user's cache had.
        downloaded: those that were downloaded.
    """

    paths: Mapping[str, Sequence[str]]
    reused: Collection[str] = ()
    cached: Collection[str] = ()
    downloaded: Collection[str] = ()

    @property
    def added(self) -> tuple[str, ...]:
        """Return the paths that were not there before, in the order of the models."""
        new = {*self.reused, *self.cached, *self.downloaded}
        return tuple(dict.fromkeys(p for paths in self.paths.values() for p in paths if p in new))

    def summary(self) -> list[str]:
        """Return a line for each model: how many of its paths came from where."""
        lines = []
        new = set(self.added)
        for name, paths in self.paths.items():
            counts = [
                (sum(path in self.downloaded for path in paths), "downloaded"),
                (sum(path in self.reused for path in paths), "taken from other paths in the store"),
                (sum(path in self.cached for path in paths), "taken from the cache"),
                (sum(path not in new for path in paths), "there already"),
            ]
            words = ", ".join(f"{count} {what}" for count, what in counts if count)
            lines.append(f"{name}  {counted(len(paths), 'path')}: {words or 'nothing to do'}")
        return lines


@dataclass
class _Run:
    """Who is told, and what has been done so far."""

    report: Report
    warn: Report
    progress: Report
    known: Sequence[LockedModel]
    contents: Contents
    reused: set[str] = field(default_factory=set)
    downloaded: set[str] = field(default_factory=set)


def prefetch(
    models: Sequence[LockedModel],
    report: Report = lambda _: None,
    warn: Report = lambda _: None,
    progress: Report = lambda _: None,
    known: Sequence[LockedModel] = (),
) -> Prefetched:
    """Put what the store lacks of these models into it.

    The paths are those of the derivations: a `tree` pin is one, a `files` pin one for each file
    that is not bundled, and one for the bundle. Content that the store has under other paths, such
    as in an entry that was built before, is taken from there, and small files from the user's
    cache. The rest is downloaded.

    Args:
        models: The models.
        report: Receives short lines about what is under way.
        warn: Receives what the reader should know.
        progress: Receives lines that say how far the downloads are.
        known: Other pins, new and old, whose files may be the same.

    Raises:
        StoreError: there is no Nix, or it refused, or a source now has other bytes than are pinned.
        FetchError: a file cannot be fetched.
        SourceError: there is a token that cannot be used.
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
        run = _Run(report, warn, progress, every, contents)
        bundles = PrefetchedBundles(
            {path: item for path, item in wanted.items() if isinstance(item, PinnedBundle)},
            contents,
        )
        files = _reuse(files, run) if files else {}
        try:
            _download(files, bundles.lacking, trees, run)
        except AimodelsError:
            with suppress(StoreError):
                bundles.add(report)  # what is whole need not be downloaded again
            raise
        bundles.add(report)
        run.downloaded.update(path for model in trees for path in found[model.name])
    paths = {name: tuple(paths) for name, paths in found.items()}
    return Prefetched(
        paths,
        run.reused | bundles.reused,
        bundles.cached,
        run.downloaded | bundles.downloaded,
    )


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
        for one in batch:
            if one.path not in there:
                run.warn(f"{one.file} is damaged or was removed; downloading {one.name} instead")
        batch, size = [], 0


def _download(
    files: Mapping[str, PinnedFile],
    bundled: Sequence[PinnedFile],
    trees: Sequence[LockedModel],
    run: _Run,
) -> None:
    """Download files, those of bundles among them, and trees."""
    pinned = [
        *(file.sources for file in (*files.values(), *bundled)),
        *(model.sources for model in trees),
    ]
    if not pinned:
        return
    sources = [one.source for some in pinned for one in some]
    # What several paths have in common comes once.
    first: dict[str, str] = {}
    for path, file in files.items():
        first.setdefault(file.pin.hash, path)
    with log.redirected(run.report, run.warn), Clients(sources, run.warn) as clients:
        if files or bundled:
            wanted = [*(files[path] for path in first.values()), *bundled]
            fetch_files(wanted, clients, run.contents, run.report, run.progress)
            run.downloaded.update(first.values())
            others = {path: file for path, file in files.items() if path not in run.downloaded}
            _take({path: (Path(first[f.pin.hash]), f) for path, f in others.items()}, run)
        for model in trees:
            _fetch_tree(model, clients, run)


def _fetch_tree(model: LockedModel, clients: Clients, run: _Run) -> None:
    found = fetch_tree(model.tree, {}, clients, run.contents, run.report, progress=run.progress)
    if isinstance(model.pin, TreePin) and found.hash != model.pin.hash:
        raise StoreError(
            f"{model.name} is pinned to {model.pin.hash}, but its source now has {found.hash}",
            "a commit does not change: a mirror or proxy alters it, or the lock was edited; to pin "
            f"what the source has now, delete {model.name} from models of the lock, and run "
            "`aimodels-gen lock`",
        )
    if found.not_stored is not None:
        raise found.not_stored
