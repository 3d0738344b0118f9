"""Which pins an update would change, and what it would change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aimodels_gen.lock.resolve import renamed_by_hand
from aimodels_gen.lock.upstream import look
from aimodels_gen.manifest.names import natural
from aimodels_gen.reports.outdated import Model, Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimodels_gen.errors import CombinedError
    from aimodels_gen.lock.model import Lock
    from aimodels_gen.lock.options import Options
    from aimodels_gen.lock.upstream import Found
    from aimodels_gen.manifest.model import Entry, Manifest
    from aimodels_gen.reports.outdated import Status

    Tell = Callable[[str], None]


def outdated(
    manifest: Manifest, old: Lock, options: Options, report: Tell, warn: Tell
) -> tuple[Report, CombinedError | None]:
    """Return what moved since it was locked, and why that is not known of some models.

    Models at an exact revision are not asked for, nor are those that the next `lock` pins anew.
    """
    old = old.renamed(renamed_by_hand(manifest, old, options))
    entries = [entry for entry in manifest.entries if options.is_about(entry.name)]
    told = {
        entry.name: model for entry in entries if (model := _without_request(entry, old, options))
    }
    asked = [entry for entry in entries if entry.name not in told]
    follow = replace(options, upgrade=None)
    upstream = look(asked, old, follow, report, warn) if asked else None
    if upstream:
        labels = {entry.name: entry.source.label for entry in asked}
        told |= {found.name: _model(found, labels[found.name]) for found in upstream.found}
        for entry in asked:
            if error := upstream.failures.first(entry.name):
                notes = (error.message, *([error.hint] if error.hint else []))
                told.setdefault(entry.name, Model(name=entry.name, status="failed", notes=notes))
    models = tuple(told[name] for name in sorted(told, key=natural))
    order = [entry.name for entry in manifest.entries]
    return Report(models=models), upstream.failures.together(order) if upstream else None


def _without_request(entry: Entry, old: Lock, options: Options) -> Model | None:
    """Return what can be said of a model without asking its source, None for nothing."""
    pinned = old.models.get(entry.name)
    if pinned is None:
        return Model(name=entry.name, status="unlocked")
    if not options.holds(entry, pinned) or pinned.edited:
        return Model(name=entry.name, status="changed")
    if entry.source.is_exact:
        return Model(name=entry.name, status="pinned")
    return None


def _model(found: Found, source: str) -> Model:
    change = found.change
    status: Status = "current"
    if change is not None:
        files = any(file.change != "unknown" for file in change.files)
        told = change.moved or change.new_license or change.new_gate or files
        status = "outdated" if told else "unknown"
    called = f"{source} is called {found.renamed} on its server now"
    notes = (*([called] if found.renamed else []), *found.notes)
    return Model(name=found.name, status=status, change=change, notes=notes)
