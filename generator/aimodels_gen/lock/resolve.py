"""From a manifest and the lock that was, to the lock that will be."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.paths import check_paths
from aimodels_gen.errors import AimodelsError, CombinedError, SourceError
from aimodels_gen.lock.fallbacks import counterparts, prove
from aimodels_gen.lock.file import Lock
from aimodels_gen.lock.file_hashes import Hashing, Holding, known_content
from aimodels_gen.lock.model import FilePin, FilesPin, LockedModel, PinKind, Tree, TreePin
from aimodels_gen.net.pool import run_all
from aimodels_gen.nix import store

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aimodels_gen.lock.model import Card
    from aimodels_gen.manifest.parse import Entry, Manifest
    from aimodels_gen.sources.base import Client, ListedFile, Listing, Source

DEFAULT_JOBS = 8
Report = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How to resolve.

    Attributes:
        upgrade: the models whose refs to follow again; None is all of them.
        pin: the kind of pin for entries that do not say; None keeps what they have.
        jobs: how many requests to have under way at a time.
    """

    upgrade: frozenset[str] | None = frozenset()
    pin: PinKind | None = None
    jobs: int = DEFAULT_JOBS


@dataclass(frozen=True)
class Resolved:
    """A lock for every model of the manifest, and what its reader should know."""

    lock: Lock
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Selected:
    """A model on its way: listed and filtered, not yet hashed.

    Attributes:
        holdings: what its source has, and then what its fallbacks have.
    """

    entry: Entry
    card: Card
    holdings: tuple[Holding, ...]
    warnings: tuple[str, ...]


def resolve(
    manifest: Manifest,
    old: Lock,
    options: Options,
    report: Report = lambda _: None,
    warn: Report = lambda _: None,
) -> Resolved:
    """Return the lock of a manifest, keeping the pins of `old` wherever they still hold.

    A pin holds until its model is to be upgraded, or the manifest says something else about what
    to take. If all hold, no client is made, nothing is imported and nobody is contacted. `report`
    gets short lines about what is under way, `warn` at once what the reader should know even if a
    model fails later.

    Raises:
        AimodelsError: an unknown name to upgrade.
        CombinedError: the models that failed, all of them, each with its reason.
    """
    _check_names(manifest, options.upgrade)
    kept = {
        entry.name: _refreshed(entry, old.models[entry.name])
        for entry in manifest.entries
        if _holds(entry, old.models.get(entry.name), options)
    }
    stale = [entry for entry in manifest.entries if entry.name not in kept]
    made: dict[str, LockedModel] = {}
    warnings: tuple[str, ...] = ()
    if stale:
        with contextlib.closing(_Resolver(old, options, report, warn)) as resolver:
            made, warnings = resolver.pins(stale)
    models = {**kept, **made}
    in_order = {entry.name: models[entry.name] for entry in manifest.entries}
    return Resolved(Lock(in_order), warnings)


def _check_names(manifest: Manifest, names: Iterable[str] | None) -> None:
    known = [entry.name for entry in manifest.entries]
    unknown = sorted(set(names or ()).difference(known))
    if unknown:
        hint = f"it has {', '.join(known)}" if known else "it has no models"
        raise AimodelsError(f"{manifest.file} has no model named {', '.join(unknown)}", hint)


def _holds(entry: Entry, old: LockedModel | None, options: Options) -> bool:
    if old is None or options.upgrade is None or entry.name in options.upgrade:
        return False
    wanted = entry.pin or options.pin or old.pin_kind
    # With the integration off a tree holds the plain files: other bytes, another hash.
    same_tree = wanted == "files" or entry.integration.enable == old.integration.enable
    return (
        entry.digest() == old.digest
        and wanted == old.pin_kind
        and same_tree
        and entry.fallbacks_digest() == old.fallbacks_digest
    )


def _refreshed(entry: Entry, old: LockedModel) -> LockedModel:
    """Return the old pin with what may change without moving it."""
    return replace(
        old,
        source=entry.source.resolved_like(old.source),
        filters=entry.filters,
        layout=entry.layout,
        integration=entry.integration,
        fallbacks=tuple(
            source.resolved_like(locked)
            for source, locked in zip(entry.fallbacks, old.fallbacks, strict=True)
        ),
    )


