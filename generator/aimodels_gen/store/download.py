"""Downloading what is pinned, and adding it to the store meanwhile: all models at once."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher import log
from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.downloads import FileDownloads, fetch_together
from aimodels_fetcher.errors import DiskFullError, SettingError
from aimodels_fetcher.fetch import max_connections
from aimodels_fetcher.output import check_space
from aimodels_fetcher.spec import FileSpec
from aimodels_fetcher.targets import FileTarget
from aimodels_gen.errors import AimodelsError, StoreError
from aimodels_gen.lock.fetch import small_target
from aimodels_gen.lock.model import MOST_BUNDLED
from aimodels_gen.lock.partial_files import PartialFiles
from aimodels_gen.lock.progress import RunProgress
from aimodels_gen.lock.workspace import workspace
from aimodels_gen.nix import store, store_path
from aimodels_gen.nix.adder import Adder, Addition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from aimodels_fetcher.downloads import Downloads
    from aimodels_fetcher.sources.base import RemoteFile, Source
    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.contents import Contents
    from aimodels_gen.lock.failures import Failures
    from aimodels_gen.lock.pinned import PinnedFile
    from aimodels_gen.store.path_downloads import Group, PathDownload

# Files of a model that may fail before the others are given up, where none has come.
_MOST_FAILURES = 8
# Of downloads before which the store is tried: it may refuse what takes hours to come.
_LARGE = 64 << 20


@dataclass(frozen=True)
class Download:
    """How to download.

    Attributes:
        sources: returns where a file can be had, in the order in which to ask.
        contents: hold what is bundled, and keep small files for later runs.
        failures: of models; the others go on.
        stored: is called with the store paths of what has been added, each with whether the user's
            cache had the content.
        report: is told what is under way.
        progress: is told how far it is.
    """

    sources: Callable[[PinnedFile], tuple[Source, ...]]
    contents: Contents
    failures: Failures
    stored: Callable[[Mapping[str, bool]], None]
    report: Show
    progress: Show

    def run(self, files: Sequence[PinnedFile], others: Sequence[PathDownload]) -> int:
        """Download files and others, each into the store under the name of its derivation.

        Bundled files are held by `contents`.

        Returns:
            The number of bytes that have come.

        Raises:
            StoreError: the store failed.
            DiskFullError: the disk is full.
            OSError: the temporary directory cannot be written.
        """
        with (
            workspace() as directory,
            PartialFiles() as partials,
            log.redirected(self.report),
        ):
            run = _Run(self, directory, partials)
            groups: list[Downloads] = [*run.files(files), *run.others(others)]
            if not groups:
                return 0
            stored = Path(store.store_dir())
            place = stored if stored.is_dir() else directory
            check_space([(place, max(0, run.total - run.present))])
            with (
                Adder(run.added, run.refused) as run.adder,
                _Counter(run.total, run.counts, self.progress, run.model) as counter,
            ):
                counter.adder = run.adder
                if run.total > _LARGE:
                    run.adder.put(_probe(directory))
                fetch_together(groups, counter, max_connections(), run.failed)
        return counter.received


class _Counter(RunProgress):
    """Counts bytes, and ends the run when the store refuses what came before."""

    adder: Adder

    def add(self, count: int, *, queued: bool = False) -> None:
        """Count bytes that have arrived.

        Raises:
            StoreError: the store has failed.
        """
        super().add(count, queued=queued)
        self.adder.check()


class _Run:
    """A run of downloads, by models.

    Attributes:
        adder: takes what has come.
        total: bytes of all files.
        present: those that an earlier run has left.
        counts: the number of files, by model.
    """

    adder: Adder

    def __init__(self, download: Download, directory: Path, partials: PartialFiles) -> None:
        self.total = self.present = 0
        self.counts: Counter[str] = Counter()
        self._download = download
        self._directory = directory
        self._partials = partials
        self._most = max_connections()
        self._models: dict[Path, str] = {}  # by where a file is to be, or a directory above it
        self._files: dict[Path, PinnedFile] = {}  # by where they are
        self._others: dict[Path, PathDownload] = {}  # by what the store is to take
        self._whole: set[Downloads] = set()  # of which nothing is of use without all of it
        self._names: dict[Downloads, str] = {}
        self._failed: Counter[str] = Counter()
        self._came: set[str] = set()
        self._cached: set[Path] = set()  # where files of the user's cache are

    def files(self, files: Iterable[PinnedFile]) -> list[FileDownloads]:
        """Return the downloads of files."""
        by_model: dict[str, list[PinnedFile]] = defaultdict(list)
        for file in files:
            by_model[file.model].append(file)
        groups = []
        for name, some in by_model.items():
            with self._download.failures.collect(name):
                group = self._group(name, some)
                self._names[group] = name
                groups.append(group)
        return groups

    def _group(self, name: str, files: Sequence[PinnedFile]) -> FileDownloads:
        specs: list[tuple[FileSpec, Path]] = []
        for file in files:
            sources = self._download.sources(file)
            # Of its own directory: files of several models may have the same name.
            output = self._new_directory() / store_path.file_name(file.path)
            self._files[output] = file
            self._models[output] = name
            digest, size = sri_to_hex(file.pin.hash), file.pin.size
            self.present += self._partials.present(output.name, digest, size)
            self.total += size
            specs.append((FileSpec(sources, file.path, file.pin.hash, size), output))
        self.counts[name] += len(files)
        return FileDownloads(specs, self._finished, self._most, self._target)

    def others(self, others: Iterable[PathDownload]) -> list[Downloads]:
        """Return the downloads of what is more than a file."""
        groups: list[Downloads] = []
        for one in others:
            with self._download.failures.collect(one.model):
                group = self._other(one)
                self._names[group] = one.model
                self._whole.add(group)
                self.total += group.total or 0
                self.counts[one.model] += group.count
                groups.append(group)
        return groups

    def _other(self, one: PathDownload) -> Group:
        place = self._new_directory()
        self._models[place] = one.model

        def done(addition: Addition) -> None:
            self._others[addition.path] = one
            self.adder.put(addition)

        return one.begin(place, self._partials, self._most, done)

    def model(self, path: Path) -> str:
        """Return whose a file is."""
        return next(self._models[each] for each in (path, *path.parents) if each in self._models)

    def _new_directory(self) -> Path:
        directory = self._directory / str(len(self._models))
        directory.mkdir()
        return directory

    def _target(self, path: Path, remote: RemoteFile) -> FileTarget:
        file, digest = self._files[path], remote.sha256 or ""
        made: FileTarget
        if file.bundled:
            made = FileTarget(path)
        elif file.pin.size <= MOST_BUNDLED:
            made = small_target(path, digest, self._download.contents)
            if made.present(file.pin.size):
                self._cached.add(path)
        else:
            made = self._partials.target(path.name, digest, file.pin.size) or FileTarget(path)
        self._files[made.path] = file
        return made

    def _finished(self, path: Path) -> None:
        """Take a file that is whole and right."""
        file = self._files[path]
        self._came.add(file.model)
        if file.bundled:
            self._download.contents.hold(path.read_bytes(), file.pin.git_blob_id)
            path.unlink()
        else:
            self.adder.put(Addition(path, file.pin.hash, file.pin.size))

    def failed(self, group: Downloads, error: Exception) -> bool:
        """Keep the failure of a file; return whether to give up what else its model has."""
        fatal = isinstance(error, (StoreError, DiskFullError, SettingError))
        if fatal or not isinstance(error, AimodelsError):
            raise error
        name = self._names[group]
        self._download.failures.add(name, error)
        self._failed[name] += 1
        if group in self._whole:
            return True
        return self._failed[name] >= _MOST_FAILURES and name not in self._came

    def added(self, additions: Sequence[Addition]) -> None:
        """Take what the store has now."""
        ours = [one for one in additions if one.path in self._files or one.path in self._others]
        self._download.stored({_store_path(one): one.path in self._cached for one in ours})
        for one in additions:
            if other := self._others.get(one.path):
                other.stored()
                _remove(one.path)
            else:
                one.path.unlink()
                self._partials.remove(one.path)

    def refused(self, addition: Addition, error: AimodelsError) -> None:
        """Keep the failure of what is not what is pinned."""
        if isinstance(error, DiskFullError):
            raise error
        self._download.failures.add(self._others[addition.path].model, error)
        _remove(addition.path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _store_path(one: Addition) -> str:
    return store_path.store_path(one.kind, one.sri, one.path.name, store.store_dir())


def _probe(directory: Path) -> Addition:
    """Return an empty file: the store takes it, or says why it takes nothing."""
    path = directory / "aimodels-gen-empty"
    path.touch()
    return Addition(path, "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", 0)
