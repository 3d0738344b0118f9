"""Running the fetcher on what is pinned, or will be, and adding its results to the Nix store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aimodels_fetcher import fetch, log
from aimodels_fetcher.digests import BEGINNING
from aimodels_fetcher.resumable import PresentTarget
from aimodels_fetcher.spec import TreeSpec
from aimodels_fetcher.targets import FileTarget
from aimodels_gen.errors import SourceError, StoreError
from aimodels_gen.lock.model import MOST_BUNDLED
from aimodels_gen.lock.partial_files import PartialFiles
from aimodels_gen.lock.progress import RunProgress
from aimodels_gen.lock.workspace import workspace
from aimodels_gen.net.contents import mistaken
from aimodels_gen.nix import store, store_path
from aimodels_gen.nix.hashes import nar_sri

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from aimodels_fetcher.sources.base import RemoteFile, Source
    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.clients import Clients
    from aimodels_gen.lock.contents import Contents
    from aimodels_gen.lock.model import PinnedSource, Tree


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
    report: Show,
    *,
    jobs: int | None = None,
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

    Raises:
        FetchError: the model cannot be fetched.
        OSError: the temporary directory cannot be written.
    """
    sources = fetcher_sources(tree.sources, clients)
    spec = TreeSpec(sources, tree.filters, tree.integrate, dict(published))
    with workspace() as directory, PartialFiles() as partials, log.redirected(report):
        output = directory / store_path.tree_name(tree.name, tree.identity())
        targets = TreeTargets(partials, contents)

        def counter(total: int, count: int) -> RunProgress:
            return RunProgress(total, {tree.name: count}, report)

        fetch.fetch_tree(spec, output, jobs, targets.target, counter)
        report(f"{tree.name}: hashing")
        files = dict(_files(output, integrated=tree.integrate))
        size = sum(path.stat().st_size for path in files.values())
        fetched = FetchedTree(nar_sri(output), size, _mistaken(files))
        if store.have_nix():
            report(f"{tree.name}: adding to the store")
            try:
                store.add("recursive", [(output, fetched.hash)])
            except StoreError as error:
                return replace(fetched, not_stored=error)
        targets.remove()
    return fetched


class TreeTargets:
    """Where the files of a tree are written, or come from."""

    def __init__(self, partials: PartialFiles, contents: Contents) -> None:
        """Write files into the user's cache, where another run can go on with them."""
        self._resumable: list[Path] = []
        self._partials = partials
        self._contents = contents

    def target(self, path: Path, file: RemoteFile) -> FileTarget:
        """Return where to write a file that is to be at a path."""
        known = file.sha256 or file.git_blob_id
        if known is None or file.size is None:
            return FileTarget(path)
        if file.sha256 and (found := self._contents.stored.file(file.sha256, file.path)):
            return PresentTarget(path, found)
        if file.size <= MOST_BUNDLED:
            return small_target(path, known, self._contents)
        if kept := self._partials.target(path.name, known, file.size):
            self._resumable.append(kept.path)
            return kept
        return FileTarget(path)

    def remove(self) -> None:
        """Remove what was written into the user's cache: all is stored."""
        for kept in self._resumable:
            self._partials.remove(kept)


def small_target(path: Path, name: str, contents: Contents) -> FileTarget:
    """Return where to write a small file: the user's cache has it, or keeps it once it is verified.

    Args:
        path: where it is to be.
        name: its git blob id or its sha256 in hex.
        contents: know the cache.
    """
    content = contents.cache.get(name)
    if content is None:
        return _CachedTarget(path, name, contents)
    path.write_bytes(content)
    return PresentTarget(path, path)


class _CachedTarget(FileTarget):
    """A small file that the user's cache keeps once it is verified."""

    def __init__(self, path: Path, name: str, contents: Contents) -> None:
        """Write it to `path`, and keep it under `name`: its git blob id or its sha256 in hex."""
        super().__init__(path)
        self._name = name
        self._contents = contents

    def verified(self) -> None:
        """Keep it."""
        self._contents.cache.put(self._name, self.path.read_bytes())


def fetcher_sources(pinned: Iterable[PinnedSource], clients: Clients) -> tuple[Source, ...]:
    """Return where the fetcher finds files of pinned sources, in their order.

    Raises:
        SourceError: none of them may be asked; this is what the first one said.
    """
    found: list[Source] = []
    failure: SourceError | None = None
    for one in pinned:
        try:
            found += clients.of(one.source).sources(one.source, one.versions)
        except SourceError as error:  # noqa: PERF203 (each may fail)
            failure = failure or error
    if failure and not found:
        raise failure
    return tuple(found)


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
