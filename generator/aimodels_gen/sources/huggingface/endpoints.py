"""A repository at each of the endpoints that have it, and the connections to these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.retry import INTERACTIVE_TRIES, LONGEST_ASKED_WAIT
from aimodels_fetcher.sources.huggingface import HuggingFace as RepoAtEndpoint
from aimodels_fetcher.sources.huggingface import endpoints, trusted_endpoint
from aimodels_fetcher.upstreams import Upstream
from aimodels_fetcher.urls import origin

if TYPE_CHECKING:
    from aimodels_fetcher.http_client import HttpClient
    from aimodels_gen.sources.huggingface import HuggingFace

_CONNECTIONS = 64  # the most that `--jobs` may be


class Endpoints:
    """Makes them with the token, and keeps the connections of a run."""

    def __init__(self, token: str | None) -> None:
        """`token` is for the trusted endpoint of each source."""
        self._token = token
        self._clients: dict[tuple[str, bool, int], HttpClient] = {}

    def of(self, source: HuggingFace) -> tuple[RepoAtEndpoint, ...]:
        """Return a repository at each of its endpoints, in order."""
        urls = endpoints(source.endpoint or ())
        trusted = origin(trusted_endpoint(urls))
        declared = (source.repo, source.rev, source.ref, source.repo_type)
        return tuple(
            RepoAtEndpoint(*declared, url, origin(url) == trusted, token=lambda: self._token)
            for url in urls
        )

    def client(self, repo: RepoAtEndpoint, tries: int) -> HttpClient:
        """Return the connections to an endpoint; each number of tries has its own."""
        key = (repo.endpoint, repo.trusted, tries)
        client = self._clients.get(key)
        if client is None:
            client = self._clients.setdefault(key, repo.client(_CONNECTIONS))
            client.tries, client.patience = tries, LONGEST_ASKED_WAIT
        return client

    def upstream(self, repo: RepoAtEndpoint) -> Upstream:
        """Return an endpoint to download from."""
        return Upstream(repo, _CONNECTIONS, self.client(repo, INTERACTIVE_TRIES))

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()
