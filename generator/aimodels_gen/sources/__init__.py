"""The registry of the kinds of sources, known by their key under `source` in models.toml.

A module `KIND.py` defines `SOURCE`, a declaration of what to fetch (`base.Source`), and `CLIENT`,
which talks to the servers (`base.SourceClient`). A package has the one in `KIND/__init__.py` and
the other in `KIND/client.py`, which is imported only to connect. That it is here is all that it
takes; docs/adding-a-source.md walks through one.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from aimodels_gen.sources.base import Source, SourceClient, Warn


def names() -> tuple[str, ...]:
    """Return the kinds that there are, without importing them."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "base"))


def kind(name: str) -> type[Source]:
    """Return the declaration of one of `names`."""
    return cast("type[Source]", import_module(f"{__name__}.{name}").SOURCE)


def connect(name: str, warn: Warn) -> SourceClient[Any]:
    """Return a client for sources of one of `names`; this is where heavy imports happen.

    `warn` receives, from any thread, a line for what the reader should know of servers that failed
    where others answered.

    Raises:
        SourceError: the environment makes it impossible.
    """
    module = import_module(f"{__name__}.{name}")
    if not hasattr(module, "CLIENT"):
        module = import_module(f"{__name__}.{name}.client")
    return cast("SourceClient[Any]", module.CLIENT(warn))
