"""Store names and store paths, as nix/names.nix and Nix make them."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Literal

from aimodels_fetcher.digests import sri_to_hex
from aimodels_gen.nix.hashes import nix_base32

if TYPE_CHECKING:
    from collections.abc import Mapping

_BAD = re.compile(rb"[^0-9a-zA-Z+._?=-]+")
# Nix refuses names over 211 bytes; 207 leaves room for ".drv".
_LONGEST = 207
# At the end of a text; a regular expression on a much longer one would make Nix crash.
_MOST_READ = 4096
_TREE_SUFFIX = len("-0123456")
STORE_DIR = "/nix/store"
BUNDLE = "bundle"
"""The store name of every bundle: equal ones are one path, of whatever model they are."""


def sanitize(text: str, longest: int = _LONGEST) -> str:
    """Return `text` as a store name: bad characters become dashes, leading dots go.

    Works on UTF-8 bytes, as Nix does: one dash stands for each maximal run of bad bytes.
    Names over `longest` bytes keep their end, where file names carry their extension. A name that
    ends in `.drv` ends in `-drv` instead: Nix refuses derivations of such names.
    """
    read = text.encode("utf-8")[-_MOST_READ:]
    name = _BAD.sub(b"-", read).decode("ascii").lstrip(".")
    if name.endswith(".drv"):
        name = f"{name[:-4]}-drv"
    if len(name) > longest:
        name = name[-longest:].lstrip(".")
    return name or "unknown"


def file_name(path: str) -> str:
    """Return the store name of one file of a `files` pin: free of model and revision."""
    return sanitize(path.rsplit("/", 1)[-1])


def tree_name(name: str, identity: Mapping[str, Any]) -> str:
    """Return the store name of a `tree` pin: the model's name and 7 hex of its source's identity.

    `identity` is what decides the content (repo, rev, filters, …; not the endpoint). It is hashed
    as `builtins.toJSON` writes it: compact, keys sorted, non-ASCII characters as they are.
    """
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # What names.nix does for Nix 2.8, which writes these characters in another way.
    text = text.replace("\\u0008", "\\b").replace("\\u000c", "\\f")
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return f"{sanitize(name, _LONGEST - _TREE_SUFFIX)}-{digest[:7]}"


def store_path(
    kind: Literal["flat", "recursive"], sri: str, name: str, store_dir: str = STORE_DIR
) -> str:
    """Return the store path of a fixed output with no references.

    The rules are those of `makeFixedOutputPath` in Nix: a recursive sha256 is a "source" path, a
    flat one an "output" path of a digest of the digest.

    Raises:
        ValueError: `sri` is not an SRI sha256.
    """
    digest = bytes.fromhex(sri_to_hex(sri))
    if kind == "flat":
        digest = hashlib.sha256(f"fixed:out:sha256:{digest.hex()}:".encode()).digest()
        kind_tag = "output:out"
    else:
        kind_tag = "source"
    fingerprint = f"{kind_tag}:sha256:{digest.hex()}:{store_dir}:{name}"
    hashed = hashlib.sha256(fingerprint.encode()).digest()
    return f"{store_dir}/{nix_base32(_fold(hashed, 20))}-{name}"


def _fold(digest: bytes, size: int) -> bytes:
    """Fold a digest to `size` bytes by exclusive or (`compressHash` in Nix)."""
    folded = 0
    for start in range(0, len(digest), size):
        folded ^= int.from_bytes(digest[start : start + size], "little")
    return folded.to_bytes(size, "little")
