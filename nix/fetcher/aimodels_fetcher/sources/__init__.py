"""Where files come from: one file a source kind, named by the key under `source` in Nix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.sources.base import Source
from aimodels_fetcher.sources.huggingface import HuggingFace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_KINDS: dict[str, Callable[[Mapping[str, Any]], Sequence[Source]]] = {
    "huggingface": HuggingFace.from_json
}


def sources_from(data: Mapping[str, Any]) -> tuple[Source, ...]:
    """Make the sources of a spec from an object with one key, their kind.

    There are several where the same content is in several places, and at least one.

    Raises:
        ValueError: Not exactly one.
        FetchError: This release cannot fetch that kind.
    """
    kind, *others = data
    if others:
        raise ValueError(f"source kinds {sorted(data)}")
    if kind not in _KINDS:
        raise FetchError(
            f"this release cannot fetch from sources of the kind {kind}",
            f"it knows: {', '.join(_KINDS)}",
        )
    return tuple(_KINDS[kind](data[kind]))


__all__ = ["Source", "sources_from"]
