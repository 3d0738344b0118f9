"""Addresses: which may stand in a lock and in the store, what to show of them, whose they are.

nix/urls.nix has the same rules.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_ADDRESS = re.compile(r"https?://[^\s/@?#]+(?:/[^\s@?#]*)?\Z")
_FILE = re.compile(r"https?://[^\s/@?#]+/[^\s#]+\Z")
# What signs a request, or stands for a login.
_SECRET = re.compile(
    r"[^?]*\?(.*&)?(x-amz-(signature|credential|security-token)|x-goog-(signature|credential)"
    r"|signature|sig|([a-z]+[-_])?token|api[-_]?key|key|secret|password|auth|jwt)=",
    re.IGNORECASE,
)


def is_address(text: str) -> bool:
    """Return whether `text` is the http(s) address of a server, without user, password or query."""
    return bool(_ADDRESS.match(text)) and _can_be_asked(text)


def is_file(text: str) -> bool:
    """Return whether `text` is the http(s) address of a file, without user, password or fragment.

    It may have a query, but see `holds_secret`.
    """
    return bool(_FILE.match(text)) and _can_be_asked(text)


def holds_secret(url: str) -> bool:
    """Return whether a query has a parameter whose value must be nobody's to read."""
    return bool(_SECRET.match(url))


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, with the scheme's own port spelt out."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def public(url: str) -> str:
    """Return a URL without user, password and query, for messages."""
    scheme, slashes, rest = url.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return scheme + slashes + host.rpartition("@")[2] + slash + path


def _can_be_asked(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False  # no port, or no IPv6 address in the brackets
