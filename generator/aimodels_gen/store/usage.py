"""The bytes of models, and what the store has of them."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import sri_to_hex
from aimodels_gen.nix import garbage
from aimodels_gen.reports import du
from aimodels_gen.store.paths import PinnedBundle, store_paths

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.lock.pinned import PinnedFile
    from aimodels_gen.store.inventory import Inventory


@dataclass
class _OnDisk:
    """A file on disk, which several store paths may have: Nix can link equal files.

    Attributes:
        content: what names its content.
        paths: the store paths that have it.
    """

    content: str
    size: int
    paths: set[str] = field(default_factory=set)


def report(
    lock: str,
    models: Sequence[LockedModel],
    others: Iterable[LockedModel],
    inventory: Inventory | None,
) -> du.Report:
    """Return the usage of models.

    Args:
        lock: the path of the lock.
        models: what is wanted.
        others: all models that may have the same files.
        inventory: what the store has, with copies; None if that is not known.

    Raises:
        StoreError: Nix cannot be asked.
    """
    users = Counter(path for model in others for path in store_paths(model))
    shared = {path for path, count in users.items() if count > 1}
    sizes = {model.name: _sizes(model) for model in models}
    disk = {model.name: _on_disk(model, inventory) for model in models} if inventory else None
    dead: set[str] = set()
    if disk:
        there = {path for files in disk.values() for one in files.values() for path in one.paths}
        dead = garbage.dead(sorted(there))
    every = {path: size for some in sizes.values() for path, size in some.items()}
    return du.Report(
        lock=lock,
        models=tuple(
            du.Model(name=name, **_usage(some, shared, disk[name] if disk else None, dead))
            for name, some in sizes.items()
        ),
        total=du.Usage(**_usage(every, shared, _merged(disk.values()) if disk else None, dead)),
    )


def _usage(
    sizes: Mapping[str, int],
    shared: set[str],
    disk: Mapping[Hashable, _OnDisk] | None,
    dead: set[str],
) -> dict[str, int]:
    usage = {
        "size": sum(sizes.values()),
        "shared": sum(size for path, size in sizes.items() if path in shared),
    }
    if disk is None:
        return usage
    stored = sum(one.size for one in disk.values())
    return {
        **usage,
        "stored": stored,
        "duplicate": stored - sum({one.content: one.size for one in disk.values()}.values()),
        "freeable": sum(one.size for one in disk.values() if one.paths <= dead),
    }


def _sizes(model: LockedModel) -> dict[str, int]:
    """Return the bytes of each store path."""
    return {path: _size(model, item) for path, item in store_paths(model).items()}


def _size(model: LockedModel, item: PinnedFile | PinnedBundle | None) -> int:
    if item is None:
        return model.pin.size
    if isinstance(item, PinnedBundle):
        files = item.bundle.files.values()
        return sum({file.hash: file.size for file in files}.values())
    return item.pin.size


def _on_disk(model: LockedModel, inventory: Inventory) -> dict[Hashable, _OnDisk]:
    """Return the files of a model that the store has, by what they are on disk."""
    found: dict[Hashable, _OnDisk] = {}
    for file, content, size, path in _located(model, inventory):
        key: Hashable = file
        try:
            status = os.stat(file)  # noqa: PTH116 (there can be many)
            key = (status.st_dev, status.st_ino)
        except OSError:  # only Nix may look
            pass
        found.setdefault(key, _OnDisk(content, size)).paths.add(path)
    return found


def _located(
    model: LockedModel, inventory: Inventory
) -> Iterator[tuple[str | Path, str, int, str]]:
    """Yield the files in the store: where, what names the content, bytes, and the store path."""
    size_of: dict[str, int] = {}
    for path, item in store_paths(model).items():
        if isinstance(item, PinnedBundle):
            for file in item.bundle.files.values():
                digest = sri_to_hex(file.hash)
                size_of[digest] = file.size
                if path in inventory.valid:
                    yield f"{path}/{digest}", digest, file.size, path
        elif path in inventory.valid and item is None:
            yield path, path, model.pin.size, path
        elif item is not None:
            digest = sri_to_hex(item.pin.hash)
            size_of[digest] = item.pin.size
            if path in inventory.valid:
                yield path, digest, item.pin.size, path
    for entry, files in inventory.copies.get(model.name, {}).items():
        for digest, blob in files.items():
            yield blob, digest, size_of[digest], entry


def _merged(some: Iterable[Mapping[Hashable, _OnDisk]]) -> dict[Hashable, _OnDisk]:
    found: dict[Hashable, _OnDisk] = {}
    for files in some:
        for key, one in files.items():
            found.setdefault(key, _OnDisk(one.content, one.size)).paths.update(one.paths)
    return found
