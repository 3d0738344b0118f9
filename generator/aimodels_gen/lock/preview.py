"""What `lock` and `update` would change, from listings of the sources."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aimodels_gen.lock.diff import compare
from aimodels_gen.lock.resolve import pending, renamed_by_hand, resolve
from aimodels_gen.manifest.names import natural
from aimodels_gen.reports.diff import Report, Total

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from aimodels_gen.amounts import Show
    from aimodels_gen.errors import CombinedError
    from aimodels_gen.lock.model import Lock
    from aimodels_gen.lock.options import Options
    from aimodels_gen.manifest.model import Manifest
    from aimodels_gen.reports.diff import ModelChange

    Tell = Callable[[str], None]


@dataclass(frozen=True)
class Preview:
    """What would change, and why that is not known of some models.

    Attributes:
        renamed: new names by old ones; the report knows the models by the new ones.
    """

    report: Report
    error: CombinedError | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)


def preview(manifest: Manifest, old: Lock, options: Options, report: Show, warn: Tell) -> Preview:
    """Return what `resolve` would change.

    Raises:
        AimodelsError: as `resolve`.
    """
    renamed = renamed_by_hand(manifest, old, options)
    old = old.renamed(renamed)
    if options.offline:
        known = resolve(manifest, old, options, report, warn)
        return Preview(compare(old, known.lock), known.error, renamed)
    # What changes without a request; the pins that have to be made stay for the moment.
    settled = resolve(
        manifest, old, replace(options, offline=True, keep_going=True), report, warn
    ).lock
    before = compare(old, settled)
    entries = pending(manifest, old, options)
    if not entries:
        return Preview(before, renamed=renamed)
    from aimodels_gen.lock.upstream import look  # noqa: PLC0415 - slow to import

    upstream = look(entries, old, options, report, warn)
    names = [entry.name for entry in entries]
    if not options.keep_going and (error := upstream.failures.together(names)):
        raise error
    changes = [one.change for one in upstream.found if one.change]
    for one in upstream.found:
        for note in one.notes:
            warn(f"{one.name}: {note}")
    merged = _merged(before, changes, {one.name for one in changes})
    return Preview(merged, upstream.failures.together(names), renamed)


def _merged(before: Report, changes: list[ModelChange], names: Collection[str]) -> Report:
    """Return the changes of both, in the order of people."""
    kept = [change for change in before.changes if change.name not in names]
    ordered = sorted([*kept, *changes], key=lambda change: natural(change.name))
    total = before.total
    for change in changes:
        old, new = change.old, change.new
        if new is None:
            continue
        total = Total(
            models=total.models + (old is None),
            files=total.files + new.files - (old.files if old else 0),
            size=total.size + (new.size or 0) - ((old.size or 0) if old else 0),
            download=total.download + (change.download or 0),
        )
    every = before.unchanged + len(before.changes)
    added = sum(change.old is None for change in changes)
    return Report(changes=tuple(ordered), unchanged=every + added - len(ordered), total=total)
