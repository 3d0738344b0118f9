"""The JSON that says what to make: one dataclass a mode, and its reader.

Keys are spelled as in Nix, because the Nix library writes them with `builtins.toJSON`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.paths import check_repo_path
from aimodels_fetcher.sources import Source, source_from

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class FileSpec:
    """One file of a source, to be written flat to the output."""

    source: Source
    path: str
    hash: str
    size: int | None


@dataclass(frozen=True)
class TreeSpec:
    """All files of a source that the patterns let through, to be fetched and laid out."""

    source: Source
    include: list[str] | None
    exclude: list[str]
    integration: bool


@dataclass(frozen=True)
class StoreFile:
    """A file that is in the Nix store already."""

    store: str
    hash: str
    size: int | None
    lfs: bool


@dataclass(frozen=True)
class AssembleSpec:
    """Files that are in the Nix store, to be laid out by copying or linking."""

    source: Source
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
        raise FetchError(f"cannot read the spec {path}: {error.strerror}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FetchError(
            f"{path} is not a spec of this fetcher: {type(error).__name__}: {error}",
            "take nix/ and its fetcher from one release",
        ) from error


def _parse(data: dict[str, Any]) -> Spec:
    source = source_from(data["source"])
    mode = data["mode"]
    if mode == "file":
        return FileSpec(source, check_repo_path(data["path"]), data["hash"], data["size"])
    if mode == "tree":
        return TreeSpec(source, data["include"], data["exclude"], data["integration"])
    if mode == "assemble":
        files = {
            check_repo_path(path): StoreFile(f["store"], f["hash"], f["size"], f["lfs"])
            for path, f in data["files"].items()
        }
        return AssembleSpec(source, files, data["integration"], data["layout"] == "link")
    raise ValueError(f"mode {mode!r}")
