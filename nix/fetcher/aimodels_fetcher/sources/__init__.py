"""The kinds of sources: one module each beside base.py, named by its key under `source` in Nix.

A module defines `read`, which checks a spec's object with the readers of json_types.py, and makes
its sources: several where the same content is in several places, in the order in which to ask them,
and at least one.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

from aimodels_fetcher.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_fetcher.sources.base import Source


# Binary caches are places to ask for what a pin identifies, and pins do not name them.
_NO_KINDS = {"base", "binary_cache"}


def names() -> tuple[str, ...]:
    """Return the kinds that there are, without importing them."""
    return tuple(sorted({m.name for m in pkgutil.iter_modules(__path__)} - _NO_KINDS))


def sources_from(data: Sequence[object]) -> tuple[Source, ...]:
    """Make the sources of a spec from a list of objects with one key each, their kind.

    Raises:
        ValueError: There is none, one has not exactly one key, or a value is of the wrong type.
        FetchError: This release cannot fetch one of the kinds.
    """
    sources = tuple(source for item in data for source in _read(item))
    if not sources:
        raise ValueError("there are no sources")
    return sources


def _read(item: object) -> Sequence[Source]:
    if not isinstance(item, dict) or len(item) != 1:
        raise ValueError("a source is not an object with one key, its kind")
    ((kind, data),) = item.items()
    if kind not in names():
        shown = kind if kind.isidentifier() else repr(kind)
        raise FetchError(
            f"this release cannot fetch from sources of the kind {shown:.60}",
            f"it knows: {', '.join(names())}",
        )
    read: Sequence[Source] = import_module(f"{__name__}.{kind}").read(data)
    return read
