"""Pushing what a lock pins: what a cache lacks, prefetched where the store lacks it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from aimodels_fetcher.archive import archive_size
from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.narinfo import NarInfo
from aimodels_fetcher.wording import bytes_text, counted
from aimodels_gen.columns import aligned
from aimodels_gen.errors import CombinedError
from aimodels_gen.lock.failures import Failures
from aimodels_gen.lock.model import TreePin
from aimodels_gen.lock.pinned import PinnedFile
from aimodels_gen.lock.workspace import workspace
from aimodels_gen.nix import store, store_url
from aimodels_gen.nix.hashes import nix_base32
from aimodels_gen.reports import push as document
from aimodels_gen.store.binary_caches import open_cache
from aimodels_gen.store.paths import PinnedBundle, store_paths
from aimodels_gen.store.push import Upload, check_room, find, send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.store.prefetched import Prefetched

    Item = PinnedFile | PinnedBundle | None

State = Literal["sent", "resumed", "present", "missing", "failed"]
_WORDS: Mapping[State, str] = {
    "sent": "sent",
    "resumed": "sent by an earlier run",
    "present": "there already",
    "missing": "missing",
    "failed": "failed",
}


@dataclass(frozen=True)
class Pushed:
    """What a run has sent.

    Attributes:
        label: Of the cache.
        paths: By model, its store paths.
        sizes: By path, the bytes of its archive; of those that were never read, about.
        states: By path, what became of it.
        dry: Whether nothing was to be sent.
        prefetched: What the store lacked.
        error: What failed, and why.
    """

    label: str
    paths: Mapping[str, Sequence[str]]
    sizes: Mapping[str, int]
    states: Mapping[str, State]
    dry: bool = False
    prefetched: Prefetched | None = None
    error: CombinedError | None = None

    @property
    def sent(self) -> list[str]:
        """Return the paths that the cache did not have before, in the order of the models."""
        return [path for path, state in self.states.items() if state in {"sent", "resumed"}]

    def summary(self, width: int | None = None) -> list[str]:
        """Return what became of each model, and of all paths together."""
        rows = []
        for name, paths in self.paths.items():
            of_state = Counter(self.states[path] for path in paths)
            words = (
                f"{of_state[state]} {_WORDS[state]} ({self._bytes(paths, state)})"
                for state in _WORDS
                if of_state[state]
            )
            rows.append((name, f"{counted(len(paths), 'path')}: {', '.join(words)}"))
        new: State = "missing" if self.dry else "sent"
        count = sum(state == new for state in self.states.values())
        done = "to send" if self.dry else "sent"
        total = f"{counted(count, 'path')} {done} to {self.label}"
        if count:
            total += f", {self._bytes(self.states, new)}"
        if any(state in {"present", "resumed"} for state in self.states.values()):
            there = self._of("present") + self._of("resumed")
            total += f"; {bytes_text(there)} were there already"
        return [*(line for lines in aligned(rows, width=width) for line in lines), total]

    def check(self) -> None:
        """Raise what failed.

        Raises:
            CombinedError: Some models failed; the others are in the cache.
        """
        if self.error:
            raise self.error

    def report(self) -> document.Report:
        """Return what `--json` prints."""
        models = [
            document.Model(
                name=name,
                paths=[
                    document.StorePath(path=path, size=self.sizes[path], state=self.states[path])
                    for path in paths
                ],
            )
            for name, paths in self.paths.items()
        ]

        def total(state: State) -> document.Total:
            count = sum(one == state for one in self.states.values())
            return document.Total(paths=count, bytes=self._of(state))

        return document.Report(
            cache=self.label,
            dry_run=self.dry,
            models=models,
            sent=total("sent"),
            resumed=total("resumed"),
            present=total("present"),
            missing=total("missing"),
            failed=total("failed"),
            errors=[failure.message for failure in self.error.failures] if self.error else [],
        )

    def _of(self, state: State) -> int:
        return sum(self.sizes[path] for path, one in self.states.items() if one == state)

    def _bytes(self, paths: Sequence[str] | Mapping[str, State], state: State) -> str:
        return bytes_text(sum(self.sizes[path] for path in paths if self.states[path] == state))


@dataclass(frozen=True)
class Watch:
    """Who is told what.

    Attributes:
        report: Receives short lines about what is under way.
        warn: Receives what the reader should know.
        progress: Receives how far it is.
    """

    report: Show = lambda _: None
    warn: Callable[[str], None] = lambda _: None
    progress: Show = lambda _: None


def push(  # noqa: PLR0913 - what to push, where to, and who is told
    models: Sequence[LockedModel],
    url: store_url.BinaryCache,
    watch: Watch,
    jobs: int,
    *,
    known: Sequence[LockedModel] = (),
    dry: bool = False,
) -> Pushed:
    """Send to a binary cache what it lacks of these models.

    What the store lacks of that is prefetched first. Where something fails for a model, the others
    go on.

    Args:
        models: The models.
        url: Of the cache.
        watch: Who is told.
        jobs: The most requests at a time.
        known: Other pins, whose files may be the same.
        dry: Whether to only find out what is missing.

    Raises:
        StoreError: There is no Nix, or it refused.
        AimodelsError: The cache cannot be used.
    """
    store.check_nix()
    store_url.check_writable(url, store.store_dir())
    wanted = Wanted(models)
    with open_cache(url, jobs) as cache:
        watch.report(f"asking {cache.label} for {counted(len(wanted.items), 'path')}")
        exists = cache.check(store.store_dir())
        present = find(cache, wanted.items, jobs) if exists else {}
        wanted.sizes.update((path, info.nar_size) for path, info in present.items())
        absent = [path for path in wanted.items if path not in present]
        if dry or not absent:
            return wanted.pushed(cache.label, dict.fromkeys(absent, "missing"), dry=dry)
        with workspace() as directory:
            fetched = fetch(wanted, absent, (*models, *known), watch)
            lacking = set(fetched.lacking) if fetched else set()
            here = [path for path in absent if path not in lacking]
            if here:
                store.add_root(directory / "push", here)
            uploads = wanted.uploads(here)
            check_room(cache, uploads)
            if not exists and uploads:
                cache.prepare(store.store_dir(), url.parameters)
            failures = Failures()
            sent = send(cache, uploads, failures, watch.progress, jobs)
    states: dict[str, State] = {path: sent.get(path, "failed") for path in absent}
    failed = failures.together(wanted.models)
    errors = [*(fetched.error.failures if fetched and fetched.error else ())]
    errors += failed.failures if failed else ()
    error = CombinedError(errors) if errors else None
    return replace(wanted.pushed(cache.label, states), prefetched=fetched, error=error)


class Wanted:
    """The store paths of models, each once.

    Attributes:
        models: By name.
        items: By path, what is to be there.
        owners: By path, the first model that has it.
        sizes: By path, the bytes of its archive.
    """

    def __init__(self, models: Sequence[LockedModel]) -> None:
        self.models = {model.name: model for model in models}
        self._found = {model.name: store_paths(model) for model in models}
        self.items = {path: item for paths in self._found.values() for path, item in paths.items()}
        self.owners = {p: name for name in reversed(self._found) for p in self._found[name]}
        self.sizes: dict[str, int] = {path: self._about(path) for path in self.items}

    def lacking(self, paths: set[str]) -> list[LockedModel]:
        """Return the models that have one of these paths."""
        return [self.models[name] for name, own in self._found.items() if paths & own.keys()]

    def uploads(self, paths: Sequence[str]) -> list[Upload]:
        """Return these paths, which are in the store, as caches describe them."""
        found = store.registered(paths)
        self.sizes.update((path, size) for path, (_, size) in found.items())
        return [
            Upload(
                self.owners[path],
                NarInfo(path, "", nar_hash=hash_, nar_size=size, ca=self._ca(path)),
                tuple(name for name, own in self._found.items() if path in own),
            )
            for path, (hash_, size) in found.items()
        ]

    def pushed(self, label: str, new: Mapping[str, State], *, dry: bool = False) -> Pushed:
        """Return the result, where all that is not `new` was there."""
        states: dict[str, State] = {path: new.get(path, "present") for path in self.items}
        paths = {name: list(own) for name, own in self._found.items()}
        return Pushed(label, paths, self.sizes, states, dry)

    def _ca(self, path: str) -> str:
        """Return how a store path follows from its content: nobody has to sign that."""
        item = self.items[path]
        if isinstance(item, PinnedFile):
            return f"fixed:sha256:{_base32(item.pin.hash)}"
        return f"fixed:r:sha256:{_base32(item.bundle.hash if item else self._tree(path).hash)}"

    def _about(self, path: str) -> int:
        item = self.items[path]
        if isinstance(item, PinnedFile):
            return archive_size(item.pin.size)
        if isinstance(item, PinnedBundle):
            sizes = {file.hash: file.size for file in item.bundle.files.values()}
            return sum(sizes.values())
        return self._tree(path).size

    def _tree(self, path: str) -> TreePin:
        pin = self.models[self.owners[path]].pin
        assert isinstance(pin, TreePin)  # noqa: S101 (for mypy)
        return pin


def fetch(
    wanted: Wanted,
    absent: Sequence[str],
    known: Sequence[LockedModel],
    watch: Watch,
) -> Prefetched | None:
    """Prefetch what the store lacks of these paths; None where it has all.

    Args:
        wanted: The models.
        absent: Paths of them.
        known: Other pins, whose files may be the same.
        watch: Who is told.

    Raises:
        StoreError: Nix refused.
        FetchError: There is no space.
    """
    lacking = store.missing(absent)
    if not lacking:
        return None
    from aimodels_gen.store.prefetch import prefetch  # noqa: PLC0415 - slow to import

    return prefetch(
        wanted.lacking(lacking),
        watch.report,
        watch.warn,
        watch.progress,
        known=known,
        elsewhere=wanted.items.keys() - lacking,
    )


def _base32(sri: str) -> str:
    return nix_base32(bytes.fromhex(sri_to_hex(sri)))
