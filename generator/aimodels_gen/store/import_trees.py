"""Whole models of `tree` pins, laid out of what a cache or a disk has of them.

The lock knows the hash of the entry, and not its files: a snapshot in a cache says which there are,
and the names of its blobs which of them are under LFS. A disk of `export` has the layout.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aimodels_fetcher import layout
from aimodels_fetcher.digests import Verifier
from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.paths import check_path
from aimodels_fetcher.sources import sources_from
from aimodels_fetcher.wording import counted
from aimodels_gen.cache import cache_directory
from aimodels_gen.engines.huggingface import cache_name
from aimodels_gen.lock.model import TreePin
from aimodels_gen.lock.workspace import workspace
from aimodels_gen.nix import store, store_path
from aimodels_gen.nix.hashes import nar_sri
from aimodels_gen.store.candidates import ChangedError, candidate
from aimodels_gen.store.paths import store_paths
from aimodels_gen.store.stick import lay_out, location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.store.candidates import Candidate

    Report = Callable[[str], None]

_SHA1_HEX, _SHA256_HEX = 40, 64
_MOST_LISTED = 1 << 28  # bytes


@dataclass(frozen=True)
class _Snapshot:
    """Where a cache, or a directory that huggingface_hub has filled, has a commit."""

    files: Path
    listing: Path


def import_trees(
    models: Sequence[LockedModel], places: Sequence[Path], report: Report, warn: Report
) -> set[str]:
    """Add the entries of these models to the store; return the store paths of those that are whole.

    Raises:
        StoreError: the store is full.
    """
    taken = set()
    for model in models:
        found = (_tried(model, place, report, warn) for place in _laid(model, places))
        if path := next(filter(None, found), None):
            taken.add(path)
    return taken


def _laid(model: LockedModel, places: Sequence[Path]) -> Iterator[_Snapshot | Path]:
    """Yield where a model may be: on a disk of `export`, and in caches."""
    (path,) = store_paths(model)
    yield from (found for place in places if (found := location(place, path)).is_dir())
    yield from _snapshots(model, places)


def _tried(model: LockedModel, place: _Snapshot | Path, report: Report, warn: Report) -> str | None:
    try:
        if isinstance(place, Path):
            return _import_from_disk(model, place, report)
        return _import(model, place, report)
    except (ChangedError, FetchError) as error:
        reason = error.message
    except OSError as error:
        reason = f"{error.filename or place}: {error.strerror}"
    directory = place if isinstance(place, Path) else place.files
    warn(f"{model.name}: {directory} is left out: {reason}")
    return None


def _import_from_disk(model: LockedModel, blobs: Path, report: Report) -> str | None:
    """Return the store path of a tree that is on a disk of `export`."""
    pin = model.pin
    if not isinstance(pin, TreePin):
        return None
    with workspace() as directory:
        out = directory / store_path.tree_name(model.name, model.tree.identity())
        report(f"{model.name}: laying out {counted(model.pin.count, 'file')}")
        lay_out(blobs, out)
        return _add(model, pin, out, report)


def _snapshots(model: LockedModel, places: Sequence[Path]) -> Iterator[_Snapshot]:
    org, name, repo_type = model.source.source.cache_parts
    rev = getattr(model.source.source, "rev", None)
    if name is None or rev is None:
        return
    repository = cache_name(org, name, repo_type)
    for place in places:
        local = place / ".cache" / "huggingface" / "trees" / f"{rev}.json"
        if local.is_file():
            yield _Snapshot(place, local)
        for directory in (place, place / repository, place / "hub" / repository):
            found = directory / "snapshots" / rev
            if directory.name == repository and found.is_dir():
                yield _Snapshot(found, directory / "trees" / f"{rev}.json")


def _import(model: LockedModel, snapshot: _Snapshot, report: Report) -> str | None:
    """Return the store path of a model; None if the snapshot does not have all that is pinned."""
    pin = model.pin
    if not isinstance(pin, TreePin):
        return None
    listed = _listed(snapshot.listing)
    paths = listed or dict.fromkeys(_walk(snapshot.files))
    chosen = model.filters.select(sorted(paths), str).taken
    found = {path: candidate(snapshot.files / path) for path in chosen}
    files = {path: file for path, file in found.items() if file is not None}
    if len(files) != len(chosen) or len(chosen) != pin.count or not chosen:
        return None
    if sum(file.size for file in files.values()) != pin.size:
        return None
    with _room(next(iter(files.values()))) as directory:
        out = directory / store_path.tree_name(model.name, model.tree.identity())
        report(f"{model.name}: laying out {pin.count} files")
        if model.integration.enable:
            _lay_out(model, snapshot, listed, files, out)
        else:
            for path, file in files.items():
                _place(file, layout.make_room(out, check_path(path)))
        return _add(model, pin, out, report)


def _add(model: LockedModel, pin: TreePin, out: Path, report: Report) -> str:
    """Add a tree to the store, if it is what is pinned; return its store path."""
    report(f"{model.name}: hashing")
    if nar_sri(out) != pin.hash:
        raise FetchError("its files are not those of the pin")
    report(f"{model.name}: adding to the store")
    store.add("recursive", [(out, pin.hash)])
    return store_path.store_path("recursive", pin.hash, out.name, store.store_dir())


def _lay_out(
    model: LockedModel,
    snapshot: _Snapshot,
    listed: Mapping[str, Any],
    files: Mapping[str, Candidate],
    out: Path,
) -> None:
    (source, *_) = sources_from([{model.source.source.kind: model.source.to_spec()}])
    laid = layout.LaidFiles()
    layout.start(out)
    for path, file in files.items():
        verifier = Verifier(git_size=file.size)
        file.read(verifier.update)
        is_lfs = _is_lfs(snapshot.files / path, listed.get(path))
        git_blob_id = None if is_lfs else verifier.git_blob_id
        laid.add(check_path(path), layout.LaidFile(verifier.sha256, file.size, git_blob_id))
        blob = layout.blob_path(out, verifier.sha256)
        if not blob.exists():
            _place(file, blob)
        layout.link(out, path, verifier.sha256)
    layout.finish(out, source, laid)


def _is_lfs(path: Path, row: Mapping[str, Any] | None) -> bool:
    """Return whether a file is under LFS, as a listing or the name of its blob says it."""
    if isinstance(row, dict):
        return bool(row.get("lfs_sha256"))
    try:
        return len(path.readlink().name) == _SHA256_HEX
    except OSError:
        return False


def _listed(path: Path) -> dict[str, Any]:
    """Return the files of a commit as huggingface_hub has listed them; none if it has not."""
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(_MOST_LISTED))
    except (OSError, ValueError, RecursionError):
        return {}
    files = data.get("files") if isinstance(data, dict) else None
    return files if isinstance(files, dict) else {}


def _walk(root: Path) -> Iterator[str]:
    for parent, _, names in os.walk(root):
        for name in names:
            yield str(Path(parent, name).relative_to(root))


@contextlib.contextmanager
def _room(file: Candidate) -> Iterator[Path]:
    """Return a directory on the file system of a file, if we have one there: links cost nothing."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(workspace())
        device = file.identity[0]
        if first.stat().st_dev != device:
            with contextlib.suppress(OSError):
                cache = cache_directory()
                cache.mkdir(mode=0o700, parents=True, exist_ok=True)
                if cache.stat().st_dev == device:
                    temporary = tempfile.TemporaryDirectory(prefix=".import-", dir=cache)
                    yield Path(stack.enter_context(temporary))
                    return
        yield first


def _place(file: Candidate, target: Path) -> None:
    """Make a file at a path: a hard link, or else a copy. Nix stores no times and no owners."""
    if not os.access(file.path, os.X_OK):
        with contextlib.suppress(OSError):
            os.link(file.path, target)
            return
    shutil.copyfile(file.path, target)
