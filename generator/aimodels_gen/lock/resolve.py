"""From a manifest and the lock that was, to the lock that will be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_gen.errors import AimodelsError, CombinedError
from aimodels_gen.lock.failures import Failures
from aimodels_gen.lock.model import FilesPin, Lock
from aimodels_gen.manifest import view_conflicts
from aimodels_gen.manifest.conflicts import conflicts
from aimodels_gen.manifest.names import check_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.model import LockedModel
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
    report: Show = lambda _: None,
    warn: Report = lambda _: None,
) -> Resolved:
    """Return the lock of a manifest, keeping the pins of `old` wherever they still hold.

    A pin holds until its model is to be upgraded, or the manifest asks for something else. If all
    hold, no client is made, nothing is imported and nobody is contacted. `report` receives short
    lines about what is under way, `warn` at once what the reader should know even if a model fails
    later. `old` has the names that models have now: see `renamed_by_hand`.

    Raises:
        AimodelsError: an unknown name to upgrade or to lock, or models that an engine cannot have
            together.
        CombinedError: the models that failed, all of them, each with its reason; not if
            `options.keep_going`.
    """
    known = [entry.name for entry in manifest.entries]
    check_names({*(options.upgrade or ()), *(options.only or ())}, known, manifest.file)
    for conflict in conflicts(manifest):
        warn(conflict)
    models = {name: old.models[name] for name in known if name in old.models}
    stale = _stale(manifest, old, options)
    names = {entry.name for entry in stale}  # there may be 1,000
    kept = [entry for entry in manifest.entries if entry.name not in names]
    held = frozenset(entry.name for entry in kept)
    view_conflicts.check(manifest, lambda name: _hashes(models[name]) if name in held else None)
    failures = Failures(tolerated=options.keep_going)
    for model in failures.of_each(kept, lambda entry: _refreshed(entry, models[entry.name])):
        models[model.name] = model
    failures.raise_all(known)
    wanted = tuple(entry for entry in stale if options.is_about(entry.name))
    if options.offline and wanted:
        return _offline(wanted, models, known, options)
    made = _locked(wanted, old, options, report, warn) if wanted else None
    if made is not None:
        models |= made.models
        view_conflicts.check(manifest, lambda name: _hashes(models.get(name)))
    errors = (failures.together(known), made.error if made else None)
    return Resolved(
        Lock({name: models[name] for name in known if name in models}),
        made.warnings if made else (),
        (*failures.of(known), *(made.failed if made else ())),
        _together(*filter(None, errors)),
        tuple(entry.name for entry in stale if not options.is_about(entry.name)),
    )


def _refreshed(entry: Entry, model: LockedModel) -> LockedModel:
    """Return a pin that holds with what the manifest has changed without moving it.

    Raises:
        ManifestError: an integration names files that the pin does not have.
    """
    if model.paths is not None:
        entry.check_files(model.paths)
    return model.refreshed(entry)


def _hashes(model: LockedModel | None) -> dict[str, str] | None:
    """Return the hash of each file by its path; None where the lock does not have them."""
    if model is None or not isinstance(model.pin, FilesPin):
        return None
    return {path: file.hash for path, file in model.pin.all_files.items()}


def _together(*errors: CombinedError) -> CombinedError | None:
    failures = [failure for error in errors for failure in error.failures]
    return CombinedError(failures, errors[0].hint) if failures else None


def renamed_by_hand(manifest: Manifest, old: Lock, options: Options) -> dict[str, str]:
    """Return new names, by old ones, of models that have got them in the manifest.

    A model that is not locked under its name takes over a pin that no model has under its own, if
    there is exactly one that holds: nothing of what is pinned depends on the name.
    """
    digests = {entry.name: entry.digest() for entry in manifest.entries}
    free: dict[str, list[LockedModel]] = {}
    for name, model in old.models.items():
        if digests.get(name) != model.digest and not model.edited:
            free.setdefault(model.digest, []).append(model)
    renamed = {}
    for entry in manifest.entries if free else ():
        locked = old.models.get(entry.name)
        if locked and locked.digest == digests[entry.name]:
            continue
        having = free.get(digests[entry.name], [])
        found = [model for model in having if options.holds(entry, model)]
        if len(found) == 1:
            renamed[found[0].name] = entry.name
            having.remove(found[0])
    return renamed


def pending(manifest: Manifest, old: Lock, options: Options) -> tuple[Entry, ...]:
    """Return the models whose pins have to be made, for which their sources are contacted."""
    stale = _stale(manifest, old, options)
    return tuple(entry for entry in stale if options.is_about(entry.name))


def _stale(manifest: Manifest, old: Lock, options: Options) -> tuple[Entry, ...]:
    """Return the models without a pin that holds."""

    def holds(entry: Entry) -> bool:
        pinned = old.models.get(entry.name)
        if pinned is None or pinned.edited or options.upgrades(entry.name):
            return False
        return options.holds(entry, pinned)

    return tuple(entry for entry in manifest.entries if not holds(entry))


def _offline(
    entries: Sequence[Entry], models: Mapping[str, LockedModel], order: list[str], options: Options
) -> Resolved:
    """Return what can be had without requests.

    Raises:
        CombinedError: naming the models that need some; not if `options.keep_going`.
    """
    failures = Failures(tolerated=options.keep_going)
    names = [entry.name for entry in entries]
    for name in names:
        with failures.collect(name):
            raise AimodelsError(
                "not pinned as models.toml asks, and --offline allows no requests",
                "run `aimodels-gen lock` without --offline where there is a network",
            )
    failures.raise_all(names)
    lock = Lock({name: models[name] for name in order if name in models})
    return Resolved(lock, failed=failures.of(names), error=failures.together(names))


def _locked(
    entries: Sequence[Entry], old: Lock, options: Options, report: Show, warn: Report
) -> Locked:
    from aimodels_gen.lock.stages import lock_models  # noqa: PLC0415 - slow to import

    return lock_models(entries, old, options, report, warn)
