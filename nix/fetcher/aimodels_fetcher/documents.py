"""Documents: what is read whole, because it is small, and parsed."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urljoin

from aimodels_fetcher.errors import FetchError, TransientError, UnexpectedAnswerError
from aimodels_fetcher.urls import public
from aimodels_fetcher.wording import bytes_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimodels_fetcher.response import Response

T = TypeVar("T")

_DOCUMENT_BYTES = 2 << 20  # a page of 1,000 rows has about 0.4 MB
_DOCUMENT_SECONDS = 120.0
_MOST_BRACKETS = 100_000  # of a JSON document
# One document at a time: some take twenty times their size while they are parsed.
_parsing = threading.Lock()
_LARGE_BYTES = 1 << 20  # of a document: one of them at a time is in memory
_large = threading.Lock()


@dataclass(frozen=True)
class Document(Generic[T]):
    """A parsed document.

    Attributes:
        content: What the parser made of it.
        next_page: URL of the next page of a listing, or None after the last.
        headers: Of the answer; their names are case-insensitive.
    """

    content: T
    next_page: str | None
    headers: Mapping[str, str]


def read_document(
    url: str, answer: Response, parse: Callable[[bytes], T], kind: str, most: int | None
) -> Document[T]:
    """Read an answer to its end, and parse it.

    Args:
        url: What was asked for.
        answer: Its body has not been read.
        parse: May raise ValueError or RecursionError for anything else.
        kind: What it parses, for messages.
        most: The bytes that it may have; None for 2 MiB.

    Raises:
        UnexpectedAnswerError: It is of another kind.
        TransientError: The connection broke.
        FetchError: It is too large, or comes too slowly.
    """
    with ExitStack() as stack:
        body = _whole(answer, most or _DOCUMENT_BYTES, stack)
        try:
            with _parsing:
                content = parse(body)
        except (ValueError, RecursionError) as error:
            raise UnexpectedAnswerError(
                f"{public(url)} did not answer with {kind}, but with {answer.type}"
            ) from error
    following = urljoin(url, answer.next_page) if answer.next_page else None
    return Document(content, following, answer.headers)


def _whole(answer: Response, most: int, stack: ExitStack) -> bytes:
    """Read a document, which may neither be large nor take long: people wait for it.

    If it is larger than most, it has `_large` until the end of `stack`.
    """
    body = bytearray()
    buffer = memoryview(bytearray(1 << 16))
    start = time.monotonic()
    while count := answer.readinto(buffer):
        if len(body) <= _LARGE_BYTES < len(body) + count:
            asked = time.monotonic()
            stack.enter_context(_large)
            start += time.monotonic() - asked  # which is not the server's time
        body += buffer[:count]
        if len(body) > most:
            raise FetchError(
                f"{answer.url} is too large for what it should be: over {bytes_text(most)}",
                "check the address",
            )
        if time.monotonic() - start > _DOCUMENT_SECONDS:
            raise FetchError(
                f"{answer.url} is too slow: {bytes_text(len(body))} in {_DOCUMENT_SECONDS:.0f} s",
                "try again later, or from a faster network",
            )
    if answer.ended_early:
        raise TransientError(f"{answer.url}: the connection ended early")
    return bytes(body)


def parse_json(body: bytes) -> Any:  # noqa: ANN401 (whatever JSON has)
    """Parse JSON that is not mostly brackets: each takes 100 times the memory of its byte.

    Raises:
        ValueError, RecursionError: It is none.
    """
    if body.count(b"[") + body.count(b"{") > _MOST_BRACKETS:
        raise ValueError("brackets")
    return json.loads(body)
