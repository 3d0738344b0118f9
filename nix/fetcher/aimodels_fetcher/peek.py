"""Asking for the beginning of a file: what the answer says of all of it, and its first bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import BEGINNING
from aimodels_fetcher.errors import StatusError, TransientError
from aimodels_fetcher.http_client import ResolvedUrl
from aimodels_fetcher.published import response_checksums
from aimodels_fetcher.retry import retrying
from aimodels_fetcher.urls import public

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_fetcher.http_client import HttpClient
    from aimodels_fetcher.published import Checksum
    from aimodels_fetcher.response import Response

# What servers answer to a range that they do not have, or do not like.
_NO_RANGES = frozenset({400, 403, 405, 406, 416, 500, 501})


@dataclass(frozen=True)
class Peek:
    """What a server says of a file, and how that begins.

    Attributes:
        size: Bytes, or None where the server does not say.
        headers: Of the answer; their names are case-insensitive.
        checksums: What the server publishes of the whole file.
        beginning: The first bytes: `BEGINNING` of them, or all.
    """

    size: int | None
    headers: Mapping[str, str]
    checksums: tuple[Checksum, ...]
    beginning: bytes


def peek(client: HttpClient, url: str) -> Peek:
    """Ask for the first bytes of a file, as builds ask for its content.

    HEAD requests would be cheaper. Many servers refuse them, or answer them with other headers.

    Raises:
        StatusError, FetchError: As `HttpClient.get`, after trying again where that is worth it.
    """
    resolved = ResolvedUrl(url)
    wanted: tuple[int, int] | None = (0, BEGINNING)

    def attempt() -> Peek:
        nonlocal wanted
        try:
            with client.get(resolved, wanted) as response:
                if not response.partial or response.start == 0:
                    return _peek(response)
        except (StatusError, TransientError) as error:
            if wanted is None or error.status not in _NO_RANGES:
                raise
        if wanted is None:
            raise TransientError(f"{public(url)} sent a range that was not asked for")
        wanted = None
        return attempt()

    return retrying(attempt, tries=lambda: client.tries, patience=client.patience)


def _peek(response: Response) -> Peek:
    beginning = bytearray()
    buffer = memoryview(bytearray(BEGINNING))
    while len(beginning) < BEGINNING and (count := response.readinto(buffer[len(beginning) :])):
        beginning += buffer[len(beginning) : len(beginning) + count]
    found = response_checksums(response)
    return Peek(response.total, response.headers, found, bytes(beginning))
