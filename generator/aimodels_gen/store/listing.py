"""What `list` and `show` report of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimodels_fetcher.digests import sri_to_hex
from aimodels_gen.lock.bundles import path_of
from aimodels_gen.lock.model import FilesPin, TreePin
from aimodels_gen.manifest.names import natural
from aimodels_gen.reports import list as listed
from aimodels_gen.reports import show as shown
from aimodels_gen.store.paths import file_path, store_paths

if TYPE_CHECKING:
    from aimodels_gen.lock.model import BundledFile, LockedModel
    from aimodels_gen.manifest.model import Entry
    from aimodels_gen.reports.list import State
    from aimodels_gen.store.inventory import Inventory


def unlocked(entry: Entry) -> listed.Model:
    """Return what is known of a model before it is locked."""
    source = entry.source
    return listed.Model(
        name=entry.name,
        state="unlocked",
        kind=source.kind,
        source=source.label,
        ref=source.tracked_ref or None,
        rev=source.revision,
    )


def summary(model: LockedModel, state: State, inventory: Inventory | None) -> listed.Model:
    """Return a model as `list` has it.

    Args:
        model: the model.
        state: whether its pin is what the manifest asks for.
        inventory: what the store has, None if that is not known.
    """
    return listed.Model(**_facts(model, state, inventory))


def details(model: LockedModel, state: State, inventory: Inventory | None) -> shown.Model:
    """Return a model as `show` has it; see `summary`."""
    source, pin = model.source.source, model.pin
    return shown.Model(
        **_facts(model, state, inventory),
        pin=model.pin_kind,
        layout=model.layout,
        page=source.page,
        pipeline_tag=model.card.pipeline_tag,
        library=model.card.library,
        include=model.filters.include,
        exclude=model.filters.exclude,
        fallbacks=tuple(one.source.label for one in model.fallbacks),
        cache_name=model.cache_name,
        gguf=tuple(
            shown.GgufFile(
                path=path,
                architecture=one.architecture,
                context_length=one.context_length,
                quant=one.quant,
            )
            for path, one in sorted(model.gguf.items())
        ),
        ollama=model.views.ollama_name,
        views=model.views.directories,
        tree=_tree(model, pin, inventory) if isinstance(pin, TreePin) else None,
        files=tuple(_files(pin, inventory)) if isinstance(pin, FilesPin) else (),
        entries=tuple(inventory.copies.get(model.name, ())) if inventory else (),
    )


def _facts(model: LockedModel, state: State, inventory: Inventory | None) -> dict[str, Any]:
    source, card = model.source.source, model.card
    return {
        "name": model.name,
        "state": state,
        "kind": source.kind,
        "source": source.label,
        "ref": source.tracked_ref or None,
        "rev": source.revision,
        "modified": card.modified,
        "file_count": model.pin.count,
        "size": model.pin.size,
        "license": card.license,
        "gated": card.gated,
        "base_models": card.base_models,
        **_gguf(model),
        "stored": inventory.stored(model) if inventory else None,
    }


def _gguf(model: LockedModel) -> dict[str, Any]:
    """Return what the GGUF files of a model have in common, and their quantisations."""
    facts = model.gguf.values()
    models = [one for path, one in model.gguf.items() if "mmproj" not in path] or list(facts)
    return {
        "architecture": next((one.architecture for one in models if one.architecture), None),
        "context_length": next((one.context_length for one in models if one.context_length), None),
        "quants": tuple(dict.fromkeys(one.quant for one in models if one.quant)),
    }


def _tree(model: LockedModel, pin: TreePin, inventory: Inventory | None) -> shown.Tree:
    (path,) = store_paths(model)
    return shown.Tree(hash=pin.hash, store_path=path, stored=_is_stored(path, inventory))


def _files(pin: FilesPin, inventory: Inventory | None) -> list[shown.File]:
    """Return the files in the order of people, with the store path of each."""
    bundle = path_of(pin.bundle) if pin.bundle else None

    def file(path: str, pinned: BundledFile) -> shown.File:
        found = file_path(path, pinned) if bundle is None or path in pin.files else bundle
        return shown.File(
            path=path,
            size=pinned.size,
            sha256=sri_to_hex(pinned.hash),
            bundled=found == bundle,
            store_path=found,
            stored=_is_stored(found, inventory),
        )

    every = pin.all_files
    return [file(path, every[path]) for path in sorted(every, key=natural)]


def _is_stored(path: str, inventory: Inventory | None) -> bool | None:
    return None if inventory is None else path in inventory.valid
