"""Links that keep store paths from garbage collection, made while the paths arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_gen.nix import store, store_path

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


class Roots:
    """Links in `DIRECTORY/MODEL` to the store paths of models.

    Those of a run are added to those that are there. At the end, a model that is whole has one for
    each of its paths and no others.
    """

    def __init__(self, directory: Path | None, paths: Mapping[str, Collection[str]]) -> None:
        """Keep the paths of these models; without a directory, nothing."""
        self._directory = directory
        self._paths = paths
        self._number = 0

    def keep(self, new: Collection[str]) -> None:
        """Make links to paths that are in the store.

        Raises:
            StoreError: Nix refused.
        """
        if self._directory is None:
            return
        wanted = set(new)
        for name, paths in self._paths.items():
            if some := [path for path in paths if path in wanted]:
                self._number += 1
                store.add_root(self._of(self._directory, name) / f"new-{self._number}", some)

    def finish(self, lacking: Collection[str]) -> None:
        """Leave one link to each path; models that are not whole keep what they have.

        Args:
            lacking: paths that are not in the store.

        Raises:
            StoreError: Nix refused.
        """
        if self._directory is None:
            return
        absent = set(lacking)
        for name, paths in self._paths.items():
            if not absent.intersection(paths):
                store.add_roots(self._of(self._directory, name), list(paths))

    def _of(self, directory: Path, name: str) -> Path:
        return directory / store_path.sanitize(name)
