"""Bundles for `prefetch`: their files come from the store, the cache, or their sources."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.wording import counted
from aimodels_gen.errors import StoreError
from aimodels_gen.lock.bundles import add, digests, nar_hash
from aimodels_gen.lock.pinned import PinnedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from aimodels_gen.lock.contents import Contents, Origin
    from aimodels_gen.lock.failures import Failures
    from aimodels_gen.store.paths import PinnedBundle

    Report = Callable[[str], None]


class PrefetchedBundles:
    """Bundles that the store lacks.

    Attributes:
        lacking: by their sha256, what has to be downloaded of them: each file that has the content.
        downloaded: the store paths of those of which something was.
        reused: of those whose files the store had, all that were not in the cache.
        cached: of those whose files were all in the cache.
    """

    def __init__(
        self, bundles: Mapping[str, PinnedBundle], contents: Contents, failures: Failures
    ) -> None:
        """Look for their files. `bundles` are by store path; `failures` keep those of models."""
        self.downloaded: set[str] = set()
        self.reused: set[str] = set()
        self.cached: set[str] = set()
        self._bundles = bundles
        self._contents = contents
        self._failures = failures
        self._origins: dict[str, set[Origin | None]] = defaultdict(set)
        self.lacking: dict[str, list[PinnedFile]] = {}
        for path, one in bundles.items():
            for name, file in one.bundle.files.items():
                digest = sri_to_hex(file.hash)
                origin = contents.find(digest, file.git_blob_id, name)
                self._origins[path].add(origin)
                if origin is None:
                    wanted = PinnedFile(one.model, name, file, one.sources, bundled=True)
                    self.lacking.setdefault(digest, []).append(wanted)

    @property
    def incomplete(self) -> dict[str, PinnedBundle]:
        """Return those of which something has to be downloaded, by store path."""
        return {path: one for path, one in self._bundles.items() if None in self._origins[path]}

    def add(self, report: Report) -> Collection[str]:
        """Add those to the store whose files are all there; return their store paths.

        Raises:
            StoreError: the store failed.
        """
        whole = {
            path: one
            for path, one in self._bundles.items()
            if self._contents.holds(digests(one.bundle.files))
        }
        for path, one in list(whole.items()):
            try:
                _check(one, self._contents)
            except StoreError as error:  # noqa: PERF203 (each may fail)
                self._failures.add(one.model, error)
                del whole[path]
        if not whole:
            return ()
        report(f"adding {counted(len(whole), 'bundle')} of small files to the store")
        add((one.bundle for one in whole.values()), self._contents)
        for path in whole:
            origins = self._origins[path]
            came = self.reused if "store" in origins else self.cached
            (self.downloaded if None in origins else came).add(path)
        return whole.keys()


def _check(one: PinnedBundle, contents: Contents) -> None:
    found = nar_hash(digests(one.bundle.files), contents)
    if found != one.bundle.hash:
        raise StoreError(
            f"its bundle is pinned to {one.bundle.hash}, but its files make {found}",
            f"the lock was edited: delete {one.model} from models of the lock, and run "
            "`aimodels-gen lock`",
        )
