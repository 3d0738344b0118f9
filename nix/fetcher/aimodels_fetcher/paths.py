"""Paths inside a model: which are safe to create, and which can exist together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aimodels_fetcher.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Iterable

HOSTILE = "leave it out with exclude, or report it to whoever runs the server"
"""The next step where a listing cannot be right."""

_LONGEST_PART = 255  # bytes: NAME_MAX of Linux's file systems
_SHORT = _LONGEST_PART // 4  # characters: UTF-8 has four bytes for one at most
_LONGEST_PATH = 3072  # bytes: PATH_MAX is 4,096, and the path of the entry comes before it


def check_path(path: str) -> str:
    """Return `path` if a file of that name stays inside the directory it is created in.

    Everything that a file system can name is accepted: spaces, quotes, newlines, any script.

    Raises:
        FetchError: It is absolute or empty, has `..`, `.`, an empty part or a NUL, is not text, or
            has more than 3,072 bytes, or a part of more than 255.
    """
    parts = path.split("/")
    hostile = "\0" in path or not {"", ".", ".."}.isdisjoint(parts)
    # JSON can spell lone surrogates, file names cannot.
    if hostile or path.encode("utf-8", "replace").decode("utf-8") != path:
        raise FetchError(
            f"the path {path!r} would leave the output: it could be written outside of the model",
            HOSTILE,
        )
    if len(path) <= _SHORT:
        return path
    if len(path.encode()) > _LONGEST_PATH or any(
        len(part.encode()) > _LONGEST_PART for part in parts
    ):
        raise FetchError(f"the path {path[:255]!r} is too long for a file system", HOSTILE)
    return path


def check_paths(paths: Iterable[str]) -> None:
    """Refuse paths of one model that no directory can hold together.

    Raises:
        FetchError: One is hostile (`check_path`), is there twice, or is the directory of another.
    """
    taken: set[str] = set()
    for path in map(check_path, paths):
        if path in taken:
            raise FetchError(f"{path!r} is listed twice", HOSTILE)
        taken.add(path)
    for path in taken:
        parts = path.split("/")
        for length in range(1, len(parts)):
            directory = "/".join(parts[:length])
            if directory in taken:
                raise FetchError(
                    f"{path!r} needs a directory where {directory!r} is a file",
                    f"leave one of them out, as in exclude = {json.dumps([directory])}",
                )
