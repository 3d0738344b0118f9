"""Places that have the same content, in the order in which they are asked."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aimodels_fetcher.errors import AimodelsError
    from aimodels_fetcher.http_client import HttpClient
    from aimodels_fetcher.sources.base import Source


class Upstream:
    """A source and the connections to it, which are made when they are first needed.

    Args:
        source: At its exact revision.
        connections: How many to keep open.
        client: What connects to it; None to make one when it is first needed.
    """

    def __init__(self, source: Source, connections: int, client: HttpClient | None = None) -> None:
        self.source = source
        self._connections = connections
        self._client = client
        self._making = threading.Lock()

    @property
    def client(self) -> HttpClient:
        """What connects to it.

        Raises:
            FetchError: The environment makes it impossible.
        """
        with self._making:
            if self._client is None:
                self._client = self.source.client(self._connections)
            return self._client


class Upstreams:
    """Upstreams in order of preference, without those that have turned out not to work.

    Args:
        upstreams: At least one.
        last: Whether nothing else is asked after them: they are then worth many tries.

    Attributes:
        last: The same.
        strict: Whether nothing else will show that all bytes of a file without a checksum are of
            one file: they are then used only if the server shows it.
    """

    strict: ClassVar[bool] = False

    def __init__(self, upstreams: Sequence[Upstream], *, last: bool = True) -> None:
        self.last = last
        self._upstreams = list(upstreams)
        self._out: set[Upstream] = set()

    def first(self, path: str) -> tuple[Upstream, str] | None:
        """Return the one to begin with that has a file, and the file's URL there."""
        working = [upstream for upstream in self._upstreams if upstream not in self._out]
        return _having(path, [*working, *reversed(self._upstreams)])

    def after(self, upstream: Upstream, path: str) -> tuple[Upstream, str] | None:
        """Return the next one that has a file, and the file's URL there; None after the last."""
        return _having(path, self._upstreams[self._upstreams.index(upstream) + 1 :])

    def drop(self, upstream: Upstream) -> None:
        """Do not begin with this one any more."""
        self._out.add(upstream)

    def checks_etags(self, upstream: Upstream, url: str) -> bool:  # noqa: ARG002 (for subclasses)
        """Return whether files must still have the ETag that is known of them.

        Args:
            upstream: Who was asked.
            url: Where the answer came from.
        """
        return False

    def failed(self, upstream: Upstream, path: str, error: AimodelsError) -> None:
        """Note that a file could not be had from one of them; for subclasses."""

    def succeeded(self, upstream: Upstream, path: str) -> None:
        """Note that a file came from one of them, whole and right."""
        upstream.source.delivered(path)


def _having(path: str, upstreams: Iterable[Upstream]) -> tuple[Upstream, str] | None:
    found = ((upstream, upstream.source.url(path)) for upstream in upstreams)
    return next(((upstream, url) for upstream, url in found if url is not None), None)
