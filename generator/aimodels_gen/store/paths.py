"""Which store paths the pins of a lock have: those that builds will ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_gen.lock.bundles import path_of
from aimodels_gen.lock.model import TreePin
from aimodels_gen.lock.pinned import PinnedFile
from aimodels_gen.nix import store, store_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_gen.lock.model import Bundle, BundledFile, LockedModel, PinnedSource


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
    pin = model.pin
    if isinstance(pin, TreePin):
        name = store_path.tree_name(model.name, model.tree.identity())
        return {store_path.store_path("recursive", pin.hash, name, store.store_dir()): None}
    paths: dict[str, PinnedFile | PinnedBundle | None] = {
        file_path(path, file): PinnedFile(model.name, path, file, model.sources)
        for path, file in pin.files.items()
    }
    if pin.bundle:
        paths[path_of(pin.bundle)] = PinnedBundle(model.name, pin.bundle, model.sources)
    return paths


def file_path(path: str, file: BundledFile) -> str:
    """Return the store path of a file of a `files` pin that is not bundled."""
    name = store_path.file_name(path)
    return store_path.store_path("flat", file.hash, name, store.store_dir())
