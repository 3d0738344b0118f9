"""Checksums that servers and sums files publish."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HEX = re.compile(r"[0-9a-fA-F]{64}\Z")
_SHA256_BYTES = 32
# sha256sum's lines (coreutils' manual, "md5sum invocation"): digest, space, maybe a star, name; a
# backslash before all that says that the name has escapes.
_GNU = re.compile(r"(\\?)([0-9a-fA-F]{64})[ \t]+\*?(.+)\Z")
# Those of `sha256sum --tag`, and of the BSDs.
_TAGGED = re.compile(r"(\\?)SHA2?-?256 ?\((.+)\) ?= ([0-9a-fA-F]{64})\Z")
_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\\\": "\\"}
_ESCAPE = re.compile(r"\\[nr\\]")


def published(headers: Mapping[str, str]) -> str | None:
    """Return the sha256 in hex that an answer's headers give for the whole file.

    `Repr-Digest: sha-256=:<base64>:` (RFC 9530), `Digest: SHA-256=<base64>` (RFC 3230), or
    `X-Checksum-Sha256: <hex>` (Artifactory, and others after it). They are about the bytes as
    they are coded on the way; None where those are coded, and where the headers contradict
    each other.
    """
    if headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        return None
    found = {*_digests(headers.get("Repr-Digest", "")), *_digests(headers.get("Digest", ""))}
    plain = headers.get("X-Checksum-Sha256", "").strip()
    if _HEX.match(plain):
        found.add(plain.lower())
    return found.pop() if len(found) == 1 else None


def sums(text: str, file: str) -> dict[str, str]:
    """Return the sha256 in hex of each name in a sums file.

    A file with nothing but one digest, called `NAME.sha256`, is about NAME.

    Args:
        text: its content.
        file: its own name.
    """
    found: dict[str, str] = {}
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    for line in lines:
        if match := _GNU.match(line):
            escaped, digest, name = match.groups()
        elif match := _TAGGED.match(line):
            escaped, name, digest = match.groups()
        elif len(lines) == 1 and _HEX.match(line):
            escaped, digest, name = "", line, file.rpartition(".")[0]
        else:
            continue
        if escaped:
            name = _ESCAPE.sub(lambda escape: _ESCAPES[escape[0]], name)
        found[name.removeprefix("./")] = digest.lower()
    return found


def _digests(header: str) -> Iterator[str]:
    for item in header.split(","):
        algorithm, _, value = item.partition("=")
        if algorithm.strip().lower() == "sha-256":
            # RFC 9530 has byte sequences of structured fields, between colons.
            coded = value.partition(";")[0].strip().strip(":")
            try:
                digest = base64.b64decode(coded, validate=True)
            except binascii.Error:
                continue
            if len(digest) == _SHA256_BYTES:
                yield digest.hex()
