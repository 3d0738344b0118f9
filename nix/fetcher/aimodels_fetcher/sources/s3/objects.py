"""What S3 says of objects: pages of a listing, and the headers of single ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from aimodels_fetcher import xml
from aimodels_fetcher.parts import UNKNOWN
from aimodels_fetcher.published import amazon_sha256
from aimodels_fetcher.sources.base import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ARCHIVES = {"GLACIER", "DEEP_ARCHIVE"}
_WANTED = (["Key"], ["Size"], ["ETag"])  # of a row


@dataclass(frozen=True)
class Page:
    """A page of a listing (ListObjectsV2).

    Attributes:
        files: A row for each object, without those by which tools show empty directories.
        prefixes: What the keys up to the delimiter have in common, where one was asked for.
        token: For the next page, None after the last.
    """

    files: tuple[RemoteFile, ...]
    prefixes: tuple[str, ...]
    token: str | None


def parse_page(body: bytes, prefix: str) -> Page:
    """Read a page of a listing; paths are the keys without `prefix`.

    Raises:
        ValueError: It is none.
    """
    rows: list[dict[str, str]] = []
    prefixes: list[str] = []
    settings: dict[str, str] = {}
    row: dict[str, str] = {}
    for (root, *inner), text in xml.elements(body):
        if root != "ListBucketResult":
            raise ValueError(root)
        if inner == ["Contents"]:
            rows.append(row)
            row = {}
        elif len(inner) == 1:
            settings[inner[0]] = text
        elif inner == ["CommonPrefixes", "Prefix"]:
            prefixes.append(text)
        elif inner[:1] == ["Contents"] and inner[1:] in _WANTED:
            row[inner[1]] = text
    decode = _unquoted if settings.get("EncodingType") == "url" else str
    token = settings.get("NextContinuationToken")
    truncated = settings.get("IsTruncated") == "true"
    if truncated and not token:
        raise ValueError("no token for the next page")
    files = (_remote_file(row, prefix, decode) for row in rows)
    return Page(
        tuple(file for file in files if file),
        tuple(map(decode, prefixes)),
        token if truncated else None,
    )


@dataclass(frozen=True)
class ObjectFacts:
    """What S3 says of one object (HeadObject).

    Attributes:
        size: Bytes, or None where it does not say.
        etag: Without its quotes, about which servers do not agree.
        sha256: Hex digest, where S3 has that of the whole object.
        version: Where the bucket keeps versions.
        archived: The storage class of an object that S3 describes, but will not give; else None.
    """

    size: int | None
    etag: str | None
    sha256: str | None
    version: str | None
    archived: str | None


def object_facts(headers: Mapping[str, str], *, elsewhere: bool = False) -> ObjectFacts:
    """Read the headers of an object.

    Args:
        headers: Their names are case-insensitive.
        elsewhere: Whether the bucket has redirected to another server, whose ETags are its own.
    """
    version = headers.get("x-amz-version-id") or None
    return ObjectFacts(
        size=parse_size(headers.get("Content-Length", "")),
        etag=None if elsewhere else plain_etag(headers.get("ETag")),
        sha256=amazon_sha256(headers),
        version=None if version == "null" else version,
        archived=_archived(headers),
    )


def plain_etag(text: str | None) -> str | None:
    """Return an ETag without its quotes, about which servers do not agree."""
    return (text or "").strip('"') or None


def _remote_file(
    row: Mapping[str, str], prefix: str, decode: Callable[[str], str]
) -> RemoteFile | None:
    """Read a row; None for the objects by which tools show empty directories."""
    key, size = decode(row.get("Key", "")), parse_size(row.get("Size", ""))
    if not key.startswith(prefix) or key == "" or size is None:
        raise ValueError(key)
    if key.endswith("/") and not size:
        return None
    return RemoteFile(key.removeprefix(prefix), size, etag=plain_etag(row.get("ETag")))


def parse_size(text: str) -> int | None:
    """Return a number of bytes, or None where it is not one that a file can have."""
    size = int(text) if re.fullmatch("[0-9]{1,19}", text) else UNKNOWN
    return size if size < UNKNOWN else None


def _unquoted(text: str) -> str:
    return unquote_plus(text, errors="strict")


def _archived(headers: Mapping[str, str]) -> str | None:
    status = headers.get("x-amz-archive-status")
    kind = status or headers.get("x-amz-storage-class")
    # Of one that is being restored it says `ongoing-request="true"`.
    restored = 'ongoing-request="false"' in headers.get("x-amz-restore", "")
    return kind if status or (kind in _ARCHIVES and not restored) else None
