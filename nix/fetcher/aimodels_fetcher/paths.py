"""Paths inside a repository: which are safe to create, and which a filter lets through."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from aimodels_fetcher.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


HOSTILE = "the listing is hostile or damaged: tell the owner of the repository"
"""The next step where a listing cannot be right."""


def check_repo_path(path: str) -> str:
    """Return `path` if a file of that name stays inside the folder it is created in.

    Everything that a file system can name is let through: spaces, quotes, newlines, any script.

    Raises:
        FetchError: It is absolute or empty, has `..`, `.`, an empty part or a NUL, or is no text.
    """
    if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise FetchError(f"the path {path!r} would leave the output", HOSTILE)
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise FetchError(f"the path {path!r} is no text", HOSTILE) from error
    return path


def select(
    paths: Iterable[str], include: Sequence[str] | None, exclude: Sequence[str]
) -> list[str]:
    """Filter paths as huggingface_hub's allow_patterns and ignore_patterns do.

    Patterns are fnmatch patterns on the whole path (`*` crosses `/`); one that ends in `/` means
    everything below, and a backslash is as good as a slash (huggingface_hub, utils/_paths.py,
    filter_repo_objects).

    Args:
        paths: Paths as in the repository.
        include: Patterns of which one must match, or None for all paths.
        exclude: Patterns of which none may match.
    """

    def matches(path: str, patterns: Iterable[str]) -> bool:
        return any(fnmatchcase(_slashed(path), pattern) for pattern in patterns)

    wanted = None if include is None else [_pattern(p) for p in include]
    unwanted = [_pattern(p) for p in exclude]
    return [
        path
        for path in paths
        if (wanted is None or matches(path, wanted)) and not matches(path, unwanted)
    ]


def _slashed(text: str) -> str:
    return text.replace("\\", "/")


def _pattern(text: str) -> str:
    return _slashed(text) + "*" if _slashed(text).endswith("/") else _slashed(text)
