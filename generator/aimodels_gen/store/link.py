"""Which entries of the store are linked in a Hugging Face cache, and what keeps them.

For each cache there is a directory in the user's state: the record of the linker, the roots of the
entries, and which model each entry is.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher.assemble import assemble
from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.sources import sources_from
from aimodels_fetcher.spec import AssembleSpec, StoreFile
from aimodels_fetcher.wording import counted
from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock.pinned import PinnedFile
from aimodels_gen.lock.workspace import workspace
from aimodels_gen.nix import store, store_path
from aimodels_gen.nix.hashes import nar_sri
from aimodels_gen.store.paths import PinnedBundle, store_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aimodels_gen.lock.model import LockedModel

_FIRST = "1"  # the root of the entry; those of its files have the other numbers


@dataclass(frozen=True)
class LinkedModel:
    """A model that is linked.

    Attributes:
        entry: the name of its directory in the cache.
        path: its entry in the store.
        roots: what is kept for it: its entry, and others.
    """

    name: str
    entry: str
    path: str
    roots: tuple[str, ...]


class LinkedModels:
    """What is linked in one cache, while no other run changes it."""

    def __init__(self, hub: Path) -> None:
        """Take the cache at an absolute path; nothing is written yet."""
        home = os.environ.get("XDG_STATE_HOME", "")
        if not home.startswith("/"):  # a relative one is to be ignored
            home = os.path.expanduser("~/.local/state")  # noqa: PTH111 (a user may have no home)
        name = hashlib.sha256(os.fsencode(hub)).hexdigest()[:32]
        self.hub = hub
        self.directory = Path(home, "aimodels-gen", "links", name)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Wait for other runs, and let those that come wait."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @property
    def all(self) -> dict[str, LinkedModel]:
        """Return the models that are linked and whose entries are there, by entry."""
        found = {}
        with contextlib.suppress(FileNotFoundError):
            for roots in sorted((self.directory / "roots").iterdir()):
                with contextlib.suppress(OSError):
                    path = str((roots / _FIRST).readlink())
                    name = (self.directory / "names" / roots.name).read_text(encoding="utf-8")
                    if os.path.lexists(path):
                        others = {str(link.readlink()) for link in roots.iterdir()} - {path}
                        kept = (path, *sorted(others))
                        found[roots.name] = LinkedModel(name, roots.name, path, kept)
        return found

    def keep(self, model: LockedModel, prefetch: str) -> LinkedModel:
        """Make the entry of a model in the store, and keep it and its files.

        What is kept of its former entry stays until `settle`.

        Args:
            model: The model.
            prefetch: The command that adds its files to the store.

        Raises:
            AimodelsError: it has no place in a cache, or the store lacks files of it.
        """
        entry, path = entry_name(model), _entry(model, prefetch)
        files = (one for one in store_paths(model) if one != path)
        new = LinkedModel(model.name, entry, path, (path, *files))
        self._keep(new, self.all.get(entry))
        return new

    def settle(self, new: LinkedModel, former: LinkedModel | None) -> bool:
        """Keep only what the cache has links to, after the linker; return whether it is the new."""
        if self.has(new):
            if former and not set(former.roots).issubset(new.roots):
                self._keep(new)
            return True
        if former and self.has(former):
            self._keep(former)
        else:
            self.drop(new.entry)
        return False

    def _keep(self, one: LinkedModel, former: LinkedModel | None = None) -> None:
        names = self.directory / "names"
        names.mkdir(exist_ok=True)
        (names / one.entry).write_text(one.name, encoding="utf-8")
        others = set(former.roots if former else ()).difference(one.roots)
        there = sorted(path for path in others if os.path.lexists(path))
        store.add_roots(self.directory / "roots" / one.entry, [*one.roots, *there])

    def has(self, one: LinkedModel) -> bool:
        """Return whether the cache has links to the entry of a model."""
        directory = self.hub / one.entry
        blobs = directory / "blobs"
        if directory.is_symlink() or not blobs.is_dir():
            return False
        links = (str(blob.readlink()) for blob in blobs.iterdir() if blob.is_symlink())
        return any(link.startswith(f"{one.path}/") for link in links)

    def is_free(self, one: LinkedModel) -> bool:
        """Return whether the place of a model has its links, or nothing that is not ours."""
        path = self.hub / one.entry
        return self.has(one) or not os.path.lexists(path)

    def drop(self, entry: str) -> None:
        """Keep an entry no more."""
        shutil.rmtree(self.directory / "roots" / entry, ignore_errors=True)
        (self.directory / "names" / entry).unlink(missing_ok=True)

    def write_spec(self, wanted: Mapping[str, LinkedModel]) -> Path:
        """Write what the linker is to do, and return the file."""
        spec = {
            "version": 1,
            "store": store.store_dir(),
            "hub": str(self.hub),
            "state": str(self.directory / "state.json"),
            "mode": "directory",
            "option": "models.toml",
            "entries": {
                entry: {"name": one.name, "path": one.path} for entry, one in wanted.items()
            },
        }
        path = self.directory / "spec.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        return path


def entry_name(model: LockedModel) -> str:
    """Return the name of the directory of a model in a cache.

    Raises:
        AimodelsError: it has none.
    """
    if model.cache_name is None:
        raise AimodelsError(
            f"{model.name} has no cache entry: its integration.huggingface.enable is false",
            f"name the models to link, without {model.name}, or remove that key",
        )
    return model.cache_name


def _entry(model: LockedModel, prefetch: str) -> str:
    paths = store_paths(model)
    if absent := store.missing(list(paths)):
        raise AimodelsError(
            f"the store lacks {counted(len(absent), 'path')} of {model.name}, "
            f"such as {min(absent)}",
            f"run `{prefetch}`, which adds them",
        )
    if model.pin_kind == "tree":
        return next(iter(paths))
    spec = AssembleSpec(
        sources=sources_from([{model.source.source.kind: model.source.to_spec()}]),
        files=_files(model),
        integration=True,
        link=True,
    )
    with workspace() as directory:
        out = directory / store_path.sanitize(model.name)
        assemble(spec, out)
        sri = nar_sri(out)
        path = store_path.store_path("recursive", sri, out.name, store.store_dir())
        if store.missing([path]):
            store.add("recursive", [(out, sri)])
        return path


def _files(model: LockedModel) -> dict[str, StoreFile]:
    files = {}
    for path, item in store_paths(model).items():
        if isinstance(item, PinnedFile):
            lfs = getattr(item.pin, "lfs", False)
            files[item.path] = StoreFile(path, item.pin.hash, item.pin.size, lfs)
        elif isinstance(item, PinnedBundle):
            for name, pin in item.bundle.files.items():
                blob = f"{path}/{sri_to_hex(pin.hash)}"
                files[name] = StoreFile(blob, pin.hash, pin.size, lfs=False, bundled=True)
    return files
