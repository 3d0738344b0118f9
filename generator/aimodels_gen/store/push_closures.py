"""Pushing what was built, with all that it refers to, to a binary cache, and signing it there."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from aimodels_fetcher import narinfo
from aimodels_fetcher.wording import counted
from aimodels_gen.errors import CombinedError
from aimodels_gen.lock.failures import Failures
from aimodels_gen.lock.workspace import workspace
from aimodels_gen.nix import building, closures, signing, store, store_url
from aimodels_gen.store.binary_caches import open_cache
from aimodels_gen.store.binary_caches.base import NARINFO_TYPE
from aimodels_gen.store.push import Upload, find, send
from aimodels_gen.store.push_models import Pushed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from aimodels_fetcher.narinfo import NarInfo
    from aimodels_gen.nix.signing import SecretKey
    from aimodels_gen.store.push_models import State, Watch


@dataclass(frozen=True)
class Closures:
    """What installables are, with all that they refer to.

    Attributes:
        infos: By path; each comes after those that it refers to.
        owned: By installable, the paths that are sent for it: those that no other had before.
    """

    infos: Mapping[str, NarInfo]
    owned: Mapping[str, Sequence[str]]

    @property
    def owners(self) -> dict[str, str]:
        """Return for which installable a path is sent."""
        return {path: name for name, paths in self.owned.items() for path in paths}

    @property
    def unsigned(self) -> list[NarInfo]:
        """Return the paths that do not follow from their content, and that nobody has signed."""
        return [info for info in self.infos.values() if not (info.ca or info.signatures)]

    def pushed(self, label: str, states: Mapping[str, State], *, dry: bool = False) -> Pushed:
        """Return the result."""
        sizes = {path: info.nar_size for path, info in self.infos.items()}
        return Pushed(label, self.owned, sizes, states, dry)


class Options(Protocol):
    """How to push."""

    @property
    def key(self) -> SecretKey | None:
        """Return what signs, None for nothing."""

    @property
    def jobs(self) -> int:
        """Return the most requests at a time."""

    @property
    def dry(self) -> bool:
        """Return whether to only find out what is missing."""


class Building:
    """A block in which what was built is kept by roots."""

    def __init__(self, installables: Sequence[str], *, shows: bool) -> None:
        """Build nothing yet.

        Args:
            installables: What `nix build` builds.
            shows: Whether the user sees what Nix says meanwhile.
        """
        self._installables = installables
        self._shows = shows
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Make a place for the roots."""
        if self._installables:
            self._directory = self._stack.enter_context(workspace())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the roots."""
        self._stack.close()

    def run(self) -> Closures:
        """Build, and return what was built.

        Raises:
            StoreError: Something is not built.
        """
        if not self._installables:
            return Closures({}, {})
        built = building.build(self._installables, self._directory / "built", shows=self._shows)
        infos: dict[str, NarInfo] = {}
        owned: dict[str, list[str]] = {}
        for name, outputs in built.items():
            new = [info for info in closures.closure(outputs) if info.path not in infos]
            infos.update((info.path, info) for info in new)
            owned[name] = [info.path for info in new]
        return Closures(infos, owned)

    def signed(self, found: Closures, key: SecretKey) -> Closures:
        """Return the same, signed by a key where that matters.

        Raises:
            StoreError: Nix refused.
        """
        if not self._installables:
            return found
        new = [i for i in found.infos.values() if not (i.ca or key.has_signed(i))]
        signed = {info.path: info for info in signing.sign(new, key, self._directory / "signing")}
        return replace(found, infos={**found.infos, **signed})


def push_closures(
    found: Closures, url: store_url.BinaryCache, watch: Watch, options: Options
) -> Pushed:
    """Send to a binary cache what it lacks of closures.

    Args:
        found: What was built.
        url: Of the cache.
        watch: Who is told.
        options: The most requests at a time, and who has signed it.

    Raises:
        StoreError: Nix refused.
        AimodelsError: The cache cannot be used.
    """
    key, jobs = options.key, options.jobs
    with open_cache(url, jobs) as cache:
        watch.report(f"asking {cache.label} for {counted(len(found.infos), 'path')}")
        exists = cache.check(store.store_dir())
        there = find(cache, found.infos, jobs) if exists else {}
        # What somebody else has built of it would not become ours by a signature.
        replaced = {
            path for path, info in there.items() if key and _differs(info, found.infos[path], key)
        }
        absent = [path for path in found.infos if path not in there or path in replaced]
        if options.dry:
            return found.pushed(
                cache.label, _states(found, dict.fromkeys(absent, "missing")), dry=True
            )
        owners = found.owners
        uploads = [Upload(owners[path], found.infos[path]) for path in absent]
        cache.check_space(sum(upload.info.nar_size for upload in uploads))
        if not exists and uploads:
            cache.prepare(store.store_dir(), url.parameters)
        failures = Failures()
        sent = send(cache, uploads, failures, watch.progress, jobs)
        if key:
            for path, info in there.items():
                if path not in replaced and not (info.ca or key.has_signed(info)):
                    signatures = {*info.signatures, *found.infos[path].signatures}
                    text = replace(info, signatures=tuple(sorted(signatures))).text()
                    cache.put(narinfo.name_of(path), text.encode(), NARINFO_TYPE)
    new: dict[str, State] = {path: sent.get(path, "failed") for path in absent}
    pushed = found.pushed(cache.label, _states(found, new))
    return replace(pushed, error=failures.together(found.owned))


def joined(parts: Sequence[Pushed]) -> Pushed:
    """Return what several pushes to one cache have done together."""
    first, *others = parts
    for part in others:
        errors = [*(first.error.failures if first.error else ())]
        errors += part.error.failures if part.error else ()
        first = replace(
            first,
            paths={**first.paths, **part.paths},
            sizes={**first.sizes, **part.sizes},
            # What the first has sent, the second has found there.
            states={**part.states, **first.states},
            error=CombinedError(errors) if errors else None,
        )
    return first


def _differs(there: NarInfo, ours: NarInfo, key: SecretKey) -> bool:
    """Return whether a cache has another build of a path, without this key's signature."""
    return not there.ca and not key.has_signed(there) and there.nar_hash != ours.nar_hash


def _states(found: Closures, new: Mapping[str, State]) -> dict[str, State]:
    return {path: new.get(path, "present") for path in found.infos}
