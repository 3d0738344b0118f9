"""The endpoints of a repository for downloads, with what a run knows about them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.sources.huggingface import HuggingFace as RepoAtEndpoint
from aimodels_fetcher.upstreams import Upstream, Upstreams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aimodels_fetcher.errors import AimodelsError
    from aimodels_gen.errors import SourceError
    from aimodels_gen.sources.huggingface.failover import Failover

    Explain = Callable[[RepoAtEndpoint, AimodelsError, RemoteFile], SourceError]


class EndpointUpstreams(Upstreams):
    """Endpoints that are out are not asked, and those that lacked something are asked last.

    Args:
        upstreams: the repository at each of its endpoints.
        failover: what the run knows about them.
        explain: returns what an error means at one of them, for one file.
    """

    def __init__(self, upstreams: Sequence[Upstream], failover: Failover, explain: Explain) -> None:
        super().__init__(upstreams)
        self._by_repo = {_repo(upstream): upstream for upstream in upstreams}
        self._failover = failover
        self._explain = explain
        self._failures: dict[str, dict[RepoAtEndpoint, AimodelsError]] = {}
        self._noting = threading.Lock()

    def first(self, path: str) -> tuple[Upstream, str] | None:
        """Return the endpoint to begin with, and the file's URL there."""
        return self._next(path, None) or self._last_resort(path)

    def after(self, upstream: Upstream, path: str) -> tuple[Upstream, str] | None:
        """Return an endpoint that has not failed for the file, and its URL there, or None."""
        return self._next(path, upstream)

    def drop(self, upstream: Upstream) -> None:
        """Do nothing: `failed` knows why, too."""

    def failed(self, upstream: Upstream, path: str, error: AimodelsError) -> None:
        """Remember it for this file, and for the run."""
        repo = _repo(upstream)
        with self._noting:
            self._failures.setdefault(path, {})[repo] = error
        self._failover.note(repo, error)

    def succeeded(self, upstream: Upstream, path: str) -> None:
        """Warn of the endpoints that were skipped."""
        used, file = _repo(upstream), RemoteFile(path)
        failures = {
            repo: self._explain(repo, error, file)
            for repo, error in self.failures(path).items()
            if repo != used
        }
        self._failover.tell(failures, used)

    def failures(self, path: str) -> Mapping[RepoAtEndpoint, AimodelsError]:
        """Return why each endpoint that was asked for a file did not give it."""
        with self._noting:
            return dict(self._failures.get(path, {}))

    def _next(self, path: str, current: Upstream | None) -> tuple[Upstream, str] | None:
        failed = self.failures(path)
        for repo in self._failover.in_order(list(self._by_repo)):
            upstream = self._by_repo[repo]
            skipped = upstream is current or repo in failed or self._failover.is_out(repo)
            if not skipped:
                return upstream, repo.url(path)
        return None

    def _last_resort(self, path: str) -> tuple[Upstream, str]:
        repo, upstream = next(iter(self._by_repo.items()))
        return upstream, repo.url(path)


def _repo(upstream: Upstream) -> RepoAtEndpoint:
    source = upstream.source
    assert isinstance(source, RepoAtEndpoint)  # noqa: S101 - they are made so
    return source
