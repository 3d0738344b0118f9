"""Where files come from: one file a source kind, named by the key under `source` in Nix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimodels_fetcher.sources.base import Source
from aimodels_fetcher.sources.huggingface import HuggingFace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_KINDS: dict[str, Callable[[Mapping[str, Any]], Source]] = {"huggingface": HuggingFace.from_json}


def source_from(data: Mapping[str, Any]) -> Source:
    """Make the source of a spec: an object with one key, the source's kind.

    Raises:
        ValueError: No such kind, or not exactly one.
    """
    kind, *others = data
    if others or kind not in _KINDS:
        raise ValueError(f"source kinds {sorted(data)}")
    return _KINDS[kind](data[kind])


__all__ = ["Source", "source_from"]
