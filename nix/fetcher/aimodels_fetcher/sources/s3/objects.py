"""What S3 says of objects: pages of a listing, and the headers of single ones."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from aimodels_fetcher import xml
from aimodels_fetcher.parts import UNKNOWN
from aimodels_fetcher.sources.base import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

_SHA256_BYTES = 32
# The ETag of what was uploaded in parts: its checksum may be one of the parts' checksums.
_OF_PARTS = re.compile(r"[0-9a-f]{32}-[0-9]+\Z")
_ARCHIVES = {"GLACIER", "DEEP_ARCHIVE"}


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
    root = xml.parse(body)
    if root.tag != "ListBucketResult":
        raise ValueError(root.tag)
    encoded = root.findtext("EncodingType") == "url"
    files = tuple(_row(row, prefix, encoded=encoded) for row in root.iter("Contents"))
    prefixes = tuple(
        _decoded(row.findtext("Prefix") or "", encoded=encoded)
        for row in root.iter("CommonPrefixes")
    )
    truncated = root.findtext("IsTruncated") == "true"
    token = root.findtext("NextContinuationToken") if truncated else None
    if truncated and not token:
        raise ValueError("no token for the next page")
    return Page(tuple(file for file in files if file), prefixes, token)


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


def object_facts(headers: Mapping[str, str]) -> ObjectFacts:
    """Read the headers of an object."""
    length = headers.get("Content-Length", "")
    version = headers.get("x-amz-version-id") or None
    return ObjectFacts(
        size=int(length) if length.isascii() and length.isdigit() else None,
        etag=plain_etag(headers.get("ETag")),
        sha256=_checksum(headers),
        version=None if version == "null" else version,
        archived=_archived(headers),
    )


def plain_etag(text: str | None) -> str | None:
    """Return an ETag without its quotes, about which servers do not agree."""
    return (text or "").strip('"') or None


def _row(row: Element, prefix: str, *, encoded: bool) -> RemoteFile | None:
    """Read a row; None for the objects by which tools show empty directories."""
    key, size = (
        _decoded(row.findtext("Key") or "", encoded=encoded),
        int(row.findtext("Size") or ""),
    )
    if not key.startswith(prefix) or not 0 <= size < UNKNOWN:
        raise ValueError(key)
    if key.endswith("/") and not size:
        return None
    return RemoteFile(key.removeprefix(prefix), size, etag=plain_etag(row.findtext("ETag")))


def _decoded(text: str, *, encoded: bool) -> str:
    return unquote_plus(text, errors="strict") if encoded else text


def _checksum(headers: Mapping[str, str]) -> str | None:
    """Return the sha256 in hex that S3 has of the whole object, None where it has none.

    For multipart uploads S3 stores a checksum of the part checksums (COMPOSITE), which Amazon
    writes as `<base64>-<parts>`, and other servers like one of the whole:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    kind = headers.get("x-amz-checksum-type", "").upper()
    of_parts = _OF_PARTS.match(plain_etag(headers.get("ETag")) or "")
    whole = kind == "FULL_OBJECT" or (not kind and not of_parts)
    try:
        digest = base64.b64decode(headers.get("x-amz-checksum-sha256", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if whole and len(digest) == _SHA256_BYTES else None


def _archived(headers: Mapping[str, str]) -> str | None:
    status = headers.get("x-amz-archive-status")
    kind = status or headers.get("x-amz-storage-class")
    # Of one that is being restored it says `ongoing-request="true"`.
    restored = 'ongoing-request="false"' in headers.get("x-amz-restore", "")
    return kind if status or (kind in _ARCHIVES and not restored) else None
