"""Writing what a lock pins to a disk, for a machine without network."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.wording import bytes_text
from aimodels_gen.errors import THIS_COMMAND, AimodelsError, CombinedError, StoreError
from aimodels_gen.lock.bundles import digests
from aimodels_gen.lock.model import TreePin
from aimodels_gen.lock.pinned import PinnedFile
from aimodels_gen.locks import try_lock
from aimodels_gen.nix import store
from aimodels_gen.reports import export as document
from aimodels_gen.store import stick
from aimodels_gen.store.paths import PinnedBundle, store_paths
from aimodels_gen.store.stick_writer import StickWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.model import LockedModel

    Item = PinnedFile | PinnedBundle | None

_MOST_FAT = (1 << 32) - 1  # bytes of a file
_FAT = ("vfat", "msdos")
_SMALL = 1 << 20  # bytes of what else is written


@dataclass
class Export:
    """What a disk has of models, and what it is to have.

    Attributes:
        directory: on the disk.
        paths: by model, its store paths and what is to be there.
        sizes: of all of them.
        trees: the hashes of those that are trees.
        present: those that the disk had.
        written: those that were written.
        errors: why others were not.
        prunable: what is to be removed.
    """

    directory: Path
    paths: Mapping[str, Mapping[str, Item]]
    sizes: Mapping[str, int]
    trees: Mapping[str, str]
    present: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    errors: list[AimodelsError] = field(default_factory=list)
    prunable: Sequence[stick.Stored] = ()

    @property
    def absent(self) -> set[str]:
        """Return those that neither the disk nor the store has.

        Raises:
            StoreError: there is no Nix, or it does not answer.
        """
        return store.missing(list(self.new))

    @property
    def new(self) -> dict[str, Item]:
        """Return what the disk lacks, by store path."""
        every = {path: item for paths in self.paths.values() for path, item in paths.items()}
        return {path: item for path, item in every.items() if path not in self.present}

    def check(self) -> None:
        """Raise what failed.

        Raises:
            AimodelsError: some store paths are not on the disk; the others are.
        """
        if self.errors:
            raise self.errors[0] if len(self.errors) == 1 else CombinedError(self.errors)

    def report(self, *, dry_run: bool) -> document.Report:
        """Return what `--json` prints."""
        written = self.new.keys() if dry_run else self.written

        def state(path: str) -> document.State:
            if path in self.present:
                return "present"
            return "written" if path in written else "missing"

        def total(wanted: document.State) -> document.Total:
            found = [size for path, size in self.sizes.items() if state(path) == wanted]
            return document.Total(paths=len(found), bytes=sum(found))

        return document.Report(
            directory=str(self.directory),
            dry_run=dry_run,
            models=[
                document.Model(
                    name=name,
                    paths=[
                        document.StorePath(path=path, size=self.sizes[path], state=state(path))
                        for path in paths
                    ],
                )
                for name, paths in self.paths.items()
            ],
            written=total("written"),
            present=total("present"),
            missing=total("missing"),
            pruned=document.Total(
                paths=len(self.prunable), bytes=sum(one.size for one in self.prunable)
            ),
            errors=[error.message for error in self.errors],
        )


def plan(
    directory: Path, models: Sequence[LockedModel], pinned: Sequence[LockedModel] | None = None
) -> Export:
    """Return what is on a disk of models, and what is not.

    Args:
        directory: on the disk.
        models: what it is to have.
        pinned: the models of which it may have anything else; None for all that there are.
    """
    found = Export(
        directory,
        {model.name: store_paths(model) for model in models},
        {path: _size(model, item) for model in models for path, item in store_paths(model).items()},
        {
            path: model.pin.hash
            for model in models
            if isinstance(model.pin, TreePin)
            for path in store_paths(model)
        },
    )
    there = {(one.digest, one.name): one for one in stick.contents(directory)}
    for path, item in found.new.items():
        one = there.get(stick.parts(path))
        if one and _is_whole(one, item, directory):
            found.present.add(path)
    if pinned is not None:
        kept = {stick.parts(path) for model in pinned for path in store_paths(model)}
        found.prunable = [one for name, one in there.items() if name not in kept]
    return found


def check_room(export: Export) -> None:
    """Raise if what is new does not fit.

    Raises:
        AimodelsError: the disk is too small, or its file system takes no file that large.
    """
    new = export.new
    if not new:
        return
    largest = max(new, key=lambda path: _largest(new[path], export.sizes[path]))
    most = _largest(new[largest], export.sizes[largest])
    place = next(p for p in (export.directory, *export.directory.parents) if p.exists())
    if most > _MOST_FAT and _file_system(place) in _FAT:
        raise AimodelsError(
            f"{export.directory} is on a FAT file system, which cannot hold files over 4 GiB: "
            f"{largest} has {bytes_text(most)}",
            "format the disk with exFAT or ext4, or name models with smaller files",
        )
    unit = os.statvfs(place).f_frsize
    begun = sum(_bytes(part) for part in stick.leftovers(export.directory))
    gone = sum(one.size for one in export.prunable)
    needed = sum(-(-export.sizes[path] // unit) * unit for path in new) + _SMALL
    free = shutil.disk_usage(place).free + begun + gone
    if needed > free:
        raise AimodelsError(
            f"{export.directory} does not have enough room: {bytes_text(needed)} are needed, "
            f"{bytes_text(free)} are free",
            "use a larger disk, name fewer models, or remove old ones with --prune",
        )


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Keep other exports to a directory out, which is made.

    Raises:
        AimodelsError: there is one under way.
    """
    files = directory / stick.FILES
    files.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(files, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if try_lock(descriptor) is None:
            raise AimodelsError(
                f"another `aimodels-gen export` is writing to {directory}",
                f"wait for it, then run `{THIS_COMMAND}` again",
            )
        yield
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def prune(export: Export) -> None:
    """Remove what is not wanted from the disk."""
    for one in export.prunable:
        # First what makes it a store path: half of one is not read.
        target = export.directory / stick.FILES / one.digest / one.name
        part = target.with_name(one.name + stick.PART)
        _remove(part)
        target.rename(part)
        _remove(target.parent)


def write(export: Export, progress: Show) -> None:
    """Copy what is new from the store to the disk; see `Export.errors`.

    Raises:
        AimodelsError: the disk takes no more.
    """
    new = export.new
    wanted = {stick.location(export.directory, path) for path in new}
    for part in list(stick.leftovers(export.directory)):
        if part.with_name(part.name.removesuffix(stick.PART)) not in wanted:
            _remove(part)
            with suppress(OSError):  # it has something else
                part.parent.rmdir()
    absent = export.absent
    there = {path: item for path, item in new.items() if path not in absent}
    writer = StickWriter(export.directory, sum(export.sizes[path] for path in there), progress)
    for path, item in there.items():
        target = stick.location(export.directory, path)
        try:
            if isinstance(item, PinnedFile):
                writer.file(Path(path), target, sri_to_hex(item.pin.hash))
            elif isinstance(item, PinnedBundle):
                writer.bundle(Path(path), target, digests(item.bundle.files))
            else:
                writer.tree(Path(path), target, export.trees[path])
        except StoreError as error:
            export.errors.append(error)
        else:
            export.written.add(path)


def _size(model: LockedModel, item: Item) -> int:
    """Return the bytes of the files of a store path."""
    if isinstance(item, PinnedFile):
        return item.pin.size
    if isinstance(item, PinnedBundle):
        return sum({file.hash: file.size for file in item.bundle.files.values()}.values())
    return model.pin.size


def _largest(item: Item, size: int) -> int:
    """Return the bytes of the largest file of a store path, as far as the lock says it."""
    if isinstance(item, PinnedBundle):
        return max(file.size for file in item.bundle.files.values())
    return size if item else 0


def _is_whole(one: stick.Stored, item: Item, directory: Path) -> bool:
    """Return whether all files of a store path are there, with the right sizes."""
    if isinstance(item, PinnedFile):
        return one.files == {one.name: item.pin.size}
    if isinstance(item, PinnedBundle):
        return one.files == {
            f"{one.name}/{sri_to_hex(file.hash)}": file.size for file in item.bundle.files.values()
        }
    if stick.LAYOUT not in one.files:
        return False
    try:
        nodes = stick.read_layout(directory / stick.FILES / one.digest / stick.LAYOUT)
    except (AimodelsError, OSError):
        return False
    blobs = {node.what for node in nodes if node.kind in {"file", "program"}}
    return all(f"{one.name}/{blob}" in one.files for blob in blobs)


def _file_system(directory: Path) -> str:
    """Return the type of the file system that a directory is on, as far as the system says it."""
    device = directory.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    for line in lines.splitlines():
        words = line.split(" ")
        if words[2] == wanted:
            return words[words.index("-") + 1]
    return ""


def _bytes(path: Path) -> int:
    if path.is_dir():
        return sum(child.stat().st_size for child in path.iterdir())
    return path.stat().st_size


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
