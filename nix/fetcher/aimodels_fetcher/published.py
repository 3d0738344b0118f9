"""Checksums that servers publish in headers, for the files that they send."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_fetcher.crc import SLOW
from aimodels_fetcher.digests import new_hash

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from aimodels_fetcher.response import Response

# The names that `new_hash` knows, and the number of hex digits.
_DIGITS = {
    "sha256": 64,
    "sha512": 128,
    "sha1": 40,
    "md5": 32,
    "crc32": 8,
    "crc32c": 8,
    "crc64nvme": 16,
}
_AMAZON = ("sha256", "sha1", "crc32", "crc32c", "crc64nvme")
# Registered names (RFC 9530, 5; RFC 5843 for `Digest`).
_REGISTERED = {
    "sha-256": "sha256",
    "sha-512": "sha512",
    "sha": "sha1",
    "md5": "md5",
    "crc32c": "crc32c",
}
# Headers with hex digits: of Artifactory and others after it, of the Hub for LFS files (of other
# files it is a git id, which is shorter), of Backblaze. They are sent with redirects, too.
_HEX_HEADERS = {
    "X-Checksum-Sha256": "sha256",
    "X-Checksum-Sha512": "sha512",
    "X-Checksum-Sha1": "sha1",
    "X-Checksum-Md5": "md5",
    "X-Linked-ETag": "sha256",
    "X-Bz-Content-Sha1": "sha1",
}
_NAMES = {
    *map(str.lower, _HEX_HEADERS),
    *("repr-digest", "digest", "content-digest", "content-md5"),
    *("x-goog-hash", "x-ms-blob-content-md5", *(f"x-amz-checksum-{name}" for name in _AMAZON)),
}
_MULTIPART_ETAG = re.compile(r"[0-9a-f]{32}-[0-9]+\Z")


@dataclass(frozen=True)
class Checksum:
    """What a header says of a file.

    Attributes:
        header: Its name.
        algorithm: As `new_hash` names it.
        digest: In lower-case hex.
    """

    header: str
    algorithm: str
    digest: str


def checksums(
    headers: Mapping[str, str], *, partial: bool = False, redirects: bool = False
) -> tuple[Checksum, ...]:
    """Return what the headers of an answer say of the whole file.

    `Repr-Digest` and `Content-Digest` (RFC 9530), `Digest` (RFC 3230), `Content-MD5` (RFC 1864),
    `X-Checksum-*` (Artifactory), `X-Linked-ETag` (the Hub), `x-amz-checksum-*` (S3), `x-goog-hash`
    (Google Cloud Storage), `x-ms-blob-content-md5` (Azure), `X-Bz-Content-Sha1` (Backblaze). A bare
    `ETag` is none: that of the Hub's CDN looks like a sha256, and is another hash.

    Nothing is returned for content that is coded on the way, since they are about the coded bytes.

    Args:
        headers: Their names are case-insensitive.
        partial: Whether the answer has a part of the file: some headers are about that part then.
        redirects: Whether the answer redirects. What the RFCs define is then about its own body;
            if it has none, it can only mean the file.
    """
    if _NAMES.isdisjoint(map(str.lower, headers)) or _coded(headers):
        return ()
    found = [*_hex_headers(headers)]
    if not redirects or headers.get("Content-Length") == "0":
        found += [*_fields(headers, "Repr-Digest"), *_fields(headers, "Digest")]
        if not partial:
            found += [*_fields(headers, "Content-Digest"), *_content_md5(headers, "Content-MD5")]
    if not redirects:
        found += [*_fields(headers, "x-goog-hash"), *_content_md5(headers, "x-ms-blob-content-md5")]
        if not partial:
            found += _amazon(headers)
    if redirects:
        empty = {new_hash(name).hexdigest() for name in _DIGITS}
        found = [one for one in found if one.digest not in empty]
    return tuple(dict.fromkeys(found))


def response_checksums(response: Response) -> tuple[Checksum, ...]:
    """Return what an answer, and the redirects that led to it, say of the whole file."""
    found = checksums(response.headers, partial=response.partial)
    for headers in response.redirects:
        found += checksums(headers, redirects=True)
    return found


def part_checksums(headers: Mapping[str, str]) -> tuple[Checksum, ...]:
    """Return what `Content-Digest` says of the bytes of an answer that has a part of a file."""
    if _coded(headers):
        return ()
    return tuple(one for one in _fields(headers, "Content-Digest") if one.algorithm not in SLOW)


def amazon_sha256(headers: Mapping[str, str]) -> str | None:
    """Return the sha256 in hex that S3 has of the whole object, None where it has none."""
    return agreed_sha256(_amazon(headers))


def agreed_sha256(found: Iterable[Checksum]) -> str | None:
    """Return the sha256 in hex that checksums agree on; None where there is none."""
    sha256 = {one.digest for one in found if one.algorithm == "sha256"}
    return sha256.pop() if len(sha256) == 1 else None


def other_algorithms(found: Iterable[Checksum]) -> Collection[str]:
    """Return the algorithms beside sha256 that are needed to compare content with checksums.

    Slow ones are needed where there are no others: they find less.
    """
    algorithms = {one.algorithm for one in found}
    return (algorithms - {*SLOW} or algorithms) - {"sha256"}


def text(algorithm: str, digest: str) -> str:
    """Return a digest in hex as messages show it: `sha256-<base64>`, as everywhere in Nix."""
    return f"{algorithm}-{base64.b64encode(bytes.fromhex(digest)).decode()}"


def _coded(headers: Mapping[str, str]) -> bool:
    """Return whether the body, or what is stored, is coded: which of them is meant is not known.

    Google Cloud Storage decodes what is stored coded, and sends the checksum of what is stored
    (https://cloud.google.com/storage/docs/transcoding).
    """
    return any(
        headers.get(name, "identity").strip().lower() not in {"", "identity"}
        for name in ("Content-Encoding", "x-goog-stored-content-encoding")
    )


def _hex_headers(headers: Mapping[str, str]) -> Iterator[Checksum]:
    for name, algorithm in _HEX_HEADERS.items():
        for value in headers.get(name, "").split(","):
            digest = value.strip().strip('"').lower()
            if re.fullmatch(f"[0-9a-f]{{{_DIGITS[algorithm]}}}", digest):
                yield Checksum(name, algorithm, digest)


def _amazon(headers: Mapping[str, str]) -> Iterator[Checksum]:
    """Yield the checksums that S3 has of the whole object.

    For multipart uploads S3 stores a checksum of the part checksums (COMPOSITE), which Amazon
    writes as `<base64>-<parts>`, and other servers like one of the whole:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    kind = headers.get("x-amz-checksum-type", "").upper()
    of_parts = _MULTIPART_ETAG.match(headers.get("ETag", "").strip('"'))
    if kind != "FULL_OBJECT" and (kind or of_parts):
        return
    for algorithm in _AMAZON:
        name = f"x-amz-checksum-{algorithm}"
        if digest := _hex(algorithm, headers.get(name, "")):
            yield Checksum(name, algorithm, digest)


def _fields(headers: Mapping[str, str], name: str) -> Iterator[Checksum]:
    for item in headers.get(name, "").split(","):
        key, _, value = item.partition("=")
        algorithm = _REGISTERED.get(key.strip().lower())
        # RFC 9530 has byte sequences of structured fields, between colons.
        coded = value.partition(";")[0].strip().strip(":")
        if algorithm and (digest := _hex(algorithm, coded)):
            yield Checksum(name, algorithm, digest)


def _content_md5(headers: Mapping[str, str], name: str) -> Iterator[Checksum]:
    if digest := _hex("md5", headers.get(name, "").strip()):
        yield Checksum(name, "md5", digest)


def _hex(algorithm: str, coded: str) -> str | None:
    """Return a digest of base64 in hex; None where it is none of this algorithm."""
    try:
        digest = base64.b64decode(coded, validate=True).hex()
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == _DIGITS[algorithm] else None
