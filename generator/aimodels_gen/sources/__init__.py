"""The registry of the kinds of sources, known by their key under `source` in models.toml.

A module `KIND.py` defines `SOURCE`, a declaration of what to fetch (`base.Source`), and `CLIENT`,
which talks to the servers (`base.SourceClient`). A package has the one in `KIND/__init__.py` and
the other in `KIND/client.py`, which is imported only to connect. It may have a `KIND/pasted.py`,
which reads what people paste in its place. That it is here is all that it takes;
docs/adding-a-source.md walks through one.
"""

from __future__ import annotations

import pkgutil
import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, cast

from aimodels_gen.net.contents import is_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_gen.pasted import Meant
    from aimodels_gen.sources.base import Source, SourceClient, Warn

_ADDRESS = re.compile(r"://|\s|\Aarn:|\Agit@|\A[^/\s]+\.[a-z]{2,}(?:/|\Z)")


@cache
def names() -> tuple[str, ...]:
    """Return the kinds that there are, without importing them."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "base"))


def kind(name: str) -> type[Source]:
    """Return the declaration of one of `names`."""
    return cast("type[Source]", import_module(f"{__name__}.{name}").SOURCE)


def meant_by(text: str) -> Meant | None:
    """Return the source that a pasted text names, None if no kind can read it."""
    for module in filter(None, map(_pasted, names())):
        if meant := module.read(text):
            return meant
    return None


def corrected(name: str, value: object) -> Meant | None:
    """Return what is most likely meant by a wrong value of `source.NAME`.

    None if the kind has no module `pasted`, or the value is neither a table nor a text.
    """
    module = _pasted(name)
    if module is None:
        return None
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        (value,) = value
    if isinstance(value, str):
        # An address says of which kind it is; a name alone is of the kind that it stands at, if
        # that can be.
        other = meant_by(value)
        if other and other.kind != "url" and _ADDRESS.search(value):
            return other
        read = module.read(value) or module.correct({module.MAIN: value})
        return read if read.table or not other else other
    if isinstance(value, list):
        return module.correct({module.MAIN: value})
    if not isinstance(value, dict):
        return None
    return _of_other_kind(name, value.get(module.MAIN)) or module.correct(value)


def _of_other_kind(name: str, value: object) -> Meant | None:
    """Return what an address names that is of another kind than where it stands."""
    if not isinstance(value, str) or not _ADDRESS.search(value):
        return None
    other = meant_by(value)
    if other is None or other.kind == name:
        return None
    # Any server may have a Hub or buckets; a file says by its name that it is one.
    return other if other.kind != "url" or all(map(is_weights, other.table["files"])) else None


class _Pasted(Protocol):
    """A module `pasted` of a kind.

    Attributes:
        MAIN: the key that a value without a table is for.
    """

    MAIN: str

    def read(self, text: str, /) -> Meant | None:
        """Return the source that a text names."""

    def correct(self, table: Mapping[str, Any], /) -> Meant:
        """Return what is most likely meant by a table."""


@cache
def _pasted(name: str) -> _Pasted | None:
    found = find_spec(f"{__name__}.{name}")
    if found is None or found.submodule_search_locations is None:
        return None
    module = f"{__name__}.{name}.pasted"
    return cast("_Pasted", import_module(module)) if find_spec(module) else None


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
