"""Which servers are asked for a repository: one after the other, until one has it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.retry import INTERACTIVE_TRIES, TRIES_BEFORE_ANOTHER
from aimodels_gen.errors import SourceError
from aimodels_gen.sources.huggingface.failures import is_out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimodels_fetcher.sources.huggingface import HuggingFace as Place

T = TypeVar("T")
Warn = Callable[[str], None]
Explain = Callable[["Place", AimodelsError], SourceError]


class Failover:
    """Asks the endpoints of a repository in turn, and remembers for a run which are of no use.

    One object serves all threads.
    """

    def __init__(self, warn: Warn) -> None:
        """`warn` is told once of each endpoint that was skipped."""
        self._warn = warn
        self._out: dict[str, AimodelsError] = {}
        self._lacking: set[tuple[str, str]] = set()
        self._told: set[tuple[str, str | None]] = set()
        self._telling = threading.Lock()

    def in_order(self, places: Sequence[Place]) -> list[Place]:
        """Return those to ask, those last that lacked something of the repository before."""
        return sorted(places, key=lambda place: _at(place) in self._lacking)

    def is_out(self, place: Place) -> bool:
        """Return whether it is known not to answer."""
        return place.endpoint in self._out

    def ask(
        self, label: str, places: Sequence[Place], call: Callable[[Place, int], T], explain: Explain
    ) -> T:
        """Return the result of `call` for the first endpoint that has what it wants.

        One that cannot be reached, or limits the rate, is not asked again; one that lacks what is
        wanted, or has other bytes, is asked last for the rest of the repository.

        Args:
            label: what messages call the repository.
            places: it, at each of its endpoints.
            call: asks at one of them, so many times at the most.
            explain: returns what an error means there.

        Raises:
            SourceError: why none of them has it.
        """
        failures: dict[Place, SourceError] = {}
        among = self.in_order(places)
        for number, place in enumerate(among, 1):
            error = self._out.get(place.endpoint)
            if error is None:
                alone = all(map(self.is_out, among[number:]))
                try:
                    answer = call(place, INTERACTIVE_TRIES if alone else TRIES_BEFORE_ANOTHER)
                except AimodelsError as caught:
                    error = caught
                    self.note(place, error)
                else:
                    self.tell(failures, place)
                    return answer
            failures[place] = _caused(explain(place, error), error)
        raise all_of(failures, label)

    def note(self, place: Place, error: AimodelsError) -> None:
        """Remember that an endpoint failed."""
        if is_out(error):
            self._out[place.endpoint] = error
        else:
            self._lacking.add(_at(place))

    def tell(self, failures: Mapping[Place, SourceError], used: Place) -> None:
        """Warn of each endpoint once: for the whole run if it is out, else for this repository."""
        for place, failure in failures.items():
            key = (place.endpoint, None if self.is_out(place) else _at(place)[1])
            with self._telling:
                news = key not in self._told
                self._told.add(key)
            if news:
                self._warn(f"{_reason(place, failure)}; {used.place} has answered instead")


def all_of(failures: Mapping[Place, SourceError], label: str) -> SourceError:
    """Return one failure for those of all endpoints.

    The next step is that of the trusted one: it is what the others mirror.
    """
    decisive = next((failures[one] for one in failures if one.trusted), None)
    decisive = decisive or next(iter(failures.values()))
    if len({failure.message for failure in failures.values()}) == 1:
        return decisive
    reasons = "; ".join(_reason(place, failure) for place, failure in failures.items())
    message = f"none of the {len(failures)} endpoints gave {label}: {reasons}"
    return _caused(SourceError(message, decisive.hint), decisive)


def _at(place: Place) -> tuple[str, str]:
    return place.endpoint, f"{place.repo_type} {place.repo}"


def _reason(place: Place, failure: SourceError) -> str:
    """Return the failure's message, which names the endpoint."""
    url = place.place
    return failure.message if url in failure.message else f"{url}: {failure.message}"


def _caused(failure: SourceError, cause: BaseException) -> SourceError:
    if failure is not cause:
        failure.__cause__ = cause
    return failure
