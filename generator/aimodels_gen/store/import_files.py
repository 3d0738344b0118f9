"""Taking files that are on this machine into the store, under the paths that builds ask for."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import hex_to_sri, sri_to_hex
from aimodels_fetcher.wording import bytes_text, counted
from aimodels_gen.lock.contents import Contents
from aimodels_gen.lock.failures import Failures
from aimodels_gen.lock.pinned import PinnedFile
from aimodels_gen.nix import store, store_path
from aimodels_gen.nix.store import StoredFile
from aimodels_gen.store.candidates import Candidate, ChangedError, Scan, candidate
from aimodels_gen.store.hashing import Hasher
from aimodels_gen.store.import_trees import import_trees
from aimodels_gen.store.paths import PinnedBundle, store_paths
from aimodels_gen.store.prefetch_bundles import PrefetchedBundles
from aimodels_gen.store.replace import Replacer, recover
from aimodels_gen.store.stick import store_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from aimodels_gen.amounts import Show
    from aimodels_gen.errors import CombinedError
    from aimodels_gen.lock.model import LockedModel

    Report = Callable[[str], None]
    Items = Mapping[str, PinnedFile | PinnedBundle | None]

# Of files that Nix is asked to take at a time: each time costs what an evaluation does.
_BATCH_BYTES = 1 << 30
_REPLACED_BYTES = 128 << 20  # with --replace, when they are on disk twice meanwhile
_BATCH_FILES = 100


@dataclass
class Imported:
    """What a run has found.

    Attributes:
        paths: by model, its store paths and what is to be there.
        present: those that were there already.
        taken: those that were taken.
        small: by model and path, the files of bundles that are at hand, with whether this run has
            taken them; the others have to be downloaded.
        replaced: the files that are links now, with their size and what they lead to.
        kept: those that could not be replaced, with the reason.
        error: bundles that are not what their hashes say.
    """

    paths: Mapping[str, Items]
    present: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    small: dict[str, bool] = field(default_factory=dict)
    replaced: list[tuple[Path, int, str]] = field(default_factory=list)
    kept: list[tuple[Path, int, str]] = field(default_factory=list)
    error: CombinedError | None = None


def import_files(  # noqa: PLR0913 (who is told)
    models: Sequence[LockedModel],
    places: Sequence[Path],
    report: Show = lambda _: None,
    warn: Report = lambda _: None,
    known: Sequence[LockedModel] = (),
    *,
    replace: bool = False,
) -> Imported:
    """Put what these models pin, and files of this machine have, into the store.

    Args:
        models: The models.
        places: Directories, or files, where to look, beside the store itself.
        report: Receives what is under way.
        warn: Receives what the reader should know.
        known: Other pins, whose files the store may have under other names.
        replace: Whether to make links to the store of the files that it has by then.

    Raises:
        StoreError: there is no Nix, or the store is full or takes nothing.
    """
    store.check_nix()
    recover(warn)
    done = Imported({model.name: store_paths(model) for model in models})
    items = {path: item for paths in done.paths.values() for path, item in paths.items()}
    absent = store.missing(list(items))
    done.present = items.keys() - absent
    every = list({model.name: model for model in (*models, *known)}.values())
    failures = Failures()
    with Contents([model.name for model in every]) as contents:
        bundles = PrefetchedBundles(
            {
                path: item
                for path, item in items.items()
                if path in absent and isinstance(item, PinnedBundle)
            },
            contents,
            failures,
        )
        wanted = _Wanted(items, absent, every)
        small = {digest: files[0] for digest, files in bundles.lacking.items()}
        sizes = {*wanted.sizes(replace=replace), *(file.pin.size for file in small.values())}
        scan = Scan(places, sizes, report, warn)
        with closing(Hasher(report, warn)) as hasher:
            run = _Run(done, wanted, scan.by_size, hasher)
            _take_small(small, scan.by_size, hasher, contents)
            _note_small(done, absent, small, contents)
            bundles.add(report)
            done.taken |= bundles.reused | bundles.cached | bundles.downloaded
            with Replacer(warn) as replacer:
                run.replacer = replacer if replace else None
                run.take(_stored(wanted, every, contents))
                if replace:
                    run.replace_rest()
        trees = (model for model in models if model.pin_kind == "tree")
        lacking = [model for model in trees if absent.issuperset(done.paths[model.name])]
        done.taken |= import_trees(lacking, places, report, warn)
    done.error = failures.together(done.paths)
    return done


class _Wanted:
    """The files that have a store path of their own, by their content."""

    def __init__(self, items: Items, absent: set[str], known: Iterable[LockedModel]) -> None:
        self.files: dict[str, dict[str, PinnedFile]] = {}
        for path, item in items.items():
            if isinstance(item, PinnedFile):
                self.files.setdefault(sri_to_hex(item.pin.hash), {})[path] = item
        self.absent = {
            digest: [path for path in paths if path in absent]
            for digest, paths in self.files.items()
            if not absent.isdisjoint(paths)
        }
        self.pinned = {path for model in known for path in store_paths(model)}

    def size(self, digest: str) -> int:
        return next(iter(self.files[digest].values())).pin.size

    def sizes(self, *, replace: bool) -> set[int]:
        return {self.size(digest) for digest in (self.files if replace else self.absent)}


def _stored(
    wanted: _Wanted, known: Iterable[LockedModel], contents: Contents
) -> dict[str, Candidate]:
    """Return what the store has under other paths, by its sha256."""
    others: dict[str, str] = {}
    if wanted.absent:
        for model in known:
            for path, item in store_paths(model).items():
                if isinstance(item, PinnedFile) and os.path.lexists(path):
                    others.setdefault(sri_to_hex(item.pin.hash), path)
    found = {}
    for digest in wanted.absent:
        at = contents.stored.blob(digest) or others.get(digest)
        file = candidate(Path(at)) if at else None
        if file and file.size == wanted.size(digest):
            found[digest] = file
    return found


def _take_small(
    wanted: Mapping[str, PinnedFile],
    by_size: Mapping[int, list[Candidate]],
    hasher: Hasher,
    contents: Contents,
) -> None:
    """Hold the contents of small files that bundles lack."""
    sizes = {file.pin.size for file in wanted.values()}
    files = [file for size in sizes for file in by_size.get(size, ())]
    for file in files:
        hasher.begin(file)
    for file in files:
        digest = hasher.digest(file)
        if digest is not None and digest in wanted and not contents.holds([digest]):
            with suppress(ChangedError, OSError):
                contents.hold(file.content(), wanted[digest].pin.git_blob_id)


def _note_small(
    done: Imported, absent: set[str], lacking: Mapping[str, PinnedFile], contents: Contents
) -> None:
    """Note which files of bundles that the store lacks are at hand."""
    for paths in done.paths.values():
        for path, item in paths.items():
            if path in absent and isinstance(item, PinnedBundle):
                for file in item.bundle.files.values():
                    digest = sri_to_hex(file.hash)
                    if contents.holds([digest]):
                        done.small[digest] = digest in lacking


class _Run:
    """One run: what is hashed, and what Nix is asked to take.

    Attributes:
        replacer: makes links of what was taken; None to leave files as they are.
    """

    def __init__(
        self,
        done: Imported,
        wanted: _Wanted,
        by_size: Mapping[int, list[Candidate]],
        hasher: Hasher,
    ) -> None:
        self.replacer: Replacer | None = None
        self._done = done
        self._wanted = wanted
        self._by_size = by_size
        self._report = hasher.report
        self._warn = hasher.warn
        self._left = dict(wanted.absent)
        self._hasher = hasher
        self._handled: set[Path] = set()
        self._batch: list[tuple[Candidate, str]] = []

    def take(self, stored: Mapping[str, Candidate]) -> None:
        """Take what is left, first what a name or the store says that it is.

        Nix hashes all that it takes, so that these are read once. The others are hashed meanwhile.
        """
        named: dict[str, Candidate] = dict(stored)
        for digest, paths in self._left.items():
            names = {Path(path).name for path in paths}
            for file in self._by_size.get(self._wanted.size(digest), ()):
                if file.named == digest or store_name(file.path) in names:
                    named.setdefault(digest, file)
        unnamed = {self._wanted.size(digest) for digest in self._left if digest not in named}
        for size in unnamed:
            for file in self._by_size.get(size, ()):
                self._hasher.begin(file)
        for digest, file in named.items():
            self._add(file, digest)
        self._flush()
        # What was damaged may be here once more.
        for size in {self._wanted.size(digest) for digest in self._left}:
            for file in self._by_size.get(size, ()):
                found = self._hasher.digest(file)
                if found in self._left and all(found != other for _, other in self._batch):
                    self._add(file, found)
        self._flush()
        self._note_others()

    def replace_rest(self) -> None:
        """Make links of all other files whose content the store has."""
        there = {
            digest: path
            for digest, paths in self._wanted.files.items()
            for path in paths
            if path in self._done.present or path in self._done.taken
        }
        files = [
            file
            for size in {self._wanted.size(digest) for digest in there}
            for file in self._by_size.get(size, ())
            if file.names and file.path not in self._handled
        ]
        for file in files:
            self._hasher.begin(file)
        sound: dict[str, bool] = dict.fromkeys(self._done.taken, True)
        for file in files:
            path = there.get(self._hasher.digest(file) or "")
            if path is None:
                continue
            if path not in sound:
                self._report(f"verifying {path}")
                sound[path] = store.is_sound(path)
                if not sound[path]:
                    self._warn(f"{path} is damaged: files are not replaced by it")
            if sound[path]:
                self._replace([(file, path)])

    def _note_others(self) -> None:
        """Note what another run has added meanwhile."""
        if left := {path for paths in self._left.values() for path in paths}:
            self._done.present |= left - store.missing(sorted(left))

    def _add(self, file: Candidate, digest: str) -> None:
        most = _BATCH_BYTES if self.replacer is None else _REPLACED_BYTES
        size = sum(file.size for file, _ in self._batch)
        if size + file.size > most or len(self._batch) >= _BATCH_FILES:
            self._flush()
        self._batch.append((file, digest))

    def _flush(self) -> None:
        """Let Nix take what waits, which compares it with its hash; and make links of it."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        size = bytes_text(sum(file.size for file, _ in batch))
        self._report(f"adding {counted(len(batch), 'file')} to the store ({size})")
        files = [
            (file, StoredFile(file.path, store_path.file_name(pin.path), hex_to_sri(digest)))
            for file, digest in batch
            for pin in (self._wanted.files[digest][path] for path in self._left[digest])
        ]
        there = store.add_stored(list({one.path: one for _, one in files}.values()))
        self._done.taken |= there
        replaceable = []
        for file, digest in batch:
            paths = [path for path in self._left[digest] if path in there]
            self._left[digest] = [path for path in self._left[digest] if path not in there]
            if not self._left[digest]:
                del self._left[digest]
            if paths and file.names:
                replaceable.append((file, paths[0]))
            if not paths:
                self._refused(file, digest)
        self._replace(replaceable)

    def _refused(self, file: Candidate, digest: str) -> None:
        """Say why Nix did not take a file, and remove what it has made of it."""
        found = self._hasher.digest(file)
        if found is None:
            return
        if found == digest:
            pin = next(iter(self._wanted.files[digest].values()))
            store.check_addable(
                StoredFile(file.path, store_path.file_name(pin.path), hex_to_sri(digest))
            )
            self._hasher.complain(file, "could not be added to the store: import it again")
            return
        self._hasher.complain(
            file, f"is damaged: its sha256 is {found}, not the {digest} of its name"
        )
        for pin in self._wanted.files[digest].values():
            made = StoredFile(file.path, store_path.file_name(pin.path), hex_to_sri(found)).path
            if made not in self._wanted.pinned:
                store.delete(made)

    def _replace(self, files: Sequence[tuple[Candidate, str]]) -> None:
        if self.replacer is None or not files:
            return
        self._report(f"replacing {counted(len(files), 'file')} by links to the store")
        for file, path, reason in self.replacer.replace(files):
            self._handled.add(file.path)
            for name in file.names:
                if reason:
                    self._done.kept.append((name, file.size, reason))
                else:
                    self._done.replaced.append((name, file.size, path))
