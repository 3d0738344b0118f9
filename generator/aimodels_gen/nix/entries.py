"""Entries in the store that have files which are wanted, wherever they were built or fetched for.

An entry keeps each file below the name of its sha256. A build of the same file looks for a path of
its own, which garbage collection may have removed, while a root keeps the entry.
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
_SUFFIX = re.compile(r"-[0-9a-f]{7}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HUB = "hub"


class StoredContent:
    """Files of the store by their content, of entries that may have what is wanted.

    Entries are those that bear the names of models, and those that a root keeps, such as a `result`
    link. Finding them reads the names in the store once (0.1 seconds for 100,000 paths), and looks
    into those that fit: to look into each path would take minutes on a slow disk.
    """

    def __init__(self, models: Iterable[str]) -> None:
        """Find the entries of these models, or none where there is no Nix."""
        self._blobs: dict[str, Path] = {}
        if store.have_nix():
            names = {store_path.sanitize(model) for model in models}
            for entry in dict.fromkeys([*_named(names), *_rooted()]):
                self._blobs.update(_blobs(entry))

    def find(self, digest: str, path: str) -> Path | None:
        """Return where the store says that it has this content; nothing has been verified.

        Args:
            digest: Its sha256 in hex.
            path: Where the model has it: a `files` pin of the same model may be in the store.
        """
        name = store_path.file_name(path)
        flat = store_path.store_path("flat", hex_to_sri(digest), name, store.store_dir())
        return _file(self._blobs.get(digest)) or _file(Path(flat))


def _blobs(entry: Path) -> Iterator[tuple[str, Path]]:
    directory = entry / "blobs"
    try:
        # A name is the sha256 of the content, whatever the layout.
        names = [name for name in os.listdir(directory) if _DIGEST.fullmatch(name)]  # noqa: PTH208 (there can be many)
    except OSError:  # it is something else, or gone by now
        return
    yield from ((name, directory / name) for name in names)


def _named(names: Collection[str]) -> Iterator[Path]:
    directory = store.store_dir()
    try:
        with os.scandir(directory) as paths:
            for path in paths:
                name = path.name[_HASH:]
                if name in names or (_SUFFIX.fullmatch(name[-8:]) and name[:-8] in names):
                    yield Path(path.path)
    except OSError:
        # There is no store yet, or it can be searched by nobody but Nix.
        return


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


def _file(path: Path | None) -> Path | None:
    """Return a file of the store, behind the link of an entry that has been linked together."""
    found = Path(os.path.realpath(path)) if path else None
    inside = found and str(found).startswith(f"{store.store_dir()}/")
    return found if found and inside and found.is_file() else None
