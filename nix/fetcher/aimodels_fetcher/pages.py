"""Listings that come in pages: one after the other, and to an end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.log import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aimodels_fetcher.sources.base import RemoteFile

MAX_PAGES = 2000
"""Pages of one listing; servers put 1,000 files into each."""

_INTERVAL = 5.0  # seconds between two lines of progress
_MOST_WITHOUT_FILES = 100  # pages in a row: directories have rows of their own
_HINT = "check the endpoint: the server, or a proxy, does not return a complete listing"


def files_of(
    first: str, read: Callable[[str], tuple[Sequence[RemoteFile], str | None]], label: str
) -> Iterator[RemoteFile]:
    """Yield the files of all pages of a listing; a page is asked for when its files are wanted.

    How many there are so far is reported every few seconds.

    Args:
        first: What names the first page: a URL, or a token.
        read: Returns the files of a page, and what names the next page or None.
        label: Of the source, for progress.

    Raises:
        FetchError: It has more than MAX_PAGES, or goes in a circle, or has no files for many pages.
    """
    page: str | None = first
    # Hashes: a server may make each of them long.
    pages: set[int] = set()
    beginnings: set[int] = set()
    without_files = count = 0
    reported = time.monotonic()
    while page is not None:
        if hash(page) in pages:
            raise FetchError(
                f"the listing goes in a circle: the page after page {len(pages)} has been read "
                "already",
                _HINT,
            )
        if len(pages) == MAX_PAGES:
            raise FetchError(f"the listing has more than {MAX_PAGES:,} pages", _HINT)
        pages.add(hash(page))
        files, page = read(page)
        without_files = 0 if files else without_files + 1
        if without_files > _MOST_WITHOUT_FILES and page is not None:
            raise FetchError(
                f"the listing does not end: {without_files} pages in a row have no files", _HINT
            )
        if files and hash(files[0].path) in beginnings:
            raise FetchError(
                f"the listing does not end: page {len(pages)} begins with {files[0].path!r}, as a "
                "page before it did",
                _HINT,
            )
        beginnings.update(hash(file.path) for file in files[:1])
        count += len(files)
        if page is not None and time.monotonic() - reported >= _INTERVAL:
            reported = time.monotonic()
            say(f"{label}: {count:,} files listed so far")
        yield from files
