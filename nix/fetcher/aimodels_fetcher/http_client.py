"""HTTP as Hubs and S3 need it: redirects by hand, credentials for one host only, waits as told."""

from __future__ import annotations

import email.utils
import http.client
import json
import os
import random
import re
import time
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from aimodels_fetcher import xml
from aimodels_fetcher.errors import FetchError, StatusError, TransientError
from aimodels_fetcher.header_deadline import PunctualResponse, watch
from aimodels_fetcher.http_errors import (
    PROXY_LOGIN,
    has_cause,
    origin,
    proxy_login,
    public,
    sorted_fault,
)
from aimodels_fetcher.log import say
from aimodels_fetcher.response import Response
from aimodels_fetcher.retry import LONGEST_ASKED_WAIT, TRIES, retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 20.0
# What becomes of connections that have been idle for long, and of those that we have closed.
_CUTS = (ConnectionResetError, BrokenPipeError, urllib3.exceptions.ClosedPoolError)
_FAULTS = (OSError, ValueError, http.client.HTTPException, urllib3.exceptions.HTTPError)
_HEADERS = {"User-Agent": "nix-ai-models", "Accept": "*/*", "Accept-Encoding": "identity"}
_MAX_REDIRECTS = 10
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_CROWDED = {429, 503}
_WORD = re.compile(r"[0-9A-Za-z.-]{1,64}")
_EXPIRED = {401, 403, 404, 410}  # what CDNs answer to a signature that is no longer good
_CA_VARIABLES = ("NIX_SSL_CERT_FILE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_MAX_LISTING_PAGE = 64 << 20  # bytes; a page of 1,000 rows has about 300 kB

# What http.client makes of answers, for urllib3's connections of both kinds.
urllib3.connection.HTTPConnection.response_class = PunctualResponse


class ResolvedUrl:
    """Where the content of an address is, which is not to be asked for each part of a file.

    Args:
        url: The address to ask; `found` is where it has led to, often a signed URL that expires.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.found: str | None = None


class Client:
    """Connections to one endpoint and to wherever it redirects.

    Safe to use from several threads: urllib3's pools are.

    Args:
        endpoint: Base URL of the only host that may see credentials.
        authorize: Gives the headers with which to ask that host for an address: credentials.
        connections: How many to keep open.
        moved: Two beginnings of addresses: what is wanted from the first is asked of the second.

    Attributes:
        tries: How often to ask for a document.
    """

    def __init__(
        self,
        endpoint: str,
        authorize: Callable[[str], Mapping[str, str]],
        connections: int = 1,
        moved: tuple[str, str] = ("", ""),
    ) -> None:
        watch()
        self._moved = moved
        self._origin = origin(endpoint)
        self._authorize = authorize
        self._connections = connections
        self._adapter = self._fresh_adapter()
        self._verify: str | bool = next(
            (p for p in map(os.environ.get, _CA_VARIABLES) if p and Path(p).is_file()),
            True,
        )
        self._not_before = 0.0
        self.tries = TRIES

    @contextmanager
    def get(self, place: ResolvedUrl, wanted: tuple[int, int] | None = None) -> Iterator[Response]:
        """GET an address, following redirects; the body is not read yet.

        Args:
            place: The address; what it is found to lead to is remembered there.
            wanted: First byte, and the first one no longer wanted; None for everything.

        Raises:
            TransientError: Worth trying again.
            StatusError: Refused.
            FetchError: Bad redirects, or a certificate that is not trusted.
        """
        headers = {"Range": f"bytes={wanted[0]}-{wanted[1] - 1}"} if wanted else {}
        found = place.found
        try:
            response = self._open(place, headers)
        except (TransientError, StatusError):
            # Wherever it led to, there may be another: let the endpoint say again.
            if place.found == found:
                place.found = None
            raise
        answer = Response(response)
        try:
            yield answer
        finally:
            answer.close()

    def get_json(self, url: str) -> tuple[Any, str | None]:
        """GET a JSON document: the document, and the URL of the next page or None.

        Raises:
            StatusError, FetchError: As `get_document`.
        """
        return self.get_document(url, json.loads, "JSON")

    def get_document(
        self, url: str, parse: Callable[[bytes], T], kind: str
    ) -> tuple[T, str | None]:
        """GET a document: what `parse` makes of it, and the URL of the next page or None.

        Args:
            url: Its address.
            parse: May raise ValueError or RecursionError for what is no such document.
            kind: What it parses, for messages.

        Raises:
            StatusError, FetchError: As `get`, after trying again where that is worth it.
        """

        def attempt() -> tuple[T, str | None]:
            with self.get(ResolvedUrl(url)) as answer:
                body = bytearray()
                buffer = memoryview(bytearray(1 << 16))
                while count := answer.readinto(buffer):
                    body += buffer[:count]
                    if len(body) > _MAX_LISTING_PAGE:
                        raise FetchError(f"{public(url)} answers with more than any listing has")
                try:
                    document = parse(bytes(body))
                except (ValueError, RecursionError) as error:
                    raise TransientError(
                        f"{public(url)} did not answer with {kind}, but with {answer.type}"
                    ) from error
                return document, urljoin(url, answer.next_page) if answer.next_page else None

        return retrying(attempt, tries=lambda: self.tries)

    def head(self, url: str) -> Mapping[str, str]:
        """Ask for the headers of an address (HEAD), whatever the status.

        Raises:
            FetchError: As `get`, after trying again where that is worth it.
        """

        def attempt() -> Mapping[str, str]:
            response = self._send(url, {}, "HEAD")
            response.close()
            return response.headers

        return retrying(attempt, tries=lambda: self.tries)

    def _open(self, place: ResolvedUrl, headers: Mapping[str, str]) -> requests.Response:
        """Ask where the content was found last, and where that is over, where it is now."""
        if place.found:
            response = self._follow(place.found, headers)
            if response.status_code not in _EXPIRED:
                return self._checked(response, place.url)
            Response(response).discard()
            say(
                f"HTTP {response.status_code} from {public(response.url)}: asking for a new address"
            )
        response = self._checked(self._follow(place.url, headers), place.url)
        place.found = response.url if response.url != place.url else None
        return response

    def _follow(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        before, after = self._moved
        if before and url.startswith(f"{before}/"):
            url = after + url[len(before) :]
        asked = url
        for _ in range(_MAX_REDIRECTS):
            while (left := self._not_before - time.monotonic()) > 0:
                time.sleep(left + random.uniform(0, 0.5))  # noqa: S311 (jitter)
            response = self._send(url, headers)
            if not response.is_redirect:
                return response
            Response(response).discard()
            location = response.headers["location"]
            target = _target(url, location)
            if not target:
                raise FetchError(
                    f"{public(url)} redirects to {public(location)}, which is not HTTP or no URL",
                    "the endpoint is not a Hub, or a proxy interferes",
                )
            url = target
        raise FetchError(
            f"{public(asked)}: more than {_MAX_REDIRECTS} redirects, the last one to {public(url)}",
            "the endpoint is not a Hub, or a proxy interferes",
        )

    def _send(self, url: str, headers: Mapping[str, str], method: str = "GET") -> requests.Response:
        for last in (False, True):
            try:
                request = requests.Request(method, url, {**_HEADERS, **headers}).prepare()
                if origin(url) == self._origin:
                    # As it is sent: a signature is good for one spelling of an address.
                    request.headers.update(self._authorize(request.url or url))
                return self._adapter.send(
                    request,
                    stream=True,
                    timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                    verify=self._verify,
                    proxies=_proxies(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"),
                )
            except _FAULTS as error:  # noqa: PERF203 (trying again is the point)
                # Idle connections may be over as well, or be all that the server has room for.
                self._hang_up()
                if last or not has_cause(error, _CUTS):
                    raise sorted_fault(url, error, crowded=True) from error
        raise AssertionError  # the loop returns or raises

    def _fresh_adapter(self) -> requests.adapters.HTTPAdapter:
        # Not a Session, which would take credentials for any host from a .netrc, keep cookies, and
        # look into redirects itself.
        return requests.adapters.HTTPAdapter(pool_maxsize=self._connections)

    def _hang_up(self) -> None:
        """Close all idle connections; those in use are closed when they are no longer."""
        adapter, self._adapter = self._adapter, self._fresh_adapter()
        # Closing the adapter would leave that to Python's garbage collection.
        for manager in (adapter.poolmanager, *adapter.proxy_manager.values()):
            for pool in map(manager.pools.get, manager.pools.keys()):
                if pool:
                    pool.close()

    def _checked(self, response: requests.Response, asked: str) -> requests.Response:
        """Let through what has content; sort the rest into what may pass and what will not."""
        status = response.status_code
        if status in {200, 206}:
            return response
        details = _error_details(Response(response).discard())
        url = public(response.url)
        if status == PROXY_LOGIN:
            raise proxy_login(response.url)
        if status in _TRANSIENT:
            wait = _wait(response.headers)
            if wait:
                self._not_before = time.monotonic() + min(wait, LONGEST_ASKED_WAIT)
            raise TransientError(f"HTTP {status} from {url}", wait, crowded=status in _CROWDED)
        elsewhere = origin(response.url) not in {self._origin, origin(asked)}
        if status in _EXPIRED and elsewhere:
            # Signed a moment ago, and refused all the same: a server that is behind, or a clock.
            raise TransientError(f"HTTP {status} from {url}")
        code = response.headers.get("X-Error-Code") or details.get("Code", "")
        region = response.headers.get("x-amz-bucket-region") or details.get("Region", "")
        raise StatusError(status, code, url, region)


def _error_details(body: bytes) -> dict[str, str]:
    """Read S3's `<Error><Code>NoSuchKey</Code>...`; nothing where it is none of that.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    if b"<Error" not in body:
        return {}
    try:
        root = xml.parse(body)
    except ValueError:
        return {}
    # They end up in messages.
    return {child.tag: text for child in root if _WORD.fullmatch(text := child.text or "")}


def _target(url: str, location: str) -> str:
    """Give the address that a redirect leads to; an empty string where that is none of HTTP's."""
    try:
        # What is not ASCII is UTF-8 in practice, but http.client takes headers for Latin-1.
        target = urljoin(url, location.encode("latin-1").decode())
        scheme, host, _ = origin(target)
    except (ValueError, FetchError):
        return ""
    return target if host and scheme in {"http", "https"} else ""


@lru_cache(maxsize=64)
def _proxies(url: str) -> dict[str, str]:
    return requests.utils.get_environ_proxies(url)


def _wait(headers: Mapping[str, str]) -> float | None:
    """Read how many seconds to wait.

    `Retry-After` has seconds or a date (RFC 9110, 10.2.3); the Hub sends `RateLimit:
    "api";r=0;t=42` (https://huggingface.co/docs/hub/rate-limits).
    """
    after = headers.get("Retry-After", "").strip()
    if re.fullmatch("[0-9]+", after):
        return float(after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(after).timestamp() - time.time())
    except (TypeError, ValueError):
        pass
    reset = re.search(r"\br=0\b.*?\bt=(\d+)", headers.get("RateLimit", ""))
    return float(reset[1]) if reset else None
