"""What sources have now, compared with pins: from listings, without reading any file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import structs

from aimodels_fetcher import log
from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.remote_files import RemoteFiles
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_gen.errors import AimodelsError, MissingRevisionError
from aimodels_gen.lock.clients import Clients
from aimodels_gen.lock.diff import compare_url, contents, described, file_changes, side
from aimodels_gen.lock.failures import Failures
from aimodels_gen.lock.model import FilesPin, LockedModel
from aimodels_gen.lock.options import DEFAULT_JOBS
from aimodels_gen.lock.selection import access_refused, as_declared, select
from aimodels_gen.lock.stages import to_list
from aimodels_gen.lock.unmoved import is_at
from aimodels_gen.net.faults import causes
from aimodels_gen.net.pool import RequestPool
from aimodels_gen.reports.diff import ModelChange, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from aimodels_gen.lock.model import Lock
    from aimodels_gen.lock.options import Options
    from aimodels_gen.lock.selection import Selected, Wanted
    from aimodels_gen.manifest.model import Entry
    from aimodels_gen.reports.diff import FileChange
    from aimodels_gen.sources.base import Card, Source, SourceClient

    Client = SourceClient[Any]
    Report = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """What the source of a model has now.

    Attributes:
        change: what locking it would change, None for nothing.
        notes: what else there is to know, in words.
        renamed: what the server calls the source by now, None for what the manifest calls it.
    """

    name: str
    change: ModelChange | None = None
    notes: tuple[str, ...] = ()
    renamed: str | None = None


@dataclass(frozen=True)
class Upstream:
    """What the sources of some models have now, and why others could not be looked at."""

    found: tuple[Found, ...]
    failures: Failures


@dataclass(frozen=True)
class _Pinned:
    """What is known of the content that is pinned.

    Attributes:
        model: None for a new one.
        hashes: of all pinned files, with the git ids of those that have one.
        holds: whether it is what the manifest asks for.
    """

    model: LockedModel | None
    hashes: frozenset[str]
    holds: bool


def look(
    entries: Sequence[Entry], old: Lock, options: Options, report: Report, warn: Report
) -> Upstream:
    """Return what the sources of models have now: one request for each that has not moved."""
    failures = Failures(tolerated=True)
    pool = RequestPool(options.jobs or DEFAULT_JOBS)
    sources = (entry.source for entry in entries)
    known = _known(old)
    with log.redirected(report, warn), Clients(sources, warn) as clients:
        try:
            prepare = partial(to_list, old=old, options=options, clients=clients)
            wanted = failures.of_each(entries, prepare)
            futures = []
            for model in wanted:
                pinned = old.models.get(model.name)
                holds = pinned is not None and options.holds(model.entry, pinned)
                of_model = _Pinned(pinned, known, holds and not (pinned and pinned.edited))
                client = clients.of(model.sources[0])
                futures.append((model, pool.submit(_look_at, client, model, of_model, options)))
            found = []
            for done, (model, future) in enumerate(futures, 1):
                with failures.collect(model.name):
                    found.append(future.result())
                report(f"asked for {done} of {len(futures)} models")
        finally:
            pool.close()
    return Upstream(tuple(found), failures)


def _known(old: Lock) -> frozenset[str]:
    files = contents(old).values()
    return frozenset((*(file.hash for file in files), *(file.blob_id or "" for file in files)))


def _look_at(client: Client, model: Wanted, pinned: _Pinned, options: Options) -> Found:
    source, old = model.sources[0], pinned.model
    revision = client.revision(source)
    renamed = revision.name if revision else None
    if revision and old and pinned.holds and is_at(revision, old):
        change = _of_card(old, revision.card)
        notes = _of_gate(client, revision.source, change, _pinned_files(old))
        return Found(model.name, change, tuple(notes), renamed)
    listing = client.list(source, model.entry.listing_filters)
    selected = select(as_declared(model.entry, [listing]))
    if client.describes and not source.is_exact:
        selected = _described(client, selected)
    if revision:
        selected = replace(selected, card=revision.card)
    files: tuple[FileChange, ...] | None = ()
    notes = []
    if old is not None:
        same_kind = old.source.source.kind == source.kind
        old, note = _with_date(client, old) if revision and same_kind else (old, None)
        files = _files_of(client if same_kind else None, selected, old)
        told = None if files is not None else "its tree is one hash: no file can be compared"
        notes += filter(None, (note, told))
    change = _change(selected, old, pinned, options, files)
    first = selected.sources[0]
    notes += _of_gate(client, first.source, change, first.files)
    return Found(model.name, change, tuple(notes), renamed)


def _of_gate(
    client: Client, source: Source, change: ModelChange | None, files: Iterable[RemoteFile]
) -> list[str]:
    """Return a note where the new pin would be of files that may not be read."""
    if change is None or change.new is None or change.new.gated is None:
        return []
    refused = access_refused(client, source, files)
    return [f"{refused.message}; {refused.hint}"] if refused else []


def _pinned_files(old: LockedModel) -> list[RemoteFile]:
    files = old.pin.all_files if isinstance(old.pin, FilesPin) else {}
    return [RemoteFile(path, size=file.size) for path, file in files.items()]


def _with_date(client: Client, old: LockedModel) -> tuple[LockedModel, str | None]:
    """Return a pin with the date of its commit, and what to say if that is not there any more."""
    before = old.source.source
    try:
        revision = client.revision(before)
    except AimodelsError as error:
        if not any(isinstance(one, MissingRevisionError) for one in causes(error)):
            return old, None
        return old, (
            f"the pinned commit {before.version} is gone, because the history was "
            "rewritten: builds need a copy of the files"
        )
    if revision and not old.card.modified:
        old = replace(old, card=structs.replace(old.card, modified=revision.card.modified))
    return old, None


def _files_of(
    client: Client | None, selected: Selected, old: LockedModel
) -> tuple[FileChange, ...] | None:
    """Return the files that differ from those of a pin, None if that cannot be told."""
    if isinstance(old.pin, FilesPin):
        return _file_changes(selected, old)
    if client is not None and old.source.source.revision is not None:
        return _changes_of_tree(client, selected, old)
    return _changes_by_etag(selected, old) if old.source.etags else None


def _described(client: Client, selected: Selected) -> Selected:
    first = selected.sources[0]
    files = RemoteFiles(client.describe(first.source, file) for file in first.files)
    return replace(selected, sources=(replace(first, files=files),))


def _of_card(old: LockedModel, card: Card) -> ModelChange | None:
    """Return the change of a model that is at its revision: of licence and gate only."""
    if (old.card.license, old.card.gated) == (card.license, card.gated):
        return None
    now = replace(old, card=card)
    return ModelChange(name=old.name, change="changed", old=side(old), new=side(now), download=0)


def _file_changes(selected: Selected, old: LockedModel) -> tuple[FileChange, ...]:
    assert isinstance(old.pin, FilesPin)  # noqa: S101 - its caller has looked
    before, etags = old.pin.all_files, old.source.etags
    after = {file.path: file for file in selected.sources[0].files}

    def is_same(path: str) -> bool | None:
        pin, file = before[path], after[path]
        if file.sha256:
            return hex_to_sri(file.sha256) == pin.hash
        if file.git_blob_id and pin.git_blob_id:
            return file.git_blob_id == pin.git_blob_id
        if file.size is not None and file.size != pin.size:
            return False
        etag = etags.get(path)
        return file.etag == etag if file.etag and etag else None

    return file_changes({path: file.size for path, file in before.items()}, _sizes(after), is_same)


def _changes_of_tree(
    client: Client,
    selected: Selected,
    old: LockedModel,
) -> tuple[FileChange, ...] | None:
    """Return what a tree has otherwise, from a listing of the pinned commit; None without one."""
    try:
        listing = client.list(old.source.source, old.filters)
    except AimodelsError:
        return None
    before = {file.path: file for file in listing.selection.taken}
    after = {file.path: file for file in selected.sources[0].files}

    def is_same(path: str) -> bool:
        return _identity(before[path]) == _identity(after[path])

    return file_changes(_sizes(before), _sizes(after), is_same)


def _changes_by_etag(selected: Selected, old: LockedModel) -> tuple[FileChange, ...]:
    """Return what a tree of a source without revisions has otherwise, as far as ETags show it."""
    etags = old.source.etags
    after = {file.path: file for file in selected.sources[0].files}

    def is_same(path: str) -> bool | None:
        etag = after[path].etag
        return etag == etags[path] if etag else None

    return file_changes(dict.fromkeys(etags), _sizes(after), is_same)


def _sizes(files: Mapping[str, RemoteFile]) -> dict[str, int | None]:
    return {path: file.size for path, file in files.items()}


def _identity(file: RemoteFile) -> str | None:
    """Return what no other content has, as far as a listing shows it."""
    return hex_to_sri(file.sha256) if file.sha256 else file.git_blob_id


def _change(
    selected: Selected,
    old: LockedModel | None,
    pinned: _Pinned,
    options: Options,
    files: tuple[FileChange, ...] | None,
) -> ModelChange | None:
    entry, source = selected.entry, selected.sources[0].source
    before = side(old) if old else None
    if before and files == () and pinned.holds and before.commit == source.revision:
        return None
    sizes = [file.size for file in selected.sources[0].files]
    new = described(
        source,
        selected.card,
        Side(
            source="",
            pin=options.pin_kind(entry, old),
            files=len(sizes),
            size=None if None in sizes else sum(size or 0 for size in sizes),
            fallbacks=len(entry.fallbacks),
            bundled=before.bundled if before else 0,
        ),
    )
    return ModelChange(
        name=entry.name,
        change="changed" if old else "added",
        old=before,
        new=new,
        files=files or (),
        download=_download(selected, pinned.hashes, files if old else None),
        compare=compare_url(old.source.source, source) if old else None,
    )


def _download(
    selected: Selected, known: frozenset[str], files: tuple[FileChange, ...] | None
) -> int | None:
    """Return the bytes of content that is not pinned yet, None if they are not known."""
    of_path = {file.path: file for file in selected.sources[0].files}
    changed = of_path if not files else {one.path for one in files if one.path in of_path}
    if files == ():
        return 0
    new = {}
    for path in changed:
        file = of_path[path]
        identity = _identity(file)
        if identity not in known:
            new[identity or f" {path}"] = file.size
    return None if None in new.values() else sum(size or 0 for size in new.values())
