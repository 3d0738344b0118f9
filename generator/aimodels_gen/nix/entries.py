"""Entries and bundles in the store that have files which are wanted, whatever they were made for.

They keep each file below the name of its sha256. A build of the same file looks for a path of its
own, which garbage collection may have removed, while a root keeps the entry.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import hex_to_sri
from aimodels_gen.nix import store, store_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_HASH = 33  # characters of a store path's name before the name of what it is, a dash included
_SUFFIX = -8  # where that of a tree begins
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HUB = "hub"


class StoredContent:
    """Files of the store by their content, of entries that may have what is wanted, and of bundles.

    Entries are those that bear the names of models, and those that a root keeps, such as a `result`
    link. Finding them reads the names in the store once (0.2 seconds for 100,000 paths), and looks
    into those that fit: to look into each path would take minutes on a slow disk.
    """

    def __init__(self, models: Iterable[str]) -> None:
        """Find the entries of these models, or none where there is no Nix."""
        self._blobs: dict[str, list[Path]] = {}
        if store.have_nix():
            names = {store_path.BUNDLE, *map(store_path.sanitize, models)}
            for entry in dict.fromkeys([*_named(names), *_rooted()]):
                for blob in blobs(entry):
                    self._blobs.setdefault(blob.name, []).append(blob)

    def blob(self, digest: str) -> Path | None:
        """Return where the content of this sha256 in hex is; it has not been verified."""
        return next(filter(None, map(_file, self._blobs.get(digest, ()))), None)

    def blobs(self, digest: str) -> list[Path]:
        """Return all files that are named so, none of them twice; they have not been verified."""
        return list(dict.fromkeys(filter(None, map(_file, self._blobs.get(digest, ())))))

    def file(self, digest: str, path: str) -> Path | None:
        """Return the same, or where the store has the file of that path of a `files` pin."""
        name = store_path.file_name(path)
        flat = store_path.store_path("flat", hex_to_sri(digest), name, store.store_dir())
        return self.blob(digest) or _file(Path(flat))


def entries_of(models: Iterable[str]) -> dict[str, list[Path]]:
    """Return the directories in the store that bear the names of models, by these names."""
    found: dict[str, list[Path]] = {model: [] for model in models}
    names: dict[str, list[str]] = {}
    for model in found:
        names.setdefault(store_path.sanitize(model), []).append(model)
    for path in _named(names) if names else ():
        for model in names.get(path.name[_HASH:], ()):
            found[model].append(path)
    return found


def blobs(entry: Path) -> list[Path]:
    """Return the blobs of an entry or a bundle; the name of each is the sha256 of its content."""
    is_bundle = entry.name[_HASH:] == store_path.BUNDLE
    directory = entry if is_bundle else entry / "blobs"
    try:
        names = os.listdir(directory)  # noqa: PTH208 (there can be many)
    except OSError:  # it is something else, or gone by now
        return []
    return [directory / name for name in names if _DIGEST.fullmatch(name)]


def _named(names: Collection[str]) -> Iterator[Path]:
    directory = store.store_dir()
    try:
        paths = os.listdir(directory)  # noqa: PTH208 (there are many)
    except OSError:
        # The store does not exist yet, or only Nix may list it.
        return
    for path in paths:
        if path[_HASH:] in names or (path[_SUFFIX:][:1] == "-" and path[_HASH:_SUFFIX] in names):
            yield Path(directory, path)


def _rooted() -> Iterator[Path]:
    """Yield what the links that users made keep, and the entries of caches among it."""
    try:
        links = list(Path(store.state_dir(), "gcroots", "auto").iterdir())
    except OSError:
        return
    for link in links:
        path = Path(os.path.realpath(link))
        if str(path).startswith(f"{store.store_dir()}/"):
            yield path
            try:
                yield from (Path(os.path.realpath(entry)) for entry in (path / _HUB).iterdir())
            except OSError:  # it is none, or another user's
                continue


def _file(path: Path) -> Path | None:
    """Return a file of the store, to which a blob of an entry may be a link."""
    found = os.path.realpath(path)
    inside = found.startswith(f"{store.store_dir()}/")
    return Path(found) if inside and os.path.isfile(found) else None  # noqa: PTH113 (a string)
