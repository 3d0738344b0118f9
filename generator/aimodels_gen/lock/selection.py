"""The first two stages of locking: list what the sources have, select the files to take."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.remote_files import RemoteFiles
from aimodels_fetcher.wording import counted
from aimodels_gen.errors import SourceError
from aimodels_gen.lock.fallbacks import compare_sizes, counterparts
from aimodels_gen.net.contents import is_weights, weights_rank
from aimodels_gen.net.pool import following, results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from aimodels_fetcher.filters import Filters, Selection
    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_gen.engines.gguf import Gguf
    from aimodels_gen.lock.clients import Clients
    from aimodels_gen.lock.failures import Failures
    from aimodels_gen.manifest.model import Entry
    from aimodels_gen.net.pool import RequestPool
    from aimodels_gen.sources.base import Card, Listing, Source, SourceClient

    Report = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """A model to lock.

    Attributes:
        sources: those to list: as pinned, where all that is new are fallbacks.
    """

    entry: Entry
    sources: tuple[Source, ...]

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self.entry.name


@dataclass(frozen=True)
class Listed:
    """A model and what its sources have, in their order."""

    entry: Entry
    listings: tuple[Listing, ...]

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self.entry.name


@dataclass(frozen=True)
class SourceFiles:
    """What one source of a model has of the files that the model takes.

    Attributes:
        source: at its exact revision.
    """

    source: Source
    files: Sequence[RemoteFile]

    @property
    def detects_changes(self) -> bool:
        """Return whether the source would show it if the content changed."""
        keys = map(self.source.content_key, self.files)
        return bool(self.source.version) or all(key is not None for key in keys)


@dataclass(frozen=True)
class Selected:
    """A model with the files that are taken.

    Attributes:
        sources: what its source has of them, and then what each of its fallbacks has.
        filters: of its entry, with what its source chooses.
        warnings: for the reader, once all models are locked.
        bundled: the paths of its small files of which its source publishes no sha256.
        listed_gguf: what its source says of its GGUF files, None for nothing.
        gguf: what is known of GGUF files, by path.
    """

    entry: Entry
    card: Card
    sources: tuple[SourceFiles, ...]
    filters: Filters
    warnings: tuple[str, ...] = ()
    bundled: frozenset[str] = frozenset()
    listed_gguf: Gguf | None = None
    gguf: Mapping[str, Gguf] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self.entry.name


def list_sources(
    models: Sequence[Wanted],
    clients: Clients,
    pool: RequestPool,
    failures: Failures,
    report: Report,
) -> list[Listed]:
    """Return the models whose sources could all be listed."""
    total = sum(len(model.sources) for model in models)
    report(f"listing {counted(total, 'source')}")
    asked = [
        (
            model,
            [
                pool.submit(clients.of(source).list, source, model.entry.listing_filters)
                for source in model.sources
            ],
        )
        for model in models
    ]
    listed: list[Listed] = []
    for done, (model, futures) in enumerate(asked, 1):
        with failures.collect(model.name):
            listed.append(as_declared(model.entry, results(futures)))
        report(f"listed {done} of {counted(len(models), 'model')}")
    return listed


def as_declared(entry: Entry, listings: Sequence[Listing]) -> Listed:
    """Return what is listed of a model, with the ref that its manifest declares.

    What was listed may have been another commit, branch or tag, to be pinned instead.
    """
    first, *fallbacks = listings
    source = entry.source.at_pinned_revision(first.source)
    return Listed(entry, (replace(first, source=source), *fallbacks))


def select_files(
    models: Sequence[Listed], clients: Clients, pool: RequestPool, failures: Failures
) -> list[Selected]:
    """Return the models with the files that their filters take, and what to know about access."""
    selected = failures.of_each(models, select)
    gates = [
        pool.submit(_gate_warnings, model, clients) if model.card.gated else None
        for model in selected
    ]
    checked: list[Selected] = []
    for model, gate in zip(selected, gates, strict=True):
        with failures.collect(model.name):
            warnings = model.warnings + (gate.result() if gate else ())
            checked.append(replace(model, warnings=warnings))
    return checked


def describe_files(
    models: Sequence[Selected], clients: Clients, pool: RequestPool, failures: Failures
) -> list[Selected]:
    """Return the models with what servers say of files, where listings have only their names.

    Fallbacks with other sizes are refused here: nothing has to be read for that.
    """

    def describes(one: SourceFiles) -> bool:
        return clients.of(one.source).describes

    answers = pool.in_order(
        partial(clients.of(one.source).describe, one.source, file)
        for model in models
        for one in filter(describes, model.sources)
        for file in one.files
    )
    described: list[Selected] = []
    for model in models:
        with failures.collect(model.name):
            count = sum(len(one.files) for one in filter(describes, model.sources))
            of_model = following(answers, count)
            sources = (
                replace(one, files=RemoteFiles(islice(of_model, len(one.files))))
                if describes(one)
                else one
                for one in model.sources
            )
            described.append(_comparable(replace(model, sources=tuple(sources))))
    return described


def _comparable(model: Selected) -> Selected:
    """Return a model whose sources agree on the sizes of its files.

    Raises:
        SourceError: they do not.
    """
    first, *fallbacks = model.sources
    for fallback in fallbacks:
        compare_sizes(first.source, first.files, fallback.source, fallback.files)
    return model


def select(model: Listed) -> Selected:
    """Return a model with the files that its filters take.

    Raises:
        SourceError: they take none, or too many.
    """
    entry, (listing, *fallbacks) = model.entry, model.listings
    selection = listing.selection
    label = entry.source.label
    selection.check_size(label)
    filters, choice = entry.filters, entry.source.choice
    if choice is not None:
        filters = choice.chosen(filters, (file.path for file in selection.taken))
        own = set(entry.filters.include or ())
        unused = tuple(pattern for pattern in selection.unused if pattern in own)
        taken = filters.take(selection.taken).taken
        selection = replace(selection, taken=taken, unused=unused)
    if not selection.taken:
        reason = f"with {entry.filters} takes none of its {counted(selection.seen, 'file')}"
        sample = ", ".join(map(repr, selection.sample)) or "no files at all"
        hint = f"it holds {sample}, for example"
        if entry.filters.differs_in_case(selection.sample):
            hint += "; case counts"
        raise SourceError(f"{label} {reason}", hint)
    first = SourceFiles(listing.source, selection.taken)
    others = (
        SourceFiles(fallback.source, counterparts(listing.source, selection.taken, fallback))
        for fallback in fallbacks
    )
    warnings = tuple(f"{entry.name}: no file matches {pattern!r}" for pattern in selection.unused)
    return Selected(
        entry,
        listing.card,
        (first, *others),
        filters,
        (*warnings, *_weights_warnings(entry, selection)),
        listed_gguf=listing.gguf,
    )


def _weights_warnings(entry: Entry, selection: Selection[RemoteFiles]) -> tuple[str, ...]:
    """Return a warning if filters leave out all weights of a model that has some."""
    there = sorted(filter(is_weights, selection.extensions), key=weights_rank)
    if not there or not entry.source.holds_weights:
        return ()
    if any(is_weights(file.path) for file in selection.taken):
        return ()
    pattern = f"*{there[0]}"
    count = selection.extensions[there[0]]
    warning = (
        f"{entry.name}: {entry.filters} leaves out all weights of {entry.source.label}, which has "
        f"{counted(count, 'file')} like {pattern}; to take them, write "
        f"{entry.filters.with_pattern(pattern)}"
    )
    return (warning,)


def access_refused(
    client: SourceClient[Any], source: Source, files: Iterable[RemoteFile]
) -> SourceError | None:
    """Return why files of a gated source may not be read, with one request; None if they may."""
    # Servers may give small files, such as the licence, to everybody.
    largest = max(files, key=lambda file: file.size or 0, default=None)
    return client.check_access(source, largest) if largest else None


def _gate_warnings(model: Selected, clients: Clients) -> tuple[str, ...]:
    first = model.sources[0]
    refusal = access_refused(clients.of(first.source), first.source, first.files)
    if refusal is None:
        return ()
    return (f"{model.name}: {refusal.message}, so building it will fail; {refusal.hint}",)
