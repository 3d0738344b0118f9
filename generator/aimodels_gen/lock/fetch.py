"""Running the fetcher on what is pinned, or will be, and adding its results to the Nix store."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aimodels_fetcher import fetch, log
from aimodels_fetcher.digests import BEGINNING, sri_to_hex
from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.resumable import PresentTarget
from aimodels_fetcher.spec import FileSpec, TreeSpec
from aimodels_fetcher.targets import FileTarget
from aimodels_gen.errors import StoreError
from aimodels_gen.lock.model import MOST_BUNDLED
from aimodels_gen.lock.partial_files import PartialFiles
from aimodels_gen.lock.progress import RunProgress
from aimodels_gen.lock.workspace import workspace
from aimodels_gen.net.contents import mistaken
from aimodels_gen.nix import store, store_path
from aimodels_gen.nix.hashes import nar_sri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from aimodels_fetcher.sources.base import RemoteFile, Source
    from aimodels_gen.lock.clients import Clients
    from aimodels_gen.lock.contents import Contents
    from aimodels_gen.lock.model import PinnedSource, Tree
    from aimodels_gen.lock.pinned import PinnedFile

    Report = Callable[[str], None]

# Of files that are added to the store together.
_BATCH_BYTES = 64 << 20
_BATCH_FILES = 200


@dataclass(frozen=True)
class FetchedTree:
    """A whole model that was fetched.

    Attributes:
        hash: the SRI sha256 of its Nix archive.
        size: of its files, in bytes.
        mistaken: path -> what it is, for files that are not what their names say.
        not_stored: why the store did not take it. Its hash, which may have cost hours, is good
            all the same.
    """

    hash: str
    size: int
    mistaken: Mapping[str, str]
    not_stored: StoreError | None = None


def fetch_tree(  # noqa: PLR0913 (what comes from where, and who is told)
    tree: Tree,
    published: Mapping[str, str],
    clients: Clients,
    contents: Contents,
    report: Report,
    *,
    jobs: int | None = None,
    progress: Report | None = None,
) -> FetchedTree:
    """Fetch every byte of a model, put it into the store if there is one, return its hash.

    The path in the store is the one that the model's derivation will have: building it downloads
    nothing. Files are taken from the store where it has them, small ones from the user's cache.

    Args:
        tree: what to fetch.
        published: by path, the SRI hashes of files, as far as they are known.
        clients: know the credentials.
        contents: what is at hand; what is downloaded is kept for later runs.
        report: is told what is under way.
        jobs: how many requests to make at a time; None for what the machine may have.
        progress: is told how far it is; None for `report`.

    Raises:
        FetchError: the model cannot be fetched.
        OSError: the temporary directory cannot be written.
    """
    sources = _fetcher_sources(tree.sources, clients)
    spec = TreeSpec(sources, tree.filters, tree.integrate, dict(published))
    with workspace() as directory, PartialFiles() as partials, log.redirected(report):
        output = directory / store_path.tree_name(tree.name, tree.identity())
        targets = _TreeTargets(partials, contents)

        def counter(total: int, count: int) -> RunProgress:
            return RunProgress(total, {tree.name: count}, progress or report)

        fetch.fetch_tree(spec, output, jobs, targets.target, counter)
        report(f"{tree.name}: hashing")
        files = dict(_files(output, integrated=tree.integrate))
        for path, git_blob_id in targets.small.items():
            contents.cache.put(git_blob_id, files[path].read_bytes())
        size = sum(path.stat().st_size for path in files.values())
        fetched = FetchedTree(nar_sri(output), size, _mistaken(files))
        if store.have_nix():
            report(f"{tree.name}: adding to the store")
            try:
                store.add("recursive", [(output, fetched.hash)])
            except StoreError as error:
                return replace(fetched, not_stored=error)
        for kept in targets.resumable:
            partials.remove(kept)
    return fetched


def fetch_files(
    files: Sequence[PinnedFile],
    clients: Clients,
    contents: Contents,
    report: Report,
    progress: Report,
) -> None:
    """Fetch files, each into the store under the name of its derivation.

    Small ones are added many at a time. Bundled ones are held by `contents`.

    Args:
        files: What to fetch.
        clients: Know the credentials.
        contents: Hold what is bundled.
        report: Is told what is under way.
        progress: Is told how far it is.

    Raises:
        FetchError: one cannot be fetched.
        StoreError: the store failed.
        OSError: the temporary directory cannot be written.
    """
    with workspace() as directory, PartialFiles() as partials, log.redirected(report):
        wanted: dict[Path, PinnedFile] = {}
        specs: list[tuple[FileSpec, Path]] = []
        for number, file in enumerate(files):
            # Of its own directory: files of several models may have the same name.
            output = directory / str(number) / store_path.file_name(file.path)
            output.parent.mkdir()
            wanted[output] = file
            sources = _fetcher_sources(file.sources, clients)
            specs.append((FileSpec(sources, file.path, file.pin.hash, file.pin.size), output))
        batch = _Batch(partials, contents)

        def target(path: Path, remote: RemoteFile) -> FileTarget:
            file = wanted[path]
            kept = partials.target(path.name, remote.sha256 or "", file.pin.size)
            made = kept or FileTarget(path)
            batch.files[made.path] = file
            return made

        total = sum(file.pin.size for file in files)
        counts = Counter(file.model for file in files)
        counter = RunProgress(total, counts, progress, lambda path: wanted[path].model)
        present = sum(
            partials.present(output.name, sri_to_hex(file.pin.hash), file.pin.size)
            for output, file in wanted.items()
        )
        try:
            fetch.fetch_files(specs, batch.add, target=target, progress=counter, present=present)
        except FetchError:
            batch.store()  # what is whole need not be downloaded again
            raise
        batch.store()


class _TreeTargets:
    """Where the files of a tree are written, or come from.

    Attributes:
        resumable: the files in the user's cache that are to be removed when all is stored.
        small: paths and git blob ids of small files that are downloaded.
    """

    def __init__(self, partials: PartialFiles, contents: Contents) -> None:
        self.resumable: list[Path] = []
        self.small: dict[str, str] = {}
        self._partials = partials
        self._contents = contents

    def target(self, path: Path, file: RemoteFile) -> FileTarget:
        """Return where to write a file that is to be at a path."""
        if file.sha256 and file.size is not None:
            if found := self._contents.stored.file(file.sha256, file.path):
                return PresentTarget(path, found)
            if kept := self._partials.target(path.name, file.sha256, file.size):
                self.resumable.append(kept.path)
                return kept
        if file.git_blob_id and (file.size or 0) <= MOST_BUNDLED:
            content = self._contents.cache.get(file.git_blob_id)
            if content is not None:
                path.write_bytes(content)
                return PresentTarget(path, path)
            self.small[file.path] = file.git_blob_id
        return FileTarget(path)


class _Batch:
    """Verified files that wait to be added to the store: a call of Nix costs more than they do."""

    def __init__(self, partials: PartialFiles, contents: Contents) -> None:
        self.files: dict[Path, PinnedFile] = {}
        self._partials = partials
        self._contents = contents
        self._waiting: list[Path] = []

    def add(self, path: Path) -> None:
        """Add a file, with those that wait once they are many or large."""
        file = self.files[path]
        if file.bundled:
            self._contents.hold(path.read_bytes(), file.pin.git_blob_id)
            path.unlink()
            self._partials.remove(path)
            return
        self._waiting.append(path)
        size = sum(self.files[one].pin.size for one in self._waiting)
        if size >= _BATCH_BYTES or len(self._waiting) >= _BATCH_FILES:
            self.store()

    def store(self) -> None:
        """Add what waits.

        Raises:
            StoreError: the store failed.
        """
        files, self._waiting = self._waiting, []
        store.add("flat", [(path, self.files[path].pin.hash) for path in files])
        for path in files:
            path.unlink()
            self._partials.remove(path)


def _fetcher_sources(pinned: Iterable[PinnedSource], clients: Clients) -> tuple[Source, ...]:
    return tuple(
        source
        for one in pinned
        for source in clients.of(one.source).sources(one.source, one.versions)
    )


def _files(output: Path, *, integrated: bool) -> Iterator[tuple[str, Path]]:
    """Yield the files that a reader of a model sees: their paths in it, and where they are."""
    root = next((output / "snapshots").iterdir()) if integrated else output
    for path in root.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(root)), path


def _mistaken(files: Mapping[str, Path]) -> dict[str, str]:
    found = {}
    for name, path in files.items():
        with path.open("rb") as stream:
            what = mistaken(name, stream.read(BEGINNING))
        if what:
            found[name] = what
    return found
