"""The kinds of sources, each a module here, known by its key under `source` in models.toml.

A module `KIND.py` (or a package) defines `SOURCE`: a frozen dataclass that says what to fetch
(`base.Source`), and makes a client that talks to the servers (`base.Client`). That it is here is
all that it takes; docs/adding-a-source.md walks through one.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from aimodels_gen.sources.base import Source


def names() -> tuple[str, ...]:
    """Return the kinds that there are, without importing them."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "base"))


def kind(name: str) -> type[Source]:
    """Return one of `names`."""
    return cast("type[Source]", import_module(f"{__name__}.{name}").SOURCE)
