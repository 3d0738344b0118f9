"""What a run has put into the store of what a lock pins, in words and as a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_fetcher.wording import bytes_text, counted
from aimodels_gen.columns import aligned
from aimodels_gen.reports import prefetch as document

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aimodels_gen.errors import CombinedError


@dataclass(frozen=True)
class Prefetched:
    """What a run has put into the store.

    Attributes:
        paths: by model, all its store paths, those that were there included, with their sizes.
        reused: those whose content the store had under other paths.
        cached: those whose content the user's cache had.
        downloaded: those that were downloaded.
        lacking: those that are not there, because something failed.
        error: what failed, and why.
        verb: how they were downloaded, for people.
    """

    paths: Mapping[str, Mapping[str, int]]
    reused: Collection[str] = ()
    cached: Collection[str] = ()
    downloaded: Collection[str] = ()
    lacking: Collection[str] = ()
    error: CombinedError | None = None
    verb: str = "downloaded"

    @property
    def added(self) -> tuple[str, ...]:
        """Return the paths that were not there before, in the order of the models."""
        new = {*self.reused, *self.cached, *self.downloaded}
        return tuple(dict.fromkeys(p for paths in self.paths.values() for p in paths if p in new))

    def summary(self, width: int | None = None) -> list[str]:
        """Return how many paths of each model came from where, and what was added in all.

        A model has a line, or two on a terminal of a width that is too small for that.
        """
        rows = []
        for name, paths in self.paths.items():
            counts = [
                (sum(path in self.downloaded for path in paths), self.verb),
                (sum(path in self.reused for path in paths), "taken from other paths in the store"),
                (sum(path in self.cached for path in paths), "taken from the cache"),
                (sum(self._origin(path) == "present" for path in paths), "there already"),
                (sum(path in self.lacking for path in paths), "missing"),
            ]
            words = ", ".join(f"{count} {what}" for count, what in counts if count)
            rows.append((name, f"{counted(len(paths), 'path')}: {words or 'nothing to do'}"))
        added = self.added
        sizes = {path: size for paths in self.paths.values() for path, size in paths.items()}
        total = f"{counted(len(added), 'path')} added to the store"
        if added:
            total += f", {bytes_text(sum(sizes[path] for path in added))}"
        return [*(line for lines in aligned(rows, width=width) for line in lines), total]

    def check(self) -> None:
        """Raise what failed.

        Raises:
            CombinedError: some models failed; the others are there.
        """
        if self.error:
            raise self.error

    def report(self) -> document.Report:
        """Return what `--json` prints."""
        models = [
            document.Model(
                name=name,
                paths=[
                    document.StorePath(path=path, size=size, origin=self._origin(path))
                    for path, size in paths.items()
                ],
            )
            for name, paths in self.paths.items()
        ]
        every = {path: size for paths in self.paths.values() for path, size in paths.items()}

        def total(origin: document.Origin) -> document.Total:
            sizes = [size for path, size in every.items() if self._origin(path) == origin]
            return document.Total(paths=len(sizes), bytes=sum(sizes))

        return document.Report(
            models=models,
            downloaded=total("downloaded"),
            reused=total("reused"),
            cached=total("cached"),
            present=total("present"),
            missing=total("missing"),
            errors=[failure.message for failure in self.error.failures] if self.error else [],
        )

    def _origin(self, path: str) -> document.Origin:
        if path in self.downloaded:
            return "downloaded"
        if path in self.reused:
            return "reused"
        if path in self.cached:
            return "cached"
        return "missing" if path in self.lacking else "present"
