"""From a manifest and the lock that was, to the lock that will be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aimodels_gen import store
from aimodels_gen.errors import AimodelsError, CombinedError, SourceError
from aimodels_gen.hashing import sri_from_hex
from aimodels_gen.lockfile import Lock
from aimodels_gen.pins import FilePin, FilesPin, LockedModel, Pin, PinKind, Tree, TreePin
from aimodels_gen.pool import run_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aimodels_gen.manifest import Entry, Manifest
    from aimodels_gen.sources import Client, ListedFile, Listing, Source

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
    """A model on its way: listed and filtered, not yet hashed."""

    entry: Entry
    listing: Listing
    files: tuple[ListedFile, ...]
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
    made, warnings = _Resolver(old, options, report, warn).pins(stale) if stale else ({}, ())
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
    return entry.digest() == old.digest and wanted == old.pin_kind and same_tree


def _refreshed(entry: Entry, old: LockedModel) -> LockedModel:
    """Return the old pin with what may change without moving it."""
    return replace(
        old,
        source=entry.source.resolved_like(old.source),
        filters=entry.filters,
        layout=entry.layout,
        integration=entry.integration,
    )


class _Resolver:
    """The work that needs the network, in three stages over all stale models.

    Stages, rather than one thread for each model, keep one bound on the requests and never have a
    worker wait for another. A model that fails in one stage does not hold up the others.
    """

    def __init__(self, old: Lock, options: Options, report: Report, warn: Report) -> None:
        self._old = old
        self._options = options
        self._report = report
        self._warn = warn
        self._clients: dict[str, Client] = {}
        self._failures: dict[str, AimodelsError] = {}
        self._warnings: list[str] = []

    def pins(self, entries: Sequence[Entry]) -> tuple[dict[str, LockedModel], tuple[str, ...]]:
        """Return the new pins and warnings about them.

        Raises:
            CombinedError: the models that failed.
        """
        self._connect(entries)
        selected = self._list(entries)
        hashes = self._hash([item for item in selected if self._pin_kind(item) == "files"])
        self._raise_failures(entries)
        # One after the other: each uses the whole line, and Ctrl-C must find its process here.
        models = {item.entry.name: self._locked(item, hashes) for item in selected}
        self._raise_failures(entries)
        found = {name: model for name, model in models.items() if model is not None}
        listed = (warning for item in selected for warning in item.warnings)
        return found, (*listed, *self._warnings)

    def _connect(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.source.kind not in self._clients:
                self._clients[entry.source.kind] = entry.source.connect(self._warn)

    def _list(self, entries: Sequence[Entry]) -> list[_Selected]:
        self._report(f"listing {len(entries)} models")
        results = run_all(
            self._select,
            entries,
            self._options.jobs,
            lambda done: self._report(f"listed {done} of {len(entries)} models"),
        )
        selected = []
        for entry, result in zip(entries, results, strict=True):
            if isinstance(result, AimodelsError):
                self._fail(entry.name, result)
            else:
                selected.append(result)
        return selected

    def _select(self, entry: Entry) -> _Selected:
        client = self._client(entry.source)
        listing = client.list(entry.source)
        paths = [file.path for file in listing.files]
        files = entry.filters.select(listing.files, lambda file: file.path)
        if not files:
            reason = f"with {entry.filters} takes none of its {len(paths)} files"
            sample = ", ".join(repr(path) for path in paths[:5]) or "no files at all"
            raise SourceError(f"{entry.source.label} {reason}", f"it holds {sample}, for example")
        warnings = [
            f"{entry.name}: no file matches {pattern!r}" for pattern in entry.filters.unused(paths)
        ]
        if listing.card.gated:
            warnings += self._gate_warnings(entry, listing, files)
        return _Selected(entry, listing, files, tuple(warnings))

    def _gate_warnings(
        self, entry: Entry, listing: Listing, files: Sequence[ListedFile]
    ) -> list[str]:
        refusal = self._client(entry.source).check_access(listing.source, files[0])
        if refusal is None:
            return []
        return [f"{entry.name}: {refusal.message}, so building it will fail; {refusal.hint}"]

    def _hash(self, selected: Sequence[_Selected]) -> dict[tuple[str, str], str]:
        """Return the SRI hash of every file, by the names of the model and of the file."""
        known = _hashes_by_blob(self._old)
        hashes: dict[tuple[str, str], str] = {}
        unknown: list[tuple[_Selected, ListedFile]] = []
        for item in selected:
            for file in item.files:
                key = (item.entry.name, file.path)
                if file.sha256 is not None:
                    hashes[key] = sri_from_hex(file.sha256)
                elif (file.blob_id, file.size) in known:
                    hashes[key] = known[file.blob_id, file.size]
                else:
                    unknown.append((item, file))
        results = run_all(
            lambda pair: self._client(pair[0].entry.source).sha256(pair[0].listing.source, pair[1]),
            unknown,
            self._options.jobs,
            lambda done: self._report(f"hashed {done} of {len(unknown)} small files"),
        )
        for (item, file), result in zip(unknown, results, strict=True):
            if isinstance(result, AimodelsError):
                self._fail(item.entry.name, result)
            else:
                hashes[item.entry.name, file.path] = sri_from_hex(result)
        return hashes

    def _locked(self, item: _Selected, hashes: Mapping[tuple[str, str], str]) -> LockedModel | None:
        entry = item.entry
        pin: Pin | None
        if self._pin_kind(item) == "tree":
            pin = self._tree_pin(item)
        else:
            pin = FilesPin(
                {
                    file.path: FilePin(
                        hashes[entry.name, file.path], file.size, file.lfs, file.blob_id
                    )
                    for file in item.files
                }
            )
        if pin is None:
            return None
        return LockedModel(
            name=entry.name,
            source=item.listing.source,
            filters=entry.filters,
            pin=pin,
            digest=entry.digest(),
            layout=entry.layout,
            integration=entry.integration,
            card=item.listing.card,
        )

    def _tree_pin(self, item: _Selected) -> TreePin | None:
        entry, source = item.entry, item.listing.source
        tree = Tree(entry.name, source, entry.filters, entry.integration.enable)
        old = self._old.models.get(entry.name)
        if old and isinstance(old.pin, TreePin) and old.tree.identity() == tree.identity():
            return old.pin  # its ref has not moved
        try:
            made = store.fetch_tree(tree, self._client(source).environment(), self._report)
        except AimodelsError as error:
            self._fail(entry.name, error)
            return None
        if made.not_stored is not None:
            reason = made.not_stored.message
            self._warnings.append(f"{entry.name}: {reason}, so building it will download it again")
        return TreePin(made.hash, len(item.files), sum(file.size for file in item.files))

    def _pin_kind(self, item: _Selected) -> PinKind:
        old = self._old.models.get(item.entry.name)
        return item.entry.pin or self._options.pin or (old.pin_kind if old else "files")

    def _client(self, source: Source) -> Client:
        return self._clients[source.kind]

    def _fail(self, name: str, error: AimodelsError) -> None:
        """Keep a model's first failure: the others most likely have the same cause."""
        self._failures.setdefault(name, type(error)(f"{name}: {error.message}", error.hint))

    def _raise_failures(self, entries: Sequence[Entry]) -> None:
        if self._failures:
            names = (entry.name for entry in entries)
            raise CombinedError([self._failures[name] for name in names if name in self._failures])


def _hashes_by_blob(lock: Lock) -> dict[tuple[str | None, int], str]:
    """Return the hashes that a lock knows, by git blob id and size: equal ids, equal bytes."""
    return {
        (file.blob_id, file.size): file.hash
        for model in lock.models.values()
        if isinstance(model.pin, FilesPin)
        for file in model.pin.files.values()
        if file.blob_id is not None and not file.lfs
    }
