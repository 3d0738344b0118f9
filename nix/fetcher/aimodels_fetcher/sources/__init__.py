"""Where files come from: one file a source kind, named by the key under `source` in Nix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
        ValueError: No such kind, or not exactly one.
    """
    kind, *others = data
    if others or kind not in _KINDS:
        raise ValueError(f"source kinds {sorted(data)}")
    return tuple(_KINDS[kind](data[kind]))


__all__ = ["Source", "sources_from"]
