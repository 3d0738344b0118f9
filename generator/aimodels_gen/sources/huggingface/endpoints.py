"""Addresses of Hubs and their mirrors, and which of them may see the token."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_fetcher.urls import is_server, origin, public
from aimodels_gen.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HUB = "https://huggingface.co"
_VARIABLE = "HF_ENDPOINT"


@dataclass(frozen=True)
class Endpoint:
    """A server that has repositories.

    Attributes:
        url: its address, without a trailing slash.
        trusted: whether it may see the token.
    """

    url: str
    trusted: bool


def endpoints(urls: Iterable[str]) -> tuple[Endpoint, ...]:
    """Return the endpoints at these addresses, each once.

    The token is for the Hub itself, or else for the first: any other is a mirror, which anybody
    may run.
    """
    distinct = list(dict.fromkeys(url.rstrip("/") for url in urls))
    hubs = (url for url in distinct if origin(url) == origin(_HUB))
    trusted = next(hubs, distinct[0])
    return tuple(Endpoint(url, url == trusted) for url in distinct)


def trusted(among: Iterable[Endpoint]) -> Endpoint:
    """Return the one of `endpoints` that may see the token."""
    return next(endpoint for endpoint in among if endpoint.trusted)


def of_the_environment() -> tuple[Endpoint, ...]:
    """Return those of HF_ENDPOINT, which white space separates; the Hub where it is not set.

    Raises:
        SourceError: the variable names something else than servers.
    """
    given = os.environ.get(_VARIABLE, "").split() or [_HUB]
    if not all(is_server(public(url)) for url in given):
        raise SourceError(
            f"{_VARIABLE} holds something else than http(s) addresses of servers",
            "write addresses like https://hub.example.org, separated by spaces, or unset it",
        )
    return endpoints(given)


@contextmanager
def only(endpoint: Endpoint) -> Iterator[None]:
    """Make HF_ENDPOINT one address for a while.

    huggingface_hub reads it when it is imported, takes the whole of it for one, and sends there
    what it renews tokens with.
    """
    given = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = endpoint.url
    try:
        yield
    finally:
        if given is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = given
