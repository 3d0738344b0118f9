"""What can go wrong on the way to a server: what may pass by itself, and what will not."""

from __future__ import annotations

import http.client
import re
from typing import TYPE_CHECKING

from aimodels_fetcher import xml
from aimodels_fetcher.environment import in_build, whose
from aimodels_fetcher.errors import FetchError, SettingError, StatusError, TransientError
from aimodels_fetcher.machine_errors import connection_hint
from aimodels_fetcher.redaction import redacted
from aimodels_fetcher.urls import public

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROXY_LOGIN = 407
"""Status of a proxy that requires a password (RFC 9110, 15.5.8)."""

_MAX_DETAIL = 300  # characters of a server's own words
# Whatever begins like a URL, or ends like a login.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[/\\]\S*|\S*@\S*|\?\S*")
_WORD = re.compile(r"[0-9A-Za-z.-]{1,64}")


def sorted_fault(url: str, error: Exception, *, crowded: bool) -> FetchError | TransientError:
    """Return the error to raise for what a library raised when it was asked for `url`.

    Bad URLs and settings are ValueErrors for requests (its exceptions.py); certificates do not get
    better by waiting; everything else may pass.

    Args:
        url: The URL of the request.
        error: From requests, urllib3, http.client or ssl.
        crowded: Whether fewer connections at once might help.
    """
    causes = list(_causes(error))
    reason = _reason(causes[-1])
    if any(map(_distrusts, causes)):
        variable = "NIX_SSL_CERT_FILE (or SSL_CERT_FILE)" if in_build() else "SSL_CERT_FILE"
        return SettingError(
            f"{public(url)}: the server's certificate is not trusted: {reason}",
            f"behind a proxy with a CA of its own, point {variable} at a bundle that has it"
            f"{whose()}",
        )
    if isinstance(error, ValueError):
        return FetchError(
            f"{public(url)} cannot be asked for: {reason}",
            f"check the address, and the proxy settings{whose()}",
        )
    if f"Tunnel connection failed: {PROXY_LOGIN}" in reason:
        return proxy_login(url)
    transient = TransientError(f"{public(url)}: {reason}", crowded=crowded)
    transient.hint = connection_hint(reason) or transient.hint
    return transient


def has_cause(error: Exception, kinds: tuple[type[Exception], ...]) -> bool:
    """Return whether an error is of one of the kinds, or comes from one that is."""
    return any(isinstance(cause, kinds) for cause in _causes(error))


def lasting_status(error: FetchError) -> int | None:
    """Return the HTTP status for which trying again was given up; None for another failure."""
    cause = error.__cause__
    return cause.status if isinstance(cause, TransientError) else None


def proxy_login(url: str) -> SettingError:
    """Return the error to raise where a proxy requires a password."""
    return SettingError(
        f"{public(url)}: HTTP {PROXY_LOGIN} from the proxy, which requires a password",
        f"write http://user:password@host:port into http_proxy and https_proxy{whose()}",
    )


def refusal(status: int, url: str, headers: Mapping[str, str], body: bytes = b"") -> StatusError:
    """Return the error for an answer that refuses, with what the server says about it.

    Args:
        status: HTTP status.
        url: Where the answer came from.
        headers: Of the answer.
        body: Of the answer, or its beginning.
    """
    details = _error_details(body)
    return StatusError(
        status,
        headers.get("X-Error-Code") or _word(details.get("Code")),
        public(url),
        _word(headers.get("x-amz-bucket-region")) or _word(details.get("Region")),
        _line(headers.get("X-Error-Message") or details.get("Message")),
    )


def _reason(error: BaseException) -> str:
    """Return what a library says, without the addresses in it and their parts.

    Of a bad address or setting nothing is left but the kind of error: the message quotes it.
    """
    kind = type(error).__name__
    quotes = isinstance(error, (ValueError, http.client.InvalidURL))
    if quotes and not _distrusts(error):
        return kind
    return f"{kind}: {_ADDRESS.sub(_shown, str(error))}".strip(": ")


def _shown(address: re.Match[str]) -> str:
    url = address[0].rstrip(")'\",.;:>")
    return "" if url.startswith("?") else public(url) + address[0][len(url) :]


def _distrusts(error: BaseException) -> bool:
    return (
        # The second is of urllib3 1, for names that do not match. Not by class: the Python that
        # assembles entries has no `ssl`.
        type(error).__name__ in {"SSLCertVerificationError", "CertificateError"}
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


def _error_details(body: bytes) -> dict[str, str]:
    """Read S3's `<Error><Code>NoSuchKey</Code>...`; nothing where it is none of that.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    if b"<Error" not in body:
        return {}
    try:
        return {path[1]: text for path, text in xml.elements(body) if path[:-1] == ("Error",)}
    except ValueError:
        return {}


def _word(text: str | None) -> str:
    """Return a code or a region, which end up in messages; an empty string for anything else."""
    return text if text and _WORD.fullmatch(text) else ""


def _line(text: str | None) -> str:
    # What is cut off would no longer be known for a secret.
    return redacted(" ".join((text or "").split()))[:_MAX_DETAIL]
