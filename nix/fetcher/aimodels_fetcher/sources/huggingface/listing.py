"""Pages of the Hub's listings: their rows, and where the next page is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.json_parts import elements, members
from aimodels_fetcher.parts import UNKNOWN
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.urls import public
from aimodels_fetcher.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What comes of documents that are not a Hub's."""

SHA1 = "[0-9a-f]{40}"
_SHA256 = "[0-9a-f]{64}"
_ELSEWHERE = "a mirror or a proxy is wrong: try another endpoint, or report it to whoever runs it"


def odd_answer(location: str) -> FetchError:
    """Return the error for a document that no Hub sends; raise it from what came of that."""
    return FetchError(
        f"{location} does not answer like a Hub", "check HF_ENDPOINT and the model's endpoint"
    )


def read_commit(body: bytes) -> str:
    """Return the commit in what the Hub knows of a revision.

    Raises:
        TypeError, ValueError, RecursionError: As `members`.
        LookupError: There is none.
    """
    commit = members(body, ["sha"]).get("sha")
    if not isinstance(commit, str) or not re.fullmatch(SHA1, commit):
        raise LookupError(f"{commit!r} is not a commit")
    return commit


def check_commit(headers: Mapping[str, str], commit: str, location: str) -> None:
    """Refuse a page of another commit than was asked for, where the answer names one.

    Raises:
        FetchError: It is of another one.
    """
    named = headers.get("X-Repo-Commit", commit)
    if named != commit and re.fullmatch(SHA1, named):
        raise FetchError(
            f"{location} was asked for commit {commit}, and lists the files of {named}", _ELSEWHERE
        )


def read_page(body: bytes, location: str) -> list[RemoteFile]:
    """Return the files of a page; directories have rows of their own.

    Rows are `{type, path, size, oid, lfs?: {oid, size, pointerSize}}`. The outer `oid` is git's id
    of the content, or of the pointer where there is `lfs` (huggingface_hub's `RepoFile`).

    Args:
        body: The document.
        location: Of the Hub, for messages.

    Raises:
        TypeError, ValueError, RecursionError: As `elements`.
        FetchError: The rows are not those of a Hub, or contradict themselves.
    """
    rows = (_file_of(row, location) for row in elements(body))
    return [file for file in rows if file is not None]


def next_page(link: str, endpoint: str, api: str, location: str) -> str:
    """Return the URL of the next page at the endpoint that was asked, wherever the link leads.

    Mirrors pass on the Hub's own links. Of a link, only path and query count, and of the path what
    follows the root of the API: the endpoint may have a path of its own before it.

    Args:
        link: An absolute URL.
        endpoint: Base URL without a trailing slash.
        api: Root of the API, such as `/api/models/`.
        location: Of the Hub, for messages.

    Raises:
        FetchError: It does not lead to an API of the Hub.
    """
    parts = urlsplit(link)
    prefix = urlsplit(endpoint).path
    start = len(prefix) if parts.path.startswith(prefix + api) else parts.path.find(api)
    if start < 0 or parts.scheme not in {"http", "https"}:
        raise FetchError(
            f"{location} names {public(link)} as the next page, but that is not a listing",
            _ELSEWHERE,
        )
    return f"{endpoint}{parts.path[start:]}{'?' if parts.query else ''}{parts.query}"


def _file_of(row: Mapping[str, Any], location: str) -> RemoteFile | None:
    try:
        return _remote_file(row, location) if row["type"] == "file" else None
    except ODD as error:
        raise odd_answer(location) from error


def _remote_file(row: Mapping[str, Any], location: str) -> RemoteFile:
    path = _checked("(?s).*", row["path"])
    lfs = row.get("lfs")
    if not lfs:
        return RemoteFile(path, _size(row["size"]), git_blob_id=_checked(SHA1, row["oid"]))
    size, sha256 = _size(lfs["size"]), _checked(_SHA256, lfs["oid"])
    # Git's id beside it is that of the pointer, which is not fetched, and which mirrors make up.
    if row.get("size", size) not in {size, lfs.get("pointerSize")}:
        raise FetchError(
            f"{location} contradicts itself about {path!r}: it lists {row['size']!r} bytes, and an "
            f"LFS file of {counted(size, 'byte')}",
            _ELSEWHERE,
        )
    return RemoteFile(path, size, sha256, lfs=True)


def _checked(pattern: str, text: object) -> str:
    # It becomes the name of a file or a directory.
    if not isinstance(text, str) or not re.fullmatch(pattern, text):
        raise ValueError(text)
    return text


def _size(size: object) -> int:
    if type(size) is not int or not 0 <= size < UNKNOWN:
        raise ValueError(size)
    return size
