"""Which files of a listing a model takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

from aimodels_gen.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

T = TypeVar("T")
_LONGEST_PART = 255  # bytes: NAME_MAX of Linux's file systems


@dataclass(frozen=True)
class Filters:
    """Patterns of `fnmatch` on whole repository paths: `*` crosses directories, case counts.

    Attributes:
        include: take only what matches one of these; None takes everything.
        exclude: and of that, leave what matches one of these.
    """

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()

    def select(self, items: Iterable[T], path: Callable[[T], str]) -> tuple[T, ...]:
        """Return the items that are taken, with the meaning of huggingface_hub's patterns.

        That is: `dir/` stands for `dir/*`, and a backslash for a slash on both sides
        (`huggingface_hub.utils.filter_repo_objects`, written again so that other sources and an
        unchanged lock need not import it).
        """
        include = None if self.include is None else [_normal(item) for item in self.include]
        exclude = [_normal(item) for item in self.exclude]
        return tuple(
            item
            for item in items
            if (include is None or _matches(path(item), include))
            and not _matches(path(item), exclude)
        )

    def unused(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return the include patterns that match none of the paths: most likely misspelt."""
        listed = list(paths)
        return tuple(
            pattern
            for pattern in self.include or ()
            if not any(_matches(path, [_normal(pattern)]) for path in listed)
        )

    def __str__(self) -> str:
        """Return the patterns as they stand in a manifest."""
        include = [] if self.include is None else [f"include = {list(self.include)}"]
        exclude = [f"exclude = {list(self.exclude)}"] if self.exclude else []
        return " and ".join(include + exclude) or "no filters"


def check_paths(paths: Collection[str]) -> None:
    """Refuse paths of one model that no directory can hold together.

    Raises:
        SourceError: one is hostile (`check_path`), or one is the directory of another.
    """
    taken = set(map(check_path, paths))
    for path in paths:
        parts = path.split("/")
        for length in range(1, len(parts)):
            folder = "/".join(parts[:length])
            if folder in taken:
                raise SourceError(
                    f"{path!r} needs a folder where {folder!r} is a file",
                    f"leave one of them out, as in exclude = {json.dumps([folder])}",
                )


def check_path(path: str) -> str:
    """Return a listed path, having refused what no file can have or could leave the output.

    Spaces, quotes, `${`, newlines, non-ASCII characters and leading dots are all fine.

    Raises:
        SourceError: the path is absolute, holds NUL, an empty part, `.` or `..`, is no text, or
            has a part of more than 255 bytes.
    """
    parts = path.split("/")
    hostile = "\0" in path or not {"", ".", ".."}.isdisjoint(parts)
    # JSON can spell lone surrogates, file names cannot.
    if hostile or path.encode("utf-8", "replace").decode("utf-8") != path:
        raise SourceError(
            f"the listing names a file {path!r}, which could be written outside of the model",
            "leave it out with exclude, or report it to the one who runs the server",
        )
    if any(len(part.encode()) > _LONGEST_PART for part in parts):
        raise SourceError(
            f"the listing names a file {path!r}, which is too long for a file system",
            "leave it out with exclude",
        )
    return path


def _normal(pattern: str) -> str:
    pattern = pattern.replace("\\", "/")
    return pattern + "*" if pattern.endswith("/") else pattern


def _matches(path: str, patterns: Iterable[str]) -> bool:
    normal = path.replace("\\", "/")
    return any(fnmatchcase(normal, pattern) for pattern in patterns)
