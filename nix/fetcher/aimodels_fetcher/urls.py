"""URLs: which may be used, what of them to show, and which server they belong to.

nix/urls.nix has the same rules for what may be stored.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from aimodels_fetcher.errors import FetchError

_PORTS = {"http": 80, "https": 443}
_SERVER = re.compile(r"https?://[^\s/@?#]+(?:/[^\s@?#]*)?\Z")
_FILE = re.compile(r"https?://[^\s/@?#]+/[^\s#]+\Z")
# What signs a request, or stands for a login.
_SECRET = re.compile(
    r"[^?]*\?(.*&)?(x-amz-(signature|credential|security-token)|x-goog-(signature|credential)"
    r"|signature|sig|([a-z]+[-_])?token|api[-_]?key|key|secret|password|auth|jwt)=",
    re.IGNORECASE,
)


def public(url: str) -> str:
    """Return a URL without the parts that may hold a secret: user, password, query, fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be parsed"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return what makes one server: scheme, host and port (RFC 6454, 4).

    Raises:
        FetchError: The URL is malformed.
    """
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError as error:
        raise FetchError(
            f"{public(url)} is not a valid address: {error}",
            "check HF_ENDPOINT and the model's endpoint",
        ) from error


def is_server(text: str) -> bool:
    """Return whether this is the http(s) URL of a server, without user, password or query."""
    return bool(_SERVER.match(text)) and _has_origin(text)


def is_file(text: str) -> bool:
    """Return whether this is the http(s) URL of a file, without user, password or fragment.

    It may have a query, but see `holds_secret`.
    """
    return bool(_FILE.match(text)) and _has_origin(text)


def holds_secret(url: str) -> bool:
    """Return whether the query has a parameter whose value nobody else may read."""
    return bool(_SECRET.match(url))


def _has_origin(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False  # the port is not a number, or the brackets hold no IPv6 address
