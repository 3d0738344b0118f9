"""Blobs that models of the user need as well: Ollama keeps each content once.

What a model needs is in small documents, in the directories whose files we copy.
"""

from __future__ import annotations

import contextlib
import posixpath
import re
from typing import TYPE_CHECKING

from aimodels_linker.errors import LinkError
from aimodels_linker.view import MAX_COPY
from aimodels_linker.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aimodels_linker.dirfd import Directory

_MAX_DOCUMENTS = 10_000
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")


def needed_digests(
    directory: Directory, tops: Iterable[str], is_ours: Callable[[str, str | None], bool]
) -> set[str]:
    """Return the digests in documents of others.

    Args:
        directory: The directory of the engine.
        tops: Directories in it that have documents.
        is_ours: Whether we made a document: its path, and the target if it is a link.
    """
    found: set[str] = set()
    for top in tops:
        with contextlib.suppress(FileNotFoundError, LinkError), directory.open_child(top) as child:
            for node, target in walk(child, _MAX_DOCUMENTS).nodes.items():
                path = f"{top}/{node}"
                if is_ours(path, target):
                    continue
                if target is not None:  # to a blob with the document
                    found |= {*_DIGEST.findall(target)}
                    path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
                found |= _digests(directory, path)
    return found


def digest_of(path: str) -> str:
    """Return the digest in the name of a blob, or an empty string."""
    match = _DIGEST.fullmatch(path.rpartition("/")[2])
    return match[1] if match else ""


def _digests(directory: Directory, path: str) -> set[str]:
    if path.startswith(("/", "../")):
        return set()
    with contextlib.suppress(LinkError, OSError):
        content = directory.read(path, MAX_COPY) or b""
        return {*_DIGEST.findall(content.decode("ascii", "replace"))}
    return set()
