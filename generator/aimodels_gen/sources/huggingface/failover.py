"""Which servers are asked for a repository: one after the other, until one has it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from aimodels_fetcher.urls import public
from aimodels_gen.errors import SourceError
from aimodels_gen.net.retry import TRIES, TRIES_BEFORE_ANOTHER
from aimodels_gen.sources.huggingface.endpoints import endpoints, trusted
from aimodels_gen.sources.huggingface.failures import EXPECTED, explain, is_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_gen.sources.huggingface import HuggingFace
    from aimodels_gen.sources.huggingface.endpoints import Endpoint
    from aimodels_gen.sources.huggingface.failures import Request

T = TypeVar("T")
Warn = Callable[[str], None]

_FAILURES: tuple[type[Exception], ...] = (*EXPECTED, SourceError)


class Failover:
    """Asks the endpoints of a source in turn, and remembers for a run which ones are of no use.

    One object serves all threads.
    """

    def __init__(self, default: tuple[Endpoint, ...], warn: Warn) -> None:
        """Ask `default` for sources that name none; `warn` gets a line for each one skipped."""
        self._default = default
        self._warn = warn
        self._out: dict[str, Exception] = {}
        self._lacking: set[tuple[Endpoint, str]] = set()
        self._told: set[tuple[str, str | None]] = set()
        self._telling = threading.Lock()

    def of(self, source: HuggingFace) -> list[Endpoint]:
        """Return those to ask for a source, those last that lacked something of it before."""
        among = endpoints(source.endpoints) if source.endpoints else self._default
        return sorted(among, key=lambda endpoint: (endpoint, source.label) in self._lacking)

    def is_out(self, endpoint: Endpoint) -> bool:
        """Return whether it is known not to answer."""
        return endpoint.url in self._out

    def ask(
        self,
        source: HuggingFace,
        call: Callable[[Endpoint, int], T],
        request: Callable[[Endpoint], Request],
    ) -> T:
        """Return what `call` makes of the first endpoint that has what it wants.

        One that cannot be reached, or limits the rate, is not asked again; one that lacks what is
        wanted, or has other bytes, is asked last for the rest of the source.

        Args:
            source: what is asked for.
            call: asks an endpoint, so many times at the most if it fails in passing.
            request: says what is asked of an endpoint, for messages.

        Raises:
            SourceError: why none of them has it.
        """
        failures: dict[Endpoint, SourceError] = {}
        among = self.of(source)
        for place, endpoint in enumerate(among, 1):
            error = self._out.get(endpoint.url)
            if error is None:
                alone = all(map(self.is_out, among[place:]))
                try:
                    answer = call(endpoint, TRIES if alone else TRIES_BEFORE_ANOTHER)
                except _FAILURES as caught:
                    error = caught
                    self._note(endpoint, source, error)
                else:
                    self._tell(source, failures, endpoint)
                    return answer
            failures[endpoint] = _caused(explain(error, request(endpoint)), error)
        raise _all_of(failures, source)

    def _note(self, endpoint: Endpoint, source: HuggingFace, error: Exception) -> None:
        if is_out(error):
            self._out[endpoint.url] = error
        else:
            self._lacking.add((endpoint, source.label))

    def _tell(
        self, source: HuggingFace, failures: Mapping[Endpoint, SourceError], used: Endpoint
    ) -> None:
        """Warn of each endpoint once: for the whole run if it is out, else for this source."""
        for endpoint, failure in failures.items():
            key = (endpoint.url, None if self.is_out(endpoint) else source.label)
            with self._telling:
                news = key not in self._told
                self._told.add(key)
            if news:
                self._warn(f"{_reason(endpoint, failure)}; {public(used.url)} has answered instead")


def _all_of(failures: Mapping[Endpoint, SourceError], source: HuggingFace) -> SourceError:
    """Return one failure for those of all endpoints.

    The next step is that of the trusted one: it is what the others mirror.
    """
    decisive = failures[trusted(failures)]
    if len({failure.message for failure in failures.values()}) == 1:
        return decisive
    reasons = "; ".join(_reason(endpoint, failure) for endpoint, failure in failures.items())
    message = f"none of the {len(failures)} endpoints gave {source.label}: {reasons}"
    return _caused(SourceError(message, decisive.hint), decisive)


def _reason(endpoint: Endpoint, failure: SourceError) -> str:
    """Return the failure's message, which names the endpoint."""
    url = public(endpoint.url)
    return failure.message if url in failure.message else f"{url}: {failure.message}"


def _caused(failure: SourceError, cause: Exception) -> SourceError:
    if failure is not cause:
        failure.__cause__ = cause
    return failure
