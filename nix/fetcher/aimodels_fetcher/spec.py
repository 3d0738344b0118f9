"""The JSON that says what to make: one dataclass a mode, and its reader.

Keys are spelled as in Nix, because the Nix library writes them with `builtins.toJSON`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.filters import Filters
from aimodels_fetcher.paths import check_path
from aimodels_fetcher.sources import sources_from

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_fetcher.sources.base import Source


@dataclass(frozen=True)
class _Spec:
    """What all modes have.

    Args:
        sources: Of the same content, in the order in which to ask them; at least one.
    """

    sources: tuple[Source, ...]

    @property
    def source(self) -> Source:
        """The one that messages and entries are named after."""
        return self.sources[0]


@dataclass(frozen=True)
class FileSpec(_Spec):
    """One file of a source, to be written flat to the output."""

    path: str
    hash: str
    size: int | None


@dataclass(frozen=True)
class TreeSpec(_Spec):
    """All files of a source that the patterns let through, to be fetched and laid out.

    Args:
        filters: The patterns.
        integration: Whether to lay out an entry of the cache; else plain files.
        hashes: Path -> SRI hash, of files whose content is known beforehand.
    """

    filters: Filters
    integration: bool
    hashes: dict[str, str]


@dataclass(frozen=True)
class StoreFile:
    """A file that is in the Nix store already."""

    store: str
    hash: str
    size: int | None
    lfs: bool


@dataclass(frozen=True)
class AssembleSpec(_Spec):
    """Files that are in the Nix store, to be laid out by copying or linking."""

    files: dict[str, StoreFile]
    integration: bool
    link: bool


Spec = FileSpec | TreeSpec | AssembleSpec


def read_spec(path: Path) -> Spec:
    """Read a spec from a JSON file.

    Raises:
        FetchError: The file cannot be read, or is not a spec.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return _parse(data)
    except OSError as error:
        raise FetchError(
            f"cannot read the spec {path}: {error.strerror}", "name the JSON file that Nix made"
        ) from error
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise FetchError(
            f"{path} is not a spec of this fetcher: {type(error).__name__}: {error}",
            "take nix/ and its fetcher from one release",
        ) from error


def _parse(data: dict[str, Any]) -> Spec:
    sources = sources_from(data["sources"])
    mode = data["mode"]
    if mode == "file":
        return FileSpec(sources, check_path(data["path"]), _sri(data["hash"]), data["size"])
    if mode == "tree":
        include, exclude = data["include"], data["exclude"]
        filters = Filters(None if include is None else tuple(include), tuple(exclude))
        hashes = {path: _sri(sri) for path, sri in data.get("hashes", {}).items()}
        return TreeSpec(sources, filters, data["integration"], hashes)
    if mode == "assemble":
        files = {
            check_path(path): StoreFile(f["store"], _sri(f["hash"]), f["size"], f["lfs"])
            for path, f in data["files"].items()
        }
        return AssembleSpec(sources, files, data["integration"], data["layout"] == "link")
    raise ValueError(f"mode {mode!r}")


def _sri(text: str) -> str:
    """Return an SRI hash of a sha256.

    Raises:
        FetchError: It is not one.
    """
    try:
        sri_to_hex(text)
    except ValueError as error:
        raise FetchError(str(error), "write it as sha256-<44 base64 characters>") from error
    return text
