"""The Hub and its mirrors: listings and requests are the fetcher's, tokens huggingface_hub's."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.http_errors import refusal
from aimodels_fetcher.redaction import learn
from aimodels_fetcher.retry import INTERACTIVE_TRIES
from aimodels_fetcher.sources.huggingface import HuggingFace as RepoAtEndpoint
from aimodels_fetcher.sources.huggingface import endpoints
from aimodels_fetcher.sources.huggingface.listing import ODD
from aimodels_fetcher.urls import is_server, origin, public
from aimodels_gen.errors import SourceError
from aimodels_gen.sources.base import Allowance, Listing, Revision, SourceClient
from aimodels_gen.sources.huggingface import HuggingFace
from aimodels_gen.sources.huggingface.endpoint_upstreams import EndpointUpstreams
from aimodels_gen.sources.huggingface.endpoints import Endpoints
from aimodels_gen.sources.huggingface.failover import Failover, all_of
from aimodels_gen.sources.huggingface.failures import (
    OddAnswerError,
    Request,
    explain,
    offline,
    one_line,
    wrong_content,
)
from aimodels_gen.sources.huggingface.info import RepoNames, ref_names
from aimodels_gen.sources.huggingface.listings import Listings
from aimodels_gen.sources.huggingface.revisions import Revisions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimodels_fetcher.filters import Filters
    from aimodels_fetcher.http_client import Head, HttpClient
    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_gen.sources.base import Warn

T = TypeVar("T")

_REFUSED = 400  # the least status that refuses
_MOST_REDIRECTS = 5
_LIBRARY = "aimodels_gen.sources.huggingface.library"  # reads HF_ENDPOINT when it is imported
_ANONYMOUS = Allowance(3000, 300)  # https://huggingface.co/docs/hub/rate-limits


class HubClient(SourceClient[HuggingFace]):
    """Lists repositories; one object serves all threads and endpoints."""

    def __init__(self, warn: Warn) -> None:
        """Take the token from the usual repos: HF_TOKEN, HF_TOKEN_PATH, `hf auth login`.

        For `warn` see `sources.connect`.

        Raises:
            SourceError: HF_ENDPOINT is wrong, or the token cannot be sent.
        """
        _check_endpoints()
        self._library: Any = import_module(_LIBRARY)
        self._token = _checked(self._library.token())
        self._failover = Failover(warn)
        self._listings = Listings()
        self._endpoints = Endpoints(self._token)
        self._upstreams: dict[HuggingFace, EndpointUpstreams] = {}
        self._revisions = Revisions(self._library, self._endpoints, RepoNames(warn))

    def list(self, source: HuggingFace, filters: Filters) -> Listing:
        """Return what is taken at the commit that `source` means; see `SourceClient.list`.

        One request for commit, card and gate, and one for each thousand files, unless the user's
        cache has them. LFS and Xet files come with their sha256, others with their git blob id.
        """
        return self._ask(source, lambda repo, tries: self._list(source, repo, filters, tries))

    def revision(self, source: HuggingFace) -> Revision:
        """Return commit, card and gate: one request, which `list` does not repeat."""
        found = self._ask(source, lambda repo, tries: self._revisions.of(source, repo, tries))
        return Revision(source.at(found.commit), found.card, found.other_name(source))

    def check_access(self, source: HuggingFace, file: RemoteFile) -> SourceError | None:
        """Return why `file` may not be read; see `SourceClient.check_access`.

        Listings of gated repositories are public: only asking for a file shows it. One endpoint
        that would give it is enough. Renamed repositories redirect before they refuse.
        """
        found = None
        for repo in self._failover.in_order(self._endpoints.of(source)):
            if self._failover.is_out(repo):
                continue
            try:
                head = _answer_at_origin(self._endpoints.client(repo, 1), repo.url(file.path))
            except (AimodelsError, ValueError):
                continue  # no proof of a refusal: a file that is needed will show
            if head.status < _REFUSED:
                return None
            error = refusal(head.status, head.url, head.headers)
            if error.code == "GatedRepo" and (found is None or repo.trusted):
                found = explain(error, self._request(source, repo))
        return found

    def sources(
        self,
        source: HuggingFace,
        versions: Mapping[str, str],  # noqa: ARG002 - the commit says it all
    ) -> tuple[RepoAtEndpoint, ...]:
        """Return the repository at each of its endpoints; see `SourceClient.sources`."""
        if variables := self._library.offline():
            raise offline(variables)
        return self._endpoints.of(source)

    def upstreams(
        self,
        source: HuggingFace,
        versions: Mapping[str, str],  # noqa: ARG002 - as above
    ) -> EndpointUpstreams:
        """Return the same with connections; see `SourceClient.upstreams`."""
        if source not in self._upstreams:
            self._upstreams[source] = EndpointUpstreams(
                [self._endpoints.upstream(repo) for repo in self._endpoints.of(source)],
                self._failover,
                lambda repo, error, file: self._explain(source, repo, error, file),
            )
        return self._upstreams[source]

    def explain(self, source: HuggingFace, file: RemoteFile, error: AimodelsError) -> SourceError:
        """Return in words why no endpoint gave a file; see `SourceClient.explain`."""
        failures = self.upstreams(source, {}).failures(file.path)
        return all_of(
            {
                repo: self._explain(source, repo, one, file)
                for repo, one in (failures or {self._endpoints.of(source)[0]: error}).items()
            },
            source.label,
        )

    def allowance(self, source: HuggingFace) -> Allowance | None:
        """Return what the Hub allows without a token; see `SourceClient.allowance`."""
        return None if self._token or not self._endpoints.of(source)[0].trusted else _ANONYMOUS

    def ignore_cache(self) -> None:
        """List from the server only; see `SourceClient.ignore_cache`."""
        self._listings.is_fresh = True

    def close(self) -> None:
        """Close the connections."""
        self._endpoints.close()
        self._listings.close()

    def _list(
        self, source: HuggingFace, repo: RepoAtEndpoint, filters: Filters, tries: int
    ) -> Listing:
        revision = self._revisions.of(source, repo, tries)
        client, at_commit = self._endpoints.client(repo, tries), replace(repo, rev=revision.commit)
        try:
            selection = self._listings.take(at_commit, client, filters)
        except AimodelsError as error:
            if isinstance(error.__cause__, ODD):
                raise OddAnswerError(one_line(error.__cause__)) from error
            raise
        return Listing(source.at(revision.commit), selection, revision.card, revision.gguf)

    def _ask(self, source: HuggingFace, call: Callable[[RepoAtEndpoint, int], T]) -> T:
        if variables := self._library.offline():
            raise offline(variables)
        try:
            return self._failover.ask(
                source.label,
                self._endpoints.of(source),
                call,
                lambda repo, error: explain(error, self._request(source, repo)),
            )
        except SourceError as error:
            if (better := self._revisions.better_hint(source, error)) is error:
                raise  # with its cause
            raise better from error

    def _explain(
        self, source: HuggingFace, repo: RepoAtEndpoint, error: AimodelsError, file: RemoteFile
    ) -> SourceError:
        if wrong := wrong_content(error, source.label, file):
            self._listings.forget(repo)
        return wrong or explain(error, self._request(source, repo))

    def _request(self, source: HuggingFace, repo: RepoAtEndpoint) -> Request:
        return Request(
            source,
            repo.location,
            authenticated=repo.trusted and self._token is not None,
            # Only its next step is ever shown.
            refs=(lambda: ref_names(self._endpoints.client(repo, INTERACTIVE_TRIES), repo.refs_url))
            if repo.trusted
            else tuple,
        )


def _check_endpoints() -> None:
    if not all(is_server(public(url)) for url in endpoints()):
        raise SourceError(
            "HF_ENDPOINT holds something else than http(s) addresses of servers",
            "write URLs like https://hub.example.org, separated by spaces, or unset it",
        )


def _checked(token: str | None) -> str | None:
    """Return a token that requests can have, which is never printed from now on.

    Raises:
        SourceError: it cannot be sent.
    """
    if token is not None and not (token.isascii() and token.isprintable()):
        raise SourceError(
            "the Hugging Face token holds characters that no token has",
            "check HF_TOKEN and the token file",
        )
    learn(token)
    return token


def _answer_at_origin(client: HttpClient, url: str) -> Head:
    """Return the answer to a HEAD after redirects that stay at the server.

    One that leads elsewhere, to where the content is, is not followed: it has been granted.
    """
    for _ in range(_MOST_REDIRECTS):
        head = client.head(url, follow=False)
        target = urljoin(url, head.headers.get("Location", url))
        if target == url or origin(target) != origin(url):
            break
        url = target
    return head


CLIENT = HubClient
