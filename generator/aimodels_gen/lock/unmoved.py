"""What an update need not list: models whose source is still at the revision of their pin."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from aimodels_gen.lock.model import FilesPin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_gen.lock.clients import Clients
    from aimodels_gen.lock.failures import Failures
    from aimodels_gen.lock.model import Lock, LockedModel
    from aimodels_gen.lock.options import Options
    from aimodels_gen.lock.selection import Wanted
    from aimodels_gen.net.pool import RequestPool
    from aimodels_gen.sources.base import Card, Revision


def without_unmoved(  # noqa: PLR0913 - what a stage needs
    models: Sequence[Wanted],
    old: Lock,
    options: Options,
    clients: Clients,
    *,
    pool: RequestPool,
    failures: Failures,
) -> tuple[list[Wanted], list[LockedModel]]:
    """Return the models that must be listed, and the pins of those that have not moved.

    Fallbacks are not asked: they have been proven to have the files of the revision. Models that
    were pinned when there were no bundles are listed.
    """
    asked = []
    for model in models:
        pinned, source = old.models.get(model.name), model.sources[0]
        future = None
        if pinned and _may_stay(model, pinned, options):
            client = clients.of(source)
            future = pool.submit(client.revision, source)
        asked.append((model, pinned, future))
    listed: list[Wanted] = []
    kept: list[LockedModel] = []
    for model, pinned, future in asked:
        with failures.collect(model.name):
            now = future.result() if future else None
            # Where the gate has changed, access is checked as for a new model.
            if pinned and now and is_at(now, pinned) and now.card.gated == pinned.card.gated:
                kept.append(replace(pinned.refreshed(model.entry), card=_fresh(pinned, now.card)))
            else:
                listed.append(model)
    return listed, kept


def is_at(revision: Revision, pinned: LockedModel) -> bool:
    """Return whether a source is still at the revision of a pin."""
    return revision.source.revision == pinned.source.source.revision


def _fresh(pinned: LockedModel, card: Card) -> Card:
    """Return what a source says now, of the time that the pin has: the revision is the same."""
    return structs.replace(card, modified=pinned.card.modified or card.modified)


def _may_stay(model: Wanted, pinned: LockedModel, options: Options) -> bool:
    """Return whether a pin stays if its source is still at its revision."""
    unbundled = isinstance(pinned.pin, FilesPin) and pinned.pin.unbundled
    return options.holds(model.entry, pinned) and not pinned.edited and not unbundled
