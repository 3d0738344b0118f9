"""Requests to one endpoint and to wherever it redirects; credentials are for that endpoint only."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from aimodels_fetcher.errors import FetchError, TransientError
from aimodels_fetcher.http_errors import PROXY_LOGIN, proxy_login, refusal
from aimodels_fetcher.response import Response
from aimodels_fetcher.retry import CROWDED_STATUSES, TRANSIENT_STATUSES, RateLimit, asked_wait
from aimodels_fetcher.urls import origin, public
from aimodels_fetcher.wording import duration_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimodels_fetcher.connections import Answer, Connections

_HEADERS = {"User-Agent": "nix-ai-models", "Accept": "*/*", "Accept-Encoding": "identity"}
_MAX_REDIRECTS = 10
_NO_HUB = "check the endpoint and the proxy settings: what answers is not the server that is meant"

EXPIRED = frozenset({401, 403, 404, 410})
"""HTTP statuses that CDNs answer with to a signature that is no longer good."""

ABSENT = frozenset({404, 410})
"""Those that others say of what is not there."""


class Redirects:
    """Follows redirects by hand, and holds requests back while the server wants that.

    Args:
        endpoint: Base URL of the only host that may see credentials.
        authorize: Returns the headers with which to ask that host, for a method and a URL.
        connections: To send requests with.
        moved: Two beginnings of URLs: what is wanted from the first is asked of the second.
        headers: To send with every request, wherever it goes.

    Attributes:
        origin: Of the endpoint.
        patience: Seconds; a server that asks for a longer wait does not hold others back.
        limit_hint: What raises the limit of the rate of requests; empty where nothing does.
        signs: Whether where it redirects to may be a signed URL: then what is not there may be
            next time.
    """

    def __init__(
        self,
        endpoint: str,
        authorize: Callable[[str, str], Mapping[str, str]],
        connections: Connections,
        moved: tuple[str, str],
        headers: Mapping[str, str],
    ) -> None:
        self.origin = origin(endpoint)
        self.patience = math.inf
        self.limit_hint = ""
        self.signs = True
        self._authorize = authorize
        self._connections = connections
        self._moved = moved
        self._headers = {**_HEADERS, **headers}
        self._limit = RateLimit()

    def follow(
        self, url: str, headers: Mapping[str, str], method: str = "GET", *, once: bool = False
    ) -> Answer:
        """Return the response that a URL leads to, whatever its status; the body is not read.

        Args:
            url: What to ask for.
            headers: To send, beside those of all requests.
            method: GET or HEAD.
            once: Whether to return a redirect as it is.

        Raises:
            TransientError: Worth another try.
            FetchError: Bad redirects or URLs, or a certificate that is not trusted.
        """
        before, after = self._moved
        if before and url.startswith(f"{before}/"):
            url = after + url[len(before) :]
        asked = url
        redirects: list[Mapping[str, str]] = []
        for _ in range(_MAX_REDIRECTS):
            self._limit.wait()
            trusted = origin(url) == self.origin
            response = self._connections.send(
                method, url, {**self._headers, **headers}, self._authorize if trusted else None
            )
            location = response.location
            if once or location is None:
                response.redirects = tuple(redirects)
                return response
            Response(response).discard()
            redirects.append(response.headers)
            target = _target(url, location)
            if not target:
                raise FetchError(
                    f"{public(url)} redirects to {public(location)}, which is not HTTP or no URL",
                    _NO_HUB,
                )
            url = target
        raise FetchError(
            f"{public(asked)}: more than {_MAX_REDIRECTS} redirects, the last one to {public(url)}",
            _NO_HUB,
        )

    def checked(self, response: Answer, asked: str) -> Answer:
        """Return a response that has content; raise for any other.

        Args:
            response: Of any status.
            asked: The URL that was asked for first.

        Raises:
            TransientError: Worth another try.
            StatusError: Refused.
        """
        status = response.status
        if status in {200, 206}:
            return response
        error = refusal(status, response.url, response.headers, Response(response).discard())
        self.raise_transient(response, str(error))
        elsewhere = origin(response.url) not in {self.origin, origin(asked)}
        expired = EXPIRED if self.signs else EXPIRED - ABSENT
        if status in expired and elsewhere:
            # Signed a moment ago, and refused all the same: a server that is behind, or a clock.
            raise TransientError(str(error), status=status)
        raise error

    def raise_transient(self, response: Answer, what: str) -> None:
        """Raise for a status that may be another one next time, and note the wait it asks for.

        Args:
            response: Of any status.
            what: The message.

        Raises:
            TransientError: It may.
            FetchError: The proxy asks for a password.
        """
        status = response.status
        if status == PROXY_LOGIN:
            raise proxy_login(response.url)
        if status not in TRANSIENT_STATUSES:
            return
        limited = status == HTTPStatus.TOO_MANY_REQUESTS
        advice = f" ({self.limit_hint})" if limited and self.limit_hint else ""
        what += advice
        wait = asked_wait(response.headers)
        told = False
        if wait and wait <= self.patience:
            _, host, _ = origin(response.url)
            self._limit.note(wait, host if limited else None, advice)
            told = limited
        elif wait:
            what = f"{what}, which asks to wait {duration_text(wait)}"
        crowded = status in CROWDED_STATUSES
        raise TransientError(what, wait, crowded=crowded, status=status, told=told)

    def close(self) -> None:
        """Close the idle connections."""
        self._connections.hang_up()


def _target(url: str, location: str) -> str:
    """Return the URL that a redirect leads to; an empty string where that is not HTTP."""
    try:
        # What is not ASCII is UTF-8 in practice, but http.client takes headers for Latin-1.
        target = urljoin(url, location.encode("latin-1").decode())
        scheme, host, _ = origin(target)
    except (ValueError, FetchError):
        return ""
    return target if host and scheme in {"http", "https"} else ""
