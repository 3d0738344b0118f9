"""The Nix store of this machine against the lock: everything that it has of pins, hashed again."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from aimodels_fetcher.digests import hex_to_sri, sri_to_hex
from aimodels_gen.lock.model import FilesPin, TreePin
from aimodels_gen.lock.pinned import PinnedFile
from aimodels_gen.lock.verify_files import Found
from aimodels_gen.nix import store
from aimodels_gen.nix.entries import StoredContent
from aimodels_gen.nix.hashes import nar_sri
from aimodels_gen.store.paths import PinnedBundle, store_paths
from aimodels_gen.store.reading import Hashed, Hasher

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.reports.verify import Kind

_DIGEST = re.compile(r"[0-9a-f]{64}")


def verify_store(
    models: Sequence[LockedModel], progress: Show = lambda _: None
) -> dict[str, list[Found]]:
    """Return by model's name how what the store has of it differs from its pin.

    That are the paths that builds ask for, and the blobs of entries that the store has. Each is
    read once, in parallel.

    Args:
        models: What to compare.
        progress: Receives lines that say how far it is.

    Raises:
        StoreError: there is no Nix, or it does not answer.
    """
    store.check_nix()
    paths = {model.name: store_paths(model) for model in models}
    absent = store.missing(list(dict.fromkeys(path for some in paths.values() for path in some)))
    entries = StoredContent([model.name for model in models])
    with Hasher(progress) as hasher:
        checks = [_ModelCheck(model, Found("store", store.store_dir()), hasher) for model in models]
        for check in checks:
            check.begin(paths[check.model.name], absent, entries)
        for check in checks:
            check.finish()
    _add_hints(checks)
    return {check.model.name: [check.found] for check in checks}


@dataclass
class _ModelCheck:
    """What is compared of a model; everything is being read once `begin` has returned."""

    model: LockedModel
    found: Found
    hasher: Hasher
    _waiting: list[Callable[[], None]] = field(default_factory=list)

    def begin(
        self,
        paths: Mapping[str, PinnedFile | PinnedBundle | None],
        absent: set[str],
        entries: StoredContent,
    ) -> None:
        """Name what is missing, and begin to read what is there."""
        for path, item in paths.items():
            if path in absent:
                self._missing(path, item)
            elif isinstance(item, PinnedFile):
                self._file(path, item.path, sri_to_hex(item.pin.hash))
            elif isinstance(item, PinnedBundle):
                self._bundle(path, item)
            elif isinstance(self.model.pin, TreePin):
                self._whole(path, self.model.pin.hash)
        if isinstance(self.model.pin, FilesPin):
            self._blobs(self.model.pin, paths, entries)

    def finish(self) -> None:
        """Wait for what is being read, and name what is damaged."""
        for compare in self._waiting:
            compare()

    def _missing(self, path: str, item: PinnedFile | PinnedBundle | None) -> None:
        self.found.add(
            "missing",
            "is not in the store",
            file=item.path if isinstance(item, PinnedFile) else None,
            path=path,
            hint=f"run `aimodels-gen prefetch {self.model.name}`",
        )

    def _file(self, path: str, file: str, digest: str, damaged: str | None = None) -> None:
        """Compare a file with its sha256 in hex; `damaged` is the store path that has it."""
        future = self.hasher.file(path)

        def compare() -> None:
            result = future.result()
            self.found.proofs[file] = "sha256"
            if not self._readable(result, path, file) or result.sha256 == digest:
                return
            self.found.add(
                "damaged",
                f"has {hex_to_sri(result.sha256)} instead of {hex_to_sri(digest)} in {path}",
                file=file,
                path=damaged or path,
                pinned=hex_to_sri(digest),
                found=hex_to_sri(result.sha256),
            )

        self._waiting.append(compare)

    def _readable(self, result: Hashed, path: str, file: str | None) -> bool:
        if result.error is None:
            return True
        self.found.add(
            "damaged" if result.is_gone else "failed",
            f"cannot be read: {result.error}",
            file=file,
            path=path,
        )
        return False

    def _bundle(self, path: str, item: PinnedBundle) -> None:
        """Compare the files of a bundle with their names, and the whole with its hash."""
        there, files = set(_names(path)), item.bundle.files
        for file, pin in files.items():
            if (digest := sri_to_hex(pin.hash)) in there:
                self._file(f"{path}/{digest}", file, digest, path)
        future = self.hasher.call(partial(nar_sri, Path(path)))

        def compare() -> None:
            # Where the bundle is right, it is the lock that has other files than it had.
            kind: Kind = "changed" if _result(future) == item.bundle.hash else "damaged"
            for file, pin in files.items():
                if sri_to_hex(pin.hash) not in there:
                    self.found.add(kind, f"is not in {path}", file=file, path=path)
            for name in sorted(there - {sri_to_hex(pin.hash) for pin in files.values()}):
                self.found.add(kind, f"has {name}, which is not pinned", path=path)

        self._waiting.append(compare)
        self._whole(path, item.bundle.hash, future)

    def _whole(self, path: str, sri: str, future: Future[str] | None = None) -> None:
        """Compare the Nix archive of a path with its hash; it may be being read already."""
        future = future or self.hasher.call(partial(nar_sri, Path(path)))
        # Names of blobs show which files are damaged.
        blobs = {name: self.hasher.file(f"{path}/blobs/{name}") for name in _blobs(path)}

        def compare() -> None:
            bad = [name for name, blob in blobs.items() if blob.result().sha256 != name]
            try:
                found = future.result()
            except OSError as error:
                self.found.add("failed", f"cannot be read: {error}", path=path)
                return
            if isinstance(self.model.pin, TreePin):
                self.found.whole = self.model.pin.count
            if found == sri or any(one.path == path for one in self.found.differences):
                return
            which = f" (damaged: {', '.join(f'blobs/{name}' for name in bad)})" if bad else ""
            self.found.add(
                "damaged",
                f"has {found} instead of {sri}{which}",
                path=path,
                pinned=sri,
                found=found,
            )

        self._waiting.append(compare)

    def _blobs(self, pin: FilesPin, paths: Mapping[str, object], entries: StoredContent) -> None:
        """Compare blobs of entries: copies that are not the paths above."""
        known = {os.path.realpath(path) for path in paths}
        for file, one in pin.all_files.items():
            digest = sri_to_hex(one.hash)
            for blob in entries.blobs(digest):
                text = str(blob)
                path = _store_path(text)
                if text not in known and path not in known:
                    known.add(text)
                    self._file(text, file, digest, path)


def _add_hints(checks: Sequence[_ModelCheck]) -> None:
    """Add the next step for what is damaged: it depends on whether Nix may delete it."""
    damaged = {check.model.name: _damaged(check.found) for check in checks}
    used = store.in_use(list(dict.fromkeys(path for some in damaged.values() for path in some)))
    for check in checks:
        paths = damaged[check.model.name]
        kept, free = [p for p in paths if p in used], [p for p in paths if p not in used]
        repair = (
            f"in use; repair it as root: `{shlex.join(['nix-store', '--repair-path', *kept])}`, "
            "or `nix build --repair` of what uses it"
        )
        delete = (
            "delete it and fetch it again: "
            f"`{shlex.join(['nix-store', '--delete', *free])} && aimodels-gen prefetch "
            f"{check.model.name}`"
        )
        check.found.differences = [
            structs.replace(one, hint=repair if one.path in used else delete)
            if one.kind == "damaged" and one.path
            else one
            for one in check.found.differences
        ]


def _damaged(found: Found) -> list[str]:
    return list(dict.fromkeys(d.path for d in found.differences if d.kind == "damaged" and d.path))


def _result(future: Future[str]) -> str | None:
    try:
        return future.result()
    except OSError:
        return None


def _store_path(path: str) -> str:
    """Return the path of the store that a file of it is in."""
    directory = store.store_dir()
    return f"{directory}/{path[len(directory) + 1 :].partition('/')[0]}"


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208 - strings
    except OSError:
        return []


def _blobs(path: str) -> list[str]:
    return [name for name in _names(f"{path}/blobs") if _DIGEST.fullmatch(name)]
