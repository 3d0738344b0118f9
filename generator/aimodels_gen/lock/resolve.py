"""From a manifest and the lock that was, to the lock that will be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock.model import Lock, LockedModel
from aimodels_gen.manifest.conflicts import conflicts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aimodels_gen.lock.options import Options
    from aimodels_gen.manifest.model import Entry, Manifest

    Report = Callable[[str], None]


@dataclass(frozen=True)
class Resolved:
    """A lock for every model of the manifest, and what its reader should know."""

    lock: Lock
    warnings: tuple[str, ...] = ()


def resolve(
    manifest: Manifest,
    old: Lock,
    options: Options,
    report: Report = lambda _: None,
    warn: Report = lambda _: None,
) -> Resolved:
    """Return the lock of a manifest, keeping the pins of `old` wherever they still hold.

    A pin holds until its model is to be upgraded, or the manifest asks for something else. If all
    hold, no client is made, nothing is imported and nobody is contacted. `report` receives short
    lines about what is under way, `warn` at once what the reader should know even if a model fails
    later.

    Raises:
        AimodelsError: an unknown name to upgrade.
        CombinedError: the models that failed, all of them, each with its reason.
    """
    _check_names(manifest, options.upgrade)
    for conflict in conflicts(manifest):
        warn(conflict)
    stale = pending(manifest, old, options)
    names = {entry.name for entry in stale}
    kept = {
        entry.name: old.models[entry.name].refreshed(entry)
        for entry in manifest.entries
        if entry.name not in names
    }
    made: dict[str, LockedModel] = {}
    warnings: tuple[str, ...] = ()
    if stale:
        from aimodels_gen.lock.stages import lock_models  # noqa: PLC0415 - slow to import

        made, warnings = lock_models(stale, old, options, report, warn)
    models = {**kept, **made}
    return Resolved(Lock({entry.name: models[entry.name] for entry in manifest.entries}), warnings)


def pending(manifest: Manifest, old: Lock, options: Options) -> tuple[Entry, ...]:
    """Return the models whose pins have to be made, for which their sources are contacted."""
    return tuple(
        entry
        for entry in manifest.entries
        if not _holds(entry, old.models.get(entry.name), options)
    )


def _check_names(manifest: Manifest, names: Iterable[str] | None) -> None:
    known = [entry.name for entry in manifest.entries]
    unknown = sorted(set(names or ()).difference(known))
    if unknown:
        hint = f"it has {', '.join(known)}" if known else "it has no models"
        raise AimodelsError(f"{manifest.file} has no model named {', '.join(unknown)}", hint)


def _holds(entry: Entry, old: LockedModel | None, options: Options) -> bool:
    if old is None or options.upgrades(entry.name):
        return False
    wanted = options.pin_kind(entry, old)
    # With the integration off a tree holds the plain files: other bytes, another hash.
    same_tree = wanted == "files" or entry.integration.enable == old.integration.enable
    return (
        entry.digest() == old.digest
        and wanted == old.pin_kind
        and same_tree
        and entry.fallbacks_digest() == old.fallbacks_digest
    )
