"""From a manifest and the lock that was, to the lock that will be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_gen.lock.model import Lock
from aimodels_gen.manifest.names import check_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimodels_gen.errors import CombinedError
    from aimodels_gen.lock.options import Options
    from aimodels_gen.lock.stages import Locked
    from aimodels_gen.manifest.model import Entry, Manifest

    Report = Callable[[str], None]


@dataclass(frozen=True)
class Resolved:
    """A lock of the models of a manifest, and what its reader should know.

    Attributes:
        failed: the models that keep the pin that they had, or are left out.
        error: why they failed.
        skipped: the models that are new or have changed, and were not to be locked.
    """

    lock: Lock
    warnings: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    error: CombinedError | None = None
    skipped: tuple[str, ...] = ()


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
        AimodelsError: an unknown name to upgrade or to lock.
        CombinedError: the models that failed, all of them, each with its reason; not if
            `options.keep_going`.
    """
    known = [entry.name for entry in manifest.entries]
    check_names({*(options.upgrade or ()), *(options.only or ())}, known, manifest.file)
    models = {name: old.models[name] for name in known if name in old.models}
    stale: list[Entry] = []
    skipped: list[str] = []
    for entry in manifest.entries:
        before = None if options.upgrades(entry.name) else models.get(entry.name)
        if before is not None and options.holds(entry, before):
            models[entry.name] = before.refreshed(entry)
        elif options.is_about(entry.name):
            stale.append(entry)
        else:
            skipped.append(entry.name)
    made = _locked(stale, old, options, report, warn) if stale else None
    if made is not None:
        models |= made.models
    return Resolved(
        Lock({name: models[name] for name in known if name in models}),
        made.warnings if made else (),
        made.failed if made else (),
        made.error if made else None,
        tuple(skipped),
    )


def _locked(
    entries: list[Entry], old: Lock, options: Options, report: Report, warn: Report
) -> Locked:
    from aimodels_gen.lock.stages import lock_models  # noqa: PLC0415 - slow to import

    return lock_models(entries, old, options, report, warn)