class _Resolver:
    """The work that needs the network, in stages over all stale models.

    Stages, rather than one thread for each model, keep one bound on the requests and never have a
    worker wait for another. A model that fails in one stage does not hold up the others.
    """

    def __init__(self, old: Lock, options: Options, report: Report, warn: Report) -> None:
        self._old = old
        self._options = options
        self._report = report
        self._warn = warn
        self._clients: dict[str, Client[Any]] = {}
        self._failures: dict[str, AimodelsError] = {}
        self._warnings: list[str] = []

    def pins(self, entries: Sequence[Entry]) -> tuple[dict[str, LockedModel], tuple[str, ...]]:
        """Return the new pins and warnings about them.

        Raises:
            CombinedError: the models that failed.
        """
        self._connect(entries)
        selected = self._list(entries)
        kept = {item.entry.name: model for item in selected if (model := self._kept_tree(item))}
        hashed = self._hash(entries, [item for item in selected if item.entry.name not in kept])
        self._raise_failures(entries)
        # One after the other: each uses the whole line, and Ctrl-C must find its process here.
        made = {item.entry.name: self._locked(item) for item in hashed}
        self._raise_failures(entries)
        found = {name: model for name, model in {**kept, **made}.items() if model is not None}
        listed = (warning for item in selected for warning in item.warnings)
        return found, (*listed, *self._warnings)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def _connect(self, entries: Sequence[Entry]) -> None:
        for source in (source for entry in entries for source in entry.sources):
            if source.kind not in self._clients:
                self._clients[source.kind] = source.connect(self._warn)

    def _list(self, entries: Sequence[Entry]) -> list[_Selected]:
        """List all sources of all models, and select the files that are taken."""
        wanted = [(entry, source) for entry in entries for source in self._sources(entry)]
        self._report(f"listing {len(wanted)} sources")
        results = run_all(
            lambda pair: self._client(pair[1]).list(pair[1]),
            wanted,
            self._options.jobs,
            lambda done: self._report(f"listed {done} of {len(wanted)} sources"),
        )
        listings: dict[str, list[Listing]] = {entry.name: [] for entry in entries}
        for (entry, _), result in zip(wanted, results, strict=True):
            if isinstance(result, AimodelsError):
                self._fail(entry.name, result)
            else:
                listings[entry.name].append(result)
        listed = [entry for entry in entries if entry.name not in self._failures]
        found = run_all(
            lambda entry: self._select(entry, *listings[entry.name]), listed, self._options.jobs
        )
        for entry, item in zip(listed, found, strict=True):
            if isinstance(item, AimodelsError):
                self._fail(entry.name, item)
        return [item for item in found if isinstance(item, _Selected)]

    def _sources(self, entry: Entry) -> tuple[Source, ...]:
        """Return the sources to list: as pinned, where all that is new are fallbacks."""
        old = self._old.models.get(entry.name)
        upgrade = self._options.upgrade is None or entry.name in self._options.upgrade
        if old is None or upgrade or entry.digest() != old.digest:
            return entry.sources
        return (entry.source.resolved_like(old.source), *entry.fallbacks)

    def _select(self, entry: Entry, listing: Listing, *fallbacks: Listing) -> _Selected:
        paths = [file.path for file in listing.files]
        files = entry.filters.select(listing.files, lambda file: file.path)
        if not files:
            reason = f"with {entry.filters} takes none of its {len(paths)} files"
            sample = ", ".join(repr(path) for path in paths[:5]) or "no files at all"
            raise SourceError(f"{entry.source.label} {reason}", f"it holds {sample}, for example")
        check_paths([file.path for file in files])
        warnings = [
            f"{entry.name}: no file matches {pattern!r}" for pattern in entry.filters.unused(paths)
        ]
        if listing.card.gated:
            warnings += self._gate_warnings(entry, listing, files)
        holdings = [Holding(entry.name, listing.source, files)]
        for fallback in fallbacks:
            there = counterparts(listing.source, files, fallback)
            holdings.append(Holding(entry.name, fallback.source, there))
        return _Selected(entry, listing.card, tuple(holdings), tuple(warnings))

    def _gate_warnings(
        self, entry: Entry, listing: Listing, files: Sequence[ListedFile]
    ) -> list[str]:
        refusal = self._client(entry.source).check_access(listing.source, files[0])
        if refusal is None:
            return []
        return [f"{entry.name}: {refusal.message}, so building it will fail; {refusal.hint}"]

    def _hash(self, entries: Sequence[Entry], selected: Sequence[_Selected]) -> list[_Selected]:
        """Return the models with the hashes of their files.

        Of a tree without fallbacks, which is hashed as a whole, only those that are published: for
        the fetcher to compare.
        """
        hashing = Hashing(self._clients, self._options.jobs, self._report, self._warn)
        known = known_content(self._old)
        holdings = [holding.recalled(known) for item in selected for holding in item.holdings]
        holdings = hashing.details(holdings)
        whole = {
            item.entry.name
            for item in selected
            if self._pin_kind(item.entry) == "tree" and not item.entry.fallbacks
        }
        unread = [holding for holding in holdings if holding.model not in whole]
        if hashing.unread(unread):
            # What was read for hours must not be lost to a spelling mistake in another model.
            self._take_failures(hashing)
            self._raise_failures(entries)
        done = hashing.read(unread)
        self._take_failures(hashing)
        by_model: dict[str, list[Holding]] = {}
        for holding in (*done, *(holding for holding in holdings if holding.model in whole)):
            by_model.setdefault(holding.model, []).append(holding)
        return [
            replace(item, holdings=tuple(by_model[item.entry.name]))
            for item in selected
            if item.entry.name in by_model
        ]

    def _locked(self, item: _Selected) -> LockedModel | None:
        entry, (first, *others) = item.entry, item.holdings
        source, *fallbacks = (holding.source.holding(holding.files) for holding in item.holdings)
        model = LockedModel(
            name=entry.name,
            source=source,
            filters=entry.filters,
            pin=FilesPin({}),
            digest=entry.digest(),
            layout=entry.layout,
            integration=entry.integration,
            card=item.card,
            fallbacks=tuple(fallbacks),
            fallbacks_digest=entry.fallbacks_digest(),
        )
        try:
            for other in others:
                prove(first.source, first.files, other.source, other.files)
            if self._pin_kind(entry) == "files":
                return replace(model, pin=_files_pin(first.files))
            kept = self._old.models.get(entry.name)
            if kept and self._is_same_tree(item, kept, 1):
                return replace(model, pin=kept.pin, source=kept.source)
            return replace(model, pin=self._tree_pin(model.tree, first.files))
        except AimodelsError as error:
            self._fail(entry.name, error)
            return None

    def _kept_tree(self, item: _Selected) -> LockedModel | None:
        """Return the old model if it is a tree, and nothing has moved."""
        old = self._old.models.get(item.entry.name)
        if old is None or not self._is_same_tree(item, old, None):
            return None
        return replace(
            _refreshed(item.entry, old),
            card=item.card,
            digest=item.entry.digest(),
            fallbacks_digest=item.entry.fallbacks_digest(),
        )

    def _is_same_tree(self, item: _Selected, old: LockedModel, places: int | None) -> bool:
        """Return whether the tree is the same, and so are its first so many sources."""
        entry, holdings = item.entry, item.holdings[:places]
        now = [holding.source.holding(holding.files) for holding in holdings]
        return (
            self._pin_kind(entry) == "tree"
            and isinstance(old.pin, TreePin)
            and entry.filters == old.filters
            and entry.integration.enable == old.integration.enable
            and all(holding.tells for holding in holdings)
            and _content(now) == _content(old.sources[:places])
        )

    def _tree_pin(self, tree: Tree, files: Sequence[ListedFile]) -> TreePin:
        environment: dict[str, str] = {}
        for source in (tree.source, *tree.fallbacks):
            environment |= self._client(source).environment()
        published = {file.path: hex_to_sri(file.sha256) for file in files if file.sha256}
        made = store.fetch_tree(tree, published, environment, self._report)
        if made.not_stored is not None:
            reason = made.not_stored.message
            self._warnings.append(f"{tree.name}: {reason}, so building it will download it again")
        return TreePin(made.hash, len(files), made.size)

    def _pin_kind(self, entry: Entry) -> PinKind:
        old = self._old.models.get(entry.name)
        return entry.pin or self._options.pin or (old.pin_kind if old else "files")

    def _client(self, source: Source) -> Client[Any]:
        return self._clients[source.kind]

    def _take_failures(self, hashing: Hashing) -> None:
        for name, error in hashing.failures.items():
            self._fail(name, error)

    def _fail(self, name: str, error: AimodelsError) -> None:
        """Keep a model's first failure: the others most likely have the same cause."""
        self._failures.setdefault(name, type(error)(f"{name}: {error.message}", error.hint))

    def _raise_failures(self, entries: Sequence[Entry]) -> None:
        if self._failures:
            names = (entry.name for entry in entries)
            raise CombinedError([self._failures[name] for name in names if name in self._failures])


def _files_pin(files: Iterable[ListedFile]) -> FilesPin:
    return FilesPin(
        {
            file.path: FilePin(
                hex_to_sri(file.sha256 or ""), file.size or 0, file.lfs, file.blob_id
            )
            for file in files
        }
    )


def _content(sources: Iterable[Source]) -> list[tuple[dict[str, Any], str, list[str | None]]]:
    """Return what sources are, and what they say of their content."""
    return [
        (source.asked(), source.version, [source.content_id(file) for file in source.remembers()])
        for source in sources
    ]
