"""Bundles: many small files as one path of the store."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import sri_to_hex
from aimodels_gen.errors import StoreError
from aimodels_gen.lock.model import Bundle, FilesPin
from aimodels_gen.nix import store, store_path
from aimodels_gen.nix.hashes import nar_sri_of_files

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from aimodels_gen.lock.contents import Contents
    from aimodels_gen.lock.model import BundledFile, Lock

    Report = Callable[[str], None]

# Of bundles that are added to the store together.
_BATCH_BYTES = 64 << 20
_BATCH_FILES = 10_000


class Bundles:
    """Makes the bundles of a run, and adds them to the store.

    Attributes:
        contents: of the files.
    """

    def __init__(self, old: Lock, contents: Contents) -> None:
        """Take files from `contents`; bundles of `old` with the same files need none."""
        self.contents = contents
        self._made: dict[str, Bundle] = {}
        self._known: dict[str, str] = {}
        for model in old.models.values():
            if isinstance(model.pin, FilesPin) and model.pin.bundle:
                bundle = model.pin.bundle
                self._known[_key(digests(bundle.files))] = bundle.hash

    def needs_contents(self, wanted: Collection[str]) -> bool:
        """Return whether the contents of these files, by their sha256, are needed for a bundle."""
        return _key(sorted(set(wanted))) not in self._known

    def make(self, files: Mapping[str, BundledFile]) -> Bundle | None:
        """Return the bundle of these files, None for none."""
        if not files:
            return None
        wanted = digests(files)
        known = self._known.get(_key(wanted))
        bundle = Bundle(known or nar_hash(wanted, self.contents), dict(files))
        if not known:
            self._known[_key(wanted)] = bundle.hash
            self._made[bundle.hash] = bundle
        return bundle

    def store(self, report: Report) -> None:
        """Add what has been made to the store. If that is not possible, builds download it."""
        new = [one for one in self._made.values() if not os.path.lexists(path_of(one))]
        if new and store.have_nix():
            report("adding small files to the store")
            with suppress(StoreError, OSError):
                add(new, self.contents)


def path_of(bundle: Bundle) -> str:
    """Return the store path of a bundle."""
    return store_path.store_path("recursive", bundle.hash, store_path.BUNDLE, store.store_dir())


def digests(files: Mapping[str, BundledFile]) -> list[str]:
    """Return the sha256 in hex of files, each once, sorted."""
    return sorted({sri_to_hex(file.hash) for file in files.values()})


def nar_hash(wanted: Iterable[str], contents: Contents) -> str:
    """Return the SRI sha256 of the Nix archive of a bundle with these sorted sha256 in hex."""
    return nar_sri_of_files((digest, contents.read(digest)) for digest in wanted)


def add(bundles: Iterable[Bundle], contents: Contents) -> None:
    """Add bundles to the store, many at a time.

    Raises:
        StoreError: Nix refused.
        OSError: the temporary directory cannot be written.
    """
    batch: list[tuple[Path, str]] = []
    size = files = 0
    for bundle in bundles:
        batch.append((_write(bundle, contents, len(batch)), bundle.hash))
        size += sum(file.size for file in bundle.files.values())
        files += len(bundle.files)
        if size >= _BATCH_BYTES or files >= _BATCH_FILES:
            _add(batch)
            batch, size, files = [], 0, 0
    _add(batch)


def _add(batch: Sequence[tuple[Path, str]]) -> None:
    if batch:
        try:
            store.add("recursive", batch)
        finally:
            for path, _ in batch:
                shutil.rmtree(path)


def _write(bundle: Bundle, contents: Contents, number: int) -> Path:
    directory = contents.directory / "bundles" / str(number) / store_path.BUNDLE
    directory.mkdir(parents=True, exist_ok=True)
    for digest in digests(bundle.files):
        (directory / digest).write_bytes(contents.read(digest))
    return directory


def _key(wanted: Iterable[str]) -> str:
    """Return what is the same for the same sorted sha256."""
    return hashlib.sha256("\n".join(wanted).encode()).hexdigest()
