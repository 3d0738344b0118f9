"""What may go wrong on the way to a server, sorted into what may pass and what will not."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aimodels_fetcher.errors import FetchError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

PROXY_LOGIN = 407
"""Status of a proxy that wants a password (RFC 9110, 15.5.8)."""

_PORTS = {"http": 80, "https": 443}
_SECRETS = re.compile(r"\?\S*|(?<=//)[^/\s@]*@")


def public(url: str) -> str:
    """Cut the parts of an address that may hold a secret: user, password, query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that nobody can read"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Give what makes one server: scheme, host and port (RFC 6454, 4).

    Raises:
        FetchError: The address has none.
    """
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError as error:
        raise FetchError(
            f"{public(url)} is no address: {error}", "check HF_ENDPOINT and the model's endpoint"
        ) from error


def sorted_fault(url: str, error: Exception, *, crowded: bool) -> FetchError | TransientError:
    """Give the error to raise for what a library raised when it was asked for `url`.

    Bad addresses and settings are ValueErrors for requests (its exceptions.py), and so are they
    here; certificates do not get better by waiting; everything else may pass.

    Args:
        url: What was asked for.
        error: From requests, urllib3, http.client or ssl.
        crowded: Whether fewer connections at once might help.
    """
    causes = list(_causes(error))
    reason = _SECRETS.sub("", f"{type(causes[-1]).__name__}: {causes[-1]}").strip(": ")
    if any(map(_distrusts, causes)):
        return FetchError(
            f"{public(url)}: the server's certificate is not trusted: {reason}",
            "behind a proxy with a CA of its own, point NIX_SSL_CERT_FILE (or SSL_CERT_FILE) of "
            "nix-daemon at a bundle that has it",
        )
    if isinstance(error, ValueError):
        return FetchError(
            f"{public(url)} cannot be asked for: {reason}",
            "check the address, and the proxy settings of nix-daemon",
        )
    if f"Tunnel connection failed: {PROXY_LOGIN}" in reason:
        return proxy_login(url)
    return TransientError(f"{public(url)}: {reason}", crowded=crowded)


def has_cause(error: Exception, kinds: tuple[type[Exception], ...]) -> bool:
    """Say whether it is of one of the kinds, or comes from one that is."""
    return any(isinstance(cause, kinds) for cause in _causes(error))


def proxy_login(url: str) -> FetchError:
    """Give the error to raise where a proxy wants to know who asks."""
    return FetchError(
        f"{public(url)}: HTTP {PROXY_LOGIN} from the proxy on the way, which wants a password",
        "write http://user:password@host:port into http_proxy and https_proxy of nix-daemon",
    )


def _distrusts(error: BaseException) -> bool:
    return (
        isinstance(error, ssl.SSLCertVerificationError)
        # urllib3 1 has a class of its own for names that do not match.
        or type(error).__name__ == "CertificateError"
        # Of a bundle without certificates, OpenSSL says it so.
        or "NO_CERTIFICATE_OR_CRL_FOUND" in str(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk to the innermost reason: requests and urllib3 wrap it up to four deep."""
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        causes = [getattr(inner, "reason", None), *inner.args]
        inner = next((cause for cause in causes if isinstance(cause, BaseException)), None)
