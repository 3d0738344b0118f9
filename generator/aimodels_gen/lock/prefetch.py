"""Putting into the store what a lock pins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher import log
from aimodels_gen.errors import StoreError
from aimodels_gen.lock.clients import Clients
from aimodels_gen.lock.fetch import PinnedFile, fetch_files, fetch_tree
from aimodels_gen.lock.model import LockedModel, TreePin
from aimodels_gen.nix import store, store_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Report = Callable[[str], None]


def prefetch(
    models: Sequence[LockedModel],
    report: Report = lambda _: None,
    warn: Report = lambda _: None,
) -> tuple[str, ...]:
    """Fetch what the store lacks of these models; return the paths that were added.

    `report` receives short lines about what is under way, `warn` what the reader should know.

    The paths are those of the derivations: a `tree` pin is one, a `files` pin one for each file.

    Raises:
        StoreError: there is no Nix, or it refused, or a source now has other bytes than are pinned.
        FetchError: a file cannot be fetched.
        SourceError: there is a token that cannot be used.
    """
    if not store.have_nix():
        raise StoreError("there is no nix-store on PATH", "install Nix, or add it to PATH")
    paths = {path: item for model in models for path, item in _paths(model)}
    absent = store.missing(list(paths))
    wanted = {path: item for path, item in paths.items() if path in absent}
    files = [item for item in wanted.values() if isinstance(item, PinnedFile)]
    trees = [item for item in wanted.values() if isinstance(item, LockedModel)]
    if wanted:
        sources = [one.source for item in wanted.values() for one in item.sources]
        with log.redirected(report, warn), Clients(sources, warn) as clients:
            if files:
                fetch_files(files, clients, report)
            for model in trees:
                _fetch_tree(model, clients, report)
    return tuple(wanted)


def _paths(model: LockedModel) -> Iterator[tuple[str, PinnedFile | LockedModel]]:
    """Return the store paths of a model, each with what is to be there."""
    directory, pin = store.store_dir(), model.pin
    if isinstance(pin, TreePin):
        name = store_path.tree_name(model.name, model.tree.identity())
        yield store_path.store_path("recursive", pin.hash, name, directory), model
        return
    for path, file in pin.files.items():
        name = store_path.file_name(path)
        item = PinnedFile(path, file, model.sources)
        yield store_path.store_path("flat", file.hash, name, directory), item


def _fetch_tree(model: LockedModel, clients: Clients, report: Report) -> None:
    found = fetch_tree(model.tree, {}, clients, report)
    if isinstance(model.pin, TreePin) and found.hash != model.pin.hash:
        raise StoreError(
            f"{model.name} is pinned to {model.pin.hash}, but its source now gives {found.hash}",
            "a commit does not change: a mirror or proxy alters it, or the lock was edited; to pin "
            f"what there is now, remove {model.name} from the lock and lock again",
        )
    if found.not_stored is not None:
        raise found.not_stored
