"""Which store paths the pins of a lock have: those that builds will ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_gen.lock.bundles import path_of
from aimodels_gen.lock.fetch import PinnedFile
from aimodels_gen.lock.model import TreePin
from aimodels_gen.nix import store, store_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_gen.lock.model import Bundle, LockedModel, PinnedSource


@dataclass(frozen=True)
class PinnedBundle:
    """The bundle of a `files` pin, whose it is, and where its files come from."""

    model: str
    bundle: Bundle
    sources: Sequence[PinnedSource]


def store_paths(model: LockedModel) -> dict[str, PinnedFile | PinnedBundle | None]:
    """Return the store paths of a model, each with what is to be there; None for a tree.

    A `tree` pin is one path, a `files` pin one for each file that is not bundled, and one for the
    bundle. Several models may have the same path.
    """
    directory, pin = store.store_dir(), model.pin
    if isinstance(pin, TreePin):
        name = store_path.tree_name(model.name, model.tree.identity())
        return {store_path.store_path("recursive", pin.hash, name, directory): None}
    paths: dict[str, PinnedFile | PinnedBundle | None] = {
        store_path.store_path("flat", file.hash, store_path.file_name(path), directory): PinnedFile(
            model.name, path, file, model.sources
        )
        for path, file in pin.files.items()
    }
    if pin.bundle:
        paths[path_of(pin.bundle)] = PinnedBundle(model.name, pin.bundle, model.sources)
    return paths
