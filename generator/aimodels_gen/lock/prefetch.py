"""Putting into the store what a lock pins."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_gen.errors import StoreError
from aimodels_gen.lock.model import FilePin, LockedModel, TreePin
from aimodels_gen.nix import store
from aimodels_gen.nix import store_path as names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from aimodels_gen.sources.base import Client

Report = Callable[[str], None]


@dataclass(frozen=True)
class _Item:
    """A store path to make: one file of a model, or (`path` None) the whole of it."""

    model: LockedModel
    path: str | None
    file: FilePin | None


def prefetch(models: Sequence[LockedModel], report: Report = lambda _: None) -> tuple[str, ...]:
    """Fetch what the store lacks of these models; return the paths that were added.

    The paths are those of the derivations: a `tree` pin is one, a `files` pin one for each file.

    Raises:
        StoreError: there is no Nix, or a fetch failed, or gave other bytes than are pinned.
        SourceError: there is a token that cannot be used.
    """
    if not store.have_nix():
        raise StoreError("there is no nix-store on PATH", "install Nix, or add it to PATH")
    items = {path: item for model in models for path, item in _items(model)}
    lacking = store.missing(list(items))
    added = [path for path in items if path in lacking]
    clients: dict[str, Client[Any]] = {}
    with contextlib.ExitStack() as stack:
        for number, path in enumerate(added, 1):
            item = items[path]
            environment: dict[str, str] = {}
            for source in item.model.sources:
                if source.kind not in clients:
                    client = source.connect(report)
                    clients[source.kind] = stack.enter_context(contextlib.closing(client))
                # Not once and for all: some credentials are renewed while this goes on.
                environment |= clients[source.kind].environment()
            report(f"{number} of {len(added)}: {item.model.name} {item.path or ''}")
            _fetch(item, environment, report)
    return tuple(added)


def _items(model: LockedModel) -> Iterable[tuple[str, _Item]]:
    directory = store.store_dir()
    pin = model.pin
    if isinstance(pin, TreePin):
        name = names.tree_name(model.name, model.tree.identity())
        yield names.store_path("recursive", pin.hash, name, directory), _Item(model, None, None)
        return
    for path, file in pin.files.items():
        name = names.file_name(path)
        yield names.store_path("flat", file.hash, name, directory), _Item(model, path, file)


def _fetch(item: _Item, environment: Mapping[str, str], report: Report) -> None:
    model, pin = item.model, item.model.pin
    if item.path is not None and item.file is not None:
        store.fetch_file(model.sources, item.path, item.file, environment, report)
        return
    found = store.fetch_tree(model.tree, {}, environment, report)
    if isinstance(pin, TreePin) and found.hash != pin.hash:
        raise StoreError(
            f"{model.name} is pinned to {pin.hash}, but its source now gives {found.hash}",
            "a commit does not change: a mirror or proxy alters it, or the lock was edited; to pin "
            f"what there is now, remove {model.name} from the lock and lock again",
        )
    if found.not_stored is not None:
        raise found.not_stored
