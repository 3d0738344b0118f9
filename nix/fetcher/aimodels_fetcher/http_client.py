"""HTTP as Hubs and S3 need it: redirects by hand, credentials for one host only, waits as asked."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from aimodels_fetcher.connections import Connections
from aimodels_fetcher.documents import Document, parse_json, read_document
from aimodels_fetcher.errors import (
    StatusError,
    TransientError,
)
from aimodels_fetcher.http_errors import refusal
from aimodels_fetcher.log import say
from aimodels_fetcher.redirects import EXPIRED, Redirects
from aimodels_fetcher.response import Response
from aimodels_fetcher.retry import TRIES, retrying
from aimodels_fetcher.urls import public

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aimodels_fetcher.connections import Answer

T = TypeVar("T")


class ResolvedUrl:
    """Where the content of a URL is, so that not every part of a file has to ask for it again.

    Args:
        url: The URL to ask; `found` is where it has led to, often a signed URL that expires.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.found: str | None = None


@dataclass(frozen=True)
class Head:
    """What a server says of a URL, without its content.

    Attributes:
        status: HTTP status.
        headers: Their names are case-insensitive.
        url: Where redirects have led to.
    """

    status: int
    headers: Mapping[str, str]
    url: str


class HttpClient:
    """Asks one endpoint, and wherever it redirects to. Threads can share one.

    Args:
        endpoint: Base URL of the only host that may see credentials.
        authorize: Returns the headers with which to ask that host, for a method and a URL.
        connections: How many to keep open for each server.
        moved: Two beginnings of URLs: what is wanted from the first is asked of the second.
        headers: To send with every request, wherever it goes.
        ca_variables: Variables that may name a file with certificates, before those that all
            programs know.
        connect_seconds: What connecting to an address may take; None for the usual time.
        read_seconds: What the head of an answer, or a read, may take; None for the usual time.

    Attributes:
        tries: How often to ask for a document, or for a head.
    """

    def __init__(  # noqa: PLR0913 (all but the first two have defaults)
        self,
        endpoint: str,
        authorize: Callable[[str, str], Mapping[str, str]] = lambda _method, _url: {},
        connections: int = 1,
        moved: tuple[str, str] = ("", ""),
        *,
        headers: Mapping[str, str] | None = None,
        ca_variables: Sequence[str] = (),
        connect_seconds: float | None = None,
        read_seconds: float | None = None,
    ) -> None:
        opened = Connections(connections, ca_variables, connect_seconds, read_seconds)
        self._requests = Redirects(endpoint, authorize, opened, moved, headers or {})
        self.tries = TRIES

    @contextmanager
    def get(
        self,
        resolved: ResolvedUrl,
        wanted: tuple[int, int] | None = None,
        if_range: str | None = None,
    ) -> Iterator[Response]:
        """GET a URL, following redirects; the body is not read yet.

        Args:
            resolved: The URL; what it is found to lead to is remembered there.
            wanted: First byte, and the first one no longer wanted; None for everything.
            if_range: An ETag or a date: where the file has another one now, the answer is all of
                it (RFC 9110, 13.1.5).

        Raises:
            TransientError: Worth trying again.
            StatusError: Refused.
            FetchError: Bad redirects, or a certificate that is not trusted.
        """
        headers = {"Range": f"bytes={wanted[0]}-{wanted[1] - 1}"} if wanted else {}
        if wanted and if_range:
            headers["If-Range"] = if_range
        found = resolved.found
        try:
            response = self._open(resolved, headers)
        except (TransientError, StatusError):
            # Wherever it led to, there may be another: let the endpoint say again.
            if resolved.found == found:
                resolved.found = None
            raise
        with closing(Response(response)) as answer:
            yield answer

    def get_json(self, url: str) -> tuple[Any, str | None]:
        """GET a JSON document, as `get_document`: it, and the URL of the next page or None."""
        document = self.get_document(url, parse_json, "JSON")
        return document.content, document.next_page

    def get_document(
        self, url: str, parse: Callable[[bytes], T], kind: str, most: int | None = None
    ) -> Document[T]:
        """GET a document, and parse it.

        Args:
            url: Its URL.
            parse: May raise ValueError or RecursionError for anything else.
            kind: What it parses, for messages.
            most: The bytes that it may have; None for 2 MiB.

        Raises:
            StatusError, FetchError: As `get`, after trying again where that is worth it.
        """

        def attempt() -> Document[T]:
            with self.get(ResolvedUrl(url)) as answer:
                return read_document(url, answer, parse, kind, most)

        return retrying(attempt, tries=lambda: self.tries, patience=self.patience)

    def head(self, url: str, method: str = "HEAD", *, follow: bool = True) -> Head:
        """Ask for the headers of a URL; a refusal is an answer like any other.

        Args:
            url: What to ask about.
            method: GET for servers that refuse HEAD; the body is not read.
            follow: Whether to follow redirects.

        Raises:
            FetchError: As `get`, after trying again where that is worth it.
        """

        def attempt() -> Head:
            response = self._requests.follow(url, {}, method, once=not follow)
            response.release(whole=method == "HEAD")
            error = refusal(response.status, response.url, response.headers)
            self._requests.raise_transient(response, str(error))
            return Head(response.status, response.headers, response.url)

        return retrying(attempt, tries=lambda: self.tries, patience=self.patience)

    @property
    def patience(self) -> float:
        """Seconds; a server that asks for a longer wait is not asked again."""
        return self._requests.patience

    @patience.setter
    def patience(self, seconds: float) -> None:
        self._requests.patience = seconds

    def believe_absence(self) -> None:
        """Take it for an answer that there is nothing where the endpoint redirects to."""
        self._requests.signs = False

    def hint_at_limits(self, hint: str) -> None:
        """Add to messages about limits of the rate of requests what raises them."""
        self._requests.limit_hint = hint

    def close(self) -> None:
        """Close the idle connections."""
        self._requests.close()

    def _open(self, resolved: ResolvedUrl, headers: Mapping[str, str]) -> Answer:
        """Ask where the content was found last, and where that is over, where it is now."""
        if resolved.found:
            response = self._requests.follow(resolved.found, headers)
            if response.status not in EXPIRED:
                return self._requests.checked(response, resolved.url)
            Response(response).discard()
            say(f"HTTP {response.status} from {public(response.url)}: asking for a new address")
        url = resolved.url
        response = self._requests.checked(self._requests.follow(url, headers), url)
        resolved.found = response.url if response.url != url else None
        return response
