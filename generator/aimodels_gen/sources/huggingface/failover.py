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

    from aimodels_fetcher.sources.huggingface import HuggingFace as RepoAtEndpoint

T = TypeVar("T")
Warn = Callable[[str], None]
Explain = Callable[["RepoAtEndpoint", AimodelsError], SourceError]


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

    def in_order(self, repos: Sequence[RepoAtEndpoint]) -> list[RepoAtEndpoint]:
        """Return those to ask, those last that lacked something of the repository before."""
        return sorted(repos, key=lambda repo: _at(repo) in self._lacking)

    def is_out(self, repo: RepoAtEndpoint) -> bool:
        """Return whether it is known not to answer."""
        return repo.endpoint in self._out

    def ask(
        self,
        label: str,
        repos: Sequence[RepoAtEndpoint],
        call: Callable[[RepoAtEndpoint, int], T],
        explain: Explain,
    ) -> T:
        """Return the result of `call` for the first endpoint that has what it wants.

        One that cannot be reached, or limits the rate, is not asked again; one that lacks what is
        wanted, or has other bytes, is asked last for the rest of the repository.

        Args:
            label: what messages call the repository.
            repos: it, at each of its endpoints.
            call: asks at one of them, so many times at the most.
            explain: returns what an error means there.

        Raises:
            SourceError: why none of them has it.
        """
        failures: dict[RepoAtEndpoint, SourceError] = {}
        among = self.in_order(repos)
        for number, repo in enumerate(among, 1):
            error = self._out.get(repo.endpoint)
            if error is None:
                alone = all(map(self.is_out, among[number:]))
                try:
                    answer = call(repo, INTERACTIVE_TRIES if alone else TRIES_BEFORE_ANOTHER)
                except AimodelsError as caught:
                    self.note(repo, caught)
                    # That of the first of the requests that went on at the same time.
                    error = self._out.get(repo.endpoint, caught)
                else:
                    self.tell(failures, repo)
                    return answer
            failures[repo] = _caused(explain(repo, error), error)
        raise all_of(failures, label)

    def note(self, repo: RepoAtEndpoint, error: AimodelsError) -> None:
        """Remember that an endpoint failed."""
        if is_out(error):
            self._out.setdefault(repo.endpoint, error)
        else:
            self._lacking.add(_at(repo))

    def tell(self, failures: Mapping[RepoAtEndpoint, SourceError], used: RepoAtEndpoint) -> None:
        """Warn of each endpoint once: for the whole run if it is out, else for this repository."""
        for repo, failure in failures.items():
            key = (repo.endpoint, None if self.is_out(repo) else _at(repo)[1])
            with self._telling:
                news = key not in self._told
                self._told.add(key)
            if news:
                self._warn(f"{_reason(repo, failure)}; {used.location} has answered instead")


def all_of(failures: Mapping[RepoAtEndpoint, SourceError], label: str) -> SourceError:
    """Return one failure for those of all endpoints.

    The next step is that of the trusted one: it is what the others mirror.
    """
    decisive = next((failures[one] for one in failures if one.trusted), None)
    decisive = decisive or next(iter(failures.values()))
    if len({failure.message for failure in failures.values()}) == 1:
        return decisive
    reasons = "; ".join(_reason(repo, failure) for repo, failure in failures.items())
    message = f"none of the {len(failures)} endpoints returned {label}: {reasons}"
    shared = [failure.common for failure in failures.values() if failure.common]
    common = f"none of the {len(failures)} endpoints answers: {'; '.join(shared)}"
    of_all = common if len(shared) == len(failures) else None
    return _caused(SourceError(message, decisive.hint, common=of_all), decisive)


def _at(repo: RepoAtEndpoint) -> tuple[str, str]:
    return repo.endpoint, f"{repo.repo_type} {repo.repo}"


def _reason(repo: RepoAtEndpoint, failure: SourceError) -> str:
    """Return the failure's message, which names the endpoint."""
    url = repo.location
    return failure.message if url in failure.message else f"{url}: {failure.message}"


def _caused(failure: SourceError, cause: BaseException) -> SourceError:
    if failure is not cause:
        failure.__cause__ = cause
    return failure
