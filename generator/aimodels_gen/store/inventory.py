"""What the store has of models: the paths that builds ask for, and entries with copies of files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import sri_to_hex
from aimodels_gen.lock.model import FilesPin
from aimodels_gen.nix import store
from aimodels_gen.nix.entries import blobs, entries_of
from aimodels_gen.store.paths import store_paths

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.reports.list import Stored


@dataclass(frozen=True)
class Inventory:
    """What the store has of some models.

    Attributes:
        paths: by the model's name, the store paths that builds ask for.
        valid: those of them that there are.
        copies: by the model's name, its entries that are copies: by their store path, the files of
            the pin in them, by sha256 in hex. Links to other store paths are not among them.
    """

    paths: Mapping[str, Collection[str]]
    valid: Collection[str]
    copies: Mapping[str, Mapping[str, Mapping[str, Path]]] = field(default_factory=dict)

    def stored(self, model: LockedModel) -> Stored:
        """Return whether all files of a model are there, some, or none.

        For the layout `copy` an entry counts: that is all that garbage collection leaves of it.
        """
        paths = self.paths[model.name]
        found = sum(path in self.valid for path in paths)
        if found == len(paths):
            return "yes"
        copied = {digest for one in self.copies.get(model.name, {}).values() for digest in one}
        if copied and model.layout == "copy" and copied == digests(model):
            return "yes"
        return "partly" if found or copied else "no"


def inventory(models: Sequence[LockedModel], *, copies: bool | None = None) -> Inventory | None:
    """Return what the store has of these models, None where there is no Nix.

    Args:
        models: what to look for.
        copies: whether to look for entries; None: only if files are missing whose models are
            copied. That reads the names in the store.

    Raises:
        StoreError: Nix cannot be asked.
    """
    if not store.have_nix():
        return None
    paths = {model.name: tuple(store_paths(model)) for model in models}
    every = list(dict.fromkeys(path for some in paths.values() for path in some))
    valid = set(every) - store.missing(every)
    if copies is False:
        return Inventory(paths, valid)
    wanted = [
        model
        for model in models
        if isinstance(model.pin, FilesPin)
        and (copies or (model.layout == "copy" and not valid.issuperset(paths[model.name])))
    ]
    return Inventory(paths, valid, _copies(wanted) if wanted else {})


def digests(model: LockedModel) -> set[str]:
    """Return the sha256 in hex of the files of a model; none for a tree."""
    if not isinstance(model.pin, FilesPin):
        return set()
    return {sri_to_hex(file.hash) for file in model.pin.all_files.values()}


def _copies(models: Sequence[LockedModel]) -> dict[str, dict[str, dict[str, Path]]]:
    found = {}
    entries = entries_of([model.name for model in models])
    invalid = store.missing([str(path) for some in entries.values() for path in some])
    for model in models:
        pinned = digests(model)
        copied = {
            str(entry): files
            for entry in entries[model.name]
            if str(entry) not in invalid and (files := _files(entry, pinned))
        }
        if copied:
            found[model.name] = copied
    return found


def _files(entry: Path, pinned: Collection[str]) -> dict[str, Path]:
    """Return the files in an entry that are pinned, by their sha256, and are not links."""
    return {
        blob.name: blob
        for blob in blobs(entry)
        if blob.name in pinned and not os.path.islink(blob)  # noqa: PTH114 (there can be many)
    }
