"""The endpoints of a repository for downloads, with what a run knows about them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.sources.huggingface import HuggingFace as Place
from aimodels_fetcher.upstreams import Upstream, Upstreams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aimodels_fetcher.errors import AimodelsError
    from aimodels_gen.errors import SourceError
    from aimodels_gen.sources.huggingface.failover import Failover

    Explain = Callable[[Place, AimodelsError, RemoteFile], SourceError]


class EndpointUpstreams(Upstreams):
    """Endpoints that are out are not asked, and those that lacked something are asked last.

    Args:
        upstreams: the repository at each of its endpoints.
        failover: what the run knows about them.
        explain: returns what an error means at one of them, for one file.
    """

    def __init__(self, upstreams: Sequence[Upstream], failover: Failover, explain: Explain) -> None:
        super().__init__(upstreams)
        self._by_place = {_place(upstream): upstream for upstream in upstreams}
        self._failover = failover
        self._explain = explain
        self._failures: dict[str, dict[Place, AimodelsError]] = {}
        self._noting = threading.Lock()

    def first(self, path: str) -> tuple[Upstream, str] | None:
        """Return the endpoint to begin with, and the file's URL there."""
        return self._next(path, None) or self._last_resort(path)

    def after(self, origin: Upstream, path: str) -> tuple[Upstream, str] | None:
        """Return an endpoint that has not failed for the file, and its URL there, or None."""
        return self._next(path, origin)

    def drop(self, origin: Upstream) -> None:
        """Do nothing: `failed` knows why, too."""

    def failed(self, origin: Upstream, path: str, error: AimodelsError) -> None:
        """Remember it for this file, and for the run."""
        place = _place(origin)
        with self._noting:
            self._failures.setdefault(path, {})[place] = error
        self._failover.note(place, error)

    def succeeded(self, origin: Upstream, path: str) -> None:
        """Warn of the endpoints that were skipped."""
        used, file = _place(origin), RemoteFile(path)
        failures = {
            place: self._explain(place, error, file)
            for place, error in self.failures(path).items()
            if place != used
        }
        self._failover.tell(failures, used)

    def failures(self, path: str) -> Mapping[Place, AimodelsError]:
        """Return why each endpoint that was asked for a file did not give it."""
        with self._noting:
            return dict(self._failures.get(path, {}))

    def _next(self, path: str, current: Upstream | None) -> tuple[Upstream, str] | None:
        failed = self.failures(path)
        for place in self._failover.in_order(list(self._by_place)):
            upstream = self._by_place[place]
            skipped = upstream is current or place in failed or self._failover.is_out(place)
            if not skipped:
                return upstream, place.url(path)
        return None

    def _last_resort(self, path: str) -> tuple[Upstream, str]:
        place, upstream = next(iter(self._by_place.items()))
        return upstream, place.url(path)


def _place(upstream: Upstream) -> Place:
    source = upstream.source
    assert isinstance(source, Place)  # noqa: S101 - they are made so
    return source
