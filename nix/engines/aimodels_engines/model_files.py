"""The files of a model in the Nix store."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from aimodels_engines.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOB = re.compile(r"(?:\.\./)+blobs/([0-9a-f]{64})")
_WILDCARD = re.compile(r"[*?[]")
_READ_AT_ONCE = 1 << 20
_MOST_SHOWN = 5


class ModelFiles:
    """The files of a model, by their paths in it.

    Args:
        name: The model's name, for messages.
        directory: The snapshot of a cache entry, or a directory with the plain files.
    """

    def __init__(self, name: str, directory: str) -> None:
        self.name = name
        # The snapshot of a model without a commit is a link to a directory.
        self.directory = Path(os.path.realpath(directory))

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The paths of all files, sorted."""
        found = [
            str((Path(where) / file).relative_to(self.directory))
            for where, _, files in os.walk(self.directory)
            for file in files
        ]
        return tuple(sorted(found))

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.paths)

    def matching(self, pattern: str, option: str) -> tuple[str, ...]:
        """Return the paths that a pattern matches as huggingface_hub's `allow_patterns` do.

        `dir/` stands for all files below a directory, and `./` for all of the model.

        Raises:
            EngineError: There is none.
        """
        if pattern.endswith("/"):
            above = "" if pattern == "./" else pattern
            found = {path for path in self.paths if path.startswith(above)}
        else:
            found = {pattern} & self._known
            if not found or _WILDCARD.search(pattern):
                found |= {path for path in self.paths if fnmatch.fnmatchcase(path, pattern)}
        if not found:
            raise EngineError(
                f'model "{self.name}": {option}: no file matches "{pattern}"',
                f"use a pattern that matches files of the model: {some(self.paths)}",
            )
        return tuple(sorted(found))

    def file(self, path: str, option: str) -> str:
        """Return the path of a file, which must be there.

        Raises:
            EngineError: It is not.
        """
        if path not in self._known:
            raise EngineError(
                f'model "{self.name}": {option}: the model has no file "{path}"',
                f"write one of: {some(self._near(path))}",
            )
        return path

    def real(self, path: str) -> Path:
        """Return where the file itself is in the store."""
        return Path(os.path.realpath(self.directory / path))

    def sha256(self, path: str) -> str:
        """Return the checksum of a file: in a cache entry the name of its blob, else computed."""
        link = self.directory / path
        if link.is_symlink() and (blob := _BLOB.fullmatch(str(link.readlink()))):
            return blob[1]
        digest = hashlib.sha256()
        with link.open("rb") as file:
            while chunk := file.read(_READ_AT_ONCE):
                digest.update(chunk)
        return digest.hexdigest()

    def _near(self, path: str) -> tuple[str, ...]:
        wanted = PurePosixPath(path)
        others = tuple((each, PurePosixPath(each)) for each in self.paths)
        named = tuple(each for each, own in others if own.name.lower() == wanted.name.lower())
        alike = tuple(each for each, own in others if own.suffix == wanted.suffix)
        return named or alike or self.paths


def some(paths: Sequence[str]) -> str:
    """Return a few paths for a message, and how many more there are."""
    shown = ", ".join(f'"{path}"' for path in paths[:_MOST_SHOWN])
    more = len(paths) - _MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
