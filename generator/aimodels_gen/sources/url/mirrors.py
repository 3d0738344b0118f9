"""The servers of plain files for downloads, in the order in which they are asked."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, ClassVar

from aimodels_fetcher.upstreams import Upstream, Upstreams
from aimodels_fetcher.urls import public
from aimodels_gen.sources.url.failures import explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_fetcher.errors import AimodelsError
    from aimodels_gen.sources.base import Warn


class Mirrors(Upstreams):
    """Warns of those that did not give a file that another one gave.

    Args:
        upstreams: the first URLs of all files, then the second ones.
        warn: is told of them.
    """

    strict: ClassVar[bool] = True

    def __init__(self, upstreams: Sequence[Upstream], warn: Warn) -> None:
        super().__init__(upstreams)
        self._first = upstreams[0]
        self._warn = warn
        self._failures: dict[str, dict[str, AimodelsError]] = {}
        self._noting = threading.Lock()

    def checks_etags(self, upstream: Upstream, url: str) -> bool:  # noqa: ARG002 - redirects are alike
        """Return whether it is the first: the others may call the same content otherwise."""
        return upstream is self._first

    def failed(self, upstream: Upstream, path: str, error: AimodelsError) -> None:
        """Remember it for this file."""
        with self._noting:
            self._failures.setdefault(path, {})[upstream.source.url(path) or ""] = error

    def succeeded(self, upstream: Upstream, path: str) -> None:
        """Warn of the URLs that were skipped."""
        used = upstream.source.url(path) or ""
        with self._noting:
            failures = self._failures.pop(path, {})
        for url, error in failures.items():
            if url != used:
                self._warn(f"{explain(error, url).message}; {public(used)} has answered instead")
