"""What a binary cache says of a store path: its `.narinfo` (Nix: src/libstore/nar-info.cc)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_BYTES = 1 << 20
"""Longer ones are refused: what refers to ten thousand paths takes half of it."""

_PART = re.compile(r"[0-9a-z]{32}-[0-9a-zA-Z+._?=-]{1,211}")
_KEYS = {
    "StorePath": "path",
    "URL": "url",
    "Compression": "compression",
    "FileHash": "file_hash",
    "FileSize": "file_size",
    "NarHash": "nar_hash",
    "NarSize": "nar_size",
    "References": "references",
    "Deriver": "deriver",
    "CA": "ca",
}
_NUMBERS = ("file_size", "nar_size")
_REQUIRED = ("StorePath", "URL", "NarHash", "NarSize")
_SHOWN = 60  # characters of what is refused


@dataclass(frozen=True)
class NarInfo:
    """A store path in a binary cache.

    Attributes:
        path: The store path.
        url: Where its archive is, relative to the cache.
        compression: Of the archive: `none`, `xz`, `zstd` and others.
        nar_hash: Of the archive without compression, `sha256:` and 52 digits in Nix's base-32.
        nar_size: Its bytes.
        file_hash: Of the archive as the cache has it; None where that is not said.
        file_size: Its bytes.
        references: Base names of the store paths that it refers to.
        deriver: Base name of the derivation that built it.
        signatures: Each `KEY:BASE64`.
        ca: How its path follows from its content, as `fixed:sha256:…`; None for what was built.
    """

    path: str
    url: str
    nar_hash: str
    nar_size: int
    compression: str = "none"
    file_hash: str | None = None
    file_size: int | None = None
    references: Sequence[str] = ()
    deriver: str | None = None
    signatures: Sequence[str] = ()
    ca: str | None = None

    def text(self) -> str:
        """Return the `.narinfo`, as Nix writes it."""
        lines = [f"StorePath: {self.path}", f"URL: {self.url}", f"Compression: {self.compression}"]
        lines += [f"FileHash: {self.file_hash}"] if self.file_hash else []
        lines += [f"FileSize: {self.file_size}"] if self.file_size is not None else []
        lines += [f"NarHash: {self.nar_hash}", f"NarSize: {self.nar_size}"]
        lines.append(f"References: {' '.join(self.references)}")
        lines += [f"Deriver: {self.deriver}"] if self.deriver else []
        lines += [f"Sig: {signature}" for signature in self.signatures]
        lines += [f"CA: {self.ca}"] if self.ca else []
        return "".join(f"{line}\n" for line in lines)


def name_of(path: str) -> str:
    """Return the name of the `.narinfo` of a store path."""
    return f"{path.rpartition('/')[2][:32]}.narinfo"


def parse(text: str, label: str) -> NarInfo:
    """Read a `.narinfo`. Keys that we do not know are left out, as Nix does.

    Args:
        text: Its content.
        label: Where it is from, for messages, without secrets.

    Raises:
        FetchError: It is not one.
    """
    try:
        return _parse([line.partition(":") for line in text.splitlines()])
    except ValueError as error:
        raise FetchError(
            f"{label} is not the .narinfo of a store path: {error}",
            "check that the URL is that of a binary cache, and that no proxy alters its answers",
        ) from error


def _parse(lines: Sequence[tuple[str, str, str]]) -> NarInfo:
    found: dict[str, str] = {}
    for key, separator, value in lines:
        if not separator:
            raise ValueError(f"{key[:_SHOWN]!r} is not a line of one")
        if key in _KEYS and found.setdefault(key, value.strip()) != value.strip():
            raise ValueError(f"it has {key} twice")
    for key in _REQUIRED:
        if not found.get(key):
            raise ValueError(f"it lacks {key}")
    references = tuple(found.pop("References", "").split())
    for part in (found["StorePath"].rpartition("/")[2], *references):
        if not _PART.fullmatch(part):
            raise ValueError(f"{part[:_SHOWN]!r} is not the name of a store path")
    # What Nix takes it for where the line is absent.
    values: dict[str, Any] = {"compression": "bzip2"}
    values |= {_KEYS[key]: value for key, value in found.items() if value}
    values |= {name: _number(values[name]) for name in _NUMBERS if name in values}
    signatures = tuple(value.strip() for key, _, value in lines if key == "Sig")
    return NarInfo(**values, references=references, signatures=signatures)


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError(f"{text[:_SHOWN]!r} is not a number of bytes")
    return int(text)
