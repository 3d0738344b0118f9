"""HTTP as the Hub needs it: redirects by hand, tokens for one host only, faults sorted."""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from aimodels_fetcher.errors import FetchError, TransientError
from aimodels_fetcher.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONNECT_SECONDS = 30
_READ_SECONDS = 60
_MAX_REDIRECTS = 10
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_CA_VARIABLES = ("NIX_SSL_CERT_FILE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_MAX_LISTING_PAGE = 64 << 20  # bytes; a page of 1,000 rows has about 300 kB


class StatusError(Exception):
    """An answer that refuses, and that trying again will not change.

    Args:
        status: HTTP status.
        code: The Hub's `X-Error-Code`, or an empty string.
        url: Address without its query, which may hold a signature.
    """

    def __init__(self, status: int, code: str, url: str) -> None:
        super().__init__(f"HTTP {status}{f' ({code})' if code else ''} from {url}")
        self.status = status
        self.code = code


class Client:
    """Connections to one endpoint and to wherever it redirects.

    Safe to use from several threads: urllib3's pools are.

    Args:
        endpoint: Base URL of the only host that may see the token.
        token: Bearer token, or None.
    """

    def __init__(self, endpoint: str, token: str | None) -> None:
        self._origin = _origin(endpoint)
        self._token = token
        self._session = requests.Session()
        # With trust_env on, requests would take credentials for any host from a .netrc. Proxies
        # and certificates are taken from the environment by hand instead.
        self._session.trust_env = False
        self._session.headers.update({"User-Agent": "nix-ai-models", "Accept-Encoding": "identity"})
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=16)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._verify: str | bool = next(
            (p for p in map(os.environ.get, _CA_VARIABLES) if p and Path(p).is_file()),
            True,
        )

    @contextmanager
    def get(self, url: str, start: int = 0) -> Iterator[requests.Response]:
        """GET an address from byte `start` on, following redirects; the body is not read yet.

        Raises:
            TransientError: Worth trying again.
            StatusError: Refused.
            FetchError: Bad redirects, or a certificate that is not trusted.
        """
        response = self._follow(url, {"Range": f"bytes={start}-"} if start else {})
        try:
            with transient_faults(url):
                self._check_status(response)
                # Otherwise urllib3 2 throws the last bytes of a broken answer away.
                response.raw.enforce_content_length = False
                yield response
        finally:
            response.close()

    def get_json(self, url: str) -> tuple[Any, str | None]:
        """GET a JSON document: the document, and the URL of the next page or None.

        Raises:
            StatusError, FetchError: As `get`, after trying again where that is worth it.
        """

        def attempt() -> tuple[Any, str | None]:
            with self.get(url) as response:
                body = response.raw.read(_MAX_LISTING_PAGE, decode_content=True)
                try:
                    document = json.loads(body)
                except ValueError as error:
                    raise TransientError(f"{_public(url)} did not answer with JSON") from error
                following = response.links.get("next", {}).get("url")
                return document, urljoin(url, following) if following else None

        return retrying(attempt, _public(url))

    def _follow(self, url: str, headers: dict[str, str]) -> requests.Response:
        for _ in range(_MAX_REDIRECTS):
            extra = dict(headers)
            if self._token and _origin(url) == self._origin:
                extra["Authorization"] = f"Bearer {self._token}"
            with transient_faults(url):
                response = self._session.get(
                    url,
                    headers=extra,
                    stream=True,
                    allow_redirects=False,
                    timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                    verify=self._verify,
                    proxies=requests.utils.get_environ_proxies(url),
                )
            if not response.is_redirect:
                return response
            target = urljoin(url, response.headers["location"])
            response.close()
            if urlsplit(target).scheme not in {"http", "https"}:
                raise FetchError(f"{_public(url)} redirects to {_public(target)}")
            url = target
        raise FetchError(f"{_public(url)}: more than {_MAX_REDIRECTS} redirects")

    def _check_status(self, response: requests.Response) -> None:
        status = response.status_code
        if status in {200, 206}:
            return
        url = _public(response.url)
        if status in _TRANSIENT:
            raise TransientError(f"HTTP {status} from {url}", _wait(response))
        if _origin(response.url) != self._origin and status in {401, 403, 404}:
            # A CDN's signed URL has expired: the endpoint will sign a new one.
            raise TransientError(f"HTTP {status} from {url}")
        raise StatusError(status, response.headers.get("X-Error-Code", ""), url)


@contextmanager
def transient_faults(url: str) -> Iterator[None]:
    """Turn what a network does into TransientError, and what a setting does into FetchError."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise FetchError(
            f"{_public(url)}: the server's certificate is not trusted",
            "behind a proxy with a CA of its own, set NIX_SSL_CERT_FILE (or SSL_CERT_FILE) "
            "for nix-daemon",
        ) from error
    except requests.exceptions.InvalidURL as error:
        raise FetchError(f"{_public(url)} is not a URL") from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise TransientError(f"{_public(url)}: {_cause(error)}") from error


def _cause(error: BaseException) -> str:
    """Name the innermost reason: requests and urllib3 wrap it up to four deep."""
    inner: BaseException | None = error
    while inner is not None:
        error = inner
        causes = [getattr(error, "reason", None), *error.args]
        inner = next((cause for cause in causes if isinstance(cause, BaseException)), None)
    # Some repeat the address, and a signature with it.
    return re.sub(r"\?\S*", "", f"{type(error).__name__}: {error}").strip(": ")


def _public(url: str) -> str:
    """Cut the parts of an address that may hold a secret: user, password, query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _wait(response: requests.Response) -> float | None:
    """Read how many seconds to wait: `Retry-After`, or the Hub's `RateLimit: "api";r=0;t=42`."""
    after = response.headers.get("Retry-After", "")
    if after.isdigit():
        return float(after)
    reset = re.search(r"\br=0\b.*?\bt=(\d+)", response.headers.get("RateLimit", ""))
    return float(reset[1]) if reset else None
