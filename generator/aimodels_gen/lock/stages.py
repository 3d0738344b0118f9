"""The stages that models go through when they are locked anew.

    ask for refs → list → select → complete hashes → prove fallbacks → pin

Each stage works on all models, takes values and returns values: those of the models that did not
fail. Stages, rather than one thread for each model, keep one bound on the requests and never have a
worker wait for another. A model that fails in one stage does not hold up the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from aimodels_fetcher import log
from aimodels_gen.errors import SourceError
from aimodels_gen.lock import costs
from aimodels_gen.lock.bundles import Bundles
from aimodels_gen.lock.clients import Clients
from aimodels_gen.lock.contents import Contents
from aimodels_gen.lock.failures import Failures, merged
from aimodels_gen.lock.fallbacks import prove
from aimodels_gen.lock.file_hashes import (
    HashCompleter,
    announcements,
    check_sizes,
    pinned_sizes,
)
from aimodels_gen.lock.ggufs import describe_ggufs, known_ggufs
from aimodels_gen.lock.known_content import known_content
from aimodels_gen.lock.model import Lock
from aimodels_gen.lock.options import DEFAULT_JOBS
from aimodels_gen.lock.pinning import Pinning
from aimodels_gen.lock.selection import Wanted, describe_files, list_sources, select_files
from aimodels_gen.lock.unmoved import without_unmoved
from aimodels_gen.net.pool import RequestPool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aimodels_gen.amounts import Show
    from aimodels_gen.errors import CombinedError
    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.lock.options import Options
    from aimodels_gen.lock.selection import Selected
    from aimodels_gen.manifest.model import Entry
    from aimodels_gen.sources.base import Source

    Report = Callable[[str], None]


@dataclass(frozen=True)
class Locked:
    """Pins by the models' names, warnings about them, and which models failed, and why."""

    models: Mapping[str, LockedModel]
    warnings: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    error: CombinedError | None = None


def lock_models(
    entries: Sequence[Entry], old: Lock, options: Options, report: Show, warn: Report
) -> Locked:
    """Return new pins of models.

    Raises:
        CombinedError: the models that failed, all of them, each with its reason; not if
            `options.keep_going`.
    """
    names = [entry.name for entry in entries]
    # What was edited by hand says nothing of contents.
    trusted = Lock({name: model for name, model in old.models.items() if not model.edited})
    failures = Failures(tolerated=options.keep_going)
    pool = RequestPool(options.jobs or DEFAULT_JOBS)
    sources = (source for entry in entries for source in entry.sources)
    # The fetcher reports there what it tries again, and what it waits for.
    with (
        log.redirected(report, warn),
        Contents([*names, *old.models]) as contents,
        Clients(sources, warn) as clients,
    ):
        try:
            bundles = Bundles(trusted, contents)
            hashes = HashCompleter(
                clients, pool, options.jobs, failures, bundles, report, warn, options.keeps_all
            )
            pinning = Pinning(old, options, clients, bundles, report)

            wanted = failures.of_each(
                entries, partial(to_list, old=old, options=options, clients=clients)
            )
            wanted, kept = without_unmoved(
                wanted, old, options, clients, pool=pool, failures=failures
            )
            listed = list_sources(wanted, clients, pool, failures, report)
            selected = select_files(listed, clients, pool, failures)
            selected = failures.of_each(selected, _fits_views)
            described = describe_files(selected, clients, pool, failures)
            selected = failures.of_each(
                described, partial(check_sizes, pinned=pinned_sizes(trusted))
            )

            unmoved = [model for model in selected if pinning.is_unmoved(model)]
            moved = [model for model in selected if not pinning.is_unmoved(model)]
            asked = hashes.complete(moved, known_content(trusted))
            if announcements(filter(pinning.needs_hashes, asked)):
                # What is read for hours must not be lost to a spelling mistake in another model.
                failures.raise_all(names)
            asked = describe_ggufs(asked, known_ggufs(trusted), clients, pool, failures)
            for proposal in costs.of_derivations(asked, old.models, options):
                warn(proposal)
            complete = hashes.download([model for model in asked if pinning.needs_hashes(model)])
            whole = [model for model in asked if not pinning.needs_hashes(model)]
            for model in whole:
                for line in costs.of_reading(model, clients, whole=True):
                    warn(line)

            proven = failures.of_each(complete, _proven)
            failures.raise_all(names)
            # One after the other: each tree uses the whole line.
            pinned = failures.of_each([*proven, *whole], pinning.pin)
            failures.raise_all(names)
            bundles.store(report)
        finally:
            pool.close()
    last = {model.name: model for model in asked}
    warnings = [warning for model in selected for warning in last.get(model.name, model).warnings]
    pinned += [*map(pinning.keep, unmoved), *kept]
    return Locked(
        {model.name: model for model in pinned},
        tuple(merged([*warnings, *pinning.warnings], names)),
        failures.of(names),
        failures.together(names),
    )


def to_list(entry: Entry, old: Lock, options: Options, clients: Clients) -> Wanted:
    """Return a model with the sources to list: as pinned, where all that is new are fallbacks.

    Raises:
        SourceError: it has no revision such as `options.revision`, or cannot be located.
    """
    sources = entry.sources
    if options.revision and options.upgrades(entry.name):
        sources = (_at_revision(entry, options.revision), *entry.fallbacks)
    before = old.models.get(entry.name)
    if before is None:
        return Wanted(entry, sources)

    def located(source: Source) -> Source:
        for pinned in before.sources:
            if pinned.source.kind == source.kind:
                source = clients.of(source).located(source, pinned.source)
        return source

    first, *fallbacks = sources
    if not options.upgrades(entry.name) and entry.digest() == before.digest:
        first = first.at_pinned_revision(before.source.source)
    return Wanted(entry, tuple(map(located, (first, *fallbacks))))


def _at_revision(entry: Entry, revision: str) -> Source:
    if entry.source.is_exact:
        where = f"[models.{entry.name}]"
        raise SourceError(
            f"models.toml sets its exact revision, so it cannot be pinned at {revision}",
            f"change it in {where} of models.toml, or set ref there instead, and lock again",
        )
    found = entry.source.at_revision(revision)
    if found is None:
        raise SourceError(
            f"{entry.source.label} has no commits, branches or tags to pin it at",
            "leave out --to: an update takes what is there now",
        )
    return found


def _fits_views(model: Selected) -> Selected:
    model.entry.check_files(file.path for file in model.sources[0].files)
    return model


def _proven(model: Selected) -> Selected:
    first, *fallbacks = model.sources
    for fallback in fallbacks:
        prove(first.source, first.files, fallback.source, fallback.files)
    return model
