"""Places that have the same content, in the order in which they are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_fetcher.sources.base import Source
    from aimodels_fetcher.transport import Client


@dataclass(frozen=True, eq=False)
class Origin:
    """A source at one commit, over one client."""

    source: Source
    client: Client
    commit: str

    def url(self, path: str) -> str:
        """Give the address of a file."""
        return self.source.url(path, self.commit)


class Origins:
    """Origins in order of preference, without those that have turned out not to work.

    Args:
        origins: At least one.
    """

    def __init__(self, origins: Sequence[Origin]) -> None:
        self._origins = list(origins)
        self._out: set[Origin] = set()

    def first(self) -> Origin:
        """Give the one to begin with."""
        return next((o for o in self._origins if o not in self._out), self._origins[-1])

    def after(self, origin: Origin) -> Origin | None:
        """Give the next one, or None after the last."""
        following = self._origins[self._origins.index(origin) + 1 :]
        return following[0] if following else None

    def drop(self, origin: Origin) -> None:
        """Do not begin with this one any more."""
        self._out.add(origin)
