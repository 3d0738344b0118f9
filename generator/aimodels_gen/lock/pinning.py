"""The last stage of locking: the pin of a model whose files are known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.digests import hex_to_sri, lfs_pointer_blob_id
from aimodels_gen.lock.fetch import fetch_tree
from aimodels_gen.lock.model import (
    BundledFile,
    FilePin,
    FilesPin,
    LockedModel,
    PinnedSource,
    TreePin,
)
from aimodels_gen.net.contents import warning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.bundles import Bundles
    from aimodels_gen.lock.clients import Clients
    from aimodels_gen.lock.model import Lock, Pin
    from aimodels_gen.lock.options import Options
    from aimodels_gen.lock.selection import Selected


class Pinning:
    """Makes pins, or keeps old ones.

    Attributes:
        warnings: what the reader should know of the pins made so far.
    """

    def __init__(
        self, old: Lock, options: Options, clients: Clients, bundles: Bundles, report: Show
    ) -> None:
        """Keep pins of `old` where they are the same; `report` is told what is under way."""
        self.warnings: list[str] = []
        self._old = old.models
        self._options = options
        self._clients = clients
        self._bundles = bundles
        self._report = report

    def needs_hashes(self, model: Selected) -> bool:
        """Return whether each file needs a hash: a tree without fallbacks is hashed as a whole."""
        return self._is_files(model) or bool(model.entry.fallbacks)

    def is_unmoved(self, model: Selected) -> bool:
        """Return whether the model is pinned as a tree, and nothing has changed at its sources."""
        old = self._old.get(model.name)
        return old is not None and self._is_same_tree(model, old, None)

    def keep(self, model: Selected) -> LockedModel:
        """Return the old pin of a model that is unmoved."""
        entry = model.entry
        return replace(
            self._old[model.name].refreshed(entry),
            card=model.card,
            digest=entry.digest(),
            fallbacks_digest=entry.fallbacks_digest(),
        )

    def pin(self, model: Selected) -> LockedModel:
        """Return the model with its pin.

        Raises:
            AimodelsError: a tree cannot be fetched.
        """
        entry, old = model.entry, self._old.get(model.name)
        source, *fallbacks = _pinned_sources(model)
        locked = LockedModel(
            name=entry.name,
            source=source,
            filters=model.filters,
            pin=FilesPin({}),
            digest=entry.digest(),
            layout=entry.layout,
            integration=entry.integration,
            views=entry.views,
            card=model.card,
            gguf=model.gguf,
            fallbacks=tuple(fallbacks),
            fallbacks_digest=entry.fallbacks_digest(),
        )
        if self._is_files(model):
            return replace(locked, pin=self._files_pin(model))
        if old is not None and self._is_same_tree(model, old, 1):
            return replace(locked, pin=old.pin, source=old.source)
        return replace(locked, pin=self._tree_pin(model, locked))

    def _files_pin(self, model: Selected) -> FilesPin:
        files = model.sources[0].files
        own = {file.path: _file_pin(file) for file in files if file.path not in model.bundled}
        bundled = {file.path: _bundled(file) for file in files if file.path in model.bundled}
        return FilesPin(own, self._bundles.make(bundled))

    def _tree_pin(self, model: Selected, locked: LockedModel) -> Pin:
        files = model.sources[0].files
        published = {file.path: hex_to_sri(file.sha256) for file in files if file.sha256}
        made = fetch_tree(
            locked.tree,
            published,
            self._clients,
            self._bundles.contents,
            self._report,
            jobs=self._options.jobs,
        )
        label = model.entry.source.label
        for path, what in made.mistaken.items():
            self.warnings.append(f"{model.name}: {warning(path, what, label)}")
        if made.not_stored is not None:
            reason = made.not_stored.message
            self.warnings.append(f"{model.name}: {reason}, so building it will download it again")
        return TreePin(made.hash, len(files), made.size)

    def _is_files(self, model: Selected) -> bool:
        old = self._old.get(model.name)
        return self._options.pin_kind(model.entry, old) == "files"

    def _is_same_tree(self, model: Selected, old: LockedModel, count: int | None) -> bool:
        """Return whether the tree is the same, and so are its first `count` sources (None: all)."""
        entry, sources = model.entry, model.sources[:count]
        return (
            not self._is_files(model)
            and isinstance(old.pin, TreePin)
            and not old.edited
            and model.filters == old.filters
            and entry.integration.enable == old.integration.enable
            and all(one.detects_changes for one in sources)
            and _content(_pinned_sources(model)[:count]) == _content(old.sources[:count])
        )


def _pinned_sources(model: Selected) -> list[PinnedSource]:
    return [PinnedSource.of(one.source, one.files) for one in model.sources]


def _bundled(file: RemoteFile) -> BundledFile:
    return BundledFile(hex_to_sri(file.sha256 or ""), file.size or 0, file.git_blob_id)


def _file_pin(file: RemoteFile) -> FilePin:
    sha256, size = file.sha256 or "", file.size or 0
    # Of LFS objects git keeps a pointer, whose text follows from the object.
    blob_id = lfs_pointer_blob_id(sha256, size) if file.lfs else file.git_blob_id
    return FilePin(hex_to_sri(sha256), size, blob_id, file.lfs)


def _content(pinned: Iterable[PinnedSource]) -> list[tuple[dict[str, Any], str, list[str | None]]]:
    """Return what sources are, and what they say of their content."""
    return [
        (
            one.source.pin_inputs(),
            one.source.version,
            [one.source.content_key(file) for file in one.remembered()],
        )
        for one in pinned
    ]
