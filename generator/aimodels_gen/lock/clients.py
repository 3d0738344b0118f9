"""The clients of one run: one for each kind of source, shared by all models."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from aimodels_gen import sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self

    from aimodels_gen.sources.base import Source, SourceClient, Warn


class Clients(contextlib.ExitStack):
    """Clients by their kind, until the end of the block."""

    def __init__(self, wanted: Iterable[Source], warn: Warn) -> None:
        """Prepare for the kinds of these sources; for `warn` see `sources.connect`.

        Raises:
            SourceError: the environment makes it impossible.
        """
        super().__init__()
        self._wanted = dict.fromkeys(source.kind for source in wanted)
        self._warn = warn
        self._clients: dict[str, SourceClient[Any]] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            for kind in self._wanted:
                client = sources.connect(kind, self._warn)
                self._clients[kind] = self.enter_context(contextlib.closing(client))
        except BaseException:
            self.close()
            raise
        return self

    def of(self, source: Source) -> SourceClient[Any]:
        """Return the client of a source's kind."""
        return self._clients[source.kind]
