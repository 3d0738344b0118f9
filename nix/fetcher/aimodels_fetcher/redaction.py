"""Secrets that this process knows, and texts without them: servers may repeat what we send."""

from __future__ import annotations

import base64
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

from aimodels_fetcher.urls import is_shown

if TYPE_CHECKING:
    from collections.abc import Iterator

MASK = "[redacted]"

_SHORTEST = 4  # characters; what is shorter is in most words
_SHORTEST_TO_REFUSE = 8  # `main` may be somebody's password, and is a branch
_VARIABLES = (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
)
# They hold URLs, and these may hold a login.
_WITH_LOGIN = re.compile(
    r"(?i:(https?|all|ftp|socks)_proxy)|HF_ENDPOINT|AWS_ENDPOINT_URL\w*"
    r"|AWS_EC2_METADATA_SERVICE_ENDPOINT|AWS_CONTAINER_CREDENTIALS_FULL_URI"
)
# A host alone, as proxies may be written.
_HOST = re.compile(r"[0-9A-Za-z._-]+(:[0-9]{1,5})?/?")

_learned: set[str] = set()


def learn(*secrets: str | None) -> None:
    """Remember secrets that are not in a variable; None and empty strings are none."""
    _learned.update(secret for secret in secrets if secret)


def redacted(text: str) -> str:
    """Return a text without the secrets that are known, however they are encoded in it.

    Upper and lower case count as the same: names of hosts and of encodings become lower case.
    """
    forms = sorted(_forms(_SHORTEST), key=len, reverse=True)
    return (
        re.sub("|".join(map(re.escape, forms)), MASK, text, flags=re.IGNORECASE) if forms else text
    )


def holds_secret(text: str) -> bool:
    """Return whether a text has a secret that is long enough to be there for no other reason."""
    lower = text.lower()
    return any(form.lower() in lower for form in _forms(_SHORTEST_TO_REFUSE))


def _forms(shortest: int) -> Iterator[str]:
    """Return what the secrets look like: as they are, in URLs, and in base64."""
    for secret in {*_learned, *_of_environment()}:
        if len(secret) >= shortest:
            coded = base64.b64encode(secret.encode("utf-8", "surrogateescape")).decode()
            quoted = (quote(secret, "", errors="replace"), quote_plus(secret, errors="replace"))
            yield from {secret, coded.rstrip("="), quote(secret, errors="replace"), *quoted}


def _of_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if name in _VARIABLES:
            yield value.strip()
        elif _WITH_LOGIN.fullmatch(name):
            for url in {value, *value.split()}:
                yield from _of_url(url)


def _of_url(url: str) -> Iterator[str]:
    """Return the login of a URL and its parts, also where a parser would take it for the host.

    The login is what Basic authentication encodes (RFC 7617, 2).
    """
    rest = re.sub(r"\A[A-Za-z][A-Za-z0-9+.-]*:[/\\]*", "", url)
    login, at, _ = rest.rpartition("@")
    if rest and not is_shown(url) and not _HOST.fullmatch(rest):
        yield url
    if at:
        password = login.partition(":")[2] or login
        for text in (login, password, *re.split(r"[/?#\\:@]", password)):
            yield from (text, unquote(text))
