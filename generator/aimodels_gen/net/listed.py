"""Listings of sources that may change: each is asked for once in a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from aimodels_fetcher.remote_files import RemoteFiles
from aimodels_gen.errors import AimodelsError
from aimodels_gen.net.once import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from aimodels_fetcher.filters import Filters, Selection
    from aimodels_fetcher.sources.base import RemoteFile

K = TypeVar("K", bound="Hashable")
T = TypeVar("T")

_MOST = 50_000  # files of all listings together: larger ones are asked for again


class Listed(Generic[K, T]):
    """Listings by what has been listed, with what else the server said; for all threads."""

    def __init__(self) -> None:
        """Begin without listings."""
        self._turns: Turns[K] = Turns()
        self._known: dict[K, tuple[T, RemoteFiles]] = {}

    def take(
        self, question: K, ask: Callable[[], tuple[T, Iterable[RemoteFile]]], filters: Filters
    ) -> tuple[T, Selection[RemoteFiles]]:
        """Return what was said, and what filters take of a listing.

        Raises:
            AimodelsError: it cannot be read, or no directory can hold what is taken.
        """
        with self._turns.of(question):
            if question in self._known:
                said, files = self._known[question]
                return said, filters.take(files)
            kept = RemoteFiles()
            try:
                said, listing = ask()
            except AimodelsError as error:
                self._turns.failed(question, error)
                raise
            room = _MOST - sum(len(files) for _, files in self._known.copy().values())
            selection = filters.take(self._copied(question, listing, kept, room))
            if not selection.too_many and len(kept) <= room:
                self._known[question] = said, kept
            return said, selection

    def _copied(
        self, question: K, listing: Iterable[RemoteFile], kept: RemoteFiles, room: int
    ) -> Iterator[RemoteFile]:
        try:
            for file in listing:
                if len(kept) <= room:
                    kept.append(file)
                yield file
        except AimodelsError as error:
            self._turns.failed(question, error)
            raise
