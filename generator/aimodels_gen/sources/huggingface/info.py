"""What the Hub knows of a revision: the parts that are needed, and the repository's own name."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.json_parts import members
from aimodels_fetcher.sources.huggingface.listing import ODD
from aimodels_gen.engines.gguf import Gguf
from aimodels_gen.engines.huggingface import is_repo_part
from aimodels_gen.sources.huggingface import HuggingFace, is_commit
from aimodels_gen.sources.huggingface.failures import OddAnswerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_fetcher.http_client import HttpClient
    from aimodels_gen.sources.base import Warn

_FIELDS = (
    *("id", "sha", "gated", "pipeline_tag", "library_name", "tags", "cardData", "lastModified"),
    "gguf",
)
_LONGEST_NAME = 64
_MOST_TOKENS = 1 << 40


def read_info(body: bytes) -> dict[str, Any]:
    """Return what is needed of the document, which may list every file as well.

    Raises:
        TypeError, ValueError, RecursionError: as `members`.
    """
    return members(body, _FIELDS)


def commit_in(info: Mapping[str, Any], source: HuggingFace) -> str:
    """Return the commit that a source resolves to.

    Raises:
        OddAnswerError: it is none, or another one than the source's.
        KeyError: there is none.
    """
    rev = info["sha"]
    if not isinstance(rev, str) or not is_commit(rev):
        raise OddAnswerError(f"{rev!r} is not a commit")
    if source.rev not in {None, rev}:
        raise OddAnswerError(f"it returns {rev} for the commit {source.rev}")
    return rev


def gguf_in(info: Mapping[str, Any]) -> Gguf | None:
    """Return what the Hub has read of the GGUF files of a repository, None for nothing."""
    found = info.get("gguf")
    name = found.get("architecture") if isinstance(found, dict) else None
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
        return None
    length = found.get("context_length") if found else None
    is_count = type(length) is int and 0 < length < _MOST_TOKENS
    return Gguf(name, length if is_count else None)


def ref_names(client: HttpClient, url: str) -> tuple[str, ...]:
    """Return the names of branches and tags, none if the server does not tell."""
    try:
        document, _ = client.get_json(url)
        return tuple(str(ref["name"]) for kind in ("branches", "tags") for ref in document[kind])
    except (AimodelsError, *ODD):
        return ()


class RepoNames:
    """Tells, once for each repository, that its name on the Hub is not the one that was given."""

    def __init__(self, warn: Warn) -> None:
        """`warn` is told the line to write instead."""
        self._warn = warn
        self._told: set[HuggingFace] = set()
        self._telling = threading.Lock()

    def compare(self, source: HuggingFace, name: object) -> None:
        """Warn if a server calls a repository otherwise.

        Args:
            source: at any revision.
            name: what the server calls it.
        """
        if name == source.repo or not _is_repo(name):
            return
        with self._telling:
            news = source not in self._told
            self._told.add(source)
        if not news:
            return
        if str(name).lower() == source.repo.lower():
            self._warn(
                f'{source.label} is spelled "{name}" on the Hub: write repo = "{name}", because '
                "programs that use that spelling will not find the cache entry, which has yours"
            )
        else:
            self._warn(
                f'{source.label} has been renamed to "{name}" on the Hub: write repo = "{name}", '
                "or keep the old name as long as programs use it, because the cache entry has it"
            )


def _is_repo(name: object) -> bool:
    parts = name.split("/") if isinstance(name, str) else []
    return len(parts) in {1, 2} and all(map(is_repo_part, parts))
